// SPDX-License-Identifier: GPL-2.0
/*
 * pin: mappings can be pinned, as a GPU driver or a NIC does, and memory that
 * is still pinned is not reused.
 */
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/socket.h>
#include <linux/if_xdp.h>
#include <linux/io_uring.h>

#include "kvpool_util.h"

/* The part of io_uring that one registered buffer and one request need. */
struct ring {
	int fd;
	__u8 *sq, *cq;
	struct io_uring_sqe *sqes;
	struct io_uring_params p;
	int xsk;		/* what pins instead, or -1 */
};

static int ring_open(struct ring *r)
{
	memset(r, 0, sizeof(*r));
	r->xsk = -1;
	r->fd = syscall(__NR_io_uring_setup, 2, &r->p);
	if (r->fd < 0)
		return -errno;
	r->sq = mmap(NULL, KV_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		     IORING_OFF_SQ_RING);
	r->cq = mmap(NULL, KV_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		     IORING_OFF_CQ_RING);
	r->sqes = mmap(NULL, KV_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		       IORING_OFF_SQES);
	return r->sq == MAP_FAILED || r->cq == MAP_FAILED ||
	       r->sqes == MAP_FAILED ? -ENOMEM : 0;
}

/*
 * Before 6.5 io_uring takes no memory of files.  A packet socket's umem is a
 * long-term pin as well, though nothing here writes through it.
 */
static int xsk_register(struct ring *r, void *p, size_t len)
{
	struct xdp_umem_reg reg = {
		.addr = kv_ptr(p), .len = len, .chunk_size = KV_PAGE,
	};

	r->xsk = socket(AF_XDP, SOCK_RAW, 0);
	if (r->xsk < 0)
		return -EOPNOTSUPP;
	return setsockopt(r->xsk, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) ?
	       -errno : 0;
}

static int ring_register(struct ring *r, void *p, size_t len)
{
	struct iovec iov = { p, len };
	int ret;

	ret = syscall(__NR_io_uring_register, r->fd, IORING_REGISTER_BUFFERS,
		      &iov, 1) ? -errno : 0;
	return ret == -EOPNOTSUPP ? xsk_register(r, p, len) : ret;
}

static void ring_unregister(struct ring *r)
{
	if (r->xsk >= 0)
		close(r->xsk);
	else
		syscall(__NR_io_uring_register, r->fd,
			IORING_UNREGISTER_BUFFERS, NULL, 0);
	r->xsk = -1;
}

static void ring_close(struct ring *r)
{
	munmap(r->sq, KV_PAGE);
	munmap(r->cq, KV_PAGE);
	munmap(r->sqes, KV_PAGE);
	if (r->xsk >= 0)
		close(r->xsk);
	close(r->fd);
}

/* One transfer between @fd and the registered buffer at @addr. */
static int ring_transfer(struct ring *r, int op, int fd, __u64 addr, __u32 len)
{
	__u32 *tail = (__u32 *)(r->sq + r->p.sq_off.tail);
	__u32 *array = (__u32 *)(r->sq + r->p.sq_off.array);
	__u32 *head = (__u32 *)(r->cq + r->p.cq_off.head);
	__u32 mask = *(__u32 *)(r->sq + r->p.sq_off.ring_mask);
	__u32 cmask = *(__u32 *)(r->cq + r->p.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (void *)(r->cq + r->p.cq_off.cqes);
	__u32 index = *tail & mask;
	int res;

	memset(&r->sqes[index], 0, sizeof(r->sqes[index]));
	r->sqes[index].opcode = op;
	r->sqes[index].fd = fd;
	r->sqes[index].addr = addr;
	r->sqes[index].len = len;
	array[index] = index;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) != 1)
		return -errno;
	res = cqes[*head & cmask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return res;
}

/* A device writes late, where there is one. */
static int write_late(struct ring *r, int file, const __u8 *to)
{
	if (r->xsk >= 0)
		return 65536;
	return ring_transfer(r, IORING_OP_READ_FIXED, file, kv_ptr(to), 65536);
}

static __u64 quarantined(const char *tenant)
{
	__u64 bytes = ~0ULL;

	kv_tenant_read(tenant, "quarantined_bytes", &bytes);
	return bytes;
}

FIXTURE(pin) {
	struct kv_bench t;
	struct ring ring;
	int file;		/* 64 KiB of a content of its own */
};

#define LATE	0xabcdULL

