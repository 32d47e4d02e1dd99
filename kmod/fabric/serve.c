// SPDX-License-Identifier: GPL-2.0
/*
 * What other hosts ask for. Nothing that they send is trusted: wire.c has
 * checked each message by itself, and what depends on the state is checked here.
 * A request takes one of a fixed number of commands, so memory is bounded.
 *
 * A command goes from the free list through kvpool_cmd_start() to
 * kvpool_cmd_post(), for PUT twice: to read, and to answer.
 */
#include <linux/jiffies.h>
#include <linux/once.h>
#include <linux/siphash.h>
#include <linux/slab.h>

#include "fabric/rdma.h"

static struct kvpool_wire_result *kvpool_cmd_results(struct kvpool_cmd *cmd)
{
	return ((struct kvpool_wire_response *)cmd->response.data)->results;
}

static void kvpool_cmd_result(struct kvpool_cmd *cmd, unsigned int i,
			      u32 status, u32 length)
{
	struct kvpool_wire_result *result = &kvpool_cmd_results(cmd)[i];

	result->status = cpu_to_le32(status);
	result->length = cpu_to_le32(length);
	result->generation = 0;
}

static bool kvpool_cmd_ok(struct kvpool_cmd *cmd, unsigned int i)
{
	return kvpool_cmd_results(cmd)[i].status ==
	       cpu_to_le32(KVPOOL_WIRE_OK);
}

static enum dma_data_direction kvpool_cmd_dir(const struct kvpool_cmd *cmd)
{
	return cmd->message.opcode == KVPOOL_WIRE_GET ? DMA_TO_DEVICE :
							DMA_FROM_DEVICE;
}

static bool kvpool_cmd_moves(const struct kvpool_cmd *cmd)
{
	return cmd->message.opcode == KVPOOL_WIRE_GET ||
	       cmd->message.opcode == KVPOOL_WIRE_PUT;
}

/* ---- memory ---- */

