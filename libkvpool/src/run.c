// SPDX-License-Identifier: LGPL-2.1-or-later
/* Operations that a call begins and waits for. */

#include "private.h"

#include <errno.h>

int kvp_run(const struct kvpool *pool, const struct kvpool_op *ops, unsigned int nr,
	    struct kvpool_completion *results, const char *call)
{
	struct kvpool_submit arg = {
		.size = sizeof(arg),
		.nr_ops = nr,
		.ops = (uintptr_t)ops,
		.results = (uintptr_t)results,
	};
	int ret = kvp_ioctl(pool, KVPOOL_IOC_SUBMIT, &arg, call);

	if (!ret && arg.nr_done != nr)
		ret = kvp_fail(-EPROTO, "%s: the kvpool module began %u of %u operations", call,
			       arg.nr_done, nr);
	return ret;
}
