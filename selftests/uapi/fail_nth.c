// SPDX-License-Identifier: GPL-2.0
/*
 * fail_nth: each allocation of a call, and each of its accesses to user space,
 * fails in turn. A call that is hit fails cleanly or succeeds all the same;
 * either way nothing is leaked, which the tenant's deletion shows.
 *
 * Needs a kernel with fault injection.
 */
#include "kvpool_async.h"

struct pool {
	struct kv_bench t;
	int nth;		/* /proc/thread-self/fail-nth */
	unsigned long injected;
};

static bool inject_available(void)
{
	static const char * const knobs[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "failslab/verbose", "0" },
		{ "fail_page_alloc/verbose", "0" },
		{ "fail_usercopy/verbose", "0" },
	};
	char path[128];
	unsigned int i;

	if (!kv_fail_nth_available())
		return false;
	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s",
			 knobs[i][0]);
		/* User copies are not injected by every kernel that can. */
		if (kv_write_file(path, knobs[i][1]) &&
		    strncmp(knobs[i][0], "fail_usercopy", 13))
			return false;
	}
	return true;
}

/* The injection may hit this call too, once. */
static void arm(struct pool *p, int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	while (pwrite(p->nth, text, len, 0) != len)
		;
}

/* Ends the injection; true if there was one. */
static bool disarm(struct pool *p)
{
	char text[16] = "";
	bool hit;

	hit = pread(p->nth, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
	arm(p, 0);
	p->injected += hit;
	return hit;
}

FIXTURE(fail) {
	struct pool p;
	struct kvpool_stats base;
};

FIXTURE_SETUP(fail)
{
	if (!inject_available())
		SKIP(return, "the kernel has no fault injection");
	ASSERT_EQ(0, kv_bench_start(&self->p.t));
	self->p.nth = open("/proc/thread-self/fail-nth", O_RDWR);
	ASSERT_GE(self->p.nth, 0);
	ASSERT_EQ(0, kv_stats(self->p.t.fd, &self->base));
}

FIXTURE_TEARDOWN(fail)
{
	TH_LOG("%lu faults injected", self->p.injected);
	close(self->p.nth);
	EXPECT_EQ(0, kv_bench_end(&self->p.t));
}

static bool clean(int ret)
{
	return !ret || ret == -ENOMEM || ret == -EFAULT;
}

/*
 * Runs @call with its first, second, ... site failing, until none is left.
 * @again brings back what the call needs, @check looks at what it left.
 */
#define MOST_SITES	2000

#define SWEEP(call, after) do {						\
	int __n;							\
									\
	for (__n = 1; __n < MOST_SITES; __n++) {			\
		int ret;						\
		bool hit;						\
									\
		arm(&self->p, __n);					\
		ret = (call);						\
		hit = disarm(&self->p);					\
		EXPECT_TRUE(clean(ret))					\
			TH_LOG(#call ": site %d gives %d", __n, ret);	\
		after;							\
		if (!clean(ret))					\
			break;						\
		if (!hit) {						\
			EXPECT_EQ(0, ret);				\
			break;						\
		}							\
	}								\
	EXPECT_LT(__n, MOST_SITES);					\
} while (0)

static bool at_base(struct pool *p, const struct kvpool_stats *base)
{
	struct kvpool_stats now;

	return !kv_stats(p->t.fd, &now) && kv_same_gauges(base, &now);
}

#define EXPECT_BASE() EXPECT_TRUE(at_base(&self->p, &self->base))

static int open_and_close(void)
{
	int fd = open(KV_DEV, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return close(fd) ? -errno : 0;
}

TEST_F(fail, open)
{
	__u64 before, after;

	ASSERT_EQ(0, kv_tenant_read("default", "contexts", &before));
	SWEEP(open_and_close(), );
	ASSERT_EQ(0, kv_tenant_read("default", "contexts", &after));
	EXPECT_EQ(before, after);
	EXPECT_GT(self->p.injected, 0);
}

static int open_tenant_and_close(int fd, const char *tenant)
{
	int ret = kv_open_tenant(fd, tenant);

	return ret < 0 ? ret : close(ret) ? -errno : 0;
}

TEST_F(fail, open_tenant)
{
	__u64 contexts;
	int fd = open(KV_DEV, O_RDWR | O_CLOEXEC);

	ASSERT_GE(fd, 0);
	SWEEP(open_tenant_and_close(fd, self->p.t.tenant), );
	close(fd);
	ASSERT_EQ(0, kv_tenant_read(self->p.t.tenant, "contexts", &contexts));
	EXPECT_EQ(1, contexts);
}

static int info(int fd)
{
	struct kvpool_info info;

	return kv_info(fd, &info);
}

static int stats(int fd)
{
	struct kvpool_stats stats;

	return kv_stats(fd, &stats);
}

TEST_F(fail, info_and_stats)
{
	SWEEP(info(self->p.t.fd), );
	SWEEP(stats(self->p.t.fd), );
	EXPECT_BASE();
}

static struct kv_block made;

/*
 * Without memory for a chunk the call reports -ENOSPC, which counts as -ENOMEM
 * here.
 */
static int reserve(int fd, __u64 number, __u64 length)
{
	int ret = kv_reserve(fd, &made, number, length);

	return ret == -ENOSPC ? -ENOMEM : ret;
}

static void undo(int fd, int ret)
{
	if (!ret)
		kv_abort(fd, made.handle);
}

static void shrink(void)
{
	kv_sys_set("tiers/dram0/limit_bytes", 0);
	kv_sys_set("tiers/dram0/limit_bytes", KV_LIMIT);
}

TEST_F(fail, reserve)
{
	const __u64 lengths[] = { 4096, 65536, 3 * KV_CHUNK, 20 * KV_CHUNK };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		/*
		 * In an arena that has to grow, and in an arena with free
		 * chunks.
		 */
		SWEEP(reserve(self->p.t.fd, 1, lengths[i]),
		      undo(self->p.t.fd, ret); EXPECT_BASE(); shrink());
		SWEEP(reserve(self->p.t.fd, 1, lengths[i]),
		      undo(self->p.t.fd, ret); EXPECT_BASE());
	}
	EXPECT_GT(self->p.injected, 4);
}

static struct kvpool_entry batch[16];

static int reserve_batch(int fd)
{
	struct kvpool_span span[16];
	__u32 room = 16;
	int i, ret;

	memset(batch, 0, sizeof(batch));
	for (i = 0; i < 16; i++) {
		kv_key(&batch[i].key, i);
		batch[i].length = 20000;
	}
	ret = kv_reserve_batch(fd, batch, 16, span, &room);
	if (ret < 0)
		return ret;
	for (i = 0; i < 16; i++)
		if (batch[i].status)
			ret = batch[i].status;
	return ret == -ENOSPC ? -ENOMEM : ret == 16 ? 0 : ret;
}

static void end_batch(int fd, unsigned long nr)
{
	int i;

	for (i = 0; i < 16; i++)
		if (batch[i].handle)
			kv_handle_call(fd, nr, batch[i].handle, 0);
}

TEST_F(fail, reserve_batch)
{
	SWEEP(reserve_batch(self->p.t.fd),
	      end_batch(self->p.t.fd, KVPOOL_IOC_ABORT); EXPECT_BASE();
	      shrink());
	EXPECT_GT(self->p.injected, 16);
}

/* A long block in an arena where only single pages are free. */
TEST_F(fail, reserve_fragmented)
{
	int i, fd = self->p.t.fd;

	ASSERT_EQ(0, kv_tenant_set(self->p.t.tenant, "quota_bytes", KV_CHUNK));
	for (i = 0; i < 512; i++)
		ASSERT_EQ(0, kv_produce_blank(fd, 1000 + i, 4096));
	for (i = 0; i < 512; i += 2)
		ASSERT_EQ(0, kv_remove(fd, 1000 + i));
	ASSERT_EQ(0, kv_stats(fd, &self->base));
	SWEEP(reserve(fd, 1, 100 * 4096), undo(fd, ret); EXPECT_BASE());
	EXPECT_GT(self->p.injected, 2);
}

TEST_F(fail, seal)
{
	struct kv_block b;
	int fd = self->p.t.fd;

	ASSERT_EQ(0, kv_reserve(fd, &b, 1, 65536));
	SWEEP(kv_seal(fd, b.handle),
	      if (hit && !kv_exists(fd, 1)) {
		      kv_remove(fd, 1);
		      kv_reserve(fd, &b, 1, 65536);
	      });
	EXPECT_EQ(0, kv_exists(fd, 1));
	EXPECT_EQ(0, kv_remove(fd, 1));
	EXPECT_BASE();
}

TEST_F(fail, abort)
{
	struct kv_block b;
	int fd = self->p.t.fd;

	ASSERT_EQ(0, kv_reserve(fd, &b, 1, 65536));
	SWEEP(kv_abort(fd, b.handle),
	      if (kv_exists(fd, 1) == -ENOENT && hit)
		      kv_reserve(fd, &b, 1, 65536));
	EXPECT_BASE();
}

static int lease_batch(int fd, __u32 flags)
{
	struct kvpool_span span[16];
	__u32 room = 16;
	int i, ret;

	memset(batch, 0, sizeof(batch));
	for (i = 0; i < 16; i++)
		kv_key(&batch[i].key, i);
	ret = kv_lookup_batch(fd, KVPOOL_IOC_LEASE, flags, batch, 16, span,
			      &room, flags & KVPOOL_LOOKUP_WAIT ? 1000 : 0);
	return ret < 0 ? ret : ret == 15 ? 0 : -EPROTO;
}

TEST_F(fail, lease)
{
	struct kv_block pending;
	int i, fd = self->p.t.fd;

	for (i = 0; i < 15; i++)
		ASSERT_EQ(0, kv_produce_blank(fd, i, 4096));
	ASSERT_EQ(0, kv_reserve(fd, &pending, 15, 4096));
	ASSERT_EQ(0, kv_stats(fd, &self->base));
	SWEEP(lease_batch(fd, 0),
	      end_batch(fd, KVPOOL_IOC_RELEASE); EXPECT_BASE());
	SWEEP(lease_batch(fd, KVPOOL_LOOKUP_PREFIX),
	      end_batch(fd, KVPOOL_IOC_RELEASE); EXPECT_BASE());
	SWEEP(lease_batch(fd, KVPOOL_LOOKUP_WAIT),
	      end_batch(fd, KVPOOL_IOC_RELEASE); EXPECT_BASE());
	EXPECT_GT(self->p.injected, 3);
}

TEST_F(fail, exists)
{
	int fd = self->p.t.fd;

	ASSERT_EQ(0, kv_produce_blank(fd, 1, 4096));
	ASSERT_EQ(0, kv_stats(fd, &self->base));
	SWEEP(kv_exists(fd, 1), EXPECT_BASE());
}

TEST_F(fail, release)
{
	struct kv_block b;
	int fd = self->p.t.fd;

	ASSERT_EQ(0, kv_produce_blank(fd, 1, 4096));
	ASSERT_EQ(0, kv_stats(fd, &self->base));
	ASSERT_EQ(0, kv_lease(fd, &b, 1));
	SWEEP(kv_release(fd, b.handle),
	      if (hit && at_base(&self->p, &self->base))
		      kv_lease(fd, &b, 1));
	EXPECT_BASE();
}

TEST_F(fail, remove)
{
	int fd = self->p.t.fd;

	ASSERT_EQ(0, kv_produce_blank(fd, 1, 4096));
	SWEEP(kv_remove(fd, 1),
	      if (hit && kv_exists(fd, 1)) kv_produce_blank(fd, 1, 4096));
	EXPECT_BASE();
}

static int pin_and_unpin(int fd)
{
	int ret = kv_pin(fd, 1, KVPOOL_PIN_HARD);

	return ret ? ret : kv_pin(fd, 1, KVPOOL_PIN_SOFT);
}

TEST_F(fail, pin)
{
	int fd = self->p.t.fd;

	ASSERT_EQ(0, kv_tenant_set(self->p.t.tenant, "pin_quota_bytes",
				   KV_CHUNK));
	ASSERT_EQ(0, kv_produce_blank(fd, 1, 4096));
	ASSERT_EQ(0, kv_stats(fd, &self->base));
	SWEEP(pin_and_unpin(fd), kv_pin(fd, 1, 0); EXPECT_BASE());
}

static int spans(int fd, __u64 handle)
{
	struct kvpool_span span[KV_BLOCK_SPANS];
	int ret = kv_spans(fd, handle, span, KV_BLOCK_SPANS, 0, NULL);

	return ret < 0 ? ret : 0;
}

TEST_F(fail, spans)
{
	struct kv_block b;
	int fd = self->p.t.fd;

	ASSERT_EQ(0, kv_reserve(fd, &b, 1, 30 * KV_CHUNK));
	ASSERT_EQ(0, kv_stats(fd, &self->base));
	SWEEP(spans(fd, b.handle), EXPECT_BASE());
}

static int map_and_touch(int fd, __u64 offset)
{
	__u8 *map = mmap(NULL, 4 * KV_CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, 0);
	int ret;

	if (map == MAP_FAILED)
		return -errno;
	ret = kv_touch(map + offset, true);
	/* A fault without memory for page tables is retried, or kills. */
	munmap(map, 4 * KV_CHUNK);
	return ret ? -EPROTO : 0;
}

TEST_F(fail, map_and_fault)
{
	struct kv_block b;
	int fd = self->p.t.fd;

	ASSERT_EQ(0, kv_reserve(fd, &b, 1, 65536));
	ASSERT_EQ(0, kv_stats(fd, &self->base));
	SWEEP(map_and_touch(fd, b.span[0].offset), EXPECT_BASE());
	EXPECT_GT(self->p.injected, 1);
}

static int ring_of_new_file(const char *tenant, __u32 entries)
{
	struct kvpool_op op = kv_op_nop(1);
	struct kvpool_completion c;
	struct kv_ring r = {};
	int ret, fd = kv_open(tenant, O_RDWR);

	if (fd < 0)
		return fd;
	ret = kv_ring_open(fd, &r, entries);
	if (!ret)
		ret = kv_submit(fd, &op, 1) == 1 && kv_ring_reap(&r, &c) ?
		      0 : -ENOMEM;
	kv_ring_close(&r);
	close(fd);
	/* mmap() returns -EAGAIN without memory for the page tables. */
	return ret == -EAGAIN ? -ENOMEM : ret;
}

TEST_F(fail, ring)
{
	SWEEP(ring_of_new_file(self->p.t.tenant, 1), );
	SWEEP(ring_of_new_file(self->p.t.tenant, 2000), );
	EXPECT_BASE();
	EXPECT_GT(self->p.injected, 30);
}

static struct kvpool_completion results[16];

static int submit_results(int fd, __u64 timeout)
{
	struct kvpool_op ops[16];
	int i, ret;

	memset(results, 0, sizeof(results));
	for (i = 0; i < 16; i++) {
		ops[i] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, i, i);
		ops[i].timeout_ns = timeout;
	}
	ret = kv_submit_wait(fd, ops, 16, results);
	/* A call that fails has ended the handles that it wrote. */
	if (ret)
		memset(results, 0, sizeof(results));
	for (i = 0; !ret && i < 16; i++)
		if (results[i].status && results[i].status != -ETIMEDOUT)
			ret = results[i].status;
	return ret;
}

