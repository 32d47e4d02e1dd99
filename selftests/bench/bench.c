// SPDX-License-Identifier: GPL-2.0
/* Shared by the benchmark programs; see bench.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define SYSFS	"/sys/class/misc/kvpool/"

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

char *text(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		die("no memory");
	va_end(ap);
	return s;
}

/* ---- figures ---- */

/* Texts are our own: they hold no character that JSON escapes. */
static void figure_head(const struct figure *f)
{
	printf("{\"name\": \"%s\", \"unit\": \"%s\", \"better\": \"%s\", "
	       "\"how\": \"%s\", ", f->name, f->unit, f->better, f->how);
	if (f->target)
		printf("\"target\": %.10g, ",
		       f->target == TARGET_ZERO ? 0 : f->target);
}

void figure_value(const struct figure *f, double value)
{
	figure_head(f);
	printf("\"value\": %.10g}\n", value);
	fflush(stdout);
}

void figure_report(const struct figure *f, int report, const char *count,
		   const char *stat, double per)
{
	figure_head(f);
	printf("\"report\": %d, \"count\": \"%s\", \"stat\": \"%s\", "
	       "\"per\": %.10g}\n", report, count, stat, per);
	fflush(stdout);
}

void figure_ratio(const struct figure *f, double scale, const char *a,
		  const char *b)
{
	figure_head(f);
	printf("\"ratio\": [\"%s\", \"%s\"], \"scale\": %.10g}\n", a, b, scale);
	fflush(stdout);
}

/* 1000 as "1k", 1000000 as "1M": the end of a name that belongs to a size. */
const char *short_nr(uint64_t n)
{
	if (n >= 1000000 && !(n % 1000000))
		return text("%lluM", (unsigned long long)n / 1000000);
	if (n >= 1000 && !(n % 1000))
		return text("%lluk", (unsigned long long)n / 1000);
	return text("%llu", (unsigned long long)n);
}

/* The figure @cost at @to blocks over the same at @from blocks. */
void figure_growth(const char *name, const char *cost, double target,
		   uint64_t from, uint64_t to)
{
	figure_ratio(&(struct figure) {
		.name = name, .unit = "ratio",
		.target = target, .better = "lower",
		.how = text("%s at %llu blocks over %llu", cost,
			    (unsigned long long)to, (unsigned long long)from),
	}, 1, text("%s_%s", cost, short_nr(to)),
	   text("%s_%s", cost, short_nr(from)));
}

/* ---- the machine ---- */

void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot run on CPU %d: %m", cpu);
}

double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* splitmix64 */
uint64_t rnd(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *values, unsigned int nr)
{
	qsort(values, nr, sizeof(*values), compare);
	return values[nr / 2];
}

void file_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), len = strlen(value);

	if (fd < 0 || write(fd, value, len) != len)
		die("%s: %s: %m", path, value);
	close(fd);
}

/* The bytes that a line "@name N kB" of a file says. */
uint64_t file_kib(const char *path, const char *name)
{
	unsigned long long kib;
	bool found = false;
	char line[256];
	FILE *f;

	f = fopen(path, "r");
	if (!f)
		die("%s: %m", path);
	while (!found && fgets(line, sizeof(line), f))
		found = !strncmp(line, name, strlen(name)) &&
			sscanf(line + strlen(name), " %llu kB", &kib) == 1;
	fclose(f);
	if (!found)
		die("%s says nothing about %s", path, name);
	return kib << 10;
}

/* ---- the pool ---- */

void knob_write(const char *name, const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), SYSFS "%s", name);
	file_write(path, value);
}

uint64_t knob_read(const char *name)
{
	unsigned long long value;
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), SYSFS "%s", name);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%llu", &value) != 1)
		die("%s: %m", path);
	fclose(f);
	return value;
}

void knob_set(const char *name, uint64_t value)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%llu", (unsigned long long)value);
	knob_write(name, buf);
}

/* A limit for the memory, and no eviction before it is reached. */
void pool_setup(uint64_t limit)
{
	knob_set("tiers/dram0/limit_bytes", limit);
	knob_set("watermark_high", 100);
}

int call(int fd, unsigned long nr, void *arg)
{
	return ioctl(fd, nr, arg);
}

