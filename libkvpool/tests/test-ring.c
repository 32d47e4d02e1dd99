// SPDX-License-Identifier: LGPL-2.1-or-later
/* Operations that are submitted and reaped. */

#include "mock.h"
#include "mock-ring.h"
#include "ring-common.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <unistd.h>

#define NR	2500

static struct kvpool *pool;
static struct kvpool_ring *ring;
static struct kvpool_op ops[NR];
static struct kvpool_completion done[NR];

static void open_pool_with(const struct kvpool_open_opts *opts)
{
	mock_reset();
	expect_int(kvpool_open(&pool, opts), 0);
}

static void open_pool(void)
{
	open_pool_with(NULL);
}

static void setup(unsigned int entries)
{
	const struct kvpool_ring_opts opts = { .size = sizeof(opts), .entries = entries };
	unsigned int i;

	open_pool();
	expect_int(kvpool_ring_create(pool, &opts, &ring), 0);
	for (i = 0; i < NR; i++) {
		struct kvpool_key key = mock_id(i);

		kvpool_op_probe(&ops[i], &key, 0, 0, i);
	}
	mock_forget();
}

/* These stay in flight until the device is told to complete them. */
static void make_slow(unsigned int first, unsigned int nr)
{
	while (nr--) {
		struct kvpool_key key = mock_make_key((struct mock_key){ .id = first, .settles = 1 });

		kvpool_op_fetch(&ops[first], &key, 4096, 3, first);
		ops[first].tag = first % 2;
		first++;
	}
}

static void cleanup(void)
{
	kvpool_ring_destroy(ring);
	kvpool_close(pool);
	expect_int(mock.held, 0);
	expect(!mock.bad_input);
}

static bool readable(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	return poll(&wait, 1, 0) == 1;
}

static void creates(void)
{
	const struct kvpool_ring_opts small = { .size = sizeof(small), .entries = 5 };
	struct kvpool_ring_opts opts = small;

	open_pool();
	expect_int(kvpool_ring_create(pool, &small, &ring), 0);
	expect_int(kvpool_ring_entries(ring), 8);
	expect_int(kvpool_ring_pending(ring), 0);
	expect(kvpool_ring_fd(ring) >= 0);
	cleanup();
	expect_int(mock_rings(), 0);

	open_pool();
	expect_int(kvpool_ring_create(pool, NULL, &ring), 0);
	expect_int(kvpool_ring_entries(ring), 256);
	cleanup();

	open_pool();
	expect_int(kvpool_ring_create(pool, NULL, NULL), -EINVAL);
	expect_int(kvpool_ring_create(NULL, NULL, &ring), -EINVAL);
	opts.entries = 65537;
	expect_int(kvpool_ring_create(pool, &opts, &ring), -EINVAL);
	expect_text(kvpool_last_error(), "65536 is the limit");
	opts = small;
	opts.flags = 1;
	expect_int(kvpool_ring_create(pool, &opts, &ring), -EINVAL);
	opts = small;
	opts.size = 4;
	expect_int(kvpool_ring_create(pool, &opts, &ring), -EINVAL);
	expect_int(mock.nr_calls, 0);
	kvpool_ring_destroy(NULL);
	kvpool_close(pool);
}

static void creation_fails(void)
{
	open_pool();
	mock.fail_at = 1;
	mock.fail_errno = ENOTTY;
	expect_int(kvpool_ring_create(pool, NULL, &ring), -ENOTTY);
	expect_text(kvpool_last_error(), "load a newer module");
	expect(!ring);
	kvpool_close(pool);

	open_pool();
	mock.ring_nonsense = true;
	expect_int(kvpool_ring_create(pool, NULL, &ring), -EPROTO);
	expect_text(kvpool_last_error(), "makes no sense");
	expect_int(mock_rings(), 0);
	kvpool_close(pool);

	open_pool();
	mock.mmap_error = EAGAIN;
	expect_int(kvpool_ring_create(pool, NULL, &ring), -EAGAIN);
	expect_text(kvpool_last_error(), "mapping the ring");
	expect_int(mock_rings(), 0);
	kvpool_close(pool);

	open_pool();
	mock.fail_alloc = 1;
	expect_int(kvpool_ring_create(pool, NULL, &ring), -ENOMEM);
	expect(!ring);
	kvpool_close(pool);
}

