/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of open files: numbers only, never addresses.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvpool

#if !defined(_KVPOOL_FILE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KVPOOL_FILE_TRACE_H

#include <linux/tracepoint.h>

#include "cache/tenant.h"
#include "file/ctx.h"

DECLARE_EVENT_CLASS(kvpool_ctx,
		    TP_PROTO(const struct kvpool_ctx *ctx),
		    TP_ARGS(ctx),
		    TP_STRUCT__entry(__field(u32, tenant)
				     __field(u32, context)
				     __field(u32, mode)
				     __field(int, pid)
		    ),
		    TP_fast_assign(__entry->tenant = ctx->tenant->id;
				   __entry->context = ctx->id;
				   __entry->mode = ctx->mode;
				   __entry->pid = ctx->pid;
		    ),
		    TP_printk("tenant=%u context=%u pid=%d mode=%u",
			      __entry->tenant, __entry->context, __entry->pid,
			      __entry->mode)
);

#define KVPOOL_CTX_EVENT(name)			\
DEFINE_EVENT(kvpool_ctx, kvpool_ctx_##name,	\
	TP_PROTO(const struct kvpool_ctx *ctx),	\
	TP_ARGS(ctx)				\
)

KVPOOL_CTX_EVENT(open);
KVPOOL_CTX_EVENT(attach);
KVPOOL_CTX_EVENT(close);
KVPOOL_CTX_EVENT(revoke);

#endif /* _KVPOOL_FILE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH file
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
