// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include <linux/jiffies.h>

#include "model_policy.h"
#include "ops.h"
#include "tap.h"

static const struct kvpool_policy_ops *model_ops(bool sieve)
{
	return sieve ? &kvpool_policy_sieve : &kvpool_policy_lru;
}

static void model_hands_reset(struct model_policy *m)
{
	int n, i;

	for (n = 0; n < MODEL_NODES; n++)
		for (i = 0; i < KVPOOL_NR_QUEUES; i++)
			m->queues[n][i].hand = -1;
}

struct model_policy *model_policy_new(bool sieve)
{
	struct model_policy *m = calloc(1, sizeof(*m));
	int i;

	CHECK(m);
	m->sieve = sieve;
	model_hands_reset(m);
	for (i = 0; i < MODEL_BLOCKS; i++)
		m->node[i] = 0;
	/* Earlier content must not matter. */
	memset(&m->policy, 0xa5, sizeof(m->policy));
	memset(m->nodes, 0xa5, sizeof(m->nodes));
	kvpool_policy_init(&m->policy, model_ops(sieve), m->nodes, MODEL_NODES);
	return m;
}

void model_policy_delete(struct model_policy *m)
{
	int i;

	/* Also in the middle of a sweep: no end of a walk is left. */
	spin_lock(&m->policy.lock);
	kvpool_chain_stop(&m->policy);
	spin_unlock(&m->policy.lock);
	model_sweep(m, 0);
	for (i = 0; i < MODEL_BLOCKS; i++)
		if (m->entries[i].block)
			model_remove(m, i);
	model_policy_check(m);
	pthread_mutex_destroy(&m->policy.lock.mutex);
	free(m);
}

/* ---- arrays ---- */

static struct model_queue *model_queue(struct model_policy *m, int id)
{
	const struct model_entry *e = &m->entries[id];
	int kind = KVPOOL_QUEUE_NORMAL;

	if (e->block->pin == KVPOOL_PIN_SOFT)
		kind = KVPOOL_QUEUE_SOFT;
	else if (e->orphan)
		kind = KVPOOL_QUEUE_ORPHAN;
	return &m->queues[m->node[id]][kind];
}

static int queue_find(const struct model_queue *q, int id)
{
	int i;

	for (i = 0; i < q->nr; i++)
		if (q->ids[i] == id)
			return i;
	return -1;
}

static void queue_insert(struct model_queue *q, int at, int id)
{
	memmove(&q->ids[at + 1], &q->ids[at], (q->nr - at) * sizeof(int));
	q->ids[at] = id;
	q->nr++;
}

static void queue_append(struct model_queue *q, int id)
{
	queue_insert(q, q->nr, id);
}

static void queue_delete(struct model_queue *q, int id)
{
	int i = queue_find(q, id);

	if (i < 0)
		return;
	/* "The hand moves to the next newer, or begins again." */
	if (q->hand == id)
		q->hand = i + 1 < q->nr ? q->ids[i + 1] : -1;
	memmove(&q->ids[i], &q->ids[i + 1], (q->nr - i - 1) * sizeof(int));
	q->nr--;
}

/* The ends of a sweep's walk count as children. */
int model_children(const struct model_policy *m, int id)
{
	const struct kvpool_sweep *sweep = &m->policy.sweep;
	const struct kvpool_block *block = m->entries[id].block;
	int i, n = 0;

	for (i = 0; i < MODEL_BLOCKS; i++)
		n += m->entries[i].block && m->entries[i].parent == id;
	if (sweep->active && sweep->from)
		n += (sweep->from == block) + (sweep->at == block);
	return n;
}

bool model_orphan(const struct model_policy *m, int id)
{
	while (m->entries[id].parent >= 0)
		id = m->entries[id].parent;
	return m->entries[id].parent == MODEL_GONE || m->entries[id].lost;
}

static void model_park(struct model_policy *m, struct model_queue *q, int id)
{
	queue_delete(q, id);
	m->entries[id].parked = true;
}

static int lru_victim(struct model_policy *m, struct model_queue *q,
		      unsigned long *budget)
{
	int id;

	while (q->nr && *budget) {
		--*budget;
		id = q->ids[0];
		if (model_children(m, id)) {
			model_park(m, q, id);
			continue;
		}
		if (!m->entries[id].held)
			return id;
		/* A block that is in use becomes the youngest. */
		queue_delete(q, id);
		queue_append(q, id);
		m->entries[id].stamp = jiffies;
	}
	return -1;
}

