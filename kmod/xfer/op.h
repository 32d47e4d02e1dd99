/* SPDX-License-Identifier: GPL-2.0 */
/* The table of operations. */
#ifndef _KVPOOL_OP_H
#define _KVPOOL_OP_H

#include <linux/kvpool.h>

struct kvpool_ctx;
struct kvpool_opdef;

/* A row for each operation: its opcode, and the name of its file. */
#define KVPOOL_OPS(X)			\
	X(KVPOOL_OP_NOP, nop)		\
	X(KVPOOL_OP_PROBE, probe)	\
	X(KVPOOL_OP_LEASE, lease)	\
	X(KVPOOL_OP_RELEASE, release)	\
	X(KVPOOL_OP_PUSH, push)		\
	X(KVPOOL_OP_RESERVE, reserve)	\
	X(KVPOOL_OP_SEAL, seal)

#define X(opcode, name) extern const struct kvpool_opdef kvpool_op_##name;
KVPOOL_OPS(X)
#undef X

const struct kvpool_opdef *kvpool_op_find(u32 opcode);
int kvpool_op_check(const struct kvpool_ctx *ctx, const struct kvpool_op *op);

#endif /* _KVPOOL_OP_H */
