// SPDX-License-Identifier: GPL-2.0
/* LEASE: take a lease on a block, which is fetched from a peer if necessary. */
#include <linux/sched.h>

#include "cache/block.h"
#include "cache/reserve.h"
#include "cache/space.h"
#include "cache/tenant.h"
#include "cache/trace.h"
#include "file/ctx.h"
#include "file/hold.h"
#include "file/span.h"
#include "xfer/issue_each.h"
#include "xfer/mover.h"
#include "xfer/opdef.h"
#include "xfer/xfer.h"

/* Make a lease of a reference of the caller, and fill in the completion. */
static void kvpool_lease_give(struct kvpool_tenant *tenant,
			      struct kvpool_hold *hold, u32 index,
			      struct kvpool_block *block,
			      struct kvpool_completion *cqe)
{
	cqe->handle = kvpool_handle(hold, index);
	cqe->length = kvpool_block_length(block);
	cqe->nr_spans = block->place.nr_extents;
	kvpool_span_fill(&cqe->span, &block->place, 0);
	kvpool_count(tenant, leases, 1);
	trace_kvpool_block_lease(tenant, block);
	kvpool_hold_publish(hold, index, block);
}

/*
 * Lease a block that is here. Consumes the reference to @block. Returns 0, or
 * -EMSGSIZE if the operation names another length, as if a peer had the block.
 */
static int kvpool_lease_local(struct kvpool_tenant *tenant,
			      struct kvpool_hold *hold, u32 index,
			      struct kvpool_block *block, u64 length,
			      struct kvpool_completion *cqe)
{
	cqe->route = KVPOOL_ROUTE_LOCAL;
	if (length && length != kvpool_block_length(block)) {
		cqe->length = kvpool_block_length(block);
		kvpool_block_put(tenant, block);
		return -EMSGSIZE;
	}
	kvpool_count(tenant, local_hits, 1);
	kvpool_count(tenant, local_bytes, kvpool_block_length(block));
	kvpool_lease_give(tenant, hold, index, block, cqe);
	return 0;
}

static int kvpool_lease_try(struct kvpool_ctx *ctx, const struct kvpool_op *op,
			    struct kvpool_hold *hold, u32 index,
			    struct kvpool_completion *cqe,
			    struct kvpool_block **found)
{
	struct kvpool_tenant *tenant = ctx->tenant;
	struct kvpool_block *block;
	u32 state;

	kvpool_count(tenant, lookups, 1);
	block = kvpool_block_find(tenant, &op->key, &state);
	if (!block) {
		if (!(op->flags & KVPOOL_OP_REMOTE))
			return -ENOENT;
		*found = KVPOOL_OP_MISSED;
		return KVPOOL_OP_LATER;
	}
	if (state == KVPOOL_BLOCK_RESERVED) {
		if (op->flags & (KVPOOL_OP_WAIT | KVPOOL_OP_REMOTE)) {
			*found = block;
			return KVPOOL_OP_LATER;
		}
		kvpool_block_put(tenant, block);
		return -EINPROGRESS;
	}
	return kvpool_lease_local(tenant, hold, index, block, op->length, cqe);
}

/* Make a block, without space yet, for a copy of a peer's block. */
static int kvpool_lease_begin(struct kvpool_xfer *xfer)
{
	struct kvpool_transfer *transfer = &xfer->transfer;
	struct kvpool_chain chain;
	int ret;

	transfer->kind = KVPOOL_TRANSFER_FETCH;
	if (xfer->flags & KVPOOL_OP_TRANSIENT) {
		xfer->block = kvpool_block_alloc(xfer->tenant,
						 &transfer->key,
						 transfer->length);
		return xfer->block ? KVPOOL_OP_TRANSFERS : -ENOMEM;
	}
	ret = kvpool_block_begin(xfer->tenant, &transfer->key,
				 transfer->length, &xfer->block);
	/* Another task has reserved or sealed the key concurrently: retry. */
	if (ret == -EEXIST || ret == -EBUSY) {
		cond_resched();
		return -EAGAIN;
	}
	if (ret)
		return ret;
	if (transfer->depth) {
		chain.parent = transfer->parent;
		chain.position = transfer->depth - 1;
		kvpool_reserve_link(xfer->tenant, &transfer->key, &chain);
	}
	return KVPOOL_OP_TRANSFERS;
}

static int kvpool_lease_prepare(struct kvpool_xfer *xfer,
				struct kvpool_block *found)
{
	struct kvpool_tenant *tenant = xfer->tenant;
	struct kvpool_block *block = found;
	u32 state = KVPOOL_BLOCK_RESERVED;

