// SPDX-License-Identifier: GPL-2.0
/*
 * Waiters: each reservation that is waited for has a queue of its own, which is
 * found by the block in a table of the tenant. So the end of a reservation costs
 * what its own waiters cost, whatever else is waited for.
 *
 * A queue is in the table while its reservation is pending and has waiters. It
 * is closed, under its lock, when it is taken out: by the task that ends the
 * reservation, before the block can be freed and its address be used again; or
 * with its last waiter. Only the task that takes a waiter out of its queue acts
 * on it.
 */
#include <linux/err.h>
#include <linux/rhashtable.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "cache/block_types.h"
#include "cache/pool.h"
#include "cache/waiters.h"

/* Most waiters that are woken while a queue's lock is held. */
#define KVPOOL_WAKE_BATCH	16

/**
 * struct kvpool_waitq - the waiters of a reservation
 * @node:	entry in the table of the tenant, unless @closed
 * @block:	the key in that table
 * @lock:	protects @closed, @waiters and the queue of each waiter
 * @closed:	no waiter can be added any more
 * @waiters:	the waiters, the quick ones first
 * @work:	wakes waiters for which the task that ended the reservation has
 *		no time
 * @rcu:	frees the queue after the last reader of the table
 */
struct kvpool_waitq {
	struct rhash_head node;
	const struct kvpool_block *block;
	spinlock_t lock;	/* closed, waiters, and their queue */
	bool closed;
	struct list_head waiters;
	struct work_struct work;
	struct rcu_head rcu;
};

static const struct rhashtable_params kvpool_waitq_params = {
	.key_len = sizeof_field(struct kvpool_waitq, block),
	.key_offset = offsetof(struct kvpool_waitq, block),
	.head_offset = offsetof(struct kvpool_waitq, node),
	.automatic_shrinking = true,
};

/**
 * kvpool_waiters_init() - Make an empty table of queues
 * @queues: the table; end it with rhashtable_destroy()
 *
 * Context: May sleep.
 * Return: 0 or -ENOMEM.
 */
int kvpool_waiters_init(struct rhashtable *queues)
{
	return rhashtable_init(queues, &kvpool_waitq_params);
}

/**
 * kvpool_waiter_init() - Initialise a waiter
 * @waiter: the waiter
 * @ops: its functions
 */
void kvpool_waiter_init(struct kvpool_waiter *waiter,
			const struct kvpool_waiter_ops *ops)
{
	INIT_LIST_HEAD(&waiter->node);
	waiter->queue = NULL;
	waiter->ops = ops;
}

/*
 * Wake waiters; the lock of the queue is held. Returns the first waiter that is
 * not quick, for the caller to wake without the lock; NULL if there is none or
 * the batch is full.
 */
static struct kvpool_waiter *kvpool_waitq_wake(struct kvpool_waitq *queue)
{
	struct kvpool_waiter *waiter;
	int i;

	for (i = 0; i < KVPOOL_WAKE_BATCH; i++) {
		waiter = list_first_entry_or_null(&queue->waiters,
						  struct kvpool_waiter, node);
		if (!waiter || !waiter->ops->quick)
			return waiter;
		list_del_init(&waiter->node);
		waiter->ops->wake(waiter);
		/* The last access; pairs with kvpool_waiter_del(). */
		smp_store_release(&waiter->queue, NULL);
	}
	return NULL;
}

static void kvpool_waitq_work(struct work_struct *work)
{
	struct kvpool_waitq *queue = container_of(work, struct kvpool_waitq,
						  work);
	struct kvpool_waiter *waiter;
	bool more;

	do {
		spin_lock(&queue->lock);
		waiter = kvpool_waitq_wake(queue);
		if (waiter) {
			list_del_init(&waiter->node);
			WRITE_ONCE(waiter->queue, NULL);
		}
		more = !list_empty(&queue->waiters);
		spin_unlock(&queue->lock);
		if (waiter)
			waiter->ops->wake(waiter);
		cond_resched();
	} while (more);
	kfree_rcu(queue, rcu);
}

static struct kvpool_waitq *kvpool_waitq_new(const struct kvpool_block *block)
{
	struct kvpool_waitq *queue;

	queue = kmalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);
	if (!queue)
		return NULL;
	queue->block = block;
	spin_lock_init(&queue->lock);
	queue->closed = false;
	INIT_LIST_HEAD(&queue->waiters);
	INIT_WORK(&queue->work, kvpool_waitq_work);
	return queue;
}

/* Take a queue out of the table; its lock is held. */
static void kvpool_waitq_close(struct rhashtable *queues,
			       struct kvpool_waitq *queue)
{
	queue->closed = true;
	rhashtable_remove_fast(queues, &queue->node, kvpool_waitq_params);
}

/*
 * Request a wake-up when a reservation ends. Returns true if it is still pending:
 * then the task that ends it looks for the queue.
 */
static bool kvpool_waitq_await(struct kvpool_block *block)
{
	WRITE_ONCE(block->waited, 1);
	/* Pairs with the cmpxchg() before kvpool_block_settle(). */
	smp_mb();
	return READ_ONCE(block->state) == KVPOOL_BLOCK_RESERVED;
}

/*
 * Add a waiter to a queue that was found in the table, in the same RCU section.
 * Returns what kvpool_waiter_add() does, or -EAGAIN if the queue has left the
 * table.
 */
