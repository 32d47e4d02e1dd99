// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The library on a loaded module, from the outside. Blocks have keys of this
 * run, so that other blocks in the pool do not matter.
 */

#include <kvpool.h>

#include "tap.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NR 3000
#define MS 1000000ULL

static struct kvpool *pool;
static struct kvpool_batch *batch;
static struct kvpool_key keys[NR];
static const struct kvpool_consume_opts prefix = { .size = sizeof(prefix),
						   .flags = KVPOOL_CONSUME_PREFIX };

static struct kvpool_produce_opts size(uint64_t length)
{
	return (struct kvpool_produce_opts){ .size = sizeof(struct kvpool_produce_opts),
					     .length = length };
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 * MS + ts.tv_nsec;
}

/* New keys for every test. */
static void make_keys(unsigned int nr)
{
	static uint32_t tokens[NR], seed[4];

	if (!seed[1]) {
		seed[1] = getpid();
		seed[2] = time(NULL);
		seed[3] = now();
	}
	seed[0]++;
	expect_int(kvpool_prefix_keys(seed, sizeof(seed), 1, tokens, nr, keys, NR), nr);
}

static void setup(unsigned int nr)
{
	make_keys(nr);
	if (kvpool_open(&pool, NULL) || kvpool_batch_create(pool, 16, &batch)) {
		printf("Bail out! %s\n", kvpool_last_error());
		exit(1);
	}
}

static void cleanup(unsigned int nr)
{
	kvpool_batch_destroy(batch);
	kvpool_remove(pool, keys, nr, NULL);
	kvpool_close(pool);
}

static unsigned char pattern(uint64_t salt, uint64_t at)
{
	return (at * 2654435761U + (at >> 12) * 97 + salt * 131) >> 3;
}

static bool produce(struct kvpool_batch *b, unsigned int i, uint64_t salt)
{
	uint64_t length = kvpool_block_length(b, i), off = 0, j;
	unsigned char *at;
	size_t avail;

	while ((at = kvpool_block_at(b, i, off, &avail))) {
		for (j = 0; j < avail; j++)
			at[j] = pattern(salt, off + j);
		off += avail;
	}
	return length && off == length;
}

static bool verify(struct kvpool_batch *b, unsigned int i, uint64_t salt)
{
	uint64_t length = kvpool_block_length(b, i), off = 0, j;
	unsigned char *at;
	size_t avail;

	while ((at = kvpool_block_at(b, i, off, &avail))) {
		for (j = 0; j < avail; j++)
			if (at[j] != pattern(salt, off + j))
				return false;
		off += avail;
	}
	return length && off == length;
}

static void has_information(void)
{
	const struct kvpool_info *info;
	struct kvpool_info now;

	setup(0);
	info = kvpool_info_cached(pool);
	expect_int(info->abi_version, KVPOOL_ABI_VERSION);
	expect_int(kvpool_info_read(pool, &now, sizeof(now)), 0);
	expect_int(now.abi_version, info->abi_version);
	expect_int(now.arena_size, info->arena_size);
	expect(info->max_batch >= 1024);
	expect_int(info->block_min, KVPOOL_BLOCK_MIN);
	expect_int(info->block_max, KVPOOL_BLOCK_MAX);
	expect_int(info->mode, KVPOOL_MODE_CONSUME | KVPOOL_MODE_PRODUCE);
	expect(!strcmp((const char *)info->tenant, "default"));
	expect(kvpool_base(pool));
	printf("# arena of %llu bytes, chunks of %llu, features %#llx\n",
	       (unsigned long long)info->arena_size, (unsigned long long)info->chunk_size,
	       (unsigned long long)info->features);
	cleanup(0);
}

static void says_what_fails(void)
{
	struct kvpool_open_opts opts = { .size = sizeof(opts), .tenant = "no-such-tenant" };
	struct kvpool *p;

	expect_int(kvpool_open(&p, &opts), -ENOENT);
	expect_text(kvpool_last_error(), "no tenant 'no-such-tenant'");
	opts = (struct kvpool_open_opts){ .size = sizeof(opts), .device = "/dev/null" };
	expect_int(kvpool_open(&p, &opts), -EPROTONOSUPPORT);
	expect_text(kvpool_last_error(), "/dev/null is not a kvpool device");
}

