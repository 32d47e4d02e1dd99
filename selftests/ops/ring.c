// SPDX-License-Identifier: GPL-2.0
/*
 * ring: one completion ring: its set-up, room, notification, programs that
 * write over it, and files that are shared and end with operations in flight.
 */
#include <sys/socket.h>

#include "kvpool_async.h"

#define KEY_PENDING	2
#define KEY_SEALED	1

FIXTURE(ring) {
	struct kv_bench t;
	struct kv_block pending;
	struct kv_ring r;
	int fd;
};

FIXTURE_SETUP(ring)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, KEY_SEALED, 65536));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &self->pending, KEY_PENDING, 4096));
	memset(&self->r, 0, sizeof(self->r));
	self->fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(ring)
{
	kv_ring_close(&self->r);
	close(self->fd);
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

TEST_F(ring, sizes)
{
	struct kvpool_ring_setup a;
	struct kvpool_info info;
	const struct { __u32 in, out; } sizes[] = {
		{ 1, 1 }, { 2, 2 }, { 3, 4 }, { 64, 64 }, { 65, 128 },
		{ 40000, 65536 }, { 65536, 65536 },
	};
	unsigned int i;
	int fd;

	ASSERT_EQ(0, kv_info(self->fd, &info));
	EXPECT_TRUE(info.features & KVPOOL_FEATURE_RING);
	EXPECT_EQ(-EINVAL, kv_ring_setup(self->fd, &a, 0, -1));
	EXPECT_EQ(-EINVAL, kv_ring_setup(self->fd, &a,
					 KVPOOL_RING_ENTRIES_MAX + 1, -1));
	EXPECT_EQ(-EINVAL, kv_ring_setup(self->fd, &a, ~0U, -1));
	EXPECT_EQ(-EINVAL, kv_ring_setup(self->fd, &a, 8, -2));
	EXPECT_EQ(-EBADF, kv_ring_setup(self->fd, &a, 8, 1000));
	EXPECT_EQ(-EINVAL, kv_ring_setup(self->fd, &a, 8, self->fd));

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		fd = kv_open(self->t.tenant, O_RDWR);
		ASSERT_GE(fd, 0);
		EXPECT_EQ(0, kv_ring_setup(fd, &a, sizes[i].in, -1));
		EXPECT_EQ(sizes[i].out, a.entries);
		EXPECT_GE(a.offset, info.arena_size);
		EXPECT_EQ(0, a.offset % KV_PAGE);
		EXPECT_EQ(0, a.length % KV_PAGE);
		EXPECT_EQ(0, a.head_offset % 4);
		EXPECT_EQ(0, a.tail_offset % 4);
		EXPECT_EQ(0, a.completions_offset %
			     sizeof(struct kvpool_completion));
		EXPECT_GE(a.length, a.completions_offset + a.entries *
				    sizeof(struct kvpool_completion));
		EXPECT_EQ(KV_RING_FIRST, a.ring);
		close(fd);
	}
}

TEST_F(ring, modes)
{
	struct kvpool_op op = kv_op_nop(7);
	struct kvpool_ring_setup a;
	int fd;

	/* A file for reading only cannot map a ring for writing. */
	fd = kv_open(self->t.tenant, O_RDONLY);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EBADF, kv_ring_setup(fd, &a, 8, -1));
	EXPECT_EQ(0, kv_do(fd, &op, NULL));
	close(fd);
	fd = kv_open(self->t.tenant, O_WRONLY);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EBADF, kv_ring_setup(fd, &a, 8, -1));
	EXPECT_EQ(0, kv_do(fd, &op, NULL));
	EXPECT_EQ(-ENOENT, kv_submit(fd, &op, 1));
	EXPECT_EQ(0, kv_cancel(fd, KVPOOL_CANCEL_ALL, 0));
	close(fd);
	EXPECT_EQ(-ENOENT, kv_submit(self->fd, &op, 1));
}

static int map_errno(int fd, size_t len, int prot, int flags, __u64 offset)
{
	void *p = mmap(NULL, len, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, len);
	return 0;
}

