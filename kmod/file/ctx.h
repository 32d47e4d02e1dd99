/* SPDX-License-Identifier: GPL-2.0 */
/* Contexts: what one open file owns. */
#ifndef _KVPOOL_CTX_H
#define _KVPOOL_CTX_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

struct file;
struct kvpool_tenant;

/**
 * struct kvpool_inflight - operations of a file that have not completed
 * @ops:	by id; its own lock, readers use RCU
 * @next_id:	where to look for the next id
 * @nr:		their number
 * @seq:	counts the operations that did not complete at once
 */
struct kvpool_inflight {
	struct xarray ops;
	u32 next_id;
	atomic_t nr;
	atomic64_t seq;
};

/**
 * struct kvpool_ctx - an open file
 * @entry:	in pool.ctxs
 * @tenant:	the tenant that it belongs to; constant once @bound
 * @mode:	KVPOOL_MODE_*
 * @bound:	the tenant cannot be changed any more
 * @lock:	protects the change of @tenant and @bound
 * @holds:	holds by id; its own lock, readers use RCU
 * @next_hold:	where to look for the next id of a hold
 * @nr_handles:	handles that live
 * @armed:	poll() waits for @settled to differ from the tenant's
 * @settled:	the tenant's count when the latest lease began
 * @rings:	completion rings by number; its own lock
 * @wq:		tasks that wait for completions
 * @inflight:	operations in flight
 * @pid:	of the process that opened it, for debugfs
 * @comm:	the name of that process
 */
struct kvpool_ctx {
	struct list_head entry;
	struct kvpool_tenant *tenant;
	u32 mode;
	bool bound;
	struct mutex lock;	/* tenant and bound */
	struct xarray holds;
	u32 next_hold;
	atomic_t nr_handles;
	bool armed;
	int settled;
	struct xarray rings;
	wait_queue_head_t wq;
	struct kvpool_inflight inflight;
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

int kvpool_ctx_open(struct file *file);
void kvpool_ctx_unlist(struct kvpool_ctx *ctx);
void kvpool_ctx_free(struct kvpool_ctx *ctx);
struct kvpool_tenant *kvpool_ctx_bind(struct kvpool_ctx *ctx);
int kvpool_ctx_attach(struct file *file, const char *name);

#endif /* _KVPOOL_CTX_H */
