/* SPDX-License-Identifier: GPL-2.0 */
/* Sleeping locks: the threads of a test share few CPUs. */
#ifndef _SHIM_SPINLOCK_H
#define _SHIM_SPINLOCK_H

#include <pthread.h>

#include <linux/kernel.h>

typedef struct {
	pthread_mutex_t mutex;
	pthread_t owner;
	bool held;
} spinlock_t;

static inline void spin_lock_init(spinlock_t *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
	lock->held = false;
}

static inline bool shim_spin_held(spinlock_t *lock)
{
	return READ_ONCE(lock->held) &&
	       pthread_equal(READ_ONCE(lock->owner), pthread_self());
}

static inline void spin_lock(spinlock_t *lock)
{
	BUG_ON(shim_spin_held(lock));
	pthread_mutex_lock(&lock->mutex);
	WRITE_ONCE(lock->owner, pthread_self());
	WRITE_ONCE(lock->held, true);
}

static inline void spin_unlock(spinlock_t *lock)
{
	BUG_ON(!shim_spin_held(lock));
	WRITE_ONCE(lock->held, false);
	pthread_mutex_unlock(&lock->mutex);
}

#define lockdep_assert_held(lock)	BUG_ON(!shim_spin_held(lock))

#endif /* _SHIM_SPINLOCK_H */
