// SPDX-License-Identifier: GPL-2.0
/* Links, as objects: their state and their events. */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/jiffies.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "fabric/events.h"
#include "fabric/limits.h"
#include "fabric/link.h"
#include "fabric/trace.h"
#include "fabric/wq.h"

#define KVPOOL_BUSY_MS		20	/* then another queue pair is worth it */
#define KVPOOL_BUSY_GAP_MS	10	/* and no longer without want of one */

static enum kvpool_link_state
kvpool_link_state(const struct kvpool_link *link, unsigned int *up)
{
	enum kvpool_link_state best = KVPOOL_LINK_IDLE;
	unsigned int i;

	*up = 0;
	if (READ_ONCE(link->wanted))
		best = KVPOOL_LINK_DOWN;
	for (i = 0; i < link->nr_queues; i++) {
		switch (READ_ONCE(link->queues[i].state)) {
		case KVPOOL_QUEUE_UP:
			++*up;
			break;
		case KVPOOL_QUEUE_CONNECTING:
			best = KVPOOL_LINK_CONNECTING;
			break;
		case KVPOOL_QUEUE_DRAINING:
			if (best != KVPOOL_LINK_CONNECTING)
				best = KVPOOL_LINK_DRAINING;
			break;
		case KVPOOL_QUEUE_STUCK:
		case KVPOOL_QUEUE_DOWN:
			break;
		}
	}
	return *up ? KVPOOL_LINK_UP : best;
}

/**
 * kvpool_link_is_up() - Is a queue pair of a link up?
 * @link: the link
 *
 * Return: true if so; without a lock, so it may change at any time.
 */
bool kvpool_link_is_up(const struct kvpool_link *link)
{
	unsigned int up;

	return kvpool_link_state(link, &up) == KVPOOL_LINK_UP;
}

/**
 * kvpool_link_read() - Describe a link
 * @link: the link
 * @info: where to write it
 */
void kvpool_link_read(struct kvpool_link *link, struct kvpool_link_info *info)
{
	unsigned int i;

	memset(info, 0, sizeof(*info));
	info->peer = link->peer_id;
	info->id = link->id;
	info->dst = link->dst;
	info->src = link->src;
	info->state = kvpool_link_state(link, &info->queues);
	info->close_reason = READ_ONCE(link->reason);
	info->last_error = READ_ONCE(link->error);
	info->rate = READ_ONCE(link->rate) << 10;
	info->errors = atomic_read(&link->errors);
	info->reconnects = atomic_read(&link->reconnects);
	if (info->state != KVPOOL_LINK_DOWN &&
	    info->state != KVPOOL_LINK_IDLE)
		strscpy(info->ibdev, link->ibdev, sizeof(info->ibdev));
	for (i = 0; i < link->nr_queues; i++) {
		struct kvpool_queue *queue = &link->queues[i];

		spin_lock(&queue->lock);
		info->inflight += queue->inflight;
		info->requests += queue->nr_done;
		info->bytes_in += queue->bytes_in;
		info->bytes_inline += queue->bytes_inline;
		info->bytes_out += queue->bytes_out;
		spin_unlock(&queue->lock);
	}
}

