/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The wire protocol of the fabric.
 *
 * A host that wants blocks (the initiator) connects queue pairs to a host that
 * has blocks (the target) with rdma_cm. It sends request capsules; the target
 * moves the bytes with RDMA WRITE (FETCH) or RDMA READ (PUSH) on memory that
 * the initiator registered for this one request, and answers each capsule with
 * a response that invalidates the registration.
 *
 *	initiator				target
 *	    | -- REQ: struct kvpool_wire_connect -> |
 *	    | <- REP: struct kvpool_wire_accept --- |	or REJ: _reject
 *	    | -- struct kvpool_wire_auth ---------> |
 *	    | <- struct kvpool_wire_auth ---------- |	with the target's proof
 *	    | -- struct kvpool_wire_request ------> |
 *	    | <- RDMA WRITE, or RDMA READ --------> |
 *	    | <- struct kvpool_wire_response ------ |	SEND with invalidate
 *
 * All numbers are little-endian. Reserved fields are zero and are checked to
 * be. A message that breaks a rule closes the connection and is not answered.
 * Documentation/design/fabric.rst explains the protocol.
 */
#ifndef _KVPOOL_FABRIC_PROTO_H
#define _KVPOOL_FABRIC_PROTO_H

#include <linux/kvpool.h>
#include <linux/types.h>

#define KVPOOL_WIRE_MAGIC	0x4c50564bU	/* "KVPL" */
#define KVPOOL_WIRE_VERSION	2
#define KVPOOL_WIRE_PORT	4710

#define KVPOOL_WIRE_HOST	16	/* bytes of a host's identity */
#define KVPOOL_WIRE_NONCE	16
#define KVPOOL_WIRE_PROOF	32	/* HMAC-SHA256 */

/* Places in the registered memory are multiples of this. */
#define KVPOOL_WIRE_PAGE	4096U

/* Limits that no agreement can raise. */
#define KVPOOL_WIRE_CREDITS_MAX	256
#define KVPOOL_WIRE_QUEUES_MAX	16
#define KVPOOL_WIRE_SEGS_MAX	45	/* a capsule fits in 4096 bytes */
#define KVPOOL_WIRE_BYTES_MAX	(16U << 20)	/* one request */

/**
 * struct kvpool_wire_connect - Private data of the connection request
 * @magic:	KVPOOL_WIRE_MAGIC
 * @version:	highest version that the initiator speaks
 * @version_min: lowest
 * @features:	what it can do beyond that; none is defined
 * @queue:	which of its queue pairs to this address this is, from 0
 * @nr_queues:	how many it wants, 1 to KVPOOL_WIRE_QUEUES_MAX
 * @credits:	requests that it wants to have in flight on this queue pair,
 *		1 to KVPOOL_WIRE_CREDITS_MAX
 * @reserved:	zero
 * @host:	identity of the initiator while its module is loaded; random
 * @nonce:	random, never used again
 *
 * Private data is padded by the transport; what follows is ignored.
 */
struct kvpool_wire_connect {
	__le32 magic;
	__le16 version;
	__le16 version_min;
	__le32 features;
	__le16 queue;
	__le16 nr_queues;
	__le16 credits;
	__le16 reserved;
	__u8 host[KVPOOL_WIRE_HOST];
	__u8 nonce[KVPOOL_WIRE_NONCE];
};

/* Values of struct kvpool_wire_accept's @auth. */
#define KVPOOL_WIRE_AUTH_OPEN	0	/* both proofs are zero */
#define KVPOOL_WIRE_AUTH_HMAC	1	/* HMAC-SHA256 */

/**
 * struct kvpool_wire_accept - Private data of the reply
 * @magic:	KVPOOL_WIRE_MAGIC
 * @version:	the version to speak, within what the initiator offered
 * @auth:	KVPOOL_WIRE_AUTH_*
 * @features:	those of the initiator's that the target agrees to
 * @credits:	requests that may be in flight, 1 to what was asked for
 * @max_segs:	most segments of a request, 1 to KVPOOL_WIRE_SEGS_MAX
 * @max_bytes:	most bytes of memory that a request names, a multiple of
 *		KVPOOL_WIRE_PAGE up to KVPOOL_WIRE_BYTES_MAX
 * @host:	identity of the target while its module is loaded; random
 * @nonce:	random, never used again
 */
