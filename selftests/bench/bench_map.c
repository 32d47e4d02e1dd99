// SPDX-License-Identifier: GPL-2.0
/*
 * What mappings of the arena cost.
 *
 *	bench_map count			instructions
 *	bench_map put [ROUNDS]		by the clock
 *
 * count: the first touch of a chunk in a mapping, the page tables of a mapping,
 * pin_user_pages() of a part that is mapped by large entries where the kernel can,
 * and of one that cannot be, because it lies a page off.
 *
 * A put reserves a block of 1 MiB, copies it in and seals it. The memory that it
 * gets is fresh (the arena grows), or the pool had it but the mapping did not, or
 * the mapping had it. In rounds each of these is compared with memcpy() into a
 * buffer of the same size that was populated before.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "../lib/kmod/kvpool_testbench.h"

#define CHUNK		(2 * MIB)
#define BLOCK		MIB
#define PUTS		128		/* of a round */
#define PIN_ROUNDS	21

enum {
	SECTION_TOUCH,
	SECTION_PIN_LARGE,
	SECTION_PIN_SMALL,
	SECTION_COPY,
	SECTION_FRESH,
	SECTION_UNMAPPED,
	SECTION_AGAIN,
};

static int nr_reports;
static uint64_t next_key;

/* ---- touching ---- */

static void produce_chunks(struct batch *b, unsigned int nr)
{
	unsigned int i;

	b->nr = 1;
	for (i = 0; i < nr; i++) {
		batch_keys(b, 1, next_key++);
		batch_produce(b, CHUNK);
	}
}

static void measure_touch(struct batch *b)
{
	uint64_t before = file_kib("/proc/self/status", "VmPTE:"), after;
	volatile char *map = arena_map(b->fd, GIB, 0);
	uint64_t at;

	for (at = 0; at < GIB; at += CHUNK) {
		insn_begin(SECTION_TOUCH);
		map[at] = 1;
		insn_end(SECTION_TOUCH);
	}
	after = file_kib("/proc/self/status", "VmPTE:");
	munmap((void *)map, GIB);
	insn_report(SECTION_TOUCH);
	figure_report(&(struct figure) {
		.name = "touch_chunk_insns", .unit = "instructions",
		.target = 8000, .better = "lower",
		.how = "kernel and user, first touch of a chunk of 2 MiB in an "
		       "aligned mapping, one by one",
	}, nr_reports++, "both", "median", 1);
	figure_value(&(struct figure) {
		.name = "page_tables_per_gib", .unit = "KiB", .target = 16,
		.better = "lower",
		.how = "growth of VmPTE in /proc/self/status by a mapping of "
		       "1 GiB, all chunks touched",
	}, (after - before) / 1024.0);
}

/* ---- pinning ---- */

static void pin(int fd, const char *map, bool large)
{
	struct testbench_pin arg = {
		.addr = (uintptr_t)map, .pages = TESTBENCH_PAGES,
	};
	int ret;

	if (large) {
		insn_begin(SECTION_PIN_LARGE);
		ret = call(fd, TESTBENCH_PIN, &arg);
		insn_end(SECTION_PIN_LARGE);
	} else {
		insn_begin(SECTION_PIN_SMALL);
		ret = call(fd, TESTBENCH_PIN, &arg);
		insn_end(SECTION_PIN_SMALL);
	}
	if (ret || call(fd, TESTBENCH_UNPIN, NULL))
		die("TESTBENCH_PIN: %m");
}

