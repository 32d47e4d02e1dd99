// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of the initiator, as objects: ranges are taken into them, memory is
 * registered for one request, the capsule is sent. exchange.c says what becomes
 * of them.
 */
#include <linux/jiffies.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "xfer/mover.h"

#include "fabric/job.h"
#include "fabric/limits.h"
#include "fabric/peer.h"
#include "fabric/request.h"
#include "fabric/trace.h"

/*
 * Largest page of a registration. Soft RDMA keeps an entry for each 4 KiB of the
 * largest page that a registration could have, so both are small there.
 */
#define KVPOOL_PAGE_MAX		SZ_2M
#define KVPOOL_PAGE_MAX_SOFT	SZ_32K
#define KVPOOL_PAGES_SOFT	32

/*
 * How long a request waits at the peer before another one takes its turn, and
 * if none is waiting for one. Then it is asked again.
 */
#define KVPOOL_WAIT_TURN_MS	100
#define KVPOOL_WAIT_MS		1000

#define KVPOOL_ENDED_MAX	64	/* that are looked at for one request */

static mempool_t *kvpool_sg_pool;
/* What kmalloc() has for requests is half as long again. */
static struct kmem_cache *kvpool_request_cache;

/**
 * kvpool_requests_init() - Prepare what all requests need
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_requests_init(void)
{
	kvpool_sg_pool = mempool_create_kmalloc_pool(8, KVPOOL_MAX_SG *
						     sizeof(struct scatterlist));
	if (!kvpool_sg_pool)
		return -ENOMEM;
	kvpool_request_cache = KMEM_CACHE(kvpool_request, 0);
	if (kvpool_request_cache)
		return 0;
	mempool_destroy(kvpool_sg_pool);
	return -ENOMEM;
}

/**
 * kvpool_requests_exit() - Undo kvpool_requests_init(); no request is left
 */
void kvpool_requests_exit(void)
{
	kmem_cache_destroy(kvpool_request_cache);
	mempool_destroy(kvpool_sg_pool);
}

/**
 * kvpool_request_new() - Make a request
 *
 * Context: May sleep.
 * Return: a zeroed request, for kvpool_request_delete(); or NULL.
 */
struct kvpool_request *kvpool_request_new(void)
{
	return kmem_cache_zalloc(kvpool_request_cache, GFP_KERNEL);
}

/**
 * kvpool_request_delete() - Undo kvpool_request_new()
 * @request: the request
 */
void kvpool_request_delete(struct kvpool_request *request)
{
	kmem_cache_free(kvpool_request_cache, request);
}

static bool kvpool_opcode_moves(u8 opcode)
{
	return opcode == KVPOOL_WIRE_FETCH || opcode == KVPOOL_WIRE_PUSH;
}

static enum dma_data_direction
kvpool_request_dir(const struct kvpool_request *request)
{
	return request->opcode == KVPOOL_WIRE_FETCH ? DMA_FROM_DEVICE :
						    DMA_TO_DEVICE;
}

/**
 * kvpool_request_prepare() - Prepare a request
 * @request: zeroed
 * @queue: the queue pair that it belongs to
 * @index: its index in the queue pair's requests
 *
 * The caller sets the functions of its completions.
 *
 * Return: 0 or a negative errno.
 */
int kvpool_request_prepare(struct kvpool_request *request,
			   struct kvpool_queue *queue, unsigned int index)
{
	struct ib_device *ib = queue->dev->ib;
	u32 pages = min_t(u32, ib->attrs.max_fast_reg_page_list_len,
			  KVPOOL_MAX_REQUEST / KVPOOL_WIRE_PAGE);
	int ret;

