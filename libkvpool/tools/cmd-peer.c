// SPDX-License-Identifier: MIT
/* kvpoolctl peer. */
#include <stdlib.h>

#include <netlink/genl/genl.h>

#include "address.h"
#include "link.h"
#include "memory.h"
#include "out.h"
#include "peer.h"
#include "request.h"
#include "table.h"

#define TEXT(number)	#number
#define TEXT_OF(number)	TEXT(number)

/* The filter and the form of the peers that are shown. */
struct view {
	uint32_t id;		/* 0 for all */
	struct table *table;	/* null for members */
};

static void show_reply(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_PEER_MAX + 1];
	const struct view *view = arg;

	netlink_attrs(hdr, attrs, KVPOOL_A_PEER_MAX);
	if (view->id && netlink_number(attrs[KVPOOL_A_PEER_ID]) != view->id)
		return;
	if (!view->table) {
		out_object(NULL);
		peer_show(hdr);
		out_end();
		return;
	}
	table_number(view->table, netlink_number(attrs[KVPOOL_A_PEER_ID]));
	table_text(view->table, netlink_text(attrs[KVPOOL_A_PEER_NAME]));
	table_number(view->table, netlink_number(attrs[KVPOOL_A_PEER_NR_LINKS]));
	table_number(view->table, netlink_number(attrs[KVPOOL_A_PEER_NR_UP]));
	table_number(view->table, netlink_number(attrs[KVPOOL_A_PEER_REQUESTS]));
	table_number(view->table, netlink_number(attrs[KVPOOL_A_PEER_FAILED]));
	table_size(view->table, netlink_number(attrs[KVPOOL_A_PEER_BYTES_IN]));
	table_size(view->table, netlink_number(attrs[KVPOOL_A_PEER_BYTES_OUT]));
}

static enum code show_some(uint32_t id)
{
	static const struct column columns[] = {
		{ "ID", 4 }, { "PEER", -20 }, { "LINKS", 5 }, { "UP", 5 }, { "REQUESTS", 10 },
		{ "FAILED", 8 }, { "IN", 11 }, { "OUT", 11 },
	};
	struct table table = TABLE(columns);
	struct view view = { .id = id };
	int error;

	if (out_is_json() || id) {
		out_array("peers");
	} else {
		view.table = &table;
		table_head(&table);
	}
	error = netlink_dump(KVPOOL_CMD_PEER_GET, show_reply, &view);
	if (error)
		return netlink_failed(error, "list the peers");
	if (!view.table)
		out_end();
	return CODE_OK;
}

static enum code show(struct request *request)
{
	uint32_t id = 0;

	return netlink_open() ?: (request->argc ? peer_find(request->argv[0], &id) : CODE_OK) ?:
	       show_some(id);
}

static void take_id(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_PEER_MAX + 1];

	netlink_attrs(hdr, attrs, KVPOOL_A_PEER_MAX);
	*(uint32_t *)arg = (uint32_t)netlink_number(attrs[KVPOOL_A_PEER_ID]);
}

static enum code add_peer(const char *name, const char *host, uint32_t *id)
{
	struct nl_msg *msg = netlink_request(KVPOOL_CMD_PEER_ADD);
	int error;

	nla_put_string(msg, KVPOOL_A_PEER_NAME, name);
	if (host)
		nla_put_string(msg, KVPOOL_A_PEER_HOST, host);
	error = netlink_call(msg, take_id, id);
	return error ? netlink_failed(error, "add the peer '%s'", name) : CODE_OK;
}

/* @addrs are those of the operands; the first is the name. */
static enum code add_all(const struct request *request, const struct address *addrs)
{
	const char *name = request->argv[0], *host = NULL;
	uint32_t id = 0, link;
	enum code code;
	int i;

	if (request_has(request, OPTION_HOST))
		host = request->values[OPTION_HOST].text;
	code = netlink_open() ?: add_peer(name, host, &id);
	if (code)
		return code;
	for (i = 1; i < request->argc && !code; i++) {
		code = link_add(id, &addrs[i].addr, NULL, &link);
		if (code) {
			error_append(", and the peer '%s' was added without its link to %s", name,
				     request->argv[i]);
			error_hint("add missing links with 'kvpoolctl link add %s ADDRESS'", name);
		}
	}
	if (!code)
		address_tell(addrs + 1, request->argc - 1);
	return code || !out_is_json() ? code : show_some(id);
}

static enum code add(struct request *request)
{
	struct address *addrs;
	enum code code = CODE_OK;
	int i;

	addrs = memory_resize(NULL, (size_t)request->argc, sizeof(*addrs));
	for (i = 1; i < request->argc && !code; i++)
		if (!address_parse(request->argv[i], AF_UNSPEC, &addrs[i]))
			code = request_wrong(request, "'%s' is neither an address nor the name of a host",
					     request->argv[i]);
	if (!code)
		code = add_all(request, addrs);
	free(addrs);
	return code;
}

static enum code del(struct request *request)
{
	const char *name = request->argv[0];
	struct nl_msg *msg;
	uint32_t id = 0;
	enum code code;
	int error;

	code = netlink_open() ?: peer_find(name, &id);
	if (code)
		return code;
	msg = netlink_request(KVPOOL_CMD_PEER_DEL);
	nla_put_u32(msg, KVPOOL_A_PEER_ID, id);
	error = netlink_call(msg, NULL, NULL);
	return error ? netlink_failed(error, "delete the peer '%s'", name) : CODE_OK;
}

const struct noun noun_peer = {
	.name = "peer",
	.plural = "peers",
	.summary = "the hosts that this host exchanges blocks with",
	.verbs = {
		{ "show", "[PEER]", 0, 1, 0, 0, show, "all peers, or all members of one" },
		{ "add", "NAME [ADDRESS]...", 1, 1 << 10, OPTION_BIT(OPTION_HOST), 0, add,
		  "add a peer, with a link to each address" },
		{ "del", "PEER", 1, 1, 0, 0, del,
		  "delete a peer and its links; transfers with it fail" },
	},
	.notes =
"PEER is a name or a number. ADDRESS is ADDRESS, ADDRESS:PORT or [IPV6]:PORT; the\n"
"default port is " TEXT_OF(KVPOOL_DEFAULT_PORT) ". For ADDRESS the name of a host may be given; it is looked up\n"
"once, and its first address is taken.\n",
};
