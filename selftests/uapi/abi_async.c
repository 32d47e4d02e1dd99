// SPDX-License-Identifier: GPL-2.0
/*
 * abi_async: every member of the structures of operations outside its range,
 * and pointers that lead nowhere. A call that is refused changes nothing, and
 * operations in flight stay in flight.
 */
#include "abi.h"
#include "kvpool_async.h"

FIXTURE(async) {
	struct kv_bench t;
	struct kvpool_stats before;
	struct kv_block reserved, leased;
	struct kv_ring r;
};

FIXTURE_SETUP(async)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, 2, 99);

	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, 65536));
	ASSERT_EQ(0, kv_lease(self->t.fd, &self->leased, 1));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &self->reserved, 2, 65536));
	ASSERT_EQ(0, kv_ring_open(self->t.fd, &self->r, 16));
	ASSERT_EQ(1, kv_submit(self->t.fd, &op, 1));
	ASSERT_EQ(0, kv_stats(self->t.fd, &self->before));
}

/* One operation was in flight during the whole test. */
FIXTURE_TEARDOWN(async)
{
	struct kvpool_completion c;

	EXPECT_EQ(1, kv_cancel(self->t.fd, KVPOOL_CANCEL_ALL, 0));
	do {
		EXPECT_TRUE(kv_ring_reap(&self->r, &c));
	} while (c.user_data != 99);
	EXPECT_EQ(-ECANCELED, c.status);
	EXPECT_FALSE(kv_ring_reap(&self->r, &c));
	kv_ring_close(&self->r);
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

TEST_F(async, ring_members)
{
	struct kvpool_ring_setup good = {
		.size = sizeof(good), .entries = 8, .eventfd = -1,
	};
	const struct poke pokes[] = {
		POKE(kvpool_ring_setup, flags, 1, -EINVAL),
		POKE(kvpool_ring_setup, flags, 1U << 31, -EINVAL),
		POKE(kvpool_ring_setup, entries, 0, -EINVAL),
		POKE(kvpool_ring_setup, entries, KVPOOL_RING_ENTRIES_MAX + 1,
		     -EINVAL),
		POKE(kvpool_ring_setup, entries, ~0U, -EINVAL),
		POKE(kvpool_ring_setup, eventfd, -2, -EINVAL),
		POKE(kvpool_ring_setup, eventfd, 1 << 20, -EBADF),
		POKE(kvpool_ring_setup, eventfd, self->t.fd, -EINVAL),
		POKE(kvpool_ring_setup, ring, 1, -EINVAL),
	};
	int fd;

	EXPECT_POKES(KVPOOL_IOC_RING, good, pokes);
	EXPECT_EQ(0, check_size(self->t.fd, KVPOOL_IOC_RING, &good,
				sizeof(good), sizeof(good)));
	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, check_longer(fd, KVPOOL_IOC_RING, &good, sizeof(good)));
	EXPECT_EQ(8, good.entries);
	EXPECT_EQ(KV_RING_FIRST, good.ring);
	close(fd);
}

TEST_F(async, ring_end_members)
{
	struct kvpool_ring_end good = { .size = sizeof(good) };
	const struct poke pokes[] = {
		POKE(kvpool_ring_end, flags, 1, -EINVAL),
		POKE(kvpool_ring_end, flags, 1U << 31, -EINVAL),
		POKE(kvpool_ring_end, nr_done, 1, -EINVAL),
		POKE(kvpool_ring_end, ring, 0, -ENOENT),
		POKE(kvpool_ring_end, ring, KVPOOL_RINGS_MAX, -ENOENT),
		POKE(kvpool_ring_end, ring, KVPOOL_RINGS_MAX + 1, -ENOENT),
		POKE(kvpool_ring_end, ring, ~0U, -ENOENT),
	};
	struct kvpool_ring_setup second;

	ASSERT_EQ(0, kv_ring_setup(self->t.fd, &second, 8, -1));
	good.ring = second.ring;
	EXPECT_POKES(KVPOOL_IOC_RING_END, good, pokes);
	EXPECT_EQ(0, check_size(self->t.fd, KVPOOL_IOC_RING_END, &good,
				sizeof(good), sizeof(good)));
	EXPECT_EQ(0, check_longer(self->t.fd, KVPOOL_IOC_RING_END, &good,
				  sizeof(good)));
	EXPECT_EQ(0, good.nr_done);
}

