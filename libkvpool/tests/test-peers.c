// SPDX-License-Identifier: LGPL-2.1-or-later
/* Operations that are waited for; probe and push. */

#include "mock.h"
#include "tap.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#define NR	2500
#define SEC	1000000000ULL

static struct kvpool *pool;
static struct kvpool_key keys[NR];
static struct kvpool_op ops[NR];
static struct kvpool_completion done[NR];
static int status[NR];
static uint64_t lengths[NR];
static uint32_t peers[NR];

static void setup(void)
{
	mock_reset();
	expect_int(kvpool_open(&pool, NULL), 0);
	mock_ids(keys, NR);
	memset(status, 0x55, sizeof(status));
	memset(lengths, 0x55, sizeof(lengths));
	memset(peers, 0x55, sizeof(peers));
}

static void cleanup(void)
{
	kvpool_close(pool);
	expect(!mock.bad_input);
}

static void key_fails(unsigned int i, int error)
{
	keys[i] = mock_make_key((struct mock_key){ .id = i, .status = error });
}

static void probes(void)
{
	struct kvpool_remote_opts opts = { .size = sizeof(opts), .peer = 9, .timeout_ns = 3 * SEC };
	unsigned int i, bad = 0;

	setup();
	key_fails(5, ENOENT);
	key_fails(2499, EHOSTUNREACH);
	expect_int(kvpool_probe(pool, keys, NR, &opts, status, lengths, peers), NR - 2);
	expect_int(mock.nr_calls, 3);
	expect_int(mock.calls[0].nr, 1024);
	expect_int(mock.calls[2].nr, NR - 2048);
	expect_int(mock.op.opcode, KVPOOL_OP_PROBE);
	expect_int(mock.op.flags, KVPOOL_OP_REMOTE);
	expect_int(mock.op.peer, 9);
	/* The time of the whole call, of which some is spent. */
	expect(mock.op.timeout_ns && mock.op.timeout_ns < 3 * SEC);
	expect(!mock.op.length && !mock.op.handle && !mock.op.node && !mock.op.tag);
	for (i = 0; i < NR; i++) {
		bool miss = i == 5 || i == 2499;

		bad += status[i] != (i == 5 ? -ENOENT : i == 2499 ? -EHOSTUNREACH : 0);
		bad += lengths[i] != (miss ? 0 : 4096);
		bad += peers[i] != (miss ? 0 : 9);
	}
	expect_int(bad, 0);

	/* Without options: all peers, and the module's time. */
	mock_forget();
	expect_int(kvpool_probe(pool, keys, 3, NULL, NULL, NULL, NULL), 3);
	expect_int(mock.nr_calls, 1);
	expect_int(mock.op.peer, 0);
	expect_int(mock.op.timeout_ns, 0);
	expect_int(kvpool_probe(pool, NULL, 0, NULL, NULL, NULL, NULL), 0);
	expect_int(mock.nr_calls, 1);
	cleanup();
}

static void pushes(void)
{
	struct kvpool_remote_opts opts = { .size = sizeof(opts), .peer = 2 };

	setup();
	key_fails(1, EEXIST);
	expect_int(kvpool_push(pool, keys, 3, &opts, status), 2);
	expect_int(status[0], 0);
	expect_int(status[1], -EEXIST);
	expect_int(mock.op.opcode, KVPOOL_OP_PUSH);
	expect_int(mock.op.flags, 0);
	expect_int(mock.op.peer, 2);
	mock_forget();
	expect_int(kvpool_push(pool, keys, 3, NULL, status), -EINVAL);
	expect_text(kvpool_last_error(), "name no peer");
	opts.peer = 0;
	expect_int(kvpool_push(pool, keys, 3, &opts, status), -EINVAL);
	expect_int(mock.nr_calls, 0);
	cleanup();
}

