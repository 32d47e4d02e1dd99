// SPDX-License-Identifier: GPL-2.0
/* Operations that end handles, many at a time. */
#include <linux/mm.h>
#include <linux/slab.h>

#include "xfer/end_handles.h"
#include "xfer/opdef.h"

/* Handles that end together without memory for more. */
#define KVPOOL_FEW_HANDLES	8

static void kvpool_end_some(struct kvpool_issue *issue, u32 first, u32 nr,
			    struct kvpool_handle_entry *entries,
			    int (*end)(struct kvpool_ctx *ctx,
				       struct kvpool_handle_entry *entries,
				       u32 nr))
{
	struct kvpool_completion cqe = {};
	int ret;
	u32 i;

	for (i = 0; i < nr; i++)
		entries[i] = (struct kvpool_handle_entry) {
			.handle = issue->ops[first + i].handle,
			.flags = issue->ops[first + i].flags,
		};
	ret = end(issue->ctx, entries, nr);
	for (i = 0; i < nr; i++) {
		cqe.user_data = issue->ops[first + i].user_data;
		cqe.status = ret ?: entries[i].status;
		issue->complete(issue, first + i, &cqe);
	}
}

/**
 * kvpool_end_handles() - End the handles of a run of operations
 * @issue: the call
 * @first: number of the first operation of the run
 * @nr: length of the run
 * @end: does it: returns 0 with a status in each entry, or a negative errno
 *	 for all
 *
 * Where memory is short, @end is called for a few handles at a time.
 */
void kvpool_end_handles(struct kvpool_issue *issue, u32 first, u32 nr,
			int (*end)(struct kvpool_ctx *ctx,
				   struct kvpool_handle_entry *entries, u32 nr))
{
	struct kvpool_handle_entry few[KVPOOL_FEW_HANDLES], *entries = few;
	u32 run = nr;

	if (nr > ARRAY_SIZE(few)) {
		entries = kvmalloc_array(nr, sizeof(*entries),
					 GFP_KERNEL | __GFP_NOWARN);
		if (!entries) {
			entries = few;
			run = ARRAY_SIZE(few);
		}
	}
	for (; nr; nr -= run, first += run) {
		run = min(run, nr);
		kvpool_end_some(issue, first, run, entries, end);
	}
	if (entries != few)
		kvfree(entries);
}
