// SPDX-License-Identifier: GPL-2.0
/*
 * Connects a queue pair to a peer, receives on it, fences it and takes it down.
 * reconnect.c says when.
 */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/slab.h>

#include <rdma/rdma_cm_ib.h>

#include "fabric/auth.h"
#include "fabric/bind.h"
#include "fabric/connect.h"
#include "fabric/exchange.h"
#include "fabric/limits.h"
#include "fabric/peer.h"
#include "fabric/request.h"
#include "fabric/resources.h"
#include "fabric/settings.h"
#include "fabric/trace.h"
#include "fabric/wq.h"

#define KVPOOL_RESOLVE_MS	2000	/* address, route */
/* The connection manager repeats a lost message after 4.3 s. */
#define KVPOOL_REPLY_MS		6000

#define KVPOOL_VECTOR_SPREAD	4096	/* links, after that they share vectors */
#define KVPOOL_CQ_ROUND		65536	/* as the core takes of a CQ at once */

/* ---- receiving ---- */

/* Handle a message; returns why the queue pair is to be closed. */
static int kvpool_queue_message(struct kvpool_queue *queue,
				struct kvpool_buffer *buffer,
				const struct ib_wc *wc)
{
	struct kvpool_wire_message message;
	int reason;

	ib_dma_sync_single_for_cpu(queue->dev->ib, buffer->sge.addr,
				   buffer->sge.length, DMA_FROM_DEVICE);
	reason = kvpool_wire_response_decode(buffer->data, wc->byte_len,
					     &message);
	/* Only requests register memory that can be invalidated. */
	if (!reason && wc->wc_flags & IB_WC_WITH_INVALIDATE &&
	    (message.opcode == KVPOOL_WIRE_AUTH ||
	     message.opcode == KVPOOL_WIRE_ALIVE ||
	     message.opcode == KVPOOL_WIRE_CANCEL))
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
		case KVPOOL_WIRE_CANCEL:
			if (!READ_ONCE(queue->control_sent) ||
			    READ_ONCE(queue->state) ==
			    KVPOOL_QUEUE_CONNECTING)
				reason = KVPOOL_CLOSE_STATE;
			WRITE_ONCE(queue->control_sent, 0);
			WRITE_ONCE(queue->responsive, true);
			kvpool_requests_cancel(queue);
			break;
		default:
			if (READ_ONCE(queue->state) ==
			    KVPOOL_QUEUE_CONNECTING) {
				reason = KVPOOL_CLOSE_STATE;
				break;
			}
			WRITE_ONCE(queue->responsive, true);
			reason = kvpool_request_response(queue, buffer->data,
							 wc, &message);
		}
	}
	return reason;
}

static void kvpool_queue_receive(struct kvpool_queue *queue,
				 struct kvpool_buffer *buffer, struct ib_wc *wc)
{
	int reason;

	WRITE_ONCE(queue->heard, jiffies);
	WRITE_ONCE(queue->link->heard, jiffies);
	if (wc->opcode == IB_WC_RECV_RDMA_WITH_IMM)
		reason = kvpool_request_immediate(queue,
						  be32_to_cpu(wc->ex.imm_data));
	else if (wc->wc_flags & IB_WC_WITH_IMM)
		reason = kvpool_request_bare(queue, buffer, wc);
	else
		reason = kvpool_queue_message(queue, buffer, wc);
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
	int reason;
	u16 mtu;

