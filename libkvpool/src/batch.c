// SPDX-License-Identifier: LGPL-2.1-or-later
/* Produce and consume: many blocks at a time. */

#include "private.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NSEC_PER_SEC	1000000000ULL

/* ------------------------------------------------------------------------ */
/* Arrays                                                                   */
/* ------------------------------------------------------------------------ */

static int grow_keys(struct kvpool_batch *batch, unsigned int nr, const char *call)
{
	unsigned int ends = nr < batch->pool->max_batch ? nr : batch->pool->max_batch;
	struct kvpool_handle_entry *handles;
	struct kvpool_entry *entries;
	unsigned int *index;

	if (nr <= batch->cap)
		return 0;
	/* Past the keys there is room for one call on keys picked from them. */
	entries = calloc((size_t)nr + (nr > ends ? ends : 0), sizeof(*entries));
	handles = calloc(ends, sizeof(*handles));
	index = calloc(ends, sizeof(*index));
	if (!entries || !handles || !index) {
		free(entries);
		free(handles);
		free(index);
		return kvp_fail(-ENOMEM, "%s: out of memory for %u keys", call, nr);
	}
	free(batch->entries);
	free(batch->ends);
	free(batch->index);
	batch->entries = entries;
	batch->cap = nr;
	batch->ends = handles;
	batch->index = index;
	batch->cap_ends = ends;
	batch->nr = 0;
	return 0;
}

/* Makes room for @more spans after those that there are. */
static int grow_spans(struct kvpool_batch *batch, unsigned int more, const char *call)
{
	unsigned int need, cap;
	void *spans;

	if (batch->cap_spans - batch->nr_spans >= more)
		return 0;
	if (__builtin_add_overflow(batch->nr_spans, more, &need) ||
	    __builtin_add_overflow(need, need / 2, &cap))
		return kvp_fail(-ENOMEM, "%s: too many spans", call);
	spans = reallocarray(batch->spans, cap, sizeof(*batch->spans));
	if (!spans)
		return kvp_fail(-ENOMEM, "%s: out of memory for %u spans", call, cap);
	batch->spans = spans;
	batch->cap_spans = cap;
	return 0;
}

static void free_batch(struct kvpool_batch *batch)
{
	free(batch->entries);
	free(batch->ends);
	free(batch->index);
	free(batch->spans);
	free(batch->ops);
	free(batch->results);
	free(batch);
}

KVP_EXPORT int kvpool_batch_create(struct kvpool *pool, unsigned int nr_keys,
				   struct kvpool_batch **result)
{
	struct kvpool_batch *batch;
	int ret;

	if (!result)
		return kvp_fail(-EINVAL, "%s: nowhere to store the batch", __func__);
	*result = NULL;
	if (!pool || nr_keys > INT_MAX)
		return kvp_fail(-EINVAL, "%s: no pool, or more than %d keys", __func__, INT_MAX);
	batch = calloc(1, sizeof(*batch));
	if (!batch)
		return kvp_fail(-ENOMEM, "%s: out of memory", __func__);
	batch->pool = pool;
	ret = grow_keys(batch, nr_keys, __func__);
	if (!ret)
		ret = grow_spans(batch, nr_keys, __func__);
	if (ret) {
		free_batch(batch);
		return ret;
	}
	*result = batch;
	return 0;
}

/* ------------------------------------------------------------------------ */
/* Ending reservations and leases                                           */
/* ------------------------------------------------------------------------ */

/* Notes what became of one handle. Returns whether the call succeeded on it. */
static bool note_end(struct kvpool_batch *batch, unsigned long cmd, unsigned int index,
		     int status)
{
	struct kvpool_entry *entry = &batch->entries[index];

	entry->status = status;
	if (cmd == KVPOOL_IOC_ABORT && !status)
		entry->status = -ECANCELED;
	/* Over the pin quota: the one case in which the handle stays. */
	if (status != -EDQUOT || cmd != KVPOOL_IOC_SEAL) {
		entry->handle = 0;
		batch->held--;
	}
	return !status;
}

/* Ends the handles in batch->ends from @first on. */
static int end_some(struct kvpool_batch *batch, unsigned long cmd, unsigned int first,
		    const char *call)
{
	struct kvpool_handles arg = {
		.size = sizeof(arg),
		.nr_entries = batch->cap_ends - first,
		.entries = (uintptr_t)(batch->ends + first),
	};
	unsigned int i;
	int ret, done = 0;

	ret = kvp_ioctl(batch->pool, cmd, &arg, call);
	if (ret)
		return ret;
	for (i = first; i < batch->cap_ends; i++)
		done += note_end(batch, cmd, batch->index[i], batch->ends[i].status);
	return done;
}

