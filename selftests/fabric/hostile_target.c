// SPDX-License-Identifier: GPL-2.0
/* A hostile target: the requester is under test. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

/* How it answers a FETCH; all but the last two end the connection. */
enum answer {
	NO_INVALIDATION,
	OTHER_KEY,
	OTHER_STATUS,
	NO_GENERATION,
	OTHER_ID,
	TWICE,
	BAD_CHAIN,
	UNASKED_INLINE,
	INLINE_LONG,
	INLINE_SHORT,
	INLINE_EMPTY,
	INLINE_PLAIN,
	INLINE_IMM,
	BARE_UNASKED,
	IMM_UNASKED,
	IMM_UNKNOWN,
	IMM_OF_PART,
	IMM_TWICE,
	WRITE_AFTER_IMM,
	BARE_UNKNOWN,
	BARE_LONG,
	BARE_SHORT,
	BARE_EMPTY,
	BARE_LARGE,
	BARE_TWICE,
	UNASKED_CANCEL,
	TORN,
	WHOLE,
};

static const char * const answers[] = {
	"no_invalidation", "other_key", "other_status", "no_generation",
	"other_id", "twice", "bad_chain",
	"unasked_inline", "inline_long", "inline_short", "inline_empty",
	"inline_plain", "inline_imm", "bare_unasked",
	"imm_unasked", "imm_unknown", "imm_of_part", "imm_twice",
	"write_after_imm",
	"bare_unknown", "bare_long", "bare_short", "bare_empty", "bare_large",
	"bare_twice", "unasked_cancel",
	"torn", "whole",
};

/* Blocks that the initiator fetches in turn. */
#define LARGE	(2U << 20)	/* two requests */
#define MEDIUM	65536U		/* one, into memory */
#define SMALL	4096U		/* one, with the bytes in the answer */

/* Attempts of a FETCH: 1 + KVPOOL_MAX_RETRIES of job.c. */
#define ATTEMPTS	11

/* Of which block a request is answered in this way. */
static uint32_t wanted(enum answer how)
{
	switch (how) {
	case INLINE_LONG:
	case INLINE_SHORT:
	case INLINE_EMPTY:
	case INLINE_PLAIN:
	case INLINE_IMM:
	case BARE_UNASKED:
	case BARE_UNKNOWN:
	case BARE_LONG:
	case BARE_SHORT:
	case BARE_EMPTY:
	case BARE_TWICE:
		return SMALL;
	case IMM_UNASKED:
	case IMM_UNKNOWN:
	case IMM_TWICE:
	case WRITE_AFTER_IMM:
	case BARE_LARGE:
	case UNASKED_INLINE:
	case BAD_CHAIN:
		return MEDIUM;
	default:
		return LARGE;
	}
}

/* Immediates are agreed on, if the initiator offers them. */
static bool agreed(enum answer how)
{
	return how == INLINE_IMM || (how > IMM_UNASKED && how < UNASKED_CANCEL);
}

/* It is an immediate, whether agreed on or not. */
static bool immediate(enum answer how)
{
	return how >= INLINE_IMM && how < UNASKED_CANCEL;
}

bool serve_listen(struct conn *listener)
{
	listener->events = rdma_create_event_channel();
	return listener->events &&
	       !rdma_create_id(listener->events, &listener->id, NULL,
			       RDMA_PS_TCP) &&
	       !rdma_bind_addr(listener->id, (void *)&opt.addr) &&
	       !rdma_listen(listener->id, 16);
}

/* Take the next connection; waits for ever if @timeout is negative. */
bool serve_next(struct conn *listener, struct conn *c, int timeout)
{
	struct pollfd fd = { .fd = listener->events->fd, .events = POLLIN };
	struct rdma_cm_event *event;
	int type;

	do {
		if (poll(&fd, 1, timeout) != 1 ||
		    rdma_get_cm_event(listener->events, &event))
			return false;
		type = event->event;
		if (type == RDMA_CM_EVENT_CONNECT_REQUEST) {
			c->id = event->id;
			c->target = true;
			if (event->param.conn.private_data_len >=
			    sizeof(c->asked))
				memcpy(&c->asked, event->param.conn.private_data,
				       sizeof(c->asked));
		}
		rdma_ack_cm_event(event);
	} while (type != RDMA_CM_EVENT_CONNECT_REQUEST);
	return true;
}

