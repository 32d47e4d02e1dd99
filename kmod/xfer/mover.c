// SPDX-License-Identifier: GPL-2.0
/* Movers and their peers, and the way of a transfer through a mover. */
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
#include "xfer/mover.h"

/**
 * struct kvpool_mover_peer - another host that a mover reaches
 * @id:		number
 * @name:	unique among the peers of all movers
 * @mover:	the mover
 * @rcu:	frees it after the last reader of the table
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
static atomic_t kvpool_nr_movers;
static DEFINE_MUTEX(kvpool_movers_lock);	/* changes of the table */
DEFINE_STATIC_SRCU(kvpool_movers_srcu);		/* calls of movers' functions */
static void (*kvpool_mover_finish)(struct kvpool_transfer *transfer,
				   int status);

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
	mutex_unlock(&kvpool_movers_lock);
	atomic_dec(&kvpool_nr_movers);
	/* Calls of submit() that found a peer of the mover. */
	synchronize_srcu(&kvpool_movers_srcu);
	wait_var_event(&mover->nr_transfers,
		       !atomic_read(&mover->nr_transfers));
	/* Calls of cancel() for transfers that have ended. */
	synchronize_srcu(&kvpool_movers_srcu);
	pr_info("mover %s is unregistered\n", mover->name);
}
EXPORT_SYMBOL_KVPOOL(kvpool_mover_unregister);

/**
 * kvpool_movers_loaded() - Is there a mover?
 *
 * Return: true if operations may name peers; it may change at any time.
 */
bool kvpool_movers_loaded(void)
{
	return atomic_read(&kvpool_nr_movers);
}

/**
 * kvpool_movers_set_done() - Say which function hears of finished transfers
 * @done: called in process context without locks, once for each transfer that
 *	  was given to kvpool_movers_submit()
 */
void kvpool_movers_set_done(void (*done)(struct kvpool_transfer *transfer,
					 int status))
{
	kvpool_mover_finish = done;
}

/**
 * kvpool_movers_exit() - All movers are gone
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
		pr_notice_ratelimited("peer %s is refused: there are %u peers, the most there can be; delete some\n",
				      peer->name, nr);
		return -ENOSPC;
	}
	peer->id = kvpool_mover_last_peer + 1;
	ret = xa_insert(&kvpool_mover_peers, peer->id, peer, GFP_KERNEL);
	if (!ret)
		kvpool_mover_last_peer++;
	return ret;
}

/**
 * kvpool_mover_peer_add() - Make a peer known
 * @mover: the mover that reaches it, registered
 * @name: 1 to KVPOOL_NAME_SIZE - 1 bytes, unique among all peers
 * @id: its number, never used again while kvpool.ko is loaded
 *
 * May sleep. Transfers to the peer can come before this returns.
 *
 * Return: 0; -EINVAL for the name; -EEXIST; -ENOSPC there are KVPOOL_PEERS_MAX;
 * -ENOMEM.
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
 * kvpool_mover_peer_del() - Make a peer unknown
 * @mover: its mover
 * @id: its number
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
 * @id: its number
 *
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
 * @id: its number
 * @name: KVPOOL_NAME_SIZE bytes, which are all written
 *
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
 * kvpool_mover_peer_next() - Go through all peers
 * @id: a number, 0 to begin
 *
 * Return: the next higher number of a peer, or 0.
 */
u32 kvpool_mover_peer_next(u32 id)
{
	unsigned long index = id;

	return xa_find_after(&kvpool_mover_peers, &index, UINT_MAX,
			     XA_PRESENT) ? index : 0;
}

/* ---- transfers ---- */

/**
 * kvpool_transfer_sg() - List the memory of a part of a transfer
 * @transfer: a FETCH or a PUSH
 * @offset: where the part begins, in bytes; a multiple of 4096
 * @length: its bytes, at most to the end of the last page
 * @sg: where to list it
 * @max: room in @sg, at least one
 * @covered: how many bytes are listed: @length, or less where @sg is full
 *
 * Return: entries of @sg that were used.
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
 * kvpool_transfer_done() - End a transfer that a mover was given
 * @transfer: the transfer; not the mover's any more
 * @status: 0, or the negative errno that struct kvpool_completion documents.
 *	    A cancelled transfer ends with any, and reports why it was.
 * @bytes: bytes moved
 *
 * Process context, no lock held. No device touches the memory any more.
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

/*
 * Take the transfers of the first one's mover out of a list. Transfers that no
 * mover can be given end.
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
		/* The caller's SRCU section keeps the mover. */
		WRITE_ONCE(transfer->mover, status ? NULL : peer->mover);
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
 * kvpool_movers_submit() - Hand transfers to movers
 * @transfers: transfers, by their entry, whose peers are named; empty when the
 *	       call returns
 *
 * May sleep for memory. Each transfer ends with a call of the function that
 * kvpool_movers_set_done() was given, possibly before this returns.
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
			/* For the list: it may end any time now. */
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
 * @transfer: the transfer, referenced; its @cancelled was set with a full
 *	      barrier
 *
 * Does not wait. If no mover has it, the task that hands it to a mover, or does
 * not, sees @cancelled.
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