static void other_process_reads_what_was_sealed(void)
{
	static const uint64_t lengths[] = { 4096, 4097, 8191, 65536, 65537, 320 << 10, 2 << 20,
					    (2 << 20) + 1, 3 << 20, 8 << 20 };
	const unsigned int nr = sizeof(lengths) / sizeof(*lengths);
	struct kvpool_open_opts opts = { .size = sizeof(opts), .flags = KVPOOL_OPEN_RDONLY };
	unsigned int i, good = 0;
	unsigned char buf[300];
	int status;
	pid_t pid;

	setup(nr);
	expect_int(kvpool_produce_begin(batch, keys, lengths, nr, NULL), nr);
	for (i = 0; i < nr; i++) {
		expect(produce(batch, i, i));
		expect_int(kvpool_block_length(batch, i), lengths[i]);
	}
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), nr);
	expect_int(kvpool_batch_held(batch), 0);

	fflush(stdout);
	pid = fork();
	if (!pid) {
		/* A process of its own: it uses no object of its parent. */
		if (kvpool_open(&pool, &opts) || kvpool_batch_create(pool, nr, &batch) ||
		    kvpool_consume_begin(batch, keys, NULL, nr, &prefix) != (int)nr)
			_exit(100);
		for (i = 0; i < nr; i++) {
			good += kvpool_block_length(batch, i) == lengths[i] &&
				verify(batch, i, i) &&
				!kvpool_block_read(batch, i, 3000, buf, 300) &&
				buf[299] == pattern(i, 3299);
		}
		if (kvpool_consume_end(batch, NULL, 0) != (int)nr)
			_exit(101);
		_exit(good);
	}
	waitpid(pid, &status, 0);
	expect(WIFEXITED(status));
	expect_int(WEXITSTATUS(status), nr);
	cleanup(nr);
}

static void long_batches(void)
{
	struct kvpool_produce_opts opts = size(4096);
	unsigned int i;

	setup(NR);
	expect_int(kvpool_produce_begin(batch, keys, NULL, NR, &opts), NR);
	for (i = 0; i < NR; i++)
		expect_int(kvpool_block_write(batch, i, 100, &i, sizeof(i)), 0);
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), NR);
	expect_int(kvpool_match_prefix(pool, keys, NR), NR);
	expect_int(kvpool_remove(pool, keys + 2000, 1, NULL), 1);
	expect_int(kvpool_match_prefix(pool, keys, NR), 2000);
	expect_int(kvpool_exists(pool, keys, NR, NULL, NULL), NR - 1);
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &prefix), 2000);
	expect_int(kvpool_block_status(batch, 2000), -ENOENT);
	expect_int(kvpool_block_status(batch, 2001), -ECANCELED);
	expect_int(kvpool_block_status(batch, NR - 1), -ECANCELED);
	expect_int(kvpool_consume_end(batch, NULL, 0), 2000);
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, NULL), NR - 1);
	for (i = 0; i < NR; i++) {
		unsigned int got = ~i;

		if (i == 2000)
			continue;
		expect_int(kvpool_block_read(batch, i, 100, &got, sizeof(got)), 0);
		expect_int(got, i);
	}
	expect_int(kvpool_consume_end(batch, NULL, 0), NR - 1);
	cleanup(NR);
}

static void first_writer_wins(void)
{
	struct kvpool_produce_opts opts = size(8192);
	struct kvpool_batch *other;
	int status[3];

	setup(3);
	expect_int(kvpool_batch_create(pool, 0, &other), 0);
	expect_int(kvpool_produce_begin(batch, keys, NULL, 2, &opts), 2);
	expect_int(kvpool_produce_begin(other, keys, NULL, 3, &opts), 1);
	expect_int(kvpool_block_status(other, 0), -EBUSY);
	expect_int(kvpool_exists(pool, keys, 3, status, NULL), 0);
	expect_int(status[0], -EINPROGRESS);
	expect_int(kvpool_remove(pool, keys, 1, status), 0);
	expect_int(status[0], -EBUSY);

	/* One is sealed, one is aborted, one goes with its batch. */
	expect_int(kvpool_produce_commit(batch, (unsigned int[]){ 1 }, NULL, 1, 0), 1);
	expect_int(kvpool_produce_abort(batch, NULL, 0), 1);
	kvpool_batch_destroy(other);
	expect_int(kvpool_exists(pool, keys, 3, status, NULL), 1);
	expect_int(status[0], -ENOENT);
	expect_int(status[1], 0);
	expect_int(status[2], -ENOENT);
	expect_int(kvpool_produce_begin(batch, keys, NULL, 3, &opts), 2);
	expect_int(kvpool_block_status(batch, 1), -EEXIST);
	cleanup(3);
}

