// SPDX-License-Identifier: GPL-2.0
/*
 * Many hosts in one program: each has an identity, a name and a connection of its
 * own to the target under test. As hosts they prove who they are and fetch a page
 * each time, all of them at the same time; as a storm they connect, break off at
 * any point and connect again. One thread; what they share are a completion queue,
 * a protection domain and the memory of messages.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/resource.h>

#include "hostile.h"

#define AT_A_TIME	16	/* that are connecting */
#define ROOM		8192U	/* bytes of a host's messages */
#define PATIENCE_MS	120000

/* Where a host of the storm breaks off. */
enum fate {
	HONEST,
	AT_REQUEST,		/* as soon as it has asked for a connection */
	AT_REPLY,		/* as soon as it is connected */
	NO_AUTH,		/* connected, and silent for a while */
	GARBAGE,		/* in the place of AUTH */
	WRONG_PROOF,
	AT_AUTH,		/* before the answer to AUTH comes */
	NR_FATES
};

enum stage { IDLE, RESOLVING, ASKING, PROVING, READY };

static struct many {
	struct conn conn;	/* for its id, terms and proof */
	uint8_t *room;		/* a message to send, and one to receive */
	enum stage stage;
	enum fate fate;
	unsigned int number;
	unsigned int got;	/* pages */
	unsigned int tries;
	bool waits;		/* for an answer */
} *many;

static struct {
	struct rdma_event_channel *events;
	struct ibv_comp_channel *completions;
	struct ibv_context *verbs;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	uint8_t *memory;
	unsigned int nr;
	unsigned int connecting;
	unsigned int ready;
	unsigned int done;	/* storm: connections that have ended */
	unsigned int refused;
	unsigned int lost;
	bool storm;
} all;

static volatile sig_atomic_t told;

static void tell(int signal)
{
	(void)signal;
	told = 1;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

static void fail(const char *what)
{
	ksft_exit_fail_msg("%s: %s\n", what, strerror(errno));
}

/* What belongs to the device; made with the first connection. */
static void share(struct ibv_context *verbs)
{
	size_t bytes = (size_t)all.nr * ROOM;

	all.verbs = verbs;
	all.pd = ibv_alloc_pd(verbs);
	all.completions = ibv_create_comp_channel(verbs);
	if (!all.pd || !all.completions)
		fail("a protection domain");
	all.cq = ibv_create_cq(verbs, 4 * all.nr + 16, NULL, all.completions, 0);
	if (!all.cq || posix_memalign((void **)&all.memory, 4096, bytes))
		fail("a completion queue");
	memset(all.memory, 0, bytes);
	all.mr = ibv_reg_mr(all.pd, all.memory, bytes, IBV_ACCESS_LOCAL_WRITE);
	if (!all.mr || ibv_req_notify_cq(all.cq, 0))
		fail("memory");
}

static bool receive(struct many *m)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)m->room + ROOM - 6144, .length = 6144,
		.lkey = all.mr->lkey,
	};
	struct ibv_recv_wr wr = {
		.wr_id = m->number, .sg_list = &sge, .num_sge = 1,
	}, *bad;

	return !ibv_post_recv(m->conn.id->qp, &wr, &bad);
}

static bool send_it(struct many *m, const void *data, size_t len)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)m->room, .length = len, .lkey = all.mr->lkey,
	};
	struct ibv_send_wr wr = {
		.wr_id = all.nr, .sg_list = &sge, .num_sge = 1,
		.opcode = IBV_WR_SEND,
	}, *bad;

	memcpy(m->room, data, len);
	m->waits = true;
	return !ibv_post_send(m->conn.id->qp, &wr, &bad);
}

static void begin(struct many *m)
{
	m->fate = all.storm ? chance() % NR_FATES : HONEST;
	m->tries++;
	connect_fill(&m->conn.asked);
	memset(m->conn.asked.host, 0, sizeof(m->conn.asked.host));
	snprintf((char *)m->conn.asked.host, sizeof(m->conn.asked.host),
		 "many%u", m->number);
	m->conn.asked.credits = 1;
	if (rdma_create_id(all.events, &m->conn.id, m, RDMA_PS_TCP) ||
	    rdma_resolve_addr(m->conn.id, NULL, (void *)&opt.addr, 5000))
		fail("an address");
	m->stage = RESOLVING;
	all.connecting++;
}

/* Its connection ends, with a message or without. */
static void finish(struct many *m, bool politely)
{
	if (m->stage == READY)
		all.ready--;
	else if (m->stage != IDLE)
		all.connecting--;
	if (politely)
		rdma_disconnect(m->conn.id);
	if (m->conn.id->qp)
		rdma_destroy_qp(m->conn.id);
	/* The id goes when its event has been acknowledged. */
	m->stage = IDLE;
	all.done++;
}

