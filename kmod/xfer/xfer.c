// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: those that complete at once, and those that take time.
 *
 * An operation in flight (struct kvpool_xfer) is run by one task at a time: by
 * who submitted it, by a worker after it has waited, or by the fabric. Between
 * that it waits in a bucket (wait.c), and whoever takes it out runs it. So each
 * completes exactly once, without a lock of its own. Cancelling sets @cancelled
 * and then takes it out of its bucket or asks the fabric; if neither has it,
 * whoever runs it looks at @cancelled before he hands it on.
 */
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "kvpool.h"
#include "control/trace.h"

/* What kvpool_xfer_prepare() says besides a status. */
#define KVPOOL_XFER_WAITS	1
#define KVPOOL_XFER_REMOTE	2

static struct kmem_cache *kvpool_xfer_cache;
/* Deadlines do not wait for a place behind what waits for memory. */
static struct workqueue_struct *kvpool_deadline_wq;

/**
 * kvpool_xfers_init() - Prepare what all operations need
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_xfers_init(void)
{
	kvpool_wait_init();
	kvpool_xfer_cache = kmem_cache_create("kvpool_xfer",
					      sizeof(struct kvpool_xfer), 0,
					      SLAB_ACCOUNT, NULL);
	if (!kvpool_xfer_cache)
		return -ENOMEM;
	kvpool_deadline_wq = alloc_workqueue("kvpool_deadline", WQ_UNBOUND, 0);
	if (!kvpool_deadline_wq) {
		kmem_cache_destroy(kvpool_xfer_cache);
		return -ENOMEM;
	}
	return 0;
}

/**
 * kvpool_xfers_exit() - Undo kvpool_xfers_init(); nothing is in flight
 */
void kvpool_xfers_exit(void)
{
	destroy_workqueue(kvpool_deadline_wq);
	rcu_barrier();
	kmem_cache_destroy(kvpool_xfer_cache);
}

static void kvpool_xfer_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(kvpool_xfer_cache,
			container_of(rcu, struct kvpool_xfer, rcu));
}

/**
 * kvpool_xfer_free() - Free an operation without references
 * @xfer: the operation
 */
void kvpool_xfer_free(struct kvpool_xfer *xfer)
{
	call_rcu(&xfer->rcu, kvpool_xfer_free_rcu);
}

/* ---- completion ---- */

/* Give a lease, whose reference the caller had, and describe it. */
static void kvpool_op_lease(struct kvpool_tenant *tenant,
			    struct kvpool_hold *hold, u32 index,
			    struct kvpool_block *block,
			    struct kvpool_completion *cqe)
{
	cqe->handle = kvpool_handle(hold, index);
	cqe->length = block->length;
	cqe->nr_spans = block->nr_extents;
	kvpool_block_span(block, 0, &cqe->span);
	kvpool_count(tenant, leases, 1);
	kvpool_count(tenant, consumed_bytes, block->length);
	trace_kvpool_block_lease(tenant, block);
	/* From here on the owner of the file can end it, and free the block. */
	smp_store_release(&hold->blocks[index], block);
}

static void kvpool_xfer_post(struct kvpool_xfer *xfer)
{
	if (xfer->result.ring) {
		kvpool_ring_post(xfer->result.ring, &xfer->cqe);
		kvpool_ring_wake(xfer->ctx, xfer->result.ring);
	} else if (xfer->result.batch) {
		*xfer->result.slot = xfer->cqe;
	} else {
		kvpool_uring_post(xfer);
	}
}

