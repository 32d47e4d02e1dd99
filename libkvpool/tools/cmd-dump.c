// SPDX-License-Identifier: MIT
/*
 * kvpoolctl block, chunk, context and operation: each reads a file of debugfs. A line
 * of such a file is an object: the values of its members, separated by blanks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/shared.h"
#include "out.h"
#include "request.h"
#include "sysfs.h"
#include "table.h"
#include "tenant.h"

#define MAX_FIELDS	12
#define FILTERS		(OPTION_BIT(OPTION_TENANT) | OPTION_BIT(OPTION_COUNT))

enum kind {
	KIND_TEXT,
	KIND_ESCAPED,	/* text with "\ooo" for blanks and bytes that are not printable */
	KIND_NUMBER,
	KIND_BYTES,
	KIND_BOOL,
	KIND_MS,	/* milliseconds in the file, seconds in JSON */
};

struct field {
	const char *name;	/* in JSON, with the unit as its end */
	struct column column;
	enum kind kind;
};

/**
 * struct dump - A file of debugfs
 * @noun:	The noun that shows it.
 * @file:	Its name.
 * @state:	The number of the field that --state is about.
 * @states:	The values of that field, with a null pointer at the end; null where
 *		the objects have no state.
 * @bytes:	The number of the field that is summed up; 0 for none.
 * @fields:	In their order in a line; the first is the tenant.
 * @nr:		How many fields.
 */
struct dump {
	const struct noun *noun;
	const char *file;
	int state;
	const char * const *states;
	int bytes;
	const struct field *fields;
	int nr;
};

/* The filter of a dump, and the sums over the lines read so far. */
struct view {
	const char *tenant;	/* or null */
	const char *state;	/* or null */
	uint64_t most;
	uint64_t shown;
	uint64_t matching;
	uint64_t bytes;
};

/* Splits a line at blanks, in place. Returns the number of words, which may exceed @max. */
static int split(char *line, char **words, int max)
{
	char *save = NULL;
	char *word;
	int nr = 0;

	for (word = strtok_r(line, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		if (nr < max)
			words[nr] = word;
		nr++;
	}
	return nr;
}

static bool is_octal(const char *text)
{
	int i;

	for (i = 0; i < 3; i++)
		if (text[i] < '0' || text[i] > '7')
			return false;
	return text[0] < '4';
}

static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (*text == '\\' && is_octal(text + 1)) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
				       (text[3] - '0'));
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* Unescapes the words of a line and reads its numbers; false if a number is malformed. */
static bool convert(const struct dump *dump, char **words, uint64_t *numbers)
{
	int i;

	for (i = 0; i < dump->nr; i++) {
		numbers[i] = 0;
		if (dump->fields[i].kind == KIND_ESCAPED)
			unescape(words[i]);
		else if (dump->fields[i].kind != KIND_TEXT && !parse_u64(words[i], &numbers[i]))
			return false;
	}
	return true;
}

static void show_object(const struct dump *dump, char **words, const uint64_t *numbers)
{
	int i;

	out_object(NULL);
	for (i = 0; i < dump->nr; i++) {
		const struct field *field = &dump->fields[i];

		switch (field->kind) {
		case KIND_TEXT:
		case KIND_ESCAPED:
			out_text(field->name, words[i]);
			break;
		case KIND_NUMBER:
		case KIND_BYTES:
			out_number(field->name, numbers[i]);
			break;
		case KIND_BOOL:
			out_bool(field->name, numbers[i]);
			break;
		case KIND_MS:
			out_real(field->name, (double)numbers[i] / 1000);
			break;
		}
	}
	out_end();
}

static void print_row(struct table *table, const struct dump *dump, char **words,
		      const uint64_t *numbers)
{
	int i;

	for (i = 0; i < dump->nr; i++) {
		switch (dump->fields[i].kind) {
		case KIND_TEXT:
		case KIND_ESCAPED:
			table_text(table, words[i]);
			break;
		case KIND_NUMBER:
			table_number(table, numbers[i]);
			break;
		case KIND_BYTES:
			table_size(table, numbers[i]);
			break;
		case KIND_BOOL:
			table_text(table, numbers[i] ? "yes" : "no");
			break;
		case KIND_MS:
			table_real(table, (double)numbers[i] / 1000, 3);
			break;
		}
	}
}

static enum code read_lines(FILE *file, const struct dump *dump, struct view *view,
			    struct table *table)
{
	uint64_t numbers[MAX_FIELDS];
	char *words[MAX_FIELDS];
	enum code code = CODE_OK;
	char *line = NULL;
	size_t room = 0;

