/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_QUEUE_H
#define _KVPOOL_FABRIC_QUEUE_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>

#include "fabric/auth.h"
#include "fabric/buffer.h"
#include "fabric/drain.h"
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
 * @KVPOOL_QUEUE_STUCK:		cannot be fenced: all is kept until its device
 *				goes away
 */
enum kvpool_queue_state {
	KVPOOL_QUEUE_DOWN,
	KVPOOL_QUEUE_CONNECTING,
	KVPOOL_QUEUE_UP,
	KVPOOL_QUEUE_DRAINING,
	KVPOOL_QUEUE_STUCK,
};

/**
 * struct kvpool_queue - A queue pair to a peer
 * @link:	the link that it belongs to
 * @index:	which of the link's queue pairs it is
 * @life:	held by the task that connects it or takes it down
 * @connect_work: connects it; only on kvpool_connect_wq
 * @close_work:	takes it down; only on kvpool_close_wq
 * @fence_work:	ends its requests once it is DRAINING, then queues @close_work
 * @lock:	protects @state, @reason, @error, @failures, @free, @inflight and
 *		the counts
 * @state:	enum kvpool_queue_state
 * @reason:	enum kvpool_close: why it is being taken down, or was
 * @error:	negative errno that came with it, or zero
 * @failures:	attempts to connect since it was up for long enough that have
 *		failed, or have taken too long
 * @was_up:	it has been up before
 * @fenced:	nothing uses the queue pair any more
 * @drain:	the end of the queue pair
 * @stuck:	keeps it while it is STUCK
 * @released:	its device goes away, so it has its end then
 * @responsive:	the peer has answered since it came up
 * @since:	jiffies when it came up, or has begun to connect
 * @used:	jiffies when it was last seen to be of use; of the link's
 *		@watch_work
 * @used_done:	@nr_done at that time
 * @gate:	tasks that post to it; open while there is a queue pair
 * @dev:	the device; with @pd, buffers and requests it stays as long as
 *		the queue pair is needed, also while there is no connection
 * @port:	of the device
 * @pd:		its own, so that no other peer reaches its memory
 * @cm_id:	the connection, and the queue pair in it
 * @cq:		of sends and receives
 * @nr_cqe:	entries that were taken of @cq
 * @offered:	path MTU of the peer that has refused this host's, or zero
 * @event:	the connection manager has an answer
 * @terms:	what was agreed
 * @connect:	what was sent to connect
 * @accept:	what was received in reply
 * @proof:	of the target, as received
 * @stamp:	what the two sides authenticated each other with
 * @max_credits: that this host asks for on @dev
 * @cost:	what it has of the memory granted
 * @equipped:	@pd and the buffers are complete
 * @requests:	@max_credits requests
 * @nr_requests: the first so many may be used, while it is up; @lock
 * @free:	requests that are free
 * @nr_sent:	requests sent; one in KVPOOL_SIGNAL_EVERY is signaled
 * @inflight:	number of requests that are not
 * @waiting:	how many of them wait for a pending block; @lock
 * @nr_cancels:	requests that wait and are to be cancelled; @lock
 * @responses:	buffers
 * @nr_responses: their number
 * @control:	the capsule of AUTH, ALIVE and CANCEL; kvpool_queue_control()
 * @control_sent: jiffies when it was sent, or zero if it has been answered
 * @control_busy: its send has not completed
 * @heard:	jiffies when the last message came
 * @nr_done:	requests answered
 * @bytes_in:	fetched
 * @bytes_inline: of them in answers
 * @bytes_out:	pushed
 */
struct kvpool_queue {
	struct kvpool_link *link;
	u16 index;
	struct mutex life;	/* see above */
	struct delayed_work connect_work;
	struct delayed_work close_work;
	struct work_struct fence_work;
	spinlock_t lock;	/* see above */
	enum kvpool_queue_state state;
	int reason;
	int error;
	unsigned int failures;
	bool was_up;
	bool fenced;
	struct kvpool_drain drain;
	struct kvpool_stuck stuck;
	bool released;
	bool responsive;
	unsigned long since;
	unsigned long used;
	u64 used_done;

	struct kvpool_gate gate;
	struct kvpool_ibdev *dev;
	u32 port;
	struct ib_pd *pd;
	struct rdma_cm_id *cm_id;
	struct ib_cq *cq;
	unsigned int nr_cqe;
	u16 offered;
	struct completion event;
	struct kvpool_wire_terms terms;
	struct kvpool_wire_connect connect;
	struct kvpool_wire_accept accept;
	u8 proof[KVPOOL_WIRE_PROOF];
	struct kvpool_auth_stamp stamp;

	unsigned int max_credits;
	u64 cost;
	bool equipped;
	struct kvpool_request **requests;
	unsigned int nr_requests;
	struct list_head free;
	atomic_t nr_sent;
	unsigned int inflight;
	unsigned int waiting;
	unsigned int nr_cancels;
	struct kvpool_buffer *responses;
	unsigned int nr_responses;
	struct kvpool_buffer control;
	unsigned long control_sent;
	bool control_busy;
	unsigned long heard;

	u64 nr_done;
	u64 bytes_in;
	u64 bytes_inline;
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

/**
 * kvpool_queue_may_wait() - May a request be sent that waits at the peer?
 * @queue: the queue pair
 *
 * Return: true if so; without a lock, so it may change at any time.
 */
static inline bool kvpool_queue_may_wait(const struct kvpool_queue *queue)
{
	return READ_ONCE(queue->waiting) < READ_ONCE(queue->terms.waits);
}

/**
 * kvpool_queue_idles() - Does no request keep a queue pair from being silent?
 * @queue: the queue pair
 *
 * Return: true if all its requests wait for pending blocks; without a lock, so
 * it may change at any time.
 */
static inline bool kvpool_queue_idles(const struct kvpool_queue *queue)
{
	return READ_ONCE(queue->inflight) <= READ_ONCE(queue->waiting);
}

void kvpool_queue_init(struct kvpool_queue *queue, struct kvpool_link *link,
		       u16 index);
void kvpool_queue_close(struct kvpool_queue *queue, int reason, int error);
bool kvpool_queue_control(struct kvpool_queue *queue);
bool kvpool_queue_rest(struct kvpool_queue *queue);
int kvpool_queue_send_control(struct kvpool_queue *queue, size_t len);

#endif /* _KVPOOL_FABRIC_QUEUE_H */
