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
 * struct verb - What can be done with a noun
 * @name:	The word on the command line.
 * @operands:	What help calls its operands, "" for none.
 * @min:	Least number of operands.
 * @max:	Most of them.
 * @options:	OPTION_BIT() of each option that it takes beside OPTIONS_COMMON.
 * @needs:	Of these options the user has to give at least one, unless zero.
 * @run:	Does it. Prints no failure: error_set() keeps it for main().
 * @summary:	One line for people.
 */
struct verb {
	const char *name;
	const char *operands;
	int min;
	int max;
	uint32_t options;
	uint32_t needs;
	enum code (*run)(struct request *request);
	const char *summary;
};

/**
 * struct noun - What commands are about
 * @name:	The word on the command line.
 * @plural:	The other word for it, and the member of JSON; null where there is
 *		only one such thing.
 * @summary:	One line for people.
 * @notes:	The end of its help.
 * @verbs:	The first one is what the noun alone does. Ends with one that has
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
extern const struct noun noun_knob;
extern const struct noun noun_link;
extern const struct noun noun_operation;
extern const struct noun noun_peer;
extern const struct noun noun_session;
extern const struct noun noun_status;
extern const struct noun noun_tenant;
extern const struct noun noun_tier;
extern const struct noun noun_top;

const struct noun *noun_find(const char *name);
const struct verb *noun_verb(const struct noun *noun, const char *name);
const char *noun_verbs_text(const struct noun *noun, char *buf, size_t len);

#endif /* KVPOOLCTL_NOUN_H */
