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
	uint64_t copied_bytes;	/* by the module with a CPU, for the whole tenant */
};

struct llm_cache;

/*
 * A cache serves one thread. Failures end the program with a message.
 */

/**
 * llm_cache_open() - Open the pool
 * @opts: Options.
 *
 * Return: the cache, to be closed with llm_cache_close().
 */
struct llm_cache *llm_cache_open(const struct llm_cache_opts *opts);

/**
 * llm_cache_close() - End all leases and reservations, and close the pool
 * @cache: The cache, or null.
 */
void llm_cache_close(struct llm_cache *cache);

/**
 * llm_cache_counts() - Counters since the cache was opened
 * @cache: The cache.
 *
 * Return: the counters.
 */
struct llm_cache_counts llm_cache_counts(struct llm_cache *cache);

/**
 * llm_cache_tokens() - Set the tokens that the next calls work on
 * @cache:  The cache.
 * @tokens: The tokens of the whole conversation.
 * @nr:	    Their number.
 *
 * Return: the number of full blocks.
 */
uint32_t llm_cache_tokens(struct llm_cache *cache, const uint32_t *tokens, uint32_t nr);

/**
 * llm_cache_lease() - Lease the longest prefix in the pool
 * @cache:      The cache, without leases.
 * @max_blocks: Most blocks to lease.
 * @rows:       Rows of all tokens; those of the leased blocks point to the pool
 *		until llm_cache_release().
 *
 * Return: the number of blocks leased.
 */
uint32_t llm_cache_lease(struct llm_cache *cache, uint32_t max_blocks, struct llm_rows *rows);

/**
 * llm_cache_release() - End the leases
 * @cache: The cache.
 */
void llm_cache_release(struct llm_cache *cache);

/**
 * llm_cache_reserve() - Reserve blocks, to compute them in the pool's memory
 * @cache: The cache, without reservations.
 * @first: Index of the first block.
 * @end:   Index behind the last.
 * @rows:  Rows of all tokens; those of the reserved blocks point to the pool until
 *	   llm_cache_seal(). Rows of blocks that cannot be reserved, because they
 *	   are pending or there is no space, stay as they are.
 */
void llm_cache_reserve(struct llm_cache *cache, uint32_t first, uint32_t end,
		       struct llm_rows *rows);

/**
 * llm_cache_seal() - Publish the reserved blocks
 * @cache: The cache.
 */
void llm_cache_seal(struct llm_cache *cache);

/**
 * llm_cache_store() - Reserve, copy and seal blocks that were computed elsewhere
 * @cache: The cache, without reservations.
 * @first: Index of the first block.
 * @end:   Index behind the last.
 * @rows:  Rows of all tokens.
 */
void llm_cache_store(struct llm_cache *cache, uint32_t first, uint32_t end,
		     const struct llm_rows *rows);

#endif /* KVPOOL_EXAMPLES_LLM_CACHE_H */
