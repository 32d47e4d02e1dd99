// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of a new process until its first hit in a full pool.
 *
 *	bench_attach SMALL_MIB LARGE_MIB	default: 64 8192
 *
 * The pool is filled to its limit with blocks of 64 KiB by a process that ends
 * then. Other processes open the device, ask for its information, map the
 * arena, lease one random block and read its first word, which is checked.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define LENGTH		65536
#define ROUNDS		51

enum {
	SECTION_ATTACH,
	SECTION_OPEN,
	SECTION_MMAP,
	SECTION_LEASE,
	SECTION_TOUCH,
	NR_SECTIONS,
};

static const char * const names[NR_SECTIONS] = {
	"attach_insns", "attach_insns_open", "attach_insns_mmap",
	"attach_insns_lease", "attach_insns_touch",
};

static int nr_reports;
static uint64_t seed = 7;

static void in_child(void (*fn)(uint64_t), uint64_t arg)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		fn(arg);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("a process failed");
}

static uint64_t *map(int fd)
{
	struct kvpool_info info;
	void *arena;

	kvpool_info(fd, &info);
	arena = mmap(NULL, info.arena_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		     fd, 0);
	if (arena == MAP_FAILED)
		die("mmap: %m");
	return arena;
}

static uint64_t *at(uint64_t *arena, const struct kvpool_span *span)
{
	return arena + span->offset / sizeof(*arena);
}

/* Fills the pool up to @blocks; each block begins with its number. */
static void fill(uint64_t blocks)
{
	struct batch *b = batch_new(kvpool_open());
	uint64_t *arena = map(b->fd), nr;
	struct kvpool_stats stats;
	unsigned int i;

	kvpool_stats(b->fd, &stats);
	for (nr = stats.blocks; nr < blocks; nr += b->nr) {
		b->nr = blocks - nr < BATCH ? blocks - nr : BATCH;
		for (i = 0; i < b->nr; i++)
			batch_key(b, i, 1, nr + i);
		batch_reserve_args(b, LENGTH);
		batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
		batch_check(b, b->reserve.nr_done, "reserve");
		for (i = 0; i < b->nr; i++)
			*at(arena, &b->spans[b->entries[i].span_index]) =
				nr + i;
		batch_end_args(b);
		batch_call(b, KVPOOL_IOC_SEAL, &b->ends);
		batch_check(b, b->ends.nr_done, "seal");
		if (nr && !(nr % (GIB / LENGTH)))
			say("  %llu GiB",
			    (unsigned long long)nr / (GIB / LENGTH));
	}
	kvpool_stats(b->fd, &stats);
	if (stats.evicted_blocks)
		die("blocks were evicted while the pool was filled");
}

/* Take the faults of a forked process on its own code, data and stack. */
static void rehearse(void)
{
	char stack[16384];
	void *page;
	int fd;

	memset(stack, 0, sizeof(stack));
	asm volatile("" : : "r" (stack) : "memory");
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0 || !call(fd, KVPOOL_IOC_INFO, stack))
		die("/dev/null is none");
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		die("mmap: %m");
	munmap(page, 4096);
	close(fd);
}

static void attach(uint64_t nr)
{
	volatile uint64_t *word;
	struct batch *b;
	uint64_t *arena;
	uint64_t found;

	b = batch_new(-1);
	b->nr = 1;
	batch_key(b, 0, 1, nr);
	batch_lease_args(b);
	rehearse();

	insn_begin(SECTION_ATTACH);
	insn_begin(SECTION_OPEN);
	b->fd = kvpool_open();
	insn_end(SECTION_OPEN);
	insn_begin(SECTION_MMAP);
	arena = map(b->fd);
	insn_end(SECTION_MMAP);
	insn_begin(SECTION_LEASE);
	batch_call(b, KVPOOL_IOC_LEASE, &b->lookup);
	insn_end(SECTION_LEASE);
	insn_begin(SECTION_TOUCH);
	word = at(arena, &b->spans[b->entries[0].span_index]);
	found = *word;
	insn_end(SECTION_TOUCH);
	insn_end(SECTION_ATTACH);

	batch_check(b, b->lookup.nr_hits, "lease");
	if (found != nr)
		die("block %llu begins with %llu", (unsigned long long)nr,
		    (unsigned long long)found);
}

static void measure(uint64_t blocks, const char *size)
{
	unsigned int i;

	/* One that does not count, so that the files are in memory. */
	in_child(attach, 0);
	insn_reset();
	for (i = 0; i < ROUNDS; i++)
		in_child(attach, rnd(&seed) % blocks);
	for (i = 0; i < NR_SECTIONS; i++) {
		struct figure f = {
			.name = text("%s_%s", names[i], size),
			.unit = "instructions", .better = "lower",
			.how = i ? "part of the figure above" :
			       text("kernel and user, open + info + mmap + "
				    "lease + first word read by a new process, "
				    "pool filled with %llu blocks of 64 KiB",
				    (unsigned long long)blocks),
		};

		switch (i) {
		case SECTION_ATTACH:
			insn_report(SECTION_ATTACH);
			break;
		case SECTION_OPEN:
			insn_report(SECTION_OPEN);
			break;
		case SECTION_MMAP:
			insn_report(SECTION_MMAP);
			break;
		case SECTION_LEASE:
			insn_report(SECTION_LEASE);
			break;
		case SECTION_TOUCH:
			insn_report(SECTION_TOUCH);
			break;
		}
		figure_report(&f, nr_reports++, "both", "median", 1);
	}
}

static char *short_size(uint64_t mib)
{
	return mib % 1024 ? text("%lluMiB", (unsigned long long)mib) :
			    text("%lluGiB", (unsigned long long)mib / 1024);
}

int main(int argc, char **argv)
{
	uint64_t mib[2] = { 64, 8192 }, blocks;
	unsigned int i;

	pin_to_cpu(1);
	for (i = 0; i < 2; i++) {
		if (argc > (int)i + 1)
			mib[i] = strtoull(argv[i + 1], NULL, 0);
		blocks = mib[i] * MIB / LENGTH;
		pool_setup(mib[i] * MIB);
		say("  filling to %s", short_size(mib[i]));
		in_child(fill, blocks);
		measure(blocks, short_size(mib[i]));
	}
	figure_ratio(&(struct figure) {
		.name = "attach_growth", .unit = "ratio", .target = 1.1,
		.better = "lower",
		.how = text("attach_insns with a pool of %s over one of %s",
			    short_size(mib[1]), short_size(mib[0])),
	}, 1, text("%s_%s", names[0], short_size(mib[1])),
	   text("%s_%s", names[0], short_size(mib[0])));
	return 0;
}
