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
 * kvpool_tenant.quarantine_lock, kvpool_ring.lock and the buckets of waiters
 * (xfer/wait.c) nest in none and have none inside. Operations are completed
 * without any lock: in process context, and never within the calls of a fabric
 * that hold its own locks.
 *
 * Memory is never allocated with one of the spinlocks held. The shrinker and
 * the OOM notifier may run wherever memory is allocated, so they only try
 * pool.lock and map_sem.
 */
#ifndef _KVPOOL_H
#define _KVPOOL_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/kref.h>
#include <linux/ktime.h>
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

struct io_uring_cmd;
struct scatterlist;
struct kvpool_tenant;
struct kvpool_xfer;

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
	X(rejected)		\
	X(fetched_blocks)	\
	X(fetched_bytes)	\
	X(pushed_blocks)	\
	X(pushed_bytes)		\
	X(served_blocks)	\
	X(served_bytes)		\
	X(received_blocks)	\
	X(received_bytes)	\
	X(cancelled_ops)	\
	X(timedout_ops)

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
unsigned int kvpool_arena_sg(struct kvpool_arena *arena,
			     const struct kvpool_block *block, u32 offset,
			     u32 length, struct scatterlist *sg,
			     unsigned int max, u32 *covered);
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
 * @kobj:	its directory in sysfs, and its lifetime
 * @entry:	in pool.tenants: changed under pool.lock, read under it or RCU
 * @name:	NUL-terminated
 * @id:		number, never used again while the module is loaded
 * @uid:	user who may attach
 * @gid:	group whose members may attach
 * @nr_ctx:	attached contexts, and what other hosts use it for; it is deleted
 *		only when this is zero, and negative from then on
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
	atomic_t nr_ctx;
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
struct kvpool_tenant *kvpool_tenant_use(const char *name);
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
 * @remote_timeout_ms: deadline of operations that may ask a peer, unless they
 *		bring one
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
	unsigned int remote_timeout_ms;
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
int kvpool_block_reserve(struct kvpool_tenant *tenant,
			 const struct kvpool_key *key, u32 length,
			 const struct kvpool_space *space,
			 struct kvpool_block **out);
struct kvpool_block *kvpool_block_alloc(const struct kvpool_key *key,
					u32 length);
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
 * @ring:	its completion ring, or NULL; set once
 * @wq:		waiters for completions
 * @xfers:	operations in flight by id; its own lock, readers use RCU
 * @next_xfer:	where to look for the next id
 * @nr_xfers:	operations in flight
 * @xfer_seq:	counts the operations that did not complete at once
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
	struct kvpool_ring *ring;
	wait_queue_head_t wq;
	struct xarray xfers;
	u32 next_xfer;
	atomic_t nr_xfers;
	atomic64_t xfer_seq;
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
void kvpool_block_span(const struct kvpool_block *block, u32 i,
		       struct kvpool_span *span);
int kvpool_spans_put(u64 ptr, const struct kvpool_block *block, u32 first,
		     u32 nr);
int kvpool_blocks_refuse(int why, struct kvpool_entry *entries, u64 to, u32 nr);
int kvpool_blocks_put(struct kvpool_call *call, struct kvpool_entry *entries,
		      u64 to, u64 spans, u32 *nr_spans);

int kvpool_space_choose(int node, bool strict, struct kvpool_space *space);

int kvpool_mmap(struct file *file, struct vm_area_struct *vma);

/* ---- completion ring: dev/ring.c ---- */

struct kvpool_ring;

int kvpool_ioctl_ring(struct kvpool_call *call);
int kvpool_ring_mmap(struct kvpool_ctx *ctx, struct vm_area_struct *vma);
u32 kvpool_ring_admit(struct kvpool_ring *ring, u32 nr);
void kvpool_ring_post(struct kvpool_ring *ring,
		      const struct kvpool_completion *cqe);
void kvpool_ring_wake(struct kvpool_ctx *ctx, struct kvpool_ring *ring);
bool kvpool_ring_readable(struct kvpool_ctx *ctx);
void kvpool_ring_exit(struct kvpool_ctx *ctx);

