// SPDX-License-Identifier: MIT
/* kvpoolctl blocks: reads the dump that the module has in debugfs. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "kvpoolctl.h"

struct block {
	char tenant[NAME_MAX_LEN];
	char key[65];
	char state[16];
	char pin[16];
	uint64_t length;
	uint64_t extents;
	uint64_t refs;
};

struct filter {
	const char *tenant;
	const char *state;
	uint64_t limit;
};

struct totals {
	uint64_t shown;
	uint64_t blocks;
	uint64_t bytes;
	uint64_t extents;
};

static void usage(FILE *to)
{
	fprintf(to,
"Usage: kvpoolctl blocks [--tenant NAME] [--state STATE] [--limit N] [--json]\n"
"List the blocks of the pool, as root. A pool of a million blocks is a million lines.\n"
"\n"
"  -t, --tenant NAME   only of this tenant\n"
"  -s, --state STATE   only reserved, sealed or dead ones\n"
"  -n, --limit N       show at most N; the sums count all that match\n"
"  -j, --json          print JSON\n"
"  -h, --help          show this text\n");
}

static bool matches(const struct filter *filter, const struct block *block)
{
	return (!filter->tenant || !strcmp(filter->tenant, block->tenant)) &&
	       (!filter->state || !strcmp(filter->state, block->state));
}

static void show(const struct block *block, bool json)
{
	if (!json) {
		printf("%-16s %-64s %-8s %11" PRIu64 " %7" PRIu64 " %5" PRIu64 " %s\n",
		       block->tenant, block->key, block->state, block->length,
		       block->extents, block->refs, block->pin);
		return;
	}
	json_begin(NULL, '{');
	json_text("tenant", block->tenant);
	json_text("key", block->key);
	json_text("state", block->state);
	json_number("length", block->length);
	json_number("extents", block->extents);
	json_number("refs", block->refs);
	json_text("pin", block->pin);
	json_end('}');
}

static int read_dump(FILE *dump, const struct filter *filter, struct totals *totals,
		     bool json)
{
	struct block block;
	char line[512];

	while (fgets(line, sizeof(line), dump)) {
		if (*line == '#')
			continue;
		if (sscanf(line, "%63s %64s %15s %" SCNu64 " %" SCNu64 " %" SCNu64 " %15s",
			   block.tenant, block.key, block.state, &block.length,
			   &block.extents, &block.refs, block.pin) != 7) {
			complain("the dump of blocks has a line that is not as expected: %s", line);
			return EX_FAILED;
		}
		if (!matches(filter, &block))
			continue;
		totals->blocks++;
		totals->bytes += block.length;
		totals->extents += block.extents;
		if (totals->shown < filter->limit) {
			totals->shown++;
			show(&block, json);
		}
	}
	if (ferror(dump)) {
		complain("cannot read the dump of blocks: %s", strerror(errno));
		return EX_FAILED;
	}
	return EX_OK;
}

static bool parse_state(const char *text, void *value)
{
	*(const char **)value = text;
	return !strcmp(text, "reserved") || !strcmp(text, "sealed") || !strcmp(text, "dead");
}

int cmd_blocks(struct args *args)
{
	struct filter filter = { .limit = UINT64_MAX };
	const struct opt opts[] = {
		{ 't', "tenant", parse_text, &filter.tenant, NULL },
		{ 's', "state", parse_state, &filter.state, "reserved, sealed or dead" },
		{ 'n', "limit", parse_number, &filter.limit, "a number" },
	};
	struct totals totals = { 0 };
	struct tenant tenant;
	char size[32];
	FILE *dump;
	bool json;
	int code;

	code = parse_options(args, usage, opts, ARRAY_SIZE(opts));
	if (code != EX_GO_ON)
		return code;
	json = args->json;
	if (args->argc)
		return usage_error("blocks", "'%s' is too much", args->argv[0]);
	code = sysfs_present();
	if (!code && filter.tenant)
		code = read_tenant(filter.tenant, &tenant);
	if (code)
		return code;
	dump = debugfs_open("blocks", &code);
	if (!dump)
		return code;

	if (json) {
		json_begin(NULL, '{');
		json_begin("blocks", '[');
	} else {
		printf("%-16s %-64s %-8s %11s %7s %5s %s\n", "TENANT", "KEY", "STATE", "LENGTH",
		       "EXTENTS", "REFS", "PIN");
	}
	code = read_dump(dump, &filter, &totals, json);
	fclose(dump);
	if (json) {
		json_end(']');
		json_number("matching", totals.blocks);
		json_number("matching_bytes", totals.bytes);
		json_number("shown", totals.shown);
		json_end('}');
		json_done();
	} else {
		printf("%" PRIu64 " blocks, %s in %" PRIu64 " extents%s\n", totals.blocks,
		       size_text(totals.bytes, size, sizeof(size)), totals.extents,
		       totals.shown < totals.blocks ? "; not all are shown" : "");
	}
	return code;
}
