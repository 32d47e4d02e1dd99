// SPDX-License-Identifier: GPL-2.0
/* Eviction policies against their models, and their guarantees. */
#include "model_policy.h"
#include "tap.h"

static void insert(struct model_policy *m, int id)
{
	model_insert(m, id, 0, 4096);
}

static void touch(struct model_policy *m, int id)
{
	model_hold(m, id);
	model_release(m, &id, 1);
}

static void test_find(void)
{
	char name[16];
	int i, k;

	for (i = 0; kvpool_policies[i]; i++) {
		CHECK(kvpool_policy_find(kvpool_policies[i]->name) ==
		      kvpool_policies[i]);
		snprintf(name, sizeof(name), "%s\n", kvpool_policies[i]->name);
		CHECK(kvpool_policy_find(name) == kvpool_policies[i]);
		snprintf(name, sizeof(name), "%s\n\n",
			 kvpool_policies[i]->name);
		CHECK(!kvpool_policy_find(name));
		snprintf(name, sizeof(name), "%sx", kvpool_policies[i]->name);
		CHECK(!kvpool_policy_find(name));
		name[1] = 0;
		CHECK(!kvpool_policy_find(name));
		for (k = 0; k < i; k++)
			CHECK(strcmp(kvpool_policies[k]->name,
				     kvpool_policies[i]->name));
	}
	CHECK(i >= 2);
	CHECK(!kvpool_policy_find(""));
	CHECK(!kvpool_policy_find("\n"));
	CHECK(kvpool_policy_find("lru") == &kvpool_policy_lru);
	CHECK(kvpool_policy_find("sieve") == &kvpool_policy_sieve);
}

static void test_empty(void)
{
	unsigned long budget;
	int sieve;

	for (sieve = 0; sieve < 2; sieve++) {
		struct model_policy *m = model_policy_new(sieve);

		budget = 10;
		CHECK_EQ(model_victim(m, 0, MODEL_ANY, &budget), -1);
		CHECK_EQ(budget, 10);
		insert(m, 0);
		budget = 0;
		CHECK_EQ(model_victim(m, 0, MODEL_ANY, &budget), -1);
		budget = 1;
		CHECK_EQ(model_victim(m, 0, MODEL_ANY, &budget), 0);
		CHECK_EQ(budget, 0);
		CHECK_EQ(model_evict(m, MODEL_ANY), -1);
		model_policy_delete(m);
	}
}

static void test_lru_order(void)
{
	struct model_policy *m = model_policy_new(false);
	int i;

	for (i = 0; i < 6; i++)
		insert(m, i);
	touch(m, 0);
	touch(m, 3);
	touch(m, 1);
	CHECK_EQ(model_evict(m, MODEL_ANY), 2);
	CHECK_EQ(model_evict(m, MODEL_ANY), 4);
	CHECK_EQ(model_evict(m, MODEL_ANY), 5);
	CHECK_EQ(model_evict(m, MODEL_ANY), 0);
	CHECK_EQ(model_evict(m, MODEL_ANY), 3);
	CHECK_EQ(model_evict(m, MODEL_ANY), 1);
	CHECK_EQ(model_evict(m, MODEL_ANY), -1);
	model_policy_delete(m);
}

/* Worked out by hand: of seven, 0, 1 and 6 were used. */
static void test_sieve_order(void)
{
	struct model_policy *m = model_policy_new(true);
	int i;

	for (i = 0; i < 7; i++)
		insert(m, i);
	touch(m, 0);
	touch(m, 1);
	touch(m, 6);
	CHECK_EQ(model_evict(m, MODEL_ANY), 2);
	insert(m, 7);
	touch(m, 0);
	CHECK_EQ(model_evict(m, MODEL_ANY), 3);
	insert(m, 8);
	touch(m, 4);
	/* The hand spares 4, passes 5 and 6, and 7 has not been used. */
	CHECK_EQ(model_evict(m, MODEL_ANY), 5);
	CHECK_EQ(model_evict(m, MODEL_ANY), 7);
	CHECK_EQ(model_evict(m, MODEL_ANY), 8);
	/* From the start: 0 was used a second time. */
	CHECK_EQ(model_evict(m, MODEL_ANY), 1);
	CHECK_EQ(model_evict(m, MODEL_ANY), 4);
	CHECK_EQ(model_evict(m, MODEL_ANY), 6);
	CHECK_EQ(model_evict(m, MODEL_ANY), 0);
	CHECK_EQ(model_evict(m, MODEL_ANY), -1);
	model_policy_delete(m);
}

