// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU TCG plugin: count the instructions that each virtual CPU executes
 * between markers (marker.h), separately for kernel and user mode.
 *
 *	-plugin insn.so,out=FILE[,hist=on|,points=FILE]
 *
 * A report marker appends one line to FILE:
 *
 *	report=R id=I vcpu=V n=N kernel=MIN,MEDIAN,MEAN,MAX user=... rep=...
 *
 * and ns=..., others=..., then beside_n=N and the same counts again with names
 * that begin with beside_. R counts the reports of this run. Kernel mode is an
 * address with the top bit set. A string instruction with a REP prefix counts once, as
 * it does in the counters of a real CPU; its further iterations are in rep,
 * kernel and user together. others is what the other virtual CPUs executed, kernel
 * and user together. ns is the CPU time of the virtual CPU's thread on
 * this machine, without the time of other threads. The beside_ counts are only
 * of samples in which the other virtual CPUs together executed at least three
 * quarters as many instructions: on a busy machine the CPUs of a guest seldom run
 * concurrently.
 *
 * With hist=on the line is followed by
 *
 *	hist report=R addr=A insns=N
 *
 * for each translated piece of kernel code that ran inside the section on any
 * CPU since the section's last report. The guest's /proc/kallsyms names the
 * functions at these addresses.
 *
 * With points=FILE a report ends with the longest run of kernel instructions
 * without a point of rescheduling:
 *
 *	run=INSNS run_rep=N run_from=A run_at=A run_to=A run_in=A run_out=A
 *
 * and the same with names that begin with any and other. "run" is of the tasks that
 * came from user mode on a CPU where the section runs; "any" is of all tasks of all
 * CPUs, while the section runs on one of them; "other" is of those that went
 * on from one switch of their CPU to the next. The addresses are those of the run's
 * first block, of one in its second half and of its last one, and of its first and
 * last block in the code that matters: runs outside of that code do not count.
 *
 * FILE is read at each reset marker, so that the guest can be asked what it holds.
 * Its lines are "KIND ADDRESS". A run ends at a function of kind "point", which
 * gives up the CPU if another task wants it, or "switch", where the CPU goes to
 * another task or finds none, and in user mode. "past" is the address behind such
 * a function. Between an "interrupt" and its IRET nothing is counted; an
 * "exception" may sleep and is counted unless an interrupt met it. The code that
 * matters lies between a line "begin" and the next line "end".
 *
 * All instructions of a translation block are counted when the block begins. So
 * instructions that a fault inside the block skips are counted too, a few for
 * each fault. Blocks with a marker are counted instruction by instruction.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "marker.h"
#include "qemu-api.h"

#define MAX_VCPUS	64
#define MAX_SAMPLES	(1u << 20)

int qemu_plugin_version = QEMU_API;

enum { KERNEL, USER, REP, NS, OTHERS, NR_COUNTS };

static const char * const count_names[NR_COUNTS] = {
	[KERNEL] = "kernel", [USER] = "user", [REP] = "rep", [NS] = "ns",
	[OTHERS] = "others",
};

struct sample {
	uint64_t count[NR_COUNTS];
};

struct section {
	struct sample start;
	struct sample *samples;
	unsigned int nr;
	unsigned int room;
};

/* Kernel instructions in which a task did not offer the CPU to others. */
struct run {
	uint64_t insns;
	uint64_t rep;		/* further iterations of REP instructions */
	uint64_t from;		/* its first block, or 0 */
	uint64_t at;		/* one in its second half */
	uint64_t next;		/* instructions at which @at is set again */
	uint64_t to;
	uint64_t in;		/* its first block in the code that matters, or 0 */
	uint64_t out;
};

/* Only the thread of a CPU accesses its element. */
static struct vcpu {
	struct sample now;
	struct run run;
	struct run unknown;	/* the longest since the CPU was switched */
	bool own;		/* the task came from user mode */
	unsigned int interrupts;	/* that the CPU is in */
	uint64_t active;	/* a bit per section that runs */
	uint64_t rep_at;	/* the REP instruction that ran last, else 0 */
	struct section sections[INSN_IDS];
} __attribute__((aligned(64))) vcpus[MAX_VCPUS];