/* Log what an administrator has to know; each reason once until it is up. */
static void kvpool_link_log(struct kvpool_link *link,
			    const struct kvpool_link_info *info)
{
	int reason = info->close_reason;

	if (info->state == KVPOOL_LINK_UP) {
		if (link->told != KVPOOL_CLOSE_NONE)
			pr_info_ratelimited("peer %s: link %u to %pISpc is up on %s\n",
					    link->peer_name, link->id,
					    &link->dst, info->ibdev);
		link->told = KVPOOL_CLOSE_NONE;
		return;
	}
	/* fence.c logs fences; the link comes back soon. */
	if (READ_ONCE(link->dead) || reason == link->told ||
	    reason == KVPOOL_CLOSE_FENCE || reason == KVPOOL_CLOSE_IDLE ||
	    info->state == KVPOOL_LINK_IDLE)
		return;
	if (link->state == KVPOOL_LINK_UP)
		pr_warn_ratelimited("peer %s: link %u to %pISpc is down: %s (error %d); it reconnects by itself\n",
				    link->peer_name, link->id, &link->dst,
				    kvpool_wire_reason(reason),
				    info->last_error);
	else if (info->state != KVPOOL_LINK_DOWN)
		return;
	else if (reason == KVPOOL_CLOSE_VERSION)
		pr_warn_ratelimited("peer %s: link %u to %pISpc cannot connect: %s; this host speaks version %u, upgrade the older module\n",
				    link->peer_name, link->id, &link->dst,
				    kvpool_wire_reason(reason),
				    KVPOOL_WIRE_VERSION);
	else
		pr_warn_ratelimited("peer %s: link %u to %pISpc cannot connect: %s (error %d); it retries by itself\n",
				    link->peer_name, link->id, &link->dst,
				    kvpool_wire_reason(reason),
				    info->last_error);
	link->told = reason;
}

/**
 * kvpool_link_notify() - Report it if the link as a whole has changed
 * @link: the link
 *
 * Process context.
 */
void kvpool_link_notify(struct kvpool_link *link)
{
	struct kvpool_link_info info;

	mutex_lock(&link->notify_lock);
	kvpool_link_read(link, &info);
	if (link->state != info.state) {
		trace_kvpool_link_state(link->peer_id, link->id, info.state,
					info.queues);
		kvpool_link_log(link, &info);
		link->state = info.state;
		/* One that goes says so once; one may never have been there. */
		if (!READ_ONCE(link->dead))
			kvpool_event_link(&info, KVPOOL_LINK_CHANGED);
	}
	mutex_unlock(&link->notify_lock);
}

/* ---- when it is connected ---- */

/* How many usable queue pairs of its link are before it? */
static unsigned int kvpool_queue_rank(const struct kvpool_queue *queue)
{
	unsigned int i, rank = 0;

	for (i = 0; i < queue->index; i++)
		rank += READ_ONCE(queue->link->queues[i].state) !=
			KVPOOL_QUEUE_STUCK;
	return rank;
}

/**
 * kvpool_link_needs() - Is a queue pair to be connected?
 * @link: the link
 * @queue: one of its queue pairs
 *
 * Return: true if so; without a lock, so it may change at any time.
 */
bool kvpool_link_needs(const struct kvpool_link *link,
		       const struct kvpool_queue *queue)
{
	return READ_ONCE(link->wanted) && !READ_ONCE(link->dead) &&
	       kvpool_queue_rank(queue) < READ_ONCE(link->target);
}

/**
 * kvpool_link_retry_queue() - Look soon at a queue pair that is down
 * @queue: the queue pair
 * @ms: the longest delay; it is random
 *
 * It is connected then if it is needed. Context: as kvpool_queue_close().
 */
void kvpool_link_retry_queue(struct kvpool_queue *queue, unsigned int ms)
{
	spin_lock(&queue->lock);
	/* An attempt in progress may fail yet for a cause that has gone. */
	if (queue->failures)
		queue->failures = 1;
	if (queue->state == KVPOOL_QUEUE_DOWN && !READ_ONCE(queue->link->dead))
		mod_delayed_work(kvpool_connect_wq, &queue->connect_work,
				 kvpool_jitter(0, ms));
	spin_unlock(&queue->lock);
}

/**
 * kvpool_link_wake() - Connect a link, since something needs it
 * @link: the link
 *
 * What has failed is connected when its back-off is over. Context: as
 * kvpool_queue_close().
 */
void kvpool_link_wake(struct kvpool_link *link)
{
	struct kvpool_queue *queue;
	unsigned int i;

	/* Before a queue pair looks whether it is needed. */
	smp_store_mb(link->wanted, true);
	for (i = 0; i < link->nr_queues; i++) {
		queue = &link->queues[i];
		spin_lock(&queue->lock);
		if (queue->state == KVPOOL_QUEUE_DOWN &&
		    kvpool_link_needs(link, queue))
			queue_delayed_work(kvpool_connect_wq,
					   &queue->connect_work, 0);
		/* Within this lock: afterwards a dead link arms no work. */
		if (!READ_ONCE(link->dead))
			queue_delayed_work(kvpool_rdma_wq, &link->watch_work,
					   HZ);
		spin_unlock(&queue->lock);
	}
}

