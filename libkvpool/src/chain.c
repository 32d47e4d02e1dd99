// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where the keys that this library makes stand in their chains.
 *
 * One table serves the whole process, as keys are made in one place and used in
 * another. Each entry has a sequence number that is odd while it is written, so
 * that nobody waits for anybody, also after a fork. What is lost when two
 * threads write the same entry, or when a key is older than the table remembers,
 * is advice: the module then takes the block for one of no chain.
 */

#include "chain.h"

#include <stdlib.h>
#include <string.h>

#define SETS	(1U << 16)
#define WAYS	4U

/* A whole entry is 80 bytes; memory that is not used costs nothing. */
struct note {
	uint32_t seq;
	uint32_t position;
	uint64_t key[KVPOOL_KEY_SIZE / 8];
	uint64_t parent[KVPOOL_KEY_SIZE / 8];
};

static struct note *table;

static struct note *get_table(bool make)
{
	struct note *notes = __atomic_load_n(&table, __ATOMIC_ACQUIRE), *none = NULL;

	if (notes || !make)
		return notes;
	notes = calloc((size_t)SETS * WAYS, sizeof(*notes));
	if (!notes)
		return NULL;
	/* Of threads that come together, one wins. */
	if (__atomic_compare_exchange_n(&table, &none, notes, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return notes;
	free(notes);
	return none;
}

/* A key is a digest, so any part of it is as good as a hash. */
static struct note *set_of(struct note *notes, const struct kvpool_key *key)
{
	return notes + (size_t)(key->words[0] % SETS) * WAYS;
}

static bool has_key(const struct note *note, const struct kvpool_key *key)
{
	unsigned int i;

	for (i = 0; i < KVPOOL_KEY_SIZE / 8; i++)
		if (__atomic_load_n(&note->key[i], __ATOMIC_ACQUIRE) != key->words[i])
			return false;
	return true;
}

void kvp_chain_note(const struct kvpool_key *key, const struct kvpool_key *parent,
		    uint32_t position)
{
	struct note *notes = get_table(true), *note;
	unsigned int i;
	uint32_t seq;

	if (!notes)
		return;
	notes = set_of(notes, key);
	/* Its own entry, or an empty one, or any other. */
	note = &notes[key->words[1] % WAYS];
	for (i = 0; i < WAYS; i++) {
		if (has_key(&notes[i], key)) {
			note = &notes[i];
			break;
		}
		if (!__atomic_load_n(&notes[i].seq, __ATOMIC_RELAXED))
			note = &notes[i];
	}
	seq = __atomic_load_n(&note->seq, __ATOMIC_RELAXED);
	if (seq & 1 || !__atomic_compare_exchange_n(&note->seq, &seq, seq + 1, false,
						    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	/* Released, so that whoever sees one of them sees the odd number too. */
	__atomic_store_n(&note->position, position, __ATOMIC_RELEASE);
	for (i = 0; i < KVPOOL_KEY_SIZE / 8; i++) {
		__atomic_store_n(&note->key[i], key->words[i], __ATOMIC_RELEASE);
		__atomic_store_n(&note->parent[i], position ? parent->words[i] : 0,
				 __ATOMIC_RELEASE);
	}
	/* Zero means that the entry was never used. */
	__atomic_store_n(&note->seq, seq + 2 ? seq + 2 : 2, __ATOMIC_RELEASE);
}

static bool read_note(const struct note *note, const struct kvpool_key *key,
		      struct kvp_place *place)
{
	uint32_t seq = __atomic_load_n(&note->seq, __ATOMIC_ACQUIRE);
	unsigned int i;

	if (!seq || seq & 1 || !has_key(note, key))
		return false;
	place->position = __atomic_load_n(&note->position, __ATOMIC_ACQUIRE);
	for (i = 0; i < KVPOOL_KEY_SIZE / 8; i++)
		place->parent.words[i] = __atomic_load_n(&note->parent[i], __ATOMIC_ACQUIRE);
	return __atomic_load_n(&note->seq, __ATOMIC_RELAXED) == seq;
}

bool kvp_chain_find(const struct kvpool_key *key, struct kvp_place *place)
{
	struct note *notes = get_table(false);
	unsigned int i;

	if (!notes)
		return false;
	notes = set_of(notes, key);
	for (i = 0; i < WAYS; i++)
		if (read_note(&notes[i], key, place))
			return true;
	return false;
}

unsigned int kvp_chain_run(const struct kvpool_entry *entries, unsigned int nr,
			   struct kvp_place *first, bool *chained)
{
	struct kvp_place place;
	unsigned int i;

	*chained = kvp_chain_find(&entries[0].key, first);
	for (i = 1; i < nr; i++) {
		bool found = kvp_chain_find(&entries[i].key, &place);

		if (found != *chained)
			break;
		if (found && (place.position != first->position + i ||
			      memcmp(&place.parent, &entries[i - 1].key, sizeof(place.parent))))
			break;
	}
	return i;
}
