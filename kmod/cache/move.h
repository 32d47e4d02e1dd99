/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_MOVE_H
#define _KVPOOL_MOVE_H

#include <linux/types.h>

struct kvpool_block;
struct kvpool_tenant;

bool kvpool_block_claim(struct kvpool_tenant *tenant,
			struct kvpool_block *block);
void kvpool_block_unclaim(struct kvpool_tenant *tenant,
			  struct kvpool_block *block);
bool kvpool_block_move(struct kvpool_tenant *tenant,
		       struct kvpool_block *block, gfp_t gfp);

#endif /* _KVPOOL_MOVE_H */
