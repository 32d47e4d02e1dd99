// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The library on two hosts: one host makes blocks, the other fetches them as a
 * decode engine does.
 *
 *	module-peers produce SEED	on the host that has the blocks
 *	module-peers consume SEED PEER	on the other, where PEER is the number of
 *					the first; TAP
 */

#include <kvpool.h>

#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define NR	48
#define SEC	1000000000ULL

static struct kvpool *pool;
static struct kvpool_ring *ring;
static const char *seed;
static uint32_t peer;

static struct kvpool_key keys[2 * NR];	/* no host has the second half */
static struct kvpool_op ops[NR];
static struct kvpool_completion done[NR];

static void bail(void)
{
	printf("Bail out! %s\n", kvpool_last_error());
	exit(1);
}

/* One page; pages and a byte; more than fits in one request. */
static uint64_t length_of(unsigned int i)
{
	static const uint64_t lengths[] = { 4096, 65537, 1300000 };

	return lengths[i % 3];
}

static unsigned char byte_of(unsigned int i, uint64_t at)
{
	return (unsigned char)(i * 37 + at + (at >> 12) * 5);
}

static void make_keys(const char *name)
{
	static uint32_t tokens[2 * NR];

	if (kvpool_prefix_keys(name, strlen(name), 1, tokens, 2 * NR, keys, 2 * NR) != 2 * NR)
		bail();
}

static int produce(void)
{
	uint64_t lengths[NR], at;
	struct kvpool_batch *batch;
	unsigned char *bytes;
	unsigned int i;
	int made;

	bytes = malloc(length_of(2));
	for (i = 0; i < NR; i++)
		lengths[i] = length_of(i);
	if (!bytes || kvpool_batch_create(pool, NR, &batch) ||
	    kvpool_produce_begin(batch, keys, lengths, NR, NULL) != NR)
		bail();
	for (i = 0; i < NR; i++) {
		for (at = 0; at < lengths[i]; at++)
			bytes[at] = byte_of(i, at);
		if (kvpool_block_write(batch, i, 0, bytes, lengths[i]))
			bail();
	}
	made = kvpool_produce_commit(batch, NULL, NULL, 0, 0);
	kvpool_batch_destroy(batch);
	free(bytes);
	return made;
}

static bool bytes_are_right(const struct kvpool_completion *c)
{
	unsigned int i = c->user_data;
	struct iovec *iov = calloc(c->nr_spans, sizeof(*iov));
	const unsigned char *from;
	uint64_t at = 0, j;
	bool good = iov && c->length == length_of(i) &&
		    kvpool_lease_iov(pool, c, iov, (int)c->nr_spans) == (int)c->nr_spans;
	unsigned int s;

	for (s = 0; good && s < c->nr_spans; s++) {
		from = iov[s].iov_base;
		for (j = 0; good && j < iov[s].iov_len; j++, at++)
			good = from[j] == byte_of(i, at);
	}
	free(iov);
	return good && at == length_of(i);
}

static void fill_fetches(uint32_t flags)
{
	unsigned int i;

	for (i = 0; i < NR; i++) {
		kvpool_op_fetch(&ops[i], &keys[i], length_of(i), peer, i);
		ops[i].flags |= flags;
		ops[i].timeout_ns = 100 * SEC;
	}
}

static uint64_t statistic(size_t offset)
{
	struct kvpool_stats stats;

	if (kvpool_stats_read(pool, &stats, sizeof(stats)))
		bail();
	return *(uint64_t *)((char *)&stats + offset);
}

#define STAT(name) statistic(offsetof(struct kvpool_stats, name))

static void release(const struct kvpool_completion *completions, unsigned int nr)
{
	struct kvpool_completion ends[NR];
	struct kvpool_op releases[NR];
	unsigned int i, held = 0;

	for (i = 0; i < nr; i++)
		if (completions[i].handle)
			kvpool_op_release(&releases[held++], completions[i].handle, 0);
	expect_int(kvpool_run(pool, releases, held, ends), held);
}

static void open_pool(void)
{
	if (kvpool_open(&pool, NULL) || kvpool_ring_create(pool, NULL, &ring))
		bail();
	make_keys(seed);
}

static void close_pool(void)
{
	kvpool_ring_destroy(ring);
	expect_int(STAT(leases), 0);
	expect_int(STAT(pending), 0);
	kvpool_remove(pool, keys, 2 * NR, NULL);
	kvpool_close(pool);
}

