// SPDX-License-Identifier: GPL-2.0
/*
 * lifetime: the end of a process at every step, and files that are inherited,
 * passed on, duplicated and closed under a call. Nothing is leaked, and sealed
 * blocks are served to later files.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "kvpool_async.h"

#define NR_KEYS	8

FIXTURE(lifetime) {
	struct kv_bench t;
	struct kvpool_stats base;
};

FIXTURE_SETUP(lifetime)
{
	int i;

	ASSERT_EQ(0, kv_bench_start(&self->t));
	for (i = 0; i < NR_KEYS; i++)
		ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, i, 20000));
	ASSERT_EQ(0, kv_stats(self->t.fd, &self->base));
}

FIXTURE_TEARDOWN(lifetime)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

/* Reports a step to the parent and waits to be killed or continued. */
struct steps {
	int tell, go;
	int at, stop;
};

static void step(struct steps *s)
{
	char c;

	if (s->at++ == s->stop) {
		if (write(s->tell, "x", 1) == 1)
			while (read(s->go, &c, 1) != 1)
				;
	}
}

/* All steps of a producer; the key depends on the round. */
static int producer(struct steps *s, const char *tenant, __u64 number)
{
	struct kvpool_handle_entry handles[4] = {};
	struct kvpool_entry entries[4] = {};
	struct kv_block b, more;
	__u8 *map;
	int i, fd, dev;

	step(s);
	dev = open(KV_DEV, O_RDWR);
	if (dev < 0)
		return 1;
	step(s);
	fd = kv_open_tenant(dev, tenant);
	if (fd < 0)
		return 2;
	step(s);
	map = kv_map(fd, PROT_READ | PROT_WRITE);
	if (!map)
		return 3;
	step(s);
	if (kv_reserve(fd, &b, number, 3 * KV_CHUNK + 5))
		return 4;
	step(s);
	map[b.span[0].offset] = 1;
	step(s);
	kv_fill(map, &b);
	step(s);
	if (kv_seal(fd, b.handle))
		return 5;
	step(s);
	for (i = 0; i < 4; i++) {
		kv_key(&entries[i].key, number + 1 + i);
		entries[i].length = 70000;
	}
	if (kv_reserve_batch(fd, entries, 4, NULL, NULL) != 4)
		return 6;
	step(s);
	for (i = 0; i < 2; i++)
		handles[i].handle = entries[i].handle;
	if (kv_handle_batch(fd, KVPOOL_IOC_ABORT, handles, 2) != 2)
		return 7;
	step(s);
	if (kv_lease(fd, &more, number))
		return 8;
	step(s);
	if (kv_remove(fd, number))
		return 9;
	step(s);
	if (kv_check(map, &more))
		return 10;
	step(s);
	if (kv_release(fd, more.handle))
		return 11;
	step(s);
	close(fd);
	step(s);
	return kv_unmap(fd, map) ? 0 : 12;
}

static int consumer(struct steps *s, const char *tenant, __u64 number)
{
	struct kvpool_entry entries[NR_KEYS] = {};
	struct kv_block b;
	__u8 *map;
	int i, fd;

	(void)number;
	step(s);
	fd = kv_open(tenant, O_RDONLY);
	if (fd < 0)
		return 1;
	step(s);
	map = kv_map(fd, PROT_READ);
	if (!map)
		return 2;
	step(s);
	for (i = 0; i < NR_KEYS; i++)
		kv_key(&entries[i].key, i);
	if (kv_lookup_batch(fd, KVPOOL_IOC_LEASE, KVPOOL_LOOKUP_PREFIX, entries,
			    NR_KEYS, NULL, NULL, 0) != NR_KEYS)
		return 3;
	step(s);
	for (i = 0; i < NR_KEYS / 2; i++)
		if (kv_release(fd, entries[i].handle))
			return 4;
	step(s);
	if (kv_lease(fd, &b, 1) || kv_check(map, &b))
		return 5;
	step(s);
	kv_unmap(fd, map);
	step(s);
	close(fd);
	step(s);
	return 0;
}

