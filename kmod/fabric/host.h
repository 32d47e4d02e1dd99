/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_HOST_H
#define _KVPOOL_FABRIC_HOST_H

#include <linux/rbtree.h>
#include <linux/socket.h>
#include <linux/types.h>

#include "fabric/grant.h"
#include "fabric/proto.h"
#include "fabric/push.h"

/**
 * struct kvpool_slot - The place of a session at its host
 * @node:	in host->slots
 * @number:	which queue pair of which of the host's links it is
 * @life:	the host's when it came
 * @taken:	it is in host->slots
 *
 * kvpool_hosts_lock protects it.
 */
struct kvpool_slot {
	struct rb_node node;
	u32 number;
	u32 life;
	bool taken;
};

/**
 * struct kvpool_slot_ops - What hosts need to know of sessions
 * @replace:	the host has connected the queue pair again, or begun anew: end
 *		the session, and return whether that frees memory that its host is
 *		charged for
 * @value:	how well can the session be spared? Negative: it ends already;
 *		zero: nobody is charged for it
 * @evict:	others need its memory: end the session
 *
 * Called with kvpool_hosts_lock held; cannot wait.
 */
struct kvpool_slot_ops {
	bool (*replace)(struct kvpool_slot *slot);
	long (*value)(struct kvpool_slot *slot);
	void (*evict)(struct kvpool_slot *slot);
};

/**
 * struct kvpool_host_key - What a host is found by
 * @name:	the name that it proved to have, or claims in open mode; padded
 *		with zeros
 * @proof:	number of the key that it proved to know, zero in open mode
 * @instance:	its identity, as one of its peers knows it
 */
struct kvpool_host_key {
	char name[KVPOOL_NAME_SIZE];
	u64 proof;
	u8 instance[KVPOOL_WIRE_HOST];
};

/**
 * struct kvpool_host - Another host, which has sessions on this one
 * @node:	in the table of all, by @key
 * @by_id:	in the table of all, by @id
 * @id:		number, never used again
 * @key:	who it is
 * @addr:	address of its latest session
 * @refs:	its sessions
 * @replaced:	another one with its name has come after it
 * @life:	how often that was so; read without a lock. Sessions of former
 *		lives are closed
 * @slots:	its sessions, by link and queue
 * @share:	what it has of the memory granted
 * @pushes:	blocks that it pushes
 */
struct kvpool_host {
	struct rb_node node;
	struct rb_node by_id;
	u64 id;
	struct kvpool_host_key key;
	struct sockaddr_storage addr;
	unsigned int refs;
	bool replaced;
	u32 life;
	struct rb_root slots;
	struct kvpool_share share;
	struct kvpool_pushes pushes;
};

/**
 * struct kvpool_host_info - A host as it is now
 * @id:		from 1, never used again
 * @name:	its name
 * @instance:	its identity
 * @addr:	address of its latest session
 * @authenticated: it proved that it knows a key
 * @sessions:	how many sessions it has
 * @pushes:	how many blocks it is pushing
 * @memory:	bytes that its sessions take
 */
struct kvpool_host_info {
	u64 id;
	char name[KVPOOL_NAME_SIZE];
	u8 instance[KVPOOL_WIRE_HOST];
	struct sockaddr_storage addr;
	bool authenticated;
	u32 sessions;
	u32 pushes;
	u64 memory;
};

struct kvpool_host *kvpool_host_get(const struct kvpool_host_key *key,
				    const struct sockaddr_storage *addr,
				    struct kvpool_slot *slot,
				    const struct kvpool_slot_ops *ops,
				    bool *frees);
void kvpool_host_leave(struct kvpool_host *host, struct kvpool_slot *slot);
void kvpool_host_put(struct kvpool_host *host);
bool kvpool_host_evict(u64 fair, const struct kvpool_slot_ops *ops);
u64 kvpool_hosts_expire(u64 after, unsigned int nr);
int kvpool_host_next(u64 after, struct kvpool_host_info *info);

#endif /* _KVPOOL_FABRIC_HOST_H */
