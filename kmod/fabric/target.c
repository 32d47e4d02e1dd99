// SPDX-License-Identifier: GPL-2.0
/* The target: listens, and keeps the connections that other hosts make. */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <rdma/ib_cm.h>

#include "fabric/rdma.h"

static DEFINE_MUTEX(kvpool_target_lock);	/* what follows */
static LIST_HEAD(kvpool_conns);
static LIST_HEAD(kvpool_hosts);
static u64 kvpool_conn_next_id;
static unsigned int kvpool_nr_conns;
static u64 kvpool_accepted;
static bool kvpool_target_ended;

static atomic64_t kvpool_closes[KVPOOL_NR_CLOSES];

/* Changed under kvpool_fabric_mutex. */
static struct {
	struct rdma_cm_id *cm_id;
	struct sockaddr_storage addr;	/* AF_UNSPEC: not to listen */
} kvpool_listener;

#define KVPOOL_WATCH_MS	1000

static void kvpool_target_watch(struct work_struct *work);
static DECLARE_DELAYED_WORK(kvpool_target_work, kvpool_target_watch);

/* ---- hosts ---- */

static struct kvpool_host *kvpool_host_get(const u8 *id)
{
	struct kvpool_host *host;

	lockdep_assert_held(&kvpool_target_lock);
	list_for_each_entry(host, &kvpool_hosts, entry) {
		if (!memcmp(host->id, id, sizeof(host->id))) {
			host->refs++;
			return host;
		}
	}
	host = kzalloc(sizeof(*host), GFP_KERNEL);
	if (!host)
		return NULL;
	host->refs = 1;
	memcpy(host->id, id, sizeof(host->id));
	mutex_init(&host->begin);
	spin_lock_init(&host->lock);
	INIT_LIST_HEAD(&host->puts);
	list_add_tail(&host->entry, &kvpool_hosts);
	return host;
}

/* With its last connection, what a host was pushing ends. */
static void kvpool_host_put(struct kvpool_host *host)
{
	bool last;

	mutex_lock(&kvpool_target_lock);
	last = !--host->refs;
	if (last)
		list_del(&host->entry);
	mutex_unlock(&kvpool_target_lock);
	if (last) {
		kvpool_puts_expire(host, 0);
		kfree(host);
	}
}

/* ---- connections ---- */

/**
 * kvpool_conn_close() - Begin to end a connection
 * @conn: the connection
 * @reason: enum kvpool_close; the first one counts
 */
void kvpool_conn_close(struct kvpool_conn *conn, int reason)
{
	spin_lock(&conn->lock);
	if (conn->state != KVPOOL_CONN_CLOSING) {
		conn->state = KVPOOL_CONN_CLOSING;
		conn->reason = reason;
		queue_work(kvpool_connect_wq, &conn->work);
	}
	spin_unlock(&conn->lock);
}

static void kvpool_conn_receive_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_recv *recv =
		container_of(wc->wr_cqe, struct kvpool_recv, buffer.cqe);
	struct kvpool_conn *conn = wc->qp->qp_context;

	if (wc->status != IB_WC_SUCCESS) {
		kvpool_conn_close(conn, KVPOOL_CLOSE_TRANSPORT);
		return;
	}
	if (!kvpool_gate_enter(&conn->gate))
		return;
	WRITE_ONCE(conn->heard, jiffies);
	ib_dma_sync_single_for_cpu(conn->dev->ib, recv->buffer.sge.addr,
				   recv->buffer.size, DMA_FROM_DEVICE);
	/* No capsule invalidates: nothing here is registered. */
	if (wc->wc_flags & (IB_WC_WITH_IMM | IB_WC_WITH_INVALIDATE))
		kvpool_conn_close(conn, KVPOOL_CLOSE_MESSAGE);
	else
		kvpool_conn_receive(conn, recv, wc->byte_len);
	kvpool_gate_leave(&conn->gate);
}

