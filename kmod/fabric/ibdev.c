// SPDX-License-Identifier: GPL-2.0
/* RDMA devices, which come and go. */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "fabric/ibdev.h"

static LIST_HEAD(kvpool_ibdevs);
static DEFINE_MUTEX(kvpool_ibdevs_lock);	/* the list above */
static const struct kvpool_ibdev_ops *kvpool_ibdev_ops;

/**
 * kvpool_ibdev_get() - Use a device
 * @ib: the device of a connection
 *
 * Return: the device, until kvpool_ibdev_put(); NULL if it is going away, or
 * lacks fast registration.
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

	/* Other links take over immediately; retries would take seconds. */
	if (event->event == IB_EVENT_PORT_ERR)
		kvpool_ibdev_ops->port_down(dev, event->element.port_num);
	else if (event->event == IB_EVENT_PORT_ACTIVE)
		kvpool_ibdev_ops->port_up();
}

static int kvpool_ibdev_add(struct ib_device *ib)
{
	struct kvpool_ibdev *dev;
	int ret;

	if (!(ib->attrs.device_cap_flags & IB_DEVICE_MEM_MGT_EXTENSIONS) ||
	    !ib->attrs.max_fast_reg_page_list_len) {
		pr_info("%s is not used: it has no fast memory registration\n",
			dev_name(&ib->dev));
		return -EOPNOTSUPP;
	}
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
	/* Links may be waiting for this device. */
	kvpool_ibdev_ops->port_up();
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
	 * New lookups fail. A task that has found the device before either sees
	 * @gone, or its queue pair is seen by removed().
	 */
	smp_store_mb(found->gone, true);
	kvpool_gate_shut(&found->users);
	kvpool_ibdev_ops->removed(found);
	kvpool_gate_wait(&found->users);
	ib_dealloc_pd(found->pd);
	kfree(found);
}

static struct ib_client kvpool_ib_client = {
	.name = "kvpool",
	.add = kvpool_ibdev_add,
	.remove = kvpool_ibdev_remove,
};

/**
 * kvpool_ibdevs_init() - Begin to use RDMA devices
 * @ops: called until kvpool_ibdevs_exit() has returned
 *
 * Return: 0 or a negative errno.
 */
int kvpool_ibdevs_init(const struct kvpool_ibdev_ops *ops)
{
	kvpool_ibdev_ops = ops;
	return ib_register_client(&kvpool_ib_client);
}

/**
 * kvpool_ibdevs_exit() - Undo kvpool_ibdevs_init()
 *
 * Ends all that uses a device, and waits for that.
 */
void kvpool_ibdevs_exit(void)
{
	ib_unregister_client(&kvpool_ib_client);
}
