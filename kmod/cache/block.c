// SPDX-License-Identifier: GPL-2.0
/* Blocks: from reservation to seal to the last reference. */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "cache/block.h"
#include "cache/chain.h"
#include "cache/epoch.h"
#include "cache/hist.h"
#include "cache/index.h"
#include "cache/limit.h"
#include "cache/pool.h"
#include "cache/tenant.h"
#include "cache/trace.h"
#include "cache/waiters.h"
#include "mem/poison.h"

/* Blocks that are freed with one acquisition of the arena's lock. */
#define KVPOOL_FREE_BATCH	32

/* Serials that a CPU takes at a time. */
#define KVPOOL_SERIALS		1024
/* What a block takes: its structure, and its part of the index. */
#define KVPOOL_BLOCK_DESCRIBED	\
	((long)(sizeof(struct kvpool_block) + 2 * sizeof(void *)))

static struct kmem_cache *kvpool_block_cache;

static atomic_t kvpool_serials;			/* taken by CPUs, in batches */
/* The latest of the CPU's batch; at first the last of an earlier one. */
static DEFINE_PER_CPU(u32, kvpool_serial) = KVPOOL_SERIALS - 1;

/**
 * kvpool_blocks_init() - Create the slab cache of blocks
 *
 * Context: Module load; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kvpool_blocks_init(void)
{
	kvpool_block_cache = kmem_cache_create("kvpool_block",
					       sizeof(struct kvpool_block), 0,
					       0, NULL);
	return kvpool_block_cache ? 0 : -ENOMEM;
}

/**
 * kvpool_blocks_exit() - Undo kvpool_blocks_init()
 *
 * Context: Module unload, after the last block was freed; may sleep.
 */
void kvpool_blocks_exit(void)
{
	rcu_barrier();
	kmem_cache_destroy(kvpool_block_cache);
}

static void kvpool_block_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(kvpool_block_cache,
			container_of(rcu, struct kvpool_block, rcu));
}

/**
 * kvpool_block_forget() - Free the description of a block
 * @policy: the policy of its tenant
 * @block: a block without references, memory and children
 *
 * Context: Any.
 */
void kvpool_block_forget(struct kvpool_policy *policy,
			 struct kvpool_block *block)
{
	kvpool_tenant_describe(container_of(policy, struct kvpool_tenant,
					    policy), -KVPOOL_BLOCK_DESCRIBED);
	call_rcu(&block->rcu, kvpool_block_free_rcu);
}

/* Free the description of a block, unless it has to stay for its children. */
static void kvpool_block_bury(struct kvpool_tenant *tenant,
			      struct kvpool_block *block)
{
	bool stays = false;

	/*
	 * It has ended: nothing links to it any more. A sweep that stopped at it
	 * did so while it was queued, and counts as a child.
	 */
	if (block->depth || block->children) {
		spin_lock(&tenant->policy.lock);
		stays = kvpool_chain_bury(&tenant->policy, block);
		spin_unlock(&tenant->policy.lock);
	}
	if (!stays)
		kvpool_block_forget(&tenant->policy, block);
}

/*
 * A number that tells blocks of one key apart: it comes again after 2^32 blocks,
 * which take minutes to make, while a peer compares it for as long as it reads
 * one block. CPUs take whole batches, so that they share no cache line for each
 * block.
 */
static u32 kvpool_block_serial(void)
{
	u32 *serial = &get_cpu_var(kvpool_serial);
	u32 ret;

	if (*serial % KVPOOL_SERIALS == KVPOOL_SERIALS - 1)
		*serial = atomic_fetch_add(KVPOOL_SERIALS, &kvpool_serials);
	/* The first number of each batch, so also zero, is left out. */
	ret = ++*serial;
	put_cpu_var(kvpool_serial);
	return ret;
}

/* The memory of a block goes, which may count against the push quota. */
static void kvpool_block_uncharge(struct kvpool_tenant *tenant,
				  const struct kvpool_block *block)
{
	if (block->pushed)
		atomic_long_sub(kvpool_place_held(&block->place),
				&tenant->pushed);
}

