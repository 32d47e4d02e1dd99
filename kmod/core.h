/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Types of the pure parts: index, extent allocator, eviction policies. They
 * know no file, no process and no page, and build in user space for the host
 * tests (selftests/unit), so this header includes only what the shim there
 * offers.
 */
#ifndef _KVPOOL_CORE_H
#define _KVPOOL_CORE_H

#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <linux/kvpool.h>

/* ---- extents: tier/extent.c ---- */

#define KVPOOL_PAGE_SHIFT	12
#define KVPOOL_PAGE_SIZE	BIT(KVPOOL_PAGE_SHIFT)
#define KVPOOL_CHUNK_SHIFT	21
#define KVPOOL_CHUNK_SIZE	BIT(KVPOOL_CHUNK_SHIFT)
#define KVPOOL_CHUNK_ORDER	(KVPOOL_CHUNK_SHIFT - KVPOOL_PAGE_SHIFT)
#define KVPOOL_CHUNK_PAGES	((u32)BIT(KVPOOL_CHUNK_ORDER))
#define KVPOOL_NR_BINS		(KVPOOL_CHUNK_ORDER + 1)

/* A run of pages in the arena of one tenant, counted from the arena's start. */
struct kvpool_extent {
	u32 page;
	u32 nr;
};

/**
 * struct kvpool_chunk - 2 MiB of one tenant's arena
 * @map:	a bit per page, set while the page belongs to a block
 * @bin:	entry in the extmap's bin for @run; empty while the chunk is full,
 *		isolated or being taken out of the arena
 * @index:	which 2 MiB of the arena
 * @free:	clear bits in @map
 * @run:	longest run of clear bits in @map
 * @isolated:	nothing is allocated from it: it is being emptied
 * @stuck:	jiffies when it could not be emptied, or zero
 * @node:	NUMA node of @page
 * @page:	head of the compound page; NULL in host tests
 * @rcu:	to free it after the last reader of the arena's chunks
 *
 * @map, @bin, @free, @run, @isolated and @stuck are protected by the arena's
 * lock.
 */
struct kvpool_chunk {
	DECLARE_BITMAP(map, KVPOOL_CHUNK_PAGES);
	struct list_head bin;
	u32 index;
	u16 free;
	u16 run;
	bool isolated;
	u32 stuck;
	int node;
	struct page *page;
	struct rcu_head rcu;
};

/**
 * struct kvpool_extmap - free space of one tenant on one node
 * @bins:	chunks with free pages, by the order of their longest run; the
 *		last bin holds chunks that are entirely free
 * @nonempty:	a bit per bin
 * @nr_chunks:	chunks in the map, full and isolated ones included
 * @nr_free:	free pages in those that are not isolated
 * @nr_empty:	chunks that are entirely free and not isolated
 * @nr_captive:	pages of blocks in isolated chunks
 *
 * Protected by the arena's lock; the counts are looked at without it too.
 */
struct kvpool_extmap {
	struct list_head bins[KVPOOL_NR_BINS];
	unsigned long nonempty;
	unsigned long nr_chunks;
	unsigned long nr_free;
	unsigned long nr_empty;
	unsigned long nr_captive;
};

void kvpool_extmap_init(struct kvpool_extmap *map);
void kvpool_extmap_add(struct kvpool_extmap *map, struct kvpool_chunk *chunk);
void kvpool_extmap_del(struct kvpool_extmap *map, struct kvpool_chunk *chunk);
struct kvpool_chunk *kvpool_extmap_empty(struct kvpool_extmap *map);
void kvpool_extmap_isolate(struct kvpool_extmap *map,
			   struct kvpool_chunk *chunk);
void kvpool_extmap_restore(struct kvpool_extmap *map,
			   struct kvpool_chunk *chunk);
u32 kvpool_extmap_alloc(struct kvpool_extmap *map, u32 *pages,
			struct kvpool_extent *ext, u32 max);
void kvpool_extmap_free(struct kvpool_extmap *map, struct kvpool_chunk *chunk,
			u32 first, u32 nr);

/* ---- blocks ---- */

struct kvpool_key {
	u64 w[KVPOOL_KEY_SIZE / sizeof(u64)];
};

enum kvpool_block_state {
	KVPOOL_BLOCK_RESERVED,	/* in the index, being filled by its owner */
	KVPOOL_BLOCK_SEALED,	/* in the index and immutable */
	KVPOOL_BLOCK_PREEMPTED,	/* out of the index, the owner may still write */
	KVPOOL_BLOCK_DEAD,	/* out of the index, leases may last */
};

#define KVPOOL_INLINE_EXTENTS	3

/**
 * struct kvpool_block - an immutable object under a key
 * @node:	entry in the tenant's index
 * @key:	its key
 * @lru:	entry in a queue of the tenant's policy while it is sealed and
 *		not hard-pinned, else empty; protected by the policy's lock
 * @rcu:	to free it after the last reader of the index
 * @refs:	one for the index, one for each lease and for the reservation
 * @length:	bytes
 * @nr_extents:	extents; the owner's until it is sealed, then constant
 * @state:	enum kvpool_block_state. It leaves "reserved" by cmpxchg(), and
 *		sealed blocks come and go under the policy's lock.
 * @stamp:	jiffies when it was reserved
 * @pin:	0, KVPOOL_PIN_SOFT or KVPOOL_PIN_HARD; policy's lock
 * @visited:	used again since it was queued (SIEVE); racy by intent
 * @waited:	someone wants to know when the reservation is settled
 * @moving:	compaction holds a reference, which is no use of the block
 * @ext:	the extents where there are few
 * @extv:	the extents where there are more than KVPOOL_INLINE_EXTENTS
 */
