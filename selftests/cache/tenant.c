// SPDX-License-Identifier: GPL-2.0
/* tenant: keys, bytes, quotas and files of one tenant do not affect another. */
#include <grp.h>

#include "kvpool_util.h"

FIXTURE(tenant) {
	struct kv_bench a, b;
};

FIXTURE_SETUP(tenant)
{
	ASSERT_EQ(0, kv_bench_start(&self->a));
	ASSERT_EQ(0, kv_bench_tenant(&self->b, "other"));
}

FIXTURE_TEARDOWN(tenant)
{
	EXPECT_EQ(0, kv_bench_end(&self->a));
	EXPECT_EQ(0, kv_bench_end(&self->b));
}

/* One key, two tenants, two blocks. */
TEST_F(tenant, keys)
{
	struct kv_block a, b, c;
	struct kvpool_stats st;

	ASSERT_EQ(0, kv_reserve(self->a.fd, &a, 1, 65536));
	EXPECT_EQ(-ENOENT, kv_exists(self->b.fd, 1));
	EXPECT_EQ(-ENOENT, kv_lease(self->b.fd, &c, 1));
	EXPECT_EQ(-ENOENT, kv_remove(self->b.fd, 1));
	ASSERT_EQ(0, kv_reserve(self->b.fd, &b, 1, 8192));
	kv_fill(self->a.map, &a);
	kv_fill_as(self->b.map, &b, 1001);
	ASSERT_EQ(0, kv_seal(self->a.fd, a.handle));
	EXPECT_EQ(-EINPROGRESS, kv_exists(self->b.fd, 1));
	EXPECT_EQ(-ENOENT, kv_seal(self->b.fd, a.handle + 1000));
	ASSERT_EQ(0, kv_seal(self->b.fd, b.handle));

	ASSERT_EQ(0, kv_lease(self->a.fd, &a, 1));
	ASSERT_EQ(0, kv_lease(self->b.fd, &b, 1));
	EXPECT_EQ(65536, a.length);
	EXPECT_EQ(8192, b.length);
	EXPECT_EQ(0, kv_check(self->a.map, &a));
	EXPECT_EQ(0, kv_check_as(self->b.map, &b, 1001));

	ASSERT_EQ(0, kv_remove(self->b.fd, 1));
	EXPECT_EQ(0, kv_exists(self->a.fd, 1));
	ASSERT_EQ(0, kv_stats(self->a.fd, &st));
	EXPECT_EQ(1, st.blocks);
	EXPECT_EQ(0, st.removed_blocks);
	EXPECT_EQ(65536, st.bytes);
	ASSERT_EQ(0, kv_stats(self->b.fd, &st));
	EXPECT_EQ(0, st.blocks);
	EXPECT_EQ(1, st.removed_blocks);
	EXPECT_EQ(8192, st.bytes);
}

/* Equal offsets in the arenas of two tenants are different memory. */
TEST_F(tenant, bytes)
{
	struct kv_block a, b;
	struct kvpool_info info;
	__u64 chunk, at;

	ASSERT_EQ(0, kv_info(self->a.fd, &info));
	ASSERT_EQ(0, kv_reserve(self->a.fd, &a, 1, KV_CHUNK));
	kv_fill(self->a.map, &a);
	ASSERT_EQ(0, kv_reserve(self->b.fd, &b, 1, KV_CHUNK));
	kv_fill_as(self->b.map, &b, 1001);
	EXPECT_EQ(0, kv_check(self->a.map, &a));
	EXPECT_EQ(0, kv_check_as(self->b.map, &b, 1001));
	/* No memory that a's file can touch near its start is b's. */
	for (chunk = 0; chunk < 64; chunk++) {
		at = chunk * KV_CHUNK + 8 * 255;
		if (kv_touch(self->a.map + at, false))
			continue;
		EXPECT_NE(kv_word(1001, 8 * 255),
			  *(__u64 *)(self->a.map + at));
	}
}