/**
 * kvpool_blocks_free() - Free blocks that have no reference left
 * @tenant: the tenant of the blocks
 * @blocks: list of blocks by their lru; no block is in the index or in a queue
 *
 * Context: May sleep.
 */
void kvpool_blocks_free(struct kvpool_tenant *tenant, struct list_head *blocks)
{
	struct kvpool_place *places[KVPOOL_FREE_BATCH];
	struct kvpool_block *block, *next;
	unsigned int nr = 0;

	list_for_each_entry(block, blocks, lru) {
		kvpool_block_uncharge(tenant, block);
		places[nr++] = &block->place;
		if (nr == ARRAY_SIZE(places)) {
			kvpool_arena_free(&tenant->arena, places, nr);
			nr = 0;
			cond_resched();
		}
	}
	if (nr)
		kvpool_arena_free(&tenant->arena, places, nr);
	list_for_each_entry_safe(block, next, blocks, lru) {
		trace_kvpool_block_free(tenant, block);
		kvpool_block_bury(tenant, block);
		cond_resched();
	}
}

/**
 * kvpool_block_free() - Free a block that has no reference left
 * @tenant: the tenant of the block
 * @block: the block, which is neither in the index nor in a queue
 *
 * Context: May sleep.
 */
void kvpool_block_free(struct kvpool_tenant *tenant, struct kvpool_block *block)
{
	struct kvpool_place *place = &block->place;

	kvpool_block_uncharge(tenant, block);
	kvpool_arena_free(&tenant->arena, &place, 1);
	trace_kvpool_block_free(tenant, block);
	kvpool_block_bury(tenant, block);
}

/**
 * kvpool_block_discard() - Free a block of a tenant that is deleted
 * @tenant: the tenant, without users
 * @block: a block of its index, which is being destroyed
 *
 * Context: May sleep.
 */
void kvpool_block_discard(struct kvpool_tenant *tenant,
			  struct kvpool_block *block)
{
	spin_lock(&tenant->policy.lock);
	kvpool_chain_end(&tenant->policy, block);
	WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
	spin_unlock(&tenant->policy.lock);
	kvpool_block_free(tenant, block);
}

/*
 * Wake the waiters of a reservation that has ended. Its state was changed by
 * cmpxchg(), which orders the change before the load of @waited; pairs with
 * kvpool_waitq_await().
 */
static void kvpool_block_settle(struct kvpool_tenant *tenant,
				struct kvpool_block *block)
{
	if (READ_ONCE(block->waited))
		kvpool_waiters_wake(&tenant->queues, block);
}

/* End a reservation; false if it was not pending any more. */
static bool kvpool_block_unreserve(struct kvpool_tenant *tenant,
				   struct kvpool_block *block,
				   enum kvpool_block_state state)
{
	bool ended;

	spin_lock(&tenant->policy.lock);
	ended = cmpxchg(&block->state, KVPOOL_BLOCK_RESERVED, state) ==
		KVPOOL_BLOCK_RESERVED;
	if (ended)
		kvpool_chain_end(&tenant->policy, block);
	spin_unlock(&tenant->policy.lock);
	if (!ended)
		return false;
	kvpool_index_remove(&tenant->index, block);
	kvpool_count(tenant, pending, -1);
	kvpool_block_settle(tenant, block);
	/* The index's reference; the owner has its own. */
	kvpool_block_put(tenant, block);
	return true;
}

/**
 * kvpool_block_patience() - Tell when a reservation is going to be stuck
 * @block: a reservation that the caller has a reference to
 *
 * Context: Any.
 * Return: jiffies from now, or 0 for never.
 */
unsigned long kvpool_block_patience(const struct kvpool_block *block)
{
	unsigned int ms = READ_ONCE(kvpool_pool.preempt_ms);
	u32 age = (u32)jiffies - block->stamp;

	if (!ms)
		return 0;
	return max_t(unsigned long, msecs_to_jiffies(ms), age) - age + 1;
}

/**
 * kvpool_block_stuck() - Tell whether a reservation may be pre-empted
 * @block: a reservation that the caller has found
 *
 * Context: Any.
 * Return: true if it is older than the pool's preempt_ms.
 */