static void kvpool_cmd_unmap(struct kvpool_cmd *cmd)
{
	struct rdma_cm_id *cm_id = cmd->conn->cm_id;
	unsigned int i;

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

static const struct kvpool_block *kvpool_cmd_block(const struct kvpool_cmd *cmd,
						   unsigned int i)
{
	return cmd->message.opcode == KVPOOL_WIRE_GET ? cmd->blocks[i] :
							cmd->puts[i]->block;
}

/*
 * List the memory of all segments that are in order. Those that are neighbours
 * in the initiator's memory are one move. Returns how many moves there are, or
 * only counts them and the pieces if @cmd->sg is not to be filled yet.
 */
static unsigned int kvpool_cmd_list(struct kvpool_cmd *cmd, bool count,
				    unsigned int *nr_sg)
{
	struct kvpool_arena *arena = &cmd->tenant->arena;
	u64 address = cmd->message.address;
	unsigned int i, n, used = 0, nr = 0;
	struct kvpool_wire_part part;
	struct kvpool_move *move;
	bool joined = false;
	u32 covered;

	for (i = 0; i < cmd->message.nr; i++) {
		kvpool_wire_part_get(&cmd->message, i, &part);
		if (!kvpool_cmd_ok(cmd, i)) {
			address += kvpool_wire_align(part.length);
			joined = false;
			continue;
		}
		nr += !joined;
		if (count) {
			used += min(kvpool_cmd_block(cmd, i)->nr_extents,
				    kvpool_wire_align(part.length) >>
				    KVPOOL_PAGE_SHIFT);
		} else {
			move = &cmd->moves[nr - 1];
			if (!joined) {
				move->sg = cmd->sg + used;
				move->nr_sg = 0;
				move->address = address;
			}
			n = kvpool_arena_sg(arena, kvpool_cmd_block(cmd, i),
					    part.offset, part.length,
					    cmd->sg + used, *nr_sg - used,
					    &covered);
			move->nr_sg += n;
			used += n;
		}
		address += kvpool_wire_align(part.length);
		joined = !(part.length % KVPOOL_WIRE_PAGE);
	}
	if (count)
		*nr_sg = used;
	return nr;
}

/* Prepare RDMA for all segments that are in order. */
static int kvpool_cmd_map(struct kvpool_cmd *cmd)
{
	struct rdma_cm_id *cm_id = cmd->conn->cm_id;
	unsigned int nr, nr_sg, wrs = 0;
	struct kvpool_move *moves;
	int ret;

	nr = kvpool_cmd_list(cmd, true, &nr_sg);
	if (!nr)
		return 0;
	if (nr > 1) {
		moves = kcalloc(nr, sizeof(*moves), GFP_KERNEL);
		if (!moves)
			return -ENOMEM;
		cmd->moves = moves;
	}
	if (nr_sg > KVPOOL_INLINE_SG) {
		cmd->sg = kvmalloc_array(nr_sg, sizeof(*cmd->sg), GFP_KERNEL);
		if (!cmd->sg) {
			cmd->sg = cmd->inline_sg;
			ret = -ENOMEM;
			goto err;
		}
	}
	sg_init_table(cmd->sg, nr_sg);
	kvpool_cmd_list(cmd, false, &nr_sg);

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
	if (wrs < cmd->conn->max_room) {
		cmd->nr_wrs = wrs;
		return 0;
	}
err:
	kvpool_cmd_unmap(cmd);
	return ret;
}

/* ---- the end of a command ---- */

/* Let go of all that it holds. */
static void kvpool_cmd_clean(struct kvpool_cmd *cmd)
{
	struct kvpool_tenant *tenant = cmd->tenant;
	unsigned int i, nr = 0;

	kvpool_cmd_unmap(cmd);
	if (!tenant)
		return;
	if (cmd->message.opcode == KVPOOL_WIRE_GET) {
		for (i = 0; i < cmd->message.nr; i++)
			if (cmd->blocks[i])
				cmd->blocks[nr++] = cmd->blocks[i];
		kvpool_policy_touch(&tenant->policy, cmd->blocks, nr);
		for (i = 0; i < nr; i++)
			kvpool_block_put(tenant, cmd->blocks[i]);
	}
	kvpool_tenant_detach(tenant);
	cmd->tenant = NULL;
}

static void kvpool_conn_next(struct kvpool_conn *conn);

/* The answer has been sent, or will not be. */
static void kvpool_cmd_end(struct kvpool_cmd *cmd)
{
	struct kvpool_conn *conn = cmd->conn;

	kvpool_cmd_clean(cmd);
	spin_lock(&conn->lock);
	conn->room += cmd->taken;
	cmd->taken = 0;
	list_add(&cmd->entry, &conn->free);
	spin_unlock(&conn->lock);
	if (kvpool_gate_enter(&conn->gate)) {
		kvpool_conn_next(conn);
		kvpool_gate_leave(&conn->gate);
	}
}

static void kvpool_cmd_send_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_cmd *cmd =
		container_of(wc->wr_cqe, struct kvpool_cmd, response.cqe);

	if (wc->status == IB_WC_SUCCESS) {
		if (cmd->tenant && cmd->message.opcode == KVPOOL_WIRE_GET) {
			kvpool_count(cmd->tenant, served_blocks, cmd->served);
			kvpool_count(cmd->tenant, served_bytes, cmd->bytes);
			atomic64_add(cmd->bytes, &cmd->conn->bytes_out);
		}
	} else {
		kvpool_conn_close(cmd->conn, KVPOOL_CLOSE_TRANSPORT);
	}
	kvpool_cmd_end(cmd);
}

/* ---- the send queue ---- */

