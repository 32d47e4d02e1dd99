// SPDX-License-Identifier: GPL-2.0
/* Directories in sysfs whose files administrators of the host may write to. */
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "mem/kobj.h"

static ssize_t kvpool_kobj_show(struct kobject *kobj, struct attribute *attr,
				char *buf)
{
	return kobj_sysfs_ops.show(kobj, attr, buf);
}

static ssize_t kvpool_kobj_store(struct kobject *kobj, struct attribute *attr,
				 const char *buf, size_t count)
{
	return kvpool_kobj_admin() ?:
	       kobj_sysfs_ops.store(kobj, attr, buf, count);
}

/* For directories whose attributes are struct kobj_attribute. */
const struct sysfs_ops kvpool_kobj_ops = {
	.show = kvpool_kobj_show,
	.store = kvpool_kobj_store,
};
