// SPDX-License-Identifier: GPL-2.0
/* Contexts: opening, for the default or a named tenant, and ending. */
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

static void kvpool_ctx_list(struct kvpool_ctx *ctx)
{
	mutex_lock(&kvpool_pool.lock);
	list_add_tail(&ctx->entry, &kvpool_pool.ctxs);
	mutex_unlock(&kvpool_pool.lock);
}

static void kvpool_ctx_unlist(struct kvpool_ctx *ctx)
{
	mutex_lock(&kvpool_pool.lock);
	list_del(&ctx->entry);
	mutex_unlock(&kvpool_pool.lock);
}

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
	xa_init_flags(&ctx->holds, XA_FLAGS_ALLOC1);
	xa_init_flags(&ctx->rings, XA_FLAGS_ALLOC1);
	xa_init_flags(&ctx->inflight.ops, XA_FLAGS_ALLOC1);
	init_waitqueue_head(&ctx->wq);
	ctx->pid = task_tgid_nr(current);
	get_task_comm(ctx->comm, current);

	/* All files of a tenant share one mapping: see struct kvpool_arena. */
	file->f_mapping = tenant->arena.inode->i_mapping;
	file->private_data = ctx;
	kvpool_ctx_list(ctx);
	trace_kvpool_ctx_open(ctx);
	return 0;
}

/**
 * kvpool_ctx_close() - Remove a context from the list of contexts
 * @ctx: the context of a file without descriptors and mappings
 *
 * Context: May sleep.
 */
void kvpool_ctx_close(struct kvpool_ctx *ctx)
{
	kvpool_ctx_unlist(ctx);
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
 * kvpool_ctx_open_tenant() - Open a file of another tenant
 * @from: the file whose mode and credentials the new file gets
 * @name: the tenant's name
 *
 * Context: May sleep.
 * Return: the file, which no task can find yet; ERR_PTR(-ENOENT, -EACCES,
 * -ENFILE or -ENOMEM).
 */
struct file *kvpool_ctx_open_tenant(const struct file *from, const char *name)
{
	struct kvpool_tenant *tenant;
	struct kvpool_ctx *ctx;
	struct file *file;

	tenant = kvpool_tenants_attach(name, from);
	if (IS_ERR(tenant))
		return ERR_CAST(tenant);
	file = dentry_open(&from->f_path,
			   from->f_flags & (O_ACCMODE | O_NONBLOCK),
			   from->f_cred);
	if (IS_ERR(file)) {
		kvpool_tenant_put(tenant);
		return file;
	}
	/* A file of the default tenant; only this task can reach it. */
	ctx = file->private_data;
	kvpool_ctx_unlist(ctx);
	swap(ctx->tenant, tenant);
	kvpool_tenant_put(tenant);
	file->f_mapping = ctx->tenant->arena.inode->i_mapping;
	kvpool_ctx_list(ctx);
	trace_kvpool_ctx_attach(ctx);
	return file;
}
