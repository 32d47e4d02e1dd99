// SPDX-License-Identifier: GPL-2.0
/*
 * Searches: which peers have the keys of some transfers.
 *
 * A search asks many peers at a time for many keys in one message each, and
 * further peers as answers come. A transfer leaves it as soon as one peer has
 * its key, when all peers have said that they have not, or when it is
 * cancelled. One task at a time runs a search: it sends what is to be asked, and
 * hands on the transfers that have left. Answers only note what they say.
 */
#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "xfer/mover.h"
#include "xfer/search.h"

/* Peers that a search asks at a time. */
#define KVPOOL_SEARCH_ASKS	16

struct kvpool_search;

/**
 * struct kvpool_ask - a peer that is asked
 * @refs:	one while it is in flight, and those of tasks that use it
 * @search:	the search, with a reference while it is in flight
 * @index:	place in the asks of the search
 * @first:	the slot of the first key
 * @transfer:	the task of the mover
 * @answers:	an answer for each key
 */
struct kvpool_ask {
	refcount_t refs;
	struct kvpool_search *search;
	u32 index;
	u32 first;
	struct kvpool_transfer transfer;
	struct kvpool_answer answers[];
};

/**
 * struct kvpool_slot - a transfer of a search
 * @transfer:	the transfer, or NULL when it has left
 * @status:	the answer that counts most so far, or 0
 * @length:	with -EMSGSIZE, bytes of the peer's block
 * @pending:	a peer that has the key pending, or 0
 */
struct kvpool_slot {
	struct kvpool_transfer *transfer;
	int status;
	u32 length;
	u32 pending;
};

/**
 * struct kvpool_search - which peers have the keys of some transfers
 * @refs:	one for each ask in flight, and one for the task that runs it
 * @lock:	protects the members below and the slots
 * @busy:	a task runs it, or is going to
 * @again:	it has to look at the search once more
 * @stopped:	no transfer is left, and the asks in flight are cancelled
 * @left:	transfers that have not left
 * @nr_asks:	asks in flight
 * @asks:	these, or NULL
 * @found:	transfers that a peer has been found for, by their entry
 * @failed:	transfers that all peers have answered, by their entry
 * @only:	the only peer that is asked, or 0 for all
 * @last:	the peer that was asked last; only the task that runs it
 * @work:	runs it
 * @rcu:	frees it after the last task that cancels
 * @tenant:	name of the tenant
 * @keys:	the keys of the transfers
 * @nr:		length of @slots
 * @slots:	the transfers
 */
struct kvpool_search {
	refcount_t refs;
	spinlock_t lock;	/* what follows, and the slots */
	bool busy;
	bool again;
	bool stopped;
	u32 left;
	u32 nr_asks;
	struct kvpool_ask *asks[KVPOOL_SEARCH_ASKS];
	struct list_head found;
	struct list_head failed;
	u32 only;
	u32 last;
	struct work_struct work;
	struct rcu_head rcu;
	char tenant[KVPOOL_NAME_SIZE];
	struct kvpool_key *keys;
	u32 nr;
	struct kvpool_slot slots[];
};

static struct workqueue_struct *kvpool_search_wq;

static void kvpool_search_put(struct kvpool_search *search)
{
	if (refcount_dec_and_test(&search->refs))
		kfree_rcu(search, rcu);
}

/* Let a task look at the search; the lock is held, and so is a reference. */
static void kvpool_search_kick(struct kvpool_search *search)
{
	lockdep_assert_held(&search->lock);
	if (search->busy) {
		search->again = true;
		return;
	}
	search->busy = true;
	refcount_inc(&search->refs);
	queue_work(kvpool_search_wq, &search->work);
}

/* A transfer leaves; the lock is held. */
static struct kvpool_transfer *kvpool_slot_leave(struct kvpool_search *search,
						 struct kvpool_slot *slot)
{
	struct kvpool_transfer *transfer = slot->transfer;

	lockdep_assert_held(&search->lock);
	slot->transfer = NULL;
	WRITE_ONCE(transfer->search, NULL);
	search->left--;
	return transfer;
}

/* ---- answers ---- */

/* The higher counts, if peers say different things. */
static int kvpool_answer_rank(int status)
{
	switch (status) {
	case 0:
		return 0;
	case -EMSGSIZE:
		return 6;
	case -EINPROGRESS:
		return 5;
	case -ENOENT:
		return 4;
	case -EACCES:
		return 3;
	case -EHOSTUNREACH:
		return 1;
	default:
		return 2;
	}
}

/* Has a fetch from the peer failed before? */
static bool kvpool_slot_excludes(const struct kvpool_slot *slot, u32 peer)
{
	const struct kvpool_transfer *transfer = slot->transfer;
	u32 i;

	for (i = 0; i < transfer->nr_failed; i++)
		if (transfer->failed[i] == peer)
			return true;
	return false;
}

