// SPDX-License-Identifier: LGPL-2.1-or-later
/* Consume: take and end leases. */

#include "batch.h"
#include "chain.h"
#include "clock.h"
#include "error.h"
#include "export.h"
#include "options.h"
#include "peers.h"
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* @more keys follow in later calls, if this one finds all of its own. */
static int lease(struct kvpool_batch *batch, struct kvpool_entry *entries, unsigned int nr,
		 unsigned int more, uint32_t flags, uint64_t timeout_ns, const char *call)
{
	struct kvpool_lookup arg = {
		.size = sizeof(arg),
		.flags = flags,
		.nr_entries = nr,
		.entries = (uintptr_t)entries,
		.timeout_ns = timeout_ns,
		.nr_more = flags & KVPOOL_LOOKUP_PREFIX ? more : 0,
	};

	return kvp_batch_take(batch, &(struct kvp_take) {
		.cmd = KVPOOL_IOC_LEASE,
		.arg = &arg,
		.nr_spans = &arg.nr_spans,
		.spans = &arg.spans,
		.entries = entries,
		.nr = nr,
	}, call);
}

/*
 * poll() reports the pending keys of the last call only. Where a batch took
 * several calls, one more call asks for the pending keys of all of them.
 */
static int lease_pending(struct kvpool_batch *batch, const char *call)
{
	struct kvpool_entry *picked = batch->entries + batch->cap;
	unsigned int i, n = 0;
	int ret;

	for (i = 0; i < batch->nr && n < batch->cap_ends; i++) {
		if (batch->entries[i].status != -EINPROGRESS)
			continue;
		memset(&picked[n], 0, sizeof(picked[n]));
		picked[n].key = batch->entries[i].key;
		batch->index[n++] = i;
	}
	if (!n)
		return 0;
	ret = lease(batch, picked, n, 0, 0, 0, call);
	/* Also after an error: the caller gives back the leases. */
	for (i = 0; i < n; i++)
		batch->entries[batch->index[i]] = picked[i];
	return ret;
}

static int grow_ops(struct kvpool_batch *batch, unsigned int nr, const char *call)
{
	if (nr <= batch->cap_ops)
		return 0;
	free(batch->ops);
	free(batch->results);
	batch->ops = calloc(nr, sizeof(*batch->ops));
	batch->results = calloc(nr, sizeof(*batch->results));
	batch->cap_ops = batch->ops && batch->results ? nr : 0;
	if (!batch->cap_ops)
		return kvp_fail(-ENOMEM, "%s: out of memory for %u operations", call, nr);
	return 0;
}

/* Leases @nr keys from @first on, from peers where they are not here. */
static int lease_remote(struct kvpool_batch *batch, unsigned int first, unsigned int nr,
			const struct kvpool_consume_opts *o, const char *call)
{
	struct kvpool_entry *entries = batch->entries + first;
	struct kvp_place place;
	int ret, made = 0;
	unsigned int i;

	ret = grow_ops(batch, nr, call);
	if (ret)
		return ret;
	memset(batch->ops, 0, nr * sizeof(*batch->ops));
	for (i = 0; i < nr; i++) {
		struct kvpool_op *op = &batch->ops[i];

		op->opcode = KVPOOL_OP_LEASE;
		op->flags = KVPOOL_OP_REMOTE;
		if (o->flags & KVPOOL_CONSUME_TRANSIENT)
			op->flags |= KVPOOL_OP_TRANSIENT;
		if (i && o->flags & KVPOOL_CONSUME_PREFIX)
			op->flags |= KVPOOL_OP_PREFIX;
		op->timeout_ns = o->timeout_ns;
		op->key = entries[i].key;
		op->length = entries[i].length;
		op->peer = o->peer;
		op->node = KVPOOL_NODE_ANY;
		if (kvp_chain_find(&op->key, &place))
			kvpool_op_chain(op, &place.parent, place.position);
	}
	ret = kvp_run(batch->pool, batch->ops, nr,
		      o->flags & KVPOOL_CONSUME_INTERRUPTIBLE ? KVPOOL_SUBMIT_INTERRUPTIBLE : 0,
		      batch->results, call);
	if (ret < 0)
		return ret;
	for (i = 0; i < nr; i++) {
		const struct kvpool_completion *done = &batch->results[i];

		entries[i].status = done->status;
		entries[i].length = done->length;
		if (done->status)
			continue;
		entries[i].handle = done->handle;
		entries[i].nr_spans = done->nr_spans;
		entries[i].span_index = KVPOOL_SPAN_NONE;
		entries[i].flags = done->route;
		made++;
	}
	batch->held += made;
	for (i = 0; i < nr; i++) {
		if (!entries[i].handle)
			continue;
		ret = entries[i].nr_spans == 1 ? kvp_batch_grow_spans(batch, 1, call) :
						 kvp_batch_read_spans(batch, &entries[i], call);
		if (ret)
			return ret;
		if (entries[i].nr_spans > 1)
			continue;
		entries[i].span_index = batch->nr_spans;
		batch->spans[batch->nr_spans++] = batch->results[i].span;
	}
	return made;
}

