// SPDX-License-Identifier: MIT
/* kvpoolctl status and kvpoolctl tiers. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <kvpool.h>

#include "kvpoolctl.h"

struct status {
	uint64_t abi_version;
	char policy[NAME_MAX_LEN];
	struct tenant *tenants;
	int nr_tenants;
	struct tier *tiers;
	int nr_tiers;
	uint64_t total[NR_COUNTERS];
	uint64_t limit_bytes;
	uint64_t allocated_bytes;
	uint64_t used_bytes;
	struct kvpool_info info;
	char device_error[512];	/* "" if the device could be opened */
};

static const struct {
	uint64_t bit;
	const char *name;
} features[] = {
	{ KVPOOL_FEATURE_MMAP_PIN, "mmap_pin" },
	{ KVPOOL_FEATURE_PREEMPT, "preempt" },
	{ KVPOOL_FEATURE_POLL, "poll" },
	{ KVPOOL_FEATURE_RING, "ring" },
	{ KVPOOL_FEATURE_FABRIC, "fabric" },
	{ KVPOOL_FEATURE_URING, "uring" },
};

static void status_usage(FILE *to)
{
	fprintf(to,
"Usage: kvpoolctl status [--json]\n"
"Show the module, the pool as a whole, its tiers and its tenants.\n"
"\n"
"  -j, --json  print JSON\n"
"  -h, --help  show this text\n");
}

/* The policy in use is the one in brackets: "[lru] sieve". */
static void chosen(char *name, size_t len, const char *text)
{
	const char *begin = strchr(text, '[');
	size_t nr = begin ? strcspn(begin + 1, "]") : 0;

	snprintf(name, len, "%.*s", (int)nr, begin ? begin + 1 : "");
}

static void read_device(struct status *status)
{
	const struct kvpool_open_opts opts = {
		.size = sizeof(opts),
		.flags = KVPOOL_OPEN_RDONLY | KVPOOL_OPEN_NOMAP,
	};
	struct kvpool *pool;

	if (kvpool_open(&pool, &opts)) {
		snprintf(status->device_error, sizeof(status->device_error), "%s",
			 kvpool_last_error());
		return;
	}
	status->info = *kvpool_info_cached(pool);
	kvpool_close(pool);
}

static int read_status(struct status *status)
{
	char policy[VALUE_MAX];
	int code, error, i, c;

	memset(status, 0, sizeof(*status));
	code = sysfs_present();
	if (code)
		return code;
	error = sysfs_read_u64("abi_version", &status->abi_version);
	if (error)
		return sysfs_fail("read the version", "abi_version", error);
	error = sysfs_read("policy", policy, sizeof(policy));
	if (error)
		return sysfs_fail("read the policy", "policy", error);
	chosen(status->policy, sizeof(status->policy), policy);
	code = read_tiers(&status->tiers, &status->nr_tiers);
	if (!code)
		code = read_tenants(&status->tenants, &status->nr_tenants);
	if (code)
		return code;
	for (i = 0; i < status->nr_tenants; i++)
		for (c = 0; c < NR_COUNTERS; c++)
			status->total[c] += status->tenants[i].counter[c];
	for (i = 0; i < status->nr_tiers; i++) {
		status->limit_bytes += status->tiers[i].limit_bytes;
		status->allocated_bytes += status->tiers[i].allocated_bytes;
		status->used_bytes += status->tiers[i].used_bytes;
	}
	read_device(status);
	return EX_OK;
}

static void print_tiers(const struct tier *tiers, int nr)
{
	char limit[32], allocated[32], used[32];
	int i;

	printf("%-12s %4s %12s %12s %12s %7s\n", "TIER", "NODE", "LIMIT", "ALLOCATED",
	       "USED", "USED %");
	for (i = 0; i < nr; i++) {
		const struct tier *tier = &tiers[i];

		printf("%-12s %4" PRIu64 " %12s %12s %12s", tier->name, tier->node,
		       size_text(tier->limit_bytes, limit, sizeof(limit)),
		       size_text(tier->allocated_bytes, allocated, sizeof(allocated)),
		       size_text(tier->used_bytes, used, sizeof(used)));
		if (tier->limit_bytes)
			printf(" %7.1f\n", 100.0 * (double)tier->used_bytes /
			       (double)tier->limit_bytes);
		else
			printf(" %7s\n", "-");
	}
}

