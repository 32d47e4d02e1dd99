// SPDX-License-Identifier: GPL-2.0
/*
 * rings: several completion rings of one file: each has its own completions,
 * room, mapping and eventfd, and its own end.
 */
#include "kvpool_async.h"

#define KEY_SEALED	1
#define KEY_PENDING	2
#define NR_RINGS	4

FIXTURE(rings) {
	struct kv_bench t;
	struct kv_block pending;
	struct kv_ring r[NR_RINGS];
	struct kvpool_stats base;
	int fd;
};

/* Rings of 4, 8, 16 and 32 entries. */
FIXTURE_SETUP(rings)
{
	int i;

	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, KEY_SEALED, 65536));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &self->pending, KEY_PENDING, 4096));
	memset(self->r, 0, sizeof(self->r));
	self->fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(self->fd, 0);
	for (i = 0; i < NR_RINGS; i++)
		ASSERT_EQ(0, kv_ring_open(self->fd, &self->r[i], 4 << i));
	ASSERT_EQ(0, kv_stats(self->fd, &self->base));
}

FIXTURE_TEARDOWN(rings)
{
	int i;

	for (i = 0; i < NR_RINGS; i++)
		kv_ring_close(&self->r[i]);
	close(self->fd);
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

static struct kvpool_op wait_op(__u64 user_data)
{
	return kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, KEY_PENDING, user_data);
}

