// SPDX-License-Identifier: GPL-2.0
/* NOP: complete. */
#include "xfer/opdef.h"

static int kvpool_nop_issue(struct kvpool_ctx *ctx, const struct kvpool_op *op,
			    struct kvpool_hold *hold, u32 index,
			    struct kvpool_completion *cqe)
{
	return 0;
}

const struct kvpool_opdef kvpool_opdef_nop = {
	.name = "nop",
	.issue = kvpool_nop_issue,
};
