// SPDX-License-Identifier: GPL-2.0
/* Operations: submission, results, cancellation. */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait_bit.h>

#include "kvpool.h"
#include "control/trace.h"

/* Which members an operation uses; the others have to be zero. */
static const struct kvpool_op_rule {
	u32 flags;
	bool key;
} kvpool_op_rules[] = {
	[KVPOOL_OP_NOP] = { 0, false },
	[KVPOOL_OP_PROBE] = { KVPOOL_OP_REMOTE, true },
	[KVPOOL_OP_LEASE] = { KVPOOL_OP_WAIT | KVPOOL_OP_REMOTE |
			      KVPOOL_OP_TRANSIENT, true },
	[KVPOOL_OP_RELEASE] = { 0, false },
	[KVPOOL_OP_PUSH] = { 0, true },
};

static bool kvpool_op_zero_key(const struct kvpool_op *op)
{
	const struct kvpool_key *key = (const void *)op->key;
	u64 any = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(key->w); i++)
		any |= key->w[i];
	return !any;
}

/**
 * kvpool_op_check() - Check an operation that came from a user
 * @ctx: on whose file
 * @op: a copy of it
 *
 * Return: 0, -EINVAL, or -EBADF if the file may not do that.
 */
int kvpool_op_check(const struct kvpool_ctx *ctx, const struct kvpool_op *op)
{
	bool remote = op->flags & KVPOOL_OP_REMOTE;
	bool fetch = remote && op->opcode == KVPOOL_OP_LEASE;
	bool push = op->opcode == KVPOOL_OP_PUSH;
	const struct kvpool_op_rule *rule;
	struct kvpool_space space;

	if (op->opcode >= ARRAY_SIZE(kvpool_op_rules))
		return -EINVAL;
	rule = &kvpool_op_rules[array_index_nospec(op->opcode,
						   ARRAY_SIZE(kvpool_op_rules))];
	if (op->flags & ~rule->flags || op->reserved ||
	    (!rule->key && !kvpool_op_zero_key(op)) ||
	    (op->handle && op->opcode != KVPOOL_OP_RELEASE) ||
	    (op->timeout_ns && !push &&
	     !(op->flags & (KVPOOL_OP_WAIT | KVPOOL_OP_REMOTE))) ||
	    (op->flags & KVPOOL_OP_TRANSIENT && !remote))
		return -EINVAL;
	if (push ? !op->peer : op->peer && !remote)
		return -EINVAL;
	if (!fetch && (op->length || op->node))
		return -EINVAL;
	if (fetch && (op->length < KVPOOL_BLOCK_MIN ||
		      op->length > KVPOOL_BLOCK_MAX ||
		      kvpool_space_choose(op->node, false, &space)))
		return -EINVAL;
	return push && !(ctx->mode & KVPOOL_MODE_PRODUCE) ? -EBADF : 0;
}

static u64 kvpool_op_timeout(const struct kvpool_op *op)
{
	if (op->timeout_ns || (!(op->flags & KVPOOL_OP_REMOTE) &&
			       op->opcode != KVPOOL_OP_PUSH))
		return op->timeout_ns;
	return kvpool_op_timeout_default();
}

static struct kvpool_op *kvpool_ops_get(const struct kvpool_ctx *ctx, u64 ptr,
					u32 nr)
{
	struct kvpool_op *ops;
	int ret;
	u32 i;

	ops = kvpool_array_get(ptr, nr, sizeof(*ops));
	if (IS_ERR(ops))
		return ops;
	for (i = 0; i < nr; i++) {
		ret = kvpool_op_check(ctx, &ops[i]);
		if (ret) {
			kvfree(ops);
			return ERR_PTR(ret);
		}
	}
	return ops;
}

/* One hold for all leases of a call: each has its place from the beginning. */
static struct kvpool_hold *kvpool_ops_hold(struct kvpool_ctx *ctx,
					   const struct kvpool_op *ops, u32 nr)
{
	struct kvpool_hold *hold;
	u32 leases = 0, i;

	for (i = 0; i < nr; i++)
		leases += ops[i].opcode == KVPOOL_OP_LEASE;
	if (!leases)
		return NULL;
	hold = kvpool_hold_begin(ctx, KVPOOL_HOLD_LEASE, leases);
	if (!IS_ERR(hold))
		kvpool_hold_commit(ctx, hold, leases);
	return hold;
}

/**
 * struct kvpool_ended - leases that one call has ended
 * @blocks: what they were on, with their references
 * @nr: how many
 * @hold: the hold of the latest one
 * @last: the one that is to be put next
 * @run: how many were taken out of @last
 */
struct kvpool_ended {
	struct kvpool_block **blocks;
	u32 nr;
	struct kvpool_hold *hold;
	struct kvpool_hold *last;
	u32 run;
};

static int kvpool_ops_release(struct kvpool_ctx *ctx, u64 handle,
			      struct kvpool_ended *ended)
{
	struct kvpool_block *block;

