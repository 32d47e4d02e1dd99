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
	unsigned int i;

	if (c->up)
		rdma_disconnect(c->id);
	for (i = 0; i < WINDOWS; i++) {
		if (c->mw[i])
			ibv_dealloc_mw(c->mw[i]);
		if (c->regions[i])
			ibv_dereg_mr(c->regions[i]);
	}
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
	static unsigned int links;
	unsigned int i;

	/* A link that is connected once more replaces what there was of it. */
	*wire = (struct kvpool_wire_connect) {
		.magic = KVPOOL_WIRE_MAGIC,
		.version = KVPOOL_WIRE_VERSION,
		.version_min = KVPOOL_WIRE_VERSION,
		.link = 1 + links++ % 1000,
		.nr_queues = 1,
		.credits = 16,
		.mtu = opt.iwarp ? 0 : 1024,
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

	if (!conn_resolve(c) || !conn_prepare(c))
		return FAILED;
	/* With iWARP a port where nobody listens is known at once. */
	if (rdma_connect(c->id, &param))
		return errno == ECONNREFUSED ? REFUSED : FAILED;
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
		/* The library of siw takes it from there. */
		.wr.rdma.rkey = rkey,
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
			c->last = wc;
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

/* Wait for the end, whatever comes before it. */
enum outcome conn_closed(struct conn *c)
{
	enum outcome how;

	do {
		how = conn_wait(c, NULL, NULL);
	} while (how == ANSWERED);
	return how;
}

/* An IP address as it is mapped to IPv6, and the port. */
static void address_end(struct sockaddr *from, struct kvpool_wire_end *end)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)from;
	struct sockaddr_in *v4 = (struct sockaddr_in *)from;

	memset(end, 0, sizeof(*end));
	if (from->sa_family == AF_INET) {
		memset(end->address + 10, 0xff, 2);
		memcpy(end->address + 12, &v4->sin_addr, 4);
		end->number = ntohs(v4->sin_port);
	} else {
		memcpy(end->address, &v6->sin6_addr, 16);
		end->number = ntohs(v6->sin6_port);
	}
}

/* Both ends of a connection, as its queue pair has them. */
bool conn_ends(const struct conn *c, struct kvpool_wire_end *here,
	       struct kvpool_wire_end *there)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;
	union ibv_gid gid;

	if (c->id->verbs->device->transport_type == IBV_TRANSPORT_IWARP) {
		address_end(rdma_get_local_addr(c->id), here);
		address_end(rdma_get_peer_addr(c->id), there);
		return true;
	}
	if (ibv_query_qp(c->id->qp, &attr, IBV_QP_AV | IBV_QP_DEST_QPN, &init) ||
	    ibv_query_gid(c->id->verbs, c->id->port_num,
			  attr.ah_attr.grh.sgid_index, &gid))
		return false;
	memcpy(here->address, &gid, 16);
	memcpy(there->address, &attr.ah_attr.grh.dgid, 16);
	here->number = c->id->qp->qp_num;
	there->number = attr.dest_qp_num;
	return true;
}

static void damaged(struct kvpool_wire_proven *p, bool initiator, int damage)
{
	struct kvpool_wire_end *here = initiator ? &p->initiator : &p->target;
	struct kvpool_wire_end *there = initiator ? &p->target : &p->initiator;
	struct kvpool_wire_end old = *here;

	switch (damage) {
	case OTHER_NAME:
		p->name[0] ^= 1;
		break;
	case HERE_ADDRESS:
		here->address[15] ^= 1;
		break;
	case HERE_NUMBER:
		here->number ^= 1;
		break;
	case THERE_ADDRESS:
		there->address[15] ^= 4;
		break;
	case THERE_NUMBER:
		there->number += 2;
		break;
	case SWAPPED:
		*here = *there;
		*there = old;
		break;
	case NO_ENDS:
		memset(here, 0, sizeof(*here));
		memset(there, 0, sizeof(*there));
		break;
	}
}

