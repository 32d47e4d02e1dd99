// SPDX-License-Identifier: GPL-2.0
/*
 * chain: the resident part of every chain is a prefix of it, however the chain
 * was made and touched.
 *
 * Blocks have a chunk each, so that each new block evicts one block. Block n of
 * the chain has the key n; strangers have keys from STRANGER on.
 */
#include "kvpool_util.h"
#include "kvpool_async.h"

#define ROOM		16		/* blocks that fit */
#define STRANGER	40
#define MOST		64

#define BIT(n)		(1ULL << (n))
#define BITS(lo, hi)	(((1ULL << ((hi) - (lo) + 1)) - 1) << (lo))

FIXTURE(chain) {
	struct kv_bench t;
	__u64 stranger;
};

FIXTURE_VARIANT(chain) {
	const char *policy;
};

FIXTURE_VARIANT_ADD(chain, lru) {
	.policy = "lru",
};

FIXTURE_VARIANT_ADD(chain, sieve) {
	.policy = "sieve",
};

FIXTURE_SETUP(chain)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_sys_write("policy", variant->policy));
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   ROOM * KV_CHUNK));
	self->stranger = STRANGER;
}

FIXTURE_TEARDOWN(chain)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

/* Entries for the keys from @first on. */
static void fill_entries(struct kvpool_entry *entries, __u64 first,
			 unsigned int n, __u64 length)
{
	unsigned int i;

	memset(entries, 0, n * sizeof(*entries));
	for (i = 0; i < n; i++) {
		kv_key(&entries[i].key, first + i);
		entries[i].length = length;
	}
}

/*
 * Reserves the entries as consecutive blocks from @position on behind the block
 * with the key @parent. Returns how many were reserved.
 */
static int chain_reserve(int fd, struct kvpool_entry *entries, unsigned int n,
			 __u64 parent, __u32 position)
{
	struct kvpool_reserve arg = {
		.size = sizeof(arg),
		.flags = KVPOOL_RESERVE_CHAIN,
		.nr_entries = n,
		.entries = kv_ptr(entries),
		.node = KVPOOL_NODE_ANY,
		.position = position,
	};
	int ret;

	if (position)
		kv_key(&arg.parent, parent);
	ret = kv_call(fd, KVPOOL_IOC_RESERVE, &arg);
	return ret ? ret : (int)arg.nr_done;
}

/* Seals what the entries have reserved, with a pin. */
static int chain_seal(int fd, const struct kvpool_entry *entries,
		      unsigned int n, __u32 pin)
{
	struct kvpool_handle_entry handles[MOST] = {};
	unsigned int i, k = 0;
	int ret;

	for (i = 0; i < n; i++) {
		if (entries[i].status)
			continue;
		handles[k].flags = pin;
		handles[k++].handle = entries[i].handle;
	}
	ret = k ? kv_handle_batch(fd, KVPOOL_IOC_SEAL, handles, k) : 0;
	return ret < 0 ? ret : ret == (int)k ? 0 : -EPROTO;
}

/* Blocks @first to @last of the chain in one call, which all must be new. */
static int make_pinned(int fd, __u64 first, __u64 last, __u64 length, __u32 pin)
{
	struct kvpool_entry entries[MOST];
	unsigned int n = last - first + 1;
	int ret;

	fill_entries(entries, first, n, length);
	ret = chain_reserve(fd, entries, n, first - 1, first);
	if (ret != (int)n)
		return ret < 0 ? ret : -ENOSPC;
	return chain_seal(fd, entries, n, pin);
}

static int make(int fd, __u64 first, __u64 last)
{
	return make_pinned(fd, first, last, KV_CHUNK, 0);
}

static int strangers(int fd, __u64 *next, unsigned int n)
{
	int ret = 0;

	while (!ret && n--)
		ret = kv_produce_blank(fd, (*next)++, KV_CHUNK);
	return ret;
}

/* A mask of those of the first 40 keys that are there. */
static __u64 present(int fd)
{
	__u64 mask = 0;
	int i;

	for (i = 0; i < STRANGER; i++)
		if (kv_exists(fd, i) != -ENOENT)
			mask |= BIT(i);
	return mask;
}

