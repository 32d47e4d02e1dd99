// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of requests: they get a credit, are sent, are answered, and end;
 * or come back when their queue pair ends. After the answer and the end of the
 * registration, or once the queue pair has been drained, no device touches the
 * memory any more.
 */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/jiffies.h>
#include <linux/printk.h>

#include "xfer/mover.h"

#include "fabric/choose.h"
#include "fabric/exchange.h"
#include "fabric/job.h"
#include "fabric/limits.h"
#include "fabric/peer.h"
#include "fabric/request.h"
#include "fabric/trace.h"
#include "fabric/wq.h"

/*
 * A job fails when so many queue pairs have ended under it while no part of it
 * was done: the job itself may be the cause.
 */
#define KVPOOL_MAX_RETURNS	16

static atomic_t kvpool_return_seq;	/* queue pairs that were drained */

static int kvpool_status_errno(u32 status)
{
	switch (status) {
	case KVPOOL_WIRE_OK:
		return 0;
	case KVPOOL_WIRE_MISSING:
		return -ENOENT;
	case KVPOOL_WIRE_PENDING:
		return -EINPROGRESS;
	case KVPOOL_WIRE_LENGTH:
		return -EMSGSIZE;
	case KVPOOL_WIRE_EXISTS:
		return -EEXIST;
	case KVPOOL_WIRE_NO_SPACE:
		return -ENOSPC;
	case KVPOOL_WIRE_QUOTA:
		return -EDQUOT;
	case KVPOOL_WIRE_STALE:
		return -EAGAIN;
	case KVPOOL_WIRE_DENIED:
		return -EACCES;
	default:
		return -EREMOTEIO;
	}
}

/* ---- credits ---- */

/* Take a credit of a queue pair, whose gate is entered then. */
static struct kvpool_request *kvpool_request_alloc(struct kvpool_queue *queue,
						   bool waits)
{
	struct kvpool_request *request = NULL;

	spin_lock(&queue->lock);
	if (queue->state == KVPOOL_QUEUE_UP && !list_empty(&queue->free) &&
	    (!waits || kvpool_queue_may_wait(queue)) &&
	    kvpool_gate_enter(&queue->gate)) {
		request = list_first_entry(&queue->free, struct kvpool_request,
					   entry);
		list_del(&request->entry);
		/* Already here, so that the fence always finds its jobs. */
		request->busy = true;
		request->nr_parts = 0;
		request->waits = waits;
		queue->inflight++;
		queue->waiting += waits;
	}
	spin_unlock(&queue->lock);
	if (request && !waits && !READ_ONCE(queue->link->watch_soon)) {
		WRITE_ONCE(queue->link->watch_soon, true);
		mod_delayed_work(kvpool_rdma_wq, &queue->link->watch_work,
				 msecs_to_jiffies(KVPOOL_STALL_MS));
	}
	return request;
}

/* A request does not wait for the peer any more; queue->lock is held. */
static void kvpool_request_idle(struct kvpool_request *request)
{
	struct kvpool_queue *queue = request->queue;

	lockdep_assert_held(&queue->lock);
	request->busy = false;
	queue->waiting -= request->waits;
	queue->nr_cancels -= request->cancel;
	request->waits = false;
	request->cancel = false;
}

static void kvpool_request_free(struct kvpool_request *request)
{
	struct kvpool_queue *queue = request->queue;

	spin_lock(&queue->lock);
	if (request->busy)
		kvpool_request_idle(request);
	list_add(&request->entry, &queue->free);
	queue->inflight--;
	spin_unlock(&queue->lock);
}

/* Its send, or what it awaits of the peer, is over. */
static void kvpool_request_put(struct kvpool_request *request)
{
	struct kvpool_peer *peer = request->queue->link->peer;

	if (!refcount_dec_and_test(&request->refs))
		return;
	kvpool_request_free(request);
	/* The credit, then the lanes; the reverse of kvpool_requests_send(). */
	smp_mb();
	if (kvpool_peer_has_work(peer))
		kvpool_requests_send(peer);
}

/* ---- completions ---- */

