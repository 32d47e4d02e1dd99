/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_TABLE_H
#define KVPOOLCTL_TABLE_H

#include <stdint.h>

/**
 * struct column - A column of a table
 * @title:	Its head.
 * @width:	In characters, negative for cells that begin at the left. A longer
 *		value moves the rest of its row to the right.
 */
struct column {
	const char *title;
	int width;
};

/**
 * struct table - Rows for people, cell by cell
 * @columns:	As many as @nr.
 * @nr:		Number of columns.
 * @at:		The column of the next cell.
 */
struct table {
	const struct column *columns;
	int nr;
	int at;
};

#define TABLE(c) { .columns = (c), .nr = (int)(sizeof(c) / sizeof((c)[0])) }

void table_head(struct table *table);
void table_text(struct table *table, const char *value);
void table_number(struct table *table, uint64_t value);
void table_size(struct table *table, uint64_t bytes);
void table_real(struct table *table, double value, int decimals);

#endif /* KVPOOLCTL_TABLE_H */
