// SPDX-License-Identifier: GPL-2.0
/*
 * Extent allocator: pages of blocks out of 2 MiB chunks.
 *
 * A block is a list of extents, so every free page can be used and no memory is
 * lost to size classes. A large block gets whole chunks; the rest of it goes to
 * the chunk whose longest free run fits best, which keeps long runs for large
 * blocks. A request is split only if no run is long enough.
 */
#include "mem/extent.h"

static unsigned int kvpool_bin(u32 run)
{
	return ilog2(run);
}

static u32 kvpool_longest_run(const struct kvpool_chunk *chunk)
{
	unsigned long start, end;
	u32 longest = 0;

	for_each_clear_bitrange(start, end, chunk->map, KVPOOL_CHUNK_PAGES)
		longest = max_t(u32, longest, end - start);
	return longest;
}

static void kvpool_extmap_unbin(struct kvpool_extmap *map,
				struct kvpool_chunk *chunk)
{
	unsigned int bin;

	if (list_empty(&chunk->bin))
		return;
	bin = kvpool_bin(chunk->run);
	list_del_init(&chunk->bin);
	if (list_empty(&map->bins[bin]))
		__clear_bit(bin, &map->nonempty);
}

static void kvpool_extmap_rebin(struct kvpool_extmap *map,
				struct kvpool_chunk *chunk, u32 run)
{
	unsigned int bin;

	if (run && chunk->run && !list_empty(&chunk->bin) &&
	    kvpool_bin(run) == kvpool_bin(chunk->run)) {
		chunk->run = run;
		return;
	}

	kvpool_extmap_unbin(map, chunk);
	chunk->run = run;
	if (!run)
		return;
	bin = kvpool_bin(run);
	list_add(&chunk->bin, &map->bins[bin]);
	__set_bit(bin, &map->nonempty);
}

/**
 * kvpool_extmap_init() - Make an empty map
 * @map: the map
 */
void kvpool_extmap_init(struct kvpool_extmap *map)
{
	unsigned int i;

	memset(map, 0, sizeof(*map));
	for (i = 0; i < KVPOOL_NR_BINS; i++)
		INIT_LIST_HEAD(&map->bins[i]);
}

/**
 * kvpool_extmap_add() - Add a chunk that is entirely free
 * @map: the map of the chunk's node; the arena's lock is held
 * @chunk: the chunk; its index and node are set
 */
void kvpool_extmap_add(struct kvpool_extmap *map, struct kvpool_chunk *chunk)
{
	bitmap_zero(chunk->map, KVPOOL_CHUNK_PAGES);
	INIT_LIST_HEAD(&chunk->bin);
	chunk->free = KVPOOL_CHUNK_PAGES;
	chunk->run = 0;
	WRITE_ONCE(chunk->isolated, false);
	kvpool_extmap_rebin(map, chunk, KVPOOL_CHUNK_PAGES);
	/* Readers of the counts may not hold the lock. */
	WRITE_ONCE(map->nr_chunks, map->nr_chunks + 1);
	WRITE_ONCE(map->nr_empty, map->nr_empty + 1);
	WRITE_ONCE(map->nr_free, map->nr_free + KVPOOL_CHUNK_PAGES);
}

/**
 * kvpool_extmap_del() - Remove a chunk that is entirely free
 * @map: the map; the arena's lock is held
 * @chunk: the chunk, which is not isolated; it is not freed
 */
void kvpool_extmap_del(struct kvpool_extmap *map, struct kvpool_chunk *chunk)
{
	kvpool_extmap_unbin(map, chunk);
	WRITE_ONCE(map->nr_chunks, map->nr_chunks - 1);
	WRITE_ONCE(map->nr_empty, map->nr_empty - 1);
	WRITE_ONCE(map->nr_free, map->nr_free - KVPOOL_CHUNK_PAGES);
}

/**
 * kvpool_extmap_isolate() - Stop allocating from a chunk
 * @map: the map; the arena's lock is held
 * @chunk: the chunk
 */
void kvpool_extmap_isolate(struct kvpool_extmap *map,
			   struct kvpool_chunk *chunk)
{
	kvpool_extmap_unbin(map, chunk);
	chunk->run = 0;
	WRITE_ONCE(chunk->isolated, true);
	WRITE_ONCE(map->nr_free, map->nr_free - chunk->free);
	WRITE_ONCE(map->nr_captive, map->nr_captive + KVPOOL_CHUNK_PAGES -
				    chunk->free);
	if (chunk->free == KVPOOL_CHUNK_PAGES)
		WRITE_ONCE(map->nr_empty, map->nr_empty - 1);
}

/**
 * kvpool_extmap_restore() - Undo kvpool_extmap_isolate()
 * @map: the map; the arena's lock is held
 * @chunk: the isolated chunk; its pages that are free now can be allocated
 */
void kvpool_extmap_restore(struct kvpool_extmap *map,
			   struct kvpool_chunk *chunk)
{
	WRITE_ONCE(chunk->isolated, false);
	WRITE_ONCE(map->nr_free, map->nr_free + chunk->free);
	WRITE_ONCE(map->nr_captive, map->nr_captive + chunk->free -
				    KVPOOL_CHUNK_PAGES);
	if (chunk->free == KVPOOL_CHUNK_PAGES)
		WRITE_ONCE(map->nr_empty, map->nr_empty + 1);
	kvpool_extmap_rebin(map, chunk, kvpool_longest_run(chunk));
}

