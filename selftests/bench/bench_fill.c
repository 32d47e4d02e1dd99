// SPDX-License-Identifier: GPL-2.0
/*
 * How much of the pool's memory blocks can use.
 *
 *	bench_fill [LIMIT_MIB]		default: 1024
 *
 * Reservations are made one by one until the first that fails, and none is
 * sealed: nothing can be evicted to make room. The figure is the bytes asked
 * for by the reservations that live, over the limit of the pool.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define ROUNDS		16	/* of churn */
#define LENGTH_MAX	(8 * MIB)

struct reservation {
	uint64_t handle;
	uint64_t length;
	unsigned int spans;
};

static struct reservation *live;
static unsigned int nr_live, room;
static uint64_t asked, spans, next_key, seed = 42;

static uint64_t length_64k(void)
{
	return 64 << 10;
}

static uint64_t length_320k(void)
{
	return 320 << 10;
}

static uint64_t length_mixed(void)
{
	return rnd(&seed) & 1 ? 3120000 : 643000;
}

static uint64_t length_random(void)
{
	return KVPOOL_BLOCK_MIN +
	       rnd(&seed) % (LENGTH_MAX - KVPOOL_BLOCK_MIN + 1);
}

static bool reserve(struct batch *b, uint64_t length)
{
	struct kvpool_entry *e = b->entries;

	b->nr = 1;
	batch_key(b, 0, 1, next_key++);
	batch_reserve_args(b, length);
	batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
	if (e->status == -ENOSPC)
		return false;
	batch_check(b, b->reserve.nr_done, "reserve");

	if (nr_live == room) {
		room = room ? 2 * room : 1024;
		live = realloc(live, room * sizeof(*live));
		if (!live)
			die("no memory");
	}
	live[nr_live++] = (struct reservation) {
		.handle = e->handle, .length = length, .spans = e->nr_spans,
	};
	asked += length;
	spans += e->nr_spans;
	return true;
}

static void abort_one(struct batch *b, unsigned int i)
{
	b->nr = 1;
	b->entries[0].handle = live[i].handle;
	batch_end_args(b);
	batch_call(b, KVPOOL_IOC_ABORT, &b->ends);
	batch_check(b, b->ends.nr_done, "abort");
	asked -= live[i].length;
	spans -= live[i].spans;
	live[i] = live[--nr_live];
}

static double fill(struct batch *b, uint64_t limit, uint64_t (*length)(void))
{
	while (reserve(b, length()))
		;
	return (double)asked / limit;
}

static void empty(struct batch *b)
{
	while (nr_live)
		abort_one(b, nr_live - 1);
}

static void figure(const char *name, double value, const char *how)
{
	struct figure f = {
		.name = name, .unit = "ratio", .target = 0.99,
		.better = "higher", .how = how,
	};

	say("  %s: %u reservations, %.2f spans each", name, nr_live,
	    (double)spans / nr_live);
	figure_value(&f, value);
}

int main(int argc, char **argv)
{
	uint64_t limit = (argc > 1 ? strtoull(argv[1], NULL, 0) : 1024) * MIB;
	double value, least = 1, sum = 0;
	struct batch *b;
	unsigned int i;

	pool_setup(limit);
	knob_set("max_handles", 1 << 20);
	b = batch_new(kvpool_open());

	value = fill(b, limit, length_64k);
	figure("utilisation_64k", value,
	       "bytes asked for over the limit of the pool, at the first "
	       "reservation that fails; blocks of 64 KiB, nothing evictable");
	empty(b);
	value = fill(b, limit, length_320k);
	figure("utilisation_320k", value, "as utilisation_64k, 320 KiB");
	empty(b);
	value = fill(b, limit, length_mixed);
	figure("utilisation_mixed", value,
	       "as utilisation_64k, 3,120,000 and 643,000 bytes at random");
	empty(b);

	for (i = 0; i < ROUNDS; i++) {
		/* Frees half of the blocks at random, and refills. */
		unsigned int keep = nr_live / 2;

		while (nr_live > keep)
			abort_one(b, rnd(&seed) % nr_live);
		value = fill(b, limit, length_random);
		sum += value;
		if (value < least)
			least = value;
	}
	figure("utilisation_churn", least,
	       text("as utilisation_64k, random lengths of 4 KiB to 8 MiB; "
		    "the least of 16 rounds in each of which a random half of "
		    "the blocks goes and the pool is filled again; mean %.4f, "
		    "%.1f extents a block in the end", sum / ROUNDS,
		    (double)spans / nr_live));
	empty(b);
	return 0;
}