static void names_of_peers(void)
{
	struct kvpool_remote_opts opts = { .size = sizeof(opts), .peer_name = MOCK_PEER };
	uint32_t peer = 77;
	char name[KVPOOL_NAME_SIZE];

	setup();
	expect_int(kvpool_peer_find(pool, MOCK_PEER, &peer), 0);
	expect_int(peer, MOCK_PEER_NR);
	expect_int(kvpool_peer_find(pool, "rack-2", &peer), -ENOENT);
	expect_text(kvpool_last_error(), "no peer 'rack-2'; 'kvpoolctl peer show' lists");
	expect_int(peer, MOCK_PEER_NR);
	expect_int(kvpool_peer_find(pool, "", &peer), -EINVAL);
	expect_int(kvpool_peer_find(pool, "12345678901234567890123456789012", &peer), -EINVAL);
	expect_text(kvpool_last_error(), "1 to 31 bytes, not 32");
	expect_int(kvpool_peer_find(pool, NULL, &peer), -EINVAL);
	expect_int(kvpool_peer_find(NULL, MOCK_PEER, &peer), -EINVAL);
	expect_int(kvpool_peer_find(pool, MOCK_PEER, NULL), -EINVAL);

	memset(name, 0x55, sizeof(name));
	expect_int(kvpool_peer_read_name(pool, MOCK_PEER_NR, name, sizeof(MOCK_PEER)), 0);
	expect(!strcmp(name, MOCK_PEER));
	expect_int(kvpool_peer_read_name(pool, MOCK_PEER_NR, name, strlen(MOCK_PEER)), -ENOBUFS);
	expect_text(kvpool_last_error(), "has 6 bytes, which do not fit in 6");
	expect_int(kvpool_peer_read_name(pool, 4, name, sizeof(name)), -ENOENT);
	expect_text(kvpool_last_error(), "no peer 4");
	expect_int(kvpool_peer_read_name(pool, 0, name, sizeof(name)), -EINVAL);
	expect_int(kvpool_peer_read_name(pool, 3, NULL, sizeof(name)), -EINVAL);

	/* In options, beside the number. */
	expect_int(kvpool_probe(pool, keys, 2, &opts, NULL, NULL, peers), 2);
	expect_int(peers[1], MOCK_PEER_NR);
	expect_int(kvpool_push(pool, keys, 2, &opts, NULL), 2);
	expect_int(mock.op.peer, MOCK_PEER_NR);
	opts.peer = 3;
	mock_forget();
	expect_int(kvpool_probe(pool, keys, 2, &opts, NULL, NULL, NULL), -EINVAL);
	expect_text(kvpool_last_error(), "both the name 'rack-1' and the number 3");
	opts.peer = 0;
	opts.peer_name = "rack-9";
	expect_int(mock.nr_calls, 0);
	expect_int(kvpool_push(pool, keys, 2, &opts, NULL), -ENOENT);
	expect_text(kvpool_last_error(), "kvpool_push: no peer 'rack-9'");
	expect_int(mock.nr_calls, 1);
	/* A module without a fabric. */
	mock_forget();
	mock.fail_at = 1;
	mock.fail_errno = EOPNOTSUPP;
	expect_int(kvpool_peer_find(pool, MOCK_PEER, &peer), -EOPNOTSUPP);
	expect_text(kvpool_last_error(), "modprobe kvpool_rdma");
	cleanup();
}

/* A signal ends the whole call: operations behind it are not begun. */
static void signal_ends_calls(void)
{
	unsigned int i;

	setup();
	key_fails(1000, EINTR);
	for (i = 0; i < NR; i++)
		kvpool_op_probe(&ops[i], &keys[i], 0, 0, i);
	expect_int(kvpool_run(pool, ops, NR, done), 1023);
	expect_int(mock.nr_calls, 1);
	expect_int(done[1023].status, 0);
	expect_int(done[1024].status, -EINTR);
	expect_int(done[2499].status, -EINTR);
	expect_int(done[2499].user_data, 2499);
	mock_forget();
	expect_int(kvpool_probe(pool, keys, NR, NULL, status, NULL, NULL), 1023);
	expect_int(mock.nr_calls, 1);
	expect_int(status[1000], -EINTR);
	expect_int(status[1001], 0);
	expect_int(status[2499], -EINTR);
	cleanup();
}

