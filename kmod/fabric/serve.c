// SPDX-License-Identifier: GPL-2.0
/*
 * What other hosts request. Nothing that they send is trusted: wire.c has
 * checked each message by itself, and what depends on the state is checked
 * here.
 *
 * A command goes from the free list through kvpool_serve_start() to
 * kvpool_cmd_queue(), for PUSH twice: to read, and to answer.
 */
#include <linux/jiffies.h>

#include "xfer/export.h"

#include "fabric/auth.h"
#include "fabric/cmd.h"
#include "fabric/host.h"
#include "fabric/push.h"
#include "fabric/serve.h"
#include "fabric/session.h"
#include "fabric/trace.h"
#include "fabric/wq.h"

/* ---- PROBE, FETCH, DROP ---- */

static void kvpool_serve_probe(struct kvpool_cmd *cmd)
{
	struct kvpool_wire_part part;
	unsigned int i;
	u32 length;
	int ret;

	for (i = 0; i < cmd->message.nr; i++) {
		kvpool_wire_part_decode(&cmd->message, i, &part);
		length = 0;
		ret = kvpool_export_probe(cmd->tenant, &part.key, &length);
		kvpool_cmd_result(cmd, i,
				  !ret ? KVPOOL_WIRE_OK :
				  ret == -EINPROGRESS ? KVPOOL_WIRE_PENDING :
							KVPOOL_WIRE_MISSING,
				  length);
	}
}

static void kvpool_serve_drop(struct kvpool_cmd *cmd)
{
	struct kvpool_wire_part part;
	unsigned int i;

	for (i = 0; i < cmd->message.nr; i++) {
		kvpool_wire_part_decode(&cmd->message, i, &part);
		kvpool_push_drop(&cmd->session->host->pushes, part.push);
		kvpool_cmd_result(cmd, i, KVPOOL_WIRE_OK, 0);
	}
}

static void kvpool_serve_fetch_part(struct kvpool_cmd *cmd, unsigned int i)
{
	struct kvpool_wire_part part;
	u64 generation;
	u32 length = 0;

	cmd->blocks[i] = NULL;
	kvpool_wire_part_decode(&cmd->message, i, &part);
	switch (kvpool_export_open(cmd->tenant, &part.key, part.block_length,
				   &cmd->blocks[i], &length, &generation)) {
	case 0:
		kvpool_cmd_result(cmd, i, KVPOOL_WIRE_OK, length);
		kvpool_cmd_results(cmd)[i].generation = cpu_to_le64(generation);
		cmd->bytes += part.length;
		cmd->served += part.offset + part.length == length;
		break;
	case -EINPROGRESS:
		kvpool_cmd_result(cmd, i, KVPOOL_WIRE_PENDING, 0);
		break;
	case -EMSGSIZE:
		kvpool_cmd_result(cmd, i, KVPOOL_WIRE_LENGTH, length);
		break;
	default:
		kvpool_cmd_result(cmd, i, KVPOOL_WIRE_MISSING, 0);
	}
}

static void kvpool_serve_fetch(struct kvpool_cmd *cmd)
{
	unsigned int i;

	for (i = 0; i < cmd->message.nr; i++)
		kvpool_serve_fetch_part(cmd, i);
	if (kvpool_cmd_map(cmd)) {
		cmd->bytes = 0;
		cmd->served = 0;
		kvpool_cmd_fail(cmd, KVPOOL_WIRE_NO_MEMORY);
	}
}

/* ---- PUSH ---- */

/* The segments have been read, or have not because of @error. */
static void kvpool_serve_read_end(struct kvpool_cmd *cmd, int error)
{
	struct kvpool_session *session = cmd->session;
	struct kvpool_wire_part part;
	unsigned int i;
	u32 sealed;
	int status;

	kvpool_cmd_unmap(cmd);
	for (i = 0; i < cmd->message.nr; i++) {
		if (!cmd->pushes[i])
			continue;
		kvpool_wire_part_decode(&cmd->message, i, &part);
		status = kvpool_push_end(&session->host->pushes,
					 cmd->pushes[i], &part, error,
					 &sealed);
		cmd->pushes[i] = NULL;
		kvpool_cmd_result(cmd, i, status, sealed);
		if (!error)
			atomic64_add(part.length, &session->bytes_in);
	}
}

