// SPDX-License-Identifier: GPL-2.0
/* The pool: knobs that all tenants share. */
#include "kvpool.h"

struct kvpool_pool kvpool_pool = {
	.lock = __MUTEX_INITIALIZER(kvpool_pool.lock),
	.tenants = LIST_HEAD_INIT(kvpool_pool.tenants),
	.ctxs = LIST_HEAD_INIT(kvpool_pool.ctxs),
	.policy = &kvpool_policy_lru,
	.watermark_high = 95,
	.watermark_low = 90,
	.preempt_ms = 30 * MSEC_PER_SEC,
	.quarantine_ms = 60 * MSEC_PER_SEC,
	.max_handles = 1 << 20,
	.remote_timeout_ms = 10 * MSEC_PER_SEC,
};

/**
 * kvpool_pool_set_policy() - Evict in another order from now on
 * @ops: the order; no block is lost by the change
 */
void kvpool_pool_set_policy(const struct kvpool_policy_ops *ops)
{
	struct kvpool_tenant *tenant;

	mutex_lock(&kvpool_pool.lock);
	kvpool_pool.policy = ops;
	list_for_each_entry(tenant, &kvpool_pool.tenants, entry)
		kvpool_policy_switch(&tenant->policy, ops);
	mutex_unlock(&kvpool_pool.lock);
}

/* core.h has to build in user space, where nothing is exported. */
EXPORT_SYMBOL_KVPOOL(kvpool_policy_touch);
