// SPDX-License-Identifier: GPL-2.0
/*
 * uring: operations as commands of io_uring, with the system calls themselves:
 * immediate and later completion, cancellation, timeouts, results that cannot
 * be written, and rings and processes that end with commands in flight.
 */
#include "kvpool_uring.h"

#define KEY_SEALED	1
#define KEY_PENDING	2

FIXTURE(uring) {
	struct kv_bench t;
	struct kv_block pending;
	struct kvpool_completion c;
	struct uring u;
	int fd;
};

FIXTURE_SETUP(uring)
{
	struct kvpool_info info;
	int ret;

	ret = uring_open(&self->u);
	if (ret == -ENOSYS || ret == -EPERM)
		SKIP(return, "io_uring is disabled");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, KEY_SEALED, 70001));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &self->pending, KEY_PENDING, 4096));
	self->fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, kv_info(self->fd, &info));
	ASSERT_TRUE(info.features & KVPOOL_FEATURE_URING);
	memset(&self->c, 0x5a, sizeof(self->c));
}

FIXTURE_TEARDOWN(uring)
{
	if (self->fd >= 0)
		close(self->fd);
	uring_close(&self->u);
	ASSERT_EQ(0, kv_sys_set("remote_timeout_ms", 10000));
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

static bool no_leases(int fd)
{
	struct kvpool_stats st;

	return !kv_stats(fd, &st) && !st.leases;
}

TEST_F(uring, immediate)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_PROBE, 0, KEY_SEALED, 1);
	struct kvpool_completion *c = &self->c;
	struct kv_block b;
	int res;

	ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op, c));
	EXPECT_EQ(1, uring_wait(&self->u, &res));
	EXPECT_EQ(0, res);
	EXPECT_EQ(0, c->status);
	EXPECT_EQ(1, c->user_data);
	EXPECT_EQ(70001, c->length);

	op = kv_op(KVPOOL_OP_LEASE, 0, KEY_SEALED, 2);
	ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op, c));
	EXPECT_EQ(2, uring_wait(&self->u, &res));
	EXPECT_EQ(0, res);
	ASSERT_EQ(0, kv_block_of(self->fd, KEY_SEALED, c, &b));
	EXPECT_EQ(0, kv_check(self->t.map, &b));
	op = kv_op_release(c->handle, 3);
	ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op, c));
	EXPECT_EQ(3, uring_wait(&self->u, &res));
	EXPECT_EQ(0, res);

	op = kv_op(KVPOOL_OP_LEASE, 0, 77, 4);
	ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op, c));
	EXPECT_EQ(4, uring_wait(&self->u, &res));
	EXPECT_EQ(-ENOENT, res);
	EXPECT_EQ(-ENOENT, c->status);
	op = kv_op(KVPOOL_OP_LEASE, 0, KEY_PENDING, 5);
	ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op, NULL));
	EXPECT_EQ(5, uring_wait(&self->u, &res));
	EXPECT_EQ(-EINPROGRESS, res);
	/* Without a completion: the status alone. */
	op = kv_op_nop(6);
	ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op, NULL));
	EXPECT_EQ(6, uring_wait(&self->u, &res));
	EXPECT_EQ(0, res);
	EXPECT_TRUE(no_leases(self->fd));
}