static int check_which(struct kvpool_batch *batch, const unsigned int *which, unsigned int nr,
		       const char *call)
{
	unsigned int i, marked;
	int ret = 0;

	/* A handle can end once: the mark finds an index that is given twice. */
	for (marked = 0; marked < nr; marked++) {
		i = which[marked];
		if (!kvp_is_held(batch, i) || batch->entries[i].flags) {
			ret = kvp_fail(-EINVAL, "%s: index %u is given twice, or the batch does not hold that block",
				       call, i);
			break;
		}
		batch->entries[i].flags = 1;
	}
	while (marked--)
		batch->entries[which[marked]].flags = 0;
	return ret;
}

/*
 * Ends the handles of the blocks in @which, or of all. The module makes the
 * first of a call the most recently used, and of several calls the last: so a
 * batch of several calls begins with its tail.
 */
static int end_handles(struct kvpool_batch *batch, enum kvp_kind kind, unsigned long cmd,
		       const unsigned int *which, unsigned int nr, uint32_t flags,
		       const char *call)
{
	unsigned int left, index, first;
	int ret, done = 0;

	if (!batch || (nr && !which))
		return kvp_fail(-EINVAL, "%s: no batch, or %u indices at a null pointer", call, nr);
	if (batch->kind != kind && batch->kind != KVP_EMPTY)
		return kvp_fail(-EINVAL, "%s: the batch was begun with %s", call,
				kind == KVP_CONSUME ? "kvpool_produce_begin" :
						      "kvpool_consume_begin");
	if (which) {
		ret = check_which(batch, which, nr, call);
		if (ret)
			return ret;
	}
	first = batch->cap_ends;
	for (left = which ? nr : batch->nr; left--;) {
		index = which ? which[left] : left;
		if (!batch->entries[index].handle)
			continue;
		first--;
		batch->index[first] = index;
		batch->ends[first] = (struct kvpool_handle_entry) {
			.handle = batch->entries[index].handle,
			.flags = flags,
		};
		if (first)
			continue;
		ret = end_some(batch, cmd, first, call);
		if (ret < 0)
			return ret;
		done += ret;
		first = batch->cap_ends;
	}
	if (first < batch->cap_ends) {
		ret = end_some(batch, cmd, first, call);
		if (ret < 0)
			return ret;
		done += ret;
	}
	return done;
}

static int give_back(struct kvpool_batch *batch, const char *call)
{
	if (batch->kind == KVP_PRODUCE)
		return end_handles(batch, KVP_PRODUCE, KVPOOL_IOC_ABORT, NULL, 0, 0, call);
	return end_handles(batch, KVP_CONSUME, KVPOOL_IOC_RELEASE, NULL, 0, 0, call);
}

KVP_EXPORT void kvpool_batch_destroy(struct kvpool_batch *batch)
{
	if (!batch)
		return;
	if (batch->held)
		give_back(batch, __func__);
	free_batch(batch);
}

/* ------------------------------------------------------------------------ */
/* Beginning                                                                */
/* ------------------------------------------------------------------------ */

static int prepare(struct kvpool_batch *batch, enum kvp_kind kind,
		   const struct kvpool_key *keys, unsigned int nr, const char *call)
{
	unsigned int i;
	int ret;

	if (!batch || (!keys && nr) || nr > INT_MAX)
		return kvp_fail(-EINVAL, "%s: no batch, no keys, or more than %d keys", call,
				INT_MAX);
	if (batch->held)
		return kvp_fail(-EBUSY, "%s: the batch still holds %u blocks; commit, abort or end them first",
				call, batch->held);
	ret = grow_keys(batch, nr, call);
	if (ret)
		return ret;
	batch->kind = kind;
	batch->nr = nr;
	batch->nr_spans = 0;
	if (nr)
		memset(batch->entries, 0, nr * sizeof(*batch->entries));
	for (i = 0; i < nr; i++)
		memcpy(batch->entries[i].key, keys[i].bytes, sizeof(batch->entries[i].key));
	return 0;
}

