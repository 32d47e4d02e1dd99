// SPDX-License-Identifier: GPL-2.0
/*
 * Compaction: release chunks of a tenant without losing the blocks in them.
 *
 * The least used chunks are isolated. If the rest of the arena has no room for
 * the blocks in them, blocks are evicted in the policy's order. The blocks that
 * are left in the isolated chunks then move, except leased ones, whose chunks
 * stay.
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
 * Find the next blocks that have to move, and take a reference to each. Extents
 * are stable only under a reference, and the last reference cannot be dropped
 * inside the walk, which is an RCU read-side section. So @batch may also
 * contain blocks that need not move, whose reference became the last one.
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
			/* The index was resized: the walk restarts. */
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
 * kvpool_compact() - Empty chunks and release them
 * @tenant: the tenant of the chunks, which the caller keeps from being deleted
 * @node: NUMA node of the chunks, or NUMA_NO_NODE for all nodes
 * @since: jiffies; chunks that could not be emptied since then are skipped
 * @nr: most chunks to release; one call releases at most KVPOOL_COMPACT_CHUNKS
 * @flags: KVPOOL_RECLAIM_*; the shrinker and the OOM notifier set
 *	   KVPOOL_RECLAIM_TRY
 *
 * Context: May sleep.
 * Return: the number of chunks that were released; zero if each of the least
 * used chunks holds a leased or reserved block, or has a page reference from
 * outside the module.
 */
unsigned long kvpool_compact(struct kvpool_tenant *tenant, int node, u32 since,
			     unsigned long nr, unsigned int flags)
{
	struct kvpool_arena *arena = &tenant->arena;
	struct kvpool_chunk *few[KVPOOL_COMPACT_FEW], **chunks = NULL;
	unsigned long freed;
	/* Do not reclaim hard; in reclaim, leave the reserves alone. */
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