	block = kvpool_hold_take(ctx, handle, KVPOOL_HOLD_LEASE, &ended->hold);
	if (!block)
		return -ENOENT;
	/* Mostly all are of one call: put its hold once. */
	if (ended->hold != ended->last) {
		kvpool_hold_put(ctx, ended->last, ended->run);
		ended->last = ended->hold;
		ended->run = 0;
	}
	ended->run++;
	ended->blocks[ended->nr++] = block;
	return 0;
}

/* As KVPOOL_IOC_RELEASE does: the first of a prefix becomes the youngest. */
static void kvpool_ops_released(struct kvpool_ctx *ctx,
				struct kvpool_ended *ended)
{
	struct kvpool_tenant *tenant = ctx->tenant;
	u32 i;

	if (!ended->nr)
		return;
	kvpool_hold_put(ctx, ended->last, ended->run);
	kvpool_policy_touch(&tenant->policy, ended->blocks, ended->nr);
	for (i = 0; i < ended->nr; i++) {
		trace_kvpool_block_release(tenant, ended->blocks[i]);
		kvpool_block_put(tenant, ended->blocks[i]);
	}
	kvpool_count(tenant, leases, -(long)ended->nr);
}

/*
 * Begin operations, whose array is spoilt by it. Return: how many have
 * completed already.
 */
static u32 kvpool_ops_begin(struct kvpool_ctx *ctx, struct kvpool_op *ops,
			    u32 nr, struct kvpool_ring *ring,
			    struct kvpool_batch *batch)
{
	/* In the room of operations that were done with. */
	struct kvpool_ended ended = { .blocks = (void *)ops };
	struct kvpool_hold *hold = kvpool_ops_hold(ctx, ops, nr);
	u32 index = 0, failed = 0, now = 0, i;
	struct kvpool_completion cqe, *slot = &cqe;
	struct kvpool_xfer *xfer;
	LIST_HEAD(remote);
	bool lease;

	for (i = 0; i < nr; i++) {
		const struct kvpool_op *op = &ops[i];

		if (batch)
			slot = &batch->results[i];
		lease = op->opcode == KVPOOL_OP_LEASE;
		if (lease && IS_ERR(hold)) {
			*slot = (struct kvpool_completion) {
				.user_data = op->user_data,
				.status = PTR_ERR(hold),
			};
		} else if (op->opcode == KVPOOL_OP_RELEASE) {
			*slot = (struct kvpool_completion) {
				.user_data = op->user_data,
			};
			slot->status = kvpool_ops_release(ctx, op->handle,
							  &ended);
		} else if (!kvpool_op_try(ctx, op, hold, index, slot)) {
			xfer = kvpool_xfer_new(ctx, op, lease ? hold : NULL,
					       index,
					       kvpool_op_timeout(op));
			index += lease;
			if (xfer) {
				xfer->result.ring = ring;
				xfer->result.batch = batch;
				xfer->result.slot = slot;
				kvpool_xfer_start(xfer, &remote);
				continue;
			}
			slot->status = -ENOMEM;
			failed += lease;
		} else if (lease) {
			index++;
			failed += !!slot->status;
		}
		now++;
		if (ring)
			kvpool_ring_post(ring, slot);
	}
	if (failed)
		kvpool_hold_put(ctx, hold, failed);
	kvpool_ops_released(ctx, &ended);
	if (ring && now)
		kvpool_ring_wake(ctx, ring);
	kvpool_xfers_submit(&remote);
	return now;
}

/* ---- cancellation ---- */

struct kvpool_match {
	u32 flags;
	u64 value;
	const struct kvpool_batch *batch;
	u64 seq;	/* those submitted later are not meant */
};

static bool kvpool_match_is(const struct kvpool_match *match,
			    const struct kvpool_xfer *xfer)
{
	if (xfer->seq > match->seq || kvpool_xfer_is_done(xfer))
		return false;
	if (match->batch)
		return xfer->result.batch == match->batch;
	if (match->flags & KVPOOL_CANCEL_USER_DATA)
		return xfer->cqe.user_data == match->value;
	if (match->flags & KVPOOL_CANCEL_TAG)
		return xfer->tag == match->value;
	return true;
}

static u32 kvpool_ctx_cancel(struct kvpool_ctx *ctx, struct kvpool_match *match,
			     int why)
{
	struct kvpool_xfer *xfer;
	unsigned long id;
	u32 nr = 0;

	match->seq = atomic64_read(&ctx->xfer_seq);
	rcu_read_lock();
	xa_for_each(&ctx->xfers, id, xfer) {
		if (!kvpool_match_is(match, xfer) ||
		    !refcount_inc_not_zero(&xfer->refs))
			continue;
		rcu_read_unlock();
		nr++;
		kvpool_xfer_cancel(xfer, why);
		kvpool_xfer_put(xfer);
		cond_resched();
		rcu_read_lock();
	}
	rcu_read_unlock();
	return nr;
}

