/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_SYSFS_TENANT_H
#define _KVPOOL_SYSFS_TENANT_H

struct attribute_group;

extern const struct attribute_group *kvpool_sysfs_tenant_groups[];

#endif /* _KVPOOL_SYSFS_TENANT_H */