static pid_t spawn(int (*run)(struct steps *, const char *, __u64), int stop,
		   const char *tenant, __u64 number, int *tell)
{
	int out[2], in[2];
	pid_t pid;

	if (pipe(out) || pipe(in))
		return -1;
	pid = fork();
	if (!pid) {
		struct steps s = { .tell = out[1], .go = in[0], .stop = stop };

		close(out[0]);
		_exit(run(&s, tenant, number));
	}
	close(out[1]);
	close(in[0]);
	close(in[1]);
	*tell = out[0];
	return pid;
}

/* True if the child stopped at its step, false if it ended before. */
static bool stopped(int tell)
{
	char c;
	bool ret = read(tell, &c, 1) == 1;

	close(tell);
	return ret;
}

static int all_served(const char *tenant)
{
	int ret, i, fd = kv_open(tenant, O_RDONLY);
	__u8 *map;

	if (fd < 0)
		return fd;
	map = kv_map(fd, PROT_READ);
	for (i = 0, ret = map ? 0 : -ENOMEM; !ret && i < NR_KEYS; i++)
		ret = kv_consume(fd, map, i);
	if (map)
		kv_unmap(fd, map);
	close(fd);
	return ret;
}

TEST_F(lifetime, producer_killed_at_every_step)
{
	unsigned long round, rounds = kv_rounds("KVPOOL_KILL_ROUNDS", 4, 1);
	struct kvpool_stats st;
	int tell, ret, at, steps = 0;
	pid_t pid;

	for (round = 0; round < rounds; round++)
		for (at = 0; at < 100; at++) {
			__u64 number = 1000 + at * 10;

			pid = spawn(producer, at, self->t.tenant, number,
				    &tell);
			ASSERT_GT(pid, 0);
			if (!stopped(tell)) {
				EXPECT_EQ(0, kv_reap(pid));
				break;
			}
			kill(pid, SIGKILL);
			EXPECT_EQ(128 + SIGKILL, kv_reap(pid));
			steps++;

			/* A sealed block is whole; a reservation is aborted. */
			ret = kv_consume(self->t.fd, self->t.map, number);
			EXPECT_TRUE(!ret || ret == -ENOENT)
				TH_LOG("step %d: %d", at, ret);
			if (!ret) {
				EXPECT_EQ(0, kv_remove(self->t.fd, number));
			}
			ASSERT_EQ(0, kv_stats(self->t.fd, &st));
			EXPECT_TRUE(kv_same_gauges(&self->base, &st))
				TH_LOG("step %d: %llu bytes, %llu pending, %llu leases, %llu in quarantine",
				       at, st.bytes, st.pending, st.leases,
				       st.quarantined_bytes);
			EXPECT_EQ(0, all_served(self->t.tenant));
		}
	EXPECT_EQ(rounds * 15, steps);
}

TEST_F(lifetime, consumer_killed_at_every_step)
{
	unsigned long round, rounds = kv_rounds("KVPOOL_KILL_ROUNDS", 6, 2);
	struct kvpool_stats st;
	int tell, at, steps = 0;
	pid_t pid;

	for (round = 0; round < rounds; round++)
		for (at = 0; at < 100; at++) {
			pid = spawn(consumer, at, self->t.tenant, 0, &tell);
			ASSERT_GT(pid, 0);
			if (!stopped(tell)) {
				EXPECT_EQ(0, kv_reap(pid));
				break;
			}
			/*
			 * A block that is removed under a reader is freed at
			 * the reader's end.
			 */
			if (at == 4) {
				EXPECT_EQ(0, kv_remove(self->t.fd, 5));
			}
			kill(pid, SIGKILL);
			EXPECT_EQ(128 + SIGKILL, kv_reap(pid));
			if (at == 4) {
				EXPECT_EQ(0, kv_produce(self->t.fd, self->t.map,
							5, 20000));
			}
			steps++;
			ASSERT_EQ(0, kv_stats(self->t.fd, &st));
			EXPECT_TRUE(kv_same_gauges(&self->base, &st))
				TH_LOG("step %d: %llu bytes, %llu leases", at,
				       st.bytes, st.leases);
			EXPECT_EQ(0, all_served(self->t.tenant));
		}
	EXPECT_EQ(rounds * 8, steps);
}

