// SPDX-License-Identifier: MIT
/* kvpoolctl fabric. */
#include <string.h>
#include <unistd.h>

#include <linux/keyctl.h>
#include <netlink/genl/genl.h>
#include <sys/syscall.h>

#include "address.h"
#include "netlink.h"
#include "out.h"
#include "reason.h"
#include "request.h"

#define SETTINGS (OPTION_BIT(OPTION_LISTEN) | OPTION_BIT(OPTION_NO_LISTEN) | \
		  OPTION_BIT(OPTION_SECRET_KEY) | OPTION_BIT(OPTION_NO_SECRET_KEY) | \
		  OPTION_BIT(OPTION_OPEN) | OPTION_BIT(OPTION_NO_OPEN))

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

static void show_reply(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_FABRIC_MAX + 1];

	(void)arg;
	netlink_attrs(hdr, attrs, KVPOOL_A_FABRIC_MAX);
	out_object("fabric");
	address_show("listen", attrs[KVPOOL_A_FABRIC_LISTEN]);
	if (attrs[KVPOOL_A_FABRIC_SECRET_KEY])
		out_text("secret_key", netlink_text(attrs[KVPOOL_A_FABRIC_SECRET_KEY]));
	out_bool("open", netlink_number(attrs[KVPOOL_A_FABRIC_OPEN]));
	show_closed(hdr);
	out_end();
}

static enum code show_settings(void)
{
	int error = netlink_call(netlink_request(KVPOOL_CMD_FABRIC_GET), show_reply, NULL);

	return error ? netlink_failed(error, "read the settings of the fabric") : CODE_OK;
}

static enum code show(struct request *request)
{
	(void)request;
	return netlink_open() ?: show_settings();
}

static enum code write_settings(const struct request *request)
{
	struct nl_msg *msg = netlink_request(KVPOOL_CMD_FABRIC_SET);
	int error;

	if (request_has(request, OPTION_LISTEN))
		address_encode(msg, KVPOOL_A_FABRIC_LISTEN,
			       &request->values[OPTION_LISTEN].address);
	if (request_has(request, OPTION_NO_LISTEN))
		nla_put_flag(msg, KVPOOL_A_FABRIC_LISTEN_OFF);
	if (request_has(request, OPTION_SECRET_KEY)) {
		/*
		 * The module searches the keyrings of this process. A session of sudo
		 * or of a service often lacks the user's keyring; a failure here
		 * changes nothing.
		 */
		syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING,
			KEY_SPEC_PROCESS_KEYRING);
		nla_put_string(msg, KVPOOL_A_FABRIC_SECRET_KEY,
			       request->values[OPTION_SECRET_KEY].text);
	}
	if (request_has(request, OPTION_NO_SECRET_KEY))
		nla_put_string(msg, KVPOOL_A_FABRIC_SECRET_KEY, "");
	if (request_has(request, OPTION_OPEN) || request_has(request, OPTION_NO_OPEN))
		nla_put_u8(msg, KVPOOL_A_FABRIC_OPEN, request_has(request, OPTION_OPEN));
	error = netlink_call(msg, NULL, NULL);
	return error ? netlink_failed(error, "change the settings of the fabric") : CODE_OK;
}

static enum code set(struct request *request)
{
	static const enum option_id pairs[][2] = {
		{ OPTION_LISTEN, OPTION_NO_LISTEN },
		{ OPTION_SECRET_KEY, OPTION_NO_SECRET_KEY },
		{ OPTION_OPEN, OPTION_NO_OPEN },
	};
	enum code code;
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (request_has(request, pairs[i][0]) && request_has(request, pairs[i][1]))
			return request_wrong(request, "--%s and --%s exclude each other",
					     option_infos[pairs[i][0]].name,
					     option_infos[pairs[i][1]].name);
	if (request_has(request, OPTION_SECRET_KEY) && !*request->values[OPTION_SECRET_KEY].text)
		return request_wrong(request, "--secret-key: the description is empty");
	code = netlink_open() ?: write_settings(request);
	return code || !out_is_json() ? code : show_settings();
}

const struct noun noun_fabric = {
	.name = "fabric",
	.summary = "what this host offers to other hosts",
	.verbs = {
		{ "show", "", 0, 0, 0, 0, show,
		  "the settings, and how many sessions have ended and why" },
		{ "set", "", 0, 0, SETTINGS, SETTINGS, set, "change settings" },
	},
	.notes =
"ADDRESS as in 'kvpoolctl help peer'; 0.0.0.0 and [::] are all addresses. The key is\n"
"searched in the keyrings of the session and of the user. To add one:\n"
"  keyctl padd logon kvpool:secret @u < FILE\n",
};
