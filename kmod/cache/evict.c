// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction: who gives way when space is wanted.
 *
 * A tenant at its quota evicts its own blocks. When a tier is full, a tenant
 * that holds less than its share takes a chunk from the largest one; otherwise
 * it evicts its own. The kernel's shrinker takes from the largest first too.
 */
#include <linux/oom.h>
#include <linux/sched/signal.h>
#include <linux/topology.h>

#include "kvpool.h"
#include "control/trace.h"

/* Blocks to look at with a lock held. */
#define KVPOOL_EVICT_SLICE	256

/* Pages to evict at once, which others could have left in the cache. */
#define KVPOOL_EVICT_PAGES	4096

/* Compaction looks at every block, so it should be for several chunks. */
#define KVPOOL_CLAIM_CHUNKS	8

/* How often it may be in vain before a tenant is left alone. */
#define KVPOOL_COMPACT_FAILS	2

/* How long the shrinker does not try a chunk again that it cannot empty. */
#define KVPOOL_STUCK_PAUSE	HZ

/* How long a task that is out of memory waits for one that has a lock. */
#define KVPOOL_OOM_WAIT		(2 * HZ)

/* How long a tenant does not look again for chunks of others. */
#define KVPOOL_CLAIM_PAUSE	(HZ / 10)

static struct shrinker *kvpool_shrinker;
static atomic_long_t kvpool_reclaimed;		/* chunks, ever */

/* Search for the blocks of one node. */
struct kvpool_evict_want {
	struct kvpool_policy_want want;
	struct kvpool_arena *arena;
};

static bool kvpool_evict_accepts(const struct kvpool_policy_want *want,
				 const struct kvpool_block *block)
{
	struct kvpool_evict_want *w =
		container_of(want, struct kvpool_evict_want, want);

	return kvpool_arena_node(w->arena, block) == want->tag;
}

/* Take victims out of one queue until their pages suffice. */
static void kvpool_evict_from(struct kvpool_tenant *tenant, unsigned int queue,
			      int node, u32 *pages, struct list_head *victims)
{
	struct kvpool_evict_want w = {
		.want = { .accepts = kvpool_evict_accepts, .tag = node },
		.arena = &tenant->arena,
	};
	struct kvpool_policy *policy = &tenant->policy;
	unsigned long budget, slice;
	struct kvpool_block *block;

	/* SIEVE may have to go round twice; others may add meanwhile. */
	budget = 2 * READ_ONCE(policy->queues[queue].nr) + 16;
	while (budget && *pages) {
		slice = min_t(unsigned long, budget, KVPOOL_EVICT_SLICE);
		budget -= slice;
		spin_lock(&policy->lock);
		do {
			block = kvpool_policy_victim(policy, queue, &slice,
						     node == NUMA_NO_NODE ?
						     NULL : &w.want);
			if (!block)
				break;
			WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
			list_add_tail(&block->lru, victims);
			*pages -= min(*pages, kvpool_block_pages(block));
		} while (*pages && slice);
		spin_unlock(&policy->lock);
		/* Part of the slice left over: there is none. */
		if (!block && slice)
			break;
		cond_resched();
	}
}

/**
 * kvpool_evict() - Evict the next blocks
 * @tenant: whose
 * @node: on which node, or NUMA_NO_NODE for any
 * @pages: until they had this many pages, the last one may have had more; at
 *	   least one
 *
 * Return: false if there is none that may be evicted.
 */
bool kvpool_evict(struct kvpool_tenant *tenant, int node, u32 pages)
{
	struct kvpool_block *block;
	LIST_HEAD(victims);
	u64 bytes = 0;
	long nr = 0;

	kvpool_evict_from(tenant, KVPOOL_QUEUE_NORMAL, node, &pages, &victims);
	if (list_empty(&victims))
		kvpool_evict_from(tenant, KVPOOL_QUEUE_SOFT, node, &pages,
				  &victims);
	if (list_empty(&victims))
		return false;

	list_for_each_entry(block, &victims, lru) {
		kvpool_index_remove(&tenant->index, block);
		trace_kvpool_block_evict(tenant, block);
		bytes += block->length;
		nr++;
	}
	kvpool_count(tenant, blocks, -nr);
	kvpool_count(tenant, evicted_blocks, nr);
	kvpool_count(tenant, evicted_bytes, bytes);
	kvpool_blocks_free(tenant, &victims);
	return true;
}

