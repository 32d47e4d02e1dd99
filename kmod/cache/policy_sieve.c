// SPDX-License-Identifier: GPL-2.0
/*
 * SIEVE: a hand goes from the oldest block to the youngest, spares the blocks
 * that were used since it last passed them, and evicts the first block that was
 * not. Blocks do not move when they are used, so the end of a lease takes no
 * lock. A block with children is parked, and comes back to where the hand is
 * when its last child has gone.
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

static struct kvpool_block *kvpool_sieve_next(struct kvpool_policy_queue *q)
{
	if (list_empty(&q->list))
		return NULL;
	return list_entry(q->hand ?: q->list.prev, struct kvpool_block, lru);
}

static struct kvpool_block *kvpool_sieve_victim(struct kvpool_policy_queue *q,
						unsigned long *budget)
{
	struct kvpool_block *block;
	struct list_head *pos;

	while (*budget && !list_empty(&q->list)) {
		--*budget;
		block = kvpool_sieve_next(q);
		pos = block->lru.prev;
		if (kvpool_policy_blocked(block)) {
			WRITE_ONCE(block->visited, 0);
			kvpool_policy_park(q, block);
		} else if (READ_ONCE(block->visited)) {
			WRITE_ONCE(block->visited, 0);
		} else if (kvpool_block_freeze(block)) {
			/* Removal from the queue advances the hand. */
			q->hand = &block->lru;
			return block;
		}
		q->hand = pos == &q->list ? NULL : pos;
	}
	return NULL;
}

static void kvpool_sieve_unpark(struct kvpool_policy_queue *q,
				struct kvpool_block *block,
				struct kvpool_block *child)
{
	/* Only the hand evicts, and it has not come to this block yet. */
	if (!block->parked)
		return;
	kvpool_policy_pass(q, block);
	block->parked = 0;
	if (q->hand) {
		list_move(&block->lru, q->hand);
		q->hand = &block->lru;
	} else {
		list_move_tail(&block->lru, &q->list);
	}
}

const struct kvpool_policy_ops kvpool_policy_sieve = {
	.name = "sieve",
	.lockless_touch = true,
	.touch = kvpool_sieve_touch,
	.victim = kvpool_sieve_victim,
	.next = kvpool_sieve_next,
	.unpark = kvpool_sieve_unpark,
};
