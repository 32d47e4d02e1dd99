/* SPDX-License-Identifier: GPL-2.0 */
/* Eviction policies. Builds in user space for the unit tests. */
#ifndef _KVPOOL_POLICY_H
#define _KVPOOL_POLICY_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "cache/block_types.h"

/* For "any node", as NUMA_NO_NODE. */
#define KVPOOL_POLICY_ANY	(-1)

/**
 * struct kvpool_policy_queue - blocks of one node and one kind
 * @list:	the blocks, the youngest first
 * @parked:	blocks that the search for a victim has met while they could not
 *		be evicted because of their children, or of compaction. They are
 *		older than the blocks of @list and return to it when the reason
 *		has gone
 * @hand:	next entry of @list for SIEVE; NULL is the oldest
 * @check:	next entry of @list or @parked for a sweep
 * @nr:		blocks in both lists; read without the lock
 * @pages:	their pages; read without the lock
 */
struct kvpool_policy_queue {
	struct list_head list;
	struct list_head parked;
	struct list_head *hand;
	struct list_head *check;
	unsigned long nr;
	unsigned long pages;
};

/* Kinds of queues, in the order in which blocks are evicted. */
enum {
	KVPOOL_QUEUE_ORPHAN,
	KVPOOL_QUEUE_NORMAL,
	KVPOOL_QUEUE_SOFT,
	KVPOOL_NR_QUEUES
};

/**
 * struct kvpool_policy_node - queues of one NUMA node
 * @queues:	by kind
 */
struct kvpool_policy_node {
	struct kvpool_policy_queue queues[KVPOOL_NR_QUEUES];
};

/**
 * struct kvpool_policy_ops - an order of eviction
 * @name:	as the knob shows it
 * @lockless_touch: @touch only sets the block's visited, which
 *		kvpool_policy_touch() then does without the lock
 * @touch:	a lease on the block has ended
 * @victim:	return the next block to evict, frozen (its last reference
 *		dropped) and still in the queue. Blocks that are in use are
 *		skipped, blocks that kvpool_policy_blocked() names are parked.
 *		*@budget limits the blocks that are looked at, and is counted
 *		down. NULL with a budget left over means that no block can be
 *		evicted.
 * @next:	return the block that @victim looks at next, or NULL
 * @unpark:	put a parked block back; @child is the block whose end allows
 *		that, still in its place, or NULL
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
				       unsigned long *budget);
	struct kvpool_block *(*next)(struct kvpool_policy_queue *q);
	void (*unpark)(struct kvpool_policy_queue *q,
		       struct kvpool_block *block,
		       struct kvpool_block *child);
};

/**
 * struct kvpool_sweep - search for the descendants of blocks that have ended
 * @due:	a block with children has ended; read without the lock
 * @active:	a sweep is under way; read without the lock
 * @nr:		number of the sweep, never zero
 * @phase:	the list that it looks at
 * @from:	the block whose status is asked, or NULL between blocks
 * @at:		the ancestor of @from that the walk has come to
 * @known:	the status is known: the walk marks from @from upwards
 * @orphan:	the status
 */
struct kvpool_sweep {
	bool due;
	bool active;
	u8 nr;
	unsigned int phase;
	struct kvpool_block *from;
	struct kvpool_block *at;
	bool known;
	bool orphan;
};

/**
 * struct kvpool_policy - order in which the blocks of a tenant are evicted
 * @lock:	protects the rest, and links between blocks
 * @ops:	the order; read without the lock
 * @nodes:	queues by node
 * @nr_nodes:	length of @nodes; constant
 * @turn:	node that is preferred among nodes with blocks of the same age
 * @sweep:	search for orphans
 */
struct kvpool_policy {
	spinlock_t lock;	/* protects the rest */
	const struct kvpool_policy_ops *ops;
	struct kvpool_policy_node *nodes;
	unsigned int nr_nodes;
	unsigned int turn;
	struct kvpool_sweep sweep;
};

/* A block leaves its place: advance what points there to the next younger. */
static inline void kvpool_policy_pass(struct kvpool_policy_queue *q,
				      const struct kvpool_block *block)
{
	if (q->hand == &block->lru)
		q->hand = block->lru.prev == &q->list ? NULL : block->lru.prev;
	if (q->check == &block->lru)
		q->check = block->lru.prev;
}

/* May the block not be evicted, however old it is? */
static inline bool kvpool_policy_blocked(const struct kvpool_block *block)
{
	return block->children || block->moving;
}

/* Is the block in a queue? */
static inline bool kvpool_policy_queued(const struct kvpool_block *block)
{
	return !list_empty(&block->lru);
}

/* Take a blocked block out of the list. */
static inline void kvpool_policy_park(struct kvpool_policy_queue *q,
				      struct kvpool_block *block)
{
	kvpool_policy_pass(q, block);
	block->parked = 1;
	list_move(&block->lru, &q->parked);
}

extern const struct kvpool_policy_ops * const kvpool_policies[];

const struct kvpool_policy_ops *kvpool_policy_find(const char *name);
void kvpool_policy_init(struct kvpool_policy *policy,
			const struct kvpool_policy_ops *ops,
			struct kvpool_policy_node *nodes,
			unsigned int nr_nodes);
void kvpool_policy_switch(struct kvpool_policy *policy,
			  const struct kvpool_policy_ops *ops);
struct kvpool_policy_queue *
kvpool_policy_queue(struct kvpool_policy *policy,
		    const struct kvpool_block *block);
unsigned long kvpool_policy_nr(const struct kvpool_policy *policy,
			       int node, unsigned int kind);
unsigned long kvpool_policy_pages(const struct kvpool_policy *policy,
				  int node);
void kvpool_policy_insert(struct kvpool_policy *policy,
			  struct kvpool_block *block);
void kvpool_policy_remove(struct kvpool_policy *policy,
			  struct kvpool_block *block);
void kvpool_policy_release(struct kvpool_policy *policy,
			   struct kvpool_block *block,
			   struct kvpool_block *child);
void kvpool_policy_set_orphan(struct kvpool_policy *policy,
			      struct kvpool_block *block, bool orphan);
void kvpool_policy_set_node(struct kvpool_policy *policy,
			    struct kvpool_block *block, int node);
void kvpool_policy_touch(struct kvpool_policy *policy,
			 struct kvpool_block **blocks, unsigned int nr);
struct kvpool_block *kvpool_policy_victim(struct kvpool_policy *policy,
					  int node, unsigned int kind,
					  unsigned long *budget);

#endif /* _KVPOOL_POLICY_H */
