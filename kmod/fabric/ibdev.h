/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_IBDEV_H
#define _KVPOOL_FABRIC_IBDEV_H

#include <linux/list.h>
#include <rdma/ib_verbs.h>

#include "fabric/gate.h"

/**
 * struct kvpool_ibdev - An RDMA device that can be used
 * @entry:	in the list of all
 * @ib:		the device
 * @pd:		of the target's queue pairs; no memory is registered in it
 * @gone:	the device is going away: a task that has just begun to use it
 *		has to stop
 * @users:	queue pairs, and one for the registration with the RDMA core
 * @handler:	gets the events of its ports
 */
struct kvpool_ibdev {
	struct list_head entry;
	struct ib_device *ib;
	struct ib_pd *pd;
	bool gone;
	struct kvpool_gate users;
	struct ib_event_handler handler;
};

/**
 * struct kvpool_ibdev_ops - What the users of devices have to do
 *
 * Called in process context.
 *
 * @port_up:	a port has come up, or a device has been added
 * @port_down:	a port has lost its carrier
 * @removed:	the device goes away: end all that uses it, without waiting
 */
struct kvpool_ibdev_ops {
	void (*port_up)(void);
	void (*port_down)(struct kvpool_ibdev *dev, u32 port);
	void (*removed)(struct kvpool_ibdev *dev);
};

int kvpool_ibdevs_init(const struct kvpool_ibdev_ops *ops);
void kvpool_ibdevs_exit(void);
struct kvpool_ibdev *kvpool_ibdev_get(struct ib_device *ib);
void kvpool_ibdev_put(struct kvpool_ibdev *dev);

#endif /* _KVPOOL_FABRIC_IBDEV_H */
