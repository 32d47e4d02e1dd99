/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KVP_RUN_H
#define KVP_RUN_H

#include <kvpool.h>

#include <errno.h>
#include <stdbool.h>

/**
 * kvp_run() - Begin operations and wait for all of them
 * @pool:    The pool.
 * @ops:     The operations.
 * @nr:      Their number, 1 to pool->max_batch.
 * @flags:   KVPOOL_SUBMIT_*; KVPOOL_SUBMIT_INTERRUPTIBLE is added where the pool
 *	     is open with KVPOOL_OPEN_INTERRUPTIBLE.
 * @results: Where to store their completions, in the order of @ops.
 * @call:    The public function, for the error text.
 *
 * Return: the number of operations whose status is zero, or a negative errno for
 * the call as a whole; no operation was begun then.
 */
int kvp_run(const struct kvpool *pool, const struct kvpool_op *ops, unsigned int nr,
	    uint32_t flags, struct kvpool_completion *results, const char *call);

/* Whether a signal ended the wait: the caller begins nothing more then. */
static inline bool kvp_was_interrupted(const struct kvpool_completion *results, unsigned int nr)
{
	while (nr--)
		if (results[nr].status == -EINTR)
			return true;
	return false;
}

/**
 * kvp_cancel() - End operations that are in flight
 * @pool:  The pool.
 * @ring:  Number of a ring, to look at its operations only; or zero.
 * @flags: KVPOOL_CANCEL_*.
 * @match: The user_data or tag to look for.
 * @call:  The public function, for the error text.
 *
 * Return: the number of operations that matched, or a negative errno.
 */
int kvp_cancel(const struct kvpool *pool, uint32_t ring, uint32_t flags, uint64_t match,
	       const char *call);

#endif /* KVP_RUN_H */
