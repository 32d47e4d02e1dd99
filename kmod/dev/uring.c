// SPDX-License-Identifier: GPL-2.0
/* Operations through io_uring. */
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

/* Data of a command whose operation is in flight. */
struct kvpool_uring_pdu {
	struct kvpool_xfer *xfer;
	u64 completion;
};

static struct kvpool_uring_pdu *kvpool_uring_pdu(struct io_uring_cmd *cmd)
{
	BUILD_BUG_ON(sizeof(struct kvpool_uring_pdu) > sizeof(cmd->pdu));
	return (struct kvpool_uring_pdu *)cmd->pdu;
}

/* Write the completion, and return the result of the command. */
static int kvpool_uring_result(struct kvpool_ctx *ctx, u64 ptr,
			       const struct kvpool_completion *cqe)
{
	if (!ptr)
		return cqe->status;
	/* After the exit of the process this runs in a kernel thread. */
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

	/* The command has a reference to the file, which keeps the context. */
	ret = kvpool_uring_result(xfer->ctx, pdu->completion, &xfer->cqe);
	/* io_uring may cancel, and use the xfer, until the command is done. */
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
 * A process that exits waits for its commands. Kernels that do not cancel them
 * need an upper bound of the timeout.
 */
static u64 kvpool_uring_timeout(const struct kvpool_op *op)
{
	u64 most = kvpool_pool_remote_timeout();

	return op->timeout_ns &&
	       (KVPOOL_URING_CANCELS || op->timeout_ns < most) ?
	       op->timeout_ns : most;
}

/**
 * struct kvpool_uring_issue - the operation of one command
 * @issue:	the operation
 * @cmd:	the command
 * @issue_flags: IO_URING_F_*
 * @completion:	the caller's pointer to a struct kvpool_completion, or zero
 * @cqe:	the completion, unless @queued
 * @queued:	the operation is, or was, in flight
 */
struct kvpool_uring_issue {
	struct kvpool_issue issue;
	struct io_uring_cmd *cmd;
	unsigned int issue_flags;
	u64 completion;
	struct kvpool_completion cqe;
	bool queued;
};

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
 * kvpool_uring_cmd() - Issue the operation of a command, or cancel it
 * @cmd: the command
 * @issue_flags: IO_URING_F_*
 *
 * Context: May sleep. With IO_URING_F_NONBLOCK, operations that may have to
 * make space are not begun.
 * Return: the operation's status; a negative errno; -EIOCBQUEUED if the
 * operation is in flight; -EAGAIN if io_uring has to call again from a worker.
 */
int kvpool_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct kvpool_ctx *ctx = cmd->file->private_data;
	struct kvpool_uring_issue u = {
		.issue.ctx = ctx,
		.issue.nr = 1,
		.issue.cqes = &u.cqe,
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
	/* Read once: the entry may be in memory that the user can write. */
	args = kvpool_uring_args(cmd);
	ptr = READ_ONCE(args->op);
	u.completion = READ_ONCE(args->completion);
	if (copy_from_user(&op, u64_to_user_ptr(ptr), sizeof(op)))
		return -EFAULT;
	ret = kvpool_op_check(ctx, &op);
	if (ret)
		return ret;
	/* Making space takes long: leave it to a worker of io_uring. */
	if (issue_flags & IO_URING_F_NONBLOCK &&
	    kvpool_op_makes_space(kvpool_op_row(&op), &op))
		return -EAGAIN;
	u.issue.ops = &op;
	if (!kvpool_ctx_enter(ctx))
		return -ENODEV;
	kvpool_issue_run(&u.issue);
	kvpool_ctx_leave(ctx);
	if (u.queued)
		return -EIOCBQUEUED;
	return kvpool_uring_result(ctx, u.completion, &u.cqe);
}
