// SPDX-License-Identifier: GPL-2.0
/*
 * produce: blocks that are made by operations: RESERVE and SEAL with a results
 * array, on a ring and through io_uring, with every status that they may have.
 */
#include "kvpool_uring.h"

#define KEY_SEALED	1
#define KEY_PENDING	2
#define LEN		70001

FIXTURE(produce) {
	struct kv_bench t;
	struct kv_block pending;
	struct kv_ring r;
	struct kvpool_stats base;
	int fd;
};

/* Operations use another file than the one that holds the pending key. */
FIXTURE_SETUP(produce)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, KEY_SEALED, LEN));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &self->pending, KEY_PENDING, 4096));
	memset(&self->r, 0, sizeof(self->r));
	self->fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 64));
	ASSERT_EQ(0, kv_stats(self->fd, &self->base));
}

FIXTURE_TEARDOWN(produce)
{
	kv_ring_close(&self->r);
	close(self->fd);
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

static bool at_base(int fd, const struct kvpool_stats *base)
{
	struct kvpool_stats now;

	return !kv_stats(fd, &now) && kv_same_gauges(base, &now);
}

#define EXPECT_BASE() EXPECT_TRUE(at_base(self->fd, &self->base))

/* RESERVE of one block: its status, and the block. */
static int op_reserve(int fd, struct kv_block *b, __u64 number, __u64 length)
{
	struct kvpool_op op = kv_op_reserve(number, length, number);
	struct kvpool_completion c = {};
	int ret = kv_do(fd, &op, &c);

	if (ret)
		return c.handle ? -EPROTO : ret;
	if (c.length != length || c.bytes || c.peer ||
	    c.route != KVPOOL_ROUTE_NONE)
		return -EPROTO;
	return kv_block_of(fd, number, &c, b);
}

/* SEAL of one reservation: its status. */
static int op_seal(int fd, __u64 handle, __u32 flags)
{
	struct kvpool_op op = kv_op_seal(handle, flags, 99);
	struct kvpool_completion c = {};
	int ret = kv_do(fd, &op, &c);

	return c.length || c.handle || c.bytes ? -EPROTO : ret;
}

TEST_F(produce, with_results)
{
	struct kvpool_stats st;
	struct kv_block b;

	ASSERT_EQ(0, op_reserve(self->fd, &b, 10, LEN));
	EXPECT_EQ(-EINPROGRESS, kv_exists(self->fd, 10));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(self->base.pending + 1, st.pending);
	kv_fill(self->t.map, &b);
	ASSERT_EQ(0, op_seal(self->fd, b.handle, 0));
	EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 10));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(self->base.pending, st.pending);
	EXPECT_EQ(self->base.blocks + 1, st.blocks);
	EXPECT_EQ(self->base.produced_blocks + 1, st.produced_blocks);
	EXPECT_EQ(self->base.produced_bytes + LEN, st.produced_bytes);
	ASSERT_EQ(0, kv_remove(self->fd, 10));
	EXPECT_BASE();
}

TEST_F(produce, on_a_ring)
{
	struct kvpool_completion c;
	struct kvpool_op ops[16];
	struct kv_block b;
	int i, k;

	for (i = 0; i < 16; i++)
		ops[i] = kv_op_reserve(10 + i, 4096 + i * 5000, i);
	ASSERT_EQ(16, kv_submit(self->fd, ops, 16));
	/* Neither operation waits: the completions are there, in order. */
	ASSERT_EQ(16, kv_ring_ready(&self->r));
	for (i = 0; i < 16; i++) {
		ASSERT_TRUE(kv_ring_reap(&self->r, &c));
		EXPECT_EQ(i, c.user_data);
		ASSERT_EQ(0, c.status);
		ASSERT_EQ(0, kv_block_of(self->fd, 10 + i, &c, &b));
		kv_fill(self->t.map, &b);
		ops[i] = kv_op_seal(c.handle, 0, 100 + i);
	}
	ASSERT_EQ(16, kv_submit(self->fd, ops, 16));
	ASSERT_EQ(16, kv_ring_ready(&self->r));
	for (i = 0; i < 16; i++) {
		ASSERT_TRUE(kv_ring_reap(&self->r, &c));
		EXPECT_EQ(100 + i, c.user_data);
		EXPECT_EQ(0, c.status);
		EXPECT_EQ(0, c.length);
		EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 10 + i));
	}
	/* The ioctls and the operations share their handles. */
	ASSERT_EQ(0, kv_reserve(self->fd, &b, 50, 4096));
	for (k = 0; k < 2; k++)
		EXPECT_EQ(k ? -ENOENT : 0, op_seal(self->fd, b.handle, 0));
	ASSERT_EQ(0, op_reserve(self->fd, &b, 51, 4096));
	EXPECT_EQ(0, kv_seal(self->fd, b.handle));
	ASSERT_EQ(0, op_reserve(self->fd, &b, 52, 4096));
	EXPECT_EQ(0, kv_abort(self->fd, b.handle));
	EXPECT_EQ(-ENOENT, kv_exists(self->fd, 52));
}

