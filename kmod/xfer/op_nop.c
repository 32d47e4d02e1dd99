// SPDX-License-Identifier: GPL-2.0
/* NOP: complete. */
#include "xfer/issue_each.h"
#include "xfer/opdef.h"

static int kvpool_nop_try(struct kvpool_ctx *ctx, const struct kvpool_op *op,
			  struct kvpool_hold *hold, u32 index,
			  struct kvpool_completion *cqe,
			  struct kvpool_block **found)
{
	return 0;
}

static void kvpool_nop_issue(struct kvpool_issue *issue, u32 first, u32 nr)
{
	kvpool_issue_each(issue, &kvpool_opdef_nop, first, nr, kvpool_nop_try);
}

const struct kvpool_opdef kvpool_opdef_nop = {
	.name = "nop",
	.issue = kvpool_nop_issue,
};
