// SPDX-License-Identifier: GPL-2.0
/*
 * Links: queue pairs to a peer, connected, watched and connected again.
 *
 * Each queue pair has one work that connects it and takes it down, so neither
 * needs a lock against the other. Of a queue pair that was up, another work ends the
 * requests first, on a workqueue where nobody blocks. That is the fence: when
 * ib_drain_qp() has returned, the NIC no longer touches the memory of any of them.
 */
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "fabric/rdma.h"

static unsigned int kvpool_queues;
module_param_named(queues, kvpool_queues, uint, 0644);
MODULE_PARM_DESC(queues, "queue pairs of a new link, up to 8; 0 follows the CPUs");

static enum kvpool_link_state
kvpool_link_state(const struct kvpool_link *link, unsigned int *up)
{
	enum kvpool_link_state best = KVPOOL_LINK_DOWN;
	unsigned int i;

	*up = 0;
	for (i = 0; i < link->nr_queues; i++) {
		switch (READ_ONCE(link->queues[i].state)) {
		case KVPOOL_QUEUE_UP:
			++*up;
			break;
		case KVPOOL_QUEUE_CONNECTING:
			best = KVPOOL_LINK_CONNECTING;
			break;
		case KVPOOL_QUEUE_DRAINING:
			if (best == KVPOOL_LINK_DOWN)
				best = KVPOOL_LINK_DRAINING;
			break;
		case KVPOOL_QUEUE_DOWN:
			break;
		}
	}
	return *up ? KVPOOL_LINK_UP : best;
}

/**
 * kvpool_link_read() - Describe a link
 * @link: the link
 * @info: where to
 */
void kvpool_link_read(struct kvpool_link *link, struct kvpool_link_info *info)
{
	unsigned int i;

	memset(info, 0, sizeof(*info));
	info->peer = link->peer->id;
	info->id = link->id;
	info->dst = link->dst;
	info->src = link->src;
	info->state = kvpool_link_state(link, &info->queues);
	info->close_reason = READ_ONCE(link->reason);
	info->last_error = READ_ONCE(link->error);
	info->rate = READ_ONCE(link->rate) << 10;
	info->errors = atomic_read(&link->errors);
	info->reconnects = atomic_read(&link->reconnects);
	if (info->state != KVPOOL_LINK_DOWN)
		strscpy(info->ibdev, link->ibdev, sizeof(info->ibdev));
	for (i = 0; i < link->nr_queues; i++) {
		struct kvpool_queue *queue = &link->queues[i];

		spin_lock(&queue->lock);
		info->inflight += queue->inflight;
		info->requests += queue->nr_done;
		info->bytes_in += queue->bytes_in;
		info->bytes_out += queue->bytes_out;
		spin_unlock(&queue->lock);
	}
}

/* Tell who listens if the link as a whole has changed. */
static void kvpool_link_notify(struct kvpool_link *link)
{
	struct kvpool_link_info info;

	mutex_lock(&link->notify_lock);
	kvpool_link_read(link, &info);
	if (link->state != info.state) {
		link->state = info.state;
		kvpool_netlink_link_event(&info, KVPOOL_LINK_CHANGED);
	}
	mutex_unlock(&link->notify_lock);
}

/**
 * kvpool_queue_fail() - End a queue pair, from any context that may take a lock
 * @queue: the queue
 * @reason: enum kvpool_close
 * @error: negative errno, or zero
 *
 * It is fenced, and its requests go another way.
 */
void kvpool_queue_fail(struct kvpool_queue *queue, int reason, int error)
{
	spin_lock(&queue->lock);
	if ((queue->state == KVPOOL_QUEUE_UP ||
	     queue->state == KVPOOL_QUEUE_CONNECTING) && !queue->reason) {
		queue->reason = reason;
		queue->error = error;
		if (queue->state == KVPOOL_QUEUE_UP) {
			queue->state = KVPOOL_QUEUE_DRAINING;
			queue_work(kvpool_rdma_wq, &queue->fence_work);
		} else {
			complete_all(&queue->event);
		}
	}
	spin_unlock(&queue->lock);
}

static void kvpool_queue_alive_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_queue *queue = wc->qp->qp_context;

	WRITE_ONCE(queue->alive_busy, false);
	if (wc->status != IB_WC_SUCCESS)
		kvpool_queue_fail(queue, KVPOOL_CLOSE_TRANSPORT, -EIO);
}

