/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_CMD_H
#define _KVPOOL_FABRIC_CMD_H

#include <linux/list.h>
#include <linux/scatterlist.h>
#include <rdma/ib_verbs.h>
#include <rdma/rw.h>

#include "xfer/export.h"

#include "fabric/buffer.h"
#include "fabric/wire.h"

#define KVPOOL_CMD_SG		8	/* memory of most requests */
#define KVPOOL_CMD_MS		10000	/* of a session without progress */
#define KVPOOL_CMD_SEGS		36	/* their results fit in 2 KiB */

/* An answer but for the bytes of a block, which are sent from their place. */
#define KVPOOL_CMD_RESPONSE						\
	(sizeof(struct kvpool_wire_response) +				\
	 KVPOOL_CMD_SEGS * sizeof(struct kvpool_wire_result))

struct kvpool_block;
struct kvpool_cmd;
struct kvpool_push;
struct kvpool_recv;
struct kvpool_session;
struct kvpool_tenant;

/**
 * struct kvpool_move - An RDMA WRITE or READ, of one or more work requests
 * @ctx:	its work requests
 * @sg:		memory of this host
 * @nr_sg:	length of @sg
 * @address:	memory of the initiator, in the initiator's terms
 */
struct kvpool_move {
	struct rdma_rw_ctx ctx;
	struct scatterlist *sg;
	u32 nr_sg;
	u64 address;
};

/**
 * struct kvpool_wait - A FETCH that waits until its key is not pending
 * @export:	waits for the core
 * @resume:	goes on with the command; @woken: the key is not pending. The
 *		session's gate has been entered
 * @until:	jiffies when it ends without
 * @busy:	a task is calling the core for it, and looks at what follows then
 * @stop:	it is to end
 * @woken:	the core has woken it
 *
 * @busy, @stop and @woken are protected by session->lock.
 */
struct kvpool_wait {
	struct kvpool_export_wait export;
	void (*resume)(struct kvpool_cmd *cmd, bool woken);
	unsigned long until;
	bool busy;
	bool stop;
	bool woken;
};

/**
 * struct kvpool_cmd - A request of another host
 * @entry:	in session->free, session->waiting, session->later or
 *		session->waits
 * @session:	where it came
 * @recv:	its capsule, until it is answered
 * @message:	what was decoded of it
 * @tenant:	the tenant that it names, with a reference, or NULL
 * @response:	the answer
 * @send_wr:	sends it
 * @sges:	what it sends: @response, and the bytes of an inline FETCH
 * @read_cqe:	completion of RDMA READ
 * @wait:	FETCH: it waits for its key
 * @reading:	PUSH: it reads, and answers later
 * @counted:	it counts in session->outstanding
 * @imm:	FETCH: the bytes, with an immediate, are the answer
 * @mapped:	inline FETCH: @sg is mapped for @sges
 * @nr_wrs:	work requests that it needs
 * @taken:	work requests that it has
 * @served:	FETCH: blocks whose end it moves
 * @bytes:	FETCH: that it moves
 * @nr_moves:	length of @moves
 * @moves:	what is moved
 * @move:	for @moves, if that is one
 * @sg:		the memory
 * @inline_sg:	for @sg, if that is enough
 * @blocks:	FETCH: the block of each segment, or NULL
 * @pushes:	PUSH: the push that each segment belongs to, or NULL
 */
struct kvpool_cmd {
	struct list_head entry;
	struct kvpool_session *session;
	struct kvpool_recv *recv;
	struct kvpool_wire_message message;
	struct kvpool_tenant *tenant;
	struct kvpool_buffer response;
	struct ib_send_wr send_wr;
	struct ib_sge sges[2];
	struct ib_cqe read_cqe;
	struct kvpool_wait wait;
	bool reading;
	bool counted;
	bool imm;
	bool mapped;
	unsigned int nr_wrs;
	unsigned int taken;
	unsigned int served;
	u32 bytes;
	unsigned int nr_moves;
	struct kvpool_move *moves;
	struct kvpool_move move;
	struct scatterlist *sg;
	struct scatterlist inline_sg[KVPOOL_CMD_SG];
	union {
		struct kvpool_block *blocks[KVPOOL_CMD_SEGS];
		struct kvpool_push *pushes[KVPOOL_CMD_SEGS];
	};
};

/**
 * kvpool_cmd_results() - Results in the answer of a command
 * @cmd: the command
 *
 * Return: one result for each segment.
 */
static inline struct kvpool_wire_result *
kvpool_cmd_results(struct kvpool_cmd *cmd)
{
	return ((struct kvpool_wire_response *)cmd->response.data)->results;
}

int kvpool_cmd_init(struct kvpool_cmd *cmd, struct kvpool_session *session);
void kvpool_cmd_exit(struct kvpool_cmd *cmd);
void kvpool_cmd_result(struct kvpool_cmd *cmd, unsigned int i, u32 status,
		       u32 length);
void kvpool_cmd_fail(struct kvpool_cmd *cmd, u32 status);
int kvpool_cmd_map(struct kvpool_cmd *cmd);
void kvpool_cmd_unmap(struct kvpool_cmd *cmd);
void kvpool_cmd_queue(struct kvpool_cmd *cmd);
void kvpool_cmd_answer(struct kvpool_cmd *cmd, size_t length);
void kvpool_cmd_respond(struct kvpool_cmd *cmd);
void kvpool_cmd_refuse(struct kvpool_cmd *cmd, int reason);
void kvpool_cmd_end(struct kvpool_cmd *cmd);
void kvpool_cmds_next(struct kvpool_session *session);
void kvpool_cmd_give_room(struct kvpool_cmd *cmd);
bool kvpool_cmds_stall(struct kvpool_session *session);

#endif /* _KVPOOL_FABRIC_CMD_H */
