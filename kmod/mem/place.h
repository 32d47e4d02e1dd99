/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Places: where the bytes of a block lie.
 *
 * This header builds in user space for the unit tests, so it includes only
 * headers that their shim provides.
 */
#ifndef _KVPOOL_PLACE_H
#define _KVPOOL_PLACE_H

#include <linux/bits.h>
#include <linux/container_of.h>
#include <linux/list.h>
#include <linux/types.h>

#define KVPOOL_PAGE_SHIFT	12
#define KVPOOL_PAGE_SIZE	BIT(KVPOOL_PAGE_SHIFT)
#define KVPOOL_CHUNK_SHIFT	21
#define KVPOOL_CHUNK_SIZE	BIT(KVPOOL_CHUNK_SHIFT)
#define KVPOOL_CHUNK_ORDER	(KVPOOL_CHUNK_SHIFT - KVPOOL_PAGE_SHIFT)
#define KVPOOL_CHUNK_PAGES	((u32)BIT(KVPOOL_CHUNK_ORDER))

/**
 * struct kvpool_extent - a run of pages in the arena of one tenant
 * @page:	first page, counted from the arena's start
 * @nr:		number of pages; the run does not cross a chunk
 * @single:	the extent is the only one of its place, and part of it
 * @index:	position among the extents of its place
 * @node:	entry in the chunk's list of extents; the arena's lock
 */
struct kvpool_extent {
	u32 page;
	u16 nr : 15;
	u16 single : 1;
	u16 index;
	struct hlist_node node;
};

/**
 * struct kvpool_extents - the extents of a place that has more than one
 * @place:	the place
 * @ext:	the extents
 */
struct kvpool_extents {
	struct kvpool_place *place;
	struct kvpool_extent ext[];
};

/**
 * struct kvpool_place - memory of an arena
 * @ext:	the extent, if there is only one
 * @extv:	the extents, if there are more
 * @length:	bytes of the block; the last page may be used in part
 * @nr_extents:	number of extents, zero while the place has no memory. The
 *		extents are constant once a task other than the owner can reach
 *		the place.
 * @node:	NUMA node of all extents
 *
 * A place does not move in memory while it has extents.
 */
struct kvpool_place {
	union {
		struct kvpool_extent ext;
		struct kvpool_extents *extv;
	};
	u32 length;
	u32 nr_extents : 24;
	u32 node : 8;
};

#define KVPOOL_PLACE_NODES	256	/* nodes that a place can name */

/* Number of pages that hold @length bytes. */
static inline u32 kvpool_pages(u64 length)
{
	return (length + KVPOOL_PAGE_SIZE - 1) >> KVPOOL_PAGE_SHIFT;
}

static inline u32 kvpool_place_pages(const struct kvpool_place *place)
{
	return kvpool_pages(place->length);
}

static inline const struct kvpool_extent *
kvpool_place_extents(const struct kvpool_place *place)
{
	return place->nr_extents > 1 ? place->extv->ext : &place->ext;
}

/* Number of pages that a place has; all of them, or none, or its first ones. */
static inline u32 kvpool_place_held(const struct kvpool_place *place)
{
	const struct kvpool_extent *ext = kvpool_place_extents(place);
	u32 pages = 0, i;

	for (i = 0; i < place->nr_extents; i++)
		pages += ext[i].nr;
	return pages;
}

/* The place that an extent belongs to. */
static inline struct kvpool_place *
kvpool_extent_place(struct kvpool_extent *ext)
{
	if (ext->single)
		return container_of(ext, struct kvpool_place, ext);
	return container_of(ext - ext->index, struct kvpool_extents,
			    ext[0])->place;
}

#endif /* _KVPOOL_PLACE_H */
