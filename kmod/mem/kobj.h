/* SPDX-License-Identifier: GPL-2.0 */
/* The right to write to files in sysfs. */
#ifndef _KVPOOL_KOBJ_H
#define _KVPOOL_KOBJ_H

#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/sysfs.h>

extern const struct sysfs_ops kvpool_kobj_ops;

/*
 * The user 0 of a container owns the files of the host where it is no other
 * user there: what they change is for administrators of the host only.
 */
static inline int kvpool_kobj_admin(void)
{
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

#endif /* _KVPOOL_KOBJ_H */
