// SPDX-License-Identifier: GPL-2.0
/* The table of ioctls, and the copies of their arguments. */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <linux/kvpool.h>

#include "cache/hist.h"
#include "cache/stats.h"
#include "cache/tenant.h"
#include "dev/call.h"
#include "dev/consume.h"
#include "dev/ioctl.h"
#include "dev/produce.h"
#include "dev/submit.h"
#include "dev/trace.h"
#include "file/ctx.h"
#include "file/hold.h"
#include "mem/arena.h"
#include "xfer/mover.h"

static int kvpool_ioctl_info(struct kvpool_call *call)
{
	struct kvpool_info *arg = call->arg;
	struct kvpool_tenant *tenant = call->ctx->tenant;

	if (arg->flags)
		return -EINVAL;
	*arg = (struct kvpool_info) {
		.size = arg->size,
		.abi_version = KVPOOL_ABI_VERSION,
		.max_batch = KVPOOL_MAX_BATCH,
		.features = KVPOOL_FEATURE_MMAP_PIN | KVPOOL_FEATURE_PREEMPT |
			    KVPOOL_FEATURE_POLL | KVPOOL_FEATURE_RING |
			    KVPOOL_FEATURE_CHAIN |
			    (kvpool_movers_loaded() ?
			     KVPOOL_FEATURE_FABRIC : 0) |
			    (IS_ENABLED(CONFIG_IO_URING) ?
			     KVPOOL_FEATURE_URING : 0),
		.arena_size = kvpool_arena_size(),
		.chunk_size = KVPOOL_CHUNK_SIZE,
		.block_min = KVPOOL_BLOCK_MIN,
		.block_max = KVPOOL_BLOCK_MAX,
		.tenant_id = tenant->id,
		.mode = call->ctx->mode,
		.context = call->ctx->id,
	};
	memcpy(arg->tenant, tenant->name, sizeof(arg->tenant));
	return 0;
}

static int kvpool_ioctl_open_tenant(struct kvpool_call *call)
{
	struct kvpool_open_tenant *arg = call->arg;
	struct file *file;

	if (arg->flags || arg->fd || arg->reserved ||
	    strnlen(arg->tenant, sizeof(arg->tenant)) == sizeof(arg->tenant))
		return -EINVAL;
	call->fd = get_unused_fd_flags(O_CLOEXEC);
	if (call->fd < 0)
		return call->fd;
	file = kvpool_ctx_open_tenant(call->file, arg->tenant);
	if (IS_ERR(file)) {
		put_unused_fd(call->fd);
		return PTR_ERR(file);
	}
	arg->fd = call->fd;
	call->opened = file;
	return 0;
}

static int kvpool_ioctl_stats(struct kvpool_call *call)
{
	struct kvpool_stats *arg = call->arg;

	if (arg->flags)
		return -EINVAL;
	kvpool_stats_read(call->ctx->tenant, arg);
	return 0;
}

static int kvpool_ioctl_peer(struct kvpool_call *call)
{
	struct kvpool_peer_name *arg = call->arg;

	if (arg->flags || arg->reserved ||
	    strnlen(arg->name, sizeof(arg->name)) == sizeof(arg->name) ||
	    !*arg->name == !arg->peer)
		return -EINVAL;
	if (*arg->name)
		return kvpool_mover_peer_find(arg->name, &arg->peer);
	return kvpool_mover_peer_name(arg->peer, arg->name);
}

union kvpool_arg {
	u32 size;
	struct kvpool_info info;
	struct kvpool_open_tenant open_tenant;
	struct kvpool_reserve reserve;
	struct kvpool_handles handles;
	struct kvpool_lookup lookup;
	struct kvpool_keys keys;
	struct kvpool_spans spans;
	struct kvpool_stats stats;
	struct kvpool_ring_setup ring;
	struct kvpool_submit submit;
	struct kvpool_cancel cancel;
	struct kvpool_ring_end ring_end;
	struct kvpool_peer_name peer;
};

struct kvpool_ioctl_op {
	unsigned int cmd;
	u32 size;
	u32 min_size;
	u32 mode;	/* KVPOOL_MODE_* that the file needs */
	int (*execute)(struct kvpool_call *call);
	enum kvpool_hist hist;	/* of the time that the call takes */
};

#define KVPOOL_IOCTL(_cmd, _mode, _fn, _struct, _last)			\
	KVPOOL_IOCTL_TIMED(_cmd, _mode, _fn, _struct, _last,		\
			   KVPOOL_NR_HISTS)

#define KVPOOL_IOCTL_TIMED(_cmd, _mode, _fn, _struct, _last, _hist)	\
	[_IOC_NR(_cmd)] = {						\
		.cmd = (_cmd),						\
		.size = sizeof(_struct) +				\
			BUILD_BUG_ON_ZERO(sizeof(union kvpool_arg) <	\
					  sizeof(_struct)),		\
		.min_size = offsetofend(_struct, _last),		\
		.mode = (_mode),					\
		.execute = (_fn),					\
		.hist = (_hist),					\
	}

