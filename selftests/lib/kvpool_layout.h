/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvpool_layout.h: the structures have one layout for callers of 32 and of 64
 * bits; both compilations assert it.
 */
#ifndef KVPOOL_LAYOUT_H
#define KVPOOL_LAYOUT_H

#include <stddef.h>
#include <linux/kvpool.h>

#define LAYOUT(type, member, at) \
	_Static_assert(offsetof(struct type, member) == (at), #type "." #member)
#define SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)

SIZE(kvpool_span, 16);
SIZE(kvpool_entry, 64);
LAYOUT(kvpool_entry, length, 32);
LAYOUT(kvpool_entry, handle, 40);
LAYOUT(kvpool_entry, status, 48);
LAYOUT(kvpool_entry, flags, 60);
SIZE(kvpool_handle_entry, 16);
SIZE(kvpool_info, 104);
LAYOUT(kvpool_info, features, 16);
LAYOUT(kvpool_info, tenant, 56);
LAYOUT(kvpool_info, mode, 92);
SIZE(kvpool_open_tenant, 48);
SIZE(kvpool_reserve, 80);
LAYOUT(kvpool_reserve, entries, 16);
LAYOUT(kvpool_reserve, node, 32);
SIZE(kvpool_handles, 24);
LAYOUT(kvpool_handles, entries, 16);
SIZE(kvpool_lookup, 48);
LAYOUT(kvpool_lookup, timeout_ns, 32);
LAYOUT(kvpool_lookup, nr_more, 44);
SIZE(kvpool_keys, 24);
SIZE(kvpool_spans, 40);
LAYOUT(kvpool_spans, handle, 8);
LAYOUT(kvpool_spans, nr_spans, 24);
SIZE(kvpool_stats, 328);
LAYOUT(kvpool_stats, blocks, 8);
LAYOUT(kvpool_stats, rejected, 216);
LAYOUT(kvpool_stats, timedout_ops, 296);
LAYOUT(kvpool_stats, described_bytes, 304);
LAYOUT(kvpool_stats, push_quota_bytes, 320);
SIZE(kvpool_ring_setup, 48);
LAYOUT(kvpool_ring_setup, offset, 16);
LAYOUT(kvpool_ring_setup, ring, 44);
SIZE(kvpool_ring_end, 16);
SIZE(kvpool_key, 32);
SIZE(kvpool_op, 128);
LAYOUT(kvpool_op, key, 32);
LAYOUT(kvpool_op, peer, 80);
SIZE(kvpool_completion, 64);
SIZE(kvpool_submit, 40);
LAYOUT(kvpool_submit, ring, 32);
SIZE(kvpool_cancel, 24);
LAYOUT(kvpool_cancel, ring, 20);
SIZE(kvpool_peer_name, 48);
LAYOUT(kvpool_peer_name, peer, 40);
SIZE(kvpool_uring, 16);

#endif /* KVPOOL_LAYOUT_H */