/* Memory that moves from one tenant to another is zeroed. */
TEST_F(tenant, recycled_memory)
{
	const __u64 secret = 0x5ec2e75ec2e75ec2ULL;
	unsigned int i, node, round;
	char name[64];
	__u64 *words;
	size_t w;

	/* Room for one tenant's blocks only, so that memory has to move. */
	for (node = 0; node < 8; node++) {
		snprintf(name, sizeof(name), "tiers/dram%u/limit_bytes", node);
		if (kv_sys_has(name)) {
			ASSERT_EQ(0, kv_sys_set(name,
						node ? 0 : 4 * KV_CHUNK));
		}
	}
	for (round = 0; round < 4; round++) {
		struct kv_bench *from = round % 2 ? &self->b : &self->a;
		struct kv_bench *to = round % 2 ? &self->a : &self->b;
		struct kv_block b;

		for (i = 0; i < 4; i++) {
			ASSERT_EQ(0, kv_reserve(from->fd, &b, i, KV_CHUNK));
			words = (__u64 *)(from->map + b.span[0].offset);
			for (w = 0; w < KV_CHUNK / 8; w++)
				words[w] = secret + round;
			ASSERT_EQ(0, kv_seal(from->fd, b.handle));
		}
		/* The tenant's blocks are dropped, then its memory moves. */
		for (i = 0; i < 4; i++)
			ASSERT_EQ(0, kv_remove(from->fd, i));
		for (i = 0; i < 4; i++) {
			__u32 s;

			ASSERT_EQ(0, kv_reserve(to->fd, &b, 100 + i, KV_CHUNK));
			for (s = 0; s < b.nr_spans; s++) {
				words = (__u64 *)(to->map + b.span[s].offset);
				for (w = 0; w < b.span[s].length / 8; w++)
					if (words[w] == secret + round)
						break;
				EXPECT_EQ(b.span[s].length / 8, w);
			}
			ASSERT_EQ(0, kv_abort(to->fd, b.handle));
		}
	}
}

/* Fresh memory is zero and shows no kernel data. */
TEST_F(tenant, fresh_memory)
{
	struct kv_block b;
	__u64 *words;
	size_t w;
	__u32 s;

	ASSERT_EQ(0, kv_reserve(self->a.fd, &b, 1, 2 * KV_CHUNK));
	for (s = 0; s < b.nr_spans; s++) {
		words = (__u64 *)(self->a.map + b.span[s].offset);
		for (w = 0; w < b.span[s].length / 8; w++)
			if (words[w])
				break;
		EXPECT_EQ(b.span[s].length / 8, w);
	}
}

TEST_F(tenant, quota)
{
	struct kvpool_stats st;
	struct kv_block lease[2], b;
	int i;

	ASSERT_EQ(0, kv_tenant_set(self->a.tenant, "quota_bytes",
				   2 * KV_CHUNK));
	ASSERT_EQ(0, kv_stats(self->a.fd, &st));
	EXPECT_EQ(2 * KV_CHUNK, st.quota_bytes);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, kv_produce(self->a.fd, self->a.map, i, KV_CHUNK));
		ASSERT_EQ(0, kv_lease(self->a.fd, &lease[i], i));
	}
	/* All blocks are leased: full. The other tenant is not affected. */
	EXPECT_EQ(-EDQUOT, kv_reserve(self->a.fd, &b, 10, 4096));
	EXPECT_EQ(-EDQUOT, kv_reserve(self->a.fd, &b, 10, KVPOOL_BLOCK_MAX));
	EXPECT_EQ(-ENOENT, kv_exists(self->a.fd, 10));
	EXPECT_EQ(0, kv_produce(self->b.fd, self->b.map, 10, 4 * KV_CHUNK));
	ASSERT_EQ(0, kv_stats(self->a.fd, &st));
	EXPECT_EQ(2, st.rejected);
	EXPECT_EQ(2 * KV_CHUNK, st.arena_bytes);
	EXPECT_EQ(0, st.evicted_blocks);

	/* Within its quota only the tenant's own blocks make room. */
	ASSERT_EQ(0, kv_release(self->a.fd, lease[0].handle));
	EXPECT_EQ(0, kv_produce(self->a.fd, self->a.map, 11, 4096));
	EXPECT_EQ(-ENOENT, kv_exists(self->a.fd, 0));
	EXPECT_EQ(0, kv_exists(self->a.fd, 1));
	EXPECT_EQ(0, kv_exists(self->b.fd, 10));
	ASSERT_EQ(0, kv_stats(self->a.fd, &st));
	EXPECT_EQ(1, st.evicted_blocks);
	EXPECT_EQ(KV_CHUNK, st.evicted_bytes);
	EXPECT_LE(st.arena_bytes, 2 * KV_CHUNK);

	/* Without a quota. */
	ASSERT_EQ(0, kv_tenant_set(self->a.tenant, "quota_bytes", 0));
	EXPECT_EQ(0, kv_produce(self->a.fd, self->a.map, 12, 4 * KV_CHUNK));
}

