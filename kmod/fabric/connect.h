/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_CONNECT_H
#define _KVPOOL_FABRIC_CONNECT_H

#include <linux/types.h>

struct kvpool_queue;

int kvpool_queue_connect(struct kvpool_queue *queue);
bool kvpool_queue_fence(struct kvpool_queue *queue);
bool kvpool_queue_disconnect(struct kvpool_queue *queue);

#endif /* _KVPOOL_FABRIC_CONNECT_H */
