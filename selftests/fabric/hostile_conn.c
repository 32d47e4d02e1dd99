// SPDX-License-Identifier: GPL-2.0
/* A hostile peer: its connections, and the messages on them. */
#include <errno.h>
#include <nettle/hmac.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"

struct opt opt = { .tenant = "default", .length = 65536, .rounds = 300 };

uint64_t chance(void)
{
	opt.seed ^= opt.seed >> 12;
	opt.seed ^= opt.seed << 25;
	opt.seed ^= opt.seed >> 27;
	return opt.seed * 0x2545f4914f6cdd1dULL;
}

bool expect(enum outcome how, enum outcome want, const char *what)
{
	if (how == want)
		return true;
	ksft_print_msg("%s: %s, not %s\n", what, outcomes[how],
		       outcomes[want]);
	return false;
}

/* ---- a connection ------------------------------------------------------- */

/* RDMA READs that the target may have in flight. */
uint8_t reads = 4;

const char * const outcomes[] = {
	"answered", "closed", "refused", "no reaction", "failed",
};

void conn_end(struct conn *c)
{
	if (c->up)
		rdma_disconnect(c->id);
	if (c->mw)
		ibv_dealloc_mw(c->mw);
	if (c->id && c->id->qp)
		rdma_destroy_qp(c->id);
	if (c->mr)
		ibv_dereg_mr(c->mr);
	if (c->cq)
		ibv_destroy_cq(c->cq);
	if (c->completions)
		ibv_destroy_comp_channel(c->completions);
	if (c->id)
		rdma_destroy_id(c->id);
	if (c->events)
		rdma_destroy_event_channel(c->events);
	free(c->memory);
	memset(c, 0, sizeof(*c));
}

/* The next event of the connection manager, or -1. */
int conn_event(struct conn *c, int timeout)
{
	struct pollfd fd = { .fd = c->events->fd, .events = POLLIN };
	struct rdma_cm_event *event;
	int type;

	if (poll(&fd, 1, timeout) != 1 || rdma_get_cm_event(c->events, &event))
		return -1;
	type = event->event;
	if (type == RDMA_CM_EVENT_ESTABLISHED &&
	    event->param.conn.private_data_len >= sizeof(c->given))
		memcpy(&c->given, event->param.conn.private_data,
		       sizeof(c->given));
	if (type == RDMA_CM_EVENT_REJECTED &&
	    event->param.conn.private_data_len >= sizeof(c->rejected))
		memcpy(&c->rejected, event->param.conn.private_data,
		       sizeof(c->rejected));
	/* Rejected later: it was closed before it was established there. */
	if (type == RDMA_CM_EVENT_DISCONNECTED ||
	    type == RDMA_CM_EVENT_REJECTED)
		c->gone = true;
	rdma_ack_cm_event(event);
	return type;
}

static bool conn_receive(struct conn *c, unsigned int n)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)(c->in + n * CAPSULE),
		.length = CAPSULE, .lkey = c->mr->lkey,
	};
	struct ibv_recv_wr wr = { .wr_id = n, .sg_list = &sge, .num_sge = 1 };
	struct ibv_recv_wr *bad;

	return !ibv_post_recv(c->id->qp, &wr, &bad);
}

static bool conn_memory(struct conn *c)
{
	size_t bytes = c->silent ? CAPSULE : MEMORY + 2UL * DEPTH * CAPSULE;

	if (posix_memalign((void **)&c->memory, 4096, bytes))
		return false;
	memset(c->memory, 0, bytes);
	c->in = c->memory;
	if (!c->silent) {
		c->out = c->memory + MEMORY;
		c->in = c->out + DEPTH * CAPSULE;
	}
	c->mr = ibv_reg_mr(c->id->pd, c->memory, bytes, IBV_ACCESS_LOCAL_WRITE |
			   IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ |
			   IBV_ACCESS_MW_BIND);
	return c->mr;
}

static bool conn_resolve(struct conn *c)
{
	c->events = rdma_create_event_channel();
	return c->events &&
	       !rdma_create_id(c->events, &c->id, NULL, RDMA_PS_TCP) &&
	       !rdma_resolve_addr(c->id, NULL, (void *)&opt.addr, 5000) &&
	       conn_event(c, WAIT_MS) == RDMA_CM_EVENT_ADDR_RESOLVED &&
	       !rdma_resolve_route(c->id, 5000) &&
	       conn_event(c, WAIT_MS) == RDMA_CM_EVENT_ROUTE_RESOLVED;
}

bool conn_prepare(struct conn *c)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = DEPTH, .max_recv_wr = DEPTH,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
	};
	unsigned int i;

	c->completions = ibv_create_comp_channel(c->id->verbs);
	if (!c->completions)
		return false;
	c->cq = ibv_create_cq(c->id->verbs, 2 * DEPTH, NULL, c->completions, 0);
	if (!c->cq)
		return false;
	attr.send_cq = c->cq;
	attr.recv_cq = c->cq;
	if (rdma_create_qp(c->id, NULL, &attr) || !conn_memory(c))
		return false;
	for (i = 0; i < (c->silent ? 1 : DEPTH); i++)
		if (!conn_receive(c, i))
			return false;
	return true;
}

void connect_fill(struct kvpool_wire_connect *wire)
{
	unsigned int i;

	*wire = (struct kvpool_wire_connect) {
		.magic = KVPOOL_WIRE_MAGIC,
		.version = KVPOOL_WIRE_VERSION,
		.version_min = KVPOOL_WIRE_VERSION,
		.nr_queues = 1,
		.credits = 16,
		.host = "hostile",
	};
	for (i = 0; i < sizeof(wire->nonce); i++)
		wire->nonce[i] = chance();
}

