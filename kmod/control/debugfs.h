/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_DEBUGFS_H
#define _KVPOOL_DEBUGFS_H

void kvpool_debugfs_init(void);
void kvpool_debugfs_exit(void);

#endif /* _KVPOOL_DEBUGFS_H */
