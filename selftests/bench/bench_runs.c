// SPDX-License-Identifier: GPL-2.0
/*
 * The longest run of kernel instructions without a point of rescheduling.
 *
 *	bench_runs [BLOCKS [CHUNKS]]		default: 1000000 2000
 *
 * The pool is filled with blocks of 4 KiB; every ioctl then handles as many keys
 * as it may, and every worker and the shrinker get something to do. Each of these
 * is a section of the counter: of a call the longest run of its caller counts, of
 * a section for a worker that of other tasks, for the shrinker that of any task, and
 * such a section lasts until they have finished.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "../lib/kmod/kvpool_testbench.h"

#define FILL		4096ULL
#define CHUNK		(2 * MIB)
#define TARGET		200000
#define SPIN		1000000		/* loops of two instructions */
#define WAITERS		16		/* calls of KVPOOL_MAX_BATCH operations */
#define GIVE		(64 * MIB)

enum {
	SPACE_FILL = 1,
	SPACE_MORE,
	SPACE_PENDING,
};

enum {
	SECTION_WHOLE,
	SECTION_PIECES,
	SECTION_RESERVE,
	SECTION_SEAL,
	SECTION_INDEX,
	SECTION_EXISTS,
	SECTION_LEASE,
	SECTION_RELEASE,
	SECTION_RELEASE_LAST,
	SECTION_PIN,
	SECTION_REMOVE,
	SECTION_EVICT,
	SECTION_LARGE,
	SECTION_SPANS,
	SECTION_ABORT,
	SECTION_ABORT_LARGE,
	SECTION_RING,
	SECTION_SUBMIT,
	SECTION_CANCEL,
	SECTION_SETTLE,
	SECTION_SETTLED,
	SECTION_RING_END,
	SECTION_OTHERS,
	SECTION_FAULT,
	SECTION_CLOSE,
	SECTION_QUARANTINE,
	SECTION_LIMIT,
	SECTION_QUOTA,
	SECTION_WATERMARK,
	SECTION_SHRINK,
	SECTION_DROP,
};

static int nr_reports;
static uint64_t seed = 3, blocks = 1000000, chunks = 2000;

#define COUNTED(section, what)						\
	do {								\
		insn_begin(section);					\
		what;							\
		insn_end(section);					\
	} while (0)

#define REPORT(section, name, of, how)					\
	do {								\
		insn_report(section);					\
		figure_run(name, of, how);				\
	} while (0)

static void figure_run(const char *name, const char *of, const char *how)
{
	figure_report(&(struct figure) {
		.name = text("run_insns_%s", name), .unit = "instructions",
		.target = TARGET, .better = "lower", .how = how,
	}, nr_reports++, of, "max", 1);
}

/* ---- the counter ---- */

static void spin(int fd, uint32_t loops, uint32_t times)
{
	struct testbench_spin arg = { loops, times };

	if (call(fd, TESTBENCH_SPIN, &arg))
		die("TESTBENCH_SPIN: %m");
}

