// SPDX-License-Identifier: GPL-2.0
/*
 * The program that the tests of the fabric run on each host: makes blocks whose
 * every byte follows from their number, and fetches, pushes and checks them. One
 * line of JSON on stdout reports the results; exit code 0 if all was as expected.
 *
 *	kvfab [OPTION...] VERB FIRST COUNT LENGTH
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <linux/kvpool.h>

#define MAX_SPANS	65536
#define RALLY_AHEAD	4U	/* requests that wait at a peer */

static struct {
	const char *tenant;
	const char *peer;	/* name or number, NULL for any */
	unsigned int window;
	unsigned int repeat;
	unsigned int seed;
	double cancel;
	double seconds;
	unsigned long timeout_ms;
	bool accept[256];	/* by errno: it counts as no failure */
	bool transient;
	bool keep;
	bool blank;
	bool local;
	bool chain;
	bool wait;
	bool prefix;
	bool whole;
	unsigned int signal_ms;
	int node;
	int expect;
} opt = { .window = 16, .repeat = 1, .node = KVPOOL_NODE_ANY };

static volatile sig_atomic_t stopped;
static volatile sig_atomic_t handled;
static int fd;
static uint8_t *map;
static unsigned int peer;	/* number of opt.peer */
static struct kvpool_info info = { .size = sizeof(info) };

static struct {
	unsigned int entries;
	unsigned int head;
	uint32_t number;
	volatile uint32_t *user_head;
	volatile uint32_t *user_tail;
	struct kvpool_completion *cqes;
} ring;

