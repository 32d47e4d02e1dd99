// SPDX-License-Identifier: GPL-2.0
/* A hostile target: the requester is under test. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

/* How it answers a FETCH. */
enum answer {
	NO_INVALIDATION,
	OTHER_KEY,
	OTHER_STATUS,
	NO_GENERATION,
	TORN,
	WHOLE,
};

static const char * const answers[] = {
	"no_invalidation", "other_key", "other_status", "no_generation",
	"torn", "whole",
};

/* Attempts of a FETCH: 1 + KVPOOL_MAX_RETRIES of job.c. */
#define ATTEMPTS	11

static bool serve_listen(struct conn *listener)
{
	listener->events = rdma_create_event_channel();
	return listener->events &&
	       !rdma_create_id(listener->events, &listener->id, NULL,
			       RDMA_PS_TCP) &&
	       !rdma_bind_addr(listener->id, (void *)&opt.addr) &&
	       !rdma_listen(listener->id, 16);
}

/* Take the next connection; waits for ever if @timeout is negative. */
static bool serve_next(struct conn *listener, struct conn *c, int timeout)
{
	struct pollfd fd = { .fd = listener->events->fd, .events = POLLIN };
	struct rdma_cm_event *event;
	int type;

	do {
		if (poll(&fd, 1, timeout) != 1 ||
		    rdma_get_cm_event(listener->events, &event))
			return false;
		type = event->event;
		if (type == RDMA_CM_EVENT_CONNECT_REQUEST)
			c->id = event->id;
		rdma_ack_cm_event(event);
	} while (type != RDMA_CM_EVENT_CONNECT_REQUEST);
	return true;
}

/* Accept a connection, and answer its AUTH. */
static bool serve_accept(struct conn *c)
{
	struct kvpool_wire_accept accept = {
		.magic = KVPOOL_WIRE_MAGIC,
		.version = opt.version,
		.auth = KVPOOL_WIRE_AUTH_OPEN,
		.credits = 1,
		.max_segs = KVPOOL_WIRE_SEGS_MAX,
		.max_bytes = 1 << 20,
		.host = "hostile target",
	};
	struct rdma_conn_param param = {
		.private_data = &accept, .private_data_len = sizeof(accept),
		.initiator_depth = 1, .rnr_retry_count = 5,
	};
	struct kvpool_wire_auth back = { 0 };
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
static bool serve_take(struct conn *listener, struct conn *c)
{
	int tries;

	for (tries = 0; tries < 10; tries++) {
		if (!serve_next(listener, c, WAIT_MS))
			return false;
		if (serve_accept(c))
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

/* Answer one segment without having moved a byte. */
static bool serve_answer(struct conn *c, const struct kvpool_wire_request *r,
			 enum answer how, uint64_t generation)
{
	struct {
		struct kvpool_wire_response wire;
		struct kvpool_wire_result result;
	} out = {
		.wire.header = r->header,
		.result.length = r->segments[0].block_length,
		.result.generation = generation,
	};
	uint32_t rkey = r->rkey;

	out.wire.header.flags = KVPOOL_WIRE_RESPONSE;
	if (how == NO_INVALIDATION)
		rkey = 0;
	if (how == OTHER_KEY)
		rkey ^= 0x100;
	if (how == NO_GENERATION)
		out.result.generation = 0;
	if (how == OTHER_STATUS) {
		out.result.status = KVPOOL_WIRE_QUOTA;
		out.result.length = 0;
		out.result.generation = 0;
	}
	return conn_post(c, &out, sizeof(out), rkey);
}

static bool serve_one(struct conn *c, enum answer how)
{
	unsigned int i, nr = how == TORN ? 2 * ATTEMPTS : how == WHOLE ? 2 : 1;
	const struct kvpool_wire_request *r;

	for (i = 0; i < nr; i++) {
		if (!expect(serve_wait(c, &r), ANSWERED, "a request"))
			return false;
		if (r->header.opcode != KVPOOL_WIRE_FETCH || r->header.nr != 1 ||
		    !!r->segments[0].offset != i % 2) {
			ksft_print_msg("request %u is not the expected one\n", i);
			return false;
		}
		if (!serve_answer(c, r, how, how == TORN ? 1 + i : 1))
			return false;
	}
	return how >= TORN ||
	       expect(serve_wait(c, &r), CLOSED, answers[how]);
}

void serve(void)
{
	struct conn listener = { 0 }, c = { 0 };
	enum answer how;

	ksft_set_plan(WHOLE + 1);
	if (!serve_listen(&listener))
		ksft_exit_fail_msg("listening: %s\n", strerror(errno));
	ksft_print_msg("listening\n");
	for (how = 0; how <= WHOLE; how++) {
		if (!c.id && !serve_take(&listener, &c))
			ksft_exit_fail_msg("accepting: %s\n",
					   strerror(errno));
		ksft_test_result(serve_one(&c, how), "%s\n", answers[how]);
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

	if (serve_accept(c))
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
