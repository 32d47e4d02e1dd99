// SPDX-License-Identifier: GPL-2.0
/*
 * model: random calls on several files, each result and each statistic compared
 * with a simple model of the pool. In one variant blocks have many sizes and
 * all fit; in the other they have one chunk each and few fit, so that the model
 * knows exactly which block is evicted.
 *
 * KVPOOL_MODEL_OPS and KVPOOL_MODEL_SEED choose the run; the seed is printed.
 */
#include "kvpool_async.h"

#define NR_FILES	3
#define MOST_KEYS	512
#define MOST_HANDLES	400
#define MOST_BATCH	16

enum state { RESERVED, SEALED, DEAD };

/* One block that had a key at some time. */
struct mblock {
	struct mblock *older, *younger;	/* in the order of eviction */
	unsigned int key;
	__u64 stamp;			/* what its content is made of */
	__u64 length;
	enum state state;
	__u32 pin;
	unsigned int leases;
	__u32 nr_spans;
	struct kvpool_span span[2];
};

struct mhandle {
	__u64 handle;
	struct mblock *block;
};

struct mfile {
	int fd;
	__u8 *map;
	unsigned int nr_reserved, nr_leased;
	struct mhandle reserved[MOST_HANDLES];
	struct mhandle leased[MOST_HANDLES];
};

struct mqueue {
	struct mblock *oldest, *youngest;
};

struct model {
	const char *tenant;
	bool evict;
	unsigned int nr_keys;
	__u64 room;			/* bytes */
	__u64 pin_quota;
	__u64 rand, stamps;
	__u64 ops;
	struct mblock *keys[MOST_KEYS];
	struct mqueue queues[2];	/* normal, soft */
	struct mfile files[NR_FILES];
	struct kvpool_stats want;
	char error[256];
};

#define FAIL(m, ...) ({						\
	if (!(m)->error[0])					\
		snprintf((m)->error, sizeof((m)->error), __VA_ARGS__); \
	false;							\
})

static __u64 below(struct model *m, __u64 n)
{
	return kv_rand(&m->rand) % n;
}

static unsigned int any_key(struct model *m, struct kvpool_entry *e)
{
	unsigned int key = below(m, m->nr_keys);

	kv_key(&e->key, key);
	return key;
}

/* The status of a key: @pending says that it is not sealed yet. */
static int found(const struct mblock *b, int pending)
{
	return !b ? -ENOENT : b->state == SEALED ? 0 : pending;
}

static __u64 page_up(__u64 length)
{
	return (length + KV_PAGE - 1) & ~(KV_PAGE - 1);
}

/* The order of eviction */

static struct mqueue *queue_of(struct model *m, const struct mblock *b)
{
	return &m->queues[b->pin == KVPOOL_PIN_SOFT];
}

static void dequeue(struct model *m, struct mblock *b)
{
	struct mqueue *q = queue_of(m, b);

	if (b->older)
		b->older->younger = b->younger;
	else
		q->oldest = b->younger;
	if (b->younger)
		b->younger->older = b->older;
	else
		q->youngest = b->older;
	b->older = NULL;
	b->younger = NULL;
}

static void enqueue(struct model *m, struct mblock *b)
{
	struct mqueue *q = queue_of(m, b);

	b->older = q->youngest;
	b->younger = NULL;
	if (q->youngest)
		q->youngest->younger = b;
	else
		q->oldest = b;
	q->youngest = b;
}

/* The life of a block */

static void forget(struct model *m, struct mblock *b)
{
	if (b->state == DEAD && !b->leases) {
		m->want.bytes -= page_up(b->length);
		free(b);
	}
}

static void unseal(struct model *m, struct mblock *b)
{
	if (b->pin == KVPOOL_PIN_HARD)
		m->want.pinned_bytes -= b->length;
	else
		dequeue(m, b);
	m->keys[b->key] = NULL;
	b->state = DEAD;
	m->want.blocks--;
}

static bool evict_one(struct model *m)
{
	struct mblock *b;
	int q;

	for (q = 0; q < 2; q++)
		for (b = m->queues[q].oldest; b; b = b->younger)
			if (!b->leases) {
				m->want.evicted_blocks++;
				m->want.evicted_bytes += b->length;
				unseal(m, b);
				forget(m, b);
				return true;
			}
	return false;
}