/* Send what is in the buffer of AUTH and ALIVE. The gate has been entered. */
static int kvpool_queue_alive_post(struct kvpool_queue *queue, size_t len)
{
	struct kvpool_buffer *buffer = &queue->alive;
	struct ib_send_wr wr = {
		.wr_cqe = &buffer->cqe,
		.sg_list = &buffer->sge,
		.num_sge = 1,
		.opcode = IB_WR_SEND,
		.send_flags = IB_SEND_SIGNALED,
	};

	buffer->sge.length = len;
	buffer->cqe.done = kvpool_queue_alive_done;
	queue->alive_busy = true;
	WRITE_ONCE(queue->alive_sent, jiffies | 1);
	ib_dma_sync_single_for_device(queue->dev->ib, buffer->sge.addr, len,
				      DMA_TO_DEVICE);
	return ib_post_send(queue->cm_id->qp, &wr, NULL);
}

static void kvpool_queue_receive(struct kvpool_queue *queue,
				 struct kvpool_buffer *buffer, struct ib_wc *wc)
{
	struct kvpool_wire_message message;
	int reason;

	ib_dma_sync_single_for_cpu(queue->dev->ib, buffer->sge.addr,
				   buffer->sge.length, DMA_FROM_DEVICE);
	reason = kvpool_wire_response_get(buffer->data, wc->byte_len, &message);
	WRITE_ONCE(queue->heard, jiffies);
	WRITE_ONCE(queue->link->heard, jiffies);
	/* Only requests have registered something that can be invalidated. */
	if (wc->wc_flags & IB_WC_WITH_IMM ||
	    (!reason && wc->wc_flags & IB_WC_WITH_INVALIDATE &&
	     (message.opcode == KVPOOL_WIRE_AUTH ||
	      message.opcode == KVPOOL_WIRE_ALIVE)))
		reason = KVPOOL_CLOSE_MESSAGE;
	if (!reason) {
		switch (message.opcode) {
		case KVPOOL_WIRE_AUTH:
			if (READ_ONCE(queue->state) !=
			    KVPOOL_QUEUE_CONNECTING || !queue->alive_sent) {
				reason = KVPOOL_CLOSE_STATE;
				break;
			}
			memcpy(queue->proof, message.proof,
			       sizeof(queue->proof));
			WRITE_ONCE(queue->alive_sent, 0);
			complete(&queue->event);
			break;
		case KVPOOL_WIRE_ALIVE:
			if (READ_ONCE(queue->state) == KVPOOL_QUEUE_CONNECTING ||
			    !READ_ONCE(queue->alive_sent))
				reason = KVPOOL_CLOSE_STATE;
			WRITE_ONCE(queue->alive_sent, 0);
			WRITE_ONCE(queue->heeded, true);
			break;
		default:
			WRITE_ONCE(queue->heeded, true);
			kvpool_request_response(queue, buffer->data, wc,
						&message);
		}
	}
	if (reason)
		kvpool_queue_fail(queue, reason, -EPROTO);
	else if (kvpool_buffer_recv(buffer, queue->cm_id->qp))
		kvpool_queue_fail(queue, KVPOOL_CLOSE_TRANSPORT, -EIO);
}

static void kvpool_queue_receive_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_buffer *buffer =
		container_of(wc->wr_cqe, struct kvpool_buffer, cqe);
	struct kvpool_queue *queue = wc->qp->qp_context;

	/* Also where it was flushed: whoever means to do that says so before. */
	if (wc->status != IB_WC_SUCCESS) {
		kvpool_queue_fail(queue, KVPOOL_CLOSE_TRANSPORT, -EIO);
		return;
	}
	if (!kvpool_gate_enter(&queue->gate))
		return;
	kvpool_queue_receive(queue, buffer, wc);
	kvpool_gate_leave(&queue->gate);
}

/*
 * Has the link been silent for long, while others of the peer were not? What it is
 * waited for may be behind other answers: twice the time of a large one is added.
 */
static bool kvpool_queue_suspect(const struct kvpool_queue *queue,
				 unsigned long asked)
{
	struct kvpool_link *link = queue->link;
	unsigned long since = READ_ONCE(link->heard), other;
	u64 ms;

	if (!kvpool_peer_heard(link->peer, link, &other))
		return false;
	if (time_after(asked, since))
		since = asked;
	ms = div64_u64(2ULL * MSEC_PER_SEC * (KVPOOL_MAX_REQUEST >> 10),
		       max(READ_ONCE(link->rate), 1ULL));
	ms = KVPOOL_SUSPECT_MS + min_t(u64, ms, KVPOOL_SILENT_MS);
	return time_after(other, since + msecs_to_jiffies(ms));
}

