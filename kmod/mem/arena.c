// SPDX-License-Identifier: GPL-2.0
/*
 * Arena: the memory of one tenant as one space of offsets, which its files map.
 *
 * A chunk belongs to one tenant until it leaves the arena (mem/vacate.c).
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/rbtree.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "mem/arena.h"
#include "mem/poison.h"
#include "mem/refs.h"
#include "mem/trace.h"

/*
 * Chunks are large folios that processes map in part. Without huge pages,
 * madvise_cold_or_pageout_pte_range() of 6.12 takes a failed split of such a
 * folio for a success, so that madvise(MADV_PAGEOUT) does not terminate.
 */
#ifndef CONFIG_TRANSPARENT_HUGEPAGE
#error "kvpool needs a kernel with CONFIG_TRANSPARENT_HUGEPAGE"
#endif

#define KVPOOL_FS_MAGIC		0x6b76706c	/* "kvpl" */

/* Extents that are allocated, moved and freed with one hold of the lock. */
#define KVPOOL_ALLOC_SLICE	16
#define KVPOOL_FREE_SLICE	64

static struct vfsmount *kvpool_mnt;
static unsigned long kvpool_arena_chunks;	/* most chunks of one arena */

static int kvpool_fs_init_context(struct fs_context *fc)
{
	return init_pseudo(fc, KVPOOL_FS_MAGIC) ? 0 : -ENOMEM;
}

/* No .owner: the mount would hold a reference to the module until unload. */
static struct file_system_type kvpool_fs_type = {
	.name = "kvpool",
	.init_fs_context = kvpool_fs_init_context,
	.kill_sb = kill_anon_super,
};

/**
 * kvpool_arenas_init() - Mount the file system of the arenas' inodes
 *
 * Context: Module load; may sleep.
 * Return: 0 or a negative errno.
 */
int kvpool_arenas_init(void)
{
	u64 size = max_t(u64, (u64)totalram_pages() << (PAGE_SHIFT + 2),
			 1ULL << 40);

	/* Extents count 4 KiB pages in 32 bits. */
	size = min_t(u64, roundup_pow_of_two(size), 1ULL << 44);
	kvpool_arena_chunks = size >> KVPOOL_CHUNK_SHIFT;

	kvpool_mnt = kern_mount(&kvpool_fs_type);
	return PTR_ERR_OR_ZERO(kvpool_mnt);
}

/**
 * kvpool_arenas_exit() - Undo kvpool_arenas_init()
 *
 * Context: Module unload, after the last arena has ended; may sleep.
 */
void kvpool_arenas_exit(void)
{
	kern_unmount(kvpool_mnt);
}

/**
 * kvpool_arena_size() - Tell the length of the space of offsets
 *
 * Return: bytes; the same for all arenas, and constant.
 */
u64 kvpool_arena_size(void)
{
	return (u64)kvpool_arena_chunks << KVPOOL_CHUNK_SHIFT;
}

/**
 * kvpool_arena_init() - Make an empty arena
 * @arena: the arena; its @owner is set by the caller
 *
 * Context: May sleep.
 * Return: 0 or a negative errno.
 */
int kvpool_arena_init(struct kvpool_arena *arena)
{
	unsigned int node;

	arena->maps = kcalloc(nr_node_ids, sizeof(*arena->maps), GFP_KERNEL);
	if (!arena->maps)
		return -ENOMEM;
	for (node = 0; node < nr_node_ids; node++)
		kvpool_extmap_init(&arena->maps[node]);

	arena->inode = alloc_anon_inode(kvpool_mnt->mnt_sb);
	if (IS_ERR(arena->inode)) {
		kfree(arena->maps);
		return PTR_ERR(arena->inode);
	}
	/* Beyond the end of a file the kernel maps no huge pages. */
	i_size_write(arena->inode, kvpool_arena_size());

	spin_lock_init(&arena->lock);
	xa_init_flags(&arena->chunks, XA_FLAGS_ALLOC);
	return 0;
}

/**
 * kvpool_arena_exit() - End an arena that has neither blocks nor mappings
 * @arena: the arena
 *
 * Context: May sleep.
 */