/* The content: a few words of each span, all made of the stamp. */
static void fill(struct mfile *f, struct mblock *b)
{
	__u32 i;

	for (i = 0; i < b->nr_spans; i++) {
		volatile __u64 *p = (void *)(f->map + b->span[i].offset);
		size_t words = b->span[i].length / 8;

		p[0] = b->stamp + i;
		p[words / 2] = ~b->stamp;
		p[words - 1] = b->stamp ^ i;
	}
}

static bool intact(struct mfile *f, const struct mblock *b)
{
	__u32 i;

	for (i = 0; i < b->nr_spans; i++) {
		volatile __u64 *p = (void *)(f->map + b->span[i].offset);
		size_t words = b->span[i].length / 8;

		if (p[0] != b->stamp + i || p[words / 2] != ~b->stamp ||
		    p[words - 1] != (b->stamp ^ i))
			return false;
	}
	return true;
}

static bool open_file(struct model *m, struct mfile *f)
{
	memset(f, 0, sizeof(*f));
	f->fd = kv_open(m->tenant, O_RDWR);
	if (f->fd < 0)
		return FAIL(m, "open: %d", f->fd);
	f->map = kv_map(f->fd, PROT_READ | PROT_WRITE);
	return f->map ? true : FAIL(m, "mmap: %d", errno);
}

/* Operations: each does the same to the pool and to the model. */

static __u64 random_length(struct model *m)
{
	if (m->evict)
		return KV_CHUNK;
	switch (below(m, 4)) {
	case 0:
		return 4096;
	case 1:
		return 65536;
	default:
		return 4096 + below(m, 100000);
	}
}

/* The same as RESERVE and LEASE without flags, by operations. */
static int keys_by_ops(struct mfile *f, __u32 opcode, struct kvpool_entry *e,
		       unsigned int n, struct kvpool_span *span)
{
	struct kvpool_completion c[MOST_BATCH];
	struct kvpool_op ops[MOST_BATCH] = {};
	unsigned int i;
	int ret, hits = 0;

	for (i = 0; i < n; i++) {
		ops[i].opcode = opcode;
		ops[i].key = e[i].key;
		if (opcode == KVPOOL_OP_RESERVE) {
			ops[i].length = e[i].length;
			ops[i].node = KVPOOL_NODE_ANY;
		}
	}
	ret = kv_submit_wait(f->fd, ops, n, c);
	if (ret)
		return ret;
	for (i = 0; i < n; i++) {
		e[i].status = c[i].status;
		if (c[i].status)
			continue;
		hits++;
		e[i].handle = c[i].handle;
		e[i].length = c[i].length;
		e[i].nr_spans = c[i].nr_spans;
		e[i].span_index = 2 * i;
		ret = kv_spans(f->fd, c[i].handle, &span[2 * i], 2, 0, NULL);
		if (ret != (int)c[i].nr_spans ||
		    memcmp(&span[2 * i], &c[i].span, sizeof(c[i].span)))
			return -EPROTO;
	}
	return hits;
}

/* The same as SEAL and RELEASE, by operations. */
static int handles_by_ops(struct mfile *f, __u32 opcode,
			  struct kvpool_handle_entry *e, unsigned int n)
{
	struct kvpool_completion c[MOST_BATCH];
	struct kvpool_op ops[MOST_BATCH] = {};
	unsigned int i;
	int ret, done = 0;

	for (i = 0; i < n; i++) {
		ops[i].opcode = opcode;
		ops[i].handle = e[i].handle;
		if (e[i].flags & KVPOOL_PIN_SOFT)
			ops[i].flags = KVPOOL_OP_PIN_SOFT;
		if (e[i].flags & KVPOOL_PIN_HARD)
			ops[i].flags = KVPOOL_OP_PIN_HARD;
	}
	ret = kv_submit_wait(f->fd, ops, n, c);
	for (i = 0; !ret && i < n; i++) {
		e[i].status = c[i].status;
		done += !c[i].status;
	}
	return ret ? ret : done;
}

