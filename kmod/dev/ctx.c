// SPDX-License-Identifier: GPL-2.0
/* Contexts: what one open file owns. */
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "kvpool.h"
#include "control/trace.h"

static int kvpool_open(struct inode *inode, struct file *file)
{
	struct kvpool_ctx *ctx;

	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	if (!ctx)
		return -ENOMEM;
	ctx->tenant = kvpool_tenant_attach(NULL, file);
	if (IS_ERR(ctx->tenant)) {
		int ret = PTR_ERR(ctx->tenant);

		kfree(ctx);
		return ret;
	}

	if (file->f_mode & FMODE_READ)
		ctx->mode |= KVPOOL_MODE_CONSUME;
	if (file->f_mode & FMODE_WRITE)
		ctx->mode |= KVPOOL_MODE_PRODUCE;
	mutex_init(&ctx->lock);
	xa_init_flags(&ctx->holds, XA_FLAGS_ALLOC1);
	xa_init_flags(&ctx->xfers, XA_FLAGS_ALLOC1);
	init_waitqueue_head(&ctx->wq);
	ctx->pid = task_tgid_nr(current);
	get_task_comm(ctx->comm, current);

	/* All files of a tenant share its mapping: see struct kvpool_arena. */
	file->f_mapping = ctx->tenant->arena.inode->i_mapping;
	file->private_data = ctx;
	mutex_lock(&kvpool_pool.lock);
	list_add_tail(&ctx->entry, &kvpool_pool.ctxs);
	mutex_unlock(&kvpool_pool.lock);
	trace_kvpool_ctx_open(ctx);
	return nonseekable_open(inode, file);
}

static int kvpool_release(struct inode *inode, struct file *file)
{
	struct kvpool_ctx *ctx = file->private_data;

	mutex_lock(&kvpool_pool.lock);
	list_del(&ctx->entry);
	mutex_unlock(&kvpool_pool.lock);
	trace_kvpool_ctx_close(ctx);
	kvpool_ctx_cancel_all(ctx);
	kvpool_ring_exit(ctx);
	kvpool_holds_exit(ctx);
	kvpool_tenant_detach(ctx->tenant);
	kfree(ctx);
	return 0;
}

/**
 * kvpool_ctx_bind() - Settle which tenant a context belongs to
 * @ctx: the context
 *
 * To be called before it gets a mapping or a handle.
 *
 * Return: the tenant, constant from now on.
 */
struct kvpool_tenant *kvpool_ctx_bind(struct kvpool_ctx *ctx)
{
	/* Pairs with the releases below and in kvpool_ctx_attach(). */
	if (!smp_load_acquire(&ctx->bound)) {
		mutex_lock(&ctx->lock);
		/* Pairs with the acquire above. */
		smp_store_release(&ctx->bound, true);
		mutex_unlock(&ctx->lock);
	}
	return ctx->tenant;
}

/**
 * kvpool_ctx_attach() - Move a fresh file to another tenant
 * @file: the file
 * @name: the tenant's name
 *
 * Return: 0, -EBUSY, -ENOENT or -EACCES.
 */
int kvpool_ctx_attach(struct file *file, const char *name)
{
	struct kvpool_ctx *ctx = file->private_data;
	struct kvpool_tenant *tenant, *old;

	mutex_lock(&ctx->lock);
	if (ctx->bound) {
		mutex_unlock(&ctx->lock);
		return -EBUSY;
	}
	tenant = kvpool_tenant_attach(name, file);
	if (IS_ERR(tenant)) {
		mutex_unlock(&ctx->lock);
		return PTR_ERR(tenant);
	}
	old = ctx->tenant;
	file->f_mapping = tenant->arena.inode->i_mapping;
	WRITE_ONCE(ctx->tenant, tenant);
	/* Who sees it bound sees the tenant: pairs with kvpool_ctx_bind(). */
	smp_store_release(&ctx->bound, true);
	mutex_unlock(&ctx->lock);

	/* The default tenant: it outlasts readers that saw it just now. */
	kvpool_tenant_detach(old);
	trace_kvpool_ctx_attach(ctx);
	return 0;
}

static __poll_t kvpool_poll(struct file *file, poll_table *wait)
{
	struct kvpool_ctx *ctx = file->private_data;
	struct kvpool_tenant *tenant = kvpool_ctx_bind(ctx);

	poll_wait(file, &tenant->wq, wait);
	poll_wait(file, &ctx->wq, wait);
	if (kvpool_ring_readable(ctx))
		return EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(ctx->armed) &&
	    atomic_read(&tenant->settled) != READ_ONCE(ctx->settled))
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
	.poll = kvpool_poll,
	.uring_cmd = kvpool_uring_cmd,
};
