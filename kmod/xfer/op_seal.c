// SPDX-License-Identifier: GPL-2.0
/* SEAL: publish reserved blocks. */
#include <linux/kernel.h>

#include "file/handles.h"
#include "xfer/end_handles.h"
#include "xfer/opdef.h"

#define KVPOOL_OP_PINS	(KVPOOL_OP_PIN_SOFT | KVPOOL_OP_PIN_HARD)

static int kvpool_seal_check(const struct kvpool_op *op)
{
	return (op->flags & KVPOOL_OP_PINS) == KVPOOL_OP_PINS ? -EINVAL : 0;
}

static int kvpool_seal_run(struct kvpool_ctx *ctx,
			   struct kvpool_handle_entry *entries, u32 nr)
{
	u32 done = 0, i;

	for (i = 0; i < nr; i++)
		entries[i].flags = entries[i].flags & KVPOOL_OP_PIN_HARD ?
				   KVPOOL_PIN_HARD :
				   entries[i].flags & KVPOOL_OP_PIN_SOFT ?
				   KVPOOL_PIN_SOFT : 0;
	return kvpool_handles_seal(ctx, entries, nr, &done);
}

static void kvpool_seal_issue(struct kvpool_issue *issue, u32 first, u32 nr)
{
	kvpool_end_handles(issue, first, nr, kvpool_seal_run);
}

const struct kvpool_opdef kvpool_opdef_seal = {
	.name = "seal",
	.flags = KVPOOL_OP_PINS,
	.uses = KVPOOL_USES_HANDLE,
	.mode = KVPOOL_MODE_PRODUCE,
	.check = kvpool_seal_check,
	.issue_run = kvpool_seal_issue,
};
