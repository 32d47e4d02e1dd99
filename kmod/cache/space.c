// SPDX-License-Identifier: GPL-2.0
/*
 * Space: memory for a block, for which other blocks are evicted if necessary.
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
#include "mem/vacate.h"

/* Most pages to evict in one step, as the call may not use them in the end. */
#define KVPOOL_EVICT_PAGES	4096

/* Time until a tenant retries to claim a chunk of another tenant. */
#define KVPOOL_CLAIM_PAUSE	(HZ / 10)

/* Flag of kvpool_space_claim(): retry before KVPOOL_CLAIM_PAUSE is over. */
#define KVPOOL_CLAIM_FORCE	BIT(0)

/**
 * kvpool_space_choose() - Choose the node to look for space on
 * @node: NUMA node, or KVPOOL_NODE_ANY for the node nearest to the caller
 * @flags: KVPOOL_SPACE_*
 * @space: out: where to look
 *
 * Context: Any.
 * Return: 0, or -EINVAL if @node has no tier, or is KVPOOL_NODE_ANY with
 * KVPOOL_SPACE_STRICT.
 */
int kvpool_space_choose(int node, unsigned int flags,
			struct kvpool_space *space)
{
	space->flags = flags;
	space->node = node;
	space->ahead = 0;
	space->whole = 0;
	if (node == KVPOOL_NODE_ANY) {
		if (flags & KVPOOL_SPACE_STRICT)
			return -EINVAL;
		space->node = numa_mem_id();
		if (!kvpool_tier_find(space->node))
			space->node = first_memory_node;
	}
	return kvpool_tier_find(space->node) ? 0 : -EINVAL;
}

/* A block lies on one node: can this one ever hold all of it? */
static bool kvpool_space_fits(const struct kvpool_space *space,
			      const struct kvpool_tier *tier)
{
	return DIV_ROUND_UP(space->whole, KVPOOL_CHUNK_PAGES) <=
	       READ_ONCE(tier->limit);
}

/*
 * Make other tenants release chunks. After a failure the tenant backs off as
 * long as it has blocks of its own to evict.
 */
static bool kvpool_space_claim(struct kvpool_tenant *tenant,
			       const struct kvpool_space *space, u32 pages,
			       unsigned int flags)
{
	struct kvpool_tier *tier = kvpool_tier_find(space->node), *other;
	u32 chunks = DIV_ROUND_UP(pages, KVPOOL_CHUNK_PAGES);
	bool ok = false;
	int i;

	if (list_is_singular(&kvpool_pool.tenants))
		return false;
	if (!(flags & KVPOOL_CLAIM_FORCE) &&
	    time_before(jiffies, READ_ONCE(tenant->claim_next)))
		return false;
	kvpool_for_each_fallback(tier, i, other) {
		if (kvpool_space_fits(space, other))
			ok = kvpool_reclaim_claim(tenant, other->node, chunks);
		if (ok || space->flags & KVPOOL_SPACE_STRICT)
			break;
	}
	if (!ok)
		WRITE_ONCE(tenant->claim_next, jiffies + KVPOOL_CLAIM_PAUSE);
	return ok;
}

/*
 * Find space on one node: in the arena, by growing it, or in pieces. Return
 * -EAGAIN if the kernel had no memory for a chunk.
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
		/* Zeroing a chunk takes long. */
		if (fatal_signal_pending(current))
			return -EINTR;
		why = kvpool_arena_grow(arena, tier,
					kvpool_tenant_room(tenant), grow);
	} while (!why);

	ret = kvpool_arena_alloc(arena, tier->node, place, KVPOOL_ALLOC_PIECES,
				 GFP_KERNEL);
	if (ret != -ENOSPC)
		return ret;
	return why == -ENOMEM ? -EAGAIN : why;
}

