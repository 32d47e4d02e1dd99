// SPDX-License-Identifier: LGPL-2.1-or-later
/* Batches: keys, handles and spans of many blocks. */

#include "batch.h"
#include "error.h"
#include "export.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

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
	/* Behind the keys is room for one call on some of them. */
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

int kvp_batch_grow_spans(struct kvpool_batch *batch, unsigned int more, const char *call)
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
		ret = kvp_batch_grow_spans(batch, nr_keys, __func__);
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

/* Records how the call on one handle went. Returns whether it succeeded. */
static bool note_end(struct kvpool_batch *batch, unsigned long cmd, unsigned int index,
		     int status)
{
	struct kvpool_entry *entry = &batch->entries[index];

	entry->status = status;
	if (cmd == KVPOOL_IOC_ABORT && !status)
		entry->status = -ECANCELED;
	/* Over the pin quota is the only case in which the handle stays. */
	if (status != -EDQUOT || cmd != KVPOOL_IOC_SEAL) {
		entry->handle = 0;
		batch->held--;
	}
	return !status;
}

/* Ends the handles in batch->ends from @first on. */
static int end_tail(struct kvpool_batch *batch, unsigned long cmd, unsigned int first,
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
		if (!kvp_is_held(batch, i) || (batch->entries[i].flags & KVP_MARKED)) {
			ret = kvp_fail(-EINVAL, "%s: index %u is given twice, or the batch does not hold that block",
				       call, i);
			break;
		}
		batch->entries[i].flags |= KVP_MARKED;
	}
	while (marked--)
		batch->entries[which[marked]].flags &= ~KVP_MARKED;
	return ret;
}

/*
 * The module makes the first handle of a call the most recently used, and of
 * several calls the last: so a batch of several calls begins with its tail.
 */
int kvp_batch_end(struct kvpool_batch *batch, const struct kvp_end *end, const char *call)
{
	const enum kvp_kind kind = end->cmd == KVPOOL_IOC_RELEASE ? KVP_CONSUME : KVP_PRODUCE;
	unsigned int left, index, first;
	int ret, done = 0;

	if (!batch || (end->nr && !end->which))
		return kvp_fail(-EINVAL, "%s: no batch, or %u indices at a null pointer", call,
				end->nr);
	if (batch->kind != kind && batch->kind != KVP_EMPTY)
		return kvp_fail(-EINVAL, "%s: the batch was begun with %s", call,
				kind == KVP_CONSUME ? "kvpool_produce_begin" :
						      "kvpool_consume_begin");
	ret = end->which ? check_which(batch, end->which, end->nr, call) : 0;
	if (ret)
		return ret;
	first = batch->cap_ends;
	for (left = end->which ? end->nr : batch->nr; left-- > end->from;) {
		index = end->which ? end->which[left] : left;
		if (!batch->entries[index].handle)
			continue;
		first--;
		batch->index[first] = index;
		batch->ends[first] = (struct kvpool_handle_entry) {
			.handle = batch->entries[index].handle,
			.flags = end->pins ? end->pins[left] : end->pin,
		};
		if (first)
			continue;
		ret = end_tail(batch, end->cmd, first, call);
		if (ret < 0)
			return ret;
		done += ret;
		first = batch->cap_ends;
	}
	if (first < batch->cap_ends) {
		ret = end_tail(batch, end->cmd, first, call);
		if (ret < 0)
			return ret;
		done += ret;
	}
	return done;
}

static int give_back(struct kvpool_batch *batch, const char *call)
{
	const struct kvp_end end = {
		.cmd = batch->kind == KVP_PRODUCE ? KVPOOL_IOC_ABORT : KVPOOL_IOC_RELEASE,
	};

	return kvp_batch_end(batch, &end, call);
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

int kvp_batch_prepare(struct kvpool_batch *batch, enum kvp_kind kind,
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
		batch->entries[i].key = keys[i];
	return 0;
}

int kvp_batch_fail(struct kvpool_batch *batch, int error)
{
	char text[512];

	strncpy(text, kvpool_last_error(), sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	if (batch->held)
		give_back(batch, __func__);
	/* Handles that could not be given back end with the file. */
	batch->kind = KVP_EMPTY;
	batch->held = 0;
	batch->nr = 0;
	return kvp_fail(error, "%s", text);
}

int kvp_batch_check_length(const struct kvpool_batch *batch, unsigned int index,
			   uint64_t length, const char *call)
{
	const struct kvpool_info *info = &batch->pool->info;

	if (length >= info->block_min && length <= info->block_max)
		return 0;
	return kvp_fail(-EINVAL, "%s: block %u would have %llu bytes; blocks have %llu to %llu",
			call, index, (unsigned long long)length,
			(unsigned long long)info->block_min, (unsigned long long)info->block_max);
}

int kvp_batch_read_spans(struct kvpool_batch *batch, struct kvpool_entry *entry,
			 const char *call)
{
	unsigned int done, left;
	int ret;

	ret = kvp_batch_grow_spans(batch, entry->nr_spans, call);
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

int kvp_batch_take(struct kvpool_batch *batch, const struct kvp_take *take, const char *call)
{
	unsigned int i, nr = take->nr, base = batch->nr_spans;
	struct kvpool_entry *entries = take->entries;
	int ret, made = 0;

	ret = kvp_batch_grow_spans(batch, nr, call);
	if (ret)
		return ret;
	*take->nr_spans = batch->cap_spans - base;
	*take->spans = (uintptr_t)(batch->spans + base);
	ret = kvp_ioctl(batch->pool, take->cmd, take->arg, call);
	if (ret)
		return ret;
	batch->nr_spans = base + *take->nr_spans;
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
		ret = kvp_batch_read_spans(batch, &entries[i], call);
		if (ret != -ESTALE || take->cmd != KVPOOL_IOC_RESERVE) {
			if (ret)
				return ret;
			continue;
		}
		/* Pre-empted already: it ends, and its status says so. */
		batch->index[batch->cap_ends - 1] = i + (entries - batch->entries);
		batch->ends[batch->cap_ends - 1] = (struct kvpool_handle_entry) {
			.handle = entries[i].handle,
		};
		ret = end_tail(batch, KVPOOL_IOC_ABORT, batch->cap_ends - 1, call);
		if (ret < 0)
			return ret;
		entries[i].status = -ESTALE;
		made--;
	}
	return made;
}
