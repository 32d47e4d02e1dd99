// SPDX-License-Identifier: GPL-2.0
/*
 * sysfs: every knob in and out of its range, every counter against the ioctl,
 * and the dumps in debugfs.
 */
#include <dirent.h>

#include "kvpool_util.h"

FIXTURE(sysfs) {
	struct kv_bench t;
};

FIXTURE_SETUP(sysfs)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
}

FIXTURE_TEARDOWN(sysfs)
{
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

struct value {
	const char *text;
	int want;
};

static const struct value bad_numbers[] = {
	{ "", 0 },			/* nothing is written at all */
	{ "\n", -EINVAL },
	{ " ", -EINVAL },
	{ "x", -EINVAL },
	{ "1x", -EINVAL },
	{ "1 2", -EINVAL },
	{ "-1", -EINVAL },
	{ "0x10", -EINVAL },
	{ "1.5", -EINVAL },
	{ "18446744073709551616", -ERANGE },
	{ "99999999999999999999999999", -ERANGE },
};

/* A write that is refused does not change the value. */
#define EXPECT_REFUSED(name, text, ret) do {				\
	__u64 __before = 0, __after = 1;				\
									\
	EXPECT_EQ(0, kv_sys_read_u64(name, &__before));			\
	EXPECT_EQ(ret, kv_sys_write(name, text))			\
		TH_LOG("%s: '%s'", name, text);				\
	EXPECT_EQ(0, kv_sys_read_u64(name, &__after));			\
	EXPECT_EQ(__before, __after) TH_LOG("%s: '%s'", name, text);	\
} while (0)

static const struct {
	const char *name;
	__u64 min, max;
} knobs[] = {
	{ "watermark_high", 1, 100 },
	{ "watermark_low", 1, 100 },
	{ "preempt_ms", 0, 86400000 },
	{ "quarantine_ms", 0, 86400000 },
	{ "lease_ms", 0, 86400000 },
	{ "max_handles", 1, 1 << 24 },
	{ "remote_timeout_ms", 1, 86400000 },
};

TEST_F(sysfs, knobs)
{
	unsigned int k, i;

	for (k = 0; k < ARRAY_SIZE(knobs); k++) {
		const char *name = knobs[k].name;
		char text[32];
		__u64 before = 0, value = 0;

		for (i = 0; i < ARRAY_SIZE(bad_numbers); i++)
			EXPECT_REFUSED(name, bad_numbers[i].text,
				       bad_numbers[i].want);
		EXPECT_REFUSED(name, "4294967296", -ERANGE);
		snprintf(text, sizeof(text), "%llu", knobs[k].max + 1);
		EXPECT_REFUSED(name, text, -EINVAL);
		if (knobs[k].min) {
			EXPECT_REFUSED(name, "0", -EINVAL);
		}
		ASSERT_EQ(0, kv_sys_read_u64(name, &before));
		/* The two watermarks bound each other, see below. */
		if (strncmp(name, "watermark", 9)) {
			EXPECT_EQ(0, kv_sys_set(name, knobs[k].min));
			EXPECT_EQ(0, kv_sys_read_u64(name, &value));
			EXPECT_EQ(knobs[k].min, value);
			EXPECT_EQ(0, kv_sys_set(name, knobs[k].max));
			EXPECT_EQ(0, kv_sys_read_u64(name, &value));
			EXPECT_EQ(knobs[k].max, value);
		}
		EXPECT_EQ(0, kv_sys_set(name, before));
		/* With a newline, as the shell writes it. */
		snprintf(text, sizeof(text), "%llu\n", before);
		EXPECT_EQ(0, kv_sys_write(name, text));
	}
}