static void die(const char *what)
{
	fprintf(stderr, "kvfab: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static struct kvpool_key key_of(uint64_t number)
{
	struct kvpool_key key = { .words = { number } };
	unsigned int i;

	for (i = 1; i < KVPOOL_KEY_SIZE / 8; i++)
		key.words[i] = mix(number * 4 + i);
	return key;
}

static uint64_t word(uint64_t number, uint64_t offset)
{
	return mix(number) + offset * 0x9e3779b97f4a7c15ULL;
}

/* Write, or compare, every byte of a piece that begins at @base. */
static bool piece(uint8_t *p, uint64_t number, uint64_t base, size_t len,
		  bool fill)
{
	uint64_t seed = mix(number), step = 0x9e3779b97f4a7c15ULL;
	uint64_t *w = (uint64_t *)p, x = seed + base * step;
	size_t i;

	for (i = 0; i < len / 8; i++, x += 8 * step) {
		if (fill)
			w[i] = x;
		else if (w[i] != x)
			return false;
	}
	for (i = len & ~7UL; i < len; i++) {
		if (fill)
			p[i] = word(number, base + i);
		else if (p[i] != (uint8_t)word(number, base + i))
			return false;
	}
	return true;
}

static bool block(uint64_t handle, uint64_t number, bool fill)
{
	static struct kvpool_span spans[MAX_SPANS];
	struct kvpool_spans arg = {
		.size = sizeof(arg), .handle = handle,
		.spans = (uintptr_t)spans, .nr_spans = MAX_SPANS,
	};
	uint64_t base = 0;
	unsigned int i;

	if (ioctl(fd, KVPOOL_IOC_SPANS, &arg))
		die("spans");
	for (i = 0; i < arg.nr_spans; i++) {
		if (!piece(map + spans[i].offset, number, base,
			   spans[i].length, fill))
			return false;
		base += spans[i].length;
	}
	return true;
}

/* ---- blocks on this host ---- */

static int handle_call(unsigned long nr, uint64_t handle)
{
	struct kvpool_handle_entry entry = { .handle = handle };
	struct kvpool_handles arg = {
		.size = sizeof(arg), .nr_entries = 1,
		.entries = (uintptr_t)&entry,
	};

	if (ioctl(fd, nr, &arg))
		die("handle");
	return entry.status;
}

/* With -C, the place of a block in its chain follows from its number. */
#define CHAIN	1000

static int reserve(uint64_t number, uint64_t length, uint64_t *handle)
{
	struct kvpool_entry entry = {
		.key = key_of(number), .length = length,
	};
	struct kvpool_reserve arg = {
		.size = sizeof(arg), .nr_entries = 1,
		.entries = (uintptr_t)&entry, .node = KVPOOL_NODE_ANY,
	};

	if (opt.chain) {
		arg.flags = KVPOOL_RESERVE_CHAIN;
		arg.position = number % CHAIN;
		if (arg.position)
			arg.parent = key_of(number - 1);
	}
	if (ioctl(fd, KVPOOL_IOC_RESERVE, &arg))
		die("reserve");
	if (!entry.status && !opt.blank)
		block(entry.handle, number, true);
	*handle = entry.handle;
	return entry.status;
}

static int produce(uint64_t number, uint64_t length)
{
	uint64_t handle;
	int ret = reserve(number, length, &handle);

	return ret ? ret : handle_call(KVPOOL_IOC_SEAL, handle);
}

/* Reserve and seal all blocks of a chain in one call each. */
static int produce_at_once(uint64_t first, unsigned long count, uint64_t length)
{
	struct kvpool_handle_entry *handles = calloc(count, sizeof(*handles));
	struct kvpool_entry *entries = calloc(count, sizeof(*entries));
	struct kvpool_reserve arg = {
		.size = sizeof(arg), .nr_entries = count,
		.entries = (uintptr_t)entries, .node = opt.node,
		.flags = opt.chain ? KVPOOL_RESERVE_CHAIN : 0,
	};
	struct kvpool_handles seal = {
		.size = sizeof(seal), .nr_entries = count,
		.entries = (uintptr_t)handles,
	};
	unsigned long i;

	for (i = 0; i < count; i++) {
		entries[i].key = key_of(first + i);
		entries[i].length = length;
	}
	if (ioctl(fd, KVPOOL_IOC_RESERVE, &arg))
		die("reserve");
	for (i = 0; i < count; i++) {
		if (entries[i].status)
			return entries[i].status;
		if (!opt.blank)
			block(entries[i].handle, first + i, true);
		handles[i].handle = entries[i].handle;
	}
	if (ioctl(fd, KVPOOL_IOC_SEAL, &seal))
		die("seal");
	i = seal.nr_done;
	free(entries);
	free(handles);
	return i == count ? 0 : -EIO;
}

/* Keep keys pending until SIGTERM, which seals them, or SIGINT, which aborts. */
static void hold(uint64_t first, unsigned long count, uint64_t length,
		 unsigned long *done)
{
	uint64_t *handles = calloc(count, sizeof(*handles));
	unsigned long nr, i;
	sigset_t signals;
	int got = 0;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	for (nr = 0; nr < count; nr++)
		if (reserve(first + nr, length, &handles[nr]))
			die("reserve");
	sigwait(&signals, &got);
	for (i = 0; i < nr; i++)
		*done += !handle_call(got == SIGTERM ? KVPOOL_IOC_SEAL :
				      KVPOOL_IOC_ABORT, handles[i]);
	free(handles);
}

static int lease(uint64_t number, uint64_t *handle)
{
	struct kvpool_entry entry = { .key = key_of(number) };
	struct kvpool_lookup arg = {
		.size = sizeof(arg), .nr_entries = 1,
		.entries = (uintptr_t)&entry,
	};

	if (ioctl(fd, KVPOOL_IOC_LEASE, &arg))
		die("lease");
	*handle = entry.handle;
	return entry.status;
}

static int check_leased(uint64_t number, uint64_t handle)
{
	bool ok = opt.blank || block(handle, number, false);

	handle_call(KVPOOL_IOC_RELEASE, handle);
	return ok ? 0 : -EBADMSG;
}

static int check(uint64_t number)
{
	uint64_t handle;
	int ret = lease(number, &handle);

	return ret ? ret : check_leased(number, handle);
}

static int forget(uint64_t number)
{
	struct kvpool_entry entry = { .key = key_of(number) };
	struct kvpool_keys arg = {
		.size = sizeof(arg), .nr_entries = 1,
		.entries = (uintptr_t)&entry,
	};

	if (ioctl(fd, KVPOOL_IOC_REMOVE, &arg))
		die("remove");
	return entry.status;
}

/* ---- the ring ---- */

static void ring_open(unsigned int entries)
{
	struct kvpool_ring_setup arg = {
		.size = sizeof(arg), .entries = entries, .eventfd = -1,
	};
	uint8_t *at;

	if (ioctl(fd, KVPOOL_IOC_RING, &arg))
		die("ring");
	at = mmap(NULL, arg.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		  arg.offset);
	if (at == MAP_FAILED)
		die("mmap ring");
	ring.entries = arg.entries;
	ring.number = arg.ring;
	ring.user_head = (void *)(at + arg.head_offset);
	ring.user_tail = (void *)(at + arg.tail_offset);
	ring.cqes = (void *)(at + arg.completions_offset);
}

static bool ring_reap(struct kvpool_completion *cqe)
{
	if (ring.head == __atomic_load_n(ring.user_tail, __ATOMIC_ACQUIRE))
		return false;
	*cqe = ring.cqes[ring.head & (ring.entries - 1)];
	__atomic_store_n(ring.user_head, ++ring.head, __ATOMIC_RELEASE);
	return true;
}

static void ring_wait(void)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, 60000) == 0) {
		fprintf(stderr, "kvfab: nothing completed for a minute\n");
		exit(3);
	}
}

