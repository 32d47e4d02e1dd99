// SPDX-License-Identifier: GPL-2.0
/*
 * Fences: a cancelled request may end by itself for a while. If it does not,
 * its queue pair is drained, and the other requests on it go another way.
 */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/jiffies.h>
#include <linux/printk.h>

#include "fabric/exchange.h"
#include "fabric/fence.h"
#include "fabric/job.h"
#include "fabric/peer.h"
#include "fabric/request.h"
#include "fabric/wq.h"

#define KVPOOL_FENCE_MS		50	/* a cancelled request may end by itself */
#define KVPOOL_CANCEL_MS	1000	/* one that CANCEL was sent for */
#define KVPOOL_FENCE_GAP_MS	500	/* from one drain at a peer to the next */
#define KVPOOL_FENCE_JOBS	32	/* that are ended at a time */

/**
 * struct kvpool_fence_look - What was found at a peer
 * @waiting:	cancelled jobs are in flight
 * @nr:		length of @ended
 * @ended:	jobs, one for each part, that need not wait for an answer
 */
struct kvpool_fence_look {
	bool waiting;
	unsigned int nr;
	struct kvpool_job *ended[KVPOOL_FENCE_JOBS];
};

/**
 * kvpool_fence_arm() - A job in flight has been cancelled
 * @job: the job
 */
void kvpool_fence_arm(struct kvpool_job *job)
{
	struct kvpool_peer *peer = job->peer;
	unsigned long delay = msecs_to_jiffies(KVPOOL_FENCE_MS) + 1;

	/* It may have no memory that is registered. */
	if (job->opcode == KVPOOL_WIRE_PROBE ||
	    job->length <= KVPOOL_WIRE_INLINE_MAX)
		delay = 0;
	spin_lock(&peer->lock);
	if (!peer->gone && delay)
		queue_delayed_work(kvpool_rdma_wq, &peer->fence_work, delay);
	else if (!peer->gone)
		mod_delayed_work(kvpool_rdma_wq, &peer->fence_work, 0);
	spin_unlock(&peer->lock);
}

/*
 * Look for cancelled jobs in a request. If it has no memory, nothing has to be
 * fenced: once it was sent it goes on without them, and they are moved to
 * @look->ended. Otherwise returns whether the time of a job is over. The locks
 * of its queue pair and of its peer are held.
 */
static bool kvpool_request_overdue(struct kvpool_request *request,
				   struct kvpool_fence_look *look)
{
	unsigned int i, ms = request->waits ? KVPOOL_CANCEL_MS :
					      KVPOOL_FENCE_MS;
	bool overdue = false;

	for (i = 0; i < request->nr_parts; i++) {
		struct kvpool_part *part = &request->parts[i];
		struct kvpool_job *job = part->job;
		unsigned long cancelled;

		cancelled = job ? READ_ONCE(job->cancelled) : 0;
		if (!cancelled)
			continue;
		if (!request->nr_sg && !request->answered &&
		    look->nr < KVPOOL_FENCE_JOBS) {
			part->job = NULL;
			if (job->waiting == request)
				job->waiting = NULL;
			look->ended[look->nr++] = job;
			continue;
		}
		look->waiting = true;
		overdue |= request->nr_sg &&
			   time_after(jiffies,
				      cancelled + msecs_to_jiffies(ms));
	}
	return overdue;
}

static bool kvpool_queue_overdue(struct kvpool_queue *queue,
				 struct kvpool_fence_look *look)
{
	struct kvpool_request *request;
	bool overdue = false;
	unsigned int i;

	spin_lock(&queue->lock);
	for (i = 0; i < queue->nr_requests; i++) {
		request = queue->requests[i];
		if (queue->state == KVPOOL_QUEUE_UP && request->busy)
			overdue |= kvpool_request_overdue(request, look);
	}
	spin_unlock(&queue->lock);
	return overdue;
}

/* May queue pairs of a peer be drained again? Its lock is held. */
static bool kvpool_fence_allowed(const struct kvpool_peer *peer)
{
	return !peer->fence_at || time_after_eq(jiffies, peer->fence_at);
}

/* A CANCEL may wait for the control capsule. */
static void kvpool_queue_cancels(struct kvpool_queue *queue)
{
	if (!READ_ONCE(queue->nr_cancels) || !kvpool_gate_enter(&queue->gate))
		return;
	kvpool_requests_cancel(queue);
	kvpool_gate_leave(&queue->gate);
}

/**
 * kvpool_fence_work() - Fence cancelled requests that did not end in time
 * @work: of the peer
 *
 * All that are overdue at a time are fenced together, and for a while after that
 * none is, so that tenants who cancel a lot do not keep others from the peer.
 */
void kvpool_fence_work(struct work_struct *work)
{
	struct kvpool_peer *peer = container_of(to_delayed_work(work),
						struct kvpool_peer, fence_work);
	unsigned int i, drained = 0, ms = KVPOOL_FENCE_MS / 2;
	struct kvpool_fence_look look = {};
	struct kvpool_queue *queue;
	bool allowed;

	spin_lock(&peer->lock);
	allowed = kvpool_fence_allowed(peer);
	kvpool_peer_each_queue(peer, queue) {
		if (kvpool_queue_overdue(queue, &look) && allowed) {
			kvpool_queue_close(queue, KVPOOL_CLOSE_FENCE, 0);
			drained++;
		}
		kvpool_queue_cancels(queue);
	}
	if (drained)
		peer->fence_at = (jiffies +
				  msecs_to_jiffies(KVPOOL_FENCE_GAP_MS)) | 1;
	spin_unlock(&peer->lock);
	for (i = 0; i < look.nr; i++) {
		kvpool_job_error(look.ended[i], -ECANCELED);
		kvpool_job_less(look.ended[i]);
	}
	if (drained)
		pr_notice_ratelimited("peer %s: %u queue pairs are drained and reconnect: cancelled transfers did not end within %u ms\n",
				      peer->name, drained, KVPOOL_FENCE_MS);
	if (look.nr == KVPOOL_FENCE_JOBS)
		ms = 0;
	if (look.waiting || look.nr == KVPOOL_FENCE_JOBS)
		queue_delayed_work(kvpool_rdma_wq, &peer->fence_work,
				   msecs_to_jiffies(ms) + 1);
}
