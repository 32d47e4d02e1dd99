// SPDX-License-Identifier: MIT
/*
 * Reads a request trace: JSON lines such as
 * {"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]}
 * Only input_length and hash_ids matter here. Other members are skipped, so
 * that traces with more of them can be read.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "common-trace.h"

struct reader {
	const char *path;
	size_t line;
	const char *at;
};

static void bad(const struct reader *reader, const char *what)
{
	die(EX_BAD_INPUT, "%s:%zu: %s; a trace has one request a line, such as "
	    "{\"input_length\": 600, \"hash_ids\": [0, 1]}",
	    reader->path, reader->line, what);
}

static void skip_space(struct reader *reader)
{
	while (isspace((unsigned char)*reader->at))
		reader->at++;
}

static bool take(struct reader *reader, char c)
{
	skip_space(reader);
	if (*reader->at != c)
		return false;
	reader->at++;
	return true;
}

static uint64_t take_number(struct reader *reader, const char *what)
{
	uint64_t value;
	char *end;

	skip_space(reader);
	if (!isdigit((unsigned char)*reader->at))
		bad(reader, what);
	errno = 0;
	value = strtoull(reader->at, &end, 10);
	if (errno)
		bad(reader, what);
	reader->at = end;
	return value;
}

/* Skips a string, whose opening quote has been read. */
static void skip_string(struct reader *reader)
{
	for (; *reader->at != '"'; reader->at++) {
		if (*reader->at == '\\')
			reader->at++;
		if (!*reader->at)
			bad(reader, "a string does not end");
	}
	reader->at++;
}

/* Skips a value of any type, up to the comma or brace behind it. */
static void skip_value(struct reader *reader)
{
	unsigned int depth = 0;

	for (;; reader->at++) {
		while (*reader->at == '"') {
			reader->at++;
			skip_string(reader);
		}
		if (!*reader->at)
			bad(reader, "the line ends inside of a value");
		if (!depth && (*reader->at == ',' || *reader->at == '}'))
			return;
		if (*reader->at == '[' || *reader->at == '{')
			depth++;
		if ((*reader->at == ']' || *reader->at == '}') && depth)
			depth--;
	}
}

static void read_ids(struct reader *reader, struct trace *trace, struct request *request)
{
	uint64_t id;

	if (!take(reader, '['))
		bad(reader, "hash_ids is not an array");
	if (take(reader, ']'))
		return;
	do {
		id = take_number(reader, "hash_ids has an element that is not a number from 0");
		trace->ids = xgrow(trace->ids, &trace->room_ids, trace->nr_ids + 1,
				   sizeof(*trace->ids));
		trace->ids[trace->nr_ids++] = id;
		request->nr_ids++;
	} while (take(reader, ','));
	if (!take(reader, ']'))
		bad(reader, "hash_ids does not end with ]");
}

static void read_request(struct reader *reader, struct trace *trace)
{
	struct request request = { .first_id = trace->nr_ids };
	bool has_ids = false;
	const char *name;
	size_t len;

	if (!take(reader, '{'))
		bad(reader, "the line does not begin with {");
	do {
		if (!take(reader, '"'))
			bad(reader, "a member has no name");
		name = reader->at;
		skip_string(reader);
		len = (size_t)(reader->at - name) - 1;
		if (!take(reader, ':'))
			bad(reader, "a member has no value");
		skip_space(reader);
		if (len == 8 && !memcmp(name, "hash_ids", 8)) {
			if (has_ids)
				bad(reader, "hash_ids comes twice");
			has_ids = true;
			read_ids(reader, trace, &request);
		} else if (len == 12 && !memcmp(name, "input_length", 12)) {
			request.input_length = (uint32_t)take_number(reader,
						"input_length is not a number from 0");
		} else {
			skip_value(reader);
		}
	} while (take(reader, ','));
	if (!take(reader, '}'))
		bad(reader, "the object does not end with }");
	skip_space(reader);
	if (*reader->at)
		bad(reader, "something follows the object");
	if (!has_ids)
		bad(reader, "hash_ids is missing");

	if (request.nr_ids > trace->longest)
		trace->longest = request.nr_ids;
	trace->requests = xgrow(trace->requests, &trace->room_requests,
				trace->nr_requests + 1, sizeof(*trace->requests));
	trace->requests[trace->nr_requests++] = request;
}

/* Reads at most @limit requests; a bad file ends the program with a message. */
void trace_read(struct trace *trace, const char *path, size_t limit)
{
	struct reader reader = { .path = path };
	bool is_stdin = !strcmp(path, "-");
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	if (!file)
		die(EX_BAD_INPUT, "cannot open the trace %s: %s", path, strerror(errno));
	memset(trace, 0, sizeof(*trace));
	while (trace->nr_requests < limit && getline(&line, &room, file) >= 0) {
		reader.line++;
		reader.at = line;
		skip_space(&reader);
		if (*reader.at)
			read_request(&reader, trace);
	}
	if (ferror(file))
		die(EX_BAD_INPUT, "cannot read the trace %s: %s", path, strerror(errno));
	if (!trace->nr_requests)
		die(EX_BAD_INPUT, "the trace %s has no requests", path);
	free(line);
	if (!is_stdin)
		fclose(file);
}

void trace_free(struct trace *trace)
{
	free(trace->requests);
	free(trace->ids);
	memset(trace, 0, sizeof(*trace));
}