static void kvpool_conn_qp_event(struct ib_event *event, void *context)
{
	struct kvpool_conn *conn = context;

	if (event->event == IB_EVENT_COMM_EST)
		rdma_notify(conn->cm_id, event->event);
}

/* Undo kvpool_conn_alloc(), however far it got. */
static void kvpool_conn_free(struct kvpool_conn *conn)
{
	unsigned int i;

	for (i = 0; i < conn->nr_cmds; i++)
		kvpool_cmd_exit(&conn->cmds[i]);
	kvfree(conn->cmds);
	if (conn->cm_id->qp)
		rdma_destroy_qp(conn->cm_id);
	for (i = 0; i < conn->nr_recvs; i++)
		kvpool_buffer_exit(&conn->recvs[i].buffer, conn->dev->pd);
	kvfree(conn->recvs);
	if (conn->cq)
		ib_cq_pool_put(conn->cq, conn->nr_cqe);
}

static int kvpool_conn_create_qp(struct kvpool_conn *conn)
{
	const struct ib_device_attr *limits = &conn->dev->ib->attrs;
	struct ib_qp_init_attr attr = {};
	unsigned int credits = conn->terms.credits;
	int vector = conn->terms.queue;

	/*
	 * A request takes a work request for each of its moves and for as many
	 * of its pages as one can gather, and one for the answer.
	 */
	conn->max_room = min_t(unsigned int, 384, limits->max_qp_wr / 2);
	conn->room = conn->max_room;
	attr.cap.max_send_wr = conn->max_room + 1;
	attr.cap.max_recv_wr = credits + KVPOOL_CREDITS_EXTRA + 1;
	attr.cap.max_rdma_ctxs = credits;
	attr.cap.max_send_sge = clamp(limits->max_send_sge, 1, 32);
	attr.cap.max_recv_sge = 1;
	attr.sq_sig_type = IB_SIGNAL_REQ_WR;
	attr.qp_type = IB_QPT_RC;
	attr.port_num = conn->cm_id->port_num;
	attr.qp_context = conn;
	attr.event_handler = kvpool_conn_qp_event;
	conn->nr_cqe = attr.cap.max_send_wr + attr.cap.max_recv_wr;
	conn->cq = ib_cq_pool_get(conn->dev->ib, conn->nr_cqe, vector,
				  IB_POLL_WORKQUEUE);
	if (IS_ERR(conn->cq)) {
		int ret = PTR_ERR(conn->cq);

		conn->cq = NULL;
		return ret;
	}
	attr.send_cq = conn->cq;
	attr.recv_cq = conn->cq;
	return rdma_create_qp(conn->cm_id, conn->dev->pd, &attr);
}

static int kvpool_conn_alloc(struct kvpool_conn *conn)
{
	unsigned int i, nr = conn->terms.credits + KVPOOL_CREDITS_EXTRA;
	int ret;

	conn->recvs = kvcalloc(nr, sizeof(*conn->recvs), GFP_KERNEL);
	conn->cmds = kvcalloc(nr, sizeof(*conn->cmds), GFP_KERNEL);
	if (!conn->recvs || !conn->cmds)
		return -ENOMEM;
	ret = kvpool_conn_create_qp(conn);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++) {
		ret = kvpool_cmd_init(&conn->cmds[i], conn);
		if (ret)
			return ret;
		conn->nr_cmds++;
		list_add_tail(&conn->cmds[i].entry, &conn->free);
	}
	for (i = 0; i < nr; i++) {
		struct kvpool_buffer *buffer = &conn->recvs[i].buffer;

		ret = kvpool_buffer_init(buffer, conn->dev->pd,
					 KVPOOL_WIRE_CAPSULE_MAX,
					 DMA_FROM_DEVICE);
		if (ret)
			return ret;
		conn->nr_recvs++;
		buffer->cqe.done = kvpool_conn_receive_done;
		ret = kvpool_buffer_recv(buffer, conn->cm_id->qp);
		if (ret)
			return ret;
	}
	return 0;
}