/* With hist=on: a translated piece of code, shared by all CPUs. */
struct piece {
	struct piece *next;
	uint64_t addr;
	unsigned int insns;
	unsigned int mode;
	uint64_t hits[INSN_IDS];
};

enum kind {
	PLAIN,
	POINT,
	SWITCH,
	INTERRUPT,
	EXCEPTION,
	BEGIN,
	END,
	PAST,
	NR_KINDS,
};

static const char * const kind_names[NR_KINDS] = {
	[POINT] = "point", [SWITCH] = "switch", [INTERRUPT] = "interrupt",
	[EXCEPTION] = "exception", [BEGIN] = "begin", [END] = "end",
	[PAST] = "past",
};

/* With points: a line of the file, in the order of addresses. */
struct point {
	uint64_t addr;
	enum kind kind;
};

/* With points: a translated block of the kernel. */
struct block {
	struct block *next;
	uint64_t addr;
	unsigned int insns;
	enum kind kind;
	bool iret;
	bool code;		/* it lies in the code that matters */
	bool inside;		/* it lies in a function where runs end */
};

static const char *points_path;
static struct point *points;
static size_t nr_points;
static struct block *blocks;
static unsigned int nr_active[INSN_IDS];	/* CPUs in each section */

/* Guards pieces, points, blocks, the longest runs and the output. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct run longest_own[INSN_IDS], longest_any[INSN_IDS];
static struct run longest_other[INSN_IDS];
static struct piece *pieces;
static FILE *out;
static unsigned int nr_reports;
static unsigned int nr_vcpus;
static bool hist;

static struct vcpu *vcpu_get(unsigned int index)
{
	return &vcpus[index];
}

static void *pack(unsigned int insns, unsigned int mode)
{
	return (void *)(uintptr_t)(insns << 1 | mode);
}

/* A run of a task that came from user mode, or returns there. */
static void run_own(struct vcpu *vcpu, const struct run *run)
{
	uint64_t active = vcpu->active;
	struct run *longest;

	pthread_mutex_lock(&lock);
	for (; active; active &= active - 1) {
		longest = &longest_own[__builtin_ctzll(active)];
		if (run->insns > longest->insns)
			*longest = *run;
	}
	pthread_mutex_unlock(&lock);
}

/* A run of any CPU. */
static void run_anywhere(struct run *longest, const struct run *run)
{
	unsigned int id;

	pthread_mutex_lock(&lock);
	for (id = 0; id < INSN_IDS; id++)
		if (nr_active[id] && run->insns > longest[id].insns)
			longest[id] = *run;
	pthread_mutex_unlock(&lock);
}

/* The task offers the CPU, or it is not in the kernel any more. */
static void run_end(struct vcpu *vcpu)
{
	struct run *run = &vcpu->run;

	if (run->in) {
		run_anywhere(longest_any, run);
		if (vcpu->own)
			run_own(vcpu, run);
		else if (run->insns > vcpu->unknown.insns)
			vcpu->unknown = *run;
	}
	memset(run, 0, sizeof(*run));
}

static void user_block(struct vcpu *vcpu)
{
	vcpu->interrupts = 0;
	if (vcpu->run.insns)
		run_end(vcpu);
	if (vcpu->own)
		return;
	/* The task that the CPU was switched to is this one. */
	if (vcpu->unknown.insns)
		run_own(vcpu, &vcpu->unknown);
	memset(&vcpu->unknown, 0, sizeof(vcpu->unknown));
	vcpu->own = true;
}

