// SPDX-License-Identifier: LGPL-2.1-or-later
/* Consume from peers: marshalling, prefixes, spans, errors. */

#include "mock.h"
#include "tap.h"

#include <errno.h>
#include <stddef.h>

#define NR 2500

static struct kvpool *pool;
static struct kvpool_batch *batch;
static struct kvpool_key keys[NR];

static const struct kvpool_consume_opts remote = {
	.size = sizeof(remote), .flags = KVPOOL_CONSUME_REMOTE, .length = 4096,
};

static const struct kvpool_consume_opts prefix = {
	.size = sizeof(prefix), .flags = KVPOOL_CONSUME_REMOTE | KVPOOL_CONSUME_PREFIX,
	.length = 4096,
};

static void setup(void)
{
	mock_reset();
	expect_int(kvpool_open(&pool, NULL), 0);
	expect_int(kvpool_batch_create(pool, 0, &batch), 0);
	mock_ids(keys, NR);
}

static void cleanup(void)
{
	kvpool_batch_destroy(batch);
	kvpool_close(pool);
	expect_int(mock.held, 0);
}

static void set_key(unsigned int i, struct mock_key spec)
{
	spec.id = i;
	keys[i] = mock_make_key(spec);
}

static void marshals(void)
{
	const struct kvpool_consume_opts opts = {
		.size = sizeof(opts), .length = 70000, .peer = 3, .timeout_ns = 5,
		.flags = KVPOOL_CONSUME_REMOTE | KVPOOL_CONSUME_TRANSIENT,
	};

	setup();
	set_key(1, (struct mock_key){ .remote = true });
	set_key(2, (struct mock_key){ .status = EMSGSIZE });
	expect_int(kvpool_consume_begin(batch, keys, NULL, 4, &opts), 3);
	expect_int(kvpool_batch_held(batch), 3);
	expect_int(kvpool_block_status(batch, 1), 0);
	expect_int(kvpool_block_status(batch, 2), -EMSGSIZE);
	expect_int(kvpool_block_route(batch, 0), KVPOOL_ROUTE_LOCAL);
	expect_int(kvpool_block_route(batch, 1), KVPOOL_ROUTE_RDMA);
	expect_int(kvpool_block_route(batch, 2), -EBADF);
	expect_int(kvpool_block_route(batch, 4), -EBADF);
	/* Some of them first: the others keep their route. */
	expect_int(kvpool_consume_end(batch, (unsigned int[]){ 3, 3 }, 2), -EINVAL);
	expect_int(kvpool_consume_end(batch, (unsigned int[]){ 3 }, 1), 1);
	expect_int(kvpool_block_route(batch, 1), KVPOOL_ROUTE_RDMA);
	expect_int(kvpool_consume_end(batch, NULL, 0), 2);
	expect_int(kvpool_block_route(batch, 1), -EBADF);
	/* Nothing of it stays for a call that asks no peer. */
	expect_int(kvpool_consume_begin(batch, keys, NULL, 2, NULL), 2);
	expect_int(kvpool_block_route(batch, 1), KVPOOL_ROUTE_LOCAL);
	expect_calls({ KVPOOL_IOC_SUBMIT, .nr = 4, .last = 3, .length = 70000, .peer = 3,
		       .timeout_ns = 5, .flags = KVPOOL_OP_REMOTE | KVPOOL_OP_TRANSIENT },
		     { KVPOOL_IOC_RELEASE, .nr = 1, .first = 3, .last = 3 },
		     { KVPOOL_IOC_RELEASE, .nr = 2, .last = 1 },
		     { KVPOOL_IOC_LEASE, .nr = 2, .last = 1 });
	cleanup();
}

