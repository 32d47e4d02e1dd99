/* SPDX-License-Identifier: GPL-2.0 */
/* The table of operations, and what a row of it is made of. */
#ifndef _KVPOOL_OPDEF_H
#define _KVPOOL_OPDEF_H

#include <linux/bits.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/types.h>

#include <linux/kvpool.h>

#include "cache/reserve.h"
#include "file/ctx.h"
#include "file/hold.h"
#include "file/ring.h"

struct kvpool_block;
struct kvpool_issue;
struct kvpool_prefix;
struct kvpool_xfer;

/* Members of struct kvpool_op that an operation uses; others must be zero. */
#define KVPOOL_USES_KEY		BIT(0)
#define KVPOOL_USES_LENGTH	BIT(1)	/* and a node of this host */
#define KVPOOL_USES_HANDLE	BIT(2)
#define KVPOOL_USES_PEER	BIT(3)	/* must not be zero; and a node there */

/* Results of kvpool_issue_fn and prepare() besides a status. */
#define KVPOOL_OP_LATER		1	/* kvpool_issue_fn: needs an xfer */
#define KVPOOL_OP_WAITS		1	/* prepare(): in a queue of waiters */
#define KVPOOL_OP_TRANSFERS	2	/* prepare(): needs a mover */

/* For prepare(): issue() has looked for the block, and there is none. */
#define KVPOOL_OP_MISSED	((struct kvpool_block *)ERR_PTR(-ENOENT))

/**
 * struct kvpool_opdef - a row of the table of operations
 * @name:	name that debugfs shows
 * @flags:	KVPOOL_OP_* flags that are allowed
 * @remote_flags: those of them that need KVPOOL_OP_REMOTE
 * @uses:	KVPOOL_USES_*
 * @fetch_uses:	KVPOOL_USES_* that KVPOOL_OP_REMOTE adds
 * @mode:	KVPOOL_MODE_* that the file needs
 * @asks_peer:	the operation asks a peer also without KVPOOL_OP_REMOTE, so it
 *		has a default deadline
 * @makes_space: the operation may have to make space, which takes long, so
 *		io_uring issues it from a worker. With KVPOOL_OP_REMOTE that
 *		also holds if @space is not NULL
 * @makes:	the operation makes a handle of kind @kind
 * @kind:	kind of that handle
 * @check:	further checks; returns 0 or -EINVAL. Optional
 * @issue:	Do @nr operations of this kind, the first of which is number
 *		@first of the call: complete each with kvpool_issue_complete(),
 *		or let kvpool_issue_each() of issue_each.h do all that. If
 *		@makes, the hold of @kind has a place for the handle of each
 * @prepare:	Continue an operation in flight. @found is the pending block that
 *		issue() found, with a reference for prepare(), or
 *		KVPOOL_OP_MISSED, or NULL if the caller has not looked. Returns
 *		the status, KVPOOL_OP_WAITS, KVPOOL_OP_TRANSFERS, or -EAGAIN for
 *		a retry, which passes NULL
 * @claim:	Make the block that a transfer fills, of memory that is free.
 *		Returns 0; -ENOSPC if there is none, and nothing is done; -EAGAIN
 *		to call @prepare again; or the status. With FETCH only
 * @begin:	Make the block that a transfer fills, without memory. Returns 0,
 *		-EAGAIN as @claim does, or the status. With FETCH only
 * @space:	Find the memory of a block of @begin; the operations after it
 *		need @ahead pages. Returns 0 or the status. With FETCH only
 * @complete:	Fill in the completion of a transfer that succeeded. Optional
 * @undo:	Release the block of a transfer that failed or was not begun.
 *		Optional
 *
 * A new operation is a file xfer/op_NAME.c that defines kvpool_opdef_NAME, and a
 * row in KVPOOL_OPS() below.
 */
