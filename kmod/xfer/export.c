// SPDX-License-Identifier: GPL-2.0
/* Blocks and space that this host offers other hosts, through movers. */
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "cache/block.h"
#include "cache/pool.h"
#include "cache/reclaim.h"
#include "cache/reserve.h"
#include "cache/space.h"
#include "cache/tenant.h"
#include "cache/tenants.h"
#include "compat.h"
#include "mem/poison.h"
#include "xfer/export.h"

/**
 * kvpool_export_tenant() - Find a tenant on behalf of another host
 * @name: its name
 *
 * The mover checks the right of that host to use the tenant.
 *
 * Return: the tenant, with a reference that kvpool_export_tenant_put() drops,
 * or NULL.
 */
struct kvpool_tenant *kvpool_export_tenant(const char *name)
{
	return kvpool_tenants_use(name);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_tenant);

/**
 * kvpool_export_tenant_get() - Take another reference to a tenant
 * @tenant: a tenant that the caller has a reference to
 */
void kvpool_export_tenant_get(struct kvpool_tenant *tenant)
{
	/* Cannot fail: a tenant with a reference is not deleted. */
	kvpool_tenant_get(tenant);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_tenant_get);

/**
 * kvpool_export_tenant_put() - Drop a reference to a tenant
 * @tenant: the tenant, which may be deleted as soon as the reference is dropped
 */
void kvpool_export_tenant_put(struct kvpool_tenant *tenant)
{
	kvpool_tenant_put(tenant);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_tenant_put);

/* Will others see the end of this reservation? */
static bool kvpool_export_awaits(const struct kvpool_block *block, u32 state)
{
	return state == KVPOOL_BLOCK_RESERVED && !block->fetched;
}

/* The block of a key that is pending for others, with a reference, or NULL. */
static struct kvpool_block *
kvpool_export_pending(struct kvpool_tenant *tenant,
		      const struct kvpool_key *key)
{
	struct kvpool_block *block;
	u32 state;

	block = kvpool_block_find(tenant, key, &state);
	if (block && !kvpool_export_awaits(block, state)) {
		kvpool_block_put(tenant, block);
		block = NULL;
	}
	return block;
}

/**
 * kvpool_export_probe() - Look a key up without taking a reference
 * @tenant: the tenant
 * @key: the key
 * @length: out: bytes of the block, if it is sealed
 *
 * A key that is pending because this host fetches its block is not known here:
 * the fetch may wait for another host that asks for the key.
 *
 * Return: 0 for a sealed block, -EINPROGRESS for a pending one, or -ENOENT.
 */
int kvpool_export_probe(struct kvpool_tenant *tenant,
			const struct kvpool_key *key, u32 *length)
{
	int ret = kvpool_block_probe(tenant, key, length);
	struct kvpool_block *block;

	if (ret != -EINPROGRESS)
		return ret;
	block = kvpool_export_pending(tenant, key);
	if (!block)
		return -ENOENT;
	kvpool_block_put(tenant, block);
	return -EINPROGRESS;
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_probe);

/**
 * kvpool_export_open() - Find a sealed block for another host to read
 * @tenant: the tenant
 * @key: the key
 * @length: bytes that the block should have
 * @block: out: the block, with a reference that kvpool_export_close() drops
 * @found: out, for 0 and -EMSGSIZE: bytes of the block
 * @generation: out: a number that tells @block apart from earlier and later
 *		blocks of the key, never zero
 *
 * Return: 0; -ENOENT; -EINPROGRESS if the key is pending, as
 * kvpool_export_probe() says; -EMSGSIZE if the block has another length.
 */
int kvpool_export_open(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key, u32 length,
		       struct kvpool_block **block, u32 *found, u64 *generation)
{
	struct kvpool_block *b;
	u32 state;
	int ret;

