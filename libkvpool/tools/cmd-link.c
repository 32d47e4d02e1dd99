// SPDX-License-Identifier: MIT
/* kvpoolctl link. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include <netlink/genl/genl.h>

#include "../shared/shared.h"
#include "address.h"
#include "link.h"
#include "names.h"
#include "out.h"
#include "peer.h"
#include "reason.h"
#include "request.h"
#include "table.h"

/* The filter and the form of the links that are shown. */
struct view {
	uint32_t peer;		/* 0 for all */
	uint32_t link;		/* 0 for all */
	const struct peer_names *peers;
	struct table *table;	/* null for members */
	int shown;
	struct names others;	/* links of the peer that are not shown */
};

static void print_row(struct table *table, struct nlattr **attrs, const char *peer)
{
	const struct nlattr *state = attrs[KVPOOL_A_LINK_STATE];
	char text[ADDRESS_MAX];

	table_text(table, peer);
	table_number(table, netlink_number(attrs[KVPOOL_A_LINK_ID]));
	table_text(table, link_state(state));
	table_text(table, address_text(attrs[KVPOOL_A_LINK_DST], text, sizeof(text)));
	table_text(table, address_text(attrs[KVPOOL_A_LINK_SRC], text, sizeof(text)));
	table_text(table, netlink_text(attrs[KVPOOL_A_LINK_IBDEV]));
	table_number(table, netlink_number(attrs[KVPOOL_A_LINK_QUEUES]));
	table_number(table, netlink_number(attrs[KVPOOL_A_LINK_REQUESTS]));
	table_number(table, netlink_number(attrs[KVPOOL_A_LINK_ERRORS]));
	table_size(table, netlink_number(attrs[KVPOOL_A_LINK_BYTES_IN]));
	table_size(table, netlink_number(attrs[KVPOOL_A_LINK_BYTES_OUT]));
	table_text(table, netlink_number(state) == KVPOOL_LINK_STATE_UP ? "" :
		   reason_text(attrs[KVPOOL_A_LINK_CLOSE_REASON]));
}

static void show_reply(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_LINK_MAX + 1];
	struct view *view = arg;
	const char *peer;
	char number[16];

	netlink_attrs(hdr, attrs, KVPOOL_A_LINK_MAX);
	if (view->peer && netlink_number(attrs[KVPOOL_A_LINK_PEER]) != view->peer)
		return;
	if (view->link && netlink_number(attrs[KVPOOL_A_LINK_ID]) != view->link) {
		snprintf(number, sizeof(number), "%" PRIu64,
			 netlink_number(attrs[KVPOOL_A_LINK_ID]));
		names_add(&view->others, number);
		return;
	}
	view->shown++;
	peer = peer_name(view->peers, netlink_number(attrs[KVPOOL_A_LINK_PEER]));
	if (view->table) {
		print_row(view->table, attrs, peer);
		return;
	}
	out_object(NULL);
	link_show(hdr, peer);
	out_end();
}

static enum code show_view(struct view *view)
{
	static const struct column columns[] = {
		{ "PEER", -16 }, { "LINK", 4 }, { "STATE", -10 }, { "ADDRESS", -21 },
		{ "SOURCE", -15 }, { "DEVICE", -8 }, { "QUEUES", 6 }, { "REQUESTS", 10 },
		{ "ERRORS", 7 }, { "IN", 11 }, { "OUT", 11 }, { "REASON", -1 },
	};
	struct table table = TABLE(columns);
	int error;

	if (out_is_json() || view->link) {
		out_array("links");
	} else {
		view->table = &table;
		table_head(&table);
	}
	error = netlink_dump(KVPOOL_CMD_LINK_GET, show_reply, view);
	if (error)
		return netlink_failed(error, "list the links");
	if (!view->table)
		out_end();
	return CODE_OK;
}

static enum code show_some(uint32_t peer, uint32_t link)
{
	struct view view = { .peer = peer, .link = link };
	struct peer_names peers;
	char number[16];
	enum code code;

	code = peer_read_names(&peers);
	view.peers = &peers;
	if (!code)
		code = show_view(&view);
	if (!code && link && !view.shown) {
		snprintf(number, sizeof(number), "%" PRIu32, link);
		code = names_missing(&view.others, "link", number);
		error_append(" of the peer '%s'", peer_name(&peers, peer));
	}
	peer_free_names(&peers);
	return code;
}

