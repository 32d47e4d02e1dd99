// SPDX-License-Identifier: LGPL-2.1-or-later
/* Operations of the mock device, and its completion rings. */
#include "mock.h"
#include "mock-ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COMPLETIONS	4096U		/* where they begin in the mapping */
#define RING_SPACE	(1ULL << 32)	/* between the offsets of two rings */

void *__real_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *addr, size_t length);
void *__real_calloc(size_t nr, size_t size);

struct ring {
	uint32_t entries;			/* zero: there is no such ring */
	uint32_t tail;
	uint32_t inflight;
	int eventfd;
	char *map;
	size_t length;
	struct kvpool_op *ops;			/* in flight, the oldest first */
};

/* Threads share it. The ring with number n is at n - 1. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ring rings[KVPOOL_RINGS_MAX];

static struct ring *find_ring(unsigned int number)
{
	return number && number <= KVPOOL_RINGS_MAX && rings[number - 1].entries ?
	       &rings[number - 1] : NULL;
}

static _Atomic uint32_t *shared(struct ring *ring, size_t offset)
{
	return (void *)(ring->map + offset);
}

static void free_ring(struct ring *ring)
{
	__real_munmap(ring->map, ring->length);
	free(ring->ops);
	memset(ring, 0, sizeof(*ring));
}

void mock_ring_reset(void)
{
	unsigned int i;

	for (i = 1; i <= KVPOOL_RINGS_MAX; i++)
		if (find_ring(i))
			free_ring(find_ring(i));
}

unsigned int mock_rings(void)
{
	unsigned int i, nr = 0;

	for (i = 1; i <= KVPOOL_RINGS_MAX; i++)
		nr += !!find_ring(i);
	return nr;
}

uint32_t *mock_ring_head(unsigned int ring)
{
	return (void *)find_ring(ring)->map;
}

uint32_t *mock_ring_tail(unsigned int ring)
{
	return (void *)(find_ring(ring)->map + 64);
}

static bool settles(const struct kvpool_op *op)
{
	unsigned int value;

	memcpy(&value, op->key.bytes + 8, sizeof(value));
	return value;
}

/* The module refuses members that the operation does not take. */
static bool is_valid(const struct kvpool_op *op)
{
	static const struct {
		uint32_t flags;
		bool key, handle;
	} rules[] = {
		[KVPOOL_OP_NOP] = { 0, false, false },
		[KVPOOL_OP_PROBE] = { KVPOOL_OP_REMOTE, true, false },
		[KVPOOL_OP_LEASE] = { KVPOOL_OP_WAIT | KVPOOL_OP_REMOTE | KVPOOL_OP_TRANSIENT |
				      KVPOOL_OP_PREFIX, true, false },
		[KVPOOL_OP_RELEASE] = { 0, false, true },
		[KVPOOL_OP_PUSH] = { 0, true, false },
		[KVPOOL_OP_RESERVE] = { KVPOOL_OP_STRICT_NODE, true, false },
		[KVPOOL_OP_SEAL] = { KVPOOL_OP_PIN_SOFT | KVPOOL_OP_PIN_HARD, false, true },
	};
	static const struct kvpool_key none;
	const bool fetch = op->opcode == KVPOOL_OP_LEASE && (op->flags & KVPOOL_OP_REMOTE);
	const bool placed = fetch || op->opcode == KVPOOL_OP_RESERVE;
	const bool nodes = placed || op->opcode == KVPOOL_OP_PUSH;

	if (op->opcode > KVPOOL_OP_SEAL || (op->flags & ~rules[op->opcode].flags) || op->reserved)
		return false;
	if (!op->handle == rules[op->opcode].handle || !op->length == placed)
		return false;
	if (!rules[op->opcode].key && memcmp(&op->key, &none, sizeof(none)))
		return false;
	return nodes || !op->node;
}