/**
 * kvpool_evict_all() - Evict every block that may be evicted
 * @tenant: whose blocks
 */
void kvpool_evict_all(struct kvpool_tenant *tenant)
{
	unsigned long nr = 0;
	int i;

	/* What others add meanwhile is theirs. */
	for (i = 0; i < KVPOOL_NR_QUEUES; i++)
		nr += READ_ONCE(tenant->policy.queues[i].nr);
	while (nr-- && !fatal_signal_pending(current) &&
	       kvpool_evict(tenant, NUMA_NO_NODE, 1))
		;
}

/* Make a tenant give chunks back: empty ones first. */
static unsigned long kvpool_give_chunks(struct kvpool_tenant *tenant, int node,
					unsigned long nr, u32 since, bool try)
{
	unsigned long freed, got;
	int fails = 0;

	freed = kvpool_arena_shrink(&tenant->arena, node, nr, try);
	while (freed < nr && fails < KVPOOL_COMPACT_FAILS &&
	       !fatal_signal_pending(current)) {
		got = kvpool_compact(tenant, node, since, nr - freed, try);
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
 * Free chunks of tenants that hold more than @share, the largest first; those
 * that could not be emptied @since then are left alone. pool.lock keeps the
 * tenants from going away.
 */
static unsigned long kvpool_reclaim(int node, unsigned long nr,
				    unsigned long share, u32 since, bool try)
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
					    since, try);
	}
	atomic_long_add(freed, &kvpool_reclaimed);
	return freed;
}

/* What each tenant may hold when all want more than there is. */
static unsigned long kvpool_tenant_share(void)
{
	unsigned long n = 0;
	struct kvpool_tenant *tenant;

	list_for_each_entry(tenant, &kvpool_pool.tenants, entry)
		n += atomic_read(&tenant->nr_ctx) ||
		     READ_ONCE(tenant->arena.used);
	return kvpool_tiers_limit() / max(n, 1UL);
}

/* Make a tier let a chunk go: an empty one, or one beyond its owner's share. */
static bool kvpool_space_claim_on(struct kvpool_tenant *tenant, int node)
{
	unsigned long share = kvpool_tenant_share(), freed = 0;
	struct kvpool_tenant *other;

	list_for_each_entry(other, &kvpool_pool.tenants, entry) {
		if (other != tenant)
			freed = kvpool_arena_shrink(&other->arena, node, 1,
						    false);
		if (freed)
			return true;
	}
	return atomic_long_read(&tenant->arena.nr_chunks) < share &&
	       kvpool_reclaim(node, KVPOOL_CLAIM_CHUNKS, share, jiffies,
			      false);
}

/*
 * Take a chunk from another tenant. Where none could be had it is not worth
 * looking again for a while, as long as the tenant has blocks of its own to
 * evict: the lock is everybody's.
 */
static bool kvpool_space_claim(struct kvpool_tenant *tenant,
			       struct kvpool_tier *tier, bool strict,
			       bool force)
{
	struct kvpool_tier *other;
	bool ok = false;
	int i;

	if (list_is_singular(&kvpool_pool.tenants))
		return false;
	if (!force && time_before(jiffies, READ_ONCE(tenant->claim_next)))
		return false;
	if (mutex_lock_killable(&kvpool_pool.lock))
		return false;
	kvpool_for_each_fallback(tier, i, other) {
		ok = kvpool_space_claim_on(tenant, other->node);
		if (ok || strict)
			break;
	}
	mutex_unlock(&kvpool_pool.lock);
	if (!ok)
		WRITE_ONCE(tenant->claim_next, jiffies + KVPOOL_CLAIM_PAUSE);
	return ok;
}

/*
 * Find space on one node: in the arena, by growing it, or in pieces. -EAGAIN
 * says that the kernel had no chunk to spare.
 */
