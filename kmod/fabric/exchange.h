/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_EXCHANGE_H
#define _KVPOOL_FABRIC_EXCHANGE_H

#include <linux/types.h>

struct ib_wc;
struct kvpool_buffer;
struct kvpool_job;
struct kvpool_peer;
struct kvpool_queue;
struct kvpool_request;
struct kvpool_wire_message;
struct work_struct;

int kvpool_request_init(struct kvpool_request *request,
			struct kvpool_queue *queue, unsigned int index);
int kvpool_request_response(struct kvpool_queue *queue, const void *data,
			    const struct ib_wc *wc,
			    const struct kvpool_wire_message *message);
int kvpool_request_bare(struct kvpool_queue *queue,
			const struct kvpool_buffer *buffer,
			const struct ib_wc *wc);
int kvpool_request_immediate(struct kvpool_queue *queue, u32 id);
void kvpool_requests_send(struct kvpool_peer *peer);
void kvpool_requests_return(struct kvpool_queue *queue);
void kvpool_requests_strand(struct kvpool_queue *queue);
void kvpool_requests_unstrand(struct kvpool_queue *queue);
void kvpool_requests_cancel(struct kvpool_queue *queue);
void kvpool_request_cancel(struct kvpool_job *job);
void kvpool_send_work(struct work_struct *work);
void kvpool_retry_work(struct work_struct *work);

#endif /* _KVPOOL_FABRIC_EXCHANGE_H */
