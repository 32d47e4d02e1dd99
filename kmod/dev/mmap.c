// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of the tenant's arena, and of the file's rings at offsets beyond it.
 *
 * Mappings of the arena hold ordinary pages, so an engine can take DMA pins for
 * its GPU and NIC once, for all later blocks. A file that is open for reading
 * only gets mappings that can never be made writable.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>

#include <linux/kvpool.h>

#include "cache/tenant.h"
#include "compat.h"
#include "dev/mmap.h"
#include "file/ctx.h"
#include "file/ring.h"
#include "mem/arena.h"
#include "mem/fault.h"

static vm_fault_t kvpool_vma_fault(struct vm_fault *vmf)
{
	struct kvpool_ctx *ctx = vmf->vma->vm_file->private_data;
	vm_fault_t ret;

	if (!kvpool_ctx_enter(ctx))
		return VM_FAULT_SIGBUS;
	ret = kvpool_fault(&ctx->tenant->arena, vmf);
	if (!ret) {
		/* The kernel maps the page later: see kvpool_arena_unmap(). */
		lock_page(vmf->page);
		ret = VM_FAULT_LOCKED;
		/* The kernel expects a mapping of pages that have failed. */
		if (unlikely(PageHWPoison(vmf->page))) {
			unlock_page(vmf->page);
			put_page(vmf->page);
			vmf->page = NULL;
			ret = VM_FAULT_HWPOISON;
		}
	}
	kvpool_ctx_leave(ctx);
	return ret;
}

/*
 * Memory of an arena does not follow the threads that use it. Without a policy
 * the kernel's NUMA balancing leaves a mapping alone, instead of unmapping it
 * again and again to see who touches it.
 */
static struct mempolicy *kvpool_vma_get_policy(KVPOOL_POLICY_ARGS)
{
	return NULL;
}

static const struct vm_operations_struct kvpool_vm_ops = {
	.fault = kvpool_vma_fault,
#ifdef CONFIG_NUMA
	.get_policy = kvpool_vma_get_policy,
#endif
};

/**
 * kvpool_mmap() - Map a part of the arena, or a ring
 * @file: the file of the context
 * @vma: the mapping; it maps a ring if its offset is kvpool_arena_size() or
 *	 more
 *
 * Context: mmap(), with mmap_lock held; may sleep.
 * Return: 0; -EINVAL for a private mapping, or offsets without arena or ring;
 * -EACCES for a writable mapping of a file that is open for reading only;
 * -EPERM for an executable mapping; -ENODEV for a file that is revoked.
 */
int kvpool_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long pages = kvpool_arena_size() >> PAGE_SHIFT;
	struct kvpool_ctx *ctx = file->private_data;
	vm_flags_t clear = VM_MAYEXEC, set = VM_DONTEXPAND | VM_DONTDUMP |
					     VM_DONTCOPY;

	if (kvpool_ctx_is_revoked(ctx))
		return -ENODEV;
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	if (vma->vm_pgoff >= pages)
		return kvpool_ring_mmap(ctx, vma);
	if (vma_pages(vma) > pages - vma->vm_pgoff)
		return -EINVAL;
	if (!(ctx->mode & KVPOOL_MODE_PRODUCE)) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		clear |= VM_MAYWRITE;
	}

	if (!kvpool_fault_huge(vma))
		set |= VM_MIXEDMAP;
	kvpool_vma_mod_flags(vma, set, clear);
	vma->vm_ops = &kvpool_vm_ops;
	return 0;
}
