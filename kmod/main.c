// SPDX-License-Identifier: GPL-2.0
/* Load and unload: the order in which the objects start and end. */
#define pr_fmt(fmt) "kvpool: " fmt

#include <linux/miscdevice.h>
#include <linux/module.h>

#include <linux/kvpool.h>

#include "cache/block.h"
#include "cache/failure.h"
#include "cache/pool.h"
#include "cache/reclaim.h"
#include "cache/tenants.h"
#include "control/debugfs.h"
#include "control/sysfs.h"
#include "dev/copy.h"
#include "dev/fops.h"
#include "mem/arena.h"
#include "mem/tier.h"
#include "version.h"
#include "xfer/revoke.h"
#include "xfer/xfer.h"

static struct miscdevice kvpool_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kvpool",
	.fops = &kvpool_fops,
	.groups = kvpool_sysfs_groups,
	.mode = 0660,
};

static int __init kvpool_init(void)
{
	int ret;

	/* Extents and the uAPI count pages of 4 KiB. */
	if (PAGE_SHIFT != KVPOOL_PAGE_SHIFT) {
		pr_err("cannot load: memory pages of this kernel have %lu KiB, and kvpool supports pages of 4 KiB only; boot a kernel with pages of 4 KiB (CONFIG_ARM64_4K_PAGES on arm64)\n",
		       PAGE_SIZE >> 10);
		return -EOPNOTSUPP;
	}

	ret = kvpool_blocks_init();
	if (ret)
		return ret;
	ret = kvpool_arrays_init();
	if (ret)
		goto err_blocks;
	ret = kvpool_xfers_init();
	if (ret)
		goto err_array_cache;
	ret = kvpool_arenas_init();
	if (ret)
		goto err_xfers;
	ret = kvpool_tiers_init();
	if (ret)
		goto err_arenas;
	ret = kvpool_pool_init();
	if (ret)
		goto err_tiers;
	ret = kvpool_tenants_init();
	if (ret)
		goto err_pool;
	ret = kvpool_reclaim_init();
	if (ret)
		goto err_tenants;
	ret = kvpool_failures_init();
	if (ret)
		goto err_reclaim;
	ret = kvpool_revokes_init();
	if (ret)
		goto err_failures;

	/* Loading may still fail: open() returns -ENODEV until @open is set. */
	ret = misc_register(&kvpool_misc);
	if (ret)
		goto err_revokes;
	ret = kvpool_sysfs_init(&kvpool_misc.this_device->kobj);
	if (ret)
		goto err_misc;
	kvpool_debugfs_init();

	kvpool_pool_open();
	pr_info("version %s, ABI %u, limit of all tiers %lu MiB\n",
		KVPOOL_MODULE_VERSION, KVPOOL_ABI_VERSION,
		kvpool_tiers_limit() << (KVPOOL_CHUNK_SHIFT - 20));
	return 0;

err_misc:
	misc_deregister(&kvpool_misc);
err_revokes:
	kvpool_revokes_exit();
err_failures:
	kvpool_failures_exit();
err_reclaim:
	kvpool_reclaim_exit();
err_tenants:
	kvpool_tenants_exit();
err_pool:
	kvpool_pool_exit();
err_tiers:
	kvpool_tiers_exit();
err_arenas:
	kvpool_arenas_exit();
err_xfers:
	kvpool_xfers_exit();
err_array_cache:
	kvpool_arrays_exit();
err_blocks:
	kvpool_blocks_exit();
	pr_err("cannot load: error %d\n", ret);
	return ret;
}

static void __exit kvpool_exit(void)
{
	/* Files of tasks that have exited end there. */
	flush_workqueue(kvpool_pool.wq);
	kvpool_debugfs_exit();
	kvpool_revokes_flush();
	kvpool_failures_exit();
	kvpool_reclaim_exit();
	kvpool_tenants_exit();
	kvpool_tiers_exit();
	kvpool_sysfs_exit();
	misc_deregister(&kvpool_misc);
	kvpool_revokes_exit();
	kvpool_pool_exit();
	kvpool_arenas_exit();
	kvpool_xfers_exit();
	kvpool_arrays_exit();
	kvpool_blocks_exit();
	pr_info("unloaded\n");
}

module_init(kvpool_init);
module_exit(kvpool_exit);

MODULE_DESCRIPTION("KV-cache pool for LLM inference hosts");
MODULE_LICENSE("GPL");
MODULE_VERSION(KVPOOL_MODULE_VERSION);
