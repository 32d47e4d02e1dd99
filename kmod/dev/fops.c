// SPDX-License-Identifier: GPL-2.0
/* The file operations of the device. */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "cache/pool.h"
#include "dev/fops.h"
#include "dev/ioctl.h"
#include "dev/mmap.h"
#include "dev/uring.h"
#include "file/arm.h"
#include "file/ctx.h"
#include "file/ring.h"
#include "xfer/revoke.h"

static int kvpool_open(struct inode *inode, struct file *file)
{
	return kvpool_ctx_open(file) ?: nonseekable_open(inode, file);
}

/* Handles and operations that a task that exits ends itself. */
#define KVPOOL_END_FEW	4096

static void kvpool_end_work(struct work_struct *work)
{
	kvpool_file_end(container_of(work, struct kvpool_ctx, end_work));
}

/*
 * A file can have a million handles. A task that exits does not stay for them:
 * until a worker has ended them their memory is not used again.
 */
static bool kvpool_end_takes_long(const struct kvpool_ctx *ctx)
{
	return (u64)atomic_read(&ctx->nr_handles) +
	       atomic_read(&ctx->inflight.nr) > KVPOOL_END_FEW;
}

static int kvpool_release(struct inode *inode, struct file *file)
{
	struct kvpool_ctx *ctx = file->private_data;

	kvpool_arm_replace(ctx, NULL);
	if (current->flags & PF_EXITING && kvpool_end_takes_long(ctx)) {
		INIT_WORK(&ctx->end_work, kvpool_end_work);
		queue_work(kvpool_pool.wq, &ctx->end_work);
	} else {
		kvpool_file_end(ctx);
	}
	return 0;
}

static __poll_t kvpool_poll(struct file *file, poll_table *wait)
{
	struct kvpool_ctx *ctx = file->private_data;

	poll_wait(file, &ctx->wq, wait);
	if (kvpool_ctx_is_revoked(ctx))
		return EPOLLHUP | EPOLLERR;
	if (kvpool_rings_readable(ctx) || kvpool_arm_readable(ctx))
		return EPOLLIN | EPOLLRDNORM;
	return 0;
}

const struct file_operations kvpool_fops = {
	.owner = THIS_MODULE,
	.open = kvpool_open,
	.release = kvpool_release,
	.unlocked_ioctl = kvpool_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = kvpool_mmap,
	/* Aligned addresses, so that chunks can be mapped by one entry. */
	.get_unmapped_area = thp_get_unmapped_area,
	.poll = kvpool_poll,
	.uring_cmd = kvpool_uring_cmd,
};
