/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LOG2_H
#define _SHIM_LOG2_H

#include <linux/kernel.h>

static inline unsigned int shim_ilog2(unsigned long n)
{
	BUG_ON(!n);
	return BITS_PER_LONG - 1 - __builtin_clzl(n);
}

static inline bool is_power_of_2(unsigned long n)
{
	return n && !(n & (n - 1));
}

#define ilog2(n)	shim_ilog2(n)

#endif /* _SHIM_LOG2_H */