bool kvpool_block_stuck(const struct kvpool_block *block)
{
	unsigned int ms = READ_ONCE(kvpool_pool.preempt_ms);

	return ms && (u32)jiffies - block->stamp > msecs_to_jiffies(ms);
}

/*
 * Replace a stuck reservation in the index. Its owner keeps its reference,
 * hence the space, until the owner seals, aborts or closes: late writes of the
 * owner land in memory that no other block uses.
 */
static bool kvpool_block_preempt(struct kvpool_tenant *tenant,
				 struct kvpool_block *old,
				 struct kvpool_block *block)
{
	bool ended;

	atomic_long_add(kvpool_block_pages(old), &tenant->quarantined);
	spin_lock(&tenant->policy.lock);
	ended = cmpxchg(&old->state, KVPOOL_BLOCK_RESERVED,
			KVPOOL_BLOCK_PREEMPTED) == KVPOOL_BLOCK_RESERVED;
	if (ended) {
		kvpool_chain_end(&tenant->policy, old);
		/* In one step, so that lookups always find the key pending. */
		rcu_read_lock();
		block->epoch = READ_ONCE(tenant->epoch);
		kvpool_index_replace(&tenant->index, old, block);
		rcu_read_unlock();
	}
	spin_unlock(&tenant->policy.lock);
	if (!ended) {
		atomic_long_sub(kvpool_block_pages(old), &tenant->quarantined);
		return false;
	}
	trace_kvpool_block_preempt(tenant, old);
	kvpool_count(tenant, pending, -1);
	kvpool_count(tenant, preempted_blocks, 1);
	kvpool_block_settle(tenant, old);
	kvpool_block_put(tenant, old);
	return true;
}

/* Enter a new block into the index. Return 0 or a negative errno. */
static int kvpool_block_enter(struct kvpool_tenant *tenant,
			      struct kvpool_block *block)
{
	struct kvpool_block *old;
	bool stuck;
	u32 state;

	for (;;) {
		rcu_read_lock();
		/* In one section: see kvpool_epoch_work(). */
		block->epoch = READ_ONCE(tenant->epoch);
		old = kvpool_index_insert(&tenant->index, block);
		if (!old || IS_ERR(old)) {
			rcu_read_unlock();
			return old ? -ENOMEM : 0;
		}
		if (kvpool_block_stale(tenant, old)) {
			rcu_read_unlock();
			kvpool_block_outdate(tenant, &block->key);
			cond_resched();
			continue;
		}
		state = READ_ONCE(old->state);
		stuck = state == KVPOOL_BLOCK_RESERVED &&
			kvpool_block_stuck(old) &&
			refcount_inc_not_zero(&old->refs);
		/* The task that ended @old removes it too: do not wait. */
		if (state == KVPOOL_BLOCK_DEAD)
			kvpool_index_remove(&tenant->index, old);
		rcu_read_unlock();

		if (stuck) {
			stuck = kvpool_block_preempt(tenant, old, block);
			kvpool_block_put(tenant, old);
			if (stuck)
				return 0;
		} else if (state == KVPOOL_BLOCK_SEALED) {
			return -EEXIST;
		} else if (state == KVPOOL_BLOCK_RESERVED) {
			return -EBUSY;
		}
		cond_resched();
	}
}

/**
 * kvpool_block_new() - Make a block with one reference and no space
 * @tenant: the tenant of the block
 * @key: its key
 * @length: bytes
 * @state: its state; it is not in the index
 * @gfp: flags of the allocation
 *
 * Context: As @gfp says.
 * Return: the block or NULL.
 */
struct kvpool_block *kvpool_block_new(struct kvpool_tenant *tenant,
				      const struct kvpool_key *key, u32 length,
				      enum kvpool_block_state state, gfp_t gfp)
{
	struct kvpool_block *block;

	block = kmem_cache_zalloc(kvpool_block_cache, gfp);
	if (!block)
		return NULL;
	block->key = *key;
	block->serial = kvpool_block_serial();
	block->place.length = length;
	block->state = state;
	INIT_LIST_HEAD(&block->lru);
	refcount_set(&block->refs, 1);
	kvpool_tenant_describe(tenant, KVPOOL_BLOCK_DESCRIBED);
	return block;
}

