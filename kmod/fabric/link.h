/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_LINK_H
#define _KVPOOL_FABRIC_LINK_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/socket.h>
#include <linux/workqueue.h>

#include "fabric/queue.h"

#define KVPOOL_IBDEV_NAME	64
#define KVPOOL_MAX_QUEUES	8	/* of a link */
#define KVPOOL_MIN_SLICE	SZ_128K	/* of a block that is divided */
#define KVPOOL_STALL_MS		100	/* no answer: does the peer live? */

struct kvpool_peer;

/**
 * enum kvpool_link_state - The state of a link as a whole
 * @KVPOOL_LINK_DOWN:		it failed and waits for the next attempt
 * @KVPOOL_LINK_CONNECTING:	a queue pair is being connected
 * @KVPOOL_LINK_UP:		a queue pair is up
 * @KVPOOL_LINK_DRAINING:	it is being fenced
 */
enum kvpool_link_state {
	KVPOOL_LINK_DOWN,
	KVPOOL_LINK_CONNECTING,
	KVPOOL_LINK_UP,
	KVPOOL_LINK_DRAINING,
};

/**
 * struct kvpool_link_info - A link as it is now
 * @peer:	id of the peer
 * @id:		id of the link, from 1, unique within the peer
 * @state:	enum kvpool_link_state
 * @queues:	queue pairs that are up
 * @close_reason: enum kvpool_close: why a queue pair last ended
 * @last_error:	negative errno that came with it, or zero
 * @inflight:	requests sent and not answered
 * @rate:	bytes per second that it carried when last busy
 * @requests:	requests answered
 * @bytes_in:	bytes fetched
 * @bytes_out:	bytes pushed
 * @errors:	queue pairs that ended without a command of this host
 * @reconnects:	queue pairs connected again
 * @dst:	address of the peer
 * @src:	address here, of family AF_UNSPEC if none was given
 * @ibdev:	RDMA device in use, empty while there is none
 */
struct kvpool_link_info {
	u32 peer;
	u32 id;
	u32 state;
	u32 queues;
	u32 close_reason;
	s32 last_error;
	u32 inflight;
	u64 rate;
	u64 requests;
	u64 bytes_in;
	u64 bytes_out;
	u64 errors;
	u64 reconnects;
	struct sockaddr_storage dst;
	struct sockaddr_storage src;
	char ibdev[KVPOOL_IBDEV_NAME];
};

/**
 * struct kvpool_link - One way to a peer
 * @peer:	with a reference
 * @peer_id:	number of the peer
 * @peer_name:	its name, for messages
 * @id:		number of the link
 * @dst:	address there
 * @src:	address here, or of family AF_UNSPEC
 * @dead:	it is being deleted
 * @notify_lock: protects @state and @told, and keeps events in their order
 * @state:	as the last event reported it
 * @told:	reason in the latest message to the log; KVPOOL_CLOSE_NONE if that
 *		was that it is up, KVPOOL_NR_CLOSES before the first message
 * @watch_work:	asks silent peers whether they live
 * @watch_soon:	it is due soon; racy by intent
 * @heard:	jiffies when the last message came
 * @inflight:	bytes of requests sent and not answered
 * @rate:	KiB per second, smoothed; racy by intent
 * @last_done:	when the last answer came, in ns; likewise
 * @errors:	queue pairs that ended without a command of this host
 * @reconnects:	queue pairs connected again
 * @reason:	enum kvpool_close: why a queue pair ended last
 * @error:	negative errno that came with it
 * @ibdev:	name of the device
 * @nr_queues:	length of @queues
 * @queues:	its queue pairs
 */
struct kvpool_link {
	struct kvpool_peer *peer;
	u32 peer_id;
	const char *peer_name;
	u32 id;
	struct sockaddr_storage dst;
	struct sockaddr_storage src;
	bool dead;
	struct mutex notify_lock;	/* see above */
	enum kvpool_link_state state;
	int told;
	struct delayed_work watch_work;
	bool watch_soon;
	unsigned long heard;
	atomic64_t inflight;
	u64 rate;
	u64 last_done;
	atomic_t errors;
	atomic_t reconnects;
	int reason;
	int error;
	char ibdev[KVPOOL_IBDEV_NAME];
	unsigned int nr_queues;
	struct kvpool_queue queues[];
};

void kvpool_link_read(struct kvpool_link *link, struct kvpool_link_info *info);
void kvpool_link_notify(struct kvpool_link *link);
bool kvpool_link_is_up(const struct kvpool_link *link);
bool kvpool_link_earlier(const struct kvpool_link *a,
			 const struct kvpool_link *b);
struct kvpool_queue *kvpool_link_queue(struct kvpool_link *link);
void kvpool_link_sample(struct kvpool_link *link, u32 bytes, u64 sent);
void kvpool_link_retry(struct kvpool_link *link);

#endif /* _KVPOOL_FABRIC_LINK_H */
