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

static bool kvpool_evict_accepts(const struct kvpool_policy_want *want,
				 const struct kvpool_block *block)
{
	return block->place.node == want->tag;
}

/* Take victims out of one queue until they have *@pages pages. */
static void kvpool_evict_from(struct kvpool_tenant *tenant, unsigned int queue,
			      int node, u32 *pages, struct list_head *victims)
{
	const struct kvpool_policy_want want = {
		.accepts = kvpool_evict_accepts,
		.tag = node,
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
						     NULL : &want);
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

/* Take the last two references, that of the index and that of the caller. */
static bool kvpool_block_freeze_own(struct kvpool_block *block)
{
	return atomic_cmpxchg(&block->refs.refs, 2, 0) == 2;
}

/**
 * kvpool_evict_block() - Evict a block whatever its turn
 * @tenant: the tenant of the block
 * @block: the block, with a reference of the caller
 *
 * Context: May sleep; allocates nothing.
 * Return: true if the block is evicted, and with it the caller's reference;
 * false, and nothing is done, if it is hard-pinned or has other users.
 */
bool kvpool_evict_block(struct kvpool_tenant *tenant,
			struct kvpool_block *block)
{
	bool evicted;

	spin_lock(&tenant->policy.lock);
	evicted = block->state == KVPOOL_BLOCK_SEALED &&
		  block->pin != KVPOOL_PIN_HARD &&
		  kvpool_block_freeze_own(block);
	if (evicted) {
		WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
		kvpool_policy_remove(&tenant->policy, block);
	}
	spin_unlock(&tenant->policy.lock);
	if (!evicted)
		return false;
	kvpool_index_remove(&tenant->index, block);
	trace_kvpool_block_evict(tenant, block);
	kvpool_count(tenant, blocks, -1);
	kvpool_count(tenant, evicted_blocks, 1);
	kvpool_count(tenant, evicted_bytes, kvpool_block_length(block));
	kvpool_block_free(tenant, block);
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