TEST_F(async, peer_members)
{
	struct kvpool_peer_name good = {
		.size = sizeof(good), .name = "nobody",
	};
	const struct poke pokes[] = {
		POKE(kvpool_peer_name, flags, 1, -EINVAL),
		POKE(kvpool_peer_name, flags, 1U << 31, -EINVAL),
		POKE(kvpool_peer_name, reserved, 1, -EINVAL),
		/* A name and a number; then neither. */
		POKE(kvpool_peer_name, peer, 1, -EINVAL),
		POKE(kvpool_peer_name, name[0], 0, -EINVAL),
		POKE(kvpool_peer_name, flags, 0, -ENOENT),
	};

	EXPECT_POKES(KVPOOL_IOC_PEER, good, pokes);
	EXPECT_EQ(0, check_size(self->t.fd, KVPOOL_IOC_PEER, &good,
				sizeof(good), sizeof(good)));
	EXPECT_EQ(-ENOENT, check_longer(self->t.fd, KVPOOL_IOC_PEER, &good,
					sizeof(good)));
	memset(good.name, 'x', sizeof(good.name));
	EXPECT_EQ(-EINVAL, kv_call(self->t.fd, KVPOOL_IOC_PEER, &good));
	memset(good.name, 0, sizeof(good.name));
	good.peer = ~0U;
	EXPECT_EQ(-ENOENT, kv_call(self->t.fd, KVPOOL_IOC_PEER, &good));
}

TEST_F(async, submit_members)
{
	struct kvpool_completion results[2] = {};
	struct kvpool_op ops[2] = {
		kv_op(KVPOOL_OP_LEASE, 0, 1, 1), kv_op_nop(2),
	};
	struct kvpool_submit good = {
		.size = sizeof(good), .nr_ops = 2, .ops = kv_ptr(ops),
		.results = kv_ptr(results),
	};
	const struct poke pokes[] = {
		POKE(kvpool_submit, flags, 2, -EINVAL),
		POKE(kvpool_submit, flags, 1U << 31, -EINVAL),
		POKE(kvpool_submit, nr_ops, 0, -EINVAL),
		POKE(kvpool_submit, nr_ops, KVPOOL_MAX_BATCH + 1, -EINVAL),
		POKE(kvpool_submit, nr_ops, ~0U, -EINVAL),
		POKE(kvpool_submit, nr_done, 1, -EINVAL),
		POKE(kvpool_submit, ops, 0, -EFAULT),
		POKE(kvpool_submit, ops, 0xffff888000001000ULL, -EFAULT),
		POKE(kvpool_submit, ops, ~7ULL, -EFAULT),
		/* Results or a ring. */
		POKE(kvpool_submit, ring, KV_RING_FIRST, -EINVAL),
		POKE(kvpool_submit, results, 0, -ENOENT),
		POKE(kvpool_submit, reserved, 1, -EINVAL),
	};

	EXPECT_POKES(KVPOOL_IOC_SUBMIT, good, pokes);
	EXPECT_EQ(0, check_size(self->t.fd, KVPOOL_IOC_SUBMIT, &good,
				sizeof(good), sizeof(good)));
	EXPECT_EQ(0, results[0].handle);
	EXPECT_EQ(0, check_longer(self->t.fd, KVPOOL_IOC_SUBMIT, &good,
				  sizeof(good)));
	EXPECT_EQ(2, good.nr_done);
	EXPECT_EQ(0, results[0].status);
	EXPECT_EQ(0, kv_release(self->t.fd, results[0].handle));

	/* No such ring: nothing is begun. */
	EXPECT_EQ(-ENOENT, kv_submit_ring(self->t.fd, 0, ops, 2));
	EXPECT_EQ(-ENOENT, kv_submit_ring(self->t.fd, 2, ops, 2));
	EXPECT_EQ(-ENOENT, kv_submit_ring(self->t.fd, KVPOOL_RINGS_MAX + 1, ops,
					 2));
	EXPECT_EQ(-ENOENT, kv_submit_ring(self->t.fd, ~0U, ops, 2));
	EXPECT_EQ(0, kv_ring_ready(&self->r));
}

