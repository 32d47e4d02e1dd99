// SPDX-License-Identifier: GPL-2.0
/* Produce: reserve, seal, abort; and what changes sealed blocks. */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "kvpool.h"

/**
 * kvpool_space_choose() - Make a wish for a node a place to look for space
 * @node: NUMA node, or KVPOOL_NODE_ANY for the caller's
 * @strict: on no other node
 * @space: the place
 *
 * Return: 0 or -EINVAL.
 */
int kvpool_space_choose(int node, bool strict, struct kvpool_space *space)
{
	space->strict = strict;
	space->node = node;
	space->ahead = 0;
	if (node == KVPOOL_NODE_ANY) {
		if (strict)
			return -EINVAL;
		space->node = numa_mem_id();
		if (!kvpool_tier_get(space->node))
			space->node = first_memory_node;
	}
	return kvpool_tier_get(space->node) ? 0 : -EINVAL;
}

/**
 * kvpool_ioctl_reserve() - KVPOOL_IOC_RESERVE
 * @call: the call
 *
 * Return: 0 or a negative errno.
 */
int kvpool_ioctl_reserve(struct kvpool_call *call)
{
	struct kvpool_reserve *arg = call->arg;
	struct kvpool_tenant *tenant;
	struct kvpool_entry *entries;
	struct kvpool_space space;
	struct kvpool_hold *hold;
	u64 full = U64_MAX;
	int ret, why = 0;
	u32 i;

	if (arg->flags & ~KVPOOL_RESERVE_STRICT_NODE || arg->nr_done ||
	    !arg->spans != !arg->nr_spans)
		return -EINVAL;
	ret = kvpool_space_choose(arg->node,
				  arg->flags & KVPOOL_RESERVE_STRICT_NODE,
				  &space);
	if (ret)
		return ret;
	entries = kvpool_entries_get(arg->entries, arg->nr_entries, 0, true);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	tenant = kvpool_ctx_bind(call->ctx);
	hold = kvpool_hold_begin(call->ctx, KVPOOL_HOLD_RESERVATION,
				 arg->nr_entries);
	if (IS_ERR(hold)) {
		arg->nr_spans = 0;
		return kvpool_blocks_refuse(PTR_ERR(hold), entries,
					    arg->entries, arg->nr_entries);
	}
	call->hold = hold;

	/* All keys first: then it is known how much space is wanted. */
	for (i = 0; i < arg->nr_entries; i++) {
		struct kvpool_entry *e = &entries[i];

		e->status = fatal_signal_pending(current) ? -EINTR :
			    kvpool_block_begin(tenant, (void *)e->key,
					       e->length, &hold->blocks[i]);
		if (!e->status)
			space.ahead += kvpool_pages(e->length);
	}
	for (i = 0; i < arg->nr_entries; i++) {
		struct kvpool_entry *e = &entries[i];

		if (e->status)
			continue;
		space.ahead -= kvpool_pages(e->length);
		if (e->length < full) {
			e->status = kvpool_block_place(tenant, hold->blocks[i],
						       &space);
		} else {
			/* Where a shorter one did not fit. */
			kvpool_block_refuse(tenant, hold->blocks[i], why);
			e->status = why;
		}
		if (!e->status) {
			call->live++;
			continue;
		}
		hold->blocks[i] = NULL;
		if (e->status != -ENOMEM && e->length < full) {
			full = e->length;
			why = e->status;
		}
	}
	arg->nr_done = call->live;
	kvpool_evict_kick(tenant);
	return kvpool_blocks_put(call, entries, arg->entries, arg->spans,
				 &arg->nr_spans);
}

/* What a call on handles needs for each of them. */
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
 * kvpool_ioctl_seal() - KVPOOL_IOC_SEAL
 * @call: the call
 *
 * Return: 0 or a negative errno.
 */
