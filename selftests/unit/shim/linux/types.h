/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of the kernel that the pure parts of the module use, for user space.
 * Each header here stands for the kernel's header of the same name and offers
 * only what the module needs. Accesses that the kernel marks (READ_ONCE() and
 * so on) are atomics here, so that ThreadSanitizer knows them and reports
 * unmarked accesses.
 */
#ifndef _SHIM_TYPES_H
#define _SHIM_TYPES_H

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kernel.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned int gfp_t;

typedef struct {
	int counter;
} atomic_t;

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

struct callback_head {
	struct callback_head *next;
	void (*func)(struct callback_head *head);
};

#define rcu_head	callback_head

#endif /* _SHIM_TYPES_H */
