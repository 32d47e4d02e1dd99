// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "model_wire.h"

/* Sanitizers report reads beyond the end of the copy. */
static void *copy_of(const void *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	BUG_ON(!copy);
	memcpy(copy, data, size);
	return copy;
}

void wire_terms(struct kvpool_wire_terms *terms, u8 seed)
{
	memset(terms, 0, sizeof(*terms));
	terms->version = KVPOOL_WIRE_VERSION;
	terms->auth = seed & 1;
	terms->nr_queues = 1 + seed % KVPOOL_WIRE_QUEUES_MAX;
	terms->queue = terms->nr_queues - 1;
	terms->credits = 1 + seed % KVPOOL_WIRE_CREDITS_MAX;
	terms->max_segs = seed & 2 ? KVPOOL_WIRE_SEGS_MAX : 1 + seed % 8;
	terms->max_bytes = seed & 4 ? KVPOOL_WIRE_BYTES_MAX :
				      (1 + seed % 16) * KVPOOL_WIRE_PAGE;
	terms->features = seed & 8 ? KVPOOL_WIRE_IMM : 0;
	terms->link = 1 + seed * 257U % KVPOOL_WIRE_LINKS_MAX;
	terms->mtu = seed % 6 ? 128U << seed % 6 : 0;
	terms->waits = seed & 16 ? terms->credits - 1 : 0;
	terms->pushes = 1 + seed;
	memset(terms->host, seed, sizeof(terms->host));
	memset(terms->name, 'n', 1 + seed % (KVPOOL_NAME_SIZE - 1));
}

/* At least one byte, and zeros from its end on. */
static void check_name(const char *name)
{
	size_t i = strnlen(name, KVPOOL_NAME_SIZE);

	BUG_ON(!i || i == KVPOOL_NAME_SIZE);
	for (; i < KVPOOL_NAME_SIZE; i++)
		BUG_ON(name[i]);
}

static void check_part(const struct kvpool_wire_message *message,
		       const struct kvpool_wire_part *part, u64 *sum)
{
	static const struct kvpool_key none;
	bool push = message->opcode == KVPOOL_WIRE_PUSH;

	BUG_ON(part->depth && message->opcode == KVPOOL_WIRE_DROP);
	BUG_ON((part->depth <= 1 || !push) &&
	       memcmp(&part->parent, &none, sizeof(none)));
	if (message->opcode == KVPOOL_WIRE_DROP) {
		BUG_ON(part->block_length || part->offset || part->length);
		BUG_ON(!part->push);
		return;
	}
	BUG_ON(push != !!part->push);
	BUG_ON(part->block_length < KVPOOL_BLOCK_MIN ||
	       part->block_length > KVPOOL_BLOCK_MAX);
	BUG_ON(!part->length || part->offset % KVPOOL_WIRE_PAGE);
	BUG_ON((u64)part->offset + part->length > part->block_length);
	BUG_ON(part->length % KVPOOL_WIRE_PAGE &&
	       part->offset + part->length != part->block_length);
	*sum += kvpool_wire_align(part->length);
}

/* The parts of a request, and what only some requests may have. */
static void check_kind(const struct kvpool_wire_message *message,
		       const struct kvpool_wire_terms *terms)
{
	bool fetch = message->opcode == KVPOOL_WIRE_FETCH;
	bool push = message->opcode == KVPOOL_WIRE_PUSH;

	BUG_ON(!message->nr || message->nr > (message->opcode ==
					      KVPOOL_WIRE_PROBE ?
					      KVPOOL_WIRE_KEYS_MAX :
					      terms->max_segs));
	BUG_ON(message->length > terms->max_bytes);
	BUG_ON((message->is_inline || message->wait_ms) &&
	       (!fetch || message->nr != 1));
	BUG_ON(message->wait_ms > KVPOOL_WIRE_WAIT_MAX_MS);
	BUG_ON(message->is_inline && message->length > KVPOOL_WIRE_INLINE_MAX);
	BUG_ON((message->is_inline || !(fetch || push)) &&
	       (message->address || message->rkey));
	BUG_ON(!push && message->node != KVPOOL_WIRE_NODE_ANY);
	BUG_ON(message->address + message->length < message->address);
	check_name(message->tenant);
}

