// SPDX-License-Identifier: GPL-2.0
/*
 * sysfs: the knobs of the pool, and the files that add and delete tenants.
 *
 * See Documentation/ABI/testing/sysfs-class-misc-kvpool.
 */
#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>

#include <linux/kvpool.h>

#include "cache/policy.h"
#include "cache/pool.h"
#include "cache/reclaim.h"
#include "cache/tenant.h"
#include "cache/tenants.h"
#include "compat.h"
#include "control/sysfs.h"
#include "control/sysfs_tenant.h"
#include "control/sysfs_tier.h"
#include "control/trace.h"
#include "mem/kobj.h"
#include "mem/tier.h"
#include "xfer/revoke.h"

/* ---- the pool ---- */

/**
 * struct kvpool_knob - a number that the administrator may change
 * @attr:	file of the knob
 * @value:	the number; written under kvpool_knobs_lock, read without
 * @min:	smallest value
 * @max:	largest value
 * @floor:	another knob, which is a lower bound; or NULL
 * @ceiling:	another knob, which is an upper bound; or NULL
 */
struct kvpool_knob {
	struct device_attribute attr;
	unsigned int *value;
	unsigned int min;
	unsigned int max;
	const unsigned int *floor;
	const unsigned int *ceiling;
};

/* Knobs that bound each other change one after another. */
static DEFINE_SPINLOCK(kvpool_knobs_lock);

static ssize_t kvpool_knob_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	const struct kvpool_knob *knob =
		container_of(attr, struct kvpool_knob, attr);

	return sysfs_emit(buf, "%u\n", READ_ONCE(*knob->value));
}

static ssize_t kvpool_knob_store(struct device *dev,
				 struct device_attribute *attr,
				 const char *buf, size_t count)
{
	const struct kvpool_knob *knob =
		container_of(attr, struct kvpool_knob, attr);
	unsigned int value;
	int ret;

	ret = kvpool_kobj_admin() ?: kstrtouint(buf, 10, &value);
	if (ret)
		return ret;
	if (value < knob->min || value > knob->max)
		return -EINVAL;

	spin_lock(&kvpool_knobs_lock);
	if ((knob->floor && value < *knob->floor) ||
	    (knob->ceiling && value > *knob->ceiling)) {
		ret = -EINVAL;
	} else {
		WRITE_ONCE(*knob->value, value);
		trace_kvpool_knob(attr->attr.name, -1, value);
	}
	spin_unlock(&kvpool_knobs_lock);
	if (!ret && knob->value == &kvpool_pool.watermark_high)
		kvpool_reclaim_kick_all();
	if (!ret && knob->value == &kvpool_pool.lease_ms)
		kvpool_revoke_leases();
	return ret ?: count;
}

#define KVPOOL_KNOB(_name, _min, _max, ...)				\
static struct kvpool_knob kvpool_knob_##_name = {			\
	.attr.attr = { .name = #_name, .mode = 0644 },			\
	.attr.show = kvpool_knob_show,					\
	.attr.store = kvpool_knob_store,				\
	.value = &kvpool_pool._name,					\
	.min = _min,							\
	.max = _max,							\
	__VA_ARGS__							\
}

#define KVPOOL_DAY_MS	(24 * 60 * 60 * MSEC_PER_SEC)

KVPOOL_KNOB(watermark_high, 1, 100, .floor = &kvpool_pool.watermark_low);
KVPOOL_KNOB(watermark_low, 1, 100, .ceiling = &kvpool_pool.watermark_high);
KVPOOL_KNOB(preempt_ms, 0, KVPOOL_DAY_MS);
KVPOOL_KNOB(quarantine_ms, 0, KVPOOL_DAY_MS);
KVPOOL_KNOB(lease_ms, 0, KVPOOL_DAY_MS);
KVPOOL_KNOB(max_handles, 1, 1U << 24);
KVPOOL_KNOB(remote_timeout_ms, 1, KVPOOL_DAY_MS);

