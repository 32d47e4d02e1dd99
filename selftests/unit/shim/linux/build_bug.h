/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_BUILD_BUG_H
#define _SHIM_BUILD_BUG_H

#include <linux/kernel.h>

#undef static_assert
#define static_assert(expr)	_Static_assert(expr, #expr)

#endif /* _SHIM_BUILD_BUG_H */