/* Operations with one member poked, after a valid operation. */
static int submit_poked(int fd, const struct kvpool_op *good,
			const struct poke *p, bool ring)
{
	struct kvpool_op ops[2] = { kv_op(KVPOOL_OP_LEASE, 0, 1, 1), *good };
	struct kvpool_completion results[2] = {};
	int ret;

	apply(&ops[1], p);
	ret = ring ? kv_submit(fd, ops, 2) :
		     kv_submit_wait(fd, ops, 2, results);
	return results[0].handle ? -EPROTO : ret;
}

#define EXPECT_OP_POKES(good, pokes) do {				\
	unsigned int __i;						\
									\
	for (__i = 0; __i < ARRAY_SIZE(pokes) * 2; __i++) {		\
		const struct poke *__p = &(pokes)[__i / 2];		\
									\
		EXPECT_EQ(__p->want, submit_poked(self->t.fd, &(good),	\
						  __p, __i & 1))	\
			TH_LOG("opcode %u, %s", (good).opcode, __p->what); \
		EXPECT_TRUE(unchanged(self->t.fd, &self->before))	\
			TH_LOG("%s changed something", __p->what);	\
	}								\
	EXPECT_EQ(0, kv_ring_ready(&self->r));				\
} while (0)

TEST_F(async, op_members)
{
	const struct poke all[] = {
		POKE(kvpool_op, opcode, 1000, -EINVAL),
		POKE(kvpool_op, opcode, ~0U, -EINVAL),
		POKE(kvpool_op, flags, 1U << 7, -EINVAL),
		POKE(kvpool_op, flags, 1U << 31, -EINVAL),
		POKE(kvpool_op, flags, ~0U, -EINVAL),
		POKE(kvpool_op, reserved, 1, -EINVAL),
		POKE(kvpool_op, parent.bytes[0], 1, -EINVAL),
		POKE(kvpool_op, parent.bytes[31], 1, -EINVAL),
		POKE(kvpool_op, position, 1, -EINVAL),
		POKE(kvpool_op, reserved, 1U << 31, -EINVAL),
	};
	const struct poke keyless[] = {
		POKE(kvpool_op, key.bytes[0], 1, -EINVAL),
		POKE(kvpool_op, key.bytes[31], 1, -EINVAL),
		POKE(kvpool_op, key.bytes[8], 0x80, -EINVAL),
	};
	const struct poke local[] = {
		POKE(kvpool_op, timeout_ns, 1, -EINVAL),
		POKE(kvpool_op, length, 4096, -EINVAL),
		POKE(kvpool_op, peer, 1, -EINVAL),
		POKE(kvpool_op, node, -1, -EINVAL),
		POKE(kvpool_op, node, 1, -EINVAL),
	};
	const struct poke handleless[] = {
		POKE(kvpool_op, handle, 1, -EINVAL),
		POKE(kvpool_op, handle, 1ULL << 32, -EINVAL),
	};
	const struct poke waitless[] = {
		POKE(kvpool_op, flags, KVPOOL_OP_WAIT, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_TRANSIENT, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_TRANSIENT | KVPOOL_OP_REMOTE,
		     -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_PREFIX, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_PREFIX | KVPOOL_OP_REMOTE,
		     -EINVAL),
	};
	const struct poke reads[] = {
		POKE(kvpool_op, flags, KVPOOL_OP_STRICT_NODE, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_PIN_SOFT, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_PIN_HARD, -EINVAL),
	};
	const struct poke remoteless[] = {
		POKE(kvpool_op, flags, KVPOOL_OP_REMOTE, -EINVAL),
	};
	struct kvpool_op good;

	good = kv_op_nop(3);
	EXPECT_OP_POKES(good, all);
	EXPECT_OP_POKES(good, keyless);
	EXPECT_OP_POKES(good, local);
	EXPECT_OP_POKES(good, handleless);
	EXPECT_OP_POKES(good, waitless);
	EXPECT_OP_POKES(good, remoteless);
	EXPECT_OP_POKES(good, reads);

	good = kv_op(KVPOOL_OP_PROBE, 0, 1, 3);
	EXPECT_OP_POKES(good, all);
	EXPECT_OP_POKES(good, reads);
	EXPECT_OP_POKES(good, local);
	EXPECT_OP_POKES(good, handleless);
	EXPECT_OP_POKES(good, waitless);

	good = kv_op(KVPOOL_OP_LEASE, 0, 1, 3);
	EXPECT_OP_POKES(good, all);
	EXPECT_OP_POKES(good, reads);
	EXPECT_OP_POKES(good, local);
	EXPECT_OP_POKES(good, handleless);

	good = kv_op_release(self->leased.handle, 3);
	EXPECT_OP_POKES(good, all);
	EXPECT_OP_POKES(good, reads);
	EXPECT_OP_POKES(good, keyless);
	EXPECT_OP_POKES(good, local);
	EXPECT_OP_POKES(good, waitless);
	EXPECT_OP_POKES(good, remoteless);
}