static void says_what_was_done(void)
{
	int error;

	setup();
	mock.fail_at = 2;
	mock.fail_errno = ENOMEM;
	expect_int(kvpool_probe(pool, keys, NR, NULL, status, lengths, peers), 1024);
	expect_int(status[1023], 0);
	expect_int(status[1024], -ENOMEM);
	expect_int(status[2499], -ENOMEM);
	expect_int(lengths[1024], 0);
	expect_int(peers[2499], 0);
	expect_text(kvpool_last_error(), "kvpool_probe: the kvpool module refused the call");

	mock_forget();
	mock.fail_at = 1;
	expect_int(kvpool_probe(pool, keys, NR, NULL, status, NULL, NULL), -ENOMEM);
	for (error = 1; error < 3; error++) {
		mock_forget();
		mock.fail_at = 0;
		mock.fail_alloc = error;
		expect_int(kvpool_probe(pool, keys, NR, NULL, status, NULL, NULL), -ENOMEM);
		expect_int(mock.nr_calls, 0);
	}
	cleanup();
}

static void refuses(void)
{
	struct kvpool_remote_opts opts = { .size = 4 };

	setup();
	expect_int(kvpool_probe(NULL, keys, 1, NULL, NULL, NULL, NULL), -EINVAL);
	expect_int(kvpool_probe(pool, NULL, 1, NULL, NULL, NULL, NULL), -EINVAL);
	expect_int(kvpool_probe(pool, keys, 1U << 31, NULL, NULL, NULL, NULL), -EINVAL);
	expect_int(kvpool_probe(pool, keys, 1, &opts, NULL, NULL, NULL), -EINVAL);
	expect_int(kvpool_run(NULL, ops, 1, done), -EINVAL);
	expect_int(kvpool_run(pool, NULL, 1, done), -EINVAL);
	expect_int(kvpool_run(pool, ops, 1, NULL), -EINVAL);
	expect_int(kvpool_run(pool, NULL, 0, NULL), 0);
	expect_int(mock.nr_calls, 0);
	cleanup();
}

static void runs(void)
{
	unsigned int i, bad = 0;

	setup();
	key_fails(7, ENOENT);
	for (i = 0; i < NR; i++)
		kvpool_op_probe(&ops[i], &keys[i], 0, 0, i + 1000);
	expect_int(kvpool_run(pool, ops, NR, done), NR - 1);
	expect_int(mock.nr_calls, 3);
	for (i = 0; i < NR; i++)
		bad += done[i].user_data != i + 1000 || done[i].status != (i == 7 ? -ENOENT : 0);
	expect_int(bad, 0);

	mock_forget();
	mock.fail_at = 3;
	mock.fail_errno = EINVAL;
	memset(done, 0x55, sizeof(done));
	expect_int(kvpool_run(pool, ops, NR, done), 2047);
	expect_int(done[2047].status, 0);
	expect_int(done[2048].status, -EINVAL);
	expect_int(done[2499].status, -EINVAL);
	expect_int(done[2499].user_data, 3499);
	expect_int(done[2499].handle, 0);
	mock_forget();
	mock.fail_at = 1;
	expect_int(kvpool_run(pool, ops, NR, done), -EINVAL);
	expect_text(kvpool_last_error(), "kvpool_run: the kvpool module refused");
	cleanup();
}

int main(void)
{
	run(probes);
	run(pushes);
	run(names_of_peers);
	run(signal_ends_calls);
	run(says_what_was_done);
	run(refuses);
	run(runs);
	return tap_end();
}
