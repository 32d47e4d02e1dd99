// SPDX-License-Identifier: LGPL-2.1-or-later
/* Produce and consume: marshalling, splitting, order, spans, errors. */

#include "mock.h"
#include "tap.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#define NR 2500

static struct kvpool *pool;
static struct kvpool_batch *batch;
static struct kvpool_key keys[NR];

static const struct kvpool_produce_opts len4k = { .size = sizeof(len4k), .length = 4096 };
static const struct kvpool_consume_opts prefix = { .size = sizeof(prefix),
						   .flags = KVPOOL_CONSUME_PREFIX };

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
}

static void key_fails(unsigned int i, int status)
{
	keys[i] = mock_make_key((struct mock_key){ .id = i, .status = status });
}

/* The caller's own chain, over several calls. */
static void produce_chains(void)
{
	struct kvpool_produce_opts opts = { .size = sizeof(opts), .length = 4096,
					    .flags = KVPOOL_PRODUCE_CHAIN };

	setup();
	expect_int(kvpool_produce_begin(batch, keys, NULL, 2, &opts), 2);
	expect_int(kvpool_produce_abort(batch, NULL, 0), 2);
	opts.position = 7;
	expect_int(kvpool_produce_begin(batch, keys + 8, NULL, 2, &opts), -EINVAL);
	opts.parent = &keys[7];
	expect_int(kvpool_produce_begin(batch, keys + 8, NULL, 1030, &opts), 1030);
	expect_int(kvpool_produce_abort(batch, NULL, 0), 1030);
	opts.position = 0;
	expect_int(kvpool_produce_begin(batch, keys + 8, NULL, 2, &opts), -EINVAL);
	opts.position = 7;
	opts.flags = 0;
	expect_int(kvpool_produce_begin(batch, keys + 8, NULL, 2, &opts), -EINVAL);
	expect_calls({ KVPOOL_IOC_RESERVE, .nr = 2, .last = 1, .node = KVPOOL_NODE_ANY,
		       .flags = KVPOOL_RESERVE_CHAIN },
		     { KVPOOL_IOC_ABORT, .nr = 2, .last = 1 },
		     { KVPOOL_IOC_RESERVE, .nr = 1024, .first = 8, .last = 1031,
		       .node = KVPOOL_NODE_ANY, .flags = KVPOOL_RESERVE_CHAIN, .position = 7,
		       .parent = 7 },
		     { KVPOOL_IOC_RESERVE, .nr = 6, .first = 1032, .last = 1037,
		       .node = KVPOOL_NODE_ANY, .flags = KVPOOL_RESERVE_CHAIN,
		       .position = 1031, .parent = 1031 },
		     { KVPOOL_IOC_ABORT, .nr = 1024, .first = 14, .last = 1037 },
		     { KVPOOL_IOC_ABORT, .nr = 6, .first = 8, .last = 13 });
	cleanup();
}

static void produce_marshals(void)
{
	struct kvpool_produce_opts opts = { .size = sizeof(opts), .node = 3 };
	const uint64_t lengths[] = { 4096, 1 << 20, KVPOOL_BLOCK_MAX };
	unsigned int n;

	setup();
	/* The node counts only with its flag. */
	expect_int(kvpool_produce_begin(batch, keys, lengths, 3, &opts), 3);
	expect_int(kvpool_batch_count(batch), 3);
	expect_int(kvpool_batch_held(batch), 3);
	expect_int(kvpool_block_length(batch, 2), KVPOOL_BLOCK_MAX);
	expect(kvpool_block_handle(batch, 1) == (2 | MOCK_RESERVATION));
	expect(kvpool_block_spans(batch, 1, &n) && n == 1);
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, KVPOOL_PIN_SOFT), 3);
	expect_int(kvpool_batch_held(batch), 0);
	expect_int(kvpool_block_handle(batch, 1), 0);
	expect_int(kvpool_block_length(batch, 1), 0);
	expect(!kvpool_block_spans(batch, 1, &n) && n == 0);
	expect_int(kvpool_block_status(batch, 1), 0);
	expect_int(kvpool_block_status(batch, 3), -ERANGE);

	opts.flags = KVPOOL_PRODUCE_NODE;
	expect_int(kvpool_produce_begin(batch, keys, lengths, 1, &opts), 1);
	expect_int(kvpool_produce_abort(batch, NULL, 0), 1);
	expect_int(kvpool_block_status(batch, 0), -ECANCELED);
	opts.flags = KVPOOL_PRODUCE_STRICT_NODE;
	opts.length = 8192;
	expect_int(kvpool_produce_begin(batch, keys, NULL, 2, &opts), 2);
	expect_int(kvpool_block_length(batch, 1), 8192);
	expect_calls({ KVPOOL_IOC_RESERVE, .nr = 3, .last = 2, .node = KVPOOL_NODE_ANY },
		     { KVPOOL_IOC_SEAL, .nr = 3, .last = 2, .entry_flags = KVPOOL_PIN_SOFT,
		       .last_flags = KVPOOL_PIN_SOFT },
		     { KVPOOL_IOC_RESERVE, .nr = 1, .node = 3 },
		     { KVPOOL_IOC_ABORT, .nr = 1 },
		     { KVPOOL_IOC_RESERVE, .nr = 2, .last = 1, .node = 3,
		       .flags = KVPOOL_RESERVE_STRICT_NODE });
	mock_forget();
	/* Reservations end with the batch. */
	cleanup();
	expect_calls({ KVPOOL_IOC_ABORT, .nr = 2, .last = 1 });
}

