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

/* The step of a number of used pages. */
static unsigned int kvpool_step(u32 used)
{
	return (used + KVPOOL_STEP_PAGES - 1) / KVPOOL_STEP_PAGES;
}

static void kvpool_extmap_step_add(struct kvpool_extmap *map,
				   struct kvpool_chunk *chunk)
{
	unsigned int step = kvpool_step(KVPOOL_CHUNK_PAGES - chunk->free);

	if (chunk->bad)
		return;
	list_add(&chunk->step, &map->steps[step]);
	__set_bit(step, map->used);
}

/* Take a chunk out of the list of a step, or of the held chunks. */
static void kvpool_extmap_step_del(struct kvpool_extmap *map,
				   struct kvpool_chunk *chunk,
				   unsigned int step)
{
	if (list_empty(&chunk->step))
		return;
	list_del_init(&chunk->step);
	if (chunk->held) {
		WRITE_ONCE(map->nr_held, map->nr_held - 1);
		return;
	}
	if (list_empty(&map->steps[step]))
		__clear_bit(step, map->used);
}

/* The free pages of a chunk were @free and have changed. */
static void kvpool_extmap_restep(struct kvpool_extmap *map,
				 struct kvpool_chunk *chunk, u32 free)
{
	unsigned int step = kvpool_step(KVPOOL_CHUNK_PAGES - free);

	if (chunk->held || chunk->guaranteed ||
	    step == kvpool_step(KVPOOL_CHUNK_PAGES - chunk->free))
		return;
	kvpool_extmap_step_del(map, chunk, step);
	kvpool_extmap_step_add(map, chunk);
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
	for (i = 0; i < KVPOOL_NR_STEPS; i++)
		INIT_LIST_HEAD(&map->steps[i]);
	INIT_LIST_HEAD(&map->held);
}

/**
 * kvpool_extmap_add() - Add a chunk that is entirely free
 * @map: the map of the chunk's node; the arena's lock is held
 * @chunk: the chunk; its index and node are set
 */
void kvpool_extmap_add(struct kvpool_extmap *map, struct kvpool_chunk *chunk)
{
	bitmap_zero(chunk->map, KVPOOL_CHUNK_PAGES);
	chunk->bad = NULL;
	INIT_LIST_HEAD(&chunk->bin);
	INIT_LIST_HEAD(&chunk->step);
	INIT_HLIST_HEAD(&chunk->extents);
	chunk->free = KVPOOL_CHUNK_PAGES;
	chunk->run = 0;
	chunk->held = false;
	chunk->failures = 0;
	chunk->guaranteed = false;
	WRITE_ONCE(chunk->leaving, false);
	WRITE_ONCE(chunk->isolated, false);
	kvpool_extmap_rebin(map, chunk, KVPOOL_CHUNK_PAGES);
	kvpool_extmap_step_add(map, chunk);
	/* Readers of the counts may not hold the lock. */
	WRITE_ONCE(map->nr_chunks, map->nr_chunks + 1);
	WRITE_ONCE(map->nr_empty, map->nr_empty + 1);
	WRITE_ONCE(map->nr_free, map->nr_free + KVPOOL_CHUNK_PAGES);
}

/**
 * kvpool_extmap_del() - Remove a chunk that is entirely free
 * @map: the map; the arena's lock is held
 * @chunk: the chunk, which is isolated; it is not freed
 */
void kvpool_extmap_del(struct kvpool_extmap *map, struct kvpool_chunk *chunk)
{
	WRITE_ONCE(map->nr_chunks, map->nr_chunks - 1);
}

/**
 * kvpool_extmap_isolate() - Stop allocating from a chunk
 * @map: the map; the arena's lock is held
 * @chunk: the chunk, which is neither isolated nor guaranteed
 */
void kvpool_extmap_isolate(struct kvpool_extmap *map,
			   struct kvpool_chunk *chunk)
{
	u32 used = KVPOOL_CHUNK_PAGES - chunk->free;

