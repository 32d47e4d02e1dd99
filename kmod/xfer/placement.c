// SPDX-License-Identifier: GPL-2.0
/*
 * Placement: the choice of the peers that blocks are fetched from. Movers never
 * choose a peer.
 *
 * A transfer that has its memory and its peer goes to the mover. Otherwise the
 * peers that it may come from are asked first (xfer/search.c), and the operation
 * finds the memory when one of them has the block. If the fetch then fails, the
 * others are asked once more.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "xfer/mover.h"
#include "xfer/placement.h"
#include "xfer/search.h"
#include "xfer/trace.h"

/* Between two looks for a block that there is no free memory for. */
#define KVPOOL_DELAY_MS		10
#define KVPOOL_DELAY_MAX_MS	500

/* Transfers that the worker goes on with. */
static LIST_HEAD(kvpool_queued);
/* Those that wait for a time; the earliest of these times. */
static LIST_HEAD(kvpool_delayed);
static unsigned long kvpool_delayed_at;
static DEFINE_SPINLOCK(kvpool_queued_lock);	/* the lists and their flag */
static struct workqueue_struct *kvpool_placement_wq;

/* Move the first transfer, and others of its tenant, to another list. */
static void kvpool_placement_pick(struct list_head *transfers,
				  struct list_head *list)
{
	struct kvpool_transfer *transfer, *next, *first;

	first = list_first_entry(transfers, struct kvpool_transfer, entry);
	list_for_each_entry_safe(transfer, next, transfers, entry)
		if (transfer->arena == first->arena)
			list_move_tail(&transfer->entry, list);
}

/**
 * struct kvpool_batch - transfers of one tenant that are to be fetched
 * @work:	passes them to found() of their operations
 * @transfers:	the transfers, by their entry
 */
struct kvpool_batch {
	struct work_struct work;
	struct list_head transfers;
};

static void kvpool_placement_found(struct list_head *list)
{
	struct kvpool_transfer *transfer;

	transfer = list_first_entry(list, struct kvpool_transfer, entry);
	transfer->ops->found(list);
}

static void kvpool_batch_work(struct work_struct *work)
{
	struct kvpool_batch *batch = container_of(work, struct kvpool_batch,
						  work);

	kvpool_placement_found(&batch->transfers);
	kfree(batch);
}

/*
 * To find their memory may take long, for which transfers of other tenants do
 * not wait, unless there is no memory for that.
 */
static void kvpool_placement_batch(struct list_head *list)
{
	struct kvpool_batch *batch = kmalloc(sizeof(*batch), GFP_KERNEL);

	if (!batch) {
		kvpool_placement_found(list);
		return;
	}
	INIT_WORK(&batch->work, kvpool_batch_work);
	INIT_LIST_HEAD(&batch->transfers);
	list_splice_init(list, &batch->transfers);
	queue_work(kvpool_placement_wq, &batch->work);
}

/*
 * A worker goes on with transfers: this keeps the stack flat however many peers
 * fail, and brings transfers together.
 */
static void kvpool_placement_work_fn(struct work_struct *work)
{
	struct kvpool_transfer *transfer, *next;
	LIST_HEAD(transfers);
	LIST_HEAD(search);
	LIST_HEAD(list);

	spin_lock(&kvpool_queued_lock);
	list_splice_init(&kvpool_queued, &transfers);
	list_for_each_entry_safe(transfer, next, &transfers, entry) {
		if (!transfer->peer ||
		    transfer->flags & KVPOOL_TRANSFER_SEARCH)
			list_move_tail(&transfer->entry, &search);
		transfer->flags &= ~(KVPOOL_TRANSFER_QUEUED |
				     KVPOOL_TRANSFER_SEARCH);
	}
	spin_unlock(&kvpool_queued_lock);

	while (!list_empty(&transfers)) {
		kvpool_placement_pick(&transfers, &list);
		kvpool_placement_batch(&list);
	}
	kvpool_search_begin(&search);
}

