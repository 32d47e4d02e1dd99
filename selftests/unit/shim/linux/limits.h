/* SPDX-License-Identifier: GPL-2.0 */
#include <limits.h>
#include <stdint.h>

#define U8_MAX	UINT8_MAX
