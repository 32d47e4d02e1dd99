// SPDX-License-Identifier: GPL-2.0
/*
 * sysfs: the knobs and counters of a tenant.
 *
 * kobject_del() removes the files, and waits until no task is in one of these
 * functions. So the tenant exists during the call, but these functions must not
 * take a lock that is held while a tenant is deleted.
 */
#include <linux/kstrtox.h>
#include <linux/sysfs.h>
#include <linux/user_namespace.h>

#include <linux/kvpool.h>

#include "cache/epoch.h"
#include "cache/guarantee.h"
#include "cache/hist.h"
#include "cache/reclaim.h"
#include "cache/stats.h"
#include "cache/tenant.h"
#include "control/sysfs_tenant.h"
#include "control/trace.h"

static struct kvpool_tenant *kvpool_kobj_tenant(struct kobject *kobj)
{
	return container_of(kobj, struct kvpool_tenant, kobj);
}

/* ---- identity ---- */

static ssize_t id_show(struct kobject *kobj, struct kobj_attribute *attr,
		       char *buf)
{
	return sysfs_emit(buf, "%u\n", kvpool_kobj_tenant(kobj)->id);
}

static ssize_t contexts_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	/* Negative while the tenant is being deleted. */
	return sysfs_emit(buf, "%d\n",
			  max(atomic_read(&kvpool_kobj_tenant(kobj)->nr_users),
			      0));
}

/* ---- rights ---- */

/* A user or a group that does not exist is "none". */
static ssize_t kvpool_owner_show(char *buf, u32 id)
{
	return id == (u32)-1 ? sysfs_emit(buf, "none\n") :
	       sysfs_emit(buf, "%u\n", id);
}

static int kvpool_owner_read(const char *buf, u32 *id)
{
	if (sysfs_streq(buf, "none")) {
		*id = (u32)-1;
		return 0;
	}
	return kstrtou32(buf, 10, id) ?: (*id == (u32)-1 ? -EINVAL : 0);
}

static ssize_t uid_show(struct kobject *kobj, struct kobj_attribute *attr,
			char *buf)
{
	kuid_t uid = READ_ONCE(kvpool_kobj_tenant(kobj)->uid);

	return kvpool_owner_show(buf, from_kuid(&init_user_ns, uid));
}

static ssize_t uid_store(struct kobject *kobj, struct kobj_attribute *attr,
			 const char *buf, size_t count)
{
	int ret;
	u32 id;

	ret = kvpool_owner_read(buf, &id);
	if (ret)
		return ret;
	WRITE_ONCE(kvpool_kobj_tenant(kobj)->uid, make_kuid(&init_user_ns, id));
	return count;
}

static ssize_t gid_show(struct kobject *kobj, struct kobj_attribute *attr,
			char *buf)
{
	kgid_t gid = READ_ONCE(kvpool_kobj_tenant(kobj)->gid);

	return kvpool_owner_show(buf, from_kgid(&init_user_ns, gid));
}

static ssize_t gid_store(struct kobject *kobj, struct kobj_attribute *attr,
			 const char *buf, size_t count)
{
	int ret;
	u32 id;

	ret = kvpool_owner_read(buf, &id);
	if (ret)
		return ret;
	WRITE_ONCE(kvpool_kobj_tenant(kobj)->gid, make_kgid(&init_user_ns, id));
	return count;
}

/* ---- quotas ---- */

static ssize_t quota_bytes_show(struct kobject *kobj,
				struct kobj_attribute *attr, char *buf)
{
	u64 quota = READ_ONCE(kvpool_kobj_tenant(kobj)->quota);

	return sysfs_emit(buf, "%llu\n", quota == ULONG_MAX ? 0 :
			  quota << KVPOOL_CHUNK_SHIFT);
}

static ssize_t quota_bytes_store(struct kobject *kobj,
				 struct kobj_attribute *attr,
				 const char *buf, size_t count)
{
	struct kvpool_tenant *tenant = kvpool_kobj_tenant(kobj);
	u64 bytes;
	int ret;

	ret = kstrtou64(buf, 10, &bytes);
	if (ret)
		return ret;
	if (bytes && bytes < KVPOOL_CHUNK_SIZE)
		return -EINVAL;
	ret = kvpool_guarantee_set_quota(tenant, bytes);
	if (ret)
		return ret;
	trace_kvpool_knob("quota_bytes", tenant->id, bytes);
	return count;
}

static ssize_t guaranteed_bytes_show(struct kobject *kobj,
				     struct kobj_attribute *attr, char *buf)
{
	u64 chunks = kvpool_guarantee_get(kvpool_kobj_tenant(kobj));

