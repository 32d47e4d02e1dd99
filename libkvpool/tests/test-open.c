// SPDX-License-Identifier: LGPL-2.1-or-later
/* Opening: the calls that reach the system, and the sentence for each failure. */

#include "mock.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

static void opens_default_device(void)
{
	struct kvpool *pool;

	mock_reset();
	expect_int(kvpool_open(&pool, NULL), 0);
	expect(!strcmp(mock.path, "/dev/kvpool"));
	expect_int(mock.open_flags, O_RDWR | O_CLOEXEC);
	expect_int(mock.map_length, MOCK_ARENA);
	expect_int(mock.map_prot, PROT_READ | PROT_WRITE);
	expect_int(mock.map_flags, MAP_SHARED | MAP_NORESERVE);
	expect_int(mock.nr_tenants, 0);
	expect(kvpool_base(pool));
	expect(kvpool_fd(pool) >= 0);
	expect_int(kvpool_info_cached(pool)->abi_version, KVPOOL_ABI_VERSION);
	kvpool_close(pool);
	expect_int(mock.closes, 1);
	expect_int(mock.unmaps, 1);
	kvpool_close(NULL);
}

static void path_from_environment_and_option(void)
{
	struct kvpool_open_opts opts = { .size = sizeof(opts), .device = "/mock/b" };
	struct kvpool *pool;

	mock_reset();
	setenv("KVPOOL_DEVICE", "/mock/a", 1);
	expect_int(kvpool_open(&pool, NULL), 0);
	expect(!strcmp(mock.path, "/mock/a"));
	kvpool_close(pool);
	expect_int(kvpool_open(&pool, &opts), 0);
	expect(!strcmp(mock.path, "/mock/b"));
	kvpool_close(pool);
}

static void read_only_and_unmapped(void)
{
	struct kvpool_open_opts opts = { .size = sizeof(opts), .flags = KVPOOL_OPEN_RDONLY };
	struct kvpool *pool;

	mock_reset();
	expect_int(kvpool_open(&pool, &opts), 0);
	expect_int(mock.open_flags, O_RDONLY | O_CLOEXEC);
	expect_int(mock.map_prot, PROT_READ);
	kvpool_close(pool);

	mock_reset();
	opts.flags = KVPOOL_OPEN_NOMAP;
	expect_int(kvpool_open(&pool, &opts), 0);
	expect_int(mock.maps, 0);
	expect(!kvpool_base(pool));
	kvpool_close(pool);
	expect_int(mock.unmaps, 0);
}

static void arena_is_aligned(void)
{
	struct kvpool *pool;
	unsigned char *base;

	mock_reset();
	expect_int(kvpool_open(&pool, NULL), 0);
	expect_int((uintptr_t)kvpool_base(pool) % MOCK_CHUNK, 0);
	expect_int(mock.maps, 1);
	kvpool_close(pool);

	mock_reset();
	mock.misaligned = true;
	expect_int(kvpool_open(&pool, NULL), 0);
	base = kvpool_base(pool);
	expect_int((uintptr_t)base % MOCK_CHUNK, 0);
	expect_int(mock.maps, 2);
	expect_int(mock.map_length, MOCK_ARENA);
	expect_int(mock.map_prot, PROT_READ | PROT_WRITE);
	expect_int(mock.map_flags, MAP_SHARED | MAP_NORESERVE | MAP_FIXED);
	base[0] = base[MOCK_ARENA - 1] = 1;
	kvpool_close(pool);
}

static void opens_tenant(void)
{
	struct kvpool_open_opts opts = { .size = sizeof(opts), .tenant = "red" };
	struct kvpool *pool;

	mock_reset();
	expect_int(kvpool_open(&pool, &opts), 0);
	expect(!strcmp(mock.tenant, "red"));
	expect_int(mock.nr_tenants, 1);
	expect_int(mock.nr_infos, 2);
	expect(!strcmp((const char *)kvpool_info_cached(pool)->tenant, "red"));
	expect_int(kvpool_fd(pool), 1001);
	expect_int(mock.closes, 1);
	kvpool_close(pool);
	expect_int(mock.closes, 2);
}

static void takes_open_file(void)
{
	struct kvpool_open_opts opts = { .size = sizeof(opts), .device = "/mock/x" };
	struct kvpool *pool;

	mock_reset();
	expect_int(kvpool_open_fd(&pool, 1000, NULL), 0);
	expect_int(mock.opens, 0);
	expect_int(mock.map_prot, PROT_READ | PROT_WRITE);
	kvpool_close(pool);
	expect_int(mock.closes, 1);

	/* Open for reading only: no writable mapping is tried. */
	mock_reset();
	mock.info.mode = KVPOOL_MODE_CONSUME;
	expect_int(kvpool_open_fd(&pool, 1000, NULL), 0);
	expect_int(mock.map_prot, PROT_READ);
	kvpool_close(pool);

	/* A failure leaves the file to the caller. */
	mock_reset();
	mock.info_error = ENOTTY;
	expect_int(kvpool_open_fd(&pool, 1000, NULL), -EPROTONOSUPPORT);
	expect_text(kvpool_last_error(), "file descriptor 1000");
	expect_int(mock.closes, 0);
	expect_int(kvpool_open_fd(&pool, 1000, &opts), -EINVAL);

	/* Also where only the file of the tenant cannot be mapped. */
	mock_reset();
	mock.mmap_error = ENOMEM;
	opts.device = NULL;
	opts.tenant = "red";
	expect_int(kvpool_open_fd(&pool, 1000, &opts), -ENOMEM);
	expect_int(mock.opens, 1);
	expect_int(mock.closes, 1);
}

