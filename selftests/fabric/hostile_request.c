// SPDX-License-Identifier: GPL-2.0
/* A hostile initiator: the requests that it changes, and their answers. */
#include <arpa/inet.h>
#include <string.h>

#include "hostile.h"

/* Bytes of a request with so many segments or keys. */
size_t sized(uint8_t opcode, unsigned int nr)
{
	return sizeof(struct kvpool_wire_request) +
	       nr * (opcode == KVPOOL_WIRE_PROBE ?
		     sizeof(struct kvpool_wire_key) :
		     sizeof(struct kvpool_wire_segment));
}

size_t request_size(const struct request *r)
{
	return sized(r->wire.header.opcode, r->wire.header.nr);
}

struct kvpool_wire_segment *request_segment(struct request *r, unsigned int i)
{
	return &r->wire.segments[i];
}

/* One segment: all of the known block. */
void request_fill(struct request *r, uint8_t opcode)
{
	struct kvpool_wire_segment *s = request_segment(r, 0);

	memset(r, 0, sizeof(*r));
	r->wire.header.opcode = opcode;
	r->wire.header.nr = 1;
	r->wire.header.id = chance();
	memcpy(r->wire.tenant, opt.tenant, sizeof(r->wire.tenant));
	r->wire.node = KVPOOL_WIRE_NODE_ANY;
	memcpy(s->key, opt.key, sizeof(s->key));
	if (opcode == KVPOOL_WIRE_PROBE)
		return;
	s->push = opcode == KVPOOL_WIRE_PUSH || opcode == KVPOOL_WIRE_DROP ?
		 chance() | 1 : 0;
	if (opcode == KVPOOL_WIRE_DROP)
		return;
	s->block_length = opt.length;
	s->length = opt.length;
	r->wire.length = (opt.length + 4095) & ~4095U;
}

/*
 * The same with a memory region: soft iWARP has no windows, and lets the target
 * invalidate a region.
 */
static bool conn_region(struct conn *c, struct request *r, uint32_t bytes,
			int access)
{
	struct ibv_mr **mr = &c->regions[c->windows++ % WINDOWS];

	if (*mr)
		ibv_dereg_mr(*mr);
	*mr = ibv_reg_mr(c->id->pd, c->memory, bytes,
			 IBV_ACCESS_LOCAL_WRITE | access);
	if (!*mr)
		return false;
	r->wire.address = (uintptr_t)c->memory;
	r->wire.rkey = (*mr)->rkey;
	return true;
}

/* Let the target use a part of the memory until it answers. */
bool conn_window(struct conn *c, struct request *r, uint32_t bytes, int access)
{
	struct ibv_mw_bind_info bind = {
		.mr = c->mr, .addr = (uintptr_t)c->memory, .length = bytes,
		.mw_access_flags = access,
	};
	struct ibv_send_wr wr = {
		.wr_id = DEPTH, .opcode = IBV_WR_BIND_MW,
	}, *bad;
	struct ibv_mw **mw;

	if (opt.iwarp)
		return conn_region(c, r, bytes, access);
	mw = &c->mw[c->windows++ % WINDOWS];
	if (*mw)
		ibv_dealloc_mw(*mw);
	*mw = ibv_alloc_mw(c->id->pd, IBV_MW_TYPE_2);
	if (!*mw)
		return false;
	wr.bind_mw.mw = *mw;
	wr.bind_mw.rkey = ibv_inc_rkey((*mw)->rkey);
	wr.bind_mw.bind_info = bind;
	if (ibv_post_send(c->id->qp, &wr, &bad))
		return false;
	(*mw)->rkey = wr.bind_mw.rkey;
	r->wire.address = (uintptr_t)c->memory;
	r->wire.rkey = wr.bind_mw.rkey;
	return true;
}

/* Send a request on a new connection. */
enum outcome try_request(const struct request *r, size_t len)
{
	struct conn c;
	enum outcome how = FAILED;

	if (!conn_open(&c))
		return FAILED;
	if (conn_send(&c, r, len))
		how = conn_wait(&c, NULL, NULL);
	conn_end(&c);
	return how;
}

bool closes(const struct request *r, size_t len, const char *what)
{
	return expect(try_request(r, len), CLOSED, what);
}

/* Ask for one key. */
void request_probe(struct request *r, const uint8_t *key)
{
	request_fill(r, KVPOOL_WIRE_PROBE);
	memcpy(r->wire.keys[0].key, key, KVPOOL_KEY_SIZE);
}

bool conn_request(struct conn *c, const struct request *r)
{
	return conn_send(c, r, request_size(r));
}

/* An answer to a request, all but its results in order? */
static bool answers_it(const struct request *r,
		       const struct kvpool_wire_response *answer, size_t len)
{
	const struct kvpool_wire_header *h = &r->wire.header;
	size_t want = sizeof(*answer) + h->nr *
		      (h->opcode == KVPOOL_WIRE_PROBE ?
		       sizeof(answer->found[0]) : sizeof(answer->results[0]));

	if (h->flags == KVPOOL_WIRE_INLINE && !answer->results[0].status)
		want += r->segments[0].length;
	return answer->header.flags == (KVPOOL_WIRE_RESPONSE | h->flags) &&
	       answer->header.opcode == h->opcode &&
	       answer->header.id == h->id && answer->header.nr == h->nr &&
	       len == want;
}

/*
 * Wait for the answer to a request that has been sent. Returns the status of its
 * first segment or key, or -1.
 */
int conn_status(struct conn *c, const struct request *r)
{
	const struct kvpool_wire_response *answer;
	size_t len;

	if (conn_wait(c, (const void **)&answer, &len) != ANSWERED)
		return -1;
	if (c->last.opcode == IBV_WC_RECV_RDMA_WITH_IMM)
		return c->asked.features & KVPOOL_WIRE_IMM &&
		       c->given.features & KVPOOL_WIRE_IMM &&
		       ntohl(c->last.imm_data) == r->wire.header.id &&
		       r->wire.header.opcode == KVPOOL_WIRE_FETCH &&
		       r->wire.header.nr == 1 && !r->wire.header.flags &&
		       r->segments[0].length == r->segments[0].block_length ?
		       KVPOOL_WIRE_OK : -1;
	if (!answers_it(r, answer, len))
		return -1;
	return r->wire.header.opcode == KVPOOL_WIRE_PROBE ?
	       answer->found[0].status : answer->results[0].status;
}

/* The status that the target gives a request, or -1. */
int ask(struct conn *c, const struct request *r)
{
	return conn_request(c, r) ? conn_status(c, r) : -1;
}

bool wants(int status, int want, const char *what)
{
	if (status == want)
		return true;
	ksft_print_msg("%s: status %d, not %d\n", what, status, want);
	return false;
}

/* The bytes of the known block are in the memory, and no byte more. */
bool filled(const struct conn *c, uint32_t bytes)
{
	uint32_t i;

	for (i = 0; i < bytes && c->memory[i] == opt.fill; i++)
		;
	return i == bytes && !c->memory[i] && !c->memory[MEMORY - 1];
}
