/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_RESERVE_H
#define _KVPOOL_RESERVE_H

#include <linux/types.h>

#include <linux/kvpool.h>

struct kvpool_block;
struct kvpool_space;
struct kvpool_tenant;

/**
 * struct kvpool_shortage - space that a call did not find
 * @length:	bytes of the shortest block that got no space, or U32_MAX
 * @why:	the negative errno that this block got
 *
 * Initialise with KVPOOL_NO_SHORTAGE. Once a block did not fit, blocks of the
 * same call that are at least as long fail without a try.
 */
struct kvpool_shortage {
	u32 length;
	int why;
};

#define KVPOOL_NO_SHORTAGE	{ .length = U32_MAX }

/**
 * struct kvpool_chain - how a block continues a chain
 * @parent:	the key of the block before it, unless @position is zero
 * @position:	its position in the chain; the head has zero
 */
struct kvpool_chain {
	struct kvpool_key parent;
	u32 position;
};

u32 kvpool_reserve_many(struct kvpool_tenant *tenant,
			struct kvpool_entry *entries,
			struct kvpool_block **blocks, u32 nr,
			const struct kvpool_chain *chain,
			struct kvpool_space *space);
void kvpool_reserve_link(struct kvpool_tenant *tenant,
			 const struct kvpool_key *key,
			 const struct kvpool_chain *chain);
void kvpool_reserve_link_block(struct kvpool_tenant *tenant,
			       struct kvpool_block *block,
			       const struct kvpool_chain *chain);
int kvpool_reserve_place(struct kvpool_tenant *tenant,
			 struct kvpool_block *block,
			 const struct kvpool_space *space,
			 struct kvpool_shortage *shortage);
int kvpool_reserve_quota(struct kvpool_tenant *tenant, u32 pages);
void kvpool_reserve_pushed(struct kvpool_tenant *tenant,
			   const struct kvpool_block *block);
int kvpool_reserve_extend(struct kvpool_tenant *tenant,
			  struct kvpool_block *block, u32 pages,
			  struct kvpool_space *space);
int kvpool_reserve_space(struct kvpool_tenant *tenant,
			 struct kvpool_block *block,
			 const struct kvpool_space *space,
			 struct kvpool_shortage *shortage);

#endif /* _KVPOOL_RESERVE_H */
