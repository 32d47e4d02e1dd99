// SPDX-License-Identifier: GPL-2.0
/* Peers: the hosts that this one asks for blocks, and the choice of a link. */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "fabric/peer.h"

/* Peers by id. Changed under kvpool_control_mutex, read under RCU. */
static DEFINE_XARRAY(kvpool_peers);

/**
 * kvpool_peer_put() - Drop a reference
 * @peer: the peer
 */
void kvpool_peer_put(struct kvpool_peer *peer)
{
	if (refcount_dec_and_test(&peer->refs))
		kfree_rcu(peer, rcu);
}

/**
 * kvpool_peer_alloc() - Make a peer that is not in the table
 * @name: shorter than KVPOOL_NAME_SIZE
 * @id: its number, not zero
 *
 * The caller prepares the works.
 *
 * Return: the peer with a reference, or NULL without memory.
 */
struct kvpool_peer *kvpool_peer_alloc(const char *name, u32 id)
{
	struct kvpool_peer *peer = kzalloc(sizeof(*peer), GFP_KERNEL);

	if (!peer)
		return NULL;
	refcount_set(&peer->refs, 1);
	peer->id = id;
	strscpy(peer->name, name, sizeof(peer->name));
	spin_lock_init(&peer->lock);
	INIT_LIST_HEAD(&peer->pending);
	INIT_LIST_HEAD(&peer->delayed);
	return peer;
}

/**
 * kvpool_peer_insert() - Make a peer known
 * @peer: the peer; the table takes over the caller's reference
 *
 * kvpool_control_mutex is held.
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_peer_insert(struct kvpool_peer *peer)
{
	return xa_insert(&kvpool_peers, peer->id, peer, GFP_KERNEL);
}

/**
 * kvpool_peer_remove() - Take a peer out of the table
 * @id: its number
 *
 * kvpool_control_mutex is held.
 *
 * Return: the peer with the table's reference, or NULL.
 */
struct kvpool_peer *kvpool_peer_remove(u32 id)
{
	return xa_erase(&kvpool_peers, id);
}

/**
 * kvpool_peer_find() - Find a peer
 * @id: its number
 *
 * Return: the peer with a reference, or NULL.
 */
struct kvpool_peer *kvpool_peer_find(u32 id)
{
	struct kvpool_peer *peer;

	rcu_read_lock();
	peer = xa_load(&kvpool_peers, id);
	if (peer && !refcount_inc_not_zero(&peer->refs))
		peer = NULL;
	rcu_read_unlock();
	return peer;
}

/**
 * kvpool_peer_after() - Find the next peer
 * @id: a number, 0 to begin
 *
 * Return: the peer with the next higher number, with a reference, or NULL.
 */
struct kvpool_peer *kvpool_peer_after(u32 id)
{
	unsigned long index = id;
	struct kvpool_peer *peer;

	rcu_read_lock();
	do {
		peer = xa_find_after(&kvpool_peers, &index, UINT_MAX,
				     XA_PRESENT);
	} while (peer && !refcount_inc_not_zero(&peer->refs));
	rcu_read_unlock();
	return peer;
}

/* ---- queue pairs and links ---- */

/**
 * kvpool_peer_choose() - Choose the queue pair for the next request
 * @peer: the peer; its lock is held
 *
 * It is of the link that would answer first, among those with a credit.
 *
 * Return: the queue pair, or NULL if none has a credit.
 */
struct kvpool_queue *kvpool_peer_choose(struct kvpool_peer *peer)
{
	struct kvpool_queue *queue, *best = NULL;
	struct kvpool_link *link;
	unsigned int i;

	lockdep_assert_held(&peer->lock);
	for (i = 0; i < KVPOOL_MAX_LINKS; i++) {
		link = peer->links[i];
		if (!link || (best && !kvpool_link_earlier(link, best->link)))
			continue;
		queue = kvpool_link_queue(link);
		if (queue)
			best = queue;
	}
	return best;
}

