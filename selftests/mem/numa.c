// SPDX-License-Identifier: GPL-2.0
/* numa: blocks on the node that was requested, also on nodes without CPUs. */
#include "kvpool_async.h"

FIXTURE(numa) {
	struct kv_bench t;
	int cpu[2];		/* two nodes with CPUs */
	int far;		/* one without, or -1 */
};

static bool has_cpus(int node)
{
	char path[96], text[64];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist",
		 node);
	return !kv_read_file(path, text, sizeof(text)) && text[0];
}

FIXTURE_SETUP(numa)
{
	int node, nr = 0;

	self->far = -1;
	for (node = 0; node < 8; node++) {
		if (!kv_has_tier(node))
			continue;
		if (!has_cpus(node))
			self->far = node;
		else if (nr < 2)
			self->cpu[nr++] = node;
	}
	if (nr < 2)
		SKIP(return, "this machine has one node");
	ASSERT_EQ(0, kv_bench_start(&self->t));
}

FIXTURE_TEARDOWN(numa)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

static __u64 on_node(int node, const char *what)
{
	__u64 value = ~0ULL;
	char name[64];

	snprintf(name, sizeof(name), "tiers/dram%d/%s", node, what);
	kv_sys_read_u64(name, &value);
	return value;
}

static int set_limit(int node, __u64 bytes)
{
	char name[64];

	snprintf(name, sizeof(name), "tiers/dram%d/limit_bytes", node);
	return kv_sys_set(name, bytes);
}

/* The node of a page, as the kernel reports it. */
static int page_node(void *page)
{
	int status = -1;

	if (syscall(SYS_move_pages, 0, 1UL, &page, NULL, &status, 0))
		return -errno;
	return status;
}

TEST_F(numa, tiers)
{
	int i;

	for (i = 0; i < 2; i++)
		EXPECT_EQ(self->cpu[i], on_node(self->cpu[i], "node"));
}

TEST_F(numa, preferred)
{
	struct kv_block b;
	int i, seen;

	for (i = 0; i < 2; i++) {
		int node = self->cpu[i];

		ASSERT_EQ(0, kv_reserve_on(self->t.fd, &b, i, 3 * KV_CHUNK, 0,
					   node));
		kv_fill(self->t.map, &b);
		ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
		EXPECT_EQ(3 * KV_CHUNK, on_node(node, "used_bytes"));
		EXPECT_EQ(3 * KV_CHUNK, on_node(node, "allocated_bytes"));
		seen = page_node(self->t.map + b.span[0].offset);
		if (seen >= 0) {
			EXPECT_EQ(node, seen);
		}
	}
	EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 0));
	EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 1));
}

/* Without a preference the node of the caller is used. */
TEST_F(numa, callers_own)
{
	struct kv_block b;
	cpu_set_t cpus;
	char path[96], text[64];
	int i;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/node/node%d/cpulist",
			 self->cpu[i]);
		ASSERT_EQ(0, kv_read_file(path, text, sizeof(text)));
		CPU_ZERO(&cpus);
		CPU_SET(atoi(text), &cpus);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(cpus), &cpus));
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b, i, KV_CHUNK));
		EXPECT_EQ(KV_CHUNK, on_node(self->cpu[i], "used_bytes"));
	}
}

/* On a full node a preference gives way, a strict request fails. */
TEST_F(numa, full_node)
{
	int near = self->cpu[0], other = self->cpu[1];
	struct kv_block b[5], more;
	int i;

	ASSERT_EQ(0, set_limit(near, 4 * KV_CHUNK));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, kv_reserve_on(self->t.fd, &b[i], i, KV_CHUNK,
					   KVPOOL_RESERVE_STRICT_NODE, near));
	EXPECT_EQ(4 * KV_CHUNK, on_node(near, "used_bytes"));
	EXPECT_EQ(-ENOSPC, kv_reserve_on(self->t.fd, &more, 10, KV_CHUNK,
					 KVPOOL_RESERVE_STRICT_NODE, near));
	EXPECT_EQ(-ENOENT, kv_exists(self->t.fd, 10));
	EXPECT_EQ(0, on_node(other, "used_bytes"));
	ASSERT_EQ(0, kv_reserve_on(self->t.fd, &b[4], 10, KV_CHUNK, 0, near));
	EXPECT_EQ(4 * KV_CHUNK, on_node(near, "used_bytes"));

	/* Blocks of the node are evicted for a strict request. */
	ASSERT_EQ(0, kv_seal(self->t.fd, b[0].handle));
	EXPECT_EQ(0, kv_reserve_on(self->t.fd, &more, 11, KV_CHUNK,
				   KVPOOL_RESERVE_STRICT_NODE, near));
	EXPECT_EQ(-ENOENT, kv_exists(self->t.fd, 0));
}