/* Is what is left a prefix? */
static bool is_prefix(__u64 mask)
{
	return !(mask & (mask + 1));
}

/* Takes a lease on each block from @first to @last and ends it. */
static int use(int fd, __u64 first, __u64 last)
{
	struct kv_block b;
	int ret = 0;

	for (; !ret && first <= last; first++) {
		ret = kv_lease(fd, &b, first);
		if (!ret)
			ret = kv_release(fd, b.handle);
	}
	return ret;
}

/* One stranger after the other: what is left of the chain is a prefix. */
#define EXPECT_PREFIXES(total) do {					\
	__u64 __left = (total);						\
									\
	EXPECT_EQ(__left, (__u64)__builtin_popcountll(			\
					present(self->t.fd)));		\
	while (__left) {						\
		ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 1)); \
		__left--;						\
		ASSERT_EQ(__left ? BITS(0, __left - 1) : 0,		\
			  present(self->t.fd));				\
	}								\
} while (0)

TEST_F(chain, arguments)
{
	struct kvpool_reserve arg = { .size = sizeof(arg), .nr_entries = 1 };
	struct kvpool_completion cqe;
	struct kvpool_entry entry;
	struct kvpool_info info;
	struct kvpool_op op;

	fill_entries(&entry, 0, 1, 4096);
	arg.entries = kv_ptr(&entry);
	arg.node = KVPOOL_NODE_ANY;
	arg.position = 1;
	EXPECT_EQ(-EINVAL, kv_call(self->t.fd, KVPOOL_IOC_RESERVE, &arg));
	arg.position = 0;
	arg.parent.bytes[31] = 1;
	EXPECT_EQ(-EINVAL, kv_call(self->t.fd, KVPOOL_IOC_RESERVE, &arg));
	arg.flags = KVPOOL_RESERVE_CHAIN;
	EXPECT_EQ(-EINVAL, kv_call(self->t.fd, KVPOOL_IOC_RESERVE, &arg));
	arg.parent.bytes[31] = 0;
	arg.reserved = 1;
	EXPECT_EQ(-EINVAL, kv_call(self->t.fd, KVPOOL_IOC_RESERVE, &arg));
	arg.reserved = 0;
	EXPECT_EQ(0, kv_call(self->t.fd, KVPOOL_IOC_RESERVE, &arg));
	EXPECT_EQ(1, arg.nr_done);
	ASSERT_EQ(0, kv_abort(self->t.fd, entry.handle));

	op = kv_op_reserve(0, 4096, 1);
	op.position = 1;
	EXPECT_EQ(-EINVAL, kv_submit_wait(self->t.fd, &op, 1, &cqe));
	op.position = 0;
	op.parent.bytes[0] = 1;
	EXPECT_EQ(-EINVAL, kv_submit_wait(self->t.fd, &op, 1, &cqe));
	op.flags = KVPOOL_OP_CHAIN;
	EXPECT_EQ(-EINVAL, kv_submit_wait(self->t.fd, &op, 1, &cqe));
	op.position = 7;
	op.reserved = 1;
	EXPECT_EQ(-EINVAL, kv_submit_wait(self->t.fd, &op, 1, &cqe));
	op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_CHAIN, 0, 1);
	EXPECT_EQ(-EINVAL, kv_submit_wait(self->t.fd, &op, 1, &cqe));
	op = kv_op(KVPOOL_OP_PROBE, KVPOOL_OP_CHAIN, 0, 1);
	EXPECT_EQ(-EINVAL, kv_submit_wait(self->t.fd, &op, 1, &cqe));

	ASSERT_EQ(0, kv_info(self->t.fd, &info));
	EXPECT_NE(0, info.features & KVPOOL_FEATURE_CHAIN);
}

/* Without the flag, age alone counts. */
TEST_F(chain, without_flag)
{
	int i;

	for (i = 0; i < ROOM; i++)
		ASSERT_EQ(0, kv_produce_blank(self->t.fd, i, KV_CHUNK));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 8));
	EXPECT_EQ(BITS(8, 15), present(self->t.fd));
}

