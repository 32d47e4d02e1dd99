// SPDX-License-Identifier: GPL-2.0
/* Links, as objects: their state, their events, and how fast they are. */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "fabric/events.h"
#include "fabric/limits.h"
#include "fabric/link.h"
#include "fabric/trace.h"
#include "fabric/wq.h"

static enum kvpool_link_state
kvpool_link_state(const struct kvpool_link *link, unsigned int *up)
{
	enum kvpool_link_state best = KVPOOL_LINK_DOWN;
	unsigned int i;

	*up = 0;
	for (i = 0; i < link->nr_queues; i++) {
		switch (READ_ONCE(link->queues[i].state)) {
		case KVPOOL_QUEUE_UP:
			++*up;
			break;
		case KVPOOL_QUEUE_CONNECTING:
			best = KVPOOL_LINK_CONNECTING;
			break;
		case KVPOOL_QUEUE_DRAINING:
			if (best == KVPOOL_LINK_DOWN)
				best = KVPOOL_LINK_DRAINING;
			break;
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
	if (info->state != KVPOOL_LINK_DOWN)
		strscpy(info->ibdev, link->ibdev, sizeof(info->ibdev));
	for (i = 0; i < link->nr_queues; i++) {
		struct kvpool_queue *queue = &link->queues[i];

		spin_lock(&queue->lock);
		info->inflight += queue->inflight;
		info->requests += queue->nr_done;
		info->bytes_in += queue->bytes_in;
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
	    reason == KVPOOL_CLOSE_FENCE)
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
		kvpool_event_link(&info, KVPOOL_LINK_CHANGED);
	}
	mutex_unlock(&link->notify_lock);
}

/**
 * kvpool_link_earlier() - Would another request be done earlier on a link?
 * @a: the link
 * @b: the link that it is compared with
 *
 * Return: true if on @a.
 */
bool kvpool_link_earlier(const struct kvpool_link *a,
			 const struct kvpool_link *b)
{
	u64 work_a = atomic64_read(&a->inflight) + KVPOOL_MAX_REQUEST;
	u64 work_b = atomic64_read(&b->inflight) + KVPOOL_MAX_REQUEST;

	return work_a * READ_ONCE(b->rate) < work_b * READ_ONCE(a->rate);
}

/**
 * kvpool_link_queue() - Find a queue pair with a credit
 * @link: the link
 *
 * Return: the queue pair, that of this CPU if it has a credit; or NULL.
 */
struct kvpool_queue *kvpool_link_queue(struct kvpool_link *link)
{
	unsigned int i, first = raw_smp_processor_id();

	for (i = 0; i < link->nr_queues; i++) {
		struct kvpool_queue *queue =
			&link->queues[(first + i) % link->nr_queues];

		if (kvpool_queue_has_credit(queue))
			return queue;
	}
	return NULL;
}

/**
 * kvpool_link_sample() - Learn from an answer how fast a link is
 * @link: the link
 * @bytes: bytes of the request
 * @sent: when it was sent, in ns
 *
 * The time counts from when the link had nothing else to do.
 */
void kvpool_link_sample(struct kvpool_link *link, u32 bytes, u64 sent)
{
	u64 now = ktime_get_ns(), since = READ_ONCE(link->last_done);
	u64 rate = READ_ONCE(link->rate);

	WRITE_ONCE(link->last_done, now);
	if (bytes < KVPOOL_MIN_SLICE / 2)
		return;
	since = max(since, sent);
	since = now > since ? now - since : 1;
	/* KiB per second: bytes * 10^9 / 2^10 / ns. */
	rate = (rate * 7 + div64_u64((u64)bytes * (NSEC_PER_SEC >> 10),
				     since)) / 8;
	WRITE_ONCE(link->rate, max_t(u64, rate, 1));
}

static void kvpool_queue_retry(struct kvpool_queue *queue)
{
	spin_lock(&queue->lock);
	/* An attempt in progress may fail yet for a cause that has gone. */
	if (queue->failures)
		queue->failures = 1;
	if (queue->state == KVPOOL_QUEUE_DOWN && !READ_ONCE(queue->link->dead))
		mod_delayed_work(kvpool_connect_wq, &queue->work, 0);
	spin_unlock(&queue->lock);
}

/**
 * kvpool_link_retry() - Connect soon what is down, since something has changed
 * @link: the link
 */
void kvpool_link_retry(struct kvpool_link *link)
{
	unsigned int i;

	for (i = 0; i < link->nr_queues; i++)
		kvpool_queue_retry(&link->queues[i]);
}
