// SPDX-License-Identifier: GPL-2.0
/*
 * Limits: a line in the log when a tenant reaches one. A tenant that stays at a
 * limit refuses blocks all the time, so each has its own bound on lines.
 */
#define pr_fmt(fmt) "kvpool: " fmt

#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>

#include "cache/limit.h"
#include "cache/tenant.h"

/**
 * kvpool_limit_space() - Tell that a block got no space
 * @tenant: the tenant of the block
 * @why: -EDQUOT, -ENOSPC, or an error that is no limit
 *
 * Context: Any.
 */
void kvpool_limit_space(struct kvpool_tenant *tenant, int why)
{
	if ((why != -EDQUOT && why != -ENOSPC) ||
	    !__ratelimit(&tenant->limits))
		return;
	if (why == -EDQUOT)
		pr_notice("tenant %s: a block does not fit its quota_bytes=%llu, and none of its blocks may be evicted for it\n",
			  tenant->name, (u64)READ_ONCE(tenant->quota) <<
					KVPOOL_CHUNK_SHIFT);
	else
		pr_notice("tenant %s: a block got no memory: the tiers are at their limit_bytes or the host has none, and no block may be evicted for it\n",
			  tenant->name);
}

/**
 * kvpool_limit_pins() - Tell that a block could not be hard-pinned
 * @tenant: the tenant of the block
 *
 * Context: Any.
 */
void kvpool_limit_pins(struct kvpool_tenant *tenant)
{
	if (__ratelimit(&tenant->limits))
		pr_notice("tenant %s: a block cannot be hard-pinned within pin_quota_bytes=%llu\n",
			  tenant->name, READ_ONCE(tenant->pin_quota));
}
