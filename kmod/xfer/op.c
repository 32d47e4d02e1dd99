// SPDX-License-Identifier: GPL-2.0
/* The table of operations, and the checks that its rows require. */
#include <linux/kernel.h>
#include <linux/nospec.h>

#include "cache/space.h"
#include "file/ctx.h"
#include "xfer/op.h"
#include "xfer/opdef.h"

const struct kvpool_opdef * const kvpool_opdefs[] = {
#define X(opcode, name) [opcode] = &kvpool_opdef_##name,
	KVPOOL_OPS(X)
#undef X
};

#define KVPOOL_NR_OPS	ARRAY_SIZE(kvpool_opdefs)

static bool kvpool_op_zero_key(const struct kvpool_key *key)
{
	u64 any = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(key->words); i++)
		any |= key->words[i];
	return !any;
}

/* Can there be a block of the length, on the node? Most operations make none. */
static noinline bool kvpool_op_block_ok(const struct kvpool_op *op)
{
	unsigned int flags = op->flags & KVPOOL_OP_STRICT_NODE ?
			     KVPOOL_SPACE_STRICT : 0;
	struct kvpool_space space;

	return op->length >= KVPOOL_BLOCK_MIN &&
	       op->length <= KVPOOL_BLOCK_MAX &&
	       !kvpool_space_choose(op->node, flags, &space);
}

/**
 * kvpool_op_check() - Check an operation of a user
 * @ctx: the context of the file
 * @op: a copy of the operation in kernel memory
 *
 * Context: Any.
 * Return: 0, -EINVAL, or -EBADF if the file's mode does not allow the
 * operation.
 */
int kvpool_op_check(const struct kvpool_ctx *ctx, const struct kvpool_op *op)
{
	bool remote = op->flags & KVPOOL_OP_REMOTE;
	const struct kvpool_opdef *def;
	u32 uses;

	if (op->opcode >= KVPOOL_NR_OPS)
		return -EINVAL;
	def = kvpool_opdefs[array_index_nospec(op->opcode, KVPOOL_NR_OPS)];
	if (op->flags & ~def->flags || op->reserved ||
	    (!remote && op->flags & def->remote_flags))
		return -EINVAL;
	uses = def->uses | (remote ? def->fetch_uses : 0);
	if ((!(uses & KVPOOL_USES_KEY) && !kvpool_op_zero_key(&op->key)) ||
	    (!(uses & KVPOOL_USES_HANDLE) && op->handle) ||
	    (!(uses & KVPOOL_USES_LENGTH) && op->length) ||
	    (!(uses & (KVPOOL_USES_LENGTH | KVPOOL_USES_PEER)) && op->node))
		return -EINVAL;
	if ((!(op->flags & KVPOOL_OP_CHAIN) && op->position) ||
	    (!op->position && !kvpool_op_zero_key(&op->parent)))
		return -EINVAL;
	if (uses & KVPOOL_USES_LENGTH && !kvpool_op_block_ok(op))
		return -EINVAL;
	/* Which nodes the peer has, this host does not know. */
	if (uses & KVPOOL_USES_PEER && op->node < KVPOOL_NODE_ANY)
		return -EINVAL;
	/* With KVPOOL_OP_REMOTE, a peer of zero means all peers. */
	if (uses & KVPOOL_USES_PEER ? !op->peer : op->peer && !remote)
		return -EINVAL;
	if (op->timeout_ns && !kvpool_op_asks_peer(def, op) &&
	    !(op->flags & KVPOOL_OP_WAIT))
		return -EINVAL;
	if (def->check && def->check(op))
		return -EINVAL;
	return def->mode & ~ctx->mode ? -EBADF : 0;
}
