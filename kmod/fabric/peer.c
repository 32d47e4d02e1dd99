// SPDX-License-Identifier: GPL-2.0
/* Peers: the hosts that this one asks for blocks, and the choice of a link. */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include <linux/in.h>
#include <linux/in6.h>

#include "fabric/rdma.h"

/* Peers by id. Changed under kvpool_fabric_mutex, read under RCU. */
static DEFINE_XARRAY_ALLOC1(kvpool_peers);
static u32 kvpool_peer_next_id;

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

/* ---- the choice of a link ---- */

static bool kvpool_queue_has_credit(const struct kvpool_queue *queue)
{
	return READ_ONCE(queue->state) == KVPOOL_QUEUE_UP &&
	       READ_ONCE(queue->inflight) < READ_ONCE(queue->nr_requests);
}

static struct kvpool_request *kvpool_queue_credit(struct kvpool_queue *queue)
{
	struct kvpool_request *request = NULL;

	spin_lock(&queue->lock);
	if (queue->state == KVPOOL_QUEUE_UP && !list_empty(&queue->free) &&
	    kvpool_gate_enter(&queue->gate)) {
		request = list_first_entry(&queue->free, struct kvpool_request,
					   entry);
		list_del(&request->entry);
		/* From now on, so that the fence finds jobs here at any time. */
		request->busy = true;
		queue->inflight++;
	}
	spin_unlock(&queue->lock);
	if (request && !READ_ONCE(queue->link->brisk)) {
		WRITE_ONCE(queue->link->brisk, true);
		mod_delayed_work(kvpool_rdma_wq, &queue->link->alive_work,
				 msecs_to_jiffies(KVPOOL_STALL_MS));
	}
	return request;
}

/* A queue pair of the link with a credit, this CPU's if it has one. */
static struct kvpool_queue *kvpool_link_queue(struct kvpool_link *link)
{
	unsigned int i, first = raw_smp_processor_id();

	for (i = 0; i < link->nr_queues; i++) {
		struct kvpool_queue *queue =
			&link->queues[(first + i) % link->nr_queues];

		if (kvpool_queue_has_credit(queue))
			return queue;
	}
	return NULL;
}

/* Would a request more be done earlier on @a than on @b? */
static bool kvpool_link_earlier(const struct kvpool_link *a,
				const struct kvpool_link *b)
{
	u64 work_a = atomic64_read(&a->inflight) + KVPOOL_MAX_REQUEST;
	u64 work_b = atomic64_read(&b->inflight) + KVPOOL_MAX_REQUEST;

	return work_a * READ_ONCE(b->rate) < work_b * READ_ONCE(a->rate);
}

/**
 * kvpool_peer_credit() - Get a request to fill
 * @peer: the peer; its lock is held
 *
 * It is of the link that would answer it first, among those with a credit.
 *
 * Return: the request, with the gate of its queue entered, or NULL.
 */
struct kvpool_request *kvpool_peer_credit(struct kvpool_peer *peer)
{
	struct kvpool_request *request = NULL;
	struct kvpool_queue *queue, *best;
	struct kvpool_link *link;
	unsigned int i;

