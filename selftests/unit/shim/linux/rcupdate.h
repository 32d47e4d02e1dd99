/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RCU made of atomics only, so that ThreadSanitizer sees the order that a grace
 * period makes and reports a free without one.
 */
#ifndef _SHIM_RCUPDATE_H
#define _SHIM_RCUPDATE_H

#include <linux/types.h>

void rcu_read_lock(void);
void rcu_read_unlock(void);
bool rcu_read_lock_held(void);
void synchronize_rcu(void);
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
/* Runs the callbacks too: no other function does. */
void rcu_barrier(void);

#define rcu_dereference(p)		__atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_assign_pointer(p, v) \
	__atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

#endif /* _SHIM_RCUPDATE_H */
