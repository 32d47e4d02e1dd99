// SPDX-License-Identifier: GPL-2.0
/*
 * Two contexts on two CPUs against one.
 *
 *	bench_pair count|rate [ROUNDS]
 *
 * A context is a thread with a file and a mapping of its own. Over and over it
 * takes a turn: it produces a batch of blocks of 64 KiB and consumes them. The
 * pool is full: each batch evicts another.
 *
 * count: what a turn of one context takes, alone and beside the other: CPU time
 * of this machine, and instructions of the kernel. Spinning for a lock counts,
 * the machine's other work does not, nor does sleeping: the turns in which the
 * context slept are counted.
 *
 * rate: pairs of slices of time, one context alone and then both; once with
 * all bytes of the blocks written and read, once with the first word only.
 * A loop that shares nothing shows what the machine itself gives. Without two
 * idle CPUs this says little.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"

#define LENGTH		65536ULL
#define LIMIT		(512 * MIB)
#define SLICE		0.3	/* seconds */
#define TURNS		400	/* of a slice in which turns are counted */

enum mode {
	LOOP,			/* no kernel, no memory */
	CALLS,			/* the first word of a block */
	BYTES,			/* all of it */
};

enum {
	SECTION_ALONE,
	SECTION_BOTH,
};

struct context {
	pthread_t thread;
	int cpu;
	struct batch *b;
	char *arena;
	uint64_t next;		/* key */
	uint64_t missed;	/* keys that the other had evicted already */
	uint64_t turns;
	uint64_t slept;		/* times, in counted turns beside the other */
	double seconds;
};

static struct context contexts[2];
static enum mode mode;
static bool counting;
static unsigned int running;	/* contexts in this slice */
static double deadline;
static pthread_barrier_t barrier;
static bool finished;
static unsigned int busy;	/* contexts that have turns to count */

static void loop(struct context *c)
{
	unsigned int n = 100000;

	asm volatile("1:\tdec %0\n\tjnz 1b" : "+r" (n) : : "cc");
	c->turns++;
}

static void span_write(struct context *c, unsigned int i, uint64_t nr)
{
	struct kvpool_span *span = &c->b->spans[c->b->entries[i].span_index];
	unsigned int k;

	for (k = 0; k < c->b->entries[i].nr_spans; k++, span++) {
		if (mode == BYTES)
			memset(c->arena + span->offset, nr, span->length);
		if (!k)
			memcpy(c->arena + span->offset, &nr, sizeof(nr));
	}
}

static void span_read(struct context *c, unsigned int i, uint64_t nr)
{
	struct kvpool_span *span = &c->b->spans[c->b->entries[i].span_index];
	unsigned int k;

	for (k = 0; k < c->b->entries[i].nr_spans; k++, span++) {
		char *at = c->arena + span->offset;

		if (!k && memcmp(at, &nr, sizeof(nr)))
			die("block %llu is wrong", (unsigned long long)nr);
		/* All bytes are equal but for the first word. */
		at += sizeof(nr);
		if (mode == BYTES &&
		    memcmp(at, at + 8, span->length - sizeof(nr) - 8))
			die("block %llu is torn", (unsigned long long)nr);
	}
}

static void keys(struct context *c, uint64_t first)
{
	unsigned int i;

	for (i = 0; i < c->b->nr; i++)
		batch_key(c->b, i, c->cpu + 1, first + i);
}

static void turn(struct context *c)
{
	struct batch *b = c->b;
	uint64_t last = c->next;
	unsigned int i;

	keys(c, c->next);
	batch_reserve_args(b, LENGTH);
	batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
	batch_check(b, b->reserve.nr_done, "reserve");
	for (i = 0; i < b->nr; i++)
		span_write(c, i, c->next + i);
	batch_end_args(b);
	batch_call(b, KVPOOL_IOC_SEAL, &b->ends);
	batch_check(b, b->ends.nr_done, "seal");
	c->next += b->nr;

	keys(c, last);
	batch_lease_args(b);
	batch_call(b, KVPOOL_IOC_LEASE, &b->lookup);
	for (i = 0; i < b->nr; i++)
		if (!b->entries[i].status)
			span_read(c, i, last + i);
	batch_end_args(b);
	batch_call(b, KVPOOL_IOC_RELEASE, &b->ends);
	if (b->ends.nr_done != b->lookup.nr_hits)
		die("release: %u of %u done", b->ends.nr_done,
		    b->lookup.nr_hits);
	/* Only if this CPU stood still while the other went round the pool. */
	c->missed += b->nr - b->lookup.nr_hits;
	c->turns++;
}

