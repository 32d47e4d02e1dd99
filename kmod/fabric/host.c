// SPDX-License-Identifier: GPL-2.0
/*
 * Hosts that have sessions on this one. A host is its name, the key that it
 * proved to know and its instance; so nobody else gets at what it pushes.
 */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/ipv6.h>

#include "fabric/host.h"

/* How many hosts, or sessions of a host, are looked at in one go. */
#define KVPOOL_LOOK_NR	64

static DEFINE_MUTEX(kvpool_hosts_lock);	/* what follows, and hosts */
static struct rb_root kvpool_hosts = RB_ROOT;
static struct rb_root kvpool_hosts_by_id = RB_ROOT;
static u64 kvpool_host_next_id;
static u64 kvpool_host_evict_id;	/* where to look next */

/* ---- the tables ---- */

static struct kvpool_host *kvpool_host_of(struct rb_node *node)
{
	return rb_entry(node, struct kvpool_host, node);
}

static int kvpool_host_cmp(const void *key, const struct rb_node *node)
{
	const struct kvpool_host *host;

	host = rb_entry(node, struct kvpool_host, node);
	return memcmp(key, &host->key, sizeof(host->key));
}

static bool kvpool_host_less(struct rb_node *a, const struct rb_node *b)
{
	return kvpool_host_cmp(&kvpool_host_of(a)->key, b) < 0;
}

static bool kvpool_host_id_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct kvpool_host, by_id)->id <
	       rb_entry(b, struct kvpool_host, by_id)->id;
}

/* The host with the next higher number; the lock is held. */
static struct kvpool_host *kvpool_host_after(u64 id)
{
	struct rb_node *node = kvpool_hosts_by_id.rb_node;
	struct kvpool_host *host, *found = NULL;

	lockdep_assert_held(&kvpool_hosts_lock);
	while (node) {
		host = rb_entry(node, struct kvpool_host, by_id);
		if (host->id > id) {
			found = host;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

static struct kvpool_slot *kvpool_slot_of(struct rb_node *node)
{
	return rb_entry(node, struct kvpool_slot, node);
}

static bool kvpool_slot_less(struct rb_node *a, const struct rb_node *b)
{
	return kvpool_slot_of(a)->number <
	       rb_entry(b, struct kvpool_slot, node)->number;
}

static int kvpool_slot_cmp(const void *number, const struct rb_node *node)
{
	u32 a = *(const u32 *)number;
	u32 b = rb_entry(node, struct kvpool_slot, node)->number;

	return a < b ? -1 : a > b;
}

/* ---- sessions that come in the place of others ---- */

static bool kvpool_host_same_address(const struct kvpool_host *a,
				     const struct kvpool_host *b)
{
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)&a->addr;
	const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *)&b->addr;
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)&a->addr;
	const struct sockaddr_in *b4 = (const struct sockaddr_in *)&b->addr;