/**
 * struct kvpool_size_knob - a number of bytes that the administrator may change
 * @attr:	file of the knob
 * @value:	the number
 * @min:	smallest value beside zero
 */
struct kvpool_size_knob {
	struct device_attribute attr;
	unsigned long long *value;
	u64 min;
};

static ssize_t kvpool_size_knob_show(struct device *dev,
				     struct device_attribute *attr, char *buf)
{
	const struct kvpool_size_knob *knob =
		container_of(attr, struct kvpool_size_knob, attr);

	return sysfs_emit(buf, "%llu\n", READ_ONCE(*knob->value));
}

static ssize_t kvpool_size_knob_store(struct device *dev,
				      struct device_attribute *attr,
				      const char *buf, size_t count)
{
	const struct kvpool_size_knob *knob =
		container_of(attr, struct kvpool_size_knob, attr);
	u64 value;
	int ret;

	ret = kvpool_kobj_admin() ?: kstrtou64(buf, 10, &value);
	if (ret)
		return ret;
	if (value && value < knob->min)
		return -EINVAL;
	WRITE_ONCE(*knob->value, value);
	trace_kvpool_knob(attr->attr.name, -1, value);
	return count;
}

#define KVPOOL_SIZE_KNOB(_name, _min)					\
static struct kvpool_size_knob kvpool_knob_##_name = {			\
	.attr.attr = { .name = #_name, .mode = 0644 },			\
	.attr.show = kvpool_size_knob_show,				\
	.attr.store = kvpool_size_knob_store,				\
	.value = &kvpool_pool._name,					\
	.min = _min,							\
}

KVPOOL_SIZE_KNOB(default_quota_bytes, KVPOOL_CHUNK_SIZE);
KVPOOL_SIZE_KNOB(default_pin_quota_bytes, 0);

static ssize_t abi_version_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", KVPOOL_ABI_VERSION);
}
static DEVICE_ATTR_RO(abi_version);

static ssize_t policy_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	const struct kvpool_policy_ops *now = READ_ONCE(kvpool_pool.policy);
	const struct kvpool_policy_ops * const *p;
	int len = 0;

	for (p = kvpool_policies; *p; p++)
		len += sysfs_emit_at(buf, len, *p == now ? "%s[%s]" : "%s%s",
				     len ? " " : "", (*p)->name);
	len += sysfs_emit_at(buf, len, "\n");
	return len;
}

static ssize_t policy_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	const struct kvpool_policy_ops *ops = kvpool_policy_find(buf);
	int ret = kvpool_kobj_admin();

	if (ret)
		return ret;
	if (!ops)
		return -EINVAL;
	kvpool_tenants_set_policy(ops);
	return count;
}
static DEVICE_ATTR_RW(policy);

/*
 * One file for all contexts: a directory for each would make open() many times
 * as expensive.
 */
static ssize_t revoke_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	int ret;
	u32 id;

	ret = kvpool_kobj_admin() ?: kstrtou32(buf, 10, &id) ?:
	      kvpool_revoke(id);
	return ret ?: count;
}

static struct device_attribute dev_attr_revoke = __ATTR(revoke, 0200, NULL,
							revoke_store);

static struct attribute *kvpool_sysfs_attrs[] = {
	&dev_attr_abi_version.attr,
	&dev_attr_policy.attr,
	&dev_attr_revoke.attr,
	&kvpool_knob_watermark_high.attr.attr,
	&kvpool_knob_watermark_low.attr.attr,
	&kvpool_knob_preempt_ms.attr.attr,
	&kvpool_knob_quarantine_ms.attr.attr,
	&kvpool_knob_lease_ms.attr.attr,
	&kvpool_knob_max_handles.attr.attr,
	&kvpool_knob_remote_timeout_ms.attr.attr,
	&kvpool_knob_default_quota_bytes.attr.attr,
	&kvpool_knob_default_pin_quota_bytes.attr.attr,
	NULL
};

