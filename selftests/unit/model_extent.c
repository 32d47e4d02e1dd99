// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "model_extent.h"
#include "ops.h"
#include "tap.h"

struct model_arena *model_arena_new(u32 nr_slots)
{
	struct model_arena *arena = calloc(1, sizeof(*arena));

	CHECK(arena);
	arena->chunks = calloc(nr_slots, sizeof(*arena->chunks));
	CHECK(arena->chunks);
	arena->nr_slots = nr_slots;
	kvpool_extmap_init(&arena->map);
	return arena;
}

void model_arena_delete(struct model_arena *arena)
{
	free(arena->chunks);
	free(arena);
}

void model_chunk_add(struct model_arena *arena, u32 slot)
{
	struct model_chunk *c = &arena->chunks[slot];

	CHECK(!c->added);
	/* Earlier content does not matter. */
	memset(&c->chunk, 0xa5, sizeof(c->chunk));
	c->chunk.index = slot;
	kvpool_extmap_add(&arena->map, &c->chunk);
	c->added = true;
	c->empty_since = ++arena->now;
	memset(c->used, 0, sizeof(c->used));
}

static u32 model_used(const struct model_chunk *c)
{
	u32 i, n = 0;

	for (i = 0; i < KVPOOL_CHUNK_PAGES; i++)
		n += c->used[i];
	return n;
}

/* Takes out an empty chunk, if there is one. */
static bool model_chunk_del(struct model_arena *arena)
{
	struct kvpool_chunk *chunk = kvpool_extmap_least(&arena->map, 0);
	struct model_chunk *c, *oldest = NULL;
	u32 i;

	for (i = 0; i < arena->nr_slots; i++) {
		c = &arena->chunks[i];
		if (c->added && !model_used(c) &&
		    (!oldest || c->empty_since < oldest->empty_since))
			oldest = c;
	}
	CHECK(chunk == (oldest ? &oldest->chunk : NULL));
	CHECK_EQ(kvpool_extmap_some(&arena->map, 0), !!oldest);
	if (!oldest)
		return false;

	kvpool_extmap_isolate(&arena->map, chunk);
	CHECK_EQ(arena->map.nr_captive, 0);
	kvpool_extmap_del(&arena->map, chunk);
	CHECK(list_empty(&chunk->bin));
	CHECK(list_empty(&chunk->step));
	CHECK(hlist_empty(&chunk->extents));
	oldest->added = false;
	/* No reference may remain. */
	memset(chunk, 0x5a, sizeof(*chunk));
	return true;
}

static u32 model_longest(const struct model_chunk *c)
{
	u32 i, run = 0, longest = 0;

	for (i = 0; i < KVPOOL_CHUNK_PAGES; i++) {
		run = c->used[i] ? 0 : run + 1;
		if (run > longest)
			longest = run;
	}
	return longest;
}

static u32 model_longest_of_all(const struct model_arena *arena)
{
	u32 i, run, longest = 0;

	for (i = 0; i < arena->nr_slots; i++) {
		if (!arena->chunks[i].added)
			continue;
		run = model_longest(&arena->chunks[i]);
		if (run > longest)
			longest = run;
	}
	return longest;
}

static void model_take(struct model_arena *arena, struct kvpool_extent ext)
{
	u32 slot = ext.page / KVPOOL_CHUNK_PAGES;
	u32 first = ext.page % KVPOOL_CHUNK_PAGES;
	struct model_chunk *c;

	CHECK(slot < arena->nr_slots);
	c = &arena->chunks[slot];
	CHECK(c->added);
	CHECK(ext.nr >= 1 && first + ext.nr <= KVPOOL_CHUNK_PAGES);
	while (ext.nr--) {
		CHECK(!c->used[first]);
		c->used[first++] = 1;
		arena->used_pages++;
	}
}

