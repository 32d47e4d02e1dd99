/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of the extent allocator: a byte for every page, which names the owner
 * of the page. It checks every result of the allocator and its whole state.
 */
#ifndef _HOST_MODEL_EXTENT_H
#define _HOST_MODEL_EXTENT_H

#include "mem/extent.h"

#define MODEL_MAX_EXTENTS	65536

struct model_block {
	struct model_block *next;
	u32 bytes;
	u32 nr_ext;
	struct kvpool_extent ext[];
};

struct model_chunk {
	struct kvpool_chunk chunk;
	bool added;
	u64 empty_since;
	u8 used[KVPOOL_CHUNK_PAGES];
};

struct model_arena {
	struct kvpool_extmap map;
	struct model_chunk *chunks;
	u32 nr_slots;
	u64 now;
	unsigned long used_pages;
	struct kvpool_extent scratch[MODEL_MAX_EXTENTS];
};

struct model_arena *model_arena_new(u32 nr_slots);
void model_arena_delete(struct model_arena *arena);

void model_chunk_add(struct model_arena *arena, u32 slot);

/*
 * All of @pages or, with @partial, as many as fit into @max extents; NULL if
 * nothing was allocated. @wanting is set to the number of missing pages.
 */
struct model_block *model_alloc(struct model_arena *arena, u32 pages, u32 max,
				bool partial, u32 *wanting);
void model_free_extent(struct model_arena *arena, struct kvpool_extent ext);
void model_free(struct model_arena *arena, struct model_block *block);

/* Compare everything. */
void model_arena_check(struct model_arena *arena);

/* Run a sequence of operations that @data describes. */
void extent_ops(const u8 *data, size_t size);

#endif /* _HOST_MODEL_EXTENT_H */
