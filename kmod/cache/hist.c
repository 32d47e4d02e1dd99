// SPDX-License-Identifier: GPL-2.0
/* Histograms of a tenant, in buckets of powers of two. */
#include <linux/cpumask.h>

#include "cache/hist.h"

/**
 * kvpool_hist_read() - Add up a bucket of a histogram
 * @tenant: the tenant
 * @hist: the histogram
 * @bucket: the bucket, less than KVPOOL_HIST_BUCKETS
 *
 * Context: Any; takes no lock.
 * Return: values that were counted.
 */
u64 kvpool_hist_read(const struct kvpool_tenant *tenant, enum kvpool_hist hist,
		     unsigned int bucket)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(tenant->hists,
					     cpu)->nr[hist][bucket]);
	return sum;
}
