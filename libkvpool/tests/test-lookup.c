// SPDX-License-Identifier: LGPL-2.1-or-later
/* Calls on blocks in the pool: splitting, statuses, statistics. */

#include "mock.h"
#include "tap.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#define NR 300

static struct kvpool *pool;
static struct kvpool_key keys[NR];

static void setup(void)
{
	mock_reset();
	expect_int(kvpool_open(&pool, NULL), 0);
	mock_ids(keys, NR);
}

static void exists_splits(void)
{
	int status[NR];
	uint64_t lengths[NR];

	setup();
	keys[5] = mock_make_key((struct mock_key){ .id = 5, .status = ENOENT });
	keys[290] = mock_make_key((struct mock_key){ .id = 290, .status = EINPROGRESS });
	keys[299] = mock_make_key((struct mock_key){ .id = 299, .spans = 3 });
	memset(status, 0x55, sizeof(status));
	expect_int(kvpool_exists(pool, keys, NR, status, lengths), NR - 2);
	expect_calls({ KVPOOL_IOC_EXISTS, .nr = 128, .first = 0, .last = 127 },
		     { KVPOOL_IOC_EXISTS, .nr = 128, .first = 128, .last = 255 },
		     { KVPOOL_IOC_EXISTS, .nr = 44, .first = 256, .last = 299 });
	expect_int(status[0], 0);
	expect_int(status[5], -ENOENT);
	expect_int(status[290], -EINPROGRESS);
	expect_int(lengths[5], 0);
	expect_int(lengths[0], 4096);
	expect_int(lengths[299], 3 * 4096 - 100);
	expect_int(kvpool_exists(pool, keys, NR, NULL, NULL), NR - 2);
	kvpool_close(pool);
}

static void small_batches_of_the_module(void)
{
	mock_reset();
	mock.info.max_batch = 100;
	expect_int(kvpool_open(&pool, NULL), 0);
	expect_int(kvpool_exists(pool, keys, 150, NULL, NULL), 149);
	expect_calls({ KVPOOL_IOC_EXISTS, .nr = 100, .first = 0, .last = 99 },
		     { KVPOOL_IOC_EXISTS, .nr = 50, .first = 100, .last = 149 });
	kvpool_close(pool);
}

static void prefix_stops(void)
{
	setup();
	expect_int(kvpool_match_prefix(pool, keys, NR), NR);
	expect_int(mock.nr_calls, 3);

	/* A miss as the last of the first call, and as the first of the second. */
	keys[127] = mock_make_key((struct mock_key){ .id = 127, .status = ENOENT });
	mock_forget();
	expect_int(kvpool_match_prefix(pool, keys, NR), 127);
	expect_calls({ KVPOOL_IOC_EXISTS, .nr = 128, .first = 0, .last = 127,
		       .flags = KVPOOL_LOOKUP_PREFIX });
	keys[127] = mock_id(127);
	keys[128] = mock_make_key((struct mock_key){ .id = 128, .status = EINPROGRESS });
	mock_forget();
	expect_int(kvpool_match_prefix(pool, keys, NR), 128);
	expect_int(mock.nr_calls, 2);
	kvpool_close(pool);
}

static void nothing_asked(void)
{
	setup();
	expect_int(kvpool_match_prefix(pool, NULL, 0), 0);
	expect_int(kvpool_exists(pool, NULL, 0, NULL, NULL), 0);
	expect_int(kvpool_remove(pool, NULL, 0, NULL), 0);
	expect_int(kvpool_match_prefix(pool, NULL, 1), -EINVAL);
	expect_int(kvpool_exists(NULL, keys, 1, NULL, NULL), -EINVAL);
	expect_int(kvpool_exists(pool, keys, 1U << 31, NULL, NULL), -EINVAL);
	expect_int(mock.nr_calls, 0);
	kvpool_close(pool);
}

