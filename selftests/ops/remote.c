// SPDX-License-Identifier: GPL-2.0
/*
 * remote: operations that need a mover, on one host: the mover is
 * kvpool_testfabric.ko, which moves nothing and completes in all the ways and
 * at all the moments that a real mover may. Its peers say how by their names.
 */
#include "kvpool_testfabric.h"
#include "kvpool_uring.h"

#define KEY_SEALED		1

FIXTURE(remote) {
	struct kv_bench t;
	struct kvpool_stats base;
	struct kv_ring r;
	int fd;
};

FIXTURE_SETUP(remote)
{
	int ret = fabric_load();

	if (ret == -ENOENT)
		SKIP(return, "kvpool_testfabric.ko is not beside KVPOOL_KO");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, KEY_SEALED, LEN));
	memset(&self->r, 0, sizeof(self->r));
	self->fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, peers_find(self->fd));
	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 256));
	ASSERT_EQ(0, kv_stats(self->fd, &self->base));
}

FIXTURE_TEARDOWN(remote)
{
	kv_ring_close(&self->r);
	close(self->fd);
	EXPECT_EQ(0, kv_bench_end(&self->t));
	EXPECT_EQ(0, fabric_unload());
}

static bool at_base(int fd, const struct kvpool_stats *base)
{
	struct kvpool_stats now;

	return !kv_stats(fd, &now) && kv_same_gauges(base, &now);
}

#define EXPECT_BASE() EXPECT_TRUE(at_base(self->fd, &self->base))

TEST_F(remote, info)
{
	struct kvpool_info info;

	ASSERT_EQ(0, kv_info(self->fd, &info));
	EXPECT_TRUE(info.features & KVPOOL_FEATURE_FABRIC);
}

/* Peers are found by name and by number, on any file. */
TEST_F(remote, peers)
{
	struct kvpool_peer_name arg;
	const int modes[] = { O_RDWR, O_RDONLY, O_WRONLY };
	unsigned int m;
	int i, k, fd;

	for (m = 0; m < ARRAY_SIZE(modes); m++) {
		fd = kv_open(self->t.tenant, modes[m]);
		ASSERT_GE(fd, 0);
		for (i = 0; i < NR_PEERS; i++) {
			if (!peer_names[i])
				continue;
			arg = (struct kvpool_peer_name){
				.size = sizeof(arg), .peer = peer_numbers[i],
			};
			ASSERT_EQ(0, kv_call(fd, KVPOOL_IOC_PEER, &arg));
			EXPECT_EQ(0, strcmp(peer_names[i], (char *)arg.name));
			EXPECT_EQ(peer_numbers[i], arg.peer);
			EXPECT_NE(0, arg.peer);
			for (k = 0; k < i; k++)
				EXPECT_NE(peer_numbers[k], arg.peer);
		}
		EXPECT_EQ(-ENOENT, kv_peer(fd, "nobody", &arg.peer));
		EXPECT_EQ(-ENOENT, kv_peer(fd, "lat", &arg.peer));
		EXPECT_EQ(-EINVAL, kv_peer(fd, "", &arg.peer));
		close(fd);
	}
}

/*
 * All peers are asked. Some refuse in all ways, before the submission is over and
 * later, one has blocks of another length, and from one the fetch fails.
 */
TEST_F(remote, all_peers)
{
	struct kvpool_completion c[64];
	struct kvpool_op ops[64];
	int round, i;

	for (round = 0; round < 8; round++) {
		for (i = 0; i < 64; i++)
			ops[i] = fetch(1000 + 64 * round + i, PEER_ANY,
				       round & 1 ? KVPOOL_OP_TRANSIENT : 0, i);
		ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 64, c));
		for (i = 0; i < 64; i++) {
			ASSERT_EQ(0, c[i].status);
			EXPECT_EQ(i, c[i].user_data);
			EXPECT_EQ(ops[i].length, c[i].length);
			EXPECT_EQ(ops[i].length, c[i].bytes);
			EXPECT_EQ(peer_numbers[PEER_AT_ONCE], c[i].peer);
			EXPECT_EQ(0, kv_release(self->fd, c[i].handle));
		}
	}
}