static void kvpool_serve_read_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvpool_cmd *cmd =
		container_of(wc->wr_cqe, struct kvpool_cmd, read_cqe);
	struct kvpool_session *session = cmd->session;
	int error = wc->status == IB_WC_SUCCESS ? 0 : -EIO;

	if (error)
		kvpool_session_close(session, KVPOOL_CLOSE_TRANSPORT);
	kvpool_serve_read_end(cmd, error);

	spin_lock(&session->lock);
	session->room += cmd->taken;
	cmd->taken = 0;
	spin_unlock(&session->lock);
	cmd->nr_wrs = 0;
	if (!error && kvpool_gate_enter(&session->gate)) {
		kvpool_cmd_respond(cmd);
		kvpool_cmds_next(session);
		kvpool_gate_leave(&session->gate);
	} else {
		kvpool_cmd_end(cmd);
	}
}

static void kvpool_serve_push(struct kvpool_cmd *cmd)
{
	struct kvpool_wire_part part;
	unsigned int i, nr = 0;
	u32 length;
	int status;

	for (i = 0; i < cmd->message.nr; i++) {
		cmd->pushes[i] = NULL;
		kvpool_wire_part_decode(&cmd->message, i, &part);
		length = 0;
		status = kvpool_push_begin(&cmd->session->host->pushes,
					   cmd->tenant, &part, &cmd->pushes[i],
					   &length);
		kvpool_cmd_result(cmd, i, status, length);
		nr += !status;
	}
	if (!nr) {
		kvpool_cmd_respond(cmd);
		return;
	}
	if (kvpool_cmd_map(cmd)) {
		kvpool_serve_read_end(cmd, -ENOMEM);
		kvpool_cmd_fail(cmd, KVPOOL_WIRE_NO_MEMORY);
		kvpool_cmd_respond(cmd);
		return;
	}
	cmd->read_cqe.done = kvpool_serve_read_done;
	cmd->reading = true;
	kvpool_cmd_queue(cmd);
}

/* ---- AUTH ---- */

static void kvpool_serve_auth(struct kvpool_cmd *cmd)
{
	struct kvpool_session *session = cmd->session;
	struct kvpool_wire_auth *wire = cmd->response.data;
	u8 proof[KVPOOL_WIRE_PROOF] = {};
	bool hmac = session->terms.auth == KVPOOL_WIRE_AUTH_HMAC;
	int ret = 0;

	if (hmac)
		ret = kvpool_auth_proof(KVPOOL_AUTH_INITIATOR,
					&session->connect, &session->accept,
					proof);
	else if (!kvpool_auth_open())
		/* A secret was set, or open mode ended, after it connected. */
		ret = -EACCES;
	if (ret || !kvpool_auth_equal(proof, cmd->message.proof)) {
		kvpool_cmd_refuse(cmd, KVPOOL_CLOSE_AUTH);
		return;
	}
	if (hmac)
		ret = kvpool_auth_proof(KVPOOL_AUTH_TARGET, &session->connect,
					&session->accept, proof);
	if (ret) {
		kvpool_cmd_refuse(cmd, KVPOOL_CLOSE_AUTH);
		return;
	}

	spin_lock(&session->lock);
	if (session->state == KVPOOL_SESSION_STRANGER)
		session->state = KVPOOL_SESSION_LIVE;
	spin_unlock(&session->lock);
	trace_kvpool_session_auth(session->id, session->terms.auth);
	kvpool_wire_header_encode(wire, KVPOOL_WIRE_AUTH, KVPOOL_WIRE_RESPONSE,
				  0, cmd->message.id);
	memcpy(wire->proof, proof, sizeof(wire->proof));
	kvpool_cmd_answer(cmd, sizeof(*wire));
}

/* ---- the beginning of a command ---- */

/**
 * kvpool_serve_work() - Begin with commands that may sleep for long
 * @work: serve_work of a session
 *
 * AUTH and PUSH leave the completion queue alone. However many there are, a
 * session keeps one worker busy.
 */
void kvpool_serve_work(struct work_struct *work)
{
	struct kvpool_session *session =
		container_of(work, struct kvpool_session, serve_work);
	struct kvpool_cmd *cmd;

	do {
		if (!kvpool_gate_enter(&session->gate))
			return;
		spin_lock(&session->lock);
		cmd = list_first_entry_or_null(&session->later,
					       struct kvpool_cmd, entry);
		if (cmd)
			list_del(&cmd->entry);
		spin_unlock(&session->lock);
		if (cmd && cmd->message.opcode == KVPOOL_WIRE_AUTH)
			kvpool_serve_auth(cmd);
		else if (cmd)
			kvpool_serve_push(cmd);
		kvpool_gate_leave(&session->gate);
	} while (cmd);
}

