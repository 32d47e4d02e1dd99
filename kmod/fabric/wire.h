/* SPDX-License-Identifier: GPL-2.0 */
/* Messages of the wire protocol as the rest of the fabric sees them. */
#ifndef _KVPOOL_FABRIC_WIRE_H
#define _KVPOOL_FABRIC_WIRE_H

#include "core.h"
#include "fabric/proto.h"

/* What the two sides agreed on, or one of them proposes. */
struct kvpool_wire_terms {
	u16 version;
	u16 auth;
	u16 queue;
	u16 nr_queues;
	u16 credits;
	u16 max_segs;
	u32 max_bytes;
	u8 host[KVPOOL_WIRE_HOST];
};

struct kvpool_wire_part {
	struct kvpool_key key;
	u64 put;
	u32 block_length;
	u32 offset;
	u32 length;
};

/**
 * struct kvpool_wire_message - a capsule that has been found to be in order
 * @opcode:	enum kvpool_wire_opcode
 * @nr:		segments
 * @id:		to be repeated
 * @address:	of the initiator's memory
 * @rkey:	its key
 * @length:	its bytes
 * @tenant:	name, NUL-terminated, or NULL
 * @proof:	AUTH: KVPOOL_WIRE_PROOF bytes
 * @segments:	for kvpool_wire_part_get()
 */
struct kvpool_wire_message {
	u8 opcode;
	u16 nr;
	u32 id;
	u64 address;
	u32 rkey;
	u32 length;
	const char *tenant;
	const u8 *proof;
	const struct kvpool_wire_segment *segments;
};

/* Where the next segment begins in the registered memory. */
static inline u32 kvpool_wire_align(u32 length)
{
	return (length + KVPOOL_WIRE_PAGE - 1) & ~(KVPOOL_WIRE_PAGE - 1);
}

void kvpool_wire_connect_put(struct kvpool_wire_connect *wire,
			     const struct kvpool_wire_terms *terms);
int kvpool_wire_connect_get(const void *data, size_t len,
			    struct kvpool_wire_terms *terms);
void kvpool_wire_accept_put(struct kvpool_wire_accept *wire,
			    const struct kvpool_wire_terms *terms);
int kvpool_wire_accept_get(const void *data, size_t len,
			   const struct kvpool_wire_terms *asked,
			   struct kvpool_wire_terms *terms);
void kvpool_wire_reject_put(struct kvpool_wire_reject *wire, int reason);
int kvpool_wire_reject_get(const void *data, size_t len);

size_t kvpool_wire_header_put(void *data, u8 opcode, u8 flags, u16 nr, u32 id);
size_t kvpool_wire_request_put(struct kvpool_wire_request *wire,
			       const struct kvpool_wire_message *message);
void kvpool_wire_part_put(struct kvpool_wire_segment *wire,
			  const struct kvpool_wire_part *part);
int kvpool_wire_capsule_get(const void *data, size_t len,
			    const struct kvpool_wire_terms *terms,
			    struct kvpool_wire_message *message);
void kvpool_wire_part_get(const struct kvpool_wire_message *message,
			  unsigned int i, struct kvpool_wire_part *part);

int kvpool_wire_response_get(const void *data, size_t len,
			     struct kvpool_wire_message *message);
int kvpool_wire_result_get(const void *data, unsigned int i, u32 *length,
			   u64 *generation);

#endif /* _KVPOOL_FABRIC_WIRE_H */
