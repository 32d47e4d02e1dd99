// SPDX-License-Identifier: GPL-2.0
/*
 * Placement: the choice of the peers that are asked for a block.
 *
 * A transfer without a peer asks all peers in the order of their numbers until
 * a peer has the block. Movers never choose a peer.
 */
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "xfer/mover.h"
#include "xfer/placement.h"
#include "xfer/trace.h"

/* Transfers to submit to their next peer. */
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

/* True if another peer may succeed. */
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

/* A mover has ended a transfer: retry with the next peer, or end it. */
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
		/* The answer of any peer counts more than a missing link. */
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
 * Context: Module load; may sleep.
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
 * kvpool_placement_exit() - Undo kvpool_placement_init()
 *
 * Context: Module unload, when no transfer is in flight; may sleep.
 */
void kvpool_placement_exit(void)
{
	destroy_workqueue(kvpool_placement_wq);
}

/**
 * kvpool_placement_submit() - Choose peers and submit transfers to their movers
 * @transfers: transfers, by their entry; empty when the call returns. A peer of
 *	       zero means all peers.
 *
 * Each transfer ends with the done() of its operation, possibly before this
 * returns.
 *
 * Context: May sleep for memory, no lock held.
 */
void kvpool_placement_submit(struct list_head *transfers)
{
	struct kvpool_transfer *transfer, *next;
	u32 first = 0;

	list_for_each_entry_safe(transfer, next, transfers, entry) {
		transfer->flags = 0;
		if (transfer->peer)
			continue;
		transfer->flags = KVPOOL_TRANSFER_ANY;
		first = first ?: kvpool_mover_peer_next(0);
		transfer->peer = first;
		if (first)
			continue;
		list_del(&transfer->entry);
		transfer->ops->done(transfer, kvpool_movers_loaded() ?
					      -ENOENT : -EOPNOTSUPP);
	}
	kvpool_movers_submit(transfers);
}
