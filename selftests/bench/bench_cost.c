// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of the calls in instructions of the kernel, and how that grows with
 * the pool; memory per block.
 *
 *	bench_cost [BLOCKS...]		default: 1000 10000 100000 1000000
 *
 * The pool is filled with blocks of 4 KiB. At each number of blocks, rounds of
 * one batch each lease and release random blocks, then the blocks of one call that
 * filled the pool, and reserve, seal and remove further blocks of 64 KiB. The median over the rounds leaves the timer's
 * interrupts out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define ROUNDS		201
#define FILL		4096
#define MEASURED	65536
#define LOOPS		100000

/* A call that fills the pool makes one chain, if the module knows chains. */
#ifdef KVPOOL_RESERVE_CHAIN
#define CHAIN		KVPOOL_RESERVE_CHAIN
#else
#define CHAIN		0
#endif

enum {
	SPACE_FILL = 1,
	SPACE_MEASURED,
};

enum {
	SECTION_LOOP,
	SECTION_CONSUME,
	SECTION_LEASE,
	SECTION_RELEASE,
	SECTION_PRODUCE,
	SECTION_RESERVE,
	SECTION_SEAL,
	SECTION_FILL,
	SECTION_CHAIN,
};

static int nr_reports;
static uint64_t seed = 1;

/* 2 * LOOPS + 1 instructions: a check of the counter. */
static void measure_loop(void)
{
	unsigned int i, n;

	for (i = 0; i < 21; i++) {
		n = LOOPS;
		insn_begin(SECTION_LOOP);
		asm volatile("mov %1, %0\n1:\tdec %0\n\tjnz 1b"
			     : "=&r" (n) : "i" (LOOPS) : "cc");
		insn_end(SECTION_LOOP);
	}
	insn_report(SECTION_LOOP);
	figure_report(&(struct figure) {
		.name = "counter_check", .unit = "ratio", .better = "lower",
		.how = "instructions counted in a loop of known length, over "
		       "that length; it must be 1",
	}, nr_reports++, "user", "median", 2.0 * LOOPS + 1);
}

static void fill(struct batch *b, uint64_t from, uint64_t to)
{
	uint64_t nr;
	unsigned int i;

	b->reserve_flags = CHAIN;
	for (nr = from; nr < to; nr += b->nr) {
		b->nr = to - nr < BATCH ? to - nr : BATCH;
		for (i = 0; i < b->nr; i++)
			batch_key(b, i, SPACE_FILL, nr + i);
		insn_begin(SECTION_FILL);
		batch_produce(b, FILL);
		insn_end(SECTION_FILL);
		if (!(nr % 131072) && nr)
			say("  %llu blocks", (unsigned long long)nr);
	}
	b->nr = BATCH;
	b->reserve_flags = 0;
}

static void consume(struct batch *b, uint64_t blocks)
{
	unsigned int i;

	for (i = 0; i < b->nr; i++)
		batch_key(b, i, SPACE_FILL, rnd(&seed) % blocks);
	batch_lease_args(b);

	insn_begin(SECTION_CONSUME);
	insn_begin(SECTION_LEASE);
	batch_call(b, KVPOOL_IOC_LEASE, &b->lookup);
	insn_end(SECTION_LEASE);
	batch_check(b, b->lookup.nr_hits, "lease");
	batch_end_args(b);
	insn_begin(SECTION_RELEASE);
	batch_call(b, KVPOOL_IOC_RELEASE, &b->ends);
	insn_end(SECTION_RELEASE);
	insn_end(SECTION_CONSUME);
	batch_check(b, b->ends.nr_done, "release");
}

/* The blocks of one of the calls that made blocks @from to @to. */
static void consume_chain(struct batch *b, uint64_t from, uint64_t to)
{
	batch_keys(b, SPACE_FILL,
		   from + rnd(&seed) % ((to - from) / BATCH) * BATCH);
	batch_lease_args(b);
	b->lookup.flags = KVPOOL_LOOKUP_PREFIX;

	insn_begin(SECTION_CHAIN);
	batch_call(b, KVPOOL_IOC_LEASE, &b->lookup);
	batch_check(b, b->lookup.nr_hits, "lease");
	batch_end_args(b);
	batch_call(b, KVPOOL_IOC_RELEASE, &b->ends);
	insn_end(SECTION_CHAIN);
	batch_check(b, b->ends.nr_done, "release");
}

