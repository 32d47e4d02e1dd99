/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/kvpool.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_KVPOOL_GEN_H
#define _LINUX_KVPOOL_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/kvpool_netlink.h>

#define KVPOOL_PEER_NAME_LEN	31
#define KVPOOL_HOST_NAME_LEN	31
#define KVPOOL_TENANT_NAME_LEN	31

/* Common nested types */
extern const struct nla_policy kvpool_endpoint_nl_policy[KVPOOL_A_ENDPOINT_SCOPE + 1];

extern const struct nla_policy kvpool_peer_get_nl_policy[KVPOOL_A_PEER_ID + 1];

extern const struct nla_policy kvpool_peer_add_nl_policy[KVPOOL_A_PEER_HOST + 1];

extern const struct nla_policy kvpool_peer_del_nl_policy[KVPOOL_A_PEER_ID + 1];

extern const struct nla_policy kvpool_link_get_nl_policy[KVPOOL_A_LINK_ID + 1];

extern const struct nla_policy kvpool_link_add_nl_policy[KVPOOL_A_LINK_SRC + 1];

extern const struct nla_policy kvpool_link_del_nl_policy[KVPOOL_A_LINK_ID + 1];

extern const struct nla_policy kvpool_session_get_nl_policy[KVPOOL_A_SESSION_ID + 1];

extern const struct nla_policy kvpool_fabric_get_nl_policy[KVPOOL_A_FABRIC_NONE + 1];

extern const struct nla_policy kvpool_fabric_set_nl_policy[KVPOOL_A_FABRIC_STRICT_FENCE + 1];

extern const struct nla_policy kvpool_link_connect_nl_policy[KVPOOL_A_LINK_ID + 1];

extern const struct nla_policy kvpool_session_del_nl_policy[KVPOOL_A_SESSION_ID + 1];

extern const struct nla_policy kvpool_host_get_nl_policy[KVPOOL_A_HOST_NAME + 1];

extern const struct nla_policy kvpool_host_add_nl_policy[KVPOOL_A_HOST_KEY + 1];

extern const struct nla_policy kvpool_host_del_nl_policy[KVPOOL_A_HOST_NAME + 1];

extern const struct nla_policy kvpool_right_get_nl_policy[KVPOOL_A_RIGHT_HOST + 1];

extern const struct nla_policy kvpool_right_set_nl_policy[KVPOOL_A_RIGHT_PUSH + 1];

extern const struct nla_policy kvpool_right_del_nl_policy[KVPOOL_A_RIGHT_HOST + 1];

/* Ops table for kvpool */
extern const struct genl_ops kvpool_nl_ops[17];

int kvpool_nl_right_get_start(struct netlink_callback *cb);
int kvpool_nl_right_get_done(struct netlink_callback *cb);

int kvpool_nl_peer_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_peer_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int kvpool_nl_peer_add_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_peer_del_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_link_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_link_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int kvpool_nl_link_add_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_link_del_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_session_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_session_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb);
int kvpool_nl_fabric_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_fabric_set_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_link_connect_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_session_del_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_host_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_host_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int kvpool_nl_host_add_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_host_del_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_right_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_right_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int kvpool_nl_right_set_doit(struct sk_buff *skb, struct genl_info *info);
int kvpool_nl_right_del_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	KVPOOL_NLGRP_EVENTS,
};

#endif /* _LINUX_KVPOOL_GEN_H */
