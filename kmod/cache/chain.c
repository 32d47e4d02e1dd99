// SPDX-License-Identifier: GPL-2.0
/*
 * Chains: a block names the block before it as its parent, and a block with
 * children is not evicted. So the resident part of every chain is a prefix.
 *
 * A link is made only from a block to one whose depth is one less. So there are
 * no cycles, whatever callers claim, and nobody has to look for them. A block
 * that named a parent and has no link to it is an orphan: it cannot be used and
 * is evicted before all others. What descends from an orphan is one as well.
 *
 * A block that ends by other means than eviction may leave children. Nothing
 * leads from a parent to its children, so a sweep then goes from all blocks
 * upwards, in slices, each of which is bounded. It marks every block that it
 * passes, so it takes as many steps as there are blocks. The description of an
 * ended block stays until its last child has gone.
 */
#include "cache/chain.h"
#include "cache/policy.h"

/* A sweep is due: blocks may have become orphans, or are none any more. */
static void kvpool_chain_stir(struct kvpool_policy *policy)
{
	WRITE_ONCE(policy->sweep.due, true);
}

/* @parent has one child less: @child, which is still in its place, or NULL. */
static void kvpool_chain_drop(struct kvpool_policy *policy,
			      struct kvpool_block *parent,
			      struct kvpool_block *child)
{
	if (--parent->children)
		return;
	if (parent->state == KVPOOL_BLOCK_BURIED)
		kvpool_block_forget(policy, parent);
	else if (kvpool_block_alive(parent) && !kvpool_policy_blocked(parent))
		kvpool_policy_release(policy, parent, child);
}

static void kvpool_chain_unlink(struct kvpool_policy *policy,
				struct kvpool_block *block)
{
	struct kvpool_block *parent = block->parent;

	if (!parent)
		return;
	block->parent = NULL;
	kvpool_chain_drop(policy, parent, block);
}

/* May @parent be the parent of a block of @depth? */
static bool kvpool_chain_fits(struct kvpool_block *parent, u32 depth)
{
	/* Nobody has said where it is, so it has no children. */
	if (!parent->depth)
		parent->depth = depth - 1;
	return parent->depth + 1 == depth;
}

static void kvpool_chain_adopt(struct kvpool_policy *policy,
			       struct kvpool_block *block, bool orphan)
{
	bool was = block->orphan;

	kvpool_policy_set_orphan(policy, block, orphan);
	/* What descends from it is to follow. */
	if (was != block->orphan && block->children)
		kvpool_chain_stir(policy);
}

/**
 * kvpool_chain_link() - Note that a block continues a chain
 * @policy: the policy of its tenant; its lock is held
 * @block: a block that is in the index
 * @parent: the block before it, as the caller claims; NULL if that is not in
 *	    the index, or if @position is zero
 * @position: the position of @block in its chain; zero for the head
 *
 * A claim that contradicts what is known changes nothing, except that a block
 * without a parent becomes an orphan.
 */
void kvpool_chain_link(struct kvpool_policy *policy,
		       struct kvpool_block *block,
		       struct kvpool_block *parent, u32 position)
{
	u32 depth = position + 1;

	if (position >= KVPOOL_DEPTH_MAX)
		return;
	if (!block->depth)
		block->depth = depth;
	if (block->depth != depth)
		return;
	if (!position) {
		/* It names no parent. */
		kvpool_chain_adopt(policy, block, false);
		return;
	}
	if (block->parent && kvpool_block_alive(block->parent)) {
		kvpool_chain_adopt(policy, block, block->parent->orphan);
		return;
	}
	if (!parent || !kvpool_chain_fits(parent, depth)) {
		kvpool_chain_adopt(policy, block, true);
		return;
	}
	if (parent->children >= KVPOOL_CHILDREN_MAX)
		return;
	kvpool_chain_unlink(policy, block);
	block->parent = parent;
	parent->children++;
	kvpool_chain_adopt(policy, block, parent->orphan);
}

/**
 * kvpool_chain_end() - Take a block that ends out of its queue and its chain
 * @policy: the policy of its tenant; its lock is held
 * @block: a block whose state has just become, or is about to become, that of a
 *	   block out of the index
 */
void kvpool_chain_end(struct kvpool_policy *policy, struct kvpool_block *block)
{
	kvpool_chain_unlink(policy, block);
	kvpool_policy_remove(policy, block);
	if (block->children)
		kvpool_chain_stir(policy);
}

/**
 * kvpool_chain_bury() - Keep the description of a block that has children
 * @policy: the policy of its tenant; its lock is held
 * @block: a block that has ended, without references and memory
 *
 * Return: true if kvpool_block_forget() will be called for the block; false if
 * it has no children, and the caller frees it.
 */
bool kvpool_chain_bury(struct kvpool_policy *policy, struct kvpool_block *block)
{
	if (!block->children)
		return false;
	WRITE_ONCE(block->state, KVPOOL_BLOCK_BURIED);
	return true;
}

/* ---- sweep ---- */

/* The list of a phase: parked blocks first, as they may come to the others. */
static struct list_head *kvpool_sweep_list(struct kvpool_policy *policy,
					   unsigned int phase,
					   struct kvpool_policy_queue **q)
{
	unsigned int queues = policy->nr_nodes * KVPOOL_NR_QUEUES;
	unsigned int i = phase % queues;

