// SPDX-License-Identifier: GPL-2.0
/*
 * Vacating: how chunks leave an arena.
 *
 * A chunk is taken, so that nothing is allocated from it; the caller moves or
 * evicts the blocks in it, and releases it. Before the chunk leaves, it is
 * unmapped from every process. A chunk whose pages have a reference from
 * outside the module, such as a DMA pin, stays. It is not unmapped: a device
 * that the tenant has registered its memory with would stall. A chunk that
 * stayed is held: it is not tried again for some time, which doubles with each
 * failure.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "mem/arena.h"
#include "mem/refs.h"
#include "mem/trace.h"
#include "mem/vacate.h"

/* Chunks that one call of kvpool_arena_take() looks at. */
#define KVPOOL_TAKE_TRIES	16

/* A held chunk is left alone for a second, and for this much longer at most. */
#define KVPOOL_HELD_SHIFT	6

/**
 * kvpool_arena_vacatable() - Tell whether a chunk may be emptied
 * @arena: the arena
 * @node: NUMA node of the chunk
 * @most: most pages of the chunk that may be in use
 *
 * Context: Any; takes no lock.
 * Return: false if no such chunk is known that is neither held nor taken nor
 * guaranteed; the answer may be outdated at any time.
 */
bool kvpool_arena_vacatable(struct kvpool_arena *arena, int node, u32 most)
{
	return kvpool_extmap_some(&arena->maps[node], most);
}

/**
 * kvpool_arena_held() - Count chunks that could not be emptied
 * @arena: the arena
 * @node: NUMA node of the chunks
 *
 * Context: Any; takes no lock.
 * Return: their number, which may change at any time.
 */
unsigned long kvpool_arena_held(struct kvpool_arena *arena, int node)
{
	return READ_ONCE(arena->maps[node].nr_held);
}

/* Is it time to try a held chunk again? */
static bool kvpool_chunk_due(const struct kvpool_chunk *chunk,
			     unsigned long since)
{
	unsigned int shift = min_t(unsigned int, chunk->failures - 1,
				   KVPOOL_HELD_SHIFT);

	/* Within one tick, a chunk may be tried twice rather than never. */
	if (since != KVPOOL_TAKE_PATIENT)
		return !time_after(chunk->held_at, since);
	return time_after(jiffies, chunk->held_at + ((unsigned long)HZ << shift));
}

/* Let held chunks be tried again whose time has come; the lock is held. */
static void kvpool_arena_readmit(struct kvpool_extmap *map, unsigned long since)
{
	struct kvpool_chunk *chunk;
	int tries;

	for (tries = KVPOOL_HELD_TRIES; tries; tries--) {
		chunk = list_first_entry_or_null(&map->held,
						 struct kvpool_chunk, step);
		if (!chunk)
			break;
		if (kvpool_chunk_due(chunk, since))
			kvpool_extmap_unhold(map, chunk);
		else
			list_move_tail(&chunk->step, &map->held);
	}
}

/**
 * kvpool_arena_loose() - Count chunks that may be tried
 * @arena: the arena
 * @node: NUMA node of the chunks
 * @since: as for kvpool_arena_take()
 *
 * Context: Any; the work is bounded.
 * Return: chunks that are not guaranteed, and, with KVPOOL_TAKE_PATIENT, not
 * held; may change at any time.
 */
unsigned long kvpool_arena_loose(struct kvpool_arena *arena, int node,
				 unsigned long since)
{
	struct kvpool_extmap *map = &arena->maps[node];
	unsigned long kept = READ_ONCE(map->nr_guaranteed);

	if (since == KVPOOL_TAKE_PATIENT && READ_ONCE(map->nr_held)) {
		spin_lock(&arena->lock);
		kvpool_arena_readmit(map, since);
		spin_unlock(&arena->lock);
		kept += READ_ONCE(map->nr_held);
	}
	return max(READ_ONCE(map->nr_chunks), kept) - kept;
}

static void kvpool_arena_hold(struct kvpool_extmap *map,
			      struct kvpool_chunk *chunk)
{
	chunk->held_at = jiffies;
	kvpool_extmap_hold(map, chunk);
}

/**
 * kvpool_arena_take() - Take the least used chunk, in order to empty it
 * @arena: the arena
 * @node: NUMA node of the chunk
 * @most: most pages of the chunk that may be in use, rounded up to a multiple
 *	  of KVPOOL_STEP_PAGES
 * @since: jiffies: held chunks that were tried before are tried again; or
 *	   KVPOOL_TAKE_PATIENT
 *
 * Nothing is allocated from the chunk until the caller passes it to
 * kvpool_arena_return(), kvpool_arena_refuse() or kvpool_arena_release().
 *
 * Context: Any; the work is bounded.
 * Return: the chunk, or NULL.
 */
struct kvpool_chunk *kvpool_arena_take(struct kvpool_arena *arena, int node,
				       u32 most, unsigned long since)
{
	struct kvpool_extmap *map = &arena->maps[node];
	struct kvpool_chunk *chunk;
	int tries;

	spin_lock(&arena->lock);
	kvpool_arena_readmit(map, since);
	for (tries = KVPOOL_TAKE_TRIES; tries; tries--) {
		chunk = kvpool_extmap_least(map, most);
		if (!chunk)
			break;
		if (!kvpool_chunk_referenced(chunk)) {
			kvpool_extmap_isolate(map, chunk);
			break;
		}
		kvpool_arena_hold(map, chunk);
		chunk = NULL;
	}
	spin_unlock(&arena->lock);
	return chunk;
}