struct model_block *model_alloc(struct model_arena *arena, u32 pages, u32 max,
				bool partial, u32 *wanting)
{
	unsigned long nr_free = arena->map.nr_free;
	u32 i, n, left = pages, got = 0, longest = 0;
	struct model_block *block;

	CHECK(max <= MODEL_MAX_EXTENTS);
	/* Few chunks: exact promises about the cut are checked. */
	if (arena->nr_slots <= 64)
		longest = model_longest_of_all(arena);

	n = kvpool_extmap_alloc(&arena->map, &left, arena->scratch, max);
	CHECK(n <= max);
	CHECK(left <= pages);
	for (i = 0; i < n; i++) {
		model_take(arena, arena->scratch[i]);
		got += arena->scratch[i].nr;
		/* The model copies and cuts extents, so they leave the list. */
		hlist_del(&arena->scratch[i].node);
	}
	CHECK_EQ(got, pages - left);
	CHECK_EQ(arena->map.nr_free, nr_free - got);
	/* Pages are missing for one of the two reasons only. */
	CHECK(!left || n == max || !arena->map.nr_free);
	/* No request is cut that a power of two of pages can serve whole. */
	if (max && is_power_of_2(pages) && pages <= longest)
		CHECK(n == 1 && !left);
	if (max && pages <= KVPOOL_CHUNK_PAGES && longest >= pages &&
	    ilog2(longest) > ilog2(pages))
		CHECK(n == 1 && !left);

	*wanting = left;
	if (left && !partial) {
		for (i = 0; i < n; i++)
			model_free_extent(arena, arena->scratch[i]);
		return NULL;
	}
	if (!n)
		return NULL;
	block = malloc(sizeof(*block) + n * sizeof(*block->ext));
	CHECK(block);
	block->next = NULL;
	block->nr_ext = n;
	block->bytes = (pages - left) * KVPOOL_PAGE_SIZE;
	memcpy(block->ext, arena->scratch, n * sizeof(*block->ext));
	return block;
}

void model_free_extent(struct model_arena *arena, struct kvpool_extent ext)
{
	struct model_chunk *c = &arena->chunks[ext.page / KVPOOL_CHUNK_PAGES];
	u32 i, first = ext.page % KVPOOL_CHUNK_PAGES;

	for (i = 0; i < ext.nr; i++) {
		CHECK(c->used[first + i]);
		c->used[first + i] = 0;
		arena->used_pages--;
	}
	kvpool_extmap_free(&arena->map, &c->chunk, first, ext.nr);
	if (c->chunk.free == KVPOOL_CHUNK_PAGES)
		c->empty_since = ++arena->now;
}

void model_free(struct model_arena *arena, struct model_block *block)
{
	u32 i;

	for (i = 0; i < block->nr_ext; i++)
		model_free_extent(arena, block->ext[i]);
	free(block);
}

static void model_chunk_check(struct model_arena *arena, struct model_chunk *c)
{
	u32 i, bin, run = model_longest(c), on = 0;
	struct kvpool_chunk *pos;

	for (i = 0; i < KVPOOL_CHUNK_PAGES; i++)
		CHECK(test_bit(i, c->chunk.map) == c->used[i]);
	CHECK_EQ(c->chunk.free, KVPOOL_CHUNK_PAGES - model_used(c));
	CHECK_EQ(c->chunk.run, run);
	CHECK(list_empty(&c->chunk.bin) == !run);
	if (!run)
		return;

	for (bin = 0; run >> (bin + 1); bin++)
		;
	list_for_each_entry(pos, &arena->map.bins[bin], bin)
		on += pos == &c->chunk;
	CHECK_EQ(on, 1);
}

/* Each chunk is in the list of its step, and no step is shown wrongly. */
static void model_steps_check(struct model_arena *arena, u32 nr_chunks)
{
	struct kvpool_chunk *pos;
	u32 i, used, on = 0;

	for (i = 0; i < KVPOOL_NR_STEPS; i++) {
		CHECK(test_bit(i, arena->map.used) ==
		      !list_empty(&arena->map.steps[i]));
		list_for_each_entry(pos, &arena->map.steps[i], step) {
			used = KVPOOL_CHUNK_PAGES - pos->free;
			CHECK(used <= i * KVPOOL_STEP_PAGES);
			CHECK(!i || used > (i - 1) * KVPOOL_STEP_PAGES);
			on++;
		}
	}
	CHECK_EQ(on, nr_chunks);
}

