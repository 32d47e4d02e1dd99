// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Operations on a loaded module, from the outside and on one host. Keys are of
 * this run, so that other blocks in the pool do not matter.
 */

#include <kvpool.h>

#include "ring-common.h"

#include <errno.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR	3000
#define LENGTH	8192

static struct kvpool *pool;
static struct kvpool_ring *ring;
static struct kvpool_key keys[NR];
static struct kvpool_op ops[NR];
static struct kvpool_completion done[NR];

static void bail(void)
{
	printf("Bail out! %s\n", kvpool_last_error());
	exit(1);
}

/* New keys for every test. */
static void make_keys(void)
{
	static uint32_t tokens[NR], seed[4];
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	seed[0]++;
	seed[1] = getpid();
	seed[2] = ts.tv_sec;
	seed[3] = ts.tv_nsec;
	kvpool_prefix_keys(seed, sizeof(seed), 1, tokens, NR, keys, NR);
}

static void setup(unsigned int entries)
{
	const struct kvpool_ring_opts opts = { .size = sizeof(opts), .entries = entries };

	make_keys();
	if (kvpool_open(&pool, NULL) || kvpool_ring_create(pool, &opts, &ring))
		bail();
}

static void cleanup(void)
{
	kvpool_ring_destroy(ring);
	kvpool_remove(pool, keys, NR, NULL);
	kvpool_close(pool);
}

/* A batch that holds the reservations of filled blocks. */
static struct kvpool_batch *reserve(struct kvpool *p, unsigned int first, unsigned int nr)
{
	const struct kvpool_produce_opts opts = { .size = sizeof(opts), .length = LENGTH };
	struct kvpool_batch *batch;
	char bytes[LENGTH];
	unsigned int i;

	if (kvpool_batch_create(p, nr, &batch) ||
	    kvpool_produce_begin(batch, keys + first, NULL, nr, &opts) != (int)nr)
		bail();
	for (i = 0; i < nr; i++) {
		memset(bytes, (int)(first + i), sizeof(bytes));
		kvpool_block_write(batch, i, 0, bytes, sizeof(bytes));
	}
	return batch;
}

static void produce(struct kvpool *p, unsigned int first, unsigned int nr)
{
	struct kvpool_batch *batch = reserve(p, first, nr);

	if (kvpool_produce_commit(batch, NULL, NULL, 0, 0) != (int)nr)
		bail();
	kvpool_batch_destroy(batch);
}

static bool bytes_are(const struct kvpool_completion *c, unsigned char value)
{
	struct kvpool_span spans[4];
	const unsigned char *at;
	struct iovec iov[4];
	uint64_t bytes = 0, j;
	int nr, i;

	nr = kvpool_lease_spans(pool, c->handle, spans, 4);
	if (nr != (int)c->nr_spans || c->length != LENGTH ||
	    memcmp(&spans[0], &c->span, sizeof(spans[0])) ||
	    kvpool_lease_iov(pool, c, iov, 4) != nr)
		return false;
	for (i = 0; i < nr && i < 4; i++) {
		at = iov[i].iov_base;
		if (at != (unsigned char *)kvpool_base(pool) + spans[i].offset ||
		    iov[i].iov_len != spans[i].length)
			return false;
		for (j = 0; j < spans[i].length; j++, bytes++)
			if (at[j] != value)
				return false;
	}
	return bytes == LENGTH;
}

static uint64_t leases(void)
{
	struct kvpool_stats stats;

	if (kvpool_stats_read(pool, &stats, sizeof(stats)))
		bail();
	return stats.leases;
}

static void leases_and_releases(void)
{
	unsigned int i, good = 0, released = 0;
	uint64_t before;

	setup(4096);
	produce(pool, 0, 200);
	before = leases();
	for (i = 0; i < NR; i++)
		kvpool_op_lease(&ops[i], &keys[i], 0, i);
	expect_int(kvpool_ring_submit(ring, ops, NR), NR);
	expect_int(kvpool_ring_reap(ring, done, NR, NR, KVPOOL_WAIT_FOREVER), NR);
	for (i = 0; i < NR; i++) {
		uint64_t key = done[i].user_data;

		if (key < 200 && !done[i].status && done[i].route == KVPOOL_ROUTE_LOCAL)
			good += bytes_are(&done[i], (unsigned char)key);
		else
			good += key >= 200 && done[i].status == -ENOENT && !done[i].handle;
		if (done[i].handle)
			kvpool_op_release(&ops[released++], done[i].handle, i);
	}
	expect_int(good, NR);
	expect_int(leases(), before + 200);
	expect_int(kvpool_run(pool, ops, released, done), 200);
	expect_int(leases(), before);
	/* A lease ends once. */
	expect_int(kvpool_run(pool, ops, 1, done), 0);
	expect_int(done[0].status, -ENOENT);
	cleanup();
}

