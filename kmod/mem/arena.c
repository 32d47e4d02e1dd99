// SPDX-License-Identifier: GPL-2.0
/*
 * Arena: the memory of one tenant as one space of offsets, which its files map.
 *
 * A chunk belongs to one tenant. Before it leaves the arena it is unmapped from
 * every process, and it stays if anyone else still holds its pages.
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
 * madvise(MADV_PAGEOUT) on such a mapping takes a failed split for a success,
 * in madvise_cold_or_pageout_pte_range() of 6.12, and never ends.
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

/* Without an owner: the mount below lasts as long as the module itself. */
static struct file_system_type kvpool_fs_type = {
	.name = "kvpool",
	.init_fs_context = kvpool_fs_init_context,
	.kill_sb = kill_anon_super,
};

/**
 * kvpool_arenas_init() - Prepare what all arenas need
 *
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
 * kvpool_arenas_exit() - Undo kvpool_arenas_init(); all arenas are gone
 */
void kvpool_arenas_exit(void)
{
	kern_unmount(kvpool_mnt);
}

/**
 * kvpool_arena_size() - How far offsets go
 *
 * Return: bytes; the same for all arenas, constant.
 */
u64 kvpool_arena_size(void)
{
	return (u64)kvpool_arena_chunks << KVPOOL_CHUNK_SHIFT;
}

/**
 * kvpool_arena_init() - Make an empty arena
 * @arena: the arena
 *
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
 */
void kvpool_arena_exit(struct kvpool_arena *arena)
{
	struct kvpool_chunk *chunk;
	unsigned long index;

	WARN_ON(arena->used);
	/*
	 * A page that someone outside still holds (in a pipe, say) is only
	 * given up: the kernel frees it when that hold ends.
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
 * @tier: where to take the memory from; may sleep
 * @quota: most chunks that the arena may have
 * @flags: KVPOOL_GROW_*
 *
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
	/* Compaction, which finds it by its index, keeps off until it is in. */
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

/* Keep chunks from being mapped; false if that would mean waiting. */
static bool kvpool_arena_lock_maps(struct kvpool_arena *arena,
				   unsigned int flags)
{
	if (flags & KVPOOL_RECLAIM_TRY)
		return down_write_trylock(&arena->map_sem);
	down_write(&arena->map_sem);
	return true;
}

/* @arena->map_sem is held for writing: no fault can map the chunk again. */
static bool kvpool_arena_release(struct kvpool_arena *arena,
				 struct kvpool_chunk *chunk)
{
	unmap_mapping_range(arena->inode->i_mapping,
			    (loff_t)chunk->index << KVPOOL_CHUNK_SHIFT,
			    KVPOOL_CHUNK_SIZE, 1);
	if (page_count(chunk->page) != 1) {
		/* Pinned from outside; it stays this tenant's. */
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
 * kvpool_arena_shrink() - Give entirely free chunks back
 * @arena: the arena
 * @node: of which node, or NUMA_NO_NODE for any
 * @nr: how many at most
 * @flags: KVPOOL_RECLAIM_*
 *
 * Return: how many were given back.
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
 * @node: of which node, or NUMA_NO_NODE for any
 *
 * Return: their number, as of a moment ago.
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

/* May a chunk be emptied so that it leaves? Not if that failed @since then. */
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
 * kvpool_arena_movable() - Count chunks that could be made to leave
 * @arena: the arena
 * @since: jiffies; those that could not be emptied since then do not count
 * @max: how many are enough
 *
 * Return: chunks that no device has pinned, as of a moment ago.
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
		/* Large pools have many; @chunk is not used any more. */
		if (!(index % 1024))
			cond_resched_rcu();
	}
	rcu_read_unlock();
	return sum;
}

/**
 * kvpool_arena_isolate() - Set apart the chunks that are emptied most easily
 * @arena: the arena
 * @node: of which node, or NUMA_NO_NODE for any
 * @since: jiffies; those that could not be emptied since then are left alone
 * @chunks: where to put them
 * @nr: how many at most
 * @flags: KVPOOL_RECLAIM_*
 *
 * Nothing is allocated from them until kvpool_arena_rejoin().
 *
 * Return: how many.
 */
unsigned int kvpool_arena_isolate(struct kvpool_arena *arena, int node,
				  u32 since, struct kvpool_chunk **chunks,
				  unsigned int nr, unsigned int flags)
{
	unsigned int used[KVPOOL_USED_STEPS] = {}, step, sum = 0, n = 0;
	struct kvpool_chunk *chunk;
	unsigned long index;

	/* Chunks do not leave while this is held. */
	if (!(flags & KVPOOL_RECLAIM_TRY))
		down_read(&arena->map_sem);
	else if (!down_read_trylock(&arena->map_sem))
		return 0;

	/* How many pages may a chunk use to be among the @nr least used? */
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
 * kvpool_arena_rejoin() - Let isolated chunks leave if they are empty
 * @arena: the arena
 * @chunks: what kvpool_arena_isolate() gave
 * @nr: how many
 * @flags: KVPOOL_RECLAIM_*
 *
 * Those that are not empty, or that someone outside still holds, are usable
 * again.
 *
 * Return: how many left.
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
 * Return: pages, as of a moment ago.
 */
unsigned long kvpool_arena_captive(struct kvpool_arena *arena)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < nr_node_ids; i++)
		sum += READ_ONCE(arena->maps[i].nr_captive);
	return sum;
}

