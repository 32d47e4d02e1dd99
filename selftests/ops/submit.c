// SPDX-License-Identifier: GPL-2.0
/*
 * submit: what each operation does, waits for pending keys and all their ends,
 * deadlines, cancellation, and results that a call waits for.
 */
#include "kvpool_async.h"

#define FOREVER		(~0ULL)
#define KEY_SEALED	1
#define KEY_PENDING	2
#define KEY_NONE	3

FIXTURE(submit) {
	struct kv_bench t;
	struct kv_block pending;
	struct kv_ring r;
	struct kvpool_stats base;
	int fd;
};

FIXTURE_SETUP(submit)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, KEY_SEALED, 70001));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &self->pending, KEY_PENDING, 4097));
	kv_fill(self->t.map, &self->pending);
	memset(&self->r, 0, sizeof(self->r));
	self->fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 64));
	ASSERT_EQ(0, kv_stats(self->fd, &self->base));
}

FIXTURE_TEARDOWN(submit)
{
	kv_ring_close(&self->r);
	close(self->fd);
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

TEST_F(submit, probe)
{
	struct kvpool_completion c;
	struct kvpool_op op = kv_op(KVPOOL_OP_PROBE, 0, KEY_SEALED, 1);

	EXPECT_EQ(0, kv_do(self->fd, &op, &c));
	EXPECT_EQ(70001, c.length);
	EXPECT_EQ(KVPOOL_ROUTE_LOCAL, c.route);
	EXPECT_EQ(0, c.handle);
	op = kv_op(KVPOOL_OP_PROBE, 0, KEY_PENDING, 2);
	EXPECT_EQ(-EINPROGRESS, kv_do(self->fd, &op, &c));
	EXPECT_EQ(0, c.length);
	op = kv_op(KVPOOL_OP_PROBE, 0, KEY_NONE, 3);
	EXPECT_EQ(-ENOENT, kv_do(self->fd, &op, &c));
	EXPECT_EQ(KVPOOL_ROUTE_NONE, c.route);
}

TEST_F(submit, lease_and_release)
{
	struct kvpool_op ops[4] = {
		kv_op(KVPOOL_OP_LEASE, 0, KEY_SEALED, 1),
		kv_op(KVPOOL_OP_LEASE, 0, KEY_NONE, 2),
		kv_op(KVPOOL_OP_LEASE, 0, KEY_PENDING, 3),
		kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_SEALED, 4),
	};
	struct kvpool_completion c[4];
	struct kvpool_stats st;
	struct kv_block b;
	int i;

	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 4, c));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(i + 1, c[i].user_data);
	EXPECT_EQ(0, c[0].status);
	EXPECT_EQ(-ENOENT, c[1].status);
	EXPECT_EQ(-EINPROGRESS, c[2].status);
	EXPECT_EQ(0, c[3].status);
	EXPECT_NE(c[0].handle, c[3].handle);
	EXPECT_EQ(0, c[1].handle);
	EXPECT_EQ(KVPOOL_ROUTE_LOCAL, c[0].route);
	for (i = 0; i < 4; i += 3) {
		ASSERT_EQ(0, kv_block_of(self->fd, KEY_SEALED, &c[i], &b));
		EXPECT_EQ(70001, b.length);
		EXPECT_EQ(0, kv_check(self->t.map, &b));
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(2, st.leases);
	EXPECT_EQ(self->base.lookups + 4, st.lookups);
	EXPECT_EQ(self->base.hits + 2, st.hits);
	EXPECT_EQ(self->base.consumed_bytes + 2 * 70001, st.consumed_bytes);

	/* The ioctls and the operations share leases. */
	EXPECT_EQ(0, kv_release(self->fd, c[0].handle));
	ops[0] = kv_op_release(c[0].handle, 9);
	EXPECT_EQ(-ENOENT, kv_do(self->fd, &ops[0], NULL));
	ops[0] = kv_op_release(c[3].handle, 9);
	EXPECT_EQ(0, kv_do(self->fd, &ops[0], NULL));
	EXPECT_EQ(-ENOENT, kv_do(self->fd, &ops[0], NULL));
	ASSERT_EQ(0, kv_lease(self->fd, &b, KEY_SEALED));
	ops[0] = kv_op_release(b.handle, 9);
	EXPECT_EQ(0, kv_do(self->fd, &ops[0], NULL));
	/* A reservation is no lease. */
	ops[0] = kv_op_release(self->pending.handle, 9);
	EXPECT_EQ(-ENOENT, kv_do(self->t.fd, &ops[0], NULL));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.leases);
}

