/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_REQUEST_H
#define _KVPOOL_FABRIC_REQUEST_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/scatterlist.h>
#include <linux/workqueue.h>
#include <rdma/ib_verbs.h>

#include "fabric/buffer.h"
#include "fabric/proto.h"

#define KVPOOL_MAX_SG		128	/* pieces of memory of one request */

struct kvpool_job;
struct kvpool_peer;
struct kvpool_queue;
struct kvpool_wire_message;

/**
 * struct kvpool_part - A part of a job in a request
 * @job:	the job; NULL if it did not wait for the answer
 * @offset:	where the part begins in the block
 * @length:	its bytes
 * @status:	enum kvpool_wire_status of the answer
 * @found:	length of the peer's block
 * @generation:	of the peer's block
 */
struct kvpool_part {
	struct kvpool_job *job;
	u32 offset;
	u32 length;
	u32 status;
	u32 found;
	u64 generation;
};

/**
 * struct kvpool_request - A request that has, or had, a credit
 * @entry:	in queue->free
 * @queue:	the queue pair that it belongs to
 * @id:		as on the wire; its lower half is the index in queue->requests
 * @busy:	it has the credit, and has not ended; queue->lock
 * @answered:	no response is awaited; queue->lock
 * @refs:	its send and its response
 * @max_bytes:	that @mr can register
 * @opcode:	enum kvpool_wire_opcode
 * @nr_parts:	length of @parts
 * @nr_sg:	length of @sg, zero if no memory is registered
 * @nr_mapped:	entries of @sg after mapping for DMA
 * @bytes:	of all parts
 * @sent:	when it was sent, in ns
 * @mr:		registers @sg
 * @capsule:	what is sent
 * @reg_wr:	registers, then
 * @send_wr:	sends
 * @reg_cqe:	completion of @reg_wr, if it fails
 * @parts:	what is requested
 * @sg:		the memory
 */
struct kvpool_request {
	struct list_head entry;
	struct kvpool_queue *queue;
	u32 id;
	bool busy;
	bool answered;
	refcount_t refs;
	u32 max_bytes;
	u8 opcode;
	u16 nr_parts;
	u32 nr_sg;
	u32 nr_mapped;
	u32 bytes;
	u64 sent;
	struct ib_mr *mr;
	struct kvpool_buffer capsule;
	struct ib_reg_wr reg_wr;
	struct ib_send_wr send_wr;
	struct ib_cqe reg_cqe;
	struct kvpool_part parts[KVPOOL_WIRE_SEGS_MAX];
	struct scatterlist sg[KVPOOL_MAX_SG];
};

int kvpool_request_init(struct kvpool_request *request,
			struct kvpool_queue *queue, unsigned int index);
void kvpool_request_exit(struct kvpool_request *request);
void kvpool_request_response(struct kvpool_queue *queue, const void *data,
			     struct ib_wc *wc,
			     const struct kvpool_wire_message *message);
void kvpool_requests_send(struct kvpool_peer *peer);
void kvpool_requests_return(struct kvpool_queue *queue);
void kvpool_send_work(struct work_struct *work);
void kvpool_retry_work(struct work_struct *work);

#endif /* _KVPOOL_FABRIC_REQUEST_H */
