// SPDX-License-Identifier: GPL-2.0
/*
 * Encoder and decoder of the wire protocol. Pure: it allocates nothing, takes
 * no lock and also builds in user space, for the fuzzer.
 */
#include <asm/byteorder.h>
#include <linux/build_bug.h>
#include <linux/string.h>

#include "fabric/wire.h"

static_assert(sizeof(struct kvpool_wire_connect) == 52);	/* at most 56 */
static_assert(sizeof(struct kvpool_wire_accept) == 52);
static_assert(sizeof(struct kvpool_wire_reject) == 8);
static_assert(sizeof(struct kvpool_wire_auth) == 40);
static_assert(sizeof(struct kvpool_wire_segment) == 88);
static_assert(sizeof(struct kvpool_wire_request) == 56);
static_assert(sizeof(struct kvpool_wire_response) == 8);
static_assert(sizeof(struct kvpool_wire_result) == 16);
static_assert(KVPOOL_WIRE_CAPSULE_MAX <= 4096);

/**
 * kvpool_wire_connect_encode() - Encode private data of a request to connect
 * @wire: where to write it; the nonce stays as it is
 * @terms: what the initiator wants
 */
void kvpool_wire_connect_encode(struct kvpool_wire_connect *wire,
				const struct kvpool_wire_terms *terms)
{
	wire->magic = cpu_to_le32(KVPOOL_WIRE_MAGIC);
	wire->version = cpu_to_le16(KVPOOL_WIRE_VERSION);
	wire->version_min = cpu_to_le16(KVPOOL_WIRE_VERSION);
	wire->features = 0;
	wire->queue = cpu_to_le16(terms->queue);
	wire->nr_queues = cpu_to_le16(terms->nr_queues);
	wire->credits = cpu_to_le16(terms->credits);
	wire->reserved = 0;
	memcpy(wire->host, terms->host, sizeof(wire->host));
}

/**
 * kvpool_wire_connect_decode() - Decode private data of a request to connect
 * @data: what was received
 * @len: its bytes
 * @terms: what the initiator wants
 *
 * Return: KVPOOL_CLOSE_NONE, or why the connection is to be refused.
 */
int kvpool_wire_connect_decode(const void *data, size_t len,
			       struct kvpool_wire_terms *terms)
{
	const struct kvpool_wire_connect *wire = data;
	u16 first, last;

	if (!data || len < sizeof(*wire) ||
	    wire->magic != cpu_to_le32(KVPOOL_WIRE_MAGIC))
		return KVPOOL_CLOSE_MESSAGE;
	first = le16_to_cpu(wire->version_min);
	last = le16_to_cpu(wire->version);
	if (first > KVPOOL_WIRE_VERSION || last < KVPOOL_WIRE_VERSION)
		return KVPOOL_CLOSE_VERSION;

	memset(terms, 0, sizeof(*terms));
	terms->version = KVPOOL_WIRE_VERSION;
	terms->queue = le16_to_cpu(wire->queue);
	terms->nr_queues = le16_to_cpu(wire->nr_queues);
	terms->credits = le16_to_cpu(wire->credits);
	memcpy(terms->host, wire->host, sizeof(terms->host));
	if (wire->reserved || !terms->nr_queues ||
	    terms->nr_queues > KVPOOL_WIRE_QUEUES_MAX ||
	    terms->queue >= terms->nr_queues || !terms->credits ||
	    terms->credits > KVPOOL_WIRE_CREDITS_MAX)
		return KVPOOL_CLOSE_MESSAGE;
	return KVPOOL_CLOSE_NONE;
}

/**
 * kvpool_wire_accept_encode() - Encode the private data of a reply
 * @wire: where to write it; the nonce stays as it is
 * @terms: what the target grants
 */
void kvpool_wire_accept_encode(struct kvpool_wire_accept *wire,
			       const struct kvpool_wire_terms *terms)
{
	wire->magic = cpu_to_le32(KVPOOL_WIRE_MAGIC);
	wire->version = cpu_to_le16(terms->version);
	wire->auth = cpu_to_le16(terms->auth);
	wire->features = 0;
	wire->credits = cpu_to_le16(terms->credits);
	wire->max_segs = cpu_to_le16(terms->max_segs);
	wire->max_bytes = cpu_to_le32(terms->max_bytes);
	memcpy(wire->host, terms->host, sizeof(wire->host));
}