/* Killed at a random moment. */
TEST_F(lifetime, killed_anywhere)
{
	unsigned long round, rounds = kv_rounds("KVPOOL_KILL_ROUNDS", 60, 15);
	volatile unsigned long *progress;
	struct kvpool_stats st;
	__u64 seed = 0xdead;
	pid_t pid;
	int i;

	progress = mmap(NULL, KV_PAGE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, progress);
	for (round = 0; round < rounds; round++) {
		unsigned long enough = kv_rand(&seed) % 50;

		*progress = 0;
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid) {
			int fd = kv_open(self->t.tenant, O_RDWR);
			__u8 *map = kv_map(fd, PROT_READ | PROT_WRITE);
			struct kv_block b;
			__u64 n;

			for (n = 0;; n++) {
				(*progress)++;
				kv_produce(fd, map, 1000 + n % 16, 70000);
				kv_reserve(fd, &b, 2000 + n, 9000);
				kv_lease(fd, &b, n % NR_KEYS);
				kv_consume(fd, map, 1000 + (n + 8) % 16);
				if (n % 3 == 0)
					kv_remove(fd, 1000 + (n + 3) % 16);
			}
		}
		kv_wait_until(*progress > enough);
		kill(pid, SIGKILL);
		ASSERT_EQ(128 + SIGKILL, kv_reap(pid));
		ASSERT_EQ(0, kv_stats(self->t.fd, &st));
		EXPECT_EQ(0, st.pending);
		EXPECT_EQ(0, st.leases);
		EXPECT_EQ(0, st.quarantined_bytes);
		EXPECT_EQ(NR_KEYS * 20480 + (st.blocks - NR_KEYS) * 73728,
			  st.bytes);
		for (i = 0; i < 16; i++) {
			int ret = kv_consume(self->t.fd, self->t.map, 1000 + i);

			EXPECT_TRUE(!ret || ret == -ENOENT) TH_LOG("%d", ret);
		}
		EXPECT_EQ(0, all_served(self->t.tenant));
	}
}

static bool is_base(int fd, const struct kvpool_stats *base)
{
	struct kvpool_stats st;

	return !kv_stats(fd, &st) && kv_same_gauges(base, &st);
}

TEST_F(lifetime, forked)
{
	int fd = kv_open(self->t.tenant, O_RDWR);
	struct kvpool_stats st;
	struct kv_block b, lease;
	int go[2];
	pid_t pid;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, kv_reserve(fd, &b, 100, 65536));
	ASSERT_EQ(0, kv_lease(fd, &lease, 1));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		char c;

		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		/* The parent has closed; the handles are the child's now. */
		_exit(kv_release(fd, lease.handle) ? 2 :
		      kv_seal(fd, b.handle) ? 3 : 0);
	}
	close(fd);
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(1, st.pending);
	EXPECT_EQ(1, st.leases);
	ASSERT_EQ(1, write(go[1], "x", 1));
	EXPECT_EQ(0, kv_reap(pid));
	EXPECT_EQ(0, kv_remove(self->t.fd, 100));
	EXPECT_TRUE(is_base(self->t.fd, &self->base));
}

/* The child's end does not end the parent's file. */
TEST_F(lifetime, child_ends)
{
	struct kv_block b;
	pid_t pid;

	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 100, 65536));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(0);
	EXPECT_EQ(0, kv_reap(pid));
	EXPECT_EQ(-EINPROGRESS, kv_exists(self->t.fd, 100));
	EXPECT_EQ(0, kv_seal(self->t.fd, b.handle));
}

static pid_t exec_cat(const char *tenant, int flags, int *in)
{
	int pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		struct kv_block b;
		int fd = kv_open(tenant, O_RDWR);

		if (fd < 0 || fcntl(fd, F_SETFD, flags) ||
		    !kv_map(fd, PROT_READ | PROT_WRITE) ||
		    kv_reserve(fd, &b, 100, 65536) || kv_lease(fd, &b, 1))
			_exit(1);
		dup2(pipes[0], 0);
		execlp("cat", "cat", NULL);
		_exit(2);
	}
	close(pipes[0]);
	*in = pipes[1];
	return pid;
}

