// SPDX-License-Identifier: GPL-2.0
/*
 * A fabric without a wire, for the tests of the core's side: it completes what
 * it is given in the ways and at the moments that a real one may, and moves
 * nothing. The number of the peer says how; see enum testfabric_peer.
 */
#include <linux/err.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "kvpool.h"

/* Selftest "remote" knows these numbers. */
enum testfabric_peer {
	PEER_ANY,	/* as PEER_LATER */
	PEER_AT_ONCE,	/* success, before submit() returns */
	PEER_LATER,	/* success, from a worker */
	PEER_NEVER,	/* not before it is cancelled */
	PEER_MISSING,	/* -ENOENT at once */
	PEER_LENGTH,	/* -EMSGSIZE: its block has 12345 bytes */
	PEER_FAILS,	/* -EREMOTEIO, from a worker */
	PEER_RANDOM,	/* any of these, from a worker, sooner or later */
	PEER_SLOW_FENCE, /* not before it is cancelled, and then not at once */
};

#define TESTFABRIC_LENGTH	12345
#define TESTFABRIC_FENCE	(HZ / 50)

/**
 * struct testfabric_op - what was submitted
 * @list:	entry in testfabric_ops
 * @xfer:	the operation; its @priv points here
 * @taken:	it is settled how it ends
 * @queued:	@work has been queued
 * @status:	how
 * @work:	completes it
 */
struct testfabric_op {
	struct list_head list;
	struct kvpool_xfer *xfer;
	bool taken;
	bool queued;
	int status;
	struct delayed_work work;
};

static DEFINE_SPINLOCK(testfabric_lock);	/* the list, priv, taken */
static LIST_HEAD(testfabric_ops);
static bool testfabric_stopping;
static struct workqueue_struct *testfabric_wq;

static void testfabric_done(struct kvpool_xfer *xfer, int status)
{
	u64 bytes = 0;

	if (!status && xfer->kind == KVPOOL_XFER_PROBE)
		xfer->length = TESTFABRIC_LENGTH;
	else if (!status)
		bytes = xfer->length;
	else if (status == -EMSGSIZE)
		xfer->length = TESTFABRIC_LENGTH;
	if (!xfer->peer)
		xfer->peer = PEER_LATER;
	kvpool_xfer_done(xfer, status, bytes);
}

static void testfabric_work(struct work_struct *work)
{
	struct testfabric_op *op = container_of(to_delayed_work(work),
						struct testfabric_op, work);
	struct kvpool_xfer *xfer = op->xfer;

	spin_lock(&testfabric_lock);
	xfer->priv = NULL;
	list_del(&op->list);
	spin_unlock(&testfabric_lock);
	testfabric_done(xfer, op->status);
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

static void testfabric_accept(struct kvpool_xfer *xfer,
			      struct testfabric_op *op)
{
	static const int status[] = {
		0, 0, 0, -ENOENT, -EREMOTEIO, -EMSGSIZE, -EHOSTUNREACH, -ENOSPC,
	};
	u32 dice = get_random_u32();

	spin_lock(&testfabric_lock);
	op->xfer = xfer;
	xfer->priv = op;
	list_add_tail(&op->list, &testfabric_ops);
	switch (xfer->peer) {
	case PEER_NEVER:
	case PEER_SLOW_FENCE:
		break;
	case PEER_FAILS:
		testfabric_take(op, -EREMOTEIO, 0);
		break;
	case PEER_RANDOM:
		/* May still be cancelled meanwhile. */
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

static void testfabric_submit(struct list_head *xfers)
{
	struct kvpool_xfer *xfer, *next;
	struct testfabric_op *op;

	list_for_each_entry_safe(xfer, next, xfers, list) {
		list_del(&xfer->list);
		if (xfer->peer > PEER_SLOW_FENCE ||
		    xfer->peer == PEER_MISSING) {
			testfabric_done(xfer, -ENOENT);
			continue;
		}
		if (xfer->peer == PEER_AT_ONCE || xfer->peer == PEER_LENGTH) {
			testfabric_done(xfer, xfer->peer == PEER_LENGTH ?
					      -EMSGSIZE : 0);
			continue;
		}
		op = kzalloc(sizeof(*op), GFP_KERNEL);
		if (!op) {
			testfabric_done(xfer, -ENOMEM);
			continue;
		}
		INIT_DELAYED_WORK(&op->work, testfabric_work);
		testfabric_accept(xfer, op);
	}
}

static void testfabric_cancel(struct kvpool_xfer *xfer)
{
	struct testfabric_op *op;

	spin_lock(&testfabric_lock);
	op = xfer->priv;
	if (op)
		testfabric_take(op, -ECANCELED,
				xfer->peer == PEER_SLOW_FENCE ?
				TESTFABRIC_FENCE : 0);
	spin_unlock(&testfabric_lock);
}

static const struct kvpool_fabric_ops testfabric_fabric = {
	.submit = testfabric_submit,
	.cancel = testfabric_cancel,
};

static int __init testfabric_init(void)
{
	int ret;

	testfabric_wq = alloc_workqueue("kvpool_testfabric", WQ_UNBOUND, 0);
	if (!testfabric_wq)
		return -ENOMEM;
	ret = kvpool_fabric_register(&testfabric_fabric);
	if (ret)
		destroy_workqueue(testfabric_wq);
	return ret;
}

static void __exit testfabric_exit(void)
{
	struct testfabric_op *op;

	spin_lock(&testfabric_lock);
	testfabric_stopping = true;
	list_for_each_entry(op, &testfabric_ops, list)
		testfabric_take(op, -EHOSTUNREACH, 0);
	spin_unlock(&testfabric_lock);
	kvpool_fabric_unregister(&testfabric_fabric);
	destroy_workqueue(testfabric_wq);
}

module_init(testfabric_init);
module_exit(testfabric_exit);

MODULE_DESCRIPTION("Fabric without a wire for the tests of kvpool");
MODULE_LICENSE("GPL");
IMPORT_SYMBOLS_KVPOOL;