/* The last member is that of the first version of the structure. */
static const struct kvpool_ioctl_op kvpool_ioctl_ops[] = {
	KVPOOL_IOCTL(KVPOOL_IOC_INFO, 0, kvpool_ioctl_info, struct kvpool_info,
		     reserved),
	KVPOOL_IOCTL(KVPOOL_IOC_OPEN_TENANT, 0, kvpool_ioctl_open_tenant,
		     struct kvpool_open_tenant, reserved),
	KVPOOL_IOCTL_TIMED(KVPOOL_IOC_RESERVE, KVPOOL_MODE_PRODUCE,
			   kvpool_ioctl_reserve, struct kvpool_reserve,
			   reserved,
			   KVPOOL_HIST_RESERVE_NS),
	KVPOOL_IOCTL_TIMED(KVPOOL_IOC_SEAL, KVPOOL_MODE_PRODUCE,
			   kvpool_ioctl_seal, struct kvpool_handles, entries,
			   KVPOOL_HIST_SEAL_NS),
	KVPOOL_IOCTL(KVPOOL_IOC_ABORT, KVPOOL_MODE_PRODUCE, kvpool_ioctl_abort,
		     struct kvpool_handles, entries),
	KVPOOL_IOCTL_TIMED(KVPOOL_IOC_LEASE, KVPOOL_MODE_CONSUME,
			   kvpool_ioctl_lease, struct kvpool_lookup, nr_more,
			   KVPOOL_HIST_LEASE_NS),
	KVPOOL_IOCTL(KVPOOL_IOC_RELEASE, KVPOOL_MODE_CONSUME,
		     kvpool_ioctl_release, struct kvpool_handles, entries),
	KVPOOL_IOCTL(KVPOOL_IOC_EXISTS, KVPOOL_MODE_CONSUME,
		     kvpool_ioctl_exists, struct kvpool_lookup, nr_more),
	KVPOOL_IOCTL(KVPOOL_IOC_REMOVE, KVPOOL_MODE_PRODUCE,
		     kvpool_ioctl_remove, struct kvpool_keys, entries),
	KVPOOL_IOCTL(KVPOOL_IOC_PIN, KVPOOL_MODE_PRODUCE, kvpool_ioctl_pin,
		     struct kvpool_keys, entries),
	KVPOOL_IOCTL(KVPOOL_IOC_SPANS, 0, kvpool_ioctl_spans,
		     struct kvpool_spans, reserved),
	KVPOOL_IOCTL(KVPOOL_IOC_STATS, 0, kvpool_ioctl_stats,
		     struct kvpool_stats, push_quota_bytes),
	KVPOOL_IOCTL(KVPOOL_IOC_RING, KVPOOL_MODE_CONSUME | KVPOOL_MODE_PRODUCE,
		     kvpool_ioctl_ring, struct kvpool_ring_setup, ring),
	KVPOOL_IOCTL(KVPOOL_IOC_SUBMIT, 0, kvpool_ioctl_submit,
		     struct kvpool_submit, reserved),
	KVPOOL_IOCTL(KVPOOL_IOC_CANCEL, 0, kvpool_ioctl_cancel,
		     struct kvpool_cancel, ring),
	KVPOOL_IOCTL(KVPOOL_IOC_RING_END,
		     KVPOOL_MODE_CONSUME | KVPOOL_MODE_PRODUCE,
		     kvpool_ioctl_ring_end, struct kvpool_ring_end, nr_done),
	KVPOOL_IOCTL(KVPOOL_IOC_PEER, 0, kvpool_ioctl_peer,
		     struct kvpool_peer_name, reserved),
};

/* Write the argument back, and commit or undo what the call has made. */
static int kvpool_call_finish(struct kvpool_call *call, void __user *user,
			      size_t size)
{
	bool ok = !copy_to_user(user, call->arg, size);
	int ret = ok ? 0 : -EFAULT;

	/* A file that was revoked during the call gets nothing from it. */
	if (ok && kvpool_ctx_is_revoked(call->ctx)) {
		ok = false;
		ret = -ENODEV;
	}
	if (call->hold) {
		if (ok && !kvpool_ctx_enter(call->ctx)) {
			ok = false;
			ret = -ENODEV;
		}
		if (ok)
			kvpool_hold_commit(call->ctx, call->hold, call->live);
		else
			kvpool_hold_undo(call->ctx, call->hold);
		if (ok)
			kvpool_ctx_leave(call->ctx);
	}
	if (call->results) {
		if (!ok)
			kvpool_results_undo(call->ctx, call->results);
		kvpool_results_free(call->results);
	}
	if (call->opened) {
		if (ok) {
			fd_install(call->fd, call->opened);
		} else {
			put_unused_fd(call->fd);
			fput(call->opened);
		}
	}
	return ret;
}

/**
 * kvpool_ioctl() - Execute an ioctl
 * @file: the file of the context
 * @cmd: KVPOOL_IOC_*
 * @uarg: pointer to the caller's structure
 *
 * Context: May sleep.
 * Return: 0 or a negative errno, as the uAPI header documents them.
 */
long kvpool_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	void __user *user = (void __user *)uarg;
	const struct kvpool_ioctl_op *op;
	unsigned int nr = _IOC_NR(cmd);
	union kvpool_arg arg;
	struct kvpool_call call = {
		.file = file,
		.ctx = file->private_data,
		.arg = &arg,
	};
	u64 start;
	u32 size;
	int ret;

	if (nr >= ARRAY_SIZE(kvpool_ioctl_ops))
		return -ENOTTY;
	op = &kvpool_ioctl_ops[array_index_nospec(nr,
						  ARRAY_SIZE(kvpool_ioctl_ops))];
	if (op->cmd != cmd)
		return -ENOTTY;
	if (kvpool_ctx_is_revoked(call.ctx))
		return -ENODEV;
	if (op->mode & ~call.ctx->mode)
		return -EBADF;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < op->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&arg, op->size, user, size);
	if (ret)
		return ret;
	/* The caller may have changed the size between the two reads. */
	arg.size = size;

	if (op->hist == KVPOOL_NR_HISTS) {
		ret = op->execute(&call);
	} else {
		start = ktime_get_ns();
		ret = op->execute(&call);
		kvpool_hist_since(call.ctx->tenant, op->hist, start);
	}
	trace_kvpool_call(call.ctx, nr, ret);
	if (ret)
		return ret;
	return kvpool_call_finish(&call, user, min(size, op->size));
}
