// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that another host pushes. Their parts arrive over several sessions and
 * may arrive twice, when a session ended before the answer. A block is sealed
 * when every page has been read and nothing is being read any more.
 */
#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "xfer/export.h"

#include "fabric/push.h"
#include "fabric/trace.h"
#include "fabric/wire.h"

#define KVPOOL_MAX_PUSHES	256	/* of one host at a time */
#define KVPOOL_PUSH_MS		10000	/* without progress */

/**
 * kvpool_pushes_init() - Prepare the pushes of a host
 * @pushes: zeroed
 */
void kvpool_pushes_init(struct kvpool_pushes *pushes)
{
	mutex_init(&pushes->begin);
	spin_lock_init(&pushes->lock);
	INIT_LIST_HEAD(&pushes->list);
}

static void kvpool_push_free(struct kvpool_push *push)
{
	kvpool_export_tenant_put(push->tenant);
	kvfree(push);
}

/* End a push that is neither complete nor in use. */
static void kvpool_push_abort(struct kvpool_push *push)
{
	trace_kvpool_push_end(push->id, -ECANCELED);
	kvpool_export_abort(push->tenant, push->block);
	kvpool_push_free(push);
}

/* Take a push without users out of the list; the lock is held. */
static void kvpool_push_unlink(struct kvpool_pushes *pushes,
			       struct kvpool_push *push)
{
	lockdep_assert_held(&pushes->lock);
	list_del(&push->entry);
	pushes->nr--;
}

static struct kvpool_push *kvpool_push_find(struct kvpool_pushes *pushes,
					    u64 id)
{
	struct kvpool_push *push;

	lockdep_assert_held(&pushes->lock);
	list_for_each_entry(push, &pushes->list, entry)
		if (push->id == id)
			return push;
	return NULL;
}

/* Use a push that has begun; returns -ENOENT if there is none. */
static int kvpool_push_join(struct kvpool_pushes *pushes,
			    struct kvpool_tenant *tenant,
			    const struct kvpool_wire_part *part,
			    struct kvpool_push **out)
{
	struct kvpool_push *push;
	int ret = -ENOENT;

	spin_lock(&pushes->lock);
	push = kvpool_push_find(pushes, part->push);
	if (push) {
		ret = KVPOOL_WIRE_STALE;
		if (!push->dropped && push->tenant == tenant &&
		    kvpool_export_length(push->block) == part->block_length &&
		    kvpool_export_has_key(push->block, &part->key)) {
			push->users++;
			*out = push;
			ret = KVPOOL_WIRE_OK;
		}
	} else if (pushes->nr >= KVPOOL_MAX_PUSHES) {
		ret = KVPOOL_WIRE_NO_MEMORY;
	}
	spin_unlock(&pushes->lock);
	return ret;
}

static int kvpool_push_status(int error)
{
	switch (error) {
	case -EEXIST:
		return KVPOOL_WIRE_EXISTS;
	case -EBUSY:
		return KVPOOL_WIRE_PENDING;
	case -ENOSPC:
		return KVPOOL_WIRE_NO_SPACE;
	case -EDQUOT:
		return KVPOOL_WIRE_QUOTA;
	default:
		return KVPOOL_WIRE_NO_MEMORY;
	}
}

/* Reserve the block and let the other parts find it; pushes->begin is held. */
static int kvpool_push_new(struct kvpool_pushes *pushes,
			   struct kvpool_tenant *tenant,
			   const struct kvpool_wire_part *part)
{
	u32 pages = kvpool_wire_align(part->block_length) / KVPOOL_WIRE_PAGE;
	struct kvpool_push *push;
	int ret;

	push = kvzalloc(struct_size(push, have, BITS_TO_LONGS(pages)),
			GFP_KERNEL_ACCOUNT);
	if (!push)
		return KVPOOL_WIRE_NO_MEMORY;
	ret = kvpool_export_reserve(tenant, &part->key, part->block_length,
				    part->depth, &part->parent, numa_mem_id(),
				    &push->block);
	if (ret) {
		kvfree(push);
		return kvpool_push_status(ret);
	}
	kvpool_export_tenant_get(tenant);
	push->tenant = tenant;
	push->id = part->push;
	push->missing = pages;
	push->stamp = jiffies;
	trace_kvpool_push_begin(push->id, &part->key, part->block_length);

	spin_lock(&pushes->lock);
	list_add_tail(&push->entry, &pushes->list);
	pushes->nr++;
	spin_unlock(&pushes->lock);
	return KVPOOL_WIRE_OK;
}

/**
 * kvpool_push_begin() - Make space for a part of a block
 * @pushes: of the host that pushes it
 * @tenant: the tenant that the block will belong to, with a reference
 * @part: the part
 * @out: the push that it belongs to, until kvpool_push_end()
 * @length: of the block that exists already, if so
 *
 * May sleep to get memory.
 *
 * Return: enum kvpool_wire_status; @out is set with KVPOOL_WIRE_OK.
 */
