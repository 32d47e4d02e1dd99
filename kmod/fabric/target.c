// SPDX-License-Identifier: GPL-2.0
/* The target: listens for the connections of other hosts. */
#define pr_fmt(fmt) "kvpool_rdma: " fmt

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <rdma/rdma_cm.h>

#include "fabric/accept.h"
#include "fabric/auth.h"
#include "fabric/session.h"
#include "fabric/target.h"
#include "fabric/wq.h"

#define KVPOOL_LISTEN_MS	1000	/* until a listener is made again */

static DEFINE_MUTEX(kvpool_target_lock);	/* the listener */
static struct {
	struct rdma_cm_id *cm_id;
	bool gone;			/* its device goes away; any context */
	struct sockaddr_storage addr;	/* AF_UNSPEC: not to listen */
} kvpool_listener;

static void kvpool_target_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(kvpool_target_work, kvpool_target_work_fn);

static int kvpool_target_cm(struct rdma_cm_id *cm_id,
			    struct rdma_cm_event *event)
{
	if (event->event == RDMA_CM_EVENT_CONNECT_REQUEST)
		return kvpool_accept(cm_id, event);
	if (cm_id->context != &kvpool_listener)
		return kvpool_accept_event(cm_id->context, event);
	/*
	 * It may just be made, so it is left to the work to destroy it. Another
	 * one is made when there is a device with the address.
	 */
	if (event->event == RDMA_CM_EVENT_DEVICE_REMOVAL) {
		WRITE_ONCE(kvpool_listener.gone, true);
		mod_delayed_work(kvpool_rdma_wq, &kvpool_target_work, 0);
	}
	return 0;
}

static void kvpool_listener_stop(void)
{
	lockdep_assert_held(&kvpool_target_lock);
	if (kvpool_listener.cm_id)
		rdma_destroy_id(kvpool_listener.cm_id);
	kvpool_listener.cm_id = NULL;
}

static int kvpool_listener_start(void)
{
	struct rdma_cm_id *cm_id;
	int ret;

	lockdep_assert_held(&kvpool_target_lock);
	/* No handler runs: there is no id. */
	WRITE_ONCE(kvpool_listener.gone, false);
	cm_id = rdma_create_id(&init_net, kvpool_target_cm, &kvpool_listener,
			       RDMA_PS_TCP, IB_QPT_RC);
	if (IS_ERR(cm_id))
		return PTR_ERR(cm_id);
	ret = rdma_bind_addr(cm_id, (struct sockaddr *)&kvpool_listener.addr);
	ret = ret ?: rdma_listen(cm_id, 128);
	if (ret)
		rdma_destroy_id(cm_id);
	else
		kvpool_listener.cm_id = cm_id;
	return ret;
}

static bool kvpool_target_may_listen(void)
{
	return kvpool_auth_ready() || kvpool_auth_open();
}

/**
 * kvpool_target_listen() - Take sessions of other hosts
 * @addr: where; sessions that exist stay. NULL: nowhere, and they end
 *
 * Process context.
 *
 * Return: 0; -EPERM without a secret unless open; -EADDRNOTAVAIL or -ENODEV if
 * no RDMA device has the address; -EADDRINUSE; -EAFNOSUPPORT; -ENOMEM.
 */
int kvpool_target_listen(const struct sockaddr_storage *addr)
{
	int ret = 0;

	if (addr && addr->ss_family != AF_INET && addr->ss_family != AF_INET6)
		return -EAFNOSUPPORT;
	mutex_lock(&kvpool_target_lock);
	if (addr && !kvpool_target_may_listen()) {
		ret = -EPERM;
	} else {
		kvpool_listener_stop();
		kvpool_listener.addr.ss_family = AF_UNSPEC;
		if (addr) {
			kvpool_listener.addr = *addr;
			ret = kvpool_listener_start();
			if (ret)
				kvpool_listener.addr.ss_family = AF_UNSPEC;
		}
	}
	mutex_unlock(&kvpool_target_lock);
	if (!addr)
		kvpool_sessions_end();
	else if (!ret)
		mod_delayed_work(kvpool_rdma_wq, &kvpool_target_work,
				 msecs_to_jiffies(KVPOOL_LISTEN_MS));
	return ret;
}

/**
 * kvpool_target_check() - The secret, or whether one is needed, has changed
 *
 * Stops listening if sessions could not be authenticated any more.
 */
void kvpool_target_check(void)
{
	mutex_lock(&kvpool_target_lock);
	if (!kvpool_target_may_listen() &&
	    kvpool_listener.addr.ss_family != AF_UNSPEC) {
		pr_notice("not listening any more: no secret is set, and open mode is off\n");
		kvpool_listener_stop();
		kvpool_listener.addr.ss_family = AF_UNSPEC;
	}
	mutex_unlock(&kvpool_target_lock);
}

/* Make the listener again after its device has gone, when there is another. */
static void kvpool_target_work_fn(struct work_struct *work)
{
	mutex_lock(&kvpool_target_lock);
	if (READ_ONCE(kvpool_listener.gone))
		kvpool_listener_stop();
	if (kvpool_listener.addr.ss_family != AF_UNSPEC) {
		if (!kvpool_listener.cm_id)
			kvpool_listener_start();
		queue_delayed_work(kvpool_rdma_wq, &kvpool_target_work,
				   msecs_to_jiffies(KVPOOL_LISTEN_MS));
	}
	mutex_unlock(&kvpool_target_lock);
}

/**
 * kvpool_target_read() - Describe the target
 * @info: where to write it
 */
void kvpool_target_read(struct kvpool_target_info *info)
{
	mutex_lock(&kvpool_target_lock);
	info->addr = kvpool_listener.addr;
	info->listening = kvpool_listener.cm_id;
	mutex_unlock(&kvpool_target_lock);
}

/**
 * kvpool_target_exit() - Stop listening, and end all sessions
 */
void kvpool_target_exit(void)
{
	kvpool_target_listen(NULL);
	cancel_delayed_work_sync(&kvpool_target_work);
	kvpool_sessions_exit();
}
