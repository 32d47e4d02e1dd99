// SPDX-License-Identifier: GPL-2.0
/* evict: which blocks are evicted when a tenant is full, under each policy. */
#include "kvpool_util.h"

#define ROOM	8		/* blocks of a chunk that fit */

FIXTURE(evict) {
	struct kv_bench t;
};

FIXTURE_SETUP(evict)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   ROOM * KV_CHUNK));
}

FIXTURE_TEARDOWN(evict)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

/* Blocks of a chunk each, so that each new block evicts one block. */
static int add(int fd, __u64 number)
{
	return kv_produce_blank(fd, number, KV_CHUNK);
}

static int add_range(int fd, __u64 first, __u64 last)
{
	__u64 i;
	int ret = 0;

	for (i = first; !ret && i <= last; i++)
		ret = add(fd, i);
	return ret;
}

/* Leases the keys and releases them in the order of the array. */
static int use(int fd, const __u64 *numbers, unsigned int n)
{
	struct kvpool_handle_entry handles[16] = {};
	struct kvpool_entry entries[16] = {};
	unsigned int i;
	int ret;

	for (i = 0; i < n; i++)
		kv_key(&entries[i].key, numbers[i]);
	ret = kv_lookup_batch(fd, KVPOOL_IOC_LEASE, 0, entries, n, NULL, NULL,
			      0);
	if (ret != (int)n)
		return -ENOENT;
	for (i = 0; i < n; i++)
		handles[i].handle = entries[i].handle;
	ret = kv_handle_batch(fd, KVPOOL_IOC_RELEASE, handles, n);
	return ret == (int)n ? 0 : -EPROTO;
}

/* A mask of those of the first 64 numbers that are sealed. */
static __u64 present(int fd)
{
	__u64 mask = 0;
	int i;

	for (i = 0; i < 64; i++)
		if (!kv_exists(fd, i))
			mask |= 1ULL << i;
	return mask;
}

#define BIT(n)		(1ULL << (n))
#define BITS(lo, hi)	(((1ULL << ((hi) - (lo) + 1)) - 1) << (lo))

TEST_F(evict, oldest_first)
{
	struct kvpool_stats st;
	int i;

	ASSERT_EQ(0, add_range(self->t.fd, 0, ROOM - 1));
	EXPECT_EQ(BITS(0, ROOM - 1), present(self->t.fd));
	for (i = 0; i < 2 * ROOM; i++) {
		ASSERT_EQ(0, add(self->t.fd, ROOM + i));
		EXPECT_EQ(BITS(i + 1, ROOM + i), present(self->t.fd));
	}
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(2 * ROOM, st.evicted_blocks);
	EXPECT_EQ(2 * ROOM * KV_CHUNK, st.evicted_bytes);
	EXPECT_EQ(ROOM * KV_CHUNK, st.bytes);
	EXPECT_EQ(0, st.rejected);
}

TEST_F(evict, use_makes_young)
{
	const __u64 first = 0, third = 2;

	ASSERT_EQ(0, add_range(self->t.fd, 0, ROOM - 1));
	ASSERT_EQ(0, use(self->t.fd, &third, 1));
	ASSERT_EQ(0, use(self->t.fd, &first, 1));
	/* 1 3 4 5 6 7 2 0, the oldest first. */
	ASSERT_EQ(0, add_range(self->t.fd, 20, 21));
	EXPECT_EQ(BITS(4, 7) | BIT(0) | BIT(2) | BITS(20, 21),
		  present(self->t.fd));
	ASSERT_EQ(0, add_range(self->t.fd, 22, 26));
	EXPECT_EQ(BIT(0) | BITS(20, 26), present(self->t.fd));
	ASSERT_EQ(0, add(self->t.fd, 27));
	EXPECT_EQ(BITS(20, 27), present(self->t.fd));
}

