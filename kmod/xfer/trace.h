/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of operations: numbers only, neither addresses nor whole keys. A
 * key is shown by its first 8 bytes, as it begins in debugfs.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvpool

#if !defined(_KVPOOL_XFER_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KVPOOL_XFER_TRACE_H

#include <linux/tracepoint.h>

#include "xfer/xfer.h"

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
				    be64_to_cpup((const __be64 *)xfer->transfer.key.words);
				   __entry->seq = xfer->seq;
				   __entry->bytes = xfer->cqe.bytes;
				   __entry->tenant = xfer->tenant_id;
				   __entry->opcode = xfer->opcode;
				   __entry->flags = xfer->flags;
				   __entry->peer = xfer->transfer.peer;
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

TRACE_EVENT(kvpool_transfer_next,
	    TP_PROTO(const struct kvpool_transfer *transfer, int status),
	    TP_ARGS(transfer, status),
	    TP_STRUCT__entry(__field(u64, key)
			     __field(u32, peer)
			     __field(int, status)
	    ),
	    TP_fast_assign(__entry->key =
			    be64_to_cpup((const __be64 *)transfer->key.words);
			   __entry->peer = transfer->peer;
			   __entry->status = status;
	    ),
	    TP_printk("key=%016llx peer=%u status=%d", __entry->key,
		      __entry->peer, __entry->status)
);

#endif /* _KVPOOL_XFER_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH xfer
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
