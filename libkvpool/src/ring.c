// SPDX-License-Identifier: LGPL-2.1-or-later
/* Operations that are submitted and reaped. */

#include "clock.h"
#include "error.h"
#include "export.h"
#include "options.h"
#include "pool.h"
#include "run.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEFAULT_ENTRIES	256U

/* The module writes its side of the mapping from other CPUs, hence the atomics. */
struct kvpool_ring {
	struct kvpool *pool;
	uint32_t number;			/* the module's, zero until there is one */
	void *map;
	size_t map_size;
	uint32_t entries;
	_Atomic uint32_t *tail;			/* the module's */
	_Atomic uint32_t *shared_head;		/* ours, for the module */
	const struct kvpool_completion *completions;
	int fd;					/* eventfd */

	atomic_uint pending;			/* submitted and not reaped */
	pthread_mutex_t lock;			/* protects @head */
	uint32_t head;
};

static int map_ring(struct kvpool_ring *ring, const struct kvpool_ring_setup *setup,
		    const char *call)
{
	uint64_t end = setup->completions_offset +
		       (uint64_t)setup->entries * sizeof(*ring->completions);
	int error;

	if (!setup->ring || !setup->entries || (setup->entries & (setup->entries - 1)) ||
	    end > setup->length || setup->length > SIZE_MAX / 2 ||
	    setup->head_offset + sizeof(uint32_t) > setup->length ||
	    setup->tail_offset + sizeof(uint32_t) > setup->length)
		return kvp_fail(-EPROTO, "%s: the module describes the ring %u of %u entries in %llu bytes, which makes no sense",
				call, setup->ring, setup->entries, (unsigned long long)setup->length);
	ring->map_size = setup->length;
	ring->map = mmap(NULL, ring->map_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 ring->pool->fd, (off_t)setup->offset);
	if (ring->map == MAP_FAILED) {
		error = errno;
		ring->map = NULL;
		return kvp_fail(-error, "%s: mapping the ring of %zu bytes failed: %s", call,
				ring->map_size, kvp_errno_text(error));
	}
	ring->entries = setup->entries;
	ring->shared_head = (void *)((char *)ring->map + setup->head_offset);
	ring->tail = (void *)((char *)ring->map + setup->tail_offset);
	ring->completions = (void *)((char *)ring->map + setup->completions_offset);
	ring->head = atomic_load_explicit(ring->shared_head, memory_order_relaxed);
	return 0;
}

static void free_ring(struct kvpool_ring *ring)
{
	if (ring->map)
		munmap(ring->map, ring->map_size);
	if (ring->fd >= 0)
		close(ring->fd);
	pthread_mutex_destroy(&ring->lock);
	free(ring);
}

static int setup_ring(struct kvpool_ring *ring, uint32_t entries, const char *call)
{
	struct kvpool_ring_setup setup = { .size = sizeof(setup), .entries = entries };
	int error;

	ring->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ring->fd < 0) {
		error = errno;
		return kvp_fail(-error, "%s: the system has no eventfd for the ring: %s", call,
				kvp_errno_text(error));
	}
	setup.eventfd = ring->fd;
	error = kvp_ioctl(ring->pool, KVPOOL_IOC_RING, &setup, call);
	if (error == -ENOSPC)
		return kvp_fail(error, "%s: this pool has %u rings, which is the limit; destroy a ring, or open the pool a second time",
				call, KVPOOL_RINGS_MAX);
	if (error)
		return error;
	ring->number = setup.ring;
	return map_ring(ring, &setup, call);
}

/* Ends the ring in the module. Its completions can still be taken. */
static void end_ring(struct kvpool_ring *ring, const char *call)
{
	struct kvpool_ring_end arg = { .size = sizeof(arg), .ring = ring->number };

	if (ring->number)
		kvp_ioctl(ring->pool, KVPOOL_IOC_RING_END, &arg, call);
}

KVP_EXPORT int kvpool_ring_create(struct kvpool *pool, const struct kvpool_ring_opts *opts,
				  struct kvpool_ring **result)
{
	struct kvpool_ring_opts o;
	struct kvpool_ring *ring;
	int ret;