static int submit(int fd, const struct kv_ring *r, const struct kvpool_op *ops,
		  __u32 n)
{
	return kv_submit_ring(fd, r->setup.ring, ops, n);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

/* Waits for the next completion of one ring; other rings may have some too. */
static void wait_ring(struct kv_ring *r, struct kvpool_completion *c)
{
	kv_wait_until(kv_ring_reap(r, c));
}

TEST_F(rings, own_completions)
{
	struct kvpool_completion c;
	struct kvpool_op op;
	int i, k;

	for (i = 0; i < NR_RINGS; i++)
		for (k = 0; k < i; k++)
			EXPECT_NE(self->r[k].setup.ring, self->r[i].setup.ring);
	for (k = 0; k < 4; k++)
		for (i = 0; i < NR_RINGS; i++) {
			op = kv_op(KVPOOL_OP_PROBE, 0, KEY_SEALED, i * 10 + k);
			ASSERT_EQ(1, submit(self->fd, &self->r[i], &op, 1));
		}
	for (i = 0; i < NR_RINGS; i++) {
		EXPECT_EQ(4, kv_ring_ready(&self->r[i]));
		for (k = 0; k < 4; k++) {
			ASSERT_TRUE(kv_ring_reap(&self->r[i], &c));
			EXPECT_EQ(i * 10 + k, c.user_data);
			EXPECT_EQ(0, c.status);
		}
	}
	/* Operations that wait, too. */
	for (i = 0; i < NR_RINGS; i++) {
		op = wait_op(100 + i);
		ASSERT_EQ(1, submit(self->fd, &self->r[i], &op, 1));
	}
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	for (i = 0; i < NR_RINGS; i++) {
		wait_ring(&self->r[i], &c);
		EXPECT_EQ(100 + i, c.user_data);
		EXPECT_EQ(0, c.status);
		EXPECT_EQ(0, kv_release(self->fd, c.handle));
		EXPECT_EQ(0, kv_ring_ready(&self->r[i]));
	}
}

/* A full ring, or a head that cannot be true, does not affect other rings. */
TEST_F(rings, own_room)
{
	struct kvpool_op ops[8];
	int i;

	for (i = 0; i < 8; i++)
		ops[i] = kv_op_nop(i);
	EXPECT_EQ(4, submit(self->fd, &self->r[0], ops, 8));
	EXPECT_EQ(-EBUSY, submit(self->fd, &self->r[0], ops, 8));
	EXPECT_EQ(8, submit(self->fd, &self->r[1], ops, 8));
	EXPECT_EQ(-EBUSY, submit(self->fd, &self->r[1], ops, 1));
	__atomic_store_n(self->r[2].head, 12345, __ATOMIC_RELEASE);
	EXPECT_EQ(-EBUSY, submit(self->fd, &self->r[2], ops, 1));
	EXPECT_EQ(8, submit(self->fd, &self->r[3], ops, 8));
	EXPECT_EQ(8, kv_ring_ready(&self->r[3]));
	__atomic_store_n(self->r[2].head, 0, __ATOMIC_RELEASE);
	EXPECT_EQ(8, submit(self->fd, &self->r[2], ops, 8));
}

TEST_F(rings, limit)
{
	struct kv_ring r[KVPOOL_RINGS_MAX] = {}, more = {};
	struct kvpool_completion c;
	struct kvpool_op op;
	int i, k, fd;

	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	for (i = 0; i < (int)KVPOOL_RINGS_MAX; i++) {
		ASSERT_EQ(0, kv_ring_open(fd, &r[i], 1 << i % 6));
		EXPECT_GE(r[i].setup.ring, 1);
		for (k = 0; k < i; k++) {
			EXPECT_NE(r[k].setup.ring, r[i].setup.ring);
			EXPECT_TRUE(r[k].setup.offset + r[k].setup.length <=
				    r[i].setup.offset ||
				    r[i].setup.offset + r[i].setup.length <=
				    r[k].setup.offset);
		}
	}
	EXPECT_EQ(-ENOSPC, kv_ring_open(fd, &more, 8));
	for (i = 0; i < (int)KVPOOL_RINGS_MAX; i++) {
		op = kv_op_nop(i);
		ASSERT_EQ(1, submit(fd, &r[i], &op, 1));
		ASSERT_TRUE(kv_ring_reap(&r[i], &c));
		EXPECT_EQ(i, c.user_data);
	}
	/*
	 * The limit is per file, and the end of a ring makes room for another.
	 */
	for (i = 0; i < 100; i++) {
		k = i * 7 % KVPOOL_RINGS_MAX;
		ASSERT_EQ(0, kv_ring_end(fd, r[k].setup.ring));
		kv_ring_close(&r[k]);
		ASSERT_EQ(0, kv_ring_open(fd, &r[k], 2));
		EXPECT_EQ(-ENOSPC, kv_ring_open(fd, &more, 8));
		op = kv_op_nop(1000 + i);
		ASSERT_EQ(1, submit(fd, &r[k], &op, 1));
		ASSERT_TRUE(kv_ring_reap(&r[k], &c));
		EXPECT_EQ(1000 + i, c.user_data);
	}
	ASSERT_EQ(0, kv_ring_open(self->fd, &more, 8));
	kv_ring_close(&more);
	for (i = 0; i < (int)KVPOOL_RINGS_MAX; i++)
		kv_ring_close(&r[i]);
	close(fd);
}

static int map_errno(int fd, size_t len, __u64 offset)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, len);
	return 0;
}

/* Each ring is mapped by its own offset only. */
TEST_F(rings, map)
{
	int i;

	for (i = 0; i < NR_RINGS; i++) {
		struct kvpool_ring_setup *s = &self->r[i].setup;

		EXPECT_EQ(0, map_errno(self->fd, s->length, s->offset));
		EXPECT_EQ(-EINVAL, map_errno(self->fd, s->length + KV_PAGE,
					     s->offset));
		EXPECT_EQ(-EINVAL, map_errno(self->fd, s->length,
					     s->offset + KV_PAGE));
		EXPECT_EQ(-EINVAL, map_errno(self->t.fd, s->length, s->offset));
	}
	ASSERT_EQ(0, kv_ring_end(self->fd, self->r[1].setup.ring));
	for (i = 0; i < NR_RINGS; i++)
		EXPECT_EQ(i == 1 ? -EINVAL : 0,
			  map_errno(self->fd, self->r[i].setup.length,
				    self->r[i].setup.offset));
}

