/* SPDX-License-Identifier: GPL-2.0 */
/* The state of an ioctl while it is executed. */
#ifndef _KVPOOL_CALL_H
#define _KVPOOL_CALL_H

#include <linux/types.h>

struct file;
struct kvpool_ctx;
struct kvpool_hold;
struct kvpool_results;

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
 */
struct kvpool_call {
	struct file *file;
	struct kvpool_ctx *ctx;
	void *arg;
	struct kvpool_hold *hold;
	u32 live;
	struct kvpool_results *results;
};

#endif /* _KVPOOL_CALL_H */