/* Each key has its own length; the peer is named. */
static void lengths_of_each_key(void)
{
	const struct kvpool_consume_opts opts = {
		.size = sizeof(opts), .flags = KVPOOL_CONSUME_REMOTE, .peer_name = MOCK_PEER,
	};
	const uint64_t lengths[] = { 65536, 4096, KVPOOL_BLOCK_MAX };
	uint64_t wrong[] = { 65536, 4095, 4096 };

	setup();
	expect_int(kvpool_consume_begin(batch, keys, lengths, 3, &opts), 3);
	expect_int(kvpool_consume_end(batch, NULL, 0), 3);
	expect_int(kvpool_consume_begin(batch, keys + 1, lengths + 1, 2, &opts), 2);
	expect_int(kvpool_consume_end(batch, NULL, 0), 2);
	expect_int(kvpool_consume_begin(batch, keys + 2, lengths + 2, 1, &opts), 1);
	expect_int(kvpool_consume_end(batch, NULL, 0), 1);
	expect_calls({ .cmd = KVPOOL_IOC_PEER },
		     { KVPOOL_IOC_SUBMIT, .nr = 3, .last = 2, .length = 65536, .peer = MOCK_PEER_NR,
		       .flags = KVPOOL_OP_REMOTE },
		     { KVPOOL_IOC_RELEASE, .nr = 3, .last = 2 },
		     { .cmd = KVPOOL_IOC_PEER },
		     { KVPOOL_IOC_SUBMIT, .nr = 2, .first = 1, .last = 2, .length = 4096,
		       .peer = MOCK_PEER_NR, .flags = KVPOOL_OP_REMOTE },
		     { KVPOOL_IOC_RELEASE, .nr = 2, .first = 1, .last = 2 },
		     { .cmd = KVPOOL_IOC_PEER },
		     { KVPOOL_IOC_SUBMIT, .nr = 1, .first = 2, .last = 2,
		       .length = KVPOOL_BLOCK_MAX, .peer = MOCK_PEER_NR,
		       .flags = KVPOOL_OP_REMOTE },
		     { KVPOOL_IOC_RELEASE, .nr = 1, .first = 2, .last = 2 });
	mock_forget();
	expect_int(kvpool_consume_begin(batch, keys, wrong, 3, &opts), -EINVAL);
	expect_text(kvpool_last_error(), "block 1 would have 4095 bytes");
	expect_int(mock.nr_calls, 0);
	cleanup();
}

/* The time is that of all calls; none of them asks for the module's default. */
static void time_is_a_total(void)
{
	struct kvpool_consume_opts opts = remote;

	setup();
	opts.timeout_ns = 1;
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &opts), NR);
	expect_int(mock.nr_calls, 3);
	expect_int(mock.calls[0].timeout_ns, 1);
	expect_int(mock.calls[2].timeout_ns, 1);
	expect_int(kvpool_consume_end(batch, NULL, 0), NR);
	mock_forget();
	opts.timeout_ns = KVPOOL_WAIT_FOREVER;
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &opts), NR);
	expect(mock.calls[0].timeout_ns == INT64_MAX);
	expect(mock.calls[2].timeout_ns < INT64_MAX && mock.calls[2].timeout_ns > INT64_MAX / 2);
	cleanup();
}

static void signal_ends_the_call(void)
{
	setup();
	set_key(1000, (struct mock_key){ .status = EINTR });
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &remote), 1023);
	expect_int(mock.nr_calls, 1);
	expect_int(kvpool_block_status(batch, 1001), 0);
	expect_int(kvpool_block_status(batch, 1024), -EINTR);
	expect_int(kvpool_block_status(batch, NR - 1), -EINTR);
	expect_int(kvpool_consume_end(batch, NULL, 0), 1023);
	/* Leases behind the end of the prefix end too. */
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &prefix), 1000);
	expect_int(kvpool_block_status(batch, 1000), -EINTR);
	expect_int(mock.held, 1000);
	cleanup();
}

static void spans_of_many(void)
{
	unsigned int n, i;

	setup();
	set_key(0, (struct mock_key){ .spans = 3, .remote = true });
	set_key(1, (struct mock_key){ .spans = 255 });
	expect_int(kvpool_consume_begin(batch, keys, NULL, 3, &remote), 3);
	expect(kvpool_block_spans(batch, 0, &n) && n == 3);
	expect_int(kvpool_block_length(batch, 0), 3 * 4096 - 100);
	expect(kvpool_block_spans(batch, 1, &n) && n == MOCK_MANY_SPANS);
	expect(kvpool_block_spans(batch, 2, &n) && n == 1);
	for (i = 0; i < 3; i++)
		expect(kvpool_block_at(batch, i, 0, NULL) != NULL);
	expect(kvpool_block_at(batch, 0, 4096, NULL) != kvpool_block_at(batch, 2, 0, NULL));
	cleanup();
}

/* Leases behind the first miss end, in prefix order, and say so. */
static void prefix_stops(void)
{
	setup();
	set_key(2, (struct mock_key){ .status = ENOENT });
	expect_int(kvpool_consume_begin(batch, keys, NULL, 6, &prefix), 2);
	expect_int(kvpool_batch_held(batch), 2);
	expect_int(mock.held, 2);
	expect_int(kvpool_block_status(batch, 1), 0);
	expect_int(kvpool_block_status(batch, 2), -ENOENT);
	expect_int(kvpool_block_status(batch, 3), -ECANCELED);
	expect_int(kvpool_block_status(batch, 5), -ECANCELED);
	expect_int(kvpool_consume_end(batch, NULL, 0), 2);
	expect_calls({ KVPOOL_IOC_SUBMIT, .nr = 6, .last = 5, .length = 4096,
		       .flags = KVPOOL_OP_REMOTE },
		     { KVPOOL_IOC_RELEASE, .nr = 3, .first = 3, .last = 5 },
		     { KVPOOL_IOC_RELEASE, .nr = 2, .last = 1 });
	cleanup();
}

