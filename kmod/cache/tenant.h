/* SPDX-License-Identifier: GPL-2.0 */
/* Tenants: isolation domains with keys, memory, quotas and statistics. */
#ifndef _KVPOOL_TENANT_H
#define _KVPOOL_TENANT_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/nodemask.h>
#include <linux/percpu_counter.h>
#include <linux/ratelimit_types.h>
#include <linux/rhashtable.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>

#include <linux/kvpool.h>

#include "cache/policy.h"
#include "cache/stats.h"
#include "cache/wanted.h"
#include "mem/arena.h"

#define KVPOOL_DEFAULT_TENANT	"default"

struct file;
struct kvpool_hists;

/**
 * struct kvpool_tenant - an isolation domain
 * @kobj:	directory in sysfs; its reference count is that of the tenant
 * @entry:	in pool.tenants: see there
 * @name:	NUL-terminated
 * @id:		number, not reused while the module is loaded
 * @uid:	user who may open files of the tenant, or INVALID_UID
 * @gid:	group whose members may, or INVALID_GID
 * @nr_users:	attached contexts, and uses by movers. The tenant is deleted
 *		only when this is zero; deletion makes it negative.
 * @index:	blocks by key
 * @arena:	memory
 * @policy:	eviction order
 * @quota:	most chunks of the arena, ULONG_MAX if unlimited
 * @wanted:	parents that were named before they were there, by their keys;
 *		protected by policy.lock
 * @guaranteed:	chunks from the start of the arena that never leave
 * @guaranteed_nodes: nodes of these chunks
 * @pin_quota:	most bytes of hard-pinned blocks
 * @pinned:	bytes of hard-pinned blocks; protected by policy.lock
 * @push_quota:	most pages of blocks that peers have pushed, ULONG_MAX if
 *		unlimited
 * @pushed:	pages of these blocks
 * @pushing:	pages of those that are not complete
 * @counters:	statistics, per CPU
 * @hists:	histograms, per CPU
 * @limits:	bounds the lines in the log about limits that were reached
 * @described:	bytes of descriptions of blocks, without lists of extents
 * @queues:	waiters of pending blocks; see cache/waiters.c
 * @quarantine:	dead reservations whose memory had a DMA pin
 * @quarantine_lock: protects @quarantine
 * @quarantined: pages in quarantine or of pre-empted reservations
 * @claim_next:	jiffies before which the tenant does not try to claim chunks of
 *		other tenants
 * @epoch:	raised to drop all blocks
 * @swept:	epoch before which no block is in the index; epoch_work
 * @epoch_work:	removes blocks of earlier epochs
 * @evict_work:	reclaims until the tenant is within its quota and its low
 *		watermark
 * @evict_since: jiffies when the quota was changed, for @evict_work, or
 *		KVPOOL_TAKE_PATIENT
 * @quarantine_work: frees blocks in quarantine whose DMA pins are gone
 */
struct kvpool_tenant {
	struct kobject kobj;
	struct list_head entry;
	char name[KVPOOL_NAME_SIZE];
	u32 id;
	kuid_t uid;
	kgid_t gid;
	struct kvpool_counters __percpu *counters;
	struct kvpool_hists __percpu *hists;
	u32 epoch;
	u32 swept;
	unsigned long quota;
	unsigned long guaranteed;
	nodemask_t guaranteed_nodes;
	u64 pin_quota;
	unsigned long push_quota;
	/* Above is what calls read; each of these they change. */
	struct rhashtable index ____cacheline_aligned_in_smp;
	struct rhashtable queues ____cacheline_aligned_in_smp;
	struct kvpool_arena arena;
	struct kvpool_policy policy ____cacheline_aligned_in_smp;
	u64 pinned;
	struct kvpool_wanted wanted[KVPOOL_WANTED];
	struct percpu_counter described ____cacheline_aligned_in_smp;
	atomic_t nr_users;
	struct ratelimit_state limits;
	struct list_head quarantine;
	spinlock_t quarantine_lock;	/* the list above */
	atomic_long_t quarantined;
	atomic_long_t pushed;
	atomic_long_t pushing;
	unsigned long claim_next;
	struct work_struct epoch_work;
	struct work_struct evict_work;
	unsigned long evict_since;
	struct delayed_work quarantine_work;
};

#define kvpool_count(tenant, name, n)	\
	this_cpu_add((tenant)->counters->name, (n))

struct kvpool_tenant *kvpool_tenant_alloc(const char *name);
void kvpool_tenant_free(struct kvpool_tenant *tenant);
bool kvpool_tenant_allows(const struct kvpool_tenant *tenant,
			  const struct file *file);
bool kvpool_tenant_get(struct kvpool_tenant *tenant);
void kvpool_tenant_put(struct kvpool_tenant *tenant);
bool kvpool_tenant_close(struct kvpool_tenant *tenant);
u64 kvpool_tenant_described(const struct kvpool_tenant *tenant);
void kvpool_tenant_describe(struct kvpool_tenant *tenant, long bytes);
unsigned long kvpool_tenant_room(const struct kvpool_tenant *tenant);
void kvpool_tenant_set_quota(struct kvpool_tenant *tenant, u64 bytes);
unsigned long kvpool_tenant_capacity(const struct kvpool_tenant *tenant);

#endif /* _KVPOOL_TENANT_H */