	b = kvpool_block_find(tenant, key, &state);
	if (!b)
		return -ENOENT;
	if (state != KVPOOL_BLOCK_SEALED) {
		ret = kvpool_export_awaits(b, state) ? -EINPROGRESS : -ENOENT;
		kvpool_block_put(tenant, b);
		return ret;
	}
	/* It is about to be dropped. */
	if (kvpool_poison_place(&tenant->arena, &b->place)) {
		kvpool_block_put(tenant, b);
		return -ENOENT;
	}
	*found = kvpool_block_length(b);
	if (*found != length) {
		kvpool_block_put(tenant, b);
		return -EMSGSIZE;
	}
	*generation = b->serial;
	*block = b;
	return 0;
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_open);

/**
 * kvpool_export_close() - Drop references of kvpool_export_open()
 * @tenant: the tenant
 * @blocks: the blocks in prefix order, which count as used now; NULL entries
 *	    are not allowed
 * @nr: number of blocks
 */
void kvpool_export_close(struct kvpool_tenant *tenant,
			 struct kvpool_block **blocks, unsigned int nr)
{
	unsigned int i;

	kvpool_policy_touch(&tenant->policy, blocks, nr);
	for (i = 0; i < nr; i++)
		kvpool_block_put(tenant, blocks[i]);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_close);

/**
 * kvpool_export_served() - Count blocks and bytes that other hosts have read
 * @tenant: the tenant
 * @blocks: blocks that have been read to their end
 * @bytes: bytes that have been read
 */
void kvpool_export_served(struct kvpool_tenant *tenant, u32 blocks, u64 bytes)
{
	kvpool_count(tenant, served_blocks, blocks);
	kvpool_count(tenant, served_bytes, bytes);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_served);

/**
 * kvpool_export_chain() - Tell how a block continues a chain
 * @tenant: the tenant
 * @block: a block that the caller has a reference to
 * @parent: out: the key of the block before it, if more than 1 is returned
 *
 * Return: its position in the chain, from 1; or zero if none is known.
 */
u32 kvpool_export_chain(struct kvpool_tenant *tenant,
			struct kvpool_block *block, struct kvpool_key *parent)
{
	return kvpool_block_chain(tenant, block, parent);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_chain);

/* ---- waiting for a pending key ---- */

/* Returns 1 if it waits, 0 if the key is not pending, or -ENOMEM. */
static int kvpool_export_await(struct kvpool_export_wait *wait)
{
	struct kvpool_tenant *tenant = wait->tenant;
	struct kvpool_block *block;
	int ret;

	block = kvpool_export_pending(tenant, &wait->key);
	if (!block)
		return 0;
	ret = kvpool_waiter_add(&tenant->queues, &wait->waiter, block);
	kvpool_block_put(tenant, block);
	return ret;
}

static bool kvpool_export_wait_stopped(const struct kvpool_waiter *waiter)
{
	return READ_ONCE(container_of(waiter, struct kvpool_export_wait,
				      waiter)->stopped);
}

/* A reservation of the key has ended; there may be another. */
static void kvpool_export_wait_wake(struct kvpool_waiter *waiter)
{
	struct kvpool_export_wait *wait =
		container_of(waiter, struct kvpool_export_wait, waiter);
	u32 length;
	int ret;

	/* Another reservation may begin, and end, at any time. */
	do {
		ret = kvpool_export_await(wait);
		if (ret > 0)
			return;
		if (!ret)
			ret = kvpool_export_probe(wait->tenant, &wait->key,
						  &length);
		cond_resched();
	} while (ret == -EINPROGRESS && !READ_ONCE(wait->stopped));
	wait->wake(wait, ret == -ENOMEM ? -EINPROGRESS : ret);
}

static const struct kvpool_waiter_ops kvpool_export_wait_ops = {
	.wake = kvpool_export_wait_wake,
	.stopped = kvpool_export_wait_stopped,
};