/* Ask idle and stalled peers whether they live; end what is silent. */
static void kvpool_queue_watch(struct kvpool_queue *queue)
{
	unsigned long now = jiffies, sent, wait, heard;
	int ret = 0;

	if (!kvpool_gate_enter(&queue->gate))
		return;
	/* While the gate is held, it does not begin anew. */
	if (READ_ONCE(queue->state) != KVPOOL_QUEUE_UP)
		goto out;
	sent = READ_ONCE(queue->alive_sent);
	heard = READ_ONCE(queue->heard);
	wait = READ_ONCE(queue->inflight) ? KVPOOL_STALL_MS : KVPOOL_IDLE_MS;
	if (sent) {
		/* The answer may be behind a lot of other answers. */
		if (time_after(sent, heard))
			heard = sent;
		if (time_after(now, heard + msecs_to_jiffies(KVPOOL_SILENT_MS)) ||
		    kvpool_queue_suspect(queue, sent))
			kvpool_queue_fail(queue, KVPOOL_CLOSE_TIMEOUT,
					  -ETIMEDOUT);
	} else if (!READ_ONCE(queue->alive_busy) &&
		   time_after(now, heard + msecs_to_jiffies(wait))) {
		kvpool_wire_header_put(queue->alive.data, KVPOOL_WIRE_ALIVE, 0,
				       0, 0);
		ret = kvpool_queue_alive_post(queue,
					      sizeof(struct kvpool_wire_header));
		if (ret)
			kvpool_queue_fail(queue, KVPOOL_CLOSE_TRANSPORT, ret);
	}
out:
	kvpool_gate_leave(&queue->gate);
}

static void kvpool_link_alive_work(struct work_struct *work)
{
	struct kvpool_link *link = container_of(to_delayed_work(work),
						struct kvpool_link, alive_work);
	unsigned int i, ms = 1000;

	for (i = 0; i < link->nr_queues; i++) {
		kvpool_queue_watch(&link->queues[i]);
		if (READ_ONCE(link->queues[i].inflight))
			ms = KVPOOL_STALL_MS;
	}
	WRITE_ONCE(link->brisk, ms == KVPOOL_STALL_MS);
	queue_delayed_work(kvpool_rdma_wq, &link->alive_work,
			   msecs_to_jiffies(ms));
}

/* ---- connecting ---- */

static void kvpool_queue_rejected(struct kvpool_queue *queue,
				  struct rdma_cm_event *event)
{
	const void *data;
	u8 len = 0;

	data = rdma_consumer_reject_data(queue->cm_id, event, &len);
	kvpool_queue_fail(queue, kvpool_wire_reject_get(data, len),
			  -ECONNREFUSED);
}

static int kvpool_queue_cm(struct rdma_cm_id *cm_id,
			   struct rdma_cm_event *event)
{
	struct kvpool_queue *queue = cm_id->context;
	struct kvpool_wire_terms asked = queue->terms;
	int reason;

	switch (event->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		complete(&queue->event);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		reason = kvpool_wire_accept_get(event->param.conn.private_data,
						event->param.conn.private_data_len,
						&asked, &queue->terms);
		if (reason) {
			kvpool_queue_fail(queue, reason, -EPROTO);
			break;
		}
		memcpy(&queue->given, event->param.conn.private_data,
		       sizeof(queue->given));
		complete(&queue->event);
		break;
	case RDMA_CM_EVENT_ADDR_ERROR:
	case RDMA_CM_EVENT_ROUTE_ERROR:
		kvpool_queue_fail(queue, KVPOOL_CLOSE_ADDRESS,
				  event->status < 0 ? event->status :
						      -EHOSTUNREACH);
		break;
	case RDMA_CM_EVENT_REJECTED:
		kvpool_queue_rejected(queue, event);
		break;
	case RDMA_CM_EVENT_CONNECT_ERROR:
		kvpool_queue_fail(queue, KVPOOL_CLOSE_TRANSPORT,
				  event->status < 0 ? event->status : -EIO);
		break;
	case RDMA_CM_EVENT_UNREACHABLE:
		/* The address has an owner, who does not answer. */
		kvpool_queue_fail(queue, KVPOOL_CLOSE_TIMEOUT, -ETIMEDOUT);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		kvpool_queue_fail(queue, KVPOOL_CLOSE_PEER, -ECONNRESET);
		break;
	case RDMA_CM_EVENT_ADDR_CHANGE:
		kvpool_queue_fail(queue, KVPOOL_CLOSE_ADDRESS, -EADDRNOTAVAIL);
		break;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		/* kvpool_ibdev_remove() takes the queue pair down. */
		kvpool_queue_fail(queue, KVPOOL_CLOSE_DEVICE, -ENODEV);
		break;
	default:
		break;
	}
	return 0;
}

