/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_TENANT_H
#define KVPOOLCTL_TENANT_H

#include "sysfs.h"

/* Counters of a tenant, in the order of the output. */
enum counter {
	COUNTER_BLOCKS,
	COUNTER_USED_BYTES,
	COUNTER_ARENA_BYTES,
	COUNTER_PINNED_BYTES,
	COUNTER_QUARANTINED_BYTES,
	COUNTER_PENDING,
	COUNTER_LEASES,
	COUNTER_LOOKUPS,
	COUNTER_HITS,
	COUNTER_LOCAL_HITS,
	COUNTER_LOCAL_BYTES,
	COUNTER_PEER_HITS,
	COUNTER_PEER_BYTES,
	COUNTER_PROBES,
	COUNTER_PROBE_HITS,
	COUNTER_PRODUCED_BLOCKS,
	COUNTER_PRODUCED_BYTES,
	COUNTER_CONSUMED_BYTES,
	COUNTER_COPIED_BYTES,
	COUNTER_EVICTED_BLOCKS,
	COUNTER_EVICTED_BYTES,
	COUNTER_REMOVED_BLOCKS,
	COUNTER_ABORTED_BLOCKS,
	COUNTER_PREEMPTED_BLOCKS,
	COUNTER_REJECTED,
	COUNTER_FETCHED_BLOCKS,
	COUNTER_FETCHED_BYTES,
	COUNTER_PUSHED_BLOCKS,
	COUNTER_PUSHED_BYTES,
	COUNTER_SERVED_BLOCKS,
	COUNTER_SERVED_BYTES,
	COUNTER_RECEIVED_BLOCKS,
	COUNTER_RECEIVED_BYTES,
	COUNTER_CANCELLED_OPS,
	COUNTER_TIMEDOUT_OPS,
	NR_COUNTERS
};

/**
 * struct counter_info - Names of a counter
 * @file:	In sysfs.
 * @name:	In JSON.
 * @rate_name:	In JSON, per second; null for a counter without a rate.
 */
struct counter_info {
	const char *file;
	const char *name;
	const char *rate_name;
};

extern const struct counter_info counter_infos[NR_COUNTERS];

/**
 * struct tenant - A tenant, as sysfs has it
 * @name:		Its name.
 * @uid:		The user who may use it, as text; "none" for nobody.
 * @gid:		The group whose members may, as text; "none" for none.
 * @id:			Its number.
 * @contexts:		Its open files.
 * @quota_bytes:	Most memory of the tenant; 0 is unlimited.
 * @pin_quota_bytes:	Most memory of its hard-pinned blocks.
 * @push_quota_bytes:	Most memory of blocks that peers have pushed; 0 is unlimited.
 * @pushed_in_bytes:	Memory of these blocks.
 * @guaranteed_bytes:	Memory that it has at any time.
 * @counter:		Its counters, by enum counter.
 */
struct tenant {
	char name[SYSFS_NAME_MAX];
	char uid[32];
	char gid[32];
	uint64_t id;
	uint64_t contexts;
	uint64_t quota_bytes;
	uint64_t pin_quota_bytes;
	uint64_t push_quota_bytes;
	uint64_t pushed_in_bytes;
	uint64_t guaranteed_bytes;
	uint64_t counter[NR_COUNTERS];
};

enum code tenant_read(const char *name, struct tenant *tenant);
enum code tenant_read_all(struct tenant **tenants, int *nr);
double tenant_hit_rate(const uint64_t *counter);
void tenant_show(const struct tenant *tenant);
void tenant_show_all(const struct tenant *tenants, int nr);

#endif /* KVPOOLCTL_TENANT_H */