/**
 * kvpool_block_delete() - Undo kvpool_block_new()
 * @tenant: the tenant of the block
 * @block: a block without space, which no other task can reach
 *
 * Context: Any.
 */
void kvpool_block_delete(struct kvpool_tenant *tenant,
			 struct kvpool_block *block)
{
	kvpool_tenant_describe(tenant, -KVPOOL_BLOCK_DESCRIBED);
	kmem_cache_free(kvpool_block_cache, block);
}

/**
 * kvpool_block_enlist() - Make a key pending, for a block that is not in the index
 * @tenant: the tenant of the block
 * @block: the block, with the caller's reference as its only one, which becomes
 *	   that of its owner; it may have its space already
 *
 * A reservation of the key that is older than the pool's preempt_ms is
 * pre-empted.
 *
 * Context: May sleep.
 * Return: 0; or -EEXIST, -EBUSY or -ENOMEM as KVPOOL_IOC_RESERVE reports them,
 * and the block is as it was.
 */
int kvpool_block_enlist(struct kvpool_tenant *tenant,
			struct kvpool_block *block)
{
	u8 state = block->state;
	int ret;

	block->stamp = jiffies;
	block->state = KVPOOL_BLOCK_RESERVED;
	refcount_inc(&block->refs);
	ret = kvpool_block_enter(tenant, block);
	if (ret) {
		block->state = state;
		refcount_dec(&block->refs);
		return ret;
	}
	kvpool_count(tenant, pending, 1);
	return 0;
}

/**
 * kvpool_block_begin() - Make a pending block that has no space yet
 * @tenant: the tenant of the block
 * @key: its key
 * @length: bytes
 * @out: out: the block; the caller owns a reference, and then finds space with
 *	 kvpool_reserve_place() or ends the block with kvpool_block_refuse()
 *
 * A reservation of the key that is older than the pool's preempt_ms is
 * pre-empted.
 *
 * Context: May sleep.
 * Return: 0, -EEXIST, -EBUSY or -ENOMEM as KVPOOL_IOC_RESERVE reports them.
 */
int kvpool_block_begin(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key, u32 length,
		       struct kvpool_block **out)
{
	struct kvpool_block *block;
	int ret;

	block = kvpool_block_new(tenant, key, length, KVPOOL_BLOCK_RESERVED,
				 GFP_KERNEL);
	if (!block)
		return -ENOMEM;
	ret = kvpool_block_enlist(tenant, block);
	if (ret)
		kvpool_block_delete(tenant, block);
	else
		*out = block;
	return ret;
}

/**
 * kvpool_block_refuse() - End a pending block that got no space
 * @tenant: the tenant of the block
 * @block: the block; the caller's reference is consumed
 * @why: the negative errno that its reservation ends with; -EINTR is not
 *	 counted as a rejection
 *
 * Context: May sleep.
 */
void kvpool_block_refuse(struct kvpool_tenant *tenant,
			 struct kvpool_block *block, int why)
{
	/* A pre-empted block counts as quarantined. */
	if (!kvpool_block_unreserve(tenant, block, KVPOOL_BLOCK_DEAD))
		atomic_long_sub(kvpool_block_pages(block),
				&tenant->quarantined);
	kvpool_block_put(tenant, block);
	if (why != -EINTR)
		kvpool_count(tenant, rejected, 1);
	kvpool_limit_space(tenant, why);
}

/**
 * kvpool_block_alloc() - Make a block without space that is not in the index
 * @tenant: the tenant of the block
 * @key: its key, under which no lookup finds it
 * @length: bytes
 *
 * The block is in the state of a removed block that is still leased. The caller
 * finds space for it.
 *
 * Context: May sleep.
 * Return: the block, with the caller's reference, which is its only one; or
 * NULL.
 */
struct kvpool_block *kvpool_block_alloc(struct kvpool_tenant *tenant,
					const struct kvpool_key *key,
					u32 length)
{
	return kvpool_block_new(tenant, key, length, KVPOOL_BLOCK_DEAD,
				GFP_KERNEL);
}

