// SPDX-License-Identifier: GPL-2.0
/*
 * The fence of a queue pair, which fails closed: either nothing of it is
 * outstanding any more, or all that it could reach is kept until its device is
 * gone.
 */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/workqueue.h>

#include "fabric/drain.h"
#include "fabric/ibdev.h"

#define KVPOOL_DRAIN_TRIES	5
#define KVPOOL_DRAIN_MS		1	/* before the second; twice each time */
/* How long a device may take to flush its queues. */
#define KVPOOL_DRAIN_WAIT_MS	20000
/* Between two looks whether it has done so later. */
#define KVPOOL_STUCK_MS		2000

static DEFINE_MUTEX(kvpool_stuck_lock);	/* what follows */
static LIST_HEAD(kvpool_stuck_list);
static unsigned int kvpool_nr_stuck;

static void kvpool_drain_done(struct ib_cq *cq, struct ib_wc *wc)
{
	complete_all(&container_of(wc->wr_cqe, struct kvpool_drain_end,
				   cqe)->done);
}

static void kvpool_drain_init(struct kvpool_drain_end *end)
{
	end->cqe.done = kvpool_drain_done;
	init_completion(&end->done);
}

/* No work request is executed any more once this has succeeded. */
static int kvpool_drain_stop(struct ib_qp *qp)
{
	struct ib_qp_attr attr = { .qp_state = IB_QPS_ERR };
	unsigned int i;
	int ret;

	for (i = 0;; i++) {
		ret = ib_modify_qp(qp, &attr, IB_QP_STATE);
		if (!ret || i == KVPOOL_DRAIN_TRIES - 1)
			return ret;
		msleep(KVPOOL_DRAIN_MS << i);
	}
}

/* Post the ends of both queues: a queue that is full is flushed just now. */
static int kvpool_drain_post(struct ib_qp *qp, struct kvpool_drain *drain)
{
	struct ib_rdma_wr send_wr = {
		.wr = {
			.wr_cqe = &drain->send.cqe,
			.opcode = IB_WR_RDMA_WRITE,
			.send_flags = IB_SEND_SIGNALED,
		},
	};
	struct ib_recv_wr recv_wr = { .wr_cqe = &drain->recv.cqe };
	int ret_send = -EAGAIN, ret_recv = -EAGAIN;
	unsigned int i;

	kvpool_drain_init(&drain->send);
	kvpool_drain_init(&drain->recv);
	for (i = 0;; i++) {
		if (ret_send)
			ret_send = ib_post_send(qp, &send_wr.wr, NULL);
		if (ret_recv)
			ret_recv = ib_post_recv(qp, &recv_wr, NULL);
		if ((!ret_send && !ret_recv) || i == KVPOOL_DRAIN_TRIES - 1)
			return ret_send ?: ret_recv;
		msleep(KVPOOL_DRAIN_MS << i);
	}
}

/* Have both ends come? */
static bool kvpool_drain_over(struct kvpool_drain *drain)
{
	return drain->posted && completion_done(&drain->send.done) &&
	       completion_done(&drain->recv.done);
}

/**
 * kvpool_drain_qp() - Bring a queue pair to its end
 * @qp: the queue pair; nobody else posts to it
 * @drain: its ends; when it has failed, this may be called again, and does not
 *	   wait if it was for the device
 *
 * ib_drain_qp() does not tell whether it could, and waits for ever for a device
 * that does not flush its queues.
 *
 * Context: process; needs no memory. The caller keeps the queue pair and what
 * it can reach, also after an error.
 *
 * Return: 0: no work request of @qp is outstanding; a negative errno: they may
 * be; -ETIMEDOUT: they are, and the device does not complete them.
 */
int kvpool_drain_qp(struct ib_qp *qp, struct kvpool_drain *drain)
{
	unsigned long left = msecs_to_jiffies(KVPOOL_DRAIN_WAIT_MS);
	int ret;

	if (drain->posted)
		return kvpool_drain_over(drain) ? 0 : -ETIMEDOUT;
	ret = kvpool_drain_stop(qp);
	if (ret)
		return ret;
	ret = kvpool_drain_post(qp, drain);
	if (ret) {
		/* A device that takes no work requests may have its own way. */
		if (!qp->device->ops.drain_sq || !qp->device->ops.drain_rq)
			return ret;
		ib_drain_qp(qp);
		return 0;
	}
	drain->posted = true;
	left = wait_for_completion_timeout(&drain->send.done, left);
	if (left)
		wait_for_completion_timeout(&drain->recv.done, left);
	return kvpool_drain_over(drain) ? 0 : -ETIMEDOUT;
}

