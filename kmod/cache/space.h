/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_SPACE_H
#define _KVPOOL_SPACE_H

#include <linux/bits.h>
#include <linux/types.h>

struct kvpool_place;
struct kvpool_tenant;

/* Fail instead of using another node than the named one. */
#define KVPOOL_SPACE_STRICT	BIT(0)

/**
 * struct kvpool_space - where a block should be
 * @node:	NUMA node
 * @flags:	KVPOOL_SPACE_*
 * @ahead:	pages that the same call wants after this block
 */
struct kvpool_space {
	int node;
	unsigned int flags;
	u32 ahead;
};

int kvpool_space_choose(int node, unsigned int flags,
			struct kvpool_space *space);
int kvpool_space_find(struct kvpool_tenant *tenant, struct kvpool_place *place,
		      const struct kvpool_space *space);

#endif /* _KVPOOL_SPACE_H */
