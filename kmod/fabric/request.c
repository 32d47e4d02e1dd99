// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of the initiator: memory is registered for one request, the capsule
 * is sent, the answer invalidates the registration. After the answer, or once
 * the queue pair has been drained, no device touches the memory any more.
 */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "xfer/mover.h"

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
	default:
		return -EREMOTEIO;
	}
}

static enum dma_data_direction
kvpool_request_dir(const struct kvpool_request *request)
{
	return request->opcode == KVPOOL_WIRE_FETCH ? DMA_FROM_DEVICE :
						    DMA_TO_DEVICE;
}

static bool kvpool_opcode_moves(u8 opcode)
{
	return opcode == KVPOOL_WIRE_FETCH || opcode == KVPOOL_WIRE_PUSH;
}

/* Take a credit of a queue pair, whose gate is entered then. */
static struct kvpool_request *kvpool_request_alloc(struct kvpool_queue *queue)
{
	struct kvpool_request *request = NULL;

	spin_lock(&queue->lock);
	if (queue->state == KVPOOL_QUEUE_UP && !list_empty(&queue->free) &&
	    kvpool_gate_enter(&queue->gate)) {
		request = list_first_entry(&queue->free, struct kvpool_request,
					   entry);
		list_del(&request->entry);
		/* Already here, so that the fence always finds its jobs. */
		request->busy = true;
		queue->inflight++;
	}
	spin_unlock(&queue->lock);
	if (request && !READ_ONCE(queue->link->watch_soon)) {
		WRITE_ONCE(queue->link->watch_soon, true);
		mod_delayed_work(kvpool_rdma_wq, &queue->link->watch_work,
				 msecs_to_jiffies(KVPOOL_STALL_MS));
	}
	return request;
}

static void kvpool_request_free(struct kvpool_request *request)
{
	struct kvpool_queue *queue = request->queue;

	spin_lock(&queue->lock);
	request->busy = false;
	list_add(&request->entry, &queue->free);
	queue->inflight--;
	spin_unlock(&queue->lock);
}

/* Its send or its response is over. */
static void kvpool_request_put(struct kvpool_request *request)
{
	struct kvpool_peer *peer = request->queue->link->peer;

	if (!refcount_dec_and_test(&request->refs))
		return;
	kvpool_request_free(request);
	/* The credit, then the list; the reverse of kvpool_requests_send(). */
	smp_mb();
	if (!list_empty_careful(&peer->pending))
		kvpool_requests_send(peer);
}

static void kvpool_request_unmap(struct kvpool_request *request)
{
	if (request->nr_mapped)
		ib_dma_unmap_sg(request->queue->dev->ib, request->sg,
				request->nr_sg, kvpool_request_dir(request));
	request->nr_mapped = 0;
}

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

/* A block may exist there because it was sealed, and the answer was lost. */
static void kvpool_part_forgive(struct kvpool_part *part)
{
	if (part->status == KVPOOL_WIRE_EXISTS && part->job->return_seq &&
	    part->found == part->job->block_length)
		part->status = KVPOOL_WIRE_OK;
}

/* The owner may have replaced the block between two parts of a FETCH. */
static bool kvpool_part_fits(struct kvpool_part *part)
{
	u64 first = atomic64_cmpxchg(&part->job->generation, 0,
				     part->generation);

	return !first || first == part->generation;
}

/* The target has answered and does not touch the memory any more. */
static void kvpool_request_end(struct kvpool_request *request)
{
	struct kvpool_queue *queue = request->queue;
	struct kvpool_link *link = queue->link;
	unsigned int i, nr = request->nr_parts;
	u64 moved = 0;

	kvpool_request_unmap(request);
	for (i = 0; i < nr; i++) {
		kvpool_part_forgive(&request->parts[i]);
		if (!request->parts[i].status)
			moved += request->parts[i].length;
	}

	/* kvpool_fence_work() looks at jobs of busy requests. */
	spin_lock(&queue->lock);
	request->busy = false;
	queue->nr_done++;
	if (request->opcode == KVPOOL_WIRE_FETCH)
		queue->bytes_in += moved;
	else
		queue->bytes_out += moved;
	spin_unlock(&queue->lock);
	atomic64_sub(request->bytes, &link->inflight);
	kvpool_link_sample(link, request->bytes, request->sent);
	trace_kvpool_request_complete(link->peer_id, link->id, queue->index,
				      request->id, request->opcode, nr,
				      request->bytes);

	for (i = 0; i < nr; i++) {
		struct kvpool_part *part = &request->parts[i];
		struct kvpool_job *job = part->job;

		/* It was cancelled. */
		if (!job)
			continue;
		if (part->found)
			WRITE_ONCE(job->found, part->found);
		if (part->status)
			kvpool_job_error(job,
					 kvpool_status_errno(part->status));
		else if (!kvpool_part_fits(part))
			kvpool_job_error(job, -EAGAIN);
		else
			atomic_add(part->length, &job->bytes);
		WRITE_ONCE(job->returns, 0);
		kvpool_job_less(job);
	}
	kvpool_request_put(request);
}

