/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of kvpool_rdma.ko share.
 *
 * Lock order, outermost first. None but the first is held while an operation is
 * completed. The first two are outside of the core's locks, and inside of the
 * last two only the chunks of an arena are looked at:
 *
 *	kvpool_fabric_mutex		(rdma.c)
 *	kvpool_target_lock		(target.c)
 *	kvpool_conn.lock
 *	kvpool_peer.lock
 *	kvpool_queue.lock
 *
 * kvpool_host.lock nests in the first two and has none inside. kvpool_ibdevs_lock
 * (rdma.c) and kvpool_secret_lock (auth.c) nest in none and have none inside.
 */
#ifndef _KVPOOL_RDMA_H
#define _KVPOOL_RDMA_H

#include <linux/completion.h>
#include <linux/refcount.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>
#include <rdma/rw.h>

#include "kvpool.h"
#include "fabric/fabric.h"
#include "fabric/wire.h"

/* Requests in flight on a queue pair, wanted and granted. */
#define KVPOOL_CREDITS		32
/* Beyond the requests: AUTH or ALIVE, and one to spare. */
#define KVPOOL_CREDITS_EXTRA	2
#define KVPOOL_MAX_QUEUES	8	/* of a link */
#define KVPOOL_MAX_SG		128	/* pieces of memory of one request */
#define KVPOOL_MAX_REQUEST	SZ_1M	/* bytes of one request */
#define KVPOOL_MIN_SLICE	SZ_128K	/* of a block that is divided */

/*
 * 2^16 times 4.096 us, so that with the retries a dead path is seen in two
 * seconds, where nothing else tells of it earlier. Shorter ones are mistaken
 * where soft RDMA has to share its CPU.
 */
#define KVPOOL_ACK_TIMEOUT	16
#define KVPOOL_RETRY		6	/* 7 is for ever, with rxe */
#define KVPOOL_RNR_TIMER	14	/* about 1 ms */

#define KVPOOL_CM_TIMEOUT_MS	2000	/* one step of connecting */
#define KVPOOL_BACKOFF_MIN_MS	100
#define KVPOOL_BACKOFF_MAX_MS	10000
#define KVPOOL_STALL_MS		100	/* no answer: ask whether it lives */
#define KVPOOL_IDLE_MS		5000	/* nothing to ask for: likewise */
#define KVPOOL_SILENT_MS	5000	/* no answer to that: it is dead */
#define KVPOOL_SUSPECT_MS	500	/* likewise, but the peer's other links live */
#define KVPOOL_HOLD_MS		200	/* from a transport error to the next packet */
#define KVPOOL_LASTED_MS	1000	/* a connection this old was no mistake */
#define KVPOOL_FENCE_MS		50	/* a cancelled request may end by itself */
#define KVPOOL_SESSION_MS	30000	/* the target closes silent sessions */

extern struct workqueue_struct *kvpool_rdma_wq;		/* fences; nothing blocks */
extern struct workqueue_struct *kvpool_connect_wq;	/* connects, takes down */
extern struct workqueue_struct *kvpool_serve_wq;	/* the target's AUTH and PUT */
extern struct mutex kvpool_fabric_mutex;	/* control calls */
extern u8 kvpool_fabric_host[KVPOOL_WIRE_HOST];

/* ---- who may still post to a queue pair: rdma.c ---- */

struct kvpool_gate {
	refcount_t users;
	struct completion idle;
};

void kvpool_gate_open(struct kvpool_gate *gate);
void kvpool_gate_close(struct kvpool_gate *gate);

static inline bool kvpool_gate_enter(struct kvpool_gate *gate)
{
	return refcount_inc_not_zero(&gate->users);
}

static inline void kvpool_gate_leave(struct kvpool_gate *gate)
{
	if (refcount_dec_and_test(&gate->users))
		complete(&gate->idle);
}

/* ---- RDMA devices: rdma.c ---- */

/**
 * struct kvpool_ibdev - an RDMA device that can be used
 * @entry:	in the list of all
 * @ib:		the device
 * @pd:		of the target's queue pairs; no memory is registered in it
 * @gone:	it is going away: whoever has begun to use it has to stop
 * @users:	queue pairs, and one for the registration with the core
 * @handler:	hears of its ports
 */
struct kvpool_ibdev {
	struct list_head entry;
	struct ib_device *ib;
	struct ib_pd *pd;
	bool gone;
	struct kvpool_gate users;
	struct ib_event_handler handler;
};

