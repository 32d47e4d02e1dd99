// SPDX-License-Identifier: GPL-2.0
/*
 * When a secret, a key, a name or the mode has changed, connections that could
 * not be made in this way any more are closed, in both directions.
 */
#include <linux/workqueue.h>

#include "fabric/auth.h"
#include "fabric/peer.h"
#include "fabric/recheck.h"
#include "fabric/target.h"
#include "fabric/watch.h"
#include "fabric/wq.h"

/* Close what is not valid any more of the queue pairs to a peer. */
static void kvpool_recheck_peer(struct kvpool_peer *peer)
{
	struct kvpool_queue *queue;

	spin_lock(&peer->lock);
	kvpool_peer_each_queue(peer, queue)
		if (READ_ONCE(queue->state) == KVPOOL_QUEUE_UP &&
		    !kvpool_auth_valid(queue->terms.name, &queue->stamp))
			kvpool_queue_close(queue, KVPOOL_CLOSE_AUTH, -EACCES);
	spin_unlock(&peer->lock);
}

static void kvpool_recheck_work_fn(struct work_struct *work)
{
	struct kvpool_peer *peer;
	u32 id = 0;

	kvpool_target_check();
	kvpool_watch_again();
	while ((peer = kvpool_peer_after(id))) {
		id = peer->id;
		kvpool_recheck_peer(peer);
		kvpool_peer_put(peer);
		cond_resched();
	}
}

static DECLARE_WORK(kvpool_recheck_work, kvpool_recheck_work_fn);

/**
 * kvpool_recheck() - Look at all connections soon
 *
 * Context: any.
 */
void kvpool_recheck(void)
{
	queue_work(kvpool_rdma_wq, &kvpool_recheck_work);
}

/**
 * kvpool_recheck_exit() - Wait until nothing is looked at any more
 *
 * There is nobody left who changes something.
 *
 * Context: process context.
 */
void kvpool_recheck_exit(void)
{
	cancel_work_sync(&kvpool_recheck_work);
}
