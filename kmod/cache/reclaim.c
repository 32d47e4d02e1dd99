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
#include "compat.h"

/* Compaction walks over all blocks, so it should release several chunks. */
#define KVPOOL_CLAIM_CHUNKS	8

/* Compactions without a released chunk until the next tenant is tried. */
#define KVPOOL_COMPACT_FAILS	2

/* Time until the shrinker retries a chunk that could not be emptied. */
#define KVPOOL_STUCK_PAUSE	HZ

/* Longest wait of a task out of memory for a task that holds pool.lock. */
#define KVPOOL_OOM_WAIT		(2 * HZ)

static struct shrinker *kvpool_shrinker;
static atomic_long_t kvpool_reclaimed;		/* chunks since load */

/* Release chunks of a tenant: empty ones first. */
static unsigned long kvpool_give_chunks(struct kvpool_tenant *tenant, int node,
					unsigned long nr, u32 since,
					unsigned int flags)
{
	unsigned long freed, got;
	int fails = 0;

	freed = kvpool_arena_shrink(&tenant->arena, node, nr, flags);
	while (freed < nr && fails < KVPOOL_COMPACT_FAILS &&
	       !fatal_signal_pending(current)) {
		got = kvpool_compact(tenant, node, since, nr - freed, flags);
		freed += got;
		fails += !got;
	}
	return freed;
}

/* The next tenant after @prev in the order of size; pool.lock is held. */
static struct kvpool_tenant *kvpool_tenant_largest(unsigned long prev,
						   u32 prev_id,
						   unsigned long *size)
{
	struct kvpool_tenant *tenant, *best = NULL;
	unsigned long n;

	list_for_each_entry(tenant, &kvpool_pool.tenants, entry) {
		n = atomic_long_read(&tenant->arena.nr_chunks);
		if (!n || n > prev || (n == prev && tenant->id <= prev_id))
			continue;
		if (!best || n > *size) {
			best = tenant;
			*size = n;
		}
	}
	return best;
}

/*
 * Release chunks of tenants that hold more than @share, the largest first.
 * Chunks that could not be emptied since @since are skipped. pool.lock keeps
 * the tenants from being deleted.
 */
static unsigned long kvpool_reclaim(int node, unsigned long nr,
				    unsigned long share, u32 since,
				    unsigned int flags)
{
	unsigned long freed = 0, size = ULONG_MAX;
	struct kvpool_tenant *tenant;
	u32 id = 0;

	lockdep_assert_held(&kvpool_pool.lock);
	while (freed < nr) {
		tenant = kvpool_tenant_largest(size, id, &size);
		if (!tenant || size <= share)
			break;
		id = tenant->id;
		freed += kvpool_give_chunks(tenant, node,
					    min(nr - freed, size - share),
					    since, flags);
	}
	atomic_long_add(freed, &kvpool_reclaimed);
	return freed;
}

/* Chunks that each tenant may hold when memory is short. */
static unsigned long kvpool_tenant_share(void)
{
	unsigned long n = 0;
	struct kvpool_tenant *tenant;

	list_for_each_entry(tenant, &kvpool_pool.tenants, entry)
		n += atomic_read(&tenant->nr_users) ||
		     READ_ONCE(tenant->arena.used);
	return kvpool_tiers_limit() / max(n, 1UL);
}

/**
 * kvpool_reclaim_claim() - Make a tenant release chunks for another one
 * @tenant: the tenant that needs a chunk
 * @node: NUMA node of the chunk
 *
 * Another tenant releases an empty chunk, or, if @tenant holds less than its
 * share, chunks beyond that other tenant's share.
 *
 * Context: pool.lock is held; may sleep.
 * Return: true if a chunk was released.
 */
bool kvpool_reclaim_claim(struct kvpool_tenant *tenant, int node)
{
	unsigned long share = kvpool_tenant_share(), freed = 0;
	struct kvpool_tenant *other;

	list_for_each_entry(other, &kvpool_pool.tenants, entry) {
		if (other != tenant)
			freed = kvpool_arena_shrink(&other->arena, node, 1, 0);
		if (freed)
			return true;
	}
	return atomic_long_read(&tenant->arena.nr_chunks) < share &&
	       kvpool_reclaim(node, KVPOOL_CLAIM_CHUNKS, share, jiffies, 0);
}

static bool kvpool_over(struct kvpool_tenant *tenant, unsigned int percent)
{
	unsigned long cap = kvpool_tenant_capacity(tenant);

	/* Pages times 100 do not overflow. */
	return READ_ONCE(tenant->arena.used) * 100 >
	       cap * KVPOOL_CHUNK_PAGES * percent;
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
	    READ_ONCE(tenant->quota) || kvpool_over_high(tenant))
		queue_work(kvpool_pool.wq, &tenant->evict_work);
}

/**
 * kvpool_reclaim_kick_all() - Call kvpool_reclaim_kick() for all tenants
 *
 * Context: pool.lock is held.
 */