TEST_F(numa, wrong_nodes)
{
	struct kv_block b;
	int i;

	for (i = 0; i < 64; i++)
		if (!kv_has_tier(i)) {
			EXPECT_EQ(-EINVAL, kv_reserve_on(self->t.fd, &b, 1,
							 4096, 0, i));
		}
	EXPECT_EQ(-EINVAL, kv_reserve_on(self->t.fd, &b, 1, 4096,
					 KVPOOL_RESERVE_STRICT_NODE,
					 KVPOOL_NODE_ANY));
}

/* Far memory is used on request. */
TEST_F(numa, far_node)
{
	struct kv_block b;

	if (self->far < 0)
		SKIP(return, "this machine has no node without CPUs");
	ASSERT_EQ(0, kv_reserve_on(self->t.fd, &b, 1, 2 * KV_CHUNK,
				   KVPOOL_RESERVE_STRICT_NODE, self->far));
	kv_fill(self->t.map, &b);
	ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
	EXPECT_EQ(2 * KV_CHUNK, on_node(self->far, "used_bytes"));
	EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 1));
	/* A limit of zero closes the node. */
	ASSERT_EQ(0, kv_remove(self->t.fd, 1));
	ASSERT_EQ(0, set_limit(self->far, 0));
	EXPECT_EQ(0, on_node(self->far, "allocated_bytes"));
	EXPECT_EQ(-ENOSPC, kv_reserve_on(self->t.fd, &b, 2, 4096,
					 KVPOOL_RESERVE_STRICT_NODE,
					 self->far));
}

/* A lower limit of one node takes effect on that node. */
TEST_F(numa, limit_of_one_node)
{
	int i;

	for (i = 0; i < 8; i++) {
		struct kv_block b;

		ASSERT_EQ(0, kv_reserve_on(self->t.fd, &b, i, KV_CHUNK,
					   KVPOOL_RESERVE_STRICT_NODE,
					   self->cpu[i % 2]));
		kv_fill(self->t.map, &b);
		ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
	}
	ASSERT_EQ(0, set_limit(self->cpu[1], KV_CHUNK));
	EXPECT_LE(on_node(self->cpu[1], "allocated_bytes"), KV_CHUNK);
	EXPECT_EQ(0, kv_exists(self->t.fd, 7));
	/* Other blocks were moved or evicted; those that remain are whole. */
	for (i = 0; i < 8; i++) {
		int ret = kv_consume(self->t.fd, self->t.map, i);

		EXPECT_TRUE(!ret || ret == -ENOENT) TH_LOG("%d: %d", i, ret);
	}
}

/* A tenant that fills every node makes room for a tenant without memory. */
TEST_F(numa, share_of_a_late_tenant)
{
	struct kv_bench other = { .fd = -1 };
	struct kv_block b;
	int i;

	if (self->far >= 0) {
		ASSERT_EQ(0, set_limit(self->far, 0));
	}
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, set_limit(self->cpu[i], 8 * KV_CHUNK));
	for (i = 0; i < 16; i++)
		ASSERT_EQ(0, kv_produce_blank(self->t.fd, i, KV_CHUNK));
	snprintf(other.tenant, sizeof(other.tenant), "other%d", getpid());
	ASSERT_EQ(0, kv_tenant_add(other.tenant));
	other.fd = kv_open(other.tenant, O_RDWR);
	ASSERT_GE(other.fd, 0);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, kv_reserve_on(other.fd, &b, i, KV_CHUNK, 0,
					   self->cpu[i % 2]));
		ASSERT_EQ(0, kv_seal(other.fd, b.handle));
	}
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, kv_exists(other.fd, i));
	EXPECT_EQ(0, kv_bench_end(&other));
}

/* A quota that lies half on each node serves a block that needs more than half. */
TEST_F(numa, quota_of_both_nodes)
{
	struct kvpool_stats st;
	struct kv_block b;
	int i, strict;

	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   16 * KV_CHUNK));
	for (strict = 0; strict < 2; strict++) {
		for (i = 0; i < 16; i++) {
			ASSERT_EQ(0, kv_reserve_on(self->t.fd, &b,
						   100 * strict + i, KV_CHUNK,
						   KVPOOL_RESERVE_STRICT_NODE,
						   self->cpu[i % 2]));
			ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
		}
		ASSERT_EQ(0, kv_stats(self->t.fd, &st));
		EXPECT_EQ(16 * KV_CHUNK, st.arena_bytes);
		ASSERT_EQ(0, kv_reserve_on(self->t.fd, &b, 1000 + strict,
					   10 * KV_CHUNK, strict ?
					   KVPOOL_RESERVE_STRICT_NODE : 0,
					   self->cpu[0]));
		ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
		/* What has gone is what had to go. */
		ASSERT_EQ(0, kv_stats(self->t.fd, &st));
		EXPECT_EQ(16 * KV_CHUNK, st.bytes);
		EXPECT_EQ(7, st.blocks);
		EXPECT_EQ(13 * KV_CHUNK, on_node(self->cpu[0], "used_bytes"));
		for (i = 10; i < 16; i++)
			EXPECT_EQ(0, kv_exists(self->t.fd, 100 * strict + i));
		ASSERT_EQ(0, kv_tenant_drop(self->t.tenant));
	}
}