/* Complete an operation that the caller runs. */
static void kvpool_xfer_finish(struct kvpool_xfer *xfer, int status)
{
	struct kvpool_batch *batch = xfer->result.batch;
	struct kvpool_ctx *ctx = xfer->ctx;

	if (status && xfer->cancelled)
		status = xfer->cancelled;
	xfer->cqe.status = status;
	if (status == -ETIMEDOUT)
		kvpool_count(xfer->tenant, timedout_ops, 1);
	else if (status == -ECANCELED || status == -EINTR)
		kvpool_count(xfer->tenant, cancelled_ops, 1);
	if (status && xfer->hold)
		kvpool_hold_put(ctx, xfer->hold, 1);
	trace_kvpool_xfer_complete(xfer, status);
	kvpool_xfer_post(xfer);

	/* Who waits for @done finds it among the file's operations till then. */
	smp_store_release(&xfer->done, true);
	smp_mb();	/* for the wait queue and kvpool_xfer_deadline() */
	wake_up_var(&xfer->done);
	if (cancel_delayed_work(&xfer->deadline))
		kvpool_xfer_put(xfer);
	xa_erase(&ctx->xfers, xfer->id);
	kvpool_xfer_put(xfer);
	if (batch && atomic_dec_and_test(&batch->left))
		complete(&batch->done);
	if (atomic_dec_and_test(&ctx->nr_xfers))
		wake_up_var(&ctx->nr_xfers);
}

/* ---- the fabric ---- */

static const struct kvpool_fabric_ops __rcu *kvpool_fabric;
static atomic_t kvpool_fabric_xfers;
static DEFINE_MUTEX(kvpool_fabric_lock);	/* changes of kvpool_fabric */
DEFINE_STATIC_SRCU(kvpool_fabric_srcu);		/* calls of its functions */

/**
 * kvpool_fabric_register() - Offer to move blocks between hosts
 * @ops: how; stays until kvpool_fabric_unregister() has returned
 *
 * Return: 0, or -EBUSY if there is a fabric already.
 */
int kvpool_fabric_register(const struct kvpool_fabric_ops *ops)
{
	int ret = -EBUSY;

	mutex_lock(&kvpool_fabric_lock);
	if (!rcu_access_pointer(kvpool_fabric)) {
		rcu_assign_pointer(kvpool_fabric, ops);
		ret = 0;
	}
	mutex_unlock(&kvpool_fabric_lock);
	return ret;
}
EXPORT_SYMBOL_KVPOOL(kvpool_fabric_register);

/**
 * kvpool_fabric_unregister() - Undo kvpool_fabric_register()
 * @ops: the same
 *
 * When it returns, the fabric has no operation and none of its functions runs.
 * It waits for what is in flight and cancels nothing: the fabric fails all it
 * has and all that still comes before it calls this.
 */
void kvpool_fabric_unregister(const struct kvpool_fabric_ops *ops)
{
	mutex_lock(&kvpool_fabric_lock);
	if (!WARN_ON(rcu_access_pointer(kvpool_fabric) != ops))
		rcu_assign_pointer(kvpool_fabric, NULL);
	synchronize_srcu(&kvpool_fabric_srcu);
	wait_var_event(&kvpool_fabric_xfers,
		       !atomic_read(&kvpool_fabric_xfers));
	mutex_unlock(&kvpool_fabric_lock);
}
EXPORT_SYMBOL_KVPOOL(kvpool_fabric_unregister);

/**
 * kvpool_fabric_loaded() - Is there a fabric?
 *
 * Return: true if operations may name peers; it may change at any time.
 */
bool kvpool_fabric_loaded(void)
{
	return rcu_access_pointer(kvpool_fabric);
}

/* The copy is complete: publish it, and lease it. */
static void kvpool_xfer_fetched(struct kvpool_xfer *xfer)
{
	struct kvpool_tenant *tenant = xfer->tenant;
	struct kvpool_block *block = xfer->block;
	int status = 0;
	u32 pin = 0;

	if (!(xfer->flags & KVPOOL_OP_TRANSIENT)) {
		refcount_inc(&block->refs);
		kvpool_block_seal(tenant, &xfer->block, &pin, &status, 1);
		/* Pre-empted: out of the index, but the bytes are all there. */
		if (status)
			WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
	}
	kvpool_count(tenant, fetched_blocks, 1);
	kvpool_count(tenant, fetched_bytes, block->length);
	kvpool_op_lease(tenant, xfer->hold, xfer->index, block, &xfer->cqe);
}