/* Wait for the connection manager, or the peer. */
static int kvpool_queue_step(struct kvpool_queue *queue, int reason)
{
	if (!wait_for_completion_timeout(&queue->event,
					 msecs_to_jiffies(KVPOOL_CM_TIMEOUT_MS +
							  500)))
		kvpool_queue_fail(queue, reason, -ETIMEDOUT);
	if (READ_ONCE(queue->link->dead))
		kvpool_queue_fail(queue, KVPOOL_CLOSE_LOCAL, -ESHUTDOWN);
	return READ_ONCE(queue->reason) ? -ECONNABORTED : 0;
}

static int kvpool_queue_resolve(struct kvpool_queue *queue)
{
	struct kvpool_link *link = queue->link;
	struct sockaddr *src = NULL;
	int ret;

	if (link->src.ss_family != AF_UNSPEC)
		src = (struct sockaddr *)&link->src;
	ret = rdma_resolve_addr(queue->cm_id, src,
				(struct sockaddr *)&link->dst,
				KVPOOL_CM_TIMEOUT_MS);
	ret = ret ?: kvpool_queue_step(queue, KVPOOL_CLOSE_ADDRESS);
	if (ret)
		return ret;
	ret = rdma_resolve_route(queue->cm_id, KVPOOL_CM_TIMEOUT_MS);
	return ret ?: kvpool_queue_step(queue, KVPOOL_CLOSE_ADDRESS);
}

static unsigned int kvpool_queue_credits(const struct ib_device *ib)
{
	/* Two work requests for each, and what is spare. */
	int max = min(ib->attrs.max_qp_wr, ib->attrs.max_cqe / 2) / 2 - 4;

	return clamp(max, 1, KVPOOL_CREDITS);
}

/* Everything that a queue pair needs, from the device on. */
static int kvpool_queue_alloc(struct kvpool_queue *queue)
{
	struct ib_qp_init_attr attr = {};
	unsigned int i, credits;
	int ret;

	queue->port = queue->cm_id->port_num;
	/* Where this is seen too late, kvpool_peers_fail() sees the device. */
	smp_store_mb(queue->dev, kvpool_ibdev_get(queue->cm_id->device));
	if (!queue->dev || READ_ONCE(queue->dev->gone))
		return -ENODEV;
	strscpy(queue->link->ibdev, dev_name(&queue->dev->ib->dev),
		sizeof(queue->link->ibdev));
	credits = kvpool_queue_credits(queue->dev->ib);

	queue->pd = ib_alloc_pd(queue->dev->ib, 0);
	if (IS_ERR(queue->pd)) {
		ret = PTR_ERR(queue->pd);
		queue->pd = NULL;
		return ret;
	}

	attr.cap.max_send_wr = 2 * credits + 2;
	attr.cap.max_recv_wr = credits + KVPOOL_CREDITS_EXTRA + 1;
	attr.cap.max_send_sge = 1;
	attr.cap.max_recv_sge = 1;
	attr.sq_sig_type = IB_SIGNAL_REQ_WR;
	attr.qp_type = IB_QPT_RC;
	attr.qp_context = queue;
	queue->nr_cqe = attr.cap.max_send_wr + attr.cap.max_recv_wr;
	queue->cq = ib_cq_pool_get(queue->dev->ib, queue->nr_cqe, queue->index,
				   IB_POLL_WORKQUEUE);
	if (IS_ERR(queue->cq)) {
		ret = PTR_ERR(queue->cq);
		queue->cq = NULL;
		return ret;
	}
	attr.send_cq = queue->cq;
	attr.recv_cq = queue->cq;
	ret = kvpool_buffer_init(&queue->alive, queue->pd,
				 sizeof(struct kvpool_wire_auth),
				 DMA_TO_DEVICE);
	if (ret)
		return ret;
	ret = rdma_create_qp(queue->cm_id, queue->pd, &attr);
	if (ret)
		return ret;
	kvpool_gate_open(&queue->gate);

	queue->responses = kcalloc(credits + KVPOOL_CREDITS_EXTRA,
				   sizeof(*queue->responses), GFP_KERNEL);
	queue->requests = kcalloc(credits, sizeof(*queue->requests),
				  GFP_KERNEL);
	if (!queue->responses || !queue->requests)
		return -ENOMEM;
	for (i = 0; i < credits + KVPOOL_CREDITS_EXTRA; i++) {
		struct kvpool_buffer *buffer = &queue->responses[i];

		ret = kvpool_buffer_init(buffer, queue->pd,
					 KVPOOL_WIRE_RESPONSE_MAX,
					 DMA_FROM_DEVICE);
		if (ret)
			return ret;
		queue->nr_responses++;
		buffer->cqe.done = kvpool_queue_receive_done;
		ret = kvpool_buffer_recv(buffer, queue->cm_id->qp);
		if (ret)
			return ret;
	}
	queue->terms.credits = credits;
	return 0;
}

