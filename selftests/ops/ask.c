// SPDX-License-Identifier: GPL-2.0
/*
 * ask: what peers are asked before blocks are fetched from them, on one host:
 * kvpool_testfabric.ko plays the peers.
 */
#include "kvpool_testfabric.h"

#define HOT		32		/* blocks of a chunk that fill the quota */
#define FIRST		1000		/* number of the first key at peers */

FIXTURE(ask) {
	struct kv_bench t;
	struct kvpool_stats base;
	struct kv_ring r;
	int fd;
};

FIXTURE_SETUP(ask)
{
	int ret = fabric_load();

	if (ret == -ENOENT)
		SKIP(return, "kvpool_testfabric.ko is not beside KVPOOL_KO");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, kv_bench_start(&self->t));
	memset(&self->r, 0, sizeof(self->r));
	self->fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, peers_find(self->fd));
	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 1024));
	ASSERT_EQ(0, kv_stats(self->fd, &self->base));
	/* A search of all peers ends. */
	ASSERT_EQ(0, fabric_set("polite", 1));
}

FIXTURE_TEARDOWN(ask)
{
	kv_ring_close(&self->r);
	close(self->fd);
	fabric_set("unstrand", 1);
	EXPECT_EQ(0, kv_bench_end(&self->t));
	EXPECT_EQ(0, fabric_unload());
}

static bool at_base(int fd, const struct kvpool_stats *base)
{
	struct kvpool_stats now;

	return !kv_stats(fd, &now) && kv_same_gauges(base, &now);
}

/* Fills the quota with blocks that are used. */
static int fill(const struct kv_bench *t, int fd, struct kvpool_stats *st)
{
	int i, ret;

	ret = kv_tenant_set(t->tenant, "quota_bytes", HOT * KV_CHUNK);
	for (i = 0; !ret && i < HOT; i++)
		ret = kv_produce_blank(fd, i, KV_CHUNK);
	return ret ? ret : kv_stats(fd, st);
}

static int left(int fd)
{
	int i, n = 0;

	for (i = 0; i < HOT; i++)
		n += !kv_exists(fd, i);
	return n;
}

/* Nothing is evicted for a block of which nobody has said that it exists. */
TEST_F(ask, miss_evicts_nothing)
{
	const struct { enum peer peer; __u32 flags; int status; } kinds[] = {
		{ PEER_MISSING, 0, -ENOENT },
		{ PEER_MISSING, KVPOOL_OP_TRANSIENT, -ENOENT },
		{ PEER_MISSING, KVPOOL_OP_WAIT, -ENOENT },
		{ PEER_UNKNOWN, 0, -ENOENT },
		{ PEER_PENDING, 0, -EINPROGRESS },
		{ PEER_DENIED, 0, -EACCES },
		{ PEER_LENGTH, 0, -ENOENT },
		{ PEER_FAILS, 0, -EREMOTEIO },
		{ PEER_LATER, 0, -ENOENT },
		{ PEER_ANY, 0, -EINPROGRESS },
		{ PEER_ANY, KVPOOL_OP_TRANSIENT, -EINPROGRESS },
	};
	struct kvpool_completion c[HOT];
	struct kvpool_op ops[HOT];
	struct kvpool_stats full, st;
	unsigned int i, k;

	ASSERT_EQ(0, fill(&self->t, self->t.fd, &full));
	ASSERT_EQ(HOT, left(self->fd));
	ASSERT_EQ(0, fabric_set("limit", FIRST));
	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (i = 0; i < HOT; i++) {
			ops[i] = fetch(sized(FIRST + i, KV_CHUNK),
				       kinds[k].peer, kinds[k].flags, i);
			ops[i].length = KV_CHUNK;
		}
		ASSERT_EQ(0, kv_submit_wait(self->fd, ops, HOT, c));
		for (i = 0; i < HOT; i++)
			EXPECT_EQ(kinds[k].status, c[i].status) TH_LOG("%u", k);
	}
	EXPECT_EQ(HOT, left(self->fd));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_TRUE(kv_same_gauges(&full, &st));
	EXPECT_EQ(full.evicted_blocks, st.evicted_blocks);
	EXPECT_EQ(full.aborted_blocks, st.aborted_blocks);
	EXPECT_EQ(full.rejected, st.rejected);

	/* And what a peer has, comes. */
	ASSERT_EQ(0, fabric_set("limit", FIRST + 4));
	for (i = 0; i < HOT; i++) {
		ops[i] = fetch(sized(FIRST + i, KV_CHUNK),
			       i & 1 ? PEER_ANY : PEER_LATER, 0, i);
		ops[i].length = KV_CHUNK;
	}
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, HOT, c));
	for (i = 0; i < HOT; i++) {
		EXPECT_EQ(i < 4 ? 0 : i & 1 ? -EINPROGRESS : -ENOENT,
			  c[i].status);
		if (i < 4)
			EXPECT_EQ(0, kv_release(self->fd, c[i].handle));
	}
	EXPECT_EQ(HOT - 4, left(self->fd));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(full.evicted_blocks + 4, st.evicted_blocks);
}