/* A number is not used for another peer, a name may be. */
TEST_F(remote, peer_numbers_are_not_reused)
{
	__u32 before[NR_PEERS];
	struct kvpool_completion c;
	struct kvpool_op op;
	int i, k;

	memcpy(before, peer_numbers, sizeof(before));
	ASSERT_EQ(0, fabric_unload());
	EXPECT_EQ(-ENOENT, kv_peer(self->fd, "later", &op.peer));
	ASSERT_EQ(0, fabric_load());
	ASSERT_EQ(0, peers_find(self->fd));
	for (i = PEER_AT_ONCE; i < PEER_UNKNOWN; i++) {
		for (k = PEER_AT_ONCE; k < PEER_UNKNOWN; k++)
			EXPECT_NE(before[k], peer_numbers[i]);
		op = fetch(10, PEER_LATER, 0, 1);
		op.peer = before[i];
		EXPECT_EQ(-ENOENT, kv_do(self->fd, &op, &c));
	}
	EXPECT_BASE();
}

TEST_F(remote, fetch)
{
	const enum peer peers[] = { PEER_ANY, PEER_AT_ONCE, PEER_LATER };
	struct kvpool_completion c;
	struct kvpool_stats st;
	struct kvpool_op op;
	struct kv_block b;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(peers); i++) {
		op = fetch(10 + i, peers[i], 0, i);
		ASSERT_EQ(0, kv_do(self->fd, &op, &c));
		EXPECT_EQ(KVPOOL_ROUTE_RDMA, c.route);
		EXPECT_EQ(LEN, c.length);
		EXPECT_EQ(LEN, c.bytes);
		EXPECT_NE(0, c.peer);
		if (i)
			EXPECT_EQ(peer_numbers[peers[i]], c.peer);
		ASSERT_EQ(0, kv_block_of(self->fd, 10 + i, &c, &b));
		EXPECT_EQ(0, kv_release(self->fd, c.handle));
		/* The copy stays. */
		EXPECT_EQ(0, kv_exists(self->fd, 10 + i));
		ASSERT_EQ(0, kv_do(self->fd, &op, &c));
		EXPECT_EQ(KVPOOL_ROUTE_LOCAL, c.route);
		EXPECT_EQ(0, c.bytes);
		EXPECT_EQ(0, c.peer);
		EXPECT_EQ(0, kv_release(self->fd, c.handle));
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(3, st.fetched_blocks);
	EXPECT_EQ(3 * LEN, st.fetched_bytes);
	EXPECT_EQ(4, st.blocks);
	EXPECT_EQ(0, st.pending);
	EXPECT_EQ(self->base.lookups + 6, st.lookups);
	EXPECT_EQ(self->base.hits + 6, st.hits);
	EXPECT_EQ(3, st.peer_hits);
	EXPECT_EQ(3 * LEN, st.peer_bytes);
	EXPECT_EQ(self->base.local_hits + 3, st.local_hits);
	EXPECT_EQ(6 * LEN, st.consumed_bytes);
}

/* A block that is here has the length that is named, or is not leased. */
TEST_F(remote, length_of_a_local_block)
{
	const __u32 flags[] = { 0, KVPOOL_OP_TRANSIENT };
	struct kvpool_completion c;
	struct kvpool_stats st;
	struct kvpool_op op;
	struct kv_block b;
	struct uring u;
	unsigned int i;
	int res;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		op = fetch(KEY_SEALED, PEER_AT_ONCE, flags[i], 1);
		op.length = LEN + 1;
		EXPECT_EQ(-EMSGSIZE, kv_do(self->fd, &op, &c));
		EXPECT_EQ(LEN, c.length);
		EXPECT_EQ(0, c.handle);
		EXPECT_EQ(0, c.bytes);

		/* Sealed with another length during the wait. */
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 2 + i, 2 * LEN));
		op = fetch(2 + i, PEER_AT_ONCE, flags[i], 2);
		ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
		ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
		EXPECT_EQ(-EMSGSIZE, c.status);
		EXPECT_EQ(2 * LEN, c.length);
		EXPECT_EQ(0, c.handle);
	}
	if (!uring_open(&u)) {
		op = fetch(KEY_SEALED, PEER_AT_ONCE, 0, 3);
		op.length = LEN - 1;
		memset(&c, 0, sizeof(c));
		ASSERT_EQ(0, uring_submit(&u, self->fd, &op, &c));
		EXPECT_EQ(3, uring_wait(&u, &res));
		EXPECT_EQ(-EMSGSIZE, res);
		EXPECT_EQ(LEN, c.length);
		uring_close(&u);
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.leases);
	EXPECT_EQ(self->base.hits, st.hits);
}

