// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs: what a peer has to do for one transfer of the core.
 *
 * The bytes of a job, or the keys of a PROBE, wait as ranges in a lane of the
 * peer, are taken from there as parts of requests (fill.c), and come back as
 * ranges if the queue pair ends under the request, or if the peer cannot take
 * them now. The job ends when no range and no part of it is left.
 */
#include <linux/jiffies.h>
#include <linux/mempool.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "xfer/mover.h"

#include "fabric/job.h"
#include "fabric/peer.h"
#include "fabric/trace.h"
#include "fabric/wire.h"
#include "fabric/wq.h"

/*
 * How often a FETCH whose answers do not fit together is retried with its peer,
 * and how long a job backs off before the first time: twice as long each time. A
 * PUSH is retried as long as its operation lasts.
 */
#define KVPOOL_MAX_RETRIES	10
#define KVPOOL_RETRY_MS		10
#define KVPOOL_RETRY_MAX_MS	1000

/* Flags of kvpool_job_queue(). */
#define KVPOOL_JOB_SEND		BIT(0)	/* a work sends it soon */

/*
 * Ranges that are there without fresh memory: what a fence gives back of large
 * jobs. Each job has another one of its own.
 */
#define KVPOOL_RANGES_MIN	512

/* Ranges that are handled in one go with the lock of a peer held. */
#define KVPOOL_RANGES_BATCH	64

static mempool_t *kvpool_range_pool;

/**
 * kvpool_jobs_init() - Prepare what all jobs need
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_jobs_init(void)
{
	kvpool_range_pool =
		mempool_create_kmalloc_pool(KVPOOL_RANGES_MIN,
					    sizeof(struct kvpool_range));
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
	job->node = KVPOOL_WIRE_NODE_ANY;
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
	case KVPOOL_TRANSFER_ASK:
		kvpool_job_init(job, peer, KVPOOL_WIRE_PROBE);
		job->length = transfer->nr;
		break;
	case KVPOOL_TRANSFER_FETCH:
		kvpool_job_init(job, peer, KVPOOL_WIRE_FETCH);
		job->length = transfer->length;
		job->depth = transfer->depth;
		transfer->found_depth = 0;
		break;
	case KVPOOL_TRANSFER_PUSH:
		kvpool_job_init(job, peer, KVPOOL_WIRE_PUSH);
		job->length = transfer->length;
		/* A number that no other host guesses; zero is none. */
		job->push = get_random_u64() ?: 1;
		job->depth = transfer->depth;
		job->parent = &transfer->parent;
		/* No host has a node of a number that the wire has no room for. */
		if (transfer->node >= 0 && transfer->node < U16_MAX)
			job->node = transfer->node;
		break;
	}
	job->transfer = transfer;
	job->tenant = transfer->tenant;
	job->key = transfer->kind == KVPOOL_TRANSFER_ASK ? transfer->keys :
							   &transfer->key;
	WRITE_ONCE(transfer->priv, job);
	trace_kvpool_job_begin(peer->id, job->opcode, job->key, 0, 0,
			       job->length);
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

/* ---- the peer's lanes ---- */

/* Look at @due for ranges that are due; the peer's lock is held. */
static void kvpool_peer_delay(struct kvpool_peer *peer, unsigned long due)
{
	lockdep_assert_held(&peer->lock);
	if (peer->gone || (delayed_work_pending(&peer->retry_work) &&
			   time_before_eq(peer->retry_at, due)))
		return;
	peer->retry_at = due;
	mod_delayed_work(kvpool_rdma_wq, &peer->retry_work,
			 time_after(due, jiffies) ? due - jiffies : 0);
}

/*
 * Put a range into the lane of its job. What a peer has begun to take goes on
 * before the rest. The peer's lock is held.
 */
static void kvpool_range_enter(struct kvpool_peer *peer,
			       struct kvpool_range *range, bool first)
{
	struct kvpool_job *job = range->job;
	struct kvpool_lane *lane = &peer->lanes[job->lane];

	lockdep_assert_held(&peer->lock);
	if (first || job->slot)
		list_add(&range->entry, &lane->ranges);
	else
		list_add_tail(&range->entry, &lane->ranges);
	list_add(&range->of_job, &job->ranges);
	peer->queued += range->length;
}

/**
 * kvpool_ranges_retry() - Queue the ranges that are due to be sent
 * @peer: the peer
 *
 * The caller sends them, and what is in lanes whose back-off is over.
 */
