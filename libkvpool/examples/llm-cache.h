/* SPDX-License-Identifier: MIT */
/* How kvpool-llm keeps its KV cache in the pool. */
#ifndef KVPOOL_EXAMPLES_LLM_CACHE_H
#define KVPOOL_EXAMPLES_LLM_CACHE_H

#include <stdbool.h>

#include <kvpool.h>

#include "llm-model.h"

struct llm_cache_opts {
	const char *tenant;
	uint32_t block_tokens;
	uint64_t seed;		/* of the weights: other weights, other keys */
	bool remote;		/* ask peers for what is not here */
	uint32_t peer;		/* which; 0 for any */
};

/* What happened since the cache was opened. */
struct llm_cache_counts {
	uint64_t local_blocks;	/* leased, found here */
	uint64_t remote_blocks;	/* leased, brought from a peer */
	uint64_t remote_bytes;
	uint64_t produced_blocks;
	uint64_t produced_bytes;
	uint64_t copied_bytes;	/* by the module, with a CPU; of the whole tenant */
};

struct llm_cache;

struct llm_cache *llm_cache_open(const struct llm_cache_opts *opts);
void llm_cache_close(struct llm_cache *cache);
struct llm_cache_counts llm_cache_counts(struct llm_cache *cache);

/* Names the tokens that the next calls are about. Returns the full blocks. */
uint32_t llm_cache_tokens(struct llm_cache *cache, const uint32_t *tokens, uint32_t nr);

/*
 * Leases the longest prefix that is there, @max_blocks at most, and points the
 * rows of its tokens to it. Returns the number of its blocks. The leases last
 * until llm_cache_release().
 */
uint32_t llm_cache_lease(struct llm_cache *cache, uint32_t max_blocks, struct llm_rows *rows);
void llm_cache_release(struct llm_cache *cache);

/*
 * Reserves the blocks from @first to before @end and points the rows of their
 * tokens to them, so that they are computed in the pool's memory. Rows of blocks
 * that cannot be had, because others are making them or there is no space,
 * stay as they are. llm_cache_seal() publishes what was reserved.
 */
void llm_cache_reserve(struct llm_cache *cache, uint32_t first, uint32_t end,
		       struct llm_rows *rows);
void llm_cache_seal(struct llm_cache *cache);

/* Like both, for blocks whose tokens were computed before they were known. */
void llm_cache_store(struct llm_cache *cache, uint32_t first, uint32_t end,
		     const struct llm_rows *rows);

#endif /* KVPOOL_EXAMPLES_LLM_CACHE_H */
