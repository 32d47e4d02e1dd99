// SPDX-License-Identifier: GPL-2.0
/* Eviction order of one tenant: queues, and the policy that orders them. */
#include <linux/jiffies.h>
#include <linux/string.h>

#include "cache/policy.h"
#include "cache/policy_lru.h"
#include "cache/policy_sieve.h"

const struct kvpool_policy_ops * const kvpool_policies[] = {
	&kvpool_policy_lru,
	&kvpool_policy_sieve,
	NULL
};

/**
 * kvpool_policy_find() - Find a policy by name
 * @name: name of the policy, which may end with a newline
 *
 * Context: Any.
 * Return: the policy or NULL.
 */
const struct kvpool_policy_ops *kvpool_policy_find(const char *name)
{
	const struct kvpool_policy_ops * const *p;

	for (p = kvpool_policies; *p; p++)
		if (sysfs_streq(name, (*p)->name))
			return *p;
	return NULL;
}

/**
 * kvpool_policy_init() - Make empty queues
 * @policy: the policy of a new tenant
 * @ops: the order
 * @nodes: memory for the queues, which belongs to the caller
 * @nr_nodes: length of @nodes
 */
void kvpool_policy_init(struct kvpool_policy *policy,
			const struct kvpool_policy_ops *ops,
			struct kvpool_policy_node *nodes,
			unsigned int nr_nodes)
{
	struct kvpool_policy_queue *q;
	unsigned int n, i;

	memset(policy, 0, sizeof(*policy));
	memset(nodes, 0, nr_nodes * sizeof(*nodes));
	spin_lock_init(&policy->lock);
	policy->ops = ops;
	policy->nodes = nodes;
	policy->nr_nodes = nr_nodes;
	for (n = 0; n < nr_nodes; n++) {
		for (i = 0; i < KVPOOL_NR_QUEUES; i++) {
			q = &nodes[n].queues[i];
			INIT_LIST_HEAD(&q->list);
			INIT_LIST_HEAD(&q->parked);
		}
	}
}

/**
 * kvpool_policy_switch() - Change the order of the queues
 * @policy: the tenant's policy
 * @ops: the new order; it takes over the queues as they are
 */
void kvpool_policy_switch(struct kvpool_policy *policy,
			  const struct kvpool_policy_ops *ops)
{
	unsigned int n, i;

	spin_lock(&policy->lock);
	/* kvpool_policy_touch() reads it without the lock. */
	WRITE_ONCE(policy->ops, ops);
	for (n = 0; n < policy->nr_nodes; n++)
		for (i = 0; i < KVPOOL_NR_QUEUES; i++)
			policy->nodes[n].queues[i].hand = NULL;
	spin_unlock(&policy->lock);
}

/**
 * kvpool_policy_queue() - Tell the queue of a block
 * @policy: the policy; its lock is held
 * @block: a block with memory
 *
 * Return: the queue that the block is in, or would be in.
 */
struct kvpool_policy_queue *
kvpool_policy_queue(struct kvpool_policy *policy,
		    const struct kvpool_block *block)
{
	unsigned int kind = KVPOOL_QUEUE_NORMAL;

	if (block->pin & KVPOOL_PIN_SOFT)
		kind = KVPOOL_QUEUE_SOFT;
	else if (block->orphan)
		kind = KVPOOL_QUEUE_ORPHAN;
	return &policy->nodes[block->place.node].queues[kind];
}

/**
 * kvpool_policy_nr() - Count queued blocks
 * @policy: the policy
 * @node: NUMA node of the blocks, or KVPOOL_POLICY_ANY
 * @kind: KVPOOL_QUEUE_*
 *
 * Context: Any, with or without the policy's lock.
 * Return: blocks; the number may change at any time.
 */
unsigned long kvpool_policy_nr(const struct kvpool_policy *policy,
			       int node, unsigned int kind)
{
	unsigned long sum = 0;
	unsigned int n;

	if (node != KVPOOL_POLICY_ANY)
		return READ_ONCE(policy->nodes[node].queues[kind].nr);
	for (n = 0; n < policy->nr_nodes; n++)
		sum += READ_ONCE(policy->nodes[n].queues[kind].nr);
	return sum;
}

