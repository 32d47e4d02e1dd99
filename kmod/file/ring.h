/* SPDX-License-Identifier: GPL-2.0 */
/* Completion rings. */
#ifndef _KVPOOL_RING_H
#define _KVPOOL_RING_H

#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <linux/kvpool.h>

struct eventfd_ctx;
struct kvpool_ctx;
struct kvpool_ring_indices;
struct vm_area_struct;

/**
 * struct kvpool_ring - a completion ring
 * @lock:	protects @tail, @inflight, @ended and the order of completions
 * @refs:	one for the table of the file, one for each operation in flight,
 *		and those of callers
 * @id:		number
 * @tail:	number of completions written, modulo 2^32
 * @inflight:	completions that room is reserved for and that are not written
 * @ended:	the ring has been removed and admits no operation
 * @entries:	completions that the ring can hold, a power of two
 * @bytes:	length of the mapping
 * @indices:	head and tail, shared with the user
 * @cqes:	completions, shared with the user
 * @wq:		wait queue of the file
 * @eventfd:	eventfd to signal, or NULL
 */
struct kvpool_ring {
	spinlock_t lock;	/* tail, inflight, ended, order of cqes */
	refcount_t refs;
	u32 id;
	u32 tail;
	u32 inflight;
	bool ended;
	u32 entries;
	size_t bytes;
	struct kvpool_ring_indices *indices;
	struct kvpool_completion *cqes;
	wait_queue_head_t *wq;
	struct eventfd_ctx *eventfd;
};

struct kvpool_ring *kvpool_ring_create(struct kvpool_ctx *ctx, u32 entries,
				       struct eventfd_ctx *eventfd);
void kvpool_ring_free(struct kvpool_ring *ring);
struct kvpool_ring *kvpool_ring_find(struct kvpool_ctx *ctx, u32 id);
struct kvpool_ring *kvpool_ring_remove(struct kvpool_ctx *ctx, u32 id);
int kvpool_ring_drained(struct kvpool_ring *ring);
void kvpool_ring_describe(const struct kvpool_ring *ring,
			  struct kvpool_ring_setup *arg);
int kvpool_ring_mmap(struct kvpool_ctx *ctx, struct vm_area_struct *vma);
u32 kvpool_ring_admit(struct kvpool_ring *ring, u32 nr);
bool kvpool_ring_ended(const struct kvpool_ring *ring);
void kvpool_ring_post(struct kvpool_ring *ring,
		      const struct kvpool_completion *cqe);
void kvpool_ring_wake(struct kvpool_ring *ring);
bool kvpool_rings_readable(struct kvpool_ctx *ctx);
void kvpool_rings_exit(struct kvpool_ctx *ctx);

static inline void kvpool_ring_get(struct kvpool_ring *ring)
{
	refcount_inc(&ring->refs);
}

static inline void kvpool_ring_put(struct kvpool_ring *ring)
{
	if (refcount_dec_and_test(&ring->refs))
		kvpool_ring_free(ring);
}

#endif /* _KVPOOL_RING_H */