/**
 * kvpool_peer_queues_up() - Count the queue pairs that carry requests
 * @peer: the peer; its lock is held
 *
 * Return: their number, which may change at any time.
 */
unsigned int kvpool_peer_queues_up(const struct kvpool_peer *peer)
{
	const struct kvpool_link *link;
	unsigned int i, j, up = 0;

	lockdep_assert_held(&peer->lock);
	for (i = 0; i < KVPOOL_MAX_LINKS; i++) {
		link = peer->links[i];
		for (j = 0; link && j < link->nr_queues; j++)
			up += READ_ONCE(link->queues[j].state) ==
			      KVPOOL_QUEUE_UP;
	}
	return up;
}

/**
 * kvpool_peer_queue_after() - Go through the queue pairs of a peer
 * @peer: the peer; its lock is held
 * @queue: one of its queue pairs, or NULL
 *
 * Return: the next one, or the first one after NULL; NULL after the last.
 */
struct kvpool_queue *kvpool_peer_queue_after(const struct kvpool_peer *peer,
					     const struct kvpool_queue *queue)
{
	unsigned int i = 0;

	lockdep_assert_held(&peer->lock);
	if (queue) {
		if (queue->index + 1 < queue->link->nr_queues)
			return &queue->link->queues[queue->index + 1];
		while (peer->links[i++] != queue->link)
			;
	}
	for (; i < KVPOOL_MAX_LINKS; i++)
		if (peer->links[i])
			return peer->links[i]->queues;
	return NULL;
}

/**
 * kvpool_peer_unreachable() - Is there no link that may soon be up?
 * @peer: the peer; its lock is held
 *
 * Return: true if no queue pair is up, and each has failed in its latest
 * attempt to connect.
 */
bool kvpool_peer_unreachable(struct kvpool_peer *peer)
{
	struct kvpool_queue *queue;

	lockdep_assert_held(&peer->lock);
	kvpool_peer_each_queue(peer, queue)
		if (READ_ONCE(queue->state) == KVPOOL_QUEUE_UP ||
		    !READ_ONCE(queue->failures))
			return false;
	return true;
}

/**
 * kvpool_peer_heard() - When has a message come over a peer's other links?
 * @peer: the peer
 * @not: the link that does not count
 * @heard: the latest time, in jiffies
 *
 * Return: true if one of these links is up.
 */
bool kvpool_peer_heard(struct kvpool_peer *peer, const struct kvpool_link *not,
		       unsigned long *heard)
{
	bool found = false;
	unsigned int i;

	spin_lock(&peer->lock);
	for (i = 0; i < KVPOOL_MAX_LINKS; i++) {
		const struct kvpool_link *link = peer->links[i];
		unsigned long at;

		if (!link || link == not || !kvpool_link_is_up(link))
			continue;
		at = READ_ONCE(link->heard);
		if (!found || time_after(at, *heard))
			*heard = at;
		found = true;
	}
	spin_unlock(&peer->lock);
	return found;
}

/**
 * kvpool_peer_agrees() - Do all queue pairs of a peer lead to one host?
 * @peer: the peer
 * @queue: a queue pair that is connected and not up yet
 *
 * A block that is pushed in parts has to come to one host.
 *
 * Return: true if no queue pair that is up leads to another host than @queue.
 */
bool kvpool_peer_agrees(struct kvpool_peer *peer,
			const struct kvpool_queue *queue)
{
	const struct kvpool_queue *other;
	bool agrees = true;

	spin_lock(&peer->lock);
	kvpool_peer_each_queue(peer, other)
		if (READ_ONCE(other->state) == KVPOOL_QUEUE_UP &&
		    memcmp(other->terms.host, queue->terms.host,
			   KVPOOL_WIRE_HOST))
			agrees = false;
	spin_unlock(&peer->lock);
	return agrees;
}

