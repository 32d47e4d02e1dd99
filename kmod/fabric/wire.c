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
static_assert(sizeof(struct kvpool_wire_accept) == 92);	/* at most 196 */
static_assert(sizeof(struct kvpool_wire_reject) == 12);
static_assert(sizeof(struct kvpool_wire_auth) == 72);
static_assert(sizeof(struct kvpool_wire_proven) == 232);
static_assert(sizeof(struct kvpool_wire_segment) == 88);
static_assert(sizeof(struct kvpool_wire_request) == 64);
static_assert(sizeof(struct kvpool_wire_response) == 8);
static_assert(sizeof(struct kvpool_wire_result) == 56);
static_assert(sizeof(struct kvpool_wire_found) == 8);
static_assert(KVPOOL_WIRE_CAPSULE_MAX <= 4096);
static_assert(sizeof(struct kvpool_wire_request) + KVPOOL_WIRE_SEGS_MAX *
	      sizeof(struct kvpool_wire_segment) <= KVPOOL_WIRE_CAPSULE_MAX);
static_assert(sizeof(struct kvpool_wire_response) + KVPOOL_WIRE_SEGS_MAX *
	      sizeof(struct kvpool_wire_result) <= KVPOOL_WIRE_RESPONSE_MAX);
static_assert(sizeof(struct kvpool_wire_response) + KVPOOL_WIRE_KEYS_MAX *
	      sizeof(struct kvpool_wire_found) <= KVPOOL_WIRE_RESPONSE_MAX);

/* A name: at least one byte, then zeros to the end. */
static bool kvpool_wire_name_ok(const u8 *name)
{
	size_t len = strnlen((const char *)name, KVPOOL_NAME_SIZE);
	size_t i;

	for (i = len; i < KVPOOL_NAME_SIZE; i++)
		if (name[i])
			return false;
	return len && len < KVPOOL_NAME_SIZE;
}

static void kvpool_wire_name_encode(u8 *wire, const char *name)
{
	memset(wire, 0, KVPOOL_NAME_SIZE);
	memcpy(wire, name, strnlen(name, KVPOOL_NAME_SIZE - 1));
}

static bool kvpool_wire_mtu_ok(u16 mtu)
{
	return !mtu || (mtu >= 256 && mtu <= 4096 && !(mtu & (mtu - 1)));
}