/* The kernel executes a known number of instructions, at once and in pieces. */
static void check_counter(void)
{
	int fd = open("/dev/kvpool_testbench", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/kvpool_testbench: %m");
	COUNTED(SECTION_WHOLE, spin(fd, SPIN, 1));
	COUNTED(SECTION_PIECES, spin(fd, SPIN / 10, 20));
	close(fd);
	insn_report(SECTION_WHOLE);
	figure_report(&(struct figure) {
		.name = "run_check", .unit = "ratio", .better = "lower",
		.how = "longest run of a loop of known length in the kernel, "
		       "over that length; it must be 1",
	}, nr_reports++, "run", "max", 2.0 * SPIN);
	insn_report(SECTION_PIECES);
	figure_report(&(struct figure) {
		.name = "run_pieces_check", .unit = "ratio", .better = "lower",
		.how = "the same for twenty loops with cond_resched() between "
		       "them, over the length of one; it must be 1",
	}, nr_reports++, "run", "max", 2.0 * SPIN / 10);
}

/* Wait until no other task wants a CPU, for a while. */
static void wait_for_idle(void)
{
	unsigned int idle = 0, running;
	double end = now_s() + 60;
	FILE *f;

	while (idle < 8 && now_s() < end) {
		usleep(25000);
		f = fopen("/proc/loadavg", "r");
		if (!f || fscanf(f, "%*f %*f %*f %u/", &running) != 1)
			die("/proc/loadavg: %m");
		fclose(f);
		idle = running > 1 ? 0 : idle + 1;
	}
}

/* ---- calls on keys ---- */

static bool crosses(uint64_t nr, uint64_t step)
{
	uint64_t size;

	/* A table of a rhashtable grows when it is three quarters full. */
	for (size = 1 << 14; size / 4 * 3 < nr + step; size *= 2)
		if (nr <= size / 4 * 3)
			return true;
	return false;
}

static void produce_counted(struct batch *b)
{
	batch_reserve_args(b, FILL);
	COUNTED(SECTION_RESERVE,
		batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve));
	batch_check(b, b->reserve.nr_done, "reserve");
	batch_end_args(b);
	COUNTED(SECTION_SEAL, batch_call(b, KVPOOL_IOC_SEAL, &b->ends));
	batch_check(b, b->ends.nr_done, "seal");
}

static void fill(struct batch *b)
{
	uint64_t nr, all = chunks * (CHUNK / FILL);
	bool grows;

	for (nr = 0; nr < all; nr += b->nr) {
		b->nr = all - nr < KVPOOL_MAX_BATCH ? all - nr :
						      KVPOOL_MAX_BATCH;
		batch_keys(b, SPACE_FILL, nr);
		grows = crosses(nr, b->nr);
		if (grows)
			insn_begin(SECTION_INDEX);
		produce_counted(b);
		if (grows) {
			wait_for_idle();
			insn_end(SECTION_INDEX);
		}
		if (!(nr % 131072) && nr)
			say("  %llu blocks", (unsigned long long)nr);
	}
	REPORT(SECTION_RESERVE, "reserve", "run",
	       "reserve of 1,024 blocks of 4 KiB, the arena grows");
	REPORT(SECTION_SEAL, "seal", "run", "seal of 1,024 blocks");
	REPORT(SECTION_INDEX, "index_worker", "other",
	       "while the index moves to a larger table");
}

static void random_keys(struct batch *b)
{
	uint64_t all = chunks * (CHUNK / FILL);
	unsigned int i;

	b->nr = KVPOOL_MAX_BATCH;
	for (i = 0; i < b->nr; i++)
		batch_key(b, i, SPACE_FILL, rnd(&seed) % all);
}

static void remove_counted(struct batch *b, uint64_t first, uint64_t step)
{
	unsigned int i;

	for (i = 0; i < b->nr; i++)
		batch_key(b, i, SPACE_FILL, first + i * step);
	b->keys = (struct kvpool_keys) {
		.size = sizeof(b->keys),
		.nr_entries = b->nr,
		.entries = (uintptr_t)b->entries,
	};
	COUNTED(SECTION_REMOVE, batch_call(b, KVPOOL_IOC_REMOVE, &b->keys));
}

/* Blocks all over the arena go, until it has the wanted number of blocks. */
static void thin_out(struct batch *b)
{
	uint64_t all = chunks * (CHUNK / FILL), nr, step;

	if (all <= blocks)
		return;
	step = all / (all - blocks);
	for (nr = 0; nr < all - blocks; nr += b->nr) {
		b->nr = all - blocks - nr < KVPOOL_MAX_BATCH ?
			all - blocks - nr : KVPOOL_MAX_BATCH;
		remove_counted(b, nr * step, step);
	}
	REPORT(SECTION_REMOVE, "remove", "run", "remove of 1,024 blocks");
}

static void consume_counted(struct batch *b, unsigned int times)
{
	while (times--) {
		random_keys(b);
		batch_lease_args(b);
		COUNTED(SECTION_LEASE,
			batch_call(b, KVPOOL_IOC_LEASE, &b->lookup));
		batch_end_args(b);
		COUNTED(SECTION_RELEASE,
			batch_call(b, KVPOOL_IOC_RELEASE, &b->ends));
	}
	REPORT(SECTION_LEASE, "lease", "run", "lease of 1,024 random blocks");
	REPORT(SECTION_RELEASE, "release", "run", "release of 1,024 leases");
}

