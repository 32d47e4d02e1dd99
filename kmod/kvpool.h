/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rooms of the module share.
 *
 * Lock order, outermost first:
 *
 *	mm->mmap_lock			(faults come with it)
 *	kvpool_ctx.lock
 *	kvpool_tenants_lock		(cache/tenant.c)
 *	kvpool_pool.lock
 *	kvpool_arena.map_sem		(shrinker: trylock only)
 *	address_space.i_mmap_rwsem	(unmapping)
 *	kvpool_policy.lock
 *	buckets of kvpool_tenant.index
 *	kvpool_arena.lock
 *
 * kvpool_tenant.quarantine_lock nests in none and has none inside.
 *
 * Memory is never allocated with one of the spinlocks held. The shrinker may
 * run wherever memory is allocated, so it only tries pool.lock and map_sem.
 */
#ifndef _KVPOOL_H
#define _KVPOOL_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/rwsem.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat.h"
#include "core.h"

struct kvpool_tenant;

/* ---- statistics: control/stats.c ---- */

/* Names are those of struct kvpool_stats; gauges may go down. */
#define KVPOOL_COUNTERS(X)	\
	X(blocks)		\
	X(pending)		\
	X(leases)		\
	X(lookups)		\
	X(hits)			\
	X(produced_blocks)	\
	X(produced_bytes)	\
	X(consumed_bytes)	\
	X(copied_bytes)		\
	X(evicted_blocks)	\
	X(evicted_bytes)	\
	X(removed_blocks)	\
	X(aborted_blocks)	\
	X(preempted_blocks)	\
	X(rejected)

struct kvpool_counters {
#define X(name) u64 name;
	KVPOOL_COUNTERS(X)
#undef X
};

#define kvpool_count(tenant, name, n)	\
	this_cpu_add((tenant)->counters->name, (n))

void kvpool_stats_read(struct kvpool_tenant *tenant, struct kvpool_stats *out);

/* ---- tiers: tier/tier.c, tier/dram.c ---- */

struct kvpool_tier;

/**
 * struct kvpool_tier_ops - a class of memory
 * @name:	stem of the tier's name; the node's number follows
 * @alloc:	get a zeroed compound page of KVPOOL_CHUNK_ORDER, reclaiming
 *		memory from others only if @hard; may sleep
 * @free:	give it back; nobody else holds it
 */
struct kvpool_tier_ops {
	const char *name;
	struct page *(*alloc)(struct kvpool_tier *tier, bool hard);
	void (*free)(struct kvpool_tier *tier, struct page *page);
};

/**
 * struct kvpool_tier - memory of one NUMA node
 * @kobj:	its directory in sysfs, and its lifetime
 * @ops:	how to get memory
 * @node:	NUMA node
 * @limit:	most chunks it may hold
 * @nr_chunks:	chunks that it holds
 * @fallback:	all nodes with a tier, the nearest first
 */
struct kvpool_tier {
	struct kobject kobj;
	const struct kvpool_tier_ops *ops;
	int node;
	unsigned long limit;
	atomic_long_t nr_chunks;
	int *fallback;
};

extern const struct kvpool_tier_ops kvpool_tier_dram;

int kvpool_tiers_init(void);
int kvpool_tiers_register(struct kobject *parent);
void kvpool_tiers_exit(void);
struct kvpool_tier *kvpool_tier_get(int node);
struct page *kvpool_tier_alloc(struct kvpool_tier *tier, bool hard);
void kvpool_tier_free(struct kvpool_tier *tier, struct page *page);
unsigned long kvpool_tiers_limit(void);
unsigned long kvpool_tiers_chunks(void);
bool kvpool_tiers_growing(void);
extern const struct kobj_type kvpool_tier_ktype;

/* All nodes that have a tier, the nearest to @tier's first. */
#define kvpool_for_each_fallback(tier, i, other)			\
	for ((i) = 0; (i) < nr_node_ids &&				\
	     ((other) = kvpool_tier_get((tier)->fallback[i])); (i)++)

/* ---- arena: tier/arena.c ---- */

/**
 * struct kvpool_arena - the memory of one tenant, as one space of offsets
 * @lock:	protects @maps, what they hold, and @used
 * @used:	pages that belong to blocks; read without the lock too
 * @map_sem:	read: between looking a chunk up and mapping it; write: while
 *		chunks leave. Protects the mappings against stale chunks.
 * @chunks:	chunks by index; its own lock, readers use RCU
 * @maps:	free space by node
 * @inode:	its mapping is that of every file of the tenant, so that one
 *		call unmaps a chunk everywhere
 * @nr_chunks:	chunks in it
 */
struct kvpool_arena {
	spinlock_t lock;		/* free space */
	unsigned long used;
	struct rw_semaphore map_sem;	/* chunks against mappings */
	struct xarray chunks;
	struct kvpool_extmap *maps;
	struct inode *inode;
	atomic_long_t nr_chunks;
};

