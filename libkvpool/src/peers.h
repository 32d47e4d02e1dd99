/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KVP_PEERS_H
#define KVP_PEERS_H

#include <kvpool.h>

/**
 * kvp_peer_choose() - The peer that options name, by number or by name
 * @pool:   The pool.
 * @name:   Name of the peer, or null.
 * @number: In: number of the peer, zero where @name is given. Out: the number,
 *	    zero if the options name no peer.
 * @call:   The public function, for the error text.
 *
 * Return: 0; -EINVAL if both are given; -ENOENT if no peer has the name.
 */
int kvp_peer_choose(const struct kvpool *pool, const char *name, uint32_t *number,
		    const char *call);

#endif /* KVP_PEERS_H */
