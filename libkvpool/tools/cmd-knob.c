// SPDX-License-Identifier: MIT
/* kvpoolctl knob. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../shared/shared.h"
#include "names.h"
#include "out.h"
#include "request.h"
#include "sysfs.h"
#include "table.h"

#define DAY_MS	(24 * 60 * 60 * 1000)

/**
 * struct knob - A setting of the module
 * @name:	Of the file in sysfs; a name may end in the unit.
 * @unit:	"percent", "ms", "bytes" or null.
 * @min:	Least value, for people: the module decides.
 * @max:	Most; 0 for a knob whose value is a word.
 * @condition:	A further condition on the value, or null.
 * @meaning:	One line for people.
 */
struct knob {
	const char *name;
	const char *unit;
	uint64_t min;
	uint64_t max;
	const char *condition;
	const char *meaning;
};

static const struct knob knobs[] = {
	{ "policy", NULL, 0, 0, NULL,
	  "which blocks are evicted first; changing it loses no blocks" },
	{ "watermark_high", "percent", 1, 100, "not less than watermark_low",
	  "background eviction starts above this part of the pool; 100 disables it" },
	{ "watermark_low", "percent", 1, 100, "not more than watermark_high",
	  "background eviction stops below this part of the pool" },
	{ "preempt_ms", "ms", 0, DAY_MS, NULL,
	  "age at which another file may take over a reservation; 0 is never" },
	{ "quarantine_ms", "ms", 0, DAY_MS, NULL,
	  "longest time that memory is kept for pins of a dead owner; 0 is no limit" },
	{ "lease_ms", "ms", 0, DAY_MS, NULL,
	  "age of a lease at which its file is revoked; 0 is never" },
	{ "max_handles", NULL, 1, 1 << 24, NULL,
	  "most leases and reservations of one open file" },
	{ "remote_timeout_ms", "ms", 1, DAY_MS, NULL,
	  "deadline of operations that may ask a peer and bring none of their own" },
	{ "default_quota_bytes", "bytes", 0, UINT64_MAX, "0, or 2097152 and more",
	  "most memory of tenants that are added from now on; 0 is unlimited" },
	{ "default_pin_quota_bytes", "bytes", 0, UINT64_MAX, NULL,
	  "most hard-pinned memory of tenants that are added from now on" },
};

/* A knob with its value and choices. */
struct reading {
	const struct knob *knob;
	char value[SYSFS_VALUE_MAX];
	char choices[SYSFS_VALUE_MAX];	/* with blanks between them; "" for numbers */
};

static enum code find(const char *name, const struct knob **knob)
{
	struct names names = { 0 };
	int i;

	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		*knob = &knobs[i];
		if (!strcmp(knobs[i].name, name))
			return CODE_OK;
		names_add(&names, knobs[i].name);
	}
	return names_missing(&names, "knob", name);
}

/* Makes of "[lru] sieve" the choice and the choices. */
static void split_choices(struct reading *reading)
{
	char *begin = strchr(reading->value, '[');
	char *end = begin ? strchr(begin, ']') : NULL;
	char *to = reading->choices;
	const char *from;

	for (from = reading->value; *from; from++)
		if (*from != '[' && *from != ']')
			*to++ = *from;
	*to = '\0';
	if (!end) {
		*reading->value = '\0';
		return;
	}
	*end = '\0';
	memmove(reading->value, begin + 1, (size_t)(end - begin));
}

/* Zero or a negative errno. */
static int read_knob(const struct knob *knob, struct reading *reading)
{
	int error;

	memset(reading, 0, sizeof(*reading));
	reading->knob = knob;
	error = sysfs_read(knob->name, reading->value, sizeof(reading->value));
	if (!error && !knob->max)
		split_choices(reading);
	return error;
}

