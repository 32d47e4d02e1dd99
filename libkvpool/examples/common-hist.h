/* SPDX-License-Identifier: MIT */
/* Latencies, with an error of at most 1/32 of the value. */
#ifndef KVPOOL_EXAMPLES_COMMON_HIST_H
#define KVPOOL_EXAMPLES_COMMON_HIST_H

#include <stdint.h>

#define HIST_SUB	32
#define HIST_BUCKETS	(60 * HIST_SUB)

/* One thread at a time may add. All zero is an empty histogram. */
struct hist {
	uint64_t count;
	uint64_t max;		/* ns */
	uint64_t sum;		/* ns */
	uint32_t bucket[HIST_BUCKETS];
};

/**
 * hist_add() - Add a latency
 * @hist: The histogram.
 * @ns:	  The latency in nanoseconds.
 */
void hist_add(struct hist *hist, uint64_t ns);

/**
 * hist_merge() - Add all latencies of another histogram
 * @to:	  The histogram to add to.
 * @from: The other.
 */
void hist_merge(struct hist *to, const struct hist *from);

/**
 * hist_percentile() - A percentile of the latencies
 * @hist:    The histogram.
 * @percent: 0 to 100.
 *
 * Return: nanoseconds, zero if the histogram is empty.
 */
uint64_t hist_percentile(const struct hist *hist, double percent);

#endif /* KVPOOL_EXAMPLES_COMMON_HIST_H */