static void kvpool_serve_later(struct kvpool_cmd *cmd)
{
	struct kvpool_session *session = cmd->session;

	spin_lock(&session->lock);
	list_add_tail(&cmd->entry, &session->later);
	spin_unlock(&session->lock);
	queue_work(kvpool_serve_wq, &session->serve_work);
}

/* May this message come in the session's state? */
static int kvpool_serve_check(struct kvpool_session *session, u8 opcode)
{
	enum kvpool_session_state state;
	bool first = false;

	spin_lock(&session->lock);
	state = session->state;
	if (opcode == KVPOOL_WIRE_AUTH) {
		first = !session->auth_seen;
		session->auth_seen = true;
	}
	spin_unlock(&session->lock);

	if (opcode == KVPOOL_WIRE_AUTH)
		return first ? KVPOOL_CLOSE_NONE : KVPOOL_CLOSE_STATE;
	if (state != KVPOOL_SESSION_LIVE)
		return KVPOOL_CLOSE_STATE;
	if (opcode != KVPOOL_WIRE_ALIVE &&
	    atomic_inc_return(&session->outstanding) > session->terms.credits)
		return KVPOOL_CLOSE_CREDITS;
	return KVPOOL_CLOSE_NONE;
}

/**
 * kvpool_serve_start() - Begin with a capsule
 * @cmd: a command with a capsule, which is taken over; the gate is entered
 */
void kvpool_serve_start(struct kvpool_cmd *cmd)
{
	struct kvpool_wire_message *message = &cmd->message;
	struct kvpool_session *session = cmd->session;
	int reason;

	cmd->nr_wrs = 0;
	cmd->bytes = 0;
	cmd->served = 0;
	cmd->reading = false;
	cmd->counted = false;
	reason = kvpool_wire_capsule_decode(cmd->recv->buffer.data,
					    cmd->recv->length, &session->terms,
					    message);
	trace_kvpool_cmd_start(session->id, message->id, message->opcode,
			       message->nr, message->length);
	reason = reason ?: kvpool_serve_check(session, message->opcode);
	if (reason) {
		kvpool_cmd_refuse(cmd, reason);
		return;
	}
	if (message->opcode == KVPOOL_WIRE_AUTH) {
		kvpool_serve_later(cmd);
		return;
	}
	if (message->opcode == KVPOOL_WIRE_ALIVE) {
		kvpool_cmd_respond(cmd);
		return;
	}

	cmd->counted = true;
	cmd->tenant = kvpool_export_tenant(message->tenant);
	if (!cmd->tenant) {
		kvpool_cmd_fail(cmd, KVPOOL_WIRE_MISSING);
		kvpool_cmd_respond(cmd);
		return;
	}
	switch (message->opcode) {
	case KVPOOL_WIRE_PUSH:
		kvpool_serve_later(cmd);
		return;
	case KVPOOL_WIRE_PROBE:
		kvpool_serve_probe(cmd);
		break;
	case KVPOOL_WIRE_FETCH:
		kvpool_serve_fetch(cmd);
		break;
	case KVPOOL_WIRE_DROP:
		kvpool_serve_drop(cmd);
		break;
	}
	kvpool_cmd_respond(cmd);
}

/**
 * kvpool_serve_receive() - Handle a capsule
 * @session: where it came; its gate has been entered
 * @recv: the buffer that it is in
 * @length: its bytes
 */
void kvpool_serve_receive(struct kvpool_session *session,
			  struct kvpool_recv *recv, u32 length)
{
	struct kvpool_cmd *cmd = NULL;

	recv->length = length;
	spin_lock(&session->lock);
	if (list_empty(&session->free)) {
		list_add_tail(&recv->entry, &session->backlog);
	} else {
		cmd = list_first_entry(&session->free, struct kvpool_cmd,
				       entry);
		list_del(&cmd->entry);
		cmd->recv = recv;
	}
	spin_unlock(&session->lock);
	if (cmd)
		kvpool_serve_start(cmd);
}

/**
 * kvpool_serve_flush() - End the commands that wait on a drained session
 * @session: the session
 */
void kvpool_serve_flush(struct kvpool_session *session)
{
	struct kvpool_cmd *cmd;

	list_splice_tail_init(&session->later, &session->waiting);
	for (;;) {
		spin_lock(&session->lock);
		cmd = list_first_entry_or_null(&session->waiting,
					       struct kvpool_cmd, entry);
		if (cmd)
			list_del(&cmd->entry);
		spin_unlock(&session->lock);
		if (!cmd)
			break;
		if (cmd->reading)
			kvpool_serve_read_end(cmd, -EIO);
		kvpool_cmd_end(cmd);
	}
}
