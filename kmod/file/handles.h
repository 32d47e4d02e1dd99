/* SPDX-License-Identifier: GPL-2.0 */
/* Ending many handles of a file at a time. */
#ifndef _KVPOOL_HANDLES_H
#define _KVPOOL_HANDLES_H

#include <linux/types.h>

struct kvpool_ctx;
struct kvpool_handle_entry;

int kvpool_handles_seal(struct kvpool_ctx *ctx,
			struct kvpool_handle_entry *entries, u32 nr, u32 *done);
void kvpool_handles_abort(struct kvpool_ctx *ctx,
			  struct kvpool_handle_entry *entries, u32 nr,
			  u32 *done);
u32 kvpool_handles_release(struct kvpool_ctx *ctx,
			   struct kvpool_handle_entry *entries, u32 nr);
void kvpool_handle_drop(struct kvpool_ctx *ctx, u64 handle);

#endif /* _KVPOOL_HANDLES_H */
