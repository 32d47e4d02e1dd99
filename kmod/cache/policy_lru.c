// SPDX-License-Identifier: GPL-2.0
/*
 * Least recently used: a block is as young as the end of its latest lease.
 *
 * kvpool_policy_touch() goes through a prefix from its tail to its head, so the
 * tail is always older than what it depends on and is evicted before it.
 */
#include "core.h"

static void kvpool_lru_touch(struct kvpool_policy_queue *q,
			     struct kvpool_block *block)
{
	list_move(&block->lru, &q->list);
}

static struct kvpool_block *kvpool_lru_victim(struct kvpool_policy_queue *q,
					      unsigned long *budget)
{
	struct kvpool_block *block;

	while (*budget && !list_empty(&q->list)) {
		--*budget;
		block = list_last_entry(&q->list, struct kvpool_block, lru);
		if (kvpool_block_freeze(block))
			return block;
		/* In use: the end of its lease will make it the youngest. */
		list_move(&block->lru, &q->list);
	}
	return NULL;
}

const struct kvpool_policy_ops kvpool_policy_lru = {
	.name = "lru",
	.touch = kvpool_lru_touch,
	.victim = kvpool_lru_victim,
};
