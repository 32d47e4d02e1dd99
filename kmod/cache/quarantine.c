// SPDX-License-Identifier: GPL-2.0
/*
 * Quarantine: space of reservations whose owner has ended, and which a device
 * may still write to, because it has a DMA pin.
 *
 * The owner's mappings are gone, so no CPU can write any more; its drivers drop
 * their DMA pins when they have stopped their devices. DMA pins are counted by
 * chunk, and another engine may hold some for as long as it runs, so
 * quarantine_ms bounds the stay unless the administrator sets it to zero.
 */
#define pr_fmt(fmt) "kvpool: " fmt

#include <linux/jiffies.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>

#include "cache/block.h"
#include "cache/pool.h"
#include "cache/quarantine.h"
#include "cache/tenant.h"
#include "cache/trace.h"

#define KVPOOL_QUARANTINE_POLL	HZ

static void kvpool_quarantine_work(struct work_struct *work)
{
	struct kvpool_tenant *tenant =
		container_of(to_delayed_work(work), struct kvpool_tenant,
			     quarantine_work);
	unsigned int ms = READ_ONCE(kvpool_pool.quarantine_ms);
	struct kvpool_block *block, *next;
	LIST_HEAD(all);
	LIST_HEAD(stay);
	bool pinned;

	spin_lock(&tenant->quarantine_lock);
	list_splice_init(&tenant->quarantine, &all);
	spin_unlock(&tenant->quarantine_lock);

	list_for_each_entry_safe(block, next, &all, lru) {
		cond_resched();
		pinned = kvpool_arena_pinned(&tenant->arena, &block->place);
		if (pinned &&
		    (!ms || (u32)jiffies - block->stamp <
			    msecs_to_jiffies(ms))) {
			list_move_tail(&block->lru, &stay);
			continue;
		}
		/* Whether or not it is for this block: pins are by chunk. */
		if (pinned)
			pr_warn_ratelimited("tenant %s: a dead reservation of %u bytes leaves quarantine after quarantine_ms=%u although its memory is pinned; set the knob to 0 to wait for the pins\n",
					    tenant->name,
					    kvpool_block_length(block), ms);
		list_del_init(&block->lru);
		atomic_long_sub(kvpool_block_pages(block),
				&tenant->quarantined);
		kvpool_block_put(tenant, block);
	}

	spin_lock(&tenant->quarantine_lock);
	list_splice(&stay, &tenant->quarantine);
	if (!list_empty(&tenant->quarantine))
		queue_delayed_work(kvpool_pool.wq, &tenant->quarantine_work,
				   KVPOOL_QUARANTINE_POLL);
	spin_unlock(&tenant->quarantine_lock);
}

/**
 * kvpool_quarantine_init() - Make an empty quarantine
 * @tenant: a new tenant
 */
void kvpool_quarantine_init(struct kvpool_tenant *tenant)
{
	INIT_LIST_HEAD(&tenant->quarantine);
	spin_lock_init(&tenant->quarantine_lock);
	INIT_DELAYED_WORK(&tenant->quarantine_work, kvpool_quarantine_work);
}

/**
 * kvpool_quarantine_exit() - Free the blocks that are left in a quarantine
 * @tenant: a tenant without users
 *
 * The kernel does not reuse the pages before the last DMA pin is dropped.
 *
 * Context: May sleep.
 */
void kvpool_quarantine_exit(struct kvpool_tenant *tenant)
{
	struct kvpool_block *block, *next;

	cancel_delayed_work_sync(&tenant->quarantine_work);
	list_for_each_entry_safe(block, next, &tenant->quarantine, lru) {
		list_del_init(&block->lru);
		kvpool_block_put(tenant, block);
	}
}

/* Keep the space of a dead reservation, whose pages are counted already. */
static void kvpool_quarantine_add(struct kvpool_tenant *tenant,
				  struct kvpool_block *block)
{
	trace_kvpool_block_quarantine(tenant, block);
	block->stamp = jiffies;
	spin_lock(&tenant->quarantine_lock);
	list_add_tail(&block->lru, &tenant->quarantine);
	queue_delayed_work(kvpool_pool.wq, &tenant->quarantine_work,
			   KVPOOL_QUARANTINE_POLL);
	spin_unlock(&tenant->quarantine_lock);
}

/**
 * kvpool_quarantine_abort() - End a reservation whose owner has ended
 * @tenant: the tenant of the block
 * @block: the reservation; the owner's reference is consumed
 *
 * The owner's devices may not have stopped. While the space has a DMA pin, and
 * for at most quarantine_ms, no other block gets it.
 *
 * Context: May sleep.
 */
void kvpool_quarantine_abort(struct kvpool_tenant *tenant,
			     struct kvpool_block *block)
{
	if (!kvpool_arena_pinned(&tenant->arena, &block->place)) {
		kvpool_block_abort(tenant, block);
		return;
	}
	/* The pages of a pre-empted reservation are counted already. */
	if (kvpool_block_end(tenant, block))
		atomic_long_add(kvpool_block_pages(block),
				&tenant->quarantined);
	kvpool_quarantine_add(tenant, block);
}