static void produce_reports_each_key(void)
{
	setup();
	key_fails(1, EEXIST);
	key_fails(2, EBUSY);
	key_fails(4, ENOSPC);
	expect_int(kvpool_produce_begin(batch, keys, NULL, 6, &len4k), 3);
	expect_int(kvpool_block_status(batch, 0), 0);
	expect_int(kvpool_block_status(batch, 1), -EEXIST);
	expect_int(kvpool_block_status(batch, 2), -EBUSY);
	expect_int(kvpool_block_status(batch, 4), -ENOSPC);
	expect_int(kvpool_block_handle(batch, 4), 0);
	expect(!kvpool_block_at(batch, 4, 0, NULL));
	/* Only blocks that are reserved are sealed. */
	mock_forget();
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 3);
	expect_calls({ KVPOOL_IOC_SEAL, .nr = 3, .first = 0, .last = 5 });
	expect_int(kvpool_block_status(batch, 1), -EEXIST);
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 0);
	cleanup();
}

static void commit_some(void)
{
	const unsigned int first[] = { 3, 1 }, twice[] = { 0, 2, 0 }, gone[] = { 0, 3 };

	setup();
	expect_int(kvpool_produce_begin(batch, keys, NULL, 4, &len4k), 4);
	mock_forget();
	expect_int(kvpool_produce_commit(batch, twice, NULL, 3, 0), -EINVAL);
	expect_text(kvpool_last_error(), "index 0 is given twice");
	expect_int(kvpool_produce_commit(batch, first, NULL, 2, 0), 2);
	expect_int(kvpool_produce_commit(batch, gone, NULL, 2, 0), -EINVAL);
	expect_int(kvpool_batch_held(batch), 2);
	expect_int(kvpool_produce_abort(batch, twice, 1), 1);
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 1);
	/* The order of the indices is the order of the prefix. */
	expect_calls({ KVPOOL_IOC_SEAL, .nr = 2, .first = 3, .last = 1 },
		     { KVPOOL_IOC_ABORT, .nr = 1 },
		     { KVPOOL_IOC_SEAL, .nr = 1, .first = 2, .last = 2 });
	expect_int(kvpool_batch_held(batch), 0);
	cleanup();
}

static void commit_reports_each_key(void)
{
	setup();
	keys[1] = mock_make_key((struct mock_key){ .id = 1, .end_status = ESTALE });
	keys[2] = mock_make_key((struct mock_key){ .id = 2, .end_status = EDQUOT });
	expect_int(kvpool_produce_begin(batch, keys, NULL, 3, &len4k), 3);
	mock_forget();
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, KVPOOL_PIN_HARD), 1);
	expect_int(kvpool_block_status(batch, 1), -ESTALE);
	expect_int(kvpool_block_handle(batch, 1), 0);
	expect_int(kvpool_block_status(batch, 2), -EDQUOT);
	expect(kvpool_block_handle(batch, 2));
	expect_int(kvpool_batch_held(batch), 1);
	/* The quota does not count blocks without a pin. */
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 1);
	expect_int(kvpool_block_status(batch, 2), 0);
	expect_calls({ KVPOOL_IOC_SEAL, .nr = 3, .last = 2, .entry_flags = KVPOOL_PIN_HARD,
		       .last_flags = KVPOOL_PIN_HARD },
		     { KVPOOL_IOC_SEAL, .nr = 1, .first = 2, .last = 2 });
	cleanup();
}

