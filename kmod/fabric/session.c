// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: queue pairs that other hosts connected. Their table, how many there
 * may be, and what happens to them with time.
 */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/string.h>

#include "fabric/auth.h"
#include "fabric/host.h"
#include "fabric/limits.h"
#include "fabric/session.h"
#include "fabric/trace.h"
#include "fabric/wq.h"

#define KVPOOL_MAX_SESSIONS	512
#define KVPOOL_MAX_STRANGERS	64	/* of them without a proof yet */
#define KVPOOL_STRANGER_MS	5000	/* the longest time without a proof */
#define KVPOOL_SESSION_MS	30000	/* silent sessions are closed */
#define KVPOOL_WATCH_MS		1000

static DEFINE_MUTEX(kvpool_sessions_lock);	/* what follows */
static LIST_HEAD(kvpool_sessions);
static u64 kvpool_session_next_id;
static unsigned int kvpool_nr_sessions;		/* with those being made */
static bool kvpool_sessions_ended;

static atomic64_t kvpool_closes[KVPOOL_NR_CLOSES];

static void kvpool_sessions_watch(struct work_struct *work);
static DECLARE_DELAYED_WORK(kvpool_sessions_work, kvpool_sessions_watch);

/**
 * kvpool_session_count() - Count a session that ended or was refused
 * @reason: enum kvpool_close
 */
void kvpool_session_count(int reason)
{
	atomic64_inc(&kvpool_closes[reason]);
}

/**
 * kvpool_session_closes() - How many sessions ended or were refused?
 * @reason: enum kvpool_close
 *
 * Return: their number since the module was loaded.
 */
u64 kvpool_session_closes(int reason)
{
	return atomic64_read(&kvpool_closes[reason]);
}

/**
 * kvpool_session_close() - Begin to end a session
 * @session: the session
 * @reason: enum kvpool_close; the first one counts
 */
void kvpool_session_close(struct kvpool_session *session, int reason)
{
	spin_lock(&session->lock);
	if (session->state != KVPOOL_SESSION_CLOSING) {
		session->state = KVPOOL_SESSION_CLOSING;
		session->reason = reason;
		queue_work(kvpool_connect_wq, &session->work);
	}
	spin_unlock(&session->lock);
}

/* ---- from request to session ---- */

/**
 * kvpool_session_admit() - May there be another session?
 *
 * Called before anything is made for it. Sessions without a proof do not keep
 * other hosts out: the oldest of them makes room.
 *
 * Return: KVPOOL_CLOSE_NONE, and it is counted until kvpool_session_leave() or
 * kvpool_session_unadmit(); or why it is to be refused.
 */
int kvpool_session_admit(void)
{
	struct kvpool_session *session, *oldest = NULL;
	unsigned int strangers = 0;
	int reason = KVPOOL_CLOSE_NONE;

	mutex_lock(&kvpool_sessions_lock);
	list_for_each_entry(session, &kvpool_sessions, entry) {
		if (READ_ONCE(session->state) != KVPOOL_SESSION_STRANGER)
			continue;
		oldest = oldest ?: session;
		strangers++;
	}
	if (strangers >= KVPOOL_MAX_STRANGERS) {
		pr_notice_ratelimited("%u sessions have not proved that they know the secret, which is the limit: the oldest, from %pISpc, is closed\n",
				      strangers, &oldest->src);
		kvpool_session_close(oldest, KVPOOL_CLOSE_LIMIT);
	}
	if (kvpool_sessions_ended || kvpool_nr_sessions >= KVPOOL_MAX_SESSIONS)
		reason = KVPOOL_CLOSE_LIMIT;
	else
		kvpool_nr_sessions++;
	mutex_unlock(&kvpool_sessions_lock);
	return reason;
}

/**
 * kvpool_session_unadmit() - Undo kvpool_session_admit()
 */
void kvpool_session_unadmit(void)
{
	mutex_lock(&kvpool_sessions_lock);
	kvpool_nr_sessions--;
	mutex_unlock(&kvpool_sessions_lock);
}

