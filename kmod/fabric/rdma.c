// SPDX-License-Identifier: GPL-2.0
/* kvpool_rdma.ko: the fabric. Devices, and what starts and ends with the module. */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "fabric/rdma.h"

struct workqueue_struct *kvpool_rdma_wq;
struct workqueue_struct *kvpool_connect_wq;
struct workqueue_struct *kvpool_serve_wq;
DEFINE_MUTEX(kvpool_fabric_mutex);	/* control calls, one at a time */
u8 kvpool_fabric_host[KVPOOL_WIRE_HOST];

static LIST_HEAD(kvpool_ibdevs);
static DEFINE_MUTEX(kvpool_ibdevs_lock);	/* the list above */

/* ---- gates ---- */

/**
 * kvpool_gate_open() - Let users in
 * @gate: a gate that is closed or new
 */
void kvpool_gate_open(struct kvpool_gate *gate)
{
	init_completion(&gate->idle);
	refcount_set(&gate->users, 1);
}

/**
 * kvpool_gate_close() - Let nobody in any more and wait until all have left
 * @gate: an open gate
 */
void kvpool_gate_close(struct kvpool_gate *gate)
{
	kvpool_gate_leave(gate);
	wait_for_completion(&gate->idle);
}

/* ---- devices ---- */

/**
 * kvpool_ibdev_get() - Use a device
 * @ib: the device of a connection
 *
 * Return: what is kept of it, until kvpool_ibdev_put(); NULL if it is going
 * away, or cannot do what is needed.
 */
struct kvpool_ibdev *kvpool_ibdev_get(struct ib_device *ib)
{
	struct kvpool_ibdev *dev, *found = NULL;

	mutex_lock(&kvpool_ibdevs_lock);
	list_for_each_entry(dev, &kvpool_ibdevs, entry)
		if (dev->ib == ib && kvpool_gate_enter(&dev->users))
			found = dev;
	mutex_unlock(&kvpool_ibdevs_lock);
	return found;
}

/**
 * kvpool_ibdev_put() - Undo kvpool_ibdev_get()
 * @dev: the device
 */
void kvpool_ibdev_put(struct kvpool_ibdev *dev)
{
	kvpool_gate_leave(&dev->users);
}

static void kvpool_ibdev_event(struct ib_event_handler *handler,
			       struct ib_event *event)
{
	struct kvpool_ibdev *dev =
		container_of(handler, struct kvpool_ibdev, handler);

	/*
	 * Other links take over at once: the transport would find out by its
	 * retries only.
	 */
	if (event->event == IB_EVENT_PORT_ERR)
		kvpool_peers_fail(dev, event->element.port_num,
				  KVPOOL_CLOSE_TRANSPORT, -ENETDOWN);
	else if (event->event == IB_EVENT_PORT_ACTIVE)
		kvpool_peers_retry();
}

static int kvpool_ibdev_add(struct ib_device *ib)
{
	struct kvpool_ibdev *dev;
	int ret;

	/* Without fast registration there is nothing to do with it. */
	if (!(ib->attrs.device_cap_flags & IB_DEVICE_MEM_MGT_EXTENSIONS) ||
	    !ib->attrs.max_fast_reg_page_list_len)
		return -EOPNOTSUPP;
	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return -ENOMEM;
	dev->ib = ib;
	dev->pd = ib_alloc_pd(ib, 0);
	if (IS_ERR(dev->pd)) {
		ret = PTR_ERR(dev->pd);
		kfree(dev);
		return ret;
	}
	kvpool_gate_open(&dev->users);
	mutex_lock(&kvpool_ibdevs_lock);
	list_add_tail(&dev->entry, &kvpool_ibdevs);
	mutex_unlock(&kvpool_ibdevs_lock);
	INIT_IB_EVENT_HANDLER(&dev->handler, ib, kvpool_ibdev_event);
	ib_register_event_handler(&dev->handler);
	/* It may be the one that links wait for. */
	kvpool_peers_retry();
	return 0;
}

/* The device goes away: end all that uses it, and wait for that. */
static void kvpool_ibdev_remove(struct ib_device *ib, void *data)
{
	struct kvpool_ibdev *dev, *found = NULL;

	mutex_lock(&kvpool_ibdevs_lock);
	list_for_each_entry(dev, &kvpool_ibdevs, entry)
		if (dev->ib == ib)
			found = dev;
	if (found)
		list_del(&found->entry);
	mutex_unlock(&kvpool_ibdevs_lock);
	if (!found)
		return;
	ib_unregister_event_handler(&found->handler);

	/*
	 * Nobody who comes from now on finds it, and who has found it sees this
	 * or is seen below.
	 */
	smp_store_mb(found->gone, true);
	kvpool_gate_leave(&found->users);
	kvpool_peers_fail(found, 0, KVPOOL_CLOSE_DEVICE, -ENODEV);
	kvpool_target_remove(found);
	wait_for_completion(&found->users.idle);
	ib_dealloc_pd(found->pd);
	kfree(found);
}

