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
#include "xfer/prefix.h"
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

/* Say how a block that is here, or is being fetched, continues its chain. */
static void kvpool_lease_link(struct kvpool_xfer *xfer, u32 depth,
			      const struct kvpool_key *parent)
{
	struct kvpool_chain chain = { .position = depth - 1 };

	if (!depth || xfer->flags & KVPOOL_OP_TRANSIENT)
		return;
	if (chain.position)
		chain.parent = *parent;
	kvpool_reserve_link(xfer->tenant, &xfer->transfer.key, &chain);
}

static int kvpool_lease_prepare(struct kvpool_xfer *xfer,
				struct kvpool_block *found)
{
	struct kvpool_transfer *transfer = &xfer->transfer;
	bool remote = xfer->flags & KVPOOL_OP_REMOTE;
	struct kvpool_tenant *tenant = xfer->tenant;
	struct kvpool_block *block = found;
	u32 state = KVPOOL_BLOCK_RESERVED;

	if (!block)
		block = kvpool_block_find(tenant, &transfer->key, &state);
	else if (block == KVPOOL_OP_MISSED)
		block = NULL;
	xfer->stuck = false;
	if (block && state == KVPOOL_BLOCK_RESERVED) {
		/* Its owner may be gone: it does not hide what a peer has. */
		xfer->stuck = remote && !xfer->patient &&
			      kvpool_block_stuck(block);
		if (!xfer->stuck)
			return kvpool_xfer_wait(xfer, block);
		kvpool_block_put(tenant, block);
	} else if (block) {
		kvpool_lease_link(xfer, transfer->depth, &transfer->parent);
		return kvpool_lease_local(tenant, xfer->hold, xfer->index,
					  block, transfer->length, &xfer->cqe);
	}
	if (!remote)
		return -ENOENT;
	if (!kvpool_movers_loaded())
		return -EOPNOTSUPP;
	transfer->kind = KVPOOL_TRANSFER_FETCH;
	return KVPOOL_OP_TRANSFERS;
}

/* Where the copy of a peer's block should be. */
static int kvpool_lease_choose(const struct kvpool_xfer *xfer,
			       unsigned int flags, struct kvpool_space *space)
{
	int node = xfer->node;

	if (node == KVPOOL_NODE_ANY)
		node = kvpool_mover_node(xfer->transfer.peer);
	if (node == KVPOOL_NODE_ANY)
		node = xfer->near;
	if (!kvpool_space_choose(node, flags, space))
		return 0;
	return kvpool_space_choose(KVPOOL_NODE_ANY, flags, space);
}

/* Make a block, without space yet, that no other task can reach. */
static struct kvpool_block *kvpool_lease_alloc(struct kvpool_xfer *xfer)
{
	struct kvpool_block *block;

	block = kvpool_block_alloc(xfer->tenant, &xfer->transfer.key,
				   xfer->transfer.length);
	if (block)
		block->fetched = 1;
	return block;
}

/*
 * Make the key of a block pending, unless it is for the operation alone. Returns
 * -EAGAIN if another task has reserved or sealed the key concurrently.
 */
static int kvpool_lease_enlist(struct kvpool_xfer *xfer,
			       struct kvpool_block *block)
{
	int ret = 0;

	if (!(xfer->flags & KVPOOL_OP_TRANSIENT))
		ret = kvpool_block_enlist(xfer->tenant, block);
	return ret == -EEXIST || ret == -EBUSY ? -EAGAIN : ret;
}

/* A block of the operation can be reached now. */
static void kvpool_lease_own(struct kvpool_xfer *xfer,
			     struct kvpool_block *block)
{
	xfer->block = block;
	kvpool_lease_link(xfer, xfer->transfer.depth, &xfer->transfer.parent);
}

/* Make a block of free memory, for a copy of a peer's block. */
static int kvpool_lease_claim(struct kvpool_xfer *xfer)
{
	struct kvpool_tenant *tenant = xfer->tenant;
	struct kvpool_space space;
	struct kvpool_block *block;
	int ret;

	ret = kvpool_lease_choose(xfer, KVPOOL_SPACE_FREE, &space);
	if (ret)
		return ret;
	block = kvpool_lease_alloc(xfer);
	if (!block)
		return -ENOMEM;
	ret = kvpool_space_find(tenant, &block->place, &space);
	if (!ret)
		ret = kvpool_lease_enlist(xfer, block);
	if (ret) {
		kvpool_block_put(tenant, block);
		return ret;
	}
	trace_kvpool_block_reserve(tenant, block);
	kvpool_lease_own(xfer, block);
	return 0;
}