static void fills_operations(void)
{
	struct kvpool_key key = mock_id(7);
	struct kvpool_op op;

	memset(&op, 0x55, sizeof(op));
	kvpool_op_fetch(&op, &key, 8192, 4, 99);
	expect_int(op.opcode, KVPOOL_OP_LEASE);
	expect_int(op.flags, KVPOOL_OP_REMOTE);
	expect_int(op.length, 8192);
	expect_int(op.peer, 4);
	expect_int(op.node, KVPOOL_NODE_ANY);
	expect_int(op.user_data, 99);
	expect(!op.tag && !op.timeout_ns && !op.handle && !op.reserved);
	expect(!memcmp(&op.key, &key, sizeof(key)));
	memset(&op, 0x55, sizeof(op));
	kvpool_op_lease(&op, &key, KVPOOL_OP_WAIT, 1);
	expect(op.opcode == KVPOOL_OP_LEASE && op.flags == KVPOOL_OP_WAIT && !op.length && !op.node);
	memset(&op, 0x55, sizeof(op));
	kvpool_op_push(&op, &key, 5, 1);
	expect(op.opcode == KVPOOL_OP_PUSH && op.peer == 5 && !op.flags);
	memset(&op, 0x55, sizeof(op));
	kvpool_op_release(&op, 1234, 1);
	expect(op.opcode == KVPOOL_OP_RELEASE && op.handle == 1234 && !op.key.words[0]);
	memset(&op, 0x55, sizeof(op));
	kvpool_op_reserve(&op, &key, 65536, 2);
	expect(op.opcode == KVPOOL_OP_RESERVE && op.length == 65536 && !op.flags && !op.handle);
	expect_int(op.node, KVPOOL_NODE_ANY);
	expect(!memcmp(&op.key, &key, sizeof(key)));
	memset(&op, 0x55, sizeof(op));
	kvpool_op_seal(&op, 1234, KVPOOL_OP_PIN_HARD, 3);
	expect(op.opcode == KVPOOL_OP_SEAL && op.handle == 1234 && !op.key.words[0] && !op.node);
	expect_int(op.flags, KVPOOL_OP_PIN_HARD);
	kvpool_op_init(&op, KVPOOL_OP_NOP, 17);
	expect(op.opcode == KVPOOL_OP_NOP && op.user_data == 17 && !op.handle);
}

static void reaps_without_calls(void)
{
	struct kvpool_key miss = mock_make_key((struct mock_key){ .id = 2, .status = ENOENT });
	int i;

	setup(16);
	kvpool_op_probe(&ops[2], &miss, KVPOOL_OP_REMOTE, 3, 2);
	expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), 0);
	expect_int(kvpool_ring_submit(ring, ops, 5), 5);
	expect_int(kvpool_ring_pending(ring), 5);
	expect_int(mock.nr_calls, 1);
	expect_int(kvpool_ring_reap(ring, done, 3, 3, 0), 3);
	expect_int(kvpool_ring_pending(ring), 2);
	expect_int(kvpool_ring_reap(ring, done + 3, NR, 0, KVPOOL_WAIT_FOREVER), 2);
	expect_int(mock.nr_calls, 1);
	for (i = 0; i < 5; i++) {
		expect_int(done[i].user_data, i);
		expect_int(done[i].status, i == 2 ? -ENOENT : 0);
	}
	expect_int(kvpool_ring_pending(ring), 0);
	expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), 0);
	expect_int(kvpool_ring_reap(ring, done, 0, 0, 0), -EINVAL);
	expect_int(kvpool_ring_reap(ring, done, 1, 2, 0), -EINVAL);
	expect_int(kvpool_ring_reap(NULL, done, 1, 0, 0), -EINVAL);
	expect_int(kvpool_ring_submit(NULL, ops, 1), -EINVAL);
	expect_int(kvpool_ring_submit(ring, NULL, 1), -EINVAL);
	expect_int(kvpool_ring_submit(ring, NULL, 0), 0);
	cleanup();
}