/* Seal one reservation; policy.lock is held. Return 0, -EDQUOT or -ESTALE. */
static int kvpool_block_publish(struct kvpool_tenant *tenant,
				struct kvpool_block *block, u32 pin)
{
	if (pin == KVPOOL_PIN_HARD &&
	    tenant->pinned + kvpool_block_length(block) >
	    READ_ONCE(tenant->pin_quota))
		return -EDQUOT;
	if (kvpool_block_stale(tenant, block))
		return -ESTALE;
	/* A full barrier: readers that see the state see the bytes. */
	if (cmpxchg(&block->state, KVPOOL_BLOCK_RESERVED,
		    KVPOOL_BLOCK_SEALED) != KVPOOL_BLOCK_RESERVED)
		return -ESTALE;
	block->pin = pin;
	if (pin == KVPOOL_PIN_HARD)
		WRITE_ONCE(tenant->pinned,
			   tenant->pinned + kvpool_block_length(block));
	return 0;
}

/**
 * kvpool_block_seal() - Publish reserved blocks
 * @tenant: the tenant of the blocks
 * @blocks: reservations in the order of their prefix; NULL entries are skipped.
 *	    The owner's reference is consumed unless the status is -EDQUOT.
 * @pins: the pin of each: 0, KVPOOL_PIN_SOFT or KVPOOL_PIN_HARD
 * @status: out: for each block 0, -EDQUOT if its pin would exceed the tenant's
 *	    pin_quota, or -ESTALE if it was pre-empted or is of an earlier
 *	    epoch. Entries of NULL blocks are left alone.
 * @nr: number of entries
 *
 * Context: May sleep.
 */
void kvpool_block_seal(struct kvpool_tenant *tenant,
		       struct kvpool_block **blocks, const u32 *pins,
		       int *status, unsigned int nr)
{
	bool refused = false;
	u64 bytes = 0;
	long done = 0;
	unsigned int i;

	spin_lock(&tenant->policy.lock);
	for (i = 0; i < nr; i++)
		if (blocks[i])
			status[i] = kvpool_block_publish(tenant, blocks[i],
							 pins[i]);
	/* The head of a prefix comes last and is the youngest. */
	for (i = nr; i-- > 0;)
		if (blocks[i] && !status[i] && pins[i] != KVPOOL_PIN_HARD)
			kvpool_policy_insert(&tenant->policy, blocks[i]);
	spin_unlock(&tenant->policy.lock);

	for (i = 0; i < nr; i++) {
		cond_resched();
		if (!blocks[i])
			continue;
		if (status[i] == -EDQUOT) {
			refused = true;
			continue;
		}
		if (status[i]) {
			kvpool_block_abort(tenant, blocks[i]);
			continue;
		}
		bytes += kvpool_block_length(blocks[i]);
		done++;
		trace_kvpool_block_seal(tenant, blocks[i]);
		kvpool_block_settle(tenant, blocks[i]);
		/* Its memory may have failed while it was being filled. */
		if (kvpool_poison_place(&tenant->arena, &blocks[i]->place))
			kvpool_block_remove(tenant, &blocks[i]->key);
		kvpool_block_put(tenant, blocks[i]);
	}
	kvpool_count(tenant, blocks, done);
	kvpool_count(tenant, pending, -done);
	kvpool_count(tenant, produced_blocks, done);
	kvpool_count(tenant, produced_bytes, bytes);
	kvpool_hist_add(tenant, KVPOOL_HIST_SEAL_BYTES, bytes);
	if (refused)
		kvpool_limit_pins(tenant);
}

/**
 * kvpool_block_end() - End a reservation, but keep its space
 * @tenant: the tenant of the block
 * @block: the reservation; the caller keeps the owner's reference
 *
 * Context: May sleep.
 * Return: true; false if @block had been pre-empted: then its pages count as
 * quarantined.
 */
bool kvpool_block_end(struct kvpool_tenant *tenant, struct kvpool_block *block)
{
	if (!kvpool_block_unreserve(tenant, block, KVPOOL_BLOCK_DEAD))
		return false;
	trace_kvpool_block_abort(tenant, block);
	kvpool_count(tenant, aborted_blocks, 1);
	return true;
}

