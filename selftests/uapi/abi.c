// SPDX-License-Identifier: GPL-2.0
/*
 * abi: every member of every structure outside its range.  A call that is
 * refused gives a specific errno and changes nothing, which the statistics
 * show.
 */
#include <sys/resource.h>

#include "abi.h"

#define NR_ENTRIES	3

FIXTURE(abi) {
	struct kv_bench t;
	struct kvpool_stats before;
	struct kv_block reserved, leased;
};

FIXTURE_SETUP(abi)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
	/*
	 * A block that is sealed and leased, and a pending block: state that a
	 * call could change by mistake.
	 */
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, 65536));
	ASSERT_EQ(0, kv_lease(self->t.fd, &self->leased, 1));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &self->reserved, 2, 65536));
	ASSERT_EQ(0, kv_stats(self->t.fd, &self->before));
	ASSERT_EQ(1, self->before.blocks);
	ASSERT_EQ(1, self->before.pending);
	ASSERT_EQ(1, self->before.leases);
}

FIXTURE_TEARDOWN(abi)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

TEST_F(abi, unknown_ioctls)
{
	struct kvpool_info info = { .size = sizeof(info) };
	unsigned int nr;

	for (nr = 0x11; nr < 0x100; nr++)
		EXPECT_EQ(-ENOTTY, kv_call(self->t.fd,
					   _IO(KVPOOL_IOC_TYPE, nr), &info));
	/* The ioctl numbers carry neither a direction nor a size. */
	EXPECT_EQ(-ENOTTY, kv_call(self->t.fd,
				   _IOR(KVPOOL_IOC_TYPE, 0, struct kvpool_info),
				   &info));
	EXPECT_EQ(-ENOTTY, kv_call(self->t.fd,
				   _IOWR(KVPOOL_IOC_TYPE, 0, __u32), &info));
	EXPECT_EQ(-ENOTTY, kv_call(self->t.fd, _IO(KVPOOL_IOC_TYPE + 1, 0),
				   &info));
	EXPECT_EQ(-ENOTTY, kv_call(self->t.fd, _IO(0, 0), &info));
	EXPECT_TRUE(unchanged(self->t.fd, &self->before));
}

TEST_F(abi, info)
{
	struct kvpool_info good = { .size = sizeof(good) };
	const struct poke pokes[] = {
		POKE(kvpool_info, flags, 1, -EINVAL),
		POKE(kvpool_info, flags, 1U << 31, -EINVAL),
		POKE(kvpool_info, flags, ~0U, -EINVAL),
	};
	struct kvpool_info info;
	int ro;

	EXPECT_POKES(KVPOOL_IOC_INFO, good, pokes);
	EXPECT_EQ(0, check_size(self->t.fd, KVPOOL_IOC_INFO, &good,
				sizeof(good),
				sizeof(good)));
	info = good;
	EXPECT_EQ(0, check_longer(self->t.fd, KVPOOL_IOC_INFO, &info,
				  sizeof(info)));
	EXPECT_EQ(KVPOOL_ABI_VERSION, info.abi_version);
	EXPECT_EQ(KVPOOL_MAX_BATCH, info.max_batch);
	EXPECT_EQ(KVPOOL_BLOCK_MIN, info.block_min);
	EXPECT_EQ(KVPOOL_BLOCK_MAX, info.block_max);
	EXPECT_EQ(KV_CHUNK, info.chunk_size);
	EXPECT_GE(info.arena_size, info.block_max);
	EXPECT_EQ(0, info.arena_size % info.chunk_size);
	EXPECT_EQ(KVPOOL_FEATURE_MMAP_PIN | KVPOOL_FEATURE_PREEMPT |
		  KVPOOL_FEATURE_POLL | KVPOOL_FEATURE_RING |
		  KVPOOL_FEATURE_CHAIN,
		  info.features & ~(KVPOOL_FEATURE_FABRIC |
				    KVPOOL_FEATURE_URING));
	EXPECT_STREQ(self->t.tenant, (char *)info.tenant);
	EXPECT_EQ(KVPOOL_MODE_CONSUME | KVPOOL_MODE_PRODUCE, info.mode);

	ro = kv_open(NULL, O_RDONLY);
	ASSERT_GE(ro, 0);
	EXPECT_EQ(0, kv_info(ro, &info));
	EXPECT_EQ(KVPOOL_MODE_CONSUME, info.mode);
	EXPECT_STREQ("default", (char *)info.tenant);
	close(ro);
	EXPECT_TRUE(unchanged(self->t.fd, &self->before));
}