/**
 * kvpool_policy_pages() - Count the pages of blocks that are not hard-pinned
 * @policy: the policy
 * @node: NUMA node of the pages, or KVPOOL_POLICY_ANY
 *
 * Context: Any, with or without the policy's lock.
 * Return: pages; the number may change at any time.
 */
unsigned long kvpool_policy_pages(const struct kvpool_policy *policy, int node)
{
	unsigned long sum = 0;
	unsigned int n, i;

	for (n = 0; n < policy->nr_nodes; n++) {
		if (node != KVPOOL_POLICY_ANY && node != n)
			continue;
		for (i = 0; i < KVPOOL_NR_QUEUES; i++)
			sum += READ_ONCE(policy->nodes[n].queues[i].pages);
	}
	return sum;
}

static void kvpool_policy_count(struct kvpool_policy_queue *q,
				const struct kvpool_block *block, bool enters)
{
	unsigned long pages = kvpool_block_pages(block);

	WRITE_ONCE(q->nr, enters ? q->nr + 1 : q->nr - 1);
	WRITE_ONCE(q->pages, enters ? q->pages + pages : q->pages - pages);
}

/**
 * kvpool_policy_insert() - Queue a block as the youngest
 * @policy: the policy; its lock is held
 * @block: a sealed block that is in no queue and not hard-pinned
 */
void kvpool_policy_insert(struct kvpool_policy *policy,
			  struct kvpool_block *block)
{
	const struct kvpool_block *parent = block->parent;
	struct kvpool_policy_queue *q;

	/* Its ancestors may have ended while it was in no queue. */
	if (parent && (!kvpool_block_alive(parent) || parent->orphan))
		block->orphan = 1;
	q = kvpool_policy_queue(policy, block);
	WRITE_ONCE(block->visited, 0);
	block->stamp = jiffies;
	list_add(&block->lru, &q->list);
	kvpool_policy_count(q, block, true);
}

/**
 * kvpool_policy_remove() - Remove a block from its queue
 * @policy: the policy; its lock is held
 * @block: the block; nothing happens if it is in no queue
 */
void kvpool_policy_remove(struct kvpool_policy *policy,
			  struct kvpool_block *block)
{
	struct kvpool_policy_queue *q = kvpool_policy_queue(policy, block);

	if (!kvpool_policy_queued(block))
		return;
	kvpool_policy_pass(q, block);
	block->parked = 0;
	list_del_init(&block->lru);
	kvpool_policy_count(q, block, false);
}

/**
 * kvpool_policy_release() - Let a block be evicted that could not be before
 * @policy: the policy; its lock is held
 * @block: a block, queued or not, which kvpool_policy_blocked() does not name
 *	   any more
 * @child: the block whose end is the reason, still in its place; or NULL
 */
void kvpool_policy_release(struct kvpool_policy *policy,
			   struct kvpool_block *block,
			   struct kvpool_block *child)
{
	struct kvpool_policy_queue *q;
	bool younger;

	if (!kvpool_policy_queued(block))
		return;
	q = kvpool_policy_queue(policy, block);
	if (child && !kvpool_policy_queued(child))
		child = NULL;
	/* An access to the child was one to this block. */
	younger = child && (s32)(child->stamp - block->stamp) > 0;
	if (!block->parked && !younger)
		return;
	if (child && (child->parked ||
		      kvpool_policy_queue(policy, child) != q)) {
		/* Its place says nothing about this queue, only its age. */
		if (!block->parked)
			return;
		if (younger)
			block->stamp = child->stamp;
		child = NULL;
	}
	policy->ops->unpark(q, block, child);
}

/**
 * kvpool_policy_set_orphan() - Change whether a block is an orphan
 * @policy: the policy; its lock is held
 * @block: the block; becomes the youngest of its new queue if it has to go to
 *	   another one
 * @orphan: whether it is one
 */
void kvpool_policy_set_orphan(struct kvpool_policy *policy,
			      struct kvpool_block *block, bool orphan)
{
	struct kvpool_policy_queue *q;
	bool parked = block->parked;

	if (block->orphan == orphan)
		return;
	/* A soft pin is stronger. */
	if (!kvpool_policy_queued(block) || block->pin & KVPOOL_PIN_SOFT) {
		block->orphan = orphan;
		return;
	}
	kvpool_policy_remove(policy, block);
	block->orphan = orphan;
	q = kvpool_policy_queue(policy, block);
	block->parked = parked;
	list_add(&block->lru, parked ? &q->parked : &q->list);
	kvpool_policy_count(q, block, true);
}