struct kvpool_ibdev *kvpool_ibdev_get(struct ib_device *ib);
void kvpool_ibdev_put(struct kvpool_ibdev *dev);

/* ---- buffers of messages: rdma.c ---- */

struct kvpool_buffer {
	struct ib_cqe cqe;
	struct ib_sge sge;
	void *data;
	size_t size;
	enum dma_data_direction dir;
};

int kvpool_buffer_init(struct kvpool_buffer *buffer, struct ib_pd *pd,
		       size_t size, enum dma_data_direction dir);
void kvpool_buffer_exit(struct kvpool_buffer *buffer, struct ib_pd *pd);
int kvpool_buffer_recv(struct kvpool_buffer *buffer, struct ib_qp *qp);

/* ---- what the initiator does: initiator.c ---- */

struct kvpool_job;
struct kvpool_peer;
struct kvpool_queue;

/* Bytes of a job that are to be asked for. */
struct kvpool_range {
	struct list_head entry;		/* peer->pending or ->resting */
	struct list_head of_job;	/* job->ranges */
	struct kvpool_job *job;
	u32 offset;
	u32 length;
};

/**
 * struct kvpool_job - an operation of the core, or a DROP of our own
 * @refs:	one until it has ended, and whoever looks at it
 * @xfer:	the operation, or NULL
 * @peer:	whom it asks now, with a reference
 * @opcode:	enum kvpool_wire_opcode
 * @any:	the next peer is asked if this one does not have it
 * @answered:	a peer has answered
 * @status:	0, or the first error
 * @pending:	ranges and parts in requests that have not ended, and one for
 *		whoever starts it
 * @sent:	the peer may have seen a part of it
 * @returns:	queue pairs that failed under it since a part was done; racy
 *		by intent
 * @death:	number of the latest death of one, also by a fence; likewise
 * @again:	how often it has begun anew with this peer
 * @due:	jiffies when it does
 * @cancelled:	jiffies when it was cancelled, or zero
 * @found:	length of the peer's block
 * @generation:	GET: of the peer's block, zero before the first answer
 * @bytes:	moved
 * @put:	number of a PUT
 * @tenant:	name of the tenant
 * @key:	of the block
 * @block_length: its bytes
 * @ranges:	what is to be asked for; peer->lock
 * @first:	the first range
 * @rcu:	to free it after the last reader of xfer->priv
 * @names:	what @tenant and @key point to where there is no @xfer
 */
struct kvpool_job {
	refcount_t refs;
	struct kvpool_xfer *xfer;
	struct kvpool_peer *peer;
	u8 opcode;
	bool any;
	bool answered;
	int status;
	atomic_t pending;
	bool sent;
	unsigned int returns;
	int death;
	unsigned int again;
	unsigned long due;
	unsigned long cancelled;
	u32 found;
	atomic64_t generation;
	atomic_t bytes;
	u64 put;
	const char *tenant;
	const struct kvpool_key *key;
	u32 block_length;
	struct list_head ranges;
	struct kvpool_range first;
	struct rcu_head rcu;
	struct {
		struct kvpool_key key;
		char tenant[KVPOOL_NAME_SIZE];
	} names[];
};

/* A part of a job in a request. */
struct kvpool_part {
	struct kvpool_job *job;		/* NULL: it did not wait for the answer */
	u32 offset;
	u32 length;
	u32 status;
	u32 found;
	u64 generation;
};

/**
 * struct kvpool_request - a request that has, or had, a credit
 * @entry:	in queue->free
 * @queue:	whose it is
 * @id:		as on the wire; its lower half is the index in queue->requests
 * @busy:	it has the credit, and has not ended; queue->lock
 * @answered:	no response is waited for; queue->lock
 * @refs:	its send and its response
 * @max_bytes:	that @mr can register
 * @opcode:	enum kvpool_wire_opcode
 * @nr_parts:	length of @parts
 * @nr_sg:	length of @sg, zero if no memory is registered
 * @nr_mapped:	what is left of them after mapping for DMA
 * @bytes:	of all parts
 * @sent:	when, in ns
 * @mr:		registers @sg
 * @capsule:	what is sent
 * @reg_wr:	registers, then
 * @send_wr:	sends
 * @reg_cqe:	completion of @reg_wr, if it fails
 * @parts:	what is asked for
 * @sg:		the memory
 */
