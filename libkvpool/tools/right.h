/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_RIGHT_H
#define KVPOOLCTL_RIGHT_H

#include "netlink.h"

void right_show(struct genlmsghdr *hdr);

#endif /* KVPOOLCTL_RIGHT_H */