/* Find the request that waits for this answer; it waits no more then. */
static struct kvpool_request *
kvpool_request_match(struct kvpool_queue *queue,
		     const struct kvpool_wire_message *message)
{
	unsigned int index = message->id & 0xffff;
	struct kvpool_request *request = NULL;

	spin_lock(&queue->lock);
	if (index < queue->nr_requests) {
		request = queue->requests[index];
		if (!request->busy || request->answered ||
		    request->id != message->id ||
		    request->opcode != message->opcode ||
		    request->nr_parts != message->nr)
			request = NULL;
		else
			request->answered = true;
	}
	spin_unlock(&queue->lock);
	return request;
}

/**
 * kvpool_request_response() - Handle the answer to a request
 * @queue: where it came; its gate has been entered
 * @data: the response
 * @wc: its completion
 * @message: what was decoded of it
 */
void kvpool_request_response(struct kvpool_queue *queue, const void *data,
			     struct ib_wc *wc,
			     const struct kvpool_wire_message *message)
{
	bool invalidated = wc->wc_flags & IB_WC_WITH_INVALIDATE;
	struct kvpool_request *request;
	unsigned int i;

	request = kvpool_request_match(queue, message);
	if (!request) {
		kvpool_queue_close(queue, KVPOOL_CLOSE_STATE, -EPROTO);
		return;
	}
	/*
	 * The registration has to be invalid by the answer. If this host had to
	 * invalidate it, the peer might be writing until just now, and soft
	 * RDMA copies a packet after it has looked at the registration.
	 */
	if (invalidated != !!request->nr_sg ||
	    (invalidated && wc->ex.invalidate_rkey != request->mr->rkey)) {
		pr_warn_ratelimited("peer %s: link %u: an answer did not release the memory of its request; the queue pair is drained\n",
				    queue->link->peer_name, queue->link->id);
		kvpool_queue_close(queue, KVPOOL_CLOSE_ACCESS, -EPROTO);
		return;
	}
	for (i = 0; i < request->nr_parts; i++)
		request->parts[i].status =
			kvpool_wire_result_decode(data, i,
						  &request->parts[i].found,
					       &request->parts[i].generation);
	kvpool_request_end(request);
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
	struct ib_device *ib = queue->dev->ib;
	u32 pages = min3(ib->attrs.max_fast_reg_page_list_len,
			 queue->terms.max_bytes / KVPOOL_WIRE_PAGE,
			 KVPOOL_MAX_REQUEST / KVPOOL_WIRE_PAGE);
	int ret;

	request->queue = queue;
	request->id = index;
	request->answered = true;
	sg_init_table(request->sg, KVPOOL_MAX_SG);
	request->mr = ib_alloc_mr(queue->pd, IB_MR_TYPE_MEM_REG, pages);
	if (IS_ERR(request->mr))
		return PTR_ERR(request->mr);
	ret = kvpool_buffer_init(&request->capsule, queue->pd,
				 KVPOOL_WIRE_CAPSULE_MAX, DMA_TO_DEVICE);
	if (ret) {
		ib_dereg_mr(request->mr);
		return ret;
	}
	request->max_bytes = pages * KVPOOL_WIRE_PAGE;

	request->capsule.cqe.done = kvpool_request_send_done;
	request->reg_cqe.done = kvpool_request_reg_done;
	request->reg_wr.wr.wr_cqe = &request->reg_cqe;
	request->reg_wr.wr.opcode = IB_WR_REG_MR;
	request->reg_wr.wr.next = &request->send_wr;
	request->reg_wr.mr = request->mr;
	request->send_wr.wr_cqe = &request->capsule.cqe;
	request->send_wr.opcode = IB_WR_SEND;
	request->send_wr.send_flags = IB_SEND_SIGNALED;
	request->send_wr.sg_list = &request->capsule.sge;
	request->send_wr.num_sge = 1;
	return 0;
}

/**
 * kvpool_request_exit() - Undo kvpool_request_init(); it is not in flight
 * @request: the request
 */
void kvpool_request_exit(struct kvpool_request *request)
{
	kvpool_buffer_exit(&request->capsule, request->queue->pd);
	ib_dereg_mr(request->mr);
}

/* Take as much of a range as fits; false if there is no room at all. */
static bool kvpool_request_take(struct kvpool_request *request,
				struct kvpool_range *range, u32 limit)
{
	struct kvpool_job *job = range->job;
	struct kvpool_part *part = &request->parts[request->nr_parts];
	u32 length = range->length, covered = 0;