/* A peer has said something of the key; the lock is held. */
static void kvpool_slot_answer(struct kvpool_search *search,
			       struct kvpool_slot *slot,
			       const struct kvpool_transfer *ask, int status,
			       u32 length)
{
	struct kvpool_transfer *transfer = slot->transfer;

	if (kvpool_slot_excludes(slot, ask->peer))
		return;
	if (!status && transfer->kind == KVPOOL_TRANSFER_FETCH &&
	    length != transfer->length)
		status = -EMSGSIZE;
	if (!status) {
		transfer->found = length;
		transfer->peer = ask->peer;
		transfer->route = ask->route;
		kvpool_slot_leave(search, slot);
		list_add_tail(&transfer->entry, &search->found);
		return;
	}
	if (search->only)
		transfer->route = ask->route;
	if (status == -EINPROGRESS && !slot->pending)
		slot->pending = ask->peer;
	if (kvpool_answer_rank(status) > kvpool_answer_rank(slot->status)) {
		slot->status = status;
		slot->length = length;
	}
}

static struct kvpool_ask *kvpool_ask_of(struct kvpool_transfer *transfer)
{
	return container_of(transfer, struct kvpool_ask, transfer);
}

static void kvpool_ask_get(struct kvpool_transfer *transfer)
{
	refcount_inc(&kvpool_ask_of(transfer)->refs);
}

static void kvpool_ask_put(struct kvpool_transfer *transfer)
{
	struct kvpool_ask *ask = kvpool_ask_of(transfer);

	if (refcount_dec_and_test(&ask->refs))
		kfree(ask);
}

static void kvpool_ask_done(struct kvpool_transfer *transfer, int status)
{
	struct kvpool_ask *ask = kvpool_ask_of(transfer);
	struct kvpool_search *search = ask->search;
	struct kvpool_slot *slot;
	u32 i;

	spin_lock(&search->lock);
	for (i = 0; i < transfer->nr; i++) {
		const struct kvpool_answer *answer = &ask->answers[i];

		slot = &search->slots[ask->first + i];
		if (slot->transfer)
			kvpool_slot_answer(search, slot, transfer,
					   status ?: answer->status,
					   answer->length);
	}
	search->asks[ask->index] = NULL;
	search->nr_asks--;
	kvpool_search_kick(search);
	spin_unlock(&search->lock);
	kvpool_ask_put(transfer);
	kvpool_search_put(search);
}

static const struct kvpool_transfer_ops kvpool_ask_ops = {
	.get = kvpool_ask_get,
	.put = kvpool_ask_put,
	.done = kvpool_ask_done,
};

/* ---- asking ---- */

/* The next peer to ask, or 0. */
static u32 kvpool_search_peer(struct kvpool_search *search)
{
	if (search->only)
		return search->last ? 0 : search->only;
	return kvpool_mover_peer_next(search->last);
}

/*
 * Enter an ask for the transfers that are left, from the first to the last, for
 * kvpool_movers_submit(). False if none is left. The lock is held.
 */
static bool kvpool_ask_enter(struct kvpool_search *search,
			     struct kvpool_ask *ask, u32 peer)
{
	u32 first = 0, end = search->nr;

	lockdep_assert_held(&search->lock);
	if (!search->left)
		return false;
	while (!search->slots[first].transfer)
		first++;
	while (!search->slots[end - 1].transfer)
		end--;
	ask->index = 0;
	while (search->asks[ask->index])
		ask->index++;
	ask->first = first;
	ask->transfer.kind = KVPOOL_TRANSFER_ASK;
	ask->transfer.peer = peer;
	ask->transfer.tenant = search->tenant;
	ask->transfer.keys = search->keys + first;
	ask->transfer.nr = end - first;
	ask->transfer.answers = ask->answers;
	ask->transfer.ops = &kvpool_ask_ops;
	refcount_set(&ask->refs, 1);
	ask->search = search;
	refcount_inc(&search->refs);
	search->asks[ask->index] = ask;
	search->nr_asks++;
	return true;
}

/*
 * Ask as many peers as may be asked at a time. Returns 0; -ENOENT if there are
 * no more peers; -ENOMEM.
 */
