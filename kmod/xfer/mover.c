// SPDX-License-Identifier: GPL-2.0
/* Movers, their peers, and the submission and end of transfers. */
#define pr_fmt(fmt) "kvpool: " fmt

#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <linux/wait_bit.h>
#include <linux/xarray.h>

#include "compat.h"
#include "mem/arena.h"
#include "mem/poison.h"
#include "xfer/mover.h"

/**
 * struct kvpool_mover_peer - another host that a mover reaches
 * @id:		number
 * @name:	unique among the peers of all movers
 * @mover:	the mover
 * @rcu:	frees the peer after the last reader of the table
 */
struct kvpool_mover_peer {
	u32 id;
	char name[KVPOOL_NAME_SIZE];
	struct kvpool_mover *mover;
	struct rcu_head rcu;
};

/* Peers by number: changed under kvpool_movers_lock, read under RCU. */
static DEFINE_XARRAY_ALLOC1(kvpool_mover_peers);
static u32 kvpool_mover_last_peer;		/* kvpool_movers_lock */
/* The peer if there is just one, else 0: written under kvpool_movers_lock. */
static u32 kvpool_mover_only_peer;
static atomic_t kvpool_nr_movers;
static DEFINE_MUTEX(kvpool_movers_lock);	/* changes of the table */
DEFINE_STATIC_SRCU(kvpool_movers_srcu);		/* calls of movers' functions */
static void (*kvpool_mover_finish)(struct kvpool_transfer *transfer,
				   int status);

/* The table has changed. */
static void kvpool_mover_peers_changed(void)
{
	unsigned long id = 0, next;
	u32 only = 0;

	lockdep_assert_held(&kvpool_movers_lock);
	if (xa_find(&kvpool_mover_peers, &id, UINT_MAX, XA_PRESENT)) {
		next = id;
		if (!xa_find_after(&kvpool_mover_peers, &next, UINT_MAX,
				   XA_PRESENT))
			only = id;
	}
	WRITE_ONCE(kvpool_mover_only_peer, only);
}

/* ---- movers ---- */

/**
 * kvpool_mover_register() - Offer to move blocks
 * @mover: stays until kvpool_mover_unregister() has returned
 */
void kvpool_mover_register(struct kvpool_mover *mover)
{
	atomic_set(&mover->nr_transfers, 0);
	atomic_inc(&kvpool_nr_movers);
	pr_info("mover %s is registered\n", mover->name);
}
EXPORT_SYMBOL_KVPOOL(kvpool_mover_register);

/**
 * kvpool_mover_unregister() - Undo kvpool_mover_register()
 * @mover: the same
 *
 * May sleep. Not to be called with a lock that the mover's functions take. Its
 * peers become unknown. When this returns, the mover has no transfer and none of
 * its functions runs. It waits for transfers in flight and cancels nothing: the
 * mover ends all transfers that it has before.
 */
void kvpool_mover_unregister(struct kvpool_mover *mover)
{
	struct kvpool_mover_peer *peer;
	unsigned long id;

	mutex_lock(&kvpool_movers_lock);
	xa_for_each(&kvpool_mover_peers, id, peer) {
		if (peer->mover != mover)
			continue;
		xa_erase(&kvpool_mover_peers, id);
		kfree_rcu(peer, rcu);
	}
	kvpool_mover_peers_changed();
	mutex_unlock(&kvpool_movers_lock);
	atomic_dec(&kvpool_nr_movers);
	/* Wait for calls of submit() that found a peer of the mover. */
	synchronize_srcu(&kvpool_movers_srcu);
	wait_var_event(&mover->nr_transfers,
		       !atomic_read(&mover->nr_transfers));
	/* Wait for calls of cancel() for transfers that have ended. */
	synchronize_srcu(&kvpool_movers_srcu);
	pr_info("mover %s is unregistered\n", mover->name);
}
EXPORT_SYMBOL_KVPOOL(kvpool_mover_unregister);

/**
 * kvpool_movers_loaded() - Tell whether a mover is registered
 *
 * Context: Any.
 * Return: true if operations may name peers; may change at any time.
 */
