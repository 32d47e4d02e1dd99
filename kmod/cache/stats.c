// SPDX-License-Identifier: GPL-2.0
/* Statistics of a tenant. */
#include <linux/cpumask.h>
#include <linux/percpu.h>

#include "cache/stats.h"
#include "cache/tenant.h"

/* Offsets in struct kvpool_stats of the members of struct kvpool_counters. */
static const size_t kvpool_stats_offset[] = {
#define X(name) offsetof(struct kvpool_stats, name),
	KVPOOL_COUNTERS(X)
#undef X
};

/**
 * kvpool_stats_read() - Add up the statistics of a tenant
 * @tenant: the tenant
 * @out: out: the sums; its size and flags are left alone
 *
 * Takes no lock: a number is exact only while it does not change.
 *
 * Context: Any.
 */
void kvpool_stats_read(struct kvpool_tenant *tenant, struct kvpool_stats *out)
{
	unsigned long quota = READ_ONCE(tenant->quota);
	unsigned int i;

	BUILD_BUG_ON(sizeof(struct kvpool_counters) !=
		     ARRAY_SIZE(kvpool_stats_offset) * sizeof(u64));

	for (i = 0; i < ARRAY_SIZE(kvpool_stats_offset); i++) {
		u64 sum = 0;
		int cpu;

		for_each_possible_cpu(cpu) {
			const u64 *counters =
				(u64 *)per_cpu_ptr(tenant->counters, cpu);

			sum += READ_ONCE(counters[i]);
		}
		*(u64 *)((void *)out + kvpool_stats_offset[i]) = sum;
	}

	out->hits = out->local_hits + out->peer_hits;
	out->consumed_bytes = out->local_bytes + out->peer_bytes;
	out->bytes = (u64)READ_ONCE(tenant->arena.used) <<
		     KVPOOL_PAGE_SHIFT;
	out->arena_bytes = (u64)atomic_long_read(&tenant->arena.nr_chunks) <<
			   KVPOOL_CHUNK_SHIFT;
	out->quota_bytes = quota == ULONG_MAX ? 0 :
			   (u64)quota << KVPOOL_CHUNK_SHIFT;
	out->pinned_bytes = READ_ONCE(tenant->pinned);
	out->pin_quota_bytes = READ_ONCE(tenant->pin_quota);
	out->described_bytes = kvpool_tenant_described(tenant);
	out->pushed_in_bytes = (u64)atomic_long_read(&tenant->pushed) <<
			       KVPOOL_PAGE_SHIFT;
	quota = READ_ONCE(tenant->push_quota);
	out->push_quota_bytes = quota == ULONG_MAX ? 0 :
				(u64)quota << KVPOOL_PAGE_SHIFT;
	out->quarantined_bytes = (u64)atomic_long_read(&tenant->quarantined) <<
				 KVPOOL_PAGE_SHIFT;
}
