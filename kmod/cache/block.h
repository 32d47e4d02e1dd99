/* SPDX-License-Identifier: GPL-2.0 */
/* Blocks: from reservation to seal to the last reference. */
#ifndef _KVPOOL_BLOCK_H
#define _KVPOOL_BLOCK_H

#include <linux/types.h>

#include "cache/block_types.h"

struct kvpool_tenant;

int kvpool_blocks_init(void);
void kvpool_blocks_exit(void);
struct kvpool_block *kvpool_block_new(struct kvpool_tenant *tenant,
				      const struct kvpool_key *key, u32 length,
				      enum kvpool_block_state state, gfp_t gfp);
void kvpool_block_delete(struct kvpool_tenant *tenant,
			 struct kvpool_block *block);
struct kvpool_block *kvpool_block_alloc(struct kvpool_tenant *tenant,
					const struct kvpool_key *key,
					u32 length);
int kvpool_block_enlist(struct kvpool_tenant *tenant,
			struct kvpool_block *block);
unsigned long kvpool_block_patience(const struct kvpool_block *block);
bool kvpool_block_stuck(const struct kvpool_block *block);
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
struct kvpool_block *kvpool_block_find_rcu(struct kvpool_tenant *tenant,
					   const struct kvpool_key *key,
					   u32 *state);
void kvpool_block_outdate(struct kvpool_tenant *tenant,
			  const struct kvpool_key *key);
struct kvpool_block *kvpool_block_find(struct kvpool_tenant *tenant,
				       const struct kvpool_key *key,
				       u32 *state);
int kvpool_block_probe(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key, u32 *length);
u32 kvpool_block_chain(struct kvpool_tenant *tenant, struct kvpool_block *block,
		       struct kvpool_key *parent);
int kvpool_block_remove(struct kvpool_tenant *tenant,
			const struct kvpool_key *key);
int kvpool_block_pin(struct kvpool_tenant *tenant,
		     const struct kvpool_key *key, u32 pin);
void kvpool_block_free(struct kvpool_tenant *tenant,
		       struct kvpool_block *block);
void kvpool_block_discard(struct kvpool_tenant *tenant,
			  struct kvpool_block *block);
void kvpool_blocks_free(struct kvpool_tenant *tenant, struct list_head *blocks);

/**
 * kvpool_block_put() - Drop a reference
 * @tenant: the tenant of the block
 * @block: the block, which is freed with its last reference
 *
 * Context: May sleep.
 */
static inline void kvpool_block_put(struct kvpool_tenant *tenant,
				    struct kvpool_block *block)
{
	if (refcount_dec_and_test(&block->refs))
		kvpool_block_free(tenant, block);
}

#endif /* _KVPOOL_BLOCK_H */