/* What can be made only once the other side's limits are known. */
static int kvpool_queue_alloc_requests(struct kvpool_queue *queue)
{
	struct kvpool_request *request;
	unsigned int i;
	int ret;

	for (i = 0; i < queue->terms.credits; i++) {
		request = kvzalloc(sizeof(*request), GFP_KERNEL);
		if (!request)
			return -ENOMEM;
		ret = kvpool_request_init(request, queue, i);
		if (ret) {
			kvfree(request);
			return ret;
		}
		queue->requests[queue->nr_requests++] = request;
		list_add_tail(&request->entry, &queue->free);
	}
	return 0;
}

static int kvpool_queue_connect(struct kvpool_queue *queue)
{
	struct ib_device_attr *limits = &queue->dev->ib->attrs;
	struct rdma_conn_param param = {};
	int ret;

	queue->terms.queue = queue->index;
	queue->terms.nr_queues = queue->link->nr_queues;
	memcpy(queue->terms.host, kvpool_fabric_host, KVPOOL_WIRE_HOST);
	get_random_bytes(queue->asked.nonce, sizeof(queue->asked.nonce));
	kvpool_wire_connect_put(&queue->asked, &queue->terms);

	rdma_set_ack_timeout(queue->cm_id, KVPOOL_ACK_TIMEOUT);
	rdma_set_min_rnr_timer(queue->cm_id, KVPOOL_RNR_TIMER);
	param.private_data = &queue->asked;
	param.private_data_len = sizeof(queue->asked);
	/* The target reads from here to take what is pushed. */
	param.responder_resources = min(limits->max_qp_rd_atom, 16);
	param.retry_count = KVPOOL_RETRY;
	param.rnr_retry_count = KVPOOL_RETRY;
	ret = rdma_connect(queue->cm_id, &param);
	return ret ?: kvpool_queue_step(queue, KVPOOL_CLOSE_TIMEOUT);
}

/* Prove that we know the secret, and let the target do so. */
static int kvpool_queue_auth(struct kvpool_queue *queue)
{
	struct kvpool_wire_auth *wire = queue->alive.data;
	bool open = queue->terms.auth == KVPOOL_WIRE_AUTH_OPEN;
	u8 proof[KVPOOL_WIRE_PROOF] = {};
	int ret = 0;

	if (open && !kvpool_auth_open()) {
		kvpool_queue_fail(queue, KVPOOL_CLOSE_AUTH, -EACCES);
		return -EACCES;
	}
	if (!open)
		ret = kvpool_auth_proof(false, &queue->asked, &queue->given,
					proof);
	if (ret) {
		kvpool_queue_fail(queue, KVPOOL_CLOSE_AUTH, ret);
		return ret;
	}
	kvpool_wire_header_put(wire, KVPOOL_WIRE_AUTH, 0, 0, 0);
	memcpy(wire->proof, proof, sizeof(proof));
	ret = kvpool_queue_alive_post(queue, sizeof(*wire));
	ret = ret ?: kvpool_queue_step(queue, KVPOOL_CLOSE_TIMEOUT);
	if (ret) {
		/* It does not say why it closes: that is what it does then. */
		if (queue->reason == KVPOOL_CLOSE_PEER)
			queue->reason = KVPOOL_CLOSE_AUTH;
		return ret;
	}

	if (!open)
		ret = kvpool_auth_proof(true, &queue->asked, &queue->given,
					proof);
	if (!ret && !kvpool_auth_equal(proof, queue->proof))
		ret = -EACCES;
	if (ret)
		kvpool_queue_fail(queue, KVPOOL_CLOSE_AUTH, ret);
	return ret;
}

