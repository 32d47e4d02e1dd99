/* SPDX-License-Identifier: GPL-2.0 */
/* Which operations in flight end early. */
#ifndef _KVPOOL_CANCEL_H
#define _KVPOOL_CANCEL_H

#include <linux/types.h>

struct kvpool_ctx;

/**
 * struct kvpool_match - operations of a file
 * @flags:	KVPOOL_CANCEL_USER_DATA, _TAG or _ALL
 * @value:	for the first two
 * @sink_data:	those with this kvpool_xfer.sink_data only, or NULL
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
