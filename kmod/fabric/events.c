// SPDX-License-Identifier: GPL-2.0
/* Hands events of peers and links to the one listener above: netlink. */
#include <linux/rwsem.h>

#include "fabric/events.h"

/* Read: the listener is being called; write: it changes. */
static DECLARE_RWSEM(kvpool_events_sem);
static const struct kvpool_event_ops *kvpool_event_ops;

/**
 * kvpool_events_listen() - Set the listener
 * @ops: the listener, or NULL for none
 *
 * When it returns, the former listener is not being called any more.
 */
void kvpool_events_listen(const struct kvpool_event_ops *ops)
{
	down_write(&kvpool_events_sem);
	kvpool_event_ops = ops;
	up_write(&kvpool_events_sem);
}

/**
 * kvpool_event_peer() - Report what happened to a peer
 * @info: the peer
 * @event: what happened
 *
 * Process context.
 */
void kvpool_event_peer(const struct kvpool_peer_info *info,
		       enum kvpool_peer_event event)
{
	down_read(&kvpool_events_sem);
	if (kvpool_event_ops)
		kvpool_event_ops->peer(info, event);
	up_read(&kvpool_events_sem);
}

/**
 * kvpool_event_link() - Report what happened to a link
 * @info: the link
 * @event: what happened
 *
 * Process context.
 */
void kvpool_event_link(const struct kvpool_link_info *info,
		       enum kvpool_link_event event)
{
	down_read(&kvpool_events_sem);
	if (kvpool_event_ops)
		kvpool_event_ops->link(info, event);
	up_read(&kvpool_events_sem);
}
