// SPDX-License-Identifier: GPL-2.0
/*
 * Waiters are found by the block that they wait for, through one hash table for
 * all tenants. Only the task that removes a waiter from its bucket acts on it.
 */
#include <linux/hash.h>
#include <linux/spinlock.h>

#include "cache/waiters.h"

#define KVPOOL_WAITERS_BITS	10

struct kvpool_waiters {
	spinlock_t lock;	/* list, and node and block of its waiters */
	struct hlist_head list;
};

static struct kvpool_waiters kvpool_waiters[1 << KVPOOL_WAITERS_BITS];

static struct kvpool_waiters *kvpool_waiters_of(const struct kvpool_block *b)
{
	return &kvpool_waiters[hash_ptr(b, KVPOOL_WAITERS_BITS)];
}

/**
 * kvpool_waiters_init() - Initialise the buckets
 */
void kvpool_waiters_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(kvpool_waiters); i++)
		spin_lock_init(&kvpool_waiters[i].lock);
}

/**
 * kvpool_waiter_init() - Initialise a waiter
 * @waiter: the waiter
 * @ops: its functions
 */
void kvpool_waiter_init(struct kvpool_waiter *waiter,
			const struct kvpool_waiter_ops *ops)
{
	INIT_HLIST_NODE(&waiter->node);
	waiter->block = NULL;
	waiter->ops = ops;
}

/**
 * kvpool_waiter_add() - Wait until a reservation ends
 * @waiter: the waiter, on which only the caller acts
 * @block: the block of the reservation, with a reference of the caller
 *
 * Context: Any; calls @waiter->ops->pending() under a spinlock.
 * Return: true if @waiter waits: it has taken over the reference, and the
 * caller must not act on it any more. false if there is nothing to wait for:
 * the caller keeps the reference.
 */
bool kvpool_waiter_add(struct kvpool_waiter *waiter, struct kvpool_block *block)
{
	struct kvpool_waiters *w = kvpool_waiters_of(block);
	bool waits;

	spin_lock(&w->lock);
	/* kvpool_block_await() orders this, for kvpool_waiter_del(). */
	WRITE_ONCE(waiter->block, block);
	waits = waiter->ops->pending(waiter);
	if (waits)
		hlist_add_head(&waiter->node, &w->list);
	else
		WRITE_ONCE(waiter->block, NULL);
	spin_unlock(&w->lock);
	return waits;
}

/**
 * kvpool_waiter_del() - Remove a waiter before the reservation ends
 * @waiter: the waiter, whose memory stays during the call. Before the call, its
 *	    pending() was made to return false, with a full barrier.
 *
 * Context: Any.
 * Return: true if only the caller acts on @waiter now. false if @waiter does
 * not wait: the task that acts on it sees what makes pending() return false.
 */
bool kvpool_waiter_del(struct kvpool_waiter *waiter)
{
	const struct kvpool_block *block = READ_ONCE(waiter->block);
	struct kvpool_waiters *w;
	bool took;

	if (!block)
		return false;
	/* The block may be freed: its address only selects the bucket. */
	w = kvpool_waiters_of(block);
	spin_lock(&w->lock);
	took = waiter->block == block && !hlist_unhashed(&waiter->node);
	if (took)
		hlist_del_init(&waiter->node);
	spin_unlock(&w->lock);
	return took;
}

/**
 * kvpool_waiters_wake() - Wake the waiters of a reservation
 * @block: the block, whose reservation has ended
 *
 * Context: Any; calls wake() of the waiters under a spinlock.
 */
void kvpool_waiters_wake(const struct kvpool_block *block)
{
	struct kvpool_waiters *w = kvpool_waiters_of(block);
	struct kvpool_waiter *waiter;
	struct hlist_node *next;

	spin_lock(&w->lock);
	hlist_for_each_entry_safe(waiter, next, &w->list, node) {
		if (waiter->block != block)
			continue;
		hlist_del_init(&waiter->node);
		waiter->ops->wake(waiter);
	}
	spin_unlock(&w->lock);
}