static int kvpool_queue_up(struct kvpool_queue *queue)
{
	struct rdma_cm_id *cm_id;
	int ret;

	cm_id = rdma_create_id(&init_net, kvpool_queue_cm, queue, RDMA_PS_TCP,
			       IB_QPT_RC);
	if (IS_ERR(cm_id))
		return PTR_ERR(cm_id);
	queue->cm_id = cm_id;
	ret = kvpool_queue_resolve(queue);
	ret = ret ?: kvpool_queue_alloc(queue);
	ret = ret ?: kvpool_queue_connect(queue);
	ret = ret ?: kvpool_queue_alloc_requests(queue);
	return ret ?: kvpool_queue_auth(queue);
}

/* Let nothing use the queue pair any more, and send its requests another way. */
static void kvpool_queue_fence(struct kvpool_queue *queue)
{
	kvpool_gate_close(&queue->gate);
	ib_drain_qp(queue->cm_id->qp);
	kvpool_requests_return(queue);
	/* What it was busy with is gone: pairs with kvpool_queue_work(). */
	smp_store_release(&queue->fenced, true);
	kvpool_requests_send(queue->link->peer);
}

/* Undo kvpool_queue_up(), however far it got. */
static void kvpool_queue_down(struct kvpool_queue *queue)
{
	unsigned int i;

	if (!queue->cm_id)
		return;
	if (queue->cm_id->qp) {
		if (!queue->fenced)
			kvpool_queue_fence(queue);
		/* The peer stops by itself, if it hears this. */
		rdma_disconnect(queue->cm_id);
	}

	INIT_LIST_HEAD(&queue->free);
	for (i = 0; i < queue->nr_requests; i++) {
		kvpool_request_exit(queue->requests[i]);
		kvfree(queue->requests[i]);
	}
	queue->nr_requests = 0;
	kfree(queue->requests);
	queue->requests = NULL;
	for (i = 0; i < queue->nr_responses; i++)
		kvpool_buffer_exit(&queue->responses[i], queue->pd);
	queue->nr_responses = 0;
	kfree(queue->responses);
	queue->responses = NULL;
	if (queue->alive.data)
		kvpool_buffer_exit(&queue->alive, queue->pd);

	if (queue->cm_id->qp)
		rdma_destroy_qp(queue->cm_id);
	if (queue->cq)
		ib_cq_pool_put(queue->cq, queue->nr_cqe);
	queue->cq = NULL;
	if (queue->pd)
		ib_dealloc_pd(queue->pd);
	queue->pd = NULL;
	rdma_destroy_id(queue->cm_id);
	queue->cm_id = NULL;
	if (queue->dev)
		kvpool_ibdev_put(queue->dev);
	queue->dev = NULL;
}

static void kvpool_queue_set(struct kvpool_queue *queue,
			     enum kvpool_queue_state state)
{
	spin_lock(&queue->lock);
	queue->state = state;
	spin_unlock(&queue->lock);
}

static void kvpool_queue_begin(struct kvpool_queue *queue)
{
	spin_lock(&queue->lock);
	queue->state = KVPOOL_QUEUE_CONNECTING;
	queue->reason = KVPOOL_CLOSE_NONE;
	queue->error = 0;
	reinit_completion(&queue->event);
	queue->alive_sent = 0;
	queue->alive_busy = false;
	queue->fenced = false;
	queue->heeded = false;
	spin_unlock(&queue->lock);
}

/* It may have failed since the last step. */
static bool kvpool_queue_ready(struct kvpool_queue *queue)
{
	bool ready;

	if (!kvpool_peer_agrees(queue->link->peer, queue))
		kvpool_queue_fail(queue, KVPOOL_CLOSE_ADDRESS, -EXDEV);
	spin_lock(&queue->lock);
	ready = !queue->reason;
	if (ready) {
		queue->state = KVPOOL_QUEUE_UP;
		queue->heard = jiffies;
		queue->since = jiffies;
	}
	spin_unlock(&queue->lock);
	return ready;
}