/* What has been decoded must encode to the same bytes. */
static void check_request(const void *data, size_t size,
			  const struct kvpool_wire_terms *terms,
			  const struct kvpool_wire_message *message)
{
	struct kvpool_wire_request *again = calloc(1, KVPOOL_WIRE_CAPSULE_MAX);
	struct kvpool_wire_part part;
	unsigned int i;
	u64 sum = 0;

	BUG_ON(!again);
	check_kind(message, terms);
	for (i = 0; i < message->nr; i++) {
		if (message->opcode == KVPOOL_WIRE_PROBE) {
			again->keys[i] = message->keys[i];
			continue;
		}
		kvpool_wire_part_decode(message, i, &part);
		check_part(message, &part, &sum);
		kvpool_wire_part_encode(&again->segments[i], &part);
	}
	BUG_ON(sum != message->length);
	BUG_ON(kvpool_wire_request_encode(again, message) != size);
	BUG_ON(memcmp(again, data, size));
	free(again);
}

/* AUTH encodes to the same bytes; ALIVE and CANCEL are their headers. */
static void check_control(const void *data, size_t size, u8 flags,
			  const struct kvpool_wire_message *message)
{
	struct kvpool_wire_auth again;

	if (message->opcode == KVPOOL_WIRE_AUTH) {
		check_name(message->name);
		BUG_ON(kvpool_wire_auth_encode(&again, flags, message->id,
					       message->name,
					       message->proof) != size);
	} else {
		BUG_ON(kvpool_wire_header_encode(&again, message->opcode, flags,
						 0, message->id) != size);
	}
	BUG_ON(memcmp(&again, data, size));
}

static bool is_control(const struct kvpool_wire_message *message)
{
	return message->opcode == KVPOOL_WIRE_AUTH ||
	       message->opcode == KVPOOL_WIRE_ALIVE ||
	       message->opcode == KVPOOL_WIRE_CANCEL;
}

int wire_capsule(const void *data, size_t size,
		 const struct kvpool_wire_terms *terms)
{
	struct kvpool_wire_message message;
	void *copy = copy_of(data, size);
	int ret;

	ret = kvpool_wire_capsule_decode(copy, size, terms, &message);
	BUG_ON(ret < 0 || ret >= KVPOOL_NR_CLOSES);
	if (!ret && is_control(&message))
		check_control(copy, size, 0, &message);
	else if (!ret)
		check_request(copy, size, terms, &message);
	free(copy);
	return ret;
}

static void check_outcome(u8 opcode, const struct kvpool_wire_outcome *outcome)
{
	static const struct kvpool_key none;
	bool moved = !outcome->status && opcode == KVPOOL_WIRE_FETCH;

	BUG_ON(outcome->status >= KVPOOL_WIRE_NR_STATUS);
	BUG_ON(outcome->length > KVPOOL_BLOCK_MAX);
	BUG_ON(!outcome->generation != !moved);
	BUG_ON(outcome->depth && !moved);
	BUG_ON(outcome->depth <= 1 &&
	       memcmp(&outcome->parent, &none, sizeof(none)));
}

/* Results encode to the same bytes; the payload is what follows them. */
static void check_response(const void *data, size_t size,
			   const struct kvpool_wire_message *message)
{
	size_t results = kvpool_wire_response_length(message->opcode,
						     message->nr);
	struct kvpool_wire_outcome outcome = {};
	u8 flags = KVPOOL_WIRE_RESPONSE;
	void *again = calloc(1, results);
	unsigned int i;

	BUG_ON(!again || results > size);
	for (i = 0; i < message->nr; i++) {
		kvpool_wire_outcome_decode(data, message->opcode, i, &outcome);
		check_outcome(message->opcode, &outcome);
		kvpool_wire_outcome_encode(again, message->opcode, i, &outcome);
	}
	if (message->is_inline)
		flags |= KVPOOL_WIRE_INLINE;
	kvpool_wire_header_encode(again, message->opcode, flags, message->nr,
				  message->id);
	BUG_ON(memcmp(again, data, results));
	free(again);
	BUG_ON(!message->payload != (!message->is_inline || outcome.status));
	BUG_ON(message->is_inline && message->nr != 1);
	if (!message->payload) {
		BUG_ON(results != size || message->length);
		return;
	}
	BUG_ON(message->payload != data + results);
	BUG_ON(message->length != size - results || !message->length);
	BUG_ON(message->length > KVPOOL_WIRE_INLINE_MAX);
}

