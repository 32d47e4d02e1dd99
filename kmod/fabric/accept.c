// SPDX-License-Identifier: GPL-2.0
/*
 * Makes sessions of the connection requests of other hosts, and ends them.
 *
 * The handler of the connection manager only checks a request, and puts a
 * session into the table. Its works do the rest, one after the other: when there
 * is room, the first one makes the queue pair and accepts; when it is closed,
 * the second one fences it; the third one disconnects, or refuses what has not
 * been accepted, and frees it.
 */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <rdma/ib_cm.h>

#include "fabric/accept.h"
#include "fabric/admit.h"
#include "fabric/auth.h"
#include "fabric/cmd.h"
#include "fabric/limits.h"
#include "fabric/serve.h"
#include "fabric/session.h"
#include "fabric/settings.h"
#include "fabric/trace.h"
#include "fabric/wait.h"
#include "fabric/watch.h"
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

/* The answer that follows ends the command. */
static void kvpool_session_write_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_session *session =
		container_of(wc->wr_cqe, struct kvpool_session, write_cqe);

	if (wc->status != IB_WC_SUCCESS)
		kvpool_session_close(session, KVPOOL_CLOSE_TRANSPORT);
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
		kvpool_buffer_exit(&session->recvs[i].buffer, session->pd);
	kvfree(session->recvs);
	if (session->cq)
		kvpool_drain_cq(session->cq, session->nr_cqe);
	if (session->pd && session->pd != session->dev->pd)
		ib_dealloc_pd(session->pd);
}

static bool kvpool_session_iwarp(const struct kvpool_session *session)
{
	return rdma_protocol_iwarp(session->cm_id->device,
				   session->cm_id->port_num);
}

static int kvpool_session_create_qp(struct kvpool_session *session)
{
	const struct ib_device_attr *limits = &session->dev->ib->attrs;
	unsigned int credits = session->terms.credits;
	struct ib_qp_init_attr attr = {};
	int each;

	/*
	 * A request takes a work request for each of its moves and for as many
	 * of its pages as one can gather, and one for the answer.
	 */
	each = kvpool_session_each(session->region_pages);
	session->max_room = max_t(int, kvpool_session_wrs(credits) - 1 -
				       each * (int)credits,
				  KVPOOL_SESSION_ROOM);
	session->max_room = min_t(unsigned int, session->max_room,
				  limits->max_qp_wr / 2);
	session->room = session->max_room;
	attr.cap.max_send_wr = session->max_room + 1;
	attr.cap.max_recv_wr = credits + KVPOOL_CREDITS_EXTRA + 1;
	attr.cap.max_rdma_ctxs = credits;
	attr.cap.max_send_sge = clamp(limits->max_send_sge, 1,
				      KVPOOL_SESSION_SGES);
	attr.cap.max_recv_sge = 1;
	attr.sq_sig_type = IB_SIGNAL_REQ_WR;
	attr.qp_type = IB_QPT_RC;
	attr.port_num = session->cm_id->port_num;
	attr.qp_context = session;
	attr.event_handler = kvpool_session_qp_event;
	session->nr_cqe = attr.cap.max_send_wr + attr.cap.max_recv_wr +
			  each * credits;
	/* Sessions of all hosts spread over the vectors. */
	session->cq = ib_cq_pool_get(session->dev->ib, session->nr_cqe,
				     session->id & INT_MAX, IB_POLL_WORKQUEUE);
	if (IS_ERR(session->cq)) {
		int ret = PTR_ERR(session->cq);

		session->cq = NULL;
		return ret;
	}
	attr.send_cq = session->cq;
	attr.recv_cq = session->cq;
	return rdma_create_qp(session->cm_id, session->pd, &attr);
}

/*
 * With iWARP, what an RDMA READ writes to is registered for remote writing. In a
 * protection domain of its own no other session reaches it.
 */
static int kvpool_session_get_pd(struct kvpool_session *session)
{
	struct ib_pd *pd = session->dev->pd;

	if (kvpool_session_iwarp(session)) {
		pd = ib_alloc_pd(session->dev->ib, 0);
		if (IS_ERR(pd))
			return PTR_ERR(pd);
	}
	session->pd = pd;
	return 0;
}

