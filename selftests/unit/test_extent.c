// SPDX-License-Identifier: GPL-2.0
/* The extent allocator against its model, and how much of the memory it uses. */
#include "model_extent.h"
#include "tap.h"

#define FILL_CHUNKS	512	/* 1 GiB */

static struct model_arena *full_arena(u32 chunks)
{
	struct model_arena *arena = model_arena_new(chunks);
	u32 i;

	for (i = 0; i < chunks; i++)
		model_chunk_add(arena, i);
	return arena;
}

static void test_shim(void)
{
	struct rnd rnd = { tap_seed() };
	DECLARE_BITMAP(map, 200);
	unsigned long start, end;
	u32 n, i, k, clear;

	for (n = 0; n < 3000; n++) {
		u32 size = rnd_range(&rnd, 1, 200), from = rnd_below(&rnd, 200);
		u32 first = rnd_below(&rnd, size);
		u32 nr = rnd_range(&rnd, 1, size - first);

		for (i = 0; i < ARRAY_SIZE(map); i++)
			map[i] = rnd_next(&rnd) & rnd_next(&rnd) &
				 (n & 1 ? rnd_next(&rnd) : ~0UL);
		bitmap_set(map, first, nr / 2);
		bitmap_clear(map, first, nr / 3);

		for (i = from; i < size && !test_bit(i, map); i++)
			;
		CHECK_EQ(find_next_bit(map, size, from), min(i, size));
		for (i = from; i < size && test_bit(i, map); i++)
			;
		CHECK_EQ(find_next_zero_bit(map, size, from), min(i, size));
		for (i = size; i && !test_bit(i - 1, map); i--)
			;
		CHECK_EQ(find_last_bit(map, size), i ? i - 1 : size);

		clear = 0;
		for_each_clear_bitrange(start, end, map, size) {
			CHECK(start < end && end <= size);
			CHECK(!start || test_bit(start - 1, map));
			CHECK(end == size || test_bit(end, map));
			for (i = start; i < end; i++, clear++)
				CHECK(!test_bit(i, map));
		}
		for (i = 0; i < size; i++)
			clear += test_bit(i, map);
		CHECK_EQ(clear, size);

		for (i = 0; i + nr <= size; i++) {
			for (k = 0; k < nr && !test_bit(i + k, map); k++)
				;
			if (k == nr)
				break;
		}
		start = bitmap_find_next_zero_area(map, size, 0, nr, 0);
		if (i + nr <= size)
			CHECK_EQ(start, i);
		else
			CHECK(start > size - nr);
	}
}

static void test_whole_chunks(void)
{
	struct model_arena *arena = full_arena(4);
	struct model_block *block;
	u32 wanting, i, seen = 0;

	/* 3 chunks and 1 page: three whole chunks and a page of the fourth. */
	block = model_alloc(arena, 3 * KVPOOL_CHUNK_PAGES + 1, 8, false,
			    &wanting);
	CHECK(block);
	CHECK_EQ(block->nr_ext, 4);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(block->ext[i].nr, KVPOOL_CHUNK_PAGES);
		CHECK_EQ(block->ext[i].page % KVPOOL_CHUNK_PAGES, 0);
		seen |= 1 << block->ext[i].page / KVPOOL_CHUNK_PAGES;
	}
	CHECK_EQ(block->ext[3].nr, 1);
	seen |= 1 << block->ext[3].page / KVPOOL_CHUNK_PAGES;
	CHECK_EQ(seen, 15);
	model_arena_check(arena);
	CHECK_EQ(arena->map.nr_empty, 0);
	model_free(arena, block);
	model_arena_check(arena);
	CHECK_EQ(arena->map.nr_empty, 4);
	model_arena_delete(arena);
}

