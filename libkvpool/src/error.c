// SPDX-License-Identifier: LGPL-2.1-or-later
/* What went wrong, in words. */

#include "private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static _Thread_local char kvp_text[512];

KVP_EXPORT const char *kvpool_last_error(void)
{
	return kvp_text;
}

int kvp_fail(int error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(kvp_text, sizeof(kvp_text), fmt, args);
	va_end(args);
	return error;
}

KVP_EXPORT const char *kvpool_strerror(int error)
{
	switch (error < 0 ? -error : error) {
	case 0:
		return "success";
	case E2BIG:
		return "the options are of a newer version and ask for something unknown";
	case EACCES:
		return "permission denied";
	case EBADF:
		return "not held by this batch, or the pool is open read-only";
	case EBUSY:
		return "the key is pending or the object is in use";
	case ECANCELED:
		return "not looked up since an earlier key missed, aborted, or cancelled";
	case EDQUOT:
		return "over the quota of the tenant";
	case EEXIST:
		return "the key is sealed already, here or at the peer";
	case EFAULT:
		return "a pointer does not lead to accessible memory";
	case EHOSTUNREACH:
		return "no link to the peer is up";
	case EINPROGRESS:
		return "the key is pending: its producer has not sealed it yet";
	case EINTR:
		return "interrupted by a signal";
	case EINVAL:
		return "a value is outside its range";
	case EMFILE:
		return "the open file has reached its limit of reservations and leases";
	case ENOBUFS:
		return "the array for the results is too small";
	case ENODEV:
		return "no such device";
	case ENOENT:
		return "no such block";
	case ENOMEM:
		return "out of memory";
	case ENOSPC:
		return "no space in the pool: what fills it may not be evicted";
	case EMSGSIZE:
		return "the peer's block is of another length";
	case ENOTTY:
		return "the kvpool module does not know this call";
	case ENXIO:
		return "the arena is not mapped, or no driver is behind the device";
	case EOPNOTSUPP:
		return "peers are out of reach: the module kvpool_rdma is not loaded";
	case EOVERFLOW:
		return "the arena does not fit in the address space";
	case EPROTO:
		return "the kvpool module gave an answer that makes no sense";
	case EPROTONOSUPPORT:
		return "the kvpool module is of a version that does not work with this library";
	case ERANGE:
		return "beyond the end";
	case EREMOTEIO:
		return "the peer failed";
	case ESTALE:
		return "the reservation took too long and was pre-empted";
	case ETIMEDOUT:
		return "the time was over: the key was still pending, or the peer did not answer";
	default:
		return "unexpected error";
	}
}

int kvp_ioctl(const struct kvpool *pool, unsigned long cmd, void *arg, const char *call)
{
	int error;

	if (ioctl(pool->fd, cmd, arg) >= 0)
		return 0;
	error = errno;
	switch (error) {
	case EBADF:
		if (!(pool->info.mode & KVPOOL_MODE_PRODUCE))
			return kvp_fail(-error, "%s: the pool is open read-only; open it without KVPOOL_OPEN_RDONLY",
					call);
		return kvp_fail(-error, "%s: descriptor %d is not open; something other than kvpool_close() closed it",
				call, pool->fd);
	case ENOTTY:
		return kvp_fail(-error, "%s: the loaded kvpool module (ABI version %u) does not know this call; load a newer module",
				call, pool->info.abi_version);
	default:
		/* The statuses' explanations do not hold for whole calls. */
		return kvp_fail(-error, "%s: the kvpool module refused the call: %s",
				call, strerrordesc_np(error) ?: "unknown error");
	}
}

int kvp_options(void *to, size_t known, size_t first, const void *from, const char *call)
{
	const unsigned char *bytes = from;
	uint32_t size;
	size_t i;

	memset(to, 0, known);
	if (!from)
		return 0;
	memcpy(&size, from, sizeof(size));
	if (size < first)
		return kvp_fail(-EINVAL, "%s: the options say that their size is %u bytes, it is at least %zu",
				call, size, first);
	for (i = known; i < size; i++)
		if (bytes[i])
			return kvp_fail(-E2BIG, "%s: the options ask for something that this library does not know; install a newer libkvpool",
					call);
	memcpy(to, from, size < known ? size : known);
	return 0;
}