static void leases_outlive_removal(void)
{
	struct kvpool_produce_opts opts = size(100000);
	struct kvpool_stats before, during, after;

	setup(1);
	expect_int(kvpool_stats_read(pool, &before, sizeof(before)), 0);
	expect_int(kvpool_produce_begin(batch, keys, NULL, 1, &opts), 1);
	expect(produce(batch, 0, 5));
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 1);
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, NULL), 1);
	expect_int(kvpool_remove(pool, keys, 1, NULL), 1);
	expect_int(kvpool_exists(pool, keys, 1, NULL, NULL), 0);
	expect(verify(batch, 0, 5));
	expect_int(kvpool_stats_read(pool, &during, sizeof(during)), 0);
	expect_int(during.leases, before.leases + 1);
	expect_int(during.produced_blocks, before.produced_blocks + 1);
	expect_int(during.produced_bytes, before.produced_bytes + 100000);
	expect_int(during.removed_blocks, before.removed_blocks + 1);
	expect_int(during.bytes, before.bytes + 102400);
	expect_int(during.copied_bytes, before.copied_bytes);
	expect_int(kvpool_consume_end(batch, NULL, 0), 1);
	expect_int(kvpool_stats_read(pool, &after, sizeof(after)), 0);
	expect_int(after.bytes, before.bytes);
	expect_int(after.leases, before.leases);
	cleanup(1);
}

static void close_gives_back(void)
{
	struct kvpool_produce_opts opts = size(65536);
	struct kvpool_stats before, after;
	struct kvpool_batch *other;
	struct kvpool *mine;
	int status[4], wstatus, tries;
	pid_t pid;

	setup(4);
	expect_int(kvpool_produce_begin(batch, keys, NULL, 2, &opts), 2);
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 2);
	expect_int(kvpool_stats_read(pool, &before, sizeof(before)), 0);

	/* A process ends while it holds two reservations and two leases. */
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (kvpool_open(&mine, NULL) || kvpool_batch_create(mine, 0, &other) ||
		    kvpool_produce_begin(other, keys + 2, NULL, 2, &opts) != 2 ||
		    kvpool_batch_create(mine, 0, &other) ||
		    kvpool_consume_begin(other, keys, NULL, 2, NULL) != 2)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &wstatus, 0);
	expect_int(WIFSIGNALED(wstatus) ? WTERMSIG(wstatus) : 0, SIGKILL);
	for (tries = 0; tries < 100; tries++) {
		expect_int(kvpool_stats_read(pool, &after, sizeof(after)), 0);
		if (after.bytes == before.bytes && after.leases == before.leases)
			break;
		usleep(10000);
	}
	expect_int(after.bytes, before.bytes);
	expect_int(after.pending, before.pending);
	expect_int(after.leases, before.leases);
	expect_int(kvpool_exists(pool, keys, 4, status, NULL), 2);
	expect_int(status[2], -ENOENT);
	cleanup(4);
}

static void *seal_soon(void *arg)
{
	usleep(50000);
	return (void *)(intptr_t)kvpool_produce_commit(arg, NULL, NULL, 0, 0);
}

static void waits(void)
{
	struct kvpool_consume_opts wait = { .size = sizeof(wait), .timeout_ns = 30 * MS };
	struct kvpool_produce_opts opts = size(4096);
	struct kvpool_batch *reader;
	pthread_t thread;
	uint64_t start;

	setup(2);
	expect_int(kvpool_batch_create(pool, 0, &reader), 0);
	expect_int(kvpool_produce_begin(batch, keys, NULL, 1, &opts), 1);
	expect_int(kvpool_consume_begin(reader, keys, NULL, 2, NULL), 0);
	expect_int(kvpool_block_status(reader, 0), -EINPROGRESS);
	expect_int(kvpool_block_status(reader, 1), -ENOENT);
	start = now();
	expect_int(kvpool_consume_begin(reader, keys, NULL, 2, &wait), 0);
	expect(now() - start >= 30 * MS);
	expect_int(kvpool_block_status(reader, 0), -ETIMEDOUT);
	expect_int(kvpool_block_status(reader, 1), -ENOENT);

	wait.timeout_ns = KVPOOL_WAIT_FOREVER;
	wait.flags = KVPOOL_CONSUME_PREFIX;
	expect_int(pthread_create(&thread, NULL, seal_soon, batch), 0);
	expect_int(kvpool_consume_begin(reader, keys, NULL, 2, &wait), 1);
	expect_int(kvpool_block_status(reader, 0), 0);
	pthread_join(thread, NULL);
	kvpool_batch_destroy(reader);
	cleanup(2);
}

