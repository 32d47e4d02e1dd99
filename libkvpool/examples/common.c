// SPDX-License-Identifier: MIT
/* Messages, memory and numbers for the example programs. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common.h"

const char *progname = "kvpool";

static void say(const char *fmt, va_list args)
{
	fflush(stdout);
	fprintf(stderr, "%s: ", progname);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

void complain(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

void die(int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	exit(code);
}

void *xcalloc(size_t nr, size_t size)
{
	void *memory = calloc(nr ? nr : 1, size);

	if (!memory)
		die(EX_BAD_INPUT, "no memory for %zu times %zu bytes", nr, size);
	return memory;
}

/* Makes room for @need elements; the room doubles, so that appending is cheap. */
void *xgrow(void *array, size_t *room, size_t need, size_t size)
{
	size_t more = *room ? *room : 64;

	if (need <= *room)
		return array;
	while (more < need)
		more *= 2;
	array = reallocarray(array, more, size);
	if (!array)
		die(EX_BAD_INPUT, "no memory for %zu times %zu bytes", more, size);
	*room = more;
	return array;
}

uint64_t parse_size(const char *option, const char *text)
{
	static const char suffixes[] = "KMGT";
	const char *found;
	uint64_t value;
	char *end;
	int shift = 0;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || errno)
		goto bad;
	if (*end) {
		found = strchr(suffixes, *end >= 'a' ? *end - 'a' + 'A' : *end);
		if (!found)
			goto bad;
		shift = 10 * (int)(found - suffixes + 1);
		end++;
		if (!strcmp(end, "iB") || !strcmp(end, "B"))
			end += strlen(end);
	}
	if (*end || value > UINT64_MAX >> shift)
		goto bad;
	return value << shift;
bad:
	die(EX_BAD_USAGE,
	    "%s: '%s' is not a size; give bytes, or a number with K, M, G or T (powers of 1024)",
	    option, text);
}

uint64_t parse_number(const char *option, const char *text, uint64_t min,
		      uint64_t max)
{
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < min || value > max)
		die(EX_BAD_USAGE,
		    "%s: '%s' is not a number from %" PRIu64 " to %" PRIu64,
		    option, text, min, max);
	return value;
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

const char *size_text(uint64_t bytes, char *buf, size_t len)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	unsigned int unit = 0;

	while (value >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, len, value == (double)(uint64_t)value ? "%.0f %s" : "%.2f %s",
		 value, units[unit]);
	return buf;
}
