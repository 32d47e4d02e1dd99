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
/* How long a device may take to flush its queues, and what is left of that. */
#define KVPOOL_DRAIN_WAIT_MS	20000
#define KVPOOL_DRAIN_AGAIN_MS	500

static DEFINE_MUTEX(kvpool_stuck_lock);	/* what follows */
static LIST_HEAD(kvpool_stuck_list);
static unsigned int kvpool_nr_stuck;

static void kvpool_drain_done(struct ib_cq *cq, struct ib_wc *wc)
{
	complete(&container_of(wc->wr_cqe, struct kvpool_drain_end,
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

/* Post the ends of both queues. */
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
	int ret;

	kvpool_drain_init(&drain->send);
	kvpool_drain_init(&drain->recv);
	ret = ib_post_send(qp, &send_wr.wr, NULL);
	return ret ?: ib_post_recv(qp, &recv_wr, NULL);
}

/**
 * kvpool_drain_qp() - Bring a queue pair to its end
 * @qp: the queue pair; nobody else posts to it
 * @drain: its ends; this may be called again when it has failed
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
	unsigned int ms = KVPOOL_DRAIN_AGAIN_MS;
	unsigned long left;
	int ret;

	if (!drain->posted) {
		ret = kvpool_drain_stop(qp);
		if (ret)
			return ret;
		ret = kvpool_drain_post(qp, drain);
		if (ret) {
			/*
			 * A device that takes no more work requests may have
			 * its own way.
			 */
			if (!qp->device->ops.drain_sq ||
			    !qp->device->ops.drain_rq)
				return ret;
			ib_drain_qp(qp);
			return 0;
		}
		drain->posted = true;
		ms = KVPOOL_DRAIN_WAIT_MS;
	}
	left = wait_for_completion_timeout(&drain->send.done,
					   msecs_to_jiffies(ms));
	if (left)
		left = wait_for_completion_timeout(&drain->recv.done, left);
	if (!left)
		return -ETIMEDOUT;
	drain->posted = false;
	return 0;
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
 * kvpool_stuck_add() - Keep what a queue pair could reach that has no end
 * @stuck: a part of the object; zeroed
 * @dev: the device, which the object uses
 * @release: called once when the device goes away; from here if it does already
 *
 * Context: process; needs no memory.
 */
void kvpool_stuck_add(struct kvpool_stuck *stuck, struct kvpool_ibdev *dev,
		      void (*release)(struct kvpool_stuck *stuck))
{
	bool gone;

	stuck->dev = dev;
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
	pr_err_ratelimited("%s: a queue pair cannot be brought to its end; its memory is kept until the device is removed\n",
			   dev_name(&dev->ib->dev));
}

/**
 * kvpool_stuck_release() - A device goes away: release what is kept for it
 * @dev: the device
 *
 * Context: process.
 */
void kvpool_stuck_release(struct kvpool_ibdev *dev)
{
	struct kvpool_stuck *stuck, *found;

	do {
		found = NULL;
		mutex_lock(&kvpool_stuck_lock);
		list_for_each_entry(stuck, &kvpool_stuck_list, entry) {
			if (stuck->dev == dev) {
				found = stuck;
				list_del(&found->entry);
				kvpool_nr_stuck--;
				break;
			}
		}
		mutex_unlock(&kvpool_stuck_lock);
		if (found)
			found->release(found);
	} while (found);
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