static void range_text(const struct reading *reading, char *text, size_t len)
{
	if (reading->knob->max)
		snprintf(text, len, "%" PRIu64 " to %" PRIu64, reading->knob->min,
			 reading->knob->max);
	else
		snprintf(text, len, "%s", reading->choices);
}

static void show_choices(char *choices)
{
	char *save = NULL;
	char *word;

	out_array("choices");
	for (word = strtok_r(choices, " ", &save); word; word = strtok_r(NULL, " ", &save))
		out_text(NULL, word);
	out_end();
}

static void show_knob(struct reading *reading)
{
	const struct knob *knob = reading->knob;

	out_object(NULL);
	out_text("name", knob->name);
	out_value("value", reading->value);
	if (knob->unit)
		out_text("unit", knob->unit);
	if (knob->max) {
		out_number("min", knob->min);
		out_number("max", knob->max);
	} else {
		show_choices(reading->choices);
	}
	out_text("meaning", knob->meaning);
	out_end();
}

static enum code show_one(const char *name)
{
	const struct knob *knob;
	struct reading reading;
	enum code code;
	int error;

	code = find(name, &knob);
	if (code)
		return code;
	error = read_knob(knob, &reading);
	if (error)
		return sysfs_failed(error, knob->name, "read the knob");
	out_array("knobs");
	show_knob(&reading);
	out_end();
	return CODE_OK;
}

static void print_row(struct table *table, const struct reading *reading)
{
	char range[SYSFS_VALUE_MAX];

	range_text(reading, range, sizeof(range));
	table_text(table, reading->knob->name);
	table_text(table, reading->value);
	table_text(table, reading->knob->unit ?: "");
	table_text(table, range);
	table_text(table, reading->knob->meaning);
}

static enum code show_all(void)
{
	static const struct column columns[] = {
		{ "KNOB", -18 }, { "VALUE", -10 }, { "UNIT", -8 }, { "RANGE", -14 },
		{ "MEANING", -1 },
	};
	struct table table = TABLE(columns);
	struct reading reading;
	int error, i;

	if (out_is_json())
		out_array("knobs");
	else
		table_head(&table);
	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		error = read_knob(&knobs[i], &reading);
		if (error)
			return sysfs_failed(error, knobs[i].name, "read the knob");
		if (out_is_json())
			show_knob(&reading);
		else
			print_row(&table, &reading);
	}
	if (out_is_json())
		out_end();
	return CODE_OK;
}

static enum code show(struct request *request)
{
	return sysfs_present() ?: (request->argc ? show_one(request->argv[0]) : show_all());
}

static enum code refused(const struct knob *knob, const char *text)
{
	char range[SYSFS_VALUE_MAX];
	struct reading reading;

	read_knob(knob, &reading);
	range_text(&reading, range, sizeof(range));
	error_set(CODE_FAILED, "the module refuses '%s' as the value of %s", text, knob->name);
	error_hint("valid values: %s%s%s%s", knob->max ? "" : "one of ", range,
		   knob->condition ? ", " : "", knob->condition ?: "");
	return CODE_FAILED;
}

static enum code set(struct request *request)
{
	const char *text = request->argv[1];
	const struct knob *knob;
	enum code code;
	int error;

	code = sysfs_present() ?: find(request->argv[0], &knob);
	if (code)
		return code;
	error = sysfs_write(knob->name, text);
	if (error == -EINVAL || error == -ERANGE)
		return refused(knob, text);
	if (error)
		return sysfs_failed(error, knob->name, "set the knob");
	return out_is_json() ? show_one(knob->name) : CODE_OK;
}

const struct noun noun_knob = {
	.name = "knob",
	.plural = "knobs",
	.summary = "the settings of the module",
	.verbs = {
		{ "show", "[KNOB]", 0, 1, 0, 0, show, "all knobs, or all members of one" },
		{ "set", "KNOB VALUE", 2, 2, 0, 0, set, "set a knob" },
	},
	.notes = "Settings last until the module is unloaded.\n",
};
