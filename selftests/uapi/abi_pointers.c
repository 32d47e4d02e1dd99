// SPDX-License-Identifier: GPL-2.0
/*
 * abi_pointers: pointers that lead nowhere, into the kernel, to memory that
 * cannot be written, into each other, and to memory that changes during the
 * call.
 */
#include "kvpool_util.h"

static const __u64 nowhere[] = {
	0, 8, 4095,
	0x00007ffffffff000ULL,		/* the end of user space */
	0x0000800000000000ULL,		/* no address at all */
	0x8000000000000000ULL,
	0xffff888000001000ULL,		/* kernel: memory */
	0xffffffff81000000ULL,		/* kernel: text */
	0xfffffffffffff000ULL,
	0xfffffffffffffff8ULL,		/* wraps around */
};

FIXTURE(ptr) {
	struct kv_bench t;
	struct kvpool_stats before;
	struct kv_block reserved, leased;
	__u8 *edge;		/* the last byte of writable memory is edge[-1] */
	__u8 *ro;		/* a page that can be read and not written */
};

FIXTURE_SETUP(ptr)
{
	__u8 *p;

	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, 65536));
	ASSERT_EQ(0, kv_lease(self->t.fd, &self->leased, 1));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &self->reserved, 2, 65536));
	ASSERT_EQ(0, kv_stats(self->t.fd, &self->before));

	p = mmap(NULL, 3 * KV_PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	self->edge = p + KV_PAGE;
	ASSERT_EQ(0, munmap(self->edge, KV_PAGE));
	self->ro = p + 2 * KV_PAGE;
}

FIXTURE_TEARDOWN(ptr)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

static bool same(int fd, const struct kvpool_stats *before)
{
	struct kvpool_stats now;

	return !kv_stats(fd, &now) && kv_same_gauges(before, &now);
}

static void *read_only(void *page, const void *from, size_t size)
{
	mprotect(page, KV_PAGE, PROT_READ | PROT_WRITE);
	memcpy(page, from, size);
	mprotect(page, KV_PAGE, PROT_READ);
	return page;
}

TEST_F(ptr, argument)
{
	unsigned int nr, i;

	for (nr = 0; nr <= 0x0e; nr++) {
		for (i = 0; i < ARRAY_SIZE(nowhere); i++)
			EXPECT_EQ(-EFAULT,
				  kv_call(self->t.fd,
					  _IO(KVPOOL_IOC_TYPE, nr),
					  (void *)(uintptr_t)nowhere[i]))
				TH_LOG("ioctl %u, pointer %u", nr, i);
		/* The size can be read and the rest cannot. */
		*(__u32 *)(self->edge - 8) = 512;
		EXPECT_EQ(-EFAULT, kv_call(self->t.fd,
					   _IO(KVPOOL_IOC_TYPE, nr),
					   self->edge - 8));
		EXPECT_EQ(-EFAULT, kv_call(self->t.fd,
					   _IO(KVPOOL_IOC_TYPE, nr),
					   self->edge - 2));
	}
	EXPECT_TRUE(same(self->t.fd, &self->before));
}

/* A structure that claims to be longer than memory. */
TEST_F(ptr, endless_size)
{
	__u32 sizes[] = { 4097, 65536, 1U << 24, 0x7fffffff, ~0U };
	unsigned int nr, i;
	int ret;

	for (nr = 0; nr <= 0x0e; nr++)
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			memset(self->edge - 1024, 0, 1024);
			*(__u32 *)(self->edge - 1024) = sizes[i];
			ret = kv_call(self->t.fd, _IO(KVPOOL_IOC_TYPE, nr),
				      self->edge - 1024);
			EXPECT_TRUE(ret == -EFAULT || ret == -E2BIG)
				TH_LOG("ioctl %u, size %u: %d", nr, i, ret);
		}
	EXPECT_TRUE(same(self->t.fd, &self->before));
}

