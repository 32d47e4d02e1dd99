// SPDX-License-Identifier: LGPL-2.1-or-later
/* One open file of the pool: opening, mapping, calling the module. */

#include "pool.h"
#include "error.h"
#include "export.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_denied(int error, const char *path, uint32_t flags)
{
	char name[96] = "", buf[1024];
	struct group group, *found = NULL;
	struct stat st;

	if (!(flags & KVPOOL_OPEN_RDONLY) && !faccessat(AT_FDCWD, path, R_OK, AT_EACCESS))
		return kvp_fail(-error, "%s: no permission to write; open it with KVPOOL_OPEN_RDONLY to consume only, or become a member of the device's group to produce",
				path);
	if (!stat(path, &st)) {
		getgrgid_r(st.st_gid, &group, buf, sizeof(buf), &found);
		if (found)
			snprintf(name, sizeof(name), " '%s'", found->gr_name);
		else
			snprintf(name, sizeof(name), " %u", (unsigned int)st.st_gid);
	}
	return kvp_fail(-error, "%s: permission denied for uid %u; become a member of the device's group%s (usermod -aG GROUP USER, then log in again) or ask the administrator for its mode",
			path, (unsigned int)geteuid(), name);
}

static int fail_open(int error, const char *path, uint32_t flags)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		if (strcmp(path, KVPOOL_DEFAULT_DEVICE))
			return kvp_fail(-error, "%s does not exist: check the path (option device or environment variable KVPOOL_DEVICE) and that the kvpool module is loaded",
					path);
		return kvp_fail(-error, "%s does not exist: the kvpool module is not loaded; load it with 'modprobe kvpool' or 'insmod kvpool.ko'",
				path);
	case ENODEV:
	case ENXIO:
		return kvp_fail(-error, "%s exists but no driver is behind it: the kvpool module is not loaded; load it with 'modprobe kvpool' or 'insmod kvpool.ko', and let udev make the device node",
				path);
	case EACCES:
	case EPERM:
		return fail_denied(error, path, flags);
	case EMFILE:
		return kvp_fail(-error, "%s: this process has too many open files; raise its limit (ulimit -n)",
				path);
	case EROFS:
		return kvp_fail(-error, "%s: its file system is mounted read-only; open it with KVPOOL_OPEN_RDONLY",
				path);
	default:
		return kvp_fail(-error, "%s cannot be opened: %s", path,
				kvp_errno_text(error));
	}
}

static int check_info(struct kvpool *pool, const char *name)
{
	struct kvpool_info *info = &pool->info;
	int error;

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	if (ioctl(pool->fd, KVPOOL_IOC_INFO, info) < 0) {
		error = errno;
		if (error == ENOTTY || error == EINVAL)
			return kvp_fail(-EPROTONOSUPPORT, "%s is not a kvpool device or its module is too old for this library (it refused KVPOOL_IOC_INFO); check the path, or load a module with ABI version %u or newer",
					name, KVP_ABI_MIN);
		return kvp_fail(-error, "%s: the kvpool module did not report its version: %s", name,
				kvp_errno_text(error));
	}
	if (info->abi_version < KVP_ABI_MIN)
		return kvp_fail(-EPROTONOSUPPORT, "%s: the loaded kvpool module speaks ABI version %u, this library needs %u or newer; load a newer module",
				name, info->abi_version, KVP_ABI_MIN);
	if (!info->max_batch || !info->arena_size)
		return kvp_fail(-EPROTO, "%s: the module reports a pool of %llu bytes and batches of %u keys; it is broken or no kvpool module",
				name, (unsigned long long)info->arena_size, info->max_batch);
	pool->max_batch = info->max_batch < KVP_BATCH_CAP ? info->max_batch : KVP_BATCH_CAP;
	return 0;
}

/* Replace pool->fd, which the caller keeps, by a file of a tenant. */
static int open_tenant(struct kvpool *pool, const char *name, const char *tenant)
{
	struct kvpool_open_tenant arg = { .size = sizeof(arg) };
	int error;

	if (!*tenant || strlen(tenant) >= sizeof(arg.tenant))
		return kvp_fail(-EINVAL, "the name of a tenant has 1 to %zu bytes, not %zu",
				sizeof(arg.tenant) - 1, strlen(tenant));
	memcpy(arg.tenant, tenant, strlen(tenant));
	if (ioctl(pool->fd, KVPOOL_IOC_OPEN_TENANT, &arg) >= 0) {
		pool->fd = arg.fd;
		return 0;
	}
	error = errno;
	switch (error) {
	case ENOENT:
		return kvp_fail(-error, "%s has no tenant '%s'; 'kvpoolctl tenant show' lists them; have the administrator create it",
				name, tenant);
	case EACCES:
	case EPERM:
		return kvp_fail(-error, "%s: uid %u may not use the tenant '%s'; its owner or group must include the user that opened the device",
				name, (unsigned int)geteuid(), tenant);
	case EMFILE:
		return kvp_fail(-error, "%s: this process has too many open files to open one for the tenant '%s'; raise the limit (ulimit -n)",
				name, tenant);
	default:
		return kvp_fail(-error, "%s: opening it for the tenant '%s' failed: %s", name,
				tenant, kvp_errno_text(error));
	}
}