/* The high watermark counts as full: above it a worker would evict. */
TEST_F(ask, watermark)
{
	struct kvpool_completion c;
	struct kvpool_stats full, st;
	struct kvpool_op op;
	int i;

	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   HOT * KV_CHUNK));
	ASSERT_EQ(0, kv_sys_set("watermark_low", 50));
	ASSERT_EQ(0, kv_sys_set("watermark_high", 75));
	for (i = 0; i < HOT * 3 / 4; i++)
		ASSERT_EQ(0, kv_produce_blank(self->fd, i, KV_CHUNK));
	ASSERT_EQ(0, kv_stats(self->fd, &full));
	EXPECT_EQ(0, full.evicted_blocks);
	op = fetch(FIRST, PEER_MISSING, 0, 0);
	EXPECT_EQ(-ENOENT, kv_do(self->fd, &op, &c));
	EXPECT_EQ(0, fabric_count("fetches"));
	ASSERT_EQ(0, kv_remove(self->fd, 0));
	EXPECT_EQ(-ENOENT, kv_do(self->fd, &op, &c));
	EXPECT_EQ(1, fabric_count("fetches"));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.evicted_blocks);
}

/* One peer, and room: it is not asked first. */
TEST_F(ask, room_is_used_at_once)
{
	struct kvpool_completion c[64];
	struct kvpool_op ops[64];
	int i;

	for (i = 0; i < 64; i++)
		ops[i] = fetch(FIRST + i, PEER_LATER, 0, i);
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 64, c));
	for (i = 0; i < 64; i++)
		EXPECT_EQ(0, c[i].status);
	EXPECT_EQ(0, fabric_count("asks"));
	EXPECT_EQ(64, fabric_count("fetches"));
}

/* All peers are asked for all keys of a call in few messages. */
TEST_F(ask, batches)
{
	static struct kvpool_completion c[1024];
	static struct kvpool_op ops[1024];
	int i, asks;

	for (i = 0; i < 1024; i++) {
		ops[i] = kv_op(KVPOOL_OP_PROBE, KVPOOL_OP_REMOTE, FIRST + i, i);
		ops[i].peer = peer_numbers[PEER_LATER];
	}
	ASSERT_EQ(0, fabric_set("limit", FIRST + 512));
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 1024, c));
	for (i = 0; i < 1024; i++) {
		EXPECT_EQ(i < 512 ? 0 : -ENOENT, c[i].status);
		EXPECT_EQ(i < 512 ? LEN : 0, c[i].length);
		EXPECT_EQ(peer_numbers[PEER_LATER], c[i].peer);
	}
	asks = fabric_count("asks");
	EXPECT_LE(asks, 1024 / 64);
	EXPECT_EQ(1024, fabric_count("asked"));

	/* Those that somebody has are fetched; each peer is asked once. */
	ASSERT_EQ(0, fabric_set("asks", 0));
	for (i = 0; i < 1024; i++)
		ops[i] = fetch(FIRST + 256 + i, PEER_ANY, 0, i);
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 1024, c));
	for (i = 0; i < 1024; i++) {
		EXPECT_EQ(i < 256 ? 0 : -EINPROGRESS, c[i].status);
		if (!c[i].status)
			EXPECT_EQ(0, kv_release(self->fd, c[i].handle));
	}
	EXPECT_LE(fabric_count("asks"), 3 * NR_PEERS * asks);
}

