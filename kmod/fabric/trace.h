/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of the fabric. They show numbers only: neither addresses nor
 * remote keys nor whole keys of blocks. The part of the key that is shown is
 * how the key begins in debugfs.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvpool_rdma

#if !defined(_KVPOOL_FABRIC_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KVPOOL_FABRIC_TRACE_H

#include <linux/tracepoint.h>

#include <linux/kvpool.h>

/* A link as a whole has another state: enum kvpool_link_state. */
TRACE_EVENT(kvpool_link_state,
	    TP_PROTO(u32 peer, u32 link, u32 state, u32 queues),
	    TP_ARGS(peer, link, state, queues),
	    TP_STRUCT__entry(__field(u32, peer)
			     __field(u32, link)
			     __field(u32, state)
			     __field(u32, queues)
	    ),
	    TP_fast_assign(__entry->peer = peer;
			   __entry->link = link;
			   __entry->state = state;
			   __entry->queues = queues;
	    ),
	    TP_printk("peer=%u link=%u state=%u queues=%u", __entry->peer,
		      __entry->link, __entry->state, __entry->queues)
);

/* A queue pair to a peer: reason is enum kvpool_close. */
DECLARE_EVENT_CLASS(kvpool_queue,
		    TP_PROTO(u32 peer, u32 link, u32 queue, int reason,
			     int error),
		    TP_ARGS(peer, link, queue, reason, error),
		    TP_STRUCT__entry(__field(u32, peer)
				     __field(u32, link)
				     __field(u32, queue)
				     __field(int, reason)
				     __field(int, error)
		    ),
		    TP_fast_assign(__entry->peer = peer;
				   __entry->link = link;
				   __entry->queue = queue;
				   __entry->reason = reason;
				   __entry->error = error;
		    ),
		    TP_printk("peer=%u link=%u queue=%u reason=%d error=%d",
			      __entry->peer, __entry->link, __entry->queue,
			      __entry->reason, __entry->error)
);

#define KVPOOL_QUEUE_EVENT(name)					\
DEFINE_EVENT(kvpool_queue, kvpool_queue_##name,				\
	TP_PROTO(u32 peer, u32 link, u32 queue, int reason, int error),	\
	TP_ARGS(peer, link, queue, reason, error)			\
)

KVPOOL_QUEUE_EVENT(connect);
KVPOOL_QUEUE_EVENT(up);
KVPOOL_QUEUE_EVENT(close);

/* The requests of a queue pair are fenced: the number of those in flight. */
DECLARE_EVENT_CLASS(kvpool_fence,
		    TP_PROTO(u32 peer, u32 link, u32 queue, u32 inflight),
		    TP_ARGS(peer, link, queue, inflight),
		    TP_STRUCT__entry(__field(u32, peer)
				     __field(u32, link)
				     __field(u32, queue)
				     __field(u32, inflight)
		    ),
		    TP_fast_assign(__entry->peer = peer;
				   __entry->link = link;
				   __entry->queue = queue;
				   __entry->inflight = inflight;
		    ),
		    TP_printk("peer=%u link=%u queue=%u inflight=%u",
			      __entry->peer, __entry->link, __entry->queue,
			      __entry->inflight)
);

#define KVPOOL_FENCE_EVENT(name)					\
DEFINE_EVENT(kvpool_fence, kvpool_fence_##name,				\
	TP_PROTO(u32 peer, u32 link, u32 queue, u32 inflight),		\
	TP_ARGS(peer, link, queue, inflight)				\
)

KVPOOL_FENCE_EVENT(begin);
KVPOOL_FENCE_EVENT(end);

/* A request to a peer: opcode is enum kvpool_wire_opcode. */
DECLARE_EVENT_CLASS(kvpool_request,
		    TP_PROTO(u32 peer, u32 link, u32 queue, u32 id, u32 opcode,
			     u32 parts, u32 bytes),
		    TP_ARGS(peer, link, queue, id, opcode, parts, bytes),
		    TP_STRUCT__entry(__field(u32, peer)
				     __field(u32, link)
				     __field(u32, queue)
				     __field(u32, id)
				     __field(u32, opcode)
				     __field(u32, parts)
				     __field(u32, bytes)
		    ),
		    TP_fast_assign(__entry->peer = peer;
				   __entry->link = link;
				   __entry->queue = queue;
				   __entry->id = id;
				   __entry->opcode = opcode;
				   __entry->parts = parts;
				   __entry->bytes = bytes;
		    ),
		    TP_printk("peer=%u link=%u queue=%u id=%u opcode=%u parts=%u bytes=%u",
			      __entry->peer, __entry->link, __entry->queue,
			      __entry->id, __entry->opcode, __entry->parts,
			      __entry->bytes)
);

#define KVPOOL_REQUEST_EVENT(name)					\
DEFINE_EVENT(kvpool_request, kvpool_request_##name,			\
	TP_PROTO(u32 peer, u32 link, u32 queue, u32 id, u32 opcode,	\
		 u32 parts, u32 bytes),					\
	TP_ARGS(peer, link, queue, id, opcode, parts, bytes)		\
)

KVPOOL_REQUEST_EVENT(send);
KVPOOL_REQUEST_EVENT(complete);