TEST_F(produce, through_io_uring)
{
	struct kvpool_completion c[8];
	struct kvpool_op op, ops[8];
	struct kv_block b;
	struct uring u;
	int i, n, k, ret, res = 0;

	ret = uring_open(&u);
	if (ret == -ENOSYS || ret == -EPERM)
		SKIP(return, "io_uring is disabled");
	ASSERT_EQ(0, ret);
	for (i = 0; i < 8; i++) {
		/* Read when it is issued, which may be by a worker. */
		ops[i] = kv_op_reserve(10 + i, LEN, i);
		ASSERT_EQ(0, uring_submit(&u, self->fd, &ops[i], &c[i]));
	}
	for (k = 0; k < 8; k++) {
		n = uring_wait(&u, &res);
		ASSERT_GE(n, 0);
		ASSERT_LT(n, 8);
		ASSERT_EQ(0, res);
		ASSERT_EQ(0, kv_block_of(self->fd, 10 + n, &c[n], &b));
		kv_fill(self->t.map, &b);
	}
	for (i = 0; i < 8; i++) {
		op = kv_op_seal(c[i].handle, 0, i);
		ASSERT_EQ(0, uring_submit(&u, self->fd, &op, NULL));
		EXPECT_EQ(i, uring_wait(&u, &res));
		EXPECT_EQ(0, res);
		EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 10 + i));
		EXPECT_EQ(0, kv_remove(self->fd, 10 + i));
	}
	op = kv_op_seal(c[0].handle, 0, 1);
	ASSERT_EQ(0, uring_submit(&u, self->fd, &op, &c[0]));
	EXPECT_EQ(1, uring_wait(&u, &res));
	EXPECT_EQ(-ENOENT, res);
	op = kv_op_reserve(KEY_SEALED, 4096, 2);
	ASSERT_EQ(0, uring_submit(&u, self->fd, &op, &c[0]));
	EXPECT_EQ(2, uring_wait(&u, &res));
	EXPECT_EQ(-EEXIST, res);
	EXPECT_EQ(-EEXIST, c[0].status);
	uring_close(&u);
	EXPECT_BASE();
}

