// SPDX-License-Identifier: LGPL-2.1-or-later
#include "mock.h"
#include "mock-ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define MOCK_FD 1000
#define MOCK_TENANT_FD 1001	/* of the file that OPEN_TENANT opens */

#define is_mock(fd) ((fd) == MOCK_FD || (fd) == MOCK_TENANT_FD)

struct mock mock;
static unsigned char *arena;

/* Threads share the mock: it writes only when something is wrong. */
void mock_bad(bool is_bad)
{
	if (is_bad)
		mock.bad_input = true;
}

int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
void *__real_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *addr, size_t length);
void *__real_malloc(size_t size);
void *__real_calloc(size_t nr, size_t size);
void *__real_reallocarray(void *old, size_t nr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t nr, size_t size);
void *__wrap_reallocarray(void *old, size_t nr, size_t size);
int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);
void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *addr, size_t length);
int __wrap_ioctl(int fd, unsigned long cmd, ...);

static bool no_memory(void)
{
	if (!mock.fail_alloc || --mock.fail_alloc)
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return no_memory() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t nr, size_t size)
{
	return no_memory() ? NULL : __real_calloc(nr, size);
}

void *__wrap_reallocarray(void *old, size_t nr, size_t size)
{
	return no_memory() ? NULL : __real_reallocarray(old, nr, size);
}

/* Threads share the mock and leave no log. */
void mock_count_held(int n)
{
	if (!mock.no_log)
		mock.held += n;
}

struct kvpool_key mock_make_key(struct mock_key spec)
{
	struct kvpool_key key = { .words = { 0 } };

	key.bytes[0] = spec.status;
	key.bytes[1] = spec.spans;
	key.bytes[2] = spec.end_status;
	key.bytes[3] = spec.spans_error;
	memcpy(key.bytes + 4, &spec.id, sizeof(spec.id));
	memcpy(key.bytes + 8, &spec.settles, sizeof(spec.settles));
	key.bytes[12] = spec.remote;
	return key;
}

struct kvpool_key mock_id(unsigned int id)
{
	return mock_make_key((struct mock_key){ .id = id });
}

void mock_ids(struct kvpool_key *keys, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		keys[i] = mock_id(i);
}

void mock_forget(void)
{
	mock.nr_calls = 0;
	mock.bad_input = false;
}

void mock_reset(void)
{
	unsetenv("KVPOOL_DEVICE");
	mock_ring_reset();
	memset(&mock, 0, sizeof(mock));
	mock.room = ~0U;
	mock.info = (struct kvpool_info) {
		.size = sizeof(mock.info),
		.abi_version = KVPOOL_ABI_VERSION,
		.max_batch = KVPOOL_MAX_BATCH,
		.arena_size = MOCK_ARENA,
		.chunk_size = MOCK_CHUNK,
		.block_min = KVPOOL_BLOCK_MIN,
		.block_max = KVPOOL_BLOCK_MAX,
		.tenant = "default",
		.mode = KVPOOL_MODE_CONSUME | KVPOOL_MODE_PRODUCE,
	};
}

static bool same(const struct mock_call *a, const struct mock_call *b)
{
	return a->cmd == b->cmd && a->nr == b->nr && a->flags == b->flags && a->node == b->node &&
	       a->first == b->first && a->last == b->last && a->entry_flags == b->entry_flags &&
	       a->last_flags == b->last_flags && a->timeout_ns == b->timeout_ns &&
	       a->peer == b->peer && a->length == b->length && a->ring == b->ring &&
	       a->position == b->position && a->parent == b->parent;
}

static void print_call(const char *what, const struct mock_call *c)
{
	printf("# %s: ioctl %#lx, %u entries (%u to %u), flags %#x, node %d, entry flags %#x to %#x, timeout %llu, peer %u, length %llu, ring %u, position %u behind %u\n",
	       what, c->cmd, c->nr, c->first, c->last, c->flags, c->node, c->entry_flags,
	       c->last_flags, c->timeout_ns, c->peer, c->length, c->ring,
	       c->position, c->parent);
}

