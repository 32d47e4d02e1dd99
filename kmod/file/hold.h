/* SPDX-License-Identifier: GPL-2.0 */
/* Holds: the handles that one call made. */
#ifndef _KVPOOL_HOLD_H
#define _KVPOOL_HOLD_H

#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct kvpool_block;
struct kvpool_ctx;

enum kvpool_hold_kind {
	KVPOOL_HOLD_RESERVATION,
	KVPOOL_HOLD_LEASE,
	KVPOOL_HOLD_KINDS,
};

/**
 * struct kvpool_hold - the handles that one call made
 * @rcu:	frees the hold after the last reader of the file's table
 * @id:		upper half of the handles; the lower half is the index in
 *		@blocks
 * @kind:	kind of the handles
 * @born:	jiffies when the hold got its latest block
 * @nr:		length of @blocks
 * @live:	handles that have not ended
 * @blocks:	blocks, with a reference to each, or NULL. The task that takes a
 *		pointer out with xchg() ends the handle.
 */
struct kvpool_hold {
	struct rcu_head rcu;
	u32 id;
	enum kvpool_hold_kind kind;
	u32 born;
	u32 nr;
	atomic_t live;
	struct kvpool_block *blocks[] __counted_by(nr);
};

struct kvpool_hold *kvpool_hold_begin(struct kvpool_ctx *ctx,
				      enum kvpool_hold_kind kind, u32 nr);
void kvpool_hold_commit(struct kvpool_ctx *ctx, struct kvpool_hold *hold,
			u32 live);
void kvpool_hold_undo(struct kvpool_ctx *ctx, struct kvpool_hold *hold);
struct kvpool_block *kvpool_hold_take(struct kvpool_ctx *ctx, u64 handle,
				      enum kvpool_hold_kind kind,
				      struct kvpool_hold **hold);
void kvpool_hold_restore(struct kvpool_hold *hold, u64 handle,
			 struct kvpool_block *block);
void kvpool_hold_end(struct kvpool_ctx *ctx, struct kvpool_hold *hold, u32 nr);
struct kvpool_block *kvpool_hold_peek(struct kvpool_ctx *ctx, u64 handle);
bool kvpool_holds_overdue(struct kvpool_ctx *ctx, u32 age, unsigned long *id,
			  unsigned int *budget);
void kvpool_holds_exit(struct kvpool_ctx *ctx);

static inline u64 kvpool_handle(const struct kvpool_hold *hold, u32 index)
{
	return (u64)hold->id << 32 | index;
}

/* Make a handle of a committed hold usable; consumes a reference to @block. */
static inline void kvpool_hold_publish(struct kvpool_hold *hold, u32 index,
				       struct kvpool_block *block)
{
	WRITE_ONCE(hold->born, (u32)jiffies);
	/* From here on a user of the file can end the handle. */
	smp_store_release(&hold->blocks[index], block);
}

#endif /* _KVPOOL_HOLD_H */
