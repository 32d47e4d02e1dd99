/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_SESSION_H
#define _KVPOOL_FABRIC_SESSION_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>

#include "fabric/auth.h"
#include "fabric/buffer.h"
#include "fabric/drain.h"
#include "fabric/gate.h"
#include "fabric/host.h"
#include "fabric/ibdev.h"
#include "fabric/wire.h"

struct kvpool_cmd;
struct kvpool_origin;

/*
 * Work requests of a send queue, and how much memory each is gathered from: the
 * largest request needs 52. Soft RDMA takes 512 bytes for each, and its queues
 * hold one less than a power of two.
 */
#define KVPOOL_SESSION_SGES	16
#define KVPOOL_SESSION_WQE	512
#define KVPOOL_SESSION_ROOM	60

static inline unsigned int kvpool_session_wrs(unsigned int credits)
{
	return credits > 2 ? 127 : 63;
}

/*
 * Work requests, beyond those of one request, that rdma_rw adds for each credit.
 * What registers for its reads takes two more. @pages: of each region, or zero.
 */
static inline unsigned int kvpool_session_each(unsigned int pages)
{
	return pages ? 3 : 1;
}

/**
 * struct kvpool_session_info - A session as it is now
 * @id:		from 1, never used again
 * @src:	address of the host
 * @host:	identity that the host claims
 * @name:	its name, or "" before it has said and proved it
 * @authenticated: it proved that it knows a key
 * @memory:	bytes that it takes
 * @credits:	requests that it may have in flight
 * @outstanding: requests that have not been answered
 * @waiting:	of them those that wait for a pending block
 * @requests:	requests answered
 * @bytes_in:	bytes received by PUSH
 * @bytes_out:	bytes sent by FETCH
 * @close_reason: enum kvpool_close, KVPOOL_CLOSE_NONE while it is open
 */
struct kvpool_session_info {
	u64 id;
	struct sockaddr_storage src;
	u8 host[KVPOOL_WIRE_HOST];
	char name[KVPOOL_NAME_SIZE];
	bool authenticated;
	u64 memory;
	u32 credits;
	u32 outstanding;
	u32 waiting;
	u64 requests;
	u64 bytes_in;
	u64 bytes_out;
	u32 close_reason;
};

/**
 * struct kvpool_recv - A buffer for capsules
 * @buffer:	the buffer
 * @entry:	in session->backlog
 * @length:	bytes of the capsule in it
 */
struct kvpool_recv {
	struct kvpool_buffer buffer;
	struct list_head entry;
	u32 length;
};

/**
 * enum kvpool_session_state - Where a session is in its life
 * @KVPOOL_SESSION_ARRIVING:	it has been requested, and is accepted when there
 *				is room
 * @KVPOOL_SESSION_STRANGER:	the host has not proved that it knows the secret
 * @KVPOOL_SESSION_LIVE:	requests are served
 * @KVPOOL_SESSION_CLOSING:	it is fenced, then taken down
 */
enum kvpool_session_state {
	KVPOOL_SESSION_ARRIVING,
	KVPOOL_SESSION_STRANGER,
	KVPOOL_SESSION_LIVE,
	KVPOOL_SESSION_CLOSING,
};

