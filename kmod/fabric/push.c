// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that another host pushes. Their parts arrive over several sessions and
 * may arrive twice, when a session ended before the answer. A block is sealed
 * when every page has been read and nothing is being read any more.
 */
#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "xfer/export.h"

#include "fabric/push.h"
#include "fabric/trace.h"
#include "fabric/wire.h"

#define KVPOOL_PUSH_MS		10000	/* without progress */
/*
 * Memory is found in pieces that huge pages fit, so that a push takes the chunks
 * that its block would, whatever comes at the same time.
 */
#define KVPOOL_PUSH_STEP	SZ_2M
#define KVPOOL_SHORT_MS		1500	/* new pushes stand back; see below */

/**
 * kvpool_pushes_init() - Prepare the pushes of a host
 * @pushes: zeroed
 */
void kvpool_pushes_init(struct kvpool_pushes *pushes)
{
	mutex_init(&pushes->begin);
	spin_lock_init(&pushes->lock);
	INIT_LIST_HEAD(&pushes->list);
	hash_init(pushes->table);
	get_random_bytes(&pushes->seed, sizeof(pushes->seed));
}

static void kvpool_push_free(struct kvpool_push *push)
{
	kvpool_export_tenant_put(push->tenant);
	mutex_destroy(&push->memory);
	kvfree(push);
}

/* End a push that is neither complete nor in use. */
static void kvpool_push_abort(struct kvpool_push *push)
{
	trace_kvpool_push_end(push->id, -ECANCELED);
	kvpool_export_abort(push->tenant, push->block);
	kvpool_push_free(push);
}

/* Take a push without users out of the table; the lock is held. */
static void kvpool_push_unlink(struct kvpool_pushes *pushes,
			       struct kvpool_push *push)
{
	lockdep_assert_held(&pushes->lock);
	list_del(&push->entry);
	hash_del(&push->node);
	pushes->nr--;
}

static struct hlist_head *kvpool_push_bucket(struct kvpool_pushes *pushes,
					     u64 id)
{
	return &pushes->table[siphash_1u64(id, &pushes->seed) %
			      HASH_SIZE(pushes->table)];
}

static struct kvpool_push *kvpool_push_find(struct kvpool_pushes *pushes,
					    u64 id)
{
	struct kvpool_push *push;

	lockdep_assert_held(&pushes->lock);
	hlist_for_each_entry(push, kvpool_push_bucket(pushes, id), node)
		if (push->id == id)
			return push;
	return NULL;
}

/*
 * A segment does not use a push any more. Returns the push if it is complete, or
 * dropped, and this was the last one: it is out of the table then.
 */
static struct kvpool_push *kvpool_push_leave(struct kvpool_pushes *pushes,
					     struct kvpool_push *push)
{
	lockdep_assert_held(&pushes->lock);
	if (--push->users || (push->missing && !push->dropped))
		return NULL;
	kvpool_push_unlink(pushes, push);
	return push;
}

/* May there be another push of a tenant now? */
static bool kvpool_push_room(const struct kvpool_pushes *pushes,
			     const struct kvpool_tenant *tenant)
{
	const struct kvpool_push *push;

	lockdep_assert_held(&pushes->lock);
	if (pushes->nr >= KVPOOL_MAX_PUSHES)
		return false;
	list_for_each_entry(push, &pushes->list, entry)
		if (push->tenant == tenant && push->short_since &&
		    !push->dropped &&
		    time_before(jiffies, push->short_since +
					 msecs_to_jiffies(KVPOOL_SHORT_MS)))
			return false;
	return true;
}

/* Use a push that has begun; returns -ENOENT if there is none. */
static int kvpool_push_join(struct kvpool_pushes *pushes,
			    struct kvpool_tenant *tenant,
			    const struct kvpool_wire_part *part,
			    struct kvpool_push **out)
{
	struct kvpool_push *push;
	u32 window = KVPOOL_WIRE_PUSH_WINDOW / KVPOOL_WIRE_PAGE;
	int ret = -ENOENT;

