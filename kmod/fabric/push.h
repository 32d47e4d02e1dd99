/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_PUSH_H
#define _KVPOOL_FABRIC_PUSH_H

#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <linux/kvpool.h>

#define KVPOOL_MAX_PUSHES	256	/* of one host at a time */
#define KVPOOL_PUSH_HASH_BITS	6

struct kvpool_block;
struct kvpool_tenant;
struct kvpool_wire_part;
struct scatterlist;

/**
 * struct kvpool_pushes - The blocks that one host pushes
 * @begin:	held while a block is being reserved; outside of the core's
 *		locks
 * @lock:	protects what follows and the progress of the pushes
 * @list:	the pushes, the oldest first
 * @table:	by number
 * @seed:	of @table: the other host chooses the numbers
 * @nr:		how many
 */
struct kvpool_pushes {
	struct mutex begin;	/* new pushes, one at a time */
	spinlock_t lock;	/* the rest */
	struct list_head list;
	DECLARE_HASHTABLE(table, KVPOOL_PUSH_HASH_BITS);
	siphash_key_t seed;
	unsigned int nr;
};

/**
 * struct kvpool_push - A block that another host pushes
 * @entry:	in pushes->list
 * @node:	in pushes->table
 * @id:		the other host's number for it
 * @tenant:	the tenant that the block belongs to, with a reference
 * @block:	the reservation
 * @depth:	its position in its chain, from 1, or zero
 * @parent:	the key of the block before it, if @depth is more than 1
 * @memory:	held while memory is being found for it, or listed; the core's
 *		locks are inside
 * @extended:	bytes from its start that have memory; with @memory
 * @users:	segments that are being read
 * @missing:	pages that have not been read
 * @head:	pages from its start that have been read
 * @dropped:	it will not be completed
 * @short_since: jiffies when it got no memory last, or zero: it comes before new
 *		ones of its tenant for a while
 * @stamp:	jiffies of the latest progress
 * @have:	a bit for each page that has been read
 *
 * All but @tenant, @block, @depth, @parent, @id and @extended are protected by pushes->lock.
 */
struct kvpool_push {
	struct list_head entry;
	struct hlist_node node;
	u64 id;
	struct kvpool_tenant *tenant;
	struct kvpool_block *block;
	u32 depth;
	struct kvpool_key parent;
	struct mutex memory;	/* @extended */
	u32 extended;
	unsigned int users;
	u32 missing;
	u32 head;
	bool dropped;
	unsigned long short_since;
	unsigned long stamp;
	unsigned long have[];
};

void kvpool_pushes_init(struct kvpool_pushes *pushes);
void kvpool_pushes_expire(struct kvpool_pushes *pushes);
void kvpool_pushes_exit(struct kvpool_pushes *pushes);
int kvpool_push_begin(struct kvpool_pushes *pushes,
		      struct kvpool_tenant *tenant,
		      const struct kvpool_wire_part *part, int node,
		      struct kvpool_push **out, u32 *length);
int kvpool_push_end(struct kvpool_pushes *pushes, struct kvpool_push *push,
		    const struct kvpool_wire_part *part, int error,
		    u32 *sealed);
void kvpool_push_drop(struct kvpool_pushes *pushes, u64 id);
unsigned int kvpool_push_extents(struct kvpool_push *push);
unsigned int kvpool_push_sg(struct kvpool_push *push, u32 offset, u32 length,
			    struct scatterlist *sg, unsigned int max,
			    u32 *covered);

#endif /* _KVPOOL_FABRIC_PUSH_H */