/* Operations of one call are done in their order. */
TEST_F(submit, order)
{
	struct kvpool_completion c[2];
	struct kvpool_op ops[2];

	ops[0] = kv_op(KVPOOL_OP_LEASE, 0, KEY_SEALED, 1);
	ASSERT_EQ(0, kv_do(self->fd, &ops[0], &c[0]));
	ops[0] = kv_op_release(c[0].handle, 1);
	ops[1] = kv_op_release(c[0].handle, 2);
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 2, c));
	EXPECT_EQ(0, c[0].status);
	EXPECT_EQ(-ENOENT, c[1].status);
}

/* RELEASEs of one call in prefix order: the tail is evicted before the head. */
TEST_F(submit, release_in_prefix_order)
{
	struct kvpool_completion c[40];
	struct kvpool_op ops[40];
	unsigned int i;

	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   2 * KV_CHUNK));
	for (i = 0; i < 40; i++)
		ASSERT_EQ(0, kv_produce_blank(self->fd, 100 + i, 32768));
	for (i = 0; i < 40; i++)
		ops[i] = kv_op(KVPOOL_OP_LEASE, 0, 100 + i, i);
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 40, c));
	for (i = 0; i < 40; i++)
		ops[i] = kv_op_release(c[i].handle, i);
	ASSERT_EQ(0, kv_submit_wait(self->fd, ops, 40, c));
	for (i = 0; i < 40; i++)
		ASSERT_EQ(0, c[i].status);
	/* A chunk is free; later blocks evict. */
	for (i = 0; !kv_exists(self->fd, 139); i++)
		ASSERT_EQ(0, kv_produce_blank(self->fd, 1000 + i, 65536));
	EXPECT_EQ(0, kv_exists(self->fd, 100));
	EXPECT_EQ(0, kv_exists(self->fd, 120));
}

TEST_F(submit, wait_sealed)
{
	struct kvpool_completion c;
	struct kvpool_op ops[8];
	struct kv_block b;
	int i;

	for (i = 0; i < 8; i++)
		ops[i] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_PENDING, i);
	ASSERT_EQ(8, kv_submit(self->fd, ops, 8));
	EXPECT_EQ(0, kv_ring_ready(&self->r));
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
		EXPECT_EQ(0, c.status);
		EXPECT_EQ(4097, c.length);
		ASSERT_EQ(0, kv_block_of(self->fd, KEY_PENDING, &c, &b));
		EXPECT_EQ(0, kv_check(self->t.map, &b));
		EXPECT_EQ(0, kv_release(self->fd, c.handle));
	}
}

/* Many operations wait for a key while other keys are settled, and then go on. */
TEST_F(submit, wait_many)
{
	enum { N = 1000 };
	struct kvpool_op *ops = calloc(N, sizeof(*ops)), other;
	struct kvpool_completion c;
	struct kv_ring r = {};
	struct kv_block b;
	int i;

	ASSERT_NE(NULL, ops);
	ASSERT_EQ(0, kv_ring_open(self->fd, &r, 1024));
	for (i = 0; i < N; i++)
		ops[i] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_PENDING, i);
	ASSERT_EQ(N, kv_submit_ring(self->fd, r.setup.ring, ops, N));
	for (i = 0; i < 100; i++) {
		other = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_NONE, i);
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b, KEY_NONE, 4096));
		ASSERT_EQ(1, kv_submit(self->fd, &other, 1));
		ASSERT_EQ(0, kv_abort(self->t.fd, b.handle));
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
		EXPECT_EQ(-ENOENT, c.status);
	}
	EXPECT_EQ(0, kv_ring_ready(&r));
	/* Some are cancelled while the others are woken. */
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	for (i = 0; i < N; i += 10)
		ASSERT_GE(kv_cancel_ring(self->fd, r.setup.ring,
					 KVPOOL_CANCEL_USER_DATA, N - 1 - i), 0);
	for (i = 0; i < N; i++) {
		ASSERT_EQ(0, kv_ring_wait(self->fd, &r, &c));
		ASSERT_TRUE(!c.status || c.status == -ECANCELED);
		if (!c.status)
			ASSERT_EQ(0, kv_release(self->fd, c.handle));
	}
	kv_ring_close(&r);
	free(ops);
}