TEST_F(ring, map)
{
	const int rw = PROT_READ | PROT_WRITE;
	struct kvpool_ring_setup a;
	struct kvpool_info info;
	__u64 at;
	void *p;
	int ro;

	ASSERT_EQ(0, kv_info(self->fd, &info));
	EXPECT_EQ(-EINVAL, map_errno(self->fd, KV_PAGE, rw, MAP_SHARED,
				     info.arena_size));
	ASSERT_EQ(0, kv_ring_setup(self->fd, &a, 100, -1));
	at = a.offset;
	EXPECT_EQ(0, map_errno(self->fd, a.length, rw, MAP_SHARED, at));
	EXPECT_EQ(0, map_errno(self->fd, a.length, PROT_READ, MAP_SHARED, at));
	EXPECT_EQ(0, map_errno(self->fd, KV_PAGE, rw, MAP_SHARED, at));
	EXPECT_EQ(-EINVAL, map_errno(self->fd, a.length, rw, MAP_PRIVATE, at));
	EXPECT_EQ(-EPERM, map_errno(self->fd, a.length, rw | PROT_EXEC,
				    MAP_SHARED, at));
	EXPECT_EQ(-EINVAL, map_errno(self->fd, a.length + KV_PAGE, rw,
				     MAP_SHARED, at));
	EXPECT_EQ(-EINVAL, map_errno(self->fd, KV_PAGE, rw, MAP_SHARED,
				     at + KV_PAGE));
	EXPECT_EQ(-EINVAL, map_errno(self->fd, KV_PAGE, rw, MAP_SHARED,
				     at + a.length));
	/* No mapping reaches from the arena into the ring. */
	EXPECT_EQ(-EINVAL, map_errno(self->fd, 2 * KV_PAGE, rw, MAP_SHARED,
				     at - KV_PAGE));
	p = mmap(NULL, a.length, rw, MAP_SHARED, self->fd, at);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(-1, mprotect(p, a.length, rw | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, mremap(p, a.length, a.length + KV_PAGE,
				     MREMAP_MAYMOVE));
	munmap(p, a.length);

	/* The ring of one file cannot be mapped through another file. */
	ro = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(ro, 0);
	EXPECT_EQ(-EINVAL, map_errno(ro, a.length, rw, MAP_SHARED, at));
	close(ro);
}

/* A new ring is zero, whatever its pages held before. */
TEST_F(ring, blank)
{
	size_t i;

	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 4096));
	for (i = 0; i < self->r.setup.length; i++)
		if (self->r.map[i])
			break;
	EXPECT_EQ(self->r.setup.length, i);
}

TEST_F(ring, batch)
{
	struct kvpool_completion c;
	struct kvpool_op ops[64];
	int i, round;

	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 64));
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 64; i++)
			ops[i] = i & 1 ? kv_op_nop(round * 100 + i) :
				 kv_op(KVPOOL_OP_PROBE, 0, KEY_SEALED,
				       round * 100 + i);
		ASSERT_EQ(64, kv_submit(self->fd, ops, 64));
		EXPECT_EQ(64, kv_ring_ready(&self->r));
		/* Operations that need no wait complete in order. */
		for (i = 0; i < 64; i++) {
			ASSERT_TRUE(kv_ring_reap(&self->r, &c));
			EXPECT_EQ(round * 100 + i, c.user_data);
			EXPECT_EQ(0, c.status);
			EXPECT_EQ(i & 1 ? 0 : 65536, c.length);
			EXPECT_EQ(i & 1 ? KVPOOL_ROUTE_NONE :
					  KVPOOL_ROUTE_LOCAL, c.route);
			EXPECT_EQ(0, c.bytes);
			EXPECT_EQ(0, c.handle);
			EXPECT_EQ(0, c.peer);
			EXPECT_EQ(0, c.nr_spans);
		}
		EXPECT_FALSE(kv_ring_reap(&self->r, &c));
	}
}