static void produce(struct batch *b)
{
	static uint64_t nr;
	unsigned int i;

	for (i = 0; i < b->nr; i++)
		batch_key(b, i, SPACE_MEASURED, nr++);
	batch_reserve_args(b, MEASURED);

	insn_begin(SECTION_PRODUCE);
	insn_begin(SECTION_RESERVE);
	batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
	insn_end(SECTION_RESERVE);
	batch_check(b, b->reserve.nr_done, "reserve");
	batch_end_args(b);
	insn_begin(SECTION_SEAL);
	batch_call(b, KVPOOL_IOC_SEAL, &b->ends);
	insn_end(SECTION_SEAL);
	insn_end(SECTION_PRODUCE);
	batch_check(b, b->ends.nr_done, "seal");
	batch_remove(b);
}

static void figure_cost(const char *what, uint64_t blocks, double target,
			const char *how)
{
	figure_report(&(struct figure) {
		.name = text("%s_%s", what, short_nr(blocks)),
		.unit = "instructions/key", .target = target,
		.better = "lower", .how = how,
	}, nr_reports++, "kernel", "median", BATCH);
}

static void measure(struct batch *b, uint64_t from, uint64_t blocks)
{
	struct kvpool_stats before, after;
	unsigned int i;

	say("  measuring at %llu blocks", (unsigned long long)blocks);
	/* The index may still be moving to a larger table. */
	usleep(500000);

	for (i = 0; i < ROUNDS; i++)
		consume(b, blocks);
	insn_report(SECTION_CONSUME);
	figure_cost("consume_insns", blocks, 1000,
		    "kernel, lookup + lease + release of random keys, "
		    "batch of 64");
	insn_report(SECTION_LEASE);
	figure_cost("consume_insns_lease", blocks, 0, "the lease call alone");
	insn_report(SECTION_RELEASE);
	figure_cost("consume_insns_release", blocks, 0,
		    "the release call alone");

	for (i = 0; i < ROUNDS; i++)
		consume_chain(b, from, blocks);
	insn_report(SECTION_CHAIN);
	figure_cost("consume_chain_insns", blocks, 500,
		    CHAIN ? "kernel, lookup + lease + release of a chain of 64 "
			    "blocks" :
			    "kernel, lookup + lease + release of 64 blocks "
			    "that were made in one call, without chains");

	/* The arena grows here, so the measured calls zero no memory. */
	for (i = 0; i < 8; i++)
		produce(b);
	insn_drop(SECTION_PRODUCE);
	insn_drop(SECTION_RESERVE);
	insn_drop(SECTION_SEAL);
	kvpool_stats(b->fd, &before);
	for (i = 0; i < ROUNDS; i++)
		produce(b);
	kvpool_stats(b->fd, &after);
	if (before.arena_bytes != after.arena_bytes)
		die("the arena grew while it was measured");
	insn_report(SECTION_PRODUCE);
	figure_cost("produce_insns", blocks, 3000,
		    "kernel, reserve + seal of 64 KiB blocks, batch of 64, "
		    "in an arena that has grown before: nothing is zeroed");
	insn_report(SECTION_RESERVE);
	figure_cost("produce_insns_reserve", blocks, 0,
		    "the reserve call alone");
	insn_report(SECTION_SEAL);
	figure_cost("produce_insns_seal", blocks, 0, "the seal call alone");
}

/* ---- memory of the kernel ---- */

struct memory {
	uint64_t free;		/* or caching files */
	uint64_t slab;
	uint64_t vmalloc;
	uint64_t percpu;
};