static int sieve_victim(struct model_policy *m, struct model_queue *q,
			unsigned long *budget)
{
	int i, id;

	while (q->nr && *budget) {
		--*budget;
		i = q->hand < 0 ? 0 : queue_find(q, q->hand);
		id = q->ids[i];
		if (model_children(m, id)) {
			m->entries[id].visited = 0;
			q->hand = id;
			model_park(m, q, id);
			continue;
		}
		if (m->entries[id].visited) {
			m->entries[id].visited = 0;
		} else if (!m->entries[id].held) {
			q->hand = id;
			return id;
		}
		/*
		 * A hand at the start is unset: the block that becomes the
		 * oldest is next.
		 */
		q->hand = i + 1 < q->nr ? q->ids[i + 1] : -1;
	}
	return -1;
}

static int queue_victim(struct model_policy *m, struct model_queue *q,
			unsigned long *budget)
{
	return m->sieve ? sieve_victim(m, q, budget) :
			  lru_victim(m, q, budget);
}

/* Of the blocks that are next on each node, the oldest; the turn breaks ties. */
static int oldest_node(struct model_policy *m, int kind)
{
	int i, n, id, best = -1;
	u32 stamp = 0;

	for (i = 0; i < MODEL_NODES; i++) {
		const struct model_queue *q;

		n = (m->turn + i) % MODEL_NODES;
		q = &m->queues[n][kind];
		if (!q->nr)
			continue;
		id = m->sieve && q->hand >= 0 ? q->hand : q->ids[0];
		if (best >= 0 && (s32)(m->entries[id].stamp - stamp) >= 0)
			continue;
		best = n;
		stamp = m->entries[id].stamp;
	}
	return best;
}

static int any_victim(struct model_policy *m, int kind, unsigned long *budget)
{
	unsigned long one;
	int id = -1, n;

	while (id < 0 && *budget) {
		n = oldest_node(m, kind);
		if (n < 0)
			break;
		m->turn = (n + 1) % MODEL_NODES;
		one = 1;
		--*budget;
		id = queue_victim(m, &m->queues[n][kind], &one);
	}
	return id;
}

/* The last child of a block has gone: @child, still in its place, or -1. */
static void model_unpark(struct model_policy *m, int id, int child)
{
	struct model_entry *e = &m->entries[id];
	struct model_queue *q;
	bool younger;
	u32 stamp;

	if (!e->queued)
		return;
	if (child >= 0 && !m->entries[child].queued)
		child = -1;
	stamp = child < 0 ? e->stamp : m->entries[child].stamp;
	younger = (s32)(stamp - e->stamp) > 0;
	q = model_queue(m, id);
	if (child >= 0 && (m->entries[child].parked || model_queue(m, child) != q))
		child = -1;
	if (e->parked) {
		if (younger && (!m->sieve || child < 0))
			e->stamp = stamp;
		e->parked = false;
		if (m->sieve) {
			if (q->hand < 0) {
				queue_insert(q, 0, id);
			} else {
				queue_insert(q, queue_find(q, q->hand), id);
				q->hand = id;
			}
		} else {
			queue_insert(q, child < 0 ? 0 :
				     queue_find(q, child) + 1, id);
		}
	} else if (younger && child >= 0 && !m->sieve) {
		queue_delete(q, id);
		queue_insert(q, queue_find(q, child) + 1, id);
		e->stamp = stamp;
	}
}

/* ---- both ---- */

static void block_free(struct rcu_head *rcu)
{
	free(container_of(rcu, struct kvpool_block, rcu));
}

void kvpool_block_forget(struct kvpool_policy *policy,
			 struct kvpool_block *block)
{
	call_rcu(&block->rcu, block_free);
}

static void model_free_block(struct model_policy *m, int id)
{
	struct kvpool_block *block = m->entries[id].block;
	bool stays;
	int i;

	for (i = 0; i < MODEL_BLOCKS; i++)
		if (m->entries[i].block && m->entries[i].parent == id)
			m->entries[i].parent = MODEL_GONE;
	m->entries[id].block = NULL;
	spin_lock(&m->policy.lock);
	stays = kvpool_chain_bury(&m->policy, block);
	spin_unlock(&m->policy.lock);
	/* As the module does, since the block is in no queue. */
	if (!stays)
		kvpool_block_forget(&m->policy, block);
	rcu_barrier();
}

