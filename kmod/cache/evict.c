// SPDX-License-Identifier: GPL-2.0
/* Eviction: blocks of one tenant, in the order of its policy. */
#include <linux/list.h>
#include <linux/numa.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "cache/block.h"
#include "cache/chain.h"
#include "cache/evict.h"
#include "cache/hist.h"
#include "cache/index.h"
#include "cache/pool.h"
#include "cache/tenant.h"
#include "cache/trace.h"

/* Most blocks to look at in one section under the policy's lock. */
#define KVPOOL_EVICT_SLICE	256

/* Slices of a sweep before a victim is chosen; the rest is work. */
#define KVPOOL_EVICT_SLICES	32

/*
 * Look for orphans first if blocks with children have ended. The work is
 * bounded, also if other tasks go on ending such blocks.
 */
static void kvpool_evict_sweep(struct kvpool_tenant *tenant, unsigned long most)
{
	struct kvpool_policy *policy = &tenant->policy;
	unsigned long steps = 0, slices;
	unsigned int kind;
	bool more = true;

	if (!READ_ONCE(policy->sweep.due) && !READ_ONCE(policy->sweep.active))
		return;
	for (kind = 0; kind < KVPOOL_NR_QUEUES; kind++)
		steps += kvpool_policy_nr(policy, NUMA_NO_NODE, kind);
	/* Each block is passed three times, in the rest of a sweep and one. */
	slices = min(8 + 6 * steps / KVPOOL_EVICT_SLICE, most);
	while (more && slices-- && !fatal_signal_pending(current)) {
		spin_lock(&policy->lock);
		more = kvpool_chain_sweep(policy, KVPOOL_EVICT_SLICE);
		spin_unlock(&policy->lock);
		cond_resched();
	}
}

/**
 * kvpool_evict_finish_sweep() - Look for all orphans
 * @tenant: the tenant
 *
 * Context: May sleep.
 */
void kvpool_evict_finish_sweep(struct kvpool_tenant *tenant)
{
	kvpool_evict_sweep(tenant, ULONG_MAX);
}

/* A frozen block ends; policy.lock is held. */
static void kvpool_evict_end(struct kvpool_tenant *tenant,
			     struct kvpool_block *block,
			     struct list_head *victims)
{
	kvpool_chain_end(&tenant->policy, block);
	WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
	list_add_tail(&block->lru, victims);
}

/* Take victims out of queues of a kind until they have *@pages pages. */
static void kvpool_evict_from(struct kvpool_tenant *tenant, unsigned int kind,
			      int node, u32 *pages, struct list_head *victims)
{
	struct kvpool_policy *policy = &tenant->policy;
	unsigned long budget, slice;
	struct kvpool_block *block;

	/* SIEVE may pass the queue twice, and blocks may be added to it. */
	budget = 2 * kvpool_policy_nr(policy, node, kind) + 16;
	while (budget && *pages) {
		slice = min_t(unsigned long, budget, KVPOOL_EVICT_SLICE);
		budget -= slice;
		spin_lock(&policy->lock);
		do {
			block = kvpool_policy_victim(policy, node, kind,
						     &slice);
			if (!block)
				break;
			kvpool_evict_end(tenant, block, victims);
			*pages -= min(*pages, kvpool_block_pages(block));
		} while (*pages && slice);
		spin_unlock(&policy->lock);
		/* A slice that is not used up means that no block will do. */
		if (!block && slice)
			break;
		cond_resched();
	}
}

/* The same, and if the blocks that seem the oldest are all in use, any. */
static void kvpool_evict_kind(struct kvpool_tenant *tenant, unsigned int kind,
			      int node, u32 *pages, struct list_head *victims)
{
	if (!*pages || !kvpool_policy_nr(&tenant->policy, node, kind))
		return;
	kvpool_evict_from(tenant, kind, node, pages, victims);
	if (node != NUMA_NO_NODE)
		return;
	for (node = 0; list_empty(victims) && node < nr_node_ids; node++)
		if (kvpool_policy_nr(&tenant->policy, node, kind))
			kvpool_evict_from(tenant, kind, node, pages, victims);
}

/* Free blocks that have been evicted. */
static void kvpool_evict_finish(struct kvpool_tenant *tenant,
				struct list_head *victims)
{
	struct kvpool_block *block;
	u64 bytes = 0;
	long nr = 0;

	list_for_each_entry(block, victims, lru) {
		kvpool_index_remove(&tenant->index, block);
		trace_kvpool_block_evict(tenant, block);
		bytes += kvpool_block_length(block);
		nr++;
		cond_resched();
	}
	kvpool_count(tenant, blocks, -nr);
	kvpool_count(tenant, evicted_blocks, nr);
	kvpool_count(tenant, evicted_bytes, bytes);
	kvpool_hist_add(tenant, KVPOOL_HIST_EVICT_BYTES, bytes);
	kvpool_blocks_free(tenant, victims);
}

/**
 * kvpool_evict() - Evict the next blocks
 * @tenant: the tenant of the blocks
 * @node: NUMA node of the blocks, or NUMA_NO_NODE for all nodes
 * @pages: pages that the evicted blocks should have in total, at least one; the
 *	   last block may exceed it. Orphans are evicted first, and soft-pinned
 *	   blocks only if no other block can be.
 *
 * Context: May sleep.
 * Return: false if no block could be evicted.
 */
bool kvpool_evict(struct kvpool_tenant *tenant, int node, u32 pages)
{
	u64 start = ktime_get_ns();
	LIST_HEAD(victims);

	kvpool_evict_sweep(tenant, KVPOOL_EVICT_SLICES +
			   pages / KVPOOL_EVICT_SLICES);
	if (READ_ONCE(tenant->policy.sweep.due) ||
	    READ_ONCE(tenant->policy.sweep.active))
		queue_work(kvpool_pool.wq, &tenant->evict_work);
	kvpool_evict_kind(tenant, KVPOOL_QUEUE_ORPHAN, node, &pages, &victims);
	kvpool_evict_kind(tenant, KVPOOL_QUEUE_NORMAL, node, &pages, &victims);
	if (list_empty(&victims))
		kvpool_evict_kind(tenant, KVPOOL_QUEUE_SOFT, node, &pages,
				  &victims);
	if (list_empty(&victims))
		return false;
	kvpool_evict_finish(tenant, &victims);
	kvpool_hist_since(tenant, KVPOOL_HIST_EVICT_NS, start);
	return true;
}

/**
 * kvpool_evict_block() - Evict a given block
 * @tenant: the tenant of the block
 * @block: a block that the caller has claimed with kvpool_block_claim()
 *
 * Context: May sleep.
 * Return: true, and the claim and the caller's reference are gone; or false if
 * the block is not sealed any more, is in use or hard-pinned, or has children.
 */
bool kvpool_evict_block(struct kvpool_tenant *tenant,
			struct kvpool_block *block)
{
	LIST_HEAD(victims);

	spin_lock(&tenant->policy.lock);
	/* The references of the caller and of the index are to be the only. */
	if (block->state == KVPOOL_BLOCK_SEALED && !block->children &&
	    block->pin != KVPOOL_PIN_HARD &&
	    refcount_dec_not_one(&block->refs)) {
		if (kvpool_block_freeze(block))
			kvpool_evict_end(tenant, block, &victims);
		else
			refcount_inc(&block->refs);
	}
	spin_unlock(&tenant->policy.lock);
	if (list_empty(&victims))
		return false;
	kvpool_evict_finish(tenant, &victims);
	return true;
}
