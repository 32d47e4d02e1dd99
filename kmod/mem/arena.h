/* SPDX-License-Identifier: GPL-2.0 */
/* Arenas: the memory of one tenant, as one space of offsets. */
#ifndef _KVPOOL_ARENA_H
#define _KVPOOL_ARENA_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/nodemask.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "mem/extent.h"
#include "mem/place.h"
#include "mem/tier.h"

struct inode;
struct scatterlist;

/* Flag of kvpool_arena_alloc(): use as many extents as necessary. */
#define KVPOOL_ALLOC_PIECES	BIT(0)

/* Most places of one call of kvpool_arena_alloc_whole(). */
#define KVPOOL_ALLOC_WHOLE	16

/**
 * struct kvpool_arena - the memory of one tenant, as one space of offsets
 * @chunks:	chunks by index; protected by the xarray's own lock, read under
 *		RCU too
 * @maps:	free space by node
 * @inode:	its mapping is shared by all files of the tenant, so that one
 *		call unmaps a chunk from every process
 * @owner:	the tenant's number, which tracepoints show
 * @nr_chunks:	chunks in the arena, and chunks that are being added
 * @described:	bytes of lists of extents
 * @lock:	protects @maps, their chunks with the lists of extents, and
 *		@used
 * @used:	pages that belong to blocks; read without the lock too
 */
struct kvpool_arena {
	struct xarray chunks;
	struct kvpool_extmap *maps;
	struct inode *inode;
	u32 owner;
	atomic_long_t nr_chunks;
	atomic_long_t described;
	spinlock_t lock ____cacheline_aligned_in_smp;	/* space */
	unsigned long used;
};

int kvpool_arenas_init(void);
void kvpool_arenas_exit(void);
u64 kvpool_arena_size(void);
int kvpool_arena_init(struct kvpool_arena *arena);
void kvpool_arena_exit(struct kvpool_arena *arena);
int kvpool_arena_grow(struct kvpool_arena *arena, struct kvpool_tier *tier,
		      unsigned long quota, unsigned int flags);
int kvpool_arena_grow_at(struct kvpool_arena *arena, struct kvpool_tier *tier,
			 unsigned long quota, u32 index, unsigned int flags);
int kvpool_arena_guarantee(struct kvpool_arena *arena, u32 index,
			   const nodemask_t *nodes);
void kvpool_arena_waive(struct kvpool_arena *arena, u32 index);
unsigned long kvpool_arena_guaranteed(struct kvpool_arena *arena, int node);
unsigned long kvpool_arena_empty(struct kvpool_arena *arena, int node);
unsigned long kvpool_arena_room(struct kvpool_arena *arena, int node);
int kvpool_arena_alloc(struct kvpool_arena *arena, int node,
		       struct kvpool_place *place, unsigned int flags,
		       gfp_t gfp);
unsigned int kvpool_arena_alloc_whole(struct kvpool_arena *arena, int node,
				      struct kvpool_place **places,
				      unsigned int nr);
void kvpool_arena_free(struct kvpool_arena *arena,
		       struct kvpool_place **places, unsigned int nr);
int kvpool_arena_join(struct kvpool_arena *arena, struct kvpool_place *place,
		      struct kvpool_place *more, gfp_t gfp);
void kvpool_arena_swap(struct kvpool_arena *arena, struct kvpool_place *a,
		       struct kvpool_place *b);
bool kvpool_arena_pinned(struct kvpool_arena *arena,
			 const struct kvpool_place *place);
int kvpool_arena_copy(struct kvpool_arena *arena, struct kvpool_place *to,
		      const struct kvpool_place *from);
unsigned int kvpool_arena_sg(struct kvpool_arena *arena,
			     const struct kvpool_place *place, u32 offset,
			     u32 length, struct scatterlist *sg,
			     unsigned int max, u32 *covered);
void kvpool_arena_unmap(struct kvpool_arena *arena, const void *owner);

#endif /* _KVPOOL_ARENA_H */