/* A block that can never fit evicts no block. */
TEST_F(tenant, too_long_evicts_nothing)
{
	struct kvpool_stats st;
	struct kv_block b;
	int i;

	ASSERT_EQ(0, kv_tenant_set(self->a.tenant, "quota_bytes",
				   2 * KV_CHUNK));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, kv_produce(self->a.fd, self->a.map, i, 65536));
	EXPECT_EQ(-EDQUOT, kv_reserve(self->a.fd, &b, 10, 2 * KV_CHUNK + 1));
	ASSERT_EQ(0, kv_stats(self->a.fd, &st));
	EXPECT_EQ(8, st.blocks);
	EXPECT_EQ(0, st.evicted_blocks);
}

TEST_F(tenant, pin_quota)
{
	struct kvpool_stats st;
	struct kv_block b;

	ASSERT_EQ(0, kv_tenant_set(self->a.tenant, "pin_quota_bytes", 128 << 10));
	ASSERT_EQ(0, kv_produce(self->a.fd, self->a.map, 1, 65536));
	ASSERT_EQ(0, kv_produce(self->a.fd, self->a.map, 2, 65536));
	ASSERT_EQ(0, kv_reserve(self->a.fd, &b, 3, 65536));
	EXPECT_EQ(0, kv_pin(self->a.fd, 1, KVPOOL_PIN_HARD));
	EXPECT_EQ(0, kv_pin(self->a.fd, 1, KVPOOL_PIN_HARD));
	ASSERT_EQ(0, kv_stats(self->a.fd, &st));
	EXPECT_EQ(65536, st.pinned_bytes);
	EXPECT_EQ(128 << 10, st.pin_quota_bytes);
	EXPECT_EQ(0, kv_pin(self->a.fd, 2, KVPOOL_PIN_HARD));

	/* Full.  The reservation stays, to be sealed in another way. */
	kv_fill(self->a.map, &b);
	EXPECT_EQ(-EDQUOT, kv_handle_call(self->a.fd, KVPOOL_IOC_SEAL, b.handle,
					  KVPOOL_PIN_HARD));
	EXPECT_EQ(-EINPROGRESS, kv_exists(self->a.fd, 3));
	EXPECT_EQ(0, kv_handle_call(self->a.fd, KVPOOL_IOC_SEAL, b.handle,
				    KVPOOL_PIN_SOFT));
	EXPECT_EQ(0, kv_consume(self->a.fd, self->a.map, 3));
	EXPECT_EQ(-EDQUOT, kv_pin(self->a.fd, 3, KVPOOL_PIN_HARD));

	/* Each way to unpin releases the quota. */
	EXPECT_EQ(0, kv_pin(self->a.fd, 1, 0));
	EXPECT_EQ(0, kv_pin(self->a.fd, 3, KVPOOL_PIN_HARD));
	EXPECT_EQ(0, kv_pin(self->a.fd, 2, KVPOOL_PIN_SOFT));
	EXPECT_EQ(0, kv_remove(self->a.fd, 3));
	ASSERT_EQ(0, kv_stats(self->a.fd, &st));
	EXPECT_EQ(0, st.pinned_bytes);

	/* The other tenant has a quota of its own. */
	ASSERT_EQ(0, kv_tenant_set(self->b.tenant, "pin_quota_bytes", 4096));
	ASSERT_EQ(0, kv_reserve(self->b.fd, &b, 1, 65536));
	EXPECT_EQ(-EDQUOT, kv_handle_call(self->b.fd, KVPOOL_IOC_SEAL, b.handle,
					  KVPOOL_PIN_HARD));
	EXPECT_EQ(0, kv_abort(self->b.fd, b.handle));
	ASSERT_EQ(0, kv_reserve(self->b.fd, &b, 1, 4096));
	EXPECT_EQ(0, kv_handle_call(self->b.fd, KVPOOL_IOC_SEAL, b.handle,
				    KVPOOL_PIN_HARD));
	EXPECT_EQ(-ENOENT, kv_pin(self->b.fd, 3, KVPOOL_PIN_HARD));
	EXPECT_EQ(0, kv_remove(self->b.fd, 1));
}

