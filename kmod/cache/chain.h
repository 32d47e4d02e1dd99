/* SPDX-License-Identifier: GPL-2.0 */
/* Chains: links between blocks. Builds in user space for the unit tests. */
#ifndef _KVPOOL_CHAIN_H
#define _KVPOOL_CHAIN_H

#include <linux/types.h>

struct kvpool_block;
struct kvpool_policy;

void kvpool_chain_link(struct kvpool_policy *policy,
		       struct kvpool_block *block,
		       struct kvpool_block *parent, u32 position);
void kvpool_chain_end(struct kvpool_policy *policy,
		      struct kvpool_block *block);
bool kvpool_chain_bury(struct kvpool_policy *policy,
		       struct kvpool_block *block);
bool kvpool_chain_sweep(struct kvpool_policy *policy, unsigned int budget);
void kvpool_chain_stop(struct kvpool_policy *policy);

/* Provided by cache/block.c: free the description of a buried block. */
void kvpool_block_forget(struct kvpool_policy *policy,
			 struct kvpool_block *block);

#endif /* _KVPOOL_CHAIN_H */
