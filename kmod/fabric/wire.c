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
static_assert(sizeof(struct kvpool_wire_segment) == 56);
static_assert(sizeof(struct kvpool_wire_request) == 56);
static_assert(sizeof(struct kvpool_wire_response) == 8);
static_assert(sizeof(struct kvpool_wire_result) == 16);
static_assert(KVPOOL_WIRE_CAPSULE_MAX <= 4096);

/**
 * kvpool_wire_connect_put() - Write the private data of a connection request
 * @wire: where to; the nonce is left alone
 * @terms: what the initiator wants
 */
void kvpool_wire_connect_put(struct kvpool_wire_connect *wire,
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
 * kvpool_wire_connect_get() - Read the private data of a connection request
 * @data: what came
 * @len: its bytes
 * @terms: what the initiator wants
 *
 * Return: KVPOOL_CLOSE_NONE, or why the connection is to be refused.
 */
int kvpool_wire_connect_get(const void *data, size_t len,
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
 * kvpool_wire_accept_put() - Write the private data of a reply
 * @wire: where to; the nonce is left alone
 * @terms: what the target grants
 */
void kvpool_wire_accept_put(struct kvpool_wire_accept *wire,
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
 * kvpool_wire_accept_get() - Read the private data of a reply
 * @data: what came
 * @len: its bytes
 * @asked: what the initiator had asked for
 * @terms: what the target grants
 *
 * Return: KVPOOL_CLOSE_NONE, or why the connection is to be closed.
 */
int kvpool_wire_accept_get(const void *data, size_t len,
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
 * kvpool_wire_reject_put() - Write the private data of a refusal
 * @wire: where to
 * @reason: enum kvpool_close
 */
void kvpool_wire_reject_put(struct kvpool_wire_reject *wire, int reason)
{
	wire->magic = cpu_to_le32(KVPOOL_WIRE_MAGIC);
	wire->version = cpu_to_le16(KVPOOL_WIRE_VERSION);
	wire->reason = cpu_to_le16(reason);
}

/**
 * kvpool_wire_reject_get() - Read the private data of a refusal
 * @data: what came
 * @len: its bytes
 *
 * Return: enum kvpool_close; KVPOOL_CLOSE_REFUSED if it was not a pool that
 * refused, or gave a reason that cannot be one.
 */
int kvpool_wire_reject_get(const void *data, size_t len)
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
 * kvpool_wire_header_put() - Write a header
 * @data: where to
 * @opcode: enum kvpool_wire_opcode
 * @flags: KVPOOL_WIRE_RESPONSE or zero
 * @nr: what follows
 * @id: of the request
 *
 * Return: its bytes.
 */
size_t kvpool_wire_header_put(void *data, u8 opcode, u8 flags, u16 nr, u32 id)
{
	struct kvpool_wire_header *wire = data;

	wire->opcode = opcode;
	wire->flags = flags;
	wire->nr = cpu_to_le16(nr);
	wire->id = cpu_to_le32(id);
	return sizeof(*wire);
}

/**
 * kvpool_wire_request_put() - Write a request but for its segments
 * @wire: where to
 * @message: the request; @proof and @segments are not looked at
 *
 * Return: bytes of the capsule, segments included.
 */
size_t kvpool_wire_request_put(struct kvpool_wire_request *wire,
			       const struct kvpool_wire_message *message)
{
	size_t len = strnlen(message->tenant, KVPOOL_NAME_SIZE - 1);

	kvpool_wire_header_put(&wire->header, message->opcode, 0, message->nr,
			       message->id);
	wire->address = cpu_to_le64(message->address);
	wire->rkey = cpu_to_le32(message->rkey);
	wire->length = cpu_to_le32(message->length);
	memset(wire->tenant, 0, sizeof(wire->tenant));
	memcpy(wire->tenant, message->tenant, len);
	return sizeof(*wire) + message->nr * sizeof(wire->segments[0]);
}

/**
 * kvpool_wire_part_put() - Write a segment of a request
 * @wire: where to
 * @part: the segment
 */
void kvpool_wire_part_put(struct kvpool_wire_segment *wire,
			  const struct kvpool_wire_part *part)
{
	memcpy(wire->key, &part->key, sizeof(wire->key));
	wire->put = cpu_to_le64(part->put);
	wire->block_length = cpu_to_le32(part->block_length);
	wire->offset = cpu_to_le32(part->offset);
	wire->length = cpu_to_le32(part->length);
	wire->reserved = 0;
}

/**
 * kvpool_wire_part_get() - Read a segment of a request
 * @message: the request
 * @i: which, less than @message->nr
 * @part: the segment
 */
void kvpool_wire_part_get(const struct kvpool_wire_message *message,
			  unsigned int i, struct kvpool_wire_part *part)
{
	const struct kvpool_wire_segment *wire = &message->segments[i];

	memcpy(&part->key, wire->key, sizeof(part->key));
	part->put = le64_to_cpu(wire->put);
	part->block_length = le32_to_cpu(wire->block_length);
	part->offset = le32_to_cpu(wire->offset);
	part->length = le32_to_cpu(wire->length);
}

/* Is a segment in order? Adds what it takes of the memory to @sum. */
static bool kvpool_wire_part_ok(const struct kvpool_wire_message *message,
				unsigned int i, u64 *sum)
{
	struct kvpool_wire_part part;
	u64 end;

	kvpool_wire_part_get(message, i, &part);
	if (message->segments[i].reserved)
		return false;
	switch (message->opcode) {
	case KVPOOL_WIRE_PROBE:
		return !part.put && !part.block_length && !part.offset &&
		       !part.length;
	case KVPOOL_WIRE_DROP:
		return part.put && !part.block_length && !part.offset &&
		       !part.length;
	}

	if (message->opcode == KVPOOL_WIRE_PUT ? !part.put : part.put != 0)
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

static int kvpool_wire_request_get(const struct kvpool_wire_request *wire,
				   size_t len,
				   const struct kvpool_wire_terms *terms,
				   struct kvpool_wire_message *message)
{
	bool moves = message->opcode == KVPOOL_WIRE_GET ||
		     message->opcode == KVPOOL_WIRE_PUT;
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
 * Read what capsules and responses have in common, all of AUTH and ALIVE
 * included. @more says that the header is in order and that what follows it,
 * of another kind, is not read yet; otherwise the result is final.
 */
static int kvpool_wire_header_get(const void *data, size_t len, u8 flags,
				  struct kvpool_wire_message *message,
				  bool *more)
{
	const struct kvpool_wire_header *wire = data;

	*more = false;
	if (len < sizeof(*wire) || wire->flags != flags)
		return KVPOOL_CLOSE_MESSAGE;
	memset(message, 0, sizeof(*message));
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
	case KVPOOL_WIRE_GET:
	case KVPOOL_WIRE_PUT:
	case KVPOOL_WIRE_DROP:
		*more = true;
		return KVPOOL_CLOSE_NONE;
	}
	return KVPOOL_CLOSE_MESSAGE;
}

/**
 * kvpool_wire_capsule_get() - Read what an initiator sent
 * @data: what came, aligned to 8 bytes; @message points into it
 * @len: its bytes
 * @terms: what was agreed on
 * @message: the capsule
 *
 * Return: KVPOOL_CLOSE_NONE, or why the connection is to be closed.
 */
int kvpool_wire_capsule_get(const void *data, size_t len,
			    const struct kvpool_wire_terms *terms,
			    struct kvpool_wire_message *message)
{
	bool more;
	int reason;

	reason = kvpool_wire_header_get(data, len, 0, message, &more);
	return more ? kvpool_wire_request_get(data, len, terms, message) :
		      reason;
}

/* Which results there may be, by opcode. */
static const u32 kvpool_wire_statuses[] = {
	[KVPOOL_WIRE_PROBE] = 1U << KVPOOL_WIRE_OK |
			      1U << KVPOOL_WIRE_MISSING |
			      1U << KVPOOL_WIRE_PENDING,
	[KVPOOL_WIRE_GET] = 1U << KVPOOL_WIRE_OK |
			    1U << KVPOOL_WIRE_MISSING |
			    1U << KVPOOL_WIRE_PENDING |
			    1U << KVPOOL_WIRE_LENGTH |
			    1U << KVPOOL_WIRE_NO_MEMORY,
	[KVPOOL_WIRE_PUT] = 1U << KVPOOL_WIRE_OK |
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
	bool moved = opcode == KVPOOL_WIRE_GET && status == KVPOOL_WIRE_OK;

	return status < KVPOOL_WIRE_NR_STATUS &&
	       kvpool_wire_statuses[opcode] >> status & 1 &&
	       le32_to_cpu(wire->length) <= KVPOOL_BLOCK_MAX &&
	       (wire->generation != 0) == moved;
}

/**
 * kvpool_wire_response_get() - Read what a target sent
 * @data: what came, aligned to 8 bytes; @message points into it
 * @len: its bytes
 * @message: opcode, nr, id and, for AUTH, the proof. The caller compares them
 *	     with the request's; results are read by kvpool_wire_result_get().
 *
 * Return: KVPOOL_CLOSE_NONE, or why the connection is to be closed.
 */
int kvpool_wire_response_get(const void *data, size_t len,
			     struct kvpool_wire_message *message)
{
	const struct kvpool_wire_response *response = data;
	unsigned int i;
	bool more;
	int reason;

	reason = kvpool_wire_header_get(data, len, KVPOOL_WIRE_RESPONSE,
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
 * kvpool_wire_result_get() - Read one result of a response that is in order
 * @data: the response
 * @i: which
 * @length: of the block, or zero
 * @generation: of the block, or zero
 *
 * Return: enum kvpool_wire_status.
 */
int kvpool_wire_result_get(const void *data, unsigned int i, u32 *length,
			   u64 *generation)
{
	const struct kvpool_wire_response *wire = data;

	*length = le32_to_cpu(wire->results[i].length);
	*generation = le64_to_cpu(wire->results[i].generation);
	return le32_to_cpu(wire->results[i].status);
}