struct kvpool_block {
	struct rhash_head node;
	struct kvpool_key key;
	union {
		struct list_head lru;
		struct rcu_head rcu;
	};
	refcount_t refs;
	u32 length;
	u32 nr_extents;
	u32 state;
	u32 stamp;
	u8 pin;
	u8 visited;
	u8 waited;
	u8 moving;
	union {
		struct kvpool_extent ext[KVPOOL_INLINE_EXTENTS];
		struct kvpool_extent *extv;
	};
};

static inline u32 kvpool_pages(u64 length)
{
	return (length + KVPOOL_PAGE_SIZE - 1) >> KVPOOL_PAGE_SHIFT;
}

static inline u32 kvpool_block_pages(const struct kvpool_block *block)
{
	return kvpool_pages(block->length);
}

static inline const struct kvpool_extent *
kvpool_block_extents(const struct kvpool_block *block)
{
	return block->nr_extents > KVPOOL_INLINE_EXTENTS ? block->extv :
							   block->ext;
}

/* ---- index: cache/index.c ---- */

int kvpool_index_init(struct rhashtable *index);
struct kvpool_block *kvpool_index_find(struct rhashtable *index,
				       const struct kvpool_key *key);
struct kvpool_block *kvpool_index_insert(struct rhashtable *index,
					 struct kvpool_block *block);
void kvpool_index_remove(struct rhashtable *index, struct kvpool_block *block);
void kvpool_index_replace(struct rhashtable *index, struct kvpool_block *old,
			  struct kvpool_block *block);

/* ---- eviction policies: cache/policy*.c ---- */

struct kvpool_policy_queue {
	struct list_head list;	/* head is the youngest, tail the oldest */
	struct list_head *hand;	/* where a search goes on; NULL is the tail */
	int tag;		/* of the search that left the hand there (LRU) */
	unsigned long nr;	/* blocks */
	unsigned long pages;	/* their pages */
};

/**
 * struct kvpool_policy_want - which blocks a search for a victim accepts
 * @accepts:	whether @block will do
 * @tag:	equal for searches that accept the same blocks
 */
struct kvpool_policy_want {
	bool (*accepts)(const struct kvpool_policy_want *want,
			const struct kvpool_block *block);
	int tag;
};

/**
 * struct kvpool_policy_ops - an order of eviction
 * @name:	as the knob shows it
 * @lockless_touch: touch() needs no lock
 * @touch:	a lease on the block ended
 * @victim:	the next block to evict, skipping blocks that are in use and
 *		those that @want (if not NULL) refuses: it is frozen (its last
 *		reference taken) and still in the queue. Looks at no more than
 *		*@budget blocks and counts them off it; a budget left over with
 *		NULL returned says that there is none.
 *
 * Called under the policy's lock. Blocks enter at the head of the list. All
 * policies keep their order in the one list, so that another policy can take
 * over at any time and no block is lost.
 */
struct kvpool_policy_ops {
	const char *name;
	bool lockless_touch;
	void (*touch)(struct kvpool_policy_queue *q, struct kvpool_block *block);
	struct kvpool_block *(*victim)(struct kvpool_policy_queue *q,
				       unsigned long *budget,
				       const struct kvpool_policy_want *want);
};

enum { KVPOOL_QUEUE_NORMAL, KVPOOL_QUEUE_SOFT, KVPOOL_NR_QUEUES };

struct kvpool_policy {
	spinlock_t lock;	/* protects the rest */
	const struct kvpool_policy_ops *ops;
	struct kvpool_policy_queue queues[KVPOOL_NR_QUEUES];
};

/* A block leaves its place: the hand goes on to the next younger one. */
static inline void kvpool_policy_pass(struct kvpool_policy_queue *q,
				      const struct kvpool_block *block)
{
	if (q->hand == &block->lru)
		q->hand = block->lru.prev == &q->list ? NULL : block->lru.prev;
}

extern const struct kvpool_policy_ops kvpool_policy_lru;
extern const struct kvpool_policy_ops kvpool_policy_sieve;
extern const struct kvpool_policy_ops * const kvpool_policies[];

const struct kvpool_policy_ops *kvpool_policy_find(const char *name);
void kvpool_policy_init(struct kvpool_policy *policy,
			const struct kvpool_policy_ops *ops);
void kvpool_policy_switch(struct kvpool_policy *policy,
			  const struct kvpool_policy_ops *ops);
void kvpool_policy_insert(struct kvpool_policy *policy,
			  struct kvpool_block *block);
void kvpool_policy_remove(struct kvpool_policy *policy,
			  struct kvpool_block *block);
void kvpool_policy_replace(struct kvpool_policy *policy,
			   struct kvpool_block *old,
			   struct kvpool_block *block);
void kvpool_policy_touch(struct kvpool_policy *policy,
			 struct kvpool_block **blocks, unsigned int nr);
struct kvpool_block *kvpool_policy_victim(struct kvpool_policy *policy,
					  unsigned int queue,
					  unsigned long *budget,
					  const struct kvpool_policy_want *want);

/* Take the last reference, so that no lookup can find the block any more. */
static inline bool kvpool_block_freeze(struct kvpool_block *block)
{
	return refcount_dec_if_one(&block->refs);
}

#endif /* _KVPOOL_CORE_H */