int kvpool_arenas_init(void);
void kvpool_arenas_exit(void);
u64 kvpool_arena_size(void);
int kvpool_arena_init(struct kvpool_arena *arena);
void kvpool_arena_exit(struct kvpool_arena *arena);
int kvpool_arena_grow(struct kvpool_arena *arena, struct kvpool_tier *tier,
		      unsigned long quota, bool hard);
unsigned long kvpool_arena_shrink(struct kvpool_arena *arena, int node,
				  unsigned long nr, bool try);
unsigned long kvpool_arena_empty(struct kvpool_arena *arena, int node);
unsigned long kvpool_arena_movable(struct kvpool_arena *arena, u32 since,
				   unsigned long max);
unsigned int kvpool_arena_isolate(struct kvpool_arena *arena, int node,
				  u32 since, struct kvpool_chunk **chunks,
				  unsigned int nr, bool try);
unsigned long kvpool_arena_rejoin(struct kvpool_arena *arena,
				  struct kvpool_chunk **chunks, unsigned int nr,
				  bool try);
unsigned long kvpool_arena_captive(struct kvpool_arena *arena);
bool kvpool_arena_isolated(struct kvpool_arena *arena,
			   const struct kvpool_block *block);
void kvpool_arena_copy(struct kvpool_arena *arena, struct kvpool_block *to,
		       const struct kvpool_block *from);
int kvpool_arena_node(struct kvpool_arena *arena,
		      const struct kvpool_block *block);
unsigned long kvpool_arena_room(struct kvpool_arena *arena, int node);
int kvpool_arena_alloc(struct kvpool_arena *arena, int node,
		       struct kvpool_block *block, bool fragmented, gfp_t gfp);
void kvpool_arena_free(struct kvpool_arena *arena, struct list_head *blocks);
bool kvpool_arena_pinned(struct kvpool_arena *arena,
			 const struct kvpool_block *block);
vm_fault_t kvpool_arena_fault(struct kvpool_arena *arena, struct vm_fault *vmf);

/* ---- tenants: cache/tenant.c ---- */

/**
 * struct kvpool_tenant - an isolation domain
 * @kobj:	its directory in sysfs, and its lifetime: every context holds it
 * @entry:	in pool.tenants, under pool.lock
 * @name:	NUL-terminated
 * @id:		number, never used again while the module is loaded
 * @uid:	user who may attach
 * @gid:	group whose members may attach
 * @nr_ctx:	attached contexts; pool.lock
 * @index:	its blocks by key
 * @arena:	its memory
 * @policy:	its eviction order
 * @quota:	most chunks of the arena, ULONG_MAX if unlimited
 * @pin_quota:	most bytes of hard-pinned blocks
 * @pinned:	bytes of hard-pinned blocks; policy.lock
 * @counters:	statistics, per CPU
 * @wq:		waiters for pending keys
 * @settled:	counts the reservations that someone waited for and that were
 *		sealed, aborted or pre-empted
 * @quarantine:	dead reservations whose memory is still pinned from outside
 * @quarantine_lock: protects @quarantine
 * @quarantined: pages in quarantine or of pre-empted reservations
 * @claim_next:	jiffies before which it does not look for chunks of others
 * @evict_work:	brings it below its low watermark
 * @quarantine_work: looks whether pins are gone
 */
struct kvpool_tenant {
	struct kobject kobj;
	struct list_head entry;
	char name[KVPOOL_NAME_SIZE];
	u32 id;
	kuid_t uid;
	kgid_t gid;
	unsigned int nr_ctx;
	struct rhashtable index;
	struct kvpool_arena arena;
	struct kvpool_policy policy;
	unsigned long quota;
	u64 pin_quota;
	u64 pinned;
	struct kvpool_counters __percpu *counters;
	wait_queue_head_t wq;
	atomic_t settled;
	struct list_head quarantine;
	spinlock_t quarantine_lock;	/* the list above */
	atomic_long_t quarantined;
	unsigned long claim_next;
	struct work_struct evict_work;
	struct delayed_work quarantine_work;
};

extern const struct kobj_type kvpool_tenant_ktype;

int kvpool_tenants_init(void);
int kvpool_tenants_register(void);
void kvpool_tenants_exit(void);
int kvpool_tenant_add(const char *name);
int kvpool_tenant_del(const char *name);
void kvpool_tenant_free(struct kvpool_tenant *tenant);
struct kvpool_tenant *kvpool_tenant_attach(const char *name,
					   const struct file *file);
void kvpool_tenant_detach(struct kvpool_tenant *tenant);
unsigned long kvpool_tenant_capacity(const struct kvpool_tenant *tenant);

