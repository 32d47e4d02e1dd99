// SPDX-License-Identifier: LGPL-2.1-or-later
/* Produce: reserve, seal, abort. */

#include "batch.h"
#include "chain.h"
#include "error.h"
#include "export.h"
#include "options.h"

#include <errno.h>
#include <stdbool.h>

KVP_EXPORT int kvpool_produce_begin(struct kvpool_batch *batch, const struct kvpool_key *keys,
				    const uint64_t *lengths, unsigned int nr_keys,
				    const struct kvpool_produce_opts *opts)
{
	const uint32_t node_flags = KVPOOL_PRODUCE_NODE | KVPOOL_PRODUCE_STRICT_NODE;
	struct kvpool_produce_opts o;
	struct kvp_place place;
	unsigned int done, i, n;
	int ret, reserved = 0;
	bool chained;

	ret = kvp_options(&o, sizeof(o), KVP_SIZE_TO(struct kvpool_produce_opts, parent),
			  opts, __func__);
	if (ret)
		return ret;
	if (o.flags & ~(node_flags | KVPOOL_PRODUCE_CHAIN))
		return kvp_fail(-EINVAL, "%s: unknown flags %#x", __func__, o.flags);
	if (o.flags & KVPOOL_PRODUCE_CHAIN ? !o.position != !o.parent : o.position || o.parent)
		return kvp_fail(-EINVAL, "%s: KVPOOL_PRODUCE_CHAIN goes with a position, and with a parent unless that is zero",
				__func__);
	if (!(o.flags & node_flags))
		o.node = KVPOOL_NODE_ANY;
	ret = kvp_batch_prepare(batch, KVP_PRODUCE, keys, nr_keys, __func__);
	if (ret)
		return ret;
	for (i = 0; i < nr_keys; i++) {
		uint64_t length = lengths ? lengths[i] : o.length;

		ret = kvp_batch_check_length(batch, i, length, __func__);
		if (ret)
			return kvp_batch_fail(batch, ret);
		batch->entries[i].length = length;
	}
	for (done = 0; done < nr_keys; done += n) {
		struct kvpool_reserve arg = {
			.size = sizeof(arg),
			.entries = (uintptr_t)(batch->entries + done),
			.node = o.node,
		};

		if (o.flags & KVPOOL_PRODUCE_STRICT_NODE)
			arg.flags = KVPOOL_RESERVE_STRICT_NODE;
		n = kvp_next_chunk(batch, done);
		if (o.flags & KVPOOL_PRODUCE_CHAIN) {
			chained = true;
			place.position = o.position + done;
			if (done)
				place.parent = batch->entries[done - 1].key;
			else if (o.parent)
				place.parent = *o.parent;
		} else {
			n = kvp_chain_run(batch->entries + done, n, &place, &chained);
		}
		if (chained) {
			arg.flags |= KVPOOL_RESERVE_CHAIN;
			arg.position = place.position;
			if (place.position)
				arg.parent = place.parent;
		}
		arg.nr_entries = n;
		ret = kvp_batch_take(batch, &(struct kvp_take) {
			.cmd = KVPOOL_IOC_RESERVE,
			.arg = &arg,
			.nr_spans = &arg.nr_spans,
			.spans = &arg.spans,
			.entries = batch->entries + done,
			.nr = n,
		}, __func__);
		if (ret < 0)
			return kvp_batch_fail(batch, ret);
		reserved += ret;
	}
	return reserved;
}

static int check_pins(const struct kvp_end *end, unsigned int nr, const char *call)
{
	unsigned int i;

	for (i = 0; i < (end->pins ? nr : 1); i++) {
		uint32_t pin = end->pins ? end->pins[i] : end->pin;

		if (pin && pin != KVPOOL_PIN_SOFT && pin != KVPOOL_PIN_HARD)
			return kvp_fail(-EINVAL, "%s: the pin %#x at %u is neither zero nor KVPOOL_PIN_SOFT nor KVPOOL_PIN_HARD",
					call, pin, i);
	}
	return 0;
}

KVP_EXPORT int kvpool_produce_commit(struct kvpool_batch *batch, const unsigned int *which,
				     const uint32_t *pins, unsigned int nr, uint32_t pin)
{
	const struct kvp_end end = {
		.cmd = KVPOOL_IOC_SEAL,
		.which = which,
		.pins = pins,
		.nr = nr,
		.pin = pin,
	};
	int ret = batch ? check_pins(&end, which ? nr : batch->nr, __func__) : 0;

	return ret ?: kvp_batch_end(batch, &end, __func__);
}

KVP_EXPORT int kvpool_produce_abort(struct kvpool_batch *batch, const unsigned int *which,
				    unsigned int nr)
{
	const struct kvp_end end = { .cmd = KVPOOL_IOC_ABORT, .which = which, .nr = nr };

	return kvp_batch_end(batch, &end, __func__);
}
