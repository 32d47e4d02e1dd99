// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantees: memory that a tenant has at any time, whatever others do.
 *
 * The first chunks of the arena are guaranteed. They are there as soon as the
 * guarantee is set, and never leave, so that an engine registers this part of
 * its mapping with its devices once.
 */
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "cache/compact.h"
#include "cache/guarantee.h"
#include "cache/reclaim.h"
#include "cache/tenant.h"
#include "mem/arena.h"
#include "mem/tier.h"

/* Serialises changes of guarantees. Outermost; never held by reclaim. */
static DEFINE_MUTEX(kvpool_guarantee_lock);

/* Times that a chunk on a wrong node is replaced. */
#define KVPOOL_GUARANTEE_TRIES	16

/**
 * kvpool_guarantee_get() - Tell how many chunks a tenant is guaranteed
 * @tenant: the tenant
 *
 * Context: Any.
 * Return: chunks.
 */
unsigned long kvpool_guarantee_get(struct kvpool_tenant *tenant)
{
	return READ_ONCE(tenant->guaranteed);
}

/* Deletion of the tenant waits for the caller. */
static bool kvpool_guarantee_ends(const struct kvpool_tenant *tenant)
{
	return atomic_read(&tenant->nr_users) < 0;
}

/* The allowed node that has the fewest guaranteed chunks, but none of @full. */
static struct kvpool_tier *kvpool_guarantee_tier(struct kvpool_tenant *tenant,
						 const nodemask_t *full)
{
	struct kvpool_tier *tier, *best = NULL;
	unsigned long n, least = ULONG_MAX;
	int node;

	for_each_node_mask(node, tenant->guaranteed_nodes) {
		tier = kvpool_tier_find(node);
		if (!tier || !READ_ONCE(tier->limit) || node_isset(node, *full))
			continue;
		n = kvpool_arena_guaranteed(&tenant->arena, node);
		if (n < least) {
			least = n;
			best = tier;
		}
	}
	return best;
}

/* Add a guaranteed chunk; other blocks and tenants make room for it. */
static int kvpool_guarantee_add(struct kvpool_tenant *tenant, u32 index)
{
	nodemask_t full = NODE_MASK_NONE;
	struct kvpool_tier *tier;
	int ret = -ENOSPC;

	for (;;) {
		tier = kvpool_guarantee_tier(tenant, &full);
		if (!tier)
			return ret;
		ret = kvpool_arena_grow_at(&tenant->arena, tier,
					   kvpool_tenant_room(tenant), index,
					   KVPOOL_GROW_HARD);
		if (!ret || ret == -EBUSY)
			return ret;
		if (ret == -EDQUOT) {
			/* Blocks at higher offsets move, or are evicted. */
			if (!kvpool_reclaim_own(tenant, NUMA_NO_NODE, 1))
				return ret;
		} else if (!kvpool_reclaim_others(tenant, tier->node, 1) &&
			   !kvpool_reclaim_own(tenant, tier->node, 1)) {
			node_set(tier->node, full);
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		if (kvpool_guarantee_ends(tenant))
			return -ENODEV;
	}
}

/* Guarantee one chunk, which may be there or be absent. */
static int kvpool_guarantee_chunk(struct kvpool_tenant *tenant, u32 index)
{
	int ret;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (kvpool_guarantee_ends(tenant))
			return -ENODEV;
		cond_resched();
		ret = kvpool_arena_guarantee(&tenant->arena, index,
					     &tenant->guaranteed_nodes);
		if (ret == -ENOENT)
			ret = kvpool_guarantee_add(tenant, index);
	} while (ret == -EAGAIN || ret == -EBUSY);
	return ret;
}

