// SPDX-License-Identifier: GPL-2.0
/*
 * Get blocks of a peer.
 *
 *	bench_get fill SIZE COUNT		on the owner: produce COUNT blocks
 *	bench_get rate SIZE COUNT DEPTH SECONDS	on the requester: get them over
 *						and over, DEPTH at a time
 *	bench_get latency SIZE COUNT TURNS	one at a time, each in one call
 *	bench_get count SIZE COUNT DEPTH TURNS	get TURNS times DEPTH blocks, to have
 *						the instructions counted
 *	bench_get beside			count on the owner until SIGINT
 *
 * A got block is leased, not kept, and released at once, so that each get moves
 * the bytes. rate and latency print one JSON object. With a rate comes the time
 * line: bytes that arrived in each twentieth of a second from "began", which is
 * the uptime of the host.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

#define SPACE		0x6765
#define MAX_DEPTH	1024
#define SLOTS_PER_S	20
#define MAX_SLOTS	(600 * SLOTS_PER_S)

struct ring {
	unsigned int number;
	unsigned int mask;
	unsigned int head;
	unsigned int *shared_head;
	const unsigned int *tail;
	const struct kvpool_completion *completions;
};

static int fd;
static struct batch *keys;
static struct ring ring;
static uint64_t bytes, gets, failed;
static uint64_t slots[MAX_SLOTS];
static double began;

static void fill(uint64_t size, uint64_t count)
{
	uint64_t at, i, span;
	char *arena;
	struct kvpool_info info;

	kvpool_info(fd, &info);
	arena = mmap(NULL, info.arena_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (arena == MAP_FAILED)
		die("cannot map the arena: %m");
	for (at = 0; at < count; at++) {
		keys->nr = 1;
		batch_key(keys, 0, SPACE, size << 16 | at);
		batch_reserve_args(keys, size);
		batch_call(keys, KVPOOL_IOC_RESERVE, &keys->reserve);
		batch_check(keys, keys->reserve.nr_done, "reserve");
		span = keys->reserve.nr_spans;
		for (i = 0; i < span; i++)
			memset(arena + keys->spans[i].offset, (int)at + 1, keys->spans[i].length);
		batch_end_args(keys);
		batch_call(keys, KVPOOL_IOC_SEAL, &keys->ends);
		batch_check(keys, keys->ends.nr_done, "seal");
	}
}

static void ring_setup(unsigned int entries)
{
	struct kvpool_ring_setup setup = {
		.size = sizeof(setup), .entries = entries, .eventfd = -1,
	};
	char *at;

	if (call(fd, KVPOOL_IOC_RING, &setup))
		die("KVPOOL_IOC_RING: %m");
	at = mmap(NULL, setup.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, setup.offset);
	if (at == MAP_FAILED)
		die("cannot map the ring: %m");
	ring.number = setup.ring;
	ring.mask = setup.entries - 1;
	ring.shared_head = (unsigned int *)(at + setup.head_offset);
	ring.tail = (const unsigned int *)(at + setup.tail_offset);
	ring.completions = (const struct kvpool_completion *)(at + setup.completions_offset);
}

/* Begins gets; with results, waits for them too. */
static void submit(uint64_t first, unsigned int nr, uint64_t size, uint64_t count,
		   struct kvpool_completion *results)
{
	static struct kvpool_op ops[MAX_DEPTH];
	struct kvpool_submit arg = {
		.size = sizeof(arg), .nr_ops = nr, .ops = (uintptr_t)ops,
		.results = (uintptr_t)results,
		.ring = results ? 0 : ring.number,
	};
	unsigned int i;

	for (i = 0; i < nr; i++) {
		batch_key(keys, 0, SPACE, size << 16 | (first + i) % count);
		ops[i] = (struct kvpool_op) {
			.opcode = KVPOOL_OP_LEASE,
			.flags = KVPOOL_OP_REMOTE | KVPOOL_OP_TRANSIENT,
			.user_data = first + i, .length = size, .node = KVPOOL_NODE_ANY,
		};
		ops[i].key = keys->entries[0].key;
	}
	if (call(fd, KVPOOL_IOC_SUBMIT, &arg))
		die("KVPOOL_IOC_SUBMIT: %m");
	if (arg.nr_done != nr)
		die("of %u operations %u were begun", nr, arg.nr_done);
}

static void done_one(const struct kvpool_completion *done)
{
	unsigned int slot;

	if (done->status) {
		errno = -done->status;
		if (!failed++)
			say("a get failed: %m");
		return;
	}
	if (done->route != KVPOOL_ROUTE_RDMA)
		die("a block came along route %u", done->route);
	bytes += done->length;
	gets++;
	keys->entries[keys->nr++].handle = done->handle;
	slot = (unsigned int)((now_s() - began) * SLOTS_PER_S);
	if (slot < MAX_SLOTS)
		slots[slot] += done->length;
}

/* Ends the leases of completed gets. */
static void release(void)
{
	if (!keys->nr)
		return;
	batch_end_args(keys);
	batch_call(keys, KVPOOL_IOC_RELEASE, &keys->ends);
	batch_check(keys, keys->ends.nr_done, "release");
}

