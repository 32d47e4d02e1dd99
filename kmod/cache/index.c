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

u64 kvpool_index_secret[2 * KVPOOL_KEY_WORDS + 1];

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
	return kvpool_index_lookup(index, key);
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
