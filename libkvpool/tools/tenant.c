// SPDX-License-Identifier: MIT
/* Tenants and their counters, as sysfs has them. */
#include "tenant.h"

#include <errno.h>
#include <string.h>

#include "../shared/shared.h"
#include "memory.h"
#include "names.h"
#include "out.h"

const struct counter_info counter_infos[NR_COUNTERS] = {
	[COUNTER_BLOCKS] = { "blocks", "blocks", NULL },
	[COUNTER_USED_BYTES] = { "bytes", "used_bytes", NULL },
	[COUNTER_ARENA_BYTES] = { "arena_bytes", "arena_bytes", NULL },
	[COUNTER_PINNED_BYTES] = { "pinned_bytes", "pinned_bytes", NULL },
	[COUNTER_QUARANTINED_BYTES] = { "quarantined_bytes", "quarantined_bytes", NULL },
	[COUNTER_PENDING] = { "pending", "pending", NULL },
	[COUNTER_LEASES] = { "leases", "leases", NULL },
	[COUNTER_LOOKUPS] = { "lookups", "lookups", "lookups_per_second" },
	[COUNTER_HITS] = { "hits", "hits", "hits_per_second" },
	[COUNTER_LOCAL_HITS] = { "local_hits", "local_hits", NULL },
	[COUNTER_LOCAL_BYTES] = { "local_bytes", "local_bytes", NULL },
	[COUNTER_PEER_HITS] = { "peer_hits", "peer_hits", NULL },
	[COUNTER_PEER_BYTES] = { "peer_bytes", "peer_bytes", NULL },
	[COUNTER_PROBES] = { "probes", "probes", NULL },
	[COUNTER_PROBE_HITS] = { "probe_hits", "probe_hits", NULL },
	[COUNTER_PRODUCED_BLOCKS] = { "produced_blocks", "produced_blocks",
				      "produced_blocks_per_second" },
	[COUNTER_PRODUCED_BYTES] = { "produced_bytes", "produced_bytes",
				     "produced_bytes_per_second" },
	[COUNTER_CONSUMED_BYTES] = { "consumed_bytes", "consumed_bytes",
				     "consumed_bytes_per_second" },
	[COUNTER_COPIED_BYTES] = { "copied_bytes", "copied_bytes", "copied_bytes_per_second" },
	[COUNTER_EVICTED_BLOCKS] = { "evicted_blocks", "evicted_blocks",
				     "evicted_blocks_per_second" },
	[COUNTER_EVICTED_BYTES] = { "evicted_bytes", "evicted_bytes",
				    "evicted_bytes_per_second" },
	[COUNTER_REMOVED_BLOCKS] = { "removed_blocks", "removed_blocks", NULL },
	[COUNTER_ABORTED_BLOCKS] = { "aborted_blocks", "aborted_blocks", NULL },
	[COUNTER_PREEMPTED_BLOCKS] = { "preempted_blocks", "preempted_blocks", NULL },
	[COUNTER_REJECTED] = { "rejected", "rejected", "rejected_per_second" },
	[COUNTER_FETCHED_BLOCKS] = { "fetched_blocks", "fetched_blocks", NULL },
	[COUNTER_FETCHED_BYTES] = { "fetched_bytes", "fetched_bytes",
				    "fetched_bytes_per_second" },
	[COUNTER_PUSHED_BLOCKS] = { "pushed_blocks", "pushed_blocks", NULL },
	[COUNTER_PUSHED_BYTES] = { "pushed_bytes", "pushed_bytes", "pushed_bytes_per_second" },
	[COUNTER_SERVED_BLOCKS] = { "served_blocks", "served_blocks", NULL },
	[COUNTER_SERVED_BYTES] = { "served_bytes", "served_bytes", "served_bytes_per_second" },
	[COUNTER_RECEIVED_BLOCKS] = { "received_blocks", "received_blocks", NULL },
	[COUNTER_RECEIVED_BYTES] = { "received_bytes", "received_bytes",
				     "received_bytes_per_second" },
	[COUNTER_CANCELLED_OPS] = { "cancelled_ops", "cancelled_ops", NULL },
	[COUNTER_TIMEDOUT_OPS] = { "timedout_ops", "timedout_ops", NULL },
};

