// SPDX-License-Identifier: GPL-2.0
/*
 * SIEVE: a hand goes from the oldest block to the youngest, spares the blocks
 * that were used since it last passed them, and evicts the first block that was
 * not. Blocks do not move when they are used, so the end of a lease takes no
 * lock.
 *
 * Y. Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024, algorithm 1.
 */
#include "cache/policy.h"
#include "cache/policy_sieve.h"

static void kvpool_sieve_touch(struct kvpool_policy_queue *q,
			       struct kvpool_block *block)
{
	WRITE_ONCE(block->visited, 1);
}

static struct kvpool_block *kvpool_sieve_victim(struct kvpool_policy_queue *q,
						unsigned long *budget,
						const struct kvpool_policy_want *want)
{
	struct kvpool_block *block;
	struct list_head *pos = q->hand ?: q->list.prev;

	while (*budget && !list_empty(&q->list)) {
		if (pos == &q->list)
			pos = pos->prev;
		--*budget;
		block = list_entry(pos, struct kvpool_block, lru);
		if (want && !want->accepts(want, block)) {
			/* Not a candidate: its visited stays. */
		} else if (READ_ONCE(block->visited)) {
			WRITE_ONCE(block->visited, 0);
		} else if (kvpool_block_freeze(block)) {
			/* Removal from the queue advances the hand. */
			q->hand = pos;
			return block;
		}
		pos = pos->prev;
	}
	q->hand = pos == &q->list ? NULL : pos;
	return NULL;
}

const struct kvpool_policy_ops kvpool_policy_sieve = {
	.name = "sieve",
	.lockless_touch = true,
	.touch = kvpool_sieve_touch,
	.victim = kvpool_sieve_victim,
};
