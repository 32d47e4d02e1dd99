/* SPDX-License-Identifier: MIT */
/* Messages, memory and time for the example programs. */
#ifndef KVPOOL_EXAMPLES_COMMON_H
#define KVPOOL_EXAMPLES_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../shared/shared.h"

/* Exit codes of the example programs; --help lists them. */
enum {
	EX_OK = 0,		/* done, and everything agreed */
	EX_FAILED = 1,		/* a byte or a hit count was wrong */
	EX_BAD_USAGE = 2,	/* the command line is wrong */
	EX_NO_POOL = 3,		/* /dev/kvpool or a knob could not be used */
	EX_BAD_INPUT = 4,	/* a file could not be read or written */
	EX_STOPPED = 130,	/* SIGINT or SIGTERM */
};

/* Begins every message. */
extern const char *progname;

/**
 * complain() - Print a message to standard error
 * @fmt: The message, without a line end.
 */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * die() - Print a message to standard error and end the program
 * @code: EX_*.
 * @fmt:  The message, without a line end.
 */
void die(int code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/**
 * xcalloc() - Allocate zeroed memory, or end the program
 * @nr:	  Number of elements, may be zero.
 * @size: Bytes of each.
 *
 * Return: memory that the caller frees.
 */
void *xcalloc(size_t nr, size_t size);

/**
 * xgrow() - Make room in an array, or end the program
 * @array: The array, or null.
 * @room:  In and out: elements that there is room for. It doubles, so that
 *	   appending is cheap.
 * @need:  Elements to make room for.
 * @size:  Bytes of each.
 *
 * Return: the array, which may have moved and which the caller frees.
 */
void *xgrow(void *array, size_t *room, size_t need, size_t size);

/**
 * now_ns() - The time since an arbitrary point
 *
 * Return: nanoseconds.
 */
uint64_t now_ns(void);

/**
 * size_text() - A number of bytes for people
 * @bytes: The number.
 * @buf:   Where to store the text.
 * @len:   Room in @buf in bytes.
 *
 * Return: @buf.
 */
const char *size_text(uint64_t bytes, char *buf, size_t len);

#endif /* KVPOOL_EXAMPLES_COMMON_H */
