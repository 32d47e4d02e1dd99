// SPDX-License-Identifier: GPL-2.0
/*
 * pressure: when the machine needs memory, and when an administrator lowers a
 * limit, the pool returns memory and keeps leased blocks.
 */
#include "kvpool_util.h"

FIXTURE(pressure) {
	struct kv_bench t;
};

FIXTURE_SETUP(pressure)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
}

FIXTURE_TEARDOWN(pressure)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

static __u64 meminfo(const char *name)
{
	char text[4096], *p;

	if (kv_read_file("/proc/meminfo", text, sizeof(text)))
		return 0;
	p = strstr(text, name);
	return p ? strtoull(p + strlen(name), NULL, 10) * 1024 : 0;
}

static __u64 allocated(void)
{
	__u64 sum = 0, value;
	char name[64];
	int i;

	for (i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "tiers/dram%d/allocated_bytes", i);
		if (!kv_sys_read_u64(name, &value))
			sum += value;
	}
	return sum;
}

TEST_F(pressure, limit_lowered)
{
	struct kvpool_stats st;
	struct kv_block lease;
	__u64 value;
	int i;

	for (i = 0; i < 32; i++)
		ASSERT_EQ(0, kv_produce_blank(self->t.fd, i, KV_CHUNK));
	ASSERT_EQ(0, kv_remove(self->t.fd, 4));
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 4, KV_CHUNK));
	ASSERT_EQ(0, kv_lease(self->t.fd, &lease, 4));
	EXPECT_EQ(32 * KV_CHUNK, allocated());

	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 8 * KV_CHUNK));
	kv_wait_until(allocated() <= 8 * KV_CHUNK);
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(8 * KV_CHUNK, st.arena_bytes);
	EXPECT_EQ(24, st.evicted_blocks);
	EXPECT_EQ(8, st.blocks);
	ASSERT_EQ(0, kv_sys_read_u64("tiers/dram0/used_bytes", &value));
	EXPECT_EQ(8 * KV_CHUNK, value);
	/* The youngest blocks remain, and the leased block. */
	EXPECT_EQ(0, kv_check(self->t.map, &lease));
	for (i = 25; i < 32; i++)
		EXPECT_EQ(0, kv_exists(self->t.fd, i));

	/* Only the leased block can stay. */
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 0));
	kv_wait_until(allocated() <= KV_CHUNK);
	EXPECT_EQ(KV_CHUNK, allocated());
	EXPECT_EQ(0, kv_check(self->t.map, &lease));
	EXPECT_EQ(0, kv_exists(self->t.fd, 4));
	EXPECT_EQ(-ENOSPC, kv_produce_blank(self->t.fd, 100, KV_CHUNK));
	EXPECT_EQ(0, kv_release(self->t.fd, lease.handle));
	/* A chunk that could not be emptied may be skipped for some time. */
	kv_wait_until(kv_sys_set("tiers/dram0/limit_bytes", 0) || !allocated());
	EXPECT_EQ(0, allocated());

	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", KV_LIMIT));
	EXPECT_EQ(0, kv_produce(self->t.fd, self->t.map, 200, KV_CHUNK));
	EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 200));
}

TEST_F(pressure, quota_lowered)
{
	struct kvpool_stats st;
	struct kv_block lease;
	int i;

	for (i = 0; i < 16; i++)
		ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, i, KV_CHUNK));
	ASSERT_EQ(0, kv_lease(self->t.fd, &lease, 0));
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   4 * KV_CHUNK));
	kv_wait_until(!kv_stats(self->t.fd, &st) &&
		      st.arena_bytes <= 4 * KV_CHUNK);
	EXPECT_EQ(4, st.blocks);
	EXPECT_EQ(0, kv_check(self->t.map, &lease));
	for (i = 13; i < 16; i++)
		EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, i));
}

/*
 * Processes that need more memory than is free. The kernel would kill them
 * first, and must not have to: when several tasks are out of memory at the same
 * time, only one of them can reclaim from the pool.
 */
FIXTURE(crowd) {
	struct kv_bench t;
};

