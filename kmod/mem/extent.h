/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Extent allocator. Builds in user space for the unit tests.
 */
#ifndef _KVPOOL_EXTENT_H
#define _KVPOOL_EXTENT_H

#include <linux/bitmap.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "mem/place.h"

#define KVPOOL_NR_BINS		(KVPOOL_CHUNK_ORDER + 1)

/* Steps of use: no page, then up to each multiple of this many pages. */
#define KVPOOL_STEP_PAGES	16
#define KVPOOL_NR_STEPS		(1 + KVPOOL_CHUNK_PAGES / KVPOOL_STEP_PAGES)

/**
 * struct kvpool_chunk - 2 MiB of one tenant's arena
 * @map:	a bit per page, set while the page belongs to a block
 * @bad:	a bit per page whose memory has failed, or NULL. Such a page
 *		counts as used for ever, once it belongs to no block, and the
 *		chunk is not emptied.
 * @bin:	entry in the extmap's bin for @run; empty while the chunk is
 *		full, isolated or being removed from the arena
 * @step:	entry in the extmap's list for the use of the chunk, or in its
 *		list of held chunks; empty while the chunk is isolated or
 *		guaranteed
 * @extents:	the extents in the chunk, in any order
 * @index:	position in the arena, in chunks
 * @free:	clear bits in @map
 * @run:	longest run of clear bits in @map
 * @isolated:	nothing is allocated from the chunk: it is being emptied, or is
 *		not in the extmap yet
 * @leaving:	the chunk is isolated and empty, and is being taken out of the
 *		arena; a task that has taken a reference to @page must not map
 *		it
 * @guaranteed:	the chunk never leaves the arena
 * @held:	the chunk could not be emptied, and is not tried for some time
 * @failures:	how often the chunk could not be emptied
 * @held_at:	jiffies when it could not be emptied last
 * @node:	NUMA node of @page
 * @page:	head of the compound page; NULL in unit tests
 * @rcu:	frees the chunk after the last reader of the arena's chunks
 *
 * The arena's lock protects all members except @index, @node and @page, which
 * are constant. @free, @run, @isolated and @leaving are read without it too.
 */
struct kvpool_chunk {
	DECLARE_BITMAP(map, KVPOOL_CHUNK_PAGES);
	unsigned long *bad;
	struct list_head bin;
	struct list_head step;
	struct hlist_head extents;
	u32 index;
	u16 free;
	u16 run;
	bool isolated;
	bool leaving;
	bool guaranteed;
	bool held;
	u8 failures;
	int node;
	unsigned long held_at;
	struct page *page;
	struct rcu_head rcu;
};

/**
 * struct kvpool_extmap - free space of one tenant on one node
 * @bins:	chunks with free pages, by the order of their longest run; the
 *		last bin holds chunks that are entirely free
 * @nonempty:	a bit per bin
 * @steps:	chunks that may be emptied, by the pages in use
 * @used:	a bit per list of @steps
 * @held:	chunks that could not be emptied, the latest attempt last
 * @nr_chunks:	chunks in the map
 * @nr_held:	chunks in @held
 * @nr_guaranteed: chunks that are guaranteed
 * @nr_free:	free pages in chunks that are not isolated
 * @nr_empty:	chunks that are entirely free and not isolated
 * @nr_captive:	pages of blocks in isolated chunks
 *
 * Protected by the arena's lock; the counts are read without it too.
 */
struct kvpool_extmap {
	struct list_head bins[KVPOOL_NR_BINS];
	unsigned long nonempty;
	struct list_head steps[KVPOOL_NR_STEPS];
	DECLARE_BITMAP(used, KVPOOL_NR_STEPS);
	struct list_head held;
	unsigned long nr_chunks;
	unsigned long nr_held;
	unsigned long nr_guaranteed;
	unsigned long nr_free;
	unsigned long nr_empty;
	unsigned long nr_captive;
};

void kvpool_extmap_init(struct kvpool_extmap *map);
void kvpool_extmap_add(struct kvpool_extmap *map, struct kvpool_chunk *chunk);
void kvpool_extmap_del(struct kvpool_extmap *map, struct kvpool_chunk *chunk);
bool kvpool_extmap_some(const struct kvpool_extmap *map, unsigned int most);
struct kvpool_chunk *kvpool_extmap_least(struct kvpool_extmap *map,
					 unsigned int most);
void kvpool_extmap_hold(struct kvpool_extmap *map, struct kvpool_chunk *chunk);
void kvpool_extmap_unhold(struct kvpool_extmap *map,
			  struct kvpool_chunk *chunk);
void kvpool_extmap_guarantee(struct kvpool_extmap *map,
			     struct kvpool_chunk *chunk, bool on);
void kvpool_extmap_isolate(struct kvpool_extmap *map,
			   struct kvpool_chunk *chunk);
void kvpool_extmap_restore(struct kvpool_extmap *map,
			   struct kvpool_chunk *chunk);
bool kvpool_extmap_fits(struct kvpool_extmap *map, u32 nr);
u32 kvpool_extmap_alloc(struct kvpool_extmap *map, u32 *pages,
			struct kvpool_extent *ext, u32 max);
void kvpool_extmap_ban(struct kvpool_extmap *map, struct kvpool_chunk *chunk,
		       unsigned long **bad);
void kvpool_extmap_free(struct kvpool_extmap *map, struct kvpool_chunk *chunk,
			u32 first, u32 nr);

#endif /* _KVPOOL_EXTENT_H */
