// SPDX-License-Identifier: GPL-2.0
/*
 * mmap: what a mapping of the arena allows and refuses.
 */
#include <sys/uio.h>

#include "kvpool_util.h"

FIXTURE(mmap) {
	struct kv_bench t;
	struct kv_block b;
	struct kvpool_info info;
	int ro;
};

FIXTURE_SETUP(mmap)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &self->b, 1, 65536));
	kv_fill(self->t.map, &self->b);
	ASSERT_EQ(0, kv_seal(self->t.fd, self->b.handle));
	ASSERT_EQ(0, kv_lease(self->t.fd, &self->b, 1));
	ASSERT_EQ(0, kv_info(self->t.fd, &self->info));
	self->ro = kv_open(self->t.tenant, O_RDONLY);
	ASSERT_GE(self->ro, 0);
}

FIXTURE_TEARDOWN(mmap)
{
	close(self->ro);
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

/* Maps and unmaps again: zero or a negative errno. */
static int try_map(int fd, size_t length, int prot, int flags, __u64 offset)
{
	long p = syscall(SYS_mmap, NULL, length, prot, flags, fd, offset);

	if (p == -1)
		return -errno;
	return munmap((void *)p, length) ? -errno : 0;
}

TEST_F(mmap, read_only_file)
{
	__u8 *map;

	EXPECT_EQ(-EACCES, try_map(self->ro, KV_PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED, 0));
	EXPECT_EQ(-EACCES, try_map(self->ro, KV_PAGE, PROT_WRITE, MAP_SHARED,
				   0));
	map = kv_map(self->ro, PROT_READ);
	ASSERT_NE(NULL, map);
	EXPECT_EQ(0, kv_check(map, &self->b));

	EXPECT_EQ(-1, mprotect(map, KV_CHUNK, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(map + self->b.span[0].offset, KV_PAGE,
			       PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(SIGSEGV, kv_touch(map + self->b.span[0].offset, true));
	EXPECT_EQ(0, kv_check(map, &self->b));
	EXPECT_EQ(0, kv_unmap(self->ro, map));

	/* A file for reading, mapped without any right. */
	map = kv_map(self->ro, PROT_NONE);
	ASSERT_NE(NULL, map);
	EXPECT_EQ(-1, mprotect(map, KV_PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, mprotect(map + self->b.span[0].offset, KV_PAGE,
			      PROT_READ));
	EXPECT_EQ(0, kv_touch(map + self->b.span[0].offset, false));
	EXPECT_EQ(0, kv_unmap(self->ro, map));
}

/* Nor by calls that bypass page protection. */
TEST_F(mmap, read_only_is_not_forced)
{
	__u64 word = 0x4141414141414141ULL;
	struct iovec local = { &word, sizeof(word) };
	struct iovec remote = { NULL, sizeof(word) };
	int mem, pipes[2];
	__u8 *map, *p;

	map = kv_map(self->ro, PROT_READ);
	ASSERT_NE(NULL, map);
	p = map + self->b.span[0].offset;
	ASSERT_EQ(0, kv_touch(p, false));

	mem = open("/proc/self/mem", O_RDWR);
	ASSERT_GE(mem, 0);
	EXPECT_EQ(-1, pwrite(mem, &word, sizeof(word), (off_t)(uintptr_t)p));
	close(mem);

	remote.iov_base = p;
	EXPECT_EQ(-1, process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
	EXPECT_EQ(EFAULT, errno);

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(8, write(pipes[1], &word, sizeof(word)));
	EXPECT_EQ(-1, read(pipes[0], p, sizeof(word)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, kv_check(map, &self->b));
	EXPECT_EQ(0, kv_unmap(self->ro, map));
}

TEST_F(mmap, private_and_exec)
{
	int ret;

	EXPECT_EQ(-EINVAL, try_map(self->t.fd, KV_PAGE, PROT_READ, MAP_PRIVATE,
				   0));
	EXPECT_EQ(-EINVAL, try_map(self->t.fd, KV_PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE, 0));
	EXPECT_EQ(-EINVAL, try_map(self->ro, KV_PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE, 0));
	ret = try_map(self->t.fd, KV_PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, 0);
	EXPECT_TRUE(ret == -EPERM || ret == -EINVAL || ret == -EACCES);
	ret = try_map(self->ro, KV_PAGE, PROT_EXEC, MAP_SHARED, 0);
	EXPECT_TRUE(ret == -EPERM || ret == -EINVAL || ret == -EACCES);
	EXPECT_EQ(-1, mprotect(self->t.map, KV_PAGE, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(mmap, range)
{
	const __u64 size = self->info.arena_size;
	int fd = self->t.fd;
	unsigned int i;

	EXPECT_EQ(0, try_map(fd, size, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(0, try_map(fd, KV_PAGE, PROT_READ, MAP_SHARED,
			     size - KV_PAGE));
	EXPECT_EQ(-EINVAL, try_map(fd, KV_PAGE, PROT_READ, MAP_SHARED, size));
	EXPECT_EQ(-EINVAL, try_map(fd, 2 * KV_PAGE, PROT_READ, MAP_SHARED,
				   size - KV_PAGE));
	EXPECT_EQ(-EINVAL, try_map(fd, size + KV_PAGE, PROT_READ, MAP_SHARED,
				   0));
	EXPECT_EQ(-EINVAL, try_map(fd, size, PROT_READ, MAP_SHARED, KV_PAGE));
	for (i = 45; i < 63; i++)
		if (1ULL << i >= size) {
			EXPECT_NE(0, try_map(fd, KV_PAGE, PROT_READ, MAP_SHARED,
					     1ULL << i));
		}
	/* The sum of offset and length wraps around. */
	EXPECT_NE(0, try_map(fd, KV_CHUNK, PROT_READ, MAP_SHARED,
			     0ULL - KV_PAGE));
	EXPECT_NE(0, try_map(fd, KV_CHUNK, PROT_READ, MAP_SHARED,
			     (1ULL << 63) - KV_PAGE));
	EXPECT_EQ(-EINVAL, try_map(fd, KV_PAGE, PROT_READ, MAP_SHARED, 8));
}

TEST_F(mmap, holes)
{
	const __u64 size = self->info.arena_size;
	struct kvpool_stats st;

	EXPECT_EQ(SIGBUS, kv_touch(self->t.map + size - 1, false));
	EXPECT_EQ(SIGBUS, kv_touch(self->t.map + size - 1, true));
	EXPECT_EQ(SIGBUS, kv_touch(self->t.map + size / 2, true));
	EXPECT_EQ(0, kv_touch(self->t.map + self->b.span[0].offset, false));
	/* An access allocates no memory. */
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(KV_CHUNK, st.arena_bytes);
	/* Neither does a system call. */
	EXPECT_EQ(-EFAULT, kv_call(self->t.fd, KVPOOL_IOC_STATS,
				   self->t.map + size / 2));
	EXPECT_EQ(-1, madvise(self->t.map + size / 2, KV_PAGE,
			      MADV_POPULATE_READ));
}

/* Memory that leaves the arena becomes a hole in existing mappings. */
TEST_F(mmap, memory_that_left)
{
	__u8 *p = self->t.map + self->b.span[0].offset;
	struct kvpool_stats st;
	__u8 *map;

	map = kv_map(self->ro, PROT_READ);
	ASSERT_NE(NULL, map);
	EXPECT_EQ(0, kv_touch(map + self->b.span[0].offset, false));
	EXPECT_EQ(0, kv_touch(p, true));

	/* Not while a block of it is leased. */
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 0));
	EXPECT_EQ(0, kv_touch(p, false));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(KV_CHUNK, st.arena_bytes);

	ASSERT_EQ(0, kv_release(self->t.fd, self->b.handle));
	ASSERT_EQ(0, kv_remove(self->t.fd, 1));
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 0));
	kv_wait_until(!kv_stats(self->t.fd, &st) && !st.arena_bytes);
	EXPECT_EQ(SIGBUS, kv_touch(p, false));
	EXPECT_EQ(SIGBUS, kv_touch(p, true));
	EXPECT_EQ(SIGBUS, kv_touch(map + self->b.span[0].offset, false));

	/* New memory appears in existing mappings. */
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", KV_LIMIT));
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 2, 65536));
	EXPECT_EQ(0, kv_consume(self->ro, map, 2));
	EXPECT_EQ(0, kv_unmap(self->ro, map));
}

TEST_F(mmap, remap)
{
	__u8 *p, *q, *to;

	p = mmap(NULL, 2 * KV_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		 self->t.fd, self->b.span[0].offset);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, memcmp(p, self->t.map + self->b.span[0].offset,
			    2 * KV_PAGE));

	/* A mapping can be moved and cannot grow. */
	q = mremap(p, 2 * KV_PAGE, 4 * KV_PAGE, MREMAP_MAYMOVE);
	EXPECT_EQ(MAP_FAILED, q);
	EXPECT_EQ(EFAULT, errno);
	to = mmap(NULL, 2 * KV_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		  0);
	ASSERT_NE(MAP_FAILED, to);
	q = mremap(p, 2 * KV_PAGE, 2 * KV_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   to);
	ASSERT_EQ(to, q);
	EXPECT_EQ(0, memcmp(q, self->t.map + self->b.span[0].offset,
			    2 * KV_PAGE));
	EXPECT_EQ(SIGSEGV, kv_touch(p, false));
	/* A mapping can shrink. */
	q = mremap(to, 2 * KV_PAGE, KV_PAGE, 0);
	EXPECT_EQ(to, q);
	EXPECT_EQ(SIGSEGV, kv_touch(to + KV_PAGE, false));
	EXPECT_EQ(0, munmap(to, KV_PAGE));

	/* A hole in the mapping does not change the rest. */
	EXPECT_EQ(0, munmap(self->t.map + self->b.span[0].offset + KV_PAGE,
			    KV_PAGE));
	EXPECT_EQ(0, kv_touch(self->t.map + self->b.span[0].offset, false));
	EXPECT_EQ(0, kv_touch(self->t.map + self->b.span[0].offset +
			      2 * KV_PAGE, false));
}

TEST_F(mmap, advice)
{
	__u8 *p = self->t.map + self->b.span[0].offset;

	/* madvise() drops mappings and no content. */
	madvise(p, 65536, MADV_DONTNEED);
	EXPECT_EQ(0, kv_check(self->t.map, &self->b));
	EXPECT_NE(0, madvise(p, KV_PAGE, MADV_REMOVE));
	EXPECT_EQ(0, kv_check(self->t.map, &self->b));
	EXPECT_NE(0, madvise(p, KV_PAGE, MADV_FREE));
	EXPECT_EQ(0, kv_check(self->t.map, &self->b));
	/* Without huge pages 6.12 never ends these calls for a large folio. */
	if (!access("/sys/kernel/mm/transparent_hugepage", F_OK)) {
		madvise(p, KV_PAGE, MADV_PAGEOUT);
		madvise(p, KV_PAGE, MADV_COLD);
	}
	EXPECT_EQ(0, kv_check(self->t.map, &self->b));
	EXPECT_EQ(0, madvise(p, 65536, MADV_POPULATE_WRITE));
	EXPECT_EQ(0, kv_check(self->t.map, &self->b));
	/* Core dumps leave the cache out. */
	EXPECT_NE(0, madvise(p, KV_PAGE, MADV_DODUMP));
}

TEST_F(mmap, fork)
{
	struct kv_block lease;
	pid_t pid;

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		__u8 *map;

		if (kv_touch(self->t.map + self->b.span[0].offset, false) !=
		    SIGSEGV)
			_exit(1);
		/* The child has the descriptor, with all its handles. */
		map = kv_map(self->t.fd, PROT_READ);
		if (!map || kv_check(map, &self->b))
			_exit(2);
		if (kv_release(self->t.fd, self->b.handle))
			_exit(3);
		if (kv_lease(self->t.fd, &lease, 1))
			_exit(4);
		_exit(0);
	}
	EXPECT_EQ(0, kv_reap(pid));
	EXPECT_EQ(0, kv_touch(self->t.map + self->b.span[0].offset, false));
	EXPECT_EQ(-ENOENT, kv_release(self->t.fd, self->b.handle));
}

/* Two mappings of two files are the same memory. */
TEST_F(mmap, coherent)
{
	int fd = kv_open(self->t.tenant, O_RDWR);
	struct kv_block b;
	__u8 *map, *second;

	ASSERT_GE(fd, 0);
	map = kv_map(fd, PROT_READ | PROT_WRITE);
	second = kv_map(self->t.fd, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_NE(NULL, second);
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 2, 8192));
	kv_fill(self->t.map, &b);
	EXPECT_EQ(0, kv_check(second, &b));
	EXPECT_EQ(0, kv_check(map, &b));
	second[b.span[0].offset + 5] = 0xaa;
	EXPECT_EQ(0xaa, self->t.map[b.span[0].offset + 5]);
	EXPECT_EQ(0xaa, map[b.span[0].offset + 5]);
	kv_unmap(self->t.fd, second);
	kv_unmap(fd, map);
	close(fd);
}

/* A mapping keeps its file open, with all its handles. */
TEST_F(mmap, outlives_the_descriptor)
{
	int fd = kv_open(self->t.tenant, O_RDWR);
	struct kvpool_stats st;
	struct kv_block b, c;
	__u8 *map;

	ASSERT_GE(fd, 0);
	map = kv_map(fd, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, kv_reserve(fd, &b, 2, 65536));
	ASSERT_EQ(0, kv_lease(fd, &c, 1));
	close(fd);
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(1, st.pending);
	EXPECT_EQ(2, st.leases);
	kv_fill(map, &b);
	EXPECT_EQ(0, kv_check(map, &b));
	EXPECT_EQ(-EINPROGRESS, kv_exists(self->t.fd, 2));

	EXPECT_EQ(0, munmap(map, self->info.arena_size));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.pending);
	EXPECT_EQ(1, st.leases);
	EXPECT_EQ(1, st.aborted_blocks);
	EXPECT_EQ(-ENOENT, kv_exists(self->t.fd, 2));
}

/* Threads map, unmap and fault while memory enters and leaves the arena. */

struct churn {
	int fd;
	__u64 limit;
	volatile bool stop;
};

static void *fault_thread(void *data)
{
	struct churn *c = data;
	__u64 seed = 0xfa17;

	while (!c->stop) {
		__u8 *map = kv_map(c->fd, PROT_READ | PROT_WRITE);
		int i;

		if (!map)
			return (void *)1;
		for (i = 0; i < 16; i++) {
			__u64 at = kv_rand(&seed) % (16 * KV_CHUNK);
			int fd = open("/dev/zero", O_RDONLY);

			/* Not by kv_touch(): signal handlers are shared. */
			if (read(fd, map + at, 1) < 0 && errno != EFAULT)
				c->stop = true;
			close(fd);
		}
		kv_unmap(c->fd, map);
	}
	return NULL;
}

TEST_F(mmap, faults_against_shrinking)
{
	unsigned long i, rounds = kv_rounds("KVPOOL_MMAP_ROUNDS", 15, 4);
	struct churn c = { .fd = self->t.fd };
	pthread_t thread;
	void *result;

	kv_release(self->t.fd, self->b.handle);
	ASSERT_EQ(0, pthread_create(&thread, NULL, fault_thread, &c));
	for (i = 0; i < rounds; i++)
		EXPECT_EQ(0, kv_grow_and_shrink(self->t.fd));
	EXPECT_FALSE(c.stop);
	c.stop = true;
	pthread_join(thread, &result);
	EXPECT_EQ(NULL, result);
}

TEST_HARNESS_MAIN