static unsigned int submit(struct kvpool_op *ops, unsigned int nr)
{
	struct kvpool_submit arg = {
		.size = sizeof(arg), .nr_ops = nr, .ops = (uintptr_t)ops,
		.ring = ring.number,
	};

	if (ioctl(fd, KVPOOL_IOC_SUBMIT, &arg)) {
		if (errno == EBUSY)
			return 0;
		die("submit");
	}
	return arg.nr_done;
}

static unsigned int cancel(unsigned int flags, uint64_t match)
{
	struct kvpool_cancel arg = {
		.size = sizeof(arg), .flags = flags, .match = match,
		.ring = ring.number,
	};

	if (ioctl(fd, KVPOOL_IOC_CANCEL, &arg))
		die("cancel");
	return arg.nr_done;
}

/* ---- many operations ---- */

struct tally {
	unsigned long ok, bad, failed, cancelled, moved, accepted;
	unsigned long expired, kills, looks;
	uint64_t bytes;
	int error;
	uint64_t worst;
};

static void op_fill(struct kvpool_op *op, int opcode, uint64_t number,
		    uint64_t length)
{
	memset(op, 0, sizeof(*op));
	op->opcode = opcode;
	op->user_data = number;
	op->peer = peer;
	op->timeout_ns = opt.timeout_ms * 1000000ULL;
	op->key = key_of(number);
	if (opcode == KVPOOL_OP_LEASE && opt.local) {
		op->flags = KVPOOL_OP_WAIT;
	} else if (opcode == KVPOOL_OP_LEASE) {
		op->flags = KVPOOL_OP_REMOTE;
		if (opt.transient)
			op->flags |= KVPOOL_OP_TRANSIENT;
		if (opt.wait)
			op->flags |= KVPOOL_OP_WAIT;
		if (opt.prefix)
			op->flags |= KVPOOL_OP_PREFIX;
		op->length = length;
		op->node = opt.node;
		if (opt.chain) {
			op->flags |= KVPOOL_OP_CHAIN;
			op->position = number % CHAIN;
			if (op->position)
				op->parent = key_of(number - 1);
		}
	} else if (opcode == KVPOOL_OP_PROBE) {
		op->flags = KVPOOL_OP_REMOTE;
	} else if (opcode == KVPOOL_OP_PUSH) {
		op->node = opt.node;
	}
}

static void refused(int status, struct tally *t)
{
	if (opt.accept[-status & 255]) {
		t->accepted++;
	} else {
		t->failed++;
		t->error = status;
	}
}

