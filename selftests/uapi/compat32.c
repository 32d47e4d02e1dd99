// SPDX-License-Identifier: GPL-2.0
/*
 * compat32: a 32-bit caller without a C library.  The exit status is zero, or
 * the number of the step that failed; test program "compat" runs it.
 */
#include "kvpool_layout.h"

#define NR_EXIT		1
#define NR_OPEN		5
#define NR_IOCTL	54
#define NR_MMAP2	192

#define O_RDWR		2
#define PROT_RW		3
#define MAP_SHARED	1
#define PAGE		4096

static long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	long args[2] = { nr, f };
	long ret;

	/* The sixth argument goes in %ebp, which the compiler may use too. */
	asm volatile("push %%ebp\n\t"
		     "mov 4(%%eax), %%ebp\n\t"
		     "mov (%%eax), %%eax\n\t"
		     "int $0x80\n\t"
		     "pop %%ebp"
		     : "=a" (ret)
		     : "0" (args), "b" (a), "c" (b), "d" (c), "S" (d), "D" (e)
		     : "memory");
	return ret;
}

static long sys3(long nr, long a, long b, long c)
{
	return sys6(nr, a, b, c, 0, 0, 0);
}

static __u64 ptr(void *p)
{
	return (unsigned long)p;
}

static int run(void)
{
	static struct kvpool_info info = { .size = sizeof(info) };
	static struct kvpool_stats stats = { .size = sizeof(stats) };
	static struct kvpool_entry entry = { .key.bytes = "compat", .length = 4100 };
	static struct kvpool_handle_entry handle;
	static struct kvpool_span span[2], again[2];
	static struct kvpool_reserve reserve = {
		.size = sizeof(reserve), .nr_entries = 1, .nr_spans = 2,
		.node = KVPOOL_NODE_ANY,
	};
	static struct kvpool_lookup lookup = {
		.size = sizeof(lookup), .nr_entries = 1, .nr_spans = 2,
	};
	static struct kvpool_handles handles = {
		.size = sizeof(handles), .nr_entries = 1,
	};
	static struct kvpool_keys keys = {
		.size = sizeof(keys), .nr_entries = 1,
	};
	static struct kvpool_spans spans = {
		.size = sizeof(spans), .nr_spans = 2,
	};
	static struct kvpool_ring_setup ring = {
		.size = sizeof(ring), .entries = 4, .eventfd = -1,
	};
	static struct kvpool_op ops[2] = {
		{ .opcode = KVPOOL_OP_NOP, .user_data = 1ULL << 40 },
		{ .opcode = KVPOOL_OP_PROBE, .key.bytes = "none", .user_data = 2 },
	};
	static struct kvpool_completion results[2];
	static struct kvpool_submit submit = {
		.size = sizeof(submit), .nr_ops = 2,
	};
	static struct kvpool_cancel cancel = {
		.size = sizeof(cancel), .flags = KVPOOL_CANCEL_ALL,
	};
	static struct kvpool_ring_end end = { .size = sizeof(end) };
	static struct kvpool_peer_name peer = {
		.size = sizeof(peer), .name = "nobody",
	};
	const struct kvpool_completion *c;
	long fd, map;
	unsigned int i;
	__u8 *p;

	fd = sys3(NR_OPEN, (long)"/dev/kvpool", O_RDWR, 0);
	if (fd < 0)
		return 1;
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_INFO, (long)&info) ||
	    info.abi_version != KVPOOL_ABI_VERSION || !info.mode ||
	    info.block_max != KVPOOL_BLOCK_MAX)
		return 2;

	reserve.entries = ptr(&entry);
	reserve.spans = ptr(span);
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_RESERVE, (long)&reserve) ||
	    reserve.nr_done != 1 || entry.status || !entry.handle)
		return 3;
	if (entry.nr_spans != 1 || span[0].length != 4100 ||
	    span[0].offset % PAGE)
		return 4;

	spans.handle = entry.handle;
	spans.spans = ptr(again);
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_SPANS, (long)&spans) ||
	    spans.total != 1 || again[0].offset != span[0].offset ||
	    again[0].length != span[0].length)
		return 5;

	/* The offset is in pages: a 32-bit caller maps a part of the arena. */
	map = sys6(NR_MMAP2, 0, 2 * PAGE, PROT_RW, MAP_SHARED, fd,
		   (long)(span[0].offset >> 12));
	if (map < 0 && map > -4096)
		return 6;
	p = (__u8 *)map;
	for (i = 0; i < 4100; i++)
		p[i] = i * 7;

	handle.handle = entry.handle;
	handles.entries = ptr(&handle);
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_SEAL, (long)&handles) ||
	    handles.nr_done != 1 || handle.status)
		return 7;

	entry.length = 0;
	entry.handle = 0;
	entry.nr_spans = 0;
	lookup.entries = ptr(&entry);
	lookup.spans = ptr(again);
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_LEASE, (long)&lookup) ||
	    lookup.nr_hits != 1 || entry.status || entry.length != 4100 ||
	    again[0].offset != span[0].offset)
		return 8;
	for (i = 0; i < 4100; i++)
		if (p[i] != (__u8)(i * 7))
			return 9;

	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_STATS, (long)&stats) ||
	    stats.leases != 1 || stats.blocks != 1 || stats.pending)
		return 10;

	handle.handle = entry.handle;
	handles.nr_done = 0;
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_RELEASE, (long)&handles) ||
	    handles.nr_done != 1)
		return 11;

	entry.length = 0;
	entry.handle = 0;
	entry.nr_spans = 0;
	entry.span_index = 0;
	keys.entries = ptr(&entry);
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_REMOVE, (long)&keys) ||
	    keys.nr_done != 1)
		return 12;
	lookup.nr_hits = 0;
	lookup.nr_spans = 0;
	lookup.spans = 0;
	entry.length = 0;
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_EXISTS, (long)&lookup) ||
	    lookup.nr_hits || entry.status != -2)
		return 13;
	/* Pointers whose upper half is not zero lead nowhere. */
	entry.status = 0;
	lookup.nr_hits = 0;
	lookup.entries |= 1ULL << 47;
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_EXISTS, (long)&lookup) != -14)
		return 14;

	/* Operations: with results, and on the ring. */
	submit.ops = ptr(ops);
	submit.results = ptr(results);
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_SUBMIT, (long)&submit) ||
	    submit.nr_done != 2 || results[0].status ||
	    results[0].user_data != 1ULL << 40 || results[1].status != -2)
		return 15;
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_RING, (long)&ring) ||
	    ring.entries != 4)
		return 16;
	map = sys6(NR_MMAP2, 0, (long)ring.length, PROT_RW, MAP_SHARED, fd,
		   (long)(ring.offset >> 12));
	if (map < 0 && map > -4096)
		return 17;
	submit.nr_done = 0;
	submit.results = 0;
	submit.ring = ring.ring;
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_SUBMIT, (long)&submit) ||
	    submit.nr_done != 2)
		return 18;
	p = (__u8 *)map;
	c = (void *)(p + ring.completions_offset);
	if (*(volatile __u32 *)(p + ring.tail_offset) != 2 ||
	    c[0].user_data != 1ULL << 40 || c[1].user_data != 2 ||
	    c[1].status != -2)
		return 19;
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_CANCEL, (long)&cancel) ||
	    cancel.nr_done)
		return 20;
	end.ring = ring.ring;
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_RING_END, (long)&end) || end.nr_done)
		return 21;
	if (sys3(NR_IOCTL, fd, KVPOOL_IOC_PEER, (long)&peer) != -2)
		return 22;
	return 0;
}

/* The kernel leaves the stack at an alignment of its own. */
asm(".globl _start\n"
    "_start:\n\t"
    "xor %ebp, %ebp\n\t"
    "and $-16, %esp\n\t"
    "call start\n");

__attribute__((noreturn, used)) static void start(void)
{
	sys3(NR_EXIT, run(), 0, 0);
	__builtin_unreachable();
}