/* Try the nodes in the order of their distance from the wanted node. */
static int kvpool_space_try(struct kvpool_tenant *tenant,
			    struct kvpool_place *place,
			    const struct kvpool_space *space, unsigned int grow)
{
	struct kvpool_tier *tier = kvpool_tier_find(space->node), *other;
	int i, ret, why = -EAGAIN;

	kvpool_for_each_fallback(tier, i, other) {
		ret = -ENOSPC;
		if (kvpool_space_fits(space, other))
			ret = kvpool_space_on(tenant, place, other, grow);
		if (!ret || ret == -ENOMEM || ret == -EINTR)
			return ret;
		/* Report -EDQUOT before -ENOSPC before -EAGAIN. */
		if (ret == -EDQUOT || why == -EAGAIN)
			why = ret;
		if (space->flags & KVPOOL_SPACE_STRICT)
			break;
	}
	return why;
}

/* Chunks that a node's free pages would fill and that may leave it. */
static unsigned long kvpool_space_spare(struct kvpool_arena *arena, int node)
{
	return min(kvpool_arena_room(arena, node) / KVPOOL_CHUNK_PAGES,
		   kvpool_arena_loose(arena, node, KVPOOL_TAKE_PATIENT));
}

/* Move @need chunks of the quota to a tier; false if others have not as many. */
static bool kvpool_space_swap(struct kvpool_tenant *tenant,
			      struct kvpool_tier *tier, unsigned long need)
{
	struct kvpool_arena *arena = &tenant->arena;
	unsigned long sum = 0, nr, n;
	struct kvpool_tier *other;
	int i;

	kvpool_for_each_fallback(tier, i, other)
		if (other != tier)
			sum += kvpool_space_spare(arena, other->node);
	if (sum < need)
		return false;
	kvpool_for_each_fallback(tier, i, other) {
		if (other == tier)
			continue;
		nr = min(kvpool_space_spare(arena, other->node), need);
		if (!nr)
			continue;
		n = kvpool_reclaim_own(tenant, other->node, nr);
		/* At once, or the next try for @other would take them back. */
		for (need -= n; n; n--)
			if (kvpool_arena_grow(arena, tier,
					      kvpool_tenant_room(tenant), 0))
				return false;
	}
	return !need;
}

/*
 * At its quota, a tenant gets memory on one node only by giving up as much on
 * others. Return false if these have too few chunks' worth of free pages.
 */
static bool kvpool_space_shift(struct kvpool_tenant *tenant,
			       const struct kvpool_space *space, u32 pages)
{
	struct kvpool_tier *tier = kvpool_tier_find(space->node), *other;
	unsigned long room, need;
	int i;

	kvpool_for_each_fallback(tier, i, other) {
		room = kvpool_arena_room(&tenant->arena, other->node);
		need = DIV_ROUND_UP(pages - min_t(u64, room, pages),
				    KVPOOL_CHUNK_PAGES);
		if (kvpool_space_fits(space, other) &&
		    atomic_long_read(&other->nr_chunks) + need <=
		    READ_ONCE(other->limit) &&
		    kvpool_space_swap(tenant, other, need))
			return true;
		if (space->flags & KVPOOL_SPACE_STRICT)
			break;
	}
	return false;
}

/**
 * struct kvpool_search - a search for space
 * @space:	where the space should be
 * @pages:	pages of the block
 * @why:	the negative errno that the arena could not grow for
 * @shifted:	memory has been moved from node to node for it, which is done
 *		once
 */
struct kvpool_search {
	const struct kvpool_space *space;
	u32 pages;
	int why;
	bool shifted;
};

/*
 * Make room on one of the nodes by evicting, for this block and for later
 * blocks of the call: evicting for each alone would take all locks for each.
 * Return false if no block can be evicted.
 */
static bool kvpool_space_clear(struct kvpool_tenant *tenant,
			       struct kvpool_search *search)
{
	const struct kvpool_space *space = search->space;
	u32 pages = search->pages;
	struct kvpool_tier *tier = kvpool_tier_find(space->node), *other;
	bool strict = space->flags & KVPOOL_SPACE_STRICT;
	bool quota = search->why == -EDQUOT;
	int node = strict && !quota ? tier->node : NUMA_NO_NODE;
	unsigned long room, sum;
	u32 want;
	int i;