TEST_F(chain, two_calls)
{
	ASSERT_EQ(0, make(self->t.fd, 0, 7));
	ASSERT_EQ(0, make(self->t.fd, 8, 15));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 8));
	EXPECT_EQ(BITS(0, 7), present(self->t.fd));
	EXPECT_PREFIXES(8);
}

TEST_F(chain, one_by_one)
{
	int i;

	for (i = 0; i < ROOM; i++)
		ASSERT_EQ(0, make(self->t.fd, i, i));
	EXPECT_PREFIXES(ROOM);
}

TEST_F(chain, in_pieces)
{
	ASSERT_EQ(0, make(self->t.fd, 0, 4));
	ASSERT_EQ(0, make(self->t.fd, 5, 5));
	ASSERT_EQ(0, make(self->t.fd, 6, 12));
	ASSERT_EQ(0, make(self->t.fd, 13, 15));
	EXPECT_PREFIXES(ROOM);
}

/* The pieces come in any order, as from a peer. */
TEST_F(chain, tail_piece_first)
{
	ASSERT_EQ(0, make(self->t.fd, 8, 11));
	ASSERT_EQ(0, make(self->t.fd, 12, 15));
	ASSERT_EQ(0, make(self->t.fd, 4, 7));
	ASSERT_EQ(0, make(self->t.fd, 0, 3));
	EXPECT_PREFIXES(ROOM);
}

/* Reserved together, and sealed from the tail to the head. */
TEST_F(chain, child_sealed_first)
{
	struct kvpool_entry entries[ROOM];
	int i;

	fill_entries(entries, 0, ROOM, KV_CHUNK);
	ASSERT_EQ(ROOM, chain_reserve(self->t.fd, entries, ROOM, 0, 0));
	for (i = ROOM; i--;)
		ASSERT_EQ(0, kv_seal(self->t.fd, entries[i].handle));
	EXPECT_PREFIXES(ROOM);
}

/* The tail is sealed while its parents are pending: it cannot outlive them. */
TEST_F(chain, pending_parent)
{
	struct kvpool_entry entries[ROOM];
	int i;

	fill_entries(entries, 0, ROOM, KV_CHUNK);
	ASSERT_EQ(ROOM, chain_reserve(self->t.fd, entries, ROOM, 0, 0));
	ASSERT_EQ(0, chain_seal(self->t.fd, entries + 8, 8, 0));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 4));
	EXPECT_EQ(BITS(0, 11), present(self->t.fd));
	ASSERT_EQ(0, chain_seal(self->t.fd, entries, 8, 0));
	for (i = 0; i < ROOM; i++) {
		ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 1));
		ASSERT_TRUE(is_prefix(present(self->t.fd)));
	}
	EXPECT_EQ(0, present(self->t.fd));
}

/* Operations say it one by one, in one call or in several. */
TEST_F(chain, operations)
{
	struct kvpool_completion cqes[ROOM];
	struct kvpool_op ops[ROOM];
	int i;

	for (i = 0; i < ROOM; i++) {
		ops[i] = kv_op_reserve(i, KV_CHUNK, i);
		ops[i].flags |= KVPOOL_OP_CHAIN;
		ops[i].position = i;
		if (i)
			kv_key(&ops[i].parent, i - 1);
	}
	ASSERT_EQ(0, kv_submit_wait(self->t.fd, ops, 5, cqes));
	ASSERT_EQ(0, kv_submit_wait(self->t.fd, ops + 5, 1, cqes + 5));
	ASSERT_EQ(0, kv_submit_wait(self->t.fd, ops + 6, ROOM - 6, cqes + 6));
	for (i = 0; i < ROOM; i++) {
		ASSERT_EQ(0, cqes[i].status);
		ASSERT_EQ(0, kv_seal(self->t.fd, cqes[i].handle));
	}
	EXPECT_PREFIXES(ROOM);
}