static void measure_pin(struct batch *b)
{
	uint64_t size = TESTBENCH_PAGES * 4096, at;
	int fd = open("/dev/kvpool_testbench", O_RDWR | O_CLOEXEC);
	char *large, *small;
	unsigned int i;

	if (fd < 0)
		die("/dev/kvpool_testbench: %m");
	large = arena_map(b->fd, size, 0);
	small = arena_map(b->fd, size, 4096);
	for (at = 0; at < size; at += 4096)
		large[at] = small[at] = 1;
	for (i = 0; i < PIN_ROUNDS; i++) {
		pin(fd, large, true);
		pin(fd, small, false);
	}
	munmap(large, size);
	munmap(small, size);
	close(fd);
	insn_report(SECTION_PIN_LARGE);
	figure_report(&(struct figure) {
		.name = "pin_64MiB_insns", .unit = "instructions",
		.better = "lower",
		.how = "kernel, pin_user_pages_fast(FOLL_WRITE | "
		       "FOLL_LONGTERM) of 64 MiB of an aligned mapping",
	}, nr_reports++, "kernel", "median", 1);
	insn_report(SECTION_PIN_SMALL);
	figure_report(&(struct figure) {
		.name = "pin_64MiB_insns_small", .unit = "instructions",
		.better = "lower",
		.how = "the same of a mapping that lies 4 KiB behind a "
		       "multiple of 2 MiB: it has entries of 4 KiB",
	}, nr_reports++, "kernel", "median", 1);
	figure_ratio(&(struct figure) {
		.name = "pin_ratio", .unit = "ratio", .target = 0.05,
		.better = "lower",
		.how = "pin_64MiB_insns over pin_64MiB_insns_small",
	}, 1, "pin_64MiB_insns", "pin_64MiB_insns_small");
}

/* ---- putting ---- */

enum memory { COPY, FRESH, UNMAPPED, AGAIN, NR_MEMORIES };

static struct batch *putter;
static char *source, *buffer, *arena;

static char *populated(uint64_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		die("mmap: %m");
	memset(p, 1, size);
	return p;
}

static void put(unsigned int i)
{
	struct batch *b = putter;
	const char *from = source + i * BLOCK;
	struct kvpool_span *span;
	unsigned int k;

	batch_keys(b, 1, i);
	batch_reserve_args(b, BLOCK);
	batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
	batch_check(b, b->reserve.nr_done, "reserve");
	span = &b->spans[b->entries[0].span_index];
	for (k = 0; k < b->entries[0].nr_spans; from += span++->length, k++)
		memcpy(arena + span->offset, from, span->length);
	batch_end_args(b);
	batch_call(b, KVPOOL_IOC_SEAL, &b->ends);
	batch_check(b, b->ends.nr_done, "seal");
}

static void remove_all(void)
{
	struct batch *b = putter;

	b->nr = PUTS;
	batch_keys(b, 1, 0);
	batch_remove(b);
	b->nr = 1;
}

static void map_again(void)
{
	if (arena)
		munmap(arena, PUTS * BLOCK);
	arena = arena_map(putter->fd, PUTS * BLOCK, 0);
}

static void prepare(enum memory memory)
{
	struct kvpool_stats stats;

	if (memory == FRESH) {
		knob_set("tiers/dram0/limit_bytes", 0);
		kvpool_stats(putter->fd, &stats);
		if (stats.arena_bytes)
			die("%llu bytes of the arena are left",
			    (unsigned long long)stats.arena_bytes);
		knob_set("tiers/dram0/limit_bytes", PUTS * BLOCK);
	} else if (memory != COPY) {
		remove_all();
	}
	if (memory == FRESH || memory == UNMAPPED)
		map_again();
}

static void put_setup(void)
{
	pool_setup(PUTS * BLOCK);
	putter = batch_new(kvpool_open());
	putter->nr = 1;
	source = populated(PUTS * BLOCK);
	buffer = populated(PUTS * BLOCK);
}

static void copy(unsigned int i)
{
	memcpy(buffer + i * BLOCK, source + i * BLOCK, BLOCK);
}

static void count_puts(unsigned int rounds)
{
	unsigned int i;

	while (rounds--) {
		for (i = 0; i < PUTS; i++) {
			insn_begin(SECTION_COPY);
			copy(i);
			insn_end(SECTION_COPY);
		}
		prepare(FRESH);
		for (i = 0; i < PUTS; i++) {
			insn_begin(SECTION_FRESH);
			put(i);
			insn_end(SECTION_FRESH);
		}
		prepare(UNMAPPED);
		for (i = 0; i < PUTS; i++) {
			insn_begin(SECTION_UNMAPPED);
			put(i);
			insn_end(SECTION_UNMAPPED);
		}
		prepare(AGAIN);
		for (i = 0; i < PUTS; i++) {
			insn_begin(SECTION_AGAIN);
			put(i);
			insn_end(SECTION_AGAIN);
		}
	}
}

