/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FOPS_H
#define _KVPOOL_FOPS_H

#include <linux/fs.h>

extern const struct file_operations kvpool_fops;

#endif /* _KVPOOL_FOPS_H */
