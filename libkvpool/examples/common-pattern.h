/* SPDX-License-Identifier: MIT */
/* The bytes of a block, made from its key. */
#ifndef KVPOOL_EXAMPLES_COMMON_PATTERN_H
#define KVPOOL_EXAMPLES_COMMON_PATTERN_H

#include <stdint.h>

struct pattern {
	uint64_t next;
	uint64_t step;
};

#define PATTERN_OK	UINT64_MAX

/**
 * pattern_begin() - Begin at the first byte of a block
 * @pattern: The state.
 * @key:     The 32 bytes of the key.
 */
void pattern_begin(struct pattern *pattern, const uint8_t *key);

/**
 * pattern_fill() - Write the next bytes of a block
 * @pattern: The state.
 * @to:      Where to write, aligned to 8 bytes.
 * @len:     Bytes; only the last piece of a block may have an odd length.
 */
void pattern_fill(struct pattern *pattern, void *to, uint64_t len);

/**
 * pattern_verify() - Check the next bytes of a block
 * @pattern: The state.
 * @from:    The bytes, aligned to 8 bytes.
 * @len:     Their number, as for pattern_fill().
 *
 * Return: PATTERN_OK, or the offset in @from of the first wrong byte.
 */
uint64_t pattern_verify(struct pattern *pattern, const void *from, uint64_t len);

/**
 * pattern_byte() - One byte of a block
 * @key:    The 32 bytes of the key.
 * @offset: Offset of the byte in the block.
 *
 * Return: the byte.
 */
uint8_t pattern_byte(const uint8_t *key, uint64_t offset);

#endif /* KVPOOL_EXAMPLES_COMMON_PATTERN_H */