/* Behind a miss nothing is brought, and before it all is. */
TEST_F(ask, prefix)
{
	const enum peer peers[] = { PEER_LATER, PEER_ANY, PEER_AT_ONCE };
	struct kvpool_completion c[64];
	struct kvpool_op ops[64];
	int i, miss, first, status;
	unsigned int k;

	for (k = 0; k < ARRAY_SIZE(peers); k++)
		for (miss = 0; miss <= 64; miss += 16) {
			first = FIRST + 10000 * k + 64 * miss;
			ASSERT_EQ(0, fabric_set("fetches", 0));
			for (i = 0; i < 64; i++)
				ops[i] = fetch(first + i, peers[k],
					       i ? KVPOOL_OP_PREFIX : 0, i);
			/* Peers have it, but not of this length. */
			if (miss < 64)
				kv_key(&ops[miss].key,
				       sized(first + miss, LEN + 1));
			ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 64, c));
			for (i = 0; i < 64; i++) {
				status = i < miss ? 0 : i == miss ? -EMSGSIZE :
							-ECANCELED;
				EXPECT_EQ(status, c[i].status)
					TH_LOG("%d of %u at %u", i, miss, k);
				if (!c[i].status)
					kv_release(self->fd, c[i].handle);
				EXPECT_EQ(i < miss ? 0 : -ENOENT,
					  kv_exists(self->fd,
						    ops[i].key.words[0]));
			}
			/* From "stale" it fails first. */
			if (peers[k] != PEER_ANY)
				EXPECT_EQ(miss, fabric_count("fetches"));
		}
}

/* An operation with the flag and one without, in any order. */
TEST_F(ask, prefixes_of_a_call)
{
	struct kvpool_completion c[8];
	struct kvpool_op ops[8];
	int i;

	ASSERT_EQ(0, kv_produce_blank(self->fd, FIRST + 6, LEN));
	for (i = 0; i < 8; i++)
		ops[i] = fetch(FIRST + i, PEER_LATER,
			       i % 4 ? KVPOOL_OP_PREFIX : 0, i);
	ops[1].peer = peer_numbers[PEER_MISSING];
	ops[7].peer = peer_numbers[PEER_DENIED];
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 8, c));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i == 1 ? -ENOENT : i == 2 || i == 3 ? -ECANCELED :
			  i == 7 ? -EACCES : 0, c[i].status);
	EXPECT_EQ(KVPOOL_ROUTE_LOCAL, c[6].route);

	/* Only operations that may ask a peer take the flag. */
	ops[0] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_PREFIX, FIRST, 0);
	EXPECT_EQ(-EINVAL, kv_submit_wait(self->fd, ops, 1, c));
	ops[0] = kv_op(KVPOOL_OP_PROBE, KVPOOL_OP_REMOTE | KVPOOL_OP_PREFIX,
		       FIRST, 0);
	EXPECT_EQ(-EINVAL, kv_submit_wait(self->fd, ops, 1, c));
}

/* What is pending here holds up what is behind it. */
TEST_F(ask, prefix_waits)
{
	struct kvpool_completion c;
	struct kvpool_op ops[16];
	struct kv_block b;
	int i, k;

	for (k = 0; k < 2; k++) {
		ASSERT_EQ(0, fabric_set("fetches", 0));
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b, FIRST + 100 * k + 4,
					LEN));
		for (i = 0; i < 16; i++)
			ops[i] = fetch(FIRST + 100 * k + i, PEER_LATER,
				       i ? KVPOOL_OP_PREFIX : 0, i);
		ASSERT_EQ(16, kv_submit(self->fd, ops, 16));
		for (i = 0; i < 4; i++) {
			ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
			EXPECT_EQ(0, c.status);
			EXPECT_LT(c.user_data, 4);
			EXPECT_EQ(0, kv_release(self->fd, c.handle));
		}
		EXPECT_EQ(4, fabric_count("fetches"));
		EXPECT_EQ(0, kv_ring_ready(&self->r));
		if (k) {
			/* Parked operations end like others, or as one does. */
			EXPECT_LE(1, kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0));
			EXPECT_EQ(4, fabric_count("fetches"));
		}
		ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
		for (i = 4; i < 16; i++) {
			ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
			EXPECT_EQ(k ? -ECANCELED : 0, c.status);
			if (!c.status)
				kv_release(self->fd, c.handle);
		}
		EXPECT_EQ(k ? 4 : 15, fabric_count("fetches"));
	}
}