	return sysfs_emit(buf, "%llu\n", chunks << KVPOOL_CHUNK_SHIFT);
}

static ssize_t guaranteed_bytes_store(struct kobject *kobj,
				      struct kobj_attribute *attr,
				      const char *buf, size_t count)
{
	struct kvpool_tenant *tenant = kvpool_kobj_tenant(kobj);
	u64 bytes;
	int ret;

	ret = kstrtou64(buf, 10, &bytes);
	if (ret)
		return ret;
	if (bytes & (KVPOOL_CHUNK_SIZE - 1))
		return -EINVAL;
	ret = kvpool_guarantee_set(tenant, bytes >> KVPOOL_CHUNK_SHIFT);
	if (ret)
		return ret;
	trace_kvpool_knob("guaranteed_bytes", tenant->id, bytes);
	return count;
}

static ssize_t guaranteed_nodes_show(struct kobject *kobj,
				     struct kobj_attribute *attr, char *buf)
{
	const nodemask_t *nodes = &kvpool_kobj_tenant(kobj)->guaranteed_nodes;

	return sysfs_emit(buf, "%*pbl\n", nodemask_pr_args(nodes));
}

static ssize_t guaranteed_nodes_store(struct kobject *kobj,
				      struct kobj_attribute *attr,
				      const char *buf, size_t count)
{
	nodemask_t nodes;
	int ret;

	ret = nodelist_parse(buf, nodes);
	if (!ret)
		ret = kvpool_guarantee_set_nodes(kvpool_kobj_tenant(kobj),
						 &nodes);
	return ret ?: count;
}

static ssize_t pin_quota_bytes_show(struct kobject *kobj,
				    struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  READ_ONCE(kvpool_kobj_tenant(kobj)->pin_quota));
}

static ssize_t pin_quota_bytes_store(struct kobject *kobj,
				     struct kobj_attribute *attr,
				     const char *buf, size_t count)
{
	u64 bytes;
	int ret;

	ret = kstrtou64(buf, 10, &bytes);
	if (ret)
		return ret;
	WRITE_ONCE(kvpool_kobj_tenant(kobj)->pin_quota, bytes);
	trace_kvpool_knob("pin_quota_bytes", kvpool_kobj_tenant(kobj)->id,
			  bytes);
	return count;
}

static ssize_t push_quota_bytes_show(struct kobject *kobj,
				     struct kobj_attribute *attr, char *buf)
{
	u64 pages = READ_ONCE(kvpool_kobj_tenant(kobj)->push_quota);

	return sysfs_emit(buf, "%llu\n", pages == ULONG_MAX ? 0 :
			  pages << KVPOOL_PAGE_SHIFT);
}

static ssize_t push_quota_bytes_store(struct kobject *kobj,
				      struct kobj_attribute *attr,
				      const char *buf, size_t count)
{
	u64 bytes;
	int ret;

	ret = kstrtou64(buf, 10, &bytes);
	if (ret)
		return ret;
	if (bytes && bytes < KVPOOL_PAGE_SIZE)
		return -EINVAL;
	WRITE_ONCE(kvpool_kobj_tenant(kobj)->push_quota,
		   bytes ? bytes >> KVPOOL_PAGE_SHIFT : ULONG_MAX);
	trace_kvpool_knob("push_quota_bytes", kvpool_kobj_tenant(kobj)->id,
			  bytes);
	return count;
}

/* Zero when no memory belongs to what was dropped, but for leases. */
static ssize_t drop_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%u\n",
			  kvpool_epochs_left(kvpool_kobj_tenant(kobj)));
}

static ssize_t drop_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t count)
{
	if (!sysfs_streq(buf, "1"))
		return -EINVAL;
	return kvpool_epoch_raise(kvpool_kobj_tenant(kobj)) ?: count;
}

static struct kobj_attribute id_attr = __ATTR_RO(id);
static struct kobj_attribute contexts_attr = __ATTR_RO(contexts);
static struct kobj_attribute uid_attr = __ATTR_RW(uid);
static struct kobj_attribute gid_attr = __ATTR_RW(gid);
static struct kobj_attribute quota_bytes_attr = __ATTR_RW(quota_bytes);
static struct kobj_attribute guaranteed_bytes_attr =
	__ATTR_RW(guaranteed_bytes);
static struct kobj_attribute guaranteed_nodes_attr =
	__ATTR_RW(guaranteed_nodes);
static struct kobj_attribute pin_quota_bytes_attr = __ATTR_RW(pin_quota_bytes);
static struct kobj_attribute push_quota_bytes_attr =
	__ATTR_RW(push_quota_bytes);
static struct kobj_attribute drop_attr = __ATTR_RW(drop);