bool mock_saw(const struct mock_call *calls, unsigned int nr)
{
	bool good = !mock.bad_input;
	unsigned int i;

	if (mock.bad_input)
		printf("# the device got something that must be zero or was malformed\n");
	if (mock.nr_calls != nr) {
		printf("# %u calls, expected %u\n", mock.nr_calls, nr);
		good = false;
	}
	for (i = 0; i < nr || i < mock.nr_calls; i++) {
		if (i < nr && i < mock.nr_calls && same(&calls[i], &mock.calls[i]))
			continue;
		if (i < mock.nr_calls && i < MOCK_MAX_CALLS)
			print_call("got", &mock.calls[i]);
		if (i < nr)
			print_call("expected", &calls[i]);
		good = false;
	}
	return good;
}

int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (strncmp(path, "/dev/", 5) && strncmp(path, "/mock/", 6)) {
		va_start(args, flags);
		if (flags & O_CREAT)
			mode = va_arg(args, mode_t);
		va_end(args);
		return __real_open(path, flags, mode);
	}
	snprintf(mock.path, sizeof(mock.path), "%s", path);
	mock.open_flags = flags;
	if (mock.open_error) {
		errno = mock.open_error;
		return -1;
	}
	mock.opens++;
	return MOCK_FD;
}

int __wrap_close(int fd)
{
	if (!is_mock(fd))
		return __real_close(fd);
	mock.closes++;
	return 0;
}

void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	unsigned char *p;

	if (!is_mock(fd))
		return __real_mmap(addr, length, prot, flags, fd, offset);
	if (mock.mmap_error) {
		errno = mock.mmap_error;
		return MAP_FAILED;
	}
	/* Threads make rings concurrently. */
	if (offset >= (off_t)MOCK_ARENA)
		return mock_ring_map((unsigned long long)offset, length);
	mock.map_length = length;
	mock.map_prot = prot;
	mock.map_flags = flags;
	mock.maps++;
	if (flags & MAP_FIXED)
		return __real_mmap(addr, length, prot, MAP_PRIVATE | MAP_ANONYMOUS |
				   MAP_NORESERVE | MAP_FIXED, -1, 0);
	if (mock.misaligned) {
		p = __real_mmap(NULL, length + 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS |
				MAP_NORESERVE, -1, 0);
		if ((uintptr_t)p % MOCK_CHUNK) {
			__real_munmap(p + length, 4096);
			return p;
		}
		__real_munmap(p, 4096);
		return p + 4096;
	}
	if (!arena) {
		arena = __real_mmap(NULL, MOCK_ARENA + MOCK_CHUNK, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		arena += -(uintptr_t)arena % MOCK_CHUNK;
	}
	return arena;
}

int __wrap_munmap(void *addr, size_t length)
{
	if (addr != arena)
		return __real_munmap(addr, length);
	mock.unmaps++;
	return 0;
}

static unsigned int key_id(const struct kvpool_key *key)
{
	unsigned int id;

	memcpy(&id, key->bytes + 4, sizeof(id));
	return id;
}

/* A handle carries the bytes of its key that say how it ends. */
unsigned long long mock_handle(const struct kvpool_key *key)
{
	return (key_id(key) + 1ULL) | (unsigned long long)key->bytes[2] << 32 |
	       (unsigned long long)key->bytes[3] << 40 | (unsigned long long)key->bytes[1] << 48;
}

static unsigned int handle_id(unsigned long long handle)
{
	return (unsigned int)handle - 1;
}

static unsigned int count_spans(unsigned int spans)
{
	return spans == 255 ? MOCK_MANY_SPANS : spans ?: 1;
}

unsigned int mock_count_spans(const struct kvpool_key *key)
{
	return count_spans(key->bytes[1]);
}

/* Spans of one block do not touch: 4 KiB pieces at a distance. */
static struct kvpool_span make_span(unsigned int id, unsigned int spans, unsigned int i,
				    unsigned long long length)
{
	struct kvpool_span span = {
		.offset = ((unsigned long long)i * 64 + id % 64) * 8192,
		.length = i + 1 < spans ? 4096 : length - 4096ULL * (spans - 1),
	};

	return span;
}