struct kvpool_wire_accept {
	__le32 magic;
	__le16 version;
	__le16 auth;
	__le32 features;
	__le16 credits;
	__le16 max_segs;
	__le32 max_bytes;
	__u8 host[KVPOOL_WIRE_HOST];
	__u8 nonce[KVPOOL_WIRE_NONCE];
};

/**
 * struct kvpool_wire_reject - Private data of a refusal
 * @magic:	KVPOOL_WIRE_MAGIC
 * @version:	highest version that the target speaks
 * @reason:	enum kvpool_close
 */
struct kvpool_wire_reject {
	__le32 magic;
	__le16 version;
	__le16 reason;
};

/*
 * Why a connection ended. Numbers cross the wire in refusals, so they never
 * change.
 */
#define KVPOOL_CLOSES(X)						\
	X(NONE,		0)	/* it is open */			\
	X(LOCAL,	1)	/* asked for on this host */		\
	X(PEER,		2)	/* the other side closed it */		\
	X(TRANSPORT,	3)	/* the queue pair failed */		\
	X(TIMEOUT,	4)	/* the other side fell silent */	\
	X(DEVICE,	5)	/* the NIC went away */			\
	X(FENCE,	6)	/* the only way to end a transfer */	\
	X(ADDRESS,	7)	/* no route to the address */		\
	X(REFUSED,	8)	/* no listener, or not of this protocol */ \
	X(VERSION,	9)	/* no common version */			\
	X(MESSAGE,	10)	/* a malformed message */		\
	X(STATE,	11)	/* a message out of order */		\
	X(CREDITS,	12)	/* more requests than agreed */		\
	X(ACCESS,	13)	/* memory was not as a message said */	\
	X(AUTH,		14)	/* no proof of the secret, or a wrong one */ \
	X(LIMIT,	15)	/* too many connections */		\
	X(MEMORY,	16)	/* no memory for it */

enum kvpool_close {
#define X(name, number) KVPOOL_CLOSE_##name = number,
	KVPOOL_CLOSES(X)
#undef X
	KVPOOL_NR_CLOSES
};

enum kvpool_wire_opcode {
	KVPOOL_WIRE_AUTH = 1,
	KVPOOL_WIRE_ALIVE,
	KVPOOL_WIRE_PROBE,
	KVPOOL_WIRE_FETCH,
	KVPOOL_WIRE_PUSH,
	KVPOOL_WIRE_DROP,
};

/**
 * struct kvpool_wire_header - How every capsule and response begins
 * @opcode:	enum kvpool_wire_opcode; a response repeats the capsule's
 * @flags:	KVPOOL_WIRE_RESPONSE in responses, otherwise zero
 * @nr:		number of segments or results that follow
 * @id:		chosen by the initiator, repeated by the target
 */
struct kvpool_wire_header {
	__u8 opcode;
	__u8 flags;
	__le16 nr;
	__le32 id;
};

#define KVPOOL_WIRE_RESPONSE	0x80

/**
 * struct kvpool_wire_auth - AUTH, the first capsule and only that
 * @header:	@nr is zero
 * @proof:	HMAC-SHA256 under the secret over the label "kvpool initiator"
 *		and the connect and the accept structure as they were sent
 *
 * The answer is the same structure with the target's proof, under the label
 * "kvpool target", which zeros make as long as the other (16 bytes).
 */
struct kvpool_wire_auth {
	struct kvpool_wire_header header;
	__u8 proof[KVPOOL_WIRE_PROOF];
};

/**
 * struct kvpool_wire_segment - A part of a block
 * @key:	the block's key
 * @push:	PUSH, DROP: number of the push, the same in all segments of a
 *		block, never used again by this host; otherwise zero
 * @block_length: bytes of the whole block, KVPOOL_BLOCK_MIN to _MAX; PROBE and
 *		DROP: zero
 * @offset:	where the part begins in the block, a multiple of
 *		KVPOOL_WIRE_PAGE; PROBE and DROP: zero
 * @length:	bytes of the part, at least one; a multiple of KVPOOL_WIRE_PAGE
 *		unless it is the block's end; PROBE and DROP: zero
 * @depth:	PUSH: position of the block in its chain, from 1, or zero if the
 *		initiator knows of no chain; otherwise zero
 * @parent:	PUSH: the key of the block before it in its chain, if @depth is
 *		more than 1; otherwise zero
 */
