// SPDX-License-Identifier: GPL-2.0
/*
 * Index: from key to block, one table per tenant.
 *
 * A table of its own means that tenants share neither buckets nor seed, so one
 * cannot learn from timing what another has cached.
 */
#include <linux/jhash.h>

#include "cache/block_types.h"
#include "cache/index.h"

/*
 * Keys are hashes already, but the tenant chooses them: without a seeded hash
 * it could put all of them into one bucket.
 */
static u32 kvpool_index_hash(const void *data, u32 len, u32 seed)
{
	return jhash2(data, KVPOOL_KEY_SIZE / sizeof(u32), seed);
}

static int kvpool_index_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct kvpool_block *block = obj;

	return memcmp(arg->key, &block->key, KVPOOL_KEY_SIZE);
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
 * Return: 0 or -ENOMEM.
 */
int kvpool_index_init(struct rhashtable *index)
{
	return rhashtable_init(index, &kvpool_index_params);
}

/**
 * kvpool_index_find() - Look a key up
 * @index: the index; the caller is in an RCU read-side section
 * @key: the key
 *
 * Return: the block, in whatever state, with no reference taken; or NULL.
 */
struct kvpool_block *kvpool_index_find(struct rhashtable *index,
				       const struct kvpool_key *key)
{
	return rhashtable_lookup(index, key, kvpool_index_params);
}

/**
 * kvpool_index_insert() - Enter a block, unless its key is there
 * @index: the index; the caller is in an RCU read-side section
 * @block: the block
 *
 * Return: NULL when it was entered, the block that has the key already, or an
 * ERR_PTR.
 */
struct kvpool_block *kvpool_index_insert(struct rhashtable *index,
					 struct kvpool_block *block)
{
	return rhashtable_lookup_get_insert_fast(index, &block->node,
						 kvpool_index_params);
}

/**
 * kvpool_index_replace() - Put a block in the place of another
 * @index: the index
 * @old: a block that is in it, and that nobody can remove meanwhile
 * @block: a block with the same key
 */
void kvpool_index_replace(struct rhashtable *index, struct kvpool_block *old,
			  struct kvpool_block *block)
{
	rhashtable_replace_fast(index, &old->node, &block->node,
				kvpool_index_params);
}

/**
 * kvpool_index_remove() - Take a block out
 * @index: the index
 * @block: a block; nothing happens if another has taken it out
 */
void kvpool_index_remove(struct rhashtable *index, struct kvpool_block *block)
{
	rhashtable_remove_fast(index, &block->node, kvpool_index_params);
}
