// SPDX-License-Identifier: LGPL-2.1-or-later
/* Chained prefix keys. */

#include "chain.h"
#include "error.h"
#include "export.h"

#include <kvpool.h>

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/sha2.h>
#include <nettle/version.h>

#if NETTLE_VERSION_MAJOR >= 4
#define kvp_sha256_digest(ctx, to) sha256_digest(ctx, to)
#else
#define kvp_sha256_digest(ctx, to) sha256_digest(ctx, SHA256_DIGEST_SIZE, to)
#endif

_Static_assert(KVPOOL_KEY_SIZE == SHA256_DIGEST_SIZE, "a key is a SHA-256 digest");

struct kvpool_key_chain {
	struct sha256_ctx hash;		/* has taken the key before and @partial tokens */
	uint32_t block_tokens;
	uint32_t partial;		/* below @block_tokens */
	uint32_t position;		/* of the next key */
	struct kvpool_key last;		/* the key before it */
};

/* Hashes @n tokens as little-endian numbers. */
static void hash_tokens(struct sha256_ctx *hash, const uint32_t *tokens, size_t n)
{
#if __BYTE_ORDER == __LITTLE_ENDIAN
	sha256_update(hash, n * sizeof(*tokens), (const uint8_t *)tokens);
#else
	while (n--) {
		uint32_t le = htole32(*tokens++);

		sha256_update(hash, sizeof(le), (const uint8_t *)&le);
	}
#endif
}

static void chain_init(struct kvpool_key_chain *chain, const void *seed, size_t seed_size,
		       uint32_t block_tokens)
{
	uint8_t root[SHA256_DIGEST_SIZE];

	sha256_init(&chain->hash);
	if (seed_size)
		sha256_update(&chain->hash, seed_size, seed);
	/* Taking the digest begins a new hash. */
	kvp_sha256_digest(&chain->hash, root);
	sha256_update(&chain->hash, sizeof(root), root);
	chain->block_tokens = block_tokens;
	chain->partial = 0;
	chain->position = 0;
}

static int chain_append(struct kvpool_key_chain *chain, const uint32_t *tokens,
			size_t nr_tokens, struct kvpool_key *keys, size_t max_keys,
			const char *call)
{
	size_t full, i, n;

	if ((!tokens && nr_tokens) || (!keys && max_keys) || nr_tokens > SIZE_MAX / 8)
		return kvp_fail(-EINVAL, "%s: no tokens, nowhere to store the keys, or too many tokens",
				call);
	/* In two steps, so that the sum does not wrap where size_t has 32 bits. */
	full = nr_tokens / chain->block_tokens;
	if (nr_tokens % chain->block_tokens >= chain->block_tokens - chain->partial)
		full++;
	if (full > INT_MAX)
		return kvp_fail(-EINVAL, "%s: more than %d keys in one call; pass the tokens in parts", call,
				INT_MAX);
	if (full > max_keys)
		return kvp_fail(-ENOBUFS, "%s: %zu keys do not fit in an array of %zu; make it larger", call,
				full, max_keys);
	for (i = 0; i < full; i++) {
		n = chain->block_tokens - chain->partial;
		hash_tokens(&chain->hash, tokens, n);
		tokens += n;
		nr_tokens -= n;
		chain->partial = 0;
		kvp_sha256_digest(&chain->hash, keys[i].bytes);
		sha256_update(&chain->hash, sizeof(keys[i].bytes), keys[i].bytes);
		kvp_chain_note(&keys[i], &chain->last, chain->position++);
		chain->last = keys[i];
	}
	if (nr_tokens)
		hash_tokens(&chain->hash, tokens, nr_tokens);
	chain->partial += nr_tokens;
	return full;
}

static int check_seed(const void *seed, size_t seed_size, uint32_t block_tokens,
		      const char *call)
{
	if ((!seed && seed_size) || !block_tokens)
		return kvp_fail(-EINVAL, "%s: no seed, or no tokens in a block", call);
	return 0;
}

KVP_EXPORT int kvpool_prefix_keys(const void *seed, size_t seed_size, uint32_t block_tokens,
				  const uint32_t *tokens, size_t nr_tokens,
				  struct kvpool_key *keys, size_t max_keys)
{
	struct kvpool_key_chain chain;
	int ret;

	ret = check_seed(seed, seed_size, block_tokens, __func__);
	if (ret)
		return ret;
	chain_init(&chain, seed, seed_size, block_tokens);
	/* Tokens at the end that have no key are not hashed. */
	nr_tokens -= nr_tokens % block_tokens;
	return chain_append(&chain, tokens, nr_tokens, keys, max_keys, __func__);
}

KVP_EXPORT int kvpool_key_chain_create(const void *seed, size_t seed_size,
				       uint32_t block_tokens, struct kvpool_key_chain **chain)
{
	int ret;

	if (!chain)
		return kvp_fail(-EINVAL, "%s: nowhere to store the chain", __func__);
	*chain = NULL;
	ret = check_seed(seed, seed_size, block_tokens, __func__);
	if (ret)
		return ret;
	*chain = malloc(sizeof(**chain));
	if (!*chain)
		return kvp_fail(-ENOMEM, "%s: out of memory", __func__);
	chain_init(*chain, seed, seed_size, block_tokens);
	return 0;
}

KVP_EXPORT int kvpool_key_chain_append(struct kvpool_key_chain *chain, const uint32_t *tokens,
				       size_t nr_tokens, struct kvpool_key *keys,
				       size_t max_keys)
{
	if (!chain)
		return kvp_fail(-EINVAL, "%s: no chain", __func__);
	return chain_append(chain, tokens, nr_tokens, keys, max_keys, __func__);
}

KVP_EXPORT int kvpool_key_chain_clone(const struct kvpool_key_chain *chain,
				      struct kvpool_key_chain **clone)
{
	if (!clone)
		return kvp_fail(-EINVAL, "%s: nowhere to store the chain", __func__);
	*clone = NULL;
	if (!chain)
		return kvp_fail(-EINVAL, "%s: no chain", __func__);
	*clone = malloc(sizeof(**clone));
	if (!*clone)
		return kvp_fail(-ENOMEM, "%s: out of memory", __func__);
	**clone = *chain;
	return 0;
}

KVP_EXPORT void kvpool_key_chain_destroy(struct kvpool_key_chain *chain)
{
	free(chain);
}