/**
 * struct kvpool_session - A queue pair that another host connected
 * @node:	in the table of all, by @id
 * @id:		number
 * @entry:	in the list of arrivals or strangers of @origin, or of those that
 *		wait for memory
 * @origin:	the address that it comes from
 * @slot:	in the table of its host
 * @host:	the host that connected it, once it has proved who it is
 * @stamp:	what it proved that with
 * @src:	its address
 * @cm_id:	the connection, and the queue pair in it
 * @dev:	the device
 * @pd:		that of the device; with iWARP its own
 * @cq:		of sends and receives
 * @nr_cqe:	entries that were taken of @cq
 * @write_cqe:	completion of an RDMA WRITE that no answer completes
 * @signal_writes: they have one each; see kvpool_cmd_signal()
 * @gate:	tasks that post to it
 * @lock:	protects @state, @reason, @auth_seen, @room, @moved and
 *		the lists
 * @state:	enum kvpool_session_state
 * @reason:	enum kvpool_close
 * @accepting:	its @accept_work runs or will run, and then queues @work
 * @admitted:	it counts among the strangers, or @host is charged for it
 * @charged:	@host is charged for it
 * @accepted:	the connection has been accepted
 * @accept_work: accepts it
 * @work:	fences it, then
 * @end_work:	disconnects and frees it
 * @auth_work:	handles @auth
 * @serve_work:	begins the commands in @later
 * @drain:	the end of its queue pair
 * @stuck:	keeps it if its queue pair has no end
 * @dead:	likewise; completions do not matter any more
 * @start:	begins a command that waited in @backlog; the gate is entered
 * @bytes:	of memory that it takes
 * @room_until: jiffies up to which it waits for so much
 * @room_comes: sessions end for it that have so much
 * @depth:	concurrent RDMA READs that the initiator allows
 * @region_pages: of each memory region, one for each credit; zero if it reads
 *		without
 * @mtu:	the largest path MTU that could have been taken
 * @terms:	what was agreed
 * @connect:	what was received to connect
 * @accept:	what was sent in reply
 * @auth_seen:	AUTH has come
 * @room:	work requests that the send queue still takes
 * @moved:	jiffies when a command was posted to an empty send queue, or
 *		left it
 * @max_room:	when it is empty
 * @outstanding: requests that have not been answered
 * @free:	commands that are free
 * @waiting:	commands that wait for room in the send queue
 * @backlog:	capsules that wait for a command
 * @auth:	AUTH, while @auth_work is to handle it
 * @later:	commands that may sleep for long: PUSH
 * @waits:	commands that wait for a block
 * @nr_waits:	how many
 * @waits_until: jiffies when the first of them ends without
 * @waits_work:	ends those whose time is over
 * @waiters:	commands that wait, or did until just now
 * @recvs:	buffers for capsules
 * @cmds:	commands
 * @nr_recvs:	buffers that are initialised
 * @nr_cmds:	commands that are initialised
 * @born:	jiffies when it was made
 * @heard:	jiffies when the last message came
 * @requests:	answered
 * @bytes_in:	received
 * @bytes_out:	served
 */
struct kvpool_session {
	struct rb_node node;
	u64 id;
	struct list_head entry;
	struct kvpool_origin *origin;
	struct kvpool_slot slot;
	struct kvpool_host *host;
	struct kvpool_auth_stamp stamp;
	struct sockaddr_storage src;
	struct rdma_cm_id *cm_id;
	struct kvpool_ibdev *dev;
	struct ib_pd *pd;
	struct ib_cq *cq;
	unsigned int nr_cqe;
	struct ib_cqe write_cqe;
	bool signal_writes;
	struct kvpool_gate gate;
	spinlock_t lock;	/* see above */
	enum kvpool_session_state state;
	int reason;
	bool accepting;
	bool admitted;
	bool charged;
	bool accepted;
	struct work_struct accept_work;
	struct work_struct work;
	struct delayed_work end_work;
	struct delayed_work auth_work;
	struct work_struct serve_work;
	struct kvpool_drain drain;
	struct kvpool_stuck stuck;
	bool dead;
	void (*start)(struct kvpool_cmd *cmd);
	u64 bytes;
	unsigned long room_until;
	bool room_comes;
	u8 depth;
	unsigned int region_pages;
	u16 mtu;
	struct kvpool_wire_terms terms;
	struct kvpool_wire_connect connect;
	struct kvpool_wire_accept accept;
	bool auth_seen;
	unsigned int room;
	unsigned long moved;
	unsigned int max_room;
	atomic_t outstanding;
	struct list_head free;
	struct list_head waiting;
	struct list_head backlog;
	struct kvpool_cmd *auth;
	struct list_head later;
	struct list_head waits;
	unsigned int nr_waits;
	unsigned long waits_until;
	struct delayed_work waits_work;
	struct kvpool_gate waiters;
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

void kvpool_session_close(struct kvpool_session *session, int reason);
int kvpool_session_enter(struct kvpool_session *session);
void kvpool_session_linger(struct kvpool_session *session);
void kvpool_session_leave(struct kvpool_session *session);
int kvpool_session_end(u64 id);
int kvpool_session_next(u64 after, struct kvpool_session_info *info);
u64 kvpool_sessions_visit(u64 after, unsigned int nr,
			  void (*visit)(struct kvpool_session *session));
void kvpool_sessions_close(void);
void kvpool_sessions_end(void);
void kvpool_sessions_exit(void);
unsigned int kvpool_sessions_nr(void);
void kvpool_session_count(int reason);
u64 kvpool_session_closes(int reason);

#endif /* _KVPOOL_FABRIC_SESSION_H */