static int kvpool_waitq_join(struct rhashtable *queues,
			     struct kvpool_waitq *queue,
			     struct kvpool_waiter *waiter,
			     struct kvpool_block *block)
{
	const struct kvpool_waiter_ops *ops = waiter->ops;
	bool waits, unused = false;

	spin_lock(&queue->lock);
	if (queue->closed) {
		spin_unlock(&queue->lock);
		return kvpool_waitq_await(block) ? -EAGAIN : 0;
	}
	/* kvpool_waitq_await() orders this, for kvpool_waiter_del(). */
	WRITE_ONCE(waiter->queue, queue);
	waits = kvpool_waitq_await(block) &&
		!(ops->stopped && ops->stopped(waiter));
	if (!waits) {
		WRITE_ONCE(waiter->queue, NULL);
		unused = list_empty(&queue->waiters);
		if (unused)
			kvpool_waitq_close(queues, queue);
	} else if (ops->quick) {
		list_add(&waiter->node, &queue->waiters);
	} else {
		list_add_tail(&waiter->node, &queue->waiters);
	}
	spin_unlock(&queue->lock);
	if (unused)
		kfree_rcu(queue, rcu);
	return waits;
}

/*
 * Find the queue of a block in the RCU section of the caller, or enter *@fresh,
 * which is NULL then. Returns NULL if there is neither, or an ERR_PTR.
 */
static struct kvpool_waitq *kvpool_waitq_find(struct rhashtable *queues,
					      const struct kvpool_block *block,
					      struct kvpool_waitq **fresh)
{
	struct kvpool_waitq *queue, *mine = *fresh;

	if (!mine)
		return rhashtable_lookup(queues, &block, kvpool_waitq_params);
	queue = rhashtable_lookup_get_insert_fast(queues, &mine->node,
						  kvpool_waitq_params);
	if (queue)
		return queue;
	*fresh = NULL;
	return mine;
}

/**
 * kvpool_waiter_add() - Wait until a reservation ends
 * @queues: the table of the block's tenant
 * @waiter: the waiter, on which only the caller acts
 * @block: the block of the reservation; the caller keeps its reference, and need
 *	   not keep it for @waiter
 *
 * Context: May sleep.
 * Return: 1 if @waiter waits: the caller must not act on it any more. 0 if there
 * is nothing to wait for. -ENOMEM.
 */
int kvpool_waiter_add(struct rhashtable *queues, struct kvpool_waiter *waiter,
		      struct kvpool_block *block)
{
	struct kvpool_waitq *queue, *fresh = NULL;
	int ret = -EAGAIN;

	do {
		rcu_read_lock();
		queue = kvpool_waitq_find(queues, block, &fresh);
		if (IS_ERR(queue))
			ret = -ENOMEM;
		else if (queue)
			ret = kvpool_waitq_join(queues, queue, waiter, block);
		rcu_read_unlock();

		if (ret == -EAGAIN && !fresh) {
			fresh = kvpool_waitq_new(block);
			if (!fresh)
				ret = -ENOMEM;
		}
	} while (ret == -EAGAIN);
	kfree(fresh);
	return ret;
}

/**
 * kvpool_waiter_del() - Stop waiting before the reservation ends
 * @queues: the table that the waiter was added to
 * @waiter: the waiter, whose memory stays during the call. If it may be added
 *	    concurrently, its stopped() was made to return true before, with a
 *	    full barrier.
 *
 * Context: Any.
 * Return: true if only the caller acts on @waiter now. false if @waiter does not
 * wait: it is quick and has been woken, or the task that acts on it sees what
 * makes stopped() return true.
 */
bool kvpool_waiter_del(struct rhashtable *queues, struct kvpool_waiter *waiter)
{
	struct kvpool_waitq *queue;
	bool took = false, unused = false;

	rcu_read_lock();
	/* Pairs with the release of kvpool_waitq_wake(). */
	queue = smp_load_acquire(&waiter->queue);
	if (queue) {
		spin_lock(&queue->lock);
		took = waiter->queue == queue;
		if (took) {
			list_del_init(&waiter->node);
			WRITE_ONCE(waiter->queue, NULL);
			unused = !queue->closed && list_empty(&queue->waiters);
			if (unused)
				kvpool_waitq_close(queues, queue);
		}
		spin_unlock(&queue->lock);
		if (unused)
			kfree_rcu(queue, rcu);
	}
	rcu_read_unlock();
	return took;
}

/**
 * kvpool_waiters_wake() - Wake the waiters of a reservation
 * @queues: the table of the block's tenant
 * @block: the block, whose reservation has ended, and which is not freed yet
 *
 * Some quick waiters are woken at once, the others by one work item.
 *
 * Context: Any.
 */
void kvpool_waiters_wake(struct rhashtable *queues,
			 const struct kvpool_block *block)
{
	struct kvpool_waitq *queue;
	bool more = false, mine = false;

	rcu_read_lock();
	queue = rhashtable_lookup(queues, &block, kvpool_waitq_params);
	if (queue) {
		spin_lock(&queue->lock);
		mine = !queue->closed;
		if (mine) {
			kvpool_waitq_close(queues, queue);
			kvpool_waitq_wake(queue);
			more = !list_empty(&queue->waiters);
		}
		spin_unlock(&queue->lock);
	}
	rcu_read_unlock();
	if (more)
		queue_work(kvpool_pool.wq, &queue->work);
	else if (mine)
		kfree_rcu(queue, rcu);
}
