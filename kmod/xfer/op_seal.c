// SPDX-License-Identifier: GPL-2.0
/* SEAL: publish reserved blocks. */
#include <linux/mm.h>
#include <linux/slab.h>

#include "file/handles.h"
#include "xfer/opdef.h"

#define KVPOOL_OP_PINS	(KVPOOL_OP_PIN_SOFT | KVPOOL_OP_PIN_HARD)

static int kvpool_seal_check(const struct kvpool_op *op)
{
	return (op->flags & KVPOOL_OP_PINS) == KVPOOL_OP_PINS ? -EINVAL : 0;
}

static u32 kvpool_seal_pin(const struct kvpool_op *op)
{
	if (op->flags & KVPOOL_OP_PIN_HARD)
		return KVPOOL_PIN_HARD;
	return op->flags & KVPOOL_OP_PIN_SOFT ? KVPOOL_PIN_SOFT : 0;
}

static void kvpool_seal_issue(struct kvpool_issue *issue, u32 first, u32 nr)
{
	const struct kvpool_op *ops = &issue->ops[first];
	struct kvpool_handle_entry *entries;
	struct kvpool_completion cqe = {};
	int ret = -ENOMEM;
	u32 done = 0, i;

	entries = kvcalloc(nr, sizeof(*entries), GFP_KERNEL);
	if (entries) {
		for (i = 0; i < nr; i++) {
			entries[i].handle = ops[i].handle;
			entries[i].flags = kvpool_seal_pin(&ops[i]);
		}
		ret = kvpool_handles_seal(issue->ctx, entries, nr, &done);
	}
	for (i = 0; i < nr; i++) {
		cqe.user_data = ops[i].user_data;
		cqe.status = ret ?: entries[i].status;
		kvpool_issue_complete(issue, first + i, &cqe);
	}
	kvfree(entries);
}

const struct kvpool_opdef kvpool_opdef_seal = {
	.name = "seal",
	.flags = KVPOOL_OP_PINS,
	.uses = KVPOOL_USES_HANDLE,
	.mode = KVPOOL_MODE_PRODUCE,
	.check = kvpool_seal_check,
	.issue = kvpool_seal_issue,
};