/* Its tail is used again and again: that is a use of the head as well. */
TEST_F(chain, tail_used)
{
	int i;

	ASSERT_EQ(0, make(self->t.fd, 0, 7));
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 8));
		EXPECT_EQ(BITS(0, 7), present(self->t.fd));
		ASSERT_EQ(0, use(self->t.fd, 7, 7));
	}
}

TEST_F(chain, leased_in_part)
{
	struct kv_block b;
	int i;

	ASSERT_EQ(0, make(self->t.fd, 0, 15));
	ASSERT_EQ(0, use(self->t.fd, 3, 5));
	ASSERT_EQ(0, use(self->t.fd, 12, 12));
	ASSERT_EQ(0, kv_lease(self->t.fd, &b, 9));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 6));
	EXPECT_TRUE(is_prefix(present(self->t.fd)));
	/* A leased block keeps those before it. */
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 24));
	EXPECT_EQ(BITS(0, 9), BITS(0, 9) & present(self->t.fd));
	EXPECT_TRUE(is_prefix(present(self->t.fd)));
	ASSERT_EQ(0, kv_release(self->t.fd, b.handle));
	for (i = 0; i < 32; i++) {
		ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 1));
		ASSERT_TRUE(is_prefix(present(self->t.fd)));
	}
}

/* The head was sealed without the flag, or in an earlier call. */
TEST_F(chain, eexist_covers_head)
{
	struct kvpool_entry entries[ROOM];
	int i;

	for (i = 0; i < 6; i++)
		ASSERT_EQ(0, kv_produce_blank(self->t.fd, i, KV_CHUNK));
	fill_entries(entries, 0, ROOM, KV_CHUNK);
	ASSERT_EQ(ROOM - 6, chain_reserve(self->t.fd, entries, ROOM, 0, 0));
	for (i = 0; i < 6; i++)
		EXPECT_EQ(-EEXIST, entries[i].status);
	ASSERT_EQ(0, chain_seal(self->t.fd, entries, ROOM, 0));
	EXPECT_PREFIXES(ROOM);
}

/* A branch keeps the trunk; the branches go by their age. */
TEST_F(chain, branches)
{
	struct kvpool_entry entries[4];

	ASSERT_EQ(0, make(self->t.fd, 0, 7));
	fill_entries(entries, 20, 4, KV_CHUNK);
	ASSERT_EQ(4, chain_reserve(self->t.fd, entries, 4, 3, 4));
	ASSERT_EQ(0, chain_seal(self->t.fd, entries, 4, 0));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 4));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 4));
	EXPECT_EQ(BITS(0, 3) | BITS(20, 23), present(self->t.fd));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 4));
	EXPECT_EQ(BITS(0, 3), present(self->t.fd));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 2));
	EXPECT_EQ(BITS(0, 1), present(self->t.fd));
}

/* What has lost its head goes first, from its tail, however young it is. */
TEST_F(chain, removed_parent)
{
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 4));
	ASSERT_EQ(0, make(self->t.fd, 0, 11));
	ASSERT_EQ(0, use(self->t.fd, 0, 11));
	ASSERT_EQ(0, kv_remove(self->t.fd, 5));
	EXPECT_EQ(BITS(0, 4) | BITS(6, 11), present(self->t.fd));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 1));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 3));
	EXPECT_EQ(BITS(0, 4) | BITS(6, 8), present(self->t.fd));
	EXPECT_EQ(0, kv_exists(self->t.fd, STRANGER));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 3));
	EXPECT_EQ(BITS(0, 4), present(self->t.fd));
	EXPECT_EQ(0, kv_exists(self->t.fd, STRANGER));
}

/* The removed block is leased, so it stays in memory, but not in the chain. */
TEST_F(chain, removed_while_leased)
{
	struct kv_block b;

	ASSERT_EQ(0, make(self->t.fd, 0, 11));
	ASSERT_EQ(0, kv_lease(self->t.fd, &b, 2));
	ASSERT_EQ(0, kv_remove(self->t.fd, 2));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 4 + 9));
	EXPECT_EQ(BITS(0, 1), present(self->t.fd));
	ASSERT_EQ(0, kv_release(self->t.fd, b.handle));
}

