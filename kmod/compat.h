/* SPDX-License-Identifier: GPL-2.0 */
/* All differences between the kernels that kvpool supports: 6.1 and later. */
#ifndef _KVPOOL_COMPAT_H
#define _KVPOOL_COMPAT_H

#include <linux/eventfd.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/sched/coredump.h>
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

/*
 * The entries of page tables that map a chunk. 6.10 counts them in one place.
 * Before, each page has a count, which in 6.1 includes the entries that map all
 * pages; a chunk that has @expected of those needs no look at its pages.
 */
static inline int kvpool_folio_mapcount(struct folio *folio, int expected)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	return folio_mapcount(folio);
#else
	int entire = folio_entire_mapcount(folio), maps = entire;
	long i, nr = folio_nr_pages(folio);

	if (entire == expected)
		return entire;
	for (i = 0; i < nr; i++)
		maps += atomic_read(&folio_page(folio, i)->_mapcount) + 1;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	maps -= entire * nr;
#endif
	return maps;
#endif
}

/* 6.3 counts the failures of memory of a node. */
static inline bool kvpool_node_failed(int node)
{
#ifndef CONFIG_MEMORY_FAILURE
	return false;
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	return READ_ONCE(NODE_DATA(node)->mf_stats.total);
#else
	return true;
#endif
}

/* 6.11 made the flag one of folios. */
static inline bool kvpool_folio_poisoned(struct folio *folio)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	return folio_test_has_hwpoisoned(folio);
#else
	return PageHasHWPoisoned(&folio->page);
#endif
}

static inline void kvpool_folio_set_poisoned(struct folio *folio)
{
#ifdef CONFIG_MEMORY_FAILURE
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	folio_set_has_hwpoisoned(folio);
#else
	SetPageHasHWPoisoned(&folio->page);
#endif
#endif
}

/* 6.13 and later changed the names; the meaning is the same. */
static inline bool kvpool_vma_thp_disabled(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_NOHUGEPAGE) ||
	       test_bit(MMF_DISABLE_THP, &vma->vm_mm->flags);
}

/* Arguments of get_policy(): 6.7 asks for the index of the interleave too. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
#define KVPOOL_POLICY_ARGS						\
	struct vm_area_struct *vma, unsigned long addr, pgoff_t *ilx
#else
#define KVPOOL_POLICY_ARGS						\
	struct vm_area_struct *vma, unsigned long addr
#endif

/*
 * Unmap a part of a mapping; mmap_lock or i_mmap_rwsem is held. 6.5 no longer
 * exports the one, 6.4 began to export the other.
 */
static inline void kvpool_vma_zap(struct vm_area_struct *vma,
				  unsigned long addr, unsigned long size)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	zap_page_range_single(vma, addr, size, NULL);
#else
	zap_page_range(vma, addr, size);
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