	do {
		if (fatal_signal_pending(current))
			return true;
		sum = 0;
		kvpool_for_each_fallback(tier, i, other) {
			if (!kvpool_space_fits(space, other))
				continue;
			room = kvpool_arena_room(&tenant->arena, other->node);
			if (room >= pages && (!strict || other == tier))
				return true;
			if (node == NUMA_NO_NODE || node == other->node)
				sum += room;
		}
		if (quota && sum >= pages && !search->shifted) {
			search->shifted = kvpool_space_shift(tenant, space,
							     pages);
			if (search->shifted)
				return true;
		}
		want = pages + space->ahead;
		want = sum < want ? min_t(u32, want - sum,
					  KVPOOL_EVICT_PAGES) : 1;
	} while (kvpool_evict(tenant, node, want));
	return false;
}

/* Can one of the nodes ever hold a block? */
static bool kvpool_space_possible(const struct kvpool_space *space,
				  unsigned long chunks)
{
	struct kvpool_tier *tier = kvpool_tier_find(space->node), *other;
	int i;

	kvpool_for_each_fallback(tier, i, other) {
		if (chunks <= READ_ONCE(other->limit) &&
		    kvpool_space_fits(space, other))
			return true;
		if (space->flags & KVPOOL_SPACE_STRICT)
			break;
	}
	return false;
}

/**
 * kvpool_space_allowed() - Tell whether limits allow a block at all
 * @tenant: the tenant of the block
 * @pages: its pages
 * @space: where the space should be
 *
 * Context: Any.
 * Return: 0; -ENOSPC if no node may ever hold the block; -EDQUOT if the tenant
 * may not.
 */
int kvpool_space_allowed(struct kvpool_tenant *tenant, u32 pages,
			 const struct kvpool_space *space)
{
	u32 chunks = DIV_ROUND_UP(pages, KVPOOL_CHUNK_PAGES);

	if (!kvpool_space_possible(space, chunks))
		return -ENOSPC;
	return chunks > kvpool_tenant_room(tenant) ? -EDQUOT : 0;
}

/**
 * kvpool_space_find() - Find space for a block, evicting others if necessary
 * @tenant: the tenant of the block
 * @place: the place of the block, without extents
 * @space: where the space should be
 *
 * Context: May sleep.
 * Return: 0; -ENOSPC, -EDQUOT or -ENOMEM as KVPOOL_IOC_RESERVE reports them;
 * -EINTR if a fatal signal is pending. With KVPOOL_SPACE_FREE, -ENOSPC if too
 * little is free.
 */
int kvpool_space_find(struct kvpool_tenant *tenant, struct kvpool_place *place,
		      const struct kvpool_space *space)
{
	u32 pages = kvpool_place_pages(place);
	struct kvpool_search search = { .space = space, .pages = pages };
	int why;

	/* Each block of a call comes here: a killed task makes no more. */
	if (fatal_signal_pending(current))
		return -EINTR;
	if (space->flags & KVPOOL_SPACE_FREE) {
		if (!kvpool_reclaim_spares(tenant, pages))
			return -ENOSPC;
		why = kvpool_space_try(tenant, place, space, 0);
		return why == -EDQUOT || why == -EAGAIN ? -ENOSPC : why;
	}
	/* Do not evict anything for a block that can never fit. */
	why = kvpool_space_allowed(tenant, pages, space);
	if (why)
		return why;

	for (;;) {
		why = kvpool_space_try(tenant, place, space, 0);
		if (!why || why == -ENOMEM || why == -EINTR)
			return why;
		if (fatal_signal_pending(current))
			return -EINTR;

		if (why == -ENOSPC &&
		    kvpool_space_claim(tenant, space, pages, 0))
			continue;
		search.why = why;
		/* Another task may take the room first: retry. */
		if (kvpool_space_clear(tenant, &search))
			continue;
		if (why == -EDQUOT)
			return why;
		if (why == -ENOSPC &&
		    kvpool_space_claim(tenant, space, pages,
				       KVPOOL_CLAIM_FORCE))
			continue;
		why = kvpool_space_try(tenant, place, space, KVPOOL_GROW_HARD);
		return why == -EAGAIN ? -ENOSPC : why;
	}
}