static void end_results(int fd)
{
	int i;

	for (i = 0; i < 16; i++)
		if (results[i].handle)
			kv_release(fd, results[i].handle);
}

/* Eight blocks are sealed, and eight are pending. */
TEST_F(fail, submit_with_results)
{
	struct kv_block pending;
	int i, fd = self->p.t.fd;

	for (i = 0; i < 16; i++) {
		if (i < 8) {
			ASSERT_EQ(0, kv_produce_blank(fd, i, 4096));
		} else {
			ASSERT_EQ(0, kv_reserve(fd, &pending, i, 4096));
		}
	}
	ASSERT_EQ(0, kv_stats(fd, &self->base));
	SWEEP(submit_results(fd, 1), end_results(fd); EXPECT_BASE());
	EXPECT_GT(self->p.injected, 10);
}

static int submit_ring(int fd)
{
	struct kvpool_op ops[16];
	int i, ret;

	for (i = 0; i < 16; i++)
		ops[i] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, i, i);
	ret = kv_submit(fd, ops, 16);
	return ret == 16 ? 0 : ret < 0 ? ret : -EPROTO;
}

/* Operations that were begun complete, even if the call failed. */
static int drain_ring(int fd, struct kv_ring *r)
{
	struct kvpool_completion c;
	int ret = 0;

	if (kv_cancel(fd, KVPOOL_CANCEL_ALL, 0) < 0)
		return -EPROTO;
	while (kv_ring_reap(r, &c)) {
		if (!c.status)
			kv_release(fd, c.handle);
		else if (c.status != -ENOMEM && c.status != -ECANCELED)
			ret = c.status;
	}
	return ret;
}

