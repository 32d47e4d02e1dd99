// SPDX-License-Identifier: GPL-2.0
/*
 * huge: chunks that are mapped by one entry, and what splits, moves and ends
 * such mappings. Mappings that cannot have such entries behave the same.
 */
#include <sys/prctl.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>

#include "kvpool_util.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC	(1 << 15)
#endif

#define NR		4	/* chunks of the block */
#define LENGTH		(NR * KV_CHUNK)

FIXTURE(huge) {
	struct kv_bench t;
	struct kv_block b;
	__u64 pmdmapped;	/* of the host, before */
};

static __u64 text_value(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? strtoull(p + strlen(name), NULL, 10) : ~0ULL;
}

/* KiB that smaps tells of the mapping that holds an address. */
static __u64 smaps(const void *p, const char *name)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	bool here = false;
	__u64 value = ~0ULL;
	char line[512];

	if (!file)
		return value;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = (unsigned long)p >= start &&
			       (unsigned long)p < end;
		else if (here && !strncmp(line, name, strlen(name)))
			value = strtoull(line + strlen(name), NULL, 10);
	}
	fclose(file);
	return value;
}

static __u64 by_pmd(const void *p)
{
	return smaps(p, "FilePmdMapped:") * 1024;
}

static __u64 resident(const void *p)
{
	return smaps(p, "Rss:") * 1024;
}

/* Chunks that the host counts as mapped by one entry. */
static __u64 host_by_pmd(void)
{
	static char text[32768];

	kv_write_file("/proc/sys/vm/stat_refresh", "1");
	if (kv_read_file("/proc/vmstat", text, sizeof(text)))
		return 0;
	return text_value(text, "nr_file_pmdmapped ");
}

FIXTURE_SETUP(huge)
{
	self->pmdmapped = host_by_pmd();
	ASSERT_EQ(0, kv_bench_start(&self->t));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &self->b, 1, LENGTH));
	/* The chunks of a new arena are its first ones. */
	ASSERT_LT(self->b.span[0].offset, LENGTH);
	kv_fill(self->t.map, &self->b);
	ASSERT_EQ(0, kv_seal(self->t.fd, self->b.handle));
	ASSERT_EQ(0, kv_lease(self->t.fd, &self->b, 1));
	ASSERT_EQ(0, madvise(self->t.map, LENGTH, MADV_DONTNEED));
	ASSERT_EQ(0, resident(self->t.map));
}

FIXTURE_TEARDOWN(huge)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
	EXPECT_EQ(self->pmdmapped, host_by_pmd());
}

/* Some address space in which the test places mappings. */
static __u8 *space(size_t length)
{
	__u8 *p = mmap(NULL, length + KV_CHUNK, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	return p + (-(uintptr_t)p & (KV_CHUNK - 1));
}

static __u8 *map_at(int fd, __u8 *at, size_t length, __u64 offset)
{
	__u8 *p = mmap(at, length, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, fd, offset);

	return p == MAP_FAILED ? NULL : p;
}

TEST_F(huge, one_entry)
{
	__u8 *map = self->t.map;

	EXPECT_EQ(0, (uintptr_t)map % KV_CHUNK);
	EXPECT_EQ(0, kv_touch(map + 5 * KV_PAGE, false));
	EXPECT_EQ(KV_CHUNK, by_pmd(map));
	EXPECT_EQ(KV_CHUNK, resident(map));
	EXPECT_EQ(0, kv_touch(map + 3 * KV_CHUNK + 9, true));
	EXPECT_EQ(2 * KV_CHUNK, by_pmd(map));
	EXPECT_EQ(0, madvise(map, LENGTH, MADV_POPULATE_WRITE));
	EXPECT_EQ(LENGTH, by_pmd(map));
	EXPECT_EQ(LENGTH, resident(map));
	/* Beyond the chunks there is nothing. */
	EXPECT_EQ(SIGBUS, kv_touch(map + LENGTH, false));
	EXPECT_EQ(SIGBUS, kv_touch(map + LENGTH + KV_CHUNK - 1, true));
}

/* What any program gets that asks for a part. */
TEST_F(huge, plain_mmap)
{
	static const struct {
		__u64 offset, length, by_pmd;
	} parts[] = {
		{ 0, KV_CHUNK, KV_CHUNK },
		{ KV_CHUNK, 3 * KV_CHUNK, 3 * KV_CHUNK },
		{ KV_PAGE, 2 * KV_CHUNK, KV_CHUNK },
		{ KV_CHUNK - KV_PAGE, 2 * KV_PAGE + KV_CHUNK, KV_CHUNK },
		{ 7 * KV_PAGE, KV_CHUNK, 0 },
		{ KV_CHUNK + KV_PAGE, KV_PAGE, 0 },
		{ 0, KV_CHUNK - KV_PAGE, 0 },
	};
	unsigned int i;
	__u64 at;
	__u8 *p;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		p = mmap(NULL, parts[i].length, PROT_READ, MAP_SHARED,
			 self->t.fd, parts[i].offset);
		ASSERT_NE(MAP_FAILED, p);
		for (at = 0; at < parts[i].length; at += KV_PAGE)
			if (memcmp(p + at, self->t.map + parts[i].offset + at,
				   64))
				break;
		EXPECT_EQ(parts[i].length, at);
		EXPECT_EQ(parts[i].by_pmd, by_pmd(p));
		EXPECT_EQ(parts[i].length, resident(p));
		EXPECT_EQ(0, munmap(p, parts[i].length));
	}
	/* Populated when it is made, and locked, which it cannot be. */
	p = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED |
		 MAP_POPULATE | MAP_LOCKED, self->t.fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(LENGTH, by_pmd(p));
	EXPECT_EQ(0, smaps(p, "Locked:"));
	EXPECT_EQ(0, mlock(p, KV_PAGE));
	EXPECT_EQ(0, smaps(p, "Locked:"));
	EXPECT_EQ(0, munmap(p, LENGTH));
}