void kvpool_arena_exit(struct kvpool_arena *arena)
{
	struct kvpool_chunk *chunk;
	unsigned long index;

	WARN_ON(arena->used);
	/*
	 * The module drops its own reference. The kernel frees a page that a
	 * pipe, say, still references when that reference is dropped.
	 */
	xa_for_each(&arena->chunks, index, chunk) {
		trace_kvpool_chunk_del(arena->owner, chunk->index, chunk->node);
		kvpool_tier_free(kvpool_tier_find(chunk->node), chunk->page);
		bitmap_free(chunk->bad);
		kfree(chunk);
	}
	xa_destroy(&arena->chunks);
	iput(arena->inode);
	kfree(arena->maps);
}

/* Add a chunk with an index within @limit. */
static int kvpool_arena_add(struct kvpool_arena *arena,
			    struct kvpool_tier *tier, unsigned long quota,
			    struct xa_limit limit, unsigned int flags)
{
	unsigned long nr = atomic_long_read(&arena->nr_chunks);
	struct kvpool_chunk *chunk;
	struct page *page;
	int ret;

	do {
		if (nr >= quota)
			return -EDQUOT;
	} while (!atomic_long_try_cmpxchg(&arena->nr_chunks, &nr, nr + 1));

	page = kvpool_tier_alloc(tier, flags);
	if (IS_ERR(page)) {
		ret = PTR_ERR(page);
		goto err_count;
	}

	ret = -ENOMEM;
	chunk = kzalloc(sizeof(*chunk), GFP_KERNEL);
	if (!chunk)
		goto err_page;
	chunk->page = page;
	chunk->node = tier->node;
	/* Faults and dumps find the chunk before the extmap has it. */
	chunk->isolated = true;
	chunk->leaving = true;

	/* The lowest free index, so that mappings stay dense. */
	ret = xa_alloc(&arena->chunks, &chunk->index, chunk, limit,
		       GFP_KERNEL);
	if (ret)
		goto err_chunk;
	/* The kernel compares it with the end of the file in faults. */
	page->index = (pgoff_t)chunk->index << KVPOOL_CHUNK_ORDER;

	spin_lock(&arena->lock);
	kvpool_extmap_add(&arena->maps[tier->node], chunk);
	if (flags & KVPOOL_GROW_GUARANTEED)
		kvpool_extmap_guarantee(&arena->maps[tier->node], chunk, true);
	spin_unlock(&arena->lock);
	trace_kvpool_chunk_add(arena->owner, chunk->index, chunk->node);
	return 0;

err_chunk:
	kfree(chunk);
err_page:
	kvpool_tier_free(tier, page);
err_count:
	atomic_long_dec(&arena->nr_chunks);
	return ret;
}

/**
 * kvpool_arena_grow() - Add a chunk
 * @arena: the arena
 * @tier: the tier that the memory comes from
 * @quota: most chunks that the arena may have
 * @flags: KVPOOL_GROW_*
 *
 * Context: May sleep.
 * Return: 0; -EDQUOT at the quota; -ENOSPC at the tier's limit; -ENOMEM.
 */
int kvpool_arena_grow(struct kvpool_arena *arena, struct kvpool_tier *tier,
		      unsigned long quota, unsigned int flags)
{
	return kvpool_arena_add(arena, tier, quota,
				XA_LIMIT(0, kvpool_arena_chunks - 1), flags);
}

/**
 * kvpool_arena_grow_at() - Add a guaranteed chunk with a given index
 * @arena: the arena
 * @tier: the tier that the memory comes from
 * @quota: most chunks that the arena may have
 * @index: the index
 * @flags: KVPOOL_GROW_*
 *
 * Context: May sleep.
 * Return: 0; -EBUSY if there is such a chunk; -EDQUOT at the quota; -ENOSPC at
 * the tier's limit; -ENOMEM.
 */
int kvpool_arena_grow_at(struct kvpool_arena *arena, struct kvpool_tier *tier,
			 unsigned long quota, u32 index, unsigned int flags)
{
	return kvpool_arena_add(arena, tier, quota, XA_LIMIT(index, index),
				flags | KVPOOL_GROW_GUARANTEED);
}

/**
 * kvpool_arena_guarantee() - Make sure that a chunk never leaves
 * @arena: the arena
 * @index: index of the chunk
 * @nodes: nodes that its memory may be on
 *
 * Context: Any.
 * Return: 0; -ENOENT if there is no such chunk; -EXDEV if it is on another
 * node; -EAGAIN if it may be about to leave.
 */
