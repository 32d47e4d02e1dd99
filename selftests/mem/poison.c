// SPDX-License-Identifier: GPL-2.0
/*
 * poison: memory that fails. Its pages are read by nobody, copied by nobody and
 * used for nothing again; all else goes on.
 */
#include "kvpool_util.h"

#ifndef MADV_HWPOISON
#define MADV_HWPOISON	100
#endif

#define NR	16		/* pages of the block */
#define LENGTH	(NR * KV_PAGE)
#define BAD	3		/* the page that fails */

FIXTURE(poison) {
	struct kv_bench t;
	struct kv_block b;
	__u64 poisoned;
	__u64 at;		/* of the page that fails, in the arena */
};

static __u64 poisoned(void)
{
	__u64 sum = 0, value;
	char name[64];
	int i;

	for (i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "tiers/dram%d/poisoned_bytes", i);
		if (!kv_sys_read_u64(name, &value))
			sum += value;
	}
	return sum;
}

/* Lets the memory behind an address fail, as if its hardware had said so. */
static int fail(__u8 *p)
{
	if (kv_touch(p, false))
		return -EFAULT;
	/* The kernel cannot recover it, and says so. */
	if (!madvise(p, KV_PAGE, MADV_HWPOISON))
		return 0;
	return errno == EINVAL || errno == EPERM ? -errno : 0;
}

FIXTURE_SETUP(poison)
{
	self->poisoned = poisoned();
	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &self->b, 1, LENGTH));
	self->at = self->b.span[0].offset + BAD * KV_PAGE;
	kv_fill(self->t.map, &self->b);
}

FIXTURE_TEARDOWN(poison)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
	/* The memory does not come back, and is still counted. */
	EXPECT_EQ(self->poisoned + KV_PAGE, poisoned());
}

/* The pages of the block that are left have their content. */
static int check_rest(const __u8 *map, const struct kv_block *b)
{
	unsigned int i;

	for (i = 0; i < NR; i++)
		if (i != BAD &&
		    *(__u64 *)(map + b->span[0].offset + i * KV_PAGE) !=
		    kv_word(b->number, i * KV_PAGE))
			return -EIO;
	return 0;
}

TEST_F(poison, leased)
{
	struct kv_block lease, again;
	struct kvpool_stats st;
	__u8 *map, *small;
	int fd;

	fd = kv_open(self->t.tenant, O_RDONLY);
	ASSERT_GE(fd, 0);
	map = kv_map(fd, PROT_READ);
	ASSERT_NE(NULL, map);
	/* A mapping that cannot have huge entries. */
	small = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, fd,
		     self->b.span[0].offset);
	ASSERT_NE(MAP_FAILED, small);
	ASSERT_EQ(0, kv_seal(self->t.fd, self->b.handle));
	ASSERT_EQ(0, kv_lease(fd, &lease, 1));
	EXPECT_EQ(0, kv_check(map, &lease));
	EXPECT_EQ(0, kv_touch(small + BAD * KV_PAGE, false));
	if (fail(self->t.map + self->at) == -EINVAL)
		SKIP(goto out, "memory of this kernel cannot fail");

	/* All processes lose the page, and no other page. */
	kv_wait_until(kv_touch(map + self->at, false) == SIGBUS);
	kv_wait_until(kv_exists(fd, 1) == -ENOENT);
	EXPECT_EQ(SIGBUS, kv_touch(self->t.map + self->at, true));
	EXPECT_EQ(SIGBUS, kv_touch(self->t.map + self->at, false));
	EXPECT_EQ(SIGBUS, kv_touch(small + BAD * KV_PAGE, false));
	EXPECT_EQ(0, check_rest(map, &lease));
	EXPECT_EQ(0, check_rest(self->t.map, &lease));
	EXPECT_EQ(0, kv_touch(small, false));
	EXPECT_EQ(0, kv_touch(small + (BAD + 1) * KV_PAGE, false));
	EXPECT_EQ(-EFAULT, kv_call(fd, KVPOOL_IOC_STATS, map + self->at));
	EXPECT_EQ(self->poisoned + KV_PAGE, poisoned());
	ASSERT_EQ(0, kv_stats(fd, &st));
	EXPECT_EQ(0, st.blocks);
	EXPECT_EQ(1, st.leases);

	/* The key can be produced again while the lease lasts. */
	EXPECT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, LENGTH));
	ASSERT_EQ(0, kv_lease(fd, &again, 1));
	EXPECT_EQ(0, kv_check(map, &again));
	EXPECT_EQ(0, kv_release(fd, lease.handle));
	EXPECT_EQ(0, kv_release(fd, again.handle));