/* A transient copy ends with its lease, and no lookup finds it. */
TEST_F(remote, transient)
{
	struct kvpool_completion c[2];
	struct kvpool_stats st;
	struct kvpool_op op;
	struct kv_block b;
	int i;

	for (i = 0; i < 2; i++) {
		op = fetch(10, PEER_LATER, KVPOOL_OP_TRANSIENT, i);
		ASSERT_EQ(0, kv_do(self->fd, &op, &c[i]));
		EXPECT_EQ(KVPOOL_ROUTE_RDMA, c[i].route);
		ASSERT_EQ(0, kv_block_of(self->fd, 10, &c[i], &b));
		EXPECT_EQ(-ENOENT, kv_exists(self->fd, 10));
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(self->base.bytes + 2 * LEN, st.bytes);
	EXPECT_EQ(2, st.leases);
	EXPECT_EQ(1, st.blocks);
	EXPECT_EQ(0, st.pending);
	EXPECT_EQ(0, kv_release(self->fd, c[0].handle));
	EXPECT_EQ(0, kv_release(self->fd, c[1].handle));
	EXPECT_BASE();
}

TEST_F(remote, failures)
{
	const struct { enum peer peer; int status; } kinds[] = {
		{ PEER_MISSING, -ENOENT }, { PEER_UNKNOWN, -ENOENT },
		{ PEER_LENGTH, -EMSGSIZE }, { PEER_FAILS, -EREMOTEIO },
		{ PEER_STALE, -ENOENT }, { PEER_DENIED, -EACCES },
		{ PEER_PENDING, -EINPROGRESS },
	};
	struct kvpool_completion c;
	struct kvpool_op op;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		for (k = 0; k < 2; k++) {
			op = fetch(10, kinds[i].peer,
				   k ? KVPOOL_OP_TRANSIENT : 0, i);
			EXPECT_EQ(kinds[i].status, kv_do(self->fd, &op, &c));
			EXPECT_EQ(0, c.handle);
			EXPECT_EQ(0, c.bytes);
			if (kinds[i].status == -EMSGSIZE)
				EXPECT_EQ(TESTFABRIC_LENGTH, c.length);
			EXPECT_BASE();
			EXPECT_EQ(-ENOENT, kv_exists(self->fd, 10));
		}
}

TEST_F(remote, probe_and_push)
{
	struct kvpool_completion c;
	struct kvpool_stats st;
	struct kvpool_op op;
	struct kv_block b;

	op = kv_op(KVPOOL_OP_PROBE, KVPOOL_OP_REMOTE, 10, 1);
	EXPECT_EQ(0, kv_do(self->fd, &op, &c));
	EXPECT_EQ(TESTFABRIC_LENGTH, c.length);
	EXPECT_NE(0, c.peer);
	EXPECT_EQ(KVPOOL_ROUTE_RDMA, c.route);
	op.peer = peer_numbers[PEER_FAILS];
	EXPECT_EQ(-EREMOTEIO, kv_do(self->fd, &op, &c));
	kv_key(&op.key, KEY_SEALED);
	EXPECT_EQ(0, kv_do(self->fd, &op, &c));
	EXPECT_EQ(LEN, c.length);
	EXPECT_EQ(0, c.peer);

	op = kv_op(KVPOOL_OP_PUSH, 0, KEY_SEALED, 1);
	op.peer = peer_numbers[PEER_LATER];
	EXPECT_EQ(0, kv_do(self->fd, &op, &c));
	EXPECT_EQ(LEN, c.bytes);
	EXPECT_EQ(LEN, c.length);
	EXPECT_EQ(0, c.handle);
	op.peer = peer_numbers[PEER_FAILS];
	EXPECT_EQ(-EREMOTEIO, kv_do(self->fd, &op, &c));
	kv_key(&op.key, 10);
	EXPECT_EQ(-ENOENT, kv_do(self->fd, &op, &c));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 10, 4096));
	EXPECT_EQ(-EINPROGRESS, kv_do(self->fd, &op, &c));
	ASSERT_EQ(0, kv_abort(self->t.fd, b.handle));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(1, st.pushed_blocks);
	EXPECT_EQ(LEN, st.pushed_bytes);
	EXPECT_BASE();
}

