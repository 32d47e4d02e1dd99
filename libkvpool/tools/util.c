// SPDX-License-Identifier: MIT
/* Messages and memory for kvpoolctl. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "kvpoolctl.h"

void complain(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("kvpoolctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

/* Says what is wrong with the command line. */
int usage_error(const char *command, const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "kvpoolctl %s: ", command);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "; see kvpoolctl %s --help\n", command);
	return EX_BAD_USAGE;
}

void *xrealloc(void *memory, size_t nr, size_t size)
{
	memory = reallocarray(memory, nr ? nr : 1, size);
	if (!memory) {
		complain("no memory for %zu times %zu bytes", nr, size);
		exit(EX_FAILED);
	}
	return memory;
}

const char *size_text(uint64_t bytes, char *buf, size_t len)
{
	return format_size(bytes, 1, buf, len);
}

/* What was printed must have arrived; a full disk is an error. */
int finish_stdout(int code)
{
	if ((fflush(stdout) || ferror(stdout)) && code == EX_OK) {
		complain("cannot write the output: %s", strerror(errno));
		return EX_FAILED;
	}
	return code;
}
