// SPDX-License-Identifier: GPL-2.0
/*
 * Adds and deletes peers and links, one call at a time. Calls wait for the
 * transport, within bounds, and for no peer.
 */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/err.h>
#include <linux/idr.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/string.h>

#include "fabric/control.h"
#include "fabric/events.h"
#include "fabric/exchange.h"
#include "fabric/fence.h"
#include "fabric/initiator.h"
#include "fabric/job.h"
#include "fabric/keepalive.h"
#include "fabric/peer.h"
#include "fabric/reconnect.h"
#include "fabric/settings.h"
#include "fabric/wq.h"

static DEFINE_MUTEX(kvpool_control_mutex);	/* the table of peers */
/* A target tells the links of this host by them, whatever peers they are of. */
static DEFINE_IDA(kvpool_link_numbers);

/* ---- links ---- */

/* Make a link that does not connect yet, or NULL without memory. */
static struct kvpool_link *kvpool_link_new(struct kvpool_peer *peer,
					   const struct sockaddr_storage *dst,
					   const struct sockaddr_storage *src)
{
	unsigned int i, nr = kvpool_setting_queues();
	struct kvpool_link *link;
	int number;

	link = kvzalloc(struct_size(link, queues, nr), GFP_KERNEL);
	if (!link)
		return NULL;
	number = ida_alloc_range(&kvpool_link_numbers, 1, KVPOOL_WIRE_LINKS_MAX,
				 GFP_KERNEL);
	if (number < 0) {
		kvfree(link);
		return NULL;
	}
	link->number = number;
	link->peer = kvpool_peer_get(peer);
	link->peer_id = peer->id;
	link->peer_name = peer->name;
	link->dst = *dst;
	if (src)
		link->src = *src;
	refcount_set(&link->refs, 1);
	link->target = 1;
	link->rate = 100 << 10;
	link->measured = jiffies;
	link->node = NUMA_NO_NODE;
	link->told = KVPOOL_NR_CLOSES;
	link->nr_queues = nr;
	mutex_init(&link->notify_lock);
	INIT_DELAYED_WORK(&link->watch_work, kvpool_keepalive_work);
	for (i = 0; i < nr; i++) {
		struct kvpool_queue *queue = &link->queues[i];

		kvpool_queue_init(queue, link, i);
		INIT_DELAYED_WORK(&queue->connect_work, kvpool_connect_work);
		INIT_DELAYED_WORK(&queue->close_work, kvpool_close_work);
		INIT_WORK(&queue->fence_work, kvpool_reconnect_fence_work);
	}
	return link;
}

/* A link that its peer knows is connected when there is something to do. */
static void kvpool_link_start(struct kvpool_link *link)
{
	struct kvpool_peer *peer = link->peer;
	struct kvpool_link_info info;
	bool busy;

	kvpool_link_read(link, &info);
	kvpool_event_link(&info, KVPOOL_LINK_ADDED);
	WRITE_ONCE(peer->resting, true);
	spin_lock(&peer->lock);
	busy = peer->nr_up || kvpool_peer_has_work(peer);
	spin_unlock(&peer->lock);
	if (busy)
		kvpool_peer_wake(peer);
	else
		kvpool_requests_send(peer);
}

