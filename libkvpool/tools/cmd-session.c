// SPDX-License-Identifier: MIT
/* kvpoolctl session. */
#include <inttypes.h>
#include <stdio.h>

#include <netlink/genl/genl.h>

#include "../shared/shared.h"
#include "address.h"
#include "names.h"
#include "netlink.h"
#include "out.h"
#include "reason.h"
#include "request.h"
#include "table.h"

#define INSTANCE_SIZE	16

/* The filter and the form of the sessions that are shown. */
struct view {
	uint64_t id;		/* 0 for all */
	struct table *table;	/* null for members */
	int shown;
	struct names others;	/* sessions that are not shown */
};

static void instance_text(const struct nlattr *attr, char *text)
{
	const unsigned char *bytes = attr ? nla_data(attr) : NULL;
	int i;

	*text = '\0';
	for (i = 0; attr && i < nla_len(attr) && i < INSTANCE_SIZE; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
}

static void show_session(struct nlattr **attrs)
{
	static const struct netlink_number numbers[] = {
		{ KVPOOL_A_SESSION_MEMORY, "memory_bytes" },
		{ KVPOOL_A_SESSION_WAITING, "waiting" },
		{ KVPOOL_A_SESSION_REQUESTS, "requests" },
		{ KVPOOL_A_SESSION_BYTES_IN, "in_bytes" },
		{ KVPOOL_A_SESSION_BYTES_OUT, "out_bytes" },
	};
	char instance[2 * INSTANCE_SIZE + 1];

	instance_text(attrs[KVPOOL_A_SESSION_INSTANCE], instance);
	out_object(NULL);
	out_number("id", netlink_number(attrs[KVPOOL_A_SESSION_ID]));
	address_show("src", attrs[KVPOOL_A_SESSION_SRC]);
	if (attrs[KVPOOL_A_SESSION_HOST])
		out_text("host", netlink_text(attrs[KVPOOL_A_SESSION_HOST]));
	out_text("instance", instance);
	out_bool("authenticated", netlink_number(attrs[KVPOOL_A_SESSION_AUTHENTICATED]));
	netlink_show_numbers(attrs, numbers, ARRAY_SIZE(numbers));
	out_text("close_reason", reason_text(attrs[KVPOOL_A_SESSION_CLOSE_REASON]));
	out_end();
}

static void print_row(struct table *table, struct nlattr **attrs)
{
	char src[ADDRESS_MAX];

	table_number(table, netlink_number(attrs[KVPOOL_A_SESSION_ID]));
	table_text(table, address_text(attrs[KVPOOL_A_SESSION_SRC], src, sizeof(src)));
	table_text(table, netlink_text(attrs[KVPOOL_A_SESSION_HOST]));
	table_text(table, netlink_number(attrs[KVPOOL_A_SESSION_AUTHENTICATED]) ? "yes" : "no");
	table_size(table, netlink_number(attrs[KVPOOL_A_SESSION_MEMORY]));
	table_number(table, netlink_number(attrs[KVPOOL_A_SESSION_WAITING]));
	table_number(table, netlink_number(attrs[KVPOOL_A_SESSION_REQUESTS]));
	table_size(table, netlink_number(attrs[KVPOOL_A_SESSION_BYTES_IN]));
	table_size(table, netlink_number(attrs[KVPOOL_A_SESSION_BYTES_OUT]));
}

static void show_reply(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_SESSION_MAX + 1];
	struct view *view = arg;
	char number[24];
	uint64_t id;

	netlink_attrs(hdr, attrs, KVPOOL_A_SESSION_MAX);
	id = netlink_number(attrs[KVPOOL_A_SESSION_ID]);
	if (view->id && id != view->id) {
		snprintf(number, sizeof(number), "%" PRIu64, id);
		names_add(&view->others, number);
		return;
	}
	view->shown++;
	if (view->table)
		print_row(view->table, attrs);
	else
		show_session(attrs);
}

static enum code show_view(struct view *view)
{
	static const struct column columns[] = {
		{ "ID", 6 }, { "SOURCE", -21 }, { "HOST", -20 }, { "AUTH", -4 },
		{ "MEMORY", 11 }, { "WAITING", 7 }, { "REQUESTS", 10 }, { "IN", 11 },
		{ "OUT", 11 },
	};
	struct table table = TABLE(columns);
	int error;

	if (out_is_json() || view->id) {
		out_array("sessions");
	} else {
		view->table = &table;
		table_head(&table);
	}
	error = netlink_dump(KVPOOL_CMD_SESSION_GET, show_reply, view);
	if (error)
		return netlink_failed(error, "list the sessions");
	if (!view->table)
		out_end();
	return CODE_OK;
}

static enum code parse_session(const struct request *request, uint64_t *id)
{
	if (parse_u64(request->argv[0], id) && *id)
		return CODE_OK;
	return request_wrong(request, "'%s' is not the number of a session", request->argv[0]);
}

static enum code show(struct request *request)
{
	struct view view = { 0 };
	enum code code = CODE_OK;

	if (request->argc)
		code = parse_session(request, &view.id);
	code = code ?: netlink_open() ?: show_view(&view);
	if (!code && view.id && !view.shown)
		code = names_missing(&view.others, "session", request->argv[0]);
	return code;
}

static enum code end(struct request *request)
{
	struct nl_msg *msg;
	enum code code;
	uint64_t id;
	int error;

	code = parse_session(request, &id) ?: netlink_open();
	if (code)
		return code;
	msg = netlink_request(KVPOOL_CMD_SESSION_DEL);
	nla_put_u64(msg, KVPOOL_A_SESSION_ID, id);
	error = netlink_call(msg, NULL, NULL);
	if (!error)
		return CODE_OK;
	code = netlink_failed(error, "end the session %" PRIu64, id);
	if (code == CODE_NOT_FOUND)
		error_hint("'kvpoolctl session show' lists the sessions");
	return code;
}

const struct noun noun_session = {
	.name = "session",
	.plural = "sessions",
	.summary = "the connections that other hosts have opened",
	.verbs = {
		{ "show", "[SESSION]", 0, 1, 0, 0, show,
		  "all sessions, or all members of one" },
		{ "end", "SESSION", 1, 1, 0, 0, end,
		  "end a session; the host may connect again" },
	},
	.notes =
"HOST is the name that the other host gives, AUTH whether it has proved it. WAITING\n"
"are requests that wait until a block is sealed. To keep a host out, take its rights\n"
"('kvpoolctl help right') or change its key ('kvpoolctl help host').\n",
};
