/* SPDX-License-Identifier: GPL-2.0 */
/* Lanes: what waits at a peer to be sent, by how it may be held up. */
#ifndef _KVPOOL_FABRIC_LANE_H
#define _KVPOOL_FABRIC_LANE_H

#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/types.h>

/**
 * enum kvpool_lane_id - The lanes of a peer; none holds up another
 * @KVPOOL_LANE_FETCH:	PROBE, FETCH, DROP
 * @KVPOOL_LANE_PUSH:	PUSH: the peer takes so many blocks at a time
 * @KVPOOL_LANE_WAIT:	FETCH that waits at the peer for a pending block
 * @KVPOOL_NR_LANES:	their number
 */
enum kvpool_lane_id {
	KVPOOL_LANE_FETCH,
	KVPOOL_LANE_PUSH,
	KVPOOL_LANE_WAIT,
	KVPOOL_NR_LANES
};

/**
 * struct kvpool_lane - Ranges that are to be requested, in their order
 * @ranges:	by their entry
 * @nr_requests: requests of the lane in flight
 * @later_ms:	the back-off, while the peer says that it can take nothing now;
 *		otherwise zero. One request at a time is sent then
 * @due:	jiffies when the back-off is over
 *
 * The lock of the peer protects all of it.
 */
struct kvpool_lane {
	struct list_head ranges;
	unsigned int nr_requests;
	unsigned int later_ms;
	unsigned long due;
};

void kvpool_lane_init(struct kvpool_lane *lane);
bool kvpool_lane_later(struct kvpool_lane *lane);

/**
 * kvpool_lane_open() - May a request of a lane be sent?
 * @lane: the lane; the lock of its peer is held
 *
 * Return: true if it has ranges and no back-off keeps them.
 */
static inline bool kvpool_lane_open(const struct kvpool_lane *lane)
{
	return !list_empty(&lane->ranges) &&
	       (!lane->later_ms ||
		(!lane->nr_requests && time_after_eq(jiffies, lane->due)));
}

#endif /* _KVPOOL_FABRIC_LANE_H */
