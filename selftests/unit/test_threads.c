// SPDX-License-Identifier: GPL-2.0
/*
 * The pure parts together, in several threads: a pool of one tenant without a
 * kernel. Each page of the arena has a word of memory, which is written and
 * read without marking, so that ThreadSanitizer reports every page that two
 * blocks have at a time and every byte that is read before its seal.
 */
#include <linux/err.h>
#include <linux/jiffies.h>

#include "cache/block_types.h"
#include "cache/chain.h"
#include "cache/index.h"
#include "cache/policy.h"
#include "cache/policy_lru.h"
#include "cache/policy_sieve.h"
#include "mem/extent.h"
#include "tap.h"
#include "threads.h"

#define POOL_CHUNKS	4
#define POOL_PAGES	(POOL_CHUNKS * KVPOOL_CHUNK_PAGES)
#define POOL_KEYS	160
#define POOL_PATH	6
#define ANY_NODE	(-1)

struct pool {
	spinlock_t lock;	/* the arena's */
	struct kvpool_extmap map;
	struct kvpool_chunk chunks[POOL_CHUNKS];
	u64 memory[POOL_PAGES];
	struct rhashtable index;
	struct kvpool_policy policy;
	struct kvpool_policy_node nodes[2];	/* halves of the arena */
	int steps;
	int running;
	unsigned long hits, misses, evicted, removed, rejected, aborted;
};

#define count(var)	__atomic_fetch_add(&(var), 1, __ATOMIC_RELAXED)

static struct kvpool_key key_of(u64 n)
{
	return (struct kvpool_key){ .words = { n, ~n, n, n } };
}

static void space_free(struct pool *pool, struct kvpool_extent *ext, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		hlist_del(&ext[i].node);
		kvpool_extmap_free(&pool->map, &pool->chunks[ext[i].page >>
				   KVPOOL_CHUNK_ORDER],
				   ext[i].page & (KVPOOL_CHUNK_PAGES - 1),
				   ext[i].nr);
	}
}

static bool space_alloc(struct pool *pool, struct kvpool_block *block)
{
	u32 want = kvpool_block_pages(block), nr;
	struct kvpool_extents *extents;
	u32 i;

	/* Without the lock, as the module reads it first. */
	if (want > READ_ONCE(pool->map.nr_free))
		return false;
	extents = calloc(1, sizeof(*extents) + want * sizeof(*extents->ext));
	CHECK(extents);
	extents->place = &block->place;
	for (i = 0; i < want; i++)
		extents->ext[i].index = i;
	spin_lock(&pool->lock);
	nr = kvpool_extmap_alloc(&pool->map, &want, extents->ext,
				 kvpool_block_pages(block));
	if (want)
		space_free(pool, extents->ext, nr);
	for (i = 0; !want && i < nr; i++)
		CHECK(kvpool_extent_place(&extents->ext[i]) == &block->place);
	if (!want && nr == 1) {
		hlist_del(&extents->ext[0].node);
		block->place.ext = extents->ext[0];
		block->place.ext.single = 1;
		hlist_add_head(&block->place.ext.node,
			       &pool->chunks[block->place.ext.page >>
					     KVPOOL_CHUNK_ORDER].extents);
		CHECK(kvpool_extent_place(&block->place.ext) == &block->place);
	}
	spin_unlock(&pool->lock);
	if (want || nr == 1)
		free(extents);
	else
		block->place.extv = extents;
	if (want)
		return false;
	block->place.nr_extents = nr;
	block->place.node = kvpool_place_extents(&block->place)->page /
			    (POOL_PAGES / 2);
	return true;
}

/* ---- blocks, as kmod/cache/block.c treats them ---- */

static void block_free(struct pool *pool, struct kvpool_block *block)
{
	bool stays;

	spin_lock(&pool->lock);
	space_free(pool, block->place.nr_extents > 1 ?
		   block->place.extv->ext : &block->place.ext,
		   block->place.nr_extents);
	spin_unlock(&pool->lock);
	if (block->place.nr_extents > 1)
		free(block->place.extv);
	spin_lock(&pool->policy.lock);
	stays = kvpool_chain_bury(&pool->policy, block);
	spin_unlock(&pool->policy.lock);
	if (!stays)
		kvpool_block_forget(&pool->policy, block);
}

static void block_put(struct pool *pool, struct kvpool_block *block)
{
	if (refcount_dec_and_test(&block->refs))
		block_free(pool, block);
}