static void model_enter(struct model_policy *m, int id)
{
	struct model_entry *e = &m->entries[id];

	e->visited = 0;
	if (e->block->pin == KVPOOL_PIN_HARD)
		return;
	shim_tick();
	spin_lock(&m->policy.lock);
	kvpool_policy_insert(&m->policy, e->block);
	spin_unlock(&m->policy.lock);
	if (e->parent == MODEL_GONE ||
	    (e->parent >= 0 && m->entries[e->parent].orphan))
		e->orphan = true;
	e->stamp = jiffies;
	e->queued = true;
	queue_append(model_queue(m, id), id);
}

static void model_set_orphan(struct model_policy *m, int id, bool orphan)
{
	struct model_entry *e = &m->entries[id];
	bool moves = e->queued && !e->parked && !e->block->pin;

	if (e->orphan == orphan)
		return;
	if (moves)
		queue_delete(model_queue(m, id), id);
	e->orphan = orphan;
	if (moves)
		queue_append(model_queue(m, id), id);
}

void model_link(struct model_policy *m, int id, int parent, u32 position)
{
	struct model_entry *e = &m->entries[id], *p = NULL;
	u32 depth = position + 1;

	if (parent >= 0 && m->entries[parent].block)
		p = &m->entries[parent];
	shim_tick();
	spin_lock(&m->policy.lock);
	kvpool_chain_link(&m->policy, e->block, p ? p->block : NULL, position);
	spin_unlock(&m->policy.lock);
	rcu_barrier();

	if (position >= KVPOOL_DEPTH_MAX)
		return;
	if (!e->depth)
		e->depth = depth;
	if (e->depth != depth)
		return;
	if (!position) {
		e->lost = false;
		model_set_orphan(m, id, false);
	} else if (e->parent >= 0) {
		model_set_orphan(m, id, m->entries[e->parent].orphan);
	} else {
		if (p && !p->depth)
			p->depth = position;
		if (!p || p->depth != position) {
			e->lost = true;
			model_set_orphan(m, id, true);
			return;
		}
		e->parent = parent;
		e->lost = false;
		model_set_orphan(m, id, p->orphan);
	}
}

void model_insert_chain(struct model_policy *m, int id, u8 pin, u32 length,
			int parent, u32 position)
{
	struct kvpool_block *block = malloc(sizeof(*block));
	struct model_entry *e = &m->entries[id];

	CHECK(block && !e->block);
	memset(block, 0xa5, sizeof(*block));
	INIT_LIST_HEAD(&block->lru);
	refcount_set(&block->refs, 1);
	block->place.length = length;
	block->place.node = m->node[id];
	block->state = KVPOOL_BLOCK_SEALED;
	block->pin = pin;
	block->moving = 0;
	block->orphan = 0;
	block->parked = 0;
	block->parent = NULL;
	block->children = 0;
	block->swept = 0;
	block->depth = 0;
	*e = (struct model_entry){ .block = block, .parent = MODEL_NONE };
	if (parent != id || position)
		model_link(m, id, parent, position);
	model_enter(m, id);
}

void model_insert(struct model_policy *m, int id, u8 pin, u32 length)
{
	/* Of no chain. */
	model_insert_chain(m, id, pin, length, id, 0);
}

static void model_leave(struct model_policy *m, int id)
{
	struct model_entry *e = &m->entries[id];

	spin_lock(&m->policy.lock);
	kvpool_policy_remove(&m->policy, e->block);
	/* Once more: nothing happens. */
	kvpool_policy_remove(&m->policy, e->block);
	spin_unlock(&m->policy.lock);
	CHECK(list_empty(&e->block->lru));
	CHECK(!e->block->parked);
	queue_delete(model_queue(m, id), id);
	e->queued = false;
	e->parked = false;
}

/* What kvpool_chain_end() does, in the arrays. */
static void model_end(struct model_policy *m, int id)
{
	int parent = m->entries[id].parent;

	m->entries[id].parent = MODEL_NONE;
	if (parent >= 0 && !model_children(m, parent))
		model_unpark(m, parent, id);
	if (m->entries[id].queued)
		queue_delete(model_queue(m, id), id);
	m->entries[id].queued = false;
	m->entries[id].parked = false;
}

void model_remove(struct model_policy *m, int id)
{
	struct kvpool_block *block = m->entries[id].block;

	spin_lock(&m->policy.lock);
	WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
	kvpool_chain_end(&m->policy, block);
	spin_unlock(&m->policy.lock);
	CHECK(list_empty(&block->lru));
	model_end(m, id);
	model_free_block(m, id);
}