out:
	munmap(small, LENGTH);
	kv_unmap(fd, map);
	close(fd);
}

/* A producer whose memory fails: nobody gets the block. */
TEST_F(poison, reserved)
{
	if (fail(self->t.map + self->at) == -EINVAL)
		SKIP(return, "memory of this kernel cannot fail");
	kv_wait_until(kv_touch(self->t.map + self->at, true) == SIGBUS);
	EXPECT_EQ(0, kv_seal(self->t.fd, self->b.handle));
	EXPECT_EQ(-ENOENT, kv_exists(self->t.fd, 1));
	EXPECT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, LENGTH));
	EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 1));
}

/* All of the arena is allocated, page by page: nobody gets the page. */
TEST_F(poison, never_again)
{
	const unsigned int nr = KV_CHUNK / KV_PAGE;
	struct kvpool_stats st;
	struct kv_block b;
	unsigned int i;
	__u64 bad = 0;

	ASSERT_EQ(0, kv_seal(self->t.fd, self->b.handle));
	if (fail(self->t.map + self->at) == -EINVAL)
		SKIP(return, "memory of this kernel cannot fail");
	kv_wait_until(kv_exists(self->t.fd, 1) == -ENOENT);
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   2 * KV_CHUNK));
	/* Runs, and single pages. */
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 1000 + i,
					(i % 7 + 1) * KV_PAGE));
		bad += b.span[0].offset <= self->at &&
		       b.span[0].offset + b.span[0].length > self->at;
		ASSERT_EQ(0, kv_abort(self->t.fd, b.handle));
	}
	for (i = 0; i < 2 * nr - 1; i++) {
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 2000 + i, KV_PAGE));
		bad += b.span[0].offset == self->at;
		self->t.map[b.span[0].offset] = 1;
	}
	EXPECT_EQ(0, bad);
	EXPECT_EQ(-EDQUOT, kv_reserve(self->t.fd, &b, 1, KV_PAGE));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(2 * KV_CHUNK - KV_PAGE, st.bytes);
	EXPECT_EQ(2 * KV_CHUNK, st.arena_bytes);
}

/* Other blocks of the chunk stay, and leave it, and it stays. */
TEST_F(poison, pressure)
{
	struct kvpool_stats st;
	unsigned int i;
	__u64 value;

	ASSERT_EQ(0, kv_seal(self->t.fd, self->b.handle));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 100 + i,
					65536));
	if (fail(self->t.map + self->at) == -EINVAL)
		SKIP(return, "memory of this kernel cannot fail");
	kv_wait_until(kv_exists(self->t.fd, 1) == -ENOENT);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 100 + i));
	/* Two chunks, the second one almost empty; then only one may stay. */
	ASSERT_EQ(0, kv_produce_blank(self->t.fd, 200, KV_CHUNK));
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", KV_CHUNK));
	kv_wait_until(!kv_stats(self->t.fd, &st) &&
		      st.arena_bytes == KV_CHUNK);
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 0));
	ASSERT_EQ(0, kv_tenant_drop(self->t.tenant));
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 0));
	EXPECT_EQ(SIGBUS, kv_touch(self->t.map + self->at, false));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.bytes);
	kv_bench_close(&self->t);
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", KV_LIMIT));
	ASSERT_EQ(0, kv_sys_read_u64("tiers/dram0/poisoned_bytes", &value));
	EXPECT_EQ(self->poisoned + KV_PAGE, value);
}

TEST_HARNESS_MAIN
