/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Results in the Test Anything Protocol, the plan at the end. */
#ifndef KVPOOL_TAP_H
#define KVPOOL_TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_tests, tap_failed;
static bool tap_good;

/* A failed assertion does not end the test: the next ones are shown too. */
#define expect(cond) do {							\
	if (!(cond)) {								\
		printf("# %s:%d: expected %s\n", __FILE__, __LINE__, #cond);	\
		tap_good = false;						\
	}									\
} while (0)

#define expect_int(got, want) do {						\
	long long got_ = (got), want_ = (want);					\
										\
	if (got_ != want_) {							\
		printf("# %s:%d: %s is %lld, expected %lld\n", __FILE__,	\
		       __LINE__, #got, got_, want_);				\
		tap_good = false;						\
	}									\
} while (0)

#define expect_text(got, part) do {						\
	const char *got_ = (got);						\
										\
	if (!strstr(got_, part)) {						\
		printf("# %s:%d: \"%s\" does not contain \"%s\"\n", __FILE__,	\
		       __LINE__, got_, part);					\
		tap_good = false;						\
	}									\
} while (0)

static inline void tap_run(void (*test)(void), const char *name)
{
	tap_good = true;
	test();
	printf("%sok %d - %s\n", tap_good ? "" : "not ", ++tap_tests, name);
	tap_failed += !tap_good;
	fflush(stdout);
}

#define run(test) tap_run(test, #test)

static inline int tap_end(void)
{
	printf("1..%d\n", tap_tests);
	return tap_failed ? 1 : 0;
}

#endif
