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
	memset(terms->host, seed, sizeof(terms->host));
}

static void check_part(const struct kvpool_wire_message *message,
		       const struct kvpool_wire_part *part, u64 *sum)
{
	static const struct kvpool_key none;

	BUG_ON(part->depth && message->opcode != KVPOOL_WIRE_PUSH);
	BUG_ON(part->depth <= 1 && memcmp(&part->parent, &none, sizeof(none)));
	bool push = message->opcode == KVPOOL_WIRE_PUSH;

	if (message->opcode != KVPOOL_WIRE_FETCH && !push) {
		BUG_ON(part->block_length || part->offset || part->length);
		BUG_ON((message->opcode == KVPOOL_WIRE_DROP) != !!part->push);
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
	BUG_ON(!message->nr || message->nr > terms->max_segs);
	BUG_ON(message->length > terms->max_bytes);
	BUG_ON(strnlen(message->tenant, KVPOOL_NAME_SIZE) >= KVPOOL_NAME_SIZE);
	for (i = 0; i < message->nr; i++) {
		kvpool_wire_part_decode(message, i, &part);
		check_part(message, &part, &sum);
		kvpool_wire_part_encode(&again->segments[i], &part);
	}
	BUG_ON(sum != message->length);
	BUG_ON(message->address + message->length < message->address);
	BUG_ON(kvpool_wire_request_encode(again, message) != size);
	BUG_ON(memcmp(again, data, size));
	free(again);
}

int wire_capsule(const void *data, size_t size,
		 const struct kvpool_wire_terms *terms)
{
	struct kvpool_wire_message message;
	void *copy = copy_of(data, size);
	int ret;

	ret = kvpool_wire_capsule_decode(copy, size, terms, &message);
	BUG_ON(ret < 0 || ret >= KVPOOL_NR_CLOSES);
	if (!ret && message.opcode == KVPOOL_WIRE_AUTH)
		BUG_ON(memcmp(message.proof,
			      (char *)copy + size - KVPOOL_WIRE_PROOF,
			      KVPOOL_WIRE_PROOF));
	else if (!ret && message.opcode != KVPOOL_WIRE_ALIVE)
		check_request(copy, size, terms, &message);
	free(copy);
	return ret;
}

int wire_response(const void *data, size_t size)
{
	struct kvpool_wire_message message;
	void *copy = copy_of(data, size);
	unsigned int i;
	u64 generation;
	u32 length;
	int ret;

	ret = kvpool_wire_response_decode(copy, size, &message);
	BUG_ON(ret < 0 || ret >= KVPOOL_NR_CLOSES);
	for (i = 0; !ret && i < message.nr; i++) {
		int status = kvpool_wire_result_decode(copy, i, &length,
						    &generation);

		BUG_ON(status < 0 || status >= KVPOOL_WIRE_NR_STATUS);
		BUG_ON(length > KVPOOL_BLOCK_MAX);
		BUG_ON(!generation != (status || message.opcode !=
						 KVPOOL_WIRE_FETCH));
	}
	free(copy);
	return ret;
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
	int ret = kvpool_wire_reject_decode(copy, size);

	BUG_ON(ret <= KVPOOL_CLOSE_NONE || ret >= KVPOOL_NR_CLOSES);
	free(copy);
	return ret;
}
