// SPDX-License-Identifier: MIT
/* A histogram whose buckets grow with the value: 32 to each power of two. */
#include "common-hist.h"

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int shift;

	if (ns < HIST_SUB)
		return (unsigned int)ns;
	shift = 63 - (unsigned int)__builtin_clzll(ns) - 5;
	return (shift + 1) * HIST_SUB + (unsigned int)((ns >> shift) - HIST_SUB);
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_top(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < HIST_SUB)
		return bucket;
	shift = bucket / HIST_SUB - 1;
	return ((uint64_t)(bucket % HIST_SUB + HIST_SUB + 1) << shift) - 1;
}

void hist_add(struct hist *hist, uint64_t ns)
{
	hist->bucket[bucket_of(ns)]++;
	hist->count++;
	hist->sum += ns;
	if (ns > hist->max)
		hist->max = ns;
}

void hist_merge(struct hist *to, const struct hist *from)
{
	unsigned int i;

	for (i = 0; i < HIST_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
	to->count += from->count;
	to->sum += from->sum;
	if (from->max > to->max)
		to->max = from->max;
}

uint64_t hist_percentile(const struct hist *hist, double percent)
{
	uint64_t rank = (uint64_t)((double)hist->count * percent / 100);
	uint64_t seen = 0;
	unsigned int i;

	if (!hist->count)
		return 0;
	for (i = 0; i < HIST_BUCKETS; i++) {
		seen += hist->bucket[i];
		if (seen > rank || seen == hist->count)
			break;
	}
	return bucket_top(i) < hist->max ? bucket_top(i) : hist->max;
}