static struct kvpool_block *evict_from(struct pool *pool, unsigned int kind,
				       int node)
{
	struct kvpool_block *block;
	unsigned long budget;

	/*
	 * Slightly more than two rounds, by a count that is read without the
	 * lock.
	 */
	budget = 2 * kvpool_policy_nr(&pool->policy, node, kind) + 1;
	spin_lock(&pool->policy.lock);
	kvpool_chain_sweep(&pool->policy, 4);
	block = kvpool_policy_victim(&pool->policy, node, kind, &budget);
	if (block) {
		kvpool_chain_end(&pool->policy, block);
		WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
		kvpool_index_remove(&pool->index, block);
	}
	spin_unlock(&pool->policy.lock);
	return block;
}

static bool evict_one(struct pool *pool, int node)
{
	struct kvpool_block *block;

	block = evict_from(pool, KVPOOL_QUEUE_ORPHAN, node) ?:
		evict_from(pool, KVPOOL_QUEUE_NORMAL, node) ?:
		evict_from(pool, KVPOOL_QUEUE_SOFT, node);
	if (!block)
		return false;
	count(pool->evicted);
	block_free(pool, block);
	return true;
}

static struct kvpool_block *block_get(struct pool *pool, u64 n, u32 *state)
{
	struct kvpool_key key = key_of(n);
	struct kvpool_block *block;

	rcu_read_lock();
	block = kvpool_index_find(&pool->index, &key);
	if (block) {
		*state = smp_load_acquire(&block->state);
		if (*state > KVPOOL_BLOCK_SEALED ||
		    !refcount_inc_not_zero(&block->refs))
			block = NULL;
	}
	rcu_read_unlock();
	return block;
}

static void block_unreserve(struct pool *pool, struct kvpool_block *block)
{
	spin_lock(&pool->policy.lock);
	WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
	kvpool_chain_end(&pool->policy, block);
	kvpool_index_remove(&pool->index, block);
	spin_unlock(&pool->policy.lock);
	block_put(pool, block);
	block_put(pool, block);
}

/* Every part of every extent names its owner. */
static u64 content(u64 n, u32 at)
{
	return n << 32 | at;
}

static void block_fill(struct pool *pool, struct kvpool_block *block)
{
	const struct kvpool_extent *ext = kvpool_place_extents(&block->place);
	u32 i, k, at = 0;

	for (i = 0; i < block->place.nr_extents; i++)
		for (k = 0; k < ext[i].nr; k++, at++)
			pool->memory[ext[i].page + k] =
				content(block->key.words[0], at);
	CHECK_EQ(at, kvpool_block_pages(block));
}

static void block_read(struct pool *pool, const struct kvpool_block *block)
{
	const struct kvpool_extent *ext = kvpool_place_extents(&block->place);
	u32 i, k, at = 0;

	for (i = 0; i < block->place.nr_extents; i++)
		for (k = 0; k < ext[i].nr; k++, at++)
			CHECK(pool->memory[ext[i].page + k] ==
			      content(block->key.words[0], at));
	CHECK_EQ(at, kvpool_block_pages(block));
}

/* Half of the keys continue the key before them; some say it wrongly. */
static void link(struct pool *pool, struct kvpool_block *block, u64 n)
{
	struct kvpool_key key = key_of(n - (n % 29 ? 1 : 2));
	struct kvpool_block *parent;

	if (n / 16 % 2)
		return;
	spin_lock(&pool->policy.lock);
	rcu_read_lock();
	parent = n % 16 ? kvpool_index_find(&pool->index, &key) : NULL;
	rcu_read_unlock();
	if (parent && !kvpool_block_alive(parent))
		parent = NULL;
	kvpool_chain_link(&pool->policy, block, parent, n % 16);
	spin_unlock(&pool->policy.lock);
}