/* ---- quarantine: cache/quarantine.c ---- */

void kvpool_quarantine_init(struct kvpool_tenant *tenant);
void kvpool_quarantine_exit(struct kvpool_tenant *tenant);
void kvpool_quarantine_add(struct kvpool_tenant *tenant,
			   struct kvpool_block *block);

/* ---- pool: cache/pool.c ---- */

/**
 * struct kvpool_pool - what the host has one of
 * @lock:	protects @tenants, @ctxs and changes of the knobs
 * @tenants:	all tenants, the default one first
 * @ctxs:	all open files
 * @policy:	eviction policy of all tenants
 * @watermark_high: percent of a tenant's capacity above which it is evicted
 *		from in the background; 100 is never
 * @watermark_low: percent at which that stops
 * @preempt_ms:	age at which a reservation may be pre-empted; 0 is never
 * @quarantine_ms: longest stay in quarantine; 0 is until the pins are gone
 * @max_handles: most handles of one file
 * @wq:		background work
 * @open:	files may be opened: loading is over and cannot fail any more
 * @closing:	the module is being unloaded: no new tenants
 */
struct kvpool_pool {
	struct mutex lock;	/* lists and changes of knobs */
	bool open;
	bool closing;
	struct list_head tenants;
	struct list_head ctxs;
	const struct kvpool_policy_ops *policy;
	unsigned int watermark_high;
	unsigned int watermark_low;
	unsigned int preempt_ms;
	unsigned int quarantine_ms;
	unsigned int max_handles;
	struct workqueue_struct *wq;
};

extern struct kvpool_pool kvpool_pool;

void kvpool_pool_set_policy(const struct kvpool_policy_ops *ops);

/* ---- eviction: cache/evict.c ---- */

/**
 * struct kvpool_space - where a block should be
 * @node:	NUMA node
 * @strict:	there or nowhere
 * @ahead:	pages that the same call wants after this block
 */
struct kvpool_space {
	int node;
	bool strict;
	u32 ahead;
};

int kvpool_space_get(struct kvpool_tenant *tenant, struct kvpool_block *block,
		     const struct kvpool_space *space);
bool kvpool_evict(struct kvpool_tenant *tenant, int node, u32 pages);
void kvpool_evict_all(struct kvpool_tenant *tenant);
void kvpool_evict_kick(struct kvpool_tenant *tenant);
void kvpool_evict_work(struct work_struct *work);
void kvpool_tier_trim(struct kvpool_tier *tier);
int kvpool_shrinker_init(void);
void kvpool_shrinker_exit(void);

/* ---- compaction: cache/compact.c ---- */

unsigned long kvpool_compact(struct kvpool_tenant *tenant, int node, u32 since,
			     unsigned long nr, bool try);

/* ---- blocks: cache/block.c ---- */

int kvpool_blocks_init(void);
void kvpool_blocks_exit(void);
bool kvpool_block_await(struct kvpool_block *block);
int kvpool_block_begin(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key, u32 length,
		       struct kvpool_block **out);
void kvpool_block_refuse(struct kvpool_tenant *tenant,
			 struct kvpool_block *block, int why);
int kvpool_block_place(struct kvpool_tenant *tenant, struct kvpool_block *block,
		       const struct kvpool_space *space);
void kvpool_block_seal(struct kvpool_tenant *tenant,
		       struct kvpool_block **blocks, const u32 *pins,
		       int *status, unsigned int nr);
void kvpool_block_abort(struct kvpool_tenant *tenant,
			struct kvpool_block *block, bool dead);
struct kvpool_block *kvpool_block_get(struct kvpool_tenant *tenant,
				      const struct kvpool_key *key, u32 *state);
int kvpool_block_probe(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key, u32 *length);
int kvpool_block_remove(struct kvpool_tenant *tenant,
			const struct kvpool_key *key);
int kvpool_block_pin(struct kvpool_tenant *tenant,
		     const struct kvpool_key *key, u32 pin);
void kvpool_block_move(struct kvpool_tenant *tenant, struct kvpool_block *old,
		       gfp_t gfp);
void kvpool_block_put(struct kvpool_tenant *tenant, struct kvpool_block *block);
void kvpool_block_free(struct kvpool_tenant *tenant,
		       struct kvpool_block *block);
void kvpool_blocks_free(struct kvpool_tenant *tenant, struct list_head *blocks);

/* ---- open files: dev/ ---- */

enum kvpool_hold_kind {
	KVPOOL_HOLD_RESERVATION,
	KVPOOL_HOLD_LEASE,
};

/**
 * struct kvpool_hold - the handles that one call made
 * @rcu:	to free it after the last reader
 * @id:		upper half of the handles; the lower one is the index in @blocks
 * @kind:	what they are
 * @nr:		length of @blocks
 * @live:	handles not ended yet
 * @blocks:	referenced blocks. A handle is ended by whoever takes the
 *		pointer out with xchg().
 */