	if (!result)
		return kvp_fail(-EINVAL, "%s: nowhere to store the ring", __func__);
	*result = NULL;
	if (!pool)
		return kvp_fail(-EINVAL, "%s: no pool", __func__);
	ret = kvp_options(&o, sizeof(o), KVP_SIZE_TO(struct kvpool_ring_opts, entries), opts,
			  __func__);
	if (ret)
		return ret;
	if (o.flags || o.entries > KVPOOL_RING_ENTRIES_MAX)
		return kvp_fail(-EINVAL, "%s: unknown flags %#x, or %u entries where %u is the limit",
				__func__, o.flags, o.entries, KVPOOL_RING_ENTRIES_MAX);
	ring = calloc(1, sizeof(*ring));
	if (!ring)
		return kvp_fail(-ENOMEM, "%s: out of memory", __func__);
	ring->pool = pool;
	ring->fd = -1;
	pthread_mutex_init(&ring->lock, NULL);
	ret = setup_ring(ring, o.entries ?: DEFAULT_ENTRIES, __func__);
	if (ret) {
		end_ring(ring, __func__);
		free_ring(ring);
		return ret;
	}
	*result = ring;
	return 0;
}

KVP_EXPORT int kvpool_ring_fd(const struct kvpool_ring *ring)
{
	return ring->fd;
}

KVP_EXPORT unsigned int kvpool_ring_entries(const struct kvpool_ring *ring)
{
	return ring->entries;
}

KVP_EXPORT unsigned int kvpool_ring_pending(const struct kvpool_ring *ring)
{
	return atomic_load_explicit(&ring->pending, memory_order_relaxed);
}

KVP_EXPORT int kvpool_ring_submit(struct kvpool_ring *ring, const struct kvpool_op *ops,
				  unsigned int nr_ops)
{
	unsigned int done = 0, n;
	int ret = 0;

	if (!ring || (!ops && nr_ops) || nr_ops > INT_MAX)
		return kvp_fail(-EINVAL, "%s: no ring, no operations, or more than %d", __func__,
				INT_MAX);
	while (done < nr_ops) {
		struct kvpool_submit arg = { .size = sizeof(arg) };

		n = nr_ops - done;
		if (n > ring->pool->max_batch)
			n = ring->pool->max_batch;
		arg.nr_ops = n;
		arg.ops = (uintptr_t)(ops + done);
		arg.ring = ring->number;
		/* Before they can be reaped. */
		atomic_fetch_add_explicit(&ring->pending, n, memory_order_relaxed);
		ret = kvp_ioctl(ring->pool, KVPOOL_IOC_SUBMIT, &arg, __func__);
		if (ret)
			arg.nr_done = 0;
		atomic_fetch_sub_explicit(&ring->pending, n - arg.nr_done, memory_order_relaxed);
		done += arg.nr_done;
		if (arg.nr_done < n)
			break;
	}
	return done || ret == -EBUSY ? (int)done : ret;
}

/* Takes the completions that are there, without a system call. */
static unsigned int take(struct kvpool_ring *ring, struct kvpool_completion *completions,
			 unsigned int nr, bool *more)
{
	uint32_t ready, i;

	pthread_mutex_lock(&ring->lock);
	ready = atomic_load_explicit(ring->tail, memory_order_acquire) - ring->head;
	/* A process that has spoilt its own mapping reads nonsense, but no more entries. */
	if (ready > ring->entries)
		ready = ring->entries;
	*more = ready > nr;
	if (*more)
		ready = nr;
	for (i = 0; i < ready; i++)
		completions[i] = ring->completions[(ring->head + i) & (ring->entries - 1)];
	ring->head += ready;
	atomic_store_explicit(ring->shared_head, ring->head, memory_order_release);
	pthread_mutex_unlock(&ring->lock);
	if (ready)
		atomic_fetch_sub_explicit(&ring->pending, ready, memory_order_relaxed);
	return ready;
}

