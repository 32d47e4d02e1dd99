// SPDX-License-Identifier: GPL-2.0
/* Contexts: how they begin, find their tenant, and end. */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <linux/kvpool.h>

#include "cache/pool.h"
#include "cache/tenant.h"
#include "cache/tenants.h"
#include "file/ctx.h"
#include "file/trace.h"

/**
 * kvpool_ctx_open() - Give a new file its context
 * @file: the file; its private_data becomes the context, and its mapping that
 *	  of the default tenant
 *
 * Return: 0, -ENOMEM, or -ENODEV while the module is being loaded.
 */
int kvpool_ctx_open(struct file *file)
{
	struct kvpool_tenant *tenant;
	struct kvpool_ctx *ctx;

	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	if (!ctx)
		return -ENOMEM;
	tenant = kvpool_tenants_attach(NULL, file);
	if (IS_ERR(tenant)) {
		kfree(ctx);
		return PTR_ERR(tenant);
	}
	ctx->tenant = tenant;
	if (file->f_mode & FMODE_READ)
		ctx->mode |= KVPOOL_MODE_CONSUME;
	if (file->f_mode & FMODE_WRITE)
		ctx->mode |= KVPOOL_MODE_PRODUCE;
	mutex_init(&ctx->lock);
	xa_init_flags(&ctx->holds, XA_FLAGS_ALLOC1);
	xa_init_flags(&ctx->rings, XA_FLAGS_ALLOC1);
	xa_init_flags(&ctx->inflight.ops, XA_FLAGS_ALLOC1);
	init_waitqueue_head(&ctx->wq);
	ctx->pid = task_tgid_nr(current);
	get_task_comm(ctx->comm, current);

	/* All files of a tenant share its mapping: see struct kvpool_arena. */
	file->f_mapping = tenant->arena.inode->i_mapping;
	file->private_data = ctx;
	mutex_lock(&kvpool_pool.lock);
	list_add_tail(&ctx->entry, &kvpool_pool.ctxs);
	mutex_unlock(&kvpool_pool.lock);
	trace_kvpool_ctx_open(ctx);
	return 0;
}

/**
 * kvpool_ctx_unlist() - Hide a context that is about to end
 * @ctx: the context of a file without descriptors and mappings
 */
void kvpool_ctx_unlist(struct kvpool_ctx *ctx)
{
	mutex_lock(&kvpool_pool.lock);
	list_del(&ctx->entry);
	mutex_unlock(&kvpool_pool.lock);
	trace_kvpool_ctx_close(ctx);
}

/**
 * kvpool_ctx_free() - Free a context
 * @ctx: an unlisted context without operations, rings and holds
 */
void kvpool_ctx_free(struct kvpool_ctx *ctx)
{
	kvpool_tenant_put(ctx->tenant);
	kfree(ctx);
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
	tenant = kvpool_tenants_attach(name, file);
	if (IS_ERR(tenant)) {
		mutex_unlock(&ctx->lock);
		return PTR_ERR(tenant);
	}
	old = ctx->tenant;
	file->f_mapping = tenant->arena.inode->i_mapping;
	WRITE_ONCE(ctx->tenant, tenant);
	/* A task that sees it bound sees the tenant: see kvpool_ctx_bind(). */
	smp_store_release(&ctx->bound, true);
	mutex_unlock(&ctx->lock);

	/* The default tenant: it outlasts readers that saw it just now. */
	kvpool_tenant_put(old);
	trace_kvpool_ctx_attach(ctx);
	return 0;
}
