// SPDX-License-Identifier: GPL-2.0
/*
 * Connects a queue pair to a peer, receives on it, fences it and takes it down.
 * reconnect.c says when.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "fabric/auth.h"
#include "fabric/connect.h"
#include "fabric/limits.h"
#include "fabric/peer.h"
#include "fabric/request.h"
#include "fabric/trace.h"

#define KVPOOL_CM_TIMEOUT_MS	2000	/* one step of connecting */

/* ---- receiving ---- */

static void kvpool_queue_receive(struct kvpool_queue *queue,
				 struct kvpool_buffer *buffer, struct ib_wc *wc)
{
	struct kvpool_wire_message message;
	int reason;

	ib_dma_sync_single_for_cpu(queue->dev->ib, buffer->sge.addr,
				   buffer->sge.length, DMA_FROM_DEVICE);
	reason = kvpool_wire_response_decode(buffer->data, wc->byte_len,
					     &message);
	WRITE_ONCE(queue->heard, jiffies);
	WRITE_ONCE(queue->link->heard, jiffies);
	/* Only requests register memory that can be invalidated. */
	if (wc->wc_flags & IB_WC_WITH_IMM ||
	    (!reason && wc->wc_flags & IB_WC_WITH_INVALIDATE &&
	     (message.opcode == KVPOOL_WIRE_AUTH ||
	      message.opcode == KVPOOL_WIRE_ALIVE)))
		reason = KVPOOL_CLOSE_MESSAGE;
	if (!reason) {
		switch (message.opcode) {
		case KVPOOL_WIRE_AUTH:
			if (READ_ONCE(queue->state) !=
			    KVPOOL_QUEUE_CONNECTING || !queue->control_sent) {
				reason = KVPOOL_CLOSE_STATE;
				break;
			}
			memcpy(queue->proof, message.proof,
			       sizeof(queue->proof));
			WRITE_ONCE(queue->control_sent, 0);
			complete(&queue->event);
			break;
		case KVPOOL_WIRE_ALIVE:
			if (!READ_ONCE(queue->control_sent) ||
			    READ_ONCE(queue->state) ==
			    KVPOOL_QUEUE_CONNECTING)
				reason = KVPOOL_CLOSE_STATE;
			WRITE_ONCE(queue->control_sent, 0);
			WRITE_ONCE(queue->responsive, true);
			break;
		default:
			WRITE_ONCE(queue->responsive, true);
			kvpool_request_response(queue, buffer->data, wc,
						&message);
		}
	}
	if (reason)
		kvpool_queue_close(queue, reason, -EPROTO);
	else if (kvpool_buffer_recv(buffer, queue->cm_id->qp))
		kvpool_queue_close(queue, KVPOOL_CLOSE_TRANSPORT, -EIO);
}

static void kvpool_queue_receive_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_buffer *buffer =
		container_of(wc->wr_cqe, struct kvpool_buffer, cqe);
	struct kvpool_queue *queue = wc->qp->qp_context;

	/*
	 * Also if it was flushed: a queue pair that is ended on purpose is
	 * closed before that, and the first reason counts.
	 */
	if (wc->status != IB_WC_SUCCESS) {
		kvpool_queue_close(queue, KVPOOL_CLOSE_TRANSPORT, -EIO);
		return;
	}
	if (!kvpool_gate_enter(&queue->gate))
		return;
	kvpool_queue_receive(queue, buffer, wc);
	kvpool_gate_leave(&queue->gate);
}

/* ---- connecting ---- */

static void kvpool_queue_rejected(struct kvpool_queue *queue,
				  struct rdma_cm_event *event)
{
	const void *data;
	u8 len = 0;

	data = rdma_consumer_reject_data(queue->cm_id, event, &len);
	kvpool_queue_close(queue, kvpool_wire_reject_decode(data, len),
			   -ECONNREFUSED);
}

static int kvpool_queue_cm(struct rdma_cm_id *cm_id,
			   struct rdma_cm_event *event)
{
	struct kvpool_queue *queue = cm_id->context;
	const struct rdma_conn_param *conn = &event->param.conn;
	struct kvpool_wire_terms asked = queue->terms;
	int reason;

