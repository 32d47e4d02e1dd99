/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_WQ_H
#define _KVPOOL_FABRIC_WQ_H

#include <linux/workqueue.h>

extern struct workqueue_struct *kvpool_rdma_wq;
extern struct workqueue_struct *kvpool_connect_wq;
extern struct workqueue_struct *kvpool_serve_wq;

int kvpool_wq_init(void);
void kvpool_wq_exit(void);

#endif /* _KVPOOL_FABRIC_WQ_H */