static bool ask_for_it(struct many *m)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 2, .max_recv_wr = 2,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	struct rdma_conn_param param = {
		.private_data = &m->conn.asked,
		.private_data_len = sizeof(m->conn.asked),
		.responder_resources = 1, .initiator_depth = 1,
		.retry_count = 5, .rnr_retry_count = 5,
	};

	if (!all.pd)
		share(m->conn.id->verbs);
	m->room = all.memory + (size_t)m->number * ROOM;
	attr.send_cq = all.cq;
	attr.recv_cq = all.cq;
	return !rdma_create_qp(m->conn.id, all.pd, &attr) && receive(m) &&
	       !rdma_connect(m->conn.id, &param);
}

/* AUTH, or what this host sends in its place. */
static bool prove(struct many *m)
{
	struct kvpool_wire_auth wire = {
		.header = { .opcode = KVPOOL_WIRE_AUTH, .id = m->number },
	};
	size_t i;

	snprintf((char *)wire.name, sizeof(wire.name), "many%u", m->number);
	conn_proof(&m->conn, true, (char *)wire.name,
		   m->fate == WRONG_PROOF ? BIT + 7 : NOTHING, wire.proof);
	if (m->fate == GARBAGE)
		for (i = 0; i < sizeof(wire); i++)
			((uint8_t *)&wire)[i] = chance();
	return send_it(m, &wire, sizeof(wire));
}

/* A page, whose bytes come in the answer. */
static bool fetch(struct many *m)
{
	struct request r;

	request_fill(&r, KVPOOL_WIRE_FETCH);
	r.wire.header.flags = KVPOOL_WIRE_INLINE;
	r.segments[0].length = KVPOOL_WIRE_PAGE;
	r.wire.length = KVPOOL_WIRE_PAGE;
	return send_it(m, &r, request_size(&r));
}

/* Returns false when the connection has ended, and its id may be destroyed. */
static bool event(struct many *m, const struct rdma_cm_event *e)
{
	size_t len = e->param.conn.private_data_len;

	switch (e->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		if (rdma_resolve_route(m->conn.id, 5000))
			fail("a route");
		return true;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		if (!ask_for_it(m))
			fail("asking for a connection");
		m->stage = ASKING;
		if (m->fate != AT_REQUEST)
			return true;
		finish(m, false);
		return false;
	case RDMA_CM_EVENT_ESTABLISHED:
		if (m->stage != ASKING)
			return true;
		if (len >= sizeof(m->conn.given))
			memcpy(&m->conn.given, e->param.conn.private_data,
			       sizeof(m->conn.given));
		m->stage = PROVING;
		if (m->fate == AT_REPLY) {
			finish(m, chance() % 2);
			return false;
		}
		if (m->fate == NO_AUTH)
			return true;
		if (!prove(m))
			fail("a proof");
		if (m->fate != AT_AUTH)
			return true;
		finish(m, chance() % 2);
		return false;
	case RDMA_CM_EVENT_REJECTED:
		if (len >= sizeof(m->conn.rejected) && !all.refused++) {
			memcpy(&m->conn.rejected, e->param.conn.private_data,
			       sizeof(m->conn.rejected));
			ksft_print_msg("host %u is refused: %u\n", m->number,
				       m->conn.rejected.reason);
		}
		finish(m, false);
		return false;
	case RDMA_CM_EVENT_DISCONNECTED:
		if (m->stage == READY)
			all.lost++;
		finish(m, true);
		return false;
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		return true;
	default:
		if (!all.storm)
			ksft_print_msg("host %u: event %d\n", m->number,
				       e->event);
		finish(m, false);
		return false;
	}
}

/* Handle events of the connection manager that are there. */
static void events(void)
{
	struct pollfd fd = { .fd = all.events->fd, .events = POLLIN };
	struct rdma_cm_event *e;
	struct rdma_cm_id *id;
	struct many *m;
	bool ended;

	while (poll(&fd, 1, 0) == 1 && !rdma_get_cm_event(all.events, &e)) {
		id = e->id;
		m = id->context;
		ended = m->stage != IDLE && !event(m, e);
		rdma_ack_cm_event(e);
		if (ended)
			rdma_destroy_id(id);
	}
}

/* Look at an answer; returns false if it is not in order. */
static bool answered(struct many *m)
{
	const struct kvpool_wire_header *answer =
		(void *)(m->room + ROOM - 6144);

	m->waits = false;
	if (m->stage == PROVING) {
		if (answer->opcode != KVPOOL_WIRE_AUTH)
			return false;
		m->stage = READY;
		all.connecting--;
		all.ready++;
	} else {
		const struct kvpool_wire_response *r = (void *)answer;
		const uint8_t *bytes = (void *)&r->results[1];

		if (answer->opcode != KVPOOL_WIRE_FETCH ||
		    r->results[0].status || bytes[0] != opt.fill ||
		    bytes[KVPOOL_WIRE_PAGE - 1] != opt.fill) {
			ksft_print_msg("opcode %u, status %u, byte %#x\n",
				       answer->opcode, r->results[0].status,
				       bytes[0]);
			return false;
		}
		m->got++;
	}
	return receive(m);
}