/**
 * kvpool_wire_accept_decode() - Decode the private data of a reply
 * @data: what was received
 * @len: its bytes
 * @asked: what the initiator had asked for
 * @terms: what the target grants
 *
 * Return: KVPOOL_CLOSE_NONE, or why the connection is to be closed.
 */
int kvpool_wire_accept_decode(const void *data, size_t len,
			      const struct kvpool_wire_terms *asked,
			   struct kvpool_wire_terms *terms)
{
	const struct kvpool_wire_accept *wire = data;

	if (!data || len < sizeof(*wire) ||
	    wire->magic != cpu_to_le32(KVPOOL_WIRE_MAGIC))
		return KVPOOL_CLOSE_MESSAGE;
	if (le16_to_cpu(wire->version) != KVPOOL_WIRE_VERSION)
		return KVPOOL_CLOSE_VERSION;

	*terms = *asked;
	terms->version = KVPOOL_WIRE_VERSION;
	terms->auth = le16_to_cpu(wire->auth);
	terms->credits = le16_to_cpu(wire->credits);
	terms->max_segs = le16_to_cpu(wire->max_segs);
	terms->max_bytes = le32_to_cpu(wire->max_bytes);
	memcpy(terms->host, wire->host, sizeof(terms->host));
	if (wire->features || terms->auth > KVPOOL_WIRE_AUTH_HMAC ||
	    !terms->credits || terms->credits > asked->credits ||
	    !terms->max_segs || terms->max_segs > KVPOOL_WIRE_SEGS_MAX ||
	    !terms->max_bytes || terms->max_bytes > KVPOOL_WIRE_BYTES_MAX ||
	    terms->max_bytes % KVPOOL_WIRE_PAGE)
		return KVPOOL_CLOSE_MESSAGE;
	return KVPOOL_CLOSE_NONE;
}

/**
 * kvpool_wire_reject_encode() - Encode the private data of a refusal
 * @wire: where to write it
 * @reason: enum kvpool_close
 */
void kvpool_wire_reject_encode(struct kvpool_wire_reject *wire, int reason)
{
	wire->magic = cpu_to_le32(KVPOOL_WIRE_MAGIC);
	wire->version = cpu_to_le16(KVPOOL_WIRE_VERSION);
	wire->reason = cpu_to_le16(reason);
}

/**
 * kvpool_wire_reject_decode() - Decode the private data of a refusal
 * @data: what was received
 * @len: its bytes
 *
 * Return: enum kvpool_close; KVPOOL_CLOSE_REFUSED if the refusal came from
 * another program, or its reason is unknown.
 */
int kvpool_wire_reject_decode(const void *data, size_t len)
{
	const struct kvpool_wire_reject *wire = data;
	u16 reason;

	if (!data || len < sizeof(*wire) ||
	    wire->magic != cpu_to_le32(KVPOOL_WIRE_MAGIC))
		return KVPOOL_CLOSE_REFUSED;
	reason = le16_to_cpu(wire->reason);
	if (!reason || reason >= KVPOOL_NR_CLOSES)
		return KVPOOL_CLOSE_REFUSED;
	return reason;
}

/**
 * kvpool_wire_reason() - Explain why a connection ended
 * @reason: enum kvpool_close
 *
 * Return: a phrase for messages.
 */
const char *kvpool_wire_reason(int reason)
{
	static const char * const reasons[KVPOOL_NR_CLOSES] = {
		[KVPOOL_CLOSE_NONE] = "not closed",
		[KVPOOL_CLOSE_LOCAL] = "closed by this host",
		[KVPOOL_CLOSE_PEER] = "closed by the other host",
		[KVPOOL_CLOSE_TRANSPORT] = "transport error",
		[KVPOOL_CLOSE_TIMEOUT] = "the other host does not answer",
		[KVPOOL_CLOSE_DEVICE] = "the RDMA device is gone",
		[KVPOOL_CLOSE_FENCE] = "drained to fence a transfer",
		[KVPOOL_CLOSE_ADDRESS] = "no route to the address",
		[KVPOOL_CLOSE_REFUSED] = "refused by the other host",
		[KVPOOL_CLOSE_VERSION] = "no common protocol version",
		[KVPOOL_CLOSE_MESSAGE] = "malformed message",
		[KVPOOL_CLOSE_STATE] = "message out of order",
		[KVPOOL_CLOSE_CREDITS] = "more requests than agreed",
		[KVPOOL_CLOSE_ACCESS] = "memory access violation",
		[KVPOOL_CLOSE_AUTH] = "no valid proof of the secret",
		[KVPOOL_CLOSE_LIMIT] = "too many connections",
		[KVPOOL_CLOSE_MEMORY] = "out of memory",
	};

	return reason >= 0 && reason < KVPOOL_NR_CLOSES ? reasons[reason] :
							  "unknown reason";
}

