// SPDX-License-Identifier: MIT
/* kvpoolctl right. */
#include <string.h>

#include <netlink/genl/genl.h>

#include "netlink.h"
#include "out.h"
#include "request.h"
#include "right.h"
#include "table.h"

#define RIGHTS	(OPTION_BIT(OPTION_READ) | OPTION_BIT(OPTION_PUSH))

/* The filter and the form of the rights that are shown. */
struct view {
	const char *tenant;	/* null for all */
	const char *host;	/* null for all */
	struct table *table;	/* null for JSON */
};

static void show_reply(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_RIGHT_MAX + 1];
	const struct view *view = arg;

	netlink_attrs(hdr, attrs, KVPOOL_A_RIGHT_MAX);
	if (view->tenant && strcmp(netlink_text(attrs[KVPOOL_A_RIGHT_TENANT]), view->tenant))
		return;
	if (view->host && strcmp(netlink_text(attrs[KVPOOL_A_RIGHT_HOST]), view->host))
		return;
	if (!view->table) {
		out_object(NULL);
		right_show(hdr);
		out_end();
		return;
	}
	table_text(view->table, netlink_text(attrs[KVPOOL_A_RIGHT_TENANT]));
	table_text(view->table, netlink_text(attrs[KVPOOL_A_RIGHT_HOST]));
	table_text(view->table, netlink_number(attrs[KVPOOL_A_RIGHT_READ]) ? "yes" : "no");
	table_text(view->table, netlink_number(attrs[KVPOOL_A_RIGHT_PUSH]) ? "yes" : "no");
}

static enum code show_some(const char *tenant, const char *host)
{
	static const struct column columns[] = {
		{ "TENANT", -20 }, { "HOST", -31 }, { "READ", -4 }, { "PUSH", -4 },
	};
	struct table table = TABLE(columns);
	struct view view = { .tenant = tenant, .host = host };
	int error;

	if (out_is_json()) {
		out_array("rights");
	} else {
		view.table = &table;
		table_head(&table);
	}
	error = netlink_dump(KVPOOL_CMD_RIGHT_GET, show_reply, &view);
	if (error)
		return netlink_failed(error, "list the rights");
	if (!view.table)
		out_end();
	return CODE_OK;
}

static enum code show(struct request *request)
{
	const char *tenant = NULL;

	if (request_has(request, OPTION_TENANT))
		tenant = request->values[OPTION_TENANT].text;
	return netlink_open() ?: show_some(tenant, NULL);
}

static enum code write_rights(const struct request *request)
{
	const char *tenant = request->argv[0], *host = request->argv[1];
	struct nl_msg *msg = netlink_request(KVPOOL_CMD_RIGHT_SET);
	int error;

	nla_put_string(msg, KVPOOL_A_RIGHT_TENANT, tenant);
	nla_put_string(msg, KVPOOL_A_RIGHT_HOST, host);
	if (request_has(request, OPTION_READ))
		nla_put_u8(msg, KVPOOL_A_RIGHT_READ,
			   (uint8_t)request->values[OPTION_READ].number);
	if (request_has(request, OPTION_PUSH))
		nla_put_u8(msg, KVPOOL_A_RIGHT_PUSH,
			   (uint8_t)request->values[OPTION_PUSH].number);
	error = netlink_call(msg, NULL, NULL);
	return error ? netlink_failed(error, "set the rights of the host '%s' in the tenant '%s'",
				      host, tenant) : CODE_OK;
}

static enum code set(struct request *request)
{
	enum code code = netlink_open() ?: write_rights(request);

	return code || !out_is_json() ? code : show_some(request->argv[0], request->argv[1]);
}

static enum code del(struct request *request)
{
	struct nl_msg *msg;
	enum code code;
	int error;

	code = netlink_open();
	if (code)
		return code;
	msg = netlink_request(KVPOOL_CMD_RIGHT_DEL);
	nla_put_string(msg, KVPOOL_A_RIGHT_TENANT, request->argv[0]);
	nla_put_string(msg, KVPOOL_A_RIGHT_HOST, request->argv[1]);
	error = netlink_call(msg, NULL, NULL);
	return error ? netlink_failed(error, "delete the rights of the host '%s' in the tenant '%s'",
				      request->argv[1], request->argv[0]) : CODE_OK;
}

const struct noun noun_right = {
	.name = "right",
	.plural = "rights",
	.summary = "what other hosts may do with blocks",
	.verbs = {
		{ "show", "", 0, 0, OPTION_BIT(OPTION_TENANT), 0, show,
		  "all rights that have been set" },
		{ "set", "TENANT HOST", 2, 2, RIGHTS, RIGHTS, set,
		  "let a host read or push blocks of a tenant, or not" },
		{ "del", "TENANT HOST", 2, 2, 0, 0, del,
		  "forget what was set, so that the rights of all hosts hold" },
	},
	.notes =
"HOST is the name that a host proves, or '*' for all hosts of which nothing has been set\n"
"in the tenant. A right that is not named stays as it is. Where nothing has been set, a\n"
"host may do nothing. A change reaches sessions that exist.\n",
};
