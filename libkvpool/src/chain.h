/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KVP_CHAIN_H
#define KVP_CHAIN_H

#include <kvpool.h>

#include <stdbool.h>

/* Where a key stands in its chain; the head has position zero and no parent. */
struct kvp_place {
	struct kvpool_key parent;
	uint32_t position;
};

/**
 * kvp_chain_note() - Remember where a key of this library stands
 * @key:      The key.
 * @parent:   The key before it; not looked at if @position is zero.
 * @position: Its position in the chain.
 *
 * As many keys are remembered as fit; newer keys take the room of older ones.
 * Any thread may call it.
 */
void kvp_chain_note(const struct kvpool_key *key, const struct kvpool_key *parent,
		    uint32_t position);

/**
 * kvp_chain_find() - Where does a key stand?
 * @key:   The key.
 * @place: Where to store it.
 *
 * Return: false if it is no key of this library, or has been forgotten.
 */
bool kvp_chain_find(const struct kvpool_key *key, struct kvp_place *place);

/**
 * kvp_chain_run() - How many entries go into one call that reserves?
 * @entries: The entries.
 * @nr:	     Their number, at least one.
 * @first:   Where to store the place of the first one.
 * @chained: Where to store whether the entries are blocks of a chain.
 *
 * Return: the number of leading entries that are consecutive blocks of a chain,
 * or blocks of none.
 */
unsigned int kvp_chain_run(const struct kvpool_entry *entries, unsigned int nr,
			   struct kvp_place *first, bool *chained);

#endif /* KVP_CHAIN_H */
