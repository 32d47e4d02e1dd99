/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_QUEUE_H
#define _KVPOOL_FABRIC_QUEUE_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>

#include "fabric/buffer.h"
#include "fabric/gate.h"
#include "fabric/ibdev.h"
#include "fabric/wire.h"

struct kvpool_link;
struct kvpool_request;

/**
 * enum kvpool_queue_state - Where a queue pair is in its life
 * @KVPOOL_QUEUE_DOWN:		waits for the next attempt to connect
 * @KVPOOL_QUEUE_CONNECTING:	is being connected
 * @KVPOOL_QUEUE_UP:		carries requests
 * @KVPOOL_QUEUE_DRAINING:	is fenced, then taken down
 */
enum kvpool_queue_state {
	KVPOOL_QUEUE_DOWN,
	KVPOOL_QUEUE_CONNECTING,
	KVPOOL_QUEUE_UP,
	KVPOOL_QUEUE_DRAINING,
};

/**
 * struct kvpool_queue - A queue pair to a peer
 * @link:	the link that it belongs to
 * @index:	which of the link's queue pairs it is
 * @work:	connects it and takes it down; no other task does either
 * @fence_work:	ends its requests once it is DRAINING, then queues @work
 * @lock:	protects @state, @reason, @error, @failures, @free and the
 *		counts
 * @state:	enum kvpool_queue_state
 * @reason:	enum kvpool_close: why it is being taken down, or was
 * @error:	negative errno that came with it, or zero
 * @failures:	attempts to connect since it was up for long enough
 * @was_up:	it has been up before
 * @fenced:	nothing uses the queue pair any more
 * @responsive:	the peer has answered since it came up
 * @since:	jiffies when it came up
 * @gate:	tasks that post to it; open while there is a queue pair
 * @dev:	the device
 * @port:	of the device
 * @pd:		its own, so that no other peer reaches its memory
 * @cm_id:	the connection, and the queue pair in it
 * @cq:		of sends and receives
 * @nr_cqe:	entries that were taken of @cq
 * @event:	the connection manager has an answer
 * @terms:	what was agreed
 * @connect:	what was sent to connect
 * @accept:	what was received in reply
 * @proof:	of the target, as received
 * @requests:	one for each credit
 * @nr_requests: their number
 * @free:	requests that are free
 * @inflight:	number of requests that are not
 * @responses:	buffers
 * @nr_responses: their number
 * @control:	the capsule of AUTH and of ALIVE
 * @control_sent: jiffies when it was sent, or zero if it has been answered
 * @control_busy: its send has not completed
 * @heard:	jiffies when the last message came
 * @nr_done:	requests answered
 * @bytes_in:	fetched
 * @bytes_out:	pushed
 */
struct kvpool_queue {
	struct kvpool_link *link;
	u16 index;
	struct delayed_work work;
	struct work_struct fence_work;
	spinlock_t lock;	/* see above */
	enum kvpool_queue_state state;
	int reason;
	int error;
	unsigned int failures;
	bool was_up;
	bool fenced;
	bool responsive;
	unsigned long since;

	struct kvpool_gate gate;
	struct kvpool_ibdev *dev;
	u32 port;
	struct ib_pd *pd;
	struct rdma_cm_id *cm_id;
	struct ib_cq *cq;
	unsigned int nr_cqe;
	struct completion event;
	struct kvpool_wire_terms terms;
	struct kvpool_wire_connect connect;
	struct kvpool_wire_accept accept;
	u8 proof[KVPOOL_WIRE_PROOF];

	struct kvpool_request **requests;
	unsigned int nr_requests;
	struct list_head free;
	unsigned int inflight;
	struct kvpool_buffer *responses;
	unsigned int nr_responses;
	struct kvpool_buffer control;
	unsigned long control_sent;
	bool control_busy;
	unsigned long heard;

	u64 nr_done;
	u64 bytes_in;
	u64 bytes_out;
};

/**
 * kvpool_queue_has_credit() - May a request be sent?
 * @queue: the queue pair
 *
 * Return: true if so; without a lock, so it may change at any time.
 */
static inline bool kvpool_queue_has_credit(const struct kvpool_queue *queue)
{
	return READ_ONCE(queue->state) == KVPOOL_QUEUE_UP &&
	       READ_ONCE(queue->inflight) < READ_ONCE(queue->nr_requests);
}

void kvpool_queue_init(struct kvpool_queue *queue, struct kvpool_link *link,
		       u16 index);
void kvpool_queue_close(struct kvpool_queue *queue, int reason, int error);
int kvpool_queue_send_control(struct kvpool_queue *queue, size_t len);

#endif /* _KVPOOL_FABRIC_QUEUE_H */
