/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_JOB_H
#define _KVPOOL_FABRIC_JOB_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>

#include <linux/kvpool.h>

#include "fabric/lane.h"

struct kvpool_peer;
struct kvpool_request;
struct kvpool_transfer;
struct kvpool_wire_outcome;

/**
 * struct kvpool_range - What of a job is to be requested
 * @entry:	in a lane of the peer, or in peer->delayed
 * @of_job:	in job->ranges
 * @job:	the job
 * @offset:	where the range begins in the block; PROBE: its first key
 * @length:	its bytes; PROBE: its keys
 */
struct kvpool_range {
	struct list_head entry;
	struct list_head of_job;
	struct kvpool_job *job;
	u32 offset;
	u32 length;
};

/**
 * struct kvpool_job - A transfer of the core, or a DROP of our own
 * @refs:	one until it has ended, and temporary ones
 * @transfer:	the transfer, or NULL
 * @peer:	the peer that is asked, with a reference
 * @opcode:	enum kvpool_wire_opcode
 * @node:	PUSH: node of the peer to prefer, as on the wire
 * @lane:	enum kvpool_lane_id: where its ranges go; peer->lock
 * @slot:	PUSH, and the DROP after it: it counts in peer->nr_pushes;
 *		peer->lock
 * @first_used:	@first is in use
 * @status:	0, or the first error
 * @pending:	ranges and parts in requests that have not ended
 * @sent:	the peer may have seen a part of it
 * @returns:	queue pairs that failed under it since a part was done; racy
 *		by intent
 * @return_seq:	number of the latest queue pair that was drained under it, also
 *		by a fence; likewise
 * @retries:	how often it has been retried
 * @due:	jiffies when it is retried
 * @cancelled:	jiffies when it was cancelled, or zero
 * @found:	length of the peer's block
 * @generation:	FETCH: of the peer's block, zero before the first answer
 * @bytes:	moved
 * @push:	number of a PUSH
 * @tenant:	name of the tenant
 * @key:	of the block; PROBE: the first of the keys
 * @length:	bytes of the block; PROBE: number of keys
 * @depth:	PUSH, FETCH: its position in its chain, from 1, or zero
 * @parent:	PUSH with @depth: key of the block before it in its chain
 * @ranges:	what is to be requested; peer->lock
 * @waiting:	the request that waits at the peer, or NULL; peer->lock
 * @rest:	the range that @waiting has a part of: the whole block, in no
 *		list; peer->lock
 * @first:	the first range
 * @rcu:	to free it after the last reader of transfer->priv
 * @names:	what @tenant and @key point to where there is no @transfer
 */
struct kvpool_job {
	refcount_t refs;
	struct kvpool_transfer *transfer;
	struct kvpool_peer *peer;
	u8 opcode;
	u16 node;
	u8 lane;
	bool slot;
	unsigned long first_used;
	int status;
	atomic_t pending;
	bool sent;
	unsigned int returns;
	int return_seq;
	unsigned int retries;
	unsigned long due;
	unsigned long cancelled;
	u32 found;
	atomic64_t generation;
	atomic_t bytes;
	u64 push;
	const char *tenant;
	const struct kvpool_key *key;
	u32 length;
	u32 depth;
	const struct kvpool_key *parent;
	struct list_head ranges;
	struct kvpool_request *waiting;
	struct kvpool_range *rest;
	struct kvpool_range first;
	struct rcu_head rcu;
	struct {
		struct kvpool_key key;
		char tenant[KVPOOL_NAME_SIZE];
	} names[];
};

int kvpool_jobs_init(void);
void kvpool_jobs_exit(void);

struct kvpool_job *kvpool_job_new(struct kvpool_transfer *transfer,
				  struct kvpool_peer *last);
struct kvpool_job *kvpool_job_find(struct kvpool_transfer *transfer);
void kvpool_job_put(struct kvpool_job *job);
void kvpool_job_start(struct kvpool_job *job);
void kvpool_job_cancel(struct kvpool_job *job);
void kvpool_job_error(struct kvpool_job *job, int status);
void kvpool_job_less(struct kvpool_job *job);

struct kvpool_range *kvpool_range_alloc(struct kvpool_job *job);
void kvpool_range_free(struct kvpool_range *range);
void kvpool_range_unlink(struct kvpool_peer *peer, struct kvpool_range *range);
void kvpool_range_return(struct kvpool_job *job, u32 offset, u32 length);
void kvpool_range_later(struct kvpool_job *job, u32 offset, u32 length);
void kvpool_ranges_hurry(struct kvpool_peer *peer);
void kvpool_range_wait(struct kvpool_range *range,
		       struct kvpool_request *request);
void kvpool_range_pending(struct kvpool_job *job, bool early);
void kvpool_range_waited(struct kvpool_job *job, u32 length);
void kvpool_job_found(struct kvpool_job *job, u32 i,
		      const struct kvpool_wire_outcome *outcome);
void kvpool_ranges_end(struct list_head *ranges);
void kvpool_ranges_fail(struct kvpool_peer *peer, int status);
void kvpool_ranges_retry(struct kvpool_peer *peer);

#endif /* _KVPOOL_FABRIC_JOB_H */