/* Leases of blocks that were removed: their ends free the blocks. */
static void release_removed(struct batch *b)
{
	uint64_t first = chunks * (CHUNK / FILL) - KVPOOL_MAX_BATCH;

	b->nr = KVPOOL_MAX_BATCH;
	batch_keys(b, SPACE_FILL, first);
	batch_lease_args(b);
	batch_call(b, KVPOOL_IOC_LEASE, &b->lookup);
	batch_end_args(b);
	remove_counted(b, first, 1);
	COUNTED(SECTION_RELEASE_LAST,
		batch_call(b, KVPOOL_IOC_RELEASE, &b->ends));
	REPORT(SECTION_RELEASE_LAST, "release_removed", "run",
	       "release of 1,024 leases whose blocks were removed");
}

static void exists_counted(struct batch *b)
{
	random_keys(b);
	b->lookup = (struct kvpool_lookup) {
		.size = sizeof(b->lookup),
		.nr_entries = b->nr,
		.entries = (uintptr_t)b->entries,
	};
	COUNTED(SECTION_EXISTS,
		batch_call(b, KVPOOL_IOC_EXISTS, &b->lookup));
	REPORT(SECTION_EXISTS, "exists", "run", "exists of 1,024 random blocks");
}

static void pin_counted(struct batch *b)
{
	unsigned int i, soft;

	for (soft = 2; soft--;) {
		random_keys(b);
		for (i = 0; i < b->nr; i++)
			b->entries[i].flags = soft ? KVPOOL_PIN_SOFT : 0;
		b->keys = (struct kvpool_keys) {
			.size = sizeof(b->keys),
			.nr_entries = b->nr,
			.entries = (uintptr_t)b->entries,
		};
		COUNTED(SECTION_PIN,
			batch_call(b, KVPOOL_IOC_PIN, &b->keys));
	}
	REPORT(SECTION_PIN, "pin", "run", "soft pins of 1,024 blocks, set and removed");
}

static void evict_counted(struct batch *b)
{
	unsigned int round;

	b->nr = KVPOOL_MAX_BATCH;
	for (round = 0; round < 64; round++) {
		batch_keys(b, SPACE_MORE, round * b->nr);
		batch_reserve_args(b, FILL);
		COUNTED(SECTION_EVICT,
			batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve));
		batch_check(b, b->reserve.nr_done, "reserve");
		batch_end_args(b);
		if (round % 2)
			batch_call(b, KVPOOL_IOC_SEAL, &b->ends);
		else
			COUNTED(SECTION_ABORT,
				batch_call(b, KVPOOL_IOC_ABORT, &b->ends));
	}
	REPORT(SECTION_ABORT, "abort", "run",
	       "abort of 1,024 reservations of 4 KiB");
	REPORT(SECTION_EVICT, "reserve_evicting", "run",
	       "reserve of 1,024 blocks of 4 KiB in a full pool");
}

/* The longest block, in as many pieces as it has pages. */
static void large_counted(struct batch *b)
{
	struct kvpool_spans spans = {
		.size = sizeof(spans), .nr_spans = 65536,
	};
	struct kvpool_span *room = calloc(spans.nr_spans, sizeof(*room));

	if (!room)
		die("no memory");
	b->nr = 1;
	batch_keys(b, SPACE_MORE, 1000000000);
	batch_reserve_args(b, KVPOOL_BLOCK_MAX);
	COUNTED(SECTION_LARGE,
		batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve));
	batch_check(b, b->reserve.nr_done, "reserve");
	spans.handle = b->entries[0].handle;
	spans.spans = (uintptr_t)room;
	memset(room, 0, spans.nr_spans * sizeof(*room));
	COUNTED(SECTION_SPANS, batch_call(b, KVPOOL_IOC_SPANS, &spans));
	batch_end_args(b);
	COUNTED(SECTION_ABORT_LARGE,
		batch_call(b, KVPOOL_IOC_ABORT, &b->ends));
	batch_check(b, b->ends.nr_done, "abort");
	REPORT(SECTION_LARGE, "reserve_large", "run",
	       text("reserve of a block of 256 MiB in %u pieces, which evicts "
		    "as many pages", spans.total));
	REPORT(SECTION_SPANS, "spans", "run", text("spans of that block: %u",
					    spans.nr_spans));
	REPORT(SECTION_ABORT_LARGE, "abort_large", "run",
	       "abort of that block");
	free(room);
}

