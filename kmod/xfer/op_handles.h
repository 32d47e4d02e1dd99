/* SPDX-License-Identifier: GPL-2.0 */
/* Operations that end handles: adjacent operations are done together. */
#ifndef _KVPOOL_OP_HANDLES_H
#define _KVPOOL_OP_HANDLES_H

#include <linux/types.h>

struct kvpool_ctx;
struct kvpool_handle_entry;
struct kvpool_issue;

void kvpool_op_handles(struct kvpool_issue *issue, u32 first, u32 nr,
		       int (*end)(struct kvpool_ctx *ctx,
				  struct kvpool_handle_entry *entries, u32 nr));

#endif /* _KVPOOL_OP_HANDLES_H */