void model_repin(struct model_policy *m, int id, u8 pin)
{
	model_leave(m, id);
	m->entries[id].block->pin = pin;
	model_enter(m, id);
}

void model_renode(struct model_policy *m, int id, int node)
{
	struct model_entry *e = &m->entries[id];
	struct model_queue *q;
	int at;

	spin_lock(&m->policy.lock);
	kvpool_policy_set_node(&m->policy, e->block, node);
	spin_unlock(&m->policy.lock);

	if (e->queued && !e->parked)
		queue_delete(model_queue(m, id), id);
	m->node[id] = node;
	if (!e->queued || e->parked)
		return;
	q = model_queue(m, id);
	for (at = 0; at < q->nr && at < 64; at++)
		if ((s32)(m->entries[q->ids[at]].stamp - e->stamp) >= 0)
			break;
	queue_insert(q, at, id);
}

void model_hold(struct model_policy *m, int id)
{
	refcount_inc(&m->entries[id].block->refs);
	m->entries[id].held++;
}

void model_release(struct model_policy *m, const int *ids, u32 nr)
{
	struct kvpool_block *blocks[MODEL_BLOCKS];
	struct model_entry *e;
	u32 i;

	CHECK(nr <= MODEL_BLOCKS);
	for (i = 0; i < nr; i++)
		blocks[i] = ids[i] < 0 ? NULL : m->entries[ids[i]].block;
	shim_tick();
	kvpool_policy_touch(&m->policy, blocks, nr);

	for (i = nr; i--;) {
		if (ids[i] < 0)
			continue;
		e = &m->entries[ids[i]];
		refcount_dec(&blocks[i]->refs);
		e->held--;
		if (m->sieve) {
			e->visited = 1;
		} else if (e->queued) {
			queue_delete(model_queue(m, ids[i]), ids[i]);
			queue_append(model_queue(m, ids[i]), ids[i]);
			e->parked = false;
			e->stamp = jiffies;
		}
	}
}

void model_switch(struct model_policy *m, bool sieve)
{
	kvpool_policy_switch(&m->policy, model_ops(sieve));
	m->sieve = sieve;
	model_hands_reset(m);
}

int model_victim(struct model_policy *m, int kind, int node,
		 unsigned long *budget)
{
	unsigned long model_budget = *budget;
	struct kvpool_block *block;
	int id;

	shim_tick();
	spin_lock(&m->policy.lock);
	block = kvpool_policy_victim(&m->policy, node, kind, budget);
	if (block) {
		kvpool_chain_end(&m->policy, block);
		WRITE_ONCE(block->state, KVPOOL_BLOCK_DEAD);
	}
	spin_unlock(&m->policy.lock);

	id = node == MODEL_ANY ? any_victim(m, kind, &model_budget) :
	     queue_victim(m, &m->queues[node][kind], &model_budget);
	CHECK(block == (id < 0 ? NULL : m->entries[id].block));
	CHECK_EQ(*budget, model_budget);
	if (id < 0)
		return -1;
	/* What another block continues is never evicted. */
	CHECK_EQ(model_children(m, id), 0);
	CHECK(list_empty(&block->lru));
	CHECK_EQ(refcount_read(&block->refs), 0);
	model_end(m, id);
	model_free_block(m, id);
	return id;
}

/* Blocks of a kind on a node, or all, that nothing keeps from eviction. */
static int model_evictable(const struct model_policy *m, int kind, int node)
{
	int n, i, id, count = 0;

	for (n = 0; n < MODEL_NODES; n++) {
		if (node != MODEL_ANY && n != node)
			continue;
		for (i = 0; i < m->queues[n][kind].nr; i++) {
			id = m->queues[n][kind].ids[i];
			count += !m->entries[id].held &&
				 !model_children(m, id);
		}
	}
	return count;
}

int model_evict(struct model_policy *m, int node)
{
	unsigned long budget;
	int kind, n, id = -1;

	for (kind = 0; kind < KVPOOL_NR_QUEUES && id < 0; kind++) {
		budget = 2 * kvpool_policy_nr(&m->policy, node, kind);
		id = model_victim(m, kind, node, &budget);
		/* As the module: the oldest may all be in use. */
		for (n = 0; node == MODEL_ANY && id < 0 && n < MODEL_NODES; n++) {
			budget = 2 * kvpool_policy_nr(&m->policy, n, kind);
			id = model_victim(m, kind, n, &budget);
		}
		/* No block was missed. */
		CHECK(id >= 0 || !model_evictable(m, kind, node));
	}
	return id;
}