static uint64_t times_slept(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_THREAD, &usage))
		die("getrusage: %m");
	return usage.ru_nvcsw;
}

/* Turns counted; the other goes on as long as one still counts. */
static void counted_turns(struct context *c)
{
	uint64_t slept = times_slept();
	unsigned int i;

	for (i = 0; i < TURNS; i++) {
		if (running == 1) {
			insn_begin(SECTION_ALONE);
			turn(c);
			insn_end(SECTION_ALONE);
		} else {
			insn_begin(SECTION_BOTH);
			turn(c);
			insn_end(SECTION_BOTH);
		}
	}
	if (running > 1)
		c->slept += times_slept() - slept;
	__atomic_sub_fetch(&busy, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&busy, __ATOMIC_RELAXED))
		turn(c);
}

static void timed_turns(struct context *c)
{
	double begin = now_s(), now;

	c->turns = 0;
	do {
		if (mode == LOOP)
			loop(c);
		else
			turn(c);
		now = now_s();
	} while (now < deadline);
	c->seconds = now - begin;
}

/* Fill the pool, so that all that comes later evicts. */
static void fill(void)
{
	struct batch *b = batch_new(kvpool_open());
	struct kvpool_stats stats;
	uint64_t nr = 0;
	unsigned int i;

	do {
		for (i = 0; i < b->nr; i++)
			batch_key(b, i, 3, nr++);
		batch_produce(b, LENGTH);
		kvpool_stats(b->fd, &stats);
	} while (!stats.evicted_blocks);
	close(b->fd);
	free(b);
}

static void *context_thread(void *arg)
{
	struct context *c = arg;
	struct kvpool_info info;

	pin_to_cpu(c->cpu);
	c->b = batch_new(kvpool_open());
	c->b->nr = 16;
	kvpool_info(c->b->fd, &info);
	c->arena = mmap(NULL, info.arena_size, PROT_READ | PROT_WRITE,
			MAP_SHARED, c->b->fd, 0);
	if (c->arena == MAP_FAILED)
		die("mmap: %m");

	for (;;) {
		pthread_barrier_wait(&barrier);
		if (finished)
			return NULL;
		if ((unsigned int)c->cpu < running) {
			if (counting)
				counted_turns(c);
			else
				timed_turns(c);
		}
		pthread_barrier_wait(&barrier);
	}
}

/* Turns a second of all contexts that run. */
static double slice(unsigned int nr)
{
	double rate = 0;
	unsigned int i;

	running = busy = nr;
	deadline = now_s() + SLICE;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (i = 0; i < nr && !counting; i++)
		rate += contexts[i].turns / contexts[i].seconds;
	return rate;
}

static double ratio_of_rates(enum mode m, unsigned int rounds, double *rate)
{
	double ratios[rounds], alone[rounds], one;
	unsigned int i;

	mode = m;
	slice(1);
	slice(2);
	for (i = 0; i < rounds; i++) {
		/* One before and after both: the machine may tire. */
		one = slice(1) / 2;
		ratios[i] = slice(2);
		one += slice(1) / 2;
		alone[i] = one;
		ratios[i] /= one;
	}
	*rate = median(alone, rounds);
	return median(ratios, rounds);
}

static void measure_rates(unsigned int rounds)
{
	double machine, bytes, calls, rate, unused;

	say("  both contexts against one, a loop that shares nothing");
	machine = ratio_of_rates(LOOP, rounds, &unused);
	say("  %.2f; the calls", machine);
	calls = ratio_of_rates(CALLS, rounds, &rate);
	say("  %.2f; the calls and the bytes", calls);
	bytes = ratio_of_rates(BYTES, rounds, &unused);

	figure_value(&(struct figure) {
		.name = "two_contexts_wall", .unit = "ratio",
		.better = "higher",
		.how = text("turns a second of two contexts over one, median "
			    "of %u paired rounds; a turn reserves, writes, "
			    "seals, leases, reads, releases 16 blocks of "
			    "64 KiB and evicts as many; this machine has %.2f "
			    "for a loop that shares nothing", rounds, machine),
	}, bytes);
	figure_value(&(struct figure) {
		.name = "two_contexts_wall_calls", .unit = "ratio",
		.better = "higher",
		.how = text("as two_contexts_wall, with the first word of each "
			    "block written and read: almost all of it is in "
			    "the kernel; %.0f turns a second alone", rate),
	}, calls);
	figure_value(&(struct figure) {
		.name = "two_cpus_wall", .unit = "ratio", .better = "higher",
		.how = "as two_contexts_wall, a loop that shares nothing",
	}, machine);
}

