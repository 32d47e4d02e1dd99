// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of other hosts as commands: their memory, the send queue, and their
 * answers. A request takes one of a fixed number of commands, so memory is
 * bounded. serve.c says what a command does.
 */
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/slab.h>

#include "xfer/export.h"

#include "fabric/cmd.h"
#include "fabric/push.h"
#include "fabric/session.h"
#include "fabric/trace.h"

static_assert(sizeof(struct kvpool_wire_response) + KVPOOL_WIRE_KEYS_MAX *
	      sizeof(struct kvpool_wire_found) <= KVPOOL_CMD_RESPONSE);
static_assert(sizeof(struct kvpool_wire_auth) <= KVPOOL_CMD_RESPONSE);

/**
 * kvpool_cmd_result() - Set the result of a segment
 * @cmd: the command
 * @i: index of the segment
 * @status: enum kvpool_wire_status
 * @length: of the block, or zero
 */
void kvpool_cmd_result(struct kvpool_cmd *cmd, unsigned int i, u32 status,
		       u32 length)
{
	const struct kvpool_wire_outcome outcome = {
		.status = status,
		.length = length,
	};

	kvpool_wire_outcome_encode(cmd->response.data, cmd->message.opcode, i,
				   &outcome);
}

/**
 * kvpool_cmd_fail() - Set the same result for all segments
 * @cmd: the command
 * @status: enum kvpool_wire_status
 */
void kvpool_cmd_fail(struct kvpool_cmd *cmd, u32 status)
{
	unsigned int i;

	for (i = 0; i < cmd->message.nr; i++)
		kvpool_cmd_result(cmd, i, status, 0);
}

static bool kvpool_cmd_ok(struct kvpool_cmd *cmd, unsigned int i)
{
	return kvpool_cmd_results(cmd)[i].status ==
	       cpu_to_le32(KVPOOL_WIRE_OK);
}

static enum dma_data_direction kvpool_cmd_dir(const struct kvpool_cmd *cmd)
{
	return cmd->message.opcode == KVPOOL_WIRE_FETCH ? DMA_TO_DEVICE :
							  DMA_FROM_DEVICE;
}

/* Does it name memory of the initiator, which its answer invalidates? */
static bool kvpool_cmd_moves(const struct kvpool_cmd *cmd)
{
	return (cmd->message.opcode == KVPOOL_WIRE_FETCH &&
		!cmd->message.is_inline) ||
	       cmd->message.opcode == KVPOOL_WIRE_PUSH;
}

/* ---- memory ---- */

/**
 * kvpool_cmd_unmap() - Undo kvpool_cmd_map(); no device uses the memory
 * @cmd: the command
 */
void kvpool_cmd_unmap(struct kvpool_cmd *cmd)
{
	struct rdma_cm_id *cm_id = cmd->session->cm_id;
	unsigned int i;

	if (cmd->mapped)
		ib_dma_unmap_sg(cmd->session->dev->ib, cmd->sg, 1,
				DMA_TO_DEVICE);
	cmd->mapped = false;
	for (i = 0; i < cmd->nr_moves; i++)
		rdma_rw_ctx_destroy(&cmd->moves[i].ctx, cm_id->qp,
				    cm_id->port_num, cmd->moves[i].sg,
				    cmd->moves[i].nr_sg, kvpool_cmd_dir(cmd));
	cmd->nr_moves = 0;
	if (cmd->moves != &cmd->move)
		kfree(cmd->moves);
	cmd->moves = &cmd->move;
	if (cmd->sg != cmd->inline_sg)
		kvfree(cmd->sg);
	cmd->sg = cmd->inline_sg;
}

static unsigned int kvpool_cmd_extents(const struct kvpool_cmd *cmd,
				       unsigned int i)
{
	return cmd->message.opcode == KVPOOL_WIRE_FETCH ?
	       kvpool_export_extents(cmd->blocks[i]) :
	       kvpool_push_extents(cmd->pushes[i]);
}

static unsigned int kvpool_cmd_sg(const struct kvpool_cmd *cmd, unsigned int i,
				  struct scatterlist *sg, unsigned int max)
{
	u32 offset = kvpool_wire_part_offset(&cmd->message, i);
	u32 length = kvpool_wire_part_length(&cmd->message, i);
	u32 covered;

	return cmd->message.opcode == KVPOOL_WIRE_FETCH ?
	       kvpool_export_sg(cmd->tenant, cmd->blocks[i], offset, length, sg,
				max, &covered) :
	       kvpool_push_sg(cmd->pushes[i], offset, length, sg, max,
			      &covered);
}

