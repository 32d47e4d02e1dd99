// SPDX-License-Identifier: GPL-2.0
/*
 * wait: a lease that waits for a pending key, each end of that wait, and
 * poll().
 */
#include "kvpool_util.h"

#define FOREVER	(~0ULL)

FIXTURE(wait) {
	struct kv_bench t;
	struct kv_block b;
	int reader;
};

FIXTURE_SETUP(wait)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &self->b, 1, 65536));
	self->reader = kv_open(self->t.tenant, O_RDONLY);
	ASSERT_GE(self->reader, 0);
}

FIXTURE_TEARDOWN(wait)
{
	close(self->reader);
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

struct waiter {
	int fd;
	__u64 number;
	__u64 timeout;
	struct kv_block b;
	volatile pid_t tid;
	volatile int result;
	pthread_t thread;
};

static void *wait_thread(void *data)
{
	struct waiter *w = data;

	w->tid = kv_gettid();
	w->result = kv_lease_flags(w->fd, &w->b, w->number, KVPOOL_LOOKUP_WAIT,
				   w->timeout);
	return NULL;
}

/* Starts a waiter and returns when it sleeps in the call. */
static int start(struct waiter *w, int fd, __u64 number)
{
	memset(w, 0, sizeof(*w));
	w->fd = fd;
	w->number = number;
	w->timeout = FOREVER;
	w->result = 1;
	if (pthread_create(&w->thread, NULL, wait_thread, w))
		return -EAGAIN;
	kv_wait_until(w->tid && kv_task_sleeps(w->tid));
	return 0;
}

static int finish(struct waiter *w)
{
	pthread_join(w->thread, NULL);
	return w->result;
}

TEST_F(wait, sealed)
{
	struct waiter w[3];
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, start(&w[i], self->reader, 1));
	kv_fill(self->t.map, &self->b);
	ASSERT_EQ(0, kv_seal(self->t.fd, self->b.handle));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, finish(&w[i]));
		EXPECT_EQ(65536, w[i].b.length);
		EXPECT_EQ(0, kv_check(self->t.map, &w[i].b));
		EXPECT_EQ(0, kv_release(self->reader, w[i].b.handle));
	}
}

TEST_F(wait, aborted)
{
	struct waiter w;

	ASSERT_EQ(0, start(&w, self->reader, 1));
	ASSERT_EQ(0, kv_abort(self->t.fd, self->b.handle));
	EXPECT_EQ(-ENOENT, finish(&w));
}

/* The end of the owner's file ends the wait as an abort does. */
TEST_F(wait, owner_gone)
{
	struct waiter w;

	ASSERT_EQ(0, start(&w, self->reader, 1));
	kv_bench_close(&self->t);
	EXPECT_EQ(-ENOENT, finish(&w));
}

TEST_F(wait, owner_killed)
{
	struct kv_block b;
	struct waiter w;
	int pipes[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(pipes));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int fd = kv_open(self->t.tenant, O_RDWR);

		if (fd < 0 || kv_reserve(fd, &b, 2, 4096))
			_exit(1);
		if (write(pipes[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(pipes[0], &c, 1));
	ASSERT_EQ(0, start(&w, self->reader, 2));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, kv_reap(pid));
	EXPECT_EQ(-ENOENT, finish(&w));
}

TEST_F(wait, timeout)
{
	struct kv_block b;
	struct kvpool_stats st;

	EXPECT_EQ(-ETIMEDOUT, kv_lease_flags(self->reader, &b, 1,
					     KVPOOL_LOOKUP_WAIT, 1));
	EXPECT_EQ(-ETIMEDOUT, kv_lease_flags(self->reader, &b, 1,
					     KVPOOL_LOOKUP_WAIT,
					     20 * 1000 * 1000));
	/* A lease does not wait for an unknown key. */
	EXPECT_EQ(-ENOENT, kv_lease_flags(self->reader, &b, 9,
					  KVPOOL_LOOKUP_WAIT, FOREVER));
	ASSERT_EQ(0, kv_stats(self->reader, &st));
	EXPECT_EQ(0, st.leases);
	EXPECT_EQ(1, st.pending);
}

/* At any point of a tick. */
TEST_F(wait, not_before_its_time)
{
	struct kv_block b;
	__u64 begun;
	int i;

	for (i = 0; i < 40; i++) {
		__u64 ns = i % 2 ? 3900000 : 8000000;

		kv_spin(i * 100000);
		begun = kv_clock();
		EXPECT_EQ(-ETIMEDOUT, kv_lease_flags(self->reader, &b, 1,
						     KVPOOL_LOOKUP_WAIT, ns));
		EXPECT_LE(begun + ns, kv_clock());
	}
}

TEST_F(wait, timeout_of_zero)
{
	struct kv_block b;
	int ret;

	ret = kv_lease_flags(self->reader, &b, 1, KVPOOL_LOOKUP_WAIT, 0);
	EXPECT_EQ(-ETIMEDOUT, ret);
	ASSERT_EQ(0, kv_seal(self->t.fd, self->b.handle));
	EXPECT_EQ(0, kv_lease_flags(self->reader, &b, 1, KVPOOL_LOOKUP_WAIT,
				    0));
}

/* The longest timeouts do not overflow into short ones. */
TEST_F(wait, endless_timeouts)
{
	const __u64 timeouts[] = {
		FOREVER, FOREVER - 1, 1ULL << 63, (1ULL << 63) - 1,
		10000000000ULL * KV_SEC,
	};
	struct waiter w[ARRAY_SIZE(timeouts)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		memset(&w[i], 0, sizeof(w[i]));
		w[i].fd = self->reader;
		w[i].number = 1;
		w[i].timeout = timeouts[i];
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, wait_thread,
					    &w[i]));
		kv_wait_until(w[i].tid && kv_task_sleeps(w[i].tid));
	}
	ASSERT_EQ(0, kv_seal(self->t.fd, self->b.handle));
	for (i = 0; i < ARRAY_SIZE(timeouts); i++)
		EXPECT_EQ(0, finish(&w[i])) TH_LOG("timeout %u", i);
}