/* A block is neither freed nor moved while it is pushed. */
TEST_F(remote, push_holds_its_source)
{
	struct kvpool_completion c;
	struct kvpool_stats st;
	struct kvpool_op op = kv_op(KVPOOL_OP_PUSH, 0, KEY_SEALED, 1);

	op.peer = peer_numbers[PEER_NEVER];
	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	ASSERT_EQ(0, kv_remove(self->t.fd, KEY_SEALED));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(self->base.bytes, st.bytes);
	EXPECT_EQ(1, kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0));
	ASSERT_TRUE(kv_ring_reap(&self->r, &c));
	EXPECT_EQ(-ECANCELED, c.status);
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.bytes);
}

/* Operations on one key share one transfer. */
TEST_F(remote, shared)
{
	struct kvpool_completion c[16];
	struct kvpool_stats st;
	struct kvpool_op ops[16];
	int i;

	for (i = 0; i < 16; i++)
		ops[i] = fetch(10, PEER_LATER, 0, i);
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 16, c));
	for (i = 0; i < 16; i++) {
		EXPECT_EQ(0, c[i].status);
		EXPECT_EQ(0, kv_release(self->fd, c[i].handle));
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(1, st.fetched_blocks);
	/* If that transfer fails, each operation asks for itself. */
	for (i = 0; i < 16; i++)
		ops[i] = fetch(11, i ? PEER_LATER : PEER_FAILS, 0, i);
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 16, c));
	for (i = 0; i < 16; i++)
		EXPECT_EQ(i ? 0 : -EREMOTEIO, c[i].status);
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(2, st.fetched_blocks);
}

/* A producer on this host is faster than the peer. */
TEST_F(remote, produced_during_fetch)
{
	struct kvpool_completion c;
	struct kvpool_op op = fetch(10, PEER_NEVER, 0, 1);
	struct kv_block b;

	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 10, LEN));
	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
	ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
	EXPECT_EQ(0, c.status);
	EXPECT_EQ(LEN, c.length);
	EXPECT_EQ(KVPOOL_ROUTE_LOCAL, c.route);
	/* A key that is being fetched cannot be reserved. */
	op = fetch(11, PEER_NEVER, 0, 2);
	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	EXPECT_EQ(-EBUSY, kv_reserve(self->t.fd, &b, 11, 4096));
	EXPECT_EQ(1, kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0));
	EXPECT_EQ(0, kv_reserve(self->t.fd, &b, 11, 4096));
}

/* The key is pre-empted during the transfer: its memory is in quarantine. */
TEST_F(remote, preempted)
{
	struct kvpool_op op = fetch(10, PEER_NEVER, 0, 1);
	struct kvpool_completion c;
	struct kvpool_stats st;
	struct kv_block b;
	int ret;

	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	do {
		ret = kv_reserve(self->t.fd, &b, 10, 4096);
	} while (ret == -EBUSY);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(1, st.preempted_blocks);
	EXPECT_EQ(LEN, st.quarantined_bytes);
	EXPECT_EQ(1, kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0));
	ASSERT_TRUE(kv_ring_reap(&self->r, &c));
	EXPECT_EQ(-ECANCELED, c.status);
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.quarantined_bytes);
	ASSERT_EQ(0, kv_abort(self->t.fd, b.handle));
	EXPECT_BASE();
}