/* Handle a failed completion; if it succeeded, try to enter the gate. */
static bool kvpool_request_completed(struct kvpool_queue *queue,
				     const struct ib_wc *wc)
{
	if (wc->status != IB_WC_SUCCESS) {
		kvpool_queue_close(queue, KVPOOL_CLOSE_TRANSPORT, -EIO);
		return false;
	}
	return kvpool_gate_enter(&queue->gate);
}

static void kvpool_request_send_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_request *request =
		container_of(wc->wr_cqe, struct kvpool_request, capsule.cqe);
	struct kvpool_queue *queue = request->queue;

	if (!kvpool_request_completed(queue, wc))
		return;
	kvpool_request_put(request);
	kvpool_gate_leave(&queue->gate);
}

static void kvpool_request_reg_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_queue *queue = wc->qp->qp_context;

	if (wc->status != IB_WC_SUCCESS)
		kvpool_queue_close(queue, KVPOOL_CLOSE_TRANSPORT, -EIO);
}

/* ---- answers ---- */

/*
 * A block may exist there because it was sealed, and the answer was lost or was
 * that to another part.
 */
static void kvpool_part_forgive(const struct kvpool_part *part,
				struct kvpool_wire_outcome *outcome)
{
	const struct kvpool_job *job = part->job;

	if (outcome->status == KVPOOL_WIRE_EXISTS &&
	    (job->return_seq || job->retries) &&
	    outcome->length == job->length)
		outcome->status = KVPOOL_WIRE_OK;
}

/* The owner may have replaced the block between two parts of a FETCH. */
static bool kvpool_part_fits(const struct kvpool_part *part,
			     const struct kvpool_wire_outcome *outcome)
{
	u64 first = atomic64_cmpxchg(&part->job->generation, 0,
				     outcome->generation);

	return !first || first == outcome->generation;
}

static void kvpool_probe_end(const struct kvpool_part *part, const void *data,
			     unsigned int first)
{
	struct kvpool_wire_outcome outcome;
	unsigned int i;

	for (i = 0; i < part->length; i++) {
		kvpool_wire_outcome_decode(data, KVPOOL_WIRE_PROBE, first + i,
					   &outcome);
		kvpool_job_found(part->job, part->offset + i, &outcome);
	}
	kvpool_job_less(part->job);
}

/* What is known of a block that has come without a result. */
static void kvpool_outcome_assume(const struct kvpool_part *part,
				  struct kvpool_wire_outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	outcome->length = part->job->length;
	/* It is in one piece: any number will do. */
	outcome->generation = 1;
	outcome->depth = part->job->depth;
}

/* The bytes of a part have come, or have been taken. */
static void kvpool_part_moved(const struct kvpool_part *part,
			      const struct kvpool_wire_outcome *outcome)
{
	struct kvpool_job *job = part->job;

	if (!kvpool_part_fits(part, outcome)) {
		kvpool_job_error(job, -EAGAIN);
		return;
	}
	atomic_add(part->length, &job->bytes);
	if (job->opcode == KVPOOL_WIRE_FETCH && !job->depth && !part->offset) {
		job->transfer->found_depth = outcome->depth;
		job->transfer->found_parent = outcome->parent;
	}
}

/*
 * A part of a FETCH, PUSH or DROP has been answered; @waited says that it could
 * wait, and @early that it has not.
 */
static void kvpool_part_end(const struct kvpool_part *part,
			    struct kvpool_wire_outcome *outcome, bool waited,
			    bool early)
{
	struct kvpool_job *job = part->job;

	/* The job does no harm to its queue pairs. */
	WRITE_ONCE(job->returns, 0);
	if (waited && (outcome->status == KVPOOL_WIRE_PENDING ||
		       outcome->status == KVPOOL_WIRE_LATER)) {
		kvpool_range_pending(job, early ||
				     outcome->status == KVPOOL_WIRE_LATER);
		return;
	}
	kvpool_part_forgive(part, outcome);
	if (outcome->length)
		WRITE_ONCE(job->found, outcome->length);
	if (outcome->status)
		kvpool_job_error(job, kvpool_status_errno(outcome->status));
	else
		kvpool_part_moved(part, outcome);
	if (waited)
		kvpool_range_waited(job, part->length);
	else
		kvpool_job_less(job);
}

