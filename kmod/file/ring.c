// SPDX-License-Identifier: GPL-2.0
/*
 * The completion rings of a file.
 *
 * The user may write anything to the shared memory. So the module keeps its own
 * tail, reads the head only to compute the free room, and never reads
 * completions. Room is reserved at submission, so that a completion never finds
 * the ring full.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/wait_bit.h>

#include "compat.h"
#include "file/ctx.h"
#include "file/ring.h"
#include "mem/arena.h"

/* Distance between the rings of a file in the offsets of mmap(). */
#define KVPOOL_RING_STRIDE						\
	((u64)roundup_pow_of_two(PAGE_SIZE + KVPOOL_RING_ENTRIES_MAX *	\
				 sizeof(struct kvpool_completion)))

/* The first page of the mapping; the completions begin with the second. */
struct kvpool_ring_indices {
	u32 head ____cacheline_aligned;
	u32 tail ____cacheline_aligned;
};

/* As vmalloc_user(), but charged to the caller's memory cgroup. */
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

/**
 * kvpool_ring_create() - Add a ring to a file
 * @ctx: the file's context
 * @entries: completions that the ring can hold, a power of two
 * @eventfd: the eventfd to signal, or NULL; belongs to the ring if the call
 *	     succeeds
 *
 * Context: May sleep.
 * Return: the ring, with a reference for the caller; ERR_PTR(-ENOMEM); or
 * ERR_PTR(-ENOSPC) if the file has KVPOOL_RINGS_MAX rings.
 */
struct kvpool_ring *kvpool_ring_create(struct kvpool_ctx *ctx, u32 entries,
				       struct eventfd_ctx *eventfd)
{
	struct kvpool_ring *ring;
	int ret;

	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&ring->lock);
	/* One reference for the table, one for the caller. */
	refcount_set(&ring->refs, 2);
	ring->wq = &ctx->wq;
	ring->entries = entries;
	ring->bytes = PAGE_SIZE +
		      PAGE_ALIGN((size_t)entries * sizeof(*ring->cqes));
	ring->indices = kvpool_ring_alloc(ring->bytes >> PAGE_SHIFT);
	if (!ring->indices) {
		kfree(ring);
		return ERR_PTR(-ENOMEM);
	}
	ring->cqes = (void *)ring->indices + PAGE_SIZE;
	ring->eventfd = eventfd;

	ret = xa_alloc(&ctx->rings, &ring->id, ring,
		       XA_LIMIT(1, KVPOOL_RINGS_MAX), GFP_KERNEL_ACCOUNT);
	if (ret) {
		ring->eventfd = NULL;
		kvpool_ring_free(ring);
		return ERR_PTR(ret == -EBUSY ? -ENOSPC : ret);
	}
	return ring;
}

/**
 * kvpool_ring_free() - Free a ring without references
 * @ring: the ring; its pages stay while they are mapped
 *
 * Context: May sleep.
 */
void kvpool_ring_free(struct kvpool_ring *ring)
{
	if (ring->eventfd)
		eventfd_ctx_put(ring->eventfd);
	vfree(ring->indices);
	kfree(ring);
}

/**
 * kvpool_ring_find() - Find a ring by its number
 * @ctx: the context
 * @id: the number
 *
 * Context: Any.
 * Return: the ring, with a reference for the caller, or NULL.
 */
struct kvpool_ring *kvpool_ring_find(struct kvpool_ctx *ctx, u32 id)
{
	struct kvpool_ring *ring;

	xa_lock(&ctx->rings);
	ring = xa_load(&ctx->rings, id);
	if (ring)
		refcount_inc(&ring->refs);
	xa_unlock(&ctx->rings);
	return ring;
}

/**
 * kvpool_ring_remove() - Remove a ring from its file
 * @ctx: the context
 * @id: the number of the ring
 *
 * The ring admits no further operation. For operations that it admitted before,
 * kvpool_ring_ended() returns true.
 *
 * Context: Any.
 * Return: the ring, with the table's reference, or NULL.
 */
struct kvpool_ring *kvpool_ring_remove(struct kvpool_ctx *ctx, u32 id)
{
	struct kvpool_ring *ring = xa_erase(&ctx->rings, id);

	if (!ring)
		return NULL;
	spin_lock(&ring->lock);
	WRITE_ONCE(ring->ended, true);
	spin_unlock(&ring->lock);
	/* Pairs with the barrier of kvpool_ring_ended(). */
	smp_mb();
	return ring;
}

/**
 * kvpool_ring_drained() - Wait until a removed ring has no operation in flight
 * @ring: the ring
 *
 * Context: May sleep.
 * Return: 0, or -EINTR on a fatal signal.
 */
int kvpool_ring_drained(struct kvpool_ring *ring)
{
	return wait_var_event_killable(&ring->inflight,
				       !READ_ONCE(ring->inflight)) ? -EINTR : 0;
}

/**
 * kvpool_ring_describe() - Fill in the results of KVPOOL_IOC_RING
 * @ring: the ring
 * @arg: out: the results
 */
void kvpool_ring_describe(const struct kvpool_ring *ring,
			  struct kvpool_ring_setup *arg)
{
	arg->entries = ring->entries;
	arg->offset = kvpool_arena_size() + ring->id * KVPOOL_RING_STRIDE;
	arg->length = ring->bytes;
	arg->head_offset = offsetof(struct kvpool_ring_indices, head);
	arg->tail_offset = offsetof(struct kvpool_ring_indices, tail);
	arg->completions_offset = PAGE_SIZE;
	arg->ring = ring->id;
}