/* The call failed as a whole: nothing stays, and the first error is told. */
static int fail_begin(struct kvpool_batch *batch, int error)
{
	char text[512];

	strncpy(text, kvpool_last_error(), sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	if (batch->held)
		give_back(batch, __func__);
	/* What could not even be given back ends with the file. */
	batch->kind = KVP_EMPTY;
	batch->held = 0;
	batch->nr = 0;
	return kvp_fail(error, "%s", text);
}

/* Reads the spans of a block that did not fit. */
static int read_spans(struct kvpool_batch *batch, struct kvpool_entry *entry, const char *call)
{
	unsigned int done, left;
	int ret;

	ret = grow_spans(batch, entry->nr_spans, call);
	if (ret)
		return ret;
	for (done = 0; done < entry->nr_spans; done += left) {
		struct kvpool_spans arg = {
			.size = sizeof(arg),
			.handle = entry->handle,
			.spans = (uintptr_t)(batch->spans + batch->nr_spans + done),
			.first = done,
		};

		left = entry->nr_spans - done;
		if (left > KVP_SPANS_CAP)
			left = KVP_SPANS_CAP;
		arg.nr_spans = left;
		ret = kvp_ioctl(batch->pool, KVPOOL_IOC_SPANS, &arg, call);
		if (ret)
			return ret;
		if (arg.nr_spans != left || arg.total != entry->nr_spans)
			return kvp_fail(-EPROTO, "%s: the kvpool module announced %u spans and wrote %u of %u",
					call, entry->nr_spans, arg.nr_spans, arg.total);
	}
	entry->span_index = batch->nr_spans;
	batch->nr_spans += entry->nr_spans;
	return 0;
}

/*
 * One call that makes handles for @nr entries. Returns how many it made, or an
 * error; the handles that the batch got until then are in its entries.
 */
static int begin_some(struct kvpool_batch *batch, unsigned long cmd, void *arg,
		      __u32 *nr_spans, __u64 *spans, struct kvpool_entry *entries,
		      unsigned int nr, const char *call)
{
	unsigned int i, base = batch->nr_spans;
	int ret, made = 0;

	ret = grow_spans(batch, nr, call);
	if (ret)
		return ret;
	*nr_spans = batch->cap_spans - base;
	*spans = (uintptr_t)(batch->spans + base);
	ret = kvp_ioctl(batch->pool, cmd, arg, call);
	if (ret)
		return ret;
	batch->nr_spans = base + *nr_spans;
	for (i = 0; i < nr; i++) {
		if (entries[i].status) {
			entries[i].handle = 0;
			continue;
		}
		made++;
		if (entries[i].span_index != KVPOOL_SPAN_NONE)
			entries[i].span_index += base;
	}
	batch->held += made;
	for (i = 0; i < nr; i++) {
		if (!entries[i].handle || entries[i].span_index != KVPOOL_SPAN_NONE)
			continue;
		ret = read_spans(batch, &entries[i], call);
		if (ret != -ESTALE || cmd != KVPOOL_IOC_RESERVE) {
			if (ret)
				return ret;
			continue;
		}
		/* Pre-empted already. Its own call ends it, and tells the caller. */
		batch->index[batch->cap_ends - 1] = i + (entries - batch->entries);
		batch->ends[batch->cap_ends - 1] = (struct kvpool_handle_entry) {
			.handle = entries[i].handle,
		};
		ret = end_some(batch, KVPOOL_IOC_ABORT, batch->cap_ends - 1, call);
		if (ret < 0)
			return ret;
		entries[i].status = -ESTALE;
		made--;
	}
	return made;
}

static unsigned int next_chunk(const struct kvpool_batch *batch, unsigned int done)
{
	unsigned int left = batch->nr - done;

	return left < batch->pool->max_batch ? left : batch->pool->max_batch;
}

KVP_EXPORT int kvpool_produce_begin(struct kvpool_batch *batch, const struct kvpool_key *keys,
				    const uint64_t *lengths, unsigned int nr_keys,
				    const struct kvpool_produce_opts *opts)
{
	const uint32_t node_flags = KVPOOL_PRODUCE_NODE | KVPOOL_PRODUCE_STRICT_NODE;
	struct kvpool_produce_opts o;
	unsigned int done, i, n;
	int ret, reserved = 0;

	ret = kvp_options(&o, sizeof(o), KVP_SIZE_TO(struct kvpool_produce_opts, reserved),
			  opts, __func__);
	if (ret)
		return ret;
	if ((o.flags & ~node_flags) || o.reserved)
		return kvp_fail(-EINVAL, "%s: unknown flags %#x, or a reserved member is not zero",
				__func__, o.flags);
	if (!(o.flags & node_flags))
		o.node = KVPOOL_NODE_ANY;
	ret = prepare(batch, KVP_PRODUCE, keys, nr_keys, __func__);
	if (ret)
		return ret;
	for (i = 0; i < nr_keys; i++) {
		uint64_t length = lengths ? lengths[i] : o.length;
		const struct kvpool_info *info = &batch->pool->info;

		if (length < info->block_min || length > info->block_max)
			return fail_begin(batch, kvp_fail(-EINVAL, "%s: block %u would have %llu bytes; blocks have %llu to %llu",
							  __func__, i,
							  (unsigned long long)length,
							  (unsigned long long)info->block_min,
							  (unsigned long long)info->block_max));
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
		n = next_chunk(batch, done);
		arg.nr_entries = n;
		ret = begin_some(batch, KVPOOL_IOC_RESERVE, &arg, &arg.nr_spans, &arg.spans,
				 batch->entries + done, n, __func__);
		if (ret < 0)
			return fail_begin(batch, ret);
		reserved += ret;
	}
	return reserved;
}

KVP_EXPORT int kvpool_produce_commit(struct kvpool_batch *batch, const unsigned int *which,
				     unsigned int nr, uint32_t pin)
{
	return end_handles(batch, KVP_PRODUCE, KVPOOL_IOC_SEAL, which, nr, pin, __func__);
}

KVP_EXPORT int kvpool_produce_abort(struct kvpool_batch *batch, const unsigned int *which,
				    unsigned int nr)
{
	return end_handles(batch, KVP_PRODUCE, KVPOOL_IOC_ABORT, which, nr, 0, __func__);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static int lease(struct kvpool_batch *batch, struct kvpool_entry *entries, unsigned int nr,
		 uint32_t flags, uint64_t timeout_ns, const char *call)
{
	struct kvpool_lookup arg = {
		.size = sizeof(arg),
		.flags = flags,
		.nr_entries = nr,
		.entries = (uintptr_t)entries,
		.timeout_ns = timeout_ns,
	};

	return begin_some(batch, KVPOOL_IOC_LEASE, &arg, &arg.nr_spans, &arg.spans,
			  entries, nr, call);
}

/*
 * poll() reports the pending keys of the last call only. Where a batch took
 * several, ask once more for the pending keys of all of them.
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
		memcpy(picked[n].key, batch->entries[i].key, sizeof(picked[n].key));
		batch->index[n++] = i;
	}
	if (!n)
		return 0;
	ret = lease(batch, picked, n, 0, 0, call);
	/* Also after an error: what it leased is to be given back. */
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

/* Leases @nr keys from @first on, of peers where they are not here. */
static int lease_remote(struct kvpool_batch *batch, unsigned int first, unsigned int nr,
			const struct kvpool_consume_opts *o, const char *call)
{
	struct kvpool_entry *entries = batch->entries + first;
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
		op->timeout_ns = o->timeout_ns;
		memcpy(op->key, entries[i].key, sizeof(op->key));
		op->length = o->length;
		op->peer = o->peer;
		op->node = KVPOOL_NODE_ANY;
	}
	ret = kvp_run(batch->pool, batch->ops, nr, batch->results, call);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++) {
		const struct kvpool_completion *done = &batch->results[i];

		entries[i].status = done->status;
		if (done->status)
			continue;
		entries[i].length = done->length;
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
		ret = entries[i].nr_spans == 1 ? grow_spans(batch, 1, call) :
						 read_spans(batch, &entries[i], call);
		if (ret)
			return ret;
		if (entries[i].nr_spans > 1)
			continue;
		entries[i].span_index = batch->nr_spans;
		batch->spans[batch->nr_spans++] = batch->results[i].span;
	}
	return made;
}