static int kvpool_session_accept(struct kvpool_session *session,
				 const struct rdma_conn_param *asked)
{
	const struct ib_device_attr *limits = &session->dev->ib->attrs;
	struct kvpool_wire_terms given = session->terms;
	struct rdma_conn_param param = {};

	memcpy(&session->connect, asked->private_data,
	       sizeof(session->connect));
	get_random_bytes(session->accept.nonce, sizeof(session->accept.nonce));
	memcpy(given.host, kvpool_auth_identity, sizeof(given.host));
	kvpool_wire_accept_encode(&session->accept, &given);
	rdma_set_ack_timeout(session->cm_id, KVPOOL_ACK_TIMEOUT);
	rdma_set_min_rnr_timer(session->cm_id, KVPOOL_RNR_TIMER);
	param.private_data = &session->accept;
	param.private_data_len = sizeof(session->accept);
	/* This side reads; the other host does not read from it. */
	param.initiator_depth = min_t(int, asked->initiator_depth,
				      limits->max_qp_init_rd_atom);
	param.rnr_retry_count = KVPOOL_QP_RETRIES;
	return rdma_accept(session->cm_id, &param);
}

/**
 * kvpool_session_enter() - Enter a new session in the table and accept it
 * @session: the session, complete but for @host and @id
 * @asked: the parameters of the connection request
 *
 * From then on it ends by its works alone, which wait until it is accepted.
 *
 * Return: KVPOOL_CLOSE_NONE, or why it is to be refused.
 */
int kvpool_session_enter(struct kvpool_session *session,
			 const struct rdma_conn_param *asked)
{
	int reason = KVPOOL_CLOSE_NONE;

	mutex_lock(&kvpool_sessions_lock);
	if (kvpool_sessions_ended)
		reason = KVPOOL_CLOSE_LIMIT;
	else if (READ_ONCE(session->dev->gone))
		reason = KVPOOL_CLOSE_DEVICE;
	else
		session->host = kvpool_host_get(session->terms.host);
	if (!reason && !session->host)
		reason = KVPOOL_CLOSE_MEMORY;
	if (!reason) {
		session->id = ++kvpool_session_next_id;
		list_add_tail(&session->entry, &kvpool_sessions);
		queue_delayed_work(kvpool_rdma_wq, &kvpool_sessions_work,
				   msecs_to_jiffies(KVPOOL_WATCH_MS));
		session->cm_id->context = session;
		trace_kvpool_session_open(session->id, session->terms.credits);
		if (kvpool_session_accept(session, asked))
			kvpool_session_close(session, KVPOOL_CLOSE_TRANSPORT);
	}
	mutex_unlock(&kvpool_sessions_lock);
	return reason;
}

/* ---- the end ---- */

/**
 * kvpool_session_settle() - Wait until a session is not being accepted any more
 * @session: a session in the table
 */
void kvpool_session_settle(struct kvpool_session *session)
{
	mutex_lock(&kvpool_sessions_lock);
	mutex_unlock(&kvpool_sessions_lock);
}

/**
 * kvpool_session_linger() - Let a fenced session be disconnected and freed
 * @session: a session in the table
 *
 * If the transport has failed, the interface may just have lost its carrier.
 * A message that it refuses to take for this ends rxe's queue pair of the
 * connection manager, for good; a moment later it does take messages.
 */
void kvpool_session_linger(struct kvpool_session *session)
{
	unsigned long linger = 0;

	mutex_lock(&kvpool_sessions_lock);
	if (session->reason == KVPOOL_CLOSE_TRANSPORT &&
	    !READ_ONCE(session->dev->gone) && !kvpool_sessions_ended)
		linger = msecs_to_jiffies(KVPOOL_LINGER_MS);
	queue_delayed_work(kvpool_connect_wq, &session->end_work, linger);
	mutex_unlock(&kvpool_sessions_lock);
}

/**
 * kvpool_session_leave() - Take a session out of the table
 * @session: a session in the table
 */
void kvpool_session_leave(struct kvpool_session *session)
{
	mutex_lock(&kvpool_sessions_lock);
	list_del(&session->entry);
	kvpool_nr_sessions--;
	mutex_unlock(&kvpool_sessions_lock);
}