bool kvpool_movers_loaded(void)
{
	return atomic_read(&kvpool_nr_movers);
}

/**
 * kvpool_movers_set_done() - Set the function to call for ended transfers
 * @done: the function, called in process context without locks, once for each
 *	  transfer that was passed to kvpool_movers_submit()
 *
 * Context: Module load, before the first transfer.
 */
void kvpool_movers_set_done(void (*done)(struct kvpool_transfer *transfer,
					 int status))
{
	kvpool_mover_finish = done;
}

/**
 * kvpool_movers_exit() - Free the table of peers
 *
 * Context: Module unload, when no mover is registered; may sleep.
 */
void kvpool_movers_exit(void)
{
	xa_destroy(&kvpool_mover_peers);
}

/* ---- peers ---- */

/* kvpool_movers_lock or the RCU read lock is held. */
static struct kvpool_mover_peer *kvpool_mover_peer_of(const char *name)
{
	struct kvpool_mover_peer *peer;
	unsigned long id;

	xa_for_each(&kvpool_mover_peers, id, peer)
		if (!strcmp(peer->name, name))
			return peer;
	return NULL;
}

static int kvpool_mover_peer_enter(struct kvpool_mover_peer *peer)
{
	struct kvpool_mover_peer *other;
	unsigned long id;
	u32 nr = 0;
	int ret;

	lockdep_assert_held(&kvpool_movers_lock);
	if (kvpool_mover_peer_of(peer->name))
		return -EEXIST;
	xa_for_each(&kvpool_mover_peers, id, other)
		nr++;
	if (nr >= KVPOOL_PEERS_MAX) {
		pr_notice_ratelimited("peer %s is refused: there are %u peers, which is the limit; delete a peer first\n",
				      peer->name, nr);
		return -ENOSPC;
	}
	peer->id = kvpool_mover_last_peer + 1;
	ret = xa_insert(&kvpool_mover_peers, peer->id, peer, GFP_KERNEL);
	if (ret)
		return ret;
	kvpool_mover_last_peer++;
	kvpool_mover_peers_changed();
	return 0;
}

/**
 * kvpool_mover_peer_add() - Add a peer
 * @mover: the mover that reaches the peer, registered
 * @name: 1 to KVPOOL_NAME_SIZE - 1 bytes, unique among all peers
 * @id: out: number of the peer, not reused while kvpool.ko is loaded
 *
 * Transfers to the peer can be submitted before this returns.
 *
 * Context: May sleep.
 * Return: 0; -EINVAL for the name; -EEXIST; -ENOSPC if there are
 * KVPOOL_PEERS_MAX peers; -ENOMEM.
 */
int kvpool_mover_peer_add(struct kvpool_mover *mover, const char *name,
			  u32 *id)
{
	struct kvpool_mover_peer *peer;
	int ret;

	if (!*name || strnlen(name, KVPOOL_NAME_SIZE) == KVPOOL_NAME_SIZE)
		return -EINVAL;
	peer = kzalloc(sizeof(*peer), GFP_KERNEL);
	if (!peer)
		return -ENOMEM;
	strscpy(peer->name, name, sizeof(peer->name));
	peer->mover = mover;

	mutex_lock(&kvpool_movers_lock);
	ret = kvpool_mover_peer_enter(peer);
	if (!ret)
		*id = peer->id;
	mutex_unlock(&kvpool_movers_lock);
	if (ret)
		kfree(peer);
	return ret;
}
EXPORT_SYMBOL_KVPOOL(kvpool_mover_peer_add);

/**
 * kvpool_mover_peer_del() - Delete a peer
 * @mover: the mover of the peer
 * @id: number of the peer; nothing happens if @mover has no such peer
 *
 * May sleep. Not to be called with a lock that the mover's functions take. When
 * this returns, no further transfer to the peer comes; those that the mover has
 * go on.
 */