/* Parts that the peer cannot take now; the last one first, to keep their order. */
static void kvpool_request_later(const struct kvpool_request *request,
				 const void *data)
{
	const struct kvpool_wire_response *wire = data;
	unsigned int i;

	for (i = request->nr_parts; i-- > 0;) {
		const struct kvpool_part *part = &request->parts[i];

		if (!part->job || wire->results[i].status !=
				  cpu_to_le32(KVPOOL_WIRE_LATER))
			continue;
		WRITE_ONCE(part->job->returns, 0);
		kvpool_range_later(part->job, part->offset, part->length);
	}
}

/* End all parts of a request that has been answered. */
static void kvpool_parts_end(struct kvpool_request *request, const void *data,
			     bool waited, bool early, unsigned int nr_later)
{
	struct kvpool_wire_outcome outcome;
	unsigned int i, first = 0;

	for (i = 0; i < request->nr_parts; i++) {
		const struct kvpool_part *part = &request->parts[i];

		if (!part->job) {
			/* It was cancelled. */
		} else if (request->opcode == KVPOOL_WIRE_PROBE) {
			kvpool_probe_end(part, data, first);
		} else {
			if (data)
				kvpool_wire_outcome_decode(data,
							   request->opcode, i,
							   &outcome);
			else
				kvpool_outcome_assume(part, &outcome);
			if (outcome.status != KVPOOL_WIRE_LATER || waited)
				kvpool_part_end(part, &outcome, waited, early);
		}
		first += part->length;
	}
	if (nr_later && !waited)
		kvpool_request_later(request, data);
}

/*
 * Count the bytes of all parts that have moved, and the parts that the peer
 * cannot take now. @data is NULL if all has come.
 */
static u64 kvpool_request_moved(const struct kvpool_request *request,
				const void *data, unsigned int *nr_later)
{
	const struct kvpool_wire_response *wire = data;
	unsigned int i;
	u64 moved = 0;

	*nr_later = 0;
	if (request->opcode == KVPOOL_WIRE_PROBE)
		return 0;
	for (i = 0; i < request->nr_parts; i++) {
		if (!wire || !wire->results[i].status)
			moved += request->parts[i].length;
		else if (wire->results[i].status ==
			 cpu_to_le32(KVPOOL_WIRE_LATER))
			++*nr_later;
	}
	return moved;
}

/* A request of a lane has ended; @taken says that the peer could take some. */
static void kvpool_lane_less(struct kvpool_peer *peer,
			     const struct kvpool_request *request, bool taken)
{
	struct kvpool_lane *lane = &peer->lanes[request->lane];

	spin_lock(&peer->lock);
	lane->nr_requests--;
	if (taken)
		lane->later_ms = 0;
	spin_unlock(&peer->lock);
}

/*
 * The target has answered and does not touch the memory any more. @data is the
 * answer, or NULL if the bytes have come without one.
 */
static void kvpool_request_end(struct kvpool_request *request, const void *data)
{
	struct kvpool_queue *queue = request->queue;
	struct kvpool_link *link = queue->link;
	unsigned long half = msecs_to_jiffies(request->wait_ms / 2);
	bool early = time_before(jiffies, request->sent + half);
	unsigned int nr_later;
	bool waited;
	u64 moved;

	kvpool_request_unmap(request);
	moved = kvpool_request_moved(request, data, &nr_later);

	/* kvpool_fence_work() looks at jobs of busy requests. */
	spin_lock(&queue->lock);
	waited = request->waits;
	kvpool_request_idle(request);
	queue->nr_done++;
	if (request->opcode == KVPOOL_WIRE_FETCH)
		queue->bytes_in += moved;
	else
		queue->bytes_out += moved;
	if (request->is_inline)
		queue->bytes_inline += moved;
	spin_unlock(&queue->lock);
	kvpool_link_done(link, request->bytes);
	trace_kvpool_request_complete(link->peer_id, link->id, queue->index,
				      request->id, request->opcode,
				      request->nr_results, request->bytes);
	/* One that has waited for its time could wait. */
	kvpool_lane_less(link->peer, request,
			 waited ? moved || (!early && !nr_later) :
				  nr_later < request->nr_parts);
	kvpool_parts_end(request, data, waited, early, nr_later);
	kvpool_request_put(request);
}