TEST_F(abi, open_tenant)
{
	struct kvpool_open_tenant good = { .size = sizeof(good) };
	const struct poke pokes[] = {
		POKE(kvpool_open_tenant, flags, 1, -EINVAL),
		POKE(kvpool_open_tenant, flags, 1U << 31, -EINVAL),
		POKE(kvpool_open_tenant, fd, 1, -EINVAL),
		POKE(kvpool_open_tenant, fd, -1, -EINVAL),
		POKE(kvpool_open_tenant, reserved, 1, -EINVAL),
	};
	struct kvpool_open_tenant arg;
	struct kvpool_info info;
	struct kv_block b;
	unsigned int i;
	int fd, next;

	strcpy((char *)good.tenant, self->t.tenant);
	fd = kv_open(NULL, O_RDWR);
	ASSERT_GE(fd, 0);
	next = dup(fd);
	close(next);
	for (i = 0; i < ARRAY_SIZE(pokes); i++)
		EXPECT_EQ(-EINVAL, call_poked(fd, KVPOOL_IOC_OPEN_TENANT, &good,
					      sizeof(good), &pokes[i]));
	arg = good;
	memset(arg.tenant, 'a', sizeof(arg.tenant));
	EXPECT_EQ(-EINVAL, kv_call(fd, KVPOOL_IOC_OPEN_TENANT, &arg));
	EXPECT_EQ(-ENOENT, kv_open_tenant(fd, "nobody_has_this_name"));
	EXPECT_EQ(-ENOENT, kv_open_tenant(fd, ""));
	EXPECT_EQ(-ENOENT, kv_open_tenant(fd, "../default"));
	EXPECT_EQ(0, kv_info(fd, &info));
	EXPECT_STREQ("default", (char *)info.tenant);

	/* Calls that failed have left no descriptor. */
	arg = good;
	EXPECT_EQ(0, kv_call(fd, KVPOOL_IOC_OPEN_TENANT, &arg));
	EXPECT_EQ(next, arg.fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(arg.fd, F_GETFD));
	EXPECT_EQ(0, kv_info(arg.fd, &info));
	EXPECT_STREQ(self->t.tenant, (char *)info.tenant);
	EXPECT_EQ(KVPOOL_MODE_CONSUME | KVPOOL_MODE_PRODUCE, info.mode);

	/* Both files are of use, and neither has the other's tenant. */
	EXPECT_EQ(0, kv_info(fd, &info));
	EXPECT_STREQ("default", (char *)info.tenant);
	ASSERT_EQ(0, kv_produce_blank(fd, 100, 4096));
	ASSERT_EQ(0, kv_produce_blank(arg.fd, 101, 4096));
	EXPECT_EQ(-ENOENT, kv_lease(fd, &b, 101));
	EXPECT_EQ(-ENOENT, kv_lease(arg.fd, &b, 100));
	EXPECT_EQ(0, kv_remove(fd, 100));
	EXPECT_EQ(0, kv_remove(arg.fd, 101));

	/* From any file of the device to any tenant. */
	next = kv_open_tenant(arg.fd, "default");
	ASSERT_GE(next, 0);
	EXPECT_EQ(0, kv_info(next, &info));
	EXPECT_STREQ("default", (char *)info.tenant);
	close(next);
	close(arg.fd);
	close(fd);
}

