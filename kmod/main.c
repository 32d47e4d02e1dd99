// SPDX-License-Identifier: GPL-2.0
/* Load and unload: the order in which the rooms open and close. */
#define pr_fmt(fmt) "kvpool: " fmt

#include <linux/miscdevice.h>
#include <linux/module.h>

#include "kvpool.h"

static struct miscdevice kvpool_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kvpool",
	.fops = &kvpool_fops,
	.groups = kvpool_sysfs_groups,
	.mode = 0660,
};

static int __init kvpool_init(void)
{
	struct kobject *dev;
	int ret;

	/* Extents and the uAPI count pages of 4 KiB. */
	BUILD_BUG_ON(PAGE_SHIFT != KVPOOL_PAGE_SHIFT);

	ret = kvpool_blocks_init();
	if (ret)
		return ret;
	ret = kvpool_xfers_init();
	if (ret)
		goto err_blocks;
	ret = kvpool_arenas_init();
	if (ret)
		goto err_xfers;
	ret = kvpool_tiers_init();
	if (ret)
		goto err_arenas;
	kvpool_pool.wq = alloc_workqueue("kvpool", WQ_UNBOUND, 0);
	if (!kvpool_pool.wq) {
		ret = -ENOMEM;
		goto err_tiers;
	}
	ret = kvpool_tenants_init();
	if (ret)
		goto err_wq;
	ret = kvpool_shrinker_init();
	if (ret)
		goto err_tenants;

	/* From here on files could be opened, but loading may still fail. */
	ret = misc_register(&kvpool_misc);
	if (ret)
		goto err_shrinker;
	dev = &kvpool_misc.this_device->kobj;
	ret = kvpool_sysfs_init(dev);
	if (ret)
		goto err_misc;
	ret = kvpool_tiers_register(dev);
	if (ret)
		goto err_sysfs;
	ret = kvpool_tenants_register();
	if (ret)
		goto err_sysfs;
	kvpool_debugfs_init();

	mutex_lock(&kvpool_pool.lock);
	kvpool_pool.open = true;
	mutex_unlock(&kvpool_pool.lock);
	return 0;

err_sysfs:
	kvpool_sysfs_exit();
err_misc:
	misc_deregister(&kvpool_misc);
err_shrinker:
	kvpool_shrinker_exit();
err_tenants:
	kvpool_tenants_exit();
err_wq:
	destroy_workqueue(kvpool_pool.wq);
err_tiers:
	kvpool_tiers_exit();
err_arenas:
	kvpool_arenas_exit();
err_xfers:
	kvpool_xfers_exit();
err_blocks:
	kvpool_blocks_exit();
	return ret;
}

static void __exit kvpool_exit(void)
{
	kvpool_debugfs_exit();
	kvpool_shrinker_exit();
	kvpool_tenants_exit();
	kvpool_tiers_exit();
	kvpool_sysfs_exit();
	misc_deregister(&kvpool_misc);
	destroy_workqueue(kvpool_pool.wq);
	kvpool_arenas_exit();
	kvpool_xfers_exit();
	kvpool_blocks_exit();
}

module_init(kvpool_init);
module_exit(kvpool_exit);

MODULE_DESCRIPTION("KV-cache pool for LLM inference hosts");
MODULE_LICENSE("GPL");
