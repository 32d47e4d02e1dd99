// SPDX-License-Identifier: GPL-2.0
/* perms: the right to open the device, and what each mode of a file allows. */
#include <grp.h>

#include "kvpool_util.h"

FIXTURE(perms) {
	struct kv_bench t;
};

FIXTURE_SETUP(perms)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
}

FIXTURE_TEARDOWN(perms)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

TEST_F(perms, device_node)
{
	struct stat st;

	ASSERT_EQ(0, stat(KV_DEV, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0660, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);
}

static int open_as(uid_t uid, int flags)
{
	pid_t pid = fork();
	int fd;

	if (pid < 0)
		return -errno;
	if (!pid) {
		if (setgroups(0, NULL) || setresgid(uid, uid, uid) ||
		    setresuid(uid, uid, uid))
			_exit(200);
		fd = open(KV_DEV, flags);
		_exit(fd < 0 ? errno : 0);
	}
	return kv_reap(pid);
}

TEST_F(perms, others_cannot_open)
{
	EXPECT_EQ(0, open_as(0, O_RDWR));
	EXPECT_EQ(EACCES, open_as(4321, O_RDWR));
	EXPECT_EQ(EACCES, open_as(4321, O_RDONLY));
}

TEST_F(perms, read_only_file)
{
	struct kv_block b, lease;
	struct kvpool_info info;
	struct kvpool_stats before, after;
	__u8 *map;
	int fd;

	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, 65536));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 2, 65536));
	fd = kv_open(self->t.tenant, O_RDONLY);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, kv_info(fd, &info));
	EXPECT_EQ(KVPOOL_MODE_CONSUME, info.mode);
	ASSERT_EQ(0, kv_stats(fd, &before));

	EXPECT_EQ(-EBADF, kv_reserve(fd, &lease, 3, 4096));
	EXPECT_EQ(-EBADF, kv_seal(fd, b.handle));
	EXPECT_EQ(-EBADF, kv_abort(fd, b.handle));
	EXPECT_EQ(-EBADF, kv_remove(fd, 1));
	EXPECT_EQ(-EBADF, kv_pin(fd, 1, KVPOOL_PIN_SOFT));
	ASSERT_EQ(0, kv_stats(fd, &after));
	EXPECT_TRUE(kv_same_stats(&before, &after));

	/* The file can consume. */
	map = kv_map(fd, PROT_READ);
	ASSERT_NE(NULL, map);
	EXPECT_EQ(0, kv_exists(fd, 1));
	EXPECT_EQ(0, kv_consume(fd, map, 1));
	EXPECT_EQ(-EINPROGRESS, kv_lease(fd, &lease, 2));
	kv_unmap(fd, map);
	close(fd);
}

/* A file for writing only can produce and cannot read. */
TEST_F(perms, write_only_file)
{
	struct kvpool_info info;
	struct kv_block b;
	void *map;
	int fd;

	fd = kv_open(self->t.tenant, O_WRONLY);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, kv_info(fd, &info));
	EXPECT_EQ(KVPOOL_MODE_PRODUCE, info.mode);
	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, 4096));
	map = mmap(NULL, KV_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	EXPECT_EQ(MAP_FAILED, map);
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-EBADF, kv_lease(fd, &b, 1));
	EXPECT_EQ(-EBADF, kv_exists(fd, 1));
	EXPECT_EQ(-EBADF, kv_release(fd, 12345));
	ASSERT_EQ(0, kv_reserve(fd, &b, 2, 4096));
	EXPECT_EQ(0, kv_seal(fd, b.handle));
	EXPECT_EQ(0, kv_exists(self->t.fd, 2));
	close(fd);
}

/* Rights are those of open(): a file keeps them when privileges are dropped. */
TEST_F(perms, file_keeps_its_rights)
{
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		if (setgroups(0, NULL) || setresgid(4321, 4321, 4321) ||
		    setresuid(4321, 4321, 4321))
			_exit(200);
		_exit(kv_produce_blank(self->t.fd, 1, 4096) ? 1 : 0);
	}
	EXPECT_EQ(0, kv_reap(pid));
	EXPECT_EQ(0, kv_exists(self->t.fd, 1));
}

TEST_F(perms, knobs_are_roots)
{
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		if (setgroups(0, NULL) || setresgid(4321, 4321, 4321) ||
		    setresuid(4321, 4321, 4321))
			_exit(200);
		if (kv_sys_write("policy", "sieve") != -EACCES)
			_exit(1);
		if (kv_tenant_add("mine") != -EACCES)
			_exit(2);
		if (kv_tenant_drop(self->t.tenant) != -EACCES)
			_exit(3);
		if (!access(KV_DEBUGFS "/blocks", R_OK))
			_exit(4);
		_exit(0);
	}
	EXPECT_EQ(0, kv_reap(pid));
}

/* Not of whoever is user 0, as in a container. */
TEST_F(perms, knobs_are_administrators)
{
	static const char * const files[] = {
		"policy", "watermark_high", "tenants/add", "tenants/del",
		"tenants/default/uid", "tenants/default/gid",
		"tenants/default/quota_bytes", "tenants/default/drop",
		"tiers/dram0/limit_bytes",
	};
	unsigned int i;
	char text[64];
	pid_t pid;

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (kv_drop_capabilities())
			_exit(200);
		for (i = 0; i < ARRAY_SIZE(files); i++)
			if (kv_sys_write(files[i], "1") != -EPERM)
				_exit(1 + i);
		/* Everybody may read. */
		_exit(kv_sys_read("tenants/default/bytes", text, sizeof(text)) ?
		      100 : 0);
	}
	EXPECT_EQ(0, kv_reap(pid));
	EXPECT_FALSE(kv_sys_has("tenants/1"));
}

TEST_HARNESS_MAIN
