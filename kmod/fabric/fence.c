// SPDX-License-Identifier: GPL-2.0
/*
 * Fences: a cancelled request may end by itself for a while. If it does not,
 * its queue pair is drained, and the other requests on it go another way.
 */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/jiffies.h>
#include <linux/printk.h>

#include "fabric/fence.h"
#include "fabric/job.h"
#include "fabric/peer.h"
#include "fabric/request.h"
#include "fabric/wq.h"

#define KVPOOL_FENCE_MS	50	/* a cancelled request may end by itself */

/**
 * kvpool_fence_arm() - A job in flight has been cancelled
 * @peer: the peer that it is sent to
 */
void kvpool_fence_arm(struct kvpool_peer *peer)
{
	spin_lock(&peer->lock);
	if (!peer->gone)
		queue_delayed_work(kvpool_rdma_wq, &peer->fence_work,
				   msecs_to_jiffies(KVPOOL_FENCE_MS) + 1);
	spin_unlock(&peer->lock);
}

/*
 * Look for cancelled jobs in a request. If it has no memory, nothing has to be
 * fenced: once it was sent it goes on without them, and they are moved to
 * @ended. Otherwise returns whether the time of a job is over. The locks of its
 * queue pair and of its peer are held.
 */
static bool kvpool_request_overdue(struct kvpool_request *request,
				   bool *waiting, struct list_head *ended)
{
	bool overdue = false;
	unsigned int i;

	for (i = 0; i < request->nr_parts; i++) {
		struct kvpool_job *job = request->parts[i].job;
		unsigned long cancelled;

		cancelled = job ? READ_ONCE(job->cancelled) : 0;
		if (!cancelled)
			continue;
		if (!request->nr_sg && !request->answered) {
			request->parts[i].job = NULL;
			kvpool_job_error(job, -ECANCELED);
			/* All of it was in this part. */
			list_add_tail(&job->first.entry, ended);
			continue;
		}
		*waiting = true;
		overdue |= request->nr_sg &&
			   time_after(jiffies, cancelled +
				      msecs_to_jiffies(KVPOOL_FENCE_MS));
	}
	return overdue;
}

static bool kvpool_queue_overdue(struct kvpool_queue *queue, bool *waiting,
				 struct list_head *ended)
{
	struct kvpool_request *request;
	bool overdue = false;
	unsigned int i;

	spin_lock(&queue->lock);
	for (i = 0; i < queue->nr_requests; i++) {
		request = queue->requests[i];
		if (queue->state == KVPOOL_QUEUE_UP && request->busy)
			overdue |= kvpool_request_overdue(request, waiting,
							  ended);
	}
	spin_unlock(&queue->lock);
	return overdue;
}

/**
 * kvpool_fence_work() - Fence cancelled requests that did not end in time
 * @work: of the peer
 */
void kvpool_fence_work(struct work_struct *work)
{
	struct kvpool_peer *peer = container_of(to_delayed_work(work),
						struct kvpool_peer, fence_work);
	unsigned int drained = 0;
	struct kvpool_queue *queue;
	bool waiting = false;
	LIST_HEAD(ended);

	spin_lock(&peer->lock);
	kvpool_peer_each_queue(peer, queue) {
		if (kvpool_queue_overdue(queue, &waiting, &ended)) {
			kvpool_queue_close(queue, KVPOOL_CLOSE_FENCE, 0);
			drained++;
		}
	}
	spin_unlock(&peer->lock);
	kvpool_ranges_end(&ended);
	if (drained)
		pr_notice_ratelimited("peer %s: %u queue pairs are drained and reconnect: cancelled transfers did not end within %u ms\n",
				      peer->name, drained, KVPOOL_FENCE_MS);
	if (waiting)
		queue_delayed_work(kvpool_rdma_wq, &peer->fence_work,
				   msecs_to_jiffies(KVPOOL_FENCE_MS) / 2 + 1);
}
