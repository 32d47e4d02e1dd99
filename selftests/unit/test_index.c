// SPDX-License-Identifier: GPL-2.0
/* The index, used by one thread and by several. */
#include <linux/err.h>

#include "cache/block_types.h"
#include "cache/index.h"
#include "tap.h"
#include "threads.h"

static struct kvpool_key key_of(u64 n)
{
	/* Keys that differ in the last word only are legal too. */
	struct kvpool_key key = { .words = { 1, 2, 3, n } };

	return key;
}

static struct kvpool_block *block_new(struct kvpool_key key)
{
	struct kvpool_block *block = calloc(1, sizeof(*block));

	CHECK(block);
	block->key = key;
	refcount_set(&block->refs, 1);
	return block;
}

static void block_free(struct rcu_head *rcu)
{
	struct kvpool_block *block = container_of(rcu, struct kvpool_block,
						  rcu);

	/* A later read sees nonsense, and a sanitizer reports it. */
	memset(block, 0x5a, sizeof(*block));
	free(block);
}

static struct kvpool_block *find(struct rhashtable *index, u64 n)
{
	struct kvpool_key key = key_of(n);
	struct kvpool_block *block;

	rcu_read_lock();
	block = kvpool_index_find(index, &key);
	rcu_read_unlock();
	return block;
}

static struct kvpool_block *insert(struct rhashtable *index,
				   struct kvpool_block *block)
{
	struct kvpool_block *old;

	rcu_read_lock();
	old = kvpool_index_insert(index, block);
	rcu_read_unlock();
	return old;
}

static void free_one(void *ptr, void *arg)
{
	++*(int *)arg;
	free(ptr);
}

static void test_one_thread(void)
{
	struct kvpool_block *blocks[1000], *twin;
	struct rhashtable index;
	int i, n = 0;

	CHECK(!kvpool_index_init(&index));
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		CHECK(!find(&index, i));
		blocks[i] = block_new(key_of(i));
		CHECK(!insert(&index, blocks[i]));
		CHECK(find(&index, i) == blocks[i]);
	}
	twin = block_new(key_of(7));
	CHECK(insert(&index, twin) == blocks[7]);
	CHECK(find(&index, 7) == blocks[7]);
	/* A removal takes out that block, not another block under its key. */
	kvpool_index_remove(&index, twin);
	CHECK(find(&index, 7) == blocks[7]);
	kvpool_index_remove(&index, blocks[7]);
	CHECK(!find(&index, 7));
	kvpool_index_remove(&index, blocks[7]);
	CHECK(!insert(&index, twin));
	CHECK(insert(&index, blocks[7]) == twin);
	free(blocks[7]);
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		CHECK(find(&index, i) == (i == 7 ? twin : blocks[i]));
	CHECK_EQ(index.nelems.counter, ARRAY_SIZE(blocks));
	rhashtable_free_and_destroy(&index, free_one, &n);
	CHECK_EQ(n, ARRAY_SIZE(blocks));
}

/* A block replaces another: it is found, and nothing else changes. */
static void test_replace(void)
{
	struct kvpool_block *blocks[100], *twin;
	struct rhashtable index;
	int i, n = 0;

	CHECK(!kvpool_index_init(&index));
	/* Few chains, so that there are neighbours on both sides. */
	index.nr_buckets = 3;
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		blocks[i] = block_new(key_of(i));
		CHECK(!insert(&index, blocks[i]));
	}
	for (i = 0; i < ARRAY_SIZE(blocks); i += 7) {
		twin = block_new(key_of(i));
		kvpool_index_replace(&index, blocks[i], twin);
		free(blocks[i]);
		blocks[i] = twin;
	}
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		CHECK(find(&index, i) == blocks[i]);
	rhashtable_free_and_destroy(&index, free_one, &n);
	CHECK_EQ(n, ARRAY_SIZE(blocks));
}

