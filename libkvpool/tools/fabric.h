/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_FABRIC_H
#define KVPOOLCTL_FABRIC_H

#include "netlink.h"

void fabric_show(struct genlmsghdr *hdr);

#endif /* KVPOOLCTL_FABRIC_H */
