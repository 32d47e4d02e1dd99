// SPDX-License-Identifier: GPL-2.0
/*
 * Reclaim: release chunks of tenants, for the kernel, for another tenant, or
 * because a limit was lowered.
 *
 * The largest tenant releases first; a tenant releases its empty chunks first.
 */
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/oom.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "cache/compact.h"
#include "cache/evict.h"
#include "cache/pool.h"
#include "cache/reclaim.h"
#include "cache/tenant.h"
#include "cache/tenants.h"
#include "compat.h"

/* Chunks that the kernel asks for in one step. */
#define KVPOOL_SHRINK_CHUNKS	8

/* Most chunks that another tenant releases for a claim. */
#define KVPOOL_CLAIM_CHUNKS	8

/* Chunks that may fail in a step that must be short. */
#define KVPOOL_FEW_FAILURES	16

/* Chunks released until a long attempt lets tenants be deleted. */
#define KVPOOL_RECLAIM_SLICE	64

/* Longest wait of a task out of memory for tasks that reclaim. */
#define KVPOOL_OOM_WAIT		(2 * HZ)

/*
 * Evicted blocks are computed or fetched again, which costs more than to read
 * a page again. Other caches give back eight times as much.
 */
#define KVPOOL_SEEKS		(8 * DEFAULT_SEEKS)

static struct shrinker *kvpool_shrinker;
static atomic_long_t kvpool_reclaimed;	/* chunks given back to the kernel */
static atomic_t kvpool_reclaimers;	/* tasks that give back chunks */

/* Release chunks of a tenant on one node or on all: empty ones first. */
static unsigned long kvpool_give_chunks(struct kvpool_tenant *tenant, int node,
					unsigned long nr,
					const struct kvpool_effort *effort)
{
	struct kvpool_effort now = *effort;
	unsigned long freed = 0;
	int i;

	for (now.most = 0;; now.most = effort->most) {
		for (i = 0; i < nr_node_ids && freed < nr; i++)
			if (node == NUMA_NO_NODE || node == i)
				freed += kvpool_compact(tenant, i, nr - freed,
							&now);
		if (now.most == effort->most || freed == nr)
			return freed;
	}
}

/**
 * kvpool_reclaim_own() - Release chunks of a tenant that needs others
 * @tenant: the tenant
 * @node: NUMA node of the chunks
 * @nr: most chunks to release
 *
 * Context: May sleep.
 * Return: the number of chunks that were released.
 */
unsigned long kvpool_reclaim_own(struct kvpool_tenant *tenant, int node,
				 unsigned long nr)
{
	const struct kvpool_effort effort = {
		.most = KVPOOL_CHUNK_PAGES,
		.since = jiffies ?: 1,
		.failures = ULONG_MAX,
	};

	return kvpool_give_chunks(tenant, node, nr, &effort);
}

/**
 * kvpool_reclaim_empty() - Release empty chunks of a tenant
 * @tenant: the tenant
 * @nr: most chunks to release
 *
 * Context: May sleep.
 */
void kvpool_reclaim_empty(struct kvpool_tenant *tenant, unsigned long nr)
{
	const struct kvpool_effort effort = {
		.since = jiffies ?: 1,
		.failures = ULONG_MAX,
	};

	kvpool_give_chunks(tenant, NUMA_NO_NODE, nr, &effort);
}

/* Chunks of a tenant that may leave a node. */
static unsigned long kvpool_tenant_loose(struct kvpool_tenant *tenant, int node,
					 unsigned long since)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < nr_node_ids; i++)
		if (node == NUMA_NO_NODE || node == i)
			sum += kvpool_arena_loose(&tenant->arena, i, since);
	return sum;
}

/**
 * struct kvpool_request - chunks that tenants are to release
 * @node:	NUMA node of the chunks, or NUMA_NO_NODE for all nodes
 * @nr:		most chunks to release
 * @share:	chunks that each tenant keeps
 * @but:	a tenant that releases nothing, or NULL
 * @effort:	how hard to try
 */
struct kvpool_request {
	int node;
	unsigned long nr;
	unsigned long share;
	const struct kvpool_tenant *but;
	struct kvpool_effort effort;
};

/* The next tenant after @prev in the order of size. */
static struct kvpool_tenant *
kvpool_tenant_largest(const struct kvpool_request *req, unsigned long prev,
		      u32 prev_id, unsigned long *size)
{
	struct kvpool_tenant *tenant, *best = NULL;
	unsigned long n;

	kvpool_for_each_tenant(tenant) {
		n = kvpool_tenant_loose(tenant, req->node, req->effort.since);
		if (tenant == req->but || !n || n > prev ||
		    (n == prev && tenant->id <= prev_id))
			continue;
		if (!best || n > *size) {
			best = tenant;
			*size = n;
		}
	}
	return best;
}

