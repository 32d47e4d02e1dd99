// SPDX-License-Identifier: MIT
/*
 * Documents on stdout: as JSON, or for people with one member a line. Members of
 * objects have names; elements of arrays have a null pointer as their name.
 *
 * JSON documents are one line each and begin with the version of their schema.
 */
#include "out.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/shared.h"
#include "utf8.h"

#define MAX_DEPTH	8
#define NAME_WIDTH	22

static bool json;
static int depth;		/* brackets that are open; 0 before a document */
static bool first;		/* nothing stands in the innermost bracket yet */
static bool records;		/* an object of an array was printed for people */
static bool finished;		/* at least one document is complete */
static struct {
	char close;		/* the bracket that ends it */
	const char *name;
} brackets[MAX_DEPTH];

/**
 * out_use_json - Print JSON from now on
 */
void out_use_json(void)
{
	json = true;
}

/**
 * out_is_json - Whether documents are JSON
 *
 * Return: true after out_use_json().
 */
bool out_is_json(void)
{
	return json;
}

/* The code of a control character or of a line separator; 0 for other characters. */
static unsigned int must_escape(const char *text, int length)
{
	const unsigned char *c = (const unsigned char *)text;

	if (length == 1 && (c[0] < 0x20 || c[0] == 0x7f))
		return c[0];
	if (length == 2 && c[0] == 0xc2 && c[1] < 0xa0)
		return c[1];
	if (length == 3 && !memcmp(text, "\xe2\x80\xa8", 3))
		return 0x2028;
	if (length == 3 && !memcmp(text, "\xe2\x80\xa9", 3))
		return 0x2029;
	return 0;
}

static void quote(const char *text)
{
	unsigned int escaped;
	int length;

	putchar('"');
	for (; *text; text += length) {
		length = utf8_length(text);
		escaped = must_escape(text, length);
		if (!length) {
			fputs("\\ufffd", stdout);
			length = 1;
		} else if (escaped) {
			printf("\\u%04x", escaped);
		} else if (*text == '"' || *text == '\\') {
			printf("\\%c", *text);
		} else {
			fwrite(text, 1, (size_t)length, stdout);
		}
	}
	putchar('"');
}

static void push(const char *name, char close)
{
	if (depth == MAX_DEPTH)
		abort();
	brackets[depth].name = name;
	brackets[depth].close = close;
	depth++;
	first = true;
}

static void begin_document(void)
{
	if (depth)
		return;
	if (json)
		putchar('{');
	push(NULL, '}');
	if (json)
		out_number("schema_version", OUT_SCHEMA_VERSION);
}

/* The name of a value for people, with those of the objects around it: "closed.auth". */
static void print_label(const char *name)
{
	int i, used = 0;

	/* The document and the array of its objects are left out. */
	for (i = 2; i < depth; i++)
		if (brackets[i].name)
			used += printf("%s%s", used ? "." : "", brackets[i].name);
	if (name)
		used += printf("%s%s", used ? "." : "", name);
	printf("%*s ", used < NAME_WIDTH ? NAME_WIDTH - used : 0, "");
}

/* Whether the innermost bracket is an array of plain values, a single line for people. */
static bool is_plain_array(void)
{
	return depth > 2 && brackets[depth - 1].close == ']';
}

static void begin_value(const char *name)
{
	begin_document();
	if (!json) {
		if (!is_plain_array())
			print_label(name);
		else if (first)
			print_label(NULL);
		else
			putchar(' ');
	} else {
		if (!first)
			putchar(',');
		if (name) {
			quote(name);
			putchar(':');
		}
	}
	first = false;
}

static void end_value(void)
{
	if (!json && !is_plain_array())
		putchar('\n');
}

static void begin_bracket(const char *name, char bracket)
{
	if (json) {
		begin_value(name);
		putchar(bracket);
	} else {
		begin_document();
		if (bracket == '{' && depth == 2) {
			if (records)
				putchar('\n');
			records = true;
		}
	}
	push(name, bracket == '{' ? '}' : ']');
}

/**
 * out_object - Begin an object
 * @name:	Of the member; must live until out_end().
 */
void out_object(const char *name)
{
	begin_bracket(name, '{');
}

/**
 * out_array - Begin an array
 * @name:	Of the member; must live until out_end().
 */
void out_array(const char *name)
{
	begin_bracket(name, '[');
}

/**
 * out_end - End the object or the array that was begun last
 */
void out_end(void)
{
	if (json)
		putchar(brackets[depth - 1].close);
	else if (is_plain_array() && !first)
		putchar('\n');
	depth--;
	first = false;
}

/**
 * out_text - A member that is text
 * @name:	Its name.
 * @value:	Any bytes; those that are not UTF-8 become U+FFFD in JSON.
 */
void out_text(const char *name, const char *value)
{
	begin_value(name);
	if (json)
		quote(value);
	else
		utf8_print(stdout, value);
	end_value();
}

static bool is_size(const char *name)
{
	size_t nr = name ? strlen(name) : 0;

	return nr > 6 && !strcmp(name + nr - 6, "_bytes");
}

/**
 * out_number - A member that is a whole number
 * @name:	Its name, with the unit as its end.
 * @value:	In that unit.
 */
void out_number(const char *name, uint64_t value)
{
	char text[32];

	begin_value(name);
	printf("%" PRIu64, value);
	if (!json && value >= 1024 && is_size(name))
		printf(" (%s)", format_size(value, 1, text, sizeof(text)));
	end_value();
}

/**
 * out_real - A member that is a real number
 * @name:	Its name, with the unit as its end.
 * @value:	In that unit; not finite is null.
 */
void out_real(const char *name, double value)
{
	begin_value(name);
	if (isfinite(value))
		printf("%.*g", value >= 1e9 ? 15 : 9, value);
	else
		fputs("null", stdout);
	end_value();
}

/**
 * out_bool - A member that is true or false
 * @name:	Its name.
 * @value:	Its value.
 */
void out_bool(const char *name, bool value)
{
	begin_value(name);
	if (json)
		fputs(value ? "true" : "false", stdout);
	else
		fputs(value ? "yes" : "no", stdout);
	end_value();
}

/**
 * out_value - A member that is a number if its text is a decimal number
 * @name:	Its name.
 * @value:	Content of a file of sysfs.
 */
void out_value(const char *name, const char *value)
{
	uint64_t number;

	/* JSON knows no leading zeros. */
	if (parse_u64(value, &number) && (*value != '0' || !value[1]))
		out_number(name, number);
	else
		out_text(name, value);
}

/**
 * out_rewind - Close all brackets of a document but its own
 *
 * Values that follow are members of the document. A document is begun if none is.
 */
void out_rewind(void)
{
	begin_document();
	while (depth > 1)
		out_end();
}

/**
 * out_finish - End the document
 *
 * Its end is the end of a line in JSON. An empty document is printed if none was
 * begun.
 */
void out_finish(void)
{
	if (json) {
		out_rewind();
		puts("}");
	}
	depth = 0;
	first = false;
	records = false;
	finished = true;
}

/**
 * out_done - End the output of a command that succeeded
 *
 * Ends the document that is begun. In JSON a command that printed nothing gets
 * an empty document.
 */
void out_done(void)
{
	if (depth || (json && !finished))
		out_finish();
}