/*
 * Requests that are paths in a tree of prefixes, served as the library does:
 * lease the resident blocks, produce the rest, release the whole path.
 */
struct tree {
	int parent[MODEL_BLOCKS];
};

static u32 tree_path(const struct tree *tree, int leaf, int *ids)
{
	int up[MODEL_BLOCKS];
	u32 n = 0, i;

	for (; leaf >= 0; leaf = tree->parent[leaf])
		up[n++] = leaf;
	for (i = 0; i < n; i++)
		ids[i] = up[n - 1 - i];
	return n;
}

static void check_victim_is_tail(struct model_policy *m,
				 const struct tree *tree, int id)
{
	int i;

	for (i = 0; i < MODEL_BLOCKS; i++)
		if (m->entries[i].block)
			CHECK(tree->parent[i] != id);
}

/* A few roots, and the blocks of a prefix on the node of its root. */
static void tree_grow(struct tree *tree, struct rnd *rnd, u8 *node)
{
	u32 i;

	for (i = 0; i < MODEL_BLOCKS; i++) {
		tree->parent[i] = i < 4 ? -1 : (int)rnd_below(rnd, i);
		node[i] = i < 4 ? i & 1 : node[tree->parent[i]];
	}
}

struct request {
	int ids[MODEL_BLOCKS];
	u32 nr;
};

/* Leases the resident blocks of a path and produces the rest, its head last. */
static void request_begin(struct model_policy *m, const struct tree *tree,
			  struct request *r, int leaf)
{
	u32 i, hit;

	r->nr = tree_path(tree, leaf, r->ids);
	for (hit = 0; hit < r->nr && m->entries[r->ids[hit]].block; hit++)
		model_hold(m, r->ids[hit]);
	for (i = r->nr; i-- > hit;) {
		/* Another request may have left a hole: fill that. */
		if (!m->entries[r->ids[i]].block)
			insert(m, r->ids[i]);
		model_hold(m, r->ids[i]);
	}
}

static void request_end(struct model_policy *m, struct request *r)
{
	model_release(m, r->ids, r->nr);
	r->nr = 0;
}

static void prefix_tail_first(bool nodes)
{
	struct request open[3] = { { .nr = 0 } };
	struct rnd rnd = { tap_seed() };
	u32 n, i, k, evicted = 0;
	struct model_policy *m;
	unsigned long budget;
	struct tree tree;
	int id, round;

	for (round = 0; round < 20; round++) {
		m = model_policy_new(false);
		tree_grow(&tree, &rnd, m->node);
		for (n = 0; n < 400; n++) {
			k = rnd_below(&rnd, ARRAY_SIZE(open));
			request_end(m, &open[k]);
			request_begin(m, &tree, &open[k],
				      rnd_below(&rnd, MODEL_BLOCKS));
			for (i = rnd_below(&rnd, 12); i; i--) {
				budget = rnd_below(&rnd, MODEL_BLOCKS);
				id = model_victim(m, 0, nodes ?
						  (int)rnd_below(&rnd, 3) - 1 :
						  MODEL_ANY, &budget);
				if (id < 0)
					continue;
				evicted++;
				check_victim_is_tail(m, &tree, id);
			}
			model_policy_check(m);
		}
		for (k = 0; k < ARRAY_SIZE(open); k++)
			request_end(m, &open[k]);
		while ((id = model_evict(m, MODEL_ANY)) >= 0)
			check_victim_is_tail(m, &tree, id);
		model_policy_delete(m);
	}
	CHECK(evicted > 1000);
}

static void test_prefix_tail_first(void)
{
	prefix_tail_first(false);
}

static void test_prefix_tail_first_nodes(void)
{
	prefix_tail_first(true);
}

