// SPDX-License-Identifier: LGPL-2.1-or-later
/* Operations that a call begins and waits for. */

#include "run.h"
#include "error.h"
#include "export.h"
#include "pool.h"

#include <errno.h>
#include <limits.h>

int kvp_run(const struct kvpool *pool, const struct kvpool_op *ops, unsigned int nr,
	    uint32_t flags, struct kvpool_completion *results, const char *call)
{
	struct kvpool_submit arg = {
		.size = sizeof(arg),
		.flags = flags | (pool->interruptible ? KVPOOL_SUBMIT_INTERRUPTIBLE : 0),
		.nr_ops = nr,
		.ops = (uintptr_t)ops,
		.results = (uintptr_t)results,
	};
	int ret = kvp_ioctl(pool, KVPOOL_IOC_SUBMIT, &arg, call);
	unsigned int i;
	int done = 0;

	if (ret)
		return ret;
	if (arg.nr_done != nr)
		return kvp_fail(-EPROTO, "%s: the kvpool module began %u of %u operations; it does not work with this library",
				call, arg.nr_done, nr);
	for (i = 0; i < nr; i++)
		done += !results[i].status;
	return done;
}

KVP_EXPORT int kvpool_run(struct kvpool *pool, const struct kvpool_op *ops, unsigned int nr_ops,
			  struct kvpool_completion *completions)
{
	unsigned int at, n, i;
	int ret = 0, done = 0;

	if (!pool || ((!ops || !completions) && nr_ops) || nr_ops > INT_MAX)
		return kvp_fail(-EINVAL, "%s: no pool, no arrays, or more than %d operations",
				__func__, INT_MAX);
	for (at = 0; at < nr_ops; at += n) {
		n = nr_ops - at < pool->max_batch ? nr_ops - at : pool->max_batch;
		ret = kvp_run(pool, ops + at, n, 0, completions + at, __func__);
		if (ret < 0 && !at)
			return ret;
		if (ret < 0)
			break;
		done += ret;
		if (kvp_was_interrupted(completions + at, n)) {
			ret = -EINTR;
			at += n;
			break;
		}
	}
	/* Operations that were not submitted have the error as their status. */
	for (i = at; i < nr_ops; i++)
		completions[i] = (struct kvpool_completion) {
			.user_data = ops[i].user_data,
			.status = ret,
		};
	return done;
}

int kvp_cancel(const struct kvpool *pool, uint32_t ring, uint32_t flags, uint64_t match,
	       const char *call)
{
	struct kvpool_cancel arg = {
		.size = sizeof(arg),
		.flags = flags,
		.match = match,
		.ring = ring,
	};
	int ret = kvp_ioctl(pool, KVPOOL_IOC_CANCEL, &arg, call);

	if (ret)
		return ret;
	return arg.nr_done > INT_MAX ? INT_MAX : (int)arg.nr_done;
}

KVP_EXPORT int kvpool_cancel_ops(struct kvpool *pool, uint32_t flags, uint64_t match)
{
	if (!pool)
		return kvp_fail(-EINVAL, "%s: no pool", __func__);
	return kvp_cancel(pool, 0, flags, match, __func__);
}
