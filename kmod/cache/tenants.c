// SPDX-License-Identifier: GPL-2.0
/* The table of tenants: adding, finding and deleting them. */
#include <linux/capability.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/user_namespace.h>

#include "cache/block.h"
#include "cache/chain.h"
#include "cache/epoch.h"
#include "cache/pool.h"
#include "cache/quarantine.h"
#include "cache/reclaim.h"
#include "cache/tenant.h"
#include "cache/tenants.h"
#include "cache/trace.h"
#include "mem/kobj.h"

/*
 * Held during the whole addition or deletion of a tenant, so that its name in
 * sysfs and its entry in the list appear and vanish together. The handler of a
 * file in a tenant's directory must not take it, because deletion waits for
 * that handler. Nobody else waits for it: tenants are found and counted under
 * RCU, and reclaim walks over them in a section of kvpool_tenants_srcu.
 */
static DEFINE_MUTEX(kvpool_tenants_lock);
DEFINE_SRCU(kvpool_tenants_srcu);

static u32 kvpool_tenant_next_id;	/* kvpool_tenants_lock */
static struct kset *kvpool_tenants_kset;

static bool kvpool_tenant_name_ok(const char *name)
{
	const char *p;

	for (p = name; *p; p++)
		if (!islower(*p) && !isdigit(*p) && !strchr("._-", *p))
			return false;
	return p != name && p - name < KVPOOL_NAME_SIZE && *name != '.' &&
	       strcmp(name, "add") && strcmp(name, "del");
}

/* kvpool_tenants_lock or the RCU read lock is held, and protects the result. */
static struct kvpool_tenant *kvpool_tenants_find(const char *name)
{
	struct kvpool_tenant *tenant;

	list_for_each_entry_rcu(tenant, &kvpool_pool.tenants, entry,
				lockdep_is_held(&kvpool_tenants_lock))
		if (!strcmp(tenant->name, name))
			return tenant;
	return NULL;
}

static void kvpool_tenants_free_block(void *ptr, void *arg)
{
	kvpool_block_discard(arg, ptr);
}

static void kvpool_tenants_release(struct kobject *kobj)
{
	struct kvpool_tenant *tenant =
		container_of(kobj, struct kvpool_tenant, kobj);

	kvpool_epoch_exit(tenant);
	kvpool_reclaim_tenant_exit(tenant);
	kvpool_quarantine_exit(tenant);
	spin_lock(&tenant->policy.lock);
	kvpool_chain_stop(&tenant->policy);
	spin_unlock(&tenant->policy.lock);
	rhashtable_free_and_destroy(&tenant->index, kvpool_tenants_free_block,
				    tenant);
	kvpool_tenant_free(tenant);
}

/* kvpool_tenants_register() sets the attributes. */
static struct kobj_type kvpool_tenant_ktype = {
	.release = kvpool_tenants_release,
	.sysfs_ops = &kvpool_kobj_ops,
};

static struct kvpool_tenant *kvpool_tenants_create(const char *name)
{
	struct kvpool_tenant *tenant = kvpool_tenant_alloc(name);

	if (IS_ERR(tenant))
		return tenant;
	kvpool_quarantine_init(tenant);
	kvpool_epoch_init(tenant);
	kvpool_reclaim_tenant_init(tenant);
	kobject_init(&tenant->kobj, &kvpool_tenant_ktype);
	return tenant;
}

static void kvpool_tenants_number(struct kvpool_tenant *tenant)
{
	tenant->id = kvpool_tenant_next_id++;
	tenant->arena.owner = tenant->id;
}

/* Show a tenant in sysfs. */
static int kvpool_tenants_show(struct kvpool_tenant *tenant)
{
	struct kobject *kobj = &tenant->kobj;
	int ret;

	kobj->kset = kvpool_tenants_kset;
	ret = kobject_add(kobj, NULL, "%s", tenant->name);
	if (ret) {
		/* The failed call has removed the kobject from the kset. */
		kobj->kset = NULL;
		return ret;
	}
	kobject_uevent(kobj, KOBJ_ADD);
	return 0;
}

