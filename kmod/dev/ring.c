// SPDX-License-Identifier: GPL-2.0
/*
 * The completion ring of a file.
 *
 * The memory is the user's to scribble on: the tail that counts is a private
 * copy, the head is only used to see how much room there is, and completions
 * are written and never read. Room is taken at submission, so that a completion
 * cannot find the ring full.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "kvpool.h"

/* The first page of the mapping; the completions begin with the second. */
struct kvpool_ring_indices {
	u32 head ____cacheline_aligned;
	u32 tail ____cacheline_aligned;
};

/**
 * struct kvpool_ring - completions on their way to the user
 * @lock:	protects @tail, @inflight and the order of completions
 * @tail:	completions written
 * @inflight:	operations that have room but have not completed
 * @entries:	places, a power of two
 * @bytes:	of the mapping
 * @indices:	shared with the user
 * @cqes:	shared with the user
 * @eventfd:	to be signalled, or NULL
 */
struct kvpool_ring {
	spinlock_t lock;	/* tail, inflight, order of completions */
	u32 tail;
	u32 inflight;
	u32 entries;
	size_t bytes;
	struct kvpool_ring_indices *indices;
	struct kvpool_completion *cqes;
	struct eventfd_ctx *eventfd;
};

/* As vmalloc_user(), and charged to the caller's memory cgroup. */
static void *kvpool_ring_alloc(unsigned int nr)
{
	struct page **pages;
	void *area = NULL;
	unsigned int i;

	pages = kvcalloc(nr, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return NULL;
	for (i = 0; i < nr; i++) {
		pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!pages[i])
			break;
	}
	if (i == nr)
		area = vmap(pages, nr, VM_MAP | VM_MAP_PUT_PAGES | VM_USERMAP,
			    PAGE_KERNEL);
	if (!area) {
		while (i--)
			__free_page(pages[i]);
		kvfree(pages);
	}
	return area;
}

static struct kvpool_ring *kvpool_ring_create(u32 entries)
{
	struct kvpool_ring *ring;

	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&ring->lock);
	ring->entries = entries;
	ring->bytes = PAGE_SIZE +
		      PAGE_ALIGN((size_t)entries * sizeof(*ring->cqes));
	ring->indices = kvpool_ring_alloc(ring->bytes >> PAGE_SHIFT);
	if (!ring->indices) {
		kfree(ring);
		return ERR_PTR(-ENOMEM);
	}
	ring->cqes = (void *)ring->indices + PAGE_SIZE;
	return ring;
}

static void kvpool_ring_destroy(struct kvpool_ring *ring)
{
	if (ring->eventfd)
		eventfd_ctx_put(ring->eventfd);
	vfree(ring->indices);
	kfree(ring);
}

/**
 * kvpool_ioctl_ring() - KVPOOL_IOC_RING
 * @call: the call
 *
 * Return: 0 or a negative errno.
 */
int kvpool_ioctl_ring(struct kvpool_call *call)
{
	struct kvpool_ring_setup *arg = call->arg;
	struct kvpool_ctx *ctx = call->ctx;
	struct eventfd_ctx *eventfd = NULL;
	struct kvpool_ring *ring;

	if (arg->flags || arg->reserved || !arg->entries ||
	    arg->entries > KVPOOL_RING_ENTRIES_MAX || arg->eventfd < -1)
		return -EINVAL;
	if (arg->eventfd >= 0) {
		eventfd = eventfd_ctx_fdget(arg->eventfd);
		if (IS_ERR(eventfd))
			return PTR_ERR(eventfd);
	}
	ring = kvpool_ring_create(roundup_pow_of_two(arg->entries));
	if (IS_ERR(ring)) {
		if (eventfd)
			eventfd_ctx_put(eventfd);
		return PTR_ERR(ring);
	}
	ring->eventfd = eventfd;

	kvpool_ctx_bind(ctx);
	/* Complete for whoever sees it without the lock. */
	if (cmpxchg(&ctx->ring, NULL, ring)) {
		kvpool_ring_destroy(ring);
		return -EBUSY;
	}
	arg->entries = ring->entries;
	arg->offset = kvpool_arena_size();
	arg->length = ring->bytes;
	arg->head_offset = offsetof(struct kvpool_ring_indices, head);
	arg->tail_offset = offsetof(struct kvpool_ring_indices, tail);
	arg->completions_offset = PAGE_SIZE;
	return 0;
}

