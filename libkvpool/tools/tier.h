/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_TIER_H
#define KVPOOLCTL_TIER_H

#include "sysfs.h"

/**
 * struct tier - A tier, as sysfs has it
 * @name:		Its name.
 * @node:		Its NUMA node.
 * @limit_bytes:	Most memory that the pool may take from the tier.
 * @allocated_bytes:	Memory that the pool has taken.
 * @used_bytes:		Memory of @allocated_bytes that belongs to blocks.
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