static void pins_of_each_key(void)
{
	const uint32_t pins[] = { KVPOOL_PIN_HARD, 0, KVPOOL_PIN_SOFT, KVPOOL_PIN_HARD };
	const uint32_t wrong[] = { KVPOOL_PIN_SOFT, KVPOOL_PIN_SOFT | KVPOOL_PIN_HARD };
	const unsigned int which[] = { 3, 0 };

	setup();
	expect_int(kvpool_produce_begin(batch, keys, NULL, 5, &len4k), 5);
	mock_forget();
	expect_int(kvpool_produce_commit(batch, which, wrong, 2, 0), -EINVAL);
	expect_text(kvpool_last_error(), "the pin 0x3 at 1 is neither");
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 4), -EINVAL);
	expect_int(mock.nr_calls, 0);
	/* In the order of the indices. */
	expect_int(kvpool_produce_commit(batch, which, pins + 2, 2, 0), 2);
	/* In the order of the keys: those that are not reserved are passed over. */
	keys[1] = mock_make_key((struct mock_key){ .id = 1, .status = EEXIST });
	kvpool_produce_abort(batch, NULL, 0);
	expect_int(kvpool_produce_begin(batch, keys, NULL, 4, &len4k), 3);
	expect_int(kvpool_produce_commit(batch, NULL, pins, 0, KVPOOL_PIN_SOFT), 3);
	expect_calls({ KVPOOL_IOC_SEAL, .nr = 2, .first = 3, .last = 0,
		       .entry_flags = KVPOOL_PIN_SOFT, .last_flags = KVPOOL_PIN_HARD },
		     { KVPOOL_IOC_ABORT, .nr = 3, .first = 1, .last = 4 },
		     { KVPOOL_IOC_RESERVE, .nr = 4, .last = 3, .node = KVPOOL_NODE_ANY },
		     { KVPOOL_IOC_SEAL, .nr = 3, .first = 0, .last = 3,
		       .entry_flags = KVPOOL_PIN_HARD, .last_flags = KVPOOL_PIN_HARD });
	cleanup();
}

/* Over several calls of the module, each key keeps its pin. */
static void pins_over_calls(void)
{
	static uint32_t pins[NR];

	setup();
	pins[0] = pins[1475] = KVPOOL_PIN_SOFT;
	pins[452] = pins[NR - 1] = KVPOOL_PIN_HARD;
	expect_int(kvpool_produce_begin(batch, keys, NULL, NR, &len4k), NR);
	mock_forget();
	expect_int(kvpool_produce_commit(batch, NULL, pins, 0, 0), NR);
	expect_calls({ KVPOOL_IOC_SEAL, .nr = 1024, .first = 1476, .last = 2499,
		       .last_flags = KVPOOL_PIN_HARD },
		     { KVPOOL_IOC_SEAL, .nr = 1024, .first = 452, .last = 1475,
		       .entry_flags = KVPOOL_PIN_HARD, .last_flags = KVPOOL_PIN_SOFT },
		     { KVPOOL_IOC_SEAL, .nr = 452, .first = 0, .last = 451,
		       .entry_flags = KVPOOL_PIN_SOFT });
	cleanup();
}

static void long_batches_split(void)
{
	unsigned int which[NR], i, n;

	setup();
	expect_int(kvpool_produce_begin(batch, keys, NULL, NR, &len4k), NR);
	for (i = 0; i < NR; i++) {
		const struct kvpool_span *span = kvpool_block_spans(batch, i, &n);

		if (n != 1 || span->offset != i % 64 * 8192)
			break;
	}
	expect_int(i, NR);
	/* The tail is sealed first: the head stays the most recently used. */
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), NR);
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, NULL), NR);
	for (i = 0; i < NR; i++)
		which[i] = i;
	expect_int(kvpool_consume_end(batch, which, NR), NR);
	expect_calls({ KVPOOL_IOC_RESERVE, .nr = 1024, .last = 1023, .node = -1 },
		     { KVPOOL_IOC_RESERVE, .nr = 1024, .first = 1024, .last = 2047, .node = -1 },
		     { KVPOOL_IOC_RESERVE, .nr = 452, .first = 2048, .last = 2499, .node = -1 },
		     { KVPOOL_IOC_SEAL, .nr = 1024, .first = 1476, .last = 2499 },
		     { KVPOOL_IOC_SEAL, .nr = 1024, .first = 452, .last = 1475 },
		     { KVPOOL_IOC_SEAL, .nr = 452, .first = 0, .last = 451 },
		     { KVPOOL_IOC_LEASE, .nr = 1024, .last = 1023 },
		     { KVPOOL_IOC_LEASE, .nr = 1024, .first = 1024, .last = 2047 },
		     { KVPOOL_IOC_LEASE, .nr = 452, .first = 2048, .last = 2499 },
		     { KVPOOL_IOC_RELEASE, .nr = 1024, .first = 1476, .last = 2499 },
		     { KVPOOL_IOC_RELEASE, .nr = 1024, .first = 452, .last = 1475 },
		     { KVPOOL_IOC_RELEASE, .nr = 452, .first = 0, .last = 451 });
	cleanup();
}

