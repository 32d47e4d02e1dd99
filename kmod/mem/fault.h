/* SPDX-License-Identifier: GPL-2.0 */
/* Faults: how the chunks of an arena get into the mappings of processes. */
#ifndef _KVPOOL_FAULT_H
#define _KVPOOL_FAULT_H

#include <linux/mm_types.h>

struct kvpool_arena;

bool kvpool_fault_huge(const struct vm_area_struct *vma);
vm_fault_t kvpool_fault(struct kvpool_arena *arena, struct vm_fault *vmf);

#endif /* _KVPOOL_FAULT_H */
