/* SPDX-License-Identifier: GPL-2.0 */
/* Issuing operations of a kind one by one. */
#ifndef _KVPOOL_ISSUE_EACH_H
#define _KVPOOL_ISSUE_EACH_H

#include <linux/err.h>
#include <linux/sched.h>

#include "cache/block.h"
#include "file/ring.h"
#include "xfer/opdef.h"
#include "xfer/prefix.h"
#include "xfer/xfer.h"

/*
 * Do an operation if that takes no time. Fills in @cqe except for the status.
 * @hold has a place for the handle at @index, if the operation makes a handle.
 * Returns the status, or, with @cqe as it was, KVPOOL_OP_LATER, which needs
 * prepare(). *@found, which is NULL, may then be set for it: to a pending block
 * or to KVPOOL_OP_MISSED.
 */
typedef int kvpool_issue_fn(struct kvpool_ctx *ctx, const struct kvpool_op *op,
			    struct kvpool_hold *hold, u32 index,
			    struct kvpool_completion *cqe,
			    struct kvpool_block **found);

/*
 * Do operations one by one, or put them in flight: the issue() of most rows.
 * Inline, so that @fn is called directly and what @def says costs nothing.
 */
static __always_inline void kvpool_issue_each(struct kvpool_issue *issue,
					      const struct kvpool_opdef *def,
					      u32 first, u32 nr,
					      kvpool_issue_fn *fn)
{
	struct kvpool_completion local, *cqe = &local;
	struct kvpool_hold *hold = NULL;
	u32 index = 0, i;
	int ret;

	if (def->makes)
		hold = issue->holds[def->kind];
	for (i = first; i < first + nr; i++) {
		const struct kvpool_op *op = &issue->ops[i];
		struct kvpool_block *found = NULL;

		if (!(i % 64))
			cond_resched();
		if (!issue->ring)
			cqe = &issue->cqes[i];
		*cqe = (struct kvpool_completion){ .user_data = op->user_data };
		if (def->makes)
			index = issue->next[def->kind]++;
		ret = fn(issue->ctx, op, hold, index, cqe, &found);
		if (ret == KVPOOL_OP_LATER && issue->prefix &&
		    kvpool_prefix_missed(issue->prefix, i - first)) {
			if (!IS_ERR_OR_NULL(found))
				kvpool_block_put(issue->ctx->tenant, found);
			ret = -ECANCELED;
		}
		if (ret == KVPOOL_OP_LATER) {
			ret = kvpool_xfer_issue(issue, def, i, hold, index,
						found);
			if (!ret)
				continue;
		}
		if (issue->prefix)
			kvpool_prefix_note(issue->prefix, i - first, ret);
		if (ret && def->makes)
			issue->failed[def->kind]++;
		cqe->status = ret;
		issue->now++;
		if (issue->ring)
			kvpool_ring_post(issue->ring, cqe);
	}
}

#endif /* _KVPOOL_ISSUE_EACH_H */
