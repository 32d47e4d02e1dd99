// SPDX-License-Identifier: GPL-2.0
/* Operations through ioctls: rings, submission, results, cancellation. */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <linux/kvpool.h>

#include "cache/pool.h"
#include "dev/call.h"
#include "dev/copy.h"
#include "dev/submit.h"
#include "file/ctx.h"
#include "file/handles.h"
#include "file/ring.h"
#include "xfer/cancel.h"
#include "xfer/issue.h"
#include "xfer/op.h"
#include "xfer/opdef.h"
#include "xfer/xfer.h"

/* ---- rings ---- */

/**
 * kvpool_ioctl_ring() - KVPOOL_IOC_RING
 * @call: the call
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
int kvpool_ioctl_ring(struct kvpool_call *call)
{
	struct kvpool_ring_setup *arg = call->arg;
	struct eventfd_ctx *eventfd = NULL;
	struct kvpool_ring *ring;

	if (arg->flags || arg->ring || !arg->entries ||
	    arg->entries > KVPOOL_RING_ENTRIES_MAX || arg->eventfd < -1)
		return -EINVAL;
	if (arg->eventfd >= 0) {
		eventfd = eventfd_ctx_fdget(arg->eventfd);
		if (IS_ERR(eventfd))
			return PTR_ERR(eventfd);
	}
	ring = kvpool_ring_create(call->ctx, roundup_pow_of_two(arg->entries),
				  eventfd);
	if (IS_ERR(ring)) {
		if (eventfd)
			eventfd_ctx_put(eventfd);
		return PTR_ERR(ring);
	}
	kvpool_ring_describe(ring, arg);
	kvpool_ring_put(ring);
	return 0;
}

/**
 * kvpool_ioctl_ring_end() - KVPOOL_IOC_RING_END
 * @call: the call
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
int kvpool_ioctl_ring_end(struct kvpool_call *call)
{
	struct kvpool_match match = { .flags = KVPOOL_CANCEL_ALL };
	struct kvpool_ring_end *arg = call->arg;
	struct kvpool_ring *ring;
	int ret;

	if (arg->flags || arg->nr_done)
		return -EINVAL;
	ring = kvpool_ring_remove(call->ctx, arg->ring);
	if (!ring)
		return -ENOENT;
	match.sink_data = ring;
	arg->nr_done = kvpool_cancel_match(call->ctx, &match, -ECANCELED);
	ret = kvpool_ring_drained(ring);
	kvpool_ring_put(ring);
	return ret;
}

static void kvpool_ring_sink_post(struct kvpool_xfer *xfer)
{
	struct kvpool_ring *ring = xfer->sink_data;

	kvpool_ring_post(ring, &xfer->cqe);
	kvpool_ring_wake(ring);
}

static void kvpool_ring_sink_end(void *data)
{
	kvpool_ring_put(data);
}

static const struct kvpool_sink kvpool_ring_sink = {
	.post = kvpool_ring_sink_post,
	.end = kvpool_ring_sink_end,
};

/* ---- results of a call that waits ---- */

/**
 * struct kvpool_results - completions of the operations of one call
 * @left:	operations that have not completed, and one for the call itself
 * @done:	completed when @left becomes zero
 * @nr:		length of @cqes
 * @cqes:	completions in the order of the operations
 */
struct kvpool_results {
	atomic_t left;
	struct completion done;
	u32 nr;
	struct kvpool_completion cqes[];
};

static void kvpool_results_sink_post(struct kvpool_xfer *xfer)
{
	*xfer->slot = xfer->cqe;
}

static void kvpool_results_sink_end(void *data)
{
	struct kvpool_results *results = data;

	if (atomic_dec_and_test(&results->left))
		complete(&results->done);
}

static const struct kvpool_sink kvpool_results_sink = {
	.post = kvpool_results_sink_post,
	.end = kvpool_results_sink_end,
};

/* ---- submission ---- */