/* New tenants get the default quotas; tenants that are there keep theirs. */
TEST_F(sysfs, default_quotas)
{
	const char * const names[] = { "default_quota_bytes",
				       "default_pin_quota_bytes" };
	struct kv_bench other;
	struct kv_block b;
	unsigned int k, i;
	__u64 value;

	for (k = 0; k < ARRAY_SIZE(names); k++)
		for (i = 0; i < ARRAY_SIZE(bad_numbers); i++)
			EXPECT_REFUSED(names[k], bad_numbers[i].text,
				       bad_numbers[i].want);
	EXPECT_REFUSED("default_quota_bytes", "2097151", -EINVAL);
	EXPECT_EQ(0, kv_sys_set("default_quota_bytes", 3 * KV_CHUNK + 1));
	EXPECT_EQ(0, kv_sys_set("default_pin_quota_bytes", 8192));
	ASSERT_EQ(0, kv_bench_tenant(&other, "quota"));
	EXPECT_EQ(0, kv_sys_set("default_quota_bytes", 0));
	EXPECT_EQ(0, kv_sys_set("default_pin_quota_bytes", 0));
	EXPECT_EQ(0, kv_tenant_read(other.tenant, "quota_bytes", &value));
	EXPECT_EQ(3 * KV_CHUNK, value);
	EXPECT_EQ(0, kv_tenant_read(other.tenant, "pin_quota_bytes", &value));
	EXPECT_EQ(8192, value);
	EXPECT_EQ(-EDQUOT, kv_reserve(other.fd, &b, 1, 3 * KV_CHUNK + 1));
	ASSERT_EQ(0, kv_produce_blank(other.fd, 1, 3 * KV_CHUNK));
	EXPECT_EQ(0, kv_tenant_read(self->t.tenant, "quota_bytes", &value));
	EXPECT_EQ(0, value);
	EXPECT_EQ(0, kv_bench_end(&other));
}

TEST_F(sysfs, watermarks_bound_each_other)
{
	__u64 low;

	ASSERT_EQ(0, kv_sys_read_u64("watermark_low", &low));
	EXPECT_EQ(0, kv_sys_set("watermark_low", 60));
	EXPECT_REFUSED("watermark_high", "59", -EINVAL);
	EXPECT_EQ(0, kv_sys_set("watermark_high", 60));
	EXPECT_REFUSED("watermark_low", "61", -EINVAL);
	EXPECT_EQ(0, kv_sys_set("watermark_high", 100));
	EXPECT_EQ(0, kv_sys_set("watermark_low", 100));
	EXPECT_EQ(0, kv_sys_set("watermark_low", low));
}

TEST_F(sysfs, policy)
{
	const char * const bad[] = { "fifo", "LRU", "lru sieve", "[lru]", " lru",
				     "l", "lruu", "\n" };
	char text[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, kv_sys_write("policy", bad[i]))
			TH_LOG("text %u", i);
	EXPECT_EQ(0, kv_sys_read("policy", text, sizeof(text)));
	EXPECT_STREQ("[lru] sieve", text);
	EXPECT_EQ(0, kv_sys_write("policy", "sieve\n"));
	EXPECT_EQ(0, kv_sys_read("policy", text, sizeof(text)));
	EXPECT_STREQ("lru [sieve]", text);
}

TEST_F(sysfs, read_only_files)
{
	const char * const names[] = {
		"abi_version", "tiers/dram0/node", "tiers/dram0/used_bytes",
		"tiers/dram0/allocated_bytes", "tenants/default/id",
		"tenants/default/contexts", "tenants/default/bytes",
	};
	struct stat st;
	char path[128];
	unsigned int i;
	__u64 value;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), KV_SYS "/%s", names[i]);
		ASSERT_EQ(0, stat(path, &st)) TH_LOG("%s", names[i]);
		EXPECT_EQ(0444, st.st_mode & 0777);
		EXPECT_NE(0, kv_sys_write(names[i], "1"));
	}
	EXPECT_EQ(0, kv_sys_read_u64("abi_version", &value));
	EXPECT_EQ(KVPOOL_ABI_VERSION, value);
	EXPECT_EQ(0, kv_sys_read_u64("tenants/default/id", &value));
	EXPECT_EQ(0, value);
}

TEST_F(sysfs, nobody_writes_but_root)
{
	char path[300];
	struct dirent *d;
	struct stat st;
	DIR *dir;

	dir = opendir(KV_SYS);
	ASSERT_NE(NULL, dir);
	while ((d = readdir(dir))) {
		snprintf(path, sizeof(path), KV_SYS "/%s", d->d_name);
		if (lstat(path, &st) || !S_ISREG(st.st_mode))
			continue;
		EXPECT_EQ(0, st.st_mode & 0022) TH_LOG("%s", d->d_name);
		EXPECT_EQ(0, st.st_uid);
	}
	closedir(dir);
	ASSERT_EQ(0, stat(KV_SYS "/tenants/add", &st));
	EXPECT_EQ(0200, st.st_mode & 0777);
	ASSERT_EQ(0, stat(KV_SYS "/tenants/default/drop", &st));
	EXPECT_EQ(0644, st.st_mode & 0777);
	ASSERT_EQ(0, stat(KV_SYS "/revoke", &st));
	EXPECT_EQ(0200, st.st_mode & 0777);
}