static bool runs_cat(pid_t pid)
{
	char path[64], comm[32];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	return !kv_read_file(path, comm, sizeof(comm)) && !strcmp(comm, "cat");
}

TEST_F(lifetime, exec)
{
	struct kvpool_stats st;
	pid_t pid;
	int in;

	/* With close-on-exec, exec() ends the file. */
	pid = exec_cat(self->t.tenant, FD_CLOEXEC, &in);
	ASSERT_GT(pid, 0);
	kv_wait_until(runs_cat(pid) && kv_task_sleeps(pid));
	EXPECT_TRUE(is_base(self->t.fd, &self->base));
	close(in);
	EXPECT_EQ(0, kv_reap(pid));

	/* Without close-on-exec the new program has the file. */
	pid = exec_cat(self->t.tenant, 0, &in);
	ASSERT_GT(pid, 0);
	kv_wait_until(runs_cat(pid) && kv_task_sleeps(pid));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(1, st.pending);
	EXPECT_EQ(1, st.leases);
	close(in);
	EXPECT_EQ(0, kv_reap(pid));
	EXPECT_TRUE(is_base(self->t.fd, &self->base));
}

static int send_fd(int sock, int fd)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(int))];
	} u = {};
	char c = 'x';
	struct iovec iov = { &c, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &u, .msg_controllen = sizeof(u.buf),
	};

	u.h.cmsg_level = SOL_SOCKET;
	u.h.cmsg_type = SCM_RIGHTS;
	u.h.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&u.h), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

static int receive_fd(int sock)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(int))];
	} u = {};
	char c;
	struct iovec iov = { &c, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &u, .msg_controllen = sizeof(u.buf),
	};
	int fd;

	if (recvmsg(sock, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

TEST_F(lifetime, passed_on)
{
	struct kvpool_stats st;
	struct kv_block b;
	int sock[2], fd;
	pid_t pid;

	/*
	 * A producer passes its file, with a reservation, to another process.
	 */
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		fd = kv_open(self->t.tenant, O_RDWR);
		if (fd < 0 || kv_reserve(fd, &b, 100, 65536) ||
		    send_fd(sock[0], fd) ||
		    write(sock[0], &b, sizeof(b)) != sizeof(b))
			_exit(1);
		_exit(0);
	}
	EXPECT_EQ(0, kv_reap(pid));
	EXPECT_EQ(-EINPROGRESS, kv_exists(self->t.fd, 100));
	fd = receive_fd(sock[1]);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(sizeof(b), recv(sock[1], &b, sizeof(b), MSG_WAITALL));
	kv_fill(self->t.map, &b);
	EXPECT_EQ(0, kv_seal(fd, b.handle));
	EXPECT_EQ(0, kv_consume(fd, self->t.map, 100));
	EXPECT_EQ(0, kv_remove(fd, 100));
	close(fd);

	/* A message that is never received: the file ends with the message. */
	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, kv_reserve(fd, &b, 101, 65536));
	ASSERT_EQ(0, send_fd(sock[0], fd));
	close(fd);
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(1, st.pending);
	close(sock[0]);
	close(sock[1]);
	kv_wait_until(is_base(self->t.fd, &self->base));
	EXPECT_EQ(-ENOENT, kv_exists(self->t.fd, 101));
}

TEST_F(lifetime, duplicated)
{
	struct kv_block b;
	int fd, copy;

	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, kv_reserve(fd, &b, 100, 65536));
	copy = dup(fd);
	ASSERT_GE(copy, 0);
	close(fd);
	EXPECT_EQ(-EINPROGRESS, kv_exists(self->t.fd, 100));
	EXPECT_EQ(0, kv_abort(copy, b.handle));
	ASSERT_EQ(0, kv_lease(copy, &b, 1));
	close(copy);
	EXPECT_TRUE(is_base(self->t.fd, &self->base));
}

struct caller {
	int fd;
	struct kv_block b;
	volatile pid_t tid;
	volatile int result;
};

