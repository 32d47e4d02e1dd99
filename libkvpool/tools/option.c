// SPDX-License-Identifier: MIT
/* The table of all options. */
#include "option.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kvpool_netlink.h>

#include "../shared/shared.h"

#define A_SIZE		"a size: a number of bytes, or one with K, M, G or T"
#define AN_ADDRESS	"an address: ADDRESS, ADDRESS:PORT or [IPV6]:PORT"
#define YES_OR_NO	"yes or no"

static bool read_count(const char *text, union option_value *value)
{
	return parse_u64(text, &value->number) && value->number;
}

static bool read_size(const char *text, union option_value *value)
{
	return parse_size(text, &value->number);
}

static bool read_text(const char *text, union option_value *value)
{
	value->text = text;
	return true;
}

/* Seconds on the command line, nanoseconds in @value. */
static bool read_interval(const char *text, union option_value *value)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds >= 0.1 && seconds <= 3600))
		return false;
	value->number = (uint64_t)(seconds * 1e9);
	return true;
}

/* Nobody; the module calls that "none" too. */
static bool read_none(const char *text, union option_value *value)
{
	value->number = OPTION_NO_ID;
	return !strcmp(text, "none");
}

static bool read_uid(const char *text, union option_value *value)
{
	const struct passwd *user;

	if (read_none(text, value))
		return true;
	user = getpwnam(text);
	if (user) {
		value->number = user->pw_uid;
		return true;
	}
	return parse_u64(text, &value->number) && value->number < UINT32_MAX;
}

static bool read_gid(const char *text, union option_value *value)
{
	const struct group *group;

	if (read_none(text, value))
		return true;
	group = getgrnam(text);
	if (group) {
		value->number = group->gr_gid;
		return true;
	}
	return parse_u64(text, &value->number) && value->number < UINT32_MAX;
}

static bool read_address(const char *text, union option_value *value)
{
	return address_parse(text, AF_UNSPEC, &value->address);
}

static bool read_u32(const char *text, union option_value *value)
{
	return parse_u64(text, &value->number) && value->number <= UINT32_MAX;
}

static bool read_yes(const char *text, union option_value *value)
{
	value->number = !strcmp(text, "yes");
	return value->number || !strcmp(text, "no");
}

/* The exponent of a time; 0 is "auto". */
static bool read_ack_timeout(const char *text, union option_value *value)
{
	value->number = 0;
	return !strcmp(text, "auto") ||
	       (parse_u64(text, &value->number) && value->number >= 8 && value->number <= 24);
}

static bool read_service_type(const char *text, union option_value *value)
{
	uint64_t number;

	value->integer = KVPOOL_SERVICE_TYPE_DEFAULT;
	if (!strcmp(text, "default"))
		return true;
	if (!parse_u64(text, &number) || number > 255)
		return false;
	value->integer = (int)number;
	return true;
}