/* Neither EXISTS nor a lease that lasts is a use; the end of a lease is. */
TEST_F(evict, exists_is_no_use)
{
	struct kv_block b;
	int i;

	ASSERT_EQ(0, add_range(self->t.fd, 0, ROOM - 1));
	for (i = 0; i < 10; i++)
		EXPECT_EQ(0, kv_exists(self->t.fd, 0));
	EXPECT_EQ(-EEXIST, kv_reserve(self->t.fd, &b, 0, KV_CHUNK));
	ASSERT_EQ(0, add(self->t.fd, 20));
	EXPECT_EQ(-ENOENT, kv_exists(self->t.fd, 0));
	EXPECT_EQ(0, kv_exists(self->t.fd, 1));
}

/* A prefix 0 1 2 3, used as a whole, loses its tail before its head. */
TEST_F(evict, tail_before_head)
{
	const __u64 prefix[] = { 0, 1, 2, 3 };
	const __u64 other[] = { 4, 5, 6, 7 };

	ASSERT_EQ(0, add_range(self->t.fd, 0, ROOM - 1));
	ASSERT_EQ(0, use(self->t.fd, other, 4));
	ASSERT_EQ(0, use(self->t.fd, prefix, 4));
	/* 7 6 5 4 3 2 1 0, the oldest first. */
	ASSERT_EQ(0, add(self->t.fd, 20));
	EXPECT_EQ(BITS(0, 6) | BIT(20), present(self->t.fd));
	ASSERT_EQ(0, add_range(self->t.fd, 21, 24));
	EXPECT_EQ(BITS(0, 2) | BITS(20, 24), present(self->t.fd));
	ASSERT_EQ(0, add(self->t.fd, 25));
	EXPECT_EQ(BITS(0, 1) | BITS(20, 25), present(self->t.fd));
	ASSERT_EQ(0, add(self->t.fd, 26));
	EXPECT_EQ(BIT(0) | BITS(20, 26), present(self->t.fd));
}

/* A SEAL of a prefix in one call makes its head the youngest too. */
TEST_F(evict, sealed_tail_before_head)
{
	struct kvpool_handle_entry handles[ROOM] = {};
	struct kvpool_entry entries[ROOM] = {};
	int i;

	for (i = 0; i < ROOM; i++) {
		kv_key(&entries[i].key, i);
		entries[i].length = KV_CHUNK;
	}
	ASSERT_EQ(ROOM, kv_reserve_batch(self->t.fd, entries, ROOM, NULL,
					 NULL));
	for (i = 0; i < ROOM; i++)
		handles[i].handle = entries[i].handle;
	ASSERT_EQ(ROOM, kv_handle_batch(self->t.fd, KVPOOL_IOC_SEAL, handles,
					ROOM));
	for (i = ROOM - 1; i > 0; i--) {
		ASSERT_EQ(0, add(self->t.fd, 20 + i));
		EXPECT_EQ(BITS(0, i - 1) | BITS(20 + i, 19 + ROOM),
			  present(self->t.fd));
	}
}

/* Leased blocks stay, and a reservation without room fails without a wait. */
TEST_F(evict, leased_stay)
{
	struct kv_block lease[ROOM], b;
	struct kvpool_stats st;
	int i;

	for (i = 0; i < ROOM; i++) {
		ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, i, KV_CHUNK));
		ASSERT_EQ(0, kv_lease(self->t.fd, &lease[i], i));
	}
	EXPECT_EQ(-EDQUOT, kv_reserve(self->t.fd, &b, 20, 4096));
	EXPECT_EQ(BITS(0, ROOM - 1), present(self->t.fd));
	for (i = 0; i < ROOM; i++)
		EXPECT_EQ(0, kv_check(self->t.map, &lease[i]));
	/* One lease ends; its block is the only block that is evicted. */
	ASSERT_EQ(0, kv_release(self->t.fd, lease[3].handle));
	ASSERT_EQ(0, add(self->t.fd, 20));
	EXPECT_EQ((BITS(0, ROOM - 1) & ~BIT(3)) | BIT(20),
		  present(self->t.fd));
	for (i = 0; i < ROOM; i++)
		if (i != 3) {
			EXPECT_EQ(0, kv_check(self->t.map, &lease[i]));
			EXPECT_EQ(0, kv_release(self->t.fd, lease[i].handle));
		}
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(1, st.evicted_blocks);
	EXPECT_EQ(1, st.rejected);
}

