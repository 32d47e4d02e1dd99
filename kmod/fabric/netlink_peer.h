/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_NETLINK_PEER_H
#define _KVPOOL_FABRIC_NETLINK_PEER_H

#include <net/genetlink.h>

struct kvpool_peer_info;

int kvpool_nl_encode_peer(struct sk_buff *skb,
			  const struct kvpool_peer_info *peer);
int kvpool_nl_peer_id(struct genl_info *info, int type, u32 *id);
int kvpool_nl_no_peer(struct genl_info *info, int type);

#endif /* _KVPOOL_FABRIC_NETLINK_PEER_H */