/* It has come to nothing: give up the space for the copy, or the source. */
static void kvpool_xfer_unprepare(struct kvpool_xfer *xfer)
{
	if (!xfer->block)
		return;
	if (xfer->kind == KVPOOL_XFER_GET &&
	    !(xfer->flags & KVPOOL_OP_TRANSIENT))
		kvpool_block_abort(xfer->tenant, xfer->block, false);
	else
		kvpool_block_put(xfer->tenant, xfer->block);
}

/**
 * kvpool_xfer_done() - Complete what a fabric was given
 * @xfer: the operation; not the fabric's any more, unless it has a reference
 * @status: 0, or the negative errno that struct kvpool_completion documents.
 *	    What is cancelled ends with any, and reports why it was.
 * @bytes: bytes moved
 *
 * Process context, no lock held. No device touches the block any more.
 */
void kvpool_xfer_done(struct kvpool_xfer *xfer, int status, u64 bytes)
{
	struct kvpool_completion *cqe = &xfer->cqe;

	if (WARN_ON_ONCE(xchg(&xfer->state, KVPOOL_XFER_CORE) ==
			 KVPOOL_XFER_CORE))
		return;

	cqe->bytes = bytes;
	cqe->peer = xfer->peer;
	cqe->route = KVPOOL_ROUTE_RDMA;
	if (!status || status == -EMSGSIZE)
		cqe->length = xfer->length;
	if (!status && xfer->kind == KVPOOL_XFER_GET) {
		kvpool_xfer_fetched(xfer);
	} else {
		if (!status && xfer->kind == KVPOOL_XFER_PUT) {
			kvpool_count(xfer->tenant, pushed_blocks, 1);
			kvpool_count(xfer->tenant, pushed_bytes,
				     xfer->block->length);
		}
		kvpool_xfer_unprepare(xfer);
	}
	kvpool_xfer_finish(xfer, status);

	if (atomic_dec_and_test(&kvpool_fabric_xfers))
		wake_up_var(&kvpool_fabric_xfers);
}
EXPORT_SYMBOL_KVPOOL(kvpool_xfer_done);

/* Complete an operation that did not get to the fabric. */
static void kvpool_xfer_drop(struct kvpool_xfer *xfer, int status)
{
	list_del(&xfer->entry);
	kvpool_xfer_unprepare(xfer);
	kvpool_xfer_finish(xfer, status);
}

/* Space for the copy that a peer's block will be; none if @why says so. */
static int kvpool_xfer_place(struct kvpool_xfer *xfer, u32 ahead, int why)
{
	struct kvpool_block *block = xfer->block;
	struct kvpool_space space;

	why = why ?: kvpool_space_choose(xfer->node, false, &space);
	space.ahead = ahead;
	if (xfer->flags & KVPOOL_OP_TRANSIENT) {
		why = why ?: kvpool_space_get(xfer->tenant, block, &space);
		if (why && why != -EINTR)
			kvpool_count(xfer->tenant, rejected, 1);
		return why;
	}
	if (why)
		kvpool_block_refuse(xfer->tenant, block, why);
	else
		why = kvpool_block_place(xfer->tenant, block, &space);
	/* Then it has been given up. */
	if (why)
		xfer->block = NULL;
	return why;
}

