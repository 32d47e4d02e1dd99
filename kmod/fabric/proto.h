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
 *	    | <- struct kvpool_wire_response ------ |	SEND with invalidate,
 *	    |                                       |	or the WRITE is the answer
 *
 * All numbers are little-endian. Reserved fields are zero and are checked to
 * be. A message that breaks a rule closes the connection and is not answered.
 * Documentation/design/fabric.rst explains the protocol.
 */
#ifndef _KVPOOL_FABRIC_PROTO_H
#define _KVPOOL_FABRIC_PROTO_H

#include <linux/kvpool.h>
#include <linux/stddef.h>
#include <linux/types.h>

#define KVPOOL_WIRE_MAGIC	0x4c50564bU	/* "KVPL" */
#define KVPOOL_WIRE_VERSION	3
#define KVPOOL_WIRE_PORT	4710

#define KVPOOL_WIRE_HOST	16	/* bytes of a host's identity */
#define KVPOOL_WIRE_LIFE	8	/* of them the same for all peers */
#define KVPOOL_WIRE_NONCE	16
#define KVPOOL_WIRE_PROOF	32	/* HMAC-SHA256 */

/* Places in the registered memory are multiples of this. */
#define KVPOOL_WIRE_PAGE	4096U

/* Limits that no agreement can raise. */
#define KVPOOL_WIRE_CREDITS_MAX	256
#define KVPOOL_WIRE_QUEUES_MAX	16
#define KVPOOL_WIRE_LINKS_MAX	65535	/* numbers of links */
#define KVPOOL_WIRE_SEGS_MAX	45	/* a capsule fits in 4096 bytes */
#define KVPOOL_WIRE_KEYS_MAX	126	/* of a PROBE; likewise */
#define KVPOOL_WIRE_BYTES_MAX	(16U << 20)	/* one request */
#define KVPOOL_WIRE_INLINE_MAX	KVPOOL_WIRE_PAGE	/* in an answer */
#define KVPOOL_WIRE_WAIT_MAX_MS	60000	/* a request that waits */

/*
 * How far beyond the bytes that the target has in one piece from the start of
 * a block a part of a PUSH may begin; beyond that it gets KVPOOL_WIRE_LATER.
 */
#define KVPOOL_WIRE_PUSH_WINDOW	(64U << 20)

/*
 * Features. The initiator offers, the target takes some of them.
 *
 * IMM: a FETCH may be answered by its bytes with an immediate.
 */
#define KVPOOL_WIRE_IMM		0x00000001U
#define KVPOOL_WIRE_FEATURES	KVPOOL_WIRE_IMM

/**
 * struct kvpool_wire_connect - Private data of the connection request
 * @magic:	KVPOOL_WIRE_MAGIC
 * @version:	highest version that the initiator speaks
 * @version_min: lowest
 * @features:	what it can do beyond that: KVPOOL_WIRE_FEATURES; others are
 *		ignored
 * @link:	number of its link, 1 to KVPOOL_WIRE_LINKS_MAX
 * @queue:	which queue pair of the link this is, from 0
 * @nr_queues:	how many the link may have, 1 to KVPOOL_WIRE_QUEUES_MAX
 * @credits:	requests that it wants to have in flight on this queue pair,
 *		1 to KVPOOL_WIRE_CREDITS_MAX
 * @mtu:	bytes of the path MTU: 256, 512, 1024, 2048 or 4096; zero where
 *		the transport has none (iWARP)
 * @host:	identity of the initiator: KVPOOL_WIRE_LIFE bytes that stay while
 *		its module is loaded, and others for each of its peers; random
 * @nonce:	random, never used again
 *
 * Private data is padded by the transport; what follows is ignored.
 */
