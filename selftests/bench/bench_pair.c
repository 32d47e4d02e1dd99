// SPDX-License-Identifier: GPL-2.0
/*
 * Two contexts on two CPUs against one.
 *
 *	bench_pair count|rate [ROUNDS]
 *
 * A context is a thread with a file and a mapping of its own. Over and over it
 * takes a turn: it produces a batch of blocks of 64 KiB and consumes them, or it
 * only reserves and seals them. The pool is full: each batch evicts another.
 *
 * count: what a turn of one context takes, alone and beside the other: CPU time
 * of this machine, and instructions of the kernel. Spinning for a lock counts,
 * the machine's other work does not, nor does sleeping, which is counted apart.
 * Two other pairs show what is due to the machine and not to what the contexts
 * share: contexts of two tenants, which share next to nothing, and a loop.
 *
 * rate: pairs of slices of time, one context alone and then both; with all bytes
 * of the blocks written and read, with the first word only, and with blocks that are
 * only reserved and sealed. A loop that shares nothing shows what the machine itself
 * gives. Without two idle CPUs this says little.
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
#define TURNS		80	/* of a slice in which turns are counted */

enum mode {
	LOOP,			/* no kernel, no memory */
	PRODUCE,		/* reserve and seal alone */
	CALLS,			/* the first word of a block */
	BYTES,			/* all of it */
};

/* What is counted; each has two sections, alone and beside the other. */
enum phase {
	SHARED,			/* two contexts of one tenant */
	APART,			/* of two tenants */
	SHARED_PRODUCE,		/* the same, reserve and seal alone */
	APART_PRODUCE,
	MACHINE,		/* a loop */
	NR_PHASES,
};

#define SECTION(phase, beside)	(2 * (phase) + (beside))
#define IS_APART(phase)	((phase) == APART || (phase) == APART_PRODUCE)

struct context {
	int cpu;
	struct batch *b;
	char *arena;
	uint64_t next;		/* key */
	uint64_t missed;	/* keys that the other had evicted already */
	uint64_t turns;
	uint64_t slept;		/* times, in counted turns beside the other */
	double seconds;
};

static struct context shared[2], apart[2];
static enum mode mode;
static bool counting;
static enum phase phase;
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

static void pool_turn(struct context *c)
{
	struct batch *b = c->b;
	uint64_t last = c->next;
	unsigned int i;

	keys(c, c->next);
	batch_reserve_args(b, LENGTH);
	batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
	batch_check(b, b->reserve.nr_done, "reserve");
	for (i = 0; i < b->nr && mode != PRODUCE; i++)
		span_write(c, i, c->next + i);
	batch_end_args(b);
	batch_call(b, KVPOOL_IOC_SEAL, &b->ends);
	batch_check(b, b->ends.nr_done, "seal");
	c->next += b->nr;
	if (mode == PRODUCE) {
		c->turns++;
		return;
	}

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

static void turn(struct context *c)
{
	if (mode == LOOP)
		loop(c);
	else
		pool_turn(c);
}

#define COUNTED_TURN(c, phase, beside)				\
	do {							\
		insn_begin(SECTION(phase, beside));		\
		turn(c);					\
		insn_end(SECTION(phase, beside));		\
	} while (0)

static void counted_turn(struct context *c)
{
	switch (SECTION(phase, running > 1)) {
	case SECTION(SHARED, 0):
		COUNTED_TURN(c, SHARED, 0);
		break;
	case SECTION(SHARED, 1):
		COUNTED_TURN(c, SHARED, 1);
		break;
	case SECTION(APART, 0):
		COUNTED_TURN(c, APART, 0);
		break;
	case SECTION(APART, 1):
		COUNTED_TURN(c, APART, 1);
		break;
	case SECTION(SHARED_PRODUCE, 0):
		COUNTED_TURN(c, SHARED_PRODUCE, 0);
		break;
	case SECTION(SHARED_PRODUCE, 1):
		COUNTED_TURN(c, SHARED_PRODUCE, 1);
		break;
	case SECTION(APART_PRODUCE, 0):
		COUNTED_TURN(c, APART_PRODUCE, 0);
		break;
	case SECTION(APART_PRODUCE, 1):
		COUNTED_TURN(c, APART_PRODUCE, 1);
		break;
	case SECTION(MACHINE, 0):
		COUNTED_TURN(c, MACHINE, 0);
		break;
	case SECTION(MACHINE, 1):
		COUNTED_TURN(c, MACHINE, 1);
		break;
	}
}

static uint64_t times_slept(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_THREAD, &usage))
		die("getrusage: %m");
	return usage.ru_nvcsw;
}

