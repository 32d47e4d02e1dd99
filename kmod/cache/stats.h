/* SPDX-License-Identifier: GPL-2.0 */
/* Statistics of a tenant. */
#ifndef _KVPOOL_STATS_H
#define _KVPOOL_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

#include <linux/kvpool.h>

struct kvpool_tenant;

/* The names are members of struct kvpool_stats. Gauges may go down. */
#define KVPOOL_COUNTERS(X)	\
	X(blocks)		\
	X(pending)		\
	X(leases)		\
	X(lookups)		\
	X(local_hits)		\
	X(local_bytes)		\
	X(peer_hits)		\
	X(peer_bytes)		\
	X(probes)		\
	X(probe_hits)		\
	X(produced_blocks)	\
	X(produced_bytes)	\
	X(copied_bytes)		\
	X(evicted_blocks)	\
	X(evicted_bytes)	\
	X(removed_blocks)	\
	X(aborted_blocks)	\
	X(preempted_blocks)	\
	X(rejected)		\
	X(fetched_blocks)	\
	X(fetched_bytes)	\
	X(pushed_blocks)	\
	X(pushed_bytes)		\
	X(served_blocks)	\
	X(served_bytes)		\
	X(received_blocks)	\
	X(received_bytes)	\
	X(cancelled_ops)	\
	X(timedout_ops)

struct kvpool_counters {
#define X(name) u64 name;
	KVPOOL_COUNTERS(X)
#undef X
};

void kvpool_stats_read(struct kvpool_tenant *tenant, struct kvpool_stats *out);

#endif /* _KVPOOL_STATS_H */
