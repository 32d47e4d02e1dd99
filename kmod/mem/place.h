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
#include <linux/types.h>

#define KVPOOL_PAGE_SHIFT	12
#define KVPOOL_PAGE_SIZE	BIT(KVPOOL_PAGE_SHIFT)
#define KVPOOL_CHUNK_SHIFT	21
#define KVPOOL_CHUNK_SIZE	BIT(KVPOOL_CHUNK_SHIFT)
#define KVPOOL_CHUNK_ORDER	(KVPOOL_CHUNK_SHIFT - KVPOOL_PAGE_SHIFT)
#define KVPOOL_CHUNK_PAGES	((u32)BIT(KVPOOL_CHUNK_ORDER))

/* A run of pages in the arena of one tenant, counted from the arena's start. */
struct kvpool_extent {
	u32 page;
	u32 nr;
};

#define KVPOOL_INLINE_EXTENTS	3

/**
 * struct kvpool_place - memory of an arena
 * @length:	bytes of the block; the last page may be used in part
 * @nr_extents:	number of extents, zero while the place has no memory. The
 *		extents are constant once a task other than the owner can reach
 *		the place.
 * @ext:	the extents, if there are at most KVPOOL_INLINE_EXTENTS
 * @extv:	the extents, if there are more
 */
struct kvpool_place {
	u32 length;
	u32 nr_extents;
	union {
		struct kvpool_extent ext[KVPOOL_INLINE_EXTENTS];
		struct kvpool_extent *extv;
	};
};

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
	return place->nr_extents > KVPOOL_INLINE_EXTENTS ? place->extv :
							   place->ext;
}

#endif /* _KVPOOL_PLACE_H */