void kvpool_ranges_retry(struct kvpool_peer *peer)
{
	struct kvpool_range *range, *next;
	unsigned int i;

	spin_lock(&peer->lock);
	list_for_each_entry_safe(range, next, &peer->delayed, entry) {
		if (time_before(jiffies, range->job->due)) {
			kvpool_peer_delay(peer, range->job->due);
			continue;
		}
		kvpool_range_unlink(peer, range);
		kvpool_range_enter(peer, range, false);
	}
	for (i = 0; i < KVPOOL_NR_LANES; i++) {
		struct kvpool_lane *lane = &peer->lanes[i];

		if (lane->later_ms && time_before(jiffies, lane->due))
			kvpool_peer_delay(peer, lane->due);
	}
	spin_unlock(&peer->lock);
}

/* The lane that a job begins in. */
static u8 kvpool_job_lane(const struct kvpool_job *job)
{
	if (job->opcode == KVPOOL_WIRE_PUSH)
		return KVPOOL_LANE_PUSH;
	if (job->opcode == KVPOOL_WIRE_FETCH && job->transfer->waits)
		return KVPOOL_LANE_WAIT;
	return KVPOOL_LANE_FETCH;
}

/*
 * Queue all of a job at its peer. If that is refused, the job's status says why
 * and the caller ends it.
 */
