// SPDX-License-Identifier: GPL-2.0
/* Peers: the hosts that this one asks for blocks. */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "fabric/auth.h"
#include "fabric/peer.h"
#include "fabric/settings.h"

#define KVPOOL_RETRY_MS		50	/* over which new attempts spread */
#define KVPOOL_RELEASE_MS	1000	/* unused for so long: not needed */

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
 * @host: name that the other side has to prove, likewise; NULL or empty: any
 * @id: its number, not zero
 *
 * The caller prepares the works.
 *
 * Return: the peer with a reference, or NULL without memory.
 */
struct kvpool_peer *kvpool_peer_alloc(const char *name, const char *host,
				      u32 id)
{
	struct kvpool_peer *peer = kzalloc(sizeof(*peer), GFP_KERNEL);
	unsigned int i;

	if (!peer)
		return NULL;
	refcount_set(&peer->refs, 1);
	peer->id = id;
	strscpy(peer->name, name, sizeof(peer->name));
	if (host)
		strscpy(peer->host, host, sizeof(peer->host));
	kvpool_auth_identify(peer->identity);
	spin_lock_init(&peer->lock);
	for (i = 0; i < KVPOOL_NR_LANES; i++)
		kvpool_lane_init(&peer->lanes[i]);
	peer->max_pushes = 1;
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
 * kvpool_peer_link_after() - Go through the links of a peer
 * @peer: the peer
 * @link: one of its links, or NULL
 *
 * Context: an RCU section, or the peer's lock is held.
 *
 * Return: the next one, or the first one after NULL; NULL after the last.
 */
struct kvpool_link *kvpool_peer_link_after(const struct kvpool_peer *peer,
					   const struct kvpool_link *link)
{
	unsigned int end = READ_ONCE(peer->end);
	struct kvpool_link *next = NULL;
	unsigned int i;

	for (i = link ? link->place + 1 : 0; i < end && !next; i++)
		next = kvpool_peer_link(peer, i);
	return next;
}

/**
 * kvpool_peer_queue_after() - Go through the queue pairs of a peer
 * @peer: the peer
 * @queue: one of its queue pairs, or NULL
 *
 * Context: an RCU section, or the peer's lock is held.
 *
 * Return: the next one, or the first one after NULL; NULL after the last.
 */
struct kvpool_queue *kvpool_peer_queue_after(const struct kvpool_peer *peer,
					     const struct kvpool_queue *queue)
{
	struct kvpool_link *link;

	if (queue && queue->index + 1 < queue->link->nr_queues)
		return &queue->link->queues[queue->index + 1];
	link = kvpool_peer_link_after(peer, queue ? queue->link : NULL);
	return link ? link->queues : NULL;
}

/**
 * kvpool_link_put() - Drop a reference
 * @link: the link
 *
 * Context: process.
 */
void kvpool_link_put(struct kvpool_link *link)
{
	struct kvpool_peer *peer = link->peer;

	if (refcount_dec_and_test(&link->refs)) {
		kvfree_rcu(link, rcu);
		kvpool_peer_put(peer);
	}
}

/**
 * kvpool_peer_exhausted() - No queue pair of a peer has a credit
 * @peer: the peer
 *
 * To be called whenever a request waits for that. Once it has been so for a
 * while, more queue pairs are connected.
 *
 * Context: any in which a lock may be taken that interrupts do not take.
 *
 * Return: true if there will soon be no credit either: no queue pair is up, and
 * the latest attempt has failed on each link.
 */
bool kvpool_peer_exhausted(struct kvpool_peer *peer)
{
	struct kvpool_link *link;
	bool unreachable = true;

	rcu_read_lock();
	kvpool_peer_each_link(peer, link) {
		if (kvpool_link_is_up(link))
			kvpool_link_want(link);
		if (kvpool_link_reachable(link))
			unreachable = false;
	}
	rcu_read_unlock();
	return unreachable;
}

/**
 * kvpool_peer_waits() - May requests wait at a peer?
 * @peer: the peer
 *
 * Return: false if queue pairs are up and none lets a request wait; without a
 * lock, so it may change at any time.
 */
bool kvpool_peer_waits(struct kvpool_peer *peer)
{
	bool up = false, waits = false;
	const struct kvpool_queue *queue;

	rcu_read_lock();
	kvpool_peer_each_queue(peer, queue) {
		if (READ_ONCE(queue->state) != KVPOOL_QUEUE_UP)
			continue;
		up = true;
		waits |= READ_ONCE(queue->terms.waits);
	}
	rcu_read_unlock();
	return waits || !up;
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
	const struct kvpool_link *link;
	bool found = false;

	rcu_read_lock();
	kvpool_peer_each_link(peer, link) {
		unsigned long at;

		if (link == not || !kvpool_link_is_up(link))
			continue;
		at = READ_ONCE(link->heard);
		if (!found || time_after(at, *heard))
			*heard = at;
		found = true;
	}
	rcu_read_unlock();
	return found;
}

/**
 * kvpool_peer_up() - A queue pair is connected: let it carry requests
 * @peer: the peer
 * @queue: one of its queue pairs, which is CONNECTING
 *
 * All queue pairs of a peer lead to one host, since a block that is pushed in
 * parts has to come to one host.
 *
 * Return: 0, until kvpool_peer_down(); -EXDEV if others that are up lead to
 * another host; -ECONNABORTED if it has failed meanwhile.
 */
int kvpool_peer_up(struct kvpool_peer *peer, struct kvpool_queue *queue)
{
	int ret = 0;

	spin_lock(&peer->lock);
	spin_lock(&queue->lock);
	if (queue->reason) {
		ret = -ECONNABORTED;
	} else if (peer->nr_up && memcmp(peer->instance, queue->terms.host,
					 sizeof(peer->instance))) {
		ret = -EXDEV;
	} else {
		memcpy(peer->instance, queue->terms.host,
		       sizeof(peer->instance));
		peer->nr_up++;
		queue->heard = jiffies;
		queue->since = jiffies;
		queue->used = jiffies;
		WRITE_ONCE(queue->state, KVPOOL_QUEUE_UP);
	}
	spin_unlock(&queue->lock);
	spin_unlock(&peer->lock);
	return ret;
}

/**
 * kvpool_peer_down() - Undo kvpool_peer_up(): a queue pair takes no requests
 * @peer: the peer
 */
void kvpool_peer_down(struct kvpool_peer *peer)
{
	spin_lock(&peer->lock);
	peer->nr_up--;
	spin_unlock(&peer->lock);
}

/**
 * kvpool_peer_wake() - Connect the links of a peer that are not wanted yet
 * @peer: the peer
 *
 * See kvpool_peer_want().
 */
void kvpool_peer_wake(struct kvpool_peer *peer)
{
	struct kvpool_link *link;

	/* What begins to rest from here on sets it again. */
	smp_store_mb(peer->resting, false);
	rcu_read_lock();
	kvpool_peer_each_link(peer, link)
		if (!READ_ONCE(link->wanted))
			kvpool_link_wake(link);
	rcu_read_unlock();
}

/**
 * kvpool_peer_idle() - Has a peer not been used for a while?
 * @peer: the peer
 *
 * Return: true if its links may go.
 */
bool kvpool_peer_idle(const struct kvpool_peer *peer)
{
	u32 ms = kvpool_setting_idle_ms();

	return ms && time_after(jiffies, READ_ONCE(peer->used) +
					 msecs_to_jiffies(ms));
}

/* ---- descriptions ---- */

/**
 * kvpool_peer_read() - Describe a peer
 * @peer: the peer
 * @info: where to write it
 */
void kvpool_peer_read(struct kvpool_peer *peer, struct kvpool_peer_info *info)
{
	const struct kvpool_link *link;

	memset(info, 0, sizeof(*info));
	info->id = peer->id;
	strscpy(info->name, peer->name, sizeof(info->name));
	strscpy(info->host, peer->host, sizeof(info->host));
	rcu_read_lock();
	kvpool_peer_each_link(peer, link) {
		info->nr_links++;
		info->nr_up += kvpool_link_is_up(link);
	}
	rcu_read_unlock();
	spin_lock(&peer->lock);
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
	struct kvpool_link *link, *next = NULL;
	struct kvpool_peer *peer;

	peer = kvpool_peer_find(id);
	if (!peer)
		return -ENOENT;
	rcu_read_lock();
	kvpool_peer_each_link(peer, link)
		if (link->id > after && (!next || link->id < next->id))
			next = link;
	if (next)
		kvpool_link_read(next, info);
	rcu_read_unlock();
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
	xa_for_each(&kvpool_peers, index, peer)
		kvpool_peer_each_queue(peer, queue)
			if (READ_ONCE(queue->dev) == dev &&
			    (!port || READ_ONCE(queue->port) == port))
				kvpool_queue_close(queue, reason, error);
	rcu_read_unlock();
}

/**
 * kvpool_peers_expel() - Have all queue pairs give a device back
 * @dev: the device, which goes away
 *
 * Those that are not connected keep some of it too.
 */
void kvpool_peers_expel(struct kvpool_ibdev *dev)
{
	struct kvpool_queue *queue;
	struct kvpool_peer *peer;
	unsigned long index;

	kvpool_peers_close(dev, 0, KVPOOL_CLOSE_DEVICE, -ENODEV);
	rcu_read_lock();
	xa_for_each(&kvpool_peers, index, peer)
		kvpool_peer_each_queue(peer, queue)
			if (READ_ONCE(queue->dev) == dev)
				kvpool_link_retry_queue(queue, 0);
	rcu_read_unlock();
}

static bool kvpool_peer_in_use(const struct kvpool_peer *peer)
{
	return time_before(jiffies, READ_ONCE(peer->used) +
				    msecs_to_jiffies(KVPOOL_RELEASE_MS));
}

/**
 * kvpool_peers_release() - Begin to give memory back that peers do not need
 *
 * Called when the memory granted is exhausted: closes the queue pairs of peers
 * that have not been used for KVPOOL_RELEASE_MS.
 *
 * Context: process.
 *
 * Return: true if some will be given back soon.
 */
bool kvpool_peers_release(void)
{
	struct kvpool_peer *peer;
	bool released = false;
	struct kvpool_link *link;
	unsigned long index;

	rcu_read_lock();
	xa_for_each(&kvpool_peers, index, peer) {
		if (kvpool_peer_in_use(peer))
			continue;
		kvpool_peer_each_link(peer, link)
			if (READ_ONCE(link->wanted))
				released |= kvpool_link_rest(link);
		/* After the links were let go: kvpool_peer_wake(). */
		smp_store_mb(peer->resting, true);
		/* One that came meanwhile did not find it resting. */
		if (kvpool_peer_in_use(peer) || kvpool_peer_has_work(peer))
			kvpool_peer_wake(peer);
	}
	rcu_read_unlock();
	return released;
}

/**
 * kvpool_peers_retry() - A port has come up: connect what is down
 */
void kvpool_peers_retry(void)
{
	struct kvpool_peer *peer;
	struct kvpool_link *link;
	unsigned long index;

	rcu_read_lock();
	xa_for_each(&kvpool_peers, index, peer)
		kvpool_peer_each_link(peer, link)
			if (READ_ONCE(link->wanted))
				kvpool_link_retry(link, KVPOOL_RETRY_MS);
	rcu_read_unlock();
}
