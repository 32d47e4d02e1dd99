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
	const char *what;	/* describes its text: "a size" */
};

enum opts_end {
	OPTS_DONE,		/* arguments begin at optind */
	OPTS_HELP,		/* --help was given */
	OPTS_UNKNOWN,		/* getopt has printed why */
	OPTS_WRONG,		/* optarg is not valid for an option */
};

enum opts_end read_options(int argc, char **argv, const struct opt *opts, int nr,
			   const struct opt **wrong);
bool parse_text(const char *text, void *value);

/* text.c */
bool parse_u64(const char *text, uint64_t *value);
bool parse_size(const char *text, uint64_t *value);
const char *format_size(uint64_t bytes, int decimals, char *buf, size_t len);

/* file.c: files of one value. */
int file_read(const char *path, char *value, size_t len);
int file_write(const char *path, const char *value);

#endif /* KVPOOL_SHARED_H */
