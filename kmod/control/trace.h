/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints. They show numbers only: neither addresses nor whole keys. The
 * part of the key that is shown is how the key begins in debugfs.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvpool

#if !defined(_KVPOOL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KVPOOL_TRACE_H

#include <linux/container_of.h>
#include <linux/tracepoint.h>

#include "kvpool.h"

DECLARE_EVENT_CLASS(kvpool_block,
		    TP_PROTO(const struct kvpool_tenant *tenant,
			     const struct kvpool_block *block),
		    TP_ARGS(tenant, block),
		    TP_STRUCT__entry(__field(u64, key)
				     __field(u32, tenant)
				     __field(u32, length)
				     __field(u32, nr_extents)
		    ),
		    TP_fast_assign(__entry->key =
				    be64_to_cpup((const __be64 *)block->key.w);
				   __entry->tenant = tenant->id;
				   __entry->length = block->length;
				   __entry->nr_extents = block->nr_extents;
		    ),
		    TP_printk("tenant=%u key=%016llx length=%u nr_extents=%u",
			      __entry->tenant, __entry->key, __entry->length,
			      __entry->nr_extents)
);

#define KVPOOL_BLOCK_EVENT(name)				\
DEFINE_EVENT(kvpool_block, kvpool_block_##name,			\
	TP_PROTO(const struct kvpool_tenant *tenant,		\
		 const struct kvpool_block *block),		\
	TP_ARGS(tenant, block)					\
)

KVPOOL_BLOCK_EVENT(reserve);
KVPOOL_BLOCK_EVENT(seal);
KVPOOL_BLOCK_EVENT(abort);
KVPOOL_BLOCK_EVENT(preempt);
KVPOOL_BLOCK_EVENT(evict);
KVPOOL_BLOCK_EVENT(remove);
KVPOOL_BLOCK_EVENT(lease);
KVPOOL_BLOCK_EVENT(release);
KVPOOL_BLOCK_EVENT(free);
KVPOOL_BLOCK_EVENT(pin);
KVPOOL_BLOCK_EVENT(move);
KVPOOL_BLOCK_EVENT(quarantine);

DECLARE_EVENT_CLASS(kvpool_chunk,
		    TP_PROTO(const struct kvpool_arena *arena, u32 index, int node),
		    TP_ARGS(arena, index, node),
		    TP_STRUCT__entry(__field(u32, tenant)
				     __field(u32, index)
				     __field(int, node)
		    ),
		    TP_fast_assign(__entry->tenant =
				    container_of(arena, struct kvpool_tenant, arena)->id;
				   __entry->index = index;
				   __entry->node = node;
		    ),
		    TP_printk("tenant=%u chunk=%u node=%d",
			      __entry->tenant, __entry->index, __entry->node)
);

#define KVPOOL_CHUNK_EVENT(name)						\
DEFINE_EVENT(kvpool_chunk, kvpool_chunk_##name,				\
	TP_PROTO(const struct kvpool_arena *arena, u32 index, int node),	\
	TP_ARGS(arena, index, node)						\
)

KVPOOL_CHUNK_EVENT(add);
KVPOOL_CHUNK_EVENT(del);

DECLARE_EVENT_CLASS(kvpool_ctx,
		    TP_PROTO(const struct kvpool_ctx *ctx),
		    TP_ARGS(ctx),
		    TP_STRUCT__entry(__field(u32, tenant)
				     __field(u32, mode)
				     __field(int, pid)
		    ),
		    TP_fast_assign(__entry->tenant = ctx->tenant->id;
				   __entry->mode = ctx->mode;
				   __entry->pid = ctx->pid;
		    ),
		    TP_printk("tenant=%u pid=%d mode=%u",
			      __entry->tenant, __entry->pid, __entry->mode)
);

#define KVPOOL_CTX_EVENT(name)			\
DEFINE_EVENT(kvpool_ctx, kvpool_ctx_##name,	\
	TP_PROTO(const struct kvpool_ctx *ctx),	\
	TP_ARGS(ctx)				\
)

KVPOOL_CTX_EVENT(open);
KVPOOL_CTX_EVENT(attach);
KVPOOL_CTX_EVENT(close);

DECLARE_EVENT_CLASS(kvpool_xfer,
		    TP_PROTO(const struct kvpool_xfer *xfer, int status),
		    TP_ARGS(xfer, status),
		    TP_STRUCT__entry(__field(u64, key)
				     __field(u64, seq)
				     __field(u64, bytes)
				     __field(u32, tenant)
				     __field(u32, opcode)
				     __field(u32, flags)
				     __field(u32, peer)
				     __field(int, status)
		    ),
		    TP_fast_assign(__entry->key =
				    be64_to_cpup((const __be64 *)xfer->key.w);
				   __entry->seq = xfer->seq;
				   __entry->bytes = xfer->cqe.bytes;
				   __entry->tenant = xfer->tenant_id;
				   __entry->opcode = xfer->opcode;
				   __entry->flags = xfer->flags;
				   __entry->peer = xfer->peer;
				   __entry->status = status;
		    ),
		    TP_printk("tenant=%u op=%llu opcode=%u flags=%u key=%016llx peer=%u bytes=%llu status=%d",
			      __entry->tenant, __entry->seq, __entry->opcode,
			      __entry->flags, __entry->key, __entry->peer,
			      __entry->bytes, __entry->status)
);

#define KVPOOL_XFER_EVENT(name)						\
DEFINE_EVENT(kvpool_xfer, kvpool_xfer_##name,				\
	TP_PROTO(const struct kvpool_xfer *xfer, int status),		\
	TP_ARGS(xfer, status)						\
)

KVPOOL_XFER_EVENT(submit);
KVPOOL_XFER_EVENT(cancel);
KVPOOL_XFER_EVENT(complete);

DECLARE_EVENT_CLASS(kvpool_tenant,
		    TP_PROTO(const struct kvpool_tenant *tenant),
		    TP_ARGS(tenant),
		    TP_STRUCT__entry(__field(u32, tenant)
		    ),
		    TP_fast_assign(__entry->tenant = tenant->id;
		    ),
		    TP_printk("tenant=%u", __entry->tenant)
);

#define KVPOOL_TENANT_EVENT(name)			\
DEFINE_EVENT(kvpool_tenant, kvpool_tenant_##name,	\
	TP_PROTO(const struct kvpool_tenant *tenant),	\
	TP_ARGS(tenant)					\
)

KVPOOL_TENANT_EVENT(add);
KVPOOL_TENANT_EVENT(del);

#endif /* _KVPOOL_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