static void kvpool_conn_work(struct work_struct *work)
{
	struct kvpool_conn *conn = container_of(work, struct kvpool_conn, work);
	unsigned long hold = 0;

	/* Not while it is being accepted. */
	mutex_lock(&kvpool_target_lock);
	mutex_unlock(&kvpool_target_lock);

	kvpool_gate_close(&conn->gate);
	cancel_work_sync(&conn->serve_work);
	ib_drain_qp(conn->cm_id->qp);
	kvpool_conn_flush(conn);
	atomic64_inc(&kvpool_closes[conn->reason]);

	mutex_lock(&kvpool_target_lock);
	if (conn->reason == KVPOOL_CLOSE_TRANSPORT &&
	    !READ_ONCE(conn->dev->gone) && !kvpool_target_ended)
		hold = msecs_to_jiffies(KVPOOL_HOLD_MS);
	queue_delayed_work(kvpool_connect_wq, &conn->end_work, hold);
	mutex_unlock(&kvpool_target_lock);
}

/*
 * Where the transport has failed, the interface may just have lost its carrier.
 * A message that it refuses to take for this ends rxe's queue pair of the
 * connection manager, for good; a moment later it does take them.
 */
static void kvpool_conn_end_work(struct work_struct *work)
{
	struct kvpool_conn *conn = container_of(to_delayed_work(work),
						struct kvpool_conn, end_work);
	struct rdma_cm_id *cm_id = conn->cm_id;
	struct kvpool_ibdev *dev = conn->dev;

	mutex_lock(&kvpool_target_lock);
	list_del(&conn->entry);
	kvpool_nr_conns--;
	mutex_unlock(&kvpool_target_lock);

	rdma_disconnect(cm_id);
	kvpool_host_put(conn->host);
	kvpool_conn_free(conn);
	/* Events may come until this returns. */
	rdma_destroy_id(cm_id);
	kfree(conn);
	kvpool_ibdev_put(dev);
}

/* Close a connection now, also one that is held back. */
static void kvpool_conn_end(struct kvpool_conn *conn, int reason)
{
	lockdep_assert_held(&kvpool_target_lock);
	kvpool_conn_close(conn, reason);
	if (cancel_delayed_work(&conn->end_work))
		queue_delayed_work(kvpool_connect_wq, &conn->end_work, 0);
}

static int kvpool_conn_cm(struct kvpool_conn *conn, struct rdma_cm_event *event)
{
	switch (event->event) {
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		kvpool_conn_close(conn, KVPOOL_CLOSE_PEER);
		break;
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_REJECTED:
		kvpool_conn_close(conn, KVPOOL_CLOSE_TRANSPORT);
		break;
	case RDMA_CM_EVENT_ADDR_CHANGE:
		kvpool_conn_close(conn, KVPOOL_CLOSE_ADDRESS);
		break;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		/* kvpool_ibdev_remove() waits for it. */
		kvpool_conn_close(conn, KVPOOL_CLOSE_DEVICE);
		break;
	default:
		break;
	}
	return 0;
}

/* ---- accepting ---- */

static int kvpool_target_reject(struct rdma_cm_id *cm_id, int reason)
{
	struct kvpool_wire_reject wire;

	atomic64_inc(&kvpool_closes[reason]);
	kvpool_wire_reject_put(&wire, reason);
	rdma_reject(cm_id, &wire, sizeof(wire), IB_CM_REJ_CONSUMER_DEFINED);
	return -ECONNREFUSED;
}

/*
 * May there be another connection, before anything is made for it? Strangers do
 * not keep others out: the oldest makes room. Returns a reason if not, otherwise
 * it is counted.
 */
