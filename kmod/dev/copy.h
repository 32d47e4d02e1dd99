/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_COPY_H
#define _KVPOOL_COPY_H

#include <linux/bits.h>
#include <linux/types.h>

struct kvpool_call;
struct kvpool_entry;
struct kvpool_handle_entry;
struct kvpool_place;

/* Flag of kvpool_entries_read(): the entries have the length of their block. */
#define KVPOOL_ENTRIES_LENGTH	BIT(0)

void *kvpool_array_read(u64 ptr, u32 nr, size_t size);
struct kvpool_entry *kvpool_entries_read(u64 ptr, u32 nr, u32 pins,
					 unsigned int flags);
struct kvpool_handle_entry *kvpool_handles_read(u64 ptr, u32 nr, u32 pins);
int kvpool_entries_write(u64 ptr, const void *entries, size_t bytes);
int kvpool_spans_write(u64 ptr, const struct kvpool_place *place, u32 first,
		       u32 nr);
int kvpool_blocks_refuse(int why, struct kvpool_entry *entries, u64 to, u32 nr);
int kvpool_blocks_write(struct kvpool_call *call, struct kvpool_entry *entries,
			u64 to, u64 spans, u32 *nr_spans);

#endif /* _KVPOOL_COPY_H */