/*
 * Chunks get one page-table entry each where their addresses are aligned. The kernel sees to
 * that in an ordinary process; where something else chooses addresses, this does.
 */
static void *map_aligned(const struct kvpool *pool, int prot)
{
	const int flags = MAP_SHARED | MAP_NORESERVE;
	size_t size = pool->map_size, align = pool->info.chunk_size, before;
	char *base = mmap(NULL, size, prot, flags, pool->fd, 0), *room;

	if (base == MAP_FAILED || !align || align & (align - 1) || !((uintptr_t)base % align))
		return base;
	room = mmap(NULL, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (room == MAP_FAILED)
		return base;
	before = -(uintptr_t)room & (align - 1);
	if (mmap(room + before, size, prot, flags | MAP_FIXED, pool->fd, 0) == MAP_FAILED) {
		munmap(room, size + align);
		return base;
	}
	munmap(base, size);
	if (before)
		munmap(room, before);
	munmap(room + before + size, align - before);
	return room + before;
}

static int map(struct kvpool *pool, const char *name, int prot)
{
	void *base;
	int error;

	if (pool->info.arena_size > SIZE_MAX / 2)
		return kvp_fail(-EOVERFLOW, "%s: its arena of %llu bytes does not fit in the address space of this process; use a 64-bit program, or KVPOOL_OPEN_NOMAP",
				name, (unsigned long long)pool->info.arena_size);
	pool->map_size = pool->info.arena_size;
	base = map_aligned(pool, prot);
	if (base != MAP_FAILED) {
		pool->base = base;
		return 0;
	}
	error = errno;
	if (error == ENOMEM)
		return kvp_fail(-error, "%s: no address space for its arena of %zu bytes; raise the limit on virtual memory (ulimit -v)",
				name, pool->map_size);
	if (error == EACCES)
		return kvp_fail(-error, "%s: its arena cannot be mapped, since the file is not open for reading; open it for reading, or use KVPOOL_OPEN_NOMAP",
				name);
	return kvp_fail(-error, "%s: mapping its arena of %zu bytes failed: %s", name,
			pool->map_size, kvp_errno_text(error));
}

/* Takes @fd only when it succeeds. */
static int setup(struct kvpool **result, int fd, const char *name,
		 const struct kvpool_open_opts *opts)
{
	int ret, prot = PROT_READ;
	struct kvpool *pool;

	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return kvp_fail(-ENOMEM, "%s: out of memory", name);
	pool->fd = fd;
	pool->interruptible = opts->flags & KVPOOL_OPEN_INTERRUPTIBLE;
	ret = check_info(pool, name);
	if (!ret && opts->tenant) {
		ret = open_tenant(pool, name, opts->tenant);
		if (!ret)
			ret = check_info(pool, name);
	}
	if (!(opts->flags & KVPOOL_OPEN_RDONLY) && (pool->info.mode & KVPOOL_MODE_PRODUCE))
		prot |= PROT_WRITE;
	if (!ret && !(opts->flags & KVPOOL_OPEN_NOMAP))
		ret = map(pool, name, prot);
	if (ret) {
		if (pool->fd != fd)
			close(pool->fd);
		free(pool);
		return ret;
	}
	if (pool->fd != fd)
		close(fd);
	*result = pool;
	return 0;
}

static int check_opts(struct kvpool_open_opts *to, const struct kvpool_open_opts *from,
		      const char *call)
{
	int ret = kvp_options(to, sizeof(*to), KVP_SIZE_TO(struct kvpool_open_opts, tenant),
			      from, call);

	if (!ret && (to->flags & ~(KVPOOL_OPEN_RDONLY | KVPOOL_OPEN_NOMAP |
				   KVPOOL_OPEN_INTERRUPTIBLE)))
		ret = kvp_fail(-EINVAL, "%s: unknown flags %#x", call, to->flags);
	return ret;
}

KVP_EXPORT int kvpool_open(struct kvpool **pool, const struct kvpool_open_opts *opts)
{
	struct kvpool_open_opts o;
	const char *path;
	int fd, ret;

	if (!pool)
		return kvp_fail(-EINVAL, "%s: nowhere to store the pool", __func__);
	*pool = NULL;
	ret = check_opts(&o, opts, __func__);
	if (ret)
		return ret;
	path = o.device;
	if (!path)
		path = secure_getenv("KVPOOL_DEVICE");
	if (!path || !*path)
		path = KVPOOL_DEFAULT_DEVICE;
	do {
		fd = open(path, (o.flags & KVPOOL_OPEN_RDONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return fail_open(errno, path, o.flags);
	ret = setup(pool, fd, path, &o);
	if (ret)
		close(fd);
	return ret;
}

KVP_EXPORT int kvpool_open_fd(struct kvpool **pool, int fd, const struct kvpool_open_opts *opts)
{
	struct kvpool_open_opts o;
	char name[32];
	int ret;

	if (!pool)
		return kvp_fail(-EINVAL, "%s: nowhere to store the pool", __func__);
	*pool = NULL;
	ret = check_opts(&o, opts, __func__);
	if (ret)
		return ret;
	if (o.device)
		return kvp_fail(-EINVAL, "%s: both a file and the path '%s' were given",
				__func__, o.device);
	snprintf(name, sizeof(name), "file descriptor %d", fd);
	return setup(pool, fd, name, &o);
}

KVP_EXPORT void kvpool_close(struct kvpool *pool)
{
	if (!pool)
		return;
	if (pool->base)
		munmap(pool->base, pool->map_size);
	close(pool->fd);
	free(pool);
}

KVP_EXPORT int kvpool_fd(const struct kvpool *pool)
{
	return pool->fd;
}

KVP_EXPORT void *kvpool_base(const struct kvpool *pool)
{
	return pool->base;
}

KVP_EXPORT const struct kvpool_info *kvpool_info_cached(const struct kvpool *pool)
{
	return &pool->info;
}

KVP_EXPORT uint32_t kvpool_version(void)
{
	return KVPOOL_VERSION;
}

static int fail_mode(const struct kvpool *pool, const char *call)
{
	if (!(pool->info.mode & KVPOOL_MODE_PRODUCE))
		return kvp_fail(-EBADF, "%s: the pool is open read-only; open it without KVPOOL_OPEN_RDONLY",
				call);
	if (!(pool->info.mode & KVPOOL_MODE_CONSUME))
		return kvp_fail(-EBADF, "%s: the file is open for writing only; open it for reading and writing",
				call);
	return kvp_fail(-EBADF, "%s: descriptor %d is not open; something other than kvpool_close() closed it",
			call, pool->fd);
}

int kvp_ioctl(const struct kvpool *pool, unsigned long cmd, void *arg, const char *call)
{
	int error;

	if (ioctl(pool->fd, cmd, arg) >= 0)
		return 0;
	error = errno;
	switch (error) {
	case EBADF:
		return fail_mode(pool, call);
	case ENOTTY:
		return kvp_fail(-error, "%s: the loaded kvpool module (ABI version %u) does not know this call; load a newer module",
				call, pool->info.abi_version);
	default:
		/* The statuses' explanations do not hold for whole calls. */
		return kvp_fail(-error, "%s: the kvpool module refused the call: %s", call,
				kvp_errno_text(error));
	}
}

/*
 * Both calls take a structure that begins with its size and flags. A caller of a
 * later version has more members; the module leaves those that it does not know
 * as they are.
 */
static int read_sized(const struct kvpool *pool, unsigned long cmd, void *to, size_t size,
		      size_t first, const char *call)
{
	uint32_t value = (uint32_t)size;

	if (!pool || !to || size < first || size > UINT32_MAX)
		return kvp_fail(-EINVAL, "%s: no pool, nowhere to store the result, or a size of %zu bytes where %zu is the least",
				call, size, first);
	memset(to, 0, size);
	memcpy(to, &value, sizeof(value));
	return kvp_ioctl(pool, cmd, to, call);
}

KVP_EXPORT int kvpool_info_read(struct kvpool *pool, struct kvpool_info *info, size_t size)
{
	return read_sized(pool, KVPOOL_IOC_INFO, info, size,
			  KVP_SIZE_TO(struct kvpool_info, reserved), __func__);
}

KVP_EXPORT int kvpool_stats_read(struct kvpool *pool, struct kvpool_stats *stats, size_t size)
{
	return read_sized(pool, KVPOOL_IOC_STATS, stats, size,
			  KVP_SIZE_TO(struct kvpool_stats, rejected), __func__);
}
