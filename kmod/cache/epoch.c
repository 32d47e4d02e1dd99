// SPDX-License-Identifier: GPL-2.0
/*
 * Epochs: making all that is cached for a tenant unknown at once.
 *
 * A block has the last eight bits of the tenant's epoch, and lookups know blocks
 * of the present epoch only. So raising the epoch drops all blocks in one step.
 * Work then removes them from the index, some at a time, and frees those that
 * have no lease. It has removed all blocks of an epoch before another epoch gets
 * the same eight bits.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/rhashtable.h>
#include <linux/sched.h>

#include "cache/block.h"
#include "cache/epoch.h"
#include "cache/pool.h"
#include "cache/tenant.h"
#include "cache/trace.h"

/* Most epochs of which there may be blocks in the index. */
#define KVPOOL_EPOCHS		256

/* Blocks that the walk over the index finds before it lets others go on. */
#define KVPOOL_EPOCH_BATCH	16

/* Find the keys of some blocks of earlier epochs; false at the end. */
static bool kvpool_epoch_walk(struct kvpool_tenant *tenant,
			      struct rhashtable_iter *walk,
			      struct kvpool_key *keys, unsigned int *nr)
{
	unsigned int budget = 4 * KVPOOL_EPOCH_BATCH;
	struct kvpool_block *block = NULL;

	*nr = 0;
	rhashtable_walk_start(walk);
	while (budget-- && *nr < KVPOOL_EPOCH_BATCH) {
		block = rhashtable_walk_next(walk);
		if (!block)
			break;
		/* -EAGAIN: the index was resized, and the walk restarts. */
		if (!IS_ERR(block) && kvpool_block_stale(tenant, block))
			keys[(*nr)++] = block->key;
	}
	rhashtable_walk_stop(walk);
	return block;
}

static void kvpool_epoch_work(struct work_struct *work)
{
	struct kvpool_tenant *tenant =
		container_of(work, struct kvpool_tenant, epoch_work);
	u32 epoch = READ_ONCE(tenant->epoch);
	struct kvpool_key keys[KVPOOL_EPOCH_BATCH];
	struct rhashtable_iter walk;
	unsigned int nr, i;
	bool more, found;

	/* Blocks enter the index in the RCU section that reads the epoch. */
	synchronize_rcu();
	/* A walk may pass over blocks where others were removed: walk again. */
	do {
		found = false;
		rhashtable_walk_enter(&tenant->index, &walk);
		do {
			more = kvpool_epoch_walk(tenant, &walk, keys, &nr);
			for (i = 0; i < nr; i++)
				kvpool_block_outdate(tenant, &keys[i]);
			found |= nr;
			cond_resched();
		} while (more);
		rhashtable_walk_exit(&walk);
	} while (found);
	WRITE_ONCE(tenant->swept, epoch);
	if (epoch != READ_ONCE(tenant->epoch))
		queue_work(kvpool_pool.wq, &tenant->epoch_work);
}

/**
 * kvpool_epoch_init() - Prepare the epochs of a tenant
 * @tenant: a new tenant
 */
void kvpool_epoch_init(struct kvpool_tenant *tenant)
{
	INIT_WORK(&tenant->epoch_work, kvpool_epoch_work);
}

/**
 * kvpool_epoch_exit() - End the work for earlier epochs
 * @tenant: a tenant without users
 *
 * Context: May sleep.
 */
void kvpool_epoch_exit(struct kvpool_tenant *tenant)
{
	cancel_work_sync(&tenant->epoch_work);
}

/**
 * kvpool_epoch_raise() - Make all blocks of a tenant unknown
 * @tenant: the tenant
 *
 * Leases go on; seals of reservations that were made before fail.
 *
 * Context: Any; the work is done elsewhere.
 * Return: 0, or -EBUSY if the blocks of too many epochs are still there.
 */
int kvpool_epoch_raise(struct kvpool_tenant *tenant)
{
	u32 epoch = READ_ONCE(tenant->epoch);

	do {
		if (epoch - READ_ONCE(tenant->swept) >= KVPOOL_EPOCHS - 1)
			return -EBUSY;
		/* A full barrier: what is sealed later is of a later epoch. */
	} while (!try_cmpxchg(&tenant->epoch, &epoch, epoch + 1));
	trace_kvpool_tenant_drop(tenant);
	queue_work(kvpool_pool.wq, &tenant->epoch_work);
	return 0;
}

/**
 * kvpool_epochs_left() - Tell how many epochs are not over yet
 * @tenant: the tenant
 *
 * Context: Any.
 * Return: earlier epochs of which there may be blocks in the index.
 */
u32 kvpool_epochs_left(const struct kvpool_tenant *tenant)
{
	return READ_ONCE(tenant->epoch) - READ_ONCE(tenant->swept);
}
