// SPDX-License-Identifier: GPL-2.0
/*
 * Which sessions there may be, by the memory granted to connections.
 *
 * A session that has been requested waits, at next to no cost, until there is
 * room among the strangers, which share a part of the memory that is set aside
 * for them. There it is accepted. When its host has proved who it is, the host
 * is charged for it. If all memory is in use, a host that has less than its fair
 * share gets room, at the cost of one that has more.
 */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/string.h>

#include "fabric/admit.h"
#include "fabric/cmd.h"
#include "fabric/grant.h"
#include "fabric/host.h"
#include "fabric/limits.h"
#include "fabric/peer.h"
#include "fabric/session.h"
#include "fabric/wq.h"

#define KVPOOL_NR_ORIGINS	256
#define KVPOOL_MAX_ARRIVALS	512	/* sessions that wait to be accepted */
#define KVPOOL_FEW_ARRIVALS	256	/* more are not all of one origin */
#define KVPOOL_ORIGIN_ARRIVALS	64	/* that others leave it in any case */
#define KVPOOL_ADMIT_NR		16	/* that are looked at in one go */
#define KVPOOL_STRANGER_MIN_MS	500	/* to prove who it is */
#define KVPOOL_ROOM_MS		2000	/* for the memory of another session */
#define KVPOOL_STRANGERS_MOST	SZ_64M

/* Credits that a session gets at most, and at least. */
#define KVPOOL_CREDITS_MOST	16
#define KVPOOL_CREDITS_LEAST	2
#define KVPOOL_PUSHES_LEAST	32

/*
 * An address that sessions come from, or rather all with one hash of it, which
 * nobody can foresee. What there is for those that have not proved who they are
 * is shared by origin, so that one does not keep others out.
 */
struct kvpool_origin {
	struct list_head entry;		/* in kvpool_arriving, or empty */
	struct list_head arrivals;	/* sessions, the oldest first */
	struct list_head strangers;	/* likewise */
	unsigned int nr_arrivals;
	u64 bytes;			/* that its strangers take */
};

static DEFINE_SPINLOCK(kvpool_admit_lock);	/* what follows */
static struct kvpool_origin kvpool_origins[KVPOOL_NR_ORIGINS];
static siphash_key_t kvpool_origin_seed;
static LIST_HEAD(kvpool_arriving);	/* origins, each in its turn */
static LIST_HEAD(kvpool_proved);	/* sessions that wait for memory */
static unsigned int kvpool_nr_arrivals;
static u64 kvpool_stranger_bytes;
static u64 kvpool_proved_bytes;		/* of them those of kvpool_proved */
static struct kvpool_share kvpool_reserve;	/* set aside for strangers */

/**
 * kvpool_admit_init() - Begin without sessions
 */
void kvpool_admit_init(void)
{
	struct kvpool_origin *origin;

	get_random_bytes(&kvpool_origin_seed, sizeof(kvpool_origin_seed));
	for (origin = kvpool_origins;
	     origin < kvpool_origins + KVPOOL_NR_ORIGINS; origin++) {
		INIT_LIST_HEAD(&origin->entry);
		INIT_LIST_HEAD(&origin->arrivals);
		INIT_LIST_HEAD(&origin->strangers);
	}
}

static struct kvpool_origin *
kvpool_origin_of(const struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;
	u64 hash;

	if (addr->ss_family == AF_INET)
		hash = siphash_1u32((__force u32)v4->sin_addr.s_addr,
				    &kvpool_origin_seed);
	else
		hash = siphash(&v6->sin6_addr, sizeof(v6->sin6_addr),
			       &kvpool_origin_seed);
	return &kvpool_origins[hash % KVPOOL_NR_ORIGINS];
}

/* ---- the size of a session ---- */

/*
 * Bytes that a session takes, and its host with its first one, as soft RDMA
 * makes its queues and regions. @pages: of each region, zero if it has none.
 */