/* Fence a link that its peer does not know any more, and free it. */
static void kvpool_link_free(struct kvpool_link *link)
{
	struct kvpool_link_info info;
	unsigned int i;

	WRITE_ONCE(link->dead, true);
	/* Ends an attempt to connect; then nothing arms another one. */
	for (i = 0; i < link->nr_queues; i++)
		kvpool_queue_close(&link->queues[i], KVPOOL_CLOSE_LOCAL, 0);
	for (i = 0; i < link->nr_queues; i++) {
		cancel_delayed_work_sync(&link->queues[i].connect_work);
		/* It may have come up just before it was closed. */
		kvpool_queue_close(&link->queues[i], KVPOOL_CLOSE_LOCAL, 0);
	}
	for (i = 0; i < link->nr_queues; i++) {
		flush_work(&link->queues[i].fence_work);
		mod_delayed_work(kvpool_close_wq, &link->queues[i].close_work,
				 0);
	}
	for (i = 0; i < link->nr_queues; i++)
		flush_delayed_work(&link->queues[i].close_work);
	cancel_delayed_work_sync(&link->watch_work);
	ida_free(&kvpool_link_numbers, link->number);
	kvpool_link_read(link, &info);
	/* Not if its peer had no room for it. */
	if (link->id)
		kvpool_event_link(&info, KVPOOL_LINK_DELETED);
	kvpool_link_put(link);
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

/* Give a new link a place and a number; kvpool_control_mutex is held. */
static int kvpool_peer_enter(struct kvpool_peer *peer,
			     struct kvpool_link *link)
{
	unsigned int i, free = KVPOOL_MAX_LINKS;
	int ret = 0;

	spin_lock(&peer->lock);
	for (i = 0; i < KVPOOL_MAX_LINKS; i++) {
		const struct kvpool_link *other = kvpool_peer_link(peer, i);

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
		link->place = free;
		rcu_assign_pointer(peer->links[free], link);
		if (peer->end <= free)
			WRITE_ONCE(peer->end, free + 1);
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
 * It is connected when there is something to do for it.
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

	mutex_lock(&kvpool_control_mutex);
	of = kvpool_peer_find(peer);
	if (!of)
		goto out;
	ret = -ENOMEM;
	link = kvpool_link_new(of, dst, src);
	if (!link)
		goto out_put;
	ret = kvpool_peer_enter(of, link);
	if (ret) {
		kvpool_link_free(link);
		goto out_put;
	}
	*id = link->id;
	kvpool_link_start(link);
out_put:
	if (ret == -ENOSPC)
		pr_notice_ratelimited("peer %s: link not added: it has %u links, which is the limit\n",
				      of->name, KVPOOL_MAX_LINKS);
	kvpool_peer_put(of);
out:
	mutex_unlock(&kvpool_control_mutex);
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

	mutex_lock(&kvpool_control_mutex);
	of = kvpool_peer_find(peer);
	if (of) {
		spin_lock(&of->lock);
		for (i = 0; i < KVPOOL_MAX_LINKS && !link; i++) {
			link = kvpool_peer_link(of, i);
			if (link && link->id == id)
				RCU_INIT_POINTER(of->links[i], NULL);
			else
				link = NULL;
		}
		spin_unlock(&of->lock);
	}
	if (link) {
		kvpool_link_free(link);
		kvpool_requests_send(of);
	}
	if (of)
		kvpool_peer_put(of);
	mutex_unlock(&kvpool_control_mutex);
	return link ? 0 : -ENOENT;
}

/**
 * kvpool_link_connect() - Begin to connect a link now
 * @peer: number of the peer
 * @id: number of the link
 *
 * It is connected as if a request had come that needs it. Events of the link
 * tell how that ends.
 *
 * Context: process.
 *
 * Return: 0, also if it is connected already; or -ENOENT.
 */
int kvpool_link_connect(u32 peer, u32 id)
{
	struct kvpool_peer *of = kvpool_peer_find(peer);
	struct kvpool_link *link;
	int ret = -ENOENT;

	if (!of)
		return ret;
	WRITE_ONCE(of->used, jiffies);
	rcu_read_lock();
	kvpool_peer_each_link(of, link) {
		if (link->id != id)
			continue;
		kvpool_link_wake(link);
		kvpool_link_retry(link, 0);
		ret = 0;
	}
	rcu_read_unlock();
	kvpool_peer_put(of);
	return ret;
}

/* ---- peers ---- */

/* Make a peer known that has a number; drops the reference if it fails. */
static int kvpool_peer_enroll(struct kvpool_peer *peer)
{
	int ret;

	INIT_WORK(&peer->send_work, kvpool_send_work);
	INIT_DELAYED_WORK(&peer->retry_work, kvpool_retry_work);
	INIT_DELAYED_WORK(&peer->fence_work, kvpool_fence_work);
	mutex_lock(&kvpool_control_mutex);
	ret = kvpool_peer_insert(peer);
	mutex_unlock(&kvpool_control_mutex);
	if (ret)
		kvpool_peer_put(peer);
	return ret;
}

/**
 * kvpool_peer_add() - Make a peer known
 * @name: 1 to KVPOOL_NAME_SIZE - 1 bytes, unique
 * @host: the name that the other side has to prove, shorter than
 *	  KVPOOL_NAME_SIZE; NULL or empty: any
 * @id: its number, which the core gives
 *
 * Return: 0; -EINVAL for the name; -EEXIST; -ENOSPC; -ENOMEM.
 */
int kvpool_peer_add(const char *name, const char *host, u32 *id)
{
	struct kvpool_peer_info info;
	struct kvpool_peer *peer;
	int ret;

	ret = kvpool_mover_peer_add(&kvpool_initiator, name, id);
	if (ret == -ENOSPC)
		pr_notice_ratelimited("peer not added: there are %u peers, which is the limit\n",
				      KVPOOL_PEERS_MAX);
	if (ret)
		return ret;
	peer = kvpool_peer_alloc(name, host, *id);
	ret = peer ? kvpool_peer_enroll(peer) : -ENOMEM;
	if (ret) {
		kvpool_mover_peer_del(&kvpool_initiator, *id);
		return ret;
	}

	peer = kvpool_peer_find(*id);
	if (peer) {
		kvpool_peer_read(peer, &info);
		kvpool_event_peer(&info, KVPOOL_PEER_ADDED);
		kvpool_peer_put(peer);
	}
	return 0;
}

/* End a peer that is not in the table any more; its number can go then. */
static void kvpool_peer_end(struct kvpool_peer *peer)
{
	struct kvpool_link *links[KVPOOL_MAX_LINKS];
	unsigned int i;

	spin_lock(&peer->lock);
	peer->gone = true;
	for (i = 0; i < KVPOOL_MAX_LINKS; i++) {
		links[i] = kvpool_peer_link(peer, i);
		RCU_INIT_POINTER(peer->links[i], NULL);
	}
	spin_unlock(&peer->lock);

	kvpool_ranges_fail(peer, -EHOSTUNREACH);
	for (i = 0; i < KVPOOL_MAX_LINKS; i++)
		if (links[i])
			kvpool_link_free(links[i]);
	kvpool_ranges_fail(peer, -EHOSTUNREACH);
	cancel_delayed_work_sync(&peer->retry_work);
	cancel_work_sync(&peer->send_work);
	cancel_delayed_work_sync(&peer->fence_work);
	kvpool_mover_peer_del(&kvpool_initiator, peer->id);
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

	mutex_lock(&kvpool_control_mutex);
	peer = kvpool_peer_remove(id);
	if (peer)
		kvpool_peer_end(peer);
	mutex_unlock(&kvpool_control_mutex);
	if (!peer)
		return -ENOENT;
	kvpool_peer_read(peer, &info);
	kvpool_event_peer(&info, KVPOOL_PEER_DELETED);
	kvpool_peer_put(peer);
	return 0;
}

/**
 * kvpool_control_exit() - Forget all peers; none is added any more
 */
void kvpool_control_exit(void)
{
	struct kvpool_peer *peer;

	mutex_lock(&kvpool_control_mutex);
	while ((peer = kvpool_peer_after(0))) {
		if (kvpool_peer_remove(peer->id)) {
			kvpool_peer_end(peer);
			/* The table's reference. */
			kvpool_peer_put(peer);
		}
		kvpool_peer_put(peer);
	}
	mutex_unlock(&kvpool_control_mutex);
}
