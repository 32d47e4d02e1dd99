// SPDX-License-Identifier: GPL-2.0
/* Operations that end handles: adjacent operations are done together. */
#include <linux/mm.h>
#include <linux/slab.h>

#include "xfer/op_handles.h"
#include "xfer/opdef.h"

/* Longest run that needs no allocation. */
#define KVPOOL_FEW_HANDLES	8

/**
 * kvpool_op_handles() - End the handles of a run of operations
 * @issue: the call
 * @first: number of the first operation of the run
 * @nr: length of the run
 * @end: ends the handles; returns 0 with a status in each entry, or a negative
 *	 errno for all
 *
 * Context: May sleep.
 */
void kvpool_op_handles(struct kvpool_issue *issue, u32 first, u32 nr,
		       int (*end)(struct kvpool_ctx *ctx,
				  struct kvpool_handle_entry *entries, u32 nr))
{
	struct kvpool_handle_entry few[KVPOOL_FEW_HANDLES], *entries = few;
	struct kvpool_completion cqe = {};
	int ret = 0;
	u32 i;

	if (nr > ARRAY_SIZE(few)) {
		entries = kvmalloc_array(nr, sizeof(*entries), GFP_KERNEL);
		if (!entries)
			ret = -ENOMEM;
	}
	if (!ret) {
		for (i = 0; i < nr; i++)
			entries[i] = (struct kvpool_handle_entry) {
				.handle = issue->ops[first + i].handle,
				.flags = issue->ops[first + i].flags,
			};
		ret = end(issue->ctx, entries, nr);
	}
	for (i = 0; i < nr; i++) {
		cqe.user_data = issue->ops[first + i].user_data;
		cqe.status = ret ?: entries[i].status;
		issue->complete(issue, first + i, &cqe);
	}
	if (entries != few)
		kvfree(entries);
}