static void print_status(const struct status *status)
{
	const uint64_t *total = status->total;
	char a[32], b[32], c[32], d[32];
	int i;

	printf("module     kvpool, ABI %" PRIu64 ", policy %s\n", status->abi_version,
	       status->policy);
	if (*status->device_error) {
		printf("device     %s\n", status->device_error);
	} else {
		printf("device     %u keys a call, blocks %s to %s, arena %s in chunks of %s\n",
		       status->info.max_batch,
		       size_text(status->info.block_min, a, sizeof(a)),
		       size_text(status->info.block_max, b, sizeof(b)),
		       size_text(status->info.arena_size, c, sizeof(c)),
		       size_text(status->info.chunk_size, d, sizeof(d)));
		printf("features  ");
		for (i = 0; i < ARRAY_SIZE(features); i++)
			if (status->info.features & features[i].bit)
				printf(" %s", features[i].name);
		putchar('\n');
	}
	printf("pool       %s limit, %s allocated, %s used\n",
	       size_text(status->limit_bytes, a, sizeof(a)),
	       size_text(status->allocated_bytes, b, sizeof(b)),
	       size_text(status->used_bytes, c, sizeof(c)));
	printf("blocks     %" PRIu64 " sealed, %" PRIu64 " pending, %" PRIu64 " leases\n",
	       total[C_BLOCKS], total[C_PENDING], total[C_LEASES]);
	printf("lookups    %" PRIu64 ", hit rate %.4f\n", total[C_LOOKUPS], hit_rate(total));
	printf("produced   %" PRIu64 " blocks, %s\n", total[C_PRODUCED_BLOCKS],
	       size_text(total[C_PRODUCED_BYTES], a, sizeof(a)));
	printf("consumed   %s, %s of it copied by the kernel\n",
	       size_text(total[C_CONSUMED_BYTES], a, sizeof(a)),
	       size_text(total[C_COPIED_BYTES], b, sizeof(b)));
	printf("evicted    %" PRIu64 " blocks, %s\n", total[C_EVICTED_BLOCKS],
	       size_text(total[C_EVICTED_BYTES], a, sizeof(a)));
	printf("refused    %" PRIu64 " reservations without space, %" PRIu64
	       " aborted, %" PRIu64 " pre-empted\n", total[C_REJECTED],
	       total[C_ABORTED_BLOCKS], total[C_PREEMPTED_BLOCKS]);
	if (total[C_FETCHED_BLOCKS] || total[C_PUSHED_BLOCKS] || total[C_SERVED_BLOCKS] ||
	    total[C_RECEIVED_BLOCKS])
		printf("peers      %s fetched, %s pushed, %s served to them, %s received\n",
		       size_text(total[C_FETCHED_BYTES], a, sizeof(a)),
		       size_text(total[C_PUSHED_BYTES], b, sizeof(b)),
		       size_text(total[C_SERVED_BYTES], c, sizeof(c)),
		       size_text(total[C_RECEIVED_BYTES], d, sizeof(d)));
	if (total[C_QUARANTINED_BYTES])
		printf("held back  %s that a dead or pre-empted owner may still write to\n",
		       size_text(total[C_QUARANTINED_BYTES], a, sizeof(a)));
	printf("tenants    %d\n\n", status->nr_tenants);
	print_tiers(status->tiers, status->nr_tiers);
}

static void json_status(const struct status *status)
{
	int i, f;

	json_begin(NULL, '{');
	json_number("abi_version", status->abi_version);
	json_text("policy", status->policy);
	json_begin("device", '{');
	json_bool("usable", !*status->device_error);
	if (*status->device_error) {
		json_text("error", status->device_error);
	} else {
		json_number("max_batch", status->info.max_batch);
		json_number("arena_size", status->info.arena_size);
		json_number("chunk_size", status->info.chunk_size);
		json_number("block_min", status->info.block_min);
		json_number("block_max", status->info.block_max);
		json_begin("features", '[');
		for (f = 0; f < ARRAY_SIZE(features); f++)
			if (status->info.features & features[f].bit)
				json_text(NULL, features[f].name);
		json_end(']');
	}
	json_end('}');
	json_begin("pool", '{');
	json_number("limit_bytes", status->limit_bytes);
	json_number("allocated_bytes", status->allocated_bytes);
	json_number("used_bytes", status->used_bytes);
	for (i = 0; i < NR_COUNTERS; i++)
		json_number(counter_names[i], status->total[i]);
	json_real("hit_rate", hit_rate(status->total));
	json_end('}');
	json_tiers("tiers", status->tiers, status->nr_tiers);
	json_tenants("tenants", status->tenants, status->nr_tenants);
	json_end('}');
	json_done();
}

