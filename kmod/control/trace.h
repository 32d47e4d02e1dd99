/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of what an administrator changes. @of is the number of a tenant or
 * the node of a tier, and -1 for the pool.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvpool

#if !defined(_KVPOOL_CONTROL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KVPOOL_CONTROL_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(kvpool_knob,
	    TP_PROTO(const char *knob, int of, u64 value),
	    TP_ARGS(knob, of, value),
	    TP_STRUCT__entry(__array(char, knob, 32)
			     __field(int, of)
			     __field(u64, value)
	    ),
	    TP_fast_assign(strscpy(__entry->knob, knob, 32);
			   __entry->of = of;
			   __entry->value = value;
	    ),
	    TP_printk("%s=%llu of=%d", __entry->knob, __entry->value,
		      __entry->of)
);

#endif /* _KVPOOL_CONTROL_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH control
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