static void submits_in_batches(void)
{
	int i, bad = 0;

	setup(4096);
	mock.info.max_batch = KVPOOL_MAX_BATCH;
	expect_int(kvpool_ring_submit(ring, ops, NR), NR);
	expect_int(mock.nr_calls, 3);
	expect_int(kvpool_ring_reap(ring, done, NR, NR, 0), NR);
	for (i = 0; i < NR; i++)
		bad += done[i].user_data != (unsigned int)i;
	expect_int(bad, 0);
	cleanup();
}

static void stops_when_full(void)
{
	int round, bad = 0;
	unsigned int next = 0;

	/* The indices wrap on the way. */
	mock_reset();
	setup(8);
	kvpool_ring_destroy(ring);
	kvpool_close(pool);
	mock_reset();
	mock.ring_start = UINT32_MAX - 100;
	expect_int(kvpool_open(&pool, NULL), 0);
	expect_int(kvpool_ring_create(pool, &(struct kvpool_ring_opts){
			.size = sizeof(struct kvpool_ring_opts), .entries = 8 }, &ring), 0);
	expect_int(kvpool_ring_submit(ring, ops, 20), 8);
	expect_int(kvpool_ring_submit(ring, ops + 8, 12), 0);
	expect_int(kvpool_ring_pending(ring), 8);
	expect_int(kvpool_ring_reap(ring, done, 3, 3, 0), 3);
	expect_int(kvpool_ring_submit(ring, ops + 8, 12), 3);
	expect_int(kvpool_ring_reap(ring, done + 3, 8, 8, 0), 8);
	for (next = 0; next < 11; next++)
		bad += done[next].user_data != next;
	for (round = 0; round < 100; round++) {
		bad += kvpool_ring_submit(ring, ops, 7) != 7;
		bad += kvpool_ring_reap(ring, done, 7, 7, 0) != 7;
		for (next = 0; next < 7; next++)
			bad += done[next].user_data != next;
	}
	expect_int(bad, 0);
	cleanup();
}

static void module_refuses(void)
{
	setup(4096);
	mock.fail_at = 2;
	mock.fail_errno = EINVAL;
	/* Operations that were begun count; the error of a first batch is returned. */
	expect_int(kvpool_ring_submit(ring, ops, NR), KVPOOL_MAX_BATCH);
	expect_int(kvpool_ring_pending(ring), KVPOOL_MAX_BATCH);
	mock_forget();
	mock.fail_at = 1;
	expect_int(kvpool_ring_submit(ring, ops, NR), -EINVAL);
	expect_text(kvpool_last_error(), "kvpool_ring_submit: the kvpool module refused");
	expect_int(kvpool_ring_pending(ring), KVPOOL_MAX_BATCH);
	mock_forget();
	mock.fail_at = 0;
	expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), KVPOOL_MAX_BATCH);
	cleanup();
}

static void *complete_one_by_one(void *arg)
{
	uintptr_t nr = (uintptr_t)arg;

	while (nr--)
		mock_ring_complete(1, 1, 0);
	return NULL;
}

static void waits(void)
{
	pthread_t thread;
	int i;

	setup(64);
	make_slow(0, 10);
	expect_int(kvpool_ring_submit(ring, ops, 10), 10);
	expect_int(kvpool_ring_reap(ring, done, 10, 1, 0), -ETIMEDOUT);
	expect_text(kvpool_last_error(), "10 are pending");
	expect_int(pthread_create(&thread, NULL, complete_one_by_one, (void *)10), 0);
	expect_int(kvpool_ring_reap(ring, done, 10, 7, KVPOOL_WAIT_FOREVER) >= 7, 1);
	pthread_join(thread, NULL);
	while (kvpool_ring_pending(ring))
		kvpool_ring_reap(ring, done, 10, 1, KVPOOL_WAIT_FOREVER);

	/* When the time is over, fewer than the minimum are returned. */
	make_slow(2, 2);
	make_slow(0, 2);
	expect_int(kvpool_ring_submit(ring, ops, 4), 4);
	mock_ring_complete(1, 3, -EREMOTEIO);
	expect_int(kvpool_ring_reap(ring, done, 10, 4, MS), 3);
	for (i = 0; i < 3; i++)
		expect_int(done[i].status, -EREMOTEIO);
	/* The leases that the ring had given out. */
	mock.held = 0;
	cleanup();
}

