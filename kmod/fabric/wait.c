// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that wait for a pending block. A FETCH that waits stays in its
 * command, in session->waits, without a task. Of those that can end it (the
 * core, time, a CANCEL, the end of the session) the one that takes it out of the
 * list goes on with it. What it says to the core is said by one task at a time,
 * which marks it busy; the others leave a note.
 */
#include <linux/jiffies.h>
#include <linux/lockdep.h>

#include "fabric/cmd.h"
#include "fabric/session.h"
#include "fabric/wait.h"
#include "fabric/wq.h"

/* It waits no more, and only the caller acts on it; session->lock is held. */
static void kvpool_wait_unlink(struct kvpool_cmd *cmd)
{
	lockdep_assert_held(&cmd->session->lock);
	list_del(&cmd->entry);
	cmd->session->nr_waits--;
}

/* Go on with a command that was taken out of the list. */
static void kvpool_wait_end(struct kvpool_cmd *cmd, bool woken)
{
	struct kvpool_session *session = cmd->session;

	if (kvpool_gate_enter(&session->gate)) {
		cmd->wait.resume(cmd, woken);
		kvpool_gate_leave(&session->gate);
	} else {
		kvpool_cmd_end(cmd);
	}
	/* The last access to the session. */
	kvpool_gate_leave(&session->waiters);
}

/* The key is not pending any more. */
static void kvpool_wait_wake(struct kvpool_export_wait *export, int status)
{
	struct kvpool_cmd *cmd =
		container_of(export, struct kvpool_cmd, wait.export);
	struct kvpool_session *session = cmd->session;
	bool mine;

	spin_lock(&session->lock);
	mine = !cmd->wait.busy;
	if (mine)
		kvpool_wait_unlink(cmd);
	cmd->wait.woken = true;
	spin_unlock(&session->lock);
	if (mine)
		kvpool_wait_end(cmd, status != -EINPROGRESS);
}

/*
 * A task is done with its call for a busy command: leave the command to the
 * core, or end it.
 */
static void kvpool_wait_settle(struct kvpool_cmd *cmd)
{
	struct kvpool_session *session = cmd->session;
	bool stop, woken, cancelled = false;

	do {
		spin_lock(&session->lock);
		woken = cmd->wait.woken;
		stop = cmd->wait.stop && !woken && !cancelled;
		if (woken || cancelled)
			kvpool_wait_unlink(cmd);
		else if (!stop)
			cmd->wait.busy = false;
		spin_unlock(&session->lock);
		if (woken || cancelled) {
			kvpool_wait_end(cmd, woken);
			return;
		}
		if (stop) {
			cancelled = kvpool_export_wait_cancel(cmd->tenant,
							      &cmd->wait.export);
			/* If it failed, the core wakes it, or just has. */
			spin_lock(&session->lock);
			cmd->wait.stop = false;
			spin_unlock(&session->lock);
		}
	} while (stop);
}

/* Stop a command, or let the task that is busy with it do so; lock held. */
static bool kvpool_wait_take(struct kvpool_cmd *cmd)
{
	bool mine = !cmd->wait.busy;

	lockdep_assert_held(&cmd->session->lock);
	cmd->wait.busy = true;
	cmd->wait.stop = true;
	return mine;
}

/**
 * kvpool_wait_begin() - Let a command wait until a key is not pending
 * @cmd: a FETCH with a tenant, which is taken over if it waits
 * @key: the key
 * @resume: goes on with it
 *
 * Return: 1: it waits; 0: the key is not pending; -EBUSY: enough commands of the
 * session wait; -ENOMEM.
 */