/* Victims of one node, from a queue with blocks of two nodes. */
static void test_node(void)
{
	unsigned long budget;
	int sieve, i;

	for (sieve = 0; sieve < 2; sieve++) {
		struct model_policy *m = model_policy_new(sieve);

		for (i = 0; i < 12; i++)
			insert(m, i);
		CHECK_EQ(model_evict(m, 1), 1);
		CHECK_EQ(model_evict(m, 1), 3);
		/* LRU: the order of the other node does not matter. */
		CHECK_EQ(model_evict(m, 0), sieve ? 4 : 0);
		CHECK_EQ(model_evict(m, 1), 5);
		/* Slices: the search continues at its place. */
		for (i = 6; i < 12; i += 2)
			model_hold(m, i);
		while (model_evict(m, 1) >= 0)
			;
		CHECK_EQ(m->queues[0].nr, 5);
		budget = 100;
		CHECK_EQ(model_victim(m, 0, 1, &budget), -1);
		CHECK_EQ(budget, 0);
		model_policy_delete(m);
	}
}

static void test_in_use(void)
{
	int sieve, i, held[] = { 1, 3 };

	for (sieve = 0; sieve < 2; sieve++) {
		struct model_policy *m = model_policy_new(sieve);

		for (i = 0; i < 5; i++)
			insert(m, i);
		model_hold(m, 1);
		model_hold(m, 3);
		CHECK_EQ(model_evict(m, MODEL_ANY), 0);
		CHECK_EQ(model_evict(m, MODEL_ANY), 2);
		CHECK_EQ(model_evict(m, MODEL_ANY), 4);
		CHECK_EQ(model_evict(m, MODEL_ANY), -1);
		CHECK_EQ(model_evict(m, MODEL_ANY), -1);
		model_policy_check(m);
		model_release(m, held, 2);
		CHECK_EQ(model_evict(m, MODEL_ANY), sieve ? 1 : 3);
		CHECK_EQ(model_evict(m, MODEL_ANY), sieve ? 3 : 1);
		CHECK_EQ(model_evict(m, MODEL_ANY), -1);
		model_policy_delete(m);
	}
}

/*
 * A moved block has the age, the pin and the hand of the block that it
 * replaces.
 */
static void test_replace(void)
{
	const struct kvpool_policy_ops *ops[] = {
		&kvpool_policy_lru, &kvpool_policy_sieve,
	};
	struct kvpool_block blocks[5], moved[5], *victim;
	struct kvpool_policy policy;
	unsigned long budget;
	int n, i;

	for (n = 0; n < ARRAY_SIZE(ops); n++) {
		kvpool_policy_init(&policy, ops[n]);
		memset(blocks, 0, sizeof(blocks));
		memset(moved, 0, sizeof(moved));
		spin_lock(&policy.lock);
		for (i = 0; i < ARRAY_SIZE(blocks); i++) {
			refcount_set(&blocks[i].refs, 1);
			refcount_set(&moved[i].refs, 1);
			INIT_LIST_HEAD(&blocks[i].lru);
			INIT_LIST_HEAD(&moved[i].lru);
			blocks[i].place.length = 4096;
			moved[i].place.length = 4096;
			blocks[i].pin = i == 4 ? KVPOOL_PIN_SOFT : 0;
			kvpool_policy_insert(&policy, &blocks[i]);
		}
		/* SIEVE's hand stays on the next block after a victim. */
		budget = 10;
		CHECK(kvpool_policy_victim(&policy, KVPOOL_QUEUE_NORMAL,
					   &budget, NULL) == &blocks[0]);
		for (i = 1; i < ARRAY_SIZE(blocks); i++) {
			kvpool_policy_replace(&policy, &blocks[i], &moved[i]);
			CHECK(list_empty(&blocks[i].lru));
			CHECK_EQ(moved[i].pin, blocks[i].pin);
		}
		for (i = 1; i < 4; i++) {
			budget = 10;
			victim = kvpool_policy_victim(&policy,
						      KVPOOL_QUEUE_NORMAL,
						      &budget, NULL);
			CHECK(victim == &moved[i]);
		}
		budget = 10;
		CHECK(kvpool_policy_victim(&policy, KVPOOL_QUEUE_SOFT, &budget,
					   NULL) == &moved[4]);
		for (i = 0; i < KVPOOL_NR_QUEUES; i++) {
			CHECK_EQ(policy.queues[i].nr, 0);
			CHECK_EQ(policy.queues[i].pages, 0);
		}
		spin_unlock(&policy.lock);
	}
}