/**
 * kvpool_link_retry() - Connect soon what is down, since something has changed
 * @link: the link
 * @ms: the longest delay; it is random
 *
 * Has no effect on what is not needed. Context: as kvpool_queue_close().
 */
void kvpool_link_retry(struct kvpool_link *link, unsigned int ms)
{
	unsigned int i;

	for (i = 0; i < link->nr_queues; i++)
		kvpool_link_retry_queue(&link->queues[i], ms);
}

/**
 * kvpool_link_rest() - Let a link go that nothing needs
 * @link: the link
 *
 * Context: process.
 *
 * Return: false if it carries requests.
 */
bool kvpool_link_rest(struct kvpool_link *link)
{
	unsigned int i;

	/* Before requests are looked for: kvpool_link_wake() is the reverse. */
	smp_store_mb(link->wanted, false);
	for (i = 0; i < link->nr_queues; i++) {
		if (kvpool_queue_rest(&link->queues[i]))
			continue;
		kvpool_link_wake(link);
		return false;
	}
	WRITE_ONCE(link->target, 1);
	/* What waits for its next attempt finds that it is not needed. */
	kvpool_link_retry(link, 0);
	return true;
}

/**
 * kvpool_link_less() - Let a queue pair of a link go that nothing needs
 * @link: the link
 * @queue: the queue pair
 *
 * Only the last one goes, and never the first one.
 *
 * Context: process.
 */
void kvpool_link_less(struct kvpool_link *link, struct kvpool_queue *queue)
{
	unsigned int rank = kvpool_queue_rank(queue);

	if (rank && rank + 1 == READ_ONCE(link->target) &&
	    kvpool_queue_rest(queue))
		WRITE_ONCE(link->target, rank);
}

/**
 * kvpool_link_busy() - The queue pairs of a link are too few just now
 * @link: the link
 *
 * See kvpool_link_want(). Tasks race for the times; at worst another queue pair
 * is connected early or late.
 */
void kvpool_link_busy(struct kvpool_link *link)
{
	unsigned int target = READ_ONCE(link->target);
	unsigned long now = jiffies;

	if (time_after(now, READ_ONCE(link->busy_last) +
			    msecs_to_jiffies(KVPOOL_BUSY_GAP_MS)))
		WRITE_ONCE(link->busy_since, now);
	WRITE_ONCE(link->busy_last, now);
	if (target >= link->nr_queues ||
	    time_before(now, READ_ONCE(link->busy_since) +
			     msecs_to_jiffies(KVPOOL_BUSY_MS)))
		return;
	WRITE_ONCE(link->busy_since, now);
	if (cmpxchg(&link->target, target, target + 1) == target &&
	    READ_ONCE(link->wanted))
		kvpool_link_wake(link);
}

/**
 * kvpool_link_reachable() - May a link be up, or soon be?
 * @link: the link
 *
 * Return: false if no queue pair is up and the latest attempt has failed;
 * without a lock, so it may change at any time.
 */
bool kvpool_link_reachable(const struct kvpool_link *link)
{
	unsigned int i;

	for (i = 0; i < link->nr_queues; i++) {
		const struct kvpool_queue *queue = &link->queues[i];

		switch (READ_ONCE(queue->state)) {
		case KVPOOL_QUEUE_UP:
			return true;
		case KVPOOL_QUEUE_CONNECTING:
		case KVPOOL_QUEUE_DRAINING:
			if (!READ_ONCE(queue->failures))
				return true;
			break;
		case KVPOOL_QUEUE_DOWN:
			/* An attempt is due at once, if one is needed. */
			if (kvpool_queue_rank(queue) <
			    READ_ONCE(link->target) &&
			    !READ_ONCE(queue->failures))
				return true;
			break;
		case KVPOOL_QUEUE_STUCK:
			break;
		}
	}
	return false;
}
