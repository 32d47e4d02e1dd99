// SPDX-License-Identifier: GPL-2.0
/*
 * Holds: the handles that one call made.
 *
 * A call makes many handles, which mostly end together, so they share an id in
 * the file's table, and a handle costs eight bytes.
 */
#define pr_fmt(fmt) "kvpool: " fmt

#include <linux/nospec.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "cache/block.h"
#include "cache/pool.h"
#include "cache/quarantine.h"
#include "cache/tenant.h"
#include "file/ctx.h"
#include "file/hold.h"

/* End the handles that are left in the hold of a file without users. */
static void kvpool_hold_lapse(struct kvpool_tenant *tenant,
			      struct kvpool_hold *hold)
{
	long leases = 0;
	u32 i;

	if (hold->kind == KVPOOL_HOLD_LEASE)
		kvpool_policy_touch(&tenant->policy, hold->blocks, hold->nr);
	for (i = 0; i < hold->nr; i++) {
		struct kvpool_block *block = hold->blocks[i];

		if (!block)
			continue;
		if (hold->kind == KVPOOL_HOLD_LEASE) {
			leases++;
			kvpool_block_put(tenant, block);
		} else {
			kvpool_quarantine_abort(tenant, block);
		}
		cond_resched();
	}
	kvpool_count(tenant, leases, -leases);
}

/**
 * kvpool_hold_begin() - Prepare handles
 * @ctx: the context of the handles
 * @kind: the kind of the handles
 * @nr: most handles that the hold can have
 *
 * The caller fills in the blocks and then calls kvpool_hold_commit() or
 * kvpool_hold_undo(). Before kvpool_hold_commit(), lookups do not find the
 * hold.
 *
 * Context: May sleep.
 * Return: the hold, which belongs to the caller until it is committed;
 * ERR_PTR(-EMFILE) if the file would have too many handles; ERR_PTR(-ENOMEM).
 */
struct kvpool_hold *kvpool_hold_begin(struct kvpool_ctx *ctx,
				      enum kvpool_hold_kind kind, u32 nr)
{
	struct kvpool_hold *hold;
	int ret;

	if (atomic_add_return(nr, &ctx->nr_handles) >
	    READ_ONCE(kvpool_pool.max_handles)) {
		atomic_sub(nr, &ctx->nr_handles);
		pr_notice_ratelimited("tenant %s: a file of process %d has max_handles=%u handles; raise the knob or release some\n",
				      ctx->tenant->name, ctx->pid,
				      READ_ONCE(kvpool_pool.max_handles));
		return ERR_PTR(-EMFILE);
	}

	hold = kvzalloc(struct_size(hold, blocks, nr), GFP_KERNEL_ACCOUNT);
	if (!hold) {
		atomic_sub(nr, &ctx->nr_handles);
		return ERR_PTR(-ENOMEM);
	}
	hold->kind = kind;
	hold->nr = nr;

	/* Reserves the id and the memory of the entry for the commit. */
	ret = xa_alloc_cyclic(&ctx->holds, &hold->id, NULL,
			      XA_LIMIT(1, U32_MAX), &ctx->next_hold,
			      GFP_KERNEL_ACCOUNT);
	if (ret < 0) {
		atomic_sub(nr, &ctx->nr_handles);
		kvfree(hold);
		return ERR_PTR(-ENOMEM);
	}
	return hold;
}

/**
 * kvpool_hold_commit() - Make handles usable
 * @ctx: the context of the handles
 * @hold: the hold; it is freed if @live is zero
 * @live: handles of @hold that have a block or get one by
 *	  kvpool_hold_publish(); handles that never will are ended with
 *	  kvpool_hold_end()
 *
 * Context: May sleep.
 */
void kvpool_hold_commit(struct kvpool_ctx *ctx, struct kvpool_hold *hold,
			u32 live)
{
	atomic_sub(hold->nr - live, &ctx->nr_handles);
	if (!live) {
		xa_erase(&ctx->holds, hold->id);
		kvfree(hold);
		return;
	}
	atomic_set(&hold->live, live);
	hold->born = jiffies;
	/* Cannot fail: kvpool_hold_begin() has allocated the slot. */
	xa_store(&ctx->holds, hold->id, hold, GFP_KERNEL_ACCOUNT);
}

/**
 * kvpool_hold_undo() - End handles that were not reported to the user
 * @ctx: the context of the handles
 * @hold: the hold, not committed; its leases and reservations end, and it is
 *	  freed
 *
 * Context: May sleep.
 */
void kvpool_hold_undo(struct kvpool_ctx *ctx, struct kvpool_hold *hold)
{
	struct kvpool_tenant *tenant = ctx->tenant;
	u32 i;

	for (i = 0; i < hold->nr; i++) {
		if (!hold->blocks[i])
			continue;
		if (hold->kind == KVPOOL_HOLD_LEASE) {
			kvpool_count(tenant, leases, -1);
			kvpool_block_put(tenant, hold->blocks[i]);
		} else {
			kvpool_block_abort(tenant, hold->blocks[i]);
		}
		cond_resched();
	}
	atomic_sub(hold->nr, &ctx->nr_handles);
	xa_erase(&ctx->holds, hold->id);
	kvfree(hold);
}