/* Find a request in flight by what names it; queue->lock is held. */
static struct kvpool_request *kvpool_request_find(struct kvpool_queue *queue,
						  u32 id)
{
	struct kvpool_request *request;
	unsigned int index = id & 0xffff;

	lockdep_assert_held(&queue->lock);
	if (index >= queue->nr_requests)
		return NULL;
	request = queue->requests[index];
	return request->busy && !request->answered && request->id == id ?
	       request : NULL;
}

/* Find the request that waits for this answer; it waits no more then. */
static struct kvpool_request *
kvpool_request_match(struct kvpool_queue *queue,
		     const struct kvpool_wire_message *message)
{
	struct kvpool_request *request;

	spin_lock(&queue->lock);
	request = kvpool_request_find(queue, message->id);
	if (request && (request->opcode != message->opcode ||
			request->is_inline != message->is_inline ||
			request->nr_results != message->nr))
		request = NULL;
	if (request)
		request->answered = true;
	spin_unlock(&queue->lock);
	return request;
}

/**
 * kvpool_request_response() - Handle the answer to a request
 * @queue: where it came; its gate has been entered
 * @data: the response
 * @wc: its completion
 * @message: what was decoded of it
 *
 * Return: KVPOOL_CLOSE_NONE, or why the queue pair is to be closed.
 */
int kvpool_request_response(struct kvpool_queue *queue, const void *data,
			    const struct ib_wc *wc,
			    const struct kvpool_wire_message *message)
{
	bool invalidated = wc->wc_flags & IB_WC_WITH_INVALIDATE;
	struct kvpool_request *request;

	request = kvpool_request_match(queue, message);
	if (!request)
		return KVPOOL_CLOSE_STATE;
	/*
	 * The registration has to be invalid by the answer. If this host had to
	 * invalidate it, the peer might be writing until just now, and soft
	 * RDMA copies a packet after it has looked at the registration.
	 */
	if (invalidated != !!request->nr_sg ||
	    (invalidated && wc->ex.invalidate_rkey != request->mr->rkey)) {
		pr_warn_ratelimited("peer %s: link %u: an answer did not release the memory of its request; the queue pair is drained\n",
				    queue->link->peer_name, queue->link->id);
		return KVPOOL_CLOSE_ACCESS;
	}
	if (message->payload) {
		if (message->length != request->parts[0].length)
			return KVPOOL_CLOSE_MESSAGE;
		if (request->parts[0].job)
			kvpool_request_copy(request, message->payload);
	}
	kvpool_request_end(request, data);
	return KVPOOL_CLOSE_NONE;
}

/* ---- immediates ---- */

/*
 * Find the request whose answer has an immediate, and whose bytes come in a
 * message or not; it waits no more then.
 */
static struct kvpool_request *
kvpool_request_match_imm(struct kvpool_queue *queue, u32 id, bool is_inline)
{
	struct kvpool_request *request;

	spin_lock(&queue->lock);
	request = kvpool_request_find(queue, id);
	if (request && !(is_inline ? request->is_inline : request->whole))
		request = NULL;
	if (request)
		request->answered = true;
	spin_unlock(&queue->lock);
	return request;
}

/* The registration is invalid: what the peer has written is all there is. */
static void kvpool_request_inv_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_request *request =
		container_of(wc->wr_cqe, struct kvpool_request, inv_cqe);
	struct kvpool_queue *queue = request->queue;

	if (!kvpool_request_completed(queue, wc))
		return;
	kvpool_request_end(request, NULL);
	kvpool_gate_leave(&queue->gate);
}

