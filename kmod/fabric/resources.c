// SPDX-License-Identifier: GPL-2.0
/*
 * What a queue pair to a peer keeps from one connection to the next: protection
 * domain, buffers, requests with their memory registrations. It is freed when
 * the queue pair is not needed any more, and when its device goes away.
 *
 * A registration that was in use when a queue pair ended is never used again:
 * the peer may know its key.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "fabric/exchange.h"
#include "fabric/limits.h"
#include "fabric/peer.h"
#include "fabric/request.h"
#include "fabric/resources.h"

/*
 * Work requests, completions and a registration, as devices have them: of soft
 * RDMA, which has most, 4 KiB are pages of a registration.
 */
#define KVPOOL_REQUEST_DEVICE	(SZ_4K + SZ_2K)
#define KVPOOL_QUEUE_DEVICE	SZ_16K

static unsigned int kvpool_queue_credits(const struct ib_device *ib)
{
	int max = min(ib->attrs.max_qp_wr, ib->attrs.max_cqe / 2);
	unsigned int credits = KVPOOL_CREDITS;

	while (credits > 1 && KVPOOL_QUEUE_SENDS((int)credits) > max)
		credits--;
	return credits;
}

/* The memory that a queue pair takes; near enough for devices. */
static u64 kvpool_queue_cost(unsigned int credits)
{
	u64 request = sizeof(struct kvpool_request) + KVPOOL_WIRE_CAPSULE_MAX +
		      KVPOOL_REQUEST_DEVICE;
	u64 response = sizeof(struct kvpool_buffer) + KVPOOL_WIRE_RESPONSE_MAX;

	return credits * request +
	       (credits + KVPOOL_CREDITS_EXTRA) * response +
	       KVPOOL_QUEUE_DEVICE;
}

static int kvpool_queue_charge(struct kvpool_queue *queue)
{
	u64 cost = kvpool_queue_cost(queue->max_credits);
	int ret;

	ret = kvpool_grant_charge(&queue->link->peer->share, cost);
	if (ret) {
		/* For the next attempt. */
		kvpool_peers_release();
		return ret;
	}
	queue->cost = cost;
	return 0;
}

/* Requests that the queue pair has not, or not any more. */
static int kvpool_queue_fill(struct kvpool_queue *queue)
{
	struct kvpool_request *request;
	unsigned int i;
	int ret;

	for (i = 0; i < queue->max_credits; i++) {
		if (queue->requests[i])
			continue;
		request = kvpool_request_new();
		if (!request)
			return -ENOMEM;
		ret = kvpool_request_init(request, queue, i);
		if (ret) {
			kvpool_request_delete(request);
			return ret;
		}
		queue->requests[i] = request;
	}
	return 0;
}

static int kvpool_queue_buffers(struct kvpool_queue *queue)
{
	unsigned int i, nr = queue->max_credits + KVPOOL_CREDITS_EXTRA;
	int ret;

	ret = kvpool_buffer_init(&queue->control, queue->pd,
				 sizeof(struct kvpool_wire_auth),
				 DMA_TO_DEVICE);
	if (ret)
		return ret;
	queue->responses = kcalloc(nr, sizeof(*queue->responses), GFP_KERNEL);
	queue->requests = kcalloc(queue->max_credits, sizeof(*queue->requests),
				  GFP_KERNEL);
	if (!queue->responses || !queue->requests)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		ret = kvpool_buffer_init(&queue->responses[i], queue->pd,
					 KVPOOL_WIRE_RESPONSE_MAX,
					 DMA_FROM_DEVICE);
		if (ret)
			return ret;
		queue->nr_responses++;
	}
	return 0;
}

static int kvpool_queue_find_device(struct kvpool_queue *queue)
{
	struct kvpool_ibdev *dev = kvpool_ibdev_get(queue->cm_id->device);

	if (!dev)
		return -ENODEV;
	/* If @gone is set later, kvpool_peers_close() sees the device. */
	smp_store_mb(queue->dev, dev);
	if (READ_ONCE(dev->gone))
		return -ENODEV;
	queue->max_credits = kvpool_queue_credits(dev->ib);
	return kvpool_queue_charge(queue);
}

/**
 * kvpool_queue_equip() - See to it that a queue pair has all but the connection
 * @queue: a queue pair that is CONNECTING, of which the device is known
 *
 * Context: process. kvpool_queue_strip() may follow also if it fails.
 *
 * Return: 0; -ENODEV if the device goes away; -ENOBUFS without memory granted;
 * another negative errno.
 */
int kvpool_queue_equip(struct kvpool_queue *queue)
{
	int ret;

	/* What has been made for less than all cannot be used. */
	if (queue->dev && (queue->dev->ib != queue->cm_id->device ||
			   READ_ONCE(queue->dev->gone) || !queue->equipped))
		kvpool_queue_strip(queue);
	if (!queue->dev) {
		ret = kvpool_queue_find_device(queue);
		if (ret)
			return ret;
		queue->pd = ib_alloc_pd(queue->dev->ib, 0);
		if (IS_ERR(queue->pd)) {
			ret = PTR_ERR(queue->pd);
			queue->pd = NULL;
			return ret;
		}
		ret = kvpool_queue_buffers(queue);
		if (ret)
			return ret;
		queue->equipped = true;
	}
	return kvpool_queue_fill(queue);
}

static void kvpool_queue_drop(struct kvpool_queue *queue, unsigned int i)
{
	struct kvpool_request *request = queue->requests[i];

	if (request) {
		kvpool_request_exit(request);
		kvpool_request_delete(request);
	}
	queue->requests[i] = NULL;
}

/**
 * kvpool_queue_renew() - Free the requests whose registrations are known
 * @queue: a queue pair that is taken down
 *
 * Those are the ones that were in flight at its end. Context: process.
 */
void kvpool_queue_renew(struct kvpool_queue *queue)
{
	unsigned int i;

	for (i = 0; queue->requests && i < queue->max_credits; i++)
		if (queue->requests[i] && queue->requests[i]->stale)
			kvpool_queue_drop(queue, i);
}

/**
 * kvpool_queue_strip() - Free what a queue pair keeps
 * @queue: a queue pair that is taken down
 *
 * Context: process.
 */
void kvpool_queue_strip(struct kvpool_queue *queue)
{
	struct kvpool_ibdev *dev = queue->dev;
	unsigned int i;

	if (!dev)
		return;
	for (i = 0; queue->requests && i < queue->max_credits; i++)
		kvpool_queue_drop(queue, i);
	kfree(queue->requests);
	queue->requests = NULL;
	for (i = 0; i < queue->nr_responses; i++)
		kvpool_buffer_exit(&queue->responses[i], queue->pd);
	queue->nr_responses = 0;
	kfree(queue->responses);
	queue->responses = NULL;
	if (queue->control.data)
		kvpool_buffer_exit(&queue->control, queue->pd);
	if (queue->pd)
		ib_dealloc_pd(queue->pd);
	queue->pd = NULL;
	queue->equipped = false;
	kvpool_grant_uncharge(&queue->link->peer->share, queue->cost);
	queue->cost = 0;
	WRITE_ONCE(queue->dev, NULL);
	kvpool_ibdev_put(dev);
}