/* The keys behind a call that stopped early were not looked up. */
static void skip_rest(struct kvpool_batch *batch, unsigned int from, int status)
{
	for (; from < batch->nr; from++)
		batch->entries[from].status = status;
}

/* The leading keys that were leased; the leases behind the first miss end. */
static int keep_prefix(struct kvpool_batch *batch, const char *call)
{
	struct kvp_end end = { .cmd = KVPOOL_IOC_RELEASE };
	unsigned int hits = 0;
	int ret;

	while (hits < batch->nr && batch->entries[hits].handle)
		hits++;
	if (hits == batch->nr)
		return (int)hits;
	end.from = hits + 1;
	ret = kvp_batch_end(batch, &end, call);
	if (ret < 0)
		return ret;
	skip_rest(batch, hits + 1, -ECANCELED);
	return (int)hits;
}

static int fill_lengths(struct kvpool_batch *batch, const uint64_t *lengths, uint64_t length,
			const char *call)
{
	unsigned int i;
	int ret;

	for (i = 0; i < batch->nr; i++) {
		batch->entries[i].length = lengths ? lengths[i] : length;
		ret = kvp_batch_check_length(batch, i, batch->entries[i].length, call);
		if (ret)
			return ret;
	}
	return 0;
}

static int consume_remote(struct kvpool_batch *batch, const uint64_t *lengths,
			  struct kvpool_consume_opts *o, const char *call)
{
	const uint64_t deadline = kvp_now() + o->timeout_ns;
	unsigned int done, n;
	int ret, hits = 0;
	uint64_t now;

	ret = fill_lengths(batch, lengths, o->length, call);
	if (!ret)
		ret = kvp_peer_choose(batch->pool, o->peer_name, &o->peer, call);
	if (ret)
		return ret;
	for (done = 0; done < batch->nr; done += n) {
		if (done && o->timeout_ns) {
			now = kvp_now();
			/* Zero would ask for the default. */
			o->timeout_ns = now < deadline ? deadline - now : 1;
		}
		n = kvp_next_chunk(batch, done);
		ret = lease_remote(batch, done, n, o, call);
		if (ret < 0)
			return ret;
		hits += ret;
		if (kvp_was_interrupted(batch->results, n)) {
			skip_rest(batch, done + n, -EINTR);
			break;
		}
		if (ret < (int)n && (o->flags & KVPOOL_CONSUME_PREFIX))
			break;
	}
	return o->flags & KVPOOL_CONSUME_PREFIX ? keep_prefix(batch, call) : hits;
}