	if (!block)
		block = kvpool_block_find(tenant, &xfer->transfer.key, &state);
	else if (block == KVPOOL_OP_MISSED)
		block = NULL;
	if (block && state == KVPOOL_BLOCK_RESERVED)
		return kvpool_xfer_wait(xfer, block);
	if (block)
		return kvpool_lease_local(tenant, xfer->hold, xfer->index,
					  block, xfer->transfer.length,
					  &xfer->cqe);
	if (!(xfer->flags & KVPOOL_OP_REMOTE))
		return -ENOENT;
	if (!kvpool_movers_loaded())
		return -EOPNOTSUPP;
	return kvpool_lease_begin(xfer);
}

/* Find space for the copy of a peer's block. */
static int kvpool_lease_space(struct kvpool_xfer *xfer, u32 ahead,
			      struct kvpool_shortage *shortage)
{
	struct kvpool_tenant *tenant = xfer->tenant;
	struct kvpool_space space;
	int ret;

	ret = kvpool_space_choose(xfer->node, 0, &space);
	if (ret)
		return ret;
	space.ahead = ahead;
	if (xfer->flags & KVPOOL_OP_TRANSIENT)
		return kvpool_reserve_space(tenant, xfer->block, &space,
					    shortage);
	ret = kvpool_reserve_place(tenant, xfer->block, &space, shortage);
	/* The failed call has consumed the reference to the block. */
	if (ret)
		xfer->block = NULL;
	return ret;
}

/* Publish a copy that is complete, and lease it. */
static void kvpool_lease_complete(struct kvpool_xfer *xfer)
{
	struct kvpool_tenant *tenant = xfer->tenant;
	struct kvpool_block *block = xfer->block;
	int status = 0;
	u32 pin = 0;

	if (!(xfer->flags & KVPOOL_OP_TRANSIENT)) {
		refcount_inc(&block->refs);
		kvpool_block_seal(tenant, &xfer->block, &pin, &status, 1);
		/* Pre-empted: not in the index, but the copy is complete. */
		if (status)
			WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
	}
	kvpool_count(tenant, peer_hits, 1);
	kvpool_count(tenant, peer_bytes, kvpool_block_length(block));
	kvpool_count(tenant, fetched_blocks, 1);
	kvpool_count(tenant, fetched_bytes, kvpool_block_length(block));
	kvpool_lease_give(tenant, xfer->hold, xfer->index, block, &xfer->cqe);
}

static void kvpool_lease_undo(struct kvpool_xfer *xfer)
{
	if (xfer->flags & KVPOOL_OP_TRANSIENT)
		kvpool_block_put(xfer->tenant, xfer->block);
	else
		kvpool_block_abort(xfer->tenant, xfer->block);
}

/* Link the blocks of a chain that were here already. */
static void kvpool_lease_links(struct kvpool_issue *issue, u32 first, u32 nr)
{
	const struct kvpool_op *op = &issue->ops[first];
	struct kvpool_chain chain;

	for (; nr--; op++) {
		if (!(op->flags & KVPOOL_OP_CHAIN) ||
		    op->flags & KVPOOL_OP_TRANSIENT)
			continue;
		chain.parent = op->parent;
		chain.position = op->position;
		kvpool_reserve_link(issue->ctx->tenant, &op->key, &chain);
		cond_resched();
	}
}

static void kvpool_lease_issue(struct kvpool_issue *issue, u32 first, u32 nr)
{
	kvpool_issue_each(issue, &kvpool_opdef_lease, first, nr, kvpool_lease_try);
	kvpool_lease_links(issue, first, nr);
}

const struct kvpool_opdef kvpool_opdef_lease = {
	.name = "lease",
	.flags = KVPOOL_OP_WAIT | KVPOOL_OP_REMOTE | KVPOOL_OP_TRANSIENT |
		 KVPOOL_OP_CHAIN,
	.remote_flags = KVPOOL_OP_TRANSIENT | KVPOOL_OP_CHAIN,
	.uses = KVPOOL_USES_KEY,
	.fetch_uses = KVPOOL_USES_LENGTH,
	.mode = KVPOOL_MODE_CONSUME,
	.makes = true,
	.kind = KVPOOL_HOLD_LEASE,
	.issue = kvpool_lease_issue,
	.prepare = kvpool_lease_prepare,
	.space = kvpool_lease_space,
	.complete = kvpool_lease_complete,
	.undo = kvpool_lease_undo,
};
