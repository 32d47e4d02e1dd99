// SPDX-License-Identifier: MIT
/* The failure "there is no such object", in one form for all nouns. */
#include "names.h"

#include <stdio.h>
#include <string.h>

#include "error.h"
#include "noun.h"

#define MAX_NAMES	10

/**
 * names_add - Add a name to the list
 * @names:	The list, all zero at first.
 * @name:	The name.
 */
void names_add(struct names *names, const char *name)
{
	size_t used = strlen(names->text);

	if (names->nr++ < MAX_NAMES)
		snprintf(names->text + used, sizeof(names->text) - used, "%s%s",
			 used ? ", " : "", name);
	else if (names->nr == MAX_NAMES + 1)
		snprintf(names->text + used, sizeof(names->text) - used, ", ...");
}

/**
 * names_missing - Keep the failure that there is no such object
 * @names:	Names of the existing objects.
 * @noun:	Name of the noun.
 * @name:	The name that is none of @names.
 *
 * Return: CODE_NOT_FOUND.
 */
enum code names_missing(const struct names *names, const char *noun, const char *name)
{
	const char *plural = noun_find(noun)->plural;

	error_set(CODE_NOT_FOUND, "there is no %s '%s'", noun, name);
	if (names->nr)
		error_hint("the %s are: %s", plural, names->text);
	else
		error_hint("there are no %s at all", plural);
	return CODE_NOT_FOUND;
}
