/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_NETLINK_ADDRESS_H
#define _KVPOOL_FABRIC_NETLINK_ADDRESS_H

#include <net/genetlink.h>

struct sockaddr_storage;

/**
 * enum kvpool_nl_use - What an address is for
 * @KVPOOL_NL_DST:	another host
 * @KVPOOL_NL_SRC:	one of this host's addresses
 * @KVPOOL_NL_LISTEN:	likewise, or all of them
 */
enum kvpool_nl_use {
	KVPOOL_NL_DST,
	KVPOOL_NL_SRC,
	KVPOOL_NL_LISTEN,
};

int kvpool_nl_encode_endpoint(struct sk_buff *skb, int type,
			      const struct sockaddr_storage *addr);
int kvpool_nl_decode_endpoint(struct genl_info *info, int type,
			      enum kvpool_nl_use use,
			      struct sockaddr_storage *addr);

#endif /* _KVPOOL_FABRIC_NETLINK_ADDRESS_H */