	lockdep_assert_held(&peer->lock);
	do {
		best = NULL;
		for (i = 0; i < KVPOOL_MAX_LINKS; i++) {
			link = peer->links[i];
			if (!link || (best &&
				      !kvpool_link_earlier(link, best->link)))
				continue;
			queue = kvpool_link_queue(link);
			if (queue)
				best = queue;
		}
		if (best)
			request = kvpool_queue_credit(best);
		/* It may have gone down meanwhile: then it is not seen again. */
	} while (best && !request);
	return request;
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
 * kvpool_peer_hopeless() - Is there no link that may soon be up?
 * @peer: the peer; its lock is held
 *
 * Return: true if every queue pair that is not up has failed to connect when
 * last tried, and none is up.
 */
bool kvpool_peer_hopeless(struct kvpool_peer *peer)
{
	struct kvpool_queue *queue;

	lockdep_assert_held(&peer->lock);
	kvpool_peer_each_queue(peer, queue)
		if (READ_ONCE(queue->state) == KVPOOL_QUEUE_UP ||
		    !READ_ONCE(queue->failures))
			return false;
	return true;
}

static bool kvpool_link_is_up(const struct kvpool_link *link)
{
	unsigned int q;

	for (q = 0; q < link->nr_queues; q++)
		if (READ_ONCE(link->queues[q].state) == KVPOOL_QUEUE_UP)
			return true;
	return false;
}

/**
 * kvpool_peer_heard() - When has something come over a peer's other links?
 * @peer: the peer
 * @not: the link that is not meant
 * @heard: the latest, in jiffies
 *
 * Return: true if one of them is up.
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
 * kvpool_peer_agrees() - Does a queue pair lead to where the others lead?
 * @peer: the peer
 * @queue: one that is connected and not up yet
 *
 * A block that is pushed in parts has to come to one host.
 *
 * Return: true if no queue pair that is up leads to another host.
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

/* ---- control ---- */

static void kvpool_peer_read(struct kvpool_peer *peer,
			     struct kvpool_peer_info *info)
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
 * kvpool_peer_add() - Make a peer known
 * @name: 1 to KVPOOL_PEER_NAME - 1 bytes, unique
 * @id: its number, never used again while the module is loaded
 *
 * Return: 0; -EINVAL for the name; -EEXIST; -ENOSPC; -ENOMEM.
 */
int kvpool_peer_add(const char *name, u32 *id)
{
	struct kvpool_peer_info info;
	struct kvpool_peer *peer;
	unsigned long index;
	unsigned int nr = 0;
	int ret = 0;

	if (!*name || strnlen(name, KVPOOL_PEER_NAME) == KVPOOL_PEER_NAME)
		return -EINVAL;
	peer = kzalloc(sizeof(*peer), GFP_KERNEL);
	if (!peer)
		return -ENOMEM;
	refcount_set(&peer->refs, 1);
	strscpy(peer->name, name, sizeof(peer->name));
	spin_lock_init(&peer->lock);
	INIT_LIST_HEAD(&peer->pending);
	INIT_LIST_HEAD(&peer->resting);
	INIT_WORK(&peer->send_work, kvpool_send_work);
	INIT_DELAYED_WORK(&peer->rest_work, kvpool_rest_work);
	INIT_DELAYED_WORK(&peer->fence_work, kvpool_fence_work);

	mutex_lock(&kvpool_fabric_mutex);
	{
		struct kvpool_peer *other;

		xa_for_each(&kvpool_peers, index, other) {
			nr++;
			if (!strcmp(other->name, name))
				ret = -EEXIST;
		}
	}
	if (!ret && nr >= KVPOOL_MAX_PEERS)
		ret = -ENOSPC;
	if (!ret) {
		peer->id = kvpool_peer_next_id + 1;
		ret = xa_insert(&kvpool_peers, peer->id, peer, GFP_KERNEL);
	}
	if (!ret)
		*id = ++kvpool_peer_next_id;
	mutex_unlock(&kvpool_fabric_mutex);
	if (ret) {
		kfree(peer);
		return ret;
	}

	peer = kvpool_peer_find(*id);
	if (peer) {
		kvpool_peer_read(peer, &info);
		kvpool_netlink_peer_event(&info, KVPOOL_PEER_ADDED);
		kvpool_peer_put(peer);
	}
	return 0;
}

/* End a peer that nobody can find any more. */
static void kvpool_peer_end(struct kvpool_peer *peer)
{
	struct kvpool_link *links[KVPOOL_MAX_LINKS];
	unsigned int i;

	spin_lock(&peer->lock);
	peer->gone = true;
	memcpy(links, peer->links, sizeof(links));
	memset(peer->links, 0, sizeof(peer->links));
	spin_unlock(&peer->lock);

	kvpool_ranges_fail(peer, -EHOSTUNREACH);
	for (i = 0; i < KVPOOL_MAX_LINKS; i++)
		if (links[i])
			kvpool_link_free(links[i]);
	kvpool_ranges_fail(peer, -EHOSTUNREACH);
	cancel_delayed_work_sync(&peer->rest_work);
	cancel_work_sync(&peer->send_work);
	cancel_delayed_work_sync(&peer->fence_work);
}

/**
 * kvpool_peer_del() - Forget a peer
 * @id: its number
 *
 * Its links are fenced, and what was in flight has failed when this returns.
 *
 * Return: 0 or -ENOENT.
 */
int kvpool_peer_del(u32 id)
{
	struct kvpool_peer_info info;
	struct kvpool_peer *peer;

	mutex_lock(&kvpool_fabric_mutex);
	peer = xa_erase(&kvpool_peers, id);
	if (peer)
		kvpool_peer_end(peer);
	mutex_unlock(&kvpool_fabric_mutex);
	if (!peer)
		return -ENOENT;
	kvpool_peer_read(peer, &info);
	kvpool_netlink_peer_event(&info, KVPOOL_PEER_DELETED);
	kvpool_peer_put(peer);
	return 0;
}

static bool kvpool_address_equal(const struct sockaddr_storage *a,
				 const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	switch (a->ss_family) {
	case AF_INET:
		return !memcmp(a, b, offsetofend(struct sockaddr_in, sin_addr));
	case AF_INET6:
		return !memcmp(a, b, sizeof(struct sockaddr_in6));
	}
	return true;
}

/* Each queue pair has a port of its own here. */
static bool kvpool_address_any_port(const struct sockaddr_storage *addr)
{
	return addr->ss_family == AF_INET ?
	       !((const struct sockaddr_in *)addr)->sin_port :
	       !((const struct sockaddr_in6 *)addr)->sin6_port;
}

static bool kvpool_address_ok(const struct sockaddr_storage *addr)
{
	return addr->ss_family == AF_INET || addr->ss_family == AF_INET6;
}

/* Give a new link a place and a number; kvpool_fabric_mutex is held. */
static int kvpool_peer_enter(struct kvpool_peer *peer,
			     struct kvpool_link *link)
{
	unsigned int i, free = KVPOOL_MAX_LINKS;
	int ret = 0;

