/* SPDX-License-Identifier: GPL-2.0 */
/* Waiters: tasks, files and operations that wait for the end of a reservation. */
#ifndef _KVPOOL_WAITERS_H
#define _KVPOOL_WAITERS_H

#include <linux/list.h>
#include <linux/types.h>

struct kvpool_block;
struct kvpool_waitq;
struct kvpool_waiter;
struct rhashtable;

/**
 * struct kvpool_waiter_ops - functions of a kind of waiters
 * @wake:	The reservation has ended. Without @quick the waiter has left
 *		its queue before, and the call may sleep
 * @quick:	@wake is called under the queue's lock by the task that ends the
 *		reservation: it must be short, must not sleep, and must not free
 *		the waiter
 * @stopped:	return true if the waiter must not begin to wait, called under
 *		the queue's lock. Optional
 */
struct kvpool_waiter_ops {
	void (*wake)(struct kvpool_waiter *waiter);
	bool quick;
	bool (*stopped)(const struct kvpool_waiter *waiter);
};

/**
 * struct kvpool_waiter - waits for the end of a reservation
 * @node:	entry in @queue
 * @queue:	the waiters of the same block, or NULL; changed under the lock
 *		of the queue
 * @ops:	functions
 */
struct kvpool_waiter {
	struct list_head node;
	struct kvpool_waitq *queue;
	const struct kvpool_waiter_ops *ops;
};

int kvpool_waiters_init(struct rhashtable *queues);
void kvpool_waiter_init(struct kvpool_waiter *waiter,
			const struct kvpool_waiter_ops *ops);
int kvpool_waiter_add(struct rhashtable *queues, struct kvpool_waiter *waiter,
		      struct kvpool_block *block);
bool kvpool_waiter_del(struct rhashtable *queues,
		       struct kvpool_waiter *waiter);
void kvpool_waiters_wake(struct rhashtable *queues,
			 const struct kvpool_block *block);

#endif /* _KVPOOL_WAITERS_H */
