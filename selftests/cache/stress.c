// SPDX-License-Identifier: GPL-2.0
/*
 * stress: many threads, each with a file of its own, on a few keys in a pool
 * that is too small, while the policy changes and reservations are pre-empted.
 * A reader sees a whole sealed block or none, as long as its lease lasts.
 *
 * KVPOOL_STRESS_OPS chooses the length of the run.
 */
#include "kvpool_util.h"

#define NR_THREADS	4
#define NR_KEYS		48

FIXTURE(stress) {
	struct kv_bench t;
};

FIXTURE_SETUP(stress)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
}

FIXTURE_TEARDOWN(stress)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

struct worker {
	const char *tenant;
	unsigned int id;
	unsigned long ops;
	bool stuck;		/* leaves reservations for a while */
	pthread_t thread;
	int fd;
	__u8 *map;
	__u64 rand;
	unsigned long sealed, leased, stale, evicted;
	char error[160];
};

static __u64 key_length(__u64 key)
{
	static const __u64 lengths[] = {
		4096, 65536, 20000, 643000, 320 << 10, 2 << 20,
	};

	return lengths[key % ARRAY_SIZE(lengths)];
}

/* Every page of a block carries its key and the stamp of one producer. */
static void stamp(__u8 *map, const struct kv_block *b, __u64 value)
{
	__u64 page = 0;
	__u32 i;
	size_t at;

	for (i = 0; i < b->nr_spans; i++)
		for (at = 0; at < b->span[i].length; at += KV_PAGE, page++) {
			volatile __u64 *p = (void *)(map + b->span[i].offset +
						     at);

			p[0] = value;
			p[1] = b->number ^ page << 32;
		}
}

/* The stamp of a whole block; zero for a torn one. */
static __u64 read_stamp(const __u8 *map, const struct kv_block *b)
{
	__u64 page = 0, value = 0;
	__u32 i;
	size_t at;

	for (i = 0; i < b->nr_spans; i++)
		for (at = 0; at < b->span[i].length; at += KV_PAGE, page++) {
			const volatile __u64 *p = (void *)(map +
						b->span[i].offset + at);

			if (!page)
				value = p[0];
			if (p[0] != value ||
			    p[1] != (b->number ^ page << 32))
				return 0;
		}
	return value;
}

static bool bad(struct worker *w, const char *what, int ret)
{
	snprintf(w->error, sizeof(w->error), "%s: %d", what, ret);
	return false;
}

static bool produce(struct worker *w, unsigned long n)
{
	__u64 key = kv_rand(&w->rand) % NR_KEYS;
	__u64 value = (__u64)(w->id + 1) << 48 | (n + 1);
	unsigned int late, rounds = w->stuck ? kv_rand(&w->rand) % 8 : 0;
	struct kv_block b;
	int ret;

	ret = kv_reserve(w->fd, &b, key, key_length(key));
	if (ret == -EEXIST || ret == -EBUSY || ret == -EDQUOT)
		return true;
	if (ret)
		return bad(w, "reserve", ret);
	if (b.nr_spans > KV_BLOCK_SPANS) {
		ret = kv_abort(w->fd, b.handle);
		return ret ? bad(w, "abort", ret) : true;
	}
	/* A stuck owner writes until it seals or aborts. */
	for (late = 0; late < rounds; late++) {
		stamp(w->map, &b, ~value);
		sched_yield();
	}
	if (kv_rand(&w->rand) % 16 == 0) {
		ret = kv_abort(w->fd, b.handle);
		return ret ? bad(w, "abort", ret) : true;
	}
	stamp(w->map, &b, value);
	ret = kv_seal(w->fd, b.handle);
	if (!ret)
		w->sealed++;
	else if (ret == -ESTALE)
		w->stale++;
	else
		return bad(w, "seal", ret);
	return true;
}

static bool consume(struct worker *w)
{
	__u64 key = kv_rand(&w->rand) % NR_KEYS, first;
	struct kv_block b;
	int ret;

	ret = kv_lease(w->fd, &b, key);
	if (ret == -ENOENT || ret == -EINPROGRESS)
		return true;
	if (ret)
		return bad(w, "lease", ret);
	if (b.length != key_length(key))
		return bad(w, "length", 0);
	if (b.nr_spans <= KV_BLOCK_SPANS) {
		first = read_stamp(w->map, &b);
		if (!first)
			return bad(w, "torn block", key);
		sched_yield();
		if (read_stamp(w->map, &b) != first)
			return bad(w, "block changed under its lease", key);
	}
	w->leased++;
	ret = kv_release(w->fd, b.handle);
	return ret ? bad(w, "release", ret) : true;
}

