// SPDX-License-Identifier: GPL-2.0
/* Consume: exists, lease, release. */
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include <linux/kvpool.h>

#include "cache/block.h"
#include "cache/hist.h"
#include "cache/pool.h"
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
#include "xfer/revoke.h"
#include "xfer/xfer.h"

/* Keys that are looked up without a point of rescheduling. */
#define KVPOOL_EXISTS_BATCH	64

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

/* A call of KVPOOL_IOC_LEASE. */
struct kvpool_leasing {
	struct kvpool_call *call;
	struct kvpool_tenant *tenant;
	struct kvpool_entry *entries;
	ktime_t until;
	ktime_t leased;		/* it waits with leases since then, or 0 */
	struct kvpool_arm *arm;
	u32 live;
	u64 bytes;
	struct kvpool_span_out out;
};

/*
 * The time when leases that the call has taken before it waits are too old. They
 * are not in the table of the file yet, where lease_ms would find them.
 */
static ktime_t kvpool_leasing_overdue(struct kvpool_leasing *l, unsigned int ms)
{
	if (!ms || !l->live)
		return KTIME_MAX;
	if (!l->leased)
		l->leased = ktime_get();
	return ktime_add_ms(l->leased, ms);
}

/*
 * Returns 0 when the reservation has ended; -ETIMEDOUT, -EINTR, -ENOMEM, or
 * -ENODEV if the context was revoked.
 */
static int kvpool_lease_wait(struct kvpool_leasing *l,
			     struct kvpool_block *block)
{
	const struct kvpool_lookup *arg = l->call->arg;
	unsigned int state = arg->flags & KVPOOL_LOOKUP_INTERRUPTIBLE ?
			     KVPOOL_WAITS_INTERRUPTIBLY : KVPOOL_WAITS;
	unsigned int lease_ms = READ_ONCE(kvpool_pool.lease_ms);
	ktime_t overdue = kvpool_leasing_overdue(l, lease_ms);
	struct kvpool_sleeper sleeper = { .task = current };
	struct kvpool_tenant *tenant = l->tenant;
	struct kvpool_ctx *ctx = l->call->ctx;
	ktime_t end = min(l->until, overdue);
	DECLARE_WAITQUEUE(revoke, current);
	u64 start;
	int ret;

	if (l->until != KTIME_MAX && ktime_get() >= l->until)
		return -ETIMEDOUT;
	kvpool_waiter_init(&sleeper.waiter, &kvpool_sleeper_ops);
	ret = kvpool_waiter_add(&tenant->queues, &sleeper.waiter, block);
	if (ret <= 0)
		return ret;
	start = ktime_get_ns();
	/* Revoking the context wakes it; completions do too, for nothing. */
	add_wait_queue(&ctx->wq, &revoke);
	do {
		set_current_state(state);
		ret = 0;
		if (READ_ONCE(sleeper.woken))
			break;
		ret = -ENODEV;
		if (kvpool_ctx_is_revoked(ctx))
			break;
		ret = -EINTR;
		if (signal_pending_state(state, current))
			break;
		ret = -ETIMEDOUT;
	} while (schedule_hrtimeout_range(end == KTIME_MAX ? NULL : &end,
					  current->timer_slack_ns,
					  HRTIMER_MODE_ABS));
	__set_current_state(TASK_RUNNING);
	remove_wait_queue(&ctx->wq, &revoke);
	kvpool_hist_since(tenant, KVPOOL_HIST_WAIT_NS, start);
	/* Nobody wakes the task from here on, or somebody has. */
	if (!kvpool_waiter_del(&tenant->queues, &sleeper.waiter))
		return 0;
	if (ret == -ETIMEDOUT && end < l->until) {
		kvpool_revoke_overdue(ctx, lease_ms);
		ret = -ENODEV;
	}
	return ret;
}

/*
 * Wait, if the call says so, until a block that was found pending is sealed.
 * Consumes the reference to @block. Returns a sealed block with a reference, or
 * NULL and the reason in @status. A key that stays pending is added to the arm of
 * the call, which takes up to @most.
 */
