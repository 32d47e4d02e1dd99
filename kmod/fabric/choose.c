// SPDX-License-Identifier: GPL-2.0
/*
 * Which queue pair the next request takes: of the link that would finish it
 * first, by the bytes in flight and by the rate at which the link has moved
 * bytes while it was busy.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>

#include "fabric/choose.h"
#include "fabric/limits.h"
#include "fabric/peer.h"

/* How long a rate counts: what is measured now replaces the older by that. */
#define KVPOOL_RATE_NS		(100 * NSEC_PER_MSEC)
/* A time in which a link moves less than this shows nothing of its rate. */
#define KVPOOL_RATE_BYTES	SZ_256K
/* A rate that was measured so long ago does not speak against a link. */
#define KVPOOL_RATE_STALE_MS	1000
/* So many requests keep a queue pair busy. */
#define KVPOOL_BUSY_REQUESTS	4

/* ---- rates ---- */

/**
 * kvpool_link_begin() - A request is sent over a link
 * @link: the link
 * @bytes: bytes of the request
 */
void kvpool_link_begin(struct kvpool_link *link, u32 bytes)
{
	if (!bytes || atomic64_fetch_add(bytes, &link->inflight))
		return;
	atomic64_set(&link->moved, 0);
	WRITE_ONCE(link->began, ktime_get_ns());
}

/**
 * kvpool_link_undo() - A request is not in flight any more and has moved nothing
 * @link: the link
 * @bytes: bytes of the request
 */
void kvpool_link_undo(struct kvpool_link *link, u32 bytes)
{
	atomic64_sub(bytes, &link->inflight);
}

/*
 * @moved bytes in @ns. The rate is in KiB per second; tasks race for it, and at
 * worst a measurement is lost.
 */
static void kvpool_link_measure(struct kvpool_link *link, u64 moved, u64 ns)
{
	u64 rate = READ_ONCE(link->rate) * KVPOOL_RATE_NS;

	moved = min_t(u64, moved, U32_MAX);
	rate += moved * (NSEC_PER_SEC >> 10);
	rate = div64_u64(rate, KVPOOL_RATE_NS + ns);
	WRITE_ONCE(link->rate, max_t(u64, rate, 1));
	WRITE_ONCE(link->measured, jiffies);
}

/**
 * kvpool_link_done() - A request has been answered
 * @link: the link
 * @bytes: bytes of the request
 *
 * The rate is measured over the time in which the link always has requests, in
 * pieces of KVPOOL_RATE_NS.
 */
void kvpool_link_done(struct kvpool_link *link, u32 bytes)
{
	u64 moved, began, now;
	bool idle;

	if (!bytes)
		return;
	moved = atomic64_add_return(bytes, &link->moved);
	idle = !atomic64_sub_return(bytes, &link->inflight);
	if (moved < KVPOOL_RATE_BYTES)
		return;
	now = ktime_get_ns();
	began = READ_ONCE(link->began);
	if (now <= began || (!idle && now - began < KVPOOL_RATE_NS) ||
	    cmpxchg64(&link->began, began, now) != began)
		return;
	atomic64_sub(moved, &link->moved);
	kvpool_link_measure(link, moved, now - began);
}

/*
 * The rate to expect of a link in place of @other. A link that broke, or was
 * slow for a while, is tried once more: otherwise nothing would ever tell that
 * it is fast again.
 */
static u64 kvpool_link_rate(const struct kvpool_link *link,
			    const struct kvpool_link *other)
{
	u64 rate = READ_ONCE(link->rate);

	if (time_after(jiffies, READ_ONCE(link->measured) +
				msecs_to_jiffies(KVPOOL_RATE_STALE_MS)))
		rate = max(rate, READ_ONCE(other->rate));
	return rate;
}

/* Would another request be done earlier on link @a than on @b? */
static bool kvpool_link_earlier(const struct kvpool_link *a,
				const struct kvpool_link *b)
{
	u64 work_a = atomic64_read(&a->inflight) + KVPOOL_MAX_REQUEST;
	u64 work_b = atomic64_read(&b->inflight) + KVPOOL_MAX_REQUEST;

	return work_a * kvpool_link_rate(b, a) <
	       work_b * kvpool_link_rate(a, b);
}

/* ---- queue pairs ---- */

/* Requests that keep a queue pair busy. */
static unsigned int kvpool_queue_load(const struct kvpool_queue *queue)
{
	unsigned int waiting = READ_ONCE(queue->waiting);
	unsigned int inflight = READ_ONCE(queue->inflight);

	return inflight > waiting ? inflight - waiting : 0;
}

/*
 * The queue pair of a link with the fewest requests that has a credit, or NULL.
 * Among equal ones each CPU begins with another.
 */
static struct kvpool_queue *kvpool_link_queue(struct kvpool_link *link,
					      bool waits, unsigned int *up)
{
	unsigned int i, load, least = UINT_MAX, first = raw_smp_processor_id();
	struct kvpool_queue *queue, *best = NULL;

	for (i = 0; i < link->nr_queues; i++) {
		queue = &link->queues[(first + i) % link->nr_queues];
		if (READ_ONCE(queue->state) != KVPOOL_QUEUE_UP)
			continue;
		++*up;
		if (!kvpool_queue_has_credit(queue) ||
		    (waits && !kvpool_queue_may_wait(queue)))
			continue;
		load = kvpool_queue_load(queue);
		if (load >= least)
			continue;
		best = queue;
		least = load;
	}
	return best;
}

/**
 * kvpool_choose() - Choose the queue pair for the next request
 * @peer: the peer
 * @waits: the request waits at the peer
 * @up: out: queue pairs of the peer that are up
 *
 * It takes no lock: what it sees may change at any time.
 *
 * Context: RCU read side, for the links.
 * Return: the queue pair, or NULL if none has a credit.
 */
struct kvpool_queue *kvpool_choose(struct kvpool_peer *peer, bool waits,
				   unsigned int *up)
{
	struct kvpool_queue *queue, *best = NULL;
	struct kvpool_link *link;

	*up = 0;
	kvpool_peer_each_link(peer, link) {
		queue = kvpool_link_queue(link, waits, up);
		if (queue &&
		    (!best || kvpool_link_earlier(link, best->link)))
			best = queue;
	}
	if (best && kvpool_queue_load(best) >= KVPOOL_BUSY_REQUESTS)
		kvpool_link_want(best->link);
	return best;
}
