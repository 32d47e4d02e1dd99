// SPDX-License-Identifier: GPL-2.0
/* A tenant by itself: its parts, its users, and the right to attach to it. */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>

#include "cache/hist.h"
#include "cache/index.h"
#include "cache/policy_lru.h"
#include "cache/pool.h"
#include "cache/tenant.h"
#include "cache/waiters.h"

/* Bytes by which a CPU's part of a count may be off. */
#define KVPOOL_DESCRIBED_BATCH	16384

/* Time in which a tenant gets a few lines in the log about its limits. */
#define KVPOOL_LIMITS_INTERVAL	(60 * HZ)

#define KVPOOL_TENANT_CLOSED	-1	/* its nr_users */

/**
 * kvpool_tenant_alloc() - Make a tenant that no task can find yet
 * @name: its name, which the caller has checked
 *
 * The tenant has no owner. The caller initialises its kobject, quarantine
 * and background work.
 *
 * Context: May sleep.
 * Return: the tenant or an ERR_PTR.
 */
struct kvpool_tenant *kvpool_tenant_alloc(const char *name)
{
	struct kvpool_policy_node *nodes;
	struct kvpool_tenant *tenant;
	int ret = -ENOMEM;

	tenant = kzalloc(sizeof(*tenant), GFP_KERNEL);
	if (!tenant)
		return ERR_PTR(-ENOMEM);
	tenant->counters = alloc_percpu(struct kvpool_counters);
	if (!tenant->counters)
		goto err_free;
	tenant->hists = alloc_percpu(struct kvpool_hists);
	if (!tenant->hists)
		goto err_counters;
	ret = percpu_counter_init(&tenant->described, 0, GFP_KERNEL);
	if (ret)
		goto err_hists;
	ret = kvpool_index_init(&tenant->index);
	if (ret)
		goto err_described;
	ret = kvpool_waiters_init(&tenant->queues);
	if (ret)
		goto err_index;
	ret = -ENOMEM;
	nodes = kcalloc(nr_node_ids, sizeof(*nodes), GFP_KERNEL);
	if (!nodes)
		goto err_queues;
	ret = kvpool_arena_init(&tenant->arena);
	if (ret)
		goto err_nodes;

	strscpy(tenant->name, name, sizeof(tenant->name));
	tenant->uid = INVALID_UID;
	tenant->gid = INVALID_GID;
	tenant->guaranteed_nodes = node_states[N_MEMORY];
	kvpool_tenant_set_quota(tenant,
				READ_ONCE(kvpool_pool.default_quota_bytes));
	tenant->pin_quota = READ_ONCE(kvpool_pool.default_pin_quota_bytes);
	tenant->push_quota = ULONG_MAX;
	tenant->claim_next = jiffies;
	kvpool_policy_init(&tenant->policy, &kvpool_policy_lru, nodes,
			   nr_node_ids);
	ratelimit_state_init(&tenant->limits, KVPOOL_LIMITS_INTERVAL, 3);
	/* How many lines were left out is of no interest. */
	ratelimit_set_flags(&tenant->limits, RATELIMIT_MSG_ON_RELEASE);
	return tenant;

err_nodes:
	kfree(nodes);
err_queues:
	rhashtable_destroy(&tenant->queues);
err_index:
	rhashtable_destroy(&tenant->index);
err_described:
	percpu_counter_destroy(&tenant->described);
err_hists:
	free_percpu(tenant->hists);
err_counters:
	free_percpu(tenant->counters);
err_free:
	kfree(tenant);
	return ERR_PTR(ret);
}

/**
 * kvpool_tenant_free() - Undo kvpool_tenant_alloc()
 * @tenant: the tenant; its index is destroyed and its blocks are freed
 *
 * Context: May sleep.
 */
void kvpool_tenant_free(struct kvpool_tenant *tenant)
{
	kvpool_arena_exit(&tenant->arena);
	kfree(tenant->policy.nodes);
	WARN_ON(percpu_counter_sum(&tenant->described));
	percpu_counter_destroy(&tenant->described);
	/* Waiters belong to files, which are gone. */
	rhashtable_destroy(&tenant->queues);
	free_percpu(tenant->hists);
	free_percpu(tenant->counters);
	kfree(tenant);
}

/**
 * kvpool_tenant_allows() - Check the right to open a file of a tenant
 * @tenant: the tenant
 * @file: a file of the device; the credentials of the task that opened it count
 *
 * The right of administrators, who may open files of all tenants, is the
 * caller's to check.
 *
 * Context: Task context; does not sleep.
 * Return: true if the tenant is the default one, or the credentials are those
 * of its user or of a member of its group. A tenant may have neither.
 */
