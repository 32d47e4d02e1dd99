/* SPDX-License-Identifier: GPL-2.0 */
/* Ending many handles of a file at a time. */
#ifndef _KVPOOL_HANDLES_H
#define _KVPOOL_HANDLES_H

#include <linux/types.h>

struct kvpool_block;
struct kvpool_ctx;
struct kvpool_handle_entry;
struct kvpool_hold;

/**
 * struct kvpool_release - leases that a call has ended
 * @blocks:	their blocks with the references of the leases; memory of the
 *		caller
 * @nr:		length of @blocks
 * @hold:	the hold of the latest handle
 * @last:	the hold to account for next
 * @run:	handles taken out of @last
 *
 * Begin with @blocks set and the rest zero.
 */
struct kvpool_release {
	struct kvpool_block **blocks;
	u32 nr;
	struct kvpool_hold *hold;
	struct kvpool_hold *last;
	u32 run;
};

int kvpool_handles_seal(struct kvpool_ctx *ctx,
			struct kvpool_handle_entry *entries, u32 nr, u32 *done);
void kvpool_handles_abort(struct kvpool_ctx *ctx,
			  struct kvpool_handle_entry *entries, u32 nr,
			  u32 *done);
int kvpool_release_one(struct kvpool_ctx *ctx, struct kvpool_release *release,
		       u64 handle);
void kvpool_release_end(struct kvpool_ctx *ctx, struct kvpool_release *release);
u32 kvpool_handles_release(struct kvpool_ctx *ctx,
			   struct kvpool_handle_entry *entries, u32 nr);
void kvpool_handle_drop(struct kvpool_ctx *ctx, u64 handle);

#endif /* _KVPOOL_HANDLES_H */