/* As many operations as there is room for, until completions are reaped. */
TEST_F(ring, full)
{
	struct kvpool_completion c;
	struct kvpool_op ops[8];
	int i;

	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 4));
	for (i = 0; i < 8; i++)
		ops[i] = kv_op_nop(i);
	EXPECT_EQ(4, kv_submit(self->fd, ops, 8));
	EXPECT_EQ(-EBUSY, kv_submit(self->fd, ops + 4, 4));
	EXPECT_EQ(-EBUSY, kv_submit(self->fd, ops + 4, 1));
	/* Operations with a results array need no room. */
	EXPECT_EQ(0, kv_do(self->fd, ops, NULL));
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(kv_ring_reap(&self->r, &c));
		EXPECT_EQ(i, c.user_data);
	}
	EXPECT_EQ(3, kv_submit(self->fd, ops + 4, 4));
	EXPECT_EQ(-EBUSY, kv_submit(self->fd, ops + 7, 1));
	for (i = 3; i < 7; i++) {
		ASSERT_TRUE(kv_ring_reap(&self->r, &c));
		EXPECT_EQ(i, c.user_data);
	}
	EXPECT_FALSE(kv_ring_reap(&self->r, &c));
	EXPECT_EQ(1, kv_submit(self->fd, ops + 7, 1));
}

/* An operation in flight has its room already. */
TEST_F(ring, full_in_flight)
{
	struct kvpool_completion c;
	struct kvpool_op ops[8];
	int i, n = 0;

	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 4));
	for (i = 0; i < 8; i++)
		ops[i] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_PENDING, i);
	EXPECT_EQ(3, kv_submit(self->fd, ops, 3));
	EXPECT_EQ(0, kv_ring_ready(&self->r));
	ops[3] = kv_op_nop(3);
	EXPECT_EQ(1, kv_submit(self->fd, ops + 3, 2));
	EXPECT_EQ(-EBUSY, kv_submit(self->fd, ops + 4, 4));
	ASSERT_TRUE(kv_ring_reap(&self->r, &c));
	EXPECT_EQ(3, c.user_data);
	EXPECT_EQ(1, kv_submit(self->fd, ops + 4, 4));
	EXPECT_EQ(-EBUSY, kv_submit(self->fd, ops + 5, 1));
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
		EXPECT_EQ(0, c.status);
		n |= 1 << c.user_data;
		EXPECT_EQ(0, kv_release(self->fd, c.handle));
	}
	EXPECT_EQ(0x17, n);
}

/* Over the wrap of the indices, by heads that cannot be true. */
TEST_F(ring, heads_that_cannot_be)
{
	struct kvpool_op ops[8];
	__u32 tail;
	int i;

	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 8));
	for (i = 0; i < 8; i++)
		ops[i] = kv_op_nop(i);
	ASSERT_EQ(2, kv_submit(self->fd, ops, 2));
	tail = *self->r.tail;
	/* In front of the tail, and farther behind it than the ring is long. */
	__u32 bad[] = { tail + 1, tail + 8, tail - 9, tail + 0x80000000,
			tail - 0x7fffffff };
	for (i = 0; i < (int)ARRAY_SIZE(bad); i++) {
		__atomic_store_n(self->r.head, bad[i], __ATOMIC_RELEASE);
		EXPECT_EQ(-EBUSY, kv_submit(self->fd, ops, 1))
			TH_LOG("head %d", i);
	}
	/* No completion is lost. */
	__atomic_store_n(self->r.head, tail, __ATOMIC_RELEASE);
	EXPECT_EQ(8, kv_submit(self->fd, ops, 8));
	EXPECT_EQ(tail + 8, *self->r.tail);
	/* The module does not read the tail in the mapping. */
	__atomic_store_n(self->r.head, tail + 8, __ATOMIC_RELEASE);
	__atomic_store_n(self->r.tail, 12345678, __ATOMIC_RELEASE);
	EXPECT_EQ(1, kv_submit(self->fd, ops, 1));
	EXPECT_EQ(tail + 9, *self->r.tail);
}

struct scribbler {
	struct kv_ring *r;
	int fd;
	__u64 seed;
	volatile bool *stop;
	unsigned long begun;
	int error;
};