static void probes(void)
{
	struct kvpool_remote_opts opts = { .size = sizeof(opts), .peer = peer };
	uint64_t lengths[2 * NR];
	uint32_t peers[2 * NR];
	int status[2 * NR], i, good = 0;

	open_pool();
	expect_int(kvpool_match_prefix(pool, keys, NR), 0);
	expect_int(kvpool_probe(pool, keys, 2 * NR, NULL, status, lengths, peers), NR);
	for (i = 0; i < NR; i++)
		good += !status[i] && lengths[i] == length_of(i) && peers[i] == peer;
	for (; i < 2 * NR; i++)
		good += status[i] == -ENOENT && !lengths[i] && !peers[i];
	expect_int(good, 2 * NR);
	expect_int(kvpool_probe(pool, keys, 2 * NR, &opts, status, NULL, NULL), NR);
	opts.peer = 0x7fffffff;
	expect_int(kvpool_probe(pool, keys, NR, &opts, status, NULL, NULL), 0);
	expect_int(status[0], -ENOENT);
	close_pool();
}

static void finds_peers_by_name(void)
{
	struct kvpool_remote_opts opts = { .size = sizeof(opts) };
	char name[KVPOOL_NAME_SIZE];
	uint32_t number = 0;

	open_pool();
	expect_int(kvpool_peer_read_name(pool, peer, name, sizeof(name)), 0);
	expect_int(kvpool_peer_find(pool, name, &number), 0);
	expect_int(number, peer);
	opts.peer_name = name;
	expect_int(kvpool_probe(pool, keys, NR, &opts, NULL, NULL, NULL), NR);
	opts.peer_name = "no-such-peer";
	expect_int(kvpool_probe(pool, keys, NR, &opts, NULL, NULL, NULL), -ENOENT);
	expect_int(kvpool_peer_read_name(pool, 0x7fffffff, name, sizeof(name)), -ENOENT);
	close_pool();
}

/* All of them are in flight together; each is checked as it completes. */
static void fetch_all(uint32_t flags, uint32_t route)
{
	unsigned int got = 0, good = 0, i;
	uint64_t moved = 0, all = 0;
	int n;

	fill_fetches(flags);
	expect_int(kvpool_ring_submit(ring, ops, NR), NR);
	while (got < NR) {
		n = kvpool_ring_reap(ring, done + got, NR - got, 1, KVPOOL_WAIT_FOREVER);
		if (n < 0)
			bail();
		for (i = got; i < got + n; i++) {
			if (done[i].status)
				printf("# block %llu: %s\n", (unsigned long long)done[i].user_data,
				       kvpool_strerror(done[i].status));
			else if (done[i].route == route)
				good += bytes_are_right(&done[i]);
			moved += done[i].bytes;
			all += done[i].length;
		}
		got += n;
	}
	expect_int(good, NR);
	expect_int(moved, route == KVPOOL_ROUTE_RDMA ? all : 0);
	release(done, NR);
}

static void fetches(void)
{
	uint64_t copied;

	open_pool();
	copied = STAT(copied_bytes);
	fetch_all(KVPOOL_OP_TRANSIENT, KVPOOL_ROUTE_RDMA);
	expect_int(kvpool_exists(pool, keys, NR, NULL, NULL), 0);
	fetch_all(0, KVPOOL_ROUTE_RDMA);
	expect_int(kvpool_match_prefix(pool, keys, NR), NR);
	/* From here on they are local. */
	fetch_all(0, KVPOOL_ROUTE_LOCAL);
	expect_int(STAT(copied_bytes), copied);
	close_pool();
}

static void wrong_length(void)
{
	open_pool();
	kvpool_op_fetch(&ops[0], &keys[1], 65536, peer, 1);
	kvpool_op_fetch(&ops[1], &keys[NR], 65536, peer, 2);
	expect_int(kvpool_run(pool, ops, 2, done), 0);
	expect_int(done[0].status, -EMSGSIZE);
	expect_int(done[0].length, length_of(1));
	expect_int(done[1].status, -ENOENT);
	close_pool();
}

/* However the operations end, nothing is left of them afterwards. */
static void cancels(void)
{
	int round, n, i, ended = 0, fetched = 0;

	open_pool();
	for (round = 0; round < 10; round++) {
		fill_fetches(round % 2 ? KVPOOL_OP_TRANSIENT : 0);
		expect_int(kvpool_ring_submit(ring, ops, NR), NR);
		/* In some rounds a few may arrive first. */
		if (round % 3)
			kvpool_ring_reap(ring, done, round, round, KVPOOL_WAIT_FOREVER);
		n = kvpool_ring_cancel(ring, KVPOOL_CANCEL_ALL, 0);
		expect(n >= 0 && n <= NR);
		release(done, round % 3 ? round : 0);
		/* It was a fence: all of them have completed. */
		n = kvpool_ring_pending(ring);
		expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), n);
		for (i = 0; i < n; i++) {
			ended += done[i].status == -ECANCELED;
			fetched += !done[i].status;
			if (done[i].status && done[i].status != -ECANCELED)
				expect_int(done[i].status, -ECANCELED);
		}
		release(done, n);
		kvpool_remove(pool, keys, NR, NULL);
	}
	printf("# %d were cancelled, %d completed before\n", ended, fetched);
	expect(ended > 0);
	close_pool();
}