static int kvpool_conn_admit(void)
{
	struct kvpool_conn *conn, *oldest = NULL;
	unsigned int strangers = 0;
	int reason = KVPOOL_CLOSE_NONE;

	mutex_lock(&kvpool_target_lock);
	list_for_each_entry(conn, &kvpool_conns, entry) {
		if (READ_ONCE(conn->state) != KVPOOL_CONN_STRANGER)
			continue;
		oldest = oldest ?: conn;
		strangers++;
	}
	if (strangers >= KVPOOL_MAX_STRANGERS)
		kvpool_conn_close(oldest, KVPOOL_CLOSE_LIMIT);
	if (kvpool_target_ended || kvpool_nr_conns >= KVPOOL_MAX_CONNS)
		reason = KVPOOL_CLOSE_LIMIT;
	else
		kvpool_nr_conns++;
	mutex_unlock(&kvpool_target_lock);
	return reason;
}

static void kvpool_conn_unadmit(void)
{
	mutex_lock(&kvpool_target_lock);
	kvpool_nr_conns--;
	mutex_unlock(&kvpool_target_lock);
}

static int kvpool_conn_accept(struct kvpool_conn *conn,
			      const struct rdma_conn_param *asked)
{
	const struct ib_device_attr *limits = &conn->dev->ib->attrs;
	struct kvpool_wire_terms given = conn->terms;
	struct rdma_conn_param param = {};

	memcpy(&conn->asked, asked->private_data, sizeof(conn->asked));
	get_random_bytes(conn->given.nonce, sizeof(conn->given.nonce));
	memcpy(given.host, kvpool_fabric_host, sizeof(given.host));
	kvpool_wire_accept_put(&conn->given, &given);
	rdma_set_ack_timeout(conn->cm_id, KVPOOL_ACK_TIMEOUT);
	rdma_set_min_rnr_timer(conn->cm_id, KVPOOL_RNR_TIMER);
	param.private_data = &conn->given;
	param.private_data_len = sizeof(conn->given);
	/* This side reads; nobody reads from it. */
	param.initiator_depth = min_t(int, asked->initiator_depth,
				      limits->max_qp_init_rd_atom);
	param.rnr_retry_count = KVPOOL_RETRY;
	return rdma_accept(conn->cm_id, &param);
}

/*
 * Enter a new connection among the others and accept it. From then on it ends by
 * its works alone, which wait for the lock.
 */
static int kvpool_conn_enter(struct kvpool_conn *conn,
			     const struct rdma_conn_param *asked)
{
	int reason = KVPOOL_CLOSE_NONE;

	mutex_lock(&kvpool_target_lock);
	if (kvpool_target_ended)
		reason = KVPOOL_CLOSE_LIMIT;
	else if (READ_ONCE(conn->dev->gone))
		reason = KVPOOL_CLOSE_DEVICE;
	else
		conn->host = kvpool_host_get(conn->terms.host);
	if (!reason && !conn->host)
		reason = KVPOOL_CLOSE_MEMORY;
	if (!reason) {
		conn->id = ++kvpool_conn_next_id;
		list_add_tail(&conn->entry, &kvpool_conns);
		kvpool_accepted++;
		queue_delayed_work(kvpool_rdma_wq, &kvpool_target_work,
				   msecs_to_jiffies(KVPOOL_WATCH_MS));
		conn->cm_id->context = conn;
		if (kvpool_conn_accept(conn, asked))
			kvpool_conn_close(conn, KVPOOL_CLOSE_TRANSPORT);
	}
	mutex_unlock(&kvpool_target_lock);
	return reason;
}