TEST_F(async, remote_members)
{
	const struct poke lease[] = {
		POKE(kvpool_op, length, 0, -EINVAL),
		POKE(kvpool_op, length, KVPOOL_BLOCK_MIN - 1, -EINVAL),
		POKE(kvpool_op, length, KVPOOL_BLOCK_MAX + 1, -EINVAL),
		POKE(kvpool_op, length, 1ULL << 32 | 4096, -EINVAL),
		POKE(kvpool_op, length, ~0ULL, -EINVAL),
		POKE(kvpool_op, node, -2, -EINVAL),
		POKE(kvpool_op, node, 1000000, -EINVAL),
		POKE(kvpool_op, node, 0x7fffffff, -EINVAL),
		POKE(kvpool_op, node, 0x80000000, -EINVAL),
		POKE(kvpool_op, handle, 1, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_TRANSIENT, -EINVAL),
	};
	const struct poke push[] = {
		POKE(kvpool_op, peer, 0, -EINVAL),
		POKE(kvpool_op, length, 4096, -EINVAL),
		POKE(kvpool_op, node, -2, -EINVAL),
		POKE(kvpool_op, node, 0x80000000, -EINVAL),
		POKE(kvpool_op, handle, 1, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_REMOTE, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_WAIT, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_PREFIX, -EINVAL),
	};
	struct kvpool_completion c;
	struct kvpool_op good;
	int fd;

	good = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_REMOTE, 1, 3);
	good.length = 4096;
	good.node = KVPOOL_NODE_ANY;
	EXPECT_OP_POKES(good, lease);
	good = kv_op(KVPOOL_OP_PUSH, 0, 1, 3);
	good.peer = 1;
	EXPECT_OP_POKES(good, push);

	/* A push needs a file that is open for writing too. */
	fd = kv_open(self->t.tenant, O_RDONLY);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EBADF, kv_submit_wait(fd, &good, 1, &c));
	close(fd);
}

