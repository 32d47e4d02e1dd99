// SPDX-License-Identifier: GPL-2.0
/* Cancelling operations in flight that match. */
#include <linux/sched.h>
#include <linux/wait_bit.h>

#include <linux/kvpool.h>

#include "file/ctx.h"
#include "xfer/cancel.h"
#include "xfer/xfer.h"

static bool kvpool_match_is(const struct kvpool_match *match,
			    const struct kvpool_xfer *xfer)
{
	if (xfer->seq > match->seq || kvpool_xfer_is_done(xfer))
		return false;
	if (match->sink_data &&
	    READ_ONCE(xfer->sink_data) != match->sink_data)
		return false;
	if (match->flags & KVPOOL_CANCEL_USER_DATA)
		return xfer->cqe.user_data == match->value;
	if (match->flags & KVPOOL_CANCEL_TAG)
		return xfer->tag == match->value;
	return true;
}

/**
 * kvpool_cancel_match() - Cancel operations that match
 * @ctx: the context of the operations
 * @match: the operations
 * @why: the negative errno that the operations end with
 *
 * Does not wait until the operations have completed.
 *
 * Context: May sleep.
 * Return: the number of operations that matched.
 */
u32 kvpool_cancel_match(struct kvpool_ctx *ctx, struct kvpool_match *match,
			int why)
{
	struct kvpool_xfer *xfer;
	unsigned long id;
	u32 nr = 0;

	match->seq = atomic64_read(&ctx->inflight.seq);
	rcu_read_lock();
	xa_for_each(&ctx->inflight.ops, id, xfer) {
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

/**
 * kvpool_cancel_wait() - Wait until cancelled operations have completed
 * @ctx: the context of the operations
 * @match: the operations, as kvpool_cancel_match() left it
 *
 * Context: May sleep.
 * Return: 0, or -EINTR on a fatal signal.
 */
int kvpool_cancel_wait(struct kvpool_ctx *ctx, const struct kvpool_match *match)
{
	struct kvpool_xfer *xfer;
	unsigned long id;
	int ret = 0;

	rcu_read_lock();
	xa_for_each(&ctx->inflight.ops, id, xfer) {
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
 * kvpool_cancel_all() - Cancel all operations of a context
 * @ctx: the context of a file without users
 *
 * Waits until the operations have completed. A cancelled transfer does not wait
 * for its peer.
 *
 * Context: May sleep.
 */
void kvpool_cancel_all(struct kvpool_ctx *ctx)
{
	struct kvpool_match match = { .flags = KVPOOL_CANCEL_ALL };

	if (atomic_read(&ctx->inflight.nr))
		kvpool_cancel_match(ctx, &match, -ECANCELED);
	wait_var_event(&ctx->inflight.nr, !atomic_read(&ctx->inflight.nr));
	xa_destroy(&ctx->inflight.ops);
}