TEST_F(ptr, entries)
{
	struct kvpool_reserve reserve = {
		.size = sizeof(reserve), .nr_entries = 2,
		.node = KVPOOL_NODE_ANY,
	};
	struct kvpool_lookup lookup = {
		.size = sizeof(lookup), .nr_entries = 2,
	};
	struct kvpool_handles handles = {
		.size = sizeof(handles), .nr_entries = 2,
	};
	struct kvpool_keys keys = { .size = sizeof(keys), .nr_entries = 2 };
	struct {
		unsigned long nr;
		void *arg;
		__u64 *entries;
		size_t entry;
	} calls[] = {
		{ KVPOOL_IOC_RESERVE, &reserve, &reserve.entries, 64 },
		{ KVPOOL_IOC_LEASE, &lookup, &lookup.entries, 64 },
		{ KVPOOL_IOC_EXISTS, &lookup, &lookup.entries, 64 },
		{ KVPOOL_IOC_SEAL, &handles, &handles.entries, 16 },
		{ KVPOOL_IOC_ABORT, &handles, &handles.entries, 16 },
		{ KVPOOL_IOC_RELEASE, &handles, &handles.entries, 16 },
		{ KVPOOL_IOC_REMOVE, &keys, &keys.entries, 64 },
		{ KVPOOL_IOC_PIN, &keys, &keys.entries, 64 },
	};
	struct kvpool_handle_entry handle = { .handle = self->reserved.handle };
	struct kvpool_entry entry = { .length = 4096 };
	unsigned int c, i;

	kv_key(&entry.key, 10);
	for (c = 0; c < ARRAY_SIZE(calls); c++) {
		for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
			*calls[c].entries = nowhere[i];
			EXPECT_EQ(-EFAULT, kv_call(self->t.fd, calls[c].nr,
						   calls[c].arg))
				TH_LOG("call %u, pointer %u", c, i);
		}
		/* The first entry is fine, the second is not there. */
		if (calls[c].entry == sizeof(handle)) {
			handle.handle = calls[c].nr == KVPOOL_IOC_RELEASE ?
					self->leased.handle :
					self->reserved.handle;
			memcpy(self->edge - 16, &handle, 16);
		} else {
			kv_key(&entry.key,
			       calls[c].nr == KVPOOL_IOC_RESERVE ? 10 : 1);
			entry.length = calls[c].nr == KVPOOL_IOC_RESERVE ?
				       4096 : 0;
			memcpy(self->edge - 64, &entry, 64);
		}
		*calls[c].entries = kv_ptr(self->edge - calls[c].entry);
		EXPECT_EQ(-EFAULT, kv_call(self->t.fd, calls[c].nr,
					   calls[c].arg));
		EXPECT_TRUE(same(self->t.fd, &self->before))
			TH_LOG("call %u", c);
	}
}

static void ask_for_three(struct kvpool_entry *entries)
{
	int i;

	memset(entries, 0, 3 * sizeof(*entries));
	for (i = 0; i < 3; i++) {
		kv_key(&entries[i].key, 10 + i);
		entries[i].length = 20480;
	}
}

/* Results that cannot be written: leases and reservations are given back. */
TEST_F(ptr, reserve_undone)
{
	struct kvpool_entry entries[3];
	struct kvpool_span spans[3];
	struct kvpool_reserve arg = {
		.size = sizeof(arg),
		.nr_entries = 3,
		.entries = kv_ptr(entries),
		.spans = kv_ptr(spans),
		.nr_spans = 3,
		.node = KVPOOL_NODE_ANY,
	};
	unsigned int i;

	ask_for_three(entries);
	arg.entries = kv_ptr(read_only(self->ro, entries, sizeof(entries)));
	EXPECT_EQ(-EFAULT, kv_call(self->t.fd, KVPOOL_IOC_RESERVE, &arg));
	EXPECT_TRUE(same(self->t.fd, &self->before)) TH_LOG("entries");
	EXPECT_EQ(0, memcmp(self->ro, entries, sizeof(entries)));

	arg.entries = kv_ptr(entries);
	arg.spans = kv_ptr(read_only(self->ro, spans, sizeof(spans)));
	EXPECT_EQ(-EFAULT, kv_call(self->t.fd, KVPOOL_IOC_RESERVE, &arg));
	EXPECT_TRUE(same(self->t.fd, &self->before)) TH_LOG("spans");

	/* Only the last span does not fit. */
	ask_for_three(entries);
	arg.spans = kv_ptr(self->edge - 2 * sizeof(spans[0]));
	EXPECT_EQ(-EFAULT, kv_call(self->t.fd, KVPOOL_IOC_RESERVE, &arg));
	EXPECT_TRUE(same(self->t.fd, &self->before)) TH_LOG("last span");

	ask_for_three(entries);
	arg.spans = kv_ptr(spans);
	EXPECT_EQ(-EFAULT, kv_call(self->t.fd, KVPOOL_IOC_RESERVE,
				   read_only(self->ro, &arg, sizeof(arg))));
	EXPECT_TRUE(same(self->t.fd, &self->before)) TH_LOG("argument");

	for (i = 0; i < 3; i++)
		EXPECT_EQ(-ENOENT, kv_exists(self->t.fd, 10 + i));
}