/* The end of a child: its status is the errno of opening a file of @tenant. */
static void __attribute__((noreturn)) exit_with_open(const char *tenant)
{
	int fd = open(KV_DEV, O_RDWR);

	if (fd < 0)
		_exit(201);
	fd = kv_open_tenant(fd, tenant);
	_exit(fd < 0 ? -fd : 0);
}

/* Only administrators, the owner and members of the group may. */

static int attach_as(uid_t uid, gid_t gid, gid_t extra, const char *tenant)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		if (setgroups(extra ? 1 : 0, &extra) ||
		    setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
			_exit(200);
		exit_with_open(tenant);
	}
	return kv_reap(pid);
}

TEST_F(tenant, attach_rights)
{
	struct stat before;

	ASSERT_EQ(0, stat(KV_DEV, &before));
	ASSERT_EQ(0, chmod(KV_DEV, 0666));
	ASSERT_EQ(0, kv_tenant_set(self->a.tenant, "uid", 1234));
	ASSERT_EQ(0, kv_tenant_set(self->a.tenant, "gid", 2345));
	EXPECT_EQ(0, attach_as(0, 0, 0, self->a.tenant));
	EXPECT_EQ(0, attach_as(1234, 99, 0, self->a.tenant));
	EXPECT_EQ(0, attach_as(99, 2345, 0, self->a.tenant));
	EXPECT_EQ(0, attach_as(99, 98, 2345, self->a.tenant));
	EXPECT_EQ(EACCES, attach_as(99, 98, 0, self->a.tenant));
	EXPECT_EQ(EACCES, attach_as(2345, 1234, 0, self->a.tenant));
	EXPECT_EQ(EACCES, attach_as(1234, 2345, 0, self->b.tenant));
	/* A member of a group of another number that is also in group 0. */
	EXPECT_EQ(EACCES, attach_as(99, 0, 0, self->b.tenant));
	EXPECT_EQ(ENOENT, attach_as(99, 98, 0, "nobody_has_this_name"));
	chmod(KV_DEV, before.st_mode & 07777);
}

/* Gives up rights, opens the device, and then a file of a tenant. */
static int attach_after(int (*give_up)(void), const char *tenant)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		if (give_up())
			_exit(200);
		exit_with_open(tenant);
	}
	return kv_reap(pid);
}

static int root_of_a_container(void)
{
	if (unshare(CLONE_NEWUSER))
		return -1;
	return kv_write_file("/proc/self/setgroups", "deny") ||
	       kv_write_file("/proc/self/uid_map", "0 0 1") ||
	       kv_write_file("/proc/self/gid_map", "0 0 1") ||
	       getuid() || getgid();
}

static int root_without_capabilities(void)
{
	return kv_drop_capabilities();
}

static int user_of_group_0(void)
{
	const gid_t groups[] = { 7, 0, 8 };

	return setgroups(3, groups) || setresgid(99, 99, 99) ||
	       setresuid(99, 99, 99);
}

static int user_0_of_group_0(void)
{
	const gid_t groups[] = { 0 };

	return setgroups(1, groups) || kv_drop_capabilities();
}