TEST_F(submit, wait_aborted)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
				    KEY_PENDING, 1);
	struct kvpool_completion c;

	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	ASSERT_EQ(0, kv_abort(self->t.fd, self->pending.handle));
	ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
	EXPECT_EQ(-ENOENT, c.status);
	EXPECT_EQ(0, c.handle);
}

TEST_F(submit, wait_owner_gone)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
				    KEY_PENDING, 1);
	struct kvpool_completion c;

	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	kv_bench_close(&self->t);
	ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
	EXPECT_EQ(-ENOENT, c.status);
}

/* The owner of a reservation waits for its own key. */
TEST_F(submit, wait_for_own)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
				    KEY_PENDING, 1);
	struct kvpool_completion c;
	struct kv_ring r = {};

	ASSERT_EQ(0, kv_ring_open(self->t.fd, &r, 4));
	ASSERT_EQ(1, kv_submit(self->t.fd, &op, 1));
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	ASSERT_EQ(0, kv_ring_wait(self->t.fd, &r, &c));
	EXPECT_EQ(0, c.status);
	EXPECT_EQ(0, kv_release(self->t.fd, c.handle));
	kv_ring_close(&r);
}

/* A waiter outlives the owner's pre-emption and gets the second block. */
TEST_F(submit, wait_preempted)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
				    KEY_PENDING, 1);
	struct kvpool_completion c;
	struct kv_block again;
	int ret;

	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	do {
		ret = kv_reserve(self->fd, &again, KEY_PENDING, 8192);
	} while (ret == -EBUSY);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 600000));
	kv_fill(self->t.map, &again);
	EXPECT_EQ(0, kv_ring_ready(&self->r));
	ASSERT_EQ(0, kv_seal(self->fd, again.handle));
	ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
	EXPECT_EQ(0, c.status);
	EXPECT_EQ(8192, c.length);
	EXPECT_EQ(-ESTALE, kv_seal(self->t.fd, self->pending.handle));
}

TEST_F(submit, deadline)
{
	const __u64 timeouts[] = { 1, 1000000, 20000000 };
	struct kvpool_completion c;
	struct kvpool_stats st;
	struct kvpool_op op;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_PENDING, i);
		op.timeout_ns = timeouts[i];
		ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
		EXPECT_EQ(-ETIMEDOUT, c.status);
		EXPECT_EQ(i, c.user_data);
		EXPECT_EQ(-ETIMEDOUT, kv_do(self->fd, &op, NULL));
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(self->base.timedout_ops + 2 * i, st.timedout_ops);
	EXPECT_EQ(0, st.leases);
	EXPECT_EQ(0, st.cancelled_ops);
}

/* At any point of a tick. */
TEST_F(submit, not_before_its_time)
{
	struct kvpool_completion c;
	struct kvpool_op op;
	__u64 begun;
	int i;

	for (i = 0; i < 40; i++) {
		op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_PENDING, i);
		op.timeout_ns = i % 2 ? 3900000 : 8000000;
		kv_spin(i * 100000);
		begun = kv_clock();
		ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
		EXPECT_EQ(-ETIMEDOUT, c.status);
		EXPECT_LE(begun + op.timeout_ns, kv_clock());
	}
}

/* The longest timeouts do not overflow into short ones. */
TEST_F(submit, endless_deadlines)
{
	const __u64 timeouts[] = {
		FOREVER, FOREVER - 1, 1ULL << 63, (1ULL << 63) - 1,
		10000000000ULL * KV_SEC, 86400 * KV_SEC,
	};
	const int n = ARRAY_SIZE(timeouts);
	struct kvpool_completion c;
	struct kvpool_op op;
	int i;

	for (i = 0; i < n; i++) {
		op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_PENDING, i);
		op.timeout_ns = timeouts[i];
		ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	}
	/* One operation whose deadline comes, to give the others time. */
	op.timeout_ns = 30000000;
	EXPECT_EQ(-ETIMEDOUT, kv_do(self->fd, &op, NULL));
	EXPECT_EQ(0, kv_ring_ready(&self->r));
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
		EXPECT_EQ(0, c.status) TH_LOG("timeout %llu", c.user_data);
	}
}