struct kvpool_wire_segment {
	__u8 key[KVPOOL_KEY_SIZE];
	__le64 push;
	__le32 block_length;
	__le32 offset;
	__le32 length;
	__le32 depth;
	__u8 parent[KVPOOL_KEY_SIZE];
};

/**
 * struct kvpool_wire_request - PROBE, FETCH, PUSH and DROP
 * @header:	@nr is 1 to the agreed @max_segs
 * @address:	FETCH, PUSH: begin of the registered memory in the initiator's
 *		terms; otherwise zero
 * @rkey:	FETCH, PUSH: its key; the response invalidates it
 * @length:	FETCH, PUSH: its bytes: the sum of the segments' lengths, each
 *		rounded up to KVPOOL_WIRE_PAGE; otherwise zero
 * @tenant:	whose blocks: a name, padded with zeros and ended by one
 * @segments:	in the order in which they lie in the registered memory, each
 *		beginning at a multiple of KVPOOL_WIRE_PAGE
 *
 * ALIVE is a bare header with @nr zero. PROBE asks which blocks there are. DROP
 * ends pushes that will not be completed.
 */
struct kvpool_wire_request {
	struct kvpool_wire_header header;
	__le64 address;
	__le32 rkey;
	__le32 length;
	__u8 tenant[KVPOOL_NAME_SIZE];
	struct kvpool_wire_segment segments[];
};

/* Result of a segment. A status that its opcode cannot have breaks a rule. */
enum kvpool_wire_status {
	KVPOOL_WIRE_OK,
	KVPOOL_WIRE_MISSING,	/* no such block, or no such tenant */
	KVPOOL_WIRE_PENDING,	/* not DROP: the block is being filled */
	KVPOOL_WIRE_LENGTH,	/* FETCH: the block has another length */
	KVPOOL_WIRE_EXISTS,	/* PUSH: there is a block already */
	KVPOOL_WIRE_NO_SPACE,	/* PUSH: no space that may be used */
	KVPOOL_WIRE_QUOTA,	/* PUSH: the tenant's quota */
	KVPOOL_WIRE_NO_MEMORY,	/* FETCH, PUSH: no memory to work with */
	KVPOOL_WIRE_STALE,	/* PUSH: the reservation was lost */
	KVPOOL_WIRE_NR_STATUS
};

/**
 * struct kvpool_wire_result - Result of one segment
 * @status:	enum kvpool_wire_status
 * @length:	bytes of the block if the target has one that is sealed,
 *		otherwise zero. So the result of one part of a PUSH has it: of
 *		the part that made the block complete.
 * @generation:	FETCH: of the block that the bytes are of, if @status is OK;
 *		never zero then, and another number if the target makes a new
 *		block of this key. Otherwise zero.
 */
struct kvpool_wire_result {
	__le32 status;
	__le32 length;
	__le64 generation;
};

/**
 * struct kvpool_wire_response - The answer to a request
 * @header:	@nr is that of the request
 * @results:	one for each segment, in their order
 *
 * It gives the request's credit back. The target no longer touches the
 * initiator's memory when it sends this. Whether or not a FETCH or PUSH has
 * succeeded, its answer invalidates @rkey.
 */
struct kvpool_wire_response {
	struct kvpool_wire_header header;
	struct kvpool_wire_result results[];
};

#define KVPOOL_WIRE_CAPSULE_MAX						\
	(sizeof(struct kvpool_wire_request) +				\
	 KVPOOL_WIRE_SEGS_MAX * sizeof(struct kvpool_wire_segment))
#define KVPOOL_WIRE_RESPONSE_MAX					\
	(sizeof(struct kvpool_wire_response) +				\
	 KVPOOL_WIRE_SEGS_MAX * sizeof(struct kvpool_wire_result))

#endif /* _KVPOOL_FABRIC_PROTO_H */