/* The new file has the mode and the flags of the old one, and its name. */
TEST_F(abi, open_tenant_mode)
{
	static const struct {
		int flags;
		__u32 mode;
	} modes[] = {
		{ O_RDONLY, KVPOOL_MODE_CONSUME },
		{ O_WRONLY, KVPOOL_MODE_PRODUCE },
		{ O_RDWR, KVPOOL_MODE_CONSUME | KVPOOL_MODE_PRODUCE },
		{ O_RDWR | O_NONBLOCK, KVPOOL_MODE_CONSUME |
				       KVPOOL_MODE_PRODUCE },
		{ O_ACCMODE, 0 },
	};
	char path[64], name[64] = "";
	struct stat old, new;
	struct kvpool_info info;
	unsigned int i;
	int fd, of;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		fd = open(KV_DEV, modes[i].flags);
		ASSERT_GE(fd, 0);
		of = kv_open_tenant(fd, self->t.tenant);
		ASSERT_GE(of, 0);
		EXPECT_EQ(0, kv_info(of, &info));
		EXPECT_EQ(modes[i].mode, info.mode);
		EXPECT_EQ(fcntl(fd, F_GETFL), fcntl(of, F_GETFL));
		ASSERT_EQ(0, fstat(fd, &old));
		ASSERT_EQ(0, fstat(of, &new));
		EXPECT_EQ(old.st_rdev, new.st_rdev);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", of);
		EXPECT_EQ(strlen(KV_DEV), readlink(path, name, sizeof(name)));
		EXPECT_EQ(0, strncmp(KV_DEV, name, strlen(KV_DEV)));
		close(of);
		close(fd);
	}
}

/* A process without room for one more file gets none, and loses none. */
TEST_F(abi, open_tenant_without_descriptors)
{
	struct kvpool_open_tenant arg = { .size = sizeof(arg) };
	struct rlimit limit, none;
	__u64 before, after;
	void *page;
	int next, fd = kv_open(NULL, O_RDWR);

	ASSERT_GE(fd, 0);
	next = dup(fd);
	close(next);
	strcpy((char *)arg.tenant, self->t.tenant);
	ASSERT_EQ(0, kv_tenant_read(self->t.tenant, "contexts", &before));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = next;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, kv_call(fd, KVPOOL_IOC_OPEN_TENANT, &arg));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(0, arg.fd);
	/* Nor one whose result cannot be written. */
	page = mmap(NULL, KV_PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, page);
	memcpy(page, &arg, sizeof(arg));
	ASSERT_EQ(0, mprotect(page, KV_PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, kv_call(fd, KVPOOL_IOC_OPEN_TENANT, page));
	munmap(page, KV_PAGE);
	EXPECT_EQ(next, dup(fd));
	ASSERT_EQ(0, kv_tenant_read(self->t.tenant, "contexts", &after));
	EXPECT_EQ(before, after);
	close(next);
	close(fd);
}