static void waits_for_producers(void)
{
	struct kvpool_batch *batch;
	struct pollfd wait;

	setup(64);
	batch = reserve(pool, 0, 3);
	kvpool_op_lease(&ops[0], &keys[0], 0, 10);
	kvpool_op_lease(&ops[1], &keys[0], KVPOOL_OP_WAIT, 11);
	kvpool_op_lease(&ops[2], &keys[1], KVPOOL_OP_WAIT, 12);
	kvpool_op_lease(&ops[3], &keys[2], KVPOOL_OP_WAIT, 13);
	expect_int(kvpool_ring_submit(ring, ops, 4), 4);
	expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), 1);
	expect_int(done[0].user_data, 10);
	expect_int(done[0].status, -EINPROGRESS);
	expect_int(kvpool_ring_pending(ring), 3);

	expect_int(kvpool_produce_commit(batch, (unsigned int[]){ 0 }, NULL, 1, 0), 1);
	wait = (struct pollfd) { .fd = kvpool_ring_fd(ring), .events = POLLIN };
	expect_int(poll(&wait, 1, -1), 1);
	expect_int(kvpool_ring_reap(ring, done, NR, 1, KVPOOL_WAIT_FOREVER), 1);
	expect_int(done[0].user_data, 11);
	expect(!done[0].status && bytes_are(&done[0], 0));

	/* An aborted key is a miss. */
	expect_int(kvpool_produce_abort(batch, (unsigned int[]){ 1 }, 1), 1);
	expect_int(kvpool_ring_reap(ring, done, NR, 1, KVPOOL_WAIT_FOREVER), 1);
	expect_int(done[0].user_data, 12);
	expect_int(done[0].status, -ENOENT);
	kvpool_batch_destroy(batch);
	expect_int(kvpool_ring_reap(ring, done, NR, 1, KVPOOL_WAIT_FOREVER), 1);
	expect_int(done[0].status, -ENOENT);
	expect_int(kvpool_ring_pending(ring), 0);
	cleanup();
}

static void cancels_and_deadlines(void)
{
	struct kvpool_batch *batch;
	int i, got, late = 0;

	setup(64);
	batch = reserve(pool, 0, 1);
	for (i = 0; i < 20; i++) {
		kvpool_op_lease(&ops[i], &keys[0], KVPOOL_OP_WAIT, i);
		ops[i].tag = i % 2;
	}
	expect_int(kvpool_ring_submit(ring, ops, 20), 20);
	expect_int(kvpool_ring_cancel(ring, KVPOOL_CANCEL_USER_DATA, 5), 1);
	expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), 1);
	expect(done[0].user_data == 5 && done[0].status == -ECANCELED && !done[0].handle);
	expect_int(kvpool_ring_cancel(ring, KVPOOL_CANCEL_TAG, 1), 9);
	expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), 9);
	expect_int(kvpool_ring_cancel(ring, KVPOOL_CANCEL_TAG, 77), 0);
	expect_int(kvpool_ring_cancel(ring, KVPOOL_CANCEL_ALL, 0), 10);
	expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), 10);
	expect_int(kvpool_ring_cancel(ring, 0, 0), -EINVAL);

	for (i = 0; i < 20; i++)
		ops[i].timeout_ns = (i + 1) * MS;
	expect_int(kvpool_ring_submit(ring, ops, 20), 20);
	for (got = 0; got < 20; got++) {
		expect_int(kvpool_ring_reap(ring, done, 1, 1, KVPOOL_WAIT_FOREVER), 1);
		late += done[0].status == -ETIMEDOUT;
	}
	expect_int(late, 20);
	/* The block can be sealed all the same. */
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 1);
	expect_int(kvpool_exists(pool, keys, 1, NULL, NULL), 1);
	kvpool_batch_destroy(batch);
	cleanup();
}

