// SPDX-License-Identifier: MIT
/* Why a connection ended. */
#include "reason.h"

#include <stddef.h>

#include "netlink.h"

static const struct {
	const char *word;
	const char *advice;	/* null where there is none */
} reasons[KVPOOL_CLOSE_REASON_MAX + 1] = {
	[KVPOOL_CLOSE_REASON_NONE] = { "none", NULL },
	[KVPOOL_CLOSE_REASON_LOCAL] = { "local", NULL },
	[KVPOOL_CLOSE_REASON_PEER] = { "peer", "its kernel log says why it ended the connection" },
	[KVPOOL_CLOSE_REASON_TRANSPORT] = { "transport",
		"check cable, switch and MTU, and whether the other host is up" },
	[KVPOOL_CLOSE_REASON_TIMEOUT] = { "timeout",
		"check whether the other host is up, and firewalls for UDP port 4791" },
	[KVPOOL_CLOSE_REASON_DEVICE] = { "device", "see 'rdma link' for the RDMA devices" },
	[KVPOOL_CLOSE_REASON_FENCE] = { "fence", NULL },
	[KVPOOL_CLOSE_REASON_ADDRESS] = { "address",
		"see 'ip route get' for the way to the address, and 'rdma link' for its device" },
	[KVPOOL_CLOSE_REASON_REFUSED] = { "refused",
		"nobody listens there: see 'kvpoolctl fabric' on the other host" },
	[KVPOOL_CLOSE_REASON_VERSION] = { "version", "upgrade the module that is older" },
	[KVPOOL_CLOSE_REASON_MESSAGE] = { "message", NULL },
	[KVPOOL_CLOSE_REASON_STATE] = { "state", NULL },
	[KVPOOL_CLOSE_REASON_CREDITS] = { "credits", NULL },
	[KVPOOL_CLOSE_REASON_ACCESS] = { "access", NULL },
	[KVPOOL_CLOSE_REASON_AUTH] = { "auth",
		"the secrets differ: see 'kvpoolctl fabric' and 'kvpoolctl host' on both hosts" },
	[KVPOOL_CLOSE_REASON_LIMIT] = { "limit",
		"the memory of connections is used up there: 'kvpoolctl fabric set --memory'" },
	[KVPOOL_CLOSE_REASON_MEMORY] = { "memory",
		"the memory of connections is used up: 'kvpoolctl fabric set --memory'" },
	[KVPOOL_CLOSE_REASON_MTU] = { "mtu",
		"give the interfaces of both hosts the same MTU, see 'ip link'" },
	[KVPOOL_CLOSE_REASON_REPLACED] = { "replaced", NULL },
	[KVPOOL_CLOSE_REASON_IDLE] = { "idle", NULL },
	[KVPOOL_CLOSE_REASON_HOST] = { "host",
		"another host has the address: see 'name' in 'kvpoolctl fabric' there" },
};

/**
 * reason_text - The word for why a connection ended
 * @attr:	An enum kvpool_close_reason, or null.
 *
 * Return: The word, "unknown" for a reason of a newer module.
 */
const char *reason_text(const struct nlattr *attr)
{
	uint64_t reason = netlink_number(attr);

	return reason <= KVPOOL_CLOSE_REASON_MAX && reasons[reason].word ?
	       reasons[reason].word : "unknown";
}

/**
 * reason_advice - The next step of a user whose connection ended
 * @attr:	An enum kvpool_close_reason, or null.
 *
 * Return: The advice, for error_hint(); null where there is none.
 */
const char *reason_advice(const struct nlattr *attr)
{
	uint64_t reason = netlink_number(attr);

	return reason <= KVPOOL_CLOSE_REASON_MAX ? reasons[reason].advice : NULL;
}