TEST_F(submit, cancel)
{
	struct kvpool_completion c;
	struct kvpool_stats st;
	struct kvpool_op ops[12];
	int i, seen = 0;

	for (i = 0; i < 12; i++) {
		ops[i] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_PENDING, i);
		ops[i].tag = i % 3;
		ops[i].timeout_ns = i % 2 ? FOREVER : 0;
	}
	ASSERT_EQ(12, kv_submit(self->fd, ops, 12));
	EXPECT_EQ(0, kv_cancel(self->fd, KVPOOL_CANCEL_USER_DATA, 12));
	EXPECT_EQ(0, kv_cancel(self->fd, KVPOOL_CANCEL_TAG, 3));
	EXPECT_EQ(0, kv_ring_ready(&self->r));

	/* When cancel returns the completions are there. */
	EXPECT_EQ(1, kv_cancel(self->fd, KVPOOL_CANCEL_USER_DATA, 4));
	ASSERT_EQ(1, kv_ring_ready(&self->r));
	ASSERT_TRUE(kv_ring_reap(&self->r, &c));
	EXPECT_EQ(4, c.user_data);
	EXPECT_EQ(-ECANCELED, c.status);
	EXPECT_EQ(0, kv_cancel(self->fd, KVPOOL_CANCEL_USER_DATA, 4));

	EXPECT_EQ(4, kv_cancel(self->fd, KVPOOL_CANCEL_TAG, 2));
	ASSERT_EQ(4, kv_ring_ready(&self->r));
	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(kv_ring_reap(&self->r, &c));
		EXPECT_EQ(2, c.user_data % 3);
		seen |= 1 << c.user_data;
	}
	EXPECT_EQ(1 << 2 | 1 << 5 | 1 << 8 | 1 << 11, seen);

	/* Operations of another file do not match. */
	EXPECT_EQ(0, kv_cancel(self->t.fd, KVPOOL_CANCEL_ALL, 0));
	EXPECT_EQ(7, kv_cancel(self->fd, KVPOOL_CANCEL_ALL |
			       KVPOOL_CANCEL_NOWAIT, 0));
	for (i = 0; i < 7; i++) {
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
		EXPECT_EQ(-ECANCELED, c.status);
	}
	EXPECT_EQ(0, kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(self->base.cancelled_ops + 12, st.cancelled_ops);
	EXPECT_EQ(0, st.leases);
	EXPECT_EQ(1, st.pending);
}

struct waiter {
	int fd;
	__u32 flags;
	struct kvpool_op ops[4];
	struct kvpool_completion c[4];
	volatile pid_t tid;
	volatile int result;
	pthread_t thread;
};

static void *wait_thread(void *data)
{
	struct waiter *w = data;

	w->tid = kv_gettid();
	w->result = kv_submit_flags(w->fd, w->flags, w->ops, 4, w->c);
	return NULL;
}

/* A thread in SUBMIT with results: two operations wait, two do not. */
static int waiter_start_flags(struct waiter *w, int fd, __u32 flags)
{
	int i;

	memset(w, 0, sizeof(*w));
	w->fd = fd;
	w->flags = flags;
	w->result = 1;
	for (i = 0; i < 4; i++)
		w->ops[i] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
				  i & 1 ? KEY_PENDING : KEY_SEALED, i);
	w->ops[2] = kv_op_nop(2);
	if (pthread_create(&w->thread, NULL, wait_thread, w))
		return -EAGAIN;
	kv_wait_until(w->tid && kv_task_sleeps(w->tid));
	return 0;
}

static int waiter_start(struct waiter *w, int fd)
{
	return waiter_start_flags(w, fd, 0);
}