/* A reservation that cannot be reported is given back. */
TEST_F(produce, result_nowhere)
{
	struct kvpool_op ops[2] = {
		kv_op_reserve(10, 4096, 1), kv_op_reserve(11, LEN, 2),
	};
	struct uring u;
	void *page;
	int res;

	page = mmap(NULL, KV_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	ASSERT_NE(MAP_FAILED, page);
	EXPECT_EQ(-EFAULT, kv_submit_wait(self->fd, ops, 2, page));
	EXPECT_BASE();
	EXPECT_EQ(-ENOENT, kv_exists(self->fd, 10));
	EXPECT_EQ(-ENOENT, kv_exists(self->fd, 11));
	if (!uring_open(&u)) {
		ASSERT_EQ(0, uring_submit(&u, self->fd, &ops[0], page));
		EXPECT_EQ(1, uring_wait(&u, &res));
		EXPECT_EQ(-EFAULT, res);
		EXPECT_EQ(-ENOENT, kv_exists(self->fd, 10));
		EXPECT_BASE();
		uring_close(&u);
	}
	munmap(page, KV_PAGE);
}

/* One call with every answer, and each key in it counts once. */
TEST_F(produce, batch)
{
	struct kvpool_op ops[6] = {
		kv_op_reserve(10, 4096, 0),
		kv_op_reserve(KEY_SEALED, 4096, 1),
		kv_op_reserve(10, 4096, 2),
		kv_op_reserve(KEY_PENDING, 4096, 3),
		kv_op_reserve(11, 3 * KV_CHUNK + 1, 4),
		kv_op_seal(12345, 0, 5),
	};
	const int want[6] = { 0, -EEXIST, -EBUSY, -EBUSY, 0, -ENOENT };
	struct kvpool_completion c[6];
	struct kv_block b;
	int i;

	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 6, c));
	for (i = 0; i < 6; i++) {
		EXPECT_EQ(i, c[i].user_data);
		EXPECT_EQ(want[i], c[i].status) TH_LOG("operation %d", i);
		EXPECT_EQ(!want[i], !!c[i].handle);
		if (want[i]) {
			EXPECT_EQ(0, c[i].length);
			EXPECT_EQ(0, c[i].nr_spans);
			continue;
		}
		EXPECT_EQ(ops[i].length, c[i].length);
		ASSERT_EQ(0, kv_block_of(self->fd, 10 + i / 4, &c[i], &b));
		EXPECT_EQ(0, kv_abort(self->fd, c[i].handle));
	}
	EXPECT_BASE();
}

/* No room: for the tenant, on the machine and in the table of handles. */
TEST_F(produce, no_room)
{
	struct kvpool_completion c[8];
	struct kvpool_op ops[8];
	struct kvpool_stats st;
	struct kv_block b;
	int i;

	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes", KV_CHUNK));
	EXPECT_EQ(-EDQUOT, op_reserve(self->fd, &b, 10, KV_CHUNK + 1));
	EXPECT_EQ(-EDQUOT, op_reserve(self->fd, &b, 10, KVPOOL_BLOCK_MAX));
	EXPECT_EQ(-ENOENT, kv_exists(self->fd, 10));
	EXPECT_BASE();
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes", 0));

	/*
	 * Space is found for all operations of a call: the first ones get it.
	 */
	ASSERT_EQ(0, kv_remove(self->t.fd, KEY_SEALED));
	ASSERT_EQ(0, kv_abort(self->t.fd, self->pending.handle));
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 4 * KV_CHUNK));
	for (i = 0; i < 8; i++)
		ops[i] = kv_op_reserve(10 + i, KV_CHUNK, i);
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 8, c));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i < 4 ? 0 : -ENOSPC, c[i].status);
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(4, st.pending);
	/* Sealed blocks make room. */
	EXPECT_EQ(0, op_seal(self->fd, c[0].handle, 0));
	EXPECT_EQ(0, op_reserve(self->fd, &b, 20, KV_CHUNK));
	EXPECT_EQ(-ENOENT, kv_exists(self->fd, 10));
	for (i = 1; i < 4; i++)
		EXPECT_EQ(0, kv_abort(self->fd, c[i].handle));
	EXPECT_EQ(0, kv_abort(self->fd, b.handle));
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", KV_LIMIT));

	ASSERT_EQ(0, kv_sys_set("max_handles", 3));
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 8, c));
	/* The handles of a call are made together. */
	for (i = 0; i < 8; i++)
		EXPECT_EQ(-EMFILE, c[i].status);
	ASSERT_EQ(0, kv_sys_set("max_handles", 1 << 20));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.pending);
}

TEST_F(produce, seal_of_what_is_not_reserved)
{
	struct kv_block lease, b;

	EXPECT_EQ(-ENOENT, op_seal(self->fd, 12345, 0));
	/* A reservation of another file, and a lease. */
	EXPECT_EQ(-ENOENT, op_seal(self->fd, self->pending.handle, 0));
	ASSERT_EQ(0, kv_lease(self->fd, &lease, KEY_SEALED));
	EXPECT_EQ(-ENOENT, op_seal(self->fd, lease.handle, 0));
	EXPECT_EQ(0, kv_release(self->fd, lease.handle));
	/* A reservation is no lease. */
	ASSERT_EQ(0, op_reserve(self->fd, &b, 10, 4096));
	EXPECT_EQ(-ENOENT, kv_release(self->fd, b.handle));
	EXPECT_EQ(0, op_seal(self->fd, b.handle, 0));
	EXPECT_EQ(-ENOENT, op_seal(self->fd, b.handle, 0));
	EXPECT_EQ(0, kv_exists(self->fd, 10));
}