static bool op_reserve(struct model *m, struct mfile *f, unsigned int n)
{
	struct kvpool_span span[2 * MOST_BATCH];
	struct kvpool_entry e[MOST_BATCH] = {};
	unsigned int key[MOST_BATCH], i, done = 0;
	__u32 room = 2 * MOST_BATCH;
	int want[MOST_BATCH], ret;

	if (f->nr_reserved + n > MOST_HANDLES / 8)
		return true;
	for (i = 0; i < n; i++) {
		key[i] = any_key(m, &e[i]);
		e[i].length = random_length(m);
	}
	ret = below(m, 2) ? keys_by_ops(f, KVPOOL_OP_RESERVE, e, n, span) :
			    kv_reserve_batch(f->fd, e, n, span, &room);
	if (ret < 0)
		return FAIL(m, "reserve: %d", ret);
	/* All keys first. */
	for (i = 0; i < n; i++) {
		struct mblock *b = m->keys[key[i]];

		want[i] = 0;
		if (b) {
			want[i] = b->state == SEALED ? -EEXIST : -EBUSY;
			continue;
		}
		b = calloc(1, sizeof(*b));
		b->key = key[i];
		b->length = e[i].length;
		m->keys[key[i]] = b;
	}
	for (i = 0; i < n; i++) {
		struct mblock *b = m->keys[key[i]];
		__u64 bytes = page_up(e[i].length);

		if (!want[i]) {
			while (!want[i] && m->want.bytes + bytes > m->room)
				if (!evict_one(m))
					want[i] = -EDQUOT;
			if (want[i]) {
				m->want.rejected++;
				m->keys[key[i]] = NULL;
				free(b);
			}
		}
		if (e[i].status != want[i])
			return FAIL(m, "reserve key %u: %d, not %d", key[i],
				    e[i].status, want[i]);
		if (want[i])
			continue;
		if (e[i].nr_spans < 1 || e[i].nr_spans > 2)
			return FAIL(m, "reserve: %u spans", e[i].nr_spans);
		b->stamp = ++m->stamps * 0x100000001ULL + key[i];
		b->nr_spans = e[i].nr_spans;
		memcpy(b->span, &span[e[i].span_index],
		       b->nr_spans * sizeof(b->span[0]));
		m->want.bytes += bytes;
		m->want.pending++;
		f->reserved[f->nr_reserved].handle = e[i].handle;
		f->reserved[f->nr_reserved++].block = b;
		fill(f, b);
		done++;
	}
	return ret == (int)done ? true : FAIL(m, "reserve: %d done, not %u",
					      ret, done);
}

/* Takes @n handles out of a table at random. */
static unsigned int choose(struct model *m, struct mhandle *table,
			   unsigned int *nr, struct mhandle *out,
			   unsigned int n)
{
	unsigned int i, at;

	for (i = 0; i < n && *nr; i++) {
		at = below(m, *nr);
		out[i] = table[at];
		table[at] = table[--*nr];
	}
	return i;
}

static bool op_seal(struct model *m, struct mfile *f, unsigned int n)
{
	struct kvpool_handle_entry e[MOST_BATCH] = {};
	struct mhandle h[MOST_BATCH];
	unsigned int i, done = 0;
	int ret;

	n = choose(m, f->reserved, &f->nr_reserved, h, n);
	if (!n)
		return true;
	for (i = 0; i < n; i++) {
		e[i].handle = h[i].handle;
		if (!below(m, 8))
			e[i].flags = 1 + below(m, 2);
	}
	ret = below(m, 2) ? handles_by_ops(f, KVPOOL_OP_SEAL, e, n) :
			    kv_handle_batch(f->fd, KVPOOL_IOC_SEAL, e, n);
	if (ret < 0)
		return FAIL(m, "seal: %d", ret);
	for (i = 0; i < n; i++) {
		struct mblock *b = h[i].block;
		int want = 0;

		if (e[i].flags == KVPOOL_PIN_HARD &&
		    m->want.pinned_bytes + b->length > m->pin_quota)
			want = -EDQUOT;
		if (e[i].status != want)
			return FAIL(m, "seal: %d, not %d", e[i].status, want);
		if (want) {
			f->reserved[f->nr_reserved++] = h[i];
			h[i].block = NULL;
			continue;
		}
		done++;
		b->state = SEALED;
		b->pin = e[i].flags;
		m->want.pending--;
		m->want.blocks++;
		m->want.produced_blocks++;
		m->want.produced_bytes += b->length;
		if (b->pin == KVPOOL_PIN_HARD)
			m->want.pinned_bytes += b->length;
	}
	/* The head of the array is the youngest. */
	for (i = n; i-- > 0;)
		if (h[i].block && h[i].block->pin != KVPOOL_PIN_HARD)
			enqueue(m, h[i].block);
	return ret == (int)done ? true : FAIL(m, "seal: %d done", ret);
}

