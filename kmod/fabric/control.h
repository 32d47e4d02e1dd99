/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_CONTROL_H
#define _KVPOOL_FABRIC_CONTROL_H

#include <linux/types.h>

struct sockaddr_storage;

int kvpool_peer_add(const char *name, const char *host, u32 *id);
int kvpool_peer_del(u32 id);
int kvpool_link_add(u32 peer, const struct sockaddr_storage *dst,
		    const struct sockaddr_storage *src, u32 *id);
int kvpool_link_del(u32 peer, u32 id);
int kvpool_link_connect(u32 peer, u32 id);
void kvpool_control_exit(void);

#endif /* _KVPOOL_FABRIC_CONTROL_H */
