/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_SPACE_H
#define _KVPOOL_SPACE_H

#include <linux/bits.h>
#include <linux/types.h>

struct kvpool_place;
struct kvpool_tenant;

/* Fail instead of using another node than the named one. */
#define KVPOOL_SPACE_STRICT	BIT(0)
/* Use only what is free: nothing is evicted for the block, now or later. */
#define KVPOOL_SPACE_FREE	BIT(1)

/**
 * struct kvpool_space - where a block should be
 * @node:	NUMA node
 * @flags:	KVPOOL_SPACE_*
 * @ahead:	pages that the same call wants after this block
 * @whole:	pages of the block of which this is the head, which the node has to
 *		be able to hold; or zero
 */
struct kvpool_space {
	int node;
	unsigned int flags;
	u32 ahead;
	u32 whole;
};

int kvpool_space_choose(int node, unsigned int flags,
			struct kvpool_space *space);
int kvpool_space_allowed(struct kvpool_tenant *tenant, u32 pages,
			 const struct kvpool_space *space);
int kvpool_space_find(struct kvpool_tenant *tenant, struct kvpool_place *place,
		      const struct kvpool_space *space);

#endif /* _KVPOOL_SPACE_H */
