// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that another host pushes. Their parts arrive over several connections
 * and may arrive twice, when a connection died before the answer. A block is
 * sealed when every page has been read and nothing is being read any more.
 */
#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "fabric/rdma.h"

static void kvpool_put_free(struct kvpool_put *put)
{
	kvpool_tenant_detach(put->tenant);
	kvfree(put);
}

/* Give up what is neither complete nor in use. */
static void kvpool_put_abort(struct kvpool_put *put)
{
	kvpool_block_abort(put->tenant, put->block, false);
	kvpool_put_free(put);
}

/* Out of the list, for whoever has found it without users; lock is held. */
static void kvpool_put_unlink(struct kvpool_host *host, struct kvpool_put *put)
{
	lockdep_assert_held(&host->lock);
	list_del(&put->entry);
	host->nr_puts--;
}

static struct kvpool_put *kvpool_put_find(struct kvpool_host *host, u64 id)
{
	struct kvpool_put *put;

	lockdep_assert_held(&host->lock);
	list_for_each_entry(put, &host->puts, entry)
		if (put->id == id)
			return put;
	return NULL;
}

/* Use a transfer that has begun. */
static int kvpool_put_join(struct kvpool_host *host,
			   struct kvpool_tenant *tenant,
			   const struct kvpool_wire_part *part,
			   struct kvpool_put **out)
{
	struct kvpool_put *put;
	int ret = -1;

	spin_lock(&host->lock);
	put = kvpool_put_find(host, part->put);
	if (put) {
		ret = KVPOOL_WIRE_STALE;
		if (!put->dropped && put->tenant == tenant &&
		    put->block->length == part->block_length &&
		    !memcmp(&put->block->key, &part->key, sizeof(part->key))) {
			put->users++;
			*out = put;
			ret = KVPOOL_WIRE_OK;
		}
	} else if (host->nr_puts >= KVPOOL_MAX_PUTS) {
		ret = KVPOOL_WIRE_NO_MEMORY;
	}
	spin_unlock(&host->lock);
	return ret;
}

static int kvpool_put_status(int error)
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

/* Reserve the block and make it known to the other parts; host->begin is held. */
static int kvpool_put_new(struct kvpool_host *host,
			  struct kvpool_tenant *tenant,
			  const struct kvpool_wire_part *part)
{
	struct kvpool_space space = { .node = numa_mem_id() };
	u32 pages = kvpool_wire_align(part->block_length) / KVPOOL_WIRE_PAGE;
	struct kvpool_put *put;
	int ret;

	put = kvzalloc(struct_size(put, have, BITS_TO_LONGS(pages)),
		       GFP_KERNEL_ACCOUNT);
	if (!put)
		return KVPOOL_WIRE_NO_MEMORY;
	put->tenant = kvpool_tenant_use(tenant->name);
	if (put->tenant != tenant) {
		if (put->tenant)
			kvpool_tenant_detach(put->tenant);
		kvfree(put);
		return KVPOOL_WIRE_MISSING;
	}
	ret = kvpool_block_reserve(tenant, &part->key, part->block_length,
				   &space, &put->block);
	if (ret) {
		kvpool_put_free(put);
		return kvpool_put_status(ret);
	}
	put->id = part->put;
	put->missing = pages;
	put->stamp = jiffies;

	spin_lock(&host->lock);
	list_add_tail(&put->entry, &host->puts);
	host->nr_puts++;
	spin_unlock(&host->lock);
	return KVPOOL_WIRE_OK;
}

/**
 * kvpool_put_begin() - Make room for a part of a block
 * @host: who pushes it
 * @tenant: whose block it will be; attached
 * @part: the part
 * @out: what it belongs to, until kvpool_put_end()
 * @length: of the block that is there already, if so
 *
 * May sleep to get memory.
 *
 * Return: enum kvpool_wire_status; @out is set with KVPOOL_WIRE_OK.
 */
int kvpool_put_begin(struct kvpool_host *host, struct kvpool_tenant *tenant,
		     const struct kvpool_wire_part *part,
		     struct kvpool_put **out, u32 *length)
{
	int status;

