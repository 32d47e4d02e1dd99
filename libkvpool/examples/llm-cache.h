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
	uint64_t seed;		/* of the weights: keys differ with it */
	bool remote;		/* ask peers for what is not here */
	const char *peer;	/* name of the peer to ask, or null for all */
};

/* Counted since the cache was opened. */
struct llm_cache_counts {
	uint64_t local_blocks;	/* leased, found here */
	uint64_t remote_blocks;	/* leased, read from a peer */
	uint64_t remote_bytes;
	uint64_t produced_blocks;
	uint64_t produced_bytes;
	uint64_t copied_bytes;	/* by the module, with a CPU; of the whole tenant */
};

struct llm_cache;

struct llm_cache *llm_cache_open(const struct llm_cache_opts *opts);
void llm_cache_close(struct llm_cache *cache);
struct llm_cache_counts llm_cache_counts(struct llm_cache *cache);

/* Sets the tokens that the next calls work on. Returns the number of full blocks. */
uint32_t llm_cache_tokens(struct llm_cache *cache, const uint32_t *tokens, uint32_t nr);

/*
 * Leases the longest prefix in the pool, @max_blocks at most, and points the rows
 * of its tokens to it. Returns the number of its blocks. The leases last
 * until llm_cache_release().
 */
uint32_t llm_cache_lease(struct llm_cache *cache, uint32_t max_blocks, struct llm_rows *rows);
void llm_cache_release(struct llm_cache *cache);

/*
 * Reserves the blocks from @first to before @end and points the rows of their
 * tokens to them, so that they are computed in the pool's memory. Rows of blocks
 * that cannot be reserved, because they are pending or there is no space, stay as
 * they are. llm_cache_seal() publishes the reserved blocks.
 */
void llm_cache_reserve(struct llm_cache *cache, uint32_t first, uint32_t end,
		       struct llm_rows *rows);
void llm_cache_seal(struct llm_cache *cache);

/* Reserves, copies and seals, for blocks whose rows were computed elsewhere. */
void llm_cache_store(struct llm_cache *cache, uint32_t first, uint32_t end,
		     const struct llm_rows *rows);

#endif /* KVPOOL_EXAMPLES_LLM_CACHE_H */
