// SPDX-License-Identifier: MIT
/*
 * The content of a block: 64-bit words that start at a value made from the key
 * and grow by an odd step made from the key. Every word of a block differs from
 * every other, and blocks of different keys differ in nearly every word, so that
 * verification finds a page that is stale, shifted or another block's. A word
 * costs one addition, which matters on an emulated CPU.
 */
#include <string.h>

#include "common-pattern.h"

#define WORDS	8	/* words in one turn of the loop */

static uint64_t mix(uint64_t value)
{
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93ULL;
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93ULL;
	return value ^ value >> 32;
}

void pattern_begin(struct pattern *pattern, const uint8_t *key)
{
	uint64_t words[4];

	memcpy(words, key, sizeof(words));
	pattern->next = mix(words[0] ^ mix(words[2]));
	pattern->step = mix(words[1] ^ mix(words[3])) | 1;
}

/* @to is 8-byte aligned; only the last piece of a block may have an odd length. */
void pattern_fill(struct pattern *pattern, void *to, uint64_t len)
{
	const uint64_t step = pattern->step;
	uint64_t next = pattern->next;
	uint64_t *word = to;
	uint64_t i;

	for (i = 0; i + WORDS * 8 <= len; i += WORDS * 8) {
		word[0] = next;
		word[1] = next + step;
		word[2] = next + 2 * step;
		word[3] = next + 3 * step;
		word[4] = next + 4 * step;
		word[5] = next + 5 * step;
		word[6] = next + 6 * step;
		word[7] = next + 7 * step;
		word += WORDS;
		next += WORDS * step;
	}
	for (; i + 8 <= len; i += 8) {
		*word++ = next;
		next += step;
	}
	if (i < len) {
		memcpy(word, &next, len - i);
		next += step;
	}
	pattern->next = next;
}

/* The offset in @from of the first wrong byte, or PATTERN_OK. */
static uint64_t first_wrong(struct pattern pattern, const uint8_t *from, uint64_t len)
{
	uint64_t i;
	uint8_t bytes[8];

	for (i = 0; i < len; i++) {
		if (i % 8 == 0) {
			memcpy(bytes, &pattern.next, 8);
			pattern.next += pattern.step;
		}
		if (from[i] != bytes[i % 8])
			return i;
	}
	return PATTERN_OK;
}

uint64_t pattern_verify(struct pattern *pattern, const void *from, uint64_t len)
{
	const struct pattern begin = *pattern;
	const uint64_t step = pattern->step;
	const uint64_t *word = from;
	uint64_t next = pattern->next;
	uint64_t wrong = 0;
	uint64_t i;

	for (i = 0; i + WORDS * 8 <= len; i += WORDS * 8) {
		wrong |= word[0] ^ next;
		wrong |= word[1] ^ (next + step);
		wrong |= word[2] ^ (next + 2 * step);
		wrong |= word[3] ^ (next + 3 * step);
		wrong |= word[4] ^ (next + 4 * step);
		wrong |= word[5] ^ (next + 5 * step);
		wrong |= word[6] ^ (next + 6 * step);
		wrong |= word[7] ^ (next + 7 * step);
		word += WORDS;
		next += WORDS * step;
	}
	for (; i + 8 <= len; i += 8) {
		wrong |= *word++ ^ next;
		next += step;
	}
	if (i < len) {
		wrong |= memcmp(word, &next, len - i) ? 1 : 0;
		next += step;
	}
	pattern->next = next;
	return wrong ? first_wrong(begin, from, len) : PATTERN_OK;
}

uint8_t pattern_byte(const uint8_t *key, uint64_t offset)
{
	struct pattern pattern;
	uint8_t bytes[8];

	pattern_begin(&pattern, key);
	pattern.next += offset / 8 * pattern.step;
	memcpy(bytes, &pattern.next, 8);
	return bytes[offset % 8];
}