/* ---- descriptions ---- */

/**
 * kvpool_peer_read() - Describe a peer
 * @peer: the peer
 * @info: where to write it
 */
void kvpool_peer_read(struct kvpool_peer *peer, struct kvpool_peer_info *info)
{
	unsigned int i;

	memset(info, 0, sizeof(*info));
	info->id = peer->id;
	strscpy(info->name, peer->name, sizeof(info->name));
	spin_lock(&peer->lock);
	for (i = 0; i < KVPOOL_MAX_LINKS; i++) {
		struct kvpool_link *link = peer->links[i];

		if (!link)
			continue;
		info->nr_links++;
		info->nr_up += kvpool_link_is_up(link);
	}
	info->requests = peer->requests;
	info->failed = peer->failed;
	info->bytes_in = peer->bytes_in;
	info->bytes_out = peer->bytes_out;
	spin_unlock(&peer->lock);
}

/**
 * kvpool_peer_next() - Describe the next peer
 * @after: a number, 0 to begin
 * @info: where to write it
 *
 * Return: 0, or -ENOENT at the end.
 */
int kvpool_peer_next(u32 after, struct kvpool_peer_info *info)
{
	struct kvpool_peer *peer = kvpool_peer_after(after);

	if (!peer)
		return -ENOENT;
	kvpool_peer_read(peer, info);
	kvpool_peer_put(peer);
	return 0;
}

/**
 * kvpool_peer_next_link() - Describe the next link of a peer
 * @id: number of the peer
 * @after: number of a link, 0 to begin
 * @info: where to write it
 *
 * Return: 0, or -ENOENT at the end or without such a peer.
 */
int kvpool_peer_next_link(u32 id, u32 after, struct kvpool_link_info *info)
{
	struct kvpool_link *next = NULL;
	struct kvpool_peer *peer;
	unsigned int i;

	peer = kvpool_peer_find(id);
	if (!peer)
		return -ENOENT;
	/* Links are freed only after they have left, under this lock. */
	spin_lock(&peer->lock);
	for (i = 0; i < KVPOOL_MAX_LINKS; i++) {
		struct kvpool_link *link = peer->links[i];

		if (link && link->id > after && (!next || link->id < next->id))
			next = link;
	}
	if (next)
		kvpool_link_read(next, info);
	spin_unlock(&peer->lock);
	kvpool_peer_put(peer);
	return next ? 0 : -ENOENT;
}

/* ---- devices ---- */

/**
 * kvpool_peers_close() - End all queue pairs of a device or of a port
 * @dev: the device
 * @port: its port, or zero for all
 * @reason: enum kvpool_close
 * @error: negative errno
 */
void kvpool_peers_close(struct kvpool_ibdev *dev, u32 port, int reason,
			int error)
{
	struct kvpool_queue *queue;
	struct kvpool_peer *peer;
	unsigned long index;

	rcu_read_lock();
	xa_for_each(&kvpool_peers, index, peer) {
		spin_lock(&peer->lock);
		kvpool_peer_each_queue(peer, queue)
			if (READ_ONCE(queue->dev) == dev &&
			    (!port || READ_ONCE(queue->port) == port))
				kvpool_queue_close(queue, reason, error);
		spin_unlock(&peer->lock);
	}
	rcu_read_unlock();
}

/**
 * kvpool_peers_retry() - A port has come up: connect what is down
 */
void kvpool_peers_retry(void)
{
	struct kvpool_peer *peer;
	unsigned long index;
	unsigned int i;

	rcu_read_lock();
	xa_for_each(&kvpool_peers, index, peer) {
		spin_lock(&peer->lock);
		for (i = 0; i < KVPOOL_MAX_LINKS; i++)
			if (peer->links[i])
				kvpool_link_retry(peer->links[i]);
		spin_unlock(&peer->lock);
	}
	rcu_read_unlock();
}