/* Handle answers that are there; each host that may asks for the next page. */
static void answers(unsigned int pages)
{
	struct ibv_cq *cq;
	struct ibv_wc wc;
	struct many *m;
	void *context;
	struct pollfd fd = { .fd = all.completions ? all.completions->fd : -1,
			     .events = POLLIN };

	if (!all.cq)
		return;
	if (poll(&fd, 1, 0) == 1 &&
	    !ibv_get_cq_event(all.completions, &cq, &context))
		ibv_ack_cq_events(cq, 1);
	ibv_req_notify_cq(all.cq, 0);
	while (ibv_poll_cq(all.cq, 1, &wc) > 0) {
		if (wc.wr_id == all.nr || wc.status != IBV_WC_SUCCESS)
			continue;
		m = &many[wc.wr_id];
		if (m->stage != PROVING && m->stage != READY)
			continue;
		if (!answered(m))
			ksft_exit_fail_msg("host %u: a wrong answer\n",
					   m->number);
		if (m->got < pages && !fetch(m))
			fail("a request");
	}
}

static void wait_a_moment(void)
{
	struct pollfd fds[2] = {
		{ .fd = all.events->fd, .events = POLLIN },
		{ .fd = all.completions ? all.completions->fd : -1,
		  .events = POLLIN },
	};

	poll(fds, 2, 20);
}

static void prepare(unsigned int nr)
{
	struct rlimit files = { .rlim_cur = 65536, .rlim_max = 65536 };
	unsigned int i;

	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGTERM, tell);
	all.nr = nr;
	all.events = rdma_create_event_channel();
	many = calloc(nr, sizeof(*many));
	if (!all.events || !many)
		fail("memory");
	for (i = 0; i < nr; i++)
		many[i].number = i;
}

/* Pages that all have had so far: the fewest and the most of a host. */
static unsigned int least(unsigned int *most)
{
	unsigned int i, min = ~0U, max = 0;

	for (i = 0; i < all.nr; i++) {
		min = many[i].got < min ? many[i].got : min;
		max = many[i].got > max ? many[i].got : max;
	}
	*most = max;
	return min;
}

/*
 * Connect all; then each fetches @opt.rounds pages as fast as it can, the others
 * beside it. Says "hosts: connected" and keeps the connections until SIGTERM, which
 * begins the fetches.
 */
void be_hosts(unsigned int nr)
{
	uint64_t begun = now_ms(), end;
	unsigned int next = 0, most = 0, min, ahead = 0;

	prepare(nr);
	end = begun + PATIENCE_MS;
	while (all.ready < nr) {
		while (next < nr && all.connecting < AT_A_TIME)
			begin(&many[next++]);
		wait_a_moment();
		events();
		answers(0);
		if (all.refused || all.lost || now_ms() > end)
			ksft_exit_fail_msg("%u of %u are connected, %u lost\n",
					   all.ready, nr, all.lost);
	}
	ksft_print_msg("hosts: connected in %llu ms\n",
		       (unsigned long long)(now_ms() - begun));
	while (!told) {
		wait_a_moment();
		events();
		answers(0);
	}
	begun = now_ms();
	end = begun + PATIENCE_MS;
	for (next = 0; next < nr; next++)
		if (!fetch(&many[next]))
			fail("a request");
	/* How far is the first of them ahead of the last? */
	while ((min = least(&most)) < opt.rounds && now_ms() < end) {
		if (most - min > ahead)
			ahead = most - min;
		wait_a_moment();
		events();
		answers(opt.rounds);
	}
	ksft_set_plan(1);
	ksft_print_msg("hosts: {\"hosts\": %u, \"pages\": %u, \"ahead\": %u, \"lost\": %u, \"ms\": %llu}\n",
		       nr, min, ahead, all.lost,
		       (unsigned long long)(now_ms() - begun));
	ksft_test_result(min == opt.rounds && !all.lost, "hosts\n");
	for (next = 0; next < nr; next++)
		rdma_disconnect(many[next].conn.id);
	ksft_finished();
}

/* @nr hosts that connect and break off, @opt.rounds times each on average. */
void be_storm(unsigned int nr)
{
	unsigned int i, honest = 0, total = nr * opt.rounds;
	uint64_t end;

	prepare(nr);
	all.storm = true;
	end = now_ms() + PATIENCE_MS;
	while (all.done < total && now_ms() < end) {
		for (i = 0; i < nr; i++) {
			struct many *m = &many[i];

			if (m->stage == IDLE && all.connecting < nr)
				begin(m);
			if (m->stage == READY && !m->waits && !fetch(m))
				fail("a request");
			/* What is silent or has got something breaks off too. */
			if ((m->stage == READY && m->got) ||
			    (m->stage == PROVING && m->fate == NO_AUTH &&
			     chance() % 64 == 0)) {
				struct rdma_cm_id *id = m->conn.id;

				honest += m->stage == READY;
				m->got = 0;
				finish(m, chance() % 2);
				rdma_destroy_id(id);
			}
		}
		wait_a_moment();
		events();
		answers(0);
	}
	ksft_set_plan(1);
	ksft_print_msg("storm: %u connections, %u refused, %u honest\n",
		       all.done, all.refused, honest);
	ksft_test_result(all.done >= total && honest, "storm\n");
	ksft_finished();
}
