// SPDX-License-Identifier: GPL-2.0
/*
 * Waiters are found by the block that they wait for, through a hash table for
 * the whole host. The task that takes a waiter out of its bucket is the only
 * one to act on it.
 */
#include <linux/hash.h>
#include <linux/spinlock.h>

#include "cache/waiters.h"

#define KVPOOL_WAITERS_BITS	10

struct kvpool_waiters {
	spinlock_t lock;	/* the list, and the membership of waiters */
	struct hlist_head list;
};

static struct kvpool_waiters kvpool_waiters[1 << KVPOOL_WAITERS_BITS];

static struct kvpool_waiters *kvpool_waiters_of(const struct kvpool_block *b)
{
	return &kvpool_waiters[hash_ptr(b, KVPOOL_WAITERS_BITS)];
}

/**
 * kvpool_waiters_init() - Prepare the buckets
 */
void kvpool_waiters_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(kvpool_waiters); i++)
		spin_lock_init(&kvpool_waiters[i].lock);
}

/**
 * kvpool_waiter_init() - Prepare a waiter
 * @waiter: the waiter
 * @ops: what it does
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
 * @block: the block, whose reference goes over to @waiter
 *
 * Return: true if it waits: the caller must not act on @waiter any more. false
 * if there is nothing to wait for: the reference is still the caller's.
 */
bool kvpool_waiter_add(struct kvpool_waiter *waiter, struct kvpool_block *block)
{
	struct kvpool_waiters *w = kvpool_waiters_of(block);
	bool waits;

	spin_lock(&w->lock);
	/* Before the barrier of kvpool_block_await(), for kvpool_waiter_del(). */
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
 * kvpool_waiter_del() - Take over a waiter before the reservation ends
 * @waiter: the waiter, whose memory stays; the reason why @pending denies from
 *	    now on was set with a full barrier
 *
 * Return: true if only the caller acts on it now. false if it does not wait,
 * and the task that acts on it sees that reason.
 */
bool kvpool_waiter_del(struct kvpool_waiter *waiter)
{
	const struct kvpool_block *block = READ_ONCE(waiter->block);
	struct kvpool_waiters *w;
	bool took;

	if (!block)
		return false;
	/* The pointer only tells the bucket: the block may be freed. */
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