static void *scribble_thread(void *data)
{
	struct scribbler *s = data;
	struct kv_ring *r = s->r;
	__u64 *words = (void *)r->cqes;
	size_t n = r->setup.entries * sizeof(*r->cqes) / sizeof(*words);
	__u32 good = 0, tail;
	unsigned int i;

	while (!*s->stop) {
		/*
		 * Tails of this thread have the uppermost bit set, the module's
		 * do not.
		 */
		tail = __atomic_load_n(r->tail, __ATOMIC_ACQUIRE);
		if (tail < 1U << 31)
			good = tail;
		for (i = 0; i < 64; i++)
			words[kv_rand(&s->seed) % n] = kv_rand(&s->seed);
		__atomic_store_n(r->head, (__u32)kv_rand(&s->seed),
				 __ATOMIC_RELEASE);
		__atomic_store_n(r->tail, (__u32)kv_rand(&s->seed) | 1U << 31,
				 __ATOMIC_RELEASE);
		/* Mostly a head that leaves room. */
		__atomic_store_n(r->head,
				 good + (__u32)(kv_rand(&s->seed) % 40),
				 __ATOMIC_RELEASE);
		sched_yield();
		__atomic_store_n(r->head, good, __ATOMIC_RELEASE);
		sched_yield();
	}
	return NULL;
}

static void *submit_thread(void *data)
{
	unsigned long rounds = kv_rounds("KV_RING_SCRIBBLES", 20000, 2000), n;
	struct scribbler *s = data;
	struct kvpool_op ops[16];
	int ret, i;

	for (n = 0; n < rounds; n++) {
		for (i = 0; i < 16; i++)
			ops[i] = kv_op(i % 3 ? KVPOOL_OP_PROBE :
					       KVPOOL_OP_LEASE,
				       i % 3 ? 0 : KVPOOL_OP_WAIT,
				       i % 2 ? KEY_SEALED : KEY_PENDING, i);
		ret = kv_submit(s->fd, ops, 1 + n % 16);
		if (ret < 0 && ret != -EBUSY) {
			s->error = ret;
			break;
		}
		s->begun += ret > 0 ? ret : 0;
		if (!(n % 16) && kv_cancel(s->fd, KVPOOL_CANCEL_ALL, 0) < 0) {
			s->error = -EPROTO;
			break;
		}
	}
	return NULL;
}

/* A program writes all over the ring while its threads submit. */
TEST_F(ring, scribbled)
{
	struct kvpool_completion c;
	struct kvpool_op op = kv_op_nop(4711);
	volatile bool stop = false;
	struct scribbler s[3];
	pthread_t threads[3];
	int i;

	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 32));
	for (i = 0; i < 3; i++) {
		s[i] = (struct scribbler){
			.r = &self->r, .fd = self->fd, .seed = 99 + i,
			.stop = &stop,
		};
		ASSERT_EQ(0, pthread_create(&threads[i], NULL,
					    i ? submit_thread : scribble_thread,
					    &s[i]));
	}
	for (i = 1; i < 3; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, s[i].error);
	}
	EXPECT_GT(s[1].begun + s[2].begun, 0);
	stop = true;
	pthread_join(threads[0], NULL);

	/* With a good head the ring works afterwards. */
	ASSERT_LE(0, kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0));
	*self->r.head = 0;
	if (kv_submit(self->fd, &op, 1) == -EBUSY) {
		__u32 head = 0;

		/* Some head leaves room: search for the tail. */
		while (kv_submit(self->fd, &op, 1) == -EBUSY)
			__atomic_store_n(self->r.head, head += 16,
					 __ATOMIC_RELEASE);
	}
	__atomic_store_n(self->r.head, *self->r.tail, __ATOMIC_RELEASE);
	EXPECT_EQ(1, kv_submit(self->fd, &op, 1));
	ASSERT_TRUE(kv_ring_reap(&self->r, &c));
	EXPECT_EQ(4711, c.user_data);
	EXPECT_FALSE(kv_ring_reap(&self->r, &c));
}

static int readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

TEST_F(ring, poll)
{
	struct kvpool_op op = kv_op_nop(1);
	struct kvpool_completion c;

	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 4));
	EXPECT_FALSE(readable(self->fd));
	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	EXPECT_TRUE(readable(self->fd));
	ASSERT_TRUE(kv_ring_reap(&self->r, &c));
	EXPECT_FALSE(readable(self->fd));
	op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_PENDING, 2);
	ASSERT_EQ(1, kv_submit(self->fd, &op, 1));
	EXPECT_FALSE(readable(self->fd));
	ASSERT_EQ(0, kv_abort(self->t.fd, self->pending.handle));
	ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
	EXPECT_EQ(-ENOENT, c.status);
	EXPECT_EQ(2, c.user_data);
}