static void full_ring(void)
{
	int i, round, begun, got, sum = 0;

	setup(16);
	for (i = 0; i < 100; i++)
		kvpool_op_init(&ops[i], KVPOOL_OP_NOP, i);
	expect_int(kvpool_ring_submit(ring, ops, 100), 16);
	expect_int(kvpool_ring_submit(ring, ops, 100), 0);
	expect_int(kvpool_ring_reap(ring, done, 10, 10, 0), 10);
	expect_int(kvpool_ring_submit(ring, ops + 16, 84), 10);
	expect_int(kvpool_ring_reap(ring, done, NR, 16, 0), 16);
	for (i = 0; i < 16; i++)
		sum += done[i].user_data == (uint64_t)(i + 10);
	expect_int(sum, 16);
	for (round = begun = got = 0; round < 1000; round++) {
		begun += kvpool_ring_submit(ring, ops, round % 20);
		got += kvpool_ring_reap(ring, done, round % 7 + 1, 0, 0);
	}
	got += kvpool_ring_reap(ring, done, NR, 0, 0);
	expect_int(got, begun);
	cleanup();
}

/* Leases of completions that were not reaped, and waits, end with the ring. */
static void destroy_gives_back(void)
{
	struct kvpool_batch *batch;
	uint64_t before;
	int i;

	setup(512);
	produce(pool, 0, 100);
	batch = reserve(pool, 100, 1);
	before = leases();
	for (i = 0; i < 100; i++)
		kvpool_op_lease(&ops[i], &keys[i], 0, i);
	for (; i < 200; i++)
		kvpool_op_lease(&ops[i], &keys[100], KVPOOL_OP_WAIT, i);
	expect_int(kvpool_ring_submit(ring, ops, 200), 200);
	expect_int(leases(), before + 100);
	kvpool_ring_destroy(ring);
	ring = NULL;
	expect_int(leases(), before);
	kvpool_batch_destroy(batch);
	cleanup();
}

/* Blocks are reserved, filled and sealed without a batch. */
static void reserves_and_seals(void)
{
	struct iovec iov[4];
	int i, j, nr, released = 0;
	uint64_t handle;

	setup(64);
	for (i = 0; i < 20; i++)
		kvpool_op_reserve(&ops[i], &keys[i], LENGTH, i);
	kvpool_op_reserve(&ops[20], &keys[3], LENGTH, 20);
	expect_int(kvpool_ring_submit(ring, ops, 21), 21);
	expect_int(kvpool_ring_reap(ring, done, NR, 21, KVPOOL_WAIT_FOREVER), 21);
	for (i = 0; i < 21; i++) {
		uint64_t key = done[i].user_data;

		if (key == 20) {
			/* Pending: the same key comes twice. */
			expect_int(done[i].status, -EBUSY);
			continue;
		}
		expect_int(done[i].status, 0);
		nr = kvpool_lease_iov(pool, &done[i], iov, 4);
		expect(nr >= 1 && nr <= 4);
		for (j = 0; j < nr; j++)
			memset(iov[j].iov_base, (int)key, iov[j].iov_len);
		kvpool_op_seal(&ops[key], done[i].handle, key == 1 ? KVPOOL_OP_PIN_SOFT : 0, key);
	}
	/* One block is given back, the others are published. */
	handle = ops[19].handle;
	expect_int(kvpool_abort_handles(pool, &handle, 1, NULL), 1);
	expect_int(kvpool_run(pool, ops, 20, done), 19);
	expect_int(done[19].status, -ENOENT);
	expect_int(kvpool_match_prefix(pool, keys, 20), 19);
	for (i = 0; i < 19; i++)
		kvpool_op_lease(&ops[i], &keys[i], 0, i);
	expect_int(kvpool_run(pool, ops, 19, done), 19);
	for (i = 0; i < 19; i++) {
		expect(bytes_are(&done[i], (unsigned char)i));
		kvpool_op_release(&ops[released++], done[i].handle, 0);
	}
	expect_int(kvpool_run(pool, ops, 19, done), 19);
	cleanup();
}

