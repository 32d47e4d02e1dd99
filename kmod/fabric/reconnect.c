// SPDX-License-Identifier: GPL-2.0
/*
 * The states of a queue pair: it is connected, fenced, taken down and connected
 * again, until its link is deleted.
 *
 * Each queue pair has a work that connects it and a work that takes it down, one
 * at a time. Of a queue pair that was up, another work ends the requests first,
 * on a workqueue where nothing waits for a peer. That
 * is the fence: when the queue pair is drained, the NIC no longer touches the
 * memory of any of them. If it cannot be drained, all stays until the device
 * goes away.
 */
#include <linux/jiffies.h>

#include "fabric/auth.h"
#include "fabric/connect.h"
#include "fabric/exchange.h"
#include "fabric/limits.h"
#include "fabric/peer.h"
#include "fabric/reconnect.h"
#include "fabric/resources.h"
#include "fabric/trace.h"
#include "fabric/wq.h"

#define KVPOOL_BACKOFF_MIN_MS	100
#define KVPOOL_BACKOFF_MAX_MS	10000
#define KVPOOL_AGAIN_MS		10	/* after one that was of use */
#define KVPOOL_LASTED_MS	1000	/* a connection this old was in use */

static void kvpool_queue_begin(struct kvpool_queue *queue)
{
	spin_lock(&queue->lock);
	queue->state = KVPOOL_QUEUE_CONNECTING;
	queue->since = jiffies;
	queue->reason = KVPOOL_CLOSE_NONE;
	queue->error = 0;
	reinit_completion(&queue->event);
	queue->control_sent = 0;
	queue->control_busy = false;
	queue->fenced = false;
	queue->responsive = false;
	queue->offered = 0;
	spin_unlock(&queue->lock);
}

/* The time before the next attempt; random, so that attempts spread. */
static unsigned long kvpool_queue_backoff(const struct kvpool_queue *queue)
{
	unsigned int ms = KVPOOL_BACKOFF_MIN_MS <<
			  min(READ_ONCE(queue->failures), 8U);

	ms = min_t(unsigned int, ms, KVPOOL_BACKOFF_MAX_MS);
	return kvpool_jitter(ms, ms / 4);
}

/* It is down, and is connected again after a delay if it is needed then. */
static void kvpool_queue_wait(struct kvpool_queue *queue, unsigned long delay)
{
	struct kvpool_link *link = queue->link;

	spin_lock(&queue->lock);
	queue->state = KVPOOL_QUEUE_DOWN;
	if (!READ_ONCE(link->dead))
		queue_delayed_work(kvpool_connect_wq, &queue->connect_work,
				   delay);
	spin_unlock(&queue->lock);
	kvpool_link_notify(link);
	/* Fails what waits if no other link may soon be up. */
	kvpool_requests_send(link->peer);
}

/* It is down, and stays so until something needs it. */
static void kvpool_queue_stay(struct kvpool_queue *queue)
{
	struct kvpool_link *link = queue->link;
	bool needed;

	spin_lock(&queue->lock);
	queue->state = KVPOOL_QUEUE_DOWN;
	queue->failures = 0;
	spin_unlock(&queue->lock);
	/* It may be another one by then. */
	if (!READ_ONCE(link->wanted))
		WRITE_ONCE(link->mtu, 0);
	kvpool_queue_strip(queue);
	/* kvpool_link_wake() may have seen it in another state. */
	smp_mb();
	needed = kvpool_link_needs(link, queue);
	if (needed)
		kvpool_link_wake(link);
	kvpool_link_notify(link);
	kvpool_requests_send(link->peer);
}

static void kvpool_queue_ended(struct kvpool_queue *queue)
{
	struct kvpool_link *link = queue->link;

	trace_kvpool_queue_close(link->peer_id, link->id, queue->index,
				 queue->reason, queue->error);
	WRITE_ONCE(link->reason, queue->reason);
	WRITE_ONCE(link->error, queue->error);
	if (queue->reason != KVPOOL_CLOSE_LOCAL &&
	    queue->reason != KVPOOL_CLOSE_FENCE &&
	    queue->reason != KVPOOL_CLOSE_IDLE)
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

	kvpool_peer_down(link->peer);
	kvpool_queue_ended(queue);
	if (!kvpool_queue_fence(queue))
		return;
	/* It may wait for memory, which the fence must not. */
	kvpool_link_notify(link);
	/*
	 * Just after a port has lost its carrier, a message of the connection
	 * manager that is dropped in the host costs soft RDMA its GSI queue
	 * pair, and with it all new connections.
	 */
	if (queue->reason == KVPOOL_CLOSE_TRANSPORT && !READ_ONCE(link->dead))
		linger = kvpool_jitter(KVPOOL_LINGER_MS, KVPOOL_LINGER_MS / 4);
	queue_delayed_work(kvpool_close_wq, &queue->close_work, linger);
}

/*
 * Take down a queue pair that is fenced, and have it connected again: without
 * much delay for a peer that has been of use; one that accepts and then falls
 * silent or dies gets one chance.
 */
