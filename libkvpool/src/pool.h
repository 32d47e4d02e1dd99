/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KVP_POOL_H
#define KVP_POOL_H

#include <kvpool.h>

#include <stdbool.h>

/* Oldest module that this library works with. */
#define KVP_ABI_MIN	5

/* The module takes any batch that it announces; this bounds the library's arrays. */
#define KVP_BATCH_CAP	65536U

/* KVPOOL_IOC_SPANS writes this many at a time. */
#define KVP_SPANS_CAP	65536U

/* Nothing in it changes after kvpool_open(), so threads share it without a lock. */
struct kvpool {
	int fd;
	void *base;
	size_t map_size;
	unsigned int max_batch;
	bool interruptible;
	struct kvpool_info info;
};

/**
 * kvp_ioctl() - Call the module
 * @pool: The pool.
 * @cmd:  KVPOOL_IOC_*.
 * @arg:  Its structure.
 * @call: The public function, for the error text.
 *
 * Return: 0 or a negative errno, with the thread's error text set.
 */
int kvp_ioctl(const struct kvpool *pool, unsigned long cmd, void *arg, const char *call);

#endif /* KVP_POOL_H */