TEST_F(remote, no_space)
{
	struct kvpool_completion c[4];
	struct kvpool_op ops[4];
	struct kvpool_stats st;
	int i;

	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes", KV_CHUNK));
	for (i = 0; i < 4; i++) {
		__u64 length = i < 2 ? 2 * KV_CHUNK : KV_CHUNK / 4;

		ops[i] = fetch(sized(10 + i, length), PEER_LATER,
			       i & 1 ? KVPOOL_OP_TRANSIENT : 0, i);
		ops[i].length = length;
	}
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 4, c));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(i < 2 ? -EDQUOT : 0, c[i].status) TH_LOG("%d", i);
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(self->base.rejected + 2, st.rejected);
	EXPECT_EQ(0, st.pending);
	EXPECT_EQ(2, st.leases);
}

TEST_F(remote, deadline)
{
	struct kvpool_completion c;
	struct kvpool_stats st;
	struct kvpool_op op;
	__u32 flags;
	int i;

	for (i = 0; i < 4; i++) {
		flags = i & 1 ? KVPOOL_OP_TRANSIENT : 0;
		op = fetch(10, i & 2 ? PEER_SLOW_FENCE : PEER_NEVER, flags, i);
		op.timeout_ns = 2000000;
		EXPECT_EQ(-ETIMEDOUT, kv_do(self->fd, &op, &c));
		/* Fenced: its space is free. */
		EXPECT_BASE();
	}
	ASSERT_EQ(0, kv_sys_set("remote_timeout_ms", 10));
	op.timeout_ns = 0;
	EXPECT_EQ(-ETIMEDOUT, kv_do(self->fd, &op, &c));
	op = kv_op(KVPOOL_OP_PUSH, 0, KEY_SEALED, 1);
	op.peer = peer_numbers[PEER_NEVER];
	EXPECT_EQ(-ETIMEDOUT, kv_do(self->fd, &op, &c));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(self->base.timedout_ops + 6, st.timedout_ops);
	EXPECT_BASE();
}

/* Cancel returns after the fence, with NOWAIT before the fence. */
TEST_F(remote, cancel)
{
	struct kvpool_completion c;
	struct kvpool_op ops[8];
	int i, k;

	for (k = 0; k < 2; k++) {
		for (i = 0; i < 8; i++) {
			ops[i] = fetch(10 + i, i & 1 ? PEER_SLOW_FENCE :
				       PEER_NEVER,
				       i & 2 ? KVPOOL_OP_TRANSIENT : 0, i);
			ops[i].timeout_ns = ~0ULL;
			ops[i].tag = i & 1;
		}
		ASSERT_EQ(8, kv_submit(self->fd, ops, 8));
		EXPECT_EQ(0, kv_ring_ready(&self->r));
		if (k) {
			EXPECT_EQ(4, kv_cancel(self->fd, KVPOOL_CANCEL_TAG |
					       KVPOOL_CANCEL_NOWAIT, 1));
		} else {
			EXPECT_EQ(4, kv_cancel(self->fd, KVPOOL_CANCEL_TAG, 1));
			EXPECT_EQ(4, kv_ring_ready(&self->r));
		}
		/* Operations that are being cancelled are waited for too. */
		i = kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0);
		EXPECT_GE(i, 4);
		EXPECT_LE(i, 8);
		EXPECT_EQ(8, kv_ring_ready(&self->r));
		EXPECT_BASE();
		for (i = 0; i < 8; i++) {
			ASSERT_TRUE(kv_ring_reap(&self->r, &c));
			EXPECT_EQ(-ECANCELED, c.status);
		}
	}
}

/* The end of the file is a fence: afterwards nothing is held. */
TEST_F(remote, closed_in_flight)
{
	struct kvpool_ring_setup setup;
	struct kvpool_op ops[32];
	int i, fd;

	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, kv_ring_setup(fd, &setup, 32, -1));
	for (i = 0; i < 32; i++)
		ops[i] = fetch(10 + i / 2, i % 3 ? PEER_SLOW_FENCE : PEER_NEVER,
			       i & 4 ? KVPOOL_OP_TRANSIENT : 0, i);
	ASSERT_EQ(32, kv_submit(fd, ops, 32));
	close(fd);
	EXPECT_BASE();
}