static void test_limits(void)
{
	struct model_arena *arena = model_arena_new(2);
	u32 pages = 65536, wanting, n;
	struct model_block *block;
	struct kvpool_extent ext;

	/* A map without chunks. */
	CHECK(!kvpool_extmap_least(&arena->map, KVPOOL_CHUNK_PAGES));
	CHECK(!kvpool_extmap_alloc(&arena->map, &pages, &ext, 1));
	CHECK_EQ(pages, 65536);

	/* No room for one extent, or for the second of two. */
	model_chunk_add(arena, 1);
	CHECK(!kvpool_extmap_alloc(&arena->map, &pages, &ext, 0));
	CHECK_EQ(pages, 65536);
	model_chunk_add(arena, 0);
	block = model_alloc(arena, 65536, 1, true, &wanting);
	CHECK_EQ(wanting, 65536 - KVPOOL_CHUNK_PAGES);
	model_free(arena, block);

	/* More than is free: all of it, and then nothing. */
	block = model_alloc(arena, 65536, 8, true, &wanting);
	CHECK_EQ(wanting, 65536 - 2 * KVPOOL_CHUNK_PAGES);
	CHECK_EQ(arena->map.nr_free, 0);
	CHECK_EQ(arena->map.nonempty, 0);
	n = kvpool_extmap_alloc(&arena->map, &wanting, &ext, 1);
	CHECK_EQ(n, 0);
	model_arena_check(arena);
	model_free(arena, block);

	/* And not all or nothing: nothing stays behind. */
	CHECK(!model_alloc(arena, 65536, 8, false, &wanting));
	model_arena_check(arena);
	CHECK_EQ(arena->map.nr_empty, 2);
	model_arena_delete(arena);
}

/* Short requests leave long runs alone. */
static void test_best_fit(void)
{
	struct model_arena *arena = full_arena(3);
	struct model_block *whole, *most, *small;
	u32 wanting;

	whole = model_alloc(arena, KVPOOL_CHUNK_PAGES, 1, false, &wanting);
	most = model_alloc(arena, KVPOOL_CHUNK_PAGES - 16, 1, false, &wanting);
	small = model_alloc(arena, 16, 1, false, &wanting);
	CHECK_EQ(small->ext[0].page / KVPOOL_CHUNK_PAGES,
		 most->ext[0].page / KVPOOL_CHUNK_PAGES);
	CHECK_EQ(arena->map.nr_empty, 1);
	model_free(arena, small);
	small = model_alloc(arena, 13, 1, false, &wanting);
	CHECK_EQ(small->ext[0].page / KVPOOL_CHUNK_PAGES,
		 most->ext[0].page / KVPOOL_CHUNK_PAGES);
	model_free(arena, small);
	model_free(arena, most);
	model_free(arena, whole);
	model_arena_check(arena);
	model_arena_delete(arena);
}

/* Every pair of first page and length, allocated and freed. */
static void test_free_joins(void)
{
	struct model_arena *arena = full_arena(1);
	struct kvpool_extent mid, all = { 0, KVPOOL_CHUNK_PAGES };
	struct model_block *block;
	u32 wanting, first, nr;

	for (first = 0; first < KVPOOL_CHUNK_PAGES; first += 13) {
		for (nr = 1; first + nr <= KVPOOL_CHUNK_PAGES; nr += 31) {
			block = model_alloc(arena, KVPOOL_CHUNK_PAGES, 1, false,
					    &wanting);
			free(block);
			mid = (struct kvpool_extent){ first, nr };
			model_free_extent(arena, mid);
			model_arena_check(arena);
			/* Then the pages before it and the pages after it. */
			mid = (struct kvpool_extent){ all.page, first };
			if (mid.nr)
				model_free_extent(arena, mid);
			model_arena_check(arena);
			mid.page = first + nr;
			mid.nr = KVPOOL_CHUNK_PAGES - mid.page;
			if (mid.nr)
				model_free_extent(arena, mid);
			model_arena_check(arena);
			CHECK_EQ(arena->map.nr_empty, 1);
		}
	}
	model_arena_delete(arena);
}

static void test_random_ops(void)
{
	struct rnd rnd = { tap_seed() };
	u8 data[2048];
	u32 i, k, n;

	for (n = 0; n < 200; n++) {
		/* Sequences that begin with nothing soon end with nothing. */
		for (i = 0; i < 12; i++) {
			data[2 * i] = 0;
			data[2 * i + 1] = i;
		}
		for (k = 2 * rnd_below(&rnd, 12); k < sizeof(data); k++)
			data[k] = rnd_next(&rnd);
		extent_ops(data, sizeof(data));
	}
}

/* ---- utilisation ---- */

static double used_share(struct model_arena *arena, unsigned long bytes)
{
	return (double)bytes / ((double)arena->nr_slots * KVPOOL_CHUNK_SIZE);
}

struct fill {
	struct model_arena *arena;
	struct model_block **blocks;
	u32 nr;
	unsigned long bytes;
	unsigned long extents;
	unsigned long allocs;
};

static void fill_begin(struct fill *fill)
{
	memset(fill, 0, sizeof(*fill));
	fill->arena = full_arena(FILL_CHUNKS);
	fill->blocks = calloc(FILL_CHUNKS * KVPOOL_CHUNK_PAGES,
			      sizeof(*fill->blocks));
	CHECK(fill->blocks);
}

