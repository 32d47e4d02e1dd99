/* SPDX-License-Identifier: GPL-2.0 */
/* Operations in flight. */
#ifndef _KVPOOL_XFER_H
#define _KVPOOL_XFER_H

#include <linux/ktime.h>
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
struct kvpool_issue;
struct kvpool_opdef;
struct kvpool_prefix;
struct kvpool_tenant;
struct kvpool_xfer;

/**
 * struct kvpool_sink - destination of completions
 * @post:	deliver the completion. Called in process context with no lock
 *		held
 * @end:	drop the reference to the sink: the xfer has left the operations
 *		of its file, and may be freed. Optional
 */
struct kvpool_sink {
	void (*post)(struct kvpool_xfer *xfer);
	void (*end)(void *data);
};

/**
 * struct kvpool_xfer - an operation in flight
 * @refs:	one until the operation has completed, one for its deadline, and
 *		those of tasks that use it. kvpool_xfer_get(),
 *		kvpool_xfer_put().
 * @done:	the operation has completed
 * @transfer:	task of a mover. Its key, length and peer are those of the
 *		operation, and its cancelled applies to the whole operation
 * @def:	row in the table of operations
 * @flags:	flags of the operation
 * @opcode:	opcode of the operation
 * @node:	node of the operation
 * @peer:	peer of the operation, or zero for all
 * @near:	node of the task that submitted it
 * @stuck:	the key is pending here for longer than preempt_ms, and a peer may
 *		have it
 * @waited:	it has waited for a block here
 * @patient:	no peer has had it, and the operation waits for the owner
 * @parked:	in the parked of @prefix; the prefix's lock
 * @position:	number in @prefix
 * @prefix:	operations that it continues, or NULL
 * @tenant_id:	number of @tenant, for use after completion
 * @tag:	tag of the operation
 * @tenant:	tenant of the operation; stays until it has completed
 * @block:	FETCH: destination, not sealed. PUSH: source. With a reference.
 * @id:		id in the file's operations in flight
 * @index:	index in @hold
 * @hold:	hold that will have the handle of the operation, or NULL
 * @seq:	position in the order of submission
 * @born:	jiffies at submission
 * @begun:	ktime_get_ns() at submission
 * @expires:	time at which the operation is cancelled, on the monotonic clock
 * @look:	time at which the reservation that it waits for may be stuck
 * @ctx:	context of the operation; stays until it has completed
 * @sink:	destination of the completion
 * @sink_data:	data of the sink: the ring, the results of a call, the command
 * @slot:	place for the completion, of the sink that writes results
 * @cqe:	the completion
 * @waiter:	waits for the end of a reservation
 * @awaited:	the block of that reservation, with a reference, or NULL
 * @strand:	keeps the memory of @transfer beyond completion
 * @nr_strands:	how often it was given out
 * @stranded:	the block that it keeps, with a reference if @nr_strands
 * @deadline:	does what is due at @expires and at @look
 * @rcu:	frees it after the last reader of the operations in flight
 */
struct kvpool_xfer {
	refcount_t refs;
	bool done;
	struct kvpool_transfer transfer;
	const struct kvpool_opdef *def;
	u32 flags;
	u32 opcode;
	int node;
	u32 peer;
	int near;
	bool stuck;
	bool waited;
	bool patient;
	bool parked;
	u32 position;
	struct kvpool_prefix *prefix;
	u32 tenant_id;
	u64 tag;
	struct kvpool_tenant *tenant;
	struct kvpool_block *block;
	u32 id;
	u32 index;
	struct kvpool_hold *hold;
	u64 seq;
	unsigned long born;
	u64 begun;
	ktime_t expires;
	ktime_t look;
	struct kvpool_ctx *ctx;
	const struct kvpool_sink *sink;
	void *sink_data;
	struct kvpool_completion *slot;
	struct kvpool_completion cqe;
	struct kvpool_waiter waiter;
	struct kvpool_block *awaited;
	struct kvpool_strand strand;
	atomic_t nr_strands;
	struct kvpool_block *stranded;
	struct delayed_work deadline;
	struct rcu_head rcu;
};

int kvpool_xfers_init(void);
void kvpool_xfers_exit(void);
int kvpool_xfer_issue(struct kvpool_issue *issue,
		      const struct kvpool_opdef *def, u32 i,
		      struct kvpool_hold *hold, u32 index,
		      struct kvpool_block *found);
int kvpool_xfer_wait(struct kvpool_xfer *xfer, struct kvpool_block *block);
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

/* True if the completion has been delivered. */
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
