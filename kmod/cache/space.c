// SPDX-License-Identifier: GPL-2.0
/*
 * Space: memory for a block, made by evicting others if need be.
 *
 * A tenant at its quota evicts its own blocks. When a tier is full, a tenant
 * that holds less than its share takes a chunk from the largest tenant;
 * otherwise it evicts its own blocks.
 */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/topology.h>

#include "cache/block.h"
#include "cache/evict.h"
#include "cache/pool.h"
#include "cache/reclaim.h"
#include "cache/space.h"
#include "cache/tenant.h"

/* Pages to evict at once, which could have stayed in the cache. */
#define KVPOOL_EVICT_PAGES	4096

/* How long a tenant does not look again for chunks of other tenants. */
#define KVPOOL_CLAIM_PAUSE	(HZ / 10)

/* kvpool_space_claim(): look again although the last time was in vain. */
#define KVPOOL_CLAIM_FORCE	BIT(0)

/**
 * kvpool_space_choose() - Choose the node to look for space on
 * @node: NUMA node, or KVPOOL_NODE_ANY for the caller's
 * @flags: KVPOOL_SPACE_*
 * @space: where to look
 *
 * Return: 0 or -EINVAL.
 */
int kvpool_space_choose(int node, unsigned int flags,
			struct kvpool_space *space)
{
	space->flags = flags;
	space->node = node;
	space->ahead = 0;
	if (node == KVPOOL_NODE_ANY) {
		if (flags & KVPOOL_SPACE_STRICT)
			return -EINVAL;
		space->node = numa_mem_id();
		if (!kvpool_tier_find(space->node))
			space->node = first_memory_node;
	}
	return kvpool_tier_find(space->node) ? 0 : -EINVAL;
}

/*
 * Take a chunk from another tenant. Where none could be had it is not worth
 * looking again for a while, as long as the tenant has blocks of its own to
 * evict: the lock is everybody's.
 */
static bool kvpool_space_claim(struct kvpool_tenant *tenant,
			       const struct kvpool_space *space,
			       unsigned int flags)
{
	struct kvpool_tier *tier = kvpool_tier_find(space->node), *other;
	bool ok = false;
	int i;

	if (list_is_singular(&kvpool_pool.tenants))
		return false;
	if (!(flags & KVPOOL_CLAIM_FORCE) &&
	    time_before(jiffies, READ_ONCE(tenant->claim_next)))
		return false;
	if (mutex_lock_killable(&kvpool_pool.lock))
		return false;
	kvpool_for_each_fallback(tier, i, other) {
		ok = kvpool_reclaim_claim(tenant, other->node);
		if (ok || space->flags & KVPOOL_SPACE_STRICT)
			break;
	}
	mutex_unlock(&kvpool_pool.lock);
	if (!ok)
		WRITE_ONCE(tenant->claim_next, jiffies + KVPOOL_CLAIM_PAUSE);
	return ok;
}

/*
 * Find space on one node: in the arena, by growing it, or in pieces. -EAGAIN
 * says that the kernel had no chunk to spare.
 */
static int kvpool_space_on(struct kvpool_tenant *tenant,
			   struct kvpool_place *place, struct kvpool_tier *tier,
			   unsigned int grow)
{
	struct kvpool_arena *arena = &tenant->arena;
	int ret, why;

	do {
		ret = kvpool_arena_alloc(arena, tier->node, place, 0,
					 GFP_KERNEL);
		if (ret != -ENOSPC)
			return ret;
		why = kvpool_arena_grow(arena, tier, READ_ONCE(tenant->quota),
					grow);
	} while (!why);

	ret = kvpool_arena_alloc(arena, tier->node, place, KVPOOL_ALLOC_PIECES,
				 GFP_KERNEL);
	if (ret != -ENOSPC)
		return ret;
	return why == -ENOMEM ? -EAGAIN : why;
}

