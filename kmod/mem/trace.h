/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints of memory: numbers only, never addresses. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvpool

#if !defined(_KVPOOL_MEM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KVPOOL_MEM_TRACE_H

#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(kvpool_chunk,
		    TP_PROTO(u32 tenant, u32 index, int node),
		    TP_ARGS(tenant, index, node),
		    TP_STRUCT__entry(__field(u32, tenant)
				     __field(u32, index)
				     __field(int, node)
		    ),
		    TP_fast_assign(__entry->tenant = tenant;
				   __entry->index = index;
				   __entry->node = node;
		    ),
		    TP_printk("tenant=%u chunk=%u node=%d",
			      __entry->tenant, __entry->index, __entry->node)
);

#define KVPOOL_CHUNK_EVENT(name)				\
DEFINE_EVENT(kvpool_chunk, kvpool_chunk_##name,			\
	TP_PROTO(u32 tenant, u32 index, int node),		\
	TP_ARGS(tenant, index, node)				\
)

KVPOOL_CHUNK_EVENT(add);
KVPOOL_CHUNK_EVENT(del);

#endif /* _KVPOOL_MEM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH mem
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