static int kvpool_space_on(struct kvpool_tenant *tenant,
			   struct kvpool_block *block, struct kvpool_tier *tier,
			   bool hard)
{
	struct kvpool_arena *arena = &tenant->arena;
	int ret, why;

	do {
		ret = kvpool_arena_alloc(arena, tier->node, block, false,
					 GFP_KERNEL);
		if (ret != -ENOSPC)
			return ret;
		why = kvpool_arena_grow(arena, tier, READ_ONCE(tenant->quota),
					hard);
	} while (!why);

	ret = kvpool_arena_alloc(arena, tier->node, block, true, GFP_KERNEL);
	if (ret != -ENOSPC)
		return ret;
	return why == -ENOMEM ? -EAGAIN : why;
}

/* Try the nodes in turn, the wanted one first. */
static int kvpool_space_try(struct kvpool_tenant *tenant,
			    struct kvpool_block *block,
			    struct kvpool_tier *tier, bool strict, bool hard)
{
	struct kvpool_tier *other;
	int i, ret, why = -EAGAIN;

	kvpool_for_each_fallback(tier, i, other) {
		ret = kvpool_space_on(tenant, block, other, hard);
		if (!ret || ret == -ENOMEM)
			return ret;
		/* A quota is above a limit, which is above bad luck. */
		if (ret == -EDQUOT || why == -EAGAIN)
			why = ret;
		if (strict)
			break;
	}
	return why;
}

/*
 * Make room on one of the nodes by evicting, for this block and for those that
 * its call still brings: one by one, each would cost all locks.
 */
static bool kvpool_space_clear(struct kvpool_tenant *tenant,
			       struct kvpool_tier *tier,
			       const struct kvpool_space *space, u32 pages)
{
	struct kvpool_tier *other;
	unsigned long room, sum;
	u32 want;
	int i;

	do {
		sum = 0;
		kvpool_for_each_fallback(tier, i, other) {
			room = kvpool_arena_room(&tenant->arena, other->node);
			if (room >= pages)
				return true;
			sum += room;
			if (space->strict)
				break;
		}
		want = pages + space->ahead;
		want = sum < want ? min_t(u32, want - sum,
					  KVPOOL_EVICT_PAGES) : 1;
	} while (kvpool_evict(tenant, space->strict ? tier->node :
				      NUMA_NO_NODE, want));
	return false;
}

/* A block lies on one node: can any that it may use ever hold it? */
static bool kvpool_space_possible(struct kvpool_tier *tier, bool strict,
				  unsigned long chunks)
{
	struct kvpool_tier *other;
	int i;

	kvpool_for_each_fallback(tier, i, other) {
		if (chunks <= READ_ONCE(other->limit))
			return true;
		if (strict)
			break;
	}
	return false;
}

/**
 * kvpool_space_get() - Find space for a block, evicting others if need be
 * @tenant: who wants it
 * @block: a reserved block without extents
 * @space: where
 *
 * Return: 0; -ENOSPC, -EDQUOT or -ENOMEM as KVPOOL_IOC_RESERVE reports them;
 * -EINTR if a fatal signal came.
 */
int kvpool_space_get(struct kvpool_tenant *tenant, struct kvpool_block *block,
		     const struct kvpool_space *space)
{
	struct kvpool_tier *tier = kvpool_tier_get(space->node);
	u32 pages = kvpool_block_pages(block);
	bool strict = space->strict;
	int why;

	/* Do not evict anything for a block that can never fit. */
	if (!kvpool_space_possible(tier, strict,
				   DIV_ROUND_UP(pages, KVPOOL_CHUNK_PAGES)))
		return -ENOSPC;
	if (DIV_ROUND_UP(pages, KVPOOL_CHUNK_PAGES) > READ_ONCE(tenant->quota))
		return -EDQUOT;

	for (;;) {
		why = kvpool_space_try(tenant, block, tier, strict, false);
		if (!why || why == -ENOMEM)
			return why;
		if (fatal_signal_pending(current))
			return -EINTR;

		if (why == -ENOSPC &&
		    kvpool_space_claim(tenant, tier, strict, false))
			continue;
		/* Another context may be faster to use it: look again. */
		if (kvpool_space_clear(tenant, tier, space, pages))
			continue;
		if (why == -EDQUOT)
			return why;
		if (why == -ENOSPC &&
		    kvpool_space_claim(tenant, tier, strict, true))
			continue;
		why = kvpool_space_try(tenant, block, tier, strict, true);
		return why == -EAGAIN ? -ENOSPC : why;
	}
}

