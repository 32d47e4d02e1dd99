// SPDX-License-Identifier: GPL-2.0
/*
 * block: the life of a block, from reserve to remove, at every size, as the
 * owner and other files see it; batches, prefixes and spans.
 */
#include "kvpool_async.h"

static __u64 page_up(__u64 length)
{
	return (length + KV_PAGE - 1) & ~(KV_PAGE - 1);
}

static __u64 free_memory(void)
{
	char text[4096], *p;

	if (kv_read_file("/proc/meminfo", text, sizeof(text)))
		return 0;
	p = strstr(text, "MemAvailable:");
	return p ? strtoull(p + 13, NULL, 10) * 1024 : 0;
}

FIXTURE(size) {
	struct kv_bench t;
	int reader;
	__u8 *rmap;
};

FIXTURE_VARIANT(size) {
	__u64 length;
};

FIXTURE_VARIANT_ADD(size, page) { .length = 4096 };
FIXTURE_VARIANT_ADD(size, page_and_a_byte) { .length = 4097 };
FIXTURE_VARIANT_ADD(size, layer) { .length = 65536 };
FIXTURE_VARIANT_ADD(size, five_layers) { .length = 320 << 10 };
FIXTURE_VARIANT_ADD(size, odd) { .length = 643000 };
FIXTURE_VARIANT_ADD(size, chunk) { .length = KV_CHUNK };
FIXTURE_VARIANT_ADD(size, over_a_chunk) { .length = 3271557 };
FIXTURE_VARIANT_ADD(size, chunks) { .length = 8 * KV_MB };
FIXTURE_VARIANT_ADD(size, longest) { .length = KVPOOL_BLOCK_MAX };

FIXTURE_SETUP(size)
{
	if (free_memory() < variant->length * 3 / 2 + 128 * KV_MB)
		SKIP(return, "this machine's memory is too small");
	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes",
				KV_LIMIT + 32 * KV_MB));
	self->reader = kv_open(self->t.tenant, O_RDONLY);
	ASSERT_GE(self->reader, 0);
	self->rmap = kv_map(self->reader, PROT_READ);
	ASSERT_NE(NULL, self->rmap);
}

FIXTURE_TEARDOWN(size)
{
	if (self->rmap)
		kv_unmap(self->reader, self->rmap);
	close(self->reader);
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

TEST_F(size, life)
{
	struct kvpool_stats st;
	struct kv_block b, other, lease;
	__u64 total = 0;
	__u32 i;

	EXPECT_EQ(-ENOENT, kv_exists(self->reader, 1));
	EXPECT_EQ(-ENOENT, kv_lease(self->reader, &lease, 1));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 1, variant->length));
	EXPECT_EQ(variant->length, b.length);
	ASSERT_LE(b.nr_spans, KV_BLOCK_SPANS);
	for (i = 0; i < b.nr_spans; i++) {
		EXPECT_EQ(0, b.span[i].offset % KV_PAGE);
		EXPECT_GT(b.span[i].length, 0);
		if (i + 1 < b.nr_spans) {
			EXPECT_EQ(0, b.span[i].length % KV_PAGE);
		}
		total += b.span[i].length;
	}
	EXPECT_EQ(variant->length, total);

	/* Pending: the key can be neither leased nor reserved. */
	EXPECT_EQ(-EINPROGRESS, kv_exists(self->reader, 1));
	EXPECT_EQ(-EINPROGRESS, kv_lease(self->reader, &lease, 1));
	EXPECT_EQ(-EBUSY, kv_reserve(self->t.fd, &other, 1, variant->length));
	EXPECT_EQ(-EBUSY, kv_remove(self->t.fd, 1));
	EXPECT_EQ(-EBUSY, kv_pin(self->t.fd, 1, KVPOOL_PIN_SOFT));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(1, st.pending);
	EXPECT_EQ(0, st.blocks);
	EXPECT_EQ(page_up(variant->length), st.bytes);

	kv_fill(self->t.map, &b);
	ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
	EXPECT_EQ(-ENOENT, kv_seal(self->t.fd, b.handle));
	EXPECT_EQ(-ENOENT, kv_abort(self->t.fd, b.handle));

	/* Sealed: the key can be leased and not reserved. */
	EXPECT_EQ(0, kv_exists(self->reader, 1));
	EXPECT_EQ(-EEXIST, kv_reserve(self->t.fd, &other, 1, variant->length));
	EXPECT_EQ(-EEXIST, kv_reserve(self->t.fd, &other, 1, 4096));
	ASSERT_EQ(0, kv_lease(self->reader, &lease, 1));
	EXPECT_EQ(variant->length, lease.length);
	EXPECT_EQ(b.nr_spans, lease.nr_spans);
	EXPECT_EQ(0, memcmp(b.span, lease.span,
			    b.nr_spans * sizeof(b.span[0])));
	EXPECT_EQ(0, kv_check(self->rmap, &lease));
	ASSERT_EQ(0, kv_stats(self->reader, &st));
	EXPECT_EQ(1, st.blocks);
	EXPECT_EQ(1, st.leases);
	EXPECT_EQ(0, st.pending);
	EXPECT_EQ(1, st.produced_blocks);
	EXPECT_EQ(variant->length, st.produced_bytes);
	EXPECT_EQ(variant->length, st.consumed_bytes);
	EXPECT_EQ(0, st.copied_bytes);
	EXPECT_EQ(1, st.hits);
	EXPECT_EQ(3, st.lookups);

	/*
	 * Removed: the key is unknown, the bytes are readable through the
	 * lease.
	 */
	EXPECT_EQ(0, kv_remove(self->t.fd, 1));
	EXPECT_EQ(-ENOENT, kv_remove(self->t.fd, 1));
	EXPECT_EQ(-ENOENT, kv_exists(self->reader, 1));
	EXPECT_EQ(0, kv_check(self->rmap, &lease));
	ASSERT_EQ(0, kv_stats(self->reader, &st));
	EXPECT_EQ(0, st.blocks);
	EXPECT_EQ(1, st.removed_blocks);
	EXPECT_EQ(page_up(variant->length), st.bytes);

	EXPECT_EQ(0, kv_release(self->reader, lease.handle));
	EXPECT_EQ(-ENOENT, kv_release(self->reader, lease.handle));
	ASSERT_EQ(0, kv_stats(self->reader, &st));
	EXPECT_EQ(0, st.bytes);
	EXPECT_EQ(0, st.leases);
}

