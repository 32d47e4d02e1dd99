// SPDX-License-Identifier: GPL-2.0
/*
 * Arena: the memory of one tenant as one space of offsets, which its files map.
 *
 * A chunk belongs to one tenant. Before a chunk leaves the arena, it is
 * unmapped from every process. It stays while its pages have a reference from
 * outside the module, such as a DMA pin.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/rcupdate_wait.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "mem/arena.h"
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

/* Chunks are compared by used pages in steps of sixteen. */
#define KVPOOL_USED_STEPS	33
#define KVPOOL_USED_STEP(chunk)	\
	((KVPOOL_CHUNK_PAGES - READ_ONCE((chunk)->free)) / 16)

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

	spin_lock_init(&arena->lock);
	init_rwsem(&arena->map_sem);
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
		kfree(chunk);
	}
	xa_destroy(&arena->chunks);
	iput(arena->inode);
	kfree(arena->maps);
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
	INIT_LIST_HEAD(&chunk->bin);
	/* Compaction finds the chunk by index before the extmap has it. */
	chunk->isolated = true;

	/* The lowest free index, so that mappings stay dense. */
	ret = xa_alloc(&arena->chunks, &chunk->index, chunk,
		       XA_LIMIT(0, kvpool_arena_chunks - 1), GFP_KERNEL);
	if (ret)
		goto err_chunk;

	spin_lock(&arena->lock);
	kvpool_extmap_add(&arena->maps[tier->node], chunk);
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

/* Block new mappings; false if KVPOOL_RECLAIM_TRY is set and it would wait. */
static bool kvpool_arena_lock_maps(struct kvpool_arena *arena,
				   unsigned int flags)
{
	if (flags & KVPOOL_RECLAIM_TRY)
		return down_write_trylock(&arena->map_sem);
	down_write(&arena->map_sem);
	return true;
}

/*
 * Release a chunk that is out of its extmap; true if it has left the arena.
 * @arena->map_sem is held for writing: no fault can map the chunk again.
 */
static bool kvpool_arena_release(struct kvpool_arena *arena,
				 struct kvpool_chunk *chunk)
{
	unmap_mapping_range(arena->inode->i_mapping,
			    (loff_t)chunk->index << KVPOOL_CHUNK_SHIFT,
			    KVPOOL_CHUNK_SIZE, 1);
	if (page_count(chunk->page) != 1) {
		/* Referenced from outside, so the tenant keeps it. */
		spin_lock(&arena->lock);
		chunk->stuck = (u32)jiffies ?: 1;
		kvpool_extmap_add(&arena->maps[chunk->node], chunk);
		spin_unlock(&arena->lock);
		return false;
	}

	xa_erase(&arena->chunks, chunk->index);
	trace_kvpool_chunk_del(arena->owner, chunk->index, chunk->node);
	kvpool_tier_free(kvpool_tier_find(chunk->node), chunk->page);
	kfree_rcu(chunk, rcu);
	atomic_long_dec(&arena->nr_chunks);
	return true;
}

/**
 * kvpool_arena_shrink() - Release chunks that are entirely free
 * @arena: the arena
 * @node: NUMA node of the chunks, or NUMA_NO_NODE for all nodes
 * @nr: most chunks to release
 * @flags: KVPOOL_RECLAIM_*; with KVPOOL_RECLAIM_TRY nothing is released when
 *	   @arena->map_sem is contended
 *
 * Context: May sleep.
 * Return: the number of chunks that were released.
 */
unsigned long kvpool_arena_shrink(struct kvpool_arena *arena, int node,
				  unsigned long nr, unsigned int flags)
{
	struct kvpool_chunk *chunk;
	unsigned long freed = 0, tries;
	int i;

	if (!kvpool_arena_lock_maps(arena, flags))
		return 0;

	for (i = 0; i < nr_node_ids && freed < nr; i++) {
		struct kvpool_extmap *map = &arena->maps[i];

		if (node != NUMA_NO_NODE && node != i)
			continue;
		tries = READ_ONCE(map->nr_empty);
		while (tries-- && freed < nr) {
			spin_lock(&arena->lock);
			chunk = kvpool_extmap_empty(map);
			if (chunk)
				kvpool_extmap_del(map, chunk);
			spin_unlock(&arena->lock);
			if (!chunk)
				break;
			freed += kvpool_arena_release(arena, chunk);
		}
	}

	up_write(&arena->map_sem);
	return freed;
}

/**
 * kvpool_arena_empty() - Count chunks that are entirely free
 * @arena: the arena
 * @node: NUMA node of the chunks, or NUMA_NO_NODE for all nodes
 *
 * Context: Any; takes no lock.
 * Return: their number, which may change at any time.
 */