FIXTURE_VARIANT(crowd) {
	unsigned int nr;
	bool loops;		/* a tenant that has nothing to evict reserves */
};

FIXTURE_VARIANT_ADD(crowd, one) { .nr = 1 };
FIXTURE_VARIANT_ADD(crowd, many) { .nr = 16 };
FIXTURE_VARIANT_ADD(crowd, many_and_a_loop) { .nr = 16, .loops = true };

FIXTURE_SETUP(crowd)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
}

FIXTURE_TEARDOWN(crowd)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

static pid_t take_memory(__u64 want)
{
	pid_t pid = fork();
	__u64 at;
	__u8 *p;

	if (pid)
		return pid;
	if (kv_write_file("/proc/self/oom_score_adj", "1000"))
		_exit(1);
	p = mmap(NULL, want, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		_exit(2);
	madvise(p, want, MADV_NOHUGEPAGE);
	for (at = 0; at < want; at += KV_PAGE)
		p[at] = 1;
	_exit(0);
}

/* Reserves without end; what it gets it keeps. */
static pid_t reserve_in_a_loop(const struct kv_bench *t)
{
	pid_t pid = fork();
	struct kv_block b;
	__u64 n;

	if (pid)
		return pid;
	for (n = 0;; n++)
		kv_reserve(t->fd, &b, n, KV_CHUNK);
}

TEST_F(crowd, machine_runs_out)
{
	__u64 total = meminfo("MemTotal:"), want, length = KV_MB;
	const unsigned int nr_leased = 16;
	struct kv_bench other = { .fd = -1 };
	struct kv_block leases[16];
	struct kvpool_stats st;
	__u64 i, nr, free;
	pid_t pids[16], loop = 0;

	/* The pool takes most of the free memory. */
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", total));
	free = meminfo("MemAvailable:");
	if (free < 256 * KV_MB)
		SKIP(return, "too little memory to begin with");
	nr = (free - 160 * KV_MB) / length;
	for (i = 0; i < nr; i++) {
		if (i < nr_leased) {
			ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, i,
						length));
			ASSERT_EQ(0, kv_lease(self->t.fd, &leases[i], i));
		} else {
			ASSERT_EQ(0, kv_produce_blank(self->t.fd, i, length));
		}
	}
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(nr, st.blocks + st.evicted_blocks);

	if (variant->loops) {
		ASSERT_EQ(0, kv_bench_tenant(&other, "other"));
		ASSERT_EQ(0, kv_tenant_set(other.tenant, "quota_bytes",
					   16 * KV_MB));
		loop = reserve_in_a_loop(&other);
		ASSERT_GE(loop, 0);
	}

	/* Another process needs half of it. */
	want = nr * length / 2 + meminfo("MemFree:");
	for (i = 0; i < variant->nr; i++) {
		pids[i] = take_memory(want / variant->nr);
		ASSERT_GE(pids[i], 0);
	}
	for (i = 0; i < variant->nr; i++)
		EXPECT_EQ(0, kv_reap(pids[i]));
	if (variant->loops) {
		kill(loop, SIGKILL);
		EXPECT_EQ(128 + SIGKILL, kv_reap(loop));
		EXPECT_EQ(0, kv_bench_end(&other));
	}
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_GT(st.evicted_blocks, 0);
	EXPECT_LT(st.arena_bytes, nr * length);
	EXPECT_EQ(nr_leased, st.leases);
	for (i = 0; i < nr_leased; i++) {
		EXPECT_EQ(0, kv_check(self->t.map, &leases[i]));
		EXPECT_EQ(0, kv_exists(self->t.fd, i));
		EXPECT_EQ(0, kv_release(self->t.fd, leases[i].handle));
	}
	/* The remaining blocks are whole, once kswapd has finished. */
	kv_wait_until(!kv_stats(self->t.fd, &st) &&
		      st.blocks * length == st.bytes);
	EXPECT_EQ(0, kv_produce(self->t.fd, self->t.map, 1000000, length));
	EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 1000000));
}

TEST_HARNESS_MAIN
