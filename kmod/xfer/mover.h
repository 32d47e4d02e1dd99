/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Movers: transports of the bytes of a block from place to place.
 *
 * A mover sees transfers, their memory as scatterlists, and
 * kvpool_transfer_done(). A module that moves blocks between hosts includes
 * this header and xfer/export.h, and no other header of the core.
 */
#ifndef _KVPOOL_MOVER_H
#define _KVPOOL_MOVER_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/list.h>
#include <linux/types.h>

#include <linux/kvpool.h>

struct kvpool_arena;
struct kvpool_place;
struct kvpool_search;
struct kvpool_strand;
struct kvpool_transfer;
struct kvpool_transfer_ops;
struct scatterlist;

#define KVPOOL_PEERS_MAX	1024	/* of all movers together */

/* Most keys of one ASK. */
#define KVPOOL_ASK_KEYS		126

/* Peers at which a fetch may fail before the operation does. */
#define KVPOOL_FAILED_MAX	8

/**
 * enum kvpool_transfer_kind - task of a mover
 * @KVPOOL_TRANSFER_ASK:	ask a peer which of some keys it has
 * @KVPOOL_TRANSFER_FETCH:	read a block of a peer
 * @KVPOOL_TRANSFER_PUSH:	write a block to a peer
 */
enum kvpool_transfer_kind {
	KVPOOL_TRANSFER_ASK,
	KVPOOL_TRANSFER_FETCH,
	KVPOOL_TRANSFER_PUSH,
};

/**
 * struct kvpool_answer - what a peer says of a key
 * @status:	0 for a sealed block; -EINPROGRESS for a pending one; -ENOENT;
 *		-EACCES if this host has no right to know
 * @length:	bytes of a sealed block
 */
struct kvpool_answer {
	int status;
	u32 length;
};

/**
 * struct kvpool_transfer - the task of a mover
 * @kind:	the task
 * @peer:	number of the peer, never zero
 * @length:	FETCH, PUSH: bytes of the block; constant
 * @node:	PUSH: NUMA node that the peer is to prefer, or KVPOOL_NODE_ANY
 * @waits:	FETCH: if the peer has the key pending, wait there until it is
 *		sealed, or is not pending any more, as long as the transfer is
 *		not cancelled
 * @depth:	FETCH, PUSH: the position of the block in its chain, from 1; or
 *		zero if no chain is known
 * @parent:	the key of the block before it in its chain, if @depth is more
 *		than 1
 * @found:	out, for a FETCH that ends with -EMSGSIZE: bytes of the peer's
 *		block
 * @found_depth: out, for a FETCH with @depth zero that succeeds: the position of
 *		the peer's block in its chain, from 1; or zero
 * @found_parent: out, with @found_depth more than 1: the key of the block before
 *		it
 * @tenant:	name of the tenant; stays until kvpool_transfer_done()
 * @key:	FETCH, PUSH: the key
 * @keys:	ASK: the keys; they stay until kvpool_transfer_done()
 * @nr:		ASK: number of keys, 1 to KVPOOL_ASK_KEYS
 * @answers:	ASK: out: an answer for each of @keys, if the ASK succeeds
 * @list:	belongs to the mover from submit() to kvpool_transfer_done()
 * @priv:	belongs to the mover from submit() to kvpool_transfer_done();
 *		NULL at submit()
 *
 * The following members belong to the core.
 *
 * @arena:	FETCH, PUSH: the memory that @place lies in
 * @place:	FETCH: the destination. PUSH: the source. Constant until
 *		kvpool_transfer_done(). NULL while a FETCH has no memory: then
 *		peers are asked for the key first
 * @mover:	the mover that the transfer was submitted to, or NULL
 * @route:	KVPOOL_ROUTE_* of the mover that has reached @peer, or 0
 * @search:	the search for peers that the transfer is in, or NULL
 * @slot:	its place there
 * @nr_failed:	length of @failed
 * @failed:	peers at which a fetch failed, which are not asked again
 * @state:	enum kvpool_transfer_state
 * @cancelled:	0, or the negative errno that the operation is to end with
 * @flags:	KVPOOL_TRANSFER_*
 * @stranded:	kvpool_transfer_strand() has kept its memory
 * @delay:	milliseconds that it has waited for a worker last
 * @due:	jiffies when a worker goes on with it
 * @status:	how the mover ended it
 * @bytes:	bytes that the mover moved
 * @entry:	in lists of the core
 * @ops:	functions of the operation
 */
struct kvpool_transfer {
	enum kvpool_transfer_kind kind;
	u32 peer;
	u32 length;
	u32 depth;
	u32 found;
	u32 found_depth;
	u32 nr;
	int node;
	bool waits;
	const char *tenant;
	struct kvpool_key key;
	struct kvpool_key parent;
	struct kvpool_key found_parent;
	const struct kvpool_key *keys;
	struct kvpool_answer *answers;
	struct list_head list;
	void *priv;

	struct kvpool_arena *arena;
	const struct kvpool_place *place;
	struct kvpool_mover *mover;
	u32 route;
	struct kvpool_search *search;
	u32 slot;
	u32 nr_failed;
	u32 failed[KVPOOL_FAILED_MAX];
	int state;
	int cancelled;
	unsigned int flags;
	bool stranded;
	unsigned int delay;
	unsigned long due;
	int status;
	u64 bytes;
	struct list_head entry;
	const struct kvpool_transfer_ops *ops;
};

