// SPDX-License-Identifier: GPL-2.0
/* Buffers of messages. */
#include <linux/slab.h>

#include "fabric/buffer.h"
#include "fabric/proto.h"

/*
 * Answers are a little longer than capsules: what kmalloc() has for them is
 * twice as long.
 */
static struct kmem_cache *kvpool_answers;

/**
 * kvpool_buffers_init() - Prepare what all buffers need
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_buffers_init(void)
{
	kvpool_answers = kmem_cache_create("kvpool_answer",
					   KVPOOL_WIRE_RESPONSE_MAX, 0,
					   SLAB_HWCACHE_ALIGN, NULL);
	return kvpool_answers ? 0 : -ENOMEM;
}

/**
 * kvpool_buffers_exit() - Undo kvpool_buffers_init(); no buffer is left
 */
void kvpool_buffers_exit(void)
{
	kmem_cache_destroy(kvpool_answers);
}

static void *kvpool_buffer_alloc(size_t size)
{
	if (size == KVPOOL_WIRE_RESPONSE_MAX)
		return kmem_cache_zalloc(kvpool_answers, GFP_KERNEL);
	return kzalloc(size, GFP_KERNEL);
}

static void kvpool_buffer_free(void *data, size_t size)
{
	if (size == KVPOOL_WIRE_RESPONSE_MAX)
		kmem_cache_free(kvpool_answers, data);
	else
		kfree(data);
}

/**
 * kvpool_buffer_init() - Make a buffer for messages
 * @buffer: zeroed
 * @pd: of the queue pair that will use it
 * @size: bytes
 * @dir: DMA_TO_DEVICE to send from it, DMA_FROM_DEVICE to receive
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_buffer_init(struct kvpool_buffer *buffer, struct ib_pd *pd,
		       size_t size, enum dma_data_direction dir)
{
	void *data = kvpool_buffer_alloc(size);
	u64 addr;

	if (!data)
		return -ENOMEM;
	addr = ib_dma_map_single(pd->device, data, size, dir);
	if (ib_dma_mapping_error(pd->device, addr)) {
		kvpool_buffer_free(data, size);
		return -ENOMEM;
	}
	buffer->data = data;
	buffer->size = size;
	buffer->dir = dir;
	buffer->sge.addr = addr;
	buffer->sge.length = size;
	buffer->sge.lkey = pd->local_dma_lkey;
	return 0;
}

/**
 * kvpool_buffer_exit() - Undo kvpool_buffer_init()
 * @buffer: no device uses it
 * @pd: as there
 */
void kvpool_buffer_exit(struct kvpool_buffer *buffer, struct ib_pd *pd)
{
	ib_dma_unmap_single(pd->device, buffer->sge.addr, buffer->size,
			    buffer->dir);
	kvpool_buffer_free(buffer->data, buffer->size);
	buffer->data = NULL;
}

/**
 * kvpool_buffer_recv() - Post a buffer to receive into
 * @buffer: for DMA_FROM_DEVICE
 * @qp: the queue pair
 *
 * Return: 0 or a negative errno.
 */
int kvpool_buffer_recv(struct kvpool_buffer *buffer, struct ib_qp *qp)
{
	struct ib_recv_wr wr = {
		.wr_cqe = &buffer->cqe,
		.sg_list = &buffer->sge,
		.num_sge = 1,
	};

	ib_dma_sync_single_for_device(qp->device, buffer->sge.addr,
				      buffer->size, DMA_FROM_DEVICE);
	return ib_post_recv(qp, &wr, NULL);
}
