// SPDX-License-Identifier: LGPL-2.1-or-later
/* Operations of the mock device, and its completion ring. */
#include "mock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_ENTRIES	4096U
#define COMPLETIONS	4096U	/* where they begin in the mapping */

void *__real_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *addr, size_t length);

/* Threads share it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	uint32_t entries;
	uint32_t tail;
	uint32_t inflight;
	int eventfd;
	char *map;
	size_t length;
	struct kvpool_op ops[MAX_ENTRIES];	/* in flight, the oldest first */
} ring;

static _Atomic uint32_t *shared(size_t offset)
{
	return (void *)(ring.map + offset);
}

void mock_ring_reset(void)
{
	if (ring.map)
		__real_munmap(ring.map, ring.length);
	memset(&ring, 0, sizeof(ring));
}

uint32_t *mock_ring_head(void)
{
	return (void *)ring.map;
}

uint32_t *mock_ring_tail(void)
{
	return (void *)(ring.map + 64);
}

static unsigned int field(const struct kvpool_op *op, unsigned int at)
{
	unsigned int value;

	memcpy(&value, op->key + at, sizeof(value));
	return value;
}

static void complete(const struct kvpool_op *op, int status, struct kvpool_completion *c)
{
	memset(c, 0, sizeof(*c));
	c->user_data = op->user_data;
	c->status = status;
	c->peer = op->peer;
	c->length = status ? 0 : 4096;
	if (op->opcode == KVPOOL_OP_LEASE && !status) {
		c->handle = field(op, 4) + 1;
		c->nr_spans = 1;
		mock.held++;
	}
	if (op->opcode == KVPOOL_OP_RELEASE)
		mock.held--;
}

static void post(const struct kvpool_op *op, int status)
{
	struct kvpool_completion *c = (void *)(ring.map + COMPLETIONS);

	complete(op, status, c + (ring.tail++ & (ring.entries - 1)));
	atomic_store_explicit(shared(64), ring.tail, memory_order_release);
}

/* The eventfd tells, as the device does, after the completions are there. */
static void wake(void)
{
	const uint64_t one = 1;

	if (write(ring.eventfd, &one, sizeof(one)) != sizeof(one))
		mock.bad_input = true;
}

static int setup(struct kvpool_ring_setup *arg)
{
	if (arg->flags || arg->reserved || arg->offset || arg->length || arg->eventfd < 0)
		mock.bad_input = true;
	if (ring.entries) {
		errno = EBUSY;
		return -1;
	}
	ring.entries = 1;
	while (ring.entries < arg->entries)
		ring.entries *= 2;
	ring.eventfd = arg->eventfd;
	ring.length = COMPLETIONS + ring.entries * sizeof(struct kvpool_completion);
	ring.map = __real_mmap(NULL, ring.length, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ring.tail = mock.ring_start;
	*mock_ring_head() = mock.ring_start;
	*mock_ring_tail() = mock.ring_start;
	arg->entries = ring.entries;
	arg->offset = MOCK_ARENA;
	arg->length = ring.length;
	arg->head_offset = 0;
	arg->tail_offset = 64;
	arg->completions_offset = COMPLETIONS;
	if (mock.ring_nonsense)
		arg->completions_offset = ring.length - 64;
	return 0;
}

static int submit_and_wait(struct kvpool_submit *arg)
{
	struct kvpool_completion *results = (void *)(uintptr_t)arg->results;
	const struct kvpool_op *ops = (void *)(uintptr_t)arg->ops;
	uint32_t i;

	for (i = 0; i < arg->nr_ops; i++)
		complete(&ops[i], -(int)ops[i].key[0], &results[i]);
	arg->nr_done = arg->nr_ops;
	return 0;
}

static int submit(struct kvpool_submit *arg)
{
	const struct kvpool_op *ops = (void *)(uintptr_t)arg->ops;
	uint32_t i, unreaped, used, room;

	if (arg->flags || arg->nr_done || !arg->nr_ops || arg->nr_ops > mock.info.max_batch)
		mock.bad_input = true;
	mock.op = ops[0];
	if (arg->results)
		return submit_and_wait(arg);
	unreaped = ring.tail - atomic_load_explicit(shared(0), memory_order_acquire);
	used = (unreaped < ring.entries ? unreaped : ring.entries) + ring.inflight;
	room = used < ring.entries ? ring.entries - used : 0;
	if (!room) {
		errno = EBUSY;
		return -1;
	}
	arg->nr_done = arg->nr_ops < room ? arg->nr_ops : room;
	for (i = 0; i < arg->nr_done; i++) {
		if (field(&ops[i], 8))
			ring.ops[ring.inflight++] = ops[i];
		else
			post(&ops[i], -(int)ops[i].key[0]);
	}
	wake();
	return 0;
}

static bool matches(const struct kvpool_cancel *arg, const struct kvpool_op *op)
{
	if (arg->flags & KVPOOL_CANCEL_USER_DATA)
		return op->user_data == arg->match;
	return arg->flags & KVPOOL_CANCEL_TAG ? op->tag == arg->match : true;
}

static int cancel(struct kvpool_cancel *arg)
{
	uint32_t i, left = 0;

	if (arg->nr_done || arg->reserved)
		mock.bad_input = true;
	for (i = 0; i < ring.inflight; i++) {
		if (!matches(arg, &ring.ops[i])) {
			ring.ops[left++] = ring.ops[i];
			continue;
		}
		post(&ring.ops[i], -ECANCELED);
		arg->nr_done++;
	}
	ring.inflight = left;
	if (arg->nr_done)
		wake();
	return 0;
}

int mock_ring_ioctl(unsigned long cmd, void *arg)
{
	int ret;

	pthread_mutex_lock(&lock);
	if (cmd == KVPOOL_IOC_RING)
		ret = setup(arg);
	else if (cmd == KVPOOL_IOC_CANCEL)
		ret = cancel(arg);
	else
		ret = submit(arg);
	pthread_mutex_unlock(&lock);
	return ret;
}

/* The caller unmaps a mapping of its own. */
void *mock_ring_map(size_t length)
{
	if (length != ring.length)
		mock.bad_input = true;
	return mremap(ring.map, 0, length, MREMAP_MAYMOVE);
}

void mock_ring_complete(unsigned int nr, int status)
{
	uint32_t i;

	pthread_mutex_lock(&lock);
	if (nr > ring.inflight)
		nr = ring.inflight;
	for (i = 0; i < nr; i++)
		post(&ring.ops[i], status);
	ring.inflight -= nr;
	memmove(ring.ops, ring.ops + nr, ring.inflight * sizeof(*ring.ops));
	wake();
	pthread_mutex_unlock(&lock);
}