struct kvpool_request {
	struct list_head entry;
	struct kvpool_queue *queue;
	u32 id;
	bool busy;
	bool answered;
	refcount_t refs;
	u32 max_bytes;
	u8 opcode;
	u16 nr_parts;
	u32 nr_sg;
	u32 nr_mapped;
	u32 bytes;
	u64 sent;
	struct ib_mr *mr;
	struct kvpool_buffer capsule;
	struct ib_reg_wr reg_wr;
	struct ib_send_wr send_wr;
	struct ib_cqe reg_cqe;
	struct kvpool_part parts[KVPOOL_WIRE_SEGS_MAX];
	struct scatterlist sg[KVPOOL_MAX_SG];
};

int kvpool_jobs_init(void);
void kvpool_jobs_exit(void);
void kvpool_initiator_submit(struct list_head *xfers);
void kvpool_initiator_cancel(struct kvpool_xfer *xfer);
void kvpool_job_less(struct kvpool_job *job);
void kvpool_job_error(struct kvpool_job *job, int status);
struct kvpool_range *kvpool_range_alloc(struct kvpool_job *job);
void kvpool_range_free(struct kvpool_range *range);
void kvpool_range_unlink(struct kvpool_peer *peer, struct kvpool_range *range);
void kvpool_ranges_end(struct list_head *ranges);
void kvpool_ranges_fail(struct kvpool_peer *peer, int status);
void kvpool_fence_work(struct work_struct *work);
void kvpool_rest_work(struct work_struct *work);

/* ---- requests: request.c ---- */

void kvpool_requests_send(struct kvpool_peer *peer);
void kvpool_send_work(struct work_struct *work);
void kvpool_request_response(struct kvpool_queue *queue,
			     const void *data, struct ib_wc *wc,
			     const struct kvpool_wire_message *message);
void kvpool_requests_return(struct kvpool_queue *queue);
int kvpool_request_init(struct kvpool_request *request,
			struct kvpool_queue *queue, unsigned int index);
void kvpool_request_exit(struct kvpool_request *request);

/* ---- peers: peer.c ---- */

/**
 * struct kvpool_peer - a host that is asked for blocks
 * @refs:	one while it is known, one for each job, and whoever looks
 * @id:		number
 * @name:	given by the administrator
 * @lock:	protects what follows
 * @gone:	it has been deleted: takes no jobs
 * @links:	its links, some NULL
 * @next_link:	id of the next link
 * @pending:	ranges to be asked for, in their order
 * @resting:	ranges of jobs that begin anew when they are due
 * @queued:	the bytes of both
 * @requests:	operations done
 * @failed:	those that failed for want of a link or by the peer's fault
 * @bytes_in:	fetched
 * @bytes_out:	pushed
 * @send_work:	sends what others could not
 * @rest_work:	sends what has rested
 * @fence_work:	looks for cancelled jobs that do not end
 * @rcu:	to free it after the last reader of the table of peers
 */
struct kvpool_peer {
	refcount_t refs;
	u32 id;
	char name[KVPOOL_PEER_NAME];
	spinlock_t lock;	/* what follows */
	bool gone;
	struct kvpool_link *links[KVPOOL_MAX_LINKS];
	u32 next_link;
	struct list_head pending;
	struct list_head resting;
	u64 queued;
	u64 requests;
	u64 failed;
	u64 bytes_in;
	u64 bytes_out;
	struct work_struct send_work;
	struct delayed_work rest_work;
	struct delayed_work fence_work;
	struct rcu_head rcu;
};

struct kvpool_peer *kvpool_peer_find(u32 id);
struct kvpool_peer *kvpool_peer_after(u32 id);
void kvpool_peer_put(struct kvpool_peer *peer);
struct kvpool_request *kvpool_peer_credit(struct kvpool_peer *peer);
struct kvpool_queue *kvpool_peer_queue_after(const struct kvpool_peer *peer,
					     const struct kvpool_queue *queue);
bool kvpool_peer_hopeless(struct kvpool_peer *peer);
void kvpool_peers_exit(void);
void kvpool_peers_fail(struct kvpool_ibdev *dev, u32 port, int reason,
		       int error);
void kvpool_peers_retry(void);
bool kvpool_peer_heard(struct kvpool_peer *peer, const struct kvpool_link *not,
		       unsigned long *heard);
bool kvpool_peer_agrees(struct kvpool_peer *peer,
			const struct kvpool_queue *queue);