	kvpool_extmap_unbin(map, chunk);
	kvpool_extmap_step_del(map, chunk, kvpool_step(used));
	WRITE_ONCE(chunk->isolated, true);
	WRITE_ONCE(map->nr_free, map->nr_free - chunk->free);
	WRITE_ONCE(map->nr_captive, map->nr_captive + used);
	if (!used)
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
	WRITE_ONCE(chunk->leaving, false);
	WRITE_ONCE(chunk->isolated, false);
	WRITE_ONCE(map->nr_free, map->nr_free + chunk->free);
	WRITE_ONCE(map->nr_captive, map->nr_captive + chunk->free -
				    KVPOOL_CHUNK_PAGES);
	if (chunk->free == KVPOOL_CHUNK_PAGES)
		WRITE_ONCE(map->nr_empty, map->nr_empty + 1);
	kvpool_extmap_rebin(map, chunk, kvpool_longest_run(chunk));
	if (chunk->held) {
		list_add_tail(&chunk->step, &map->held);
		WRITE_ONCE(map->nr_held, map->nr_held + 1);
	} else {
		kvpool_extmap_step_add(map, chunk);
	}
}

/**
 * kvpool_extmap_some() - Tell whether there is a chunk that may be emptied
 * @map: the map
 * @most: most pages that may be in use, rounded up to a step
 *
 * Return: what kvpool_extmap_least() would find; without the arena's lock the
 * answer may be outdated.
 */
bool kvpool_extmap_some(const struct kvpool_extmap *map, unsigned int most)
{
	return find_first_bit(map->used, KVPOOL_NR_STEPS) <= kvpool_step(most);
}

/**
 * kvpool_extmap_least() - Find the least used chunk that may be emptied
 * @map: the map; the arena's lock is held
 * @most: most pages that may be in use, rounded up to a step
 *
 * Return: the chunk that has been in the list of its step for the longest time,
 * or NULL.
 */
struct kvpool_chunk *kvpool_extmap_least(struct kvpool_extmap *map,
					 unsigned int most)
{
	unsigned int step = find_first_bit(map->used, KVPOOL_NR_STEPS);

	return step <= kvpool_step(most) ?
		list_last_entry(&map->steps[step], struct kvpool_chunk, step) :
		NULL;
}

/**
 * kvpool_extmap_hold() - Take note that a chunk cannot be emptied for now
 * @map: the map; the arena's lock is held
 * @chunk: the chunk; kvpool_extmap_least() does not find it any more. If it is
 *	   isolated, kvpool_extmap_restore() follows.
 */
void kvpool_extmap_hold(struct kvpool_extmap *map, struct kvpool_chunk *chunk)
{
	u32 used = KVPOOL_CHUNK_PAGES - chunk->free;

	if (chunk->failures < U8_MAX)
		chunk->failures++;
	if (chunk->isolated) {
		chunk->held = true;
		return;
	}
	kvpool_extmap_step_del(map, chunk, kvpool_step(used));
	chunk->held = true;
	list_add_tail(&chunk->step, &map->held);
	WRITE_ONCE(map->nr_held, map->nr_held + 1);
}

/**
 * kvpool_extmap_unhold() - Let a held chunk be found again
 * @map: the map; the arena's lock is held
 * @chunk: a chunk in the list of held chunks
 */
void kvpool_extmap_unhold(struct kvpool_extmap *map, struct kvpool_chunk *chunk)
{
	list_del_init(&chunk->step);
	WRITE_ONCE(map->nr_held, map->nr_held - 1);
	chunk->held = false;
	kvpool_extmap_step_add(map, chunk);
}

/**
 * kvpool_extmap_guarantee() - Keep a chunk from being emptied, or not
 * @map: the map; the arena's lock is held
 * @chunk: a chunk that is not isolated, and guaranteed unless @on
 * @on: whether the chunk is guaranteed from now on
 */
void kvpool_extmap_guarantee(struct kvpool_extmap *map,
			     struct kvpool_chunk *chunk, bool on)
{
	if (on) {
		kvpool_extmap_step_del(map, chunk,
				       kvpool_step(KVPOOL_CHUNK_PAGES -
						   chunk->free));
		chunk->held = false;
	} else {
		kvpool_extmap_step_add(map, chunk);
	}
	chunk->guaranteed = on;
	WRITE_ONCE(map->nr_guaranteed, map->nr_guaranteed + (on ? 1 : -1));
}

static void kvpool_extmap_take(struct kvpool_extmap *map,
			       struct kvpool_chunk *chunk, u32 first, u32 nr)
{
	u32 run = chunk->run;