int kvpool_arena_guarantee(struct kvpool_arena *arena, u32 index,
			   const nodemask_t *nodes)
{
	struct kvpool_chunk *chunk;
	int ret = 0;

	rcu_read_lock();
	chunk = xa_load(&arena->chunks, index);
	if (!chunk) {
		ret = -ENOENT;
		goto out;
	}
	spin_lock(&arena->lock);
	if (chunk->guaranteed)
		ret = node_isset(chunk->node, *nodes) ? 0 : -EXDEV;
	else if (chunk->isolated)
		ret = -EAGAIN;
	else if (!node_isset(chunk->node, *nodes))
		ret = -EXDEV;
	else
		kvpool_extmap_guarantee(&arena->maps[chunk->node], chunk, true);
	spin_unlock(&arena->lock);
out:
	rcu_read_unlock();
	return ret;
}

/**
 * kvpool_arena_waive() - Undo kvpool_arena_guarantee()
 * @arena: the arena
 * @index: index of the chunk; nothing happens if it is not guaranteed
 *
 * Context: Any.
 */
void kvpool_arena_waive(struct kvpool_arena *arena, u32 index)
{
	struct kvpool_chunk *chunk;

	rcu_read_lock();
	chunk = xa_load(&arena->chunks, index);
	if (chunk) {
		spin_lock(&arena->lock);
		if (chunk->guaranteed)
			kvpool_extmap_guarantee(&arena->maps[chunk->node],
						chunk, false);
		spin_unlock(&arena->lock);
	}
	rcu_read_unlock();
}

/**
 * kvpool_arena_guaranteed() - Count chunks that never leave
 * @arena: the arena
 * @node: NUMA node of the chunks
 *
 * Context: Any; takes no lock.
 * Return: their number.
 */
unsigned long kvpool_arena_guaranteed(struct kvpool_arena *arena, int node)
{
	return READ_ONCE(arena->maps[node].nr_guaranteed);
}

/**
 * kvpool_arena_empty() - Count chunks that are entirely free
 * @arena: the arena
 * @node: NUMA node of the chunks
 *
 * Context: Any; takes no lock.
 * Return: their number, which may change at any time.
 */
unsigned long kvpool_arena_empty(struct kvpool_arena *arena, int node)
{
	return READ_ONCE(arena->maps[node].nr_empty);
}

/* The chunk of a page that belongs to a block, which keeps the chunk. */
static struct kvpool_chunk *kvpool_arena_chunk(struct kvpool_arena *arena,
					       u32 page)
{
	return xa_load(&arena->chunks, page >> KVPOOL_CHUNK_ORDER);
}

static void *kvpool_arena_address(struct kvpool_arena *arena, u32 page)
{
	struct kvpool_chunk *chunk;

	chunk = kvpool_arena_chunk(arena, page);
	return page_address(chunk->page + (page & (KVPOOL_CHUNK_PAGES - 1)));
}

/**
 * kvpool_arena_copy() - Copy the bytes of a place with the CPU
 * @arena: the arena
 * @to: a place of the same length that only the caller can reach
 * @from: the place of a sealed block that the caller has a reference to
 *
 * Context: May sleep.
 * Return: 0, or -EIO if memory of @from has failed.
 */
int kvpool_arena_copy(struct kvpool_arena *arena, struct kvpool_place *to,
		      const struct kvpool_place *from)
{
	const struct kvpool_extent *d = kvpool_place_extents(to);
	const struct kvpool_extent *s = kvpool_place_extents(from);
	u32 left = kvpool_place_pages(to), dp = 0, sp = 0, nr;

	if (kvpool_poison_place(arena, from))
		return -EIO;
	for (;;) {
		nr = min(d->nr - dp, s->nr - sp);
		/* Returns what it could not read, instead of a panic. */
		if (copy_mc_to_kernel(kvpool_arena_address(arena, d->page + dp),
				      kvpool_arena_address(arena, s->page + sp),
				      (size_t)nr << KVPOOL_PAGE_SHIFT))
			return -EIO;
		left -= nr;
		if (!left)
			return 0;
		cond_resched();
		dp += nr;
		sp += nr;
		if (dp == d->nr) {
			d++;
			dp = 0;
		}
		if (sp == s->nr) {
			s++;
			sp = 0;
		}
	}
}

/**
 * kvpool_arena_sg() - List the memory of a part of a place
 * @arena: the arena
 * @place: a place whose extents stay during the call
 * @offset: start of the part in bytes; a multiple of KVPOOL_PAGE_SIZE
 * @length: bytes of the part, at most to the end of the place's last page
 * @sg: out: the memory
 * @max: entries in @sg, at least one
 * @covered: out: bytes that are listed: @length, or less if @sg is full
 *
 * Context: Any; takes no lock.
 * Return: the number of entries of @sg that were set.
 */