/* Post what a command has to send; takes over the command. */
static void kvpool_cmd_post(struct kvpool_cmd *cmd)
{
	struct kvpool_conn *conn = cmd->conn;
	struct rdma_cm_id *cm_id = conn->cm_id;
	struct ib_send_wr *wr = cmd->reading ? NULL : &cmd->send_wr;
	struct kvpool_recv *recv = cmd->recv;
	unsigned int i;
	int ret = 0;

	if (!cmd->reading) {
		/* The initiator may send the next when it has the answer. */
		cmd->recv = NULL;
		if (cmd->counted) {
			atomic_dec(&conn->outstanding);
			atomic64_inc(&conn->requests);
		}
		ret = kvpool_buffer_recv(&recv->buffer, cm_id->qp);
	}
	for (i = cmd->nr_moves; i-- > 0;)
		wr = rdma_rw_ctx_wrs(&cmd->moves[i].ctx, cm_id->qp,
				     cm_id->port_num,
				     wr ? NULL : &cmd->read_cqe, wr);
	ret = ret ?: ib_post_send(cm_id->qp, wr, NULL);
	if (!ret)
		return;
	/* A part of it may have been posted: it ends when that is drained. */
	kvpool_conn_close(conn, KVPOOL_CLOSE_TRANSPORT);
	spin_lock(&conn->lock);
	list_add_tail(&cmd->entry, &conn->waiting);
	spin_unlock(&conn->lock);
}

/* Post a command when the send queue has room; in their order. */
static void kvpool_cmd_queue(struct kvpool_cmd *cmd)
{
	struct kvpool_conn *conn = cmd->conn;
	bool post;

	if (!cmd->reading)
		cmd->nr_wrs++;
	spin_lock(&conn->lock);
	post = list_empty(&conn->waiting) && conn->room >= cmd->nr_wrs;
	if (post) {
		cmd->taken = cmd->nr_wrs;
		conn->room -= cmd->nr_wrs;
	} else {
		list_add_tail(&cmd->entry, &conn->waiting);
	}
	spin_unlock(&conn->lock);
	if (post)
		kvpool_cmd_post(cmd);
}

static void kvpool_cmd_start(struct kvpool_cmd *cmd);

/* Go on with what waited for room or for a command; the gate is entered. */
static void kvpool_conn_next(struct kvpool_conn *conn)
{
	struct kvpool_cmd *cmd;
	bool start;

	do {
		start = false;
		spin_lock(&conn->lock);
		cmd = list_first_entry_or_null(&conn->waiting,
					       struct kvpool_cmd, entry);
		if (conn->state == KVPOOL_CONN_CLOSING) {
			cmd = NULL;
		} else if (cmd && conn->room >= cmd->nr_wrs) {
			list_del(&cmd->entry);
			cmd->taken = cmd->nr_wrs;
			conn->room -= cmd->nr_wrs;
		} else if (!list_empty(&conn->backlog) &&
			   !list_empty(&conn->free)) {
			cmd = list_first_entry(&conn->free, struct kvpool_cmd,
					       entry);
			list_del(&cmd->entry);
			cmd->recv = list_first_entry(&conn->backlog,
						     struct kvpool_recv, entry);
			list_del(&cmd->recv->entry);
			start = true;
		} else {
			cmd = NULL;
		}
		spin_unlock(&conn->lock);
		if (cmd && start)
			kvpool_cmd_start(cmd);
		else if (cmd)
			kvpool_cmd_post(cmd);
	} while (cmd);
}

/* ---- answers ---- */

/* Answer with what is in the buffer; takes over the command. */
static void kvpool_cmd_answer(struct kvpool_cmd *cmd, size_t length)
{
	cmd->reading = false;
	cmd->response.sge.length = length;
	cmd->send_wr.opcode = IB_WR_SEND;
	if (kvpool_cmd_moves(cmd)) {
		cmd->send_wr.opcode = IB_WR_SEND_WITH_INV;
		cmd->send_wr.ex.invalidate_rkey = cmd->message.rkey;
	}
	ib_dma_sync_single_for_device(cmd->conn->dev->ib,
				      cmd->response.sge.addr, length,
				      DMA_TO_DEVICE);
	kvpool_cmd_queue(cmd);
}

