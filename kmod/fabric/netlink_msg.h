/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_NETLINK_MSG_H
#define _KVPOOL_FABRIC_NETLINK_MSG_H

#include <net/genetlink.h>

#include "fabric/netlink_gen.h"

struct key;

extern struct genl_family kvpool_nl_family;

struct sk_buff *kvpool_nl_reply(struct genl_info *info, void **hdr);
int kvpool_nl_finish(struct sk_buff *skb, void *hdr, struct genl_info *info,
		     int ret);
int kvpool_nl_dump_start(struct netlink_callback *cb);
void *kvpool_nl_dump_begin(struct sk_buff *skb, struct netlink_callback *cb,
			   int cmd);
bool kvpool_nl_dump_end(struct sk_buff *skb, void *hdr, int ret);
int kvpool_nl_name(struct genl_info *info, int type, const char **name);
int kvpool_nl_find_key(struct genl_info *info, int type, struct key **key);
int kvpool_nl_key_failed(struct genl_info *info, int type, int error);

struct sk_buff *kvpool_nl_event_begin(int cmd, void **hdr);
void kvpool_nl_event_send(struct sk_buff *skb, void *hdr, int ret);

#endif /* _KVPOOL_FABRIC_NETLINK_MSG_H */