/*
 * The number of moves for all segments that are in order, and the entries of
 * @cmd->sg that they need at most. Segments that are neighbours in the
 * initiator's memory are one move.
 */
static unsigned int kvpool_cmd_count(struct kvpool_cmd *cmd,
				     unsigned int *nr_sg)
{
	unsigned int i, nr = 0;
	bool joined = false;
	u32 length;

	*nr_sg = 0;
	for (i = 0; i < cmd->message.nr; i++) {
		if (!kvpool_cmd_ok(cmd, i)) {
			joined = false;
			continue;
		}
		length = kvpool_wire_part_length(&cmd->message, i);
		nr += !joined;
		*nr_sg += min(kvpool_cmd_extents(cmd, i),
			      kvpool_wire_align(length) / KVPOOL_WIRE_PAGE);
		joined = !(length % KVPOOL_WIRE_PAGE);
	}
	return nr;
}

/* List the memory of all segments that are in order, as they were counted. */
static void kvpool_cmd_list(struct kvpool_cmd *cmd, unsigned int nr_sg)
{
	u64 address = cmd->message.address;
	unsigned int i, n, used = 0, nr = 0;
	struct kvpool_move *move;
	bool joined = false;
	u32 length;

	for (i = 0; i < cmd->message.nr; i++) {
		length = kvpool_wire_part_length(&cmd->message, i);
		if (!kvpool_cmd_ok(cmd, i)) {
			address += kvpool_wire_align(length);
			joined = false;
			continue;
		}
		nr += !joined;
		move = &cmd->moves[nr - 1];
		if (!joined) {
			move->sg = cmd->sg + used;
			move->nr_sg = 0;
			move->address = address;
		}
		n = kvpool_cmd_sg(cmd, i, cmd->sg + used, nr_sg - used);
		move->nr_sg += n;
		used += n;
		address += kvpool_wire_align(length);
		joined = !(length % KVPOOL_WIRE_PAGE);
	}
}

/*
 * Let the answer gather the bytes of an inline FETCH. They begin at a page's
 * begin and are at most a page, so they are in one piece.
 */
static int kvpool_cmd_map_inline(struct kvpool_cmd *cmd)
{
	if (!kvpool_cmd_ok(cmd, 0))
		return 0;
	sg_init_table(cmd->sg, 1);
	kvpool_cmd_sg(cmd, 0, cmd->sg, 1);
	if (!ib_dma_map_sg(cmd->session->dev->ib, cmd->sg, 1, DMA_TO_DEVICE))
		return -ENOMEM;
	cmd->mapped = true;
	cmd->sges[1].addr = sg_dma_address(cmd->sg);
	cmd->sges[1].length = kvpool_wire_part_length(&cmd->message, 0);
	cmd->sges[1].lkey = cmd->session->pd->local_dma_lkey;
	return 0;
}

/**
 * kvpool_cmd_map() - Prepare RDMA for all segments that are in order
 * @cmd: the command, with blocks and results
 *
 * Return: 0 or a negative errno.
 */
int kvpool_cmd_map(struct kvpool_cmd *cmd)
{
	struct rdma_cm_id *cm_id = cmd->session->cm_id;
	unsigned int nr, nr_sg, wrs = 0;
	struct kvpool_move *moves;
	gfp_t gfp = GFP_KERNEL;
	int ret;

	/* Other hosts share the completion queue that a FETCH begins in. */
	if (cmd->message.opcode == KVPOOL_WIRE_FETCH)
		gfp = GFP_NOWAIT;
	gfp |= __GFP_NOWARN;
	if (cmd->message.is_inline)
		return kvpool_cmd_map_inline(cmd);
	nr = kvpool_cmd_count(cmd, &nr_sg);
	if (!nr)
		return 0;
	if (nr > 1) {
		moves = kcalloc(nr, sizeof(*moves), gfp);
		if (!moves)
			return -ENOMEM;
		cmd->moves = moves;
	}
	if (nr_sg > KVPOOL_CMD_SG) {
		cmd->sg = kvmalloc_array(nr_sg, sizeof(*cmd->sg), gfp);
		if (!cmd->sg) {
			cmd->sg = cmd->inline_sg;
			ret = -ENOMEM;
			goto err;
		}
	}
	sg_init_table(cmd->sg, nr_sg);
	kvpool_cmd_list(cmd, nr_sg);

	while (cmd->nr_moves < nr) {
		struct kvpool_move *move = &cmd->moves[cmd->nr_moves];

		ret = rdma_rw_ctx_init(&move->ctx, cm_id->qp, cm_id->port_num,
				       move->sg, move->nr_sg, 0, move->address,
				       cmd->message.rkey, kvpool_cmd_dir(cmd));
		if (ret < 0)
			goto err;
		cmd->nr_moves++;
		wrs += ret;
	}
	/* More than the send queue will ever take? */
	ret = -ENOMEM;
	if (wrs < cmd->session->max_room) {
		cmd->nr_wrs = wrs;
		return 0;
	}
err:
	kvpool_cmd_unmap(cmd);
	return ret;
}