static int kvpool_search_ask(struct kvpool_search *search)
{
	struct kvpool_ask *ask;
	LIST_HEAD(asks);
	int ret = 0;
	u32 peer;

	while (READ_ONCE(search->nr_asks) < KVPOOL_SEARCH_ASKS) {
		peer = kvpool_search_peer(search);
		if (!peer) {
			ret = -ENOENT;
			break;
		}
		ask = kzalloc(struct_size(ask, answers, search->nr),
			      GFP_KERNEL_ACCOUNT);
		if (!ask) {
			ret = -ENOMEM;
			break;
		}
		spin_lock(&search->lock);
		if (!kvpool_ask_enter(search, ask, peer)) {
			spin_unlock(&search->lock);
			kfree(ask);
			break;
		}
		spin_unlock(&search->lock);
		search->last = peer;
		list_add_tail(&ask->transfer.entry, &asks);
	}
	kvpool_movers_submit(&asks);
	return ret;
}

/* No transfer is left: the answers are of no use any more. */
static void kvpool_search_stop(struct kvpool_search *search)
{
	struct kvpool_ask *asks[KVPOOL_SEARCH_ASKS];
	unsigned int nr = 0, i;

	spin_lock(&search->lock);
	if (!search->left && !search->stopped) {
		search->stopped = true;
		for (i = 0; i < KVPOOL_SEARCH_ASKS; i++) {
			if (!search->asks[i])
				continue;
			asks[nr] = search->asks[i];
			refcount_inc(&asks[nr++]->refs);
		}
	}
	spin_unlock(&search->lock);
	for (i = 0; i < nr; i++) {
		/* For kvpool_mover_cancel(). */
		smp_store_mb(asks[i]->transfer.cancelled, -ECANCELED);
		kvpool_mover_cancel(&asks[i]->transfer);
		kvpool_ask_put(&asks[i]->transfer);
	}
}

/*
 * All peers have answered, or no more can be asked because of @why: what is left
 * leaves, to wait at a peer that has the key pending if it may.
 */
static void kvpool_search_conclude(struct kvpool_search *search, int why)
{
	/* Peers that were not asked might have it. */
	bool unsure = why == -ENOMEM;
	struct kvpool_transfer *transfer;
	struct kvpool_slot *slot;
	u32 i;

	spin_lock(&search->lock);
	for (i = 0; i < search->nr && !search->nr_asks; i++) {
		slot = &search->slots[i];
		if (!slot->transfer)
			continue;
		transfer = kvpool_slot_leave(search, slot);
		if (slot->pending && slot->status == -EINPROGRESS && !unsure &&
		    transfer->flags & KVPOOL_TRANSFER_MAY_WAIT) {
			transfer->waits = true;
			transfer->peer = slot->pending;
			list_add_tail(&transfer->entry, &search->found);
			continue;
		}
		if (slot->status == -EMSGSIZE)
			transfer->found = slot->length;
		transfer->status = slot->status ?: why;
		if (unsure && slot->status != -EMSGSIZE)
			transfer->status = why;
		list_add_tail(&transfer->entry, &search->failed);
	}
	spin_unlock(&search->lock);
}

/* Hand on the transfers that have left. */
static void kvpool_search_hand(struct kvpool_search *search)
{
	struct kvpool_transfer *transfer, *next;
	LIST_HEAD(failed);
	LIST_HEAD(found);

	spin_lock(&search->lock);
	list_splice_init(&search->found, &found);
	list_splice_init(&search->failed, &failed);
	spin_unlock(&search->lock);
	if (!list_empty(&found)) {
		transfer = list_first_entry(&found, struct kvpool_transfer,
					    entry);
		transfer->ops->found(&found);
	}
	list_for_each_entry_safe(transfer, next, &failed, entry) {
		list_del_init(&transfer->entry);
		transfer->ops->done(transfer, transfer->status);
	}
}

/* The caller runs the search; the call consumes its reference. */
static void kvpool_search_run(struct kvpool_search *search)
{
	bool again;
	int ret;

	do {
		WRITE_ONCE(search->again, false);
		/* Before it is seen what the answers say. */
		smp_mb();
		kvpool_search_hand(search);
		ret = READ_ONCE(search->left) ? kvpool_search_ask(search) : 0;
		if (ret)
			kvpool_search_conclude(search, ret);
		kvpool_search_hand(search);
		kvpool_search_stop(search);
		cond_resched();
		spin_lock(&search->lock);
		again = search->again;
		search->busy = again;
		spin_unlock(&search->lock);
	} while (again);
	kvpool_search_put(search);
}

static void kvpool_search_work(struct work_struct *work)
{
	kvpool_search_run(container_of(work, struct kvpool_search, work));
}

/* ---- beginning and cancelling ---- */

static struct kvpool_search *kvpool_search_new(u32 nr)
{
	struct kvpool_search *search;

	search = kzalloc(struct_size(search, slots, nr) +
			 nr * sizeof(*search->keys), GFP_KERNEL_ACCOUNT);
	if (!search)
		return NULL;
	search->keys = (void *)&search->slots[nr];
	refcount_set(&search->refs, 1);
	spin_lock_init(&search->lock);
	INIT_LIST_HEAD(&search->found);
	INIT_LIST_HEAD(&search->failed);
	INIT_WORK(&search->work, kvpool_search_work);
	search->busy = true;
	return search;
}