static void remove_and_pin(void)
{
	int status[NR];

	setup();
	keys[2] = mock_make_key((struct mock_key){ .id = 2, .status = ENOENT });
	expect_int(kvpool_remove(pool, keys, 129, status), 128);
	expect_calls({ KVPOOL_IOC_REMOVE, .nr = 128, .first = 0, .last = 127 },
		     { KVPOOL_IOC_REMOVE, .nr = 1, .first = 128, .last = 128 });
	expect_int(status[2], -ENOENT);
	expect_int(status[128], 0);
	mock_forget();
	expect_int(kvpool_pin(pool, keys, 3, KVPOOL_PIN_HARD, status), 2);
	expect_int(kvpool_pin(pool, keys + 3, 1, 0, NULL), 1);
	expect_calls({ KVPOOL_IOC_PIN, .nr = 3, .first = 0, .last = 2,
		       .entry_flags = KVPOOL_PIN_HARD, .last_flags = KVPOOL_PIN_HARD },
		     { KVPOOL_IOC_PIN, .nr = 1, .first = 3, .last = 3 });
	kvpool_close(pool);
}

static void change_that_stops_half_way(void)
{
	int status[NR];

	setup();
	mock.fail_at = 2;
	mock.fail_errno = ENOMEM;
	expect_int(kvpool_remove(pool, keys, NR, status), 128);
	expect_int(status[127], 0);
	expect_int(status[128], -ENOMEM);
	expect_int(status[299], -ENOMEM);
	expect_text(kvpool_last_error(), "kvpool_remove: the kvpool module refused the call");

	mock_forget();
	mock.fail_at = 1;
	mock.fail_errno = EBADF;
	expect_int(kvpool_remove(pool, keys, 1, status), -EBADF);
	expect_text(kvpool_last_error(), "not open");
	kvpool_close(pool);

	/* The same error from a file that is open for reading has another reason. */
	mock_reset();
	mock.info.mode = KVPOOL_MODE_CONSUME;
	expect_int(kvpool_open(&pool, NULL), 0);
	mock.fail_at = 1;
	mock.fail_errno = EBADF;
	expect_int(kvpool_pin(pool, keys, 1, 0, NULL), -EBADF);
	expect_text(kvpool_last_error(), "open read-only");
	mock_forget();
	mock.fail_errno = ENOTTY;
	expect_int(kvpool_exists(pool, keys, 1, NULL, NULL), -ENOTTY);
	expect_text(kvpool_last_error(), "load a newer module");
	kvpool_close(pool);

	mock_reset();
	mock.info.mode = KVPOOL_MODE_PRODUCE;
	expect_int(kvpool_open(&pool, NULL), 0);
	mock.fail_at = 1;
	mock.fail_errno = EBADF;
	expect_int(kvpool_exists(pool, keys, 1, NULL, NULL), -EBADF);
	expect_text(kvpool_last_error(), "open for writing only");
	kvpool_close(pool);
}

static void statistics_of_any_version(void)
{
	struct {
		struct kvpool_stats stats;
		uint64_t later;
	} big;

	setup();
	memset(&big, 0x55, sizeof(big));
	expect_int(kvpool_stats_read(pool, &big.stats, sizeof(big)), 0);
	expect_int(big.stats.blocks, 11);
	expect_int(big.stats.rejected, 22);
	expect_int(big.stats.leases, 0);
	expect_int(big.later, 0);
	expect_int(mock.calls[0].nr, sizeof(big));
	expect(!mock.bad_input);
	expect_int(kvpool_stats_read(pool, &big.stats, offsetof(struct kvpool_stats, rejected)), -EINVAL);
	expect_int(kvpool_stats_read(pool, NULL, sizeof(big.stats)), -EINVAL);
	kvpool_close(pool);
}

int main(void)
{
	run(exists_splits);
	run(small_batches_of_the_module);
	run(prefix_stops);
	run(nothing_asked);
	run(remove_and_pin);
	run(change_that_stops_half_way);
	run(statistics_of_any_version);
	return tap_end();
}
