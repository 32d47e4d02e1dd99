/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_WATCH_H
#define _KVPOOL_FABRIC_WATCH_H

void kvpool_watch_start(void);
void kvpool_watch_again(void);
void kvpool_watch_exit(void);

#endif /* _KVPOOL_FABRIC_WATCH_H */
