// SPDX-License-Identifier: LGPL-2.1-or-later
/* Keys from token ids, against vectors made with another implementation. */

#include "mock.h"
#include "../src/chain.h"
#include "tap.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define LONG 1600

static uint32_t long_tokens[LONG];

static bool is(const struct kvpool_key *key, const char *hex)
{
	char text[2 * KVPOOL_KEY_SIZE + 1];
	unsigned int i;

	for (i = 0; i < KVPOOL_KEY_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", key->bytes[i]);
	if (!strcmp(text, hex))
		return true;
	printf("# got %s\n", text);
	return false;
}

/*
 * The vectors come from Python's hashlib:
 *   key = sha256(seed).digest()
 *   for each block: key = sha256(key + struct.pack("<%dI" % len(block), *block)).digest()
 */
static void vectors(void)
{
	static const uint32_t nine[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	static const uint32_t edge[] = { 0x01020304, 0xffffffff, 0, 128009 };
	static const uint32_t zero[] = { 0 };
	static const char seed[] = "model-a/bf16/tp0";
	struct kvpool_key keys[100];

	expect_int(kvpool_prefix_keys(NULL, 0, 1, zero, 1, keys, 1), 1);
	expect(is(&keys[0], "d3bfe98e8f1ce891614854569a20f5f4508d6ab4025b872b7b3a8282ef75b12a"));

	expect_int(kvpool_prefix_keys(seed, strlen(seed), 4, nine, 9, keys, 2), 2);
	expect(is(&keys[0], "24f6341869d1ced9e5dac07153cbb8d11d808e84be2f06bd3f26bbf82f0b3e4e"));
	expect(is(&keys[1], "67496b49e272992ce503a3094bf1124c181cba18201bf9ea84e1a0f87593a474"));

	expect_int(kvpool_prefix_keys(seed, strlen(seed), 4, edge, 4, keys, 2), 1);
	expect(is(&keys[0], "0efbe46986bf99921477aad3f830deaf1b49c4197c6aed6f4a63f7f177ef5eb1"));

	expect_int(kvpool_prefix_keys("s", 1, 16, long_tokens, LONG, keys, 100), 100);
	expect(is(&keys[99], "4975c486d0e68507cbb69c22fe9ed1350aab46824d7a0b185c668333de4d4f94"));

	expect_int(kvpool_prefix_keys("s", 1, 512, long_tokens, LONG, keys, 3), 3);
	expect(is(&keys[2], "7b8fe88ad9c0f7aa3dc77f6e1401dcccb24835c7c6e9f594e37cc1b59b682331"));
}

static void growing_equals_whole(void)
{
	struct kvpool_key whole[100], grown[100];
	struct kvpool_key_chain *chain;
	size_t at, n, step;
	int ret, keys;

	expect_int(kvpool_prefix_keys("s", 1, 16, long_tokens, LONG, whole, 100), 100);
	for (step = 1; step < 70; step++) {
		expect_int(kvpool_key_chain_create("s", 1, 16, &chain), 0);
		keys = 0;
		for (at = 0; at < LONG; at += n) {
			n = LONG - at < step ? LONG - at : step;
			ret = kvpool_key_chain_append(chain, long_tokens + at, n, grown + keys,
						      100 - keys);
			expect(ret >= 0);
			keys += ret;
		}
		expect_int(keys, 100);
		expect(!memcmp(whole, grown, sizeof(whole)));
		kvpool_key_chain_destroy(chain);
	}
	kvpool_key_chain_destroy(NULL);
}

static void clones_grow_apart(void)
{
	static const uint32_t ten[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, other[] = { 1, 2, 3, 4, 5, 6, 99, 8 };
	struct kvpool_key a[2], b[2], want_a[2], want_b[2];
	struct kvpool_key_chain *one, *two;

	expect_int(kvpool_prefix_keys("s", 1, 4, ten, 8, want_a, 2), 2);
	expect_int(kvpool_prefix_keys("s", 1, 4, other, 8, want_b, 2), 2);
	expect_int(kvpool_key_chain_create("s", 1, 4, &one), 0);
	expect_int(kvpool_key_chain_append(one, ten, 6, a, 2), 1);
	expect_int(kvpool_key_chain_clone(one, &two), 0);
	b[0] = a[0];
	expect_int(kvpool_key_chain_append(one, ten + 6, 2, a + 1, 1), 1);
	expect_int(kvpool_key_chain_append(two, other + 6, 2, b + 1, 1), 1);
	expect(!memcmp(a, want_a, sizeof(a)));
	expect(!memcmp(b, want_b, sizeof(b)));
	expect(memcmp(&a[1], &b[1], sizeof(a[1])));
	kvpool_key_chain_destroy(one);
	kvpool_key_chain_destroy(two);
}

static void no_room_changes_nothing(void)
{
	struct kvpool_key keys[4], want[4];
	struct kvpool_key_chain *chain;

	expect_int(kvpool_prefix_keys("s", 1, 4, long_tokens, 16, want, 4), 4);
	memset(keys, 0x55, sizeof(keys));
	expect_int(kvpool_prefix_keys("s", 1, 4, long_tokens, 16, keys, 3), -ENOBUFS);
	expect_int(keys[0].bytes[0], 0x55);
	expect_int(kvpool_key_chain_create("s", 1, 4, &chain), 0);
	expect_int(kvpool_key_chain_append(chain, long_tokens, 3, NULL, 0), 0);
	expect_int(kvpool_key_chain_append(chain, long_tokens + 3, 13, keys, 3), -ENOBUFS);
	expect_text(kvpool_last_error(), "4 keys do not fit in an array of 3");
	expect_int(keys[0].bytes[0], 0x55);
	expect_int(kvpool_key_chain_append(chain, long_tokens + 3, 13, keys, 4), 4);
	expect(!memcmp(keys, want, sizeof(keys)));
	expect_int(kvpool_key_chain_append(chain, NULL, 0, keys, 4), 0);
	kvpool_key_chain_destroy(chain);
}

/* The library knows where its keys stand, of whole and of growing prompts. */
static void places_are_remembered(void)
{
	static struct kvpool_key keys[100], more[2];
	struct kvpool_entry entries[6] = { 0 };
	struct kvpool_key_chain *chain, *clone;
	struct kvp_place place;
	bool chained;
	int i;

	memset(&more[0], 0x77, sizeof(more[0]));
	expect(!kvp_chain_find(&more[0], &place));
	expect_int(kvpool_prefix_keys("places", 6, 16, long_tokens, LONG, keys, 100), 100);
	for (i = 0; i < 100; i++) {
		expect(kvp_chain_find(&keys[i], &place));
		expect_int(place.position, i);
		expect(!i || !memcmp(&place.parent, &keys[i - 1], sizeof(place.parent)));
	}
	/* A sequence that grows, and its copy. */
	expect_int(kvpool_key_chain_create("grows", 5, 4, &chain), 0);
	expect_int(kvpool_key_chain_append(chain, long_tokens, 4, more, 1), 1);
	expect_int(kvpool_key_chain_clone(chain, &clone), 0);
	expect_int(kvpool_key_chain_append(clone, long_tokens + 8, 4, more + 1, 1), 1);
	expect(kvp_chain_find(&more[1], &place));
	expect_int(place.position, 1);
	expect(!memcmp(&place.parent, &more[0], sizeof(place.parent)));
	kvpool_key_chain_destroy(clone);
	kvpool_key_chain_destroy(chain);

	/* 5 6 7 go into one call, 9 10 into the next, then the stranger. */
	for (i = 0; i < 3; i++)
		entries[i].key = keys[5 + i];
	entries[3].key = keys[9];
	entries[4].key = keys[10];
	memset(&entries[5].key, 0x77, sizeof(entries[5].key));
	expect_int(kvp_chain_run(entries, 6, &place, &chained), 3);
	expect(chained && place.position == 5);
	expect_int(kvp_chain_run(entries + 3, 3, &place, &chained), 2);
	expect(chained && place.position == 9);
	expect_int(kvp_chain_run(entries + 5, 1, &place, &chained), 1);
	expect(!chained);
}

static void bad_arguments(void)
{
	struct kvpool_key_chain *chain = (void *)1;
	struct kvpool_key key;

	expect_int(kvpool_prefix_keys(NULL, 1, 4, long_tokens, 4, &key, 1), -EINVAL);
	expect_int(kvpool_prefix_keys("s", 1, 0, long_tokens, 4, &key, 1), -EINVAL);
	expect_int(kvpool_prefix_keys("s", 1, 4, NULL, 4, &key, 1), -EINVAL);
	expect_int(kvpool_prefix_keys("s", 1, 4, long_tokens, 4, NULL, 1), -EINVAL);
	expect_int(kvpool_prefix_keys("s", 1, 1, long_tokens, SIZE_MAX / 4, &key, 1), -EINVAL);
	expect_int(kvpool_prefix_keys("s", 1, UINT32_MAX, long_tokens, 4, &key, 1), 0);
	expect_int(kvpool_key_chain_create("s", 1, 0, &chain), -EINVAL);
	expect(!chain);
	expect_int(kvpool_key_chain_create("s", 1, 4, NULL), -EINVAL);
	expect_int(kvpool_key_chain_clone(chain, NULL), -EINVAL);
	expect_int(kvpool_key_chain_append(NULL, long_tokens, 4, &key, 1), -EINVAL);
	chain = (void *)1;
	expect_int(kvpool_key_chain_clone(NULL, &chain), -EINVAL);
	expect(!chain);
}

int main(void)
{
	unsigned int i;

	for (i = 0; i < LONG; i++)
		long_tokens[i] = i * 2654435761U;
	run(vectors);
	run(growing_equals_whole);
	run(clones_grow_apart);
	run(no_room_changes_nothing);
	run(places_are_remembered);
	run(bad_arguments);
	return tap_end();
}
