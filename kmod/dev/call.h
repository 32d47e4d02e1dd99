/* SPDX-License-Identifier: GPL-2.0 */
/* One ioctl on its way through the module. */
#ifndef _KVPOOL_CALL_H
#define _KVPOOL_CALL_H

#include <linux/types.h>

struct file;
struct kvpool_ctx;
struct kvpool_hold;

/**
 * struct kvpool_call - one ioctl
 * @file:	the file that it came on
 * @ctx:	its context
 * @arg:	copy of the caller's structure; copied back if the call succeeds
 * @hold:	handles that the call has made, usable once @arg is back, or NULL
 * @live:	how many
 */
struct kvpool_call {
	struct file *file;
	struct kvpool_ctx *ctx;
	void *arg;
	struct kvpool_hold *hold;
	u32 live;
};

#endif /* _KVPOOL_CALL_H */