	if (a->addr.ss_family != b->addr.ss_family)
		return false;
	if (a->addr.ss_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return ipv6_addr_equal(&a6->sin6_addr, &b6->sin6_addr);
}

/* Does @new come in the place of @old? They are different and have one name. */
static bool kvpool_host_replaces(const struct kvpool_host *new,
				 const struct kvpool_host *old)
{
	if (old->replaced)
		return false;
	/* One host, to which this one is more than one peer. */
	if (!memcmp(new->key.instance, old->key.instance, KVPOOL_WIRE_LIFE))
		return false;
	/* Without a proof a name is a claim, and many may claim the same. */
	if (!new->key.proof)
		return !old->key.proof && kvpool_host_same_address(new, old);
	return true;
}

/*
 * End the sessions of a host in the place of which another one has come. Return
 * whether memory is free soon.
 */
static bool kvpool_host_end(struct kvpool_host *old,
			    const struct kvpool_host *new,
			    const struct kvpool_slot_ops *ops)
{
	struct rb_node *node = rb_first(&old->slots);
	bool frees = false;
	unsigned int i;

	pr_notice_ratelimited("host %s, now at %pISc, has begun anew: its former sessions, from %pISc, are closed; if these are two hosts, give each a name of its own\n",
			      new->key.name, &new->addr, &old->addr);
	old->replaced = true;
	WRITE_ONCE(old->life, old->life + 1);
	/* If there are more, those that look after sessions find them. */
	for (i = 0; node && i < KVPOOL_LOOK_NR; i++) {
		frees |= ops->replace(kvpool_slot_of(node));
		node = rb_next(node);
	}
	return frees;
}

/* The hosts with the name of a host stand beside it in the table. */
static bool kvpool_host_replace(struct kvpool_host *new,
				const struct kvpool_slot_ops *ops)
{
	struct rb_node *node = &new->node, *prev;
	struct kvpool_host *old;
	bool frees = false;
	unsigned int i;

	lockdep_assert_held(&kvpool_hosts_lock);
	for (i = 0; i < KVPOOL_LOOK_NR; i++) {
		prev = rb_prev(node);
		if (!prev || strcmp(kvpool_host_of(prev)->key.name,
				    new->key.name))
			break;
		node = prev;
	}
	for (i = 0; node && i < 2 * KVPOOL_LOOK_NR; i++) {
		old = kvpool_host_of(node);
		if (strcmp(old->key.name, new->key.name))
			break;
		node = rb_next(node);
		if (old == new || !kvpool_host_replaces(new, old))
			continue;
		frees |= kvpool_host_end(old, new, ops);
	}
	return frees;
}

/* Give a session its place, from which it drives another one. */
static bool kvpool_host_take(struct kvpool_host *host, struct kvpool_slot *slot,
			     const struct kvpool_slot_ops *ops)
{
	struct rb_node *node = rb_find(&slot->number, &host->slots,
				       kvpool_slot_cmp);
	bool frees = false;

	lockdep_assert_held(&kvpool_hosts_lock);
	if (node) {
		rb_erase(node, &host->slots);
		kvpool_slot_of(node)->taken = false;
		frees = ops->replace(kvpool_slot_of(node));
	}
	rb_add(&slot->node, &host->slots, kvpool_slot_less);
	slot->taken = true;
	return frees;
}

/**
 * kvpool_host_get() - Find or make the host of a session
 * @key: who it is
 * @addr: its address
 * @slot: of the session, which takes its place at the host
 * @ops: for sessions
 * @frees: out: other sessions end for this one, and their memory is free soon
 *
 * Context: process.
 *
 * Return: the host with a reference, or NULL without memory.
 */
struct kvpool_host *kvpool_host_get(const struct kvpool_host_key *key,
				    const struct sockaddr_storage *addr,
				    struct kvpool_slot *slot,
				    const struct kvpool_slot_ops *ops,
				    bool *frees)
{
	struct kvpool_host *host, *new;
	struct rb_node *node;

	new = kzalloc(sizeof(*new), GFP_KERNEL);
	if (!new)
		return NULL;
	new->key = *key;
	new->slots = RB_ROOT;
	kvpool_pushes_init(&new->pushes);

	mutex_lock(&kvpool_hosts_lock);
	node = rb_find(key, &kvpool_hosts, kvpool_host_cmp);
	if (node) {
		host = kvpool_host_of(node);
	} else {
		host = new;
		new = NULL;
		host->id = ++kvpool_host_next_id;
		rb_add(&host->node, &kvpool_hosts, kvpool_host_less);
		rb_add(&host->by_id, &kvpool_hosts_by_id, kvpool_host_id_less);
	}
	host->refs++;
	host->addr = *addr;
	host->replaced = false;
	slot->life = host->life;
	*frees = kvpool_host_take(host, slot, ops);
	*frees |= kvpool_host_replace(host, ops);
	mutex_unlock(&kvpool_hosts_lock);
	kfree(new);
	return host;
}

/**
 * kvpool_host_leave() - Give up the place of a session
 * @host: the host
 * @slot: of the session; nothing here uses it any more on return
 *
 * Context: process.
 */
void kvpool_host_leave(struct kvpool_host *host, struct kvpool_slot *slot)
{
	mutex_lock(&kvpool_hosts_lock);
	if (slot->taken)
		rb_erase(&slot->node, &host->slots);
	slot->taken = false;
	mutex_unlock(&kvpool_hosts_lock);
}

/**
 * kvpool_host_put() - A session of a host has ended
 * @host: the host
 *
 * With its last session, what the host was pushing ends.
 *
 * Context: process.
 */
void kvpool_host_put(struct kvpool_host *host)
{
	bool last;

	mutex_lock(&kvpool_hosts_lock);
	last = !--host->refs;
	if (last) {
		rb_erase(&host->node, &kvpool_hosts);
		rb_erase(&host->by_id, &kvpool_hosts_by_id);
	}
	mutex_unlock(&kvpool_hosts_lock);
	if (last) {
		kvpool_pushes_exit(&host->pushes);
		kfree(host);
	}
}

/* ---- memory ---- */

/*
 * Of some hosts from @after on, the one that has most, and more than @fair.
 * @after becomes the number of the last one, zero after the end.
 */
static struct kvpool_host *kvpool_host_richest(u64 *after, u64 fair)
{
	struct kvpool_host *host, *richest = NULL;
	unsigned int i;

