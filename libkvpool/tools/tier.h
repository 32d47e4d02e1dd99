/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_TIER_H
#define KVPOOLCTL_TIER_H

#include "sysfs.h"

/**
 * struct tier - What sysfs says about a tier
 * @name:		Its name.
 * @node:		Its NUMA node.
 * @limit_bytes:	Most memory that the pool may take from it.
 * @allocated_bytes:	What the pool has taken.
 * @used_bytes:		What blocks take of that.
 */
struct tier {
	char name[SYSFS_NAME_MAX];
	uint64_t node;
	uint64_t limit_bytes;
	uint64_t allocated_bytes;
	uint64_t used_bytes;
};

enum code tier_read_all(struct tier **tiers, int *nr);
void tier_show_all(const struct tier *tiers, int nr);
void tier_table(const struct tier *tiers, int nr);

#endif /* KVPOOLCTL_TIER_H */
