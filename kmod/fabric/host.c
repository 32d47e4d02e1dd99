// SPDX-License-Identifier: GPL-2.0
/* Hosts that have sessions on this one. */
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "fabric/host.h"

static DEFINE_MUTEX(kvpool_hosts_lock);	/* the list and its references */
static LIST_HEAD(kvpool_hosts);

/**
 * kvpool_host_get() - Find or make the host of a new session
 * @id: the identity that it claims: KVPOOL_WIRE_HOST bytes
 *
 * Return: the host with a reference, or NULL without memory.
 */
struct kvpool_host *kvpool_host_get(const u8 *id)
{
	struct kvpool_host *host;

	mutex_lock(&kvpool_hosts_lock);
	list_for_each_entry(host, &kvpool_hosts, entry) {
		if (!memcmp(host->id, id, sizeof(host->id))) {
			host->refs++;
			goto out;
		}
	}
	host = kzalloc(sizeof(*host), GFP_KERNEL);
	if (host) {
		host->refs = 1;
		memcpy(host->id, id, sizeof(host->id));
		kvpool_pushes_init(&host->pushes);
		list_add_tail(&host->entry, &kvpool_hosts);
	}
out:
	mutex_unlock(&kvpool_hosts_lock);
	return host;
}

/**
 * kvpool_host_put() - A session of a host has ended
 * @host: the host
 *
 * With its last session, what the host was pushing ends.
 */
void kvpool_host_put(struct kvpool_host *host)
{
	bool last;

	mutex_lock(&kvpool_hosts_lock);
	last = !--host->refs;
	if (last)
		list_del(&host->entry);
	mutex_unlock(&kvpool_hosts_lock);
	if (last) {
		kvpool_pushes_exit(&host->pushes);
		kfree(host);
	}
}

/**
 * kvpool_hosts_expire() - End the pushes that make no progress
 */
void kvpool_hosts_expire(void)
{
	struct kvpool_host *host;

	mutex_lock(&kvpool_hosts_lock);
	list_for_each_entry(host, &kvpool_hosts, entry)
		kvpool_pushes_expire(&host->pushes);
	mutex_unlock(&kvpool_hosts_lock);
}