static void prefix_over_calls(void)
{
	unsigned int miss;

	setup();
	for (miss = 1000; miss < 1050; miss++) {
		key_fails(miss, ENOENT);
		mock_forget();
		expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &prefix), miss);
		expect_int(mock.nr_calls, miss < 1024 ? 1 : 2);
		expect_int(mock.calls[0].flags, KVPOOL_LOOKUP_PREFIX);
		expect_int(kvpool_block_status(batch, miss), -ENOENT);
		expect_int(kvpool_block_status(batch, miss + 1), -ECANCELED);
		expect_int(kvpool_block_status(batch, NR - 1), -ECANCELED);
		expect_int(kvpool_batch_held(batch), miss);
		expect_int(kvpool_consume_end(batch, NULL, 0), miss);
		keys[miss] = mock_id(miss);
	}
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &prefix), NR);
	expect(!mock.bad_input);
	cleanup();
}

static void wait_is_a_total(void)
{
	struct kvpool_consume_opts opts = { .size = sizeof(opts), .timeout_ns = 30000000 };

	setup();
	/* Every call takes 20 ms: the third has no time left to wait. */
	mock.slow_ns = 20000000;
	key_fails(7, ETIMEDOUT);
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &opts), NR - 1);
	expect_int(kvpool_block_status(batch, 7), -ETIMEDOUT);
	expect_int(mock.nr_calls, 3);
	expect_int(mock.calls[0].flags, KVPOOL_LOOKUP_WAIT);
	expect_int(mock.calls[0].timeout_ns, 30000000);
	expect(mock.calls[1].timeout_ns <= 10000000);
	expect_int(mock.calls[2].flags, KVPOOL_LOOKUP_WAIT);
	expect_int(mock.calls[2].timeout_ns, 0);
	expect(!mock.bad_input);
	kvpool_consume_end(batch, NULL, 0);
	mock.slow_ns = 0;

	/* The longest time that the kernel can count. */
	mock_forget();
	opts.timeout_ns = KVPOOL_WAIT_FOREVER;
	opts.flags = KVPOOL_CONSUME_PREFIX;
	keys[7] = mock_id(7);
	expect_int(kvpool_consume_begin(batch, keys, NULL, 8, &opts), 8);
	expect_calls({ KVPOOL_IOC_LEASE, .nr = 8, .last = 7,
		       .flags = KVPOOL_LOOKUP_WAIT | KVPOOL_LOOKUP_PREFIX,
		       .timeout_ns = INT64_MAX });
	cleanup();
}

static void signal_ends_the_wait(void)
{
	struct kvpool_consume_opts opts = { .size = sizeof(opts), .timeout_ns = 1000 };

	setup();
	key_fails(1023, EINTR);
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &opts), 1023);
	expect_int(mock.nr_calls, 1);
	expect_int(kvpool_block_status(batch, 1023), -EINTR);
	expect_int(kvpool_block_status(batch, 1024), -EINTR);
	expect_int(kvpool_block_status(batch, NR - 1), -EINTR);
	expect_int(mock.calls[0].flags, KVPOOL_LOOKUP_WAIT);
	kvpool_consume_end(batch, NULL, 0);

	/* Whoever wants that asks for it. */
	mock_forget();
	opts.flags = KVPOOL_CONSUME_INTERRUPTIBLE;
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, &opts), 1023);
	expect_int(mock.calls[0].flags, KVPOOL_LOOKUP_WAIT | KVPOOL_LOOKUP_INTERRUPTIBLE);
	cleanup();
}

static void pending_keys_arm_poll(void)
{
	unsigned int i, n;

	setup();
	/* In the last call, or in a batch of one call, poll() is armed already. */
	key_fails(2400, EINPROGRESS);
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, NULL), NR - 1);
	expect_int(mock.nr_calls, 3);
	kvpool_consume_end(batch, NULL, 0);

	/* Otherwise one more call asks for all pending keys. */
	key_fails(5, EINPROGRESS);
	key_fails(6, ENOENT);
	keys[1030] = mock_make_key((struct mock_key){ .id = 1030, .status = EINPROGRESS, .spans = 3,
						 .settles = 4 });
	mock_forget();
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, NULL), NR - 3);
	expect_calls({ KVPOOL_IOC_LEASE, .nr = 1024, .last = 1023 },
		     { KVPOOL_IOC_LEASE, .nr = 1024, .first = 1024, .last = 2047 },
		     { KVPOOL_IOC_LEASE, .nr = 452, .first = 2048, .last = 2499 },
		     { KVPOOL_IOC_LEASE, .nr = 3, .first = 5, .last = 2400 });
	expect_int(kvpool_block_status(batch, 5), -EINPROGRESS);
	expect_int(kvpool_block_status(batch, 6), -ENOENT);
	/* This key was sealed between the calls. */
	expect_int(kvpool_block_status(batch, 1030), 0);
	expect(kvpool_block_spans(batch, 1030, &n) && n == 3);
	expect_int(kvpool_block_spans(batch, 1030, &n)[1].offset, (64 + 1030 % 64) * 8192);
	expect_int(kvpool_batch_held(batch), NR - 3);

	/* An error of that call gives everything back. */
	kvpool_consume_end(batch, NULL, 0);
	keys[1030] = mock_id(1030);
	mock_forget();
	mock.fail_at = 4;
	mock.fail_errno = ENOMEM;
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, NULL), -ENOMEM);
	expect_int(kvpool_batch_held(batch), 0);
	for (i = 4, n = 0; i < mock.nr_calls; i++)
		n += mock.calls[i].cmd == KVPOOL_IOC_RELEASE ? mock.calls[i].nr : 0;
	expect_int(n, NR - 3);
	cleanup();
}