/* A key that a peer has pending is waited for there. */
TEST_F(ask, waits_at_the_peer)
{
	const int ends[] = { 0, -ENOENT };
	struct kvpool_completion c;
	struct kvpool_stats full;
	struct kvpool_op op;
	unsigned int i, k;

	ASSERT_EQ(0, fill(&self->t, self->t.fd, &full));
	for (i = 0; i < 2; i++)
		for (k = 0; k < 4; k++) {
			/* With all peers, no other has it. */
			ASSERT_EQ(0, fabric_set("limit", 0));
			/* There is room; see waits_without_memory. */
			kv_remove(self->fd, 4 * i + k);
			op = fetch(FIRST + 4 * i + k,
				   k & 1 ? PEER_ANY : PEER_PENDING,
				   KVPOOL_OP_WAIT |
				   (k & 2 ? KVPOOL_OP_TRANSIENT : 0), k);
			ASSERT_EQ(0, fabric_set("waits", 0));
			ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
			kv_wait_until(fabric_count("waits") == 1);
			EXPECT_EQ(0, kv_ring_ready(&self->r));
			ASSERT_EQ(0, fabric_set("settle", ends[i]));
			ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
			EXPECT_EQ(ends[i], c.status) TH_LOG("%u", k);
			if (!c.status) {
				EXPECT_EQ(peer_numbers[PEER_PENDING], c.peer);
				EXPECT_EQ(0, kv_release(self->fd, c.handle));
			}
		}
	/* Without the flag it does not wait. */
	op = fetch(FIRST + 20, PEER_PENDING, 0, 0);
	EXPECT_EQ(-EINPROGRESS, kv_do(self->fd, &op, &c));
	op = fetch(FIRST + 20, PEER_ANY, 0, 0);
	EXPECT_EQ(-EINPROGRESS, kv_do(self->fd, &op, &c));
	/* And the wait ends with the deadline, or is cancelled. */
	op = fetch(FIRST + 20, PEER_PENDING, KVPOOL_OP_WAIT, 0);
	op.timeout_ns = 2000000;
	EXPECT_EQ(-ETIMEDOUT, kv_do(self->fd, &op, &c));
	op.timeout_ns = ~0ULL;
	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	EXPECT_EQ(1, kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0));
}

/* Nothing is evicted for a key that peers only have pending. */
TEST_F(ask, waits_without_memory)
{
	const int ends[] = { -ENOENT, 0 };
	struct kvpool_completion c;
	struct kvpool_stats full, st;
	struct kvpool_op ops[4];
	unsigned int i, k;

	ASSERT_EQ(0, fill(&self->t, self->t.fd, &full));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, fabric_set("limit", 0));
		ASSERT_EQ(0, fabric_set("pending", -EINPROGRESS));
		ASSERT_EQ(0, fabric_set("asks", 0));
		for (k = 0; k < 4; k++) {
			ops[k] = fetch(sized(FIRST + k, KV_CHUNK),
				       k & 1 ? PEER_ANY : PEER_PENDING,
				       KVPOOL_OP_WAIT |
				       (k & 2 ? KVPOOL_OP_TRANSIENT : 0), k);
			ops[k].length = KV_CHUNK;
			ops[k].timeout_ns = ~0ULL;
		}
		ASSERT_EQ(4, kv_submit(self->fd, ops, 4));
		/* The peers are asked again. */
		kv_wait_until(fabric_count("asks") > 40);
		EXPECT_EQ(0, kv_ring_ready(&self->r));
		EXPECT_EQ(0, fabric_count("waits"));
		EXPECT_EQ(HOT, left(self->fd));
		/* One of them is cancelled. */
		EXPECT_EQ(1, kv_cancel(self->fd, KVPOOL_CANCEL_USER_DATA, 0));
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
		EXPECT_EQ(-ECANCELED, c.status);
		ASSERT_EQ(0, fabric_set("pending", ends[i]));
		for (k = 1; k < 4; k++) {
			ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
			EXPECT_EQ(ends[i], c.status);
			if (!c.status)
				EXPECT_EQ(0, kv_release(self->fd, c.handle));
		}
		ASSERT_EQ(0, kv_stats(self->fd, &st));
		EXPECT_EQ(!ends[i], st.evicted_blocks > full.evicted_blocks);
	}
}

