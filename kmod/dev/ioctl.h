/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_IOCTL_H
#define _KVPOOL_IOCTL_H

struct file;

long kvpool_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* _KVPOOL_IOCTL_H */