bool kvpool_tenant_allows(const struct kvpool_tenant *tenant,
			  const struct file *file)
{
	kuid_t uid = READ_ONCE(tenant->uid);
	kgid_t gid = READ_ONCE(tenant->gid);
	const struct cred *old;
	bool member;

	if (!strcmp(tenant->name, KVPOOL_DEFAULT_TENANT) ||
	    (uid_valid(uid) && uid_eq(file->f_cred->fsuid, uid)))
		return true;
	if (!gid_valid(gid))
		return false;
	old = override_creds(file->f_cred);
	member = in_group_p(gid);
	revert_creds(old);
	return member;
}

/**
 * kvpool_tenant_get() - Take a reference that keeps a tenant from being deleted
 * @tenant: the tenant; its memory stays during the call
 *
 * Context: Any.
 * Return: false if the tenant is being deleted.
 */
bool kvpool_tenant_get(struct kvpool_tenant *tenant)
{
	return atomic_inc_unless_negative(&tenant->nr_users);
}

/**
 * kvpool_tenant_put() - Undo kvpool_tenant_get()
 * @tenant: the tenant, which may be freed as soon as the reference is dropped
 *
 * Context: Any.
 */
void kvpool_tenant_put(struct kvpool_tenant *tenant)
{
	/* Orders the uses of the tenant before its deletion. */
	atomic_dec_return_release(&tenant->nr_users);
}

/**
 * kvpool_tenant_close() - Make kvpool_tenant_get() fail for good
 * @tenant: the tenant
 *
 * Context: Any.
 * Return: false, and nothing is done, if the tenant has users.
 */
bool kvpool_tenant_close(struct kvpool_tenant *tenant)
{
	return !atomic_cmpxchg(&tenant->nr_users, 0, KVPOOL_TENANT_CLOSED);
}

/**
 * kvpool_tenant_described() - Tell what the descriptions of blocks take
 * @tenant: the tenant
 *
 * Context: Any.
 * Return: bytes, inexact by some KiB for each CPU.
 */
u64 kvpool_tenant_described(const struct kvpool_tenant *tenant)
{
	return percpu_counter_read_positive((void *)&tenant->described) +
	       atomic_long_read(&tenant->arena.described);
}

/**
 * kvpool_tenant_describe() - Account for descriptions of blocks
 * @tenant: the tenant
 * @bytes: bytes that were allocated; negative if they were freed
 *
 * Context: Any.
 */
void kvpool_tenant_describe(struct kvpool_tenant *tenant, long bytes)
{
	percpu_counter_add_batch(&tenant->described, bytes,
				 KVPOOL_DESCRIBED_BATCH);
}

/**
 * kvpool_tenant_room() - Tell how many chunks the quota of a tenant allows
 * @tenant: the tenant
 *
 * What the descriptions of blocks take counts against the quota.
 *
 * Context: Any.
 * Return: chunks, ULONG_MAX if the quota is unlimited.
 */
unsigned long kvpool_tenant_room(const struct kvpool_tenant *tenant)
{
	unsigned long quota = READ_ONCE(tenant->quota);
	unsigned long described = kvpool_tenant_described(tenant) >>
				  KVPOOL_CHUNK_SHIFT;

	return quota == ULONG_MAX ? quota : max(quota, described) - described;
}

/**
 * kvpool_tenant_set_quota() - Set the most memory of a tenant
 * @tenant: the tenant
 * @bytes: 0 if unlimited; else whole chunks count, and one at least
 *
 * Context: Any. kvpool_reclaim_kick() then enforces the quota.
 */
void kvpool_tenant_set_quota(struct kvpool_tenant *tenant, u64 bytes)
{
	WRITE_ONCE(tenant->quota, !bytes ? ULONG_MAX :
		   max_t(u64, bytes >> KVPOOL_CHUNK_SHIFT, 1));
}

/**
 * kvpool_tenant_capacity() - Tell how many chunks a tenant may hold
 * @tenant: the tenant
 *
 * Context: Any.
 * Return: chunks: the lesser of its quota and the sum of all tiers' limits.
 */
unsigned long kvpool_tenant_capacity(const struct kvpool_tenant *tenant)
{
	return min(kvpool_tenant_room(tenant), kvpool_tiers_limit());
}
