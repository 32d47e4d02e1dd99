/* SPDX-License-Identifier: GPL-2.0 */
/* Index: from key to block. Builds in user space for the unit tests. */
#ifndef _KVPOOL_INDEX_H
#define _KVPOOL_INDEX_H

#include <linux/rhashtable.h>

#include <linux/kvpool.h>

#include "cache/block_types.h"

#define KVPOOL_KEY_WORDS	(KVPOOL_KEY_SIZE / sizeof(u64))

/* Of the hash, for all tables: two factors for each word, and a summand. */
extern u64 kvpool_index_secret[2 * KVPOOL_KEY_WORDS + 1];

/*
 * Keys are hashes already, but the tenant chooses them: without a secret the
 * tenant could put all of them into one bucket.
 *
 * This is the multilinear hash of Lemire and Kaser ("Strongly universal string
 * hashing is fast"), on the eight halves x of the words with a random secret m:
 * the upper half of m8 + sum (m0 + x0) * (m1 + x1) + ..., modulo 2^64. It is
 * strongly universal. Let keys differ in x0 and fix all but m1 and m8: the
 * difference of their sums contains m1 * (x0 - y0) with x0 - y0 odd but for a
 * power of two below 2^32, so its upper 32 bits are uniform whatever the rest
 * is, and m8 makes the hash of one of them uniform on its own. So whoever does
 * not know the secret finds two keys that share any n bits of the hash with a
 * probability of 2^-n, and no choice of keys is worse than random ones. The
 * table's seed changes factors and not only the sum: when a chain has become
 * too long, rhashtable draws a new seed, after which keys that collided do not.
 */
static __always_inline u64 kvpool_index_term(const u64 *m, u64 spread, u64 word)
{
	return (m[0] + spread + (u32)word) * (m[1] + (word >> 32));
}

static __always_inline u32 kvpool_index_hash(const void *data, u32 len, u32 seed)
{
	const u64 *m = kvpool_index_secret, *words = data;
	/* Odd: the seeds map to as many summands. */
	u64 spread = seed * 0x9e3779b97f4a7c15ULL;

	return (kvpool_index_term(m, spread, words[0]) +
		kvpool_index_term(m + 2, spread, words[1]) +
		kvpool_index_term(m + 4, spread, words[2]) +
		kvpool_index_term(m + 6, spread, words[3]) + m[8]) >> 32;
}

static __always_inline int
kvpool_index_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct kvpool_block *block = obj;
	const u64 *a = arg->key, *b = block->key.words;

	return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) |
		(a[3] ^ b[3])) != 0;
}

static const struct rhashtable_params kvpool_index_params = {
	.key_len = KVPOOL_KEY_SIZE,
	.key_offset = offsetof(struct kvpool_block, key),
	.head_offset = offsetof(struct kvpool_block, node),
	.hashfn = kvpool_index_hash,
	.obj_cmpfn = kvpool_index_cmp,
	.automatic_shrinking = true,
};

int kvpool_index_init(struct rhashtable *index);
struct kvpool_block *kvpool_index_find(struct rhashtable *index,
				       const struct kvpool_key *key);
struct kvpool_block *kvpool_index_insert(struct rhashtable *index,
					 struct kvpool_block *block);
void kvpool_index_remove(struct rhashtable *index, struct kvpool_block *block);
void kvpool_index_replace(struct rhashtable *index, struct kvpool_block *old,
			  struct kvpool_block *block);

/* kvpool_index_find(), inline. */
static __always_inline struct kvpool_block *
kvpool_index_lookup(struct rhashtable *index, const struct kvpool_key *key)
{
	return rhashtable_lookup(index, key, kvpool_index_params);
}

#endif /* _KVPOOL_INDEX_H */