TEST_F(fail, submit_to_ring)
{
	struct kv_block pending;
	struct kv_ring r = {};
	int i, fd = self->p.t.fd;

	for (i = 0; i < 16; i++) {
		if (i < 8) {
			ASSERT_EQ(0, kv_produce_blank(fd, i, 4096));
		} else {
			ASSERT_EQ(0, kv_reserve(fd, &pending, i, 4096));
		}
	}
	ASSERT_EQ(0, kv_ring_open(fd, &r, 16));
	ASSERT_EQ(0, kv_stats(fd, &self->base));
	SWEEP(submit_ring(fd),
	      EXPECT_EQ(0, drain_ring(fd, &r)); EXPECT_BASE());
	kv_ring_close(&r);
	EXPECT_GT(self->p.injected, 10);
}

static int reserve_by_op(int fd)
{
	struct kvpool_op op = kv_op_reserve(1, 3 * KV_CHUNK, 1);
	int ret;

	memset(results, 0, sizeof(results));
	ret = kv_do(fd, &op, &results[0]);
	return ret == -ENOSPC ? -ENOMEM : ret;
}

TEST_F(fail, reserve_by_op)
{
	int fd = self->p.t.fd;

	SWEEP(reserve_by_op(fd),
	      if (results[0].handle) kv_abort(fd, results[0].handle);
	      EXPECT_BASE();
	      shrink());
	EXPECT_GT(self->p.injected, 4);
}