struct kvpool_span mock_first_span(const struct kvpool_key *key, unsigned long long length)
{
	return make_span(key_id(key), mock_count_spans(key), 0, length);
}

/* The length of a leased block. */
unsigned long long mock_lease_length(unsigned int spans)
{
	return 4096ULL * spans - (spans > 1 ? 100 : 0);
}

static unsigned int nr_lookups;

static int key_status(const struct kvpool_entry *entry)
{
	unsigned int settles;

	memcpy(&settles, entry->key.bytes + 8, sizeof(settles));
	if (settles && nr_lookups >= settles)
		return 0;
	return -(int)entry->key.bytes[0];
}

/* RESERVE and LEASE. Returns the number of handles made. */
static unsigned int take(unsigned long cmd, struct kvpool_entry *entries, unsigned int nr,
			 struct kvpool_span *spans, __u32 *nr_spans, unsigned int flags)
{
	unsigned int i, s, n, room = *nr_spans < mock.room ? *nr_spans : mock.room;
	const bool reserve = cmd == KVPOOL_IOC_RESERVE;
	unsigned int used = 0, made = 0;
	bool missed = false;

	for (i = 0; i < nr; i++) {
		struct kvpool_entry *e = &entries[i];

		mock_bad(e->handle || e->status || e->span_index || e->nr_spans || e->flags ||
			 !e->length == reserve);
		e->status = missed ? -ECANCELED : key_status(e);
		if (e->status) {
			missed = missed || (!reserve && (flags & KVPOOL_LOOKUP_PREFIX));
			continue;
		}
		n = mock_count_spans(&e->key);
		if (!reserve)
			e->length = mock_lease_length(n);
		e->handle = mock_handle(&e->key) | (reserve ? MOCK_RESERVATION : 0);
		e->nr_spans = n;
		e->span_index = KVPOOL_SPAN_NONE;
		made++;
		if (n > room - used)
			continue;
		e->span_index = used;
		for (s = 0; s < n; s++)
			spans[used++] = make_span(key_id(&e->key), n, s, e->length);
	}
	*nr_spans = used;
	mock_count_held(made);
	return made;
}

static unsigned int end(unsigned long cmd, struct kvpool_handle_entry *entries, unsigned int nr)
{
	unsigned int i, done = 0;

	for (i = 0; i < nr; i++) {
		bool reserved = entries[i].handle & MOCK_RESERVATION;

		mock_bad(entries[i].status || !entries[i].handle);
		if (reserved == (cmd == KVPOOL_IOC_RELEASE)) {
			entries[i].status = -ENOENT;
			continue;
		}
		/* The second attempt without a pin is within the quota. */
		entries[i].status = -(int)(entries[i].handle >> 32 & 0xff);
		if (cmd != KVPOOL_IOC_SEAL ||
		    (entries[i].status == -EDQUOT && !entries[i].flags))
			entries[i].status = 0;
		done += !entries[i].status;
		mock_count_held(entries[i].status == -EDQUOT ? 0 : -1);
	}
	return done;
}

static int do_spans(struct kvpool_spans *arg)
{
	struct kvpool_span *spans = (void *)(uintptr_t)arg->spans;
	unsigned int n = count_spans(arg->handle >> 48 & 0xff), i;

	mock_bad(arg->flags || arg->reserved || arg->total || arg->nr_spans > 65536);
	if (arg->handle >> 40 & 0xff) {
		errno = arg->handle >> 40 & 0xff;
		return -1;
	}
	arg->total = n;
	for (i = 0; i < arg->nr_spans && arg->first + i < n; i++)
		spans[i] = make_span(handle_id(arg->handle), n, arg->first + i,
				     mock_lease_length(n));
	arg->nr_spans = i;
	return 0;
}