static void completed(const struct kvpool_completion *c, int opcode,
		      uint64_t length, struct tally *t)
{
	if (c->status == -ECANCELED) {
		t->cancelled++;
		return;
	}
	if (c->status) {
		refused(c->status, t);
		return;
	}
	t->bytes += c->bytes;
	t->moved += c->route == KVPOOL_ROUTE_RDMA;
	if (opcode == KVPOOL_OP_PROBE) {
		if (length && c->length != length)
			t->bad++;
		else
			t->ok++;
	} else if (opcode == KVPOOL_OP_LEASE) {
		if (!opt.blank && !block(c->handle, c->user_data, false))
			t->bad++;
		else
			t->ok++;
		handle_call(KVPOOL_IOC_RELEASE, c->handle);
		if (!opt.keep && !opt.transient)
			forget(c->user_data);
	} else {
		t->ok++;
	}
}

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* Returns the number of operations. */
static unsigned long run(int opcode, uint64_t first, unsigned long count,
			 uint64_t length, struct tally *t)
{
	uint64_t end = opt.seconds ? now() + opt.seconds * 1e9 : 0;
	struct kvpool_op *ops = calloc(opt.window, sizeof(*ops));
	unsigned long total = count * opt.repeat, sent = 0, done = 0;
	uint64_t rnd = opt.seed * 2 + 1;
	struct kvpool_completion c;
	unsigned int i, nr;

	ring_open(opt.window);
	signal(SIGTERM, stop);
	if (end)
		total = ULONG_MAX;
	while (done < total) {
		if (stopped || (end && now() > end))
			total = sent;
		/* Operations that fail immediately are over before the next. */
		if (done == total)
			break;
		nr = opt.window - (sent - done);
		if (nr > total - sent)
			nr = total - sent;
		for (i = 0; i < nr; i++)
			op_fill(&ops[i], opcode, first + (sent + i) % count,
				length);
		if (nr)
			sent += submit(ops, nr);
		rnd = mix(rnd);
		if (opt.cancel && (rnd >> 11) * 0x1p-53 < opt.cancel) {
			rnd = mix(rnd);
			usleep(rnd % 3000);
			rnd = mix(rnd);
			if (rnd & 1)
				cancel(KVPOOL_CANCEL_ALL, 0);
			else
				cancel(KVPOOL_CANCEL_USER_DATA, first + done %
				       count);
		}
		if (!ring_reap(&c)) {
			ring_wait();
			continue;
		}
		do {
			completed(&c, opcode, length, t);
			done++;
		} while (ring_reap(&c));
	}
	free(ops);
	return total;
}

/* One operation in one call; returns its status. */
static int one(struct kvpool_op *op, struct kvpool_completion *c)
{
	struct kvpool_submit arg = {
		.size = sizeof(arg), .nr_ops = 1,
		.ops = (uintptr_t)op, .results = (uintptr_t)c,
	};

	if (ioctl(fd, KVPOOL_IOC_SUBMIT, &arg))
		die("submit");
	return c->status;
}

/* All of them in one call, which waits; no ring. */
static void at_once(int opcode, uint64_t first, unsigned long count,
		    uint64_t length, struct tally *t)
{
	struct kvpool_completion *results = calloc(count, sizeof(*results));
	struct kvpool_op *ops = calloc(count, sizeof(*ops));
	struct kvpool_submit arg = {
		.size = sizeof(arg), .nr_ops = count, .ops = (uintptr_t)ops,
		.results = (uintptr_t)results,
	};
	unsigned long i;

	for (i = 0; i < count; i++)
		op_fill(&ops[i], opcode, first + i, length);
	if (ioctl(fd, KVPOOL_IOC_SUBMIT, &arg))
		die("submit");
	for (i = 0; i < count; i++)
		completed(&results[i], opcode, length, t);
	free(results);
	free(ops);
}

static void handler(int signal)
{
	(void)signal;
	handled++;
}

/* A signal that is handled, every few milliseconds of this process's life. */
static void disturb(unsigned int ms)
{
	struct itimerval timer = {
		.it_interval.tv_usec = ms * 1000, .it_value.tv_usec = ms * 1000,
	};
	struct sigaction action = { .sa_handler = handler };

	if (sigaction(SIGALRM, &action, NULL) ||
	    setitimer(ITIMER_REAL, &timer, NULL))
		die("timer");
}

/* One at a time, each in one call. */
static void ping(int opcode, uint64_t first, unsigned long count,
		 uint64_t length, struct tally *t, uint64_t *times)
{
	unsigned long i, total = count * opt.repeat;
	struct kvpool_completion c;
	struct kvpool_op op;
	uint64_t begun;

	for (i = 0; i < total; i++) {
		op_fill(&op, opcode, first + i % count, length);
		begun = now();
		one(&op, &c);
		times[i] = now() - begun;
		completed(&c, opcode, length, t);
	}
}

