/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A block as the index and the policies see it. Builds in user space for the
 * unit tests, so this header includes only what the shim there offers.
 */
#ifndef _KVPOOL_BLOCK_TYPES_H
#define _KVPOOL_BLOCK_TYPES_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/types.h>

#include <linux/kvpool.h>

#include "mem/place.h"

/* Limits of the members below; what lies beyond makes no link. */
#define KVPOOL_DEPTH_MAX	((u32)BIT(24) - 1)
#define KVPOOL_CHILDREN_MAX	((u32)BIT(24) - 4)	/* a sweep counts too */

/* More references are refused, long before the counter saturates. */
#define KVPOOL_BLOCK_REFS_MAX	BIT(30)

/**
 * enum kvpool_block_state - Where a block is in its life
 * @KVPOOL_BLOCK_RESERVED:	in the index, being filled by its owner
 * @KVPOOL_BLOCK_SEALED:	in the index and immutable
 * @KVPOOL_BLOCK_PREEMPTED:	out of the index, the owner may still write
 * @KVPOOL_BLOCK_DEAD:		out of the index, leases may last
 * @KVPOOL_BLOCK_BURIED:	without references and memory; children still
 *				point to it
 */
enum kvpool_block_state {
	KVPOOL_BLOCK_RESERVED,
	KVPOOL_BLOCK_SEALED,
	KVPOOL_BLOCK_PREEMPTED,
	KVPOOL_BLOCK_DEAD,
	KVPOOL_BLOCK_BURIED,
};

/**
 * struct kvpool_block - an immutable object under a key
 * @node:	entry in the tenant's index
 * @key:	its key
 * @lru:	entry in a queue of the tenant's policy while it is sealed and
 *		not hard-pinned, else empty; protected by the policy's lock
 * @rcu:	frees it after the last reader of the index
 * @parent:	the block before it in its chain, or NULL; its depth is one
 *		less. The parent may be dead. Policy's lock
 * @refs:	one for the index, one for each lease and for the reservation
 * @children:	blocks whose @parent it is, and the ends of a sweep's walk;
 *		policy's lock
 * @swept:	number of the sweep that has last looked at it; policy's lock
 * @depth:	its position in its chain, from 1; zero while no chain is
 *		known. Set once, under the policy's lock
 * @epoch:	last bits of the tenant's epoch when it was reserved
 * @serial:	tells it apart from other blocks of the key; never zero
 * @stamp:	jiffies: when it was reserved, then its age while it is queued,
 *		then when it was quarantined
 * @state:	enum kvpool_block_state. It leaves "reserved" by cmpxchg(), and
 *		blocks are sealed and end under the policy's lock.
 * @pin:	0, KVPOOL_PIN_SOFT or KVPOOL_PIN_HARD
 * @moving:	compaction holds a reference, which is no use of the block
 * @strict:	it was reserved with KVPOOL_RESERVE_STRICT_NODE: it stays on its
 *		node
 * @orphan:	it names a parent that is not resident, or descends from such a
 *		block
 * @parked:	@lru is in the list of parked blocks of its queue
 * @pushed:	a peer has pushed it: its memory counts against the push quota
 * @fetched:	the reservation is that of a fetch from a peer: other hosts do not
 *		wait for it, since it may wait for one of theirs
 * @visited:	used again since it was queued (SIEVE); racy by intent
 * @waited:	the end of the reservation has to be told to waiters
 * @place:	its length, and where its bytes lie
 *
 * @pin, @moving, @strict, @orphan, @parked, @pushed and @fetched share a byte, so
 * all of them are changed under the policy's lock only, or before other tasks can
 * reach the block.
 */
struct kvpool_block {
	struct rhash_head node;
	struct kvpool_key key;
	union {
		struct list_head lru;
		struct rcu_head rcu;
	};
	struct kvpool_block *parent;
	refcount_t refs;
	u32 children:24;
	u32 swept:8;
	u32 depth:24;
	u32 epoch:8;
	u32 serial;
	u32 stamp;
	u8 state;
	u8 pin:2;
	u8 moving:1;
	u8 strict:1;
	u8 orphan:1;
	u8 parked:1;
	u8 pushed:1;
	u8 fetched:1;
	u8 visited;
	u8 waited;
	struct kvpool_place place;
};

static inline u32 kvpool_block_length(const struct kvpool_block *block)
{
	return block->place.length;
}

static inline u32 kvpool_block_pages(const struct kvpool_block *block)
{
	return kvpool_place_pages(&block->place);
}

/* Take the last reference, so that new lookups fail. */
static inline bool kvpool_block_freeze(struct kvpool_block *block)
{
	return refcount_dec_if_one(&block->refs);
}

/*
 * Take a reference of a block that is in the index. Tasks that pass the bound
 * at the same time exceed it by their number, which is far from saturation.
 */
static inline bool kvpool_block_tryget(struct kvpool_block *block)
{
	int refs = refcount_read(&block->refs);

	/* As refcount_inc_not_zero(), with the bound instead of saturation. */
	do {
		if (unlikely((u32)refs - 1 >= KVPOOL_BLOCK_REFS_MAX - 1))
			return false;
	} while (!atomic_try_cmpxchg_relaxed(&block->refs.refs, &refs,
					     refs + 1));
	return true;
}

/* Do lookups find the block? Stable under the policy's lock. */
static inline bool kvpool_block_alive(const struct kvpool_block *block)
{
	return READ_ONCE(block->state) <= KVPOOL_BLOCK_SEALED;
}

#endif /* _KVPOOL_BLOCK_TYPES_H */
