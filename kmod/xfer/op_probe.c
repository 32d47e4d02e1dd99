// SPDX-License-Identifier: GPL-2.0
/* PROBE: tell whether a block exists, and its length. */
#include "cache/block.h"
#include "cache/tenant.h"
#include "file/ctx.h"
#include "xfer/issue_each.h"
#include "xfer/mover.h"
#include "xfer/opdef.h"
#include "xfer/xfer.h"

static int kvpool_probe_try(struct kvpool_ctx *ctx, const struct kvpool_op *op,
			    struct kvpool_hold *hold, u32 index,
			    struct kvpool_completion *cqe,
			    struct kvpool_block **found)
{
	u32 length;
	int status;

	kvpool_count(ctx->tenant, probes, 1);
	status = kvpool_block_probe(ctx->tenant, &op->key, &length);
	if (!status) {
		kvpool_count(ctx->tenant, probe_hits, 1);
		cqe->route = KVPOOL_ROUTE_LOCAL;
		cqe->length = length;
	} else if (op->flags & KVPOOL_OP_REMOTE) {
		status = kvpool_movers_loaded() ? KVPOOL_OP_LATER : -EOPNOTSUPP;
	}
	return status;
}

static int kvpool_probe_prepare(struct kvpool_xfer *xfer,
				struct kvpool_block *found)
{
	xfer->transfer.kind = KVPOOL_TRANSFER_ASK;
	return KVPOOL_OP_TRANSFERS;
}

static void kvpool_probe_complete(struct kvpool_xfer *xfer)
{
	kvpool_count(xfer->tenant, probe_hits, 1);
}

static void kvpool_probe_issue(struct kvpool_issue *issue, u32 first, u32 nr)
{
	kvpool_issue_each(issue, &kvpool_opdef_probe, first, nr, kvpool_probe_try);
}

const struct kvpool_opdef kvpool_opdef_probe = {
	.name = "probe",
	.flags = KVPOOL_OP_REMOTE,
	.uses = KVPOOL_USES_KEY,
	.mode = KVPOOL_MODE_CONSUME,
	.issue = kvpool_probe_issue,
	.prepare = kvpool_probe_prepare,
	.complete = kvpool_probe_complete,
};