/*
 * Does a device write to memory after its transfer was fenced? Transfers are
 * ended at random moments; then all memory of the tenant, whose quota is small,
 * is reserved and filled, and must stay as it is. A tenant's free memory is the
 * next to be used, so late writes would land there.
 */
static void look(uint64_t *rnd, struct tally *t)
{
	static struct kvpool_entry entries[4096];
	uint64_t own = 1ULL << 40;
	unsigned int i, nr;

	for (nr = 0; nr < 4096; nr++) {
		struct kvpool_reserve arg = {
			.size = sizeof(arg), .nr_entries = 1,
			.entries = (uintptr_t)&entries[nr],
			.node = KVPOOL_NODE_ANY,
		};

		memset(&entries[nr], 0, sizeof(entries[nr]));
		entries[nr].length = 65536;
		entries[nr].key = key_of(own + nr);
		if (ioctl(fd, KVPOOL_IOC_RESERVE, &arg))
			die("reserve");
		if (entries[nr].status)
			break;
		block(entries[nr].handle, own + nr, true);
	}
	*rnd = mix(*rnd);
	usleep(*rnd % 20000);
	for (i = 0; i < nr; i++) {
		if (!block(entries[i].handle, own + i, false))
			t->bad++;
		handle_call(KVPOOL_IOC_ABORT, entries[i].handle);
	}
	t->bytes += nr * 65536ULL;
	t->looks++;
}

/* Fetch a page: then a link is up, and the next operations are sent immediately. */
static void arrive(uint64_t number, struct tally *t)
{
	struct kvpool_completion c;
	struct kvpool_op op;

	op_fill(&op, KVPOOL_OP_LEASE, number, 4096);
	if (submit(&op, 1) != 1)
		die("submit");
	while (!ring_reap(&c))
		ring_wait();
	if (c.status)
		refused(c.status, t);
	else
		handle_call(KVPOOL_IOC_RELEASE, c.handle);
}

static unsigned int send_window(struct kvpool_op *ops, unsigned long round,
				uint64_t first, unsigned long count,
				uint64_t length)
{
	unsigned int i;

	for (i = 0; i < opt.window; i++)
		op_fill(&ops[i], KVPOOL_OP_LEASE, first + (round + i) % count,
			length);
	return submit(ops, opt.window);
}

/* Up to 40 ms, and sometimes none. */
static void moment(uint64_t *rnd)
{
	*rnd = mix(*rnd);
	if (*rnd % 8)
		usleep(*rnd / 8 % 40000);
}

/*
 * End transfers by cancelling, and by a deadline. The block after the others is
 * one page for arrive().
 */
static void fence(uint64_t first, unsigned long count, uint64_t length,
		  struct tally *t)
{
	struct kvpool_op *ops = calloc(opt.window, sizeof(*ops));
	unsigned long round, timeout_ms = opt.timeout_ms;
	uint64_t rnd = opt.seed * 2 + 1;
	struct kvpool_completion c;
	unsigned int sent;

	ring_open(opt.window);
	for (round = 0; round < opt.repeat; round++) {
		rnd = mix(rnd);
		opt.timeout_ms = timeout_ms;
		arrive(first + count, t);
		if (rnd % 4 == 0)
			opt.timeout_ms = 1 + rnd / 4 % 40;
		sent = send_window(ops, round, first, count, length);
		if (opt.timeout_ms == timeout_ms) {
			moment(&rnd);
			cancel(KVPOOL_CANCEL_ALL, 0);
		}
		for (; sent; sent--) {
			while (!ring_reap(&c))
				ring_wait();
			if (!c.status)
				handle_call(KVPOOL_IOC_RELEASE, c.handle);
			else if (c.status == -ECANCELED)
				t->cancelled++;
			else if (c.status == -ETIMEDOUT)
				t->expired++;
			else if (c.status != -ENOSPC && c.status != -EDQUOT)
				refused(c.status, t);
		}
		look(&rnd, t);
		t->ok++;
	}
	free(ops);
}