void model_arena_check(struct model_arena *arena)
{
	unsigned long nr_chunks = 0, nr_free = 0, nr_empty = 0, binned = 0;
	unsigned long on_bins = 0;
	struct kvpool_chunk *pos;
	struct model_chunk *c;
	u32 i, used;

	for (i = 0; i < arena->nr_slots; i++) {
		c = &arena->chunks[i];
		if (!c->added)
			continue;
		model_chunk_check(arena, c);
		used = model_used(c);
		nr_chunks++;
		nr_free += KVPOOL_CHUNK_PAGES - used;
		nr_empty += !used;
		binned += used < KVPOOL_CHUNK_PAGES;
	}
	model_steps_check(arena, nr_chunks);
	CHECK_EQ(arena->map.nr_chunks, nr_chunks);
	CHECK_EQ(arena->map.nr_free, nr_free);
	CHECK_EQ(arena->map.nr_empty, nr_empty);
	CHECK_EQ(arena->used_pages, nr_chunks * KVPOOL_CHUNK_PAGES - nr_free);

	for (i = 0; i < KVPOOL_NR_BINS; i++) {
		CHECK(test_bit(i, &arena->map.nonempty) ==
		      !list_empty(&arena->map.bins[i]));
		list_for_each_entry(pos, &arena->map.bins[i], bin)
			on_bins++;
	}
	CHECK_EQ(on_bins, binned);
	CHECK(!(arena->map.nonempty >> KVPOOL_NR_BINS));
}

/* ---- sequences of operations ---- */

#define OPS_SLOTS	12
#define OPS_BLOCKS	64

static void ops_alloc(struct model_arena *arena, struct model_block **blocks,
		      struct ops_input *in, u32 pages)
{
	u32 i = ops_u8(in) % OPS_BLOCKS, how = ops_u8(in), wanting;
	u32 max = how & 1 ? MODEL_MAX_EXTENTS : how >> 2;

	if (blocks[i])
		model_free(arena, blocks[i]);
	blocks[i] = model_alloc(arena, pages, max, how & 2, &wanting);
}

/* Give back some pages from within a block, which may cut an extent in two. */
static void ops_punch(struct model_arena *arena, struct model_block **slot,
		      struct ops_input *in)
{
	struct model_block *block = *slot, *rest;
	struct kvpool_extent *ext, hole, tail;
	u32 i;

	if (!block)
		return;
	i = ops_u8(in) % block->nr_ext;
	rest = malloc(sizeof(*rest) + (block->nr_ext + 1) * sizeof(*rest->ext));
	CHECK(rest);
	memcpy(rest, block, sizeof(*block) +
			    block->nr_ext * sizeof(*block->ext));
	free(block);

	ext = &rest->ext[i];
	hole.page = ext->page + ops_u16(in) % ext->nr;
	tail.page = ext->page + ext->nr;
	hole.nr = 1 + ops_u16(in) % (tail.page - hole.page);
	tail.nr = tail.page - hole.page - hole.nr;
	tail.page = hole.page + hole.nr;
	ext->nr = hole.page - ext->page;
	if (tail.nr)
		rest->ext[rest->nr_ext++] = tail;
	if (!ext->nr)
		*ext = rest->ext[--rest->nr_ext];
	model_free_extent(arena, hole);
	if (!rest->nr_ext) {
		free(rest);
		rest = NULL;
	}
	*slot = rest;
}

void extent_ops(const u8 *data, size_t size)
{
	struct model_block *blocks[OPS_BLOCKS] = { NULL };
	struct model_arena *arena = model_arena_new(OPS_SLOTS);
	struct ops_input in = { data, size };
	u32 i;

	while (in.left) {
		switch (ops_u8(&in) % 8) {
		case 0:
			i = ops_u8(&in) % OPS_SLOTS;
			if (!arena->chunks[i].added)
				model_chunk_add(arena, i);
			break;
		case 1:
			model_chunk_del(arena);
			break;
		case 2:
			ops_alloc(arena, blocks, &in, 1 + ops_u8(&in) % 32);
			break;
		case 3:
			ops_alloc(arena, blocks, &in, 1 + ops_u8(&in) * 2);
			break;
		case 4:
			ops_alloc(arena, blocks, &in, 1 + ops_u16(&in));
			break;
		case 5:
			ops_alloc(arena, blocks, &in, 1U << ops_u8(&in) % 17);
			break;
		case 6:
			i = ops_u8(&in) % OPS_BLOCKS;
			if (blocks[i])
				model_free(arena, blocks[i]);
			blocks[i] = NULL;
			break;
		case 7:
			ops_punch(arena, &blocks[ops_u8(&in) % OPS_BLOCKS],
				  &in);
			break;
		}
		model_arena_check(arena);
	}

	for (i = 0; i < OPS_BLOCKS; i++)
		if (blocks[i])
			model_free(arena, blocks[i]);
	model_arena_check(arena);
	CHECK_EQ(arena->used_pages, 0);
	while (model_chunk_del(arena))
		;
	CHECK_EQ(arena->map.nr_chunks, 0);
	CHECK_EQ(arena->map.nonempty, 0);
	model_arena_delete(arena);
}