int wire_response(const void *data, size_t size)
{
	struct kvpool_wire_message message;
	void *copy = copy_of(data, size);
	int ret;

	ret = kvpool_wire_response_decode(copy, size, &message);
	BUG_ON(ret < 0 || ret >= KVPOOL_NR_CLOSES);
	if (!ret && is_control(&message))
		check_control(copy, size, KVPOOL_WIRE_RESPONSE, &message);
	else if (!ret)
		check_response(copy, size, &message);
	free(copy);
	return ret;
}

static bool mtu_ok(u16 mtu)
{
	return !mtu || mtu == 256 || mtu == 512 || mtu == 1024 || mtu == 2048 ||
	       mtu == 4096;
}

int wire_connect(const void *data, size_t size)
{
	struct kvpool_wire_connect again = {}, was;
	struct kvpool_wire_terms terms;
	void *copy = copy_of(data, size);
	int ret;

	ret = kvpool_wire_connect_decode(copy, size, &terms);
	BUG_ON(ret < 0 || ret >= KVPOOL_NR_CLOSES);
	if (!ret) {
		BUG_ON(terms.queue >= terms.nr_queues || !terms.credits);
		BUG_ON(terms.nr_queues > KVPOOL_WIRE_QUEUES_MAX);
		BUG_ON(terms.credits > KVPOOL_WIRE_CREDITS_MAX);
		BUG_ON(!terms.link || !mtu_ok(terms.mtu));
		BUG_ON(terms.features & ~KVPOOL_WIRE_FEATURES);
		/* A later version may have features and other versions. */
		memcpy(&was, copy, sizeof(was));
		memcpy(again.nonce, was.nonce, sizeof(again.nonce));
		kvpool_wire_connect_encode(&again, &terms);
		again.features = was.features;
		again.version = was.version;
		again.version_min = was.version_min;
		BUG_ON(memcmp(&again, &was, sizeof(was)));
	}
	free(copy);
	return ret;
}

int wire_accept(const void *data, size_t size,
		const struct kvpool_wire_terms *asked)
{
	struct kvpool_wire_accept again = {}, was;
	struct kvpool_wire_terms terms;
	void *copy = copy_of(data, size);
	int ret;

	ret = kvpool_wire_accept_decode(copy, size, asked, &terms);
	BUG_ON(ret < 0 || ret >= KVPOOL_NR_CLOSES);
	if (!ret) {
		BUG_ON(!terms.credits || terms.credits > asked->credits);
		BUG_ON(!terms.max_segs || terms.max_segs > KVPOOL_WIRE_SEGS_MAX);
		BUG_ON(!terms.max_bytes ||
		       terms.max_bytes > KVPOOL_WIRE_BYTES_MAX);
		BUG_ON(terms.features & ~asked->features);
		BUG_ON(terms.waits >= terms.credits || !terms.pushes);
		BUG_ON(!mtu_ok(terms.mtu) || terms.mtu > asked->mtu);
		check_name(terms.name);
		memcpy(&was, copy, sizeof(was));
		memcpy(again.nonce, was.nonce, sizeof(again.nonce));
		kvpool_wire_accept_encode(&again, &terms);
		BUG_ON(memcmp(&again, &was, sizeof(was)));
	}
	free(copy);
	return ret;
}

int wire_reject(const void *data, size_t size)
{
	void *copy = copy_of(data, size);
	u16 mtu = 1;
	int ret = kvpool_wire_reject_decode(copy, size, &mtu);

	BUG_ON(ret <= KVPOOL_CLOSE_NONE || ret >= KVPOOL_NR_CLOSES);
	BUG_ON(!mtu_ok(mtu) || (mtu && ret != KVPOOL_CLOSE_MTU));
	free(copy);
	return ret;
}
