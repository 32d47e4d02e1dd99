/* SPDX-License-Identifier: GPL-2.0 */
/* Spans: the extents of a block, as the uAPI reports them. */
#ifndef _KVPOOL_SPAN_H
#define _KVPOOL_SPAN_H

#include <linux/types.h>

struct kvpool_place;
struct kvpool_span;

void kvpool_span_fill(struct kvpool_span *span,
		      const struct kvpool_place *place, u32 i);

#endif /* _KVPOOL_SPAN_H */
