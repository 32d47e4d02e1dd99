/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_NOUN_H
#define KVPOOLCTL_NOUN_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "option.h"

#define MAX_VERBS	6

struct request;

/**
 * struct verb - An action on the objects of a noun
 * @name:	The word on the command line.
 * @operands:	Its operands in help; "" for none.
 * @min:	Least number of operands.
 * @max:	Most of them.
 * @options:	OPTION_BIT() of its options beside OPTIONS_COMMON.
 * @needs:	Options of which the command line has to have at least one, or 0.
 * @run:	Performs the action. A failure is not printed but kept by error_set().
 * @summary:	One line for people.
 */
struct verb {
	const char *name;
	const char *operands;
	int min;
	int max;
	uint64_t options;
	uint64_t needs;
	enum code (*run)(struct request *request);
	const char *summary;
};

/**
 * struct noun - A kind of object that commands are about
 * @name:	The word on the command line.
 * @plural:	Its plural, also the member of JSON; null where there is only one
 *		object of the kind.
 * @summary:	One line for people.
 * @notes:	The end of its help.
 * @verbs:	The first verb is the action of the noun alone. The last entry has
 *		no name.
 */
struct noun {
	const char *name;
	const char *plural;
	const char *summary;
	const char *notes;
	struct verb verbs[MAX_VERBS];
};

extern const struct noun * const nouns[];

extern const struct noun noun_block;
extern const struct noun noun_chunk;
extern const struct noun noun_context;
extern const struct noun noun_event;
extern const struct noun noun_fabric;
extern const struct noun noun_host;
extern const struct noun noun_knob;
extern const struct noun noun_link;
extern const struct noun noun_operation;
extern const struct noun noun_peer;
extern const struct noun noun_right;
extern const struct noun noun_session;
extern const struct noun noun_stats;
extern const struct noun noun_status;
extern const struct noun noun_tenant;
extern const struct noun noun_tier;
extern const struct noun noun_top;

const struct noun *noun_find(const char *name);
const struct verb *noun_verb(const struct noun *noun, const char *name);
const char *noun_verbs_text(const struct noun *noun, char *buf, size_t len);

#endif /* KVPOOLCTL_NOUN_H */