/**
 * kvpool_block_abort() - End a reservation without a block
 * @tenant: the tenant of the block
 * @block: the reservation; the owner's reference is consumed. No device writes
 *	   to its space any more.
 *
 * Context: May sleep.
 */
void kvpool_block_abort(struct kvpool_tenant *tenant,
			struct kvpool_block *block)
{
	if (!kvpool_block_end(tenant, block))
		atomic_long_sub(kvpool_block_pages(block),
				&tenant->quarantined);
	kvpool_block_put(tenant, block);
}

/*
 * Take a reference, for a lookup. False if the block has ended or has too many
 * references already.
 */
static bool kvpool_block_get(struct kvpool_tenant *tenant,
			     struct kvpool_block *block)
{
	if (unlikely(!kvpool_block_tryget(block))) {
		/* It may be frozen for a moment, in which its bytes move. */
		spin_lock(&tenant->policy.lock);
		spin_unlock(&tenant->policy.lock);
		if (!kvpool_block_tryget(block))
			return false;
	}
	/* Pairs with kvpool_block_move(): the new place. */
	smp_acquire__after_ctrl_dep();
	return true;
}

/*
 * The rest of kvpool_block_find_rcu(), for a block that has ended, or has too
 * many references: the key may have been pre-empted, and then there is another.
 */
static noinline struct kvpool_block *
kvpool_block_find_next(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key, u32 *state)
{
	struct kvpool_block *block, *gone = NULL;

	while ((block = kvpool_index_find(&tenant->index, key))) {
		/* Pairs with the cmpxchg() of kvpool_block_publish(). */
		*state = smp_load_acquire(&block->state);
		if (*state <= KVPOOL_BLOCK_SEALED &&
		    !kvpool_block_stale(tenant, block) &&
		    kvpool_block_get(tenant, block))
			return block;
		if (block == gone)
			break;
		gone = block;
	}
	return NULL;
}

/**
 * kvpool_block_find_rcu() - kvpool_block_find() for one of many keys
 * @tenant: the tenant of the block
 * @key: its key
 * @state: out: KVPOOL_BLOCK_SEALED or KVPOOL_BLOCK_RESERVED
 *
 * Context: RCU read-side section.
 * Return: the block, with a reference for the caller, or NULL.
 */
struct kvpool_block *kvpool_block_find_rcu(struct kvpool_tenant *tenant,
					   const struct kvpool_key *key,
					   u32 *state)
{
	struct kvpool_block *block = kvpool_index_lookup(&tenant->index, key);

	if (!block)
		return NULL;
	/* Pairs with the cmpxchg() of kvpool_block_publish(). */
	*state = smp_load_acquire(&block->state);
	if (likely(*state <= KVPOOL_BLOCK_SEALED &&
		   !kvpool_block_stale(tenant, block) &&
		   kvpool_block_tryget(block))) {
		/* Pairs with kvpool_block_move(): the new place. */
		smp_acquire__after_ctrl_dep();
		return block;
	}
	return kvpool_block_find_next(tenant, key, state);
}

/**
 * kvpool_block_find() - Find a block and take a reference
 * @tenant: the tenant of the block
 * @key: its key
 * @state: out: KVPOOL_BLOCK_SEALED or KVPOOL_BLOCK_RESERVED
 *
 * Context: Any.
 * Return: the block, with a reference for the caller, or NULL.
 */
struct kvpool_block *kvpool_block_find(struct kvpool_tenant *tenant,
				       const struct kvpool_key *key, u32 *state)
{
	struct kvpool_block *block;

	rcu_read_lock();
	block = kvpool_block_find_rcu(tenant, key, state);
	rcu_read_unlock();
	return block;
}

/**
 * kvpool_block_probe() - Look a key up without taking a reference
 * @tenant: the tenant of the key
 * @key: the key
 * @length: out: bytes of the block, if it is sealed
 *
 * Context: Any.
 * Return: 0 for a sealed block, -EINPROGRESS for a pending one, or -ENOENT.
 */