/* Answer a request with its results. */
static void kvpool_cmd_respond(struct kvpool_cmd *cmd)
{
	struct kvpool_wire_response *wire = cmd->response.data;
	u16 nr = cmd->message.nr;

	kvpool_wire_header_put(wire, cmd->message.opcode, KVPOOL_WIRE_RESPONSE,
			       nr, cmd->message.id);
	kvpool_cmd_answer(cmd, struct_size(wire, results, nr));
}

/* End a command whose connection is being closed. */
static void kvpool_cmd_refuse(struct kvpool_cmd *cmd, int reason)
{
	kvpool_conn_close(cmd->conn, reason);
	kvpool_cmd_end(cmd);
}

static void kvpool_cmd_fail(struct kvpool_cmd *cmd, u32 status)
{
	unsigned int i;

	for (i = 0; i < cmd->message.nr; i++)
		kvpool_cmd_result(cmd, i, status, 0);
}

/* ---- PROBE, GET, DROP ---- */

static void kvpool_cmd_probe(struct kvpool_cmd *cmd)
{
	struct kvpool_wire_part part;
	unsigned int i;
	u32 length;
	int ret;

	for (i = 0; i < cmd->message.nr; i++) {
		kvpool_wire_part_get(&cmd->message, i, &part);
		length = 0;
		ret = kvpool_block_probe(cmd->tenant, &part.key, &length);
		kvpool_cmd_result(cmd, i,
				  !ret ? KVPOOL_WIRE_OK :
				  ret == -EINPROGRESS ? KVPOOL_WIRE_PENDING :
							KVPOOL_WIRE_MISSING,
				  length);
	}
}

static void kvpool_cmd_drop(struct kvpool_cmd *cmd)
{
	struct kvpool_wire_part part;
	unsigned int i;

	for (i = 0; i < cmd->message.nr; i++) {
		kvpool_wire_part_get(&cmd->message, i, &part);
		kvpool_put_drop(cmd->conn->host, part.put);
		kvpool_cmd_result(cmd, i, KVPOOL_WIRE_OK, 0);
	}
}

/*
 * Which of the blocks that this key ever had? The memory of a removed one is not
 * used again before RCU allows, for which at least a tick goes by.
 */
static u64 kvpool_block_generation(const struct kvpool_block *block)
{
	static siphash_key_t secret __read_mostly;

	get_random_once(&secret, sizeof(secret));
	return siphash_2u64((uintptr_t)block, block->stamp, &secret) | 1;
}

static void kvpool_cmd_get(struct kvpool_cmd *cmd)
{
	struct kvpool_wire_part part;
	struct kvpool_block *block;
	unsigned int i;
	u32 state;

	for (i = 0; i < cmd->message.nr; i++) {
		cmd->blocks[i] = NULL;
		kvpool_wire_part_get(&cmd->message, i, &part);
		block = kvpool_block_get(cmd->tenant, &part.key, &state);
		if (!block) {
			kvpool_cmd_result(cmd, i, KVPOOL_WIRE_MISSING, 0);
		} else if (state != KVPOOL_BLOCK_SEALED) {
			kvpool_cmd_result(cmd, i, KVPOOL_WIRE_PENDING, 0);
			kvpool_block_put(cmd->tenant, block);
		} else if (block->length != part.block_length) {
			kvpool_cmd_result(cmd, i, KVPOOL_WIRE_LENGTH,
					  block->length);
			kvpool_block_put(cmd->tenant, block);
		} else {
			kvpool_cmd_result(cmd, i, KVPOOL_WIRE_OK,
					  block->length);
			kvpool_cmd_results(cmd)[i].generation =
				cpu_to_le64(kvpool_block_generation(block));
			cmd->blocks[i] = block;
			cmd->bytes += part.length;
			cmd->served += part.offset + part.length ==
				       block->length;
		}
	}
	if (kvpool_cmd_map(cmd)) {
		cmd->bytes = 0;
		cmd->served = 0;
		kvpool_cmd_fail(cmd, KVPOOL_WIRE_NO_MEMORY);
	}
}

