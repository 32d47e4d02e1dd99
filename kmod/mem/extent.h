/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Extent allocator. Builds in user space for the unit tests.
 */
#ifndef _KVPOOL_EXTENT_H
#define _KVPOOL_EXTENT_H

#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "mem/place.h"

#define KVPOOL_NR_BINS		(KVPOOL_CHUNK_ORDER + 1)

/**
 * struct kvpool_chunk - 2 MiB of one tenant's arena
 * @map:	a bit per page, set while the page belongs to a block
 * @bin:	entry in the extmap's bin for @run; empty while the chunk is
 *		full, isolated or being removed from the arena
 * @index:	position in the arena, in chunks
 * @free:	clear bits in @map
 * @run:	longest run of clear bits in @map
 * @isolated:	nothing is allocated from the chunk: it is being emptied, or is
 *		not in the extmap yet
 * @stuck:	jiffies when the chunk could not be emptied, or zero
 * @node:	NUMA node of @page
 * @page:	head of the compound page; NULL in unit tests
 * @rcu:	frees the chunk after the last reader of the arena's chunks
 *
 * The arena's lock protects @map, @bin, @free, @run, @isolated and @stuck;
 * @free, @isolated and @stuck are read without it too.
 */
struct kvpool_chunk {
	DECLARE_BITMAP(map, KVPOOL_CHUNK_PAGES);
	struct list_head bin;
	u32 index;
	u16 free;
	u16 run;
	bool isolated;
	u32 stuck;
	int node;
	struct page *page;
	struct rcu_head rcu;
};

/**
 * struct kvpool_extmap - free space of one tenant on one node
 * @bins:	chunks with free pages, by the order of their longest run; the
 *		last bin holds chunks that are entirely free
 * @nonempty:	a bit per bin
 * @nr_chunks:	chunks in the map, full and isolated ones included
 * @nr_free:	free pages in chunks that are not isolated
 * @nr_empty:	chunks that are entirely free and not isolated
 * @nr_captive:	pages of blocks in isolated chunks
 *
 * Protected by the arena's lock; the counts are read without it too.
 */
struct kvpool_extmap {
	struct list_head bins[KVPOOL_NR_BINS];
	unsigned long nonempty;
	unsigned long nr_chunks;
	unsigned long nr_free;
	unsigned long nr_empty;
	unsigned long nr_captive;
};

void kvpool_extmap_init(struct kvpool_extmap *map);
void kvpool_extmap_add(struct kvpool_extmap *map, struct kvpool_chunk *chunk);
void kvpool_extmap_del(struct kvpool_extmap *map, struct kvpool_chunk *chunk);
struct kvpool_chunk *kvpool_extmap_empty(struct kvpool_extmap *map);
void kvpool_extmap_isolate(struct kvpool_extmap *map,
			   struct kvpool_chunk *chunk);
void kvpool_extmap_restore(struct kvpool_extmap *map,
			   struct kvpool_chunk *chunk);
u32 kvpool_extmap_alloc(struct kvpool_extmap *map, u32 *pages,
			struct kvpool_extent *ext, u32 max);
void kvpool_extmap_free(struct kvpool_extmap *map, struct kvpool_chunk *chunk,
			u32 first, u32 nr);

#endif /* _KVPOOL_EXTENT_H */