/**
 * kvpool_request_immediate() - The last RDMA WRITE of a FETCH is its answer
 * @queue: where it came; its gate has been entered
 * @id: the request that it names
 *
 * The registration is invalidated here before the request ends.
 *
 * Return: KVPOOL_CLOSE_NONE, or why the queue pair is to be closed.
 */
int kvpool_request_immediate(struct kvpool_queue *queue, u32 id)
{
	struct ib_send_wr wr = {
		.opcode = IB_WR_LOCAL_INV,
		.send_flags = IB_SEND_SIGNALED,
	};
	struct kvpool_request *request;

	if (!(queue->terms.features & KVPOOL_WIRE_IMM))
		return KVPOOL_CLOSE_MESSAGE;
	request = kvpool_request_match_imm(queue, id, false);
	if (!request)
		return KVPOOL_CLOSE_STATE;
	wr.wr_cqe = &request->inv_cqe;
	wr.ex.invalidate_rkey = request->mr->rkey;
	return ib_post_send(queue->cm_id->qp, &wr, NULL) ?
	       KVPOOL_CLOSE_TRANSPORT : KVPOOL_CLOSE_NONE;
}

/**
 * kvpool_request_bare() - A message is the bytes of an inline FETCH alone
 * @queue: where it came; its gate has been entered
 * @buffer: the message
 * @wc: its completion, with an immediate
 *
 * Return: KVPOOL_CLOSE_NONE, or why the queue pair is to be closed.
 */
int kvpool_request_bare(struct kvpool_queue *queue,
			const struct kvpool_buffer *buffer,
			const struct ib_wc *wc)
{
	struct kvpool_request *request;

	if (!(queue->terms.features & KVPOOL_WIRE_IMM))
		return KVPOOL_CLOSE_MESSAGE;
	request = kvpool_request_match_imm(queue, be32_to_cpu(wc->ex.imm_data),
					   true);
	if (!request)
		return KVPOOL_CLOSE_STATE;
	if (wc->byte_len != request->parts[0].length)
		return KVPOOL_CLOSE_MESSAGE;
	WRITE_ONCE(queue->responsive, true);
	ib_dma_sync_single_for_cpu(queue->dev->ib, buffer->sge.addr,
				   wc->byte_len, DMA_FROM_DEVICE);
	if (request->parts[0].job)
		kvpool_request_copy(request, buffer->data);
	kvpool_request_end(request, NULL);
	return KVPOOL_CLOSE_NONE;
}

/**
 * kvpool_request_init() - Prepare a request
 * @request: zeroed
 * @queue: the queue pair that it belongs to
 * @index: its index in the queue pair's requests
 *
 * Return: 0 or a negative errno.
 */
int kvpool_request_init(struct kvpool_request *request,
			struct kvpool_queue *queue, unsigned int index)
{
	request->capsule.cqe.done = kvpool_request_send_done;
	request->reg_cqe.done = kvpool_request_reg_done;
	request->inv_cqe.done = kvpool_request_inv_done;
	return kvpool_request_prepare(request, queue, index);
}

/* ---- requests that wait are cancelled ---- */

/* Take the next request that CANCEL is to be sent for. */
static bool kvpool_queue_next_cancel(struct kvpool_queue *queue, u32 *id)
{
	struct kvpool_request *request;
	bool found = false;
	unsigned int i;

	spin_lock(&queue->lock);
	for (i = 0; i < queue->nr_requests && !found; i++) {
		request = queue->requests[i];
		found = request->cancel && request->busy && !request->answered;
		if (!found)
			continue;
		*id = request->id;
		request->cancel = false;
		queue->nr_cancels--;
	}
	spin_unlock(&queue->lock);
	return found;
}

/**
 * kvpool_requests_cancel() - Ask the peer to answer a request that waits
 * @queue: a queue pair whose gate has been entered
 *
 * One at a time: to be called again when the control capsule is free.
 */
