// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: queue pairs that other hosts connected, as objects. Their table, and
 * how they begin to end.
 */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "fabric/limits.h"
#include "fabric/session.h"
#include "fabric/trace.h"
#include "fabric/wq.h"

#define KVPOOL_VISIT_NR	64	/* sessions that are looked at under the lock */

static DEFINE_MUTEX(kvpool_sessions_lock);	/* what follows */
static struct rb_root kvpool_sessions = RB_ROOT;
static u64 kvpool_session_next_id;
static unsigned int kvpool_nr_sessions;
static bool kvpool_sessions_ended;
static DECLARE_WAIT_QUEUE_HEAD(kvpool_sessions_none);

static atomic64_t kvpool_closes[KVPOOL_NR_CLOSES];

/**
 * kvpool_session_count() - Count a session that ended or was refused
 * @reason: enum kvpool_close
 *
 * Context: any.
 */
void kvpool_session_count(int reason)
{
	atomic64_inc(&kvpool_closes[reason]);
}

/**
 * kvpool_session_closes() - How many sessions ended or were refused?
 * @reason: enum kvpool_close
 *
 * Context: any.
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
 *
 * Context: any in which a lock may be taken that interrupts do not take.
 */
void kvpool_session_close(struct kvpool_session *session, int reason)
{
	spin_lock(&session->lock);
	if (session->state != KVPOOL_SESSION_CLOSING) {
		session->state = KVPOOL_SESSION_CLOSING;
		session->reason = reason;
		if (!session->accepting)
			queue_work(kvpool_session_wq, &session->work);
	}
	spin_unlock(&session->lock);
}

/* ---- the table ---- */

static struct kvpool_session *kvpool_session_of(struct rb_node *node)
{
	return rb_entry(node, struct kvpool_session, node);
}

static bool kvpool_session_less(struct rb_node *a, const struct rb_node *b)
{
	return kvpool_session_of(a)->id <
	       rb_entry(b, struct kvpool_session, node)->id;
}

/* The session with the next higher number; the lock is held. */
static struct kvpool_session *kvpool_session_after(u64 id)
{
	struct rb_node *node = kvpool_sessions.rb_node;
	struct kvpool_session *found = NULL;

