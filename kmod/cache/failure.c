// SPDX-License-Identifier: GPL-2.0
/*
 * Failures of memory: blocks that lose pages.
 *
 * A block with a page that has failed is removed, so that no lookup finds it. A
 * lease on it lasts; its holder gets SIGBUS for the page and reads the rest.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "cache/block.h"
#include "cache/failure.h"
#include "cache/pool.h"
#include "cache/tenant.h"
#include "cache/tenants.h"
#include "mem/poison.h"

/* The blocks of one chunk that have lost pages, with a reference to each. */
struct kvpool_failure {
	unsigned int nr;
	struct kvpool_block *blocks[KVPOOL_CHUNK_PAGES];
};

static void kvpool_failure_collect(struct kvpool_place *place, void *arg)
{
	struct kvpool_failure *failure = arg;
	struct kvpool_block *block = container_of(place, struct kvpool_block,
						  place);

	/* A reservation is looked at when it is sealed. */
	if (READ_ONCE(block->state) == KVPOOL_BLOCK_SEALED &&
	    refcount_inc_not_zero(&block->refs))
		failure->blocks[failure->nr++] = block;
}

static void kvpool_failure_tenant(struct kvpool_tenant *tenant,
				  struct kvpool_failure *failure,
				  unsigned long first, unsigned long last)
{
	unsigned long index = 0;
	unsigned int i;

	for (failure->nr = 0;
	     kvpool_poison_next(&tenant->arena, &index, first, last,
				kvpool_failure_collect, failure);
	     failure->nr = 0) {
		for (i = 0; i < failure->nr; i++) {
			kvpool_block_remove(tenant, &failure->blocks[i]->key);
			kvpool_block_put(tenant, failure->blocks[i]);
			cond_resched();
		}
	}
}

static void kvpool_failures_work(struct work_struct *work)
{
	struct kvpool_failure *failure;
	struct kvpool_tenant *tenant;
	unsigned long first, last;
	int srcu;

	if (!kvpool_poison_take(&first, &last))
		return;
	failure = kvmalloc(sizeof(*failure), GFP_KERNEL | __GFP_NOFAIL);
	srcu = srcu_read_lock(&kvpool_tenants_srcu);
	kvpool_for_each_tenant(tenant)
		kvpool_failure_tenant(tenant, failure, first, last);
	srcu_read_unlock(&kvpool_tenants_srcu, srcu);
	kvfree(failure);
}

static DECLARE_WORK(kvpool_failures, kvpool_failures_work);

/**
 * kvpool_failures_init() - Begin to watch for memory that fails
 *
 * Context: Module load, after the table of tenants is made; may sleep.
 * Return: 0 or a negative errno.
 */
int kvpool_failures_init(void)
{
	return kvpool_poison_watch(&kvpool_failures);
}

/**
 * kvpool_failures_exit() - Undo kvpool_failures_init()
 *
 * Context: Module unload, before the tenants end; may sleep.
 */
void kvpool_failures_exit(void)
{
	kvpool_poison_unwatch();
}
