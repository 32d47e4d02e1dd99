/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_RANDOM_H
#define _SHIM_RANDOM_H

#include <linux/once.h>

#endif /* _SHIM_RANDOM_H */