TEST_F(produce, seal_after_preemption)
{
	struct kvpool_stats st;
	struct kv_block old, b;
	int ret;

	ASSERT_EQ(0, op_reserve(self->t.fd, &old, 10, 4096));
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	do {
		ret = op_reserve(self->fd, &b, 10, 8192);
	} while (ret == -EBUSY);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 600000));
	EXPECT_EQ(-ESTALE, op_seal(self->t.fd, old.handle, 0));
	EXPECT_EQ(-ENOENT, op_seal(self->t.fd, old.handle, 0));
	kv_fill(self->t.map, &b);
	EXPECT_EQ(0, op_seal(self->fd, b.handle, 0));
	EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 10));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(1, st.preempted_blocks);
	EXPECT_EQ(0, st.quarantined_bytes);
}

TEST_F(produce, pins)
{
	struct kvpool_stats st;
	struct kv_block b;

	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "pin_quota_bytes", 8192));
	ASSERT_EQ(0, op_reserve(self->fd, &b, 10, 8192));
	EXPECT_EQ(0, op_seal(self->fd, b.handle, KVPOOL_OP_PIN_HARD));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(8192, st.pinned_bytes);
	/* Over the quota: the reservation stays as it was. */
	ASSERT_EQ(0, op_reserve(self->fd, &b, 11, 4096));
	EXPECT_EQ(-EDQUOT, op_seal(self->fd, b.handle, KVPOOL_OP_PIN_HARD));
	EXPECT_EQ(-EINPROGRESS, kv_exists(self->fd, 11));
	EXPECT_EQ(0, op_seal(self->fd, b.handle, KVPOOL_OP_PIN_SOFT));
	EXPECT_EQ(0, kv_exists(self->fd, 11));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(8192, st.pinned_bytes);
	EXPECT_EQ(0, kv_pin(self->fd, 10, 0));
}

/* A soft pin is evicted after all others, a hard pin is not. */
TEST_F(produce, pins_under_pressure)
{
	const __u32 pins[3] = { KVPOOL_OP_PIN_HARD, KVPOOL_OP_PIN_SOFT, 0 };
	struct kv_block b;
	int i;

	ASSERT_EQ(0, kv_remove(self->t.fd, KEY_SEALED));
	ASSERT_EQ(0, kv_abort(self->t.fd, self->pending.handle));
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "pin_quota_bytes",
				   KV_CHUNK));
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   3 * KV_CHUNK));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, op_reserve(self->fd, &b, 10 + i, KV_CHUNK));
		ASSERT_EQ(0, op_seal(self->fd, b.handle, pins[i]));
	}
	ASSERT_EQ(0, op_reserve(self->fd, &b, 20, KV_CHUNK));
	EXPECT_EQ(0, kv_exists(self->fd, 10));
	EXPECT_EQ(0, kv_exists(self->fd, 11));
	EXPECT_EQ(-ENOENT, kv_exists(self->fd, 12));
	ASSERT_EQ(0, op_reserve(self->fd, &b, 21, KV_CHUNK));
	EXPECT_EQ(0, kv_exists(self->fd, 10));
	EXPECT_EQ(-ENOENT, kv_exists(self->fd, 11));
	EXPECT_EQ(-EDQUOT, op_reserve(self->fd, &b, 22, KV_CHUNK));
	EXPECT_EQ(0, kv_exists(self->fd, 10));
	EXPECT_EQ(0, kv_pin(self->fd, 10, 0));
}