/* A call that makes the missing parent again saves what continues it. */
TEST_F(chain, restored_parent)
{
	struct kvpool_entry entries[8];
	int i;

	ASSERT_EQ(0, make(self->t.fd, 0, 11));
	ASSERT_EQ(0, kv_remove(self->t.fd, 5));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 6));
	EXPECT_EQ(BITS(0, 4) | BITS(6, 10), present(self->t.fd));
	fill_entries(entries, 5, 3, KV_CHUNK);
	ASSERT_EQ(1, chain_reserve(self->t.fd, entries, 3, 4, 5));
	ASSERT_EQ(0, entries[0].status);
	ASSERT_EQ(-EEXIST, entries[1].status);
	ASSERT_EQ(0, chain_seal(self->t.fd, entries, 3, 0));
	/* What was an orphan is the tail of a chain again, and may be young. */
	EXPECT_EQ(BITS(0, 9), BITS(0, 9) & present(self->t.fd));
	ASSERT_EQ(0, use(self->t.fd, 9, 9));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 5));
	EXPECT_EQ(BITS(0, 9), BITS(0, 9) & present(self->t.fd));
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 1));
		ASSERT_TRUE(is_prefix(present(self->t.fd)));
	}
}

TEST_F(chain, aborted_parent)
{
	struct kvpool_entry entries[12];

	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 4));
	fill_entries(entries, 0, 12, KV_CHUNK);
	ASSERT_EQ(12, chain_reserve(self->t.fd, entries, 12, 0, 0));
	ASSERT_EQ(0, chain_seal(self->t.fd, entries + 8, 4, 0));
	ASSERT_EQ(0, chain_seal(self->t.fd, entries, 7, 0));
	ASSERT_EQ(0, kv_abort(self->t.fd, entries[7].handle));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 1 + 3));
	EXPECT_EQ(BITS(0, 6) | BIT(8), present(self->t.fd));
	EXPECT_EQ(0, kv_exists(self->t.fd, STRANGER));
}

TEST_F(chain, preempted_parent)
{
	struct kvpool_entry entries[8];
	struct kv_block b;
	int ret;

	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 6));
	fill_entries(entries, 0, 8, KV_CHUNK);
	ASSERT_EQ(8, chain_reserve(self->t.fd, entries, 8, 0, 0));
	ASSERT_EQ(0, chain_seal(self->t.fd, entries + 4, 4, 0));
	ASSERT_EQ(0, chain_seal(self->t.fd, entries, 3, 0));
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	/* A stranger takes the key, and says nothing of the chain. */
	do {
		ret = kv_reserve(self->t.fd, &b, 3, KV_CHUNK);
	} while (ret == -EBUSY);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
	EXPECT_EQ(-ESTALE, kv_seal(self->t.fd, entries[3].handle));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 2 + 3));
	EXPECT_EQ(BITS(0, 4), present(self->t.fd));
	EXPECT_EQ(0, kv_exists(self->t.fd, STRANGER));
}

/* A parent that is not there: the block is the first to go. */
TEST_F(chain, missing_parent)
{
	struct kvpool_entry entry;

	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, ROOM - 1));
	fill_entries(&entry, 9, 1, KV_CHUNK);
	ASSERT_EQ(1, chain_reserve(self->t.fd, &entry, 1, 8, 9));
	ASSERT_EQ(0, chain_seal(self->t.fd, &entry, 1, 0));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 1));
	EXPECT_EQ(0, present(self->t.fd));
	EXPECT_EQ(0, kv_exists(self->t.fd, STRANGER));
}