TEST_F(async, produce_members)
{
	const struct poke reserve[] = {
		POKE(kvpool_op, length, 0, -EINVAL),
		POKE(kvpool_op, length, KVPOOL_BLOCK_MIN - 1, -EINVAL),
		POKE(kvpool_op, length, KVPOOL_BLOCK_MAX + 1, -EINVAL),
		POKE(kvpool_op, length, 1ULL << 32 | 4096, -EINVAL),
		POKE(kvpool_op, length, ~0ULL, -EINVAL),
		POKE(kvpool_op, node, -2, -EINVAL),
		POKE(kvpool_op, node, 1000000, -EINVAL),
		POKE(kvpool_op, node, 0x7fffffff, -EINVAL),
		POKE(kvpool_op, node, 0x80000000, -EINVAL),
		POKE(kvpool_op, handle, 1, -EINVAL),
		POKE(kvpool_op, peer, 1, -EINVAL),
		POKE(kvpool_op, timeout_ns, 1, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_WAIT, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_REMOTE, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_TRANSIENT, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_PIN_SOFT, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_PIN_HARD, -EINVAL),
		/* Strict without a node. */
		POKE(kvpool_op, flags, KVPOOL_OP_STRICT_NODE, -EINVAL),
		POKE(kvpool_op, flags, 1U << 7, -EINVAL),
		POKE(kvpool_op, reserved, 1, -EINVAL),
		POKE(kvpool_op, parent.bytes[0], 1, -EINVAL),
		POKE(kvpool_op, parent.bytes[31], 1, -EINVAL),
		POKE(kvpool_op, position, 1, -EINVAL),
	};
	const struct poke seal[] = {
		POKE(kvpool_op, key.bytes[0], 1, -EINVAL),
		POKE(kvpool_op, key.bytes[31], 1, -EINVAL),
		POKE(kvpool_op, length, 65536, -EINVAL),
		POKE(kvpool_op, node, -1, -EINVAL),
		POKE(kvpool_op, peer, 1, -EINVAL),
		POKE(kvpool_op, timeout_ns, 1, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_WAIT, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_REMOTE, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_TRANSIENT, -EINVAL),
		POKE(kvpool_op, flags, KVPOOL_OP_STRICT_NODE, -EINVAL),
		/* One pin of the two. */
		POKE(kvpool_op, flags, KVPOOL_OP_PIN_SOFT | KVPOOL_OP_PIN_HARD,
		     -EINVAL),
		POKE(kvpool_op, flags, 1U << 7, -EINVAL),
		POKE(kvpool_op, reserved, 1, -EINVAL),
		POKE(kvpool_op, parent.bytes[0], 1, -EINVAL),
		POKE(kvpool_op, parent.bytes[31], 1, -EINVAL),
		POKE(kvpool_op, position, 1, -EINVAL),
	};
	struct kvpool_op good;

	good = kv_op_reserve(77, 4096, 3);
	EXPECT_OP_POKES(good, reserve);
	good = kv_op_seal(self->reserved.handle, 0, 3);
	EXPECT_OP_POKES(good, seal);
}

