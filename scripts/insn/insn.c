// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU TCG plugin: count the instructions that each virtual CPU executes
 * between markers (marker.h), separately for kernel and user mode.
 *
 *	-plugin insn.so,out=FILE[,hist=on]
 *
 * A report marker appends one line to FILE:
 *
 *	report=R id=I vcpu=V n=N kernel=MIN,MEDIAN,MEAN,MAX user=... rep=...
 *
 * and ns=..., then beside_n=N and the same counts again with names that begin
 * with beside_. R counts the reports of this run. Kernel mode is an address
 * with the top bit set. A string instruction with a REP prefix counts once, as
 * it does in the counters of a real CPU; its further iterations are in rep,
 * kernel and user together. ns is the CPU time of the virtual CPU's thread on
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

enum { KERNEL, USER, REP, NS, NR_COUNTS, OTHERS = NR_COUNTS, NR_KEPT };

static const char * const count_names[NR_COUNTS] = {
	[KERNEL] = "kernel", [USER] = "user", [REP] = "rep", [NS] = "ns",
};

struct sample {
	uint64_t count[NR_KEPT];
};

struct section {
	struct sample start;
	struct sample *samples;
	unsigned int nr;
	unsigned int room;
};

/* Only the thread of a CPU accesses its element. */
static struct vcpu {
	struct sample now;
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

/* Guards pieces and the output. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
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

static void count_block(unsigned int index, void *data)
{
	struct vcpu *vcpu = vcpu_get(index);
	uintptr_t word = (uintptr_t)data;

	vcpu->now.count[word & 1] += word >> 1;
	vcpu->rep_at = 0;
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

	if (vcpu->rep_at == addr) {
		vcpu->now.count[REP]++;
		return;
	}
	vcpu->rep_at = addr;
	vcpu->now.count[addr >> 63 ? KERNEL : USER]++;
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
	pthread_mutex_unlock(&lock);
}

static void report(unsigned int index, unsigned int id)
{
	struct section *section = &vcpu_get(index)->sections[id];

	pthread_mutex_lock(&lock);
	fprintf(out, "report=%u id=%u vcpu=%u", nr_reports, id, index);
	write_counts(section, false);
	write_counts(section, true);
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
	for (i = 0; i < NR_KEPT; i++)
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

static void marker(unsigned int index, void *data)
{
	unsigned int word = (uintptr_t)data, id = word & 0xff;
	struct vcpu *vcpu = vcpu_get(index);
	struct section *section = &vcpu->sections[id];

	vcpu->rep_at = 0;
	vcpu->now.count[NS] = thread_ns();
	vcpu->now.count[OTHERS] = others_insns(index);
	switch (word >> 8) {
	case INSN_OP_BEGIN:
		section->start = vcpu->now;
		vcpu->active |= 1ULL << id;
		break;
	case INSN_OP_END:
		if (vcpu->active & 1ULL << id)
			sample(vcpu, section);
		vcpu->active &= ~(1ULL << id);
		break;
	case INSN_OP_REPORT:
		report(index, id);
		break;
	case INSN_OP_DROP:
		drop(index, id);
		break;
	case INSN_OP_RESET:
		vcpu->active = 0;
		for (id = 0; id < INSN_IDS; id++)
			drop(index, id);
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

	if (hist && mode == KERNEL)
		piece = piece_new(addr, plain);
	if (piece)
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
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
