/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_CHOOSE_H
#define _KVPOOL_FABRIC_CHOOSE_H

#include <linux/types.h>

struct kvpool_link;
struct kvpool_peer;
struct kvpool_queue;

void kvpool_link_begin(struct kvpool_link *link, u32 bytes);
void kvpool_link_undo(struct kvpool_link *link, u32 bytes);
void kvpool_link_done(struct kvpool_link *link, u32 bytes);
struct kvpool_queue *kvpool_choose(struct kvpool_peer *peer, bool waits,
				   unsigned int *up);

#endif /* _KVPOOL_FABRIC_CHOOSE_H */