/* Reservations are not evicted either. */
TEST_F(evict, pending_stay)
{
	struct kv_block b[ROOM], more;
	int i;

	for (i = 0; i < ROOM; i++)
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b[i], i, KV_CHUNK));
	EXPECT_EQ(-EDQUOT, kv_reserve(self->t.fd, &more, 20, 4096));
	for (i = 0; i < ROOM; i++)
		EXPECT_EQ(0, kv_seal(self->t.fd, b[i].handle));
	EXPECT_EQ(0, kv_reserve(self->t.fd, &more, 20, 4096));
}

TEST_F(evict, soft_pins_last)
{
	const __u64 pinned = 1;

	ASSERT_EQ(0, add_range(self->t.fd, 0, ROOM - 1));
	ASSERT_EQ(0, kv_pin(self->t.fd, 1, KVPOOL_PIN_SOFT));
	ASSERT_EQ(0, kv_pin(self->t.fd, 2, KVPOOL_PIN_SOFT));
	ASSERT_EQ(0, use(self->t.fd, &pinned, 1));
	ASSERT_EQ(0, add_range(self->t.fd, 20, 40));
	EXPECT_EQ(BITS(1, 2) | BITS(35, 40), present(self->t.fd));
	/*
	 * When all blocks are pinned softly they are evicted, the oldest first.
	 */
	{
		struct kv_block lease[6], b;
		int i;

		for (i = 0; i < 6; i++)
			ASSERT_EQ(0, kv_lease(self->t.fd, &lease[i], 35 + i));
		ASSERT_EQ(0, add(self->t.fd, 50));
		EXPECT_EQ(BIT(1) | BITS(35, 40) | BIT(50),
			  present(self->t.fd));
		/* A block that is not pinned is evicted before it. */
		ASSERT_EQ(0, add(self->t.fd, 51));
		EXPECT_EQ(BIT(1) | BITS(35, 40) | BIT(51),
			  present(self->t.fd));
		ASSERT_EQ(0, kv_lease(self->t.fd, &b, 51));
		ASSERT_EQ(0, add(self->t.fd, 52));
		EXPECT_EQ(BITS(35, 40) | BITS(51, 52), present(self->t.fd));
	}
}

TEST_F(evict, hard_pins_stay)
{
	struct kv_block b;
	int i;

	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "pin_quota_bytes",
				   ROOM * KV_CHUNK));
	ASSERT_EQ(0, add_range(self->t.fd, 0, ROOM - 1));
	for (i = 0; i < ROOM; i += 2)
		ASSERT_EQ(0, kv_pin(self->t.fd, i, KVPOOL_PIN_HARD));
	ASSERT_EQ(0, add_range(self->t.fd, 20, 30));
	EXPECT_EQ(BIT(0) | BIT(2) | BIT(4) | BIT(6) | BITS(27, 30),
		  present(self->t.fd));
	for (i = 27; i <= 30; i++)
		ASSERT_EQ(0, kv_pin(self->t.fd, i, KVPOOL_PIN_HARD));
	EXPECT_EQ(-EDQUOT, kv_reserve(self->t.fd, &b, 40, 4096));
	/* A block whose pin ends becomes the youngest. */
	ASSERT_EQ(0, kv_pin(self->t.fd, 0, 0));
	ASSERT_EQ(0, kv_pin(self->t.fd, 2, 0));
	ASSERT_EQ(0, add(self->t.fd, 41));
	EXPECT_EQ(0, kv_exists(self->t.fd, 4));
	EXPECT_EQ(-ENOENT, kv_exists(self->t.fd, 0));
	EXPECT_EQ(0, kv_exists(self->t.fd, 2));
	/* Pins outlive the file and end with the block. */
	for (i = 0; i < 64; i++)
		kv_remove(self->t.fd, i);
	EXPECT_EQ(0, present(self->t.fd));
}

