// SPDX-License-Identifier: GPL-2.0
/* Operations that come through io_uring. */
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "kvpool.h"

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
		kvpool_ctx_release(ctx, cqe->handle);
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

/**
 * kvpool_uring_post() - Complete a command
 * @xfer: its operation, whose completion is filled in
 */
void kvpool_uring_post(struct kvpool_xfer *xfer)
{
	kvpool_xfer_get(xfer);
	io_uring_cmd_complete_in_task(xfer->result.cmd, kvpool_uring_done);
}

/*
 * A process that ends waits for its commands. Where io_uring does not cancel
 * them it must not wait for long.
 */
static u64 kvpool_uring_timeout(const struct kvpool_op *op)
{
	u64 most = kvpool_op_timeout_default();

	return op->timeout_ns && (KVPOOL_URING_CANCELS || op->timeout_ns < most) ?
	       op->timeout_ns : most;
}

static int kvpool_uring_start(struct io_uring_cmd *cmd, struct kvpool_ctx *ctx,
			      const struct kvpool_op *op, u64 completion,
			      unsigned int issue_flags)
{
	bool lease = op->opcode == KVPOOL_OP_LEASE;
	struct kvpool_hold *hold = NULL;
	struct kvpool_completion cqe;
	struct kvpool_xfer *xfer;
	LIST_HEAD(remote);

	if (lease) {
		hold = kvpool_hold_begin(ctx, KVPOOL_HOLD_LEASE, 1);
		if (IS_ERR(hold)) {
			cqe = (struct kvpool_completion) {
				.user_data = op->user_data,
				.status = PTR_ERR(hold),
			};
			return kvpool_uring_result(ctx, completion, &cqe);
		}
		kvpool_hold_commit(ctx, hold, 1);
	}
	if (!kvpool_op_try(ctx, op, hold, 0, &cqe)) {
		xfer = kvpool_xfer_new(ctx, op, hold, 0,
				       kvpool_uring_timeout(op));
		if (xfer) {
			xfer->result.cmd = cmd;
			kvpool_uring_pdu(cmd)->xfer = xfer;
			kvpool_uring_pdu(cmd)->completion = completion;
			kvpool_uring_cancelable(cmd, issue_flags);
			kvpool_xfer_start(xfer, &remote);
			kvpool_xfers_submit(&remote);
			return -EIOCBQUEUED;
		}
		cqe.status = -ENOMEM;
	}
	if (hold && cqe.status)
		kvpool_hold_put(ctx, hold, 1);
	return kvpool_uring_result(ctx, completion, &cqe);
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
	const struct kvpool_uring *args;
	u64 ptr, completion;
	struct kvpool_op op;
	int ret;

	if (kvpool_uring_cancels(issue_flags)) {
		kvpool_xfer_cancel(kvpool_uring_pdu(cmd)->xfer, -ECANCELED);
		return 0;
	}
	if (cmd->cmd_op != KVPOOL_URING_OP)
		return -ENOTTY;
	if (!(ctx->mode & KVPOOL_MODE_CONSUME))
		return -EBADF;
	/* The entry may be in memory that the user writes to. */
	args = kvpool_uring_args(cmd);
	ptr = READ_ONCE(args->op);
	completion = READ_ONCE(args->completion);
	if (copy_from_user(&op, u64_to_user_ptr(ptr), sizeof(op)))
		return -EFAULT;
	ret = kvpool_op_check(ctx, &op);
	if (ret)
		return ret;
	/* Space for a copy may have to be made: not in the submitter's time. */
	if (issue_flags & IO_URING_F_NONBLOCK && op.flags & KVPOOL_OP_REMOTE &&
	    op.opcode == KVPOOL_OP_LEASE)
		return -EAGAIN;
	kvpool_ctx_bind(ctx);
	return kvpool_uring_start(cmd, ctx, &op, completion, issue_flags);
}