int kvpool_push_begin(struct kvpool_pushes *pushes,
		      struct kvpool_tenant *tenant,
		      const struct kvpool_wire_part *part,
		      struct kvpool_push **out, u32 *length)
{
	int status;

	status = kvpool_push_join(pushes, tenant, part, out);
	if (status >= 0)
		return status;
	/* Of parts that come concurrently, one reserves and the others join. */
	mutex_lock(&pushes->begin);
	while ((status = kvpool_push_join(pushes, tenant, part, out)) < 0) {
		status = kvpool_push_new(pushes, tenant, part);
		if (status == KVPOOL_WIRE_EXISTS)
			kvpool_export_probe(tenant, &part->key, length);
		if (status)
			break;
	}
	mutex_unlock(&pushes->begin);
	return status;
}

/* Count the pages of a part that are new; only they are progress. */
static void kvpool_push_have(struct kvpool_push *push,
			     const struct kvpool_wire_part *part)
{
	u32 page = part->offset / KVPOOL_WIRE_PAGE;
	u32 end = page + kvpool_wire_align(part->length) / KVPOOL_WIRE_PAGE;

	for (; page < end; page++) {
		if (__test_and_set_bit(page, push->have))
			continue;
		push->missing--;
		push->stamp = jiffies;
	}
}

static int kvpool_push_seal(struct kvpool_push *push)
{
	int ret = kvpool_export_seal(push->tenant, push->block);

	trace_kvpool_push_end(push->id, ret);
	kvpool_push_free(push);
	return ret ? KVPOOL_WIRE_STALE : KVPOOL_WIRE_OK;
}

/**
 * kvpool_push_end() - A part has been read, or not
 * @pushes: of the host that pushes it
 * @push: the push that it belongs to
 * @part: the part
 * @error: 0 if all of it was read; in any case nothing writes to it any more
 * @sealed: length of the block if it is complete with this part, and sealed;
 *	    otherwise zero
 *
 * Return: enum kvpool_wire_status.
 */
int kvpool_push_end(struct kvpool_pushes *pushes, struct kvpool_push *push,
		    const struct kvpool_wire_part *part, int error,
		    u32 *sealed)
{
	bool complete, dropped;
	int status;

	*sealed = 0;

	spin_lock(&pushes->lock);
	push->users--;
	if (!error)
		kvpool_push_have(push, part);
	dropped = push->dropped;
	complete = !dropped && !push->missing && !push->users;
	if (complete || (dropped && !push->users))
		kvpool_push_unlink(pushes, push);
	else
		push = NULL;
	spin_unlock(&pushes->lock);

	if (push && complete) {
		kvpool_export_link(push->tenant, &part->key, part->depth,
				   &part->parent);
		status = kvpool_push_seal(push);
		if (!status)
			*sealed = part->block_length;
		return status;
	}
	if (push)
		kvpool_push_abort(push);
	return dropped ? KVPOOL_WIRE_STALE : KVPOOL_WIRE_OK;
}

/**
 * kvpool_push_drop() - The other host will not complete a block
 * @pushes: of the other host
 * @id: its number for the block
 */
void kvpool_push_drop(struct kvpool_pushes *pushes, u64 id)
{
	struct kvpool_push *push;

	spin_lock(&pushes->lock);
	push = kvpool_push_find(pushes, id);
	if (push) {
		push->dropped = true;
		if (push->users)
			push = NULL;
		else
			kvpool_push_unlink(pushes, push);
	}
	spin_unlock(&pushes->lock);
	if (push)
		kvpool_push_abort(push);
}

static bool kvpool_push_stalls(const struct kvpool_push *push)
{
	return time_after_eq(jiffies, push->stamp +
				      msecs_to_jiffies(KVPOOL_PUSH_MS));
}

/**
 * kvpool_pushes_expire() - End the pushes that make no progress
 * @pushes: of a host
 */
void kvpool_pushes_expire(struct kvpool_pushes *pushes)
{
	struct kvpool_push *push, *next;
	LIST_HEAD(expired);

	spin_lock(&pushes->lock);
	list_for_each_entry_safe(push, next, &pushes->list, entry) {
		if (push->users || !kvpool_push_stalls(push))
			continue;
		kvpool_push_unlink(pushes, push);
		list_add_tail(&push->entry, &expired);
	}
	spin_unlock(&pushes->lock);
	list_for_each_entry_safe(push, next, &expired, entry)
		kvpool_push_abort(push);
}

/**
 * kvpool_pushes_exit() - End all pushes of a host without sessions
 * @pushes: of the host
 */
void kvpool_pushes_exit(struct kvpool_pushes *pushes)
{
	struct kvpool_push *push, *next;

	list_for_each_entry_safe(push, next, &pushes->list, entry)
		kvpool_push_abort(push);
	mutex_destroy(&pushes->begin);
}
