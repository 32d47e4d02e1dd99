// SPDX-License-Identifier: GPL-2.0
/* Queue pairs to peers, as objects; see connect.c and reconnect.c. */
#include <linux/jiffies.h>

#include "fabric/queue.h"
#include "fabric/wq.h"

/**
 * kvpool_queue_init() - Prepare a queue pair, which is down
 * @queue: zeroed
 * @link: the link that it belongs to
 * @index: which of the link's queue pairs it is
 *
 * The caller prepares the works.
 */
void kvpool_queue_init(struct kvpool_queue *queue, struct kvpool_link *link,
		       u16 index)
{
	queue->link = link;
	queue->index = index;
	mutex_init(&queue->life);
	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->free);
	init_completion(&queue->event);
}

static void kvpool_queue_end(struct kvpool_queue *queue, int reason, int error)
{
	lockdep_assert_held(&queue->lock);
	queue->reason = reason;
	queue->error = error;
	if (queue->state == KVPOOL_QUEUE_UP) {
		queue->state = KVPOOL_QUEUE_DRAINING;
		queue_work(kvpool_fence_wq, &queue->fence_work);
	} else {
		complete_all(&queue->event);
	}
}

/**
 * kvpool_queue_close() - Begin to end a queue pair
 * @queue: the queue pair
 * @reason: enum kvpool_close; the first one counts
 * @error: negative errno, or zero
 *
 * It is fenced, and its requests go another way. Any context in which a lock
 * may be taken that interrupts do not take.
 */
void kvpool_queue_close(struct kvpool_queue *queue, int reason, int error)
{
	spin_lock(&queue->lock);
	if ((queue->state == KVPOOL_QUEUE_UP ||
	     queue->state == KVPOOL_QUEUE_CONNECTING) && !queue->reason)
		kvpool_queue_end(queue, reason, error);
	spin_unlock(&queue->lock);
}

/**
 * kvpool_queue_rest() - End a queue pair that carries no request
 * @queue: the queue pair
 *
 * Context: as kvpool_queue_close().
 *
 * Return: false if it carries requests.
 */
bool kvpool_queue_rest(struct kvpool_queue *queue)
{
	bool idle;

	spin_lock(&queue->lock);
	idle = !queue->inflight;
	if (idle && queue->state == KVPOOL_QUEUE_UP)
		kvpool_queue_end(queue, KVPOOL_CLOSE_IDLE, 0);
	spin_unlock(&queue->lock);
	return idle;
}

static void kvpool_queue_control_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_queue *queue = wc->qp->qp_context;

	WRITE_ONCE(queue->control_busy, false);
	if (wc->status != IB_WC_SUCCESS)
		kvpool_queue_close(queue, KVPOOL_CLOSE_TRANSPORT, -EIO);
}

/**
 * kvpool_queue_control() - Take the control capsule, if nothing is sent with it
 * @queue: a queue pair that is up
 *
 * Return: true if kvpool_queue_send_control() has to follow.
 */
bool kvpool_queue_control(struct kvpool_queue *queue)
{
	bool taken;

	spin_lock(&queue->lock);
	taken = !READ_ONCE(queue->control_busy) &&
		!READ_ONCE(queue->control_sent);
	if (taken)
		WRITE_ONCE(queue->control_busy, true);
	spin_unlock(&queue->lock);
	return taken;
}

/**
 * kvpool_queue_send_control() - Send the capsule of AUTH and ALIVE
 * @queue: the queue pair, whose gate has been entered or which is connecting
 * @len: bytes of the capsule in @queue->control
 *
 * Return: 0 or a negative errno.
 */
int kvpool_queue_send_control(struct kvpool_queue *queue, size_t len)
{
	struct kvpool_buffer *buffer = &queue->control;
	struct ib_send_wr wr = {
		.wr_cqe = &buffer->cqe,
		.sg_list = &buffer->sge,
		.num_sge = 1,
		.opcode = IB_WR_SEND,
		.send_flags = IB_SEND_SIGNALED,
	};

	buffer->sge.length = len;
	buffer->cqe.done = kvpool_queue_control_done;
	queue->control_busy = true;
	WRITE_ONCE(queue->control_sent, jiffies | 1);
	ib_dma_sync_single_for_device(queue->dev->ib, buffer->sge.addr, len,
				      DMA_TO_DEVICE);
	return ib_post_send(queue->cm_id->qp, &wr, NULL);
}
