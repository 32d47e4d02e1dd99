// SPDX-License-Identifier: GPL-2.0
/*
 * Prefixes: operations of a call of which nothing is brought behind a miss.
 *
 * All of them look for their blocks at once. A block that a peer has is fetched
 * when it is known of all blocks before it that they are here or at a peer;
 * until then its operation is parked. A block that is only pending at a peer is
 * waited for there when its turn has come, and known when it is here. The first
 * miss cancels all operations
 * behind it that are in flight.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "xfer/placement.h"
#include "xfer/prefix.h"
#include "xfer/xfer.h"

/**
 * kvpool_prefix_new() - Make the prefix of some operations of a call
 * @nr: their number, up to KVPOOL_MAX_BATCH
 *
 * Context: May sleep.
 * Return: the prefix, with a reference; or NULL.
 */
struct kvpool_prefix *kvpool_prefix_new(u32 nr)
{
	struct kvpool_prefix *prefix;

	prefix = kvzalloc(struct_size(prefix, xfers, nr), GFP_KERNEL_ACCOUNT);
	if (!prefix)
		return NULL;
	refcount_set(&prefix->refs, 1);
	spin_lock_init(&prefix->lock);
	prefix->nr = nr;
	prefix->end = nr;
	INIT_LIST_HEAD(&prefix->parked);
	return prefix;
}

/**
 * kvpool_prefix_put() - Drop a reference
 * @prefix: the prefix
 *
 * Context: May sleep.
 */
void kvpool_prefix_put(struct kvpool_prefix *prefix)
{
	if (refcount_dec_and_test(&prefix->refs))
		kvfree(prefix);
}

/**
 * kvpool_prefix_missed() - Tell whether a block before another one has missed
 * @prefix: the prefix
 * @index: the number of the other one
 *
 * Context: Any.
 * Return: true if so; false may change at any time.
 */
bool kvpool_prefix_missed(struct kvpool_prefix *prefix, u32 index)
{
	return READ_ONCE(prefix->end) < index;
}

/**
 * kvpool_prefix_enter() - Enter an operation in flight
 * @prefix: the prefix, of which the operation gets a reference, which
 *	    kvpool_prefix_note() does not drop
 * @index: its number
 * @xfer: the operation; kvpool_prefix_note() is called when it completes
 *
 * Context: Any.
 * Return: false if a block before it has missed.
 */
bool kvpool_prefix_enter(struct kvpool_prefix *prefix, u32 index,
			 struct kvpool_xfer *xfer)
{
	refcount_inc(&prefix->refs);
	xfer->prefix = prefix;
	xfer->position = index;
	spin_lock(&prefix->lock);
	prefix->xfers[index] = xfer;
	spin_unlock(&prefix->lock);
	return !kvpool_prefix_missed(prefix, index);
}

/* Is it known of all blocks before one, and of itself, that they can be got? */
static bool kvpool_prefix_turn(const struct kvpool_prefix *prefix,
			       const struct kvpool_xfer *xfer)
{
	/* What is pending at a peer is not known itself. */
	return xfer->position < prefix->sure + xfer->transfer.waits;
}

/*
 * It is known that an operation gets its block. Move operations whose turn has
 * come to @ready; the lock is held.
 */
static void kvpool_prefix_know(struct kvpool_prefix *prefix, u32 index,
			       struct list_head *ready)
{
	struct kvpool_xfer *xfer, *next;
	u32 sure;

	lockdep_assert_held(&prefix->lock);
	__set_bit(index, prefix->known);
	sure = find_next_zero_bit(prefix->known, prefix->nr, prefix->sure);
	if (sure == prefix->sure)
		return;
	prefix->sure = sure;
	list_for_each_entry_safe(xfer, next, &prefix->parked, transfer.entry) {
		if (!kvpool_prefix_turn(prefix, xfer))
			continue;
		xfer->parked = false;
		list_move_tail(&xfer->transfer.entry, ready);
	}
}

/* Cancel the operations in flight behind a miss. */
static void kvpool_prefix_cut(struct kvpool_prefix *prefix, u32 index)
{
	struct kvpool_xfer *xfer;

	while (++index < prefix->nr) {
		spin_lock(&prefix->lock);
		xfer = prefix->xfers[index];
		if (xfer)
			kvpool_xfer_get(xfer);
		spin_unlock(&prefix->lock);
		if (!xfer)
			continue;
		kvpool_xfer_cancel(xfer, -ECANCELED);
		kvpool_xfer_put(xfer);
	}
}

/**
 * kvpool_prefix_note() - Note how an operation has ended
 * @prefix: the prefix
 * @index: its number
 * @status: 0 or a negative errno
 *
 * Context: Process context, no lock held.
 */
void kvpool_prefix_note(struct kvpool_prefix *prefix, u32 index, int status)
{
	struct kvpool_xfer *xfer, *next;
	bool missed = false;
	LIST_HEAD(ready);

	spin_lock(&prefix->lock);
	prefix->xfers[index] = NULL;
	if (!status) {
		kvpool_prefix_know(prefix, index, &ready);
	} else if (index < prefix->end) {
		WRITE_ONCE(prefix->end, index);
		missed = true;
	}
	spin_unlock(&prefix->lock);
	if (missed)
		kvpool_prefix_cut(prefix, index);
	list_for_each_entry_safe(xfer, next, &ready, transfer.entry) {
		list_del_init(&xfer->transfer.entry);
		kvpool_placement_queue(&xfer->transfer);
	}
}

/**
 * kvpool_prefix_park() - A peer has the block of an operation, or has it pending
 * @xfer: the operation, which the caller runs; if 0 is returned, it is in @ready
 *	  or parked
 * @ready: out: operations whose turn to fetch has come are added, by the entry
 *	   of their transfer; the caller runs them
 *
 * Context: Any.
 * Return: 0; or the negative errno that the operation ends with.
 */
int kvpool_prefix_park(struct kvpool_xfer *xfer, struct list_head *ready)
{
	struct kvpool_prefix *prefix = xfer->prefix;
	int ret;

	spin_lock(&prefix->lock);
	/* Or kvpool_prefix_unpark() finds it parked. */
	ret = READ_ONCE(xfer->transfer.cancelled);
	if (!ret && prefix->end < xfer->position)
		ret = -ECANCELED;
	if (!ret && kvpool_prefix_turn(prefix, xfer)) {
		list_add_tail(&xfer->transfer.entry, ready);
	} else if (!ret) {
		xfer->parked = true;
		list_add_tail(&xfer->transfer.entry, &prefix->parked);
		if (!xfer->transfer.waits)
			kvpool_prefix_know(prefix, xfer->position, ready);
	}
	spin_unlock(&prefix->lock);
	return ret;
}

/**
 * kvpool_prefix_unpark() - Take out an operation that is cancelled
 * @xfer: the operation, referenced, of a prefix; its cancelled was set with a
 *	  full barrier
 *
 * Context: Any.
 * Return: true if the caller runs the operation now. false if it is not parked.
 */
bool kvpool_prefix_unpark(struct kvpool_xfer *xfer)
{
	struct kvpool_prefix *prefix = xfer->prefix;
	bool took;

	spin_lock(&prefix->lock);
	took = xfer->parked;
	if (took) {
		xfer->parked = false;
		list_del_init(&xfer->transfer.entry);
	}
	spin_unlock(&prefix->lock);
	return took;
}
