// SPDX-License-Identifier: MIT
/*
 * The KV cache of kvpool-llm in the pool: a block holds the keys and values of
 * block_tokens tokens in all layers, under the chained key of the prompt up to
 * and including them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "llm-cache.h"

struct llm_cache {
	struct kvpool *pool;
	struct kvpool_batch *leases;
	struct kvpool_batch *made;
	struct kvpool_key *keys;
	uint32_t nr_keys;
	uint32_t block_tokens;
	uint64_t block_bytes;
	uint64_t copied_before;
	bool remote;
	const char *peer;
	char key_seed[96];
	struct llm_cache_counts counts;
};

static uint64_t copied_bytes(struct llm_cache *cache)
{
	struct kvpool_stats stats;

	if (kvpool_stats_read(cache->pool, &stats, sizeof(stats)))
		die(EX_NO_POOL, "%s", kvpool_last_error());
	return stats.copied_bytes;
}

struct llm_cache *llm_cache_open(const struct llm_cache_opts *opts)
{
	const struct kvpool_open_opts open = { .size = sizeof(open), .tenant = opts->tenant };
	struct llm_cache *cache = xcalloc(1, sizeof(*cache));
	uint32_t max_blocks = LLM_MAX_TOKENS / opts->block_tokens;

	cache->block_tokens = opts->block_tokens;
	cache->block_bytes = opts->block_tokens * LLM_TOKEN_BYTES;
	cache->remote = opts->remote;
	cache->peer = opts->peer;
	cache->keys = xcalloc(max_blocks, sizeof(*cache->keys));
	/* Keys must differ where the bytes of the blocks differ. */
	snprintf(cache->key_seed, sizeof(cache->key_seed),
		 "kvpool-llm 1 layers %d heads %d of %d hidden %d float block %" PRIu32
		 " seed %" PRIu64, LLM_LAYERS, LLM_HEADS, LLM_HEAD_DIM, LLM_HIDDEN,
		 opts->block_tokens, opts->seed);
	if (kvpool_open(&cache->pool, &open) ||
	    kvpool_batch_create(cache->pool, max_blocks, &cache->leases) ||
	    kvpool_batch_create(cache->pool, max_blocks, &cache->made))
		die(EX_NO_POOL, "%s", kvpool_last_error());
	cache->copied_before = copied_bytes(cache);
	return cache;
}

void llm_cache_close(struct llm_cache *cache)
{
	if (!cache)
		return;
	kvpool_batch_destroy(cache->leases);
	kvpool_batch_destroy(cache->made);
	kvpool_close(cache->pool);
	free(cache->keys);
	free(cache);
}

struct llm_cache_counts llm_cache_counts(struct llm_cache *cache)
{
	cache->counts.copied_bytes = copied_bytes(cache) - cache->copied_before;
	return cache->counts;
}

uint32_t llm_cache_tokens(struct llm_cache *cache, const uint32_t *tokens, uint32_t nr)
{
	int made = kvpool_prefix_keys(cache->key_seed, strlen(cache->key_seed),
				      cache->block_tokens, tokens, nr, cache->keys,
				      LLM_MAX_TOKENS / cache->block_tokens);

	if (made < 0)
		die(EX_NO_POOL, "cannot make the keys of a prompt: %s", kvpool_strerror(made));
	cache->nr_keys = (uint32_t)made;
	return cache->nr_keys;
}

/*
 * A row is shorter than a page and its offset a multiple of its size, so no row
 * lies in two spans.
 */
static void point_rows(struct llm_cache *cache, struct kvpool_batch *batch, unsigned int index,
		       struct llm_rows *rows)
{
	unsigned int layer, which;
	uint32_t token;

	for (layer = 0; layer < LLM_LAYERS; layer++)
		for (which = LLM_K; which <= LLM_V; which++)
			for (token = 0; token < cache->block_tokens; token++)
				rows[token].row[layer][which] =
					kvpool_block_at(batch, index,
							llm_row_offset(cache->block_tokens, token,
								       layer, which), NULL);
}

