// SPDX-License-Identifier: GPL-2.0
/*
 * trace: every change of state fires its tracepoint, once, and no other.
 */
#include "kvpool_async.h"

FIXTURE(trace) {
	struct kv_bench t;
};

static int trace_write(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), KV_TRACING "/%s", name);
	return kv_write_file(path, text);
}

FIXTURE_SETUP(trace)
{
	if (access(KV_TRACING "/events/kvpool/enable", W_OK))
		SKIP(return, "the kernel has no tracing, or it is not mounted");
	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, trace_write("events/kvpool/enable", "1"));
	ASSERT_EQ(0, trace_write("tracing_on", "1"));
}

FIXTURE_TEARDOWN(trace)
{
	trace_write("events/kvpool/enable", "0");
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

static void clear(void)
{
	int fd = open(KV_TRACING "/trace", O_WRONLY | O_TRUNC);

	close(fd);
}

/*
 * Events of this name in the buffer; with NULL all of kvpool's, but for calls
 * and knobs.
 */
static int count(const char *name)
{
	char what[64], line[1024];
	FILE *f = fopen(KV_TRACING "/trace", "r");
	int n = 0;

	snprintf(what, sizeof(what), name ? " kvpool_%s: " : " kvpool_", name);
	while (f && fgets(line, sizeof(line), f))
		if (line[0] != '#' && strstr(line, what) &&
		    (name || (!strstr(line, " kvpool_call: ") &&
			      !strstr(line, " kvpool_knob: "))))
			n++;
	if (f)
		fclose(f);
	return n;
}

/* @call fires @n events of one name, and nothing else. */
#define EXPECT_EVENTS(name, n, call) do {				\
	clear();							\
	EXPECT_EQ(0, call);						\
	EXPECT_EQ(n, count(name)) TH_LOG("%s by " #call, name);		\
	EXPECT_EQ(n, count(NULL)) TH_LOG(#call " fires others as well"); \
} while (0)

TEST_F(trace, block)
{
	int fd = self->t.fd, other;
	struct kv_block b, lease, taken;

	/* The chunk comes first. */
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes", KV_CHUNK));
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "pin_quota_bytes", KV_CHUNK));
	clear();
	ASSERT_EQ(0, kv_produce_blank(fd, 1, 4096));
	EXPECT_EQ(1, count("chunk_add"));

	EXPECT_EVENTS("block_reserve", 1, kv_reserve(fd, &b, 2, 65536));
	EXPECT_EVENTS("block_seal", 1, kv_seal(fd, b.handle));
	EXPECT_EVENTS("block_lease", 1, kv_lease(fd, &lease, 2));
	EXPECT_EVENTS("block_release", 1, kv_release(fd, lease.handle));
	EXPECT_EVENTS("block_pin", 1, kv_pin(fd, 2, KVPOOL_PIN_HARD));
	EXPECT_EVENTS(NULL, 0, kv_exists(fd, 2));

	clear();
	EXPECT_EQ(0, kv_remove(fd, 2));
	EXPECT_EQ(1, count("block_remove"));
	EXPECT_EQ(1, count("block_free"));
	EXPECT_EQ(2, count(NULL));

	ASSERT_EQ(0, kv_reserve(fd, &b, 3, 65536));
	clear();
	EXPECT_EQ(0, kv_abort(fd, b.handle));
	EXPECT_EQ(1, count("block_abort"));
	EXPECT_EQ(1, count("block_free"));
	EXPECT_EQ(2, count(NULL));

	/* A block is evicted for another. */
	clear();
	EXPECT_EQ(0, kv_produce_blank(fd, 4, KV_CHUNK));
	EXPECT_EQ(1, count("block_evict"));
	EXPECT_EQ(1, count("block_free"));
	EXPECT_EQ(1, count("block_reserve"));
	EXPECT_EQ(1, count("block_seal"));
	EXPECT_EQ(4, count(NULL));
	EXPECT_EQ(0, kv_remove(fd, 4));

	other = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, kv_reserve(fd, &b, 5, 4096));
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	clear();
	while (kv_reserve(other, &taken, 5, 4096) == -EBUSY)
		;
	EXPECT_EQ(1, count("block_preempt"));
	EXPECT_EQ(1, count("block_reserve"));
	EXPECT_EQ(2, count(NULL));
	/* Pre-empted space is freed when its owner seals, aborts or closes. */
	clear();
	EXPECT_EQ(-ESTALE, kv_seal(fd, b.handle));
	EXPECT_EQ(1, count("block_free"));
	EXPECT_EQ(0, count("block_seal"));
	clear();
	close(other);
	EXPECT_EQ(1, count("block_abort"));
	EXPECT_EQ(1, count("block_free"));
	EXPECT_EQ(1, count("ctx_close"));
}

/* A call that fails fires nothing. */
TEST_F(trace, calls_and_knobs)
{
	int fd = self->t.fd;

	clear();
	EXPECT_EQ(-ENOENT, kv_exists(fd, 12345));
	EXPECT_EQ(1, count("call"));
	EXPECT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes", KV_CHUNK));
	EXPECT_EQ(1, count("knob"));
	EXPECT_EQ(0, kv_sys_set("preempt_ms", 30000));
	EXPECT_EQ(2, count("knob"));
}