void kvpool_requests_cancel(struct kvpool_queue *queue)
{
	size_t len;
	u32 id;

	if (!READ_ONCE(queue->nr_cancels) ||
	    READ_ONCE(queue->state) != KVPOOL_QUEUE_UP ||
	    !kvpool_queue_control(queue))
		return;
	if (!kvpool_queue_next_cancel(queue, &id)) {
		WRITE_ONCE(queue->control_busy, false);
		return;
	}
	len = kvpool_wire_header_encode(queue->control.data,
					KVPOOL_WIRE_CANCEL, 0, 0, id);
	if (kvpool_queue_send_control(queue, len))
		kvpool_queue_close(queue, KVPOOL_CLOSE_TRANSPORT, -EIO);
}

/**
 * kvpool_request_cancel() - End the request that waits for a job
 * @job: a job that has been cancelled, with a reference
 */
void kvpool_request_cancel(struct kvpool_job *job)
{
	struct kvpool_peer *peer = job->peer;
	struct kvpool_queue *queue = NULL;
	struct kvpool_request *request;

	spin_lock(&peer->lock);
	request = job->waiting;
	if (request && kvpool_gate_enter(&request->queue->gate)) {
		queue = request->queue;
		spin_lock(&queue->lock);
		if (request->busy && request->waits && !request->cancel) {
			request->cancel = true;
			queue->nr_cancels++;
		}
		spin_unlock(&queue->lock);
	}
	spin_unlock(&peer->lock);
	if (!queue)
		return;
	kvpool_requests_cancel(queue);
	kvpool_gate_leave(&queue->gate);
}

/* ---- sending ---- */

/* The next lane that has something to send, or -1; peer->lock is not held. */
static int kvpool_peer_lane(struct kvpool_peer *peer, unsigned int skip)
{
	unsigned int i;
	int found = -1;

	spin_lock(&peer->lock);
	for (i = 0; i < KVPOOL_NR_LANES && found < 0; i++) {
		unsigned int at = (peer->turn + i) % KVPOOL_NR_LANES;
		struct kvpool_lane *lane = &peer->lanes[at];
		struct kvpool_range *range;

		if (skip & BIT(at) || !kvpool_lane_open(lane))
			continue;
		range = list_first_entry(&lane->ranges, struct kvpool_range,
					 entry);
		if (at == KVPOOL_LANE_PUSH && !range->job->slot &&
		    peer->nr_pushes >= peer->max_pushes &&
		    !READ_ONCE(range->job->status))
			continue;
		peer->turn = at + 1;
		found = at;
	}
	spin_unlock(&peer->lock);
	return found;
}

/*
 * Get a request with a credit to fill, or NULL. @share is the number of queue
 * pairs that share what is queued.
 */
static struct kvpool_request *
kvpool_peer_request(struct kvpool_peer *peer, bool waits, unsigned int *share)
{
	struct kvpool_request *request = NULL;
	struct kvpool_queue *queue;

	rcu_read_lock();
	do {
		queue = kvpool_choose(peer, waits, share);
		if (queue)
			request = kvpool_request_alloc(queue, waits);
		/* It may have gone down since: then it is not chosen again. */
	} while (queue && !request);
	rcu_read_unlock();
	return request;
}

/* The bytes that the next request should have; peer->lock is held. */
static u32 kvpool_request_limit(const struct kvpool_peer *peer,
				unsigned int share)
{
	u32 bytes = min_t(u64, peer->queued, KVPOOL_MAX_REQUEST << 8);

	bytes = kvpool_wire_align(DIV_ROUND_UP(bytes, max(share, 1U)));
	return clamp_t(u32, bytes, KVPOOL_MIN_SLICE, KVPOOL_MAX_REQUEST);
}

/* Take a request from a queue pair, unanswered; returns whether it waited. */
static bool kvpool_request_withdraw(struct kvpool_request *request)
{
	struct kvpool_queue *queue = request->queue;
	bool waited;

	spin_lock(&queue->lock);
	waited = request->waits;
	kvpool_request_idle(request);
	spin_unlock(&queue->lock);
	kvpool_link_undo(queue->link, request->bytes);
	kvpool_lane_less(queue->link->peer, request, false);
	return waited;
}

