/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_COMPACT_H
#define _KVPOOL_COMPACT_H

#include <linux/types.h>

struct kvpool_tenant;

unsigned long kvpool_compact(struct kvpool_tenant *tenant, int node, u32 since,
			     unsigned long nr, unsigned int flags);

#endif /* _KVPOOL_COMPACT_H */
