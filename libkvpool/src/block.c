// SPDX-License-Identifier: LGPL-2.1-or-later
/* The blocks of a batch and their bytes. */

#include "batch.h"
#include "error.h"
#include "export.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

KVP_EXPORT unsigned int kvpool_batch_count(const struct kvpool_batch *batch)
{
	return batch->nr;
}

KVP_EXPORT unsigned int kvpool_batch_held(const struct kvpool_batch *batch)
{
	return batch->held;
}

KVP_EXPORT int kvpool_block_status(const struct kvpool_batch *batch, unsigned int index)
{
	return index < batch->nr ? batch->entries[index].status : -ERANGE;
}

KVP_EXPORT int kvpool_block_route(const struct kvpool_batch *batch, unsigned int index)
{
	const struct kvpool_entry *entry;

	if (!kvp_is_held(batch, index) || batch->kind != KVP_CONSUME)
		return -EBADF;
	entry = &batch->entries[index];
	return entry->flags ? (int)entry->flags : KVPOOL_ROUTE_LOCAL;
}

KVP_EXPORT uint64_t kvpool_block_handle(const struct kvpool_batch *batch, unsigned int index)
{
	return index < batch->nr ? batch->entries[index].handle : 0;
}

KVP_EXPORT uint64_t kvpool_block_length(const struct kvpool_batch *batch, unsigned int index)
{
	return kvp_is_held(batch, index) ? batch->entries[index].length : 0;
}

KVP_EXPORT const struct kvpool_span *kvpool_block_spans(const struct kvpool_batch *batch,
							unsigned int index,
							unsigned int *nr_spans)
{
	const bool held = kvp_is_held(batch, index);

	if (nr_spans)
		*nr_spans = held ? batch->entries[index].nr_spans : 0;
	if (!held)
		return NULL;
	return batch->spans + batch->entries[index].span_index;
}

/* Finds the span that contains @offset and makes @offset relative to it. */
static const struct kvpool_span *find_span(const struct kvpool_batch *batch,
					   unsigned int index, uint64_t *offset)
{
	const struct kvpool_entry *entry = &batch->entries[index];
	const struct kvpool_span *span = batch->spans + entry->span_index;

	while (*offset >= span->length) {
		*offset -= span->length;
		span++;
	}
	return span;
}

static char *address(const struct kvpool_batch *batch, const struct kvpool_span *span)
{
	return (char *)batch->pool->base + span->offset;
}

KVP_EXPORT void *kvpool_block_at(const struct kvpool_batch *batch, unsigned int index,
				 uint64_t offset, size_t *avail)
{
	const struct kvpool_span *span;

	if (avail)
		*avail = 0;
	if (!kvp_is_held(batch, index) || offset >= batch->entries[index].length ||
	    !batch->pool->base)
		return NULL;
	span = find_span(batch, index, &offset);
	if (avail)
		*avail = span->length - offset;
	return address(batch, span) + offset;
}

static int check_access(const struct kvpool_batch *batch, unsigned int index, uint64_t offset,
			uint64_t length, const char *call)
{
	if (!kvp_is_held(batch, index))
		return kvp_fail(-EBADF, "%s: the batch does not hold block %u", call, index);
	if (!batch->pool->base)
		return kvp_fail(-ENXIO, "%s: the arena is not mapped; open the pool without KVPOOL_OPEN_NOMAP",
				call);
	if (offset > batch->entries[index].length ||
	    length > batch->entries[index].length - offset)
		return kvp_fail(-ERANGE, "%s: block %u has %llu bytes, too few for %llu at %llu",
				call, index, (unsigned long long)batch->entries[index].length,
				(unsigned long long)length, (unsigned long long)offset);
	return 0;
}

KVP_EXPORT int kvpool_block_iov(const struct kvpool_batch *batch, unsigned int index,
				struct iovec *iov, int nr_iov)
{
	const struct kvpool_span *spans;
	unsigned int nr, i;
	int ret;

	if (nr_iov < 0 || (!iov && nr_iov))
		return kvp_fail(-EINVAL, "%s: no array of pieces", __func__);
	ret = check_access(batch, index, 0, 0, __func__);
	if (ret)
		return ret;
	spans = kvpool_block_spans(batch, index, &nr);
	for (i = 0; i < nr && i < (unsigned int)nr_iov; i++) {
		iov[i].iov_base = address(batch, &spans[i]);
		iov[i].iov_len = spans[i].length;
	}
	return nr;
}

KVP_EXPORT int kvpool_block_write(struct kvpool_batch *batch, unsigned int index,
				  uint64_t offset, const void *buf, size_t length)
{
	const struct kvpool_span *span;
	const char *from = buf;
	size_t n;
	int ret;

	ret = check_access(batch, index, offset, length, __func__);
	if (ret)
		return ret;
	if (batch->kind != KVP_PRODUCE)
		return kvp_fail(-EBADF, "%s: block %u is leased, and sealed blocks do not change",
				__func__, index);
	if (!length)
		return 0;
	for (span = find_span(batch, index, &offset); length; span++, offset = 0) {
		n = span->length - offset < length ? span->length - offset : length;
		memcpy(address(batch, span) + offset, from, n);
		from += n;
		length -= n;
	}
	return 0;
}

KVP_EXPORT int kvpool_block_read(const struct kvpool_batch *batch, unsigned int index,
				 uint64_t offset, void *buf, size_t length)
{
	const struct kvpool_span *span;
	char *to = buf;
	size_t n;
	int ret;

	ret = check_access(batch, index, offset, length, __func__);
	if (ret)
		return ret;
	if (!length)
		return 0;
	for (span = find_span(batch, index, &offset); length; span++, offset = 0) {
		n = span->length - offset < length ? span->length - offset : length;
		memcpy(to, address(batch, span) + offset, n);
		to += n;
		length -= n;
	}
	return 0;
}
