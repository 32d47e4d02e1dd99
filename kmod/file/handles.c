// SPDX-License-Identifier: GPL-2.0
/*
 * Ending many handles of a file at a time: seal, abort, release. The array is
 * in the order of a prefix: its head becomes the youngest.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include <linux/kvpool.h>

#include "cache/block.h"
#include "cache/tenant.h"
#include "cache/trace.h"
#include "file/ctx.h"
#include "file/handles.h"
#include "file/hold.h"

/* Leases that end together without memory for more. */
#define KVPOOL_RELEASE_FEW	64

/* Arrays with an element for each handle that is sealed. */
struct kvpool_taken {
	struct kvpool_block **blocks;
	struct kvpool_hold **holds;
	u32 *pins;
	int *status;
};

static int kvpool_taken_init(struct kvpool_taken *taken, u32 nr)
{
	void *p = kvcalloc(nr, sizeof(*taken->blocks) + sizeof(*taken->holds) +
			   sizeof(*taken->pins) + sizeof(*taken->status),
			   GFP_KERNEL);

	taken->blocks = p;
	taken->holds = p + nr * sizeof(*taken->blocks);
	taken->pins = (void *)&taken->holds[nr];
	taken->status = (void *)&taken->pins[nr];
	return p ? 0 : -ENOMEM;
}

static void kvpool_taken_exit(struct kvpool_taken *taken)
{
	kvfree(taken->blocks);
}

/**
 * kvpool_handles_seal() - Publish reserved blocks
 * @ctx: the context
 * @entries: reservations with their pins; the status of each is set
 * @nr: number of entries
 * @done: raised by the number of blocks that were sealed
 *
 * Context: May sleep.
 * Return: 0, or -ENOMEM if nothing was done.
 */
int kvpool_handles_seal(struct kvpool_ctx *ctx,
			struct kvpool_handle_entry *entries, u32 nr, u32 *done)
{
	struct kvpool_taken taken;
	u32 i;

	if (kvpool_taken_init(&taken, nr))
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		if (i % KVPOOL_RELEASE_FEW == KVPOOL_RELEASE_FEW - 1)
			cond_resched();
		taken.holds[i] = i ? taken.holds[i - 1] : NULL;
		taken.blocks[i] = kvpool_hold_take(ctx, entries[i].handle,
						   KVPOOL_HOLD_RESERVATION,
						   &taken.holds[i]);
		taken.pins[i] = entries[i].flags;
		taken.status[i] = -ENOENT;
	}
	kvpool_block_seal(ctx->tenant, taken.blocks, taken.pins, taken.status,
			  nr);
	for (i = 0; i < nr; i++) {
		if (i % KVPOOL_RELEASE_FEW == KVPOOL_RELEASE_FEW - 1)
			cond_resched();
		entries[i].status = taken.status[i];
		*done += !taken.status[i];
		if (!taken.blocks[i])
			continue;
		if (taken.status[i] == -EDQUOT)
			kvpool_hold_restore(taken.holds[i], entries[i].handle,
					    taken.blocks[i]);
		else
			kvpool_hold_end(ctx, taken.holds[i], 1);
	}
	kvpool_taken_exit(&taken);
	return 0;
}

/**
 * kvpool_handles_abort() - Abort reservations
 * @ctx: the context
 * @entries: reservations; the status of each that is not found is set
 * @nr: number of entries
 * @done: raised by the number of reservations that were aborted
 *
 * Context: May sleep.
 */
void kvpool_handles_abort(struct kvpool_ctx *ctx,
			  struct kvpool_handle_entry *entries, u32 nr,
			  u32 *done)
{
	struct kvpool_block *block;
	struct kvpool_hold *hold;
	u32 i;

	for (i = 0; i < nr; i++) {
		hold = NULL;
		block = kvpool_hold_take(ctx, entries[i].handle,
					 KVPOOL_HOLD_RESERVATION, &hold);
		if (!block) {
			entries[i].status = -ENOENT;
			continue;
		}
		kvpool_block_abort(ctx->tenant, block);
		kvpool_hold_end(ctx, hold, 1);
		++*done;
		/* The last reference to a large block frees much. */
		cond_resched();
	}
}

/**
 * kvpool_release_end() - Release the blocks of the leases that a call has ended
 * @ctx: the context
 * @release: the leases; empty afterwards
 *
 * The block of the first lease becomes the youngest.
 *
 * Context: Process context.
 */
void kvpool_release_end(struct kvpool_ctx *ctx, struct kvpool_release *release)
{
	struct kvpool_tenant *tenant = ctx->tenant;
	u32 i;

	if (!release->nr)
		return;
	kvpool_hold_end(ctx, release->last, release->run);
	kvpool_policy_touch(&tenant->policy, release->blocks, release->nr);
	for (i = 0; i < release->nr; i++) {
		trace_kvpool_block_release(tenant, release->blocks[i]);
		kvpool_block_put(tenant, release->blocks[i]);
		if (i % KVPOOL_RELEASE_FEW == KVPOOL_RELEASE_FEW - 1)
			cond_resched();
	}
	kvpool_count(tenant, leases, -(long)release->nr);
	*release = (struct kvpool_release){ .blocks = release->blocks };
}

/**
 * kvpool_handles_release() - End leases
 * @ctx: the context
 * @entries: leases; the status of each that is not found is set
 * @nr: number of entries
 *
 * Cannot fail: leases end where memory is short, although the order of eviction
 * may suffer.
 *
 * Context: May sleep.
 * Return: the number of leases that ended.
 */
u32 kvpool_handles_release(struct kvpool_ctx *ctx,
			   struct kvpool_handle_entry *entries, u32 nr)
{
	struct kvpool_block *few[KVPOOL_RELEASE_FEW];
	struct kvpool_release release = { .blocks = few };
	u32 ended = 0, max = ARRAY_SIZE(few), i = 0, end;

	if (nr > max) {
		release.blocks = kvmalloc_array(nr, sizeof(*release.blocks),
						GFP_KERNEL | __GFP_NOWARN);
		if (release.blocks)
			max = nr;
		else
			release.blocks = few;
	}
	while (i < nr) {
		end = min(nr, i + KVPOOL_RELEASE_FEW);
		for (; i < end; i++)
			entries[i].status =
				kvpool_release_one(ctx, &release,
						   entries[i].handle);
		if (release.nr + KVPOOL_RELEASE_FEW > max || i == nr) {
			ended += release.nr;
			kvpool_release_end(ctx, &release);
		}
		cond_resched();
	}
	if (release.blocks != few)
		kvfree(release.blocks);
	return ended;
}

/**
 * kvpool_handle_drop() - End a handle that was not reported to the user
 * @ctx: the context; nothing happens if it is revoked
 * @handle: a lease or a reservation; nothing happens if it has ended
 *
 * Context: May sleep.
 */
void kvpool_handle_drop(struct kvpool_ctx *ctx, u64 handle)
{
	struct kvpool_hold *hold = NULL;
	struct kvpool_block *block;
	struct kvpool_release release = { .blocks = &block };

	if (!kvpool_ctx_enter(ctx))
		return;
	if (!kvpool_release_one(ctx, &release, handle)) {
		kvpool_release_end(ctx, &release);
	} else {
		block = kvpool_hold_take(ctx, handle, KVPOOL_HOLD_RESERVATION,
					 &hold);
		if (block) {
			kvpool_block_abort(ctx->tenant, block);
			kvpool_hold_end(ctx, hold, 1);
		}
	}
	kvpool_ctx_leave(ctx);
}