TEST_F(submit, results)
{
	struct waiter w[2];
	int i, k;

	/* Without a ring, and on a file for reading. */
	int ro = kv_open(self->t.tenant, O_RDONLY);

	ASSERT_GE(ro, 0);
	ASSERT_EQ(0, waiter_start(&w[0], ro));
	ASSERT_EQ(0, waiter_start(&w[1], self->fd));
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	for (k = 0; k < 2; k++) {
		pthread_join(w[k].thread, NULL);
		EXPECT_EQ(0, w[k].result);
		for (i = 0; i < 4; i++) {
			EXPECT_EQ(i, w[k].c[i].user_data);
			EXPECT_EQ(0, w[k].c[i].status);
			if (i != 2)
				EXPECT_EQ(0, kv_release(w[k].fd,
							w[k].c[i].handle));
		}
	}
	/* None of these completions went to the ring. */
	EXPECT_EQ(0, kv_ring_ready(&self->r));
	close(ro);
}

/* Another thread cancels operations that a call waits for. */
TEST_F(submit, results_cancelled)
{
	struct waiter w;

	ASSERT_EQ(0, waiter_start(&w, self->fd));
	EXPECT_EQ(1, kv_cancel(self->fd, KVPOOL_CANCEL_USER_DATA, 1));
	EXPECT_EQ(1, w.result);
	EXPECT_EQ(1, kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0));
	pthread_join(w.thread, NULL);
	EXPECT_EQ(0, w.result);
	EXPECT_EQ(0, w.c[0].status);
	EXPECT_EQ(-ECANCELED, w.c[1].status);
	EXPECT_EQ(0, w.c[2].status);
	EXPECT_EQ(-ECANCELED, w.c[3].status);
}

/* The timer of a profiler does not end a wait. */
TEST_F(submit, results_signal_timer)
{
	const int flags[] = { 0, SA_RESTART };
	struct waiter w;
	unsigned int f;
	int i;

	for (f = 0; f < ARRAY_SIZE(flags); f++) {
		ASSERT_EQ(0, waiter_start(&w, self->fd));
		ASSERT_EQ(0, kv_alarms_begin(flags[f]));
		kv_wait_until(w.result != 1 || kv_task_signalled(w.tid));
		kv_wait_until(w.result != 1 || kv_task_sleeps(w.tid));
		ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
		pthread_join(w.thread, NULL);
		kv_alarms_end();
		EXPECT_EQ(0, w.result);
		for (i = 0; i < 4; i++)
			EXPECT_EQ(0, w.c[i].status);
		ASSERT_EQ(0, kv_remove(self->t.fd, KEY_PENDING));
		ASSERT_EQ(0, kv_reserve(self->t.fd, &self->pending, KEY_PENDING,
					4097));
	}
}

/* A caller that asked for it. */
TEST_F(submit, results_signal)
{
	const int flags[] = { 0, SA_RESTART };
	struct kvpool_stats st;
	struct waiter w;
	unsigned int f;

	for (f = 0; f < ARRAY_SIZE(flags); f++) {
		struct sigaction sa = {
			.sa_handler = kv_signal_ignore, .sa_flags = flags[f],
		};

		ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
		ASSERT_EQ(0, waiter_start_flags(&w, self->fd,
						KVPOOL_SUBMIT_INTERRUPTIBLE));
		pthread_kill(w.thread, SIGUSR1);
		pthread_join(w.thread, NULL);
		EXPECT_EQ(0, w.result);
		EXPECT_EQ(0, w.c[0].status);
		EXPECT_EQ(-EINTR, w.c[1].status);
		EXPECT_EQ(0, w.c[2].status);
		EXPECT_EQ(-EINTR, w.c[3].status);
		EXPECT_EQ(0, kv_release(self->fd, w.c[0].handle));
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.leases);
	EXPECT_EQ(self->base.cancelled_ops + 4, st.cancelled_ops);
}

/* A task that waits without a limit can be killed. */
TEST_F(submit, results_killed)
{
	struct kvpool_stats st;
	pid_t pid;

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int fd = kv_open(self->t.tenant, O_RDONLY);
		struct waiter w;

		waiter_start(&w, fd);
		wait_thread(&w);
		_exit(1);
	}
	do {
		ASSERT_EQ(0, kv_stats(self->fd, &st));
	} while (st.leases != 2);
	kv_wait_until(kv_task_sleeps(pid));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, kv_reap(pid));
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.leases);
}

