// SPDX-License-Identifier: MIT
/* The settings of the fabric, as the netlink family has them. */
#include "fabric.h"

#include <netlink/genl/genl.h>

#include "../shared/shared.h"
#include "address.h"
#include "out.h"
#include "reason.h"

/* Shows the number of sessions that have ended, by reason. */
static void show_closed(struct genlmsghdr *hdr)
{
	struct nlattr *closed[KVPOOL_A_CLOSED_MAX + 1];
	struct nlattr *attr;
	int left;

	out_object("closed");
	nla_for_each_attr(attr, genlmsg_attrdata(hdr, 0), genlmsg_attrlen(hdr, 0), left) {
		if (nla_type(attr) == KVPOOL_A_FABRIC_CLOSED &&
		    !nla_parse_nested(closed, KVPOOL_A_CLOSED_MAX, attr, NULL))
			out_number(reason_text(closed[KVPOOL_A_CLOSED_REASON]),
				   netlink_number(closed[KVPOOL_A_CLOSED_COUNT]));
	}
	out_end();
}

static void show_settings(struct nlattr **attrs)
{
	const struct nlattr *timeout = attrs[KVPOOL_A_FABRIC_ACK_TIMEOUT];
	const struct nlattr *type = attrs[KVPOOL_A_FABRIC_SERVICE_TYPE];
	const struct nlattr *idle = attrs[KVPOOL_A_FABRIC_IDLE_MS];
	int number = type && nla_len(type) == sizeof(int) ? nla_get_s32(type) :
							    KVPOOL_SERVICE_TYPE_DEFAULT;

	out_number("queues", netlink_number(attrs[KVPOOL_A_FABRIC_QUEUES]));
	out_real("idle_seconds", (double)netlink_number(idle) / 1000);
	if (netlink_number(timeout))
		out_number("ack_timeout", netlink_number(timeout));
	else
		out_text("ack_timeout", "auto");
	if (number >= 0)
		out_number("service_type", (uint64_t)number);
	else
		out_text("service_type", "default");
	out_bool("strict_fence", netlink_number(attrs[KVPOOL_A_FABRIC_STRICT_FENCE]));
}

/**
 * fabric_show - Show the settings and the state of the fabric
 * @hdr:	The message about it.
 */
void fabric_show(struct genlmsghdr *hdr)
{
	static const struct netlink_number memory[] = {
		{ KVPOOL_A_FABRIC_MEMORY, "memory_bytes" },
		{ KVPOOL_A_FABRIC_MEMORY_USED, "memory_used_bytes" },
		{ KVPOOL_A_FABRIC_MEMORY_SHARES, "memory_shares" },
	};
	struct nlattr *attrs[KVPOOL_A_FABRIC_MAX + 1];

	netlink_attrs(hdr, attrs, KVPOOL_A_FABRIC_MAX);
	out_object("fabric");
	out_text("name", netlink_text(attrs[KVPOOL_A_FABRIC_NAME]));
	address_show("listen", attrs[KVPOOL_A_FABRIC_LISTEN]);
	if (attrs[KVPOOL_A_FABRIC_SECRET_KEY])
		out_text("secret_key", netlink_text(attrs[KVPOOL_A_FABRIC_SECRET_KEY]));
	out_bool("open", netlink_number(attrs[KVPOOL_A_FABRIC_OPEN]));
	netlink_show_numbers(attrs, memory, ARRAY_SIZE(memory));
	show_settings(attrs);
	show_closed(hdr);
	out_number("stuck", netlink_number(attrs[KVPOOL_A_FABRIC_STUCK]));
	out_end();
}
