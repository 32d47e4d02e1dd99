/* SPDX-License-Identifier: GPL-2.0 */
/* Vacating: how chunks leave an arena. */
#ifndef _KVPOOL_VACATE_H
#define _KVPOOL_VACATE_H

#include <linux/types.h>

struct kvpool_arena;
struct kvpool_chunk;
struct kvpool_place;

/* Held chunks that kvpool_arena_take() looks at. */
#define KVPOOL_HELD_TRIES	8

/* Value of @since of kvpool_arena_take(): leave held chunks alone for a time. */
#define KVPOOL_TAKE_PATIENT	0UL

bool kvpool_arena_vacatable(struct kvpool_arena *arena, int node, u32 most);
unsigned long kvpool_arena_held(struct kvpool_arena *arena, int node);
unsigned long kvpool_arena_loose(struct kvpool_arena *arena, int node,
				 unsigned long since);
struct kvpool_chunk *kvpool_arena_take(struct kvpool_arena *arena, int node,
				       u32 most, unsigned long since);
struct kvpool_chunk *kvpool_arena_take_at(struct kvpool_arena *arena,
					  u32 index);
void kvpool_arena_return(struct kvpool_arena *arena,
			 struct kvpool_chunk *chunk);
void kvpool_arena_refuse(struct kvpool_arena *arena,
			 struct kvpool_chunk *chunk);
bool kvpool_arena_release(struct kvpool_arena *arena,
			  struct kvpool_chunk *chunk);
u32 kvpool_arena_captive(struct kvpool_arena *arena,
			 const struct kvpool_chunk *chunk);
bool kvpool_arena_walk(struct kvpool_arena *arena, struct kvpool_chunk *chunk,
		       bool (*visit)(struct kvpool_place *place, void *arg),
		       void *arg);

#endif /* _KVPOOL_VACATE_H */
