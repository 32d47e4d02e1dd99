// SPDX-License-Identifier: GPL-2.0
/*
 * kvpool_rdma.ko: a mover that moves blocks between hosts over RDMA.
 *
 * Lock order, outermost first. None but the first two is held while a transfer is
 * completed. The core's locks are inside kvpool_control_mutex and
 * kvpool_hosts_lock; inside the last three only kvpool_transfer_sg() is called.
 *
 *	kvpool_control_mutex		(control.c)
 *	kvpool_queue.life
 *	kvpool_link.notify_lock
 *	kvpool_events_sem		(events.c), and the locks of netlink
 *
 *	kvpool_nl_lock			(netlink_fabric.c)
 *	kvpool_target_lock		(target.c)
 *	kvpool_sessions_lock		(session.c)
 *	kvpool_hosts_lock		(host.c)
 *	kvpool_pushes.lock
 *	kvpool_admit_lock		(admit.c)
 *	kvpool_session.lock
 *	kvpool_peer.lock
 *	kvpool_queue.lock
 *
 * kvpool_pushes.begin nests in none, nor does kvpool_push.memory (push.c); the
 * core's locks and kvpool_pushes.lock are inside. kvpool_ibdevs_lock (ibdev.c),
 * kvpool_auth_lock (auth.c), kvpool_rights_lock (rights.c) and
 * kvpool_grant_lock (grant.c) have none inside.
 */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/module.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>

#include "compat.h"

#include "xfer/export.h"

#include "fabric/admit.h"
#include "fabric/auth.h"
#include "fabric/buffer.h"
#include "fabric/control.h"
#include "fabric/drain.h"
#include "fabric/grant.h"
#include "fabric/ibdev.h"
#include "fabric/initiator.h"
#include "fabric/job.h"
#include "fabric/netlink.h"
#include "fabric/peer.h"
#include "fabric/recheck.h"
#include "fabric/request.h"
#include "fabric/rights.h"
#include "fabric/session.h"
#include "fabric/settings.h"
#include "fabric/target.h"
#include "fabric/watch.h"
#include "fabric/wq.h"

static void kvpool_rdma_port_down(struct kvpool_ibdev *dev, u32 port)
{
	kvpool_peers_close(dev, port, KVPOOL_CLOSE_TRANSPORT, -ENETDOWN);
}

static void kvpool_rdma_removed(struct kvpool_ibdev *dev)
{
	kvpool_peers_expel(dev);
	kvpool_sessions_close();
	kvpool_stuck_release(dev);
}

static const struct kvpool_ibdev_ops kvpool_rdma_ibdev_ops = {
	.port_up = kvpool_peers_retry,
	.port_down = kvpool_rdma_port_down,
	.removed = kvpool_rdma_removed,
};

static int __init kvpool_rdma_init(void)
{
	int ret;

	kvpool_auth_init(kvpool_recheck);
	kvpool_grant_init();
	kvpool_admit_init();
	ret = kvpool_rights_init();
	if (ret)
		return ret;
	ret = kvpool_wq_init();
	if (ret)
		goto err_rights;
	ret = kvpool_buffers_init();
	if (ret)
		goto err_wq;
	ret = kvpool_jobs_init();
	if (ret)
		goto err_buffers;
	ret = kvpool_requests_init();
	if (ret)
		goto err_jobs;
	ret = kvpool_ibdevs_init(&kvpool_rdma_ibdev_ops);
	if (ret)
		goto err_requests;
	kvpool_mover_register(&kvpool_initiator);
	ret = kvpool_netlink_init();
	if (ret)
		goto err_mover;
	pr_info("loaded: protocol version %u, up to %u queue pairs in a new link\n",
		KVPOOL_WIRE_VERSION, kvpool_setting_queues());
	return 0;

err_mover:
	kvpool_mover_unregister(&kvpool_initiator);
	kvpool_ibdevs_exit();
err_requests:
	kvpool_requests_exit();
err_jobs:
	kvpool_jobs_exit();
err_buffers:
	kvpool_buffers_exit();
err_wq:
	kvpool_wq_exit();
err_rights:
	kvpool_rights_exit();
	pr_err("not loaded: error %d\n", ret);
	return ret;
}

static void __exit kvpool_rdma_exit(void)
{
	kvpool_netlink_exit();
	/* Ends what is in flight; new transfers find no peer. */
	kvpool_control_exit();
	kvpool_mover_unregister(&kvpool_initiator);
	kvpool_target_exit();
	/* What has woken requests that waited may still be here. */
	kvpool_export_flush();
	kvpool_recheck_exit();
	kvpool_watch_exit();
	kvpool_ibdevs_exit();
	kvpool_stuck_exit();
	kvpool_auth_exit();
	kvpool_rights_exit();
	kvpool_wq_exit();
	kvpool_requests_exit();
	kvpool_jobs_exit();
	kvpool_buffers_exit();
	rcu_barrier();
	pr_info("unloaded\n");
}

module_init(kvpool_rdma_init);
module_exit(kvpool_rdma_exit);

MODULE_DESCRIPTION("kvpool between hosts, over RDMA");
MODULE_LICENSE("GPL");
IMPORT_SYMBOLS_KVPOOL;
MODULE_SOFTDEP("pre: hmac sha256");
