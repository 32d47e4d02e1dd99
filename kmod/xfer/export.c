// SPDX-License-Identifier: GPL-2.0
/* Blocks and space that this host offers other hosts, through movers. */
#include <linux/string.h>

#include "cache/block.h"
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

/**
 * kvpool_export_probe() - Look a key up without taking a reference
 * @tenant: the tenant
 * @key: the key
 * @length: out: bytes of the block, if it is sealed
 *
 * Return: 0 for a sealed block, -EINPROGRESS for a pending one, or -ENOENT.
 */
int kvpool_export_probe(struct kvpool_tenant *tenant,
			const struct kvpool_key *key, u32 *length)
{
	return kvpool_block_probe(tenant, key, length);
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
 * Return: 0; -ENOENT; -EINPROGRESS if the key is pending; -EMSGSIZE if the
 * block has another length.
 */
int kvpool_export_open(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key, u32 length,
		       struct kvpool_block **block, u32 *found, u64 *generation)
{
	struct kvpool_block *b;
	u32 state;

	b = kvpool_block_find(tenant, key, &state);
	if (!b)
		return -ENOENT;
	if (state != KVPOOL_BLOCK_SEALED) {
		kvpool_block_put(tenant, b);
		return -EINPROGRESS;
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
 * kvpool_export_reserve() - Reserve space for a block that another host pushes
 * @tenant: the tenant
 * @key: the key
 * @length: bytes
 * @depth: its position in its chain, from 1; or zero if no chain is known
 * @parent: the key of the block before it, if @depth is more than 1
 * @node: NUMA node to prefer, or KVPOOL_NODE_ANY for the caller's
 * @block: out: the reservation; end it with kvpool_export_seal() or
 *	   kvpool_export_abort()
 *
 * Context: May sleep until memory has been reclaimed.
 * Return: 0 or the negative errno that KVPOOL_IOC_RESERVE reports; -EINVAL if
 * @node has no tier.
 */
int kvpool_export_reserve(struct kvpool_tenant *tenant,
			  const struct kvpool_key *key, u32 length, u32 depth,
			  const struct kvpool_key *parent, int node,
			  struct kvpool_block **block)
{
	const struct kvpool_chain chain = {
		.parent = *parent,
		.position = depth - 1,
	};
	struct kvpool_space space;

	return kvpool_space_choose(node, 0, &space) ?:
	       kvpool_reserve_block(tenant, key, length,
				    depth ? &chain : NULL, &space, block);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_reserve);

/**
 * kvpool_export_link() - Say again how a block continues its chain
 * @tenant: the tenant
 * @key: the key of a reservation of kvpool_export_reserve()
 * @depth: as there
 * @parent: as there
 *
 * The block before it may have come later.
 */
void kvpool_export_link(struct kvpool_tenant *tenant,
			const struct kvpool_key *key, u32 depth,
			const struct kvpool_key *parent)
{
	const struct kvpool_chain chain = {
		.parent = *parent,
		.position = depth - 1,
	};

	if (depth)
		kvpool_reserve_link(tenant, key, &chain);
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