int kvpool_block_probe(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key, u32 *length)
{
	struct kvpool_block *block, *gone = NULL;
	int ret = -ENOENT;
	u32 state;

	rcu_read_lock();
	/* A dead block may have been pre-empted: then there is another. */
	while ((block = kvpool_index_find(&tenant->index, key)) &&
	       block != gone) {
		state = READ_ONCE(block->state);
		if (kvpool_block_stale(tenant, block))
			break;
		if (state == KVPOOL_BLOCK_SEALED) {
			*length = kvpool_block_length(block);
			ret = 0;
			break;
		}
		if (state == KVPOOL_BLOCK_RESERVED) {
			ret = -EINPROGRESS;
			break;
		}
		gone = block;
	}
	rcu_read_unlock();
	return ret;
}

/**
 * kvpool_block_chain() - Tell how a block continues a chain
 * @tenant: the tenant of the block
 * @block: a block that the caller has a reference to
 * @parent: out: the key of the block before it, if more than 1 is returned
 *
 * Context: Any.
 * Return: its position in the chain, from 1; or zero if it is in none, or if
 * the block before it is not known any more.
 */
u32 kvpool_block_chain(struct kvpool_tenant *tenant, struct kvpool_block *block,
		       struct kvpool_key *parent)
{
	u32 depth;

	spin_lock(&tenant->policy.lock);
	depth = block->depth;
	if (block->parent)
		*parent = block->parent->key;
	else if (depth > 1)
		depth = 0;
	spin_unlock(&tenant->policy.lock);
	return depth;
}

static struct kvpool_block *
kvpool_block_find_sealed(struct kvpool_tenant *tenant,
			 const struct kvpool_key *key)
{
	struct kvpool_block *block;
	u32 state;

	block = kvpool_block_find(tenant, key, &state);
	if (!block)
		return ERR_PTR(-ENOENT);
	if (state == KVPOOL_BLOCK_RESERVED) {
		kvpool_block_put(tenant, block);
		return ERR_PTR(-EBUSY);
	}
	return block;
}

static void kvpool_block_unpin(struct kvpool_tenant *tenant,
			       struct kvpool_block *block)
{
	if (block->pin == KVPOOL_PIN_HARD)
		WRITE_ONCE(tenant->pinned,
			   tenant->pinned - kvpool_block_length(block));
}

/* End a reservation of an earlier epoch; its owner keeps the space. */
static bool kvpool_block_disown(struct kvpool_tenant *tenant,
				struct kvpool_block *block)
{
	bool ended;

	atomic_long_add(kvpool_block_pages(block), &tenant->quarantined);
	spin_lock(&tenant->policy.lock);
	ended = cmpxchg(&block->state, KVPOOL_BLOCK_RESERVED,
			KVPOOL_BLOCK_PREEMPTED) == KVPOOL_BLOCK_RESERVED;
	if (ended) {
		kvpool_chain_end(&tenant->policy, block);
		kvpool_index_remove(&tenant->index, block);
	}
	spin_unlock(&tenant->policy.lock);
	if (!ended) {
		atomic_long_sub(kvpool_block_pages(block),
				&tenant->quarantined);
		return false;
	}
	kvpool_count(tenant, pending, -1);
	kvpool_block_settle(tenant, block);
	return true;
}

/* Remove a sealed block from the index, if it is there. */
static bool kvpool_block_withdraw(struct kvpool_tenant *tenant,
				  struct kvpool_block *block)
{
	bool removed;

	spin_lock(&tenant->policy.lock);
	removed = block->state == KVPOOL_BLOCK_SEALED;
	if (removed) {
		WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
		kvpool_block_unpin(tenant, block);
		kvpool_chain_end(&tenant->policy, block);
		kvpool_index_remove(&tenant->index, block);
	}
	spin_unlock(&tenant->policy.lock);
	if (removed) {
		trace_kvpool_block_remove(tenant, block);
		kvpool_count(tenant, blocks, -1);
		kvpool_count(tenant, removed_blocks, 1);
	}
	return removed;
}

/**
 * kvpool_block_outdate() - Remove a block of an earlier epoch from the index
 * @tenant: the tenant of the block
 * @key: its key
 *
 * When this returns, the key has no such block, or another task is removing it.
 *
 * Context: May sleep.
 */