/* What is pending at a peer holds up what is behind it, as what is here does. */
TEST_F(ask, prefix_waits_at_the_peer)
{
	const int ends[] = { -ENOENT, 0 };
	struct kvpool_completion c;
	struct kvpool_op ops[8];
	int first, i, k, at;

	for (k = 0; k < 4; k++) {
		at = k & 2 ? 3 : 0;
		first = FIRST + 100 * k;
		ASSERT_EQ(0, fabric_set("fetches", 0));
		ASSERT_EQ(0, fabric_set("waits", 0));
		for (i = 0; i < 8; i++)
			ops[i] = fetch(first + i,
				       i == at ? PEER_PENDING : PEER_LATER,
				       KVPOOL_OP_WAIT |
				       (i ? KVPOOL_OP_PREFIX : 0), i);
		ASSERT_EQ(8, kv_submit(self->fd, ops, 8));
		for (i = 0; i < at; i++) {
			ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
			EXPECT_EQ(0, c.status);
			EXPECT_EQ(0, kv_release(self->fd, c.handle));
		}
		kv_wait_until(fabric_count("waits") == 1);
		EXPECT_EQ(at + 1, fabric_count("fetches"));
		ASSERT_EQ(0, fabric_set("settle", ends[k & 1]));
		for (i = at; i < 8; i++) {
			ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
			EXPECT_EQ(k & 1 ? 0 : c.user_data == (__u64)at ?
				  -ENOENT : -ECANCELED, c.status);
			if (!c.status)
				EXPECT_EQ(0, kv_release(self->fd, c.handle));
		}
		EXPECT_EQ(k & 1 ? 8 : at + 1, fabric_count("fetches"));
	}
}

/* Hosts that fetch a key do not have it pending for each other. */
TEST_F(ask, fetches_are_not_waited_for)
{
	const __u32 flags[] = { 0, KVPOOL_OP_TRANSIENT };
	struct kvpool_completion c;
	struct kvpool_op op;
	struct kv_block b;
	unsigned int i;

	EXPECT_EQ(-ENOENT, fabric_lookup(self->t.tenant, FIRST));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, fabric_set("waits", 0));
		op = fetch(FIRST + i, i ? PEER_ANY : PEER_PENDING,
			   KVPOOL_OP_WAIT | flags[i], 0);
		ASSERT_EQ(0, fabric_set("limit", 0));
		ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
		kv_wait_until(fabric_count("waits") == 1);
		EXPECT_EQ(-ENOENT, fabric_lookup(self->t.tenant, FIRST + i));
		ASSERT_EQ(0, fabric_set("settle", 0));
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
		EXPECT_EQ(0, c.status);
		EXPECT_EQ(0, kv_release(self->fd, c.handle));
		EXPECT_EQ(i ? -ENOENT : 0,
			  fabric_lookup(self->t.tenant, FIRST + i));
	}
	/* A producer's they have. */
	ASSERT_EQ(0, kv_reserve(self->fd, &b, FIRST + 10, LEN));
	EXPECT_EQ(-EINPROGRESS, fabric_lookup(self->t.tenant, FIRST + 10));
	ASSERT_EQ(0, kv_seal(self->fd, b.handle));
	EXPECT_EQ(0, fabric_lookup(self->t.tenant, FIRST + 10));
}

/* A peer that has a key pending does not pre-empt who has it pending here. */
TEST_F(ask, stuck_here_and_pending_there)
{
	struct kvpool_completion c;
	struct kvpool_stats st;
	struct kvpool_op op;
	struct kv_block b;
	__u64 start;
	int i;

	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, fabric_set("asks", 0));
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b, FIRST + i, LEN));
		start = kv_clock();
		kv_wait_until(kv_clock() - start > 20000000);
		op = fetch(FIRST + i, PEER_PENDING, 0, 0);
		EXPECT_EQ(-EINPROGRESS, kv_do(self->fd, &op, &c));
		op.flags |= KVPOOL_OP_WAIT;
		op.timeout_ns = ~0ULL;
		ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
		kv_wait_until(fabric_count("asks") == 2);
		ASSERT_EQ(0, kv_stats(self->fd, &st));
		EXPECT_EQ(1, st.pending);
		EXPECT_EQ(0, st.preempted_blocks);
		EXPECT_EQ(0, kv_ring_ready(&self->r));
		/* The owner comes back; or the peer gets it, and is seen to. */
		ASSERT_EQ(0, i ? fabric_set("pending", 0) :
				 kv_seal(self->t.fd, b.handle));
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
		EXPECT_EQ(0, c.status);
		EXPECT_EQ(i ? KVPOOL_ROUTE_RDMA : KVPOOL_ROUTE_LOCAL, c.route);
		EXPECT_EQ(0, kv_release(self->fd, c.handle));
	}
	EXPECT_EQ(-ESTALE, kv_seal(self->t.fd, b.handle));
}