	spin_lock(&pushes->lock);
	push = kvpool_push_find(pushes, part->push);
	if (push) {
		ret = KVPOOL_WIRE_STALE;
		if (!push->dropped && push->tenant == tenant &&
		    kvpool_export_length(push->block) == part->block_length &&
		    kvpool_export_has_key(push->block, &part->key))
			ret = KVPOOL_WIRE_OK;
		/* So that it brings its own memory, and little more. */
		if (!ret && part->offset / KVPOOL_WIRE_PAGE >
			    push->head + window)
			ret = KVPOOL_WIRE_LATER;
		if (!ret) {
			push->users++;
			*out = push;
		}
	} else if (!kvpool_push_room(pushes, tenant) ||
		   part->offset > KVPOOL_WIRE_PUSH_WINDOW) {
		ret = KVPOOL_WIRE_LATER;
	}
	spin_unlock(&pushes->lock);
	return ret;
}

/* Reserve the key and let the other parts find it; pushes->begin is held. */
static int kvpool_push_new(struct kvpool_pushes *pushes,
			   struct kvpool_tenant *tenant,
			   const struct kvpool_wire_part *part)
{
	u32 pages = kvpool_wire_align(part->block_length) / KVPOOL_WIRE_PAGE;
	struct kvpool_push *push;
	int ret;

	push = kvzalloc(struct_size(push, have, BITS_TO_LONGS(pages)),
			GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!push)
		return KVPOOL_WIRE_LATER;
	ret = kvpool_export_reserve(tenant, &part->key, part->block_length,
				    part->depth, &part->parent, &push->block);
	if (ret) {
		kvfree(push);
		return ret == -EEXIST ? KVPOOL_WIRE_EXISTS :
		       ret == -EBUSY ? KVPOOL_WIRE_PENDING :
		       ret == -EDQUOT ? KVPOOL_WIRE_QUOTA :
		       ret == -ENOSPC ? KVPOOL_WIRE_NO_SPACE :
					KVPOOL_WIRE_LATER;
	}
	kvpool_export_tenant_get(tenant);
	mutex_init(&push->memory);
	push->tenant = tenant;
	push->id = part->push;
	push->depth = part->depth;
	push->parent = part->parent;
	push->missing = pages;
	push->stamp = jiffies;
	trace_kvpool_push_begin(push->id, &part->key, part->block_length);

	spin_lock(&pushes->lock);
	list_add_tail(&push->entry, &pushes->list);
	hlist_add_head(&push->node, kvpool_push_bucket(pushes, push->id));
	pushes->nr++;
	spin_unlock(&pushes->lock);
	return KVPOOL_WIRE_OK;
}