TEST_F(abi, reserve)
{
	struct kvpool_entry entries[NR_ENTRIES] = {};
	struct kvpool_span spans[8];
	struct kvpool_reserve good = {
		.size = sizeof(good),
		.nr_entries = NR_ENTRIES,
		.entries = kv_ptr(entries),
		.spans = kv_ptr(spans),
		.nr_spans = ARRAY_SIZE(spans),
		.node = KVPOOL_NODE_ANY,
	};
	const struct poke pokes[] = {
		ARRAY_POKES(kvpool_reserve),
		POKE(kvpool_reserve, flags, 4, -EINVAL),
		POKE(kvpool_reserve, flags, ~0U, -EINVAL),
		POKE(kvpool_reserve, flags, KVPOOL_RESERVE_STRICT_NODE, -EINVAL),
		POKE(kvpool_reserve, nr_entries, 0x80000001U, -EINVAL),
		POKE(kvpool_reserve, nr_spans, 0, -EINVAL),
		POKE(kvpool_reserve, spans, 0, -EINVAL),
		POKE(kvpool_reserve, node, -2, -EINVAL),
		POKE(kvpool_reserve, node, 4096, -EINVAL),
		POKE(kvpool_reserve, node, 0x7fffffff, -EINVAL),
		POKE(kvpool_reserve, node, 0x80000000U, -EINVAL),
		POKE(kvpool_reserve, nr_done, 1, -EINVAL),
		POKE(kvpool_reserve, parent.bytes[0], 1, -EINVAL),
		POKE(kvpool_reserve, parent.bytes[31], 1, -EINVAL),
		POKE(kvpool_reserve, position, 1, -EINVAL),
		POKE(kvpool_reserve, position, 1U << 31, -EINVAL),
		POKE(kvpool_reserve, reserved, 1, -EINVAL),
	};
	const struct poke entry_pokes[] = {
		POKE(kvpool_entry, length, 0, -EINVAL),
		POKE(kvpool_entry, length, KVPOOL_BLOCK_MIN - 1, -EINVAL),
		POKE(kvpool_entry, length, KVPOOL_BLOCK_MAX + 1, -EINVAL),
		POKE(kvpool_entry, length, 1ULL << 32, -EINVAL),
		POKE(kvpool_entry, length, 1ULL << 63, -EINVAL),
		POKE(kvpool_entry, length, ~0ULL, -EINVAL),
		POKE(kvpool_entry, handle, 1, -EINVAL),
		POKE(kvpool_entry, handle, 1ULL << 63, -EINVAL),
		POKE(kvpool_entry, status, 1, -EINVAL),
		POKE(kvpool_entry, status, -1, -EINVAL),
		POKE(kvpool_entry, span_index, 1, -EINVAL),
		POKE(kvpool_entry, nr_spans, 1, -EINVAL),
		POKE(kvpool_entry, flags, 1, -EINVAL),
		POKE(kvpool_entry, flags, 1U << 31, -EINVAL),
	};
	unsigned int i, at;

	for (i = 0; i < NR_ENTRIES; i++) {
		kv_key(&entries[i].key, 10 + i);
		entries[i].length = 4096;
	}
	EXPECT_POKES(KVPOOL_IOC_RESERVE, good, pokes);
	EXPECT_EQ(0, check_size(self->t.fd, KVPOOL_IOC_RESERVE, &good,
				sizeof(good),
				sizeof(good)));
	EXPECT_TRUE(unchanged(self->t.fd, &self->before));

	/* All entries are checked before the first is acted on. */
	for (at = 0; at < NR_ENTRIES; at += NR_ENTRIES - 1)
		for (i = 0; i < ARRAY_SIZE(entry_pokes); i++) {
			struct kvpool_entry saved = entries[at];

			apply(&entries[at], &entry_pokes[i]);
			EXPECT_EQ(entry_pokes[i].want,
				  kv_call(self->t.fd, KVPOOL_IOC_RESERVE, &good))
				TH_LOG("entry %u: %s", at, entry_pokes[i].what);
			entries[at] = saved;
			EXPECT_TRUE(unchanged(self->t.fd, &self->before));
		}

	/* The file still works. */
	EXPECT_EQ(0, check_longer(self->t.fd, KVPOOL_IOC_RESERVE, &good,
				  sizeof(good)));
	EXPECT_EQ(NR_ENTRIES, good.nr_done);
	for (i = 0; i < NR_ENTRIES; i++)
		EXPECT_EQ(0, entries[i].status);
}

TEST_F(abi, reserve_same_key_twice)
{
	struct kvpool_entry entries[2] = {};

	kv_key(&entries[0].key, 20);
	kv_key(&entries[1].key, 20);
	entries[0].length = 4096;
	entries[1].length = 4096;
	EXPECT_EQ(1, kv_reserve_batch(self->t.fd, entries, 2, NULL, NULL));
	EXPECT_EQ(0, entries[0].status);
	EXPECT_EQ(-EBUSY, entries[1].status);
	EXPECT_EQ(0, entries[1].handle);
}

static const unsigned long handle_calls[] = {
	KVPOOL_IOC_SEAL, KVPOOL_IOC_ABORT, KVPOOL_IOC_RELEASE,
};