/* What the keys behind a call that stopped early have: they were not tried. */
static void skip_rest(struct kvpool_batch *batch, unsigned int from, int status)
{
	for (; from < batch->nr; from++)
		batch->entries[from].status = status;
}

/* The leading keys that were leased; the leases behind the first miss end. */
static int keep_prefix(struct kvpool_batch *batch, const char *call)
{
	unsigned int hits = 0, first = batch->cap_ends;
	unsigned int i;
	int ret;

	while (hits < batch->nr && batch->entries[hits].handle)
		hits++;
	for (i = batch->nr; i > hits + 1; i--) {
		if (!batch->entries[i - 1].handle)
			continue;
		first--;
		batch->index[first] = i - 1;
		batch->ends[first] = (struct kvpool_handle_entry) {
			.handle = batch->entries[i - 1].handle,
		};
		if (first)
			continue;
		ret = end_some(batch, KVPOOL_IOC_RELEASE, 0, call);
		if (ret < 0)
			return ret;
		first = batch->cap_ends;
	}
	if (first < batch->cap_ends) {
		ret = end_some(batch, KVPOOL_IOC_RELEASE, first, call);
		if (ret < 0)
			return ret;
	}
	if (hits < batch->nr)
		skip_rest(batch, hits + 1, -ECANCELED);
	return (int)hits;
}