/* All 32 bytes count, for being equal and for the hash. */
static void test_whole_key(void)
{
	const int bits = KVPOOL_KEY_SIZE * 8;
	struct kvpool_key key = key_of(0);
	u32 hash = 0, same = 0, h;
	struct rhashtable index;
	int i, n = 0;

	CHECK(!kvpool_index_init(&index));
	/* One chain: all keys are compared with each other. */
	index.nr_buckets = 1;
	for (i = -1; i < bits; i++) {
		key = key_of(0);
		if (i >= 0)
			key.words[i / 64] ^= 1ULL << i % 64;
		CHECK(!insert(&index, block_new(key)));
		h = index.p.hashfn(&key, KVPOOL_KEY_SIZE, 1);
		if (i < 0)
			hash = h;
		else
			same += h == hash;
	}
	CHECK_EQ(same, 0);
	CHECK(index.p.hashfn(&key, KVPOOL_KEY_SIZE, 1) !=
	      index.p.hashfn(&key, KVPOOL_KEY_SIZE, 2));
	rhashtable_free_and_destroy(&index, free_one, &n);
	CHECK_EQ(n, bits + 1);
}

static void test_two_tables(void)
{
	struct rhashtable a, b;
	int n = 0;

	CHECK(!kvpool_index_init(&a));
	CHECK(!kvpool_index_init(&b));
	CHECK(!insert(&a, block_new(key_of(1))));
	CHECK(!find(&b, 1));
	CHECK(!insert(&b, block_new(key_of(1))));
	CHECK(find(&a, 1) != find(&b, 1));
	rhashtable_free_and_destroy(&a, free_one, &n);
	CHECK(find(&b, 1));
	rhashtable_free_and_destroy(&b, free_one, &n);
	CHECK_EQ(n, 2);
}

static void test_error(void)
{
	static const int errors[] = { -ENOMEM, -E2BIG, -EBUSY };
	struct kvpool_block *block = block_new(key_of(1)), *ret;
	struct rhashtable index;
	int i;

	CHECK(!kvpool_index_init(&index));
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		index.fail = errors[i];
		ret = insert(&index, block);
		CHECK(IS_ERR(ret));
		CHECK_EQ(PTR_ERR(ret), errors[i]);
		CHECK(!find(&index, 1));
	}
	CHECK(!insert(&index, block));
	kvpool_index_remove(&index, block);
	rhashtable_destroy(&index);
	free(block);
}

/* ---- several threads ---- */

#define RACE_THREADS	4
#define RACE_KEYS	1000

struct race {
	struct rhashtable index;
	struct kvpool_block *winner[RACE_KEYS][RACE_THREADS];
	bool won[RACE_KEYS][RACE_THREADS];
};

static void race_insert(struct thread *t)
{
	struct kvpool_block *block, *old;
	struct race *race = t->arg;
	int i;

	for (i = 0; i < RACE_KEYS; i++) {
		block = block_new(key_of(i));
		block->place.length = i;
		old = insert(&race->index, block);
		/* No thread removes: the winner's content may be read. */
		CHECK(!old || old->place.length == i);
		race->winner[i][t->nr] = old ?: block;
		race->won[i][t->nr] = !old;
		if (old)
			free(block);
		/* No thread runs far ahead of the others. */
		if (i % 8 == 0)
			pthread_barrier_wait(t->start);
	}
}

static void test_first_writer(void)
{
	void (*run[])(struct thread *t) = { race_insert };
	struct race *race = calloc(1, sizeof(*race));
	int i, k, won, n = 0, several = 0;

	CHECK(race && !kvpool_index_init(&race->index));
	run_threads(RACE_THREADS, run, 1, race);
	for (i = 0; i < RACE_KEYS; i++) {
		won = 0;
		for (k = 0; k < RACE_THREADS; k++) {
			won += race->won[i][k];
			CHECK(race->winner[i][k] == race->winner[i][0]);
		}
		CHECK_EQ(won, 1);
		CHECK(find(&race->index, i) == race->winner[i][0]);
		several += !race->won[i][0];
	}
	printf("# first writer wins: thread 0 lost %d of %d\n", several,
	       RACE_KEYS);
	rhashtable_free_and_destroy(&race->index, free_one, &n);
	CHECK_EQ(n, RACE_KEYS);
	free(race);
}

