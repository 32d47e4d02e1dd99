// SPDX-License-Identifier: GPL-2.0
/* The initiator: takes transfers of the core, as its mover. */
#include <linux/err.h>
#include <linux/numa.h>
#include <linux/rcupdate.h>

#include "fabric/exchange.h"
#include "fabric/fence.h"
#include "fabric/initiator.h"
#include "fabric/job.h"
#include "fabric/peer.h"

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
 * What has not been sent is not sent. What waits at the peer is answered when
 * that is asked to. What is in flight may end by itself; after a while the fence
 * drains its queue pair.
 */
static void kvpool_initiator_cancel(struct kvpool_transfer *transfer)
{
	struct kvpool_job *job = kvpool_job_find(transfer);

	if (!job)
		return;
	kvpool_job_cancel(job);
	kvpool_request_cancel(job);
	kvpool_fence_arm(job);
	kvpool_job_put(job);
}

/* Of a link that is up; of another one if none is. */
static int kvpool_initiator_node(u32 id)
{
	struct kvpool_peer *peer = kvpool_peer_find(id);
	struct kvpool_link *link;
	int node = NUMA_NO_NODE;

	if (!peer)
		return node;
	rcu_read_lock();
	kvpool_peer_each_link(peer, link) {
		if (node == NUMA_NO_NODE || kvpool_link_is_up(link))
			node = READ_ONCE(link->node);
		if (kvpool_link_is_up(link))
			break;
	}
	rcu_read_unlock();
	kvpool_peer_put(peer);
	return node;
}

static bool kvpool_initiator_ready(u32 id)
{
	struct kvpool_peer *peer = kvpool_peer_find(id);
	struct kvpool_link *link;
	bool ready = false;

	if (!peer)
		return false;
	rcu_read_lock();
	kvpool_peer_each_link(peer, link) {
		ready = kvpool_link_is_up(link);
		if (ready)
			break;
	}
	rcu_read_unlock();
	kvpool_peer_put(peer);
	return ready;
}

struct kvpool_mover kvpool_initiator = {
	.name = "rdma",
	.route = KVPOOL_ROUTE_RDMA,
	.submit = kvpool_initiator_submit,
	.node = kvpool_initiator_node,
	.ready = kvpool_initiator_ready,
	.cancel = kvpool_initiator_cancel,
};
