/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_LINK_H
#define KVPOOLCTL_LINK_H

#include <sys/socket.h>

#include "netlink.h"

const char *link_state(const struct nlattr *attr);
void link_show(struct genlmsghdr *hdr, const char *peer_name);
enum code link_add(uint32_t peer, const struct sockaddr_storage *dst,
		   const struct sockaddr_storage *src, uint32_t *id);

#endif /* KVPOOLCTL_LINK_H */