int cmd_status(struct args *args)
{
	struct status status;
	int code;

	code = parse_options(args, status_usage, NULL, 0);
	if (code != EX_GO_ON)
		return code;
	if (args->argc)
		return usage_error("status", "'%s' is too much", args->argv[0]);
	code = read_status(&status);
	if (!code && args->json)
		json_status(&status);
	else if (!code)
		print_status(&status);
	free(status.tenants);
	free(status.tiers);
	return code;
}

/* ------------------------------------------------------------------------ */
/* Tiers                                                                    */
/* ------------------------------------------------------------------------ */

static void tiers_usage(FILE *to)
{
	fprintf(to,
"Usage: kvpoolctl tiers [list] [--json]\n"
"       kvpoolctl tiers set TIER --limit SIZE\n"
"List the tiers of memory, or set how much of one the pool may take.\n"
"\n"
"  -l, --limit SIZE  bytes, or a number with K, M, G or T (powers of 1024). A pool\n"
"                    that holds more evicts down to it as far as leases allow.\n"
"  -j, --json        print JSON\n"
"  -h, --help        show this text\n"
"\n"
"ALLOCATED is memory that the pool took from the kernel, USED is what blocks take\n"
"of it.\n");
}

static int list_tiers(bool json)
{
	struct tier *tiers = NULL;
	int nr, code;

	code = read_tiers(&tiers, &nr);
	if (!code && !json)
		print_tiers(tiers, nr);
	if (!code && json) {
		json_tiers(NULL, tiers, nr);
		json_done();
	}
	free(tiers);
	return code;
}

static int set_tier(const char *name, uint64_t limit, bool json)
{
	char path[256], text[32];
	uint64_t now;
	int error;

	snprintf(path, sizeof(path), "tiers/%s/limit_bytes", name);
	if (!sysfs_name_ok(name) || sysfs_read_u64(path, &now) == -ENOENT) {
		complain("there is no tier '%s'; see 'kvpoolctl tiers'", name);
		return EX_NOT_FOUND;
	}
	snprintf(text, sizeof(text), "%" PRIu64, limit);
	error = sysfs_write(path, text);
	if (error)
		return sysfs_fail("set the limit", path, error);
	error = sysfs_read_u64(path, &now);
	if (error)
		return sysfs_fail("read the limit", path, error);
	if (json) {
		json_begin(NULL, '{');
		json_text("name", name);
		json_number("limit_bytes", now);
		json_end('}');
		json_done();
	}
	return EX_OK;
}

/* A limit, and whether one was given. */
struct limit {
	bool given;
	uint64_t bytes;
};

static bool parse_limit(const char *text, void *value)
{
	struct limit *limit = value;

	limit->given = true;
	return parse_size(text, &limit->bytes);
}

int cmd_tiers(struct args *args)
{
	struct limit limit = { 0 };
	const struct opt opts[] = {
		{ 'l', "limit", parse_limit, &limit, "a size" },
	};
	const char *verb;
	int code;

	code = parse_options(args, tiers_usage, opts, ARRAY_SIZE(opts));
	if (code != EX_GO_ON)
		return code;
	verb = take_verb(args, "list");
	if (strcmp(verb, "list") && strcmp(verb, "set"))
		return usage_error("tiers", "'%s' is neither 'list' nor 'set'", verb);
	if (!strcmp(verb, "list") && (args->argc || limit.given))
		return usage_error("tiers", "'list' takes no tier and no limit");
	if (!strcmp(verb, "set") && (args->argc != 1 || !limit.given))
		return usage_error("tiers", "'set' takes one tier and --limit");
	code = sysfs_present();
	if (code)
		return code;
	return *verb == 'l' ? list_tiers(args->json) :
			      set_tier(args->argv[0], limit.bytes, args->json);
}