/* Close a session without a delay, also one that lingers; the lock is held. */
static void kvpool_session_end(struct kvpool_session *session, int reason)
{
	lockdep_assert_held(&kvpool_sessions_lock);
	kvpool_session_close(session, reason);
	if (cancel_delayed_work(&session->end_work))
		queue_delayed_work(kvpool_connect_wq, &session->end_work, 0);
}

/**
 * kvpool_sessions_close() - Begin to end all sessions of a device
 * @dev: the device
 */
void kvpool_sessions_close(struct kvpool_ibdev *dev)
{
	struct kvpool_session *session;

	mutex_lock(&kvpool_sessions_lock);
	list_for_each_entry(session, &kvpool_sessions, entry)
		if (session->dev == dev)
			kvpool_session_end(session, KVPOOL_CLOSE_DEVICE);
	mutex_unlock(&kvpool_sessions_lock);
}

/**
 * kvpool_sessions_exit() - End all sessions, and wait for that
 */
void kvpool_sessions_exit(void)
{
	struct kvpool_session *session;

	mutex_lock(&kvpool_sessions_lock);
	kvpool_sessions_ended = true;
	list_for_each_entry(session, &kvpool_sessions, entry)
		kvpool_session_end(session, KVPOOL_CLOSE_LOCAL);
	mutex_unlock(&kvpool_sessions_lock);
	cancel_delayed_work_sync(&kvpool_sessions_work);
	/* Each has its first work queued now, and that queues the second. */
	flush_workqueue(kvpool_connect_wq);
	flush_workqueue(kvpool_connect_wq);
}

/* ---- what happens with time ---- */

static void kvpool_session_watch(struct kvpool_session *session)
{
	if (READ_ONCE(session->state) == KVPOOL_SESSION_STRANGER) {
		if (time_after(jiffies, session->born +
					msecs_to_jiffies(KVPOOL_STRANGER_MS)))
			kvpool_session_close(session, KVPOOL_CLOSE_AUTH);
	} else if (time_after(jiffies, READ_ONCE(session->heard) +
				       msecs_to_jiffies(KVPOOL_SESSION_MS))) {
		kvpool_session_close(session, KVPOOL_CLOSE_TIMEOUT);
	}
}

static void kvpool_sessions_watch(struct work_struct *work)
{
	struct kvpool_session *session;

	mutex_lock(&kvpool_sessions_lock);
	list_for_each_entry(session, &kvpool_sessions, entry)
		kvpool_session_watch(session);
	if (!list_empty(&kvpool_sessions))
		queue_delayed_work(kvpool_rdma_wq, &kvpool_sessions_work,
				   msecs_to_jiffies(KVPOOL_WATCH_MS));
	mutex_unlock(&kvpool_sessions_lock);
	kvpool_hosts_expire();
}

/**
 * kvpool_session_next() - Describe the next session
 * @after: number of a session, 0 to begin
 * @info: where to write it
 *
 * Return: 0, or -ENOENT at the end.
 */
int kvpool_session_next(u64 after, struct kvpool_session_info *info)
{
	struct kvpool_session *session;
	int ret = -ENOENT;

	mutex_lock(&kvpool_sessions_lock);
	/* They are in the order of their numbers. */
	list_for_each_entry(session, &kvpool_sessions, entry) {
		if (session->id <= after)
			continue;
		memset(info, 0, sizeof(*info));
		info->id = session->id;
		info->src = session->src;
		memcpy(info->host, session->host->id, sizeof(info->host));
		spin_lock(&session->lock);
		info->authenticated =
			session->state == KVPOOL_SESSION_LIVE &&
			session->terms.auth == KVPOOL_WIRE_AUTH_HMAC;
		info->close_reason = session->reason;
		spin_unlock(&session->lock);
		info->requests = atomic64_read(&session->requests);
		info->bytes_in = atomic64_read(&session->bytes_in);
		info->bytes_out = atomic64_read(&session->bytes_out);
		ret = 0;
		break;
	}
	mutex_unlock(&kvpool_sessions_lock);
	return ret;
}
