/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_RECONNECT_H
#define _KVPOOL_FABRIC_RECONNECT_H

#include <linux/workqueue.h>

void kvpool_connect_work(struct work_struct *work);
void kvpool_close_work(struct work_struct *work);
void kvpool_reconnect_fence_work(struct work_struct *work);

#endif /* _KVPOOL_FABRIC_RECONNECT_H */