static void model_abort(struct model *m, struct mblock *b)
{
	m->keys[b->key] = NULL;
	m->want.pending--;
	m->want.aborted_blocks++;
	b->state = DEAD;
	forget(m, b);
}

static bool op_abort(struct model *m, struct mfile *f, unsigned int n)
{
	struct kvpool_handle_entry e[MOST_BATCH] = {};
	struct mhandle h[MOST_BATCH];
	unsigned int i;
	int ret;

	n = choose(m, f->reserved, &f->nr_reserved, h, n);
	if (!n)
		return true;
	for (i = 0; i < n; i++)
		e[i].handle = h[i].handle;
	ret = kv_handle_batch(f->fd, KVPOOL_IOC_ABORT, e, n);
	if (ret != (int)n)
		return FAIL(m, "abort: %d of %u", ret, n);
	for (i = 0; i < n; i++)
		model_abort(m, h[i].block);
	return true;
}

static bool op_lease(struct model *m, struct mfile *f, unsigned int n)
{
	struct kvpool_span span[2 * MOST_BATCH];
	struct kvpool_entry e[MOST_BATCH] = {};
	unsigned int key[MOST_BATCH], i, hits = 0;
	__u32 room = 2 * MOST_BATCH;
	bool prefix = below(m, 2), missed = false;
	int ret;

	if (f->nr_leased + n > (m->evict ? 6 : MOST_HANDLES / 2))
		return true;
	for (i = 0; i < n; i++)
		key[i] = any_key(m, &e[i]);
	if (!prefix && below(m, 2))
		ret = keys_by_ops(f, KVPOOL_OP_LEASE, e, n, span);
	else
		ret = kv_lookup_batch(f->fd, KVPOOL_IOC_LEASE,
				      prefix ? KVPOOL_LOOKUP_PREFIX : 0, e, n,
				      span, &room, 0);
	if (ret < 0)
		return FAIL(m, "lease: %d", ret);
	for (i = 0; i < n; i++) {
		struct mblock *b = m->keys[key[i]];
		int want = found(b, -EINPROGRESS);

		if (missed)
			want = -ECANCELED;
		m->want.lookups++;
		if (e[i].status != want)
			return FAIL(m, "lease key %u: %d, not %d", key[i],
				    e[i].status, want);
		if (want) {
			missed = prefix;
			continue;
		}
		if (e[i].length != b->length || e[i].nr_spans != b->nr_spans ||
		    memcmp(&span[e[i].span_index], b->span,
			   b->nr_spans * sizeof(b->span[0])))
			return FAIL(m, "lease key %u: other spans", key[i]);
		if (!intact(f, b))
			return FAIL(m, "lease key %u: wrong content", key[i]);
		hits++;
		b->leases++;
		m->want.leases++;
		m->want.hits++;
		m->want.local_hits++;
		m->want.local_bytes += b->length;
		m->want.consumed_bytes += b->length;
		f->leased[f->nr_leased].handle = e[i].handle;
		f->leased[f->nr_leased++].block = b;
	}
	return ret == (int)hits ? true : FAIL(m, "lease: %d hits, not %u", ret,
					      hits);
}

static void model_release(struct model *m, struct mblock *b)
{
	if (b->state == SEALED && b->pin != KVPOOL_PIN_HARD) {
		dequeue(m, b);
		enqueue(m, b);
	}
	b->leases--;
	m->want.leases--;
}

static bool op_release(struct model *m, struct mfile *f, unsigned int n)
{
	struct kvpool_handle_entry e[MOST_BATCH] = {};
	struct mhandle h[MOST_BATCH];
	unsigned int i;
	int ret;

	n = choose(m, f->leased, &f->nr_leased, h, n);
	if (!n)
		return true;
	for (i = 0; i < n; i++) {
		e[i].handle = h[i].handle;
		if (!intact(f, h[i].block))
			return FAIL(m, "release: content has changed");
	}
	ret = below(m, 2) ? handles_by_ops(f, KVPOOL_OP_RELEASE, e, n) :
	      kv_handle_batch(f->fd, KVPOOL_IOC_RELEASE, e, n);
	if (ret != (int)n)
		return FAIL(m, "release: %d of %u", ret, n);
	for (i = n; i-- > 0;)
		model_release(m, h[i].block);
	for (i = 0; i < n; i++) {
		unsigned int k;

		/* The same block may be in the array twice. */
		for (k = 0; k < i && h[k].block != h[i].block; k++)
			;
		if (k == i)
			forget(m, h[i].block);
	}
	return true;
}

