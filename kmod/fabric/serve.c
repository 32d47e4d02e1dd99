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

#include "fabric/admit.h"
#include "fabric/auth.h"
#include "fabric/bind.h"
#include "fabric/cmd.h"
#include "fabric/host.h"
#include "fabric/push.h"
#include "fabric/rights.h"
#include "fabric/serve.h"
#include "fabric/session.h"
#include "fabric/trace.h"
#include "fabric/wait.h"
#include "fabric/wq.h"

/* Has the host no right to what it requests? */
static bool kvpool_serve_denied(const struct kvpool_cmd *cmd)
{
	unsigned int need = 0;

	switch (cmd->message.opcode) {
	case KVPOOL_WIRE_PROBE:
	case KVPOOL_WIRE_FETCH:
		need = KVPOOL_RIGHT_READ;
		break;
	case KVPOOL_WIRE_PUSH:
		need = KVPOOL_RIGHT_PUSH;
		break;
	}
	return need & ~kvpool_rights(cmd->message.tenant,
				     cmd->session->host->key.name);
}

/* ---- PROBE, FETCH, DROP ---- */

static void kvpool_serve_probe(struct kvpool_cmd *cmd)
{
	struct kvpool_key key;
	unsigned int i;
	u32 length;
	int ret;

	for (i = 0; i < cmd->message.nr; i++) {
		memcpy(&key, cmd->message.keys[i].key, sizeof(key));
		length = 0;
		ret = kvpool_export_probe(cmd->tenant, &key, &length);
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
	struct kvpool_wire_outcome outcome = {};
	struct kvpool_wire_part part;

	cmd->blocks[i] = NULL;
	kvpool_wire_part_decode(&cmd->message, i, &part);
	switch (kvpool_export_open(cmd->tenant, &part.key, part.block_length,
				   &cmd->blocks[i], &outcome.length,
				   &outcome.generation)) {
	case 0:
		outcome.status = KVPOOL_WIRE_OK;
		outcome.depth = kvpool_export_chain(cmd->tenant, cmd->blocks[i],
						    &outcome.parent);
		if (outcome.depth <= 1)
			memset(&outcome.parent, 0, sizeof(outcome.parent));
		cmd->bytes += part.length;
		cmd->served += part.offset + part.length == outcome.length;
		break;
	case -EINPROGRESS:
		outcome.status = KVPOOL_WIRE_PENDING;
		break;
	case -EMSGSIZE:
		outcome.status = KVPOOL_WIRE_LENGTH;
		break;
	default:
		outcome.status = KVPOOL_WIRE_MISSING;
	}
	kvpool_wire_outcome_encode(cmd->response.data, KVPOOL_WIRE_FETCH, i,
				   &outcome);
	/* An immediate can only say that all is as the initiator expects. */
	cmd->imm = cmd->session->terms.features & KVPOOL_WIRE_IMM &&
		   cmd->message.nr == 1 && outcome.status == KVPOOL_WIRE_OK &&
		   part.length == outcome.length &&
		   part.depth == outcome.depth;
}

/* Send what has been found; takes over the command. */
static void kvpool_serve_found(struct kvpool_cmd *cmd)
{
	if (kvpool_cmd_map(cmd)) {
		cmd->bytes = 0;
		cmd->served = 0;
		cmd->imm = false;
		kvpool_cmd_fail(cmd, KVPOOL_WIRE_LATER);
	}
	kvpool_cmd_respond(cmd);
}

/* A command that waited goes on. */
static void kvpool_serve_resume(struct kvpool_cmd *cmd, bool woken)
{
	if (kvpool_serve_denied(cmd))
		kvpool_cmd_fail(cmd, KVPOOL_WIRE_DENIED);
	else if (woken)
		kvpool_serve_fetch_part(cmd, 0);
	kvpool_serve_found(cmd);
}

/* Takes over the command. */
static void kvpool_serve_fetch(struct kvpool_cmd *cmd)
{
	struct kvpool_wire_part part;
	unsigned int i;
	int ret = 1;

	for (i = 0; i < cmd->message.nr; i++)
		kvpool_serve_fetch_part(cmd, i);
	if (cmd->message.wait_ms &&
	    kvpool_cmd_results(cmd)->status ==
	    cpu_to_le32(KVPOOL_WIRE_PENDING)) {
		kvpool_wire_part_decode(&cmd->message, 0, &part);
		ret = kvpool_wait_begin(cmd, &part.key, kvpool_serve_resume);
		if (ret == 1)
			return;
		if (!ret)
			kvpool_serve_fetch_part(cmd, 0);
		else if (ret == -ENOMEM)
			kvpool_cmd_fail(cmd, KVPOOL_WIRE_LATER);
	}
	kvpool_serve_found(cmd);
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

	if (READ_ONCE(session->dead))
		return;
	if (error)
		kvpool_session_close(session, KVPOOL_CLOSE_TRANSPORT);
	kvpool_serve_read_end(cmd, error);

	spin_lock(&session->lock);
	kvpool_cmd_give_room(cmd);
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
	int node = cmd->message.node == KVPOOL_WIRE_NODE_ANY ?
		   ibdev_to_node(cmd->session->dev->ib) : cmd->message.node;
	struct kvpool_wire_part part;
	unsigned int i, nr = 0;
	u32 length;
	int status;

	for (i = 0; i < cmd->message.nr; i++) {
		cmd->pushes[i] = NULL;
		kvpool_wire_part_decode(&cmd->message, i, &part);
		length = 0;
		status = kvpool_push_begin(&cmd->session->host->pushes,
					   cmd->tenant, &part, node,
					   &cmd->pushes[i], &length);
		kvpool_cmd_result(cmd, i, status, length);
		nr += !status;
	}
	if (!nr) {
		kvpool_cmd_respond(cmd);
		return;
	}
	if (kvpool_cmd_map(cmd)) {
		kvpool_serve_read_end(cmd, -ENOMEM);
		kvpool_cmd_fail(cmd, KVPOOL_WIRE_LATER);
		kvpool_cmd_respond(cmd);
		return;
	}
	cmd->read_cqe.done = kvpool_serve_read_done;
	cmd->reading = true;
	kvpool_cmd_queue(cmd);
}

/* ---- AUTH ---- */

/* The host has proved who it is, and @ret says whether there is room for it. */
static void kvpool_serve_admitted(struct kvpool_cmd *cmd, int ret)
{
	struct kvpool_session *session = cmd->session;

	if (ret == KVPOOL_ADMIT_LATER) {
		session->auth = cmd;
		queue_delayed_work(kvpool_accept_wq, &session->auth_work,
				   msecs_to_jiffies(KVPOOL_ADMIT_LATER_MS));
	} else if (ret) {
		kvpool_cmd_refuse(cmd, ret);
	} else {
		trace_kvpool_session_auth(session->id, session->terms.auth);
		kvpool_cmd_answer(cmd, sizeof(struct kvpool_wire_auth));
	}
}

static void kvpool_serve_auth(struct kvpool_cmd *cmd)
{
	struct kvpool_session *session = cmd->session;
	struct kvpool_wire_auth *wire = cmd->response.data;
	struct kvpool_wire_proven proven = {
		.connect = session->connect,
		.accept = session->accept,
	};
	u8 proof[KVPOOL_WIRE_PROOF] = {};
	bool hmac = session->terms.auth == KVPOOL_WIRE_AUTH_HMAC;
	struct kvpool_auth_stamp stamp = session->stamp;
	const char *name = cmd->message.name;
	u64 proved;
	int ret = 0;

	if (!kvpool_auth_name_ok(name)) {
		kvpool_cmd_refuse(cmd, KVPOOL_CLOSE_MESSAGE);
		return;
	}
	memcpy(proven.name, name, strlen(name));
	if (hmac) {
		ret = kvpool_bind_ends(session->cm_id, &proven.target,
				       &proven.initiator);
		ret = ret ?: kvpool_auth_proof(KVPOOL_AUTH_INITIATOR, name,
					       &proven, proof, &stamp);
	} else if (kvpool_auth_needed()) {
		/* A secret was set, or open mode ended, after it connected. */
		ret = -EACCES;
	}
	if (ret || !kvpool_auth_equal(proof, cmd->message.proof)) {
		kvpool_cmd_refuse(cmd, KVPOOL_CLOSE_AUTH);
		return;
	}
	proved = stamp.key;
	if (hmac)
		ret = kvpool_auth_proof(KVPOOL_AUTH_TARGET, name, &proven,
					proof, &stamp);
	/* It proved that it knows a key that was replaced just now? */
	if (ret || stamp.key != proved) {
		kvpool_cmd_refuse(cmd, KVPOOL_CLOSE_AUTH);
		return;
	}
	kvpool_wire_auth_encode(wire, KVPOOL_WIRE_RESPONSE, cmd->message.id,
				session->terms.name, proof);
	kvpool_serve_admitted(cmd, kvpool_admit_prove(session, name, &stamp));
}

/**
 * kvpool_serve_auth_work() - Handle the AUTH of a session
 * @work: auth_work of the session
 *
 * It waits for no PUSH, neither of this session nor of others. If there is no
 * memory for the session yet, it comes again.
 */
void kvpool_serve_auth_work(struct work_struct *work)
{
	struct kvpool_session *session =
		container_of(to_delayed_work(work), struct kvpool_session,
			     auth_work);
	struct kvpool_cmd *cmd;

	if (!kvpool_gate_enter(&session->gate))
		return;
	cmd = session->auth;
	session->auth = NULL;
	if (cmd && session->host)
		kvpool_serve_admitted(cmd, kvpool_admit_again(session));
	else if (cmd)
		kvpool_serve_auth(cmd);
	kvpool_gate_leave(&session->gate);
}

/* ---- the beginning of a command ---- */

/**
 * kvpool_serve_work() - Begin with commands that may sleep for long
 * @work: serve_work of a session
 *
 * PUSH leaves the completion queue alone. However many there are, a session
 * keeps one worker busy.
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
		if (cmd)
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
	if (opcode != KVPOOL_WIRE_ALIVE && opcode != KVPOOL_WIRE_CANCEL &&
	    atomic_inc_return(&session->outstanding) > session->terms.credits)
		return KVPOOL_CLOSE_CREDITS;
	return KVPOOL_CLOSE_NONE;
}

/* Answer a bare header. */
static void kvpool_serve_header(struct kvpool_cmd *cmd)
{
	size_t length;

	length = kvpool_wire_header_encode(cmd->response.data,
					   cmd->message.opcode,
					   KVPOOL_WIRE_RESPONSE, 0,
					   cmd->message.id);
	kvpool_cmd_answer(cmd, length);
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
	cmd->imm = false;
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
		/* The only one of this session. */
		session->auth = cmd;
		queue_delayed_work(kvpool_accept_wq, &session->auth_work, 0);
		return;
	}
	if (message->opcode == KVPOOL_WIRE_CANCEL)
		kvpool_wait_cancel(session, message->id);
	if (message->opcode == KVPOOL_WIRE_ALIVE ||
	    message->opcode == KVPOOL_WIRE_CANCEL) {
		kvpool_serve_header(cmd);
		return;
	}

	cmd->counted = true;
	if (kvpool_serve_denied(cmd)) {
		kvpool_cmd_fail(cmd, KVPOOL_WIRE_DENIED);
		kvpool_cmd_respond(cmd);
		return;
	}
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
		return;
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
	if (session->auth)
		list_add_tail(&session->auth->entry, &session->waiting);
	session->auth = NULL;
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

/* Is a command not in use? */
static bool kvpool_serve_free(const struct kvpool_session *session,
			      const struct kvpool_cmd *cmd)
{
	const struct kvpool_cmd *free;

	list_for_each_entry(free, &session->free, entry)
		if (free == cmd)
			return true;
	return false;
}

/**
 * kvpool_serve_unmap() - Forget the work requests of commands in flight
 * @session: a session that is dead; its queue pair is about to be destroyed
 *
 * What they move stays in use.
 *
 * Context: process.
 */
void kvpool_serve_unmap(struct kvpool_session *session)
{
	unsigned int i;

	for (i = 0; i < session->nr_cmds; i++)
		if (!kvpool_serve_free(session, &session->cmds[i]))
			kvpool_cmd_unmap(&session->cmds[i]);
}

/**
 * kvpool_serve_abandon() - End all commands, also those without a completion
 * @session: a session whose queue pair is drained, or dead and destroyed
 *
 * Context: process.
 */
void kvpool_serve_abandon(struct kvpool_session *session)
{
	unsigned int i;

	kvpool_serve_flush(session);
	for (i = 0; i < session->nr_cmds; i++) {
		struct kvpool_cmd *cmd = &session->cmds[i];

		if (kvpool_serve_free(session, cmd))
			continue;
		if (cmd->reading)
			kvpool_serve_read_end(cmd, -EIO);
		kvpool_cmd_end(cmd);
	}
}
