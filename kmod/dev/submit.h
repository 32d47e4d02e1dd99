/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_SUBMIT_H
#define _KVPOOL_SUBMIT_H

#include <linux/types.h>

struct kvpool_call;
struct kvpool_ctx;
struct kvpool_results;

int kvpool_ioctl_ring(struct kvpool_call *call);
int kvpool_ioctl_ring_end(struct kvpool_call *call);
int kvpool_ioctl_submit(struct kvpool_call *call);
void kvpool_results_undo(struct kvpool_ctx *ctx, struct kvpool_results *results);
void kvpool_results_free(struct kvpool_results *results);
int kvpool_ioctl_cancel(struct kvpool_call *call);

#endif /* _KVPOOL_SUBMIT_H */
