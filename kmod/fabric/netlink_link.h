/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_NETLINK_LINK_H
#define _KVPOOL_FABRIC_NETLINK_LINK_H

#include <net/genetlink.h>

struct kvpool_link_info;

int kvpool_nl_encode_link(struct sk_buff *skb,
			  const struct kvpool_link_info *link);

#endif /* _KVPOOL_FABRIC_NETLINK_LINK_H */