unsigned int kvpool_arena_sg(struct kvpool_arena *arena,
			     const struct kvpool_place *place, u32 offset,
			     u32 length, struct scatterlist *sg,
			     unsigned int max, u32 *covered)
{
	const struct kvpool_extent *ext = kvpool_place_extents(place);
	u32 skip = offset >> KVPOOL_PAGE_SHIFT, done = 0, first, bytes;
	struct kvpool_chunk *chunk;
	unsigned int n;

	for (; skip >= ext->nr; ext++)
		skip -= ext->nr;
	for (n = 0; n < max && done < length; n++, ext++, skip = 0) {
		first = ext->page + skip;
		bytes = min((ext->nr - skip) << KVPOOL_PAGE_SHIFT,
			    length - done);
		chunk = kvpool_arena_chunk(arena, first);
		sg_set_page(&sg[n], chunk->page +
				    (first & (KVPOOL_CHUNK_PAGES - 1)),
			    bytes, 0);
		done += bytes;
	}
	*covered = done;
	return n;
}

/**
 * kvpool_arena_room() - Count free pages
 * @arena: the arena
 * @node: NUMA node of the pages
 *
 * Context: Any; takes no lock.
 * Return: pages; the number may change at any time.
 */
unsigned long kvpool_arena_room(struct kvpool_arena *arena, int node)
{
	return READ_ONCE(arena->maps[node].nr_free);
}

/*
 * Free an extent. The arena's lock is held, and after some extents given up for
 * a moment; @budget counts them.
 */
static void kvpool_arena_free_extent(struct kvpool_arena *arena,
				     struct kvpool_extent *ext,
				     unsigned int *budget)
{
	struct kvpool_chunk *chunk = kvpool_arena_chunk(arena, ext->page);

	hlist_del(&ext->node);
	kvpool_extmap_free(&arena->maps[chunk->node], chunk,
			   ext->page & (KVPOOL_CHUNK_PAGES - 1), ext->nr);
	WRITE_ONCE(arena->used, arena->used - ext->nr);
	if (!--*budget) {
		*budget = KVPOOL_FREE_SLICE;
		spin_unlock(&arena->lock);
		cond_resched();
		spin_lock(&arena->lock);
	}
}

static void kvpool_arena_free_extents(struct kvpool_arena *arena,
				      struct kvpool_extent *ext, u32 nr)
{
	unsigned int budget = KVPOOL_FREE_SLICE;

	spin_lock(&arena->lock);
	while (nr--)
		kvpool_arena_free_extent(arena, ext++, &budget);
	spin_unlock(&arena->lock);
}

static void kvpool_arena_account(struct kvpool_arena *arena, u32 nr)
{
	atomic_long_add(struct_size_t(struct kvpool_extents, ext, nr),
			&arena->described);
}

static void kvpool_arena_unaccount(struct kvpool_arena *arena, u32 nr)
{
	atomic_long_sub(struct_size_t(struct kvpool_extents, ext, nr),
			&arena->described);
}

static struct kvpool_extents *kvpool_extents_alloc(struct kvpool_place *place,
						   u32 nr, gfp_t gfp)
{
	struct kvpool_extents *extents;
	u32 i;

	extents = kvmalloc(struct_size(extents, ext, nr), gfp);
	if (!extents)
		return NULL;
	extents->place = place;
	for (i = 0; i < nr; i++) {
		extents->ext[i].single = 0;
		extents->ext[i].index = i;
	}
	return extents;
}

/* Put @to in the place of @from in the chunk's list; the lock is held. */
static void kvpool_extent_replace(struct kvpool_extent *to,
				  struct kvpool_extent *from)
{
	to->page = from->page;
	to->nr = from->nr;
	hlist_add_before(&to->node, &from->node);
	hlist_del(&from->node);
}

/*
 * Make extents that were allocated with room for @max the extents of a place.
 * If there is no memory for an array that fits, the larger one serves as well.
 */
