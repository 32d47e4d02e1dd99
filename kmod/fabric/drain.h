/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_DRAIN_H
#define _KVPOOL_FABRIC_DRAIN_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <rdma/ib_verbs.h>

struct kvpool_ibdev;

/**
 * struct kvpool_drain_end - A work request behind all others of a queue
 * @cqe:	its completion
 * @done:	it has completed
 */
struct kvpool_drain_end {
	struct ib_cqe cqe;
	struct completion done;
};

/**
 * struct kvpool_drain - The ends of both queues of a queue pair
 * @send:	of the send queue
 * @recv:	of the receive queue
 * @posted:	both are posted, and have not been seen to complete; false for a
 *		new queue pair
 *
 * A part of the object that the queue pair belongs to: it may complete at any
 * time until that is destroyed.
 */
struct kvpool_drain {
	struct kvpool_drain_end send;
	struct kvpool_drain_end recv;
	bool posted;
};

/**
 * struct kvpool_stuck - What a queue pair keeps that has no end
 * @entry:	in the list of all
 * @dev:	its device, in use until @release has been called
 * @drain:	the ends of the queue pair, which may come late
 * @release:	the device goes away, or the end has come: sees to it that the
 *		queue pair is destroyed, that all that it could reach is freed,
 *		then that the device is put; process context
 *
 * A part of the object that it belongs to, so that a fence needs no memory.
 */
struct kvpool_stuck {
	struct list_head entry;
	struct kvpool_ibdev *dev;
	struct kvpool_drain *drain;
	void (*release)(struct kvpool_stuck *stuck);
};

int kvpool_drain_qp(struct ib_qp *qp, struct kvpool_drain *drain);
void kvpool_drain_cq(struct ib_cq *cq, unsigned int nr_cqe);

void kvpool_stuck_add(struct kvpool_stuck *stuck, struct kvpool_ibdev *dev,
		      struct kvpool_drain *drain,
		      void (*release)(struct kvpool_stuck *stuck));
void kvpool_stuck_exit(void);
void kvpool_stuck_release(struct kvpool_ibdev *dev);
unsigned int kvpool_stuck_count(void);

#endif /* _KVPOOL_FABRIC_DRAIN_H */