static const struct attribute_group kvpool_sysfs_group = {
	.attrs = kvpool_sysfs_attrs,
};

/* For miscdevice.groups: the files exist before udev is told of the device. */
const struct attribute_group *kvpool_sysfs_groups[] = {
	&kvpool_sysfs_group,
	NULL
};

/* ---- tenants: see also sysfs_tenant.c ---- */

static struct kset *kvpool_tenants_kset;

/* Events of kobjects below a device are dropped unless a kset names them. */
static const char *kvpool_tenants_subsystem(kvpool_uevent_kobj *kobj)
{
	return "kvpool";
}

static const struct kset_uevent_ops kvpool_tenants_uevent_ops = {
	.name = kvpool_tenants_subsystem,
};

/* Copy a name that was written, without the newline that may end it. */
static int kvpool_sysfs_name(char *name, const char *buf, size_t count)
{
	if (count && buf[count - 1] == '\n')
		count--;
	if (count >= KVPOOL_NAME_SIZE || memchr(buf, '\0', count))
		return -EINVAL;
	memcpy(name, buf, count);
	name[count] = '\0';
	return 0;
}

/* Call @fn with the name that was written. */
static ssize_t kvpool_sysfs_tenant(int (*fn)(const char *name),
				   const char *buf, size_t count)
{
	char name[KVPOOL_NAME_SIZE];
	int ret;

	ret = kvpool_kobj_admin() ?: kvpool_sysfs_name(name, buf, count);
	if (!ret)
		ret = fn(name);
	return ret ?: count;
}

static ssize_t add_store(struct kobject *kobj, struct kobj_attribute *attr,
			 const char *buf, size_t count)
{
	return kvpool_sysfs_tenant(kvpool_tenants_add, buf, count);
}

static ssize_t del_store(struct kobject *kobj, struct kobj_attribute *attr,
			 const char *buf, size_t count)
{
	return kvpool_sysfs_tenant(kvpool_tenants_del, buf, count);
}

static struct kobj_attribute add_attr = __ATTR_WO(add);
static struct kobj_attribute del_attr = __ATTR_WO(del);

static struct attribute *kvpool_tenants_attrs[] = {
	&add_attr.attr,
	&del_attr.attr,
	NULL
};

static const struct attribute_group kvpool_tenants_group = {
	.attrs = kvpool_tenants_attrs,
};

/**
 * kvpool_sysfs_init() - Make the directories of tiers and tenants
 * @dev: the directory of the device
 *
 * Tenants can be added and deleted as soon as this has succeeded.
 *
 * Context: Module load; may sleep.
 * Return: 0 or a negative errno.
 */
int kvpool_sysfs_init(struct kobject *dev)
{
	int ret;

	kvpool_tenants_kset = kset_create_and_add("tenants",
						  &kvpool_tenants_uevent_ops,
						  dev);
	if (!kvpool_tenants_kset)
		return -ENOMEM;
	ret = sysfs_create_group(&kvpool_tenants_kset->kobj,
				 &kvpool_tenants_group);
	if (!ret)
		ret = kvpool_tiers_register(dev, kvpool_sysfs_tier_groups);
	if (!ret)
		ret = kvpool_tenants_register(kvpool_tenants_kset,
					      kvpool_sysfs_tenant_groups);
	if (ret)
		kvpool_sysfs_exit();
	return ret;
}

/**
 * kvpool_sysfs_exit() - Remove the directory of the tenants
 *
 * When this returns, tenants can neither be added nor deleted. Called while the
 * directory of the device exists, before or after the tenants have ended. Does
 * nothing if the directory was not made.
 *
 * Context: May sleep.
 */
void kvpool_sysfs_exit(void)
{
	kset_unregister(kvpool_tenants_kset);
	kvpool_tenants_kset = NULL;
}