TEST_F(sysfs, tier)
{
	unsigned int i;
	__u64 value;
	char text[64];

	for (i = 0; i < ARRAY_SIZE(bad_numbers); i++)
		EXPECT_REFUSED("tiers/dram0/limit_bytes", bad_numbers[i].text,
			       bad_numbers[i].want);
	EXPECT_EQ(0, kv_sys_read_u64("tiers/dram0/node", &value));
	EXPECT_EQ(0, value);
	/* Whole chunks count. */
	EXPECT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes",
				3 * KV_CHUNK + 4096));
	EXPECT_EQ(0, kv_sys_read_u64("tiers/dram0/limit_bytes", &value));
	EXPECT_EQ(3 * KV_CHUNK, value);
	EXPECT_EQ(0, kv_sys_set("tiers/dram0/limit_bytes", ~0ULL));

	ASSERT_EQ(0, kv_produce(self->t.fd, self->t.map, 1, 3 * KV_CHUNK + 1));
	EXPECT_EQ(0, kv_sys_read_u64("tiers/dram0/allocated_bytes", &value));
	EXPECT_EQ(4 * KV_CHUNK, value);
	EXPECT_EQ(0, kv_sys_read_u64("tiers/dram0/used_bytes", &value));
	EXPECT_EQ(3 * KV_CHUNK + 4096, value);
	EXPECT_EQ(0, kv_sys_read_u64("tiers/dram0/poisoned_bytes", &value));
	EXPECT_EQ(0, value);
	ASSERT_LE(0, kv_sys_read("tiers/dram0/usable", text, sizeof(text)));
	EXPECT_EQ(0, strncmp("yes", text, 3));
}

TEST_F(sysfs, tenant_knobs)
{
	const char * const names[] = { "uid", "gid", "quota_bytes",
				       "pin_quota_bytes" };
	unsigned int k, i;
	char path[96];
	__u64 value;

	for (k = 0; k < ARRAY_SIZE(names); k++) {
		snprintf(path, sizeof(path), "tenants/%s/%s", self->t.tenant,
			 names[k]);
		EXPECT_EQ(0, kv_sys_set(path, 0));
		for (i = 0; i < ARRAY_SIZE(bad_numbers); i++)
			EXPECT_REFUSED(path, bad_numbers[i].text,
				       bad_numbers[i].want);
		EXPECT_EQ(0, kv_sys_set(path, 6 * KV_CHUNK));
		EXPECT_EQ(0, kv_sys_read_u64(path, &value));
		EXPECT_EQ(6 * KV_CHUNK, value);
		EXPECT_EQ(0, kv_sys_set(path, 0));
	}
	/* No such user. */
	snprintf(path, sizeof(path), "tenants/%s/uid", self->t.tenant);
	EXPECT_REFUSED(path, "4294967295", -EINVAL);
	/* A quota of less than a chunk is refused. */
	snprintf(path, sizeof(path), "tenants/%s/quota_bytes", self->t.tenant);
	EXPECT_REFUSED(path, "1", -EINVAL);
	EXPECT_REFUSED(path, "2097151", -EINVAL);
	snprintf(path, sizeof(path), "tenants/%s/drop", self->t.tenant);
	EXPECT_EQ(-EINVAL, kv_sys_write(path, "0"));
	EXPECT_EQ(-EINVAL, kv_sys_write(path, "2"));
	EXPECT_EQ(-EINVAL, kv_sys_write(path, "yes"));
	EXPECT_EQ(0, kv_sys_write(path, "1\n"));
}