static void memory_read(struct memory *m, const char *drop)
{
	file_write("/proc/sys/vm/drop_caches", drop);
	usleep(300000);
	m->free = file_kib("/proc/meminfo", "MemFree:") +
		  file_kib("/proc/meminfo", "Cached:");
	m->slab = file_kib("/proc/meminfo", "Slab:");
	m->vmalloc = file_kib("/proc/meminfo", "VmallocUsed:");
	m->percpu = file_kib("/proc/meminfo", "Percpu:");
}

/* The module's slab caches, for the reader of the figure. */
static void slabs_say(uint64_t blocks)
{
	unsigned long long active, objs, size, per, pages, slabs;
	char line[512], name[64];
	FILE *f = fopen("/proc/slabinfo", "r");

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %llu %llu %llu %llu %llu : tunables "
			   "%*u %*u %*u : slabdata %*u %llu", name, &active,
			   &objs, &size, &per, &pages, &slabs) == 7 &&
		    !strncmp(name, "kvpool", 6))
			say("  slab %s: %llu objects of %llu, %.1f bytes a "
			    "block", name, objs, size,
			    slabs * pages * 4096.0 / blocks);
	}
	fclose(f);
}

static void measure_memory(struct batch *b, const struct memory *empty,
			   uint64_t blocks)
{
	struct kvpool_stats stats;
	double slab, vmalloc, percpu, taken;
	struct memory full;

	/* Caches of files only: the pool is a cache that can shrink, too. */
	memory_read(&full, "1\n");
	kvpool_stats(b->fd, &stats);
	if (stats.blocks != blocks)
		die("%llu blocks in the pool, not %llu",
		    (unsigned long long)stats.blocks,
		    (unsigned long long)blocks);
	slab = (double)full.slab - empty->slab;
	vmalloc = (double)full.vmalloc - empty->vmalloc;
	percpu = (double)full.percpu - empty->percpu;
	taken = (double)empty->free - full.free - stats.arena_bytes;
	slabs_say(blocks);
	figure_value(&(struct figure) {
		.name = "metadata_bytes_per_block", .unit = "bytes",
		.target = 144, .better = "lower",
		.how = text("growth of Slab (%.1f), VmallocUsed (%.1f: the "
			    "index) and Percpu (%.1f) in /proc/meminfo from "
			    "an empty pool to %llu blocks of 4 KiB; MemFree "
			    "and Cached fell by %.1f beyond the arena",
			    slab / blocks, vmalloc / blocks, percpu / blocks,
			    (unsigned long long)blocks, taken / blocks),
	}, (slab + vmalloc + percpu) / blocks);
}

int main(int argc, char **argv)
{
	uint64_t sizes[16] = { 1000, 10000, 100000, 1000000 }, done = 0;
	unsigned int i, nr = 4;
	struct memory empty;
	struct batch *b;

	if (argc > 1) {
		for (nr = 0; nr < (unsigned int)argc - 1 && nr < 16; nr++)
			sizes[nr] = strtoull(argv[nr + 1], NULL, 0);
	}
	pin_to_cpu(1);
	insn_reset();
	measure_loop();
	pool_setup((sizes[nr - 1] * FILL + 64 * MIB + 2 * MIB - 1) &
		   ~(2 * MIB - 1));
	b = batch_new(kvpool_open());
	memory_read(&empty, "3\n");

	for (i = 0; i < nr; i++) {
		fill(b, done, sizes[i]);
		measure(b, done, sizes[i]);
		done = sizes[i];
	}
	insn_report(SECTION_FILL);
	figure_report(&(struct figure) {
		.name = "fill_insns_mean", .unit = "instructions/key",
		.better = "lower",
		.how = text("kernel, reserve + seal of 4 KiB blocks, the "
			    "whole fill to %s blocks: zeroing (a REP "
			    "string instruction counts once), growth of the "
			    "arena and the index and timer interrupts included",
			    short_nr(done)),
	}, nr_reports++, "kernel", "mean", BATCH);
	if (nr > 1) {
		figure_growth("consume_insns_growth", "consume_insns", 1.15,
			      sizes[0], done);
		figure_growth("produce_insns_growth", "produce_insns", 1.15,
			      sizes[0], done);
	}
	measure_memory(b, &empty, done);
	return 0;
}