/* Two keys: the first is sealed, the second is sealed later. */
TEST_F(wait, batch)
{
	struct kvpool_entry e[3] = {};
	struct kvpool_stats st;
	int i;

	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 2, 4096));
	kv_key(&e[0].key, 2);
	kv_key(&e[1].key, 1);
	kv_key(&e[2].key, 2);
	EXPECT_EQ(2, kv_lookup_batch(self->reader, KVPOOL_IOC_LEASE,
				     KVPOOL_LOOKUP_WAIT, e, 3, NULL, NULL,
				     1000000));
	EXPECT_EQ(0, e[0].status);
	EXPECT_EQ(-ETIMEDOUT, e[1].status);
	EXPECT_EQ(0, e[2].status);
	ASSERT_EQ(0, kv_stats(self->reader, &st));
	EXPECT_EQ(2, st.leases);
	for (i = 0; i < 3; i += 2)
		EXPECT_EQ(0, kv_release(self->reader, e[i].handle));

	/* The same as a prefix, which ends at the key that was not sealed. */
	memset(e, 0, sizeof(e));
	kv_key(&e[0].key, 2);
	kv_key(&e[1].key, 1);
	kv_key(&e[2].key, 2);
	EXPECT_EQ(1, kv_lookup_batch(self->reader, KVPOOL_IOC_LEASE,
				     KVPOOL_LOOKUP_WAIT | KVPOOL_LOOKUP_PREFIX,
				     e, 3, NULL, NULL, 1000000));
	EXPECT_EQ(0, e[0].status);
	EXPECT_EQ(-ETIMEDOUT, e[1].status);
	EXPECT_EQ(-ECANCELED, e[2].status);
}

struct prefix_waiter {
	int fd;
	struct kvpool_entry e[4];
	volatile pid_t tid;
	volatile int result;
};

static void *prefix_thread(void *data)
{
	struct prefix_waiter *w = data;

	w->tid = kv_gettid();
	w->result = kv_lookup_batch(w->fd, KVPOOL_IOC_LEASE,
				    KVPOOL_LOOKUP_WAIT | KVPOOL_LOOKUP_PREFIX,
				    w->e, 4, NULL, NULL, FOREVER);
	return NULL;
}

/* A prefix that is being made block by block, behind its producer. */
TEST_F(wait, prefix_follows_its_producer)
{
	struct prefix_waiter w = { .fd = self->reader };
	struct kv_block b[4];
	pthread_t thread;
	int i;

	b[0] = self->b;
	for (i = 1; i < 4; i++)
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b[i], 1 + i, 4096));
	for (i = 0; i < 4; i++)
		kv_key(&w.e[i].key, 1 + i);
	ASSERT_EQ(0, pthread_create(&thread, NULL, prefix_thread, &w));
	for (i = 0; i < 3; i++) {
		kv_wait_until(w.tid && kv_task_sleeps(w.tid));
		ASSERT_EQ(0, kv_seal(self->t.fd, b[i].handle));
	}
	kv_wait_until(kv_task_sleeps(w.tid));
	ASSERT_EQ(0, kv_abort(self->t.fd, b[3].handle));
	pthread_join(thread, NULL);
	EXPECT_EQ(3, w.result);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, w.e[i].status);
	EXPECT_EQ(-ENOENT, w.e[3].status);
}

