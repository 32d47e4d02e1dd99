// SPDX-License-Identifier: GPL-2.0
/* Produce: reserve, seal, abort; and changes of sealed blocks. */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>

#include <linux/kvpool.h>

#include "cache/block.h"
#include "cache/hist.h"
#include "cache/reclaim.h"
#include "cache/reserve.h"
#include "cache/space.h"
#include "dev/call.h"
#include "dev/copy.h"
#include "dev/produce.h"
#include "file/ctx.h"
#include "file/handles.h"
#include "file/hold.h"

/*
 * Read what a call says of the chain of its entries: nothing, without
 * KVPOOL_RESERVE_CHAIN. Return false if it is not as it has to be.
 */
static bool kvpool_reserve_chain(const struct kvpool_reserve *arg,
				 struct kvpool_chain *chain)
{
	chain->parent = arg->parent;
	chain->position = arg->position;
	if (arg->reserved ||
	    (!(arg->flags & KVPOOL_RESERVE_CHAIN) && arg->position))
		return false;
	return arg->position || !memchr_inv(&arg->parent, 0,
					    sizeof(arg->parent));
}

/**
 * kvpool_ioctl_reserve() - KVPOOL_IOC_RESERVE
 * @call: the call
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
int kvpool_ioctl_reserve(struct kvpool_call *call)
{
	struct kvpool_reserve *arg = call->arg;
	struct kvpool_tenant *tenant;
	struct kvpool_entry *entries;
	struct kvpool_chain chain;
	struct kvpool_space space;
	struct kvpool_hold *hold;
	u64 bytes = 0;
	int ret;
	u32 i;

	if (arg->flags & ~(KVPOOL_RESERVE_STRICT_NODE | KVPOOL_RESERVE_CHAIN) ||
	    arg->nr_done || !arg->spans != !arg->nr_spans ||
	    !kvpool_reserve_chain(arg, &chain))
		return -EINVAL;
	ret = kvpool_space_choose(arg->node,
				  arg->flags & KVPOOL_RESERVE_STRICT_NODE ?
				  KVPOOL_SPACE_STRICT : 0, &space);
	if (ret)
		return ret;
	entries = kvpool_entries_read(arg->entries, arg->nr_entries, 0,
				      KVPOOL_ENTRIES_LENGTH);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	tenant = call->ctx->tenant;
	hold = kvpool_hold_begin(call->ctx, KVPOOL_HOLD_RESERVATION,
				 arg->nr_entries);
	if (IS_ERR(hold)) {
		arg->nr_spans = 0;
		return kvpool_blocks_refuse(PTR_ERR(hold), entries,
					    arg->entries, arg->nr_entries);
	}
	call->hold = hold;
	call->live = kvpool_reserve_many(tenant, entries, hold->blocks,
					 arg->nr_entries,
					 arg->flags & KVPOOL_RESERVE_CHAIN ?
					 &chain : NULL, &space);
	arg->nr_done = call->live;
	for (i = 0; i < hold->nr; i++)
		bytes += entries[i].status ? 0 : entries[i].length;
	kvpool_hist_add(tenant, KVPOOL_HIST_RESERVE_BYTES, bytes);
	kvpool_reclaim_kick(tenant);
	return kvpool_blocks_write(call, entries, arg->entries, arg->spans,
				   &arg->nr_spans);
}

/**
 * kvpool_ioctl_seal() - KVPOOL_IOC_SEAL
 * @call: the call
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
int kvpool_ioctl_seal(struct kvpool_call *call)
{
	struct kvpool_handles *arg = call->arg;
	struct kvpool_handle_entry *entries;
	u32 nr = arg->nr_entries;
	int ret;

	if (arg->flags || arg->nr_done)
		return -EINVAL;
	entries = kvpool_handles_read(arg->entries, nr,
				      KVPOOL_PIN_SOFT | KVPOOL_PIN_HARD);
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	if (kvpool_ctx_enter(call->ctx)) {
		ret = kvpool_handles_seal(call->ctx, entries, nr,
					  &arg->nr_done);
		kvpool_ctx_leave(call->ctx);
	} else {
		ret = -ENODEV;
	}
	if (!ret)
		ret = kvpool_entries_write(arg->entries, entries,
					   nr * sizeof(*entries));
	kvfree(entries);
	return ret;
}

/**
 * kvpool_ioctl_abort() - KVPOOL_IOC_ABORT
 * @call: the call
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
int kvpool_ioctl_abort(struct kvpool_call *call)
{
	struct kvpool_handles *arg = call->arg;
	struct kvpool_handle_entry *entries;
	u32 nr = arg->nr_entries;
	int ret;

	if (arg->flags || arg->nr_done)
		return -EINVAL;
	entries = kvpool_handles_read(arg->entries, nr, 0);
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	ret = -ENODEV;
	if (kvpool_ctx_enter(call->ctx)) {
		kvpool_handles_abort(call->ctx, entries, nr, &arg->nr_done);
		kvpool_ctx_leave(call->ctx);
		ret = kvpool_entries_write(arg->entries, entries,
					   nr * sizeof(*entries));
	}
	kvfree(entries);
	return ret;
}

/* Call @change for each entry. */
static int kvpool_change(struct kvpool_call *call, u32 pins,
			 int (*change)(struct kvpool_tenant *tenant,
				       const struct kvpool_entry *e))
{
	struct kvpool_keys *arg = call->arg;
	struct kvpool_entry *entries;
	struct kvpool_tenant *tenant;
	u32 nr = arg->nr_entries, i;
	int ret;

	if (arg->flags || arg->nr_done)
		return -EINVAL;
	entries = kvpool_entries_read(arg->entries, nr, pins, 0);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	if (!kvpool_ctx_enter(call->ctx)) {
		kvfree(entries);
		return -ENODEV;
	}
	tenant = call->ctx->tenant;
	for (i = 0; i < nr; i++) {
		entries[i].status = change(tenant, &entries[i]);
		arg->nr_done += !entries[i].status;
		cond_resched();
	}
	kvpool_ctx_leave(call->ctx);
	ret = kvpool_entries_write(arg->entries, entries,
				   nr * sizeof(*entries));
	kvfree(entries);
	return ret;
}

static int kvpool_change_remove(struct kvpool_tenant *tenant,
				const struct kvpool_entry *e)
{
	return kvpool_block_remove(tenant, &e->key);
}

/**
 * kvpool_ioctl_remove() - KVPOOL_IOC_REMOVE
 * @call: the call
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
int kvpool_ioctl_remove(struct kvpool_call *call)
{
	return kvpool_change(call, 0, kvpool_change_remove);
}

static int kvpool_change_pin(struct kvpool_tenant *tenant,
			     const struct kvpool_entry *e)
{
	return kvpool_block_pin(tenant, &e->key, e->flags);
}

/**
 * kvpool_ioctl_pin() - KVPOOL_IOC_PIN
 * @call: the call
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
int kvpool_ioctl_pin(struct kvpool_call *call)
{
	return kvpool_change(call, KVPOOL_PIN_SOFT | KVPOOL_PIN_HARD,
			     kvpool_change_pin);
}
