/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KVP_BATCH_H
#define KVP_BATCH_H

#include "pool.h"

#include <stdbool.h>

/* In the flags of an entry, beside the route of a lease: it is given to a call. */
#define KVP_MARKED	(1U << 31)

enum kvp_kind { KVP_EMPTY, KVP_PRODUCE, KVP_CONSUME };

struct kvpool_batch {
	struct kvpool *pool;
	enum kvp_kind kind;
	unsigned int nr;
	unsigned int held;

	/* The module works on these in place. */
	struct kvpool_entry *entries;
	unsigned int cap;

	struct kvpool_span *spans;
	unsigned int nr_spans;
	unsigned int cap_spans;

	/* Scratch for one call on handles, and the blocks that they belong to. */
	struct kvpool_handle_entry *ends;
	unsigned int *index;
	unsigned int cap_ends;

	/* Scratch for one submission of operations; null until there is one. */
	struct kvpool_op *ops;
	struct kvpool_completion *results;
	unsigned int cap_ops;
};

static inline bool kvp_is_held(const struct kvpool_batch *batch, unsigned int index)
{
	return index < batch->nr && batch->entries[index].handle;
}

/* The size of the next call on the keys behind @done. */
static inline unsigned int kvp_next_chunk(const struct kvpool_batch *batch, unsigned int done)
{
	unsigned int left = batch->nr - done;

	return left < batch->pool->max_batch ? left : batch->pool->max_batch;
}

/*
 * The functions below serve one thread at a time, as the batch does. They return
 * a negative errno with the thread's error text set; @call is the public
 * function, for that text.
 */

/**
 * kvp_batch_prepare() - Empty a batch and fill it with keys
 * @batch: A batch that holds nothing, or null.
 * @kind:  KVP_PRODUCE or KVP_CONSUME.
 * @keys:  The keys, which are copied.
 * @nr:	   Their number.
 * @call:  The public function.
 *
 * Return: 0, -EINVAL, -EBUSY if the batch holds blocks, or -ENOMEM.
 */
int kvp_batch_prepare(struct kvpool_batch *batch, enum kvp_kind kind,
		      const struct kvpool_key *keys, unsigned int nr, const char *call);

/**
 * kvp_batch_fail() - End a begin that failed as a whole
 * @batch: The batch, which gives back all that it holds.
 * @error: The first error, whose text is set.
 *
 * Return: @error, with its text.
 */
int kvp_batch_fail(struct kvpool_batch *batch, int error);

/**
 * kvp_batch_check_length() - Whether a block may have a length
 * @batch:  The batch.
 * @index:  Index of its key.
 * @length: The length in bytes.
 * @call:   The public function.
 *
 * Return: 0 or -EINVAL.
 */
int kvp_batch_check_length(const struct kvpool_batch *batch, unsigned int index,
			   uint64_t length, const char *call);

/**
 * kvp_batch_grow_spans() - Make room for spans after those that there are
 * @batch: The batch.
 * @more:  Number of spans.
 * @call:  The public function.
 *
 * Return: 0 or -ENOMEM.
 */
int kvp_batch_grow_spans(struct kvpool_batch *batch, unsigned int more, const char *call);

/**
 * kvp_batch_read_spans() - Read the spans of a block that did not fit
 * @batch: The batch.
 * @entry: An entry of it that has a handle.
 * @call:  The public function.
 *
 * Return: 0 or a negative errno; -ESTALE if the reservation was pre-empted.
 */
int kvp_batch_read_spans(struct kvpool_batch *batch, struct kvpool_entry *entry,
			 const char *call);

/* One call that makes handles. */
struct kvp_take {
	unsigned long cmd;		/* KVPOOL_IOC_RESERVE or KVPOOL_IOC_LEASE */
	void *arg;			/* its structure */
	__u32 *nr_spans;		/* members of @arg */
	__u64 *spans;
	struct kvpool_entry *entries;	/* of the batch */
	unsigned int nr;
};

/**
 * kvp_batch_take() - Make handles for some of the entries of a batch
 * @batch: The batch.
 * @take:  The call.
 * @call:  The public function.
 *
 * Return: the number of handles made, or a negative errno; the handles that the
 * batch got until then are in its entries.
 */
int kvp_batch_take(struct kvpool_batch *batch, const struct kvp_take *take, const char *call);

/* A call that ends handles. */
struct kvp_end {
	unsigned long cmd;		/* KVPOOL_IOC_SEAL, _ABORT or _RELEASE */
	const unsigned int *which;	/* indices of blocks; null: all held from @from on */
	unsigned int from;
	const uint32_t *pins;		/* of each index or key, or null: @pin for all */
	unsigned int nr;		/* of @which */
	uint32_t pin;
};

/**
 * kvp_batch_end() - End handles of a batch
 * @batch: The batch, or null.
 * @end:   The handles. Where they take several calls of the module, the tail
 *	   comes first.
 * @call:  The public function.
 *
 * Return: the number of handles ended, -EINVAL if nothing was changed, or a
 * negative errno; blocks that still have a handle are still held then.
 */
int kvp_batch_end(struct kvpool_batch *batch, const struct kvp_end *end, const char *call);

#endif /* KVP_BATCH_H */