/**
 * struct kvpool_submission - operations of one call
 * @issue:	how they are issued
 * @results:	where their completions go to if that is no ring
 */
struct kvpool_submission {
	struct kvpool_issue issue;
	struct kvpool_results *results;
};

static void kvpool_submission_attach(struct kvpool_issue *issue, u32 i,
				     struct kvpool_xfer *xfer)
{
	struct kvpool_submission *s =
		container_of(issue, struct kvpool_submission, issue);
	struct kvpool_ring *ring = issue->ring;

	if (ring) {
		kvpool_ring_get(ring);
		xfer->sink = &kvpool_ring_sink;
		WRITE_ONCE(xfer->sink_data, ring);
		/* Else KVPOOL_IOC_RING_END finds and cancels the xfer. */
		if (kvpool_ring_ended(ring))
			kvpool_xfer_cancel(xfer, -ECANCELED);
	} else {
		xfer->sink = &kvpool_results_sink;
		xfer->slot = &s->results->cqes[i];
		WRITE_ONCE(xfer->sink_data, s->results);
	}
}

static u64 kvpool_submission_timeout(const struct kvpool_op *op)
{
	if (op->timeout_ns ||
	    !kvpool_op_asks_peer(kvpool_op_row(op), op))
		return op->timeout_ns;
	return kvpool_pool_remote_timeout();
}

/* Issue operations. Return how many have completed. */
static u32 kvpool_submission_run(struct kvpool_submission *s,
				 struct kvpool_ctx *ctx, struct kvpool_op *ops,
				 u32 nr)
{
	struct kvpool_issue *issue = &s->issue;

	issue->ctx = ctx;
	issue->ops = ops;
	issue->nr = nr;
	issue->attach = kvpool_submission_attach;
	issue->timeout = kvpool_submission_timeout;
	kvpool_issue_run(issue);
	if (issue->ring && issue->now)
		kvpool_ring_wake(issue->ring);
	return issue->now;
}

