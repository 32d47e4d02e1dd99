/* SPDX-License-Identifier: MIT */
/* The options of the example programs. */
#ifndef KVPOOL_EXAMPLES_COMMON_OPTIONS_H
#define KVPOOL_EXAMPLES_COMMON_OPTIONS_H

#include "common.h"

/* An option that is a number: the value of struct opt points to it. */
struct number {
	uint64_t value;		/* the default, until the option sets it */
	uint64_t min;
	uint64_t max;
};

/**
 * parse_number() - Parse an option for struct opt
 * @text:  The text.
 * @value: A struct number.
 *
 * Return: whether the text is a number in its range.
 */
bool parse_number(const char *text, void *value);

/**
 * parse_bytes() - Parse an option for struct opt
 * @text:  The text: bytes, or a number with K, M, G or T.
 * @value: A uint64_t for the number of bytes.
 *
 * Return: whether the text is a size.
 */
bool parse_bytes(const char *text, void *value);

/**
 * take_options() - Read the options of a program
 * @argc:  Number of arguments.
 * @argv:  The arguments.
 * @usage: Prints the help.
 * @opts:  The options.
 * @nr:	   Their number.
 *
 * --help and a wrong option end the program.
 *
 * Return: where in @argv the arguments that are no options begin.
 */
int take_options(int argc, char **argv, void (*usage)(FILE *to), const struct opt *opts, int nr);

#endif /* KVPOOL_EXAMPLES_COMMON_OPTIONS_H */