FIXTURE_SETUP(pin)
{
	static __u64 text[8192];
	unsigned int i;
	int ret;

	ret = ring_open(&self->ring);
	if (ret == -ENOSYS || ret == -EPERM)
		SKIP(return, "the kernel has no io_uring to pin with");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, kv_bench_start(&self->t));
	self->file = memfd_create("late", 0);
	ASSERT_GE(self->file, 0);
	for (i = 0; i < ARRAY_SIZE(text); i++)
		text[i] = LATE;
	ASSERT_EQ(sizeof(text), write(self->file, text, sizeof(text)));
}

FIXTURE_TEARDOWN(pin)
{
	if (self->ring.fd >= 0)
		ring_close(&self->ring);
	close(self->file);
	/* The ring, and with it the pins, may end a moment later. */
	kv_bench_close(&self->t);
	kv_wait_until(!quarantined(self->t.tenant));
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

TEST_F(pin, registered_buffer)
{
	int fd = memfd_create("out", 0);
	struct kv_block b;
	__u64 words[8];

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 1, 65536));
	kv_fill(self->t.map, &b);
	ASSERT_EQ(0, ring_register(&self->ring,
				   self->t.map + b.span[0].offset, 65536));
	if (self->ring.xsk >= 0)
		SKIP(return, "io_uring takes no memory of files here");
	EXPECT_EQ(65536, ring_transfer(&self->ring, IORING_OP_WRITE_FIXED, fd,
				       kv_ptr(self->t.map + b.span[0].offset),
				       65536));
	ASSERT_EQ(sizeof(words), pread(fd, words, sizeof(words), 4096));
	EXPECT_EQ(kv_word(1, 4096), words[0]);
	EXPECT_EQ(kv_word(1, 4096 + 56), words[7]);
	EXPECT_EQ(65536, ring_transfer(&self->ring, IORING_OP_READ_FIXED,
				       self->file,
				       kv_ptr(self->t.map + b.span[0].offset),
				       65536));
	EXPECT_EQ(LATE, *(__u64 *)(self->t.map + b.span[0].offset + 4096));
	ring_unregister(&self->ring);
	close(fd);
}

/* A device can read from a read-only mapping and not write to it. */
TEST_F(pin, read_only_mapping)
{
	int ret, ro = kv_open(self->t.tenant, O_RDONLY);
	struct kv_block b;
	__u8 *map;

	ASSERT_GE(ro, 0);
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, 65536));
	ASSERT_EQ(0, kv_lease(ro, &b, 1));
	map = kv_map(ro, PROT_READ);
	ASSERT_NE(NULL, map);
	ret = ring_register(&self->ring, map + b.span[0].offset, 65536);
	EXPECT_EQ(-EFAULT, ret);
	EXPECT_EQ(0, kv_check(map, &b));
	kv_unmap(ro, map);
	close(ro);
}

/* Direct I/O from the arena, on a file system that allows it. */
TEST_F(pin, direct_io)
{
	static const char * const places[] = { "/tmp", "/var/tmp", "/dev/shm",
					       "/run", "." };
	struct kv_block b;
	char path[128];
	unsigned int i;
	int fd = -1;
	__u64 words[512];

	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 1, 65536));
	kv_fill(self->t.map, &b);
	for (i = 0; i < ARRAY_SIZE(places) && fd < 0; i++) {
		snprintf(path, sizeof(path), "%s/kvpool-%d", places[i],
			 getpid());
		fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
		unlink(path);
	}
	if (fd < 0)
		SKIP(return, "no file system here does direct I/O");
	ASSERT_EQ(65536, pwrite(fd, self->t.map + b.span[0].offset, 65536, 0));
	memset(self->t.map + b.span[0].offset, 0, 65536);
	ASSERT_EQ(65536, pread(fd, self->t.map + b.span[0].offset, 65536, 0));
	EXPECT_EQ(0, kv_check(self->t.map, &b));
	fcntl(fd, F_SETFL, 0);
	ASSERT_EQ(sizeof(words), pread(fd, words, sizeof(words), 8192));
	EXPECT_EQ(kv_word(1, 8192), words[0]);
	close(fd);
}

TEST_F(pin, other_process_reads)
{
	__u64 words[16] = {};
	struct iovec local = { words, sizeof(words) };
	struct iovec remote = { NULL, sizeof(words) };
	struct kv_block b;
	pid_t pid;

	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 1, 65536));
	kv_fill(self->t.map, &b);
	remote.iov_base = self->t.map + b.span[0].offset + 128;
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (process_vm_readv(getppid(), &local, 1, &remote, 1, 0) !=
		    sizeof(words))
			_exit(errno == ENOSYS ? 9 : 1);
		_exit(words[0] == kv_word(1, 128) &&
		      words[15] == kv_word(1, 128 + 120) ? 0 : 2);
	}
	EXPECT_EQ(0, kv_reap(pid));
}