TEST_F(size, abort)
{
	struct kvpool_stats st;
	struct kv_block b;

	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 1, variant->length));
	EXPECT_EQ(0, kv_abort(self->t.fd, b.handle));
	EXPECT_EQ(-ENOENT, kv_abort(self->t.fd, b.handle));
	EXPECT_EQ(-ENOENT, kv_seal(self->t.fd, b.handle));
	EXPECT_EQ(-ENOENT, kv_exists(self->t.fd, 1));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.bytes);
	EXPECT_EQ(0, st.pending);
	EXPECT_EQ(1, st.aborted_blocks);
	EXPECT_EQ(0, st.produced_blocks);

	/* The key can be reserved like a new key. */
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, variant->length));
	EXPECT_EQ(0, kv_consume(self->reader, self->rmap, 1));
}

FIXTURE(block) {
	struct kv_bench t;
};

FIXTURE_SETUP(block)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
}

FIXTURE_TEARDOWN(block)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

/* A removed block that is still leased and its successor share nothing. */
TEST_F(block, remove_and_make_again)
{
	struct kv_block old, new;
	struct kvpool_stats st;

	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, 65536));
	ASSERT_EQ(0, kv_lease(self->t.fd, &old, 1));
	ASSERT_EQ(0, kv_remove(self->t.fd, 1));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &new, 1, 65536));
	EXPECT_NE(old.span[0].offset, new.span[0].offset);
	kv_fill_as(self->t.map, &new, 77);
	ASSERT_EQ(0, kv_seal(self->t.fd, new.handle));
	EXPECT_EQ(0, kv_check(self->t.map, &old));
	ASSERT_EQ(0, kv_lease(self->t.fd, &new, 1));
	EXPECT_EQ(0, kv_check_as(self->t.map, &new, 77));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(1, st.blocks);
	EXPECT_EQ(2 * 65536, st.bytes);
	EXPECT_EQ(0, kv_release(self->t.fd, old.handle));
	EXPECT_EQ(0, kv_check_as(self->t.map, &new, 77));
}