/* Release chunks of tenants that hold more than their share, the largest first. */
static unsigned long kvpool_reclaim(const struct kvpool_request *req)
{
	unsigned long freed = 0, size = ULONG_MAX, nr;
	struct kvpool_tenant *tenant;
	u32 id = 0;
	int srcu;

	atomic_inc(&kvpool_reclaimers);
	srcu = srcu_read_lock(&kvpool_tenants_srcu);
	while (freed < req->nr && !fatal_signal_pending(current)) {
		tenant = kvpool_tenant_largest(req, size, id, &size);
		if (!tenant)
			break;
		id = tenant->id;
		nr = atomic_long_read(&tenant->arena.nr_chunks);
		if (nr > req->share)
			freed += kvpool_give_chunks(tenant, req->node,
						    min(req->nr - freed,
							nr - req->share),
						    &req->effort);
		cond_resched();
	}
	srcu_read_unlock(&kvpool_tenants_srcu, srcu);
	atomic_dec(&kvpool_reclaimers);
	return freed;
}

/**
 * kvpool_reclaim_others() - Make other tenants release chunks, whatever they hold
 * @tenant: the tenant that needs chunks
 * @node: NUMA node of the chunks
 * @nr: chunks that it needs
 *
 * Context: May sleep.
 * Return: the number of chunks that were released.
 */
unsigned long kvpool_reclaim_others(struct kvpool_tenant *tenant, int node,
				    unsigned long nr)
{
	const struct kvpool_request req = {
		.node = node,
		.nr = nr,
		.but = tenant,
		.effort = {
			.most = KVPOOL_CHUNK_PAGES,
			.since = jiffies ?: 1,
			.failures = ULONG_MAX,
		},
	};

	return kvpool_reclaim(&req);
}

/* Chunks that each tenant may hold when memory is short. */
static unsigned long kvpool_tenant_share(void)
{
	struct kvpool_tenant *tenant;
	unsigned long n = 0;
	int srcu;

	srcu = srcu_read_lock(&kvpool_tenants_srcu);
	kvpool_for_each_tenant(tenant)
		n += atomic_read(&tenant->nr_users) ||
		     READ_ONCE(tenant->arena.used);
	srcu_read_unlock(&kvpool_tenants_srcu, srcu);
	return kvpool_tiers_limit() / max(n, 1UL);
}

/**
 * kvpool_reclaim_claim() - Make other tenants release chunks for a tenant
 * @tenant: the tenant that needs chunks
 * @node: NUMA node of the chunks
 * @nr: chunks that it needs
 *
 * Other tenants release empty chunks, or, if @tenant holds less than its share,
 * chunks beyond their own shares.
 *
 * Context: May sleep.
 * Return: true if a chunk was released.
 */
bool kvpool_reclaim_claim(struct kvpool_tenant *tenant, int node,
			  unsigned long nr)
{
	struct kvpool_request req = {
		.node = node,
		.nr = min_t(unsigned long, nr, KVPOOL_CLAIM_CHUNKS),
		.but = tenant,
		.effort = {
			.since = KVPOOL_TAKE_PATIENT,
			.failures = KVPOOL_FEW_FAILURES,
		},
	};

	if (kvpool_reclaim(&req))
		return true;
	req.share = kvpool_tenant_share();
	req.effort.most = KVPOOL_CHUNK_PAGES;
	return atomic_long_read(&tenant->arena.nr_chunks) < req.share &&
	       kvpool_reclaim(&req);
}

/* Would @more pages be above @percent of what a tenant may have? */
static bool kvpool_beyond(struct kvpool_tenant *tenant, unsigned long more,
			  unsigned int percent)
{
	unsigned long cap = kvpool_tenant_capacity(tenant);

	/* Pages times 100 do not overflow. */
	return (READ_ONCE(tenant->arena.used) + more) * 100 >
	       cap * KVPOOL_CHUNK_PAGES * percent;
}

static bool kvpool_over(struct kvpool_tenant *tenant, unsigned int percent)
{
	return kvpool_beyond(tenant, 0, percent);
}

/**
 * kvpool_reclaim_spares() - Tell whether pages can be used without eviction
 * @tenant: the tenant
 * @pages: pages of memory that is free, or not in the arena yet
 *
 * Context: Any.
 * Return: false if background work would evict blocks for them.
 */
bool kvpool_reclaim_spares(struct kvpool_tenant *tenant, u32 pages)
{
	return !kvpool_beyond(tenant, pages,
			      READ_ONCE(kvpool_pool.watermark_high));
}