/* Space for all copies: it is known how much is wanted. */
static void kvpool_xfers_place(struct list_head *remote)
{
	struct kvpool_xfer *xfer, *next;
	u32 ahead = 0, full = U32_MAX;
	int ret, why = 0;

	list_for_each_entry(xfer, remote, entry)
		if (xfer->kind == KVPOOL_XFER_GET)
			ahead += kvpool_pages(xfer->length);
	list_for_each_entry_safe(xfer, next, remote, entry) {
		if (xfer->kind != KVPOOL_XFER_GET)
			continue;
		ahead -= kvpool_pages(xfer->length);
		/* Where a shorter one did not fit a longer one will not either. */
		ret = READ_ONCE(xfer->cancelled) ?:
		      kvpool_xfer_place(xfer, ahead,
					xfer->length < full ? 0 : why);
		if (!ret)
			continue;
		if ((ret == -ENOSPC || ret == -EDQUOT) && xfer->length < full) {
			full = xfer->length;
			why = ret;
		}
		kvpool_xfer_drop(xfer, ret);
	}
}

/**
 * kvpool_xfers_submit() - Hand operations to the fabric
 * @remote: those that kvpool_xfer_start() has left; empty when it returns. All
 *	    are of one tenant.
 */
void kvpool_xfers_submit(struct list_head *remote)
{
	const struct kvpool_fabric_ops *ops;
	struct kvpool_xfer *xfer, *next;
	LIST_HEAD(xfers);
	int idx, status;

	kvpool_xfers_place(remote);
	if (list_empty(remote))
		return;
	xfer = list_first_entry(remote, struct kvpool_xfer, entry);
	kvpool_evict_kick(xfer->tenant);

	idx = srcu_read_lock(&kvpool_fabric_srcu);
	ops = srcu_dereference(kvpool_fabric, &kvpool_fabric_srcu);
	list_for_each_entry_safe(xfer, next, remote, entry) {
		status = READ_ONCE(xfer->cancelled);
		if (!ops && !status)
			status = -EOPNOTSUPP;
		if (status) {
			kvpool_xfer_drop(xfer, status);
			continue;
		}
		/* For the list of @remote: it may be done any time now. */
		kvpool_xfer_get(xfer);
		WRITE_ONCE(xfer->state, KVPOOL_XFER_GIVEN);
		list_add_tail(&xfer->list, &xfers);
		atomic_inc(&kvpool_fabric_xfers);
	}
	if (!list_empty(&xfers))
		ops->submit(&xfers);

	list_for_each_entry_safe(xfer, next, remote, entry) {
		list_del(&xfer->entry);
		/* Who cancelled it meanwhile has left that to us. */
		if (cmpxchg(&xfer->state, KVPOOL_XFER_GIVEN,
			    KVPOOL_XFER_CANCELLABLE) == KVPOOL_XFER_GIVEN &&
		    READ_ONCE(xfer->cancelled))
			ops->cancel(xfer);
		kvpool_xfer_put(xfer);
	}
	srcu_read_unlock(&kvpool_fabric_srcu, idx);
}

/* ---- the steps of an operation ---- */

/* A block for a copy of a peer's, without space as yet. */
static int kvpool_xfer_begin(struct kvpool_xfer *xfer)
{
	int ret;

	if (xfer->flags & KVPOOL_OP_TRANSIENT) {
		xfer->block = kvpool_block_alloc(&xfer->key, xfer->length);
		return xfer->block ? 0 : -ENOMEM;
	}
	ret = kvpool_block_begin(xfer->tenant, &xfer->key, xfer->length,
				 &xfer->block);
	/* Someone else was faster. */
	if (ret == -EEXIST || ret == -EBUSY) {
		cond_resched();
		ret = -EAGAIN;
	}
	return ret;
}

