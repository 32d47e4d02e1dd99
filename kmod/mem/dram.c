// SPDX-License-Identifier: GPL-2.0
/*
 * DRAM tier: pages of one NUMA node. A node without CPUs (CXL and other far
 * memory) is served in the same way.
 */
#include <linux/gfp.h>

#include "mem/dram.h"
#include "mem/place.h"
#include "mem/tier.h"

/*
 * The memory is not charged to a memory cgroup, because the pool outlives the
 * process that made it grow; the tier's limit bounds it. Without __GFP_FS the
 * pool's own shrinker does nothing: the pool must not shrink in order to grow.
 */
static struct page *kvpool_dram_alloc(struct kvpool_tier *tier,
				      unsigned int flags)
{
	gfp_t gfp = GFP_NOFS | __GFP_COMP | __GFP_ZERO | __GFP_NOWARN |
		    __GFP_THISNODE;

	gfp |= flags & KVPOOL_GROW_HARD ? __GFP_RETRY_MAYFAIL : __GFP_NORETRY;
	return alloc_pages_node(tier->node, gfp, KVPOOL_CHUNK_ORDER);
}

static void kvpool_dram_free(struct kvpool_tier *tier, struct page *page)
{
	__free_pages(page, KVPOOL_CHUNK_ORDER);
}

const struct kvpool_tier_ops kvpool_tier_dram = {
	.name = "dram",
	.alloc = kvpool_dram_alloc,
	.free = kvpool_dram_free,
};