/*
 * A task sleeps in poll() while another submits, and while a lease is served.
 */
TEST_F(ring, poll_sleeps)
{
	struct kvpool_op ops[2] = {
		kv_op_nop(1),
		kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_PENDING, 2),
	};
	struct kvpool_completion c;
	pthread_t thread;
	int i;

	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 4));
	for (i = 0; i < 2; i++) {
		struct kv_poller w = { .fd = self->fd };

		if (i) {
			ASSERT_EQ(1, kv_submit(self->fd, &ops[1], 1));
		}
		ASSERT_EQ(0, pthread_create(&thread, NULL, kv_poll_thread, &w));
		kv_wait_until(w.tid && kv_task_sleeps(w.tid));
		if (i) {
			ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
		} else {
			ASSERT_EQ(1, kv_submit(self->fd, &ops[0], 1));
		}
		pthread_join(thread, NULL);
		EXPECT_EQ(1, w.result);
		ASSERT_TRUE(kv_ring_reap(&self->r, &c));
		EXPECT_EQ(1 + i, c.user_data);
	}
}

TEST_F(ring, eventfd)
{
	struct kvpool_op ops[4];
	struct kvpool_completion c;
	eventfd_t count;
	int i, efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	ASSERT_GE(efd, 0);
	ASSERT_EQ(0, kv_ring_setup(self->fd, &self->r.setup, 8, efd));
	ASSERT_EQ(0, kv_ring_map(self->fd, &self->r));
	EXPECT_EQ(-1, eventfd_read(efd, &count));
	for (i = 0; i < 4; i++)
		ops[i] = kv_op_nop(i);
	ASSERT_EQ(4, kv_submit(self->fd, ops, 4));
	EXPECT_EQ(0, eventfd_read(efd, &count));
	EXPECT_GE(count, 1);
	ops[0] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_PENDING, 9);
	ASSERT_EQ(1, kv_submit(self->fd, ops, 1));
	EXPECT_EQ(-1, eventfd_read(efd, &count));
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, kv_ring_wait(self->fd, &self->r, &c));
	EXPECT_EQ(9, c.user_data);
	kv_wait_until(!eventfd_read(efd, &count));
	/* The ring has its own reference to the eventfd. */
	close(efd);
	ops[0] = kv_op_nop(10);
	ASSERT_EQ(1, kv_submit(self->fd, ops, 1));
	EXPECT_TRUE(kv_ring_reap(&self->r, &c));
}

/* The file ends with operations in flight and completions not reaped. */
TEST_F(ring, close_in_flight)
{
	struct kvpool_op ops[32];
	struct kvpool_stats st;
	int i, k;

	for (k = 0; k < 2; k++) {
		struct kv_ring r = {};
		int fd = kv_open(self->t.tenant, O_RDWR);

		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, kv_ring_open(fd, &r, 32));
		for (i = 0; i < 32; i++)
			ops[i] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
				       i & 1 ? KEY_PENDING : KEY_SEALED, i);
		for (i = 0; i < 32; i += 4)
			ops[i + 1].timeout_ns = 3600 * KV_SEC;
		ASSERT_EQ(32, kv_submit(fd, ops, 32));
		EXPECT_EQ(16, kv_ring_ready(&r));
		ASSERT_EQ(0, kv_stats(self->t.fd, &st));
		EXPECT_EQ(16, st.leases);
		/* The mapping keeps the file open. */
		close(fd);
		ASSERT_EQ(0, kv_stats(self->t.fd, &st));
		EXPECT_EQ(16, st.leases);
		kv_ring_close(&r);
		ASSERT_EQ(0, kv_stats(self->t.fd, &st));
		EXPECT_EQ(0, st.leases);
		EXPECT_EQ(16 * (k + 1), st.cancelled_ops);
	}
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
}

