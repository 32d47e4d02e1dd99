// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink: the family and its events.
 *
 * The tables in netlink_gen.c come from
 * Documentation/netlink/specs/kvpool.yaml. Each object has a file of its own,
 * netlink_*.c; netlink_msg.c has what they share. Handlers run in the process
 * of the caller and in parallel; what they call in the fabric has locks of its
 * own.
 */
#include <linux/string.h>

#include "fabric/events.h"
#include "fabric/netlink.h"
#include "fabric/netlink_link.h"
#include "fabric/netlink_msg.h"
#include "fabric/netlink_peer.h"
#include "fabric/peer.h"

/* The fabric's numbers are those of the interface. */
#define X(name, number) static_assert((number) == KVPOOL_CLOSE_REASON_##name);
KVPOOL_CLOSES(X)
#undef X
static_assert(KVPOOL_CLOSE_REASON_MAX + 1 == (int)KVPOOL_NR_CLOSES);
static_assert(KVPOOL_LINK_DOWN == (int)KVPOOL_LINK_STATE_DOWN);
static_assert(KVPOOL_LINK_CONNECTING == (int)KVPOOL_LINK_STATE_CONNECTING);
static_assert(KVPOOL_LINK_UP == (int)KVPOOL_LINK_STATE_UP);
static_assert(KVPOOL_LINK_DRAINING == (int)KVPOOL_LINK_STATE_DRAINING);
static_assert(KVPOOL_LINK_IDLE == (int)KVPOOL_LINK_STATE_IDLE);
static_assert(KVPOOL_WIRE_PORT == KVPOOL_DEFAULT_PORT);
static_assert(KVPOOL_NAME_SIZE == KVPOOL_PEER_NAME_SIZE);
static_assert(KVPOOL_NAME_SIZE == KVPOOL_HOST_NAME_SIZE);
static_assert(KVPOOL_TENANT_NAME_LEN + 1 == (int)KVPOOL_NAME_SIZE);

/* The generated table, with the hooks that the generator leaves out. */
static struct genl_ops kvpool_nl_all_ops[ARRAY_SIZE(kvpool_nl_ops)]
	__ro_after_init;

static void kvpool_nl_peer_event(const struct kvpool_peer_info *info,
				 enum kvpool_peer_event event)
{
	static const u8 cmds[] = {
		[KVPOOL_PEER_ADDED] = KVPOOL_CMD_PEER_ADD_NTF,
		[KVPOOL_PEER_DELETED] = KVPOOL_CMD_PEER_DEL_NTF,
	};
	struct sk_buff *skb;
	void *hdr;

	skb = kvpool_nl_event_begin(cmds[event], &hdr);
	kvpool_nl_event_send(skb, hdr,
			     hdr ? kvpool_nl_encode_peer(skb, info) : 0);
}

static void kvpool_nl_link_event(const struct kvpool_link_info *info,
				 enum kvpool_link_event event)
{
	static const u8 cmds[] = {
		[KVPOOL_LINK_ADDED] = KVPOOL_CMD_LINK_ADD_NTF,
		[KVPOOL_LINK_DELETED] = KVPOOL_CMD_LINK_DEL_NTF,
		[KVPOOL_LINK_CHANGED] = KVPOOL_CMD_LINK_CHANGE_NTF,
	};
	struct sk_buff *skb;
	void *hdr;

	skb = kvpool_nl_event_begin(cmds[event], &hdr);
	kvpool_nl_event_send(skb, hdr,
			     hdr ? kvpool_nl_encode_link(skb, info) : 0);
}

static const struct kvpool_event_ops kvpool_nl_events = {
	.peer = kvpool_nl_peer_event,
	.link = kvpool_nl_link_event,
};

/* ---- load and unload ---- */

/**
 * kvpool_netlink_init() - Take requests of the administrator
 *
 * Last when the module is loaded: requests come from here on.
 *
 * Return: 0 or a negative errno.
 */
int __init kvpool_netlink_init(void)
{
	unsigned int i;
	int ret;

	memcpy(kvpool_nl_all_ops, kvpool_nl_ops, sizeof(kvpool_nl_all_ops));
	for (i = 0; i < ARRAY_SIZE(kvpool_nl_all_ops); i++) {
		if (kvpool_nl_all_ops[i].cmd != KVPOOL_CMD_RIGHT_GET)
			continue;
		kvpool_nl_all_ops[i].start = kvpool_nl_right_get_start;
		kvpool_nl_all_ops[i].done = kvpool_nl_right_get_done;
	}
	kvpool_nl_family.ops = kvpool_nl_all_ops;
	kvpool_nl_family.n_ops = ARRAY_SIZE(kvpool_nl_all_ops);
	ret = genl_register_family(&kvpool_nl_family);
	if (ret)
		return ret;
	kvpool_events_listen(&kvpool_nl_events);
	return 0;
}

/**
 * kvpool_netlink_exit() - Wait for the requests that run, and take no more
 *
 * First when the module is unloaded. Events are dropped from here on.
 */
void kvpool_netlink_exit(void)
{
	kvpool_events_listen(NULL);
	genl_unregister_family(&kvpool_nl_family);
}