static u64 kvpool_admit_cost(unsigned int credits, unsigned int pages)
{
	unsigned int nr = credits + KVPOOL_CREDITS_EXTRA;
	unsigned int wrs = max(kvpool_session_wrs(credits),
			       KVPOOL_SESSION_ROOM + 1 +
			       kvpool_session_each(pages) * credits);
	u64 regions = pages ? credits * (SZ_1K + pages * 32) : 0;

	return sizeof(struct kvpool_session) + sizeof(struct kvpool_host) +
	       nr * (sizeof(struct kvpool_cmd) + KVPOOL_CMD_RESPONSE +
		     sizeof(struct kvpool_recv) + KVPOOL_WIRE_CAPSULE_MAX) +
	       roundup_pow_of_two(wrs + 1) * KVPOOL_SESSION_WQE +
	       roundup_pow_of_two(nr + 2) * 128 +
	       (wrs + nr + 1) * sizeof(struct ib_wc) + regions + SZ_8K;
}

/**
 * kvpool_admit_size() - Say how large a session will be
 * @session: a new session with @region_pages; credits and what follows from
 *	     them are set
 * @credits: that it asks for
 *
 * The less memory is left, the smaller sessions are.
 *
 * Context: any.
 */
void kvpool_admit_size(struct kvpool_session *session, unsigned int credits)
{
	unsigned int most = KVPOOL_CREDITS_MOST;
	struct kvpool_wire_terms *terms = &session->terms;
	struct kvpool_grant_info grant;
	u64 left;

	kvpool_grant_read(&grant);
	left = grant.granted - min(grant.used, grant.granted);
	/* Others of this size have to fit. */
	while (most > KVPOOL_CREDITS_LEAST &&
	       kvpool_admit_cost(most, session->region_pages) * 16 > left)
		most /= 2;
	terms->credits = min(credits, most);
	terms->waits = terms->credits / 2;
	terms->pushes = left < grant.granted / 8 ? KVPOOL_PUSHES_LEAST :
						  KVPOOL_MAX_PUSHES;
	session->bytes = kvpool_admit_cost(terms->credits,
					   session->region_pages);
}

/* ---- strangers ---- */

/* Set memory aside for strangers: an eighth, at least for one of them. */
static void kvpool_admit_set_aside(void)
{
	u64 want = clamp_t(u64, div_u64(kvpool_grant_total(), 8),
			   kvpool_admit_cost(KVPOOL_CREDITS_LEAST, 0),
			   KVPOOL_STRANGERS_MOST);
	u64 have = READ_ONCE(kvpool_reserve.bytes);

	lockdep_assert_held(&kvpool_admit_lock);
	if (have > want)
		kvpool_grant_uncharge(&kvpool_reserve, have - want);
	while (have < want &&
	       kvpool_grant_charge(&kvpool_reserve, want - have))
		want = have + (want - have) / 2;
}

/* A session that has arrived waits no more; the caller moves its entry on. */
static void kvpool_admit_unqueue(struct kvpool_session *session)
{
	struct kvpool_origin *origin = session->origin;

	lockdep_assert_held(&kvpool_admit_lock);
	kvpool_nr_arrivals--;
	if (!--origin->nr_arrivals)
		list_del_init(&origin->entry);
}

/* A session is none of the strangers any more; the lock is held. */
static void kvpool_admit_forget(struct kvpool_session *session)
{
	lockdep_assert_held(&kvpool_admit_lock);
	session->origin->bytes -= session->bytes;
	kvpool_stranger_bytes -= session->bytes;
	if (session->host)
		kvpool_proved_bytes -= session->bytes;
}

/* Begin to accept a session; the lock is held. */
static void kvpool_admit_start(struct kvpool_session *session)
{
	struct kvpool_origin *origin = session->origin;

	lockdep_assert_held(&kvpool_admit_lock);
	kvpool_admit_unqueue(session);
	spin_lock(&session->lock);
	if (session->state == KVPOOL_SESSION_ARRIVING) {
		list_move_tail(&session->entry, &origin->strangers);
		session->admitted = true;
		session->accepting = true;
		session->born = jiffies;
		origin->bytes += session->bytes;
		kvpool_stranger_bytes += session->bytes;
		queue_work(kvpool_accept_wq, &session->accept_work);
	} else {
		list_del_init(&session->entry);
	}
	spin_unlock(&session->lock);
}

/*
 * The oldest stranger of the origin that has most makes room, if it has had its
 * time; the lock is held.
 */
