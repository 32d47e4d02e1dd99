/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_PEER_H
#define _KVPOOL_FABRIC_PEER_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "fabric/link.h"

#define KVPOOL_MAX_LINKS	16	/* of a peer */

/**
 * struct kvpool_peer_info - A peer as it is now
 * @id:		from 1
 * @nr_links:	links
 * @nr_up:	links that are up
 * @name:	given by the administrator
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
 * @lock:	protects what follows
 * @gone:	it has been deleted: takes no jobs
 * @links:	its links, some NULL
 * @next_link:	id of the next link
 * @pending:	ranges that are to be requested, in their order
 * @delayed:	ranges of jobs that are retried when they are due
 * @queued:	the bytes of both
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
	spinlock_t lock;	/* what follows */
	bool gone;
	struct kvpool_link *links[KVPOOL_MAX_LINKS];
	u32 next_link;
	struct list_head pending;
	struct list_head delayed;
	u64 queued;
	u64 requests;
	u64 failed;
	u64 bytes_in;
	u64 bytes_out;
	struct work_struct send_work;
	struct delayed_work retry_work;
	struct delayed_work fence_work;
	struct rcu_head rcu;
};

/* All queue pairs of a peer, whose lock is held. */
#define kvpool_peer_each_queue(peer, queue)				\
	for ((queue) = kvpool_peer_queue_after(peer, NULL); (queue);	\
	     (queue) = kvpool_peer_queue_after(peer, queue))

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

void kvpool_peer_put(struct kvpool_peer *peer);
struct kvpool_peer *kvpool_peer_alloc(const char *name, u32 id);
int kvpool_peer_insert(struct kvpool_peer *peer);
struct kvpool_peer *kvpool_peer_remove(u32 id);
struct kvpool_peer *kvpool_peer_find(u32 id);
struct kvpool_peer *kvpool_peer_after(u32 id);
struct kvpool_queue *kvpool_peer_choose(struct kvpool_peer *peer);
unsigned int kvpool_peer_queues_up(const struct kvpool_peer *peer);
struct kvpool_queue *kvpool_peer_queue_after(const struct kvpool_peer *peer,
					     const struct kvpool_queue *queue);
bool kvpool_peer_unreachable(struct kvpool_peer *peer);
bool kvpool_peer_heard(struct kvpool_peer *peer, const struct kvpool_link *not,
		       unsigned long *heard);
bool kvpool_peer_agrees(struct kvpool_peer *peer,
			const struct kvpool_queue *queue);
void kvpool_peer_read(struct kvpool_peer *peer, struct kvpool_peer_info *info);
int kvpool_peer_next(u32 after, struct kvpool_peer_info *info);
int kvpool_peer_next_link(u32 id, u32 after, struct kvpool_link_info *info);
void kvpool_peers_close(struct kvpool_ibdev *dev, u32 port, int reason,
			int error);
void kvpool_peers_retry(void);

#endif /* _KVPOOL_FABRIC_PEER_H */
