// SPDX-License-Identifier: GPL-2.0
/* Contexts: opening, for the default or a named tenant, and ending. */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <linux/kvpool.h>

#include "cache/tenant.h"
#include "cache/tenants.h"
#include "file/ctx.h"
#include "file/trace.h"

/*
 * All open files by the ids of their contexts. The lock of the table is held
 * for one entry at a time.
 */
static DEFINE_XARRAY_ALLOC1(kvpool_ctxs);
static u32 kvpool_ctxs_next;	/* lock of the table */

/*
 * A context has a reference for the deletion of its tenant, which ends with the
 * file, and one for the memory, which others who found the context use too.
 */
static void kvpool_ctx_set_tenant(struct kvpool_ctx *ctx,
				  struct kvpool_tenant *tenant)
{
	struct kvpool_tenant *old = ctx->tenant;

	if (tenant)
		kobject_get(&tenant->kobj);
	WRITE_ONCE(ctx->tenant, tenant);
	if (old) {
		kvpool_tenant_put(old);
		kobject_put(&old->kobj);
	}
}

static void kvpool_ctx_idle(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct kvpool_ctx, busy)->idle);
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
	kvpool_ctx_set_tenant(ctx, tenant);
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
	mutex_init(&ctx->ending);
	init_completion(&ctx->idle);
	init_completion(&ctx->revoked);
	refcount_set(&ctx->refs, 1);
	if (percpu_ref_init(&ctx->busy, kvpool_ctx_idle, 0,
			    GFP_KERNEL_ACCOUNT))
		goto err;
	/* From here on other tasks can find the context. */
	if (xa_alloc_cyclic(&kvpool_ctxs, &ctx->id, ctx, XA_LIMIT(1, U32_MAX),
			    &kvpool_ctxs_next, GFP_KERNEL) < 0) {
		percpu_ref_exit(&ctx->busy);
		goto err;
	}
	trace_kvpool_ctx_open(ctx);
	return 0;

err:
	kvpool_ctx_set_tenant(ctx, NULL);
	kfree(ctx);
	return -ENOMEM;
}

/**
 * kvpool_ctx_close() - Remove a context from the table of contexts
 * @ctx: the context of a file without descriptors and mappings
 *
 * Context: Any.
 */
void kvpool_ctx_close(struct kvpool_ctx *ctx)
{
	xa_erase(&kvpool_ctxs, ctx->id);
	trace_kvpool_ctx_close(ctx);
}

/**
 * kvpool_ctx_end() - Drop the references of a file
 * @ctx: the context; it has no operations, rings and holds
 *
 * From here on the tenant can be deleted.
 *
 * Context: May sleep.
 */
void kvpool_ctx_end(struct kvpool_ctx *ctx)
{
	kvpool_tenant_put(ctx->tenant);
	kvpool_ctx_put(ctx);
}

/**
 * kvpool_ctx_put() - Drop a reference to a context
 * @ctx: the context
 *
 * Context: May sleep.
 */
void kvpool_ctx_put(struct kvpool_ctx *ctx)
{
	if (!refcount_dec_and_test(&ctx->refs))
		return;
	percpu_ref_exit(&ctx->busy);
	kobject_put(&ctx->tenant->kobj);
	kfree_rcu(ctx, rcu);
}

/**
 * kvpool_ctx_kill() - Let no call change a context any more
 * @ctx: the context
 *
 * Context: Any.
 * Return: false if that was done before. Otherwise ctx->idle will be completed.
 */
bool kvpool_ctx_kill(struct kvpool_ctx *ctx)
{
	if (xchg(&ctx->killed, true))
		return false;
	percpu_ref_kill(&ctx->busy);
	return true;
}

/**
 * kvpool_ctx_next() - Find the context of an open file
 * @id: smallest id of the context
 *
 * Context: Any.
 * Return: the context with the smallest id from @id on, with a reference that
 * kvpool_ctx_put() drops, or NULL.
 */
struct kvpool_ctx *kvpool_ctx_next(u32 id)
{
	unsigned long index = id;
	struct kvpool_ctx *ctx;

	rcu_read_lock();
	ctx = xa_find(&kvpool_ctxs, &index, U32_MAX, XA_PRESENT);
	while (ctx && !refcount_inc_not_zero(&ctx->refs))
		ctx = xa_find_after(&kvpool_ctxs, &index, U32_MAX, XA_PRESENT);
	rcu_read_unlock();
	return ctx;
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
			   from->f_flags & (O_ACCMODE | O_NONBLOCK |
					    O_LARGEFILE),
			   from->f_cred);
	if (IS_ERR(file)) {
		kvpool_tenant_put(tenant);
		return file;
	}
	/*
	 * A file of the default tenant, which stays. Only this task can reach
	 * the file; others can find its context, and look at the tenant.
	 */
	ctx = file->private_data;
	kvpool_ctx_set_tenant(ctx, tenant);
	file->f_mapping = tenant->arena.inode->i_mapping;
	trace_kvpool_ctx_attach(ctx);
	return file;
}
