// SPDX-License-Identifier: MIT
/* Rights, as the netlink family has them. */
#include "right.h"

#include <netlink/genl/genl.h>

#include "out.h"

/**
 * right_show - Show the members of a right
 * @hdr:	The message about it.
 */
void right_show(struct genlmsghdr *hdr)
{
	struct nlattr *attrs[KVPOOL_A_RIGHT_MAX + 1];

	netlink_attrs(hdr, attrs, KVPOOL_A_RIGHT_MAX);
	out_text("tenant", netlink_text(attrs[KVPOOL_A_RIGHT_TENANT]));
	out_text("host", netlink_text(attrs[KVPOOL_A_RIGHT_HOST]));
	out_bool("read", netlink_number(attrs[KVPOOL_A_RIGHT_READ]));
	out_bool("push", netlink_number(attrs[KVPOOL_A_RIGHT_PUSH]));
}