static void deadlines(void)
{
	int i, late = 0;

	open_pool();
	fill_fetches(0);
	for (i = 0; i < NR; i++)
		ops[i].timeout_ns = 1;
	kvpool_run(pool, ops, NR, done);
	for (i = 0; i < NR; i++)
		late += done[i].status == -ETIMEDOUT;
	expect(late > 0);
	release(done, NR);
	/* Fetches that timed out can be retried. */
	fetch_all(KVPOOL_OP_TRANSIENT, KVPOOL_ROUTE_RDMA);
	close_pool();
}

static void pushes(void)
{
	struct kvpool_remote_opts opts = { .size = sizeof(opts), .peer = peer };
	uint32_t peers[NR];
	int status[NR], i, good = 0;
	char name[128];

	open_pool();
	snprintf(name, sizeof(name), "%s, pushed", seed);
	make_keys(name);
	expect_int(produce(), NR);
	expect_int(kvpool_push(pool, keys, NR, &opts, status), NR);
	for (i = 0; i < NR; i++)
		if (status[i])
			printf("# block %d: %s\n", i, kvpool_strerror(status[i]));
	expect_int(kvpool_push(pool, keys, NR, &opts, status), 0);
	for (i = 0; i < NR; i++)
		good += status[i] == -EEXIST;
	expect_int(good, NR);
	/* And back. */
	expect_int(kvpool_remove(pool, keys, NR, NULL), NR);
	expect_int(kvpool_probe(pool, keys, NR, NULL, status, NULL, peers), NR);
	expect_int(peers[NR - 1], peer);
	fetch_all(KVPOOL_OP_TRANSIENT, KVPOOL_ROUTE_RDMA);
	expect_int(kvpool_push(pool, keys, 1, &opts, status), 0);
	expect_int(status[0], -ENOENT);
	close_pool();
}

static void batches_from_peers(void)
{
	struct kvpool_consume_opts opts = {
		.size = sizeof(opts),
		.flags = KVPOOL_CONSUME_REMOTE | KVPOOL_CONSUME_PREFIX,
		.timeout_ns = 100 * SEC,
	};
	static unsigned char bytes[2 << 20];
	struct kvpool_batch *batch;
	struct kvpool_key some[5];
	uint64_t lengths[5], j;
	unsigned int i;
	bool good = true;

	open_pool();
	for (i = 0; i < 5; i++) {
		some[i] = keys[i == 3 ? NR : i];
		lengths[i] = length_of(i);
	}
	if (kvpool_batch_create(pool, 5, &batch))
		bail();
	expect_int(kvpool_consume_begin(batch, some, lengths, 5, &opts), 3);
	for (i = 0; i < 3; i++) {
		expect_int(kvpool_block_route(batch, i), KVPOOL_ROUTE_RDMA);
		expect_int(kvpool_block_length(batch, i), lengths[i]);
		expect_int(kvpool_block_read(batch, i, 0, bytes, lengths[i]), 0);
		for (j = 0; j < lengths[i]; j++)
			good = good && bytes[j] == byte_of(i, j);
	}
	expect(good);
	expect_int(kvpool_block_status(batch, 3), -ENOENT);
	expect_int(kvpool_block_status(batch, 4), -ECANCELED);
	kvpool_batch_destroy(batch);
	close_pool();
}

static void *fetch_too(void *arg)
{
	struct kvpool_completion mine[NR];
	uintptr_t good = 0, i;

	(void)arg;
	kvpool_run(pool, ops, NR, mine);
	for (i = 0; i < NR; i++)
		good += !mine[i].status && bytes_are_right(&mine[i]);
	release(mine, NR);
	return (void *)good;
}

/* A second fetch of a block that is in flight waits for the first. */
static void two_fetch_the_same(void)
{
	pthread_t threads[2];
	uint64_t before;
	void *good;
	int i;

	open_pool();
	fill_fetches(0);
	before = STAT(fetched_blocks);
	for (i = 0; i < 2; i++)
		expect_int(pthread_create(&threads[i], NULL, fetch_too, NULL), 0);
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], &good);
		expect_int((uintptr_t)good, NR);
	}
	expect_int(STAT(fetched_blocks), before + NR);
	close_pool();
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "produce")) {
		if (kvpool_open(&pool, NULL))
			bail();
		make_keys(argv[2]);
		return produce() != NR;
	}
	if (argc != 4 || strcmp(argv[1], "consume")) {
		fprintf(stderr, "usage: %s produce SEED | consume SEED PEER\n", argv[0]);
		return 2;
	}
	seed = argv[2];
	peer = (uint32_t)atoi(argv[3]);
	run(probes);
	run(finds_peers_by_name);
	run(fetches);
	run(wrong_length);
	run(cancels);
	run(deadlines);
	run(pushes);
	run(batches_from_peers);
	run(two_fetch_the_same);
	return tap_end();
}