int kvpool_wait_begin(struct kvpool_cmd *cmd, const struct kvpool_key *key,
		      void (*resume)(struct kvpool_cmd *cmd, bool woken))
{
	struct kvpool_session *session = cmd->session;
	struct kvpool_wait *wait = &cmd->wait;
	bool room, first;
	int ret;

	wait->export.wake = kvpool_wait_wake;
	wait->resume = resume;
	wait->until = jiffies + msecs_to_jiffies(cmd->message.wait_ms);
	wait->busy = true;
	wait->stop = false;
	wait->woken = false;
	if (!kvpool_gate_enter(&session->waiters))
		return -EBUSY;
	spin_lock(&session->lock);
	room = session->nr_waits < session->terms.waits &&
	       session->state == KVPOOL_SESSION_LIVE;
	first = room && (!session->nr_waits ||
			 time_before(wait->until, session->waits_until));
	if (room) {
		list_add_tail(&cmd->entry, &session->waits);
		session->nr_waits++;
	}
	if (first) {
		session->waits_until = wait->until;
		mod_delayed_work(kvpool_rdma_wq, &session->waits_work,
				 msecs_to_jiffies(cmd->message.wait_ms));
	}
	spin_unlock(&session->lock);
	ret = room ? kvpool_export_wait(cmd->tenant, key, &wait->export) :
		     -EBUSY;
	if (ret == 1) {
		kvpool_wait_settle(cmd);
		return 1;
	}
	if (room) {
		spin_lock(&session->lock);
		kvpool_wait_unlink(cmd);
		spin_unlock(&session->lock);
	}
	kvpool_gate_leave(&session->waiters);
	return ret;
}

/**
 * kvpool_wait_cancel() - End a request that waits
 * @session: where it came
 * @id: of the request; nothing happens if it does not wait
 */
void kvpool_wait_cancel(struct kvpool_session *session, u32 id)
{
	struct kvpool_cmd *cmd, *found = NULL;

	spin_lock(&session->lock);
	list_for_each_entry(cmd, &session->waits, entry) {
		if (cmd->message.id == id && !cmd->wait.stop) {
			if (kvpool_wait_take(cmd))
				found = cmd;
			break;
		}
	}
	spin_unlock(&session->lock);
	if (found)
		kvpool_wait_settle(found);
}

/* Take a command whose time is over, or any; else tell when the next one is. */
static struct kvpool_cmd *kvpool_wait_expired(struct kvpool_session *session,
					      bool any)
{
	struct kvpool_cmd *cmd, *found = NULL;
	unsigned long now = jiffies, next = now;
	bool more = false;

	spin_lock(&session->lock);
	list_for_each_entry(cmd, &session->waits, entry) {
		if (cmd->wait.stop)
			continue;
		if (any || time_after_eq(now, cmd->wait.until)) {
			if (kvpool_wait_take(cmd)) {
				found = cmd;
				break;
			}
		} else if (!more || time_before(cmd->wait.until, next)) {
			next = cmd->wait.until;
			more = true;
		}
	}
	if (!found && more) {
		session->waits_until = next;
		mod_delayed_work(kvpool_rdma_wq, &session->waits_work,
				 next - now);
	}
	spin_unlock(&session->lock);
	return found;
}

static void kvpool_waits_work(struct work_struct *work)
{
	struct kvpool_session *session =
		container_of(to_delayed_work(work), struct kvpool_session,
			     waits_work);
	struct kvpool_cmd *cmd;

	while ((cmd = kvpool_wait_expired(session, false)))
		kvpool_wait_settle(cmd);
}

/**
 * kvpool_waits_init() - Prepare a session for requests that wait
 * @session: the session
 */
void kvpool_waits_init(struct kvpool_session *session)
{
	kvpool_gate_open(&session->waiters);
	INIT_LIST_HEAD(&session->waits);
	INIT_DELAYED_WORK(&session->waits_work, kvpool_waits_work);
}

/**
 * kvpool_waits_exit() - End all requests that wait
 * @session: a session whose gate is closed
 *
 * They are not answered. Waits for no peer.
 */
void kvpool_waits_exit(struct kvpool_session *session)
{
	struct kvpool_cmd *cmd;

	kvpool_gate_shut(&session->waiters);
	while ((cmd = kvpool_wait_expired(session, true)))
		kvpool_wait_settle(cmd);
	cancel_delayed_work_sync(&session->waits_work);
	kvpool_gate_wait(&session->waiters);
}
