/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_PUSH_H
#define _KVPOOL_FABRIC_PUSH_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct kvpool_block;
struct kvpool_tenant;
struct kvpool_wire_part;

/**
 * struct kvpool_pushes - The blocks that one host pushes
 * @begin:	held while a block is being reserved; outside of the core's
 *		locks
 * @lock:	protects @list and the progress of its pushes
 * @list:	the pushes
 * @nr:		how many
 */
struct kvpool_pushes {
	struct mutex begin;	/* new pushes, one at a time */
	spinlock_t lock;	/* the rest */
	struct list_head list;
	unsigned int nr;
};

/**
 * struct kvpool_push - A block that another host pushes
 * @entry:	in pushes->list
 * @id:		the other host's number for it
 * @tenant:	the tenant that the block belongs to, with a reference
 * @block:	the reservation
 * @users:	segments that are being read
 * @missing:	pages that have not been read
 * @dropped:	it will not be completed
 * @stamp:	jiffies of the latest progress
 * @have:	a bit for each page that has been read
 *
 * All but @tenant, @block and @id are protected by pushes->lock.
 */
struct kvpool_push {
	struct list_head entry;
	u64 id;
	struct kvpool_tenant *tenant;
	struct kvpool_block *block;
	unsigned int users;
	u32 missing;
	bool dropped;
	unsigned long stamp;
	unsigned long have[];
};

void kvpool_pushes_init(struct kvpool_pushes *pushes);
void kvpool_pushes_expire(struct kvpool_pushes *pushes);
void kvpool_pushes_exit(struct kvpool_pushes *pushes);
int kvpool_push_begin(struct kvpool_pushes *pushes,
		      struct kvpool_tenant *tenant,
		      const struct kvpool_wire_part *part,
		      struct kvpool_push **out, u32 *length);
int kvpool_push_end(struct kvpool_pushes *pushes, struct kvpool_push *push,
		    const struct kvpool_wire_part *part, int error,
		    u32 *sealed);
void kvpool_push_drop(struct kvpool_pushes *pushes, u64 id);

#endif /* _KVPOOL_FABRIC_PUSH_H */
