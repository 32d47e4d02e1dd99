// SPDX-License-Identifier: GPL-2.0
/*
 * A mover without a wire, for the tests of the core's side: it completes its
 * transfers in the ways and at the moments that a real mover may, and moves
 * nothing. The peer says how: testfabric_names. Tests find the number of a peer
 * by its name, since numbers differ after the module has been loaded again.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/numa.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "xfer/export.h"
#include "xfer/mover.h"

enum testfabric_peer {
	PEER_MISSING,	/* -ENOENT, before submit() returns */
	PEER_LENGTH,	/* -EMSGSIZE: its blocks have 12345 bytes */
	PEER_STALE,	/* says that it has the key, and then has not; see lossy */
	PEER_FAILS,	/* -EREMOTEIO, from a worker */
	PEER_DENIED,	/* -EACCES */
	PEER_PENDING,	/* as pending says; a transfer that waits stays */
	PEER_AT_ONCE,	/* success, before submit() returns */
	PEER_LATER,	/* success, from a worker */
	PEER_NEVER,	/* not before it is cancelled */
	PEER_RANDOM,	/* any of these, from a worker, sooner or later */
	PEER_SLOW_FENCE, /* after it is cancelled, and then with a delay */
	PEER_STRANDS,	/* after it is cancelled, and its memory stays */
	NR_PEERS,
};

/*
 * Registered in this order: an operation that asks all peers is refused by most
 * of them, in all ways, before it succeeds.
 */
static const char * const testfabric_names[NR_PEERS] = {
	[PEER_MISSING] = "missing",
	[PEER_LENGTH] = "length",
	[PEER_STALE] = "stale",
	[PEER_FAILS] = "fails",
	[PEER_DENIED] = "denied",
	[PEER_PENDING] = "pending",
	[PEER_AT_ONCE] = "at-once",
	[PEER_LATER] = "later",
	[PEER_NEVER] = "never",
	[PEER_RANDOM] = "random",
	[PEER_SLOW_FENCE] = "slow-fence",
	[PEER_STRANDS] = "strands",
};

#define TESTFABRIC_LENGTH	12345
#define TESTFABRIC_FENCE	(HZ / 50)
#define TESTFABRIC_STRANDS	64

/* What tests set. Numbers of keys are their first 32 bits. */
static unsigned int length = 20480;
module_param(length, uint, 0644);
MODULE_PARM_DESC(length, "bytes of all blocks whose keys do not say it in their next 32 bits");
static unsigned int limit = UINT_MAX;
module_param(limit, uint, 0644);
MODULE_PARM_DESC(limit, "no peer says that it has blocks from this number on");
static bool polite;
module_param(polite, bool, 0644);
MODULE_PARM_DESC(polite, "peers that may never end a transfer end what asks them");
static int node = NUMA_NO_NODE;
module_param(node, int, 0644);
MODULE_PARM_DESC(node, "NUMA node that is nearest to all peers");
static bool chained;
module_param(chained, bool, 0644);
MODULE_PARM_DESC(chained, "blocks that are fetched together are a chain");

static int pending = -EINPROGRESS;
module_param(pending, int, 0644);
MODULE_PARM_DESC(pending, "what \"pending\" says to what does not wait there");
static bool lossy;
module_param(lossy, bool, 0644);
MODULE_PARM_DESC(lossy, "\"stale\" keeps the memory of what it fails");

/* What tests read. */
static atomic_t testfabric_asks, testfabric_asked, testfabric_fetches;
static atomic_t testfabric_waits;

static int testfabric_count_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%d\n", atomic_read(kp->arg));
}

static int testfabric_count_set(const char *val, const struct kernel_param *kp)
{
	atomic_set(kp->arg, 0);
	return 0;
}

static const struct kernel_param_ops testfabric_count_ops = {
	.get = testfabric_count_get,
	.set = testfabric_count_set,
};
module_param_cb(asks, &testfabric_count_ops, &testfabric_asks, 0644);
module_param_cb(asked, &testfabric_count_ops, &testfabric_asked, 0644);
module_param_cb(fetches, &testfabric_count_ops, &testfabric_fetches, 0644);
module_param_cb(waits, &testfabric_count_ops, &testfabric_waits, 0644);

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

static u32 testfabric_number(const struct kvpool_key *key)
{
	return lower_32_bits(key->words[0]);
}

static u32 testfabric_length(const struct kvpool_key *key)
{
	return upper_32_bits(key->words[0]) ?: READ_ONCE(length);
}