/* The SEALs of a call are those of a prefix: its tail is evicted first. */
TEST_F(produce, seals_in_prefix_order)
{
	struct kvpool_completion c[32];
	struct kvpool_op ops[32];
	struct kv_block b;
	int i, k, gone;

	for (k = 0; k < 2; k++) {
		ASSERT_EQ(0, kv_tenant_drop(self->t.tenant));
		ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
					   2 * KV_CHUNK));
		for (i = 0; i < 32; i++)
			ops[i] = kv_op_reserve(100 + i, 65536, i);
		ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 32, c));
		for (i = 0; i < 32; i++) {
			ASSERT_EQ(0, c[i].status);
			ops[i] = kv_op_seal(c[i].handle, 0, i);
		}
		if (k) {
			ASSERT_EQ(32, kv_submit(self->fd, ops, 32));
			for (i = 0; i < 32; i++)
				ASSERT_TRUE(kv_ring_reap(&self->r, &c[i]));
		} else {
			ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 32, c));
		}
		for (i = 0; i < 32; i++)
			ASSERT_EQ(0, c[i].status);
		/* A chunk is free; each chunk after it evicts some of them. */
		for (i = 0; !kv_exists(self->fd, 131); i++)
			ASSERT_EQ(0, kv_produce_blank(self->fd, 1000 + i,
						      65536));
		gone = 0;
		for (i = 0; i < 32; i++) {
			int ret = kv_exists(self->fd, 100 + i);

			/* What remains is a prefix. */
			EXPECT_TRUE(!ret ? !gone : ret == -ENOENT)
				TH_LOG("round %d: %d is %d", k, i, ret);
			gone += ret != 0;
		}
		EXPECT_GT(gone, 0);
		EXPECT_LT(gone, 32);
	}
	EXPECT_EQ(-ENOENT, op_seal(self->fd, 12345, 0));
	EXPECT_EQ(0, op_reserve(self->fd, &b, 3000, 4096));
}

TEST_F(produce, nodes)
{
	struct kvpool_completion c;
	struct kvpool_op op;
	__u64 used, now;
	int node;

	for (node = 0; node < 64; node++) {
		op = kv_op_reserve(10, 4096, 1);
		op.node = node;
		if (!kv_has_tier(node)) {
			EXPECT_EQ(-EINVAL, kv_submit_wait(self->fd, &op, 1, &c));
			op.flags = KVPOOL_OP_STRICT_NODE;
			EXPECT_EQ(-EINVAL, kv_submit_wait(self->fd, &op, 1, &c));
		}
	}
	op = kv_op_reserve(10, 2 * KV_CHUNK, 1);
	op.node = 0;
	op.flags = KVPOOL_OP_STRICT_NODE;
	ASSERT_EQ(0, kv_sys_read_u64("tiers/dram0/used_bytes", &used));
	EXPECT_EQ(0, kv_do(self->fd, &op, &c));
	ASSERT_EQ(0, kv_sys_read_u64("tiers/dram0/used_bytes", &now));
	EXPECT_EQ(used + 2 * KV_CHUNK, now);
	EXPECT_EQ(0, kv_abort(self->fd, c.handle));
	EXPECT_BASE();
}

