// SPDX-License-Identifier: GPL-2.0
/*
 * Issuing the operations of a call: in their order, and adjacent operations of
 * the same kind together.
 */
#include <linux/err.h>

#include "file/ctx.h"
#include "file/hold.h"
#include "xfer/issue.h"
#include "xfer/op.h"
#include "xfer/opdef.h"
#include "xfer/xfer.h"

/*
 * Make one hold for all handles of a kind, with a place for each, when the first
 * operation of the call comes that makes one. Returns 0 or a negative errno.
 */
static int kvpool_issue_hold(struct kvpool_issue *issue,
			     enum kvpool_hold_kind kind, u32 first)
{
	const struct kvpool_opdef *def;
	struct kvpool_hold *hold;
	u32 want = 0, i;

	if (!issue->holds[kind]) {
		for (i = first; i < issue->nr; i++) {
			def = kvpool_op_row(&issue->ops[i]);
			want += def->makes && def->kind == kind;
		}
		hold = kvpool_hold_begin(issue->ctx, kind, want);
		if (!IS_ERR(hold))
			kvpool_hold_commit(issue->ctx, hold, want);
		issue->holds[kind] = hold;
	}
	return PTR_ERR_OR_ZERO(issue->holds[kind]);
}

static void kvpool_issue_fail(struct kvpool_issue *issue, u32 i, int status)
{
	struct kvpool_completion cqe = {
		.user_data = issue->ops[i].user_data,
		.status = status,
	};

	kvpool_issue_complete(issue, i, &cqe);
}

/* Operations @first to @end - 1 are of one kind. */
static void kvpool_issue_kind(struct kvpool_issue *issue, u32 first, u32 end)
{
	const struct kvpool_opdef *def = kvpool_op_row(&issue->ops[first]);
	int ret = 0;
	u32 i;

	if (def->makes)
		ret = kvpool_issue_hold(issue, def->kind, first);
	if (ret)
		for (i = first; i < end; i++)
			kvpool_issue_fail(issue, i, ret);
	else
		def->issue(issue, first, end - first);
}

/**
 * kvpool_issue_run() - Issue the operations of a call
 * @issue: the operations; its ctx, ops, nr, functions, and ring or cqes are set
 *
 * When this returns, each operation has completed or is in flight.
 *
 * Context: May sleep.
 */
void kvpool_issue_run(struct kvpool_issue *issue)
{
	u32 first = 0, i;

	INIT_LIST_HEAD(&issue->remote);
	issue->prefix = NULL;
	issue->now = 0;
	for (i = 0; i < KVPOOL_HOLD_KINDS; i++) {
		issue->holds[i] = NULL;
		issue->next[i] = 0;
		issue->failed[i] = 0;
	}
	for (i = 1; i <= issue->nr; i++) {
		if (i < issue->nr &&
		    issue->ops[i].opcode == issue->ops[first].opcode)
			continue;
		kvpool_issue_kind(issue, first, i);
		first = i;
	}
	for (i = 0; i < KVPOOL_HOLD_KINDS; i++)
		if (issue->failed[i])
			kvpool_hold_end(issue->ctx, issue->holds[i],
					issue->failed[i]);
	kvpool_xfers_submit(&issue->remote);
}