/* ---- operations ---- */

static void submit_waiters(struct batch *b, unsigned int ring)
{
	static struct kvpool_op ops[KVPOOL_MAX_BATCH];
	struct kvpool_submit submit;
	unsigned int i, round;

	batch_keys(b, SPACE_PENDING, 0);
	for (i = 0; i < KVPOOL_MAX_BATCH; i++)
		ops[i] = (struct kvpool_op) {
			.opcode = KVPOOL_OP_LEASE, .flags = KVPOOL_OP_WAIT,
			.key = b->entries[0].key,
		};
	for (round = 0; round < WAITERS; round++) {
		submit = (struct kvpool_submit) {
			.size = sizeof(submit), .nr_ops = KVPOOL_MAX_BATCH,
			.ops = (uintptr_t)ops, .ring = ring,
		};
		COUNTED(SECTION_SUBMIT,
			batch_call(b, KVPOOL_IOC_SUBMIT, &submit));
		if (submit.nr_done != KVPOOL_MAX_BATCH)
			die("submit: %u done", submit.nr_done);
	}
}

static void operations_counted(void)
{
	struct batch *b = batch_new(kvpool_open());
	struct kvpool_ring_setup setup = {
		.size = sizeof(setup), .entries = KVPOOL_RING_ENTRIES_MAX,
		.eventfd = -1,
	};
	struct kvpool_cancel cancel = {
		.size = sizeof(cancel), .flags = KVPOOL_CANCEL_ALL,
	};
	struct kvpool_ring_end end = { .size = sizeof(end) };
	unsigned int ring;

	COUNTED(SECTION_RING, batch_call(b, KVPOOL_IOC_RING, &setup));
	ring = setup.ring;
	b->nr = 1;
	batch_keys(b, SPACE_PENDING, 0);
	batch_reserve_args(b, FILL);
	batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
	batch_check(b, b->reserve.nr_done, "reserve");
	batch_end_args(b);

	submit_waiters(b, ring);
	COUNTED(SECTION_CANCEL, batch_call(b, KVPOOL_IOC_CANCEL, &cancel));
	submit_waiters(b, ring);
	end.ring = ring;
	COUNTED(SECTION_RING_END, batch_call(b, KVPOOL_IOC_RING_END, &end));

	setup = (struct kvpool_ring_setup) {
		.size = sizeof(setup), .entries = KVPOOL_RING_ENTRIES_MAX,
		.eventfd = -1,
	};
	COUNTED(SECTION_RING, batch_call(b, KVPOOL_IOC_RING, &setup));
	submit_waiters(b, setup.ring);
	/* The waiters complete in a worker. */
	insn_begin(SECTION_SETTLED);
	COUNTED(SECTION_SETTLE, batch_call(b, KVPOOL_IOC_SEAL, &b->ends));
	wait_for_idle();
	insn_end(SECTION_SETTLED);
	batch_check(b, b->ends.nr_done, "seal");
	close(b->fd);
	free(b);
	REPORT(SECTION_RING, "ring", "run", "a ring of 65,536 entries is made");
	REPORT(SECTION_SUBMIT, "submit", "run",
	       "submit of 1,024 leases that wait for one key");
	REPORT(SECTION_CANCEL, "cancel", "run", "cancel of 16,384 leases that wait");
	REPORT(SECTION_RING_END, "ring_end", "run",
	       "end of a ring with 16,384 leases that wait");
	REPORT(SECTION_SETTLE, "seal_waited", "run",
	       "seal of a key for which 16,384 leases wait");
	REPORT(SECTION_SETTLED, "settle_worker", "other",
	       "their workers");
}