/* ---- counters ---- */

struct kvpool_stat_attr {
	struct kobj_attribute attr;
	size_t offset;		/* in struct kvpool_stats */
};

static ssize_t kvpool_stat_show(struct kobject *kobj,
				struct kobj_attribute *attr, char *buf)
{
	const struct kvpool_stat_attr *stat =
		container_of(attr, struct kvpool_stat_attr, attr);
	struct kvpool_stats stats;

	kvpool_stats_read(kvpool_kobj_tenant(kobj), &stats);
	return sysfs_emit(buf, "%llu\n",
			  *(u64 *)((void *)&stats + stat->offset));
}

#define KVPOOL_STAT(_name)						\
	(&((struct kvpool_stat_attr){					\
		.attr.attr = { .name = #_name, .mode = 0444 },		\
		.attr.show = kvpool_stat_show,				\
		.offset = offsetof(struct kvpool_stats, _name),		\
	}).attr.attr),

static struct attribute *kvpool_tenant_attrs[] = {
	&id_attr.attr,
	&contexts_attr.attr,
	&uid_attr.attr,
	&gid_attr.attr,
	&quota_bytes_attr.attr,
	&guaranteed_bytes_attr.attr,
	&guaranteed_nodes_attr.attr,
	&pin_quota_bytes_attr.attr,
	&push_quota_bytes_attr.attr,
	&drop_attr.attr,
	KVPOOL_COUNTERS(KVPOOL_STAT)
	KVPOOL_STAT(hits)
	KVPOOL_STAT(consumed_bytes)
	KVPOOL_STAT(bytes)
	KVPOOL_STAT(arena_bytes)
	KVPOOL_STAT(pinned_bytes)
	KVPOOL_STAT(quarantined_bytes)
	KVPOOL_STAT(described_bytes)
	KVPOOL_STAT(pushed_in_bytes)
	NULL
};

static const struct attribute_group kvpool_tenant_group = {
	.attrs = kvpool_tenant_attrs,
};

/* ---- histograms ---- */

struct kvpool_hist_attr {
	struct kobj_attribute attr;
	enum kvpool_hist hist;
};

static ssize_t kvpool_hist_show(struct kobject *kobj,
				struct kobj_attribute *attr, char *buf)
{
	const struct kvpool_hist_attr *a =
		container_of(attr, struct kvpool_hist_attr, attr);
	struct kvpool_tenant *tenant = kvpool_kobj_tenant(kobj);
	unsigned int i;
	int len = 0;

	for (i = 0; i < KVPOOL_HIST_BUCKETS; i++)
		len += sysfs_emit_at(buf, len, i ? " %llu" : "%llu",
				     kvpool_hist_read(tenant, a->hist, i));
	return len + sysfs_emit_at(buf, len, "\n");
}

#define KVPOOL_HIST_ATTR(_id, _name)					\
	(&((struct kvpool_hist_attr){					\
		.attr.attr = { .name = #_name, .mode = 0444 },		\
		.attr.show = kvpool_hist_show,				\
		.hist = KVPOOL_HIST_##_id,				\
	}).attr.attr)

static struct attribute *kvpool_tenant_hist_attrs[] = {
	KVPOOL_HIST_ATTR(RESERVE_NS, reserve_ns),
	KVPOOL_HIST_ATTR(RESERVE_BYTES, reserve_bytes),
	KVPOOL_HIST_ATTR(SEAL_NS, seal_ns),
	KVPOOL_HIST_ATTR(SEAL_BYTES, seal_bytes),
	KVPOOL_HIST_ATTR(LEASE_NS, lease_ns),
	KVPOOL_HIST_ATTR(LEASE_BYTES, lease_bytes),
	KVPOOL_HIST_ATTR(WAIT_NS, wait_ns),
	KVPOOL_HIST_ATTR(EVICT_NS, evict_ns),
	KVPOOL_HIST_ATTR(EVICT_BYTES, evict_bytes),
	KVPOOL_HIST_ATTR(COMPACT_NS, compact_ns),
	KVPOOL_HIST_ATTR(COMPACT_BYTES, compact_bytes),
	KVPOOL_HIST_ATTR(OPERATION_NS, operation_ns),
	KVPOOL_HIST_ATTR(OPERATION_BYTES, operation_bytes),
	NULL
};

/* In a directory of their own. */
static const struct attribute_group kvpool_tenant_hist_group = {
	.name = "histograms",
	.attrs = kvpool_tenant_hist_attrs,
};

/* The files of each tenant. */
const struct attribute_group *kvpool_sysfs_tenant_groups[] = {
	&kvpool_tenant_group,
	&kvpool_tenant_hist_group,
	NULL
};
