// SPDX-License-Identifier: GPL-2.0
/*
 * reclaim: what a tenant has for certain, what it can be made to give back, and
 * that growing, giving back and killing cost no more than they must.
 */
#include "kvpool_util.h"

FIXTURE(reclaim) {
	struct kv_bench t;
	struct kv_bench other;
};

FIXTURE_SETUP(reclaim)
{
	char name[64];
	int i;

	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_bench_tenant(&self->other, "other"));
	/* One node is enough here. */
	for (i = 1; i < 8; i++) {
		snprintf(name, sizeof(name), "tiers/dram%d/limit_bytes", i);
		if (kv_sys_has(name)) {
			ASSERT_EQ(0, kv_sys_set(name, 0));
		}
	}
}

FIXTURE_TEARDOWN(reclaim)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
	EXPECT_EQ(0, kv_bench_end(&self->other));
}

static __u64 arena_bytes(const struct kv_bench *t)
{
	__u64 value = ~0ULL;

	kv_tenant_read(t->tenant, "arena_bytes", &value);
	return value;
}

static int set_limit(__u64 bytes)
{
	return kv_sys_set("tiers/dram0/limit_bytes", bytes);
}

static int guarantee(const struct kv_bench *t, __u64 bytes)
{
	return kv_tenant_set(t->tenant, "guaranteed_bytes", bytes);
}

/* ---- guarantees ---- */

TEST_F(reclaim, guarantee_is_there_at_once)
{
	__u64 value;
	int i;

	ASSERT_EQ(0, guarantee(&self->t, 4 * KV_CHUNK));
	ASSERT_EQ(0, kv_tenant_read(self->t.tenant, "guaranteed_bytes",
				    &value));
	EXPECT_EQ(4 * KV_CHUNK, value);
	EXPECT_EQ(4 * KV_CHUNK, arena_bytes(&self->t));
	/* From offset 0. */
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, kv_touch(self->t.map + i * KV_CHUNK, true));
	EXPECT_EQ(SIGBUS, kv_touch(self->t.map + 4 * KV_CHUNK, true));
}

/* Neither a lower limit, nor a neighbour, nor the kernel takes it. */
TEST_F(reclaim, guarantee_stays)
{
	__u64 value;
	int i;

	ASSERT_EQ(0, set_limit(8 * KV_CHUNK));
	ASSERT_EQ(0, guarantee(&self->t, 4 * KV_CHUNK));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, i, KV_CHUNK));
	EXPECT_EQ(8 * KV_CHUNK, arena_bytes(&self->t));
	for (i = 0; i < 16; i++)
		kv_produce_blank(self->other.fd, i, KV_CHUNK);
	EXPECT_EQ(4 * KV_CHUNK, arena_bytes(&self->t));
	EXPECT_EQ(4 * KV_CHUNK, arena_bytes(&self->other));
	ASSERT_EQ(0, kv_write_file("/proc/sys/vm/drop_caches", "2"));
	ASSERT_EQ(0, set_limit(0));
	EXPECT_EQ(4 * KV_CHUNK, arena_bytes(&self->t));
	EXPECT_EQ(0, arena_bytes(&self->other));
	/* The blocks moved into it: the youngest ones are left. */
	for (i = 5; i < 8; i++)
		EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, i));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, kv_touch(self->t.map + i * KV_CHUNK, true));

	/* A quota below it is refused; without it, the memory goes. */
	EXPECT_EQ(-EBUSY, kv_tenant_set(self->t.tenant, "quota_bytes",
					2 * KV_CHUNK));
	ASSERT_EQ(0, guarantee(&self->t, KV_CHUNK));
	ASSERT_EQ(0, set_limit(0));
	EXPECT_EQ(KV_CHUNK, arena_bytes(&self->t));
	ASSERT_EQ(0, guarantee(&self->t, 0));
	ASSERT_EQ(0, set_limit(0));
	EXPECT_EQ(0, arena_bytes(&self->t));
	ASSERT_EQ(0, kv_tenant_read(self->t.tenant, "guaranteed_bytes",
				    &value));
	EXPECT_EQ(0, value);
}

