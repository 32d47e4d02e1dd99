/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of the eviction order: arrays, oldest block first. LRU evicts the
 * least recently used block; SIEVE is written from the paper (Zhang et al.,
 * NSDI 2024, algorithm 1). Both skip blocks that are in use.
 */
#ifndef _HOST_MODEL_POLICY_H
#define _HOST_MODEL_POLICY_H

#include "cache/policy.h"
#include "cache/policy_lru.h"
#include "cache/policy_sieve.h"

#define MODEL_BLOCKS	96

struct model_queue {
	int ids[MODEL_BLOCKS];
	int nr;
	int hand;	/* a block, or -1: the oldest */
};

struct model_entry {
	struct kvpool_block *block;
	u8 visited;
	int held;	/* leases */
};

struct model_policy {
	struct kvpool_policy policy;
	bool sieve;
	u8 node[MODEL_BLOCKS];	/* where each block will be; may be set */
	struct model_queue queues[KVPOOL_NR_QUEUES];
	struct model_entry entries[MODEL_BLOCKS];
};

struct model_policy *model_policy_new(bool sieve);
void model_policy_delete(struct model_policy *m);

void model_insert(struct model_policy *m, int id, u8 pin, u32 length);
/* Take a block out of the queues and forget it, in use or not. */
void model_remove(struct model_policy *m, int id);
void model_repin(struct model_policy *m, int id, u8 pin);
void model_hold(struct model_policy *m, int id);
/* End a lease on each of @ids, in prefix order; -1 is passed over. */
void model_release(struct model_policy *m, const int *ids, u32 nr);
void model_switch(struct model_policy *m, bool sieve);
#define MODEL_ANY	(-1)

/*
 * The victim of one queue, on @node or MODEL_ANY, whose memory is freed, or -1.
 * Counts @budget down.
 */
int model_victim(struct model_policy *m, int queue, int node,
		 unsigned long *budget);
/* The same from any queue, in the module's order. */
int model_evict(struct model_policy *m, int node);
void model_policy_check(struct model_policy *m);

/* Run a sequence of operations that @data describes. */
void policy_ops(const u8 *data, size_t size);

#endif /* _HOST_MODEL_POLICY_H */
