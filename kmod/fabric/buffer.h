/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_BUFFER_H
#define _KVPOOL_FABRIC_BUFFER_H

#include <rdma/ib_verbs.h>

/**
 * struct kvpool_buffer - Memory of one message
 * @cqe:	its completion
 * @sge:	the memory as the device sees it
 * @data:	the memory
 * @size:	its bytes
 * @dir:	DMA_TO_DEVICE to send, DMA_FROM_DEVICE to receive
 */
struct kvpool_buffer {
	struct ib_cqe cqe;
	struct ib_sge sge;
	void *data;
	size_t size;
	enum dma_data_direction dir;
};

int kvpool_buffers_init(void);
void kvpool_buffers_exit(void);
int kvpool_buffer_init(struct kvpool_buffer *buffer, struct ib_pd *pd,
		       size_t size, enum dma_data_direction dir);
void kvpool_buffer_exit(struct kvpool_buffer *buffer, struct ib_pd *pd);
int kvpool_buffer_recv(struct kvpool_buffer *buffer, struct ib_qp *qp);

#endif /* _KVPOOL_FABRIC_BUFFER_H */