static void signal_ends_wait(void)
{
	const struct kvpool_open_opts opts = { .size = sizeof(opts),
					       .flags = KVPOOL_OPEN_INTERRUPTIBLE };
	timer_t timer;

	setup(64);
	make_slow(0, 1);
	expect_int(kvpool_ring_submit(ring, ops, 1), 1);
	/* Some signals come before the time is over, and end nothing. */
	timer = alarms_begin(MS);
	expect_int(kvpool_ring_reap(ring, done, 10, 1, 5 * MS), -ETIMEDOUT);
	timer_delete(timer);
	cleanup();

	open_pool_with(&opts);
	expect_int(kvpool_ring_create(pool, NULL, &ring), 0);
	make_slow(0, 2);
	expect_int(kvpool_ring_submit(ring, ops, 1), 1);
	timer = alarms_begin(MS);
	expect_int(kvpool_ring_reap(ring, done, 10, 1, KVPOOL_WAIT_FOREVER), -EINTR);
	timer_delete(timer);
	cleanup();
}

static void wakes_event_loops(void)
{
	uint64_t count;

	setup(64);
	make_slow(0, 4);
	expect_int(kvpool_ring_submit(ring, ops, 4), 4);
	/* The mock signals every submission; the module need not. */
	expect_int(read(kvpool_ring_fd(ring), &count, sizeof(count)), sizeof(count));
	expect(!readable(kvpool_ring_fd(ring)));
	mock_ring_complete(1, 4, -ENOENT);
	expect(readable(kvpool_ring_fd(ring)));
	expect_int(read(kvpool_ring_fd(ring), &count, sizeof(count)), sizeof(count));
	expect_int(kvpool_ring_reap(ring, done, 4, 0, 0), 4);

	/* A wait that leaves something leaves the descriptor readable. */
	expect_int(kvpool_ring_submit(ring, ops, 4), 4);
	expect_int(kvpool_ring_reap(ring, done, 4, 4, 0), -ETIMEDOUT);
	mock_ring_complete(1, 1, -ENOENT);
	expect_int(kvpool_ring_reap(ring, done, 2, 2, 0), 1);
	mock_ring_complete(1, 3, -ENOENT);
	expect_int(kvpool_ring_reap(ring, done, 2, 2, KVPOOL_WAIT_FOREVER), 2);
	expect(readable(kvpool_ring_fd(ring)));
	expect_int(kvpool_ring_reap(ring, done, 2, 1, KVPOOL_WAIT_FOREVER), 1);
	cleanup();
}

static void *reap_one(void *arg)
{
	/* As good as for ever: the deadline does not fit in 64 bits. */
	return (void *)(intptr_t)kvpool_ring_reap(ring, arg, 1, 1, KVPOOL_WAIT_FOREVER - 1);
}

/* A thread that takes one completion of several wakes the next. */
static void waiters_wake_each_other(void)
{
	pthread_t threads[3];
	int round, i, bad = 0;
	void *got;

	setup(64);
	make_slow(0, 3);
	for (round = 0; round < 20; round++) {
		expect_int(kvpool_ring_submit(ring, ops, 3), 3);
		for (i = 0; i < 3; i++)
			expect_int(pthread_create(&threads[i], NULL, reap_one, &done[i]), 0);
		mock_ring_complete(1, 3, -ENOENT);
		for (i = 0; i < 3; i++) {
			pthread_join(threads[i], &got);
			bad += (intptr_t)got != 1;
		}
		bad += done[0].user_data + done[1].user_data + done[2].user_data != 3;
	}
	expect_int(bad, 0);
	expect_int(kvpool_ring_pending(ring), 0);
	cleanup();
}

