/* SPDX-License-Identifier: GPL-2.0 */
/* Prefixes: operations of a call of which nothing is brought behind a miss. */
#ifndef _KVPOOL_PREFIX_H
#define _KVPOOL_PREFIX_H

#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <linux/kvpool.h>

struct kvpool_xfer;

/**
 * struct kvpool_prefix - operations that continue each other
 * @refs:	one for the call that issues them, one for each in flight
 * @lock:	protects the members below
 * @nr:		number of operations; constant
 * @sure:	leading operations whose blocks are here, or at a peer
 * @end:	the first operation that has missed, or @nr
 * @known:	operations whose blocks are here, or at a peer
 * @parked:	operations whose turn to fetch has not come, by the entry of
 *		their transfer
 * @xfers:	operations in flight, or NULL
 */
struct kvpool_prefix {
	refcount_t refs;
	spinlock_t lock;	/* what follows */
	u32 nr;
	u32 sure;
	u32 end;
	DECLARE_BITMAP(known, KVPOOL_MAX_BATCH);
	struct list_head parked;
	struct kvpool_xfer *xfers[] __counted_by(nr);
};

struct kvpool_prefix *kvpool_prefix_new(u32 nr);
void kvpool_prefix_put(struct kvpool_prefix *prefix);
bool kvpool_prefix_missed(struct kvpool_prefix *prefix, u32 index);
bool kvpool_prefix_enter(struct kvpool_prefix *prefix, u32 index,
			 struct kvpool_xfer *xfer);
void kvpool_prefix_note(struct kvpool_prefix *prefix, u32 index, int status);
int kvpool_prefix_park(struct kvpool_xfer *xfer, struct list_head *ready);
bool kvpool_prefix_unpark(struct kvpool_xfer *xfer);

#endif /* _KVPOOL_PREFIX_H */