TEST_F(sysfs, tenant_names)
{
	const char * const bad[] = {
		"\n", ".", "..", ".hidden", "a/b", "../x", "A", "a b", "a\tb",
		"add", "del", "\xc3\xa4", "a%s", "a\nb", "*",
		"abcdefghijklmnopqrstuvwxyz012345",		/* 32 */
		"abcdefghijklmnopqrstuvwxyz0123456789abcdefgh",
	};
	const char * const good[] = {
		"a", "0", "tenant.one", "a-b_c",
		"abcdefghijklmnopqrstuvwxyz01234",		/* 31 */
	};
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, kv_tenant_add(bad[i]))
			TH_LOG("'%s'", bad[i]);
		EXPECT_NE(0, kv_sys_write("tenants/del", bad[i]));
	}
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, kv_tenant_add(good[i])) TH_LOG("'%s'", good[i]);
		fd = kv_open(good[i], O_RDWR);
		EXPECT_GE(fd, 0);
		close(fd);
		EXPECT_EQ(0, kv_sys_write("tenants/del", good[i]));
	}
	EXPECT_EQ(0, kv_tenant_add("line\n"));
	EXPECT_EQ(0, kv_sys_write("tenants/del", "line\n"));
}

TEST_F(sysfs, counters)
{
	static const struct {
		const char *name;
		size_t offset;
	} files[] = {
#define FILE_OF(member) { #member, offsetof(struct kvpool_stats, member) }
		FILE_OF(blocks), FILE_OF(bytes), FILE_OF(arena_bytes),
		FILE_OF(quota_bytes), FILE_OF(pinned_bytes),
		FILE_OF(pin_quota_bytes), FILE_OF(quarantined_bytes),
		FILE_OF(pending), FILE_OF(leases), FILE_OF(lookups),
		FILE_OF(hits), FILE_OF(local_hits), FILE_OF(local_bytes),
		FILE_OF(peer_hits), FILE_OF(peer_bytes), FILE_OF(probes),
		FILE_OF(probe_hits), FILE_OF(produced_blocks),
		FILE_OF(produced_bytes), FILE_OF(consumed_bytes),
		FILE_OF(copied_bytes), FILE_OF(evicted_blocks),
		FILE_OF(evicted_bytes), FILE_OF(removed_blocks),
		FILE_OF(aborted_blocks), FILE_OF(preempted_blocks),
		FILE_OF(rejected), FILE_OF(fetched_blocks),
		FILE_OF(fetched_bytes), FILE_OF(pushed_blocks),
		FILE_OF(pushed_bytes), FILE_OF(served_blocks),
		FILE_OF(served_bytes), FILE_OF(received_blocks),
		FILE_OF(received_bytes), FILE_OF(cancelled_ops),
		FILE_OF(timedout_ops), FILE_OF(pushed_in_bytes),
		FILE_OF(push_quota_bytes),
#undef FILE_OF
	};
	int i, other = kv_open(self->t.tenant, O_RDWR);
	struct kvpool_stats st;
	struct kv_block b, lease, taken;
	unsigned int f;
	__u64 value;

	/* Blocks, leases, pins and reservations. */
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   4 * KV_CHUNK));
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "pin_quota_bytes", 300000));
	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "push_quota_bytes", 500000));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, kv_produce_blank(self->t.fd, i, KV_CHUNK));
	ASSERT_EQ(0, kv_remove(self->t.fd, 4));
	ASSERT_EQ(0, kv_produce_blank(self->t.fd, 10, 5000));
	ASSERT_EQ(0, kv_pin(self->t.fd, 10, KVPOOL_PIN_HARD));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 11, 4096));
	ASSERT_EQ(0, kv_abort(self->t.fd, b.handle));
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &b, 12, 8192));
	while (kv_reserve(other, &taken, 12, 8192) == -EBUSY)
		;
	ASSERT_EQ(0, kv_lease(self->t.fd, &lease, 3));
	EXPECT_EQ(-ENOENT, kv_lease(self->t.fd, &b, 99));
	EXPECT_EQ(-EDQUOT, kv_reserve(self->t.fd, &b, 13, 5 * KV_CHUNK));

	ASSERT_EQ(0, kv_stats(self->t.fd, &st));
	EXPECT_EQ(1, st.evicted_blocks);
	EXPECT_EQ(1, st.removed_blocks);
	EXPECT_EQ(1, st.aborted_blocks);
	EXPECT_EQ(1, st.preempted_blocks);
	EXPECT_EQ(1, st.rejected);
	EXPECT_EQ(1, st.pending);
	EXPECT_EQ(1, st.leases);
	EXPECT_EQ(1, st.hits);
	EXPECT_EQ(2, st.lookups);
	EXPECT_EQ(8192, st.quarantined_bytes);
	EXPECT_EQ(5000, st.pinned_bytes);
	EXPECT_EQ(300000, st.pin_quota_bytes);
	/* In whole pages. */
	EXPECT_EQ(500000 / 4096 * 4096, st.push_quota_bytes);
	EXPECT_EQ(4 * KV_CHUNK, st.quota_bytes);
	EXPECT_EQ(6, st.produced_blocks);
	EXPECT_EQ(5 * KV_CHUNK + 5000, st.produced_bytes);
	EXPECT_EQ(KV_CHUNK, st.consumed_bytes);
	for (f = 0; f < ARRAY_SIZE(files); f++) {
		ASSERT_EQ(0, kv_tenant_read(self->t.tenant, files[f].name,
					   &value))
			TH_LOG("%s", files[f].name);
		EXPECT_EQ(*(__u64 *)((char *)&st + files[f].offset), value)
			TH_LOG("%s", files[f].name);
	}
	kv_remove(self->t.fd, 10);
	close(other);
}

