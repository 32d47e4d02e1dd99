/* SPDX-License-Identifier: GPL-2.0 */
/* All differences between the kernels that kvpool supports: 6.1 and later. */
#ifndef _KVPOOL_COMPAT_H
#define _KVPOOL_COMPAT_H

#include <linux/eventfd.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/shrinker.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif

/* 6.2 made the object of kset_uevent_ops const. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define kvpool_uevent_kobj	const struct kobject
#else
#define kvpool_uevent_kobj	struct kobject
#endif

/* 6.3 made vma->vm_flags read-only and gave it setters. */
static inline void kvpool_vma_mod_flags(struct vm_area_struct *vma,
					vm_flags_t set, vm_flags_t clear)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

/* 6.8 removed the count. */
static inline void kvpool_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/* 6.7 let io_uring cancel commands; 6.8 moved its header. */
#define KVPOOL_URING_CANCELS	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0))

static inline bool kvpool_uring_cancels(unsigned int issue_flags)
{
#if KVPOOL_URING_CANCELS
	return issue_flags & IO_URING_F_CANCEL;
#else
	return false;
#endif
}

static inline void kvpool_uring_cancelable(struct io_uring_cmd *cmd,
					   unsigned int issue_flags)
{
#if KVPOOL_URING_CANCELS
	io_uring_cmd_mark_cancelable(cmd, issue_flags);
#endif
}

static inline const void *kvpool_uring_args(const struct io_uring_cmd *cmd)
{
#if KVPOOL_URING_CANCELS
	return io_uring_sqe_cmd(cmd->sqe);
#else
	return cmd->cmd;
#endif
}

/* Symbols for kvpool_rdma.ko. 6.13 made the name of a namespace a string. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define EXPORT_SYMBOL_KVPOOL(symbol)	EXPORT_SYMBOL_NS_GPL(symbol, "KVPOOL")
#define IMPORT_SYMBOLS_KVPOOL		MODULE_IMPORT_NS("KVPOOL")
#else
#define EXPORT_SYMBOL_KVPOOL(symbol)	EXPORT_SYMBOL_NS_GPL(symbol, KVPOOL)
#define IMPORT_SYMBOLS_KVPOOL		MODULE_IMPORT_NS(KVPOOL)
#endif

/* 6.7 made shrinkers dynamic objects. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
static inline struct shrinker *kvpool_shrinker_alloc(const char *name)
{
	return shrinker_alloc(SHRINKER_NUMA_AWARE, "%s", name);
}

static inline int kvpool_shrinker_register(struct shrinker *shrinker,
					   const char *name)
{
	shrinker_register(shrinker);
	return 0;
}
#else
static inline struct shrinker *kvpool_shrinker_alloc(const char *name)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (shrinker)
		shrinker->flags = SHRINKER_NUMA_AWARE;
	return shrinker;
}

static inline int kvpool_shrinker_register(struct shrinker *shrinker,
					   const char *name)
{
	int ret = register_shrinker(shrinker, "%s", name);

	if (ret)
		kfree(shrinker);
	return ret;
}

static inline void shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#endif

#endif /* _KVPOOL_COMPAT_H */