static bool fill_one(struct fill *fill, u32 bytes)
{
	struct model_block *block;
	u32 wanting;

	block = model_alloc(fill->arena, DIV_ROUND_UP(bytes, KVPOOL_PAGE_SIZE),
			    MODEL_MAX_EXTENTS, false, &wanting);
	if (!block)
		return false;
	block->bytes = bytes;
	fill->blocks[fill->nr++] = block;
	fill->bytes += bytes;
	fill->extents += block->nr_ext;
	fill->allocs++;
	return true;
}

static void fill_free(struct fill *fill, u32 i)
{
	struct model_block *block = fill->blocks[i];

	fill->bytes -= block->bytes;
	fill->blocks[i] = fill->blocks[--fill->nr];
	model_free(fill->arena, block);
}

static void fill_end(struct fill *fill, const char *what, double worst)
{
	printf("# %s: %.4f of %u MiB used, %.2f extents per block\n", what,
	       worst, FILL_CHUNKS * 2,
	       (double)fill->extents / fill->allocs);
	fflush(stdout);
	CHECK(worst >= 0.99);
	model_arena_check(fill->arena);
	while (fill->nr)
		fill_free(fill, fill->nr - 1);
	model_arena_check(fill->arena);
	CHECK_EQ(fill->arena->map.nr_empty, FILL_CHUNKS);
	free(fill->blocks);
	model_arena_delete(fill->arena);
}

static void fill_with(const char *what, const u32 *sizes, u32 nr)
{
	struct fill fill;
	u32 i = 0;

	fill_begin(&fill);
	while (fill_one(&fill, sizes[i++ % nr]))
		;
	fill_end(&fill, what, used_share(fill.arena, fill.bytes));
}

static void test_fill_64k(void)
{
	static const u32 sizes[] = { 64 << 10 };

	fill_with("64 KiB", sizes, 1);
}

static void test_fill_320k(void)
{
	static const u32 sizes[] = { 320 << 10 };

	fill_with("320 KiB", sizes, 1);
}

static void test_fill_mixed(void)
{
	static const u32 sizes[] = { 3120000, 643000 };

	fill_with("3.12 MB and 643 KB", sizes, 2);
}

static u32 random_size(struct rnd *rnd)
{
	return rnd_range(rnd, 4 << 10, 8 << 20);
}

/* Fill, free a part at random, and refill: the worst fill counts. */
static void test_fill_churn(void)
{
	struct rnd rnd = { tap_seed() };
	double worst = 1, share;
	struct fill fill;
	u32 round, i;

	fill_begin(&fill);
	for (round = 0; round < 60; round++) {
		while (fill_one(&fill, random_size(&rnd)))
			;
		share = used_share(fill.arena, fill.bytes);
		worst = share < worst ? share : worst;
		if (round % 16 == 0)
			model_arena_check(fill.arena);
		for (i = fill.nr / (2 + round % 7); i; i--)
			fill_free(&fill, rnd_below(&rnd, fill.nr));
	}
	while (fill_one(&fill, random_size(&rnd)))
		;
	fill_end(&fill, "4 KiB to 8 MiB under churn", worst);
}

/* Evict one block and admit one block, as a full pool does for days. */
static void test_fill_steady(void)
{
	struct rnd rnd = { tap_seed() + 1 };
	double worst = 1, share;
	struct fill fill;
	u32 n;

	fill_begin(&fill);
	for (n = 0; n < 20000; n++) {
		if (fill_one(&fill, n & 1 ? random_size(&rnd) : 64 << 10))
			continue;
		share = used_share(fill.arena, fill.bytes);
		worst = share < worst ? share : worst;
		fill_free(&fill, rnd_below(&rnd, fill.nr));
	}
	fill_end(&fill, "one out, one in", worst);
}

