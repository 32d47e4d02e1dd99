// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs: what a peer has to do for one transfer of the core.
 *
 * The bytes of a job wait as ranges in the peer's queue, are taken from there
 * as parts of requests (request.c), and come back as ranges if the queue pair
 * ends under the request. The job ends when no range and no part of it is left.
 */
#include <linux/jiffies.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "xfer/mover.h"

#include "fabric/job.h"
#include "fabric/peer.h"
#include "fabric/trace.h"
#include "fabric/wq.h"

/*
 * How often a job is retried with its peer, and how long it backs off before
 * the first time: twice as long each time, 10 s in all. A peer that still reads
 * from a connection which has ended on this side takes some seconds to see
 * that.
 */
#define KVPOOL_MAX_RETRIES	10
#define KVPOOL_RETRY_MS		10

/* Flags of kvpool_job_queue(). */
#define KVPOOL_JOB_SEND		BIT(0)	/* a work sends it soon */

static mempool_t *kvpool_range_pool;
static atomic64_t kvpool_next_push;

/**
 * kvpool_jobs_init() - Prepare what all jobs need
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_jobs_init(void)
{
	kvpool_range_pool =
		mempool_create_kmalloc_pool(64, sizeof(struct kvpool_range));
	return kvpool_range_pool ? 0 : -ENOMEM;
}

/**
 * kvpool_jobs_exit() - Undo kvpool_jobs_init(); no job is left
 */
void kvpool_jobs_exit(void)
{
	mempool_destroy(kvpool_range_pool);
}

/* ---- references ---- */

/**
 * kvpool_job_put() - Drop a reference
 * @job: the job
 */
void kvpool_job_put(struct kvpool_job *job)
{
	if (refcount_dec_and_test(&job->refs)) {
		kvpool_peer_put(job->peer);
		kfree_rcu(job, rcu);
	}
}

/**
 * kvpool_job_find() - Find the job of a transfer
 * @transfer: a transfer, which may have ended; its memory stays during the call
 *
 * Return: the job with a reference, or NULL if it has ended.
 */
struct kvpool_job *kvpool_job_find(struct kvpool_transfer *transfer)
{
	struct kvpool_job *job;

	rcu_read_lock();
	job = READ_ONCE(transfer->priv);
	if (job && !refcount_inc_not_zero(&job->refs))
		job = NULL;
	rcu_read_unlock();
	return job;
}

static void kvpool_job_init(struct kvpool_job *job, struct kvpool_peer *peer,
			    u8 opcode)
{
	refcount_set(&job->refs, 1);
	job->peer = peer;
	job->opcode = opcode;
	INIT_LIST_HEAD(&job->ranges);
	job->first.job = job;
}

/**
 * kvpool_job_new() - Make the job of a transfer
 * @transfer: the transfer
 * @last: a peer with a reference of the caller, probably that of the transfer;
 *	  or NULL
 *
 * Return: the job, for kvpool_job_start(); or ERR_PTR(): -ENOENT without such a
 * peer, -ENOMEM.
 */
struct kvpool_job *kvpool_job_new(struct kvpool_transfer *transfer,
				  struct kvpool_peer *last)
{
	struct kvpool_peer *peer;
	struct kvpool_job *job;

	if (last && last->id == transfer->peer)
		peer = kvpool_peer_get(last);
	else
		peer = kvpool_peer_find(transfer->peer);
	if (!peer)
		return ERR_PTR(-ENOENT);
	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job) {
		kvpool_peer_put(peer);
		return ERR_PTR(-ENOMEM);
	}
	switch (transfer->kind) {
	case KVPOOL_TRANSFER_PROBE:
		kvpool_job_init(job, peer, KVPOOL_WIRE_PROBE);
		break;
	case KVPOOL_TRANSFER_FETCH:
		kvpool_job_init(job, peer, KVPOOL_WIRE_FETCH);
		job->block_length = transfer->length;
		break;
	case KVPOOL_TRANSFER_PUSH:
		kvpool_job_init(job, peer, KVPOOL_WIRE_PUSH);
		job->block_length = transfer->length;
		job->push = atomic64_inc_return(&kvpool_next_push);
		job->depth = transfer->depth;
		job->parent = &transfer->parent;
		break;
	}
	job->transfer = transfer;
	job->tenant = transfer->tenant;
	job->key = &transfer->key;
	WRITE_ONCE(transfer->priv, job);
	trace_kvpool_job_begin(peer->id, job->opcode, job->key, 0, 0,
			       job->block_length);
	return job;
}

/**
 * kvpool_job_error() - A part of a job has failed
 * @job: the job
 * @status: negative errno; the first one counts
 */
void kvpool_job_error(struct kvpool_job *job, int status)
{
	cmpxchg(&job->status, 0, status);
}

/* ---- the peer's queue ---- */

/* Look soon for ranges that are due; the peer's lock is held. */
static void kvpool_peer_delay(struct kvpool_peer *peer)
{
	queue_delayed_work(kvpool_rdma_wq, &peer->retry_work,
			   msecs_to_jiffies(KVPOOL_RETRY_MS));
}

