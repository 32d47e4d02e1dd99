/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints of changes by the administrator. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvpool

#if !defined(_KVPOOL_CONTROL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KVPOOL_CONTROL_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(kvpool_knob,
	    TP_PROTO(const char *knob, u64 value),
	    TP_ARGS(knob, value),
	    TP_STRUCT__entry(__array(char, knob, 32)
			     __field(u64, value)
	    ),
	    TP_fast_assign(strscpy(__entry->knob, knob, 32);
			   __entry->value = value;
	    ),
	    TP_printk("%s=%llu", __entry->knob, __entry->value)
);

#endif /* _KVPOOL_CONTROL_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH control
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