/* Results that cannot be written: the leases are given back. */
TEST_F(submit, results_nowhere)
{
	struct kvpool_op ops[2] = {
		kv_op(KVPOOL_OP_LEASE, 0, KEY_SEALED, 1),
		kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_SEALED, 1),
	};
	struct kvpool_stats st;
	void *page;

	page = mmap(NULL, KV_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	ASSERT_NE(MAP_FAILED, page);
	EXPECT_EQ(-EFAULT, kv_submit_wait(self->fd, ops, 2, page));
	EXPECT_EQ(-EFAULT, kv_submit_wait(self->fd, ops, 2, (void *)8));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.leases);
	munmap(page, KV_PAGE);
}

TEST_F(submit, handles_limit)
{
	struct kvpool_op ops[6];
	struct kvpool_completion c[6];
	struct kvpool_stats st;
	int i;

	ASSERT_EQ(0, kv_sys_set("max_handles", 4));
	for (i = 0; i < 6; i++)
		ops[i] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
			       i & 1 ? KEY_PENDING : KEY_SEALED, i);
	ops[5] = kv_op_nop(5);
	EXPECT_EQ(0, kv_submit_wait(self->fd, ops, 6, c));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(-EMFILE, c[i].status);
	EXPECT_EQ(0, c[5].status);
	/* Operations in flight count, and operations that failed do not. */
	EXPECT_EQ(4, kv_submit(self->fd, ops, 4));
	EXPECT_EQ(-EMFILE, kv_do(self->fd, &ops[0], NULL));
	EXPECT_EQ(2, kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0));
	ASSERT_EQ(0, kv_do(self->fd, &ops[0], &c[0]));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(3, st.leases);
	EXPECT_EQ(0, kv_sys_set("max_handles", 1 << 20));
}

/* Without a mover no peer can be asked, and local blocks are served. */
TEST_F(submit, no_fabric)
{
	struct kvpool_info info;
	struct kvpool_completion c;
	struct kvpool_op op;

	ASSERT_EQ(0, kv_info(self->fd, &info));
	if (info.features & KVPOOL_FEATURE_FABRIC)
		SKIP(return, "a fabric is loaded");
	op = kv_op(KVPOOL_OP_PROBE, KVPOOL_OP_REMOTE, KEY_NONE, 1);
	EXPECT_EQ(-EOPNOTSUPP, kv_do(self->fd, &op, &c));
	op = kv_op(KVPOOL_OP_PROBE, KVPOOL_OP_REMOTE, KEY_SEALED, 1);
	EXPECT_EQ(0, kv_do(self->fd, &op, &c));
	EXPECT_EQ(70001, c.length);
	op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_REMOTE, KEY_NONE, 1);
	op.length = 4096;
	op.node = KVPOOL_NODE_ANY;
	EXPECT_EQ(-EOPNOTSUPP, kv_do(self->fd, &op, &c));
	op.flags |= KVPOOL_OP_TRANSIENT;
	op.peer = 5;
	EXPECT_EQ(-EOPNOTSUPP, kv_do(self->fd, &op, &c));
	kv_key(&op.key, KEY_SEALED);
	EXPECT_EQ(-EMSGSIZE, kv_do(self->fd, &op, &c));
	EXPECT_EQ(70001, c.length);
	op.length = 70001;
	EXPECT_EQ(0, kv_do(self->fd, &op, &c));
	EXPECT_EQ(70001, c.length);
	EXPECT_EQ(0, kv_release(self->fd, c.handle));
	/* A pending key that is aborted. */
	kv_key(&op.key, KEY_PENDING);
	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	EXPECT_EQ(0, kv_ring_ready(&self->r));
	ASSERT_EQ(0, kv_abort(self->t.fd, self->pending.handle));
	ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
	EXPECT_EQ(-EOPNOTSUPP, c.status);
	op = kv_op(KVPOOL_OP_PUSH, 0, KEY_SEALED, 1);
	op.peer = 1;
	EXPECT_EQ(-EOPNOTSUPP, kv_do(self->fd, &op, &c));
}