	lockdep_assert_held(&kvpool_hosts_lock);
	for (i = 0; i < KVPOOL_LOOK_NR; i++) {
		host = kvpool_host_after(*after);
		*after = host ? host->id : 0;
		if (!host)
			break;
		if (READ_ONCE(host->share.bytes) > fair) {
			fair = READ_ONCE(host->share.bytes);
			richest = host;
		}
	}
	return richest;
}

/* A host that has more than its share: end a session, unless one ends. */
static void kvpool_host_shrink(struct kvpool_host *host,
			       const struct kvpool_slot_ops *ops)
{
	struct rb_node *node = rb_first(&host->slots);
	struct kvpool_slot *slot, *best = NULL;
	long value, most = 0;
	unsigned int i;

	lockdep_assert_held(&kvpool_hosts_lock);
	for (i = 0; node && i < KVPOOL_LOOK_NR; i++) {
		slot = kvpool_slot_of(node);
		node = rb_next(node);
		value = ops->value(slot);
		/* One at a time: it may be enough. */
		if (value < 0)
			return;
		if (value > most) {
			best = slot;
			most = value;
		}
	}
	/* What is charged to none of them is that of sessions that end. */
	if (!best)
		return;
	pr_notice_ratelimited("host %s has %llu KiB for its connections, more than its share, and others have not: an idle session is closed; 'kvpoolctl fabric set --memory' grants more\n",
			      host->key.name, host->share.bytes >> 10);
	ops->evict(best);
}

/**
 * kvpool_host_evict() - End a session of a host that has more than its share
 * @fair: bytes of a fair share
 * @ops: for sessions
 *
 * Context: process.
 *
 * Return: true if a session ends, and its memory is free soon; false if no host
 * has more than @fair.
 */
bool kvpool_host_evict(u64 fair, const struct kvpool_slot_ops *ops)
{
	struct kvpool_host *host;
	unsigned int ends = 0;
	u64 start, at;
	bool found;

	/* Once around, but only some of them under the lock. */
	at = READ_ONCE(kvpool_host_evict_id);
	start = at;
	do {
		mutex_lock(&kvpool_hosts_lock);
		host = kvpool_host_richest(&at, fair);
		if (host)
			kvpool_host_shrink(host, ops);
		WRITE_ONCE(kvpool_host_evict_id, at);
		mutex_unlock(&kvpool_hosts_lock);
		found = host;
		ends += !at;
	} while (!found && (!ends || (ends == 1 && at < start)));
	return found;
}

/**
 * kvpool_hosts_expire() - End the pushes of some hosts that make no progress
 * @after: number of a host, 0 to begin
 * @nr: how many hosts to look at
 *
 * Context: process.
 *
 * Return: the number of the last one, to go on with; zero after the end.
 */
u64 kvpool_hosts_expire(u64 after, unsigned int nr)
{
	struct kvpool_host *host;

	while (nr--) {
		mutex_lock(&kvpool_hosts_lock);
		host = kvpool_host_after(after);
		if (host)
			host->refs++;
		mutex_unlock(&kvpool_hosts_lock);
		if (!host)
			return 0;
		after = host->id;
		kvpool_pushes_expire(&host->pushes);
		kvpool_host_put(host);
	}
	return after;
}

/**
 * kvpool_host_next() - Describe the next host
 * @after: number of a host, 0 to begin
 * @info: where to write it
 *
 * Context: process.
 *
 * Return: 0, or -ENOENT at the end.
 */
int kvpool_host_next(u64 after, struct kvpool_host_info *info)
{
	struct kvpool_host *host;

	mutex_lock(&kvpool_hosts_lock);
	host = kvpool_host_after(after);
	if (host) {
		memset(info, 0, sizeof(*info));
		info->id = host->id;
		memcpy(info->name, host->key.name, sizeof(info->name));
		memcpy(info->instance, host->key.instance,
		       sizeof(info->instance));
		info->addr = host->addr;
		info->authenticated = host->key.proof;
		info->sessions = host->refs;
		info->pushes = READ_ONCE(host->pushes.nr);
		info->memory = READ_ONCE(host->share.bytes);
	}
	mutex_unlock(&kvpool_hosts_lock);
	return host ? 0 : -ENOENT;
}
