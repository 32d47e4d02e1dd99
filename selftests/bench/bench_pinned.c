// SPDX-License-Identifier: GPL-2.0
/*
 * Faults of a tenant whose arena is pinned, while a neighbour claims its memory.
 *
 *	bench_pinned [SECONDS]			default: 10
 *
 * The tenant holds three quarters of the pool, one half of it in empty chunks, and
 * has registered all of its arena with io_uring, as an engine registers it with a
 * GPU. It touches every page, over and over. The neighbour reserves and seals as
 * fast as it can, and may claim until it has its share, which it cannot get.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define CHUNK		(2 * MIB)
#define LIMIT		(256 * MIB)
#define PINNED		(192 * MIB)

static uint64_t faults(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage))
		die("getrusage: %m");
	return usage.ru_minflt;
}

static void touch(volatile char *map)
{
	uint64_t at;

	for (at = 0; at < PINNED; at += 4096)
		map[at] = 1;
}

/* Calls end when the parent does. */
static void claim(uint64_t *claims)
{
	struct batch *b;
	uint64_t nr = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin_to_cpu(1);
	b = batch_new(kvpool_open_as("neighbour"));
	b->nr = 1;
	for (;;) {
		batch_keys(b, 2, nr++);
		batch_reserve_args(b, CHUNK);
		batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
		if (b->reserve.nr_done) {
			batch_end_args(b);
			batch_call(b, KVPOOL_IOC_SEAL, &b->ends);
		}
		__atomic_add_fetch(claims, 1, __ATOMIC_RELAXED);
	}
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 10, end;
	uint64_t *claims, before, quiet, passes = 0, i;
	struct kvpool_stats stats;
	struct batch *b;
	char *map;
	pid_t pid;

	pin_to_cpu(0);
	pool_setup(LIMIT);
	knob_write("tenants/add", "pinned");
	knob_write("tenants/add", "neighbour");
	claims = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (claims == MAP_FAILED)
		die("mmap: %m");
	b = batch_new(kvpool_open_as("pinned"));
	b->nr = 1;
	for (i = 0; i < PINNED / CHUNK; i++) {
		batch_keys(b, 1, i);
		batch_produce(b, CHUNK);
	}
	map = arena_map(b->fd, PINNED, 0);
	touch(map);
	uring_pin(map, PINNED, 0, 1);
	for (i = 0; i < PINNED / CHUNK; i += 2) {
		batch_keys(b, 1, i);
		batch_remove(b);
	}

	before = faults();
	for (i = 0; i < 20; i++)
		touch(map);
	quiet = faults() - before;
	pid = fork();
	if (!pid)
		claim(claims);
	if (pid < 0)
		die("fork: %m");
	while (__atomic_load_n(claims, __ATOMIC_RELAXED) < 64)
		usleep(1000);
	/* The fork has write-protected the pages of this process. */
	end = now_s();
	touch(map);
	before = faults();
	end = now_s() + seconds;
	for (passes = 0; now_s() < end; passes++)
		touch(map);
	before = faults() - before;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	kvpool_stats(b->fd, &stats);
	if (stats.arena_bytes != PINNED)
		die("the pinned arena has %llu bytes",
		    (unsigned long long)stats.arena_bytes);
	figure_value(&(struct figure) {
		.name = "pinned_faults", .unit = "faults",
		.target = TARGET_ZERO, .better = "lower",
		.how = text("minor faults of a tenant that touches all pages "
			    "of its arena of 192 MiB, which is pinned, while a "
			    "neighbour claims for %.0f s: %llu passes, %llu "
			    "calls of the neighbour; %llu faults without it",
			    seconds, (unsigned long long)passes,
			    (unsigned long long)*claims,
			    (unsigned long long)quiet),
	}, before);
	return 0;
}