TEST_F(trace, failures)
{
	int fd = self->t.fd;
	struct kv_block b;

	ASSERT_EQ(0, kv_produce_blank(fd, 1, 4096));
	clear();
	EXPECT_EQ(-EEXIST, kv_reserve(fd, &b, 1, 4096));
	EXPECT_EQ(-ENOENT, kv_lease(fd, &b, 2));
	EXPECT_EQ(-ENOENT, kv_remove(fd, 2));
	EXPECT_EQ(-ENOENT, kv_pin(fd, 2, 0));
	EXPECT_EQ(-ENOENT, kv_seal(fd, 12345));
	EXPECT_EQ(-ENOENT, kv_abort(fd, 12345));
	EXPECT_EQ(-ENOENT, kv_release(fd, 12345));
	EXPECT_EQ(-EINVAL, kv_reserve(fd, &b, 3, 1));
	EXPECT_EQ(0, count(NULL));
}

/* Operations that wait have events of their own. */
TEST_F(trace, operations)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, 1, 1);
	struct kvpool_completion c;
	struct kv_ring r = {};
	int fd = self->t.fd;
	struct kv_block b;

	ASSERT_EQ(0, kv_ring_open(fd, &r, 4));
	ASSERT_EQ(0, kv_reserve(fd, &b, 1, 4096));
	EXPECT_EVENTS("xfer_submit", 1, kv_submit(fd, &op, 1) != 1);
	clear();
	EXPECT_EQ(1, kv_cancel(fd, KVPOOL_CANCEL_ALL, 0));
	EXPECT_EQ(1, count("xfer_cancel"));
	EXPECT_EQ(1, count("xfer_complete"));
	EXPECT_EQ(2, count(NULL));

	EXPECT_EVENTS("xfer_submit", 1, kv_submit(fd, &op, 1) != 1);
	clear();
	EXPECT_EQ(0, kv_seal(fd, b.handle));
	kv_wait_until(kv_ring_ready(&r) == 2);
	EXPECT_EQ(1, count("block_seal"));
	EXPECT_EQ(1, count("block_lease"));
	EXPECT_EQ(1, count("xfer_complete"));
	EXPECT_EQ(3, count(NULL));

	EXPECT_EVENTS("block_lease", 1, kv_submit(fd, &op, 1) != 1);
	op = kv_op(KVPOOL_OP_PROBE, 0, 1, 1);
	EXPECT_EVENTS(NULL, 0, kv_submit(fd, &op, 1) != 1);
	while (kv_ring_reap(&r, &c))
		if (c.handle)
			EXPECT_EVENTS("block_release", 1,
				      kv_release(fd, c.handle));
	kv_ring_close(&r);
}

TEST_F(trace, context_and_tenant)
{
	char name[KVPOOL_NAME_SIZE];
	int fd, of;

	snprintf(name, sizeof(name), "trace%d", getpid());
	EXPECT_EVENTS("tenant_add", 1, kv_tenant_add(name));
	EXPECT_EVENTS("ctx_open", 1,
		      (fd = open(KV_DEV, O_RDWR | O_CLOEXEC)) < 0);
	/* A file of the default tenant, which then gets its tenant. */
	clear();
	of = kv_open_tenant(fd, name);
	ASSERT_GE(of, 0);
	EXPECT_EQ(1, count("ctx_open"));
	EXPECT_EQ(1, count("ctx_attach"));
	EXPECT_EQ(2, count(NULL));
	EXPECT_EVENTS("ctx_close", 1, close(of));
	EXPECT_EVENTS("ctx_close", 1, close(fd));
	EXPECT_EVENTS("tenant_del", 1, kv_sys_write("tenants/del", name));
}

TEST_F(trace, chunk)
{
	ASSERT_EQ(0, kv_produce_blank(self->t.fd, 1, 3 * KV_CHUNK));
	ASSERT_EQ(0, kv_remove(self->t.fd, 1));
	EXPECT_EVENTS("chunk_del", 3,
		      kv_sys_set("tiers/dram0/limit_bytes", 0));
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", KV_LIMIT));
	clear();
	ASSERT_EQ(0, kv_produce_blank(self->t.fd, 1, 3 * KV_CHUNK));
	EXPECT_EQ(3, count("chunk_add"));
}

/* Events show neither addresses nor whole keys. */
TEST_F(trace, tells_no_secrets)
{
	char line[1024];
	FILE *f;

	clear();
	ASSERT_EQ(0, kv_produce_blank(self->t.fd, 0x1122334455667788ULL, 4096));
	f = fopen(KV_TRACING "/trace", "r");
	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f)) {
		EXPECT_EQ(NULL, strstr(line, "ffff8"));
		EXPECT_EQ(NULL, strstr(line, "0xffff"));
		EXPECT_LT(strlen(line), 200);
	}
	fclose(f);
}

TEST_HARNESS_MAIN
