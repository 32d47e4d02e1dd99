// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that the kernel kills for memory although the pool could give it.
 *
 *	bench_oom [RUNS [PERCENT]]		default: 5 50
 *
 * The pool has taken most of the memory for blocks that may be evicted. Another
 * tenant, which has nothing that could be evicted, loops on RESERVE: it reserves its
 * share, an eighth of the pool, goes on while it is refused more, aborts, and begins
 * again. Then 16 processes take more memory than is free, but PERCENT of the blocks
 * are enough for them. They hold it until all have what they want. The machine is
 * small, and has nothing else to do.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define CHUNK		(2 * MIB)
#define FILL		4096ULL		/* many blocks: much work for reclaim */
#define SPARE		(160 * MIB)	/* memory that the pool leaves */
#define PROCESSES	16
#define TENANTS		8		/* that have a share */
#define REFUSED		1024		/* calls, until the tenant aborts */

static uint64_t next_key;

/* Shared by all processes. */
static struct {
	uint64_t calls;		/* of the loop */
	unsigned int have;	/* processes that have what they want */
	unsigned int done;	/* the crowd's number, when it may go */
} *shared;

static uint64_t meminfo(const char *name)
{
	return file_kib("/proc/meminfo", name);
}

/* Until the tenant has as much as it can get, beside what the other has. */
static void fill(struct batch *b, uint64_t limit)
{
	uint64_t want = limit / TENANTS * (TENANTS - 1) - 16 * MIB;
	uint64_t made = 0, evicted;
	struct kvpool_stats stats;

	kvpool_stats(b->fd, &stats);
	evicted = stats.evicted_blocks;
	while (stats.bytes < want && made < 4 * limit &&
	       stats.evicted_blocks < evicted + 32 * MIB / FILL) {
		batch_keys(b, 1, next_key);
		next_key += b->nr;
		batch_reserve_args(b, FILL);
		batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
		made += b->nr * FILL;
		batch_end_args(b);
		batch_call(b, KVPOOL_IOC_SEAL, &b->ends);
		kvpool_stats(b->fd, &stats);
	}
}

/* Ends when the parent does. */
static void loop_on_reserve(uint64_t limit)
{
	unsigned int nr, refused, i;
	static uint64_t handles[1024];
	const unsigned int most = limit / TENANTS / MIB + 8;
	struct batch *b;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	b = batch_new(kvpool_open_as("loop"));
	b->nr = 1;
	for (;;) {
		for (nr = refused = 0; refused < REFUSED && nr < most;) {
			batch_keys(b, 2, nr);
			batch_reserve_args(b, MIB);
			batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
			if (b->reserve.nr_done)
				handles[nr++] = b->entries[0].handle;
			else
				refused++;
			__atomic_add_fetch(&shared->calls, 1,
					   __ATOMIC_RELAXED);
		}
		for (i = 0; i < nr; i++) {
			b->entries[0].handle = handles[i];
			batch_end_args(b);
			batch_call(b, KVPOOL_IOC_ABORT, &b->ends);
		}
	}
}

static pid_t take_memory(uint64_t want, unsigned int number)
{
	pid_t pid = fork();
	uint64_t at;
	char *p;

	if (pid)
		return pid;
	file_write("/proc/self/oom_score_adj", "1000");
	p = mmap(NULL, want, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		_exit(2);
	madvise(p, want, MADV_NOHUGEPAGE);
	for (at = 0; at < want; at += 4096)
		p[at] = 1;
	__atomic_add_fetch(&shared->have, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&shared->done, __ATOMIC_RELAXED) != number)
		usleep(10000);
	_exit(0);
}

/* Returns how many processes were killed. */
static unsigned int crowd(uint64_t want, unsigned int number)
{
	unsigned int i, killed = 0;
	pid_t pids[PROCESSES];
	int status;

	__atomic_store_n(&shared->have, 0, __ATOMIC_RELAXED);
	for (i = 0; i < PROCESSES; i++) {
		pids[i] = take_memory(want / PROCESSES, number);
		if (pids[i] < 0)
			die("fork: %m");
	}
	while (__atomic_load_n(&shared->have, __ATOMIC_RELAXED) + killed <
	       PROCESSES) {
		for (i = 0; i < PROCESSES; i++) {
			if (!pids[i] ||
			    waitpid(pids[i], &status, WNOHANG) != pids[i])
				continue;
			if (!WIFSIGNALED(status))
				die("a process ended with status %x", status);
			pids[i] = 0;
			killed++;
		}
		usleep(10000);
	}
	__atomic_store_n(&shared->done, number, __ATOMIC_RELAXED);
	for (i = 0; i < PROCESSES; i++) {
		if (!pids[i])
			continue;
		if (waitpid(pids[i], &status, 0) != pids[i])
			die("waitpid: %m");
		killed += WIFSIGNALED(status);
	}
	return killed;
}

int main(int argc, char **argv)
{
	unsigned int runs = argc > 1 ? atoi(argv[1]) : 5, i, killed, sum = 0;
	unsigned int percent = argc > 2 ? atoi(argv[2]) : 50, bad = 0;
	uint64_t limit, most = 0;
	struct kvpool_stats before, after;
	double begin;
	struct batch *b;
	pid_t pid;

	limit = (meminfo("MemAvailable:") - SPARE) / CHUNK * CHUNK;
	if (limit > meminfo("MemTotal:") || limit / TENANTS / MIB > 1000)
		die("not the memory to begin with: %llu MiB",
		    (unsigned long long)limit / MIB);
	pool_setup(limit);
	knob_write("tenants/add", "loop");
	for (i = 2; i < TENANTS; i++) {
		knob_write("tenants/add", text("idle%u", i));
		kvpool_open_as(text("idle%u", i));
	}
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap: %m");
	b = batch_new(kvpool_open());
	b->nr = KVPOOL_MAX_BATCH;
	fill(b, limit);
	fflush(stdout);
	pid = fork();
	if (!pid)
		loop_on_reserve(limit);
	if (pid < 0)
		die("fork: %m");
	while (__atomic_load_n(&shared->calls, __ATOMIC_RELAXED) < limit / MIB)
		usleep(10000);
	for (i = 0; i < runs; i++) {
		begin = now_s();
		fill(b, limit);
		kvpool_stats(b->fd, &before);
		killed = crowd(meminfo("MemFree:") +
			       before.arena_bytes / 100 * percent, i + 1);
		kvpool_stats(b->fd, &after);
		sum += killed;
		bad += !!killed;
		if (killed > most)
			most = killed;
		say("  run %u: %u killed, %llu of %llu MiB given back, %.1f s",
		    i + 1, killed, (unsigned long long)(before.arena_bytes -
						after.arena_bytes) / MIB,
		    (unsigned long long)before.arena_bytes / MIB,
		    now_s() - begin);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	figure_value(&(struct figure) {
		.name = "killed_for_memory", .unit = "processes",
		.target = TARGET_ZERO, .better = "lower",
		.how = text("%u runs of %u processes that together want what "
			    "is free and %u %% of the blocks of a full pool of "
			    "%llu MiB, "
			    "while a tenant loops on RESERVE (%llu calls); blocks "
			    "of 4 KiB; "
			    "%u runs lost processes, at most %llu; "
			    "make soak does 50 runs",
			    runs, PROCESSES, percent, (unsigned long long)limit / MIB,
			    (unsigned long long)shared->calls, bad,
			    (unsigned long long)most),
	}, sum);
	return 0;
}