/* An isolated chunk allocates nothing, accepts its own pages, and rejoins. */
static void test_isolate(void)
{
	struct kvpool_chunk chunks[2];
	struct kvpool_extent ext[4];
	struct kvpool_extmap map;
	u32 pages = 100;
	int i;

	kvpool_extmap_init(&map);
	memset(chunks, 0, sizeof(chunks));
	for (i = 0; i < 2; i++) {
		chunks[i].index = i;
		kvpool_extmap_add(&map, &chunks[i]);
	}
	CHECK_EQ(kvpool_extmap_alloc(&map, &pages, ext, 1), 1);
	i = ext[0].page / KVPOOL_CHUNK_PAGES;

	kvpool_extmap_isolate(&map, &chunks[i]);
	CHECK_EQ(map.nr_free, KVPOOL_CHUNK_PAGES);
	CHECK_EQ(map.nr_captive, 100);
	CHECK_EQ(map.nr_empty, 1);
	pages = KVPOOL_CHUNK_PAGES + 1;
	CHECK_EQ(kvpool_extmap_alloc(&map, &pages, ext + 1, 3), 1);
	CHECK_EQ(pages, 1);
	CHECK_EQ(ext[1].page / KVPOOL_CHUNK_PAGES, !i);

	kvpool_extmap_free(&map, &chunks[i],
			   ext[0].page % KVPOOL_CHUNK_PAGES, 60);
	CHECK_EQ(map.nr_free, 0);
	CHECK_EQ(map.nr_captive, 40);
	pages = 1;
	CHECK_EQ(kvpool_extmap_alloc(&map, &pages, ext + 2, 1), 0);

	/* Not emptied: its free pages can be allocated. */
	kvpool_extmap_restore(&map, &chunks[i]);
	CHECK_EQ(map.nr_free, KVPOOL_CHUNK_PAGES - 40);
	CHECK_EQ(map.nr_captive, 0);
	CHECK_EQ(map.nr_empty, 0);
	CHECK_EQ(chunks[i].run, KVPOOL_CHUNK_PAGES - 100);
	pages = KVPOOL_CHUNK_PAGES - 40;
	CHECK_EQ(kvpool_extmap_alloc(&map, &pages, ext + 2, 2), 2);
	CHECK_EQ(pages, 0);
	CHECK_EQ(map.nr_free, 0);

	/* Emptied: the chunk can be taken out. */
	kvpool_extmap_isolate(&map, &chunks[i]);
	kvpool_extmap_free(&map, &chunks[i], 0, KVPOOL_CHUNK_PAGES);
	CHECK_EQ(map.nr_captive, 0);
	kvpool_extmap_del(&map, &chunks[i]);
	CHECK_EQ(map.nr_chunks, 1);
	CHECK_EQ(map.nr_free, 0);
	CHECK_EQ(map.nr_empty, 0);
}

/* Which chunk is found to be emptied: not a held one, not a guaranteed one. */
static void test_least(void)
{
	static const u32 used[] = { 300, 17, 16, 0 };
	struct kvpool_chunk chunks[4];
	struct kvpool_extent ext[4];
	struct kvpool_extmap map;
	u32 pages, i;

	kvpool_extmap_init(&map);
	memset(chunks, 0, sizeof(chunks));
	for (i = 0; i < 4; i++) {
		chunks[i].index = i;
		kvpool_extmap_add(&map, &chunks[i]);
		pages = used[i];
		if (pages)
			CHECK_EQ(kvpool_extmap_alloc(&map, &pages, &ext[i], 1),
				 1);
		/* All later allocations go to the next chunk. */
		kvpool_extmap_isolate(&map, &chunks[i]);
	}
	for (i = 0; i < 4; i++)
		kvpool_extmap_restore(&map, &chunks[i]);
	CHECK(kvpool_extmap_least(&map, 0) == &chunks[3]);

	/* A held chunk comes back when it is let, wherever its use went. */
	kvpool_extmap_hold(&map, &chunks[3]);
	CHECK_EQ(map.nr_held, 1);
	CHECK(!kvpool_extmap_some(&map, 0));
	CHECK(!kvpool_extmap_least(&map, 0));
	CHECK(kvpool_extmap_least(&map, 16) == &chunks[2]);
	kvpool_extmap_guarantee(&map, &chunks[2], true);
	CHECK_EQ(map.nr_guaranteed, 1);
	CHECK(!kvpool_extmap_least(&map, 16));
	CHECK(kvpool_extmap_least(&map, 17) == &chunks[1]);
	pages = KVPOOL_CHUNK_PAGES;
	CHECK_EQ(kvpool_extmap_alloc(&map, &pages, &ext[3], 1), 1);
	CHECK_EQ(ext[3].page / KVPOOL_CHUNK_PAGES, 3);
	kvpool_extmap_unhold(&map, &chunks[3]);
	CHECK_EQ(map.nr_held, 0);
	CHECK(kvpool_extmap_least(&map, KVPOOL_CHUNK_PAGES) == &chunks[1]);

	/* Held while it is isolated: it is held once it is back. */
	kvpool_extmap_isolate(&map, &chunks[1]);
	kvpool_extmap_hold(&map, &chunks[1]);
	CHECK(kvpool_extmap_least(&map, KVPOOL_CHUNK_PAGES) == &chunks[0]);
	kvpool_extmap_restore(&map, &chunks[1]);
	CHECK_EQ(map.nr_held, 1);
	CHECK_EQ(chunks[1].failures, 1);
	kvpool_extmap_guarantee(&map, &chunks[1], true);
	CHECK_EQ(map.nr_held, 0);
	kvpool_extmap_guarantee(&map, &chunks[1], false);
	kvpool_extmap_guarantee(&map, &chunks[2], false);
	CHECK_EQ(map.nr_guaranteed, 0);
	CHECK(kvpool_extmap_least(&map, KVPOOL_CHUNK_PAGES) == &chunks[2]);
	kvpool_extmap_free(&map, &chunks[1], ext[1].page % KVPOOL_CHUNK_PAGES,
			   17);
	CHECK(kvpool_extmap_least(&map, 0) == &chunks[1]);
}