/* Others make room for it, but not what they have leased or are guaranteed. */
TEST_F(reclaim, guarantee_as_a_whole_or_not)
{
	struct kv_block lease;
	__u64 value;
	int i;

	ASSERT_EQ(0, set_limit(8 * KV_CHUNK));
	ASSERT_EQ(0, guarantee(&self->other, 2 * KV_CHUNK));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, kv_produce(self->other.fd, self->other.map, i,
					KV_CHUNK));
	ASSERT_EQ(0, kv_lease(self->other.fd, &lease, 2));
	ASSERT_EQ(0, guarantee(&self->t, 2 * KV_CHUNK));
	EXPECT_EQ(6 * KV_CHUNK, arena_bytes(&self->other));

	/* Two are guaranteed and one is leased at the other tenant. */
	EXPECT_EQ(-ENOSPC, guarantee(&self->t, 7 * KV_CHUNK));
	ASSERT_EQ(0, kv_tenant_read(self->t.tenant, "guaranteed_bytes",
				    &value));
	EXPECT_EQ(2 * KV_CHUNK, value);
	EXPECT_EQ(2 * KV_CHUNK, arena_bytes(&self->t));
	EXPECT_EQ(0, kv_check(self->other.map, &lease));
	ASSERT_EQ(0, guarantee(&self->t, 5 * KV_CHUNK));
	EXPECT_EQ(5 * KV_CHUNK, arena_bytes(&self->t));
	EXPECT_EQ(3 * KV_CHUNK, arena_bytes(&self->other));
	EXPECT_EQ(0, kv_release(self->other.fd, lease.handle));

	/* Not more than the quota, and whole chunks only. */
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   6 * KV_CHUNK));
	EXPECT_EQ(-EINVAL, guarantee(&self->t, 7 * KV_CHUNK));
	EXPECT_EQ(-EINVAL, guarantee(&self->t, 5 * KV_CHUNK + KV_PAGE));
	EXPECT_EQ(-EINVAL, guarantee(&self->t, ~0ULL << 21));
}

/* A tenant that is full gets its guarantee out of what it has. */
TEST_F(reclaim, guarantee_of_a_full_tenant)
{
	struct kv_block lease;
	int i;

	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   8 * KV_CHUNK));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, i, KV_CHUNK));
	ASSERT_EQ(0, kv_lease(self->t.fd, &lease, 7));
	/* A hole at the start of the arena. */
	ASSERT_EQ(0, kv_remove(self->t.fd, 0));
	ASSERT_EQ(0, set_limit(7 * KV_CHUNK));
	ASSERT_EQ(0, set_limit(KV_LIMIT));
	ASSERT_EQ(0, guarantee(&self->t, 8 * KV_CHUNK));
	EXPECT_EQ(8 * KV_CHUNK, arena_bytes(&self->t));
	EXPECT_EQ(0, kv_check(self->t.map, &lease));
	EXPECT_EQ(0, kv_release(self->t.fd, lease.handle));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, kv_touch(self->t.map + i * KV_CHUNK, true));
	ASSERT_EQ(0, guarantee(&self->t, 0));
}

/* ---- giving back ---- */

/* Chunks whose blocks are leased are passed over, however many they are. */
TEST_F(reclaim, leased_chunks_are_passed_over)
{
	const int nr = 64;
	struct kv_block lease[64];
	struct kvpool_stats st;
	int i;

	for (i = 0; i < nr; i++)
		ASSERT_EQ(0, kv_produce_blank(self->t.fd, i, KV_CHUNK));
	for (i = 0; i < nr; i++)
		if (i % 8) {
			ASSERT_EQ(0, kv_lease(self->t.fd, &lease[i], i));
		}
	ASSERT_EQ(0, set_limit(0));
	EXPECT_EQ((nr - nr / 8) * KV_CHUNK, arena_bytes(&self->t));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(nr / 8, st.evicted_blocks);
	for (i = 0; i < nr; i++)
		if (i % 8) {
			EXPECT_EQ(0, kv_release(self->t.fd, lease[i].handle));
		}
	ASSERT_EQ(0, set_limit(0));
	EXPECT_EQ(0, arena_bytes(&self->t));
}

