// SPDX-License-Identifier: MIT
/* The options of the example programs; a wrong option ends the program. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common-options.h"

/* @value is a struct number. */
bool parse_number(const char *text, void *value)
{
	struct number *number = value;

	return parse_u64(text, &number->value) && number->value >= number->min &&
	       number->value <= number->max;
}

/* @value is a uint64_t. */
bool parse_bytes(const char *text, void *value)
{
	return parse_size(text, value);
}

static void __attribute__((noreturn)) wrong_value(const struct opt *opt)
{
	const struct number *number = opt->value;

	if (opt->parse == parse_number)
		die(EX_BAD_USAGE,
		    "--%s: '%s' is not a number from %" PRIu64 " to %" PRIu64,
		    opt->name, optarg, number->min, number->max);
	die(EX_BAD_USAGE,
	    "--%s: '%s' is not a size; give bytes, or a number with K, M, G or T (powers of 1024)",
	    opt->name, optarg);
}

/* Returns where in @argv the arguments begin. */
int take_options(int argc, char **argv, void (*usage)(FILE *to), const struct opt *opts, int nr)
{
	const struct opt *wrong;

	switch (read_options(argc, argv, opts, nr, &wrong)) {
	case OPTS_HELP:
		usage(stdout);
		exit(EX_OK);
	case OPTS_UNKNOWN:
		usage(stderr);
		exit(EX_BAD_USAGE);
	case OPTS_WRONG:
		wrong_value(wrong);
	case OPTS_DONE:
		break;
	}
	return optind;
}
