/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A block as the index and the policies see it. Builds in user space for the
 * unit tests, so this header includes only what the shim there offers.
 */
#ifndef _KVPOOL_BLOCK_TYPES_H
#define _KVPOOL_BLOCK_TYPES_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/types.h>

#include <linux/kvpool.h>

#include "mem/place.h"

/**
 * enum kvpool_block_state - Where a block is in its life
 * @KVPOOL_BLOCK_RESERVED:	in the index, being filled by its owner
 * @KVPOOL_BLOCK_SEALED:	in the index and immutable
 * @KVPOOL_BLOCK_PREEMPTED:	out of the index, the owner may still write
 * @KVPOOL_BLOCK_DEAD:		out of the index, leases may last
 */
enum kvpool_block_state {
	KVPOOL_BLOCK_RESERVED,
	KVPOOL_BLOCK_SEALED,
	KVPOOL_BLOCK_PREEMPTED,
	KVPOOL_BLOCK_DEAD,
};

/**
 * struct kvpool_block - an immutable object under a key
 * @node:	entry in the tenant's index
 * @key:	its key
 * @lru:	entry in a queue of the tenant's policy while it is sealed and
 *		not hard-pinned, else empty; protected by the policy's lock
 * @rcu:	frees it after the last reader of the index
 * @refs:	one for the index, one for each lease and for the reservation
 * @state:	enum kvpool_block_state. It leaves "reserved" by cmpxchg(), and
 *		sealed blocks come and go under the policy's lock.
 * @stamp:	jiffies when it was reserved, then when it was quarantined
 * @pin:	0, KVPOOL_PIN_SOFT or KVPOOL_PIN_HARD; policy's lock
 * @visited:	used again since it was queued (SIEVE); racy by intent
 * @waited:	the end of the reservation has to be told to waiters
 * @moving:	compaction holds a reference, which is no use of the block
 * @place:	its length, and where its bytes lie
 */
struct kvpool_block {
	struct rhash_head node;
	struct kvpool_key key;
	union {
		struct list_head lru;
		struct rcu_head rcu;
	};
	refcount_t refs;
	u32 state;
	u32 stamp;
	u8 pin;
	u8 visited;
	u8 waited;
	u8 moving;
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

#endif /* _KVPOOL_BLOCK_TYPES_H */