/* ---- room in the send queue ---- */

static void kvpool_cmd_take_room(struct kvpool_cmd *cmd)
{
	struct kvpool_session *session = cmd->session;

	lockdep_assert_held(&session->lock);
	if (session->room == session->max_room)
		session->moved = jiffies;
	cmd->taken = cmd->nr_wrs;
	session->room -= cmd->nr_wrs;
}

/**
 * kvpool_cmd_give_room() - The work requests of a command are complete
 * @cmd: the command; the lock of its session is held
 */
void kvpool_cmd_give_room(struct kvpool_cmd *cmd)
{
	struct kvpool_session *session = cmd->session;

	lockdep_assert_held(&session->lock);
	if (cmd->taken)
		session->moved = jiffies;
	session->room += cmd->taken;
	cmd->taken = 0;
}

/**
 * kvpool_cmds_stall() - Does the other host keep the commands of a session?
 * @session: the session
 *
 * It may answer the device just often enough for the queue pair not to fail.
 *
 * Return: true if something was posted and nothing of it has been completed for
 * KVPOOL_CMD_MS.
 */
bool kvpool_cmds_stall(struct kvpool_session *session)
{
	bool stall;

	spin_lock(&session->lock);
	stall = session->room < session->max_room &&
		time_after(jiffies, session->moved +
				    msecs_to_jiffies(KVPOOL_CMD_MS));
	spin_unlock(&session->lock);
	return stall;
}

/* ---- the end of a command ---- */

/* Release the memory, the blocks and the tenant. */
static void kvpool_cmd_clean(struct kvpool_cmd *cmd)
{
	struct kvpool_tenant *tenant = cmd->tenant;
	unsigned int i, nr = 0;

	kvpool_cmd_unmap(cmd);
	if (!tenant)
		return;
	if (cmd->message.opcode == KVPOOL_WIRE_FETCH) {
		for (i = 0; i < cmd->message.nr; i++)
			if (cmd->blocks[i])
				cmd->blocks[nr++] = cmd->blocks[i];
		kvpool_export_close(tenant, cmd->blocks, nr);
	}
	kvpool_export_tenant_put(tenant);
	cmd->tenant = NULL;
}

/**
 * kvpool_cmd_end() - The answer has been sent, or will not be
 * @cmd: the command; it is free on return
 */
void kvpool_cmd_end(struct kvpool_cmd *cmd)
{
	struct kvpool_session *session = cmd->session;

	trace_kvpool_cmd_end(session->id, cmd->message.id, cmd->message.opcode,
			     cmd->message.nr, cmd->bytes);
	kvpool_cmd_clean(cmd);
	spin_lock(&session->lock);
	kvpool_cmd_give_room(cmd);
	list_add(&cmd->entry, &session->free);
	spin_unlock(&session->lock);
	if (kvpool_gate_enter(&session->gate)) {
		kvpool_cmds_next(session);
		kvpool_gate_leave(&session->gate);
	}
}

static void kvpool_cmd_send_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_cmd *cmd =
		container_of(wc->wr_cqe, struct kvpool_cmd, response.cqe);

	if (READ_ONCE(cmd->session->dead))
		return;
	if (wc->status == IB_WC_SUCCESS) {
		if (cmd->tenant && cmd->message.opcode == KVPOOL_WIRE_FETCH) {
			kvpool_export_served(cmd->tenant, cmd->served,
					     cmd->bytes);
			atomic64_add(cmd->bytes, &cmd->session->bytes_out);
		}
	} else {
		kvpool_session_close(cmd->session, KVPOOL_CLOSE_TRANSPORT);
	}
	kvpool_cmd_end(cmd);
}

/* ---- the send queue ---- */

