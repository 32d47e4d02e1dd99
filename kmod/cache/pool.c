// SPDX-License-Identifier: GPL-2.0
/* The pool: the initial values of its knobs, and its workqueue. */
#include <linux/moduleparam.h>

#include "cache/policy_lru.h"
#include "cache/pool.h"

struct kvpool_pool kvpool_pool = {
	.tenants = LIST_HEAD_INIT(kvpool_pool.tenants),
	.policy = &kvpool_policy_lru,
	.watermark_high = 95,
	.watermark_low = 90,
	.preempt_ms = 30 * MSEC_PER_SEC,
	.quarantine_ms = 60 * MSEC_PER_SEC,
	.max_handles = 1 << 20,
	.remote_timeout_ms = 10 * MSEC_PER_SEC,
};

module_param_named(default_quota_bytes, kvpool_pool.default_quota_bytes,
		   ullong, 0444);
MODULE_PARM_DESC(default_quota_bytes,
		 "most memory of the default tenant and of new ones, 0 for no limit (0)");
module_param_named(default_pin_quota_bytes,
		   kvpool_pool.default_pin_quota_bytes, ullong, 0444);
MODULE_PARM_DESC(default_pin_quota_bytes,
		 "most hard-pinned bytes of the default tenant and of new ones (0)");

/**
 * kvpool_pool_init() - Create the workqueue of the pool
 *
 * Context: Module load; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kvpool_pool_init(void)
{
	kvpool_pool.wq = alloc_workqueue("kvpool", WQ_UNBOUND, 0);
	return kvpool_pool.wq ? 0 : -ENOMEM;
}

/**
 * kvpool_pool_open() - Let files be opened
 *
 * Context: Module load, when it cannot fail any more.
 */
void kvpool_pool_open(void)
{
	/* All that the module has initialised is there for open(). */
	smp_store_release(&kvpool_pool.open, true);
}

/**
 * kvpool_pool_exit() - Undo kvpool_pool_init()
 *
 * Context: Module unload, after the last tenant has ended; may sleep.
 */
void kvpool_pool_exit(void)
{
	destroy_workqueue(kvpool_pool.wq);
}
