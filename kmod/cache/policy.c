// SPDX-License-Identifier: GPL-2.0
/* Eviction order of one tenant: queues, and the policy that works on them. */
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
 * @name: may end with a newline
 *
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
 * @ops: how to order them
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
 * kvpool_policy_switch() - Go on with another policy
 * @policy: the tenant's policy
 * @ops: the new order; it takes the queues as it finds them
 */
void kvpool_policy_switch(struct kvpool_policy *policy,
			  const struct kvpool_policy_ops *ops)
{
	int i;

	spin_lock(&policy->lock);
	/* kvpool_policy_touch() looks at it without the lock. */
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

	/* A lease that began before the block was queued may end now. */
	WRITE_ONCE(block->visited, 0);
	list_add(&block->lru, &q->list);
	WRITE_ONCE(q->nr, q->nr + 1);
	WRITE_ONCE(q->pages, q->pages + kvpool_block_pages(block));
}

/**
 * kvpool_policy_remove() - Take a block out of its queue
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
 * kvpool_policy_replace() - Put a block in the place of another
 * @policy: the policy; its lock is held
 * @old: the block that goes; nothing happens if it is in no queue
 * @block: the one that takes its age and its pin
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
 * kvpool_policy_touch() - Leases on blocks ended
 * @policy: the policy
 * @blocks: the blocks, referenced, in the order of their prefix; the first one
 *	    becomes the youngest. NULLs are passed over.
 * @nr: how many
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
 * @queue: from which queue: soft-pinned blocks are in one of their own
 * @budget: how many blocks to look at, counted down
 * @want: which blocks will do, or NULL for all
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
