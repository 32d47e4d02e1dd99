// SPDX-License-Identifier: MIT
/* Tiers, as sysfs has them. */
#include "tier.h"

#include <math.h>
#include <string.h>

#include "memory.h"
#include "out.h"
#include "table.h"

static enum code read_tier(const char *name, struct tier *tier)
{
	const struct {
		const char *file;
		uint64_t *value;
	} numbers[] = {
		{ "node", &tier->node },
		{ "limit_bytes", &tier->limit_bytes },
		{ "allocated_bytes", &tier->allocated_bytes },
		{ "used_bytes", &tier->used_bytes },
	};
	char path[SYSFS_PATH_MAX];
	size_t i;
	int error;

	memset(tier, 0, sizeof(*tier));
	snprintf(tier->name, sizeof(tier->name), "%s", name);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(path, sizeof(path), "tiers/%s/%s", name, numbers[i].file);
		error = sysfs_read_u64(path, numbers[i].value);
		if (error)
			return sysfs_failed(error, path, "read a tier");
	}
	return CODE_OK;
}

/**
 * tier_read_all - Read all tiers
 * @tiers:	Set to an array that the caller frees, also after a failure.
 * @nr:		Set to their number.
 *
 * Return: CODE_OK, or another status with a message kept.
 */
enum code tier_read_all(struct tier **tiers, int *nr)
{
	enum code code = CODE_OK;
	char **names;
	int found = sysfs_list("tiers", &names);

	*tiers = NULL;
	*nr = 0;
	if (found < 0)
		return sysfs_failed(found, "tiers", "list the tiers");
	*tiers = memory_resize(NULL, (size_t)found, sizeof(**tiers));
	while (*nr < found && !code) {
		code = read_tier(names[*nr], &(*tiers)[*nr]);
		if (!code)
			++*nr;
	}
	sysfs_list_free(names, found);
	return code;
}

/**
 * tier_show_all - Show all members of tiers, as the member "tiers"
 * @tiers:	The tiers.
 * @nr:		Number of tiers.
 */
void tier_show_all(const struct tier *tiers, int nr)
{
	int i;

	out_array("tiers");
	for (i = 0; i < nr; i++) {
		out_object(NULL);
		out_text("name", tiers[i].name);
		out_number("node", tiers[i].node);
		out_number("limit_bytes", tiers[i].limit_bytes);
		out_number("allocated_bytes", tiers[i].allocated_bytes);
		out_number("used_bytes", tiers[i].used_bytes);
		out_end();
	}
	out_end();
}

/**
 * tier_table - Print tiers as a table
 * @tiers:	The tiers.
 * @nr:		Number of tiers.
 */
void tier_table(const struct tier *tiers, int nr)
{
	static const struct column columns[] = {
		{ "TIER", -12 }, { "NODE", 4 }, { "LIMIT", 12 }, { "ALLOCATED", 12 },
		{ "USED", 12 }, { "USED%", 6 },
	};
	struct table table = TABLE(columns);
	int i;

	table_head(&table);
	for (i = 0; i < nr; i++) {
		const struct tier *tier = &tiers[i];

		table_text(&table, tier->name);
		table_number(&table, tier->node);
		table_size(&table, tier->limit_bytes);
		table_size(&table, tier->allocated_bytes);
		table_size(&table, tier->used_bytes);
		table_real(&table, tier->limit_bytes ? 100.0 * (double)tier->used_bytes /
			   (double)tier->limit_bytes : NAN, 1);
	}
}
