/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvpool_util.h: shared by the kselftest programs of kvpool: thin wrappers of
 * the ioctls, blocks whose content follows from their key, and the knobs.
 *
 * Wrappers return zero or a negative errno and never assert, so that children
 * and threads can use them too.
 */
#ifndef KVPOOL_UTIL_H
#define KVPOOL_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <linux/capability.h>
#include <linux/kvpool.h>
#include "kselftest_harness.h"

/* Emulated and instrumented machines are slow: a timeout means a hang. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

#define KV_DEV		"/dev/kvpool"
#define KV_SYS		"/sys/class/misc/kvpool"
#define KV_DEBUGFS	"/sys/kernel/debug/kvpool"
#define KV_TRACING	"/sys/kernel/tracing"

#define KV_PAGE		4096UL
#define KV_CHUNK	(2UL << 20)
#define KV_MB		(1UL << 20)
#define KV_SEC		1000000000ULL

/* Spans that a struct kv_block carries itself. */
#define KV_BLOCK_SPANS	160

/* The limit of each node that kv_knobs_reset() sets. */
#define KV_LIMIT	(256 * KV_MB)

#define kv_ptr(p)	((__u64)(uintptr_t)(p))

static inline __u64 kv_mix(__u64 x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* xorshift64*: the tests' random numbers, from a seed that is printed. */
static inline __u64 kv_rand(__u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

/* The key with a number. */
static inline void kv_key(struct kvpool_key *key, __u64 number)
{
	unsigned int i;

	key->words[0] = number;
	for (i = 1; i < KVPOOL_KEY_SIZE / sizeof(__u64); i++)
		key->words[i] = kv_mix(number * 4 + i);
}

/* Rights */

/* The user stays, and the rights of an administrator go. */
static inline int kv_drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = {};

	return syscall(SYS_capset, &header, none);
}

/* Files */

static inline int kv_read_file(const char *path, char *buf, size_t size)
{
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	buf[n] = '\0';
	if (n && buf[n - 1] == '\n')
		buf[n - 1] = '\0';
	return 0;
}

static inline int kv_write_file(const char *path, const char *text)
{
	ssize_t n;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	n = n < 0 ? -errno : 0;
	close(fd);
	return n;
}

/* Knobs: paths are relative to /sys/class/misc/kvpool. */

static inline int kv_sys_read(const char *name, char *buf, size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), KV_SYS "/%s", name);
	return kv_read_file(path, buf, size);
}

static inline int kv_sys_write(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), KV_SYS "/%s", name);
	return kv_write_file(path, text);
}

static inline int kv_sys_set(const char *name, __u64 value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return kv_sys_write(name, text);
}

static inline int kv_sys_read_u64(const char *name, __u64 *value)
{
	char text[128], *end;
	int ret = kv_sys_read(name, text, sizeof(text));

	if (ret)
		return ret;
	errno = 0;
	*value = strtoull(text, &end, 0);
	return errno || end == text || *end ? -EINVAL : 0;
}

static inline bool kv_sys_has(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), KV_SYS "/%s", name);
	return !access(path, F_OK);
}

/*
 * Each program has a module that was loaded for it; each test has these knobs.
 */
static inline int kv_knobs_reset(void)
{
	char name[64];
	int ret, node;

	ret = kv_sys_write("policy", "lru");
	if (!ret)
		ret = kv_sys_set("watermark_high", 100);
	if (!ret)
		ret = kv_sys_set("preempt_ms", 600000);
	if (!ret)
		ret = kv_sys_set("quarantine_ms", 600000);
	if (!ret)
		ret = kv_sys_set("remote_timeout_ms", 10000);
	if (!ret)
		ret = kv_sys_set("lease_ms", 0);
	for (node = 0; !ret && node < 8; node++) {
		snprintf(name, sizeof(name), "tiers/dram%d/limit_bytes", node);
		if (kv_sys_has(name))
			ret = kv_sys_set(name, KV_LIMIT);
	}
	return ret;
}

/* Tenants */

static inline int kv_tenant_add(const char *name)
{
	return kv_sys_write("tenants/add", name);
}

/* Makes all blocks of a tenant unknown, and waits until they are removed. */
static inline int kv_tenant_drop(const char *name)
{
	char path[128];
	__u64 left;
	int ret;

	snprintf(path, sizeof(path), "tenants/%s/drop", name);
	ret = kv_sys_write(path, "1");
	while (!ret && !kv_sys_read_u64(path, &left) && left)
		usleep(1000);
	return ret;
}

