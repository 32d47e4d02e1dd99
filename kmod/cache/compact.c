// SPDX-License-Identifier: GPL-2.0
/*
 * Compaction: how a tenant gives chunks back without losing what they hold.
 *
 * The least used chunks are set apart. Where the rest of the arena has no room
 * for what is in them, blocks are evicted in the policy's order; what is left
 * in the chunks after that moves. Leased blocks do not: their chunks stay.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "cache/block.h"
#include "cache/compact.h"
#include "cache/evict.h"
#include "cache/tenant.h"

#define KVPOOL_COMPACT_CHUNKS	512	/* in one walk over the index */
#define KVPOOL_COMPACT_BATCH	32	/* blocks */
#define KVPOOL_COMPACT_FEW	16	/* chunks, without memory for more */

static unsigned long kvpool_compact_room(struct kvpool_tenant *tenant)
{
	unsigned long sum = 0;
	int node;

	for (node = 0; node < nr_node_ids; node++)
		sum += kvpool_arena_room(&tenant->arena, node);
	return sum;
}

/*
 * The next blocks that have to move, with a reference. Extents may only be
 * looked at with one, and the last one may not be dropped inside the walk.
 */
static unsigned int kvpool_compact_find(struct kvpool_tenant *tenant,
					struct rhashtable_iter *walk,
					struct kvpool_block **batch,
					unsigned int *restarts, bool *more)
{
	struct kvpool_block *block;
	unsigned int n = 0;

	rhashtable_walk_start(walk);
	do {
		block = rhashtable_walk_next(walk);
		if (IS_ERR(block)) {
			/* The index was resized: what moved does so once. */
			if (++*restarts > KVPOOL_COMPACT_BATCH)
				block = NULL;
			continue;
		}
		if (!block || READ_ONCE(block->state) != KVPOOL_BLOCK_SEALED ||
		    refcount_read(&block->refs) != 1)
			continue;
		WRITE_ONCE(block->moving, 1);
		if (!refcount_inc_not_zero(&block->refs))
			continue;
		if (kvpool_arena_isolated(&tenant->arena, &block->place)) {
			batch[n++] = block;
			continue;
		}
		WRITE_ONCE(block->moving, 0);
		if (!refcount_dec_not_one(&block->refs))
			batch[n++] = block;
	} while (block && n < KVPOOL_COMPACT_BATCH);
	rhashtable_walk_stop(walk);
	*more = !!block;
	return n;
}

static void kvpool_compact_move(struct kvpool_tenant *tenant, gfp_t gfp)
{
	struct kvpool_block *batch[KVPOOL_COMPACT_BATCH];
	unsigned int restarts = 0, n, i;
	struct rhashtable_iter walk;
	bool more;

	rhashtable_walk_enter(&tenant->index, &walk);
	do {
		n = kvpool_compact_find(tenant, &walk, batch, &restarts, &more);
		for (i = 0; i < n; i++) {
			kvpool_block_move(tenant, batch[i], gfp);
			WRITE_ONCE(batch[i]->moving, 0);
			kvpool_block_put(tenant, batch[i]);
		}
		cond_resched();
	} while (more && kvpool_arena_captive(&tenant->arena) &&
		 !fatal_signal_pending(current));
	rhashtable_walk_exit(&walk);
}

/**
 * kvpool_compact() - Empty chunks and give them back
 * @tenant: whose; nobody deletes it meanwhile
 * @node: of which node, or NUMA_NO_NODE for any
 * @since: jiffies; chunks that could not be emptied since then are left alone
 * @nr: how many chunks are wanted
 * @flags: KVPOOL_RECLAIM_*; KVPOOL_RECLAIM_TRY is for the shrinker
 *
 * Return: how many left the arena; none if the least used ones hold blocks
 * that are leased or reserved, or are pinned from outside.
 */
unsigned long kvpool_compact(struct kvpool_tenant *tenant, int node, u32 since,
			     unsigned long nr, unsigned int flags)
{
	struct kvpool_arena *arena = &tenant->arena;
	struct kvpool_chunk *few[KVPOOL_COMPACT_FEW], **chunks = NULL;
	unsigned long freed;
	/* Not worth a victim, nor for the shrinker the last reserves. */
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY |
		    (flags & KVPOOL_RECLAIM_TRY ? __GFP_NOMEMALLOC : 0);

	nr = min_t(unsigned long, nr, KVPOOL_COMPACT_CHUNKS);
	if (nr > ARRAY_SIZE(few))
		chunks = kmalloc_array(nr, sizeof(*chunks), gfp);
	if (!chunks) {
		chunks = few;
		nr = min_t(unsigned long, nr, ARRAY_SIZE(few));
	}
	nr = kvpool_arena_isolate(arena, node, since, chunks, nr, flags);

	while (kvpool_arena_captive(arena) > kvpool_compact_room(tenant) &&
	       kvpool_evict(tenant, NUMA_NO_NODE, 1))
		;
	if (kvpool_arena_captive(arena))
		kvpool_compact_move(tenant, gfp);
	freed = kvpool_arena_rejoin(arena, chunks, nr, flags);
	if (chunks != few)
		kfree(chunks);
	return freed;
}