static int seal_by_op(int fd, __u64 handle)
{
	struct kvpool_op op = kv_op_seal(handle, 0, 1);

	return kv_do(fd, &op, NULL);
}

TEST_F(fail, seal_by_op)
{
	struct kv_block b;
	int fd = self->p.t.fd;

	ASSERT_EQ(0, kv_reserve(fd, &b, 1, 65536));
	SWEEP(seal_by_op(fd, b.handle),
	      if (hit && !kv_exists(fd, 1)) {
		      kv_remove(fd, 1);
		      kv_reserve(fd, &b, 1, 65536);
	      });
	EXPECT_EQ(0, kv_exists(fd, 1));
	EXPECT_EQ(0, kv_remove(fd, 1));
	EXPECT_BASE();
}

/* A ring with an operation in flight begins and ends. */
static int ring_begin_and_end(int fd)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, 1, 7);
	struct kv_ring r = {};
	int ret, end;

	ret = kv_ring_open(fd, &r, 2000);
	if (!r.setup.ring)
		return ret;
	if (!ret)
		ret = kv_submit_ring(fd, r.setup.ring, &op, 1) < 0 ?
		      -ENOMEM : 0;
	/* The end may fail too, before or after the ring has ended. */
	end = kv_ring_end(fd, r.setup.ring);
	if (end < 0)
		kv_ring_end(fd, r.setup.ring);
	kv_ring_close(&r);
	if (end < 0 && !ret)
		ret = end;
	return ret == -EAGAIN ? -ENOMEM : ret;
}

