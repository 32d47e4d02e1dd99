// SPDX-License-Identifier: GPL-2.0
/*
 * Revoking: what the end of a file does, while its owner still has it.
 *
 * The context is marked first, so that no call begins to change handles,
 * operations or mappings. Calls that do wait for no memory of the user and for
 * no peer, so the work that comes then waits for them. It removes the mappings
 * before space is given to others, ends operations with the fence that every
 * cancellation is, and then leases and reservations.
 */
#define pr_fmt(fmt) "kvpool: " fmt

#include <linux/jiffies.h>
#include <linux/kobject.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/srcu.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "cache/pool.h"
#include "cache/tenant.h"
#include "file/ctx.h"
#include "file/hold.h"
#include "file/ring.h"
#include "file/trace.h"
#include "mem/arena.h"
#include "xfer/cancel.h"
#include "xfer/revoke.h"

/* Holds to look at before other work may run. */
#define KVPOOL_LEASES_SLICE	1024

/* Works wait for operations, which work of the pool may have to end. */
static struct workqueue_struct *kvpool_revoke_wq;
/* Tasks that may have a reference to a context without a file. */
DEFINE_STATIC_SRCU(kvpool_revoke_srcu);

static void kvpool_leases_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(kvpool_leases, kvpool_leases_work);

/* Where the walk over all leases goes on; only kvpool_leases_work(). */
static u32 kvpool_leases_ctx;
static unsigned long kvpool_leases_hold;

static void kvpool_revoke_report(struct kvpool_ctx *ctx)
{
	char id[32], *env[] = { id, NULL };

	trace_kvpool_ctx_revoke(ctx);
	snprintf(id, sizeof(id), "KVPOOL_REVOKED=%u", ctx->id);
	kobject_uevent_env(&ctx->tenant->kobj, KOBJ_CHANGE, env);
	if (ctx->lease_ms)
		pr_notice_ratelimited("tenant %s: revoked context %u of %s[%d]: a lease is older than lease_ms=%u\n",
				      ctx->tenant->name, ctx->id, ctx->comm,
				      ctx->pid, ctx->lease_ms);
	else
		pr_notice_ratelimited("tenant %s: revoked context %u of %s[%d]: an administrator said so\n",
				      ctx->tenant->name, ctx->id, ctx->comm,
				      ctx->pid);
}

static void kvpool_revoke_work(struct work_struct *work)
{
	struct kvpool_ctx *ctx =
		container_of(work, struct kvpool_ctx, revoke_work);

	wait_for_completion(&ctx->idle);
	mutex_lock(&ctx->ending);
	if (!ctx->ended) {
		kvpool_arena_unmap(&ctx->tenant->arena, ctx);
		kvpool_cancel_all(ctx);
		kvpool_holds_exit(ctx);
		kvpool_revoke_report(ctx);
	}
	mutex_unlock(&ctx->ending);
	complete_all(&ctx->revoked);
	kvpool_ctx_put(ctx);
}

/* Begin to revoke a context, once; @lease_ms: 0, or the limit it exceeds. */
static void kvpool_revoke_begin(struct kvpool_ctx *ctx, unsigned int lease_ms)
{
	if (!kvpool_ctx_kill(ctx))
		return;
	ctx->lease_ms = lease_ms;
	/* Tasks that wait in calls and in poll(). */
	wake_up_all(&ctx->wq);
	kvpool_ctx_get(ctx);
	INIT_WORK(&ctx->revoke_work, kvpool_revoke_work);
	queue_work(kvpool_revoke_wq, &ctx->revoke_work);
}

/**
 * kvpool_revoke() - End an open file
 * @id: id of its context
 *
 * Context: May sleep.
 * Return: 0 when the file has no leases, reservations, operations and mappings
 * any more, which may have been so before; -ENOENT; or -EINTR on a fatal
 * signal, when that goes on without the caller.
 */
int kvpool_revoke(u32 id)
{
	int idx = srcu_read_lock(&kvpool_revoke_srcu), ret = -ENOENT;
	struct kvpool_ctx *ctx = kvpool_ctx_next(id);

	if (ctx && ctx->id == id) {
		kvpool_revoke_begin(ctx, 0);
		ret = wait_for_completion_killable(&ctx->revoked) ? -EINTR : 0;
	}
	if (ctx)
		kvpool_ctx_put(ctx);
	srcu_read_unlock(&kvpool_revoke_srcu, idx);
	return ret;
}