/*
 * The owner of a reservation has ended and a device still writes. The space is
 * quarantined until the pins have ended, and no other block changes.
 */
TEST_F(pin, dead_owner)
{
	int i, nr = 8 * KV_CHUNK / 65536, fd;
	struct kvpool_stats st;
	struct kv_block b;
	__u8 *map;

	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	map = kv_map(fd, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   8 * KV_CHUNK));
	ASSERT_EQ(0, kv_reserve(fd, &b, 1, 65536));
	ASSERT_EQ(0, ring_register(&self->ring, map + b.span[0].offset,
				   65536));
	kv_unmap(fd, map);
	close(fd);

	EXPECT_EQ(-ENOENT, kv_exists(self->t.fd, 1));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.pending);
	EXPECT_EQ(65536, st.quarantined_bytes);
	EXPECT_EQ(65536, st.bytes);

	/* Other blocks take the rest of the tenant's space. */
	for (i = 0; i < nr - 1; i++)
		ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 100 + i,
					65536));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(8 * KV_CHUNK, st.bytes);
	EXPECT_EQ(0, st.evicted_blocks);
	EXPECT_EQ(65536, write_late(&self->ring, self->file,
				    map + b.span[0].offset));
	for (i = 0; i < nr - 1; i++)
		ASSERT_EQ(0, kv_consume(self->t.fd, self->t.map, 100 + i));

	ring_unregister(&self->ring);
	kv_wait_until(!quarantined(self->t.tenant));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ((nr - 1) * 65536ULL, st.bytes);
	EXPECT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, 65536));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.evicted_blocks);
}

/* The knob quarantine_ms ends the quarantine. */
TEST_F(pin, quarantine_ends)
{
	struct kvpool_stats st;
	struct kv_block b;
	__u8 *map;
	int fd;

	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	map = kv_map(fd, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, kv_reserve(fd, &b, 1, 65536));
	ASSERT_EQ(0, ring_register(&self->ring, map + b.span[0].offset,
				   65536));
	ASSERT_EQ(0, kv_sys_set("quarantine_ms", 50));
	kv_unmap(fd, map);
	close(fd);
	kv_wait_until(!quarantined(self->t.tenant));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.bytes);
	EXPECT_EQ(0, st.pending);
}

/* An abort asserts that writes have ended: no quarantine. */
TEST_F(pin, abort_is_believed)
{
	struct kvpool_stats st;
	struct kv_block b;

	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 1, 65536));
	ASSERT_EQ(0, ring_register(&self->ring,
				   self->t.map + b.span[0].offset, 65536));
	ASSERT_EQ(0, kv_abort(self->t.fd, b.handle));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.bytes);
	EXPECT_EQ(0, st.quarantined_bytes);
	ring_unregister(&self->ring);
}

/* Pinned memory stays with its tenant, also after the block's end. */
TEST_F(pin, no_other_tenant)
{
	char other[KVPOOL_NAME_SIZE];
	struct kvpool_stats st;
	struct kv_block b;
	__u8 *map;
	struct kv_block lease[3];
	int i, fd, ret;

	/* Room for four chunks on the whole host. */
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 4 * KV_CHUNK));
	for (i = 1; i < 8; i++) {
		char name[64];

		snprintf(name, sizeof(name), "tiers/dram%d/limit_bytes", i);
		if (kv_sys_has(name)) {
			ASSERT_EQ(0, kv_sys_set(name, 0));
		}
	}
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 1, 65536));
	ASSERT_EQ(0, ring_register(&self->ring,
				   self->t.map + b.span[0].offset, 65536));
	ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
	ASSERT_EQ(0, kv_remove(self->t.fd, 1));

	snprintf(other, sizeof(other), "other%d", getpid());
	ASSERT_EQ(0, kv_tenant_add(other));
	fd = kv_open(other, O_RDWR);
	ASSERT_GE(fd, 0);
	map = kv_map(fd, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, kv_produce(fd, map, 10 + i, KV_CHUNK));
		ASSERT_EQ(0, kv_lease(fd, &lease[i], 10 + i));
	}
	EXPECT_EQ(-ENOSPC, kv_produce(fd, map, 20, KV_CHUNK));
	EXPECT_EQ(65536, write_late(&self->ring, self->file,
				    self->t.map + b.span[0].offset));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(KV_CHUNK, st.arena_bytes);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, kv_check(map, &lease[i]));

	/* Memory that is neither pinned nor mapped may move. */
	ring_unregister(&self->ring);
	kv_wait_until(!(ret = kv_produce(fd, map, 20, KV_CHUNK)) ||
		      ret != -ENOSPC);
	EXPECT_EQ(0, ret);
	kv_unmap(fd, map);
	close(fd);
	EXPECT_EQ(0, kv_tenant_end(other));
}

