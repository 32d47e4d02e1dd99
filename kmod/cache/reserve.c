// SPDX-License-Identifier: GPL-2.0
/* Reservations: pending blocks with space. */
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "cache/block.h"
#include "cache/chain.h"
#include "cache/epoch.h"
#include "cache/index.h"
#include "cache/limit.h"
#include "cache/reserve.h"
#include "cache/space.h"
#include "cache/tenant.h"
#include "cache/trace.h"

/* Blocks that are linked with one acquisition of the policy's lock. */
#define KVPOOL_NOTE_BATCH	64

/* Find space, unless the call has failed to find as much before. */
static int kvpool_reserve_try(struct kvpool_tenant *tenant,
			      struct kvpool_block *block,
			      const struct kvpool_space *space,
			      struct kvpool_shortage *shortage)
{
	u32 length = kvpool_block_length(block);
	int ret;

	if (length >= shortage->length)
		return shortage->why;
	ret = kvpool_space_find(tenant, &block->place, space);
	if (ret && ret != -ENOMEM) {
		shortage->length = length;
		shortage->why = ret;
	}
	return ret;
}

/* The block of a key that is sealed or pending, or NULL; policy.lock is held. */
static struct kvpool_block *kvpool_reserve_known(struct kvpool_tenant *tenant,
						 const struct kvpool_key *key)
{
	struct kvpool_block *block;

	/* Blocks end under the lock, so this one stays what it is. */
	rcu_read_lock();
	block = kvpool_index_find(&tenant->index, key);
	rcu_read_unlock();
	return block && kvpool_block_alive(block) &&
	       !kvpool_block_stale(tenant, block) ? block : NULL;
}

static struct kvpool_wanted *kvpool_reserve_wanted(struct kvpool_tenant *tenant,
						   const struct kvpool_key *key)
{
	return &tenant->wanted[key->words[0] % KVPOOL_WANTED];
}

/*
 * Note how a block continues a chain; policy.lock is held. Blocks may come in
 * any order, from several hosts: so remember a parent that is not there, as far
 * as there is room, and link to this block what has named it before.
 */
static void kvpool_reserve_join(struct kvpool_tenant *tenant,
				struct kvpool_block *block,
				const struct kvpool_key *key, u32 position)
{
	struct kvpool_block *parent = NULL, *child;
	struct kvpool_wanted *wanted;

	if (position)
		parent = kvpool_reserve_known(tenant, key);
	kvpool_chain_link(&tenant->policy, block, parent, position);
	if (position && !parent) {
		wanted = kvpool_reserve_wanted(tenant, key);
		wanted->parent = *key;
		wanted->child = block->key;
		wanted->position = position;
	}
	wanted = kvpool_reserve_wanted(tenant, &block->key);
	if (!wanted->position ||
	    memcmp(&wanted->parent, &block->key, sizeof(block->key)))
		return;
	child = kvpool_reserve_known(tenant, &wanted->child);
	if (child)
		kvpool_chain_link(&tenant->policy, child, block,
				  wanted->position);
	wanted->position = 0;
}

/*
 * Note for entries from @first to @end how they continue the chain; policy.lock
 * is held. Blocks that were here before are linked as well.
 */
static void kvpool_reserve_links(struct kvpool_tenant *tenant,
				 const struct kvpool_entry *entries,
				 u32 first, u32 end,
				 const struct kvpool_chain *chain)
{
	struct kvpool_block *block;
	u32 i;

	/* Positions do not wrap below. */
	if (chain->position >= KVPOOL_DEPTH_MAX)
		return;
	for (i = first; i < end; i++) {
		block = kvpool_reserve_known(tenant, &entries[i].key);
		if (block)
			kvpool_reserve_join(tenant, block,
					    i ? &entries[i - 1].key :
					    &chain->parent,
					    chain->position + i);
	}
}

/**
 * kvpool_reserve_link() - Note how a block continues a chain
 * @tenant: the tenant of the block
 * @key: its key; nothing happens if that is neither sealed nor pending
 * @chain: how it continues the chain
 *
 * Context: Any.
 */
void kvpool_reserve_link(struct kvpool_tenant *tenant,
			 const struct kvpool_key *key,
			 const struct kvpool_chain *chain)
{
	struct kvpool_block *block;

	spin_lock(&tenant->policy.lock);
	block = kvpool_reserve_known(tenant, key);
	if (block)
		kvpool_reserve_join(tenant, block, &chain->parent,
				    chain->position);
	spin_unlock(&tenant->policy.lock);
}

/**
 * kvpool_reserve_link_block() - Note how a reservation continues a chain
 * @tenant: the tenant of the block
 * @block: the block; nothing happens if another one has its key by now
 * @chain: how it continues the chain
 *
 * Context: Any.
 */
void kvpool_reserve_link_block(struct kvpool_tenant *tenant,
			       struct kvpool_block *block,
			       const struct kvpool_chain *chain)
{
	spin_lock(&tenant->policy.lock);
	if (kvpool_reserve_known(tenant, &block->key) == block)
		kvpool_reserve_join(tenant, block, &chain->parent,
				    chain->position);
	spin_unlock(&tenant->policy.lock);
}