static void *call_thread(void *data)
{
	struct caller *c = data;

	c->tid = kv_gettid();
	c->result = kv_lease_flags(c->fd, &c->b, 100, KVPOOL_LOOKUP_WAIT,
				   ~0ULL);
	return NULL;
}

/* A call keeps its file until it returns; then the file ends. */
TEST_F(lifetime, closed_under_a_call)
{
	struct caller c = { .result = 1 };
	struct kv_block b;
	pthread_t thread;

	c.fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(c.fd, 0);
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 100, 65536));
	ASSERT_EQ(0, pthread_create(&thread, NULL, call_thread, &c));
	kv_wait_until(c.tid && kv_task_sleeps(c.tid));
	close(c.fd);
	EXPECT_EQ(1, c.result);
	ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, c.result);
	EXPECT_EQ(0, kv_remove(self->t.fd, 100));
	EXPECT_TRUE(is_base(self->t.fd, &self->base));
}

struct closer {
	const char *tenant;
	volatile int fd;
	volatile bool stop;
};

static void *close_thread(void *data)
{
	struct closer *c = data;

	while (!c->stop) {
		int fd = kv_open(c->tenant, O_RDWR), old;

		old = __atomic_exchange_n(&c->fd, fd, __ATOMIC_SEQ_CST);
		if (old >= 0)
			close(old);
	}
	return NULL;
}

/* Calls on files that are closed at any moment. */
TEST_F(lifetime, close_race)
{
	unsigned long n, rounds = kv_rounds("KVPOOL_CLOSE_ROUNDS", 10000, 2000);
	struct closer c = { .tenant = self->t.tenant, .fd = -1 };
	pthread_t thread;
	struct kv_block b;

	ASSERT_EQ(0, pthread_create(&thread, NULL, close_thread, &c));
	for (n = 0; n < rounds; n++) {
		int fd = c.fd;

		kv_reserve(fd, &b, 1000 + n % 32, 4096);
		kv_lease(fd, &b, n % NR_KEYS);
		kv_abort(fd, b.handle);
		kv_release(fd, b.handle);
	}
	c.stop = true;
	pthread_join(thread, NULL);
	if (c.fd >= 0)
		close(c.fd);
	EXPECT_TRUE(is_base(self->t.fd, &self->base));
	EXPECT_EQ(0, all_served(self->t.tenant));
}

/* The end of all files ends leases and reservations, and no sealed block. */
TEST_F(lifetime, pool_outlives_everyone)
{
	struct kv_block b;

	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 100, 65536));
	ASSERT_EQ(0, kv_lease(self->t.fd, &b, 1));
	kv_bench_close(&self->t);
	EXPECT_EQ(0, all_served(self->t.tenant));
}

/* A process that is killed does not stay for its leases; they end, though. */
TEST_F(lifetime, killed_with_many_leases)
{
	enum { BATCHES = 32, N = 1024 };
	struct kvpool_entry *e = calloc(N, sizeof(*e));
	struct kvpool_stats st;
	int pipes[2], i, k;
	pid_t pid;
	char c;

	ASSERT_NE(NULL, e);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, kv_produce_blank(self->t.fd, 777, 4096));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int fd = kv_open(self->t.tenant, O_RDONLY);

		for (k = 0; k < BATCHES; k++) {
			memset(e, 0, N * sizeof(*e));
			for (i = 0; i < N; i++)
				kv_key(&e[i].key, 777);
			if (kv_lookup_batch(fd, KVPOOL_IOC_LEASE, 0, e, N, NULL,
					    NULL, 0) != N)
				_exit(1);
		}
		if (write(pipes[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(pipes[0], &c, 1));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_LE(BATCHES * N, st.leases);
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, kv_reap(pid));
	do {
		ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	} while (st.leases != self->base.leases);
	free(e);
	close(pipes[0]);
	close(pipes[1]);
}

/* Files that an administrator ends, while their owner has them. */

static bool is_served(struct kv_bench *t)
{
	return !kv_consume(t->fd, t->map, 1) &&
	       !kv_produce(t->fd, t->map, 900, 8192) &&
	       !kv_consume(t->fd, t->map, 900) && !kv_remove(t->fd, 900);
}