/* Accept a connection, and answer its AUTH. */
static bool serve_accept(struct conn *c, uint32_t features)
{
	struct kvpool_wire_accept accept = {
		.magic = KVPOOL_WIRE_MAGIC,
		.version = opt.version,
		.auth = KVPOOL_WIRE_AUTH_OPEN,
		.features = c->asked.features & features,
		.mtu = c->asked.mtu,
		.credits = 1,
		.max_segs = KVPOOL_WIRE_SEGS_MAX,
		.max_bytes = 1 << 20,
		.pushes = 1,
		.name = "hostile",
		.host = "hostile target",
	};
	struct rdma_conn_param param = {
		.private_data = &accept, .private_data_len = sizeof(accept),
		.initiator_depth = 1, .rnr_retry_count = 5,
	};
	struct kvpool_wire_auth back = { .name = "hostile" };
	const struct kvpool_wire_auth *auth;

	c->events = rdma_create_event_channel();
	if (!c->events || rdma_migrate_id(c->id, c->events) ||
	    !conn_prepare(c) || rdma_accept(c->id, &param) ||
	    conn_event(c, WAIT_MS) != RDMA_CM_EVENT_ESTABLISHED)
		return false;
	c->up = true;
	if (conn_wait(c, (const void **)&auth, NULL) != ANSWERED ||
	    auth->header.opcode != KVPOOL_WIRE_AUTH)
		return false;
	back.header = auth->header;
	back.header.flags = KVPOOL_WIRE_RESPONSE;
	return conn_send(c, &back, sizeof(back));
}

/*
 * Take and accept a connection. An initiator on a slow machine may have given up
 * a connection that is accepted late, and makes another.
 */
static bool serve_take(struct conn *listener, struct conn *c,
		       uint32_t features)
{
	int tries;

	for (tries = 0; tries < 10; tries++) {
		if (!serve_next(listener, c, WAIT_MS))
			return false;
		if (serve_accept(c, features))
			return true;
		ksft_print_msg("not accepted: %s\n", strerror(errno));
		conn_end(c);
	}
	return false;
}

/* Wait for the next request; ALIVE is answered in between. */
static enum outcome serve_wait(struct conn *c,
			       const struct kvpool_wire_request **request)
{
	struct kvpool_wire_header alive;
	enum outcome how;

	for (;;) {
		how = conn_wait(c, (const void **)request, NULL);
		if (how != ANSWERED)
			return how;
		if ((*request)->header.opcode != KVPOOL_WIRE_ALIVE)
			return ANSWERED;
		alive = (*request)->header;
		alive.flags = KVPOOL_WIRE_RESPONSE;
		if (!conn_send(c, &alive, sizeof(alive)))
			return FAILED;
	}
}

/* The results and bytes of an answer to one segment. */
struct reply {
	struct kvpool_wire_response wire;
	struct kvpool_wire_result result;
	uint8_t bytes[2 * KVPOOL_WIRE_INLINE_MAX];
};

static void reply_fill(struct reply *out, const struct kvpool_wire_request *r,
		       uint64_t generation)
{
	memset(out, 0, sizeof(*out));
	out->wire.header = r->header;
	out->wire.header.flags |= KVPOOL_WIRE_RESPONSE;
	out->result.length = r->segments[0].block_length;
	out->result.generation = generation;
}