/* The file is readable while any ring holds completions. */
TEST_F(rings, poll)
{
	struct kvpool_op op = kv_op_nop(1);
	struct kvpool_completion c;
	struct kv_poller w;
	pthread_t thread;
	int i;

	for (i = 0; i < NR_RINGS; i++) {
		EXPECT_FALSE(readable(self->fd));
		ASSERT_EQ(1, submit(self->fd, &self->r[i], &op, 1));
		EXPECT_TRUE(readable(self->fd));
		ASSERT_TRUE(kv_ring_reap(&self->r[i], &c));
	}
	EXPECT_FALSE(readable(self->fd));
	ASSERT_EQ(1, submit(self->fd, &self->r[0], &op, 1));
	ASSERT_EQ(1, submit(self->fd, &self->r[3], &op, 1));
	ASSERT_TRUE(kv_ring_reap(&self->r[3], &c));
	EXPECT_TRUE(readable(self->fd));
	ASSERT_TRUE(kv_ring_reap(&self->r[0], &c));
	EXPECT_FALSE(readable(self->fd));
	/* A sleeper is woken by each of them. */
	for (i = 0; i < NR_RINGS; i++) {
		w = (struct kv_poller){ .fd = self->fd };
		ASSERT_EQ(0, pthread_create(&thread, NULL, kv_poll_thread, &w));
		kv_wait_until(w.tid && kv_task_sleeps(w.tid));
		ASSERT_EQ(1, submit(self->fd, &self->r[i], &op, 1));
		pthread_join(thread, NULL);
		EXPECT_EQ(1, w.result);
		ASSERT_TRUE(kv_ring_reap(&self->r[i], &c));
	}
	/* Completions in an ended ring do not make the file readable. */
	ASSERT_EQ(1, submit(self->fd, &self->r[2], &op, 1));
	ASSERT_EQ(0, kv_ring_end(self->fd, self->r[2].setup.ring));
	EXPECT_FALSE(readable(self->fd));
	EXPECT_EQ(1, kv_ring_ready(&self->r[2]));
}

TEST_F(rings, eventfds)
{
	struct kvpool_completion c;
	struct kv_ring r[3] = {};
	struct kvpool_op op;
	eventfd_t count;
	int efd[2], i, k;

	for (i = 0; i < 2; i++) {
		efd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		ASSERT_GE(efd[i], 0);
	}
	/*
	 * Two rings with an eventfd each, and a third ring that shares the
	 * first.
	 */
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, kv_ring_setup(self->fd, &r[i].setup, 8,
					   efd[i % 2]));
		ASSERT_EQ(0, kv_ring_map(self->fd, &r[i]));
	}
	for (i = 0; i < 3; i++) {
		op = kv_op_nop(i);
		ASSERT_EQ(1, submit(self->fd, &r[i], &op, 1));
		for (k = 0; k < 2; k++)
			EXPECT_EQ(k == i % 2 ? 0 : -1,
				  eventfd_read(efd[k], &count));
		ASSERT_TRUE(kv_ring_reap(&r[i], &c));
		EXPECT_EQ(i, c.user_data);
	}
	/* A ring without an eventfd signals none. */
	ASSERT_EQ(1, submit(self->fd, &self->r[0], &op, 1));
	for (k = 0; k < 2; k++)
		EXPECT_EQ(-1, eventfd_read(efd[k], &count));
	/*
	 * The end of a ring completes its operations and signals its eventfd.
	 */
	op = wait_op(9);
	ASSERT_EQ(1, submit(self->fd, &r[1], &op, 1));
	EXPECT_EQ(-1, eventfd_read(efd[1], &count));
	EXPECT_EQ(1, kv_ring_end(self->fd, r[1].setup.ring));
	EXPECT_EQ(0, eventfd_read(efd[1], &count));
	EXPECT_EQ(-1, eventfd_read(efd[0], &count));
	for (i = 0; i < 3; i++)
		kv_ring_close(&r[i]);
	close(efd[0]);
	close(efd[1]);
}

