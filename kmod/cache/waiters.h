/* SPDX-License-Identifier: GPL-2.0 */
/* Waiters: objects that wait for the end of a reservation without a task. */
#ifndef _KVPOOL_WAITERS_H
#define _KVPOOL_WAITERS_H

#include <linux/list.h>
#include <linux/types.h>

struct kvpool_block;
struct kvpool_waiter;

/**
 * struct kvpool_waiter_ops - functions of a waiter
 * @pending:	return true if there is something to wait for; calls
 *		kvpool_block_await(). Called under a spinlock: must not sleep
 * @wake:	the reservation has ended, and the waiter has left its bucket.
 *		Called under a spinlock: must not sleep
 */
struct kvpool_waiter_ops {
	bool (*pending)(struct kvpool_waiter *waiter);
	void (*wake)(struct kvpool_waiter *waiter);
};

/**
 * struct kvpool_waiter - waits for the end of a reservation
 * @node:	entry in a bucket of waiters
 * @block:	the pending block, with a reference of the waiter, or NULL
 * @ops:	functions
 */
struct kvpool_waiter {
	struct hlist_node node;
	struct kvpool_block *block;
	const struct kvpool_waiter_ops *ops;
};

void kvpool_waiters_init(void);
void kvpool_waiter_init(struct kvpool_waiter *waiter,
			const struct kvpool_waiter_ops *ops);
bool kvpool_waiter_add(struct kvpool_waiter *waiter,
		       struct kvpool_block *block);
bool kvpool_waiter_del(struct kvpool_waiter *waiter);
void kvpool_waiters_wake(const struct kvpool_block *block);

#endif /* _KVPOOL_WAITERS_H */