static void kvpool_arena_settle(struct kvpool_arena *arena,
				struct kvpool_place *place,
				struct kvpool_extents *extents, u32 nr, u32 max,
				gfp_t gfp)
{
	struct kvpool_extents *fit = NULL;
	u32 i, n;

	if (nr == 1) {
		place->ext.single = 1;
		place->ext.index = 0;
		spin_lock(&arena->lock);
		kvpool_extent_replace(&place->ext, &extents->ext[0]);
		spin_unlock(&arena->lock);
		kvfree(extents);
		return;
	}
	if (nr < max)
		fit = kvpool_extents_alloc(place, nr, gfp | __GFP_NOWARN);
	for (i = 0; fit && i < nr; i += n) {
		spin_lock(&arena->lock);
		for (n = 0; n < KVPOOL_FREE_SLICE && i + n < nr; n++)
			kvpool_extent_replace(&fit->ext[i + n],
					      &extents->ext[i + n]);
		spin_unlock(&arena->lock);
		cond_resched();
	}
	if (fit)
		kvfree(extents);
	place->extv = fit ?: extents;
	kvpool_arena_account(arena, nr);
}

/* Allocate into an array of extents. Return the pages that are missing. */
static u32 kvpool_arena_fill(struct kvpool_arena *arena,
			     struct kvpool_extmap *map, u32 pages,
			     struct kvpool_extent *ext, u32 max, u32 *nr)
{
	u32 want = pages, before, n;

	*nr = 0;
	do {
		before = want;
		spin_lock(&arena->lock);
		n = kvpool_extmap_alloc(map, &want, ext + *nr,
					min(max - *nr, KVPOOL_ALLOC_SLICE));
		WRITE_ONCE(arena->used, arena->used + before - want);
		spin_unlock(&arena->lock);
		*nr += n;
		if (!want || *nr == max)
			break;
		cond_resched();
	} while (n);
	return want;
}

/**
 * kvpool_arena_alloc() - Allocate the extents of a place
 * @arena: the arena
 * @node: NUMA node of the extents
 * @place: a place without extents whose length is set; only the caller can
 *	   reach it. Release the extents with kvpool_arena_free().
 * @flags: KVPOOL_ALLOC_*
 * @gfp: flags of allocations for the list of extents
 *
 * From here on, walks over the extents of chunks can find the place.
 *
 * Context: May sleep.
 * Return: 0; -ENOSPC if the node has too few free pages, or, without
 * KVPOOL_ALLOC_PIECES, too few long runs of them; -ENOMEM.
 */
int kvpool_arena_alloc(struct kvpool_arena *arena, int node,
		       struct kvpool_place *place, unsigned int flags,
		       gfp_t gfp)
{
	u32 pages = kvpool_place_pages(place), nr, max;
	struct kvpool_extmap *map = &arena->maps[node];
	struct kvpool_extents *extents = NULL;
	struct kvpool_extent *ext = &place->ext;

	if (pages > READ_ONCE(map->nr_free))
		return -ENOSPC;

	max = flags & KVPOOL_ALLOC_PIECES ?
	      pages : DIV_ROUND_UP(pages, KVPOOL_CHUNK_PAGES);
	if (max > 1) {
		extents = kvpool_extents_alloc(place, max, gfp);
		if (!extents)
			return -ENOMEM;
		ext = extents->ext;
	} else {
		ext->single = 1;
		ext->index = 0;
	}

	if (kvpool_arena_fill(arena, map, pages, ext, max, &nr)) {
		kvpool_arena_free_extents(arena, ext, nr);
		kvfree(extents);
		return -ENOSPC;
	}
	if (extents)
		kvpool_arena_settle(arena, place, extents, nr, max, gfp);
	place->nr_extents = nr;
	place->node = node;
	return 0;
}

/**
 * kvpool_arena_alloc_whole() - Allocate places of one extent each
 * @arena: the arena
 * @node: NUMA node of the extents
 * @places: places without extents whose lengths are set and are those of a
 *	    chunk at most; only the caller can reach them
 * @nr: their number, at most KVPOOL_ALLOC_WHOLE
 *
 * The arena's lock is taken once for all of them.
 *
 * Context: Any; allocates nothing else.
 * Return: the number of places that got memory, from the first place on.
 */
