/* SPDX-License-Identifier: GPL-2.0 */
/* Parents that were named before they came. */
#ifndef _KVPOOL_WANTED_H
#define _KVPOOL_WANTED_H

#include <linux/types.h>

#include <linux/kvpool.h>

/* Blocks whose parent may come later, that a tenant remembers at a time. */
#define KVPOOL_WANTED	64

/**
 * struct kvpool_wanted - a parent that was named and was not there
 * @parent:	its key
 * @child:	the key of the block that named it
 * @position:	the position of @child; zero if the entry is not used
 */
struct kvpool_wanted {
	struct kvpool_key parent;
	struct kvpool_key child;
	u32 position;
};

#endif /* _KVPOOL_WANTED_H */