uint32_t llm_cache_lease(struct llm_cache *cache, uint32_t max_blocks, struct llm_rows *rows)
{
	struct kvpool_consume_opts opts = {
		.size = sizeof(opts), .flags = KVPOOL_CONSUME_PREFIX,
	};
	unsigned int i;
	int hits = 0;

	if (cache->remote) {
		opts.flags |= KVPOOL_CONSUME_REMOTE;
		opts.length = cache->block_bytes;
		opts.peer_name = cache->peer;
	}
	if (max_blocks > cache->nr_keys)
		max_blocks = cache->nr_keys;
	if (max_blocks)
		hits = kvpool_consume_begin(cache->leases, cache->keys, NULL, max_blocks, &opts);
	if (hits < 0)
		die(EX_NO_POOL, "a prefix could not be leased: %s", kvpool_last_error());
	for (i = 0; i < (unsigned int)hits; i++) {
		point_rows(cache, cache->leases, i, rows + i * cache->block_tokens);
		if (kvpool_block_route(cache->leases, i) == KVPOOL_ROUTE_RDMA) {
			cache->counts.remote_blocks++;
			cache->counts.remote_bytes += cache->block_bytes;
		} else {
			cache->counts.local_blocks++;
		}
	}
	return (uint32_t)hits;
}

void llm_cache_release(struct llm_cache *cache)
{
	if (kvpool_batch_held(cache->leases) && kvpool_consume_end(cache->leases, NULL, 0) < 0)
		die(EX_NO_POOL, "leases could not be ended: %s", kvpool_last_error());
}

/* Whether a block was reserved; a pending or sealed key and a full pool are no failures. */
static bool reserved(struct llm_cache *cache, unsigned int index)
{
	int status = kvpool_block_status(cache->made, index);

	switch (status) {
	case 0:
		return true;
	case -EEXIST:
	case -EBUSY:
	case -ENOSPC:
	case -EDQUOT:
		return false;
	default:
		die(EX_NO_POOL, "a block could not be reserved: %s", kvpool_strerror(status));
	}
}

static uint32_t reserve(struct llm_cache *cache, uint32_t first, uint32_t end)
{
	const struct kvpool_produce_opts opts = {
		.size = sizeof(opts), .length = cache->block_bytes,
	};

	if (first >= end)
		return 0;
	if (kvpool_produce_begin(cache->made, cache->keys + first, NULL, end - first, &opts) < 0)
		die(EX_NO_POOL, "no block could be reserved: %s", kvpool_last_error());
	return end - first;
}

void llm_cache_reserve(struct llm_cache *cache, uint32_t first, uint32_t end,
		       struct llm_rows *rows)
{
	uint32_t nr = reserve(cache, first, end);
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (reserved(cache, i))
			point_rows(cache, cache->made, i, rows + (first + i) * cache->block_tokens);
}

void llm_cache_seal(struct llm_cache *cache)
{
	int sealed;

	if (!kvpool_batch_held(cache->made))
		return;
	sealed = kvpool_produce_commit(cache->made, NULL, NULL, 0, 0);
	if (sealed < 0)
		die(EX_NO_POOL, "blocks could not be sealed: %s", kvpool_last_error());
	cache->counts.produced_blocks += (uint64_t)sealed;
	cache->counts.produced_bytes += (uint64_t)sealed * cache->block_bytes;
}

static void copy_in(struct llm_cache *cache, unsigned int index, const struct llm_rows *rows)
{
	unsigned int layer, which;
	uint32_t token;
	int error;

	for (layer = 0; layer < LLM_LAYERS; layer++) {
		for (which = LLM_K; which <= LLM_V; which++) {
			for (token = 0; token < cache->block_tokens; token++) {
				error = kvpool_block_write(cache->made, index,
							   llm_row_offset(cache->block_tokens,
									  token, layer, which),
							   rows[token].row[layer][which],
							   LLM_ROW_BYTES);
				if (error)
					die(EX_NO_POOL, "a block could not be filled: %s",
					    kvpool_strerror(error));
			}
		}
	}
}

void llm_cache_store(struct llm_cache *cache, uint32_t first, uint32_t end,
		     const struct llm_rows *rows)
{
	uint32_t nr = reserve(cache, first, end);
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (reserved(cache, i))
			copy_in(cache, i, rows + (first + i) * cache->block_tokens);
	llm_cache_seal(cache);
}
