// SPDX-License-Identifier: MIT
/* Messages, numbers and memory for kvpoolctl. */
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

const char *size_text(uint64_t bytes, char *buf, size_t len)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = (double)bytes;
	unsigned int unit = 0;

	while (value >= 1024 && unit < 5) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, len, value == (double)(uint64_t)value ? "%.0f %s" : "%.1f %s",
		 value, units[unit]);
	return buf;
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