/* ---- sweep ---- */

static int model_id(const struct model_policy *m,
		    const struct kvpool_block *block)
{
	int id;

	for (id = 0; id < MODEL_BLOCKS; id++)
		if (m->entries[id].block == block)
			return id;
	CHECK(false);
	return -1;
}

/* Take over the order of a queue, in which @old has kept its own. */
static void model_resync(struct model_policy *m, struct kvpool_policy_queue *q,
			 struct model_queue *mq)
{
	const struct model_queue old = *mq;
	const struct kvpool_block *block;
	int id, at = -1, next;

	mq->nr = 0;
	list_for_each_entry_reverse(block, &q->list, lru) {
		id = model_id(m, block);
		next = queue_find(&old, id);
		if (next >= 0) {
			CHECK(next > at);
			at = next;
		}
		queue_append(mq, id);
		m->entries[id].orphan = block->orphan;
		m->entries[id].parked = false;
		m->entries[id].stamp = block->stamp;
	}
	list_for_each_entry(block, &q->parked, lru) {
		id = model_id(m, block);
		m->entries[id].orphan = block->orphan;
		CHECK(m->entries[id].parked);
	}
	mq->hand = q->hand ? model_id(m, list_entry(q->hand,
						    struct kvpool_block, lru)) :
			     -1;
}

bool model_sweep(struct model_policy *m, unsigned int budget)
{
	bool more;
	int n, i;

	spin_lock(&m->policy.lock);
	more = kvpool_chain_sweep(&m->policy, budget);
	spin_unlock(&m->policy.lock);
	rcu_barrier();
	for (i = 0; i < MODEL_BLOCKS; i++)
		if (m->entries[i].block)
			m->entries[i].orphan = m->entries[i].block->orphan;
	for (n = 0; n < MODEL_NODES; n++)
		for (i = 0; i < KVPOOL_NR_QUEUES; i++)
			model_resync(m, &m->nodes[n].queues[i],
				     &m->queues[n][i]);
	return more;
}

void model_sweep_all(struct model_policy *m)
{
	bool whole = m->policy.sweep.due && !m->policy.sweep.active;
	unsigned int steps = 0;
	int i;

	/* Every block is passed three times at most, besides the lists' ends. */
	while (model_sweep(m, 1))
		CHECK(++steps < 2 * (3 * MODEL_BLOCKS + 4 * MODEL_NODES *
				     KVPOOL_NR_QUEUES));
	if (!whole)
		return;
	for (i = 0; i < MODEL_BLOCKS; i++)
		if (m->entries[i].block && m->entries[i].queued)
			CHECK_EQ(m->entries[i].block->orphan,
				 model_orphan(m, i));
}

static void check_queue(struct model_policy *m, int node, int kind)
{
	const struct kvpool_policy_queue *q = &m->nodes[node].queues[kind];
	struct model_queue *mq = &m->queues[node][kind];
	const struct kvpool_block *block;
	unsigned long pages = 0;
	bool hand = !q->hand;
	int k = 0, id, parked = 0;

	list_for_each_entry_reverse(block, &q->list, lru) {
		CHECK(k < mq->nr);
		id = mq->ids[k];
		CHECK(block == m->entries[id].block);
		CHECK(!block->parked && !m->entries[id].parked);
		/* Only SIEVE reads it, but it outlives a switch of the policy. */
		CHECK_EQ(block->visited, m->entries[id].visited);
		CHECK_EQ(block->stamp, m->entries[id].stamp);
		pages += DIV_ROUND_UP(block->place.length, KVPOOL_PAGE_SIZE);
		hand |= q->hand == &block->lru;
		k++;
	}
	CHECK_EQ(k, mq->nr);
	list_for_each_entry(block, &q->parked, lru) {
		id = model_id(m, block);
		CHECK(block->parked && m->entries[id].parked);
		CHECK(model_queue(m, id) == mq);
		/* The reason lasts. */
		CHECK(block->children);
		pages += DIV_ROUND_UP(block->place.length, KVPOOL_PAGE_SIZE);
		parked++;
	}
	CHECK_EQ(q->nr, mq->nr + parked);
	CHECK_EQ(q->pages, pages);
	CHECK(hand);
}

