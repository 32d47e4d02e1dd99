/* SPDX-License-Identifier: GPL-2.0 */
/* Test cases that report in TAP, each in a process of its own. */
#ifndef _HOST_TAP_H
#define _HOST_TAP_H

#include <stdio.h>
#include <stdlib.h>

#include <linux/types.h>

/* Ends the case, and the fuzzer's run too. */
#define CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "# %s:%d: not true: %s\n",		\
			__FILE__, __LINE__, #cond);			\
		abort();						\
	}								\
} while (0)

#define CHECK_EQ(a, b) do {						\
	long long __x = (long long)(a), __y = (long long)(b);		\
									\
	if (__x != __y) {						\
		fprintf(stderr, "# %s:%d: %s is %lld, not %s, %lld\n",	\
			__FILE__, __LINE__, #a, __x, #b, __y);		\
		abort();						\
	}								\
} while (0)

struct tap_case {
	const char *name;
	void (*run)(void);
};

int tap_run(const struct tap_case *cases, int nr);

#define TAP_MAIN(cases) \
int main(void) { return tap_run(cases, ARRAY_SIZE(cases)); }

/* Numbers that depend on the seed only: UNIT_SEED in the environment. */
struct rnd {
	u64 state;
};

u64 tap_seed(void);
u64 rnd_next(struct rnd *rnd);

static inline u32 rnd_below(struct rnd *rnd, u32 n)
{
	return rnd_next(rnd) % n;
}

/* From @lo to @hi, both included. */
static inline u32 rnd_range(struct rnd *rnd, u32 lo, u32 hi)
{
	return lo + rnd_below(rnd, hi - lo + 1);
}

#endif /* _HOST_TAP_H */