/* Answer that the blocks are there: of number 1, 2 and 3, as kvfab has keys. */
static bool serve_probe(struct conn *c, const struct kvpool_wire_request *r)
{
	static const uint32_t lengths[] = { 0, LARGE, MEDIUM, SMALL };
	struct {
		struct kvpool_wire_response wire;
		struct kvpool_wire_found found[KVPOOL_WIRE_KEYS_MAX];
	} out = { .wire.header = r->header };
	unsigned int i;

	if (!r->header.nr || r->header.nr > KVPOOL_WIRE_KEYS_MAX)
		return false;
	out.wire.header.flags |= KVPOOL_WIRE_RESPONSE;
	for (i = 0; i < r->header.nr; i++) {
		uint8_t number = r->keys[i].key[0];

		if (number && number < sizeof(lengths) / sizeof(lengths[0]))
			out.found[i].length = lengths[number];
		else
			out.found[i].status = KVPOOL_WIRE_MISSING;
	}
	return conn_send(c, &out, sizeof(out.wire) +
			 r->header.nr * sizeof(out.found[0]));
}

/* Answer honestly that there is no such block any more. */
static bool serve_missing(struct conn *c, const struct kvpool_wire_request *r)
{
	struct reply out;
	bool drop = r->header.opcode == KVPOOL_WIRE_DROP;
	bool moves = r->header.opcode == KVPOOL_WIRE_FETCH &&
		     !(r->header.flags & KVPOOL_WIRE_INLINE);

	reply_fill(&out, r, 0);
	out.result.length = 0;
	out.result.status = drop ? KVPOOL_WIRE_OK : KVPOOL_WIRE_MISSING;
	if (r->header.opcode == KVPOOL_WIRE_PROBE)
		return serve_probe(c, r);
	if (r->header.opcode == KVPOOL_WIRE_CANCEL)
		return conn_send(c, &out, sizeof(out.wire));
	if (r->header.nr != 1)
		return false;
	return conn_post(c, &out, sizeof(out.wire) + sizeof(out.result),
			 moves ? r->rkey : 0);
}

/* Write to the memory of a request; with an immediate, if @imm. */
static bool serve_write(struct conn *c, const struct kvpool_wire_request *r,
			uint32_t bytes, bool imm, uint32_t id)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)c->memory, .length = bytes,
		.lkey = c->mr->lkey,
	};
	struct ibv_send_wr wr = {
		.wr_id = DEPTH, .sg_list = &sge, .num_sge = bytes ? 1 : 0,
		.opcode = imm ? IBV_WR_RDMA_WRITE_WITH_IMM : IBV_WR_RDMA_WRITE,
		.imm_data = htonl(id),
		.wr.rdma = { .remote_addr = r->address, .rkey = r->rkey },
	};
	struct ibv_send_wr *bad;

	return !ibv_post_send(c->id->qp, &wr, &bad);
}

/* Send bytes of a block with an immediate, and without a header. */
static bool serve_bare(struct conn *c, uint32_t bytes, uint32_t id)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)c->memory, .length = bytes,
		.lkey = c->mr->lkey,
	};
	struct ibv_send_wr wr = {
		.wr_id = DEPTH, .sg_list = &sge, .num_sge = bytes ? 1 : 0,
		.opcode = IBV_WR_SEND_WITH_IMM, .imm_data = htonl(id),
	};
	struct ibv_send_wr *bad;

	return !ibv_post_send(c->id->qp, &wr, &bad);
}

/* Answer one segment without having moved a byte, or as @how says. */
static bool serve_answer(struct conn *c, const struct kvpool_wire_request *r,
			 enum answer how, uint64_t generation)
{
	uint32_t rkey = r->rkey, length = r->segments[0].length;
	struct reply out;
	size_t len = sizeof(out.wire) + sizeof(out.result);