	while (!code && getline(&line, &room, file) >= 0) {
		if (*line == '#')
			continue;
		if (split(line, words, dump->nr) != dump->nr || !convert(dump, words, numbers)) {
			code = error_set(CODE_FAILED,
					 "'%s' of debugfs has a line that kvpoolctl does not understand",
					 dump->file);
			error_hint("use the kvpoolctl that belongs to the module");
			break;
		}
		if ((view->tenant && strcmp(words[0], view->tenant)) ||
		    (view->state && strcmp(words[dump->state], view->state)))
			continue;
		view->matching++;
		view->bytes += numbers[dump->bytes];
		if (view->shown == view->most)
			continue;
		view->shown++;
		if (out_is_json())
			show_object(dump, words, numbers);
		else
			print_row(table, dump, words, numbers);
	}
	if (!code && ferror(file))
		code = error_set(CODE_FAILED, "cannot read '%s' of debugfs: %s", dump->file,
				 strerror(errno));
	free(line);
	return code;
}

static enum code show_lines(FILE *file, const struct dump *dump, struct view *view)
{
	struct column columns[MAX_FIELDS];
	struct table table = { .columns = columns, .nr = dump->nr };
	enum code code;
	char size[32];
	int i;

	for (i = 0; i < dump->nr; i++)
		columns[i] = dump->fields[i].column;
	if (out_is_json())
		out_array(dump->noun->plural);
	else
		table_head(&table);
	code = read_lines(file, dump, view, &table);
	if (code)
		return code;
	if (!out_is_json()) {
		printf("%" PRIu64 " %s", view->matching, dump->noun->plural);
		if (dump->bytes)
			printf(", %s", format_size(view->bytes, 1, size, sizeof(size)));
		printf("%s\n", view->shown < view->matching ? "; not all are shown" : "");
		return CODE_OK;
	}
	out_end();
	out_number("shown", view->shown);
	out_number("matching", view->matching);
	if (dump->bytes)
		out_number("matching_bytes", view->bytes);
	return CODE_OK;
}

static enum code check_state(const struct request *request, const struct dump *dump,
			     const char *state)
{
	const char * const *known;

	for (known = dump->states; *known; known++)
		if (!strcmp(*known, state))
			return CODE_OK;
	return request_wrong(request, "'%s' is not a state of a %s", state, dump->noun->name);
}

static enum code show(struct request *request, const struct dump *dump)
{
	struct view view = { .most = UINT64_MAX };
	struct tenant tenant;
	enum code code;
	FILE *file;

	if (request_has(request, OPTION_COUNT))
		view.most = request->values[OPTION_COUNT].number;
	if (request_has(request, OPTION_TENANT))
		view.tenant = request->values[OPTION_TENANT].text;
	if (request_has(request, OPTION_STATE)) {
		view.state = request->values[OPTION_STATE].text;
		code = check_state(request, dump, view.state);
		if (code)
			return code;
	}
	code = sysfs_present();
	if (!code && view.tenant)
		code = tenant_read(view.tenant, &tenant);
	if (code)
		return code;
	file = debugfs_open(dump->file, &code);
	if (!file)
		return code;
	code = show_lines(file, dump, &view);
	fclose(file);
	return code;
}

/* ------------------------------------------------------------------------ */
/* Blocks                                                                   */
/* ------------------------------------------------------------------------ */

static enum code show_blocks(struct request *request)
{
	static const struct field fields[] = {
		{ "tenant", { "TENANT", -16 }, KIND_TEXT },
		{ "key", { "KEY", -64 }, KIND_TEXT },
		{ "state", { "STATE", -9 }, KIND_TEXT },
		{ "length_bytes", { "LENGTH", 11 }, KIND_BYTES },
		{ "extents", { "EXTENTS", 7 }, KIND_NUMBER },
		{ "refs", { "REFS", 5 }, KIND_NUMBER },
		{ "pin", { "PIN", -4 }, KIND_TEXT },
	};
	static const char * const states[] = {
		"reserved", "sealed", "preempted", "dead", NULL
	};
	static const struct dump dump = {
		.noun = &noun_block, .file = "blocks", .state = 2, .states = states, .bytes = 3,
		.fields = fields, .nr = ARRAY_SIZE(fields),
	};

	return show(request, &dump);
}

const struct noun noun_block = {
	.name = "block",
	.plural = "blocks",
	.summary = "the blocks in the pool",
	.verbs = {
		{ "show", "", 0, 0, FILTERS | OPTION_BIT(OPTION_STATE), 0, show_blocks,
		  "all blocks; a pool of a million blocks is a million lines" },
	},
	.notes =
"STATE is reserved, sealed, preempted or dead. Sums count all blocks that match,\n"
"also with --count. Takes root and debugfs.\n",
};

/* ------------------------------------------------------------------------ */
/* Chunks                                                                   */
/* ------------------------------------------------------------------------ */

static enum code show_chunks(struct request *request)
{
	static const struct field fields[] = {
		{ "tenant", { "TENANT", -16 }, KIND_TEXT },
		{ "chunk", { "CHUNK", 8 }, KIND_NUMBER },
		{ "node", { "NODE", 4 }, KIND_NUMBER },
		{ "used_pages", { "USED PAGES", 10 }, KIND_NUMBER },
		{ "longest_run_pages", { "LONGEST RUN", 11 }, KIND_NUMBER },
		{ "pins", { "PINS", 6 }, KIND_NUMBER },
	};
	static const struct dump dump = {
		.noun = &noun_chunk, .file = "chunks", .fields = fields,
		.nr = ARRAY_SIZE(fields),
	};

