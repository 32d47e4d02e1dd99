// SPDX-License-Identifier: GPL-2.0
/*
 * Looks after the sessions of other hosts: those that are silent, do not prove
 * whose they are, or could not be made in this way any more are closed.
 *
 * Each of them is looked at once a second; a run looks at some.
 */
#include <linux/jiffies.h>

#include "fabric/admit.h"
#include "fabric/auth.h"
#include "fabric/cmd.h"
#include "fabric/host.h"
#include "fabric/session.h"
#include "fabric/watch.h"
#include "fabric/wq.h"

#define KVPOOL_STRANGER_MS	5000	/* the longest time without a proof */
#define KVPOOL_SESSION_MS	30000	/* silent sessions are closed */
#define KVPOOL_WATCH_MS		1000
#define KVPOOL_WATCH_NR		256	/* sessions of a run */

static void kvpool_watch_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(kvpool_watch_work, kvpool_watch_work_fn);

/* Where the work goes on: sessions, then hosts; only the work uses them. */
static u64 kvpool_watch_session;
static u64 kvpool_watch_host;
static bool kvpool_watch_restart;	/* begin anew */

static bool kvpool_watch_past(unsigned long since, unsigned int ms)
{
	return time_after(jiffies, since + msecs_to_jiffies(ms));
}

static void kvpool_watch_visit(struct kvpool_session *session)
{
	const struct kvpool_host *host;
	enum kvpool_session_state state;

	spin_lock(&session->lock);
	state = session->state;
	host = session->host;
	spin_unlock(&session->lock);
	switch (state) {
	case KVPOOL_SESSION_ARRIVING:
		/* The other side has given up. */
		if (kvpool_watch_past(session->born, KVPOOL_STRANGER_MS))
			kvpool_session_close(session, KVPOOL_CLOSE_LIMIT);
		break;
	case KVPOOL_SESSION_STRANGER:
		/* With a host, it waits for memory, but not for long. */
		if (!host &&
		    kvpool_watch_past(session->born, KVPOOL_STRANGER_MS))
			kvpool_session_close(session, KVPOOL_CLOSE_AUTH);
		break;
	case KVPOOL_SESSION_LIVE:
		if (READ_ONCE(host->life) != session->slot.life)
			kvpool_session_close(session, KVPOOL_CLOSE_REPLACED);
		else if (!kvpool_auth_valid(host->key.name, &session->stamp))
			kvpool_session_close(session, KVPOOL_CLOSE_AUTH);
		else if (kvpool_cmds_stall(session) ||
			 kvpool_watch_past(READ_ONCE(session->heard),
					   KVPOOL_SESSION_MS))
			kvpool_session_close(session, KVPOOL_CLOSE_TIMEOUT);
		break;
	case KVPOOL_SESSION_CLOSING:
		break;
	}
}

static void kvpool_watch_work_fn(struct work_struct *work)
{
	unsigned int ms = 0;

	if (xchg(&kvpool_watch_restart, false)) {
		kvpool_watch_session = 0;
		kvpool_watch_host = 0;
	}
	if (!kvpool_watch_host)
		kvpool_watch_session =
			kvpool_sessions_visit(kvpool_watch_session,
					      KVPOOL_WATCH_NR,
					      kvpool_watch_visit);
	if (!kvpool_watch_session) {
		kvpool_watch_host = kvpool_hosts_expire(kvpool_watch_host,
							KVPOOL_WATCH_NR);
		if (!kvpool_watch_host) {
			kvpool_admit_watch();
			ms = KVPOOL_WATCH_MS;
		}
	}
	if (kvpool_sessions_nr())
		queue_delayed_work(kvpool_rdma_wq, &kvpool_watch_work,
				   msecs_to_jiffies(ms));
	else
		kvpool_admit_idle();
}

/**
 * kvpool_watch_start() - There is a session to look after
 *
 * Context: any.
 */
void kvpool_watch_start(void)
{
	queue_delayed_work(kvpool_rdma_wq, &kvpool_watch_work,
			   msecs_to_jiffies(KVPOOL_WATCH_MS));
}

/**
 * kvpool_watch_again() - Look at all sessions soon: something has changed
 *
 * Context: any.
 */
void kvpool_watch_again(void)
{
	xchg(&kvpool_watch_restart, true);
	mod_delayed_work(kvpool_rdma_wq, &kvpool_watch_work, 0);
}

/**
 * kvpool_watch_exit() - There are no sessions any more, and none will come
 *
 * Context: process.
 */
void kvpool_watch_exit(void)
{
	cancel_delayed_work_sync(&kvpool_watch_work);
}
