/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_PEER_H
#define _KVPOOL_FABRIC_PEER_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "fabric/grant.h"
#include "fabric/lane.h"
#include "fabric/link.h"

#define KVPOOL_MAX_LINKS	16	/* of a peer */

/**
 * struct kvpool_peer_info - A peer as it is now
 * @id:		from 1
 * @nr_links:	links
 * @nr_up:	links that are up
 * @name:	given by the administrator
 * @host:	name that the other side has to prove, or empty
 * @requests:	transfers done with it
 * @failed:	transfers that failed for want of a link or by its fault
 * @bytes_in:	bytes fetched
 * @bytes_out:	bytes pushed
 */
struct kvpool_peer_info {
	u32 id;
	u32 nr_links;
	u32 nr_up;
	char name[KVPOOL_NAME_SIZE];
	char host[KVPOOL_NAME_SIZE];
	u64 requests;
	u64 failed;
	u64 bytes_in;
	u64 bytes_out;
};

/**
 * struct kvpool_peer - A host that is asked for blocks
 * @refs:	one while it is in the table, one for each job and each link,
 *		and temporary ones
 * @id:		number, given by the core
 * @name:	given by the administrator
 * @host:	name that the other side has to prove, or empty
 * @identity:	of this host, towards the peer
 * @links:	its links, some NULL; read under RCU or @lock, changed under
 *		kvpool_control_mutex and @lock
 * @end:	no link has ever had a place in @links from here on
 * @used:	jiffies when its links were last of use; racy by intent
 * @resting:	some of them are not wanted, and are to be woken when there is
 *		something to do; likewise
 * @share:	memory that its queue pairs have of that granted
 * @lock:	protects what follows
 * @gone:	it has been deleted: takes no jobs
 * @nr_up:	queue pairs that have come up, and whose fence has not begun
 * @instance:	identity of the host that all of these lead to
 * @next_link:	id of the next link
 * @lanes:	ranges that are to be requested
 * @turn:	the lane that is looked at first
 * @delayed:	ranges of jobs that are retried when they are due
 * @queued:	the bytes of all these ranges
 * @retry_at:	jiffies when @retry_work is due
 * @nr_pushes:	blocks that the peer may have incomplete
 * @max_pushes:	limit to that, of the latest queue pair that was used
 * @fence_at:	jiffies before which no other queue pair is drained for
 *		cancelled jobs, or zero
 * @requests:	transfers done
 * @failed:	transfers that failed for want of a link or by the peer's fault
 * @bytes_in:	fetched
 * @bytes_out:	pushed
 * @send_work:	sends ranges that were queued by a task that could not send
 * @retry_work:	sends ranges that are due
 * @fence_work:	looks for cancelled jobs that do not end
 * @rcu:	to free it after the last reader of the table of peers
 */
struct kvpool_peer {
	refcount_t refs;
	u32 id;
	char name[KVPOOL_NAME_SIZE];
	char host[KVPOOL_NAME_SIZE];
	u8 identity[KVPOOL_WIRE_HOST];
	struct kvpool_link __rcu *links[KVPOOL_MAX_LINKS];
	unsigned int end;
	unsigned long used;
	bool resting;
	struct kvpool_share share;
	spinlock_t lock;	/* what follows */
	bool gone;
	unsigned int nr_up;
	u8 instance[KVPOOL_WIRE_HOST];
	u32 next_link;
	struct kvpool_lane lanes[KVPOOL_NR_LANES];
	unsigned int turn;
	struct list_head delayed;
	u64 queued;
	unsigned long retry_at;
	unsigned int nr_pushes;
	unsigned int max_pushes;
	unsigned long fence_at;
	u64 requests;
	u64 failed;
	u64 bytes_in;
	u64 bytes_out;
	struct work_struct send_work;
	struct delayed_work retry_work;
	struct delayed_work fence_work;
	struct rcu_head rcu;
};

/* All links of a peer, under RCU or its lock. */
#define kvpool_peer_each_link(peer, link)				\
	for ((link) = kvpool_peer_link_after(peer, NULL); (link);	\
	     (link) = kvpool_peer_link_after(peer, link))