TEST_F(fail, ring_end)
{
	struct kv_block pending;
	int fd = self->p.t.fd;

	ASSERT_EQ(0, kv_reserve(fd, &pending, 1, 4096));
	ASSERT_EQ(0, kv_stats(fd, &self->base));
	SWEEP(ring_begin_and_end(fd), EXPECT_BASE());
	EXPECT_GT(self->p.injected, 10);
}

static int cancel_one(int fd)
{
	int ret = kv_cancel(fd, KVPOOL_CANCEL_USER_DATA, 7);

	return ret < 0 ? ret : 0;
}

TEST_F(fail, cancel)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, 1, 7);
	struct kvpool_completion c;
	struct kv_block pending;
	struct kv_ring r = {};
	int fd = self->p.t.fd;

	ASSERT_EQ(0, kv_reserve(fd, &pending, 1, 4096));
	ASSERT_EQ(0, kv_ring_open(fd, &r, 4));
	ASSERT_EQ(1, kv_submit(fd, &op, 1));
	ASSERT_EQ(0, kv_stats(fd, &self->base));
	SWEEP(cancel_one(fd),
	      if (kv_ring_reap(&r, &c)) kv_submit(fd, &op, 1));
	EXPECT_EQ(1, kv_cancel(fd, KVPOOL_CANCEL_ALL, 0));
	kv_ring_close(&r);
	EXPECT_BASE();
}

