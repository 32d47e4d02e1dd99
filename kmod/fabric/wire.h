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
 * @features:	KVPOOL_WIRE_FEATURES, or some of them
 * @link:	number of the initiator's link
 * @queue:	which of the link's queue pairs it is, from 0
 * @nr_queues:	how many queue pairs the link may have
 * @credits:	requests that may be in flight
 * @max_segs:	segments of a request
 * @waits:	requests that may wait
 * @pushes:	blocks that the initiator may push at a time
 * @mtu:	bytes of the path MTU, or zero
 * @max_bytes:	bytes of memory that a request names
 * @host:	identity of the side that proposes
 * @name:	name of the target, NUL-terminated
 */
struct kvpool_wire_terms {
	u16 version;
	u16 auth;
	u32 features;
	u16 link;
	u8 queue;
	u8 nr_queues;
	u16 credits;
	u16 max_segs;
	u16 waits;
	u16 pushes;
	u16 mtu;
	u32 max_bytes;
	u8 host[KVPOOL_WIRE_HOST];
	char name[KVPOOL_NAME_SIZE];
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
 * struct kvpool_wire_message - A message that has been found to be in order
 * @opcode:	enum kvpool_wire_opcode
 * @is_inline:	FETCH: the bytes come in the answer
 * @nr:		segments, or keys of a PROBE
 * @id:		to be repeated
 * @address:	of the initiator's memory
 * @rkey:	its key
 * @length:	its bytes; in an answer, bytes of @payload
 * @wait_ms:	FETCH: how long it may wait
 * @node:	PUSH: NUMA node to prefer, or KVPOOL_WIRE_NODE_ANY
 * @tenant:	name, NUL-terminated, or NULL
 * @name:	AUTH: name of the sender, NUL-terminated
 * @proof:	AUTH: KVPOOL_WIRE_PROOF bytes
 * @segments:	for kvpool_wire_part_decode()
 * @keys:	PROBE: in the place of @segments
 * @payload:	in an answer with @is_inline: the bytes, or NULL
 */
struct kvpool_wire_message {
	u8 opcode;
	bool is_inline;
	u16 nr;
	u32 id;
	u64 address;
	u32 rkey;
	u32 length;
	u32 wait_ms;
	u16 node;
	const char *tenant;
	const char *name;
	const u8 *proof;
	const struct kvpool_wire_segment *segments;
	const struct kvpool_wire_key *keys;
	const void *payload;
};

/**
 * struct kvpool_wire_outcome - A result of a segment or of a key
 * @status:	enum kvpool_wire_status
 * @length:	of the block, or zero
 * @generation:	of the block, or zero
 * @depth:	its position in its chain, from 1, or zero
 * @parent:	key of the block before it, or zero
 */
struct kvpool_wire_outcome {
	u32 status;
	u32 length;
	u64 generation;
	u32 depth;
	struct kvpool_key parent;
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
void kvpool_wire_reject_encode(struct kvpool_wire_reject *wire, int reason,
			       u16 mtu);
int kvpool_wire_reject_decode(const void *data, size_t len, u16 *mtu);
const char *kvpool_wire_reason(int reason);

size_t kvpool_wire_header_encode(void *data, u8 opcode, u8 flags, u16 nr,
				 u32 id);
size_t kvpool_wire_request_encode(struct kvpool_wire_request *wire,
				  const struct kvpool_wire_message *message);
void kvpool_wire_part_encode(struct kvpool_wire_segment *wire,
			     const struct kvpool_wire_part *part);
size_t kvpool_wire_auth_encode(struct kvpool_wire_auth *wire, u8 flags, u32 id,
			       const char *name, const u8 *proof);
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
void kvpool_wire_outcome_encode(void *data, u8 opcode, unsigned int i,
				const struct kvpool_wire_outcome *outcome);
void kvpool_wire_outcome_decode(const void *data, u8 opcode, unsigned int i,
				struct kvpool_wire_outcome *outcome);
size_t kvpool_wire_response_length(u8 opcode, u16 nr);

#endif /* _KVPOOL_FABRIC_WIRE_H */
