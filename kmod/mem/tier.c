// SPDX-License-Identifier: GPL-2.0
/* Tiers: classes of memory, one for each NUMA node that has memory. */
#define pr_fmt(fmt) "kvpool: " fmt

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/topology.h>

#include "mem/dram.h"
#include "mem/kobj.h"
#include "mem/place.h"
#include "mem/poison.h"
#include "mem/tier.h"

static unsigned int limit_percent = 50;
module_param(limit_percent, uint, 0444);
MODULE_PARM_DESC(limit_percent,
		 "Limit of each DRAM tier at load, in percent of the node's memory (default 50); nodes without CPUs start with 0");

struct kvpool_tier **kvpool_tiers __read_mostly;
static struct kobject *kvpool_tiers_dir;

/* First and longest time between hard attempts to get memory that fail. */
#define KVPOOL_HARD_PAUSE	(HZ / 10)
#define KVPOOL_HARD_PAUSE_MAX	(10 * HZ)

/* No hard attempts for as long after the kernel was out of memory. */
#define KVPOOL_PRESS_PAUSE	HZ

static void kvpool_tier_release(struct kobject *kobj)
{
	struct kvpool_tier *tier = container_of(kobj, struct kvpool_tier, kobj);

	kfree(tier->fallback);
	kfree(tier);
}

/* kvpool_tiers_register() sets the attributes. */
static struct kobj_type kvpool_tier_ktype = {
	.release = kvpool_tier_release,
	.sysfs_ops = &kvpool_kobj_ops,
};

/*
 * Try hard: memory that holds cached pages of files is rather used for blocks.
 * While the kernel itself is out of memory, or such attempts fail, they would
 * only cost time; then the caller evicts blocks.
 */
static struct page *kvpool_tier_alloc_hard(struct kvpool_tier *tier,
					   unsigned int flags)
{
	unsigned int pause = READ_ONCE(tier->hard_pause);
	struct page *page;

	if (!(flags & KVPOOL_GROW_HARD) &&
	    time_before(jiffies, READ_ONCE(tier->hard_at)))
		return NULL;
	page = tier->ops->alloc(tier, KVPOOL_GROW_HARD);
	if (page) {
		WRITE_ONCE(tier->hard_pause, KVPOOL_HARD_PAUSE);
	} else {
		WRITE_ONCE(tier->hard_at, jiffies + pause);
		WRITE_ONCE(tier->hard_pause,
			   min_t(unsigned int, 2 * pause,
				 KVPOOL_HARD_PAUSE_MAX));
	}
	return page;
}

/**
 * kvpool_tier_alloc() - Allocate memory for a chunk
 * @tier: the tier that the memory comes from
 * @flags: KVPOOL_GROW_*
 *
 * Context: May sleep.
 * Return: a zeroed compound page, which the caller frees with
 * kvpool_tier_free(); ERR_PTR(-ENOSPC) at the tier's limit; ERR_PTR(-ENOMEM).
 */
struct page *kvpool_tier_alloc(struct kvpool_tier *tier, unsigned int flags)
{
	long nr = atomic_long_read(&tier->nr_chunks);
	struct page *page;

	do {
		if (nr >= READ_ONCE(tier->limit))
			return ERR_PTR(-ENOSPC);
	} while (!atomic_long_try_cmpxchg(&tier->nr_chunks, &nr, nr + 1));

	page = tier->ops->alloc(tier, 0) ?: kvpool_tier_alloc_hard(tier, flags);
	if (!page) {
		atomic_long_dec(&tier->nr_chunks);
		return ERR_PTR(-ENOMEM);
	}
	return page;
}

/**
 * kvpool_tier_press() - Take note that the kernel is out of memory
 * @tier: the tier, which does not try hard to grow for a while
 *
 * Context: Any.
 */
void kvpool_tier_press(struct kvpool_tier *tier)
{
	WRITE_ONCE(tier->hard_at, jiffies + KVPOOL_PRESS_PAUSE);
}

/**
 * kvpool_tier_free() - Free a chunk's memory
 * @tier: the tier that the memory came from
 * @page: the compound page that kvpool_tier_alloc() returned
 *
 * Memory that has failed is not given back, because the page allocator would
 * hand it out one day.
 */
void kvpool_tier_free(struct kvpool_tier *tier, struct page *page)
{
	if (kvpool_poison_chunk(tier, page))
		pr_err("2 MiB of memory on node %d stay out of use, because %lu KiB in them have failed; replace the memory\n",
		       tier->node, page_private(page) << (PAGE_SHIFT - 10));
	else
		tier->ops->free(tier, page);
	atomic_long_dec(&tier->nr_chunks);
}

/**
 * kvpool_tiers_limit() - Add up the limits of all tiers
 *
 * Context: Any; takes no lock.
 * Return: chunks.
 */
unsigned long kvpool_tiers_limit(void)
{
	unsigned long sum = 0;
	int node;

	for (node = 0; node < nr_node_ids; node++)
		if (kvpool_tiers[node])
			sum += READ_ONCE(kvpool_tiers[node]->limit);
	return sum;
}

