// SPDX-License-Identifier: MIT
/* The table of all nouns. */
#include "noun.h"

#include <stdio.h>
#include <string.h>

/* In the order in which help shows them. */
const struct noun * const nouns[] = {
	&noun_status,
	&noun_top,
	&noun_tenant,
	&noun_stats,
	&noun_tier,
	&noun_knob,
	&noun_block,
	&noun_chunk,
	&noun_context,
	&noun_operation,
	&noun_peer,
	&noun_link,
	&noun_session,
	&noun_host,
	&noun_right,
	&noun_fabric,
	&noun_event,
	NULL,
};

/**
 * noun_find - Find a noun
 * @name:	Its name or its plural.
 *
 * Return: The noun, or null.
 */
const struct noun *noun_find(const char *name)
{
	const struct noun * const *noun;

	for (noun = nouns; *noun; noun++)
		if (!strcmp((*noun)->name, name) ||
		    ((*noun)->plural && !strcmp((*noun)->plural, name)))
			return *noun;
	return NULL;
}

/**
 * noun_verb - Find a verb of a noun
 * @noun:	The noun.
 * @name:	The verb's name.
 *
 * Return: The verb, or null.
 */
const struct verb *noun_verb(const struct noun *noun, const char *name)
{
	const struct verb *verb;

	for (verb = noun->verbs; verb->name; verb++)
		if (!strcmp(verb->name, name))
			return verb;
	return NULL;
}

/**
 * noun_verbs_text - List the verbs of a noun
 * @noun:	The noun.
 * @buf:	Receives the text.
 * @len:	Size of @buf.
 *
 * Return: @buf, with "show, add or del".
 */
const char *noun_verbs_text(const struct noun *noun, char *buf, size_t len)
{
	const struct verb *verb;
	size_t used = 0;

	*buf = '\0';
	for (verb = noun->verbs; verb->name && used < len; verb++)
		used += (size_t)snprintf(buf + used, len - used, "%s%s",
					 verb == noun->verbs ? "" : verb[1].name ? ", " : " or ",
					 verb->name);
	return buf;
}
