// SPDX-License-Identifier: MIT
/* The options of all commands. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "kvpoolctl.h"

#define MAX_OPTS	8
#define LONG_ONLY	256	/* above every letter */

static int option_value(const struct opt *opts, int i)
{
	return opts[i].letter ?: LONG_ONLY + i;
}

/* What getopt_long() takes: the options of a command, and those of all. */
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
	longs[i++] = (struct option) { .name = "json", .val = 'j' };
	longs[i++] = (struct option) { .name = "help", .val = 'h' };
	longs[i] = (struct option) { 0 };
	strcpy(shorts, "jh");
}

/*
 * Takes the options out of @args, which has what is left of the arguments
 * afterwards. EX_GO_ON, or the exit code with which the command ends.
 */
int parse_options(struct args *args, void (*usage)(FILE *to), const struct opt *opts, int nr)
{
	struct option longs[MAX_OPTS + 3];
	char shorts[2 * MAX_OPTS + 3];
	int c, i;

	if (nr > MAX_OPTS)
		abort();
	make_tables(opts, nr, longs, shorts);
	while ((c = getopt_long(args->argc, args->argv, shorts, longs, NULL)) != -1) {
		if (c == 'j') {
			args->json = true;
			continue;
		}
		if (c == 'h') {
			usage(stdout);
			return EX_OK;
		}
		for (i = 0; i < nr && c != option_value(opts, i); i++)
			;
		if (i == nr)
			return EX_BAD_USAGE;	/* getopt has said why */
		if (!opts[i].parse)
			*(bool *)opts[i].value = true;
		else if (!opts[i].parse(optarg, opts[i].value))
			return usage_error(args->command, "--%s: '%s' is not %s", opts[i].name,
					   optarg, opts[i].what);
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

/* For options that take any text. */
bool parse_text(const char *text, void *value)
{
	*(const char **)value = text;
	return true;
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
