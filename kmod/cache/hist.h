/* SPDX-License-Identifier: GPL-2.0 */
/* Histograms of a tenant, in buckets of powers of two. */
#ifndef _KVPOOL_HIST_H
#define _KVPOOL_HIST_H

#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/types.h>

#include "cache/tenant.h"

/*
 * Of calls: RESERVE, SEAL, LEASE. Of tasks: a wait for a pending key, a step of
 * eviction, a compaction. Of operations that took time: from submission to
 * completion. Bytes are those of all blocks of the call or task together.
 */
enum kvpool_hist {
	KVPOOL_HIST_RESERVE_NS,
	KVPOOL_HIST_RESERVE_BYTES,
	KVPOOL_HIST_SEAL_NS,
	KVPOOL_HIST_SEAL_BYTES,
	KVPOOL_HIST_LEASE_NS,
	KVPOOL_HIST_LEASE_BYTES,
	KVPOOL_HIST_WAIT_NS,
	KVPOOL_HIST_EVICT_NS,
	KVPOOL_HIST_EVICT_BYTES,
	KVPOOL_HIST_COMPACT_NS,
	KVPOOL_HIST_COMPACT_BYTES,
	KVPOOL_HIST_OPERATION_NS,
	KVPOOL_HIST_OPERATION_BYTES,
	KVPOOL_NR_HISTS
};

/* Bucket 0 counts zeros, bucket i values from 2^(i-1) on, the last all above. */
#define KVPOOL_HIST_BUCKETS	40

/**
 * struct kvpool_hists - the part that one CPU has counted
 * @nr:	values, by histogram and bucket
 */
struct kvpool_hists {
	u64 nr[KVPOOL_NR_HISTS][KVPOOL_HIST_BUCKETS];
};

/* Count a value. */
static inline void kvpool_hist_add(struct kvpool_tenant *tenant,
				   enum kvpool_hist hist, u64 value)
{
	this_cpu_inc(tenant->hists->nr[hist][min_t(int, fls64(value),
						   KVPOOL_HIST_BUCKETS - 1)]);
}

/* Count the nanoseconds since ktime_get_ns() gave @start. */
static inline void kvpool_hist_since(struct kvpool_tenant *tenant,
				     enum kvpool_hist hist, u64 start)
{
	kvpool_hist_add(tenant, hist, ktime_get_ns() - start);
}

u64 kvpool_hist_read(const struct kvpool_tenant *tenant, enum kvpool_hist hist,
		     unsigned int bucket);

#endif /* _KVPOOL_HIST_H */