/*
 * A pipe holds pages without writing to them. A reader of the pipe sees bytes
 * of this tenant, so the memory does not move to another tenant.
 */
TEST_F(pin, vmsplice)
{
	struct kvpool_stats st;
	struct iovec iov;
	struct kv_block b;
	__u64 words[8];
	int fd, pipes[2];
	__u8 *map;

	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	map = kv_map(fd, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, kv_reserve(fd, &b, 1, 4096));
	kv_fill(map, &b);
	ASSERT_EQ(0, pipe(pipes));
	iov.iov_base = map + b.span[0].offset;
	iov.iov_len = 4096;
	ASSERT_EQ(4096, vmsplice(pipes[1], &iov, 1, 0));
	kv_unmap(fd, map);
	close(fd);
	/* Whether the holder writes is not known, so the space is not reused. */
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(4096, st.quarantined_bytes);
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 0));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(KV_CHUNK, st.arena_bytes);
	ASSERT_EQ(sizeof(words), read(pipes[0], words, sizeof(words)));
	EXPECT_EQ(kv_word(1, 0), words[0]);
	EXPECT_EQ(kv_word(1, 56), words[7]);
	close(pipes[0]);
	close(pipes[1]);
	kv_wait_until(!quarantined(self->t.tenant));
	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 0));
	kv_wait_until(!kv_stats(self->t.fd, &st) && !st.arena_bytes);
	EXPECT_EQ(0, st.bytes);
}

/*
 * A disk writes into a reservation whose owner is gone. Before 6.3 direct I/O
 * holds pages without pinning them.
 */

struct slow_read {
	int disk;
	__u8 *to;
	ssize_t got;
};

static void *slow_read_thread(void *data)
{
	struct slow_read *r = data;

	r->got = pread(r->disk, r->to, 65536, 0);
	return NULL;
}

static int inflight(void)
{
	char text[64];

	return kv_read_file("/sys/block/nullb0/inflight", text, sizeof(text)) ?
	       0 : atoi(text);
}

TEST_F(pin, disk_in_flight)
{
	int i, nr = KV_CHUNK / 65536, fd;
	struct slow_read r = {};
	struct kvpool_stats st;
	pthread_t thread;
	struct kv_block b;
	__u8 *map;

	/* A read takes two seconds, a part of which this test needs. */
	if (system("modprobe null_blk nr_devices=1 queue_mode=2 irqmode=2 completion_nsec=2000000000 2>/dev/null"))
		SKIP(return, "the kernel has no null_blk");
	r.disk = open("/dev/nullb0", O_RDONLY | O_DIRECT | O_CLOEXEC);
	ASSERT_GE(r.disk, 0);
	fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	map = kv_map(fd, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes", KV_CHUNK));
	ASSERT_EQ(0, kv_reserve(fd, &b, 1, 65536));
	r.to = map + b.span[0].offset;
	ASSERT_EQ(0, pthread_create(&thread, NULL, slow_read_thread, &r));
	kv_wait_until(inflight());
	kv_unmap(fd, map);
	close(fd);
	EXPECT_EQ(1, inflight());

	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.pending);
	EXPECT_EQ(65536, st.quarantined_bytes);
	/* The chunk's other pages serve other blocks. */
	for (i = 0; i < nr - 1; i++)
		EXPECT_EQ(0, kv_produce(self->t.fd, self->t.map, 100 + i,
					65536));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(KV_CHUNK, st.bytes);
	EXPECT_EQ(0, st.evicted_blocks);
	pthread_join(thread, NULL);
	EXPECT_EQ(65536, r.got);
	close(r.disk);
	kv_wait_until(!quarantined(self->t.tenant));
	for (i = 0; i < nr - 1; i++)
		EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 100 + i));
	EXPECT_EQ(0, system("modprobe -r null_blk"));
}

/*
 * A tenant whose memory is all pinned is not emptied for another tenant: that
 * would gain no memory.
 */
