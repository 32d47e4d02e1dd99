/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks: immutable objects under keys, from reservation to the last reference.
 *
 * struct kvpool_block builds in user space for the unit tests, so this header
 * includes only headers that their shim provides.
 */
#ifndef _KVPOOL_BLOCK_H
#define _KVPOOL_BLOCK_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/types.h>

#include <linux/kvpool.h>

#include "mem/place.h"

struct kvpool_tenant;

/**
 * enum kvpool_block_state - stage in the life of a block
 * @KVPOOL_BLOCK_RESERVED:	in the index, being filled by its owner
 * @KVPOOL_BLOCK_SEALED:	in the index and immutable
 * @KVPOOL_BLOCK_PREEMPTED:	out of the index, the owner may still write
 * @KVPOOL_BLOCK_DEAD:		out of the index, may still be leased
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
 * @lru:	entry in a queue of the tenant's policy, protected by the
 *		policy's lock, while the block is sealed and not hard-pinned;
 *		entry in a list of victims, or in the quarantine; else empty
 * @rcu:	frees the block after the last reader of the index
 * @refs:	one for the index, one for each lease and for the reservation,
 *		and those that tasks take while they use the block
 * @state:	enum kvpool_block_state. It leaves KVPOOL_BLOCK_RESERVED by
 *		cmpxchg(); it enters and leaves KVPOOL_BLOCK_SEALED under the
 *		policy's lock.
 * @stamp:	jiffies when the block was reserved, then when it was
 *		quarantined
 * @pin:	0, KVPOOL_PIN_SOFT or KVPOOL_PIN_HARD; protected by the policy's
 *		lock
 * @visited:	the block was used since it was queued (SIEVE); racy by intent
 * @waited:	the end of the reservation has to wake waiters
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

/* Drop the last reference, so that lookups fail; false if not the last. */
static inline bool kvpool_block_freeze(struct kvpool_block *block)
{
	return refcount_dec_if_one(&block->refs);
}

int kvpool_blocks_init(void);
void kvpool_blocks_exit(void);
struct kvpool_block *kvpool_block_alloc(const struct kvpool_key *key,
					u32 length);
int kvpool_block_begin(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key, u32 length,
		       struct kvpool_block **out);
void kvpool_block_refuse(struct kvpool_tenant *tenant,
			 struct kvpool_block *block, int why);
void kvpool_block_seal(struct kvpool_tenant *tenant,
		       struct kvpool_block **blocks, const u32 *pins,
		       int *status, unsigned int nr);
void kvpool_block_abort(struct kvpool_tenant *tenant,
			struct kvpool_block *block);
bool kvpool_block_end(struct kvpool_tenant *tenant, struct kvpool_block *block);
bool kvpool_block_await(struct kvpool_block *block);
struct kvpool_block *kvpool_block_find(struct kvpool_tenant *tenant,
				       const struct kvpool_key *key,
				       u32 *state);
int kvpool_block_probe(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key, u32 *length);
int kvpool_block_remove(struct kvpool_tenant *tenant,
			const struct kvpool_key *key);
int kvpool_block_pin(struct kvpool_tenant *tenant,
		     const struct kvpool_key *key, u32 pin);
void kvpool_block_move(struct kvpool_tenant *tenant, struct kvpool_block *old,
		       gfp_t gfp);
void kvpool_block_put(struct kvpool_tenant *tenant, struct kvpool_block *block);
void kvpool_block_free(struct kvpool_tenant *tenant,
		       struct kvpool_block *block);
void kvpool_blocks_free(struct kvpool_tenant *tenant, struct list_head *blocks);

#endif /* _KVPOOL_BLOCK_H */