/* A reference of compaction makes a block neither a victim nor young. */
static void test_moving(void)
{
	struct kvpool_block blocks[3];
	struct kvpool_policy policy;
	unsigned long budget = 10;
	int i;

	kvpool_policy_init(&policy, &kvpool_policy_lru);
	memset(blocks, 0, sizeof(blocks));
	spin_lock(&policy.lock);
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		refcount_set(&blocks[i].refs, 1);
		INIT_LIST_HEAD(&blocks[i].lru);
		blocks[i].place.length = 4096;
		kvpool_policy_insert(&policy, &blocks[i]);
	}
	refcount_set(&blocks[0].refs, 2);
	blocks[0].moving = 1;
	CHECK(kvpool_policy_victim(&policy, KVPOOL_QUEUE_NORMAL, &budget,
				   NULL) == &blocks[1]);
	refcount_set(&blocks[0].refs, 1);
	blocks[0].moving = 0;
	CHECK(kvpool_policy_victim(&policy, KVPOOL_QUEUE_NORMAL, &budget,
				   NULL) == &blocks[0]);
	spin_unlock(&policy.lock);
}

static void test_soft_last(void)
{
	int sieve, i;

	for (sieve = 0; sieve < 2; sieve++) {
		struct model_policy *m = model_policy_new(sieve);

		for (i = 0; i < 8; i++)
			model_insert(m, i, i & 1 ? 0 : KVPOOL_PIN_SOFT,
				     4096 * (i + 1));
		model_insert(m, 8, KVPOOL_PIN_HARD, 1);
		CHECK_EQ(model_evict(m, MODEL_ANY), 1);
		model_repin(m, 2, 0);
		model_repin(m, 3, KVPOOL_PIN_SOFT);
		model_repin(m, 5, KVPOOL_PIN_HARD);
		CHECK_EQ(model_evict(m, MODEL_ANY), 7);
		CHECK_EQ(model_evict(m, MODEL_ANY), 2);
		CHECK_EQ(model_evict(m, MODEL_ANY), 0);
		CHECK_EQ(model_evict(m, MODEL_ANY), 4);
		CHECK_EQ(model_evict(m, MODEL_ANY), 6);
		CHECK_EQ(model_evict(m, MODEL_ANY), 3);
		CHECK_EQ(model_evict(m, MODEL_ANY), -1);
		model_repin(m, 5, 0);
		CHECK_EQ(model_evict(m, MODEL_ANY), 5);
		CHECK_EQ(model_evict(m, MODEL_ANY), -1);
		model_policy_delete(m);
	}
}

/* Two rounds find a block that can be evicted, whatever was used. */
static void test_two_rounds(void)
{
	int sieve, i, k, n = 12;

	for (sieve = 0; sieve < 2; sieve++) {
		for (k = 0; k < n; k++) {
			struct model_policy *m = model_policy_new(sieve);

			for (i = 0; i < n; i++) {
				insert(m, i);
				touch(m, i);
				if (i != k)
					model_hold(m, i);
			}
			model_insert(m, n, KVPOOL_PIN_SOFT, 4096);
			touch(m, n);
			CHECK_EQ(model_evict(m, MODEL_ANY), k);
			CHECK_EQ(model_evict(m, MODEL_ANY), n);
			CHECK_EQ(model_evict(m, MODEL_ANY), -1);
			model_policy_delete(m);
		}
	}
}

static void test_budget(void)
{
	unsigned long budget;
	int sieve, i, n;

	for (sieve = 0; sieve < 2; sieve++) {
		struct model_policy *m = model_policy_new(sieve);

		for (i = 0; i < 10; i++) {
			insert(m, i);
			if (i < 9)
				model_hold(m, i);
		}
		/* Every call continues where the last call stopped. */
		for (n = 0, i = -1; i < 0 && n < 4; n++) {
			budget = 4;
			i = model_victim(m, 0, MODEL_ANY, &budget);
			model_policy_check(m);
		}
		CHECK_EQ(i, 9);
		CHECK_EQ(n, 3);
		CHECK_EQ(budget, 2);
		model_policy_delete(m);
	}
}