/**
 * kvpool_ring_mmap() - Map the ring
 * @ctx: whose
 * @vma: shared, not executable
 *
 * Return: 0, or -EINVAL if there is no ring or it is shorter.
 */
int kvpool_ring_mmap(struct kvpool_ctx *ctx, struct vm_area_struct *vma)
{
	/* Pairs with the cmpxchg() of kvpool_ioctl_ring(). */
	struct kvpool_ring *ring = smp_load_acquire(&ctx->ring);

	if (!ring || vma->vm_end - vma->vm_start > ring->bytes)
		return -EINVAL;
	kvpool_vma_mod_flags(vma, VM_DONTCOPY, VM_MAYEXEC);
	return remap_vmalloc_range(vma, ring->indices, 0);
}

/**
 * kvpool_ring_admit() - Take room for completions
 * @ring: the ring
 * @nr: how many are wanted
 *
 * Return: how many there is room for, at most @nr. Each has to be used by
 * kvpool_ring_post().
 */
u32 kvpool_ring_admit(struct kvpool_ring *ring, u32 nr)
{
	u32 used;

	spin_lock(&ring->lock);
	/* The user is done with what is before its head. */
	used = ring->tail - smp_load_acquire(&ring->indices->head);
	used = min(used, ring->entries) + ring->inflight;
	nr = min(nr, ring->entries - min(used, ring->entries));
	ring->inflight += nr;
	spin_unlock(&ring->lock);
	return nr;
}

/**
 * kvpool_ring_post() - Write a completion
 * @ring: the ring
 * @cqe: the completion
 *
 * kvpool_ring_wake() has to follow, once for many.
 */
void kvpool_ring_post(struct kvpool_ring *ring,
		      const struct kvpool_completion *cqe)
{
	spin_lock(&ring->lock);
	ring->cqes[ring->tail & (ring->entries - 1)] = *cqe;
	WRITE_ONCE(ring->tail, ring->tail + 1);
	ring->inflight--;
	/* Who sees the tail sees the completion. */
	smp_store_release(&ring->indices->tail, ring->tail);
	spin_unlock(&ring->lock);
}

/**
 * kvpool_ring_wake() - Tell whoever waits that there are completions
 * @ctx: whose
 * @ring: its ring
 */
void kvpool_ring_wake(struct kvpool_ctx *ctx, struct kvpool_ring *ring)
{
	if (wq_has_sleeper(&ctx->wq))
		wake_up_poll(&ctx->wq, EPOLLIN | EPOLLRDNORM);
	if (ring->eventfd)
		kvpool_eventfd_signal(ring->eventfd);
}

/**
 * kvpool_ring_readable() - Are there completions that were not reaped?
 * @ctx: whose
 *
 * Return: what the user's head says.
 */
bool kvpool_ring_readable(struct kvpool_ctx *ctx)
{
	/* Pairs with the cmpxchg() of kvpool_ioctl_ring(). */
	struct kvpool_ring *ring = smp_load_acquire(&ctx->ring);

	return ring && READ_ONCE(ring->tail) != READ_ONCE(ring->indices->head);
}

/**
 * kvpool_ring_exit() - End the ring of a file that nobody uses any more
 * @ctx: the file's context; nothing is in flight
 */
void kvpool_ring_exit(struct kvpool_ctx *ctx)
{
	if (ctx->ring)
		kvpool_ring_destroy(ctx->ring);
}