/* How long to wait before the next attempt; a little apart from others. */
static unsigned long kvpool_queue_backoff(const struct kvpool_queue *queue)
{
	unsigned int ms = KVPOOL_BACKOFF_MIN_MS <<
			  min(READ_ONCE(queue->failures), 8U);

	ms = min_t(unsigned int, ms, KVPOOL_BACKOFF_MAX_MS);
	return msecs_to_jiffies(ms + get_random_u32() % (ms / 4));
}

/* Nothing but a link that is deleted keeps it from trying again. */
static void kvpool_queue_failed(struct kvpool_queue *queue)
{
	struct kvpool_link *link = queue->link;

	spin_lock(&queue->lock);
	queue->state = KVPOOL_QUEUE_DOWN;
	spin_unlock(&queue->lock);
	kvpool_link_notify(link);
	/* Fails what waits if there is no other link to hope for. */
	kvpool_requests_send(link->peer);
	if (!READ_ONCE(link->dead))
		queue_delayed_work(kvpool_connect_wq, &queue->work,
				   kvpool_queue_backoff(queue));
}

/**
 * kvpool_queue_retry() - Connect soon, since something has changed
 * @queue: the queue; nothing happens unless it is down
 */
void kvpool_queue_retry(struct kvpool_queue *queue)
{
	spin_lock(&queue->lock);
	/* One that connects may fail yet for what is no longer so. */
	if (queue->failures)
		queue->failures = 1;
	if (queue->state == KVPOOL_QUEUE_DOWN && !READ_ONCE(queue->link->dead))
		mod_delayed_work(kvpool_connect_wq, &queue->work, 0);
	spin_unlock(&queue->lock);
}

static void kvpool_queue_ended(struct kvpool_queue *queue)
{
	struct kvpool_link *link = queue->link;

	WRITE_ONCE(link->reason, queue->reason);
	WRITE_ONCE(link->error, queue->error);
	if (queue->reason != KVPOOL_CLOSE_LOCAL &&
	    queue->reason != KVPOOL_CLOSE_FENCE)
		atomic_inc(&link->errors);
}

static void kvpool_queue_fence_work(struct work_struct *work)
{
	struct kvpool_queue *queue =
		container_of(work, struct kvpool_queue, fence_work);
	struct kvpool_link *link = queue->link;
	unsigned long hold = 0;

	kvpool_queue_ended(queue);
	kvpool_link_notify(link);
	kvpool_queue_fence(queue);
	/*
	 * Just after a port has lost its carrier, a message of the connection
	 * manager that is dropped in the host costs soft RDMA its GSI queue
	 * pair, and with it all new connections.
	 */
	if (queue->reason == KVPOOL_CLOSE_TRANSPORT && !READ_ONCE(link->dead))
		hold = msecs_to_jiffies(KVPOOL_HOLD_MS);
	queue_delayed_work(kvpool_connect_wq, &queue->work, hold);
}

/*
 * Take down what is fenced. Returns whether to connect again at once: a peer that
 * accepts and then falls silent or dies gets one chance.
 */
static bool kvpool_queue_undo(struct kvpool_queue *queue)
{
	bool at_once;

	kvpool_queue_down(queue);
	spin_lock(&queue->lock);
	if (queue->reason == KVPOOL_CLOSE_FENCE ||
	    time_after(jiffies, queue->since +
				msecs_to_jiffies(KVPOOL_LASTED_MS)))
		queue->heeded = true;
	if (queue->heeded)
		queue->failures = 0;
	at_once = !queue->failures;
	if (!queue->heeded)
		queue->failures++;
	spin_unlock(&queue->lock);
	return at_once;
}

static void kvpool_queue_work(struct work_struct *work)
{
	struct kvpool_queue *queue = container_of(to_delayed_work(work),
						  struct kvpool_queue, work);
	struct kvpool_link *link = queue->link;
	bool again = true;
	int ret;

	switch (READ_ONCE(queue->state)) {
	case KVPOOL_QUEUE_UP:
		return;
	case KVPOOL_QUEUE_DRAINING:
		/* Otherwise it is queued when it is; pairs with the fence. */
		if (!smp_load_acquire(&queue->fenced))
			return;
		again = kvpool_queue_undo(queue);
		break;
	default:
		break;
	}
	if (READ_ONCE(link->dead)) {
		kvpool_queue_set(queue, KVPOOL_QUEUE_DOWN);
		kvpool_link_notify(link);
		return;
	}
	if (!again) {
		kvpool_queue_failed(queue);
		return;
	}

	kvpool_queue_begin(queue);
	kvpool_link_notify(link);
	ret = kvpool_queue_up(queue);
	if (!ret && kvpool_queue_ready(queue)) {
		if (queue->was_up)
			atomic_inc(&link->reconnects);
		queue->was_up = true;
		kvpool_link_notify(link);
		kvpool_requests_send(link->peer);
		return;
	}

	if (!queue->reason) {
		queue->reason = ret == -ENOMEM ? KVPOOL_CLOSE_MEMORY :
				ret == -ENODEV ? KVPOOL_CLOSE_DEVICE :
						 KVPOOL_CLOSE_ADDRESS;
		queue->error = ret;
	}
	kvpool_queue_ended(queue);
	kvpool_queue_down(queue);
	spin_lock(&queue->lock);
	queue->failures++;
	spin_unlock(&queue->lock);
	kvpool_queue_failed(queue);
}