/* ---- PUT ---- */

/* The segments have been read, or not. */
static void kvpool_cmd_read_end(struct kvpool_cmd *cmd, bool ok)
{
	struct kvpool_wire_part part;
	unsigned int i;
	bool sealed;
	int status;

	kvpool_cmd_unmap(cmd);
	for (i = 0; i < cmd->message.nr; i++) {
		if (!cmd->puts[i])
			continue;
		kvpool_wire_part_get(&cmd->message, i, &part);
		status = kvpool_put_end(cmd->conn->host, cmd->puts[i], &part,
					ok, &sealed);
		cmd->puts[i] = NULL;
		kvpool_cmd_result(cmd, i, status,
				  sealed ? part.block_length : 0);
		if (ok)
			atomic64_add(part.length, &cmd->conn->bytes_in);
	}
}

static void kvpool_cmd_read_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_cmd *cmd =
		container_of(wc->wr_cqe, struct kvpool_cmd, read_cqe);
	struct kvpool_conn *conn = cmd->conn;
	bool ok = wc->status == IB_WC_SUCCESS;

	if (!ok)
		kvpool_conn_close(conn, KVPOOL_CLOSE_TRANSPORT);
	kvpool_cmd_read_end(cmd, ok);

	spin_lock(&conn->lock);
	conn->room += cmd->taken;
	cmd->taken = 0;
	spin_unlock(&conn->lock);
	cmd->nr_wrs = 0;
	if (ok && kvpool_gate_enter(&conn->gate)) {
		kvpool_cmd_respond(cmd);
		kvpool_conn_next(conn);
		kvpool_gate_leave(&conn->gate);
	} else {
		kvpool_cmd_end(cmd);
	}
}

static void kvpool_cmd_put(struct kvpool_cmd *cmd)
{
	struct kvpool_wire_part part;
	unsigned int i, nr = 0;
	u32 length;
	int status;

	for (i = 0; i < cmd->message.nr; i++) {
		cmd->puts[i] = NULL;
		kvpool_wire_part_get(&cmd->message, i, &part);
		length = 0;
		status = kvpool_put_begin(cmd->conn->host, cmd->tenant, &part,
					  &cmd->puts[i], &length);
		kvpool_cmd_result(cmd, i, status, length);
		nr += !status;
	}
	if (!nr) {
		kvpool_cmd_respond(cmd);
		return;
	}
	if (kvpool_cmd_map(cmd)) {
		kvpool_cmd_read_end(cmd, false);
		kvpool_cmd_fail(cmd, KVPOOL_WIRE_NO_MEMORY);
		kvpool_cmd_respond(cmd);
		return;
	}
	cmd->reading = true;
	kvpool_cmd_queue(cmd);
}

/* ---- AUTH ---- */