static struct kvpool_conn *kvpool_conn_new(struct rdma_cm_id *cm_id,
					   struct kvpool_ibdev *dev,
					   const struct kvpool_wire_terms *terms)
{
	struct kvpool_conn *conn;

	conn = kzalloc(sizeof(*conn), GFP_KERNEL);
	if (!conn)
		return NULL;
	conn->cm_id = cm_id;
	conn->dev = dev;
	conn->terms = *terms;
	conn->terms.credits = min_t(u16, terms->credits, KVPOOL_CREDITS);
	conn->terms.max_segs = KVPOOL_WIRE_SEGS_MAX;
	conn->terms.max_bytes = KVPOOL_MAX_REQUEST;
	conn->terms.auth = kvpool_auth_ready() ? KVPOOL_WIRE_AUTH_HMAC :
						 KVPOOL_WIRE_AUTH_OPEN;
	memcpy(&conn->src, &cm_id->route.addr.dst_addr, sizeof(conn->src));
	conn->born = jiffies;
	conn->heard = jiffies;
	spin_lock_init(&conn->lock);
	kvpool_gate_open(&conn->gate);
	INIT_WORK(&conn->work, kvpool_conn_work);
	INIT_DELAYED_WORK(&conn->end_work, kvpool_conn_end_work);
	INIT_WORK(&conn->serve_work, kvpool_serve_work);
	INIT_LIST_HEAD(&conn->free);
	INIT_LIST_HEAD(&conn->waiting);
	INIT_LIST_HEAD(&conn->backlog);
	INIT_LIST_HEAD(&conn->later);
	return conn;
}

/* Returns zero if the connection's id is ours from now on. */
static int kvpool_target_connect(struct rdma_cm_id *cm_id,
				 struct rdma_cm_event *event)
{
	const struct rdma_conn_param *asked = &event->param.conn;
	struct kvpool_wire_terms terms;
	struct kvpool_ibdev *dev;
	struct kvpool_conn *conn;
	int reason;

	reason = kvpool_wire_connect_get(asked->private_data,
					 asked->private_data_len, &terms);
	/* It lets nobody read, so none of its PUTs would ever end. */
	if (!reason && !asked->initiator_depth)
		reason = KVPOOL_CLOSE_MESSAGE;
	if (!reason && !kvpool_auth_ready() && !kvpool_auth_open())
		reason = KVPOOL_CLOSE_AUTH;
	/* What iWARP reads into has to be registered for all to write. */
	if (!reason && rdma_protocol_iwarp(cm_id->device, cm_id->port_num))
		reason = KVPOOL_CLOSE_REFUSED;
	reason = reason ?: kvpool_conn_admit();
	if (reason)
		return kvpool_target_reject(cm_id, reason);
	reason = KVPOOL_CLOSE_DEVICE;
	dev = kvpool_ibdev_get(cm_id->device);
	if (!dev)
		goto err_admit;
	reason = KVPOOL_CLOSE_MEMORY;
	conn = kvpool_conn_new(cm_id, dev, &terms);
	if (!conn)
		goto err_dev;
	if (kvpool_conn_alloc(conn))
		goto err_conn;
	reason = kvpool_conn_enter(conn, asked);
	if (reason)
		goto err_conn;
	return 0;

err_conn:
	kvpool_conn_free(conn);
	kfree(conn);
err_dev:
	kvpool_ibdev_put(dev);
err_admit:
	kvpool_conn_unadmit();
	return kvpool_target_reject(cm_id, reason);
}

/* ---- listening ---- */

static int kvpool_target_cm(struct rdma_cm_id *cm_id,
			    struct rdma_cm_event *event)
{
	if (event->event == RDMA_CM_EVENT_CONNECT_REQUEST)
		return kvpool_target_connect(cm_id, event);
	if (cm_id->context != &kvpool_listener)
		return kvpool_conn_cm(cm_id->context, event);
	/*
	 * Whoever takes the pointer destroys the id, here by saying so. It is
	 * listened again when there is a device with the address.
	 */
	if (event->event == RDMA_CM_EVENT_DEVICE_REMOVAL)
		return cmpxchg(&kvpool_listener.cm_id, cm_id, NULL) == cm_id;
	return 0;
}

static void kvpool_listener_stop(void)
{
	struct rdma_cm_id *cm_id = xchg(&kvpool_listener.cm_id, NULL);

	if (cm_id)
		rdma_destroy_id(cm_id);
}

