// SPDX-License-Identifier: MIT
/* Why a connection ended. */
#include "reason.h"

#include "netlink.h"

/**
 * reason_text - The word for why a connection ended
 * @attr:	An enum kvpool_close_reason, or null.
 *
 * Return: The word, "unknown" for a reason of a newer module.
 */
const char *reason_text(const struct nlattr *attr)
{
	static const char * const reasons[KVPOOL_CLOSE_REASON_MAX + 1] = {
		[KVPOOL_CLOSE_REASON_NONE] = "none",
		[KVPOOL_CLOSE_REASON_LOCAL] = "local",
		[KVPOOL_CLOSE_REASON_PEER] = "peer",
		[KVPOOL_CLOSE_REASON_TRANSPORT] = "transport",
		[KVPOOL_CLOSE_REASON_TIMEOUT] = "timeout",
		[KVPOOL_CLOSE_REASON_DEVICE] = "device",
		[KVPOOL_CLOSE_REASON_FENCE] = "fence",
		[KVPOOL_CLOSE_REASON_ADDRESS] = "address",
		[KVPOOL_CLOSE_REASON_REFUSED] = "refused",
		[KVPOOL_CLOSE_REASON_VERSION] = "version",
		[KVPOOL_CLOSE_REASON_MESSAGE] = "message",
		[KVPOOL_CLOSE_REASON_STATE] = "state",
		[KVPOOL_CLOSE_REASON_CREDITS] = "credits",
		[KVPOOL_CLOSE_REASON_ACCESS] = "access",
		[KVPOOL_CLOSE_REASON_AUTH] = "auth",
		[KVPOOL_CLOSE_REASON_LIMIT] = "limit",
		[KVPOOL_CLOSE_REASON_MEMORY] = "memory",
	};
	uint64_t reason = netlink_number(attr);

	return reason <= KVPOOL_CLOSE_REASON_MAX && reasons[reason] ? reasons[reason] : "unknown";
}