struct kvpool_wire_connect {
	__le32 magic;
	__le16 version;
	__le16 version_min;
	__le32 features;
	__le16 link;
	__u8 queue;
	__u8 nr_queues;
	__le16 credits;
	__le16 mtu;
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
 * @waits:	requests of this queue pair that may wait for a pending block
 *		at a time, less than @credits; zero: none
 * @pushes:	blocks that the initiator may push at a time, over all of its
 *		queue pairs, at least one
 * @mtu:	bytes of the path MTU, as in struct kvpool_wire_connect
 * @reserved:	zero
 * @host:	identity of the target while its module is loaded; random
 * @nonce:	random, never used again
 * @name:	name of the target, padded with zeros and ended by one
 */
struct kvpool_wire_accept {
	__le32 magic;
	__le16 version;
	__le16 auth;
	__le32 features;
	__le16 credits;
	__le16 max_segs;
	__le32 max_bytes;
	__le16 waits;
	__le16 pushes;
	__le16 mtu;
	__le16 reserved;
	__u8 host[KVPOOL_WIRE_HOST];
	__u8 nonce[KVPOOL_WIRE_NONCE];
	__u8 name[KVPOOL_NAME_SIZE];
};

/**
 * struct kvpool_wire_reject - Private data of a refusal
 * @magic:	KVPOOL_WIRE_MAGIC
 * @version:	highest version that the target speaks
 * @reason:	enum kvpool_close
 * @mtu:	KVPOOL_CLOSE_MTU: the largest path MTU that the target can take;
 *		otherwise zero
 * @reserved:	zero
 */
struct kvpool_wire_reject {
	__le32 magic;
	__le16 version;
	__le16 reason;
	__le16 mtu;
	__le16 reserved;
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
	X(MEMORY,	16)	/* no memory for it */			\
	X(MTU,		17)	/* a larger path MTU than the other's */ \
	X(REPLACED,	18)	/* the host connected it once more */	\
	X(IDLE,		19)	/* not used for a while */		\
	X(HOST,		20)	/* another host than expected */

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
	KVPOOL_WIRE_CANCEL,
};

/**
 * struct kvpool_wire_header - How every capsule and response begins
 * @opcode:	enum kvpool_wire_opcode; a response repeats the capsule's
 * @flags:	KVPOOL_WIRE_RESPONSE in responses; KVPOOL_WIRE_INLINE in a FETCH
 *		whose bytes are to come in the answer, and in such an answer
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
#define KVPOOL_WIRE_INLINE	0x01

/**
 * struct kvpool_wire_auth - AUTH, the first capsule and only that
 * @header:	@nr is zero
 * @name:	name of the sender, padded with zeros and ended by one
 * @proof:	HMAC-SHA256 under the key of the connection over struct
 *		kvpool_wire_proven
 *
 * The answer is the same structure with the target's name and proof.
 */
struct kvpool_wire_auth {
	struct kvpool_wire_header header;
	__u8 name[KVPOOL_NAME_SIZE];
	__u8 proof[KVPOOL_WIRE_PROOF];
};

/**
 * struct kvpool_wire_end - One end of a connection, as both sides know it
 * @address:	GID; with iWARP the IP address, an IPv4 address as mapped to IPv6
 * @number:	number of the queue pair; with iWARP the port
 */
struct kvpool_wire_end {
	__u8 address[16];
	__le32 number;
};

/**
 * struct kvpool_wire_proven - What a proof covers; it is not sent
 * @label:	"kvpool initiator" or "kvpool target", padded with zeros
 * @connect:	as it was sent
 * @accept:	as it was sent, the name of the target with it
 * @name:	of the initiator
 * @initiator:	the end of the initiator
 * @target:	the end of the target
 */
struct kvpool_wire_proven {
	char label[16];
	struct kvpool_wire_connect connect;
	struct kvpool_wire_accept accept;
	__u8 name[KVPOOL_NAME_SIZE];
	struct kvpool_wire_end initiator;
	struct kvpool_wire_end target;
};

/**
 * struct kvpool_wire_segment - A part of a block
 * @key:	the block's key
 * @push:	PUSH, DROP: number of the push, the same in all segments of a
 *		block, random, not zero; otherwise zero
 * @block_length: bytes of the whole block, KVPOOL_BLOCK_MIN to _MAX; DROP: zero
 * @offset:	where the part begins in the block, a multiple of
 *		KVPOOL_WIRE_PAGE; DROP: zero
 * @length:	bytes of the part, at least one; a multiple of KVPOOL_WIRE_PAGE
 *		unless it is the block's end; DROP: zero
 * @depth:	PUSH, FETCH: position of the block in its chain, from 1, or zero
 *		if the initiator knows of no chain; otherwise zero
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
 * struct kvpool_wire_key - A key that a PROBE asks for
 * @key:	the key
 */
struct kvpool_wire_key {
	__u8 key[KVPOOL_KEY_SIZE];
};

/**
 * struct kvpool_wire_request - PROBE, FETCH, PUSH and DROP
 * @header:	@nr is 1 to the agreed @max_segs; PROBE: to KVPOOL_WIRE_KEYS_MAX
 * @address:	FETCH, PUSH: begin of the registered memory in the initiator's
 *		terms; zero with KVPOOL_WIRE_INLINE, and otherwise
 * @rkey:	FETCH, PUSH: its key; likewise
 * @length:	FETCH, PUSH: its bytes: the sum of the segments' lengths, each
 *		rounded up to KVPOOL_WIRE_PAGE; otherwise zero. With
 *		KVPOOL_WIRE_INLINE, which allows one segment, at most
 *		KVPOOL_WIRE_INLINE_MAX
 * @wait_ms:	FETCH of one segment: how long it may wait while its block is
 *		pending, up to KVPOOL_WIRE_WAIT_MAX_MS; otherwise zero
 * @node:	PUSH: NUMA node of the target to prefer, or KVPOOL_WIRE_NODE_ANY;
 *		otherwise KVPOOL_WIRE_NODE_ANY
 * @reserved:	zero
 * @tenant:	whose blocks: a name, padded with zeros and ended by one
 * @segments:	in the order in which they lie in the registered memory, each
 *		beginning at a multiple of KVPOOL_WIRE_PAGE
 * @keys:	PROBE: in the place of @segments
 *
 * ALIVE and CANCEL are bare headers with @nr zero. CANCEL has the @id of a
 * request: if that waits it is answered at once. PROBE asks which blocks there
 * are. DROP ends pushes that will not be completed.
 */
struct kvpool_wire_request {
	struct kvpool_wire_header header;
	__le64 address;
	__le32 rkey;
	__le32 length;
	__le32 wait_ms;
	__le16 node;
	__le16 reserved;
	__u8 tenant[KVPOOL_NAME_SIZE];
	union {
		__DECLARE_FLEX_ARRAY(struct kvpool_wire_segment, segments);
		__DECLARE_FLEX_ARRAY(struct kvpool_wire_key, keys);
	};
};

#define KVPOOL_WIRE_NODE_ANY	0xffff

/* Result of a segment. A status that its opcode cannot have breaks a rule. */
enum kvpool_wire_status {
	KVPOOL_WIRE_OK,
	KVPOOL_WIRE_MISSING,	/* no such block, or no such tenant */
	KVPOOL_WIRE_PENDING,	/* not DROP: the block is being filled */
	KVPOOL_WIRE_LENGTH,	/* FETCH: the block has another length */
	KVPOOL_WIRE_EXISTS,	/* PUSH: there is a block already */
	KVPOOL_WIRE_NO_SPACE,	/* PUSH: no space that may be used */
	KVPOOL_WIRE_QUOTA,	/* PUSH: the tenant's quota */
	KVPOOL_WIRE_LATER,	/* FETCH, PUSH: not now, ask again in a while */
	KVPOOL_WIRE_STALE,	/* PUSH: the reservation was lost */
	KVPOOL_WIRE_DENIED,	/* not DROP: the host has no right to do that */
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
 * @depth:	FETCH: position of that block in its chain, from 1, or zero if
 *		no chain is known. Otherwise zero.
 * @reserved:	zero
 * @parent:	key of the block before it, if @depth is more than 1. Otherwise
 *		zero.
 */
struct kvpool_wire_result {
	__le32 status;
	__le32 length;
	__le64 generation;
	__le32 depth;
	__le32 reserved;
	__u8 parent[KVPOOL_KEY_SIZE];
};

/**
 * struct kvpool_wire_found - Result of one key of a PROBE
 * @status:	enum kvpool_wire_status
 * @length:	bytes of the block if it is sealed, otherwise zero
 */
struct kvpool_wire_found {
	__le32 status;
	__le32 length;
};

/**
 * struct kvpool_wire_response - The answer to a request
 * @header:	@nr is that of the request
 * @results:	one for each segment, in their order
 * @found:	PROBE: in the place of @results, one for each key
 *
 * It gives the request's credit back. The target no longer touches the
 * initiator's memory when it sends this. Whether or not a FETCH or PUSH has
 * succeeded, its answer invalidates @rkey. After the result of a FETCH with
 * KVPOOL_WIRE_INLINE come the bytes of the segment if its status is OK; nothing
 * is invalidated then.
 *
 * If KVPOOL_WIRE_IMM was agreed, the answer to a FETCH of one segment that is a
 * whole block, and whose @depth is that of the target's block, may be its bytes
 * themselves, with @id of the request as an immediate: the last RDMA WRITE, and
 * then the initiator invalidates the registration; or with KVPOOL_WIRE_INLINE a
 * message that has no header, so that it fits into one packet. Both mean
 * KVPOOL_WIRE_OK.
 */
struct kvpool_wire_response {
	struct kvpool_wire_header header;
	union {
		__DECLARE_FLEX_ARRAY(struct kvpool_wire_result, results);
		__DECLARE_FLEX_ARRAY(struct kvpool_wire_found, found);
	};
};

#define KVPOOL_WIRE_CAPSULE_MAX						\
	(sizeof(struct kvpool_wire_request) +				\
	 KVPOOL_WIRE_KEYS_MAX * sizeof(struct kvpool_wire_key))
#define KVPOOL_WIRE_RESPONSE_MAX					\
	(sizeof(struct kvpool_wire_response) +				\
	 sizeof(struct kvpool_wire_result) + KVPOOL_WIRE_INLINE_MAX)

#endif /* _KVPOOL_FABRIC_PROTO_H */