/* ---- submission: dev/submit.c, dev/uring.c ---- */

/**
 * struct kvpool_batch - operations whose results a call waits for
 * @left:	those that have not completed, and one for the call itself
 * @done:	completed when @left is zero
 * @results:	in the order of the operations
 */
struct kvpool_batch {
	atomic_t left;
	struct completion done;
	struct kvpool_completion results[];
};

void *kvpool_array_get(u64 ptr, u32 nr, size_t size);
int kvpool_op_check(const struct kvpool_ctx *ctx, const struct kvpool_op *op);

/* Nanoseconds for operations that may not take for ever and do not say more. */
static inline u64 kvpool_op_timeout_default(void)
{
	return (u64)READ_ONCE(kvpool_pool.remote_timeout_ms) * NSEC_PER_MSEC;
}

int kvpool_ioctl_submit(struct kvpool_call *call);
int kvpool_ioctl_cancel(struct kvpool_call *call);
int kvpool_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);
void kvpool_uring_post(struct kvpool_xfer *xfer);

/* ---- operations in flight: xfer/ ---- */

enum kvpool_xfer_kind {
	KVPOOL_XFER_PROBE,	/* does a peer have the key? */
	KVPOOL_XFER_GET,	/* read a block of a peer */
	KVPOOL_XFER_PUT,	/* write a block to a peer */
};

enum kvpool_xfer_state {
	KVPOOL_XFER_CORE,	/* the core's */
	KVPOOL_XFER_GIVEN,	/* the fabric's, whose submit() has not returned */
	KVPOOL_XFER_CANCELLABLE, /* the fabric's */
};

/**
 * struct kvpool_xfer - an operation that did not complete at once
 * @refs:	one until it has completed, one for its deadline, and whoever
 *		looks at it. kvpool_xfer_get(), kvpool_xfer_put().
 * @kind:	what a fabric has to do
 * @peer:	in: number of the peer, or zero for any; out: who served it
 * @length:	GET, PUT: bytes of the block. PROBE, out: bytes of the peer's;
 *		GET that ends with -EMSGSIZE, out: likewise
 * @list:	the fabric's from submit() until kvpool_xfer_done()
 * @priv:	likewise; NULL at submit()
 * @tenant:	whose operation it is; stays until kvpool_xfer_done()
 * @key:	the key
 * @block:	GET: destination, not sealed. PUT: source. The xfer holds a
 *		reference until kvpool_xfer_done(). Its extents are constant.
 *
 * The rest belongs to the core.
 *
 * @state:	enum kvpool_xfer_state
 * @cancelled:	0, or the negative errno that it is to end with
 * @done:	it has completed
 * @tenant_id:	number of @tenant, which may be gone when it has completed
 * @flags:	of the operation
 * @opcode:	of the operation
 * @node:	of the operation
 * @id:		in ctx->xfers
 * @seq:	its place in the order of submission
 * @tag:	of the operation
 * @born:	jiffies at submission
 * @expires:	when @deadline is due, on the monotonic clock
 * @ctx:	whose it is; stays until it has completed
 * @hold:	LEASE: where its handle will be, or NULL
 * @index:	LEASE: index in @hold
 * @result:	where the completion goes to: @ring, or @slot of @batch, or @cmd
 * @cqe:	the completion
 * @awaited:	the pending block that it waits for, with a reference
 * @wait:	entry in a bucket of waiters
 * @entry:	in a list of whoever submits it to the fabric
 * @work:	goes on after waiting
 * @deadline:	cancels it
 * @rcu:	to free it after the last reader of ctx->xfers
 */
struct kvpool_xfer {
	refcount_t refs;
	enum kvpool_xfer_kind kind;
	u32 peer;
	u32 length;
	struct list_head list;
	void *priv;
	struct kvpool_tenant *tenant;
	struct kvpool_key key;
	struct kvpool_block *block;