void kvpool_mover_peer_del(struct kvpool_mover *mover, u32 id)
{
	struct kvpool_mover_peer *peer;

	mutex_lock(&kvpool_movers_lock);
	peer = xa_load(&kvpool_mover_peers, id);
	if (peer && peer->mover == mover)
		xa_erase(&kvpool_mover_peers, id);
	else
		peer = NULL;
	kvpool_mover_peers_changed();
	mutex_unlock(&kvpool_movers_lock);
	if (!peer)
		return;
	synchronize_srcu(&kvpool_movers_srcu);
	kfree_rcu(peer, rcu);
}
EXPORT_SYMBOL_KVPOOL(kvpool_mover_peer_del);

/**
 * kvpool_mover_peer_find() - Find a peer by its name
 * @name: the name
 * @id: out: number of the peer
 *
 * Context: Any.
 * Return: 0 or -ENOENT.
 */
int kvpool_mover_peer_find(const char *name, u32 *id)
{
	struct kvpool_mover_peer *peer;

	rcu_read_lock();
	peer = kvpool_mover_peer_of(name);
	if (peer)
		*id = peer->id;
	rcu_read_unlock();
	return peer ? 0 : -ENOENT;
}

/**
 * kvpool_mover_peer_name() - Read the name of a peer
 * @id: number of the peer
 * @name: out: KVPOOL_NAME_SIZE bytes, all of which are written
 *
 * Context: Any.
 * Return: 0 or -ENOENT.
 */
int kvpool_mover_peer_name(u32 id, char *name)
{
	struct kvpool_mover_peer *peer;

	rcu_read_lock();
	peer = xa_load(&kvpool_mover_peers, id);
	if (peer)
		memcpy(name, peer->name, KVPOOL_NAME_SIZE);
	rcu_read_unlock();
	return peer ? 0 : -ENOENT;
}

/**
 * kvpool_mover_peer_next() - Iterate over all peers
 * @id: number of the previous peer, 0 to begin
 *
 * Context: Any.
 * Return: the next higher number of a peer, or 0.
 */
u32 kvpool_mover_peer_next(u32 id)
{
	unsigned long index = id;

	return xa_find_after(&kvpool_mover_peers, &index, UINT_MAX,
			     XA_PRESENT) ? index : 0;
}

/**
 * kvpool_mover_peer_only() - Find the peer if there is just one
 *
 * Context: Any.
 * Return: its number, or 0 if there are none or several.
 */
u32 kvpool_mover_peer_only(void)
{
	return READ_ONCE(kvpool_mover_only_peer);
}

/* The mover of a peer, or NULL; kvpool_movers_srcu is held, and keeps it. */
static struct kvpool_mover *kvpool_mover_of(u32 id)
{
	struct kvpool_mover_peer *peer;
	struct kvpool_mover *mover;

	rcu_read_lock();
	peer = xa_load(&kvpool_mover_peers, id);
	mover = peer ? peer->mover : NULL;
	rcu_read_unlock();
	return mover;
}

/**
 * kvpool_mover_node() - Tell the NUMA node nearest to the way to a peer
 * @id: number of the peer
 *
 * Context: Any.
 * Return: the node, or NUMA_NO_NODE if none is nearer than others.
 */
int kvpool_mover_node(u32 id)
{
	struct kvpool_mover *mover;
	int node = NUMA_NO_NODE;
	int idx;

	idx = srcu_read_lock(&kvpool_movers_srcu);
	mover = kvpool_mover_of(id);
	if (mover && mover->node)
		node = mover->node(id);
	srcu_read_unlock(&kvpool_movers_srcu, idx);
	return node;
}

/**
 * kvpool_mover_ready() - Tell whether a peer could be sent something now
 * @id: number of the peer
 *
 * Context: Any.
 * Return: true if so; may change at any time.
 */
bool kvpool_mover_ready(u32 id)
{
	struct kvpool_mover *mover;
	bool ready;
	int idx;

	idx = srcu_read_lock(&kvpool_movers_srcu);
	mover = kvpool_mover_of(id);
	ready = mover && (!mover->ready || mover->ready(id));
	srcu_read_unlock(&kvpool_movers_srcu, idx);
	return ready;
}

/* ---- transfers ---- */