/* The end of a ring waits for the fence of its operations only. */
TEST_F(remote, ring_ended_in_flight)
{
	struct kvpool_completion c;
	struct kvpool_op ops[16];
	struct kv_ring r = {};
	int i;

	ASSERT_EQ(0, kv_ring_open(self->fd, &r, 16));
	for (i = 0; i < 16; i++) {
		ops[i] = fetch(10 + i, i % 3 ? PEER_SLOW_FENCE : PEER_NEVER,
			       i & 4 ? KVPOOL_OP_TRANSIENT : 0, i);
		ops[i].timeout_ns = ~0ULL;
	}
	ASSERT_EQ(8, kv_submit_ring(self->fd, r.setup.ring, ops, 8));
	ASSERT_EQ(8, kv_submit(self->fd, ops + 8, 8));
	EXPECT_EQ(8, kv_ring_end(self->fd, r.setup.ring));
	ASSERT_EQ(8, kv_ring_ready(&r));
	EXPECT_EQ(0, kv_ring_ready(&self->r));
	for (i = 0; i < 8; i++) {
		ASSERT_TRUE(kv_ring_reap(&r, &c));
		EXPECT_LT(c.user_data, 8);
		EXPECT_EQ(-ECANCELED, c.status);
	}
	EXPECT_EQ(8, kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0));
	EXPECT_BASE();
	kv_ring_close(&r);
}

/* A task that is killed while it waits for the end of a ring. */
TEST_F(remote, killed_in_ring_end)
{
	struct kvpool_stats st;
	int n, i;

	for (n = 0; n < 20; n++) {
		pid_t pid = fork();

		ASSERT_GE(pid, 0);
		if (!pid) {
			struct kvpool_op ops[8];
			struct kv_ring r = {};
			int fd = kv_open(self->t.tenant, O_RDWR);

			if (fd < 0 || kv_ring_open(fd, &r, 8))
				_exit(1);
			for (i = 0; i < 8; i++) {
				ops[i] = fetch(10 + i, PEER_SLOW_FENCE, 0, i);
				ops[i].timeout_ns = ~0ULL;
			}
			if (kv_submit(fd, ops, 8) != 8)
				_exit(2);
			kv_ring_end(fd, r.setup.ring);
			for (;;)
				pause();
		}
		/* Before its fence, while it waits, or when it has returned. */
		do {
			ASSERT_EQ(0, kv_stats(self->fd, &st));
		} while (st.cancelled_ops + st.pending <
			 self->base.cancelled_ops + 8 * (n + 1));
		kv_spin(n * 2000000);
		kill(pid, SIGKILL);
		EXPECT_EQ(128 + SIGKILL, kv_reap(pid));
		EXPECT_BASE();
	}
}

TEST_F(remote, killed_in_flight)
{
	struct kvpool_completion c[8];
	struct kvpool_op ops[8];
	struct kvpool_stats st;
	pid_t pid;
	int i;

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int fd = kv_open(self->t.tenant, O_RDONLY);

		for (i = 0; i < 8; i++) {
			ops[i] = fetch(10 + i, PEER_SLOW_FENCE, 0, i);
			ops[i].timeout_ns = ~0ULL;
		}
		kv_submit_wait(fd, ops, 8, c);
		_exit(1);
	}
	do {
		ASSERT_EQ(0, kv_stats(self->fd, &st));
	} while (st.pending != 8);
	kv_wait_until(kv_task_sleeps(pid));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, kv_reap(pid));
	EXPECT_BASE();
}