static void kvpool_cmd_auth(struct kvpool_cmd *cmd)
{
	struct kvpool_conn *conn = cmd->conn;
	struct kvpool_wire_auth *wire = cmd->response.data;
	u8 proof[KVPOOL_WIRE_PROOF] = {};
	bool hmac = conn->terms.auth == KVPOOL_WIRE_AUTH_HMAC;
	int ret = 0;

	if (hmac)
		ret = kvpool_auth_proof(false, &conn->asked, &conn->given,
					proof);
	else if (!kvpool_auth_open())
		/* It was, or there was a secret, when they connected. */
		ret = -EACCES;
	if (ret || !kvpool_auth_equal(proof, cmd->message.proof)) {
		kvpool_cmd_refuse(cmd, KVPOOL_CLOSE_AUTH);
		return;
	}
	if (hmac)
		ret = kvpool_auth_proof(true, &conn->asked, &conn->given,
					proof);
	if (ret) {
		kvpool_cmd_refuse(cmd, KVPOOL_CLOSE_AUTH);
		return;
	}

	spin_lock(&conn->lock);
	if (conn->state == KVPOOL_CONN_STRANGER)
		conn->state = KVPOOL_CONN_LIVE;
	spin_unlock(&conn->lock);
	kvpool_wire_header_put(wire, KVPOOL_WIRE_AUTH, KVPOOL_WIRE_RESPONSE, 0,
			       cmd->message.id);
	memcpy(wire->proof, proof, sizeof(wire->proof));
	kvpool_cmd_answer(cmd, sizeof(*wire));
}

/* ---- the beginning of a command ---- */

/**
 * kvpool_serve_work() - Begin with commands that may sleep for long
 * @work: serve_work of a connection
 *
 * AUTH and PUT leave the completion queue alone. However many there are, a
 * connection keeps one worker busy.
 */
void kvpool_serve_work(struct work_struct *work)
{
	struct kvpool_conn *conn =
		container_of(work, struct kvpool_conn, serve_work);
	struct kvpool_cmd *cmd;

	do {
		if (!kvpool_gate_enter(&conn->gate))
			return;
		spin_lock(&conn->lock);
		cmd = list_first_entry_or_null(&conn->later, struct kvpool_cmd,
					       entry);
		if (cmd)
			list_del(&cmd->entry);
		spin_unlock(&conn->lock);
		if (cmd && cmd->message.opcode == KVPOOL_WIRE_AUTH)
			kvpool_cmd_auth(cmd);
		else if (cmd)
			kvpool_cmd_put(cmd);
		kvpool_gate_leave(&conn->gate);
	} while (cmd);
}

static void kvpool_cmd_later(struct kvpool_cmd *cmd)
{
	struct kvpool_conn *conn = cmd->conn;

	spin_lock(&conn->lock);
	list_add_tail(&cmd->entry, &conn->later);
	spin_unlock(&conn->lock);
	queue_work(kvpool_serve_wq, &conn->serve_work);
}

/* May this message come now? */
static int kvpool_conn_accepts(struct kvpool_conn *conn, u8 opcode)
{
	enum kvpool_conn_state state;
	bool first = false;

	spin_lock(&conn->lock);
	state = conn->state;
	if (opcode == KVPOOL_WIRE_AUTH) {
		first = !conn->auth_seen;
		conn->auth_seen = true;
	}
	spin_unlock(&conn->lock);

	if (opcode == KVPOOL_WIRE_AUTH)
		return first ? KVPOOL_CLOSE_NONE : KVPOOL_CLOSE_STATE;
	if (state != KVPOOL_CONN_LIVE)
		return KVPOOL_CLOSE_STATE;
	if (opcode != KVPOOL_WIRE_ALIVE &&
	    atomic_inc_return(&conn->outstanding) > conn->terms.credits)
		return KVPOOL_CLOSE_CREDITS;
	return KVPOOL_CLOSE_NONE;
}