#define KVPOOL_TRANSFER_ANY	BIT(0)	/* all peers may be asked */
#define KVPOOL_TRANSFER_MAY_WAIT BIT(1)	/* it may wait for a pending key */
#define KVPOOL_TRANSFER_QUEUED	BIT(2)	/* waits for a worker of placement */
#define KVPOOL_TRANSFER_SEARCH	BIT(3)	/* the worker asks peers for it first */

/**
 * struct kvpool_transfer_ops - functions of the operation of a transfer
 * @get:	take a reference, so that the memory of the transfer stays
 * @put:	drop a reference of @get
 * @found:	Peers have the keys of the transfers in the list, by their entry,
 *		which are of one tenant and which the caller runs: give the
 *		memory to each that is to be fetched, and pass it to
 *		kvpool_placement_fetch(). A peer of one that @waits only has its
 *		key pending. Called as @done
 * @again:	The time of kvpool_placement_delay() is over: the caller runs the
 *		transfer, which is looked for once more. Called as @done
 * @done:	no mover has the transfer any more, and no device accesses its
 *		memory, unless that was stranded. Called in process context with
 *		no lock held
 * @strand:	FETCH, PUSH: keep the memory; see kvpool_transfer_strand(). May be
 *		called several times, by several tasks concurrently
 */
struct kvpool_transfer_ops {
	void (*get)(struct kvpool_transfer *transfer);
	void (*put)(struct kvpool_transfer *transfer);
	void (*found)(struct list_head *transfers);
	void (*again)(struct kvpool_transfer *transfer);
	void (*done)(struct kvpool_transfer *transfer, int status);
	struct kvpool_strand *(*strand)(struct kvpool_transfer *transfer);
};

/**
 * struct kvpool_strand - memory of a transfer that a device may still access
 * @put:	free it
 */
struct kvpool_strand {
	void (*put)(struct kvpool_strand *strand);
};

/**
 * struct kvpool_mover - a transport of blocks
 * @name:	name that messages show
 * @route:	KVPOOL_ROUTE_* that completions report
 * @submit:	Take every transfer of the list. Each ends exactly once with
 *		kvpool_transfer_done(), possibly before submit() returns.
 *		Called in process context; may sleep for memory, never for a
 *		peer.
 * @node:	Tell the NUMA node nearest to the device that would bring a block
 *		of the peer, or NUMA_NO_NODE. Must not sleep. Optional
 * @ready:	Tell whether the peer could be sent something now. Must not
 *		sleep. Optional: it is
 * @cancel:	End a transfer as soon as a fence allows: after
 *		kvpool_transfer_done() no device accesses its memory. Called in
 *		process context; must not wait for a peer. Called after submit()
 *		has returned, possibly more than once, by several tasks
 *		concurrently, and also during or after kvpool_transfer_done(),
 *		when it has no effect. The memory of the transfer stays during
 *		the call.
 *
 * The following member belongs to the core.
 *
 * @nr_transfers: transfers that were submitted to the mover and have not ended
 */
struct kvpool_mover {
	const char *name;
	u32 route;
	void (*submit)(struct list_head *transfers);
	int (*node)(u32 peer);
	bool (*ready)(u32 peer);
	void (*cancel)(struct kvpool_transfer *transfer);

	atomic_t nr_transfers;
};

void kvpool_mover_register(struct kvpool_mover *mover);
void kvpool_mover_unregister(struct kvpool_mover *mover);

int kvpool_mover_peer_add(struct kvpool_mover *mover, const char *name,
			  u32 *id);
void kvpool_mover_peer_del(struct kvpool_mover *mover, u32 id);

unsigned int kvpool_transfer_sg(const struct kvpool_transfer *transfer,
				u32 offset, u32 length, struct scatterlist *sg,
				unsigned int max, u32 *covered);
void kvpool_transfer_done(struct kvpool_transfer *transfer, int status,
			  u64 bytes);
struct kvpool_strand *kvpool_transfer_strand(struct kvpool_transfer *transfer);
void kvpool_strand_put(struct kvpool_strand *strand);

/* ---- for the rest of xfer/ ---- */

/**
 * enum kvpool_transfer_state - owner of a transfer
 * @KVPOOL_TRANSFER_CORE:	no mover has it
 * @KVPOOL_TRANSFER_GIVEN:	a mover has it, and its submit() has not returned
 * @KVPOOL_TRANSFER_FAILED:	it failed before the mover's submit() returned
 * @KVPOOL_TRANSFER_CANCELLABLE: a mover has it
 */
enum kvpool_transfer_state {
	KVPOOL_TRANSFER_CORE,
	KVPOOL_TRANSFER_GIVEN,
	KVPOOL_TRANSFER_FAILED,
	KVPOOL_TRANSFER_CANCELLABLE,
};

bool kvpool_movers_loaded(void);
void kvpool_movers_exit(void);
void kvpool_movers_submit(struct list_head *transfers);
void kvpool_movers_set_done(void (*done)(struct kvpool_transfer *transfer,
					 int status));
void kvpool_mover_cancel(struct kvpool_transfer *transfer);
int kvpool_mover_peer_find(const char *name, u32 *id);
int kvpool_mover_peer_name(u32 id, char *name);
u32 kvpool_mover_peer_next(u32 id);
u32 kvpool_mover_peer_only(void);
int kvpool_mover_node(u32 id);
bool kvpool_mover_ready(u32 id);

#endif /* _KVPOOL_MOVER_H */