TEST_F(ring, killed_in_flight)
{
	struct kvpool_stats st;
	int pipes[2], i;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(pipes));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		struct kvpool_op ops[64];
		struct kv_ring r = {};
		int fd = kv_open(self->t.tenant, O_RDWR);

		if (fd < 0 || kv_ring_open(fd, &r, 64))
			_exit(1);
		for (i = 0; i < 64; i++)
			ops[i] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
				       i & 1 ? KEY_PENDING : KEY_SEALED, i);
		if (kv_submit(fd, ops, 64) != 64)
			_exit(2);
		if (write(pipes[1], "x", 1) != 1)
			_exit(3);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(pipes[0], &c, 1));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(32, st.leases);
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, kv_reap(pid));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.leases);
	EXPECT_EQ(32, st.cancelled_ops);
	close(pipes[0]);
	close(pipes[1]);
}

/* A child has the file but not the mapping, and maps the same ring. */
TEST_F(ring, forked)
{
	struct kvpool_completion c;
	pid_t pid;

	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 8));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, 0, KEY_SEALED, 5);
		struct kv_ring r = { .setup = self->r.setup };

		if (kv_touch(self->r.map, false) != SIGSEGV)
			_exit(1);
		if (kv_ring_map(self->fd, &r))
			_exit(2);
		if (kv_submit(self->fd, &op, 1) != 1)
			_exit(3);
		_exit(kv_ring_ready(&r) == 1 ? 0 : 4);
	}
	EXPECT_EQ(0, kv_reap(pid));
	/* The lease belongs to the file, not to the child. */
	ASSERT_TRUE(kv_ring_reap(&self->r, &c));
	EXPECT_EQ(5, c.user_data);
	EXPECT_EQ(0, c.status);
	EXPECT_EQ(0, kv_release(self->fd, c.handle));
}

