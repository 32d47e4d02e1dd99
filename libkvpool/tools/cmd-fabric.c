// SPDX-License-Identifier: MIT
/* kvpoolctl fabric. */
#include <netlink/genl/genl.h>

#include "../shared/shared.h"
#include "address.h"
#include "fabric.h"
#include "keyring.h"
#include "netlink.h"
#include "out.h"
#include "request.h"

#define SETTINGS (OPTION_BIT(OPTION_NAME) | OPTION_BIT(OPTION_MEMORY) | \
		  OPTION_BIT(OPTION_QUEUES) | OPTION_BIT(OPTION_IDLE_MS) | \
		  OPTION_BIT(OPTION_ACK_TIMEOUT) | OPTION_BIT(OPTION_SERVICE_TYPE) | \
		  OPTION_BIT(OPTION_STRICT_FENCE) | OPTION_BIT(OPTION_NO_STRICT_FENCE) | \
		  OPTION_BIT(OPTION_LISTEN) | OPTION_BIT(OPTION_NO_LISTEN) | \
		  OPTION_BIT(OPTION_SECRET_KEY) | OPTION_BIT(OPTION_NO_SECRET_KEY) | \
		  OPTION_BIT(OPTION_OPEN) | OPTION_BIT(OPTION_NO_OPEN))

static void show_reply(struct genlmsghdr *hdr, void *arg)
{
	(void)arg;
	fabric_show(hdr);
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

/* Settings of connections. */
static void encode_numbers(struct nl_msg *msg, const struct request *request)
{
	static const struct {
		enum option_id id;
		int attr;
	} numbers[] = {
		{ OPTION_QUEUES, KVPOOL_A_FABRIC_QUEUES },
		{ OPTION_IDLE_MS, KVPOOL_A_FABRIC_IDLE_MS },
		{ OPTION_ACK_TIMEOUT, KVPOOL_A_FABRIC_ACK_TIMEOUT },
	};
	int i;

	if (request_has(request, OPTION_MEMORY))
		nla_put_u64(msg, KVPOOL_A_FABRIC_MEMORY, request->values[OPTION_MEMORY].number);
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (request_has(request, numbers[i].id))
			nla_put_u32(msg, numbers[i].attr,
				    (uint32_t)request->values[numbers[i].id].number);
	if (request_has(request, OPTION_SERVICE_TYPE))
		nla_put_s32(msg, KVPOOL_A_FABRIC_SERVICE_TYPE,
			    request->values[OPTION_SERVICE_TYPE].integer);
	if (request_has(request, OPTION_STRICT_FENCE) ||
	    request_has(request, OPTION_NO_STRICT_FENCE))
		nla_put_u8(msg, KVPOOL_A_FABRIC_STRICT_FENCE,
			   request_has(request, OPTION_STRICT_FENCE));
}

static enum code write_settings(const struct request *request)
{
	struct nl_msg *msg = netlink_request(KVPOOL_CMD_FABRIC_SET);
	int error;

	if (request_has(request, OPTION_NAME))
		nla_put_string(msg, KVPOOL_A_FABRIC_NAME, request->values[OPTION_NAME].text);
	encode_numbers(msg, request);
	if (request_has(request, OPTION_LISTEN))
		address_encode(msg, KVPOOL_A_FABRIC_LISTEN,
			       &request->values[OPTION_LISTEN].address.addr);
	if (request_has(request, OPTION_NO_LISTEN))
		nla_put_flag(msg, KVPOOL_A_FABRIC_LISTEN_OFF);
	if (request_has(request, OPTION_SECRET_KEY)) {
		keyring_link_user();
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
		{ OPTION_STRICT_FENCE, OPTION_NO_STRICT_FENCE },
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
	if (request_has(request, OPTION_QUEUES) &&
	    request->values[OPTION_QUEUES].number > UINT32_MAX)
		return request_wrong(request, "--queues: the number is too large");
	code = netlink_open() ?: write_settings(request);
	if (!code && request_has(request, OPTION_LISTEN))
		address_tell(&request->values[OPTION_LISTEN].address, 1);
	return code || !out_is_json() ? code : show_settings();
}

const struct noun noun_fabric = {
	.name = "fabric",
	.summary = "what this host offers to other hosts",
	.verbs = {
		{ "show", "", 0, 0, 0, 0, show,
		  "the settings, memory, and how many sessions have ended and why" },
		{ "set", "", 0, 0, SETTINGS, SETTINGS, set, "change settings" },
	},
	.notes =
"ADDRESS as in 'kvpoolctl help peer'; 0.0.0.0 and [::] are all addresses. The key is\n"
"searched in the keyrings of the session and of the user. To add one:\n"
"  keyctl padd logon kvpool:secret @u < FILE\n"
"closed.REASON counts sessions that ended or were refused, stuck queue pairs whose\n"
"memory is kept until they come to their end late, or their device has gone.\n",
};