void model_policy_check(struct model_policy *m)
{
	unsigned long nr = 0, pages = 0;
	int n, i, queued = 0;

	for (n = 0; n < MODEL_NODES; n++)
		for (i = 0; i < KVPOOL_NR_QUEUES; i++)
			check_queue(m, n, i);
	for (i = 0; i < MODEL_BLOCKS; i++) {
		const struct kvpool_block *block = m->entries[i].block;

		if (!block)
			continue;
		queued += m->entries[i].queued;
		CHECK_EQ(block->children, model_children(m, i));
		CHECK_EQ(block->orphan, m->entries[i].orphan);
		CHECK_EQ(block->depth, m->entries[i].depth);
		if (block->parent)
			CHECK_EQ(block->parent->depth + 1, block->depth);
	}
	for (i = 0; i < KVPOOL_NR_QUEUES; i++)
		nr += kvpool_policy_nr(&m->policy, MODEL_ANY, i);
	CHECK_EQ(nr, queued);
	for (n = 0; n < MODEL_NODES; n++)
		pages += kvpool_policy_pages(&m->policy, n);
	CHECK_EQ(pages, kvpool_policy_pages(&m->policy, MODEL_ANY));
}

/* ---- sequences of operations ---- */

#define OPS_PATH	8

/* Take leases on some blocks, or end them. */
static void ops_path(struct model_policy *m, struct ops_input *in, bool hold)
{
	u32 i, nr = 1 + ops_u8(in) % OPS_PATH;
	u8 ended[MODEL_BLOCKS] = { 0 };
	int ids[OPS_PATH], id;

	for (i = 0; i < nr; i++) {
		id = ops_u8(in) % MODEL_BLOCKS;
		ids[i] = m->entries[id].block ? id : -1;
		if (ids[i] < 0)
			continue;
		/*
		 * A lease that does not exist begins here and ends immediately.
		 */
		if (hold || m->entries[id].held <= ended[id])
			model_hold(m, id);
		ended[id]++;
	}
	if (!hold)
		model_release(m, ids, nr);
}

/* The position behind a block, or something wrong. */
static u32 ops_position(const struct model_policy *m, int parent, u8 how)
{
	u32 depth = m->entries[parent].block ? m->entries[parent].depth : 0;

	switch (how % 8) {
	case 0:
		return 0;
	case 1:
		return how;
	case 2:
		return how & 16 ? 0xffffffff : KVPOOL_DEPTH_MAX - 1;
	default:
		return depth ? depth : 1 + how % 3;
	}
}

void policy_ops(const u8 *data, size_t size)
{
	static const u8 pins[] = { 0, 0, KVPOOL_PIN_SOFT, KVPOOL_PIN_HARD };
	struct ops_input in = { data, size };
	struct model_policy *m = model_policy_new(ops_u8(&in) & 1);
	unsigned long budget;
	int id, other;
	u8 how;

	for (id = 0; id < MODEL_BLOCKS; id++)
		m->node[id] = id & 1;
	while (in.left) {
		u8 op = ops_u8(&in);

		id = ops_u8(&in) % MODEL_BLOCKS;
		switch (op % 12) {
		case 0:
			if (!m->entries[id].block)
				model_insert(m, id, pins[(op >> 4) % 4],
					     1 + (op << 9));
			break;
		case 1:
		case 2:
		case 3:
			other = ops_u8(&in) % MODEL_BLOCKS;
			how = ops_u8(&in);
			if (m->entries[id].block)
				model_link(m, id, other,
					   ops_position(m, other, how));
			else
				model_insert_chain(m, id, pins[(op >> 4) % 4],
						   1 + (op << 9), other,
						   ops_position(m, other, how));
			break;
		case 4:
			if (m->entries[id].block)
				model_remove(m, id);
			break;
		case 5:
			ops_path(m, &in, true);
			break;
		case 6:
			ops_path(m, &in, false);
			break;
		case 7:
		case 8:
			budget = op >> 4;
			if (op & 8)
				model_evict(m, id % 3 - 1);
			else
				model_victim(m, id % 3, id / 3 % 3 - 1,
					     &budget);
			break;
		case 9:
			if (!m->entries[id].block)
				break;
			if (op & 16)
				model_repin(m, id, pins[(op >> 5) % 4]);
			else
				model_renode(m, id, op >> 5 & 1);
			break;
		case 10:
			if (op & 16)
				model_sweep_all(m);
			else
				model_sweep(m, op >> 5);
			break;
		case 11:
			if (op & 16)
				model_switch(m, op & 32);
			break;
		}
		model_policy_check(m);
	}
	model_policy_delete(m);
}