/* The chunk of a page that is in use, so that it stays. */
static struct kvpool_chunk *kvpool_arena_chunk(struct kvpool_arena *arena,
					       u32 page)
{
	return xa_load(&arena->chunks, page >> KVPOOL_CHUNK_ORDER);
}

/**
 * kvpool_arena_isolated() - Does a place lie in an isolated chunk?
 * @arena: the arena
 * @place: of a referenced, sealed block
 *
 * Return: true if a part of it does.
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
 * kvpool_arena_copy() - Copy bytes with the CPU
 * @arena: the arena
 * @to: a place of the same length that only the caller knows
 * @from: of a referenced, sealed block
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
 * @place: with extents that stay
 * @offset: where the part begins, in bytes; a multiple of KVPOOL_PAGE_SIZE
 * @length: its bytes, at most to the end of the block's last page
 * @sg: where to list it
 * @max: room in @sg, at least one
 * @covered: how many bytes are listed: @length, or less where @sg is full
 *
 * Return: entries of @sg that were used.
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
 * kvpool_arena_node() - Tell on which node a place lies
 * @arena: the arena
 * @place: with extents
 *
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
 * @node: on which node
 *
 * Return: pages, as of a moment ago.
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
 * kvpool_arena_alloc() - Give a place its extents
 * @arena: the arena
 * @node: from which node
 * @place: without extents, its @length set; only the caller knows it
 * @flags: KVPOOL_ALLOC_*
 * @gfp: how to get memory for the list of extents
 *
 * Return: 0; -ENOSPC if there is no room, or not in few pieces; -ENOMEM.
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

	max = flags & KVPOOL_ALLOC_PIECES ? pages : DIV_ROUND_UP(pages, KVPOOL_CHUNK_PAGES);
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
			/* A larger array than need be is no reason to fail. */
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
 * @places: places that no other task can reach any more
 * @nr: their number; the arena's lock is held for all of them
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
 * kvpool_arena_pinned() - May a device still write to a place?
 * @arena: the arena
 * @place: with or without extents
 *
 * Pins are counted by chunk, so the answer may be true because of a neighbour.
 *
 * Return: true if a chunk of the place is pinned for DMA.
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
 * The whole chunk is mapped, as far as the mapping reaches: a block's pages are
 * used together. They are inserted as ordinary pages, so that GPU and RDMA
 * drivers can pin them.
 *
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
		/* The rest is a convenience, and some of it may be there. */
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

	/* -EBUSY: another thread's fault was faster. */
	if (!ret || ret == -EBUSY)
		return VM_FAULT_NOPAGE;
	return ret == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}