/* The block under the hand leaves, in every way and beside every neighbour. */
static void test_hand(void)
{
	unsigned long budget;
	int at, way, next;

	for (at = 0; at < 6; at++) {
		for (way = 0; way < 4; way++) {
			struct model_policy *m = model_policy_new(true);

			for (next = 0; next < 6; next++) {
				insert(m, next);
				touch(m, next);
			}
			/* Without a victim the hand stays at its last place. */
			budget = at;
			CHECK_EQ(model_victim(m, 0, MODEL_ANY, &budget), -1);
			if (way == 0)
				model_remove(m, at);
			else if (way == 1)
				model_repin(m, at, KVPOOL_PIN_HARD);
			else if (way == 2)
				model_repin(m, at, KVPOOL_PIN_SOFT);
			else
				model_repin(m, at, 0);
			model_policy_check(m);
			insert(m, 6);
			for (next = 0; next < 7; next++)
				if (model_evict(m, MODEL_ANY) < 0)
					break;
			CHECK_EQ(next, way < 2 ? 6 : 7);
			model_policy_check(m);
			model_policy_delete(m);
		}
	}
}

static void test_switch(void)
{
	struct rnd rnd = { tap_seed() };
	struct model_policy *m = model_policy_new(false);
	unsigned long budget;
	int i, id, n, in = 0;

	for (i = 0; i < MODEL_BLOCKS; i++)
		model_insert(m, i, i % 3 ? 0 : KVPOOL_PIN_SOFT,
			     rnd_range(&rnd, 4096, 1 << 20));
	in = MODEL_BLOCKS;
	for (n = 0; n < 2000; n++) {
		model_switch(m, n & 1);
		model_policy_check(m);
		for (i = rnd_below(&rnd, 8); i; i--) {
			id = rnd_below(&rnd, MODEL_BLOCKS);
			if (m->entries[id].block)
				touch(m, id);
		}
		budget = rnd_below(&rnd, 12);
		id = model_victim(m, n / 2 % 2, n % 3 - 1, &budget);
		if (id >= 0 && rnd_below(&rnd, 20))
			model_insert(m, id, id % 3 ? 0 : KVPOOL_PIN_SOFT,
				     rnd_range(&rnd, 4096, 1 << 20));
		else if (id >= 0)
			in--;
	}
	/* All that were not evicted are still there to be. */
	while (model_evict(m, MODEL_ANY) >= 0)
		in--;
	CHECK_EQ(in, 0);
	model_policy_delete(m);
}

static void test_random_ops(void)
{
	struct rnd rnd = { tap_seed() };
	u8 data[4096];
	u32 i, n;

	for (n = 0; n < 150; n++) {
		for (i = 0; i < sizeof(data); i++)
			data[i] = rnd_next(&rnd);
		/* Half of the runs: rarely another policy. */
		for (i = 1; n & 1 && i < sizeof(data); i++)
			if (data[i] % 8 == 7 && data[i] & 8 && i % 64)
				data[i] ^= 8;
		policy_ops(data, sizeof(data));
	}
}

static const struct tap_case cases[] = {
	{ "policy: found by name", test_find },
	{ "policy: nothing to evict", test_empty },
	{ "policy: LRU order", test_lru_order },
	{ "policy: SIEVE order", test_sieve_order },
	{ "policy: LRU evicts a prefix's tail before its head",
	  test_prefix_tail_first },
	{ "policy: LRU does so when one node's blocks are wanted",
	  test_prefix_tail_first_nodes },
	{ "policy: victims of one node", test_node },
	{ "policy: blocks in use are passed over", test_in_use },
	{ "policy: a moved block takes the place of the old one",
	  test_replace },
	{ "policy: a block that moves keeps its age", test_moving },
	{ "policy: soft pins last, hard pins never", test_soft_last },
	{ "policy: two rounds find a victim", test_two_rounds },
	{ "policy: budget respected, next call goes on", test_budget },
	{ "policy: SIEVE's hand survives the block under it", test_hand },
	{ "policy: a switch loses no block", test_switch },
	{ "policy: random operations equal the model", test_random_ops },
};

TAP_MAIN(cases)