/* Pages whose memory has failed, free ones and those of a block. */
static void test_ban(void)
{
	DECLARE_BITMAP(bits, KVPOOL_CHUNK_PAGES) = {};
	unsigned long *bad = bits;
	struct kvpool_chunk chunk = {};
	struct kvpool_extent ext[3];
	struct kvpool_extmap map;
	u32 pages = 16, n, i;

	kvpool_extmap_init(&map);
	kvpool_extmap_add(&map, &chunk);
	CHECK_EQ(kvpool_extmap_alloc(&map, &pages, ext, 1), 1);
	CHECK_EQ(ext[0].page, 0);
	bitmap_set(bits, 3, 1);		/* of the block */
	bitmap_set(bits, 100, 2);	/* free */
	kvpool_extmap_ban(&map, &chunk, &bad);
	CHECK(!bad);
	CHECK_EQ(map.nr_free, KVPOOL_CHUNK_PAGES - 18);
	CHECK_EQ(chunk.free, KVPOOL_CHUNK_PAGES - 18);
	CHECK(!kvpool_extmap_least(&map, KVPOOL_CHUNK_PAGES));

	/* While it is isolated, the block ends and another page fails. */
	kvpool_extmap_isolate(&map, &chunk);
	hlist_del(&ext[0].node);
	kvpool_extmap_free(&map, &chunk, 0, 16);
	CHECK_EQ(map.nr_captive, 3);
	bitmap_set(bits, 511, 1);
	bad = bits;
	kvpool_extmap_ban(&map, &chunk, &bad);
	CHECK(bad == bits);
	CHECK_EQ(map.nr_captive, 4);
	kvpool_extmap_restore(&map, &chunk);
	CHECK_EQ(map.nr_captive, 0);
	CHECK_EQ(map.nr_empty, 0);
	CHECK_EQ(map.nr_free, KVPOOL_CHUNK_PAGES - 4);
	CHECK(!kvpool_extmap_some(&map, KVPOOL_CHUNK_PAGES));

	/* All that is left can be allocated, and nothing else. */
	for (n = 0; n < 3; n++) {
		pages = KVPOOL_CHUNK_PAGES;
		if (!kvpool_extmap_alloc(&map, &pages, &ext[n], 1))
			break;
		for (i = ext[n].page; i < ext[n].page + ext[n].nr; i++)
			CHECK(!test_bit(i, bits));
	}
	CHECK_EQ(n, 3);
	CHECK_EQ(map.nr_free, 0);
}

static const struct tap_case cases[] = {
	{ "shim: bit searches agree with loops", test_shim },
	{ "extent: whole chunks serve large blocks", test_whole_chunks },
	{ "extent: limits of room and of memory", test_limits },
	{ "extent: short requests leave long runs alone", test_best_fit },
	{ "extent: free pages join on both sides", test_free_joins },
	{ "extent: isolated chunks", test_isolate },
	{ "extent: held and guaranteed chunks stay", test_least },
	{ "extent: pages that fail are given to no block", test_ban },
	{ "extent: random operations equal the model", test_random_ops },
	{ "extent: 64 KiB blocks use 0.99", test_fill_64k },
	{ "extent: 320 KiB blocks use 0.99", test_fill_320k },
	{ "extent: 3.12 MB and 643 KB blocks use 0.99", test_fill_mixed },
	{ "extent: 4 KiB to 8 MiB under churn use 0.99", test_fill_churn },
	{ "extent: one out, one in uses 0.99", test_fill_steady },
};

TAP_MAIN(cases)