static void kvpool_admit_oust(void)
{
	struct kvpool_origin *origin, *most = NULL;
	struct kvpool_session *session;
	unsigned int seen = 0;

	lockdep_assert_held(&kvpool_admit_lock);
	for (origin = kvpool_origins;
	     origin < kvpool_origins + KVPOOL_NR_ORIGINS; origin++)
		if (!list_empty(&origin->strangers) &&
		    (!most || origin->bytes > most->bytes))
			most = origin;
	if (!most)
		return;
	list_for_each_entry(session, &most->strangers, entry) {
		if (seen++ == KVPOOL_ADMIT_NR ||
		    time_before(jiffies, session->born +
				msecs_to_jiffies(KVPOOL_STRANGER_MIN_MS)))
			break;
		if (READ_ONCE(session->state) == KVPOOL_SESSION_CLOSING)
			continue;
		pr_notice_ratelimited("sessions that have not proved whose they are take %llu KiB, all that is set aside for them: the oldest, from %pISpc, is closed\n",
				      kvpool_stranger_bytes >> 10,
				      &session->src);
		kvpool_session_close(session, KVPOOL_CLOSE_LIMIT);
		break;
	}
}

/* Accept as many sessions as there is room for. */
static void kvpool_admit_next(void)
{
	struct kvpool_session *session;
	struct kvpool_origin *origin;
	unsigned int i;

	spin_lock(&kvpool_admit_lock);
	for (i = 0; i < KVPOOL_ADMIT_NR; i++) {
		origin = list_first_entry_or_null(&kvpool_arriving,
						  struct kvpool_origin, entry);
		if (!origin)
			break;
		session = list_first_entry(&origin->arrivals,
					   struct kvpool_session, entry);
		/* One fits in any case. */
		if (kvpool_stranger_bytes &&
		    kvpool_stranger_bytes + session->bytes >
		    kvpool_reserve.bytes) {
			kvpool_admit_oust();
			break;
		}
		list_move_tail(&origin->entry, &kvpool_arriving);
		kvpool_admit_start(session);
	}
	spin_unlock(&kvpool_admit_lock);
}

static bool kvpool_origin_full(const struct kvpool_origin *origin)
{
	unsigned int nr = READ_ONCE(kvpool_nr_arrivals);

	return nr >= KVPOOL_MAX_ARRIVALS ||
	       (nr >= KVPOOL_FEW_ARRIVALS &&
		READ_ONCE(origin->nr_arrivals) >= KVPOOL_ORIGIN_ARRIVALS);
}

/**
 * kvpool_admit_full() - Would a session that is requested now be refused?
 * @addr: the address that it comes from
 *
 * Context: any.
 *
 * Return: true if so: too many wait to be accepted.
 */
bool kvpool_admit_full(const struct sockaddr_storage *addr)
{
	return kvpool_origin_full(kvpool_origin_of(addr));
}

/**
 * kvpool_admit_arrive() - A session has been requested
 * @session: a session in the table
 *
 * Its @accept_work is queued when there is room for it.
 *
 * Context: process.
 *
 * Return: KVPOOL_CLOSE_NONE, or why it is to be refused.
 */
int kvpool_admit_arrive(struct kvpool_session *session)
{
	struct kvpool_origin *origin = kvpool_origin_of(&session->src);
	int reason = KVPOOL_CLOSE_NONE;

	session->origin = origin;
	spin_lock(&kvpool_admit_lock);
	if (!kvpool_reserve.bytes)
		kvpool_admit_set_aside();
	if (!kvpool_reserve.bytes || kvpool_origin_full(origin)) {
		reason = KVPOOL_CLOSE_LIMIT;
	} else {
		list_add_tail(&session->entry, &origin->arrivals);
		if (!origin->nr_arrivals++)
			list_add_tail(&origin->entry, &kvpool_arriving);
		kvpool_nr_arrivals++;
	}
	spin_unlock(&kvpool_admit_lock);
	kvpool_admit_next();
	return reason;
}

/* ---- hosts ---- */

static bool kvpool_admit_replace(struct kvpool_slot *slot)
{
	struct kvpool_session *session =
		container_of(slot, struct kvpool_session, slot);

	kvpool_session_close(session, KVPOOL_CLOSE_REPLACED);
	return READ_ONCE(session->charged);
}

