/* SPDX-License-Identifier: GPL-2.0 */
/* Changes of peers and links, for the listener above. */
#ifndef _KVPOOL_FABRIC_EVENTS_H
#define _KVPOOL_FABRIC_EVENTS_H

struct kvpool_link_info;
struct kvpool_peer_info;

enum kvpool_peer_event { KVPOOL_PEER_ADDED, KVPOOL_PEER_DELETED };
enum kvpool_link_event {
	KVPOOL_LINK_ADDED,
	KVPOOL_LINK_DELETED,
	KVPOOL_LINK_CHANGED,
};

/**
 * struct kvpool_event_ops - A listener for events
 * @peer:	something happened to a peer
 * @link:	something happened to a link
 *
 * Called in process context. A control call may be waiting for them to return.
 */
struct kvpool_event_ops {
	void (*peer)(const struct kvpool_peer_info *info,
		     enum kvpool_peer_event event);
	void (*link)(const struct kvpool_link_info *info,
		     enum kvpool_link_event event);
};

void kvpool_events_listen(const struct kvpool_event_ops *ops);
void kvpool_event_peer(const struct kvpool_peer_info *info,
		       enum kvpool_peer_event event);
void kvpool_event_link(const struct kvpool_link_info *info,
		       enum kvpool_link_event event);

#endif /* _KVPOOL_FABRIC_EVENTS_H */
