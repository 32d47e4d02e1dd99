/* SPDX-License-Identifier: GPL-2.0 */
/* Failures of memory: blocks that lose pages. */
#ifndef _KVPOOL_FAILURE_H
#define _KVPOOL_FAILURE_H

int kvpool_failures_init(void);
void kvpool_failures_exit(void);

#endif /* _KVPOOL_FAILURE_H */
