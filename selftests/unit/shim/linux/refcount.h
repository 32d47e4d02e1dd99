/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stronger than the kernel's where that relies on control dependencies, which
 * ThreadSanitizer does not know.
 */
#ifndef _SHIM_REFCOUNT_H
#define _SHIM_REFCOUNT_H

#include <linux/types.h>

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

static inline void refcount_set(refcount_t *r, int n)
{
	__atomic_store_n(&r->refs.counter, n, __ATOMIC_RELAXED);
}

static inline unsigned int refcount_read(const refcount_t *r)
{
	return __atomic_load_n(&r->refs.counter, __ATOMIC_RELAXED);
}

static inline bool atomic_try_cmpxchg_relaxed(atomic_t *v, int *old, int n)
{
	return __atomic_compare_exchange_n(&v->counter, old, n, true,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline __must_check bool refcount_inc_not_zero(refcount_t *r)
{
	int old = refcount_read(r);

	do {
		if (!old)
			return false;
	} while (!__atomic_compare_exchange_n(&r->refs.counter, &old, old + 1,
					      true, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

static inline void refcount_inc(refcount_t *r)
{
	WARN_ON(!refcount_inc_not_zero(r));
}

static inline __must_check bool refcount_dec_and_test(refcount_t *r)
{
	int old = __atomic_fetch_sub(&r->refs.counter, 1, __ATOMIC_ACQ_REL);

	WARN_ON(old <= 0);
	return old == 1;
}

static inline void refcount_dec(refcount_t *r)
{
	WARN_ON(refcount_dec_and_test(r));
}

static inline __must_check bool refcount_dec_if_one(refcount_t *r)
{
	int one = 1;

	return __atomic_compare_exchange_n(&r->refs.counter, &one, 0, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

#endif /* _SHIM_REFCOUNT_H */