/* A guarantee lies on the nodes that were chosen for it. */
TEST_F(numa, guaranteed_nodes)
{
	char text[64];
	int i;

	snprintf(text, sizeof(text), "tenants/%s/guaranteed_nodes",
		 self->t.tenant);
	EXPECT_EQ(-EINVAL, kv_sys_write(text, "63"));
	EXPECT_EQ(-EINVAL, kv_sys_write(text, "\n"));
	for (i = 0; i < 4; i++) {
		struct kv_block b;

		ASSERT_EQ(0, kv_reserve_on(self->t.fd, &b, i, KV_CHUNK, 0,
					   self->cpu[i % 2]));
		kv_fill(self->t.map, &b);
		ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
	}
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "guaranteed_nodes",
				   self->cpu[1]));
	/* Chunks on the other node are replaced; their blocks move. */
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "guaranteed_bytes",
				   6 * KV_CHUNK));
	EXPECT_EQ(-EBUSY, kv_tenant_set(self->t.tenant, "guaranteed_nodes",
					self->cpu[0]));
	EXPECT_LE(6 * KV_CHUNK, on_node(self->cpu[1], "allocated_bytes"));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, i));
	ASSERT_EQ(0, set_limit(self->cpu[0], 0));
	ASSERT_EQ(0, set_limit(self->cpu[1], 0));
	EXPECT_EQ(6 * KV_CHUNK, on_node(self->cpu[1], "allocated_bytes"));
	for (i = 0; i < 6; i++)
		EXPECT_EQ(0, kv_touch(self->t.map + i * KV_CHUNK, true));
}

/* A request for a node that can never have room evicts from no other node. */
TEST_F(numa, closed_node)
{
	struct kvpool_stats st;
	struct kv_block b;
	int i;

	ASSERT_EQ(0, set_limit(self->cpu[1], 0));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, kv_reserve_on(self->t.fd, &b, i, KV_CHUNK, 0,
					   self->cpu[0]));
		ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
	}
	EXPECT_EQ(-ENOSPC, kv_reserve_on(self->t.fd, &b, 100, KV_CHUNK,
					 KVPOOL_RESERVE_STRICT_NODE,
					 self->cpu[1]));
	ASSERT_EQ(0, set_limit(self->cpu[1], 2 * KV_CHUNK));
	EXPECT_EQ(-ENOSPC, kv_reserve_on(self->t.fd, &b, 100, 3 * KV_CHUNK,
					 KVPOOL_RESERVE_STRICT_NODE,
					 self->cpu[1]));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(8, st.blocks);
	EXPECT_EQ(0, st.evicted_blocks);
}

/* Free room on another node does not outweigh the preference. */
TEST_F(numa, preferred_before_room)
{
	struct kv_block b;

	ASSERT_EQ(0, kv_reserve_on(self->t.fd, &b, 1, KV_CHUNK / 2,
				   KVPOOL_RESERVE_STRICT_NODE, self->cpu[1]));
	ASSERT_EQ(0, kv_reserve_on(self->t.fd, &b, 2, KV_CHUNK / 2, 0,
				   self->cpu[0]));
	EXPECT_EQ(KV_CHUNK / 2, on_node(self->cpu[0], "used_bytes"));
	EXPECT_EQ(KV_CHUNK / 2, on_node(self->cpu[1], "used_bytes"));
}

/* RESERVE: on a full node a preference gives way, a strict request fails. */
TEST_F(numa, strict_operation)
{
	struct kvpool_op op, seal;
	struct kvpool_completion c, other;
	int fd = self->t.fd;

	ASSERT_EQ(0, set_limit(self->cpu[1], KV_CHUNK));
	op = kv_op_reserve(10, KV_CHUNK, 1);
	op.node = self->cpu[1];
	op.flags = KVPOOL_OP_STRICT_NODE;
	ASSERT_EQ(0, kv_do(fd, &op, &c));
	EXPECT_EQ(KV_CHUNK, on_node(self->cpu[1], "used_bytes"));
	kv_key(&op.key, 11);
	EXPECT_EQ(-ENOSPC, kv_do(fd, &op, &other));
	op.flags = 0;
	EXPECT_EQ(0, kv_do(fd, &op, &other));
	EXPECT_EQ(0, kv_abort(fd, other.handle));
	/* A sealed block of that node makes room on it. */
	seal = kv_op_seal(c.handle, 0, 2);
	EXPECT_EQ(0, kv_do(fd, &seal, NULL));
	op.flags = KVPOOL_OP_STRICT_NODE;
	EXPECT_EQ(0, kv_do(fd, &op, &other));
	EXPECT_EQ(-ENOENT, kv_exists(fd, 10));
	EXPECT_EQ(0, kv_abort(fd, other.handle));
}

TEST_HARNESS_MAIN