static void kvpool_queue_undo(struct kvpool_queue *queue)
{
	unsigned long delay;

	if (!kvpool_queue_disconnect(queue))
		return;
	spin_lock(&queue->lock);
	if (queue->reason == KVPOOL_CLOSE_FENCE ||
	    queue->reason == KVPOOL_CLOSE_IDLE ||
	    time_after(jiffies, queue->since +
				msecs_to_jiffies(KVPOOL_LASTED_MS)))
		queue->responsive = true;
	if (queue->responsive)
		queue->failures = 0;
	delay = queue->failures ? kvpool_queue_backoff(queue) :
				  kvpool_jitter(0, KVPOOL_AGAIN_MS);
	if (!queue->responsive)
		queue->failures++;
	spin_unlock(&queue->lock);
	if (kvpool_link_needs(queue->link, queue))
		kvpool_queue_wait(queue, delay);
	else
		kvpool_queue_stay(queue);
}

static void kvpool_queue_came_up(struct kvpool_queue *queue)
{
	struct kvpool_link *link = queue->link;

	/* A change during the last step did not find it up. */
	if (!kvpool_auth_valid(queue->terms.name, &queue->stamp))
		kvpool_queue_close(queue, KVPOOL_CLOSE_AUTH, -EACCES);
	trace_kvpool_queue_up(link->peer_id, link->id, queue->index, 0, 0);
	if (queue->was_up)
		atomic_inc(&link->reconnects);
	queue->was_up = true;
	kvpool_link_notify(link);
	kvpool_requests_send(link->peer);
	/* Since it began to connect, nothing may need it any more. */
	if (!kvpool_link_needs(link, queue))
		kvpool_queue_rest(queue);
}

/* The peer has refused the path MTU: may it take a smaller one? */
static bool kvpool_queue_agrees(struct kvpool_queue *queue)
{
	if (queue->reason != KVPOOL_CLOSE_MTU || !queue->offered ||
	    queue->offered >= queue->terms.mtu)
		return false;
	WRITE_ONCE(queue->link->mtu, queue->offered);
	return true;
}

/* Why a queue pair is not connected that has been told no reason. */
static int kvpool_connect_reason(int error)
{
	switch (error) {
	case -ENOMEM:
	case -ENOBUFS:
		return KVPOOL_CLOSE_MEMORY;
	case -ENODEV:
		return KVPOOL_CLOSE_DEVICE;
	case -ECONNREFUSED:
		/* With soft iWARP nobody listens to the TCP port. */
		return KVPOOL_CLOSE_REFUSED;
	case -ETIMEDOUT:
		return KVPOOL_CLOSE_TIMEOUT;
	default:
		return KVPOOL_CLOSE_ADDRESS;
	}
}

static void kvpool_queue_failed(struct kvpool_queue *queue, int error)
{
	struct kvpool_link *link = queue->link;
	unsigned long delay;

	kvpool_queue_close(queue, kvpool_connect_reason(error), error);
	kvpool_queue_ended(queue);
	if (!kvpool_queue_disconnect(queue))
		return;
	mutex_lock(&link->notify_lock);
	link->has_path = false;
	mutex_unlock(&link->notify_lock);
	spin_lock(&queue->lock);
	if (kvpool_queue_agrees(queue)) {
		delay = 0;
	} else {
		queue->failures++;
		delay = kvpool_queue_backoff(queue);
	}
	spin_unlock(&queue->lock);
	kvpool_queue_wait(queue, delay);
}

static void kvpool_queue_try(struct kvpool_queue *queue)
{
	struct kvpool_link *link = queue->link;
	int ret;

	kvpool_queue_begin(queue);
	kvpool_link_notify(link);
	ret = kvpool_queue_connect(queue);
	ret = ret ?: kvpool_peer_up(link->peer, queue);
	if (ret)
		kvpool_queue_failed(queue, ret);
	else
		kvpool_queue_came_up(queue);
}

/**
 * kvpool_connect_work() - Connect a queue pair that is down, if it is needed
 * @work: of the queue pair
 */
void kvpool_connect_work(struct work_struct *work)
{
	struct kvpool_queue *queue = container_of(to_delayed_work(work),
						  struct kvpool_queue,
						  connect_work);

	mutex_lock(&queue->life);
	if (READ_ONCE(queue->state) == KVPOOL_QUEUE_DOWN) {
		if (queue->dev && READ_ONCE(queue->dev->gone))
			kvpool_queue_strip(queue);
		if (kvpool_link_needs(queue->link, queue))
			kvpool_queue_try(queue);
		else
			kvpool_queue_stay(queue);
	}
	mutex_unlock(&queue->life);
}

/**
 * kvpool_close_work() - Take down a queue pair that is fenced, or down for good
 * @work: of the queue pair
 */
void kvpool_close_work(struct work_struct *work)
{
	struct kvpool_queue *queue = container_of(to_delayed_work(work),
						  struct kvpool_queue,
						  close_work);
	struct kvpool_link *link = queue->link;
	bool unstuck = false;

	mutex_lock(&queue->life);
	switch (READ_ONCE(queue->state)) {
	case KVPOOL_QUEUE_DRAINING:
		/* Otherwise it is queued when it is; pairs with the fence. */
		if (smp_load_acquire(&queue->fenced))
			kvpool_queue_undo(queue);
		break;
	case KVPOOL_QUEUE_DOWN:
		if (!kvpool_link_needs(link, queue))
			kvpool_queue_stay(queue);
		break;
	case KVPOOL_QUEUE_STUCK:
		/* Its device goes away: pairs with kvpool_queue_release(). */
		unstuck = smp_load_acquire(&queue->released);
		if (unstuck)
			kvpool_queue_undo(queue);
		break;
	default:
		break;
	}
	mutex_unlock(&queue->life);
	/* kvpool_queue_strand() has kept the link. */
	if (unstuck)
		kvpool_link_put(link);
}
