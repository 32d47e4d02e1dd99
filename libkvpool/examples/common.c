// SPDX-License-Identifier: MIT
/* Messages, memory and time for the example programs. */
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include "common.h"

const char *progname = "kvpool";

static void print_message(const char *fmt, va_list args)
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
	print_message(fmt, args);
	va_end(args);
}

void die(int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_message(fmt, args);
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

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

const char *size_text(uint64_t bytes, char *buf, size_t len)
{
	return format_size(bytes, 2, buf, len);
}
