/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_NAMES_H
#define KVPOOLCTL_NAMES_H

#include "error.h"

/**
 * struct names - Names of the objects that exist, for a hint
 * @text:	"a, b"; more than fit end in "...".
 * @nr:		Number of names.
 */
struct names {
	char text[256];
	int nr;
};

void names_add(struct names *names, const char *name);
enum code names_missing(const struct names *names, const char *noun, const char *name);

#endif /* KVPOOLCTL_NAMES_H */
