/* SPDX-License-Identifier: GPL-2.0 */
/* Messages of the wire protocol as the rest of the fabric sees them. */
#ifndef _KVPOOL_FABRIC_WIRE_H
#define _KVPOOL_FABRIC_WIRE_H

#include <asm/byteorder.h>
#include <linux/types.h>

#include "fabric/proto.h"

/**
 * struct kvpool_wire_terms - What the two sides agreed on, or one side proposes
 * @version:	of the protocol
 * @auth:	KVPOOL_WIRE_AUTH_*
 * @queue:	which of the initiator's queue pairs it is, from 0
 * @nr_queues:	how many queue pairs the initiator wants
 * @credits:	requests that may be in flight
 * @max_segs:	segments of a request
 * @max_bytes:	bytes of memory that a request names
 * @host:	identity of the side that proposes
 */
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

/**
 * struct kvpool_wire_part - A segment of a request
 * @key:	the block's key
 * @push:	number of the push, or zero
 * @block_length: bytes of the block
 * @offset:	where the part begins in the block
 * @length:	its bytes
 * @depth:	position of the block in its chain, from 1, or zero
 * @parent:	key of the block before it in its chain, or zero
 */
struct kvpool_wire_part {
	struct kvpool_key key;
	u64 push;
	u32 block_length;
	u32 offset;
	u32 length;
	u32 depth;
	struct kvpool_key parent;
};

/**
 * struct kvpool_wire_message - A capsule that has been found to be in order
 * @opcode:	enum kvpool_wire_opcode
 * @nr:		segments
 * @id:		to be repeated
 * @address:	of the initiator's memory
 * @rkey:	its key
 * @length:	its bytes
 * @tenant:	name, NUL-terminated, or NULL
 * @proof:	AUTH: KVPOOL_WIRE_PROOF bytes
 * @segments:	for kvpool_wire_part_decode()
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

/**
 * kvpool_wire_align() - Where the next segment begins in the registered memory
 * @length: bytes of a segment
 *
 * Return: @length rounded up to KVPOOL_WIRE_PAGE.
 */
static inline u32 kvpool_wire_align(u32 length)
{
	return (length + KVPOOL_WIRE_PAGE - 1) & ~(KVPOOL_WIRE_PAGE - 1);
}

void kvpool_wire_connect_encode(struct kvpool_wire_connect *wire,
				const struct kvpool_wire_terms *terms);
int kvpool_wire_connect_decode(const void *data, size_t len,
			       struct kvpool_wire_terms *terms);
void kvpool_wire_accept_encode(struct kvpool_wire_accept *wire,
			       const struct kvpool_wire_terms *terms);
int kvpool_wire_accept_decode(const void *data, size_t len,
			      const struct kvpool_wire_terms *asked,
			   struct kvpool_wire_terms *terms);
void kvpool_wire_reject_encode(struct kvpool_wire_reject *wire, int reason);
int kvpool_wire_reject_decode(const void *data, size_t len);
const char *kvpool_wire_reason(int reason);

size_t kvpool_wire_header_encode(void *data, u8 opcode, u8 flags, u16 nr,
				 u32 id);
size_t kvpool_wire_request_encode(struct kvpool_wire_request *wire,
				  const struct kvpool_wire_message *message);
void kvpool_wire_part_encode(struct kvpool_wire_segment *wire,
			     const struct kvpool_wire_part *part);
int kvpool_wire_capsule_decode(const void *data, size_t len,
			       const struct kvpool_wire_terms *terms,
			    struct kvpool_wire_message *message);

/* Offset and length of a segment, which need not be decoded as a whole. */
static inline u32 kvpool_wire_part_offset(const struct kvpool_wire_message *m,
					  unsigned int i)
{
	return le32_to_cpu(m->segments[i].offset);
}

static inline u32 kvpool_wire_part_length(const struct kvpool_wire_message *m,
					  unsigned int i)
{
	return le32_to_cpu(m->segments[i].length);
}

void kvpool_wire_part_decode(const struct kvpool_wire_message *message,
			     unsigned int i, struct kvpool_wire_part *part);

int kvpool_wire_response_decode(const void *data, size_t len,
				struct kvpool_wire_message *message);
int kvpool_wire_result_decode(const void *data, unsigned int i, u32 *length,
			      u64 *generation);

#endif /* _KVPOOL_FABRIC_WIRE_H */
