// SPDX-License-Identifier: GPL-2.0
/* Makes sessions of the connection requests of other hosts, and ends them. */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <rdma/ib_cm.h>

#include "fabric/accept.h"
#include "fabric/auth.h"
#include "fabric/cmd.h"
#include "fabric/host.h"
#include "fabric/limits.h"
#include "fabric/serve.h"
#include "fabric/session.h"
#include "fabric/trace.h"
#include "fabric/wq.h"

static void kvpool_session_receive_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_recv *recv =
		container_of(wc->wr_cqe, struct kvpool_recv, buffer.cqe);
	struct kvpool_session *session = wc->qp->qp_context;

	if (wc->status != IB_WC_SUCCESS) {
		kvpool_session_close(session, KVPOOL_CLOSE_TRANSPORT);
		return;
	}
	if (!kvpool_gate_enter(&session->gate))
		return;
	WRITE_ONCE(session->heard, jiffies);
	ib_dma_sync_single_for_cpu(session->dev->ib, recv->buffer.sge.addr,
				   recv->buffer.size, DMA_FROM_DEVICE);
	/* No capsule invalidates: nothing here is registered. */
	if (wc->wc_flags & (IB_WC_WITH_IMM | IB_WC_WITH_INVALIDATE))
		kvpool_session_close(session, KVPOOL_CLOSE_MESSAGE);
	else
		kvpool_serve_receive(session, recv, wc->byte_len);
	kvpool_gate_leave(&session->gate);
}

static void kvpool_session_qp_event(struct ib_event *event, void *context)
{
	struct kvpool_session *session = context;

	if (event->event == IB_EVENT_COMM_EST)
		rdma_notify(session->cm_id, event->event);
}

/* ---- memory and queue pair ---- */

/* Undo kvpool_session_alloc(), however far it got. */
static void kvpool_session_free(struct kvpool_session *session)
{
	unsigned int i;

	for (i = 0; i < session->nr_cmds; i++)
		kvpool_cmd_exit(&session->cmds[i]);
	kvfree(session->cmds);
	if (session->cm_id->qp)
		rdma_destroy_qp(session->cm_id);
	for (i = 0; i < session->nr_recvs; i++)
		kvpool_buffer_exit(&session->recvs[i].buffer,
				   session->dev->pd);
	kvfree(session->recvs);
	if (session->cq)
		ib_cq_pool_put(session->cq, session->nr_cqe);
}

static int kvpool_session_create_qp(struct kvpool_session *session)
{
	const struct ib_device_attr *limits = &session->dev->ib->attrs;
	struct ib_qp_init_attr attr = {};
	unsigned int credits = session->terms.credits;
	int vector = session->terms.queue;

	/*
	 * A request takes a work request for each of its moves and for as many
	 * of its pages as one can gather, and one for the answer.
	 */
	session->max_room = min_t(unsigned int, 384, limits->max_qp_wr / 2);
	session->room = session->max_room;
	attr.cap.max_send_wr = session->max_room + 1;
	attr.cap.max_recv_wr = credits + KVPOOL_CREDITS_EXTRA + 1;
	attr.cap.max_rdma_ctxs = credits;
	attr.cap.max_send_sge = clamp(limits->max_send_sge, 1, 32);
	attr.cap.max_recv_sge = 1;
	attr.sq_sig_type = IB_SIGNAL_REQ_WR;
	attr.qp_type = IB_QPT_RC;
	attr.port_num = session->cm_id->port_num;
	attr.qp_context = session;
	attr.event_handler = kvpool_session_qp_event;
	session->nr_cqe = attr.cap.max_send_wr + attr.cap.max_recv_wr;
	session->cq = ib_cq_pool_get(session->dev->ib, session->nr_cqe, vector,
				     IB_POLL_WORKQUEUE);
	if (IS_ERR(session->cq)) {
		int ret = PTR_ERR(session->cq);

		session->cq = NULL;
		return ret;
	}
	attr.send_cq = session->cq;
	attr.recv_cq = session->cq;
	return rdma_create_qp(session->cm_id, session->dev->pd, &attr);
}