int kvpool_open(void)
{
	int fd = open("/dev/kvpool", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/kvpool: %m");
	return fd;
}

/* A file of a tenant; NULL is the default one. */
int kvpool_open_as(const char *tenant)
{
	struct kvpool_open_tenant arg = { .size = sizeof(arg) };
	int fd = kvpool_open();

	if (tenant) {
		strcpy((char *)arg.tenant, tenant);
		if (call(fd, KVPOOL_IOC_OPEN_TENANT, &arg))
			die("open for tenant %s: %m", tenant);
		close(fd);
		fd = arg.fd;
	}
	return fd;
}

/*
 * Map the start of the arena, at an address that lies @shift bytes behind a
 * multiple of 2 MiB: without a shift, chunks can be mapped by one entry each.
 */
char *arena_map(int fd, uint64_t length, uint64_t shift)
{
	uintptr_t at;
	char *room;

	room = mmap(NULL, length + 4 * MIB, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		die("mmap: %m");
	at = (((uintptr_t)room + 2 * MIB - 1) & ~(2 * MIB - 1)) + shift;
	if (mmap((void *)at, length, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		die("mmap: %m");
	return (char *)at;
}

/*
 * Pin @nr pieces of memory as an engine does that registers it with a device.
 * The pins last until the file that is returned is closed.
 */
int uring_pin(char *first, uint64_t length, uint64_t step, unsigned int nr)
{
	struct iovec *iov = calloc(nr, sizeof(*iov));
	struct io_uring_params params = {};
	unsigned int i;
	int fd;

	fd = syscall(__NR_io_uring_setup, 2, &params);
	if (!iov || fd < 0)
		die("io_uring_setup: %m");
	for (i = 0; i < nr; i++)
		iov[i] = (struct iovec) { first + i * step, length };
	if (syscall(__NR_io_uring_register, fd, IORING_REGISTER_BUFFERS, iov,
		    nr))
		die("io_uring_register: %m");
	free(iov);
	return fd;
}

void kvpool_info(int fd, struct kvpool_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	if (call(fd, KVPOOL_IOC_INFO, info))
		die("KVPOOL_IOC_INFO: %m");
}

void kvpool_stats(int fd, struct kvpool_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->size = sizeof(*stats);
	if (call(fd, KVPOOL_IOC_STATS, stats))
		die("KVPOOL_IOC_STATS: %m");
}

struct batch *batch_new(int fd)
{
	struct batch *b = aligned_alloc(4096, (sizeof(*b) + 4095) & ~4095UL);

	if (!b)
		die("no memory");
	memset(b, 0, sizeof(*b));
	b->fd = fd;
	b->nr = BATCH;
	return b;
}

/* Put the key number @nr of the space of keys @space into entry @i. */
void batch_key(struct batch *b, unsigned int i, uint32_t space, uint64_t nr)
{
	uint64_t state = (uint64_t)space << 48 ^ nr;
	struct kvpool_entry *e = &b->entries[i];
	unsigned int k;

	memset(e, 0, sizeof(*e));
	for (k = 0; k < KVPOOL_KEY_SIZE / sizeof(e->key.words[0]); k++)
		e->key.words[k] = rnd(&state);
}

void batch_keys(struct batch *b, uint32_t space, uint64_t first)
{
	unsigned int i;

	for (i = 0; i < b->nr; i++)
		batch_key(b, i, space, first + i);
}

void batch_reserve_args(struct batch *b, uint64_t length)
{
	unsigned int i;

	for (i = 0; i < b->nr; i++)
		b->entries[i].length = length;
	b->reserve = (struct kvpool_reserve) {
		.size = sizeof(b->reserve),
		.flags = b->reserve_flags,
		.nr_entries = b->nr,
		.nr_spans = KVPOOL_MAX_BATCH,
		.entries = (uintptr_t)b->entries,
		.spans = (uintptr_t)b->spans,
		.node = KVPOOL_NODE_ANY,
	};
}

void batch_lease_args(struct batch *b)
{
	b->lookup = (struct kvpool_lookup) {
		.size = sizeof(b->lookup),
		.nr_entries = b->nr,
		.nr_spans = KVPOOL_MAX_BATCH,
		.entries = (uintptr_t)b->entries,
		.spans = (uintptr_t)b->spans,
	};
}

/* For seal, abort and release: the handles that the call before gave. */
void batch_end_args(struct batch *b)
{
	unsigned int i;

	for (i = 0; i < b->nr; i++)
		b->handles[i] = (struct kvpool_handle_entry) {
			.handle = b->entries[i].handle,
		};
	b->ends = (struct kvpool_handles) {
		.size = sizeof(b->ends),
		.nr_entries = b->nr,
		.entries = (uintptr_t)b->handles,
	};
}

void batch_check(const struct batch *b, unsigned int nr_done, const char *call)
{
	unsigned int i;

	if (nr_done == b->nr)
		return;
	for (i = 0; i < b->nr; i++)
		if (b->entries[i].status || b->handles[i].status)
			break;
	if (i == b->nr)
		die("%s: %u of %u done", call, nr_done, b->nr);
	errno = -(b->entries[i].status ?: b->handles[i].status);
	die("%s: %u of %u done, entry %u: %m", call, nr_done, b->nr, i);
}

/* Remove the blocks whose keys are in the entries. */
void batch_remove(struct batch *b)
{
	struct kvpool_entry *e;

	for (e = b->entries; e < b->entries + b->nr; e++) {
		e->length = e->handle = 0;
		e->status = e->span_index = e->nr_spans = 0;
	}
	b->keys = (struct kvpool_keys) {
		.size = sizeof(b->keys),
		.nr_entries = b->nr,
		.entries = (uintptr_t)b->entries,
	};
	batch_call(b, KVPOOL_IOC_REMOVE, &b->keys);
	batch_check(b, b->keys.nr_done, "remove");
}

/* Reserve and seal, nothing written. */
void batch_produce(struct batch *b, uint64_t length)
{
	batch_reserve_args(b, length);
	batch_call(b, KVPOOL_IOC_RESERVE, &b->reserve);
	batch_check(b, b->reserve.nr_done, "reserve");
	batch_end_args(b);
	batch_call(b, KVPOOL_IOC_SEAL, &b->ends);
	batch_check(b, b->ends.nr_done, "seal");
}

/* Lease what is there, and release it. */
void batch_consume(struct batch *b)
{
	unsigned int nr = b->nr;

	batch_lease_args(b);
	batch_call(b, KVPOOL_IOC_LEASE, &b->lookup);
	for (b->nr = 0; nr--;)
		if (!b->entries[nr].status)
			b->handles[b->nr++] = (struct kvpool_handle_entry) {
				.handle = b->entries[nr].handle,
			};
	if (!b->nr)
		return;
	b->ends = (struct kvpool_handles) {
		.size = sizeof(b->ends),
		.nr_entries = b->nr,
		.entries = (uintptr_t)b->handles,
	};
	batch_call(b, KVPOOL_IOC_RELEASE, &b->ends);
}