/* debugfs shows the operations in flight, with tenant and process. */
TEST_F(submit, shown)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
				    KEY_PENDING, 1);
	char text[65536], mine[64];
	char *line;

	if (access(KV_DEBUGFS "/operations", R_OK))
		SKIP(return, "debugfs is not mounted");
	snprintf(mine, sizeof(mine), "%s %d ", self->t.tenant, getpid());
	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	ASSERT_EQ(0, kv_read_file(KV_DEBUGFS "/operations", text,
				  sizeof(text)));
	EXPECT_EQ(0, strncmp(text, "# tenant pid op opcode key state peer ",
			     38));
	line = strstr(text, mine);
	ASSERT_NE(NULL, line);
	EXPECT_NE(NULL, strstr(line, " lease "));
	EXPECT_NE(NULL, strstr(line, " waits 0 0 0 "));
	EXPECT_EQ(1, kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0));
	ASSERT_EQ(0, kv_read_file(KV_DEBUGFS "/operations", text,
				  sizeof(text)));
	EXPECT_EQ(NULL, strstr(text, mine));
}

/* An operation that may ask a peer has a deadline by default. */
TEST_F(submit, default_deadline)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_REMOTE,
				    KEY_PENDING, 1);

	op.length = 4096;
	op.node = KVPOOL_NODE_ANY;
	ASSERT_EQ(0, kv_sys_set("remote_timeout_ms", 20));
	EXPECT_EQ(-ETIMEDOUT, kv_do(self->fd, &op, NULL));
	ASSERT_EQ(0, kv_sys_set("remote_timeout_ms", 10000));
}

/*
 * A seal, a deadline, and two cancels at the same moment: one completion, and a
 * lease if and only if its status is zero.
 */
struct racer {
	int fd;
	__u64 handle;
	pthread_barrier_t *barrier;
	volatile bool *stop;
	int how, error;
};

static void *race_thread(void *data)
{
	struct racer *r = data;

	for (;;) {
		pthread_barrier_wait(r->barrier);
		if (*r->stop)
			return NULL;
		if (r->how < 2 && kv_cancel(r->fd, r->how ?
					    KVPOOL_CANCEL_TAG :
					    KVPOOL_CANCEL_ALL |
					    KVPOOL_CANCEL_NOWAIT,
					    r->how ? 7 : 0) < 0)
			r->error = -EPROTO;
		pthread_barrier_wait(r->barrier);
	}
}

TEST_F(submit, races)
{
	unsigned long rounds = kv_rounds("KV_SUBMIT_RACES", 3000, 300), n;
	unsigned long won[3] = {};
	volatile bool stop = false;
	pthread_barrier_t barrier;
	struct kvpool_completion c;
	struct kvpool_stats st;
	struct racer r[2];
	pthread_t threads[2];
	struct kvpool_op op;
	struct kv_block b;
	int i;

	pthread_barrier_init(&barrier, NULL, 3);
	for (i = 0; i < 2; i++) {
		r[i] = (struct racer){
			.fd = self->fd, .barrier = &barrier, .stop = &stop,
			.how = i,
		};
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race_thread,
					    &r[i]));
	}
	for (n = 0; n < rounds; n++) {
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 1000 + n, 4096));
		op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, 1000 + n, n);
		op.tag = 7;
		op.timeout_ns = n % 3 ? 0 : 1;
		ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
		pthread_barrier_wait(&barrier);
		ASSERT_EQ(0, n & 1 ? kv_seal(self->t.fd, b.handle) :
				     kv_abort(self->t.fd, b.handle));
		pthread_barrier_wait(&barrier);
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
		ASSERT_EQ(n, c.user_data);
		ASSERT_FALSE(kv_ring_reap(&self->r, &c));
		if (!c.status) {
			won[0]++;
			ASSERT_EQ(0, kv_release(self->fd, c.handle));
		} else {
			won[c.status == -ENOENT ? 1 : 2]++;
			ASSERT_TRUE(c.status == -ECANCELED ||
				    c.status == -ETIMEDOUT ||
				    (!(n & 1) && c.status == -ENOENT))
				TH_LOG("%lu: %d", n, c.status);
			ASSERT_EQ(0, c.handle);
		}
		if (n & 1)
			ASSERT_EQ(0, kv_remove(self->t.fd, 1000 + n));
	}
	stop = true;
	pthread_barrier_wait(&barrier);
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, r[i].error);
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.leases);
	TH_LOG("leased %lu, gone %lu, ended early %lu", won[0], won[1], won[2]);
}

TEST_HARNESS_MAIN