/* All queue pairs of a peer, likewise. */
#define kvpool_peer_each_queue(peer, queue)				\
	for ((queue) = kvpool_peer_queue_after(peer, NULL); (queue);	\
	     (queue) = kvpool_peer_queue_after(peer, queue))

/**
 * kvpool_peer_link() - Get a link of a peer
 * @peer: the peer
 * @i: its place, less than KVPOOL_MAX_LINKS
 *
 * Context: an RCU section, or the peer's lock is held.
 *
 * Return: the link, or NULL.
 */
static inline struct kvpool_link *
kvpool_peer_link(const struct kvpool_peer *peer, unsigned int i)
{
	return rcu_dereference_check(peer->links[i],
				     lockdep_is_held(&peer->lock));
}

/**
 * kvpool_peer_get() - Take a reference
 * @peer: a peer with a reference
 *
 * Return: @peer.
 */
static inline struct kvpool_peer *kvpool_peer_get(struct kvpool_peer *peer)
{
	refcount_inc(&peer->refs);
	return peer;
}

/**
 * kvpool_peer_has_work() - Does anything wait to be sent?
 * @peer: the peer
 *
 * Return: true if so; without its lock, so it may change at any time.
 */
static inline bool kvpool_peer_has_work(const struct kvpool_peer *peer)
{
	unsigned int i;

	for (i = 0; i < KVPOOL_NR_LANES; i++)
		if (!list_empty_careful(&peer->lanes[i].ranges))
			return true;
	return false;
}

void kvpool_peer_put(struct kvpool_peer *peer);
struct kvpool_peer *kvpool_peer_alloc(const char *name, const char *host,
				      u32 id);
int kvpool_peer_insert(struct kvpool_peer *peer);
struct kvpool_peer *kvpool_peer_remove(u32 id);
struct kvpool_peer *kvpool_peer_find(u32 id);
struct kvpool_peer *kvpool_peer_after(u32 id);
struct kvpool_link *kvpool_peer_link_after(const struct kvpool_peer *peer,
					   const struct kvpool_link *link);
struct kvpool_queue *kvpool_peer_queue_after(const struct kvpool_peer *peer,
					     const struct kvpool_queue *queue);
bool kvpool_peer_exhausted(struct kvpool_peer *peer);
bool kvpool_peer_waits(struct kvpool_peer *peer);
bool kvpool_peer_heard(struct kvpool_peer *peer, const struct kvpool_link *not,
		       unsigned long *heard);
void kvpool_link_put(struct kvpool_link *link);
int kvpool_peer_up(struct kvpool_peer *peer, struct kvpool_queue *queue);
void kvpool_peer_down(struct kvpool_peer *peer);
void kvpool_peer_wake(struct kvpool_peer *peer);
bool kvpool_peer_idle(const struct kvpool_peer *peer);
void kvpool_peer_read(struct kvpool_peer *peer, struct kvpool_peer_info *info);
int kvpool_peer_next(u32 after, struct kvpool_peer_info *info);
int kvpool_peer_next_link(u32 id, u32 after, struct kvpool_link_info *info);
void kvpool_peers_close(struct kvpool_ibdev *dev, u32 port, int reason,
			int error);
void kvpool_peers_expel(struct kvpool_ibdev *dev);
bool kvpool_peers_release(void);
void kvpool_peers_retry(void);

/**
 * kvpool_peer_want() - There is something to do for the links of a peer
 * @peer: the peer
 *
 * To be called whenever that is so. Its links are connected, if they are not,
 * and stay for a while. Context: any in which a lock may be taken that
 * interrupts do not take; cheap.
 */
static inline void kvpool_peer_want(struct kvpool_peer *peer)
{
	unsigned long now = jiffies;

	if (READ_ONCE(peer->used) != now)
		WRITE_ONCE(peer->used, now);
	if (READ_ONCE(peer->resting))
		kvpool_peer_wake(peer);
}

#endif /* _KVPOOL_FABRIC_PEER_H */