/* Wait until those that were cancelled have completed. */
static int kvpool_ctx_cancelled(struct kvpool_ctx *ctx,
				const struct kvpool_match *match)
{
	struct kvpool_xfer *xfer;
	unsigned long id;
	int ret = 0;

	rcu_read_lock();
	xa_for_each(&ctx->xfers, id, xfer) {
		if (!kvpool_match_is(match, xfer) ||
		    !refcount_inc_not_zero(&xfer->refs))
			continue;
		rcu_read_unlock();
		ret = wait_var_event_killable(&xfer->done,
					      kvpool_xfer_is_done(xfer));
		kvpool_xfer_put(xfer);
		rcu_read_lock();
		if (ret)
			break;
	}
	rcu_read_unlock();
	return ret ? -EINTR : 0;
}

/**
 * kvpool_ctx_cancel_all() - End all operations of a file that nobody uses
 * @ctx: the file's context
 *
 * Waits until they have completed; fabrics do not wait for peers then.
 */
void kvpool_ctx_cancel_all(struct kvpool_ctx *ctx)
{
	struct kvpool_match match = { .flags = KVPOOL_CANCEL_ALL };

	if (atomic_read(&ctx->nr_xfers))
		kvpool_ctx_cancel(ctx, &match, -ECANCELED);
	wait_var_event(&ctx->nr_xfers, !atomic_read(&ctx->nr_xfers));
	xa_destroy(&ctx->xfers);
}

/**
 * kvpool_ioctl_cancel() - KVPOOL_IOC_CANCEL
 * @call: the call
 *
 * Return: 0 or a negative errno.
 */
int kvpool_ioctl_cancel(struct kvpool_call *call)
{
	struct kvpool_cancel *arg = call->arg;
	u32 what = arg->flags & ~KVPOOL_CANCEL_NOWAIT;
	struct kvpool_match match = { .flags = what, .value = arg->match };

	if ((what != KVPOOL_CANCEL_USER_DATA && what != KVPOOL_CANCEL_TAG &&
	     what != KVPOOL_CANCEL_ALL) || arg->nr_done || arg->reserved ||
	    (what == KVPOOL_CANCEL_ALL && arg->match))
		return -EINVAL;
	arg->nr_done = kvpool_ctx_cancel(call->ctx, &match, -ECANCELED);
	if (arg->flags & KVPOOL_CANCEL_NOWAIT)
		return 0;
	return kvpool_ctx_cancelled(call->ctx, &match);
}

/* ---- submission ---- */

/* The results never reach the user, so the leases are of no use. */
static void kvpool_batch_undo(struct kvpool_ctx *ctx,
			      const struct kvpool_batch *batch, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		if (batch->results[i].handle)
			kvpool_ctx_release(ctx, batch->results[i].handle);
}

static int kvpool_submit_wait(struct kvpool_ctx *ctx, struct kvpool_op *ops,
			      u32 nr, u64 results)
{
	struct kvpool_match match = { };
	struct kvpool_batch *batch;
	int ret;
	u32 now;

	batch = kvzalloc(struct_size(batch, results, nr), GFP_KERNEL_ACCOUNT);
	if (!batch)
		return -ENOMEM;
	/* One is ours, so that nobody completes @done of a batch that is gone. */
	atomic_set(&batch->left, nr + 1);
	init_completion(&batch->done);

	now = kvpool_ops_begin(ctx, ops, nr, NULL, batch);
	if (!atomic_sub_and_test(now + 1, &batch->left) &&
	    wait_for_completion_interruptible(&batch->done)) {
		match.batch = batch;
		kvpool_ctx_cancel(ctx, &match, -EINTR);
		wait_for_completion(&batch->done);
	}
	ret = kvpool_entries_put(results, batch->results,
				 nr * sizeof(*batch->results));
	if (ret)
		kvpool_batch_undo(ctx, batch, nr);
	kvfree(batch);
	return ret;
}

/**
 * kvpool_ioctl_submit() - KVPOOL_IOC_SUBMIT
 * @call: the call
 *
 * Return: 0 or a negative errno.
 */
int kvpool_ioctl_submit(struct kvpool_call *call)
{
	struct kvpool_submit *arg = call->arg;
	struct kvpool_ctx *ctx = call->ctx;
	struct kvpool_ring *ring;
	struct kvpool_op *ops;
	int ret = 0;

	if (arg->flags || arg->nr_done)
		return -EINVAL;
	/* Pairs with the cmpxchg() of kvpool_ioctl_ring(). */
	ring = smp_load_acquire(&ctx->ring);
	if (!arg->results && !ring)
		return -ENXIO;
	ops = kvpool_ops_get(ctx, arg->ops, arg->nr_ops);
	if (IS_ERR(ops))
		return PTR_ERR(ops);

	kvpool_ctx_bind(ctx);
	if (arg->results) {
		ret = kvpool_submit_wait(ctx, ops, arg->nr_ops, arg->results);
		arg->nr_done = arg->nr_ops;
	} else {
		arg->nr_done = kvpool_ring_admit(ring, arg->nr_ops);
		if (arg->nr_done)
			kvpool_ops_begin(ctx, ops, arg->nr_done, ring, NULL);
		else
			ret = -EBUSY;
	}
	kvfree(ops);
	return ret;
}