static void prefix_over_calls(void)
{
	setup();
	/* All there. */
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &prefix), NR);
	expect_int(kvpool_consume_end(batch, NULL, 0), NR);
	/* A miss in the second call: the third is not made. */
	set_key(1100, (struct mock_key){ .status = ENOENT });
	mock_forget();
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &prefix), 1100);
	expect_int(kvpool_block_status(batch, NR - 1), -ECANCELED);
	expect_int(mock.held, 1100);
	expect_calls({ KVPOOL_IOC_SUBMIT, .nr = 1024, .last = 1023, .length = 4096,
		       .flags = KVPOOL_OP_REMOTE },
		     { KVPOOL_IOC_SUBMIT, .nr = 1024, .first = 1024, .last = 2047, .length = 4096,
		       .flags = KVPOOL_OP_REMOTE },
		     { KVPOOL_IOC_RELEASE, .nr = 947, .first = 1101, .last = 2047 });
	expect_int(kvpool_consume_end(batch, NULL, 0), 1100);
	/* At the first key, with more behind it than one call ends. */
	set_key(0, (struct mock_key){ .status = ENOENT });
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1024, &prefix), 0);
	expect_int(mock.held, 0);
	cleanup();
}

static void failure_gives_everything_back(void)
{
	setup();
	/* The second submission fails. */
	mock.fail_at = 2;
	mock.fail_errno = ENOMEM;
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &remote), -ENOMEM);
	expect_int(kvpool_batch_held(batch), 0);
	expect_int(mock.held, 0);
	/* A module without operations. */
	mock_forget();
	mock.fail_at = 1;
	mock.fail_errno = ENOTTY;
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, &remote), -ENOTTY);
	/* Spans that cannot be read. */
	mock.fail_at = 0;
	set_key(1, (struct mock_key){ .spans = 2, .spans_error = EIO });
	expect_int(kvpool_consume_begin(batch, keys, NULL, 3, &remote), -EIO);
	expect_int(mock.held, 0);
	cleanup();
}

static void bad_options(void)
{
	struct kvpool_consume_opts opts = remote;
	const uint64_t lengths[] = { 4096 };

	setup();
	opts.reserved = 1;
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, &opts), -EINVAL);
	opts = remote;
	opts.flags = 0;
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, &opts), -EINVAL);
	expect_text(kvpool_last_error(), "KVPOOL_CONSUME_REMOTE");
	opts.length = 0;
	opts.flags = KVPOOL_CONSUME_TRANSIENT;
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, &opts), -EINVAL);
	opts.flags = 0;
	opts.peer = 1;
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, &opts), -EINVAL);
	opts.peer = 0;
	opts.peer_name = MOCK_PEER;
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, &opts), -EINVAL);
	opts.peer_name = NULL;
	expect_int(kvpool_consume_begin(batch, keys, lengths, 1, &opts), -EINVAL);
	expect_text(kvpool_last_error(), "lengths or a peer need KVPOOL_CONSUME_REMOTE");
	opts = remote;
	opts.size -= 8;
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, &opts), -EINVAL);
	opts = remote;
	opts.length = 0;
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, &opts), -EINVAL);
	expect_text(kvpool_last_error(), "block 0 would have 0 bytes");
	opts.length = KVPOOL_BLOCK_MAX;
	opts.peer = 3;
	opts.peer_name = MOCK_PEER;
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, &opts), -EINVAL);
	expect_text(kvpool_last_error(), "both the name");
	expect_int(mock.nr_calls, 0);
	opts.peer = 0;
	opts.peer_name = "nowhere";
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, &opts), -ENOENT);
	expect_text(kvpool_last_error(), "kvpool_consume_begin: no peer 'nowhere'");
	expect_int(kvpool_batch_count(batch), 0);
	mock_forget();
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, NULL), 1);
	expect_calls({ KVPOOL_IOC_LEASE, .nr = 1 });
	cleanup();
}

static void each_allocation_fails(void)
{
	unsigned int n;

	for (n = 1; n < 30; n++) {
		setup();
		set_key(3, (struct mock_key){ .spans = 255 });
		mock.fail_alloc = n;
		if (kvpool_consume_begin(batch, keys, NULL, 5, &remote) == 5)
			break;
		expect_text(kvpool_last_error(), "out of memory");
		/* The next attempt has memory. */
		expect_int(kvpool_consume_begin(batch, keys, NULL, 5, &remote), 5);
		cleanup();
	}
	mock.fail_alloc = 0;
	expect(n > 5 && n < 30);
	cleanup();
}

int main(void)
{
	run(marshals);
	run(lengths_of_each_key);
	run(time_is_a_total);
	run(signal_ends_the_call);
	run(spans_of_many);
	run(prefix_stops);
	run(prefix_over_calls);
	run(failure_gives_everything_back);
	run(bad_options);
	run(each_allocation_fails);
	return tap_end();
}
