/* SPDX-License-Identifier: GPL-2.0 */
/* Whether anything but the arena and mappings references a chunk. */
#ifndef _KVPOOL_REFS_H
#define _KVPOOL_REFS_H

#include <linux/mm.h>

#include "compat.h"
#include "mem/extent.h"

/**
 * kvpool_chunk_referenced() - Tell whether anybody else references a chunk
 * @chunk: a chunk that stays during the call
 *
 * A DMA pin is such a reference, and so is that of a device or a pipe that the
 * kernel serves without a pin, which is how direct I/O works before 6.3. Not
 * every holder writes, but there is no telling.
 *
 * An entry of a page table takes its reference before it is counted and drops
 * it afterwards, so entries that come and go during the call can make a chunk
 * look referenced that is not.
 *
 * Context: Any; takes no lock. Reads up to KVPOOL_CHUNK_PAGES counts before
 * 6.10.
 * Return: true if there is a reference that no mapping explains.
 */
static inline bool kvpool_chunk_referenced(const struct kvpool_chunk *chunk)
{
	struct folio *folio = page_folio(chunk->page);
	int refs, maps;

	if (folio_maybe_dma_pinned(folio))
		return true;
	refs = folio_ref_count(folio);
	if (refs == 1)
		return false;
	smp_rmb();	/* entries are counted after they took a reference */
	maps = kvpool_folio_mapcount(folio, refs - 1);
	smp_rmb();	/* did entries come and go in between? */
	return refs != 1 + maps || folio_ref_count(folio) != refs;
}

#endif /* _KVPOOL_REFS_H */
