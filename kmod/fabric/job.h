/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_JOB_H
#define _KVPOOL_FABRIC_JOB_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>

#include <linux/kvpool.h>

struct kvpool_peer;
struct kvpool_transfer;

/**
 * struct kvpool_range - Bytes of a job that are to be requested
 * @entry:	in peer->pending or peer->delayed
 * @of_job:	in job->ranges
 * @job:	the job
 * @offset:	where the range begins in the block
 * @length:	its bytes
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
 * @status:	0, or the first error
 * @pending:	ranges and parts in requests that have not ended, and one for
 *		the task that starts it
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
 * @key:	of the block
 * @block_length: its bytes
 * @depth:	PUSH: its position in its chain, from 1, or zero
 * @parent:	PUSH with @depth: key of the block before it in its chain
 * @ranges:	what is to be requested; peer->lock
 * @first:	the first range
 * @rcu:	to free it after the last reader of transfer->priv
 * @names:	what @tenant and @key point to where there is no @transfer
 */
struct kvpool_job {
	refcount_t refs;
	struct kvpool_transfer *transfer;
	struct kvpool_peer *peer;
	u8 opcode;
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
	u32 block_length;
	u32 depth;
	const struct kvpool_key *parent;
	struct list_head ranges;
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
void kvpool_ranges_end(struct list_head *ranges);
void kvpool_ranges_fail(struct kvpool_peer *peer, int status);
void kvpool_ranges_retry(struct kvpool_peer *peer);

#endif /* _KVPOOL_FABRIC_JOB_H */