TEST_F(lifetime, revoked)
{
	struct pollfd p = { .events = POLLIN };
	struct kv_block b, lease;
	struct kvpool_info info;
	struct rusage before, after;
	struct kv_ring ring;
	__u8 *map, *more;
	int fd, copy;
	size_t size;

	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	copy = dup(fd);
	ASSERT_EQ(0, kv_info(fd, &info));
	size = info.arena_size;
	map = kv_map(fd, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, kv_reserve(fd, &b, 100, 3 * KV_CHUNK));
	kv_fill(map, &b);
	ASSERT_EQ(0, kv_lease(fd, &lease, 1));
	EXPECT_EQ(0, kv_check(map, &lease));
	EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 1));

	EXPECT_EQ(-ENOENT, kv_sys_set("revoke", 0));
	EXPECT_EQ(-ENOENT, kv_sys_set("revoke", info.context + 100000));
	EXPECT_EQ(-EINVAL, kv_sys_write("revoke", "me"));
	EXPECT_EQ(0, kv_sys_set("revoke", info.context));
	/* Once more does not matter. */
	EXPECT_EQ(0, kv_sys_set("revoke", info.context));

	/* Its leases and reservations are gone, and sealed blocks stay. */
	EXPECT_TRUE(is_base(self->t.fd, &self->base));
	EXPECT_EQ(-ENOENT, kv_exists(self->t.fd, 100));

	/* Every call fails, and poll() tells. */
	EXPECT_EQ(-ENODEV, kv_info(fd, &info));
	EXPECT_EQ(-ENODEV, kv_info(copy, &info));
	EXPECT_EQ(-ENODEV, kv_seal(fd, b.handle));
	EXPECT_EQ(-ENODEV, kv_abort(fd, b.handle));
	EXPECT_EQ(-ENODEV, kv_release(fd, lease.handle));
	EXPECT_EQ(-ENODEV, kv_lease(fd, &lease, 1));
	EXPECT_EQ(-ENODEV, kv_reserve(fd, &b, 101, 4096));
	EXPECT_EQ(-ENODEV, kv_exists(fd, 1));
	EXPECT_EQ(-ENODEV, kv_remove(fd, 1));
	EXPECT_EQ(-ENODEV, kv_pin(fd, 1, KVPOOL_PIN_SOFT));
	EXPECT_EQ(-ENODEV, kv_ring_open(fd, &ring, 8));
	EXPECT_EQ(-ENODEV, kv_open_tenant(fd, self->t.tenant));
	p.fd = fd;
	EXPECT_EQ(1, poll(&p, 1, -1));
	EXPECT_EQ(POLLHUP | POLLERR, p.revents);

	/* Its mappings raise SIGBUS, and there are no new ones. */
	EXPECT_EQ(SIGBUS, kv_touch(map + b.span[0].offset, true));
	EXPECT_EQ(SIGBUS, kv_touch(map + lease.span[0].offset, false));
	more = mmap(NULL, KV_CHUNK, PROT_READ, MAP_SHARED, fd, 0);
	EXPECT_EQ(MAP_FAILED, more);
	EXPECT_EQ(ENODEV, errno);

	/* Others go on, and their mappings stay where they are. */
	ASSERT_EQ(0, getrusage(RUSAGE_THREAD, &before));
	EXPECT_EQ(0, kv_touch(self->t.map + lease.span[0].offset, false));
	ASSERT_EQ(0, getrusage(RUSAGE_THREAD, &after));
	EXPECT_EQ(before.ru_minflt, after.ru_minflt);
	EXPECT_TRUE(is_served(&self->t));
	EXPECT_EQ(0, all_served(self->t.tenant));

	munmap(map, size);
	close(copy);
	close(fd);
}

/* A thread that writes to its reservation for as long as it can. */
struct scribbler {
	int fd;
	__u8 *map;
	struct kv_block b;
	volatile unsigned long rounds;
	volatile int signal;
};