	switch (event->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		complete(&queue->event);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		reason = kvpool_wire_accept_decode(conn->private_data,
						   conn->private_data_len,
						   &asked, &queue->terms);
		if (reason) {
			kvpool_queue_close(queue, reason, -EPROTO);
			break;
		}
		memcpy(&queue->accept, conn->private_data,
		       sizeof(queue->accept));
		complete(&queue->event);
		break;
	case RDMA_CM_EVENT_ADDR_ERROR:
	case RDMA_CM_EVENT_ROUTE_ERROR:
		kvpool_queue_close(queue, KVPOOL_CLOSE_ADDRESS,
				   event->status < 0 ? event->status :
						       -EHOSTUNREACH);
		break;
	case RDMA_CM_EVENT_REJECTED:
		kvpool_queue_rejected(queue, event);
		break;
	case RDMA_CM_EVENT_CONNECT_ERROR:
		kvpool_queue_close(queue, KVPOOL_CLOSE_TRANSPORT,
				   event->status < 0 ? event->status : -EIO);
		break;
	case RDMA_CM_EVENT_UNREACHABLE:
		/* The host at the address does not answer. */
		kvpool_queue_close(queue, KVPOOL_CLOSE_TIMEOUT, -ETIMEDOUT);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		kvpool_queue_close(queue, KVPOOL_CLOSE_PEER, -ECONNRESET);
		break;
	case RDMA_CM_EVENT_ADDR_CHANGE:
		kvpool_queue_close(queue, KVPOOL_CLOSE_ADDRESS, -EADDRNOTAVAIL);
		break;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		/* kvpool_ibdev_remove() takes the queue pair down. */
		kvpool_queue_close(queue, KVPOOL_CLOSE_DEVICE, -ENODEV);
		break;
	default:
		break;
	}
	return 0;
}