/* One touch maps a chunk where one entry is impossible, too. */
TEST_F(huge, unaligned)
{
	__u8 *at = space(LENGTH + KV_CHUNK), *p;

	ASSERT_NE(NULL, at);
	p = map_at(self->t.fd, at + KV_PAGE, LENGTH, 0);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(0, kv_touch(p + KV_CHUNK + 77 * KV_PAGE, false));
	EXPECT_EQ(KV_CHUNK, resident(p));
	EXPECT_EQ(0, by_pmd(p));
	/* A hole in what is mapped already. */
	EXPECT_EQ(0, madvise(p + KV_CHUNK + 100 * KV_PAGE, 3 * KV_PAGE,
			     MADV_DONTNEED));
	EXPECT_EQ(KV_CHUNK - 3 * KV_PAGE, resident(p));
	EXPECT_EQ(0, kv_touch(p + KV_CHUNK + 101 * KV_PAGE, true));
	EXPECT_EQ(KV_CHUNK, resident(p));
	EXPECT_EQ(0, kv_check(p, &self->b) && 0);
	EXPECT_EQ(LENGTH, (madvise(p, LENGTH, MADV_POPULATE_READ),
			   resident(p)));
	/* The touch above has changed one byte of both. */
	EXPECT_EQ(0, memcmp(p, self->t.map, LENGTH));
	EXPECT_EQ(0, munmap(at, LENGTH + KV_CHUNK));
}

TEST_F(huge, no_huge_pages_for_a_process)
{
	__u8 *p;

	ASSERT_EQ(0, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, self->t.fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, kv_touch(p + KV_CHUNK, false));
	EXPECT_EQ(0, by_pmd(p));
	EXPECT_EQ(KV_CHUNK, resident(p));
	EXPECT_EQ(0, prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	/* The mapping keeps its kind. */
	EXPECT_EQ(0, kv_check(p, &self->b));
	EXPECT_EQ(0, by_pmd(p));
	EXPECT_EQ(0, munmap(p, LENGTH));
	EXPECT_EQ(0, kv_check(self->t.map, &self->b));
	EXPECT_EQ(LENGTH, by_pmd(self->t.map));
}

TEST_F(huge, part_unmapped)
{
	__u8 *map = self->t.map;
	unsigned int i;

	EXPECT_EQ(0, kv_check(map, &self->b));
	EXPECT_EQ(LENGTH, by_pmd(map));
	EXPECT_EQ(0, munmap(map + KV_CHUNK + 8 * KV_PAGE, KV_PAGE));
	EXPECT_EQ(KV_CHUNK, by_pmd(map));
	EXPECT_EQ(2 * KV_CHUNK, by_pmd(map + 2 * KV_CHUNK));
	EXPECT_EQ(SIGSEGV, kv_touch(map + KV_CHUNK + 8 * KV_PAGE, false));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, kv_touch(map + KV_CHUNK + i * KV_PAGE, false));
	EXPECT_EQ(KV_CHUNK + 8 * KV_PAGE, resident(map));
	EXPECT_EQ(0, kv_touch(map + KV_CHUNK + 9 * KV_PAGE, true));
	EXPECT_EQ(0, kv_touch(map + 2 * KV_CHUNK - 1, true));
	/* The hole is filled by a mapping of its own. */
	ASSERT_NE(NULL, map_at(self->t.fd, map + KV_CHUNK + 8 * KV_PAGE,
			       KV_PAGE, KV_CHUNK + 8 * KV_PAGE));
	EXPECT_EQ(0, kv_touch(map + KV_CHUNK + 8 * KV_PAGE, false));
}

