// SPDX-License-Identifier: GPL-2.0
/*
 * Least recently used: a block is as young as the end of its latest lease, or
 * of that of a block that continues it.
 *
 * kvpool_policy_touch() goes through a prefix from its tail to its head, so
 * each block is older than the blocks that it depends on and is evicted before
 * them. Where the links of a chain say that an old block has children, it is
 * parked: once its last child has gone, it is as old as that child, and
 * everything in the list is younger.
 */
#include <linux/jiffies.h>

#include "cache/policy.h"
#include "cache/policy_lru.h"

static void kvpool_lru_touch(struct kvpool_policy_queue *q,
			     struct kvpool_block *block)
{
	kvpool_policy_pass(q, block);
	block->parked = 0;
	block->stamp = jiffies;
	list_move(&block->lru, &q->list);
}

static struct kvpool_block *kvpool_lru_next(struct kvpool_policy_queue *q)
{
	if (list_empty(&q->list))
		return NULL;
	return list_last_entry(&q->list, struct kvpool_block, lru);
}

static struct kvpool_block *kvpool_lru_victim(struct kvpool_policy_queue *q,
					      unsigned long *budget)
{
	struct kvpool_block *block;

	while (*budget && !list_empty(&q->list)) {
		--*budget;
		block = list_last_entry(&q->list, struct kvpool_block, lru);
		if (kvpool_policy_blocked(block)) {
			kvpool_policy_park(q, block);
			continue;
		}
		if (kvpool_block_freeze(block))
			return block;
		/* In use: the end of its lease makes the block the youngest. */
		kvpool_lru_touch(q, block);
	}
	return NULL;
}

static void kvpool_lru_unpark(struct kvpool_policy_queue *q,
			      struct kvpool_block *block,
			      struct kvpool_block *child)
{
	kvpool_policy_pass(q, block);
	block->parked = 0;
	if (!child) {
		list_move_tail(&block->lru, &q->list);
		return;
	}
	if ((s32)(child->stamp - block->stamp) > 0)
		block->stamp = child->stamp;
	/* Just younger than the child, which is about to leave. */
	list_move_tail(&block->lru, &child->lru);
}

const struct kvpool_policy_ops kvpool_policy_lru = {
	.name = "lru",
	.touch = kvpool_lru_touch,
	.victim = kvpool_lru_victim,
	.next = kvpool_lru_next,
	.unpark = kvpool_lru_unpark,
};