/*
 * A new tenant belongs to nobody: not to the user 0 or the group 0, whom
 * containers have, but to those who administer the host.
 */
TEST_F(tenant, belongs_to_nobody_at_first)
{
	static int (* const others[])(void) = {
		root_of_a_container, root_without_capabilities,
		user_of_group_0, user_0_of_group_0,
	};
	char path[64], text[16];
	struct stat before;
	unsigned int i;

	ASSERT_EQ(0, stat(KV_DEV, &before));
	ASSERT_EQ(0, chmod(KV_DEV, 0666));
	EXPECT_EQ(0, attach_as(0, 0, 0, self->a.tenant));
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		EXPECT_EQ(EACCES, attach_after(others[i], self->a.tenant))
			TH_LOG("%u", i);
		EXPECT_EQ(0, attach_after(others[i], "default"))
			TH_LOG("%u", i);
	}

	/* User 0 or group 0, if that is what the administrator says. */
	ASSERT_EQ(0, kv_tenant_set(self->a.tenant, "gid", 0));
	EXPECT_EQ(0, attach_after(user_of_group_0, self->a.tenant));
	snprintf(path, sizeof(path), "tenants/%s/gid", self->a.tenant);
	ASSERT_EQ(0, kv_sys_write(path, "none"));
	EXPECT_EQ(EACCES, attach_after(user_of_group_0, self->a.tenant));
	snprintf(path, sizeof(path), "tenants/%s/uid", self->a.tenant);
	ASSERT_EQ(0, kv_sys_read(path, text, sizeof(text)));
	EXPECT_STREQ("none", text);
	ASSERT_EQ(0, kv_sys_set(path, 0));
	EXPECT_EQ(0, attach_after(root_without_capabilities, self->a.tenant));
	ASSERT_EQ(0, kv_sys_write(path, "none"));
	EXPECT_EQ(EACCES, attach_after(root_without_capabilities,
				       self->a.tenant));
	EXPECT_EQ(-EINVAL, kv_sys_write(path, "-1"));
	EXPECT_EQ(-EINVAL, kv_sys_write(path, "4294967295"));
	EXPECT_EQ(-EINVAL, kv_sys_write(path, "nobody"));
	chmod(KV_DEV, before.st_mode & 07777);
}

/* The right is that of the process that opened the file. */
TEST_F(tenant, attach_by_opener)
{
	int fd = open(KV_DEV, O_RDWR);
	pid_t pid;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, kv_tenant_set(self->a.tenant, "uid", 1234));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (setgroups(0, NULL) || setresgid(99, 99, 99) ||
		    setresuid(99, 99, 99))
			_exit(200);
		fd = kv_open_tenant(fd, self->a.tenant);
		_exit(fd < 0 ? -fd : 0);
	}
	EXPECT_EQ(0, kv_reap(pid));
	close(fd);
}

/*
 * mmap() of a file in one thread while another opens it for a tenant: whatever
 * the order, a file's mappings are accounted where they are undone.
 */
struct racer {
	pthread_barrier_t start;
	char *area;
	size_t length;
	int fd;
};

static void *map_thread(void *data)
{
	struct racer *r = data;

	pthread_barrier_wait(&r->start);
	/* It takes a while to unmap what is there. */
	mmap(r->area, r->length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
	     r->fd, 0);
	return NULL;
}

