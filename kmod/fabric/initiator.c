// SPDX-License-Identifier: GPL-2.0
/* The initiator: takes transfers of the core, as its mover. */
#include <linux/err.h>

#include "fabric/fence.h"
#include "fabric/initiator.h"
#include "fabric/job.h"
#include "fabric/peer.h"
#include "fabric/request.h"

static void kvpool_initiator_submit(struct list_head *transfers)
{
	struct kvpool_transfer *transfer, *next;
	struct kvpool_peer *peer = NULL;
	struct kvpool_job *job;

	list_for_each_entry_safe(transfer, next, transfers, list) {
		list_del_init(&transfer->list);
		job = kvpool_job_new(transfer, peer);
		if (IS_ERR(job)) {
			kvpool_transfer_done(transfer, PTR_ERR(job), 0);
			continue;
		}
		/* Requests are made when all that can share one is queued. */
		if (peer != job->peer) {
			if (peer) {
				kvpool_requests_send(peer);
				kvpool_peer_put(peer);
			}
			peer = kvpool_peer_get(job->peer);
		}
		kvpool_job_start(job);
	}
	if (peer) {
		kvpool_requests_send(peer);
		kvpool_peer_put(peer);
	}
}

/*
 * What has not been sent is not sent. What is in flight may end by itself;
 * after a while the fence drains its queue pair.
 */
static void kvpool_initiator_cancel(struct kvpool_transfer *transfer)
{
	struct kvpool_job *job = kvpool_job_find(transfer);

	if (!job)
		return;
	kvpool_job_cancel(job);
	kvpool_fence_arm(job->peer);
	kvpool_job_put(job);
}

struct kvpool_mover kvpool_initiator = {
	.name = "rdma",
	.route = KVPOOL_ROUTE_RDMA,
	.submit = kvpool_initiator_submit,
	.cancel = kvpool_initiator_cancel,
};