	if (ib_uses_virt_dma(ib))
		pages = min_t(u32, pages, KVPOOL_PAGES_SOFT);
	request->queue = queue;
	request->id = index;
	request->answered = true;
	request->sg = request->own_sg;
	request->max_sg = KVPOOL_REQUEST_SG;
	sg_init_table(request->sg, KVPOOL_REQUEST_SG);
	request->mr = ib_alloc_mr(queue->pd, IB_MR_TYPE_MEM_REG, pages);
	if (IS_ERR(request->mr))
		return PTR_ERR(request->mr);
	ret = kvpool_buffer_init(&request->capsule, queue->pd,
				 KVPOOL_WIRE_CAPSULE_MAX, DMA_TO_DEVICE);
	if (ret) {
		ib_dereg_mr(request->mr);
		return ret;
	}
	request->max_pages = pages;

	request->reg_wr.wr.wr_cqe = &request->reg_cqe;
	request->reg_wr.wr.opcode = IB_WR_REG_MR;
	request->reg_wr.wr.next = &request->send_wr;
	request->reg_wr.mr = request->mr;
	request->send_wr.wr_cqe = &request->capsule.cqe;
	request->send_wr.opcode = IB_WR_SEND;
	request->send_wr.sg_list = &request->capsule.sge;
	request->send_wr.num_sge = 1;
	return 0;
}

/**
 * kvpool_request_exit() - Undo kvpool_request_prepare(); it is not in flight
 * @request: the request
 */
void kvpool_request_exit(struct kvpool_request *request)
{
	kvpool_buffer_exit(&request->capsule, request->queue->pd);
	ib_dereg_mr(request->mr);
}

/* ---- memory ---- */

static void kvpool_request_sg_free(struct kvpool_request *request)
{
	if (request->sg != request->own_sg)
		mempool_free(request->sg, kvpool_sg_pool);
	request->sg = request->own_sg;
	request->max_sg = KVPOOL_REQUEST_SG;
}

/* Get room for more pieces; peer->lock is held. */
static bool kvpool_request_sg_grow(struct kvpool_request *request)
{
	struct scatterlist *sg;
	unsigned int i;

	if (request->sg != request->own_sg)
		return false;
	sg = mempool_alloc(kvpool_sg_pool, GFP_NOWAIT | __GFP_NOWARN);
	if (!sg)
		return false;
	sg_init_table(sg, KVPOOL_MAX_SG);
	for (i = 0; i < request->nr_sg; i++)
		sg_set_page(&sg[i], sg_page(&request->own_sg[i]),
			    request->own_sg[i].length,
			    request->own_sg[i].offset);
	request->sg = sg;
	request->max_sg = KVPOOL_MAX_SG;
	return true;
}

static u32 kvpool_request_page_max(const struct kvpool_request *request)
{
	return ib_uses_virt_dma(request->queue->dev->ib) ?
	       KVPOOL_PAGE_MAX_SOFT : KVPOOL_PAGE_MAX;
}

/* The largest page that a device has and that boundaries with @bits allow. */
static u32 kvpool_request_page(const struct kvpool_request *request, u64 bits)
{
	u64 cap = request->queue->dev->ib->attrs.page_size_cap;
	u32 page;

	page = BIT(__ffs64(bits | kvpool_request_page_max(request)));
	while (page > KVPOOL_WIRE_PAGE && !(cap & page))
		page >>= 1;
	return page;
}

/*
 * Count the bytes of @nr new pieces in @sg that the registration has pages for,
 * if all boundaries are as the pages have to be; *@nr is the number of pieces
 * that have them.
 */
static u32 kvpool_request_cover(struct kvpool_request *request,
				unsigned int *nr)
{
	struct scatterlist *sg = request->sg + request->nr_sg;
	u64 room, bits, start, bytes = request->bytes;
	unsigned int i;

	for (i = 0; i < *nr; i++, sg++) {
		start = sg_phys(sg);
		bits = request->bounds;
		if (start != request->end)
			bits |= start | request->end;
		room = (u64)request->max_pages *
		       kvpool_request_page(request, bits);
		if (room <= bytes)
			break;
		sg->length = min_t(u64, sg->length, room - bytes);
		request->bounds = bits;
		request->end = start + sg->length;
		bytes += sg->length;
	}
	*nr = i;
	return bytes - request->bytes;
}