	return show(request, &dump);
}

const struct noun noun_chunk = {
	.name = "chunk",
	.plural = "chunks",
	.summary = "the memory that tenants hold, by 2 MiB",
	.verbs = {
		{ "show", "", 0, 0, FILTERS, 0, show_chunks, "all chunks" },
	},
	.notes =
"Pages are of 4 KiB. LONGEST RUN is the longest free run of pages, PINS how often\n"
"pages are pinned by devices. Takes root and debugfs.\n",
};

/* ------------------------------------------------------------------------ */
/* Contexts                                                                 */
/* ------------------------------------------------------------------------ */

static enum code show_contexts(struct request *request)
{
	static const struct field fields[] = {
		{ "tenant", { "TENANT", -16 }, KIND_TEXT },
		{ "context", { "CONTEXT", 8 }, KIND_NUMBER },
		{ "pid", { "PID", 8 }, KIND_NUMBER },
		{ "comm", { "COMMAND", -16 }, KIND_ESCAPED },
		{ "mode", { "MODE", -8 }, KIND_TEXT },
		{ "state", { "STATE", -8 }, KIND_TEXT },
		{ "leases", { "LEASES", 8 }, KIND_NUMBER },
		{ "reservations", { "RESERVATIONS", 12 }, KIND_NUMBER },
		{ "oldest_lease_seconds", { "OLDEST LEASE", 12 }, KIND_MS },
	};
	static const char * const states[] = { "open", "revoked", NULL };
	static const struct dump dump = {
		.noun = &noun_context, .file = "contexts", .state = 5, .states = states,
		.fields = fields, .nr = ARRAY_SIZE(fields),
	};

	return show(request, &dump);
}

static enum code revoke_context(struct request *request)
{
	const char *name = request->argv[0];
	uint64_t id;
	char text[24];
	enum code code;
	int error;

	if (!parse_u64(name, &id) || !id || id > UINT32_MAX)
		return request_wrong(request, "'%s' is not the number of a context", name);
	code = sysfs_present();
	if (code)
		return code;
	snprintf(text, sizeof(text), "%" PRIu64, id);
	error = sysfs_write("revoke", text);
	if (error == -ENOENT) {
		error_set(CODE_NOT_FOUND, "there is no context '%s'", text);
		error_hint("'kvpoolctl context show' lists them");
		return CODE_NOT_FOUND;
	}
	return error ? sysfs_failed(error, "revoke", "revoke the context") : CODE_OK;
}

const struct noun noun_context = {
	.name = "context",
	.plural = "contexts",
	.summary = "the open files, with their processes",
	.verbs = {
		{ "show", "", 0, 0, FILTERS | OPTION_BIT(OPTION_STATE), 0, show_contexts,
		  "all open files" },
		{ "revoke", "CONTEXT", 1, 1, 0, 0, revoke_context,
		  "end what an open file has, and all later use of it" },
	},
	.notes =
"PID and COMMAND are of the process that opened the file. STATE is open or\n"
"revoked. The leases, reservations and operations of a file that is revoked end,\n"
"its mappings raise SIGBUS, and its calls fail with ENODEV. OLDEST LEASE is in\n"
"seconds. 'show' takes root and debugfs.\n",
};

/* ------------------------------------------------------------------------ */
/* Operations                                                               */
/* ------------------------------------------------------------------------ */

static enum code show_operations(struct request *request)
{
	static const struct field fields[] = {
		{ "tenant", { "TENANT", -16 }, KIND_TEXT },
		{ "pid", { "PID", 8 }, KIND_NUMBER },
		{ "operation", { "OP", 8 }, KIND_NUMBER },
		{ "opcode", { "OPCODE", -8 }, KIND_TEXT },
		{ "key", { "KEY", -64 }, KIND_TEXT },
		{ "state", { "STATE", -6 }, KIND_TEXT },
		{ "peer", { "PEER", 5 }, KIND_NUMBER },
		{ "length_bytes", { "LENGTH", 11 }, KIND_BYTES },
		{ "cancelled", { "CANCELLED", -9 }, KIND_BOOL },
		{ "age_seconds", { "AGE", 9 }, KIND_MS },
	};
	static const char * const states[] = { "runs", "waits", "remote", "done", NULL };
	static const struct dump dump = {
		.noun = &noun_operation, .file = "operations", .state = 5, .states = states,
		.bytes = 7, .fields = fields, .nr = ARRAY_SIZE(fields),
	};

	return show(request, &dump);
}

const struct noun noun_operation = {
	.name = "operation",
	.plural = "operations",
	.summary = "the operations in flight",
	.verbs = {
		{ "show", "", 0, 0, FILTERS | OPTION_BIT(OPTION_STATE), 0, show_operations,
		  "all operations" },
	},
	.notes =
"STATE is runs, waits (for a key), remote (a peer is asked) or done (not\n"
"reaped yet). AGE is in seconds. Takes root and debugfs.\n",
};