/* A file reports the statistics of its tenant only. */
TEST_F(sysfs, tenants_count_for_themselves)
{
	__u64 before, after;

	ASSERT_EQ(0, kv_tenant_read("default", "produced_blocks", &before));
	ASSERT_EQ(0, kv_produce_blank(self->t.fd, 1, 4096));
	ASSERT_EQ(0, kv_tenant_read("default", "produced_blocks", &after));
	EXPECT_EQ(before, after);
}

/* Lines of a dump that contain a text; -1 if it cannot be read. */
static int dump_lines(const char *name, const char *with)
{
	char path[64], line[512];
	FILE *f;
	int n = 0;

	snprintf(path, sizeof(path), KV_DEBUGFS "/%s", name);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (!with || strstr(line, with))
			n++;
	fclose(f);
	return n;
}

TEST_F(sysfs, dumps)
{
	const unsigned int nr = 300;
	struct kv_block pending, lease;
	struct stat st;
	unsigned int i;
	int others;

	if (access(KV_DEBUGFS, F_OK))
		SKIP(return, "debugfs is not there");
	ASSERT_EQ(0, stat(KV_DEBUGFS "/blocks", &st));
	EXPECT_EQ(0, st.st_mode & 0077);
	others = dump_lines("blocks", NULL) -
		 dump_lines("blocks", self->t.tenant);
	for (i = 0; i < nr; i++)
		ASSERT_EQ(0, kv_produce_blank(self->t.fd, i, 4096));
	ASSERT_EQ(0, kv_reserve(self->t.fd, &pending, 1000, 8192));
	ASSERT_EQ(0, kv_lease(self->t.fd, &lease, 0));
	EXPECT_EQ(nr + 1, dump_lines("blocks", NULL) - others);
	EXPECT_GE(dump_lines("chunks", NULL), 1);
	EXPECT_GE(dump_lines("contexts", NULL), 1);
	/* A dump shows no kernel addresses. */
	EXPECT_EQ(0, dump_lines("blocks", "ffff8"));
	EXPECT_EQ(0, dump_lines("chunks", "ffff8"));
	EXPECT_EQ(0, dump_lines("contexts", "ffff8"));
}

/* A dump that is being read does not keep a tenant's name in use. */
TEST_F(sysfs, dump_of_a_tenant_that_goes)
{
	char text[256];
	int i, fd;

	if (access(KV_DEBUGFS, F_OK))
		SKIP(return, "debugfs is not there");
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(0, kv_produce_blank(self->t.fd, i, 4096));
	fd = open(KV_DEBUGFS "/blocks", O_RDONLY);
	ASSERT_GE(fd, 0);
	ASSERT_GT(read(fd, text, sizeof(text)), 0);
	kv_bench_close(&self->t);
	EXPECT_EQ(0, kv_sys_write("tenants/del", self->t.tenant));
	EXPECT_EQ(0, kv_tenant_add(self->t.tenant));
	while (read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
}

TEST_HARNESS_MAIN