static void *scribble_thread(void *data)
{
	struct scribbler *s = data;

	do {
		s->signal = kv_touch(s->map + s->b.span[0].offset +
				     s->rounds % s->b.span[0].length, true);
		s->rounds++;
	} while (!s->signal);
	return NULL;
}

/* When the call returns, nothing that the file began can write any more. */
TEST_F(lifetime, revoked_while_it_writes)
{
	unsigned long round, rounds = kv_rounds("KVPOOL_REVOKE_ROUNDS", 30, 8);
	struct kvpool_info info;
	struct scribbler s;
	pthread_t thread;
	struct kv_block b;

	ASSERT_EQ(0, kv_info(self->t.fd, &info));
	for (round = 0; round < rounds; round++) {
		memset(&s, 0, sizeof(s));
		s.fd = kv_open(self->t.tenant, O_RDWR);
		ASSERT_GE(s.fd, 0);
		s.map = kv_map(s.fd, PROT_READ | PROT_WRITE);
		ASSERT_NE(NULL, s.map);
		ASSERT_EQ(0, kv_reserve(s.fd, &s.b, 100, 65536));
		ASSERT_EQ(0, pthread_create(&thread, NULL, scribble_thread,
					    &s));
		kv_wait_until(s.rounds > round);
		ASSERT_EQ(0, kv_revoke(s.fd));
		/* The space is free, and another block gets it. */
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 101, 65536));
		EXPECT_EQ(s.b.span[0].offset, b.span[0].offset);
		kv_fill(self->t.map, &b);
		ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
		pthread_join(thread, NULL);
		EXPECT_EQ(SIGBUS, s.signal);
		EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 101));
		EXPECT_EQ(0, kv_remove(self->t.fd, 101));
		munmap(s.map, info.arena_size);
		close(s.fd);
	}
	EXPECT_TRUE(is_base(self->t.fd, &self->base));
}

static void *hup_thread(void *data)
{
	struct kv_poller *w = data;
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	w->tid = kv_gettid();
	w->result = poll(&p, 1, -1) == 1 ? p.revents : -1;
	return NULL;
}

/* What waits on the file ends: calls, operations, poll(). */
TEST_F(lifetime, revoked_while_it_waits)
{
	struct kv_poller w = { .result = -1 };
	struct caller c = { .result = 1 };
	struct kvpool_completion done;
	struct kvpool_op op;
	pthread_t lease, hup;
	struct kv_block b;
	struct kv_ring r;
	int fd;

	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 100, 65536));
	ASSERT_EQ(0, kv_ring_open(fd, &r, 8));
	op = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, 100, 77);
	ASSERT_EQ(1, kv_submit(fd, &op, 1));
	c.fd = fd;
	w.fd = fd;
	ASSERT_EQ(0, pthread_create(&lease, NULL, call_thread, &c));
	ASSERT_EQ(0, pthread_create(&hup, NULL, hup_thread, &w));
	kv_wait_until(c.tid && kv_task_sleeps(c.tid));
	kv_wait_until(w.tid && kv_task_sleeps(w.tid));
	ASSERT_EQ(0, kv_revoke(fd));
	pthread_join(lease, NULL);
	pthread_join(hup, NULL);
	EXPECT_EQ(-ENODEV, c.result);
	EXPECT_EQ(POLLHUP | POLLERR, w.result);
	/* The ring is memory of the process, which may look why. */
	ASSERT_TRUE(kv_ring_reap(&r, &done));
	EXPECT_EQ(77, done.user_data);
	EXPECT_EQ(-ECANCELED, done.status);
	kv_ring_close(&r);
	close(fd);
	EXPECT_EQ(0, kv_seal(self->t.fd, b.handle));
	EXPECT_EQ(0, kv_remove(self->t.fd, 100));
	EXPECT_TRUE(is_base(self->t.fd, &self->base));
}

/* Many calls on a file that is revoked at any moment, and closed. */
struct busy {
	const char *tenant;
	unsigned int id;
	volatile int fd;
	volatile bool stop;
	int error;
};