TEST_F(pin, not_evicted_in_vain)
{
	struct kv_bench other = { .fd = -1 };
	struct kvpool_stats st;
	struct kv_block b;
	char name[64];
	int i;

	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 8 * KV_CHUNK));
	for (i = 1; i < 8; i++) {
		snprintf(name, sizeof(name), "tiers/dram%d/limit_bytes", i);
		if (kv_sys_has(name)) {
			ASSERT_EQ(0, kv_sys_set(name, 0));
		}
	}
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, kv_reserve(self->t.fd, &b, i, KV_CHUNK));
		ASSERT_LT(b.span[0].offset, 8 * KV_CHUNK);
		kv_fill(self->t.map, &b);
		ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
	}
	/* As an engine that registers the arena with its GPU. */
	ASSERT_EQ(0, ring_register(&self->ring, self->t.map, 8 * KV_CHUNK));
	snprintf(other.tenant, sizeof(other.tenant), "other%d", getpid());
	ASSERT_EQ(0, kv_tenant_add(other.tenant));
	other.fd = kv_open(other.tenant, O_RDWR);
	ASSERT_GE(other.fd, 0);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(-ENOSPC, kv_produce_blank(other.fd, i, KV_CHUNK));
	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(8, st.blocks);
	ring_unregister(&self->ring);
	/* The kernel may take a moment to drop the pins. */
	kv_wait_until(kv_produce_blank(other.fd, 10, KV_CHUNK) != -ENOSPC);
	EXPECT_EQ(0, kv_exists(other.fd, 10));
	EXPECT_EQ(0, kv_bench_end(&other));
}

/* Pins delay neither a lease on a removed block nor its reader. */
TEST_F(pin, sealed_block_stays_readable)
{
	struct kv_block b, lease;

	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 1, 65536));
	kv_fill(self->t.map, &b);
	ASSERT_EQ(0, ring_register(&self->ring,
				   self->t.map + b.span[0].offset, 65536));
	ASSERT_EQ(0, kv_seal(self->t.fd, b.handle));
	ASSERT_EQ(0, kv_lease(self->t.fd, &lease, 1));
	EXPECT_EQ(0, kv_check(self->t.map, &lease));
	ASSERT_EQ(0, kv_release(self->t.fd, lease.handle));
	ring_unregister(&self->ring);
	EXPECT_EQ(0, kv_consume(self->t.fd, self->t.map, 1));
}

/* Another tenant's search for memory does not unmap what is pinned. */
TEST_F(pin, not_unmapped_in_vain)
{
	struct kv_bench other = { .fd = -1 };
	struct rusage before, after;
	int i, n;

	ASSERT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", 8 * KV_CHUNK));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, i, KV_CHUNK));
	ASSERT_EQ(0, ring_register(&self->ring, self->t.map, 8 * KV_CHUNK));
	/* Half of the pinned chunks are empty, the others could be emptied. */
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, kv_remove(self->t.fd, i));
	ASSERT_EQ(0, kv_bench_tenant(&other, "other"));
	getrusage(RUSAGE_SELF, &before);
	for (n = 0; n < 20; n++) {
		EXPECT_EQ(-ENOSPC, kv_produce_blank(other.fd, n, KV_CHUNK));
		for (i = 0; i < 8; i++)
			*(volatile __u8 *)(self->t.map + i * KV_CHUNK) = n;
	}
	getrusage(RUSAGE_SELF, &after);
	/* The kernel's own work, such as aging, may cost a few. */
	EXPECT_LT(after.ru_minflt - before.ru_minflt, 8);
	ring_unregister(&self->ring);
	EXPECT_EQ(0, kv_bench_end(&other));
}

/* As a dead owner: what a device may write to stays out of use. */
TEST_F(pin, revoked_owner)
{
	struct kvpool_info info;
	struct kv_block b, next;
	int fd = kv_open(self->t.tenant, O_RDWR);
	__u8 *map;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, kv_info(fd, &info));
	map = kv_map(fd, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, kv_reserve(fd, &b, 1, 65536));
	ASSERT_EQ(0, ring_register(&self->ring, map + b.span[0].offset,
				   65536));
	ASSERT_EQ(0, kv_revoke(fd));
	EXPECT_EQ(SIGBUS, kv_touch(map + b.span[0].offset, true));
	EXPECT_EQ(65536, quarantined(self->t.tenant));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &next, 1, 65536));
	EXPECT_NE(b.span[0].offset, next.span[0].offset);
	kv_fill(self->t.map, &next);
	/* The device is still there. */
	EXPECT_EQ(65536, write_late(&self->ring, self->file,
				    map + b.span[0].offset));
	EXPECT_EQ(0, kv_check(self->t.map, &next));
	/* Nothing can be pinned any more. */
	ring_unregister(&self->ring);
	EXPECT_EQ(-EFAULT, ring_register(&self->ring, map + b.span[0].offset,
					 65536));
	munmap(map, info.arena_size);
	close(fd);
}

TEST_HARNESS_MAIN