static void *work(void *data)
{
	struct worker *w = data;
	unsigned long n;
	bool ok = true;

	for (n = 0; ok && n < w->ops; n++) {
		switch (kv_rand(&w->rand) % 32) {
		case 0 ... 11:
			ok = produce(w, n);
			break;
		case 12 ... 28:
			ok = consume(w);
			break;
		case 29:
			kv_remove(w->fd, kv_rand(&w->rand) % NR_KEYS);
			break;
		case 30:
			kv_pin(w->fd, kv_rand(&w->rand) % NR_KEYS,
			       kv_rand(&w->rand) % 3);
			break;
		default:
			/*
			 * Closes the file with its handles and opens a new
			 * file.
			 */
			if (kv_rand(&w->rand) % 16)
				break;
			kv_unmap(w->fd, w->map);
			close(w->fd);
			w->fd = kv_open(w->tenant, O_RDWR);
			w->map = kv_map(w->fd, PROT_READ | PROT_WRITE);
			if (!w->map)
				ok = bad(w, "open", w->fd);
			break;
		}
	}
	return NULL;
}

/* Changes the knobs while the workers run. */

struct fiddler {
	const char *tenant;
	volatile bool stop;
};

static void *fiddle(void *data)
{
	struct fiddler *f = data;
	__u64 seed = 0xf1dd1e;
	char text[4096];

	while (!f->stop) {
		kv_sys_write("policy", kv_rand(&seed) % 2 ? "lru" : "sieve");
		kv_tenant_set(f->tenant, "quota_bytes",
			      (4 + kv_rand(&seed) % 8) * KV_CHUNK);
		kv_sys_set("watermark_high", 80 + kv_rand(&seed) % 21);
		if (kv_rand(&seed) % 8 == 0)
			kv_tenant_drop(f->tenant);
		kv_read_file(KV_DEBUGFS "/blocks", text, sizeof(text));
		kv_read_file(KV_DEBUGFS "/chunks", text, sizeof(text));
		kv_read_file(KV_DEBUGFS "/contexts", text, sizeof(text));
	}
	return NULL;
}

TEST_F(stress, threads)
{
	unsigned long ops = kv_rounds("KVPOOL_STRESS_OPS", 30000, 4000);
	struct fiddler f = { .tenant = self->t.tenant };
	unsigned long sealed = 0, stale = 0, leased = 0;
	struct worker w[NR_THREADS] = {};
	struct kvpool_stats st;
	pthread_t fiddler;
	__u64 sum = 0;
	unsigned int i;

	ASSERT_EQ(0, kv_sys_set("preempt_ms", 2));
	ASSERT_EQ(0, kv_sys_set("watermark_low", 50));
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "pin_quota_bytes", KV_CHUNK));
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   8 * KV_CHUNK));
	for (i = 0; i < NR_THREADS; i++) {
		w[i].tenant = self->t.tenant;
		w[i].id = i;
		w[i].ops = ops / NR_THREADS;
		w[i].stuck = i & 1;
		w[i].rand = kv_mix(time(NULL) + i) | 1;
		w[i].fd = kv_open(self->t.tenant, O_RDWR);
		ASSERT_GE(w[i].fd, 0);
		w[i].map = kv_map(w[i].fd, PROT_READ | PROT_WRITE);
		ASSERT_NE(NULL, w[i].map);
	}
	ASSERT_EQ(0, pthread_create(&fiddler, NULL, fiddle, &f));
	for (i = 0; i < NR_THREADS; i++)
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, work, &w[i]));
	for (i = 0; i < NR_THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		EXPECT_STREQ("", w[i].error);
		sealed += w[i].sealed;
		stale += w[i].stale;
		leased += w[i].leased;
		kv_unmap(w[i].fd, w[i].map);
		close(w[i].fd);
	}
	f.stop = true;
	pthread_join(fiddler, NULL);
	TH_LOG("%lu sealed, %lu leased, %lu pre-empted", sealed, leased, stale);

	/* Without concurrent calls the statistics are exact. */
	for (i = 0; i < NR_KEYS; i++)
		if (!kv_exists(self->t.fd, i))
			sum += (key_length(i) + KV_PAGE - 1) & ~(KV_PAGE - 1);
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.pending);
	EXPECT_EQ(0, st.leases);
	EXPECT_EQ(0, st.quarantined_bytes);
	EXPECT_EQ(sum, st.bytes);
	EXPECT_EQ(sealed, st.produced_blocks);
	EXPECT_EQ(leased, st.hits);
	EXPECT_EQ(sealed, st.blocks + st.evicted_blocks + st.removed_blocks);
	for (i = 0; i < NR_KEYS; i++)
		kv_remove(self->t.fd, i);
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.bytes);
	EXPECT_EQ(0, st.pinned_bytes);
}

TEST_HARNESS_MAIN