	data = rdma_consumer_reject_data(queue->cm_id, event, &len);
	reason = kvpool_wire_reject_decode(data, len, &mtu);
	if (reason == KVPOOL_CLOSE_MTU)
		queue->offered = mtu;
	kvpool_queue_close(queue, reason, -ECONNREFUSED);
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
static int kvpool_queue_step(struct kvpool_queue *queue, unsigned int ms,
			     int reason)
{
	if (!wait_for_completion_timeout(&queue->event, msecs_to_jiffies(ms)))
		kvpool_queue_close(queue, reason, -ETIMEDOUT);
	if (READ_ONCE(queue->link->dead))
		kvpool_queue_close(queue, KVPOOL_CLOSE_LOCAL, -ESHUTDOWN);
	return READ_ONCE(queue->reason) ? -ECONNABORTED : 0;
}

/*
 * On InfiniBand a route is asked for at the subnet manager: once for a link,
 * until an attempt fails. RoCE finds it in this host.
 */
static bool kvpool_queue_use_path(struct kvpool_queue *queue)
{
	struct rdma_cm_id *cm_id = queue->cm_id;
	struct kvpool_link *link = queue->link;
	struct sa_path_rec path;
	union ib_gid sgid, dgid;
	bool found;

	if (!rdma_protocol_ib(cm_id->device, cm_id->port_num))
		return false;
	mutex_lock(&link->notify_lock);
	found = link->has_path;
	path = link->path;
	mutex_unlock(&link->notify_lock);
	rdma_read_gids(cm_id, &sgid, &dgid);
	return found && !memcmp(&path.sgid, &sgid, sizeof(sgid)) &&
	       !memcmp(&path.dgid, &dgid, sizeof(dgid)) &&
	       !rdma_set_ib_path(cm_id, &path);
}

static void kvpool_queue_keep_path(struct kvpool_queue *queue)
{
	struct rdma_cm_id *cm_id = queue->cm_id;
	struct kvpool_link *link = queue->link;

	if (!rdma_protocol_ib(cm_id->device, cm_id->port_num))
		return;
	mutex_lock(&link->notify_lock);
	link->path = *cm_id->route.path_rec;
	link->has_path = true;
	mutex_unlock(&link->notify_lock);
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
				KVPOOL_RESOLVE_MS);
	ret = ret ?: kvpool_queue_step(queue, KVPOOL_RESOLVE_MS + 500,
				       KVPOOL_CLOSE_ADDRESS);
	if (ret)
		return ret;
	kvpool_settings_apply(queue->cm_id);
	if (kvpool_queue_use_path(queue))
		return 0;
	ret = rdma_resolve_route(queue->cm_id, KVPOOL_RESOLVE_MS);
	ret = ret ?: kvpool_queue_step(queue, KVPOOL_RESOLVE_MS + 500,
				       KVPOOL_CLOSE_ADDRESS);
	if (!ret)
		kvpool_queue_keep_path(queue);
	return ret;
}

/* Send no larger packets than the peer has said it can take. */
static void kvpool_queue_limit_mtu(struct kvpool_queue *queue)
{
	struct sa_path_rec *path = queue->cm_id->route.path_rec;
	unsigned int mtu = READ_ONCE(queue->link->mtu);

	if (mtu && mtu < kvpool_bind_mtu(queue->cm_id))
		path->mtu = ib_mtu_int_to_enum(mtu);
}

/*
 * A CPU begins to look for a queue pair with the one whose index is its number,
 * modulo their number: that has a vector which is so too, as vectors are mapped.
 */
static int kvpool_queue_vector(const struct kvpool_queue *queue)
{
	const struct kvpool_link *link = queue->link;

	return (link->peer_id + link->id) % KVPOOL_VECTOR_SPREAD *
	       link->nr_queues + queue->index;
}

/* A queue pair, ready to receive. */
static int kvpool_queue_create_qp(struct kvpool_queue *queue)
{
	struct ib_qp_init_attr attr = {};
	unsigned int credits = queue->max_credits;
	int ret;

	queue->drain.posted = false;
	attr.cap.max_send_wr = KVPOOL_QUEUE_SENDS(credits);
	attr.cap.max_recv_wr = credits + KVPOOL_CREDITS_EXTRA + 1;
	attr.cap.max_send_sge = 1;
	attr.cap.max_recv_sge = 1;
	attr.sq_sig_type = IB_SIGNAL_REQ_WR;
	attr.qp_type = IB_QPT_RC;
	attr.qp_context = queue;
	queue->nr_cqe = attr.cap.max_send_wr + attr.cap.max_recv_wr;
	queue->cq = ib_cq_pool_get(queue->dev->ib, queue->nr_cqe,
				   kvpool_queue_vector(queue),
				   IB_POLL_WORKQUEUE);
	if (IS_ERR(queue->cq)) {
		ret = PTR_ERR(queue->cq);
		queue->cq = NULL;
		return ret;
	}
	attr.send_cq = queue->cq;
	attr.recv_cq = queue->cq;
	ret = rdma_create_qp(queue->cm_id, queue->pd, &attr);
	if (!ret)
		kvpool_gate_open(&queue->gate);
	return ret;
}