static void spans_that_do_not_fit(void)
{
	const struct kvpool_span *spans;
	unsigned int i, n;

	setup();
	/* More spans than the library made room for: 3 blocks of 40. */
	for (i = 0; i < 3; i++)
		keys[i] = mock_make_key((struct mock_key){ .id = i, .spans = 40 });
	expect_int(kvpool_consume_begin(batch, keys, NULL, 4, NULL), 4);
	for (i = 0; i < 3; i++) {
		spans = kvpool_block_spans(batch, i, &n);
		expect_int(n, 40);
		expect_int(spans[0].offset, i * 8192);
		expect_int(spans[39].offset, (39 * 64 + i) * 8192);
		expect_int(spans[39].length, 3996);
	}
	expect(kvpool_block_spans(batch, 3, &n) && n == 1);
	expect_calls({ KVPOOL_IOC_LEASE, .nr = 4, .last = 3 },
		     { KVPOOL_IOC_SPANS, .nr = 40, .last = 0 },
		     { KVPOOL_IOC_SPANS, .nr = 40, .last = 1 },
		     { KVPOOL_IOC_SPANS, .nr = 40, .last = 2 });
	kvpool_consume_end(batch, NULL, 0);

	/* The room stays: the next time one call is enough. */
	mock_forget();
	expect_int(kvpool_consume_begin(batch, keys, NULL, 4, NULL), 4);
	expect_int(mock.nr_calls, 1);
	kvpool_consume_end(batch, NULL, 0);

	/* More spans than one KVPOOL_IOC_SPANS writes. */
	keys[1] = mock_make_key((struct mock_key){ .id = 1, .spans = 255 });
	mock_forget();
	expect_int(kvpool_consume_begin(batch, keys, NULL, 2, NULL), 2);
	spans = kvpool_block_spans(batch, 1, &n);
	expect_int(n, MOCK_MANY_SPANS);
	expect_int(spans[65535].offset, (65535ULL * 64 + 1) * 8192);
	expect_int(spans[65536].offset, (65536ULL * 64 + 1) * 8192);
	expect_int(kvpool_block_spans(batch, 0, &n)[39].offset, 39 * 64 * 8192);
	expect_calls({ KVPOOL_IOC_LEASE, .nr = 2, .last = 1 },
		     { KVPOOL_IOC_SPANS, .nr = 65536, .last = 1 },
		     { KVPOOL_IOC_SPANS, .nr = 4464, .first = 65536, .last = 1 });
	cleanup();
}

static void spans_in_split_batches(void)
{
	const struct kvpool_span *spans;
	unsigned int i, n;

	setup();
	for (i = 0; i < NR; i++)
		keys[i] = mock_make_key((struct mock_key){ .id = i, .spans = 1 + i % 3 });
	/* The module leaves most of them to KVPOOL_IOC_SPANS. */
	mock.room = 700;
	mock.no_log = true;
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, NULL), NR);
	for (i = 0; i < NR; i++) {
		spans = kvpool_block_spans(batch, i, &n);
		if (n != 1 + i % 3 || spans[n - 1].offset != ((n - 1) * 64 + i % 64) * 8192)
			break;
	}
	expect_int(i, NR);
	expect(!mock.bad_input);
	mock.no_log = false;
	cleanup();
}

