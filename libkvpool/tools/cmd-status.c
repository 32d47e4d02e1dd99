// SPDX-License-Identifier: MIT
/* kvpoolctl status. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <kvpool.h>

#include "../shared/shared.h"
#include "out.h"
#include "request.h"
#include "tenant.h"
#include "tier.h"

/**
 * struct status - The pool as a whole
 * @abi_version:	Of the module.
 * @policy:		The eviction policy in force.
 * @tenants:		All tenants.
 * @nr_tenants:		How many.
 * @tiers:		All tiers.
 * @nr_tiers:		How many.
 * @total:		Counters of all tenants together.
 * @limit_bytes:	Of all tiers together.
 * @allocated_bytes:	Of all tiers together.
 * @used_bytes:		Of all tiers together.
 * @info:		Information of the device.
 * @device_error:	Why @info could not be read; "" if it was read.
 */
struct status {
	uint64_t abi_version;
	char policy[SYSFS_VALUE_MAX];
	struct tenant *tenants;
	int nr_tenants;
	struct tier *tiers;
	int nr_tiers;
	uint64_t total[NR_COUNTERS];
	uint64_t limit_bytes;
	uint64_t allocated_bytes;
	uint64_t used_bytes;
	struct kvpool_info info;
	char device_error[512];
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

/* The policy in force is the one in brackets: "[lru] sieve". */
static int read_policy(char *policy, size_t len)
{
	char text[SYSFS_VALUE_MAX];
	int error = sysfs_read("policy", text, sizeof(text));
	const char *begin = strchr(text, '[');

	if (error)
		return error;
	snprintf(policy, len, "%.*s", begin ? (int)strcspn(begin + 1, "]") : 0,
		 begin ? begin + 1 : "");
	return 0;
}

static void read_device(struct status *status)
{
	const struct kvpool_open_opts opts = {
		.size = sizeof(opts),
		.flags = KVPOOL_OPEN_RDONLY | KVPOOL_OPEN_NOMAP,
	};
	struct kvpool *pool;
	int error = kvpool_open(&pool, &opts);

	if (!error) {
		error = kvpool_info_read(pool, &status->info, sizeof(status->info));
		kvpool_close(pool);
	}
	if (error)
		snprintf(status->device_error, sizeof(status->device_error), "%s",
			 kvpool_last_error());
}

static void sum_up(struct status *status)
{
	int i, c;

	for (i = 0; i < status->nr_tenants; i++)
		for (c = 0; c < NR_COUNTERS; c++)
			status->total[c] += status->tenants[i].counter[c];
	for (i = 0; i < status->nr_tiers; i++) {
		status->limit_bytes += status->tiers[i].limit_bytes;
		status->allocated_bytes += status->tiers[i].allocated_bytes;
		status->used_bytes += status->tiers[i].used_bytes;
	}
}

static enum code read_status(struct status *status)
{
	enum code code = sysfs_present();
	int error;