/*
 * SIEVE: a block that was used is spared once, in its place; new blocks enter
 * at the young end and the hand continues from its place.
 */
TEST_F(evict, sieve)
{
	const __u64 used[] = { 0, 2 };

	ASSERT_EQ(0, kv_sys_write("policy", "sieve"));
	ASSERT_EQ(0, add_range(self->t.fd, 0, ROOM - 1));
	ASSERT_EQ(0, use(self->t.fd, used, 2));
	/* The hand passes 0 and takes 1. */
	ASSERT_EQ(0, add(self->t.fd, 20));
	EXPECT_EQ(BIT(0) | BITS(2, 7) | BIT(20), present(self->t.fd));
	/* It passes 2 and takes 3, 4, 5. */
	ASSERT_EQ(0, add_range(self->t.fd, 21, 23));
	EXPECT_EQ(BIT(0) | BIT(2) | BITS(6, 7) | BITS(20, 23),
		  present(self->t.fd));
	/* 6, 7, 20 to 23 were never used: the hand takes them in turn. */
	ASSERT_EQ(0, add_range(self->t.fd, 24, 27));
	EXPECT_EQ(BIT(0) | BIT(2) | BITS(22, 27), present(self->t.fd));
	ASSERT_EQ(0, add_range(self->t.fd, 28, 40));
	EXPECT_EQ(BIT(0) | BIT(2) | BITS(35, 40), present(self->t.fd));
}

/* Under SIEVE a scan does not evict blocks that are used; under LRU it does. */
TEST_F(evict, sieve_resists_a_scan)
{
	const __u64 hot[] = { 0, 1 };
	int i;

	ASSERT_EQ(0, kv_sys_write("policy", "sieve"));
	ASSERT_EQ(0, add_range(self->t.fd, 0, 1));
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(0, use(self->t.fd, hot, 2));
		ASSERT_EQ(0, add(self->t.fd, 10 + i));
	}
	EXPECT_EQ(0, kv_exists(self->t.fd, 0));
	EXPECT_EQ(0, kv_exists(self->t.fd, 1));
}

struct load {
	int fd;
	__u8 *map;
	volatile bool stop;
	volatile unsigned long rounds;
	volatile int error;
};

static void *load_thread(void *data)
{
	struct load *l = data;
	__u64 seed = 0x10ad;

	while (!l->stop && !l->error) {
		__u64 n = 1000 + kv_rand(&seed) % 64;
		int ret = kv_produce(l->fd, l->map, n, 65536);

		if (ret && ret != -EEXIST)
			l->error = ret;
		ret = kv_consume(l->fd, l->map, n);
		if (ret && ret != -ENOENT)
			l->error = ret;
		l->rounds++;
	}
	return NULL;
}

/* The policy changes under load, and no block is lost. */
TEST_F(evict, switch_under_load)
{
	struct load l = { .fd = self->t.fd, .map = self->t.map };
	struct kvpool_stats before, after;
	const char *names[] = { "sieve", "lru" };
	unsigned long seen;
	char text[64];
	pthread_t thread;
	int i;

	/* 64 blocks of the load and 32 at rest all fit. */
	for (i = 0; i < 32; i++)
		ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, i, 65536));
	ASSERT_EQ(0, pthread_create(&thread, NULL, load_thread, &l));
	kv_wait_until(l.rounds > 200 || l.error);
	ASSERT_EQ(0, kv_stats(self->t.fd, &before));
	for (i = 0; i < 40 && !l.error; i++) {
		ASSERT_EQ(0, kv_sys_write("policy", names[i % 2]));
		seen = l.rounds;
		kv_wait_until(l.rounds > seen + 3 || l.error);
	}
	l.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, l.error);
	ASSERT_EQ(0, kv_stats(self->t.fd, &after));
	EXPECT_EQ(0, after.evicted_blocks);
	EXPECT_GE(after.blocks, before.blocks);
	for (i = 0; i < 32; i++)
		EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, i));
	ASSERT_EQ(0, kv_sys_read("policy", text, sizeof(text)));
	EXPECT_STREQ("[lru] sieve", text);
}

