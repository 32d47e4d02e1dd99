/* SPDX-License-Identifier: GPL-2.0 */
/* Index: from key to block. Builds in user space for the unit tests. */
#ifndef _KVPOOL_INDEX_H
#define _KVPOOL_INDEX_H

#include <linux/rhashtable.h>

#include <linux/kvpool.h>

struct kvpool_block;

int kvpool_index_init(struct rhashtable *index);
struct kvpool_block *kvpool_index_find(struct rhashtable *index,
				       const struct kvpool_key *key);
struct kvpool_block *kvpool_index_insert(struct rhashtable *index,
					 struct kvpool_block *block);
void kvpool_index_remove(struct rhashtable *index, struct kvpool_block *block);
void kvpool_index_replace(struct rhashtable *index, struct kvpool_block *old,
			  struct kvpool_block *block);

#endif /* _KVPOOL_INDEX_H */
