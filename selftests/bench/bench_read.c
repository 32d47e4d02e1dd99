// SPDX-License-Identifier: GPL-2.0
/*
 * Read a block device, to compare with.
 *
 *	bench_read DEVICE rate SIZE DEPTH SECONDS
 *	bench_read DEVICE latency SIZE TURNS
 *
 * Direct reads one behind the other, DEPTH at a time, with the kernel's own
 * asynchronous calls: nothing between the caller and the driver that a get does
 * not have too.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define MAX_DEPTH	256

static int fd;
static uint64_t device_size, size, next;
static aio_context_t context;
static struct iocb iocbs[MAX_DEPTH];
static char *memory;

static void submit(unsigned int slot)
{
	struct iocb *iocb = &iocbs[slot];
	struct iocb *list[1] = { iocb };

	if (next + size > device_size)
		next = 0;
	*iocb = (struct iocb) {
		.aio_data = slot, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = (uint32_t)fd,
		.aio_buf = (uintptr_t)(memory + slot * size), .aio_nbytes = size,
		.aio_offset = (int64_t)next,
	};
	next += size;
	if (syscall(SYS_io_submit, context, 1, list) != 1)
		die("io_submit: %m");
}

static unsigned int reap(unsigned int *slots)
{
	struct io_event events[MAX_DEPTH];
	long nr = syscall(SYS_io_getevents, context, 1, MAX_DEPTH, events, NULL);
	long i;

	if (nr < 1)
		die("io_getevents: %m");
	for (i = 0; i < nr; i++) {
		if (events[i].res != (int64_t)size) {
			errno = -(int)events[i].res;
			die("a read failed: %m");
		}
		slots[i] = (unsigned int)events[i].data;
	}
	return (unsigned int)nr;
}

static void rate(unsigned int depth, double seconds)
{
	unsigned int slots[MAX_DEPTH], i, nr;
	uint64_t bytes = 0;
	double began, took;

	for (i = 0; i < depth; i++)
		submit(i);
	for (i = 0; i < depth; i += nr) {
		nr = reap(slots + i);
	}
	for (i = 0; i < depth; i++)
		submit(i);
	began = now_s();
	while (now_s() - began < seconds) {
		nr = reap(slots);
		bytes += nr * size;
		for (i = 0; i < nr; i++)
			submit(slots[i]);
	}
	took = now_s() - began;
	for (i = 0; i < depth; i += nr)
		nr = reap(slots);
	printf("{\"bytes\": %llu, \"seconds\": %.6f}\n", (unsigned long long)bytes, took);
}

static void latency(unsigned int turns)
{
	double *took = calloc(turns, sizeof(*took)), begin;
	unsigned int slot, i;

	if (!took)
		die("no memory");
	for (i = 0; i < 10; i++) {
		submit(0);
		reap(&slot);
	}
	for (i = 0; i < turns; i++) {
		begin = now_s();
		submit(0);
		reap(&slot);
		took[i] = now_s() - begin;
	}
	printf("{\"median_us\": %.3f}\n", median(took, turns) * 1e6);
	free(took);
}

int main(int argc, char **argv)
{
	unsigned int depth = 1;

	if (argc < 5)
		die("usage: bench_read DEVICE rate SIZE DEPTH SECONDS | DEVICE latency SIZE TURNS");
	fd = open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		die("%s: %m", argv[1]);
	device_size = (uint64_t)lseek(fd, 0, SEEK_END);
	size = strtoull(argv[3], NULL, 0);
	if (!strcmp(argv[2], "rate"))
		depth = (unsigned int)atoi(argv[4]);
	if (depth < 1 || depth > MAX_DEPTH || size < 512 || size > device_size)
		die("a depth up to %d and a size up to that of the device", MAX_DEPTH);
	memory = aligned_alloc(4096, (depth * size + 4095) & ~4095UL);
	if (!memory || syscall(SYS_io_setup, depth, &context))
		die("no memory: %m");
	memset(memory, 0, depth * size);
	if (!strcmp(argv[2], "rate") && argc == 6)
		rate(depth, atof(argv[5]));
	else if (!strcmp(argv[2], "latency") && argc == 5)
		latency((unsigned int)atoi(argv[4]));
	else
		die("bench_read: what shall be done?");
	return 0;
}