/* Samples are kept by CPU: those of the first, which ran in both. */
static void *reset_counts(void *unused)
{
	pin_to_cpu(contexts[0].cpu);
	insn_reset();
	return unused;
}

static void *report_counts(void *unused)
{
	pin_to_cpu(contexts[0].cpu);
	insn_report(SECTION_ALONE);
	insn_report(SECTION_BOTH);
	return unused;
}

static void in_thread(void *(*fn)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, NULL) ||
	    pthread_join(thread, NULL))
		die("no thread");
}

static void figure_turn(const char *name, int report, const char *count,
			const char *stat, const char *how)
{
	figure_report(&(struct figure) {
		.name = name, .better = "lower", .how = how,
		.unit = strcmp(count, "ns") ? "instructions/key" : "ns/key",
	}, report, count, stat, 16);
}

static void measure_counts(unsigned int rounds)
{
	double machine, unused;
	unsigned int i;

	machine = ratio_of_rates(LOOP, 5, &unused);
	mode = CALLS;
	counting = true;
	in_thread(reset_counts);
	for (i = 0; i < rounds; i++) {
		slice(1);
		slice(2);
	}
	in_thread(report_counts);

	figure_turn("context_insns_alone", 0, "kernel", "median",
		    "kernel, reserve (evicting) + seal + lease + release, "
		    "batch of 16, one context, median");
	figure_turn("context_insns_beside", 1, "kernel", "median",
		    "the same beside another context that does so too; "
		    "spinning for locks counts");
	figure_turn("context_insns_beside_mean", 1, "kernel", "mean",
		    "its mean: also what a CPU spins while the machine keeps "
		    "the other one, with a lock, from running");
	figure_turn(".alone", 0, "ns", "median", "");
	figure_turn(".beside", 1, "ns", "median", "");
	figure_ratio(&(struct figure) {
		.name = "two_contexts_rate", .unit = "ratio", .target = 1.8,
		.better = "higher",
		.how = text("turns of two contexts on two CPUs over those of "
			    "one, in equal CPU time, medians of %u turns: "
			    "produce and consume 16 blocks of 64 KiB, evict as "
			    "many, first words written and read, almost all "
			    "of it in the kernel; the context slept %llu "
			    "times. Two idle CPUs are needed for the two to "
			    "meet: this machine has %.2f for a loop that "
			    "shares nothing", rounds * TURNS,
			    (unsigned long long)contexts[0].slept, machine),
	}, 2, ".alone", ".beside");
	figure_ratio(&(struct figure) {
		.name = "two_contexts_insns", .unit = "ratio", .target = 1.8,
		.better = "higher",
		.how = "2 context_insns_alone over context_insns_beside: what "
		       "two CPUs would do at equal instructions a second",
	}, 2, "context_insns_alone", "context_insns_beside");
}

int main(int argc, char **argv)
{
	unsigned int i, rounds = argc > 2 ? atoi(argv[2]) : 11;

	if (argc < 2 || !rounds)
		die("usage: bench_pair count|rate [ROUNDS]");
	pool_setup(LIMIT);
	fill();
	if (pthread_barrier_init(&barrier, NULL, 3))
		die("no barrier");
	for (i = 0; i < 2; i++) {
		contexts[i].cpu = i;
		if (pthread_create(&contexts[i].thread, NULL, context_thread,
				   &contexts[i]))
			die("no thread");
	}
	if (!strcmp(argv[1], "count"))
		measure_counts(rounds);
	else
		measure_rates(rounds);
	finished = true;
	pthread_barrier_wait(&barrier);
	for (i = 0; i < 2; i++) {
		pthread_join(contexts[i].thread, NULL);
		if (contexts[i].missed)
			say("  context %u: %llu blocks were evicted before "
			    "they were consumed", i,
			    (unsigned long long)contexts[i].missed);
	}
	return 0;
}