/* What a peer has to do for one transfer: opcode is enum kvpool_wire_opcode. */
DECLARE_EVENT_CLASS(kvpool_job,
		    TP_PROTO(u32 peer, u32 opcode, const struct kvpool_key *key,
			     u32 retries, int status, u32 bytes),
		    TP_ARGS(peer, opcode, key, retries, status, bytes),
		    TP_STRUCT__entry(__field(u64, key)
				     __field(u32, peer)
				     __field(u32, opcode)
				     __field(u32, retries)
				     __field(int, status)
				     __field(u32, bytes)
		    ),
		    TP_fast_assign(__entry->key =
				    be64_to_cpup((const __be64 *)key->words);
				   __entry->peer = peer;
				   __entry->opcode = opcode;
				   __entry->retries = retries;
				   __entry->status = status;
				   __entry->bytes = bytes;
		    ),
		    TP_printk("peer=%u opcode=%u key=%016llx retries=%u status=%d bytes=%u",
			      __entry->peer, __entry->opcode, __entry->key,
			      __entry->retries, __entry->status,
			      __entry->bytes)
);

#define KVPOOL_JOB_EVENT(name)						\
DEFINE_EVENT(kvpool_job, kvpool_job_##name,				\
	TP_PROTO(u32 peer, u32 opcode, const struct kvpool_key *key,	\
		 u32 retries, int status, u32 bytes),			\
	TP_ARGS(peer, opcode, key, retries, status, bytes)		\
)

KVPOOL_JOB_EVENT(begin);
KVPOOL_JOB_EVENT(retry);
KVPOOL_JOB_EVENT(end);

/* Another host has connected a queue pair. */
TRACE_EVENT(kvpool_session_open,
	    TP_PROTO(u64 session, u32 credits),
	    TP_ARGS(session, credits),
	    TP_STRUCT__entry(__field(u64, session)
			     __field(u32, credits)
	    ),
	    TP_fast_assign(__entry->session = session;
			   __entry->credits = credits;
	    ),
	    TP_printk("session=%llu credits=%u", __entry->session,
		      __entry->credits)
);

/* It may send requests: KVPOOL_WIRE_AUTH_* says why. */
TRACE_EVENT(kvpool_session_auth,
	    TP_PROTO(u64 session, u32 auth),
	    TP_ARGS(session, auth),
	    TP_STRUCT__entry(__field(u64, session)
			     __field(u32, auth)
	    ),
	    TP_fast_assign(__entry->session = session;
			   __entry->auth = auth;
	    ),
	    TP_printk("session=%llu auth=%u", __entry->session,
		      __entry->auth)
);

/* It has been fenced: enum kvpool_close. */
TRACE_EVENT(kvpool_session_close,
	    TP_PROTO(u64 session, u32 reason),
	    TP_ARGS(session, reason),
	    TP_STRUCT__entry(__field(u64, session)
			     __field(u32, reason)
	    ),
	    TP_fast_assign(__entry->session = session;
			   __entry->reason = reason;
	    ),
	    TP_printk("session=%llu reason=%u", __entry->session,
		      __entry->reason)
);

/* A request of another host: opcode is enum kvpool_wire_opcode. */
DECLARE_EVENT_CLASS(kvpool_cmd,
		    TP_PROTO(u64 session, u32 id, u32 opcode, u32 segments,
			     u32 bytes),
		    TP_ARGS(session, id, opcode, segments, bytes),
		    TP_STRUCT__entry(__field(u64, session)
				     __field(u32, id)
				     __field(u32, opcode)
				     __field(u32, segments)
				     __field(u32, bytes)
		    ),
		    TP_fast_assign(__entry->session = session;
				   __entry->id = id;
				   __entry->opcode = opcode;
				   __entry->segments = segments;
				   __entry->bytes = bytes;
		    ),
		    TP_printk("session=%llu id=%u opcode=%u segments=%u bytes=%u",
			      __entry->session, __entry->id, __entry->opcode,
			      __entry->segments, __entry->bytes)
);

#define KVPOOL_CMD_EVENT(name)						\
DEFINE_EVENT(kvpool_cmd, kvpool_cmd_##name,				\
	TP_PROTO(u64 session, u32 id, u32 opcode, u32 segments, u32 bytes), \
	TP_ARGS(session, id, opcode, segments, bytes)			\
)

KVPOOL_CMD_EVENT(start);
KVPOOL_CMD_EVENT(end);

/* A block that another host pushes: the host's number for it. */
TRACE_EVENT(kvpool_push_begin,
	    TP_PROTO(u64 push, const struct kvpool_key *key, u32 length),
	    TP_ARGS(push, key, length),
	    TP_STRUCT__entry(__field(u64, push)
			     __field(u64, key)
			     __field(u32, length)
	    ),
	    TP_fast_assign(__entry->push = push;
			   __entry->key =
			    be64_to_cpup((const __be64 *)key->words);
			   __entry->length = length;
	    ),
	    TP_printk("push=%llu key=%016llx length=%u", __entry->push,
		      __entry->key, __entry->length)
);

/* Status is zero if the block has been sealed. */
TRACE_EVENT(kvpool_push_end,
	    TP_PROTO(u64 push, int status),
	    TP_ARGS(push, status),
	    TP_STRUCT__entry(__field(u64, push)
			     __field(int, status)
	    ),
	    TP_fast_assign(__entry->push = push;
			   __entry->status = status;
	    ),
	    TP_printk("push=%llu status=%d", __entry->push, __entry->status)
);

#endif /* _KVPOOL_FABRIC_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