/* Can the transfers be in one search? */
static bool kvpool_search_joins(const struct kvpool_transfer *a,
				const struct kvpool_transfer *b)
{
	return a->peer == b->peer && a->arena == b->arena;
}

/* Move transfers to one search to @list, the first one and what joins it. */
static u32 kvpool_search_pick(struct list_head *transfers,
			      struct list_head *list)
{
	struct kvpool_transfer *transfer, *next, *first = NULL;
	u32 nr = 0;

	list_for_each_entry_safe(transfer, next, transfers, entry) {
		if (!first)
			first = transfer;
		else if (!kvpool_search_joins(transfer, first))
			continue;
		list_move_tail(&transfer->entry, list);
		if (++nr == KVPOOL_ASK_KEYS)
			break;
	}
	return nr;
}

/* Enter a transfer, unless it was cancelled. */
static bool kvpool_search_enter(struct kvpool_search *search,
				struct kvpool_transfer *transfer)
{
	struct kvpool_slot *slot = &search->slots[search->nr];

	/* Or kvpool_search_cancel() finds it here. */
	smp_store_mb(transfer->search, search);
	if (READ_ONCE(transfer->cancelled)) {
		WRITE_ONCE(transfer->search, NULL);
		return false;
	}
	transfer->slot = search->nr;
	slot->transfer = transfer;
	/* What a fetch ended with counts as an answer. */
	slot->status = transfer->nr_failed ? transfer->status : 0;
	search->keys[search->nr++] = transfer->key;
	search->left++;
	return true;
}

/**
 * kvpool_search_begin() - Look for peers that have the keys of transfers
 * @transfers: transfers, by their entry, which the caller runs; empty when the
 *	       call returns. A peer of zero means all peers.
 *
 * Each transfer is then passed to found() or done() of its operation, possibly
 * before this returns; or kvpool_search_cancel() takes it out.
 *
 * Context: May sleep for memory, no lock held.
 */
void kvpool_search_begin(struct list_head *transfers)
{
	struct kvpool_transfer *transfer, *next;
	struct kvpool_search *search;
	LIST_HEAD(list);
	int status;
	u32 nr;

	while (!list_empty(transfers)) {
		nr = kvpool_search_pick(transfers, &list);
		search = kvpool_search_new(nr);
		if (search) {
			transfer = list_first_entry(&list,
						    struct kvpool_transfer,
						    entry);
			search->only = transfer->peer;
			strscpy(search->tenant, transfer->tenant,
				sizeof(search->tenant));
			/* A task that cancels waits for all slots. */
			spin_lock(&search->lock);
			list_for_each_entry_safe(transfer, next, &list, entry)
				if (kvpool_search_enter(search, transfer))
					list_del_init(&transfer->entry);
			spin_unlock(&search->lock);
		}
		list_for_each_entry_safe(transfer, next, &list, entry) {
			list_del_init(&transfer->entry);
			status = READ_ONCE(transfer->cancelled);
			transfer->ops->done(transfer, status ?: -ENOMEM);
		}
		if (search)
			kvpool_search_run(search);
	}
}

/**
 * kvpool_search_cancel() - Take a transfer out of its search
 * @transfer: the transfer, referenced; its @cancelled was set with a full
 *	      barrier
 *
 * Context: Process context, no lock held.
 * Return: true if the caller runs the transfer now. false if it is in no search.
 */
bool kvpool_search_cancel(struct kvpool_transfer *transfer)
{
	struct kvpool_search *search;
	bool took = false;

	rcu_read_lock();
	search = READ_ONCE(transfer->search);
	if (search) {
		spin_lock(&search->lock);
		took = transfer->search == search;
		if (took) {
			kvpool_slot_leave(search,
					  &search->slots[transfer->slot]);
			/* It is alive: it had a transfer. */
			if (!search->left)
				kvpool_search_kick(search);
		}
		spin_unlock(&search->lock);
	}
	rcu_read_unlock();
	return took;
}

/**
 * kvpool_searches_init() - Prepare searches
 *
 * Context: Module load; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kvpool_searches_init(void)
{
	/* It finds memory for what was found, which takes long. */
	kvpool_search_wq = alloc_workqueue("kvpool_search", WQ_UNBOUND, 0);
	return kvpool_search_wq ? 0 : -ENOMEM;
}

/**
 * kvpool_searches_exit() - Undo kvpool_searches_init()
 *
 * Context: Module unload, when no transfer is in flight; may sleep.
 */
void kvpool_searches_exit(void)
{
	destroy_workqueue(kvpool_search_wq);
}
