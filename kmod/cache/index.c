// SPDX-License-Identifier: GPL-2.0
/*
 * Index: from key to block, one table per tenant.
 *
 * Tenants share neither buckets nor seed, so a tenant cannot learn from timing
 * which keys another tenant has cached.
 */
#include <linux/once.h>
#include <linux/random.h>

#include "cache/block_types.h"
#include "cache/index.h"

#define KVPOOL_KEY_WORDS	(KVPOOL_KEY_SIZE / sizeof(u64))

/* Of the hash, for all tables: two factors for each word, and a summand. */
static u64 kvpool_index_secret[2 * KVPOOL_KEY_WORDS + 1];

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
static __always_inline u32 kvpool_index_hash(const void *data, u32 len, u32 seed)
{
	const u64 *m = kvpool_index_secret, *words = data;
	u64 sum = m[2 * KVPOOL_KEY_WORDS];
	/* Odd: the seeds map to as many summands. */
	u64 spread = seed * 0x9e3779b97f4a7c15ULL;

#define KVPOOL_HASH_WORD(i)						\
	sum += (m[2 * (i)] + spread + (u32)words[i]) *			\
	       (m[2 * (i) + 1] + (words[i] >> 32))

	KVPOOL_HASH_WORD(0);
	KVPOOL_HASH_WORD(1);
	KVPOOL_HASH_WORD(2);
	KVPOOL_HASH_WORD(3);
#undef KVPOOL_HASH_WORD
	return sum >> 32;
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

/**
 * kvpool_index_init() - Make an empty index
 * @index: the index; end it with rhashtable_free_and_destroy()
 *
 * Context: May sleep.
 * Return: 0 or -ENOMEM.
 */
int kvpool_index_init(struct rhashtable *index)
{
	get_random_once(kvpool_index_secret, sizeof(kvpool_index_secret));
	return rhashtable_init(index, &kvpool_index_params);
}

/**
 * kvpool_index_find() - Look a key up
 * @index: the index
 * @key: the key
 *
 * Context: RCU read-side section.
 * Return: the block, in any state and without a reference, or NULL.
 */
struct kvpool_block *kvpool_index_find(struct rhashtable *index,
				       const struct kvpool_key *key)
{
	return rhashtable_lookup(index, key, kvpool_index_params);
}

/**
 * kvpool_index_insert() - Enter a block, unless the index has its key
 * @index: the index
 * @block: the block; on success the index has taken over a reference of the
 *	   caller
 *
 * Context: RCU read-side section.
 * Return: NULL if @block was entered, the block that has the key, or an
 * ERR_PTR.
 */
struct kvpool_block *kvpool_index_insert(struct rhashtable *index,
					 struct kvpool_block *block)
{
	return rhashtable_lookup_get_insert_fast(index, &block->node,
						 kvpool_index_params);
}

/**
 * kvpool_index_replace() - Replace a block by a block with the same key
 * @index: the index
 * @old: a block in the index, which no other task can remove concurrently; the
 *	 index's reference to it goes over to the caller
 * @block: the new block; the index takes over a reference of the caller
 *
 * Context: Any.
 */
void kvpool_index_replace(struct rhashtable *index, struct kvpool_block *old,
			  struct kvpool_block *block)
{
	rhashtable_replace_fast(index, &old->node, &block->node,
				kvpool_index_params);
}

/**
 * kvpool_index_remove() - Remove a block
 * @index: the index
 * @block: the block; nothing happens if it is not in the index any more. The
 *	   caller drops the index's reference.
 *
 * Context: Any.
 */
void kvpool_index_remove(struct rhashtable *index, struct kvpool_block *block)
{
	rhashtable_remove_fast(index, &block->node, kvpool_index_params);
}