	if (kvpool_opcode_moves(request->opcode)) {
		if (request->bytes >= limit || request->nr_sg == KVPOOL_MAX_SG)
			return false;
		length = min(length, limit - request->bytes);
		request->nr_sg +=
			kvpool_transfer_sg(job->transfer, range->offset,
					   kvpool_wire_align(length),
					   request->sg + request->nr_sg,
					   KVPOOL_MAX_SG - request->nr_sg,
					   &covered);
		length = min(length, covered);
		request->bytes += kvpool_wire_align(length);
	}
	part->job = job;
	part->offset = range->offset;
	part->length = length;
	request->nr_parts++;
	job->sent = true;
	return true;
}

/* Fill a request from the head of the queue; peer->lock is held. */
static void kvpool_request_fill(struct kvpool_request *request,
				struct kvpool_peer *peer, u32 limit,
				struct list_head *ended)
{
	unsigned int max = request->queue->terms.max_segs;
	struct kvpool_range *range, *next;
	const char *tenant = NULL;
	u32 length;

	limit = min(limit, request->max_bytes);
	request->nr_parts = 0;
	request->nr_sg = 0;
	request->bytes = 0;
	list_for_each_entry_safe(range, next, &peer->pending, entry) {
		struct kvpool_job *job = range->job;

		/* Its other parts have failed already. */
		if (READ_ONCE(job->status)) {
			kvpool_range_unlink(peer, range);
			list_add_tail(&range->entry, ended);
			continue;
		}
		if (!tenant) {
			tenant = job->tenant;
			request->opcode = job->opcode;
		} else if (job->opcode != request->opcode ||
			   (job->tenant != tenant &&
			    strcmp(job->tenant, tenant))) {
			break;
		}
		if (request->nr_parts == max ||
		    !kvpool_request_take(request, range, limit))
			break;
		length = request->parts[request->nr_parts - 1].length;
		if (length == range->length) {
			kvpool_range_unlink(peer, range);
			kvpool_range_free(range);
		} else {
			range->offset += length;
			range->length -= length;
			peer->queued -= length;
			atomic_inc(&job->pending);
			break;
		}
	}
	atomic64_add(request->bytes, &request->queue->link->inflight);
}

static void kvpool_request_encode(struct kvpool_request *request)
{
	struct kvpool_wire_request *wire = request->capsule.data;
	struct kvpool_wire_message message = {
		.opcode = request->opcode,
		.nr = request->nr_parts,
		.id = request->id,
		.tenant = request->parts[0].job->tenant,
	};
	unsigned int i;

	if (request->nr_sg) {
		message.address = request->mr->iova;
		message.rkey = request->mr->rkey;
		message.length = request->bytes;
	}
	for (i = 0; i < request->nr_parts; i++) {
		const struct kvpool_part *from = &request->parts[i];
		struct kvpool_wire_part part = {
			.key = *from->job->key,
			.push = from->job->push,
			.block_length = from->job->block_length,
			.offset = from->offset,
			.length = from->length,
			.depth = from->job->depth,
		};

		if (part.depth > 1)
			part.parent = *from->job->parent;
		kvpool_wire_part_encode(&wire->segments[i], &part);
	}
	request->capsule.sge.length = kvpool_wire_request_encode(wire,
								 &message);
	ib_dma_sync_single_for_device(request->queue->dev->ib,
				      request->capsule.sge.addr,
				      request->capsule.sge.length,
				      DMA_TO_DEVICE);
}

static int kvpool_request_register(struct kvpool_request *request)
{
	struct ib_mr *mr = request->mr;
	int nr;

	nr = ib_dma_map_sg(request->queue->dev->ib, request->sg, request->nr_sg,
			   kvpool_request_dir(request));
	if (nr <= 0)
		return -ENOMEM;
	request->nr_mapped = nr;
	ib_update_fast_reg_key(mr, ib_inc_rkey(mr->rkey));
	if (ib_map_mr_sg(mr, request->sg, nr, NULL, KVPOOL_WIRE_PAGE) != nr)
		return -EIO;
	/* The peer learns no address of this host. */
	mr->iova = (u64)request->id << 32;
	request->reg_wr.key = mr->rkey;
	request->reg_wr.access = request->opcode == KVPOOL_WIRE_FETCH ?
		IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_WRITE :
		IB_ACCESS_REMOTE_READ;
	return 0;
}