static void *signal_thread(void *data)
{
	struct prefix_waiter *w = data;

	w->tid = kv_gettid();
	w->result = kv_lookup_batch(w->fd, KVPOOL_IOC_LEASE,
				    KVPOOL_LOOKUP_WAIT |
				    KVPOOL_LOOKUP_INTERRUPTIBLE,
				    w->e, 4, NULL, NULL, FOREVER);
	return NULL;
}

/* The timer of a profiler does not end a wait. */
TEST_F(wait, signal_timer)
{
	const int flags[] = { 0, SA_RESTART };
	unsigned int f;
	struct waiter w;

	for (f = 0; f < ARRAY_SIZE(flags); f++) {
		ASSERT_EQ(0, start(&w, self->reader, 1 + f));
		ASSERT_EQ(0, kv_alarms_begin(flags[f]));
		kv_wait_until(w.result != 1 || kv_task_signalled(w.tid));
		kv_wait_until(w.result != 1 || kv_task_sleeps(w.tid));
		ASSERT_EQ(0, kv_seal(self->t.fd, self->b.handle));
		EXPECT_EQ(0, finish(&w));
		kv_alarms_end();
		EXPECT_EQ(65536, w.b.length);
		EXPECT_EQ(0, kv_release(self->reader, w.b.handle));
		ASSERT_EQ(0, kv_reserve(self->t.fd, &self->b, 2 + f, 65536));
	}
}

/*
 * A caller that asked for it: a signal ends the wait with a status for each key,
 * and loses no lease.
 */
TEST_F(wait, signal)
{
	const int flags[] = { 0, SA_RESTART };
	struct kvpool_stats st;
	unsigned int f;
	pthread_t thread;

	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 2, 4096));
	for (f = 0; f < ARRAY_SIZE(flags); f++) {
		struct prefix_waiter w = { .fd = self->reader };
		struct sigaction sa = {
			.sa_handler = kv_signal_ignore, .sa_flags = flags[f],
		};

		ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
		kv_key(&w.e[0].key, 2);
		kv_key(&w.e[1].key, 1);
		kv_key(&w.e[2].key, 1);
		kv_key(&w.e[3].key, 1);
		ASSERT_EQ(0, pthread_create(&thread, NULL, signal_thread, &w));
		kv_wait_until(w.tid && kv_task_sleeps(w.tid));
		pthread_kill(thread, SIGUSR1);
		pthread_join(thread, NULL);
		EXPECT_EQ(1, w.result);
		EXPECT_EQ(0, w.e[0].status);
		EXPECT_EQ(-EINTR, w.e[1].status);
		EXPECT_EQ(-EINTR, w.e[2].status);
		EXPECT_EQ(-EINTR, w.e[3].status);
		EXPECT_EQ(0, kv_release(self->reader, w.e[0].handle));
	}
	ASSERT_EQ(0, kv_stats(self->reader, &st));
	EXPECT_EQ(0, st.leases);
}

/* A task that waits without a limit can be killed. */
TEST_F(wait, killed)
{
	struct kvpool_stats st;
	struct kv_block b;
	pid_t pid;

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int fd = kv_open(self->t.tenant, O_RDONLY);

		kv_lease_flags(fd, &b, 1, KVPOOL_LOOKUP_WAIT, FOREVER);
		_exit(1);
	}
	kv_wait_until(kv_task_sleeps(pid));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, kv_reap(pid));
	ASSERT_EQ(0, kv_seal(self->t.fd, self->b.handle));
	ASSERT_EQ(0, kv_stats(self->reader, &st));
	EXPECT_EQ(0, st.leases);
	EXPECT_EQ(0, st.pending);
}

/* A waiter outlives the owner's pre-emption and gets the second block. */
TEST_F(wait, preempted)
{
	struct kv_block again;
	struct waiter w;
	int ret, other;

	other = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, start(&w, self->reader, 1));
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	do {
		ret = kv_reserve(other, &again, 1, 4096);
	} while (ret == -EBUSY);
	ASSERT_EQ(0, ret);
	kv_fill(self->t.map, &again);
	ASSERT_EQ(0, kv_seal(other, again.handle));
	/* At no moment is the key unknown. */
	ASSERT_EQ(0, finish(&w));
	EXPECT_EQ(4096, w.b.length);
	EXPECT_EQ(0, kv_check(self->t.map, &w.b));
	EXPECT_EQ(-ESTALE, kv_seal(self->t.fd, self->b.handle));
	close(other);
}

static int readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

TEST_F(wait, poll_settled)
{
	struct pollfd p = { .fd = self->reader, .events = POLLIN };
	struct kv_block b;

	/* No lease has armed poll(). */
	EXPECT_EQ(0, readable(self->reader));
	EXPECT_EQ(-EINPROGRESS, kv_lease(self->reader, &b, 1));
	EXPECT_EQ(0, readable(self->reader));
	ASSERT_EQ(0, kv_seal(self->t.fd, self->b.handle));
	EXPECT_EQ(1, poll(&p, 1, -1));
	EXPECT_EQ(POLLIN, p.revents & POLLIN);
	/* A lease that finds all its keys disarms poll(). */
	EXPECT_EQ(0, kv_lease(self->reader, &b, 1));
	EXPECT_EQ(0, readable(self->reader));
}