TEST_F(abi, handles)
{
	struct kvpool_handle_entry entries[NR_ENTRIES] = {};
	struct kvpool_handles good = {
		.size = sizeof(good),
		.nr_entries = NR_ENTRIES,
		.entries = kv_ptr(entries),
	};
	const struct poke pokes[] = {
		ARRAY_POKES(kvpool_handles),
		POKE(kvpool_handles, flags, 1, -EINVAL),
		POKE(kvpool_handles, nr_done, 1, -EINVAL),
	};
	const struct poke entry_pokes[] = {
		POKE(kvpool_handle_entry, status, 1, -EINVAL),
		POKE(kvpool_handle_entry, status, -1, -EINVAL),
		POKE(kvpool_handle_entry, flags, 3, -EINVAL),
		POKE(kvpool_handle_entry, flags, 4, -EINVAL),
		POKE(kvpool_handle_entry, flags, 1U << 31, -EINVAL),
	};
	unsigned int c;

	for (c = 0; c < ARRAY_SIZE(handle_calls); c++) {
		unsigned long nr = handle_calls[c];

		/* The first entry is valid, the last is not. */
		entries[0].handle = nr == KVPOOL_IOC_RELEASE ?
				    self->leased.handle : self->reserved.handle;
		EXPECT_POKES(nr, good, pokes);
		EXPECT_EQ(0, check_size(self->t.fd, nr, &good, sizeof(good),
				sizeof(good)));
		EXPECT_ENTRY_POKES(nr, good, &entries[NR_ENTRIES - 1],
				   entry_pokes);
		if (nr != KVPOOL_IOC_SEAL) {
			entries[NR_ENTRIES - 1].flags = KVPOOL_PIN_SOFT;
			EXPECT_EQ(-EINVAL, kv_call(self->t.fd, nr, &good));
			entries[NR_ENTRIES - 1].flags = 0;
		}
		EXPECT_TRUE(unchanged(self->t.fd, &self->before));
	}
}

TEST_F(abi, wrong_handles)
{
	const __u64 wrong[] = {
		0, ~0ULL, 1ULL << 63, 0xdead00000000ULL, 0xffffffffULL,
		self->reserved.handle + 1000000,
		self->reserved.handle | 1ULL << 63,
		self->reserved.handle | 1ULL << 62,
		self->leased.handle ^ 1ULL << 61,
	};
	struct kvpool_span span;
	unsigned int c, i;
	int other;

	for (c = 0; c < ARRAY_SIZE(handle_calls); c++)
		for (i = 0; i < ARRAY_SIZE(wrong); i++)
			EXPECT_EQ(-ENOENT, kv_handle_call(self->t.fd,
							  handle_calls[c],
							  wrong[i], 0))
				TH_LOG("call %u, handle %u", c, i);
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_EQ(-ENOENT, kv_spans(self->t.fd, wrong[i], &span, 1, 0,
					    NULL));
	/* A handle of the other kind. */
	EXPECT_EQ(-ENOENT, kv_seal(self->t.fd, self->leased.handle));
	EXPECT_EQ(-ENOENT, kv_abort(self->t.fd, self->leased.handle));
	EXPECT_EQ(-ENOENT, kv_release(self->t.fd, self->reserved.handle));

	/* A handle of another file. */
	other = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(other, 0);
	EXPECT_EQ(-ENOENT, kv_seal(other, self->reserved.handle));
	EXPECT_EQ(-ENOENT, kv_abort(other, self->reserved.handle));
	EXPECT_EQ(-ENOENT, kv_release(other, self->leased.handle));
	EXPECT_EQ(-ENOENT, kv_spans(other, self->leased.handle, &span, 1, 0,
				    NULL));
	close(other);
	EXPECT_TRUE(unchanged(self->t.fd, &self->before));
}