	if (chunk->free == KVPOOL_CHUNK_PAGES)
		WRITE_ONCE(map->nr_empty, map->nr_empty - 1);
	bitmap_set(chunk->map, first, nr);
	chunk->free -= nr;
	kvpool_extmap_restep(map, chunk, chunk->free + nr);
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

/**
 * kvpool_extmap_fits() - Tell whether one extent can hold a request
 * @map: the map; the arena's lock is held
 * @nr: pages, at least one
 *
 * Return: true if kvpool_extmap_alloc() would not cut a request of @nr pages.
 */
bool kvpool_extmap_fits(struct kvpool_extmap *map, u32 nr)
{
	return nr <= KVPOOL_CHUNK_PAGES && kvpool_extmap_fit(map, nr);
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
 * @ext: out: the extents, in the lists of their chunks; no extent crosses a
 *	 chunk. Their @single and @index are set by the caller before.
 * @max: room in @ext
 *
 * The caller owns the extents even if pages are missing, and takes each out of
 * its list and frees it with kvpool_extmap_free().
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
		hlist_add_head(&ext[n].node, &chunk->extents);
		n++;
		*pages -= nr;
	}
	return n;
}

static void kvpool_extmap_give(struct kvpool_extmap *map,
			       struct kvpool_chunk *chunk, u32 first, u32 nr)
{
	unsigned long start, end;

	bitmap_clear(chunk->map, first, nr);
	chunk->free += nr;
	if (chunk->isolated) {
		WRITE_ONCE(map->nr_captive, map->nr_captive - nr);
		return;
	}
	kvpool_extmap_restep(map, chunk, chunk->free - nr);
	WRITE_ONCE(map->nr_free, map->nr_free + nr);
	if (chunk->free == KVPOOL_CHUNK_PAGES) {
		WRITE_ONCE(map->nr_empty, map->nr_empty + 1);
		/* Mostly it was a block that kept the chunk. */
		if (chunk->held)
			kvpool_extmap_unhold(map, chunk);
	}

	/* The new run extends to the nearest used pages on both sides. */
	start = find_last_bit(chunk->map, first);
	start = start < first ? start + 1 : 0;
	end = find_next_bit(chunk->map, KVPOOL_CHUNK_PAGES, first + nr);
	kvpool_extmap_rebin(map, chunk, max_t(u32, chunk->run, end - start));
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
	u32 end = first + nr, bad;

	if (!chunk->bad) {
		kvpool_extmap_give(map, chunk, first, nr);
		return;
	}
	while (first < end) {
		bad = min_t(u32, end, find_next_bit(chunk->bad,
						    KVPOOL_CHUNK_PAGES, first));
		if (bad > first)
			kvpool_extmap_give(map, chunk, first, bad - first);
		first = bad + 1;
	}
}

/**
 * kvpool_extmap_ban() - Give pages of a chunk to no block any more
 * @map: the map; the arena's lock is held
 * @chunk: the chunk
 * @bad: in: a bit per page whose memory has failed, including all that have
 *	 failed before; out: the bitmap that @chunk had, or NULL
 */
void kvpool_extmap_ban(struct kvpool_extmap *map, struct kvpool_chunk *chunk,
		       unsigned long **bad)
{
	unsigned long page, *old = chunk->bad;

	if (!chunk->isolated)
		kvpool_extmap_step_del(map, chunk,
				       kvpool_step(KVPOOL_CHUNK_PAGES -
						   chunk->free));
	chunk->held = false;
	chunk->bad = *bad;
	*bad = old;
	for (page = find_next_bit(chunk->bad, KVPOOL_CHUNK_PAGES, 0);
	     page < KVPOOL_CHUNK_PAGES;
	     page = find_next_bit(chunk->bad, KVPOOL_CHUNK_PAGES, page + 1)) {
		/* A page of a block is kept when the block frees it. */
		if (test_bit(page, chunk->map))
			continue;
		if (!chunk->isolated) {
			kvpool_extmap_take(map, chunk, page, 1);
			continue;
		}
		bitmap_set(chunk->map, page, 1);
		chunk->free--;
		WRITE_ONCE(map->nr_captive, map->nr_captive + 1);
	}
}