static int kvpool_listener_start(void)
{
	struct rdma_cm_id *cm_id;
	int ret;

	cm_id = rdma_create_id(&init_net, kvpool_target_cm, &kvpool_listener,
			       RDMA_PS_TCP, IB_QPT_RC);
	if (IS_ERR(cm_id))
		return PTR_ERR(cm_id);
	ret = rdma_bind_addr(cm_id, (struct sockaddr *)&kvpool_listener.addr);
	if (!ret) {
		WRITE_ONCE(kvpool_listener.cm_id, cm_id);
		ret = rdma_listen(cm_id, 128);
		/* The device may have gone, and the id with it. */
		if (ret && cmpxchg(&kvpool_listener.cm_id, cm_id, NULL) !=
			   cm_id)
			return ret;
	}
	if (ret)
		rdma_destroy_id(cm_id);
	return ret;
}

static bool kvpool_target_may_listen(void)
{
	return kvpool_auth_ready() || kvpool_auth_open();
}

/**
 * kvpool_fabric_listen() - Take connections of other hosts
 * @addr: where, or NULL to stop; connections that there are stay
 *
 * Return: 0; -EPERM without a secret unless open; -EADDRNOTAVAIL or -ENODEV if
 * no RDMA device has the address; -EADDRINUSE; -EAFNOSUPPORT; -ENOMEM.
 */
int kvpool_fabric_listen(const struct sockaddr_storage *addr)
{
	int ret = 0;

	if (addr && addr->ss_family != AF_INET && addr->ss_family != AF_INET6)
		return -EAFNOSUPPORT;
	mutex_lock(&kvpool_fabric_mutex);
	if (addr && !kvpool_target_may_listen()) {
		ret = -EPERM;
	} else {
		kvpool_listener_stop();
		kvpool_listener.addr.ss_family = AF_UNSPEC;
		if (addr) {
			kvpool_listener.addr = *addr;
			ret = kvpool_listener_start();
			if (ret)
				kvpool_listener.addr.ss_family = AF_UNSPEC;
		}
	}
	mutex_unlock(&kvpool_fabric_mutex);
	if (addr && !ret)
		mod_delayed_work(kvpool_rdma_wq, &kvpool_target_work,
				 msecs_to_jiffies(KVPOOL_WATCH_MS));
	return ret;
}

/**
 * kvpool_target_check() - The secret, or whether one is needed, has changed
 */
void kvpool_target_check(void)
{
	mutex_lock(&kvpool_fabric_mutex);
	if (!kvpool_target_may_listen()) {
		kvpool_listener_stop();
		kvpool_listener.addr.ss_family = AF_UNSPEC;
	}
	mutex_unlock(&kvpool_fabric_mutex);
}

/* ---- what happens with time ---- */

static void kvpool_conn_watch(struct kvpool_conn *conn)
{
	if (READ_ONCE(conn->state) == KVPOOL_CONN_STRANGER) {
		if (time_after(jiffies, conn->born +
					msecs_to_jiffies(KVPOOL_STRANGER_MS)))
			kvpool_conn_close(conn, KVPOOL_CLOSE_AUTH);
	} else if (time_after(jiffies, READ_ONCE(conn->heard) +
				       msecs_to_jiffies(KVPOOL_SESSION_MS))) {
		kvpool_conn_close(conn, KVPOOL_CLOSE_TIMEOUT);
	}
}

static void kvpool_target_watch(struct work_struct *work)
{
	struct kvpool_conn *conn;
	struct kvpool_host *host;
	bool again;

	mutex_lock(&kvpool_target_lock);
	list_for_each_entry(conn, &kvpool_conns, entry)
		kvpool_conn_watch(conn);
	list_for_each_entry(host, &kvpool_hosts, entry)
		kvpool_puts_expire(host, KVPOOL_PUT_MS);
	again = !list_empty(&kvpool_conns);
	mutex_unlock(&kvpool_target_lock);

	mutex_lock(&kvpool_fabric_mutex);
	if (kvpool_listener.addr.ss_family != AF_UNSPEC) {
		if (!READ_ONCE(kvpool_listener.cm_id))
			kvpool_listener_start();
		again = true;
	}
	mutex_unlock(&kvpool_fabric_mutex);
	if (again)
		queue_delayed_work(kvpool_rdma_wq, &kvpool_target_work,
				   msecs_to_jiffies(KVPOOL_WATCH_MS));
}

