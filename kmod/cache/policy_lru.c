// SPDX-License-Identifier: GPL-2.0
/*
 * Least recently used: a block is as young as the end of its latest lease.
 *
 * kvpool_policy_touch() goes through a prefix from its tail to its head, so
 * each block is older than the blocks that it depends on and is evicted before
 * them.
 */
#include <linux/limits.h>

#include "cache/policy.h"
#include "cache/policy_lru.h"

static void kvpool_lru_touch(struct kvpool_policy_queue *q,
			     struct kvpool_block *block)
{
	kvpool_policy_pass(q, block);
	list_move(&block->lru, &q->list);
}

/* Search for a block that @want accepts; the other blocks keep their places. */
static struct kvpool_block *kvpool_lru_search(struct kvpool_policy_queue *q,
					      unsigned long *budget,
					      const struct kvpool_policy_want *want)
{
	struct kvpool_block *block;
	struct list_head *pos;

	/* This search may accept blocks that an earlier search has passed. */
	if (q->tag != want->tag)
		q->hand = NULL;
	q->tag = want->tag;
	pos = q->hand ?: q->list.prev;
	while (*budget && !list_empty(&q->list)) {
		if (pos == &q->list)
			pos = pos->prev;
		--*budget;
		block = list_entry(pos, struct kvpool_block, lru);
		if (want->accepts(want, block) && kvpool_block_freeze(block)) {
			/* Removal from the queue advances the hand. */
			q->hand = pos;
			return block;
		}
		pos = pos->prev;
	}
	q->hand = pos == &q->list ? NULL : pos;
	return NULL;
}

static bool kvpool_lru_accepts_any(const struct kvpool_policy_want *want,
				   const struct kvpool_block *block)
{
	return true;
}

static const struct kvpool_policy_want kvpool_lru_any = {
	.accepts = kvpool_lru_accepts_any,
	.tag = INT_MIN,
};

static struct kvpool_block *kvpool_lru_victim(struct kvpool_policy_queue *q,
					      unsigned long *budget,
					      const struct kvpool_policy_want *want)
{
	struct kvpool_block *block;

	if (want)
		return kvpool_lru_search(q, budget, want);
	while (*budget && !list_empty(&q->list)) {
		--*budget;
		block = list_last_entry(&q->list, struct kvpool_block, lru);
		if (kvpool_block_freeze(block))
			return block;
		/* Compaction does not use the block, which keeps its age. */
		if (READ_ONCE(block->moving)) {
			q->hand = NULL;
			return kvpool_lru_search(q, budget, &kvpool_lru_any);
		}
		/* In use: the end of its lease makes the block the youngest. */
		kvpool_lru_touch(q, block);
	}
	return NULL;
}

const struct kvpool_policy_ops kvpool_policy_lru = {
	.name = "lru",
	.touch = kvpool_lru_touch,
	.victim = kvpool_lru_victim,
};