static bool op_exists(struct model *m, struct mfile *f, unsigned int n)
{
	struct kvpool_entry e[MOST_BATCH] = {};
	unsigned int key[MOST_BATCH], i;
	int ret;

	for (i = 0; i < n; i++)
		key[i] = any_key(m, &e[i]);
	ret = kv_lookup_batch(f->fd, KVPOOL_IOC_EXISTS, 0, e, n, NULL, NULL, 0);
	if (ret < 0)
		return FAIL(m, "exists: %d", ret);
	for (i = 0; i < n; i++) {
		struct mblock *b = m->keys[key[i]];
		int want = found(b, -EINPROGRESS);

		m->want.probes++;
		m->want.probe_hits += !want;
		if (e[i].status != want || (!want && e[i].length != b->length))
			return FAIL(m, "exists key %u: %d, not %d", key[i],
				    e[i].status, want);
	}
	return true;
}

static bool op_remove(struct model *m, struct mfile *f, unsigned int n)
{
	struct kvpool_entry e[MOST_BATCH] = {};
	unsigned int key[MOST_BATCH], i;
	int ret;

	for (i = 0; i < n; i++)
		key[i] = any_key(m, &e[i]);
	ret = kv_key_batch(f->fd, KVPOOL_IOC_REMOVE, e, n);
	if (ret < 0)
		return FAIL(m, "remove: %d", ret);
	for (i = 0; i < n; i++) {
		struct mblock *b = m->keys[key[i]];
		int want = found(b, -EBUSY);

		if (e[i].status != want)
			return FAIL(m, "remove key %u: %d, not %d", key[i],
				    e[i].status, want);
		if (want)
			continue;
		unseal(m, b);
		m->want.removed_blocks++;
		forget(m, b);
	}
	return true;
}

static bool op_pin(struct model *m, struct mfile *f, unsigned int n)
{
	struct kvpool_entry e[MOST_BATCH] = {};
	unsigned int key[MOST_BATCH], i;
	int ret;

	for (i = 0; i < n; i++) {
		key[i] = any_key(m, &e[i]);
		e[i].flags = below(m, 3);
	}
	ret = kv_key_batch(f->fd, KVPOOL_IOC_PIN, e, n);
	if (ret < 0)
		return FAIL(m, "pin: %d", ret);
	for (i = 0; i < n; i++) {
		struct mblock *b = m->keys[key[i]];
		int want = found(b, -EBUSY);

		if (!want && b->pin != e[i].flags &&
		    e[i].flags == KVPOOL_PIN_HARD &&
		    m->want.pinned_bytes + b->length > m->pin_quota)
			want = -EDQUOT;
		if (e[i].status != want)
			return FAIL(m, "pin key %u: %d, not %d", key[i],
				    e[i].status, want);
		if (want || b->pin == e[i].flags)
			continue;
		if (b->pin == KVPOOL_PIN_HARD)
			m->want.pinned_bytes -= b->length;
		else
			dequeue(m, b);
		b->pin = e[i].flags;
		if (b->pin == KVPOOL_PIN_HARD)
			m->want.pinned_bytes += b->length;
		else
			enqueue(m, b);
	}
	return true;
}

/* Closes a file with all its handles, and opens another. */
static bool op_close(struct model *m, struct mfile *f)
{
	unsigned int i;

	/* The order in which the leases of a file end is not defined. */
	while (f->nr_leased)
		if (!op_release(m, f, 1))
			return false;
	for (i = 0; i < f->nr_reserved; i++)
		model_abort(m, f->reserved[i].block);
	kv_unmap(f->fd, f->map);
	close(f->fd);
	return open_file(m, f);
}