/**
 * kvpool_export_wait() - Wait until a key is not pending any more
 * @tenant: the tenant, of which the caller has a reference until @wait->wake()
 *	    is called or kvpool_export_wait_cancel() returns true
 * @key: the key
 * @wait: its wake() is set; belongs to the core if 1 is returned
 *
 * Return: 1 if it waits; 0 if the key is not pending; -ENOMEM.
 */
int kvpool_export_wait(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key,
		       struct kvpool_export_wait *wait)
{
	kvpool_waiter_init(&wait->waiter, &kvpool_export_wait_ops);
	wait->tenant = tenant;
	wait->key = *key;
	wait->stopped = 0;
	return kvpool_export_await(wait);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_wait);

/**
 * kvpool_export_wait_cancel() - Stop waiting
 * @tenant: the tenant
 * @wait: what kvpool_export_wait() returned 1 for; its memory stays during the
 *	  call
 *
 * Return: true if wake() is not called; false if it has been or will be called
 * soon.
 */
bool kvpool_export_wait_cancel(struct kvpool_tenant *tenant,
			       struct kvpool_export_wait *wait)
{
	/* For kvpool_waiter_del(): it may be added again concurrently. */
	smp_store_mb(wait->stopped, 1);
	return kvpool_waiter_del(&tenant->queues, &wait->waiter);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_wait_cancel);

/**
 * kvpool_export_flush() - Wait until no wake() runs any more
 *
 * For a mover that is unloaded, when nothing of it waits.
 *
 * Context: process.
 */
void kvpool_export_flush(void)
{
	flush_workqueue(kvpool_pool.wq);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_flush);

/* ---- blocks that other hosts push ---- */

/**
 * kvpool_export_reserve() - Reserve a key for a block that another host pushes
 * @tenant: the tenant
 * @key: the key
 * @length: bytes
 * @depth: its position in its chain, from 1; or zero if no chain is known
 * @parent: the key of the block before it, if @depth is more than 1
 * @block: out: the reservation, which has no memory yet; end it with
 *	   kvpool_export_seal() or kvpool_export_abort()
 *
 * Return: 0 or the negative errno that KVPOOL_IOC_RESERVE reports for a key, or for
 * a block that limits do not allow at all.
 */
int kvpool_export_reserve(struct kvpool_tenant *tenant,
			  const struct kvpool_key *key, u32 length, u32 depth,
			  const struct kvpool_key *parent,
			  struct kvpool_block **block)
{
	u32 pages = kvpool_pages(length);
	struct kvpool_space space;
	int ret;

	/* Parts would evict others' blocks for one that never is complete. */
	kvpool_space_choose(KVPOOL_NODE_ANY, 0, &space);
	ret = kvpool_space_allowed(tenant, pages, &space);
	if (!ret)
		ret = kvpool_reserve_quota(tenant, pages);
	if (ret)
		return ret;
	ret = kvpool_block_begin(tenant, key, length, block);
	if (!ret)
		kvpool_export_link(tenant, *block, depth, parent);
	return ret;
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_reserve);

/**
 * kvpool_export_extend() - Find memory for the head of a block
 * @tenant: the tenant
 * @block: a reservation of kvpool_export_reserve()
 * @bytes: bytes from the start of the block that need memory; the block's
 *	   length, or a multiple of 4096 that is less
 * @node: NUMA node to prefer; one without memory counts as KVPOOL_NODE_ANY
 *
 * Memory that the block has stays where it is. The caller does not extend a
 * block twice at the same time, nor call kvpool_export_sg() for it meanwhile.
 *
 * Context: May sleep until memory has been reclaimed.
 * Return: 0; -ESTALE if the reservation was pre-empted; -EDQUOT if sealed blocks
 * take so much of the tenant's push quota that the block cannot be completed;
 * -EAGAIN if only other pushes do; -ENOSPC, also for the quota of the tenant, if
 * what has memory now is in use; -ENOMEM.
 */
int kvpool_export_extend(struct kvpool_tenant *tenant,
			 struct kvpool_block *block, u32 bytes, int node)
{
	struct kvpool_space space;
	int ret;