static DECLARE_WORK(kvpool_placement_work, kvpool_placement_work_fn);

static void kvpool_delayed_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(kvpool_delayed_work, kvpool_delayed_fn);

/* Look at a delayed transfer when it is due; the lock is held. */
static void kvpool_delayed_arm(unsigned long due)
{
	lockdep_assert_held(&kvpool_queued_lock);
	if (delayed_work_pending(&kvpool_delayed_work) &&
	    time_before_eq(kvpool_delayed_at, due))
		return;
	kvpool_delayed_at = due;
	mod_delayed_work(kvpool_placement_wq, &kvpool_delayed_work,
			 time_after(due, jiffies) ? due - jiffies : 0);
}

static void kvpool_delayed_fn(struct work_struct *work)
{
	struct kvpool_transfer *transfer, *next;
	LIST_HEAD(list);

	spin_lock(&kvpool_queued_lock);
	list_for_each_entry_safe(transfer, next, &kvpool_delayed, entry) {
		if (time_before(jiffies, transfer->due)) {
			kvpool_delayed_arm(transfer->due);
			continue;
		}
		transfer->flags &= ~KVPOOL_TRANSFER_QUEUED;
		list_move_tail(&transfer->entry, &list);
	}
	spin_unlock(&kvpool_queued_lock);
	list_for_each_entry_safe(transfer, next, &list, entry) {
		list_del_init(&transfer->entry);
		transfer->ops->again(transfer);
	}
}

/* Let a worker find a transfer in a list; false if it was cancelled. */
static bool kvpool_placement_enter(struct kvpool_transfer *transfer,
				   struct list_head *list)
{
	lockdep_assert_held(&kvpool_queued_lock);
	/* Or kvpool_placement_cancel() finds it in the list. */
	if (READ_ONCE(transfer->cancelled))
		return false;
	transfer->flags |= KVPOOL_TRANSFER_QUEUED;
	list_add_tail(&transfer->entry, list);
	return true;
}

/**
 * kvpool_placement_queue() - Let a worker go on with a transfer
 * @transfer: the transfer, which the caller runs, and not any more afterwards. If
 *	      its peer is not zero, and it has not KVPOOL_TRANSFER_SEARCH, found()
 *	      of its operation is called
 *
 * Context: Process context, no lock held.
 */
void kvpool_placement_queue(struct kvpool_transfer *transfer)
{
	bool entered;

	spin_lock(&kvpool_queued_lock);
	entered = kvpool_placement_enter(transfer, &kvpool_queued);
	spin_unlock(&kvpool_queued_lock);
	if (entered)
		queue_work(kvpool_placement_wq, &kvpool_placement_work);
	else
		transfer->ops->done(transfer, transfer->cancelled);
}

/**
 * kvpool_placement_delay() - Look for the block of a transfer again, a bit later
 * @transfer: the transfer, which the caller runs, and not any more afterwards:
 *	      again() of its operation is called. Each time the delay is longer.
 *
 * Context: Process context, no lock held.
 */
void kvpool_placement_delay(struct kvpool_transfer *transfer)
{
	bool entered;

	transfer->delay = clamp_t(unsigned int, 2 * transfer->delay,
				  KVPOOL_DELAY_MS, KVPOOL_DELAY_MAX_MS);
	transfer->due = jiffies + msecs_to_jiffies(transfer->delay);
	spin_lock(&kvpool_queued_lock);
	entered = kvpool_placement_enter(transfer, &kvpool_delayed);
	if (entered)
		kvpool_delayed_arm(transfer->due);
	spin_unlock(&kvpool_queued_lock);
	if (!entered)
		transfer->ops->done(transfer, transfer->cancelled);
}

/* True if another peer may succeed. */
static bool kvpool_placement_retriable(int status)
{
	switch (status) {
	case -ENOENT:
	case -EINPROGRESS:
	case -EHOSTUNREACH:
	case -EREMOTEIO:
	case -EMSGSIZE:
	case -EACCES:
		return true;
	default:
		return false;
	}
}