static int check_options(struct kvpool_consume_opts *o, const struct kvpool_consume_opts *opts,
			 const uint64_t *lengths, const char *call)
{
	const uint32_t remote = KVPOOL_CONSUME_REMOTE | KVPOOL_CONSUME_TRANSIENT;
	int ret;

	ret = kvp_options(o, sizeof(*o), KVP_SIZE_TO(struct kvpool_consume_opts, peer_name),
			  opts, call);
	if (ret)
		return ret;
	if ((o->flags & ~(KVPOOL_CONSUME_PREFIX | KVPOOL_CONSUME_INTERRUPTIBLE | remote)) ||
	    o->reserved)
		return kvp_fail(-EINVAL, "%s: unknown flags %#x, or a reserved member is not zero",
				call, o->flags);
	if (!(o->flags & KVPOOL_CONSUME_REMOTE) &&
	    ((o->flags & KVPOOL_CONSUME_TRANSIENT) || lengths || o->length || o->peer ||
	     o->peer_name))
		return kvp_fail(-EINVAL, "%s: transient, lengths or a peer need KVPOOL_CONSUME_REMOTE",
				call);
	if (o->timeout_ns > INT64_MAX)
		o->timeout_ns = INT64_MAX;
	return 0;
}

/* Leases blocks that are here, and waits for keys that are pending. */
static int consume_local(struct kvpool_batch *batch, struct kvpool_consume_opts *o,
			 const char *call)
{
	const bool prefix = o->flags & KVPOOL_CONSUME_PREFIX;
	/* One call keeps the time itself. */
	const bool several = o->timeout_ns && batch->nr > batch->pool->max_batch;
	const uint64_t deadline = several ? kvp_now() + o->timeout_ns : 0;
	const uint32_t wait = KVPOOL_LOOKUP_WAIT |
			      (batch->pool->interruptible ||
			       o->flags & KVPOOL_CONSUME_INTERRUPTIBLE ?
			       KVPOOL_LOOKUP_INTERRUPTIBLE : 0);
	const uint32_t flags = (prefix ? KVPOOL_LOOKUP_PREFIX : 0) | (o->timeout_ns ? wait : 0);
	unsigned int done, i, n;
	int ret, hits = 0, last;
	bool early = false;
	uint64_t now;

	for (done = 0; done < batch->nr; done += n) {
		if (done && o->timeout_ns) {
			now = kvp_now();
			o->timeout_ns = now < deadline ? deadline - now : 0;
		}
		n = kvp_next_chunk(batch, done);
		ret = lease(batch, batch->entries + done, n, batch->nr - done - n, flags,
			    o->timeout_ns, call);
		if (ret < 0)
			return ret;
		hits += ret;
		last = batch->entries[done + n - 1].status;
		if (last == -EINTR || (prefix && (unsigned int)ret < n)) {
			skip_rest(batch, done + n, last == -EINTR ? -EINTR : -ECANCELED);
			return hits;
		}
		for (i = done; !early && done + n < batch->nr && i < done + n; i++)
			early = batch->entries[i].status == -EINPROGRESS;
	}
	if (!early)
		return hits;
	ret = lease_pending(batch, call);
	return ret < 0 ? ret : hits + ret;
}

KVP_EXPORT int kvpool_consume_begin(struct kvpool_batch *batch, const struct kvpool_key *keys,
				    const uint64_t *lengths, unsigned int nr_keys,
				    const struct kvpool_consume_opts *opts)
{
	struct kvpool_consume_opts o;
	int ret;

	ret = check_options(&o, opts, lengths, __func__);
	if (ret)
		return ret;
	ret = kvp_batch_prepare(batch, KVP_CONSUME, keys, nr_keys, __func__);
	if (ret)
		return ret;
	if (o.flags & KVPOOL_CONSUME_REMOTE)
		ret = consume_remote(batch, lengths, &o, __func__);
	else
		ret = consume_local(batch, &o, __func__);
	return ret < 0 ? kvp_batch_fail(batch, ret) : ret;
}

KVP_EXPORT int kvpool_consume_end(struct kvpool_batch *batch, const unsigned int *which,
				  unsigned int nr)
{
	const struct kvp_end end = { .cmd = KVPOOL_IOC_RELEASE, .which = which, .nr = nr };

	return kvp_batch_end(batch, &end, __func__);
}
