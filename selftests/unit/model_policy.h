/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of the eviction order: arrays, oldest block first. LRU evicts the
 * least recently used block; SIEVE is written from the paper (Zhang et al.,
 * NSDI 2024, algorithm 1). Both skip blocks that are in use, and set aside those
 * that another block names as its parent.
 */
#ifndef _HOST_MODEL_POLICY_H
#define _HOST_MODEL_POLICY_H

#include "cache/chain.h"
#include "cache/policy.h"
#include "cache/policy_lru.h"
#include "cache/policy_sieve.h"

#define MODEL_BLOCKS	96
#define MODEL_NODES	2

struct model_queue {
	int ids[MODEL_BLOCKS];
	int nr;
	int hand;	/* a block, or -1: the oldest */
};

#define MODEL_NONE	(-1)	/* no parent */
#define MODEL_GONE	(-2)	/* a parent that has ended */

struct model_entry {
	struct kvpool_block *block;
	u8 visited;
	int held;	/* leases */
	u32 stamp;
	bool queued;
	bool parked;
	int parent;
	u32 depth;
	bool orphan;	/* as the queues know it */
	bool lost;	/* it named a parent that was not there */
};

struct model_policy {
	struct kvpool_policy policy;
	struct kvpool_policy_node nodes[MODEL_NODES];
	bool sieve;
	unsigned int turn;
	u8 node[MODEL_BLOCKS];	/* where each block will be; may be set */
	struct model_queue queues[MODEL_NODES][KVPOOL_NR_QUEUES];
	struct model_entry entries[MODEL_BLOCKS];
};

struct model_policy *model_policy_new(bool sieve);
void model_policy_delete(struct model_policy *m);

void model_insert(struct model_policy *m, int id, u8 pin, u32 length);
/* The same, behind @parent or MODEL_NONE, at @position. */
void model_insert_chain(struct model_policy *m, int id, u8 pin, u32 length,
			int parent, u32 position);
/* Say of a block that is there that it continues @parent. */
void model_link(struct model_policy *m, int id, int parent, u32 position);
/* Take a block out of the queues and forget it, in use or not. */
void model_remove(struct model_policy *m, int id);
void model_repin(struct model_policy *m, int id, u8 pin);
void model_renode(struct model_policy *m, int id, int node);
void model_hold(struct model_policy *m, int id);
/* End a lease on each of @ids, in prefix order; -1 is passed over. */
void model_release(struct model_policy *m, const int *ids, u32 nr);
void model_switch(struct model_policy *m, bool sieve);
int model_children(const struct model_policy *m, int id);
bool model_orphan(const struct model_policy *m, int id);
/* Do a slice of a sweep; true if there is more to do. */
bool model_sweep(struct model_policy *m, unsigned int budget);
/* Do all of it, and check what comes out. */
void model_sweep_all(struct model_policy *m);
#define MODEL_ANY	KVPOOL_POLICY_ANY

/*
 * The victim of one kind of queue, on @node or MODEL_ANY, whose memory is freed,
 * or -1. Counts @budget down.
 */
int model_victim(struct model_policy *m, int kind, int node,
		 unsigned long *budget);
/* The same from any queue, in the module's order. */
int model_evict(struct model_policy *m, int node);
void model_policy_check(struct model_policy *m);

/* Run a sequence of operations that @data describes. */
void policy_ops(const u8 *data, size_t size);

#endif /* _HOST_MODEL_POLICY_H */