static void nothing(int sig)
{
	(void)sig;
}

static void signal_ends_a_wait(void)
{
	struct kvpool_consume_opts wait = { .size = sizeof(wait),
					    .flags = KVPOOL_CONSUME_INTERRUPTIBLE,
					    .timeout_ns = KVPOOL_WAIT_FOREVER };
	struct sigaction act = { .sa_handler = nothing }, old;
	struct kvpool_produce_opts opts = size(4096);
	struct kvpool_batch *reader;

	setup(NR);
	expect_int(kvpool_batch_create(pool, 0, &reader), 0);
	expect_int(kvpool_produce_begin(batch, keys, NULL, NR, &opts), NR);
	expect_int(kvpool_produce_commit(batch, (unsigned int[]){ 0 }, NULL, 1, 0), 1);
	sigaction(SIGALRM, &act, &old);
	/* Repeatedly, since the first signal may come before the wait. */
	ualarm(50000, 50000);
	expect_int(kvpool_consume_begin(reader, keys, NULL, NR, &wait), 1);
	ualarm(0, 0);
	sigaction(SIGALRM, &old, NULL);
	expect_int(kvpool_block_status(reader, 0), 0);
	expect_int(kvpool_block_status(reader, 1), -EINTR);
	expect_int(kvpool_block_status(reader, 2), -EINTR);
	expect_int(kvpool_block_status(reader, NR - 1), -EINTR);
	kvpool_batch_destroy(reader);
	cleanup(NR);
}

static void poll_tells_of_settled_keys(void)
{
	struct kvpool_produce_opts opts = size(4096);
	struct kvpool_batch *reader;
	struct pollfd pfd;
	struct kvpool *mine;

	setup(NR);
	expect_int(kvpool_open(&mine, NULL), 0);
	expect_int(kvpool_batch_create(mine, 0, &reader), 0);
	pfd = (struct pollfd){ .fd = kvpool_fd(mine), .events = POLLIN };
	expect_int(kvpool_produce_begin(batch, keys, NULL, 3, &opts), 3);
	expect_int(kvpool_produce_commit(batch, (unsigned int[]){ 0 }, NULL, 1, 0), 1);

	expect_int(kvpool_consume_begin(reader, keys, NULL, 2, NULL), 1);
	expect_int(poll(&pfd, 1, 0), 0);
	expect_int(kvpool_produce_commit(batch, (unsigned int[]){ 1 }, NULL, 1, 0), 1);
	expect_int(poll(&pfd, 1, 1000), 1);
	expect_int(pfd.revents & POLLIN, POLLIN);
	expect_int(kvpool_consume_end(reader, NULL, 0), 1);

	/* In a batch of several calls the pending key is in the first. */
	expect_int(kvpool_consume_begin(reader, keys, NULL, NR, NULL), 2);
	expect_int(kvpool_block_status(reader, 2), -EINPROGRESS);
	expect_int(poll(&pfd, 1, 0), 0);
	expect_int(kvpool_produce_abort(batch, NULL, 0), 1);
	expect_int(poll(&pfd, 1, 1000), 1);
	kvpool_batch_destroy(reader);
	kvpool_close(mine);
	cleanup(NR);
}

static void read_only_stays_read_only(void)
{
	struct kvpool_open_opts ropts = { .size = sizeof(ropts), .flags = KVPOOL_OPEN_RDONLY };
	struct kvpool_produce_opts opts = size(4096);
	struct kvpool_batch *reader;
	struct kvpool *mine;

	setup(2);
	expect_int(kvpool_produce_begin(batch, keys, NULL, 1, &opts), 1);
	expect(produce(batch, 0, 1));
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 1);
	expect_int(kvpool_open(&mine, &ropts), 0);
	expect_int(kvpool_info_cached(mine)->mode, KVPOOL_MODE_CONSUME);
	expect_int(kvpool_batch_create(mine, 0, &reader), 0);
	expect_int(kvpool_produce_begin(reader, keys + 1, NULL, 1, &opts), -EBADF);
	expect_text(kvpool_last_error(), "open read-only");
	expect_int(kvpool_remove(mine, keys, 1, NULL), -EBADF);
	expect_int(kvpool_pin(mine, keys, 1, KVPOOL_PIN_SOFT, NULL), -EBADF);
	expect_int(kvpool_consume_begin(reader, keys, NULL, 1, NULL), 1);
	expect(verify(reader, 0, 1));
	expect(mprotect(kvpool_base(mine), 4096, PROT_READ | PROT_WRITE) && errno == EACCES);
	kvpool_batch_destroy(reader);
	kvpool_close(mine);
	cleanup(2);
}

