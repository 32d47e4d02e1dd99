// SPDX-License-Identifier: GPL-2.0
/* Blocks: from reservation to seal to the last reference. */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "cache/block.h"
#include "cache/index.h"
#include "cache/pool.h"
#include "cache/tenant.h"
#include "cache/trace.h"
#include "cache/waiters.h"

/* Blocks that are freed under one lock. */
#define KVPOOL_FREE_BATCH	32

static struct kmem_cache *kvpool_block_cache;

/**
 * kvpool_blocks_init() - Prepare what all blocks need
 *
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
 * kvpool_blocks_exit() - Undo kvpool_blocks_init(); all blocks are freed
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
 * kvpool_blocks_free() - Free blocks that have no reference left
 * @tenant: whose they are
 * @blocks: a list of them by their lru; out of the index and of their queues
 */
void kvpool_blocks_free(struct kvpool_tenant *tenant, struct list_head *blocks)
{
	struct kvpool_place *places[KVPOOL_FREE_BATCH];
	struct kvpool_block *block, *next;
	unsigned int nr = 0;

	list_for_each_entry(block, blocks, lru) {
		places[nr++] = &block->place;
		if (nr == ARRAY_SIZE(places)) {
			kvpool_arena_free(&tenant->arena, places, nr);
			nr = 0;
		}
	}
	if (nr)
		kvpool_arena_free(&tenant->arena, places, nr);
	list_for_each_entry_safe(block, next, blocks, lru) {
		trace_kvpool_block_free(tenant, block);
		call_rcu(&block->rcu, kvpool_block_free_rcu);
	}
}

/**
 * kvpool_block_free() - Free a block that has no reference left
 * @tenant: whose it is
 * @block: the block; out of the index and of its queue
 */
void kvpool_block_free(struct kvpool_tenant *tenant, struct kvpool_block *block)
{
	struct kvpool_place *place = &block->place;

	kvpool_arena_free(&tenant->arena, &place, 1);
	trace_kvpool_block_free(tenant, block);
	call_rcu(&block->rcu, kvpool_block_free_rcu);
}

/**
 * kvpool_block_put() - Drop a reference
 * @tenant: whose it is
 * @block: the block
 */
void kvpool_block_put(struct kvpool_tenant *tenant, struct kvpool_block *block)
{
	if (refcount_dec_and_test(&block->refs))
		kvpool_block_free(tenant, block);
}

/*
 * Tell those who asked that a reservation has ended. The change of the state
 * was a cmpxchg(), which orders it before the look at @waited; pairs with
 * kvpool_block_await().
 */
static void kvpool_block_settle(struct kvpool_tenant *tenant,
				struct kvpool_block *block)
{
	if (READ_ONCE(block->waited)) {
		atomic_inc(&tenant->settled);
		wake_up_all(&tenant->wq);
		kvpool_waiters_wake(block);
	}
}

/**
 * kvpool_block_await() - Ask to be told when a reservation ends
 * @block: a referenced block
 *
 * Return: true if it is pending still, so that the tenant's wait queue will be
 * woken and its count of settled reservations raised.
 */
bool kvpool_block_await(struct kvpool_block *block)
{
	WRITE_ONCE(block->waited, 1);
	/* Pairs with the cmpxchg() before kvpool_block_settle(). */
	smp_mb();
	return READ_ONCE(block->state) == KVPOOL_BLOCK_RESERVED;
}

/* Let go of a reservation that was pending until now. */
static bool kvpool_block_unreserve(struct kvpool_tenant *tenant,
				   struct kvpool_block *block,
				   enum kvpool_block_state state)
{
	if (cmpxchg(&block->state, KVPOOL_BLOCK_RESERVED, state) !=
	    KVPOOL_BLOCK_RESERVED)
		return false;
	kvpool_index_remove(&tenant->index, block);
	kvpool_count(tenant, pending, -1);
	kvpool_block_settle(tenant, block);
	/* The index's reference; the owner has another. */
	kvpool_block_put(tenant, block);
	return true;
}

static bool kvpool_block_stuck(const struct kvpool_block *block)
{
	unsigned int ms = READ_ONCE(kvpool_pool.preempt_ms);

	return ms && (u32)jiffies - block->stamp > msecs_to_jiffies(ms);
}

/*
 * The owner keeps its reference, hence the space, until it seals, aborts or
 * closes: whatever it still writes lands in memory that is nobody else's.
 */
