// SPDX-License-Identifier: GPL-2.0
/*
 * Poison: pages of chunks whose memory has failed.
 *
 * The kernel marks such a page (PG_hwpoison) and can do no more about memory of
 * a driver. The pool does the rest: it unmaps the page from every process, so
 * that the next access raises SIGBUS, drops the block that the page belongs to,
 * gives the page to no other block, and keeps the chunk for ever, since the
 * page allocator would hand its pages out one day.
 *
 * The kernel tells nobody but its tracepoint memory_failure_event.
 */
#define pr_fmt(fmt) "kvpool: " fmt

#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/page-flags.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "mem/arena.h"
#include "mem/poison.h"

static struct tracepoint *kvpool_poison_tp;
static struct work_struct *kvpool_poison_todo;

/* The frames that have failed since kvpool_poison_take(), and all between. */
static DEFINE_SPINLOCK(kvpool_poison_lock);
static unsigned long kvpool_poison_first = ULONG_MAX;
static unsigned long kvpool_poison_last;

/* No page of a chunk has failed as long as this is not set. */
static bool kvpool_poison_told;	/* of a failure, since load */
static bool kvpool_poison_seen;

static void kvpool_poison_probe(void *data, unsigned long pfn, int type,
				int result)
{
	unsigned long flags;

	spin_lock_irqsave(&kvpool_poison_lock, flags);
	kvpool_poison_first = min(kvpool_poison_first, pfn);
	kvpool_poison_last = max(kvpool_poison_last, pfn);
	spin_unlock_irqrestore(&kvpool_poison_lock, flags);
	WRITE_ONCE(kvpool_poison_told, true);
	queue_work(system_unbound_wq, kvpool_poison_todo);
}

static void kvpool_poison_find_tp(struct tracepoint *tp, void *data)
{
	if (!strcmp(tp->name, "memory_failure_event"))
		kvpool_poison_tp = tp;
}

/**
 * kvpool_poison_watch() - Begin to watch for memory that fails
 * @work: queued after each failure, on the whole host
 *
 * Context: Module load; may sleep.
 * Return: 0, also if the kernel never tells; or a negative errno.
 */
int kvpool_poison_watch(struct work_struct *work)
{
	int ret;

	kvpool_poison_todo = work;
	for_each_kernel_tracepoint(kvpool_poison_find_tp, NULL);
	if (!kvpool_poison_tp)
		return 0;
	ret = tracepoint_probe_register(kvpool_poison_tp, kvpool_poison_probe,
					NULL);
	if (ret)
		kvpool_poison_tp = NULL;
	return ret;
}

/**
 * kvpool_poison_unwatch() - Undo kvpool_poison_watch(); wait for its work
 *
 * Context: Module unload; may sleep.
 */
void kvpool_poison_unwatch(void)
{
	if (kvpool_poison_tp) {
		tracepoint_probe_unregister(kvpool_poison_tp,
					    kvpool_poison_probe, NULL);
		tracepoint_synchronize_unregister();
		kvpool_poison_tp = NULL;
	}
	cancel_work_sync(kvpool_poison_todo);
}

/**
 * kvpool_poison_take() - Take the range of frames that have failed
 * @first: out: the first frame
 * @last: out: the last frame
 *
 * Context: Any.
 * Return: false if none has failed since the last call.
 */
bool kvpool_poison_take(unsigned long *first, unsigned long *last)
{
	spin_lock_irq(&kvpool_poison_lock);
	*first = kvpool_poison_first;
	*last = kvpool_poison_last;
	kvpool_poison_first = ULONG_MAX;
	kvpool_poison_last = 0;
	spin_unlock_irq(&kvpool_poison_lock);
	return *first <= *last;
}

/**
 * kvpool_poison_chunk() - Count the pages of a chunk that have failed
 * @tier: the tier of the chunk
 * @head: its compound page, to which the caller has a reference
 *
 * The count goes into @tier->poisoned, each page once.
 *
 * Context: Any; one caller at a time for each chunk.
 * Return: true if at least one page has failed.
 */
bool kvpool_poison_chunk(struct kvpool_tier *tier, struct page *head)
{
	unsigned long nr = 0;
	unsigned int i;

	/* The kernel counts a failure after it has told of it. */
	if (!READ_ONCE(kvpool_poison_told) && !kvpool_node_failed(tier->node))
		return false;
	for (i = 0; i < KVPOOL_CHUNK_PAGES; i++)
		nr += PageHWPoison(head + i);
	if (!nr)
		return false;
	/* Nobody else uses the field of a driver's page. */
	atomic_long_add(nr - page_private(head), &tier->poisoned);
	set_page_private(head, nr);
	/* The kernel maps such a chunk page by page. */
	kvpool_folio_set_poisoned(page_folio(head));
	WRITE_ONCE(kvpool_poison_seen, true);
	smp_mb();	/* before the caller looks for sealed blocks */
	return true;
}

/*
 * Let no block get the pages of a chunk that have failed, and visit the places
 * that have them.
 */
