// SPDX-License-Identifier: MIT
/* kvpoolctl knobs. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kvpoolctl.h"

#define DAY_MS	(24 * 60 * 60 * 1000)

static const struct knob {
	const char *name;
	const char *unit;
	uint64_t min;
	uint64_t max;		/* for people: the module decides */
	const char *meaning;
} knobs[] = {
	{ "policy", NULL, 0, 0,
	  "which blocks are evicted first; changing it loses no blocks" },
	{ "watermark_high", "%", 1, 100,
	  "background eviction starts above this part of the pool; 100 disables it" },
	{ "watermark_low", "%", 1, 100,
	  "background eviction stops below this part of the pool" },
	{ "preempt_ms", "ms", 0, DAY_MS,
	  "age at which another file may take over a reservation; 0 is never" },
	{ "quarantine_ms", "ms", 0, DAY_MS,
	  "longest that memory is held back for pins of a dead owner; 0 is no limit" },
	{ "max_handles", NULL, 1, 1 << 24,
	  "most leases and reservations of one open file" },
	{ "remote_timeout_ms", "ms", 1, DAY_MS,
	  "longest that an operation takes which may ask a peer and brings no deadline" },
};

#define NR_KNOBS	(sizeof(knobs) / sizeof(knobs[0]))

static void usage(FILE *to)
{
	size_t i;

	fprintf(to,
"Usage: kvpoolctl knobs [list] [--json]\n"
"       kvpoolctl knobs get NAME [--json]\n"
"       kvpoolctl knobs set NAME VALUE\n"
"List, read and set the knobs of the module.\n"
"\n"
"  -j, --json  print JSON\n"
"  -h, --help  show this text\n"
"\n"
"Knobs:\n");
	for (i = 0; i < NR_KNOBS; i++)
		fprintf(to, "  %-15s %s\n", knobs[i].name, knobs[i].meaning);
}

static const struct knob *find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_KNOBS; i++)
		if (!strcmp(knobs[i].name, name))
			return &knobs[i];
	complain("there is no knob '%s'; see 'kvpoolctl knobs'", name);
	return NULL;
}

/* Takes "[lru] sieve" apart: the choice, and all choices in @choices. */
static void split_choices(char *value, char *choices, size_t len)
{
	char chosen[VALUE_MAX] = "";
	char *save = NULL;
	char *word;

	*choices = '\0';
	for (word = strtok_r(value, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		size_t nr = strlen(word);
		size_t used = strlen(choices);

		if (*word == '[' && nr > 2 && word[nr - 1] == ']') {
			word[nr - 1] = '\0';
			word++;
			snprintf(chosen, sizeof(chosen), "%s", word);
		}
		snprintf(choices + used, len - used, "%s%s", used ? " " : "", word);
	}
	snprintf(value, VALUE_MAX, "%s", chosen);
}

/* The value as a user gives it, and what it may be. Zero or a negative errno. */
static int read_knob(const struct knob *knob, char *value, char *range, size_t len)
{
	int error = sysfs_read(knob->name, value, VALUE_MAX);

	if (error)
		return error;
	if (!strcmp(knob->name, "policy"))
		split_choices(value, range, len);
	else
		snprintf(range, len, "%" PRIu64 " to %" PRIu64, knob->min, knob->max);
	return 0;
}

static void json_knob(const struct knob *knob, const char *value, char *range)
{
	char *save = NULL;
	char *word;

	json_begin(NULL, '{');
	json_text("name", knob->name);
	json_value("value", value);
	if (knob->unit)
		json_text("unit", knob->unit);
	if (!strcmp(knob->name, "policy")) {
		json_begin("choices", '[');
		for (word = strtok_r(range, " ", &save); word; word = strtok_r(NULL, " ", &save))
			json_text(NULL, word);
		json_end(']');
	} else {
		json_number("min", knob->min);
		json_number("max", knob->max);
	}
	json_text("meaning", knob->meaning);
	json_end('}');
}

static int list(bool json)
{
	char value[VALUE_MAX], range[VALUE_MAX];
	size_t i;
	int error;

	if (json)
		json_begin(NULL, '[');
	else
		printf("%-15s %-12s %-14s %s\n", "KNOB", "VALUE", "RANGE", "MEANING");
	for (i = 0; i < NR_KNOBS; i++) {
		error = read_knob(&knobs[i], value, range, sizeof(range));
		if (error == -ENOENT)
			continue;	/* an older module */
		if (error)
			return sysfs_fail("read the knob", knobs[i].name, error);
		if (json) {
			json_knob(&knobs[i], value, range);
			continue;
		}
		if (knobs[i].unit) {
			size_t used = strlen(value);

			snprintf(value + used, sizeof(value) - used, " %s", knobs[i].unit);
		}
		printf("%-15s %-12s %-14s %s\n", knobs[i].name, value, range, knobs[i].meaning);
	}
	if (json) {
		json_end(']');
		json_done();
	}
	return EX_OK;
}

/* An exit code. */
static int look_up(const char *name, const struct knob **knob, char *value, char *range,
		   size_t range_len)
{
	int error;

	*knob = find(name);
	if (!*knob)
		return EX_NOT_FOUND;
	error = read_knob(*knob, value, range, range_len);
	return error ? sysfs_fail("read the knob", name, error) : EX_OK;
}

static int get(const char *name, bool json)
{
	char value[VALUE_MAX], range[VALUE_MAX];
	const struct knob *knob;
	int code;

	code = look_up(name, &knob, value, range, sizeof(range));
	if (code)
		return code;
	if (json) {
		json_knob(knob, value, range);
		json_done();
	} else {
		puts(value);
	}
	return EX_OK;
}

static int set(const char *name, const char *text, bool json)
{
	char value[VALUE_MAX], range[VALUE_MAX];
	const struct knob *knob;
	int code, error;

	code = look_up(name, &knob, value, range, sizeof(range));
	if (code)
		return code;
	error = sysfs_write(name, text);
	if (error == -EINVAL || error == -ERANGE || error == -ENOENT) {
		complain("%s cannot be '%s': it takes %s%s%s%s", name, text, range,
			 !strcmp(name, "watermark_low") ? ", and not more than watermark_high" : "",
			 !strcmp(name, "watermark_high") ? ", and not less than watermark_low" : "",
			 !strcmp(name, "policy") ? " (one of them)" : "");
		return EX_FAILED;
	}
	if (error)
		return sysfs_fail("set the knob", name, error);
	return json ? get(name, true) : EX_OK;
}

int cmd_knobs(struct args *args)
{
	const char *verb;
	char **argv;
	int argc, code;

	code = parse_options(args, usage, NULL, 0);
	if (code != EX_GO_ON)
		return code;
	verb = take_verb(args, "list");
	argc = args->argc;
	argv = args->argv;
	if (!strcmp(verb, "list") ? argc != 0 : !strcmp(verb, "get") ? argc != 1 :
	    !strcmp(verb, "set") ? argc != 2 : true)
		return usage_error("knobs", "'%s' with %d arguments is not 'list', 'get NAME' or 'set NAME VALUE'",
				   verb, argc);
	code = sysfs_present();
	if (code)
		return code;
	if (*verb == 'l')
		return list(args->json);
	return *verb == 'g' ? get(argv[0], args->json) : set(argv[0], argv[1], args->json);
}