TEST_F(abi, same_handle_twice)
{
	struct kvpool_handle_entry entries[2] = {};

	entries[0].handle = self->leased.handle;
	entries[1].handle = self->leased.handle;
	EXPECT_EQ(1, kv_handle_batch(self->t.fd, KVPOOL_IOC_RELEASE, entries,
				     2));
	EXPECT_EQ(0, entries[0].status);
	EXPECT_EQ(-ENOENT, entries[1].status);

	memset(entries, 0, sizeof(entries));
	entries[0].handle = self->reserved.handle;
	entries[1].handle = self->reserved.handle;
	EXPECT_EQ(1, kv_handle_batch(self->t.fd, KVPOOL_IOC_SEAL, entries, 2));
	EXPECT_EQ(0, entries[0].status);
	EXPECT_EQ(-ENOENT, entries[1].status);
	EXPECT_EQ(-ENOENT, kv_abort(self->t.fd, self->reserved.handle));
}

TEST_F(abi, handles_are_not_reused)
{
	struct kv_block b;
	__u64 first;
	int i;

	ASSERT_EQ(0, kv_lease(self->t.fd, &b, 1));
	first = b.handle;
	ASSERT_EQ(0, kv_release(self->t.fd, first));
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, kv_lease(self->t.fd, &b, 1));
		EXPECT_NE(first, b.handle);
		EXPECT_EQ(-ENOENT, kv_release(self->t.fd, first));
		ASSERT_EQ(0, kv_release(self->t.fd, b.handle));
	}
}

TEST_F(abi, lookup)
{
	struct kvpool_entry entries[NR_ENTRIES] = {};
	struct kvpool_span spans[8];
	struct kvpool_lookup good = {
		.size = sizeof(good),
		.nr_entries = NR_ENTRIES,
		.entries = kv_ptr(entries),
		.spans = kv_ptr(spans),
		.nr_spans = ARRAY_SIZE(spans),
	};
	const struct poke pokes[] = {
		ARRAY_POKES(kvpool_lookup),
		POKE(kvpool_lookup, flags, 8, -EINVAL),
		POKE(kvpool_lookup, flags, KVPOOL_LOOKUP_INTERRUPTIBLE, -EINVAL),
		POKE(kvpool_lookup, flags, ~0U, -EINVAL),
		POKE(kvpool_lookup, timeout_ns, 1, -EINVAL),
		POKE(kvpool_lookup, timeout_ns, ~0ULL, -EINVAL),
		POKE(kvpool_lookup, nr_hits, 1, -EINVAL),
		POKE(kvpool_lookup, nr_more, 1, -EINVAL),
	};
	const struct poke exists_pokes[] = {
		POKE(kvpool_lookup, flags, KVPOOL_LOOKUP_WAIT, -EINVAL),
		POKE(kvpool_lookup, spans, kv_ptr(spans), -EINVAL),
		POKE(kvpool_lookup, nr_spans, 1, -EINVAL),
	};
	const struct poke entry_pokes[] = {
		POKE(kvpool_entry, length, 4096, -EINVAL),
		POKE(kvpool_entry, handle, 1, -EINVAL),
		POKE(kvpool_entry, status, -2, -EINVAL),
		POKE(kvpool_entry, span_index, KVPOOL_SPAN_NONE, -EINVAL),
		POKE(kvpool_entry, nr_spans, 1, -EINVAL),
		POKE(kvpool_entry, flags, 1, -EINVAL),
		POKE(kvpool_entry, flags, 1U << 31, -EINVAL),
	};
	const unsigned long calls[] = { KVPOOL_IOC_LEASE, KVPOOL_IOC_EXISTS };
	unsigned int c;

	for (c = 0; c < ARRAY_SIZE(calls); c++) {
		if (calls[c] == KVPOOL_IOC_EXISTS) {
			good.spans = 0;
			good.nr_spans = 0;
			EXPECT_POKES(calls[c], good, exists_pokes);
		} else {
			const struct poke no_room[] = {
				POKE(kvpool_lookup, nr_spans, 0, -EINVAL),
				POKE(kvpool_lookup, spans, 0, -EINVAL),
			};

			EXPECT_POKES(calls[c], good, no_room);
		}
		kv_key(&entries[0].key, 1);
		EXPECT_POKES(calls[c], good, pokes);
		EXPECT_EQ(0, check_size(self->t.fd, calls[c], &good,
					sizeof(good),
				sizeof(good)));
		EXPECT_ENTRY_POKES(calls[c], good, &entries[NR_ENTRIES - 1],
				   entry_pokes);
		EXPECT_TRUE(unchanged(self->t.fd, &self->before));
	}
}

