/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_PRODUCE_H
#define _KVPOOL_PRODUCE_H

struct kvpool_call;

int kvpool_ioctl_reserve(struct kvpool_call *call);
int kvpool_ioctl_seal(struct kvpool_call *call);
int kvpool_ioctl_abort(struct kvpool_call *call);
int kvpool_ioctl_remove(struct kvpool_call *call);
int kvpool_ioctl_pin(struct kvpool_call *call);

#endif /* _KVPOOL_PRODUCE_H */