/* ---- links: link.c ---- */

enum kvpool_queue_state {
	KVPOOL_QUEUE_DOWN,	/* waits to try again */
	KVPOOL_QUEUE_CONNECTING,
	KVPOOL_QUEUE_UP,
	KVPOOL_QUEUE_DRAINING,	/* is fenced, then taken down */
};

/**
 * struct kvpool_queue - a queue pair to a peer
 * @link:	whose it is
 * @index:	which of the link's
 * @work:	connects it and takes it down; nothing else does either
 * @fence_work:	ends its requests once it is DRAINING, then queues @work
 * @lock:	protects @state, @reason, @error, @failures, @free and the counts
 * @state:	enum kvpool_queue_state
 * @reason:	enum kvpool_close: why it is being taken down, or was
 * @error:	negative errno that came with it, or zero
 * @failures:	attempts to connect since it was up for long enough
 * @was_up:	it has been
 * @fenced:	nothing uses the queue pair any more
 * @heeded:	the peer has answered something since it came up
 * @since:	jiffies when it came up
 * @gate:	who posts to it; open while there is a queue pair
 * @dev:	the device
 * @port:	of the device
 * @pd:		its own, so that no other peer reaches its memory
 * @cm_id:	the connection, and the queue pair in it
 * @cq:		of sends and receives
 * @nr_cqe:	what was taken of @cq
 * @event:	the connection manager has an answer
 * @terms:	what was agreed
 * @asked:	as it was sent
 * @given:	as it was received
 * @proof:	of the target, as received
 * @requests:	one for each credit
 * @nr_requests: their number
 * @free:	those that are free
 * @inflight:	those that are not
 * @responses:	buffers
 * @nr_responses: their number
 * @alive:	the capsule of AUTH and of ALIVE
 * @alive_sent:	jiffies when it was sent, or zero if it has been answered
 * @alive_busy:	its send has not completed
 * @heard:	jiffies when something came
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
	bool heeded;
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
	struct kvpool_wire_connect asked;
	struct kvpool_wire_accept given;
	u8 proof[KVPOOL_WIRE_PROOF];

	struct kvpool_request **requests;
	unsigned int nr_requests;
	struct list_head free;
	unsigned int inflight;
	struct kvpool_buffer *responses;
	unsigned int nr_responses;
	struct kvpool_buffer alive;
	unsigned long alive_sent;
	bool alive_busy;
	unsigned long heard;

	u64 nr_done;
	u64 bytes_in;
	u64 bytes_out;
};

/**
 * struct kvpool_link - one way to a peer
 * @peer:	with a reference
 * @id:		number
 * @dst:	address there
 * @src:	address here, or of family AF_UNSPEC
 * @dead:	it is being deleted
 * @notify_lock: protects @state, and that events come in its order
 * @state:	as the last event said
 * @alive_work:	asks whether the peer is there
 * @brisk:	it is due soon; racy by intent
 * @heard:	jiffies when something came
 * @inflight:	bytes of requests sent and not answered
 * @rate:	KiB per second, smoothed; racy by intent
 * @last_done:	when the last answer came, in ns; likewise
 * @errors:	queue pairs that ended and were not told to
 * @reconnects:	queue pairs connected again
 * @reason:	enum kvpool_close: why one ended last
 * @error:	negative errno that came with it
 * @ibdev:	name of the device
 * @nr_queues:	length of @queues
 * @queues:	its queue pairs
 */
