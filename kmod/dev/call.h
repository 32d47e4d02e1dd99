/* SPDX-License-Identifier: GPL-2.0 */
/* The state of an ioctl while it is executed. */
#ifndef _KVPOOL_CALL_H
#define _KVPOOL_CALL_H

#include <linux/sched.h>
#include <linux/types.h>

struct file;
struct kvpool_ctx;
struct kvpool_hold;
struct kvpool_results;

/*
 * State of a task that waits in a call for as long as its caller said: a signal
 * ends the wait if it is fatal, or any signal if the caller asked for that.
 * Either wait stays where it is while the system is suspended, and counts as
 * no load.
 */
#define KVPOOL_WAITS			\
	(TASK_KILLABLE | TASK_NOLOAD | TASK_FREEZABLE)
#define KVPOOL_WAITS_INTERRUPTIBLY	\
	(TASK_INTERRUPTIBLE | TASK_FREEZABLE)

/**
 * struct kvpool_call - the state of an ioctl
 * @file:	the file that the ioctl was called on
 * @ctx:	context of the file
 * @arg:	copy of the caller's structure, written back if the call
 *		succeeds
 * @hold:	handles that the call has made, which are committed after @arg
 *		was written back; or NULL
 * @live:	number of handles in @hold
 * @results:	completions that the call has written, or NULL; their handles
 *		end if @arg cannot be written back
 * @opened:	file that the call has opened, or NULL; it gets @fd after @arg
 *		was written back
 * @fd:		file descriptor that is kept free for @opened
 */
struct kvpool_call {
	struct file *file;
	struct kvpool_ctx *ctx;
	void *arg;
	struct kvpool_hold *hold;
	u32 live;
	struct kvpool_results *results;
	struct file *opened;
	int fd;
};

#endif /* _KVPOOL_CALL_H */