static bool kvpool_over(struct kvpool_tenant *tenant, unsigned int percent)
{
	unsigned long cap = kvpool_tenant_capacity(tenant);

	/* Chunks of 512 pages times 100 do not overflow. */
	return READ_ONCE(tenant->arena.used) * 100 >
	       cap * KVPOOL_CHUNK_PAGES * percent;
}

/* A lowered limit may leave more than 100 percent; the tier sees to that. */
static bool kvpool_over_high(struct kvpool_tenant *tenant)
{
	unsigned int high = READ_ONCE(kvpool_pool.watermark_high);

	return high < 100 && kvpool_over(tenant, high);
}

/**
 * kvpool_evict_kick() - See to it that a tenant keeps within its bounds
 * @tenant: whose use or bounds have changed
 */
void kvpool_evict_kick(struct kvpool_tenant *tenant)
{
	if (atomic_long_read(&tenant->arena.nr_chunks) >
	    READ_ONCE(tenant->quota) || kvpool_over_high(tenant))
		queue_work(kvpool_pool.wq, &tenant->evict_work);
}

/**
 * kvpool_evict_work() - Bring a tenant below its low watermark and its quota
 * @work: its evict_work
 */
void kvpool_evict_work(struct work_struct *work)
{
	struct kvpool_tenant *tenant =
		container_of(work, struct kvpool_tenant, evict_work);
	unsigned long nr = atomic_long_read(&tenant->arena.nr_chunks);
	unsigned long quota = READ_ONCE(tenant->quota);

	if (nr > quota)
		kvpool_give_chunks(tenant, NUMA_NO_NODE, nr - quota, jiffies,
				   false);
	if (!kvpool_over_high(tenant))
		return;
	while (kvpool_over(tenant, READ_ONCE(kvpool_pool.watermark_low)))
		if (!kvpool_evict(tenant, NUMA_NO_NODE, 1))
			break;
}

/**
 * kvpool_tier_trim() - Bring a tier below a limit that was lowered
 * @tier: the tier
 *
 * Leased and hard-pinned blocks and pinned pages may keep it above.
 */
void kvpool_tier_trim(struct kvpool_tier *tier)
{
	unsigned long nr, limit;

	mutex_lock(&kvpool_pool.lock);
	nr = atomic_long_read(&tier->nr_chunks);
	limit = READ_ONCE(tier->limit);
	if (nr > limit)
		kvpool_reclaim(tier->node, nr - limit, 0, jiffies, false);
	mutex_unlock(&kvpool_pool.lock);
}

/* Pages that could be given back, but for chunks that could not @since then. */
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
		/* What is pinned from outside is not worth evicting. */
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

	/* Growing by shrinking would only evict; kswapd has other reasons. */
	if (!(sc->gfp_mask & __GFP_FS) ||
	    (kvpool_tiers_growing() && !(current->flags & PF_KSWAPD)))
		return SHRINK_STOP;
	if (!mutex_trylock(&kvpool_pool.lock))
		return SHRINK_STOP;
	/* It comes again and again: hopeless chunks are left alone. */
	freed = kvpool_reclaim(NUMA_NO_NODE,
			       DIV_ROUND_UP(sc->nr_to_scan, KVPOOL_CHUNK_PAGES),
			       0, (u32)jiffies - KVPOOL_STUCK_PAUSE, true);
	mutex_unlock(&kvpool_pool.lock);
	return freed ? freed * KVPOOL_CHUNK_PAGES : SHRINK_STOP;
}

/*
 * Before the kernel kills for memory. Reclaim looks hopeless to all but the one
 * that has a lock of the pool, however long that one sleeps or is kept from
 * running: it is worth a wait. Not for ever, as it may want memory itself.
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
					    0, jiffies, true))
				hopeless = !kvpool_shrinkable(jiffies);
			mutex_unlock(&kvpool_pool.lock);
		}
		/* By whomever. */
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
 * kvpool_shrinker_init() - Offer the pool's memory to the kernel
 *
 * Return: 0 or a negative errno.
 */
int kvpool_shrinker_init(void)
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
 * kvpool_shrinker_exit() - Withdraw the offer
 */
void kvpool_shrinker_exit(void)
{
	unregister_oom_notifier(&kvpool_oom);
	shrinker_free(kvpool_shrinker);
}