/* Commands of io_uring, which its workers begin. */
TEST_F(remote, uring)
{
	struct kvpool_completion c[4] = {};
	struct kvpool_op op;
	struct uring u;
	int i, res, ret;

	ret = uring_open(&u);
	if (ret == -ENOSYS || ret == -EPERM)
		SKIP(return, "io_uring is disabled");
	ASSERT_EQ(0, ret);
	op = fetch(10, PEER_LATER, 0, 0);
	ASSERT_EQ(0, uring_submit(&u, self->fd, &op, &c[0]));
	EXPECT_EQ(0, uring_wait(&u, &res));
	EXPECT_EQ(0, res);
	EXPECT_EQ(KVPOOL_ROUTE_RDMA, c[0].route);
	EXPECT_EQ(LEN, c[0].bytes);
	EXPECT_EQ(0, kv_release(self->fd, c[0].handle));
	op = fetch(11, PEER_AT_ONCE, KVPOOL_OP_TRANSIENT, 1);
	ASSERT_EQ(0, uring_submit(&u, self->fd, &op, &c[1]));
	EXPECT_EQ(1, uring_wait(&u, &res));
	EXPECT_EQ(0, res);
	EXPECT_EQ(0, kv_release(self->fd, c[1].handle));
	op = fetch(12, PEER_SLOW_FENCE, 0, 2);
	op.timeout_ns = 2000000;
	ASSERT_EQ(0, uring_submit(&u, self->fd, &op, &c[2]));
	EXPECT_EQ(2, uring_wait(&u, &res));
	EXPECT_EQ(-ETIMEDOUT, res);
	ASSERT_EQ(0, kv_remove(self->fd, 10));
	EXPECT_BASE();

	/* The ring ends with commands that a peer never answers. */
	ASSERT_EQ(0, kv_sys_set("remote_timeout_ms", 1000));
	for (i = 0; i < 4; i++) {
		op = fetch(20 + i, i & 1 ? PEER_NEVER : PEER_SLOW_FENCE,
			   i & 2 ? KVPOOL_OP_TRANSIENT : 0, i);
		ASSERT_EQ(0, uring_submit(&u, self->fd, &op, &c[i]));
	}
	uring_close(&u);
	kv_wait_until(at_base(self->fd, &self->base));
}

/*
 * Every end at every moment: three threads submit to peers that complete at
 * random, with deadlines and cancels, and each operation ends once.
 */
struct storm {
	const char *tenant;
	__u64 seed;
	unsigned long rounds;
	unsigned long ends[4];
	int error;
};

#define STORM	32

static int storm_round(struct storm *s, int fd, struct kv_ring *r)
{
	static const enum peer peers[] = {
		PEER_RANDOM, PEER_RANDOM, PEER_AT_ONCE, PEER_LATER, PEER_NEVER,
		PEER_SLOW_FENCE, PEER_FAILS, PEER_MISSING, PEER_ANY, PEER_ANY,
		PEER_STALE, PEER_PENDING, PEER_ANY, PEER_RANDOM, PEER_LATER,
		PEER_AT_ONCE,
	};
	struct kvpool_op ops[STORM];
	struct kvpool_completion c;
	__u64 seen = 0;
	int i, ret;

	for (i = 0; i < STORM; i++) {
		__u64 dice = kv_rand(&s->seed);

		ops[i] = fetch(100 + dice % 64, peers[dice >> 8 & 15],
			       (dice >> 16 & 1 ? KVPOOL_OP_TRANSIENT : 0) |
			       (dice >> 17 & 1 ? KVPOOL_OP_WAIT : 0) |
			       (dice >> 18 & 1 ? KVPOOL_OP_PREFIX : 0), i);
		ops[i].tag = i & 3;
		ops[i].timeout_ns = dice >> 20 & 1 ? 1 + (dice >> 32) % 8000000 :
				    0;
		if (!(dice >> 24 & 7)) {
			ops[i] = kv_op(KVPOOL_OP_PUSH, 0, 100 + dice % 64, i);
			ops[i].peer = peer_numbers[peers[dice >> 8 & 7]];
			ops[i].node = KVPOOL_NODE_ANY;
			ops[i].timeout_ns = 1000000;
		}
	}
	ret = kv_submit(fd, ops, STORM);
	if (ret != STORM)
		return ret < 0 ? ret : -EPROTO;
	for (i = 0; i < 4; i++)
		if (kv_cancel(fd, KVPOOL_CANCEL_TAG |
			      (i & 1 ? KVPOOL_CANCEL_NOWAIT : 0), i) < 0)
			return -EPROTO;
	for (i = 0; i < STORM; i++) {
		ret = kv_ring_wait(fd, r, &c);
		if (ret)
			return ret;
		if (c.user_data >= STORM || seen & 1ULL << c.user_data)
			return -EALREADY;
		seen |= 1ULL << c.user_data;
		s->ends[!c.status ? 0 : c.status == -ECANCELED ? 1 :
			c.status == -ETIMEDOUT ? 2 : 3]++;
		if (!c.status && ops[c.user_data].opcode == KVPOOL_OP_LEASE &&
		    kv_release(fd, c.handle))
			return -EPROTO;
		if (c.status && c.handle)
			return -EPROTO;
	}
	/* So that a later round has a block to fetch. */
	kv_remove(fd, 100 + kv_rand(&s->seed) % 64);
	return 0;
}

