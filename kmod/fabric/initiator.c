// SPDX-License-Identifier: GPL-2.0
/*
 * The initiator: takes operations of the core.
 *
 * An operation is a job. Its bytes wait as ranges in the peer's queue, are taken
 * from there as parts of requests (request.c), and come back as ranges if the
 * queue pair dies under the request. The job ends when none of either is left.
 */
#include <linux/jiffies.h>
#include <linux/mempool.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "fabric/rdma.h"

/*
 * How often a job begins anew with a peer, and how long it rests before it first
 * does: twice as long each time, 10 s in all. A peer that still reads from a
 * connection which died on this side takes some seconds to see that.
 */
#define KVPOOL_MAX_AGAIN	10
#define KVPOOL_REST_MS		10

static mempool_t *kvpool_range_pool;
static atomic64_t kvpool_next_put;

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

/* ---- jobs ---- */

static void kvpool_job_put(struct kvpool_job *job)
{
	if (refcount_dec_and_test(&job->refs)) {
		kvpool_peer_put(job->peer);
		kfree_rcu(job, rcu);
	}
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
 * kvpool_job_error() - A part of a job has failed
 * @job: the job
 * @status: negative errno; the first one counts
 */
void kvpool_job_error(struct kvpool_job *job, int status)
{
	cmpxchg(&job->status, 0, status);
}

/* Look soon for what has rested; the peer's lock is held. */
static void kvpool_peer_rest(struct kvpool_peer *peer)
{
	queue_delayed_work(kvpool_rdma_wq, &peer->rest_work,
			   msecs_to_jiffies(KVPOOL_REST_MS));
}

/**
 * kvpool_rest_work() - Send what begins anew and has rested
 * @work: of the peer
 */
void kvpool_rest_work(struct work_struct *work)
{
	struct kvpool_peer *peer = container_of(to_delayed_work(work),
						struct kvpool_peer, rest_work);
	struct kvpool_range *range, *next;

	spin_lock(&peer->lock);
	list_for_each_entry_safe(range, next, &peer->resting, entry)
		if (time_after_eq(jiffies, range->job->due))
			list_move_tail(&range->entry, &peer->pending);
	if (!list_empty(&peer->resting))
		kvpool_peer_rest(peer);
	spin_unlock(&peer->lock);
	kvpool_requests_send(peer);
}

/*
 * Queue all bytes of a job at its peer, and send them soon if @kick says so.
 * If that is refused, the job's status says why and the caller ends it.
 */
static bool kvpool_job_queue(struct kvpool_job *job, bool kick)
{
	struct kvpool_peer *peer = job->peer;
	struct kvpool_range *range = &job->first;
	unsigned int rest = 0;
	int status = 0;

	if (job->again)
		rest = msecs_to_jiffies(KVPOOL_REST_MS << (job->again - 1));
	job->due = jiffies + rest;
	job->found = 0;
	atomic64_set(&job->generation, 0);
	atomic_set(&job->bytes, 0);
	atomic_set(&job->pending, 1);
	range->offset = 0;
	range->length = job->block_length;
	WRITE_ONCE(job->status, 0);
	/*
	 * After @peer and @status were set: who cancels does it the other way
	 * round, so he sees these, or is seen here.
	 */
	smp_mb();

	spin_lock(&peer->lock);
	if (peer->gone) {
		status = -ENOENT;
	} else if (READ_ONCE(job->cancelled)) {
		status = -ECANCELED;
	} else {
		list_add_tail(&range->entry,
			      rest ? &peer->resting : &peer->pending);
		list_add_tail(&range->of_job, &job->ranges);
		peer->queued += range->length;
		if (rest)
			kvpool_peer_rest(peer);
		else if (kick)
			queue_work(kvpool_rdma_wq, &peer->send_work);
	}
	spin_unlock(&peer->lock);
	/* It may have ended by now. */
	if (!status)
		return true;
	kvpool_job_error(job, status);
	return false;
}

/*
 * Another attempt with the same peer, after a rest. It has read all of a PUT,
 * but not sealed the block: it had given up what it had of it, since for a moment
 * there was no connection, or it still reads the same from one that died. Or the
 * parts of a GET were not all of one block.
 */
static bool kvpool_job_again(struct kvpool_job *job)
{
	if (job->opcode == KVPOOL_WIRE_PUT && !READ_ONCE(job->found))
		kvpool_job_error(job, -EAGAIN);
	if (job->status != -EAGAIN)
		return false;
	if (READ_ONCE(job->cancelled) || ++job->again > KVPOOL_MAX_AGAIN) {
		job->status = -EREMOTEIO;
		return false;
	}
	return true;
}

/* What went wrong may be right with another peer. */
static bool kvpool_job_next(struct kvpool_job *job)
{
	struct kvpool_peer *peer, *old = job->peer;

	if (!job->status)
		return false;
	if (job->status != -EHOSTUNREACH)
		job->answered = true;
	if (!job->any || READ_ONCE(job->cancelled))
		return false;
	switch (job->status) {
	case -ENOENT:
	case -EINPROGRESS:
	case -EHOSTUNREACH:
	case -EREMOTEIO:
	case -EMSGSIZE:
		break;
	default:
		return false;
	}
	peer = kvpool_peer_after(old->id);
	if (!peer) {
		if (job->answered && job->status == -EHOSTUNREACH)
			job->status = -ENOENT;
		return false;
	}
	/* The lock says whose @ranges are; see kvpool_job_withdraw(). */
	spin_lock(&old->lock);
	WRITE_ONCE(job->peer, peer);
	spin_unlock(&old->lock);
	job->again = 0;
	kvpool_peer_put(old);
	return true;
}

/*
 * Tell the peer that a PUT will not be completed, so that it does not hold the
 * key pending until it loses patience. It is no loss if this fails.
 */
static void kvpool_job_drop(struct kvpool_job *of)
{
	struct kvpool_job *job;

	job = kzalloc(struct_size(job, names, 1), GFP_KERNEL | __GFP_NOWARN);
	if (!job)
		return;
	refcount_inc(&of->peer->refs);
	kvpool_job_init(job, of->peer, KVPOOL_WIRE_DROP);
	job->put = of->put;
	job->names[0].key = *of->key;
	strscpy(job->names[0].tenant, of->tenant, KVPOOL_NAME_SIZE);
	job->key = &job->names[0].key;
	job->tenant = job->names[0].tenant;
	if (!kvpool_job_queue(job, true))
		kvpool_job_put(job);
}

static void kvpool_job_done(struct kvpool_job *job)
{
	struct kvpool_xfer *xfer = job->xfer;
	struct kvpool_peer *peer = job->peer;
	u32 bytes = atomic_read(&job->bytes);

	spin_lock(&peer->lock);
	peer->requests++;
	if (job->status == -EHOSTUNREACH || job->status == -EREMOTEIO)
		peer->failed++;
	if (job->opcode == KVPOOL_WIRE_PUT)
		peer->bytes_out += bytes;
	else
		peer->bytes_in += bytes;
	spin_unlock(&peer->lock);

	if (job->opcode == KVPOOL_WIRE_PUT && job->status && job->sent)
		kvpool_job_drop(job);
	if (job->opcode == KVPOOL_WIRE_PROBE || job->status == -EMSGSIZE)
		xfer->length = job->found;
	xfer->peer = peer->id;
	WRITE_ONCE(xfer->priv, NULL);
	kvpool_xfer_done(xfer, job->status, bytes);
}

/*
 * Nothing of the job is queued or in flight any more. Where it is tried again
 * or with another peer, a work sends it: this may be called while what waited
 * at a peer without a link is being failed, and there may be many of these.
 */
static void kvpool_job_end(struct kvpool_job *job)
{
	do {
		if (!kvpool_job_again(job) && !kvpool_job_next(job)) {
			if (job->xfer)
				kvpool_job_done(job);
			kvpool_job_put(job);
			return;
		}
	} while (!kvpool_job_queue(job, true));
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
 * @range: one that is in no list
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
void kvpool_range_unlink(struct kvpool_peer *peer,
			 struct kvpool_range *range)
{
	lockdep_assert_held(&peer->lock);
	list_del(&range->entry);
	list_del(&range->of_job);
	peer->queued -= range->length;
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
 * kvpool_ranges_fail() - Fail all jobs of a peer that wait to be sent, or rest
 * @peer: the peer
 * @status: negative errno
 */
void kvpool_ranges_fail(struct kvpool_peer *peer, int status)
{
	struct kvpool_range *range, *next;
	LIST_HEAD(failed);

	spin_lock(&peer->lock);
	list_splice_tail_init(&peer->resting, &peer->pending);
	list_for_each_entry_safe(range, next, &peer->pending, entry) {
		kvpool_range_unlink(peer, range);
		kvpool_job_error(range->job, status);
		list_add_tail(&range->entry, &failed);
	}
	spin_unlock(&peer->lock);
	kvpool_ranges_end(&failed);
}

static struct kvpool_job *kvpool_job_new(struct kvpool_xfer *xfer)
{
	struct kvpool_peer *peer;
	struct kvpool_job *job;

	peer = xfer->peer ? kvpool_peer_find(xfer->peer) : kvpool_peer_after(0);
	if (!peer)
		return ERR_PTR(-ENOENT);
	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job) {
		kvpool_peer_put(peer);
		return ERR_PTR(-ENOMEM);
	}
	switch (xfer->kind) {
	case KVPOOL_XFER_PROBE:
		kvpool_job_init(job, peer, KVPOOL_WIRE_PROBE);
		break;
	case KVPOOL_XFER_GET:
		kvpool_job_init(job, peer, KVPOOL_WIRE_GET);
		job->block_length = xfer->length;
		break;
	case KVPOOL_XFER_PUT:
		kvpool_job_init(job, peer, KVPOOL_WIRE_PUT);
		job->block_length = xfer->length;
		job->put = atomic64_inc_return(&kvpool_next_put);
		break;
	}
	job->any = !xfer->peer;
	job->xfer = xfer;
	job->tenant = xfer->tenant->name;
	job->key = &xfer->key;
	return job;
}

/**
 * kvpool_initiator_submit() - Begin operations
 * @xfers: the operations; each ends with kvpool_xfer_done()
 */
void kvpool_initiator_submit(struct list_head *xfers)
{
	struct kvpool_peer *peer = NULL;
	struct kvpool_xfer *xfer, *next;
	struct kvpool_job *job;

	list_for_each_entry_safe(xfer, next, xfers, list) {
		list_del_init(&xfer->list);
		job = kvpool_job_new(xfer);
		if (IS_ERR(job)) {
			kvpool_xfer_done(xfer, PTR_ERR(job), 0);
			continue;
		}
		/* Requests are made when all that can share one is there. */
		if (peer != job->peer) {
			if (peer) {
				kvpool_requests_send(peer);
				kvpool_peer_put(peer);
			}
			peer = job->peer;
			refcount_inc(&peer->refs);
		}
		WRITE_ONCE(xfer->priv, job);
		if (!kvpool_job_queue(job, false))
			kvpool_job_end(job);
	}
	if (peer) {
		kvpool_requests_send(peer);
		kvpool_peer_put(peer);
	}
}

/* ---- cancelling ---- */

/* Take what has not been sent out of the queue of the peer asked now. */
static struct kvpool_peer *kvpool_job_withdraw(struct kvpool_job *job)
{
	struct kvpool_range *range, *next;
	struct kvpool_peer *peer;
	LIST_HEAD(ranges);

	rcu_read_lock();
	do {
		peer = READ_ONCE(job->peer);
	} while (!refcount_inc_not_zero(&peer->refs));
	rcu_read_unlock();

	spin_lock(&peer->lock);
	/* If it is not that peer any more, the caller comes again. */
	if (peer == READ_ONCE(job->peer))
		list_for_each_entry_safe(range, next, &job->ranges, of_job) {
			kvpool_range_unlink(peer, range);
			list_add_tail(&range->entry, &ranges);
		}
	spin_unlock(&peer->lock);
	kvpool_ranges_end(&ranges);
	return peer;
}

/**
 * kvpool_initiator_cancel() - End an operation as soon as a fence allows
 * @xfer: the operation; the caller has a reference
 *
 * What has not been sent is not sent. What is in flight may end by itself
 * within KVPOOL_FENCE_MS; after that its queue pair is drained, and whatever
 * else was on it goes another way.
 */
void kvpool_initiator_cancel(struct kvpool_xfer *xfer)
{
	struct kvpool_peer *peer, *now;
	struct kvpool_job *job;

	rcu_read_lock();
	job = READ_ONCE(xfer->priv);
	if (job && !refcount_inc_not_zero(&job->refs))
		job = NULL;
	rcu_read_unlock();
	if (!job)
		return;

	/* Before status and peer are looked at; see kvpool_job_queue(). */
	smp_store_mb(job->cancelled, jiffies | 1);
	kvpool_job_error(job, -ECANCELED);
	peer = kvpool_job_withdraw(job);
	while ((now = READ_ONCE(job->peer)) != peer) {
		kvpool_peer_put(peer);
		peer = kvpool_job_withdraw(job);
	}
	spin_lock(&peer->lock);
	if (!peer->gone)
		queue_delayed_work(kvpool_rdma_wq, &peer->fence_work,
				   msecs_to_jiffies(KVPOOL_FENCE_MS) + 1);
	spin_unlock(&peer->lock);
	kvpool_peer_put(peer);
	kvpool_job_put(job);
}

/*
 * Look for cancelled jobs in a request. Where it has no memory, nothing has to
 * be fenced: once it was sent it goes on without them, and they are moved to
 * @ended. Otherwise returns whether the time of one is over. The locks of its
 * queue and of its peer are held.
 */
static bool kvpool_request_overdue(struct kvpool_request *request,
				   bool *waiting, struct list_head *ended)
{
	bool overdue = false;
	unsigned int i;

	for (i = 0; i < request->nr_parts; i++) {
		struct kvpool_job *job = request->parts[i].job;
		unsigned long cancelled;

		cancelled = job ? READ_ONCE(job->cancelled) : 0;
		if (!cancelled)
			continue;
		if (!request->nr_sg && !request->answered) {
			request->parts[i].job = NULL;
			kvpool_job_error(job, -ECANCELED);
			/* All of it was in this part. */
			list_add_tail(&job->first.entry, ended);
			continue;
		}
		*waiting = true;
		overdue |= request->nr_sg &&
			   time_after(jiffies, cancelled +
				      msecs_to_jiffies(KVPOOL_FENCE_MS));
	}
	return overdue;
}

static bool kvpool_queue_overdue(struct kvpool_queue *queue, bool *waiting,
				 struct list_head *ended)
{
	bool overdue = false;
	unsigned int i;

	spin_lock(&queue->lock);
	if (queue->state == KVPOOL_QUEUE_UP)
		for (i = 0; i < queue->nr_requests; i++)
			if (queue->requests[i]->busy)
				overdue |= kvpool_request_overdue(queue->requests[i],
								  waiting, ended);
	spin_unlock(&queue->lock);
	return overdue;
}

/**
 * kvpool_fence_work() - Fence cancelled requests that did not end in time
 * @work: of the peer
 */
void kvpool_fence_work(struct work_struct *work)
{
	struct kvpool_peer *peer = container_of(to_delayed_work(work),
						struct kvpool_peer, fence_work);
	struct kvpool_queue *queue;
	bool waiting = false;
	LIST_HEAD(ended);

	spin_lock(&peer->lock);
	kvpool_peer_each_queue(peer, queue)
		if (kvpool_queue_overdue(queue, &waiting, &ended))
			kvpool_queue_fail(queue, KVPOOL_CLOSE_FENCE, 0);
	spin_unlock(&peer->lock);
	kvpool_ranges_end(&ended);
	if (waiting)
		queue_delayed_work(kvpool_rdma_wq, &peer->fence_work,
				   msecs_to_jiffies(KVPOOL_FENCE_MS) / 2 + 1);
}