	if (kvpool_space_choose(node, 0, &space))
		kvpool_space_choose(KVPOOL_NODE_ANY, 0, &space);
	ret = kvpool_reserve_extend(tenant, block, kvpool_pages(bytes), &space);
	kvpool_reclaim_kick(tenant);
	return ret;
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_extend);

/**
 * kvpool_export_link() - Say again how a block continues its chain
 * @tenant: the tenant
 * @block: a reservation of kvpool_export_reserve(); nothing happens if it was
 *	   pre-empted
 * @depth: as there
 * @parent: as there
 *
 * The block before it may have come later.
 */
void kvpool_export_link(struct kvpool_tenant *tenant,
			struct kvpool_block *block, u32 depth,
			const struct kvpool_key *parent)
{
	const struct kvpool_chain chain = {
		.parent = *parent,
		.position = depth - 1,
	};

	if (depth)
		kvpool_reserve_link_block(tenant, block, &chain);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_link);

/**
 * kvpool_export_seal() - Publish a block that another host pushed
 * @tenant: the tenant
 * @block: the reservation, which ends; all of its bytes are written, and no
 *	   device writes to its space any more
 *
 * Return: 0, or -ESTALE if the reservation was pre-empted.
 */
int kvpool_export_seal(struct kvpool_tenant *tenant, struct kvpool_block *block)
{
	u32 pin = 0, length = kvpool_block_length(block);
	int status = 0;

	kvpool_reserve_pushed(tenant, block);
	kvpool_block_seal(tenant, &block, &pin, &status, 1);
	if (status)
		return status;
	kvpool_count(tenant, received_blocks, 1);
	kvpool_count(tenant, received_bytes, length);
	return 0;
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_seal);

/**
 * kvpool_export_abort() - Abort the reservation of kvpool_export_reserve()
 * @tenant: the tenant
 * @block: the reservation; no device writes to its space any more
 */
void kvpool_export_abort(struct kvpool_tenant *tenant,
			 struct kvpool_block *block)
{
	kvpool_reserve_pushed(tenant, block);
	kvpool_block_abort(tenant, block);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_abort);

/**
 * kvpool_export_length() - Tell the length of a block
 * @block: a block that the caller has a reference to
 *
 * Return: bytes.
 */
u32 kvpool_export_length(const struct kvpool_block *block)
{
	return kvpool_block_length(block);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_length);

/**
 * kvpool_export_has_key() - Compare the key of a block
 * @block: a block that the caller has a reference to
 * @key: the key
 *
 * Return: true if @key is the key of @block.
 */
bool kvpool_export_has_key(const struct kvpool_block *block,
			   const struct kvpool_key *key)
{
	return !memcmp(&block->key, key, sizeof(*key));
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_has_key);

/**
 * kvpool_export_extents() - Tell the number of extents of a block
 * @block: a block that the caller has a reference to
 *
 * Return: the most entries that kvpool_export_sg() uses for all of it.
 */
unsigned int kvpool_export_extents(const struct kvpool_block *block)
{
	return block->place.nr_extents;
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_extents);

/**
 * kvpool_export_sg() - List the memory of a part of a block
 * @tenant: the tenant
 * @block: a block or a reservation that the caller has a reference to
 * @offset: start of the part in bytes; a multiple of 4096
 * @length: bytes of the part, at most to the end of the last page
 * @sg: out: the memory
 * @max: entries in @sg, at least one
 * @covered: out: bytes that are listed: @length, or less if @sg is full
 *
 * Return: the number of entries of @sg that were set.
 */
unsigned int kvpool_export_sg(struct kvpool_tenant *tenant,
			      const struct kvpool_block *block, u32 offset,
			      u32 length, struct scatterlist *sg,
			      unsigned int max, u32 *covered)
{
	return kvpool_arena_sg(&tenant->arena, &block->place, offset, length,
			       sg, max, covered);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_sg);