static void run_block(unsigned int index, void *data)
{
	struct vcpu *vcpu = vcpu_get(index);
	const struct block *block = data;
	struct run *run = &vcpu->run;

	vcpu->now.count[KERNEL] += block->insns;
	vcpu->rep_at = 0;
	switch (block->kind) {
	case SWITCH:
		vcpu->interrupts = 0;
		run_end(vcpu);
		if (vcpu->unknown.insns)
			run_anywhere(longest_other, &vcpu->unknown);
		memset(&vcpu->unknown, 0, sizeof(vcpu->unknown));
		vcpu->own = false;
		return;
	case POINT:
		if (!vcpu->interrupts)
			run_end(vcpu);
		return;
	case INTERRUPT:
		vcpu->interrupts++;
		return;
	case EXCEPTION:
		vcpu->interrupts += !!vcpu->interrupts;
		break;
	default:
		break;
	}
	if (vcpu->interrupts) {
		vcpu->interrupts -= block->iret;
		return;
	}
	run->insns += block->insns;
	run->to = block->addr;
	if (!run->from && !block->inside)
		run->from = block->addr;
	if (run->insns >= run->next) {
		run->at = block->addr;
		run->next = 2 * run->insns;
	}
	if (block->code) {
		if (!run->in)
			run->in = block->addr;
		run->out = block->addr;
	}
}

static void count_block(unsigned int index, void *data)
{
	struct vcpu *vcpu = vcpu_get(index);
	uintptr_t word = (uintptr_t)data;

	vcpu->now.count[word & 1] += word >> 1;
	vcpu->rep_at = 0;
	if (points_path && (word & 1) == USER)
		user_block(vcpu);
}

static void count_piece(unsigned int index, void *data)
{
	struct vcpu *vcpu = vcpu_get(index);
	struct piece *piece = data;
	uint64_t active = vcpu->active;

	vcpu->now.count[piece->mode] += piece->insns;
	vcpu->rep_at = 0;
	for (; active; active &= active - 1)
		__atomic_fetch_add(&piece->hits[__builtin_ctzll(active)],
				   piece->insns, __ATOMIC_RELAXED);
}

