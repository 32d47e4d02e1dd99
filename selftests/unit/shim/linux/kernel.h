/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_KERNEL_H
#define _SHIM_KERNEL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bits.h>

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))

#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define __must_check		__attribute__((warn_unused_result))
#define fallthrough		__attribute__((fallthrough))

#define __rcu

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, val)	__atomic_store_n(&(x), (val), __ATOMIC_RELAXED)
#define smp_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)

#define min_t(type, a, b) ({			\
	type __a = (a), __b = (b);		\
	__a < __b ? __a : __b; })
#define max_t(type, a, b) ({			\
	type __a = (a), __b = (b);		\
	__a > __b ? __a : __b; })
#define min(a, b)		min_t(__typeof__((a) + (b)), a, b)
#define max(a, b)		max_t(__typeof__((a) + (b)), a, b)

#undef container_of
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

/* The kernel continues after a warning; a test must not. */
#define SHIM_STOP(what) do {						\
	fprintf(stderr, "%s at %s:%d\n", what, __FILE__, __LINE__);	\
	abort();							\
} while (0)
#define BUG_ON(cond) do {						\
	if (unlikely(cond))						\
		SHIM_STOP("BUG_ON(" #cond ")");				\
} while (0)
#define WARN_ON(cond) ({						\
	bool __cond = (cond);						\
	if (unlikely(__cond))						\
		SHIM_STOP("WARN_ON(" #cond ")");			\
	__cond; })
#define WARN_ON_ONCE(cond)	WARN_ON(cond)
#define BUILD_BUG_ON(cond)	_Static_assert(!(cond), #cond)
#define static_assert		_Static_assert

#endif /* _SHIM_KERNEL_H */