/* List the memory of a part; returns the bytes that there is room for. */
static u32 kvpool_request_list(struct kvpool_request *request,
			       const struct kvpool_job *job, u32 offset,
			       u32 length)
{
	unsigned int nr;
	u32 covered = 0;

	length = kvpool_wire_align(length);
	do {
		if (request->nr_sg == request->max_sg)
			continue;
		nr = kvpool_transfer_sg(job->transfer, offset, length,
					request->sg + request->nr_sg,
					request->max_sg - request->nr_sg,
					&covered);
	} while (covered < length && kvpool_request_sg_grow(request));
	if (!covered)
		return 0;
	if (request->max_pages < KVPOOL_MAX_REQUEST / KVPOOL_WIRE_PAGE)
		covered = kvpool_request_cover(request, &nr);
	request->nr_sg += nr;
	return covered;
}

/**
 * kvpool_request_unmap() - Give up the memory of a request
 * @request: the request; no device touches its memory any more
 */
void kvpool_request_unmap(struct kvpool_request *request)
{
	if (request->nr_mapped)
		ib_dma_unmap_sg(request->queue->dev->ib, request->sg,
				request->nr_sg, kvpool_request_dir(request));
	request->nr_mapped = 0;
	kvpool_request_sg_free(request);
}

/* All boundaries of the memory as the device sees it. */
static u64 kvpool_request_bits(const struct kvpool_request *request, int nr)
{
	struct scatterlist *sg;
	u64 bits = 0, end = 0;
	int i;

	for_each_sg(request->sg, sg, nr, i) {
		if (sg_dma_address(sg) != end)
			bits |= sg_dma_address(sg) | end;
		end = sg_dma_address(sg) + sg_dma_len(sg);
	}
	return bits;
}

static int kvpool_request_register(struct kvpool_request *request)
{
	struct ib_mr *mr = request->mr;
	u32 page;
	int nr;

	nr = ib_dma_map_sg(request->queue->dev->ib, request->sg, request->nr_sg,
			   kvpool_request_dir(request));
	if (nr <= 0)
		return -ENOMEM;
	request->nr_mapped = nr;
	ib_update_fast_reg_key(mr, ib_inc_rkey(mr->rkey));
	page = kvpool_request_page(request, kvpool_request_bits(request, nr));
	if (ib_map_mr_sg(mr, request->sg, nr, NULL, page) != nr)
		return -EIO;
	/* The peer learns no address of this host. */
	mr->iova = (u64)request->id << 32;
	request->reg_wr.key = mr->rkey;
	request->reg_wr.access = request->opcode == KVPOOL_WIRE_FETCH ?
		IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_WRITE :
		IB_ACCESS_REMOTE_READ;
	return 0;
}

/**
 * kvpool_request_copy() - Copy the bytes of an answer to their place
 * @request: a request with @is_inline, whose job has not gone
 * @payload: as many bytes as its part has
 */
void kvpool_request_copy(struct kvpool_request *request, const void *payload)
{
	const struct kvpool_part *part = &request->parts[0];
	struct scatterlist sg;
	u32 covered;

	sg_init_table(&sg, 1);
	kvpool_transfer_sg(part->job->transfer, part->offset,
			   kvpool_wire_align(part->length), &sg, 1, &covered);
	sg_copy_from_buffer(&sg, 1, payload, part->length);
}

/* ---- filling ---- */

/*
 * Take as much of a range as fits; false if there is no room at all. peer->lock
 * is held.
 */
static bool kvpool_request_take(struct kvpool_request *request,
				struct kvpool_range *range, u32 limit)
{
	struct kvpool_part *part = &request->parts[request->nr_parts];
	struct kvpool_job *job = range->job;
	u32 length = range->length, results = 1, covered;

	if (request->opcode == KVPOOL_WIRE_PROBE) {
		length = min_t(u32, length,
			       KVPOOL_WIRE_KEYS_MAX - request->nr_results);
		if (!length)
			return false;
		results = length;
	} else if (kvpool_opcode_moves(request->opcode)) {
		if (request->bytes >= limit)
			return false;
		length = min(length, limit - request->bytes);
		covered = kvpool_request_list(request, job, range->offset,
					      length);
		if (!covered)
			return false;
		length = min(length, covered);
		request->bytes += kvpool_wire_align(length);
	}
	request->nr_results += results;
	part->job = job;
	part->offset = range->offset;
	part->length = length;
	request->nr_parts++;
	job->sent = true;
	return true;
}