static bool kvpool_block_preempt(struct kvpool_tenant *tenant,
				 struct kvpool_block *old,
				 struct kvpool_block *block)
{
	atomic_long_add(kvpool_block_pages(old), &tenant->quarantined);
	if (cmpxchg(&old->state, KVPOOL_BLOCK_RESERVED,
		    KVPOOL_BLOCK_PREEMPTED) != KVPOOL_BLOCK_RESERVED) {
		atomic_long_sub(kvpool_block_pages(old), &tenant->quarantined);
		return false;
	}
	/* In one step, so that nobody who waits for the key misses it. */
	kvpool_index_replace(&tenant->index, old, block);
	trace_kvpool_block_preempt(tenant, old);
	kvpool_count(tenant, pending, -1);
	kvpool_count(tenant, preempted_blocks, 1);
	kvpool_block_settle(tenant, old);
	kvpool_block_put(tenant, old);
	return true;
}

/* Enter a new block, or say why not. */
static int kvpool_block_enter(struct kvpool_tenant *tenant,
			      struct kvpool_block *block)
{
	struct kvpool_block *old;
	bool stuck;
	u32 state;

	for (;;) {
		rcu_read_lock();
		old = kvpool_index_insert(&tenant->index, block);
		if (!old || IS_ERR(old)) {
			rcu_read_unlock();
			return old ? -ENOMEM : 0;
		}
		state = READ_ONCE(old->state);
		stuck = state == KVPOOL_BLOCK_RESERVED &&
			kvpool_block_stuck(old) &&
			refcount_inc_not_zero(&old->refs);
		/* It is on its way out of the index: do not wait for that. */
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

/* A block with one reference and no space. */
static struct kvpool_block *kvpool_block_new(const struct kvpool_key *key,
					     u32 length,
					     enum kvpool_block_state state,
					     gfp_t gfp)
{
	struct kvpool_block *block;

	block = kmem_cache_zalloc(kvpool_block_cache, gfp);
	if (!block)
		return NULL;
	block->key = *key;
	block->place.length = length;
	block->state = state;
	INIT_LIST_HEAD(&block->lru);
	refcount_set(&block->refs, 1);
	return block;
}

/**
 * kvpool_block_begin() - Make a pending block, without space as yet
 * @tenant: whose it will be
 * @key: its key
 * @length: bytes
 * @out: the block; the caller owns a reference, and gives the block space with
 *	 kvpool_block_place() or gives it up with kvpool_block_refuse()
 *
 * Return: 0, -EEXIST, -EBUSY or -ENOMEM as KVPOOL_IOC_RESERVE reports them.
 */
int kvpool_block_begin(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key, u32 length,
		       struct kvpool_block **out)
{
	struct kvpool_block *block;
	int ret;

	block = kvpool_block_new(key, length, KVPOOL_BLOCK_RESERVED,
				 GFP_KERNEL);
	if (!block)
		return -ENOMEM;
	block->stamp = jiffies;
	refcount_set(&block->refs, 2);

	ret = kvpool_block_enter(tenant, block);
	if (ret) {
		kmem_cache_free(kvpool_block_cache, block);
		return ret;
	}
	kvpool_count(tenant, pending, 1);
	*out = block;
	return 0;
}

/**
 * kvpool_block_refuse() - Give up a pending block that got no space
 * @tenant: whose it is
 * @block: the block; the caller's reference is taken over
 * @why: the negative errno that its reservation ends with
 */
void kvpool_block_refuse(struct kvpool_tenant *tenant,
			 struct kvpool_block *block, int why)
{
	/* If it was pre-empted meanwhile, it was counted then. */
	if (!kvpool_block_unreserve(tenant, block, KVPOOL_BLOCK_DEAD))
		atomic_long_sub(kvpool_block_pages(block),
				&tenant->quarantined);
	kvpool_block_put(tenant, block);
	if (why != -EINTR)
		kvpool_count(tenant, rejected, 1);
}

/**
 * kvpool_block_alloc() - Make a block without space that is not in the index
 * @key: its key, under which no lookup finds it
 * @length: bytes
 *
 * It is as a block that was removed and is still leased: its only reference is
 * the caller's, who finds space for it.
 *
 * Return: the block or NULL.
 */
struct kvpool_block *kvpool_block_alloc(const struct kvpool_key *key,
					u32 length)
{
	return kvpool_block_new(key, length, KVPOOL_BLOCK_DEAD, GFP_KERNEL);
}

/* Make one block visible; policy.lock is held. */
static int kvpool_block_publish(struct kvpool_tenant *tenant,
				struct kvpool_block *block, u32 pin)
{
	if (pin == KVPOOL_PIN_HARD &&
	    tenant->pinned + kvpool_block_length(block) > READ_ONCE(tenant->pin_quota))
		return -EDQUOT;
	/* Readers see the bytes if they see the state: a full barrier. */
	if (cmpxchg(&block->state, KVPOOL_BLOCK_RESERVED,
		    KVPOOL_BLOCK_SEALED) != KVPOOL_BLOCK_RESERVED)
		return -ESTALE;
	WRITE_ONCE(block->pin, pin);
	if (pin == KVPOOL_PIN_HARD)
		WRITE_ONCE(tenant->pinned, tenant->pinned + kvpool_block_length(block));
	return 0;
}

/**
 * kvpool_block_seal() - Publish reserved blocks
 * @tenant: whose they are
 * @blocks: reservations in the order of their prefix; NULLs are passed over.
 *	    The owner's reference is taken over unless the status is -EDQUOT.
 * @pins: what to pin them with
 * @status: what became of each
 * @nr: how many
 */
void kvpool_block_seal(struct kvpool_tenant *tenant,
		       struct kvpool_block **blocks, const u32 *pins,
		       int *status, unsigned int nr)
{
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
		if (!blocks[i] || status[i] == -EDQUOT)
			continue;
		if (status[i]) {
			kvpool_block_abort(tenant, blocks[i]);
			continue;
		}
		bytes += kvpool_block_length(blocks[i]);
		done++;
		trace_kvpool_block_seal(tenant, blocks[i]);
		kvpool_block_settle(tenant, blocks[i]);
		kvpool_block_put(tenant, blocks[i]);
	}
	kvpool_count(tenant, blocks, done);
	kvpool_count(tenant, pending, -done);
	kvpool_count(tenant, produced_blocks, done);
	kvpool_count(tenant, produced_bytes, bytes);
}

/**
 * kvpool_block_end() - End a reservation, but keep its space
 * @tenant: whose it is
 * @block: the reservation; the caller keeps the owner's reference
 *
 * Return: false if it had been pre-empted: then its pages count as quarantined.
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
 * @tenant: whose it is
 * @block: the reservation; the owner's reference is taken over. No device
 *	   writes to its space any more.
 */
void kvpool_block_abort(struct kvpool_tenant *tenant,
			struct kvpool_block *block)
{
	if (!kvpool_block_end(tenant, block))
		atomic_long_sub(kvpool_block_pages(block),
				&tenant->quarantined);
	kvpool_block_put(tenant, block);
}

/**
 * kvpool_block_find() - Find a block and take a reference
 * @tenant: whose it is
 * @key: its key
 * @state: KVPOOL_BLOCK_SEALED or KVPOOL_BLOCK_RESERVED
 *
 * Return: the block or NULL.
 */
struct kvpool_block *kvpool_block_find(struct kvpool_tenant *tenant,
				       const struct kvpool_key *key, u32 *state)
{
	struct kvpool_block *block, *gone = NULL;

	rcu_read_lock();
	/* One that is dead may have moved: then the index has another. */
	while ((block = kvpool_index_find(&tenant->index, key))) {
		/* Pairs with the cmpxchg() of kvpool_block_publish(). */
		*state = smp_load_acquire(&block->state);
		if (*state <= KVPOOL_BLOCK_SEALED &&
		    refcount_inc_not_zero(&block->refs))
			break;
		if (block == gone) {
			block = NULL;
			break;
		}
		gone = block;
	}
	rcu_read_unlock();
	return block;
}

/**
 * kvpool_block_probe() - Look a key up without taking a reference
 * @tenant: whose it is
 * @key: the key
 * @length: bytes of the block if there is one
 *
 * Return: 0 for a sealed block, -EINPROGRESS for a pending one, or -ENOENT.
 */
int kvpool_block_probe(struct kvpool_tenant *tenant,
		       const struct kvpool_key *key, u32 *length)
{
	struct kvpool_block *block, *gone = NULL;
	int ret = -ENOENT;
	u32 state;

	rcu_read_lock();
	/* One that is dead may have moved: then the index has another. */
	while ((block = kvpool_index_find(&tenant->index, key)) &&
	       block != gone) {
		state = READ_ONCE(block->state);
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

/* Space for a moved block: of the arena as it is, near where it was. */
static int kvpool_block_rehome(struct kvpool_tenant *tenant,
			       struct kvpool_block *block, int node, gfp_t gfp)
{
	struct kvpool_tier *tier = kvpool_tier_find(node), *other;
	int i, ret = -ENOSPC;

	kvpool_for_each_fallback(tier, i, other) {
		ret = kvpool_arena_alloc(&tenant->arena, other->node,
					 &block->place, KVPOOL_ALLOC_PIECES,
					 gfp);
		if (ret != -ENOSPC)
			break;
	}
	return ret;
}

/**
 * kvpool_block_move() - Move a sealed block's bytes, if that can be done
 * @tenant: whose it is
 * @old: the block, referenced by the caller
 * @gfp: how to get memory for the new block's description
 *
 * A new block takes its place. Who has leased @old by then keeps it as if it
 * had been removed.
 */
void kvpool_block_move(struct kvpool_tenant *tenant, struct kvpool_block *old,
		       gfp_t gfp)
{
	struct kvpool_block *block;
	bool moved;

	block = kvpool_block_new(&old->key, kvpool_block_length(old), KVPOOL_BLOCK_SEALED,
				 gfp);
	if (!block)
		return;
	if (kvpool_block_rehome(tenant, block,
				kvpool_arena_node(&tenant->arena, &old->place),
				gfp)) {
		kmem_cache_free(kvpool_block_cache, block);
		return;
	}
	kvpool_arena_copy(&tenant->arena, &block->place, &old->place);
	kvpool_count(tenant, copied_bytes, kvpool_block_length(block));

	spin_lock(&tenant->policy.lock);
	moved = old->state == KVPOOL_BLOCK_SEALED;
	if (moved) {
		kvpool_index_replace(&tenant->index, old, block);
		kvpool_policy_replace(&tenant->policy, old, block);
		WRITE_ONCE(old->state, KVPOOL_BLOCK_DEAD);
		trace_kvpool_block_move(tenant, block);
	}
	spin_unlock(&tenant->policy.lock);

	/* The index's reference, or nobody has seen the new block. */
	kvpool_block_put(tenant, moved ? old : block);
}

static void kvpool_block_unpin(struct kvpool_tenant *tenant,
			       struct kvpool_block *block)
{
	if (block->pin == KVPOOL_PIN_HARD)
		WRITE_ONCE(tenant->pinned, tenant->pinned - kvpool_block_length(block));
	else
		kvpool_policy_remove(&tenant->policy, block);
}

/**
 * kvpool_block_remove() - Make a sealed block unknown
 * @tenant: whose it is
 * @key: its key
 *
 * Its memory is free when the last lease ends.
 *
 * Return: 0, -ENOENT or -EBUSY.
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

		/* If it died meanwhile it may have moved: look again. */
		spin_lock(&tenant->policy.lock);
		removed = block->state == KVPOOL_BLOCK_SEALED;
		if (removed) {
			WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
			kvpool_block_unpin(tenant, block);
			kvpool_index_remove(&tenant->index, block);
		}
		spin_unlock(&tenant->policy.lock);

		if (removed) {
			trace_kvpool_block_remove(tenant, block);
			kvpool_count(tenant, blocks, -1);
			kvpool_count(tenant, removed_blocks, 1);
			/* The index's reference. */
			kvpool_block_put(tenant, block);
		}
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
	    tenant->pinned + kvpool_block_length(block) > READ_ONCE(tenant->pin_quota))
		return -EDQUOT;
	kvpool_block_unpin(tenant, block);
	WRITE_ONCE(block->pin, pin);
	if (pin == KVPOOL_PIN_HARD)
		WRITE_ONCE(tenant->pinned, tenant->pinned + kvpool_block_length(block));
	else
		kvpool_policy_insert(&tenant->policy, block);
	return 0;
}

/**
 * kvpool_block_pin() - Set the pin of a sealed block
 * @tenant: whose it is
 * @key: its key
 * @pin: 0, KVPOOL_PIN_SOFT or KVPOOL_PIN_HARD
 *
 * The block becomes the youngest of its queue if its pin changes.
 *
 * Return: 0, -ENOENT, -EBUSY or -EDQUOT.
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

		/* If it died meanwhile it may have moved: look again. */
		spin_lock(&tenant->policy.lock);
		ret = block->state == KVPOOL_BLOCK_SEALED ?
			kvpool_block_repin(tenant, block, pin) : -EAGAIN;
		spin_unlock(&tenant->policy.lock);

		if (!ret)
			trace_kvpool_block_pin(tenant, block);
		kvpool_block_put(tenant, block);
	} while (ret == -EAGAIN);
	return ret;
}
