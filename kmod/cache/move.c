// SPDX-License-Identifier: GPL-2.0
/*
 * Moving a block: other memory for its bytes. The block stays the same, with its
 * links, its age and its generation.
 */
#include <linux/spinlock.h>

#include "cache/block.h"
#include "cache/move.h"
#include "cache/tenant.h"
#include "cache/trace.h"
#include "mem/arena.h"
#include "mem/tier.h"

/**
 * kvpool_block_claim() - Begin to move or to evict a given block
 * @tenant: the tenant of the block
 * @block: a block that the caller has a reference to
 *
 * Until kvpool_block_unclaim(), eviction does not take the caller's reference
 * for a use of the block, which keeps its age.
 *
 * Context: Any.
 * Return: false if the block is not sealed, or another task has claimed it.
 */
bool kvpool_block_claim(struct kvpool_tenant *tenant,
			struct kvpool_block *block)
{
	bool ok;

	spin_lock(&tenant->policy.lock);
	ok = block->state == KVPOOL_BLOCK_SEALED && !block->moving;
	if (ok)
		block->moving = 1;
	spin_unlock(&tenant->policy.lock);
	return ok;
}

/**
 * kvpool_block_unclaim() - Undo kvpool_block_claim()
 * @tenant: the tenant of the block
 * @block: the block; the caller's reference is consumed
 *
 * Context: May sleep.
 */
void kvpool_block_unclaim(struct kvpool_tenant *tenant,
			  struct kvpool_block *block)
{
	bool last;

	/* With the lock held: eviction must not see the reference any more. */
	spin_lock(&tenant->policy.lock);
	last = refcount_dec_and_test(&block->refs);
	block->moving = 0;
	if (kvpool_block_alive(block) && !kvpool_policy_blocked(block))
		kvpool_policy_release(&tenant->policy, block, NULL);
	spin_unlock(&tenant->policy.lock);
	if (last)
		kvpool_block_free(tenant, block);
}

/* Allocate space for a moved block near @node, without growing the arena. */
static int kvpool_block_rehome(struct kvpool_tenant *tenant,
			       struct kvpool_place *place,
			       const struct kvpool_block *block, gfp_t gfp)
{
	struct kvpool_tier *tier = kvpool_tier_find(block->place.node), *other;
	int i, ret = -ENOSPC;

	kvpool_for_each_fallback(tier, i, other) {
		/* In pieces it needs a list with room for each page. */
		ret = kvpool_arena_alloc(&tenant->arena, other->node, place, 0,
					 gfp);
		if (ret == -ENOSPC)
			ret = kvpool_arena_alloc(&tenant->arena, other->node,
						 place, KVPOOL_ALLOC_PIECES,
						 gfp);
		if (ret != -ENOSPC || block->strict)
			break;
	}
	return ret;
}

/* Exchange the places of a block and a spare one, unless it is in use. */
static bool kvpool_block_exchange(struct kvpool_tenant *tenant,
				  struct kvpool_block *block,
				  struct kvpool_block *spare)
{
	int node = spare->place.node, old = block->place.node;

	lockdep_assert_held(&tenant->policy.lock);
	if (block->state != KVPOOL_BLOCK_SEALED)
		return false;
	/* The references of the caller and of the index are to be the only. */
	if (!refcount_dec_not_one(&block->refs))
		return false;
	if (!kvpool_block_freeze(block)) {
		refcount_inc(&block->refs);
		return false;
	}
	if (node != old)
		kvpool_policy_set_node(&tenant->policy, block, node);
	kvpool_arena_swap(&tenant->arena, &block->place, &spare->place);
	spare->place.node = old;
	/* Pairs with kvpool_block_get(): the new place before the reference. */
	smp_wmb();
	refcount_set(&block->refs, 2);
	return true;
}

/**
 * kvpool_block_move() - Move a sealed block's bytes, if there is memory
 * @tenant: the tenant of the block
 * @block: the block, which the caller has claimed; the caller keeps its
 *	   reference
 * @gfp: flags of allocations
 *
 * The block stays the same: with its links, its age and its generation. It does
 * not move if it is leased.
 *
 * Context: May sleep.
 * Return: true if the block has moved.
 */
bool kvpool_block_move(struct kvpool_tenant *tenant,
		       struct kvpool_block *block, gfp_t gfp)
{
	struct kvpool_block *spare;
	bool moved;

	/* Walks over a chunk find blocks, so the new place is one of a block. */
	spare = kvpool_block_new(tenant, &block->key,
				 kvpool_block_length(block), KVPOOL_BLOCK_DEAD,
				 gfp);
	if (!spare)
		return false;
	if (kvpool_block_rehome(tenant, &spare->place, block, gfp)) {
		kvpool_block_delete(tenant, spare);
		return false;
	}
	if (kvpool_arena_copy(&tenant->arena, &spare->place, &block->place)) {
		kvpool_block_put(tenant, spare);
		return false;
	}
	kvpool_count(tenant, copied_bytes, kvpool_block_length(block));

	spin_lock(&tenant->policy.lock);
	moved = kvpool_block_exchange(tenant, block, spare);
	spin_unlock(&tenant->policy.lock);
	if (moved)
		trace_kvpool_block_move(tenant, block);

	/* With the old memory, or with the new memory that was not needed. */
	kvpool_block_put(tenant, spare);
	return moved;
}
