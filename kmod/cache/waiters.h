/* SPDX-License-Identifier: GPL-2.0 */
/* Waiters: what waits for the end of a reservation without a task. */
#ifndef _KVPOOL_WAITERS_H
#define _KVPOOL_WAITERS_H

#include <linux/list.h>
#include <linux/types.h>

struct kvpool_block;
struct kvpool_waiter;

/**
 * struct kvpool_waiter_ops - What a waiter does
 * @pending:	is there something to wait for? Has asked kvpool_block_await().
 *		A spinlock is held: must not sleep
 * @wake:	the reservation has ended, and the waiter has left its bucket;
 *		likewise
 */
struct kvpool_waiter_ops {
	bool (*pending)(struct kvpool_waiter *waiter);
	void (*wake)(struct kvpool_waiter *waiter);
};

/**
 * struct kvpool_waiter - waits for the end of a reservation
 * @node:	entry in a bucket of waiters
 * @block:	the pending block, with a reference, or NULL
 * @ops:	what it does
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