/* Use above 100 percent, after a limit was lowered, is up to the tier. */
static bool kvpool_over_high(struct kvpool_tenant *tenant)
{
	unsigned int high = READ_ONCE(kvpool_pool.watermark_high);

	return high < 100 && kvpool_over(tenant, high);
}

/**
 * kvpool_reclaim_kick() - Start background work if a tenant exceeds its bounds
 * @tenant: a tenant whose use, quota or watermarks have changed
 *
 * Context: Any.
 */
void kvpool_reclaim_kick(struct kvpool_tenant *tenant)
{
	if (atomic_long_read(&tenant->arena.nr_chunks) >
	    kvpool_tenant_room(tenant) || kvpool_over_high(tenant))
		queue_work(kvpool_pool.wq, &tenant->evict_work);
}

/**
 * kvpool_reclaim_quota() - Enforce a quota that has changed
 * @tenant: the tenant
 *
 * Context: Any.
 */
void kvpool_reclaim_quota(struct kvpool_tenant *tenant)
{
	WRITE_ONCE(tenant->evict_since, jiffies ?: 1);
	kvpool_reclaim_kick(tenant);
}

/**
 * kvpool_reclaim_kick_all() - Call kvpool_reclaim_kick() for all tenants
 *
 * Context: May sleep.
 */
void kvpool_reclaim_kick_all(void)
{
	struct kvpool_tenant *tenant;
	int srcu;

	srcu = srcu_read_lock(&kvpool_tenants_srcu);
	kvpool_for_each_tenant(tenant)
		kvpool_reclaim_kick(tenant);
	srcu_read_unlock(&kvpool_tenants_srcu, srcu);
}

/* Reclaim until a tenant is within its quota and its low watermark. */
static void kvpool_reclaim_work(struct work_struct *work)
{
	struct kvpool_tenant *tenant =
		container_of(work, struct kvpool_tenant, evict_work);
	unsigned long nr = atomic_long_read(&tenant->arena.nr_chunks);
	unsigned long quota = kvpool_tenant_room(tenant);
	const struct kvpool_effort effort = {
		.most = KVPOOL_CHUNK_PAGES,
		/* Held chunks only once after a change of the quota. */
		.since = xchg(&tenant->evict_since, KVPOOL_TAKE_PATIENT),
		.failures = ULONG_MAX,
	};

	kvpool_evict_finish_sweep(tenant);
	if (nr > quota)
		kvpool_give_chunks(tenant, NUMA_NO_NODE, nr - quota, &effort);
	if (!kvpool_over_high(tenant))
		return;
	while (kvpool_over(tenant, READ_ONCE(kvpool_pool.watermark_low)))
		if (!kvpool_evict(tenant, NUMA_NO_NODE, 1))
			break;
}

/**
 * kvpool_reclaim_tenant_init() - Prepare the background work of a tenant
 * @tenant: a new tenant
 */
void kvpool_reclaim_tenant_init(struct kvpool_tenant *tenant)
{
	INIT_WORK(&tenant->evict_work, kvpool_reclaim_work);
}

/**
 * kvpool_reclaim_tenant_exit() - End the background work of a tenant
 * @tenant: a tenant without users
 *
 * Context: May sleep.
 */
void kvpool_reclaim_tenant_exit(struct kvpool_tenant *tenant)
{
	cancel_work_sync(&tenant->evict_work);
}

/**
 * kvpool_reclaim_tier() - Release chunks until a tier is within its limit
 * @tier: the tier, whose limit was lowered
 *
 * Leased and hard-pinned blocks and pages with DMA pins may keep the tier above
 * its limit.
 *
 * Context: May sleep.
 */
void kvpool_reclaim_tier(struct kvpool_tier *tier)
{
	struct kvpool_request req = {
		.node = tier->node,
		.effort = {
			.most = KVPOOL_CHUNK_PAGES,
			.since = jiffies ?: 1,
			.failures = ULONG_MAX,
		},
	};
	unsigned long nr, limit;

	do {
		nr = atomic_long_read(&tier->nr_chunks);
		limit = READ_ONCE(tier->limit);
		if (nr <= limit)
			break;
		req.nr = min_t(unsigned long, nr - limit, KVPOOL_RECLAIM_SLICE);
	} while (kvpool_reclaim(&req) && !fatal_signal_pending(current));
}

