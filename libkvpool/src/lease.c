// SPDX-License-Identifier: LGPL-2.1-or-later
/* Leases and reservations that operations made: their pieces and their end. */

#include "error.h"
#include "export.h"
#include "pool.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* On the stack at a time, also for threads with small stacks. */
#define CHUNK	128U

/* Reads the spans from @first on. Returns how many there are in all. */
static int read_spans(const struct kvpool *pool, uint64_t handle, unsigned int first,
		      struct kvpool_span *spans, unsigned int nr, const char *call)
{
	struct kvpool_spans arg = { .size = sizeof(arg), .handle = handle };
	unsigned int done = 0;
	int ret;

	do {
		arg.first = first + done;
		arg.spans = (uintptr_t)(spans + done);
		arg.nr_spans = nr - done < KVP_SPANS_CAP ? nr - done : KVP_SPANS_CAP;
		arg.total = 0;
		ret = kvp_ioctl(pool, KVPOOL_IOC_SPANS, &arg, call);
		if (ret)
			return ret;
		done += arg.nr_spans;
	} while (arg.nr_spans && done < nr && first + done < arg.total);
	return arg.total > INT_MAX ? INT_MAX : (int)arg.total;
}

KVP_EXPORT int kvpool_lease_spans(struct kvpool *pool, uint64_t handle,
				  struct kvpool_span *spans, unsigned int nr_spans)
{
	if (!pool || (!spans && nr_spans) || nr_spans > INT_MAX)
		return kvp_fail(-EINVAL, "%s: no pool, or no array of spans", __func__);
	return read_spans(pool, handle, 0, spans, nr_spans, __func__);
}

static void store_iov(const struct kvpool *pool, struct iovec *iov,
		      const struct kvpool_span *span)
{
	iov->iov_base = (char *)pool->base + span->offset;
	iov->iov_len = span->length;
}

KVP_EXPORT int kvpool_lease_iov(struct kvpool *pool, const struct kvpool_completion *completion,
				struct iovec *iov, int nr_iov)
{
	struct kvpool_span spans[CHUNK];
	unsigned int nr, done, n, i;
	int ret;

	if (!pool || !completion || nr_iov < 0 || (!iov && nr_iov))
		return kvp_fail(-EINVAL, "%s: no pool, no completion, or no array of pieces",
				__func__);
	if (!completion->handle || !completion->nr_spans)
		return kvp_fail(-EBADF, "%s: the completion has no lease and no reservation; its status is %d",
				__func__, completion->status);
	if (!pool->base)
		return kvp_fail(-ENXIO, "%s: the arena is not mapped; open the pool without KVPOOL_OPEN_NOMAP",
				__func__);
	nr = completion->nr_spans < (unsigned int)nr_iov ? completion->nr_spans :
							   (unsigned int)nr_iov;
	if (nr)
		store_iov(pool, iov, &completion->span);
	for (done = 1; done < nr; done += n) {
		n = nr - done < CHUNK ? nr - done : CHUNK;
		ret = read_spans(pool, completion->handle, done, spans, n, __func__);
		if (ret < 0)
			return ret;
		if ((unsigned int)ret != completion->nr_spans)
			return kvp_fail(-EBADF, "%s: the block of the handle has %d pieces and that of the completion %u; the handle is not the completion's any more",
					__func__, ret, completion->nr_spans);
		for (i = 0; i < n; i++)
			store_iov(pool, &iov[done + i], &spans[i]);
	}
	return completion->nr_spans > INT_MAX ? INT_MAX : (int)completion->nr_spans;
}

KVP_EXPORT int kvpool_abort_handles(struct kvpool *pool, const uint64_t *handles,
				    unsigned int nr_handles, int *status)
{
	struct kvpool_handle_entry entries[CHUNK];
	unsigned int done, i, n;
	int ret = 0, aborted = 0;

	if (!pool || (!handles && nr_handles) || nr_handles > INT_MAX)
		return kvp_fail(-EINVAL, "%s: no pool, no handles, or more than %d handles",
				__func__, INT_MAX);
	for (done = 0; done < nr_handles; done += n) {
		struct kvpool_handles arg = {
			.size = sizeof(arg),
			.entries = (uintptr_t)entries,
		};

		n = nr_handles - done < CHUNK ? nr_handles - done : CHUNK;
		if (n > pool->max_batch)
			n = pool->max_batch;
		memset(entries, 0, n * sizeof(*entries));
		for (i = 0; i < n; i++)
			entries[i].handle = handles[done + i];
		arg.nr_entries = n;
		ret = kvp_ioctl(pool, KVPOOL_IOC_ABORT, &arg, __func__);
		if (ret)
			break;
		aborted += (int)arg.nr_done;
		for (i = 0; status && i < n; i++)
			status[done + i] = entries[i].status;
	}
	/* Handles that the call did not reach have its error as their status. */
	for (i = done; ret && status && i < nr_handles; i++)
		status[i] = ret;
	return ret && !aborted ? ret : aborted;
}