static inline int kv_tenant_set(const char *name, const char *knob, __u64 value)
{
	char path[128];

	snprintf(path, sizeof(path), "tenants/%s/%s", name, knob);
	return kv_sys_set(path, value);
}

static inline int kv_tenant_read(const char *name, const char *knob, __u64 *value)
{
	char path[128];

	snprintf(path, sizeof(path), "tenants/%s/%s", name, knob);
	return kv_sys_read_u64(path, value);
}

/* Drops the blocks of a tenant and deletes it. */
static inline int kv_tenant_end(const char *name)
{
	int ret = kv_tenant_drop(name);

	return ret ? ret : kv_sys_write("tenants/del", name);
}

/* Calls */

static inline int kv_call(int fd, unsigned long nr, const void *arg)
{
	return ioctl(fd, nr, arg) < 0 ? -errno : 0;
}

static inline int kv_info(int fd, struct kvpool_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return kv_call(fd, KVPOOL_IOC_INFO, info);
}

/* Ends an open file, as an administrator does. */
static inline int kv_revoke(int fd)
{
	struct kvpool_info info;
	int ret = kv_info(fd, &info);

	return ret ? ret : kv_sys_set("revoke", info.context);
}

static inline int kv_stats(int fd, struct kvpool_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->size = sizeof(*stats);
	return kv_call(fd, KVPOOL_IOC_STATS, stats);
}

/* Opens a file of a tenant with the rights of @fd, which stays open. */
static inline int kv_open_tenant(int fd, const char *tenant)
{
	struct kvpool_open_tenant arg = { .size = sizeof(arg) };
	int ret;

	memcpy(arg.tenant, tenant, strnlen(tenant, sizeof(arg.tenant)));
	ret = kv_call(fd, KVPOOL_IOC_OPEN_TENANT, &arg);
	return ret ? ret : arg.fd;
}