TEST_F(huge, part_protected)
{
	__u8 *map = self->t.map, *p = map + KV_CHUNK + 3 * KV_PAGE;

	EXPECT_EQ(0, kv_check(map, &self->b));
	EXPECT_EQ(0, mprotect(p, KV_PAGE, PROT_READ));
	EXPECT_EQ(0, kv_touch(p, false));
	EXPECT_EQ(SIGSEGV, kv_touch(p, true));
	EXPECT_EQ(0, kv_check(map, &self->b));
	EXPECT_EQ(KV_CHUNK, by_pmd(map));
	EXPECT_EQ(0, mprotect(p, KV_PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, kv_touch(p + 8, true));
	p[8] = kv_word(1, KV_CHUNK + 3 * KV_PAGE + 8);
	EXPECT_EQ(0, kv_check(map, &self->b));

	/* All of a chunk keeps its entry. */
	p = map + 2 * KV_CHUNK;
	EXPECT_EQ(0, mprotect(p, KV_CHUNK, PROT_READ));
	EXPECT_EQ(KV_CHUNK, by_pmd(p));
	EXPECT_EQ(SIGSEGV, kv_touch(p, true));
	EXPECT_EQ(0, mprotect(p, KV_CHUNK, PROT_NONE));
	EXPECT_EQ(SIGSEGV, kv_touch(p, false));
	EXPECT_EQ(0, mprotect(p, KV_CHUNK, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, kv_check(map, &self->b));
	EXPECT_EQ(KV_CHUNK, by_pmd(p));
}

TEST_F(huge, moved)
{
	__u8 *at = space(4 * LENGTH), *map, *p;

	ASSERT_NE(NULL, at);
	map = map_at(self->t.fd, at, LENGTH, 0);
	ASSERT_NE(NULL, map);
	EXPECT_EQ(0, kv_check(map, &self->b));
	EXPECT_EQ(LENGTH, by_pmd(map));

	/* A page in the middle, then a chunk, then to where none fits. */
	p = mremap(map + 9 * KV_PAGE, KV_PAGE, KV_PAGE,
		   MREMAP_MAYMOVE | MREMAP_FIXED, at + 2 * LENGTH);
	ASSERT_EQ(at + 2 * LENGTH, p);
	EXPECT_EQ(0, memcmp(p, self->t.map + 9 * KV_PAGE, KV_PAGE));
	EXPECT_EQ(0, memcmp(map, self->t.map, 9 * KV_PAGE));
	EXPECT_EQ(0, memcmp(map + 10 * KV_PAGE, self->t.map + 10 * KV_PAGE,
			    LENGTH - 10 * KV_PAGE));
	p = mremap(map + KV_CHUNK, KV_CHUNK, KV_CHUNK,
		   MREMAP_MAYMOVE | MREMAP_FIXED, at + 3 * LENGTH);
	ASSERT_EQ(at + 3 * LENGTH, p);
	EXPECT_EQ(0, memcmp(p, self->t.map + KV_CHUNK, KV_CHUNK));
	EXPECT_EQ(KV_CHUNK, by_pmd(p));
	p = mremap(map + 2 * KV_CHUNK, 2 * KV_CHUNK, 2 * KV_CHUNK,
		   MREMAP_MAYMOVE | MREMAP_FIXED, at + LENGTH + KV_PAGE);
	ASSERT_EQ(at + LENGTH + KV_PAGE, p);
	EXPECT_EQ(0, memcmp(p, self->t.map + 2 * KV_CHUNK, 2 * KV_CHUNK));
	EXPECT_EQ(0, by_pmd(p));
	EXPECT_EQ(MAP_FAILED, mremap(p, 2 * KV_CHUNK, 3 * KV_CHUNK,
				     MREMAP_MAYMOVE));
	EXPECT_EQ(p, mremap(p, 2 * KV_CHUNK, KV_PAGE, 0));
	EXPECT_EQ(0, memcmp(p, self->t.map + 2 * KV_CHUNK, KV_PAGE));

	/* A mapping of small pages that comes to an aligned address. */
	p = map_at(self->t.fd, at + LENGTH + KV_PAGE, KV_CHUNK, 0);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(0, kv_touch(p + 5, false));
	p = mremap(p, KV_CHUNK, KV_CHUNK, MREMAP_MAYMOVE | MREMAP_FIXED,
		   at + 2 * LENGTH);
	ASSERT_EQ(at + 2 * LENGTH, p);
	EXPECT_EQ(0, madvise(p, KV_CHUNK, MADV_DONTNEED));
	EXPECT_EQ(0, memcmp(p, self->t.map, KV_CHUNK));
	EXPECT_EQ(0, by_pmd(p));
	EXPECT_EQ(0, munmap(at, 4 * LENGTH));
}

/* Advice drops entries, at most, and no content. */
TEST_F(huge, advice)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_REMOVE,
		MADV_COLLAPSE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE,
		MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_WILLNEED,
		MADV_DOFORK, MADV_WIPEONFORK, MADV_DODUMP, MADV_SOFT_OFFLINE,
	};
	unsigned long nodes = 1;
	__u8 *map = self->t.map;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		EXPECT_EQ(0, kv_check(map, &self->b));
		/* A part of a chunk, a chunk, and more than two. */
		madvise(map + 3 * KV_PAGE, KV_PAGE, advices[i]);
		EXPECT_EQ(0, kv_check(map, &self->b));
		madvise(map + KV_CHUNK, KV_CHUNK, advices[i]);
		EXPECT_EQ(0, kv_check(map, &self->b));
		madvise(map + KV_CHUNK - KV_PAGE, 2 * KV_CHUNK + 2 * KV_PAGE,
			advices[i]);
		if (kv_check(map, &self->b))
			TH_LOG("advice %d", advices[i]);
		EXPECT_EQ(0, kv_check(map, &self->b));
		if (advices[i] == MADV_NOHUGEPAGE) {
			madvise(map, LENGTH, MADV_NOHUGEPAGE);
			madvise(map, LENGTH, MADV_DONTNEED);
			EXPECT_EQ(0, kv_check(map, &self->b));
		}
		madvise(map, LENGTH, MADV_HUGEPAGE);
		madvise(map, LENGTH, MADV_DONTNEED);
	}
	syscall(SYS_mbind, map, LENGTH, MPOL_BIND, &nodes, 8, MPOL_MF_MOVE);
	EXPECT_EQ(0, kv_check(map, &self->b));
	/* A process that has split its mapping still lets chunks go. */
	EXPECT_EQ(0, kv_release(self->t.fd, self->b.handle));
}