static void cancels(void)
{
	setup(64);
	make_slow(0, 10);
	expect_int(kvpool_ring_submit(ring, ops, 10), 10);
	expect_int(kvpool_ring_cancel(ring, KVPOOL_CANCEL_USER_DATA, 4), 1);
	expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), 1);
	expect_int(done[0].user_data, 4);
	expect_int(done[0].status, -ECANCELED);
	expect_int(kvpool_ring_cancel(ring, KVPOOL_CANCEL_TAG | KVPOOL_CANCEL_NOWAIT, 1), 5);
	expect_int(kvpool_ring_cancel(ring, KVPOOL_CANCEL_TAG, 1), 0);
	expect_int(kvpool_ring_cancel(ring, KVPOOL_CANCEL_ALL, 0), 4);
	expect_int(kvpool_ring_pending(ring), 9);
	expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), 9);
	expect_int(kvpool_ring_cancel(NULL, KVPOOL_CANCEL_ALL, 0), -EINVAL);
	mock_forget();
	mock.fail_at = 1;
	mock.fail_errno = EINVAL;
	expect_int(kvpool_ring_cancel(ring, 0, 0), -EINVAL);
	mock.fail_at = 0;
	cleanup();
}

/* Completions that were not reaped have handles, and operations are in flight. */
static void destroy_gives_back(void)
{
	unsigned int i;

	setup(256);
	for (i = 0; i < 150; i++) {
		struct kvpool_key key = mock_id(i);

		if (i % 2)
			kvpool_op_reserve(&ops[i], &key, 4096, i);
		else
			kvpool_op_lease(&ops[i], &key, 0, i);
	}
	make_slow(150, 20);
	expect_int(kvpool_ring_submit(ring, ops, 170), 170);
	expect_int(mock.held, 150);
	mock_forget();
	kvpool_ring_destroy(ring);
	expect_int(mock.held, 0);
	/* Handles that are not found among the leases are reservations. */
	expect_calls({ KVPOOL_IOC_RING_END, .ring = 1 },
		     { KVPOOL_IOC_RELEASE, .nr = 64, .first = 0, .last = 63 },
		     { KVPOOL_IOC_ABORT, .nr = 32, .first = 1, .last = 63 },
		     { KVPOOL_IOC_RELEASE, .nr = 64, .first = 64, .last = 127 },
		     { KVPOOL_IOC_ABORT, .nr = 32, .first = 65, .last = 127 },
		     { KVPOOL_IOC_RELEASE, .nr = 22, .first = 128, .last = 149 },
		     { KVPOOL_IOC_ABORT, .nr = 11, .first = 129, .last = 149 });
	kvpool_close(pool);
}

/* Each ring has its completions, its descriptor, its end and its cancellation. */
static void rings_are_separate(void)
{
	struct kvpool_ring *two, *three;

	setup(64);
	expect_int(kvpool_ring_create(pool, NULL, &two), 0);
	expect_int(kvpool_ring_create(pool, NULL, &three), 0);
	expect(kvpool_ring_fd(ring) != kvpool_ring_fd(two));
	make_slow(0, 6);
	expect_int(kvpool_ring_submit(ring, ops, 2), 2);
	expect_int(kvpool_ring_submit(two, ops + 2, 3), 3);
	expect_int(kvpool_ring_submit(three, ops + 5, 1), 1);
	expect_int(mock.calls[mock.nr_calls - 2].ring, 2);
	expect_int(kvpool_ring_pending(two), 3);

	mock_ring_complete(2, 1, -ENOENT);
	expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), 0);
	expect_int(kvpool_ring_reap(three, done, NR, 0, 0), 0);
	expect_int(kvpool_ring_reap(two, done, NR, 0, 0), 1);
	expect_int(done[0].user_data, 2);

	/* The same tag is in all of them. */
	expect_int(kvpool_ring_cancel(two, KVPOOL_CANCEL_TAG, 1), 1);
	expect_int(kvpool_ring_reap(two, done, NR, 0, 0), 1);
	expect_int(done[0].user_data, 3);
	expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), 0);
	kvpool_ring_destroy(two);
	expect_int(mock_rings(), 2);
	expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), 0);
	expect_int(kvpool_ring_pending(ring), 2);

	/* All of the pool's. */
	expect_int(kvpool_cancel_ops(pool, KVPOOL_CANCEL_ALL, 0), 3);
	expect_int(mock.calls[mock.nr_calls - 1].ring, 0);
	expect_int(kvpool_ring_reap(ring, done, NR, 0, 0), 2);
	expect_int(kvpool_ring_reap(three, done, NR, 0, 0), 1);
	expect_int(done[0].status, -ECANCELED);
	expect_int(kvpool_cancel_ops(NULL, KVPOOL_CANCEL_ALL, 0), -EINVAL);
	kvpool_ring_destroy(three);
	cleanup();
	expect_int(mock_rings(), 0);
}