TEST_F(uring, refused)
{
	struct kvpool_uring cmd = {};
	struct kvpool_op op = kv_op_nop(1);
	int res, fd;

	cmd.op = kv_ptr(&op);
	ASSERT_EQ(0, uring_command(&self->u, self->fd, KVPOOL_URING_OP + 1,
				   &cmd, sizeof(cmd), 1001));
	EXPECT_EQ(1, uring_wait(&self->u, &res));
	EXPECT_EQ(-ENOTTY, res);
	cmd.op = 8;
	ASSERT_EQ(0, uring_command(&self->u, self->fd, KVPOOL_URING_OP,
				   &cmd, sizeof(cmd), 1002));
	EXPECT_EQ(2, uring_wait(&self->u, &res));
	EXPECT_EQ(-EFAULT, res);
	op.reserved = 1;
	ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op, &self->c));
	EXPECT_EQ(1, uring_wait(&self->u, &res));
	EXPECT_EQ(-EINVAL, res);
	fd = kv_open(self->t.tenant, O_WRONLY);
	ASSERT_GE(fd, 0);
	op = kv_op(KVPOOL_OP_LEASE, 0, KEY_SEALED, 1);
	ASSERT_EQ(0, uring_submit(&self->u, fd, &op, &self->c));
	EXPECT_EQ(1, uring_wait(&self->u, &res));
	EXPECT_EQ(-EBADF, res);
	close(fd);
	/* A command that was refused writes no completion. */
	EXPECT_EQ(0x5a5a5a5a5a5a5a5aULL, self->c.user_data);
}

TEST_F(uring, waits)
{
	struct kvpool_completion c[8];
	struct kvpool_op op;
	int i, res, seen = 0;

	for (i = 0; i < 8; i++) {
		op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_PENDING, i);
		op.timeout_ns = 3600 * KV_SEC;
		ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op, &c[i]));
	}
	/* The operations have been copied. */
	memset(&op, 0xff, sizeof(op));
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	for (i = 0; i < 8; i++) {
		int n = uring_wait(&self->u, &res);

		ASSERT_GE(n, 0);
		ASSERT_LT(n, 8);
		seen |= 1 << n;
		EXPECT_EQ(0, res);
		EXPECT_EQ(4096, c[n].length);
		EXPECT_EQ(0, kv_release(self->fd, c[n].handle));
	}
	EXPECT_EQ(0xff, seen);
}

TEST_F(uring, cancelled)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
				    KEY_PENDING, 5);
	int res;

	op.tag = 9;
	ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op, &self->c));
	EXPECT_EQ(1, kv_cancel(self->fd, KVPOOL_CANCEL_TAG, 9));
	EXPECT_EQ(5, uring_wait(&self->u, &res));
	EXPECT_EQ(-ECANCELED, res);
	EXPECT_EQ(-ECANCELED, self->c.status);
}

/* Every command has a deadline. */
TEST_F(uring, deadline)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
				    KEY_PENDING, 5);
	int res;

	op.timeout_ns = 1000000;
	ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op, &self->c));
	EXPECT_EQ(5, uring_wait(&self->u, &res));
	EXPECT_EQ(-ETIMEDOUT, res);
	ASSERT_EQ(0, kv_sys_set("remote_timeout_ms", 20));
	op.timeout_ns = 0;
	ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op, &self->c));
	EXPECT_EQ(5, uring_wait(&self->u, &res));
	EXPECT_EQ(-ETIMEDOUT, res);
}

/* A lease that cannot be reported is given back, immediately or later. */
TEST_F(uring, result_nowhere)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, 0, KEY_SEALED, 1);
	int res;
	void *page = mmap(NULL, KV_PAGE, PROT_READ,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op, page));
	EXPECT_EQ(1, uring_wait(&self->u, &res));
	EXPECT_EQ(-EFAULT, res);
	EXPECT_TRUE(no_leases(self->fd));
	op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_PENDING, 2);
	op.timeout_ns = 3600 * KV_SEC;
	ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op, page));
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	EXPECT_EQ(2, uring_wait(&self->u, &res));
	EXPECT_EQ(-EFAULT, res);
	EXPECT_TRUE(no_leases(self->fd));
	munmap(page, KV_PAGE);
}

/* The ring ends, and the file, with commands in flight. */
TEST_F(uring, closed_in_flight)
{
	struct kvpool_completion c[16];
	struct kvpool_op op;
	struct uring u;
	int i, k;

	/* Where io_uring cannot cancel them their deadline ends them. */
	ASSERT_EQ(0, kv_sys_set("remote_timeout_ms", 1000));
	for (k = 0; k < 4; k++) {
		int fd = kv_open(self->t.tenant, O_RDWR);

		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, uring_open(&u));
		for (i = 0; i < 16; i++) {
			op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, i & 1 ?
				   KEY_PENDING : KEY_SEALED, i);
			ASSERT_EQ(0, uring_submit(&u, fd, &op, &c[i]));
		}
		if (k & 1) {
			close(fd);
			uring_close(&u);
		} else {
			uring_close(&u);
			close(fd);
		}
		kv_wait_until(no_leases(self->fd));
	}
}

