/* SPDX-License-Identifier: GPL-2.0 */
/* The table of operations. */
#ifndef _KVPOOL_OP_H
#define _KVPOOL_OP_H

#include <linux/kvpool.h>

struct kvpool_ctx;
struct kvpool_opdef;

extern const struct kvpool_opdef * const kvpool_opdefs[];

/* The row of an operation that kvpool_op_check() has passed. */
static inline const struct kvpool_opdef *
kvpool_op_row(const struct kvpool_op *op)
{
	return kvpool_opdefs[op->opcode];
}

int kvpool_op_check(const struct kvpool_ctx *ctx, const struct kvpool_op *op);

#endif /* _KVPOOL_OP_H */