/* Leaves an operation in flight. */
static int wait_in_ring(int fd, __u64 number)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, number, 1);
	struct kvpool_ring_setup setup;
	int ret = kv_ring_setup(fd, &setup, 8, -1);

	if (!ret)
		ret = kv_submit(fd, &op, 1);
	return ret < 0 ? ret : 0;
}

static int whole_file(const char *tenant)
{
	struct kv_block b, lease;
	int ret, fd = kv_open(tenant, O_RDWR);

	if (fd < 0)
		return fd;
	ret = kv_reserve(fd, &b, 1, 3 * KV_CHUNK);
	if (!ret)
		ret = kv_seal(fd, b.handle);
	if (!ret)
		ret = kv_lease(fd, &lease, 1);
	if (!ret)
		ret = kv_reserve(fd, &b, 2, 65536);
	if (!ret)
		ret = wait_in_ring(fd, 2);
	/* The end of the file works without memory. */
	close(fd);
	return ret == -ENOSPC ? -ENOMEM : ret;
}

TEST_F(fail, whole_file)
{
	SWEEP(whole_file(self->p.t.tenant),
	      kv_remove(self->p.t.fd, 1); EXPECT_BASE(); shrink());
	EXPECT_GT(self->p.injected, 10);
}

TEST_F(fail, tenants)
{
	char name[KVPOOL_NAME_SIZE];

	snprintf(name, sizeof(name), "nth%d", getpid());
	SWEEP(kv_tenant_add(name),
	      if (!ret) EXPECT_EQ(0, kv_sys_write("tenants/del", name)));
	EXPECT_EQ(-ENOENT, kv_sys_write("tenants/del", name));
	ASSERT_EQ(0, kv_tenant_add(name));
	SWEEP(kv_sys_write("tenants/del", name),
	      if (hit && !ret) kv_tenant_add(name));
}

TEST_F(fail, knobs)
{
	SWEEP(kv_sys_write("policy", "sieve"), );
	SWEEP(kv_sys_write("policy", "lru"), );
	SWEEP(kv_sys_set("tiers/dram0/limit_bytes", KV_LIMIT), );
	SWEEP(kv_tenant_drop(self->p.t.tenant), );
	EXPECT_BASE();
}

TEST_HARNESS_MAIN
