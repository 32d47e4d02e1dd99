// SPDX-License-Identifier: MIT
/* kvpoolctl tier. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "out.h"
#include "request.h"
#include "tier.h"

/* The tier of this name, or null with a message kept. */
static const struct tier *find(const struct tier *tiers, int nr, const char *name)
{
	struct names names = { 0 };
	int i;

	for (i = 0; i < nr; i++) {
		if (!strcmp(tiers[i].name, name))
			return &tiers[i];
		names_add(&names, tiers[i].name);
	}
	names_missing(&names, "tier", name);
	return NULL;
}

static enum code show(struct request *request)
{
	const struct tier *tier;
	struct tier *tiers = NULL;
	enum code code;
	int nr = 0;

	code = sysfs_present() ?: tier_read_all(&tiers, &nr);
	if (!code && request->argc) {
		tier = find(tiers, nr, request->argv[0]);
		if (tier)
			tier_show_all(tier, 1);
		else
			code = CODE_NOT_FOUND;
	} else if (!code) {
		if (out_is_json())
			tier_show_all(tiers, nr);
		else
			tier_table(tiers, nr);
	}
	free(tiers);
	return code;
}

static enum code write_limit(const char *name, uint64_t limit)
{
	char path[SYSFS_PATH_MAX], text[32];
	int error;

	snprintf(path, sizeof(path), "tiers/%s/limit_bytes", name);
	snprintf(text, sizeof(text), "%" PRIu64, limit);
	error = sysfs_write(path, text);
	return error ? sysfs_failed(error, path, "set the limit of the tier") : CODE_OK;
}

static enum code set(struct request *request)
{
	const char *name = request->argv[0];
	struct tier *tiers = NULL;
	enum code code;
	int nr = 0;

	code = sysfs_present() ?: tier_read_all(&tiers, &nr);
	if (!code && !find(tiers, nr, name))
		code = CODE_NOT_FOUND;
	if (!code)
		code = write_limit(name, request->values[OPTION_LIMIT].number);
	free(tiers);
	return code || !out_is_json() ? code : show(request);
}

const struct noun noun_tier = {
	.name = "tier",
	.plural = "tiers",
	.summary = "memory by tier, and its limits",
	.verbs = {
		{ "show", "[TIER]", 0, 1, 0, 0, show, "all tiers, or all members of one" },
		{ "set", "TIER", 1, 1, OPTION_BIT(OPTION_LIMIT), OPTION_BIT(OPTION_LIMIT), set,
		  "set the limit of a tier" },
	},
	.notes =
"A tier is the memory of a NUMA node. ALLOCATED is memory that the pool took from\n"
"the kernel, USED is what blocks take of it. When a limit is lowered below that,\n"
"blocks are evicted; leased and pinned ones stay.\n",
};