/* ---- files, mappings ---- */

static void others_counted(struct batch *b)
{
	struct kvpool_open_tenant arg = {
		.size = sizeof(arg), .tenant = "default",
	};
	struct kvpool_peer_name peer = {
		.size = sizeof(peer), .name = "nobody",
	};
	struct kvpool_stats stats;
	struct kvpool_info info;
	int fd;

	insn_begin(SECTION_OTHERS);
	fd = kvpool_open();
	if (!call(fd, KVPOOL_IOC_OPEN_TENANT, &arg))
		close(arg.fd);
	call(fd, KVPOOL_IOC_PEER, &peer);
	kvpool_info(b->fd, &info);
	kvpool_stats(b->fd, &stats);
	close(fd);
	insn_end(SECTION_OTHERS);
	REPORT(SECTION_OTHERS, "others", "run",
	       "open, open for a tenant, peer, info, stats and close");
}

static void fault_counted(struct batch *b)
{
	uint64_t nr = chunks < 256 ? chunks : 256, i;
	char *map = arena_map(b->fd, nr * CHUNK, 0);
	volatile char *at = map;

	insn_begin(SECTION_FAULT);
	for (i = 0; i < nr; i++)
		at[i * CHUNK] = 0;
	insn_end(SECTION_FAULT);
	munmap(map, nr * CHUNK);
	REPORT(SECTION_FAULT, "fault", "run", "first touches of 256 chunks");
}

static void close_counted(void)
{
	struct batch *b = batch_new(kvpool_open());
	unsigned int i;

	for (i = 0; i < 64; i++) {
		random_keys(b);
		batch_lease_args(b);
		batch_call(b, KVPOOL_IOC_LEASE, &b->lookup);
		batch_keys(b, SPACE_MORE, 2000000000 + i * b->nr);
		batch_reserve_args(b, FILL);
		batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
	}
	COUNTED(SECTION_CLOSE, close(b->fd));
	free(b);
	REPORT(SECTION_CLOSE, "close", "run",
	       "close of a file with 65,536 leases and as many reservations");
}

/* ---- workers ---- */

static void quarantine_counted(void)
{
	struct batch *b = batch_new(kvpool_open());
	struct kvpool_stats stats;
	unsigned int i;
	int ring, fd;
	char *map;

	for (i = 0; i < 64; i++) {
		b->nr = KVPOOL_MAX_BATCH;
		batch_keys(b, SPACE_MORE, 3000000000 + i * b->nr);
		batch_reserve_args(b, FILL);
		batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
	}
	kvpool_stats(b->fd, &stats);
	map = arena_map(b->fd, stats.arena_bytes, 0);
	ring = uring_pin(map, FILL, CHUNK, stats.arena_bytes / CHUNK);
	insn_begin(SECTION_QUARANTINE);
	munmap(map, stats.arena_bytes);
	close(b->fd);
	usleep(2500000);
	fd = kvpool_open();
	kvpool_stats(fd, &stats);
	say("  %llu MiB in quarantine",
	    (unsigned long long)stats.quarantined_bytes / MIB);
	close(ring);
	do {
		usleep(200000);
		kvpool_stats(fd, &stats);
	} while (stats.quarantined_bytes);
	insn_end(SECTION_QUARANTINE);
	close(fd);
	free(b);
	REPORT(SECTION_QUARANTINE, "quarantine_worker", "other",
	       "quarantine of 65,536 blocks, until it is empty");
}

/* Until the arena has shrunk and nothing happens any more. */
static void wait_for_rest(int fd, struct kvpool_stats *stats, uint64_t want)
{
	double end = now_s() + 30;

	do {
		kvpool_stats(fd, stats);
		usleep(10000);
	} while (stats->arena_bytes > want && now_s() < end);
	if (stats->arena_bytes > want)
		say("  the arena still has %llu MiB, not %llu",
		    (unsigned long long)stats->arena_bytes / MIB,
		    (unsigned long long)want / MIB);
	wait_for_idle();
	kvpool_stats(fd, stats);
}