const struct option_info option_infos[NR_OPTIONS] = {
	[OPTION_ACK_TIMEOUT] = { 0, "ack-timeout", "EXPONENT", "auto or a number from 8 to 24",
		read_ack_timeout, "send again after 4.096 us * 2^EXPONENT; auto goes by the device" },
	[OPTION_COUNT] = { 'n', "count", "N", "a number from 1", read_count,
		"end after N objects, events or samples" },
	[OPTION_GID] = { 'g', "gid", "GROUP", "a group", read_gid,
		"group whose members may use it, by name or number, or none" },
	[OPTION_GUARANTEE] = { 0, "guarantee", "SIZE", A_SIZE, read_size,
		"memory that it has at any time; a multiple of 2M, 0 is none" },
	[OPTION_GUARANTEE_NODES] = { 0, "guarantee-nodes", "NODES", "a list of nodes", read_text,
		"NUMA nodes of that memory, as 0,2-3" },
	[OPTION_HELP] = { 'h', "help", NULL, NULL, NULL,
		"show help" },
	[OPTION_HOST] = { 0, "host", "NAME", "a name", read_text,
		"name that the other side has to prove" },
	[OPTION_IDLE_MS] = { 0, "idle-ms", "MS", "a number of milliseconds", read_u32,
		"close connections that had no request for so long; 0 is never" },
	[OPTION_INTERVAL] = { 'i', "interval", "SECONDS", "a number from 0.1 to 3600",
		read_interval, "time between two samples, 0.1 to 3600; the default is 2" },
	[OPTION_JSON] = { 'j', "json", NULL, NULL, NULL,
		"print JSON" },
	[OPTION_KEY] = { 0, "key", "KEY", "a description", read_text,
		"key of type logon or user with the secret of this host alone" },
	[OPTION_LIMIT] = { 'l', "limit", "SIZE", A_SIZE, read_size,
		"most memory that the pool may take from the tier" },
	[OPTION_LISTEN] = { 0, "listen", "ADDRESS", AN_ADDRESS, read_address,
		"accept connections of peers at this address" },
	[OPTION_NO_LISTEN] = { 0, "no-listen", NULL, NULL, NULL,
		"accept no connections" },
	[OPTION_MEMORY] = { 0, "memory", "SIZE", A_SIZE, read_size,
		"most memory of all connections together" },
	[OPTION_NAME] = { 0, "name", "NAME", "a name", read_text,
		"name that this host proves to others" },
	[OPTION_OPEN] = { 0, "open", NULL, NULL, NULL,
		"work without a secret, with any host that connects" },
	[OPTION_NO_OPEN] = { 0, "no-open", NULL, NULL, NULL,
		"require the secret" },
	[OPTION_PIN_QUOTA] = { 'p', "pin-quota", "SIZE", A_SIZE, read_size,
		"most memory of its hard-pinned blocks; 0 is none" },
	[OPTION_PUSH] = { 0, "push", "yes|no", YES_OR_NO, read_yes,
		"whether the host may push blocks" },
	[OPTION_PUSH_QUOTA] = { 0, "push-quota", "SIZE", A_SIZE, read_size,
		"most memory of blocks that peers have pushed; 0 is unlimited" },
	[OPTION_QUEUES] = { 0, "queues", "N", "a number from 1", read_count,
		"most queue pairs of a link" },
	[OPTION_QUOTA] = { 'q', "quota", "SIZE", A_SIZE, read_size,
		"most memory of the tenant; 0 is unlimited" },
	[OPTION_READ] = { 0, "read", "yes|no", YES_OR_NO, read_yes,
		"whether the host may ask for blocks and fetch them" },
	[OPTION_SECRET_KEY] = { 0, "secret-key", "KEY", "a description", read_text,
		"key of type logon or user that holds the secret" },
	[OPTION_NO_SECRET_KEY] = { 0, "no-secret-key", NULL, NULL, NULL,
		"forget the secret" },
	[OPTION_SERVICE_TYPE] = { 0, "service-type", "TOS",
		"default or a number from 0 to 255", read_service_type,
		"class of service of new connections: the DSCP times 4" },
	[OPTION_SRC] = { 0, "src", "ADDRESS", AN_ADDRESS, read_address,
		"address of this host, and so the RDMA device of the link" },
	[OPTION_STATE] = { 's', "state", "STATE", "a state", read_text,
		"only objects in this state" },
	[OPTION_STRICT_FENCE] = { 0, "strict-fence", NULL, NULL, NULL,
		"take no immediates: each answer invalidates memory remotely" },
	[OPTION_NO_STRICT_FENCE] = { 0, "no-strict-fence", NULL, NULL, NULL,
		"take immediates, which save a message" },
	[OPTION_TENANT] = { 't', "tenant", "NAME", "a name", read_text,
		"only objects of this tenant" },
	[OPTION_UID] = { 'u', "uid", "USER", "a user", read_uid,
		"user who may use it, by name or number, or none" },
	[OPTION_VERSION] = { 'V', "version", NULL, NULL, NULL,
		"show the version" },
	[OPTION_WAIT] = { 0, "wait", NULL, NULL, NULL,
		"until the link is up, or cannot connect" },
};