static void as_many_rings_as_the_module_has(void)
{
	struct kvpool_ring *all[KVPOOL_RINGS_MAX], *more;
	unsigned int i;

	open_pool();
	for (i = 0; i < KVPOOL_RINGS_MAX; i++)
		expect_int(kvpool_ring_create(pool, NULL, &all[i]), 0);
	expect_int(kvpool_ring_create(pool, NULL, &more), -ENOSPC);
	expect_text(kvpool_last_error(), "has 64 rings, which is the limit; destroy a ring");
	expect(!more);
	kvpool_ring_destroy(all[5]);
	expect_int(kvpool_ring_create(pool, NULL, &all[5]), 0);
	for (i = 0; i < KVPOOL_RINGS_MAX; i++)
		kvpool_ring_destroy(all[i]);
	expect_int(mock_rings(), 0);
	kvpool_close(pool);
}

static void *use_own_ring(void *arg)
{
	struct kvpool_completion got[16];
	struct kvpool_ring *mine;
	struct kvpool_op nops[16];
	uintptr_t bad = 0, me = (uintptr_t)arg;
	unsigned int round, i;

	for (i = 0; i < 16; i++)
		kvpool_op_init(&nops[i], KVPOOL_OP_NOP, me * 100 + i);
	for (round = 0; round < 50; round++) {
		if (kvpool_ring_create(pool, NULL, &mine))
			return (void *)1;
		bad += kvpool_ring_submit(mine, nops, 16) != 16;
		bad += kvpool_ring_reap(mine, got, 16, 16, KVPOOL_WAIT_FOREVER) != 16;
		for (i = 0; i < 16; i++)
			bad += got[i].user_data != me * 100 + i;
		kvpool_ring_destroy(mine);
	}
	return (void *)bad;
}

static void each_thread_has_a_ring(void)
{
	pthread_t threads[4];
	uintptr_t i;
	void *bad;

	open_pool();
	mock.no_log = true;
	for (i = 0; i < 4; i++)
		expect_int(pthread_create(&threads[i], NULL, use_own_ring, (void *)i), 0);
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &bad);
		expect_int((uintptr_t)bad, 0);
	}
	expect(!mock.bad_input);
	expect_int(mock_rings(), 0);
	kvpool_close(pool);
}

/* Another part of the process writes to the mapping. */
static void spoilt_mapping_is_bounded(void)
{
	const uint32_t wrong[] = { 1, 8, 9, 1000, 0x7fffffff, 0xffffffff };
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		setup(8);
		*mock_ring_tail(1) = wrong[i];
		expect(kvpool_ring_reap(ring, done, NR, 0, 0) <= 8);
		expect(kvpool_ring_reap(ring, done, NR, 1, 0) <= 8);
		*mock_ring_head(1) = wrong[i];
		*mock_ring_tail(1) = kvpool_ring_reap(ring, done, 1, 0, 0);
		kvpool_ring_destroy(ring);
		kvpool_close(pool);
	}
}

static void threads_share_a_ring(void)
{
	const struct sharing how = { 4, 20000, 16, MS };

	setup(64);
	mock.no_log = true;
	threads_share(ring, &how);
	expect_int(kvpool_ring_pending(ring), 0);
	mock.no_log = false;
	cleanup();
}

int main(void)
{
	run(creates);
	run(creation_fails);
	run(fills_operations);
	run(reaps_without_calls);
	run(submits_in_batches);
	run(stops_when_full);
	run(module_refuses);
	run(waits);
	run(signal_ends_wait);
	run(wakes_event_loops);
	run(waiters_wake_each_other);
	run(cancels);
	run(destroy_gives_back);
	run(rings_are_separate);
	run(as_many_rings_as_the_module_has);
	run(each_thread_has_a_ring);
	run(spoilt_mapping_is_bounded);
	run(threads_share_a_ring);
	return tap_end();
}