/* Begin with a capsule; takes over the command. The gate is entered. */
static void kvpool_cmd_start(struct kvpool_cmd *cmd)
{
	struct kvpool_wire_message *message = &cmd->message;
	struct kvpool_conn *conn = cmd->conn;
	int reason;

	cmd->nr_wrs = 0;
	cmd->bytes = 0;
	cmd->served = 0;
	cmd->reading = false;
	cmd->counted = false;
	reason = kvpool_wire_capsule_get(cmd->recv->buffer.data,
					 cmd->recv->length, &conn->terms,
					 message);
	reason = reason ?: kvpool_conn_accepts(conn, message->opcode);
	if (reason) {
		kvpool_cmd_refuse(cmd, reason);
		return;
	}
	if (message->opcode == KVPOOL_WIRE_AUTH) {
		kvpool_cmd_later(cmd);
		return;
	}
	if (message->opcode == KVPOOL_WIRE_ALIVE) {
		kvpool_cmd_respond(cmd);
		return;
	}

	cmd->counted = true;
	cmd->tenant = kvpool_tenant_use(message->tenant);
	if (!cmd->tenant) {
		kvpool_cmd_fail(cmd, KVPOOL_WIRE_MISSING);
		kvpool_cmd_respond(cmd);
		return;
	}
	switch (message->opcode) {
	case KVPOOL_WIRE_PUT:
		kvpool_cmd_later(cmd);
		return;
	case KVPOOL_WIRE_PROBE:
		kvpool_cmd_probe(cmd);
		break;
	case KVPOOL_WIRE_GET:
		kvpool_cmd_get(cmd);
		break;
	case KVPOOL_WIRE_DROP:
		kvpool_cmd_drop(cmd);
		break;
	}
	kvpool_cmd_respond(cmd);
}

/**
 * kvpool_conn_receive() - Handle a capsule
 * @conn: where it came; its gate has been entered
 * @recv: the buffer that it is in
 * @length: its bytes
 */
void kvpool_conn_receive(struct kvpool_conn *conn, struct kvpool_recv *recv,
			 u32 length)
{
	struct kvpool_cmd *cmd = NULL;

	recv->length = length;
	spin_lock(&conn->lock);
	if (list_empty(&conn->free)) {
		list_add_tail(&recv->entry, &conn->backlog);
	} else {
		cmd = list_first_entry(&conn->free, struct kvpool_cmd, entry);
		list_del(&cmd->entry);
		cmd->recv = recv;
	}
	spin_unlock(&conn->lock);
	if (cmd)
		kvpool_cmd_start(cmd);
}

/**
 * kvpool_conn_flush() - End the commands that wait on a drained connection
 * @conn: the connection
 */
void kvpool_conn_flush(struct kvpool_conn *conn)
{
	struct kvpool_cmd *cmd;

	list_splice_tail_init(&conn->later, &conn->waiting);
	for (;;) {
		spin_lock(&conn->lock);
		cmd = list_first_entry_or_null(&conn->waiting,
					       struct kvpool_cmd, entry);
		if (cmd)
			list_del(&cmd->entry);
		spin_unlock(&conn->lock);
		if (!cmd)
			break;
		if (cmd->reading)
			kvpool_cmd_read_end(cmd, false);
		kvpool_cmd_end(cmd);
	}
}

/**
 * kvpool_cmd_init() - Prepare a command
 * @cmd: zeroed
 * @conn: whose
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_cmd_init(struct kvpool_cmd *cmd, struct kvpool_conn *conn)
{
	int ret;

	ret = kvpool_buffer_init(&cmd->response, conn->dev->pd,
				 KVPOOL_WIRE_RESPONSE_MAX, DMA_TO_DEVICE);
	if (ret)
		return ret;
	cmd->conn = conn;
	cmd->moves = &cmd->move;
	cmd->sg = cmd->inline_sg;
	cmd->response.cqe.done = kvpool_cmd_send_done;
	cmd->read_cqe.done = kvpool_cmd_read_done;
	cmd->send_wr.wr_cqe = &cmd->response.cqe;
	cmd->send_wr.send_flags = IB_SEND_SIGNALED;
	cmd->send_wr.sg_list = &cmd->response.sge;
	cmd->send_wr.num_sge = 1;
	return 0;
}

/**
 * kvpool_cmd_exit() - Undo kvpool_cmd_init(); it is free
 * @cmd: the command
 */
void kvpool_cmd_exit(struct kvpool_cmd *cmd)
{
	kvpool_buffer_exit(&cmd->response, cmd->conn->dev->pd);
}