static void *busy_thread(void *data)
{
	struct busy *w = data;
	struct kvpool_op ops[2];
	struct kv_block b;
	unsigned long n;
	int ret;

	for (n = 0; !w->stop; n++) {
		int fd = w->fd;

		if (fd < 0)
			continue;
		ret = kv_reserve(fd, &b, 2000 + w->id * 100 + n % 16, 4096);
		if (!ret)
			ret = n % 2 ? kv_seal(fd, b.handle) :
				      kv_abort(fd, b.handle);
		if (ret && ret != -ENODEV && ret != -EBADF && ret != -EEXIST &&
		    ret != -EBUSY && ret != -ENOENT)
			w->error = ret;
		if (!kv_lease(fd, &b, n % NR_KEYS) && n % 3)
			kv_release(fd, b.handle);
		ops[0] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, n % NR_KEYS, n);
		ops[1] = kv_op(KVPOOL_OP_LEASE, KVPOOL_OP_WAIT, 3000, n);
		kv_submit(fd, ops, 2);
		kv_remove(fd, 2000 + w->id * 100 + n % 16);
	}
	return NULL;
}

TEST_F(lifetime, revoke_race)
{
	unsigned long n, rounds = kv_rounds("KVPOOL_REVOKE_ROUNDS", 60, 15);
	struct busy w[2] = {};
	pthread_t threads[2];
	struct kv_block b;
	struct kv_ring r;
	unsigned int i, k;
	int fd;

	/* A key that stays pending. */
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 3000, 4096));
	for (i = 0; i < 2; i++) {
		w[i].tenant = self->t.tenant;
		w[i].id = i;
		w[i].fd = -1;
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, busy_thread,
					    &w[i]));
	}
	for (n = 0; n < rounds; n++) {
		fd = kv_open(self->t.tenant, O_RDWR);
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, kv_ring_open(fd, &r, 64));
		for (i = 0; i < 2; i++)
			w[i].fd = fd;
		kv_spin(n % 8 * 500000);
		EXPECT_EQ(0, kv_revoke(fd));
		EXPECT_EQ(-ENODEV, kv_exists(fd, 1));
		for (i = 0; i < 2; i++)
			w[i].fd = -1;
		kv_ring_close(&r);
		close(fd);
	}
	for (i = 0; i < 2; i++) {
		w[i].stop = true;
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, w[i].error);
		for (k = 0; k < 16; k++)
			kv_remove(self->t.fd, 2000 + i * 100 + k);
	}
	EXPECT_EQ(0, kv_abort(self->t.fd, b.handle));
	EXPECT_TRUE(is_base(self->t.fd, &self->base));
	EXPECT_EQ(0, all_served(self->t.tenant));
}

/* The knob lease_ms revokes files with old leases, and no others. */
TEST_F(lifetime, leases_that_are_too_old)
{
	struct kvpool_entry entries[2] = {};
	struct kv_block b, lease, young;
	struct kvpool_info info;
	int fd, other;

	fd = kv_open(self->t.tenant, O_RDWR);
	other = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, kv_lease(fd, &lease, 1));
	/* Neither reservations nor leases that have ended. */
	ASSERT_EQ(0, kv_reserve(other, &b, 100, 65536));
	ASSERT_EQ(0, kv_lease(other, &young, 2));
	ASSERT_EQ(0, kv_release(other, young.handle));
	ASSERT_EQ(0, kv_sys_set("lease_ms", 50));
	kv_wait_until(kv_info(fd, &info) == -ENODEV);
	EXPECT_EQ(0, kv_info(other, &info));
	/* Leases of a call that waits for another key for ever. */
	close(fd);
	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	kv_key(&entries[0].key, 1);
	kv_key(&entries[1].key, 100);
	EXPECT_EQ(-ENODEV, kv_lookup_batch(fd, KVPOOL_IOC_LEASE,
					   KVPOOL_LOOKUP_WAIT, entries, 2, NULL,
					   NULL, ~0ULL));
	ASSERT_EQ(0, kv_sys_set("lease_ms", 0));
	EXPECT_EQ(0, kv_info(other, &info));
	EXPECT_EQ(0, kv_abort(other, b.handle));
	kv_wait_until(is_base(self->t.fd, &self->base));
	close(fd);
	close(other);
}

TEST_HARNESS_MAIN