/* Look at no more blocks for the place of a block that comes from a node. */
#define KVPOOL_POLICY_NEAR	64

/**
 * kvpool_policy_set_node() - Requeue a block whose memory has another node now
 * @policy: the policy; its lock is held
 * @block: the block; place.node is still that of the old memory
 * @node: the new node
 *
 * The block keeps its age as far as few blocks of the new node are older.
 */
void kvpool_policy_set_node(struct kvpool_policy *policy,
			    struct kvpool_block *block, int node)
{
	unsigned int near = KVPOOL_POLICY_NEAR;
	struct kvpool_policy_queue *q;
	bool parked = block->parked;
	struct list_head *pos;

	if (!kvpool_policy_queued(block)) {
		block->place.node = node;
		return;
	}
	kvpool_policy_remove(policy, block);
	block->place.node = node;
	q = kvpool_policy_queue(policy, block);
	block->parked = parked;
	pos = q->list.prev;
	while (near-- && pos != &q->list &&
	       (s32)(list_entry(pos, struct kvpool_block, lru)->stamp -
		     block->stamp) < 0)
		pos = pos->prev;
	list_add(&block->lru, parked ? &q->parked : pos);
	kvpool_policy_count(q, block, true);
}

/**
 * kvpool_policy_touch() - Record that leases on blocks have ended
 * @policy: the policy
 * @blocks: blocks in the order of their prefix, to each of which the caller has
 *	    a reference; the first block becomes the youngest. NULL entries are
 *	    skipped.
 * @nr: number of entries
 *
 * Context: Any, without the policy's lock.
 */
void kvpool_policy_touch(struct kvpool_policy *policy,
			 struct kvpool_block **blocks, unsigned int nr)
{
	struct kvpool_block *block;

	if (READ_ONCE(policy->ops)->lockless_touch) {
		while (nr--)
			if (blocks[nr])
				WRITE_ONCE(blocks[nr]->visited, 1);
		return;
	}

	spin_lock(&policy->lock);
	while (nr--) {
		block = blocks[nr];
		if (block && kvpool_policy_queued(block))
			policy->ops->touch(kvpool_policy_queue(policy, block),
					   block);
	}
	spin_unlock(&policy->lock);
}

/* The node whose next block is the oldest, or -1. */
static int kvpool_policy_oldest(struct kvpool_policy *policy,
				unsigned int kind)
{
	struct kvpool_block *block;
	unsigned int i, n;
	int best = -1;
	u32 stamp = 0;

	for (i = 0; i < policy->nr_nodes; i++) {
		n = (policy->turn + i) % policy->nr_nodes;
		block = policy->ops->next(&policy->nodes[n].queues[kind]);
		if (!block || (best >= 0 && (s32)(block->stamp - stamp) >= 0))
			continue;
		best = n;
		stamp = block->stamp;
	}
	return best;
}

/**
 * kvpool_policy_victim() - Choose the block to evict next
 * @policy: the policy; its lock is held
 * @node: NUMA node of the block, or KVPOOL_POLICY_ANY for the oldest of all
 * @kind: KVPOOL_QUEUE_*
 * @budget: in: most blocks to look at; out: the rest of it
 *
 * Return: a frozen block that is still in its queue, which the caller ends with
 * kvpool_chain_end(); or NULL.
 */
struct kvpool_block *kvpool_policy_victim(struct kvpool_policy *policy,
					  int node, unsigned int kind,
					  unsigned long *budget)
{
	struct kvpool_block *block = NULL;
	unsigned long one;

	if (node == KVPOOL_POLICY_ANY && policy->nr_nodes == 1)
		node = 0;
	if (node != KVPOOL_POLICY_ANY)
		return policy->ops->victim(&policy->nodes[node].queues[kind],
					   budget);
	while (!block && *budget) {
		node = kvpool_policy_oldest(policy, kind);
		if (node < 0)
			break;
		policy->turn = (node + 1) % policy->nr_nodes;
		one = 1;
		--*budget;
		block = policy->ops->victim(&policy->nodes[node].queues[kind],
					    &one);
	}
	return block;
}
