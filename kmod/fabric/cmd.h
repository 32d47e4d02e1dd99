/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_CMD_H
#define _KVPOOL_FABRIC_CMD_H

#include <linux/list.h>
#include <linux/scatterlist.h>
#include <rdma/ib_verbs.h>
#include <rdma/rw.h>

#include "fabric/buffer.h"
#include "fabric/wire.h"

#define KVPOOL_INLINE_SG	32

struct kvpool_block;
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
 * struct kvpool_cmd - A request of another host
 * @entry:	in session->free, session->waiting or session->later
 * @session:	where it came
 * @recv:	its capsule, until it is answered
 * @message:	what was decoded of it
 * @tenant:	the tenant that it names, with a reference, or NULL
 * @response:	the answer
 * @send_wr:	sends it
 * @read_cqe:	completion of RDMA READ
 * @reading:	PUSH: it reads, and answers later
 * @counted:	it counts in session->outstanding
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
		struct kvpool_push *pushes[KVPOOL_WIRE_SEGS_MAX];
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

#endif /* _KVPOOL_FABRIC_CMD_H */
