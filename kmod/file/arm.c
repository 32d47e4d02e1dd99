// SPDX-License-Identifier: GPL-2.0
/*
 * Arming poll(): the pending keys that a file waits for.
 *
 * A call of KVPOOL_IOC_LEASE collects the keys that it leaves pending, and then
 * puts them in the place of those of the call before. Each has a waiter, so a
 * key that is settled wakes only the files that it was left pending for.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "cache/tenant.h"
#include "cache/waiters.h"
#include "file/arm.h"
#include "file/ctx.h"

/* Memory was short: the file is readable without having waited. */
#define KVPOOL_ARM_NOMEM	((struct kvpool_arm *)ERR_PTR(-ENOMEM))

/* A key that a call has left pending. */
struct kvpool_armed {
	struct kvpool_waiter waiter;
	struct kvpool_arm *arm;
};

/**
 * struct kvpool_arm - the keys that a call has left pending
 * @rcu:	frees it after the last poll() that looks at it
 * @ctx:	the file
 * @settled:	one of the keys is not pending any more
 * @nr:		length of @keys
 * @keys:	the keys
 */
struct kvpool_arm {
	struct rcu_head rcu;
	struct kvpool_ctx *ctx;
	bool settled;
	u32 nr;
	struct kvpool_armed keys[];
};

static void kvpool_armed_wake(struct kvpool_waiter *waiter)
{
	struct kvpool_arm *arm =
		container_of(waiter, struct kvpool_armed, waiter)->arm;

	if (!xchg(&arm->settled, true))
		wake_up(&arm->ctx->wq);
}

static const struct kvpool_waiter_ops kvpool_armed_ops = {
	.wake = kvpool_armed_wake,
	.quick = true,
};

/**
 * kvpool_arm_add() - Collect a key that a call leaves pending
 * @arm: what the call has collected; NULL before its first key
 * @ctx: the context, bound
 * @block: a block that the caller has a reference to
 * @most: most keys that the call will add from here on
 *
 * Context: May sleep.
 * Return: false if @block is not pending, and nothing was done.
 */
bool kvpool_arm_add(struct kvpool_arm **arm, struct kvpool_ctx *ctx,
		    struct kvpool_block *block, u32 most)
{
	struct kvpool_armed *key;
	struct kvpool_arm *a = *arm;
	int ret;

	if (!a) {
		a = kvmalloc(struct_size(a, keys, most), GFP_KERNEL_ACCOUNT);
		if (!a) {
			*arm = KVPOOL_ARM_NOMEM;
			return true;
		}
		a->ctx = ctx;
		a->settled = false;
		a->nr = 0;
		*arm = a;
	}
	if (IS_ERR(a))
		return true;
	key = &a->keys[a->nr];
	key->arm = a;
	kvpool_waiter_init(&key->waiter, &kvpool_armed_ops);
	ret = kvpool_waiter_add(&ctx->tenant->queues, &key->waiter, block);
	if (ret > 0)
		a->nr++;
	else if (ret < 0)
		WRITE_ONCE(a->settled, true);
	return ret;
}

static void kvpool_arm_free(struct kvpool_arm *arm)
{
	u32 i;

	if (IS_ERR_OR_NULL(arm))
		return;
	for (i = 0; i < arm->nr; i++) {
		kvpool_waiter_del(&arm->ctx->tenant->queues,
				  &arm->keys[i].waiter);
		cond_resched();
	}
	kvfree_rcu(arm, rcu);
}

/**
 * kvpool_arm_replace() - Let poll() report the keys of the latest call
 * @ctx: the context
 * @arm: what kvpool_arm_add() has collected, or NULL; belongs to @ctx then
 *
 * Context: May sleep.
 */
void kvpool_arm_replace(struct kvpool_ctx *ctx, struct kvpool_arm *arm)
{
	/* Mostly no key is pending. */
	if (!arm && !READ_ONCE(ctx->arm))
		return;
	kvpool_arm_free(xchg(&ctx->arm, arm));
	if (kvpool_arm_readable(ctx))
		wake_up(&ctx->wq);
}

/**
 * kvpool_arm_readable() - Look whether an armed file has become readable
 * @ctx: the context
 *
 * Context: Any.
 * Return: true if one of its keys is not pending any more.
 */
bool kvpool_arm_readable(struct kvpool_ctx *ctx)
{
	struct kvpool_arm *arm;
	bool ret;

	rcu_read_lock();
	arm = READ_ONCE(ctx->arm);
	ret = IS_ERR(arm) || (arm && READ_ONCE(arm->settled));
	rcu_read_unlock();
	return ret;
}
