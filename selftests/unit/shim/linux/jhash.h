/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_JHASH_H
#define _SHIM_JHASH_H

#include <linux/types.h>

/* Not the kernel's function; it uses every word and the seed. */
static inline u32 jhash2(const u32 *words, u32 nr, u32 seed)
{
	u64 h = ((u64)seed << 32 | nr) ^ 0x9e3779b97f4a7c15ULL;

	while (nr--) {
		h = (h ^ *words++) * 0xff51afd7ed558ccdULL;
		h ^= h >> 29;
	}
	return h ^ h >> 32;
}

#endif /* _SHIM_JHASH_H */