TEST_F(uring, killed_in_flight)
{
	int pipes[2], i;
	pid_t pid;
	char c;

	ASSERT_EQ(0, kv_sys_set("remote_timeout_ms", 1000));
	ASSERT_EQ(0, pipe(pipes));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		struct kvpool_completion results[32];
		int fd = kv_open(self->t.tenant, O_RDWR);
		struct kvpool_op op;
		struct uring u;

		if (fd < 0 || uring_open(&u))
			_exit(1);
		for (i = 0; i < 32; i++) {
			op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, i & 1 ?
				   KEY_PENDING : KEY_SEALED, i);
			if (uring_submit(&u, fd, &op, &results[i]))
				_exit(2);
		}
		if (write(pipes[1], "x", 1) != 1)
			_exit(3);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(pipes[0], &c, 1));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, kv_reap(pid));
	kv_wait_until(no_leases(self->fd));
	/* No operation waits for the key any more. */
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	EXPECT_TRUE(no_leases(self->fd));
	close(pipes[0]);
	close(pipes[1]);
}

struct settler {
	struct kv_bench *t;
	volatile bool *stop;
	int error;
};

/* Makes and removes the block that commands wait for. */
static void *settle_thread(void *data)
{
	struct settler *s = data;
	struct kv_block b;
	int ret;

	while (!*s->stop) {
		ret = kv_reserve(s->t->fd, &b, 50, 4096);
		if (!ret) {
			sched_yield();
			ret = kv_seal(s->t->fd, b.handle);
		}
		if (!ret)
			ret = kv_remove(s->t->fd, 50);
		if (ret) {
			s->error = ret;
			break;
		}
	}
	return NULL;
}

/* Each command completes once, immediately or later. */
TEST_F(uring, many)
{
	unsigned long rounds = kv_rounds("KV_URING_OPS", 50000, 5000);
	unsigned long begun = 0, done = 0, leased = 0;
	struct kvpool_completion c[URING_ENTRIES];
	struct settler s = { .t = &self->t };
	bool busy[URING_ENTRIES] = {};
	volatile bool stop = false;
	struct kvpool_op op;
	pthread_t thread;
	int i, n, res;

	s.stop = &stop;
	ASSERT_EQ(0, pthread_create(&thread, NULL, settle_thread, &s));
	while (done < rounds) {
		for (i = 0; i < URING_ENTRIES && begun < rounds; i++) {
			if (busy[i])
				continue;
			op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
				   begun % 3 ? 50 : KEY_SEALED, i);
			op.timeout_ns = begun % 7 ? 0 : 1;
			memset(&c[i], 0x5a, sizeof(c[i]));
			ASSERT_EQ(0, uring_submit(&self->u, self->fd, &op,
						  &c[i]));
			busy[i] = true;
			begun++;
		}
		n = uring_wait(&self->u, &res);
		ASSERT_GE(n, 0);
		ASSERT_LT(n, URING_ENTRIES);
		ASSERT_TRUE(busy[n]);
		busy[n] = false;
		done++;
		ASSERT_EQ(res, c[n].status);
		ASSERT_TRUE(!res || res == -ENOENT || res == -ETIMEDOUT)
			TH_LOG("%d", res);
		if (!res) {
			leased++;
			ASSERT_EQ(0, kv_release(self->fd, c[n].handle));
		}
	}
	stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, s.error);
	EXPECT_GE(leased, rounds / 3);
	EXPECT_TRUE(no_leases(self->fd));
}

TEST_HARNESS_MAIN