TEST_F(block, many_leases)
{
	struct kv_block lease[64];
	struct kvpool_stats st;
	int i;

	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, 4096));
	for (i = 0; i < 64; i++)
		ASSERT_EQ(0, kv_lease(self->t.fd, &lease[i], 1));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(64, st.leases);
	EXPECT_EQ(0, kv_remove(self->t.fd, 1));
	for (i = 0; i < 64; i++) {
		ASSERT_EQ(0, kv_stats(self->t.fd, &st));
		EXPECT_EQ(4096, st.bytes);
		EXPECT_EQ(0, kv_check(self->t.map, &lease[i]));
		EXPECT_EQ(0, kv_release(self->t.fd, lease[i].handle));
	}
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.bytes);
}

TEST_F(block, batch_with_every_answer)
{
	struct kvpool_entry e[4] = {};
	struct kvpool_span span[4];
	struct kv_block pending;
	__u32 room = 4;
	int i;

	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, 8192));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &pending, 2, 4096));
	for (i = 0; i < 4; i++) {
		kv_key(&e[i].key, 1 + i);
		e[i].length = 4096;
	}
	EXPECT_EQ(2, kv_reserve_batch(self->t.fd, e, 4, span, &room));
	EXPECT_EQ(2, room);
	EXPECT_EQ(-EEXIST, e[0].status);
	EXPECT_EQ(-EBUSY, e[1].status);
	EXPECT_EQ(0, e[2].status);
	EXPECT_EQ(0, e[3].status);
	EXPECT_EQ(0, e[0].handle);
	EXPECT_EQ(0, e[1].handle);
	EXPECT_EQ(0, e[2].span_index);
	EXPECT_EQ(1, e[3].span_index);

	memset(e, 0, sizeof(e));
	for (i = 0; i < 3; i++)
		kv_key(&e[i].key, 1 + i);
	kv_key(&e[3].key, 99);
	room = 4;
	EXPECT_EQ(1, kv_lookup_batch(self->t.fd, KVPOOL_IOC_LEASE, 0, e, 4,
				     span, &room, 0));
	EXPECT_EQ(0, e[0].status);
	EXPECT_EQ(8192, e[0].length);
	EXPECT_EQ(-EINPROGRESS, e[1].status);
	EXPECT_EQ(0, e[1].handle);
	EXPECT_EQ(-EINPROGRESS, e[2].status);
	EXPECT_EQ(-ENOENT, e[3].status);
	EXPECT_EQ(1, room);
	EXPECT_EQ(0, kv_release(self->t.fd, e[0].handle));
}

TEST_F(block, prefix)
{
	const unsigned long calls[] = { KVPOOL_IOC_LEASE, KVPOOL_IOC_EXISTS };
	struct kvpool_entry e[8];
	struct kvpool_stats st;
	unsigned int c, i;

	/* 1 to 4 and 6 are sealed, 5 is pending, 7 and 8 are unknown. */
	for (i = 1; i <= 6; i++) {
		struct kv_block b;

		ASSERT_EQ(0, kv_reserve(self->t.fd, &b, i, 4096));
		if (i != 5) {
			ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
		}
	}
	for (c = 0; c < ARRAY_SIZE(calls); c++) {
		memset(e, 0, sizeof(e));
		for (i = 0; i < 8; i++)
			kv_key(&e[i].key, i + 1);
		EXPECT_EQ(4, kv_lookup_batch(self->t.fd, calls[c],
					     KVPOOL_LOOKUP_PREFIX, e, 8, NULL,
					     NULL, 0));
		for (i = 0; i < 4; i++) {
			EXPECT_EQ(0, e[i].status);
			EXPECT_EQ(4096, e[i].length);
		}
		EXPECT_EQ(-EINPROGRESS, e[4].status);
		for (i = 5; i < 8; i++) {
			EXPECT_EQ(-ECANCELED, e[i].status);
			EXPECT_EQ(0, e[i].handle);
		}
		ASSERT_EQ(0, kv_stats(self->t.fd, &st));
		EXPECT_EQ(4, st.leases);
	}
	/* A prefix whose first key misses takes no lease. */
	memset(e, 0, sizeof(e));
	kv_key(&e[0].key, 50);
	kv_key(&e[1].key, 1);
	EXPECT_EQ(0, kv_lookup_batch(self->t.fd, KVPOOL_IOC_LEASE,
				     KVPOOL_LOOKUP_PREFIX, e, 2, NULL, NULL, 0));
	EXPECT_EQ(-ENOENT, e[0].status);
	EXPECT_EQ(-ECANCELED, e[1].status);
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(4, st.leases);
}

/* Spans that do not fit are not written, those of a block all or none. */
/*
 * The hit rate: an engine asks for four prefixes of 50 blocks, one of which is
 * there, and then asks for them again by operations.
 */