/* Of processes that share chunks, each has its own entries. */
TEST_F(huge, two_processes)
{
	int go[2], done[2];
	char c;
	pid_t pid;

	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, pipe(done));
	EXPECT_EQ(0, kv_check(self->t.map, &self->b));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		int fd = kv_open(self->t.tenant, O_RDWR);
		__u8 *map;

		/* Mappings are not inherited. */
		if (kv_touch(self->t.map, false) != SIGSEGV)
			_exit(1);
		map = kv_map(fd, PROT_READ | PROT_WRITE);
		if (!map || kv_check(map, &self->b))
			_exit(2);
		if (by_pmd(map) != LENGTH)
			_exit(3);
		map[KV_CHUNK + 9] = 0x77;
		if (write(done[1], "", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(4);
		/* The chunks have left. */
		_exit(kv_touch(map, false) == SIGBUS ? 0 : 5);
	}
	ASSERT_EQ(1, read(done[0], &c, 1));
	EXPECT_EQ(0x77, self->t.map[KV_CHUNK + 9]);
	EXPECT_EQ(LENGTH, by_pmd(self->t.map));
	EXPECT_EQ(self->pmdmapped + NR, host_by_pmd());

	ASSERT_EQ(0, kv_release(self->t.fd, self->b.handle));
	ASSERT_EQ(0, kv_remove(self->t.fd, 1));
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 0));
	kv_wait_until(!resident(self->t.map));
	EXPECT_EQ(SIGBUS, kv_touch(self->t.map, true));
	EXPECT_EQ(self->pmdmapped, host_by_pmd());
	ASSERT_EQ(1, write(go[1], "", 1));
	EXPECT_EQ(0, kv_reap(pid));
	close(go[0]);
	close(go[1]);
	close(done[0]);
	close(done[1]);
}

