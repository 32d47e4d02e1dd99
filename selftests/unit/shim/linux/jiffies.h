/* SPDX-License-Identifier: GPL-2.0 */
/* The time, which tests pass by themselves. */
#ifndef _SHIM_JIFFIES_H
#define _SHIM_JIFFIES_H

extern unsigned long shim_jiffies;

#define jiffies		__atomic_load_n(&shim_jiffies, __ATOMIC_RELAXED)

static inline void shim_tick(void)
{
	__atomic_fetch_add(&shim_jiffies, 1, __ATOMIC_RELAXED);
}

#endif /* _SHIM_JIFFIES_H */
