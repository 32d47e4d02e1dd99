// SPDX-License-Identifier: GPL-2.0
/* RELEASE: end leases. */
#include <linux/kernel.h>

#include "file/handles.h"
#include "xfer/end_handles.h"
#include "xfer/opdef.h"

static int kvpool_release_end(struct kvpool_ctx *ctx,
			      struct kvpool_handle_entry *entries, u32 nr)
{
	kvpool_handles_release(ctx, entries, nr);
	return 0;
}

static void kvpool_release_issue(struct kvpool_issue *issue, u32 first, u32 nr)
{
	kvpool_end_handles(issue, first, nr, kvpool_release_end);
}

const struct kvpool_opdef kvpool_opdef_release = {
	.name = "release",
	.uses = KVPOOL_USES_HANDLE,
	.mode = KVPOOL_MODE_CONSUME,
	.issue_run = kvpool_release_issue,
};
