/* SPDX-License-Identifier: GPL-2.0 */
/* Epochs: making all that is cached for a tenant unknown at once. */
#ifndef _KVPOOL_EPOCH_H
#define _KVPOOL_EPOCH_H

#include <linux/types.h>

#include "cache/block_types.h"
#include "cache/tenant.h"

void kvpool_epoch_init(struct kvpool_tenant *tenant);
void kvpool_epoch_exit(struct kvpool_tenant *tenant);
int kvpool_epoch_raise(struct kvpool_tenant *tenant);
u32 kvpool_epochs_left(const struct kvpool_tenant *tenant);

/* Is a block of an earlier epoch? Nobody knows such a block any more. */
static inline bool kvpool_block_stale(const struct kvpool_tenant *tenant,
				      const struct kvpool_block *block)
{
	return block->epoch != (u8)READ_ONCE(tenant->epoch);
}

#endif /* _KVPOOL_EPOCH_H */
