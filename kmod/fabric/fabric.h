/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the control room may ask of the fabric, and what the fabric tells it.
 *
 * All functions are called in process context without locks and are safe from
 * any thread. Adding, deleting and listening are done one at a time; they wait
 * for the transport, within bounds, and for no peer.
 */
#ifndef _KVPOOL_FABRIC_H
#define _KVPOOL_FABRIC_H

#include <linux/key.h>
#include <linux/socket.h>
#include <linux/types.h>

#include "fabric/proto.h"

#define KVPOOL_PEER_NAME	32	/* with the NUL */
#define KVPOOL_IBDEV_NAME	64
#define KVPOOL_MAX_LINKS	16	/* of one peer */
#define KVPOOL_MAX_PEERS	1024
#define KVPOOL_PORT		KVPOOL_WIRE_PORT

enum kvpool_link_state {
	KVPOOL_LINK_DOWN,	/* it failed and waits to try again */
	KVPOOL_LINK_CONNECTING,
	KVPOOL_LINK_UP,		/* one of its queue pairs is */
	KVPOOL_LINK_DRAINING,	/* being fenced */
};

/**
 * struct kvpool_link_info - a link as it is now
 * @peer:	id of the peer
 * @id:		id of the link, from 1, unique within the peer
 * @state:	enum kvpool_link_state
 * @queues:	queue pairs that are up
 * @close_reason: enum kvpool_close: why a queue pair last ended
 * @last_error:	negative errno that came with it, or zero
 * @inflight:	requests sent and not answered
 * @rate:	bytes per second that it carried when last busy
 * @requests:	requests answered
 * @bytes_in:	bytes fetched
 * @bytes_out:	bytes pushed
 * @errors:	queue pairs that ended and were not told to
 * @reconnects:	queue pairs connected again
 * @dst:	address of the peer
 * @src:	address here, of family AF_UNSPEC if none was given
 * @ibdev:	RDMA device in use, empty while there is none
 */
struct kvpool_link_info {
	u32 peer;
	u32 id;
	u32 state;
	u32 queues;
	u32 close_reason;
	s32 last_error;
	u32 inflight;
	u64 rate;
	u64 requests;
	u64 bytes_in;
	u64 bytes_out;
	u64 errors;
	u64 reconnects;
	struct sockaddr_storage dst;
	struct sockaddr_storage src;
	char ibdev[KVPOOL_IBDEV_NAME];
};

/**
 * struct kvpool_peer_info - a peer as it is now
 * @id:		from 1
 * @name:	given by the administrator
 * @nr_links:	links
 * @nr_up:	those that are up
 * @requests:	operations done with it
 * @failed:	operations that failed for want of a link or by its fault
 * @bytes_in:	bytes fetched
 * @bytes_out:	bytes pushed
 */
struct kvpool_peer_info {
	u32 id;
	u32 nr_links;
	u32 nr_up;
	char name[KVPOOL_PEER_NAME];
	u64 requests;
	u64 failed;
	u64 bytes_in;
	u64 bytes_out;
};

/**
 * struct kvpool_session_info - a queue pair that another host connected
 * @id:		from 1, never used again
 * @src:	its address
 * @host:	identity that it claims
 * @authenticated: it proved that it knows the secret
 * @requests:	requests answered
 * @bytes_in:	bytes received by PUT
 * @bytes_out:	bytes sent by GET
 * @close_reason: enum kvpool_close, KVPOOL_CLOSE_NONE while it lives
 */
struct kvpool_session_info {
	u64 id;
	struct sockaddr_storage src;
	u8 host[KVPOOL_WIRE_HOST];
	bool authenticated;
	u64 requests;
	u64 bytes_in;
	u64 bytes_out;
	u32 close_reason;
};

/**
 * struct kvpool_listen_info - the target
 * @listening:	it takes connections
 * @open:	it takes them without a secret
 * @secret:	a secret is set
 * @addr:	where it listens, of family AF_UNSPEC if it was not told to
 * @sessions:	connections now
 * @accepted:	connections accepted since the module was loaded
 * @closes:	connections that ended or were refused, by enum kvpool_close
 */
struct kvpool_listen_info {
	bool listening;
	bool open;
	bool secret;
	struct sockaddr_storage addr;
	u32 sessions;
	u64 accepted;
	u64 closes[KVPOOL_NR_CLOSES];
};

/* Names of enum kvpool_close in lower case; NULL for other numbers. */
const char *kvpool_close_name(u32 reason);

/* -EINVAL (empty or unterminated name), -EEXIST, -ENOSPC, -ENOMEM */
int kvpool_peer_add(const char *name, u32 *id);
/* Fences what is in flight and fails it; the links go too. -ENOENT */
int kvpool_peer_del(u32 id);
/* Begins to connect. -ENOENT, -EAFNOSUPPORT, -EEXIST, -ENOSPC, -ENOMEM */
int kvpool_link_add(u32 peer, const struct sockaddr_storage *dst,
		    const struct sockaddr_storage *src, u32 *id);
/* Fences it; its requests go over the peer's other links. -ENOENT */
int kvpool_link_del(u32 peer, u32 id);

/* NULL stops. -EPERM without a secret unless open, -EADDRINUSE, ... */
int kvpool_fabric_listen(const struct sockaddr_storage *addr);
/*
 * Takes over the reference to a key of type "user" or "logon"; NULL is none,
 * which also stops listening unless it is open. -EKEYREJECTED: another type,
 * or shorter than 16 bytes; -EKEYEXPIRED, -EKEYREVOKED; -ENOMEM. The reference
 * is gone in any case. Connections that exist stay.
 */
int kvpool_fabric_set_secret(struct key *key);
/* Take and make connections to hosts without a secret. */
void kvpool_fabric_set_open(bool open);

/* The one after the id @after, 0 to begin; -ENOENT at the end. */
int kvpool_peer_next(u32 after, struct kvpool_peer_info *info);
int kvpool_link_next(u32 peer, u32 after, struct kvpool_link_info *info);
int kvpool_session_next(u64 after, struct kvpool_session_info *info);
void kvpool_listen_get(struct kvpool_listen_info *info);

enum kvpool_peer_event { KVPOOL_PEER_ADDED, KVPOOL_PEER_DELETED };
enum kvpool_link_event {
	KVPOOL_LINK_ADDED,
	KVPOOL_LINK_DELETED,
	KVPOOL_LINK_CHANGED,
};

/*
 * control/netlink.c. Events are told in process context, some of them while
 * another control call is kept waiting.
 */
int kvpool_netlink_init(void);
void kvpool_netlink_exit(void);
void kvpool_netlink_peer_event(const struct kvpool_peer_info *info,
			       enum kvpool_peer_event event);
void kvpool_netlink_link_event(const struct kvpool_link_info *info,
			       enum kvpool_link_event event);

#endif /* _KVPOOL_FABRIC_H */
