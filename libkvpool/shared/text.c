// SPDX-License-Identifier: MIT
/* Numbers and sizes, from text and to it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared.h"

bool parse_u64(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

/* Bytes, or a number with K, M, G or T (powers of 1024). */
bool parse_size(const char *text, uint64_t *value)
{
	static const char suffixes[] = "KMGT";
	const char *found;
	char *end;
	int shift = 0;

	errno = 0;
	*value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || errno)
		return false;
	if (*end) {
		found = strchr(suffixes, *end >= 'a' ? *end - 'a' + 'A' : *end);
		if (!found)
			return false;
		shift = 10 * (int)(found - suffixes + 1);
		end++;
		if (!strcmp(end, "iB") || !strcmp(end, "B"))
			end += strlen(end);
	}
	if (*end || *value > UINT64_MAX >> shift)
		return false;
	*value <<= shift;
	return true;
}

/* With @decimals digits behind the point, or none if the number is exact. */
const char *format_size(uint64_t bytes, int decimals, char *buf, size_t len)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = (double)bytes;
	unsigned int unit = 0;

	while (value >= 1024 && unit < 5) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, len, "%.*f %s", value == (double)(uint64_t)value ? 0 : decimals, value,
		 units[unit]);
	return buf;
}
