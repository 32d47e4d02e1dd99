/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of blocks and tenants: numbers only, neither addresses nor whole
 * keys. A key is shown by its first 8 bytes, as it begins in debugfs.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvpool

#if !defined(_KVPOOL_CACHE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KVPOOL_CACHE_TRACE_H

#include <linux/tracepoint.h>

#include "cache/block_types.h"
#include "cache/tenant.h"

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
				    be64_to_cpup((const __be64 *)block->key.words);
				   __entry->tenant = tenant->id;
				   __entry->length = block->place.length;
				   __entry->nr_extents = block->place.nr_extents;
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
KVPOOL_TENANT_EVENT(drop);

#endif /* _KVPOOL_CACHE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH cache
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