	*q = &policy->nodes[i / KVPOOL_NR_QUEUES].queues[i % KVPOOL_NR_QUEUES];
	return phase < queues ? &(*q)->parked : &(*q)->list;
}

static bool kvpool_sweep_begin(struct kvpool_policy *policy)
{
	struct kvpool_sweep *sweep = &policy->sweep;
	struct kvpool_policy_queue *q;
	struct list_head *list;

	if (!sweep->active) {
		if (!sweep->due)
			return false;
		WRITE_ONCE(sweep->due, false);
		WRITE_ONCE(sweep->active, true);
		/*
		 * Eight bits: a block that no sweep has passed for 255 sweeps
		 * may be taken for one that this sweep has passed. Then an
		 * orphan is not found, and is evicted by its age.
		 */
		if (!++sweep->nr)
			sweep->nr = 1;
		sweep->phase = 0;
		list = kvpool_sweep_list(policy, 0, &q);
		q->check = list->prev;
	}
	return true;
}

/* Go to the next block. Return false if there is none. */
static bool kvpool_sweep_next(struct kvpool_policy *policy)
{
	struct kvpool_sweep *sweep = &policy->sweep;
	struct kvpool_policy_queue *q;
	struct list_head *list;

	list = kvpool_sweep_list(policy, sweep->phase, &q);
	if (q->check == list) {
		q->check = NULL;
		if (++sweep->phase == 2 * policy->nr_nodes * KVPOOL_NR_QUEUES) {
			WRITE_ONCE(sweep->active, false);
			return false;
		}
		list = kvpool_sweep_list(policy, sweep->phase, &q);
		q->check = list->prev;
		return true;
	}
	sweep->from = list_entry(q->check, struct kvpool_block, lru);
	q->check = q->check->prev;
	sweep->at = sweep->from;
	sweep->known = false;
	return true;
}

/* One step of the walk from @from to an ancestor whose status is known. */
static void kvpool_sweep_climb(struct kvpool_sweep *sweep)
{
	struct kvpool_block *at = sweep->at;

	if (kvpool_block_alive(at) && at->parent && at->swept != sweep->nr) {
		sweep->at = at->parent;
		return;
	}
	sweep->orphan = !kvpool_block_alive(at) || at->orphan;
	sweep->known = true;
	sweep->at = sweep->from;
}

/* One step of the second walk, which marks what the first has come through. */
static void kvpool_sweep_mark(struct kvpool_policy *policy)
{
	struct kvpool_sweep *sweep = &policy->sweep;
	struct kvpool_block *at = sweep->at;

	if (!at || !kvpool_block_alive(at) || at->swept == sweep->nr) {
		sweep->from = NULL;
		return;
	}
	at->swept = sweep->nr;
	sweep->at = at->parent;
	kvpool_policy_set_orphan(policy, at, sweep->orphan);
}

/* Keep the ends of the walk, or let them go, while the lock is not held. */
static void kvpool_sweep_hold(struct kvpool_sweep *sweep)
{
	if (!sweep->from)
		return;
	sweep->from->children++;
	if (sweep->at)
		sweep->at->children++;
}

static void kvpool_sweep_resume(struct kvpool_policy *policy)
{
	struct kvpool_sweep *sweep = &policy->sweep;
	struct kvpool_block *from = sweep->from, *at = sweep->at;

	if (!from)
		return;
	/* The next sweep is due if an end of the walk has gone. */
	if (!kvpool_block_alive(from)) {
		sweep->from = NULL;
	} else if (at && !kvpool_block_alive(at)) {
		if (sweep->known)
			sweep->from = NULL;
		sweep->known = true;
		sweep->orphan = true;
		sweep->at = from;
	}
	if (at)
		kvpool_chain_drop(policy, at, NULL);
	kvpool_chain_drop(policy, from, NULL);
}

/**
 * kvpool_chain_sweep() - Look for orphans, if that is due
 * @policy: the policy of a tenant; its lock is held
 * @budget: steps of this slice; a step looks at one block
 *
 * Tasks that call it concurrently share the work.
 *
 * Return: true if there is more to do.
 */
bool kvpool_chain_sweep(struct kvpool_policy *policy, unsigned int budget)
{
	struct kvpool_sweep *sweep = &policy->sweep;

	if (!kvpool_sweep_begin(policy))
		return false;
	kvpool_sweep_resume(policy);
	while (budget--) {
		if (!sweep->from) {
			if (!kvpool_sweep_next(policy))
				return sweep->due;
		} else if (!sweep->known) {
			kvpool_sweep_climb(sweep);
		} else {
			kvpool_sweep_mark(policy);
		}
	}
	kvpool_sweep_hold(sweep);
	return true;
}

/**
 * kvpool_chain_stop() - End a sweep that is under way
 * @policy: the policy of a tenant that is deleted; its lock is held
 */
void kvpool_chain_stop(struct kvpool_policy *policy)
{
	struct kvpool_sweep *sweep = &policy->sweep;

	if (!sweep->active)
		return;
	kvpool_sweep_resume(policy);
	sweep->from = NULL;
	WRITE_ONCE(sweep->active, false);
}
