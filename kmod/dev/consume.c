// SPDX-License-Identifier: GPL-2.0
/* Consume: exists, lease, release. */
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include <linux/kvpool.h>

#include "cache/block.h"
#include "cache/tenant.h"
#include "cache/trace.h"
#include "cache/waiters.h"
#include "dev/call.h"
#include "dev/consume.h"
#include "dev/copy.h"
#include "file/arm.h"
#include "file/ctx.h"
#include "file/handles.h"
#include "file/hold.h"
#include "xfer/xfer.h"

static int kvpool_lookup_check(const struct kvpool_lookup *arg, u32 flags)
{
	if (arg->flags & ~flags || arg->nr_hits ||
	    (arg->nr_more && !(arg->flags & KVPOOL_LOOKUP_PREFIX)) ||
	    !arg->spans != !arg->nr_spans ||
	    ((arg->timeout_ns || arg->flags & KVPOOL_LOOKUP_INTERRUPTIBLE) &&
	     !(arg->flags & KVPOOL_LOOKUP_WAIT)))
		return -EINVAL;
	return 0;
}

/*
 * The keys that a caller has asked for: if a miss has ended the prefix, also
 * those that the caller does not look up any more.
 */
static u64 kvpool_lookup_asked(const struct kvpool_lookup *arg)
{
	return arg->nr_entries +
	       (u64)(arg->nr_hits < arg->nr_entries ? arg->nr_more : 0);
}

/* A task that waits for a key in its call. */
struct kvpool_sleeper {
	struct kvpool_waiter waiter;
	struct task_struct *task;
	bool woken;
};

static void kvpool_sleeper_wake(struct kvpool_waiter *waiter)
{
	struct kvpool_sleeper *sleeper =
		container_of(waiter, struct kvpool_sleeper, waiter);

	WRITE_ONCE(sleeper->woken, true);
	wake_up_process(sleeper->task);
}

static const struct kvpool_waiter_ops kvpool_sleeper_ops = {
	.wake = kvpool_sleeper_wake,
	.quick = true,
};

/* Returns 0 when the reservation has ended; -ETIMEDOUT, -EINTR or -ENOMEM. */
static int kvpool_lease_wait(struct kvpool_tenant *tenant,
			     struct kvpool_block *block, ktime_t until,
			     u32 flags)
{
	unsigned int state = flags & KVPOOL_LOOKUP_INTERRUPTIBLE ?
			     KVPOOL_WAITS_INTERRUPTIBLY : KVPOOL_WAITS;
	ktime_t *expires = until == KTIME_MAX ? NULL : &until;
	struct kvpool_sleeper sleeper = { .task = current };
	int ret;

	if (expires && ktime_get() >= until)
		return -ETIMEDOUT;
	kvpool_waiter_init(&sleeper.waiter, &kvpool_sleeper_ops);
	ret = kvpool_waiter_add(&tenant->queues, &sleeper.waiter, block);
	if (ret <= 0)
		return ret;
	do {
		set_current_state(state);
		ret = 0;
		if (READ_ONCE(sleeper.woken))
			break;
		ret = -EINTR;
		if (signal_pending_state(state, current))
			break;
		ret = -ETIMEDOUT;
	} while (schedule_hrtimeout_range(expires, current->timer_slack_ns,
					  HRTIMER_MODE_ABS));
	__set_current_state(TASK_RUNNING);
	/* Nobody wakes the task from here on, or somebody has. */
	return kvpool_waiter_del(&tenant->queues, &sleeper.waiter) ? ret : 0;
}

/*
 * Wait, if the call says so, until a block that was found pending is sealed.
 * Consumes the reference to @block. Returns a sealed block with a reference, or
 * NULL and the reason in @status. A key that stays pending is added to @arm,
 * which takes up to @most.
 */
static struct kvpool_block *kvpool_lease_pending(struct kvpool_call *call,
						 struct kvpool_tenant *tenant,
						 struct kvpool_block *block,
						 ktime_t until, int *status,
						 struct kvpool_arm **arm,
						 u32 most)
{
	const struct kvpool_lookup *arg = call->arg;
	struct kvpool_key key = block->key;
	u32 state;

	do {
		*status = arg->flags & KVPOOL_LOOKUP_WAIT ?
			  kvpool_lease_wait(tenant, block, until, arg->flags) :
			  -EINPROGRESS;
		if (*status && kvpool_arm_add(arm, call->ctx, block, most)) {
			kvpool_block_put(tenant, block);
			return NULL;
		}
		/* Pairs with the cmpxchg() of kvpool_block_publish(). */
		if (smp_load_acquire(&block->state) == KVPOOL_BLOCK_SEALED)
			return block;
		/* Aborted or pre-empted: the key may be pending once more. */
		kvpool_block_put(tenant, block);
		block = kvpool_block_find(tenant, &key, &state);
	} while (block && state == KVPOOL_BLOCK_RESERVED);

	if (!block)
		*status = -ENOENT;
	return block;
}