/* ---- links as a whole ---- */

static unsigned int kvpool_link_queues(void)
{
	unsigned int nr = READ_ONCE(kvpool_queues) ?: num_online_cpus();

	return min_t(unsigned int, nr, KVPOOL_MAX_QUEUES);
}

/**
 * kvpool_link_new() - Make a link that does not connect yet
 * @peer: whose; the link takes a reference
 * @dst: address there
 * @src: address here, or NULL
 *
 * Return: the link, or NULL without memory.
 */
struct kvpool_link *kvpool_link_new(struct kvpool_peer *peer,
				    const struct sockaddr_storage *dst,
				    const struct sockaddr_storage *src)
{
	unsigned int i, nr = kvpool_link_queues();
	struct kvpool_link *link;

	link = kvzalloc(struct_size(link, queues, nr), GFP_KERNEL);
	if (!link)
		return NULL;
	refcount_inc(&peer->refs);
	link->peer = peer;
	link->dst = *dst;
	if (src)
		link->src = *src;
	link->rate = 100 << 10;
	link->nr_queues = nr;
	mutex_init(&link->notify_lock);
	INIT_DELAYED_WORK(&link->alive_work, kvpool_link_alive_work);
	for (i = 0; i < nr; i++) {
		struct kvpool_queue *queue = &link->queues[i];

		queue->link = link;
		queue->index = i;
		spin_lock_init(&queue->lock);
		INIT_DELAYED_WORK(&queue->work, kvpool_queue_work);
		INIT_WORK(&queue->fence_work, kvpool_queue_fence_work);
		INIT_LIST_HEAD(&queue->free);
		init_completion(&queue->event);
	}
	return link;
}

/**
 * kvpool_link_start() - Begin to connect
 * @link: a link that its peer knows
 */
void kvpool_link_start(struct kvpool_link *link)
{
	struct kvpool_link_info info;
	unsigned int i;

	kvpool_link_read(link, &info);
	kvpool_netlink_link_event(&info, KVPOOL_LINK_ADDED);
	for (i = 0; i < link->nr_queues; i++)
		queue_delayed_work(kvpool_connect_wq, &link->queues[i].work, 0);
	queue_delayed_work(kvpool_rdma_wq, &link->alive_work, HZ);
}

/**
 * kvpool_link_free() - Fence a link and free it
 * @link: a link that its peer does not know any more
 */
void kvpool_link_free(struct kvpool_link *link)
{
	struct kvpool_peer *peer = link->peer;
	struct kvpool_link_info info;
	unsigned int i;

	WRITE_ONCE(link->dead, true);
	for (i = 0; i < link->nr_queues; i++) {
		kvpool_queue_fail(&link->queues[i], KVPOOL_CLOSE_LOCAL, 0);
		/* One that connects ends that; then none arms the work again. */
		mod_delayed_work(kvpool_connect_wq, &link->queues[i].work, 0);
	}
	for (i = 0; i < link->nr_queues; i++) {
		flush_delayed_work(&link->queues[i].work);
		/* It may have come up just before it was told. */
		kvpool_queue_fail(&link->queues[i], KVPOOL_CLOSE_LOCAL, 0);
	}
	for (i = 0; i < link->nr_queues; i++) {
		flush_work(&link->queues[i].fence_work);
		flush_delayed_work(&link->queues[i].work);
	}
	cancel_delayed_work_sync(&link->alive_work);
	kvpool_link_read(link, &info);
	/* Not if its peer had no room for it. */
	if (link->id)
		kvpool_netlink_link_event(&info, KVPOOL_LINK_DELETED);
	kvfree(link);
	kvpool_peer_put(peer);
}
