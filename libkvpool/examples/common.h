/* SPDX-License-Identifier: MIT */
/* Functions that the example programs share. */
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

/* common.c */
extern const char *progname;

void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(int code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));
void *xcalloc(size_t nr, size_t size);
void *xgrow(void *array, size_t *room, size_t need, size_t size);
uint64_t now_ns(void);
const char *size_text(uint64_t bytes, char *buf, size_t len);

/* common-options.c */
struct number {			/* of an option */
	uint64_t value;		/* the default, until the option sets it */
	uint64_t min;
	uint64_t max;
};

bool parse_number(const char *text, void *value);
bool parse_bytes(const char *text, void *value);
int take_options(int argc, char **argv, void (*usage)(FILE *to), const struct opt *opts, int nr);

/* common-trace.c: a trace in JSON lines, one request a line. */
struct request {
	uint64_t first_id;	/* index in trace.ids */
	uint32_t nr_ids;
	uint32_t input_length;	/* tokens */
};

struct trace {
	struct request *requests;
	size_t nr_requests;
	size_t room_requests;
	uint64_t *ids;
	size_t nr_ids;
	size_t room_ids;
	uint32_t longest;	/* most ids in one request */
};

void trace_read(struct trace *trace, const char *path, size_t limit);
void trace_free(struct trace *trace);

/* common-hist.c: latencies, with an error of at most 1/32 of the value. */
#define HIST_SUB	32
#define HIST_BUCKETS	(60 * HIST_SUB)

struct hist {
	uint64_t count;
	uint64_t max;
	uint64_t sum;
	uint32_t bucket[HIST_BUCKETS];
};

void hist_add(struct hist *hist, uint64_t ns);
void hist_merge(struct hist *to, const struct hist *from);
uint64_t hist_percentile(const struct hist *hist, double percent);

/* common-pattern.c: the bytes of a block, made from its key. */
struct pattern {
	uint64_t next;
	uint64_t step;
};

#define PATTERN_OK	UINT64_MAX

void pattern_begin(struct pattern *pattern, const uint8_t *key);
void pattern_fill(struct pattern *pattern, void *to, uint64_t len);
uint64_t pattern_verify(struct pattern *pattern, const void *from, uint64_t len);
uint8_t pattern_byte(const uint8_t *key, uint64_t offset);

#endif /* KVPOOL_EXAMPLES_COMMON_H */