/* Do the moves end with a completion of their own, and no message follows? */
static bool kvpool_cmd_alone(const struct kvpool_cmd *cmd)
{
	return cmd->reading || (cmd->imm && !cmd->message.is_inline);
}

/* Make the last of the work requests the answer. */
static void kvpool_cmd_make_imm(struct kvpool_cmd *cmd, struct ib_send_wr *wr)
{
	while (wr->next)
		wr = wr->next;
	wr->opcode = IB_WR_RDMA_WRITE_WITH_IMM;
	wr->ex.imm_data = cpu_to_be32(cmd->message.id);
}

/*
 * Have a completion for each RDMA WRITE before the answer. Soft iWARP sends what
 * has none, and is as long as a page, from where it is, and completes the answer
 * as soon as TCP has taken that: the bytes may leave this host later, when the
 * memory belongs to another block. What has a completion it copies.
 */
static void kvpool_cmd_signal(struct kvpool_cmd *cmd, struct ib_send_wr *wr)
{
	for (; wr != &cmd->send_wr; wr = wr->next) {
		if (wr->opcode != IB_WR_RDMA_WRITE)
			continue;
		wr->wr_cqe = &cmd->session->write_cqe;
		wr->send_flags |= IB_SEND_SIGNALED;
	}
}

/* Post what a command has to send; takes over the command. */
static void kvpool_cmd_post(struct kvpool_cmd *cmd)
{
	struct kvpool_session *session = cmd->session;
	struct rdma_cm_id *cm_id = session->cm_id;
	struct ib_send_wr *wr = kvpool_cmd_alone(cmd) ? NULL : &cmd->send_wr;
	struct ib_cqe *cqe = cmd->reading ? &cmd->read_cqe : &cmd->response.cqe;
	struct kvpool_recv *recv = cmd->recv;
	unsigned int i;
	int ret = 0;

	if (!cmd->reading) {
		/* The initiator may send the next when it has the answer. */
		cmd->recv = NULL;
		if (cmd->counted) {
			atomic_dec(&session->outstanding);
			atomic64_inc(&session->requests);
		}
		ret = kvpool_buffer_recv(&recv->buffer, cm_id->qp);
	}
	for (i = cmd->nr_moves; i-- > 0;)
		wr = rdma_rw_ctx_wrs(&cmd->moves[i].ctx, cm_id->qp,
				     cm_id->port_num,
				     wr ? NULL : cqe, wr);
	if (cmd->imm && !cmd->message.is_inline)
		kvpool_cmd_make_imm(cmd, wr);
	else if (session->signal_writes && !cmd->reading)
		kvpool_cmd_signal(cmd, wr);
	ret = ret ?: ib_post_send(cm_id->qp, wr, NULL);
	if (!ret)
		return;
	/* A part of it may have been posted: it ends when that is drained. */
	kvpool_session_close(session, KVPOOL_CLOSE_TRANSPORT);
	spin_lock(&session->lock);
	list_add_tail(&cmd->entry, &session->waiting);
	spin_unlock(&session->lock);
}

/**
 * kvpool_cmd_queue() - Post a command when the send queue has room
 * @cmd: the command, which is taken over; commands keep their order
 */
void kvpool_cmd_queue(struct kvpool_cmd *cmd)
{
	struct kvpool_session *session = cmd->session;
	bool post;

	if (!kvpool_cmd_alone(cmd))
		cmd->nr_wrs++;
	spin_lock(&session->lock);
	post = list_empty(&session->waiting) && session->room >= cmd->nr_wrs;
	if (post)
		kvpool_cmd_take_room(cmd);
	else
		list_add_tail(&cmd->entry, &session->waiting);
	spin_unlock(&session->lock);
	if (post)
		kvpool_cmd_post(cmd);
}

/**
 * kvpool_cmds_next() - Go on with what waited for room or for a command
 * @session: the session; its gate has been entered
 */
void kvpool_cmds_next(struct kvpool_session *session)
{
	struct kvpool_cmd *cmd;
	bool start;

	do {
		start = false;
		spin_lock(&session->lock);
		cmd = list_first_entry_or_null(&session->waiting,
					       struct kvpool_cmd, entry);
		if (session->state == KVPOOL_SESSION_CLOSING) {
			cmd = NULL;
		} else if (cmd && session->room >= cmd->nr_wrs) {
			list_del(&cmd->entry);
			kvpool_cmd_take_room(cmd);
		} else if (!list_empty(&session->backlog) &&
			   !list_empty(&session->free)) {
			cmd = list_first_entry(&session->free,
					       struct kvpool_cmd, entry);
			list_del(&cmd->entry);
			cmd->recv = list_first_entry(&session->backlog,
						     struct kvpool_recv, entry);
			list_del(&cmd->recv->entry);
			start = true;
		} else {
			cmd = NULL;
		}
		spin_unlock(&session->lock);
		if (cmd && start)
			session->start(cmd);
		else if (cmd)
			kvpool_cmd_post(cmd);
	} while (cmd);
}