/* A ring that ends ends its own operations and reservations, and no others. */
static void rings_are_separate(void)
{
	struct kvpool_ring *two, *more[KVPOOL_RINGS_MAX];
	struct kvpool_batch *batch;
	unsigned int i;
	int status;

	setup(64);
	expect_int(kvpool_ring_create(pool, NULL, &two), 0);
	expect(kvpool_ring_fd(two) != kvpool_ring_fd(ring));
	batch = reserve(pool, 0, 1);
	for (i = 0; i < 4; i++)
		kvpool_op_lease(&ops[i], &keys[0], KVPOOL_OP_WAIT, i);
	kvpool_op_reserve(&ops[4], &keys[1], LENGTH, 4);
	expect_int(kvpool_ring_submit(ring, ops, 2), 2);
	expect_int(kvpool_ring_submit(two, ops + 2, 3), 3);
	expect_int(kvpool_ring_cancel(ring, KVPOOL_CANCEL_USER_DATA, 2), 0);
	expect_int(kvpool_ring_cancel(two, KVPOOL_CANCEL_USER_DATA, 2), 1);
	expect_int(kvpool_exists(pool, keys + 1, 1, &status, NULL), 0);
	expect_int(status, -EINPROGRESS);
	kvpool_ring_destroy(two);
	expect_int(kvpool_exists(pool, keys + 1, 1, &status, NULL), 0);
	expect_int(status, -ENOENT);

	expect_int(kvpool_ring_pending(ring), 2);
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 1);
	expect_int(kvpool_ring_reap(ring, done, NR, 2, KVPOOL_WAIT_FOREVER), 2);
	expect(!done[0].status && !done[1].status);
	for (i = 0; i < KVPOOL_RINGS_MAX - 1; i++)
		expect_int(kvpool_ring_create(pool, NULL, &more[i]), 0);
	expect_int(kvpool_ring_create(pool, NULL, &two), -ENOSPC);
	while (i--)
		kvpool_ring_destroy(more[i]);
	expect_int(kvpool_ring_create(pool, NULL, &two), 0);
	kvpool_ring_destroy(two);
	kvpool_batch_destroy(batch);
	cleanup();
}

/* Also operations that another thread waits for. */
static void *run_one(void *arg)
{
	return (void *)(intptr_t)kvpool_run(pool, arg, 1, &done[NR - 1]);
}

static void cancels_all_of_a_pool(void)
{
	struct kvpool_batch *batch;
	pthread_t thread;
	int ended = 0;
	void *ret;

	setup(16);
	batch = reserve(pool, 0, 1);
	kvpool_op_lease(&ops[0], &keys[0], KVPOOL_OP_WAIT, 1);
	kvpool_op_lease(&ops[1], &keys[0], KVPOOL_OP_WAIT, 2);
	expect_int(kvpool_ring_submit(ring, ops, 1), 1);
	expect_int(pthread_create(&thread, NULL, run_one, &ops[1]), 0);
	while (ended < 2)
		ended += kvpool_cancel_ops(pool, KVPOOL_CANCEL_ALL, 0);
	expect_int(ended, 2);
	pthread_join(thread, &ret);
	expect_int((intptr_t)ret, 0);
	expect_int(done[NR - 1].status, -ECANCELED);
	expect_int(kvpool_ring_reap(ring, done, 1, 1, KVPOOL_WAIT_FOREVER), 1);
	expect_int(done[0].status, -ECANCELED);
	kvpool_batch_destroy(batch);
	cleanup();
}

static void each_completes_once(void)
{
	const struct sharing how = { 3, 30000, 32, 50 * MS };

	setup(128);
	threads_share(ring, &how);
	cleanup();
}

static void *wait_for_one(void *arg)
{
	struct kvpool_completion *one = arg;

	return kvpool_ring_reap(ring, one, 1, 1, KVPOOL_WAIT_FOREVER) == 1 ? arg : NULL;
}

/* An engine wakes a thread that waits for completions so. */
static void nothing_wakes(void)
{
	pthread_t thread;
	void *got;

	setup(16);
	expect_int(pthread_create(&thread, NULL, wait_for_one, &done[0]), 0);
	kvpool_op_init(&ops[0], KVPOOL_OP_NOP, 99);
	expect_int(kvpool_ring_submit(ring, ops, 1), 1);
	pthread_join(thread, &got);
	expect(got == &done[0] && done[0].user_data == 99);
	cleanup();
}

/* If asked for, a signal ends the wait of kvpool_run(); nothing is left of it. */
static void signal_ends_run(void)
{
	const struct kvpool_open_opts opts = { .size = sizeof(opts),
					       .flags = KVPOOL_OPEN_INTERRUPTIBLE };
	struct kvpool_batch *batch;
	struct kvpool *mine;
	uint64_t before;
	timer_t timer;

	setup(16);
	batch = reserve(pool, 0, 1);
	produce(pool, 1, 1);
	before = leases();
	kvpool_op_lease(&ops[0], &keys[0], KVPOOL_OP_WAIT, 1);
	kvpool_op_lease(&ops[1], &keys[1], KVPOOL_OP_WAIT, 2);
	expect_int(kvpool_open(&mine, &opts), 0);
	timer = alarms_begin(20 * MS);
	expect_int(kvpool_run(mine, ops, 2, done), 1);
	timer_delete(timer);
	expect_int(done[0].status, -EINTR);
	expect_int(done[1].status, 0);
	expect_int(leases(), before + 1);
	kvpool_op_release(&ops[0], done[1].handle, 0);
	expect_int(kvpool_run(mine, ops, 1, done), 1);
	kvpool_close(mine);
	kvpool_batch_destroy(batch);
	cleanup();
}

