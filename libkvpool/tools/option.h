/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_OPTION_H
#define KVPOOLCTL_OPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"

/* All options of kvpoolctl: a letter or a name means the same for every noun. */
enum option_id {
	OPTION_ACK_TIMEOUT,
	OPTION_COUNT,
	OPTION_GID,
	OPTION_GUARANTEE,
	OPTION_GUARANTEE_NODES,
	OPTION_HELP,
	OPTION_HOST,
	OPTION_IDLE_MS,
	OPTION_INTERVAL,
	OPTION_JSON,
	OPTION_KEY,
	OPTION_LIMIT,
	OPTION_LISTEN,
	OPTION_NO_LISTEN,
	OPTION_MEMORY,
	OPTION_NAME,
	OPTION_OPEN,
	OPTION_NO_OPEN,
	OPTION_PIN_QUOTA,
	OPTION_PUSH,
	OPTION_PUSH_QUOTA,
	OPTION_QUEUES,
	OPTION_QUOTA,
	OPTION_READ,
	OPTION_SECRET_KEY,
	OPTION_NO_SECRET_KEY,
	OPTION_SERVICE_TYPE,
	OPTION_SRC,
	OPTION_STATE,
	OPTION_STRICT_FENCE,
	OPTION_NO_STRICT_FENCE,
	OPTION_TENANT,
	OPTION_UID,
	OPTION_VERSION,
	OPTION_WAIT,
	NR_OPTIONS
};

#define OPTION_BIT(id)	(UINT64_C(1) << (id))

/* The user or the group "none". */
#define OPTION_NO_ID	UINT64_MAX

/* Options of every command. */
#define OPTIONS_COMMON	(OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_JSON) | \
			 OPTION_BIT(OPTION_VERSION))

/**
 * union option_value - The value of an option
 * @number:	Bytes, nanoseconds, an id or a count, by the option.
 * @integer:	Likewise, where it may be negative.
 * @text:	As it stands on the command line.
 * @address:	An address or the name of a host.
 */
union option_value {
	uint64_t number;
	int integer;
	const char *text;
	struct address address;
};

/**
 * struct option_info - An option
 * @letter:	Its short form, or 0.
 * @name:	Its long form, without the dashes.
 * @operand:	Its value in help; null for a flag.
 * @what:	The kind of its value, as after "is not".
 * @parse:	Reads the value; false if it is malformed. Null for a flag.
 * @meaning:	One line for people.
 */
struct option_info {
	char letter;
	const char *name;
	const char *operand;
	const char *what;
	bool (*parse)(const char *text, union option_value *value);
	const char *meaning;
};

extern const struct option_info option_infos[NR_OPTIONS];

#endif /* KVPOOLCTL_OPTION_H */