/* Enter what the call says about its blocks into them. */
static void kvpool_reserve_note(struct kvpool_tenant *tenant,
				const struct kvpool_entry *entries,
				struct kvpool_block **blocks, u32 nr,
				const struct kvpool_chain *chain, bool strict)
{
	u32 first, end, i;

	for (first = 0; first < nr; first = end) {
		end = min(nr, first + KVPOOL_NOTE_BATCH);
		spin_lock(&tenant->policy.lock);
		for (i = first; strict && i < end; i++)
			if (!entries[i].status)
				blocks[i]->strict = 1;
		if (chain)
			kvpool_reserve_links(tenant, entries, first, end,
					     chain);
		spin_unlock(&tenant->policy.lock);
		cond_resched();
	}
}

/**
 * kvpool_reserve_space() - Find space for a block that is not in the index
 * @tenant: the tenant of the block
 * @block: the block; the caller keeps its reference
 * @space: where the space should be
 * @shortage: space that the call has not found before
 *
 * Context: May sleep.
 * Return: 0 or the negative errno that KVPOOL_IOC_RESERVE reports.
 */
int kvpool_reserve_space(struct kvpool_tenant *tenant,
			 struct kvpool_block *block,
			 const struct kvpool_space *space,
			 struct kvpool_shortage *shortage)
{
	int ret = kvpool_reserve_try(tenant, block, space, shortage);

	if (ret && ret != -EINTR)
		kvpool_count(tenant, rejected, 1);
	kvpool_limit_space(tenant, ret);
	return ret;
}

/**
 * kvpool_reserve_place() - Find space for a pending block
 * @tenant: the tenant of the block
 * @block: the block; if there is no space, its reservation ends and the
 *	   caller's reference is consumed
 * @space: where the space should be
 * @shortage: space that the call has not found before
 *
 * Context: May sleep.
 * Return: 0 or the negative errno that KVPOOL_IOC_RESERVE reports.
 */
int kvpool_reserve_place(struct kvpool_tenant *tenant,
			 struct kvpool_block *block,
			 const struct kvpool_space *space,
			 struct kvpool_shortage *shortage)
{
	int ret = kvpool_reserve_try(tenant, block, space, shortage);

	if (ret)
		kvpool_block_refuse(tenant, block, ret);
	else
		trace_kvpool_block_reserve(tenant, block);
	return ret;
}

/**
 * kvpool_reserve_quota() - Tell whether the push quota has room for a block
 * @tenant: the tenant of the block
 * @pages: its pages
 *
 * Context: Any.
 * Return: 0, or -EDQUOT if blocks that peers have completed take too much of it.
 */
int kvpool_reserve_quota(struct kvpool_tenant *tenant, u32 pages)
{
	unsigned long quota = READ_ONCE(tenant->push_quota);
	long complete = atomic_long_read(&tenant->pushed) -
			atomic_long_read(&tenant->pushing);

	/* Pages are counted in both in an order that makes this less at times. */
	return pages > quota || max(complete, 0L) > quota - pages ?
	       -EDQUOT : 0;
}

/*
 * Count pages of a block that a peer pushes. Returns 0; -EDQUOT if blocks that are
 * complete leave no room for the block; -EAGAIN if only what else is being pushed
 * leaves none.
 */
static int kvpool_reserve_charge(struct kvpool_tenant *tenant,
				 struct kvpool_block *block, u32 pages)
{
	atomic_long_add(pages, &tenant->pushing);
	if (atomic_long_add_return(pages, &tenant->pushed) >
	    READ_ONCE(tenant->push_quota)) {
		atomic_long_sub(pages, &tenant->pushed);
		atomic_long_sub(pages, &tenant->pushing);
		return kvpool_reserve_quota(tenant,
					    kvpool_block_pages(block)) ?:
		       -EAGAIN;
	}
	spin_lock(&tenant->policy.lock);
	block->pushed = 1;
	spin_unlock(&tenant->policy.lock);
	return 0;
}

/**
 * kvpool_reserve_pushed() - What a peer has pushed of a block is all there will be
 * @tenant: the tenant of the block
 * @block: a block of kvpool_reserve_extend(), before its owner ends it
 *
 * Context: Any.
 */
void kvpool_reserve_pushed(struct kvpool_tenant *tenant,
			   const struct kvpool_block *block)
{
	atomic_long_sub(kvpool_place_held(&block->place), &tenant->pushing);
}

/**
 * kvpool_reserve_extend() - Find more space for a pending block
 * @tenant: the tenant of the block
 * @block: the block, of which the caller is the owner
 * @pages: pages from its start that need memory
 * @space: where the space should be, if the block has none yet; a block lies on
 *	   one node
 *
 * What the block has counts against the push quota until it is freed. The owner
 * calls kvpool_reserve_pushed() before it ends the block.
 *
 * Context: May sleep.
 * Return: 0; -ESTALE if the reservation has ended; -EDQUOT if the push quota
 * leaves no room for the block; -EAGAIN if what else is being pushed leaves none
 * now; -ENOSPC, -ENOMEM or -EINTR as kvpool_space_find(), with -ENOSPC also for
 * the quota of the tenant.
 */