/* Try the nodes in turn, the wanted one first. */
static int kvpool_space_try(struct kvpool_tenant *tenant,
			    struct kvpool_place *place,
			    const struct kvpool_space *space, unsigned int grow)
{
	struct kvpool_tier *tier = kvpool_tier_find(space->node), *other;
	int i, ret, why = -EAGAIN;

	kvpool_for_each_fallback(tier, i, other) {
		ret = kvpool_space_on(tenant, place, other, grow);
		if (!ret || ret == -ENOMEM)
			return ret;
		/* A quota is above a limit, which is above bad luck. */
		if (ret == -EDQUOT || why == -EAGAIN)
			why = ret;
		if (space->flags & KVPOOL_SPACE_STRICT)
			break;
	}
	return why;
}

/*
 * Make room on one of the nodes by evicting, for this block and for those that
 * its call still brings: one by one, each would cost all locks.
 */
static bool kvpool_space_clear(struct kvpool_tenant *tenant,
			       const struct kvpool_space *space, u32 pages)
{
	struct kvpool_tier *tier = kvpool_tier_find(space->node), *other;
	bool strict = space->flags & KVPOOL_SPACE_STRICT;
	unsigned long room, sum;
	u32 want;
	int i;

	do {
		sum = 0;
		kvpool_for_each_fallback(tier, i, other) {
			room = kvpool_arena_room(&tenant->arena, other->node);
			if (room >= pages)
				return true;
			sum += room;
			if (strict)
				break;
		}
		want = pages + space->ahead;
		want = sum < want ? min_t(u32, want - sum,
					  KVPOOL_EVICT_PAGES) : 1;
	} while (kvpool_evict(tenant, strict ? tier->node : NUMA_NO_NODE,
			      want));
	return false;
}

/* A block lies on one node: can any that it may use ever hold it? */
static bool kvpool_space_possible(const struct kvpool_space *space,
				  unsigned long chunks)
{
	struct kvpool_tier *tier = kvpool_tier_find(space->node), *other;
	int i;

	kvpool_for_each_fallback(tier, i, other) {
		if (chunks <= READ_ONCE(other->limit))
			return true;
		if (space->flags & KVPOOL_SPACE_STRICT)
			break;
	}
	return false;
}

/**
 * kvpool_space_find() - Find space for a block, evicting others if need be
 * @tenant: the tenant that gets the block
 * @place: the block's, without extents
 * @space: where
 *
 * Return: 0; -ENOSPC, -EDQUOT or -ENOMEM as KVPOOL_IOC_RESERVE reports them;
 * -EINTR if a fatal signal came.
 */
int kvpool_space_find(struct kvpool_tenant *tenant, struct kvpool_place *place,
		      const struct kvpool_space *space)
{
	u32 pages = kvpool_place_pages(place);
	u32 chunks = DIV_ROUND_UP(pages, KVPOOL_CHUNK_PAGES);
	int why;

	/* Do not evict anything for a block that can never fit. */
	if (!kvpool_space_possible(space, chunks))
		return -ENOSPC;
	if (chunks > READ_ONCE(tenant->quota))
		return -EDQUOT;

	for (;;) {
		why = kvpool_space_try(tenant, place, space, 0);
		if (!why || why == -ENOMEM)
			return why;
		if (fatal_signal_pending(current))
			return -EINTR;

		if (why == -ENOSPC && kvpool_space_claim(tenant, space, 0))
			continue;
		/* Another context may use the room first: look again. */
		if (kvpool_space_clear(tenant, space, pages))
			continue;
		if (why == -EDQUOT)
			return why;
		if (why == -ENOSPC &&
		    kvpool_space_claim(tenant, space, KVPOOL_CLAIM_FORCE))
			continue;
		why = kvpool_space_try(tenant, place, space, KVPOOL_GROW_HARD);
		return why == -EAGAIN ? -ENOSPC : why;
	}
}
