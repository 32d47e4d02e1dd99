// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/kvpool.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/linux/kvpool_netlink.h>

/* Common nested types */
const struct nla_policy kvpool_endpoint_nl_policy[KVPOOL_A_ENDPOINT_SCOPE + 1] = {
	[KVPOOL_A_ENDPOINT_IPV4] = { .type = NLA_U32, },
	[KVPOOL_A_ENDPOINT_IPV6] = NLA_POLICY_EXACT_LEN(16),
	[KVPOOL_A_ENDPOINT_PORT] = { .type = NLA_U16, },
	[KVPOOL_A_ENDPOINT_SCOPE] = { .type = NLA_U32, },
};

/* KVPOOL_CMD_PEER_GET - do */
const struct nla_policy kvpool_peer_get_nl_policy[KVPOOL_A_PEER_ID + 1] = {
	[KVPOOL_A_PEER_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* KVPOOL_CMD_PEER_ADD - do */
const struct nla_policy kvpool_peer_add_nl_policy[KVPOOL_A_PEER_HOST + 1] = {
	[KVPOOL_A_PEER_NAME] = { .type = NLA_NUL_STRING, .len = KVPOOL_PEER_NAME_LEN, },
	[KVPOOL_A_PEER_HOST] = { .type = NLA_NUL_STRING, .len = KVPOOL_HOST_NAME_LEN, },
};

/* KVPOOL_CMD_PEER_DEL - do */
const struct nla_policy kvpool_peer_del_nl_policy[KVPOOL_A_PEER_ID + 1] = {
	[KVPOOL_A_PEER_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* KVPOOL_CMD_LINK_GET - do */
const struct nla_policy kvpool_link_get_nl_policy[KVPOOL_A_LINK_ID + 1] = {
	[KVPOOL_A_LINK_PEER] = NLA_POLICY_MIN(NLA_U32, 1),
	[KVPOOL_A_LINK_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* KVPOOL_CMD_LINK_ADD - do */
const struct nla_policy kvpool_link_add_nl_policy[KVPOOL_A_LINK_SRC + 1] = {
	[KVPOOL_A_LINK_PEER] = NLA_POLICY_MIN(NLA_U32, 1),
	[KVPOOL_A_LINK_DST] = NLA_POLICY_NESTED(kvpool_endpoint_nl_policy),
	[KVPOOL_A_LINK_SRC] = NLA_POLICY_NESTED(kvpool_endpoint_nl_policy),
};

/* KVPOOL_CMD_LINK_DEL - do */
const struct nla_policy kvpool_link_del_nl_policy[KVPOOL_A_LINK_ID + 1] = {
	[KVPOOL_A_LINK_PEER] = NLA_POLICY_MIN(NLA_U32, 1),
	[KVPOOL_A_LINK_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* KVPOOL_CMD_SESSION_GET - do */
const struct nla_policy kvpool_session_get_nl_policy[KVPOOL_A_SESSION_ID + 1] = {
	[KVPOOL_A_SESSION_ID] = NLA_POLICY_MIN(NLA_U64, 1),
};

/* KVPOOL_CMD_FABRIC_GET - do */
const struct nla_policy kvpool_fabric_get_nl_policy[KVPOOL_A_FABRIC_NONE + 1] = {
};

/* KVPOOL_CMD_FABRIC_SET - do */
const struct nla_policy kvpool_fabric_set_nl_policy[KVPOOL_A_FABRIC_STRICT_FENCE + 1] = {
	[KVPOOL_A_FABRIC_LISTEN] = NLA_POLICY_NESTED(kvpool_endpoint_nl_policy),
	[KVPOOL_A_FABRIC_LISTEN_OFF] = { .type = NLA_FLAG, },
	[KVPOOL_A_FABRIC_SECRET_KEY] = { .type = NLA_NUL_STRING, .len = KVPOOL_SECRET_KEY_LEN, },
	[KVPOOL_A_FABRIC_OPEN] = NLA_POLICY_MAX(NLA_U8, 1),
	[KVPOOL_A_FABRIC_NAME] = { .type = NLA_NUL_STRING, .len = KVPOOL_HOST_NAME_LEN, },
	[KVPOOL_A_FABRIC_MEMORY] = { .type = NLA_U64, },
	[KVPOOL_A_FABRIC_QUEUES] = { .type = NLA_U32, },
	[KVPOOL_A_FABRIC_IDLE_MS] = { .type = NLA_U32, },
	[KVPOOL_A_FABRIC_ACK_TIMEOUT] = { .type = NLA_U32, },
	[KVPOOL_A_FABRIC_SERVICE_TYPE] = { .type = NLA_S32, },
	[KVPOOL_A_FABRIC_STRICT_FENCE] = NLA_POLICY_MAX(NLA_U8, 1),
};

/* KVPOOL_CMD_LINK_CONNECT - do */
const struct nla_policy kvpool_link_connect_nl_policy[KVPOOL_A_LINK_ID + 1] = {
	[KVPOOL_A_LINK_PEER] = NLA_POLICY_MIN(NLA_U32, 1),
	[KVPOOL_A_LINK_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* KVPOOL_CMD_SESSION_DEL - do */
const struct nla_policy kvpool_session_del_nl_policy[KVPOOL_A_SESSION_ID + 1] = {
	[KVPOOL_A_SESSION_ID] = NLA_POLICY_MIN(NLA_U64, 1),
};

/* KVPOOL_CMD_HOST_GET - do */
const struct nla_policy kvpool_host_get_nl_policy[KVPOOL_A_HOST_NAME + 1] = {
	[KVPOOL_A_HOST_NAME] = { .type = NLA_NUL_STRING, .len = KVPOOL_HOST_NAME_LEN, },
};

/* KVPOOL_CMD_HOST_ADD - do */
const struct nla_policy kvpool_host_add_nl_policy[KVPOOL_A_HOST_KEY + 1] = {
	[KVPOOL_A_HOST_NAME] = { .type = NLA_NUL_STRING, .len = KVPOOL_HOST_NAME_LEN, },
	[KVPOOL_A_HOST_KEY] = { .type = NLA_NUL_STRING, .len = KVPOOL_SECRET_KEY_LEN, },
};

/* KVPOOL_CMD_HOST_DEL - do */
const struct nla_policy kvpool_host_del_nl_policy[KVPOOL_A_HOST_NAME + 1] = {
	[KVPOOL_A_HOST_NAME] = { .type = NLA_NUL_STRING, .len = KVPOOL_HOST_NAME_LEN, },
};

/* KVPOOL_CMD_RIGHT_GET - do */
const struct nla_policy kvpool_right_get_nl_policy[KVPOOL_A_RIGHT_HOST + 1] = {
	[KVPOOL_A_RIGHT_TENANT] = { .type = NLA_NUL_STRING, .len = KVPOOL_TENANT_NAME_LEN, },
	[KVPOOL_A_RIGHT_HOST] = { .type = NLA_NUL_STRING, .len = KVPOOL_HOST_NAME_LEN, },
};

/* KVPOOL_CMD_RIGHT_SET - do */
const struct nla_policy kvpool_right_set_nl_policy[KVPOOL_A_RIGHT_PUSH + 1] = {
	[KVPOOL_A_RIGHT_TENANT] = { .type = NLA_NUL_STRING, .len = KVPOOL_TENANT_NAME_LEN, },
	[KVPOOL_A_RIGHT_HOST] = { .type = NLA_NUL_STRING, .len = KVPOOL_HOST_NAME_LEN, },
	[KVPOOL_A_RIGHT_READ] = NLA_POLICY_MAX(NLA_U8, 1),
	[KVPOOL_A_RIGHT_PUSH] = NLA_POLICY_MAX(NLA_U8, 1),
};

/* KVPOOL_CMD_RIGHT_DEL - do */
const struct nla_policy kvpool_right_del_nl_policy[KVPOOL_A_RIGHT_HOST + 1] = {
	[KVPOOL_A_RIGHT_TENANT] = { .type = NLA_NUL_STRING, .len = KVPOOL_TENANT_NAME_LEN, },
	[KVPOOL_A_RIGHT_HOST] = { .type = NLA_NUL_STRING, .len = KVPOOL_HOST_NAME_LEN, },
};

/* Ops table for kvpool */
const struct genl_ops kvpool_nl_ops[17] = {
	{
		.cmd		= KVPOOL_CMD_PEER_GET,
		.doit		= kvpool_nl_peer_get_doit,
		.dumpit		= kvpool_nl_peer_get_dumpit,
		.policy		= kvpool_peer_get_nl_policy,
		.maxattr	= KVPOOL_A_PEER_ID,
	},
	{
		.cmd		= KVPOOL_CMD_PEER_ADD,
		.doit		= kvpool_nl_peer_add_doit,
		.policy		= kvpool_peer_add_nl_policy,
		.maxattr	= KVPOOL_A_PEER_HOST,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= KVPOOL_CMD_PEER_DEL,
		.doit		= kvpool_nl_peer_del_doit,
		.policy		= kvpool_peer_del_nl_policy,
		.maxattr	= KVPOOL_A_PEER_ID,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= KVPOOL_CMD_LINK_GET,
		.doit		= kvpool_nl_link_get_doit,
		.dumpit		= kvpool_nl_link_get_dumpit,
		.policy		= kvpool_link_get_nl_policy,
		.maxattr	= KVPOOL_A_LINK_ID,
	},
	{
		.cmd		= KVPOOL_CMD_LINK_ADD,
		.doit		= kvpool_nl_link_add_doit,
		.policy		= kvpool_link_add_nl_policy,
		.maxattr	= KVPOOL_A_LINK_SRC,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= KVPOOL_CMD_LINK_DEL,
		.doit		= kvpool_nl_link_del_doit,
		.policy		= kvpool_link_del_nl_policy,
		.maxattr	= KVPOOL_A_LINK_ID,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= KVPOOL_CMD_SESSION_GET,
		.doit		= kvpool_nl_session_get_doit,
		.dumpit		= kvpool_nl_session_get_dumpit,
		.policy		= kvpool_session_get_nl_policy,
		.maxattr	= KVPOOL_A_SESSION_ID,
	},
	{
		.cmd		= KVPOOL_CMD_FABRIC_GET,
		.doit		= kvpool_nl_fabric_get_doit,
		.policy		= kvpool_fabric_get_nl_policy,
		.maxattr	= KVPOOL_A_FABRIC_NONE,
	},
	{
		.cmd		= KVPOOL_CMD_FABRIC_SET,
		.doit		= kvpool_nl_fabric_set_doit,
		.policy		= kvpool_fabric_set_nl_policy,
		.maxattr	= KVPOOL_A_FABRIC_STRICT_FENCE,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= KVPOOL_CMD_LINK_CONNECT,
		.doit		= kvpool_nl_link_connect_doit,
		.policy		= kvpool_link_connect_nl_policy,
		.maxattr	= KVPOOL_A_LINK_ID,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= KVPOOL_CMD_SESSION_DEL,
		.doit		= kvpool_nl_session_del_doit,
		.policy		= kvpool_session_del_nl_policy,
		.maxattr	= KVPOOL_A_SESSION_ID,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= KVPOOL_CMD_HOST_GET,
		.doit		= kvpool_nl_host_get_doit,
		.dumpit		= kvpool_nl_host_get_dumpit,
		.policy		= kvpool_host_get_nl_policy,
		.maxattr	= KVPOOL_A_HOST_NAME,
	},
	{
		.cmd		= KVPOOL_CMD_HOST_ADD,
		.doit		= kvpool_nl_host_add_doit,
		.policy		= kvpool_host_add_nl_policy,
		.maxattr	= KVPOOL_A_HOST_KEY,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= KVPOOL_CMD_HOST_DEL,
		.doit		= kvpool_nl_host_del_doit,
		.policy		= kvpool_host_del_nl_policy,
		.maxattr	= KVPOOL_A_HOST_NAME,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= KVPOOL_CMD_RIGHT_GET,
		.doit		= kvpool_nl_right_get_doit,
		.dumpit		= kvpool_nl_right_get_dumpit,
		.policy		= kvpool_right_get_nl_policy,
		.maxattr	= KVPOOL_A_RIGHT_HOST,
	},
	{
		.cmd		= KVPOOL_CMD_RIGHT_SET,
		.doit		= kvpool_nl_right_set_doit,
		.policy		= kvpool_right_set_nl_policy,
		.maxattr	= KVPOOL_A_RIGHT_PUSH,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= KVPOOL_CMD_RIGHT_DEL,
		.doit		= kvpool_nl_right_del_doit,
		.policy		= kvpool_right_del_nl_policy,
		.maxattr	= KVPOOL_A_RIGHT_HOST,
		.flags		= GENL_ADMIN_PERM,
	},
};

static const struct genl_multicast_group kvpool_nl_mcgrps[] = {
	[KVPOOL_NLGRP_EVENTS] = { "events", },
};
