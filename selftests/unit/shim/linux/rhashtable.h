/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A hash table with the interface and the promises of the kernel's, and none of
 * its speed: a fixed number of chains, which readers follow under RCU only.
 */
#ifndef _SHIM_RHASHTABLE_H
#define _SHIM_RHASHTABLE_H

#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct rhash_head {
	struct rhash_head *next;
};

struct rhashtable;

struct rhashtable_compare_arg {
	struct rhashtable *ht;
	const void *key;
};

typedef u32 (*rht_hashfn_t)(const void *data, u32 len, u32 seed);
typedef u32 (*rht_obj_hashfn_t)(const void *data, u32 len, u32 seed);
typedef int (*rht_obj_cmpfn_t)(struct rhashtable_compare_arg *arg,
			       const void *obj);

struct rhashtable_params {
	u16 nelem_hint;
	u16 key_len;
	u16 key_offset;
	u16 head_offset;
	unsigned int max_size;
	u16 min_size;
	bool automatic_shrinking;
	rht_hashfn_t hashfn;
	rht_obj_hashfn_t obj_hashfn;
	rht_obj_cmpfn_t obj_cmpfn;
};

struct shim_bucket {
	spinlock_t lock;
	struct rhash_head *first;
};

#define SHIM_RHT_BUCKETS	512

struct rhashtable {
	struct shim_bucket *buckets;
	struct rhashtable_params p;
	atomic_t nelems;
	u32 seed;
	/* For tests: chains in use, and the error of the next insertion. */
	u32 nr_buckets;
	int fail;
};

int rhashtable_init(struct rhashtable *ht,
		    const struct rhashtable_params *params);
void rhashtable_destroy(struct rhashtable *ht);
void rhashtable_free_and_destroy(struct rhashtable *ht,
				 void (*free_fn)(void *ptr, void *arg),
				 void *arg);

void *shim_rht_lookup(struct rhashtable *ht, const void *key);
void *shim_rht_insert(struct rhashtable *ht, struct rhash_head *head);
int shim_rht_replace(struct rhashtable *ht, struct rhash_head *old,
		     struct rhash_head *head);

/* The kernel inlines by these parameters, which must be those of init. */
static inline void shim_rht_check(const struct rhashtable *ht,
				  const struct rhashtable_params *p)
{
	BUG_ON(ht->p.key_len != p->key_len ||
	       ht->p.key_offset != p->key_offset ||
	       ht->p.head_offset != p->head_offset ||
	       ht->p.hashfn != p->hashfn || ht->p.obj_cmpfn != p->obj_cmpfn);
}

static inline void *rhashtable_lookup(struct rhashtable *ht, const void *key,
				      const struct rhashtable_params p)
{
	shim_rht_check(ht, &p);
	BUG_ON(!rcu_read_lock_held());
	return shim_rht_lookup(ht, key);
}

static inline void *
rhashtable_lookup_get_insert_fast(struct rhashtable *ht,
				  struct rhash_head *head,
				  const struct rhashtable_params p)
{
	shim_rht_check(ht, &p);
	/* Else the block that is returned might be gone. */
	BUG_ON(!rcu_read_lock_held());
	return shim_rht_insert(ht, head);
}

static inline int rhashtable_remove_fast(struct rhashtable *ht,
					 struct rhash_head *head,
					 const struct rhashtable_params p)
{
	shim_rht_check(ht, &p);
	return shim_rht_replace(ht, head, NULL);
}

static inline int rhashtable_replace_fast(struct rhashtable *ht,
					  struct rhash_head *old,
					  struct rhash_head *head,
					  const struct rhashtable_params p)
{
	shim_rht_check(ht, &p);
	return shim_rht_replace(ht, old, head);
}

#endif /* _SHIM_RHASHTABLE_H */
