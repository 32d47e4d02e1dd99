/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_COMPACT_H
#define _KVPOOL_COMPACT_H

#include <linux/limits.h>
#include <linux/types.h>

#include "mem/vacate.h"

struct kvpool_tenant;

/**
 * struct kvpool_effort - how hard chunks are tried to be released
 * @most:	most pages of a chunk that may be in use; zero takes empty
 *		chunks only
 * @since:	jiffies: chunks that could not be emptied before are tried
 *		again; or KVPOOL_TAKE_PATIENT
 * @failures:	chunks that may fail until the attempt ends
 */
struct kvpool_effort {
	u32 most;
	unsigned long since;
	unsigned long failures;
};

unsigned long kvpool_compact(struct kvpool_tenant *tenant, int node,
			     unsigned long nr,
			     const struct kvpool_effort *effort);

bool kvpool_compact_at(struct kvpool_tenant *tenant, u32 index);

#endif /* _KVPOOL_COMPACT_H */
