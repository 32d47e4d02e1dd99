/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_CONSUME_H
#define _KVPOOL_CONSUME_H

struct kvpool_call;

int kvpool_ioctl_lease(struct kvpool_call *call);
int kvpool_ioctl_exists(struct kvpool_call *call);
int kvpool_ioctl_release(struct kvpool_call *call);
int kvpool_ioctl_spans(struct kvpool_call *call);

#endif /* _KVPOOL_CONSUME_H */