/* What a peer says of a key, if it answers. */
static void testfabric_answer(enum testfabric_peer peer,
			      const struct kvpool_key *key,
			      struct kvpool_answer *answer)
{
	answer->status = testfabric_number(key) < READ_ONCE(limit) ?
			 0 : -ENOENT;
	answer->length = testfabric_length(key);
	switch (peer) {
	case PEER_DENIED:
		answer->status = -EACCES;
		break;
	case PEER_PENDING:
		answer->status = READ_ONCE(pending);
		break;
	case PEER_LENGTH:
		answer->length = TESTFABRIC_LENGTH;
		break;
	case PEER_RANDOM:
		if (get_random_u32() & 1)
			answer->status = -ENOENT;
		break;
	case PEER_AT_ONCE:
	case PEER_LATER:
	case PEER_STALE:
		break;
	default:
		answer->status = -ENOENT;
	}
}

static void testfabric_answers(struct kvpool_transfer *transfer,
			       enum testfabric_peer peer)
{
	u32 i;

	for (i = 0; i < transfer->nr; i++)
		testfabric_answer(peer, &transfer->keys[i],
				  &transfer->answers[i]);
}

static void testfabric_done(struct kvpool_transfer *transfer,
			    enum testfabric_peer peer, int status)
{
	u64 bytes = 0;

	if (transfer->kind == KVPOOL_TRANSFER_ASK) {
		if (!status)
			testfabric_answers(transfer, peer);
	} else if (status == -EMSGSIZE) {
		transfer->found = TESTFABRIC_LENGTH;
	} else if (!status) {
		bytes = transfer->length;
	}
	kvpool_transfer_done(transfer, status, bytes);
}

/* Memory that stays until the test, or the end of the module, lets it go. */
static struct kvpool_strand *testfabric_strands[TESTFABRIC_STRANDS];
static unsigned int testfabric_nr_strands;	/* testfabric_lock */

static int testfabric_strand(struct kvpool_transfer *transfer)
{
	struct kvpool_strand *strand;
	bool kept;

	if (transfer->kind == KVPOOL_TRANSFER_ASK)
		return -ECANCELED;
	strand = kvpool_transfer_strand(transfer);
	spin_lock(&testfabric_lock);
	kept = testfabric_nr_strands < TESTFABRIC_STRANDS;
	if (kept)
		testfabric_strands[testfabric_nr_strands++] = strand;
	spin_unlock(&testfabric_lock);
	if (!kept)
		kvpool_strand_put(strand);
	return -EIO;
}