TEST_F(async, cancel_members)
{
	struct kvpool_cancel good = {
		.size = sizeof(good), .flags = KVPOOL_CANCEL_USER_DATA,
		.match = 5,
	};
	const struct poke pokes[] = {
		POKE(kvpool_cancel, flags, 0, -EINVAL),
		POKE(kvpool_cancel, flags, KVPOOL_CANCEL_NOWAIT, -EINVAL),
		POKE(kvpool_cancel, flags, KVPOOL_CANCEL_USER_DATA |
		     KVPOOL_CANCEL_TAG, -EINVAL),
		POKE(kvpool_cancel, flags, KVPOOL_CANCEL_TAG |
		     KVPOOL_CANCEL_ALL, -EINVAL),
		POKE(kvpool_cancel, flags, 7, -EINVAL),
		POKE(kvpool_cancel, flags, 16 | 1, -EINVAL),
		POKE(kvpool_cancel, flags, 1U << 31 | 1, -EINVAL),
		/* All, together with a value to match. */
		POKE(kvpool_cancel, flags, KVPOOL_CANCEL_ALL, -EINVAL),
		POKE(kvpool_cancel, nr_done, 1, -EINVAL),
		POKE(kvpool_cancel, ring, 2, -ENOENT),
		POKE(kvpool_cancel, ring, KVPOOL_RINGS_MAX + 1, -ENOENT),
		POKE(kvpool_cancel, ring, ~0U, -ENOENT),
		POKE(kvpool_cancel, ring, KV_RING_FIRST, 0),
		POKE(kvpool_cancel, match, 6, 0),
	};

	EXPECT_POKES(KVPOOL_IOC_CANCEL, good, pokes);
	EXPECT_EQ(0, check_size(self->t.fd, KVPOOL_IOC_CANCEL, &good,
				sizeof(good), sizeof(good)));
	EXPECT_EQ(0, check_longer(self->t.fd, KVPOOL_IOC_CANCEL, &good,
				  sizeof(good)));
	EXPECT_EQ(0, good.nr_done);
}

/* The second operation of two is not there. */
TEST_F(async, ops_at_the_edge)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, 0, 1, 1);
	struct kvpool_completion results[2] = {};
	__u8 *p;

	p = mmap(NULL, 2 * KV_PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, munmap(p + KV_PAGE, KV_PAGE));
	p += KV_PAGE - sizeof(op);
	memcpy(p, &op, sizeof(op));
	EXPECT_EQ(-EFAULT, kv_submit_wait(self->t.fd, (void *)p, 2, results));
	EXPECT_EQ(-EFAULT, kv_submit(self->t.fd, (void *)p, 2));
	EXPECT_TRUE(unchanged(self->t.fd, &self->before));
	EXPECT_EQ(0, kv_submit_wait(self->t.fd, (void *)p, 1, results));
	EXPECT_EQ(0, kv_release(self->t.fd, results[0].handle));
	munmap(p - (KV_PAGE - sizeof(op)), KV_PAGE);
}

/* The largest batch, to a ring with less room. */
TEST_F(async, batch_limit)
{
	struct kvpool_op *ops = calloc(KVPOOL_MAX_BATCH + 1, sizeof(*ops));
	struct kvpool_completion *c = calloc(KVPOOL_MAX_BATCH + 1, sizeof(*c));
	__u32 i;

	ASSERT_NE(NULL, ops);
	ASSERT_NE(NULL, c);
	for (i = 0; i <= KVPOOL_MAX_BATCH; i++)
		ops[i] = kv_op(KVPOOL_OP_LEASE, 0, 1, i);
	EXPECT_EQ(-EINVAL, kv_submit_wait(self->t.fd, ops,
					  KVPOOL_MAX_BATCH + 1, c));
	ASSERT_EQ(0, kv_submit_wait(self->t.fd, ops, KVPOOL_MAX_BATCH, c));
	for (i = 0; i < KVPOOL_MAX_BATCH; i++) {
		EXPECT_EQ(0, c[i].status);
		EXPECT_EQ(i, c[i].user_data);
		ops[i] = kv_op_release(c[i].handle, i);
	}
	ASSERT_EQ(0, kv_submit_wait(self->t.fd, ops, KVPOOL_MAX_BATCH, c));
	for (i = 0; i < KVPOOL_MAX_BATCH; i++)
		EXPECT_EQ(0, c[i].status);
	for (i = 0; i < KVPOOL_MAX_BATCH; i++)
		ops[i] = kv_op_nop(i);
	EXPECT_EQ(15, kv_submit(self->t.fd, ops, KVPOOL_MAX_BATCH));
	for (i = 0; i < 15; i++)
		EXPECT_TRUE(kv_ring_reap(&self->r, c));
	free(ops);
	free(c);
}

TEST_HARNESS_MAIN
