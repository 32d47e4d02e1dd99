/* SPDX-License-Identifier: MIT */
/* A trace in JSON lines, one request per line. */
#ifndef KVPOOL_EXAMPLES_COMMON_TRACE_H
#define KVPOOL_EXAMPLES_COMMON_TRACE_H

#include <stddef.h>
#include <stdint.h>

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

/**
 * trace_read() - Read a trace
 * @trace: Where to store it; to be freed with trace_free().
 * @path:  The file, or "-" for standard input.
 * @limit: Most requests to read.
 *
 * A bad file ends the program with a message.
 */
void trace_read(struct trace *trace, const char *path, size_t limit);

/**
 * trace_free() - Free the arrays of a trace
 * @trace: The trace, which is empty afterwards.
 */
void trace_free(struct trace *trace);

#endif /* KVPOOL_EXAMPLES_COMMON_TRACE_H */