struct kvpool_link {
	struct kvpool_peer *peer;
	u32 id;
	struct sockaddr_storage dst;
	struct sockaddr_storage src;
	bool dead;
	struct mutex notify_lock;	/* see above */
	enum kvpool_link_state state;
	struct delayed_work alive_work;
	bool brisk;
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

/* All queue pairs of a peer, whose lock is held. */
#define kvpool_peer_each_queue(peer, queue)				\
	for ((queue) = kvpool_peer_queue_after(peer, NULL); (queue);	\
	     (queue) = kvpool_peer_queue_after(peer, queue))

struct kvpool_link *kvpool_link_new(struct kvpool_peer *peer,
				    const struct sockaddr_storage *dst,
				    const struct sockaddr_storage *src);
void kvpool_link_start(struct kvpool_link *link);
void kvpool_link_free(struct kvpool_link *link);
void kvpool_link_read(struct kvpool_link *link, struct kvpool_link_info *info);
void kvpool_queue_fail(struct kvpool_queue *queue, int reason, int error);
void kvpool_queue_retry(struct kvpool_queue *queue);

/* ---- the target: target.c ---- */

#define KVPOOL_MAX_CONNS	512	/* that others have made */
#define KVPOOL_MAX_STRANGERS	64	/* of them without a proof yet */
#define KVPOOL_STRANGER_MS	5000	/* how long they may be */
#define KVPOOL_INLINE_SG	32

/**
 * struct kvpool_host - another host, which has connections to this one
 * @entry:	in the list of all; kvpool_target_lock
 * @refs:	its connections; kvpool_target_lock
 * @id:		what it says that it is
 * @begin:	held while a block is being reserved; outside of the core's locks
 * @lock:	protects @puts and their progress
 * @puts:	blocks that it pushes
 * @nr_puts:	how many
 */
struct kvpool_host {
	struct list_head entry;
	unsigned int refs;
	u8 id[KVPOOL_WIRE_HOST];
	struct mutex begin;	/* new puts, one at a time */
	spinlock_t lock;	/* puts */
	struct list_head puts;
	unsigned int nr_puts;
};

/* A buffer for capsules, and its place in the backlog. */
struct kvpool_recv {
	struct kvpool_buffer buffer;
	struct list_head entry;
	u32 length;
};

enum kvpool_conn_state {
	KVPOOL_CONN_STRANGER,	/* has not proved that it knows the secret */
	KVPOOL_CONN_LIVE,
	KVPOOL_CONN_CLOSING,
};

/**
 * struct kvpool_conn - a queue pair that another host connected
 * @entry:	in the list of all; kvpool_target_lock
 * @id:		number
 * @host:	whose it is
 * @src:	its address
 * @cm_id:	the connection, and the queue pair in it
 * @dev:	the device
 * @cq:		of sends and receives
 * @nr_cqe:	what was taken of @cq
 * @gate:	who posts to it
 * @lock:	protects @state, @reason, @auth_seen, @room and the lists
 * @state:	enum kvpool_conn_state
 * @reason:	enum kvpool_close
 * @work:	fences it, then
 * @end_work:	disconnects and frees it
 * @serve_work:	begins what is in @later
 * @terms:	what was agreed
 * @asked:	as it was received
 * @given:	as it was sent
 * @auth_seen:	AUTH has come
 * @room:	work requests that the send queue takes yet
 * @max_room:	when it is empty
 * @outstanding: requests that have not been answered
 * @free:	commands that are
 * @waiting:	commands that wait for room in the send queue
 * @backlog:	capsules that wait for a command
 * @later:	commands that may sleep for long: AUTH and PUT
 * @recvs:	buffers for capsules
 * @cmds:	commands
 * @nr_recvs:	those that are initialised
 * @nr_cmds:	likewise
 * @born:	jiffies when it was made
 * @heard:	jiffies when something came
 * @requests:	answered
 * @bytes_in:	received
 * @bytes_out:	served
 */
struct kvpool_conn {
	struct list_head entry;
	u64 id;
	struct kvpool_host *host;
	struct sockaddr_storage src;
	struct rdma_cm_id *cm_id;
	struct kvpool_ibdev *dev;
	struct ib_cq *cq;
	unsigned int nr_cqe;
	struct kvpool_gate gate;
	spinlock_t lock;	/* see above */
	enum kvpool_conn_state state;
	int reason;
	struct work_struct work;
	struct delayed_work end_work;
	struct work_struct serve_work;
	struct kvpool_wire_terms terms;
	struct kvpool_wire_connect asked;
	struct kvpool_wire_accept given;
	bool auth_seen;
	unsigned int room;
	unsigned int max_room;
	atomic_t outstanding;
	struct list_head free;
	struct list_head waiting;
	struct list_head backlog;
	struct list_head later;
	struct kvpool_recv *recvs;
	struct kvpool_cmd *cmds;
	unsigned int nr_recvs;
	unsigned int nr_cmds;
	unsigned long born;
	unsigned long heard;
	atomic64_t requests;
	atomic64_t bytes_in;
	atomic64_t bytes_out;
};

void kvpool_target_exit(void);
void kvpool_target_remove(struct kvpool_ibdev *dev);
void kvpool_target_check(void);
void kvpool_conn_close(struct kvpool_conn *conn, int reason);

/* ---- requests of others: serve.c ---- */

/* One RDMA WRITE or READ, of as many work requests as it takes. */
struct kvpool_move {
	struct rdma_rw_ctx ctx;
	struct scatterlist *sg;
	u32 nr_sg;
	u64 address;	/* in the initiator's terms */
};

/**
 * struct kvpool_cmd - a request of another host
 * @entry:	in conn->free, conn->waiting or conn->later
 * @conn:	where it came
 * @recv:	its capsule, until it is answered
 * @message:	what was read of it
 * @tenant:	whose blocks it names, or NULL
 * @response:	the answer
 * @send_wr:	sends it
 * @read_cqe:	completion of RDMA READ
 * @reading:	PUT: it reads, and answers later
 * @counted:	in conn->outstanding
 * @nr_wrs:	work requests that it takes
 * @taken:	those that it has
 * @served:	GET: blocks whose end it moves
 * @bytes:	GET: that it moves
 * @nr_moves:	length of @moves
 * @moves:	what is moved
 * @move:	for @moves, where that is one
 * @sg:		the memory
 * @inline_sg:	for @sg, where that is enough
 * @blocks:	GET: the block of each segment, or NULL
 * @puts:	PUT: what each segment belongs to, or NULL
 */
struct kvpool_cmd {
	struct list_head entry;
	struct kvpool_conn *conn;
	struct kvpool_recv *recv;
	struct kvpool_wire_message message;
	struct kvpool_tenant *tenant;
	struct kvpool_buffer response;
	struct ib_send_wr send_wr;
	struct ib_cqe read_cqe;
	bool reading;
	bool counted;
	unsigned int nr_wrs;
	unsigned int taken;
	unsigned int served;
	u32 bytes;
	unsigned int nr_moves;
	struct kvpool_move *moves;
	struct kvpool_move move;
	struct scatterlist *sg;
	struct scatterlist inline_sg[KVPOOL_INLINE_SG];
	union {
		struct kvpool_block *blocks[KVPOOL_WIRE_SEGS_MAX];
		struct kvpool_put *puts[KVPOOL_WIRE_SEGS_MAX];
	};
};

void kvpool_serve_work(struct work_struct *work);
int kvpool_cmd_init(struct kvpool_cmd *cmd, struct kvpool_conn *conn);
void kvpool_cmd_exit(struct kvpool_cmd *cmd);
void kvpool_conn_receive(struct kvpool_conn *conn, struct kvpool_recv *recv,
			 u32 length);
void kvpool_conn_flush(struct kvpool_conn *conn);

/* ---- blocks that others push: put.c ---- */

#define KVPOOL_MAX_PUTS		256	/* of one host at a time */
#define KVPOOL_PUT_MS		10000	/* without progress */

/**
 * struct kvpool_put - a block that another host pushes
 * @entry:	in host->puts
 * @id:		the other host's number for it
 * @tenant:	whose block; attached
 * @block:	the reservation
 * @users:	segments that are being read
 * @missing:	pages that have not been read
 * @dropped:	it will not be completed
 * @stamp:	jiffies of the latest progress
 * @have:	a bit for each page that has been read
 *
 * All but @tenant, @block and @id are protected by host->lock.
 */
struct kvpool_put {
	struct list_head entry;
	u64 id;
	struct kvpool_tenant *tenant;
	struct kvpool_block *block;
	unsigned int users;
	u32 missing;
	bool dropped;
	unsigned long stamp;
	unsigned long have[];
};

int kvpool_put_begin(struct kvpool_host *host, struct kvpool_tenant *tenant,
		     const struct kvpool_wire_part *part,
		     struct kvpool_put **out, u32 *length);
int kvpool_put_end(struct kvpool_host *host, struct kvpool_put *put,
		   const struct kvpool_wire_part *part, bool ok, bool *sealed);
void kvpool_put_drop(struct kvpool_host *host, u64 id);
void kvpool_puts_expire(struct kvpool_host *host, unsigned long ms);

/* ---- the secret: auth.c ---- */

bool kvpool_auth_open(void);
bool kvpool_auth_ready(void);
int kvpool_auth_proof(bool target, const struct kvpool_wire_connect *asked,
		      const struct kvpool_wire_accept *given, u8 *proof);
bool kvpool_auth_equal(const u8 *a, const u8 *b);
void kvpool_auth_exit(void);

#endif /* _KVPOOL_RDMA_H */
