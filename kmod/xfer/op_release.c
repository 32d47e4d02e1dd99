// SPDX-License-Identifier: GPL-2.0
/* RELEASE: end leases. */
#include "file/ctx.h"
#include "file/handles.h"
#include "xfer/opdef.h"

static void kvpool_release_issue(struct kvpool_issue *issue, u32 first, u32 nr)
{
	/* In the room of operations that are done: leases end without memory. */
	struct kvpool_release release = {
		.blocks = (void *)&issue->ops[first],
	};
	struct kvpool_completion cqe = {};
	u32 i;

	BUILD_BUG_ON(sizeof(struct kvpool_op) < sizeof(*release.blocks));
	for (i = first; i < first + nr; i++) {
		cqe.user_data = issue->ops[i].user_data;
		cqe.status = kvpool_release_one(issue->ctx, &release,
						issue->ops[i].handle);
		kvpool_issue_complete(issue, i, &cqe);
	}
	kvpool_release_end(issue->ctx, &release);
}

const struct kvpool_opdef kvpool_opdef_release = {
	.name = "release",
	.uses = KVPOOL_USES_HANDLE,
	.mode = KVPOOL_MODE_CONSUME,
	.issue = kvpool_release_issue,
};
