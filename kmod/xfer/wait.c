// SPDX-License-Identifier: GPL-2.0
/*
 * Operations that wait for pending keys.
 *
 * They are found by the block that they wait for, through a hash table for the
 * whole host. Whoever takes one out of its bucket is the one to go on with it.
 */
#include <linux/hash.h>

#include "kvpool.h"

#define KVPOOL_WAIT_BITS	10

struct kvpool_waiters {
	spinlock_t lock;	/* the list, and the membership of its xfers */
	struct hlist_head list;
};

static struct kvpool_waiters kvpool_waiters[1 << KVPOOL_WAIT_BITS];

static struct kvpool_waiters *kvpool_wait_bucket(const struct kvpool_block *b)
{
	return &kvpool_waiters[hash_ptr(b, KVPOOL_WAIT_BITS)];
}

/**
 * kvpool_wait_init() - Prepare the buckets
 */
void kvpool_wait_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(kvpool_waiters); i++)
		spin_lock_init(&kvpool_waiters[i].lock);
}

/**
 * kvpool_wait_add() - Let an operation wait until a reservation ends
 * @xfer: the operation, which the caller runs
 * @block: the block, whose reference goes over to @xfer
 *
 * Return: true if it waits: then @xfer is not the caller's any more. false if
 * there is nothing to wait for, or it was cancelled: the reference is still the
 * caller's.
 */
bool kvpool_wait_add(struct kvpool_xfer *xfer, struct kvpool_block *block)
{
	struct kvpool_waiters *w = kvpool_wait_bucket(block);
	bool waits;

	spin_lock(&w->lock);
	/* Before the barrier of kvpool_block_await(), for kvpool_wait_del(). */
	WRITE_ONCE(xfer->awaited, block);
	waits = kvpool_block_await(block) && !READ_ONCE(xfer->cancelled);
	if (waits)
		hlist_add_head(&xfer->wait, &w->list);
	else
		WRITE_ONCE(xfer->awaited, NULL);
	spin_unlock(&w->lock);
	return waits;
}

/**
 * kvpool_wait_del() - Take over an operation that waits
 * @xfer: the operation, referenced; @cancelled of it was set with a full
 *	  barrier
 *
 * Return: true if the caller runs it now. false if it does not wait, and
 * whoever runs it sees that it was cancelled.
 */
bool kvpool_wait_del(struct kvpool_xfer *xfer)
{
	const struct kvpool_block *block = READ_ONCE(xfer->awaited);
	struct kvpool_waiters *w;
	bool took;

	if (!block)
		return false;
	/* The pointer only tells the bucket: the block may be gone. */
	w = kvpool_wait_bucket(block);
	spin_lock(&w->lock);
	took = xfer->awaited == block && !hlist_unhashed(&xfer->wait);
	if (took)
		hlist_del_init(&xfer->wait);
	spin_unlock(&w->lock);
	return took;
}

/**
 * kvpool_wait_wake() - Go on with those who wait for a reservation
 * @block: it has ended
 */
void kvpool_wait_wake(const struct kvpool_block *block)
{
	struct kvpool_waiters *w = kvpool_wait_bucket(block);
	struct kvpool_xfer *xfer;
	struct hlist_node *next;

	spin_lock(&w->lock);
	hlist_for_each_entry_safe(xfer, next, &w->list, wait) {
		if (xfer->awaited != block)
			continue;
		hlist_del_init(&xfer->wait);
		queue_work(kvpool_pool.wq, &xfer->work);
	}
	spin_unlock(&w->lock);
}