/* Enter a new tenant into the list. */
static void kvpool_tenants_enter(struct kvpool_tenant *tenant)
{
	lockdep_assert_held(&kvpool_tenants_lock);
	tenant->policy.ops = kvpool_pool.policy;
	list_add_tail_rcu(&tenant->entry, &kvpool_pool.tenants);
	trace_kvpool_tenant_add(tenant);
}

/* End a tenant without users. */
static void kvpool_tenants_leave(struct kvpool_tenant *tenant)
{
	lockdep_assert_held(&kvpool_tenants_lock);
	list_del_rcu(&tenant->entry);
	trace_kvpool_tenant_del(tenant);
	/* After a failed load the default tenant may not be in sysfs. */
	if (tenant->kobj.state_in_sysfs)
		kobject_del(&tenant->kobj);
	synchronize_srcu(&kvpool_tenants_srcu);
	synchronize_rcu();
	kobject_put(&tenant->kobj);
}

/**
 * kvpool_tenants_init() - Make the default tenant
 *
 * Context: Module load; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kvpool_tenants_init(void)
{
	struct kvpool_tenant *tenant;

	tenant = kvpool_tenants_create(KVPOOL_DEFAULT_TENANT);
	if (IS_ERR(tenant))
		return PTR_ERR(tenant);
	mutex_lock(&kvpool_tenants_lock);
	kvpool_tenants_number(tenant);
	kvpool_tenants_enter(tenant);
	mutex_unlock(&kvpool_tenants_lock);
	return 0;
}

/**
 * kvpool_tenants_register() - Show the default tenant in sysfs
 * @kset: directory of all tenants; stays until kvpool_tenants_exit()
 * @groups: files of each tenant; stay until the module is unloaded
 *
 * Tenants can be added as soon as this has been called.
 *
 * Context: Module load; may sleep.
 * Return: 0 or a negative errno.
 */
int kvpool_tenants_register(struct kset *kset,
			    const struct attribute_group **groups)
{
	int ret;

	mutex_lock(&kvpool_tenants_lock);
	kvpool_tenant_ktype.default_groups = groups;
	kvpool_tenants_kset = kset;
	ret = kvpool_tenants_show(list_first_entry(&kvpool_pool.tenants,
						   struct kvpool_tenant,
						   entry));
	if (ret)
		kvpool_tenants_kset = NULL;
	mutex_unlock(&kvpool_tenants_lock);
	return ret;
}

/**
 * kvpool_tenants_exit() - End all tenants
 *
 * Context: Module unload, when no file is open; may sleep.
 */
void kvpool_tenants_exit(void)
{
	struct kvpool_tenant *tenant, *next;

	mutex_lock(&kvpool_tenants_lock);
	kvpool_pool.closing = true;
	list_for_each_entry_safe(tenant, next, &kvpool_pool.tenants, entry)
		kvpool_tenants_leave(tenant);
	mutex_unlock(&kvpool_tenants_lock);
}

/**
 * kvpool_tenants_add() - Make a tenant
 * @name: 1 to 31 of a-z, 0-9, ".", "_", "-", not beginning with "."
 *
 * The tenant gets the default quotas. Only an administrator may open files of it until its
 * uid or gid is set.
 *
 * Context: May sleep.
 * Return: 0, -EINVAL for the name, -EEXIST, -ENODEV while the module is being
 * loaded or unloaded, or -ENOMEM.
 */
int kvpool_tenants_add(const char *name)
{
	struct kvpool_tenant *tenant;
	int ret;

	if (!kvpool_tenant_name_ok(name))
		return -EINVAL;
	tenant = kvpool_tenants_create(name);
	if (IS_ERR(tenant))
		return PTR_ERR(tenant);

	mutex_lock(&kvpool_tenants_lock);
	if (kvpool_pool.closing || !kvpool_tenants_kset)
		ret = -ENODEV;
	else
		ret = kvpool_tenants_find(name) ? -EEXIST : 0;
	if (!ret) {
		kvpool_tenants_number(tenant);
		ret = kvpool_tenants_show(tenant);
	}
	if (!ret)
		kvpool_tenants_enter(tenant);
	mutex_unlock(&kvpool_tenants_lock);
	if (ret)
		kobject_put(&tenant->kobj);
	return ret;
}