/* After a switch the old order is the start of the new one. */
TEST_F(evict, switch_keeps_order)
{
	const __u64 first = 0;

	ASSERT_EQ(0, add_range(self->t.fd, 0, ROOM - 1));
	ASSERT_EQ(0, use(self->t.fd, &first, 1));
	ASSERT_EQ(0, kv_sys_write("policy", "sieve"));
	/* 1 2 3 ... 7 0, the oldest first. */
	ASSERT_EQ(0, add_range(self->t.fd, 20, 21));
	EXPECT_EQ(BIT(0) | BITS(3, 7) | BITS(20, 21), present(self->t.fd));
	ASSERT_EQ(0, kv_sys_write("policy", "lru"));
	ASSERT_EQ(0, add_range(self->t.fd, 22, 23));
	EXPECT_EQ(BIT(0) | BITS(5, 7) | BITS(20, 23), present(self->t.fd));
}

/* Above the high watermark a worker evicts down to the low watermark. */
TEST_F(evict, watermarks)
{
	struct kvpool_stats st;
	struct kv_block b;
	__u64 high, low;

	ASSERT_EQ(0, kv_sys_read_u64("watermark_high", &high));
	ASSERT_EQ(100, high);
	ASSERT_EQ(0, kv_sys_read_u64("watermark_low", &low));
	ASSERT_EQ(0, add_range(self->t.fd, 0, ROOM - 1));
	EXPECT_EQ(BITS(0, ROOM - 1), present(self->t.fd));

	/* A tier above a watermark that is lowered evicts. */
	ASSERT_EQ(0, kv_sys_set("watermark_low", 50));
	ASSERT_EQ(0, kv_sys_set("watermark_high", 75));
	kv_wait_until(!kv_stats(self->t.fd, &st) &&
		      st.bytes <= ROOM * KV_CHUNK / 2);
	/* The youngest blocks stay, down to the low watermark. */
	EXPECT_EQ(ROOM * KV_CHUNK / 2, st.bytes);
	EXPECT_EQ(BITS(4, 7), present(self->t.fd));

	/* Up to the high watermark no block is evicted. */
	ASSERT_EQ(0, add_range(self->t.fd, 20, 21));
	EXPECT_EQ(BITS(4, 7) | BITS(20, 21), present(self->t.fd));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 22, KV_CHUNK));
	kv_wait_until(!kv_stats(self->t.fd, &st) &&
		      st.bytes <= ROOM * KV_CHUNK / 2);
	EXPECT_EQ(BIT(7) | BITS(20, 21), present(self->t.fd));
	EXPECT_EQ(0, kv_seal(self->t.fd, b.handle));
	ASSERT_EQ(0, kv_sys_set("watermark_high", 100));
	ASSERT_EQ(0, kv_sys_set("watermark_low", low));
}

/* Many small blocks are evicted for a long block, and no more than needed. */
TEST_F(evict, small_for_big)
{
	struct kvpool_stats st;
	unsigned int i;

	for (i = 0; i < ROOM * 32; i++)
		ASSERT_EQ(0, kv_produce_blank(self->t.fd, i, 65536));
	ASSERT_EQ(0, kv_produce_blank(self->t.fd, 10000, 3 * KV_CHUNK));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(96, st.evicted_blocks);
	for (i = 0; i < ROOM * 32; i++)
		EXPECT_EQ(i < 96 ? -ENOENT : 0, kv_exists(self->t.fd, i));
}

TEST_HARNESS_MAIN
