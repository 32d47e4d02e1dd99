/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_COPY_H
#define _KVPOOL_COPY_H

#include <linux/bits.h>
#include <linux/types.h>

#include <linux/kvpool.h>

#include "cache/block_types.h"
#include "file/hold.h"
#include "file/span.h"

struct kvpool_call;

/* Flag of kvpool_entries_read(): the entries have the length of their block. */
#define KVPOOL_ENTRIES_LENGTH	BIT(0)

/* Spans that are gathered before they are written to the caller. */
#define KVPOOL_SPANS_AT_ONCE	16

/**
 * struct kvpool_span_out - the array of spans of a call, while it is written
 * @ptr:	where the next of @spans goes to
 * @room:	spans that the array has room for
 * @used:	spans of blocks so far, those in @spans included
 * @nr:		length of @spans
 * @spans:	spans that have not been written yet
 */
struct kvpool_span_out {
	u64 ptr;
	u32 room;
	u32 used;
	u32 nr;
	struct kvpool_span spans[KVPOOL_SPANS_AT_ONCE];
};

/* Leaves @spans, which is large, as it is. */
static inline void kvpool_span_out_init(struct kvpool_span_out *out, u64 ptr,
					u32 room)
{
	out->ptr = ptr;
	out->room = room;
	out->used = 0;
	out->nr = 0;
}

int kvpool_arrays_init(void);
void kvpool_arrays_exit(void);
void *kvpool_array_read(u64 ptr, u32 nr, size_t size);
struct kvpool_entry *kvpool_entries_read(u64 ptr, u32 nr, u32 pins,
					 unsigned int flags);
struct kvpool_handle_entry *kvpool_handles_read(u64 ptr, u32 nr, u32 pins);
int kvpool_entries_write(u64 ptr, const void *entries, size_t bytes);
int kvpool_spans_write(u64 ptr, const struct kvpool_place *place, u32 first,
		       u32 nr);
int kvpool_spans_add(struct kvpool_span_out *out,
		     const struct kvpool_place *place, u32 first, u32 nr);
int kvpool_spans_flush(struct kvpool_span_out *out);
int kvpool_blocks_refuse(int why, struct kvpool_entry *entries, u64 to, u32 nr);
int kvpool_blocks_finish(struct kvpool_call *call, struct kvpool_entry *entries,
			 u64 to, struct kvpool_span_out *out, int ret);
int kvpool_blocks_write(struct kvpool_call *call, struct kvpool_entry *entries,
			u64 to, u64 spans, u32 *nr_spans);

/**
 * kvpool_entry_fill() - Fill in the results of a handle
 * @out: the spans of the call; gets those of @block if there is room for all
 * @entry: the entry
 * @hold: the hold of the call
 * @i: the index of the entry in @hold
 * @block: the block of the handle
 *
 * Context: May sleep. Does not sleep if @block has one span and @out->nr is less
 * than KVPOOL_SPANS_AT_ONCE.
 * Return: 0 or -EFAULT.
 */
static inline int kvpool_entry_fill(struct kvpool_span_out *out,
				    struct kvpool_entry *entry,
				    const struct kvpool_hold *hold, u32 i,
				    const struct kvpool_block *block)
{
	u32 nr = block->place.nr_extents, used = out->used;

	entry->handle = kvpool_handle(hold, i);
	entry->length = kvpool_block_length(block);
	entry->status = 0;
	entry->nr_spans = nr;
	entry->span_index = KVPOOL_SPAN_NONE;
	if (nr > out->room - used)
		return 0;
	entry->span_index = used;
	out->used = used + nr;
	if (nr != 1 || out->nr == KVPOOL_SPANS_AT_ONCE)
		return kvpool_spans_add(out, &block->place, 0, nr);
	kvpool_span_fill_only(&out->spans[out->nr++], &block->place);
	return 0;
}

#endif /* _KVPOOL_COPY_H */