/* The end of a ring cancels its operations and no other operations. */
TEST_F(rings, end)
{
	struct kvpool_completion c;
	struct kvpool_stats st;
	struct kvpool_op ops[4];
	__u32 ended = self->r[1].setup.ring;
	int i, k;

	for (i = 0; i < NR_RINGS; i++) {
		for (k = 0; k < 4; k++) {
			ops[k] = wait_op(i * 10 + k);
			ops[k].tag = k;
		}
		ASSERT_EQ(4, submit(self->fd, &self->r[i], ops, 4));
	}
	EXPECT_EQ(4, kv_ring_end(self->fd, ended));
	for (i = 0; i < NR_RINGS; i++)
		EXPECT_EQ(i == 1 ? 4 : 0, kv_ring_ready(&self->r[i]));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(self->base.cancelled_ops + 4, st.cancelled_ops);
	/* The ring has ended, and its completions can still be read. */
	EXPECT_EQ(-ENOENT, submit(self->fd, &self->r[1], ops, 1));
	EXPECT_EQ(-ENOENT, kv_ring_end(self->fd, ended));
	EXPECT_EQ(-ENOENT, kv_cancel_ring(self->fd, ended, KVPOOL_CANCEL_ALL,
					  0));
	for (k = 0; k < 4; k++) {
		ASSERT_TRUE(kv_ring_reap(&self->r[1], &c));
		EXPECT_EQ(10, c.user_data / 10 * 10);
		EXPECT_EQ(-ECANCELED, c.status);
	}
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	for (i = 0; i < NR_RINGS; i++)
		for (k = 0; i != 1 && k < 4; k++) {
			wait_ring(&self->r[i], &c);
			EXPECT_EQ(0, c.status);
			EXPECT_EQ(0, kv_release(self->fd, c.handle));
		}
}

/* A new ring under an old number is another ring. */
TEST_F(rings, number_used_again)
{
	struct kvpool_completion c;
	struct kv_ring r = {};
	struct kvpool_op op;
	int i;

	for (i = 0; i < 200; i++) {
		op = kv_op_nop(1);
		ASSERT_EQ(1, submit(self->fd, &self->r[0], &op, 1));
		ASSERT_EQ(0, kv_ring_end(self->fd, self->r[0].setup.ring));
		ASSERT_EQ(0, kv_ring_open(self->fd, &r, 4));
		EXPECT_EQ(0, kv_ring_ready(&r));
		op = kv_op_nop(2);
		ASSERT_EQ(1, submit(self->fd, &r, &op, 1));
		EXPECT_EQ(1, kv_ring_ready(&r));
		EXPECT_EQ(1, kv_ring_ready(&self->r[0]));
		ASSERT_TRUE(kv_ring_reap(&r, &c));
		EXPECT_EQ(2, c.user_data);
		ASSERT_TRUE(kv_ring_reap(&self->r[0], &c));
		EXPECT_EQ(1, c.user_data);
		kv_ring_close(&self->r[0]);
		self->r[0] = r;
		memset(&r, 0, sizeof(r));
	}
}

/* Leases and reservations in the completions of a ring outlive it. */
TEST_F(rings, handles_outlive_their_ring)
{
	struct kvpool_completion c[2];
	struct kvpool_op ops[2] = {
		kv_op(KVPOOL_OP_LEASE, 0, KEY_SEALED, 1),
		kv_op_reserve(10, 4096, 2),
	};
	struct kvpool_stats st;
	struct kv_block b;

	ASSERT_EQ(2, submit(self->fd, &self->r[0], ops, 2));
	EXPECT_EQ(0, kv_ring_end(self->fd, self->r[0].setup.ring));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(1, st.leases);
	EXPECT_EQ(self->base.pending + 1, st.pending);
	ASSERT_TRUE(kv_ring_reap(&self->r[0], &c[0]));
	ASSERT_TRUE(kv_ring_reap(&self->r[0], &c[1]));
	ASSERT_EQ(0, kv_block_of(self->fd, KEY_SEALED, &c[0], &b));
	EXPECT_EQ(0, kv_check(self->t.map, &b));
	EXPECT_EQ(0, kv_release(self->fd, c[0].handle));
	EXPECT_EQ(0, kv_seal(self->fd, c[1].handle));
	EXPECT_EQ(0, kv_exists(self->fd, 10));
}