/**
 * kvpool_extmap_empty() - Find a chunk that is entirely free
 * @map: the map; the arena's lock is held
 *
 * Return: the chunk that has been free for the longest time, or NULL.
 */
struct kvpool_chunk *kvpool_extmap_empty(struct kvpool_extmap *map)
{
	struct list_head *bin = &map->bins[KVPOOL_NR_BINS - 1];

	return list_empty(bin) ? NULL :
		list_last_entry(bin, struct kvpool_chunk, bin);
}

static void kvpool_extmap_take(struct kvpool_extmap *map,
			       struct kvpool_chunk *chunk, u32 first, u32 nr)
{
	u32 run = chunk->run;

	if (chunk->free == KVPOOL_CHUNK_PAGES)
		WRITE_ONCE(map->nr_empty, map->nr_empty - 1);
	bitmap_set(chunk->map, first, nr);
	chunk->free -= nr;
	WRITE_ONCE(map->nr_free, map->nr_free - nr);

	if (!chunk->free)
		run = 0;
	else if (chunk->free + nr == KVPOOL_CHUNK_PAGES && !first)
		run = chunk->free;
	else
		run = kvpool_longest_run(chunk);
	kvpool_extmap_rebin(map, chunk, run);
}

/* A chunk with a run of @nr pages, in the lowest bin that has such a chunk. */
static struct kvpool_chunk *kvpool_extmap_fit(struct kvpool_extmap *map, u32 nr)
{
	unsigned int bin = kvpool_bin(nr), tries = 4;
	struct kvpool_chunk *chunk;

	/* Runs in this bin may be too short: check a few chunks only. */
	if (!is_power_of_2(nr)) {
		list_for_each_entry(chunk, &map->bins[bin], bin) {
			if (chunk->run >= nr)
				return chunk;
			if (!--tries)
				break;
		}
		bin++;
	}

	bin = find_next_bit(&map->nonempty, KVPOOL_NR_BINS, bin);
	if (bin >= KVPOOL_NR_BINS)
		return NULL;
	return list_first_entry(&map->bins[bin], struct kvpool_chunk, bin);
}

static struct kvpool_chunk *kvpool_extmap_largest(struct kvpool_extmap *map)
{
	unsigned int bin = find_last_bit(&map->nonempty, KVPOOL_NR_BINS);

	return list_first_entry(&map->bins[bin], struct kvpool_chunk, bin);
}

/**
 * kvpool_extmap_alloc() - Allocate pages
 * @map: the map; the arena's lock is held
 * @pages: in: pages to allocate, at least one; out: pages that are missing,
 *	   because @map has no more or they would take more than @max extents
 * @ext: out: the extents; no extent crosses a chunk
 * @max: room in @ext
 *
 * The caller owns the extents even if pages are missing, and frees each with
 * kvpool_extmap_free().
 *
 * Return: the number of extents.
 */
u32 kvpool_extmap_alloc(struct kvpool_extmap *map, u32 *pages,
			struct kvpool_extent *ext, u32 max)
{
	struct kvpool_chunk *chunk;
	u32 first, nr, n = 0;

	while (*pages && n < max && map->nonempty) {
		nr = min_t(u32, *pages, KVPOOL_CHUNK_PAGES);
		chunk = kvpool_extmap_fit(map, nr);
		if (!chunk) {
			chunk = kvpool_extmap_largest(map);
			nr = chunk->run;
		}
		first = bitmap_find_next_zero_area(chunk->map,
						   KVPOOL_CHUNK_PAGES, 0, nr,
						   0);
		kvpool_extmap_take(map, chunk, first, nr);
		ext[n].page = (chunk->index << KVPOOL_CHUNK_ORDER) + first;
		ext[n].nr = nr;
		n++;
		*pages -= nr;
	}
	return n;
}

/**
 * kvpool_extmap_free() - Free pages of one chunk
 * @map: the map; the arena's lock is held
 * @chunk: the chunk
 * @first: first page, counted from the chunk's start
 * @nr: number of pages, all of them allocated
 */
void kvpool_extmap_free(struct kvpool_extmap *map, struct kvpool_chunk *chunk,
			u32 first, u32 nr)
{
	unsigned long start, end;

	bitmap_clear(chunk->map, first, nr);
	chunk->free += nr;
	if (chunk->isolated) {
		WRITE_ONCE(map->nr_captive, map->nr_captive - nr);
		return;
	}
	WRITE_ONCE(map->nr_free, map->nr_free + nr);
	if (chunk->free == KVPOOL_CHUNK_PAGES)
		WRITE_ONCE(map->nr_empty, map->nr_empty + 1);

	/* The new run extends to the nearest used pages on both sides. */
	start = find_last_bit(chunk->map, first);
	start = start < first ? start + 1 : 0;
	end = find_next_bit(chunk->map, KVPOOL_CHUNK_PAGES, first + nr);
	kvpool_extmap_rebin(map, chunk, max_t(u32, chunk->run, end - start));
}