static void complete(const struct kvpool_op *op, int status, struct kvpool_completion *c)
{
	memset(c, 0, sizeof(*c));
	c->user_data = op->user_data;
	c->status = status;
	c->peer = op->peer;
	mock_bad(!is_valid(op));
	if (status)
		return;
	switch (op->opcode) {
	case KVPOOL_OP_LEASE:
		c->route = op->key.bytes[12] ? KVPOOL_ROUTE_RDMA : KVPOOL_ROUTE_LOCAL;
		c->length = mock_lease_length(mock_count_spans(&op->key));
		c->handle = mock_handle(&op->key);
		break;
	case KVPOOL_OP_RESERVE:
		c->length = op->length;
		c->handle = mock_handle(&op->key) | MOCK_RESERVATION;
		break;
	case KVPOOL_OP_RELEASE:
	case KVPOOL_OP_SEAL:
		mock_bad(!(op->handle & MOCK_RESERVATION) == (op->opcode == KVPOOL_OP_SEAL));
		mock_count_held(-1);
		return;
	case KVPOOL_OP_NOP:
		return;
	default:
		c->length = 4096;
		return;
	}
	c->nr_spans = mock_count_spans(&op->key);
	c->span = mock_first_span(&op->key, c->length);
	mock_count_held(1);
}

static void post(struct ring *ring, const struct kvpool_op *op, int status)
{
	struct kvpool_completion *c = (void *)(ring->map + COMPLETIONS);

	complete(op, status, c + (ring->tail++ & (ring->entries - 1)));
	atomic_store_explicit(shared(ring, 64), ring->tail, memory_order_release);
}

/* As the device does: after the completions are there. */
static void signal_eventfd(struct ring *ring)
{
	const uint64_t one = 1;

	mock_bad(write(ring->eventfd, &one, sizeof(one)) != sizeof(one));
}

