// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile target that sends what it may not send before the connection is up,
 * at random moments, and whose replies are out of order. The initiator is under
 * test: each connection has to end, and none comes up.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

/* What comes too early; then what is wrong with the reply. */
enum early {
	EARLY_FETCH,
	EARLY_ALIVE,
	EARLY_CANCEL,
	EARLY_AUTH,
	EARLY_IMM,
	EARLY_NOISE,
	EARLY_REQUEST,
	AUTH_NO_NAME,
	AUTH_OTHER_NAME,
	AUTH_TWICE,
	LATE_FETCH,		/* before AUTH is answered */
	LATE_IMM,
	REPLY_FEATURES,
	REPLY_WAITS,
	REPLY_PUSHES,
	REPLY_MTU,
	REPLY_RESERVED,
	REPLY_NAME,
	REPLY_CREDITS,
	NR_EARLY
};

static const char * const names[] = {
	"early_fetch", "early_alive", "early_cancel", "early_auth",
	"early_imm", "early_noise", "early_request",
	"auth_no_name", "auth_other_name", "auth_twice",
	"late_fetch", "late_imm",
	"reply_features", "reply_waits", "reply_pushes", "reply_mtu",
	"reply_reserved", "reply_name", "reply_credits",
};

static void reply(struct kvpool_wire_accept *a, const struct conn *c,
		  enum early how)
{
	*a = (struct kvpool_wire_accept) {
		.magic = KVPOOL_WIRE_MAGIC,
		.version = KVPOOL_WIRE_VERSION,
		.features = c->asked.features & KVPOOL_WIRE_IMM,
		.credits = 1,
		.max_segs = KVPOOL_WIRE_SEGS_MAX,
		.max_bytes = 1 << 20,
		.pushes = 1,
		.mtu = c->asked.mtu,
		.name = "hostile",
		.host = "hostile target",
	};
	switch (how) {
	case REPLY_FEATURES:
		a->features |= 0x40000000;
		break;
	case REPLY_WAITS:
		a->waits = a->credits;
		break;
	case REPLY_PUSHES:
		a->pushes = 0;
		break;
	case REPLY_MTU:
		a->mtu = 1500;
		break;
	case REPLY_RESERVED:
		a->reserved = 1;
		break;
	case REPLY_NAME:
		memset(a->name, 'x', sizeof(a->name));
		break;
	case REPLY_CREDITS:
		a->credits = c->asked.credits + 1;
		break;
	default:
		break;
	}
}

/* Responses to requests that nobody has sent. */
static bool send_early(struct conn *c, enum early how)
{
	struct {
		struct kvpool_wire_response wire;
		struct kvpool_wire_result result;
	} out = {
		.wire.header = {
			.flags = KVPOOL_WIRE_RESPONSE, .nr = 1,
			.opcode = KVPOOL_WIRE_FETCH, .id = chance() % 4,
		},
		.result = { .status = KVPOOL_WIRE_MISSING },
	};
	struct kvpool_wire_auth auth = {
		.header = { .opcode = KVPOOL_WIRE_AUTH,
			    .flags = KVPOOL_WIRE_RESPONSE, },
		.name = "hostile",
	};
	struct ibv_send_wr wr = {
		.wr_id = DEPTH, .opcode = IBV_WR_RDMA_WRITE_WITH_IMM,
		.imm_data = htonl(chance() % 4),
	}, *bad;
	uint8_t noise[200];
	size_t i;

	switch (how) {
	case EARLY_FETCH:
	case LATE_FETCH:
		return conn_send(c, &out, sizeof(out));
	case EARLY_ALIVE:
	case EARLY_CANCEL:
		out.wire.header.opcode = how == EARLY_ALIVE ?
					 KVPOOL_WIRE_ALIVE : KVPOOL_WIRE_CANCEL;
		out.wire.header.nr = 0;
		return conn_send(c, &out, sizeof(out.wire));
	case EARLY_AUTH:
		return conn_send(c, &auth, sizeof(auth));
	case EARLY_IMM:
	case LATE_IMM:
		return !ibv_post_send(c->id->qp, &wr, &bad);
	case EARLY_REQUEST:
		out.wire.header.flags = 0;
		return conn_send(c, &out, sizeof(out));
	case EARLY_NOISE:
		for (i = 0; i < sizeof(noise); i++)
			noise[i] = chance();
		return conn_send(c, noise, 1 + chance() % sizeof(noise));
	default:
		return true;
	}
}

/* What follows the connection's AUTH. */
static bool answer_auth(struct conn *c, enum early how)
{
	struct kvpool_wire_auth back = { .name = "hostile" };
	const struct kvpool_wire_auth *auth;

	if (conn_wait(c, (const void **)&auth, NULL) != ANSWERED)
		return false;
	back.header = auth->header;
	back.header.flags = KVPOOL_WIRE_RESPONSE;
	switch (how) {
	case AUTH_NO_NAME:
		memset(back.name, 0, sizeof(back.name));
		return conn_send(c, &back, sizeof(back));
	case AUTH_OTHER_NAME:
		back.name[0] = 'H';
		return conn_send(c, &back, sizeof(back));
	case AUTH_TWICE:
		return conn_send(c, &back, sizeof(back)) &&
		       conn_send(c, &back, sizeof(back));
	default:
		return send_early(c, how);
	}
}

/* Accept the next connection that its initiator has not given up yet. */
static void take(struct conn *listener, struct conn *c, enum early how)
{
	struct kvpool_wire_accept accept;
	struct rdma_conn_param param = {
		.private_data = &accept, .private_data_len = sizeof(accept),
		.initiator_depth = 1, .rnr_retry_count = 5,
	};
	int tries;

	for (tries = 0; tries < 10; tries++) {
		if (!serve_next(listener, c, WAIT_MS))
			break;
		reply(&accept, c, how);
		c->events = rdma_create_event_channel();
		c->up = c->events && !rdma_migrate_id(c->id, c->events) &&
			conn_prepare(c) && !rdma_accept(c->id, &param);
		if (c->up)
			return;
		conn_end(c);
	}
	ksft_exit_fail_msg("no connection: %s\n", strerror(errno));
}

static bool serve_too_early(struct conn *c, enum early how)
{
	bool late = how >= AUTH_NO_NAME && how <= LATE_IMM;

	/* The queue pair can send: the initiator may not have the reply yet. */
	if (!late && chance() % 2)
		usleep(chance() % 20000);
	if (!late && !send_early(c, how))
		return false;
	if (late && !answer_auth(c, how))
		return false;
	return expect(conn_closed(c), CLOSED, names[how]);
}

/* Every one of them @opt.rounds times, each on a connection of its own. */
void serve_early(void)
{
	struct conn listener = { 0 }, c = { 0 };
	unsigned int round;
	enum early how;
	bool ok;

	ksft_set_plan(NR_EARLY);
	if (!serve_listen(&listener))
		ksft_exit_fail_msg("listening: %s\n", strerror(errno));
	ksft_print_msg("listening, seed %llu\n", (unsigned long long)opt.seed);
	for (how = 0; how < NR_EARLY; how++) {
		if (opt.iwarp && (how == EARLY_IMM || how == LATE_IMM)) {
			ksft_test_result_skip("%s: no immediates\n", names[how]);
			continue;
		}
		ok = true;
		for (round = 0; round < opt.rounds; round++) {
			take(&listener, &c, how);
			ok &= serve_too_early(&c, how);
			conn_end(&c);
		}
		ksft_test_result(ok, "%s\n", names[how]);
	}
	conn_end(&listener);
	ksft_finished();
}
