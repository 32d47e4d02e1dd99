/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes, from a fuzzer or at random, that choose operations; zeros at the end. */
#ifndef _HOST_OPS_H
#define _HOST_OPS_H

#include <linux/types.h>

struct ops_input {
	const u8 *data;
	size_t left;
};

static inline u32 ops_u8(struct ops_input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->data++;
}

static inline u32 ops_u16(struct ops_input *in)
{
	u32 hi = ops_u8(in);

	return hi << 8 | ops_u8(in);
}

#endif /* _HOST_OPS_H */