	reply_fill(&out, r, generation);
	switch (how) {
	case NO_INVALIDATION:
		rkey = 0;
		break;
	case OTHER_KEY:
		rkey ^= 0x100;
		break;
	case NO_GENERATION:
		out.result.generation = 0;
		break;
	case OTHER_STATUS:
		out.result.status = KVPOOL_WIRE_QUOTA;
		out.result.length = 0;
		out.result.generation = 0;
		break;
	case OTHER_ID:
		out.wire.header.id++;
		break;
	case TWICE:
		return conn_post(c, &out, len, rkey) && conn_send(c, &out, len);
	case BAD_CHAIN:
		out.result.parent[3] = 1;
		break;
	case UNASKED_INLINE:
		out.wire.header.flags |= KVPOOL_WIRE_INLINE;
		len += length < KVPOOL_WIRE_INLINE_MAX ? length :
							 KVPOOL_WIRE_INLINE_MAX;
		break;
	case INLINE_LONG:
		len += length + 1;
		break;
	case INLINE_SHORT:
		len += length - 1;
		break;
	case INLINE_EMPTY:
		break;
	case INLINE_PLAIN:
		out.wire.header.flags = KVPOOL_WIRE_RESPONSE;
		break;
	case INLINE_IMM:
		return serve_write(c, r, 0, true, r->header.id);
	case IMM_UNASKED:
	case IMM_OF_PART:
		return serve_write(c, r, length, true, r->header.id);
	case IMM_UNKNOWN:
		return serve_write(c, r, length, true, r->header.id + 1);
	case IMM_TWICE:
		return serve_write(c, r, length, true, r->header.id) &&
		       serve_write(c, r, 0, true, r->header.id);
	case WRITE_AFTER_IMM:
		return serve_write(c, r, length, true, r->header.id) &&
		       (usleep(chance() % 3000),
			serve_write(c, r, length, false, 0)) &&
		       (usleep(200000),
			serve_write(c, r, length, false, 0));
	case BARE_UNASKED:
		return serve_bare(c, length, r->header.id);
	case BARE_UNKNOWN:
		return serve_bare(c, length, r->header.id + 1);
	case BARE_LONG:
		return serve_bare(c, length + 1, r->header.id);
	case BARE_SHORT:
		return serve_bare(c, length - 1, r->header.id);
	case BARE_EMPTY:
		return serve_bare(c, 0, r->header.id);
	case BARE_LARGE:
		return serve_bare(c, SMALL, r->header.id);
	case BARE_TWICE:
		return serve_bare(c, length, r->header.id) &&
		       serve_bare(c, length, r->header.id);
	case UNASKED_CANCEL:
		out.wire.header.opcode = KVPOOL_WIRE_CANCEL;
		out.wire.header.nr = 0;
		len = sizeof(out.wire);
		rkey = 0;
		break;
	default:
		break;
	}
	return conn_post(c, &out, len, rkey);
}

/* Wait for a FETCH of such a block; there are no others. */
static bool serve_until(struct conn *c, uint32_t length,
			const struct kvpool_wire_request **r)
{
	for (;;) {
		if (!expect(serve_wait(c, r), ANSWERED, "a request"))
			return false;
		if ((*r)->header.opcode == KVPOOL_WIRE_FETCH &&
		    (*r)->header.nr == 1 &&
		    (*r)->segments[0].block_length == length)
			return true;
		if (!serve_missing(c, *r))
			return false;
	}
}

/* Is the request as it has to be for such a block? */
static bool serve_check(const struct kvpool_wire_request *r, uint32_t offset)
{
	bool small = r->segments[0].block_length == SMALL;

	if (!(r->header.flags & KVPOOL_WIRE_INLINE) == !small &&
	    !!r->segments[0].offset == !!offset)
		return true;
	ksft_print_msg("a request with flags %#x at %u\n", r->header.flags,
		       r->segments[0].offset);
	return false;
}

/* Sets @broken before it breaks a rule. */
static bool serve_one(struct conn *c, enum answer how, bool *broken)
{
	unsigned int i, nr = how == TORN ? 2 * ATTEMPTS : how == WHOLE ? 2 : 1;
	const struct kvpool_wire_request *r;

	/* An honest answer: the next connection comes without a delay. */
	if (how < TORN && (!serve_until(c, wanted(how), &r) ||
			   !serve_missing(c, r)))
		return false;
	for (i = 0; i < nr; i++) {
		if (!serve_until(c, wanted(how), &r))
			return false;
		*broken = true;
		if (!serve_check(r, i % 2))
			return false;
		if (!serve_answer(c, r, how, how == TORN ? 1 + i : 1))
			return false;
	}
	return how >= TORN || expect(conn_closed(c), CLOSED, answers[how]);
}