/*
 * The memory of a request cannot be registered now: the cause is in this host,
 * and may be in the job. Its parts are tried again later.
 */
static void kvpool_request_refuse(struct kvpool_request *request, int error)
{
	bool waited = kvpool_request_withdraw(request);
	unsigned int i;

	kvpool_request_unmap(request);
	for (i = request->nr_parts; i-- > 0;) {
		const struct kvpool_part *part = &request->parts[i];
		struct kvpool_job *job = part->job;

		if (++job->returns > KVPOOL_MAX_RETURNS)
			kvpool_job_error(job, error);
		if (waited)
			kvpool_range_pending(job, true);
		else
			kvpool_range_later(job, part->offset, part->length);
	}
	kvpool_request_free(request);
}

/*
 * Send a request of a lane. Returns -EBUSY if no queue pair has a credit for it,
 * and -EAGAIN if a credit was taken and given back.
 */
static int kvpool_lane_send(struct kvpool_peer *peer, enum kvpool_lane_id lane)
{
	bool filled, waits = lane == KVPOOL_LANE_WAIT;
	struct kvpool_request *request;
	struct kvpool_queue *queue;
	unsigned int share;
	LIST_HEAD(ended);
	int ret = 0;

	request = kvpool_peer_request(peer, waits, &share);
	if (!request)
		return -EBUSY;
	queue = request->queue;
	spin_lock(&peer->lock);
	filled = kvpool_request_fill(request, peer, lane,
				     kvpool_request_limit(peer, share), &ended);
	spin_unlock(&peer->lock);
	if (filled) {
		kvpool_link_begin(queue->link, request->bytes);
		ret = kvpool_request_post(request);
		if (ret) {
			kvpool_request_refuse(request, ret);
			ret = -EAGAIN;
		} else {
			/* It may have been cancelled before it was sent. */
			if (waits)
				kvpool_requests_cancel(queue);
			/* The caller looks for what else is to be sent. */
			if (refcount_dec_and_test(&request->refs))
				kvpool_request_free(request);
		}
	} else {
		kvpool_request_free(request);
		ret = -EAGAIN;
	}
	kvpool_gate_leave(&queue->gate);
	kvpool_ranges_end(&ended);
	return ret;
}

/**
 * kvpool_requests_send() - Send what waits at a peer, as far as credits go
 * @peer: the peer
 */
void kvpool_requests_send(struct kvpool_peer *peer)
{
	bool unreachable = false;
	unsigned int skip = 0;
	int lane, ret;

	for (;;) {
		lane = kvpool_peer_lane(peer, skip);
		if (lane < 0)
			break;
		kvpool_peer_want(peer);
		/* For kvpool_request_put(): the lanes, then the credits. */
		smp_mb();
		ret = kvpool_lane_send(peer, lane);
		/* A credit that was given back may be what a lane is short of. */
		if (ret == -EAGAIN)
			skip = 0;
		if (ret != -EBUSY) {
			/* A link has come up since. */
			unreachable = false;
			continue;
		}
		if (lane == KVPOOL_LANE_WAIT && !kvpool_peer_waits(peer)) {
			kvpool_ranges_hurry(peer);
			skip = 0;
			continue;
		}
		skip |= BIT(lane);
		unreachable = kvpool_peer_exhausted(peer);
	}
	if (unreachable)
		kvpool_ranges_fail(peer, -EHOSTUNREACH);
}

/**
 * kvpool_send_work() - Send ranges that a task queued without sending them
 * @work: of the peer
 */
void kvpool_send_work(struct work_struct *work)
{
	kvpool_requests_send(container_of(work, struct kvpool_peer, send_work));
}

/**
 * kvpool_retry_work() - Send what had to wait here, and is due
 * @work: of the peer
 */
void kvpool_retry_work(struct work_struct *work)
{
	struct kvpool_peer *peer = container_of(to_delayed_work(work),
						struct kvpool_peer, retry_work);

	kvpool_ranges_retry(peer);
	kvpool_requests_send(peer);
}

/* ---- the end of a queue pair ---- */

