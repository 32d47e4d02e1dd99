// SPDX-License-Identifier: GPL-2.0
/* Workqueues. A fence must never wait for a worker that something blocks. */
#include <linux/errno.h>

#include "fabric/wq.h"

struct workqueue_struct *kvpool_rdma_wq;	/* fences; nothing blocks */
struct workqueue_struct *kvpool_connect_wq;	/* connects, takes down */
struct workqueue_struct *kvpool_serve_wq;	/* the target's AUTH and PUSH */

/**
 * kvpool_wq_init() - Make the workqueues
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_wq_init(void)
{
	kvpool_rdma_wq = alloc_workqueue("kvpool_rdma", WQ_UNBOUND, 0);
	kvpool_connect_wq = alloc_workqueue("kvpool_connect", WQ_UNBOUND,
					    WQ_MAX_ACTIVE);
	kvpool_serve_wq = alloc_workqueue("kvpool_serve", WQ_UNBOUND, 0);
	if (kvpool_rdma_wq && kvpool_connect_wq && kvpool_serve_wq)
		return 0;
	kvpool_wq_exit();
	return -ENOMEM;
}

/**
 * kvpool_wq_exit() - Wait for all works and free the workqueues
 */
void kvpool_wq_exit(void)
{
	if (kvpool_serve_wq)
		destroy_workqueue(kvpool_serve_wq);
	if (kvpool_connect_wq)
		destroy_workqueue(kvpool_connect_wq);
	if (kvpool_rdma_wq)
		destroy_workqueue(kvpool_rdma_wq);
}