	int state;
	int cancelled;
	bool done;
	u32 tenant_id;
	u32 flags;
	u32 opcode;
	int node;
	u32 id;
	u64 seq;
	u64 tag;
	unsigned long born;
	ktime_t expires;
	struct kvpool_ctx *ctx;
	struct kvpool_hold *hold;
	u32 index;
	struct {
		struct kvpool_ring *ring;
		struct kvpool_batch *batch;
		struct kvpool_completion *slot;
		struct io_uring_cmd *cmd;
	} result;
	struct kvpool_completion cqe;
	struct kvpool_block *awaited;
	struct hlist_node wait;
	struct list_head entry;
	struct work_struct work;
	struct delayed_work deadline;
	struct rcu_head rcu;
};

/**
 * struct kvpool_fabric_ops - what moves blocks between hosts
 * @submit:	Take every xfer of the list. Each is completed exactly once by
 *		kvpool_xfer_done(), possibly before this returns. Process
 *		context; may sleep for memory, never for a peer.
 * @cancel:	Complete it as soon as a fence allows: after kvpool_xfer_done()
 *		no device touches its block. Process context; must not wait for
 *		a peer. The caller holds a reference to the xfer. It is called
 *		after submit() has returned, possibly more than once, from
 *		several tasks at a time, and also during or after
 *		kvpool_xfer_done(): then there is nothing left to do.
 */
struct kvpool_fabric_ops {
	void (*submit)(struct list_head *xfers);
	void (*cancel)(struct kvpool_xfer *xfer);
};

int kvpool_fabric_register(const struct kvpool_fabric_ops *ops);
void kvpool_fabric_unregister(const struct kvpool_fabric_ops *ops);
bool kvpool_fabric_loaded(void);
void kvpool_xfer_done(struct kvpool_xfer *xfer, int status, u64 bytes);
void kvpool_xfer_free(struct kvpool_xfer *xfer);

static inline void kvpool_xfer_get(struct kvpool_xfer *xfer)
{
	refcount_inc(&xfer->refs);
}

static inline void kvpool_xfer_put(struct kvpool_xfer *xfer)
{
	if (refcount_dec_and_test(&xfer->refs))
		kvpool_xfer_free(xfer);
}

/* When it will be @ns nanoseconds later; KTIME_MAX is never. */
static inline ktime_t kvpool_time_after(u64 ns)
{
	return ktime_add_safe(ktime_get(), min_t(u64, ns, KTIME_MAX));
}

/* Then its completion is where it has to be. */
static inline bool kvpool_xfer_is_done(const struct kvpool_xfer *xfer)
{
	/* Pairs with the release of kvpool_xfer_finish(). */
	return smp_load_acquire(&xfer->done);
}

int kvpool_xfers_init(void);
void kvpool_xfers_exit(void);
bool kvpool_op_try(struct kvpool_ctx *ctx, const struct kvpool_op *op,
		   struct kvpool_hold *hold, u32 index,
		   struct kvpool_completion *cqe);
int kvpool_ctx_release(struct kvpool_ctx *ctx, u64 handle);
struct kvpool_xfer *kvpool_xfer_new(struct kvpool_ctx *ctx,
				    const struct kvpool_op *op,
				    struct kvpool_hold *hold, u32 index,
				    u64 timeout_ns);
void kvpool_xfer_start(struct kvpool_xfer *xfer, struct list_head *remote);
void kvpool_xfers_submit(struct list_head *remote);
void kvpool_xfer_cancel(struct kvpool_xfer *xfer, int why);
void kvpool_ctx_cancel_all(struct kvpool_ctx *ctx);

/* Waiters for pending keys: xfer/wait.c */

void kvpool_wait_init(void);
bool kvpool_wait_add(struct kvpool_xfer *xfer, struct kvpool_block *block);
bool kvpool_wait_del(struct kvpool_xfer *xfer);
void kvpool_wait_wake(const struct kvpool_block *block);

/* ---- control ---- */

extern const struct attribute_group *kvpool_sysfs_groups[];
int kvpool_sysfs_init(struct kobject *dev);
void kvpool_sysfs_exit(void);
int kvpool_sysfs_tenant_add(struct kvpool_tenant *tenant);
void kvpool_debugfs_init(void);
void kvpool_debugfs_exit(void);

#endif /* _KVPOOL_H */