/* Called for each iteration: QEMU jumps back to the instruction. */
static void count_rep(unsigned int index, void *data)
{
	struct vcpu *vcpu = vcpu_get(index);
	uint64_t addr = (uintptr_t)data;

	bool in_run = points_path && addr >> 63 && !vcpu->interrupts;

	if (points_path && !(addr >> 63))
		user_block(vcpu);
	if (vcpu->rep_at == addr) {
		vcpu->now.count[REP]++;
		vcpu->run.rep += in_run;
		return;
	}
	vcpu->rep_at = addr;
	vcpu->now.count[addr >> 63 ? KERNEL : USER]++;
	vcpu->run.insns += in_run;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool is_beside(const struct sample *sample)
{
	return 4 * sample->count[OTHERS] >=
	       3 * (sample->count[KERNEL] + sample->count[USER]);
}

/* Collect one count of the samples; @values has room for @section->nr. */
static unsigned int choose(const struct section *section, int which,
			   bool beside, uint64_t *values)
{
	unsigned int i, nr = 0;

	for (i = 0; i < section->nr; i++)
		if (!beside || is_beside(&section->samples[i]))
			values[nr++] = section->samples[i].count[which];
	return nr;
}

static void write_counts(const struct section *section, bool beside)
{
	uint64_t *values = calloc(section->nr + 1, sizeof(*values)), sum;
	const char *prefix = beside ? "beside_" : "";
	unsigned int i, nr;
	int which;

	if (!values)
		return;
	for (which = 0; which < NR_COUNTS; which++) {
		nr = choose(section, which, beside, values);
		if (!which)
			fprintf(out, " %sn=%u", prefix, nr);
		if (!nr)
			break;
		qsort(values, nr, sizeof(*values), compare);
		for (sum = i = 0; i < nr; i++)
			sum += values[i];
		fprintf(out, " %s%s=%" PRIu64 ",%" PRIu64 ",%" PRIu64
			",%" PRIu64, prefix, count_names[which], values[0],
			values[nr / 2], sum / nr, values[nr - 1]);
	}
	free(values);
}

/* Reset the hits of a section, and write them if @write; @lock is held. */
static void flush_hist(unsigned int id, bool write)
{
	struct piece *piece;
	uint64_t insns;

	for (piece = pieces; piece; piece = piece->next) {
		insns = __atomic_exchange_n(&piece->hits[id], 0,
					    __ATOMIC_RELAXED);
		if (insns && write)
			fprintf(out, "hist report=%u addr=%" PRIx64
				" insns=%" PRIu64 "\n", nr_reports,
				piece->addr, insns);
	}
}

static void drop(unsigned int index, unsigned int id)
{
	vcpu_get(index)->sections[id].nr = 0;
	pthread_mutex_lock(&lock);
	flush_hist(id, false);
	memset(&longest_own[id], 0, sizeof(longest_own[id]));
	memset(&longest_any[id], 0, sizeof(longest_any[id]));
	memset(&longest_other[id], 0, sizeof(longest_other[id]));
	pthread_mutex_unlock(&lock);
}

/* Write and forget a run; @lock is held. */
static void write_run(struct run *run, const char *name)
{
	fprintf(out, " %s=%" PRIu64 " %s_rep=%" PRIu64, name, run->insns, name,
		run->rep);
	fprintf(out, " %s_from=%" PRIx64 " %s_at=%" PRIx64 " %s_to=%" PRIx64
		" %s_in=%" PRIx64 " %s_out=%" PRIx64, name, run->from, name,
		run->at, name, run->to, name, run->in, name, run->out);
	memset(run, 0, sizeof(*run));
}

static void report(unsigned int index, unsigned int id)
{
	struct section *section = &vcpu_get(index)->sections[id];

	pthread_mutex_lock(&lock);
	fprintf(out, "report=%u id=%u vcpu=%u", nr_reports, id, index);
	write_counts(section, false);
	write_counts(section, true);
	if (points_path) {
		write_run(&longest_own[id], "run");
		write_run(&longest_any[id], "any");
		write_run(&longest_other[id], "other");
	}
	fputc('\n', out);
	flush_hist(id, true);
	fflush(out);
	nr_reports++;
	pthread_mutex_unlock(&lock);
	section->nr = 0;
}

static void sample(struct vcpu *vcpu, struct section *section)
{
	struct sample *to;
	int i;

	if (section->nr == section->room) {
		unsigned int room = section->room ? 2 * section->room : 256;

		if (room > MAX_SAMPLES)
			return;
		to = realloc(section->samples, room * sizeof(*to));
		if (!to)
			return;
		section->samples = to;
		section->room = room;
	}
	to = &section->samples[section->nr++];
	for (i = 0; i < NR_COUNTS; i++)
		to->count[i] = vcpu->now.count[i] - section->start.count[i];
}

static uint64_t thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/*
 * The other CPUs' counts change while they are read. That is accurate enough to
 * tell whether these CPUs ran.
 */
static uint64_t others_insns(unsigned int index)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < nr_vcpus; i++)
		if (i != index)
			sum += vcpus[i].now.count[KERNEL] +
			       vcpus[i].now.count[USER];
	return sum;
}

static void section_set(struct vcpu *vcpu, unsigned int id, bool active)
{
	uint64_t bit = 1ULL << id;

	if (!!(vcpu->active & bit) == active)
		return;
	vcpu->active ^= bit;
	__atomic_add_fetch(&nr_active[id], active ? 1 : -1, __ATOMIC_RELAXED);
}

static int compare_points(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	/* A function may begin where another one ends. */
	return (x->addr > y->addr) - (x->addr < y->addr) ?:
	       (int)y->kind - (int)x->kind;
}

/* Tell a block what it is; @lock is held. */
static void classify(struct block *block)
{
	size_t i;

	block->kind = PLAIN;
	block->code = block->inside = false;
	for (i = 0; i < nr_points && points[i].addr <= block->addr; i++) {
		enum kind kind = points[i].kind;

		if (kind == BEGIN || kind == END)
			block->code = kind == BEGIN;
		else if (kind == POINT || kind == SWITCH || kind == PAST)
			block->inside = kind != PAST;
		if (points[i].addr == block->addr && kind < BEGIN)
			block->kind = kind;
	}
}

