/* SPDX-License-Identifier: MIT */
/* Functions that kvpoolctl and the example programs share. */
#ifndef KVPOOL_SHARED_H
#define KVPOOL_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a)	((int)(sizeof(a) / sizeof((a)[0])))

/* options.c: --help is always known and not in the table. */
#define MAX_OPTS	16

struct opt {
	char letter;		/* or 0 */
	const char *name;
	bool (*parse)(const char *text, void *value);	/* null: a flag, @value is a bool */
	void *value;
	const char *what;	/* describes the text, such as "a size" */
};

enum opts_end {
	OPTS_DONE,		/* arguments begin at optind */
	OPTS_HELP,		/* --help was given */
	OPTS_UNKNOWN,		/* getopt has printed why */
	OPTS_WRONG,		/* optarg is not valid for an option */
};

/**
 * read_options() - Read options, as getopt_long() does
 * @argc:  Number of arguments.
 * @argv:  The arguments.
 * @opts:  The options.
 * @nr:	   Their number, up to MAX_OPTS.
 * @wrong: Where to store the option whose text is not valid, for OPTS_WRONG.
 *
 * Return: why reading ended; optind and optarg are getopt's.
 */
enum opts_end read_options(int argc, char **argv, const struct opt *opts, int nr,
			   const struct opt **wrong);

/**
 * parse_text() - Take any text for struct opt
 * @text:  The text, which is not copied.
 * @value: A const char *.
 *
 * Return: true.
 */
bool parse_text(const char *text, void *value);

/* text.c: numbers and sizes. */

/**
 * parse_u64() - Parse a decimal number
 * @text:  The text, digits only.
 * @value: Where to store the number.
 *
 * Return: whether it is a number that fits.
 */
bool parse_u64(const char *text, uint64_t *value);

/**
 * parse_size() - Parse a number of bytes
 * @text:  Bytes, or a number with K, M, G or T (powers of 1024).
 * @value: Where to store the bytes.
 *
 * Return: whether it is a size that fits.
 */
bool parse_size(const char *text, uint64_t *value);

/**
 * format_size() - A number of bytes for people
 * @bytes:    The number.
 * @decimals: Digits behind the point; none if the number is exact.
 * @buf:      Where to store the text.
 * @len:      Room in @buf in bytes.
 *
 * Return: @buf.
 */
const char *format_size(uint64_t bytes, int decimals, char *buf, size_t len);

/* file.c: files of one value. */

/**
 * file_read() - Read the first line of a file
 * @path:  The file.
 * @value: Where to store the line, without its end.
 * @len:   Room in @value in bytes.
 *
 * Return: 0 or a negative errno.
 */
int file_read(const char *path, char *value, size_t len);

/**
 * file_write() - Write a value into a file with one system call
 * @path:  The file.
 * @value: The value.
 *
 * Return: 0 or a negative errno, -EIO if a part was written.
 */
int file_write(const char *path, const char *value);

#endif /* KVPOOL_SHARED_H */