TEST_F(block, hit_rate)
{
	struct kvpool_lookup arg = {
		.size = sizeof(arg), .flags = KVPOOL_LOOKUP_PREFIX,
		.nr_entries = 50,
	};
	struct kvpool_completion c[50];
	struct kvpool_entry e[50];
	struct kvpool_op ops[50];
	struct kvpool_stats st;
	int i, p;

	for (i = 0; i < 50; i++)
		ASSERT_EQ(0, kv_produce_blank(self->t.fd, i, 4096));
	/* The second prefix misses behind its head, the others at once. */
	ASSERT_EQ(0, kv_reserve(self->t.fd, &(struct kv_block){}, 50, 4096));
	for (p = 0; p < 4; p++) {
		memset(e, 0, sizeof(e));
		for (i = 0; i < 50; i++)
			kv_key(&e[i].key, 50 * p + i);
		arg.entries = kv_ptr(e);
		arg.nr_hits = 0;
		EXPECT_EQ(0, kv_call(self->t.fd, KVPOOL_IOC_EXISTS, &arg));
		EXPECT_EQ(p ? 0 : 50, arg.nr_hits);
		memset(e, 0, sizeof(e));
		for (i = 0; i < 50; i++)
			kv_key(&e[i].key, 50 * p + i);
		arg.nr_hits = 0;
		EXPECT_EQ(0, kv_call(self->t.fd, KVPOOL_IOC_LEASE, &arg));
		EXPECT_EQ(p ? 0 : 50, arg.nr_hits);
	}
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(200, st.lookups);
	EXPECT_EQ(50, st.hits);
	EXPECT_EQ(50, st.local_hits);
	EXPECT_EQ(50 * 4096, st.local_bytes);
	EXPECT_EQ(0, st.peer_hits);
	EXPECT_EQ(200, st.probes);
	EXPECT_EQ(50, st.probe_hits);

	/* What the caller does not look up behind a miss counts too. */
	arg.nr_hits = 0;
	arg.nr_more = 100;
	memset(e, 0, sizeof(e));
	for (i = 0; i < 50; i++)
		kv_key(&e[i].key, 49 + i);
	EXPECT_EQ(0, kv_call(self->t.fd, KVPOOL_IOC_LEASE, &arg));
	EXPECT_EQ(1, arg.nr_hits);
	memset(e, 0, sizeof(e));
	for (i = 0; i < 50; i++)
		kv_key(&e[i].key, i);
	arg.nr_hits = 0;
	EXPECT_EQ(0, kv_call(self->t.fd, KVPOOL_IOC_LEASE, &arg));
	EXPECT_EQ(50, arg.nr_hits);
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(200 + 150 + 50, st.lookups);
	EXPECT_EQ(50 + 1 + 50, st.hits);

	for (i = 0; i < 50; i++)
		ops[i] = kv_op(i & 1 ? KVPOOL_OP_LEASE : KVPOOL_OP_PROBE, 0,
			       45 + i / 2, i);
	ASSERT_EQ(0, kv_submit_wait(self->t.fd, ops, 50, c));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(400 + 25, st.lookups);
	EXPECT_EQ(101 + 5, st.hits);
	EXPECT_EQ(200 + 25, st.probes);
	EXPECT_EQ(50 + 5, st.probe_hits);
}

TEST_F(block, span_room)
{
	struct kvpool_entry e[3] = {};
	struct kvpool_span span[16], again;
	struct kv_block b;
	__u32 room, n, i;

	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, 4096));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 2, 3 * KV_CHUNK));
	n = b.nr_spans;
	ASSERT_GE(n, 1);
	ASSERT_LE(n, 8);
	ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 3, 4096));

	for (room = 0; room <= n + 2; room++) {
		__u32 written = room, want = 0;

		memset(e, 0, sizeof(e));
		memset(span, 0xff, sizeof(span));
		for (i = 0; i < 3; i++)
			kv_key(&e[i].key, 1 + i);
		ASSERT_EQ(3, kv_lookup_batch(self->t.fd, KVPOOL_IOC_LEASE, 0, e,
					     3, room ? span : NULL, &written,
					     0));
		for (i = 0; i < 3; i++) {
			__u32 spans = i == 1 ? n : 1;

			EXPECT_EQ(spans, e[i].nr_spans);
			if (e[i].span_index == KVPOOL_SPAN_NONE) {
				EXPECT_GT(want + spans, room);
				continue;
			}
			EXPECT_EQ(want, e[i].span_index);
			want += spans;
		}
		EXPECT_EQ(want, written);
		EXPECT_LE(want, room);
		for (i = want; i < ARRAY_SIZE(span); i++)
			EXPECT_EQ(~0ULL, span[i].offset);

		/* KVPOOL_IOC_SPANS reads them later. */
		for (i = 0; i < n; i++) {
			EXPECT_EQ(n, kv_spans(self->t.fd, e[1].handle, &again,
					      1, i, &written));
			EXPECT_EQ(1, written);
			EXPECT_EQ(b.span[i].offset, again.offset);
			EXPECT_EQ(b.span[i].length, again.length);
		}
		EXPECT_EQ(-ERANGE, kv_spans(self->t.fd, e[1].handle, &again, 1,
					    n, NULL));
		for (i = 0; i < 3; i++)
			EXPECT_EQ(0, kv_release(self->t.fd, e[i].handle));
	}
}