static void read_points(void)
{
	FILE *f = fopen(points_path, "re");
	struct block *block;
	struct point *more;
	char name[16];
	uint64_t addr;
	int kind;

	if (!f) {
		perror(points_path);
		return;
	}
	pthread_mutex_lock(&lock);
	nr_points = 0;
	while (fscanf(f, "%15s %" SCNx64, name, &addr) == 2) {
		for (kind = POINT; kind < NR_KINDS; kind++)
			if (!strcmp(kind_names[kind], name))
				break;
		more = realloc(points, (nr_points + 1) * sizeof(*points));
		if (kind == NR_KINDS || !more) {
			fprintf(stderr, "insn: %s: what is %s?\n", points_path,
				name);
			break;
		}
		points = more;
		points[nr_points++] = (struct point) { addr, kind };
	}
	qsort(points, nr_points, sizeof(*points), compare_points);
	for (block = blocks; block; block = block->next)
		classify(block);
	pthread_mutex_unlock(&lock);
	fclose(f);
}

static void marker(unsigned int index, void *data)
{
	unsigned int word = (uintptr_t)data, id = word & 0xff;
	struct vcpu *vcpu = vcpu_get(index);
	struct section *section = &vcpu->sections[id];

	vcpu->rep_at = 0;
	if (points_path)
		user_block(vcpu);
	vcpu->now.count[NS] = thread_ns();
	vcpu->now.count[OTHERS] = others_insns(index);
	switch (word >> 8) {
	case INSN_OP_BEGIN:
		section->start = vcpu->now;
		section_set(vcpu, id, true);
		break;
	case INSN_OP_END:
		if (vcpu->active & 1ULL << id)
			sample(vcpu, section);
		section_set(vcpu, id, false);
		break;
	case INSN_OP_REPORT:
		report(index, id);
		break;
	case INSN_OP_DROP:
		drop(index, id);
		break;
	case INSN_OP_RESET:
		if (points_path)
			read_points();
		for (id = 0; id < INSN_IDS; id++) {
			section_set(vcpu, id, false);
			drop(index, id);
		}
		break;
	}
}

static size_t insn_bytes(const struct qemu_plugin_insn *insn, uint8_t *to,
			 size_t room)
{
	size_t size = qemu_plugin_insn_size(insn);

	if (size > room)
		size = room;
#if QEMU_API >= 3
	return qemu_plugin_insn_data(insn, to, size);
#else
	memcpy(to, qemu_plugin_insn_data(insn), size);
	return size;
#endif
}

/* The operation and section of a marker, or 0. */
static unsigned int insn_marker(const uint8_t *bytes, size_t size)
{
	static const uint8_t nop[4] = { 0x0f, 0x1f, 0x84, 0x00 };
	uint32_t word;

	if (size != 8 || memcmp(bytes, nop, sizeof(nop)))
		return 0;
	memcpy(&word, bytes + 4, sizeof(word));
	if ((word & 0xffff0000) != INSN_MAGIC || (word & 0xff) >= INSN_IDS)
		return 0;
	return word & 0xffff;
}

static bool insn_is_rep(const uint8_t *bytes, size_t size)
{
	bool rep = false;
	size_t i;

	for (i = 0; i < size; i++) {
		switch (bytes[i]) {
		case 0xf2:
		case 0xf3:
			rep = true;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64 ... 0x67:
		case 0x40 ... 0x4f:
			break;
		case 0x6c ... 0x6f:
		case 0xa4 ... 0xa7:
		case 0xaa ... 0xaf:
			return rep && i + 1 == size;
		default:
			return false;
		}
	}
	return false;
}

static struct piece *piece_new(uint64_t addr, unsigned int insns)
{
	struct piece *piece = calloc(1, sizeof(*piece));

	if (!piece)
		return NULL;
	piece->addr = addr;
	piece->insns = insns;
	piece->mode = KERNEL;
	pthread_mutex_lock(&lock);
	piece->next = pieces;
	pieces = piece;
	pthread_mutex_unlock(&lock);
	return piece;
}

static bool insn_is_iret(const uint8_t *bytes, size_t size)
{
	return size == 2 && bytes[0] == 0x48 && bytes[1] == 0xcf;
}