static int kvpool_xfer_prepare_lease(struct kvpool_xfer *xfer)
{
	struct kvpool_tenant *tenant = xfer->tenant;
	struct kvpool_block *block;
	u32 state;
	int ret;

	block = kvpool_block_get(tenant, &xfer->key, &state);
	if (block && state == KVPOOL_BLOCK_RESERVED) {
		if (kvpool_wait_add(xfer, block))
			return KVPOOL_XFER_WAITS;
		kvpool_block_put(tenant, block);
		return -EAGAIN;
	}
	if (block) {
		kvpool_count(tenant, hits, 1);
		xfer->cqe.route = KVPOOL_ROUTE_LOCAL;
		kvpool_op_lease(tenant, xfer->hold, xfer->index, block,
				&xfer->cqe);
		return 0;
	}
	if (!(xfer->flags & KVPOOL_OP_REMOTE))
		return -ENOENT;
	if (!kvpool_fabric_loaded())
		return -EOPNOTSUPP;
	ret = kvpool_xfer_begin(xfer);
	if (ret)
		return ret;
	xfer->kind = KVPOOL_XFER_GET;
	return KVPOOL_XFER_REMOTE;
}

static int kvpool_xfer_prepare_push(struct kvpool_xfer *xfer)
{
	struct kvpool_block *block;
	u32 state;

	block = kvpool_block_get(xfer->tenant, &xfer->key, &state);
	if (!block)
		return -ENOENT;
	if (state == KVPOOL_BLOCK_RESERVED) {
		kvpool_block_put(xfer->tenant, block);
		return -EINPROGRESS;
	}
	xfer->kind = KVPOOL_XFER_PUT;
	xfer->block = block;
	xfer->length = block->length;
	return KVPOOL_XFER_REMOTE;
}

static int kvpool_xfer_prepare(struct kvpool_xfer *xfer)
{
	switch (xfer->opcode) {
	case KVPOOL_OP_LEASE:
		return kvpool_xfer_prepare_lease(xfer);
	case KVPOOL_OP_PUSH:
		return kvpool_xfer_prepare_push(xfer);
	default:
		xfer->kind = KVPOOL_XFER_PROBE;
		return KVPOOL_XFER_REMOTE;
	}
}

/**
 * kvpool_xfer_start() - Go on with an operation
 * @xfer: the operation, which the caller runs until now
 * @remote: where it is put if the fabric has to see to it; for
 *	    kvpool_xfers_submit()
 */
void kvpool_xfer_start(struct kvpool_xfer *xfer, struct list_head *remote)
{
	int ret;

	do {
		ret = READ_ONCE(xfer->cancelled) ?: kvpool_xfer_prepare(xfer);
	} while (ret == -EAGAIN);

	if (ret == KVPOOL_XFER_REMOTE)
		list_add_tail(&xfer->entry, remote);
	else if (ret != KVPOOL_XFER_WAITS)
		kvpool_xfer_finish(xfer, ret);
}

/* It is not in a bucket any more, and the caller runs it. */
static void kvpool_xfer_woken(struct kvpool_xfer *xfer)
{
	struct kvpool_block *block = xfer->awaited;

	WRITE_ONCE(xfer->awaited, NULL);
	kvpool_block_put(xfer->tenant, block);
}

static void kvpool_xfer_work(struct work_struct *work)
{
	struct kvpool_xfer *xfer = container_of(work, struct kvpool_xfer, work);
	LIST_HEAD(remote);

	kvpool_xfer_woken(xfer);
	kvpool_xfer_start(xfer, &remote);
	kvpool_xfers_submit(&remote);
}

/**
 * kvpool_xfer_cancel() - End an operation early
 * @xfer: the operation, referenced; it may have completed
 * @why: the negative errno that it ends with
 *
 * Does not wait. The first reason given counts.
 */
void kvpool_xfer_cancel(struct kvpool_xfer *xfer, int why)
{
	const struct kvpool_fabric_ops *ops;
	int idx;

	if (READ_ONCE(xfer->done))
		return;
	/* A full barrier, for kvpool_wait_add() and kvpool_xfers_submit(). */
	if (cmpxchg(&xfer->cancelled, 0, why))
		return;
	trace_kvpool_xfer_cancel(xfer, why);
	if (kvpool_wait_del(xfer)) {
		kvpool_xfer_woken(xfer);
		kvpool_xfer_finish(xfer, why);
	} else if (READ_ONCE(xfer->state) == KVPOOL_XFER_CANCELLABLE) {
		idx = srcu_read_lock(&kvpool_fabric_srcu);
		ops = srcu_dereference(kvpool_fabric, &kvpool_fabric_srcu);
		if (ops)
			ops->cancel(xfer);
		srcu_read_unlock(&kvpool_fabric_srcu, idx);
	}
}