/* The number of a peer that is named by its name or number. */
static unsigned int find_peer(const char *text)
{
	struct kvpool_peer_name arg = { .size = sizeof(arg) };
	char *end;

	arg.peer = strtoul(text, &end, 10);
	if (*text && !*end)
		return arg.peer;
	arg.peer = 0;
	strncpy((char *)arg.name, text, KVPOOL_NAME_SIZE - 1);
	if (ioctl(fd, KVPOOL_IOC_PEER, &arg))
		die(text);
	return arg.peer;
}

static void open_pool(void)
{
	fd = open("/dev/kvpool", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("/dev/kvpool");
	if (opt.tenant) {
		struct kvpool_open_tenant arg = { .size = sizeof(arg) };

		strncpy((char *)arg.tenant, opt.tenant, KVPOOL_NAME_SIZE - 1);
		if (ioctl(fd, KVPOOL_IOC_OPEN_TENANT, &arg))
			die(opt.tenant);
		close(fd);
		fd = arg.fd;
	}
	if (opt.peer)
		peer = find_peer(opt.peer);
}

/* End transfers by SIGKILL of the process that has them in flight. */
static void fence_kill(uint64_t first, unsigned long count, uint64_t length,
		   struct tally *t)
{
	struct kvpool_op *ops = calloc(opt.window, sizeof(*ops));
	uint64_t rnd = opt.seed * 2 + 1;
	unsigned long round;
	int told[2], status;
	pid_t pid;
	char c;

	for (round = 0; round < opt.repeat; round++) {
		if (pipe(told))
			die("pipe");
		pid = fork();
		if (pid < 0)
			die("fork");
		if (!pid) {
			close(told[0]);
			open_pool();
			ring_open(opt.window);
			arrive(first + count, t);
			send_window(ops, round, first, count, length);
			if (write(told[1], "", 1) != 1)
				die("pipe");
			for (;;)
				pause();
		}
		close(told[1]);
		if (read(told[0], &c, 1) != 1)
			die("the child");
		close(told[0]);
		moment(&rnd);
		kill(pid, SIGKILL);
		if (waitpid(pid, &status, 0) != pid)
			die("wait");
		t->kills += WIFSIGNALED(status);
		look(&rnd, t);
		t->ok++;
	}
	free(ops);
}

/* Keep leases until there is a block with the number after theirs. */
static void keep_leases(uint64_t first, unsigned long count, struct tally *t)
{
	uint64_t *handles = calloc(count, sizeof(*handles)), last;
	unsigned long i;
	int ret;

	for (i = 0; i < count; i++)
		if (lease(first + i, &handles[i]))
			die("lease");
	while (lease(first + count, &last))
		usleep(10000);
	handle_call(KVPOOL_IOC_RELEASE, last);
	for (i = 0; i < count; i++) {
		ret = check_leased(first + i, handles[i]);
		t->bad += !!ret;
		t->ok += !ret;
	}
	free(handles);
}

/* Wait for blocks of the other host, of which each second one is awaited. */
static void rally_wait(uint64_t first, unsigned int nr, uint64_t length)
{
	struct kvpool_op ops[RALLY_AHEAD];
	unsigned int i;

	for (i = 0; i < nr; i++)
		op_fill(&ops[i], KVPOOL_OP_LEASE, first + 2 * i, length);
	if (submit(ops, nr) != nr)
		die("submit");
}

/*
 * Two hosts in turn: one seals block 2 * i and waits for block 2 * i + 1, which
 * the other one seals when it has got the first. All are pending before that, and
 * the hosts wait for some blocks ahead, so that the requests are there. The first
 * of these, whose request may be on its way, is not timed. Returns how many are.
 */
static unsigned long rally(bool serves, uint64_t first, unsigned long count,
			   uint64_t length, struct tally *t, uint64_t *times)
{
	uint64_t *handles = calloc(count, sizeof(*handles)), begun;
	unsigned long i, timed = 0;
	struct kvpool_completion c;
	struct kvpool_op op;

	opt.transient = true;
	ring_open(RALLY_AHEAD);
	for (i = 0; i < count; i++)
		if (reserve(first + 2 * i + !serves, length, &handles[i]))
			die("reserve");
	fprintf(stderr, "ready\n");
	/* The other host, which is started second, has to reserve. */
	op_fill(&op, KVPOOL_OP_PROBE, first + 2 * (count - 1), length);
	while (!serves && one(&op, &c) == -ENOENT)
		;
	opt.wait = true;
	for (i = 0; i < count; i++) {
		if (!(i % RALLY_AHEAD))
			rally_wait(first + 2 * i + serves,
				   count - i < RALLY_AHEAD ? count - i :
							     RALLY_AHEAD,
				   length);
		begun = now();
		if (serves)
			handle_call(KVPOOL_IOC_SEAL, handles[i]);
		while (!ring_reap(&c))
			ring_wait();
		if (i % RALLY_AHEAD)
			times[timed++] = (now() - begun) / 2;
		if (!serves)
			handle_call(KVPOOL_IOC_SEAL, handles[i]);
		completed(&c, KVPOOL_OP_LEASE, length, t);
	}
	free(handles);
	return timed;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void usage(void)
{
	fprintf(stderr,
		"usage: kvfab [OPTION...] VERB FIRST COUNT LENGTH\n"
		"verbs: produce, check, remove\n"
		"       fetch, push, probe (with a ring)\n"
		"       ping (FETCH, one at a time)\n"
		"       serve, pong (two hosts that wait for each other's blocks)\n"
		"       fence, kill (end fetches at random moments)\n"
		"       lease (until there is block FIRST + COUNT)\n"
		"       hold (reserve; SIGTERM seals, SIGINT aborts)\n"
		"  -t TENANT   use its blocks\n"
		"  -p PEER     name or number of the peer, instead of any\n"
		"  -w WINDOW   operations in flight (16)\n"
		"  -r REPEAT   so many times (1)\n"
		"  -s SEED     of what is random\n"
		"  -T          keep no copy (transient)\n"
		"  -k          keep the copies; otherwise they are removed\n"
		"  -n          neither write nor compare content\n"
		"  -c P        cancel an operation with probability P\n"
		"  -o MS       deadline of each operation\n"
		"  -d SECONDS  fetch, push, probe: until then, instead of REPEAT\n"
		"              times (SIGTERM ends either)\n"
		"  -C          produce, fetch: number N is at N mod 1000 in a chain\n"
		"  -B          all in one call, which waits (no window)\n"
		"  -P          fetch: an operation continues the one before it\n"
		"  -S MS       handle a signal every MS milliseconds\n"
		"  -N NODE     produce with -B, fetch, push: prefer this node\n"
		"  -W          fetch: wait at the peer while it is pending\n"
		"  -l          only wait for blocks that are pending on this host\n"
		"  -a ERRNO    it counts as no failure; may be repeated\n"
		"  -e ERRNO    every operation is to fail with it\n");
	exit(2);
}

int main(int argc, char **argv)
{
	struct tally t = {};
	uint64_t first, length, begun, *times = NULL;
	unsigned long count, i, total, nr_times = 0;
	const char *verb;
	int c, ret = 0;

	while ((c = getopt(argc, argv, "t:p:w:r:s:c:o:e:d:a:S:N:TknlCWBP")) != -1) {
		switch (c) {
		case 't': opt.tenant = optarg; break;
		case 'p': opt.peer = optarg; break;
		case 'w': opt.window = atoi(optarg); break;
		case 'r': opt.repeat = atoi(optarg); break;
		case 's': opt.seed = atoi(optarg); break;
		case 'c': opt.cancel = atof(optarg); break;
		case 'o': opt.timeout_ms = atol(optarg); break;
		case 'e': opt.expect = atoi(optarg); break;
		case 'd': opt.seconds = atof(optarg); break;
		case 'a': opt.accept[atoi(optarg) & 255] = true; break;
		case 'l': opt.local = true; break;
		case 'C': opt.chain = true; break;
		case 'W': opt.wait = true; break;
		case 'B': opt.whole = true; break;
		case 'P': opt.prefix = true; break;
		case 'S': opt.signal_ms = atoi(optarg); break;
		case 'N': opt.node = atoi(optarg); break;
		case 'T': opt.transient = true; break;
		case 'k': opt.keep = true; break;
		case 'n': opt.blank = true; break;
		default: usage();
		}
	}
	if (argc - optind != 4)
		usage();
	verb = argv[optind];
	first = strtoull(argv[optind + 1], NULL, 0);
	count = strtoul(argv[optind + 2], NULL, 0);
	length = strtoull(argv[optind + 3], NULL, 0);
	total = count * opt.repeat;

	open_pool();
	if (ioctl(fd, KVPOOL_IOC_INFO, &info))
		die("info");
	map = mmap(NULL, info.arena_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   fd, 0);
	if (map == MAP_FAILED)
		die("mmap");

	if (opt.signal_ms)
		disturb(opt.signal_ms);
	begun = now();
	if (opt.whole && !strcmp(verb, "produce")) {
		ret = produce_at_once(first, count, length);
		if (ret)
			refused(ret, &t);
		else
			t.ok = count;
	} else if (opt.whole && !strcmp(verb, "fetch")) {
		at_once(KVPOOL_OP_LEASE, first, count, length, &t);
	} else if (opt.whole && !strcmp(verb, "push")) {
		at_once(KVPOOL_OP_PUSH, first, count, length, &t);
	} else if (opt.whole && !strcmp(verb, "probe")) {
		at_once(KVPOOL_OP_PROBE, first, count, length, &t);
	} else if (!strcmp(verb, "produce") || !strcmp(verb, "check") ||
	    !strcmp(verb, "remove")) {
		for (i = 0; i < total; i++) {
			uint64_t number = first + i % count;

			ret = *verb == 'p' ? produce(number, length) :
			      *verb == 'c' ? check(number) : forget(number);
			if (!ret)
				t.ok++;
			else if (ret == -EBADMSG)
				t.bad++;
			else
				refused(ret, &t);
		}
	} else if (!strcmp(verb, "fetch")) {
		total = run(KVPOOL_OP_LEASE, first, count, length, &t);
	} else if (!strcmp(verb, "push")) {
		total = run(KVPOOL_OP_PUSH, first, count, length, &t);
	} else if (!strcmp(verb, "probe")) {
		total = run(KVPOOL_OP_PROBE, first, count, length, &t);
	} else if (!strcmp(verb, "fence")) {
		fence(first, count, length, &t);
		total = opt.repeat + t.accepted;
	} else if (!strcmp(verb, "kill")) {
		fence_kill(first, count, length, &t);
		total = opt.repeat + t.accepted;
	} else if (!strcmp(verb, "lease")) {
		keep_leases(first, count, &t);
		total = count;
	} else if (!strcmp(verb, "hold")) {
		hold(first, count, length, &t.ok);
		total = count;
	} else if (!strcmp(verb, "serve") || !strcmp(verb, "pong")) {
		times = calloc(total, sizeof(*times));
		nr_times = rally(*verb == 's', first, count, length, &t, times);
	} else if (!strcmp(verb, "ping")) {
		times = calloc(total, sizeof(*times));
		ping(KVPOOL_OP_LEASE, first, count, length, &t, times);
		nr_times = total;
	} else {
		usage();
	}
	begun = now() - begun;

	printf("{\"ok\": %lu, \"bad\": %lu, \"failed\": %lu, \"cancelled\": %lu, \"error\": %d, \"moved\": %lu, \"accepted\": %lu, \"expired\": %lu, \"kills\": %lu, \"looks\": %lu, \"bytes\": %llu, \"ns\": %llu",
	       t.ok, t.bad, t.failed, t.cancelled, t.error, t.moved,
	       t.accepted, t.expired, t.kills, t.looks,
	       (unsigned long long)t.bytes, (unsigned long long)begun);
	if (opt.signal_ms)
		printf(", \"handled\": %d", (int)handled);
	if (times) {
		qsort(times, nr_times, sizeof(*times), compare);
		printf(", \"median_ns\": %llu, \"min_ns\": %llu",
		       (unsigned long long)times[nr_times / 2],
		       (unsigned long long)times[0]);
	}
	printf("}\n");
	if (opt.expect)
		return !(t.failed == total && t.error == -opt.expect);
	if (opt.cancel)
		return t.bad || t.failed || t.ok + t.cancelled != total;
	return t.bad || t.failed || t.ok + t.accepted != total;
}