TEST_F(rings, cancel_in_one)
{
	struct kvpool_completion c;
	struct kvpool_op ops[4];
	int i, k;

	for (i = 0; i < NR_RINGS; i++) {
		for (k = 0; k < 4; k++) {
			ops[k] = wait_op(k);
			ops[k].tag = k & 1;
		}
		ASSERT_EQ(4, submit(self->fd, &self->r[i], ops, 4));
	}
	EXPECT_EQ(2, kv_cancel_ring(self->fd, self->r[0].setup.ring,
				    KVPOOL_CANCEL_TAG, 1));
	EXPECT_EQ(1, kv_cancel_ring(self->fd, self->r[0].setup.ring,
				    KVPOOL_CANCEL_USER_DATA, 2));
	EXPECT_EQ(3, kv_ring_ready(&self->r[0]));
	EXPECT_EQ(4, kv_cancel_ring(self->fd, self->r[1].setup.ring,
				    KVPOOL_CANCEL_ALL, 0));
	EXPECT_EQ(4, kv_ring_ready(&self->r[1]));
	EXPECT_EQ(0, kv_cancel_ring(self->fd, self->r[1].setup.ring,
				    KVPOOL_CANCEL_ALL, 0));
	for (i = 2; i < NR_RINGS; i++)
		EXPECT_EQ(0, kv_ring_ready(&self->r[i]));
	/* Without a ring: all of the file. */
	EXPECT_EQ(2 + 2, kv_cancel(self->fd, KVPOOL_CANCEL_TAG, 1));
	EXPECT_EQ(1 + 2 + 2, kv_cancel(self->fd, KVPOOL_CANCEL_ALL, 0));
	for (i = 0; i < NR_RINGS; i++)
		for (k = 0; k < 4; k++) {
			ASSERT_TRUE(kv_ring_reap(&self->r[i], &c));
			EXPECT_EQ(-ECANCELED, c.status);
		}
}

struct waiter {
	int fd;
	volatile pid_t tid;
	struct kvpool_completion c;
	int result;
};

static void *wait_thread(void *data)
{
	struct waiter *w = data;
	struct kvpool_op op = wait_op(5);

	w->tid = kv_gettid();
	w->result = kv_submit_wait(w->fd, &op, 1, &w->c);
	return NULL;
}

/* Operations with results belong to no ring. */
TEST_F(rings, results_are_of_no_ring)
{
	struct waiter w = { .fd = self->fd, .result = 1 };
	pthread_t thread;
	int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_thread, &w));
	kv_wait_until(w.tid && kv_task_sleeps(w.tid));
	for (i = 0; i < NR_RINGS; i++) {
		EXPECT_EQ(0, kv_cancel_ring(self->fd, self->r[i].setup.ring,
					    KVPOOL_CANCEL_ALL, 0));
		EXPECT_EQ(0, kv_ring_end(self->fd, self->r[i].setup.ring));
	}
	ASSERT_EQ(0, kv_seal(self->t.fd, self->pending.handle));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, w.result);
	EXPECT_EQ(0, w.c.status);
	EXPECT_EQ(0, kv_release(self->fd, w.c.handle));
}

TEST_F(rings, modes)
{
	const int modes[] = { O_RDONLY, O_WRONLY };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		int fd = kv_open(self->t.tenant, modes[i]);

		ASSERT_GE(fd, 0);
		EXPECT_EQ(-EBADF, kv_ring_end(fd, KV_RING_FIRST));
		close(fd);
	}
	EXPECT_EQ(-ENOENT, kv_ring_end(self->t.fd, KV_RING_FIRST));
	EXPECT_EQ(-ENOENT, kv_ring_end(self->fd, 0));
	EXPECT_EQ(-ENOENT, kv_ring_end(self->fd, ~0U));
}

/*
 * Threads submit to a ring that another thread ends: operations that were begun
 * complete, and the rest is refused.
 */
struct submitter {
	int fd;
	__u32 ring;
	unsigned long begun;
	int error;
	volatile bool *go;
};