TEST_F(tenant, open_races_with_mmap)
{
	unsigned long n, rounds = kv_rounds("KVPOOL_MAP_ROUNDS", 300, 100);
	struct racer r = { .length = 16 * KV_MB };
	const int prot = PROT_READ | PROT_WRITE;
	volatile unsigned int spin;
	__u8 *map, *other;
	pthread_t thread;
	int fd, of;

	ASSERT_EQ(0, pthread_barrier_init(&r.start, NULL, 2));
	r.area = mmap(NULL, r.length, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, r.area);
	for (n = 0; n < rounds; n++) {
		r.fd = open(KV_DEV, O_RDWR | O_CLOEXEC);
		ASSERT_GE(r.fd, 0);
		mmap(r.area, r.length, prot, MAP_PRIVATE | MAP_ANONYMOUS |
		     MAP_FIXED | MAP_POPULATE, -1, 0);
		ASSERT_EQ(0, pthread_create(&thread, NULL, map_thread, &r));
		pthread_barrier_wait(&r.start);
		for (spin = 0; spin < n * 37 % 8192; spin++)
			;
		of = kv_open_tenant(r.fd, self->a.tenant);
		EXPECT_GE(of, 0);
		close(of);
		pthread_join(thread, NULL);
		close(r.fd);
	}
	munmap(r.area, r.length);

	fd = kv_open(NULL, O_RDWR);
	ASSERT_GE(fd, 0);
	map = kv_map(fd, prot);
	EXPECT_NE(NULL, map);
	other = kv_map(self->a.fd, prot);
	EXPECT_NE(NULL, other);
	if (map)
		kv_unmap(fd, map);
	if (other)
		kv_unmap(self->a.fd, other);
	close(fd);
}

TEST_F(tenant, delete)
{
	char path[128];
	int fd;

	/* A tenant with an attached file cannot be deleted. */
	snprintf(path, sizeof(path), "tenants/%s/contexts", self->b.tenant);
	EXPECT_EQ(-EBUSY, kv_sys_write("tenants/del", self->b.tenant));
	EXPECT_TRUE(kv_sys_has(path));
	ASSERT_EQ(0, kv_produce(self->b.fd, self->b.map, 1, 65536));
	kv_bench_close(&self->b);
	EXPECT_EQ(0, kv_sys_write("tenants/del", self->b.tenant));
	EXPECT_FALSE(kv_sys_has(path));
	EXPECT_EQ(-ENOENT, kv_open(self->b.tenant, O_RDWR));
	EXPECT_EQ(-ENOENT, kv_sys_write("tenants/del", self->b.tenant));
	EXPECT_NE(0, kv_sys_write("tenants/del", "default"));

	/* The same name again is a new tenant. */
	ASSERT_EQ(0, kv_tenant_add(self->b.tenant));
	EXPECT_EQ(-EEXIST, kv_tenant_add(self->b.tenant));
	EXPECT_EQ(-EEXIST, kv_tenant_add("default"));
	fd = kv_open(self->b.tenant, O_RDWR);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-ENOENT, kv_exists(fd, 1));
	close(fd);
}

/*
 * After a drop nothing that was there is known, and what is leased can be read
 * until its leases end.
 */
TEST_F(tenant, drop)
{
	struct kv_block lease, pending, again, other;
	struct kvpool_stats st;
	struct kvpool_info info;
	unsigned int i;

	ASSERT_EQ(0, kv_tenant_set(self->a.tenant, "pin_quota_bytes", 1 << 20));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, kv_produce(self->a.fd, self->a.map, i, 4096));
	ASSERT_EQ(0, kv_pin(self->a.fd, 2, KVPOOL_PIN_HARD));
	ASSERT_EQ(0, kv_pin(self->a.fd, 3, KVPOOL_PIN_SOFT));
	ASSERT_EQ(0, kv_reserve(self->a.fd, &pending, 200, 65536));
	ASSERT_EQ(0, kv_reserve(self->a.fd, &other, 201, 65536));
	ASSERT_EQ(0, kv_produce(self->b.fd, self->b.map, 1, 65536));
	ASSERT_EQ(0, kv_lease(self->a.fd, &lease, 1));
	ASSERT_EQ(0, kv_tenant_drop(self->a.tenant));

	for (i = 0; i < 100; i++)
		EXPECT_EQ(-ENOENT, kv_exists(self->a.fd, i));
	EXPECT_EQ(-ENOENT, kv_exists(self->a.fd, 200));
	EXPECT_EQ(-ENOENT, kv_lease(self->a.fd, &again, 1));
	EXPECT_EQ(-ENOENT, kv_remove(self->a.fd, 2));
	EXPECT_EQ(-ENOENT, kv_pin(self->a.fd, 3, 0));
	EXPECT_EQ(0, kv_exists(self->b.fd, 1));
	EXPECT_EQ(0, kv_check(self->a.map, &lease));
	ASSERT_EQ(0, kv_stats(self->a.fd, &st));
	EXPECT_EQ(0, st.blocks);
	EXPECT_EQ(0, st.pending);
	EXPECT_EQ(0, st.pinned_bytes);
	EXPECT_EQ(4096 + 2 * 65536, st.bytes);

	/* The same keys again, while those of before have not ended. */
	EXPECT_EQ(0, kv_produce(self->a.fd, self->a.map, 1, 8192));
	EXPECT_EQ(0, kv_produce(self->a.fd, self->a.map, 200, 8192));
	EXPECT_EQ(-ESTALE, kv_seal(self->a.fd, pending.handle));
	EXPECT_EQ(0, kv_abort(self->a.fd, other.handle));
	EXPECT_EQ(0, kv_consume(self->a.fd, self->a.map, 1));
	EXPECT_EQ(0, kv_consume(self->a.fd, self->a.map, 200));
	EXPECT_EQ(0, kv_check(self->a.map, &lease));
	EXPECT_EQ(0, kv_release(self->a.fd, lease.handle));
	ASSERT_EQ(0, kv_info(self->a.fd, &info));
	ASSERT_EQ(0, kv_tenant_drop(self->a.tenant));
	ASSERT_EQ(0, kv_stats(self->a.fd, &st));
	EXPECT_EQ(0, st.bytes);
	EXPECT_EQ(0, st.blocks);
	EXPECT_EQ(0, st.quarantined_bytes);
}

