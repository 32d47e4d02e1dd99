// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to give memory back, and how that grows with the pool.
 *
 *	bench_give [BLOCKS...]			default: 10000 100000 1000000
 *
 * The pool is full of blocks of 4 KiB that were used in random order. A tier's
 * limit and then the tenant's quota are lowered by 16 MiB, and the pool is filled
 * again, for some rounds. At last the kernel is told to drop its caches: the
 * shrinker gives all of the pool back. The instructions of the task that asks count,
 * and for the quota those of all CPUs until the memory has been given back: a worker
 * does it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

#define FILL		4096ULL
#define CHUNK		(2 * MIB)
#define GIVE		(16 * MIB)
#define ROUNDS		4
#define PATIENCE	120	/* seconds */

enum {
	SECTION_LIMIT,
	SECTION_QUOTA,
	SECTION_SHRINK,
};

static int nr_reports;
static uint64_t seed = 5, next_key;

static void fill(struct batch *b, uint64_t blocks)
{
	struct kvpool_stats stats;
	uint64_t evicted;

	kvpool_stats(b->fd, &stats);
	evicted = stats.evicted_blocks;
	while (stats.blocks < blocks) {
		if (stats.evicted_blocks > evicted + blocks)
			die("the pool does not hold %llu blocks",
			    (unsigned long long)blocks);
		b->nr = blocks - stats.blocks < KVPOOL_MAX_BATCH ?
			blocks - stats.blocks : KVPOOL_MAX_BATCH;
		batch_keys(b, 1, next_key);
		next_key += b->nr;
		batch_produce(b, FILL);
		kvpool_stats(b->fd, &stats);
	}
}

/* The order of use is not that of the addresses. */
static void shuffle(struct batch *b, uint64_t blocks)
{
	uint64_t nr;
	unsigned int i;

	for (nr = 0; nr < blocks; nr += KVPOOL_MAX_BATCH) {
		b->nr = KVPOOL_MAX_BATCH;
		for (i = 0; i < b->nr; i++)
			batch_key(b, i, 1, next_key - 1 - rnd(&seed) % blocks);
		batch_consume(b);
	}
}

static uint64_t arena_bytes(int fd)
{
	struct kvpool_stats stats;

	kvpool_stats(fd, &stats);
	return stats.arena_bytes;
}

/* Wait until the arena is as small as it should be. */
static uint64_t wait_for(int fd, uint64_t want)
{
	double end = now_s() + PATIENCE;
	uint64_t size;

	while ((size = arena_bytes(fd)) > want && now_s() < end)
		usleep(20000);
	return size;
}

static void figure(const char *what, uint64_t blocks, uint64_t given,
		   unsigned int rounds, const char *count, const char *how)
{
	if (!given)
		die("give_%s: nothing was given back", what);
	figure_report(&(struct figure) {
		.name = text("give_%s_insns_%s", what, short_nr(blocks)),
		.unit = "instructions/MiB", .better = "lower",
		.how = text("%s; %.1f MiB were given back", how,
			    (double)given / rounds / MIB),
	}, nr_reports++, count, "mean", (double)given / rounds / MIB);
}

static void measure(struct batch *b, uint64_t blocks)
{
	uint64_t limit, size, given;
	unsigned int i;

	say("  %llu blocks: limit", (unsigned long long)blocks);
	limit = (blocks * FILL + CHUNK - 1) / CHUNK * CHUNK;
	knob_set("tiers/dram0/limit_bytes", limit);
	knob_set("tenants/default/quota_bytes", 2 * limit);

	for (i = given = 0; i < ROUNDS; i++) {
		fill(b, blocks);
		shuffle(b, blocks);
		size = arena_bytes(b->fd);
		insn_begin(SECTION_LIMIT);
		knob_set("tiers/dram0/limit_bytes", size - GIVE);
		insn_end(SECTION_LIMIT);
		given += size - arena_bytes(b->fd);
		knob_set("tiers/dram0/limit_bytes", limit);
	}
	insn_report(SECTION_LIMIT);
	figure("limit", blocks, given, ROUNDS, "kernel",
	       "kernel, the tier's limit is lowered");

	say("  quota");
	for (i = given = 0; i < ROUNDS; i++) {
		fill(b, blocks);
		shuffle(b, blocks);
		size = arena_bytes(b->fd);
		insn_begin(SECTION_QUOTA);
		knob_set("tenants/default/quota_bytes", size - GIVE);
		given += size - wait_for(b->fd, size - GIVE);
		insn_end(SECTION_QUOTA);
		knob_set("tenants/default/quota_bytes", 2 * limit);
	}
	insn_report(SECTION_QUOTA);
	figure("quota", blocks, given, ROUNDS, "all",
	       "all CPUs, the tenant's quota is lowered");

	say("  shrinker");
	fill(b, blocks);
	shuffle(b, blocks);
	size = arena_bytes(b->fd);
	insn_begin(SECTION_SHRINK);
	file_write("/proc/sys/vm/drop_caches", "2");
	insn_end(SECTION_SHRINK);
	given = size - arena_bytes(b->fd);
	insn_report(SECTION_SHRINK);
	figure("shrink", blocks, given, 1, "kernel",
	       "kernel, it drops its caches (drop_caches); other caches were "
	       "dropped before");
}

int main(int argc, char **argv)
{
	uint64_t sizes[16] = { 10000, 100000, 1000000 };
	unsigned int i, nr = 3;
	struct batch *b;

	if (argc > 1) {
		for (nr = 0; nr < (unsigned int)argc - 1 && nr < 16; nr++)
			sizes[nr] = strtoull(argv[nr + 1], NULL, 0);
	}
	pin_to_cpu(1);
	insn_reset();
	pool_setup(sizes[nr - 1] * FILL + CHUNK);
	b = batch_new(kvpool_open());
	for (i = 0; i < 3; i++)
		file_write("/proc/sys/vm/drop_caches", "3");

	for (i = 0; i < nr; i++)
		measure(b, sizes[i]);
	if (nr > 1) {
		figure_growth("give_limit_growth", "give_limit_insns", 1.2,
			      sizes[0], sizes[nr - 1]);
		figure_growth("give_quota_growth", "give_quota_insns", 1.2,
			      sizes[0], sizes[nr - 1]);
		figure_growth("give_shrink_growth", "give_shrink_insns", 1.2,
			      sizes[0], sizes[nr - 1]);
	}
	return 0;
}