/* A parent at another position, of another chain, or the block itself. */
TEST_F(chain, wrong_parents)
{
	struct kvpool_entry entries[8];
	int i;

	ASSERT_EQ(0, make(self->t.fd, 0, 7));
	fill_entries(entries, 20, 1, KV_CHUNK);
	ASSERT_EQ(1, chain_reserve(self->t.fd, entries, 1, 3, 9));
	ASSERT_EQ(0, chain_seal(self->t.fd, entries, 1, 0));
	fill_entries(entries, 21, 1, KV_CHUNK);
	ASSERT_EQ(1, chain_reserve(self->t.fd, entries, 1, 21, 1));
	ASSERT_EQ(0, chain_seal(self->t.fd, entries, 1, 0));
	/* A cycle: 0 behind 7, the other way round, and twice in one call. */
	fill_entries(entries, 0, 1, KV_CHUNK);
	ASSERT_EQ(0, chain_reserve(self->t.fd, entries, 1, 7, 8));
	fill_entries(entries, 0, 8, KV_CHUNK);
	for (i = 0; i < 8; i++)
		kv_key(&entries[i].key, 7 - i);
	ASSERT_EQ(0, chain_reserve(self->t.fd, entries, 8, 0, 0));
	fill_entries(entries, 0, 8, KV_CHUNK);
	for (i = 0; i < 8; i++)
		kv_key(&entries[i].key, 30 + i % 2);
	ASSERT_EQ(2, chain_reserve(self->t.fd, entries, 8, 0, 0));
	ASSERT_EQ(0, chain_seal(self->t.fd, entries, 8, 0));
	/* Far beyond what is noted. */
	fill_entries(entries, 22, 1, KV_CHUNK);
	ASSERT_EQ(1, chain_reserve(self->t.fd, entries, 1, 0, 0xffffffff));
	ASSERT_EQ(0, chain_seal(self->t.fd, entries, 1, 0));
	/* The two that are orphans go first, and the chain is as it was. */
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, ROOM - 13));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 2));
	EXPECT_EQ(BITS(0, 7) | BITS(30, 31) | BIT(22), present(self->t.fd));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 4));
	EXPECT_EQ(BITS(0, 3) | BITS(30, 31) | BIT(22), present(self->t.fd));
}

/* The keys of another tenant are other blocks. */
TEST_F(chain, foreign_parent)
{
	struct kvpool_entry entry;
	struct kv_bench other;

	ASSERT_EQ(0, kv_bench_tenant(&other, "u"));
	ASSERT_EQ(0, make(other.fd, 0, 3));
	fill_entries(&entry, 4, 1, KV_CHUNK);
	ASSERT_EQ(1, chain_reserve(self->t.fd, &entry, 1, 3, 4));
	ASSERT_EQ(0, chain_seal(self->t.fd, &entry, 1, 0));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, ROOM));
	EXPECT_EQ(0, present(self->t.fd));
	EXPECT_EQ(BITS(0, 3), present(other.fd));
	ASSERT_EQ(0, kv_bench_end(&other));
}

/* A call for more than fits keeps what it continues, and gets less. */
TEST_F(chain, longer_than_the_pool)
{
	struct kvpool_entry entries[24];
	int i;

	ASSERT_EQ(0, make(self->t.fd, 0, 7));
	fill_entries(entries, 8, 24, KV_CHUNK);
	ASSERT_EQ(8, chain_reserve(self->t.fd, entries, 24, 7, 8));
	for (i = 0; i < 24; i++)
		EXPECT_EQ(i < 8 ? 0 : -EDQUOT, entries[i].status);
	ASSERT_EQ(0, chain_seal(self->t.fd, entries, 24, 0));
	EXPECT_PREFIXES(ROOM);
}

TEST_F(chain, soft_pins)
{
	ASSERT_EQ(0, make(self->t.fd, 0, 7));
	ASSERT_EQ(0, make_pinned(self->t.fd, 8, 9, KV_CHUNK, KVPOOL_PIN_SOFT));
	ASSERT_EQ(0, make(self->t.fd, 10, 15));
	/* Pinned softly, 9 keeps the blocks that it continues as well. */
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 20));
	EXPECT_EQ(BITS(0, 9), present(self->t.fd));
	ASSERT_EQ(0, kv_pin(self->t.fd, 9, 0));
	ASSERT_EQ(0, kv_pin(self->t.fd, 8, 0));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 6));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 3));
	EXPECT_EQ(BITS(0, 6), present(self->t.fd));
}