#define CHURN_KEYS	64
#define CHURN_STEPS	10000
/* A block that is never removed is always found, while its chain changes. */
#define CHURN_FIXED	1000

struct churn {
	struct rhashtable index;
	int stop;
	unsigned long found, missed, in, out;
};

static void churn_write(struct thread *t)
{
	struct churn *churn = t->arg;
	struct kvpool_block *block, *old;
	unsigned long in = 0, out = 0;
	int i, n;

	for (i = 0; i < CHURN_STEPS; i++) {
		n = rnd_below(&t->rnd, CHURN_KEYS);
		block = block_new(key_of(n));
		block->place.length = n;

		rcu_read_lock();
		old = kvpool_index_insert(&churn->index, block);
		if (!old) {
			in++;
		} else {
			CHECK_EQ(old->place.length, n);
			free(block);
			/* The thread that freezes a block takes it out. */
			if (kvpool_block_freeze(old)) {
				kvpool_index_remove(&churn->index, old);
				call_rcu(&old->rcu, block_free);
				out++;
			}
		}
		rcu_read_unlock();
		if (i % 128 == 0)
			rcu_barrier();
	}
	__atomic_fetch_add(&churn->in, in, __ATOMIC_RELAXED);
	__atomic_fetch_add(&churn->out, out, __ATOMIC_RELAXED);
	__atomic_fetch_add(&churn->stop, 1, __ATOMIC_RELAXED);
}

static void churn_read(struct thread *t)
{
	struct churn *churn = t->arg;
	unsigned long found = 0, missed = 0;
	struct kvpool_block *block;
	struct kvpool_key key;
	int n;

	while (READ_ONCE(churn->stop) < 2) {
		n = rnd_below(&t->rnd, 2 * CHURN_KEYS);
		if (n >= CHURN_KEYS)
			n += CHURN_FIXED;
		key = key_of(n);
		rcu_read_lock();
		block = kvpool_index_find(&churn->index, &key);
		if (block) {
			CHECK_EQ(block->place.length, n);
			CHECK(!memcmp(&block->key, &key, sizeof(key)));
			/*
			 * A reference keeps the block after the end of the
			 * section.
			 */
			if (!refcount_inc_not_zero(&block->refs))
				block = NULL;
		}
		rcu_read_unlock();
		CHECK(block || n < CHURN_FIXED);
		if (!block) {
			missed++;
			continue;
		}
		found++;
		CHECK_EQ(block->place.length, n);
		/* The last reference is the index's. */
		CHECK(!refcount_dec_and_test(&block->refs));
	}
	__atomic_fetch_add(&churn->found, found, __ATOMIC_RELAXED);
	__atomic_fetch_add(&churn->missed, missed, __ATOMIC_RELAXED);
}

static void test_churn(void)
{
	void (*run[])(struct thread *t) = { churn_write, churn_read };
	struct churn churn = { .stop = 0 };
	struct kvpool_block *block;
	int i, n = 0;

	CHECK(!kvpool_index_init(&churn.index));
	for (i = 0; i < CHURN_KEYS; i++) {
		block = block_new(key_of(CHURN_FIXED + CHURN_KEYS + i));
		block->place.length = CHURN_FIXED + CHURN_KEYS + i;
		CHECK(!insert(&churn.index, block));
	}
	run_threads(4, run, 2, &churn);
	rcu_barrier();
	printf("# index churn: %lu in, %lu out, %lu found, %lu missed\n",
	       churn.in, churn.out, churn.found, churn.missed);
	CHECK(churn.out > 100);
	CHECK(churn.found);
	rhashtable_free_and_destroy(&churn.index, free_one, &n);
	CHECK_EQ(n, churn.in - churn.out + CHURN_KEYS);
}

static const struct tap_case cases[] = {
	{ "index: insert, find and remove", test_one_thread },
	{ "index: a block takes another's place", test_replace },
	{ "index: every bit of a key counts", test_whole_key },
	{ "index: tables know nothing of each other", test_two_tables },
	{ "index: a failed insertion is reported", test_error },
	{ "index: the first writer wins", test_first_writer },
	{ "index: find during insert and remove", test_churn },
};

TAP_MAIN(cases)