static void serve_accepted(struct conn *listener, struct conn *c,
			   enum answer how)
{
	if (!serve_take(listener, c, agreed(how) ? KVPOOL_WIRE_IMM : 0))
		ksft_exit_fail_msg("accepting: %s\n", strerror(errno));
}

/* A connection of soft iWARP may end early: see TRIES. */
static bool serve_it(struct conn *listener, struct conn *c, enum answer how)
{
	bool broken = false, ok;
	int i;

	for (i = 1;; i++) {
		ok = serve_one(c, how, &broken);
		if (ok || broken || i >= TRIES)
			return ok;
		conn_end(c);
		serve_accepted(listener, c, how);
	}
}

/* Break rules in answers: all of them, or one. */
void serve(const char *only)
{
	struct conn listener = { 0 }, c = { 0 };
	enum answer how;
	bool skip;

	ksft_set_plan(only ? 1 : WHOLE + 1);
	if (!serve_listen(&listener))
		ksft_exit_fail_msg("listening: %s\n", strerror(errno));
	ksft_print_msg("listening\n");
	for (how = 0; how <= WHOLE; how++) {
		if (only && strcmp(only, answers[how]))
			continue;
		if (!c.id)
			serve_accepted(&listener, &c, how);
		skip = opt.iwarp ? immediate(how) : agreed(how) &&
		       !(c.asked.features & KVPOOL_WIRE_IMM);
		if (skip)
			ksft_test_result_skip("%s: no immediates\n",
					      answers[how]);
		else
			ksft_test_result(serve_it(&listener, &c, how), "%s\n",
					 answers[how]);
		if (how < TORN)
			conn_end(&c);
	}
	/* The last answer has to arrive. */
	conn_wait(&c, NULL, NULL);
	conn_end(&c);
	conn_end(&listener);
	ksft_finished();
}

static bool other_version(void)
{
	return opt.version != KVPOOL_WIRE_VERSION;
}

/* Refuse a connection as a target of another version does. */
static void refuse(struct conn *c)
{
	struct kvpool_wire_reject reject = {
		.magic = KVPOOL_WIRE_MAGIC,
		.version = opt.version,
		.reason = KVPOOL_CLOSE_VERSION,
	};

	rdma_reject(c->id, &reject, sizeof(reject));
	conn_end(c);
	free(c);
}

static void *mute(void *arg)
{
	const struct kvpool_wire_request *request;
	struct conn *c = arg;
	enum outcome how;

	if (serve_accept(c, 0))
		do {
			how = serve_wait(c, &request);
		} while (how == ANSWERED || how == SILENT);
	conn_end(c);
	free(c);
	return NULL;
}

static void end(int signal)
{
	(void)signal;
	_exit(0);
}

/*
 * Answer ALIVE on every connection, and no request, until SIGTERM: an operation
 * on this peer waits for as long as a test wants. With another version, refuse
 * every second connection, and accept the others with that version.
 */
void serve_mute(void)
{
	struct conn listener = { 0 }, *c;
	bool accept = false;
	pthread_t thread;

	signal(SIGTERM, end);
	if (!serve_listen(&listener))
		ksft_exit_fail_msg("listening: %s\n", strerror(errno));
	for (;;) {
		c = calloc(1, sizeof(*c));
		if (!c || !serve_next(&listener, c, -1))
			ksft_exit_fail_msg("accepting: %s\n",
					   strerror(errno));
		accept = !accept;
		if (other_version() && !accept) {
			refuse(c);
			continue;
		}
		if (pthread_create(&thread, NULL, mute, c))
			ksft_exit_fail_msg("no thread\n");
		pthread_detach(thread);
	}
}
