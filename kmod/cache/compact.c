// SPDX-License-Identifier: GPL-2.0
/*
 * Compaction: release chunks of a tenant without losing the blocks in them.
 *
 * The least used chunk of a node is taken. If the rest of the arena has no room
 * for the blocks in it, blocks of the node are evicted in the policy's order,
 * which may leave another chunk the least used. The blocks that are left in the
 * chunk then move. A chunk with a leased or pending block stays.
 *
 * Memory may be short, and the caller may be the kernel's reclaim, so nothing
 * here waits for memory. A block that cannot be moved for lack of memory is
 * evicted. The work is in proportion to the pages that are released.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "cache/block.h"
#include "cache/compact.h"
#include "cache/evict.h"
#include "cache/hist.h"
#include "cache/move.h"
#include "cache/tenant.h"
#include "mem/poison.h"
#include "mem/vacate.h"

#define KVPOOL_COMPACT_BATCH	32	/* blocks */
#define KVPOOL_COMPACT_ROUNDS	4	/* of eviction, which others may use */

/* Neither the reserves nor direct reclaim. */
#define KVPOOL_COMPACT_GFP	(GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC)

static struct kvpool_block *kvpool_place_block(struct kvpool_place *place)
{
	return container_of(place, struct kvpool_block, place);
}

/* Can the block leave the chunk? A block without references is leaving. */
static bool kvpool_compact_idle(struct kvpool_place *place, void *arg)
{
	struct kvpool_block *block = kvpool_place_block(place);
	unsigned int refs = refcount_read(&block->refs);

	return !refs || (refs == 1 &&
			 READ_ONCE(block->state) == KVPOOL_BLOCK_SEALED);
}

/* Blocks of a chunk, with a reference to each. */
struct kvpool_compact_batch {
	struct kvpool_block *blocks[KVPOOL_COMPACT_BATCH];
	unsigned int nr;
};

static bool kvpool_compact_collect(struct kvpool_place *place, void *arg)
{
	struct kvpool_block *block = kvpool_place_block(place);
	struct kvpool_compact_batch *batch = arg;

	/* Extents of one block in the chunk are mostly side by side. */
	if (READ_ONCE(block->state) != KVPOOL_BLOCK_SEALED ||
	    (batch->nr && batch->blocks[batch->nr - 1] == block))
		return true;
	if (!refcount_inc_not_zero(&block->refs))
		return true;
	batch->blocks[batch->nr++] = block;
	return batch->nr < KVPOOL_COMPACT_BATCH;
}

/* Claim the blocks of a batch; those that cannot be claimed leave it. */
static void kvpool_compact_claim(struct kvpool_tenant *tenant,
				 struct kvpool_compact_batch *batch)
{
	unsigned int i, nr = 0;

	for (i = 0; i < batch->nr; i++) {
		if (kvpool_block_claim(tenant, batch->blocks[i]))
			batch->blocks[nr++] = batch->blocks[i];
		else
			kvpool_block_put(tenant, batch->blocks[i]);
	}
	batch->nr = nr;
}

static bool kvpool_compact_move(struct kvpool_tenant *tenant,
				struct kvpool_block *block)
{
	if (!kvpool_block_move(tenant, block, KVPOOL_COMPACT_GFP))
		return false;
	/* The new memory may have failed before it was that of a sealed block. */
	if (kvpool_poison_place(&tenant->arena, &block->place))
		kvpool_block_remove(tenant, &block->key);
	return true;
}

/* Move or evict the blocks of a chunk, as far as that is possible. */
static void kvpool_compact_empty(struct kvpool_tenant *tenant,
				 struct kvpool_chunk *chunk)
{
	struct kvpool_arena *arena = &tenant->arena;
	struct kvpool_compact_batch batch;
	u32 captive, before = U32_MAX;
	unsigned int i;

	if (!kvpool_arena_walk(arena, chunk, kvpool_compact_idle, NULL))
		return;
	captive = kvpool_arena_captive(arena, chunk);
	while (captive && captive < before && !fatal_signal_pending(current)) {
		before = captive;
		batch.nr = 0;
		kvpool_arena_walk(arena, chunk, kvpool_compact_collect, &batch);
		kvpool_compact_claim(tenant, &batch);
		for (i = 0; i < batch.nr; i++) {
			struct kvpool_block *block = batch.blocks[i];

			if (kvpool_compact_move(tenant, block) ||
			    !kvpool_evict_block(tenant, block))
				kvpool_block_unclaim(tenant, block);
			cond_resched();
		}
		captive = kvpool_arena_captive(arena, chunk);
	}
}