/* Each operation needs its own mode of the file and no other. */
TEST_F(produce, modes)
{
	struct kvpool_op ops[2];
	struct kvpool_completion c[2];
	struct kv_block b;
	int ro, wo;

	ro = kv_open(self->t.tenant, O_RDONLY);
	wo = kv_open(self->t.tenant, O_WRONLY);
	ASSERT_GE(ro, 0);
	ASSERT_GE(wo, 0);
	ops[0] = kv_op_reserve(10, 4096, 1);
	EXPECT_EQ(-EBADF, kv_submit_wait(ro, ops, 1, c));
	ops[0] = kv_op_seal(self->pending.handle, 0, 1);
	EXPECT_EQ(-EBADF, kv_submit_wait(ro, ops, 1, c));
	/* If one operation is not allowed, none is begun. */
	ops[0] = kv_op(KVPOOL_OP_LEASE, 0, KEY_SEALED, 1);
	ops[1] = kv_op_reserve(10, 4096, 2);
	EXPECT_EQ(-EBADF, kv_submit_wait(ro, ops, 2, c));
	EXPECT_EQ(-EBADF, kv_submit_wait(wo, ops, 2, c));
	EXPECT_EQ(-ENOENT, kv_exists(self->fd, 10));
	EXPECT_BASE();

	ASSERT_EQ(0, kv_submit_wait(wo, &ops[1], 1, c));
	ASSERT_EQ(0, c[0].status);
	EXPECT_EQ(0, op_seal(wo, c[0].handle, 0));
	EXPECT_EQ(0, kv_exists(self->fd, 10));
	ops[0] = kv_op(KVPOOL_OP_PROBE, 0, KEY_SEALED, 1);
	EXPECT_EQ(-EBADF, kv_submit_wait(wo, ops, 1, c));
	ops[0] = kv_op_release(1, 1);
	EXPECT_EQ(-EBADF, kv_submit_wait(wo, ops, 1, c));
	ops[0] = kv_op(KVPOOL_OP_PUSH, 0, KEY_SEALED, 1);
	ops[0].peer = 1;
	EXPECT_EQ(-EBADF, kv_submit_wait(wo, ops, 1, c));
	EXPECT_EQ(-EBADF, kv_submit_wait(ro, ops, 1, c));
	close(ro);
	close(wo);
	EXPECT_EQ(0, kv_remove(self->fd, 10));
	ASSERT_EQ(0, kv_reserve(self->fd, &b, 10, 4096));
}

/* A lease that waits is served by a SEAL, on the ring of the same file too. */
TEST_F(produce, waiter_is_served)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, 10, 7);
	struct kvpool_completion c;
	struct kv_block b;
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, op_reserve(i ? self->fd : self->t.fd, &b, 10,
					LEN));
		ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
		EXPECT_EQ(0, kv_ring_ready(&self->r));
		kv_fill(self->t.map, &b);
		ASSERT_EQ(0, op_seal(i ? self->fd : self->t.fd, b.handle, 0));
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
		EXPECT_EQ(7, c.user_data);
		EXPECT_EQ(0, c.status);
		EXPECT_EQ(LEN, c.length);
		ASSERT_EQ(0, kv_block_of(self->fd, 10, &c, &b));
		EXPECT_EQ(0, kv_check(self->t.map, &b));
		EXPECT_EQ(0, kv_release(self->fd, c.handle));
		EXPECT_EQ(0, kv_remove(self->fd, 10));
	}
	EXPECT_BASE();
}

/* A process that is killed leaves what it had sealed and nothing else. */
TEST_F(produce, killed_in_between)
{
	struct kvpool_stats st;
	int how, seals, i;

	/* With results and on a ring; none, half or all of them sealed. */
	for (how = 0; how < 2; how++)
		for (seals = 0; seals <= 16; seals += 8) {
			int pipes[2];
			pid_t pid;
			char ch;

			ASSERT_EQ(0, pipe(pipes));
			pid = fork();
			ASSERT_GE(pid, 0);
			if (!pid) {
				struct kvpool_completion c[16];
				struct kvpool_op ops[16];
				struct kv_ring r = {};
				int fd = kv_open(self->t.tenant, O_RDWR);

				if (fd < 0 || kv_ring_open(fd, &r, 32))
					_exit(1);
				for (i = 0; i < 16; i++)
					ops[i] = kv_op_reserve(100 + i, 20000,
							       i);
				if (how ? kv_submit(fd, ops, 16) != 16 :
				    kv_submit_wait(fd, ops, 16, c))
					_exit(2);
				for (i = 0; i < 16; i++) {
					if (how && !kv_ring_reap(&r, &c[i]))
						_exit(3);
					if (c[i].status)
						_exit(4);
					ops[i] = kv_op_seal(c[i].handle, 0, i);
				}
				if (seals && (how ? kv_submit(fd, ops, seals) !=
					      seals :
					      kv_submit_wait(fd, ops, seals,
							     c)))
					_exit(5);
				if (write(pipes[1], "x", 1) != 1)
					_exit(6);
				for (;;)
					pause();
			}
			close(pipes[1]);
			ASSERT_EQ(1, read(pipes[0], &ch, 1));
			ASSERT_EQ(0, kv_stats(self->fd, &st));
			EXPECT_EQ(self->base.pending + 16 - seals, st.pending);
			kill(pid, SIGKILL);
			EXPECT_EQ(128 + SIGKILL, kv_reap(pid));
			close(pipes[0]);
			for (i = 0; i < 16; i++) {
				EXPECT_EQ(i < seals ? 0 : -ENOENT,
					  kv_exists(self->fd, 100 + i));
				if (i < seals)
					EXPECT_EQ(0, kv_remove(self->fd,
							       100 + i));
			}
			EXPECT_BASE();
		}
}