static enum code parse_link(const struct request *request, const char *text, uint32_t *id)
{
	uint64_t number;

	if (!parse_u64(text, &number) || !number || number > UINT32_MAX)
		return request_wrong(request, "'%s' is not the number of a link", text);
	*id = (uint32_t)number;
	return CODE_OK;
}

static enum code show(struct request *request)
{
	uint32_t peer = 0, link = 0;
	enum code code = CODE_OK;

	if (request->argc == 2)
		code = parse_link(request, request->argv[1], &link);
	if (!code)
		code = netlink_open();
	if (!code && request->argc)
		code = peer_find(request->argv[0], &peer);
	return code ?: show_some(peer, link);
}

static enum code add(struct request *request)
{
	struct address ends[2] = { 0 };		/* there and here */
	uint32_t peer = 0, link = 0;
	enum code code;

	if (!address_parse(request->argv[1], AF_UNSPEC, &ends[0]))
		return request_wrong(request, "'%s' is neither an address nor the name of a host",
				     request->argv[1]);
	if (request_has(request, OPTION_SRC)) {
		ends[1] = request->values[OPTION_SRC].address;
		if (!address_pair(&ends[0], &ends[1]))
			return request_wrong(request,
					     "'%s' and '%s' have no addresses of the same family",
					     ends[0].text, ends[1].text);
	}
	code = netlink_open() ?: peer_find(request->argv[0], &peer) ?:
	       link_add(peer, &ends[0].addr, ends[1].text ? &ends[1].addr : NULL, &link);
	if (!code)
		address_tell(ends, 2);
	return code || !out_is_json() ? code : show_some(peer, link);
}

/* ---- connecting ---- */

#define WAIT_SECONDS	30

/* A link that is to come up. */
struct wait {
	uint32_t peer;
	uint32_t link;
	time_t end;
	uint64_t state;		/* the latest that is known */
	bool tried;		/* it has been connecting */
	const char *reason;	/* why it is down */
	const char *advice;	/* or null */
	enum code code;
};

/* Takes news of the link; false if the wait is over. */
static bool take_news(struct wait *wait, struct nlattr **attrs)
{
	wait->state = netlink_number(attrs[KVPOOL_A_LINK_STATE]);
	if (wait->state == KVPOOL_LINK_STATE_CONNECTING)
		wait->tried = true;
	if (wait->state != KVPOOL_LINK_STATE_DOWN)
		return wait->state != KVPOOL_LINK_STATE_UP;
	wait->reason = reason_text(attrs[KVPOOL_A_LINK_CLOSE_REASON]);
	wait->advice = reason_advice(attrs[KVPOOL_A_LINK_CLOSE_REASON]);
	return !wait->tried;
}

static bool is_of(const struct wait *wait, struct nlattr **attrs)
{
	return netlink_number(attrs[KVPOOL_A_LINK_PEER]) == wait->peer &&
	       netlink_number(attrs[KVPOOL_A_LINK_ID]) == wait->link;
}

static void take_state(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_LINK_MAX + 1];
	struct wait *wait = arg;

	netlink_attrs(hdr, attrs, KVPOOL_A_LINK_MAX);
	if (is_of(wait, attrs))
		take_news(wait, attrs);
}

/* Asks for the state. */
static enum code read_state(struct wait *wait)
{
	struct nl_msg *msg = netlink_request(KVPOOL_CMD_LINK_GET);
	int error;

	nla_put_u32(msg, KVPOOL_A_LINK_PEER, wait->peer);
	nla_put_u32(msg, KVPOOL_A_LINK_ID, wait->link);
	error = netlink_call(msg, take_state, wait);
	return error ? netlink_failed(error, "read the state of the link") : CODE_OK;
}

static bool on_event(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_LINK_MAX + 1];
	struct wait *wait = arg;

	if (!hdr) {
		wait->code = read_state(wait);
		return !wait->code && wait->state != KVPOOL_LINK_STATE_UP &&
		       time(NULL) < wait->end;
	}
	netlink_attrs(hdr, attrs, KVPOOL_A_LINK_MAX);
	if (hdr->cmd == KVPOOL_CMD_LINK_CHANGE_NTF && is_of(wait, attrs))
		return take_news(wait, attrs);
	if (hdr->cmd == KVPOOL_CMD_LINK_DEL_NTF && is_of(wait, attrs)) {
		wait->code = error_set(CODE_NOT_FOUND, "the link was deleted meanwhile");
		return false;
	}
	return true;
}