/* More epochs than a block can tell apart: none comes back. */
TEST_F(tenant, drop_many_times)
{
	char path[128];
	struct kv_block b;
	unsigned int i;
	int ret;

	snprintf(path, sizeof(path), "tenants/%s/drop", self->a.tenant);
	ASSERT_EQ(0, kv_produce(self->a.fd, self->a.map, 1, 4096));
	ASSERT_EQ(0, kv_reserve(self->a.fd, &b, 2, 4096));
	for (i = 0; i < 600; i++) {
		kv_wait_until((ret = kv_sys_write(path, "1")) != -EBUSY);
		ASSERT_EQ(0, ret);
		EXPECT_EQ(-ENOENT, kv_exists(self->a.fd, 1)) TH_LOG("%u", i);
		EXPECT_EQ(-ENOENT, kv_exists(self->a.fd, 2)) TH_LOG("%u", i);
		EXPECT_EQ(-ENOENT, kv_exists(self->a.fd, 10 + i - 1));
		ASSERT_EQ(0, kv_produce_blank(self->a.fd, 10 + i, 4096));
		EXPECT_EQ(0, kv_exists(self->a.fd, 10 + i));
	}
	EXPECT_EQ(-ESTALE, kv_seal(self->a.fd, b.handle));
}

/* What waits for a key that is dropped ends. */
static void *lease_thread(void *data)
{
	struct kv_bench *t = data;
	struct kv_block b;

	return (void *)(long)kv_lease_flags(t->fd, &b, 1, KVPOOL_LOOKUP_WAIT,
					    ~0ULL);
}

TEST_F(tenant, drop_ends_waits)
{
	struct kv_block b;
	pthread_t thread;
	void *ret;

	ASSERT_EQ(0, kv_reserve(self->a.fd, &b, 1, 4096));
	ASSERT_EQ(0, pthread_create(&thread, NULL, lease_thread, &self->a));
	ASSERT_EQ(0, kv_tenant_drop(self->a.tenant));
	pthread_join(thread, &ret);
	EXPECT_EQ(-ENOENT, (long)ret);
	EXPECT_EQ(0, kv_abort(self->a.fd, b.handle));
}