static int setup(struct kvpool_ring_setup *arg)
{
	unsigned int number = 1;
	struct ring *ring;

	mock_bad(arg->size != sizeof(*arg) || arg->flags || arg->ring || arg->offset ||
		 arg->length || arg->eventfd < 0);
	while (number <= KVPOOL_RINGS_MAX && find_ring(number))
		number++;
	if (number > KVPOOL_RINGS_MAX) {
		errno = ENOSPC;
		return -1;
	}
	ring = &rings[number - 1];
	ring->entries = 1;
	while (ring->entries < arg->entries)
		ring->entries *= 2;
	ring->ops = __real_calloc(ring->entries, sizeof(*ring->ops));
	ring->eventfd = arg->eventfd;
	ring->length = COMPLETIONS + ring->entries * sizeof(struct kvpool_completion);
	ring->map = __real_mmap(NULL, ring->length, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ring->tail = mock.ring_start;
	*mock_ring_head(number) = mock.ring_start;
	*mock_ring_tail(number) = mock.ring_start;
	arg->ring = number;
	arg->entries = ring->entries;
	arg->offset = MOCK_ARENA + number * RING_SPACE;
	arg->length = ring->length;
	arg->head_offset = 0;
	arg->tail_offset = 64;
	arg->completions_offset = COMPLETIONS;
	if (mock.ring_nonsense)
		arg->completions_offset = ring->length - 64;
	return 0;
}

static int submit_and_wait(struct kvpool_submit *arg)
{
	struct kvpool_completion *results = (void *)(uintptr_t)arg->results;
	const struct kvpool_op *ops = (void *)(uintptr_t)arg->ops;
	uint32_t i;

	for (i = 0; i < arg->nr_ops; i++)
		complete(&ops[i], -(int)ops[i].key.bytes[0], &results[i]);
	arg->nr_done = arg->nr_ops;
	return 0;
}

static int submit(struct kvpool_submit *arg)
{
	const struct kvpool_op *ops = (void *)(uintptr_t)arg->ops;
	uint32_t i, unreaped, used, room;
	struct ring *ring;

	mock_bad(!arg->nr_ops || arg->nr_ops > mock.info.max_batch);
	mock.op = ops[0];
	if (arg->results)
		return submit_and_wait(arg);
	ring = find_ring(arg->ring);
	if (!ring) {
		errno = ENOENT;
		return -1;
	}
	unreaped = ring->tail - atomic_load_explicit(shared(ring, 0), memory_order_acquire);
	used = (unreaped < ring->entries ? unreaped : ring->entries) + ring->inflight;
	room = used < ring->entries ? ring->entries - used : 0;
	if (!room) {
		errno = EBUSY;
		return -1;
	}
	arg->nr_done = arg->nr_ops < room ? arg->nr_ops : room;
	for (i = 0; i < arg->nr_done; i++) {
		if (settles(&ops[i]))
			ring->ops[ring->inflight++] = ops[i];
		else
			post(ring, &ops[i], -(int)ops[i].key.bytes[0]);
	}
	signal_eventfd(ring);
	return 0;
}

static bool matches(const struct kvpool_cancel *arg, const struct kvpool_op *op)
{
	if (arg->flags & KVPOOL_CANCEL_USER_DATA)
		return op->user_data == arg->match;
	return arg->flags & KVPOOL_CANCEL_TAG ? op->tag == arg->match : true;
}

static uint32_t cancel_in(struct ring *ring, const struct kvpool_cancel *arg)
{
	uint32_t i, left = 0, done = 0;

	for (i = 0; i < ring->inflight; i++) {
		if (!matches(arg, &ring->ops[i])) {
			ring->ops[left++] = ring->ops[i];
			continue;
		}
		post(ring, &ring->ops[i], -ECANCELED);
		done++;
	}
	ring->inflight = left;
	if (done)
		signal_eventfd(ring);
	return done;
}

static int cancel(struct kvpool_cancel *arg)
{
	unsigned int i;

	if (arg->ring && !find_ring(arg->ring)) {
		errno = ENOENT;
		return -1;
	}
	for (i = 1; i <= KVPOOL_RINGS_MAX; i++)
		if (find_ring(i) && (!arg->ring || arg->ring == i))
			arg->nr_done += cancel_in(find_ring(i), arg);
	return 0;
}

/* The user has a mapping of its own, so this one can end. */
static int end_ring(struct kvpool_ring_end *arg)
{
	const struct kvpool_cancel all = { .flags = KVPOOL_CANCEL_ALL };
	struct ring *ring = find_ring(arg->ring);

	mock_bad(arg->size != sizeof(*arg) || arg->flags || arg->nr_done);
	if (!ring) {
		errno = ENOENT;
		return -1;
	}
	arg->nr_done = cancel_in(ring, &all);
	free_ring(ring);
	return 0;
}

int mock_ring_ioctl(unsigned long cmd, void *arg)
{
	int ret;

	pthread_mutex_lock(&lock);
	switch (cmd) {
	case KVPOOL_IOC_RING:
		ret = setup(arg);
		break;
	case KVPOOL_IOC_RING_END:
		ret = end_ring(arg);
		break;
	case KVPOOL_IOC_CANCEL:
		ret = cancel(arg);
		break;
	default:
		ret = submit(arg);
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

void *mock_ring_map(unsigned long long offset, size_t length)
{
	void *map = MAP_FAILED;
	struct ring *ring;

	pthread_mutex_lock(&lock);
	ring = find_ring((unsigned int)((offset - MOCK_ARENA) / RING_SPACE));
	mock_bad(!ring || length != ring->length);
	if (ring)
		map = mremap(ring->map, 0, length, MREMAP_MAYMOVE);
	pthread_mutex_unlock(&lock);
	return map;
}

void mock_ring_complete(unsigned int number, unsigned int nr, int status)
{
	struct ring *ring = find_ring(number);
	uint32_t i;

	pthread_mutex_lock(&lock);
	if (nr > ring->inflight)
		nr = ring->inflight;
	for (i = 0; i < nr; i++)
		post(ring, &ring->ops[i], status);
	ring->inflight -= nr;
	memmove(ring->ops, ring->ops + nr, ring->inflight * sizeof(*ring->ops));
	signal_eventfd(ring);
	pthread_mutex_unlock(&lock);
}