/* The spans of a lease end with it. */
TEST_F(block, spans_need_a_live_handle)
{
	struct kvpool_span span;
	struct kv_block b;

	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 1, 4096));
	EXPECT_EQ(1, kv_spans(self->t.fd, b.handle, &span, 1, 0, NULL));
	ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
	EXPECT_EQ(-ENOENT, kv_spans(self->t.fd, b.handle, &span, 1, 0, NULL));
	ASSERT_EQ(0, kv_lease(self->t.fd, &b, 1));
	EXPECT_EQ(1, kv_spans(self->t.fd, b.handle, &span, 1, 0, NULL));
	ASSERT_EQ(0, kv_release(self->t.fd, b.handle));
	EXPECT_EQ(-ENOENT, kv_spans(self->t.fd, b.handle, &span, 1, 0, NULL));
}

/*
 * An arena in which every second page is free: a long block takes hundreds of
 * single pages, and does not change its neighbours.
 */
TEST_F(block, fragmented_arena)
{
	const unsigned int nr = 4 * KV_CHUNK / KV_PAGE;
	const unsigned int pages = nr / 2 - 8;
	struct kvpool_span *span = calloc(pages, sizeof(*span));
	__u64 *leases = calloc(nr, sizeof(*leases));
	__u64 length = pages * KV_PAGE - 100;
	struct kvpool_entry e = { .length = length };
	struct kvpool_span one;
	struct kvpool_stats st;
	struct kv_block b;
	__u64 sum = 0;
	__u32 written, i;
	int ret;

	ASSERT_NE(NULL, span);
	ASSERT_NE(NULL, leases);
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   4 * KV_CHUNK));
	for (i = 0; i < nr; i++)
		ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, i, KV_PAGE));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(4 * KV_CHUNK, st.arena_bytes);
	EXPECT_EQ(4 * KV_CHUNK, st.bytes);
	/* By address, not by number: free pages must not be adjacent. */
	for (i = 0; i < nr; i++) {
		ASSERT_EQ(0, kv_lease(self->t.fd, &b, i));
		if (b.span[0].offset / KV_PAGE % 2) {
			leases[i] = b.handle;
			continue;
		}
		ASSERT_EQ(0, kv_release(self->t.fd, b.handle));
		ASSERT_EQ(0, kv_remove(self->t.fd, i));
	}
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(2 * KV_CHUNK, st.bytes);

	kv_key(&e.key, 100000);
	ASSERT_EQ(1, kv_reserve_batch(self->t.fd, &e, 1, NULL, NULL));
	EXPECT_EQ(pages, e.nr_spans);
	EXPECT_EQ(KVPOOL_SPAN_NONE, e.span_index);
	EXPECT_EQ(pages, kv_spans(self->t.fd, e.handle, span, pages, 0,
				  &written));
	ASSERT_EQ(pages, written);
	for (i = 0; i < pages; i++) {
		sum += span[i].length;
		EXPECT_EQ(0, span[i].offset / KV_PAGE % 2);
		*(volatile __u64 *)(self->t.map + span[i].offset) =
			kv_word(100000, i);
		*(volatile __u8 *)(self->t.map + span[i].offset +
				   span[i].length - 1) = i;
	}
	EXPECT_EQ(length, sum);
	ASSERT_EQ(0, kv_seal(self->t.fd, e.handle));
	for (i = 0; i < nr; i++)
		if (leases[i]) {
			ret = kv_consume(self->t.fd, self->t.map, i);
			ASSERT_EQ(0, ret) TH_LOG("block %u", i);
		}
	e = (struct kvpool_entry) {};
	kv_key(&e.key, 100000);
	ASSERT_EQ(1, kv_lookup_batch(self->t.fd, KVPOOL_IOC_LEASE, 0, &e, 1,
				     NULL, NULL, 0));
	EXPECT_EQ(length, e.length);
	for (i = 0; i < pages; i++) {
		ASSERT_EQ(pages, kv_spans(self->t.fd, e.handle, &one, 1, i,
					  NULL));
		EXPECT_EQ(0, memcmp(&one, &span[i], sizeof(one)));
		EXPECT_EQ(kv_word(100000, i),
			  *(__u64 *)(self->t.map + one.offset));
		EXPECT_EQ((__u8)i, self->t.map[one.offset + one.length - 1]);
	}

	/* Eight pages are free, and all others are in use. */
	EXPECT_EQ(0, kv_reserve(self->t.fd, &b, 200000, 8 * KV_PAGE));
	EXPECT_EQ(8, b.nr_spans);
	EXPECT_EQ(-EDQUOT, kv_reserve(self->t.fd, &b, 200001, KV_PAGE));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(4 * KV_CHUNK, st.bytes);
	EXPECT_EQ(1, st.rejected);
	free(leases);
	free(span);
}

