/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_KEEPALIVE_H
#define _KVPOOL_FABRIC_KEEPALIVE_H

#include <linux/workqueue.h>

void kvpool_keepalive_work(struct work_struct *work);

#endif /* _KVPOOL_FABRIC_KEEPALIVE_H */