/* ---- answers ---- */

/**
 * kvpool_cmd_answer() - Send the answer that is in the buffer
 * @cmd: the command, which is taken over
 * @length: bytes of the answer
 */
void kvpool_cmd_answer(struct kvpool_cmd *cmd, size_t length)
{
	cmd->reading = false;
	cmd->sges[0].length = length;
	cmd->send_wr.sg_list = cmd->sges;
	cmd->send_wr.num_sge = cmd->mapped ? 2 : 1;
	cmd->send_wr.opcode = IB_WR_SEND;
	if (kvpool_cmd_moves(cmd)) {
		cmd->send_wr.opcode = IB_WR_SEND_WITH_INV;
		cmd->send_wr.ex.invalidate_rkey = cmd->message.rkey;
	}
	ib_dma_sync_single_for_device(cmd->session->dev->ib,
				      cmd->sges[0].addr, length,
				      DMA_TO_DEVICE);
	kvpool_cmd_queue(cmd);
}

/* Answer with the bytes of an inline FETCH alone. */
static void kvpool_cmd_answer_bare(struct kvpool_cmd *cmd)
{
	cmd->send_wr.sg_list = &cmd->sges[1];
	cmd->send_wr.num_sge = 1;
	cmd->send_wr.opcode = IB_WR_SEND_WITH_IMM;
	cmd->send_wr.ex.imm_data = cpu_to_be32(cmd->message.id);
	kvpool_cmd_queue(cmd);
}

/**
 * kvpool_cmd_respond() - Answer a request with its results
 * @cmd: the command, which is taken over
 */
void kvpool_cmd_respond(struct kvpool_cmd *cmd)
{
	struct kvpool_wire_response *wire = cmd->response.data;
	u16 nr = cmd->message.nr;
	u8 flags = KVPOOL_WIRE_RESPONSE;

	if (cmd->imm) {
		if (cmd->message.is_inline)
			kvpool_cmd_answer_bare(cmd);
		else
			kvpool_cmd_queue(cmd);
		return;
	}
	if (cmd->message.is_inline)
		flags |= KVPOOL_WIRE_INLINE;
	kvpool_wire_header_encode(wire, cmd->message.opcode, flags, nr,
				  cmd->message.id);
	kvpool_cmd_answer(cmd, kvpool_wire_response_length(cmd->message.opcode,
							   nr));
}

/**
 * kvpool_cmd_refuse() - Close the session of a command that broke a rule
 * @cmd: the command, which is taken over
 * @reason: enum kvpool_close
 */
void kvpool_cmd_refuse(struct kvpool_cmd *cmd, int reason)
{
	kvpool_session_close(cmd->session, reason);
	kvpool_cmd_end(cmd);
}

/**
 * kvpool_cmd_init() - Prepare a command
 * @cmd: zeroed
 * @session: the session that it belongs to
 *
 * The caller sets the function of @cmd->read_cqe.
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_cmd_init(struct kvpool_cmd *cmd, struct kvpool_session *session)
{
	int ret;

	ret = kvpool_buffer_init(&cmd->response, session->pd,
				 KVPOOL_CMD_RESPONSE, DMA_TO_DEVICE);
	if (ret)
		return ret;
	cmd->session = session;
	cmd->moves = &cmd->move;
	cmd->sg = cmd->inline_sg;
	cmd->response.cqe.done = kvpool_cmd_send_done;
	cmd->send_wr.wr_cqe = &cmd->response.cqe;
	cmd->send_wr.send_flags = IB_SEND_SIGNALED;
	cmd->sges[0] = cmd->response.sge;
	return 0;
}

/**
 * kvpool_cmd_exit() - Undo kvpool_cmd_init(); the command is free
 * @cmd: the command
 */
void kvpool_cmd_exit(struct kvpool_cmd *cmd)
{
	kvpool_buffer_exit(&cmd->response, cmd->session->pd);
}