/* All that a message needs is there before the first one can come. */
static int kvpool_queue_receive_all(struct kvpool_queue *queue)
{
	unsigned int i;
	int ret;

	for (i = 0; i < queue->nr_responses; i++) {
		struct kvpool_buffer *buffer = &queue->responses[i];

		buffer->cqe.done = kvpool_queue_receive_done;
		ret = kvpool_buffer_recv(buffer, queue->cm_id->qp);
		if (ret)
			return ret;
	}
	return 0;
}

static int kvpool_queue_alloc(struct kvpool_queue *queue)
{
	int ret;

	WRITE_ONCE(queue->port, queue->cm_id->port_num);
	ret = kvpool_queue_equip(queue);
	if (ret)
		return ret;
	strscpy(queue->link->ibdev, dev_name(&queue->dev->ib->dev),
		sizeof(queue->link->ibdev));
	WRITE_ONCE(queue->link->node, ibdev_to_node(queue->dev->ib));
	queue->terms.credits = queue->max_credits;
	ret = kvpool_queue_create_qp(queue);
	return ret ?: kvpool_queue_receive_all(queue);
}

/* The requests that the other side has given credits for. */
static void kvpool_queue_credit(struct kvpool_queue *queue)
{
	unsigned int i;

	spin_lock(&queue->lock);
	INIT_LIST_HEAD(&queue->free);
	queue->nr_requests = queue->terms.credits;
	for (i = 0; i < queue->nr_requests; i++)
		list_add_tail(&queue->requests[i]->entry, &queue->free);
	spin_unlock(&queue->lock);
}

/* Features that this host offers. */
static u32 kvpool_queue_features(const struct kvpool_queue *queue)
{
	/* An RDMA WRITE of iWARP has no immediate. */
	if (kvpool_setting_strict_fence() ||
	    rdma_protocol_iwarp(queue->cm_id->device, queue->port))
		return 0;
	return KVPOOL_WIRE_IMM;
}

static int kvpool_queue_request_connection(struct kvpool_queue *queue)
{
	struct ib_device_attr *limits = &queue->dev->ib->attrs;
	struct rdma_conn_param param = {};
	int ret;

	queue->terms.features = kvpool_queue_features(queue);
	queue->terms.link = queue->link->number;
	kvpool_queue_limit_mtu(queue);
	queue->terms.mtu = kvpool_bind_mtu(queue->cm_id);
	queue->terms.queue = queue->index;
	queue->terms.nr_queues = queue->link->nr_queues;
	memcpy(queue->terms.host, queue->link->peer->identity,
	       KVPOOL_WIRE_HOST);
	get_random_bytes(queue->connect.nonce, sizeof(queue->connect.nonce));
	kvpool_wire_connect_encode(&queue->connect, &queue->terms);

	rdma_set_min_rnr_timer(queue->cm_id, KVPOOL_RNR_TIMER);
	param.private_data = &queue->connect;
	param.private_data_len = sizeof(queue->connect);
	/* The target reads from here to take what is pushed. */
	param.responder_resources = min(limits->max_qp_rd_atom, 16);
	param.retry_count = KVPOOL_QP_RETRIES;
	param.rnr_retry_count = KVPOOL_QP_RETRIES;
	ret = rdma_connect(queue->cm_id, &param);
	return ret ?: kvpool_queue_step(queue, KVPOOL_REPLY_MS,
					KVPOOL_CLOSE_TIMEOUT);
}

