/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_LINK_H
#define _KVPOOL_FABRIC_LINK_H

#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sizes.h>
#include <linux/socket.h>
#include <linux/workqueue.h>
#include <rdma/ib_sa.h>

#include "fabric/queue.h"

#define KVPOOL_IBDEV_NAME	64
#define KVPOOL_MIN_SLICE	SZ_128K	/* of a block that is divided */
#define KVPOOL_STALL_MS		100	/* no answer: does the peer live? */

struct kvpool_peer;

/**
 * enum kvpool_link_state - The state of a link as a whole
 * @KVPOOL_LINK_DOWN:		it failed and waits for the next attempt
 * @KVPOOL_LINK_CONNECTING:	a queue pair is being connected
 * @KVPOOL_LINK_UP:		a queue pair is up
 * @KVPOOL_LINK_DRAINING:	it is being fenced
 * @KVPOOL_LINK_IDLE:		not connected, since nothing needs it
 */
enum kvpool_link_state {
	KVPOOL_LINK_DOWN,
	KVPOOL_LINK_CONNECTING,
	KVPOOL_LINK_UP,
	KVPOOL_LINK_DRAINING,
	KVPOOL_LINK_IDLE,
};

/**
 * struct kvpool_link_info - A link as it is now
 * @peer:	id of the peer
 * @id:		id of the link, from 1, unique within the peer
 * @state:	enum kvpool_link_state
 * @queues:	queue pairs that are up
 * @close_reason: enum kvpool_close: why a queue pair last ended
 * @last_error:	negative errno that came with it, or zero
 * @inflight:	requests sent and not answered
 * @rate:	bytes per second that it carried when last busy
 * @requests:	requests answered
 * @bytes_in:	bytes fetched
 * @bytes_inline: bytes of them that came in answers and were copied
 * @bytes_out:	bytes pushed
 * @errors:	queue pairs that ended without a command of this host
 * @reconnects:	queue pairs connected again
 * @dst:	address of the peer
 * @src:	address here, of family AF_UNSPEC if none was given
 * @ibdev:	RDMA device in use, empty while there is none
 */
struct kvpool_link_info {
	u32 peer;
	u32 id;
	u32 state;
	u32 queues;
	u32 close_reason;
	s32 last_error;
	u32 inflight;
	u64 rate;
	u64 requests;
	u64 bytes_in;
	u64 bytes_inline;
	u64 bytes_out;
	u64 errors;
	u64 reconnects;
	struct sockaddr_storage dst;
	struct sockaddr_storage src;
	char ibdev[KVPOOL_IBDEV_NAME];
};

/**
 * struct kvpool_link - One way to a peer
 * @refs:	one until it is deleted, and one for each queue pair that is stuck
 * @peer:	with a reference
 * @peer_id:	number of the peer
 * @peer_name:	its name, for messages
 * @id:		number of the link
 * @number:	among the links of this host, for targets
 * @place:	in its peer's links
 * @dst:	address there
 * @src:	address here, or of family AF_UNSPEC
 * @dead:	it is being deleted
 * @wanted:	it is to be connected, until its peer has not been used for a
 *		while; racy by intent
 * @target:	the first so many of @queues are to be connected, at least one
 * @busy_since:	jiffies since when its queue pairs have been too few
 * @busy_last:	jiffies when they last were
 * @notify_lock: protects @state and @told, and keeps events in their order
 * @state:	as the last event reported it
 * @told:	reason in the latest message to the log; KVPOOL_CLOSE_NONE if that
 *		was that it is up, KVPOOL_NR_CLOSES before the first message
 * @watch_work:	asks silent peers whether they live
 * @watch_soon:	it is due soon; racy by intent
 * @heard:	jiffies when the last message came
 * @inflight:	bytes of requests sent and not answered
 * @moved:	bytes of requests answered since @began
 * @began:	since when it is measured how fast the link is, in ns
 * @rate:	KiB per second; racy by intent
 * @measured:	jiffies when that was measured; likewise
 * @errors:	queue pairs that ended without a command of this host
 * @reconnects:	queue pairs connected again
 * @reason:	enum kvpool_close: why a queue pair ended last
 * @error:	negative errno that came with it
 * @mtu:	largest path MTU that the peer can take, or zero: not known
 * @has_path:	@path is the route of the latest attempt; @notify_lock
 * @path:	InfiniBand: the route
 * @ibdev:	name of the device
 * @node:	NUMA node nearest to it, or NUMA_NO_NODE
 * @nr_queues:	length of @queues
 * @rcu:	to free it after the last reader of its peer's links
 * @queues:	its queue pairs
 */
struct kvpool_link {
	refcount_t refs;
	struct kvpool_peer *peer;
	u32 peer_id;
	const char *peer_name;
	u32 id;
	u16 number;
	unsigned int place;
	struct sockaddr_storage dst;
	struct sockaddr_storage src;
	bool dead;
	bool wanted;
	unsigned int target;
	unsigned long busy_since;
	unsigned long busy_last;
	struct mutex notify_lock;	/* see above */
	enum kvpool_link_state state;
	int told;
	struct delayed_work watch_work;
	bool watch_soon;
	unsigned long heard;
	atomic64_t inflight;
	atomic64_t moved;
	u64 began;
	u64 rate;
	unsigned long measured;
	atomic_t errors;
	atomic_t reconnects;
	int reason;
	int error;
	u16 mtu;
	bool has_path;
	struct sa_path_rec path;
	char ibdev[KVPOOL_IBDEV_NAME];
	int node;
	unsigned int nr_queues;
	struct rcu_head rcu;
	struct kvpool_queue queues[];
};

/**
 * kvpool_link_get() - Take a reference
 * @link: a link with a reference
 *
 * Return: @link.
 */
static inline struct kvpool_link *kvpool_link_get(struct kvpool_link *link)
{
	refcount_inc(&link->refs);
	return link;
}

void kvpool_link_read(struct kvpool_link *link, struct kvpool_link_info *info);
void kvpool_link_notify(struct kvpool_link *link);
bool kvpool_link_is_up(const struct kvpool_link *link);
void kvpool_link_wake(struct kvpool_link *link);
void kvpool_link_retry(struct kvpool_link *link, unsigned int ms);
void kvpool_link_retry_queue(struct kvpool_queue *queue, unsigned int ms);
bool kvpool_link_needs(const struct kvpool_link *link,
		       const struct kvpool_queue *queue);
bool kvpool_link_rest(struct kvpool_link *link);
void kvpool_link_less(struct kvpool_link *link, struct kvpool_queue *queue);
bool kvpool_link_reachable(const struct kvpool_link *link);
void kvpool_link_busy(struct kvpool_link *link);

/**
 * kvpool_link_want() - The queue pairs of a link are too few just now
 * @link: the link
 *
 * To be called whenever that is so; once it has been so for a while, another
 * queue pair is connected. Context: as kvpool_queue_close(); cheap.
 */
static inline void kvpool_link_want(struct kvpool_link *link)
{
	unsigned long now = jiffies;

	if (READ_ONCE(link->target) < link->nr_queues &&
	    READ_ONCE(link->busy_last) != now)
		kvpool_link_busy(link);
}

#endif /* _KVPOOL_FABRIC_LINK_H */
