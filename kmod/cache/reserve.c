// SPDX-License-Identifier: GPL-2.0
/* Reservations: pending blocks with space. */
#include <linux/sched/signal.h>

#include "cache/block.h"
#include "cache/reserve.h"
#include "cache/space.h"
#include "cache/tenant.h"
#include "cache/trace.h"

/* Find space, unless the call has failed to find as much before. */
static int kvpool_reserve_try(struct kvpool_tenant *tenant,
			      struct kvpool_block *block,
			      const struct kvpool_space *space,
			      struct kvpool_shortage *shortage)
{
	u32 length = kvpool_block_length(block);
	int ret;

	if (length >= shortage->length)
		return shortage->why;
	ret = kvpool_space_find(tenant, &block->place, space);
	if (ret && ret != -ENOMEM) {
		shortage->length = length;
		shortage->why = ret;
	}
	return ret;
}

/**
 * kvpool_reserve_space() - Find space for a block that is not in the index
 * @tenant: the tenant of the block
 * @block: the block; the caller keeps its reference
 * @space: where the space should be
 * @shortage: space that the call has not found before
 *
 * Context: May sleep.
 * Return: 0 or the negative errno that KVPOOL_IOC_RESERVE reports.
 */
int kvpool_reserve_space(struct kvpool_tenant *tenant,
			 struct kvpool_block *block,
			 const struct kvpool_space *space,
			 struct kvpool_shortage *shortage)
{
	int ret = kvpool_reserve_try(tenant, block, space, shortage);

	if (ret && ret != -EINTR)
		kvpool_count(tenant, rejected, 1);
	return ret;
}

/**
 * kvpool_reserve_place() - Find space for a pending block
 * @tenant: the tenant of the block
 * @block: the block; if there is no space, its reservation ends and the
 *	   caller's reference is consumed
 * @space: where the space should be
 * @shortage: space that the call has not found before
 *
 * Context: May sleep.
 * Return: 0 or the negative errno that KVPOOL_IOC_RESERVE reports.
 */
int kvpool_reserve_place(struct kvpool_tenant *tenant,
			 struct kvpool_block *block,
			 const struct kvpool_space *space,
			 struct kvpool_shortage *shortage)
{
	int ret = kvpool_reserve_try(tenant, block, space, shortage);

	if (ret)
		kvpool_block_refuse(tenant, block, ret);
	else
		trace_kvpool_block_reserve(tenant, block);
	return ret;
}

/**
 * kvpool_reserve_block() - Make a pending block with space
 * @tenant: the tenant of the block
 * @key: its key
 * @length: bytes
 * @space: where the space should be
 * @out: out: the block; the caller owns a reference
 *
 * Context: May sleep.
 * Return: 0 or the negative errno that KVPOOL_IOC_RESERVE reports.
 */
int kvpool_reserve_block(struct kvpool_tenant *tenant,
			 const struct kvpool_key *key, u32 length,
			 const struct kvpool_space *space,
			 struct kvpool_block **out)
{
	struct kvpool_shortage shortage = KVPOOL_NO_SHORTAGE;

	return kvpool_block_begin(tenant, key, length, out) ?:
	       kvpool_reserve_place(tenant, *out, space, &shortage);
}

/**
 * kvpool_reserve_many() - Make pending blocks with space for one call
 * @tenant: the tenant of the blocks
 * @entries: keys and lengths; the status of each is set
 * @blocks: out: the blocks, or NULL where the status is not zero; the caller
 *	    owns a reference to each
 * @nr: number of entries
 * @space: where the space should be; its @ahead is changed
 *
 * Context: May sleep.
 * Return: the number of blocks that were made.
 */
u32 kvpool_reserve_many(struct kvpool_tenant *tenant,
			struct kvpool_entry *entries,
			struct kvpool_block **blocks, u32 nr,
			struct kvpool_space *space)
{
	struct kvpool_shortage shortage = KVPOOL_NO_SHORTAGE;
	u32 made = 0, i;

	/* All keys first, to know the space that the whole call needs. */
	space->ahead = 0;
	for (i = 0; i < nr; i++) {
		struct kvpool_entry *e = &entries[i];

		e->status = fatal_signal_pending(current) ? -EINTR :
			    kvpool_block_begin(tenant, &e->key, e->length,
					       &blocks[i]);
		if (!e->status)
			space->ahead += kvpool_pages(e->length);
	}
	for (i = 0; i < nr; i++) {
		struct kvpool_entry *e = &entries[i];

		if (!e->status) {
			space->ahead -= kvpool_pages(e->length);
			e->status = kvpool_reserve_place(tenant, blocks[i],
							 space, &shortage);
		}
		if (e->status)
			blocks[i] = NULL;
		else
			made++;
	}
	return made;
}