/* Returns how many were reaped; their leases are released. */
static unsigned int reap(void)
{
	unsigned int tail = __atomic_load_n(ring.tail, __ATOMIC_ACQUIRE);
	unsigned int nr = tail - ring.head;

	if (nr > KVPOOL_MAX_BATCH)
		nr = KVPOOL_MAX_BATCH;
	keys->nr = 0;
	for (tail = ring.head + nr; ring.head != tail; ring.head++)
		done_one(&ring.completions[ring.head & ring.mask]);
	__atomic_store_n(ring.shared_head, ring.head, __ATOMIC_RELEASE);
	release();
	return nr;
}

static unsigned int reap_some(void)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	unsigned int nr;

	while (!(nr = reap()))
		if (poll(&wait, 1, 60000) <= 0)
			die("no get completed within 60 s");
	return nr;
}

static uint64_t copied(void)
{
	struct kvpool_stats stats;

	kvpool_stats(fd, &stats);
	return stats.copied_bytes;
}

static void rate(uint64_t size, uint64_t count, unsigned int depth, double seconds)
{
	uint64_t next = 0, before = copied();
	unsigned int inflight = 0, i, nr;
	double took;

	ring_setup(depth);
	/* The first gets find connections and memory that are new. */
	submit(0, depth, size, count, NULL);
	for (inflight = depth; inflight; )
		inflight -= reap_some();
	bytes = gets = 0;
	memset(slots, 0, sizeof(slots));
	began = now_s();
	while (now_s() - began < seconds) {
		nr = depth - inflight;
		submit(next, nr, size, count, NULL);
		next += nr;
		inflight = depth - reap_some();
	}
	took = now_s() - began;
	printf("{\"began\": %.3f, \"bytes\": %llu, \"seconds\": %.6f, \"gets\": %llu, \"failed\": %llu, "
	       "\"copied\": %llu, \"slots_per_s\": %d, \"slots\": [",
	       began, (unsigned long long)bytes, took, (unsigned long long)gets,
	       (unsigned long long)failed, (unsigned long long)(copied() - before),
	       SLOTS_PER_S);
	for (i = 0; i < MAX_SLOTS && i < took * SLOTS_PER_S; i++)
		printf("%s%llu", i ? ", " : "", (unsigned long long)slots[i]);
	printf("]}\n");
	while (inflight)
		inflight -= reap_some();
}

/* From the call that gets a block until its return. */
static void latency(uint64_t size, uint64_t count, unsigned int turns)
{
	double *took = calloc(turns, sizeof(*took)), begin;
	struct kvpool_completion done;
	unsigned int i, first = 10;

	if (!took)
		die("no memory");
	began = now_s();
	for (i = 0; i < first + turns; i++) {
		begin = now_s();
		submit(i, 1, size, count, &done);
		if (i >= first)
			took[i - first] = now_s() - begin;
		keys->nr = 0;
		done_one(&done);
		release();
	}
	printf("{\"median_us\": %.3f, \"failed\": %llu}\n", median(took, turns) * 1e6,
	       (unsigned long long)failed);
	free(took);
}

static void get_all(uint64_t first, unsigned int nr, uint64_t size, uint64_t count)
{
	submit(first, nr, size, count, NULL);
	while (nr)
		nr -= reap_some();
}

static void count_gets(uint64_t size, uint64_t count, unsigned int depth, unsigned int turns)
{
	unsigned int turn;

	ring_setup(depth);
	for (turn = 0; turn < 3; turn++)
		get_all(turn * depth, depth, size, count);
	bytes = 0;
	insn_begin(0);
	for (turn = 0; turn < turns; turn++)
		get_all(turn * depth, depth, size, count);
	insn_end(0);
	insn_report(0);
	printf("{\"bytes\": %llu, \"failed\": %llu}\n", (unsigned long long)bytes,
	       (unsigned long long)failed);
}

/* The markers count all instructions of this CPU. */
static void count_beside(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	printf("ready\n");
	fflush(stdout);
	insn_begin(0);
	sigwait(&set, &sig);
	insn_end(0);
	insn_report(0);
}

int main(int argc, char **argv)
{
	uint64_t size, count;

	if (argc == 2 && !strcmp(argv[1], "beside")) {
		count_beside();
		return 0;
	}
	if (argc < 4)
		die("usage: bench_get fill SIZE COUNT | rate SIZE COUNT DEPTH SECONDS | latency SIZE COUNT TURNS | count SIZE COUNT DEPTH TURNS | beside");
	size = strtoull(argv[2], NULL, 0);
	count = strtoull(argv[3], NULL, 0);
	fd = kvpool_open();
	keys = batch_new(fd);
	if (argc == 4 && !strcmp(argv[1], "fill"))
		fill(size, count);
	else if (argc == 6 && !strcmp(argv[1], "rate"))
		rate(size, count, atoi(argv[4]), atof(argv[5]));
	else if (argc == 6 && !strcmp(argv[1], "count"))
		count_gets(size, count, atoi(argv[4]), atoi(argv[5]));
	else if (argc == 5 && !strcmp(argv[1], "latency"))
		latency(size, count, atoi(argv[4]));
	else
		die("bench_get: what shall be done?");
	return 0;
}