static bool op_stats(struct model *m, struct mfile *f)
{
	struct kvpool_stats st;
	int ret = kv_stats(f->fd, &st);

	if (ret)
		return FAIL(m, "stats: %d", ret);
#define SAME(member)							\
	do {								\
		if (st.member != m->want.member)			\
			return FAIL(m, #member ": %llu, not %llu",	\
				    (unsigned long long)st.member,	\
				    (unsigned long long)m->want.member); \
	} while (0)
	SAME(blocks);
	SAME(bytes);
	SAME(pinned_bytes);
	SAME(quarantined_bytes);
	SAME(pending);
	SAME(leases);
	SAME(lookups);
	SAME(hits);
	SAME(local_hits);
	SAME(local_bytes);
	SAME(peer_hits);
	SAME(probes);
	SAME(probe_hits);
	SAME(produced_blocks);
	SAME(produced_bytes);
	SAME(consumed_bytes);
	SAME(copied_bytes);
	SAME(evicted_blocks);
	SAME(evicted_bytes);
	SAME(removed_blocks);
	SAME(aborted_blocks);
	SAME(preempted_blocks);
	SAME(rejected);
#undef SAME
	if (st.bytes > st.arena_bytes || st.arena_bytes % KV_CHUNK)
		return FAIL(m, "arena_bytes: %llu",
			    (unsigned long long)st.arena_bytes);
	return true;
}

static bool one(struct model *m)
{
	struct mfile *f = &m->files[below(m, NR_FILES)];
	unsigned int n = 1 + below(m, m->evict ? 4 : MOST_BATCH);

	m->ops += n;
	switch (below(m, 100)) {
	case 0 ... 21:
		return op_reserve(m, f, n);
	case 22 ... 42:
		return op_seal(m, f, n);
	case 43 ... 46:
		return op_abort(m, f, n);
	case 47 ... 66:
		return op_lease(m, f, n);
	case 67 ... 86:
		return op_release(m, f, n);
	case 87 ... 90:
		return op_exists(m, f, n);
	case 91 ... 93:
		return op_remove(m, f, (n + 3) / 4);
	case 94 ... 97:
		return op_pin(m, f, n);
	case 98:
		return op_stats(m, f);
	default:
		return below(m, 10) ? true : op_close(m, f);
	}
}

FIXTURE(model) {
	struct kv_bench t;
};

FIXTURE_VARIANT(model) {
	bool evict;
	unsigned int nr_keys;
	unsigned int parts;	/* of the operations */
};

FIXTURE_VARIANT_ADD(model, all_fit) {
	.evict = false, .nr_keys = MOST_KEYS, .parts = 3,
};

FIXTURE_VARIANT_ADD(model, few_fit) {
	.evict = true, .nr_keys = 40, .parts = 1,
};

FIXTURE_SETUP(model)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
}

FIXTURE_TEARDOWN(model)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

TEST_F(model, random)
{
	unsigned long ops = kv_rounds("KVPOOL_MODEL_OPS", 1000000, 60000);
	unsigned long seed = kv_rounds("KVPOOL_MODEL_SEED", time(NULL),
				       time(NULL));
	struct model *m = calloc(1, sizeof(*m));
	unsigned int i;

	ASSERT_NE(NULL, m);
	TH_LOG("KVPOOL_MODEL_SEED=%lu", seed);
	ops = ops * variant->parts / 4;
	m->tenant = self->t.tenant;
	m->rand = kv_mix(seed) | 1;
	m->evict = variant->evict;
	m->nr_keys = variant->nr_keys;
	m->room = m->evict ? 24 * KV_CHUNK : ~0ULL;
	m->pin_quota = m->evict ? 4 * KV_CHUNK : 2 * KV_MB;
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "pin_quota_bytes",
				   m->pin_quota));
	if (m->evict) {
		ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
					   m->room));
	}
	for (i = 0; i < NR_FILES; i++)
		ASSERT_TRUE(open_file(m, &m->files[i]));
	while (m->ops < ops && one(m))
		;
	EXPECT_STREQ("", m->error)
		TH_LOG("after %llu operations", (unsigned long long)m->ops);
	EXPECT_TRUE(op_stats(m, &m->files[0])) TH_LOG("%s", m->error);
	if (!m->error[0] && m->evict) {
		EXPECT_GT(m->want.evicted_blocks, 0);
	}
	for (i = 0; i < NR_FILES; i++) {
		kv_unmap(m->files[i].fd, m->files[i].map);
		close(m->files[i].fd);
	}
	/* Hard pins would keep their blocks. */
	for (i = 0; i < m->nr_keys; i++)
		kv_remove(self->t.fd, i);
}

TEST_HARNESS_MAIN
