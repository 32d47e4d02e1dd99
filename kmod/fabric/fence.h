/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_FENCE_H
#define _KVPOOL_FABRIC_FENCE_H

#include <linux/workqueue.h>

struct kvpool_job;

void kvpool_fence_arm(struct kvpool_job *job);
void kvpool_fence_work(struct work_struct *work);

#endif /* _KVPOOL_FABRIC_FENCE_H */