/* Did this host end the queue pair, for instance to cancel another job? */
static bool kvpool_queue_ended_here(const struct kvpool_queue *queue)
{
	return queue->reason == KVPOOL_CLOSE_FENCE ||
	       queue->reason == KVPOOL_CLOSE_LOCAL ||
	       queue->reason == KVPOOL_CLOSE_DEVICE;
}

/* Put a part back to where it was taken from, or end it. */
static void kvpool_part_return(const struct kvpool_queue *queue,
			       const struct kvpool_part *part, bool waited,
			       int seq)
{
	struct kvpool_job *job = part->job;

	if (!job)
		return;
	if (job->return_seq != seq) {
		job->return_seq = seq;
		job->returns += !kvpool_queue_ended_here(queue);
	}
	if (job->returns > KVPOOL_MAX_RETURNS ||
	    job->opcode == KVPOOL_WIRE_DROP)
		kvpool_job_error(job, -EREMOTEIO);
	if (waited)
		kvpool_range_pending(job, false);
	else
		kvpool_range_return(job, part->offset, part->length);
}

static void kvpool_request_return(struct kvpool_request *request, int seq)
{
	bool waited = kvpool_request_withdraw(request);
	unsigned int i;

	kvpool_request_unmap(request);
	for (i = request->nr_parts; i-- > 0;)
		kvpool_part_return(request->queue, &request->parts[i], waited,
				   seq);
}

static void kvpool_queue_no_requests(struct kvpool_queue *queue)
{
	spin_lock(&queue->lock);
	queue->inflight = 0;
	spin_unlock(&queue->lock);
}

/**
 * kvpool_requests_return() - Take back the requests of a drained queue pair
 * @queue: the queue pair; nothing touches their memory any more
 */
void kvpool_requests_return(struct kvpool_queue *queue)
{
	int seq = atomic_inc_return(&kvpool_return_seq);
	unsigned int i;

	for (i = 0; i < queue->nr_requests; i++)
		if (queue->requests[i]->busy)
			kvpool_request_return(queue->requests[i], seq);
	kvpool_queue_no_requests(queue);
}

static void kvpool_request_strand(struct kvpool_request *request)
{
	bool waited = kvpool_request_withdraw(request);
	unsigned int i;

	request->stranded = true;
	for (i = 0; i < request->nr_parts; i++) {
		struct kvpool_part *part = &request->parts[i];
		struct kvpool_job *job = part->job;

		/* Whatever else has failed: the job is not tried again. */
		WRITE_ONCE(job->status, -EIO);
		part->strand = kvpool_transfer_strand(job->transfer);
		if (waited)
			kvpool_range_waited(job, 0);
		else
			kvpool_job_less(job);
	}
}

/**
 * kvpool_requests_strand() - Give up the requests of a stuck queue pair
 * @queue: a queue pair that could not be drained; its gate is closed
 *
 * Jobs whose memory is registered fail. Their memory, the registrations and the
 * requests stay until kvpool_requests_unstrand(). Other requests go another way.
 */
void kvpool_requests_strand(struct kvpool_queue *queue)
{
	int seq = atomic_inc_return(&kvpool_return_seq);
	unsigned int i;

	for (i = 0; i < queue->nr_requests; i++) {
		struct kvpool_request *request = queue->requests[i];

		if (!request->busy)
			continue;
		if (request->nr_mapped)
			kvpool_request_strand(request);
		else
			kvpool_request_return(request, seq);
	}
	kvpool_queue_no_requests(queue);
}

/**
 * kvpool_requests_unstrand() - Free what kvpool_requests_strand() has kept
 * @queue: the queue pair, which has been destroyed, or its device has gone
 */
void kvpool_requests_unstrand(struct kvpool_queue *queue)
{
	unsigned int i, j;

	for (i = 0; i < queue->nr_requests; i++) {
		struct kvpool_request *request = queue->requests[i];

		if (!request->stranded)
			continue;
		kvpool_request_unmap(request);
		for (j = 0; j < request->nr_parts; j++)
			kvpool_strand_put(request->parts[j].strand);
		request->stranded = false;
	}
}