static void kvpool_admit_evict(struct kvpool_slot *slot)
{
	kvpool_session_close(container_of(slot, struct kvpool_session, slot),
			     KVPOOL_CLOSE_LIMIT);
}

/* Rather one without requests, and of them the one that is silent longest. */
static long kvpool_admit_value(struct kvpool_slot *slot)
{
	const struct kvpool_session *session =
		container_of(slot, struct kvpool_session, slot);
	unsigned long silent = jiffies - READ_ONCE(session->heard);

	if (!READ_ONCE(session->charged))
		return 0;
	if (READ_ONCE(session->state) == KVPOOL_SESSION_CLOSING)
		return -1;
	silent = clamp_t(unsigned long, silent, 1, LONG_MAX / 4);
	return atomic_read(&session->outstanding) ? silent :
						    LONG_MAX / 2 + silent;
}

static const struct kvpool_slot_ops kvpool_admit_ops = {
	.replace = kvpool_admit_replace,
	.value = kvpool_admit_value,
	.evict = kvpool_admit_evict,
};

/* What a host may have while there is a host that has less. */
static u64 kvpool_admit_fair(const struct kvpool_share *share)
{
	struct kvpool_grant_info grant;
	u64 granted;

	kvpool_grant_read(&grant);
	granted = grant.granted - min(grant.granted, kvpool_reserve.bytes);
	/* The strangers are a share too; perhaps this host is not one yet. */
	return div_u64(granted, max(grant.shares - 1 + !share->bytes, 1U));
}

/* Those that wait for memory leave strangers half of what is set aside. */
static bool kvpool_admit_may_wait(const struct kvpool_session *session)
{
	u64 bytes = READ_ONCE(kvpool_proved_bytes);

	return time_before(jiffies, session->room_until) &&
	       (bytes <= session->bytes ||
		bytes <= READ_ONCE(kvpool_reserve.bytes) / 2);
}

/*
 * Charge the host of a session for it. If that is not possible, but sessions
 * or links of peers end whose memory will do, say that it is to be tried again.
 */
static int kvpool_admit_charge(struct kvpool_session *session)
{
	struct kvpool_host *host = session->host;
	u64 fair;

	if (!kvpool_grant_charge(&host->share, session->bytes))
		return KVPOOL_CLOSE_NONE;
	fair = kvpool_admit_fair(&host->share);
	if (kvpool_admit_may_wait(session) &&
	    (kvpool_peers_release() || session->room_comes ||
	     (host->share.bytes + session->bytes <= fair &&
	      kvpool_host_evict(fair, &kvpool_admit_ops))))
		return KVPOOL_ADMIT_LATER;
	pr_notice_ratelimited("host %s, at %pISpc: a session is refused: all memory granted to connections is in use, and the host has %llu KiB of it; 'kvpoolctl fabric set --memory' grants more\n",
			      host->key.name, &session->src,
			      host->share.bytes >> 10);
	return KVPOOL_CLOSE_LIMIT;
}

/**
 * kvpool_admit_again() - Try again to find memory for a session
 * @session: a session that kvpool_admit_prove() or this function said
 *	     KVPOOL_ADMIT_LATER of
 *
 * Context: process.
 *
 * Return: as kvpool_admit_prove().
 */
int kvpool_admit_again(struct kvpool_session *session)
{
	int reason = kvpool_admit_charge(session);

	if (reason)
		return reason;
	spin_lock(&kvpool_admit_lock);
	list_del_init(&session->entry);
	kvpool_admit_forget(session);
	WRITE_ONCE(session->charged, true);
	spin_unlock(&kvpool_admit_lock);
	spin_lock(&session->lock);
	if (session->state == KVPOOL_SESSION_STRANGER)
		session->state = KVPOOL_SESSION_LIVE;
	spin_unlock(&session->lock);
	kvpool_admit_next();
	/* A key that has changed just now may not have been seen here. */
	return kvpool_auth_valid(session->host->key.name, &session->stamp) ?
	       KVPOOL_CLOSE_NONE : KVPOOL_CLOSE_AUTH;
}

