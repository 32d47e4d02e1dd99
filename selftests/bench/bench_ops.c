// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of an operation in instructions of kernel and user, from submission
 * until its completion has been taken from the ring.
 *
 *	bench_ops [BLOCKS]		default: 10000
 *
 * The pool is filled with blocks of 4 KiB. Rounds of one batch each submit 64
 * operations of one kind on random blocks and reap them; no data is moved. The
 * median over the rounds leaves the timer's interrupts out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

#define ROUNDS		201
#define FILL		4096

enum {
	SPACE_FILL = 1,
	SPACE_PENDING,
};

enum {
	SECTION_NOP,
	SECTION_PROBE,
	SECTION_LEASE,
	SECTION_RELEASE,
	SECTION_RESULTS,
	SECTION_WAIT,
};

struct ring {
	uint32_t *head;
	uint32_t *tail;
	uint32_t mask;
	struct kvpool_completion *cqes;
	uint32_t number;
};

static int nr_reports;
static uint64_t seed = 1;
static struct kvpool_op ops[BATCH];
static struct kvpool_completion done[BATCH];

static void ring_open(int fd, struct ring *r)
{
	struct kvpool_ring_setup arg = {
		.size = sizeof(arg), .entries = 2 * BATCH, .eventfd = -1,
	};
	uint8_t *map;

	if (call(fd, KVPOOL_IOC_RING, &arg))
		die("KVPOOL_IOC_RING: %m");
	map = mmap(NULL, arg.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   arg.offset);
	if (map == MAP_FAILED)
		die("the ring: %m");
	r->head = (uint32_t *)(map + arg.head_offset);
	r->tail = (uint32_t *)(map + arg.tail_offset);
	r->cqes = (void *)(map + arg.completions_offset);
	r->mask = arg.entries - 1;
	r->number = arg.ring;
}

/* Submits the batch and takes its completions, which have to be there. */
static void submit_and_reap(int fd, struct ring *r)
{
	struct kvpool_submit arg = {
		.size = sizeof(arg), .nr_ops = BATCH, .ops = (uintptr_t)ops,
		.ring = r->number,
	};
	uint32_t head = *r->head, i;

	if (call(fd, KVPOOL_IOC_SUBMIT, &arg))
		die("KVPOOL_IOC_SUBMIT: %m");
	for (i = 0; i < BATCH &&
	     head != __atomic_load_n(r->tail, __ATOMIC_ACQUIRE); i++)
		done[i] = r->cqes[head++ & r->mask];
	__atomic_store_n(r->head, head, __ATOMIC_RELEASE);
	if (i != BATCH)
		die("%u of %u completions", i, BATCH);
}

static void check(const char *what)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++)
		if (done[i].status || done[i].user_data != i)
			die("%s: operation %u: user_data %llu, status %d",
			    what, i, (unsigned long long)done[i].user_data,
			    done[i].status);
}

static void prepare(struct batch *b, uint32_t opcode, uint64_t blocks)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		ops[i] = (struct kvpool_op){
			.opcode = opcode, .user_data = i,
		};
		if (opcode == KVPOOL_OP_NOP)
			continue;
		if (opcode == KVPOOL_OP_RELEASE) {
			ops[i].handle = done[i].handle;
			continue;
		}
		batch_key(b, i, SPACE_FILL, rnd(&seed) % blocks);
		ops[i].key = b->entries[i].key;
	}
}

static void measure(struct batch *b, struct ring *r, uint32_t opcode,
		    int section, uint64_t blocks, const char *what)
{
	prepare(b, opcode, blocks);
	insn_begin(section);
	submit_and_reap(b->fd, r);
	insn_end(section);
	check(what);
}

/* The same, with results that the call itself brings. */
static void measure_results(struct batch *b, uint64_t blocks)
{
	struct kvpool_submit arg = {
		.size = sizeof(arg), .nr_ops = BATCH, .ops = (uintptr_t)ops,
		.results = (uintptr_t)done,
	};

	prepare(b, KVPOOL_OP_LEASE, blocks);
	insn_begin(SECTION_RESULTS);
	if (call(b->fd, KVPOOL_IOC_SUBMIT, &arg))
		die("KVPOOL_IOC_SUBMIT: %m");
	insn_end(SECTION_RESULTS);
	check("lease with results");
}

/*
 * Begins leases that wait, and cancels them: the cost of an operation in
 * flight.
 */