struct kvpool_hold {
	struct rcu_head rcu;
	u32 id;
	enum kvpool_hold_kind kind;
	u32 nr;
	atomic_t live;
	struct kvpool_block *blocks[] __counted_by(nr);
};

/**
 * struct kvpool_ctx - an open file
 * @entry:	in pool.ctxs
 * @tenant:	whom it belongs to; constant once @bound
 * @mode:	KVPOOL_MODE_*
 * @bound:	the tenant cannot be changed any more
 * @lock:	protects the change of @tenant and @bound
 * @holds:	holds by id; its own lock, readers use RCU
 * @next_id:	where to look for the next id
 * @nr_handles:	handles that live
 * @armed:	poll() waits for @settled to differ from the tenant's
 * @settled:	the tenant's count when the latest lease began
 * @pid:	who opened it, for debugfs
 * @comm:	its name
 */
struct kvpool_ctx {
	struct list_head entry;
	struct kvpool_tenant *tenant;
	u32 mode;
	bool bound;
	struct mutex lock;	/* tenant and bound */
	struct xarray holds;
	u32 next_id;
	atomic_t nr_handles;
	bool armed;
	int settled;
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

extern const struct file_operations kvpool_fops;

struct kvpool_tenant *kvpool_ctx_bind(struct kvpool_ctx *ctx);
int kvpool_ctx_attach(struct file *file, const char *name);

struct kvpool_hold *kvpool_hold_begin(struct kvpool_ctx *ctx,
				      enum kvpool_hold_kind kind, u32 nr);
void kvpool_hold_commit(struct kvpool_ctx *ctx, struct kvpool_hold *hold,
			u32 live);
void kvpool_hold_undo(struct kvpool_ctx *ctx, struct kvpool_hold *hold);
struct kvpool_block *kvpool_hold_take(struct kvpool_ctx *ctx, u64 handle,
				      enum kvpool_hold_kind kind,
				      struct kvpool_hold **hold);
void kvpool_hold_restore(struct kvpool_hold *hold, u64 handle,
			 struct kvpool_block *block);
void kvpool_hold_put(struct kvpool_ctx *ctx, struct kvpool_hold *hold, u32 nr);
struct kvpool_block *kvpool_hold_peek(struct kvpool_ctx *ctx, u64 handle);
void kvpool_holds_exit(struct kvpool_ctx *ctx);

static inline u64 kvpool_handle(const struct kvpool_hold *hold, u32 index)
{
	return (u64)hold->id << 32 | index;
}

/**
 * struct kvpool_call - one ioctl
 * @file:	the file it came on
 * @ctx:	its context
 * @arg:	copy of the caller's structure; copied back if the call succeeds
 * @hold:	handles that the call has made, usable once @arg is back, or NULL
 * @live:	how many
 */
struct kvpool_call {
	struct file *file;
	struct kvpool_ctx *ctx;
	void *arg;
	struct kvpool_hold *hold;
	u32 live;
};

long kvpool_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
int kvpool_ioctl_reserve(struct kvpool_call *call);
int kvpool_ioctl_seal(struct kvpool_call *call);
int kvpool_ioctl_abort(struct kvpool_call *call);
int kvpool_ioctl_remove(struct kvpool_call *call);
int kvpool_ioctl_pin(struct kvpool_call *call);
int kvpool_ioctl_lease(struct kvpool_call *call);
int kvpool_ioctl_exists(struct kvpool_call *call);
int kvpool_ioctl_release(struct kvpool_call *call);
int kvpool_ioctl_spans(struct kvpool_call *call);

struct kvpool_entry *kvpool_entries_get(u64 ptr, u32 nr, u32 flags,
					bool length);
struct kvpool_handle_entry *kvpool_handles_get(u64 ptr, u32 nr, u32 flags);
int kvpool_entries_put(u64 ptr, const void *entries, size_t bytes);
int kvpool_spans_put(u64 ptr, const struct kvpool_block *block, u32 first,
		     u32 nr);
int kvpool_blocks_refuse(int why, struct kvpool_entry *entries, u64 to, u32 nr);
int kvpool_blocks_put(struct kvpool_call *call, struct kvpool_entry *entries,
		      u64 to, u64 spans, u32 *nr_spans);

int kvpool_mmap(struct file *file, struct vm_area_struct *vma);

/* ---- control ---- */

extern const struct attribute_group *kvpool_sysfs_groups[];
int kvpool_sysfs_init(struct kobject *dev);
void kvpool_sysfs_exit(void);
int kvpool_sysfs_tenant_add(struct kvpool_tenant *tenant);
void kvpool_debugfs_init(void);
void kvpool_debugfs_exit(void);

#endif /* _KVPOOL_H */
