// SPDX-License-Identifier: LGPL-2.1-or-later
/* One pool and many threads; each has its own batch and its own error text. */

#include "mock.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#define THREADS	8
#define ROUNDS	300
#define KEYS	70

static struct kvpool *pool;

static void *work(void *arg)
{
	unsigned int me = (uintptr_t)arg, i, round;
	struct kvpool_consume_opts consume = { .size = sizeof(consume),
					       .flags = KVPOOL_CONSUME_PREFIX };
	struct kvpool_produce_opts produce = { .size = sizeof(produce), .length = 4096 };
	struct kvpool_key keys[KEYS], chain[4];
	uint32_t tokens[8] = { me };
	struct kvpool_batch *batch;
	uintptr_t bad = 0;
	char text[64];

	/* The error text of a new thread is empty. */
	bad += !!*kvpool_last_error();
	for (i = 0; i < KEYS; i++)
		keys[i] = mock_id(me * KEYS + i);
	if (kvpool_batch_create(pool, 1, &batch))
		return (void *)1;
	for (round = 0; round < ROUNDS; round++) {
		bad += kvpool_produce_begin(batch, keys, NULL, KEYS, &produce) != KEYS;
		snprintf(text, sizeof(text), "too few for %u at %u", 5000 + me, round);
		bad += kvpool_block_write(batch, 1, round, text, 5000 + me) != -ERANGE;
		bad += !strstr(kvpool_last_error(), text);
		bad += kvpool_produce_commit(batch, NULL, NULL, 0, 0) != KEYS;
		bad += kvpool_consume_begin(batch, keys, NULL, KEYS, &consume) != KEYS;
		bad += kvpool_consume_end(batch, NULL, 0) != KEYS;
		bad += kvpool_match_prefix(pool, keys, KEYS) != KEYS;
		bad += kvpool_exists(pool, keys, KEYS, NULL, NULL) != KEYS;
		bad += kvpool_prefix_keys("seed", 4, 2, tokens, 8, chain, 4) != 4;
		bad += !strstr(kvpool_last_error(), text);
	}
	kvpool_batch_destroy(batch);
	return (void *)bad;
}

static void threads_share_a_pool(void)
{
	pthread_t threads[THREADS];
	void *bad;
	uintptr_t i;

	mock_reset();
	expect_int(kvpool_open(&pool, NULL), 0);
	mock.no_log = true;
	for (i = 0; i < THREADS; i++)
		expect_int(pthread_create(&threads[i], NULL, work, (void *)i), 0);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &bad);
		expect_int((uintptr_t)bad, 0);
	}
	expect(!mock.bad_input);
	kvpool_close(pool);
}

int main(void)
{
	run(threads_share_a_pool);
	return tap_end();
}