	spin_lock(&peer->lock);
	for (i = 0; i < KVPOOL_MAX_LINKS; i++) {
		const struct kvpool_link *other = peer->links[i];

		if (!other)
			free = min(free, i);
		else if (kvpool_address_equal(&other->dst, &link->dst) &&
			 kvpool_address_equal(&other->src, &link->src))
			ret = -EEXIST;
	}
	if (!ret && free == KVPOOL_MAX_LINKS)
		ret = -ENOSPC;
	if (!ret) {
		link->id = ++peer->next_link;
		peer->links[free] = link;
	}
	spin_unlock(&peer->lock);
	return ret;
}

/**
 * kvpool_link_add() - Give a peer another link
 * @peer: number of the peer
 * @dst: address and port there
 * @src: address here without a port, or NULL or of family AF_UNSPEC for any
 * @id: number of the link
 *
 * Return: 0; -ENOENT no such peer; -EAFNOSUPPORT; -EINVAL for a port in @src;
 * -EEXIST the peer has a link between these addresses; -ENOSPC; -ENOMEM.
 */
int kvpool_link_add(u32 peer, const struct sockaddr_storage *dst,
		    const struct sockaddr_storage *src, u32 *id)
{
	struct kvpool_link *link;
	struct kvpool_peer *of;
	int ret = -ENOENT;

	if (src && src->ss_family == AF_UNSPEC)
		src = NULL;
	if (!kvpool_address_ok(dst) || (src && !kvpool_address_ok(src)))
		return -EAFNOSUPPORT;
	if (src && !kvpool_address_any_port(src))
		return -EINVAL;

	mutex_lock(&kvpool_fabric_mutex);
	of = xa_load(&kvpool_peers, peer);
	if (!of)
		goto out;
	ret = -ENOMEM;
	link = kvpool_link_new(of, dst, src);
	if (!link)
		goto out;
	ret = kvpool_peer_enter(of, link);
	if (ret) {
		kvpool_link_free(link);
		goto out;
	}
	*id = link->id;
	kvpool_link_start(link);
out:
	mutex_unlock(&kvpool_fabric_mutex);
	return ret;
}

/**
 * kvpool_link_del() - Take a link away
 * @peer: number of the peer
 * @id: number of the link
 *
 * It is fenced when this returns; its requests go over the peer's other links.
 *
 * Return: 0 or -ENOENT.
 */
int kvpool_link_del(u32 peer, u32 id)
{
	struct kvpool_link *link = NULL;
	struct kvpool_peer *of;
	unsigned int i;

	mutex_lock(&kvpool_fabric_mutex);
	of = xa_load(&kvpool_peers, peer);
	if (of) {
		spin_lock(&of->lock);
		for (i = 0; i < KVPOOL_MAX_LINKS && !link; i++) {
			link = of->links[i];
			if (link && link->id == id)
				of->links[i] = NULL;
			else
				link = NULL;
		}
		spin_unlock(&of->lock);
	}
	if (link) {
		kvpool_link_free(link);
		kvpool_requests_send(of);
	}
	mutex_unlock(&kvpool_fabric_mutex);
	return link ? 0 : -ENOENT;
}

/**
 * kvpool_peer_next() - Describe the next peer
 * @after: a number, 0 to begin
 * @info: where to
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
 * kvpool_link_next() - Describe the next link of a peer
 * @peer: number of the peer
 * @after: number of a link, 0 to begin
 * @info: where to
 *
 * Return: 0, or -ENOENT at the end or without such a peer.
 */
int kvpool_link_next(u32 peer, u32 after, struct kvpool_link_info *info)
{
	struct kvpool_link *next = NULL;
	struct kvpool_peer *of;
	unsigned int i;

	of = kvpool_peer_find(peer);
	if (!of)
		return -ENOENT;
	/* Links are freed only after they have left, under this lock. */
	spin_lock(&of->lock);
	for (i = 0; i < KVPOOL_MAX_LINKS; i++) {
		struct kvpool_link *link = of->links[i];

		if (link && link->id > after && (!next || link->id < next->id))
			next = link;
	}
	if (next)
		kvpool_link_read(next, info);
	spin_unlock(&of->lock);
	kvpool_peer_put(of);
	return next ? 0 : -ENOENT;
}

/**
 * kvpool_peers_fail() - End all queue pairs of a device or of a port
 * @dev: the device
 * @port: its port, or zero for all
 * @reason: enum kvpool_close
 * @error: negative errno
 */
void kvpool_peers_fail(struct kvpool_ibdev *dev, u32 port, int reason,
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
				kvpool_queue_fail(queue, reason, error);
		spin_unlock(&peer->lock);
	}
	rcu_read_unlock();
}

/**
 * kvpool_peers_retry() - A port has come up: do not wait with what is down
 */
void kvpool_peers_retry(void)
{
	struct kvpool_queue *queue;
	struct kvpool_peer *peer;
	unsigned long index;

	rcu_read_lock();
	xa_for_each(&kvpool_peers, index, peer) {
		spin_lock(&peer->lock);
		kvpool_peer_each_queue(peer, queue)
			kvpool_queue_retry(queue);
		spin_unlock(&peer->lock);
	}
	rcu_read_unlock();
}

/**
 * kvpool_peers_exit() - Forget all peers; none can be added any more
 */
void kvpool_peers_exit(void)
{
	struct kvpool_peer *peer;
	unsigned long index;

	mutex_lock(&kvpool_fabric_mutex);
	xa_for_each(&kvpool_peers, index, peer) {
		xa_erase(&kvpool_peers, index);
		kvpool_peer_end(peer);
		kvpool_peer_put(peer);
	}
	mutex_unlock(&kvpool_fabric_mutex);
	xa_destroy(&kvpool_peers);
}