/*
 * Several threads reserve the same keys: each key has one owner, and in the end
 * one content.
 */
#define RACE_KEYS	16

struct racer {
	struct kv_bench *t;
	struct kv_ring r;
	int fd;
	__u64 seed;
	unsigned long rounds, sealed, lost;
	int error;
};

static void *race_thread(void *data)
{
	struct racer *w = data;
	struct kvpool_op ops[RACE_KEYS];
	struct kvpool_completion c[RACE_KEYS];
	struct kv_block b;
	unsigned long n;
	int i, nr, ret;

	for (n = 0; n < w->rounds && !w->error; n++) {
		for (i = 0; i < RACE_KEYS; i++)
			ops[i] = kv_op_reserve(500 + kv_rand(&w->seed) %
					       RACE_KEYS, 8192, i);
		ret = kv_submit_wait(w->fd, ops, RACE_KEYS, c);
		for (i = nr = 0; !ret && i < RACE_KEYS; i++) {
			if (c[i].status == -EBUSY || c[i].status == -EEXIST) {
				w->lost++;
				continue;
			}
			ret = c[i].status;
			if (!ret)
				ret = kv_block_of(w->fd, ops[i].key.words[0],
						  &c[i], &b);
			if (!ret) {
				kv_fill(w->t->map, &b);
				ops[nr++] = kv_op_seal(c[i].handle, 0, i);
			}
		}
		if (!ret && nr)
			ret = kv_submit(w->fd, ops, nr) == nr ? 0 : -EPROTO;
		for (i = 0; !ret && i < nr; i++) {
			ret = kv_ring_wait(w->fd, &w->r, &c[0]);
			if (!ret)
				ret = c[0].status;
			w->sealed += !ret;
		}
		for (i = 0; !ret && i < 4; i++) {
			__u64 number = 500 + kv_rand(&w->seed) % RACE_KEYS;

			ret = kv_consume(w->fd, w->t->map, number);
			if (!ret)
				ret = kv_remove(w->fd, number);
			if (ret == -ENOENT || ret == -EINPROGRESS ||
			    ret == -EBUSY)
				ret = 0;
		}
		w->error = ret;
	}
	return NULL;
}

TEST_F(produce, one_owner)
{
	unsigned long rounds = kv_rounds("KV_PRODUCE_ROUNDS", 3000, 300);
	unsigned long sealed = 0;
	struct kvpool_stats st;
	struct racer w[3] = {};
	pthread_t threads[3];
	int i;

	for (i = 0; i < 3; i++) {
		w[i].t = &self->t;
		w[i].seed = 41 + i;
		w[i].rounds = rounds;
		w[i].fd = kv_open(self->t.tenant, O_RDWR);
		ASSERT_GE(w[i].fd, 0);
		ASSERT_EQ(0, kv_ring_open(w[i].fd, &w[i].r, RACE_KEYS));
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race_thread,
					    &w[i]));
	}
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, w[i].error);
		EXPECT_GT(w[i].sealed, 0);
		sealed += w[i].sealed;
		kv_ring_close(&w[i].r);
		close(w[i].fd);
	}
	for (i = 0; i < RACE_KEYS; i++) {
		int ret = kv_consume(self->fd, self->t.map, 500 + i);

		EXPECT_TRUE(!ret || ret == -ENOENT) TH_LOG("%d", ret);
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(self->base.pending, st.pending);
	EXPECT_EQ(0, st.leases);
	EXPECT_EQ(self->base.produced_blocks + sealed, st.produced_blocks);
}

TEST_HARNESS_MAIN
