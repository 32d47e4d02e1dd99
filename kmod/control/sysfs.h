/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_SYSFS_H
#define _KVPOOL_SYSFS_H

struct attribute_group;
struct kobject;

extern const struct attribute_group *kvpool_sysfs_groups[];

int kvpool_sysfs_init(struct kobject *dev);
void kvpool_sysfs_exit(void);

#endif /* _KVPOOL_SYSFS_H */