/**
 * kvpool_admit_prove() - A host has proved who it is
 * @session: where
 * @name: its name
 * @stamp: what it proved it with
 *
 * Other sessions that it comes in the place of end.
 *
 * Context: process; the session's @auth_work.
 *
 * Return: KVPOOL_CLOSE_NONE, and requests are served; KVPOOL_ADMIT_LATER: memory
 * is free soon, and kvpool_admit_again() is to be called after
 * KVPOOL_ADMIT_LATER_MS, or when @auth_work is queued for it before; or why not.
 */
int kvpool_admit_prove(struct kvpool_session *session, const char *name,
		       const struct kvpool_auth_stamp *stamp)
{
	struct kvpool_host_key key = { .proof = stamp->key };
	struct kvpool_host *host;

	strscpy(key.name, name, sizeof(key.name));
	memcpy(key.instance, session->terms.host, sizeof(key.instance));
	session->slot.number = session->terms.link << 8 | session->terms.queue;
	host = kvpool_host_get(&key, &session->src, &session->slot,
			       &kvpool_admit_ops, &session->room_comes);
	if (!host)
		return KVPOOL_CLOSE_MEMORY;
	spin_lock(&session->lock);
	session->host = host;
	session->stamp = *stamp;
	spin_unlock(&session->lock);
	session->room_until = jiffies + msecs_to_jiffies(KVPOOL_ROOM_MS);
	/* No stranger any more: it does not make room for others. */
	spin_lock(&kvpool_admit_lock);
	list_move_tail(&session->entry, &kvpool_proved);
	kvpool_proved_bytes += session->bytes;
	spin_unlock(&kvpool_admit_lock);
	return kvpool_admit_again(session);
}

/**
 * kvpool_admit_stop() - A session is ending: it waits for memory no more
 * @session: its gate is closed
 *
 * Nothing queues its @auth_work from then on.
 *
 * Context: process.
 */
void kvpool_admit_stop(struct kvpool_session *session)
{
	spin_lock(&kvpool_admit_lock);
	if (session->host)
		list_del_init(&session->entry);
	spin_unlock(&kvpool_admit_lock);
}

/* Memory is free: let those that wait for it try again; the lock is held. */
static void kvpool_admit_wake(void)
{
	struct kvpool_session *session;
	unsigned int i = 0;

	lockdep_assert_held(&kvpool_admit_lock);
	list_for_each_entry(session, &kvpool_proved, entry) {
		if (i++ == KVPOOL_ADMIT_NR)
			break;
		mod_delayed_work(kvpool_accept_wq, &session->auth_work, 0);
	}
}

/**
 * kvpool_admit_leave() - A session has ended, and its memory is free
 * @session: a session that kvpool_admit_arrive() was called for
 *
 * Context: process.
 */
void kvpool_admit_leave(struct kvpool_session *session)
{
	struct kvpool_host *host = session->host;

	spin_lock(&kvpool_admit_lock);
	if (!session->admitted && !list_empty(&session->entry))
		kvpool_admit_unqueue(session);
	list_del_init(&session->entry);
	if (session->admitted && !session->charged)
		kvpool_admit_forget(session);
	spin_unlock(&kvpool_admit_lock);
	if (session->charged)
		kvpool_grant_uncharge(&host->share, session->bytes);
	if (host) {
		kvpool_host_leave(host, &session->slot);
		kvpool_host_put(host);
	}
	spin_lock(&kvpool_admit_lock);
	kvpool_admit_wake();
	spin_unlock(&kvpool_admit_lock);
	kvpool_admit_next();
}

/**
 * kvpool_admit_watch() - Look after those that wait, once a second or so
 *
 * Context: process.
 */
void kvpool_admit_watch(void)
{
	spin_lock(&kvpool_admit_lock);
	kvpool_admit_set_aside();
	spin_unlock(&kvpool_admit_lock);
	kvpool_admit_next();
}

/**
 * kvpool_admit_idle() - There may be no sessions: set no memory aside
 *
 * Context: process.
 */
void kvpool_admit_idle(void)
{
	spin_lock(&kvpool_admit_lock);
	if (!kvpool_stranger_bytes && list_empty(&kvpool_arriving))
		kvpool_grant_uncharge(&kvpool_reserve, kvpool_reserve.bytes);
	spin_unlock(&kvpool_admit_lock);
}