static void preempted_before_its_spans_were_read(void)
{
	setup();
	mock.room = 1;
	keys[0] = mock_make_key((struct mock_key){ .id = 0, .spans = 2 });
	keys[1] = mock_make_key((struct mock_key){ .id = 1, .spans = 2, .spans_error = ESTALE });
	expect_int(kvpool_produce_begin(batch, keys, NULL, 3,
					&(struct kvpool_produce_opts){ .size = sizeof(len4k),
								       .length = 8000 }), 2);
	expect_int(kvpool_block_status(batch, 0), 0);
	expect_int(kvpool_block_status(batch, 1), -ESTALE);
	expect_int(kvpool_block_status(batch, 2), 0);
	expect_int(kvpool_batch_held(batch), 2);
	expect_calls({ KVPOOL_IOC_RESERVE, .nr = 3, .last = 2, .node = -1 },
		     { KVPOOL_IOC_SPANS, .nr = 2, .last = 0 },
		     { KVPOOL_IOC_SPANS, .nr = 2, .last = 1 },
		     { KVPOOL_IOC_ABORT, .nr = 1, .first = 1, .last = 1 });
	cleanup();
}

static void failure_gives_everything_back(void)
{
	setup();
	mock.fail_at = 3;
	mock.fail_errno = ENOMEM;
	expect_int(kvpool_produce_begin(batch, keys, NULL, NR, &len4k), -ENOMEM);
	expect_int(mock.held, 0);
	expect_text(kvpool_last_error(), "kvpool_produce_begin: the kvpool module refused");
	expect_int(kvpool_batch_count(batch), 0);
	expect_int(kvpool_batch_held(batch), 0);
	expect_int(mock.nr_calls, 5);
	expect_int(mock.calls[3].cmd, KVPOOL_IOC_ABORT);
	expect_int(mock.calls[3].first, 1024);
	expect_int(mock.calls[4].cmd, KVPOOL_IOC_ABORT);
	expect_int(mock.calls[4].last, 1023);

	mock_forget();
	mock.fail_at = 2;
	expect_int(kvpool_consume_begin(batch, keys, NULL, NR, NULL), -ENOMEM);
	expect_int(mock.nr_calls, 3);
	expect_int(mock.calls[2].cmd, KVPOOL_IOC_RELEASE);
	expect_int(mock.calls[2].nr, 1024);

	/* Also when that fails: the first error is told, the batch is empty. */
	mock_forget();
	mock.fail_at = 1;
	mock.fail_errno = EINVAL;
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, NULL), -EINVAL);
	expect_int(mock.nr_calls, 1);
	mock.fail_at = 0;
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, NULL), 1);
	cleanup();
}

static void commit_that_stops_half_way(void)
{
	setup();
	expect_int(kvpool_produce_begin(batch, keys, NULL, NR, &len4k), NR);
	mock_forget();
	mock.fail_at = 2;
	mock.fail_errno = ENOMEM;
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), -ENOMEM);
	/* Blocks that are still reserved have a handle. */
	expect_int(kvpool_batch_held(batch), NR - 1024);
	expect(kvpool_block_handle(batch, 0));
	expect(!kvpool_block_handle(batch, NR - 1));
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), NR - 1024);
	cleanup();
}

/* The length that the mock gives a block of 5 spans. */
#define LENGTH (5 * 4096 - 100)