/* Returns 0 or a negative errno; @path is the last file that was read. */
static int read_files(const char *name, struct tenant *tenant, char *path, size_t len)
{
	const struct {
		const char *file;
		uint64_t *value;
	} numbers[] = {
		{ "id", &tenant->id },
		{ "contexts", &tenant->contexts },
		{ "quota_bytes", &tenant->quota_bytes },
		{ "pin_quota_bytes", &tenant->pin_quota_bytes },
		{ "push_quota_bytes", &tenant->push_quota_bytes },
		{ "pushed_in_bytes", &tenant->pushed_in_bytes },
		{ "guaranteed_bytes", &tenant->guaranteed_bytes },
	};
	int error = 0;
	int i;

	memset(tenant, 0, sizeof(*tenant));
	snprintf(tenant->name, sizeof(tenant->name), "%s", name);
	for (i = 0; !error && i < ARRAY_SIZE(numbers); i++) {
		snprintf(path, len, "tenants/%s/%s", name, numbers[i].file);
		error = sysfs_read_u64(path, numbers[i].value);
	}
	for (i = 0; !error && i < NR_COUNTERS; i++) {
		snprintf(path, len, "tenants/%s/%s", name, counter_infos[i].file);
		error = sysfs_read_u64(path, &tenant->counter[i]);
	}
	if (!error) {
		snprintf(path, len, "tenants/%s/uid", name);
		error = sysfs_read(path, tenant->uid, sizeof(tenant->uid));
	}
	if (!error) {
		snprintf(path, len, "tenants/%s/gid", name);
		error = sysfs_read(path, tenant->gid, sizeof(tenant->gid));
	}
	return error;
}

/* Whether the whole tenant is missing, not only a file of it. */
static bool is_missing(const char *name)
{
	char path[SYSFS_PATH_MAX], id[SYSFS_VALUE_MAX];
	int error;

	snprintf(path, sizeof(path), "tenants/%s/id", name);
	error = sysfs_read(path, id, sizeof(id));
	return error == -ENOENT || error == -ENODEV;
}

static enum code fail_missing(const char *name)
{
	struct names known = { 0 };
	char **names;
	int nr = sysfs_list("tenants", &names);
	int i;

	for (i = 0; i < nr; i++)
		names_add(&known, names[i]);
	sysfs_list_free(names, nr);
	return names_missing(&known, "tenant", name);
}

/**
 * tenant_read - Read a tenant
 * @name:	From the command line.
 * @tenant:	Is set.
 *
 * Return: CODE_OK, or another status with a message kept.
 */
enum code tenant_read(const char *name, struct tenant *tenant)
{
	char path[SYSFS_PATH_MAX];
	int error;

	if (!sysfs_name_ok(name))
		return fail_missing(name);
	error = read_files(name, tenant, path, sizeof(path));
	if (!error)
		return CODE_OK;
	if (is_missing(name))
		return fail_missing(name);
	return sysfs_failed(error, path, "read the tenant");
}

/**
 * tenant_read_all - Read all tenants
 * @tenants:	Set to an array that the caller frees, also after a failure.
 * @nr:		Set to their number.
 *
 * Tenants that are deleted during the read are left out.
 * Return: CODE_OK, or another status with a message kept.
 */
enum code tenant_read_all(struct tenant **tenants, int *nr)
{
	char path[SYSFS_PATH_MAX];
	enum code code = CODE_OK;
	char **names;
	int found = sysfs_list("tenants", &names);
	int error, i;

	*tenants = NULL;
	*nr = 0;
	if (found < 0)
		return sysfs_failed(found, "tenants", "list the tenants");
	*tenants = memory_resize(NULL, (size_t)found, sizeof(**tenants));
	for (i = 0; i < found && !code; i++) {
		error = read_files(names[i], &(*tenants)[*nr], path, sizeof(path));
		if (!error)
			++*nr;
		else if (!is_missing(names[i]))
			code = sysfs_failed(error, path, "read a tenant");
	}
	sysfs_list_free(names, found);
	return code;
}

/**
 * tenant_hit_rate - The part of the keys that were asked for that were leased
 * @counter:	By enum counter.
 *
 * Return: 0 to 1; 0 where nothing was asked for.
 */
double tenant_hit_rate(const uint64_t *counter)
{
	return counter[COUNTER_LOOKUPS] ?
	       (double)counter[COUNTER_HITS] / (double)counter[COUNTER_LOOKUPS] : 0;
}

/**
 * tenant_show - Show the members of a tenant
 * @tenant:	The tenant.
 */
void tenant_show(const struct tenant *tenant)
{
	int i;

	out_text("name", tenant->name);
	out_number("id", tenant->id);
	out_value("uid", tenant->uid);
	out_value("gid", tenant->gid);
	out_number("contexts", tenant->contexts);
	out_number("quota_bytes", tenant->quota_bytes);
	out_number("pin_quota_bytes", tenant->pin_quota_bytes);
	out_number("push_quota_bytes", tenant->push_quota_bytes);
	out_number("pushed_in_bytes", tenant->pushed_in_bytes);
	out_number("guaranteed_bytes", tenant->guaranteed_bytes);
	for (i = 0; i < NR_COUNTERS; i++)
		out_number(counter_infos[i].name, tenant->counter[i]);
	out_real("hit_rate", tenant_hit_rate(tenant->counter));
}

/**
 * tenant_show_all - Show the members of tenants, as the member "tenants"
 * @tenants:	The tenants.
 * @nr:		Number of tenants.
 */
void tenant_show_all(const struct tenant *tenants, int nr)
{
	int i;

	out_array("tenants");
	for (i = 0; i < nr; i++) {
		out_object(NULL);
		tenant_show(&tenants[i]);
		out_end();
	}
	out_end();
}