int kvpool_reserve_extend(struct kvpool_tenant *tenant,
			  struct kvpool_block *block, u32 pages,
			  struct kvpool_space *space)
{
	u32 have = kvpool_place_held(&block->place);
	struct kvpool_block *spare;
	int ret;

	/* Nobody would find the block: nothing is evicted for it. */
	if (READ_ONCE(block->state) != KVPOOL_BLOCK_RESERVED ||
	    kvpool_block_stale(tenant, block))
		return -ESTALE;
	if (pages <= have)
		return 0;
	space->whole = kvpool_block_pages(block);
	if (have) {
		space->node = block->place.node;
		space->flags |= KVPOOL_SPACE_STRICT;
	}
	/* Walks over a chunk find blocks, so the new place is one of a block. */
	spare = kvpool_block_alloc(tenant, &block->key,
				   (pages - have) << KVPOOL_PAGE_SHIFT);
	if (!spare)
		return -ENOMEM;
	ret = kvpool_reserve_charge(tenant, block, pages - have);
	if (ret)
		goto out;
	ret = kvpool_space_find(tenant, &spare->place, space);
	if (!ret)
		ret = kvpool_arena_join(&tenant->arena, &block->place,
					&spare->place, GFP_KERNEL);
	if (ret) {
		atomic_long_sub(pages - have, &tenant->pushed);
		atomic_long_sub(pages - have, &tenant->pushing);
	}
	kvpool_limit_space(tenant, ret);
	/* What others use may become free, unlike the push quota. */
	if (ret == -EDQUOT)
		ret = -ENOSPC;
out:
	kvpool_block_put(tenant, spare);
	return ret;
}

/*
 * Give blocks from entry @first on the memory that is free on the wanted node,
 * some at a time. Most calls need no more than that. Return how many got it.
 */
static u32 kvpool_reserve_quick(struct kvpool_tenant *tenant,
				const struct kvpool_entry *entries,
				struct kvpool_block **blocks, u32 first, u32 nr,
				const struct kvpool_space *space)
{
	struct kvpool_place *places[KVPOOL_ALLOC_WHOLE];
	u32 n = 0, i;

	if (fatal_signal_pending(current))
		return 0;
	for (i = first; i < nr && n < KVPOOL_ALLOC_WHOLE; i++) {
		if (entries[i].status)
			break;
		places[n++] = &blocks[i]->place;
	}
	return kvpool_arena_alloc_whole(&tenant->arena, space->node, places, n);
}

/**
 * kvpool_reserve_many() - Make pending blocks with space for one call
 * @tenant: the tenant of the blocks
 * @entries: keys and lengths; the status of each is set
 * @blocks: out: the blocks, or NULL where the status is not zero; the caller
 *	    owns a reference to each
 * @nr: number of entries
 * @chain: how the first entry continues a chain that the others continue, one
 *	   after the other; or NULL
 * @space: where the space should be; its @ahead is changed
 *
 * Context: May sleep.
 * Return: the number of blocks that were made.
 */
u32 kvpool_reserve_many(struct kvpool_tenant *tenant,
			struct kvpool_entry *entries,
			struct kvpool_block **blocks, u32 nr,
			const struct kvpool_chain *chain,
			struct kvpool_space *space)
{
	bool strict = space->flags & KVPOOL_SPACE_STRICT;
	struct kvpool_shortage shortage = KVPOOL_NO_SHORTAGE;
	u32 made = 0, quick = 0, i;

	/* All keys first, to know the space that the whole call needs. */
	space->ahead = 0;
	for (i = 0; i < nr; i++) {
		struct kvpool_entry *e = &entries[i];

		e->status = fatal_signal_pending(current) ? -EINTR :
			    kvpool_block_begin(tenant, &e->key, e->length,
					       &blocks[i]);
		if (!e->status)
			space->ahead += kvpool_pages(e->length);
		cond_resched();
	}
	/* Before space is made, for which ancestors must not be evicted. */
	if (chain || strict)
		kvpool_reserve_note(tenant, entries, blocks, nr, chain, strict);
	for (i = 0; i < nr; i++) {
		struct kvpool_entry *e = &entries[i];

		if (!e->status) {
			space->ahead -= kvpool_pages(e->length);
			if (i >= quick)
				quick = i + kvpool_reserve_quick(tenant, entries,
								 blocks, i, nr,
								 space);
			if (i < quick)
				trace_kvpool_block_reserve(tenant, blocks[i]);
			else
				e->status = kvpool_reserve_place(tenant,
								 blocks[i],
								 space,
								 &shortage);
		}
		if (e->status)
			blocks[i] = NULL;
		else
			made++;
		cond_resched();
	}
	return made;
}
