/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_SYSFS_TIER_H
#define _KVPOOL_SYSFS_TIER_H

struct attribute_group;

extern const struct attribute_group *kvpool_sysfs_tier_groups[];

#endif /* _KVPOOL_SYSFS_TIER_H */