	lockdep_assert_held(&kvpool_sessions_lock);
	while (node) {
		if (kvpool_session_of(node)->id > id) {
			found = kvpool_session_of(node);
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * kvpool_session_enter() - Enter a new session in the table
 * @session: the session; its @id is set
 *
 * From then on it ends by its works alone.
 *
 * Context: process.
 *
 * Return: KVPOOL_CLOSE_NONE, or why it is to be refused.
 */
int kvpool_session_enter(struct kvpool_session *session)
{
	int reason = KVPOOL_CLOSE_NONE;

	mutex_lock(&kvpool_sessions_lock);
	if (kvpool_sessions_ended) {
		reason = KVPOOL_CLOSE_LOCAL;
	} else if (READ_ONCE(session->dev->gone)) {
		reason = KVPOOL_CLOSE_DEVICE;
	} else {
		session->id = ++kvpool_session_next_id;
		rb_add(&session->node, &kvpool_sessions, kvpool_session_less);
		kvpool_nr_sessions++;
	}
	mutex_unlock(&kvpool_sessions_lock);
	return reason;
}

/**
 * kvpool_sessions_nr() - Count the sessions
 *
 * Context: any.
 *
 * Return: their number now, with those that arrive and end.
 */
unsigned int kvpool_sessions_nr(void)
{
	return READ_ONCE(kvpool_nr_sessions);
}

/**
 * kvpool_session_leave() - Take a session out of the table
 * @session: a session in the table
 *
 * Context: process.
 */
void kvpool_session_leave(struct kvpool_session *session)
{
	mutex_lock(&kvpool_sessions_lock);
	rb_erase(&session->node, &kvpool_sessions);
	kvpool_nr_sessions--;
	if (!kvpool_nr_sessions)
		wake_up_all(&kvpool_sessions_none);
	mutex_unlock(&kvpool_sessions_lock);
}

/**
 * kvpool_session_linger() - Let a fenced session be disconnected and freed
 * @session: a session in the table
 *
 * If the transport has failed, the interface may just have lost its carrier.
 * A message that it refuses to take for this ends rxe's queue pair of the
 * connection manager, for good; a moment later it does take messages.
 *
 * Context: process.
 */
void kvpool_session_linger(struct kvpool_session *session)
{
	unsigned long linger = 0;

	mutex_lock(&kvpool_sessions_lock);
	if (session->reason == KVPOOL_CLOSE_TRANSPORT &&
	    !READ_ONCE(session->dev->gone) && !kvpool_sessions_ended)
		linger = msecs_to_jiffies(KVPOOL_LINGER_MS);
	queue_delayed_work(kvpool_close_wq, &session->end_work, linger);
	mutex_unlock(&kvpool_sessions_lock);
}

/**
 * kvpool_sessions_visit() - Look at some sessions
 * @after: a number, 0 to begin
 * @nr: how many, about
 * @visit: called for each, in a context in which it cannot go away
 *
 * Context: process.
 *
 * Return: the number of the last one, to go on with; zero after the end.
 */
u64 kvpool_sessions_visit(u64 after, unsigned int nr,
			  void (*visit)(struct kvpool_session *session))
{
	struct kvpool_session *session;
	unsigned int i, seen = 0;

	do {
		mutex_lock(&kvpool_sessions_lock);
		for (i = 0; i < KVPOOL_VISIT_NR; i++) {
			session = kvpool_session_after(after);
			if (!session)
				break;
			after = session->id;
			visit(session);
		}
		mutex_unlock(&kvpool_sessions_lock);
		cond_resched();
		seen += i;
	} while (session && seen < nr);
	return session ? after : 0;
}

/* Close a session without a delay, also one that lingers; the lock is held. */
static void kvpool_session_hurry(struct kvpool_session *session, int reason)
{
	lockdep_assert_held(&kvpool_sessions_lock);
	kvpool_session_close(session, reason);
	if (cancel_delayed_work(&session->end_work))
		queue_delayed_work(kvpool_close_wq, &session->end_work, 0);
}

static void kvpool_session_device(struct kvpool_session *session)
{
	if (READ_ONCE(session->dev->gone))
		kvpool_session_hurry(session, KVPOOL_CLOSE_DEVICE);
}

/**
 * kvpool_sessions_close() - Begin to end all sessions of devices that go away
 *
 * Context: process.
 */
void kvpool_sessions_close(void)
{
	kvpool_sessions_visit(0, UINT_MAX, kvpool_session_device);
}

static void kvpool_session_local(struct kvpool_session *session)
{
	kvpool_session_hurry(session, KVPOOL_CLOSE_LOCAL);
}

/**
 * kvpool_sessions_end() - Begin to end all sessions
 *
 * Context: process.
 */
void kvpool_sessions_end(void)
{
	kvpool_sessions_visit(0, UINT_MAX, kvpool_session_local);
}

/**
 * kvpool_sessions_exit() - End all sessions, and wait for that
 *
 * Those that no device would let go are left to the removal of their device.
 *
 * Context: process.
 */
void kvpool_sessions_exit(void)
{
	mutex_lock(&kvpool_sessions_lock);
	kvpool_sessions_ended = true;
	mutex_unlock(&kvpool_sessions_lock);
	kvpool_sessions_end();
	wait_event(kvpool_sessions_none, !READ_ONCE(kvpool_nr_sessions));
}

/**
 * kvpool_session_end() - End a session, because the administrator says so
 * @id: its number
 *
 * The host may connect again.
 *
 * Context: process.
 *
 * Return: 0 or -ENOENT.
 */
int kvpool_session_end(u64 id)
{
	struct kvpool_session *session;
	int ret = -ENOENT;

	mutex_lock(&kvpool_sessions_lock);
	session = id ? kvpool_session_after(id - 1) : NULL;
	if (session && session->id == id) {
		kvpool_session_close(session, KVPOOL_CLOSE_LOCAL);
		ret = 0;
	}
	mutex_unlock(&kvpool_sessions_lock);
	return ret;
}

/**
 * kvpool_session_next() - Describe the next session
 * @after: number of a session, 0 to begin
 * @info: where to write it
 *
 * Context: process.
 *
 * Return: 0, or -ENOENT at the end.
 */
int kvpool_session_next(u64 after, struct kvpool_session_info *info)
{
	struct kvpool_session *session;

	mutex_lock(&kvpool_sessions_lock);
	session = kvpool_session_after(after);
	if (session) {
		memset(info, 0, sizeof(*info));
		info->id = session->id;
		info->src = session->src;
		memcpy(info->host, session->terms.host, sizeof(info->host));
		spin_lock(&session->lock);
		if (session->host)
			strscpy(info->name, session->host->key.name,
				sizeof(info->name));
		info->authenticated =
			session->state == KVPOOL_SESSION_LIVE &&
			session->terms.auth == KVPOOL_WIRE_AUTH_HMAC;
		info->close_reason = session->reason;
		info->waiting = session->nr_waits;
		spin_unlock(&session->lock);
		if (session->admitted)
			info->memory = session->bytes;
		info->credits = session->terms.credits;
		info->outstanding = atomic_read(&session->outstanding);
		info->requests = atomic64_read(&session->requests);
		info->bytes_in = atomic64_read(&session->bytes_in);
		info->bytes_out = atomic64_read(&session->bytes_out);
	}
	mutex_unlock(&kvpool_sessions_lock);
	return session ? 0 : -ENOENT;
}
