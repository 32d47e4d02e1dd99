// SPDX-License-Identifier: MIT
/* The options of all commands. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "kvpoolctl.h"

/*
 * Takes the options out of @args, which has what is left of the arguments
 * afterwards. EX_GO_ON, or the exit code with which the command ends.
 */
int parse_options(struct args *args, void (*usage)(FILE *to), const struct opt *opts, int nr)
{
	struct opt all[MAX_OPTS];
	const struct opt *wrong;
	int i;

	if (nr >= MAX_OPTS)
		abort();
	for (i = 0; i < nr; i++)
		all[i] = opts[i];
	all[nr] = (struct opt) { 'j', "json", NULL, &args->json, NULL };
	switch (read_options(args->argc, args->argv, all, nr + 1, &wrong)) {
	case OPTS_HELP:
		usage(stdout);
		return EX_OK;
	case OPTS_UNKNOWN:
		return EX_BAD_USAGE;
	case OPTS_WRONG:
		return usage_error(args->command, "--%s: '%s' is not %s", wrong->name, optarg,
				   wrong->what);
	case OPTS_DONE:
		break;
	}
	args->argc -= optind;
	args->argv += optind;
	return EX_GO_ON;
}

/* Takes the verb, the first argument; @usual if there is none. */
const char *take_verb(struct args *args, const char *usual)
{
	if (!args->argc)
		return usual;
	args->argc--;
	return *args->argv++;
}

bool parse_count(const char *text, void *value)
{
	return parse_u64(text, value) && *(uint64_t *)value;
}

bool parse_number(const char *text, void *value)
{
	return parse_u64(text, value);
}

bool parse_bool(const char *text, void *value)
{
	bool yes = !strcmp(text, "yes") || !strcmp(text, "1") || !strcmp(text, "on");

	*(enum answer *)value = yes ? ANSWER_YES : ANSWER_NO;
	return yes || !strcmp(text, "no") || !strcmp(text, "0") || !strcmp(text, "off");
}