/* Make a block, without space yet, for a copy of a peer's block. */
static int kvpool_lease_begin(struct kvpool_xfer *xfer)
{
	struct kvpool_block *block = kvpool_lease_alloc(xfer);
	int ret;

	if (!block)
		return -ENOMEM;
	ret = kvpool_lease_enlist(xfer, block);
	if (ret)
		kvpool_block_put(xfer->tenant, block);
	else
		kvpool_lease_own(xfer, block);
	return ret;
}

/* Find space for the copy of a peer's block. */
static int kvpool_lease_space(struct kvpool_xfer *xfer, u32 ahead,
			      struct kvpool_shortage *shortage)
{
	struct kvpool_tenant *tenant = xfer->tenant;
	struct kvpool_space space;
	int ret;

	ret = kvpool_lease_choose(xfer, 0, &space);
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
	const struct kvpool_transfer *transfer = &xfer->transfer;
	struct kvpool_tenant *tenant = xfer->tenant;
	struct kvpool_block *block = xfer->block;
	int status = 0;
	u32 pin = 0;

	if (!transfer->depth)
		kvpool_lease_link(xfer, transfer->found_depth,
				  &transfer->found_parent);
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

/* For operations that there is no memory for. */
static int kvpool_lease_fail(struct kvpool_ctx *ctx, const struct kvpool_op *op,
			     struct kvpool_hold *hold, u32 index,
			     struct kvpool_completion *cqe,
			     struct kvpool_block **found)
{
	return -ENOMEM;
}

/* Issue operations each of which continues the one before it. */
static void kvpool_lease_prefix(struct kvpool_issue *issue, u32 first, u32 nr)
{
	struct kvpool_prefix *prefix = kvpool_prefix_new(nr);

	if (!prefix) {
		kvpool_issue_each(issue, &kvpool_opdef_lease, first, nr,
				  kvpool_lease_fail);
		return;
	}
	issue->prefix = prefix;
	issue->prefix_first = first;
	kvpool_issue_each(issue, &kvpool_opdef_lease, first, nr,
			  kvpool_lease_try);
	issue->prefix = NULL;
	kvpool_prefix_put(prefix);
}

/* Link the blocks of a chain that were here already. */
static void kvpool_lease_links(struct kvpool_issue *issue, u32 first, u32 nr)
{
	const struct kvpool_op *op = &issue->ops[first];
	struct kvpool_chain chain;
	u32 length;

	for (; nr--; op++) {
		if (!(op->flags & KVPOOL_OP_CHAIN) ||
		    op->flags & KVPOOL_OP_TRANSIENT)
			continue;
		/* What is not here is linked when it comes. */
		if (kvpool_block_probe(issue->ctx->tenant, &op->key, &length))
			continue;
		chain.parent = op->parent;
		chain.position = op->position;
		kvpool_reserve_link(issue->ctx->tenant, &op->key, &chain);
		cond_resched();
	}
}

/* Does operation @i continue the one before it? */
static bool kvpool_lease_continues(const struct kvpool_op *ops, u32 i, u32 nr)
{
	return i < nr && ops[i].flags & KVPOOL_OP_PREFIX;
}

static void kvpool_lease_issue(struct kvpool_issue *issue, u32 first, u32 nr)
{
	const struct kvpool_op *ops = &issue->ops[first];
	u32 from, end;

	for (from = 0; from < nr; from = end) {
		end = from + 1;
		if (kvpool_lease_continues(ops, end, nr)) {
			while (kvpool_lease_continues(ops, end, nr))
				end++;
			kvpool_lease_prefix(issue, first + from, end - from);
			continue;
		}
		/* None of these is the head of a prefix. */
		while (end < nr && !kvpool_lease_continues(ops, end + 1, nr))
			end++;
		kvpool_issue_each(issue, &kvpool_opdef_lease, first + from,
				  end - from, kvpool_lease_try);
	}
	kvpool_lease_links(issue, first, nr);
}

const struct kvpool_opdef kvpool_opdef_lease = {
	.name = "lease",
	.flags = KVPOOL_OP_WAIT | KVPOOL_OP_REMOTE | KVPOOL_OP_TRANSIENT |
		 KVPOOL_OP_CHAIN | KVPOOL_OP_PREFIX,
	.remote_flags = KVPOOL_OP_TRANSIENT | KVPOOL_OP_CHAIN |
			KVPOOL_OP_PREFIX,
	.uses = KVPOOL_USES_KEY,
	.fetch_uses = KVPOOL_USES_LENGTH,
	.mode = KVPOOL_MODE_CONSUME,
	.makes = true,
	.kind = KVPOOL_HOLD_LEASE,
	.issue = kvpool_lease_issue,
	.prepare = kvpool_lease_prepare,
	.claim = kvpool_lease_claim,
	.begin = kvpool_lease_begin,
	.space = kvpool_lease_space,
	.complete = kvpool_lease_complete,
	.undo = kvpool_lease_undo,
};