/**
 * kvpool_wire_header_encode() - Encode a header
 * @data: where to write it
 * @opcode: enum kvpool_wire_opcode
 * @flags: KVPOOL_WIRE_RESPONSE or zero
 * @nr: what follows
 * @id: of the request
 *
 * Return: its bytes.
 */
size_t kvpool_wire_header_encode(void *data, u8 opcode, u8 flags, u16 nr,
				 u32 id)
{
	struct kvpool_wire_header *wire = data;

	wire->opcode = opcode;
	wire->flags = flags;
	wire->nr = cpu_to_le16(nr);
	wire->id = cpu_to_le32(id);
	return sizeof(*wire);
}

/**
 * kvpool_wire_request_encode() - Encode a request but for its segments
 * @wire: where to write it
 * @message: the request; @proof and @segments are not looked at
 *
 * Return: bytes of the capsule, segments included.
 */
size_t kvpool_wire_request_encode(struct kvpool_wire_request *wire,
				  const struct kvpool_wire_message *message)
{
	size_t len = strnlen(message->tenant, KVPOOL_NAME_SIZE - 1);

	kvpool_wire_header_encode(&wire->header, message->opcode, 0,
				  message->nr, message->id);
	wire->address = cpu_to_le64(message->address);
	wire->rkey = cpu_to_le32(message->rkey);
	wire->length = cpu_to_le32(message->length);
	memset(wire->tenant, 0, sizeof(wire->tenant));
	memcpy(wire->tenant, message->tenant, len);
	return sizeof(*wire) + message->nr * sizeof(wire->segments[0]);
}

/**
 * kvpool_wire_part_encode() - Encode a segment of a request
 * @wire: where to write it
 * @part: the segment
 */
void kvpool_wire_part_encode(struct kvpool_wire_segment *wire,
			     const struct kvpool_wire_part *part)
{
	memcpy(wire->key, &part->key, sizeof(wire->key));
	wire->push = cpu_to_le64(part->push);
	wire->block_length = cpu_to_le32(part->block_length);
	wire->offset = cpu_to_le32(part->offset);
	wire->length = cpu_to_le32(part->length);
	wire->depth = cpu_to_le32(part->depth);
	memcpy(wire->parent, &part->parent, sizeof(wire->parent));
}

/**
 * kvpool_wire_part_decode() - Decode a segment of a request
 * @message: the request
 * @i: index of the segment, less than @message->nr
 * @part: the segment
 */
void kvpool_wire_part_decode(const struct kvpool_wire_message *message,
			     unsigned int i, struct kvpool_wire_part *part)
{
	const struct kvpool_wire_segment *wire = &message->segments[i];

	memcpy(&part->key, wire->key, sizeof(part->key));
	part->push = le64_to_cpu(wire->push);
	part->block_length = le32_to_cpu(wire->block_length);
	part->offset = le32_to_cpu(wire->offset);
	part->length = le32_to_cpu(wire->length);
	part->depth = le32_to_cpu(wire->depth);
	memcpy(&part->parent, wire->parent, sizeof(part->parent));
}

/* Only a block of a push has a place in a chain, and a head has no parent. */
static bool kvpool_wire_chain_ok(const struct kvpool_wire_message *message,
				 const struct kvpool_wire_part *part)
{
	u64 any = 0;
	int i;

	if (part->depth && message->opcode != KVPOOL_WIRE_PUSH)
		return false;
	if (part->depth > 1)
		return true;
	for (i = 0; i < ARRAY_SIZE(part->parent.words); i++)
		any |= part->parent.words[i];
	return !any;
}