static int kvpool_session_alloc(struct kvpool_session *session)
{
	unsigned int i, nr = session->terms.credits + KVPOOL_CREDITS_EXTRA;
	int ret;

	session->recvs = kvcalloc(nr, sizeof(*session->recvs), GFP_KERNEL);
	session->cmds = kvcalloc(nr, sizeof(*session->cmds), GFP_KERNEL);
	if (!session->recvs || !session->cmds)
		return -ENOMEM;
	ret = kvpool_session_create_qp(session);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++) {
		ret = kvpool_cmd_init(&session->cmds[i], session);
		if (ret)
			return ret;
		session->nr_cmds++;
		list_add_tail(&session->cmds[i].entry, &session->free);
	}
	for (i = 0; i < nr; i++) {
		struct kvpool_buffer *buffer = &session->recvs[i].buffer;

		ret = kvpool_buffer_init(buffer, session->dev->pd,
					 KVPOOL_WIRE_CAPSULE_MAX,
					 DMA_FROM_DEVICE);
		if (ret)
			return ret;
		session->nr_recvs++;
		buffer->cqe.done = kvpool_session_receive_done;
		ret = kvpool_buffer_recv(buffer, session->cm_id->qp);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- the end of a session ---- */

/* Log a session that the other host has broken. */
static void kvpool_session_log(const struct kvpool_session *session)
{
	switch (session->reason) {
	case KVPOOL_CLOSE_MESSAGE:
	case KVPOOL_CLOSE_STATE:
	case KVPOOL_CLOSE_CREDITS:
	case KVPOOL_CLOSE_ACCESS:
	case KVPOOL_CLOSE_AUTH:
		pr_warn_ratelimited("session %llu from %pISpc is closed: %s\n",
				    session->id, &session->src,
				    kvpool_wire_reason(session->reason));
		break;
	}
}

/* Fence a session that is being closed. */
static void kvpool_session_work(struct work_struct *work)
{
	struct kvpool_session *session =
		container_of(work, struct kvpool_session, work);

	kvpool_session_settle(session);
	kvpool_gate_close(&session->gate);
	cancel_work_sync(&session->serve_work);
	ib_drain_qp(session->cm_id->qp);
	kvpool_serve_flush(session);
	trace_kvpool_session_close(session->id, session->reason);
	kvpool_session_count(session->reason);
	kvpool_session_log(session);
	kvpool_session_linger(session);
}

/* Disconnect a session that is fenced, and free it. */
static void kvpool_session_end_work(struct work_struct *work)
{
	struct kvpool_session *session =
		container_of(to_delayed_work(work), struct kvpool_session,
			     end_work);
	struct rdma_cm_id *cm_id = session->cm_id;
	struct kvpool_ibdev *dev = session->dev;

	kvpool_session_leave(session);
	rdma_disconnect(cm_id);
	kvpool_host_put(session->host);
	kvpool_session_free(session);
	/* Events may come until this returns. */
	rdma_destroy_id(cm_id);
	kfree(session);
	kvpool_ibdev_put(dev);
}

/**
 * kvpool_accept_event() - Handle an event of a session's connection
 * @session: the session
 * @event: the event
 *
 * Return: zero: the session's works destroy the id.
 */
int kvpool_accept_event(struct kvpool_session *session,
			struct rdma_cm_event *event)
{
	switch (event->event) {
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		kvpool_session_close(session, KVPOOL_CLOSE_PEER);
		break;
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_REJECTED:
		kvpool_session_close(session, KVPOOL_CLOSE_TRANSPORT);
		break;
	case RDMA_CM_EVENT_ADDR_CHANGE:
		kvpool_session_close(session, KVPOOL_CLOSE_ADDRESS);
		break;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		/* kvpool_ibdev_remove() waits for it. */
		kvpool_session_close(session, KVPOOL_CLOSE_DEVICE);
		break;
	default:
		break;
	}
	return 0;
}

/* ---- the beginning of a session ---- */

static int kvpool_accept_reject(struct rdma_cm_id *cm_id, int reason)
{
	struct kvpool_wire_reject wire;

	pr_warn_ratelimited("session from %pISpc is refused: %s\n",
			    &cm_id->route.addr.dst_addr,
			    kvpool_wire_reason(reason));
	kvpool_session_count(reason);
	kvpool_wire_reject_encode(&wire, reason);
	rdma_reject(cm_id, &wire, sizeof(wire), IB_CM_REJ_CONSUMER_DEFINED);
	return -ECONNREFUSED;
}

static struct kvpool_session *
kvpool_session_new(struct rdma_cm_id *cm_id, struct kvpool_ibdev *dev,
		   const struct kvpool_wire_terms *terms)
{
	struct kvpool_session *session;

	session = kzalloc(sizeof(*session), GFP_KERNEL);
	if (!session)
		return NULL;
	session->cm_id = cm_id;
	session->dev = dev;
	session->start = kvpool_serve_start;
	session->terms = *terms;
	session->terms.credits = min_t(u16, terms->credits, KVPOOL_CREDITS);
	session->terms.max_segs = KVPOOL_WIRE_SEGS_MAX;
	session->terms.max_bytes = KVPOOL_MAX_REQUEST;
	session->terms.auth = kvpool_auth_ready() ? KVPOOL_WIRE_AUTH_HMAC :
						    KVPOOL_WIRE_AUTH_OPEN;
	memcpy(&session->src, &cm_id->route.addr.dst_addr,
	       sizeof(session->src));
	session->born = jiffies;
	session->heard = jiffies;
	spin_lock_init(&session->lock);
	kvpool_gate_open(&session->gate);
	INIT_WORK(&session->work, kvpool_session_work);
	INIT_DELAYED_WORK(&session->end_work, kvpool_session_end_work);
	INIT_WORK(&session->serve_work, kvpool_serve_work);
	INIT_LIST_HEAD(&session->free);
	INIT_LIST_HEAD(&session->waiting);
	INIT_LIST_HEAD(&session->backlog);
	INIT_LIST_HEAD(&session->later);
	return session;
}

/**
 * kvpool_accept() - Handle a connection request
 * @cm_id: id of the connection
 * @event: the request
 *
 * Return: zero if there is a session, which owns @cm_id; otherwise the request
 * has been refused, and the caller's caller destroys the id.
 */
int kvpool_accept(struct rdma_cm_id *cm_id, struct rdma_cm_event *event)
{
	const struct rdma_conn_param *asked = &event->param.conn;
	struct kvpool_session *session;
	struct kvpool_wire_terms terms;
	struct kvpool_ibdev *dev;
	int reason;

	reason = kvpool_wire_connect_decode(asked->private_data,
					    asked->private_data_len, &terms);
	/* It does not let this host read, so no PUSH would ever end. */
	if (!reason && !asked->initiator_depth)
		reason = KVPOOL_CLOSE_MESSAGE;
	if (!reason && !kvpool_auth_ready() && !kvpool_auth_open())
		reason = KVPOOL_CLOSE_AUTH;
	/* What iWARP reads into has to be registered for remote writing. */
	if (!reason && rdma_protocol_iwarp(cm_id->device, cm_id->port_num))
		reason = KVPOOL_CLOSE_REFUSED;
	reason = reason ?: kvpool_session_admit();
	if (reason)
		return kvpool_accept_reject(cm_id, reason);
	reason = KVPOOL_CLOSE_DEVICE;
	dev = kvpool_ibdev_get(cm_id->device);
	if (!dev)
		goto err_admit;
	reason = KVPOOL_CLOSE_MEMORY;
	session = kvpool_session_new(cm_id, dev, &terms);
	if (!session)
		goto err_dev;
	if (kvpool_session_alloc(session))
		goto err_session;
	reason = kvpool_session_enter(session, asked);
	if (reason)
		goto err_session;
	return 0;

err_session:
	kvpool_session_free(session);
	kfree(session);
err_dev:
	kvpool_ibdev_put(dev);
err_admit:
	kvpool_session_unadmit();
	return kvpool_accept_reject(cm_id, reason);
}