/* Opens the device for a tenant; NULL is the default one. */
static inline int kv_open(const char *tenant, int flags)
{
	int ret, fd = open(KV_DEV, flags | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (!tenant)
		return fd;
	ret = kv_open_tenant(fd, tenant);
	close(fd);
	return ret;
}

static inline int kv_reserve_batch(int fd, struct kvpool_entry *entries,
				   __u32 n, struct kvpool_span *spans,
				   __u32 *nr_spans)
{
	struct kvpool_reserve arg = {
		.size = sizeof(arg),
		.nr_entries = n,
		.entries = kv_ptr(entries),
		.spans = kv_ptr(spans),
		.nr_spans = nr_spans ? *nr_spans : 0,
		.node = KVPOOL_NODE_ANY,
	};
	int ret = kv_call(fd, KVPOOL_IOC_RESERVE, &arg);

	if (!ret && nr_spans)
		*nr_spans = arg.nr_spans;
	return ret ? ret : (int)arg.nr_done;
}

static inline int kv_lookup_batch(int fd, unsigned long nr, __u32 flags,
				  struct kvpool_entry *entries, __u32 n,
				  struct kvpool_span *spans, __u32 *nr_spans,
				  __u64 timeout_ns)
{
	struct kvpool_lookup arg = {
		.size = sizeof(arg),
		.flags = flags,
		.nr_entries = n,
		.entries = kv_ptr(entries),
		.spans = kv_ptr(spans),
		.nr_spans = nr_spans ? *nr_spans : 0,
		.timeout_ns = timeout_ns,
	};
	int ret = kv_call(fd, nr, &arg);

	if (!ret && nr_spans)
		*nr_spans = arg.nr_spans;
	return ret ? ret : (int)arg.nr_hits;
}

static inline int kv_handle_batch(int fd, unsigned long nr,
				  struct kvpool_handle_entry *entries, __u32 n)
{
	struct kvpool_handles arg = {
		.size = sizeof(arg),
		.nr_entries = n,
		.entries = kv_ptr(entries),
	};
	int ret = kv_call(fd, nr, &arg);

	return ret ? ret : (int)arg.nr_done;
}

static inline int kv_key_batch(int fd, unsigned long nr,
			       struct kvpool_entry *entries, __u32 n)
{
	struct kvpool_keys arg = {
		.size = sizeof(arg),
		.nr_entries = n,
		.entries = kv_ptr(entries),
	};
	int ret = kv_call(fd, nr, &arg);

	return ret ? ret : (int)arg.nr_done;
}

/* Reads @n spans from @first; returns the block's total or a negative errno. */
static inline int kv_spans(int fd, __u64 handle, struct kvpool_span *spans,
			   __u32 n, __u32 first, __u32 *written)
{
	struct kvpool_spans arg = {
		.size = sizeof(arg),
		.handle = handle,
		.spans = kv_ptr(spans),
		.nr_spans = n,
		.first = first,
	};
	int ret = kv_call(fd, KVPOOL_IOC_SPANS, &arg);

	if (!ret && written)
		*written = arg.nr_spans;
	return ret ? ret : (int)arg.total;
}

/* Calls on one key: the ioctl's error, or else the entry's status. */

struct kv_block {
	__u64 number;		/* of the key */
	__u64 length;
	__u64 handle;
	__u32 nr_spans;
	struct kvpool_span span[KV_BLOCK_SPANS];
};

static inline int kv_block_result(struct kv_block *b, __u64 number,
				  const struct kvpool_entry *entry)
{
	b->number = number;
	b->handle = 0;
	b->nr_spans = 0;
	if (entry->status)
		return entry->status;
	b->length = entry->length;
	b->handle = entry->handle;
	b->nr_spans = entry->nr_spans;
	/* Tests with longer blocks ask for the spans themselves. */
	if (entry->span_index == KVPOOL_SPAN_NONE)
		return entry->nr_spans > KV_BLOCK_SPANS ? 0 : -EPROTO;
	return entry->span_index || !entry->handle ? -EPROTO : 0;
}

static inline int kv_reserve_on(int fd, struct kv_block *b, __u64 number,
				__u64 length, __u32 flags, int node)
{
	struct kvpool_entry entry = { .length = length };
	struct kvpool_reserve arg = {
		.size = sizeof(arg),
		.flags = flags,
		.nr_entries = 1,
		.entries = kv_ptr(&entry),
		.spans = kv_ptr(b->span),
		.nr_spans = KV_BLOCK_SPANS,
		.node = node,
	};
	int ret;

	kv_key(&entry.key, number);
	ret = kv_call(fd, KVPOOL_IOC_RESERVE, &arg);
	return ret ? ret : kv_block_result(b, number, &entry);
}

static inline int kv_reserve(int fd, struct kv_block *b, __u64 number,
			     __u64 length)
{
	return kv_reserve_on(fd, b, number, length, 0, KVPOOL_NODE_ANY);
}

static inline int kv_lease_flags(int fd, struct kv_block *b, __u64 number,
				 __u32 flags, __u64 timeout_ns)
{
	struct kvpool_entry entry = {};
	__u32 nr_spans = KV_BLOCK_SPANS;
	int ret;

	kv_key(&entry.key, number);
	ret = kv_lookup_batch(fd, KVPOOL_IOC_LEASE, flags, &entry, 1, b->span,
			      &nr_spans, timeout_ns);
	return ret < 0 ? ret : kv_block_result(b, number, &entry);
}

static inline int kv_lease(int fd, struct kv_block *b, __u64 number)
{
	return kv_lease_flags(fd, b, number, 0, 0);
}

static inline int kv_exists(int fd, __u64 number)
{
	struct kvpool_entry entry = {};
	int ret;

	kv_key(&entry.key, number);
	ret = kv_lookup_batch(fd, KVPOOL_IOC_EXISTS, 0, &entry, 1, NULL, NULL,
			      0);
	return ret < 0 ? ret : entry.status;
}

static inline int kv_handle_call(int fd, unsigned long nr, __u64 handle,
				 __u32 flags)
{
	struct kvpool_handle_entry entry = { .handle = handle, .flags = flags };
	int ret = kv_handle_batch(fd, nr, &entry, 1);

	return ret < 0 ? ret : entry.status;
}

static inline int kv_seal(int fd, __u64 handle)
{
	return kv_handle_call(fd, KVPOOL_IOC_SEAL, handle, 0);
}

static inline int kv_abort(int fd, __u64 handle)
{
	return kv_handle_call(fd, KVPOOL_IOC_ABORT, handle, 0);
}

static inline int kv_release(int fd, __u64 handle)
{
	return kv_handle_call(fd, KVPOOL_IOC_RELEASE, handle, 0);
}

static inline int kv_key_call(int fd, unsigned long nr, __u64 number,
			      __u32 flags)
{
	struct kvpool_entry entry = { .flags = flags };
	int ret;

	kv_key(&entry.key, number);
	ret = kv_key_batch(fd, nr, &entry, 1);
	return ret < 0 ? ret : entry.status;
}

static inline int kv_remove(int fd, __u64 number)
{
	return kv_key_call(fd, KVPOOL_IOC_REMOVE, number, 0);
}

static inline int kv_pin(int fd, __u64 number, __u32 flags)
{
	return kv_key_call(fd, KVPOOL_IOC_PIN, number, flags);
}

/* Mappings and content */

/* Maps all of the arena; NULL and errno on failure. */
static inline __u8 *kv_map(int fd, int prot)
{
	struct kvpool_info info;
	void *map;
	int ret = kv_info(fd, &info);

	if (ret) {
		errno = -ret;
		return NULL;
	}
	map = mmap(NULL, info.arena_size, prot, MAP_SHARED, fd, 0);
	return map == MAP_FAILED ? NULL : map;
}

static inline int kv_unmap(int fd, __u8 *map)
{
	struct kvpool_info info;
	int ret = kv_info(fd, &info);

	if (ret)
		return ret;
	return munmap(map, info.arena_size) ? -errno : 0;
}

/*
 * The content of a block follows from its key: a word at @offset is a function
 * of both.  Long blocks are written at the ends and in the middle of each page
 * only, since instrumented machines are slow.
 */
static inline __u64 kv_word(__u64 number, __u64 offset)
{
	return kv_mix(number) + offset * 0x9e3779b97f4a7c15ULL;
}

static inline size_t kv_stride(__u64 length)
{
	return length > 65536 ? 2040 : 8;
}

static inline void kv_fill_as(__u8 *map, const struct kv_block *b, __u64 number)
{
	size_t stride = kv_stride(b->length);
	__u64 base = 0;
	__u32 i;

	for (i = 0; i < b->nr_spans; i++) {
		__u8 *p = map + b->span[i].offset;
		size_t at, len = b->span[i].length;

		for (at = 0; at + 8 <= len; at += stride)
			*(volatile __u64 *)(p + at) = kv_word(number, base + at);
		for (at = len & ~7UL; at < len; at++)
			*(volatile __u8 *)(p + at) = kv_word(number, base + at);
		base += len;
	}
}

static inline void kv_fill(__u8 *map, const struct kv_block *b)
{
	kv_fill_as(map, b, b->number);
}

static inline int kv_check_as(const __u8 *map, const struct kv_block *b,
			      __u64 number)
{
	size_t stride = kv_stride(b->length);
	__u64 base = 0;
	__u32 i;

	for (i = 0; i < b->nr_spans; i++) {
		const __u8 *p = map + b->span[i].offset;
		size_t at, len = b->span[i].length;

		for (at = 0; at + 8 <= len; at += stride)
			if (*(const volatile __u64 *)(p + at) !=
			    kv_word(number, base + at))
				return -EBADMSG;
		for (at = len & ~7UL; at < len; at++)
			if (*(const volatile __u8 *)(p + at) !=
			    (__u8)kv_word(number, base + at))
				return -EBADMSG;
		base += len;
	}
	return base == b->length ? 0 : -EMSGSIZE;
}

static inline int kv_check(const __u8 *map, const struct kv_block *b)
{
	return kv_check_as(map, b, b->number);
}

/* Reserves, fills and seals. */
static inline int kv_produce(int fd, __u8 *map, __u64 number, __u64 length)
{
	struct kv_block b;
	int ret = kv_reserve(fd, &b, number, length);

	if (ret)
		return ret;
	kv_fill(map, &b);
	return kv_seal(fd, b.handle);
}

/* Reserves and seals without touching the memory. */
static inline int kv_produce_blank(int fd, __u64 number, __u64 length)
{
	struct kv_block b;
	int ret = kv_reserve(fd, &b, number, length);

	return ret ? ret : kv_seal(fd, b.handle);
}

/* Takes eight chunks, gives them up, and has the pool shrink and grow again. */
static inline int kv_grow_and_shrink(int fd)
{
	int ret = 0;
	int k;

	for (k = 0; k < 8 && !ret; k++)
		ret = kv_produce_blank(fd, 100 + k, KV_CHUNK);
	for (k = 0; k < 8 && !ret; k++)
		ret = kv_remove(fd, 100 + k);
	if (!ret)
		ret = kv_sys_set("tiers/dram0/limit_bytes", KV_CHUNK);
	return ret ?: kv_sys_set("tiers/dram0/limit_bytes", KV_LIMIT);
}

/* Leases, compares and releases; -EBADMSG is wrong content. */
static inline int kv_consume(int fd, const __u8 *map, __u64 number)
{
	struct kv_block b;
	int ret = kv_lease(fd, &b, number);
	int end;

	if (ret)
		return ret;
	ret = kv_check(map, &b);
	end = kv_release(fd, b.handle);
	return ret ? ret : end;
}

/* Are the gauges, which a call that fails does not change, the same? */
static inline bool kv_same_gauges(const struct kvpool_stats *a,
				  const struct kvpool_stats *b)
{
	return a->blocks == b->blocks && a->bytes == b->bytes &&
	       a->pinned_bytes == b->pinned_bytes &&
	       a->quarantined_bytes == b->quarantined_bytes &&
	       a->pending == b->pending && a->leases == b->leases;
}

static inline bool kv_same_stats(const struct kvpool_stats *a,
				 const struct kvpool_stats *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* The statistics in sysfs: for when no file is open. */
static inline int kv_tenant_bytes(const char *name, __u64 *bytes)
{
	return kv_tenant_read(name, "bytes", bytes);
}

/* Nanoseconds of the monotonic clock. */
static inline __u64 kv_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Passes time without sleep: a sleep ends at a tick. */
static inline void kv_spin(__u64 ns)
{
	__u64 end = kv_clock() + ns;

	while (kv_clock() < end)
		;
}

/*
 * Waits for a condition that another task or the kernel makes true. There is no
 * deadline here: the harness ends a test that hangs.
 */
#define kv_wait_until(cond) do {				\
	while (!(cond)) {					\
		struct timespec __ts = { .tv_nsec = 1000000 };	\
								\
		nanosleep(&__ts, NULL);				\
	}							\
} while (0)

/* State of a task in /proc. */
static inline char kv_task_state(pid_t tid)
{
	char path[64], text[512], *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	if (kv_read_file(path, text, sizeof(text)))
		return 0;
	p = strrchr(text, ')');
	return p ? p[2] : 0;
}

/* Sleeps the task in a call? A wait that only fatal signals end is 'I'. */
static inline bool kv_task_sleeps(pid_t tid)
{
	char state = kv_task_state(tid);

	return state == 'S' || state == 'I';
}

/* Has a signal come for the task that it has not handled? */
static inline bool kv_task_signalled(pid_t tid)
{
	char path[64], text[4096], *p;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (kv_read_file(path, text, sizeof(text)))
		return false;
	p = strstr(text, "ShdPnd:");
	if (p && strtoull(p + 7, NULL, 16))
		return true;
	p = strstr(text, "SigPnd:");
	return p && strtoull(p + 7, NULL, 16);
}

/* How often the task has gone to sleep. */
static inline unsigned long kv_task_switches(pid_t tid)
{
	char path[64], text[4096], *p;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (kv_read_file(path, text, sizeof(text)))
		return 0;
	p = strstr(text, "\nvoluntary_ctxt_switches:");
	return p ? strtoul(p + 25, NULL, 10) : 0;
}

static void kv_signal_ignore(int sig) __attribute__((unused));
static void kv_signal_ignore(int sig)
{
	(void)sig;
}

/* A signal with an empty handler every 20 ms, to a thread that takes it. */
static inline int kv_alarms_begin(int sa_flags)
{
	const struct sigaction sa = {
		.sa_handler = kv_signal_ignore, .sa_flags = sa_flags,
	};
	const struct itimerval every = {
		.it_value.tv_usec = 20000, .it_interval.tv_usec = 20000,
	};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	/* Threads that are made before this take it. */
	return sigaction(SIGALRM, &sa, NULL) ||
	       pthread_sigmask(SIG_BLOCK, &set, NULL) ||
	       setitimer(ITIMER_REAL, &every, NULL) ? -errno : 0;
}

static inline void kv_alarms_end(void)
{
	const struct itimerval never = {};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	setitimer(ITIMER_REAL, &never, NULL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static inline pid_t kv_gettid(void)
{
	return syscall(SYS_gettid);
}

/* A thread that waits until a file is readable; @tid is set before it does. */
struct kv_poller {
	int fd;
	volatile pid_t tid;
	volatile int result;
};

static inline void *kv_poll_thread(void *data)
{
	struct kv_poller *w = data;
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	w->tid = kv_gettid();
	w->result = poll(&p, 1, -1) == 1 && p.revents & POLLIN;
	return NULL;
}

/* Waits for a child; its exit status, or 128 plus the signal that ended it. */
static inline int kv_reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status);
}

/* The kernel and the machine */

static inline bool kv_fail_nth_available(void)
{
	return !access("/proc/thread-self/fail-nth", W_OK);
}

static inline bool kv_debug_kernel(void)
{
	return kv_fail_nth_available() ||
	       !access("/sys/kernel/debug/kmemleak", F_OK);
}

/*
 * A number of rounds: from the environment, or fewer on slow kernels; KV_SOAK is
 * a factor to all that the environment does not name.
 */
static inline unsigned long kv_rounds(const char *env, unsigned long stock,
				      unsigned long debug)
{
	const char *text = getenv(env), *soak = getenv("KV_SOAK");
	unsigned long factor = soak ? strtoul(soak, NULL, 0) : 1;

	if (text && *text)
		return strtoul(text, NULL, 0);
	return (kv_debug_kernel() ? debug : stock) * (factor ?: 1);
}

/* Access to memory that may not be mapped */

static sigjmp_buf kv_fault_env __attribute__((unused));
static volatile int kv_fault_code __attribute__((unused));

static inline void kv_fault_handler(int sig, siginfo_t *info, void *uc)
{
	(void)uc;
	(void)info;
	kv_fault_code = sig;
	siglongjmp(kv_fault_env, 1);
}

/* Reads or writes one byte: zero, or the signal that it raised. */
static inline int kv_touch(volatile __u8 *p, bool write)
{
	struct sigaction sa = {
		.sa_sigaction = kv_fault_handler,
		.sa_flags = SA_SIGINFO,
	}, old_bus, old_segv;

	sigaction(SIGBUS, &sa, &old_bus);
	sigaction(SIGSEGV, &sa, &old_segv);
	kv_fault_code = 0;
	if (!sigsetjmp(kv_fault_env, 1)) {
		if (write)
			*p = 0x5a;
		else
			(void)*p;
	}
	sigaction(SIGBUS, &old_bus, NULL);
	sigaction(SIGSEGV, &old_segv, NULL);
	return kv_fault_code;
}

/*
 * The usual fixture: a tenant of its own, a file and a mapping.  The tenant is
 * deleted at the end, which fails when anything was leaked.
 */
struct kv_bench {
	char tenant[KVPOOL_NAME_SIZE];
	int fd;
	__u8 *map;
};

static inline int kv_bench_tenant(struct kv_bench *t, const char *prefix)
{
	int ret;

	memset(t, 0, sizeof(*t));
	t->fd = -1;
	snprintf(t->tenant, sizeof(t->tenant), "%s%d", prefix, getpid());
	ret = kv_tenant_add(t->tenant);
	if (ret)
		return ret;
	t->fd = kv_open(t->tenant, O_RDWR);
	if (t->fd < 0)
		return t->fd;
	t->map = kv_map(t->fd, PROT_READ | PROT_WRITE);
	return t->map ? 0 : -errno;
}

static inline int kv_bench_start(struct kv_bench *t)
{
	int ret;

	memset(t, 0, sizeof(*t));
	t->fd = -1;
	ret = kv_knobs_reset();
	return ret ? ret : kv_bench_tenant(t, "t");
}

/* Closes the file; the tenant and its blocks stay. */
static inline void kv_bench_close(struct kv_bench *t)
{
	if (t->map)
		kv_unmap(t->fd, t->map);
	if (t->fd >= 0)
		close(t->fd);
	t->map = NULL;
	t->fd = -1;
}

static inline int kv_bench_end(struct kv_bench *t)
{
	__u64 bytes, nr;
	int ret;

	kv_bench_close(t);
	/* An io_uring drops its files some time after it was closed. */
	kv_wait_until(kv_tenant_read(t->tenant, "contexts", &nr) || !nr);
	ret = kv_tenant_drop(t->tenant);
	if (!ret)
		ret = kv_tenant_bytes(t->tenant, &bytes);
	if (!ret && bytes)
		ret = -ENOTEMPTY;
	return ret ? ret : kv_sys_write("tenants/del", t->tenant);
}

/* Does the node have memory for the pool? */
static inline bool kv_has_tier(int node)
{
	char name[64];

	snprintf(name, sizeof(name), "tiers/dram%d/limit_bytes", node);
	return kv_sys_has(name);
}

#endif /* KVPOOL_UTIL_H */
