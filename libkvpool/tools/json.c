// SPDX-License-Identifier: MIT
/* Writes JSON to the standard output, with the commas in the right places. */
#include <inttypes.h>
#include <string.h>

#include "kvpoolctl.h"

static bool first = true;	/* nothing stands in this object or array yet */

static void quoted(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void begin_value(const char *name)
{
	if (!first)
		putchar(',');
	first = false;
	if (name) {
		quoted(name);
		putchar(':');
	}
}

void json_begin(const char *name, char bracket)
{
	begin_value(name);
	putchar(bracket);
	first = true;
}

void json_end(char bracket)
{
	putchar(bracket);
	first = false;
}

void json_text(const char *name, const char *value)
{
	begin_value(name);
	quoted(value);
}

void json_number(const char *name, uint64_t value)
{
	begin_value(name);
	printf("%" PRIu64, value);
}

void json_real(const char *name, double value)
{
	begin_value(name);
	printf("%.6g", value);
}

void json_bool(const char *name, bool value)
{
	begin_value(name);
	fputs(value ? "true" : "false", stdout);
}

/* A number if it looks like one that JSON knows, a string otherwise. */
void json_value(const char *name, const char *value)
{
	const char *digits = value + (*value == '-');
	size_t nr = strspn(digits, "0123456789");

	if (!nr || nr > 20 || digits[nr] || (*digits == '0' && nr > 1)) {
		json_text(name, value);
		return;
	}
	begin_value(name);
	fputs(value, stdout);
}

void json_done(void)
{
	putchar('\n');
	first = true;
}