TEST_F(ptr, lease_undone)
{
	struct kvpool_entry entries[2] = {};
	struct kvpool_span spans[2];
	struct kvpool_lookup arg = {
		.size = sizeof(arg),
		.nr_entries = 2,
		.entries = kv_ptr(entries),
		.spans = kv_ptr(spans),
		.nr_spans = 2,
	};
	unsigned int i;

	for (i = 0; i < 2; i++)
		kv_key(&entries[i].key, 1);
	arg.entries = kv_ptr(read_only(self->ro, entries, sizeof(entries)));
	EXPECT_EQ(-EFAULT, kv_call(self->t.fd, KVPOOL_IOC_LEASE, &arg));
	EXPECT_TRUE(same(self->t.fd, &self->before)) TH_LOG("entries");

	arg.entries = kv_ptr(entries);
	arg.spans = kv_ptr(self->edge - sizeof(spans[0]));
	EXPECT_EQ(-EFAULT, kv_call(self->t.fd, KVPOOL_IOC_LEASE, &arg));
	EXPECT_TRUE(same(self->t.fd, &self->before)) TH_LOG("spans");

	memset(entries, 0, sizeof(entries));
	for (i = 0; i < 2; i++)
		kv_key(&entries[i].key, 1);
	arg.spans = kv_ptr(spans);
	EXPECT_EQ(-EFAULT, kv_call(self->t.fd, KVPOOL_IOC_LEASE,
				   read_only(self->ro, &arg, sizeof(arg))));
	EXPECT_TRUE(same(self->t.fd, &self->before)) TH_LOG("argument");
	EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 1));
}

/* The effect of other calls stays, and they return -EFAULT. */
TEST_F(ptr, others_stay_done)
{
	struct kvpool_handle_entry handle = { .handle = self->reserved.handle };
	struct kvpool_entry entry = {};

	kv_fill(self->t.map, &self->reserved);
	EXPECT_EQ(-EFAULT, kv_handle_batch(self->t.fd, KVPOOL_IOC_SEAL,
					   read_only(self->ro, &handle,
						     sizeof(handle)), 1));
	EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 2));
	EXPECT_EQ(-ENOENT, kv_abort(self->t.fd, self->reserved.handle));

	kv_key(&entry.key, 2);
	EXPECT_EQ(-EFAULT, kv_key_batch(self->t.fd, KVPOOL_IOC_REMOVE,
					read_only(self->ro, &entry,
						  sizeof(entry)), 1));
	EXPECT_EQ(-ENOENT, kv_exists(self->t.fd, 2));

	handle.handle = self->leased.handle;
	EXPECT_EQ(-EFAULT, kv_handle_batch(self->t.fd, KVPOOL_IOC_RELEASE,
					   read_only(self->ro, &handle,
						     sizeof(handle)), 1));
	EXPECT_EQ(-ENOENT, kv_release(self->t.fd, self->leased.handle));
}

/* Pointers need no alignment; the arrays may be anywhere. */
TEST_F(ptr, misaligned)
{
	__u8 room[sizeof(struct kvpool_lookup) + sizeof(struct kvpool_entry) +
		  sizeof(struct kvpool_span) + 16];
	struct kvpool_lookup arg = {
		.size = sizeof(arg), .nr_entries = 1, .nr_spans = 1,
	};
	struct kvpool_entry entry = {};
	struct kvpool_span span;
	int ret;

	kv_key(&entry.key, 1);
	arg.entries = kv_ptr(room + sizeof(arg) + 1);
	arg.spans = kv_ptr(room + sizeof(arg) + sizeof(entry) + 3);
	memcpy(room + 1, &arg, sizeof(arg));
	memcpy(room + sizeof(arg) + 1, &entry, sizeof(entry));
	ret = kv_call(self->t.fd, KVPOOL_IOC_LEASE, room + 1);
	ASSERT_EQ(0, ret);
	memcpy(&entry, room + sizeof(arg) + 1, sizeof(entry));
	memcpy(&span, room + sizeof(arg) + sizeof(entry) + 3, sizeof(span));
	EXPECT_EQ(0, entry.status);
	EXPECT_EQ(self->leased.span[0].offset, span.offset);
	EXPECT_EQ(0, kv_release(self->t.fd, entry.handle));
}