void kvpool_block_outdate(struct kvpool_tenant *tenant,
			  const struct kvpool_key *key)
{
	struct kvpool_block *block;
	bool removed = false;
	u32 state;

	do {
		rcu_read_lock();
		block = kvpool_index_find(&tenant->index, key);
		if (block && !kvpool_block_stale(tenant, block))
			block = NULL;
		if (block && !refcount_inc_not_zero(&block->refs)) {
			/* The task that ended it removes it too: help. */
			if (READ_ONCE(block->state) == KVPOOL_BLOCK_DEAD)
				kvpool_index_remove(&tenant->index, block);
			block = NULL;
		}
		rcu_read_unlock();
		if (!block)
			return;
		state = READ_ONCE(block->state);
		if (state == KVPOOL_BLOCK_RESERVED)
			removed = kvpool_block_disown(tenant, block);
		else if (state == KVPOOL_BLOCK_SEALED)
			removed = kvpool_block_withdraw(tenant, block);
		else if (state == KVPOOL_BLOCK_DEAD)
			kvpool_index_remove(&tenant->index, block);
		/* The index's reference. */
		if (removed)
			kvpool_block_put(tenant, block);
		kvpool_block_put(tenant, block);
		cond_resched();
	} while (!removed);
}

/**
 * kvpool_block_remove() - Remove a sealed block from the index
 * @tenant: the tenant of the block
 * @key: its key
 *
 * The block's memory is freed when its last lease ends.
 *
 * Context: May sleep.
 * Return: 0, -ENOENT, or -EBUSY if the key is pending.
 */
int kvpool_block_remove(struct kvpool_tenant *tenant,
			const struct kvpool_key *key)
{
	struct kvpool_block *block;
	bool removed;

	do {
		block = kvpool_block_find_sealed(tenant, key);
		if (IS_ERR(block))
			return PTR_ERR(block);

		/* A block that has died may have moved: retry. */
		removed = kvpool_block_withdraw(tenant, block);
		/* The index's reference. */
		if (removed)
			kvpool_block_put(tenant, block);
		kvpool_block_put(tenant, block);
	} while (!removed);
	return 0;
}

/* Set the pin of a sealed block; policy.lock is held. */
static int kvpool_block_repin(struct kvpool_tenant *tenant,
			      struct kvpool_block *block, u32 pin)
{
	if (block->pin == pin)
		return 0;
	if (pin == KVPOOL_PIN_HARD &&
	    tenant->pinned + kvpool_block_length(block) >
	    READ_ONCE(tenant->pin_quota))
		return -EDQUOT;
	kvpool_block_unpin(tenant, block);
	kvpool_policy_remove(&tenant->policy, block);
	block->pin = pin;
	if (pin == KVPOOL_PIN_HARD)
		WRITE_ONCE(tenant->pinned,
			   tenant->pinned + kvpool_block_length(block));
	else
		kvpool_policy_insert(&tenant->policy, block);
	return 0;
}

/**
 * kvpool_block_pin() - Set the pin of a sealed block
 * @tenant: the tenant of the block
 * @key: its key
 * @pin: 0, KVPOOL_PIN_SOFT or KVPOOL_PIN_HARD
 *
 * A block whose pin changes becomes the youngest of its queue, if it has one.
 *
 * Context: May sleep.
 * Return: 0, -ENOENT, -EBUSY if the key is pending, or -EDQUOT if a hard pin
 * would exceed the tenant's pin_quota.
 */
int kvpool_block_pin(struct kvpool_tenant *tenant,
		     const struct kvpool_key *key, u32 pin)
{
	struct kvpool_block *block;
	int ret;

	do {
		block = kvpool_block_find_sealed(tenant, key);
		if (IS_ERR(block))
			return PTR_ERR(block);

		/* A block that has died may have moved: retry. */
		spin_lock(&tenant->policy.lock);
		ret = block->state == KVPOOL_BLOCK_SEALED ?
			kvpool_block_repin(tenant, block, pin) : -EAGAIN;
		spin_unlock(&tenant->policy.lock);

		if (!ret)
			trace_kvpool_block_pin(tenant, block);
		else if (ret == -EDQUOT)
			kvpool_limit_pins(tenant);
		kvpool_block_put(tenant, block);
	} while (ret == -EAGAIN);
	return ret;
}
