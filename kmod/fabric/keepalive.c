// SPDX-License-Identifier: GPL-2.0
/* Asks idle and stalled peers whether they live, and ends what is silent. */
#include <linux/jiffies.h>
#include <linux/math64.h>

#include "fabric/exchange.h"
#include "fabric/keepalive.h"
#include "fabric/limits.h"
#include "fabric/peer.h"
#include "fabric/settings.h"
#include "fabric/wq.h"

#define KVPOOL_IDLE_MS		5000	/* no request: does the peer live? */
#define KVPOOL_SILENT_MS	5000	/* no answer to that: it is dead */
#define KVPOOL_SUSPECT_MS	500	/* likewise, and other links live */
#define KVPOOL_WATCH_MS		1000	/* how often idle links are looked at */
#define KVPOOL_ATTEMPT_MS	20000	/* longer than kvpool_queue_connect() waits */

/*
 * Has the link been silent for long, while other links of the peer were not?
 * The awaited answer may be behind other answers: twice the time of a large one
 * is added.
 */
static bool kvpool_queue_suspect(const struct kvpool_queue *queue,
				 unsigned long asked)
{
	struct kvpool_link *link = queue->link;
	unsigned long since = READ_ONCE(link->heard), other;
	u64 ms;

	if (!kvpool_peer_heard(link->peer, link, &other))
		return false;
	if (time_after(asked, since))
		since = asked;
	ms = div64_u64(2ULL * MSEC_PER_SEC * (KVPOOL_MAX_REQUEST >> 10),
		       max(READ_ONCE(link->rate), 1ULL));
	ms = KVPOOL_SUSPECT_MS + min_t(u64, ms, KVPOOL_SILENT_MS);
	return time_after(other, since + msecs_to_jiffies(ms));
}

static void kvpool_queue_watch(struct kvpool_queue *queue)
{
	unsigned long now = jiffies, sent, wait, heard;
	int ret = 0;

	if (!kvpool_gate_enter(&queue->gate))
		return;
	/* While the gate is held, the queue pair does not reconnect. */
	if (READ_ONCE(queue->state) != KVPOOL_QUEUE_UP)
		goto out;
	sent = READ_ONCE(queue->control_sent);
	heard = READ_ONCE(queue->heard);
	wait = kvpool_queue_idles(queue) ? KVPOOL_IDLE_MS : KVPOOL_STALL_MS;
	if (sent) {
		/* The answer may be behind a lot of other answers. */
		if (time_after(sent, heard))
			heard = sent;
		if (kvpool_queue_suspect(queue, sent) ||
		    time_after(now,
			       heard + msecs_to_jiffies(KVPOOL_SILENT_MS)))
			kvpool_queue_close(queue, KVPOOL_CLOSE_TIMEOUT,
					   -ETIMEDOUT);
	} else if (time_after(now, heard + msecs_to_jiffies(wait)) &&
		   kvpool_queue_control(queue)) {
		size_t len = kvpool_wire_header_encode(queue->control.data,
						       KVPOOL_WIRE_ALIVE, 0, 0,
						       0);

		ret = kvpool_queue_send_control(queue, len);
		if (ret)
			kvpool_queue_close(queue, KVPOOL_CLOSE_TRANSPORT, ret);
	}
out:
	kvpool_gate_leave(&queue->gate);
}

/*
 * What waits for a queue pair does not wait for as long as a device may take to
 * connect it: with soft iWARP that is as long as TCP tries.
 */
static void kvpool_queue_watch_attempt(struct kvpool_queue *queue)
{
	bool late;

	spin_lock(&queue->lock);
	late = queue->state == KVPOOL_QUEUE_CONNECTING && !queue->failures &&
	       time_after(jiffies, queue->since +
				   msecs_to_jiffies(KVPOOL_ATTEMPT_MS));
	if (late)
		queue->failures = 1;
	spin_unlock(&queue->lock);
	if (late)
		kvpool_requests_send(queue->link->peer);
}

/* Let a further queue pair go that has had nothing to do for a while. */
static void kvpool_queue_watch_use(struct kvpool_queue *queue)
{
	u32 idle = kvpool_setting_idle_ms();
	u64 done = READ_ONCE(queue->nr_done);

	if (READ_ONCE(queue->state) != KVPOOL_QUEUE_UP)
		return;
	if (done != queue->used_done || READ_ONCE(queue->inflight)) {
		queue->used_done = done;
		queue->used = jiffies;
	} else if (idle && time_after(jiffies, queue->used +
					       msecs_to_jiffies(idle))) {
		kvpool_link_less(queue->link, queue);
	}
}

/**
 * kvpool_keepalive_work() - Look at all queue pairs of a link
 * @work: of the link; queues itself again
 */
void kvpool_keepalive_work(struct work_struct *work)
{
	struct kvpool_link *link = container_of(to_delayed_work(work),
						struct kvpool_link, watch_work);
	unsigned int i, ms = KVPOOL_WATCH_MS, idle = kvpool_setting_idle_ms();

	/* It is queued again when something needs the link. */
	if (kvpool_peer_idle(link->peer) && kvpool_link_rest(link)) {
		/* After @wanted: kvpool_peer_wake() is the reverse. */
		smp_store_mb(link->peer->resting, true);
		if (READ_ONCE(link->wanted) || kvpool_peer_idle(link->peer))
			return;
		kvpool_peer_wake(link->peer);
	}
	for (i = 0; i < link->nr_queues; i++) {
		kvpool_queue_watch(&link->queues[i]);
		kvpool_queue_watch_attempt(&link->queues[i]);
		kvpool_queue_watch_use(&link->queues[i]);
		if (!kvpool_queue_idles(&link->queues[i]))
			ms = KVPOOL_STALL_MS;
	}
	WRITE_ONCE(link->watch_soon, ms == KVPOOL_STALL_MS);
	/* Half of a short idle time, so that it ends soon after. */
	if (idle)
		ms = min(ms, max(idle / 2, 10U));
	queue_delayed_work(kvpool_rdma_wq, &link->watch_work,
			   msecs_to_jiffies(ms));
}
