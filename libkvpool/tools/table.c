// SPDX-License-Identifier: MIT
/* Tables for people on stdout. */
#include "table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../shared/shared.h"
#include "utf8.h"

/**
 * table_head - Print the titles of the columns
 * @table:	A table at the beginning of a row.
 */
void table_head(struct table *table)
{
	int i;

	for (i = 0; i < table->nr; i++)
		table_text(table, table->columns[i].title);
}

static int width_of(const char *text)
{
	int columns, length;

	for (columns = 0; *text; columns++) {
		length = utf8_length(text);
		text += length ? length : 1;
	}
	return columns;
}

static void pad(int nr)
{
	if (nr > 0)
		printf("%*s", nr, "");
}

/**
 * table_text - Print the next cell; the last cell of a row ends the line
 * @table:	The table.
 * @value:	Any bytes; empty text is shown as "-".
 */
void table_text(struct table *table, const char *value)
{
	int width = table->columns[table->at].width;
	int last = table->at == table->nr - 1;

	if (!*value)
		value = "-";
	if (width > 0)
		pad(width - width_of(value));
	utf8_print(stdout, value);
	if (width < 0 && !last)
		pad(-width - width_of(value));
	putchar(last ? '\n' : ' ');
	table->at = last ? 0 : table->at + 1;
}

/**
 * table_number - Print a cell with a number
 * @table:	The table.
 * @value:	The number.
 */
void table_number(struct table *table, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	table_text(table, text);
}

/**
 * table_size - Print a cell with an amount of memory
 * @table:	The table.
 * @bytes:	The amount.
 */
void table_size(struct table *table, uint64_t bytes)
{
	char text[32];

	table_text(table, format_size(bytes, 1, text, sizeof(text)));
}

/**
 * table_real - Print a cell with a real number
 * @table:	The table.
 * @value:	The number; "-" stands for a number that is not finite.
 * @decimals:	Digits after the point.
 */
void table_real(struct table *table, double value, int decimals)
{
	char text[64] = "";

	if (isfinite(value))
		snprintf(text, sizeof(text), "%.*f", decimals, value);
	table_text(table, text);
}