static void pins(void)
{
	struct kvpool_produce_opts opts = size(4096);
	struct kvpool_stats before, after;
	int status[2];

	setup(2);
	expect_int(kvpool_stats_read(pool, &before, sizeof(before)), 0);
	expect_int(kvpool_produce_begin(batch, keys, NULL, 1, &opts), 1);
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 3), -EINVAL);
	expect_int(kvpool_batch_held(batch), 1);
	expect_int(kvpool_produce_commit(batch, NULL, (uint32_t[]){ KVPOOL_PIN_SOFT }, 0, 0), 1);
	expect_int(kvpool_pin(pool, keys, 2, 0, status), 1);
	expect_int(status[0], 0);
	expect_int(status[1], -ENOENT);
	if (before.pin_quota_bytes >= before.pinned_bytes + 4096) {
		expect_int(kvpool_pin(pool, keys, 1, KVPOOL_PIN_HARD, NULL), 1);
		expect_int(kvpool_stats_read(pool, &after, sizeof(after)), 0);
		expect_int(after.pinned_bytes, before.pinned_bytes + 4096);
		expect_int(kvpool_pin(pool, keys, 1, 0, NULL), 1);
		expect_int(kvpool_remove(pool, keys, 1, NULL), 1);
		/* One of two is pinned: the quota has its bytes only. */
		expect_int(kvpool_produce_begin(batch, keys, NULL, 2, &opts), 2);
		expect_int(kvpool_produce_commit(batch, NULL, (uint32_t[]){ 0, KVPOOL_PIN_HARD },
						 0, 0), 2);
		expect_int(kvpool_stats_read(pool, &after, sizeof(after)), 0);
		expect_int(after.pinned_bytes, before.pinned_bytes + 4096);
	}
	cleanup(2);
}

static void received_file(void)
{
	struct kvpool_produce_opts opts = size(4096);
	struct kvpool_batch *other;
	struct kvpool *mine;

	setup(1);
	expect_int(kvpool_open_fd(&mine, dup(kvpool_fd(pool)), NULL), 0);
	expect_int(kvpool_batch_create(mine, 0, &other), 0);
	expect_int(kvpool_produce_begin(other, keys, NULL, 1, &opts), 1);
	expect(produce(other, 0, 3));
	expect_int(kvpool_produce_commit(other, NULL, NULL, 0, 0), 1);
	kvpool_batch_destroy(other);
	kvpool_close(mine);
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, NULL), 1);
	expect(verify(batch, 0, 3));
	cleanup(1);
}

#define THREADS 4
#define ROUNDS 50

static void *work(void *arg)
{
	struct kvpool_produce_opts opts = size(20000);
	struct kvpool_key own[16];
	struct kvpool_batch *b;
	uintptr_t bad = 0, me = (uintptr_t)arg;
	unsigned int i, round;

	if (kvpool_batch_create(pool, 16, &b))
		return (void *)1;
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < 16; i++) {
			own[i] = keys[i];
			own[i].bytes[0] = me;
		}
		bad += kvpool_produce_begin(b, own, NULL, 16, &opts) != 16;
		for (i = 0; i < 16; i++)
			bad += !produce(b, i, me * 1000 + round + i);
		bad += kvpool_produce_commit(b, NULL, NULL, 0, 0) != 16;
		bad += kvpool_consume_begin(b, own, NULL, 16, &prefix) != 16;
		for (i = 0; i < 16; i++)
			bad += !verify(b, i, me * 1000 + round + i);
		bad += kvpool_consume_end(b, NULL, 0) != 16;
		bad += kvpool_remove(pool, own, 16, NULL) != 16;
	}
	kvpool_batch_destroy(b);
	return (void *)bad;
}

static void threads(void)
{
	pthread_t thread[THREADS];
	uintptr_t i;
	void *bad;

	setup(16);
	for (i = 0; i < THREADS; i++)
		expect_int(pthread_create(&thread[i], NULL, work, (void *)i), 0);
	for (i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &bad);
		expect_int((uintptr_t)bad, 0);
	}
	cleanup(16);
}