unsigned int kvpool_arena_alloc_whole(struct kvpool_arena *arena, int node,
				      struct kvpool_place **places,
				      unsigned int nr)
{
	struct kvpool_extmap *map = &arena->maps[node];
	struct kvpool_place *place;
	u32 pages, want, used = 0;
	unsigned int i;

	spin_lock(&arena->lock);
	for (i = 0; i < nr; i++) {
		place = places[i];
		pages = kvpool_place_pages(place);
		want = pages;
		if (!kvpool_extmap_fits(map, pages))
			break;
		place->ext.single = 1;
		place->ext.index = 0;
		kvpool_extmap_alloc(map, &want, &place->ext, 1);
		place->nr_extents = 1;
		place->node = node;
		used += pages;
	}
	WRITE_ONCE(arena->used, arena->used + used);
	spin_unlock(&arena->lock);
	return i;
}

/**
 * kvpool_arena_free() - Free the extents of places
 * @arena: the arena
 * @places: places that only the caller can reach, apart from walks over the
 *	    extents of chunks; a place without extents is skipped
 * @nr: their number; @arena->lock is taken once for some tens of extents
 *
 * Context: May sleep.
 */
void kvpool_arena_free(struct kvpool_arena *arena,
		       struct kvpool_place **places, unsigned int nr)
{
	unsigned int budget = KVPOOL_FREE_SLICE, i;
	struct kvpool_place *place;
	u32 k;

	spin_lock(&arena->lock);
	for (i = 0; i < nr; i++) {
		place = places[i];
		if (place->nr_extents == 1)
			kvpool_arena_free_extent(arena, &place->ext, &budget);
		else
			for (k = 0; k < place->nr_extents; k++)
				kvpool_arena_free_extent(arena,
							 &place->extv->ext[k],
							 &budget);
	}
	spin_unlock(&arena->lock);

	for (i = 0; i < nr; i++) {
		place = places[i];
		if (place->nr_extents > 1) {
			kvpool_arena_unaccount(arena, place->nr_extents);
			kvfree(place->extv);
		}
		place->nr_extents = 0;
	}
}

/* Move extents to the end of @to, some at a time. Returns its new length. */
static u32 kvpool_extents_append(struct kvpool_arena *arena,
				 struct kvpool_extents *to, u32 nr,
				 struct kvpool_extent *from, u32 more)
{
	struct kvpool_extent *last;
	u32 i;

	for (i = 0; i < more;) {
		spin_lock(&arena->lock);
		do {
			last = nr ? &to->ext[nr - 1] : NULL;
			if (last && last->page + last->nr == from[i].page &&
			    from[i].page & (KVPOOL_CHUNK_PAGES - 1)) {
				last->nr += from[i].nr;
				hlist_del(&from[i].node);
			} else {
				kvpool_extent_replace(&to->ext[nr++], &from[i]);
			}
		} while (++i < more && i % KVPOOL_FREE_SLICE);
		spin_unlock(&arena->lock);
		cond_resched();
	}
	return nr;
}

/**
 * kvpool_arena_join() - Append the extents of a place to those of another
 * @arena: the arena
 * @place: a place whose memory is that of its head, or none; only the caller
 *	   uses its extents, apart from walks over the extents of chunks
 * @more: the place whose extents come behind, on the same node; it has none
 *	  afterwards
 * @gfp: flags of allocations for the list of extents
 *
 * Context: May sleep.
 * Return: 0, or -ENOMEM, and both places are as they were.
 */
int kvpool_arena_join(struct kvpool_arena *arena, struct kvpool_place *place,
		      struct kvpool_place *more, gfp_t gfp)
{
	struct kvpool_extents *old = NULL, *behind = NULL, *all;
	u32 had = place->nr_extents, max = had + more->nr_extents, nr;

	all = kvpool_extents_alloc(place, max, gfp);
	if (!all)
		return -ENOMEM;
	if (had > 1) {
		old = place->extv;
		kvpool_arena_unaccount(arena, had);
	}
	if (more->nr_extents > 1) {
		behind = more->extv;
		kvpool_arena_unaccount(arena, more->nr_extents);
	}
	nr = kvpool_extents_append(arena, all, 0,
				   old ? old->ext : &place->ext, had);
	nr = kvpool_extents_append(arena, all, nr,
				   behind ? behind->ext : &more->ext,
				   more->nr_extents);
	place->node = more->node;
	more->nr_extents = 0;
	kvfree(old);
	kvfree(behind);
	kvpool_arena_settle(arena, place, all, nr, max, gfp);
	place->nr_extents = nr;
	return 0;
}

/* Extents that have changed their place find it; the lock is held. */
static void kvpool_place_adopt(struct kvpool_arena *arena,
			       struct kvpool_place *place)
{
	struct kvpool_chunk *chunk;

