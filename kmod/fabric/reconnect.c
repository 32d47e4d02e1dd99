// SPDX-License-Identifier: GPL-2.0
/*
 * The states of a queue pair: it is connected, fenced, taken down and connected
 * again, until its link is deleted.
 *
 * Each queue pair has one work that connects it and takes it down, so neither
 * needs a lock against the other. Of a queue pair that was up, another work
 * ends the requests first, on a workqueue where nothing blocks. That is the
 * fence: when ib_drain_qp() has returned, the NIC no longer touches the memory
 * of any of them.
 */
#include <linux/jiffies.h>
#include <linux/random.h>

#include "fabric/connect.h"
#include "fabric/limits.h"
#include "fabric/peer.h"
#include "fabric/reconnect.h"
#include "fabric/request.h"
#include "fabric/trace.h"
#include "fabric/wq.h"

#define KVPOOL_BACKOFF_MIN_MS	100
#define KVPOOL_BACKOFF_MAX_MS	10000
#define KVPOOL_LASTED_MS	1000	/* a connection this old was in use */

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
	queue->control_sent = 0;
	queue->control_busy = false;
	queue->fenced = false;
	queue->responsive = false;
	spin_unlock(&queue->lock);
}

/* Connected: it is up, unless it has failed since the last step. */
static bool kvpool_queue_ready(struct kvpool_queue *queue)
{
	bool ready;

	if (!kvpool_peer_agrees(queue->link->peer, queue))
		kvpool_queue_close(queue, KVPOOL_CLOSE_ADDRESS, -EXDEV);
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

/* The time before the next attempt; random, so that attempts spread. */
static unsigned long kvpool_queue_backoff(const struct kvpool_queue *queue)
{
	unsigned int ms = KVPOOL_BACKOFF_MIN_MS <<
			  min(READ_ONCE(queue->failures), 8U);

	ms = min_t(unsigned int, ms, KVPOOL_BACKOFF_MAX_MS);
	return msecs_to_jiffies(ms + get_random_u32() % (ms / 4));
}

/* It is down, and is connected again later unless its link is deleted. */
static void kvpool_queue_wait(struct kvpool_queue *queue)
{
	struct kvpool_link *link = queue->link;

	kvpool_queue_set(queue, KVPOOL_QUEUE_DOWN);
	kvpool_link_notify(link);
	/* Fails what waits if no other link may soon be up. */
	kvpool_requests_send(link->peer);
	if (!READ_ONCE(link->dead))
		queue_delayed_work(kvpool_connect_wq, &queue->work,
				   kvpool_queue_backoff(queue));
}

static void kvpool_queue_ended(struct kvpool_queue *queue)
{
	struct kvpool_link *link = queue->link;

	trace_kvpool_queue_close(link->peer_id, link->id, queue->index,
				 queue->reason, queue->error);
	WRITE_ONCE(link->reason, queue->reason);
	WRITE_ONCE(link->error, queue->error);
	if (queue->reason != KVPOOL_CLOSE_LOCAL &&
	    queue->reason != KVPOOL_CLOSE_FENCE)
		atomic_inc(&link->errors);
}

/**
 * kvpool_reconnect_fence_work() - Fence a queue pair that is DRAINING
 * @work: of the queue pair
 */
void kvpool_reconnect_fence_work(struct work_struct *work)
{
	struct kvpool_queue *queue =
		container_of(work, struct kvpool_queue, fence_work);
	struct kvpool_link *link = queue->link;
	unsigned long linger = 0;

	kvpool_queue_ended(queue);
	kvpool_link_notify(link);
	kvpool_queue_fence(queue);
	/*
	 * Just after a port has lost its carrier, a message of the connection
	 * manager that is dropped in the host costs soft RDMA its GSI queue
	 * pair, and with it all new connections.
	 */
	if (queue->reason == KVPOOL_CLOSE_TRANSPORT && !READ_ONCE(link->dead))
		linger = msecs_to_jiffies(KVPOOL_LINGER_MS);
	queue_delayed_work(kvpool_connect_wq, &queue->work, linger);
}

/*
 * Take down a queue pair that is fenced. Returns whether to connect again
 * without a delay: a peer that accepts and then falls silent or dies gets one
 * chance.
 */
static bool kvpool_queue_undo(struct kvpool_queue *queue)
{
	bool no_delay;

	kvpool_queue_disconnect(queue);
	spin_lock(&queue->lock);
	if (queue->reason == KVPOOL_CLOSE_FENCE ||
	    time_after(jiffies, queue->since +
				msecs_to_jiffies(KVPOOL_LASTED_MS)))
		queue->responsive = true;
	if (queue->responsive)
		queue->failures = 0;
	no_delay = !queue->failures;
	if (!queue->responsive)
		queue->failures++;
	spin_unlock(&queue->lock);
	return no_delay;
}

static void kvpool_queue_came_up(struct kvpool_queue *queue)
{
	struct kvpool_link *link = queue->link;

	trace_kvpool_queue_up(link->peer_id, link->id, queue->index, 0, 0);
	if (queue->was_up)
		atomic_inc(&link->reconnects);
	queue->was_up = true;
	kvpool_link_notify(link);
	kvpool_requests_send(link->peer);
}

static void kvpool_queue_failed(struct kvpool_queue *queue, int error)
{
	if (!queue->reason) {
		queue->reason = error == -ENOMEM ? KVPOOL_CLOSE_MEMORY :
				error == -ENODEV ? KVPOOL_CLOSE_DEVICE :
						   KVPOOL_CLOSE_ADDRESS;
		queue->error = error;
	}
	kvpool_queue_ended(queue);
	kvpool_queue_disconnect(queue);
	spin_lock(&queue->lock);
	queue->failures++;
	spin_unlock(&queue->lock);
	kvpool_queue_wait(queue);
}

/**
 * kvpool_reconnect_work() - Take down a fenced queue pair, and connect it
 * @work: of the queue pair
 */
void kvpool_reconnect_work(struct work_struct *work)
{
	struct kvpool_queue *queue = container_of(to_delayed_work(work),
						  struct kvpool_queue, work);
	struct kvpool_link *link = queue->link;
	bool no_delay = true;
	int ret;

	switch (READ_ONCE(queue->state)) {
	case KVPOOL_QUEUE_UP:
		return;
	case KVPOOL_QUEUE_DRAINING:
		/* Otherwise it is queued when it is; pairs with the fence. */
		if (!smp_load_acquire(&queue->fenced))
			return;
		no_delay = kvpool_queue_undo(queue);
		break;
	default:
		break;
	}
	if (READ_ONCE(link->dead)) {
		kvpool_queue_set(queue, KVPOOL_QUEUE_DOWN);
		kvpool_link_notify(link);
		return;
	}
	if (!no_delay) {
		kvpool_queue_wait(queue);
		return;
	}

	kvpool_queue_begin(queue);
	kvpool_link_notify(link);
	ret = kvpool_queue_connect(queue);
	if (!ret && kvpool_queue_ready(queue))
		kvpool_queue_came_up(queue);
	else
		kvpool_queue_failed(queue, ret);
}
