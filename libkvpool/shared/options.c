// SPDX-License-Identifier: MIT
/* Reads command-line options from a table with one entry for each. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "shared.h"

#define LONG_ONLY	256	/* above every letter */

static int option_value(const struct opt *opts, int i)
{
	return opts[i].letter ?: LONG_ONLY + i;
}

/* Makes the tables that getopt_long() takes. */
static void make_tables(const struct opt *opts, int nr, struct option *longs, char *shorts)
{
	int i;

	for (i = 0; i < nr; i++) {
		longs[i] = (struct option) {
			.name = opts[i].name,
			.has_arg = opts[i].parse ? required_argument : no_argument,
			.val = option_value(opts, i),
		};
		if (!opts[i].letter)
			continue;
		*shorts++ = opts[i].letter;
		if (opts[i].parse)
			*shorts++ = ':';
	}
	longs[i++] = (struct option) { .name = "help", .val = 'h' };
	longs[i] = (struct option) { 0 };
	strcpy(shorts, "h");
}

/* Takes the options in their order; ends at the first that is not valid. */
enum opts_end read_options(int argc, char **argv, const struct opt *opts, int nr,
			   const struct opt **wrong)
{
	struct option longs[MAX_OPTS + 2];
	char shorts[2 * MAX_OPTS + 2];
	int c, i;

	if (nr > MAX_OPTS)
		abort();
	make_tables(opts, nr, longs, shorts);
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == 'h')
			return OPTS_HELP;
		for (i = 0; i < nr && c != option_value(opts, i); i++)
			;
		if (i == nr)
			return OPTS_UNKNOWN;
		if (!opts[i].parse) {
			*(bool *)opts[i].value = true;
		} else if (!opts[i].parse(optarg, opts[i].value)) {
			*wrong = &opts[i];
			return OPTS_WRONG;
		}
	}
	return OPTS_DONE;
}

/* For options that take any text. */
bool parse_text(const char *text, void *value)
{
	*(const char **)value = text;
	return true;
}