/* ---- leases that are too old ---- */

/**
 * kvpool_revoke_overdue() - Begin to revoke a context with a lease that is too old
 * @ctx: the context; the caller keeps its file open
 * @lease_ms: the limit
 *
 * Context: Process context.
 */
void kvpool_revoke_overdue(struct kvpool_ctx *ctx, unsigned int lease_ms)
{
	kvpool_revoke_begin(ctx, lease_ms);
}

/*
 * Look for leases that are older than lease_ms, from where the last call has
 * ended. Returns false when there are more to look at.
 */
static bool kvpool_leases_walk(unsigned int ms)
{
	unsigned int budget = KVPOOL_LEASES_SLICE;
	struct kvpool_ctx *ctx;

	while (budget) {
		ctx = kvpool_ctx_next(kvpool_leases_ctx);
		if (!ctx) {
			kvpool_leases_ctx = 0;
			return true;
		}
		if (ctx->id != kvpool_leases_ctx) {
			kvpool_leases_ctx = ctx->id;
			kvpool_leases_hold = 0;
		}
		if (kvpool_holds_overdue(ctx, msecs_to_jiffies(ms),
					 &kvpool_leases_hold, &budget))
			kvpool_revoke_begin(ctx, ms);
		else if (!budget)
			goto out;
		kvpool_leases_ctx++;
		kvpool_leases_hold = 0;
		if (budget)
			budget--;
out:
		kvpool_ctx_put(ctx);
	}
	return false;
}

static void kvpool_leases_work(struct work_struct *work)
{
	unsigned int ms = READ_ONCE(kvpool_pool.lease_ms);
	unsigned long delay = clamp(msecs_to_jiffies(ms) / 8, 1UL, 1UL * HZ);

	if (!ms)
		return;
	queue_delayed_work(kvpool_revoke_wq, &kvpool_leases,
			   kvpool_leases_walk(ms) ? delay : 0);
}

/**
 * kvpool_revoke_leases() - Look for leases that are too old from now on
 *
 * Called when the pool's lease_ms has changed.
 *
 * Context: Any.
 */
void kvpool_revoke_leases(void)
{
	mod_delayed_work(kvpool_revoke_wq, &kvpool_leases, 0);
}

/* ---- the end of a file ---- */

/**
 * kvpool_file_end() - End the context of a file
 * @ctx: the context of a file without descriptors and mappings; its reference
 *	 is consumed
 *
 * Context: May sleep, for as long as the fence of its operations takes.
 */
void kvpool_file_end(struct kvpool_ctx *ctx)
{
	kvpool_ctx_close(ctx);
	mutex_lock(&ctx->ending);
	kvpool_cancel_all(ctx);
	kvpool_rings_exit(ctx);
	kvpool_holds_exit(ctx);
	ctx->ended = true;
	mutex_unlock(&ctx->ending);
	kvpool_ctx_end(ctx);
}

/**
 * kvpool_revokes_init() - Prepare revoking
 *
 * Context: Module load; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kvpool_revokes_init(void)
{
	kvpool_revoke_wq = alloc_workqueue("kvpool_revoke", WQ_UNBOUND, 0);
	return kvpool_revoke_wq ? 0 : -ENOMEM;
}

/**
 * kvpool_revokes_flush() - Wait until nobody has a reference to a context
 *
 * Context: Module unload, when no file is open; may sleep.
 */
void kvpool_revokes_flush(void)
{
	flush_workqueue(kvpool_revoke_wq);
	synchronize_srcu(&kvpool_revoke_srcu);
}

/**
 * kvpool_revokes_exit() - Undo kvpool_revokes_init()
 *
 * Context: Module unload, when no file is open and knobs cannot be changed any
 * more; may sleep.
 */
void kvpool_revokes_exit(void)
{
	cancel_delayed_work_sync(&kvpool_leases);
	destroy_workqueue(kvpool_revoke_wq);
}