/* Arrays on top of each other spoil the caller's results and nothing else. */
TEST_F(ptr, overlapping)
{
	union {
		struct kvpool_reserve reserve;
		struct kvpool_lookup lookup;
		struct kvpool_entry entries[4];
		struct kvpool_span spans[16];
		__u8 bytes[256];
	} u;
	struct kvpool_reserve reserve;
	struct kvpool_lookup lookup;
	int fd, shift, i;

	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	for (shift = 0; shift < 128; shift += 16) {
		/* Spans over the entries. */
		memset(&u, 0, sizeof(u));
		for (i = 0; i < 4; i++) {
			kv_key(&u.entries[i].key, 100 + shift + i);
			u.entries[i].length = 4096;
		}
		reserve = (struct kvpool_reserve) {
			.size = sizeof(reserve),
			.nr_entries = 4,
			.entries = kv_ptr(&u),
			.spans = kv_ptr(u.bytes + shift),
			.nr_spans = 4,
			.node = KVPOOL_NODE_ANY,
		};
		EXPECT_EQ(0, kv_call(fd, KVPOOL_IOC_RESERVE, &reserve));
		EXPECT_EQ(4, reserve.nr_done);

		memset(&u, 0, sizeof(u));
		for (i = 0; i < 4; i++)
			kv_key(&u.entries[i].key, 1);
		lookup = (struct kvpool_lookup) {
			.size = sizeof(lookup),
			.nr_entries = 4,
			.entries = kv_ptr(&u),
			.spans = kv_ptr(u.bytes + shift),
			.nr_spans = 4,
		};
		EXPECT_EQ(0, kv_call(fd, KVPOOL_IOC_LEASE, &lookup));
		EXPECT_EQ(4, lookup.nr_hits);

		/* The argument as its own array: any answer, no harm. */
		memset(&u, 0, sizeof(u));
		u.lookup.size = sizeof(u.lookup);
		u.lookup.nr_entries = 1;
		u.lookup.entries = kv_ptr(u.bytes + shift);
		u.lookup.spans = kv_ptr(&u);
		u.lookup.nr_spans = 4;
		kv_call(fd, KVPOOL_IOC_LEASE, &u);
		memset(&u, 0, sizeof(u));
		u.reserve.size = sizeof(u.reserve);
		u.reserve.nr_entries = 1;
		u.reserve.entries = kv_ptr(u.bytes + shift);
		u.reserve.spans = kv_ptr(&u);
		u.reserve.nr_spans = 4;
		u.reserve.node = KVPOOL_NODE_ANY;
		kv_call(fd, KVPOOL_IOC_RESERVE, &u);
	}
	close(fd);
	EXPECT_TRUE(same(self->t.fd, &self->before));
}

/* A batch whose array is the arena itself. */
TEST_F(ptr, arrays_in_the_arena)
{
	struct kvpool_entry *entries;
	struct kvpool_span *spans;
	struct kvpool_span first;
	__u32 room = 8;
	int i;

	entries = (void *)(self->t.map + self->reserved.span[0].offset);
	spans = (void *)(entries + 8);
	memset(entries, 0, 4096);
	for (i = 0; i < 8; i++) {
		kv_key(&entries[i].key, 50 + i);
		entries[i].length = 4096;
	}
	EXPECT_EQ(8, kv_reserve_batch(self->t.fd, entries, 8, spans, &room));
	EXPECT_EQ(8, room);
	first = spans[0];
	EXPECT_EQ(4096, first.length);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, kv_abort(self->t.fd, entries[i].handle));
	EXPECT_TRUE(same(self->t.fd, &self->before));
}

/* Threads that change the arguments while the calls read them. */

#define RACE_ENTRIES	8

struct race {
	struct kvpool_entry entries[RACE_ENTRIES];
	struct kvpool_span spans[RACE_ENTRIES];
	struct kvpool_handle_entry handles[RACE_ENTRIES];
	union {
		struct kvpool_reserve reserve;
		struct kvpool_lookup lookup;
		struct kvpool_handles handle;
		struct kvpool_keys keys;
		struct kvpool_spans span;
		__u8 bytes[64];
	} arg;
	volatile bool stop;
	int fd;
	unsigned long rounds;
};

static void *scribble(void *data)
{
	struct race *r = data;
	__u64 seed = 0x1234567;
	__u8 *p = (__u8 *)r;

	while (!r->stop) {
		__u64 x = kv_rand(&seed);
		size_t at = x % offsetof(struct race, stop);

		switch ((x >> 32) % 4) {
		case 0:
			p[at] = x >> 40;
			break;
		case 1:
			p[at] = 0;
			break;
		case 2:
			r->arg.bytes[at % 64] ^= 1U << (x >> 56) % 8;
			break;
		default:
			r->entries[at % RACE_ENTRIES].length = x >> 40;
			break;
		}
	}
	return NULL;
}

