// SPDX-License-Identifier: GPL-2.0
/*
 * The completion rings of a file.
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
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/wait_bit.h>

#include "compat.h"
#include "file/ctx.h"
#include "file/ring.h"
#include "mem/arena.h"

/* Where the next ring begins in the offsets of mmap(). */
#define KVPOOL_RING_STRIDE						\
	((u64)roundup_pow_of_two(PAGE_SIZE + KVPOOL_RING_ENTRIES_MAX *	\
				 sizeof(struct kvpool_completion)))

/* The first page of the mapping; the completions begin with the second. */
struct kvpool_ring_indices {
	u32 head ____cacheline_aligned;
	u32 tail ____cacheline_aligned;
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

/**
 * kvpool_ring_create() - Give a file another ring
 * @ctx: the file's context
 * @entries: places, a power of two
 * @eventfd: to be signalled, or NULL; belongs to the ring if the call succeeds
 *
 * Return: the ring with a reference, or ERR_PTR(-ENOMEM or -ENOSPC).
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
	/* One for the table, one for the caller. */
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
 * @ring: the ring; mappings of it keep their pages
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
 * Return: the ring with a reference, or NULL.
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
 * kvpool_ring_remove() - Take a ring out of its file
 * @ctx: the context
 * @id: the number of the ring
 *
 * Nothing is admitted to it any more, and operations that were admitted before
 * see kvpool_ring_ended().
 *
 * Return: the ring with the table's reference, or NULL.
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
 * Return: 0, or -EINTR if a fatal signal came.
 */
int kvpool_ring_drained(struct kvpool_ring *ring)
{
	return wait_var_event_killable(&ring->inflight,
				       !READ_ONCE(ring->inflight)) ? -EINTR : 0;
}

/**
 * kvpool_ring_describe() - Tell where the parts of a ring are
 * @ring: the ring
 * @arg: what KVPOOL_IOC_RING returns
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
 * @vma: shared, not executable, beginning at kvpool_arena_size() or beyond
 *
 * Return: 0, or -EINVAL if no ring is there or it is shorter.
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
 * kvpool_ring_admit() - Take room for completions
 * @ring: the ring
 * @nr: how many are wanted
 *
 * Return: how many there is room for, at most @nr, zero for a removed ring.
 * Each has to be used by kvpool_ring_post().
 */
u32 kvpool_ring_admit(struct kvpool_ring *ring, u32 nr)
{
	u32 used;

	spin_lock(&ring->lock);
	/* The user is done with what is before its head. */
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
 * kvpool_ring_ended() - Has a ring been removed?
 * @ring: the ring
 *
 * To be asked for each operation once the tasks that cancel can find it: either
 * they do, or this returns true.
 *
 * Return: true if so.
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
	WRITE_ONCE(ring->inflight, ring->inflight - 1);
	/* A user that sees the tail sees the completion. */
	smp_store_release(&ring->indices->tail, ring->tail);
	spin_unlock(&ring->lock);
}

/**
 * kvpool_ring_wake() - Tell the user that there are completions
 * @ring: the ring
 */
void kvpool_ring_wake(struct kvpool_ring *ring)
{
	if (wq_has_sleeper(ring->wq))
		wake_up_poll(ring->wq, EPOLLIN | EPOLLRDNORM);
	if (ring->eventfd)
		kvpool_eventfd_signal(ring->eventfd);
	/* wq_has_sleeper() was the barrier after the post. */
	if (READ_ONCE(ring->ended))
		wake_up_var(&ring->inflight);
}

/**
 * kvpool_rings_readable() - Are there completions that were not reaped?
 * @ctx: the context
 *
 * Return: true if any ring of the file has some, by its user's head.
 */
bool kvpool_rings_readable(struct kvpool_ctx *ctx)
{
	struct kvpool_ring *ring;
	bool readable = false;
	unsigned long id;

	if (xa_empty(&ctx->rings))
		return false;
	/* Keeps the rings from being freed. */
	xa_lock(&ctx->rings);
	xa_for_each(&ctx->rings, id, ring)
		readable |= READ_ONCE(ring->tail) !=
			    READ_ONCE(ring->indices->head);
	xa_unlock(&ctx->rings);
	return readable;
}

/**
 * kvpool_rings_exit() - End the rings of a file without users
 * @ctx: the context; nothing is in flight
 */
void kvpool_rings_exit(struct kvpool_ctx *ctx)
{
	struct kvpool_ring *ring;
	unsigned long id;

	xa_for_each(&ctx->rings, id, ring)
		kvpool_ring_put(ring);
	xa_destroy(&ctx->rings);
}