unsigned long kvpool_arena_empty(struct kvpool_arena *arena, int node)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < nr_node_ids; i++)
		if (node == NUMA_NO_NODE || node == i)
			sum += READ_ONCE(arena->maps[i].nr_empty);
	return sum;
}

/* May a chunk be emptied? Not if an attempt has failed since @since. */
static bool kvpool_chunk_movable(const struct kvpool_chunk *chunk, int node,
				 u32 since)
{
	u32 stuck = READ_ONCE(chunk->stuck);

	return (node == NUMA_NO_NODE || node == chunk->node) &&
	       !READ_ONCE(chunk->isolated) &&
	       (!stuck || (s32)(stuck - since) < 0) &&
	       !folio_maybe_dma_pinned(page_folio(chunk->page));
}

/**
 * kvpool_arena_movable() - Count chunks that compaction may empty
 * @arena: the arena
 * @since: jiffies; a chunk that could not be emptied since then does not count
 * @max: the count at which the walk stops
 *
 * Context: May sleep.
 * Return: chunks that have no DMA pin and are not isolated; the number may
 * change at any time.
 */
unsigned long kvpool_arena_movable(struct kvpool_arena *arena, u32 since,
				   unsigned long max)
{
	struct kvpool_chunk *chunk;
	unsigned long index, sum = 0;

	rcu_read_lock();
	xa_for_each(&arena->chunks, index, chunk) {
		if (sum >= max)
			break;
		sum += kvpool_chunk_movable(chunk, NUMA_NO_NODE, since);
		/* The walk goes on by index: @chunk may be freed now. */
		if (!(index % 1024))
			cond_resched_rcu();
	}
	rcu_read_unlock();
	return sum;
}

/**
 * kvpool_arena_isolate() - Isolate the least used chunks
 * @arena: the arena
 * @node: NUMA node of the chunks, or NUMA_NO_NODE for all nodes
 * @since: jiffies; chunks that could not be emptied since then are skipped
 * @chunks: out: the chunks, which stay in the arena until kvpool_arena_rejoin()
 * @nr: most chunks to isolate
 * @flags: KVPOOL_RECLAIM_*; with KVPOOL_RECLAIM_TRY no chunk is isolated when
 *	   @arena->map_sem is contended
 *
 * Nothing is allocated from isolated chunks.
 *
 * Context: May sleep.
 * Return: the number of chunks in @chunks.
 */
unsigned int kvpool_arena_isolate(struct kvpool_arena *arena, int node,
				  u32 since, struct kvpool_chunk **chunks,
				  unsigned int nr, unsigned int flags)
{
	unsigned int used[KVPOOL_USED_STEPS] = {}, step, sum = 0, n = 0;
	struct kvpool_chunk *chunk;
	unsigned long index;

	/* Chunks do not leave the arena while map_sem is held. */
	if (!(flags & KVPOOL_RECLAIM_TRY))
		down_read(&arena->map_sem);
	else if (!down_read_trylock(&arena->map_sem))
		return 0;

	/* Find the step of use that the @nr least used chunks reach. */
	xa_for_each(&arena->chunks, index, chunk)
		if (kvpool_chunk_movable(chunk, node, since))
			used[KVPOOL_USED_STEP(chunk)]++;
	for (step = 0; step < KVPOOL_USED_STEPS - 1 && sum < nr; step++)
		sum += used[step];

	xa_for_each(&arena->chunks, index, chunk) {
		if (n == nr)
			break;
		if (!kvpool_chunk_movable(chunk, node, since) ||
		    KVPOOL_USED_STEP(chunk) > step)
			continue;
		spin_lock(&arena->lock);
		if (!chunk->isolated) {
			kvpool_extmap_isolate(&arena->maps[chunk->node], chunk);
			chunks[n++] = chunk;
		}
		spin_unlock(&arena->lock);
	}
	up_read(&arena->map_sem);
	return n;
}

/**
 * kvpool_arena_rejoin() - Release isolated chunks that are empty
 * @arena: the arena
 * @chunks: the chunks that kvpool_arena_isolate() stored
 * @nr: their number
 * @flags: KVPOOL_RECLAIM_*; with KVPOOL_RECLAIM_TRY no chunk is released when
 *	   @arena->map_sem is contended
 *
 * Chunks that are not released become usable again.
 *
 * Context: May sleep.
 * Return: the number of chunks that were released.
 */
unsigned long kvpool_arena_rejoin(struct kvpool_arena *arena,
				  struct kvpool_chunk **chunks, unsigned int nr,
				  unsigned int flags)
{
	unsigned long freed = 0;
	unsigned int i;
	bool locked;

	locked = kvpool_arena_lock_maps(arena, flags);

	for (i = 0; i < nr; i++) {
		struct kvpool_chunk *chunk = chunks[i];
		struct kvpool_extmap *map = &arena->maps[chunk->node];
		bool empty;

		spin_lock(&arena->lock);
		kvpool_extmap_restore(map, chunk);
		empty = chunk->free == KVPOOL_CHUNK_PAGES;
		if (!empty)
			chunk->stuck = (u32)jiffies ?: 1;
		empty = empty && locked;
		if (empty)
			kvpool_extmap_del(map, chunk);
		spin_unlock(&arena->lock);
		if (empty)
			freed += kvpool_arena_release(arena, chunk);
	}
	if (locked)
		up_write(&arena->map_sem);
	return freed;
}

