/* SPDX-License-Identifier: GPL-2.0 */
/* Poison: pages of chunks whose memory has failed. */
#ifndef _KVPOOL_POISON_H
#define _KVPOOL_POISON_H

#include <linux/types.h>

struct kvpool_arena;
struct kvpool_place;
struct kvpool_tier;
struct page;
struct work_struct;

int kvpool_poison_watch(struct work_struct *work);
void kvpool_poison_unwatch(void);
bool kvpool_poison_take(unsigned long *first, unsigned long *last);
bool kvpool_poison_next(struct kvpool_arena *arena, unsigned long *index,
			unsigned long first, unsigned long last,
			void (*visit)(struct kvpool_place *place, void *arg),
			void *arg);
bool kvpool_poison_place(struct kvpool_arena *arena,
			 const struct kvpool_place *place);
bool kvpool_poison_chunk(struct kvpool_tier *tier, struct page *head);

#endif /* _KVPOOL_POISON_H */
