// SPDX-License-Identifier: GPL-2.0
/*
 * Settings of all connections. Each is read when it matters: a change holds for
 * what is connected from then on, that of the idle time at once.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <rdma/rdma_cm.h>

#include "fabric/settings.h"

/*
 * Exponents of 4.096 us: 67 ms, with the retries half a second, where a lost
 * tail packet is not to cost more. Soft RDMA shares its CPU with all else, and
 * needs 268 ms.
 */
#define KVPOOL_ACK_TIMEOUT_NIC	14
#define KVPOOL_ACK_TIMEOUT_SOFT	16

static unsigned int kvpool_queues = 2;
module_param_named(queues, kvpool_queues, uint, 0644);
MODULE_PARM_DESC(queues, "most queue pairs of a new link, 1 to 8; default 2");

static u32 kvpool_idle_ms = 60000;
static unsigned int kvpool_ack_timeout;
static int kvpool_service_type = -1;
static bool kvpool_strict_fence;

/**
 * kvpool_setting_queues() - Tell how many queue pairs a new link may have
 *
 * Context: any.
 *
 * Return: 1 to KVPOOL_QUEUES_MAX.
 */
unsigned int kvpool_setting_queues(void)
{
	return clamp_t(unsigned int, READ_ONCE(kvpool_queues), 1,
		       KVPOOL_QUEUES_MAX);
}

/**
 * kvpool_setting_set_queues() - Set how many queue pairs a new link may have
 * @queues: 1 to KVPOOL_QUEUES_MAX
 *
 * Context: any.
 *
 * Return: 0 or -EINVAL.
 */
int kvpool_setting_set_queues(unsigned int queues)
{
	if (!queues || queues > KVPOOL_QUEUES_MAX)
		return -EINVAL;
	WRITE_ONCE(kvpool_queues, queues);
	return 0;
}

/**
 * kvpool_setting_idle_ms() - Tell how long a connection stays without use
 *
 * Context: any.
 *
 * Return: milliseconds; zero: for ever.
 */
u32 kvpool_setting_idle_ms(void)
{
	return READ_ONCE(kvpool_idle_ms);
}

/**
 * kvpool_setting_set_idle_ms() - Set how long a connection stays without use
 * @ms: up to KVPOOL_IDLE_MS_MAX; zero: for ever
 *
 * Context: any.
 *
 * Return: 0 or -EINVAL.
 */
int kvpool_setting_set_idle_ms(u32 ms)
{
	if (ms > KVPOOL_IDLE_MS_MAX)
		return -EINVAL;
	WRITE_ONCE(kvpool_idle_ms, ms);
	return 0;
}

/**
 * kvpool_setting_ack_timeout() - Tell the time of the transport until it
 *	retries
 *
 * Context: any.
 *
 * Return: exponent of 4.096 us; zero: what fits the device.
 */
unsigned int kvpool_setting_ack_timeout(void)
{
	return READ_ONCE(kvpool_ack_timeout);
}

/**
 * kvpool_setting_set_ack_timeout() - Set the time of the transport until it
 *	retries
 * @exponent: of 4.096 us, KVPOOL_ACK_TIMEOUT_MIN to _MAX; zero: what fits the
 *	      device
 *
 * Context: any.
 *
 * Return: 0 or -EINVAL.
 */
int kvpool_setting_set_ack_timeout(unsigned int exponent)
{
	if (exponent && (exponent < KVPOOL_ACK_TIMEOUT_MIN ||
			 exponent > KVPOOL_ACK_TIMEOUT_MAX))
		return -EINVAL;
	WRITE_ONCE(kvpool_ack_timeout, exponent);
	return 0;
}

/**
 * kvpool_setting_service_type() - Tell the type of service of packets
 *
 * Context: any.
 *
 * Return: 0 to 255, with RoCE the ToS byte of IP; -1: what the system has.
 */
int kvpool_setting_service_type(void)
{
	return READ_ONCE(kvpool_service_type);
}

/**
 * kvpool_setting_set_service_type() - Set the type of service of packets
 * @type: 0 to 255, or -1: what the system has
 *
 * Context: any.
 *
 * Return: 0 or -EINVAL.
 */
int kvpool_setting_set_service_type(int type)
{
	if (type < -1 || type > 255)
		return -EINVAL;
	WRITE_ONCE(kvpool_service_type, type);
	return 0;
}

/**
 * kvpool_setting_strict_fence() - Does every answer have to release the memory?
 *
 * Context: any.
 *
 * Return: true if no answers by RDMA WRITE with immediate are asked for.
 */
bool kvpool_setting_strict_fence(void)
{
	return READ_ONCE(kvpool_strict_fence);
}

/**
 * kvpool_setting_set_strict_fence() - Say if every answer has to release the
 *	memory
 * @strict: whether
 *
 * Context: any.
 */
void kvpool_setting_set_strict_fence(bool strict)
{
	WRITE_ONCE(kvpool_strict_fence, strict);
}

/**
 * kvpool_settings_apply() - Prepare a connection as the settings say
 * @cm_id: a connection to be made or to be accepted, which has a device
 *
 * Context: process; not after the queue pair is connected. The service type has
 * an effect only before the route is resolved, the time before the queue pair
 * is connected.
 */
void kvpool_settings_apply(struct rdma_cm_id *cm_id)
{
	int type = kvpool_setting_service_type();
	unsigned int exponent = kvpool_setting_ack_timeout();

	if (type >= 0)
		rdma_set_service_type(cm_id, type);
	if (!cm_id->device)
		return;
	/* Soft RDMA has no device that does DMA. */
	if (!exponent)
		exponent = cm_id->device->dma_device ? KVPOOL_ACK_TIMEOUT_NIC :
						      KVPOOL_ACK_TIMEOUT_SOFT;
	rdma_set_ack_timeout(cm_id, exponent);
}