static void testfabric_unstrand(void)
{
	struct kvpool_strand *strand;

	do {
		strand = NULL;
		spin_lock(&testfabric_lock);
		if (testfabric_nr_strands)
			strand = testfabric_strands[--testfabric_nr_strands];
		spin_unlock(&testfabric_lock);
		if (strand)
			kvpool_strand_put(strand);
	} while (strand);
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
	if (op->peer == PEER_STRANDS && op->status == -ECANCELED)
		op->status = testfabric_strand(transfer);
	testfabric_done(transfer, op->peer, op->status);
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

/* What waits for a pending key, or for ever, ends with @status. */
static void testfabric_settle(int status)
{
	struct testfabric_op *op;

	spin_lock(&testfabric_lock);
	list_for_each_entry(op, &testfabric_ops, list)
		if (op->peer == PEER_PENDING || op->peer == PEER_NEVER)
			testfabric_take(op, status, 0);
	spin_unlock(&testfabric_lock);
}

static int testfabric_settle_set(const char *val, const struct kernel_param *kp)
{
	int status, ret;

	ret = kstrtoint(val, 0, &status);
	if (!ret)
		testfabric_settle(status);
	return ret;
}

static int testfabric_unstrand_set(const char *val,
				   const struct kernel_param *kp)
{
	testfabric_unstrand();
	return 0;
}

static const struct kernel_param_ops testfabric_settle_ops = {
	.set = testfabric_settle_set,
};
module_param_cb(settle, &testfabric_settle_ops, NULL, 0200);
static const struct kernel_param_ops testfabric_unstrand_ops = {
	.set = testfabric_unstrand_set,
};
module_param_cb(unstrand, &testfabric_unstrand_ops, NULL, 0200);

/*
 * What other hosts are told of a key, by all functions that tell it: the tenant
 * and the words of the key are written, and the write fails with it.
 */
static int testfabric_lookup_set(const char *val, const struct kernel_param *kp)
{
	struct kvpool_export_wait wait = {};
	char name[KVPOOL_NAME_SIZE];
	struct kvpool_tenant *tenant;
	struct kvpool_key key = {};
	struct kvpool_block *block;
	int probed, opened, waits;
	u64 generation;
	u32 length;

	if (sscanf(val, "%63s %llu %llu %llu %llu", name, &key.words[0],
		   &key.words[1], &key.words[2], &key.words[3]) != 5)
		return -EINVAL;
	tenant = kvpool_export_tenant(name);
	if (!tenant)
		return -ESRCH;
	probed = kvpool_export_probe(tenant, &key, &length);
	opened = kvpool_export_open(tenant, &key, probed ? 1 : length, &block,
				    &length, &generation);
	if (!opened)
		kvpool_export_close(tenant, &block, 1);
	waits = kvpool_export_wait(tenant, &key, &wait);
	/* The test lets nobody end the reservation meanwhile. */
	if (waits == 1 && !kvpool_export_wait_cancel(tenant, &wait))
		waits = -EBUSY;
	kvpool_export_tenant_put(tenant);
	if (opened != probed || waits != (probed == -EINPROGRESS))
		return -EPROTO;
	return probed;
}

static const struct kernel_param_ops testfabric_lookup_ops = {
	.set = testfabric_lookup_set,
};
module_param_cb(lookup, &testfabric_lookup_ops, NULL, 0200);

static void testfabric_accept(struct testfabric_op *op)
{
	static const int status[] = {
		0, 0, 0, -ENOENT, -EREMOTEIO, -EMSGSIZE, -EHOSTUNREACH, -ENOSPC,
	};
	bool ask = op->transfer->kind == KVPOOL_TRANSFER_ASK;
	u32 dice = get_random_u32();

	spin_lock(&testfabric_lock);
	op->transfer->priv = op;
	list_add_tail(&op->list, &testfabric_ops);
	switch (op->peer) {
	case PEER_NEVER:
	case PEER_SLOW_FENCE:
	case PEER_STRANDS:
		if (ask && READ_ONCE(polite))
			testfabric_take(op, 0, 0);
		break;
	case PEER_PENDING:
		if (op->transfer->kind == KVPOOL_TRANSFER_FETCH &&
		    !op->transfer->waits)
			testfabric_take(op, READ_ONCE(pending), 0);
		else
			atomic_inc(&testfabric_waits);
		break;
	case PEER_FAILS:
		testfabric_take(op, -EREMOTEIO, 0);
		break;
	case PEER_RANDOM:
		if (ask && READ_ONCE(polite)) {
			testfabric_take(op, dice & 1 ? -EREMOTEIO : 0, 0);
			break;
		}
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
	bool ask = transfer->kind == KVPOOL_TRANSFER_ASK;
	struct testfabric_op *op;

	if (ask) {
		atomic_inc(&testfabric_asks);
		atomic_add(transfer->nr, &testfabric_asked);
	} else if (transfer->kind == KVPOOL_TRANSFER_FETCH) {
		atomic_inc(&testfabric_fetches);
	}
	switch (peer) {
	case PEER_AT_ONCE:
		testfabric_done(transfer, peer, 0);
		return;
	case PEER_LENGTH:
		testfabric_done(transfer, peer, ask ? 0 : -EMSGSIZE);
		return;
	case PEER_DENIED:
		testfabric_done(transfer, peer, ask ? 0 : -EACCES);
		return;
	case PEER_STALE:
		/* Of two parts, none of which it says so of. */
		if (!ask && READ_ONCE(lossy)) {
			testfabric_strand(transfer);
			testfabric_strand(transfer);
		}
		fallthrough;
	case PEER_MISSING:
	case NR_PEERS:
		testfabric_done(transfer, peer, ask ? 0 : -ENOENT);
		return;
	case PEER_PENDING:
		if (!ask)
			break;
		testfabric_done(transfer, peer, 0);
		return;
	default:
		break;
	}
	op = kzalloc(sizeof(*op), GFP_KERNEL);
	if (!op) {
		testfabric_done(transfer, peer, -ENOMEM);
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
	struct kvpool_key parent = {};
	u32 n = 0;

	list_for_each_entry_safe(transfer, next, transfers, list) {
		list_del(&transfer->list);
		if (READ_ONCE(chained) && !transfer->depth) {
			transfer->found_depth = ++n;
			transfer->found_parent = parent;
			parent = transfer->key;
		}
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

static int testfabric_node(u32 peer)
{
	return READ_ONCE(node);
}

static struct kvpool_mover testfabric_mover = {
	.name = "testfabric",
	.route = KVPOOL_ROUTE_RDMA,
	.node = testfabric_node,
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
	testfabric_unstrand();
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