/* A mover has ended a transfer: look for another peer, if any, or end it. */
static void kvpool_placement_done(struct kvpool_transfer *transfer, int status)
{
	unsigned int flags = transfer->flags;

	/* A device may still write to the memory: nothing is to be read there. */
	if (READ_ONCE(transfer->stranded)) {
		transfer->ops->done(transfer, -EIO);
		return;
	}
	if (!status || transfer->kind != KVPOOL_TRANSFER_FETCH ||
	    READ_ONCE(transfer->cancelled)) {
		transfer->ops->done(transfer, status);
		return;
	}
	if (status == -EINPROGRESS && flags & KVPOOL_TRANSFER_MAY_WAIT &&
	    !transfer->waits) {
		transfer->waits = true;
		kvpool_placement_queue(transfer);
		return;
	}
	if (!(flags & KVPOOL_TRANSFER_ANY) ||
	    !kvpool_placement_retriable(status) ||
	    transfer->nr_failed == KVPOOL_FAILED_MAX ||
	    transfer->peer == kvpool_mover_peer_only()) {
		transfer->ops->done(transfer, status);
		return;
	}
	trace_kvpool_transfer_next(transfer, status);
	transfer->status = status;
	transfer->failed[transfer->nr_failed++] = transfer->peer;
	transfer->waits = false;
	WRITE_ONCE(transfer->peer, 0);
	kvpool_placement_queue(transfer);
}

/**
 * kvpool_placement_cancel() - End a transfer early
 * @transfer: the transfer, referenced; its @cancelled was set with a full
 *	      barrier
 *
 * Does not wait. A transfer that waits for a worker or for answers of peers ends
 * here, and the mover that has it is told.
 */
void kvpool_placement_cancel(struct kvpool_transfer *transfer)
{
	bool took;

	spin_lock(&kvpool_queued_lock);
	took = transfer->flags & KVPOOL_TRANSFER_QUEUED;
	if (took) {
		transfer->flags &= ~KVPOOL_TRANSFER_QUEUED;
		list_del_init(&transfer->entry);
	}
	spin_unlock(&kvpool_queued_lock);
	if (took || kvpool_search_cancel(transfer))
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
	if (kvpool_searches_init()) {
		destroy_workqueue(kvpool_placement_wq);
		return -ENOMEM;
	}
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
	cancel_delayed_work_sync(&kvpool_delayed_work);
	kvpool_searches_exit();
	destroy_workqueue(kvpool_placement_wq);
}

/**
 * kvpool_placement_submit() - Choose peers and submit transfers to their movers
 * @transfers: transfers, by their entry; empty when the call returns. A peer of
 *	       zero means all peers. A transfer without memory is passed to
 *	       found() of its operation when a peer has its key.
 *
 * Each transfer ends with the done() of its operation, possibly before this
 * returns.
 *
 * Context: May sleep for memory, no lock held.
 */
void kvpool_placement_submit(struct list_head *transfers)
{
	struct kvpool_transfer *transfer, *next;
	LIST_HEAD(search);

	list_for_each_entry_safe(transfer, next, transfers, entry) {
		if (transfer->place)
			continue;
		if (kvpool_movers_loaded()) {
			list_move_tail(&transfer->entry, &search);
			continue;
		}
		list_del_init(&transfer->entry);
		transfer->ops->done(transfer, -EOPNOTSUPP);
	}
	kvpool_movers_submit(transfers);
	kvpool_search_begin(&search);
}

/**
 * kvpool_placement_fetch() - Submit transfers with peers and memory
 * @transfers: transfers, by their entry; empty when the call returns
 *
 * Context: May sleep for memory, no lock held.
 */
void kvpool_placement_fetch(struct list_head *transfers)
{
	kvpool_movers_submit(transfers);
}