static void limits_counted(struct batch *b)
{
	uint64_t size = chunks * CHUNK, evicted;
	struct kvpool_stats stats;

	say("  limit");
	COUNTED(SECTION_LIMIT,
		knob_set("tiers/dram0/limit_bytes", size - GIVE));
	REPORT(SECTION_LIMIT, "limit", "run", "a tier's limit is lowered by 64 MiB");

	say("  quota");
	insn_begin(SECTION_QUOTA);
	knob_set("tenants/default/quota_bytes", size - 2 * GIVE);
	wait_for_rest(b->fd, &stats, size - 2 * GIVE);
	insn_end(SECTION_QUOTA);
	REPORT(SECTION_QUOTA, "quota_worker", "other",
	       "a tenant's quota is lowered by 64 MiB");

	say("  watermark");
	insn_begin(SECTION_WATERMARK);
	evicted = stats.evicted_blocks;
	knob_set("watermark_low", 70);
	knob_set("watermark_high", 75);
	wait_for_rest(b->fd, &stats, UINT64_MAX);
	insn_end(SECTION_WATERMARK);
	if (stats.evicted_blocks == evicted)
		die("nothing was evicted for the watermark");
	REPORT(SECTION_WATERMARK, "watermark_worker", "other",
	       "eviction down to the low watermark");
}

/* Take memory until the pool has given back some, or there is no more. */
static void take_memory(int fd, uint64_t arena)
{
	uint64_t at, most = file_kib("/proc/meminfo", "MemTotal:");
	struct kvpool_stats stats;
	char *p;

	file_write("/proc/self/oom_score_adj", "1000");
	p = mmap(NULL, most, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		_exit(1);
	for (at = 0; at < most; at += 4096) {
		p[at] = 1;
		if (at % MIB)
			continue;
		kvpool_stats(fd, &stats);
		if (stats.arena_bytes <= arena)
			_exit(0);
	}
	_exit(2);
}

static void shrink_counted(void)
{
	struct kvpool_stats before, after;
	int fd = kvpool_open(), status;
	pid_t pid;

	say("  shrinker");
	kvpool_stats(fd, &before);
	fflush(stdout);
	insn_begin(SECTION_SHRINK);
	pid = fork();
	if (!pid)
		take_memory(fd, before.arena_bytes - GIVE);
	if (waitpid(pid, &status, 0) != pid || status)
		say("  the process that took memory has status %x", status);
	wait_for_rest(fd, &after, UINT64_MAX);
	insn_end(SECTION_SHRINK);
	close(fd);
	REPORT(SECTION_SHRINK, "shrinker", "any",
	       text("a process takes memory until the pool has given back "
		    "%llu MiB",
		    (unsigned long long)(before.arena_bytes -
					 after.arena_bytes) / MIB));
}

int main(int argc, char **argv)
{
	struct kvpool_stats stats;
	struct batch *b;

	if (argc > 1)
		blocks = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		chunks = strtoull(argv[2], NULL, 0);
	pin_to_cpu(1);
	insn_reset();
	check_counter();
	pool_setup(chunks * CHUNK);
	knob_set("max_handles", 1 << 20);
	b = batch_new(kvpool_open());

	fill(b);
	thin_out(b);
	kvpool_stats(b->fd, &stats);
	say("  %llu blocks, %llu chunks", (unsigned long long)stats.blocks,
	    (unsigned long long)stats.arena_bytes / CHUNK);
	exists_counted(b);
	consume_counted(b, 256);
	release_removed(b);
	pin_counted(b);
	others_counted(b);
	fault_counted(b);
	evict_counted(b);
	say("  operations");
	operations_counted();
	say("  close");
	close_counted();
	say("  a large block");
	large_counted(b);
	say("  quarantine");
	quarantine_counted();
	limits_counted(b);
	shrink_counted();
	say("  drop");
	COUNTED(SECTION_DROP, knob_write("tenants/default/drop", "1"));
	REPORT(SECTION_DROP, "drop", "run", "all blocks of a tenant are dropped");
	return 0;
}