static void options_of_other_versions(void)
{
	struct {
		struct kvpool_open_opts opts;
		char later[8];
	} big = { .opts = { .size = sizeof(big) } };
	struct kvpool_open_opts opts = { .size = 8 };
	struct kvpool *pool = (void *)1;

	mock_reset();
	expect_int(kvpool_open(&pool, &opts), -EINVAL);
	expect(!pool);
	expect_text(kvpool_last_error(), "size is 8");
	expect_int(kvpool_open(&pool, &big.opts), 0);
	kvpool_close(pool);
	big.later[3] = 1;
	expect_int(kvpool_open(&pool, &big.opts), -E2BIG);
	opts = (struct kvpool_open_opts){ .size = sizeof(opts), .flags = 1 << 7 };
	expect_int(kvpool_open(&pool, &opts), -EINVAL);
	expect_text(kvpool_last_error(), "0x80");
	expect_int(kvpool_open(NULL, NULL), -EINVAL);
	expect_int(kvpool_open_fd(NULL, 1000, NULL), -EINVAL);
	expect_int(mock.opens, 1);
}

struct failure {
	int open_error, info_error, tenant_error, mmap_error;
	unsigned int flags;
	const char *device, *tenant;
	int abi, batch, result;
	const char *says, *advises;
};

static const struct failure failures[] = {
	{ .open_error = ENOENT, .result = -ENOENT,
	  .says = "/dev/kvpool does not exist: the kvpool module is not loaded",
	  .advises = "modprobe kvpool" },
	{ .open_error = ENOENT, .device = "/mock/none", .result = -ENOENT,
	  .says = "/mock/none does not exist", .advises = "KVPOOL_DEVICE" },
	{ .open_error = ENXIO, .result = -ENXIO,
	  .says = "no driver is behind it", .advises = "modprobe kvpool" },
	{ .open_error = EACCES, .device = "/mock/none", .result = -EACCES,
	  .says = "/mock/none: permission denied for uid", .advises = "usermod -aG" },
	/* A device that the user can read: only the right to write is missing. */
	{ .open_error = EACCES, .device = "/dev/null", .result = -EACCES,
	  .says = "no permission to write", .advises = "KVPOOL_OPEN_RDONLY" },
	{ .open_error = EACCES, .device = "/dev/null", .result = -EACCES,
	  .flags = KVPOOL_OPEN_RDONLY, .says = "device's group 'root'",
	  .advises = "administrator" },
	{ .open_error = EMFILE, .result = -EMFILE,
	  .says = "too many open files", .advises = "ulimit -n" },
	{ .open_error = EROFS, .result = -EROFS,
	  .says = "mounted read-only", .advises = "KVPOOL_OPEN_RDONLY" },
	{ .open_error = EIO, .result = -EIO,
	  .says = "/dev/kvpool cannot be opened", .advises = "Input/output error" },
	{ .info_error = ENOTTY, .result = -EPROTONOSUPPORT,
	  .says = "not a kvpool device or its module is too old", .advises = "load a module" },
	{ .info_error = EFAULT, .result = -EFAULT, .says = "Bad address", .advises = "" },
	{ .abi = -1, .result = -EPROTONOSUPPORT,
	  .says = "speaks ABI version 4, this library needs 5", .advises = "load a newer module" },
	{ .batch = -1, .result = -EPROTO, .says = "batches of 0 keys", .advises = "broken" },
	{ .tenant = "red", .tenant_error = ENOENT, .result = -ENOENT,
	  .says = "has no tenant 'red'", .advises = "'kvpoolctl tenant show' lists them" },
	{ .tenant = "red", .tenant_error = EACCES, .result = -EACCES,
	  .says = "may not use the tenant 'red'", .advises = "owner or group" },
	{ .tenant = "red", .tenant_error = EMFILE, .result = -EMFILE,
	  .says = "too many open files", .advises = "ulimit -n" },
	{ .tenant = "red", .tenant_error = ENOMEM, .result = -ENOMEM,
	  .says = "for the tenant 'red' failed", .advises = "Cannot allocate memory" },
	{ .tenant = "", .result = -EINVAL, .says = "1 to 31 bytes, not 0", .advises = "" },
	{ .tenant = "12345678901234567890123456789012", .result = -EINVAL,
	  .says = "1 to 31 bytes, not 32", .advises = "" },
	{ .mmap_error = ENOMEM, .result = -ENOMEM,
	  .says = "no address space for its arena of 67108864 bytes", .advises = "ulimit -v" },
	{ .mmap_error = EPERM, .result = -EPERM,
	  .says = "mapping its arena of 67108864 bytes failed", .advises = "Operation not permitted" },
	{ .mmap_error = EACCES, .result = -EACCES,
	  .says = "is not open for reading", .advises = "open it for reading" },
};

