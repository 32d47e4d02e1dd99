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
		CHECK_EQ(model_victim(m, KVPOOL_QUEUE_NORMAL,
				      MODEL_ANY, &budget), -1);
		CHECK_EQ(budget, 10);
		insert(m, 0);
		budget = 0;
		CHECK_EQ(model_victim(m, KVPOOL_QUEUE_NORMAL,
				      MODEL_ANY, &budget), -1);
		budget = 1;
		CHECK_EQ(model_victim(m, KVPOOL_QUEUE_NORMAL,
				      MODEL_ANY, &budget), 0);
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
				id = model_victim(m, KVPOOL_QUEUE_NORMAL, nodes ?
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

/* Each node has queues of its own; without a node the oldest of all goes. */
static void test_node(void)
{
	int sieve, i;

	for (sieve = 0; sieve < 2; sieve++) {
		struct model_policy *m = model_policy_new(sieve);

		for (i = 0; i < 12; i++) {
			m->node[i] = i & 1;
			insert(m, i);
		}
		CHECK_EQ(model_evict(m, 1), 1);
		CHECK_EQ(model_evict(m, 1), 3);
		CHECK_EQ(model_evict(m, 0), 0);
		CHECK_EQ(model_evict(m, MODEL_ANY), 2);
		CHECK_EQ(model_evict(m, MODEL_ANY), 4);
		CHECK_EQ(model_evict(m, MODEL_ANY), 5);
		for (i = 6; i < 12; i += 2)
			model_hold(m, i);
		CHECK_EQ(model_evict(m, MODEL_ANY), 7);
		CHECK_EQ(model_evict(m, 0), -1);
		CHECK_EQ(model_evict(m, MODEL_ANY), 9);
		CHECK_EQ(model_evict(m, MODEL_ANY), 11);
		CHECK_EQ(model_evict(m, MODEL_ANY), -1);
		CHECK_EQ(kvpool_policy_pages(&m->policy, 0), 3);
		CHECK_EQ(kvpool_policy_pages(&m->policy, 1), 0);
		model_policy_delete(m);
	}
}

/* Old blocks that are all in use do not hide younger ones of other nodes. */
static void test_node_in_use(void)
{
	int sieve, i;

	for (sieve = 0; sieve < 2; sieve++) {
		struct model_policy *m = model_policy_new(sieve);

		for (i = 0; i < 80; i++) {
			m->node[i] = i == 79;
			insert(m, i);
			if (i < 79)
				model_hold(m, i);
		}
		CHECK_EQ(model_evict(m, MODEL_ANY), 79);
		CHECK_EQ(model_evict(m, MODEL_ANY), -1);
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

/* A block whose memory goes to another node keeps its age there. */
static void test_renode(void)
{
	struct model_policy *m = model_policy_new(false);
	int i;

	for (i = 0; i < 12; i++) {
		m->node[i] = i & 1;
		insert(m, i);
	}
	model_renode(m, 4, 1);
	model_renode(m, 7, 0);
	model_renode(m, 10, 1);
	model_policy_check(m);
	for (i = 0; i < 12; i++)
		CHECK_EQ(model_evict(m, MODEL_ANY), i);
	model_policy_delete(m);
}

/* A reference of compaction makes a block neither a victim nor young. */
static void test_moving(void)
{
	struct kvpool_policy_node node;
	struct kvpool_block blocks[3];
	struct kvpool_policy policy;
	unsigned long budget;
	int n, i;

	for (n = 0; n < 2; n++) {
		kvpool_policy_init(&policy, n ? &kvpool_policy_sieve :
				   &kvpool_policy_lru, &node, 1);
		memset(blocks, 0, sizeof(blocks));
		spin_lock(&policy.lock);
		for (i = 0; i < ARRAY_SIZE(blocks); i++) {
			refcount_set(&blocks[i].refs, 1);
			INIT_LIST_HEAD(&blocks[i].lru);
			blocks[i].state = KVPOOL_BLOCK_SEALED;
			blocks[i].place.length = 4096;
			kvpool_policy_insert(&policy, &blocks[i]);
		}
		refcount_set(&blocks[0].refs, 2);
		blocks[0].moving = 1;
		budget = 10;
		CHECK(kvpool_policy_victim(&policy, MODEL_ANY,
					   KVPOOL_QUEUE_NORMAL,
					   &budget) == &blocks[1]);
		kvpool_chain_end(&policy, &blocks[1]);
		CHECK(blocks[0].parked);
		refcount_set(&blocks[0].refs, 1);
		blocks[0].moving = 0;
		kvpool_policy_release(&policy, &blocks[0], NULL);
		CHECK(kvpool_policy_victim(&policy, 0, KVPOOL_QUEUE_NORMAL,
					   &budget) == &blocks[0]);
		spin_unlock(&policy.lock);
	}
}

/* ---- chains ---- */

static void chain(struct model_policy *m, int first, int last, u32 position)
{
	int i;

	for (i = first; i <= last; i++)
		model_insert_chain(m, i, 0, 4096,
				   i == first && !position ? MODEL_NONE : i - 1,
				   position + i - first);
}

/* Made from head to tail: all but the tail are older, and go after it. */
static void test_chain_prefix(void)
{
	int sieve, i;

	for (sieve = 0; sieve < 2; sieve++) {
		struct model_policy *m = model_policy_new(sieve);

		chain(m, 0, 9, 0);
		for (i = 20; i < 24; i++)
			insert(m, i);
		for (i = 9; i >= 0; i--)
			CHECK_EQ(model_evict(m, MODEL_ANY), i);
		CHECK_EQ(model_evict(m, MODEL_ANY), 20);
		model_policy_delete(m);
	}
}

/* A block is as young as the youngest use of what continues it. */
static void test_chain_age(void)
{
	struct model_policy *m = model_policy_new(false);

	chain(m, 0, 3, 0);
	insert(m, 20);
	insert(m, 21);
	touch(m, 3);
	insert(m, 22);
	CHECK_EQ(model_evict(m, MODEL_ANY), 20);
	CHECK_EQ(model_evict(m, MODEL_ANY), 21);
	CHECK_EQ(model_evict(m, MODEL_ANY), 3);
	CHECK_EQ(model_evict(m, MODEL_ANY), 2);
	touch(m, 0);
	CHECK_EQ(model_evict(m, MODEL_ANY), 1);
	CHECK_EQ(model_evict(m, MODEL_ANY), 22);
	CHECK_EQ(model_evict(m, MODEL_ANY), 0);
	model_policy_delete(m);
}

/*
 * LRU against its definition, by brute force: of the blocks that nothing
 * continues, that goes whose latest use, or that of what continued it, is the
 * oldest.
 */
static void test_chain_exact(void)
{
	static unsigned long age[MODEL_BLOCKS];
	struct rnd rnd = { tap_seed() };
	unsigned long now = 0;
	int round, n, i, id, best;

	for (round = 0; round < 30; round++) {
		struct model_policy *m = model_policy_new(false);
		struct tree tree;

		tree_grow(&tree, &rnd, m->node);
		memset(m->node, 0, sizeof(m->node));
		for (n = 0; n < 600; n++) {
			id = rnd_below(&rnd, MODEL_BLOCKS);
			if (m->entries[id].block) {
				touch(m, id);
			} else if (tree.parent[id] < 0 ||
				   m->entries[tree.parent[id]].block) {
				int up, depth = 0;

				for (up = id; tree.parent[up] >= 0; depth++)
					up = tree.parent[up];
				model_insert_chain(m, id, 0, 4096,
						   tree.parent[id], depth);
			} else {
				continue;
			}
			for (now++; id >= 0; id = tree.parent[id])
				age[id] = now;
			if (rnd_below(&rnd, 3))
				continue;
			best = -1;
			for (i = 0; i < MODEL_BLOCKS; i++)
				if (m->entries[i].block &&
				    !model_children(m, i) &&
				    (best < 0 || age[i] < age[best]))
					best = i;
			CHECK_EQ(model_evict(m, MODEL_ANY), best);
			model_policy_check(m);
		}
		model_policy_delete(m);
	}
}

/* What has lost its head goes first, wherever the sweep begins. */
static void test_chain_orphans(void)
{
	int sieve, i;

	for (sieve = 0; sieve < 2; sieve++) {
		struct model_policy *m = model_policy_new(sieve);

		insert(m, 20);
		chain(m, 0, 9, 0);
		chain(m, 30, 33, 0);
		model_insert_chain(m, 40, 0, 4096, 6, 7);
		for (i = 0; i < 10; i++)
			touch(m, i);
		model_remove(m, 4);
		CHECK(m->policy.sweep.due);
		model_sweep_all(m);
		for (i = 0; i < 10; i++)
			if (m->entries[i].block)
				CHECK_EQ(m->entries[i].orphan, i > 4);
		CHECK(m->entries[40].orphan);
		CHECK(!m->entries[33].orphan);
		/* 5 to 9 and 40, each after those that continue it. */
		for (i = 0; i < 6; i++) {
			int id = model_evict(m, MODEL_ANY);

			CHECK((id >= 5 && id <= 9) || id == 40);
		}
		CHECK_EQ(model_evict(m, MODEL_ANY), 20);
		model_policy_delete(m);
	}
}

/* A parent that comes again ends that, also for what it does not name. */
static void test_chain_restored(void)
{
	int sieve, i;

	for (sieve = 0; sieve < 2; sieve++) {
		struct model_policy *m = model_policy_new(sieve);

		chain(m, 0, 9, 0);
		model_remove(m, 4);
		model_sweep_all(m);
		model_insert_chain(m, 4, 0, 4096, 3, 4);
		CHECK(m->entries[5].orphan);
		model_link(m, 5, 4, 5);
		CHECK(!m->entries[5].orphan);
		model_sweep_all(m);
		for (i = 0; i < 10; i++)
			CHECK(!m->entries[i].orphan);
		for (i = 9; i >= 0; i--)
			CHECK_EQ(model_evict(m, MODEL_ANY), i);
		model_policy_delete(m);
	}
}

/* Claims that contradict what is known, or each other. */
static void test_chain_wrong(void)
{
	struct model_policy *m = model_policy_new(false);
	int i;

	chain(m, 0, 3, 0);
	/* A cycle, another parent, another position, and itself. */
	model_link(m, 0, 3, 4);
	model_link(m, 0, 3, 0);
	model_link(m, 3, 1, 2);
	model_link(m, 3, 1, 3);
	model_insert_chain(m, 10, 0, 4096, 10, 1);
	model_insert_chain(m, 11, 0, 4096, 2, 7);
	model_insert_chain(m, 12, 0, 4096, 90, 5);
	model_insert_chain(m, 13, 0, 4096, 12, 6);
	/* Too far away to be noted. */
	model_insert_chain(m, 14, 0, 4096, 3, KVPOOL_DEPTH_MAX);
	model_insert_chain(m, 15, 0, 4096, 3, 0xffffffff);
	for (i = 1; i < 4; i++)
		CHECK_EQ(m->entries[i].parent, i - 1);
	CHECK(m->entries[10].orphan && m->entries[11].orphan);
	CHECK(m->entries[12].orphan && m->entries[13].orphan);
	CHECK(!m->entries[14].orphan && !m->entries[15].orphan);
	CHECK_EQ(model_evict(m, MODEL_ANY), 10);
	CHECK_EQ(model_evict(m, MODEL_ANY), 11);
	CHECK_EQ(model_evict(m, MODEL_ANY), 13);
	CHECK_EQ(model_evict(m, MODEL_ANY), 12);
	for (i = 3; i >= 0; i--)
		CHECK_EQ(model_evict(m, MODEL_ANY), i);
	model_policy_delete(m);
}

/* No more children than can be counted, and the sweep's own fit besides. */
static void test_chain_limits(void)
{
	struct model_policy *m = model_policy_new(false);
	struct kvpool_block *parent;

	chain(m, 0, 0, 0);
	parent = m->entries[0].block;
	spin_lock(&m->policy.lock);
	parent->children = KVPOOL_CHILDREN_MAX;
	spin_unlock(&m->policy.lock);
	/* Not through the model, which counts. */
	model_insert(m, 1, 0, 4096);
	spin_lock(&m->policy.lock);
	kvpool_chain_link(&m->policy, m->entries[1].block, parent, 1);
	CHECK_EQ(parent->children, KVPOOL_CHILDREN_MAX);
	CHECK(!m->entries[1].block->parent);
	CHECK(!m->entries[1].block->orphan);
	parent->children = 0;
	spin_unlock(&m->policy.lock);
	m->entries[1].depth = 2;
	model_policy_delete(m);
}

/* Lookups take a reference, up to a bound. */
static void test_references(void)
{
	struct kvpool_block block;

	refcount_set(&block.refs, 0);
	CHECK(!kvpool_block_tryget(&block));
	refcount_set(&block.refs, 1);
	CHECK(kvpool_block_tryget(&block));
	CHECK_EQ(refcount_read(&block.refs), 2);
	refcount_set(&block.refs, KVPOOL_BLOCK_REFS_MAX - 1);
	CHECK(kvpool_block_tryget(&block));
	CHECK(!kvpool_block_tryget(&block));
	CHECK_EQ(refcount_read(&block.refs), KVPOOL_BLOCK_REFS_MAX);
}

/* 34 descriptions fit in a page. */
static void test_size(void)
{
	CHECK(sizeof(struct kvpool_block) <= 120);
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
			i = model_victim(m, KVPOOL_QUEUE_NORMAL,
				      MODEL_ANY, &budget);
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
			CHECK_EQ(model_victim(m, KVPOOL_QUEUE_NORMAL,
				      MODEL_ANY, &budget), -1);
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
		id = model_victim(m, 1 + n / 2 % 2, n % 3 - 1, &budget);
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
	{ "policy: blocks in use on one node do not hide another's",
	  test_node_in_use },
	{ "policy: a block that goes to another node keeps its age",
	  test_renode },
	{ "policy: a block that moves keeps its age", test_moving },
	{ "policy: soft pins last, hard pins never", test_soft_last },
	{ "policy: two rounds find a victim", test_two_rounds },
	{ "policy: budget respected, next call goes on", test_budget },
	{ "policy: SIEVE's hand survives the block under it", test_hand },
	{ "policy: a switch loses no block", test_switch },
	{ "chain: the tail goes before the head", test_chain_prefix },
	{ "chain: a use is one of all before it", test_chain_age },
	{ "chain: LRU is exact", test_chain_exact },
	{ "chain: orphans go first", test_chain_orphans },
	{ "chain: a parent that comes again", test_chain_restored },
	{ "chain: wrong parents", test_chain_wrong },
	{ "chain: limits", test_chain_limits },
	{ "block: references are bounded", test_references },
	{ "block: size", test_size },
	{ "policy: random operations equal the model", test_random_ops },
};

TAP_MAIN(cases)
