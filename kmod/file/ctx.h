/* SPDX-License-Identifier: GPL-2.0 */
/* Contexts: the state of an open file. */
#ifndef _KVPOOL_CTX_H
#define _KVPOOL_CTX_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

struct file;
struct kvpool_arm;
struct kvpool_tenant;

/**
 * struct kvpool_inflight - operations of a file that have not completed
 * @ops:	operations by id; protected by the xarray's own lock, read under
 *		RCU too
 * @next_id:	id at which the search for a free id begins
 * @nr:		number of operations
 * @seq:	number of operations that were ever in flight
 */
struct kvpool_inflight {
	struct xarray ops;
	u32 next_id;
	atomic_t nr;
	atomic64_t seq;
};

/**
 * struct kvpool_ctx - an open file
 * @id:		number in the table of contexts, not reused soon
 * @refs:	one for the file, and those of tasks that have found the context
 *		in the table
 * @rcu:	frees the context after the last reader of the table
 * @tenant:	the tenant of the file; constant once a task can have the file
 * @mode:	KVPOOL_MODE_*
 * @holds:	holds by id; protected by the xarray's own lock, read under RCU
 *		too
 * @next_hold:	id at which the search for a free id of a hold begins
 * @nr_handles:	handles that have not ended, and handles being made
 * @arm:	the keys that the latest call of KVPOOL_IOC_LEASE left pending,
 *		or NULL; exchanged, and read under RCU
 * @rings:	completion rings by number; protected by the xarray's own lock
 * @wq:		tasks in poll()
 * @inflight:	operations in flight
 * @end_work:	ends what the file has, if that takes long
 * @pid:	id of the process that opened the file, for debugfs
 * @comm:	name of that process
 * @busy:	held by calls while they change handles, operations or mappings,
 *		which takes neither memory of the user nor a peer; killed when
 *		the context is revoked
 * @idle:	completed when @busy is killed and nobody holds it
 * @ending:	held while the context is revoked or ends
 * @ended:	the file has no descriptors and mappings; protected by @ending
 * @killed:	@busy was killed
 * @lease_ms:	0 if an administrator revoked the context, or the limit that a
 *		lease exceeded
 * @revoke_work: revokes the context
 * @revoked:	completed when that is done
 */
struct kvpool_ctx {
	u32 id;
	refcount_t refs;
	struct rcu_head rcu;
	struct kvpool_tenant *tenant;
	u32 mode;
	struct xarray holds;
	u32 next_hold;
	atomic_t nr_handles;
	struct kvpool_arm *arm;
	struct xarray rings;
	wait_queue_head_t wq;
	struct kvpool_inflight inflight;
	struct work_struct end_work;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	struct percpu_ref busy;
	struct completion idle;
	struct mutex ending;	/* the end of the context */
	bool ended;
	bool killed;
	unsigned int lease_ms;
	struct work_struct revoke_work;
	struct completion revoked;
};

/*
 * Begin to change handles, operations or mappings of a context; false if it is
 * revoked. Until kvpool_ctx_leave(), the caller neither accesses memory of the
 * user nor waits for an operation.
 */
static inline bool kvpool_ctx_enter(struct kvpool_ctx *ctx)
{
	return percpu_ref_tryget_live(&ctx->busy);
}

static inline void kvpool_ctx_leave(struct kvpool_ctx *ctx)
{
	percpu_ref_put(&ctx->busy);
}

/* All calls of a context that is revoked fail with -ENODEV. */
static inline bool kvpool_ctx_is_revoked(const struct kvpool_ctx *ctx)
{
	return READ_ONCE(ctx->killed);
}

static inline void kvpool_ctx_get(struct kvpool_ctx *ctx)
{
	refcount_inc(&ctx->refs);
}

int kvpool_ctx_open(struct file *file);
void kvpool_ctx_close(struct kvpool_ctx *ctx);
void kvpool_ctx_end(struct kvpool_ctx *ctx);
void kvpool_ctx_put(struct kvpool_ctx *ctx);
bool kvpool_ctx_kill(struct kvpool_ctx *ctx);
struct kvpool_ctx *kvpool_ctx_next(u32 id);
struct file *kvpool_ctx_open_tenant(const struct file *from, const char *name);

#endif /* _KVPOOL_CTX_H */