/* No page belongs to two blocks: sealed blocks keep their content. */
TEST_F(block, mixed_sizes_do_not_overlap)
{
	static const __u64 lengths[] = {
		4096, 643000, 65536, 3271557, 12288, 320 << 10, 2097152, 4097,
	};
	struct kvpool_stats st;
	__u64 bytes = 0;
	unsigned int i;

	for (i = 0; i < 64; i++) {
		__u64 length = lengths[i % ARRAY_SIZE(lengths)];

		ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, i, length));
		bytes += page_up(length);
		if (i % 3 == 2) {
			ASSERT_EQ(0, kv_remove(self->t.fd, i - 1));
			bytes -= page_up(lengths[(i - 1) % ARRAY_SIZE(lengths)]);
		}
	}
	for (i = 0; i < 64; i++)
		EXPECT_EQ(i % 3 == 1 && i < 63 ? -ENOENT : 0,
			  kv_consume(self->t.fd, self->t.map, i))
			TH_LOG("block %u", i);
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(bytes, st.bytes);
	EXPECT_EQ(64, st.produced_blocks);
	EXPECT_EQ(21, st.removed_blocks);
	EXPECT_EQ(43, st.blocks);
	EXPECT_EQ(43, st.hits);
	EXPECT_EQ(64, st.lookups);
	EXPECT_EQ(0, st.leases);
	EXPECT_LE(st.bytes, st.arena_bytes);
	EXPECT_EQ(0, st.arena_bytes % KV_CHUNK);
}

/* A knob limits the handles of a file. */
TEST_F(block, handle_limit)
{
	struct kvpool_entry e[8] = {};
	struct kv_block b;
	__u64 max;
	int i, fd;

	ASSERT_EQ(0, kv_sys_read_u64("max_handles", &max));
	ASSERT_EQ(0, kv_sys_set("max_handles", 5));
	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	for (i = 0; i < 8; i++) {
		kv_key(&e[i].key, i);
		e[i].length = 4096;
	}
	/* A call gets handles for all of its entries or for none. */
	EXPECT_EQ(0, kv_reserve_batch(fd, e, 8, NULL, NULL));
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(-EMFILE, e[i].status);
		EXPECT_EQ(-ENOENT, kv_exists(fd, i));
		e[i].status = 0;
	}
	EXPECT_EQ(5, kv_reserve_batch(fd, e, 5, NULL, NULL));
	EXPECT_EQ(-EMFILE, kv_reserve(fd, &b, 7, 4096));
	EXPECT_EQ(0, kv_seal(fd, e[0].handle));
	EXPECT_EQ(0, kv_lease(fd, &b, 0));
	EXPECT_EQ(-EMFILE, kv_lease(fd, &b, 0));
	EXPECT_EQ(0, kv_abort(fd, e[1].handle));
	EXPECT_EQ(0, kv_lease(fd, &b, 0));
	EXPECT_EQ(0, kv_sys_set("max_handles", max));
	close(fd);
}

TEST_HARNESS_MAIN
