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
#define WINDOWS		64	/* of memory, at a time */

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
	bool iwarp;
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
	struct ibv_wc last;	/* the completion of that answer */
	struct ibv_mw *mw[WINDOWS];
	struct ibv_mr *regions[WINDOWS];	/* in their place, with iWARP */
	unsigned int windows;
	bool silent;		/* sends little: needs little memory */
	bool target;
	bool up;
	bool gone;
};

/* RDMA READs that the target may have in flight. */
extern uint8_t reads;

/*
 * Connections that are tried. Soft iWARP (siw_accept() of Linux 6.12) takes no
 * notice of a first message that comes between its reply and the moment in which it
 * listens to the socket; the target then waits for a proof, and closes.
 */
#define TRIES	(opt.iwarp ? 4 : 1)

/* How a connection or a message ended. */
enum outcome {
	ANSWERED,
	CLOSED,
	REFUSED,
	SILENT,
	FAILED,			/* of this program or machine */
};

extern const char * const outcomes[];

/* hostile.c */
void find_address(const char *name, const char *port);

/* hostile_conn.c */
uint64_t chance(void);
bool expect(enum outcome how, enum outcome want, const char *what);
void conn_end(struct conn *c);
int conn_event(struct conn *c, int timeout);
bool conn_prepare(struct conn *c);
void connect_fill(struct kvpool_wire_connect *wire);
bool conn_ends(const struct conn *c, struct kvpool_wire_end *here,
	       struct kvpool_wire_end *there);
enum outcome conn_ask(struct conn *c, const void *data, size_t len);
bool conn_post(struct conn *c, const void *data, size_t len, uint32_t rkey);
bool conn_send(struct conn *c, const void *data, size_t len);
enum outcome conn_wait(struct conn *c, const void **answer, size_t *len);
enum outcome conn_closed(struct conn *c);
enum outcome conn_auth(struct conn *c, int damage);
bool conn_open(struct conn *c);
bool conn_open_as(struct conn *c, const struct kvpool_wire_connect *terms,
		  const char *name);

/* What is wrong with a proof. */
enum damage {
	NOTHING,
	BIT,			/* + number of the bit */
	LABEL = 1000,
	OTHER_NAME,
	HERE_ADDRESS,
	HERE_NUMBER,
	THERE_ADDRESS,
	THERE_NUMBER,
	SWAPPED,
	NO_ENDS,
	NR_DAMAGES,
};

void conn_proof(const struct conn *c, bool initiator, const char *name,
		int damage, uint8_t *out);

/* hostile_request.c */
struct request {
	struct kvpool_wire_request wire;
	union {
		struct kvpool_wire_segment segments[KVPOOL_WIRE_SEGS_MAX + 1];
		struct kvpool_wire_key keys[KVPOOL_WIRE_KEYS_MAX + 1];
	};
};

size_t sized(uint8_t opcode, unsigned int nr);
size_t request_size(const struct request *r);
struct kvpool_wire_segment *request_segment(struct request *r, unsigned int i);
void request_fill(struct request *r, uint8_t opcode);
void request_probe(struct request *r, const uint8_t *key);
bool conn_window(struct conn *c, struct request *r, uint32_t bytes, int access);
enum outcome try_request(const struct request *r, size_t len);
bool closes(const struct request *r, size_t len, const char *what);
bool conn_request(struct conn *c, const struct request *r);
int conn_status(struct conn *c, const struct request *r);
int ask(struct conn *c, const struct request *r);
bool wants(int status, int want, const char *what);
bool filled(const struct conn *c, uint32_t bytes);

/* hostile_special.c: version 3 */
bool test_inline(void);
bool test_immediate(void);
bool test_probe(void);
bool test_wait(void);
bool test_cancel(void);
bool test_many_waits(void);
bool test_window(void);
bool test_pushes(void);
bool test_thief(void);
bool test_heir(void);

/* hostile_initiator.c: ends the program */
__noreturn void initiate(const char *only);

/* hostile_target.c: so do these */
bool serve_listen(struct conn *listener);
bool serve_next(struct conn *listener, struct conn *c, int timeout);
__noreturn void serve(const char *only);
__noreturn void serve_mute(void);

/* hostile_early.c: and this */
__noreturn void serve_early(void);

/* hostile_hosts.c: and these */
__noreturn void be_hosts(unsigned int nr);
__noreturn void be_storm(unsigned int nr);

/* hostile_relay.c: and this */
__noreturn void relay(const char *to, bool rewrite);

#endif /* HOSTILE_H */
