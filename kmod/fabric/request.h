/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_REQUEST_H
#define _KVPOOL_FABRIC_REQUEST_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/scatterlist.h>
#include <rdma/ib_verbs.h>

#include "fabric/buffer.h"
#include "fabric/lane.h"
#include "fabric/proto.h"

#define KVPOOL_MAX_SG		128	/* pieces of memory of one request */
#define KVPOOL_REQUEST_SG	8	/* likewise, without a table of its own */

struct kvpool_job;
struct kvpool_peer;
struct kvpool_queue;
struct kvpool_range;
struct kvpool_strand;

/**
 * struct kvpool_part - A part of a job in a request
 * @job:	the job; NULL if it did not wait for the answer
 * @strand:	in its place, if @stranded of the request: keeps the memory
 * @offset:	where the part begins in the block; PROBE: its first key
 * @length:	its bytes; PROBE: its keys
 */
struct kvpool_part {
	union {
		struct kvpool_job *job;
		struct kvpool_strand *strand;
	};
	u32 offset;
	u32 length;
};

/**
 * struct kvpool_request - A request that has, or had, a credit
 * @entry:	in queue->free
 * @queue:	the queue pair that it belongs to
 * @id:		as on the wire; its lower half is the index in queue->requests
 * @busy:	it has the credit, and has not ended; queue->lock
 * @answered:	no response is awaited; queue->lock
 * @cancel:	it waits, and CANCEL is to be sent for it; queue->lock
 * @waits:	it waits at the peer while its block is pending
 * @is_inline:	its bytes come in the answer
 * @whole:	its only part is a whole block, whose memory is registered
 * @stranded:	its memory stays until the device has gone
 * @stale:	it was in flight when the queue pair ended: @mr is not used again
 * @lane:	enum kvpool_lane_id: where its parts were taken from
 * @opcode:	enum kvpool_wire_opcode
 * @refs:	the task that sends it, its send if that is signaled, and what is
 *		awaited of the peer
 * @nr_parts:	length of @parts
 * @nr_results:	results in the answer
 * @wait_ms:	with @waits: how long the peer may wait
 * @bytes:	of all parts, as they lie in the registered memory
 * @sent:	jiffies when it was sent
 * @mr:		registers @sg
 * @max_pages:	that @mr can register
 * @nr_sg:	length of @sg, zero if no memory is registered
 * @max_sg:	room in @sg
 * @nr_mapped:	entries of @sg after mapping for DMA
 * @bounds:	all bits that places where a run of memory begins or ends have
 * @end:	where the last run ends
 * @sg:		the memory
 * @capsule:	what is sent
 * @reg_wr:	registers, then
 * @send_wr:	sends
 * @reg_cqe:	completion of @reg_wr, if it fails
 * @inv_cqe:	completion of the invalidation after an immediate
 * @parts:	what is requested
 * @own_sg:	for @sg, if that is enough
 */
struct kvpool_request {
	struct list_head entry;
	struct kvpool_queue *queue;
	u32 id;
	bool busy;
	bool answered;
	bool cancel;
	bool waits;
	bool is_inline;
	bool whole;
	bool stranded;
	bool stale;
	u8 lane;
	u8 opcode;
	refcount_t refs;
	u16 nr_parts;
	u16 nr_results;
	u32 wait_ms;
	u32 bytes;
	unsigned long sent;
	struct ib_mr *mr;
	u32 max_pages;
	u32 nr_sg;
	u32 max_sg;
	u32 nr_mapped;
	u64 bounds;
	u64 end;
	struct scatterlist *sg;
	struct kvpool_buffer capsule;
	struct ib_reg_wr reg_wr;
	struct ib_send_wr send_wr;
	struct ib_cqe reg_cqe;
	struct ib_cqe inv_cqe;
	struct kvpool_part parts[KVPOOL_WIRE_SEGS_MAX];
	struct scatterlist own_sg[KVPOOL_REQUEST_SG];
};

int kvpool_requests_init(void);
void kvpool_requests_exit(void);

struct kvpool_request *kvpool_request_new(void);
void kvpool_request_delete(struct kvpool_request *request);
int kvpool_request_prepare(struct kvpool_request *request,
			   struct kvpool_queue *queue, unsigned int index);
void kvpool_request_exit(struct kvpool_request *request);
bool kvpool_request_fill(struct kvpool_request *request,
			 struct kvpool_peer *peer, enum kvpool_lane_id lane,
			 u32 limit, struct list_head *ended);
int kvpool_request_post(struct kvpool_request *request);
void kvpool_request_copy(struct kvpool_request *request, const void *payload);
void kvpool_request_unmap(struct kvpool_request *request);

#endif /* _KVPOOL_FABRIC_REQUEST_H */