void kvpool_reclaim_kick_all(void)
{
	struct kvpool_tenant *tenant;

	lockdep_assert_held(&kvpool_pool.lock);
	list_for_each_entry(tenant, &kvpool_pool.tenants, entry)
		kvpool_reclaim_kick(tenant);
}

/* Reclaim until a tenant is within its quota and its low watermark. */
static void kvpool_reclaim_work(struct work_struct *work)
{
	struct kvpool_tenant *tenant =
		container_of(work, struct kvpool_tenant, evict_work);
	unsigned long nr = atomic_long_read(&tenant->arena.nr_chunks);
	unsigned long quota = READ_ONCE(tenant->quota);

	if (nr > quota)
		kvpool_give_chunks(tenant, NUMA_NO_NODE, nr - quota, jiffies,
				   0);
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
	unsigned long nr, limit;

	mutex_lock(&kvpool_pool.lock);
	nr = atomic_long_read(&tier->nr_chunks);
	limit = READ_ONCE(tier->limit);
	if (nr > limit)
		kvpool_reclaim(tier->node, nr - limit, 0, jiffies, 0);
	mutex_unlock(&kvpool_pool.lock);
}

/* Pages that may be released, without chunks that got stuck since @since. */
static unsigned long kvpool_shrinkable(u32 since)
{
	struct kvpool_tenant *tenant;
	unsigned long sum = 0, pages;
	int i;

	lockdep_assert_held(&kvpool_pool.lock);
	list_for_each_entry(tenant, &kvpool_pool.tenants, entry) {
		pages = kvpool_arena_empty(&tenant->arena, NUMA_NO_NODE) *
			KVPOOL_CHUNK_PAGES;
		for (i = 0; i < KVPOOL_NR_QUEUES; i++)
			pages += READ_ONCE(tenant->policy.queues[i].pages);
		/* Evicting blocks frees no chunk that has a DMA pin. */
		sum += min(pages, KVPOOL_CHUNK_PAGES *
			   kvpool_arena_movable(&tenant->arena, since,
						pages / KVPOOL_CHUNK_PAGES));
	}
	return sum;
}

static unsigned long kvpool_shrink_count(struct shrinker *shrinker,
					 struct shrink_control *sc)
{
	unsigned long sum;

	if (!mutex_trylock(&kvpool_pool.lock))
		return 0;
	sum = kvpool_shrinkable((u32)jiffies - KVPOOL_STUCK_PAUSE);
	mutex_unlock(&kvpool_pool.lock);
	return sum ?: SHRINK_EMPTY;
}

static unsigned long kvpool_shrink_scan(struct shrinker *shrinker,
					struct shrink_control *sc)
{
	unsigned long freed;

	/* Growing by shrinking would only evict; kswapd acts for others too. */
	if (!(sc->gfp_mask & __GFP_FS) ||
	    (kvpool_tiers_growing() && !(current->flags & PF_KSWAPD)))
		return SHRINK_STOP;
	if (!mutex_trylock(&kvpool_pool.lock))
		return SHRINK_STOP;
	/* The shrinker is called often: do not retry stuck chunks each time. */
	freed = kvpool_reclaim(NUMA_NO_NODE,
			       DIV_ROUND_UP(sc->nr_to_scan, KVPOOL_CHUNK_PAGES),
			       0, (u32)jiffies - KVPOOL_STUCK_PAUSE,
			       KVPOOL_RECLAIM_TRY);
	mutex_unlock(&kvpool_pool.lock);
	return freed ? freed * KVPOOL_CHUNK_PAGES : SHRINK_STOP;
}

/*
 * Release chunks before the OOM killer runs. While a task holds pool.lock,
 * reclaim fails for every other task, however long that task sleeps or is kept
 * from running, so wait for it. The wait is bounded, because that task may need
 * memory itself.
 */
static int kvpool_oom_notify(struct notifier_block *nb, unsigned long unused,
			     void *data)
{
	long before = atomic_long_read(&kvpool_reclaimed), nr;
	unsigned long end = jiffies + KVPOOL_OOM_WAIT, *freed = data;
	bool hopeless = false;

	for (;;) {
		if (mutex_trylock(&kvpool_pool.lock)) {
			if (!kvpool_reclaim(NUMA_NO_NODE, KVPOOL_CLAIM_CHUNKS,
					    0, jiffies, KVPOOL_RECLAIM_TRY))
				hopeless = !kvpool_shrinkable(jiffies);
			mutex_unlock(&kvpool_pool.lock);
		}
		/* Chunks that other tasks have reclaimed count too. */
		nr = atomic_long_read(&kvpool_reclaimed) - before;
		if (nr || hopeless || fatal_signal_pending(current) ||
		    time_after(jiffies, end))
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
	kvpool_shrinker->batch = KVPOOL_CLAIM_CHUNKS * KVPOOL_CHUNK_PAGES;
	kvpool_shrinker->seeks = DEFAULT_SEEKS;
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