/* ---- from operation to xfer ---- */

/* The wheel of timers may turn early, when jiffies were late or are far off. */
static void kvpool_xfer_arm(struct kvpool_xfer *xfer, u64 ns)
{
	queue_delayed_work(kvpool_deadline_wq, &xfer->deadline,
			   min_t(u64, nsecs_to_jiffies64(ns) + 1,
				 MAX_JIFFY_OFFSET));
}

static void kvpool_xfer_deadline(struct work_struct *work)
{
	struct kvpool_xfer *xfer = container_of(to_delayed_work(work),
						struct kvpool_xfer, deadline);
	ktime_t left = ktime_sub(xfer->expires, ktime_get());

	if (left > 0 && !READ_ONCE(xfer->done)) {
		kvpool_xfer_arm(xfer, left);
		/* It may have completed and found nothing to cancel. */
		smp_mb();	/* pairs with that of kvpool_xfer_finish() */
		if (!READ_ONCE(xfer->done) ||
		    !cancel_delayed_work(&xfer->deadline))
			return;
	} else {
		kvpool_xfer_cancel(xfer, -ETIMEDOUT);
	}
	kvpool_xfer_put(xfer);
}

/**
 * kvpool_xfer_new() - Make an operation that does not complete at once
 * @ctx: whose it is
 * @op: a checked operation, for which kvpool_op_try() has said so
 * @hold: LEASE: where its handle will be; its place goes over to the xfer
 * @index: and where in it
 * @timeout_ns: its deadline, or 0 for none
 *
 * The caller says where the result goes, and then starts it.
 *
 * Return: the operation or NULL.
 */
struct kvpool_xfer *kvpool_xfer_new(struct kvpool_ctx *ctx,
				    const struct kvpool_op *op,
				    struct kvpool_hold *hold, u32 index,
				    u64 timeout_ns)
{
	struct kvpool_xfer *xfer;

	xfer = kmem_cache_zalloc(kvpool_xfer_cache, GFP_KERNEL);
	if (!xfer)
		return NULL;
	refcount_set(&xfer->refs, 1);
	xfer->peer = op->peer;
	xfer->length = op->length;
	xfer->tenant = ctx->tenant;
	xfer->tenant_id = ctx->tenant->id;
	memcpy(&xfer->key, op->key, sizeof(xfer->key));
	xfer->flags = op->flags;
	xfer->opcode = op->opcode;
	xfer->node = op->node;
	xfer->tag = op->tag;
	xfer->born = jiffies;
	xfer->ctx = ctx;
	xfer->hold = hold;
	xfer->index = index;
	xfer->cqe.user_data = op->user_data;
	INIT_HLIST_NODE(&xfer->wait);
	INIT_WORK(&xfer->work, kvpool_xfer_work);
	INIT_DELAYED_WORK(&xfer->deadline, kvpool_xfer_deadline);
	xfer->seq = atomic64_inc_return(&ctx->xfer_seq);

	atomic_inc(&ctx->nr_xfers);
	/* Others find it as soon as it is there. */
	if (xa_alloc_cyclic(&ctx->xfers, &xfer->id, xfer, XA_LIMIT(1, U32_MAX),
			    &ctx->next_xfer, GFP_KERNEL_ACCOUNT) < 0) {
		atomic_dec(&ctx->nr_xfers);
		kmem_cache_free(kvpool_xfer_cache, xfer);
		return NULL;
	}
	trace_kvpool_xfer_submit(xfer, 0);
	if (timeout_ns) {
		kvpool_xfer_get(xfer);
		xfer->expires = kvpool_time_after(timeout_ns);
		kvpool_xfer_arm(xfer, timeout_ns);
	}
	return xfer;
}

