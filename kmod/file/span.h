/* SPDX-License-Identifier: GPL-2.0 */
/* Spans: how a user is told where a block lies. */
#ifndef _KVPOOL_SPAN_H
#define _KVPOOL_SPAN_H

#include <linux/types.h>

#include <linux/kvpool.h>

#include "mem/place.h"

/* Tell where extent @i of the place of a referenced block lies. */
static inline void kvpool_span_fill(struct kvpool_span *span,
				    const struct kvpool_place *place, u32 i)
{
	const struct kvpool_extent *ext = kvpool_place_extents(place) + i;

	span->offset = (u64)ext->page << KVPOOL_PAGE_SHIFT;
	span->length = (u64)ext->nr << KVPOOL_PAGE_SHIFT;
	/* The rest of the last page is not part of the block. */
	if (i == place->nr_extents - 1)
		span->length -= -place->length & (KVPOOL_PAGE_SIZE - 1);
}

/* The same for a block with one extent. */
static inline void kvpool_span_fill_only(struct kvpool_span *span,
					 const struct kvpool_place *place)
{
	span->offset = (u64)kvpool_place_extents(place)->page <<
		       KVPOOL_PAGE_SHIFT;
	span->length = place->length;
}

#endif /* _KVPOOL_SPAN_H */