/* Ask for a connection with any private data. */
enum outcome conn_ask(struct conn *c, const void *data, size_t len)
{
	struct rdma_conn_param param = {
		.private_data = data, .private_data_len = len,
		.responder_resources = reads, .initiator_depth = 4,
		.retry_count = 5, .rnr_retry_count = 5,
	};

	if (!conn_resolve(c) || !conn_prepare(c) || rdma_connect(c->id, &param))
		return FAILED;
	switch (conn_event(c, WAIT_MS)) {
	case RDMA_CM_EVENT_ESTABLISHED:
		c->up = true;
		return ANSWERED;
	case RDMA_CM_EVENT_REJECTED:
		return REFUSED;
	case -1:
		return SILENT;
	default:
		return FAILED;
	}
}

/* ---- messages ----------------------------------------------------------- */

/* Send bytes as they are, and invalidate what @rkey names unless it is zero. */
bool conn_post(struct conn *c, const void *data, size_t len, uint32_t rkey)
{
	uint8_t *at = c->out + (c->sent++ % DEPTH) * CAPSULE;
	struct ibv_sge sge = {
		.addr = (uintptr_t)at, .length = len, .lkey = c->mr->lkey,
	};
	struct ibv_send_wr wr = {
		.wr_id = DEPTH, .sg_list = &sge, .num_sge = len ? 1 : 0,
		.opcode = rkey ? IBV_WR_SEND_WITH_INV : IBV_WR_SEND,
		.invalidate_rkey = rkey,
	};
	struct ibv_send_wr *bad;

	memcpy(at, data, len);
	return !ibv_post_send(c->id->qp, &wr, &bad);
}

bool conn_send(struct conn *c, const void *data, size_t len)
{
	return conn_post(c, data, len, 0);
}

/*
 * Wait for an answer or for the end. The connection manager reports the end, or
 * the queue pair flushes its receives. It does that also when an answer
 * invalidates memory that is no window.
 */
enum outcome conn_wait(struct conn *c, const void **answer, size_t *len)
{
	struct pollfd fds[2] = {
		{ .fd = c->completions->fd, .events = POLLIN },
		{ .fd = c->events->fd, .events = POLLIN },
	};
	struct ibv_cq *cq;
	struct ibv_wc wc;
	void *context;

	if (c->taken && !c->gone && !conn_receive(c, c->taken - 1))
		return FAILED;
	c->taken = 0;
	for (;;) {
		if (ibv_req_notify_cq(c->cq, 0))
			return FAILED;
		while (ibv_poll_cq(c->cq, 1, &wc) > 0) {
			if (wc.wr_id == DEPTH)
				continue;
			if (wc.status != IBV_WC_SUCCESS) {
				c->gone = true;
				continue;
			}
			c->taken = wc.wr_id + 1;
			if (answer)
				*answer = c->in + wc.wr_id * CAPSULE;
			if (len)
				*len = wc.byte_len;
			return ANSWERED;
		}
		if (c->gone)
			return CLOSED;
		if (poll(fds, 2, WAIT_MS) < 1)
			return SILENT;
		if (fds[0].revents && !ibv_get_cq_event(c->completions, &cq,
							&context))
			ibv_ack_cq_events(cq, 1);
		if (fds[1].revents)
			conn_event(c, 0);
	}
}

static void proof(const struct conn *c, const char *label, uint8_t *out)
{
	struct hmac_sha256_ctx hmac;
	uint8_t name[16] = { 0 };

	memset(out, 0, KVPOOL_WIRE_PROOF);
	if (c->given.auth != KVPOOL_WIRE_AUTH_HMAC)
		return;
	memcpy(name, label, strlen(label));
	hmac_sha256_set_key(&hmac, strlen(opt.secret), (void *)opt.secret);
	hmac_sha256_update(&hmac, sizeof(name), name);
	hmac_sha256_update(&hmac, sizeof(c->asked), (void *)&c->asked);
	hmac_sha256_update(&hmac, sizeof(c->given), (void *)&c->given);
	hmac_sha256_digest(&hmac, KVPOOL_WIRE_PROOF, out);
}

enum outcome conn_auth(struct conn *c, int damage)
{
	struct kvpool_wire_auth wire = {
		.header = { .opcode = KVPOOL_WIRE_AUTH, .id = 1 },
	};
	const struct kvpool_wire_auth *back;
	uint8_t want[KVPOOL_WIRE_PROOF];
	enum outcome how;
	size_t len;

	proof(c, "kvpool initiator", wire.proof);
	if (damage >= 0)
		wire.proof[damage / 8] ^= 1 << damage % 8;
	if (!conn_send(c, &wire, sizeof(wire)))
		return FAILED;
	how = conn_wait(c, (const void **)&back, &len);
	if (how != ANSWERED)
		return how;
	proof(c, "kvpool target", want);
	return len == sizeof(*back) &&
	       back->header.opcode == KVPOOL_WIRE_AUTH &&
	       back->header.flags == KVPOOL_WIRE_RESPONSE &&
	       !memcmp(back->proof, want, sizeof(want)) ? ANSWERED : FAILED;
}

/* An honest connection. */
bool conn_open(struct conn *c)
{
	enum outcome how;

	memset(c, 0, sizeof(*c));
	connect_fill(&c->asked);
	how = conn_ask(c, &c->asked, sizeof(c->asked));
	if (how == ANSWERED)
		how = conn_auth(c, -1);
	if (how != ANSWERED) {
		ksft_print_msg("an honest connection: %s (%s)\n", outcomes[how],
			       strerror(errno));
		conn_end(c);
	}
	return how == ANSWERED;
}
