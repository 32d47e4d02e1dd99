// SPDX-License-Identifier: GPL-2.0
/*
 * Faults: how the chunks of an arena get into the mappings of processes.
 *
 * A mapping is of one of two kinds, and stays of its kind until its end:
 *
 * - A huge-capable mapping has neither VM_MIXEDMAP nor VM_PFNMAP. A fault hands
 *   a page to the kernel, which maps the whole chunk by one entry where the
 *   chunk lies inside the mapping, and this page alone elsewhere. Of mappings
 *   with those flags the kernel would not give back the references of such
 *   entries.
 * - Into any other mapping a fault inserts the pages of the chunk as far as the
 *   mapping reaches, because the pages of a block are used together. This sets
 *   VM_MIXEDMAP, so it cannot be done in mappings of the first kind.
 *
 * Both map ordinary pages with a reference for each entry, so that GPU and RDMA
 * drivers can take DMA pins on them.
 */
#include <linux/align.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "compat.h"
#include "mem/arena.h"
#include "mem/fault.h"

/* Pages that are inserted at a time. */
#define KVPOOL_FAULT_BATCH	64

/**
 * kvpool_fault_huge() - Tell whether a new mapping of an arena can be huge
 * @vma: the mapping; @vma->vm_pgoff counts from the start of the arena
 *
 * Context: mmap(), with mmap_lock held.
 * Return: true if the addresses of at least one chunk are aligned and nobody
 * has asked for small pages. Otherwise the caller sets VM_MIXEDMAP.
 */
bool kvpool_fault_huge(const struct vm_area_struct *vma)
{
	unsigned long start = ALIGN(vma->vm_start, KVPOOL_CHUNK_SIZE);

	return has_transparent_hugepage() && !kvpool_vma_thp_disabled(vma) &&
	       IS_ALIGNED((vma->vm_start >> PAGE_SHIFT) - vma->vm_pgoff,
			  KVPOOL_CHUNK_PAGES) &&
	       start >= vma->vm_start && start < vma->vm_end &&
	       vma->vm_end - start >= KVPOOL_CHUNK_SIZE;
}

/*
 * The head of the chunk at an offset, with a reference, which keeps the chunk
 * in the arena; ERR_PTR(-ENOENT) if there is none, and ERR_PTR(-EAGAIN) if
 * there will be none, or one again, in a moment.
 */
static struct page *kvpool_fault_get(struct kvpool_arena *arena, pgoff_t pgoff)
{
	struct kvpool_chunk *chunk;
	struct folio *folio;
	struct page *page;
	bool leaving;

	rcu_read_lock();
	chunk = xa_load(&arena->chunks, pgoff >> KVPOOL_CHUNK_ORDER);
	if (!chunk) {
		rcu_read_unlock();
		return ERR_PTR(-ENOENT);
	}
	page = chunk->page;
	folio = page_folio(page);
	/* Pairs with kvpool_arena_release(): no reference, or no mapping. */
	if (!folio_try_get(folio)) {
		rcu_read_unlock();
		return ERR_PTR(-EAGAIN);
	}
	leaving = READ_ONCE(chunk->leaving);
	rcu_read_unlock();
	if (leaving) {
		folio_put(folio);
		return ERR_PTR(-EAGAIN);
	}
	return page;
}

/*
 * Insert the pages of a chunk from @addr to @end, except poisoned ones.
 * Failures are harmless: what is missing can still fault.
 */
static void kvpool_fault_around(struct vm_area_struct *vma, struct page *page,
				unsigned long addr, unsigned long end)
{
	struct page *pages[KVPOOL_FAULT_BATCH];
	unsigned long nr, left;
	int ret;

	while (addr < end) {
		left = min_t(unsigned long, (end - addr) >> PAGE_SHIFT,
			     KVPOOL_FAULT_BATCH);
		for (nr = 0; nr < left && !PageHWPoison(page + nr); nr++)
			pages[nr] = page + nr;
		left = nr;
		ret = nr ? vm_insert_pages(vma, addr, pages, &left) : -EBUSY;
		nr -= left;
		if (ret == -EBUSY)
			nr++;		/* this page is mapped, or poisoned */
		else if (ret)
			break;
		addr += nr << PAGE_SHIFT;
		page += nr;
	}
}

static vm_fault_t kvpool_fault_insert(struct vm_fault *vmf, struct page *head)
{
	unsigned long first = vmf->pgoff & (KVPOOL_CHUNK_PAGES - 1);
	unsigned long addr = vmf->address & PAGE_MASK, before, after;
	struct vm_area_struct *vma = vmf->vma;
	int ret;

	ret = vm_insert_page(vma, addr, head + first);
	if (ret == -ENOMEM)
		return VM_FAULT_OOM;
	/* -EBUSY: another thread has mapped the page concurrently. */
	if (ret && ret != -EBUSY)
		return VM_FAULT_SIGBUS;

	before = min(addr - vma->vm_start, first << PAGE_SHIFT);
	after = min(vma->vm_end - addr,
		    (KVPOOL_CHUNK_PAGES - first) << PAGE_SHIFT);
	kvpool_fault_around(vma, head + first - (before >> PAGE_SHIFT),
			    addr - before, addr + after);
	return VM_FAULT_NOPAGE;
}

/**
 * kvpool_fault() - Map the chunk that a process touched
 * @arena: the arena that @vmf->vma maps
 * @vmf: the fault
 *
 * Context: Page fault, with mmap_lock or the mapping's lock held; may sleep.
 * Return: a VM_FAULT code; zero if @vmf->page has a page with a reference, for
 * the kernel to map.
 */
vm_fault_t kvpool_fault(struct kvpool_arena *arena, struct vm_fault *vmf)
{
	struct page *head = kvpool_fault_get(arena, vmf->pgoff), *page;
	vm_fault_t ret;

	if (IS_ERR(head)) {
		if (PTR_ERR(head) == -ENOENT)
			return VM_FAULT_SIGBUS;
		cond_resched();
		return VM_FAULT_NOPAGE;		/* and fault again */
	}

	page = head + (vmf->pgoff & (KVPOOL_CHUNK_PAGES - 1));
	if (PageHWPoison(page)) {
		put_page(head);
		return VM_FAULT_HWPOISON;
	}
	if (!(vmf->vma->vm_flags & VM_MIXEDMAP)) {
		vmf->page = page;
		return 0;
	}

	ret = kvpool_fault_insert(vmf, head);
	put_page(head);
	return ret;
}