/* Turns that are counted; the other context runs until they have ended. */
static void counted_turns(struct context *c)
{
	uint64_t slept = times_slept();
	unsigned int i;

	for (i = 0; i < TURNS; i++)
		counted_turn(c);
	if (running > 1 && phase == SHARED)
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
		turn(c);
		now = now_s();
	} while (now < deadline);
	c->seconds = now - begin;
}

/* Fill a tenant's share, so that all that comes later evicts. */
static void fill(const char *tenant)
{
	struct batch *b = batch_new(kvpool_open_as(tenant));
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

static void context_open(struct context *c, int cpu, const char *tenant)
{
	struct kvpool_info info;

	c->cpu = cpu;
	c->b = batch_new(kvpool_open_as(tenant));
	c->b->nr = 16;
	kvpool_info(c->b->fd, &info);
	c->arena = mmap(NULL, info.arena_size, PROT_READ | PROT_WRITE,
			MAP_SHARED, c->b->fd, 0);
	if (c->arena == MAP_FAILED)
		die("mmap: %m");
}

static void *context_thread(void *arg)
{
	unsigned int cpu = (struct context *)arg - shared;
	struct context *c;

	pin_to_cpu(cpu);
	for (;;) {
		pthread_barrier_wait(&barrier);
		if (finished)
			return NULL;
		c = IS_APART(phase) ? &apart[cpu] : &shared[cpu];
		if (cpu < running) {
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
		rate += shared[i].turns / shared[i].seconds;
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
	double machine, bytes, calls, produce, rate, unused;

	say("  both contexts against one, a loop that shares nothing");
	machine = ratio_of_rates(LOOP, rounds, &unused);
	say("  %.2f; the calls", machine);
	calls = ratio_of_rates(CALLS, rounds, &rate);
	say("  %.2f; reserve and seal", calls);
	produce = ratio_of_rates(PRODUCE, rounds, &unused);
	say("  %.2f; the calls and the bytes", produce);
	bytes = ratio_of_rates(BYTES, rounds, &unused);

	if (machine < 1.9)
		say("  this machine had no two CPUs for it: figures by the "
		    "clock say little");
	figure_value(&(struct figure) {
		.name = "two_contexts_wall", .unit = "ratio", .target = 1.8,
		.better = "higher",
		.how = text("turns a second of two contexts over one, median "
			    "of %u paired rounds; a turn reserves, writes, "
			    "seals, leases, reads, releases 16 blocks of "
			    "64 KiB and evicts as many; this machine has %.2f "
			    "for a loop that shares nothing", rounds, machine),
	}, bytes);
	figure_value(&(struct figure) {
		.name = "two_producers_wall", .unit = "ratio", .target = 1.8,
		.better = "higher",
		.how = "as two_contexts_wall, a turn reserves and seals alone",
	}, produce);
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
	pin_to_cpu(0);
	insn_reset();
	return unused;
}

static void *report_counts(void *unused)
{
	pin_to_cpu(0);
	insn_report(SECTION(SHARED, 0));
	insn_report(SECTION(SHARED, 1));
	insn_report(SECTION(APART, 0));
	insn_report(SECTION(APART, 1));
	insn_report(SECTION(SHARED_PRODUCE, 0));
	insn_report(SECTION(SHARED_PRODUCE, 1));
	insn_report(SECTION(APART_PRODUCE, 0));
	insn_report(SECTION(APART_PRODUCE, 1));
	insn_report(SECTION(MACHINE, 0));
	insn_report(SECTION(MACHINE, 1));
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
		.unit = strstr(count, "ns") ? "ns/key" : "instructions/key",
	}, report, count, stat, 16);
}

/* One after the other, so that all meet the same machine. */
static void count(unsigned int rounds)
{
	while (rounds--) {
		for (phase = SHARED; phase < NR_PHASES; phase++) {
			mode = phase == MACHINE ? LOOP :
			       phase >= SHARED_PRODUCE ? PRODUCE : CALLS;
			slice(1);
			slice(2);
		}
	}
}

/* Half of the memory for two tenants with a context each. */
static void to_tenants(void)
{
	static const char * const names[2] = { "bench0", "bench1" };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		knob_write("tenants/add", names[i]);
		knob_set(text("tenants/%s/quota_bytes", names[i]), LIMIT / 4);
		fill(names[i]);
		context_open(&apart[i], i, names[i]);
	}
}