/* Pages that the kernel may get on a node. */
static unsigned long kvpool_shrinkable(int node)
{
	unsigned long sum = 0, pages;
	struct kvpool_tenant *tenant;
	int srcu;

	srcu = srcu_read_lock(&kvpool_tenants_srcu);
	kvpool_for_each_tenant(tenant) {
		pages = kvpool_arena_empty(&tenant->arena, node) *
			KVPOOL_CHUNK_PAGES +
			kvpool_policy_pages(&tenant->policy, node);
		/* Evicting blocks frees no chunk that is known to stay. */
		sum += min(pages, KVPOOL_CHUNK_PAGES *
			   kvpool_arena_loose(&tenant->arena, node,
					      KVPOOL_TAKE_PATIENT));
	}
	srcu_read_unlock(&kvpool_tenants_srcu, srcu);
	return sum;
}

static unsigned long kvpool_shrink_count(struct shrinker *shrinker,
					 struct shrink_control *sc)
{
	return kvpool_shrinkable(sc->nid) ?: SHRINK_EMPTY;
}

static unsigned long kvpool_shrink_scan(struct shrinker *shrinker,
					struct shrink_control *sc)
{
	const struct kvpool_request req = {
		.node = sc->nid,
		.nr = DIV_ROUND_UP(sc->nr_to_scan, KVPOOL_CHUNK_PAGES),
		.effort = {
			.most = KVPOOL_CHUNK_PAGES,
			.since = KVPOOL_TAKE_PATIENT,
			.failures = KVPOOL_FEW_FAILURES,
		},
	};
	unsigned long freed;

	/* A task that makes the pool grow allocates without __GFP_FS. */
	if (!(sc->gfp_mask & __GFP_FS))
		return SHRINK_STOP;
	freed = kvpool_reclaim(&req);
	atomic_long_add(freed, &kvpool_reclaimed);
	return freed ? freed * KVPOOL_CHUNK_PAGES : SHRINK_STOP;
}

/* Release chunks of any node; return whether there may be more. */
static bool kvpool_oom_reclaim(unsigned long since)
{
	struct kvpool_request req = {
		.nr = KVPOOL_SHRINK_CHUNKS,
		.effort = {
			.most = KVPOOL_CHUNK_PAGES,
			.since = since,
			.failures = KVPOOL_FEW_FAILURES,
		},
	};
	bool more = false;
	int node;

	for (node = 0; node < nr_node_ids; node++) {
		if (!kvpool_tier_find(node))
			continue;
		kvpool_tier_press(kvpool_tier_find(node));
		req.node = node;
		atomic_long_add(kvpool_reclaim(&req), &kvpool_reclaimed);
		more |= kvpool_shrinkable(node);
	}
	return more;
}

/*
 * Release chunks before the OOM killer runs. What other tasks release at the
 * same time counts too. If nothing was released although there may be more,
 * retry for a while: blocks and chunks that other tasks have taken come back.
 */
static int kvpool_oom_notify(struct notifier_block *nb, unsigned long unused,
			     void *data)
{
	long before = atomic_long_read(&kvpool_reclaimed), nr;
	unsigned long start = jiffies, *freed = data;
	bool more;

	for (;;) {
		more = kvpool_oom_reclaim(start ?: 1) ||
		       atomic_read(&kvpool_reclaimers);
		nr = atomic_long_read(&kvpool_reclaimed) - before;
		if (nr || !more || fatal_signal_pending(current) ||
		    time_after(jiffies, start + KVPOOL_OOM_WAIT))
			break;
		schedule_timeout_uninterruptible(1);
	}
	*freed += nr * KVPOOL_CHUNK_PAGES;
	return NOTIFY_OK;
}

static struct notifier_block kvpool_oom = {
	.notifier_call = kvpool_oom_notify,
};

/**
 * kvpool_reclaim_init() - Register the shrinker and the OOM notifier
 *
 * Context: Module load; may sleep.
 * Return: 0 or a negative errno.
 */
int kvpool_reclaim_init(void)
{
	int ret;

	kvpool_shrinker = kvpool_shrinker_alloc("kvpool");
	if (!kvpool_shrinker)
		return -ENOMEM;
	kvpool_shrinker->count_objects = kvpool_shrink_count;
	kvpool_shrinker->scan_objects = kvpool_shrink_scan;
	kvpool_shrinker->batch = KVPOOL_SHRINK_CHUNKS * KVPOOL_CHUNK_PAGES;
	kvpool_shrinker->seeks = KVPOOL_SEEKS;
	ret = kvpool_shrinker_register(kvpool_shrinker, "kvpool");
	if (ret)
		return ret;
	ret = register_oom_notifier(&kvpool_oom);
	if (ret)
		shrinker_free(kvpool_shrinker);
	return ret;
}

/**
 * kvpool_reclaim_exit() - Undo kvpool_reclaim_init()
 *
 * Context: Module unload; may sleep.
 */
void kvpool_reclaim_exit(void)
{
	unregister_oom_notifier(&kvpool_oom);
	shrinker_free(kvpool_shrinker);
}