/**
 * kvpool_arena_captive() - Count pages that keep isolated chunks from leaving
 * @arena: the arena
 *
 * Context: Any; takes no lock.
 * Return: pages of blocks in isolated chunks; may change at any time.
 */
unsigned long kvpool_arena_captive(struct kvpool_arena *arena)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < nr_node_ids; i++)
		sum += READ_ONCE(arena->maps[i].nr_captive);
	return sum;
}

/* The chunk of a page that belongs to a block, which keeps the chunk. */
static struct kvpool_chunk *kvpool_arena_chunk(struct kvpool_arena *arena,
					       u32 page)
{
	return xa_load(&arena->chunks, page >> KVPOOL_CHUNK_ORDER);
}

/**
 * kvpool_arena_isolated() - Tell whether a place lies in an isolated chunk
 * @arena: the arena
 * @place: the place of a sealed block that the caller has a reference to
 *
 * Context: Any; takes no lock.
 * Return: true if at least one extent lies in an isolated chunk.
 */
bool kvpool_arena_isolated(struct kvpool_arena *arena,
			   const struct kvpool_place *place)
{
	const struct kvpool_extent *ext = kvpool_place_extents(place);
	u32 i;

	for (i = 0; i < place->nr_extents; i++)
		if (READ_ONCE(kvpool_arena_chunk(arena, ext[i].page)->isolated))
			return true;
	return false;
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
 */
void kvpool_arena_copy(struct kvpool_arena *arena, struct kvpool_place *to,
		       const struct kvpool_place *from)
{
	struct kvpool_extent d = *kvpool_place_extents(to);
	struct kvpool_extent s = *kvpool_place_extents(from);
	u32 left = kvpool_place_pages(to), di = 0, si = 0, nr;

	for (;;) {
		nr = min(d.nr, s.nr);
		memcpy(kvpool_arena_address(arena, d.page),
		       kvpool_arena_address(arena, s.page),
		       (size_t)nr << KVPOOL_PAGE_SHIFT);
		left -= nr;
		if (!left)
			break;
		cond_resched();
		d.page += nr;
		s.page += nr;
		d.nr -= nr;
		s.nr -= nr;
		if (!d.nr)
			d = kvpool_place_extents(to)[++di];
		if (!s.nr)
			s = kvpool_place_extents(from)[++si];
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
 * kvpool_arena_node() - Tell the node of a place
 * @arena: the arena
 * @place: a place that has extents
 *
 * Context: Any; takes no lock.
 * Return: the NUMA node; a place lies on one node.
 */
int kvpool_arena_node(struct kvpool_arena *arena,
		      const struct kvpool_place *place)
{
	return kvpool_arena_chunk(arena, kvpool_place_extents(place)->page)->node;
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

static void kvpool_arena_free_extents(struct kvpool_arena *arena,
				      const struct kvpool_extent *ext, u32 nr)
{
	struct kvpool_chunk *chunk;
	u32 i;

	lockdep_assert_held(&arena->lock);
	for (i = 0; i < nr; i++) {
		chunk = kvpool_arena_chunk(arena, ext[i].page);
		kvpool_extmap_free(&arena->maps[chunk->node], chunk,
				   ext[i].page & (KVPOOL_CHUNK_PAGES - 1),
				   ext[i].nr);
	}
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
 * Context: May sleep.
 * Return: 0; -ENOSPC if the node has too few free pages, or, without
 * KVPOOL_ALLOC_PIECES, too few long runs of them; -ENOMEM.
 */
int kvpool_arena_alloc(struct kvpool_arena *arena, int node,
		       struct kvpool_place *place, unsigned int flags,
		       gfp_t gfp)
{
	struct kvpool_extmap *map = &arena->maps[node];
	struct kvpool_extent *ext = place->ext, *fit;
	u32 pages = kvpool_place_pages(place), want = pages, nr, max;

	if (pages > READ_ONCE(map->nr_free))
		return -ENOSPC;

	max = flags & KVPOOL_ALLOC_PIECES ?
	      pages : DIV_ROUND_UP(pages, KVPOOL_CHUNK_PAGES);
	if (max > KVPOOL_INLINE_EXTENTS) {
		ext = kvmalloc_array(max, sizeof(*ext), gfp);
		if (!ext)
			return -ENOMEM;
	}

	spin_lock(&arena->lock);
	nr = kvpool_extmap_alloc(map, &want, ext, max);
	if (want)
		kvpool_arena_free_extents(arena, ext, nr);
	else
		WRITE_ONCE(arena->used, arena->used + pages);
	spin_unlock(&arena->lock);
	if (want) {
		if (ext != place->ext)
			kvfree(ext);
		return -ENOSPC;
	}

	if (ext != place->ext) {
		if (nr <= KVPOOL_INLINE_EXTENTS) {
			memcpy(place->ext, ext, nr * sizeof(*ext));
			kvfree(ext);
		} else {
			/* If this fails, the larger array serves as well. */
			fit = nr == max ? NULL :
			      kvmalloc_array(nr, sizeof(*ext),
					     gfp | __GFP_NOWARN);
			if (fit) {
				memcpy(fit, ext, nr * sizeof(*ext));
				kvfree(ext);
				ext = fit;
			}
			place->extv = ext;
		}
	}
	place->nr_extents = nr;
	return 0;
}

/**
 * kvpool_arena_free() - Free the extents of places
 * @arena: the arena
 * @places: places that only the caller can reach; a place without extents is
 *	    skipped
 * @nr: their number; @arena->lock is taken once for all of them
 *
 * Context: May sleep.
 */
void kvpool_arena_free(struct kvpool_arena *arena,
		       struct kvpool_place **places, unsigned int nr)
{
	unsigned int i;

	spin_lock(&arena->lock);
	for (i = 0; i < nr; i++) {
		const struct kvpool_place *place = places[i];

		if (!place->nr_extents)
			continue;
		kvpool_arena_free_extents(arena, kvpool_place_extents(place),
					  place->nr_extents);
		WRITE_ONCE(arena->used,
			   arena->used - kvpool_place_pages(place));
	}
	spin_unlock(&arena->lock);

	for (i = 0; i < nr; i++) {
		if (places[i]->nr_extents > KVPOOL_INLINE_EXTENTS)
			kvfree(places[i]->extv);
		places[i]->nr_extents = 0;
	}
}

/**
 * kvpool_arena_pinned() - Tell whether a device may still write to a place
 * @arena: the arena
 * @place: a place with or without extents
 *
 * DMA pins are counted by chunk, so a pin of another block in the chunk counts.
 *
 * Context: Any; takes no lock.
 * Return: true if a chunk of the place may have a DMA pin.
 */
bool kvpool_arena_pinned(struct kvpool_arena *arena,
			 const struct kvpool_place *place)
{
	const struct kvpool_extent *ext = kvpool_place_extents(place);
	struct kvpool_chunk *chunk;
	u32 i;

	for (i = 0; i < place->nr_extents; i++) {
		chunk = kvpool_arena_chunk(arena, ext[i].page);
		if (folio_maybe_dma_pinned(page_folio(chunk->page)))
			return true;
	}
	return false;
}

/**
 * kvpool_arena_fault() - Map the chunk that a process touched
 * @arena: the arena that @vmf->vma maps
 * @vmf: the fault
 *
 * The whole chunk is mapped, as far as the mapping reaches, because the pages
 * of a block are used together. The pages are inserted as ordinary pages, so
 * that GPU and RDMA drivers can take DMA pins on them.
 *
 * Context: Page fault, with mmap_lock held; may sleep.
 * Return: a VM_FAULT code.
 */
vm_fault_t kvpool_arena_fault(struct kvpool_arena *arena, struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long first, start, addr, end;
	struct kvpool_chunk *chunk;
	int ret;

	down_read(&arena->map_sem);
	chunk = xa_load(&arena->chunks, vmf->pgoff >> KVPOOL_CHUNK_ORDER);
	if (!chunk) {
		up_read(&arena->map_sem);
		return VM_FAULT_SIGBUS;
	}

	first = vmf->pgoff & (KVPOOL_CHUNK_PAGES - 1);
	addr = vmf->address & PAGE_MASK;
	ret = vm_insert_page(vma, addr, chunk->page + first);
	if (!ret) {
		/* Failures are harmless here: the page can still fault. */
		start = max(vma->vm_start, addr - first * PAGE_SIZE);
		end = min(vma->vm_end, addr - first * PAGE_SIZE +
			  KVPOOL_CHUNK_SIZE);
		if (addr - vma->vm_start < first * PAGE_SIZE)
			start = vma->vm_start;
		first -= (addr - start) >> PAGE_SHIFT;
		for (; start < end; start += PAGE_SIZE, first++) {
			if (start == addr)
				continue;
			if (vm_insert_page(vma, start,
					   chunk->page + first) == -ENOMEM)
				break;
		}
	}
	up_read(&arena->map_sem);

	/* -EBUSY: another thread has mapped the page concurrently. */
	if (!ret || ret == -EBUSY)
		return VM_FAULT_NOPAGE;
	return ret == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}
