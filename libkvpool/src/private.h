/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KVPOOL_PRIVATE_H
#define KVPOOL_PRIVATE_H

#include <kvpool.h>

#include <stdbool.h>

#define KVP_EXPORT	__attribute__((visibility("default")))

/* Oldest module that this library works with. */
#define KVP_ABI_MIN	1

/* The module takes any batch that it announces; this bounds our arrays. */
#define KVP_BATCH_CAP	65536U

/* KVPOOL_IOC_SPANS writes this many at once. */
#define KVP_SPANS_CAP	65536U

struct kvpool {
	int fd;
	void *base;
	size_t map_size;
	unsigned int max_batch;
	struct kvpool_info info;
};

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

/* Sets the thread's error text and returns @error. */
int kvp_fail(int error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Returns 0 or a negative errno, with the error text set on behalf of @call. */
int kvp_ioctl(const struct kvpool *pool, unsigned long cmd, void *arg, const char *call);

/*
 * Begins up to max_batch operations and waits for all of them; @results are in
 * their order. Returns 0, or a negative errno for the call as a whole.
 */
int kvp_run(const struct kvpool *pool, const struct kvpool_op *ops, unsigned int nr,
	    struct kvpool_completion *results, const char *call);

/* The size of a structure that ends with @member, as it was published first. */
#define KVP_SIZE_TO(type, member) \
	(offsetof(type, member) + sizeof(((type *)0)->member))

/*
 * Copies the caller's options, which may be older or newer than ours: at least
 * @first bytes long, and of @known bytes here.
 */
int kvp_options(void *to, size_t known, size_t first, const void *from, const char *call);

static inline bool kvp_is_held(const struct kvpool_batch *batch, unsigned int index)
{
	return index < batch->nr && batch->entries[index].handle;
}

#endif
