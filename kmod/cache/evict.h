/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_EVICT_H
#define _KVPOOL_EVICT_H

#include <linux/types.h>

struct kvpool_block;
struct kvpool_tenant;

bool kvpool_evict(struct kvpool_tenant *tenant, int node, u32 pages);
void kvpool_evict_finish_sweep(struct kvpool_tenant *tenant);
bool kvpool_evict_block(struct kvpool_tenant *tenant,
			struct kvpool_block *block);

#endif /* _KVPOOL_EVICT_H */