TEST_F(abi, keys)
{
	struct kvpool_entry entries[NR_ENTRIES] = {};
	struct kvpool_keys good = {
		.size = sizeof(good),
		.nr_entries = NR_ENTRIES,
		.entries = kv_ptr(entries),
	};
	const struct poke pokes[] = {
		ARRAY_POKES(kvpool_keys),
		POKE(kvpool_keys, flags, 1, -EINVAL),
		POKE(kvpool_keys, nr_done, 1, -EINVAL),
	};
	const struct poke entry_pokes[] = {
		POKE(kvpool_entry, length, 1, -EINVAL),
		POKE(kvpool_entry, handle, 1, -EINVAL),
		POKE(kvpool_entry, status, 1, -EINVAL),
		POKE(kvpool_entry, span_index, 1, -EINVAL),
		POKE(kvpool_entry, nr_spans, 1, -EINVAL),
		POKE(kvpool_entry, flags, 4, -EINVAL),
		POKE(kvpool_entry, flags, KVPOOL_PIN_SOFT | KVPOOL_PIN_HARD,
		     -EINVAL),
		POKE(kvpool_entry, flags, 1U << 31, -EINVAL),
	};
	const unsigned long calls[] = { KVPOOL_IOC_REMOVE, KVPOOL_IOC_PIN };
	unsigned int c;

	for (c = 0; c < ARRAY_SIZE(calls); c++) {
		kv_key(&entries[0].key, 1);
		EXPECT_POKES(calls[c], good, pokes);
		EXPECT_EQ(0, check_size(self->t.fd, calls[c], &good,
					sizeof(good),
				sizeof(good)));
		EXPECT_ENTRY_POKES(calls[c], good, &entries[NR_ENTRIES - 1],
				   entry_pokes);
		EXPECT_TRUE(unchanged(self->t.fd, &self->before));
	}
	entries[0].flags = KVPOOL_PIN_SOFT;
	EXPECT_EQ(-EINVAL, kv_call(self->t.fd, KVPOOL_IOC_REMOVE, &good));
	EXPECT_TRUE(unchanged(self->t.fd, &self->before));
}

TEST_F(abi, spans)
{
	struct kvpool_span span[4];
	struct kvpool_spans good = {
		.size = sizeof(good),
		.handle = self->reserved.handle,
		.spans = kv_ptr(span),
		.nr_spans = ARRAY_SIZE(span),
	};
	const struct poke pokes[] = {
		POKE(kvpool_spans, flags, 1, -EINVAL),
		POKE(kvpool_spans, flags, 1U << 31, -EINVAL),
		POKE(kvpool_spans, nr_spans, 65537, -EINVAL),
		POKE(kvpool_spans, nr_spans, ~0U, -EINVAL),
		POKE(kvpool_spans, total, 1, -EINVAL),
		POKE(kvpool_spans, reserved, 1, -EINVAL),
		POKE(kvpool_spans, handle, 0, -ENOENT),
		POKE(kvpool_spans, handle, ~0ULL, -ENOENT),
		POKE(kvpool_spans, first, 1, -ERANGE),
		POKE(kvpool_spans, first, ~0U, -ERANGE),
		POKE(kvpool_spans, spans, 0, -EINVAL),
		POKE(kvpool_spans, nr_spans, 0, -EINVAL),
	};

	ASSERT_EQ(1, self->reserved.nr_spans);
	EXPECT_POKES(KVPOOL_IOC_SPANS, good, pokes);
	EXPECT_EQ(0, check_size(self->t.fd, KVPOOL_IOC_SPANS, &good,
				sizeof(good),
				sizeof(good)));
	EXPECT_EQ(0, check_longer(self->t.fd, KVPOOL_IOC_SPANS, &good,
				  sizeof(good)));
	EXPECT_EQ(1, good.nr_spans);
	EXPECT_EQ(1, good.total);
	EXPECT_EQ(self->reserved.span[0].offset, span[0].offset);
	EXPECT_EQ(self->reserved.span[0].length, span[0].length);
	EXPECT_TRUE(unchanged(self->t.fd, &self->before));
}

