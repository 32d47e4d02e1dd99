/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_MEMORY_H
#define KVPOOLCTL_MEMORY_H

#include <stddef.h>

void *memory_resize(void *memory, size_t nr, size_t size);
void memory_exhausted(void) __attribute__((noreturn));

#endif /* KVPOOLCTL_MEMORY_H */
