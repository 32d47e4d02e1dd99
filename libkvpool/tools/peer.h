/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_PEER_H
#define KVPOOLCTL_PEER_H

#include "netlink.h"

/**
 * struct peer_name - A peer by number and name
 * @id:		Its number.
 * @name:	Its name.
 */
struct peer_name {
	uint32_t id;
	char name[KVPOOL_PEER_NAME_SIZE];
};

/**
 * struct peer_names - All peers
 * @list:	The peers.
 * @nr:		Number of peers.
 */
struct peer_names {
	struct peer_name *list;
	int nr;
};

enum code peer_read_names(struct peer_names *peers);
void peer_free_names(struct peer_names *peers);
const char *peer_name(const struct peer_names *peers, uint64_t id);
enum code peer_find(const char *name, uint32_t *id);
void peer_show(struct genlmsghdr *hdr);

#endif /* KVPOOLCTL_PEER_H */