static void *call_all(void *data)
{
	struct race *r = data;
	__u64 seed = 0x7654321 + (uintptr_t)&seed;
	unsigned long n;

	for (n = 0; n < r->rounds; n++) {
		__u64 x = kv_rand(&seed);
		unsigned int i, nr = 2 + x % 9;

		for (i = 0; i < RACE_ENTRIES; i++) {
			struct kvpool_entry entry = {};

			kv_key(&entry.key, 200 + (x >> 8) % 64 + i);
			if (nr == 2)
				entry.length = 4096 << (x >> 16) % 6;
			r->entries[i] = entry;
			r->handles[i].handle = (x >> 20) % 4096 + i;
			r->handles[i].status = 0;
			r->handles[i].flags = 0;
		}
		memset(&r->arg, 0, sizeof(r->arg));
		r->arg.reserve.nr_entries = RACE_ENTRIES;
		r->arg.reserve.entries = kv_ptr(r->entries);
		switch (nr) {
		case 2:
			r->arg.reserve.size = sizeof(r->arg.reserve);
			r->arg.reserve.spans = kv_ptr(r->spans);
			r->arg.reserve.nr_spans = RACE_ENTRIES;
			r->arg.reserve.node = KVPOOL_NODE_ANY;
			break;
		case 5:
		case 7:
			r->arg.lookup.size = sizeof(r->arg.lookup);
			if (nr == 7)
				break;
			r->arg.lookup.spans = kv_ptr(r->spans);
			r->arg.lookup.nr_spans = RACE_ENTRIES;
			break;
		case 8:
		case 9:
			r->arg.keys.size = sizeof(r->arg.keys);
			break;
		case 10:
			memset(&r->arg, 0, sizeof(r->arg));
			r->arg.span.size = sizeof(r->arg.span);
			r->arg.span.handle = x >> 52;
			r->arg.span.spans = kv_ptr(r->spans);
			r->arg.span.nr_spans = RACE_ENTRIES;
			break;
		default:
			r->arg.handle.size = sizeof(r->arg.handle);
			r->arg.handle.entries = kv_ptr(r->handles);
			break;
		}
		/* A lease with a wait would wait for the whole timeout. */
		r->arg.lookup.flags &= ~KVPOOL_LOOKUP_WAIT;
		kv_call(r->fd, _IO(KVPOOL_IOC_TYPE, nr), &r->arg);
	}
	return NULL;
}

TEST_F(ptr, racing)
{
	struct race *r = calloc(1, sizeof(*r));
	pthread_t scribbler, callers[2];
	unsigned int i;

	ASSERT_NE(NULL, r);
	r->rounds = kv_rounds("KVPOOL_RACE_ROUNDS", 30000, 5000);
	r->fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(r->fd, 0);
	ASSERT_EQ(0, pthread_create(&scribbler, NULL, scribble, r));
	for (i = 0; i < ARRAY_SIZE(callers); i++)
		ASSERT_EQ(0, pthread_create(&callers[i], NULL, call_all, r));
	for (i = 0; i < ARRAY_SIZE(callers); i++)
		pthread_join(callers[i], NULL);
	r->stop = true;
	pthread_join(scribbler, NULL);
	close(r->fd);
	free(r);

	/*
	 * The file's end released its handles; its sealed blocks are dropped
	 * here.
	 */
	{
		struct kvpool_stats now;

		ASSERT_EQ(0, kv_stats(self->t.fd, &now));
		EXPECT_EQ(self->before.pending, now.pending);
		EXPECT_EQ(self->before.leases, now.leases);
		EXPECT_EQ(0, now.quarantined_bytes);
	}
	EXPECT_EQ(0, kv_release(self->t.fd, self->leased.handle));
	EXPECT_EQ(0, kv_abort(self->t.fd, self->reserved.handle));
	EXPECT_EQ(0, kv_tenant_drop(self->t.tenant));
	ASSERT_EQ(0, kv_stats(self->t.fd, &self->before));
	EXPECT_EQ(0, self->before.bytes);
	EXPECT_EQ(0, self->before.blocks);
	EXPECT_EQ(0, self->before.pinned_bytes);
}

TEST_HARNESS_MAIN
