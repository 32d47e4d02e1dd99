/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_RESOURCES_H
#define _KVPOOL_FABRIC_RESOURCES_H

struct kvpool_queue;

int kvpool_queue_equip(struct kvpool_queue *queue);
void kvpool_queue_renew(struct kvpool_queue *queue);
void kvpool_queue_strip(struct kvpool_queue *queue);

#endif /* _KVPOOL_FABRIC_RESOURCES_H */
