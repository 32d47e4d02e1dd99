// SPDX-License-Identifier: GPL-2.0
/*
 * A mover without a wire, for the tests of the core's side: it completes its
 * transfers in the ways and at the moments that a real mover may, and moves
 * nothing. The peer says how: testfabric_names. Tests find the number of a peer
 * by its name, since numbers differ after the module has been loaded again.
 */
#include <linux/err.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "xfer/mover.h"

enum testfabric_peer {
	PEER_MISSING,	/* -ENOENT, before submit() returns */
	PEER_LENGTH,	/* -EMSGSIZE: its block has 12345 bytes */
	PEER_FAILS,	/* -EREMOTEIO, from a worker */
	PEER_AT_ONCE,	/* success, before submit() returns */
	PEER_LATER,	/* success, from a worker */
	PEER_NEVER,	/* not before it is cancelled */
	PEER_RANDOM,	/* any of these, from a worker, sooner or later */
	PEER_SLOW_FENCE, /* after it is cancelled, and then with a delay */
	NR_PEERS,
};

/*
 * Registered in this order: an operation that asks all peers fails at three of
 * them, in all ways, before it succeeds.
 */
static const char * const testfabric_names[NR_PEERS] = {
	[PEER_AT_ONCE] = "at-once",
	[PEER_LATER] = "later",
	[PEER_NEVER] = "never",
	[PEER_MISSING] = "missing",
	[PEER_LENGTH] = "length",
	[PEER_FAILS] = "fails",
	[PEER_RANDOM] = "random",
	[PEER_SLOW_FENCE] = "slow-fence",
};

#define TESTFABRIC_LENGTH	12345
#define TESTFABRIC_FENCE	(HZ / 50)

/**
 * struct testfabric_op - A transfer that was submitted
 * @list:	entry in testfabric_ops
 * @transfer:	the transfer; its @priv points here
 * @peer:	how it is to end
 * @taken:	it is settled how it ends
 * @queued:	@work has been queued
 * @status:	its result
 * @work:	completes it
 */
struct testfabric_op {
	struct list_head list;
	struct kvpool_transfer *transfer;
	enum testfabric_peer peer;
	bool taken;
	bool queued;
	int status;
	struct delayed_work work;
};

static DEFINE_SPINLOCK(testfabric_lock);	/* the list, priv, taken */
static LIST_HEAD(testfabric_ops);
static bool testfabric_stopping;
static struct workqueue_struct *testfabric_wq;

/* Numbers that the core gave; zero for a peer that is not registered. */
static u32 testfabric_ids[NR_PEERS];

/* The behaviour of a number; NR_PEERS if it is none of ours. */
static enum testfabric_peer testfabric_find(u32 id)
{
	enum testfabric_peer peer;

	for (peer = 0; peer < NR_PEERS; peer++)
		if (READ_ONCE(testfabric_ids[peer]) == id)
			break;
	return peer;
}

static void testfabric_done(struct kvpool_transfer *transfer, int status)
{
	u64 bytes = 0;

	if (status == -EMSGSIZE ||
	    (!status && transfer->kind == KVPOOL_TRANSFER_PROBE))
		transfer->found = TESTFABRIC_LENGTH;
	else if (!status)
		bytes = transfer->length;
	kvpool_transfer_done(transfer, status, bytes);
}

static void testfabric_work(struct work_struct *work)
{
	struct testfabric_op *op = container_of(to_delayed_work(work),
						struct testfabric_op, work);
	struct kvpool_transfer *transfer = op->transfer;

	spin_lock(&testfabric_lock);
	transfer->priv = NULL;
	list_del(&op->list);
	spin_unlock(&testfabric_lock);
	testfabric_done(transfer, op->status);
	kfree(op);
}

static void testfabric_queue(struct testfabric_op *op, int status,
			     unsigned long delay)
{
	op->status = status;
	/* If it runs already it will see the status. */
	if (op->queued && !cancel_delayed_work(&op->work))
		return;
	op->queued = true;
	queue_delayed_work(testfabric_wq, &op->work, delay);
}

/* Complete it with @status after a while; the lock is held. */
static void testfabric_take(struct testfabric_op *op, int status,
			    unsigned long delay)
{
	if (op->taken)
		return;
	op->taken = true;
	testfabric_queue(op, status, delay);
}

