/* SPDX-License-Identifier: GPL-2.0 */
/* Ending many handles of a file at a time. */
#ifndef _KVPOOL_HANDLES_H
#define _KVPOOL_HANDLES_H

#include <linux/errno.h>
#include <linux/nospec.h>
#include <linux/types.h>

#include "file/hold.h"

struct kvpool_block;
struct kvpool_ctx;
struct kvpool_handle_entry;

/**
 * struct kvpool_release - leases that a call has ended
 * @blocks:	their blocks with the references of the leases; memory of the
 *		caller
 * @nr:		length of @blocks
 * @last:	the hold of the latest handle, to account for next
 * @run:	handles taken out of @last
 *
 * Begin with @blocks set and the rest zero.
 */
struct kvpool_release {
	struct kvpool_block **blocks;
	u32 nr;
	struct kvpool_hold *last;
	u32 run;
};

int kvpool_handles_seal(struct kvpool_ctx *ctx,
			struct kvpool_handle_entry *entries, u32 nr, u32 *done);
void kvpool_handles_abort(struct kvpool_ctx *ctx,
			  struct kvpool_handle_entry *entries, u32 nr,
			  u32 *done);
void kvpool_release_end(struct kvpool_ctx *ctx, struct kvpool_release *release);
u32 kvpool_handles_release(struct kvpool_ctx *ctx,
			   struct kvpool_handle_entry *entries, u32 nr);
void kvpool_handle_drop(struct kvpool_ctx *ctx, u64 handle);

/**
 * kvpool_release_one() - End a lease of a call
 * @ctx: the context, bound
 * @release: the leases that the call has ended; kvpool_release_end() completes
 *	     that
 * @handle: the lease
 *
 * Context: Any.
 * Return: 0 or -ENOENT.
 */
static inline int kvpool_release_one(struct kvpool_ctx *ctx,
				     struct kvpool_release *release,
				     u64 handle)
{
	struct kvpool_hold *last = release->last, *hold = NULL;
	u32 index = lower_32_bits(handle);
	struct kvpool_block *block;

	/*
	 * Mostly all are of one call. Its hold stays until the call accounts
	 * for the handles that it has taken out.
	 */
	if (last && last->id == upper_32_bits(handle)) {
		if (index >= last->nr)
			return -ENOENT;
		index = array_index_nospec(index, last->nr);
		/* A full barrier; pairs with kvpool_hold_publish(). */
		block = xchg(&last->blocks[index], NULL);
		if (!block)
			return -ENOENT;
		release->run++;
		release->blocks[release->nr++] = block;
		return 0;
	}
	block = kvpool_hold_take(ctx, handle, KVPOOL_HOLD_LEASE, &hold);
	if (!block)
		return -ENOENT;
	kvpool_hold_end(ctx, last, release->run);
	release->last = hold;
	release->run = 1;
	release->blocks[release->nr++] = block;
	return 0;
}

#endif /* _KVPOOL_HANDLES_H */