static int kvpool_push_enter(struct kvpool_pushes *pushes,
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

/*
 * There is no memory for a part. Of the pushes that share the tenant's memory
 * the youngest gives way, so that they do not all keep what the others need: the
 * oldest gets on in any case, since no new ones begin before it asks again. What
 * gave way is pushed again. A push that has no memory at all does not keep its
 * key.
 */
static void kvpool_push_give_way(struct kvpool_pushes *pushes,
				 struct kvpool_push *push, bool blank)
{
	struct kvpool_push *last, *victim = NULL;

	spin_lock(&pushes->lock);
	if (blank && push->users == 1) {
		push->dropped = true;
	} else {
		push->short_since = jiffies | 1;
		list_for_each_entry_reverse(last, &pushes->list, entry) {
			if (last == push)
				break;
			if (last->tenant != push->tenant || last->dropped)
				continue;
			last->dropped = true;
			if (!last->users) {
				kvpool_push_unlink(pushes, last);
				victim = last;
			}
			break;
		}
	}
	push = kvpool_push_leave(pushes, push);
	spin_unlock(&pushes->lock);
	if (victim)
		kvpool_push_abort(victim);
	/* It cannot be complete: this part of it is missing. */
	if (push)
		kvpool_push_abort(push);
}

/* A push cannot be completed any more; a segment that uses it leaves. */
static void kvpool_push_fail(struct kvpool_pushes *pushes,
			     struct kvpool_push *push)
{
	spin_lock(&pushes->lock);
	push->dropped = true;
	push = kvpool_push_leave(pushes, push);
	spin_unlock(&pushes->lock);
	if (push)
		kvpool_push_abort(push);
}

/**
 * kvpool_push_begin() - Make space for a part of a block
 * @pushes: of the host that pushes it
 * @tenant: the tenant that the block will belong to, with a reference
 * @part: the part
 * @node: NUMA node to prefer, or KVPOOL_NODE_ANY
 * @out: the push that it belongs to, until kvpool_push_end()
 * @length: of the block that exists already, if so
 *
 * May sleep to get memory.
 *
 * Return: enum kvpool_wire_status; @out is set with KVPOOL_WIRE_OK.
 */
int kvpool_push_begin(struct kvpool_pushes *pushes,
		      struct kvpool_tenant *tenant,
		      const struct kvpool_wire_part *part, int node,
		      struct kvpool_push **out, u32 *length)
{
	u32 end = min_t(u32, part->block_length,
			round_up(part->offset + part->length,
				 KVPOOL_PUSH_STEP));
	struct kvpool_push *push;
	int ret = 0, status;
	bool blank, extended;

	status = kvpool_push_enter(pushes, tenant, part, &push, length);
	if (status)
		return status;
	mutex_lock(&push->memory);
	extended = push->extended && end > push->extended;
	if (end > push->extended) {
		ret = kvpool_export_extend(tenant, push->block, end, node);
		if (!ret)
			push->extended = end;
	}
	blank = !push->extended;
	mutex_unlock(&push->memory);
	if (!ret && extended) {
		spin_lock(&pushes->lock);
		push->short_since = 0;
		spin_unlock(&pushes->lock);
	}
	if (ret == -ESTALE || ret == -EDQUOT) {
		kvpool_push_fail(pushes, push);
		return ret == -ESTALE ? KVPOOL_WIRE_STALE : KVPOOL_WIRE_QUOTA;
	}
	if (ret) {
		kvpool_push_give_way(pushes, push, blank);
		return KVPOOL_WIRE_LATER;
	}
	*out = push;
	return KVPOOL_WIRE_OK;
}

/**
 * kvpool_push_extents() - Tell the number of extents that a push has
 * @push: a push in use
 *
 * Return: the most entries that kvpool_push_sg() uses for what has memory now.
 */
unsigned int kvpool_push_extents(struct kvpool_push *push)
{
	unsigned int nr;

	mutex_lock(&push->memory);
	nr = kvpool_export_extents(push->block);
	mutex_unlock(&push->memory);
	return nr;
}

/**
 * kvpool_push_sg() - List the memory of a part of a push
 * @push: a push in use
 * @offset: as of kvpool_export_sg(), as are the others
 * @length: of a part that kvpool_push_begin() has been called for
 * @sg: out
 * @max: of @sg
 * @covered: out
 *
 * Return: the number of entries of @sg that were set.
 */
unsigned int kvpool_push_sg(struct kvpool_push *push, u32 offset, u32 length,
			    struct scatterlist *sg, unsigned int max,
			    u32 *covered)
{
	unsigned int nr;

	mutex_lock(&push->memory);
	nr = kvpool_export_sg(push->tenant, push->block, offset, length, sg,
			      max, covered);
	mutex_unlock(&push->memory);
	return nr;
}

/* Count the pages of a part that are new; only they are progress. */
static void kvpool_push_have(struct kvpool_push *push,
			     const struct kvpool_wire_part *part)
{
	u32 page = part->offset / KVPOOL_WIRE_PAGE;
	u32 end = page + kvpool_wire_align(part->length) / KVPOOL_WIRE_PAGE;
	u32 pages = kvpool_wire_align(part->block_length) / KVPOOL_WIRE_PAGE;

	for (; page < end; page++) {
		if (__test_and_set_bit(page, push->have))
			continue;
		push->missing--;
		push->stamp = jiffies;
	}
	push->head = find_next_zero_bit(push->have, pages, push->head);
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
	bool dropped;
	int status;

	*sealed = 0;

	spin_lock(&pushes->lock);
	if (!error)
		kvpool_push_have(push, part);
	dropped = push->dropped;
	push = kvpool_push_leave(pushes, push);
	spin_unlock(&pushes->lock);

	if (push && !dropped) {
		kvpool_export_link(push->tenant, push->block, push->depth,
				   &push->parent);
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
