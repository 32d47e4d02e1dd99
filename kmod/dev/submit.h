/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_SUBMIT_H
#define _KVPOOL_SUBMIT_H

struct kvpool_call;

int kvpool_ioctl_ring(struct kvpool_call *call);
int kvpool_ioctl_ring_end(struct kvpool_call *call);
int kvpool_ioctl_submit(struct kvpool_call *call);
int kvpool_ioctl_cancel(struct kvpool_call *call);

#endif /* _KVPOOL_SUBMIT_H */
