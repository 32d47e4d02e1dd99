// SPDX-License-Identifier: GPL-2.0
/* Eviction order of one tenant: queues, and the policy that orders them. */
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
 */
void kvpool_policy_init(struct kvpool_policy *policy,
			const struct kvpool_policy_ops *ops)
{
	int i;

	memset(policy, 0, sizeof(*policy));
	spin_lock_init(&policy->lock);
	policy->ops = ops;
	for (i = 0; i < KVPOOL_NR_QUEUES; i++)
		INIT_LIST_HEAD(&policy->queues[i].list);
}

/**
 * kvpool_policy_switch() - Change the order of the queues
 * @policy: the tenant's policy
 * @ops: the new order; it takes over the queues as they are
 */
void kvpool_policy_switch(struct kvpool_policy *policy,
			  const struct kvpool_policy_ops *ops)
{
	int i;

	spin_lock(&policy->lock);
	/* kvpool_policy_touch() reads it without the lock. */
	WRITE_ONCE(policy->ops, ops);
	for (i = 0; i < KVPOOL_NR_QUEUES; i++)
		policy->queues[i].hand = NULL;
	spin_unlock(&policy->lock);
}

static struct kvpool_policy_queue *
kvpool_policy_queue(struct kvpool_policy *policy,
		    const struct kvpool_block *block)
{
	return &policy->queues[block->pin & KVPOOL_PIN_SOFT ?
			       KVPOOL_QUEUE_SOFT : KVPOOL_QUEUE_NORMAL];
}

/**
 * kvpool_policy_insert() - Queue a block as the youngest
 * @policy: the policy; its lock is held
 * @block: a sealed block that is in no queue and not hard-pinned
 */
void kvpool_policy_insert(struct kvpool_policy *policy,
			  struct kvpool_block *block)
{
	struct kvpool_policy_queue *q = kvpool_policy_queue(policy, block);

	/* A lease from before the block was queued may end at any time. */
	WRITE_ONCE(block->visited, 0);
	list_add(&block->lru, &q->list);
	WRITE_ONCE(q->nr, q->nr + 1);
	WRITE_ONCE(q->pages, q->pages + kvpool_block_pages(block));
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

	if (list_empty(&block->lru))
		return;
	kvpool_policy_pass(q, block);
	list_del_init(&block->lru);
	WRITE_ONCE(q->nr, q->nr - 1);
	WRITE_ONCE(q->pages, q->pages - kvpool_block_pages(block));
}

/**
 * kvpool_policy_replace() - Replace a block in its queue
 * @policy: the policy; its lock is held
 * @old: the block that leaves its queue, if it is in one
 * @block: the new block; gets the pin and the age of @old
 */
void kvpool_policy_replace(struct kvpool_policy *policy,
			   struct kvpool_block *old, struct kvpool_block *block)
{
	struct kvpool_policy_queue *q = kvpool_policy_queue(policy, old);

	WRITE_ONCE(block->pin, old->pin);
	WRITE_ONCE(block->visited, READ_ONCE(old->visited));
	if (list_empty(&old->lru))
		return;
	list_replace_init(&old->lru, &block->lru);
	if (q->hand == &old->lru)
		q->hand = &block->lru;
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
		if (block && !list_empty(&block->lru))
			policy->ops->touch(kvpool_policy_queue(policy, block),
					   block);
	}
	spin_unlock(&policy->lock);
}

/**
 * kvpool_policy_victim() - Choose the block to evict next
 * @policy: the policy; its lock is held
 * @queue: KVPOOL_QUEUE_NORMAL, or KVPOOL_QUEUE_SOFT for soft-pinned blocks
 * @budget: in: most blocks to look at; out: the rest of it
 * @want: the blocks that are accepted, or NULL for all
 *
 * Return: a frozen block that is in no queue any more, or NULL.
 */
struct kvpool_block *kvpool_policy_victim(struct kvpool_policy *policy,
					  unsigned int queue,
					  unsigned long *budget,
					  const struct kvpool_policy_want *want)
{
	struct kvpool_block *block;

	block = policy->ops->victim(&policy->queues[queue], budget, want);
	if (block)
		kvpool_policy_remove(policy, block);
	return block;
}
