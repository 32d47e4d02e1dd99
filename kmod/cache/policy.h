/* SPDX-License-Identifier: GPL-2.0 */
/* Eviction policies. Builds in user space for the unit tests. */
#ifndef _KVPOOL_POLICY_H
#define _KVPOOL_POLICY_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "cache/block_types.h"

struct kvpool_policy_queue {
	struct list_head list;	/* head is the youngest, tail the oldest */
	struct list_head *hand;	/* next entry of a search; NULL is the tail */
	int tag;		/* tag of the search that set @hand (LRU) */
	unsigned long nr;	/* blocks */
	unsigned long pages;	/* their pages */
};

/**
 * struct kvpool_policy_want - blocks that a search for a victim accepts
 * @accepts:	true if @block is accepted; called under the policy's lock
 * @tag:	equal for searches that accept the same blocks
 */
struct kvpool_policy_want {
	bool (*accepts)(const struct kvpool_policy_want *want,
			const struct kvpool_block *block);
	int tag;
};

/**
 * struct kvpool_policy_ops - an order of eviction
 * @name:	as the knob shows it
 * @lockless_touch: @touch only sets the block's visited, which
 *		kvpool_policy_touch() then does without the lock
 * @touch:	a lease on the block has ended
 * @victim:	return the next block to evict, frozen (its last reference
 *		dropped) and still in the queue. Blocks that are in use and
 *		those that @want (if not NULL) does not accept are skipped.
 *		*@budget limits the blocks that are looked at, and is counted
 *		down. NULL with a budget left over means that no block can be
 *		evicted.
 *
 * The functions are called under the policy's lock. Blocks enter at the head of
 * the list. All policies keep their order in the one list, so that another
 * policy can take over at any time and no block is lost.
 */
struct kvpool_policy_ops {
	const char *name;
	bool lockless_touch;
	void (*touch)(struct kvpool_policy_queue *q, struct kvpool_block *block);
	struct kvpool_block *(*victim)(struct kvpool_policy_queue *q,
				       unsigned long *budget,
				       const struct kvpool_policy_want *want);
};

enum { KVPOOL_QUEUE_NORMAL, KVPOOL_QUEUE_SOFT, KVPOOL_NR_QUEUES };

struct kvpool_policy {
	spinlock_t lock;	/* protects the rest */
	const struct kvpool_policy_ops *ops;
	struct kvpool_policy_queue queues[KVPOOL_NR_QUEUES];
};

/* A block leaves its place: advance the hand to the next younger block. */
static inline void kvpool_policy_pass(struct kvpool_policy_queue *q,
				      const struct kvpool_block *block)
{
	if (q->hand == &block->lru)
		q->hand = block->lru.prev == &q->list ? NULL : block->lru.prev;
}

/* Pages of the blocks that may be evicted; without the lock, for now only. */
static inline unsigned long
kvpool_policy_pages(const struct kvpool_policy *policy, int node)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < KVPOOL_NR_QUEUES; i++)
		sum += READ_ONCE(policy->queues[i].pages);
	return sum;
}

extern const struct kvpool_policy_ops * const kvpool_policies[];

const struct kvpool_policy_ops *kvpool_policy_find(const char *name);
void kvpool_policy_init(struct kvpool_policy *policy,
			const struct kvpool_policy_ops *ops);
void kvpool_policy_switch(struct kvpool_policy *policy,
			  const struct kvpool_policy_ops *ops);
void kvpool_policy_insert(struct kvpool_policy *policy,
			  struct kvpool_block *block);
void kvpool_policy_remove(struct kvpool_policy *policy,
			  struct kvpool_block *block);
void kvpool_policy_replace(struct kvpool_policy *policy,
			   struct kvpool_block *old,
			   struct kvpool_block *block);
void kvpool_policy_touch(struct kvpool_policy *policy,
			 struct kvpool_block **blocks, unsigned int nr);
struct kvpool_block *kvpool_policy_victim(struct kvpool_policy *policy,
					  unsigned int queue,
					  unsigned long *budget,
					  const struct kvpool_policy_want *want);

#endif /* _KVPOOL_POLICY_H */