static void bytes_cross_spans(void)
{
	unsigned char data[5 * 4096], back[5 * 4096];
	struct iovec iov[8];
	unsigned int i, off, len;
	size_t avail;
	char *base;

	setup();
	base = kvpool_base(pool);
	for (i = 0; i < sizeof(data); i++)
		data[i] = i * 31 + i / 256;
	keys[1] = mock_make_key((struct mock_key){ .id = 1, .spans = 5 });
	expect_int(kvpool_produce_begin(batch, keys, NULL, 2,
					&(struct kvpool_produce_opts){ .size = sizeof(len4k),
								       .length = LENGTH }), 2);
	expect_int(kvpool_block_write(batch, 1, 0, data, LENGTH), 0);
	expect_int(kvpool_block_read(batch, 1, 0, back, LENGTH), 0);
	expect(!memcmp(data, back, LENGTH));
	/* Where the bytes are. */
	expect(!memcmp(base + 8192, data, 4096));
	expect(!memcmp(base + (64 + 1) * 8192, data + 4096, 4096));
	expect(!memcmp(base + (4 * 64 + 1) * 8192, data + 16384, LENGTH - 16384));

	for (off = 0; off < LENGTH; off += 997) {
		for (len = 0; off + len <= LENGTH; len += 1999) {
			for (i = 0; i < len; i++)
				data[off + i] += 17;
			expect_int(kvpool_block_write(batch, 1, off, data + off, len), 0);
			memset(back, 0, len);
			expect_int(kvpool_block_read(batch, 1, off, back, len), 0);
			expect(!memcmp(data + off, back, len));
		}
	}
	expect_int(kvpool_block_read(batch, 1, 0, back, LENGTH), 0);
	expect(!memcmp(data, back, LENGTH));

	expect(kvpool_block_at(batch, 1, 4095, &avail) == base + 8192 + 4095);
	expect_int(avail, 1);
	expect(kvpool_block_at(batch, 1, 4096, &avail) == base + 65 * 8192);
	expect_int(avail, 4096);
	expect(kvpool_block_at(batch, 1, LENGTH - 1, &avail));
	expect_int(avail, 1);
	expect(!kvpool_block_at(batch, 1, LENGTH, &avail));
	expect_int(avail, 0);

	expect_int(kvpool_block_iov(batch, 1, NULL, 0), 5);
	expect_int(kvpool_block_iov(batch, 1, NULL, 1), -EINVAL);
	expect_int(kvpool_block_iov(batch, 1, iov, -1), -EINVAL);
	expect(kvpool_block_spans(batch, 1, NULL));
	memset(iov, 0, sizeof(iov));
	expect_int(kvpool_block_iov(batch, 1, iov, 2), 5);
	expect(!iov[2].iov_base);
	expect_int(kvpool_block_iov(batch, 1, iov, 8), 5);
	expect(iov[1].iov_base == base + 65 * 8192);
	expect_int(iov[4].iov_len, LENGTH - 16384);
	expect(!iov[5].iov_base);

	expect_int(kvpool_block_write(batch, 1, LENGTH, data, 0), 0);
	expect_int(kvpool_block_write(batch, 1, LENGTH, data, 1), -ERANGE);
	expect_int(kvpool_block_write(batch, 1, 1, data, LENGTH), -ERANGE);
	expect_int(kvpool_block_write(batch, 1, UINT64_MAX, data, 2), -ERANGE);
	expect_int(kvpool_block_read(batch, 1, 2, back, SIZE_MAX), -ERANGE);
	expect_int(kvpool_block_read(batch, 2, 0, back, 1), -EBADF);
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 2);
	expect_int(kvpool_block_write(batch, 1, 0, data, 1), -EBADF);
	expect_int(kvpool_block_iov(batch, 1, iov, 8), -EBADF);

	expect_int(kvpool_consume_begin(batch, keys + 1, NULL, 1, NULL), 1);
	expect_int(kvpool_block_length(batch, 0), LENGTH);
	expect_int(kvpool_block_read(batch, 0, 0, back, LENGTH), 0);
	expect(!memcmp(data, back, LENGTH));
	expect_int(kvpool_block_write(batch, 0, 0, data, 1), -EBADF);
	expect_text(kvpool_last_error(), "leased");
	cleanup();
}

static void without_a_mapping(void)
{
	struct kvpool_open_opts opts = { .size = sizeof(opts), .flags = KVPOOL_OPEN_NOMAP };
	unsigned int n;
	char c = 0;

	mock_reset();
	expect_int(kvpool_open(&pool, &opts), 0);
	expect_int(kvpool_batch_create(pool, 2, &batch), 0);
	keys[0] = mock_id(0);
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, NULL), 1);
	expect(kvpool_block_spans(batch, 0, &n) && n == 1);
	expect(!kvpool_block_at(batch, 0, 0, NULL));
	expect_int(kvpool_block_read(batch, 0, 0, &c, 1), -ENXIO);
	expect_int(kvpool_block_iov(batch, 0, NULL, 0), -ENXIO);
	cleanup();
}

