// SPDX-License-Identifier: GPL-2.0
/*
 * Workqueues. None of them waits for a later one in this list, and those that
 * give memory back run without fresh memory.
 */
#include <linux/errno.h>

#include "fabric/wq.h"

#define KVPOOL_CONNECTS_MAX	64	/* at a time, of this host */
#define KVPOOL_ACCEPTS_MAX	16	/* at a time, of other hosts */

struct workqueue_struct *kvpool_rdma_wq;	/* timers; nothing blocks */
struct workqueue_struct *kvpool_fence_wq;	/* fences; wait for the NIC */
struct workqueue_struct *kvpool_close_wq;	/* takes down; waits for CM */
struct workqueue_struct *kvpool_connect_wq;	/* connects; waits for peers */
struct workqueue_struct *kvpool_accept_wq;	/* accepts, and AUTH */
struct workqueue_struct *kvpool_serve_wq;	/* the target's PUSH */
struct workqueue_struct *kvpool_session_wq;	/* fences of the target; wait */
						/* for kvpool_serve_wq */

/**
 * kvpool_wq_init() - Make the workqueues
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_wq_init(void)
{
	kvpool_rdma_wq = alloc_workqueue("kvpool_rdma",
					 WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	kvpool_fence_wq = alloc_workqueue("kvpool_fence",
					  WQ_UNBOUND | WQ_MEM_RECLAIM,
					  WQ_MAX_ACTIVE);
	kvpool_close_wq = alloc_workqueue("kvpool_close",
					  WQ_UNBOUND | WQ_MEM_RECLAIM,
					  WQ_MAX_ACTIVE);
	kvpool_connect_wq = alloc_workqueue("kvpool_connect", WQ_UNBOUND,
					    KVPOOL_CONNECTS_MAX);
	kvpool_accept_wq = alloc_workqueue("kvpool_accept", WQ_UNBOUND,
					   KVPOOL_ACCEPTS_MAX);
	kvpool_serve_wq = alloc_workqueue("kvpool_serve",
					  WQ_UNBOUND | WQ_MEM_RECLAIM,
					  WQ_MAX_ACTIVE);
	kvpool_session_wq = alloc_workqueue("kvpool_session",
					    WQ_UNBOUND | WQ_MEM_RECLAIM,
					    WQ_MAX_ACTIVE);
	if (kvpool_rdma_wq && kvpool_fence_wq && kvpool_close_wq &&
	    kvpool_connect_wq && kvpool_accept_wq && kvpool_serve_wq &&
	    kvpool_session_wq)
		return 0;
	kvpool_wq_exit();
	return -ENOMEM;
}

static void kvpool_wq_destroy(struct workqueue_struct *wq)
{
	if (wq)
		destroy_workqueue(wq);
}

/**
 * kvpool_wq_exit() - Wait for all works and free the workqueues
 */
void kvpool_wq_exit(void)
{
	kvpool_wq_destroy(kvpool_accept_wq);
	kvpool_wq_destroy(kvpool_session_wq);
	kvpool_wq_destroy(kvpool_serve_wq);
	kvpool_wq_destroy(kvpool_connect_wq);
	kvpool_wq_destroy(kvpool_close_wq);
	kvpool_wq_destroy(kvpool_fence_wq);
	kvpool_wq_destroy(kvpool_rdma_wq);
}