/* Guarantee chunks; those on a wrong node come last, and are replaced. */
static int kvpool_guarantee_range(struct kvpool_tenant *tenant, u32 first,
				  u32 end)
{
	u32 index, wrong = end;
	int ret, tries;

	for (index = first; index < end; index++) {
		ret = kvpool_guarantee_chunk(tenant, index);
		if (ret == -EXDEV)
			wrong = min(wrong, index);
		else if (ret)
			return ret;
	}
	for (index = wrong; index < end; index++) {
		/* A task that reserves may take the index meanwhile. */
		for (tries = KVPOOL_GUARANTEE_TRIES; tries; tries--) {
			ret = kvpool_guarantee_chunk(tenant, index);
			if (ret != -EXDEV || !kvpool_compact_at(tenant, index))
				break;
		}
		if (ret)
			return ret == -EXDEV ? -EBUSY : ret;
	}
	return 0;
}

/**
 * kvpool_guarantee_set() - Change how many chunks a tenant is guaranteed
 * @tenant: the tenant
 * @chunks: chunks, from the start of its arena
 *
 * Memory is populated before this returns, which takes long. A guarantee that
 * cannot be had as a whole changes nothing.
 *
 * Context: May sleep.
 * Return: 0; -EINVAL if the tenant's quota is less; -ENOSPC if the tiers' limits
 * do not allow it, or others have guarantees or blocks that must stay; -EBUSY if
 * a chunk on a wrong node cannot be replaced; -EDQUOT; -ENOMEM; -EINTR; -ENODEV
 * if the tenant is being deleted.
 */
int kvpool_guarantee_set(struct kvpool_tenant *tenant, unsigned long chunks)
{
	unsigned long before, index;
	int ret;

	if (chunks > kvpool_arena_size() >> KVPOOL_CHUNK_SHIFT)
		return -EINVAL;
	if (mutex_lock_killable(&kvpool_guarantee_lock))
		return -EINTR;
	if (chunks > READ_ONCE(tenant->quota)) {
		mutex_unlock(&kvpool_guarantee_lock);
		return -EINVAL;
	}
	before = tenant->guaranteed;
	ret = chunks > before ?
	      kvpool_guarantee_range(tenant, before, chunks) : 0;
	if (!ret) {
		WRITE_ONCE(tenant->guaranteed, chunks);
	} else {
		/* As a whole or not at all. */
		swap(before, chunks);
	}
	for (index = chunks; index < before; index++) {
		kvpool_arena_waive(&tenant->arena, index);
		cond_resched();
	}
	if (ret)
		kvpool_reclaim_empty(tenant, before - chunks);
	mutex_unlock(&kvpool_guarantee_lock);
	return ret;
}

/**
 * kvpool_guarantee_set_nodes() - Choose the nodes of later guarantees
 * @tenant: the tenant
 * @nodes: the nodes
 *
 * Context: May sleep.
 * Return: 0; -EINVAL if none of the nodes has a tier; -EBUSY while the tenant
 * has a guarantee; -EINTR.
 */
int kvpool_guarantee_set_nodes(struct kvpool_tenant *tenant,
			       const nodemask_t *nodes)
{
	bool any = false;
	int node, ret;

	for_each_node_mask(node, *nodes) {
		if (!kvpool_tier_find(node))
			return -EINVAL;
		any = true;
	}
	if (!any)
		return -EINVAL;
	if (mutex_lock_killable(&kvpool_guarantee_lock))
		return -EINTR;
	ret = tenant->guaranteed ? -EBUSY : 0;
	if (!ret)
		tenant->guaranteed_nodes = *nodes;
	mutex_unlock(&kvpool_guarantee_lock);
	return ret;
}

/**
 * kvpool_guarantee_set_quota() - Set the quota of a tenant
 * @tenant: the tenant
 * @bytes: as for kvpool_tenant_set_quota()
 *
 * Context: May sleep.
 * Return: 0; -EBUSY if the tenant is guaranteed more; -EINTR.
 */
int kvpool_guarantee_set_quota(struct kvpool_tenant *tenant, u64 bytes)
{
	int ret = 0;

	if (mutex_lock_killable(&kvpool_guarantee_lock))
		return -EINTR;
	if (bytes && bytes >> KVPOOL_CHUNK_SHIFT < tenant->guaranteed)
		ret = -EBUSY;
	else
		kvpool_tenant_set_quota(tenant, bytes);
	mutex_unlock(&kvpool_guarantee_lock);
	if (!ret)
		kvpool_reclaim_quota(tenant);
	return ret;
}