static enum code wait_for(struct wait *wait, const struct request *request)
{
	enum code code;

	/* It may be up already, and then no event comes. */
	code = read_state(wait);
	if (!code && wait->state != KVPOOL_LINK_STATE_UP)
		code = netlink_follow(on_event, wait) ?: wait->code;
	if (code || wait->state == KVPOOL_LINK_STATE_UP)
		return code;
	if (wait->state == KVPOOL_LINK_STATE_DOWN)
		error_set(CODE_FAILED, "the link %" PRIu32 " of the peer '%s' is down: %s",
			  wait->link, request->argv[0], wait->reason);
	else
		error_set(CODE_FAILED, "the link %" PRIu32 " of the peer '%s' is not up after %d seconds",
			  wait->link, request->argv[0], WAIT_SECONDS);
	if (wait->advice)
		error_hint("%s", wait->advice);
	return CODE_FAILED;
}

static enum code connect_link(uint32_t peer, uint32_t link, const char *name)
{
	struct nl_msg *msg = netlink_request(KVPOOL_CMD_LINK_CONNECT);
	enum code code;
	int error;

	nla_put_u32(msg, KVPOOL_A_LINK_PEER, peer);
	nla_put_u32(msg, KVPOOL_A_LINK_ID, link);
	error = netlink_call(msg, NULL, NULL);
	if (!error)
		return CODE_OK;
	code = netlink_failed(error, "connect the link %" PRIu32 " of the peer '%s'", link, name);
	if (code == CODE_NOT_FOUND)
		error_hint("its links are in 'kvpoolctl link show %s'", name);
	return code;
}

static enum code connect_it(struct request *request)
{
	struct wait wait = { .end = time(NULL) + WAIT_SECONDS };
	bool waits = request_has(request, OPTION_WAIT);
	enum code code;

	code = parse_link(request, request->argv[1], &wait.link) ?: netlink_open() ?:
	       peer_find(request->argv[0], &wait.peer);
	if (!code && waits)
		code = netlink_subscribe(1);
	if (!code)
		code = connect_link(wait.peer, wait.link, request->argv[0]);
	if (!code && waits)
		code = wait_for(&wait, request);
	return code || !out_is_json() ? code : show_some(wait.peer, wait.link);
}

static enum code del(struct request *request)
{
	uint32_t peer = 0, link = 0;
	struct nl_msg *msg;
	enum code code;
	int error;

	code = parse_link(request, request->argv[1], &link) ?: netlink_open() ?:
	       peer_find(request->argv[0], &peer);
	if (code)
		return code;
	msg = netlink_request(KVPOOL_CMD_LINK_DEL);
	nla_put_u32(msg, KVPOOL_A_LINK_PEER, peer);
	nla_put_u32(msg, KVPOOL_A_LINK_ID, link);
	error = netlink_call(msg, NULL, NULL);
	if (!error)
		return CODE_OK;
	code = netlink_failed(error, "delete the link %" PRIu32 " of the peer '%s'", link,
			      request->argv[0]);
	if (code == CODE_NOT_FOUND)
		error_hint("its links are in 'kvpoolctl link show %s'", request->argv[0]);
	return code;
}

const struct noun noun_link = {
	.name = "link",
	.plural = "links",
	.summary = "the paths to the peers",
	.verbs = {
		{ "show", "[PEER [LINK]]", 0, 2, 0, 0, show,
		  "all links, those of a peer, or all members of one" },
		{ "add", "PEER ADDRESS", 2, 2, OPTION_BIT(OPTION_SRC), 0, add,
		  "add a link, which connects when it is used" },
		{ "connect", "PEER LINK", 2, 2, OPTION_BIT(OPTION_WAIT), 0, connect_it,
		  "connect a link now" },
		{ "del", "PEER LINK", 2, 2, 0, 0, del,
		  "delete a link; its transfers go over the other links of the peer" },
	},
	.notes =
"PEER is a name or a number, ADDRESS as in 'kvpoolctl help peer'. Without --src the\n"
"routing table chooses this host's address. 'connect' does not wait until the link is\n"
"up, unless --wait is given: 'kvpoolctl event' shows that. REASON says why the\n"
"connection ended last.\n",
};