static void *submit_thread(void *data)
{
	struct submitter *s = data;
	struct kvpool_op ops[2];
	int ret;

	kv_wait_until(*s->go);
	do {
		ops[0] = wait_op(0);
		ops[1] = kv_op_nop(1);
		ret = kv_submit_ring(s->fd, s->ring, ops, 2);
		if (ret > 0)
			s->begun += ret;
	} while (ret > 0);
	s->error = ret == -ENOENT || ret == -EBUSY ? 0 : ret;
	return NULL;
}

TEST_F(rings, ended_under_submission)
{
	unsigned long rounds = kv_rounds("KV_RING_ENDS", 200, 40), n;
	unsigned long cancelled = 0;
	struct kvpool_completion c;
	struct submitter s[2];
	pthread_t threads[2];
	struct kvpool_stats st;
	int i, ret;

	for (n = 0; n < rounds; n++) {
		volatile bool go = false;
		struct kv_ring r = {};
		unsigned long done = 0;

		ASSERT_EQ(0, kv_ring_open(self->fd, &r, 1024));
		for (i = 0; i < 2; i++) {
			s[i] = (struct submitter){
				.fd = self->fd, .ring = r.setup.ring,
				.go = &go,
			};
			ASSERT_EQ(0, pthread_create(&threads[i], NULL,
						    submit_thread, &s[i]));
		}
		go = true;
		/* At another moment each time. */
		kv_wait_until(kv_ring_ready(&r) >= n % 64);
		ret = kv_ring_end(self->fd, r.setup.ring);
		ASSERT_GE(ret, 0);
		cancelled += ret;
		for (i = 0; i < 2; i++) {
			pthread_join(threads[i], NULL);
			EXPECT_EQ(0, s[i].error);
		}
		while (kv_ring_reap(&r, &c)) {
			EXPECT_EQ(c.user_data ? 0 : -ECANCELED, c.status);
			done++;
		}
		EXPECT_EQ(s[0].begun + s[1].begun, done);
		kv_ring_close(&r);
	}
	EXPECT_GT(cancelled, 0);
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.leases);
}

/* Two threads end the same ring while a third cancels its operations. */
static void *end_thread(void *data)
{
	struct submitter *s = data;

	kv_wait_until(*s->go);
	s->error = kv_ring_end(s->fd, s->ring);
	return NULL;
}