static int send_fd(int sock, int fd)
{
	char buf[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { .iov_base = "x", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf,
		.msg_controllen = sizeof(buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

static int recv_fd(int sock)
{
	char buf[CMSG_SPACE(sizeof(int))] = {}, c;
	struct iovec iov = { .iov_base = &c, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf,
		.msg_controllen = sizeof(buf),
	};
	int fd;

	if (recvmsg(sock, &msg, 0) != 1)
		return -errno;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

/* A ring that one process makes and passes to another. */
TEST_F(ring, passed_on)
{
	struct kvpool_completion c;
	struct kv_ring r = {};
	int socks[2], fd, copy;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		struct kvpool_op op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
					    KEY_PENDING, 77);

		fd = kv_open(self->t.tenant, O_RDWR);
		if (fd < 0 || kv_ring_setup(fd, &r.setup, 16, -1))
			_exit(1);
		if (kv_submit(fd, &op, 1) != 1)
			_exit(2);
		if (send_fd(socks[1], fd) ||
		    write(socks[1], &r.setup, sizeof(r.setup)) !=
		    sizeof(r.setup))
			_exit(3);
		_exit(0);
	}
	fd = recv_fd(socks[0]);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(sizeof(r.setup), read(socks[0], &r.setup, sizeof(r.setup)));
	EXPECT_EQ(0, kv_reap(pid));
	copy = dup(fd);
	ASSERT_GE(copy, 0);
	close(fd);
	ASSERT_EQ(0, kv_ring_map(copy, &r));
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	ASSERT_EQ(0, kv_ring_wait(copy, &r, &c));
	EXPECT_EQ(77, c.user_data);
	EXPECT_EQ(0, c.status);
	EXPECT_EQ(0, kv_release(copy, c.handle));
	kv_ring_close(&r);
	close(copy);
	close(socks[0]);
	close(socks[1]);
}

/*
 * Each operation completes once: two threads submit, one reaps, and a fourth
 * makes and removes the blocks that leases wait for.
 */
struct flood {
	int fd;
	struct kv_ring *r;
	__u64 first, nr;
	volatile bool *stop;
	int error;
};

#define FLOOD_KEYS	8

static struct kvpool_op flood_op(__u64 n)
{
	struct kvpool_op op;

	switch (n % 5) {
	case 0:
		return kv_op_nop(n);
	case 1:
		return kv_op(KVPOOL_OP_PROBE, 0, 100 + n % FLOOD_KEYS, n);
	case 2:
		return kv_op_release(n, n);	/* of no lease */
	case 3:
		op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
			   100 + n % FLOOD_KEYS, n);
		op.timeout_ns = n % 4 ? 0 : 1000 * (n % 4096);
		op.tag = n % 16;
		return op;
	default:
		return kv_op(KVPOOL_OP_LEASE, 0, KEY_SEALED, n);
	}
}

static void *flood_thread(void *data)
{
	struct flood *f = data;
	struct kvpool_op ops[64];
	__u64 at = 0, room;
	int i, n, ret;

	while (at < f->nr) {
		room = f->nr - at;
		n = room < 64 ? room : 1 + (at * 7) % 64;
		for (i = 0; i < n; i++)
			ops[i] = flood_op(f->first + at + i);
		ret = kv_submit(f->fd, ops, n);
		if (ret == -EBUSY) {
			sched_yield();
			continue;
		}
		if (ret <= 0 || ret > n) {
			f->error = ret ? ret : -EPROTO;
			break;
		}
		at += ret;
	}
	return NULL;
}

static void *churn_thread(void *data)
{
	struct flood *f = data;
	__u64 seed = 5, n;
	struct kv_block b;
	int ret;

	while (!*f->stop) {
		n = 100 + kv_rand(&seed) % FLOOD_KEYS;
		ret = kv_reserve(f->fd, &b, n, 4096);
		if (!ret) {
			sched_yield();
			ret = kv_rand(&seed) % 2 ? kv_seal(f->fd, b.handle) :
						   kv_abort(f->fd, b.handle);
		} else if (ret == -EEXIST) {
			ret = kv_remove(f->fd, n);
		}
		if (ret) {
			f->error = ret;
			break;
		}
		if (!(kv_rand(&seed) % 8) &&
		    kv_cancel(f->fd, KVPOOL_CANCEL_TAG,
			      kv_rand(&seed) % 16) < 0)
			f->error = -EPROTO;
	}
	return NULL;
}

TEST_F(ring, none_lost_none_doubled)
{
	unsigned long rounds = kv_rounds("KV_RING_OPS", 1000000, 50000), done;
	volatile bool stop = false;
	struct kvpool_completion c;
	unsigned long leases = 0;
	struct kvpool_stats st;
	struct flood f[3];
	pthread_t threads[3];
	__u8 *seen;
	int i, bad = 0;

	ASSERT_EQ(0, kv_ring_open(self->fd, &self->r, 256));
	seen = calloc(rounds, 1);
	ASSERT_NE(NULL, seen);
	for (i = 0; i < 3; i++) {
		f[i] = (struct flood){
			.fd = self->fd, .r = &self->r, .stop = &stop,
			.first = i * (rounds / 2), .nr = rounds / 2,
		};
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, i < 2 ?
					    flood_thread : churn_thread,
					    &f[i]));
	}
	for (done = 0; done < rounds / 2 * 2 && !bad; done++) {
		if (kv_ring_wait(self->fd, &self->r, &c) ||
		    c.user_data >= rounds || seen[c.user_data]++) {
			bad = 1;
			break;
		}
		switch (c.user_data % 5) {
		case 0:
			bad = c.status;
			break;
		case 1:
			bad = c.status && c.status != -ENOENT &&
			      c.status != -EINPROGRESS;
			break;
		case 2:
			bad = c.status != -ENOENT;
			break;
		case 3:
			bad = c.status && c.status != -ENOENT &&
			      c.status != -ETIMEDOUT &&
			      c.status != -ECANCELED;
			break;
		default:
			bad = c.status;
		}
		if (!bad && !c.status && c.user_data % 5 >= 3) {
			leases++;
			bad = kv_release(self->fd, c.handle);
		} else if (c.handle) {
			bad = 2;
		}
	}
	EXPECT_EQ(0, bad)
		TH_LOG("operation %llu: %d", c.user_data, c.status);
	stop = true;
	for (i = 0; i < 3 && !bad; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, f[i].error);
	}
	EXPECT_FALSE(kv_ring_reap(&self->r, &c));
	EXPECT_GE(leases, rounds / 5 - 1);
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.leases);
	free(seen);
}

TEST_HARNESS_MAIN
