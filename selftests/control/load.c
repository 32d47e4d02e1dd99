// SPDX-License-Identifier: GPL-2.0
/*
 * load: the module is loaded and unloaded many times, with and without users.
 * The path of kvpool.ko is in KVPOOL_KO. The module is loaded at the end, as it
 * was at the beginning.
 */
#include "kvpool_util.h"

static int module_load(const char *path, const char *options)
{
	int ret, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, options, 0) ? -errno : 0;
	close(fd);
	return ret;
}

static int module_unload(void)
{
	return syscall(SYS_delete_module, "kvpool", O_NONBLOCK) ? -errno : 0;
}

/* Makes the device node where no daemon does. */
static int device_ready(void)
{
	return access(KV_DEV, F_OK) ? -errno : 0;
}

FIXTURE(load) {
	const char *ko;
};

FIXTURE_SETUP(load)
{
	self->ko = getenv("KVPOOL_KO");
	if (!self->ko || access(self->ko, R_OK))
		SKIP(return, "KVPOOL_KO does not name the module");
	/* Ends the files of an earlier test. */
	if (access("/sys/module/kvpool", F_OK)) {
		ASSERT_EQ(0, module_load(self->ko, ""));
	}
	kv_wait_until(!device_ready());
}

FIXTURE_TEARDOWN(load)
{
	if (access("/sys/module/kvpool", F_OK)) {
		EXPECT_EQ(0, module_load(self->ko, ""));
	}
}

TEST_F(load, twice)
{
	EXPECT_EQ(-EEXIST, module_load(self->ko, ""));
}

/* Every file, mapping and page that is still in use keeps the module. */
TEST_F(load, busy)
{
	struct kv_block b;
	__u8 *map;
	int fd;

	fd = kv_open(NULL, O_RDWR);
	ASSERT_GE(fd, 0);
	EXPECT_NE(0, module_unload());
	map = kv_map(fd, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, kv_reserve(fd, &b, 1, 65536));
	kv_fill(map, &b);
	ASSERT_EQ(0, kv_seal(fd, b.handle));
	close(fd);
	/* The mapping alone keeps the module. */
	EXPECT_NE(0, module_unload());
	EXPECT_EQ(0, kv_check(map, &b));
	munmap(map + b.span[0].offset, KV_PAGE);
	EXPECT_NE(0, module_unload());
	fd = kv_open(NULL, O_RDONLY);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, kv_exists(fd, 1));
	kv_unmap(fd, map);
	close(fd);
	EXPECT_EQ(0, module_unload());
}

/* Content and settings end with the module. */
TEST_F(load, forgets)
{
	__u64 value;
	__u8 *map;
	int fd;

	ASSERT_EQ(0, kv_tenant_add("shortlived"));
	ASSERT_EQ(0, kv_sys_write("policy", "sieve"));
	fd = kv_open("shortlived", O_RDWR);
	ASSERT_GE(fd, 0);
	map = kv_map(fd, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, kv_produce(fd, map, 1, 3 * KV_CHUNK));
	kv_unmap(fd, map);
	close(fd);
	ASSERT_EQ(0, module_unload());
	EXPECT_NE(0, device_ready());
	EXPECT_FALSE(kv_sys_has("abi_version"));
	EXPECT_NE(0, access(KV_DEBUGFS, F_OK));
	ASSERT_EQ(0, module_load(self->ko, ""));
	kv_wait_until(!device_ready());
	fd = kv_open(NULL, O_RDWR);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-ENOENT, kv_exists(fd, 1));
	close(fd);
	EXPECT_EQ(-ENOENT, kv_open("shortlived", O_RDWR));
	EXPECT_EQ(0, kv_tenant_read("default", "arena_bytes", &value));
	EXPECT_EQ(0, value);
}

static __u64 limit_at(const char *ko, const char *options)
{
	__u64 value = ~0ULL;

	if (module_unload() || module_load(ko, options))
		return ~0ULL;
	kv_wait_until(!device_ready());
	kv_sys_read_u64("tiers/dram0/limit_bytes", &value);
	return value;
}

TEST_F(load, limit_percent)
{
	__u64 half = limit_at(self->ko, "");
	__u64 tenth = limit_at(self->ko, "limit_percent=10");

	EXPECT_GT(half, 0);
	EXPECT_NE(~0ULL, half);
	EXPECT_GT(tenth, half / 5 - KV_CHUNK);
	EXPECT_LT(tenth, half / 5 + KV_CHUNK);
	EXPECT_EQ(0, limit_at(self->ko, "limit_percent=0"));
	EXPECT_EQ(half, limit_at(self->ko, ""));
}

/* A process that uses the device whenever it can be opened. */
struct user {
	volatile bool stop, rest;
	volatile unsigned long opened;
	volatile int error;
};

static void use_once(struct user *u)
{
	int ret, fd = kv_open(NULL, O_RDWR);
	__u8 *map;

	if (fd < 0)
		return;
	map = kv_map(fd, PROT_READ | PROT_WRITE);
	if (map) {
		ret = kv_produce(fd, map, 1, 65536);
		if (ret && ret != -EEXIST && ret != -EBUSY)
			u->error = ret;
		ret = kv_consume(fd, map, 1);
		if (ret && ret != -ENOENT && ret != -EINPROGRESS)
			u->error = ret;
		kv_unmap(fd, map);
	}
	close(fd);
	u->opened++;
}

static void *use(void *data)
{
	struct user *u = data;

	while (!u->stop) {
		if (u->rest)
			sched_yield();
		else
			use_once(u);
	}
	return NULL;
}

/*
 * Reads sysfs while the module is loaded and unloaded. Not debugfs: the kernel
 * drops a module's last reference before it announces the unload, and
 * full_proxy_open() warns of any file of debugfs that is opened in between.
 */
static void *look(void *data)
{
	struct user *u = data;
	char text[4096];

	while (!u->stop) {
		kv_sys_read("tenants/default/bytes", text, sizeof(text));
		kv_sys_read("policy", text, sizeof(text));
		kv_tenant_add("fleeting");
		sched_yield();
	}
	return NULL;
}

TEST_F(load, many_times_under_use)
{
	unsigned long i, rounds = kv_rounds("KVPOOL_LOAD_ROUNDS", 20, 8);
	unsigned long busy = 0, tries;
	pthread_t user, looker;
	struct user u = {};
	int ret;

	ASSERT_EQ(0, pthread_create(&user, NULL, use, &u));
	ASSERT_EQ(0, pthread_create(&looker, NULL, look, &u));
	for (i = 0; i < rounds; i++) {
		unsigned long seen = u.opened;

		/*
		 * A process has used this load before the module is unloaded.
		 */
		kv_wait_until(u.opened > seen);
		for (tries = 0; (ret = module_unload()); tries++) {
			if (ret != -EWOULDBLOCK && ret != -EBUSY)
				break;
			busy++;
			/* The module would never be idle by itself. */
			u.rest = tries > 3;
			sched_yield();
		}
		ASSERT_EQ(0, ret);
		ASSERT_EQ(0, module_load(self->ko, ""));
		u.rest = false;
	}
	u.stop = true;
	pthread_join(user, NULL);
	pthread_join(looker, NULL);
	EXPECT_EQ(0, u.error);
	TH_LOG("%lu times busy", busy);
	EXPECT_GT(busy, 0);
}

TEST_HARNESS_MAIN
