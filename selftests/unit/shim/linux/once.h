/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_ONCE_H
#define _SHIM_ONCE_H

#include <stdlib.h>
#include <sys/random.h>

/* Not from several threads: tests make their first index in one. */
#define get_random_once(buf, nbytes) do {				\
	static int __done;						\
									\
	if (!__done && getrandom(buf, nbytes, 0) != (ssize_t)(nbytes))	\
		abort();						\
	__done = 1;							\
} while (0)

#endif /* _SHIM_ONCE_H */
