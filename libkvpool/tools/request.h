/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_REQUEST_H
#define KVPOOLCTL_REQUEST_H

#include <stdbool.h>

#include "noun.h"
#include "option.h"

/**
 * struct request - A command line
 * @noun:	Its noun; null for kvpoolctl itself.
 * @verb:	Its verb; null for help and version.
 * @given:	OPTION_BIT() of the options that were given.
 * @values:	Their values.
 * @argc:	Number of operands.
 * @argv:	The operands.
 */
struct request {
	const struct noun *noun;
	const struct verb *verb;
	uint64_t given;
	union option_value values[NR_OPTIONS];
	int argc;
	char **argv;
};

bool request_has(const struct request *request, enum option_id id);
enum code request_parse(struct request *request, int argc, char **argv);
enum code request_wrong(const struct request *request, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* KVPOOLCTL_REQUEST_H */