/* ---- what control asks ---- */

/**
 * kvpool_session_next() - Describe the next connection that another host made
 * @after: number of one, 0 to begin
 * @info: where to
 *
 * Return: 0, or -ENOENT at the end.
 */
int kvpool_session_next(u64 after, struct kvpool_session_info *info)
{
	struct kvpool_conn *conn;
	int ret = -ENOENT;

	mutex_lock(&kvpool_target_lock);
	/* They are in the order of their numbers. */
	list_for_each_entry(conn, &kvpool_conns, entry) {
		if (conn->id <= after)
			continue;
		memset(info, 0, sizeof(*info));
		info->id = conn->id;
		info->src = conn->src;
		memcpy(info->host, conn->host->id, sizeof(info->host));
		spin_lock(&conn->lock);
		info->authenticated = conn->state == KVPOOL_CONN_LIVE &&
				      conn->terms.auth == KVPOOL_WIRE_AUTH_HMAC;
		info->close_reason = conn->reason;
		spin_unlock(&conn->lock);
		info->requests = atomic64_read(&conn->requests);
		info->bytes_in = atomic64_read(&conn->bytes_in);
		info->bytes_out = atomic64_read(&conn->bytes_out);
		ret = 0;
		break;
	}
	mutex_unlock(&kvpool_target_lock);
	return ret;
}

/**
 * kvpool_listen_get() - Describe the target
 * @info: where to
 */
void kvpool_listen_get(struct kvpool_listen_info *info)
{
	unsigned int i;

	memset(info, 0, sizeof(*info));
	mutex_lock(&kvpool_fabric_mutex);
	info->addr = kvpool_listener.addr;
	info->listening = READ_ONCE(kvpool_listener.cm_id);
	mutex_unlock(&kvpool_fabric_mutex);
	info->open = kvpool_auth_open();
	info->secret = kvpool_auth_ready();
	mutex_lock(&kvpool_target_lock);
	info->sessions = kvpool_nr_conns;
	info->accepted = kvpool_accepted;
	mutex_unlock(&kvpool_target_lock);
	for (i = 0; i < KVPOOL_NR_CLOSES; i++)
		info->closes[i] = atomic64_read(&kvpool_closes[i]);
}

/**
 * kvpool_target_remove() - Let go of a device
 * @dev: the device
 */
void kvpool_target_remove(struct kvpool_ibdev *dev)
{
	struct kvpool_conn *conn;

	mutex_lock(&kvpool_target_lock);
	list_for_each_entry(conn, &kvpool_conns, entry)
		if (conn->dev == dev)
			kvpool_conn_end(conn, KVPOOL_CLOSE_DEVICE);
	mutex_unlock(&kvpool_target_lock);
}

/**
 * kvpool_target_exit() - End all connections and take no more
 */
void kvpool_target_exit(void)
{
	struct kvpool_conn *conn;

	kvpool_fabric_listen(NULL);
	mutex_lock(&kvpool_target_lock);
	kvpool_target_ended = true;
	list_for_each_entry(conn, &kvpool_conns, entry)
		kvpool_conn_end(conn, KVPOOL_CLOSE_LOCAL);
	mutex_unlock(&kvpool_target_lock);
	cancel_delayed_work_sync(&kvpool_target_work);
	/* Each has its first work queued now, and that queues the second. */
	flush_workqueue(kvpool_connect_wq);
	flush_workqueue(kvpool_connect_wq);
}
