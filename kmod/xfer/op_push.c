// SPDX-License-Identifier: GPL-2.0
/* PUSH: write a block to a peer, which seals it. */
#include "cache/block.h"
#include "cache/tenant.h"
#include "file/ctx.h"
#include "xfer/issue_each.h"
#include "xfer/mover.h"
#include "xfer/opdef.h"
#include "xfer/xfer.h"

static int kvpool_push_try(struct kvpool_ctx *ctx, const struct kvpool_op *op,
			   struct kvpool_hold *hold, u32 index,
			   struct kvpool_completion *cqe,
			   struct kvpool_block **found)
{
	return kvpool_movers_loaded() ? KVPOOL_OP_LATER : -EOPNOTSUPP;
}

static int kvpool_push_prepare(struct kvpool_xfer *xfer,
			       struct kvpool_block *found)
{
	struct kvpool_block *block;
	u32 state;

	block = kvpool_block_find(xfer->tenant, &xfer->transfer.key, &state);
	if (!block)
		return -ENOENT;
	if (state == KVPOOL_BLOCK_RESERVED) {
		kvpool_block_put(xfer->tenant, block);
		return -EINPROGRESS;
	}
	xfer->transfer.kind = KVPOOL_TRANSFER_PUSH;
	xfer->transfer.depth = kvpool_block_chain(xfer->tenant, block,
						  &xfer->transfer.parent);
	xfer->transfer.length = kvpool_block_length(block);
	xfer->transfer.node = xfer->node;
	xfer->block = block;
	return KVPOOL_OP_TRANSFERS;
}

static void kvpool_push_complete(struct kvpool_xfer *xfer)
{
	kvpool_count(xfer->tenant, pushed_blocks, 1);
	kvpool_count(xfer->tenant, pushed_bytes, xfer->transfer.length);
	kvpool_block_put(xfer->tenant, xfer->block);
}

static void kvpool_push_undo(struct kvpool_xfer *xfer)
{
	kvpool_block_put(xfer->tenant, xfer->block);
}

static void kvpool_push_issue(struct kvpool_issue *issue, u32 first, u32 nr)
{
	kvpool_issue_each(issue, &kvpool_opdef_push, first, nr, kvpool_push_try);
}

const struct kvpool_opdef kvpool_opdef_push = {
	.name = "push",
	.uses = KVPOOL_USES_KEY | KVPOOL_USES_PEER,
	.mode = KVPOOL_MODE_CONSUME | KVPOOL_MODE_PRODUCE,
	.asks_peer = true,
	.issue = kvpool_push_issue,
	.prepare = kvpool_push_prepare,
	.complete = kvpool_push_complete,
	.undo = kvpool_push_undo,
};
