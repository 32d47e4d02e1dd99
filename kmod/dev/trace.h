/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints of calls: numbers only, never addresses. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvpool

#if !defined(_KVPOOL_DEV_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KVPOOL_DEV_TRACE_H

#include <linux/tracepoint.h>

#include "cache/tenant.h"
#include "file/ctx.h"

TRACE_EVENT(kvpool_call,
	    TP_PROTO(const struct kvpool_ctx *ctx, unsigned int nr, int ret),
	    TP_ARGS(ctx, nr, ret),
	    TP_STRUCT__entry(__field(u32, tenant)
			     __field(unsigned int, nr)
			     __field(int, ret)
	    ),
	    TP_fast_assign(__entry->tenant = READ_ONCE(ctx->tenant)->id;
			   __entry->nr = nr;
			   __entry->ret = ret;
	    ),
	    TP_printk("tenant=%u ioctl=%u ret=%d", __entry->tenant,
		      __entry->nr, __entry->ret)
);

#endif /* _KVPOOL_DEV_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH dev
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