/* Check a segment, and add its share of the memory to @sum. */
static bool kvpool_wire_part_ok(const struct kvpool_wire_message *message,
				unsigned int i, u64 *sum)
{
	struct kvpool_wire_part part;
	u64 end;

	kvpool_wire_part_decode(message, i, &part);
	if (!kvpool_wire_chain_ok(message, &part))
		return false;
	switch (message->opcode) {
	case KVPOOL_WIRE_PROBE:
		return !part.push && !part.block_length && !part.offset &&
		       !part.length;
	case KVPOOL_WIRE_DROP:
		return part.push && !part.block_length && !part.offset &&
		       !part.length;
	}

	if (message->opcode == KVPOOL_WIRE_PUSH ? !part.push : part.push != 0)
		return false;
	end = (u64)part.offset + part.length;
	if (part.block_length < KVPOOL_BLOCK_MIN ||
	    part.block_length > KVPOOL_BLOCK_MAX || !part.length ||
	    end > part.block_length || part.offset % KVPOOL_WIRE_PAGE ||
	    (part.length % KVPOOL_WIRE_PAGE && end != part.block_length))
		return false;
	*sum += kvpool_wire_align(part.length);
	return true;
}

static bool kvpool_wire_tenant_ok(const u8 *name)
{
	size_t len = strnlen((const char *)name, KVPOOL_NAME_SIZE);
	size_t i;

	for (i = len; i < KVPOOL_NAME_SIZE; i++)
		if (name[i])
			return false;
	return len && len < KVPOOL_NAME_SIZE;
}

static int kvpool_wire_request_decode(const struct kvpool_wire_request *wire,
				      size_t len,
				   const struct kvpool_wire_terms *terms,
				   struct kvpool_wire_message *message)
{
	bool moves = message->opcode == KVPOOL_WIRE_FETCH ||
		     message->opcode == KVPOOL_WIRE_PUSH;
	u64 sum = 0;
	unsigned int i;

	if (!message->nr || message->nr > terms->max_segs ||
	    len != sizeof(*wire) + message->nr * sizeof(wire->segments[0]))
		return KVPOOL_CLOSE_MESSAGE;
	if (!kvpool_wire_tenant_ok(wire->tenant))
		return KVPOOL_CLOSE_MESSAGE;
	message->address = le64_to_cpu(wire->address);
	message->rkey = le32_to_cpu(wire->rkey);
	message->length = le32_to_cpu(wire->length);
	message->tenant = (const char *)wire->tenant;
	message->segments = wire->segments;

	for (i = 0; i < message->nr; i++)
		if (!kvpool_wire_part_ok(message, i, &sum))
			return KVPOOL_CLOSE_MESSAGE;
	if (sum != message->length || message->length > terms->max_bytes ||
	    message->address + message->length < message->address)
		return KVPOOL_CLOSE_MESSAGE;
	if (!moves && (message->address || message->rkey))
		return KVPOOL_CLOSE_MESSAGE;
	return KVPOOL_CLOSE_NONE;
}

/*
 * Decode what capsules and responses have in common, all of AUTH and ALIVE
 * included. @more says that the header is in order and that what follows it,
 * of another kind, is not decoded yet; otherwise the result is final.
 */
static int kvpool_wire_header_decode(const void *data, size_t len, u8 flags,
				     struct kvpool_wire_message *message,
				  bool *more)
{
	const struct kvpool_wire_header *wire = data;

	*more = false;
	memset(message, 0, sizeof(*message));
	if (len < sizeof(*wire) || wire->flags != flags)
		return KVPOOL_CLOSE_MESSAGE;
	message->opcode = wire->opcode;
	message->nr = le16_to_cpu(wire->nr);
	message->id = le32_to_cpu(wire->id);

	switch (message->opcode) {
	case KVPOOL_WIRE_AUTH:
		if (message->nr || len != sizeof(struct kvpool_wire_auth))
			return KVPOOL_CLOSE_MESSAGE;
		message->proof = ((const struct kvpool_wire_auth *)data)->proof;
		return KVPOOL_CLOSE_NONE;
	case KVPOOL_WIRE_ALIVE:
		if (message->nr || len != sizeof(*wire))
			return KVPOOL_CLOSE_MESSAGE;
		return KVPOOL_CLOSE_NONE;
	case KVPOOL_WIRE_PROBE:
	case KVPOOL_WIRE_FETCH:
	case KVPOOL_WIRE_PUSH:
	case KVPOOL_WIRE_DROP:
		*more = true;
		return KVPOOL_CLOSE_NONE;
	}
	return KVPOOL_CLOSE_MESSAGE;
}

