// SPDX-License-Identifier: GPL-2.0
/*
 * A man in the middle: takes connections as a target, makes one to the target
 * under test for each, with the same private data, and hands on every message in
 * both directions as it is. Runs until SIGTERM; a line for every connection says
 * how far it got: "relay: connected", "relay: N messages".
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

static void end(int signal)
{
	(void)signal;
	_exit(0);
}

/* Hand on what has arrived on one side; false at the end of either. */
static bool hand_on(struct conn *from, struct conn *to, unsigned int *nr)
{
	struct ibv_wc wc;

	while (ibv_poll_cq(from->cq, 1, &wc) > 0) {
		if (wc.wr_id == DEPTH) {
			if (wc.status != IBV_WC_SUCCESS)
				return false;
			continue;
		}
		if (wc.status != IBV_WC_SUCCESS)
			return false;
		++*nr;
		if (!conn_send(to, from->in + wc.wr_id * CAPSULE, wc.byte_len))
			return false;
	}
	return !from->gone;
}

static bool ended(struct conn *c)
{
	while (conn_event(c, 0) >= 0)
		;
	return c->gone;
}

/* Both directions, until one side ends. */
static unsigned int forward(struct conn *here, struct conn *there)
{
	struct pollfd fds[4] = {
		{ .fd = here->completions->fd, .events = POLLIN },
		{ .fd = there->completions->fd, .events = POLLIN },
		{ .fd = here->events->fd, .events = POLLIN },
		{ .fd = there->events->fd, .events = POLLIN },
	};
	struct ibv_cq *cq;
	unsigned int nr = 0;
	void *context;

	for (;;) {
		if (ibv_req_notify_cq(here->cq, 0) ||
		    ibv_req_notify_cq(there->cq, 0) ||
		    !hand_on(here, there, &nr) || !hand_on(there, here, &nr) ||
		    ended(here) || ended(there))
			return nr;
		if (poll(fds, 4, WAIT_MS) < 1)
			return nr;
		if (fds[0].revents && !ibv_get_cq_event(here->completions, &cq,
							&context))
			ibv_ack_cq_events(cq, 1);
		if (fds[1].revents && !ibv_get_cq_event(there->completions, &cq,
							&context))
			ibv_ack_cq_events(cq, 1);
	}
}

static bool rewrites;

/* Make the second connection, then accept the first one with its reply. */
static void between(struct conn *here)
{
	struct rdma_conn_param param = {
		.initiator_depth = 1, .responder_resources = 1,
		.rnr_retry_count = 5,
	};
	struct conn there = { 0 };
	enum outcome how;

	there.asked = here->asked;
	if (rewrites)
		memset(there.asked.host, 0x77, sizeof(there.asked.host));
	how = conn_ask(&there, &there.asked, sizeof(there.asked));
	if (how == REFUSED)
		rdma_reject(here->id, &there.rejected, sizeof(there.rejected));
	if (how != ANSWERED) {
		ksft_print_msg("relay: %s\n", outcomes[how]);
		conn_end(&there);
		return;
	}
	here->given = there.given;
	if (rewrites)
		memset(here->given.host, 0x78, sizeof(here->given.host));
	param.private_data = &here->given;
	param.private_data_len = sizeof(here->given);
	here->events = rdma_create_event_channel();
	if (here->events && !rdma_migrate_id(here->id, here->events) &&
	    conn_prepare(here) && !rdma_accept(here->id, &param)) {
		here->up = true;
		ksft_print_msg("relay: connected\n");
		ksft_print_msg("relay: %u messages\n", forward(here, &there));
	}
	conn_end(&there);
}

static void *body(void *arg)
{
	struct conn *here = arg;

	between(here);
	conn_end(here);
	free(here);
	return NULL;
}

/* Hand on connections from opt.addr to @to; @rewrite: as other hosts. */
void relay(const char *to, bool rewrite)
{
	struct conn listener = { 0 }, *here;
	pthread_t thread;

	rewrites = rewrite;
	signal(SIGTERM, end);
	if (!serve_listen(&listener))
		ksft_exit_fail_msg("listening: %s\n", strerror(errno));
	find_address(to, NULL);
	ksft_print_msg("relay: listening\n");
	for (;;) {
		here = calloc(1, sizeof(*here));
		if (!here || !serve_next(&listener, here, -1))
			ksft_exit_fail_msg("accepting: %s\n", strerror(errno));
		if (pthread_create(&thread, NULL, body, here))
			ksft_exit_fail_msg("no thread\n");
		pthread_detach(thread);
	}
}