TEST_F(abi, stats)
{
	struct kvpool_stats good = { .size = sizeof(good) };
	const struct poke pokes[] = {
		POKE(kvpool_stats, flags, 1, -EINVAL),
		POKE(kvpool_stats, flags, 1U << 31, -EINVAL),
	};

	EXPECT_POKES(KVPOOL_IOC_STATS, good, pokes);
	EXPECT_EQ(0, check_size(self->t.fd, KVPOOL_IOC_STATS, &good,
				sizeof(good), sizeof(good)));
	EXPECT_EQ(0, check_longer(self->t.fd, KVPOOL_IOC_STATS, &good,
				  sizeof(good)));
	EXPECT_EQ(1, good.blocks);
	EXPECT_EQ(1, good.pending);
	EXPECT_EQ(1, good.leases);
	EXPECT_EQ(2 * 65536, good.bytes);
}

/* The largest batch there is, and one entry more. */
TEST_F(abi, batch_limit)
{
	const __u32 n = KVPOOL_MAX_BATCH;
	struct kvpool_handle_entry *handles = calloc(n + 1, sizeof(*handles));
	struct kvpool_entry *entries = calloc(n + 1, sizeof(*entries));
	struct kvpool_span *spans = calloc(n, sizeof(*spans));
	__u32 i, room = n;

	ASSERT_NE(NULL, handles);
	ASSERT_NE(NULL, entries);
	ASSERT_NE(NULL, spans);
	for (i = 0; i <= n; i++) {
		kv_key(&entries[i].key, 5000 + i);
		entries[i].length = 4096;
	}
	EXPECT_EQ(-EINVAL, kv_reserve_batch(self->t.fd, entries, n + 1, spans,
					    &room));
	EXPECT_TRUE(unchanged(self->t.fd, &self->before));
	ASSERT_EQ(n, kv_reserve_batch(self->t.fd, entries, n, spans, &room));
	EXPECT_EQ(n, room);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(0, entries[i].status);
		EXPECT_EQ(i, entries[i].span_index);
		EXPECT_EQ(1, entries[i].nr_spans);
		handles[i].handle = entries[i].handle;
	}
	EXPECT_EQ(-EINVAL, kv_handle_batch(self->t.fd, KVPOOL_IOC_SEAL, handles,
					   n + 1));
	ASSERT_EQ(n, kv_handle_batch(self->t.fd, KVPOOL_IOC_SEAL, handles, n));
	memset(entries, 0, (n + 1) * sizeof(*entries));
	for (i = 0; i <= n; i++)
		kv_key(&entries[i].key, 5000 + i);
	EXPECT_EQ(-EINVAL, kv_key_batch(self->t.fd, KVPOOL_IOC_REMOVE, entries,
					n + 1));
	EXPECT_EQ(n, kv_key_batch(self->t.fd, KVPOOL_IOC_REMOVE, entries, n));
	free(spans);
	free(entries);
	free(handles);
}

/* read() and write() fail, and so does an unknown ioctl. */
TEST_F(abi, other_file_operations)
{
	char c = 0;

	EXPECT_EQ(-1, read(self->t.fd, &c, 1));
	EXPECT_EQ(-1, write(self->t.fd, &c, 1));
	EXPECT_EQ(-1, pread(self->t.fd, &c, 1, 0));
	EXPECT_EQ(-1, ftruncate(self->t.fd, 0));
	EXPECT_TRUE(unchanged(self->t.fd, &self->before));
}

TEST_HARNESS_MAIN
