/* SPDX-License-Identifier: GPL-2.0 */
/* Some threads that begin at the same moment. */
#ifndef _HOST_THREADS_H
#define _HOST_THREADS_H

#include <pthread.h>

#include "tap.h"

#define MAX_THREADS	8

struct thread {
	pthread_t id;
	pthread_barrier_t *start;
	void (*run)(struct thread *t);
	int nr;
	struct rnd rnd;
	void *arg;
};

static inline void *thread_main(void *arg)
{
	struct thread *t = arg;

	pthread_barrier_wait(t->start);
	t->run(t);
	return NULL;
}

/* Thread n runs @run[n % @kinds]. */
static inline void run_threads(int nr, void (* const *run)(struct thread *t),
			       int kinds, void *arg)
{
	struct thread threads[MAX_THREADS];
	pthread_barrier_t start;
	int i;

	CHECK(nr <= MAX_THREADS);
	pthread_barrier_init(&start, NULL, nr);
	for (i = 0; i < nr; i++) {
		threads[i] = (struct thread) {
			.start = &start,
			.run = run[i % kinds],
			.nr = i,
			.rnd = { tap_seed() * MAX_THREADS + i },
			.arg = arg,
		};
		CHECK(!pthread_create(&threads[i].id, NULL, thread_main,
				      &threads[i]));
	}
	for (i = 0; i < nr; i++)
		CHECK(!pthread_join(threads[i].id, NULL));
	pthread_barrier_destroy(&start);
}

#endif /* _HOST_THREADS_H */