static struct kvpool_block *kvpool_lease_pending(struct kvpool_leasing *l,
						 struct kvpool_block *block,
						 int *status, u32 most)
{
	const struct kvpool_lookup *arg = l->call->arg;
	struct kvpool_tenant *tenant = l->tenant;
	struct kvpool_key key = block->key;
	u32 state;

	do {
		*status = arg->flags & KVPOOL_LOOKUP_WAIT ?
			  kvpool_lease_wait(l, block) : -EINPROGRESS;
		if (*status && kvpool_arm_add(&l->arm, l->call->ctx, block, most)) {
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

static __always_inline int kvpool_leasing_take(struct kvpool_leasing *l,
					       struct kvpool_hold *hold, u32 i,
					       struct kvpool_block *block)
{
	hold->blocks[i] = block;
	l->live++;
	l->bytes += kvpool_block_length(block);
	trace_kvpool_block_lease(l->tenant, block);
	return kvpool_entry_fill(&l->out, &l->entries[i], hold, i, block);
}

/*
 * Lease blocks from entry @i on that need no wait: in one RCU section, which
 * KVPOOL_SPANS_AT_ONCE bounds. Returns the first entry that is not done; *@block
 * is its block, with a reference, or NULL if the key missed.
 */
static u32 kvpool_leasing_some(struct kvpool_leasing *l, u32 i, u32 end,
			       struct kvpool_block **block, u32 *state)
{
	struct kvpool_hold *hold = l->call->hold;
	struct kvpool_block *b = NULL;

	rcu_read_lock();
	for (; i < end; i++) {
		b = kvpool_block_find_rcu(l->tenant, &l->entries[i].key, state);
		if (!b || *state != KVPOOL_BLOCK_SEALED ||
		    b->place.nr_extents != 1)
			break;
		/* Does not sleep, hence does not fail. */
		kvpool_leasing_take(l, hold, i, b);
	}
	rcu_read_unlock();
	*block = b;
	return i;
}

/* Lease all entries. Returns 0 or -EFAULT. */
static int kvpool_leasing_run(struct kvpool_leasing *l)
{
	const struct kvpool_lookup *arg = l->call->arg;
	u32 nr = arg->nr_entries, i = 0, end, state;
	struct kvpool_block *block;
	int ret = 0, stop = 0;

	while (i < nr && !stop && !ret) {
		struct kvpool_entry *e;

		end = min(nr, i + KVPOOL_SPANS_AT_ONCE);
		i = kvpool_leasing_some(l, i, end, &block, &state);
		if (i < end) {
			e = &l->entries[i];
			e->status = -ENOENT;
			if (block && state == KVPOOL_BLOCK_RESERVED)
				block = kvpool_lease_pending(l, block,
							     &e->status,
							     nr - i);
			if (block)
				ret = kvpool_leasing_take(l, l->call->hold, i,
							  block);
			else if (e->status == -EINTR || e->status == -ENODEV)
				stop = e->status;
			else if (arg->flags & KVPOOL_LOOKUP_PREFIX)
				stop = -ECANCELED;
			i++;
		}
		if (!ret)
			ret = kvpool_spans_flush(&l->out);
		if (!stop && fatal_signal_pending(current))
			stop = -EINTR;
		cond_resched();
	}
	for (; i < nr; i++)
		l->entries[i].status = stop;
	return ret;
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
	struct kvpool_ctx *ctx = call->ctx;
	struct kvpool_leasing l;
	struct kvpool_hold *hold;
	int ret;

	ret = kvpool_lookup_check(arg, KVPOOL_LOOKUP_PREFIX |
				  KVPOOL_LOOKUP_WAIT |
				  KVPOOL_LOOKUP_INTERRUPTIBLE);
	if (ret)
		return ret;
	l.entries = kvpool_entries_read(arg->entries, arg->nr_entries, 0, 0);
	if (IS_ERR(l.entries))
		return PTR_ERR(l.entries);

	l.call = call;
	l.tenant = ctx->tenant;
	hold = kvpool_hold_begin(ctx, KVPOOL_HOLD_LEASE, arg->nr_entries);
	if (IS_ERR(hold)) {
		arg->nr_spans = 0;
		return kvpool_blocks_refuse(PTR_ERR(hold), l.entries,
					    arg->entries, arg->nr_entries);
	}
	call->hold = hold;
	l.until = arg->timeout_ns ? kvpool_time_after(arg->timeout_ns) : 0;
	l.leased = 0;
	l.arm = NULL;
	l.live = 0;
	l.bytes = 0;
	kvpool_span_out_init(&l.out, arg->spans, arg->nr_spans);

	ret = kvpool_leasing_run(&l);
	kvpool_arm_replace(ctx, l.arm);
	call->live = l.live;
	arg->nr_hits = l.live;
	arg->nr_spans = l.out.used;
	kvpool_count(l.tenant, lookups, kvpool_lookup_asked(arg));
	kvpool_count(l.tenant, local_hits, l.live);
	kvpool_count(l.tenant, local_bytes, l.bytes);
	kvpool_count(l.tenant, leases, l.live);
	kvpool_hist_add(l.tenant, KVPOOL_HIST_LEASE_BYTES, l.bytes);
	return kvpool_blocks_finish(call, l.entries, arg->entries, &l.out, ret);
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

	tenant = call->ctx->tenant;
	for (i = 0; i < nr; i++) {
		struct kvpool_entry *e = &entries[i];

		if (stop) {
			e->status = -ECANCELED;
			continue;
		}
		if (!(i % KVPOOL_EXISTS_BATCH))
			cond_resched();
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
	ret = -ENODEV;
	if (kvpool_ctx_enter(call->ctx)) {
		arg->nr_done = kvpool_handles_release(call->ctx, entries, nr);
		kvpool_ctx_leave(call->ctx);
		ret = kvpool_entries_write(arg->entries, entries,
					   nr * sizeof(*entries));
	}
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