static int consume_remote(struct kvpool_batch *batch, struct kvpool_consume_opts *o,
			  const char *call)
{
	const uint64_t deadline = now_ns() + o->timeout_ns;
	unsigned int done, n;
	int ret, hits = 0;
	uint64_t now;

	for (done = 0; done < batch->nr; done += n) {
		if (done && o->timeout_ns) {
			now = now_ns();
			/* Zero would ask for the default. */
			o->timeout_ns = now < deadline ? deadline - now : 1;
		}
		n = next_chunk(batch, done);
		ret = lease_remote(batch, done, n, o, call);
		if (ret < 0)
			return ret;
		hits += ret;
		if (ret < (int)n && (o->flags & KVPOOL_CONSUME_PREFIX))
			break;
	}
	return o->flags & KVPOOL_CONSUME_PREFIX ? keep_prefix(batch, call) : hits;
}

static int check_consume(struct kvpool_consume_opts *o, const struct kvpool_consume_opts *opts,
			 const char *call)
{
	const uint32_t remote = KVPOOL_CONSUME_REMOTE | KVPOOL_CONSUME_TRANSIENT;
	int ret;

	ret = kvp_options(o, sizeof(*o), KVP_SIZE_TO(struct kvpool_consume_opts, timeout_ns),
			  opts, call);
	if (ret)
		return ret;
	if ((o->flags & ~(KVPOOL_CONSUME_PREFIX | remote)) || o->reserved)
		return kvp_fail(-EINVAL, "%s: unknown flags %#x, or a reserved member is not zero",
				call, o->flags);
	if (!(o->flags & KVPOOL_CONSUME_REMOTE) &&
	    ((o->flags & KVPOOL_CONSUME_TRANSIENT) || o->length || o->peer))
		return kvp_fail(-EINVAL, "%s: transient, a length or a peer without KVPOOL_CONSUME_REMOTE",
				call);
	if (o->timeout_ns > INT64_MAX)
		o->timeout_ns = INT64_MAX;
	return 0;
}

KVP_EXPORT int kvpool_consume_begin(struct kvpool_batch *batch, const struct kvpool_key *keys,
				    unsigned int nr_keys,
				    const struct kvpool_consume_opts *opts)
{
	struct kvpool_consume_opts o;
	uint64_t deadline = 0, now;
	bool prefix, early = false;
	unsigned int done, i, n;
	int ret, hits = 0, last;
	uint32_t flags = 0;

	ret = check_consume(&o, opts, __func__);
	if (ret)
		return ret;
	prefix = o.flags & KVPOOL_CONSUME_PREFIX;
	if (prefix)
		flags |= KVPOOL_LOOKUP_PREFIX;
	if (o.timeout_ns)
		flags |= KVPOOL_LOOKUP_WAIT;
	ret = prepare(batch, KVP_CONSUME, keys, nr_keys, __func__);
	if (ret)
		return ret;
	if (o.flags & KVPOOL_CONSUME_REMOTE) {
		ret = consume_remote(batch, &o, __func__);
		return ret < 0 ? fail_begin(batch, ret) : ret;
	}
	if (o.timeout_ns && nr_keys > batch->pool->max_batch)
		deadline = now_ns() + o.timeout_ns;
	for (done = 0; done < nr_keys; done += n) {
		if (done && o.timeout_ns) {
			now = now_ns();
			o.timeout_ns = now < deadline ? deadline - now : 0;
		}
		n = next_chunk(batch, done);
		ret = lease(batch, batch->entries + done, n, flags, o.timeout_ns, __func__);
		if (ret < 0)
			return fail_begin(batch, ret);
		hits += ret;
		last = batch->entries[done + n - 1].status;
		if (last == -EINTR || (prefix && (unsigned int)ret < n)) {
			skip_rest(batch, done + n, last == -EINTR ? -EINTR : -ECANCELED);
			return hits;
		}
		for (i = done; !early && done + n < nr_keys && i < done + n; i++)
			early = batch->entries[i].status == -EINPROGRESS;
	}
	if (early) {
		ret = lease_pending(batch, __func__);
		if (ret < 0)
			return fail_begin(batch, ret);
		hits += ret;
	}
	return hits;
}

KVP_EXPORT int kvpool_consume_end(struct kvpool_batch *batch, const unsigned int *which,
				  unsigned int nr)
{
	return end_handles(batch, KVP_CONSUME, KVPOOL_IOC_RELEASE, which, nr, 0, __func__);
}
