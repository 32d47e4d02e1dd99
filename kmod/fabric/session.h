/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_SESSION_H
#define _KVPOOL_FABRIC_SESSION_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>

#include "fabric/buffer.h"
#include "fabric/gate.h"
#include "fabric/ibdev.h"
#include "fabric/wire.h"

struct kvpool_cmd;
struct kvpool_host;

/**
 * struct kvpool_session_info - A session as it is now
 * @id:		from 1, never used again
 * @src:	address of the host
 * @host:	identity that it claims
 * @authenticated: it proved that it knows the secret
 * @requests:	requests answered
 * @bytes_in:	bytes received by PUSH
 * @bytes_out:	bytes sent by FETCH
 * @close_reason: enum kvpool_close, KVPOOL_CLOSE_NONE while it is open
 */
struct kvpool_session_info {
	u64 id;
	struct sockaddr_storage src;
	u8 host[KVPOOL_WIRE_HOST];
	bool authenticated;
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
 * @KVPOOL_SESSION_STRANGER:	the host has not proved that it knows the secret
 * @KVPOOL_SESSION_LIVE:	requests are served
 * @KVPOOL_SESSION_CLOSING:	it is fenced, then taken down
 */
enum kvpool_session_state {
	KVPOOL_SESSION_STRANGER,
	KVPOOL_SESSION_LIVE,
	KVPOOL_SESSION_CLOSING,
};

/**
 * struct kvpool_session - A queue pair that another host connected
 * @entry:	in the list of all
 * @id:		number
 * @host:	the host that connected it
 * @src:	its address
 * @cm_id:	the connection, and the queue pair in it
 * @dev:	the device
 * @cq:		of sends and receives
 * @nr_cqe:	entries that were taken of @cq
 * @gate:	tasks that post to it
 * @lock:	protects @state, @reason, @auth_seen, @room and the lists
 * @state:	enum kvpool_session_state
 * @reason:	enum kvpool_close
 * @work:	fences it, then
 * @end_work:	disconnects and frees it
 * @serve_work:	begins the commands in @later
 * @start:	begins a command that waited in @backlog; the gate is entered
 * @terms:	what was agreed
 * @connect:	what was received to connect
 * @accept:	what was sent in reply
 * @auth_seen:	AUTH has come
 * @room:	work requests that the send queue still takes
 * @max_room:	when it is empty
 * @outstanding: requests that have not been answered
 * @free:	commands that are free
 * @waiting:	commands that wait for room in the send queue
 * @backlog:	capsules that wait for a command
 * @later:	commands that may sleep for long: AUTH and PUSH
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
	enum kvpool_session_state state;
	int reason;
	struct work_struct work;
	struct delayed_work end_work;
	struct work_struct serve_work;
	void (*start)(struct kvpool_cmd *cmd);
	struct kvpool_wire_terms terms;
	struct kvpool_wire_connect connect;
	struct kvpool_wire_accept accept;
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

void kvpool_session_close(struct kvpool_session *session, int reason);
int kvpool_session_admit(void);
void kvpool_session_unadmit(void);
int kvpool_session_enter(struct kvpool_session *session,
			 const struct rdma_conn_param *asked);
void kvpool_session_settle(struct kvpool_session *session);
void kvpool_session_linger(struct kvpool_session *session);
void kvpool_session_leave(struct kvpool_session *session);
int kvpool_session_next(u64 after, struct kvpool_session_info *info);
void kvpool_sessions_close(struct kvpool_ibdev *dev);
void kvpool_sessions_exit(void);
void kvpool_session_count(int reason);
u64 kvpool_session_closes(int reason);

#endif /* _KVPOOL_FABRIC_SESSION_H */
