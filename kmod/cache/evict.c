// SPDX-License-Identifier: GPL-2.0
/* Eviction: blocks of one tenant, in the order of its policy. */
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "cache/block.h"
#include "cache/evict.h"
#include "cache/index.h"
#include "cache/tenant.h"
#include "cache/trace.h"

/* Most blocks to look at in one section under the policy's lock. */
#define KVPOOL_EVICT_SLICE	256

/* Search for the blocks of one node. */
struct kvpool_evict_want {
	struct kvpool_policy_want want;
	struct kvpool_arena *arena;
};

static bool kvpool_evict_accepts(const struct kvpool_policy_want *want,
				 const struct kvpool_block *block)
{
	struct kvpool_evict_want *w =
		container_of(want, struct kvpool_evict_want, want);

	return kvpool_arena_node(w->arena, &block->place) == want->tag;
}

/* Take victims out of one queue until they have *@pages pages. */
static void kvpool_evict_from(struct kvpool_tenant *tenant, unsigned int queue,
			      int node, u32 *pages, struct list_head *victims)
{
	struct kvpool_evict_want w = {
		.want = { .accepts = kvpool_evict_accepts, .tag = node },
		.arena = &tenant->arena,
	};
	struct kvpool_policy *policy = &tenant->policy;
	unsigned long budget, slice;
	struct kvpool_block *block;

	/* SIEVE may pass the queue twice, and blocks may be added to it. */
	budget = 2 * READ_ONCE(policy->queues[queue].nr) + 16;
	while (budget && *pages) {
		slice = min_t(unsigned long, budget, KVPOOL_EVICT_SLICE);
		budget -= slice;
		spin_lock(&policy->lock);
		do {
			block = kvpool_policy_victim(policy, queue, &slice,
						     node == NUMA_NO_NODE ?
						     NULL : &w.want);
			if (!block)
				break;
			WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
			list_add_tail(&block->lru, victims);
			*pages -= min(*pages, kvpool_block_pages(block));
		} while (*pages && slice);
		spin_unlock(&policy->lock);
		/* A slice that is not used up means that no block will do. */
		if (!block && slice)
			break;
		cond_resched();
	}
}

/**
 * kvpool_evict() - Evict the next blocks
 * @tenant: the tenant of the blocks
 * @node: NUMA node of the blocks, or NUMA_NO_NODE for all nodes
 * @pages: pages that the evicted blocks should have in total, at least one; the
 *	   last block may exceed it, and soft-pinned blocks are evicted only if
 *	   no other block can be
 *
 * Context: May sleep.
 * Return: false if no block could be evicted.
 */
bool kvpool_evict(struct kvpool_tenant *tenant, int node, u32 pages)
{
	struct kvpool_block *block;
	LIST_HEAD(victims);
	u64 bytes = 0;
	long nr = 0;

	kvpool_evict_from(tenant, KVPOOL_QUEUE_NORMAL, node, &pages, &victims);
	if (list_empty(&victims))
		kvpool_evict_from(tenant, KVPOOL_QUEUE_SOFT, node, &pages,
				  &victims);
	if (list_empty(&victims))
		return false;

	list_for_each_entry(block, &victims, lru) {
		kvpool_index_remove(&tenant->index, block);
		trace_kvpool_block_evict(tenant, block);
		bytes += kvpool_block_length(block);
		nr++;
	}
	kvpool_count(tenant, blocks, -nr);
	kvpool_count(tenant, evicted_blocks, nr);
	kvpool_count(tenant, evicted_bytes, bytes);
	kvpool_blocks_free(tenant, &victims);
	return true;
}

/**
 * kvpool_evict_all() - Evict every block that may be evicted
 * @tenant: the tenant of the blocks
 *
 * Ends early on a fatal signal.
 *
 * Context: May sleep.
 */
void kvpool_evict_all(struct kvpool_tenant *tenant)
{
	unsigned long nr = 0;
	int i;

	/* Blocks that are added concurrently do not prolong the loop. */
	for (i = 0; i < KVPOOL_NR_QUEUES; i++)
		nr += READ_ONCE(tenant->policy.queues[i].nr);
	while (nr-- && !fatal_signal_pending(current) &&
	       kvpool_evict(tenant, NUMA_NO_NODE, 1))
		;
}
