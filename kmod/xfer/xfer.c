// SPDX-License-Identifier: GPL-2.0
/*
 * Operations in flight.
 *
 * One task at a time runs an operation in flight (struct kvpool_xfer): the task
 * that submitted it, a worker after a wait, or a mover. While the operation
 * waits in a queue of waiters no task runs it, and the task that takes it out
 * of the queue runs it next. So each operation completes exactly once, without
 * a lock of its own. A task that cancels sets transfer.cancelled, and then
 * takes the operation out of its queue or calls the mover. If the operation is
 * in neither, the task that runs it checks transfer.cancelled before the
 * operation waits or is submitted to a mover.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/wait_bit.h>

#include "cache/block.h"
#include "cache/hist.h"
#include "cache/pool.h"
#include "cache/reclaim.h"
#include "cache/reserve.h"
#include "cache/tenant.h"
#include "file/ctx.h"
#include "file/hold.h"
#include "xfer/opdef.h"
#include "xfer/placement.h"
#include "xfer/prefix.h"
#include "xfer/trace.h"
#include "xfer/xfer.h"

/* Peers that had not the block of a stuck reservation are asked again after. */
#define KVPOOL_PATIENCE		((unsigned long)HZ)

static struct kmem_cache *kvpool_xfer_cache;
/* Separate, so that deadlines do not wait behind work that needs memory. */
static struct workqueue_struct *kvpool_deadline_wq;

/**
 * kvpool_xfers_init() - Prepare operations in flight
 *
 * Context: Module load; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kvpool_xfers_init(void)
{
	kvpool_xfer_cache = kmem_cache_create("kvpool_xfer",
					      sizeof(struct kvpool_xfer), 0,
					      SLAB_ACCOUNT, NULL);
	if (!kvpool_xfer_cache)
		return -ENOMEM;
	kvpool_deadline_wq = alloc_workqueue("kvpool_deadline", WQ_UNBOUND, 0);
	if (!kvpool_deadline_wq)
		goto err_cache;
	if (kvpool_placement_init())
		goto err_wq;
	return 0;

err_wq:
	destroy_workqueue(kvpool_deadline_wq);
err_cache:
	kmem_cache_destroy(kvpool_xfer_cache);
	return -ENOMEM;
}

/**
 * kvpool_xfers_exit() - Undo kvpool_xfers_init()
 *
 * Context: Module unload, when no operation is in flight; may sleep.
 */
