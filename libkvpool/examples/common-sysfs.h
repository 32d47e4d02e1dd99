/* SPDX-License-Identifier: MIT */
/* The module's knobs, as the example programs set and restore them. */
#ifndef KVPOOL_EXAMPLES_COMMON_SYSFS_H
#define KVPOOL_EXAMPLES_COMMON_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KNOB_TEXT	128

bool knob_read_u64(const char *name, uint64_t *value);
void knob_set(const char *name, const char *text);
void knob_trigger(const char *name);
void knobs_restore(void);
void knobs_forget(void);

int policy_read(char *name, size_t len);
uint64_t pool_limit(void);
void pool_set_limit(uint64_t bytes);

#endif /* KVPOOL_EXAMPLES_COMMON_SYSFS_H */