/* Half of a chunk is mapped page by page while it leaves. */
TEST_F(huge, leaves_in_pieces)
{
	struct kvpool_stats st;
	__u8 *map = self->t.map;

	EXPECT_EQ(0, kv_check(map, &self->b));
	EXPECT_EQ(0, munmap(map + KV_PAGE, KV_PAGE));
	EXPECT_EQ(0, kv_touch(map, true));
	EXPECT_EQ(0, kv_touch(map + 2 * KV_PAGE, true));
	EXPECT_EQ(0, mprotect(map + KV_CHUNK, 3 * KV_PAGE, PROT_READ));
	EXPECT_EQ(0, kv_touch(map + KV_CHUNK, false));
	ASSERT_EQ(0, kv_release(self->t.fd, self->b.handle));
	ASSERT_EQ(0, kv_remove(self->t.fd, 1));
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 0));
	kv_wait_until(!kv_stats(self->t.fd, &st) && !st.arena_bytes);
	EXPECT_EQ(SIGBUS, kv_touch(map, true));
	EXPECT_EQ(SIGBUS, kv_touch(map + 2 * KV_PAGE, false));
	EXPECT_EQ(SIGBUS, kv_touch(map + KV_CHUNK, false));
	EXPECT_EQ(SIGBUS, kv_touch(map + LENGTH - 1, false));
	/* New chunks are mapped by one entry again. */
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", KV_LIMIT));
	ASSERT_EQ(0, kv_produce(self->t.fd, map + 0, 2, KV_PAGE));
	EXPECT_EQ(0, kv_consume(self->t.fd, map, 2));
}

/* Nobody else's program handles faults in the arena. */
TEST_F(huge, userfaultfd)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC,
	};
	struct uffdio_register reg = {
		.range = { .start = kv_ptr(self->t.map), .len = LENGTH },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (uffd < 0)
		SKIP(return, "the kernel has no userfaultfd");
	if (ioctl(uffd, UFFDIO_API, &api))
		SKIP(return, "userfaultfd protects no memory of files here");
	EXPECT_EQ(-1, ioctl(uffd, UFFDIO_REGISTER, &reg));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, kv_check(self->t.map, &self->b));
	close(uffd);
}

/* Threads touch, split and drop while chunks enter and leave the arena. */

struct churn {
	int fd;
	volatile bool stop;
};

static void *churn_thread(void *data)
{
	struct churn *c = data;
	__u64 seed = kv_clock();
	int zero = open("/dev/zero", O_RDONLY);
	__u8 *at = space(18 * KV_CHUNK), *map = NULL;

	while (!c->stop && at && zero >= 0) {
		__u64 r = kv_rand(&seed), page = (r >> 8) % (16 * 512);
		__u8 *p;

		if (!map || !(r % 16)) {
			/* Aligned or not. */
			map = map_at(c->fd, at + (r & 256 ? KV_PAGE : 0),
				     16 * KV_CHUNK, 0);
			if (!map)
				break;
		}
		p = map + page * KV_PAGE;
		switch (r / 16 % 8) {
		case 0:
			madvise(p, KV_PAGE, MADV_DONTNEED);
			break;
		case 1:
			mprotect(p, KV_PAGE, PROT_READ);
			break;
		case 2:
			munmap(p, KV_PAGE);
			break;
		default:
			/* Not by kv_touch(): signal handlers are shared. */
			if (read(zero, p, 1) < 0 && errno != EFAULT)
				c->stop = true;
		}
	}
	if (at)
		munmap(at, 18 * KV_CHUNK);
	close(zero);
	return NULL;
}

TEST_F(huge, churn)
{
	unsigned long i, rounds = kv_rounds("KVPOOL_HUGE_ROUNDS", 10, 3);
	struct churn c = { .fd = self->t.fd };
	pthread_t thread[2];

	ASSERT_EQ(0, kv_release(self->t.fd, self->b.handle));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, churn_thread,
					    &c));
	for (i = 0; i < rounds; i++)
		EXPECT_EQ(0, kv_grow_and_shrink(self->t.fd));
	EXPECT_FALSE(c.stop);
	c.stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

TEST_HARNESS_MAIN