static unsigned long kvpool_compact_room(struct kvpool_tenant *tenant)
{
	unsigned long sum = 0;
	int node;

	for (node = 0; node < nr_node_ids; node++)
		sum += kvpool_arena_room(&tenant->arena, node);
	return sum;
}

/*
 * Make room for the blocks of a taken chunk. Room for a whole chunk is enough
 * for those of the least used one. Return false if no block can be evicted.
 */
static bool kvpool_compact_evict(struct kvpool_tenant *tenant,
				 struct kvpool_chunk *chunk, unsigned long room)
{
	struct kvpool_arena *arena = &tenant->arena;

	room += KVPOOL_CHUNK_PAGES - kvpool_arena_captive(arena, chunk);
	return kvpool_arena_walk(arena, chunk, kvpool_compact_idle, NULL) &&
	       (room >= KVPOOL_CHUNK_PAGES ||
		kvpool_evict(tenant, chunk->node, KVPOOL_CHUNK_PAGES - room));
}

/* Take the least used chunk, once there is room for its blocks elsewhere. */
static struct kvpool_chunk *
kvpool_compact_take(struct kvpool_tenant *tenant, int node,
		    const struct kvpool_effort *effort)
{
	struct kvpool_arena *arena = &tenant->arena;
	unsigned int rounds = KVPOOL_COMPACT_ROUNDS;
	struct kvpool_chunk *chunk;
	unsigned long room;

	while (rounds-- && !fatal_signal_pending(current)) {
		chunk = kvpool_arena_take(arena, node, effort->most,
					  effort->since);
		if (!chunk)
			break;
		room = kvpool_compact_room(tenant);
		if (kvpool_arena_captive(arena, chunk) <= room)
			return chunk;
		if (!kvpool_compact_evict(tenant, chunk, room)) {
			kvpool_arena_refuse(arena, chunk);
			break;
		}
		/* Another chunk may be the least used one now. */
		kvpool_arena_return(arena, chunk);
	}
	return NULL;
}

/**
 * kvpool_compact() - Empty chunks and release them
 * @tenant: the tenant of the chunks, which the caller keeps from being deleted
 * @node: NUMA node of the chunks
 * @nr: most chunks to release
 * @effort: how hard to try
 *
 * Context: May sleep; allocates nothing that waits for memory.
 * Return: the number of chunks that were released.
 */
unsigned long kvpool_compact(struct kvpool_tenant *tenant, int node,
			     unsigned long nr,
			     const struct kvpool_effort *effort)
{
	struct kvpool_arena *arena = &tenant->arena;
	unsigned long freed = 0, failures = 0, looks = 0;
	u64 start = ktime_get_ns();
	struct kvpool_chunk *chunk;

	while (freed < nr && failures < effort->failures &&
	       !fatal_signal_pending(current)) {
		cond_resched();
		chunk = kvpool_compact_take(tenant, node, effort);
		if (!chunk) {
			/* Each look passes some of the held chunks. */
			if (!kvpool_arena_vacatable(arena, node,
						    effort->most) &&
			    (effort->since == KVPOOL_TAKE_PATIENT ||
			     looks++ * KVPOOL_HELD_TRIES >
			     kvpool_arena_held(arena, node)))
				break;
			failures++;
			continue;
		}
		kvpool_compact_empty(tenant, chunk);
		if (kvpool_arena_release(arena, chunk))
			freed++;
		else
			failures++;
	}
	kvpool_hist_add(tenant, KVPOOL_HIST_COMPACT_BYTES,
			(u64)freed << KVPOOL_CHUNK_SHIFT);
	kvpool_hist_since(tenant, KVPOOL_HIST_COMPACT_NS, start);
	return freed;
}

/**
 * kvpool_compact_at() - Empty one chunk and release it
 * @tenant: the tenant of the chunk, which the caller keeps from being deleted
 * @index: index of the chunk
 *
 * Context: May sleep; allocates nothing that waits for memory.
 * Return: true if the chunk was released.
 */
bool kvpool_compact_at(struct kvpool_tenant *tenant, u32 index)
{
	struct kvpool_arena *arena = &tenant->arena;
	struct kvpool_chunk *chunk = kvpool_arena_take_at(arena, index);

	if (!chunk)
		return false;
	kvpool_compact_empty(tenant, chunk);
	return kvpool_arena_release(arena, chunk);
}