static int find_peer(struct kvpool_peer_name *arg)
{
	mock_bad(arg->size != sizeof(*arg) || arg->flags || arg->reserved ||
		 !arg->peer == !arg->name[0]);
	if (arg->peer ? arg->peer != MOCK_PEER_NR : strcmp((char *)arg->name, MOCK_PEER)) {
		errno = ENOENT;
		return -1;
	}
	arg->peer = MOCK_PEER_NR;
	strcpy((char *)arg->name, MOCK_PEER);
	return 0;
}

int __wrap_ioctl(int fd, unsigned long cmd, ...)
{
	static struct mock_call sink;
	struct mock_call local, *call = &local;
	va_list args;
	__u32 size;
	void *arg;

	va_start(args, cmd);
	arg = va_arg(args, void *);
	va_end(args);

	if (!is_mock(fd)) {
		errno = ENOTTY;
		return -1;
	}
	memcpy(&size, arg, sizeof(size));
	if (cmd == KVPOOL_IOC_INFO) {
		mock.nr_infos += !mock.no_log;
		errno = mock.info_error;
		if (errno)
			return -1;
		memcpy(arg, &mock.info, sizeof(mock.info));
		return 0;
	}
	if (cmd == KVPOOL_IOC_OPEN_TENANT) {
		mock.nr_tenants++;
		memcpy(mock.tenant, ((struct kvpool_open_tenant *)arg)->tenant, sizeof(mock.tenant));
		errno = mock.tenant_error;
		if (errno)
			return -1;
		memcpy(mock.info.tenant, mock.tenant, sizeof(mock.tenant));
		((struct kvpool_open_tenant *)arg)->fd = MOCK_TENANT_FD;
		mock.opens++;
		return 0;
	}
	if (!mock.no_log) {
		call = mock.nr_calls < MOCK_MAX_CALLS ? &mock.calls[mock.nr_calls] : &sink;
		mock.nr_calls++;
		if (mock.fail_at && mock.nr_calls == mock.fail_at) {
			memset(call, 0, sizeof(*call));
			call->cmd = cmd;
			errno = mock.fail_errno;
			return -1;
		}
	}
	memset(call, 0, sizeof(*call));
	call->cmd = cmd;
	switch (cmd) {
	case KVPOOL_IOC_RESERVE: {
		struct kvpool_reserve *a = arg;
		struct kvpool_entry *e = (void *)(uintptr_t)a->entries;

		mock_bad(size != sizeof(*a) || a->nr_done);
		call->nr = a->nr_entries;
		call->flags = a->flags;
		call->node = a->node;
		call->first = key_id(&e->key);
		call->last = key_id(&e[a->nr_entries - 1].key);
		call->nr_spans = a->nr_spans;
		call->position = a->position;
		call->parent = key_id(&a->parent);
		a->nr_done = take(cmd, e, a->nr_entries, (void *)(uintptr_t)a->spans,
				  &a->nr_spans, a->flags);
		return 0;
	}
	case KVPOOL_IOC_LEASE:
	case KVPOOL_IOC_EXISTS: {
		struct kvpool_lookup *a = arg;
		struct kvpool_entry *e = (void *)(uintptr_t)a->entries;
		bool prefix = a->flags & KVPOOL_LOOKUP_PREFIX, missed = false;
		unsigned int i;

		if (!mock.no_log)
			nr_lookups = mock.nr_calls;
		mock_bad(size != sizeof(*a) || a->nr_hits || (a->nr_more && !prefix));
		call->nr = a->nr_entries;
		call->flags = a->flags;
		call->first = key_id(&e->key);
		call->last = key_id(&e[a->nr_entries - 1].key);
		call->timeout_ns = a->timeout_ns;
		call->nr_spans = a->nr_spans;
		if (mock.slow_ns)
			nanosleep(&(struct timespec){ .tv_nsec = mock.slow_ns }, NULL);
		if (cmd == KVPOOL_IOC_LEASE) {
			a->nr_hits = take(cmd, e, a->nr_entries, (void *)(uintptr_t)a->spans,
					  &a->nr_spans, a->flags);
			return 0;
		}
		mock_bad(a->spans || a->nr_spans || a->timeout_ns);
		for (i = 0; i < a->nr_entries; i++) {
			e[i].status = missed ? -ECANCELED : key_status(&e[i]);
			missed = missed || (prefix && e[i].status);
			if (!e[i].status)
				e[i].length = mock_lease_length(mock_count_spans(&e[i].key));
			a->nr_hits += !e[i].status;
		}
		return 0;
	}
	case KVPOOL_IOC_SEAL:
	case KVPOOL_IOC_ABORT:
	case KVPOOL_IOC_RELEASE: {
		struct kvpool_handles *a = arg;
		struct kvpool_handle_entry *e = (void *)(uintptr_t)a->entries;

		mock_bad(size != sizeof(*a) || a->nr_done || a->flags);
		call->nr = a->nr_entries;
		call->first = handle_id(e->handle);
		call->last = handle_id(e[a->nr_entries - 1].handle);
		call->entry_flags = e->flags;
		call->last_flags = e[a->nr_entries - 1].flags;
		a->nr_done = end(cmd, e, a->nr_entries);
		return 0;
	}
	case KVPOOL_IOC_REMOVE:
	case KVPOOL_IOC_PIN: {
		struct kvpool_keys *a = arg;
		struct kvpool_entry *e = (void *)(uintptr_t)a->entries;
		unsigned int i;

		mock_bad(size != sizeof(*a) || a->nr_done || a->flags);
		call->nr = a->nr_entries;
		call->first = key_id(&e->key);
		call->last = key_id(&e[a->nr_entries - 1].key);
		call->entry_flags = e->flags;
		call->last_flags = e[a->nr_entries - 1].flags;
		for (i = 0; i < a->nr_entries; i++) {
			e[i].status = key_status(&e[i]);
			a->nr_done += !e[i].status;
		}
		return 0;
	}
	case KVPOOL_IOC_SUBMIT: {
		struct kvpool_submit *a = arg;
		struct kvpool_op *ops = (void *)(uintptr_t)a->ops;

		mock_bad(size != sizeof(*a) || a->flags || a->nr_done || a->reserved ||
			 !a->results == !a->ring);
		call->nr = a->nr_ops;
		call->flags = ops->flags;
		call->peer = ops->peer;
		call->length = ops->length;
		call->timeout_ns = ops->timeout_ns;
		call->first = key_id(&ops->key);
		call->last = key_id(&ops[a->nr_ops - 1].key);
		call->ring = a->ring;
		return mock_ring_ioctl(cmd, arg);
	}
	case KVPOOL_IOC_CANCEL: {
		struct kvpool_cancel *a = arg;

		mock_bad(size != sizeof(*a) || a->nr_done);
		call->flags = a->flags;
		call->ring = a->ring;
		return mock_ring_ioctl(cmd, arg);
	}
	case KVPOOL_IOC_RING_END:
		call->ring = ((struct kvpool_ring_end *)arg)->ring;
		return mock_ring_ioctl(cmd, arg);
	case KVPOOL_IOC_RING:
		return mock_ring_ioctl(cmd, arg);
	case KVPOOL_IOC_PEER:
		call->peer = ((struct kvpool_peer_name *)arg)->peer;
		return find_peer(arg);
	case KVPOOL_IOC_SPANS:
		call->nr = ((struct kvpool_spans *)arg)->nr_spans;
		call->first = ((struct kvpool_spans *)arg)->first;
		call->last = handle_id(((struct kvpool_spans *)arg)->handle);
		mock_bad(size != sizeof(struct kvpool_spans));
		return do_spans(arg);
	case KVPOOL_IOC_STATS: {
		struct kvpool_stats *a = arg;

		/* The additional members of a caller of a later version stay zero. */
		mock_bad(size < sizeof(*a) || a->flags);
		call->nr = size;
		a->blocks = 11;
		a->rejected = 22;
		return 0;
	}
	default:
		mock.bad_input = true;
		errno = ENOTTY;
		return -1;
	}
}