int kvpool_ioctl_seal(struct kvpool_call *call)
{
	struct kvpool_handles *arg = call->arg;
	struct kvpool_handle_entry *entries;
	struct kvpool_tenant *tenant;
	struct kvpool_taken taken;
	u32 nr = arg->nr_entries, i;
	int ret;

	if (arg->flags || arg->nr_done)
		return -EINVAL;
	entries = kvpool_handles_get(arg->entries, nr,
				     KVPOOL_PIN_SOFT | KVPOOL_PIN_HARD);
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	ret = kvpool_taken_init(&taken, nr);
	if (ret)
		goto out;

	tenant = kvpool_ctx_bind(call->ctx);
	for (i = 0; i < nr; i++) {
		taken.holds[i] = i ? taken.holds[i - 1] : NULL;
		taken.blocks[i] = kvpool_hold_take(call->ctx, entries[i].handle,
						   KVPOOL_HOLD_RESERVATION,
						   &taken.holds[i]);
		taken.pins[i] = entries[i].flags;
		taken.status[i] = -ENOENT;
	}
	kvpool_block_seal(tenant, taken.blocks, taken.pins, taken.status, nr);
	for (i = 0; i < nr; i++) {
		entries[i].status = taken.status[i];
		arg->nr_done += !taken.status[i];
		if (!taken.blocks[i])
			continue;
		if (taken.status[i] == -EDQUOT)
			kvpool_hold_restore(taken.holds[i], entries[i].handle,
					    taken.blocks[i]);
		else
			kvpool_hold_put(call->ctx, taken.holds[i], 1);
	}
	kvpool_taken_exit(&taken);
	ret = kvpool_entries_put(arg->entries, entries, nr * sizeof(*entries));
out:
	kvfree(entries);
	return ret;
}

/**
 * kvpool_ioctl_abort() - KVPOOL_IOC_ABORT
 * @call: the call
 *
 * Return: 0 or a negative errno.
 */
int kvpool_ioctl_abort(struct kvpool_call *call)
{
	struct kvpool_handles *arg = call->arg;
	struct kvpool_handle_entry *entries;
	struct kvpool_tenant *tenant;
	struct kvpool_block *block;
	struct kvpool_hold *hold;
	u32 nr = arg->nr_entries, i;
	int ret;

	if (arg->flags || arg->nr_done)
		return -EINVAL;
	entries = kvpool_handles_get(arg->entries, nr, 0);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	tenant = kvpool_ctx_bind(call->ctx);
	for (i = 0; i < nr; i++) {
		hold = NULL;
		block = kvpool_hold_take(call->ctx, entries[i].handle,
					 KVPOOL_HOLD_RESERVATION, &hold);
		if (!block) {
			entries[i].status = -ENOENT;
			continue;
		}
		kvpool_block_abort(tenant, block, false);
		kvpool_hold_put(call->ctx, hold, 1);
		arg->nr_done++;
	}
	ret = kvpool_entries_put(arg->entries, entries, nr * sizeof(*entries));
	kvfree(entries);
	return ret;
}

static int kvpool_change(struct kvpool_call *call, bool pin)
{
	struct kvpool_keys *arg = call->arg;
	struct kvpool_entry *entries;
	struct kvpool_tenant *tenant;
	u32 nr = arg->nr_entries, i;
	int ret;

	if (arg->flags || arg->nr_done)
		return -EINVAL;
	entries = kvpool_entries_get(arg->entries, nr, pin ? KVPOOL_PIN_SOFT |
				     KVPOOL_PIN_HARD : 0, false);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	tenant = kvpool_ctx_bind(call->ctx);
	for (i = 0; i < nr; i++) {
		struct kvpool_entry *e = &entries[i];

		e->status = pin ?
			kvpool_block_pin(tenant, (void *)e->key, e->flags) :
			kvpool_block_remove(tenant, (void *)e->key);
		arg->nr_done += !e->status;
	}
	ret = kvpool_entries_put(arg->entries, entries, nr * sizeof(*entries));
	kvfree(entries);
	return ret;
}

/**
 * kvpool_ioctl_remove() - KVPOOL_IOC_REMOVE
 * @call: the call
 *
 * Return: 0 or a negative errno.
 */
int kvpool_ioctl_remove(struct kvpool_call *call)
{
	return kvpool_change(call, false);
}

/**
 * kvpool_ioctl_pin() - KVPOOL_IOC_PIN
 * @call: the call
 *
 * Return: 0 or a negative errno.
 */
int kvpool_ioctl_pin(struct kvpool_call *call)
{
	return kvpool_change(call, true);
}