static void failures_say_what_to_do(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		const struct failure *f = &failures[i];
		struct kvpool_open_opts opts = {
			.size = sizeof(opts),
			.flags = f->flags,
			.device = f->device,
			.tenant = f->tenant,
		};
		struct kvpool *pool = (void *)1;

		mock_reset();
		mock.open_error = f->open_error;
		mock.info_error = f->info_error;
		mock.tenant_error = f->tenant_error;
		mock.mmap_error = f->mmap_error;
		mock.info.abi_version += f->abi;
		if (f->batch)
			mock.info.max_batch = 0;
		expect_int(kvpool_open(&pool, &opts), f->result);
		expect(!pool);
		expect_text(kvpool_last_error(), f->says);
		expect_text(kvpool_last_error(), f->advises);
		expect_int(mock.opens, mock.closes);
		expect_int(mock.maps, mock.unmaps);
	}
}

/* A fabric that is loaded after the pool was opened. */
static void features_are_read_again(void)
{
	struct {
		struct kvpool_info info;
		uint64_t later;
	} big;
	struct kvpool_info info;
	struct kvpool *pool;

	mock_reset();
	expect_int(kvpool_open(&pool, NULL), 0);
	mock.info.features |= KVPOOL_FEATURE_FABRIC;
	expect(!(kvpool_info_cached(pool)->features & KVPOOL_FEATURE_FABRIC));
	memset(&info, 0x55, sizeof(info));
	expect_int(kvpool_info_read(pool, &info, sizeof(info)), 0);
	expect(info.features & KVPOOL_FEATURE_FABRIC);
	expect_int(info.abi_version, KVPOOL_ABI_VERSION);
	expect(!(kvpool_info_cached(pool)->features & KVPOOL_FEATURE_FABRIC));
	memset(&big, 0x55, sizeof(big));
	expect_int(kvpool_info_read(pool, &big.info, sizeof(big)), 0);
	expect_int(big.later, 0);

	expect_int(kvpool_info_read(pool, &info, sizeof(info) - 4), -EINVAL);
	expect_text(kvpool_last_error(), "is the least");
	expect_int(kvpool_info_read(pool, NULL, sizeof(info)), -EINVAL);
	expect_int(kvpool_info_read(NULL, &info, sizeof(info)), -EINVAL);
	mock.info_error = ENOMEM;
	expect_int(kvpool_info_read(pool, &info, sizeof(info)), -ENOMEM);
	expect_text(kvpool_last_error(), "kvpool_info_read: the kvpool module refused");
	kvpool_close(pool);
}

static void versions_agree(void)
{
	expect_int(kvpool_version(), KVPOOL_VERSION);
	expect_int(KVPOOL_VERSION, KVPOOL_VERSION_NUMBER(0, 1, 0));
	expect(KVPOOL_VERSION_NUMBER(1, 0, 0) > KVPOOL_VERSION_NUMBER(0, 999, 999));
}

static void newer_modules_work(void)
{
	struct kvpool *pool;

	mock_reset();
	mock.info.abi_version = 7;
	mock.info.features = ~0ULL;
	expect_int(kvpool_open(&pool, NULL), 0);
	kvpool_close(pool);
}

static void huge_arena_is_refused(void)
{
	struct kvpool *pool;

	mock_reset();
	mock.info.arena_size = 1ULL << 63;
	expect_int(kvpool_open(&pool, NULL), -EOVERFLOW);
	expect_text(kvpool_last_error(), "KVPOOL_OPEN_NOMAP");
}

static void every_error_has_a_meaning(void)
{
	static const int errors[] = {
		0, E2BIG, EACCES, EBADF, EBUSY, ECANCELED, EDQUOT, EEXIST, EFAULT, EHOSTUNREACH,
		EINPROGRESS, EINTR, EINVAL, EMFILE, EMSGSIZE, ENOBUFS, ENODEV, ENOENT, ENOMEM,
		ENOSPC, ENOTTY, ENXIO, EOPNOTSUPP, EOVERFLOW, EPROTO, EPROTONOSUPPORT, ERANGE,
		EREMOTEIO, ESTALE, ETIMEDOUT,
	};
	unsigned int i;

	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		expect(strcmp(kvpool_strerror(errors[i]), "unexpected error"));
		expect(kvpool_strerror(errors[i]) == kvpool_strerror(-errors[i]));
	}
	expect(!strcmp(kvpool_strerror(-4096), "unexpected error"));
}

int main(void)
{
	expect(!*kvpool_last_error());
	run(opens_default_device);
	run(path_from_environment_and_option);
	run(read_only_and_unmapped);
	run(arena_is_aligned);
	run(opens_tenant);
	run(takes_open_file);
	run(options_of_other_versions);
	run(failures_say_what_to_do);
	run(features_are_read_again);
	run(versions_agree);
	run(newer_modules_work);
	run(huge_arena_is_refused);
	run(every_error_has_a_meaning);
	return tap_end();
}
