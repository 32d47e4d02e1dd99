// SPDX-License-Identifier: GPL-2.0
/* Contexts: opening, binding to a tenant, attaching, and ending. */
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
 * kvpool_ctx_open() - Make the context of a new file
 * @file: the file; its private_data is set to the context, and its mapping to
 *	  that of the default tenant
 *
 * Context: May sleep.
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

	/* All files of a tenant share one mapping: see struct kvpool_arena. */
	file->f_mapping = tenant->arena.inode->i_mapping;
	file->private_data = ctx;
	mutex_lock(&kvpool_pool.lock);
	list_add_tail(&ctx->entry, &kvpool_pool.ctxs);
	mutex_unlock(&kvpool_pool.lock);
	trace_kvpool_ctx_open(ctx);
	return 0;
}

/**
 * kvpool_ctx_unlist() - Remove a context from the list of contexts
 * @ctx: the context of a file without descriptors and mappings
 *
 * Context: May sleep.
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
 * @ctx: a context that is not in the list and has no operations, rings or holds
 */
void kvpool_ctx_free(struct kvpool_ctx *ctx)
{
	kvpool_tenant_put(ctx->tenant);
	kfree(ctx);
}

/**
 * kvpool_ctx_bind() - Make the tenant of a context final
 * @ctx: the context
 *
 * Called before the context gets a mapping or a handle.
 *
 * Context: May sleep.
 * Return: the tenant, which does not change any more.
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
 * kvpool_ctx_attach() - Attach a file that is not bound to another tenant
 * @file: the file; it is bound if the call succeeds
 * @name: the tenant's name
 *
 * Context: May sleep.
 * Return: 0, -EBUSY if the file is bound, -ENOENT or -EACCES.
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
	/* Pairs with kvpool_ctx_bind(), which then sees the new tenant. */
	smp_store_release(&ctx->bound, true);
	mutex_unlock(&ctx->lock);

	/* Readers may still use @old: the default tenant, which stays. */
	kvpool_tenant_put(old);
	trace_kvpool_ctx_attach(ctx);
	return 0;
}
