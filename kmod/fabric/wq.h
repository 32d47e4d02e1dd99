/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_WQ_H
#define _KVPOOL_FABRIC_WQ_H

#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/workqueue.h>

extern struct workqueue_struct *kvpool_rdma_wq;
extern struct workqueue_struct *kvpool_fence_wq;
extern struct workqueue_struct *kvpool_close_wq;
extern struct workqueue_struct *kvpool_connect_wq;
extern struct workqueue_struct *kvpool_accept_wq;
extern struct workqueue_struct *kvpool_serve_wq;
extern struct workqueue_struct *kvpool_session_wq;

/**
 * kvpool_jitter() - A delay that differs from host to host
 * @ms: the shortest delay
 * @spread: how much longer it may be
 *
 * Return: jiffies.
 */
static inline unsigned long kvpool_jitter(unsigned int ms, unsigned int spread)
{
	return msecs_to_jiffies(ms + get_random_u32() % (spread + 1));
}

int kvpool_wq_init(void);
void kvpool_wq_exit(void);

#endif /* _KVPOOL_FABRIC_WQ_H */