/**
 * kvpool_tenants_del() - End a tenant and drop its blocks
 * @name: its name
 *
 * Context: May sleep.
 * Return: 0, -ENOENT, -EPERM for the default tenant, or -EBUSY while the tenant
 * has users.
 */
int kvpool_tenants_del(const char *name)
{
	struct kvpool_tenant *tenant;
	int ret = 0;

	mutex_lock(&kvpool_tenants_lock);
	tenant = kvpool_tenants_find(name);
	if (!tenant)
		ret = -ENOENT;
	else if (!strcmp(name, KVPOOL_DEFAULT_TENANT))
		ret = -EPERM;
	else if (!kvpool_tenant_close(tenant))
		ret = -EBUSY;
	else
		kvpool_tenants_leave(tenant);
	mutex_unlock(&kvpool_tenants_lock);
	return ret;
}

/**
 * kvpool_tenants_attach() - Find a tenant for a file
 * @name: the tenant's name, or NULL for the default tenant
 * @file: the file, or one of the device with the same credentials, which have
 *	  to give the right to the tenant, or CAP_SYS_ADMIN in the initial user
 *	  namespace
 *
 * Context: May sleep.
 * Return: the tenant, with a reference that kvpool_tenant_put() drops;
 * ERR_PTR(-ENOENT); ERR_PTR(-EACCES); ERR_PTR(-ENODEV) while the module is
 * being loaded.
 */
struct kvpool_tenant *kvpool_tenants_attach(const char *name,
					    const struct file *file)
{
	struct kvpool_tenant *tenant;
	bool admin = false;

	/* Pairs with kvpool_pool_open(). */
	if (!smp_load_acquire(&kvpool_pool.open))
		return ERR_PTR(-ENODEV);
	for (;;) {
		rcu_read_lock();
		tenant = kvpool_tenants_find(name ?: KVPOOL_DEFAULT_TENANT);
		if (!tenant)
			tenant = ERR_PTR(-ENOENT);
		else if (!admin && !kvpool_tenant_allows(tenant, file))
			tenant = ERR_PTR(-EACCES);
		else if (!kvpool_tenant_get(tenant))
			tenant = ERR_PTR(-ENOENT);
		rcu_read_unlock();
		if (tenant != ERR_PTR(-EACCES))
			return tenant;
		/* A security module may sleep. Not that of a container. */
		admin = file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN);
		if (!admin)
			return tenant;
	}
}

/**
 * kvpool_tenants_use() - Find a tenant on behalf of another host
 * @name: its name
 *
 * The caller checks the right of that host to use the tenant.
 *
 * Context: Any.
 * Return: the tenant, with a reference that kvpool_tenant_put() drops, or NULL.
 */
struct kvpool_tenant *kvpool_tenants_use(const char *name)
{
	struct kvpool_tenant *tenant;

	rcu_read_lock();
	tenant = kvpool_tenants_find(name);
	if (tenant && !kvpool_tenant_get(tenant))
		tenant = NULL;
	rcu_read_unlock();
	return tenant;
}

/**
 * kvpool_tenants_set_policy() - Change the eviction order of all tenants
 * @ops: the order; the change drops no block
 *
 * Context: May sleep.
 */
void kvpool_tenants_set_policy(const struct kvpool_policy_ops *ops)
{
	struct kvpool_tenant *tenant;

	mutex_lock(&kvpool_tenants_lock);
	WRITE_ONCE(kvpool_pool.policy, ops);
	list_for_each_entry(tenant, &kvpool_pool.tenants, entry)
		kvpool_policy_switch(&tenant->policy, ops);
	mutex_unlock(&kvpool_tenants_lock);
}