/**
 * kvpool_arena_take_at() - Take a chunk by its index, in order to empty it
 * @arena: the arena
 * @index: index of the chunk
 *
 * As kvpool_arena_take(), but the chunk may be held.
 *
 * Context: Any.
 * Return: the chunk, or NULL if there is none, or it is taken, guaranteed or
 * pinned.
 */
struct kvpool_chunk *kvpool_arena_take_at(struct kvpool_arena *arena, u32 index)
{
	struct kvpool_chunk *chunk;

	rcu_read_lock();
	chunk = xa_load(&arena->chunks, index);
	if (chunk) {
		spin_lock(&arena->lock);
		if (chunk->isolated || chunk->guaranteed || chunk->bad ||
		    kvpool_chunk_referenced(chunk))
			chunk = NULL;
		else
			kvpool_extmap_isolate(&arena->maps[chunk->node], chunk);
		spin_unlock(&arena->lock);
	}
	rcu_read_unlock();
	return chunk;
}

/**
 * kvpool_arena_return() - Put back a chunk
 * @arena: the arena
 * @chunk: a chunk that the caller has taken
 *
 * Context: Any.
 */
void kvpool_arena_return(struct kvpool_arena *arena,
			 struct kvpool_chunk *chunk)
{
	spin_lock(&arena->lock);
	kvpool_extmap_restore(&arena->maps[chunk->node], chunk);
	spin_unlock(&arena->lock);
}

/**
 * kvpool_arena_refuse() - Put back a chunk that cannot be emptied
 * @arena: the arena
 * @chunk: a chunk that the caller has taken; it is held from now on
 *
 * Context: Any.
 */
void kvpool_arena_refuse(struct kvpool_arena *arena,
			 struct kvpool_chunk *chunk)
{
	struct kvpool_extmap *map = &arena->maps[chunk->node];

	spin_lock(&arena->lock);
	kvpool_arena_hold(map, chunk);
	kvpool_extmap_restore(map, chunk);
	spin_unlock(&arena->lock);
}

/**
 * kvpool_arena_release() - Take a chunk out of the arena if it is empty
 * @arena: the arena
 * @chunk: a chunk that the caller has taken; it is put back if it has blocks or
 *	   is referenced from outside
 *
 * Context: May sleep; allocates nothing.
 * Return: true if the chunk has left the arena and its memory is freed.
 */
bool kvpool_arena_release(struct kvpool_arena *arena,
			  struct kvpool_chunk *chunk)
{
	struct kvpool_extmap *map = &arena->maps[chunk->node];
	struct folio *folio = page_folio(chunk->page);
	bool empty;

	spin_lock(&arena->lock);
	/* A reference that was taken since the chunk was: do not unmap. */
	empty = chunk->free == KVPOOL_CHUNK_PAGES &&
		!kvpool_chunk_referenced(chunk);
	WRITE_ONCE(chunk->leaving, empty);
	spin_unlock(&arena->lock);
	if (empty) {
		unmap_mapping_range(arena->inode->i_mapping,
				    (loff_t)chunk->index << KVPOOL_CHUNK_SHIFT,
				    KVPOOL_CHUNK_SIZE, 1);
		/* A full barrier; pairs with the fault handler. */
		empty = folio_ref_freeze(folio, 1);
	}
	if (!empty) {
		kvpool_arena_refuse(arena, chunk);
		return false;
	}

	xa_erase(&arena->chunks, chunk->index);
	spin_lock(&arena->lock);
	kvpool_extmap_del(map, chunk);
	spin_unlock(&arena->lock);
	trace_kvpool_chunk_del(arena->owner, chunk->index, chunk->node);
	folio_ref_unfreeze(folio, 1);
	kvpool_tier_free(kvpool_tier_find(chunk->node), chunk->page);
	kfree_rcu(chunk, rcu);
	atomic_long_dec(&arena->nr_chunks);
	return true;
}

/**
 * kvpool_arena_captive() - Count the pages that keep a chunk from leaving
 * @arena: the arena
 * @chunk: a chunk that the caller has taken
 *
 * Context: Any; takes no lock.
 * Return: pages of blocks; only becomes less.
 */
u32 kvpool_arena_captive(struct kvpool_arena *arena,
			 const struct kvpool_chunk *chunk)
{
	return KVPOOL_CHUNK_PAGES - READ_ONCE(chunk->free);
}

/**
 * kvpool_arena_walk() - Visit the places in a chunk
 * @arena: the arena
 * @chunk: a chunk that the caller has taken
 * @visit: called with the arena's lock held, for each extent of a place that
 *	   lies in the chunk; returns false to end the walk. A place may be
 *	   without its list of extents, before or after it has memory, and its
 *	   memory stays during the call.
 * @arg: passed to @visit
 *
 * Context: Any; at most KVPOOL_CHUNK_PAGES calls.
 * Return: false if @visit has ended the walk.
 */
bool kvpool_arena_walk(struct kvpool_arena *arena, struct kvpool_chunk *chunk,
		       bool (*visit)(struct kvpool_place *place, void *arg),
		       void *arg)
{
	struct kvpool_extent *ext;
	bool more = true;

	spin_lock(&arena->lock);
	hlist_for_each_entry(ext, &chunk->extents, node) {
		more = visit(kvpool_extent_place(ext), arg);
		if (!more)
			break;
	}
	spin_unlock(&arena->lock);
	return more;
}