/* Prove that this host knows the secret, and check that the target does. */
static int kvpool_queue_authenticate(struct kvpool_queue *queue)
{
	struct kvpool_wire_auth *wire = queue->control.data;
	struct kvpool_wire_proven proven = {
		.connect = queue->connect,
		.accept = queue->accept,
	};
	bool open = queue->terms.auth == KVPOOL_WIRE_AUTH_OPEN;
	const struct kvpool_peer *peer = queue->link->peer;
	const char *other = queue->terms.name;
	char name[KVPOOL_NAME_SIZE];
	u8 proof[KVPOOL_WIRE_PROOF] = {};
	int ret = 0;

	/* The proof covers it. */
	if (*peer->host && strcmp(peer->host, queue->terms.name)) {
		kvpool_queue_close(queue, KVPOOL_CLOSE_HOST, -EXDEV);
		return -EXDEV;
	}
	queue->stamp.key = 0;
	queue->stamp.name = kvpool_auth_name(name);
	if (open && kvpool_auth_needed()) {
		kvpool_queue_close(queue, KVPOOL_CLOSE_AUTH, -EACCES);
		return -EACCES;
	}
	if (!kvpool_auth_name_ok(other)) {
		kvpool_queue_close(queue, KVPOOL_CLOSE_MESSAGE, -EPROTO);
		return -EPROTO;
	}
	memcpy(proven.name, name, sizeof(proven.name));
	ret = kvpool_bind_ends(queue->cm_id, &proven.initiator, &proven.target);
	if (!open)
		ret = ret ?: kvpool_auth_proof(KVPOOL_AUTH_INITIATOR, other,
					       &proven, proof, &queue->stamp);
	if (ret) {
		kvpool_queue_close(queue, KVPOOL_CLOSE_AUTH, ret);
		return ret;
	}
	kvpool_wire_auth_encode(wire, 0, 0, name, proof);
	ret = kvpool_queue_send_control(queue, sizeof(*wire));
	ret = ret ?: kvpool_queue_step(queue, KVPOOL_REPLY_MS,
				       KVPOOL_CLOSE_TIMEOUT);
	if (ret) {
		/* A target closes without a reason if it refuses the proof. */
		if (queue->reason == KVPOOL_CLOSE_PEER)
			queue->reason = KVPOOL_CLOSE_AUTH;
		return ret;
	}

	if (!open)
		ret = kvpool_auth_proof(KVPOOL_AUTH_TARGET, other, &proven,
					proof, &queue->stamp);
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
	ret = ret ?: kvpool_queue_authenticate(queue);
	if (!ret)
		kvpool_queue_credit(queue);
	return ret;
}

/*
 * Wait until all completions that are there have been handled. The work queues
 * itself again after so many of them, and a flush ends with the round that runs:
 * that one may be nearly over, and the next one handles as many as are there.
 */
static void kvpool_queue_flush_cq(struct kvpool_queue *queue)
{
	unsigned int i, rounds = 2 + queue->cq->cqe / KVPOOL_CQ_ROUND;

	for (i = 0; i < rounds; i++)
		flush_work(&queue->cq->work);
}

/* The device of a stuck queue pair goes away, or the queue pair has an end. */
static void kvpool_queue_release(struct kvpool_stuck *stuck)
{
	struct kvpool_queue *queue =
		container_of(stuck, struct kvpool_queue, stuck);

	/* Pairs with kvpool_close_work(). */
	smp_store_release(&queue->released, true);
	mod_delayed_work(kvpool_close_wq, &queue->close_work, 0);
}

/* All stays as it is until the device goes away, or has ended it. */
static void kvpool_queue_strand(struct kvpool_queue *queue, int error)
{
	struct kvpool_link *link = queue->link;

	pr_err_ratelimited("peer %s: link %u: queue pair %u cannot be drained (error %d): its transfers fail\n",
			   link->peer_name, link->id, queue->index, error);
	kvpool_link_get(link);
	spin_lock(&queue->lock);
	queue->released = false;
	WRITE_ONCE(queue->state, KVPOOL_QUEUE_STUCK);
	spin_unlock(&queue->lock);
	kvpool_requests_strand(queue);
	kvpool_stuck_add(&queue->stuck, queue->dev, &queue->drain,
			 kvpool_queue_release);
	/* Another queue pair takes its place. */
	if (READ_ONCE(link->wanted))
		kvpool_link_wake(link);
	kvpool_link_notify(link);
}