static void figure_put_insns(const char *name, const char *how)
{
	figure_report(&(struct figure) {
		.name = text(".%s", name), .unit = "instructions",
		.better = "lower", .how = "",
	}, nr_reports++, "both", "mean", 1);
	if (how)
		figure_ratio(&(struct figure) {
			.name = name, .unit = "ratio", .better = "higher",
			.how = how,
		}, 1, ".copy_insns", text(".%s", name));
}

static void measure_puts_counted(void)
{
	count_puts(4);
	insn_report(SECTION_COPY);
	figure_put_insns("copy_insns", NULL);
	insn_report(SECTION_FRESH);
	figure_put_insns("put_fresh_insns",
			 "instructions of memcpy() of 1 MiB over those of a "
			 "put into fresh memory, kernel and user; zeroing a "
			 "page is one REP instruction");
	insn_report(SECTION_UNMAPPED);
	figure_put_insns("put_unmapped_insns",
			 "the same for memory that the pool had and the "
			 "mapping did not have");
	insn_report(SECTION_AGAIN);
	figure_put_insns("put_again_insns",
			 "the same for memory that the mapping had");
}

static double timed(enum memory memory)
{
	double begin;
	unsigned int i;

	prepare(memory);
	begin = now_s();
	for (i = 0; i < PUTS; i++) {
		if (memory == COPY)
			copy(i);
		else
			put(i);
	}
	return now_s() - begin;
}

static void measure_puts_timed(unsigned int rounds)
{
	double ratios[NR_MEMORIES][rounds], copies[rounds], before, after, t;
	unsigned int i;
	int memory;

	timed(COPY);
	timed(FRESH);
	for (i = 0; i < rounds; i++) {
		copies[i] = before = timed(COPY);
		for (memory = FRESH; memory < NR_MEMORIES; memory++) {
			t = timed(memory);
			after = timed(COPY);
			ratios[memory][i] = (before + after) / 2 / t;
			before = after;
		}
	}
	figure_value(&(struct figure) {
		.name = "put_fresh", .unit = "ratio", .target = 0.6,
		.better = "higher",
		.how = text("bytes a second of putting %u blocks of 1 MiB into "
			    "memory that the pool takes from the kernel for "
			    "them, over those of memcpy() into a populated "
			    "buffer of the same size, which takes %.0f ms; "
			    "median of %u rounds", PUTS,
			    median(copies, rounds) * 1e3, rounds),
	}, median(ratios[FRESH], rounds));
	figure_value(&(struct figure) {
		.name = "put_unmapped", .unit = "ratio", .better = "higher",
		.how = "as put_fresh, into memory that the pool had and the "
		       "mapping did not have",
	}, median(ratios[UNMAPPED], rounds));
	figure_value(&(struct figure) {
		.name = "put_again", .unit = "ratio", .target = 0.95,
		.better = "higher",
		.how = "as put_fresh, into memory that the mapping had",
	}, median(ratios[AGAIN], rounds));
}

int main(int argc, char **argv)
{
	struct batch *b;

	if (argc < 2)
		die("usage: bench_map count|put [ROUNDS]");
	pin_to_cpu(1);
	insn_reset();
	if (strcmp(argv[1], "count")) {
		put_setup();
		measure_puts_timed(argc > 2 ? atoi(argv[2]) : 11);
		return 0;
	}
	pool_setup(GIB);
	b = batch_new(kvpool_open());
	produce_chunks(b, GIB / CHUNK);
	measure_touch(b);
	measure_pin(b);
	close(b->fd);
	knob_set("tiers/dram0/limit_bytes", 0);
	put_setup();
	measure_puts_counted();
	return 0;
}