/* Reserve, fill, seal or abort. */
static void produce(struct pool *pool, struct thread *t, u64 n)
{
	struct kvpool_block *block = calloc(1, sizeof(*block)), *old;
	u8 state = KVPOOL_BLOCK_RESERVED;

	CHECK(block);
	block->key = key_of(n);
	block->place.length = rnd_range(&t->rnd, 1, 40) * KVPOOL_PAGE_SIZE -
			rnd_below(&t->rnd, KVPOOL_PAGE_SIZE);
	INIT_LIST_HEAD(&block->lru);
	refcount_set(&block->refs, 2);

	rcu_read_lock();
	old = kvpool_index_insert(&pool->index, block);
	rcu_read_unlock();
	if (old) {
		CHECK(!IS_ERR(old));
		free(block);
		return;
	}
	link(pool, block, n);
	while (!space_alloc(pool, block)) {
		/* From one node, as long as the node has victims. */
		if (evict_one(pool, n & 1) || evict_one(pool, ANY_NODE))
			continue;
		count(pool->rejected);
		block_unreserve(pool, block);
		return;
	}
	block_fill(pool, block);
	if (!rnd_below(&t->rnd, 16)) {
		count(pool->aborted);
		block_unreserve(pool, block);
		return;
	}

	spin_lock(&pool->policy.lock);
	CHECK(__atomic_compare_exchange_n(&block->state, &state,
					  KVPOOL_BLOCK_SEALED, false,
					  __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	block->pin = rnd_below(&t->rnd, 8) ? 0 : KVPOOL_PIN_SOFT;
	kvpool_policy_insert(&pool->policy, block);
	spin_unlock(&pool->policy.lock);
	block_put(pool, block);
}

static void take_out(struct pool *pool, u64 n)
{
	struct kvpool_block *block;
	bool removed = false;
	u32 state;

	block = block_get(pool, n, &state);
	if (!block)
		return;
	spin_lock(&pool->policy.lock);
	if (READ_ONCE(block->state) == KVPOOL_BLOCK_SEALED) {
		WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
		kvpool_chain_end(&pool->policy, block);
		kvpool_index_remove(&pool->index, block);
		removed = true;
	}
	spin_unlock(&pool->policy.lock);
	if (removed) {
		count(pool->removed);
		block_put(pool, block);
	}
	block_put(pool, block);
}

static void repin(struct pool *pool, struct thread *t, u64 n)
{
	static const u8 pins[] = { 0, KVPOOL_PIN_SOFT, KVPOOL_PIN_HARD };
	struct kvpool_block *block;
	u32 state;

	block = block_get(pool, n, &state);
	if (!block)
		return;
	spin_lock(&pool->policy.lock);
	if (READ_ONCE(block->state) == KVPOOL_BLOCK_SEALED) {
		kvpool_policy_remove(&pool->policy, block);
		/* A few hard pins, which are not evicted. */
		block->pin = pins[rnd_below(&t->rnd, n % 16 ? 2 : 3)];
		if (block->pin != KVPOOL_PIN_HARD)
			kvpool_policy_insert(&pool->policy, block);
	}
	spin_unlock(&pool->policy.lock);
	block_put(pool, block);
}

/* Lease the leading blocks of a prefix, read them, release them. */
static int consume(struct pool *pool, struct thread *t, u64 first)
{
	struct kvpool_block *blocks[POOL_PATH];
	u32 state;
	int i, n;

	for (n = 0; n < POOL_PATH; n++) {
		blocks[n] = block_get(pool, (first + n) % POOL_KEYS, &state);
		if (!blocks[n])
			break;
		if (state != KVPOOL_BLOCK_SEALED) {
			block_put(pool, blocks[n]);
			break;
		}
		block_read(pool, blocks[n]);
		count(pool->hits);
	}
	kvpool_policy_touch(&pool->policy, blocks, n);
	for (i = 0; i < n; i++)
		block_put(pool, blocks[i]);
	return n;
}

static void worker(struct thread *t)
{
	struct pool *pool = t->arg;
	u32 n, hit, what;
	int i;

	for (i = 0; i < pool->steps; i++) {
		/* Some prefixes are asked for more often. */
		n = rnd_below(&t->rnd, 1 + rnd_below(&t->rnd, POOL_KEYS));
		what = rnd_below(&t->rnd, 32);
		if (what == 0) {
			take_out(pool, n);
		} else if (what < 4) {
			repin(pool, t, n);
		} else {
			hit = consume(pool, t, n);
			if (hit < POOL_PATH) {
				count(pool->misses);
				produce(pool, t, (n + hit) % POOL_KEYS);
			}
		}
		if (i % 64 == 0)
			rcu_barrier();
	}
	__atomic_fetch_sub(&pool->running, 1, __ATOMIC_RELAXED);
}

/* Switches policies, and reads the counters of statistics and the shrinker. */
static void switcher(struct thread *t)
{
	struct pool *pool = t->arg;
	int i, q;

	for (i = 0; READ_ONCE(pool->running); i++) {
		kvpool_policy_switch(&pool->policy, kvpool_policies[i & 1]);
		shim_tick();
		sched_yield();
		for (q = 0; q < 2; q++)
			CHECK(kvpool_policy_pages(&pool->policy, q) <=
			      POOL_PAGES);
		CHECK(READ_ONCE(pool->map.nr_free) <= POOL_PAGES);
		CHECK(READ_ONCE(pool->map.nr_empty) <= POOL_CHUNKS);
		CHECK_EQ(READ_ONCE(pool->map.nr_chunks), POOL_CHUNKS);
		if (i % 4 == 0)
			evict_one(pool, ANY_NODE);
	}
}

static void pool_end(struct pool *pool)
{
	unsigned long blocks = 0, pages = 0, pinned = 0, queued = 0;
	struct kvpool_block *block;
	u32 state;
	int n;

	/* The account is exact. */
	for (n = 0; n < POOL_KEYS; n++) {
		block = block_get(pool, n, &state);
		if (!block)
			continue;
		CHECK_EQ(state, KVPOOL_BLOCK_SEALED);
		CHECK_EQ(refcount_read(&block->refs), 2);
		block_read(pool, block);
		blocks++;
		pages += kvpool_block_pages(block);
		pinned += block->pin == KVPOOL_PIN_HARD;
		CHECK(list_empty(&block->lru) ==
		      (block->pin == KVPOOL_PIN_HARD));
		block_put(pool, block);
	}
	CHECK_EQ(pool->map.nr_free + pages, POOL_PAGES);
	CHECK_EQ(pool->index.nelems.counter, blocks);
	for (n = 0; n < KVPOOL_NR_QUEUES; n++)
		queued += kvpool_policy_nr(&pool->policy, ANY_NODE, n);
	CHECK_EQ(queued + pinned, blocks);

	/* All but the hard-pinned blocks and those that they continue. */
	while (evict_one(pool, ANY_NODE) || evict_one(pool, 0) ||
	       evict_one(pool, 1))
		blocks--;
	CHECK(blocks >= pinned);
	for (n = 0; n < POOL_KEYS; n++)
		take_out(pool, n);
	CHECK_EQ(pool->map.nr_free, POOL_PAGES);
	CHECK_EQ(pool->map.nr_empty, POOL_CHUNKS);
	CHECK_EQ(pool->index.nelems.counter, 0);
	CHECK_EQ(kvpool_policy_pages(&pool->policy, ANY_NODE), 0);
	spin_lock(&pool->policy.lock);
	while (kvpool_chain_sweep(&pool->policy, 4))
		;
	spin_unlock(&pool->policy.lock);
	rcu_barrier();
	rhashtable_destroy(&pool->index);
}

static void pool_test(const struct kvpool_policy_ops *ops, bool switching)
{
	void (*run[])(struct thread *t) = { worker, worker, worker,
		switching ? switcher : worker };
	struct pool *pool = calloc(1, sizeof(*pool));
	int i;

	CHECK(pool);
	spin_lock_init(&pool->lock);
	kvpool_extmap_init(&pool->map);
	for (i = 0; i < POOL_CHUNKS; i++) {
		pool->chunks[i].index = i;
		kvpool_extmap_add(&pool->map, &pool->chunks[i]);
	}
	CHECK(!kvpool_index_init(&pool->index));
	kvpool_policy_init(&pool->policy, ops, pool->nodes, 2);
	pool->steps = 3000;
	pool->running = switching ? 3 : 4;
	run_threads(4, run, 4, pool);
	rcu_barrier();
	printf("# %s%s: %lu hits, %lu misses, %lu evicted, %lu removed, %lu aborted, %lu without space\n",
	       ops->name, switching ? " and others" : "", pool->hits,
	       pool->misses, pool->evicted, pool->removed, pool->aborted,
	       pool->rejected);
	CHECK(pool->hits > 100 && pool->evicted > 100);
	pool_end(pool);
	free(pool);
}

static void test_lru(void)
{
	pool_test(&kvpool_policy_lru, false);
}

static void test_sieve(void)
{
	pool_test(&kvpool_policy_sieve, false);
}

static void test_switching(void)
{
	pool_test(&kvpool_policy_lru, true);
}

static const struct tap_case cases[] = {
	{ "threads: produce, consume and evict with LRU", test_lru },
	{ "threads: produce, consume and evict with SIEVE", test_sieve },
	{ "threads: and the policy changes all the time", test_switching },
};

TAP_MAIN(cases)