/* Waits until the eventfd is readable. Zero or a negative errno. */
static int wait_fd(const struct kvpool_ring *ring, uint64_t deadline)
{
	struct pollfd wait = { .fd = ring->fd, .events = POLLIN };
	uint64_t left = KVPOOL_WAIT_FOREVER, now;
	struct timespec ts;

	if (deadline != KVPOOL_WAIT_FOREVER) {
		now = kvp_now();
		left = deadline > now ? deadline - now : 0;
		ts.tv_sec = (time_t)(left / 1000000000);
		ts.tv_nsec = (long)(left % 1000000000);
	}
	switch (ppoll(&wait, 1, left == KVPOOL_WAIT_FOREVER ? NULL : &ts, NULL)) {
	case -1:
		/* The caller looks at the ring and waits again. */
		return errno == EINTR && !ring->pool->interruptible ? 0 : -errno;
	case 0:
		return -ETIMEDOUT;
	default:
		return 0;
	}
}

/* The eventfd's count means nothing: it only wakes. */
static void set_fd(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return;		/* its count is at the limit: it is readable */
}

static void clear_fd(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;		/* the count was zero */
}

KVP_EXPORT int kvpool_ring_reap(struct kvpool_ring *ring, struct kvpool_completion *completions,
				unsigned int nr, unsigned int min, uint64_t timeout_ns)
{
	bool more, cleared = false;
	unsigned int got;
	uint64_t deadline = 0;
	int ret = 0;

	if (!ring || !completions || !nr || nr > INT_MAX || min > nr)
		return kvp_fail(-EINVAL, "%s: no ring, no array, or a minimum of %u in %u places",
				__func__, min, nr);
	got = take(ring, completions, nr, &more);
	if (got < min) {
		deadline = timeout_ns == KVPOOL_WAIT_FOREVER ? timeout_ns : kvp_now() + timeout_ns;
		if (deadline < timeout_ns)
			deadline = KVPOOL_WAIT_FOREVER;
	}
	while (got < min && !ret) {
		/* Clear, then look, then wait: a completion in between sets the eventfd. */
		clear_fd(ring->fd);
		cleared = true;
		got += take(ring, completions + got, nr - got, &more);
		if (got < min)
			ret = wait_fd(ring, deadline);
	}
	/* Another thread may wait for the completions that this thread has left. */
	if (cleared && more)
		set_fd(ring->fd);
	if (got || !ret)
		return (int)got;
	if (ret == -ETIMEDOUT)
		return kvp_fail(ret, "%s: no operation completed in time; %u are pending", __func__,
				kvpool_ring_pending(ring));
	return kvp_fail(ret, "%s: the wait ended: %s", __func__,
			kvp_errno_text(-ret));
}

KVP_EXPORT int kvpool_ring_cancel(struct kvpool_ring *ring, uint32_t flags, uint64_t match)
{
	if (!ring)
		return kvp_fail(-EINVAL, "%s: no ring", __func__);
	return kvp_cancel(ring->pool, ring->number, flags, match, __func__);
}

static int end_handles(struct kvpool_ring *ring, unsigned long cmd,
		       struct kvpool_handle_entry *entries, unsigned int nr, const char *call)
{
	struct kvpool_handles arg = {
		.size = sizeof(arg),
		.nr_entries = nr,
		.entries = (uintptr_t)entries,
	};

	return nr ? kvp_ioctl(ring->pool, cmd, &arg, call) : 0;
}

/*
 * Only the caller of kvpool_ring_reap() could end the handles of completions; of
 * those that were not reaped the ring does. A completion does not tell a lease
 * from a reservation: a handle that is not found among the leases is a reservation.
 */
static void end_unreaped(struct kvpool_ring *ring, const char *call)
{
	struct kvpool_completion completions[64];
	struct kvpool_handle_entry entries[64];
	unsigned int got, nr, left, i;
	bool more;

	do {
		got = take(ring, completions, 64, &more);
		memset(entries, 0, sizeof(entries));
		for (i = nr = 0; i < got; i++)
			if (completions[i].handle)
				entries[nr++].handle = completions[i].handle;
		if (end_handles(ring, KVPOOL_IOC_RELEASE, entries, nr, call))
			continue;
		for (i = left = 0; i < nr; i++)
			if (entries[i].status == -ENOENT)
				entries[left++] = (struct kvpool_handle_entry) {
					.handle = entries[i].handle,
				};
		end_handles(ring, KVPOOL_IOC_ABORT, entries, left, call);
	} while (more);
}

KVP_EXPORT void kvpool_ring_destroy(struct kvpool_ring *ring)
{
	if (!ring)
		return;
	end_ring(ring, __func__);
	end_unreaped(ring, __func__);
	free_ring(ring);
}
