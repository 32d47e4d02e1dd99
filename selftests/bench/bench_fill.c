// SPDX-License-Identifier: GPL-2.0
/*
 * How much of the pool's memory blocks can use.
 *
 *	bench_fill [LIMIT_MIB]		default: 1024
 *
 * First, reservations are made one by one until the first that fails, and none is
 * sealed: nothing can be evicted to make room. The figure is the bytes asked
 * for by the reservations that live, over the limit of the pool.
 *
 * Then blocks are produced and used in a pool that is full. Whenever a reservation
 * evicts, the bytes of the blocks that were there before it, over the bytes of the
 * arena, are a sample. The figure is the least of them, after blocks for twice the
 * pool have been produced: the worst moment and not the mean. The block for which
 * there was no room does not count, nor does the rest of a block's last page.
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

static uint64_t length_pair(void)
{
	return rnd(&seed) & 1 ? 3274752 : 658432;
}

static uint64_t length_small(void)
{
	uint64_t percent = rnd(&seed) % 100;

	return percent < 70 ? 4096 : percent < 90 ? 256 << 10 : 3120000;
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

/* ---- a full pool ---- */

#define STEADY_KEYS	(1 << 18)	/* most blocks of one measurement */
#define WARM_UP		2		/* pools of blocks */
#define MEASURED	4		/* likewise, after that */
#define REMOVALS	(1U << 0)	/* every fourth block removes another one */

static uint32_t lengths[STEADY_KEYS];	/* by the number of the key */
static uint32_t space_of_keys = 1;

/* The key of one of the last @blocks of the @nr blocks that were made. */
static uint64_t one_of_last(uint64_t nr, uint64_t blocks)
{
	return nr - 1 - rnd(&seed) % (blocks < nr ? blocks : nr);
}

/* Use one of as many blocks as there are. */
static void use_one(struct batch *b, uint64_t nr, uint64_t blocks)
{
	b->nr = 1;
	batch_key(b, 0, space_of_keys, one_of_last(nr, blocks));
	batch_consume(b);
}

/* Remove one of them; return its bytes, or 0 if it is gone already. */
static uint64_t remove_one(struct batch *b, uint64_t nr, uint64_t blocks)
{
	uint64_t key = one_of_last(nr, blocks);

	b->nr = 1;
	batch_key(b, 0, space_of_keys, key);
	b->keys = (struct kvpool_keys) {
		.size = sizeof(b->keys),
		.nr_entries = 1,
		.entries = (uintptr_t)b->entries,
	};
	batch_call(b, KVPOOL_IOC_REMOVE, &b->keys);
	return b->keys.nr_done ? lengths[key] : 0;
}

static void steady(struct batch *b, uint64_t limit, const char *name,
		   uint64_t (*length)(void), unsigned int flags,
		   const char *what)
{
	uint64_t made = 0, live = 0, nr, evictions = 0;
	struct kvpool_stats before, after;
	double value, least = 2, sum = 0;

	knob_write("tenants/default/drop", "1");
	while (knob_read("tenants/default/drop"))
		usleep(1000);
	space_of_keys++;
	kvpool_stats(b->fd, &before);
	if (before.bytes)
		die("%llu bytes are left", (unsigned long long)before.bytes);
	for (nr = 0; made < (WARM_UP + MEASURED) * limit; nr++) {
		if (nr == STEADY_KEYS)
			die("too many blocks");
		lengths[nr] = length();
		b->nr = 1;
		batch_key(b, 0, space_of_keys, nr);
		batch_reserve_args(b, lengths[nr]);
		batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
		batch_check(b, b->reserve.nr_done, "reserve");
		kvpool_stats(b->fd, &after);
		if (after.evicted_blocks > before.evicted_blocks &&
		    made >= WARM_UP * limit) {
			value = (double)live / before.arena_bytes;
			sum += value;
			evictions++;
			if (value < least)
				least = value;
		}
		batch_end_args(b);
		batch_call(b, KVPOOL_IOC_SEAL, &b->ends);
		batch_check(b, b->ends.nr_done, "seal");
		made += lengths[nr];
		live += lengths[nr];
		live -= after.evicted_bytes - before.evicted_bytes;
		before = after;
		use_one(b, nr + 1, before.blocks + 1);
		if (flags & REMOVALS && !(nr % 4))
			live -= remove_one(b, nr + 1,
					   before.blocks + 1);
	}
	if (!evictions)
		die("%s: nothing was evicted", name);
	say("  %s: %llu evicting reservations, least %.4f, mean %.4f", name,
	    (unsigned long long)evictions, least, sum / evictions);
	figure_value(&(struct figure) {
		.name = text("utilisation_full_%s", name), .unit = "ratio",
		.target = 0.99, .better = "higher",
		.how = text("bytes of the blocks, as they were asked for, over "
			    "bytes of the arena, when a reservation had to "
			    "evict, before it did; the least of %llu such "
			    "moments, mean %.4f; %s, used at random",
			    (unsigned long long)evictions, sum / evictions,
			    what),
	}, least);
}

static void measure_full(struct batch *b, uint64_t limit)
{
	steady(b, limit, "64k", length_64k, 0, "blocks of 64 KiB");
	steady(b, limit, "320k", length_320k, 0, "blocks of 320 KiB");
	steady(b, limit, "mixed", length_mixed, 0,
	       "3,120,000 and 643,000 bytes at random");
	steady(b, limit, "random", length_random, 0,
	       "random lengths of 4 KiB to 8 MiB");
	steady(b, limit, "churn", length_random, REMOVALS,
	       "random lengths of 4 KiB to 8 MiB, and after every fourth block "
	       "one at random is removed");
	steady(b, limit, "small", length_small, 0,
	       "4 KiB (70 %), 256 KiB (20 %) and 3,120,000 bytes (10 %)");
	steady(b, limit, "pair", length_pair, 0,
	       "3,274,752 and 658,432 bytes at random");
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
	measure_full(b, limit);
	return 0;
}
