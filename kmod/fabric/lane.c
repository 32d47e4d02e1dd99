// SPDX-License-Identifier: GPL-2.0
/* Lanes back off while their peer can take nothing. */
#include <linux/random.h>

#include "fabric/lane.h"

#define KVPOOL_LATER_MIN_MS	10
#define KVPOOL_LATER_MAX_MS	1000

/**
 * kvpool_lane_init() - Prepare a lane
 * @lane: zeroed
 */
void kvpool_lane_init(struct kvpool_lane *lane)
{
	INIT_LIST_HEAD(&lane->ranges);
}

/**
 * kvpool_lane_later() - The peer cannot take a request now
 * @lane: its lane; the lock of the peer is held
 *
 * Requests that were sent before the peer was known to be full are refused
 * together: that counts once.
 *
 * Return: true if a back-off begins, which ends at @lane->due.
 */
bool kvpool_lane_later(struct kvpool_lane *lane)
{
	unsigned int ms = KVPOOL_LATER_MIN_MS;

	if (lane->later_ms && time_before(jiffies, lane->due))
		return false;
	if (lane->later_ms)
		ms = min(2 * lane->later_ms, (unsigned int)KVPOOL_LATER_MAX_MS);
	lane->later_ms = ms;
	/* Random, so that hosts do not come back together. */
	ms = ms / 2 + get_random_u32() % ms;
	lane->due = jiffies + msecs_to_jiffies(ms) + 1;
	return true;
}