static struct kvpool_op *kvpool_ops_read(const struct kvpool_ctx *ctx, u64 ptr,
					 u32 nr)
{
	struct kvpool_op *ops;
	int ret;
	u32 i;

	ops = kvpool_array_read(ptr, nr, sizeof(*ops));
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

/**
 * kvpool_results_undo() - End the handles of results that the user has not got
 * @ctx: the context
 * @results: the results; all operations have completed
 *
 * Context: May sleep.
 */
void kvpool_results_undo(struct kvpool_ctx *ctx, struct kvpool_results *results)
{
	u32 i;

	for (i = 0; i < results->nr; i++)
		if (results->cqes[i].handle)
			kvpool_handle_drop(ctx, results->cqes[i].handle);
}

/**
 * kvpool_results_free() - Free the results of a call
 * @results: the results; all operations have completed
 */
void kvpool_results_free(struct kvpool_results *results)
{
	kvfree(results);
}

static int kvpool_submit_wait(struct kvpool_call *call, struct kvpool_op *ops,
			      u32 nr, u64 to)
{
	const struct kvpool_submit *arg = call->arg;
	struct kvpool_ctx *ctx = call->ctx;
	struct kvpool_submission s = {};
	struct kvpool_match match = {};
	struct kvpool_results *results;
	unsigned int state;
	u32 now;

	results = kvzalloc(struct_size(results, cqes, nr), GFP_KERNEL_ACCOUNT);
	if (!results)
		return -ENOMEM;
	/* The call's own count keeps @done from being completed too early. */
	atomic_set(&results->left, nr + 1);
	init_completion(&results->done);
	results->nr = nr;

	s.results = results;
	s.issue.cqes = results->cqes;
	if (!kvpool_ctx_enter(ctx)) {
		kvpool_results_free(results);
		return -ENODEV;
	}
	now = kvpool_submission_run(&s, ctx, ops, nr);
	state = arg->flags & KVPOOL_SUBMIT_INTERRUPTIBLE ?
		KVPOOL_WAITS_INTERRUPTIBLY : KVPOOL_WAITS;
	kvpool_ctx_leave(ctx);
	if (!atomic_sub_and_test(now + 1, &results->left) &&
	    wait_for_completion_state(&results->done, state)) {
		match.sink_data = results;
		kvpool_cancel_match(ctx, &match, -EINTR);
		/* What moves their bytes still uses the results. */
		wait_for_completion_state(&results->done,
					  TASK_UNINTERRUPTIBLE |
					  TASK_FREEZABLE);
	}
	if (kvpool_entries_write(to, results->cqes,
				 nr * sizeof(*results->cqes))) {
		kvpool_results_undo(ctx, results);
		kvpool_results_free(results);
		return -EFAULT;
	}
	call->results = results;
	return 0;
}

static int kvpool_submit_ring(struct kvpool_ctx *ctx, struct kvpool_op *ops,
			      struct kvpool_ring *ring, u32 nr, u32 *done)
{
	struct kvpool_submission s = { .issue.ring = ring };
	int ret = 0;

	if (!kvpool_ctx_enter(ctx))
		return -ENODEV;
	*done = kvpool_ring_admit(ring, nr);
	if (*done)
		kvpool_submission_run(&s, ctx, ops, *done);
	else
		ret = kvpool_ring_ended(ring) ? -ENOENT : -EBUSY;
	kvpool_ctx_leave(ctx);
	return ret;
}

/**
 * kvpool_ioctl_submit() - KVPOOL_IOC_SUBMIT
 * @call: the call
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
int kvpool_ioctl_submit(struct kvpool_call *call)
{
	struct kvpool_submit *arg = call->arg;
	struct kvpool_ctx *ctx = call->ctx;
	struct kvpool_ring *ring = NULL;
	struct kvpool_op *ops;
	int ret;

	if (arg->flags & ~KVPOOL_SUBMIT_INTERRUPTIBLE || arg->nr_done ||
	    arg->reserved || (arg->results ? arg->ring : arg->flags))
		return -EINVAL;
	if (!arg->results) {
		ring = kvpool_ring_find(ctx, arg->ring);
		if (!ring)
			return -ENOENT;
	}
	ops = kvpool_ops_read(ctx, arg->ops, arg->nr_ops);
	if (IS_ERR(ops)) {
		ret = PTR_ERR(ops);
		goto out;
	}
	if (ring) {
		ret = kvpool_submit_ring(ctx, ops, ring, arg->nr_ops,
					 &arg->nr_done);
	} else {
		ret = kvpool_submit_wait(call, ops, arg->nr_ops, arg->results);
		arg->nr_done = arg->nr_ops;
	}
	kvfree(ops);
out:
	if (ring)
		kvpool_ring_put(ring);
	return ret;
}

/**
 * kvpool_ioctl_cancel() - KVPOOL_IOC_CANCEL
 * @call: the call
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
int kvpool_ioctl_cancel(struct kvpool_call *call)
{
	struct kvpool_cancel *arg = call->arg;
	u32 what = arg->flags & ~KVPOOL_CANCEL_NOWAIT;
	struct kvpool_match match = { .flags = what, .value = arg->match };
	struct kvpool_ring *ring = NULL;
	int ret = 0;

	if ((what != KVPOOL_CANCEL_USER_DATA && what != KVPOOL_CANCEL_TAG &&
	     what != KVPOOL_CANCEL_ALL) || arg->nr_done ||
	    (what == KVPOOL_CANCEL_ALL && arg->match))
		return -EINVAL;
	if (arg->ring) {
		ring = kvpool_ring_find(call->ctx, arg->ring);
		if (!ring)
			return -ENOENT;
		match.sink_data = ring;
	}
	arg->nr_done = kvpool_cancel_match(call->ctx, &match, -ECANCELED);
	if (!(arg->flags & KVPOOL_CANCEL_NOWAIT))
		ret = kvpool_cancel_wait(call->ctx, &match);
	if (ring)
		kvpool_ring_put(ring);
	return ret;
}