static int kvpool_session_alloc(struct kvpool_session *session)
{
	unsigned int i, nr = session->terms.credits + KVPOOL_CREDITS_EXTRA;
	int ret;

	session->recvs = kvcalloc(nr, sizeof(*session->recvs), GFP_KERNEL);
	session->cmds = kvcalloc(nr, sizeof(*session->cmds), GFP_KERNEL);
	if (!session->recvs || !session->cmds)
		return -ENOMEM;
	ret = kvpool_session_get_pd(session);
	ret = ret ?: kvpool_session_create_qp(session);
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

		ret = kvpool_buffer_init(buffer, session->pd,
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

static void kvpool_accept_reject(struct rdma_cm_id *cm_id, int reason, u16 mtu)
{
	struct kvpool_wire_reject wire;

	pr_warn_ratelimited("session from %pISpc is refused: %s\n",
			    &cm_id->route.addr.dst_addr,
			    kvpool_wire_reason(reason));
	kvpool_session_count(reason);
	kvpool_wire_reject_encode(&wire, reason,
				  reason == KVPOOL_CLOSE_MTU ? mtu : 0);
	rdma_reject(cm_id, &wire, sizeof(wire), IB_CM_REJ_CONSUMER_DEFINED);
}

/* Log a session that the other host has broken. */
static void kvpool_session_log(const struct kvpool_session *session)
{
	switch (session->reason) {
	case KVPOOL_CLOSE_MESSAGE:
	case KVPOOL_CLOSE_STATE:
	case KVPOOL_CLOSE_CREDITS:
	case KVPOOL_CLOSE_ACCESS:
	case KVPOOL_CLOSE_AUTH:
		pr_warn_ratelimited("session %llu of host %s, at %pISpc, is closed: %s\n",
				    session->id, session->host ?
				    session->host->key.name : "(unknown)",
				    &session->src,
				    kvpool_wire_reason(session->reason));
		break;
	}
}

/* Free what a session has, and the session. */
static void kvpool_session_destroy(struct kvpool_session *session)
{
	struct kvpool_ibdev *dev = session->dev;

	kvpool_session_free(session);
	/* Events may come until this returns. */
	rdma_destroy_id(session->cm_id);
	kvpool_admit_leave(session);
	kfree(session);
	kvpool_ibdev_put(dev);
}

/* The queue pair of a session has an end now, or its device goes away. */
static void kvpool_session_unstick(struct kvpool_stuck *stuck)
{
	struct kvpool_session *session =
		container_of(stuck, struct kvpool_session, stuck);

	/* Perhaps it has an end now. */
	if (kvpool_drain_qp(session->cm_id->qp, &session->drain)) {
		WRITE_ONCE(session->dead, true);
		flush_work(&session->cq->work);
		/* Commands are not changed by completions any more. */
		kvpool_serve_unmap(session);
		rdma_destroy_qp(session->cm_id);
		/* Completions that came before that. */
		flush_work(&session->cq->work);
	}
	kvpool_serve_abandon(session);
	kvpool_session_destroy(session);
}

/* Fence a session that is being closed. */
static void kvpool_session_work(struct work_struct *work)
{
	struct kvpool_session *session =
		container_of(work, struct kvpool_session, work);
	int ret = 0;

	kvpool_gate_close(&session->gate);
	kvpool_admit_stop(session);
	cancel_delayed_work_sync(&session->auth_work);
	cancel_work_sync(&session->serve_work);
	kvpool_waits_exit(session);
	if (session->cm_id->qp)
		ret = kvpool_drain_qp(session->cm_id->qp, &session->drain);
	trace_kvpool_session_close(session->id, session->reason);
	if (session->accepted) {
		kvpool_session_count(session->reason);
		kvpool_session_log(session);
	}
	if (!ret) {
		kvpool_serve_flush(session);
		kvpool_session_linger(session);
		return;
	}
	/* It tells the other host to stop. */
	rdma_disconnect(session->cm_id);
	kvpool_session_leave(session);
	kvpool_stuck_add(&session->stuck, session->dev, &session->drain,
			 kvpool_session_unstick);
}

/* Disconnect a session that is fenced, and free it. */
static void kvpool_session_end_work(struct work_struct *work)
{
	struct kvpool_session *session =
		container_of(to_delayed_work(work), struct kvpool_session,
			     end_work);

	if (session->accepted)
		rdma_disconnect(session->cm_id);
	else
		kvpool_accept_reject(session->cm_id, session->reason,
				     session->mtu);
	kvpool_session_leave(session);
	kvpool_session_destroy(session);
}

/**
 * kvpool_accept_event() - Handle an event of a session's connection
 * @session: the session
 * @event: the event
 *
 * Context: process; the handler of the connection manager.
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

/* Agree on the path MTU: that of the initiator, if this side can take it. */
static int kvpool_session_agree_mtu(struct kvpool_session *session)
{
	struct rdma_cm_id *cm_id = session->cm_id;
	struct ib_port_attr port;

	if (kvpool_session_iwarp(session)) {
		session->terms.mtu = 0;
		return KVPOOL_CLOSE_NONE;
	}
	if (ib_query_port(cm_id->device, cm_id->port_num, &port))
		return KVPOOL_CLOSE_DEVICE;
	session->mtu = max(ib_mtu_enum_to_int(port.active_mtu), 0);
	return session->terms.mtu > session->mtu ? KVPOOL_CLOSE_MTU :
						   KVPOOL_CLOSE_NONE;
}

/* Accept the connection; the handler of its events does not run. */
static int kvpool_session_accept(struct kvpool_session *session)
{
	const struct ib_device_attr *limits = &session->dev->ib->attrs;
	struct kvpool_wire_terms given = session->terms;
	struct rdma_conn_param param = {};

	get_random_bytes(session->accept.nonce, sizeof(session->accept.nonce));
	memcpy(given.host, kvpool_auth_identity, sizeof(given.host));
	kvpool_wire_accept_encode(&session->accept, &given);
	kvpool_settings_apply(session->cm_id);
	rdma_set_min_rnr_timer(session->cm_id, KVPOOL_RNR_TIMER);
	param.private_data = &session->accept;
	param.private_data_len = sizeof(session->accept);
	/* This side reads; the other host does not read from it. */
	param.initiator_depth = min_t(int, session->depth,
				      limits->max_qp_init_rd_atom);
	param.rnr_retry_count = KVPOOL_QP_RETRIES;
	return rdma_accept(session->cm_id, &param);
}

/* Make the queue pair of a session that has been requested, and accept it. */
static void kvpool_session_accept_work(struct work_struct *work)
{
	struct kvpool_session *session =
		container_of(work, struct kvpool_session, accept_work);
	bool closing;
	int reason;

	reason = kvpool_session_agree_mtu(session);
	if (!reason && kvpool_session_alloc(session))
		reason = KVPOOL_CLOSE_MEMORY;
	if (reason)
		kvpool_session_close(session, reason);

	/* While events are kept away, see whether one has come. */
	rdma_lock_handler(session->cm_id);
	spin_lock(&session->lock);
	closing = session->state == KVPOOL_SESSION_CLOSING;
	if (!closing)
		session->state = KVPOOL_SESSION_STRANGER;
	spin_unlock(&session->lock);
	if (!closing) {
		session->accepted = true;
		trace_kvpool_session_open(session->id, session->terms.credits);
		if (kvpool_session_accept(session))
			kvpool_session_close(session, KVPOOL_CLOSE_TRANSPORT);
	}
	rdma_unlock_handler(session->cm_id);

	spin_lock(&session->lock);
	session->accepting = false;
	if (session->state == KVPOOL_SESSION_CLOSING)
		queue_work(kvpool_session_wq, &session->work);
	spin_unlock(&session->lock);
}

/* Pages of the regions that rdma_rw makes for reads, zero if it makes none. */
static unsigned int
kvpool_session_region_pages(const struct kvpool_session *session)
{
	const struct ib_device_attr *limits = &session->dev->ib->attrs;

	if (!kvpool_session_iwarp(session) && !limits->max_sgl_rd)
		return 0;
	return clamp(limits->max_fast_reg_page_list_len, 1U, 256U);
}

/* What this side agrees to; kvpool_session_agree_mtu() follows. */
static void kvpool_session_agree(struct kvpool_session *session,
				 const struct kvpool_wire_terms *asked)
{
	struct kvpool_wire_terms *terms = &session->terms;

	*terms = *asked;
	session->region_pages = kvpool_session_region_pages(session);
	kvpool_admit_size(session, asked->credits);
	terms->max_segs = KVPOOL_CMD_SEGS;
	terms->max_bytes = KVPOOL_MAX_REQUEST;
	terms->features = asked->features & KVPOOL_WIRE_IMM;
	if (kvpool_session_iwarp(session)) {
		/*
		 * It has no immediates, and registers for each move: that takes
		 * three work requests, and a region of as many pages.
		 */
		terms->features = 0;
		terms->max_segs = min3(terms->max_segs, terms->credits,
				       (u16)(KVPOOL_SESSION_ROOM / 3 - 1));
		terms->max_bytes = min(terms->max_bytes,
				       session->dev->ib->attrs
				       .max_fast_reg_page_list_len *
				       KVPOOL_WIRE_PAGE);
	}
	session->stamp.name = kvpool_auth_name(terms->name);
	terms->auth = kvpool_auth_ready() ? KVPOOL_WIRE_AUTH_HMAC :
					    KVPOOL_WIRE_AUTH_OPEN;
}

static struct kvpool_session *
kvpool_session_new(struct rdma_cm_id *cm_id, struct kvpool_ibdev *dev,
		   const struct rdma_conn_param *param,
		   const struct kvpool_wire_terms *asked)
{
	struct kvpool_session *session;

	session = kzalloc(sizeof(*session), GFP_KERNEL);
	if (!session)
		return NULL;
	session->cm_id = cm_id;
	session->dev = dev;
	session->start = kvpool_serve_start;
	session->depth = param->initiator_depth;
	session->write_cqe.done = kvpool_session_write_done;
	session->signal_writes = kvpool_session_iwarp(session) &&
				 ib_uses_virt_dma(dev->ib);
	memcpy(&session->connect, param->private_data,
	       sizeof(session->connect));
	memcpy(&session->src, &cm_id->route.addr.dst_addr,
	       sizeof(session->src));
	session->born = jiffies;
	session->heard = jiffies;
	spin_lock_init(&session->lock);
	kvpool_gate_open(&session->gate);
	INIT_WORK(&session->accept_work, kvpool_session_accept_work);
	INIT_WORK(&session->work, kvpool_session_work);
	INIT_DELAYED_WORK(&session->end_work, kvpool_session_end_work);
	INIT_DELAYED_WORK(&session->auth_work, kvpool_serve_auth_work);
	INIT_WORK(&session->serve_work, kvpool_serve_work);
	INIT_LIST_HEAD(&session->entry);
	INIT_LIST_HEAD(&session->free);
	INIT_LIST_HEAD(&session->waiting);
	INIT_LIST_HEAD(&session->backlog);
	INIT_LIST_HEAD(&session->later);
	kvpool_waits_init(session);
	kvpool_session_agree(session, asked);
	return session;
}

/**
 * kvpool_accept() - Handle a connection request
 * @cm_id: id of the connection
 * @event: the request
 *
 * Context: process; the handler of the connection manager.
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
	if (!reason && kvpool_admit_full(&cm_id->route.addr.dst_addr))
		reason = KVPOOL_CLOSE_LIMIT;
	if (reason)
		goto err;
	reason = KVPOOL_CLOSE_DEVICE;
	dev = kvpool_ibdev_get(cm_id->device);
	if (!dev)
		goto err;
	reason = KVPOOL_CLOSE_MEMORY;
	session = kvpool_session_new(cm_id, dev, asked, &terms);
	if (!session)
		goto err_dev;
	reason = kvpool_session_enter(session);
	if (reason)
		goto err_session;
	cm_id->context = session;
	reason = kvpool_admit_arrive(session);
	if (reason)
		kvpool_session_close(session, reason);
	kvpool_watch_start();
	return 0;

err_session:
	kfree(session);
err_dev:
	kvpool_ibdev_put(dev);
err:
	kvpool_accept_reject(cm_id, reason, 0);
	return -ECONNREFUSED;
}
