/* SPDX-License-Identifier: MIT */
/* The module's knobs, as the example programs set and restore them. */
#ifndef KVPOOL_EXAMPLES_COMMON_SYSFS_H
#define KVPOOL_EXAMPLES_COMMON_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KNOB_TEXT	128	/* most bytes of a name or value */

/**
 * knob_read_u64() - Read a knob that is a number
 * @name:  Its path below /sys/class/misc/kvpool.
 * @value: Where to store the number.
 *
 * Return: whether it could be read.
 */
bool knob_read_u64(const char *name, uint64_t *value);

/**
 * knob_set() - Set a knob for this run
 * @name: Its path below /sys/class/misc/kvpool.
 * @text: The value.
 *
 * A failure ends the program with a message. knobs_restore() sets the former
 * value.
 */
void knob_set(const char *name, const char *text);

/**
 * knob_trigger() - Write 1 to a file that triggers an action
 * @name: Its path below /sys/class/misc/kvpool.
 *
 * A failure ends the program with a message.
 */
void knob_trigger(const char *name);

/* knobs_restore() - Restore all knobs that were set, the last first */
void knobs_restore(void);

/* knobs_forget() - In a child: let the parent process restore the knobs */
void knobs_forget(void);

/**
 * policy_read() - The name of the eviction policy in use
 * @name: Where to store it.
 * @len:  Room in @name in bytes.
 *
 * Return: 0 or a negative errno.
 */
int policy_read(char *name, size_t len);

/**
 * pool_limit() - The limits of all tiers together
 *
 * Return: bytes, zero if they cannot be read.
 */
uint64_t pool_limit(void);

/**
 * pool_set_limit() - Limit the pool for this run
 * @bytes: The limit of the first tier; that of all others becomes zero.
 *
 * A failure ends the program with a message.
 */
void pool_set_limit(uint64_t bytes);

#endif /* KVPOOL_EXAMPLES_COMMON_SYSFS_H */