TEST_F(chain, hard_pins)
{
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "pin_quota_bytes",
				   4 * KV_CHUNK));
	ASSERT_EQ(0, make(self->t.fd, 0, 7));
	ASSERT_EQ(0, make_pinned(self->t.fd, 8, 9, KV_CHUNK, KVPOOL_PIN_HARD));
	ASSERT_EQ(0, make(self->t.fd, 10, 15));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 20));
	EXPECT_EQ(BITS(0, 9), present(self->t.fd));
	ASSERT_EQ(0, kv_remove(self->t.fd, 9));
	ASSERT_EQ(0, kv_pin(self->t.fd, 8, 0));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 1 + 6));
	ASSERT_EQ(0, strangers(self->t.fd, &self->stranger, 4));
	EXPECT_EQ(BITS(0, 4), present(self->t.fd));
}

/* Compaction moves blocks, which stay what they are. */
TEST_F(chain, compaction)
{
	const __u64 quarter = KV_CHUNK / 4;
	struct kvpool_stats st;
	struct kv_block b;
	__u64 bytes;
	int i, k;

	/* A block of the chain in each chunk, with three that go. */
	for (i = 0; i < 12; i++) {
		ASSERT_EQ(0, make_pinned(self->t.fd, i, i, quarter, 0));
		for (k = 0; k < 3; k++)
			ASSERT_EQ(0, kv_produce_blank(self->t.fd,
						      100 + 3 * i + k,
						      quarter));
	}
	for (i = 0; i < 12; i++) {
		ASSERT_EQ(0, kv_lease(self->t.fd, &b, i));
		kv_fill(self->t.map, &b);
		ASSERT_EQ(0, kv_release(self->t.fd, b.handle));
	}
	for (i = 100; i < 136; i++)
		ASSERT_EQ(0, kv_remove(self->t.fd, i));
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   3 * KV_CHUNK));
	kv_wait_until(kv_tenant_read(self->t.tenant, "arena_bytes", &bytes) ||
		      bytes <= 3 * KV_CHUNK);
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_NE(0, st.copied_bytes);
	EXPECT_EQ(BITS(0, 11), present(self->t.fd));
	for (i = 0; i < 12; i++)
		EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, i));
	for (i = 11; i >= 0; i--) {
		ASSERT_EQ(0, kv_produce_blank(self->t.fd, self->stranger++,
					      quarter));
		ASSERT_EQ(i ? BITS(0, i - 1) : 0, present(self->t.fd));
	}
}

/* Parents go while other threads make, use and evict what continues them. */
static volatile bool race_ends;

static void *race_remove(void *data)
{
	int fd = *(int *)data;
	__u64 state = 77;

	while (!race_ends)
		kv_remove(fd, kv_rand(&state) % 24);
	return NULL;
}

TEST_F(chain, races)
{
	struct kvpool_entry entries[24];
	__u64 state = 5, first, last;
	pthread_t thread;
	int n, ret;

	race_ends = false;
	ASSERT_EQ(0, pthread_create(&thread, NULL, race_remove, &self->t.fd));
	for (n = kv_debug_kernel() ? 100 : 400; n--;) {
		first = kv_rand(&state) % 20;
		last = first + kv_rand(&state) % 4;
		fill_entries(entries, first, last - first + 1, KV_CHUNK);
		ASSERT_LE(0, chain_reserve(self->t.fd, entries,
					   last - first + 1, first - 1, first));
		chain_seal(self->t.fd, entries, last - first + 1, 0);
		if (!(n % 8)) {
			/* The only leaf may be in use for a moment. */
			ret = strangers(self->t.fd, &self->stranger, 2);
			ASSERT_TRUE(!ret || ret == -EDQUOT);
		}
		if (self->stranger > 60)
			self->stranger = STRANGER + 100 * n;
		if (!(n % 16))
			kv_sys_write("policy", n % 32 ? "lru" : "sieve");
		use(self->t.fd, first, first);
	}
	race_ends = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(0, kv_tenant_drop(self->t.tenant));
	EXPECT_EQ(0, present(self->t.fd));
}

TEST_HARNESS_MAIN