/**
 * kvpool_ranges_retry() - Queue the ranges that are due to be sent
 * @peer: the peer
 *
 * The caller sends them.
 */
void kvpool_ranges_retry(struct kvpool_peer *peer)
{
	struct kvpool_range *range, *next;

	spin_lock(&peer->lock);
	list_for_each_entry_safe(range, next, &peer->delayed, entry)
		if (time_after_eq(jiffies, range->job->due))
			list_move_tail(&range->entry, &peer->pending);
	if (!list_empty(&peer->delayed))
		kvpool_peer_delay(peer);
	spin_unlock(&peer->lock);
}

/*
 * Queue all bytes of a job at its peer. If that is refused, the job's status
 * says why and the caller ends it.
 */
static bool kvpool_job_queue(struct kvpool_job *job, unsigned int flags)
{
	struct kvpool_peer *peer = job->peer;
	struct kvpool_range *range = &job->first;
	unsigned int delay = 0;
	int status = 0;

	if (job->retries)
		delay = msecs_to_jiffies(KVPOOL_RETRY_MS << (job->retries - 1));
	job->due = jiffies + delay;
	job->found = 0;
	atomic64_set(&job->generation, 0);
	atomic_set(&job->bytes, 0);
	atomic_set(&job->pending, 1);
	range->offset = 0;
	range->length = job->block_length;
	WRITE_ONCE(job->status, 0);
	/*
	 * After @status was cleared: kvpool_job_cancel() sets @cancelled, then
	 * the status. So either it sets the cleared status, or its @cancelled
	 * is seen here.
	 */
	smp_mb();

	spin_lock(&peer->lock);
	if (peer->gone) {
		status = -ENOENT;
	} else if (READ_ONCE(job->cancelled)) {
		status = -ECANCELED;
	} else {
		list_add_tail(&range->entry,
			      delay ? &peer->delayed : &peer->pending);
		list_add_tail(&range->of_job, &job->ranges);
		peer->queued += range->length;
		if (delay)
			kvpool_peer_delay(peer);
		else if (flags & KVPOOL_JOB_SEND)
			queue_work(kvpool_rdma_wq, &peer->send_work);
	}
	spin_unlock(&peer->lock);
	/* It may have ended by now. */
	if (!status)
		return true;
	kvpool_job_error(job, status);
	return false;
}

/* ---- the end of a job ---- */

/*
 * Another attempt with the same peer, after a delay. The peer has read all of a
 * PUSH, but not sealed the block: it had dropped what it had of the block,
 * since for a moment there was no connection, or it still reads the same from a
 * connection that has ended here. Or the parts of a FETCH were not all of one
 * block.
 */
static bool kvpool_job_retry(struct kvpool_job *job)
{
	if (job->opcode == KVPOOL_WIRE_PUSH && !READ_ONCE(job->found))
		kvpool_job_error(job, -EAGAIN);
	if (job->status != -EAGAIN)
		return false;
	if (READ_ONCE(job->cancelled) || ++job->retries > KVPOOL_MAX_RETRIES) {
		job->status = -EREMOTEIO;
		return false;
	}
	trace_kvpool_job_retry(job->peer->id, job->opcode, job->key,
			       job->retries, job->status,
			       atomic_read(&job->bytes));
	return true;
}

/*
 * Tell the peer that a PUSH will not be completed, so that it does not keep the
 * key pending until its time is over. Nothing is lost if this fails.
 */
static void kvpool_job_drop(struct kvpool_job *of)
{
	struct kvpool_job *job;

	job = kzalloc(struct_size(job, names, 1), GFP_KERNEL | __GFP_NOWARN);
	if (!job)
		return;
	kvpool_job_init(job, kvpool_peer_get(of->peer), KVPOOL_WIRE_DROP);
	job->push = of->push;
	job->names[0].key = *of->key;
	strscpy(job->names[0].tenant, of->tenant, KVPOOL_NAME_SIZE);
	job->key = &job->names[0].key;
	job->tenant = job->names[0].tenant;
	if (!kvpool_job_queue(job, KVPOOL_JOB_SEND))
		kvpool_job_put(job);
}

static void kvpool_job_done(struct kvpool_job *job)
{
	struct kvpool_transfer *transfer = job->transfer;
	struct kvpool_peer *peer = job->peer;
	u32 bytes = atomic_read(&job->bytes);

	spin_lock(&peer->lock);
	peer->requests++;
	if (job->status == -EHOSTUNREACH || job->status == -EREMOTEIO)
		peer->failed++;
	if (job->opcode == KVPOOL_WIRE_PUSH)
		peer->bytes_out += bytes;
	else
		peer->bytes_in += bytes;
	spin_unlock(&peer->lock);

	trace_kvpool_job_end(peer->id, job->opcode, job->key, job->retries,
			     job->status, bytes);
	if (job->opcode == KVPOOL_WIRE_PUSH && job->status && job->sent)
		kvpool_job_drop(job);
	if (job->opcode == KVPOOL_WIRE_PROBE || job->status == -EMSGSIZE)
		transfer->found = job->found;
	WRITE_ONCE(transfer->priv, NULL);
	kvpool_transfer_done(transfer, job->status, bytes);
}