/* What a peer said before a wait is asked again behind it. */
TEST_F(ask, owner_ends_while_a_peer_is_asked)
{
	struct kvpool_completion c;
	struct kvpool_op op;
	struct kv_block b;
	__u64 start;

	ASSERT_EQ(0, fabric_set("polite", 0));
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, FIRST, LEN));
	start = kv_clock();
	kv_wait_until(kv_clock() - start > 20000000);
	op = fetch(FIRST, PEER_NEVER, KVPOOL_OP_WAIT, 0);
	op.timeout_ns = ~0ULL;
	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	kv_wait_until(fabric_count("asks") == 1);
	ASSERT_EQ(0, kv_abort(self->t.fd, b.handle));
	ASSERT_EQ(0, fabric_set("settle", 0));
	kv_wait_until(fabric_count("asks") == 2 || fabric_count("fetches"));
	EXPECT_EQ(0, fabric_count("fetches"));
	ASSERT_EQ(0, fabric_set("settle", 0));
	ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
	EXPECT_EQ(-ENOENT, c.status);
	EXPECT_EQ(0, fabric_count("fetches"));
}

/* A reservation that is stuck does not hide what a peer has. */
TEST_F(ask, stuck_reservation)
{
	const enum peer has[] = { PEER_LATER, PEER_ANY, PEER_AT_ONCE };
	struct kvpool_completion c;
	struct kvpool_stats st;
	struct kvpool_op op;
	struct kv_block b;
	unsigned int i;
	__u64 start;

	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	for (i = 0; i < ARRAY_SIZE(has); i++) {
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b, FIRST + i, LEN));
		start = kv_clock();
		kv_wait_until(kv_clock() - start > 20000000);
		op = fetch(FIRST + i, has[i], 0, i);
		EXPECT_EQ(0, kv_do(self->fd, &op, &c));
		EXPECT_EQ(KVPOOL_ROUTE_RDMA, c.route);
		EXPECT_EQ(0, kv_release(self->fd, c.handle));
		EXPECT_EQ(-ESTALE, kv_seal(self->t.fd, b.handle));
		ASSERT_EQ(0, kv_stats(self->fd, &st));
		EXPECT_EQ(i + 1, st.preempted_blocks);
	}
	/* If no peer has the block, its owner can still seal it. */
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, FIRST + 10, LEN));
	start = kv_clock();
	kv_wait_until(kv_clock() - start > 20000000);
	op = fetch(FIRST + 10, PEER_MISSING, 0, 0);
	EXPECT_EQ(-EINPROGRESS, kv_do(self->fd, &op, &c));
	op.flags |= KVPOOL_OP_WAIT;
	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	EXPECT_EQ(0, kv_ring_ready(&self->r));
	EXPECT_EQ(0, kv_seal(self->t.fd, b.handle));
	ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
	EXPECT_EQ(0, c.status);
	EXPECT_EQ(KVPOOL_ROUTE_LOCAL, c.route);
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(ARRAY_SIZE(has), st.preempted_blocks);
}

/* It becomes stuck while an operation waits for it. */
TEST_F(ask, stuck_while_waited_for)
{
	struct kvpool_completion c;
	struct kvpool_op op;
	struct kv_block b;

	ASSERT_EQ(0, kv_sys_set("preempt_ms", 50));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, FIRST, LEN));
	op = fetch(FIRST, PEER_LATER, 0, 0);
	EXPECT_EQ(0, kv_do(self->fd, &op, &c));
	EXPECT_EQ(KVPOOL_ROUTE_RDMA, c.route);
	EXPECT_EQ(-ESTALE, kv_seal(self->t.fd, b.handle));
}

static volatile int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

struct signals {
	pthread_t to;
	volatile bool done;
};

