/* SPDX-License-Identifier: GPL-2.0 */
/* Arming poll(): the pending keys that a file waits for. */
#ifndef _KVPOOL_ARM_H
#define _KVPOOL_ARM_H

#include <linux/types.h>

struct kvpool_arm;
struct kvpool_block;
struct kvpool_ctx;

bool kvpool_arm_add(struct kvpool_arm **arm, struct kvpool_ctx *ctx,
		    struct kvpool_block *block, u32 most);
void kvpool_arm_replace(struct kvpool_ctx *ctx, struct kvpool_arm *arm);
bool kvpool_arm_readable(struct kvpool_ctx *ctx);

#endif /* _KVPOOL_ARM_H */