static void kvpool_poison_ban(struct kvpool_arena *arena,
			      struct kvpool_chunk *chunk,
			      void (*visit)(struct kvpool_place *place,
					    void *arg), void *arg)
{
	struct kvpool_extent *ext;
	unsigned long *bad;
	u32 i, first;

	bad = bitmap_zalloc(KVPOOL_CHUNK_PAGES, GFP_KERNEL | __GFP_NOFAIL);
	for (i = 0; i < KVPOOL_CHUNK_PAGES; i++)
		if (PageHWPoison(chunk->page + i))
			__set_bit(i, bad);
	spin_lock(&arena->lock);
	kvpool_extmap_ban(&arena->maps[chunk->node], chunk, &bad);
	hlist_for_each_entry(ext, &chunk->extents, node) {
		first = ext->page & (KVPOOL_CHUNK_PAGES - 1);
		if (find_next_bit(chunk->bad, first + ext->nr, first) <
		    first + ext->nr)
			visit(kvpool_extent_place(ext), arg);
	}
	spin_unlock(&arena->lock);
	bitmap_free(bad);
}

/*
 * The next chunk with such frames, with a reference, which keeps it; or
 * ERR_PTR(-EAGAIN), with its index, if it may be about to leave.
 */
static struct kvpool_chunk *
kvpool_poison_find(struct kvpool_arena *arena, unsigned long *index,
		   unsigned long first, unsigned long last)
{
	struct kvpool_chunk *chunk;
	struct folio *folio;
	unsigned long pfn;

	rcu_read_lock();
	xa_for_each_start(&arena->chunks, *index, chunk, *index) {
		folio = page_folio(chunk->page);
		pfn = page_to_pfn(chunk->page);
		if (pfn <= last && pfn + KVPOOL_CHUNK_PAGES > first &&
		    folio_try_get(folio)) {
			if (!READ_ONCE(chunk->leaving))
				break;
			folio_put(folio);
			chunk = ERR_PTR(-EAGAIN);
			break;
		}
		/* The walk goes on by index: @chunk may be freed now. */
		if (!(*index % 1024)) {
			/* cond_resched_rcu() does nothing with PREEMPT_RCU. */
			rcu_read_unlock();
			cond_resched();
			rcu_read_lock();
		}
	}
	rcu_read_unlock();
	return chunk;
}

/**
 * kvpool_poison_next() - Take failed pages of a chunk away from everybody
 * @arena: the arena
 * @index: in: first index of the chunk; out: index of the next chunk
 * @first: the first frame that may have failed
 * @last: the last one
 * @visit: called with the arena's lock held, for each extent with failed pages
 *	   of a place. The place may be without its list of extents.
 * @arg: passed to @visit
 *
 * Context: May sleep; one caller at a time.
 * Return: false if no other chunk has such frames.
 */
bool kvpool_poison_next(struct kvpool_arena *arena, unsigned long *index,
			unsigned long first, unsigned long last,
			void (*visit)(struct kvpool_place *place, void *arg),
			void *arg)
{
	struct kvpool_chunk *chunk;
	struct page *page;

	while (IS_ERR(chunk = kvpool_poison_find(arena, index, first, last)))
		cond_resched();
	if (!chunk)
		return false;
	page = chunk->page;
	/* Faults that were handled before have mapped the page by then. */
	lock_page(page);
	if (kvpool_poison_chunk(kvpool_tier_find(chunk->node), page)) {
		pr_warn_ratelimited("memory of node %d has failed; the block in it is dropped, and the page is not used again\n",
				    chunk->node);
		kvpool_poison_ban(arena, chunk, visit, arg);
		unmap_mapping_range(arena->inode->i_mapping,
				    (loff_t)chunk->index << KVPOOL_CHUNK_SHIFT,
				    KVPOOL_CHUNK_SIZE, 1);
	}
	unlock_page(page);
	(*index)++;
	put_page(page);
	return true;
}

/**
 * kvpool_poison_place() - Tell whether memory of a place has failed
 * @arena: the arena
 * @place: a place whose extents stay during the call
 *
 * Context: Any; takes no lock.
 * Return: true if at least one page has failed.
 */
bool kvpool_poison_place(struct kvpool_arena *arena,
			 const struct kvpool_place *place)
{
	const struct kvpool_extent *ext = kvpool_place_extents(place);
	struct kvpool_chunk *chunk;
	struct page *page;
	u32 i, k;

	if (likely(!READ_ONCE(kvpool_poison_seen)))
		return false;
	for (i = 0; i < place->nr_extents; i++) {
		chunk = xa_load(&arena->chunks,
				ext[i].page >> KVPOOL_CHUNK_ORDER);
		if (!kvpool_folio_poisoned(page_folio(chunk->page)))
			continue;
		page = chunk->page + (ext[i].page & (KVPOOL_CHUNK_PAGES - 1));
		for (k = 0; k < ext[i].nr; k++)
			if (PageHWPoison(page + k))
				return true;
	}
	return false;
}