static void kvpool_queue_mark(struct kvpool_queue *queue)
{
	unsigned int i;

	for (i = 0; i < queue->nr_requests; i++)
		queue->requests[i]->stale |= queue->requests[i]->busy;
}

/**
 * kvpool_queue_fence() - End the requests of a queue pair
 * @queue: a queue pair with a QP, which carries no new requests
 *
 * When it returns true no device touches the memory of its requests, and they
 * go another way. Otherwise the queue pair is stuck: its requests have failed,
 * and their memory is kept.
 *
 * Context: process; needs no fresh memory.
 *
 * Return: true, or false if it is stuck.
 */
bool kvpool_queue_fence(struct kvpool_queue *queue)
{
	const struct kvpool_link *link = queue->link;
	struct kvpool_peer *peer = link->peer;
	int ret;

	trace_kvpool_fence_begin(link->peer_id, link->id, queue->index,
				 READ_ONCE(queue->inflight));
	kvpool_gate_close(&queue->gate);
	ret = kvpool_drain_qp(queue->cm_id->qp, &queue->drain);
	kvpool_queue_mark(queue);
	if (ret)
		kvpool_queue_strand(queue, ret);
	else
		kvpool_requests_return(queue);
	trace_kvpool_fence_end(link->peer_id, link->id, queue->index,
			       READ_ONCE(queue->inflight));
	if (!ret)
		/* Nothing uses it any more: pairs with kvpool_close_work(). */
		smp_store_release(&queue->fenced, true);
	kvpool_requests_send(peer);
	return !ret;
}

/* The device goes away, so a queue pair that is stuck has its end now. */
static void kvpool_queue_force(struct kvpool_queue *queue)
{
	/* Whatever hindered it before may have gone. */
	kvpool_drain_qp(queue->cm_id->qp, &queue->drain);
	/* Completions name the queue pair and the requests. */
	kvpool_queue_flush_cq(queue);
	rdma_destroy_qp(queue->cm_id);
	kvpool_queue_flush_cq(queue);
	kvpool_requests_unstrand(queue);
}

/**
 * kvpool_queue_disconnect() - Undo kvpool_queue_connect(), however far it got
 * @queue: the queue pair
 *
 * It keeps what the next connection can use, as long as the device is there.
 *
 * Context: process.
 *
 * Return: true, or false if it is stuck: then this is to be called again when
 * its device has been released.
 */
bool kvpool_queue_disconnect(struct kvpool_queue *queue)
{
	if (!queue->cm_id)
		return true;
	if (queue->cm_id->qp) {
		/*
		 * Before the fence: from now on the connection manager does not
		 * change the state of the queue pair, as it does with an answer
		 * that arrives late. The peer stops by itself when it gets this
		 * message.
		 */
		rdma_disconnect(queue->cm_id);
		if (queue->state == KVPOOL_QUEUE_STUCK) {
			kvpool_queue_force(queue);
		} else {
			if (!queue->fenced && !kvpool_queue_fence(queue))
				return false;
			/* It may refer to the registrations of the requests. */
			rdma_destroy_qp(queue->cm_id);
		}
	}

	spin_lock(&queue->lock);
	INIT_LIST_HEAD(&queue->free);
	queue->nr_requests = 0;
	spin_unlock(&queue->lock);
	kvpool_queue_renew(queue);
	if (queue->cq)
		kvpool_drain_cq(queue->cq, queue->nr_cqe);
	queue->cq = NULL;
	rdma_destroy_id(queue->cm_id);
	queue->cm_id = NULL;
	if (queue->dev && READ_ONCE(queue->dev->gone))
		kvpool_queue_strip(queue);
	return true;
}