/* ---- operations that complete at once ---- */

static bool kvpool_op_try_lease(struct kvpool_tenant *tenant,
				const struct kvpool_op *op,
				struct kvpool_hold *hold, u32 index,
				struct kvpool_completion *cqe)
{
	struct kvpool_block *block;
	u32 state;

	kvpool_count(tenant, lookups, 1);
	block = kvpool_block_get(tenant, (void *)op->key, &state);
	if (!block) {
		cqe->status = -ENOENT;
		return !(op->flags & KVPOOL_OP_REMOTE);
	}
	if (state == KVPOOL_BLOCK_RESERVED) {
		kvpool_block_put(tenant, block);
		cqe->status = -EINPROGRESS;
		return !(op->flags & (KVPOOL_OP_WAIT | KVPOOL_OP_REMOTE));
	}
	kvpool_count(tenant, hits, 1);
	cqe->route = KVPOOL_ROUTE_LOCAL;
	kvpool_op_lease(tenant, hold, index, block, cqe);
	return true;
}

static bool kvpool_op_try_probe(struct kvpool_tenant *tenant,
				const struct kvpool_op *op,
				struct kvpool_completion *cqe)
{
	u32 length;

	cqe->status = kvpool_block_probe(tenant, (void *)op->key, &length);
	if (!cqe->status) {
		cqe->route = KVPOOL_ROUTE_LOCAL;
		cqe->length = length;
	} else if (op->flags & KVPOOL_OP_REMOTE) {
		if (kvpool_fabric_loaded())
			return false;
		cqe->status = -EOPNOTSUPP;
	}
	return true;
}

/**
 * kvpool_ctx_release() - End a lease
 * @ctx: whose it is
 * @handle: the lease
 *
 * Return: 0 or -ENOENT.
 */
int kvpool_ctx_release(struct kvpool_ctx *ctx, u64 handle)
{
	struct kvpool_tenant *tenant = ctx->tenant;
	struct kvpool_hold *hold = NULL;
	struct kvpool_block *block;

	block = kvpool_hold_take(ctx, handle, KVPOOL_HOLD_LEASE, &hold);
	if (!block)
		return -ENOENT;
	kvpool_hold_put(ctx, hold, 1);
	kvpool_policy_touch(&tenant->policy, &block, 1);
	trace_kvpool_block_release(tenant, block);
	kvpool_block_put(tenant, block);
	kvpool_count(tenant, leases, -1);
	return 0;
}

/**
 * kvpool_op_try() - Do an operation, if that takes no time
 * @ctx: whose it is, bound
 * @op: a checked operation
 * @hold: LEASE: where its handle will be
 * @index: and where in it
 * @cqe: the completion
 *
 * Return: true if it has completed. A LEASE that has failed leaves its place in
 * @hold to the caller.
 */
bool kvpool_op_try(struct kvpool_ctx *ctx, const struct kvpool_op *op,
		   struct kvpool_hold *hold, u32 index,
		   struct kvpool_completion *cqe)
{
	*cqe = (struct kvpool_completion){ .user_data = op->user_data };
	switch (op->opcode) {
	case KVPOOL_OP_PROBE:
		return kvpool_op_try_probe(ctx->tenant, op, cqe);
	case KVPOOL_OP_LEASE:
		return kvpool_op_try_lease(ctx->tenant, op, hold, index, cqe);
	case KVPOOL_OP_RELEASE:
		cqe->status = kvpool_ctx_release(ctx, op->handle);
		return true;
	case KVPOOL_OP_PUSH:
		if (kvpool_fabric_loaded())
			return false;
		cqe->status = -EOPNOTSUPP;
		return true;
	default:
		return true;
	}
}
