/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of a ring that run on the mock and on the module. */
#ifndef KVPOOL_RING_COMMON_H
#define KVPOOL_RING_COMMON_H

#include <kvpool.h>

#include "tap.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define MS		1000000ULL
#define MOST_THREADS	4
#define MOST_BATCH	32

/* Threads that share a ring: each submits its own operations and reaps those of all. */
struct sharing {
	unsigned int threads;
	unsigned int per_thread;	/* operations */
	unsigned int batch;		/* operations in one submission */
	uint64_t wait_ns;		/* when the ring has no room */
};

struct sharer {
	const struct sharing *how;
	struct kvpool_ring *ring;
	atomic_uchar *seen;		/* how often each operation completed */
	unsigned int first;		/* of its operations */
	unsigned int bad;
	pthread_t thread;
};

static void *share_ring(void *arg)
{
	struct sharer *me = arg;
	const struct sharing *how = me->how;
	struct kvpool_completion got[MOST_BATCH];
	struct kvpool_op ops[MOST_BATCH];
	unsigned int next = 0, i;
	int n;

	while (next < how->per_thread) {
		for (i = 0; i < how->batch && next + i < how->per_thread; i++)
			kvpool_op_init(&ops[i], KVPOOL_OP_NOP, me->first + next + i);
		n = kvpool_ring_submit(me->ring, ops, i);
		me->bad += n < 0;
		next += n > 0 ? n : 0;
		n = kvpool_ring_reap(me->ring, got, MOST_BATCH, n == 0, how->wait_ns);
		for (i = 0; n > 0 && i < (unsigned int)n; i++)
			me->bad += atomic_fetch_add(&me->seen[got[i].user_data], 1);
	}
	return NULL;
}

/* Every operation completes, and once. */
static inline void threads_share(struct kvpool_ring *ring, const struct sharing *how)
{
	unsigned int all = how->threads * how->per_thread, missing = 0, i;
	struct sharer sharers[MOST_THREADS] = { 0 };
	atomic_uchar *seen = calloc(all, sizeof(*seen));
	struct kvpool_completion got[MOST_BATCH];
	int n;

	for (i = 0; i < how->threads; i++) {
		sharers[i] = (struct sharer) { how, ring, seen, i * how->per_thread, 0, 0 };
		expect_int(pthread_create(&sharers[i].thread, NULL, share_ring, &sharers[i]), 0);
	}
	for (i = 0; i < how->threads; i++) {
		pthread_join(sharers[i].thread, NULL);
		expect_int(sharers[i].bad, 0);
	}
	while ((n = kvpool_ring_reap(ring, got, MOST_BATCH, 0, 0)) > 0)
		while (n--)
			atomic_fetch_add(&seen[got[n].user_data], 1);
	for (i = 0; i < all; i++)
		missing += seen[i] != 1;
	expect_int(missing, 0);
	free(seen);
}

static inline void on_alarm(int sig)
{
	(void)sig;
}

/* A signal every @ns, so that one comes after the call has begun to wait. */
static inline timer_t alarms_begin(long ns)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerspec soon = { .it_value.tv_nsec = ns, .it_interval.tv_nsec = ns };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	timer_t timer;

	sigaction(SIGALRM, &action, NULL);
	expect_int(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	expect_int(timer_settime(timer, 0, &soon, NULL), 0);
	return timer;
}

#endif
