// SPDX-License-Identifier: GPL-2.0
/* Tenants: isolation domains with keys, memory, quotas and statistics. */
#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/jiffies.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "kvpool.h"
#include "control/trace.h"

#define KVPOOL_DEFAULT_TENANT	"default"
#define KVPOOL_TENANT_DELETED	-1	/* its nr_ctx */

/*
 * Held while a tenant is added or deleted from end to end, so that a name in
 * sysfs and a tenant in the list come and go as one. Outside of pool.lock;
 * nothing that a file in a tenant's directory does may wait for it.
 */
static DEFINE_MUTEX(kvpool_tenants_lock);

static u32 kvpool_tenant_next_id;	/* kvpool_tenants_lock */

static bool kvpool_tenant_name_ok(const char *name)
{
	const char *p;

	for (p = name; *p; p++)
		if (!islower(*p) && !isdigit(*p) && !strchr("._-", *p))
			return false;
	return p != name && p - name < KVPOOL_NAME_SIZE && *name != '.' &&
	       strcmp(name, "add") && strcmp(name, "del");
}

/* pool.lock or the RCU read lock is held. */
static struct kvpool_tenant *kvpool_tenant_find(const char *name)
{
	struct kvpool_tenant *tenant;

	list_for_each_entry_rcu(tenant, &kvpool_pool.tenants, entry,
				lockdep_is_held(&kvpool_pool.lock))
		if (!strcmp(tenant->name, name))
			return tenant;
	return NULL;
}

static void kvpool_tenant_free_block(void *ptr, void *arg)
{
	kvpool_block_free(arg, ptr);
}

/**
 * kvpool_tenant_free() - Free a tenant that nobody refers to any more
 * @tenant: the tenant; called when its kobject is released
 */
void kvpool_tenant_free(struct kvpool_tenant *tenant)
{
	cancel_work_sync(&tenant->evict_work);
	kvpool_quarantine_exit(tenant);
	rhashtable_free_and_destroy(&tenant->index, kvpool_tenant_free_block,
				    tenant);
	kvpool_arena_exit(&tenant->arena);
	free_percpu(tenant->counters);
	kfree(tenant);
}

static struct kvpool_tenant *kvpool_tenant_create(const char *name)
{
	struct kvpool_tenant *tenant;
	int ret = -ENOMEM;

	tenant = kzalloc(sizeof(*tenant), GFP_KERNEL);
	if (!tenant)
		return ERR_PTR(-ENOMEM);
	tenant->counters = alloc_percpu(struct kvpool_counters);
	if (!tenant->counters)
		goto err_free;
	ret = kvpool_index_init(&tenant->index);
	if (ret)
		goto err_counters;
	ret = kvpool_arena_init(&tenant->arena);
	if (ret)
		goto err_index;

	strscpy(tenant->name, name, sizeof(tenant->name));
	tenant->uid = GLOBAL_ROOT_UID;
	tenant->gid = GLOBAL_ROOT_GID;
	tenant->quota = ULONG_MAX;
	tenant->claim_next = jiffies;
	kvpool_policy_init(&tenant->policy, &kvpool_policy_lru);
	kvpool_quarantine_init(tenant);
	init_waitqueue_head(&tenant->wq);
	INIT_WORK(&tenant->evict_work, kvpool_evict_work);
	kobject_init(&tenant->kobj, &kvpool_tenant_ktype);
	return tenant;

err_index:
	rhashtable_destroy(&tenant->index);
err_counters:
	free_percpu(tenant->counters);
err_free:
	kfree(tenant);
	return ERR_PTR(ret);
}

/* Put a new tenant where all can find it. */
static void kvpool_tenant_enter(struct kvpool_tenant *tenant)
{
	mutex_lock(&kvpool_pool.lock);
	tenant->policy.ops = kvpool_pool.policy;
	list_add_tail_rcu(&tenant->entry, &kvpool_pool.tenants);
	mutex_unlock(&kvpool_pool.lock);
	trace_kvpool_tenant_add(tenant);
}

/* End a tenant that nobody finds any more. */
static void kvpool_tenant_leave(struct kvpool_tenant *tenant)
{
	trace_kvpool_tenant_del(tenant);
	/* The default tenant is not there if the module could not load. */
	if (tenant->kobj.state_in_sysfs)
		kobject_del(&tenant->kobj);
	synchronize_rcu();
	kobject_put(&tenant->kobj);
}

/**
 * kvpool_tenants_init() - Make the default tenant
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_tenants_init(void)
{
	struct kvpool_tenant *tenant;

	tenant = kvpool_tenant_create(KVPOOL_DEFAULT_TENANT);
	if (IS_ERR(tenant))
		return PTR_ERR(tenant);
	tenant->id = kvpool_tenant_next_id++;
	kvpool_tenant_enter(tenant);
	return 0;
}

/**
 * kvpool_tenants_register() - Show the default tenant in sysfs
 *
 * Return: 0 or a negative errno.
 */
int kvpool_tenants_register(void)
{
	return kvpool_sysfs_tenant_add(list_first_entry(&kvpool_pool.tenants,
							struct kvpool_tenant,
							entry));
}

/**
 * kvpool_tenants_exit() - End all tenants; no file is open
 */
void kvpool_tenants_exit(void)
{
	struct kvpool_tenant *tenant, *next;
	LIST_HEAD(all);

	mutex_lock(&kvpool_tenants_lock);
	mutex_lock(&kvpool_pool.lock);
	kvpool_pool.closing = true;
	list_splice_init(&kvpool_pool.tenants, &all);
	mutex_unlock(&kvpool_pool.lock);

	list_for_each_entry_safe(tenant, next, &all, entry)
		kvpool_tenant_leave(tenant);
	mutex_unlock(&kvpool_tenants_lock);
}

