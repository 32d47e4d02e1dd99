/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KVP_CLOCK_H
#define KVP_CLOCK_H

#include <stdint.h>
#include <time.h>

#define KVP_NSEC_PER_SEC	1000000000ULL

/**
 * kvp_now() - The time since an arbitrary point, which is never set back
 *
 * Return: nanoseconds.
 */
static inline uint64_t kvp_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * KVP_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

#endif /* KVP_CLOCK_H */