/* Blocks move together into fewer chunks before one is evicted. */
TEST_F(reclaim, half_used_chunks_are_joined)
{
	const __u64 length = KV_CHUNK / 16;
	struct kvpool_stats st;
	int i;

	for (i = 0; i < 16 * 16; i++)
		ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, i, length));
	for (i = 0; i < 16 * 16; i++)
		if (i % 4) {
			ASSERT_EQ(0, kv_remove(self->t.fd, i));
		}
	EXPECT_EQ(16 * KV_CHUNK, arena_bytes(&self->t));
	ASSERT_EQ(0, set_limit(4 * KV_CHUNK));
	EXPECT_EQ(4 * KV_CHUNK, arena_bytes(&self->t));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.evicted_blocks);
	for (i = 0; i < 16 * 16; i += 4)
		EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, i));
}

/* ---- growing ---- */

/* Memory full of cached pages of files is memory that blocks can have. */
TEST_F(reclaim, grows_into_the_page_cache)
{
	__u64 free = 0, want, i, nr;
	struct kvpool_stats st;
	char text[4096], *p;
	static char buf[1 << 20];
	int fd;

	if (kv_has_tier(1))
		SKIP(return, "this machine has several nodes");
	if (system("modprobe null_blk 2> /dev/null"))
		SKIP(return, "the kernel has no null_blk");
	fd = open("/dev/nullb0", O_RDONLY);
	ASSERT_GE(fd, 0);
	/* Until the free memory does not become less any more. */
	for (i = 0; i < 8192; i++) {
		ASSERT_EQ((ssize_t)sizeof(buf), read(fd, buf, sizeof(buf)));
		if (i % 64)
			continue;
		ASSERT_EQ(0, kv_read_file("/proc/meminfo", text, sizeof(text)));
		p = strstr(text, "MemFree:");
		ASSERT_NE(NULL, p);
		if (free && strtoull(p + 8, NULL, 10) * 1024 > free - KV_MB)
			break;
		free = strtoull(p + 8, NULL, 10) * 1024;
	}
	/* Most of what the page cache holds, and cold pages are in between. */
	p = strstr(text, "MemAvailable:");
	ASSERT_NE(NULL, p);
	want = strtoull(p + 13, NULL, 10) * 1024 * 3 / 4;
	nr = want / KV_CHUNK;
	ASSERT_EQ(0, set_limit(want));
	for (i = 0; i < nr; i++)
		ASSERT_EQ(0, kv_produce_blank(self->t.fd, i, KV_CHUNK));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	/* Not one in ten blocks was lost to a chunk that could not be had. */
	EXPECT_GT(st.blocks, nr - nr / 10);
	close(fd);
	ASSERT_EQ(0, kv_write_file("/proc/sys/vm/drop_caches", "1"));
}

/* ---- killing ---- */

/* A call that makes many blocks ends with its task, not with the last block. */
TEST_F(reclaim, killed_reserve)
{
	const unsigned int nr = 200;
	const __u64 length = 4 * KV_MB;
	struct kvpool_entry *entries;
	unsigned int i;
	pid_t pid;

	ASSERT_EQ(0, set_limit(nr * length));
	entries = calloc(nr, sizeof(*entries));
	ASSERT_NE(NULL, entries);
	for (i = 0; i < nr; i++) {
		kv_key(&entries[i].key, i);
		entries[i].length = length;
	}
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		kv_reserve_batch(self->t.fd, entries, nr, NULL, 0);
		_exit(0);
	}
	kv_wait_until(arena_bytes(&self->t) >= 16 * KV_MB);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, kv_reap(pid));
	EXPECT_LT(arena_bytes(&self->t), nr * length * 3 / 4);
	free(entries);
}

TEST_HARNESS_MAIN