/* Histograms count what was done. */
TEST_F(tenant, histograms)
{
	static const struct {
		const char *name;
		unsigned int bucket;	/* or 0 for any */
		__u64 nr;
	} want[] = {
		{ "reserve_ns", 0, 3 }, { "reserve_bytes", 17, 3 },
		{ "seal_ns", 0, 2 }, { "seal_bytes", 17, 2 },
		{ "lease_ns", 0, 2 }, { "lease_bytes", 17, 1 },
		{ "wait_ns", 0, 0 }, { "evict_ns", 0, 0 },
		{ "operation_ns", 0, 0 },
	};
	char path[128], text[1024], *p;
	unsigned int i, k;
	struct kv_block b;
	__u64 nr, sum, in;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, kv_produce_blank(self->a.fd, i, 65536));
	ASSERT_EQ(0, kv_reserve(self->a.fd, &b, 2, 65536));
	ASSERT_EQ(0, kv_abort(self->a.fd, b.handle));
	ASSERT_EQ(0, kv_lease(self->a.fd, &b, 1));
	ASSERT_EQ(-ENOENT, kv_lease(self->a.fd, &b, 3));
	for (k = 0; k < ARRAY_SIZE(want); k++) {
		snprintf(path, sizeof(path), "tenants/%s/histograms/%s",
			 self->a.tenant, want[k].name);
		ASSERT_EQ(0, kv_sys_read(path, text, sizeof(text)));
		for (i = 0, p = text, sum = 0, in = 0; *p; i++) {
			nr = strtoull(p, &p, 10);
			sum += nr;
			if (i == want[k].bucket)
				in = nr;
		}
		EXPECT_EQ(40, i);
		EXPECT_EQ(want[k].nr, want[k].bucket ? in : sum)
			TH_LOG("%s", want[k].name);
	}
}

/* Threads add, delete, open and read tenants with the same few names. */

struct churn {
	unsigned int id;
	unsigned long rounds;
	int error;
};

static void *churn_thread(void *data)
{
	struct churn *c = data;
	__u64 seed = 0xc0ffee + c->id, value;
	unsigned long n;
	char name[KVPOOL_NAME_SIZE];
	int ret, fd;

	for (n = 0; n < c->rounds && !c->error; n++) {
		__u64 x = kv_rand(&seed);

		snprintf(name, sizeof(name), "churn%u", (unsigned int)x % 2);
		switch ((x >> 32) % 4) {
		case 0:
			ret = kv_tenant_add(name);
			if (ret && ret != -EEXIST)
				c->error = ret;
			break;
		case 1:
			ret = kv_sys_write("tenants/del", name);
			if (ret && ret != -ENOENT && ret != -EBUSY)
				c->error = ret;
			break;
		case 2:
			fd = kv_open(name, O_RDWR);
			if (fd < 0 && fd != -ENOENT)
				c->error = fd;
			if (fd >= 0) {
				kv_produce_blank(fd, 1, 65536);
				close(fd);
			}
			break;
		default:
			/* ENODEV: the file was open when its tenant went. */
			ret = kv_tenant_read(name, "bytes", &value);
			if (ret && ret != -ENOENT && ret != -ENODEV)
				c->error = ret;
			break;
		}
	}
	return NULL;
}

TEST_F(tenant, add_and_delete_race)
{
	struct churn c[3] = {};
	pthread_t threads[3];
	char name[KVPOOL_NAME_SIZE];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		c[i].id = i;
		c[i].rounds = kv_rounds("KVPOOL_CHURN_ROUNDS", 2000, 300);
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, churn_thread,
					    &c[i]));
	}
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, c[i].error);
	}
	for (i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "churn%u", i);
		kv_sys_write("tenants/del", name);
		EXPECT_EQ(0, kv_tenant_add(name));
		EXPECT_EQ(0, kv_sys_write("tenants/del", name));
	}
}

TEST_F(tenant, context_count)
{
	__u64 n;
	int fd;

	ASSERT_EQ(0, kv_tenant_read(self->a.tenant, "contexts", &n));
	EXPECT_EQ(1, n);
	fd = kv_open(self->a.tenant, O_RDONLY);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, kv_tenant_read(self->a.tenant, "contexts", &n));
	EXPECT_EQ(2, n);
	close(fd);
	ASSERT_EQ(0, kv_tenant_read(self->a.tenant, "contexts", &n));
	EXPECT_EQ(1, n);
}

TEST_HARNESS_MAIN