static void measure_wait(struct batch *b, struct ring *r)
{
	struct kvpool_submit arg = {
		.size = sizeof(arg), .nr_ops = BATCH, .ops = (uintptr_t)ops,
		.ring = r->number,
	};
	struct kvpool_cancel cancel = {
		.size = sizeof(cancel), .flags = KVPOOL_CANCEL_ALL,
	};
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		ops[i] = (struct kvpool_op){
			.opcode = KVPOOL_OP_LEASE, .flags = KVPOOL_OP_WAIT,
			.user_data = i,
		};
		ops[i].key = b->entries[i].key;
	}
	insn_begin(SECTION_WAIT);
	if (call(b->fd, KVPOOL_IOC_SUBMIT, &arg) ||
	    call(b->fd, KVPOOL_IOC_CANCEL, &cancel))
		die("KVPOOL_IOC_SUBMIT, KVPOOL_IOC_CANCEL: %m");
	insn_end(SECTION_WAIT);
	if (cancel.nr_done != BATCH || *r->tail - *r->head != BATCH)
		die("%u of %u operations were in flight", cancel.nr_done,
		    BATCH);
	__atomic_store_n(r->head, *r->tail, __ATOMIC_RELEASE);
}

static void figure_op(const char *what, double target, const char *how)
{
	figure_report(&(struct figure) {
		.name = text("op_insns_%s", what), .unit = "instructions/op",
		.target = target, .better = "lower", .how = how,
	}, nr_reports++, "both", "median", BATCH);
}

int main(int argc, char **argv)
{
	uint64_t blocks = argc > 1 ? strtoull(argv[1], NULL, 0) : 10000, nr;
	struct batch *b;
	struct ring r;
	unsigned int i, k;

	pin_to_cpu(1);
	insn_reset();
	pool_setup((blocks * FILL + 64 * MIB) & ~(2 * MIB - 1));
	b = batch_new(kvpool_open());
	ring_open(b->fd, &r);
	for (nr = 0; nr < blocks; nr += b->nr) {
		b->nr = blocks - nr < BATCH ? blocks - nr : BATCH;
		for (i = 0; i < b->nr; i++)
			batch_key(b, i, SPACE_FILL, nr + i);
		batch_produce(b, FILL);
	}
	b->nr = BATCH;

	for (k = 0; k < ROUNDS; k++) {
		measure(b, &r, KVPOOL_OP_NOP, SECTION_NOP, blocks, "nop");
		measure(b, &r, KVPOOL_OP_PROBE, SECTION_PROBE, blocks,
			"probe");
		measure(b, &r, KVPOOL_OP_LEASE, SECTION_LEASE, blocks,
			"lease");
		measure(b, &r, KVPOOL_OP_RELEASE, SECTION_RELEASE, blocks,
			"release");
		measure_results(b, blocks);
		prepare(b, KVPOOL_OP_RELEASE, blocks);
		submit_and_reap(b->fd, &r);
	}
	for (i = 0; i < BATCH; i++)
		batch_key(b, i, SPACE_PENDING, i);
	batch_reserve_args(b, FILL);
	batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
	batch_check(b, b->reserve.nr_done, "reserve");
	for (k = 0; k < ROUNDS; k++)
		measure_wait(b, &r);

	insn_report(SECTION_PROBE);
	figure_op("probe", 1500,
		  "kernel and user, submit and reap a probe of a random key, "
		  "batch of 64");
	insn_report(SECTION_LEASE);
	figure_op("lease", 1500,
		  "kernel and user, submit and reap a lease of a random key, "
		  "batch of 64");
	insn_report(SECTION_RELEASE);
	figure_op("release", 1500,
		  "kernel and user, submit and reap the end of a lease, batch "
		  "of 64");
	insn_report(SECTION_NOP);
	figure_op("nop", 0,
		  "kernel and user, submit and reap an operation that does "
		  "nothing, batch of 64");
	insn_report(SECTION_RESULTS);
	figure_op("lease_results", 0,
		  "kernel and user, a lease of a random key whose completion "
		  "the call brings back, batch of 64");
	insn_report(SECTION_WAIT);
	figure_op("wait_cancel", 0,
		  "kernel and user, begin a lease of a pending key and cancel "
		  "it, batch of 64; what workers and RCU free later not "
		  "included");
	return 0;
}