/**
 * kvpool_ring_mmap() - Map a ring
 * @ctx: the context
 * @vma: a shared mapping, not executable, whose offset is kvpool_arena_size()
 *	 or more
 *
 * Context: mmap(), with mmap_lock held; may sleep.
 * Return: 0; -EINVAL if no ring begins at the offset, or the ring is shorter
 * than the mapping; or the errno of remap_vmalloc_range().
 */
int kvpool_ring_mmap(struct kvpool_ctx *ctx, struct vm_area_struct *vma)
{
	unsigned long pages = vma->vm_pgoff -
			      (kvpool_arena_size() >> PAGE_SHIFT);
	unsigned long stride = KVPOOL_RING_STRIDE >> PAGE_SHIFT;
	struct kvpool_ring *ring;
	int ret = -EINVAL;

	if (pages % stride || pages / stride > KVPOOL_RINGS_MAX)
		return -EINVAL;
	ring = kvpool_ring_find(ctx, pages / stride);
	if (!ring)
		return -EINVAL;
	if (vma->vm_end - vma->vm_start <= ring->bytes) {
		kvpool_vma_mod_flags(vma, VM_DONTCOPY, VM_MAYEXEC);
		ret = remap_vmalloc_range(vma, ring->indices, 0);
	}
	kvpool_ring_put(ring);
	return ret;
}

/**
 * kvpool_ring_admit() - Reserve room for completions
 * @ring: the ring
 * @nr: completions to reserve room for
 *
 * The caller calls kvpool_ring_post() once for each completion that room was
 * reserved for.
 *
 * Context: Process context.
 * Return: completions that room was reserved for: at most @nr, zero for a
 * removed ring.
 */
u32 kvpool_ring_admit(struct kvpool_ring *ring, u32 nr)
{
	u32 used;

	spin_lock(&ring->lock);
	/* Pairs with the release of the user after reading completions. */
	used = ring->tail - smp_load_acquire(&ring->indices->head);
	used = min(used, ring->entries) + ring->inflight;
	nr = min(nr, ring->entries - min(used, ring->entries));
	if (ring->ended)
		nr = 0;
	ring->inflight += nr;
	spin_unlock(&ring->lock);
	return nr;
}

/**
 * kvpool_ring_ended() - Tell whether a ring has been removed
 * @ring: the ring
 *
 * Called for each operation as soon as kvpool_cancel_match() can find it:
 * either that call, made after kvpool_ring_remove(), finds the operation, or
 * this one returns true.
 *
 * Context: Any.
 * Return: true if @ring has been removed.
 */
bool kvpool_ring_ended(const struct kvpool_ring *ring)
{
	/* Pairs with the barrier of kvpool_ring_remove(). */
	smp_mb();
	return READ_ONCE(ring->ended);
}

/**
 * kvpool_ring_post() - Write a completion
 * @ring: the ring
 * @cqe: the completion, for which kvpool_ring_admit() has reserved room
 *
 * The caller then calls kvpool_ring_wake(), once for all completions.
 *
 * Context: Process context.
 */
void kvpool_ring_post(struct kvpool_ring *ring,
		      const struct kvpool_completion *cqe)
{
	spin_lock(&ring->lock);
	ring->cqes[ring->tail & (ring->entries - 1)] = *cqe;
	WRITE_ONCE(ring->tail, ring->tail + 1);
	WRITE_ONCE(ring->inflight, ring->inflight - 1);
	/* Pairs with the acquire of the user: it sees the completion. */
	smp_store_release(&ring->indices->tail, ring->tail);
	spin_unlock(&ring->lock);
}

/**
 * kvpool_ring_wake() - Wake tasks that wait for completions
 * @ring: the ring
 *
 * Context: Process context.
 */
void kvpool_ring_wake(struct kvpool_ring *ring)
{
	if (wq_has_sleeper(ring->wq))
		wake_up_poll(ring->wq, EPOLLIN | EPOLLRDNORM);
	if (ring->eventfd)
		kvpool_eventfd_signal(ring->eventfd);
	/* wq_has_sleeper() is the full barrier after kvpool_ring_post(). */
	if (READ_ONCE(ring->ended))
		wake_up_var(&ring->inflight);
}

/**
 * kvpool_rings_readable() - Tell whether a file has unreaped completions
 * @ctx: the context
 *
 * Context: Process context.
 * Return: true if the user's head of a ring differs from the tail.
 */
bool kvpool_rings_readable(struct kvpool_ctx *ctx)
{
	struct kvpool_ring *ring;
	bool readable = false;
	unsigned long id;

	if (xa_empty(&ctx->rings))
		return false;
	/* The lock keeps the rings in the table, which references them. */
	xa_lock(&ctx->rings);
	xa_for_each(&ctx->rings, id, ring) {
		readable = READ_ONCE(ring->tail) !=
			   READ_ONCE(ring->indices->head);
		if (readable)
			break;
	}
	xa_unlock(&ctx->rings);
	return readable;
}

/**
 * kvpool_rings_exit() - End all rings of a context
 * @ctx: the context of a file without users and without operations in flight
 *
 * Context: May sleep.
 */
void kvpool_rings_exit(struct kvpool_ctx *ctx)
{
	struct kvpool_ring *ring;
	unsigned long id;

	xa_for_each(&ctx->rings, id, ring)
		kvpool_ring_put(ring);
	xa_destroy(&ctx->rings);
}