TEST_F(rings, ended_twice)
{
	unsigned long rounds = kv_rounds("KV_RING_ENDS", 200, 40), n;
	struct submitter s[2];
	pthread_t threads[2];
	struct kvpool_op ops[8];
	int i, ret;

	for (i = 0; i < 8; i++)
		ops[i] = wait_op(i);
	for (n = 0; n < rounds; n++) {
		volatile bool go = false;
		struct kv_ring r = {};

		ASSERT_EQ(0, kv_ring_open(self->fd, &r, 8));
		ASSERT_EQ(8, submit(self->fd, &r, ops, 8));
		for (i = 0; i < 2; i++) {
			s[i] = (struct submitter){
				.fd = self->fd, .ring = r.setup.ring,
				.go = &go,
			};
			ASSERT_EQ(0, pthread_create(&threads[i], NULL,
						    end_thread, &s[i]));
		}
		go = true;
		ret = kv_cancel_ring(self->fd, r.setup.ring, KVPOOL_CANCEL_ALL,
				     0);
		EXPECT_TRUE(ret >= 0 || ret == -ENOENT) TH_LOG("%d", ret);
		for (i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		/* Exactly one of the threads has ended the ring. */
		EXPECT_TRUE((s[0].error >= 0) != (s[1].error >= 0));
		EXPECT_TRUE(s[0].error == -ENOENT || s[1].error == -ENOENT);
		EXPECT_EQ(8, kv_ring_ready(&r));
		kv_ring_close(&r);
	}
}

/* Files end with operations in flight on all of their rings. */
TEST_F(rings, close_in_flight)
{
	struct kv_ring r[NR_RINGS] = {};
	struct kvpool_op ops[4];
	struct kvpool_stats st;
	int i, fd;

	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	for (i = 0; i < 4; i++)
		ops[i] = i & 1 ? wait_op(i) :
			 kv_op(KVPOOL_OP_LEASE, 0, KEY_SEALED, i);
	for (i = 0; i < NR_RINGS; i++) {
		ASSERT_EQ(0, kv_ring_open(fd, &r[i], 4));
		ASSERT_EQ(4, submit(fd, &r[i], ops, 4));
	}
	ASSERT_EQ(1 + 1, kv_ring_end(fd, r[0].setup.ring));
	close(fd);
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(2 * NR_RINGS, st.leases);
	/* Each mapping keeps the file, that of an ended ring too. */
	for (i = NR_RINGS - 1; i >= 0; i--) {
		EXPECT_EQ(i ? 2 : 4, kv_ring_ready(&r[i]));
		kv_ring_close(&r[i]);
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.leases);
	EXPECT_EQ(self->base.cancelled_ops + 2 * NR_RINGS, st.cancelled_ops);
}

/* Each thread has its own ring, and sees only its own completions. */
struct flood {
	struct kv_bench *t;
	int fd, me;
	unsigned long nr, leases;
	int error;
};

static void *flood_thread(void *data)
{
	struct flood *f = data;
	struct kvpool_completion c;
	struct kvpool_op ops[16];
	struct kv_ring r = {};
	unsigned long at = 0, done = 0;
	int i, ret = 0;

	while (!ret && at < f->nr) {
		/* Sometimes a new ring. */
		if (!(at % 512)) {
			if (r.map) {
				ret = kv_ring_end(f->fd, r.setup.ring);
				kv_ring_close(&r);
			}
			if (ret >= 0)
				ret = kv_ring_open(f->fd, &r, 32);
			if (ret)
				break;
		}
		for (i = 0; i < 16; i++)
			ops[i] = i & 1 ? kv_op_nop((__u64)f->me << 32 |
						   (at + i)) :
				 kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT,
				       KEY_SEALED, (__u64)f->me << 32 |
				       (at + i));
		ret = submit(f->fd, &r, ops, 16);
		ret = ret == 16 ? 0 : ret < 0 ? ret : -EPROTO;
		for (i = 0; !ret && i < 16; i++) {
			wait_ring(&r, &c);
			if (c.status || c.user_data >> 32 != (__u64)f->me ||
			    (__u32)c.user_data != at + i)
				ret = -EPROTO;
			else if (c.handle)
				ret = kv_release(f->fd, c.handle);
			f->leases += !!c.handle;
			done++;
		}
		at += 16;
	}
	kv_ring_close(&r);
	f->error = ret ? ret : done == f->nr ? 0 : -EPROTO;
	return NULL;
}

TEST_F(rings, one_for_each_thread)
{
	unsigned long rounds = kv_rounds("KV_RINGS_OPS", 100000, 8000);
	struct kvpool_stats st;
	pthread_t threads[4];
	struct flood f[4];
	int i;

	for (i = 0; i < 4; i++) {
		f[i] = (struct flood){
			.t = &self->t, .fd = self->fd, .me = i,
			.nr = rounds / 16 * 16,
		};
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, flood_thread,
					    &f[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, f[i].error);
		EXPECT_EQ(f[i].nr / 2, f[i].leases);
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.leases);
}

/* A child ends a ring of the file that it shares. */
TEST_F(rings, ended_by_a_child)
{
	struct kvpool_op op = wait_op(3);
	struct kvpool_completion c;
	pid_t pid;

	ASSERT_EQ(1, submit(self->fd, &self->r[2], &op, 1));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(kv_ring_end(self->fd, self->r[2].setup.ring) == 1 ? 0 : 1);
	EXPECT_EQ(0, kv_reap(pid));
	ASSERT_TRUE(kv_ring_reap(&self->r[2], &c));
	EXPECT_EQ(-ECANCELED, c.status);
	EXPECT_EQ(-ENOENT, submit(self->fd, &self->r[2], &op, 1));
}

TEST_HARNESS_MAIN