/**
 * kvpool_hold_take() - Take the block out of a handle, which ends the handle
 * @ctx: the context of the handle
 * @handle: the handle
 * @kind: the kind that the handle must have
 * @hold: in: a hold from which the caller has taken a block without a call of
 *	  kvpool_hold_end() for it yet, or NULL; out: the hold of the handle,
 *	  for kvpool_hold_end(), unchanged if NULL is returned
 *
 * Context: Any.
 * Return: the block, with the handle's reference, or NULL if there is no such
 * handle of the kind.
 */
struct kvpool_block *kvpool_hold_take(struct kvpool_ctx *ctx, u64 handle,
				      enum kvpool_hold_kind kind,
				      struct kvpool_hold **hold)
{
	u32 id = upper_32_bits(handle), index = lower_32_bits(handle);
	struct kvpool_block *block = NULL;
	struct kvpool_hold *h;

	rcu_read_lock();
	/* Adjacent handles of a call mostly belong to one hold. */
	h = *hold && (*hold)->id == id ? *hold : xa_load(&ctx->holds, id);
	if (h && h->kind == kind && index < h->nr) {
		index = array_index_nospec(index, h->nr);
		/* A full barrier; pairs with kvpool_hold_publish(). */
		block = xchg(&h->blocks[index], NULL);
	}
	rcu_read_unlock();
	/* A hold from which a block was taken stays until kvpool_hold_end(). */
	if (block)
		*hold = h;
	return block;
}

/**
 * kvpool_hold_restore() - Undo kvpool_hold_take()
 * @hold: the hold
 * @handle: the handle
 * @block: the block that was taken, with the handle's reference
 */
void kvpool_hold_restore(struct kvpool_hold *hold, u64 handle,
			 struct kvpool_block *block)
{
	/* Only the task that took the block fills the slot. */
	smp_store_release(&hold->blocks[lower_32_bits(handle)], block);
}

/**
 * kvpool_hold_end() - Account for handles that have ended
 * @ctx: the context of the handles
 * @hold: the hold, which is freed with its last handle; ignored if @nr is zero
 * @nr: handles that were taken or will not get a block
 *
 * Context: Any.
 */
void kvpool_hold_end(struct kvpool_ctx *ctx, struct kvpool_hold *hold, u32 nr)
{
	if (!nr)
		return;
	atomic_sub(nr, &ctx->nr_handles);
	if (atomic_sub_and_test(nr, &hold->live)) {
		xa_erase(&ctx->holds, hold->id);
		kvfree_rcu(hold, rcu);
	}
}

/**
 * kvpool_hold_peek() - Find the block of a handle
 * @ctx: the context of the handle
 * @handle: the handle
 *
 * Context: Any.
 * Return: the block, with a reference for the caller, or NULL.
 */
struct kvpool_block *kvpool_hold_peek(struct kvpool_ctx *ctx, u64 handle)
{
	u32 id = upper_32_bits(handle), index = lower_32_bits(handle);
	struct kvpool_block *block = NULL;
	struct kvpool_hold *h;

	rcu_read_lock();
	h = xa_load(&ctx->holds, id);
	if (h && index < h->nr) {
		index = array_index_nospec(index, h->nr);
		block = READ_ONCE(h->blocks[index]);
		if (block && !refcount_inc_not_zero(&block->refs))
			block = NULL;
		/* Pairs with kvpool_block_move(): the new place. */
		smp_acquire__after_ctrl_dep();
	}
	rcu_read_unlock();
	return block;
}

static bool kvpool_hold_has_block(const struct kvpool_hold *hold)
{
	u32 i;

	for (i = 0; i < hold->nr; i++)
		if (READ_ONCE(hold->blocks[i]))
			return true;
	return false;
}

/**
 * kvpool_holds_overdue() - Look for leases that are too old
 * @ctx: the context of the leases
 * @age: age in jiffies that a lease may have
 * @id: in, out: id of the hold to begin with
 * @budget: in, out: most holds to look at
 *
 * Context: Any.
 * Return: true if there is such a lease. Otherwise, if @budget is not used up,
 * there is none.
 */
bool kvpool_holds_overdue(struct kvpool_ctx *ctx, u32 age, unsigned long *id,
			  unsigned int *budget)
{
	struct kvpool_hold *hold;
	bool old = false;

	rcu_read_lock();
	for (; *budget && !old; ++*id, --*budget) {
		hold = xa_find(&ctx->holds, id, ULONG_MAX, XA_PRESENT);
		if (!hold)
			break;
		old = hold->kind == KVPOOL_HOLD_LEASE &&
		      (u32)jiffies - READ_ONCE(hold->born) > age &&
		      kvpool_hold_has_block(hold);
	}
	rcu_read_unlock();
	return old;
}

/**
 * kvpool_holds_exit() - End all handles of a context
 * @ctx: the context, without operations in flight; it is revoked, or its file
 *	 has no users
 *
 * Context: May sleep.
 */
void kvpool_holds_exit(struct kvpool_ctx *ctx)
{
	struct kvpool_hold *hold;
	unsigned long id;

	xa_for_each(&ctx->holds, id, hold) {
		/* Tasks that count handles may have found it before. */
		xa_erase(&ctx->holds, id);
		kvpool_hold_lapse(ctx->tenant, hold);
		kvfree_rcu(hold, rcu);
		cond_resched();
	}
	xa_destroy(&ctx->holds);
}