/**
 * kvpool_wire_capsule_decode() - Decode what an initiator sent
 * @data: what was received, aligned to 8 bytes; @message points into it
 * @len: its bytes
 * @terms: what was agreed on
 * @message: the capsule
 *
 * Return: KVPOOL_CLOSE_NONE, or why the connection is to be closed.
 */
int kvpool_wire_capsule_decode(const void *data, size_t len,
			       const struct kvpool_wire_terms *terms,
			    struct kvpool_wire_message *message)
{
	bool more;
	int reason;

	reason = kvpool_wire_header_decode(data, len, 0, message, &more);
	return more ? kvpool_wire_request_decode(data, len, terms, message) :
		      reason;
}

/* Valid statuses of results, by opcode. */
static const u32 kvpool_wire_statuses[] = {
	[KVPOOL_WIRE_PROBE] = 1U << KVPOOL_WIRE_OK |
			      1U << KVPOOL_WIRE_MISSING |
			      1U << KVPOOL_WIRE_PENDING,
	[KVPOOL_WIRE_FETCH] = 1U << KVPOOL_WIRE_OK |
			    1U << KVPOOL_WIRE_MISSING |
			    1U << KVPOOL_WIRE_PENDING |
			    1U << KVPOOL_WIRE_LENGTH |
			    1U << KVPOOL_WIRE_NO_MEMORY,
	[KVPOOL_WIRE_PUSH] = 1U << KVPOOL_WIRE_OK |
			    1U << KVPOOL_WIRE_MISSING |
			    1U << KVPOOL_WIRE_PENDING |
			    1U << KVPOOL_WIRE_EXISTS |
			    1U << KVPOOL_WIRE_NO_SPACE |
			    1U << KVPOOL_WIRE_QUOTA |
			    1U << KVPOOL_WIRE_NO_MEMORY |
			    1U << KVPOOL_WIRE_STALE,
	[KVPOOL_WIRE_DROP] = 1U << KVPOOL_WIRE_OK |
			     1U << KVPOOL_WIRE_MISSING,
};

static bool kvpool_wire_result_ok(const struct kvpool_wire_result *wire,
				  u8 opcode)
{
	u32 status = le32_to_cpu(wire->status);
	bool moved = opcode == KVPOOL_WIRE_FETCH && status == KVPOOL_WIRE_OK;

	return status < KVPOOL_WIRE_NR_STATUS &&
	       kvpool_wire_statuses[opcode] >> status & 1 &&
	       le32_to_cpu(wire->length) <= KVPOOL_BLOCK_MAX &&
	       (wire->generation != 0) == moved;
}

/**
 * kvpool_wire_response_decode() - Decode what a target sent
 * @data: what was received, aligned to 8 bytes; @message points into it
 * @len: its bytes
 * @message: opcode, nr, id and, for AUTH, the proof. The caller compares them
 *		with the request's; results are read by
 *		kvpool_wire_result_decode().
 *
 * Return: KVPOOL_CLOSE_NONE, or why the connection is to be closed.
 */
int kvpool_wire_response_decode(const void *data, size_t len,
				struct kvpool_wire_message *message)
{
	const struct kvpool_wire_response *response = data;
	unsigned int i;
	bool more;
	int reason;

	reason = kvpool_wire_header_decode(data, len, KVPOOL_WIRE_RESPONSE,
					   message, &more);
	if (!more)
		return reason;
	if (!message->nr || message->nr > KVPOOL_WIRE_SEGS_MAX ||
	    len != sizeof(*response) +
		   message->nr * sizeof(response->results[0]))
		return KVPOOL_CLOSE_MESSAGE;
	for (i = 0; i < message->nr; i++)
		if (!kvpool_wire_result_ok(&response->results[i],
					   message->opcode))
			return KVPOOL_CLOSE_MESSAGE;
	return KVPOOL_CLOSE_NONE;
}

/**
 * kvpool_wire_result_decode() - Decode one result of a valid response
 * @data: the response
 * @i: index of the result
 * @length: of the block, or zero
 * @generation: of the block, or zero
 *
 * Return: enum kvpool_wire_status.
 */
int kvpool_wire_result_decode(const void *data, unsigned int i, u32 *length,
			      u64 *generation)
{
	const struct kvpool_wire_response *wire = data;

	*length = le32_to_cpu(wire->results[i].length);
	*generation = le64_to_cpu(wire->results[i].generation);
	return le32_to_cpu(wire->results[i].status);
}