static struct ib_client kvpool_ib_client = {
	.name = "kvpool",
	.add = kvpool_ibdev_add,
	.remove = kvpool_ibdev_remove,
};

/* ---- buffers ---- */

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
	void *data = kzalloc(size, GFP_KERNEL);
	u64 addr;

	if (!data)
		return -ENOMEM;
	addr = ib_dma_map_single(pd->device, data, size, dir);
	if (ib_dma_mapping_error(pd->device, addr)) {
		kfree(data);
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
	kfree(buffer->data);
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

/* ---- names ---- */

/**
 * kvpool_close_name() - Name a reason
 * @reason: enum kvpool_close
 *
 * Return: the name, or NULL if there is no such reason.
 */
const char *kvpool_close_name(u32 reason)
{
	static const char * const names[] = {
		[KVPOOL_CLOSE_NONE] = "none",
		[KVPOOL_CLOSE_LOCAL] = "local",
		[KVPOOL_CLOSE_PEER] = "peer",
		[KVPOOL_CLOSE_TRANSPORT] = "transport",
		[KVPOOL_CLOSE_TIMEOUT] = "timeout",
		[KVPOOL_CLOSE_DEVICE] = "device",
		[KVPOOL_CLOSE_FENCE] = "fence",
		[KVPOOL_CLOSE_ADDRESS] = "address",
		[KVPOOL_CLOSE_REFUSED] = "refused",
		[KVPOOL_CLOSE_VERSION] = "version",
		[KVPOOL_CLOSE_MESSAGE] = "message",
		[KVPOOL_CLOSE_STATE] = "state",
		[KVPOOL_CLOSE_CREDITS] = "credits",
		[KVPOOL_CLOSE_ACCESS] = "access",
		[KVPOOL_CLOSE_AUTH] = "auth",
		[KVPOOL_CLOSE_LIMIT] = "limit",
		[KVPOOL_CLOSE_MEMORY] = "memory",
	};

	return reason < ARRAY_SIZE(names) ? names[reason] : NULL;
}

/* ---- the module ---- */

static const struct kvpool_fabric_ops kvpool_rdma_ops = {
	.submit = kvpool_initiator_submit,
	.cancel = kvpool_initiator_cancel,
};

static void kvpool_workqueues_exit(void)
{
	if (kvpool_serve_wq)
		destroy_workqueue(kvpool_serve_wq);
	if (kvpool_connect_wq)
		destroy_workqueue(kvpool_connect_wq);
	if (kvpool_rdma_wq)
		destroy_workqueue(kvpool_rdma_wq);
}

/* What fences must not wait for a place behind what blocks. */
static int __init kvpool_workqueues_init(void)
{
	kvpool_rdma_wq = alloc_workqueue("kvpool_rdma", WQ_UNBOUND, 0);
	kvpool_connect_wq = alloc_workqueue("kvpool_connect", WQ_UNBOUND,
					    WQ_MAX_ACTIVE);
	kvpool_serve_wq = alloc_workqueue("kvpool_serve", WQ_UNBOUND, 0);
	if (kvpool_rdma_wq && kvpool_connect_wq && kvpool_serve_wq)
		return 0;
	kvpool_workqueues_exit();
	return -ENOMEM;
}

static int __init kvpool_rdma_init(void)
{
	int ret;

	get_random_bytes(kvpool_fabric_host, sizeof(kvpool_fabric_host));
	ret = kvpool_workqueues_init();
	if (ret)
		return ret;
	ret = kvpool_jobs_init();
	if (ret)
		goto err_wq;
	ret = ib_register_client(&kvpool_ib_client);
	if (ret)
		goto err_jobs;
	ret = kvpool_fabric_register(&kvpool_rdma_ops);
	if (ret)
		goto err_client;
	ret = kvpool_netlink_init();
	if (ret)
		goto err_fabric;
	return 0;

err_fabric:
	kvpool_fabric_unregister(&kvpool_rdma_ops);
err_client:
	ib_unregister_client(&kvpool_ib_client);
err_jobs:
	kvpool_jobs_exit();
err_wq:
	kvpool_workqueues_exit();
	return ret;
}

static void __exit kvpool_rdma_exit(void)
{
	kvpool_netlink_exit();
	/* What is in flight ends here; what comes after finds no peer. */
	kvpool_peers_exit();
	kvpool_fabric_unregister(&kvpool_rdma_ops);
	kvpool_target_exit();
	ib_unregister_client(&kvpool_ib_client);
	kvpool_auth_exit();
	kvpool_workqueues_exit();
	kvpool_jobs_exit();
	rcu_barrier();
}

module_init(kvpool_rdma_init);
module_exit(kvpool_rdma_exit);

MODULE_DESCRIPTION("kvpool between hosts, over RDMA");
MODULE_LICENSE("GPL");
IMPORT_SYMBOLS_KVPOOL;
MODULE_SOFTDEP("pre: hmac sha256");