static void testfabric_accept(struct testfabric_op *op)
{
	static const int status[] = {
		0, 0, 0, -ENOENT, -EREMOTEIO, -EMSGSIZE, -EHOSTUNREACH, -ENOSPC,
	};
	u32 dice = get_random_u32();

	spin_lock(&testfabric_lock);
	op->transfer->priv = op;
	list_add_tail(&op->list, &testfabric_ops);
	switch (op->peer) {
	case PEER_NEVER:
	case PEER_SLOW_FENCE:
		break;
	case PEER_FAILS:
		testfabric_take(op, -EREMOTEIO, 0);
		break;
	case PEER_RANDOM:
		/* It may still be cancelled before that. */
		if (dice >> 16 & 7)
			testfabric_queue(op, status[dice % ARRAY_SIZE(status)],
					 dice >> 24 & 1);
		break;
	default:
		testfabric_take(op, 0, 0);
	}
	if (testfabric_stopping)
		testfabric_take(op, -EHOSTUNREACH, 0);
	spin_unlock(&testfabric_lock);
}

static void testfabric_begin(struct kvpool_transfer *transfer)
{
	enum testfabric_peer peer = testfabric_find(transfer->peer);
	struct testfabric_op *op;

	switch (peer) {
	case PEER_AT_ONCE:
		testfabric_done(transfer, 0);
		return;
	case PEER_LENGTH:
		testfabric_done(transfer, -EMSGSIZE);
		return;
	case PEER_MISSING:
	case NR_PEERS:
		testfabric_done(transfer, -ENOENT);
		return;
	default:
		break;
	}
	op = kzalloc(sizeof(*op), GFP_KERNEL);
	if (!op) {
		testfabric_done(transfer, -ENOMEM);
		return;
	}
	op->transfer = transfer;
	op->peer = peer;
	INIT_DELAYED_WORK(&op->work, testfabric_work);
	testfabric_accept(op);
}

static void testfabric_submit(struct list_head *transfers)
{
	struct kvpool_transfer *transfer, *next;

	list_for_each_entry_safe(transfer, next, transfers, list) {
		list_del(&transfer->list);
		testfabric_begin(transfer);
	}
}

static void testfabric_cancel(struct kvpool_transfer *transfer)
{
	struct testfabric_op *op;

	spin_lock(&testfabric_lock);
	op = transfer->priv;
	if (op)
		testfabric_take(op, -ECANCELED, op->peer == PEER_SLOW_FENCE ?
						TESTFABRIC_FENCE : 0);
	spin_unlock(&testfabric_lock);
}

static struct kvpool_mover testfabric_mover = {
	.name = "testfabric",
	.route = KVPOOL_ROUTE_RDMA,
	.submit = testfabric_submit,
	.cancel = testfabric_cancel,
};

static void testfabric_peers_del(void)
{
	unsigned int peer;

	for (peer = 0; peer < NR_PEERS; peer++) {
		if (!testfabric_ids[peer])
			continue;
		kvpool_mover_peer_del(&testfabric_mover, testfabric_ids[peer]);
		WRITE_ONCE(testfabric_ids[peer], 0);
	}
}

static int testfabric_peers_add(void)
{
	unsigned int peer;
	int ret = 0;
	u32 id;

	for (peer = 0; peer < NR_PEERS && !ret; peer++) {
		ret = kvpool_mover_peer_add(&testfabric_mover,
					    testfabric_names[peer], &id);
		if (!ret)
			WRITE_ONCE(testfabric_ids[peer], id);
	}
	return ret;
}

/* Fail what is in flight, and all that is submitted from now on. */
static void testfabric_stop(void)
{
	struct testfabric_op *op;

	spin_lock(&testfabric_lock);
	testfabric_stopping = true;
	list_for_each_entry(op, &testfabric_ops, list)
		testfabric_take(op, -EHOSTUNREACH, 0);
	spin_unlock(&testfabric_lock);
	testfabric_peers_del();
	kvpool_mover_unregister(&testfabric_mover);
	destroy_workqueue(testfabric_wq);
}

static int __init testfabric_init(void)
{
	int ret;

	testfabric_wq = alloc_workqueue("kvpool_testfabric", WQ_UNBOUND, 0);
	if (!testfabric_wq)
		return -ENOMEM;
	kvpool_mover_register(&testfabric_mover);
	ret = testfabric_peers_add();
	if (ret)
		testfabric_stop();
	return ret;
}

static void __exit testfabric_exit(void)
{
	testfabric_stop();
}

module_init(testfabric_init);
module_exit(testfabric_exit);

MODULE_DESCRIPTION("Mover without a wire for the tests of kvpool");
MODULE_LICENSE("GPL");
IMPORT_SYMBOLS_KVPOOL;