static bool kvpool_job_queue(struct kvpool_job *job, unsigned int flags)
{
	struct kvpool_peer *peer = job->peer;
	struct kvpool_range *range = &job->first;
	unsigned int delay = 0;
	int status = 0;

	if (job->retries)
		delay = msecs_to_jiffies(min(KVPOOL_RETRY_MAX_MS,
					     KVPOOL_RETRY_MS <<
					     (job->retries - 1)));
	job->due = jiffies + delay;
	job->found = 0;
	atomic64_set(&job->generation, 0);
	atomic_set(&job->bytes, 0);
	atomic_set(&job->pending, 1);
	job->first_used = 1;
	range->offset = 0;
	range->length = job->length;
	WRITE_ONCE(job->status, 0);
	/*
	 * After @status was cleared: kvpool_job_cancel() sets @cancelled, then
	 * the status. So either it sets the cleared status, or its @cancelled
	 * is seen here.
	 */
	smp_mb();

	spin_lock(&peer->lock);
	job->lane = kvpool_job_lane(job);
	if (peer->gone) {
		status = -ENOENT;
	} else if (READ_ONCE(job->cancelled)) {
		status = -ECANCELED;
	} else if (delay) {
		list_add_tail(&range->entry, &peer->delayed);
		list_add_tail(&range->of_job, &job->ranges);
		peer->queued += range->length;
		kvpool_peer_delay(peer, job->due);
	} else {
		kvpool_range_enter(peer, range, false);
		if (flags & KVPOOL_JOB_SEND)
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
 * PUSH, but not sealed the block: it had dropped what it had of the block, since
 * others needed the memory or for a moment there was no connection; or it still
 * reads the same from a connection that has ended here. Or the parts of a FETCH
 * were not all of one block.
 */
static bool kvpool_job_retry(struct kvpool_job *job)
{
	if (job->opcode == KVPOOL_WIRE_PUSH && !READ_ONCE(job->found))
		kvpool_job_error(job, -EAGAIN);
	if (job->status != -EAGAIN)
		return false;
	if (job->retries < KVPOOL_MAX_RETRIES) {
		job->retries++;
	} else if (job->opcode != KVPOOL_WIRE_PUSH) {
		job->status = -EREMOTEIO;
		return false;
	}
	if (READ_ONCE(job->cancelled)) {
		job->status = -ECANCELED;
		return false;
	}
	trace_kvpool_job_retry(job->peer->id, job->opcode, job->key,
			       job->retries, job->status,
			       atomic_read(&job->bytes));
	return true;
}

static void kvpool_job_end(struct kvpool_job *job);

/*
 * Tell the peer that no more of a PUSH will come, so that it does not keep the
 * key pending until its time is over. Nothing is lost if this fails.
 */
static void kvpool_job_drop(struct kvpool_job *of)
{
	struct kvpool_job *job;

	/* A fence may wait for this, so this does not wait for memory. */
	job = kzalloc(struct_size(job, names, 1), GFP_NOWAIT | __GFP_NOWARN);
	if (!job)
		return;
	kvpool_job_init(job, kvpool_peer_get(of->peer), KVPOOL_WIRE_DROP);
	job->push = of->push;
	/* It frees the place of the PUSH, when the peer has forgotten that. */
	spin_lock(&of->peer->lock);
	job->slot = of->slot;
	of->slot = false;
	spin_unlock(&of->peer->lock);
	job->names[0].key = *of->key;
	strscpy(job->names[0].tenant, of->tenant, KVPOOL_NAME_SIZE);
	job->key = &job->names[0].key;
	job->tenant = job->names[0].tenant;
	if (!kvpool_job_queue(job, KVPOOL_JOB_SEND))
		kvpool_job_end(job);
}

/* Another PUSH may be sent in the place of a job. */
static void kvpool_job_release(struct kvpool_job *job)
{
	struct kvpool_peer *peer = job->peer;

	/* Only the task that ends the job looks at it now. */
	if (!job->slot)
		return;
	spin_lock(&peer->lock);
	job->slot = false;
	peer->nr_pushes--;
	if (!peer->gone && !list_empty(&peer->lanes[KVPOOL_LANE_PUSH].ranges))
		queue_work(kvpool_rdma_wq, &peer->send_work);
	spin_unlock(&peer->lock);
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
	/* A part that came twice may have begun the block once more. */
	if (job->opcode == KVPOOL_WIRE_PUSH && job->sent &&
	    (job->status || job->retries || job->return_seq))
		kvpool_job_drop(job);
	if (job->status == -EMSGSIZE)
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
			kvpool_job_release(job);
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
	if (job->rest) {
		list_add_tail(&job->rest->entry, &ranges);
		job->rest = NULL;
	}
	spin_unlock(&peer->lock);
	kvpool_ranges_end(&ranges);
}

/* ---- answers ---- */

static int kvpool_found_errno(u32 status)
{
	switch (status) {
	case KVPOOL_WIRE_OK:
		return 0;
	case KVPOOL_WIRE_PENDING:
		return -EINPROGRESS;
	case KVPOOL_WIRE_DENIED:
		return -EACCES;
	default:
		return -ENOENT;
	}
}

/**
 * kvpool_job_found() - Take what a peer says of a key
 * @job: a PROBE with a transfer
 * @i: index of the key
 * @outcome: the result
 */
void kvpool_job_found(struct kvpool_job *job, u32 i,
		      const struct kvpool_wire_outcome *outcome)
{
	struct kvpool_answer *answer = &job->transfer->answers[i];

	answer->status = kvpool_found_errno(outcome->status);
	answer->length = outcome->length;
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
	struct kvpool_range *range = &job->first;

	if (test_and_set_bit(0, &job->first_used)) {
		range = mempool_alloc(kvpool_range_pool, GFP_KERNEL);
		range->job = job;
	}
	return range;
}

/**
 * kvpool_range_free() - Free a range
 * @range: a range that is in no list
 */
void kvpool_range_free(struct kvpool_range *range)
{
	if (range == &range->job->first)
		clear_bit_unlock(0, &range->job->first_used);
	else
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

static void kvpool_range_requeue(struct kvpool_job *job, u32 offset, u32 length,
				 bool later)
{
	struct kvpool_range *range = kvpool_range_alloc(job);
	struct kvpool_peer *peer = job->peer;
	struct kvpool_lane *lane;

	range->offset = offset;
	range->length = length;
	spin_lock(&peer->lock);
	lane = &peer->lanes[job->lane];
	if (peer->gone)
		kvpool_job_error(job, -EHOSTUNREACH);
	if (!READ_ONCE(job->status)) {
		/* Fetches have no order: another one may succeed. */
		kvpool_range_enter(peer, range,
				   !later || job->opcode != KVPOOL_WIRE_FETCH);
		if (later && kvpool_lane_later(lane))
			kvpool_peer_delay(peer, lane->due);
		range = NULL;
	}
	spin_unlock(&peer->lock);
	if (range) {
		kvpool_range_free(range);
		kvpool_job_less(job);
	}
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
	kvpool_range_requeue(job, offset, length, false);
}

/**
 * kvpool_range_later() - Queue a part again that the peer cannot take now
 * @job: the job; it may have ended on return
 * @offset: where the part begins in the block
 * @length: its bytes
 *
 * As kvpool_range_return(), and the lane backs off.
 */
void kvpool_range_later(struct kvpool_job *job, u32 offset, u32 length)
{
	kvpool_range_requeue(job, offset, length, true);
}

/* ---- blocks that are waited for ---- */

/**
 * kvpool_ranges_hurry() - Ask for blocks without waiting at the peer
 * @peer: a peer that lets no request wait
 *
 * Some of what was to wait is sent as other fetches are.
 */
void kvpool_ranges_hurry(struct kvpool_peer *peer)
{
	struct list_head *ranges = &peer->lanes[KVPOOL_LANE_WAIT].ranges;
	struct kvpool_range *range, *next;
	unsigned int nr = 0;

	spin_lock(&peer->lock);
	list_for_each_entry_safe(range, next, ranges, entry) {
		if (nr++ == KVPOOL_RANGES_BATCH)
			break;
		range->job->lane = KVPOOL_LANE_FETCH;
		list_move_tail(&range->entry,
			       &peer->lanes[KVPOOL_LANE_FETCH].ranges);
	}
	spin_unlock(&peer->lock);
}

/**
 * kvpool_range_wait() - A request waits at the peer for a block
 * @range: all of its block, linked; no longer in a list on return
 * @request: the request, which has a part of @range; peer->lock is held
 */
void kvpool_range_wait(struct kvpool_range *range,
		       struct kvpool_request *request)
{
	struct kvpool_job *job = range->job;

	kvpool_range_unlink(job->peer, range);
	job->rest = range;
	job->waiting = request;
	atomic_inc(&job->pending);
}

/* Take the range of a job whose request has ended; peer->lock is held. */
static struct kvpool_range *kvpool_job_rest(struct kvpool_job *job)
{
	struct kvpool_range *range = job->rest;

	lockdep_assert_held(&job->peer->lock);
	job->waiting = NULL;
	job->rest = NULL;
	if (job->peer->gone)
		kvpool_job_error(job, -EHOSTUNREACH);
	return range;
}

/* The rest of a job that has failed, if it has one, and a part end. */
static void kvpool_job_rest_end(struct kvpool_job *job,
				struct kvpool_range *range)
{
	if (range) {
		kvpool_range_free(range);
		kvpool_job_less(job);
	}
	kvpool_job_less(job);
}

/**
 * kvpool_range_pending() - The block that a request has waited for is pending
 * @job: the job, whose part ends; it may have ended on return
 * @early: the request has not waited for its time, so that the next one has to
 *	   wait here before
 *
 * Another one waits behind those that have not waited yet.
 */
void kvpool_range_pending(struct kvpool_job *job, bool early)
{
	struct kvpool_peer *peer = job->peer;
	struct kvpool_range *range;
	struct kvpool_lane *lane;

	spin_lock(&peer->lock);
	lane = &peer->lanes[job->lane];
	range = kvpool_job_rest(job);
	if (range && !READ_ONCE(job->status)) {
		kvpool_range_enter(peer, range, false);
		if (early && kvpool_lane_later(lane))
			kvpool_peer_delay(peer, lane->due);
		range = NULL;
	}
	spin_unlock(&peer->lock);
	kvpool_job_rest_end(job, range);
}

/**
 * kvpool_range_waited() - A request that may have waited has ended otherwise
 * @job: the job, whose part ends; it may have ended on return
 * @length: bytes from the start of the block that have come, if it has not
 *	    failed
 *
 * The rest of the block is fetched as that of others.
 */
void kvpool_range_waited(struct kvpool_job *job, u32 length)
{
	struct kvpool_peer *peer = job->peer;
	struct kvpool_range *range;

	spin_lock(&peer->lock);
	range = kvpool_job_rest(job);
	job->lane = KVPOOL_LANE_FETCH;
	if (range && length < range->length && !READ_ONCE(job->status)) {
		range->offset = length;
		range->length -= length;
		kvpool_range_enter(peer, range, true);
		range = NULL;
	}
	spin_unlock(&peer->lock);
	kvpool_job_rest_end(job, range);
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

/*
 * Take some ranges out of a list, and fail their jobs; false if there are none.
 * The list is private, but its ranges can be cancelled.
 */
static bool kvpool_ranges_take(struct kvpool_peer *peer, struct list_head *from,
			       int status, struct list_head *failed)
{
	struct kvpool_range *range, *next;
	unsigned int nr = 0;

	spin_lock(&peer->lock);
	list_for_each_entry_safe(range, next, from, entry) {
		if (nr++ == KVPOOL_RANGES_BATCH)
			break;
		kvpool_range_unlink(peer, range);
		kvpool_job_error(range->job, status);
		list_add_tail(&range->entry, failed);
	}
	spin_unlock(&peer->lock);
	return nr;
}

/**
 * kvpool_ranges_fail() - Fail all jobs of a peer that wait to be sent
 * @peer: the peer
 * @status: negative errno
 */
void kvpool_ranges_fail(struct kvpool_peer *peer, int status)
{
	unsigned int i;
	LIST_HEAD(all);

	spin_lock(&peer->lock);
	list_splice_init(&peer->delayed, &all);
	for (i = 0; i < KVPOOL_NR_LANES; i++)
		list_splice_tail_init(&peer->lanes[i].ranges, &all);
	spin_unlock(&peer->lock);
	for (;;) {
		LIST_HEAD(failed);

		if (!kvpool_ranges_take(peer, &all, status, &failed))
			break;
		kvpool_ranges_end(&failed);
	}
}
