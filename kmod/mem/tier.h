/* SPDX-License-Identifier: GPL-2.0 */
/* Tiers: classes of memory, one for each NUMA node that has memory. */
#ifndef _KVPOOL_TIER_H
#define _KVPOOL_TIER_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/kobject.h>
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/types.h>

struct attribute_group;
struct kvpool_tier;
struct page;

/* Effort of an allocation. */
#define KVPOOL_GROW_HARD	BIT(0)	/* even if that has failed just now */
/* Flag of kvpool_arena_grow(). */
#define KVPOOL_GROW_GUARANTEED	BIT(1)	/* the chunk never leaves the arena */

/**
 * struct kvpool_tier_ops - a class of memory
 * @name:	stem of the tier's name; the node's number follows
 * @alloc:	return a zeroed compound page of KVPOOL_CHUNK_ORDER or NULL;
 *		with KVPOOL_GROW_HARD memory is reclaimed from other users, but
 *		never from the pool; may sleep
 * @free:	drop the module's reference to the page; the kernel frees the
 *		page when it has no other reference
 */
struct kvpool_tier_ops {
	const char *name;
	struct page *(*alloc)(struct kvpool_tier *tier, unsigned int flags);
	void (*free)(struct kvpool_tier *tier, struct page *page);
};

/**
 * struct kvpool_tier - memory of one NUMA node
 * @kobj:	directory in sysfs; its reference count is that of the tier
 * @ops:	the class of memory
 * @node:	NUMA node
 * @limit:	most chunks that the tier may hold
 * @nr_chunks:	chunks that the tier holds
 * @poisoned:	pages whose memory has failed, in chunks and in memory that was
 *		chunks
 * @fallback:	all nodes with a tier, the nearest first
 * @hard_at:	jiffies before which no task tries hard to get memory
 * @hard_pause:	jiffies from one hard attempt that failed to the next
 */
struct kvpool_tier {
	struct kobject kobj;
	const struct kvpool_tier_ops *ops;
	int node;
	unsigned long limit;
	atomic_long_t nr_chunks;
	atomic_long_t poisoned;
	int *fallback;
	unsigned long hard_at;
	unsigned int hard_pause;
};

int kvpool_tiers_init(void);
int kvpool_tiers_register(struct kobject *parent,
			  const struct attribute_group **groups);
void kvpool_tiers_exit(void);
struct page *kvpool_tier_alloc(struct kvpool_tier *tier, unsigned int flags);
void kvpool_tier_press(struct kvpool_tier *tier);
void kvpool_tier_free(struct kvpool_tier *tier, struct page *page);
bool kvpool_tier_movable(const struct kvpool_tier *tier);
unsigned long kvpool_tiers_limit(void);

/* By node; changes at load and unload only. */
extern struct kvpool_tier **kvpool_tiers;

/**
 * kvpool_tier_find() - Find the tier of a node
 * @node: any number
 *
 * Return: the tier, which lasts as long as the module, or NULL.
 */
static inline struct kvpool_tier *kvpool_tier_find(int node)
{
	if (node < 0 || node >= nr_node_ids)
		return NULL;
	return kvpool_tiers[node];
}

/* All nodes that have a tier, the nearest to @tier's first. */
#define kvpool_for_each_fallback(tier, i, other)			\
	for ((i) = 0; (i) < nr_node_ids &&				\
	     ((other) = kvpool_tier_find((tier)->fallback[i])); (i)++)

#endif /* _KVPOOL_TIER_H */