/* May the peer be sent a part of this job? peer->lock is held. */
static bool kvpool_job_admitted(const struct kvpool_job *job,
				const struct kvpool_peer *peer)
{
	return job->opcode != KVPOOL_WIRE_PUSH || job->slot ||
	       peer->nr_pushes < peer->max_pushes;
}

/* May a part of this job share the request? */
static bool kvpool_request_joins(const struct kvpool_request *request,
				 const struct kvpool_job *job)
{
	const struct kvpool_job *first = request->parts[0].job;
	unsigned int max = KVPOOL_WIRE_SEGS_MAX;

	if (request->opcode != KVPOOL_WIRE_PROBE)
		max = request->queue->terms.max_segs;
	return request->nr_parts < max && job->opcode == first->opcode &&
	       job->node == first->node &&
	       (job->tenant == first->tenant ||
		!strcmp(job->tenant, first->tenant));
}

/* A part of a range has been taken: what is left of it? peer->lock is held. */
static void kvpool_range_taken(struct kvpool_range *range,
			       struct kvpool_request *request)
{
	u32 length = request->parts[request->nr_parts - 1].length;
	struct kvpool_job *job = range->job;
	struct kvpool_peer *peer = job->peer;

	if (job->opcode == KVPOOL_WIRE_PUSH && !job->slot) {
		job->slot = true;
		peer->nr_pushes++;
	}
	if (request->waits) {
		kvpool_range_wait(range, request);
	} else if (length == range->length) {
		kvpool_range_unlink(peer, range);
		kvpool_range_free(range);
	} else {
		range->offset += length;
		range->length -= length;
		peer->queued -= length;
		atomic_inc(&job->pending);
	}
}

/* Decide how the bytes come that all parts together have. */
static void kvpool_request_settle(struct kvpool_request *request)
{
	const struct kvpool_part *part = &request->parts[0];
	bool whole = request->opcode == KVPOOL_WIRE_FETCH &&
		     request->nr_parts == 1 && !part->offset &&
		     part->length == part->job->length;

	request->is_inline = whole && part->length <= KVPOOL_WIRE_INLINE_MAX;
	request->whole = whole && !request->is_inline;
	if (request->is_inline)
		request->nr_sg = 0;
}

/**
 * kvpool_request_fill() - Fill a request from the head of a lane
 * @request: a request with a credit
 * @peer: the peer; its lock is held
 * @lane: the lane
 * @limit: bytes that it should have
 * @ended: ranges of jobs that have failed are moved there
 *
 * Return: false if nothing was taken.
 */
bool kvpool_request_fill(struct kvpool_request *request,
			 struct kvpool_peer *peer, enum kvpool_lane_id lane,
			 u32 limit, struct list_head *ended)
{
	struct list_head *ranges = &peer->lanes[lane].ranges;
	struct kvpool_range *range, *next;
	unsigned int nr_ended = 0;
	bool part = false;

	limit = min(limit, request->queue->terms.max_bytes);
	request->lane = lane;
	request->nr_results = 0;
	request->nr_sg = 0;
	request->bytes = 0;
	request->bounds = 0;
	request->end = 0;
	peer->max_pushes = request->queue->terms.pushes;
	list_for_each_entry_safe(range, next, ranges, entry) {
		struct kvpool_job *job = range->job;

		/* Its other parts have failed already. */
		if (READ_ONCE(job->status)) {
			kvpool_range_unlink(peer, range);
			list_add_tail(&range->entry, ended);
			if (++nr_ended == KVPOOL_ENDED_MAX)
				break;
			continue;
		}
		if (!request->nr_parts)
			request->opcode = job->opcode;
		else if (part || request->waits ||
			 !kvpool_request_joins(request, job))
			break;
		if (!kvpool_job_admitted(job, peer) ||
		    !kvpool_request_take(request, range, limit))
			break;
		part = request->parts[request->nr_parts - 1].length <
		       range->length;
		kvpool_range_taken(range, request);
	}
	if (!request->nr_parts)
		return false;
	if (request->waits)
		request->wait_ms = list_empty(ranges) ? KVPOOL_WAIT_MS :
							KVPOOL_WAIT_TURN_MS;
	kvpool_request_settle(request);
	peer->lanes[lane].nr_requests++;
	return true;
}