	if (place->nr_extents > 1) {
		place->extv->place = place;
		return;
	}
	chunk = kvpool_arena_chunk(arena, place->ext.page);
	hlist_add_head(&place->ext.node, &chunk->extents);
}

/**
 * kvpool_arena_swap() - Exchange the extents of two places
 * @arena: the arena
 * @a: a place with extents
 * @b: a place with extents, of the same length; nobody else accesses either,
 *     except for walks over the extents of chunks
 *
 * Context: Any.
 */
void kvpool_arena_swap(struct kvpool_arena *arena, struct kvpool_place *a,
		       struct kvpool_place *b)
{
	spin_lock(&arena->lock);
	if (a->nr_extents == 1)
		hlist_del(&a->ext.node);
	if (b->nr_extents == 1)
		hlist_del(&b->ext.node);
	swap(*a, *b);
	kvpool_place_adopt(arena, a);
	kvpool_place_adopt(arena, b);
	spin_unlock(&arena->lock);
}

/**
 * kvpool_arena_pinned() - Tell whether a device may still write to a place
 * @arena: the arena
 * @place: a place with or without extents
 *
 * References are counted by chunk, so one to another block in the chunk counts.
 *
 * Context: May sleep; takes no lock.
 * Return: true if a chunk of the place has a reference from outside.
 */
bool kvpool_arena_pinned(struct kvpool_arena *arena,
			 const struct kvpool_place *place)
{
	const struct kvpool_extent *ext = kvpool_place_extents(place);
	u32 i, index, last = U32_MAX;

	for (i = 0; i < place->nr_extents; i++) {
		index = ext[i].page >> KVPOOL_CHUNK_ORDER;
		if (index == last)
			continue;
		last = index;
		if (kvpool_chunk_referenced(kvpool_arena_chunk(arena,
							       ext[i].page)))
			return true;
		cond_resched();
	}
	return false;
}

/* Unmap one chunk from the mappings of a file. */
static void kvpool_arena_unmap_chunk(struct address_space *mapping,
				     pgoff_t first, const void *owner)
{
	pgoff_t end = first + KVPOOL_CHUNK_PAGES, from, to;
	struct vm_area_struct *vma;
	struct rb_node *node;

	i_mmap_lock_read(mapping);
	/* In the order of vm_pgoff. */
	for (node = rb_first_cached(&mapping->i_mmap); node;
	     node = rb_next(node)) {
		vma = rb_entry(node, struct vm_area_struct, shared.rb);
		if (vma->vm_pgoff >= end)
			break;
		cond_resched();
		if (vma->vm_file->private_data != owner)
			continue;
		from = max(first, vma->vm_pgoff);
		to = min(end, vma->vm_pgoff + vma_pages(vma));
		if (from < to)
			kvpool_vma_zap(vma, vma->vm_start +
				       ((from - vma->vm_pgoff) << PAGE_SHIFT),
				       (to - from) << PAGE_SHIFT);
	}
	i_mmap_unlock_read(mapping);
}

/**
 * kvpool_arena_unmap() - Unmap all chunks from the mappings of one file
 * @arena: the arena
 * @owner: private_data of the file; faults of its mappings fail, and those that
 *	   were handled before have their pages locked until these are mapped
 *
 * Mappings of other files stay as they are.
 *
 * Context: May sleep.
 */
void kvpool_arena_unmap(struct kvpool_arena *arena, const void *owner)
{
	struct kvpool_chunk *chunk;
	unsigned long index = 0;
	struct folio *folio;
	bool again;

	for (;; index++) {
		rcu_read_lock();
		chunk = xa_find(&arena->chunks, &index, ULONG_MAX, XA_PRESENT);
		folio = chunk ? page_folio(chunk->page) : NULL;
		/* A chunk that leaves is unmapped from all files. */
		if (folio && !folio_try_get(folio))
			folio = NULL;
		/* It may be gone, with its memory, or it may stay: look again. */
		again = folio && READ_ONCE(chunk->leaving);
		rcu_read_unlock();
		if (!chunk)
			return;
		cond_resched();
		if (again) {
			folio_put(folio);
			index--;
			continue;
		}
		if (!folio)
			continue;
		folio_lock(folio);
		kvpool_arena_unmap_chunk(arena->inode->i_mapping,
					 index << KVPOOL_CHUNK_ORDER, owner);
		folio_unlock(folio);
		folio_put(folio);
	}
}
