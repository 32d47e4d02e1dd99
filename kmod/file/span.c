// SPDX-License-Identifier: GPL-2.0
/* Spans: the extents of a block, as the uAPI reports them. */
#include <linux/kvpool.h>

#include "file/span.h"
#include "mem/place.h"

/**
 * kvpool_span_fill() - Make a span of an extent
 * @span: out: offset in the arena and length, in bytes
 * @place: the place of a block that the caller has a reference to
 * @i: index of the extent
 */
void kvpool_span_fill(struct kvpool_span *span,
		      const struct kvpool_place *place, u32 i)
{
	const struct kvpool_extent *ext = kvpool_place_extents(place) + i;

	span->offset = (u64)ext->page << KVPOOL_PAGE_SHIFT;
	span->length = (u64)ext->nr << KVPOOL_PAGE_SHIFT;
	/* The rest of the last page is not part of the block. */
	if (i == place->nr_extents - 1)
		span->length -= -place->length & (KVPOOL_PAGE_SIZE - 1);
}
