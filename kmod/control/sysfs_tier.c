// SPDX-License-Identifier: GPL-2.0
/* sysfs: the files of a tier. */
#include <linux/kstrtox.h>
#include <linux/rculist.h>
#include <linux/sysfs.h>

#include "cache/pool.h"
#include "cache/reclaim.h"
#include "cache/tenant.h"
#include "control/sysfs_tier.h"
#include "control/trace.h"
#include "mem/tier.h"

static struct kvpool_tier *kvpool_kobj_tier(struct kobject *kobj)
{
	return container_of(kobj, struct kvpool_tier, kobj);
}

static ssize_t node_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%d\n", kvpool_kobj_tier(kobj)->node);
}

static ssize_t limit_bytes_show(struct kobject *kobj,
				struct kobj_attribute *attr, char *buf)
{
	u64 limit = READ_ONCE(kvpool_kobj_tier(kobj)->limit);

	return sysfs_emit(buf, "%llu\n", limit << KVPOOL_CHUNK_SHIFT);
}

static ssize_t limit_bytes_store(struct kobject *kobj,
				 struct kobj_attribute *attr,
				 const char *buf, size_t count)
{
	struct kvpool_tier *tier = kvpool_kobj_tier(kobj);
	u64 bytes;
	int ret;

	ret = kstrtou64(buf, 10, &bytes);
	if (ret)
		return ret;

	WRITE_ONCE(tier->limit, bytes >> KVPOOL_CHUNK_SHIFT);
	kvpool_reclaim_kick_all();
	trace_kvpool_knob("limit_bytes", tier->node, bytes);
	kvpool_reclaim_tier(tier);
	return count;
}

static ssize_t allocated_bytes_show(struct kobject *kobj,
				    struct kobj_attribute *attr, char *buf)
{
	u64 chunks = atomic_long_read(&kvpool_kobj_tier(kobj)->nr_chunks);

	return sysfs_emit(buf, "%llu\n", chunks << KVPOOL_CHUNK_SHIFT);
}

static ssize_t used_bytes_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	int node = kvpool_kobj_tier(kobj)->node;
	struct kvpool_tenant *tenant;
	u64 pages = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(tenant, &kvpool_pool.tenants, entry) {
		struct kvpool_arena *arena = &tenant->arena;
		const struct kvpool_extmap *map = &arena->maps[node];

		spin_lock(&arena->lock);
		pages += map->nr_chunks * KVPOOL_CHUNK_PAGES - map->nr_free;
		spin_unlock(&arena->lock);
	}
	rcu_read_unlock();
	return sysfs_emit(buf, "%llu\n", pages << KVPOOL_PAGE_SHIFT);
}

static ssize_t poisoned_bytes_show(struct kobject *kobj,
				   struct kobj_attribute *attr, char *buf)
{
	u64 pages = atomic_long_read(&kvpool_kobj_tier(kobj)->poisoned);

	return sysfs_emit(buf, "%llu\n", pages << KVPOOL_PAGE_SHIFT);
}

static ssize_t usable_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  kvpool_tier_movable(kvpool_kobj_tier(kobj)) ?
			  "no: memory is onlined as movable" : "yes");
}

static struct kobj_attribute node_attr = __ATTR_RO(node);
static struct kobj_attribute limit_bytes_attr = __ATTR_RW(limit_bytes);
static struct kobj_attribute allocated_bytes_attr = __ATTR_RO(allocated_bytes);
static struct kobj_attribute used_bytes_attr = __ATTR_RO(used_bytes);
static struct kobj_attribute poisoned_bytes_attr = __ATTR_RO(poisoned_bytes);
static struct kobj_attribute usable_attr = __ATTR_RO(usable);

static struct attribute *kvpool_tier_attrs[] = {
	&node_attr.attr,
	&limit_bytes_attr.attr,
	&allocated_bytes_attr.attr,
	&used_bytes_attr.attr,
	&poisoned_bytes_attr.attr,
	&usable_attr.attr,
	NULL
};

static const struct attribute_group kvpool_tier_group = {
	.attrs = kvpool_tier_attrs,
};

/* The files of each tier. */
const struct attribute_group *kvpool_sysfs_tier_groups[] = {
	&kvpool_tier_group,
	NULL
};
