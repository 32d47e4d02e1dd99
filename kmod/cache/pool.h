/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pool: the state that exists once on a host.
 *
 * Lock order of kvpool.ko, outermost first:
 *
 *	mm->mmap_lock			(held by page faults)
 *	kvpool_tenants_lock		(cache/tenants.c)
 *	address_space.i_mmap_rwsem	(unmapping)
 *	kvpool_policy.lock
 *	buckets of kvpool_tenant.index
 *	kvpool_arena.lock
 *
 * kvpool_waitq.lock (cache/waiters.c) has the buckets of kvpool_tenant.queues and
 * kvpool_ctx.wq.lock inside, and nests in none of these.
 *
 * kvpool_tenant.quarantine_lock, kvpool_ring.lock, kvpool_queued_lock
 * (xfer/placement.c), kvpool_search.lock (xfer/search.c), kvpool_prefix.lock
 * (xfer/prefix.h), kvpool_movers_lock (xfer/mover.c), kvpool_knobs_lock
 * (control/sysfs.c) and the lock of the table of contexts (file/ctx.c) nest in
 * none of these and have none inside. kvpool_ctx.rings nests in mm->mmap_lock
 * only and has none inside. Functions of movers are called in
 * kvpool_movers_srcu, for which kvpool_mover_peer_del() and
 * kvpool_mover_unregister() wait. Operations are completed without any lock: in
 * process context, and never within a call of a mover that holds locks.
 *
 * Memory is never allocated with one of the spinlocks held. The shrinker and
 * the OOM notifier may run wherever memory is allocated. They, and all that they
 * call, wait for the spinlocks and for i_mmap_rwsem only, and allocate nothing
 * that waits for memory. Tasks that work on tenants and sleep are in
 * kvpool_tenants_srcu, for which the deletion of a tenant waits.
 */
#ifndef _KVPOOL_POOL_H
#define _KVPOOL_POOL_H

#include <linux/list.h>
#include <linux/time64.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct kvpool_policy_ops;

/**
 * struct kvpool_pool - the state that exists once on a host
 * @tenants:	all tenants, the default one first; changed by cache/tenants.c,
 *		read under RCU or kvpool_tenants_srcu
 * @policy:	eviction policy of all tenants
 * @watermark_high: percent of a tenant's capacity above which blocks are
 *		evicted in the background; 100 disables that
 * @watermark_low: percent at which background eviction stops
 * @preempt_ms:	age in ms above which a reservation may be pre-empted; 0
 *		disables that
 * @quarantine_ms: longest stay in quarantine in ms; 0 means until the DMA pins
 *		are gone
 * @lease_ms:	age in ms of a lease above which its file is revoked; 0: never
 * @max_handles: most handles of one file
 * @remote_timeout_ms: deadline in ms of operations that may ask a peer and have
 *		no timeout of their own
 * @default_quota_bytes: quota of new tenants, 0 if unlimited
 * @default_pin_quota_bytes: pin_quota of new tenants
 * @wq:		runs background work
 * @open:	files may be opened: the module is loaded and loading cannot
 *		fail any more
 * @closing:	the module is being unloaded: no new tenants
 */
struct kvpool_pool {
	bool open;
	bool closing;
	struct list_head tenants;
	const struct kvpool_policy_ops *policy;
	unsigned int watermark_high;
	unsigned int watermark_low;
	unsigned int preempt_ms;
	unsigned int quarantine_ms;
	unsigned int lease_ms;
	unsigned int max_handles;
	unsigned int remote_timeout_ms;
	unsigned long long default_quota_bytes;
	unsigned long long default_pin_quota_bytes;
	struct workqueue_struct *wq;
};

extern struct kvpool_pool kvpool_pool;

int kvpool_pool_init(void);
void kvpool_pool_open(void);
void kvpool_pool_exit(void);

/* Default timeout of operations that may ask a peer, in nanoseconds. */
static inline u64 kvpool_pool_remote_timeout(void)
{
	return (u64)READ_ONCE(kvpool_pool.remote_timeout_ms) * NSEC_PER_MSEC;
}

#endif /* _KVPOOL_POOL_H */