	status = kvpool_put_join(host, tenant, part, out);
	if (status >= 0)
		return status;
	/* Of parts that come at once, one makes it and the others join. */
	mutex_lock(&host->begin);
	while ((status = kvpool_put_join(host, tenant, part, out)) < 0) {
		status = kvpool_put_new(host, tenant, part);
		if (status == KVPOOL_WIRE_EXISTS)
			kvpool_block_probe(tenant, &part->key, length);
		if (status)
			break;
	}
	mutex_unlock(&host->begin);
	return status;
}

/* Count the pages of a part that are new; only they are progress. */
static void kvpool_put_have(struct kvpool_put *put,
			    const struct kvpool_wire_part *part)
{
	u32 page = part->offset / KVPOOL_WIRE_PAGE;
	u32 end = page + kvpool_wire_align(part->length) / KVPOOL_WIRE_PAGE;

	for (; page < end; page++) {
		if (__test_and_set_bit(page, put->have))
			continue;
		put->missing--;
		put->stamp = jiffies;
	}
}

static int kvpool_put_seal(struct kvpool_put *put)
{
	struct kvpool_tenant *tenant = put->tenant;
	struct kvpool_block *block = put->block;
	u32 pin = 0, length = block->length;
	int status = 0;

	kvpool_block_seal(tenant, &block, &pin, &status, 1);
	if (!status) {
		kvpool_count(tenant, received_blocks, 1);
		kvpool_count(tenant, received_bytes, length);
	}
	kvpool_put_free(put);
	return status ? KVPOOL_WIRE_STALE : KVPOOL_WIRE_OK;
}

/**
 * kvpool_put_end() - A part has been read, or not
 * @host: who pushes it
 * @put: what it belongs to
 * @part: the part
 * @ok: all of it was read, and nothing writes to it any more
 * @sealed: whether the block is complete with it, and sealed
 *
 * Return: enum kvpool_wire_status.
 */
int kvpool_put_end(struct kvpool_host *host, struct kvpool_put *put,
		   const struct kvpool_wire_part *part, bool ok, bool *sealed)
{
	bool complete, dropped;
	int status;

	*sealed = false;

	spin_lock(&host->lock);
	put->users--;
	if (ok)
		kvpool_put_have(put, part);
	dropped = put->dropped;
	complete = !dropped && !put->missing && !put->users;
	if (complete || (dropped && !put->users))
		kvpool_put_unlink(host, put);
	else
		put = NULL;
	spin_unlock(&host->lock);

	if (put && complete) {
		status = kvpool_put_seal(put);
		*sealed = !status;
		return status;
	}
	if (put)
		kvpool_put_abort(put);
	return dropped ? KVPOOL_WIRE_STALE : KVPOOL_WIRE_OK;
}

/**
 * kvpool_put_drop() - The other host will not complete a block
 * @host: the other host
 * @id: its number for it
 */
void kvpool_put_drop(struct kvpool_host *host, u64 id)
{
	struct kvpool_put *put;

	spin_lock(&host->lock);
	put = kvpool_put_find(host, id);
	if (put) {
		put->dropped = true;
		if (put->users)
			put = NULL;
		else
			kvpool_put_unlink(host, put);
	}
	spin_unlock(&host->lock);
	if (put)
		kvpool_put_abort(put);
}

/**
 * kvpool_puts_expire() - Give up blocks that make no progress
 * @host: who pushes them
 * @ms: since when; 0 is all
 */
void kvpool_puts_expire(struct kvpool_host *host, unsigned long ms)
{
	struct kvpool_put *put, *next;
	LIST_HEAD(expired);

	spin_lock(&host->lock);
	list_for_each_entry_safe(put, next, &host->puts, entry) {
		if (put->users || (ms && time_before(jiffies, put->stamp +
						     msecs_to_jiffies(ms))))
			continue;
		kvpool_put_unlink(host, put);
		list_add_tail(&put->entry, &expired);
	}
	spin_unlock(&host->lock);
	list_for_each_entry_safe(put, next, &expired, entry)
		kvpool_put_abort(put);
}
