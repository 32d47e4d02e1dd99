// SPDX-License-Identifier: MIT
/* Links, as the netlink family has them. */
#include "link.h"

#include <stddef.h>

#include "../shared/shared.h"
#include "address.h"
#include "out.h"
#include "reason.h"

/**
 * link_state - The word for the state of a link
 * @attr:	An enum kvpool_netlink_link_state, or null.
 *
 * Return: The word, "unknown" for a state of a newer module.
 */
const char *link_state(const struct nlattr *attr)
{
	static const char * const states[] = {
		[KVPOOL_LINK_STATE_DOWN] = "down",
		[KVPOOL_LINK_STATE_CONNECTING] = "connecting",
		[KVPOOL_LINK_STATE_UP] = "up",
		[KVPOOL_LINK_STATE_DRAINING] = "draining",
		[KVPOOL_LINK_STATE_IDLE] = "idle",
	};
	uint64_t state = netlink_number(attr);

	return state < (uint64_t)ARRAY_SIZE(states) ? states[state] : "unknown";
}

/**
 * link_show - Show the members of a link
 * @hdr:	The message about it.
 * @peer_name:	The name of its peer, or null where it is not known.
 */
void link_show(struct genlmsghdr *hdr, const char *peer_name)
{
	static const struct netlink_number numbers[] = {
		{ KVPOOL_A_LINK_QUEUES, "queues" },
		{ KVPOOL_A_LINK_INFLIGHT, "inflight" },
		{ KVPOOL_A_LINK_RATE, "rate_bytes_per_second" },
		{ KVPOOL_A_LINK_REQUESTS, "requests" },
		{ KVPOOL_A_LINK_BYTES_IN, "in_bytes" },
		{ KVPOOL_A_LINK_BYTES_INLINE, "inline_bytes" },
		{ KVPOOL_A_LINK_BYTES_OUT, "out_bytes" },
		{ KVPOOL_A_LINK_ERRORS, "errors" },
		{ KVPOOL_A_LINK_RECONNECTS, "reconnects" },
		{ KVPOOL_A_LINK_LAST_ERROR, "last_errno" },
	};
	struct nlattr *attrs[KVPOOL_A_LINK_MAX + 1];

	netlink_attrs(hdr, attrs, KVPOOL_A_LINK_MAX);
	out_number("peer", netlink_number(attrs[KVPOOL_A_LINK_PEER]));
	if (peer_name)
		out_text("peer_name", peer_name);
	out_number("id", netlink_number(attrs[KVPOOL_A_LINK_ID]));
	out_text("state", link_state(attrs[KVPOOL_A_LINK_STATE]));
	address_show("dst", attrs[KVPOOL_A_LINK_DST]);
	address_show("src", attrs[KVPOOL_A_LINK_SRC]);
	if (attrs[KVPOOL_A_LINK_IBDEV])
		out_text("ibdev", netlink_text(attrs[KVPOOL_A_LINK_IBDEV]));
	netlink_show_numbers(attrs, numbers, ARRAY_SIZE(numbers));
	out_text("close_reason", reason_text(attrs[KVPOOL_A_LINK_CLOSE_REASON]));
}

static void take_id(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_LINK_MAX + 1];

	netlink_attrs(hdr, attrs, KVPOOL_A_LINK_MAX);
	*(uint32_t *)arg = (uint32_t)netlink_number(attrs[KVPOOL_A_LINK_ID]);
}

/**
 * link_add - Add a link to a peer
 * @peer:	The number of the peer.
 * @dst:	The peer's address; port 0 is the default port.
 * @src:	This host's address, or null.
 * @id:		Set to the number of the link.
 *
 * Return: CODE_OK, or another status with a message kept.
 */
enum code link_add(uint32_t peer, const struct sockaddr_storage *dst,
		   const struct sockaddr_storage *src, uint32_t *id)
{
	struct nl_msg *msg = netlink_request(KVPOOL_CMD_LINK_ADD);
	int error;

	nla_put_u32(msg, KVPOOL_A_LINK_PEER, peer);
	address_encode(msg, KVPOOL_A_LINK_DST, dst);
	if (src)
		address_encode(msg, KVPOOL_A_LINK_SRC, src);
	error = netlink_call(msg, take_id, id);
	return error ? netlink_failed(error, "add the link") : CODE_OK;
}