static void bad_arguments(void)
{
	struct kvpool_produce_opts opts = { .size = sizeof(opts), .length = 4095 };
	struct kvpool_consume_opts copts = { .size = sizeof(copts), .flags = 1 << 9 };
	struct kvpool_batch *none = (void *)1;
	const unsigned int out = 7;

	setup();
	expect_int(kvpool_produce_begin(batch, keys, NULL, 1, NULL), -EINVAL);
	expect_text(kvpool_last_error(), "block 0 would have 0 bytes; blocks have 4096 to 268435456");
	expect_int(kvpool_produce_begin(batch, keys, NULL, 1, &opts), -EINVAL);
	opts.length = KVPOOL_BLOCK_MAX + 1;
	expect_int(kvpool_produce_begin(batch, keys, NULL, 1, &opts), -EINVAL);
	opts.length = 4096;
	opts.flags = 1 << 5;
	expect_int(kvpool_produce_begin(batch, keys, NULL, 1, &opts), -EINVAL);
	opts.flags = 0;
	opts.position = 1;
	expect_int(kvpool_produce_begin(batch, keys, NULL, 1, &opts), -EINVAL);
	opts.position = 0;
	opts.size--;
	expect_int(kvpool_produce_begin(batch, keys, NULL, 1, &opts), -EINVAL);
	expect_int(kvpool_produce_begin(batch, NULL, NULL, 1, &len4k), -EINVAL);
	expect_int(kvpool_produce_begin(NULL, keys, NULL, 1, &len4k), -EINVAL);
	expect_int(kvpool_produce_begin(batch, keys, NULL, 1U << 31, &len4k), -EINVAL);
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, &copts), -EINVAL);
	copts.flags = 0;
	copts.size = 4;
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, &copts), -EINVAL);
	expect_int(kvpool_consume_begin(batch, NULL, NULL, 1, NULL), -EINVAL);
	expect_int(kvpool_consume_end(batch, NULL, 1), -EINVAL);
	expect_int(kvpool_consume_end(NULL, NULL, 0), -EINVAL);
	expect_int(kvpool_batch_create(NULL, 1, &none), -EINVAL);
	expect(!none);
	expect_int(kvpool_batch_create(pool, 1, NULL), -EINVAL);
	expect_int(kvpool_batch_create(pool, UINT_MAX, &none), -EINVAL);
	/* None of these reached the module. */
	expect_int(mock.nr_calls, 0);

	/* A batch without keys, and one that does nothing. */
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 0);
	expect_int(kvpool_consume_end(batch, NULL, 0), 0);
	expect_int(kvpool_consume_begin(batch, NULL, NULL, 0, NULL), 0);
	expect_int(kvpool_produce_begin(batch, NULL, NULL, 0, NULL), 0);
	expect_int(mock.nr_calls, 0);

	/* Reservations are not ended as leases. */
	expect_int(kvpool_produce_begin(batch, keys, NULL, 2, &len4k), 2);
	expect_int(kvpool_consume_end(batch, NULL, 0), -EINVAL);
	expect_text(kvpool_last_error(), "begun with kvpool_produce_begin");
	expect_int(kvpool_produce_commit(batch, &out, NULL, 1, 0), -EINVAL);
	expect_int(kvpool_consume_begin(batch, keys, NULL, 1, NULL), -EBUSY);
	expect_text(kvpool_last_error(), "still holds 2 blocks");
	expect_int(kvpool_batch_held(batch), 2);
	expect_int(kvpool_produce_commit(batch, NULL, NULL, 0, 0), 2);
	kvpool_batch_destroy(NULL);
	cleanup();
}

/* One round of everything that allocates. Returns the first failure. */
static int whole_life(void)
{
	struct kvpool_key_chain *chain = NULL, *clone = NULL;
	int ret;

	pool = NULL;
	batch = NULL;
	ret = kvpool_open(&pool, NULL);
	if (!ret)
		ret = kvpool_batch_create(pool, 1, &batch);
	if (!ret)
		ret = kvpool_consume_begin(batch, keys, NULL, 1500, NULL);
	if (ret >= 0)
		ret = kvpool_consume_end(batch, NULL, 0);
	if (ret >= 0)
		ret = kvpool_produce_begin(batch, keys, NULL, NR, &len4k);
	if (ret >= 0)
		ret = kvpool_key_chain_create("s", 1, 4, &chain);
	if (ret >= 0)
		ret = kvpool_key_chain_clone(chain, &clone);
	kvpool_key_chain_destroy(chain);
	kvpool_key_chain_destroy(clone);
	kvpool_batch_destroy(batch);
	kvpool_close(pool);
	return ret;
}

static void each_allocation_fails(void)
{
	unsigned int i, n;

	for (n = 1; n < 100; n++) {
		mock_reset();
		for (i = 0; i < NR; i++)
			keys[i] = mock_make_key((struct mock_key){ .id = i, .spans = i % 5 });
		mock.fail_alloc = n;
		if (!whole_life())
			break;
		expect_int(mock.fail_alloc, 0);
		expect_text(kvpool_last_error(), "out of memory");
		expect_int(mock.held, 0);
		expect_int(mock.opens, mock.closes);
		expect_int(mock.maps, mock.unmaps);
	}
	mock.fail_alloc = 0;
	expect(n > 10 && n < 100);
	expect_int(mock.held, 0);
}

int main(void)
{
	run(produce_marshals);
	run(produce_chains);
	run(produce_reports_each_key);
	run(commit_some);
	run(commit_reports_each_key);
	run(pins_of_each_key);
	run(pins_over_calls);
	run(long_batches_split);
	run(prefix_over_calls);
	run(wait_is_a_total);
	run(signal_ends_the_wait);
	run(pending_keys_arm_poll);
	run(spans_that_do_not_fit);
	run(spans_in_split_batches);
	run(preempted_before_its_spans_were_read);
	run(failure_gives_everything_back);
	run(commit_that_stops_half_way);
	run(bytes_cross_spans);
	run(without_a_mapping);
	run(bad_arguments);
	run(each_allocation_fails);
	return tap_end();
}
