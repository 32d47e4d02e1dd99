// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "model_policy.h"
#include "ops.h"
#include "tap.h"

static const struct kvpool_policy_ops *model_ops(bool sieve)
{
	return sieve ? &kvpool_policy_sieve : &kvpool_policy_lru;
}

struct model_policy *model_policy_new(bool sieve)
{
	struct model_policy *m = calloc(1, sizeof(*m));
	int i;

	CHECK(m);
	m->sieve = sieve;
	for (i = 0; i < KVPOOL_NR_QUEUES; i++)
		m->queues[i].hand = -1;
	for (i = 0; i < MODEL_BLOCKS; i++)
		m->node[i] = i & 1;
	/* Earlier content must not matter. */
	memset(&m->policy, 0xa5, sizeof(m->policy));
	kvpool_policy_init(&m->policy, model_ops(sieve));
	return m;
}

void model_policy_delete(struct model_policy *m)
{
	int i;

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
	return &m->queues[m->entries[id].block->pin == KVPOOL_PIN_SOFT];
}

static int queue_find(const struct model_queue *q, int id)
{
	int i;

	for (i = 0; i < q->nr; i++)
		if (q->ids[i] == id)
			return i;
	return -1;
}

static void queue_append(struct model_queue *q, int id)
{
	q->ids[q->nr++] = id;
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

static bool wanted(const struct model_policy *m, int id, int node)
{
	return node == MODEL_ANY || m->node[id] == node;
}

static int lru_victim(struct model_policy *m, struct model_queue *q,
		      unsigned long *budget)
{
	int id;

	for (; q->nr && *budget; --*budget) {
		id = q->ids[0];
		queue_delete(q, id);
		if (!m->entries[id].held) {
			--*budget;
			return id;
		}
		/* A block that is in use becomes the youngest. */
		queue_append(q, id);
	}
	return -1;
}

/*
 * On a node: the oldest block that can be evicted, however often the search was
 * interrupted before.
 */
static int lru_victim_on(const struct model_policy *m,
			 const struct model_queue *q, int node)
{
	int i, id;

	for (i = 0; i < q->nr; i++) {
		id = q->ids[i];
		if (wanted(m, id, node) && !m->entries[id].held)
			return id;
	}
	return -1;
}

static int sieve_victim(struct model_policy *m, struct model_queue *q,
			int node, unsigned long *budget)
{
	int i = q->hand < 0 ? 0 : queue_find(q, q->hand);
	int id;

	while (q->nr && *budget) {
		--*budget;
		id = q->ids[i];
		if (wanted(m, id, node) && m->entries[id].visited) {
			m->entries[id].visited = 0;
		} else if (wanted(m, id, node) && !m->entries[id].held) {
			q->hand = i + 1 < q->nr ? q->ids[i + 1] : -1;
			queue_delete(q, id);
			return id;
		}
		i = i + 1 < q->nr ? i + 1 : 0;
	}
	/*
	 * A hand at the start is unset: the block that becomes the oldest is
	 * next.
	 */
	q->hand = i ? q->ids[i] : -1;
	return -1;
}

/* ---- both ---- */

static void block_free(struct rcu_head *rcu)
{
	free(container_of(rcu, struct kvpool_block, rcu));
}

static void model_free_block(struct model_policy *m, int id)
{
	struct kvpool_block *block = m->entries[id].block;

	m->entries[id].block = NULL;
	/* As the module does, since the block is in no queue. */
	call_rcu(&block->rcu, block_free);
	rcu_barrier();
}

static void model_enter(struct model_policy *m, int id)
{
	struct model_entry *entry = &m->entries[id];

	entry->visited = 0;
	if (entry->block->pin == KVPOOL_PIN_HARD)
		return;
	spin_lock(&m->policy.lock);
	kvpool_policy_insert(&m->policy, entry->block);
	spin_unlock(&m->policy.lock);
	queue_append(model_queue(m, id), id);
}

void model_insert(struct model_policy *m, int id, u8 pin, u32 length)
{
	struct kvpool_block *block = malloc(sizeof(*block));

	CHECK(block && !m->entries[id].block);
	memset(block, 0xa5, sizeof(*block));
	INIT_LIST_HEAD(&block->lru);
	refcount_set(&block->refs, 1);
	block->place.length = length;
	block->pin = pin;
	block->moving = 0;
	block->key.words[0] = m->node[id];
	m->entries[id].block = block;
	m->entries[id].held = 0;
	model_enter(m, id);
}

static void model_leave(struct model_policy *m, int id)
{
	spin_lock(&m->policy.lock);
	kvpool_policy_remove(&m->policy, m->entries[id].block);
	/* Once more: nothing happens. */
	kvpool_policy_remove(&m->policy, m->entries[id].block);
	spin_unlock(&m->policy.lock);
	CHECK(list_empty(&m->entries[id].block->lru));
	queue_delete(model_queue(m, id), id);
}

void model_remove(struct model_policy *m, int id)
{
	model_leave(m, id);
	model_free_block(m, id);
}

void model_repin(struct model_policy *m, int id, u8 pin)
{
	model_leave(m, id);
	m->entries[id].block->pin = pin;
	model_enter(m, id);
}

void model_hold(struct model_policy *m, int id)
{
	refcount_inc(&m->entries[id].block->refs);
	m->entries[id].held++;
}

void model_release(struct model_policy *m, const int *ids, u32 nr)
{
	struct kvpool_block *blocks[MODEL_BLOCKS];
	struct model_queue *q;
	u32 i;

	CHECK(nr <= MODEL_BLOCKS);
	for (i = 0; i < nr; i++)
		blocks[i] = ids[i] < 0 ? NULL : m->entries[ids[i]].block;
	kvpool_policy_touch(&m->policy, blocks, nr);

	for (i = nr; i--;) {
		if (ids[i] < 0)
			continue;
		refcount_dec(&blocks[i]->refs);
		m->entries[ids[i]].held--;
		q = model_queue(m, ids[i]);
		if (m->sieve) {
			m->entries[ids[i]].visited = 1;
		} else if (queue_find(q, ids[i]) >= 0) {
			queue_delete(q, ids[i]);
			queue_append(q, ids[i]);
		}
	}
}

void model_switch(struct model_policy *m, bool sieve)
{
	int i;

	kvpool_policy_switch(&m->policy, model_ops(sieve));
	m->sieve = sieve;
	for (i = 0; i < KVPOOL_NR_QUEUES; i++)
		m->queues[i].hand = -1;
}

static bool on_node(const struct kvpool_policy_want *want,
		    const struct kvpool_block *block)
{
	return block->key.words[0] == want->tag;
}

int model_victim(struct model_policy *m, int queue, int node,
		 unsigned long *budget)
{
	struct kvpool_policy_want want = { .accepts = on_node, .tag = node };
	struct model_queue *q = &m->queues[queue];
	unsigned long model_budget = *budget;
	struct kvpool_block *block;
	bool exact = true;
	int id;

	spin_lock(&m->policy.lock);
	block = kvpool_policy_victim(&m->policy, queue, budget,
				     node == MODEL_ANY ? NULL : &want);
	spin_unlock(&m->policy.lock);

	if (m->sieve) {
		id = sieve_victim(m, q, node, &model_budget);
	} else if (node == MODEL_ANY) {
		id = lru_victim(m, q, &model_budget);
	} else {
		exact = false;
		/* A search looks at any blocks, within its budget. */
		CHECK(*budget <= model_budget);
		CHECK(block || !*budget || !q->nr);
		id = block ? lru_victim_on(m, q, node) : -1;
		if (id >= 0)
			queue_delete(q, id);
	}
	CHECK(block == (id < 0 ? NULL : m->entries[id].block));
	if (exact)
		CHECK_EQ(*budget, model_budget);
	if (id < 0)
		return -1;
	CHECK(list_empty(&block->lru));
	CHECK_EQ(refcount_read(&block->refs), 0);
	model_free_block(m, id);
	return id;
}

int model_evict(struct model_policy *m, int node)
{
	unsigned long budget;
	int i, k, id = -1;

	for (i = 0; i < KVPOOL_NR_QUEUES && id < 0; i++) {
		budget = 2 * m->queues[i].nr;
		id = model_victim(m, i, node, &budget);
		/* No block was missed. */
		for (k = 0; id < 0 && k < m->queues[i].nr; k++)
			CHECK(m->entries[m->queues[i].ids[k]].held ||
			      !wanted(m, m->queues[i].ids[k], node));
	}
	return id;
}

void model_policy_check(struct model_policy *m)
{
	const struct kvpool_block *block;
	const struct model_queue *mq;
	struct kvpool_policy_queue *q;
	unsigned long pages;
	bool hand;
	int i, k;

	for (i = 0; i < KVPOOL_NR_QUEUES; i++) {
		q = &m->policy.queues[i];
		mq = &m->queues[i];
		pages = 0;
		k = 0;
		hand = !q->hand;
		list_for_each_entry_reverse(block, &q->list, lru) {
			CHECK(k < mq->nr);
			CHECK(block == m->entries[mq->ids[k]].block);
			/*
			 * Only SIEVE reads it, but it outlives a switch of the
			 * policy.
			 */
			CHECK_EQ(block->visited,
				 m->entries[mq->ids[k]].visited);
			pages += DIV_ROUND_UP(block->place.length, KVPOOL_PAGE_SIZE);
			hand |= q->hand == &block->lru;
			k++;
		}
		CHECK_EQ(k, mq->nr);
		CHECK_EQ(q->nr, mq->nr);
		CHECK_EQ(q->pages, pages);
		CHECK(hand);
	}
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

void policy_ops(const u8 *data, size_t size)
{
	static const u8 pins[] = { 0, 0, KVPOOL_PIN_SOFT, KVPOOL_PIN_HARD };
	struct ops_input in = { data, size };
	struct model_policy *m = model_policy_new(ops_u8(&in) & 1);
	unsigned long budget;
	int id;

	while (in.left) {
		u8 op = ops_u8(&in);

		id = ops_u8(&in) % MODEL_BLOCKS;
		switch (op % 8) {
		case 0:
		case 1:
			if (!m->entries[id].block)
				model_insert(m, id, pins[(op >> 3) % 4],
					     1 + (op << 9));
			break;
		case 2:
			if (m->entries[id].block)
				model_remove(m, id);
			break;
		case 3:
			ops_path(m, &in, true);
			break;
		case 4:
			ops_path(m, &in, false);
			break;
		case 5:
			budget = op >> 4;
			if (op & 8)
				model_evict(m, id % 3 - 1);
			else
				model_victim(m, id & 1, id % 3 - 1, &budget);
			break;
		case 6:
			if (m->entries[id].block)
				model_repin(m, id, pins[(op >> 3) % 4]);
			break;
		case 7:
			if (op & 8)
				model_switch(m, op & 16);
			break;
		}
		model_policy_check(m);
	}
	model_policy_delete(m);
}