static bool kvpool_wire_key_is_zero(const struct kvpool_key *key)
{
	u64 any = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(key->words); i++)
		any |= key->words[i];
	return !any;
}

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
	wire->features = cpu_to_le32(terms->features);
	wire->link = cpu_to_le16(terms->link);
	wire->queue = terms->queue;
	wire->nr_queues = terms->nr_queues;
	wire->credits = cpu_to_le16(terms->credits);
	wire->mtu = cpu_to_le16(terms->mtu);
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
	terms->features = le32_to_cpu(wire->features) & KVPOOL_WIRE_FEATURES;
	terms->link = le16_to_cpu(wire->link);
	terms->queue = wire->queue;
	terms->nr_queues = wire->nr_queues;
	terms->credits = le16_to_cpu(wire->credits);
	terms->mtu = le16_to_cpu(wire->mtu);
	memcpy(terms->host, wire->host, sizeof(terms->host));
	if (!terms->link || !kvpool_wire_mtu_ok(terms->mtu) ||
	    !terms->nr_queues ||
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
	wire->features = cpu_to_le32(terms->features);
	wire->credits = cpu_to_le16(terms->credits);
	wire->max_segs = cpu_to_le16(terms->max_segs);
	wire->max_bytes = cpu_to_le32(terms->max_bytes);
	wire->waits = cpu_to_le16(terms->waits);
	wire->pushes = cpu_to_le16(terms->pushes);
	wire->mtu = cpu_to_le16(terms->mtu);
	wire->reserved = 0;
	memcpy(wire->host, terms->host, sizeof(wire->host));
	kvpool_wire_name_encode(wire->name, terms->name);
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
	terms->features = le32_to_cpu(wire->features);
	terms->credits = le16_to_cpu(wire->credits);
	terms->max_segs = le16_to_cpu(wire->max_segs);
	terms->max_bytes = le32_to_cpu(wire->max_bytes);
	terms->waits = le16_to_cpu(wire->waits);
	terms->pushes = le16_to_cpu(wire->pushes);
	terms->mtu = le16_to_cpu(wire->mtu);
	memcpy(terms->host, wire->host, sizeof(terms->host));
	memcpy(terms->name, wire->name, sizeof(terms->name));
	if (terms->features & ~asked->features || wire->reserved ||
	    terms->auth > KVPOOL_WIRE_AUTH_HMAC ||
	    !kvpool_wire_name_ok(wire->name) || terms->mtu > asked->mtu ||
	    !kvpool_wire_mtu_ok(terms->mtu) || !terms->pushes ||
	    terms->waits >= terms->credits ||
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
 * @mtu: KVPOOL_CLOSE_MTU: the path MTU that this side can take; otherwise zero
 */
void kvpool_wire_reject_encode(struct kvpool_wire_reject *wire, int reason,
			       u16 mtu)
{
	wire->magic = cpu_to_le32(KVPOOL_WIRE_MAGIC);
	wire->version = cpu_to_le16(KVPOOL_WIRE_VERSION);
	wire->reason = cpu_to_le16(reason);
	wire->mtu = cpu_to_le16(mtu);
	wire->reserved = 0;
}

/**
 * kvpool_wire_reject_decode() - Decode the private data of a refusal
 * @data: what was received
 * @len: its bytes
 * @mtu: the path MTU that the target can take, or zero
 *
 * Return: enum kvpool_close; KVPOOL_CLOSE_REFUSED if the refusal came from
 * another program, or its reason is unknown.
 */
int kvpool_wire_reject_decode(const void *data, size_t len, u16 *mtu)
{
	const struct kvpool_wire_reject *wire = data;
	u16 reason;

	*mtu = 0;
	if (!data || len < sizeof(*wire) ||
	    wire->magic != cpu_to_le32(KVPOOL_WIRE_MAGIC))
		return KVPOOL_CLOSE_REFUSED;
	reason = le16_to_cpu(wire->reason);
	if (!reason || reason >= KVPOOL_NR_CLOSES)
		return KVPOOL_CLOSE_REFUSED;
	if (reason == KVPOOL_CLOSE_MTU &&
	    kvpool_wire_mtu_ok(le16_to_cpu(wire->mtu)))
		*mtu = le16_to_cpu(wire->mtu);
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
		[KVPOOL_CLOSE_MTU] = "the path MTU is too large",
		[KVPOOL_CLOSE_REPLACED] = "replaced by a newer connection",
		[KVPOOL_CLOSE_IDLE] = "not used for a while",
		[KVPOOL_CLOSE_HOST] = "another host than expected",
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
 * kvpool_wire_auth_encode() - Encode AUTH or its answer
 * @wire: where to write it
 * @flags: KVPOOL_WIRE_RESPONSE or zero
 * @id: of the request
 * @name: of this host
 * @proof: KVPOOL_WIRE_PROOF bytes
 *
 * Return: its bytes.
 */
size_t kvpool_wire_auth_encode(struct kvpool_wire_auth *wire, u8 flags, u32 id,
			       const char *name, const u8 *proof)
{
	kvpool_wire_header_encode(wire, KVPOOL_WIRE_AUTH, flags, 0, id);
	kvpool_wire_name_encode(wire->name, name);
	memcpy(wire->proof, proof, sizeof(wire->proof));
	return sizeof(*wire);
}

static size_t kvpool_wire_request_length(u8 opcode, u16 nr)
{
	return sizeof(struct kvpool_wire_request) +
	       nr * (opcode == KVPOOL_WIRE_PROBE ?
		     sizeof(struct kvpool_wire_key) :
		     sizeof(struct kvpool_wire_segment));
}

/**
 * kvpool_wire_request_encode() - Encode a request but for its segments or keys
 * @wire: where to write it
 * @message: the request; @proof, @segments and @keys are not looked at
 *
 * Return: bytes of the capsule, segments or keys included.
 */
size_t kvpool_wire_request_encode(struct kvpool_wire_request *wire,
				  const struct kvpool_wire_message *message)
{
	kvpool_wire_header_encode(&wire->header, message->opcode,
				  message->is_inline ? KVPOOL_WIRE_INLINE : 0,
				  message->nr, message->id);
	wire->address = cpu_to_le64(message->address);
	wire->rkey = cpu_to_le32(message->rkey);
	wire->length = cpu_to_le32(message->length);
	wire->wait_ms = cpu_to_le32(message->wait_ms);
	wire->node = cpu_to_le16(message->node);
	wire->reserved = 0;
	kvpool_wire_name_encode(wire->tenant, message->tenant);
	return kvpool_wire_request_length(message->opcode, message->nr);
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

/* DROP knows of no chain, and only a PUSH names the parent of what is no head. */
static bool kvpool_wire_chain_ok(const struct kvpool_wire_message *message,
				 const struct kvpool_wire_part *part)
{
	if (part->depth && message->opcode == KVPOOL_WIRE_DROP)
		return false;
	return (message->opcode == KVPOOL_WIRE_PUSH && part->depth > 1) ||
	       kvpool_wire_key_is_zero(&part->parent);
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
	if (message->opcode == KVPOOL_WIRE_DROP)
		return part.push && !part.block_length && !part.offset &&
		       !part.length;
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

static bool kvpool_wire_limits_ok(const struct kvpool_wire_message *message,
				  const struct kvpool_wire_terms *terms)
{
	bool fetches = message->opcode == KVPOOL_WIRE_FETCH;
	bool moves = fetches || message->opcode == KVPOOL_WIRE_PUSH;
	u32 most = terms->max_bytes;

	if (!message->nr || message->nr > (message->opcode == KVPOOL_WIRE_PROBE ?
					   KVPOOL_WIRE_KEYS_MAX :
					   terms->max_segs))
		return false;
	if ((message->is_inline || message->wait_ms) &&
	    (!fetches || message->nr != 1))
		return false;
	if (message->is_inline && most > KVPOOL_WIRE_INLINE_MAX)
		most = KVPOOL_WIRE_INLINE_MAX;
	if (message->wait_ms > KVPOOL_WIRE_WAIT_MAX_MS ||
	    (message->node != KVPOOL_WIRE_NODE_ANY &&
	     message->opcode != KVPOOL_WIRE_PUSH))
		return false;
	if ((!moves || message->is_inline) &&
	    (message->address || message->rkey))
		return false;
	return message->length <= most &&
	       message->address + message->length >= message->address;
}

static int kvpool_wire_request_decode(const struct kvpool_wire_request *wire,
				      size_t len,
				   const struct kvpool_wire_terms *terms,
				   struct kvpool_wire_message *message)
{
	u64 sum = 0;
	unsigned int i;

	if (len < sizeof(*wire) ||
	    len != kvpool_wire_request_length(message->opcode, message->nr) ||
	    wire->reserved || !kvpool_wire_name_ok(wire->tenant))
		return KVPOOL_CLOSE_MESSAGE;
	message->address = le64_to_cpu(wire->address);
	message->rkey = le32_to_cpu(wire->rkey);
	message->length = le32_to_cpu(wire->length);
	message->wait_ms = le32_to_cpu(wire->wait_ms);
	message->node = le16_to_cpu(wire->node);
	message->tenant = (const char *)wire->tenant;
	if (!kvpool_wire_limits_ok(message, terms))
		return KVPOOL_CLOSE_MESSAGE;
	if (message->opcode == KVPOOL_WIRE_PROBE) {
		message->keys = wire->keys;
	} else {
		message->segments = wire->segments;
		for (i = 0; i < message->nr; i++)
			if (!kvpool_wire_part_ok(message, i, &sum))
				return KVPOOL_CLOSE_MESSAGE;
	}
	return sum == message->length ? KVPOOL_CLOSE_NONE :
					KVPOOL_CLOSE_MESSAGE;
}

/*
 * Decode what capsules and responses have in common, all of AUTH, ALIVE and
 * CANCEL included. @more says that the header is in order and that what follows it,
 * of another kind, is not decoded yet; otherwise the result is final.
 */
static int kvpool_wire_header_decode(const void *data, size_t len, u8 flags,
				     struct kvpool_wire_message *message,
				  bool *more)
{
	const struct kvpool_wire_header *wire = data;
	const struct kvpool_wire_auth *auth = data;

	*more = false;
	memset(message, 0, sizeof(*message));
	if (len < sizeof(*wire) ||
	    (wire->flags & ~KVPOOL_WIRE_INLINE) != flags)
		return KVPOOL_CLOSE_MESSAGE;
	message->opcode = wire->opcode;
	message->is_inline = wire->flags & KVPOOL_WIRE_INLINE;
	if (message->is_inline && message->opcode != KVPOOL_WIRE_FETCH)
		return KVPOOL_CLOSE_MESSAGE;
	message->nr = le16_to_cpu(wire->nr);
	message->id = le32_to_cpu(wire->id);

	switch (message->opcode) {
	case KVPOOL_WIRE_AUTH:
		if (message->nr || len != sizeof(*auth) ||
		    !kvpool_wire_name_ok(auth->name))
			return KVPOOL_CLOSE_MESSAGE;
		message->name = (const char *)auth->name;
		message->proof = auth->proof;
		return KVPOOL_CLOSE_NONE;
	case KVPOOL_WIRE_ALIVE:
	case KVPOOL_WIRE_CANCEL:
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
			      1U << KVPOOL_WIRE_PENDING |
			      1U << KVPOOL_WIRE_DENIED,
	[KVPOOL_WIRE_FETCH] = 1U << KVPOOL_WIRE_OK |
			    1U << KVPOOL_WIRE_MISSING |
			    1U << KVPOOL_WIRE_PENDING |
			    1U << KVPOOL_WIRE_LENGTH |
			    1U << KVPOOL_WIRE_LATER |
			    1U << KVPOOL_WIRE_DENIED,
	[KVPOOL_WIRE_PUSH] = 1U << KVPOOL_WIRE_OK |
			    1U << KVPOOL_WIRE_MISSING |
			    1U << KVPOOL_WIRE_PENDING |
			    1U << KVPOOL_WIRE_EXISTS |
			    1U << KVPOOL_WIRE_NO_SPACE |
			    1U << KVPOOL_WIRE_QUOTA |
			    1U << KVPOOL_WIRE_LATER |
			    1U << KVPOOL_WIRE_STALE |
			    1U << KVPOOL_WIRE_DENIED,
	[KVPOOL_WIRE_DROP] = 1U << KVPOOL_WIRE_OK |
			     1U << KVPOOL_WIRE_MISSING,
};

/**
 * kvpool_wire_response_length() - Bytes of an answer without bytes of blocks
 * @opcode: PROBE, FETCH, PUSH or DROP
 * @nr: its results
 *
 * Return: bytes.
 */
size_t kvpool_wire_response_length(u8 opcode, u16 nr)
{
	return sizeof(struct kvpool_wire_response) +
	       nr * (opcode == KVPOOL_WIRE_PROBE ?
		     sizeof(struct kvpool_wire_found) :
		     sizeof(struct kvpool_wire_result));
}

/**
 * kvpool_wire_outcome_encode() - Encode one result of an answer
 * @data: the answer
 * @opcode: its opcode
 * @i: index of the result
 * @outcome: the result
 */
void kvpool_wire_outcome_encode(void *data, u8 opcode, unsigned int i,
				const struct kvpool_wire_outcome *outcome)
{
	struct kvpool_wire_response *wire = data;
	struct kvpool_wire_result *result = &wire->results[i];

	if (opcode == KVPOOL_WIRE_PROBE) {
		wire->found[i].status = cpu_to_le32(outcome->status);
		wire->found[i].length = cpu_to_le32(outcome->length);
		return;
	}
	result->status = cpu_to_le32(outcome->status);
	result->length = cpu_to_le32(outcome->length);
	result->generation = cpu_to_le64(outcome->generation);
	result->depth = cpu_to_le32(outcome->depth);
	result->reserved = 0;
	memcpy(result->parent, &outcome->parent, sizeof(result->parent));
}

/**
 * kvpool_wire_outcome_decode() - Decode one result of a valid answer
 * @data: the answer
 * @opcode: its opcode
 * @i: index of the result
 * @outcome: the result
 */
void kvpool_wire_outcome_decode(const void *data, u8 opcode, unsigned int i,
				struct kvpool_wire_outcome *outcome)
{
	const struct kvpool_wire_response *wire = data;
	const struct kvpool_wire_result *result = &wire->results[i];

	memset(outcome, 0, sizeof(*outcome));
	if (opcode == KVPOOL_WIRE_PROBE) {
		outcome->status = le32_to_cpu(wire->found[i].status);
		outcome->length = le32_to_cpu(wire->found[i].length);
		return;
	}
	outcome->status = le32_to_cpu(result->status);
	outcome->length = le32_to_cpu(result->length);
	outcome->generation = le64_to_cpu(result->generation);
	outcome->depth = le32_to_cpu(result->depth);
	memcpy(&outcome->parent, result->parent, sizeof(outcome->parent));
}

static bool kvpool_wire_outcome_ok(const struct kvpool_wire_response *wire,
				   u8 opcode, unsigned int i)
{
	struct kvpool_wire_outcome outcome;
	bool moved;

	if (opcode != KVPOOL_WIRE_PROBE && wire->results[i].reserved)
		return false;
	kvpool_wire_outcome_decode(wire, opcode, i, &outcome);
	moved = opcode == KVPOOL_WIRE_FETCH && outcome.status == KVPOOL_WIRE_OK;
	return outcome.status < KVPOOL_WIRE_NR_STATUS &&
	       kvpool_wire_statuses[opcode] >> outcome.status & 1 &&
	       outcome.length <= KVPOOL_BLOCK_MAX &&
	       (outcome.generation != 0) == moved &&
	       (moved || !outcome.depth) &&
	       (outcome.depth > 1 || kvpool_wire_key_is_zero(&outcome.parent));
}

/* Bytes of a block that follow the results; only a result that is OK has any. */
static bool kvpool_wire_payload_ok(const struct kvpool_wire_response *wire,
				   struct kvpool_wire_message *message,
				   size_t left)
{
	bool has = message->is_inline && message->nr == 1 &&
		   wire->results[0].status == cpu_to_le32(KVPOOL_WIRE_OK);

	if (message->is_inline && message->nr != 1)
		return false;
	if (!has)
		return !left;
	message->payload = &wire->results[1];
	message->length = left;
	return left && left <= KVPOOL_WIRE_INLINE_MAX;
}

/**
 * kvpool_wire_response_decode() - Decode what a target sent
 * @data: what was received, aligned to 8 bytes; @message points into it
 * @len: its bytes
 * @message: opcode, nr, id; for AUTH the name and the proof; the payload. The
 *		caller compares them with the request's; results are read by
 *		kvpool_wire_outcome_decode().
 *
 * Return: KVPOOL_CLOSE_NONE, or why the connection is to be closed.
 */
int kvpool_wire_response_decode(const void *data, size_t len,
				struct kvpool_wire_message *message)
{
	size_t results;
	unsigned int i;
	bool more;
	int reason;

	reason = kvpool_wire_header_decode(data, len, KVPOOL_WIRE_RESPONSE,
					   message, &more);
	if (!more)
		return reason;
	results = kvpool_wire_response_length(message->opcode, message->nr);
	if (!message->nr || len < results ||
	    message->nr > (message->opcode == KVPOOL_WIRE_PROBE ?
			   KVPOOL_WIRE_KEYS_MAX : KVPOOL_WIRE_SEGS_MAX))
		return KVPOOL_CLOSE_MESSAGE;
	for (i = 0; i < message->nr; i++)
		if (!kvpool_wire_outcome_ok(data, message->opcode, i))
			return KVPOOL_CLOSE_MESSAGE;
	return kvpool_wire_payload_ok(data, message, len - results) ?
	       KVPOOL_CLOSE_NONE : KVPOOL_CLOSE_MESSAGE;
}
