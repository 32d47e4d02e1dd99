/* SPDX-License-Identifier: GPL-2.0 */
/* Placement: the choice of the peers that blocks are fetched from. */
#ifndef _KVPOOL_PLACEMENT_H
#define _KVPOOL_PLACEMENT_H

struct kvpool_transfer;
struct list_head;

int kvpool_placement_init(void);
void kvpool_placement_exit(void);
void kvpool_placement_submit(struct list_head *transfers);
void kvpool_placement_fetch(struct list_head *transfers);
void kvpool_placement_queue(struct kvpool_transfer *transfer);
void kvpool_placement_delay(struct kvpool_transfer *transfer);
void kvpool_placement_cancel(struct kvpool_transfer *transfer);

#endif /* _KVPOOL_PLACEMENT_H */