	if (code)
		return code;
	error = sysfs_read_u64("abi_version", &status->abi_version);
	if (error)
		return sysfs_failed(error, "abi_version", "read the version");
	error = read_policy(status->policy, sizeof(status->policy));
	if (error)
		return sysfs_failed(error, "policy", "read the policy");
	code = tier_read_all(&status->tiers, &status->nr_tiers) ?:
	       tenant_read_all(&status->tenants, &status->nr_tenants);
	if (code)
		return code;
	sum_up(status);
	read_device(status);
	return CODE_OK;
}

/* Text of a size; good until four more are made. */
static const char *size(uint64_t bytes)
{
	static char texts[4][32];
	static unsigned int next;

	return format_size(bytes, 1, texts[next++ % 4], sizeof(texts[0]));
}

static void print_device(const struct status *status)
{
	const struct kvpool_info *info = &status->info;
	int i;

	if (*status->device_error) {
		printf("device     %s\n", status->device_error);
		return;
	}
	printf("device     %u keys a call, blocks of %s to %s, arena of %s in chunks of %s\n",
	       info->max_batch, size(info->block_min), size(info->block_max),
	       size(info->arena_size), size(info->chunk_size));
	printf("features  ");
	for (i = 0; i < ARRAY_SIZE(features); i++)
		if (info->features & features[i].bit)
			printf(" %s", features[i].name);
	putchar('\n');
}

static void print_traffic(const uint64_t *total)
{
	if (total[COUNTER_FETCHED_BLOCKS] || total[COUNTER_PUSHED_BLOCKS] ||
	    total[COUNTER_SERVED_BLOCKS] || total[COUNTER_RECEIVED_BLOCKS])
		printf("peers      %s fetched, %s pushed, %s served, %s received\n",
		       size(total[COUNTER_FETCHED_BYTES]), size(total[COUNTER_PUSHED_BYTES]),
		       size(total[COUNTER_SERVED_BYTES]), size(total[COUNTER_RECEIVED_BYTES]));
	if (total[COUNTER_QUARANTINED_BYTES])
		printf("quarantine %s\n", size(total[COUNTER_QUARANTINED_BYTES]));
}

static void print_status(const struct status *status)
{
	const uint64_t *total = status->total;

	printf("module     kvpool, ABI %" PRIu64 ", policy %s\n", status->abi_version,
	       status->policy);
	print_device(status);
	printf("pool       %s limit, %s allocated, %s used\n", size(status->limit_bytes),
	       size(status->allocated_bytes), size(status->used_bytes));
	printf("blocks     %" PRIu64 " sealed, %" PRIu64 " pending, %" PRIu64 " leases\n",
	       total[COUNTER_BLOCKS], total[COUNTER_PENDING], total[COUNTER_LEASES]);
	printf("lookups    %" PRIu64 ", %" PRIu64 " hits, hit rate %.4f\n",
	       total[COUNTER_LOOKUPS], total[COUNTER_HITS], tenant_hit_rate(total));
	printf("hits       %" PRIu64 " here, %s; %" PRIu64 " from peers, %s\n",
	       total[COUNTER_LOCAL_HITS], size(total[COUNTER_LOCAL_BYTES]),
	       total[COUNTER_PEER_HITS], size(total[COUNTER_PEER_BYTES]));
	printf("probes     %" PRIu64 ", %" PRIu64 " hits\n", total[COUNTER_PROBES],
	       total[COUNTER_PROBE_HITS]);
	printf("produced   %" PRIu64 " blocks, %s\n", total[COUNTER_PRODUCED_BLOCKS],
	       size(total[COUNTER_PRODUCED_BYTES]));
	printf("consumed   %s\n", size(total[COUNTER_CONSUMED_BYTES]));
	printf("copied     %s by the CPU in the kernel\n", size(total[COUNTER_COPIED_BYTES]));
	printf("evicted    %" PRIu64 " blocks, %s\n", total[COUNTER_EVICTED_BLOCKS],
	       size(total[COUNTER_EVICTED_BYTES]));
	printf("refused    %" PRIu64 " reservations without space, %" PRIu64
	       " aborted, %" PRIu64 " pre-empted\n", total[COUNTER_REJECTED],
	       total[COUNTER_ABORTED_BLOCKS], total[COUNTER_PREEMPTED_BLOCKS]);
	print_traffic(total);
	printf("tenants    %d\n\n", status->nr_tenants);
	tier_table(status->tiers, status->nr_tiers);
}

static void show_device(const struct status *status)
{
	const struct kvpool_info *info = &status->info;
	int i;

	out_object("device");
	out_bool("usable", !*status->device_error);
	if (*status->device_error) {
		out_text("error", status->device_error);
	} else {
		out_number("max_batch", info->max_batch);
		out_number("arena_bytes", info->arena_size);
		out_number("chunk_bytes", info->chunk_size);
		out_number("block_min_bytes", info->block_min);
		out_number("block_max_bytes", info->block_max);
		out_array("features");
		for (i = 0; i < ARRAY_SIZE(features); i++)
			if (info->features & features[i].bit)
				out_text(NULL, features[i].name);
		out_end();
	}
	out_end();
}

static void show_status(const struct status *status)
{
	int i;

	out_object("status");
	out_number("abi_version", status->abi_version);
	out_text("policy", status->policy);
	show_device(status);
	out_object("pool");
	out_number("limit_bytes", status->limit_bytes);
	out_number("allocated_bytes", status->allocated_bytes);
	out_number("used_bytes", status->used_bytes);
	/* used_bytes is the sum over the tiers. */
	for (i = 0; i < NR_COUNTERS; i++)
		if (i != COUNTER_USED_BYTES)
			out_number(counter_infos[i].name, status->total[i]);
	out_real("hit_rate", tenant_hit_rate(status->total));
	out_end();
	tier_show_all(status->tiers, status->nr_tiers);
	tenant_show_all(status->tenants, status->nr_tenants);
	out_end();
}

static enum code show(struct request *request)
{
	struct status status = { 0 };
	enum code code;

	(void)request;
	code = read_status(&status);
	if (!code && out_is_json())
		show_status(&status);
	else if (!code)
		print_status(&status);
	free(status.tenants);
	free(status.tiers);
	return code;
}

const struct noun noun_status = {
	.name = "status",
	.summary = "the module and the pool as a whole",
	.verbs = {
		{ "show", "", 0, 0, 0, 0, show,
		  "the module, the pool and its tiers; in JSON the tenants too" },
	},
	.notes = "Counters are sums over all tenants since each was added.\n",
};
