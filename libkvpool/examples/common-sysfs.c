// SPDX-License-Identifier: MIT
/* Knobs below /sys/class/misc/kvpool: set for a run, restored at its end. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "common-sysfs.h"

#define ROOT		"/sys/class/misc/kvpool"
#define MAX_KNOBS	64
#define MAX_TIERS	64

static struct {
	char name[KNOB_TEXT];
	char text[KNOB_TEXT];
} saved[MAX_KNOBS];

static unsigned int nr_saved;

/* Zero or a negative errno. */
static int knob_write(const char *name, const char *text)
{
	char path[KNOB_TEXT + sizeof(ROOT)];

	snprintf(path, sizeof(path), ROOT "/%s", name);
	return file_write(path, text);
}

/* Reads one value without its line end. Zero or a negative errno. */
static int knob_read(const char *name, char *text, size_t len)
{
	char path[KNOB_TEXT + sizeof(ROOT)];

	snprintf(path, sizeof(path), ROOT "/%s", name);
	return file_read(path, text, len);
}

bool knob_read_u64(const char *name, uint64_t *value)
{
	char text[KNOB_TEXT];
	char *end;

	if (knob_read(name, text, sizeof(text)))
		return false;
	*value = strtoull(text, &end, 10);
	return *text && !*end;
}

/* The policy in use is in brackets: "[lru] sieve". */
int policy_read(char *name, size_t len)
{
	char text[KNOB_TEXT];
	char *begin, *end;
	int error;

	error = knob_read("policy", text, sizeof(text));
	if (error)
		return error;
	begin = strchr(text, '[');
	end = begin ? strchr(begin, ']') : NULL;
	if (!end)
		return -EPROTO;
	*end = '\0';
	snprintf(name, len, "%s", begin + 1);
	return 0;
}

static void cannot_set(const char *name, const char *text, int error)
{
	if (error == -ENOENT)
		die(EX_NO_POOL, "there is no " ROOT "/%s; load the module with 'modprobe kvpool'",
		    name);
	if (error == -EACCES || error == -EPERM)
		die(EX_NO_POOL, "no permission to set " ROOT "/%s; run as root, or leave out the option",
		    name);
	die(EX_NO_POOL, "cannot set " ROOT "/%s to '%s': %s", name, text, strerror(-error));
}

/* Writes 1 to a file that triggers an action. */
void knob_trigger(const char *name)
{
	int error = knob_write(name, "1");

	if (error)
		cannot_set(name, "1", error);
}

/* Sets a knob for this run, or ends the program with a message. */
void knob_set(const char *name, const char *text)
{
	char old[KNOB_TEXT];
	bool is_policy = !strcmp(name, "policy");
	int error;

	error = is_policy ? policy_read(old, sizeof(old)) : knob_read(name, old, sizeof(old));
	if (!error)
		error = knob_write(name, text);
	if (error)
		cannot_set(name, text, error);
	if (nr_saved == MAX_KNOBS)
		return;
	snprintf(saved[nr_saved].name, KNOB_TEXT, "%s", name);
	snprintf(saved[nr_saved].text, KNOB_TEXT, "%s", old);
	nr_saved++;
}

/* Restores the knobs, the last first. */
void knobs_restore(void)
{
	int error;

	while (nr_saved) {
		nr_saved--;
		error = knob_write(saved[nr_saved].name, saved[nr_saved].text);
		if (error)
			complain("cannot restore " ROOT "/%s to '%s': %s; set it by hand",
				 saved[nr_saved].name, saved[nr_saved].text,
				 strerror(-error));
	}
}

/* Called by a child: its parent restores the knobs. */
void knobs_forget(void)
{
	nr_saved = 0;
}

static unsigned int list_tiers(unsigned int *tiers)
{
	unsigned int nr = 0;
	unsigned int at, node;
	struct dirent *entry;
	DIR *dir = opendir(ROOT "/tiers");

	if (!dir)
		return 0;
	while ((entry = readdir(dir)) && nr < MAX_TIERS) {
		if (sscanf(entry->d_name, "dram%u", &node) != 1)
			continue;
		for (at = nr++; at && tiers[at - 1] > node; at--)
			tiers[at] = tiers[at - 1];
		tiers[at] = node;
	}
	closedir(dir);
	return nr;
}

/* The limits of all tiers together, in bytes; zero if one cannot be read. */
uint64_t pool_limit(void)
{
	unsigned int tiers[MAX_TIERS];
	unsigned int nr = list_tiers(tiers);
	char name[KNOB_TEXT];
	uint64_t total = 0;
	uint64_t limit;

	while (nr--) {
		snprintf(name, sizeof(name), "tiers/dram%u/limit_bytes", tiers[nr]);
		if (knob_read_u64(name, &limit))
			total += limit;
	}
	return total;
}

/* The limit of the first tier is @bytes, that of all others zero. */
void pool_set_limit(uint64_t bytes)
{
	unsigned int tiers[MAX_TIERS];
	unsigned int nr = list_tiers(tiers);
	char name[KNOB_TEXT];
	char text[KNOB_TEXT];
	unsigned int i;

	if (!nr)
		die(EX_NO_POOL, "there is no tier in " ROOT "/tiers; load the module with 'modprobe kvpool'");
	for (i = 0; i < nr; i++) {
		snprintf(name, sizeof(name), "tiers/dram%u/limit_bytes", tiers[i]);
		snprintf(text, sizeof(text), "%" PRIu64, i ? 0 : bytes);
		knob_set(name, text);
	}
}