struct kvpool_opdef {
	const char *name;
	u32 flags;
	u32 remote_flags;
	u32 uses;
	u32 fetch_uses;
	u32 mode;
	bool asks_peer;
	bool makes_space;
	bool makes;
	enum kvpool_hold_kind kind;
	int (*check)(const struct kvpool_op *op);
	void (*issue)(struct kvpool_issue *issue, u32 first, u32 nr);
	int (*prepare)(struct kvpool_xfer *xfer, struct kvpool_block *found);
	int (*claim)(struct kvpool_xfer *xfer);
	int (*begin)(struct kvpool_xfer *xfer);
	int (*space)(struct kvpool_xfer *xfer, u32 ahead,
		     struct kvpool_shortage *shortage);
	void (*complete)(struct kvpool_xfer *xfer);
	void (*undo)(struct kvpool_xfer *xfer);
};

/**
 * struct kvpool_issue - Operations that one call begins
 * @ctx:	their context
 * @ops:	checked copies; scratch of the operations that are done
 * @nr:		how many
 * @holds:	by kind: where their handles will be, or an ERR_PTR, or NULL
 * @next:	by kind: the first index in @holds that is not used yet
 * @failed:	by kind: places in @holds that get no handle
 * @remote:	operations to submit to movers, by kvpool_xfer.transfer.entry
 * @prefix:	the prefix of the operations that are issued now, or NULL
 * @prefix_first: the number of its first operation
 * @ring:	the ring that takes the completions, with room for them; or NULL
 * @cqes:	without @ring: the completions, in the order of @ops
 * @now:	operations that have completed
 * @attach:	set the sink of operation @i, which is in flight
 * @timeout:	return nanoseconds until the deadline of an operation, or 0 for
 *		none
 */
struct kvpool_issue {
	struct kvpool_ctx *ctx;
	struct kvpool_op *ops;
	u32 nr;
	struct kvpool_hold *holds[KVPOOL_HOLD_KINDS];
	u32 next[KVPOOL_HOLD_KINDS];
	u32 failed[KVPOOL_HOLD_KINDS];
	struct list_head remote;
	struct kvpool_prefix *prefix;
	u32 prefix_first;
	struct kvpool_ring *ring;
	struct kvpool_completion *cqes;
	u32 now;
	void (*attach)(struct kvpool_issue *issue, u32 i,
		       struct kvpool_xfer *xfer);
	u64 (*timeout)(const struct kvpool_op *op);
};

/* The table: a row for each operation, its opcode and the name of its file. */
#define KVPOOL_OPS(X)			\
	X(KVPOOL_OP_NOP, nop)		\
	X(KVPOOL_OP_PROBE, probe)	\
	X(KVPOOL_OP_LEASE, lease)	\
	X(KVPOOL_OP_RELEASE, release)	\
	X(KVPOOL_OP_PUSH, push)		\
	X(KVPOOL_OP_RESERVE, reserve)	\
	X(KVPOOL_OP_SEAL, seal)

#define X(opcode, name) extern const struct kvpool_opdef kvpool_opdef_##name;
KVPOOL_OPS(X)
#undef X

/* Deliver the completion of operation @i; process context. */
static inline void kvpool_issue_complete(struct kvpool_issue *issue, u32 i,
					 const struct kvpool_completion *cqe)
{
	issue->now++;
	if (issue->ring)
		kvpool_ring_post(issue->ring, cqe);
	else
		issue->cqes[i] = *cqe;
}

/* May this operation ask a peer? */
static inline bool kvpool_op_asks_peer(const struct kvpool_opdef *def,
				       const struct kvpool_op *op)
{
	return def->asks_peer || op->flags & KVPOOL_OP_REMOTE;
}

/* True if the operation may have to make space, which takes long. */
static inline bool kvpool_op_makes_space(const struct kvpool_opdef *def,
					 const struct kvpool_op *op)
{
	return def->makes_space ||
	       (def->space && op->flags & KVPOOL_OP_REMOTE);
}

#endif /* _KVPOOL_OPDEF_H */
