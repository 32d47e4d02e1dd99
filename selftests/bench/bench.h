/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the benchmark programs.
 *
 * A program prints its figures on stdout, one JSON object a line, and its
 * progress on stderr. scripts/bench runs the programs on a virtual host,
 * resolves figures of the host and prints the table. An object has the
 * members name, unit, better, how, target (absent if there is none), and one of
 *
 *	value			the figure
 *	report, count, stat, per  count ("kernel", "user", "both", "ns",
 *				"beside_kernel", ...) of the given report of the
 *				instruction counter (scripts/insn), counted from
 *				the start of the program; stat is "min",
 *				"median", "mean" or "max"; divided by per. Count
 *				"run" is the longest run of the caller without a
 *				point of rescheduling, "any" that of any task,
 *				"other" that of any task but the caller,
 *				and "all" what all CPUs executed
 *	ratio, scale		scale times the first of two figures, named, by
 *				the second
 *
 * Figures whose name begins with a dot are for such ratios only and are not
 * shown. Figures whose name ends with _check must be 1: they show that the counter
 * counts right.
 */
#ifndef KVPOOL_BENCH_H
#define KVPOOL_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kvpool.h>

#include "../../scripts/insn/marker.h"

#define MIB		(1ULL << 20)
#define GIB		(1ULL << 30)
#define BATCH		64	/* keys in one call, as the targets ask */

#define __printf(f, a)	__attribute__((format(printf, f, a)))

#define TARGET_ZERO	-1.0

struct figure {
	const char *name;
	const char *unit;
	double target;		/* 0: none; or TARGET_ZERO */
	const char *better;
	const char *how;
};

void figure_value(const struct figure *f, double value);
void figure_report(const struct figure *f, int report, const char *count,
		   const char *stat, double per);
void figure_ratio(const struct figure *f, double scale, const char *a,
		  const char *b);
void figure_growth(const char *name, const char *cost, double target,
		   uint64_t from, uint64_t to);
const char *short_nr(uint64_t n);

__attribute__((noreturn)) __printf(1, 2) void die(const char *fmt, ...);
__printf(1, 2) void say(const char *fmt, ...);
__printf(1, 2) char *text(const char *fmt, ...);

void pin_to_cpu(int cpu);
double now_s(void);
uint64_t rnd(uint64_t *state);
double median(double *values, unsigned int nr);

void file_write(const char *path, const char *value);
uint64_t file_kib(const char *path, const char *name);
void knob_write(const char *name, const char *value);
uint64_t knob_read(const char *name);
void knob_set(const char *name, uint64_t value);
void pool_setup(uint64_t limit);

/**
 * struct batch - arguments of calls on up to KVPOOL_MAX_BATCH keys
 * @fd:		/dev/kvpool
 * @nr:		keys of the next call
 * @reserve_flags: KVPOOL_RESERVE_*
 */
struct batch {
	int fd;
	unsigned int nr;
	uint32_t reserve_flags;
	struct kvpool_entry entries[KVPOOL_MAX_BATCH];
	struct kvpool_span spans[KVPOOL_MAX_BATCH];
	struct kvpool_handle_entry handles[KVPOOL_MAX_BATCH];
	struct kvpool_reserve reserve;
	struct kvpool_lookup lookup;
	struct kvpool_handles ends;
	struct kvpool_keys keys;
};

int kvpool_open(void);
int kvpool_open_as(const char *tenant);
char *arena_map(int fd, uint64_t length, uint64_t shift);
int uring_pin(char *first, uint64_t length, uint64_t step, unsigned int nr);
void kvpool_info(int fd, struct kvpool_info *info);
void kvpool_stats(int fd, struct kvpool_stats *stats);
struct batch *batch_new(int fd);
void batch_keys(struct batch *b, uint32_t space, uint64_t first);
void batch_key(struct batch *b, unsigned int i, uint32_t space, uint64_t nr);
void batch_reserve_args(struct batch *b, uint64_t length);
void batch_lease_args(struct batch *b);
void batch_end_args(struct batch *b);
void batch_remove(struct batch *b);
void batch_produce(struct batch *b, uint64_t length);
void batch_consume(struct batch *b);
void batch_check(const struct batch *b, unsigned int nr_done, const char *call);
int call(int fd, unsigned long nr, void *arg);

/* One ioctl, its arguments made before; inline, so that nothing is between. */
#define batch_call(b, nr, args)						\
	({								\
		if (call((b)->fd, nr, args))				\
			die("%s: %m", #nr);				\
	})

#endif /* KVPOOL_BENCH_H */