/**
 * kvpool_ioctl_lease() - KVPOOL_IOC_LEASE
 * @call: the call
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
int kvpool_ioctl_lease(struct kvpool_call *call)
{
	struct kvpool_lookup *arg = call->arg;
	bool prefix = arg->flags & KVPOOL_LOOKUP_PREFIX;
	struct kvpool_ctx *ctx = call->ctx;
	struct kvpool_tenant *tenant;
	struct kvpool_entry *entries;
	struct kvpool_block *block;
	struct kvpool_hold *hold;
	int ret, stop = 0;
	u32 i, state;
	struct kvpool_arm *arm = NULL;
	ktime_t until = 0;
	u64 bytes = 0;

	ret = kvpool_lookup_check(arg, KVPOOL_LOOKUP_PREFIX |
				  KVPOOL_LOOKUP_WAIT |
				  KVPOOL_LOOKUP_INTERRUPTIBLE);
	if (ret)
		return ret;
	entries = kvpool_entries_read(arg->entries, arg->nr_entries, 0, 0);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	tenant = kvpool_ctx_bind(ctx);
	hold = kvpool_hold_begin(ctx, KVPOOL_HOLD_LEASE, arg->nr_entries);
	if (IS_ERR(hold)) {
		arg->nr_spans = 0;
		return kvpool_blocks_refuse(PTR_ERR(hold), entries,
					    arg->entries, arg->nr_entries);
	}
	call->hold = hold;

	if (arg->timeout_ns)
		until = kvpool_time_after(arg->timeout_ns);

	for (i = 0; i < arg->nr_entries; i++) {
		struct kvpool_entry *e = &entries[i];

		if (stop) {
			e->status = stop;
			continue;
		}
		block = kvpool_block_find(tenant, &e->key, &state);
		if (!block)
			e->status = -ENOENT;
		else if (state == KVPOOL_BLOCK_RESERVED)
			block = kvpool_lease_pending(call, tenant, block,
						     until, &e->status, &arm,
						     arg->nr_entries - i);
		if (!block) {
			if (e->status == -EINTR)
				stop = -EINTR;
			else if (prefix)
				stop = -ECANCELED;
			continue;
		}
		e->status = 0;
		hold->blocks[i] = block;
		bytes += kvpool_block_length(block);
		call->live++;
		trace_kvpool_block_lease(tenant, block);
	}
	kvpool_arm_replace(ctx, arm);
	arg->nr_hits = call->live;
	kvpool_count(tenant, lookups, kvpool_lookup_asked(arg));
	kvpool_count(tenant, local_hits, call->live);
	kvpool_count(tenant, local_bytes, bytes);
	kvpool_count(tenant, leases, call->live);
	return kvpool_blocks_write(call, entries, arg->entries, arg->spans,
				   &arg->nr_spans);
}

/**
 * kvpool_ioctl_exists() - KVPOOL_IOC_EXISTS
 * @call: the call
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
int kvpool_ioctl_exists(struct kvpool_call *call)
{
	struct kvpool_lookup *arg = call->arg;
	u32 nr = arg->nr_entries, length, i;
	struct kvpool_entry *entries;
	struct kvpool_tenant *tenant;
	bool stop = false;
	int ret;

	ret = kvpool_lookup_check(arg, KVPOOL_LOOKUP_PREFIX);
	if (ret)
		return ret;
	if (arg->nr_spans)
		return -EINVAL;
	entries = kvpool_entries_read(arg->entries, nr, 0, 0);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	tenant = kvpool_ctx_bind(call->ctx);
	for (i = 0; i < nr; i++) {
		struct kvpool_entry *e = &entries[i];

		if (stop) {
			e->status = -ECANCELED;
			continue;
		}
		e->status = kvpool_block_probe(tenant, &e->key, &length);
		if (!e->status) {
			e->length = length;
			arg->nr_hits++;
		} else if (arg->flags & KVPOOL_LOOKUP_PREFIX) {
			stop = true;
		}
	}
	kvpool_count(tenant, probes, kvpool_lookup_asked(arg));
	kvpool_count(tenant, probe_hits, arg->nr_hits);
	ret = kvpool_entries_write(arg->entries, entries,
				   nr * sizeof(*entries));
	kvfree(entries);
	return ret;
}

/**
 * kvpool_ioctl_release() - KVPOOL_IOC_RELEASE
 * @call: the call
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
int kvpool_ioctl_release(struct kvpool_call *call)
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
	kvpool_ctx_bind(call->ctx);
	arg->nr_done = kvpool_handles_release(call->ctx, entries, nr);
	ret = kvpool_entries_write(arg->entries, entries,
				   nr * sizeof(*entries));
	kvfree(entries);
	return ret;
}

/**
 * kvpool_ioctl_spans() - KVPOOL_IOC_SPANS
 * @call: the call
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
int kvpool_ioctl_spans(struct kvpool_call *call)
{
	struct kvpool_spans *arg = call->arg;
	struct kvpool_block *block;
	int ret = 0;

	if (arg->flags || arg->total || arg->reserved ||
	    arg->nr_spans > 65536 || !arg->spans != !arg->nr_spans)
		return -EINVAL;
	block = kvpool_hold_peek(call->ctx, arg->handle);
	if (!block)
		return -ENOENT;

	arg->total = block->place.nr_extents;
	if (READ_ONCE(block->state) == KVPOOL_BLOCK_PREEMPTED) {
		ret = -ESTALE;
	} else if (arg->first >= arg->total) {
		ret = -ERANGE;
	} else {
		arg->nr_spans = min(arg->nr_spans, arg->total - arg->first);
		ret = kvpool_spans_write(arg->spans, &block->place, arg->first,
					 arg->nr_spans);
	}
	kvpool_block_put(call->ctx->tenant, block);
	return ret;
}
