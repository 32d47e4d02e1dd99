/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_BITS_H
#define _SHIM_BITS_H

#define BITS_PER_BYTE	8
#define BITS_PER_LONG	((unsigned int)sizeof(long) * BITS_PER_BYTE)

#define BIT(n)		(1UL << (n))

#endif /* _SHIM_BITS_H */