/* ---- sending ---- */

static void kvpool_part_encode(const struct kvpool_part *from,
			       struct kvpool_wire_segment *wire)
{
	const struct kvpool_job *job = from->job;
	struct kvpool_wire_part part = {
		.key = *job->key,
		.push = job->push,
		.block_length = job->length,
		.offset = from->offset,
		.length = from->length,
		.depth = job->depth,
	};

	if (job->parent && job->depth > 1)
		part.parent = *job->parent;
	kvpool_wire_part_encode(wire, &part);
}

static void kvpool_request_encode(struct kvpool_request *request)
{
	struct kvpool_wire_request *wire = request->capsule.data;
	struct kvpool_wire_message message = {
		.opcode = request->opcode,
		.is_inline = request->is_inline,
		.nr = request->nr_results,
		.id = request->id,
		.length = request->bytes,
		.wait_ms = request->waits ? request->wait_ms : 0,
		.node = request->parts[0].job->node,
		.tenant = request->parts[0].job->tenant,
	};
	unsigned int i, j, nr = 0;

	if (request->nr_sg) {
		message.address = request->mr->iova;
		message.rkey = request->mr->rkey;
	}
	for (i = 0; i < request->nr_parts; i++) {
		const struct kvpool_part *part = &request->parts[i];

		if (request->opcode != KVPOOL_WIRE_PROBE) {
			kvpool_part_encode(part, &wire->segments[i]);
			continue;
		}
		for (j = 0; j < part->length; j++, nr++)
			memcpy(wire->keys[nr].key,
			       &part->job->key[part->offset + j],
			       sizeof(wire->keys[nr].key));
	}
	request->capsule.sge.length = kvpool_wire_request_encode(wire,
								 &message);
	ib_dma_sync_single_for_device(request->queue->dev->ib,
				      request->capsule.sge.addr,
				      request->capsule.sge.length,
				      DMA_TO_DEVICE);
}

/**
 * kvpool_request_post() - Send a request that has been filled
 * @request: the request; the gate of its queue pair has been entered
 *
 * Return: 0, also if its queue pair has to end then: the caller has a reference,
 * and the gate; a negative errno if its memory cannot be registered: it is as it
 * was before, and nothing was sent.
 */
int kvpool_request_post(struct kvpool_request *request)
{
	struct kvpool_queue *queue = request->queue;
	const struct ib_send_wr *wr = &request->send_wr;
	bool signaled;
	int ret;

	request->id += 1U << 16;
	if (request->nr_sg) {
		ret = kvpool_request_register(request);
		if (ret)
			return ret;
		wr = &request->reg_wr.wr;
	}
	kvpool_request_encode(request);
	request->sent = jiffies;
	signaled = !(atomic_inc_return(&queue->nr_sent) % KVPOOL_SIGNAL_EVERY);
	request->send_wr.send_flags = signaled ? IB_SEND_SIGNALED : 0;
	/* That of the caller, its answer, and its send. */
	refcount_set(&request->refs, 2 + signaled);
	trace_kvpool_request_send(queue->link->peer_id, queue->link->id,
				  queue->index, request->id, request->opcode,
				  request->nr_results, request->bytes);
	spin_lock(&queue->lock);
	request->answered = false;
	spin_unlock(&queue->lock);
	/* If this fails it goes another way: kvpool_requests_return(). */
	ret = ib_post_send(queue->cm_id->qp, wr, NULL);
	if (ret)
		kvpool_queue_close(queue, KVPOOL_CLOSE_TRANSPORT, ret);
	return 0;
}
