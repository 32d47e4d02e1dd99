// SPDX-License-Identifier: LGPL-2.1-or-later
/* Structures of options, of programs that are older or newer than the library. */

#include "options.h"
#include "error.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

int kvp_options(void *to, size_t known, size_t first, const void *from, const char *call)
{
	const unsigned char *bytes = from;
	uint32_t size;
	size_t i;

	memset(to, 0, known);
	if (!from)
		return 0;
	memcpy(&size, from, sizeof(size));
	if (size < first)
		return kvp_fail(-EINVAL, "%s: the options say that their size is %u bytes, it is at least %zu; set size to sizeof(options)",
				call, size, first);
	for (i = known; i < size; i++)
		if (bytes[i])
			return kvp_fail(-E2BIG, "%s: the options ask for something that this library does not know; install a newer libkvpool",
					call);
	memcpy(to, from, size < known ? size : known);
	return 0;
}