/**
 * kvpool_transfer_sg() - List the memory of a part of a transfer
 * @transfer: a FETCH or a PUSH
 * @offset: start of the part in bytes; a multiple of 4096
 * @length: bytes of the part, at most to the end of the last page
 * @sg: out: the memory
 * @max: entries in @sg, at least one
 * @covered: out: bytes that are listed: @length, or less if @sg is full
 *
 * Return: the number of entries of @sg that were set.
 */
unsigned int kvpool_transfer_sg(const struct kvpool_transfer *transfer,
				u32 offset, u32 length, struct scatterlist *sg,
				unsigned int max, u32 *covered)
{
	u64 end = (u64)kvpool_place_pages(transfer->place) << KVPOOL_PAGE_SHIFT;

	*covered = 0;
	if (WARN_ON_ONCE((u64)offset + length > end))
		return 0;
	return kvpool_arena_sg(transfer->arena, transfer->place, offset, length,
			       sg, max, covered);
}
EXPORT_SYMBOL_KVPOOL(kvpool_transfer_sg);

/* No mover has the transfer any more: it may go to another one. */
static void kvpool_transfer_end(struct kvpool_transfer *transfer)
{
	struct kvpool_mover *mover = transfer->mover;

	kvpool_mover_finish(transfer, transfer->status);
	if (atomic_dec_and_test(&mover->nr_transfers))
		wake_up_var(&mover->nr_transfers);
}

/**
 * kvpool_transfer_done() - End a transfer that was submitted to a mover
 * @transfer: the transfer, which does not belong to the mover any more
 * @status: 0, or a negative errno that struct kvpool_completion documents. For
 *	    a cancelled transfer any errno will do: the operation reports why it
 *	    was cancelled.
 * @bytes: bytes that the mover has moved
 *
 * No device accesses the memory of the transfer any more, unless
 * kvpool_transfer_strand() has kept it.
 *
 * Context: Process context, no lock held.
 */
void kvpool_transfer_done(struct kvpool_transfer *transfer, int status,
			  u64 bytes)
{
	transfer->status = status;
	transfer->bytes = bytes;
	/* It may be retried: not before it has left the submitter's list. */
	if (status && cmpxchg(&transfer->state, KVPOOL_TRANSFER_GIVEN,
			      KVPOOL_TRANSFER_FAILED) == KVPOOL_TRANSFER_GIVEN)
		return;
	if (WARN_ON_ONCE(xchg(&transfer->state, KVPOOL_TRANSFER_CORE) ==
			 KVPOOL_TRANSFER_CORE))
		return;
	kvpool_transfer_end(transfer);
}
EXPORT_SYMBOL_KVPOOL(kvpool_transfer_done);

/**
 * kvpool_transfer_strand() - Keep the memory of a transfer beyond its end
 * @transfer: a FETCH or a PUSH that the mover has
 *
 * For a mover that cannot prove that no device accesses the memory: it drops what
 * this returns when the device is gone. A transfer ends with -EIO then, however
 * the mover ends it, and its memory is not used for it again. A mover that has
 * several parts of a transfer may call this for each of them.
 *
 * Context: Process context, no lock held.
 * Return: what kvpool_strand_put() takes; never NULL.
 */
struct kvpool_strand *kvpool_transfer_strand(struct kvpool_transfer *transfer)
{
	WRITE_ONCE(transfer->stranded, true);
	return transfer->ops->strand(transfer);
}
EXPORT_SYMBOL_KVPOOL(kvpool_transfer_strand);

/**
 * kvpool_strand_put() - No device accesses the memory of a transfer any more
 * @strand: what kvpool_transfer_strand() has returned
 *
 * Context: May sleep.
 */
void kvpool_strand_put(struct kvpool_strand *strand)
{
	strand->put(strand);
}
EXPORT_SYMBOL_KVPOOL(kvpool_strand_put);

/*
 * Find the mover of the first transfer, and move all its transfers from a list
 * to @given. Transfers that are cancelled or have no peer end.
 */
static struct kvpool_mover *kvpool_movers_pick(struct list_head *transfers,
					       struct list_head *given)
{
	struct kvpool_transfer *transfer, *next;
	struct kvpool_mover *mover = NULL;
	struct kvpool_mover_peer *peer;
	int status;

