/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_MMAP_H
#define _KVPOOL_MMAP_H

struct file;
struct vm_area_struct;

int kvpool_mmap(struct file *file, struct vm_area_struct *vma);

#endif /* _KVPOOL_MMAP_H */