/* Wait for the connection manager, or for the peer. */
static int kvpool_queue_step(struct kvpool_queue *queue, int reason)
{
	if (!wait_for_completion_timeout(&queue->event,
					 msecs_to_jiffies(KVPOOL_CM_TIMEOUT_MS +
							  500)))
		kvpool_queue_close(queue, reason, -ETIMEDOUT);
	if (READ_ONCE(queue->link->dead))
		kvpool_queue_close(queue, KVPOOL_CLOSE_LOCAL, -ESHUTDOWN);
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

/* All that a queue pair needs of the device. */
static int kvpool_queue_alloc(struct kvpool_queue *queue)
{
	struct ib_qp_init_attr attr = {};
	unsigned int i, credits;
	int ret;

	queue->port = queue->cm_id->port_num;
	/* If @gone is set later, kvpool_peers_close() sees the device. */
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
	ret = kvpool_buffer_init(&queue->control, queue->pd,
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

/* Requests can be made only when the other side's limits are known. */
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

static int kvpool_queue_request_connection(struct kvpool_queue *queue)
{
	struct ib_device_attr *limits = &queue->dev->ib->attrs;
	struct rdma_conn_param param = {};
	int ret;

	queue->terms.queue = queue->index;
	queue->terms.nr_queues = queue->link->nr_queues;
	memcpy(queue->terms.host, kvpool_auth_identity, KVPOOL_WIRE_HOST);
	get_random_bytes(queue->connect.nonce, sizeof(queue->connect.nonce));
	kvpool_wire_connect_encode(&queue->connect, &queue->terms);

	rdma_set_ack_timeout(queue->cm_id, KVPOOL_ACK_TIMEOUT);
	rdma_set_min_rnr_timer(queue->cm_id, KVPOOL_RNR_TIMER);
	param.private_data = &queue->connect;
	param.private_data_len = sizeof(queue->connect);
	/* The target reads from here to take what is pushed. */
	param.responder_resources = min(limits->max_qp_rd_atom, 16);
	param.retry_count = KVPOOL_QP_RETRIES;
	param.rnr_retry_count = KVPOOL_QP_RETRIES;
	ret = rdma_connect(queue->cm_id, &param);
	return ret ?: kvpool_queue_step(queue, KVPOOL_CLOSE_TIMEOUT);
}

/* Prove that this host knows the secret, and check that the target does. */
static int kvpool_queue_authenticate(struct kvpool_queue *queue)
{
	struct kvpool_wire_auth *wire = queue->control.data;
	bool open = queue->terms.auth == KVPOOL_WIRE_AUTH_OPEN;
	u8 proof[KVPOOL_WIRE_PROOF] = {};
	int ret = 0;

	if (open && !kvpool_auth_open()) {
		kvpool_queue_close(queue, KVPOOL_CLOSE_AUTH, -EACCES);
		return -EACCES;
	}
	if (!open)
		ret = kvpool_auth_proof(KVPOOL_AUTH_INITIATOR, &queue->connect,
					&queue->accept, proof);
	if (ret) {
		kvpool_queue_close(queue, KVPOOL_CLOSE_AUTH, ret);
		return ret;
	}
	kvpool_wire_header_encode(wire, KVPOOL_WIRE_AUTH, 0, 0, 0);
	memcpy(wire->proof, proof, sizeof(proof));
	ret = kvpool_queue_send_control(queue, sizeof(*wire));
	ret = ret ?: kvpool_queue_step(queue, KVPOOL_CLOSE_TIMEOUT);
	if (ret) {
		/* A target closes without a reason if it refuses the proof. */
		if (queue->reason == KVPOOL_CLOSE_PEER)
			queue->reason = KVPOOL_CLOSE_AUTH;
		return ret;
	}

	if (!open)
		ret = kvpool_auth_proof(KVPOOL_AUTH_TARGET, &queue->connect,
					&queue->accept, proof);
	if (!ret && !kvpool_auth_equal(proof, queue->proof))
		ret = -EACCES;
	if (ret)
		kvpool_queue_close(queue, KVPOOL_CLOSE_AUTH, ret);
	return ret;
}

/**
 * kvpool_queue_connect() - Connect a queue pair and authenticate the peer
 * @queue: a queue pair that is CONNECTING
 *
 * Waits for the peer, within bounds. kvpool_queue_disconnect() has to follow
 * also if it fails.
 *
 * Return: 0 or a negative errno.
 */
int kvpool_queue_connect(struct kvpool_queue *queue)
{
	struct rdma_cm_id *cm_id;
	int ret;

	cm_id = rdma_create_id(&init_net, kvpool_queue_cm, queue, RDMA_PS_TCP,
			       IB_QPT_RC);
	if (IS_ERR(cm_id))
		return PTR_ERR(cm_id);
	queue->cm_id = cm_id;
	trace_kvpool_queue_connect(queue->link->peer_id, queue->link->id,
				   queue->index, 0, 0);
	ret = kvpool_queue_resolve(queue);
	ret = ret ?: kvpool_queue_alloc(queue);
	ret = ret ?: kvpool_queue_request_connection(queue);
	ret = ret ?: kvpool_queue_alloc_requests(queue);
	return ret ?: kvpool_queue_authenticate(queue);
}

/**
 * kvpool_queue_fence() - End the requests of a queue pair
 * @queue: a queue pair with a QP, which carries no new requests
 *
 * When it returns no device touches the memory of its requests, and they go
 * another way.
 */
void kvpool_queue_fence(struct kvpool_queue *queue)
{
	const struct kvpool_link *link = queue->link;

	trace_kvpool_fence_begin(link->peer_id, link->id, queue->index,
				 READ_ONCE(queue->inflight));
	kvpool_gate_close(&queue->gate);
	ib_drain_qp(queue->cm_id->qp);
	kvpool_requests_return(queue);
	trace_kvpool_fence_end(link->peer_id, link->id, queue->index,
			       READ_ONCE(queue->inflight));
	/* Nothing uses it any more: pairs with kvpool_reconnect_work(). */
	smp_store_release(&queue->fenced, true);
	kvpool_requests_send(queue->link->peer);
}

/**
 * kvpool_queue_disconnect() - Undo kvpool_queue_connect(), however far it got
 * @queue: the queue pair
 */
void kvpool_queue_disconnect(struct kvpool_queue *queue)
{
	unsigned int i;

	if (!queue->cm_id)
		return;
	if (queue->cm_id->qp) {
		/*
		 * Before the fence: from now on the connection manager does not
		 * change the state of the queue pair, as it does with an answer
		 * that arrives late. The peer stops by itself when it gets this
		 * message.
		 */
		rdma_disconnect(queue->cm_id);
		if (!queue->fenced)
			kvpool_queue_fence(queue);
		/* It may refer to the memory regions of the requests. */
		rdma_destroy_qp(queue->cm_id);
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
	if (queue->control.data)
		kvpool_buffer_exit(&queue->control, queue->pd);

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
