// SPDX-License-Identifier: GPL-2.0
/* RESERVE: reserve space for new blocks. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "cache/block.h"
#include "cache/reclaim.h"
#include "cache/reserve.h"
#include "cache/space.h"
#include "file/ctx.h"
#include "file/hold.h"
#include "file/span.h"
#include "xfer/opdef.h"

/* Arrays with an element for each operation of a run. */
struct kvpool_reserving {
	struct kvpool_entry *entries;
	struct kvpool_block **blocks;
};

static int kvpool_reserving_init(struct kvpool_reserving *r, u32 nr)
{
	r->entries = kvcalloc(nr, sizeof(*r->entries) + sizeof(*r->blocks),
			      GFP_KERNEL);
	r->blocks = (void *)&r->entries[nr];
	return r->entries ? 0 : -ENOMEM;
}

static void kvpool_reserve_complete(struct kvpool_issue *issue, u32 i,
				    int status, struct kvpool_block *block)
{
	struct kvpool_completion cqe = {
		.user_data = issue->ops[i].user_data,
		.status = status,
	};
	struct kvpool_hold *hold = issue->holds[KVPOOL_HOLD_RESERVATION];
	u32 index = issue->next[KVPOOL_HOLD_RESERVATION]++;

	if (status) {
		issue->failed[KVPOOL_HOLD_RESERVATION]++;
	} else {
		cqe.handle = kvpool_handle(hold, index);
		cqe.length = kvpool_block_length(block);
		cqe.nr_spans = block->place.nr_extents;
		kvpool_span_fill(&cqe.span, &block->place, 0);
		kvpool_hold_publish(hold, index, block);
	}
	kvpool_issue_complete(issue, i, &cqe);
}

/*
 * Do operations of a run that have the same node and flags, and each of which
 * continues the one before it if they belong to a chain.
 */
static void kvpool_reserve_part(struct kvpool_issue *issue, u32 first, u32 nr)
{
	const struct kvpool_op *ops = &issue->ops[first];
	const struct kvpool_chain chain = {
		.parent = ops->parent,
		.position = ops->position,
	};
	struct kvpool_reserving r;
	struct kvpool_space space;
	int ret;
	u32 i;

	ret = kvpool_space_choose(ops->node,
				  ops->flags & KVPOOL_OP_STRICT_NODE ?
				  KVPOOL_SPACE_STRICT : 0, &space);
	if (!ret)
		ret = kvpool_reserving_init(&r, nr);
	if (ret) {
		for (i = 0; i < nr; i++)
			kvpool_reserve_complete(issue, first + i, ret, NULL);
		return;
	}
	for (i = 0; i < nr; i++) {
		r.entries[i].key = ops[i].key;
		r.entries[i].length = ops[i].length;
	}
	kvpool_reserve_many(issue->ctx->tenant, r.entries, r.blocks, nr,
			    ops->flags & KVPOOL_OP_CHAIN ? &chain : NULL,
			    &space);
	for (i = 0; i < nr; i++)
		kvpool_reserve_complete(issue, first + i, r.entries[i].status,
					r.blocks[i]);
	kvfree(r.entries);
}

/* Can @op be reserved together with @prev, the operation before it? */
static bool kvpool_reserve_joins(const struct kvpool_op *op,
				 const struct kvpool_op *prev)
{
	if (op->node != prev->node || op->flags != prev->flags)
		return false;
	return !(op->flags & KVPOOL_OP_CHAIN) ||
	       (op->position && op->position == prev->position + 1 &&
		!memcmp(&op->parent, &prev->key, sizeof(op->parent)));
}

static void kvpool_reserve_issue(struct kvpool_issue *issue, u32 first, u32 nr)
{
	const struct kvpool_op *ops = &issue->ops[first];
	u32 from = 0, i;

	for (i = 1; i <= nr; i++) {
		if (i < nr && kvpool_reserve_joins(&ops[i], &ops[i - 1]))
			continue;
		kvpool_reserve_part(issue, first + from, i - from);
		from = i;
	}
	kvpool_reclaim_kick(issue->ctx->tenant);
}

const struct kvpool_opdef kvpool_opdef_reserve = {
	.name = "reserve",
	.flags = KVPOOL_OP_STRICT_NODE | KVPOOL_OP_CHAIN,
	.uses = KVPOOL_USES_KEY | KVPOOL_USES_LENGTH,
	.mode = KVPOOL_MODE_PRODUCE,
	.makes_space = true,
	.makes = true,
	.kind = KVPOOL_HOLD_RESERVATION,
	.issue = kvpool_reserve_issue,
};