static void peers_that_are_not_there(void)
{
	struct kvpool_remote_opts opts = { .size = sizeof(opts), .peer = 0x7fffffff };
	struct kvpool_info info;
	uint32_t number;
	bool fabric;
	uint64_t lengths[3];
	uint32_t peers[3];
	int status[3];

	setup(16);
	expect_int(kvpool_info_read(pool, &info, sizeof(info)), 0);
	fabric = info.features & KVPOOL_FEATURE_FABRIC;
	produce(pool, 0, 1);
	/* Blocks of this host need no peer. */
	expect_int(kvpool_probe(pool, keys, 3, NULL, status, lengths, peers), 1);
	expect_int(status[0], 0);
	expect_int(lengths[0], LENGTH);
	expect_int(peers[0], 0);
	expect(status[1] == (fabric ? -ENOENT : -EOPNOTSUPP));
	expect_int(lengths[1], 0);
	expect_int(kvpool_push(pool, keys, 1, &opts, status), 0);
	expect(status[0] == (fabric ? -ENOENT : -EOPNOTSUPP));
	opts.peer = 0;
	expect_int(kvpool_push(pool, keys, 1, &opts, status), -EINVAL);
	expect(kvpool_peer_find(pool, "no-such-peer", &number) < 0);
	kvpool_op_fetch(&ops[0], &keys[2], LENGTH, 0x7fffffff, 1);
	expect_int(kvpool_run(pool, ops, 1, done), 0);
	expect(done[0].status == (fabric ? -ENOENT : -EOPNOTSUPP));
	/* The key is free: no fetch of it was begun. */
	produce(pool, 2, 1);
	cleanup();
}

static void consumers_have_no_ring(void)
{
	const struct kvpool_open_opts opts = { .size = sizeof(opts), .flags = KVPOOL_OPEN_RDONLY };
	struct kvpool *producer;

	make_keys();
	if (kvpool_open(&producer, NULL) || kvpool_open(&pool, &opts))
		bail();
	produce(producer, 0, 1);
	expect_int(kvpool_ring_create(pool, NULL, &ring), -EBADF);
	kvpool_op_lease(&ops[0], &keys[0], 0, 1);
	expect_int(kvpool_run(pool, ops, 1, done), 1);
	expect(bytes_are(&done[0], 0));
	expect_int(kvpool_push(pool, keys, 1, &(struct kvpool_remote_opts){
			.size = sizeof(struct kvpool_remote_opts), .peer = 1 }, NULL), -EBADF);
	kvpool_close(pool);
	kvpool_remove(producer, keys, 1, NULL);
	kvpool_close(producer);
}

/* The waits and the leases of a killed process end. */
static void killed_while_waiting(void)
{
	struct kvpool_batch *batch;
	int status, ready[2];
	uint64_t before;
	char byte;
	pid_t pid;

	setup(16);
	batch = reserve(pool, 0, 1);
	produce(pool, 1, 1);
	before = leases();
	expect_int(pipe(ready), 0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct kvpool *mine;
		struct kvpool_ring *my_ring;

		if (kvpool_open(&mine, NULL) || kvpool_ring_create(mine, NULL, &my_ring))
			_exit(1);
		kvpool_op_lease(&ops[0], &keys[0], KVPOOL_OP_WAIT, 1);
		kvpool_op_lease(&ops[1], &keys[1], 0, 2);
		if (kvpool_ring_submit(my_ring, ops, 2) != 2 || write(ready[1], "", 1) != 1)
			_exit(2);
		kvpool_ring_reap(my_ring, done, 2, 2, KVPOOL_WAIT_FOREVER);
		_exit(3);
	}
	expect_int(read(ready[0], &byte, 1), 1);
	expect_int(leases(), before + 1);
	kill(pid, SIGKILL);
	expect_int(waitpid(pid, &status, 0), pid);
	expect(WIFSIGNALED(status));
	expect_int(leases(), before);
	close(ready[0]);
	close(ready[1]);
	kvpool_batch_destroy(batch);
	cleanup();
}

int main(void)
{
	run(leases_and_releases);
	run(waits_for_producers);
	run(cancels_and_deadlines);
	run(full_ring);
	run(destroy_gives_back);
	run(reserves_and_seals);
	run(rings_are_separate);
	run(cancels_all_of_a_pool);
	run(each_completes_once);
	run(nothing_wakes);
	run(signal_ends_run);
	run(peers_that_are_not_there);
	run(consumers_have_no_ring);
	run(killed_while_waiting);
	return tap_end();
}