TEST_F(wait, poll_aborted)
{
	struct pollfd p = { .fd = self->reader, .events = POLLIN };
	struct kv_block b;

	EXPECT_EQ(-EINPROGRESS, kv_lease(self->reader, &b, 1));
	ASSERT_EQ(0, kv_abort(self->t.fd, self->b.handle));
	EXPECT_EQ(1, poll(&p, 1, -1));
	EXPECT_EQ(-ENOENT, kv_lease(self->reader, &b, 1));
	EXPECT_EQ(0, readable(self->reader));
}

/* A task sleeps in poll() when the owner's file ends. */
TEST_F(wait, poll_sleeps)
{
	struct kv_poller w = { .fd = self->reader };
	struct kv_block b;
	pthread_t thread;

	EXPECT_EQ(-EINPROGRESS, kv_lease(self->reader, &b, 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, kv_poll_thread, &w));
	kv_wait_until(w.tid && kv_task_sleeps(w.tid));
	kv_bench_close(&self->t);
	pthread_join(thread, NULL);
	EXPECT_EQ(1, w.result);
}

/* poll() on a file without pending leases reports nothing. */
TEST_F(wait, poll_unarmed)
{
	struct kv_block b;

	ASSERT_EQ(0, kv_seal(self->t.fd, self->b.handle));
	EXPECT_EQ(0, readable(self->reader));
	EXPECT_EQ(-ENOENT, kv_lease(self->reader, &b, 77));
	ASSERT_EQ(0, kv_produce_blank(self->t.fd, 77, 4096));
	EXPECT_EQ(0, readable(self->reader));
}

/* A key that is settled wakes only the tasks and files that wait for it. */
TEST_F(wait, others_sleep_on)
{
	int files[2] = {
		kv_open(self->t.tenant, O_RDONLY),
		kv_open(self->t.tenant, O_RDONLY),
	};
	struct kv_poller p = { .fd = files[1] };
	unsigned long before, polls;
	struct kv_block b, other;
	pthread_t thread;
	struct waiter w;
	int i;

	ASSERT_GE(files[0], 0);
	ASSERT_GE(files[1], 0);
	ASSERT_EQ(0, start(&w, self->reader, 1));
	EXPECT_EQ(-EINPROGRESS, kv_lease(files[1], &b, 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, kv_poll_thread, &p));
	kv_wait_until(p.tid && kv_task_sleeps(p.tid));
	before = kv_task_switches(w.tid);
	polls = kv_task_switches(p.tid);
	ASSERT_NE(0, before);
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, kv_reserve(self->t.fd, &other, 2, 4096));
		EXPECT_EQ(-EINPROGRESS, kv_lease(files[0], &b, 2));
		EXPECT_EQ(0, readable(files[0]));
		ASSERT_EQ(0, i & 1 ? kv_abort(self->t.fd, other.handle) :
				     kv_seal(self->t.fd, other.handle));
		EXPECT_EQ(1, readable(files[0]));
		EXPECT_EQ(0, readable(files[1]));
		ASSERT_EQ(i & 1 ? -ENOENT : 0, kv_remove(self->t.fd, 2));
	}
	EXPECT_EQ(before, kv_task_switches(w.tid));
	EXPECT_EQ(polls, kv_task_switches(p.tid));
	ASSERT_EQ(0, kv_seal(self->t.fd, self->b.handle));
	EXPECT_EQ(0, finish(&w));
	pthread_join(thread, NULL);
	EXPECT_EQ(1, p.result);
	close(files[0]);
	close(files[1]);
}

/* A file is armed for each key that the call has left pending. */
TEST_F(wait, poll_any_of_many)
{
	struct kvpool_entry e[64];
	struct kv_block b[64];
	int i, n;

	for (i = 0; i < 64; i++)
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b[i], 100 + i, 4096));
	for (n = 0; n < 64; n += 9) {
		memset(e, 0, sizeof(e));
		for (i = 0; i < 64; i++)
			kv_key(&e[i].key, 100 + i);
		EXPECT_EQ((n + 8) / 9,
			  kv_lookup_batch(self->reader, KVPOOL_IOC_LEASE, 0, e,
					  64, NULL, NULL, 0));
		EXPECT_EQ(0, readable(self->reader));
		ASSERT_EQ(0, kv_seal(self->t.fd, b[n].handle));
		EXPECT_EQ(1, readable(self->reader));
	}
}

TEST_HARNESS_MAIN
