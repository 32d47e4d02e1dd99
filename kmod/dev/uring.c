// SPDX-License-Identifier: GPL-2.0
/* Operations that come through io_uring. */
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include <linux/kvpool.h>

#include "cache/pool.h"
#include "compat.h"
#include "dev/uring.h"
#include "file/ctx.h"
#include "file/handles.h"
#include "xfer/issue.h"
#include "xfer/op.h"
#include "xfer/opdef.h"
#include "xfer/xfer.h"

/* What a command remembers while its operation is in flight. */
struct kvpool_uring_pdu {
	struct kvpool_xfer *xfer;
	u64 completion;
};

static struct kvpool_uring_pdu *kvpool_uring_pdu(struct io_uring_cmd *cmd)
{
	BUILD_BUG_ON(sizeof(struct kvpool_uring_pdu) > sizeof(cmd->pdu));
	return (struct kvpool_uring_pdu *)cmd->pdu;
}

/* Write the completion. Return: what the command completes with. */
static int kvpool_uring_result(struct kvpool_ctx *ctx, u64 ptr,
			       const struct kvpool_completion *cqe)
{
	if (!ptr)
		return cqe->status;
	/* The process may be gone, and a kernel thread cleans up after it. */
	if (!(current->flags & PF_KTHREAD) && current->mm &&
	    !copy_to_user(u64_to_user_ptr(ptr), cqe, sizeof(*cqe)))
		return cqe->status;
	if (cqe->handle)
		kvpool_handle_drop(ctx, cqe->handle);
	return -EFAULT;
}

static void kvpool_uring_done(struct io_uring_cmd *cmd,
			      unsigned int issue_flags)
{
	struct kvpool_uring_pdu *pdu = kvpool_uring_pdu(cmd);
	struct kvpool_xfer *xfer = pdu->xfer;
	int ret;

	/* The command holds the file, so its context is still there. */
	ret = kvpool_uring_result(xfer->ctx, pdu->completion, &xfer->cqe);
	/* It can be cancelled until here: the reference is still needed. */
	io_uring_cmd_done(cmd, ret, 0, issue_flags);
	kvpool_xfer_put(xfer);
}

static void kvpool_uring_sink_post(struct kvpool_xfer *xfer)
{
	kvpool_xfer_get(xfer);
	io_uring_cmd_complete_in_task(xfer->sink_data, kvpool_uring_done);
}

static const struct kvpool_sink kvpool_uring_sink = {
	.post = kvpool_uring_sink_post,
};

/*
 * A process that ends waits for its commands. Where io_uring does not cancel
 * them it must not wait for long.
 */
static u64 kvpool_uring_timeout(const struct kvpool_op *op)
{
	u64 most = kvpool_pool_remote_timeout();

	return op->timeout_ns && (KVPOOL_URING_CANCELS || op->timeout_ns < most) ?
	       op->timeout_ns : most;
}

/**
 * struct kvpool_uring_issue - the operation of one command
 * @issue:	how it begins
 * @cmd:	the command
 * @issue_flags: io_uring's
 * @completion:	the caller's pointer
 * @cqe:	the completion, if the operation completed at once
 * @queued:	it did not
 */
struct kvpool_uring_issue {
	struct kvpool_issue issue;
	struct io_uring_cmd *cmd;
	unsigned int issue_flags;
	u64 completion;
	struct kvpool_completion cqe;
	bool queued;
};

static void kvpool_uring_complete(struct kvpool_issue *issue, u32 i,
				  const struct kvpool_completion *cqe)
{
	struct kvpool_uring_issue *u =
		container_of(issue, struct kvpool_uring_issue, issue);

	u->cqe = *cqe;
}

static void kvpool_uring_attach(struct kvpool_issue *issue, u32 i,
				struct kvpool_xfer *xfer)
{
	struct kvpool_uring_issue *u =
		container_of(issue, struct kvpool_uring_issue, issue);

	u->queued = true;
	xfer->sink = &kvpool_uring_sink;
	WRITE_ONCE(xfer->sink_data, u->cmd);
	kvpool_uring_pdu(u->cmd)->xfer = xfer;
	kvpool_uring_pdu(u->cmd)->completion = u->completion;
	kvpool_uring_cancelable(u->cmd, u->issue_flags);
}

/**
 * kvpool_uring_cmd() - An operation through io_uring, or its cancellation
 * @cmd: the command
 * @issue_flags: io_uring's
 *
 * Return: the status, a negative errno, or -EIOCBQUEUED.
 */
int kvpool_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct kvpool_ctx *ctx = cmd->file->private_data;
	struct kvpool_uring_issue u = {
		.issue.ctx = ctx,
		.issue.nr = 1,
		.issue.complete = kvpool_uring_complete,
		.issue.attach = kvpool_uring_attach,
		.issue.timeout = kvpool_uring_timeout,
		.cmd = cmd,
		.issue_flags = issue_flags,
	};
	const struct kvpool_uring *args;
	struct kvpool_op op;
	u64 ptr;
	int ret;

	if (kvpool_uring_cancels(issue_flags)) {
		kvpool_xfer_cancel(kvpool_uring_pdu(cmd)->xfer, -ECANCELED);
		return 0;
	}
	if (cmd->cmd_op != KVPOOL_URING_OP)
		return -ENOTTY;
	/* The entry may be in memory that the user writes to. */
	args = kvpool_uring_args(cmd);
	ptr = READ_ONCE(args->op);
	u.completion = READ_ONCE(args->completion);
	if (copy_from_user(&op, u64_to_user_ptr(ptr), sizeof(op)))
		return -EFAULT;
	ret = kvpool_op_check(ctx, &op);
	if (ret)
		return ret;
	/* Space may have to be made: not in the submitter's time. */
	if (issue_flags & IO_URING_F_NONBLOCK &&
	    kvpool_op_makes_space(kvpool_op_find(op.opcode), &op))
		return -EAGAIN;
	kvpool_ctx_bind(ctx);
	u.issue.ops = &op;
	kvpool_issue_run(&u.issue);
	if (u.queued)
		return -EIOCBQUEUED;
	return kvpool_uring_result(ctx, u.completion, &u.cqe);
}