static void *storm_thread(void *data)
{
	struct storm *s = data;
	struct kv_ring r = {};
	unsigned long n;
	int fd = -1;

	for (n = 0; n < s->rounds && !s->error; n++) {
		/*
		 * Sometimes a new file; the old file ends with operations in
		 * flight.
		 */
		if (!(n % 64)) {
			struct kvpool_op op = fetch(300 + n % 7, PEER_NEVER, 0,
						    0);

			if (fd >= 0) {
				kv_submit(fd, &op, 1);
				kv_ring_close(&r);
				close(fd);
			}
			fd = kv_open(s->tenant, O_RDWR);
			if (fd < 0 || kv_ring_open(fd, &r, 64)) {
				s->error = -EPROTO;
				break;
			}
		}
		s->error = storm_round(s, fd, &r);
	}
	kv_ring_close(&r);
	close(fd);
	return NULL;
}

TEST_F(remote, storm)
{
	unsigned long rounds = kv_rounds("KV_REMOTE_ROUNDS", 600, 60);
	pthread_t threads[3];
	struct kvpool_stats st;
	struct storm s[3];
	int i;

	for (i = 0; i < 3; i++) {
		s[i] = (struct storm){
			.tenant = self->t.tenant, .seed = 77 + i,
			.rounds = rounds,
		};
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, storm_thread,
					    &s[i]));
	}
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, s[i].error);
		TH_LOG("%lu done, %lu cancelled, %lu late, %lu failed",
		       s[i].ends[0], s[i].ends[1], s[i].ends[2], s[i].ends[3]);
		EXPECT_GT(s[i].ends[0], 0);
		EXPECT_GT(s[i].ends[1], 0);
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.leases);
	EXPECT_EQ(0, st.pending);
	EXPECT_EQ(0, st.quarantined_bytes);
	EXPECT_EQ(st.blocks * LEN, st.bytes);
}

struct loader {
	volatile unsigned long *done;
	volatile bool *stop;
	int error;
};

static void *reload_thread(void *data)
{
	struct loader *l = data;
	int n;

	for (n = 1; n <= 10 && !l->error; n++) {
		/* While operations are in flight. */
		kv_wait_until(*l->done >= 20UL * n);
		l->error = fabric_unload();
		if (!l->error)
			l->error = fabric_load();
	}
	*l->stop = true;
	return NULL;
}

/* The mover is unloaded and loaded under load. */
TEST_F(remote, reloaded_under_load)
{
	static const enum peer peers[] = {
		PEER_NEVER, PEER_LATER, PEER_AT_ONCE, PEER_SLOW_FENCE,
	};
	volatile bool stop = false;
	volatile unsigned long ends[3] = {};
	struct loader l = { .stop = &stop, .done = &ends[0] };
	struct kvpool_completion c;
	pthread_t thread;
	struct kvpool_op op;
	unsigned long n;

	ASSERT_EQ(0, pthread_create(&thread, NULL, reload_thread, &l));
	for (n = 0; !stop; n++) {
		op = fetch(10, peers[n & 3], KVPOOL_OP_TRANSIENT, n);
		if (kv_peer(self->fd, peer_names[peers[n & 3]], &op.peer))
			continue;
		op.timeout_ns = 3000000;
		ASSERT_EQ(0, kv_submit_wait(self->fd, &op, 1, &c));
		ASSERT_TRUE(!c.status || c.status == -EOPNOTSUPP ||
			    c.status == -ENOENT ||
			    c.status == -EHOSTUNREACH ||
			    c.status == -ETIMEDOUT) TH_LOG("%d", c.status);
		ends[!c.status ? 0 : c.status == -ETIMEDOUT ? 1 : 2]++;
		if (!c.status)
			ASSERT_EQ(0, kv_release(self->fd, c.handle));
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(0, l.error);
	TH_LOG("%lu done, %lu late, %lu without a fabric", ends[0], ends[1],
	       ends[2]);
	EXPECT_BASE();
}

TEST_HARNESS_MAIN
