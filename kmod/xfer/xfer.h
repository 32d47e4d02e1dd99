/* SPDX-License-Identifier: GPL-2.0 */
/* Operations in flight: what did not complete at once. */
#ifndef _KVPOOL_XFER_H
#define _KVPOOL_XFER_H

#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include <linux/kvpool.h>

#include "cache/waiters.h"
#include "xfer/mover.h"

struct kvpool_block;
struct kvpool_ctx;
struct kvpool_hold;
struct kvpool_opdef;
struct kvpool_tenant;
struct kvpool_xfer;

/**
 * struct kvpool_sink - Where completions go to
 * @post:	hand the completion over; process context
 * @end:	the xfer has left its file's operations: drop what it holds of the
 *		sink. The xfer may be freed. Optional
 */
struct kvpool_sink {
	void (*post)(struct kvpool_xfer *xfer);
	void (*end)(void *data);
};

/**
 * struct kvpool_xfer - an operation that did not complete at once
 * @refs:	one until it has completed, one for its deadline, and those of
 *		tasks that look at it. kvpool_xfer_get(), kvpool_xfer_put().
 * @transfer:	what a mover does for it. Its cancelled is the operation's, and
 *		its key, length and peer are those of the operation
 * @done:	it has completed
 * @def:	its row in the table of operations
 * @flags:	of the operation
 * @opcode:	of the operation
 * @node:	of the operation
 * @tag:	of the operation
 * @tenant:	its tenant; stays until it has completed
 * @tenant_id:	number of @tenant, which may be gone when it has completed
 * @block:	FETCH: destination, not sealed. PUSH: source. With a reference.
 * @id:		in the file's operations in flight
 * @seq:	its place in the order of submission
 * @born:	jiffies at submission
 * @expires:	when @deadline is due, on the monotonic clock
 * @ctx:	its context; stays until it has completed
 * @hold:	where its handle will be, or NULL
 * @index:	index in @hold
 * @sink:	where the completion goes to
 * @sink_data:	the sink's: the ring, the results of a call, the command
 * @slot:	of the sink that writes results of a call
 * @cqe:	the completion
 * @waiter:	waits for the end of a reservation
 * @entry:	in the list of operations that are about to go to movers
 * @work:	goes on after waiting
 * @deadline:	cancels it
 * @rcu:	frees it after the last reader of the operations in flight
 */
struct kvpool_xfer {
	refcount_t refs;
	struct kvpool_transfer transfer;
	bool done;
	const struct kvpool_opdef *def;
	u32 flags;
	u32 opcode;
	int node;
	u64 tag;
	struct kvpool_tenant *tenant;
	u32 tenant_id;
	struct kvpool_block *block;
	u32 id;
	u64 seq;
	unsigned long born;
	ktime_t expires;
	struct kvpool_ctx *ctx;
	struct kvpool_hold *hold;
	u32 index;
	const struct kvpool_sink *sink;
	void *sink_data;
	struct kvpool_completion *slot;
	struct kvpool_completion cqe;
	struct kvpool_waiter waiter;
	struct list_head entry;
	struct work_struct work;
	struct delayed_work deadline;
	struct rcu_head rcu;
};

int kvpool_xfers_init(void);
void kvpool_xfers_exit(void);
struct kvpool_xfer *kvpool_xfer_new(struct kvpool_ctx *ctx,
				    const struct kvpool_opdef *def,
				    const struct kvpool_op *op,
				    struct kvpool_hold *hold, u32 index,
				    u64 timeout_ns);
void kvpool_xfer_start(struct kvpool_xfer *xfer, struct list_head *remote);
void kvpool_xfers_submit(struct list_head *remote);
void kvpool_xfer_cancel(struct kvpool_xfer *xfer, int why);
void kvpool_xfer_free(struct kvpool_xfer *xfer);

static inline void kvpool_xfer_get(struct kvpool_xfer *xfer)
{
	refcount_inc(&xfer->refs);
}

static inline void kvpool_xfer_put(struct kvpool_xfer *xfer)
{
	if (refcount_dec_and_test(&xfer->refs))
		kvpool_xfer_free(xfer);
}

/* Its completion is where it has to be. */
static inline bool kvpool_xfer_is_done(const struct kvpool_xfer *xfer)
{
	/* Pairs with the release of kvpool_xfer_finish(). */
	return smp_load_acquire(&xfer->done);
}

/* The moment @ns nanoseconds from now; KTIME_MAX is never. */
static inline ktime_t kvpool_time_after(u64 ns)
{
	return ktime_add_safe(ktime_get(), min_t(u64, ns, KTIME_MAX));
}

#endif /* _KVPOOL_XFER_H */