/**
 * kvpool_tenant_add() - Make a tenant
 * @name: 1 to 31 of a-z, 0-9, ".", "_", "-", not beginning with "."
 *
 * It has no quota, and only root may attach until uid or gid are set.
 *
 * Return: 0, -EINVAL for the name, -EEXIST, -ENODEV when the module is being
 * unloaded, or -ENOMEM.
 */
int kvpool_tenant_add(const char *name)
{
	struct kvpool_tenant *tenant;
	int ret;

	if (!kvpool_tenant_name_ok(name))
		return -EINVAL;
	tenant = kvpool_tenant_create(name);
	if (IS_ERR(tenant))
		return PTR_ERR(tenant);

	mutex_lock(&kvpool_tenants_lock);
	mutex_lock(&kvpool_pool.lock);
	if (kvpool_pool.closing)
		ret = -ENODEV;
	else
		ret = kvpool_tenant_find(name) ? -EEXIST : 0;
	mutex_unlock(&kvpool_pool.lock);
	if (!ret) {
		tenant->id = kvpool_tenant_next_id++;
		ret = kvpool_sysfs_tenant_add(tenant);
	}
	if (!ret)
		kvpool_tenant_enter(tenant);
	mutex_unlock(&kvpool_tenants_lock);
	if (ret)
		kobject_put(&tenant->kobj);
	return ret;
}

/**
 * kvpool_tenant_del() - End a tenant and drop its blocks
 * @name: its name
 *
 * Return: 0, -ENOENT, -EPERM for the default tenant, or -EBUSY while files are
 * attached.
 */
int kvpool_tenant_del(const char *name)
{
	struct kvpool_tenant *tenant;
	int ret = 0;

	mutex_lock(&kvpool_tenants_lock);
	mutex_lock(&kvpool_pool.lock);
	tenant = kvpool_tenant_find(name);
	if (!tenant)
		ret = -ENOENT;
	else if (!strcmp(name, KVPOOL_DEFAULT_TENANT))
		ret = -EPERM;
	else if (atomic_cmpxchg(&tenant->nr_ctx, 0, KVPOOL_TENANT_DELETED))
		ret = -EBUSY;
	else
		list_del_rcu(&tenant->entry);
	mutex_unlock(&kvpool_pool.lock);
	if (!ret)
		kvpool_tenant_leave(tenant);
	mutex_unlock(&kvpool_tenants_lock);
	return ret;
}

/* Authority follows whoever opened the file, not whoever uses it. */
static bool kvpool_tenant_allows(const struct kvpool_tenant *tenant,
				 const struct file *file)
{
	const struct cred *old;
	bool member;

	if (!strcmp(tenant->name, KVPOOL_DEFAULT_TENANT) ||
	    uid_eq(file->f_cred->fsuid, READ_ONCE(tenant->uid)))
		return true;
	old = override_creds(file->f_cred);
	member = in_group_p(READ_ONCE(tenant->gid)) || capable(CAP_SYS_ADMIN);
	revert_creds(old);
	return member;
}

/**
 * kvpool_tenant_attach() - Attach a file to a tenant
 * @name: its name, or NULL for the default one
 * @file: the file
 *
 * Return: the tenant; end it with kvpool_tenant_detach(). ERR_PTR(-ENOENT),
 * ERR_PTR(-EACCES), or ERR_PTR(-ENODEV) while the module is being loaded.
 */
struct kvpool_tenant *kvpool_tenant_attach(const char *name,
					   const struct file *file)
{
	struct kvpool_tenant *tenant;

	mutex_lock(&kvpool_pool.lock);
	tenant = kvpool_tenant_find(name ?: KVPOOL_DEFAULT_TENANT);
	if (!kvpool_pool.open)
		tenant = ERR_PTR(-ENODEV);
	else if (!tenant)
		tenant = ERR_PTR(-ENOENT);
	else if (!kvpool_tenant_allows(tenant, file))
		tenant = ERR_PTR(-EACCES);
	else
		atomic_inc(&tenant->nr_ctx);
	mutex_unlock(&kvpool_pool.lock);
	return tenant;
}

/**
 * kvpool_tenant_use() - Attach to a tenant on behalf of another host
 * @name: its name
 *
 * Whoever calls answers for the right to do so. Does not sleep: those who evict
 * hold pool.lock for long, and other hosts do not wait for that.
 *
 * Return: the tenant; end it with kvpool_tenant_detach(). NULL if there is
 * none of that name.
 */
struct kvpool_tenant *kvpool_tenant_use(const char *name)
{
	struct kvpool_tenant *tenant;

	rcu_read_lock();
	tenant = kvpool_tenant_find(name);
	if (tenant && !atomic_inc_unless_negative(&tenant->nr_ctx))
		tenant = NULL;
	rcu_read_unlock();
	return tenant;
}
EXPORT_SYMBOL_KVPOOL(kvpool_tenant_use);

/**
 * kvpool_tenant_detach() - Undo kvpool_tenant_attach() or kvpool_tenant_use()
 * @tenant: the tenant; it may be gone afterwards. Does not sleep.
 */
void kvpool_tenant_detach(struct kvpool_tenant *tenant)
{
	/* What was done with it comes before its deletion. */
	atomic_dec_return_release(&tenant->nr_ctx);
}
EXPORT_SYMBOL_KVPOOL(kvpool_tenant_detach);

/**
 * kvpool_tenant_capacity() - How much a tenant may hold
 * @tenant: the tenant
 *
 * Return: chunks: its quota, or what all tiers may hold if that is less.
 */
unsigned long kvpool_tenant_capacity(const struct kvpool_tenant *tenant)
{
	return min(READ_ONCE(tenant->quota), kvpool_tiers_limit());
}