	list_for_each_entry_safe(transfer, next, transfers, entry) {
		status = READ_ONCE(transfer->cancelled);
		rcu_read_lock();
		peer = xa_load(&kvpool_mover_peers, transfer->peer);
		if (!peer)
			status = status ?: kvpool_movers_loaded() ?
				 -ENOENT : -EOPNOTSUPP;
		else if (!status && transfer->place &&
			 kvpool_poison_place(transfer->arena, transfer->place))
			status = -EIO;
		/* The caller's SRCU section keeps the mover. */
		WRITE_ONCE(transfer->mover, status ? NULL : peer->mover);
		transfer->route = status ? KVPOOL_ROUTE_NONE :
					   peer->mover->route;
		rcu_read_unlock();
		if (status) {
			list_del_init(&transfer->entry);
			transfer->bytes = 0;
			kvpool_mover_finish(transfer, status);
			continue;
		}
		if (mover && mover != transfer->mover)
			continue;
		mover = transfer->mover;
		list_move_tail(&transfer->entry, given);
	}
	return mover;
}

/* submit() has returned, and the transfer is in no list. */
static void kvpool_mover_given(struct kvpool_mover *mover,
			       struct kvpool_transfer *transfer)
{
	int old;

	/* A task that sees the state sees the mover: see kvpool_mover_cancel(). */
	old = cmpxchg(&transfer->state, KVPOOL_TRANSFER_GIVEN,
		      KVPOOL_TRANSFER_CANCELLABLE);
	if (old == KVPOOL_TRANSFER_FAILED) {
		WRITE_ONCE(transfer->state, KVPOOL_TRANSFER_CORE);
		kvpool_transfer_end(transfer);
	} else if (old == KVPOOL_TRANSFER_GIVEN &&
		   READ_ONCE(transfer->cancelled)) {
		/* The task that cancelled it left that to this one. */
		mover->cancel(transfer);
	}
}

/**
 * kvpool_movers_submit() - Submit transfers to movers
 * @transfers: transfers, by their entry, whose peer is set; empty when the call
 *	       returns
 *
 * Each transfer ends with a call of the function that kvpool_movers_set_done()
 * has set, possibly before this returns.
 *
 * Context: May sleep for memory.
 */
void kvpool_movers_submit(struct list_head *transfers)
{
	struct kvpool_transfer *transfer, *next;
	struct kvpool_mover *mover;
	LIST_HEAD(given);
	LIST_HEAD(list);
	int idx;

	idx = srcu_read_lock(&kvpool_movers_srcu);
	while ((mover = kvpool_movers_pick(transfers, &given))) {
		list_for_each_entry(transfer, &given, entry) {
			/* After submit() the transfer may end at any time. */
			transfer->ops->get(transfer);
			WRITE_ONCE(transfer->state, KVPOOL_TRANSFER_GIVEN);
			transfer->priv = NULL;
			list_add_tail(&transfer->list, &list);
			atomic_inc(&mover->nr_transfers);
		}
		mover->submit(&list);
		INIT_LIST_HEAD(&list);

		list_for_each_entry_safe(transfer, next, &given, entry) {
			list_del_init(&transfer->entry);
			kvpool_mover_given(mover, transfer);
			transfer->ops->put(transfer);
		}
	}
	srcu_read_unlock(&kvpool_movers_srcu, idx);
}

/**
 * kvpool_mover_cancel() - Tell a mover that a transfer is cancelled
 * @transfer: the transfer, which the caller has a reference to; its cancelled
 *	      was set with a full barrier
 *
 * Does not wait until the transfer has ended. If no mover has the transfer, the
 * task that runs the operation sees its cancelled.
 *
 * Context: Process context, no lock held.
 */
void kvpool_mover_cancel(struct kvpool_transfer *transfer)
{
	int idx;

	idx = srcu_read_lock(&kvpool_movers_srcu);
	/* Pairs with the cmpxchg() of kvpool_mover_given(). */
	if (smp_load_acquire(&transfer->state) == KVPOOL_TRANSFER_CANCELLABLE)
		READ_ONCE(transfer->mover)->cancel(transfer);
	srcu_read_unlock(&kvpool_movers_srcu, idx);
}