/* Sends signals to a thread while it waits, and then lets the transfers end. */
static void *signal_thread(void *data)
{
	struct signals *s = data;
	int i;

	kv_wait_until(fabric_count("waits") == 2);
	for (i = 0; i < 10; i++) {
		pthread_kill(s->to, SIGALRM);
		kv_spin(5000000);
	}
	fabric_set("settle", 0);
	while (!s->done) {
		pthread_kill(s->to, SIGALRM);
		kv_spin(5000000);
	}
	return NULL;
}

/* Signals that are handled neither end nor repeat what is under way. */
TEST_F(ask, handled_signals)
{
	const struct sigaction act = { .sa_handler = on_alarm };
	struct signals s = { .to = pthread_self() };
	struct kvpool_completion c[2];
	struct kvpool_op ops[2];
	pthread_t thread;

	ASSERT_EQ(0, kv_produce_blank(self->fd, FIRST, LEN));
	ops[0] = fetch(FIRST + 1, PEER_PENDING, KVPOOL_OP_WAIT, 0);
	ops[1] = kv_op(KVPOOL_OP_PUSH, 0, FIRST, 1);
	ops[1].peer = peer_numbers[PEER_PENDING];
	ops[1].node = KVPOOL_NODE_ANY;
	alarms = 0;
	ASSERT_EQ(0, sigaction(SIGALRM, &act, NULL));
	ASSERT_EQ(0, pthread_create(&thread, NULL, signal_thread, &s));
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 2, c));
	s.done = true;
	pthread_join(thread, NULL);
	EXPECT_LE(1, alarms);
	EXPECT_EQ(0, c[0].status);
	EXPECT_EQ(0, c[1].status);
	EXPECT_EQ(LEN, c[1].bytes);
	/* One that does not wait, and one that does. */
	EXPECT_EQ(2, fabric_count("fetches"));
}

/* A block that names no chain gets that of the peer. */
TEST_F(ask, chain_of_the_peer)
{
	struct kvpool_completion c[16];
	struct kvpool_op ops[16];
	int i, n;

	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   32 * KV_CHUNK));
	ASSERT_EQ(0, fabric_set("chained", 1));
	for (i = 0; i < 16; i++) {
		ops[i] = fetch(sized(1024 + i, KV_CHUNK), PEER_LATER, 0, i);
		ops[i].length = KV_CHUNK;
	}
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 16, c));
	/* In an order in which the head is the oldest. */
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, c[i].status);
		EXPECT_EQ(0, kv_release(self->fd, c[i].handle));
	}
	for (i = 0; i < 24; i++)
		ASSERT_EQ(0, kv_produce_blank(self->fd, 5000 + i, KV_CHUNK));
	for (n = 0; n < 16; n++)
		if (kv_exists(self->fd, sized(1024 + n, KV_CHUNK)))
			break;
	EXPECT_EQ(8, n);
	for (i = n; i < 16; i++)
		EXPECT_EQ(-ENOENT, kv_exists(self->fd,
					     sized(1024 + i, KV_CHUNK)));
}

/* What a device may still access stays, whatever becomes of the operation. */
TEST_F(ask, stranded)
{
	struct kvpool_op ops[2];
	struct kvpool_completion c;
	struct kvpool_stats st;
	int i, k;

	for (k = 0; k < 2; k++) {
		ASSERT_EQ(0, kv_produce_blank(self->fd, 1, LEN));
		ASSERT_EQ(0, kv_stats(self->fd, &self->base));
		ops[0] = fetch(FIRST + k, PEER_STRANDS,
			       k ? KVPOOL_OP_TRANSIENT : 0, 0);
		ops[1] = kv_op(KVPOOL_OP_PUSH, 0, 1, 1);
		ops[1].node = KVPOOL_NODE_ANY;
		ops[1].peer = ops[0].peer;
		ASSERT_EQ(2, kv_submit(self->fd, ops, 2));
		EXPECT_EQ(2, kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0));
		for (i = 0; i < 2; i++) {
			ASSERT_TRUE(kv_ring_reap(&self->r, &c));
			EXPECT_EQ(-EIO, c.status);
		}
		ASSERT_EQ(0, kv_stats(self->fd, &st));
		EXPECT_EQ(0, st.pending);
		EXPECT_EQ(self->base.bytes + LEN, st.bytes);
		EXPECT_EQ(2 * LEN, st.quarantined_bytes);
		/* The source is removed, and its memory stays too. */
		ASSERT_EQ(0, kv_remove(self->fd, 1));
		ASSERT_EQ(0, kv_stats(self->fd, &st));
		EXPECT_EQ(2 * LEN, st.bytes);
		/* The keys can be used. */
		ASSERT_EQ(0, kv_produce_blank(self->fd, FIRST + k, LEN));
		ASSERT_EQ(0, kv_remove(self->fd, FIRST + k));
		ASSERT_EQ(0, fabric_set("unstrand", 1));
		ASSERT_EQ(0, kv_stats(self->fd, &st));
		EXPECT_EQ(0, st.bytes);
		EXPECT_EQ(0, st.quarantined_bytes);
	}
}

