/* SPDX-License-Identifier: GPL-2.0 */
/* A hostile peer: declarations that its initiator and its target share. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

#include "fabric/proto.h"
#include "kselftest.h"

#define WAIT_MS		60000	/* longer means a hang */
#define MEMORY		(4U << 20)
#define DEPTH		256	/* capsules that may be in flight */
#define CAPSULE		8192	/* longer than any that is allowed */

/* Numbers are written as they are. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian");

extern struct opt {
	struct sockaddr_storage addr;
	const char *secret;
	char tenant[KVPOOL_NAME_SIZE];
	uint8_t key[KVPOOL_KEY_SIZE];
	uint32_t length;
	uint8_t fill;
	unsigned int rounds;
	uint16_t version;	/* that a target says it speaks */
	uint64_t seed;
} opt;

struct conn {
	struct rdma_event_channel *events;
	struct rdma_cm_id *id;
	struct ibv_comp_channel *completions;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	uint8_t *memory;	/* MEMORY bytes that the target may touch */
	uint8_t *out;		/* DEPTH capsules */
	uint8_t *in;		/* DEPTH answers */
	unsigned int sent;
	unsigned int taken;	/* the answer that was looked at, from 1 */
	struct kvpool_wire_connect asked;
	struct kvpool_wire_accept given;
	struct kvpool_wire_reject rejected;
	struct ibv_mw *mw;
	bool silent;		/* sends nothing: needs little memory */
	bool up;
	bool gone;
};

/* RDMA READs that the target may have in flight. */
extern uint8_t reads;

/* How a connection or a message ended. */
enum outcome {
	ANSWERED,
	CLOSED,
	REFUSED,
	SILENT,
	FAILED,			/* of this program or machine */
};

extern const char * const outcomes[];

/* hostile_conn.c */
uint64_t chance(void);
bool expect(enum outcome how, enum outcome want, const char *what);
void conn_end(struct conn *c);
int conn_event(struct conn *c, int timeout);
bool conn_prepare(struct conn *c);
void connect_fill(struct kvpool_wire_connect *wire);
enum outcome conn_ask(struct conn *c, const void *data, size_t len);
bool conn_post(struct conn *c, const void *data, size_t len, uint32_t rkey);
bool conn_send(struct conn *c, const void *data, size_t len);
enum outcome conn_wait(struct conn *c, const void **answer, size_t *len);
enum outcome conn_auth(struct conn *c, int damage);
bool conn_open(struct conn *c);

/* hostile_initiator.c: ends the program */
__noreturn void initiate(const char *only);

/* hostile_target.c: so do these */
__noreturn void serve(void);
__noreturn void serve_mute(void);

#endif /* HOSTILE_H */