/* A block lasts as long as QEMU may run its translation: for ever. */
static struct block *block_new(struct qemu_plugin_tb *tb, uint64_t addr,
			       unsigned int insns)
{
	struct block *block = calloc(1, sizeof(*block));
	size_t last = qemu_plugin_tb_n_insns(tb) - 1, size;
	uint8_t bytes[16];

	if (!block)
		return NULL;
	size = insn_bytes(qemu_plugin_tb_get_insn(tb, last), bytes,
			  sizeof(bytes));
	block->addr = addr;
	block->insns = insns;
	block->iret = insn_is_iret(bytes, size);
	pthread_mutex_lock(&lock);
	classify(block);
	block->next = blocks;
	blocks = block;
	pthread_mutex_unlock(&lock);
	return block;
}

static void count_one(struct qemu_plugin_insn *insn, unsigned int mode)
{
	uint8_t bytes[16];
	size_t size = insn_bytes(insn, bytes, sizeof(bytes));
	unsigned int word = insn_marker(bytes, size);
	uintptr_t at = qemu_plugin_insn_vaddr(insn);

	if (word)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, marker,
				PLUGIN_NO_REGS, (void *)(uintptr_t)word);
	else if (insn_is_rep(bytes, size))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, count_rep,
				PLUGIN_NO_REGS, (void *)at);
	else
		qemu_plugin_register_vcpu_insn_exec_cb(insn, count_block,
				PLUGIN_NO_REGS, pack(1, mode));
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t i, nr = qemu_plugin_tb_n_insns(tb), plain = nr;
	uint64_t addr = qemu_plugin_tb_vaddr(tb);
	unsigned int mode = addr >> 63 ? KERNEL : USER;
	struct piece *piece = NULL;
	struct block *block = NULL;
	bool marked = false;
	uint8_t bytes[16];
	size_t size;

	(void)id;
	for (i = 0; i < nr; i++) {
		size = insn_bytes(qemu_plugin_tb_get_insn(tb, i), bytes,
				  sizeof(bytes));
		if (insn_marker(bytes, size))
			marked = true;
		else if (insn_is_rep(bytes, size))
			plain--;
	}
	for (i = 0; i < nr; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		size = insn_bytes(insn, bytes, sizeof(bytes));
		if (marked || insn_is_rep(bytes, size))
			count_one(insn, mode);
	}
	if (marked || !plain)
		return;

	if (points_path && mode == KERNEL)
		block = block_new(tb, addr, plain);
	if (hist && mode == KERNEL)
		piece = piece_new(addr, plain);
	if (block)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, run_block,
						     PLUGIN_NO_REGS, block);
	else if (piece)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, count_piece,
						     PLUGIN_NO_REGS, piece);
	else
		qemu_plugin_register_vcpu_tb_exec_cb(tb, count_block,
				PLUGIN_NO_REGS, pack(plain, mode));
}

PLUGIN_EXPORT int qemu_plugin_install(uint64_t id,
				      const struct plugin_host *host,
				      int argc, char **argv)
{
	const char *path = getenv("INSN_OUT");
	int i;

	if (strcmp(host->target, "x86_64") || !host->system) {
		fprintf(stderr, "insn: made for qemu-system-x86_64\n");
		return -1;
	}
	nr_vcpus = host->vcpus.max_vcpus;
	if (nr_vcpus > MAX_VCPUS) {
		fprintf(stderr, "insn: at most %d CPUs\n", MAX_VCPUS);
		return -1;
	}
	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4)) {
			path = argv[i] + 4;
		} else if (!strcmp(argv[i], "hist=on")) {
			hist = true;
		} else if (!strncmp(argv[i], "points=", 7)) {
			points_path = strdup(argv[i] + 7);
		} else if (strcmp(argv[i], "hist=off")) {
			fprintf(stderr, "insn: unknown argument %s\n", argv[i]);
			return -1;
		}
	}
	out = path ? fopen(path, "we") : stderr;
	if (!out) {
		perror(path);
		return -1;
	}
	if (hist && points_path) {
		fprintf(stderr, "insn: either hist=on or points\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