/* Holes of one page make a long block come in many spans, if no chunk is free. */
static void blocks_in_many_pieces(void)
{
	struct kvpool_produce_opts small = size(4096), big = size(6 << 20);
	const unsigned int holes = 2 * 1536;
	struct kvpool_key *hole;
	struct kvpool_batch *other;
	unsigned int i, n, m, taken = 0;
	uint32_t token;

	setup(NR);
	hole = calloc(holes, sizeof(*hole));
	for (i = 0; i < holes; i++) {
		token = i;
		expect_int(kvpool_prefix_keys(keys[0].bytes, 32, 1, &token, 1, &hole[i], 1), 1);
	}
	expect_int(kvpool_batch_create(pool, 0, &other), 0);
	expect_int(kvpool_produce_begin(other, hole, NULL, holes, &small), holes);
	expect_int(kvpool_produce_commit(other, NULL, NULL, 0, 0), holes);
	for (i = 0; i < holes; i += 2)
		taken += kvpool_remove(pool, &hole[i], 1, NULL);
	expect_int(taken, holes / 2);
	expect_int(kvpool_produce_begin(batch, keys, NULL, 2, &big), 2);
	expect(kvpool_block_spans(batch, 0, &n));
	expect(kvpool_block_spans(batch, 1, &m));
	printf("# blocks of 6 MiB in %u and %u spans\n", n, m);
	expect(produce(batch, 0, 7) && produce(batch, 1, 8));
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 2);
	expect_int(kvpool_consume_begin(batch, keys, NULL, 2, NULL), 2);
	expect(verify(batch, 0, 7) && verify(batch, 1, 8));
	expect_int(kvpool_block_iov(batch, 0, NULL, 0), n);
	expect_int(kvpool_block_iov(batch, 1, NULL, 0), m);
	kvpool_remove(pool, hole, holes, NULL);
	kvpool_batch_destroy(other);
	free(hole);
	cleanup(NR);
}

/*
 * A prefix keeps its order when the library splits it into several calls: when
 * space is short its tail is evicted and its head stays. The pool must be small
 * enough to be filled.
 */
static void tail_goes_before_head(void)
{
	static struct kvpool_key filler[64];
	struct kvpool_produce_opts small = size(4096), big = size(1 << 20);
	struct kvpool_stats before, after;
	int left, leading, i, round, status[NR];
	uint32_t token;

	for (round = 0; round < 2; round++) {
		setup(NR);
		expect_int(kvpool_stats_read(pool, &before, sizeof(before)), 0);
		expect_int(kvpool_produce_begin(batch, keys, NULL, NR, &small), NR);
		expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), NR);
		/* The order of the seal, and then that of the release. */
		if (round) {
			expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &prefix), NR);
			expect_int(kvpool_consume_end(batch, NULL, 0), NR);
		}
		for (i = 0; i < 64; i++) {
			token = i;
			kvpool_prefix_keys(keys[0].bytes, 32, 1, &token, 1, &filler[i], 1);
			expect_int(kvpool_produce_begin(batch, &filler[i], NULL, 1, &big), 1);
			expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 1);
			expect_int(kvpool_stats_read(pool, &after, sizeof(after)), 0);
			if (after.evicted_blocks >= before.evicted_blocks + 1200)
				break;
		}
		/*
		 * Eviction may still be in progress. One walk from the head
		 * meets the end of the resident prefix once, wherever it is.
		 */
		left = kvpool_exists(pool, keys, NR, status, NULL);
		for (leading = 0; leading < NR && !status[leading]; leading++)
			;
		printf("# %d MiB evicted %llu of %d blocks, %d of them leading\n", i,
		       (unsigned long long)(after.evicted_blocks - before.evicted_blocks), NR,
		       leading);
		expect_int(left, leading);
		kvpool_remove(pool, filler, 64, NULL);
		cleanup(NR);
	}
}

int main(void)
{
	run(has_information);
	run(says_what_fails);
	run(other_process_reads_what_was_sealed);
	run(long_batches);
	run(first_writer_wins);
	run(leases_outlive_removal);
	run(close_gives_back);
	run(waits);
	run(signal_ends_a_wait);
	run(poll_tells_of_settled_keys);
	run(read_only_stays_read_only);
	run(pins);
	run(received_file);
	run(threads);
	run(blocks_in_many_pieces);
	run(tail_goes_before_head);
	return tap_end();
}