/*
 * No range and no part of the job is left. If it is retried, a work sends it:
 * this may be called while the ranges that waited at a peer without a link are
 * being failed, and there may be many of these.
 */
static void kvpool_job_end(struct kvpool_job *job)
{
	do {
		if (!kvpool_job_retry(job)) {
			if (job->transfer)
				kvpool_job_done(job);
			kvpool_job_put(job);
			return;
		}
	} while (!kvpool_job_queue(job, KVPOOL_JOB_SEND));
}

/**
 * kvpool_job_start() - Queue a new job
 * @job: the job; it may have ended on return
 *
 * The caller sends what is queued at the peer.
 */
void kvpool_job_start(struct kvpool_job *job)
{
	if (!kvpool_job_queue(job, 0))
		kvpool_job_end(job);
}

/**
 * kvpool_job_less() - A range or a part of a job has ended
 * @job: the job; it may have ended on return
 */
void kvpool_job_less(struct kvpool_job *job)
{
	if (atomic_dec_and_test(&job->pending))
		kvpool_job_end(job);
}

/**
 * kvpool_job_cancel() - End a job early, as far as it has not been sent
 * @job: a job with a reference
 *
 * The parts that are in requests are left to the fence.
 */
void kvpool_job_cancel(struct kvpool_job *job)
{
	struct kvpool_peer *peer = job->peer;
	struct kvpool_range *range, *next;
	LIST_HEAD(ranges);

	/* Before the status is set; see kvpool_job_queue(). */
	smp_store_mb(job->cancelled, jiffies | 1);
	kvpool_job_error(job, -ECANCELED);

	spin_lock(&peer->lock);
	list_for_each_entry_safe(range, next, &job->ranges, of_job) {
		kvpool_range_unlink(peer, range);
		list_add_tail(&range->entry, &ranges);
	}
	spin_unlock(&peer->lock);
	kvpool_ranges_end(&ranges);
}

/* ---- ranges ---- */

/**
 * kvpool_range_alloc() - Make another range of a job
 * @job: the job
 *
 * Return: the range; may sleep, cannot fail.
 */
struct kvpool_range *kvpool_range_alloc(struct kvpool_job *job)
{
	struct kvpool_range *range;

	range = mempool_alloc(kvpool_range_pool, GFP_KERNEL);
	range->job = job;
	return range;
}

/**
 * kvpool_range_free() - Free a range
 * @range: a range that is in no list
 */
void kvpool_range_free(struct kvpool_range *range)
{
	if (range != &range->job->first)
		mempool_free(range, kvpool_range_pool);
}

/**
 * kvpool_range_unlink() - Take a range out of the queue
 * @peer: the peer; its lock is held
 * @range: the range
 */
void kvpool_range_unlink(struct kvpool_peer *peer, struct kvpool_range *range)
{
	lockdep_assert_held(&peer->lock);
	list_del(&range->entry);
	list_del(&range->of_job);
	peer->queued -= range->length;
}

/**
 * kvpool_range_return() - Queue a part of a job again, at the head
 * @job: the job; it may have ended on return
 * @offset: where the part begins in the block
 * @length: its bytes
 *
 * The part ends instead if the job has failed or its peer is gone. Process
 * context, may sleep.
 */
void kvpool_range_return(struct kvpool_job *job, u32 offset, u32 length)
{
	struct kvpool_range *range = kvpool_range_alloc(job);
	struct kvpool_peer *peer = job->peer;

	range->offset = offset;
	range->length = length;
	spin_lock(&peer->lock);
	if (peer->gone)
		kvpool_job_error(job, -EHOSTUNREACH);
	if (!READ_ONCE(job->status)) {
		list_add(&range->entry, &peer->pending);
		list_add(&range->of_job, &job->ranges);
		peer->queued += range->length;
		range = NULL;
	}
	spin_unlock(&peer->lock);
	if (range) {
		kvpool_range_free(range);
		kvpool_job_less(job);
	}
}

/**
 * kvpool_ranges_end() - End what has been taken out of the queue
 * @ranges: list by @entry; not usable afterwards
 */
void kvpool_ranges_end(struct list_head *ranges)
{
	struct kvpool_range *range, *next;

	list_for_each_entry_safe(range, next, ranges, entry) {
		struct kvpool_job *job = range->job;

		kvpool_range_free(range);
		kvpool_job_less(job);
	}
}

/**
 * kvpool_ranges_fail() - Fail all jobs of a peer that wait to be sent
 * @peer: the peer
 * @status: negative errno
 */
void kvpool_ranges_fail(struct kvpool_peer *peer, int status)
{
	struct kvpool_range *range, *next;
	LIST_HEAD(failed);

	spin_lock(&peer->lock);
	list_splice_tail_init(&peer->delayed, &peer->pending);
	list_for_each_entry_safe(range, next, &peer->pending, entry) {
		kvpool_range_unlink(peer, range);
		kvpool_job_error(range->job, status);
		list_add_tail(&range->entry, &failed);
	}
	spin_unlock(&peer->lock);
	kvpool_ranges_end(&failed);
}