/**
 * kvpool_drain_cq() - Give a shared completion queue back
 * @cq: of ib_cq_pool_get()
 * @nr_cqe: as there
 *
 * Its work may have come through this module just now: the module is not
 * unloaded before that has returned.
 *
 * Context: process; not that of a completion.
 */
void kvpool_drain_cq(struct ib_cq *cq, unsigned int nr_cqe)
{
	flush_work(&cq->work);
	ib_cq_pool_put(cq, nr_cqe);
}

/**
 * kvpool_stuck_count() - Count the queue pairs that are kept
 *
 * Context: any.
 *
 * Return: their number now.
 */
unsigned int kvpool_stuck_count(void)
{
	return READ_ONCE(kvpool_nr_stuck);
}

/* Take the next that the condition holds for: of a device, or it has an end. */
static struct kvpool_stuck *kvpool_stuck_take(const struct kvpool_ibdev *dev)
{
	struct kvpool_stuck *stuck, *found = NULL;

	mutex_lock(&kvpool_stuck_lock);
	list_for_each_entry(stuck, &kvpool_stuck_list, entry) {
		if (dev ? stuck->dev == dev : kvpool_drain_over(stuck->drain)) {
			found = stuck;
			list_del(&found->entry);
			kvpool_nr_stuck--;
			break;
		}
	}
	mutex_unlock(&kvpool_stuck_lock);
	return found;
}

/* Devices may flush their queues late, for instance after a pause of the host. */
static void kvpool_stuck_work_fn(struct work_struct *work)
{
	struct kvpool_stuck *stuck;

	while ((stuck = kvpool_stuck_take(NULL))) {
		pr_notice_ratelimited("%s: a queue pair has come to its end late; its memory is free\n",
				      dev_name(&stuck->dev->ib->dev));
		stuck->release(stuck);
	}
	if (kvpool_stuck_count())
		schedule_delayed_work(to_delayed_work(work),
				      msecs_to_jiffies(KVPOOL_STUCK_MS));
}

static DECLARE_DELAYED_WORK(kvpool_stuck_work, kvpool_stuck_work_fn);

/**
 * kvpool_stuck_exit() - Stop looking at what is kept; nothing is
 *
 * Context: module unload.
 */
void kvpool_stuck_exit(void)
{
	cancel_delayed_work_sync(&kvpool_stuck_work);
}

/**
 * kvpool_stuck_add() - Keep what a queue pair could reach that has no end
 * @stuck: a part of the object; zeroed
 * @dev: the device, which the object uses
 * @drain: the ends of the queue pair
 * @release: called once when the device goes away; from here if it does already
 *
 * Context: process; needs no memory.
 */
void kvpool_stuck_add(struct kvpool_stuck *stuck, struct kvpool_ibdev *dev,
		      struct kvpool_drain *drain,
		      void (*release)(struct kvpool_stuck *stuck))
{
	bool gone;

	stuck->dev = dev;
	stuck->drain = drain;
	stuck->release = release;
	mutex_lock(&kvpool_stuck_lock);
	/* Set before kvpool_stuck_release() looks for what is here. */
	gone = READ_ONCE(dev->gone);
	if (!gone) {
		list_add_tail(&stuck->entry, &kvpool_stuck_list);
		kvpool_nr_stuck++;
	}
	mutex_unlock(&kvpool_stuck_lock);
	if (gone) {
		release(stuck);
		return;
	}
	pr_err_ratelimited("%s: a queue pair cannot be brought to its end; its memory is kept until it is, or the device is removed\n",
			   dev_name(&dev->ib->dev));
	schedule_delayed_work(&kvpool_stuck_work,
			      msecs_to_jiffies(KVPOOL_STUCK_MS));
}

/**
 * kvpool_stuck_release() - A device goes away: release what is kept for it
 * @dev: the device
 *
 * Context: process.
 */
void kvpool_stuck_release(struct kvpool_ibdev *dev)
{
	struct kvpool_stuck *stuck;

	while ((stuck = kvpool_stuck_take(dev)))
		stuck->release(stuck);
}
