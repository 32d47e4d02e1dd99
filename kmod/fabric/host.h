/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_HOST_H
#define _KVPOOL_FABRIC_HOST_H

#include <linux/list.h>
#include <linux/types.h>

#include "fabric/proto.h"
#include "fabric/push.h"

/**
 * struct kvpool_host - Another host, which has sessions on this one
 * @entry:	in the list of all
 * @refs:	its sessions
 * @id:		the identity that it claims
 * @pushes:	blocks that it pushes
 */
struct kvpool_host {
	struct list_head entry;
	unsigned int refs;
	u8 id[KVPOOL_WIRE_HOST];
	struct kvpool_pushes pushes;
};

struct kvpool_host *kvpool_host_get(const u8 *id);
void kvpool_host_put(struct kvpool_host *host);
void kvpool_hosts_expire(void);

#endif /* _KVPOOL_FABRIC_HOST_H */
