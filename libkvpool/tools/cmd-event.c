// SPDX-License-Identifier: MIT
/* kvpoolctl event. */
#include <inttypes.h>
#include <stdio.h>

#include <netlink/genl/genl.h>

#include "../shared/shared.h"
#include "address.h"
#include "fabric.h"
#include "link.h"
#include "out.h"
#include "peer.h"
#include "reason.h"
#include "request.h"
#include "right.h"
#include "utf8.h"

static void print_peer(struct genlmsghdr *hdr)
{
	struct nlattr *attrs[KVPOOL_A_PEER_MAX + 1];

	netlink_attrs(hdr, attrs, KVPOOL_A_PEER_MAX);
	printf("peer %" PRIu64 " ", netlink_number(attrs[KVPOOL_A_PEER_ID]));
	utf8_print(stdout, netlink_text(attrs[KVPOOL_A_PEER_NAME]));
}

static void print_link(struct genlmsghdr *hdr)
{
	struct nlattr *attrs[KVPOOL_A_LINK_MAX + 1];
	uint64_t state, reason;
	char dst[ADDRESS_MAX];

	netlink_attrs(hdr, attrs, KVPOOL_A_LINK_MAX);
	state = netlink_number(attrs[KVPOOL_A_LINK_STATE]);
	reason = netlink_number(attrs[KVPOOL_A_LINK_CLOSE_REASON]);
	printf("peer %" PRIu64 " link %" PRIu64 " to %s %s",
	       netlink_number(attrs[KVPOOL_A_LINK_PEER]),
	       netlink_number(attrs[KVPOOL_A_LINK_ID]),
	       address_text(attrs[KVPOOL_A_LINK_DST], dst, sizeof(dst)),
	       link_state(attrs[KVPOOL_A_LINK_STATE]));
	if (state != KVPOOL_LINK_STATE_UP && reason != KVPOOL_CLOSE_REASON_NONE)
		printf(" (%s)", reason_text(attrs[KVPOOL_A_LINK_CLOSE_REASON]));
}

static void show_peer(struct genlmsghdr *hdr)
{
	out_object("peer");
	peer_show(hdr);
	out_end();
}

static void show_link(struct genlmsghdr *hdr)
{
	out_object("link");
	link_show(hdr, NULL);
	out_end();
}

static void print_host(struct genlmsghdr *hdr)
{
	struct nlattr *attrs[KVPOOL_A_HOST_MAX + 1];

	netlink_attrs(hdr, attrs, KVPOOL_A_HOST_MAX);
	printf("host ");
	utf8_print(stdout, netlink_text(attrs[KVPOOL_A_HOST_NAME]));
	if (netlink_number(attrs[KVPOOL_A_HOST_HAS_KEY]))
		printf(" with a key of its own");
}

static void show_host(struct genlmsghdr *hdr)
{
	struct nlattr *attrs[KVPOOL_A_HOST_MAX + 1];

	netlink_attrs(hdr, attrs, KVPOOL_A_HOST_MAX);
	out_object("host");
	out_text("name", netlink_text(attrs[KVPOOL_A_HOST_NAME]));
	if (attrs[KVPOOL_A_HOST_KEY])
		out_text("key", netlink_text(attrs[KVPOOL_A_HOST_KEY]));
	out_end();
}

static void print_right(struct genlmsghdr *hdr)
{
	struct nlattr *attrs[KVPOOL_A_RIGHT_MAX + 1];

	netlink_attrs(hdr, attrs, KVPOOL_A_RIGHT_MAX);
	printf("tenant ");
	utf8_print(stdout, netlink_text(attrs[KVPOOL_A_RIGHT_TENANT]));
	printf(" host ");
	utf8_print(stdout, netlink_text(attrs[KVPOOL_A_RIGHT_HOST]));
	printf(" read %s push %s",
	       netlink_number(attrs[KVPOOL_A_RIGHT_READ]) ? "yes" : "no",
	       netlink_number(attrs[KVPOOL_A_RIGHT_PUSH]) ? "yes" : "no");
}

static void show_right(struct genlmsghdr *hdr)
{
	out_object("right");
	right_show(hdr);
	out_end();
}

static void print_fabric(struct genlmsghdr *hdr)
{
	(void)hdr;
	printf("settings; 'kvpoolctl fabric show' has them");
}

static const struct kind {
	int cmd;
	const char *name;
	void (*show)(struct genlmsghdr *hdr);
	void (*print)(struct genlmsghdr *hdr);
} kinds[] = {
	{ KVPOOL_CMD_PEER_ADD_NTF, "peer-add", show_peer, print_peer },
	{ KVPOOL_CMD_PEER_DEL_NTF, "peer-del", show_peer, print_peer },
	{ KVPOOL_CMD_LINK_ADD_NTF, "link-add", show_link, print_link },
	{ KVPOOL_CMD_LINK_DEL_NTF, "link-del", show_link, print_link },
	{ KVPOOL_CMD_LINK_CHANGE_NTF, "link-change", show_link, print_link },
	{ KVPOOL_CMD_HOST_ADD_NTF, "host-add", show_host, print_host },
	{ KVPOOL_CMD_HOST_DEL_NTF, "host-del", show_host, print_host },
	{ KVPOOL_CMD_RIGHT_SET_NTF, "right-set", show_right, print_right },
	{ KVPOOL_CMD_RIGHT_DEL_NTF, "right-del", show_right, print_right },
	{ KVPOOL_CMD_FABRIC_SET_NTF, "fabric-set", fabric_show, print_fabric },
};

static void show_event(const char *type, struct genlmsghdr *hdr, const struct kind *kind)
{
	if (out_is_json()) {
		out_object("event");
		out_text("type", type);
		if (kind)
			kind->show(hdr);
		out_end();
		out_finish();
		return;
	}
	printf("%-12s ", type);
	if (kind)
		kind->print(hdr);
	else
		printf("some events; 'kvpoolctl link show' has the present state");
	putchar('\n');
}

static bool on_event(struct genlmsghdr *hdr, void *arg)
{
	uint64_t *left = arg;
	int i = 0;

	while (hdr && i < ARRAY_SIZE(kinds) && kinds[i].cmd != hdr->cmd)
		i++;
	if (i == ARRAY_SIZE(kinds))
		return true;	/* an event of a newer module */
	show_event(hdr ? kinds[i].name : "lost", hdr, hdr ? &kinds[i] : NULL);
	/* The command ends when the reader of its output has gone. */
	return !fflush(stdout) && --*left;
}

static enum code show(struct request *request)
{
	uint64_t left = UINT64_MAX;

	if (request_has(request, OPTION_COUNT))
		left = request->values[OPTION_COUNT].number;
	return netlink_open() ?: netlink_subscribe(0) ?: netlink_follow(on_event, &left);
}

const struct noun noun_event = {
	.name = "event",
	.plural = "events",
	.summary = "changes of peers, links, hosts, rights and settings, live",
	.verbs = {
		{ "show", "", 0, 0, OPTION_BIT(OPTION_COUNT), 0, show,
		  "each event when it happens, until a signal ends it" },
	},
	.notes =
"JSON is one object a line. The event 'lost' says that events came faster than they\n"
"were read.\n",
};