/* Send a request that has been filled; its queue's gate has been entered. */
static void kvpool_request_post(struct kvpool_request *request)
{
	struct kvpool_queue *queue = request->queue;
	const struct ib_send_wr *wr = &request->send_wr;
	int ret;

	request->id += 1U << 16;
	/* If this fails it goes another way: kvpool_requests_return(). */
	if (request->nr_sg) {
		ret = kvpool_request_register(request);
		if (ret) {
			kvpool_queue_close(queue, KVPOOL_CLOSE_MEMORY, ret);
			return;
		}
		wr = &request->reg_wr.wr;
	}
	kvpool_request_encode(request);
	request->sent = ktime_get_ns();
	refcount_set(&request->refs, 2);
	trace_kvpool_request_send(queue->link->peer_id, queue->link->id,
				  queue->index, request->id, request->opcode,
				  request->nr_parts, request->bytes);
	spin_lock(&queue->lock);
	request->answered = false;
	spin_unlock(&queue->lock);
	ret = ib_post_send(queue->cm_id->qp, wr, NULL);
	if (ret)
		kvpool_queue_close(queue, KVPOOL_CLOSE_TRANSPORT, ret);
}

/* The bytes that the next request should have; peer->lock is held. */
static u32 kvpool_request_limit(const struct kvpool_peer *peer)
{
	unsigned int up = kvpool_peer_queues_up(peer);
	u32 share;

	share = min_t(u64, peer->queued, KVPOOL_MAX_REQUEST << 8);
	share = kvpool_wire_align(DIV_ROUND_UP(share, max(up, 1U)));
	return clamp_t(u32, share, KVPOOL_MIN_SLICE, KVPOOL_MAX_REQUEST);
}

/* Get a request with a credit to fill, or NULL; peer->lock is held. */
static struct kvpool_request *kvpool_peer_request(struct kvpool_peer *peer)
{
	struct kvpool_request *request = NULL;
	struct kvpool_queue *queue;

	do {
		queue = kvpool_peer_choose(peer);
		if (queue)
			request = kvpool_request_alloc(queue);
		/* It may have gone down since: then it is not chosen again. */
	} while (queue && !request);
	return request;
}

/**
 * kvpool_requests_send() - Send what waits at a peer, as far as credits go
 * @peer: the peer
 */
void kvpool_requests_send(struct kvpool_peer *peer)
{
	struct kvpool_request *request;
	bool unreachable = false;
	LIST_HEAD(ended);

	do {
		request = NULL;
		spin_lock(&peer->lock);
		/* For kvpool_request_put(): the list, then the credits. */
		smp_mb__after_spinlock();
		if (!list_empty(&peer->pending)) {
			request = kvpool_peer_request(peer);
			if (request)
				kvpool_request_fill(request, peer,
						    kvpool_request_limit(peer),
						    &ended);
			else
				unreachable = kvpool_peer_unreachable(peer);
		}
		spin_unlock(&peer->lock);
		if (request) {
			struct kvpool_gate *gate = &request->queue->gate;

			if (request->nr_parts)
				kvpool_request_post(request);
			else
				kvpool_request_free(request);
			kvpool_gate_leave(gate);
		}
		kvpool_ranges_end(&ended);
		INIT_LIST_HEAD(&ended);
	} while (request);
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
 * kvpool_retry_work() - Send the ranges of jobs whose delay is over
 * @work: of the peer
 */
void kvpool_retry_work(struct work_struct *work)
{
	struct kvpool_peer *peer = container_of(to_delayed_work(work),
						struct kvpool_peer, retry_work);

	kvpool_ranges_retry(peer);
	kvpool_requests_send(peer);
}

/* Did this host end the queue pair, for instance to cancel another job? */
static bool kvpool_queue_ended_here(const struct kvpool_queue *queue)
{
	return queue->reason == KVPOOL_CLOSE_FENCE ||
	       queue->reason == KVPOOL_CLOSE_LOCAL ||
	       queue->reason == KVPOOL_CLOSE_DEVICE;
}

/* Put a part back to where it was taken from, or end it. */
static void kvpool_part_return(const struct kvpool_queue *queue,
			       const struct kvpool_part *part, int seq)
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
	kvpool_range_return(job, part->offset, part->length);
}

/**
 * kvpool_requests_return() - Take back the requests of a drained queue pair
 * @queue: the queue pair; nothing touches their memory any more
 */
void kvpool_requests_return(struct kvpool_queue *queue)
{
	int seq = atomic_inc_return(&kvpool_return_seq);
	unsigned int i, j;

	for (i = 0; i < queue->nr_requests; i++) {
		struct kvpool_request *request = queue->requests[i];

		if (!request->busy)
			continue;
		kvpool_request_unmap(request);
		spin_lock(&queue->lock);
		request->busy = false;
		spin_unlock(&queue->lock);
		atomic64_sub(request->bytes, &queue->link->inflight);
		for (j = request->nr_parts; j-- > 0;)
			kvpool_part_return(queue, &request->parts[j], seq);
	}
	spin_lock(&queue->lock);
	queue->inflight = 0;
	spin_unlock(&queue->lock);
}