void kvpool_xfers_exit(void)
{
	kvpool_placement_exit();
	kvpool_movers_exit();
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
 *
 * Context: May sleep.
 */
void kvpool_xfer_free(struct kvpool_xfer *xfer)
{
	if (xfer->prefix)
		kvpool_prefix_put(xfer->prefix);
	call_rcu(&xfer->rcu, kvpool_xfer_free_rcu);
}

/* ---- completion ---- */

/* Complete an operation that the caller runs. */
static void kvpool_xfer_finish(struct kvpool_xfer *xfer, int status)
{
	const struct kvpool_sink *sink = xfer->sink;
	struct kvpool_ctx *ctx = xfer->ctx;
	void *sink_data = xfer->sink_data;

	/* That its memory cannot be had back counts more than why it ends. */
	if (xfer->stranded)
		status = -EIO;
	else if (status && xfer->transfer.cancelled)
		status = xfer->transfer.cancelled;
	xfer->cqe.status = status;
	if (status == -ETIMEDOUT)
		kvpool_count(xfer->tenant, timedout_ops, 1);
	else if (status == -ECANCELED || status == -EINTR)
		kvpool_count(xfer->tenant, cancelled_ops, 1);
	if (status && xfer->hold)
		kvpool_hold_end(ctx, xfer->hold, 1);
	trace_kvpool_xfer_complete(xfer, status);
	kvpool_hist_add(xfer->tenant, KVPOOL_HIST_OPERATION_BYTES,
			xfer->cqe.bytes);
	kvpool_hist_since(xfer->tenant, KVPOOL_HIST_OPERATION_NS, xfer->begun);
	sink->post(xfer);
	if (xfer->prefix)
		kvpool_prefix_note(xfer->prefix, xfer->position, status);

	/* A task that waits for @done has found the xfer in inflight.ops. */
	smp_store_release(&xfer->done, true);
	smp_mb();	/* for the wait queue and kvpool_xfer_deadline() */
	wake_up_var(&xfer->done);
	if (cancel_delayed_work(&xfer->deadline))
		kvpool_xfer_put(xfer);
	xa_erase(&ctx->inflight.ops, xfer->id);
	kvpool_xfer_put(xfer);
	if (sink->end)
		sink->end(sink_data);
	if (atomic_dec_and_test(&ctx->inflight.nr))
		wake_up_var(&ctx->inflight.nr);
}

/* Release the block of a transfer that failed or was not begun. */
static void kvpool_xfer_undo(struct kvpool_xfer *xfer)
{
	if (xfer->block && xfer->def->undo)
		xfer->def->undo(xfer);
}

static struct kvpool_xfer *kvpool_xfer_of(struct kvpool_transfer *transfer)
{
	return container_of(transfer, struct kvpool_xfer, transfer);
}

static void kvpool_xfer_transfer_get(struct kvpool_transfer *transfer)
{
	kvpool_xfer_get(kvpool_xfer_of(transfer));
}

static void kvpool_xfer_transfer_put(struct kvpool_transfer *transfer)
{
	kvpool_xfer_put(kvpool_xfer_of(transfer));
}

/* The device that may access the block is gone. */
static void kvpool_xfer_strand_put(struct kvpool_strand *strand)
{
	struct kvpool_xfer *xfer = container_of(strand, struct kvpool_xfer,
						strand);
	struct kvpool_tenant *tenant = xfer->tenant;

	if (atomic_dec_and_test(&xfer->nr_strands)) {
		atomic_long_sub(kvpool_block_pages(xfer->stranded),
				&tenant->quarantined);
		kvpool_block_put(tenant, xfer->stranded);
	}
	kvpool_xfer_put(xfer);
	kvpool_tenant_put(tenant);
}

static struct kvpool_strand *
kvpool_xfer_transfer_strand(struct kvpool_transfer *transfer)
{
	struct kvpool_xfer *xfer = kvpool_xfer_of(transfer);

	/* Cannot fail: the file of the operation uses the tenant. */
	kvpool_tenant_get(xfer->tenant);
	kvpool_xfer_get(xfer);
	/* Tasks that do so concurrently write the same. */
	WRITE_ONCE(xfer->stranded, xfer->block);
	WRITE_ONCE(xfer->strand.put, kvpool_xfer_strand_put);
	/* Until the transfer ends, the block has the operation's reference. */
	if (atomic_inc_return(&xfer->nr_strands) == 1) {
		refcount_inc(&xfer->block->refs);
		atomic_long_add(kvpool_block_pages(xfer->block),
				&xfer->tenant->quarantined);
	}
	return &xfer->strand;
}

static void kvpool_xfer_start(struct kvpool_xfer *xfer,
			      struct kvpool_block *found,
			      struct list_head *remote);
static void kvpool_xfer_restart(struct kvpool_xfer *xfer);

static void kvpool_xfer_transfer_done(struct kvpool_transfer *transfer,
				      int status)
{
	struct kvpool_xfer *xfer = kvpool_xfer_of(transfer);
	struct kvpool_completion *cqe = &xfer->cqe;

	if (xfer->stuck && !xfer->block &&
	    (status == -ENOENT || status == -EINPROGRESS)) {
		if (xfer->flags & KVPOOL_OP_WAIT) {
			xfer->patient = true;
			kvpool_xfer_restart(xfer);
			return;
		}
		/* No peer has what is pending here. */
		status = -EINPROGRESS;
	}
	/* A transfer that has reached no mover has moved no bytes. */
	if (transfer->route) {
		cqe->bytes = transfer->bytes;
		cqe->peer = transfer->peer;
		cqe->route = transfer->route;
	}
	if (status == -EMSGSIZE ||
	    (!status && transfer->kind == KVPOOL_TRANSFER_ASK))
		cqe->length = transfer->found;
	else if (!status)
		cqe->length = transfer->length;
	if (status)
		kvpool_xfer_undo(xfer);
	else if (xfer->def->complete)
		xfer->def->complete(xfer);
	kvpool_xfer_finish(xfer, status);
}

/* ---- on the way to movers ---- */

/* Make the blocks that transfers fill, as far as they have none. */
static void kvpool_xfers_begin(struct list_head *list)
{
	struct kvpool_xfer *xfer, *next;
	int ret;

	list_for_each_entry_safe(xfer, next, list, transfer.entry) {
		if (xfer->block)
			continue;
		ret = READ_ONCE(xfer->transfer.cancelled);
		if (!ret)
			ret = xfer->def->begin(xfer);
		if (!ret)
			continue;
		list_del_init(&xfer->transfer.entry);
		/* Another task has reserved or sealed the key concurrently. */
		if (ret == -EAGAIN)
			kvpool_xfer_restart(xfer);
		else
			kvpool_xfer_finish(xfer, ret);
	}
}

/* Find the memory of transfers, knowing how much they need together. */
static void kvpool_xfers_space(struct list_head *list)
{
	struct kvpool_shortage shortage = KVPOOL_NO_SHORTAGE;
	struct kvpool_xfer *xfer, *next;
	u32 ahead = 0;
	int ret;

	list_for_each_entry(xfer, list, transfer.entry)
		if (!xfer->transfer.place)
			ahead += kvpool_pages(xfer->transfer.length);
	if (!ahead)
		return;
	list_for_each_entry_safe(xfer, next, list, transfer.entry) {
		if (xfer->transfer.place)
			continue;
		ahead -= kvpool_pages(xfer->transfer.length);
		ret = READ_ONCE(xfer->transfer.cancelled);
		if (!ret)
			ret = xfer->def->space(xfer, ahead, &shortage);
		if (!ret) {
			xfer->transfer.place = &xfer->block->place;
			continue;
		}
		list_del_init(&xfer->transfer.entry);
		kvpool_xfer_undo(xfer);
		kvpool_xfer_finish(xfer, ret);
	}
	if (list_empty(list))
		return;
	xfer = list_first_entry(list, struct kvpool_xfer, transfer.entry);
	kvpool_reclaim_kick(xfer->tenant);
}

/*
 * Transfers without memory whose keys peers only have pending wait there if there
 * is free memory; else they look again later. Nothing is evicted for a block that
 * may never be.
 */
static void kvpool_xfers_expect(struct list_head *list)
{
	struct kvpool_transfer *transfer, *next;
	struct kvpool_xfer *xfer;
	int ret;

	list_for_each_entry_safe(transfer, next, list, entry) {
		xfer = kvpool_xfer_of(transfer);
		if (!transfer->waits || xfer->block)
			continue;
		ret = READ_ONCE(transfer->cancelled);
		if (!ret)
			ret = xfer->def->claim(xfer);
		if (!ret) {
			transfer->place = &xfer->block->place;
			continue;
		}
		list_del_init(&transfer->entry);
		if (ret == -ENOSPC)
			kvpool_placement_delay(transfer);
		else if (ret == -EAGAIN)
			kvpool_xfer_restart(xfer);
		else
			kvpool_xfer_finish(xfer, ret);
	}
}

/* Peers have the keys of transfers of one tenant. */
static void kvpool_xfer_transfer_found(struct list_head *transfers)
{
	struct kvpool_transfer *transfer, *next;
	struct kvpool_xfer *xfer;
	LIST_HEAD(ready);
	int ret;

	list_for_each_entry_safe(transfer, next, transfers, entry) {
		xfer = kvpool_xfer_of(transfer);
		list_del_init(&transfer->entry);
		if (transfer->kind == KVPOOL_TRANSFER_ASK) {
			kvpool_xfer_transfer_done(transfer, 0);
			continue;
		}
		/* A peer that may have it one day pre-empts nobody here. */
		if (transfer->waits && xfer->stuck && !xfer->block) {
			kvpool_xfer_transfer_done(transfer, -EINPROGRESS);
			continue;
		}
		if (!xfer->prefix || xfer->block) {
			list_add_tail(&transfer->entry, &ready);
			continue;
		}
		ret = kvpool_prefix_park(xfer, &ready);
		if (ret)
			kvpool_xfer_finish(xfer, ret);
	}
	kvpool_xfers_expect(&ready);
	kvpool_xfers_begin(&ready);
	kvpool_xfers_space(&ready);
	kvpool_placement_fetch(&ready);
}

static void kvpool_xfer_transfer_again(struct kvpool_transfer *transfer)
{
	kvpool_xfer_restart(kvpool_xfer_of(transfer));
}

static const struct kvpool_transfer_ops kvpool_xfer_transfer_ops = {
	.get = kvpool_xfer_transfer_get,
	.put = kvpool_xfer_transfer_put,
	.found = kvpool_xfer_transfer_found,
	.again = kvpool_xfer_transfer_again,
	.done = kvpool_xfer_transfer_done,
	.strand = kvpool_xfer_transfer_strand,
};

/* Say whose the transfer is, and which peers it may come from. */
static void kvpool_xfer_address(struct kvpool_xfer *xfer)
{
	struct kvpool_transfer *transfer = &xfer->transfer;

	transfer->tenant = xfer->tenant->name;
	transfer->arena = &xfer->tenant->arena;
	transfer->ops = &kvpool_xfer_transfer_ops;
	transfer->peer = xfer->peer;
	transfer->waits = false;
	transfer->flags = 0;
	if (!xfer->peer)
		transfer->flags |= KVPOOL_TRANSFER_ANY;
	if (xfer->flags & KVPOOL_OP_WAIT)
		transfer->flags |= KVPOOL_TRANSFER_MAY_WAIT;
}

/*
 * Give a transfer that asks one peer the memory that is free. Without it, and if
 * it is not sure that the block will be wanted, the peer is asked first.
 *
 * With one peer there is nothing to choose. But its key is pending then, so
 * others do not make the block: not while a connection is made, and not by one
 * operation after the other.
 */
static int kvpool_xfer_claim(struct kvpool_xfer *xfer)
{
	struct kvpool_transfer *transfer = &xfer->transfer;
	u32 only = 0;
	int ret;

	if (transfer->kind != KVPOOL_TRANSFER_FETCH || xfer->prefix ||
	    xfer->stuck || xfer->waited)
		return 0;
	if (!transfer->peer) {
		only = kvpool_mover_peer_only();
		if (!only || !kvpool_mover_ready(only))
			return 0;
		transfer->peer = only;
	}
	ret = xfer->def->claim(xfer);
	if (ret && only)
		transfer->peer = 0;
	return ret == -ENOSPC ? 0 : ret;
}

/**
 * kvpool_xfers_submit() - Submit operations to movers
 * @remote: operations of one tenant that kvpool_xfer_issue() has added; empty
 *	    when the call returns
 *
 * Context: May sleep for memory, no lock held.
 */
void kvpool_xfers_submit(struct list_head *remote)
{
	struct kvpool_transfer *transfer;
	struct kvpool_xfer *xfer;
	LIST_HEAD(ready);
	int ret;

	while (!list_empty(remote)) {
		xfer = list_first_entry(remote, struct kvpool_xfer,
					transfer.entry);
		transfer = &xfer->transfer;
		list_del_init(&transfer->entry);
		kvpool_xfer_address(xfer);
		ret = READ_ONCE(transfer->cancelled);
		if (!ret)
			ret = kvpool_xfer_claim(xfer);
		if (ret == -EAGAIN) {
			kvpool_xfer_start(xfer, NULL, remote);
		} else if (ret) {
			kvpool_xfer_undo(xfer);
			kvpool_xfer_finish(xfer, ret);
		} else {
			transfer->place = xfer->block ? &xfer->block->place :
							NULL;
			list_add_tail(&transfer->entry, &ready);
		}
		cond_resched();
	}
	kvpool_placement_submit(&ready);
}

/* ---- the steps of an operation ---- */

/*
 * Continue an operation, which the caller runs. It may complete, and be freed,
 * during the call; or it is added to @remote, for kvpool_xfers_submit().
 * @found: for prepare(), which takes over the reference of a block.
 */
static void kvpool_xfer_start(struct kvpool_xfer *xfer,
			      struct kvpool_block *found,
			      struct list_head *remote)
{
	int ret;

	do {
		ret = READ_ONCE(xfer->transfer.cancelled);
		if (!ret)
			ret = xfer->def->prepare(xfer, found);
		else if (!IS_ERR_OR_NULL(found))
			kvpool_block_put(xfer->tenant, found);
		found = NULL;
	} while (ret == -EAGAIN);

	if (ret == KVPOOL_OP_TRANSFERS)
		list_add_tail(&xfer->transfer.entry, remote);
	else if (ret != KVPOOL_OP_WAITS)
		kvpool_xfer_finish(xfer, ret);
}

/*
 * Look once more whether the block of an operation is here, which has no block of
 * its own. If it is not, a worker asks the peers: this may be called while many
 * are restarted, and takes no time for memory.
 */
static void kvpool_xfer_restart(struct kvpool_xfer *xfer)
{
	struct kvpool_transfer *transfer = &xfer->transfer;
	LIST_HEAD(remote);

	kvpool_xfer_start(xfer, NULL, &remote);
	if (list_empty(&remote))
		return;
	list_del_init(&transfer->entry);
	kvpool_xfer_address(xfer);
	/* What a peer has said before may not be so any more. */
	transfer->flags |= KVPOOL_TRANSFER_SEARCH;
	kvpool_placement_queue(transfer);
}

static bool kvpool_xfer_stopped(const struct kvpool_waiter *waiter)
{
	return READ_ONCE(container_of(waiter, struct kvpool_xfer,
				      waiter)->transfer.cancelled);
}

/* The caller runs an operation that does not wait any more. */
static void kvpool_xfer_woken(struct kvpool_xfer *xfer)
{
	struct kvpool_block *block = xfer->awaited;

	xfer->awaited = NULL;
	kvpool_block_put(xfer->tenant, block);
	xfer->waited = true;
	/* What peers had when it began to wait counts no more. */
	xfer->patient = false;
	xfer->transfer.nr_failed = 0;
}

static void kvpool_xfer_wake(struct kvpool_waiter *waiter)
{
	struct kvpool_xfer *xfer =
		container_of(waiter, struct kvpool_xfer, waiter);

	kvpool_xfer_woken(xfer);
	/* All that have waited for the block ask for it together. */
	kvpool_xfer_restart(xfer);
}

static const struct kvpool_waiter_ops kvpool_xfer_waiter_ops = {
	.wake = kvpool_xfer_wake,
	.stopped = kvpool_xfer_stopped,
};

/* Jiffies until the deadline work has something to do. */
static unsigned long kvpool_xfer_delay(const struct kvpool_xfer *xfer)
{
	s64 ns = min(xfer->expires, READ_ONCE(xfer->look)) - ktime_get();

	/* The timer wheel may fire early, if jiffies lag or it is far away. */
	return min_t(u64, nsecs_to_jiffies64(max_t(s64, ns, 0)) + 1,
		     MAX_JIFFY_OFFSET);
}

/* The times of the deadline work have changed; the caller runs the operation. */
static void kvpool_xfer_arm(struct kvpool_xfer *xfer)
{
	kvpool_xfer_get(xfer);
	if (mod_delayed_work(kvpool_deadline_wq, &xfer->deadline,
			     kvpool_xfer_delay(xfer)))
		kvpool_xfer_put(xfer);
}

/* A reservation that is waited for may be stuck now: look at it once more. */
static void kvpool_xfer_look(struct kvpool_xfer *xfer)
{
	if (!kvpool_waiter_del(&xfer->tenant->queues, &xfer->waiter))
		return;
	kvpool_xfer_woken(xfer);
	kvpool_xfer_restart(xfer);
}

/* Look at a reservation when it is going to be stuck, if peers can be asked. */
static void kvpool_xfer_expect(struct kvpool_xfer *xfer,
			       const struct kvpool_block *block)
{
	unsigned long delay = kvpool_block_patience(block);

	if (!delay || !(xfer->flags & KVPOOL_OP_REMOTE))
		return;
	if (xfer->patient)
		delay = max(delay, KVPOOL_PATIENCE);
	WRITE_ONCE(xfer->look, kvpool_time_after(jiffies_to_nsecs(delay)));
	kvpool_xfer_arm(xfer);
}

/**
 * kvpool_xfer_wait() - Let an operation wait until a reservation ends
 * @xfer: the operation, which the caller runs
 * @block: the block of the reservation; the call consumes a reference
 *
 * Context: May sleep.
 * Return: KVPOOL_OP_WAITS: the caller does not run the operation any more.
 * -EAGAIN if there is nothing to wait for; -ENOMEM.
 */
int kvpool_xfer_wait(struct kvpool_xfer *xfer, struct kvpool_block *block)
{
	int ret;

	kvpool_xfer_expect(xfer, block);
	/* The task that takes the operation out of its queue drops it. */
	xfer->awaited = block;
	ret = kvpool_waiter_add(&xfer->tenant->queues, &xfer->waiter, block);
	if (ret > 0)
		return KVPOOL_OP_WAITS;
	kvpool_xfer_woken(xfer);
	return ret ?: -EAGAIN;
}

/**
 * kvpool_xfer_cancel() - Cancel an operation
 * @xfer: the operation, which the caller has a reference to; it may have
 *	  completed
 * @why: the negative errno that the operation ends with, unless it succeeds or
 *	 was cancelled before
 *
 * Does not wait until the operation has completed.
 *
 * Context: May sleep, no lock held.
 */
void kvpool_xfer_cancel(struct kvpool_xfer *xfer, int why)
{
	if (READ_ONCE(xfer->done))
		return;
	/* A full barrier, for kvpool_waiter_add() and placement. */
	if (cmpxchg(&xfer->transfer.cancelled, 0, why))
		return;
	trace_kvpool_xfer_cancel(xfer, why);
	if (kvpool_waiter_del(&xfer->tenant->queues, &xfer->waiter)) {
		kvpool_xfer_woken(xfer);
		kvpool_xfer_finish(xfer, why);
	} else if (xfer->prefix && kvpool_prefix_unpark(xfer)) {
		kvpool_xfer_finish(xfer, why);
	} else {
		kvpool_placement_cancel(&xfer->transfer);
	}
}

/* ---- deadlines, and making operations in flight ---- */

static void kvpool_xfer_deadline(struct work_struct *work)
{
	struct kvpool_xfer *xfer = container_of(to_delayed_work(work),
						struct kvpool_xfer, deadline);
	ktime_t now = ktime_get(), look;

	if (now >= xfer->expires || READ_ONCE(xfer->done)) {
		kvpool_xfer_cancel(xfer, -ETIMEDOUT);
		kvpool_xfer_put(xfer);
		return;
	}
	look = READ_ONCE(xfer->look);
	/* Another time may have been set since, which stays. */
	if (now >= look && cmpxchg64(&xfer->look, look, KTIME_MAX) == look)
		kvpool_xfer_look(xfer);
	if (!queue_delayed_work(kvpool_deadline_wq, &xfer->deadline,
				kvpool_xfer_delay(xfer))) {
		kvpool_xfer_put(xfer);
		return;
	}
	/* kvpool_xfer_finish() may have found no work to cancel. */
	smp_mb();	/* pairs with that of kvpool_xfer_finish() */
	if (READ_ONCE(xfer->done) && cancel_delayed_work(&xfer->deadline))
		kvpool_xfer_put(xfer);
}

/*
 * Make an operation in flight, which the caller runs; NULL if there is no
 * memory. The place in @hold belongs to it. It has no sink yet.
 */
static struct kvpool_xfer *
kvpool_xfer_new(struct kvpool_ctx *ctx, const struct kvpool_opdef *def,
		const struct kvpool_op *op, struct kvpool_hold *hold,
		u32 index, u64 timeout_ns)
{
	struct kvpool_inflight *inflight = &ctx->inflight;
	struct kvpool_xfer *xfer;

	xfer = kmem_cache_zalloc(kvpool_xfer_cache, GFP_KERNEL);
	if (!xfer)
		return NULL;
	refcount_set(&xfer->refs, 1);
	xfer->peer = op->peer;
	xfer->transfer.peer = op->peer;
	xfer->transfer.length = op->length;
	xfer->transfer.key = op->key;
	if (op->flags & KVPOOL_OP_CHAIN) {
		xfer->transfer.depth = op->position + 1;
		xfer->transfer.parent = op->parent;
	}
	xfer->def = def;
	xfer->tenant = ctx->tenant;
	xfer->tenant_id = ctx->tenant->id;
	xfer->flags = op->flags;
	xfer->opcode = op->opcode;
	xfer->node = op->node;
	xfer->near = numa_mem_id();
	xfer->tag = op->tag;
	xfer->born = jiffies;
	xfer->begun = ktime_get_ns();
	xfer->ctx = ctx;
	xfer->hold = hold;
	xfer->index = index;
	xfer->cqe.user_data = op->user_data;
	kvpool_waiter_init(&xfer->waiter, &kvpool_xfer_waiter_ops);
	INIT_DELAYED_WORK(&xfer->deadline, kvpool_xfer_deadline);
	xfer->seq = atomic64_inc_return(&inflight->seq);
	xfer->expires = KTIME_MAX;
	xfer->look = KTIME_MAX;

	atomic_inc(&inflight->nr);
	/* From here on other tasks can find and cancel the operation. */
	if (xa_alloc_cyclic(&inflight->ops, &xfer->id, xfer,
			    XA_LIMIT(1, U32_MAX), &inflight->next_id,
			    GFP_KERNEL_ACCOUNT) < 0) {
		atomic_dec(&inflight->nr);
		kmem_cache_free(kvpool_xfer_cache, xfer);
		return NULL;
	}
	trace_kvpool_xfer_submit(xfer, 0);
	if (timeout_ns) {
		xfer->expires = kvpool_time_after(timeout_ns);
		kvpool_xfer_arm(xfer);
	}
	return xfer;
}

/**
 * kvpool_xfer_issue() - Put an operation of a call in flight
 * @issue: the operations of the call
 * @def: the row of the operation
 * @i: its number
 * @hold: the hold that will have its handle, or NULL
 * @index: index in @hold
 * @found: for its prepare(); if it is a block, the call consumes a reference
 *
 * Context: May sleep.
 * Return: 0, or -ENOMEM: the caller completes the operation.
 */
int kvpool_xfer_issue(struct kvpool_issue *issue,
		      const struct kvpool_opdef *def, u32 i,
		      struct kvpool_hold *hold, u32 index,
		      struct kvpool_block *found)
{
	const struct kvpool_op *op = &issue->ops[i];
	struct kvpool_xfer *xfer;

	xfer = kvpool_xfer_new(issue->ctx, def, op, hold, index,
			       issue->timeout(op));
	if (!xfer) {
		if (!IS_ERR_OR_NULL(found))
			kvpool_block_put(issue->ctx->tenant, found);
		return -ENOMEM;
	}
	issue->attach(issue, i, xfer);
	if (issue->prefix &&
	    !kvpool_prefix_enter(issue->prefix, i - issue->prefix_first, xfer))
		cmpxchg(&xfer->transfer.cancelled, 0, -ECANCELED);
	kvpool_xfer_start(xfer, found, &issue->remote);
	return 0;
}
