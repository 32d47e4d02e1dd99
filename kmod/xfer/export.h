/* SPDX-License-Identifier: GPL-2.0 */
/*
 * This host offers other hosts, through movers, its sealed blocks, and space
 * for blocks that they push. Tenants and blocks are opaque to movers.
 *
 * All functions are called in process context without locks. Only
 * kvpool_export_extend() may sleep for long.
 */
#ifndef _KVPOOL_EXPORT_H
#define _KVPOOL_EXPORT_H

#include <linux/types.h>

#include <linux/kvpool.h>

#include "cache/waiters.h"

struct kvpool_block;
struct kvpool_tenant;
struct scatterlist;

/**
 * struct kvpool_export_wait - a request of another host that waits for a key
 * @wake:	The key is not pending any more: @status is 0 if it is sealed, else
 *		-ENOENT; or -EINPROGRESS, if it can or shall not wait longer.
 *		Called once in process context without locks. Must not sleep for
 *		long; may free the structure
 *
 * The following members belong to the core.
 *
 * @waiter:	waits for the end of a reservation
 * @tenant:	the tenant of the key
 * @key:	the key
 * @stopped:	it shall not wait any more
 */
struct kvpool_export_wait {
	void (*wake)(struct kvpool_export_wait *wait, int status);

	struct kvpool_waiter waiter;
	struct kvpool_tenant *tenant;
	struct kvpool_key key;
	int stopped;
};

struct kvpool_tenant *kvpool_export_tenant(const char *name);
void kvpool_export_tenant_get(struct kvpool_tenant *tenant);
void kvpool_export_tenant_put(struct kvpool_tenant *tenant);

/* Sealed blocks that other hosts read. */
int kvpool_export_probe(struct kvpool_tenant *tenant,
			const struct kvpool_key *key, u32 *length);
int kvpool_export_open(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key, u32 length,
		       struct kvpool_block **block, u32 *found,
		       u64 *generation);
void kvpool_export_close(struct kvpool_tenant *tenant,
			 struct kvpool_block **blocks, unsigned int nr);
void kvpool_export_served(struct kvpool_tenant *tenant, u32 blocks, u64 bytes);
u32 kvpool_export_chain(struct kvpool_tenant *tenant,
			struct kvpool_block *block, struct kvpool_key *parent);
int kvpool_export_wait(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key,
		       struct kvpool_export_wait *wait);
bool kvpool_export_wait_cancel(struct kvpool_tenant *tenant,
			       struct kvpool_export_wait *wait);
void kvpool_export_flush(void);

/* Blocks that other hosts push. */
int kvpool_export_reserve(struct kvpool_tenant *tenant,
			  const struct kvpool_key *key, u32 length, u32 depth,
			  const struct kvpool_key *parent,
			  struct kvpool_block **block);
int kvpool_export_extend(struct kvpool_tenant *tenant,
			 struct kvpool_block *block, u32 bytes, int node);
void kvpool_export_link(struct kvpool_tenant *tenant,
			struct kvpool_block *block, u32 depth,
			const struct kvpool_key *parent);
int kvpool_export_seal(struct kvpool_tenant *tenant,
		       struct kvpool_block *block);
void kvpool_export_abort(struct kvpool_tenant *tenant,
			 struct kvpool_block *block);

/* Both. */
u32 kvpool_export_length(const struct kvpool_block *block);
bool kvpool_export_has_key(const struct kvpool_block *block,
			   const struct kvpool_key *key);
unsigned int kvpool_export_extents(const struct kvpool_block *block);
unsigned int kvpool_export_sg(struct kvpool_tenant *tenant,
			      const struct kvpool_block *block, u32 offset,
			      u32 length, struct scatterlist *sg,
			      unsigned int max, u32 *covered);

#endif /* _KVPOOL_EXPORT_H */
