// SPDX-License-Identifier: LGPL-2.1-or-later
/* Errors in words. */

#include "error.h"
#include "export.h"

#include <kvpool.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

const char *kvp_errno_text(int error)
{
	return strerrordesc_np(error) ?: "unknown error";
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
		return "not held, or the pool is open read-only";
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
	case EMSGSIZE:
		return "the block is of another length";
	case ENOBUFS:
		return "the array for the results is too small";
	case ENODEV:
		return "no such device, or an administrator has revoked the open file";
	case ENOENT:
		return "no such block, reservation, lease, tenant or peer";
	case ENOMEM:
		return "out of memory";
	case ENOSPC:
		return "no space: the blocks in the pool may not be evicted, or it has all of its rings";
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