/* Memory that a mover keeps is not fetched into again, whatever it says. */
TEST_F(ask, stranded_and_failed)
{
	const enum peer peers[] = { PEER_ANY, PEER_STALE };
	struct kvpool_completion c;
	struct kvpool_stats st;
	struct kvpool_op op;
	unsigned int i;

	ASSERT_EQ(0, fabric_set("lossy", 1));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, fabric_set("fetches", 0));
		op = fetch(FIRST + i, peers[i & 1],
			   i & 2 ? KVPOOL_OP_TRANSIENT : 0, 0);
		EXPECT_EQ(-EIO, kv_do(self->fd, &op, &c));
		EXPECT_EQ(1, fabric_count("fetches"));
		ASSERT_EQ(0, kv_stats(self->fd, &st));
		/* Once, however many parts there were. */
		EXPECT_EQ((i + 1) * LEN, st.quarantined_bytes);
		EXPECT_EQ((i + 1) * LEN, st.bytes);
		EXPECT_EQ(0, st.pending);
	}
	ASSERT_EQ(0, fabric_set("unstrand", 1));
	EXPECT_TRUE(at_base(self->fd, &self->base));
}

/* Files that end, and tasks that are killed, while peers are asked. */
TEST_F(ask, ends_while_asking)
{
	struct kvpool_op ops[32];
	struct kv_ring r = {};
	int i, fd, n;

	ASSERT_EQ(0, fabric_set("polite", 0));
	ASSERT_EQ(0, fabric_set("limit", FIRST + 4));
	for (n = 0; n < 8; n++) {
		for (i = 0; i < 32; i++) {
			ops[i] = fetch(FIRST + i, PEER_ANY,
				       n & 1 ? KVPOOL_OP_PREFIX : 0, i);
			ops[i].timeout_ns = n & 2 ? 3000000 : ~0ULL;
		}
		fd = kv_open(self->t.tenant, O_RDWR);
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, kv_ring_open(fd, &r, 32));
		ASSERT_EQ(32, kv_submit(fd, ops, 32));
		if (n & 4)
			kv_cancel(fd, KVPOOL_CANCEL_ALL | KVPOOL_CANCEL_NOWAIT,
				  0);
		kv_ring_close(&r);
		close(fd);
		for (i = 0; i < 4; i++)
			kv_remove(self->fd, FIRST + i);
		EXPECT_TRUE(at_base(self->fd, &self->base));
	}
}

TEST_F(ask, killed_while_asking)
{
	struct kvpool_completion c[8];
	struct kvpool_op ops[8];
	int i, n;
	pid_t pid;

	ASSERT_EQ(0, fabric_set("polite", 0));
	ASSERT_EQ(0, fabric_set("limit", 0));
	for (n = 0; n < 4; n++) {
		ASSERT_EQ(0, fabric_set("asks", 0));
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid) {
			int fd = kv_open(self->t.tenant, O_RDONLY);

			for (i = 0; i < 8; i++) {
				ops[i] = fetch(FIRST + i, PEER_ANY, 0, i);
				ops[i].timeout_ns = ~0ULL;
			}
			kv_submit_wait(fd, ops, 8, c);
			_exit(1);
		}
		kv_wait_until(fabric_count("asks") > 0);
		kv_spin(n * 2000000);
		kill(pid, SIGKILL);
		EXPECT_EQ(128 + SIGKILL, kv_reap(pid));
		EXPECT_TRUE(at_base(self->fd, &self->base));
	}
}

TEST_HARNESS_MAIN
