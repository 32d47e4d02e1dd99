// SPDX-License-Identifier: MIT
/* Peers, as the netlink family has them. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/genl/genl.h>

#include "../shared/shared.h"
#include "memory.h"
#include "names.h"
#include "out.h"

static void take_name(struct genlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[KVPOOL_A_PEER_MAX + 1];
	struct peer_names *peers = arg;
	struct peer_name *peer;

	netlink_attrs(hdr, attrs, KVPOOL_A_PEER_MAX);
	peers->list = memory_resize(peers->list, (size_t)peers->nr + 1, sizeof(*peers->list));
	peer = &peers->list[peers->nr++];
	peer->id = (uint32_t)netlink_number(attrs[KVPOOL_A_PEER_ID]);
	snprintf(peer->name, sizeof(peer->name), "%s", netlink_text(attrs[KVPOOL_A_PEER_NAME]));
}

/**
 * peer_read_names - Read the names of all peers
 * @peers:	Is set; for peer_free_names(), also after a failure.
 *
 * Return: CODE_OK, or another status with a message kept.
 */
enum code peer_read_names(struct peer_names *peers)
{
	int error;

	memset(peers, 0, sizeof(*peers));
	error = netlink_dump(KVPOOL_CMD_PEER_GET, take_name, peers);
	return error ? netlink_failed(error, "list the peers") : CODE_OK;
}

/**
 * peer_free_names - Free what peer_read_names() allocated
 * @peers:	The peers.
 */
void peer_free_names(struct peer_names *peers)
{
	free(peers->list);
	memset(peers, 0, sizeof(*peers));
}

/**
 * peer_name - The name of a peer
 * @peers:	All peers.
 * @id:		Its number.
 *
 * Return: The name, "?" if @peers lacks the peer.
 */
const char *peer_name(const struct peer_names *peers, uint64_t id)
{
	int i;

	for (i = 0; i < peers->nr; i++)
		if (peers->list[i].id == id)
			return peers->list[i].name;
	return "?";
}

/* By name, or else by number; null with a message kept. */
static const struct peer_name *search(const struct peer_names *peers, const char *name)
{
	const struct peer_name *found = NULL;
	struct names names = { 0 };
	uint64_t number;
	int i;

	if (!parse_u64(name, &number))
		number = 0;
	for (i = 0; i < peers->nr; i++) {
		if (!strcmp(peers->list[i].name, name))
			return &peers->list[i];
		if (peers->list[i].id == number)
			found = &peers->list[i];
		names_add(&names, peers->list[i].name);
	}
	if (!found)
		names_missing(&names, "peer", name);
	return found;
}

/**
 * peer_find - Find a peer
 * @name:	Its name or its number.
 * @id:		Set to its number.
 *
 * Return: CODE_OK, or another status with a message kept.
 */
enum code peer_find(const char *name, uint32_t *id)
{
	const struct peer_name *peer;
	struct peer_names peers;
	enum code code;

	code = peer_read_names(&peers);
	if (!code) {
		peer = search(&peers, name);
		if (peer)
			*id = peer->id;
		else
			code = CODE_NOT_FOUND;
	}
	peer_free_names(&peers);
	return code;
}

/**
 * peer_show - Show the members of a peer
 * @hdr:	The message about it.
 */
void peer_show(struct genlmsghdr *hdr)
{
	static const struct netlink_number numbers[] = {
		{ KVPOOL_A_PEER_NR_LINKS, "links" },
		{ KVPOOL_A_PEER_NR_UP, "links_up" },
		{ KVPOOL_A_PEER_REQUESTS, "requests" },
		{ KVPOOL_A_PEER_FAILED, "failed" },
		{ KVPOOL_A_PEER_BYTES_IN, "in_bytes" },
		{ KVPOOL_A_PEER_BYTES_OUT, "out_bytes" },
	};
	struct nlattr *attrs[KVPOOL_A_PEER_MAX + 1];

	netlink_attrs(hdr, attrs, KVPOOL_A_PEER_MAX);
	out_number("id", netlink_number(attrs[KVPOOL_A_PEER_ID]));
	out_text("name", netlink_text(attrs[KVPOOL_A_PEER_NAME]));
	if (attrs[KVPOOL_A_PEER_HOST])
		out_text("host", netlink_text(attrs[KVPOOL_A_PEER_HOST]));
	netlink_show_numbers(attrs, numbers, ARRAY_SIZE(numbers));
}
