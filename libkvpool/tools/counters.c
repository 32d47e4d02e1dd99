// SPDX-License-Identifier: MIT
/* Reads tenants and tiers from sysfs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kvpoolctl.h"

const char * const counter_names[NR_COUNTERS] = {
	[C_BLOCKS] = "blocks",
	[C_BYTES] = "bytes",
	[C_ARENA_BYTES] = "arena_bytes",
	[C_PINNED_BYTES] = "pinned_bytes",
	[C_QUARANTINED_BYTES] = "quarantined_bytes",
	[C_PENDING] = "pending",
	[C_LEASES] = "leases",
	[C_LOOKUPS] = "lookups",
	[C_HITS] = "hits",
	[C_PRODUCED_BLOCKS] = "produced_blocks",
	[C_PRODUCED_BYTES] = "produced_bytes",
	[C_CONSUMED_BYTES] = "consumed_bytes",
	[C_COPIED_BYTES] = "copied_bytes",
	[C_EVICTED_BLOCKS] = "evicted_blocks",
	[C_EVICTED_BYTES] = "evicted_bytes",
	[C_REMOVED_BLOCKS] = "removed_blocks",
	[C_ABORTED_BLOCKS] = "aborted_blocks",
	[C_PREEMPTED_BLOCKS] = "preempted_blocks",
	[C_REJECTED] = "rejected",
	[C_FETCHED_BLOCKS] = "fetched_blocks",
	[C_FETCHED_BYTES] = "fetched_bytes",
	[C_PUSHED_BLOCKS] = "pushed_blocks",
	[C_PUSHED_BYTES] = "pushed_bytes",
	[C_SERVED_BLOCKS] = "served_blocks",
	[C_SERVED_BYTES] = "served_bytes",
	[C_RECEIVED_BLOCKS] = "received_blocks",
	[C_RECEIVED_BYTES] = "received_bytes",
	[C_CANCELLED_OPS] = "cancelled_ops",
	[C_TIMEDOUT_OPS] = "timedout_ops",
};

/* -ENOENT says that the tenant is not there, or not any more. */
static int read_all(const char *name, struct tenant *tenant, char *path, size_t len)
{
	const struct {
		const char *file;
		uint64_t *value;
	} numbers[] = {
		{ "id", &tenant->id },
		{ "contexts", &tenant->contexts },
		{ "quota_bytes", &tenant->quota_bytes },
		{ "pin_quota_bytes", &tenant->pin_quota_bytes },
	};
	int error = 0;
	size_t i;

	memset(tenant, 0, sizeof(*tenant));
	snprintf(tenant->name, sizeof(tenant->name), "%s", name);
	for (i = 0; !error && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(path, len, "tenants/%s/%s", name, numbers[i].file);
		error = sysfs_read_u64(path, numbers[i].value);
	}
	for (i = 0; !error && i < NR_COUNTERS; i++) {
		snprintf(path, len, "tenants/%s/%s", name, counter_names[i]);
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

/* EX_OK, or an exit code with a message. */
int read_tenant(const char *name, struct tenant *tenant)
{
	char path[256];
	char id[VALUE_MAX];
	int error;

	if (!sysfs_name_ok(name)) {
		complain("'%s' cannot be the name of a tenant", name);
		return EX_NOT_FOUND;
	}
	error = read_all(name, tenant, path, sizeof(path));
	if (!error)
		return EX_OK;
	if (error == -ENOENT) {
		char probe[256];

		snprintf(probe, sizeof(probe), "tenants/%s/id", name);
		if (sysfs_read(probe, id, sizeof(id)) == -ENOENT) {
			complain("there is no tenant '%s'; see 'kvpoolctl tenants'", name);
			return EX_NOT_FOUND;
		}
	}
	return sysfs_fail("read the tenant", path, error);
}

int read_tenants(struct tenant **tenants, int *nr)
{
	char path[256];
	char **names;
	int found = sysfs_list("tenants", &names);
	int code = EX_OK;
	int error, i;

	*tenants = NULL;
	*nr = 0;
	if (found < 0)
		return sysfs_fail("list the tenants", "tenants", found);
	*tenants = xrealloc(NULL, (size_t)found, sizeof(**tenants));
	for (i = 0; i < found && code == EX_OK; i++) {
		error = read_all(names[i], &(*tenants)[*nr], path, sizeof(path));
		if (!error)
			++*nr;
		else if (error != -ENOENT && error != -ENODEV)
			code = sysfs_fail("read a tenant", path, error);
		/* A tenant may go away while the list is read. */
	}
	sysfs_list_free(names, found);
	return code;
}

int read_tiers(struct tier **tiers, int *nr)
{
	char path[256];
	char **names;
	int found = sysfs_list("tiers", &names);
	int code = EX_OK;
	size_t j;
	int error, i;

	*tiers = NULL;
	*nr = 0;
	if (found < 0)
		return sysfs_fail("list the tiers", "tiers", found);
	*tiers = xrealloc(NULL, (size_t)found, sizeof(**tiers));
	for (i = 0; i < found && code == EX_OK; i++) {
		struct tier *tier = &(*tiers)[*nr];
		const struct {
			const char *file;
			uint64_t *value;
		} numbers[] = {
			{ "node", &tier->node },
			{ "limit_bytes", &tier->limit_bytes },
			{ "allocated_bytes", &tier->allocated_bytes },
			{ "used_bytes", &tier->used_bytes },
		};

		memset(tier, 0, sizeof(*tier));
		snprintf(tier->name, sizeof(tier->name), "%s", names[i]);
		for (j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++) {
			snprintf(path, sizeof(path), "tiers/%s/%s", names[i], numbers[j].file);
			error = sysfs_read_u64(path, numbers[j].value);
			if (error) {
				code = sysfs_fail("read a tier", path, error);
				break;
			}
		}
		++*nr;
	}
	sysfs_list_free(names, found);
	return code;
}

double hit_rate(const uint64_t *counter)
{
	return counter[C_LOOKUPS] ? (double)counter[C_HITS] / (double)counter[C_LOOKUPS] : 0;
}

void json_tenant(const struct tenant *tenant)
{
	int i;

	json_text("name", tenant->name);
	json_number("id", tenant->id);
	json_value("uid", tenant->uid);
	json_value("gid", tenant->gid);
	json_number("contexts", tenant->contexts);
	json_number("quota_bytes", tenant->quota_bytes);
	json_number("pin_quota_bytes", tenant->pin_quota_bytes);
	for (i = 0; i < NR_COUNTERS; i++)
		json_number(counter_names[i], tenant->counter[i]);
	json_real("hit_rate", hit_rate(tenant->counter));
}

void json_tenants(const char *name, const struct tenant *tenants, int nr)
{
	int i;

	json_begin(name, '[');
	for (i = 0; i < nr; i++) {
		json_begin(NULL, '{');
		json_tenant(&tenants[i]);
		json_end('}');
	}
	json_end(']');
}

void json_tiers(const char *name, const struct tier *tiers, int nr)
{
	int i;

	json_begin(name, '[');
	for (i = 0; i < nr; i++) {
		json_begin(NULL, '{');
		json_text("name", tiers[i].name);
		json_number("node", tiers[i].node);
		json_number("limit_bytes", tiers[i].limit_bytes);
		json_number("allocated_bytes", tiers[i].allocated_bytes);
		json_number("used_bytes", tiers[i].used_bytes);
		json_end('}');
	}
	json_end(']');
}
