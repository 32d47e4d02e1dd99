// SPDX-License-Identifier: GPL-2.0
/* What this host offers other hosts, through movers. */
#include <linux/once.h>
#include <linux/siphash.h>
#include <linux/string.h>

#include "cache/block.h"
#include "cache/reserve.h"
#include "cache/space.h"
#include "cache/tenant.h"
#include "cache/tenants.h"
#include "compat.h"
#include "xfer/export.h"

/**
 * kvpool_export_tenant() - Find a tenant on behalf of another host
 * @name: its name
 *
 * The mover answers for the right to use it.
 *
 * Return: the tenant; end its use with kvpool_export_tenant_put(). NULL if
 * there is none of that name.
 */
struct kvpool_tenant *kvpool_export_tenant(const char *name)
{
	return kvpool_tenants_use(name);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_tenant);

/**
 * kvpool_export_tenant_get() - Use a tenant once more
 * @tenant: a tenant that the caller uses
 */
void kvpool_export_tenant_get(struct kvpool_tenant *tenant)
{
	/* A tenant in use is not deleted. */
	kvpool_tenant_get(tenant);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_tenant_get);

/**
 * kvpool_export_tenant_put() - End a use of a tenant
 * @tenant: the tenant; it may be gone afterwards
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
 * @length: bytes of the block if there is one
 *
 * Return: 0 for a sealed block, -EINPROGRESS for a pending one, or -ENOENT.
 */
int kvpool_export_probe(struct kvpool_tenant *tenant,
			const struct kvpool_key *key, u32 *length)
{
	return kvpool_block_probe(tenant, key, length);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_probe);

/*
 * Which of the blocks that this key ever had? The memory of a removed one is not
 * used again before RCU allows, for which at least a tick goes by.
 */
static u64 kvpool_export_generation(const struct kvpool_block *block)
{
	static siphash_key_t secret __read_mostly;

	get_random_once(&secret, sizeof(secret));
	return siphash_2u64((uintptr_t)block, block->stamp, &secret) | 1;
}

/**
 * kvpool_export_open() - Find a sealed block for another host to read
 * @tenant: the tenant
 * @key: the key
 * @length: bytes that the block should have
 * @block: the block, with a reference; end it with kvpool_export_close()
 * @found: bytes that it has, with 0 and -EMSGSIZE
 * @generation: a number that tells it apart from earlier and later blocks of
 *		the key, never zero
 *
 * Return: 0; -ENOENT; -EINPROGRESS the key is pending; -EMSGSIZE the block is
 * of another length.
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
	*found = kvpool_block_length(b);
	if (*found != length) {
		kvpool_block_put(tenant, b);
		return -EMSGSIZE;
	}
	*generation = kvpool_export_generation(b);
	*block = b;
	return 0;
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_open);

/**
 * kvpool_export_close() - Other hosts have read blocks
 * @tenant: the tenant
 * @blocks: the blocks in prefix order, whose references are dropped
 * @nr: how many
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
 * kvpool_export_served() - Count what other hosts have read
 * @tenant: the tenant
 * @blocks: blocks of which the end has been read
 * @bytes: bytes
 */
void kvpool_export_served(struct kvpool_tenant *tenant, u32 blocks, u64 bytes)
{
	kvpool_count(tenant, served_blocks, blocks);
	kvpool_count(tenant, served_bytes, bytes);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_served);

/**
 * kvpool_export_reserve() - Make room for a block that another host pushes
 * @tenant: the tenant
 * @key: the key
 * @length: bytes
 * @node: NUMA node to prefer, or KVPOOL_NODE_ANY for the caller's
 * @block: the reservation; end it with kvpool_export_seal() or _abort()
 *
 * May sleep to get memory.
 *
 * Return: 0 or the negative errno that KVPOOL_IOC_RESERVE reports; -EINVAL if
 * @node has no tier.
 */
int kvpool_export_reserve(struct kvpool_tenant *tenant,
			  const struct kvpool_key *key, u32 length, int node,
			  struct kvpool_block **block)
{
	struct kvpool_space space;

	return kvpool_space_choose(node, 0, &space) ?:
	       kvpool_reserve_block(tenant, key, length, &space, block);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_reserve);

/**
 * kvpool_export_seal() - Publish a block that another host pushed
 * @tenant: the tenant
 * @block: the reservation, which ends; all of it is written and no device
 *	   writes to it any more
 *
 * Return: 0, or -ESTALE if it was pre-empted.
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
 * kvpool_export_abort() - Give up a block that another host does not complete
 * @tenant: the tenant
 * @block: the reservation, which ends; no device writes to it any more
 */
void kvpool_export_abort(struct kvpool_tenant *tenant,
			 struct kvpool_block *block)
{
	kvpool_block_abort(tenant, block);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_abort);

/**
 * kvpool_export_length() - Tell the length of a block
 * @block: a referenced block
 *
 * Return: bytes.
 */
u32 kvpool_export_length(const struct kvpool_block *block)
{
	return kvpool_block_length(block);
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_length);

/**
 * kvpool_export_has_key() - Is it the block of a key?
 * @block: a referenced block
 * @key: the key
 *
 * Return: true if so.
 */
bool kvpool_export_has_key(const struct kvpool_block *block,
			   const struct kvpool_key *key)
{
	return !memcmp(&block->key, key, sizeof(*key));
}
EXPORT_SYMBOL_KVPOOL(kvpool_export_has_key);

/**
 * kvpool_export_extents() - Tell in how many pieces a block lies
 * @block: a referenced block
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
 * @block: a referenced block, or a reservation
 * @offset: where the part begins, in bytes; a multiple of 4096
 * @length: its bytes, at most to the end of the last page
 * @sg: where to list it
 * @max: room in @sg, at least one
 * @covered: how many bytes are listed: @length, or less where @sg is full
 *
 * Return: entries of @sg that were used.
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