static int kvpool_tier_distance_cmp(const void *a, const void *b,
				    const void *from)
{
	int node = *(const int *)from, x = *(const int *)a, y = *(const int *)b;
	int d = node_distance(node, x) - node_distance(node, y);

	return d ?: x - y;
}

/**
 * kvpool_tier_movable() - Tell whether a tier's memory is movable only
 * @tier: the tier
 *
 * Memory of CXL and other hot-plugged devices is often onlined as movable. The
 * kernel gives such memory to nobody who keeps pages where they are.
 *
 * Context: Any; memory may be onlined and offlined at any time.
 * Return: true if the node has no memory that the pool can use.
 */
bool kvpool_tier_movable(const struct kvpool_tier *tier)
{
	struct zone *zones = NODE_DATA(tier->node)->node_zones;
	unsigned int i;

	for (i = 0; i < ZONE_MOVABLE; i++)
		if (managed_zone(&zones[i]))
			return false;
	return managed_zone(&zones[ZONE_MOVABLE]);
}

static int kvpool_tier_add(int node)
{
	unsigned long pages = NODE_DATA(node)->node_present_pages;
	struct kvpool_tier *tier;
	int other, n = 0;

	tier = kzalloc(sizeof(*tier), GFP_KERNEL);
	if (!tier)
		return -ENOMEM;
	tier->fallback = kcalloc(nr_node_ids, sizeof(int), GFP_KERNEL);
	if (!tier->fallback) {
		kfree(tier);
		return -ENOMEM;
	}

	for_each_node_state(other, N_MEMORY)
		tier->fallback[n++] = other;
	sort_r(tier->fallback, n, sizeof(int), kvpool_tier_distance_cmp, NULL,
	       &node);
	while (n < nr_node_ids)
		tier->fallback[n++] = NUMA_NO_NODE;

	tier->ops = &kvpool_tier_dram;
	tier->node = node;
	tier->hard_at = jiffies;
	tier->hard_pause = KVPOOL_HARD_PAUSE;
	if (node_state(node, N_CPU))
		tier->limit = mult_frac(pages, min(limit_percent, 100U), 100) >>
			      KVPOOL_CHUNK_ORDER;
	kobject_init(&tier->kobj, &kvpool_tier_ktype);
	kvpool_tiers[node] = tier;
	if (kvpool_tier_movable(tier))
		pr_warn("memory of node %d cannot be used, because it is onlined as movable; for CXL memory: daxctl reconfigure-device --mode=system-ram --no-movable DEVICE; for other memory write online_kernel to the state of its blocks in /sys/devices/system/memory\n",
			node);
	return 0;
}

/**
 * kvpool_tiers_init() - Make a tier for each node that has memory
 *
 * Context: Module load; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kvpool_tiers_init(void)
{
	int node, ret = 0;

	kvpool_tiers = kcalloc(nr_node_ids, sizeof(*kvpool_tiers), GFP_KERNEL);
	if (!kvpool_tiers)
		return -ENOMEM;
	for_each_node_state(node, N_MEMORY) {
		/* Places name their node with few bits. */
		ret = node < KVPOOL_PLACE_NODES ? kvpool_tier_add(node) : 0;
		if (ret) {
			kvpool_tiers_exit();
			break;
		}
	}
	return ret;
}

/**
 * kvpool_tiers_register() - Show the tiers in sysfs
 * @parent: directory of the device
 * @groups: files of each tier; stay until the module is unloaded
 *
 * Context: Module load; may sleep. kvpool_tiers_exit() also undoes a failed
 * call.
 * Return: 0 or a negative errno.
 */
int kvpool_tiers_register(struct kobject *parent,
			  const struct attribute_group **groups)
{
	struct kvpool_tier *tier;
	int node, ret;

	kvpool_tier_ktype.default_groups = groups;
	kvpool_tiers_dir = kobject_create_and_add("tiers", parent);
	if (!kvpool_tiers_dir)
		return -ENOMEM;
	for (node = 0; node < nr_node_ids; node++) {
		tier = kvpool_tiers[node];
		if (!tier)
			continue;
		ret = kobject_add(&tier->kobj, kvpool_tiers_dir, "%s%d",
				  tier->ops->name, node);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * kvpool_tiers_exit() - End all tiers
 *
 * Context: Module unload, after the last chunk was freed; may sleep.
 */
void kvpool_tiers_exit(void)
{
	int node;

	for (node = 0; node < nr_node_ids; node++) {
		if (!kvpool_tiers[node])
			continue;
		WARN_ON(atomic_long_read(&kvpool_tiers[node]->nr_chunks));
		if (kvpool_tiers[node]->kobj.state_in_sysfs)
			kobject_del(&kvpool_tiers[node]->kobj);
		kobject_put(&kvpool_tiers[node]->kobj);
	}
	kobject_put(kvpool_tiers_dir);
	kvpool_tiers_dir = NULL;
	kfree(kvpool_tiers);
}