/* A proof for the initiator or for the target of this connection. */
void conn_proof(const struct conn *c, bool initiator, const char *name,
		int damage, uint8_t *out)
{
	struct kvpool_wire_proven proven = {
		.connect = c->asked, .accept = c->given,
	};
	struct hmac_sha256_ctx hmac;

	memset(out, 0, KVPOOL_WIRE_PROOF);
	if (c->given.auth == KVPOOL_WIRE_AUTH_HMAC && opt.secret) {
		memcpy(proven.label, initiator != (damage == LABEL) ?
		       "kvpool initiator" : "kvpool target\0\0",
		       sizeof(proven.label));
		memcpy(proven.name, name, strlen(name));
		if (c->target)
			conn_ends(c, &proven.target, &proven.initiator);
		else
			conn_ends(c, &proven.initiator, &proven.target);
		damaged(&proven, initiator, damage);
		hmac_sha256_set_key(&hmac, strlen(opt.secret),
				    (void *)opt.secret);
		hmac_sha256_update(&hmac, sizeof(proven), (void *)&proven);
		hmac_sha256_digest(&hmac, KVPOOL_WIRE_PROOF, out);
	}
	if (damage >= BIT && damage < LABEL)
		out[(damage - BIT) / 8] ^= 1 << (damage - BIT) % 8;
}

/*
 * Prove that this is the host of a name, with something wrong with the proof or
 * with NOTHING.
 */
static enum outcome conn_auth_as(struct conn *c, const char *name, int damage)
{
	struct kvpool_wire_auth wire = {
		.header = { .opcode = KVPOOL_WIRE_AUTH, .id = 1 },
	};
	const struct kvpool_wire_auth *back;
	uint8_t want[KVPOOL_WIRE_PROOF];
	enum outcome how;
	size_t len;

	strncpy((char *)wire.name, name, sizeof(wire.name) - 1);
	conn_proof(c, true, name, damage, wire.proof);
	if (!conn_send(c, &wire, sizeof(wire)))
		return FAILED;
	how = conn_wait(c, (const void **)&back, &len);
	if (how != ANSWERED)
		return how;
	conn_proof(c, false, name, NOTHING, want);
	return len == sizeof(*back) &&
	       back->header.opcode == KVPOOL_WIRE_AUTH &&
	       back->header.flags == KVPOOL_WIRE_RESPONSE &&
	       !memcmp(back->name, c->given.name, sizeof(back->name)) &&
	       !memcmp(back->proof, want, sizeof(want)) ? ANSWERED : FAILED;
}

enum outcome conn_auth(struct conn *c, int damage)
{
	return conn_auth_as(c, "hostile", damage);
}

/* An honest connection with these terms, of the host of this name. */
bool conn_open_as(struct conn *c, const struct kvpool_wire_connect *terms,
		  const char *name)
{
	bool silent = c->silent;
	enum outcome how = CLOSED;
	int i;

	for (i = 0; how == CLOSED && i < TRIES; i++) {
		memset(c, 0, sizeof(*c));
		c->silent = silent;
		c->asked = *terms;
		how = conn_ask(c, &c->asked, sizeof(c->asked));
		if (how == ANSWERED)
			how = conn_auth_as(c, name, NOTHING);
		if (how == REFUSED)
			ksft_print_msg("an honest connection: refused, reason %u\n",
				       c->rejected.reason);
		else if (how != ANSWERED)
			ksft_print_msg("an honest connection: %s (%s)\n",
				       outcomes[how], strerror(errno));
		if (how != ANSWERED)
			conn_end(c);
	}
	return how == ANSWERED;
}

/* An honest connection. */
bool conn_open(struct conn *c)
{
	struct kvpool_wire_connect terms;

	connect_fill(&terms);
	c->silent = false;
	return conn_open_as(c, &terms, "hostile");
}
