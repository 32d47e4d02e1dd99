// SPDX-License-Identifier: GPL-2.0
/*
 * Placement: which peer is asked for a block, and in which order.
 *
 * A transfer that names no peer asks all of them in the order of their numbers,
 * until one has the block. Movers never choose.
 */
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "xfer/mover.h"
#include "xfer/placement.h"
#include "xfer/trace.h"

/* Transfers that go on to their next peer. */
static LIST_HEAD(kvpool_retries);
static DEFINE_SPINLOCK(kvpool_retry_lock);	/* the list and its flag */
static struct workqueue_struct *kvpool_placement_wq;

/*
 * A worker submits the retries: this keeps the stack flat however many peers
 * fail, and brings transfers to the same peer together.
 */
static void kvpool_placement_work_fn(struct work_struct *work)
{
	struct kvpool_transfer *transfer;
	LIST_HEAD(transfers);

	spin_lock(&kvpool_retry_lock);
	list_splice_init(&kvpool_retries, &transfers);
	list_for_each_entry(transfer, &transfers, entry)
		transfer->flags &= ~KVPOOL_TRANSFER_RETRIES;
	spin_unlock(&kvpool_retry_lock);
	kvpool_movers_submit(&transfers);
}

static DECLARE_WORK(kvpool_placement_work, kvpool_placement_work_fn);

/* Can another peer do better? */
static bool kvpool_placement_retriable(int status)
{
	switch (status) {
	case -ENOENT:
	case -EINPROGRESS:
	case -EHOSTUNREACH:
	case -EREMOTEIO:
	case -EMSGSIZE:
		return true;
	default:
		return false;
	}
}

/* A peer is done with a transfer: ask the next one, or end the transfer. */
static void kvpool_placement_done(struct kvpool_transfer *transfer, int status)
{
	int cancelled;
	u32 next;

	if (!status || !(transfer->flags & KVPOOL_TRANSFER_ANY) ||
	    READ_ONCE(transfer->cancelled) ||
	    !kvpool_placement_retriable(status)) {
		transfer->ops->done(transfer, status);
		return;
	}
	if (status != -EHOSTUNREACH)
		transfer->flags |= KVPOOL_TRANSFER_ANSWERED;
	next = kvpool_mover_peer_next(transfer->peer);
	if (!next) {
		/* A peer without a link may have it, but others have not. */
		if (status == -EHOSTUNREACH &&
		    transfer->flags & KVPOOL_TRANSFER_ANSWERED)
			status = -ENOENT;
		transfer->ops->done(transfer, status);
		return;
	}
	trace_kvpool_transfer_next(transfer, next, status);
	WRITE_ONCE(transfer->peer, next);
	spin_lock(&kvpool_retry_lock);
	/* Or kvpool_placement_cancel() finds it in the list. */
	cancelled = READ_ONCE(transfer->cancelled);
	if (!cancelled) {
		transfer->flags |= KVPOOL_TRANSFER_RETRIES;
		list_add_tail(&transfer->entry, &kvpool_retries);
	}
	spin_unlock(&kvpool_retry_lock);
	if (cancelled)
		transfer->ops->done(transfer, cancelled);
	else
		queue_work(kvpool_placement_wq, &kvpool_placement_work);
}

/**
 * kvpool_placement_cancel() - End a transfer early
 * @transfer: the transfer, referenced; its @cancelled was set with a full
 *	      barrier
 *
 * Does not wait. A transfer that waits to be given to its next peer ends here,
 * and the mover that has it is told.
 */
void kvpool_placement_cancel(struct kvpool_transfer *transfer)
{
	bool retries;

	spin_lock(&kvpool_retry_lock);
	retries = transfer->flags & KVPOOL_TRANSFER_RETRIES;
	if (retries) {
		transfer->flags &= ~KVPOOL_TRANSFER_RETRIES;
		list_del_init(&transfer->entry);
	}
	spin_unlock(&kvpool_retry_lock);
	if (retries)
		transfer->ops->done(transfer, transfer->cancelled);
	else
		kvpool_mover_cancel(transfer);
}

/**
 * kvpool_placement_init() - Prepare placement
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_placement_init(void)
{
	kvpool_placement_wq = alloc_workqueue("kvpool_placement", WQ_UNBOUND,
					      0);
	if (!kvpool_placement_wq)
		return -ENOMEM;
	kvpool_movers_set_done(kvpool_placement_done);
	return 0;
}

/**
 * kvpool_placement_exit() - Undo kvpool_placement_init(); no transfer is left
 */
void kvpool_placement_exit(void)
{
	destroy_workqueue(kvpool_placement_wq);
}

/**
 * kvpool_placement_submit() - Choose peers, and hand transfers to their movers
 * @transfers: transfers, by their entry; empty when the call returns. A peer of
 *	       zero asks all.
 *
 * May sleep for memory. Each transfer ends with the done() of its operation,
 * possibly before this returns.
 */
void kvpool_placement_submit(struct list_head *transfers)
{
	struct kvpool_transfer *transfer, *next;

	list_for_each_entry_safe(transfer, next, transfers, entry) {
		transfer->flags = 0;
		if (transfer->peer)
			continue;
		transfer->flags = KVPOOL_TRANSFER_ANY;
		transfer->peer = kvpool_mover_peer_next(0);
		if (transfer->peer)
			continue;
		list_del(&transfer->entry);
		transfer->ops->done(transfer, kvpool_movers_loaded() ?
					      -ENOENT : -EOPNOTSUPP);
	}
	kvpool_movers_submit(transfers);
}
