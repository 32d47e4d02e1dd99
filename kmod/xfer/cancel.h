/* SPDX-License-Identifier: GPL-2.0 */
/* Cancelling operations in flight that match. */
#ifndef _KVPOOL_CANCEL_H
#define _KVPOOL_CANCEL_H

#include <linux/types.h>

struct kvpool_ctx;

/**
 * struct kvpool_match - selects operations of a file
 * @flags:	KVPOOL_CANCEL_USER_DATA, _TAG or _ALL; zero is as _ALL
 * @value:	the user data or the tag that matches
 * @sink_data:	the kvpool_xfer.sink_data that matches, or NULL for any
 * @seq:	operations submitted later do not match; set by
 *		kvpool_cancel_match()
 */
struct kvpool_match {
	u32 flags;
	u64 value;
	const void *sink_data;
	u64 seq;
};

u32 kvpool_cancel_match(struct kvpool_ctx *ctx, struct kvpool_match *match,
			int why);
int kvpool_cancel_wait(struct kvpool_ctx *ctx,
		       const struct kvpool_match *match);
void kvpool_cancel_all(struct kvpool_ctx *ctx);

#endif /* _KVPOOL_CANCEL_H */