static void figure_rate(const char *name, enum phase p, const char *how)
{
	char *alone = text(".%s_alone", name), *beside = text(".%s", name);

	figure_turn(alone, SECTION(p, 0), "ns", "median", "");
	figure_turn(beside, SECTION(p, 1), "beside_ns", "median", "");
	figure_ratio(&(struct figure) {
		.name = name, .unit = "ratio", .better = "higher", .how = how,
	}, 2, alone, beside);
}

static void measure_counts(unsigned int rounds)
{
	to_tenants();
	counting = true;
	in_thread(reset_counts);
	count(rounds);
	in_thread(report_counts);

	figure_turn("context_insns_alone", SECTION(SHARED, 0), "kernel",
		    "median",
		    "kernel, reserve (evicting) + seal + lease + release, "
		    "batch of 16, one context");
	figure_turn("context_insns_beside", SECTION(SHARED, 1),
		    "beside_kernel", "median",
		    "the same while another context does so too; spinning "
		    "for locks counts");
	figure_ratio(&(struct figure) {
		.name = "two_contexts_insns", .unit = "ratio", .target = 1.8,
		.better = "higher",
		.how = "2 context_insns_alone over context_insns_beside: what "
		       "two CPUs would do at equal instructions a second",
	}, 2, "context_insns_alone", "context_insns_beside");
	figure_rate("two_contexts_raw", SHARED,
		    text("turns of two contexts on two CPUs over those of "
			 "one, in equal CPU time; a turn produces and "
			 "consumes 16 blocks of 64 KiB and evicts as many, "
			 "first words written and read: almost all of it is "
			 "in the kernel; only turns during which the other "
			 "CPU ran, too; the context slept %llu times",
			 (unsigned long long)shared[0].slept));
	figure_rate("two_tenants_raw", APART,
		    "as two_contexts_raw, for contexts of two tenants, which "
		    "share next to nothing: what emulation and this machine "
		    "leave of 2");
	figure_rate("two_producers_raw", SHARED_PRODUCE,
		    "as two_contexts_raw, a turn reserves and seals alone");
	figure_rate("two_producing_tenants_raw", APART_PRODUCE,
		    "as two_tenants_raw, a turn reserves and seals alone");
	figure_rate("two_cpus_raw", MACHINE,
		    "as two_contexts_raw, for a loop of two instructions");
	figure_ratio(&(struct figure) {
		.name = "two_contexts_rate", .unit = "ratio", .target = 1.8,
		.better = "higher",
		.how = "twice the CPU time of a turn beside a context of "
		       "another tenant over that beside one of the same: turns "
		       "of two contexts over those of one, had the emulated "
		       "CPUs nothing in common but what the contexts share",
	}, 2, ".two_tenants_raw", ".two_contexts_raw");
	figure_ratio(&(struct figure) {
		.name = "two_producers_rate", .unit = "ratio", .target = 1.8,
		.better = "higher",
		.how = "as two_contexts_rate, a turn reserves and seals alone",
	}, 2, ".two_producing_tenants_raw", ".two_producers_raw");
}

int main(int argc, char **argv)
{
	unsigned int i, rounds = argc > 2 ? atoi(argv[2]) : 0;
	pthread_t threads[2];

	if (argc < 2)
		die("usage: bench_pair count|rate [ROUNDS]");
	pool_setup(LIMIT);
	knob_set("tenants/default/quota_bytes", LIMIT / 2);
	fill(NULL);
	if (pthread_barrier_init(&barrier, NULL, 3))
		die("no barrier");
	for (i = 0; i < 2; i++) {
		context_open(&shared[i], i, NULL);
		if (pthread_create(&threads[i], NULL, context_thread,
				   &shared[i]))
			die("no thread");
	}
	if (!strcmp(argv[1], "count"))
		measure_counts(rounds ?: 40);
	else
		measure_rates(rounds ?: 11);
	finished = true;
	pthread_barrier_wait(&barrier);
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		if (shared[i].missed)
			say("  context %u: %llu blocks were evicted before "
			    "they were consumed", i,
			    (unsigned long long)shared[i].missed);
	}
	return 0;
}
